//! SIGINT and SIGTERM.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::exit::{Code, Exit};

/// The signals by which a process is asked to stop.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Takes the signals over from the system's default, which would kill the process.
    ///
    /// # Errors
    /// 70 when the system refuses.
    pub fn new() -> Result<Self, Exit> {
        let listen = |kind| {
            signal(kind).map_err(|error| Exit::new(Code::Internal, format!("signals: {error}")))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Waits for the next; the exit code it asks for: 130 or 143.
    pub async fn next(&mut self) -> Code {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Code::Terminated,
            _ = self.interrupt.recv() => Code::Interrupted,
        }
    }
}
