//! The `kumi` binary.

use std::process::ExitCode;

use clap::Parser;
use kumi_cli::args::Cli;
use kumi_cli::exit::code_of;

fn main() -> ExitCode {
    match kumi_cli::run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let message = format!("{error:#}");
            if !message.is_empty() {
                eprintln!("kumi: {message}");
            }
            ExitCode::from(code_of(&error))
        }
    }
}
