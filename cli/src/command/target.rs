//! `kumi target`: throughput targets and the way towards them.

use kumi_proto::v1;
use kumi_proto::v1::target_service_client::TargetServiceClient;
use serde_json::json;

use crate::args::{Remote, TargetCommand};
use crate::exit::{Code, Exit};
use crate::print;
use crate::request;
use crate::sheet::is_name;
use crate::table::{Table, parse_date, timestamp};

const DAY_MS: u64 = 86_400_000;

/// Runs the command.
///
/// # Errors
/// 2 for a date or name that is none, else what the scheduler answers.
pub async fn run(command: TargetCommand) -> anyhow::Result<()> {
    match command {
        TargetCommand::Set {
            programme,
            unit,
            count,
            by,
            remote,
        } => set(programme, unit, count, &by, &remote).await,
        TargetCommand::Show { programme, remote } => {
            show(programme.unwrap_or_default(), &remote).await
        }
    }
}

async fn set(
    programme: String,
    unit: String,
    count: u64,
    by: &str,
    remote: &Remote,
) -> anyhow::Result<()> {
    if !is_name(&programme) {
        return Err(Exit::new(
            Code::Usage,
            format!("--programme: `{programme}` is not a usable name"),
        )
        .into());
    }
    let start = parse_date(by).ok_or_else(|| {
        Exit::new(
            Code::Usage,
            format!("--by: `{by}` is not a date; write YYYY-MM-DD"),
        )
    })?;
    let target = v1::Target {
        programme,
        unit,
        count,
        deadline_ms: start + DAY_MS,
        set_ms: 0,
    };
    let asked = v1::SetTargetRequest {
        request_id: request::fresh_id(),
        target: Some(target),
    };
    remote
        .client()?
        .call(async |channel| TargetServiceClient::new(channel).set(asked.clone()).await)
        .await?;
    Ok(())
}

async fn show(programme: String, remote: &Remote) -> anyhow::Result<()> {
    let asked = v1::ShowTargetsRequest {
        programme,
        stale: false,
    };
    let answer = remote
        .client()?
        .call(async |channel| TargetServiceClient::new(channel).show(asked.clone()).await)
        .await?
        .into_inner();
    let values: Vec<_> = answer.targets.iter().map(value).collect();
    print::all(remote.output, &values, || table(&answer.targets));
    Ok(())
}

fn value(progress: &v1::TargetProgress) -> serde_json::Value {
    let target = progress.target.clone().unwrap_or_default();
    json!({
        "programme": target.programme, "unit": target.unit, "target": target.count,
        "deadline": timestamp(target.deadline_ms), "received": progress.received, "done": progress.completed,
        "failed": progress.failed, "required_per_day": progress.required_per_day,
        "actual_per_day": progress.actual_per_day, "projected": timestamp(progress.projected_ms),
    })
}

fn table(targets: &[v1::TargetProgress]) -> String {
    if targets.is_empty() {
        return "no targets; set one with `kumi target set`\n".to_owned();
    }
    let mut table = Table::new(&[
        "programme",
        "unit",
        "done",
        "target",
        "failed",
        "required/day",
        "actual/day",
        "deadline",
        "projected",
    ]);
    for progress in targets {
        let target = progress.target.clone().unwrap_or_default();
        let day = |ms: u64| timestamp(ms).chars().take(10).collect::<String>();
        table.row(vec![
            target.programme,
            target.unit,
            format!("{:.1}", progress.completed),
            target.count.to_string(),
            format!("{:.1}", progress.failed),
            format!("{:.2}", progress.required_per_day),
            format!("{:.2}", progress.actual_per_day),
            day(target.deadline_ms.saturating_sub(1)),
            day(progress.projected_ms),
        ]);
    }
    table.render()
}
