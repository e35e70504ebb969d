//! Where logs go: standard error for daemons, a file for `kumi run`, whose terminal shows progress.

use std::fs::File;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::args::LogFormat;
use crate::exit::{Code, Exit};

/// The variable that says what is logged, as `debug` or `info,kumi_server=debug`; `info` when not set.
const VARIABLE: &str = "KUMI_LOG";

/// Logs to standard error.
///
/// # Errors
/// 78 when `KUMI_LOG` makes no sense.
pub fn to_stderr(format: LogFormat) -> Result<(), Exit> {
    start(format, std::io::stderr)
}

/// Logs to a file, which starts empty.
///
/// # Errors
/// 73 when it cannot be created, 78 when `KUMI_LOG` makes no sense.
pub fn to_file(path: &Path) -> Result<(), Exit> {
    let file = File::create(path)
        .map_err(|error| Exit::new(Code::CannotCreate, format!("{}: {error}", path.display())))?;
    start(LogFormat::Text, Mutex::new(file))
}

fn start(
    format: LogFormat,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
) -> Result<(), Exit> {
    let wanted = std::env::var(VARIABLE).unwrap_or_else(|_| "info".to_owned());
    let filter = EnvFilter::try_new(&wanted).map_err(|error| {
        let message = format!("{VARIABLE}: {error}; write a level, as `info`, or levels by module");
        Exit::new(Code::Configuration, message)
    })?;
    let logger = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(false);
    let started = match format {
        LogFormat::Text => logger.try_init(),
        LogFormat::Json => logger.json().try_init(),
    };
    started.map_err(|error| Exit::new(Code::Internal, error.to_string()))
}
