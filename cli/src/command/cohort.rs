//! `kumi cohort`: submit cohorts and follow them.

mod consent;

use kumi_proto::v1;
use kumi_proto::v1::cohort_service_client::CohortServiceClient;
use serde_json::json;

use crate::args::{CohortCommand, OutputFormat, Remote, SubmitArgs};
use crate::check::{self, Facts};
use crate::client::Client;
use crate::cohort_file::OnBadSampleSetting;
use crate::exit::{Code, Exit};
use crate::follow::{ended, follow, state_label, verdict};
use crate::print;
use crate::progress::Progress;
use crate::report;
use crate::request;
use crate::submit;
use crate::table::{Table, count, timestamp};

/// Runs the command.
///
/// # Errors
/// 65 or 66 for what is wrong with a cohort, 1 when it ended with failures, else what the scheduler answers.
pub async fn run(command: CohortCommand) -> anyhow::Result<()> {
    match command {
        CohortCommand::Check { cohort, output } => {
            let every_finding = Some(OnBadSampleSetting::Fail);
            show_facts(&check::cohort(&cohort, None, every_finding)?, output);
            Ok(())
        }
        CohortCommand::Submit(args) => run_submit(args).await,
        CohortCommand::List { remote } => list(&remote).await,
        CohortCommand::Show { cohort, remote } => show(cohort, &remote).await,
        CohortCommand::Watch { cohort, remote } => {
            let mut progress = Progress::new();
            let client = remote.client()?;
            let summary = follow(&client, &cohort, None, |summary| progress.show(summary)).await?;
            progress.finish(&summary);
            Ok(verdict(&summary)?)
        }
        CohortCommand::Wait {
            cohort,
            timeout,
            remote,
        } => Ok(verdict(
            &follow(&remote.client()?, &cohort, timeout, |_| ()).await?,
        )?),
        CohortCommand::Cancel {
            cohort,
            reason,
            remote,
        } => cancel(cohort, reason, &remote).await,
        CohortCommand::Retry {
            cohort,
            samples,
            remote,
        } => retry(cohort, samples, &remote).await,
        CohortCommand::Withdraw {
            cohort,
            samples,
            undo,
            reason,
            remote,
        } => {
            let asked = v1::WithdrawSamplesRequest {
                request_id: request::fresh_id(),
                cohort,
                samples,
                undo,
                reason,
            };
            consent::withdraw(asked, &remote).await
        }
        CohortCommand::Purge {
            cohort,
            samples,
            yes,
            wait,
            remote,
        } => {
            if !yes {
                let message = "what is purged cannot be brought back; say so with --yes";
                return Err(Exit::new(Code::Usage, message.to_owned()).into());
            }
            let asked = v1::PurgeSamplesRequest {
                request_id: request::fresh_id(),
                cohort,
                samples,
            };
            consent::purge(asked, wait, &remote).await
        }
        CohortCommand::Why {
            cohort,
            task,
            sample,
            remote,
        } => {
            let sample = sample.unwrap_or_default();
            why(cohort, sample, task.as_deref(), &remote).await
        }
    }
}

async fn run_submit(args: SubmitArgs) -> anyhow::Result<()> {
    let facts = check::cohort(&args.cohort, args.output_dir.as_deref(), args.on_bad_sample)?;
    facts.warn();
    if args.dry_run {
        eprintln!("{} samples checked, nothing submitted", facts.samples.len());
        return Ok(());
    }
    let client = args.remote.client()?;
    let answer = submit::submit(&client, &facts, args.request_id).await?;
    if !answer.warning.is_empty() {
        eprintln!("note: nothing of it can run now: {}", answer.warning);
    }
    let value = json!({
        "cohort": answer.cohort, "existed": answer.existed, "tasks": answer.tasks, "tasks_reused": answer.tasks_reused,
        "warning": answer.warning,
    });
    print::one(args.remote.output, &value, || {
        let again = if answer.existed {
            " (submitted before)"
        } else {
            ""
        };
        format!(
            "cohort {}{again}: {} tasks, {} of them done before\n",
            answer.cohort,
            count(answer.tasks),
            count(answer.tasks_reused)
        )
    });
    if !args.wait {
        return Ok(());
    }
    let mut progress = Progress::new();
    let id = answer.cohort.to_string();
    let summary = follow(&client, &id, args.timeout, |summary| progress.show(summary)).await?;
    progress.finish(&summary);
    Ok(verdict(&summary)?)
}

async fn list(remote: &Remote) -> anyhow::Result<()> {
    let client = remote.client()?;
    let cohorts = submit::list(&client).await?;
    let values: Vec<_> = cohorts.iter().map(summary_value).collect();
    print::all(remote.output, &values, || {
        let mut table = Table::new(&[
            "cohort",
            "name",
            "programme",
            "priority",
            "state",
            "samples",
            "done",
            "submitted",
        ]);
        for cohort in &cohorts {
            table.row(vec![
                cohort.cohort.to_string(),
                cohort.name.clone(),
                cohort.programme.clone(),
                cohort.priority().label().to_owned(),
                state_label(cohort.state()).to_owned(),
                count(cohort.samples),
                count(cohort.samples_done),
                timestamp(cohort.submitted_ms),
            ]);
        }
        table.render()
    });
    Ok(())
}

fn summary_value(summary: &v1::CohortSummary) -> serde_json::Value {
    json!({
        "cohort": summary.cohort, "name": summary.name, "programme": summary.programme, "centre": summary.centre,
        "priority": summary.priority().label(), "state": state_label(summary.state()), "samples": summary.samples,
        "samples_done": summary.samples_done, "samples_quarantined": summary.samples_quarantined,
        "submitted": timestamp(summary.submitted_ms), "finished": timestamp(summary.finished_ms),
        "reason": summary.reason,
    })
}

async fn show(cohort: String, remote: &Remote) -> anyhow::Result<()> {
    let detail = submit::get(&remote.client()?, cohort).await?;
    let summary = detail.summary.clone().unwrap_or_default();
    let mut value = summary_value(&summary);
    value["sample_status"] = report::samples_value(&detail);
    print::one(remote.output, &value, || {
        let ended = if ended(&summary) {
            format!(", ended {}", timestamp(summary.finished_ms))
        } else {
            String::new()
        };
        format!(
            "cohort {} ({}): {}, submitted {}{ended}\n{}\n{}",
            summary.cohort,
            summary.name,
            state_label(summary.state()),
            timestamp(summary.submitted_ms),
            report::stages(&summary),
            report::samples(&detail, usize::MAX)
        )
    });
    Ok(())
}

/// The number of a cohort given by number or name.
async fn number(client: &Client, cohort: String) -> anyhow::Result<u64> {
    Ok(submit::get(client, cohort)
        .await?
        .summary
        .unwrap_or_default()
        .cohort)
}

async fn cancel(cohort: String, reason: String, remote: &Remote) -> anyhow::Result<()> {
    let client = remote.client()?;
    let cohort = number(&client, cohort).await?.to_string();
    let request_id = request::fresh_id();
    let asked = v1::CancelCohortRequest {
        request_id,
        cohort,
        reason,
    };
    submit::cancel(&client, asked).await
}

async fn retry(cohort: String, samples: Vec<String>, remote: &Remote) -> anyhow::Result<()> {
    let client = remote.client()?;
    let cohort = number(&client, cohort).await?.to_string();
    let asked = v1::RetryCohortRequest {
        request_id: request::fresh_id(),
        cohort,
        samples,
        missing: Vec::new(),
    };
    let tasks = submit::retry(&client, asked).await?;
    print::one(remote.output, &json!({ "tasks": tasks }), || {
        format!("{} tasks run again\n", count(tasks))
    });
    Ok(())
}

async fn why(
    cohort: String,
    sample: String,
    task: Option<&str>,
    remote: &Remote,
) -> anyhow::Result<()> {
    let client = remote.client()?;
    let task = match task {
        None => None,
        Some(name) => {
            let unknown = || {
                let message = format!("`{name}` is not a task; write it as call[1,3]");
                Exit::new(Code::Usage, message)
            };
            let task = report::parse_task(name).ok_or_else(unknown)?;
            let cohort = number(&client, cohort.clone()).await?;
            Some(v1::TaskId { cohort, ..task })
        }
    };
    let asked = v1::WhyRequest {
        cohort,
        sample,
        task,
    };
    let answer = client
        .call(async |channel| CohortServiceClient::new(channel).why(asked.clone()).await)
        .await?
        .into_inner();
    let values: Vec<_> = answer.tasks.iter().map(report::explanation_value).collect();
    print::all(remote.output, &values, || {
        report::explanations(&answer.tasks)
    });
    Ok(())
}

fn show_facts(facts: &Facts, output: OutputFormat) {
    let samples: Vec<_> = facts
        .samples
        .iter()
        .map(|sample| {
            json!({ "name": sample.name, "patient": sample.patient, "sex": sample.sex().as_str_name(),
                    "read_groups": sample.read_groups.len(), "gvcf": sample.gvcf.is_some() })
        })
        .collect();
    let value =
        json!({ "cohort": facts.header.name, "id": facts.content_id(), "samples": samples });
    print::one(output, &value, || {
        let mut table = Table::new(&["sample", "patient", "read groups"]);
        for sample in &facts.samples {
            table.row(vec![
                sample.name.clone(),
                sample.patient.clone(),
                count(sample.read_groups.len() as u64),
            ]);
        }
        format!("cohort {}: in order\n{}", facts.header.name, table.render())
    });
}
