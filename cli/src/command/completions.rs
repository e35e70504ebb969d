//! `kumi completions` and `kumi man`: made from the command line as it is parsed, so that they say the same.

use std::path::Path;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::{Code, Exit};
use crate::print;

/// Prints what a shell completes `kumi` with.
pub fn completions(shell: Shell) {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "kumi", &mut text);
    print::text(&String::from_utf8_lossy(&text));
}

/// Writes a manual page for the command and each of its subcommands.
///
/// # Errors
/// 73 when the folder cannot be written to.
pub fn manual(dir: &Path) -> Result<(), Exit> {
    let written = std::fs::create_dir_all(dir)
        .and_then(|()| clap_mangen::generate_to(Cli::command().disable_help_subcommand(true), dir));
    written.map_err(|error| Exit::new(Code::CannotCreate, format!("{}: {error}", dir.display())))
}
