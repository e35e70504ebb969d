//! The `kumi` command: the one place where the control plane and the data plane are wired together.
//!
//! Everything a person types is parsed in `args`; every noun has a module in `command`. What a cohort is
//! made from is read and checked here (`cohort_file`, `sheet`, `check`) before anything is submitted.

pub mod args;
pub mod check;
pub mod client;
mod client_config;
pub mod cohort_file;
pub mod command;
mod config_file;
pub mod exit;
pub mod follow;
pub mod logging;
pub mod paint;
pub mod policy_file;
pub mod print;
pub mod problem;
pub mod progress;
pub mod publish;
pub mod remote;
pub mod report;
pub mod request;
pub mod run;
pub mod sheet;
pub mod signals;
pub mod submit;
pub mod table;
pub mod threads;

/// Runs a parsed command line to its end.
///
/// # Errors
/// Whatever ends the command early; `exit::code_of` gives the process's exit code for it.
pub async fn main(cli: args::Cli) -> anyhow::Result<()> {
    use args::Command;
    match cli.command {
        Command::Run(args) => run::run(args).await,
        Command::Scheduler(args) => command::scheduler::run(args).await,
        Command::Cohort(command) => command::cohort::run(command).await,
        Command::Worker(command) => command::worker::run(command).await,
        Command::Audit(command) => command::audit::run(command).await,
        Command::Cluster(command) => command::cluster::run(command).await,
        Command::Release(command) => command::release::run(command).await,
        Command::Queue(command) => command::queue::run(command).await,
        Command::Policy(command) => command::queue::policy(command).await,
        Command::Target(command) => command::target::run(command).await,
        Command::Reference(command) => blocking(|| command::reference::run(command)).await,
        Command::Certs(command) => blocking(|| command::certs::run(command)).await,
        Command::Kernel(command) => blocking(|| command::kernel::run(command)).await,
        Command::Doctor(args) => command::doctor::run(args).await,
        Command::Completions { shell } => {
            command::completions::completions(shell);
            Ok(())
        }
        Command::Man { dir } => Ok(command::completions::manual(&dir)?),
    }
}

/// Runs what computes or waits for disks on a thread of its own.
async fn blocking(
    work: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    tokio::task::spawn_blocking(work).await?
}
