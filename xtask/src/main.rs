//! What a person or CI runs besides cargo: `cargo xtask TASK`.

mod accuracy;

use std::process::ExitCode;

use clap::Parser;

/// Tasks of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Run the kernels on real data and print what they reach beside the least they must
    Accuracy(accuracy::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    match Task::parse() {
        Task::Accuracy(args) => accuracy::run(&args),
    }
}
