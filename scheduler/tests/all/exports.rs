//! What a release whose genotypes stay in the store is exported from.

use kumi_proto::ids::CohortId;
use kumi_proto::v1;
use kumi_proto::v1::Stage;

use crate::lab::Lab;
use crate::support::Shape;

/// Three gVCFs in two shards, so many samples to a batch.
fn shape(batch_samples: u32) -> Shape {
    let names = ["A", "B", "C"].map(str::to_owned);
    Shape {
        request_id: batch_samples.to_string(),
        samples: names.to_vec(),
        from_gvcf: names.to_vec(),
        batch_samples,
        joint_shards: 2,
        index_given: true,
        genotypes: v1::Genotypes::Store,
        ..Shape::default()
    }
}

/// How many batches each shard of a release is exported from.
fn batches(lab: &Lab, cohort: u64) -> Option<Vec<usize>> {
    let source = lab.checked.state.release_source(CohortId(cohort))?;
    let batches = source.shards.iter().map(|shard| shard.batches.len());
    Some(batches.collect())
}

fn is_before_joint(stage: Stage) -> bool {
    matches!(stage, Stage::Gvcf | Stage::Ingest | Stage::Census)
}

/// Of two cohorts of the same samples that run at the same time, each counts a shard. Neither has ingested both, and
/// the release, which is one, was made from the censuses of both.
#[test]
fn a_release_is_exported_from_the_shards_of_all_who_counted_it() {
    let mut lab = Lab::new();
    let (ones, twos) = (lab.open(&shape(1)), lab.open(&shape(2)));
    for (cohort, column) in [(ones, 0), (twos, 1)] {
        lab.work(|task| {
            let gvcf = task.stage() == Stage::Gvcf;
            let counts = task.cohort == cohort && task.column == column;
            gvcf || counts && is_before_joint(task.stage())
        });
    }
    assert_eq!(batches(&lab, twos), None);
    lab.work(|task| !is_before_joint(task.stage()));
    for cohort in [ones, twos] {
        assert!(lab.checked.state.releases(Some(CohortId(cohort))).len() == 1);
        assert_eq!(batches(&lab, cohort), Some(vec![3, 2]));
    }
    lab.checked.restart();
    assert_eq!(batches(&lab, ones), Some(vec![3, 2]));
}
