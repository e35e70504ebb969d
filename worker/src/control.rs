//! What a running task and those who look after it tell each other: stop, split, and how far it is.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::fault::Fault;

/// Parts of which a progress of 1 is made.
const WHOLE: f32 = 1_000_000.0;

/// Shared between a task's threads and the daemon.
#[derive(Debug, Default)]
pub struct Control {
    stop: AtomicBool,
    split: AtomicBool,
    progress: AtomicU32,
    /// How many checks pass before it stops by itself.
    #[cfg(test)]
    fuse: Option<AtomicU32>,
}

impl Control {
    /// Asks the task to stop at its next convenience.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Asks a call task to end soon with what it has done and to leave the rest to others.
    pub fn split(&self) {
        self.split.store(true, Ordering::Relaxed);
    }

    /// Whether the task was asked to split.
    #[must_use]
    pub fn should_split(&self) -> bool {
        self.split.load(Ordering::Relaxed)
    }

    /// Goes on, or ends the task when it was asked to stop. Tasks call it between batches.
    pub fn check(&self) -> Result<(), Fault> {
        #[cfg(test)]
        if let Some(fuse) = &self.fuse
            && fuse.fetch_sub(1, Ordering::Relaxed) == 0
        {
            self.stop();
        }
        if self.stop.load(Ordering::Relaxed) {
            Err(Fault::stopped())
        } else {
            Ok(())
        }
    }

    /// Stops by itself at the check after `checks` that passed.
    #[cfg(test)]
    pub(crate) fn stopping_after(checks: u32) -> Self {
        Self {
            fuse: Some(AtomicU32::new(checks)),
            ..Self::default()
        }
    }

    /// How far the task is: 0..1.
    #[must_use]
    pub fn progress(&self) -> f32 {
        self.progress.load(Ordering::Relaxed) as f32 / WHOLE
    }

    /// The task is at `done` of `total`, which makes up the part `from..to` of all its work.
    pub(crate) fn advance(&self, from: f32, to: f32, done: u64, total: u64) {
        let share = (done as f64 / total.max(1) as f64).min(1.0) as f32;
        let progress = from + (to - from) * share;
        self.progress
            .fetch_max((progress * WHOLE) as u32, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Control;

    #[test]
    fn progress_only_grows_and_stays_below_one() {
        let control = Control::default();
        control.advance(0.0, 0.5, 3, 4);
        assert!((control.progress() - 0.375).abs() < 1e-5);
        control.advance(0.0, 0.5, 1, 4);
        assert!((control.progress() - 0.375).abs() < 1e-5);
        control.advance(0.5, 1.0, 9, 4);
        assert!((control.progress() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn a_stopped_task_is_told_at_its_next_check() {
        let control = Control::default();
        assert!(control.check().is_ok());
        control.stop();
        assert!(control.check().is_err());
    }
}
