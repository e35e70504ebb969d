//! The tables of the durable log and the records in them.

use raft::eraftpb::{ConfState, HardState, Snapshot};
use redb::{
    Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction,
};
use std::path::{Path, PathBuf};

use crate::limits;
use crate::store::{StoreError, StoredState, codec};

/// The only layout of tables there is.
pub const FORMAT: u32 = 1;

pub(crate) const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
pub(crate) const ENTRIES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("entries");
pub(crate) const SNAPSHOT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("snapshot");

/// Who a data folder belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Name of the cluster.
    pub cluster: String,
    /// Id of the node.
    pub node: u64,
    /// Who votes in a log that is created, ascending; nobody in that of a node that joins.
    pub voters: Vec<u64>,
}

/// Writes an empty log.
pub(crate) fn initialise(database: &Database, identity: &Identity) -> Result<(), StoreError> {
    let conf_state = ConfState {
        voters: identity.voters.clone(),
        ..ConfState::default()
    };
    commit(database, |transaction| {
        put_meta(transaction, "format", &FORMAT.to_le_bytes())?;
        let cluster = codec::encode_bytes(identity.cluster.as_bytes());
        put_meta(transaction, "cluster", &cluster)?;
        put_meta(
            transaction,
            "node",
            &codec::encode_numbers(&[identity.node]),
        )?;
        put_meta(transaction, "boots", &codec::encode_numbers(&[0]))?;
        put_wal(transaction, 0)?;
        put_meta(transaction, "truncated", &codec::encode_numbers(&[0, 0]))?;
        let conf_state = codec::encode_conf_state(&conf_state);
        put_meta(transaction, "conf_state", &conf_state)?;
        put_hard_state(transaction, &HardState::default())?;
        transaction.open_table(ENTRIES).map_err(db("create"))?;
        transaction.open_table(SNAPSHOT).map_err(db("create"))?;
        Ok(())
    })
}

/// Checks that the log is of a known format and of this node, the format first.
pub(crate) fn check_identity(
    database: &Database,
    path: &Path,
    identity: &Identity,
) -> Result<(), StoreError> {
    let path = || PathBuf::from(path);
    let damaged = |record: &str| StoreError::DamagedRecord {
        record: record.to_owned(),
    };
    let format = read_meta(database, "format")?
        .and_then(|bytes| bytes.try_into().ok())
        .map(u32::from_le_bytes)
        .ok_or_else(|| damaged("format"))?;
    if format != FORMAT {
        return Err(StoreError::Format {
            path: path(),
            found: format,
            expected: FORMAT,
        });
    }
    let cluster = read_meta(database, "cluster")?;
    let found_cluster = cluster
        .as_deref()
        .and_then(codec::decode_bytes)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .ok_or_else(|| damaged("cluster"))?;
    let [found_node] = numbers(&required_meta(database, "node")?, "node")?;
    if found_cluster != identity.cluster || found_node != identity.node {
        return Err(StoreError::Foreign {
            path: path(),
            found_node,
            found_cluster: found_cluster.to_owned(),
            node: identity.node,
            cluster: identity.cluster.clone(),
        });
    }
    Ok(())
}

/// Reads what is kept in memory beside the tables.
pub(crate) fn load_state(database: &Database) -> Result<StoredState, StoreError> {
    let hard_state = codec::decode_hard_state(&required_meta(database, "hard_state")?);
    let conf_state = codec::decode_conf_state(&required_meta(database, "conf_state")?);
    let [index, term] = numbers(&required_meta(database, "truncated")?, "truncated")?;
    let (snapshot_index, snapshot_bytes) = match read_meta(database, "snapshot")? {
        None => (0, 0),
        Some(bytes) => {
            let [index, _, length] = numbers(&bytes, "snapshot")?;
            (index, length)
        }
    };
    let read = database.begin_read().map_err(db("read entries"))?;
    let table = read.open_table(ENTRIES).map_err(db("read entries"))?;
    let last = table.last().map_err(db("read entries"))?;
    let damaged = |record: &str| StoreError::DamagedRecord {
        record: record.to_owned(),
    };
    Ok(StoredState {
        hard_state: hard_state.ok_or_else(|| damaged("hard_state"))?,
        conf_state: conf_state.ok_or_else(|| damaged("conf_state"))?,
        truncated: (index, term),
        last_index: last.map_or(index, |(key, _)| key.value()),
        snapshot_index,
        snapshot_bytes,
    })
}

/// Runs `change` in one transaction that is on disk when this returns.
pub(crate) fn commit(
    database: &Database,
    change: impl FnOnce(&WriteTransaction) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut transaction = database.begin_write().map_err(db("begin"))?;
    transaction
        .set_durability(Durability::Immediate)
        .map_err(db("begin"))?;
    change(&transaction)?;
    transaction.commit().map_err(db("commit"))
}

pub(crate) fn read_meta(
    database: &Database,
    key: &'static str,
) -> Result<Option<Vec<u8>>, StoreError> {
    let read = database.begin_read().map_err(db("read its header"))?;
    let table = read.open_table(META).map_err(db("read its header"))?;
    let value = table.get(key).map_err(db("read its header"))?;
    Ok(value.map(|value| value.value().to_vec()))
}

pub(crate) fn required_meta(database: &Database, key: &'static str) -> Result<Vec<u8>, StoreError> {
    read_meta(database, key)?.ok_or_else(|| StoreError::DamagedRecord {
        record: key.to_owned(),
    })
}

pub(crate) fn put_meta(
    transaction: &WriteTransaction,
    key: &'static str,
    value: &[u8],
) -> Result<(), StoreError> {
    let mut table = transaction.open_table(META).map_err(db("write"))?;
    table.insert(key, value).map_err(db("write"))?;
    Ok(())
}

/// Names the generation of the write-ahead log.
pub(crate) fn put_wal(transaction: &WriteTransaction, generation: u64) -> Result<(), StoreError> {
    put_meta(transaction, "wal", &codec::encode_numbers(&[generation]))
}

pub(crate) fn put_hard_state(
    transaction: &WriteTransaction,
    hard_state: &HardState,
) -> Result<(), StoreError> {
    let bytes = codec::encode_hard_state(hard_state);
    put_meta(transaction, "hard_state", &bytes)
}

/// Replaces the snapshot, and with it the configuration and where the log begins.
pub(crate) fn put_snapshot(
    transaction: &WriteTransaction,
    snapshot: &Snapshot,
    truncated: (u64, u64),
) -> Result<(), StoreError> {
    let metadata = snapshot.get_metadata();
    let header = [metadata.index, metadata.term, snapshot.data.len() as u64];
    put_meta(transaction, "snapshot", &codec::encode_numbers(&header))?;
    let conf_state = codec::encode_conf_state(metadata.get_conf_state());
    put_meta(transaction, "conf_state", &conf_state)?;
    let truncated = codec::encode_numbers(&[truncated.0, truncated.1]);
    put_meta(transaction, "truncated", &truncated)?;
    transaction
        .delete_table(SNAPSHOT)
        .map_err(db("write a snapshot"))?;
    let mut table = transaction
        .open_table(SNAPSHOT)
        .map_err(db("write a snapshot"))?;
    for (chunk, number) in snapshot
        .data
        .chunks(limits::SNAPSHOT_CHUNK_BYTES)
        .zip(0u64..)
    {
        table
            .insert(number, codec::encode_bytes(chunk).as_slice())
            .map_err(db("write a snapshot"))?;
    }
    Ok(())
}

/// Exactly `N` numbers out of a record.
pub(crate) fn numbers<const N: usize>(
    bytes: &[u8],
    record: &'static str,
) -> Result<[u64; N], StoreError> {
    codec::decode_numbers(bytes)
        .and_then(|numbers| numbers.try_into().ok())
        .ok_or_else(|| StoreError::DamagedRecord {
            record: record.to_owned(),
        })
}

pub(crate) fn damaged_entry(index: u64) -> StoreError {
    StoreError::DamagedRecord {
        record: format!("entry {index}"),
    }
}

/// Turns redb's error of an operation into ours.
pub(crate) fn db<E: Into<redb::Error>>(action: &'static str) -> impl FnOnce(E) -> StoreError {
    move |source| StoreError::Database {
        action,
        source: Box::new(source.into()),
    }
}
