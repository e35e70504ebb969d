//! `kumi worker start`: the worker daemon, until it is told to stop.

use kumi_worker::capabilities::{machine_cores, machine_memory};
use kumi_worker::daemon;

use crate::args::StartArgs;
use crate::exit::{Code, Exit};
use crate::logging;
use crate::sheet::is_name;
use crate::signals::Signals;

/// Runs the command.
///
/// # Errors
/// 2 for a name that is none, 73 when it cannot start, 130 or 143 when it was told to stop.
pub(crate) async fn run(args: StartArgs) -> anyhow::Result<()> {
    let name = args.name.clone().unwrap_or_else(host_name);
    if !is_name(&name) {
        let message = format!(
            "--name: `{name}` is not a usable name: up to 128 letters, digits, `.`, `_` and `-`"
        );
        return Err(Exit::new(Code::Usage, message).into());
    }
    logging::to_stderr(args.log_format)?;
    let mut signals = Signals::new()?;
    let worker = daemon::start(config(name, args)).await.map_err(|error| {
        let message = format!(
            "the worker does not start: {}",
            kumi_worker::fault::chain(&error)
        );
        Exit::new(Code::CannotCreate, message)
    })?;
    tracing::info!(metrics = ?worker.metrics_address(), "started");
    let mut stop: Option<Code> = None;
    loop {
        tokio::select! {
            biased;
            code = signals.next() => match stop {
                None => {
                    tracing::info!("draining: what runs is finished; a second signal stops at once");
                    worker.drain();
                    stop = Some(code);
                }
                Some(_) => worker.shutdown(),
            },
            () = worker.stopped() => break,
        }
    }
    tracing::info!("stopped");
    match stop {
        Some(code) => Err(Exit::new(code, "").into()),
        None => Ok(()),
    }
}

fn config(name: String, args: StartArgs) -> daemon::Config {
    daemon::Config {
        name,
        endpoints: args.endpoint,
        cores: args.cores.unwrap_or_else(machine_cores),
        memory_bytes: args.memory.unwrap_or_else(|| machine_memory() / 10 * 9),
        scratch: args.scratch.unwrap_or_else(std::env::temp_dir),
        metrics: args.metrics_address,
        report_interval: args.report_interval,
    }
}

/// The host's name up to the first dot.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().split('.').next().unwrap_or_default();
    if name.is_empty() {
        "worker".to_owned()
    } else {
        name.to_owned()
    }
}
