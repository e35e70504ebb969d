//! `kumi queue` and `kumi policy`: who is served next and why, and the rules behind it.

use kumi_proto::v1;
use kumi_proto::v1::queue_service_client::QueueServiceClient;
use serde_json::{Value, json};

use crate::args::{PolicyCommand, QueueCommand, Remote};
use crate::command::pools;
use crate::exit::{Code, Exit};
use crate::policy_file::PolicyFile;
use crate::print;
use crate::report;
use crate::request;
use crate::table::{Table, timestamp};

/// Runs `kumi queue`.
///
/// # Errors
/// What the scheduler answers.
pub async fn run(command: QueueCommand) -> anyhow::Result<()> {
    match command {
        QueueCommand::List { remote } => show(String::new(), false, &remote).await,
        QueueCommand::Explain { cohort, remote } => {
            show(cohort.unwrap_or_default(), true, &remote).await
        }
    }
}

/// Runs `kumi policy`.
///
/// # Errors
/// 65 and 66 for a file that is wrong or missing, else what the scheduler answers.
pub async fn policy(command: PolicyCommand) -> anyhow::Result<()> {
    match command {
        PolicyCommand::Apply {
            file,
            dry_run,
            remote,
        } => {
            let name = file.display();
            let text = std::fs::read_to_string(&file)
                .map_err(|error| Exit::new(Code::MissingInput, format!("{name}: {error}")))?;
            let policy = PolicyFile::parse(&text)
                .map_err(|problem| Exit::new(Code::BadInput, format!("{name}: {problem}")))?;
            if dry_run {
                return Ok(());
            }
            let asked = v1::SetPolicyRequest {
                request_id: request::fresh_id(),
                policy: Some(policy),
            };
            remote
                .client()?
                .call(async |channel| {
                    let mut client = QueueServiceClient::new(channel);
                    client.set_policy(asked.clone()).await
                })
                .await?;
            Ok(())
        }
        PolicyCommand::Show { remote } => show_policy(&remote).await,
    }
}

async fn show_policy(remote: &Remote) -> anyhow::Result<()> {
    let asked = v1::GetPolicyRequest { stale: false };
    let answer = remote
        .client()?
        .call(async |channel| QueueServiceClient::new(channel).get_policy(asked).await)
        .await?;
    let policy = answer.into_inner().policy;
    let file = policy.as_ref().map(PolicyFile::of);
    print::one(remote.output, &serde_json::to_value(&file)?, || {
        let text = file.as_ref().map(toml::to_string);
        let none = "# no policy: cohorts of a priority are served in the order of submission\n";
        text.and_then(Result::ok).unwrap_or_else(|| none.to_owned())
    });
    Ok(())
}

async fn show(cohort: String, explain: bool, remote: &Remote) -> anyhow::Result<()> {
    let asked = v1::ShowQueueRequest {
        cohort,
        stale: false,
    };
    let answer = remote
        .client()?
        .call(async |channel| QueueServiceClient::new(channel).show(asked.clone()).await)
        .await?
        .into_inner();
    print::one(remote.output, &value(&answer), || {
        let accounts = report::accounts(&answer.accounts);
        let rule = if explain {
            rule(&answer)
        } else {
            String::new()
        };
        let pools = pools::table(&answer.pools);
        format!(
            "{rule}{accounts}\n{}{pools}",
            cohorts(&answer.cohorts, explain)
        )
    });
    Ok(())
}

/// By what the order is made.
fn rule(answer: &v1::ShowQueueResponse) -> String {
    if answer.fair {
        let hours = answer.half_life_ms as f64 / 3_600_000.0;
        format!(
            "served by priority, then by programme and centre with the fewest core-hours for each unit of share \
             (half-life {hours:.0} h), then by deadline, then by number\n"
        )
    } else {
        "served by priority, then by deadline, then by number: no policy is in force\n".to_owned()
    }
}

fn value(answer: &v1::ShowQueueResponse) -> Value {
    let accounts = answer.accounts.iter().map(report::account_value);
    let cohort = |cohort: &v1::QueuedCohort| {
        json!({
            "place": cohort.place, "cohort": cohort.cohort, "name": cohort.name, "priority": cohort.priority().label(),
            "programme": cohort.programme, "centre": cohort.centre, "deadline": timestamp(cohort.deadline_ms),
            "ready": cohort.ready, "running": cohort.running, "waiting": cohort.waiting, "reason": cohort.reason,
        })
    };
    json!({
        "fair": answer.fair, "half_life_ms": answer.half_life_ms, "accounts": accounts.collect::<Vec<_>>(),
        "pools": answer.pools.iter().map(pools::value).collect::<Vec<_>>(),
        "cohorts": answer.cohorts.iter().map(cohort).collect::<Vec<_>>(),
    })
}

fn cohorts(cohorts: &[v1::QueuedCohort], explain: bool) -> String {
    if cohorts.is_empty() {
        return "nothing is queued\n".to_owned();
    }
    let mut header = vec![
        "place",
        "cohort",
        "name",
        "priority",
        "programme",
        "centre",
        "deadline",
        "ready",
        "running",
        "waiting",
    ];
    header.extend(explain.then_some("why"));
    let mut table = Table::new(&header);
    for cohort in cohorts {
        let mut row = vec![
            cohort.place.to_string(),
            cohort.cohort.to_string(),
            cohort.name.clone(),
            cohort.priority().label().to_owned(),
            cohort.programme.clone(),
            cohort.centre.clone(),
            match cohort.deadline_ms {
                0 => "-".to_owned(),
                given => timestamp(given),
            },
            cohort.ready.to_string(),
            cohort.running.to_string(),
            cohort.waiting.to_string(),
        ];
        row.extend(explain.then(|| match cohort.reason.as_str() {
            "" => "nothing of it is ready".to_owned(),
            reason => reason.to_owned(),
        }));
        table.row(row);
    }
    table.render()
}
