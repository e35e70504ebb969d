//! What a release whose genotypes stay in the store is exported from.

use kumi_proto::ids::{CohortId, WorkerId};
use kumi_proto::v1;
use kumi_proto::v1::Stage;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::Outcome;

use crate::support::{Checked, Shape, finished, hello, manifest, pick};

struct Lab {
    checked: Checked,
    worker: WorkerId,
}

impl Lab {
    fn new() -> Self {
        let mut checked = Checked::default();
        let worker = checked.register(1, hello("w", "1", 8, 64));
        Self { checked, worker }
    }

    /// Opens a cohort of three gVCFs in two shards, so many samples to a batch.
    fn open(&mut self, batch_samples: u32) -> u64 {
        let names = ["A", "B", "C"].map(str::to_owned);
        let shape = Shape {
            request_id: batch_samples.to_string(),
            samples: names.to_vec(),
            from_gvcf: names.to_vec(),
            batch_samples,
            joint_shards: 2,
            index_given: true,
            genotypes: v1::Genotypes::Store,
            ..Shape::default()
        };
        match self.checked.apply(1, shape.open()) {
            Outcome::Opened { cohort, .. } => cohort.0,
            other => panic!("{other:?}"),
        }
    }

    /// Does what is ready and wanted until nothing is.
    fn work(&mut self, wanted: impl Fn(&v1::TaskId) -> bool) {
        loop {
            let mut tasks = pick(&self.checked, self.worker);
            tasks.retain(|task| wanted(task));
            if tasks.is_empty() {
                return;
            }
            for start in self.checked.grant(1, self.worker, tasks) {
                let spec = start.spec.expect("a specification");
                let result = Finished::Manifest(manifest(&spec));
                let finished = vec![finished(start.attempt, spec.task, result)];
                let worker = self.worker.0;
                self.checked
                    .apply(1, Kind::Settle(v1::Settle { worker, finished }));
            }
        }
    }

    /// How many batches each shard of a release is exported from.
    fn batches(&self, cohort: u64) -> Option<Vec<usize>> {
        let source = self.checked.state.release_source(CohortId(cohort))?;
        let batches = source.shards.iter().map(|shard| shard.batches.len());
        Some(batches.collect())
    }
}

fn is_before_joint(stage: Stage) -> bool {
    matches!(stage, Stage::Gvcf | Stage::Ingest | Stage::Census)
}

/// Of two cohorts of the same samples that run at the same time, each counts a shard. Neither has ingested both, and
/// the release, which is one, was made from the censuses of both.
#[test]
fn a_release_is_exported_from_the_shards_of_all_who_counted_it() {
    let mut lab = Lab::new();
    let (ones, twos) = (lab.open(1), lab.open(2));
    for (cohort, column) in [(ones, 0), (twos, 1)] {
        lab.work(|task| {
            let gvcf = task.stage() == Stage::Gvcf;
            let counts = task.cohort == cohort && task.column == column;
            gvcf || counts && is_before_joint(task.stage())
        });
    }
    assert_eq!(lab.batches(twos), None);
    lab.work(|task| !is_before_joint(task.stage()));
    for cohort in [ones, twos] {
        assert!(lab.checked.state.releases(Some(CohortId(cohort))).len() == 1);
        assert_eq!(lab.batches(cohort), Some(vec![3, 2]));
    }
    lab.checked.restart();
    assert_eq!(lab.batches(ones), Some(vec![3, 2]));
}
