//! Whether an audit log is what was written, and leads where the cluster is.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use kumi_proto::v1;
use kumi_proto::v1::audit_service_client::AuditServiceClient;
use kumi_server::audit::{AuditRecord, Head};
use kumi_worker::store::hex;
use serde_json::json;
use tonic::transport::Channel;
use tonic::{Code as Wire, Status};

use crate::args::Remote;
use crate::command::audit::chain::Chain;
use crate::command::audit::each;
use crate::command::audit::export::Line;
use crate::exit::{Code, Exit};
use crate::print;
use crate::table::Table;

/// `kumi audit verify FILE`.
///
/// # Errors
/// 65 with the first line that is not what was written.
pub(super) fn file(path: &Path) -> anyhow::Result<()> {
    let unreadable = |error| Exit::new(Code::MissingInput, format!("{}: {error}", path.display()));
    let lines = BufReader::new(File::open(path).map_err(unreadable)?).lines();
    let mut chain = Chain::default();
    for (number, line) in (1..).zip(lines) {
        let wrong = |why: String| {
            let place = format!("{}:{number}: {why}", path.display());
            Exit::new(Code::BadInput, place)
        };
        match Line::read(&line.map_err(unreadable)?).map_err(wrong)? {
            Line::Piece { first, before } => chain.begin(first, before),
            Line::Entry(record) => chain.follow(&record),
        }
        .map_err(wrong)?;
    }
    if chain == Chain::default() {
        let empty = format!("{}: nothing is in it", path.display());
        return Err(Exit::new(Code::BadInput, empty).into());
    }
    let gaps = chain.gaps().map(|gaps| format!("; {gaps}"));
    eprintln!(
        "{} is what was written up to revision {}; its head is {}{}",
        path.display(),
        chain.index,
        hex(&chain.head.0),
        gaps.unwrap_or_default()
    );
    Ok(())
}

/// Heads that schedulers tell, by the entry after which they are: who tells it, and what.
type Told = BTreeMap<u64, Vec<(u64, Head)>>;

/// `kumi audit verify`: every scheduler's log, from its first entry to where it said its head is, and all against each
/// other.
///
/// # Errors
/// 65 when one is not what was written, 69 when one does not answer.
pub(super) async fn schedulers(remote: &Remote) -> anyhow::Result<()> {
    let client = remote.client()?;
    let mut told = Told::new();
    for (_, now) in client.each(head_of).await {
        let Ok(now) = now else { continue };
        for (first, before) in beginnings(&now) {
            told.entry(first - 1).or_default().push((now.id, before));
        }
        let after = head(&now.head);
        told.entry(now.index).or_default().push((now.id, after));
    }
    let answers = client.each(async |channel| verify(channel, &told).await);
    let answers = answers.await;
    let mut values = Vec::new();
    let mut table = Table::new(&["endpoint", "id", "entries", "head", "verdict"]);
    let mut problems = Vec::new();
    for (endpoint, answer) in &answers {
        let found = answer.as_ref();
        let problem = found.map_or_else(|_| Some(Code::Unavailable), Verdict::code);
        problems.extend(problem);
        let id = found.map_or("-".to_owned(), |found| found.id.to_string());
        let entries = found.map_or("-".to_owned(), |found| {
            format!("{} to {}", found.first, found.chain.index)
        });
        let head = found.map_or("-".to_owned(), |found| hex(&found.chain.head.0));
        let verdict = found.map_or_else(|status| status.message().to_owned(), Verdict::said);
        values.push(json!({
            "endpoint": endpoint, "id": id, "entries": entries, "head": head, "verdict": verdict,
        }));
        let short = head.chars().take(16).collect();
        table.row(vec![endpoint.clone(), id, entries, short, verdict]);
    }
    print::all(remote.output, &values, || table.render());
    let worst = problems.iter().find(|code| **code == Code::BadInput);
    match worst.or(problems.first()) {
        None => Ok(()),
        Some(worst) => {
            let message = "not every scheduler's audit log could be verified";
            Err(Exit::new(*worst, message).into())
        }
    }
}

struct Verdict {
    id: u64,
    first: u64,
    chain: Chain,
    problem: Option<String>,
}

impl Verdict {
    fn code(&self) -> Option<Code> {
        self.problem.as_ref().map(|_| Code::BadInput)
    }

    fn said(&self) -> String {
        let gaps = self.chain.gaps().map(|gaps| format!("; {gaps}"));
        let verdict = self.problem.as_deref().unwrap_or("as written");
        format!("{verdict}{}", gaps.unwrap_or_default())
    }
}

async fn head_of(channel: Channel) -> Result<v1::AuditHead, Status> {
    let mut client = AuditServiceClient::new(channel);
    Ok(client.head(v1::AuditHeadRequest {}).await?.into_inner())
}

/// Of each file the first entry and the head before it.
fn beginnings(now: &v1::AuditHead) -> impl Iterator<Item = (u64, Head)> {
    let files = now.files.iter().filter(|file| file.first > 0);
    files.map(|file| (file.first, head(&file.before)))
}

/// Follows the whole chain of one scheduler, and compares it with what the others told.
async fn verify(channel: Channel, told: &Told) -> Result<Verdict, Status> {
    let now = head_of(channel.clone()).await?;
    let begins: BTreeMap<u64, Head> = beginnings(&now).collect();
    let mut chain = Chain::default();
    let mut problem = None;
    let follow = |record: &v1::AuditRecord| {
        if problem.is_some() {
            return Ok(());
        }
        let record = AuditRecord {
            index: record.index,
            bytes: record.entry.clone(),
            head: head(&record.head),
        };
        let begun = begins
            .get(&record.index)
            .map(|before| chain.begin(record.index, *before));
        let followed = begun.unwrap_or(Ok(())).and_then(|()| chain.follow(&record));
        let agreed = followed.and_then(|()| agrees(&chain, told));
        problem = agreed.err();
        Ok(())
    };
    match each(channel, 0, follow).await {
        Err(status) if status.code() == Wire::DataLoss => {
            problem = Some(status.message().to_owned());
        }
        Err(status) => return Err(status),
        Ok(()) if problem.is_none() && !begins.is_empty() && chain.index < now.index => {
            problem = Some(format!("it ends before entry {}", now.index));
        }
        Ok(()) => {}
    }
    Ok(Verdict {
        id: now.id,
        first: begins.keys().next().copied().unwrap_or(0),
        chain,
        problem,
    })
}

/// Whether what was told of the head here is so.
fn agrees(chain: &Chain, told: &Told) -> Result<(), String> {
    let told = told.get(&chain.index).into_iter().flatten();
    match told.into_iter().find(|(_, head)| *head != chain.head) {
        None => Ok(()),
        Some((id, _)) => Err(format!(
            "node {id} has another history up to entry {}",
            chain.index
        )),
    }
}

fn head(bytes: &[u8]) -> Head {
    bytes.try_into().map_or_else(|_| Head::default(), Head)
}
