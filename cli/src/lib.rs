//! The `kumi` command: the one place where the control plane and the data plane are wired together.
//!
//! Everything a person types is parsed in `args`; every noun has a module in `command`. What a cohort is
//! made from is read and checked here (`cohort_file`, `sheet`, `check`) before anything is submitted.

pub mod args;
pub mod check;
pub mod cohort_file;
pub mod command;
pub mod exit;
pub mod fingerprint;
pub mod indexed;
pub mod print;
pub mod problem;
pub mod sheet;
pub mod table;
pub mod threads;

/// Runs a parsed command line to its end.
///
/// # Errors
/// Whatever ends the command early; `exit::code_of` gives the process's exit code for it.
pub fn run(cli: args::Cli) -> anyhow::Result<()> {
    use args::Command;
    match cli.command {
        Command::Cohort(command) => command::cohort::run(command),
        Command::Reference(command) => command::reference::run(command),
        Command::Kernel(command) => command::kernel::run(command),
    }
}
