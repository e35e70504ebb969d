//! Every limit of this crate, units last; what must hold between them is checked when it compiles.

/// Largest payload of one proposal.
pub const COMMAND_BYTES_MAX: usize = 32 << 20;
/// A log entry is closed once its packed proposals reach this size (one larger proposal fits alone).
pub const ENTRY_PACK_BYTES: usize = 1 << 20;
/// Most proposals packed into one log entry.
pub const ENTRY_COMMANDS_MAX: usize = 4096;
/// Largest log entry: one command of the largest size with its framing.
pub const ENTRY_BYTES_MAX: usize = COMMAND_BYTES_MAX + (64 << 10);
/// Proposals accepted and not yet answered; further `propose` calls wait.
pub const PROPOSALS_IN_FLIGHT_MAX: usize = 65_536;
/// Bytes of proposals accepted and not yet answered; further `propose` calls wait.
pub const PROPOSALS_IN_FLIGHT_BYTES_MAX: usize = 128 << 20;
/// Linearizable reads waiting; further `read` calls wait.
pub const READS_IN_FLIGHT_MAX: usize = 65_536;

/// Events taken off the queue in one turn of the event loop.
pub const TURN_EVENTS_MAX: usize = 8192;
/// Terms that may begin in a new cluster before something is proposed; with more it is taken for one that is not new.
pub const FOUNDING_ENTRIES_MAX: u64 = 1024;
/// The leader of a new cluster lets proposals wait until all founders have said what version of the state machine they
/// know and that is in force, but not for more election timeouts than these.
pub const FOUNDING_ELECTIONS: usize = 2;
/// Followers are told that an entry is committed with the next one, or after this.
pub const COMMIT_TOLD_MS: u64 = 5;
/// When so many proposals were answered, the next entry waits for as many, that it does not carry fewer: who proposed those
/// hears of them at the same time, and proposes again.
pub const GATHER_PROPOSALS_MIN: usize = 4;
/// How long it waits at most, microseconds: about as long as the answers take to reach them all.
pub const GATHER_US: u64 = 300;
/// Bytes of entries raft puts into one append message.
pub const APPEND_BYTES_MAX: u64 = 1 << 20;
/// Append messages sent to a follower and not yet answered.
pub const APPENDS_IN_FLIGHT_MAX: usize = 256;
/// Bytes of committed entries applied in one turn.
pub const APPLY_BYTES_MAX: u64 = 8 << 20;

/// Received messages waiting for the event loop; beyond it they are dropped (raft repeats them).
pub const INBOUND_MESSAGES_MAX: usize = 16_384;
/// Bytes of received messages waiting for the event loop (a single larger one is let through alone).
pub const INBOUND_BYTES_MAX: usize = 256 << 20;
/// Messages waiting for one peer's stream; beyond it they are dropped.
pub const OUTBOUND_MESSAGES_MAX: usize = 4096;
/// Bytes of raft messages in one frame, and of one piece of a larger message.
pub const FRAME_PAYLOAD_BYTES_MAX: usize = 1 << 20;
/// Messages in one frame.
pub const FRAME_MESSAGES_MAX: usize = 256;
/// Frames handed to the HTTP/2 stream ahead of its flow control.
pub const FRAMES_AHEAD_MAX: usize = 4;
/// Largest gRPC message accepted: a full frame with its own framing.
pub const FRAME_BYTES_MAX: usize = 4 << 20;
/// Largest raft message that is put together from pieces: a snapshot.
pub const MESSAGE_BYTES_MAX: usize = 1 << 30;
/// Wait before the first reconnection to a peer; doubles up to the maximum.
pub const RECONNECT_MS_MIN: u64 = 50;
/// Longest wait between two reconnections to a peer.
pub const RECONNECT_MS_MAX: u64 = 1000;
/// Longest wait for a peer to accept a connection.
pub const CONNECT_MS_MAX: u64 = 2000;
/// A peer's connection without an answer to an HTTP/2 ping for this long is broken.
pub const KEEP_ALIVE_MS: u64 = 5000;

/// Bytes of the newest entries kept in memory beside the store.
pub const LOG_CACHE_BYTES_MAX: usize = 16 << 20;
/// Bytes of redb's own page cache.
pub const STORE_CACHE_BYTES: usize = 16 << 20;
/// The write-ahead log in front of redb, with its header.
pub const WAL_BYTES: usize = 1 << 20;
/// Where its records begin.
pub const WAL_RECORDS_AT: usize = 4096;
/// The largest of its records: larger changes are redb's at once, which would write them anyway.
pub const WAL_RECORD_BYTES_MAX: usize = 128 << 10;
/// One value of the stored snapshot: with what redb adds it fills a page, whose sizes are powers of two.
pub const SNAPSHOT_CHUNK_BYTES: usize = (1 << 20) - 1_024;
/// Entries kept behind a snapshot, so that a follower slightly behind needs no snapshot.
pub const LOG_TAIL_ENTRIES: u64 = 1024;
/// A snapshot is also taken once the entries applied since the last one reach this size.
pub const LOG_BYTES_BETWEEN_SNAPSHOTS: u64 = 256 << 20;
/// Largest snapshot of a state machine: it travels as one raft message.
pub const SNAPSHOT_BYTES_MAX: usize = MESSAGE_BYTES_MAX - (1 << 20);

/// A read is asked again of the leader after this many heartbeat intervals without an answer.
pub const READ_RETRY_HEARTBEATS: u64 = 3;
/// A read fails after this many election timeouts without an answer.
pub const READ_TIMEOUT_ELECTIONS: u64 = 4;
/// Log entries that a learner may lack when it becomes a voter.
pub const PROMOTE_ENTRIES_BEHIND_MAX: u64 = 1000;
/// Nodes whose address is remembered because they said it.
pub const HEARD_NODES_MAX: usize = 64;
/// A file of the audit log is closed once it has this size.
pub const AUDIT_FILE_BYTES: u64 = 64 << 20;
/// Bytes of records that wait at most for the next tick before they are written to an audit file.
pub const AUDIT_WAITING_BYTES: usize = 64 << 10;
/// Bytes of an audit file read at once.
pub const AUDIT_BUFFER_BYTES: usize = 256 << 10;
/// Most nodes of a cluster.
pub const PEERS_MAX: usize = 15;
/// Longest name of a cluster.
pub const CLUSTER_NAME_BYTES_MAX: usize = 128;

const _: () = {
    assert!(ENTRY_PACK_BYTES <= COMMAND_BYTES_MAX);
    assert!(ENTRY_BYTES_MAX < MESSAGE_BYTES_MAX);
    assert!(ENTRY_BYTES_MAX - COMMAND_BYTES_MAX > 16);
    assert!(COMMAND_BYTES_MAX <= PROPOSALS_IN_FLIGHT_BYTES_MAX);
    assert!(PROPOSALS_IN_FLIGHT_BYTES_MAX <= u32::MAX as usize);
    assert!(INBOUND_BYTES_MAX <= u32::MAX as usize);
    assert!(ENTRY_BYTES_MAX + APPEND_BYTES_MAX as usize <= INBOUND_BYTES_MAX);
    assert!(2 * FRAME_PAYLOAD_BYTES_MAX + FRAME_MESSAGES_MAX * 16 < FRAME_BYTES_MAX);
    assert!(RECONNECT_MS_MIN < RECONNECT_MS_MAX);
    assert!(WAL_RECORDS_AT + 2 * WAL_RECORD_BYTES_MAX < WAL_BYTES);
    assert!(SNAPSHOT_BYTES_MAX < MESSAGE_BYTES_MAX);
};
