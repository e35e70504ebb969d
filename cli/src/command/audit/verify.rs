//! Whether an audit log is what was written, and leads where the cluster is.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
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
use crate::command::audit::chain::Chain;
use crate::command::audit::each;
use crate::command::audit::export::unhex;
use crate::exit::{Code, Exit};
use crate::print;
use crate::table::Table;

/// `kumi audit verify FILE`.
///
/// # Errors
/// 65 with the first entry that is not what was written.
pub(super) fn file(path: &Path) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Line {
        index: u64,
        entry: String,
        head: String,
    }
    let unreadable = |error| Exit::new(Code::MissingInput, format!("{}: {error}", path.display()));
    let lines = BufReader::new(File::open(path).map_err(unreadable)?).lines();
    let mut chain = Chain::default();
    for (number, line) in (1..).zip(lines) {
        let wrong = |why: String| {
            let place = format!("{}:{number}: {why}", path.display());
            Exit::new(Code::BadInput, place)
        };
        let line: Line = serde_json::from_str(&line.map_err(unreadable)?)
            .map_err(|error| wrong(error.to_string()))?;
        let record = AuditRecord {
            index: line.index,
            bytes: unhex(&line.entry).map_err(|error| wrong(error.message))?,
            head: head(&unhex(&line.head).map_err(|error| wrong(error.message))?),
        };
        chain.follow(&record).map_err(wrong)?;
    }
    eprintln!(
        "{} is what was written up to revision {}; its head is {}",
        path.display(),
        chain.index,
        hex(&chain.head.0)
    );
    Ok(())
}

/// `kumi audit verify`: every scheduler's log, from its first entry to where it said its head is.
///
/// # Errors
/// 65 when one is not what was written, 69 when none answers.
pub(super) async fn schedulers(remote: &Remote) -> anyhow::Result<()> {
    let answers = remote.client()?.each(verify).await;
    let mut values = Vec::new();
    let mut table = Table::new(&["endpoint", "id", "entries", "head", "verdict"]);
    let mut worst = Code::Unavailable;
    for (endpoint, answer) in &answers {
        let (id, entries, head, verdict) = match answer {
            Ok(found) => {
                let verdict = found.problem.as_deref().unwrap_or("as written");
                if found.problem.is_some() {
                    worst = Code::BadInput;
                }
                let entries = format!("{} to {}", found.first, found.last);
                (found.id.to_string(), entries, hex(&found.head.0), verdict)
            }
            Err(status) => (
                "-".to_owned(),
                "-".to_owned(),
                "-".to_owned(),
                status.message(),
            ),
        };
        values.push(json!({ "endpoint": endpoint, "id": id, "entries": entries, "head": head, "verdict": verdict }));
        let short = head.chars().take(16).collect();
        table.row(vec![
            endpoint.clone(),
            id,
            entries,
            short,
            verdict.to_owned(),
        ]);
    }
    print::all(remote.output, &values, || table.render());
    let sound = |found: &Verdict| found.problem.is_none();
    if answers
        .iter()
        .all(|(_, answer)| answer.as_ref().is_ok_and(sound))
    {
        return Ok(());
    }
    Err(Exit::new(worst, "not every scheduler's audit log could be verified").into())
}

struct Verdict {
    id: u64,
    first: u64,
    last: u64,
    head: Head,
    problem: Option<String>,
}

/// Follows the whole chain of one scheduler.
async fn verify(channel: Channel) -> Result<Verdict, Status> {
    let mut client = AuditServiceClient::new(channel.clone());
    let now = client.head(v1::AuditHeadRequest {}).await?.into_inner();
    let mut chain = Chain::behind(now.first, head(&now.base));
    let mut problem = None;
    let mut reached = now.index < now.first;
    let read = each(channel, 0, |record| {
        let record = AuditRecord {
            index: record.index,
            bytes: record.entry.clone(),
            head: head(&record.head),
        };
        if problem.is_none() {
            problem = chain.follow(&record).err();
        }
        if record.index == now.index {
            reached = true;
            if record.head != head(&now.head) && problem.is_none() {
                let why = format!("entry {} does not lead where the cluster is", now.index);
                problem = Some(why);
            }
        }
        Ok(())
    });
    if let Err(status) = read.await {
        problem = Some(status.message().to_owned());
    } else if !reached && problem.is_none() {
        problem = Some(format!("it ends before entry {}", now.index));
    }
    Ok(Verdict {
        id: now.id,
        first: now.first,
        last: chain.index,
        head: chain.head,
        problem,
    })
}

fn head(bytes: &[u8]) -> Head {
    bytes.try_into().map_or_else(|_| Head::default(), Head)
}
