//! `kumi worker start`: the worker daemon, until it is told to stop.

use kumi_worker::daemon;

use crate::args::StartArgs;
use crate::command::worker::config;
use crate::exit::{Code, Exit};
use crate::logging;
use crate::print;
use crate::signals::Signals;

/// Runs the command.
///
/// # Errors
/// 2 for a name that is none, 66 or 78 for a configuration that is missing or wrong, 73 when it cannot start, 130 or 143 when it was told to stop.
pub(crate) async fn run(args: StartArgs) -> anyhow::Result<()> {
    let config = config::load(&args)?;
    if args.print_config {
        print::text(&config::to_toml(&config));
        return Ok(());
    }
    if args.check_config {
        eprintln!("the configuration of worker {} is in order", config.name);
        return Ok(());
    }
    logging::to_stderr(args.log_format)?;
    let mut signals = Signals::new()?;
    let grace = config.pool.as_ref().map(|pool| pool.grace);
    let worker = daemon::start(config).await.map_err(|error| {
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
                    match grace {
                        Some(grace) => worker.leave(grace),
                        None => worker.drain(),
                    }
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
