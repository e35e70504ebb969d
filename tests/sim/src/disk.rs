//! A disk that forgets what was not synced, tears writes, fills up, is slow and rots; the backend of a node's real log.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redb::StorageBackend;

use crate::random::Random;

/// What a disk writes whole or not at all.
const SECTOR: usize = 512;

#[derive(Clone, Debug)]
enum Change {
    Length(u64),
    Write(u64, Vec<u8>),
}

#[derive(Debug, Default)]
struct Platter {
    /// What is there after a power loss.
    durable: Vec<u8>,
    /// What is read now.
    current: Vec<u8>,
    /// What leads from the one to the other.
    unsynced: Vec<Change>,
    /// Which process it is mounted in; those before it write no more.
    life: u64,
    full: bool,
    /// How long a sync takes, and what the syncs took that nobody has waited for, milliseconds.
    sync_ms: u64,
    owed_ms: u64,
    /// It refused something in this life because it was full.
    refused: bool,
    fault: Option<DiskFault>,
    /// What was there before the last sync.
    before_sync: Vec<u8>,
}

/// What is wrong with a disk: planted faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskFault {
    /// It says that it synced, and never does.
    NeverSyncs,
    /// What it synced last is lost with the power.
    LosesLastSync,
}

impl Platter {
    fn room(&mut self) -> io::Result<()> {
        self.refused |= self.full;
        if self.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }
}

/// The disk of one node. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Disk(Arc<Mutex<Platter>>);

impl Disk {
    /// An empty disk.
    #[must_use]
    pub fn new(fault: Option<DiskFault>) -> Self {
        let disk = Self::default();
        disk.platter().fault = fault;
        disk
    }

    fn platter(&self) -> MutexGuard<'_, Platter> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk in a new process.
    #[must_use]
    pub fn mount(&self) -> Mounted {
        let mut platter = self.platter();
        platter.life += 1;
        platter.refused = false;
        Mounted {
            disk: self.clone(),
            life: platter.life,
        }
    }

    /// The power fails: of what was not synced each change is lost, there, or there in part.
    pub fn lose_power(&self, random: &mut Random) {
        let mut platter = self.platter();
        platter.life += 1;
        if platter.fault == Some(DiskFault::LosesLastSync) {
            platter.unsynced.clear();
            platter.durable = std::mem::take(&mut platter.before_sync);
        }
        for change in std::mem::take(&mut platter.unsynced) {
            match (random.below(3), change) {
                (0, _) => {}
                (1, Change::Write(offset, bytes)) => {
                    let sectors = bytes.len().div_ceil(SECTOR) as u64;
                    let kept = random.below(sectors + 1) as usize * SECTOR;
                    let torn = bytes[..kept.min(bytes.len())].to_vec();
                    apply(&mut platter.durable, &Change::Write(offset, torn));
                }
                (_, change) => apply(&mut platter.durable, &change),
            }
        }
        platter.current = platter.durable.clone();
    }

    /// The process dies, the machine does not: nothing is lost.
    pub fn lose_process(&self) {
        self.platter().life += 1;
    }

    /// Whether it was full when the process that uses it last wanted to write.
    #[must_use]
    pub fn has_refused(&self) -> bool {
        self.platter().refused
    }

    /// From now on it takes no more, or takes it again.
    pub fn set_full(&self, full: bool) {
        self.platter().full = full;
    }

    /// From now on a sync takes so many milliseconds.
    pub fn set_slow(&self, sync_ms: u64) {
        self.platter().sync_ms = sync_ms;
    }

    /// What the syncs took since this was last asked.
    #[must_use]
    pub fn take_owed(&self) -> Duration {
        Duration::from_millis(std::mem::take(&mut self.platter().owed_ms))
    }

    /// One bit of what lies on it turns over.
    pub fn rot(&self, random: &mut Random) {
        let mut platter = self.platter();
        if platter.durable.is_empty() {
            return;
        }
        let at = random.below(platter.durable.len() as u64) as usize;
        let bit = 1 << random.below(8);
        platter.durable[at] ^= bit;
        if let Some(byte) = platter.current.get_mut(at) {
            *byte ^= bit;
        }
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Length(length) => bytes.resize(*length as usize, 0),
        Change::Write(offset, written) => {
            let offset = *offset as usize;
            let end = offset + written.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[offset..end].copy_from_slice(written);
        }
    }
}

/// A disk as one process sees it.
pub struct Mounted {
    disk: Disk,
    life: u64,
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted").field("life", &self.life).finish()
    }
}

impl Mounted {
    /// Which process it is, from 1.
    #[must_use]
    pub fn life(&self) -> u64 {
        self.life
    }

    fn platter(&self) -> io::Result<MutexGuard<'_, Platter>> {
        let platter = self.disk.platter();
        if platter.life == self.life {
            Ok(platter)
        } else {
            Err(io::Error::other("this process is dead"))
        }
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut platter = self.platter()?;
        let platter = &mut *platter;
        platter.room()?;
        apply(&mut platter.current, &change);
        platter.unsynced.push(change);
        Ok(())
    }
}

impl StorageBackend for Mounted {
    fn len(&self) -> io::Result<u64> {
        Ok(self.platter()?.current.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let platter = self.platter()?;
        let offset = offset as usize;
        let found = platter.current.get(offset..offset + out.len());
        let found = found.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.change(Change::Length(length))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut platter = self.platter()?;
        let platter = &mut *platter;
        platter.room()?;
        platter.owed_ms += platter.sync_ms;
        match platter.fault {
            Some(DiskFault::NeverSyncs) => return Ok(()),
            Some(DiskFault::LosesLastSync) => platter.before_sync = platter.durable.clone(),
            None => {}
        }
        for change in platter.unsynced.drain(..) {
            apply(&mut platter.durable, &change);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset, data.to_vec()))
    }
}
