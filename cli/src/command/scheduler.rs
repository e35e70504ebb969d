//! `kumi scheduler`: one node of the replicated scheduler, until it is told to stop.

use kumi_server::{Config, ConfigError};

use crate::args::SchedulerArgs;
use crate::exit::{Code, Exit};
use crate::logging;
use crate::print;
use crate::signals::Signals;

/// Runs the command.
///
/// # Errors
/// 78 for a configuration that cannot work, 73 when it cannot start, 130 or 143 when it was told to stop.
pub async fn run(args: SchedulerArgs) -> anyhow::Result<()> {
    let config = configuration(&args)?;
    if args.print_config {
        print::text(&config.to_toml());
        return Ok(());
    }
    if args.check_config {
        eprintln!(
            "the configuration of node {} is in order",
            config.scheduler.id
        );
        return Ok(());
    }
    logging::to_stderr(args.log_format)?;
    let mut signals = Signals::new()?;
    let server = kumi_server::start(config).await.map_err(|error| {
        let message = format!(
            "the scheduler does not start: {}",
            kumi_worker::fault::chain(&error)
        );
        Exit::new(Code::CannotCreate, message)
    })?;
    tracing::info!(address = %server.grpc_address(), metrics = ?server.metrics_address(), "listening");
    let code = tokio::select! {
        biased;
        code = signals.next() => code,
        ended = server.stopped() => {
            let why = ended.err().map_or_else(|| "it stopped".to_owned(), |error| kumi_worker::fault::chain(&error));
            return Err(Exit::new(Code::Internal, format!("the scheduler ended: {why}")).into());
        }
    };
    tracing::info!("stopping");
    server.shutdown().await;
    tracing::info!("stopped");
    Err(Exit::new(code, "").into())
}

/// The file, under the environment, under the flags.
pub(super) fn configuration(args: &SchedulerArgs) -> Result<Config, Exit> {
    Config::load(args.config.as_deref(), &flags(args)).map_err(|error| {
        let code = match &error {
            ConfigError::Read { .. } => Code::MissingInput,
            _ => Code::Configuration,
        };
        let what = kumi_worker::fault::chain(&error);
        Exit::new(code, what.trim_end())
    })
}

/// The flags as the keys they stand for.
fn flags(args: &SchedulerArgs) -> Vec<(&'static str, String)> {
    let data_dir = args
        .data_dir
        .as_ref()
        .map(|path| path.to_string_lossy().into_owned());
    let pairs = [
        ("id", args.id.map(|id| id.to_string())),
        ("cluster", args.cluster.clone()),
        ("listen", args.listen.clone()),
        ("advertise", args.advertise.clone()),
        ("metrics_listen", args.metrics_listen.clone()),
        ("data_dir", data_dir),
        ("join", args.join.then(|| true.to_string())),
    ];
    pairs
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
        .chain(args.tls.keys())
        .collect()
}
