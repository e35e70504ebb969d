//! The `kumi` binary.

use std::process::ExitCode;

use clap::Parser;
use kumi_cli::args::Cli;
use kumi_cli::exit::code_of;

/// musl's allocator has one lock for all threads: docs/adr/0018-static-binary.md.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("kumi: the runtime cannot start: {error}");
            return ExitCode::from(70);
        }
    };
    let result = runtime.block_on(kumi_cli::main(cli));
    // Whatever still computes is abandoned: a file without its name harms nobody.
    runtime.shutdown_background();
    match result {
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
