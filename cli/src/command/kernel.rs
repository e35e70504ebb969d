//! `kumi kernel`: one kernel on one machine, on plain files.

mod align;

use crate::args::KernelCommand;

/// Runs the command.
///
/// # Errors
/// 65 for data that are wrong, 66 for files that are missing, 73 or 74 for an output that cannot be written.
pub fn run(command: KernelCommand) -> anyhow::Result<()> {
    match command {
        KernelCommand::Align(args) => align::run(&args),
    }
}
