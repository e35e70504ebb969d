//! `kumi run`: a scheduler, a worker and a cohort in one process.
//!
//! Everything goes the way it goes in a cluster: a replicated log (of one node), leases over gRPC on the
//! loopback, publishing by rename. What an earlier run left is taken up: done work stays done, files that
//! are gone are made again, failures are tried again.

mod embedded;
mod home;
mod missing;
mod outcome;

use std::path::{Path, PathBuf};
use std::time::Instant;

use kumi_proto::v1;
use kumi_worker::objects::Place;

use crate::args::RunArgs;
use crate::check::{self, Facts};
use crate::client::Client;
use crate::exit::{Code, Exit};
use crate::follow::{ended, follow};
use crate::logging;
use crate::paint::Paint;
use crate::print;
use crate::progress::Progress;
use crate::request;
use crate::run::embedded::Embedded;
use crate::run::home::Home;
use crate::run::missing::Found;
use crate::run::outcome::Outcome;
use crate::signals::Signals;
use crate::submit;

/// Runs the command.
///
/// # Errors
/// 65 or 66 for what is wrong with the cohort, 1 when samples failed, 75 when another run works there, 130
/// and 143 when it was told to stop.
pub async fn run(args: RunArgs) -> anyhow::Result<()> {
    let started = Instant::now();
    let facts = checked(&args).await?;
    facts.warn();
    let home = Home::open(&home(&facts.header.root, &args.cohort)?)?;
    logging::to_file(&home.log())?;
    let mut signals = Signals::new()?;
    let mut embedded = Embedded::start(&home, &args).await?;
    let result = tokio::select! {
        biased;
        code = signals.next() => Err(interrupted(code).into()),
        result = work(&mut embedded, &home, &args, &facts, started) => result,
    };
    embedded.stop().await;
    let outcome = result?;
    print::one(args.output, &outcome.value(), || {
        outcome.render(Paint::stdout())
    });
    Ok(outcome.verdict()?)
}

/// Where the state of a run is kept: in the root, or in the folder that it would be otherwise.
fn home(root: &str, cohort: &Path) -> anyhow::Result<PathBuf> {
    match Place::parse(root)? {
        Place::Path(path) => Ok(path),
        Place::Object(_) => {
            let beside = cohort.parent().unwrap_or(Path::new(""));
            Ok(std::path::absolute(beside.join("kumi-out"))?)
        }
    }
}

async fn checked(args: &RunArgs) -> anyhow::Result<Facts> {
    let (cohort, output_dir, on_bad) = (
        args.cohort.clone(),
        args.output_dir.clone(),
        args.on_bad_sample,
    );
    let check = move || check::cohort(&cohort, output_dir.as_deref(), on_bad);
    let mut facts = tokio::task::spawn_blocking(check).await??;
    // There is one worker, whatever labels it has.
    facts.header.require.clear();
    Ok(facts)
}

async fn work(
    embedded: &mut Embedded,
    home: &Home,
    args: &RunArgs,
    facts: &Facts,
    started: Instant,
) -> anyhow::Result<Outcome> {
    let client = embedded.client();
    let answer = submit::submit(&client, facts, None).await?;
    let id = answer.cohort.to_string();
    stand_alone(&client, answer.cohort).await?;
    let (before, found) = take_up(&client, &id).await?;
    let summary = before.summary.clone().unwrap_or_default();
    if !ended(&summary) {
        embedded.start_worker(home, args).await?;
        let mut progress = Progress::new();
        let last = tokio::select! {
            biased;
            broken = embedded.broken() => Err(broken),
            last = follow(&client, &id, None, |summary| progress.show(summary)) => last,
        };
        progress.clear();
        last?;
    }
    let detail = submit::get(&client, id).await?;
    Ok(Outcome {
        computed: done(&detail).saturating_sub(done(&before)),
        existed: answer.existed,
        present: found.present,
        gone: found.gone,
        elapsed: started.elapsed(),
        detail,
    })
}

/// Stops what earlier runs of other cohorts left unfinished here: this process works on one cohort. A later
/// run of theirs takes them up again.
async fn stand_alone(client: &Client, ours: u64) -> anyhow::Result<()> {
    for other in submit::list(client).await? {
        if other.cohort != ours && !ended(&other) {
            let asked = v1::CancelCohortRequest {
                request_id: request::fresh_id(),
                cohort: other.cohort.to_string(),
                reason: format!("cohort {ours} was run in its place; run it again to go on"),
            };
            submit::cancel(client, asked).await?;
        }
    }
    Ok(())
}

/// Where the cohort stands, after everything that failed or whose files are gone was set to run again.
async fn take_up(client: &Client, id: &str) -> anyhow::Result<(v1::CohortDetail, Found)> {
    let detail = submit::get_more(client, id.to_owned(), true).await?;
    let looked = detail.clone();
    let found = tokio::task::spawn_blocking(move || missing::look(&looked)).await??;
    let state = detail.summary.clone().unwrap_or_default().state();
    let unfinished = matches!(
        state,
        v1::CohortState::Failed
            | v1::CohortState::Cancelled
            | v1::CohortState::CompletedWithFailures
    );
    if !unfinished && found.tasks.is_empty() {
        return Ok((detail, found));
    }
    let asked = v1::RetryCohortRequest {
        request_id: request::fresh_id(),
        cohort: id.to_owned(),
        samples: Vec::new(),
        missing: found.tasks.clone(),
    };
    submit::retry(client, asked).await?;
    Ok((submit::get(client, id.to_owned()).await?, found))
}

fn done(detail: &v1::CohortDetail) -> u64 {
    let summary = detail.summary.as_ref();
    summary.map_or(0, |summary| summary.stages.iter().map(|s| s.done).sum())
}

fn interrupted(code: Code) -> Exit {
    let how = if code == Code::Terminated {
        "terminated"
    } else {
        "interrupted"
    };
    Exit::new(
        code,
        format!("{how}; what is done is kept, and the same command goes on from here"),
    )
}
