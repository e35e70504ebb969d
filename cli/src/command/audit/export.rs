//! The audit log as a file: one JSON document a line.

use std::io::Write as _;
use std::path::Path;

use kumi_proto::v1;
use kumi_worker::store::hex;
use serde_json::json;
use tonic::Status;

use crate::args::Remote;
use crate::command::audit::{each, value};
use crate::exit::{Code, Exit};
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
            each(channel, last + 1, |record| {
                last = record.index;
                records += 1;
                writeln!(writer, "{}", line(record))
                    .map_err(|error| Status::internal(format!("{}: {error}", to.display())))
            })
            .await
        })
        .await?;
    partial.publish(writer, None)?;
    eprintln!("{} holds {records} entries", to.display());
    Ok(())
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

/// What [`line`] wrote as hexadecimal digits.
pub(super) fn unhex(text: &str) -> Result<Vec<u8>, Exit> {
    let wrong = || Exit::new(Code::BadInput, "its bytes are not hexadecimal digits");
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
