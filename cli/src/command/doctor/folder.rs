//! A folder that is written to: scratch, a store, a scheduler's log.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::fs::{statfs, statvfs};

use crate::command::doctor::filesystem::{self, Kind};
use crate::command::doctor::finding::Finding;
use crate::command::doctor::limits;
use crate::table::bytes;

/// Syncs whose median is told.
const SYNCS: usize = 5;
/// What is written before each, bytes.
const BLOCK: usize = 4_096;

/// What a folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// What tasks spill; made when absent.
    Scratch,
    /// What is published, on a filesystem that all share; it must be there.
    Store,
    /// A scheduler's log and snapshots; made when absent.
    Log,
}

impl Purpose {
    fn check(self) -> &'static str {
        match self {
            Self::Scratch => "scratch",
            Self::Store => "store",
            Self::Log => "data-dir",
        }
    }
}

/// A folder that was tried.
pub(super) struct Facts {
    pub(super) path: PathBuf,
    pub(super) purpose: Purpose,
    pub(super) tried: Result<Tried, Failed>,
}

/// What was measured.
pub(super) struct Tried {
    /// Where: the folder, or what is there of the way to it.
    pub(super) at: PathBuf,
    pub(super) filesystem: (String, Kind),
    pub(super) free_bytes: u64,
    /// None on filesystems that count none.
    pub(super) free_inodes: Option<u64>,
    /// Of a block of 4 KiB, median, microseconds.
    pub(super) sync_us: u64,
}

/// The step that failed, and how.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) step: &'static str,
    pub(super) error: io::Error,
}

/// Tries a folder; nothing of it stays.
pub(super) fn gather(path: &Path, purpose: Purpose) -> Facts {
    Facts {
        path: path.to_owned(),
        purpose,
        tried: within(limits::FOLDER_PATIENCE, path, move |path| {
            attempt(path, purpose)
        }),
    }
}

/// What comes of trying a path, if it comes in time: calls to the filesystem of a server that is gone do not return, and a
/// thread that hangs in one ends with the process.
fn within(
    patience: Duration,
    path: &Path,
    attempt: impl FnOnce(&Path) -> Result<Tried, Failed> + Send + 'static,
) -> Result<Tried, Failed> {
    let (tell, told) = mpsc::channel();
    let path = path.to_owned();
    // Nobody listens any more to who comes too late.
    std::thread::spawn(move || drop(tell.send(attempt(&path))));
    told.recv_timeout(patience).unwrap_or_else(|_| {
        Err(Failed {
            step: "wait any longer for",
            error: io::ErrorKind::TimedOut.into(),
        })
    })
}

fn attempt(path: &Path, purpose: Purpose) -> Result<Tried, Failed> {
    let step = |step| move |error| Failed { step, error };
    let at = match purpose {
        Purpose::Store => path,
        Purpose::Scratch | Purpose::Log => existing(path),
    };
    let metadata = fs::metadata(at).map_err(step("look at"))?;
    if !metadata.is_dir() {
        return Err(step("open")(io::ErrorKind::NotADirectory.into()));
    }
    let kind = statfs(at).map_err(|error| step("ask about")(error.into()))?;
    let space = statvfs(at).map_err(|error| step("ask about")(error.into()))?;
    let made = tempfile::Builder::new()
        .prefix(".kumi-doctor-")
        .tempdir_in(at)
        .map_err(step("make a folder in"))?;
    let (staged, name) = (made.path().join(".staged"), made.path().join("name"));
    let mut file = File::create(&staged).map_err(step("make a file in"))?;
    let mut took = [0; SYNCS];
    for took in &mut took {
        file.write_all(&[0x4B; BLOCK]).map_err(step("write to"))?;
        let begin = Instant::now();
        file.sync_all().map_err(step("sync a file in"))?;
        *took = u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX);
    }
    took.sort_unstable();
    fs::rename(&staged, &name).map_err(step("rename in"))?;
    let folder = File::open(made.path()).and_then(|folder| folder.sync_all());
    folder.map_err(step("sync a folder in"))?;
    made.close().map_err(step("remove from"))?;
    Ok(Tried {
        at: at.to_owned(),
        filesystem: filesystem::of(magic(kind.f_type)),
        free_bytes: space.f_bavail.saturating_mul(space.f_frsize),
        free_inodes: (space.f_files > 0).then_some(space.f_favail),
        sync_us: took[SYNCS / 2],
    })
}

/// The number without its sign: it has other widths on other machines.
fn magic(number: impl TryInto<i64>) -> u64 {
    let number = number.try_into().unwrap_or_default();
    u64::from(number as u32)
}

/// The folder, or the nearest one above it that is there.
fn existing(path: &Path) -> &Path {
    let mut above = path.ancestors();
    let found = above.find(|path| path.exists());
    match found {
        Some(found) => found,
        // A relative path of which nothing is there yet.
        None => Path::new("."),
    }
}

/// Whether it is good for its purpose.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let check = facts.purpose.check();
    let path = facts.path.display();
    let tried = match &facts.tried {
        Ok(tried) => tried,
        Err(failed) => {
            let found = format!("cannot {} {path}: {}", failed.step, failed.error);
            let needed = "a folder that can be written to, whose files can be synced and renamed";
            let mend = mend(facts, &failed.error);
            return vec![Finding::ok(check, found).fail(needed, mend)];
        }
    };
    let (name, kind) = &tried.filesystem;
    let below = if tried.at == facts.path {
        String::new()
    } else {
        format!(" (will be made below {})", tried.at.display())
    };
    let found = format!(
        "{path}{below}: {name}, {} free, sync {:.1} ms",
        bytes(tried.free_bytes),
        tried.sync_us as f64 / 1e3
    );
    let found = Finding::ok(check, found);
    vec![
        placed(&found, facts.purpose, *kind)
            .or_else(|| room(&found, facts.purpose, tried))
            .or_else(|| speed(&found, facts.purpose, tried))
            .unwrap_or(found),
    ]
}

fn mend(facts: &Facts, error: &io::Error) -> String {
    let path = facts.path.display();
    match error.kind() {
        io::ErrorKind::NotFound => format!("mkdir -p {path}, or mount what belongs there"),
        io::ErrorKind::PermissionDenied => {
            format!("chown $(id -u) {path}, or name a folder of this user")
        }
        io::ErrorKind::ReadOnlyFilesystem => format!("mount -o remount,rw, or move {path}"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "free space there, or raise the quota".to_owned()
        }
        io::ErrorKind::TimedOut => {
            format!("see whether `df {path}` ends; mount it again, or ask whoever runs its server")
        }
        _ => format!("try `touch {path}/x && sync {path}/x`, and look at dmesg"),
    }
}

fn placed(found: &Finding, purpose: Purpose, kind: Kind) -> Option<Finding> {
    let found = found.clone();
    Some(match (purpose, kind) {
        (Purpose::Log, Kind::Network) => found.fail(
            "a local disk: a network that hangs must not stop the scheduler",
            "set scheduler.data_dir to a folder on a local disk",
        ),
        (Purpose::Log, Kind::Memory) => found.fail(
            "a disk: what a majority forgets at a power cut is lost",
            "set scheduler.data_dir to a folder on a local disk",
        ),
        (Purpose::Scratch, Kind::Network) => found.warn(
            "a fast local disk: sorting spills here what it reads back at once",
            "set worker.scratch to a folder on a local disk (in Slurm: $TMPDIR or /local)",
        ),
        (Purpose::Scratch, Kind::Memory) => found.warn(
            "a disk: what is spilled here takes the memory that tasks were promised",
            "set worker.scratch to a folder on a local disk, or lower worker.memory",
        ),
        (Purpose::Store, Kind::Memory) => found.warn(
            "a filesystem that all workers share and that outlives a reboot",
            "name a folder on the shared filesystem",
        ),
        _ => return None,
    })
}

fn room(found: &Finding, purpose: Purpose, tried: &Tried) -> Option<Finding> {
    let found = found.clone();
    let most = match purpose {
        Purpose::Log => limits::FREE_LOG,
        Purpose::Scratch => limits::FREE_SCRATCH,
        Purpose::Store => limits::FREE_STORE,
    };
    let mend = "free space there, or name a larger filesystem";
    if let Some(inodes) = tried.free_inodes
        && inodes < limits::INODES_MIN
    {
        let needed = format!(
            "{} free inodes (df -i); {inodes} are left",
            limits::INODES_MIN
        );
        return Some(found.fail(&needed, mend));
    }
    if tried.free_bytes < limits::FREE_MIN {
        return Some(found.fail("1 GiB free", mend));
    }
    let needed = match purpose {
        Purpose::Log => "10 GiB free for the log and its snapshots",
        Purpose::Scratch => "240 GB free for each human genome of 30x that is aligned at a time",
        Purpose::Store => "100 GiB free for each human genome that is on its way",
    };
    (tried.free_bytes < most).then(|| found.warn(needed, mend))
}

fn speed(found: &Finding, purpose: Purpose, tried: &Tried) -> Option<Finding> {
    let slow = purpose == Purpose::Log && tried.sync_us > limits::LOG_SYNC_US;
    slow.then(|| {
        found.clone().warn(
            "a sync within 10 ms: every decision waits for one",
            "use a disk of its own, an SSD with power-loss protection (docs/runbook.md, \"A slow disk\")",
        )
    })
}

#[cfg(test)]
mod tests;
