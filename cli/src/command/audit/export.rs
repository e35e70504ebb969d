//! The audit log as a file: one JSON document a line.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;

use kumi_proto::v1;
use kumi_proto::v1::audit_service_client::AuditServiceClient;
use kumi_server::audit::{AuditRecord, Head};
use kumi_worker::store::hex;
use serde::Deserialize;
use serde_json::json;
use tonic::Status;
use tonic::transport::Channel;

use crate::args::Remote;
use crate::command::audit::{each, value};
use crate::publish::Partial;

/// `kumi audit export`: the file has its name once it is complete.
///
/// # Errors
/// 69 when no scheduler answers, 73 and 74 when the file cannot be written.
pub(super) async fn export(to: &Path, remote: &Remote) -> anyhow::Result<()> {
    let (partial, mut writer) = Partial::create(to)?;
    // A stream that breaks goes on where the file ends, perhaps elsewhere.
    let (mut records, mut last) = (0u64, 0);
    remote
        .client()?
        .call(async |channel| {
            let mut begins = beginnings(channel.clone()).await?;
            each(channel, last + 1, |record| {
                let unwritten = |error| Status::internal(format!("{}: {error}", to.display()));
                if last == 0 || record.index != last + 1 {
                    let before = begins.remove(&record.index).unwrap_or_default();
                    let piece = json!({ "first": record.index, "before": hex(&before) });
                    writeln!(writer, "{piece}").map_err(unwritten)?;
                }
                last = record.index;
                records += 1;
                writeln!(writer, "{}", line(record)).map_err(unwritten)
            })
            .await
        })
        .await?;
    partial.publish(writer, None)?;
    eprintln!("{} holds {records} entries", to.display());
    Ok(())
}

/// Of each file of a scheduler's log the head before its first entry, by that.
async fn beginnings(channel: Channel) -> Result<BTreeMap<u64, Vec<u8>>, Status> {
    let mut client = AuditServiceClient::new(channel);
    let now = client.head(v1::AuditHeadRequest {}).await?.into_inner();
    let files = now.files.into_iter();
    Ok(files.map(|file| (file.first, file.before)).collect())
}

/// A record with all that is needed to check it.
fn line(record: &v1::AuditRecord) -> serde_json::Value {
    let events = record.events.iter();
    let events: Vec<_> = events.map(|event| value(record.index, event)).collect();
    json!({
        "index": record.index, "term": record.term, "events": events,
        "entry": hex(&record.entry), "head": hex(&record.head),
    })
}

/// A line of an export.
pub(super) enum Line {
    /// What follows goes on behind this head; entries before it are missing, or there are none.
    Piece {
        /// The entry that follows.
        first: u64,
        /// The head before it.
        before: Head,
    },
    /// An entry.
    Entry(AuditRecord),
}

impl Line {
    /// Reads a line; what is wrong with it otherwise.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Piece {
                first: u64,
                before: String,
            },
            Entry {
                index: u64,
                entry: String,
                head: String,
            },
        }
        let written = serde_json::from_str(text).map_err(|_| "it is no line of an export")?;
        Ok(match written {
            Written::Piece { first, before } => Self::Piece {
                first,
                before: head(&before)?,
            },
            Written::Entry {
                index,
                entry,
                head: after,
            } => Self::Entry(AuditRecord {
                index,
                bytes: unhex(&entry)?,
                head: head(&after)?,
            }),
        })
    }
}

fn head(digits: &str) -> Result<Head, String> {
    let bytes = unhex(digits)?.try_into();
    bytes
        .map(Head)
        .map_err(|_| "a head has 64 digits".to_owned())
}

/// What hexadecimal digits stand for.
fn unhex(text: &str) -> Result<Vec<u8>, String> {
    let wrong = || "its bytes are not hexadecimal digits".to_owned();
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return Err(wrong());
    }
    let pair = |pair: &[u8]| {
        let text = std::str::from_utf8(pair).map_err(|_| wrong())?;
        u8::from_str_radix(text, 16).map_err(|_| wrong())
    };
    digits.chunks(2).map(pair).collect()
}
