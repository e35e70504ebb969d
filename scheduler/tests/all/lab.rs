//! A worker that does well whatever it is given.

use kumi_proto::ids::WorkerId;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::Outcome;

use crate::support::{Checked, Shape, finished, hello, manifest, pick};

/// A state and its one worker.
pub(crate) struct Lab {
    pub(crate) checked: Checked,
    worker: WorkerId,
}

impl Lab {
    /// Of the newest version.
    pub(crate) fn new() -> Self {
        let mut checked = Checked::default();
        let worker = checked.register(1, hello("w", "1", 8, 64));
        Self { checked, worker }
    }

    pub(crate) fn open(&mut self, shape: &Shape) -> u64 {
        match self.checked.apply(1, shape.open()) {
            Outcome::Opened { cohort, .. } => cohort.0,
            other => panic!("{other:?}"),
        }
    }

    /// Does what is ready and wanted until nothing is; what it was told.
    pub(crate) fn work(&mut self, wanted: impl Fn(&v1::TaskId) -> bool) -> Vec<v1::Spec> {
        let mut told = Vec::new();
        loop {
            let mut tasks = pick(&self.checked, self.worker);
            tasks.retain(|task| wanted(task));
            if tasks.is_empty() {
                return told;
            }
            for start in self.checked.grant(1, self.worker, tasks) {
                let spec = start.spec.expect("a specification");
                let result = Finished::Manifest(manifest(&spec));
                let finished = vec![finished(start.attempt, spec.task, result)];
                let worker = self.worker.0;
                self.checked
                    .apply(1, Kind::Settle(v1::Settle { worker, finished }));
                told.push(spec);
            }
        }
    }
}
