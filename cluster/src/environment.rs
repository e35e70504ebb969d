//! What a node stands on. The defaults are the machine's; a simulation brings its own.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kumi_proto::dial::Dial;

use crate::desk::Desk;
use crate::limits;
use crate::store::StoreError;
use crate::store::disk::DiskLog;
use crate::store::records::Identity;

/// What drives a node's event loop.
#[derive(Clone)]
pub enum Drive {
    /// A thread of its own, since writes to disk block.
    Thread,
    /// A task of the current runtime: for a simulation, whose writes return at once. It tells how long those
    /// since it was last asked would have held up the loop.
    Task(Arc<dyn Fn() -> Duration + Send + Sync>),
}

impl Drive {
    /// Runs `work` to its end.
    pub(crate) fn run(
        self,
        name: String,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        match self {
            Self::Task(_) => {
                tokio::spawn(work);
            }
            Self::Thread => {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_time()
                    .build()?;
                std::thread::Builder::new()
                    .name(name)
                    .spawn(move || runtime.block_on(work))?;
            }
        }
        Ok(())
    }

    /// Lets so many proposals gather, if they come soon.
    pub(crate) async fn gather<O>(&self, desk: &Desk<O>, wanted: usize) {
        let while_they_come = Duration::from_micros(limits::GATHER_US);
        match self {
            // The thread is the loop's alone, and tokio counts whole milliseconds.
            Self::Thread => desk.gather(wanted, while_they_come),
            Self::Task(_) => tokio::time::sleep(while_they_come).await,
        }
    }

    /// Waits as long as simulated writes take.
    pub(crate) async fn written(&self) {
        if let Self::Task(writes) = self {
            let took = writes();
            if !took.is_zero() {
                tokio::time::sleep(took).await;
            }
        }
    }
}

impl fmt::Debug for Drive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Thread => "Thread",
            Self::Task(_) => "Task",
        })
    }
}

/// How a node reaches its peers, where its log lies, and what drives its loop.
pub struct Environment {
    /// How peers are reached.
    pub dial: Dial,
    /// What drives the loop.
    pub drive: Drive,
    /// Whether the audit log is kept, in the data folder.
    pub audit: bool,
    open: Open,
}

type Open = Box<dyn FnOnce(&Path, &Identity) -> Result<DiskLog, StoreError> + Send>;

impl Environment {
    /// An environment whose log is opened by `open`, which may pass over the data folder, and that keeps no
    /// audit log.
    pub fn new(
        dial: Dial,
        drive: Drive,
        open: impl FnOnce(&Path, &Identity) -> Result<DiskLog, StoreError> + Send + 'static,
    ) -> Self {
        Self {
            dial,
            drive,
            audit: false,
            open: Box::new(open),
        }
    }

    pub(crate) fn open(self, folder: &Path, identity: &Identity) -> Result<DiskLog, StoreError> {
        (self.open)(folder, identity)
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            audit: true,
            ..Self::new(Dial::default(), Drive::Thread, DiskLog::open)
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("drive", &self.drive)
            .finish_non_exhaustive()
    }
}
