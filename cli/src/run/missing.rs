//! Which done tasks have lost their files.

use std::collections::BTreeMap;
use std::path::Path;

use kumi_proto::v1;
use kumi_worker::objects::Place;

use crate::exit::{Code, Exit};
use crate::remote;

/// What the published files of a cohort look like.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Files that are there with the size they were published with.
    pub(super) present: usize,
    /// Files that are not, relative to the root.
    pub(super) gone: Vec<String>,
    /// The tasks that made those, and the shards of a release, which nobody lists.
    pub(super) tasks: Vec<v1::TaskId>,
}

/// Compares what a cohort published with what is there. The reference index counts only when something
/// else has to be made again or is not made yet: nobody needs it otherwise.
pub(super) fn look(detail: &v1::CohortDetail) -> Result<Found, Exit> {
    let place = Place::parse(&detail.root);
    let root = &place.map_err(|error| Exit::new(Code::Internal, error.to_string()))?;
    let summary = detail.summary.clone().unwrap_or_default();
    let mut found = Found::default();
    let mut tasks = Vec::new();
    for sample in &detail.samples {
        if !found.all_there(root, sample.alignment.as_ref())? {
            tasks.push((v1::Stage::Align, sample.row, 0));
        }
        if !found.all_there(root, sample.gvcf.as_ref())? {
            // The scheduler has forgotten the shards it was made from.
            tasks.push((v1::Stage::Gvcf, sample.row, 0));
        }
    }
    let released = found.all_there(root, detail.release.as_ref())?;
    if !released || detail.release.is_none() {
        // Genotyping reads it.
        for ingested in &detail.store {
            if !found.all_there(root, ingested.segments.as_ref())? {
                tasks.push((v1::Stage::Ingest, ingested.batch, ingested.shard));
            }
        }
    }
    if !released {
        // Where genotypes stay in the store, shards are made from censuses.
        for stage in [v1::Stage::Census, v1::Stage::Joint] {
            let shards = 0..shards(&summary, stage);
            tasks.extend(shards.map(|column| (stage, 0, column)));
        }
        tasks.push((v1::Stage::Release, 0, 0));
    }
    let complete = summary.state() == v1::CohortState::Completed && tasks.is_empty();
    if !complete && !found.all_there(root, detail.reference.as_ref())? {
        tasks.insert(0, (v1::Stage::Index, 0, 0));
    }
    found.tasks = tasks
        .into_iter()
        .map(|(stage, row, column)| v1::TaskId {
            cohort: summary.cohort,
            stage: stage.into(),
            row,
            column,
        })
        .collect();
    Ok(found)
}

impl Found {
    /// Counts the files of a manifest; true when none is gone.
    fn all_there(&mut self, root: &Place, manifest: Option<&v1::Manifest>) -> Result<bool, Exit> {
        let Some(manifest) = manifest else {
            return Ok(true);
        };
        let sizes = sizes(root, &manifest.directory)?;
        let before = self.gone.len();
        for file in &manifest.files {
            if sizes(&file.name) == Some(file.size) {
                self.present += 1;
            } else {
                let relative = Path::new(&manifest.directory).join(&file.name);
                self.gone.push(relative.to_string_lossy().into_owned());
            }
        }
        Ok(self.gone.len() == before)
    }
}

/// The size of a file by its name, if it is there.
type Sizes = Box<dyn Fn(&str) -> Option<u64>>;

/// Tells the sizes of files in a directory, of those that are there.
fn sizes(root: &Place, directory: &str) -> Result<Sizes, Exit> {
    match root.join(directory) {
        Place::Path(folder) => Ok(Box::new(move |name| {
            let found = std::fs::metadata(folder.join(name)).ok()?;
            found.is_file().then_some(found.len())
        })),
        Place::Object(at) => {
            let listed = remote::objects().below(&at);
            let listed = listed.map_err(|error| Exit::new(Code::Io, error.to_string()))?;
            let listed: BTreeMap<String, u64> = listed.into_iter().collect();
            Ok(Box::new(move |name| listed.get(name).copied()))
        }
    }
}

/// How many shards there are of a stage.
fn shards(summary: &v1::CohortSummary, stage: v1::Stage) -> u32 {
    let mut stages = summary.stages.iter();
    let of_stage = stages.find(|s| s.stage() == stage);
    let tasks = of_stage.map_or(0, |s| {
        s.waiting
            + s.ready
            + s.running
            + s.done
            + s.failed
            + s.quarantined
            + s.cancelled
            + s.skipped
    });
    u32::try_from(tasks).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1;

    use super::look;

    fn manifest(directory: &str, names: &[&str]) -> Option<v1::Manifest> {
        let file = |name: &&str| v1::File {
            name: (*name).to_owned(),
            size: 4,
            sha256: String::new(),
        };
        Some(v1::Manifest {
            directory: directory.to_owned(),
            files: names.iter().map(file).collect(),
            ..Default::default()
        })
    }

    /// A cohort of one sample with one joint shard, complete.
    fn detail(root: &std::path::Path) -> v1::CohortDetail {
        let stage = |stage: v1::Stage, done| v1::StageProgress {
            stage: stage.into(),
            done,
            ..Default::default()
        };
        let detail = v1::CohortDetail {
            summary: Some(v1::CohortSummary {
                cohort: 3,
                state: v1::CohortState::Completed.into(),
                stages: [v1::Stage::Census, v1::Stage::Joint]
                    .map(|of| stage(of, 1))
                    .to_vec(),
                ..Default::default()
            }),
            samples: vec![v1::SampleStatus {
                name: "S".to_owned(),
                alignment: manifest("s", &["s.cram", "qc/s.txt"]),
                gvcf: manifest("s", &["s.g.vcf.gz"]),
                ..Default::default()
            }],
            release: manifest("c", &["c.vcf.gz"]),
            root: root.to_string_lossy().into_owned(),
            reference: manifest("r", &["r.kidx"]),
            store: vec![v1::IngestedShard {
                batch: 0,
                shard: 4,
                segments: manifest("b", &["b.segment.arrow"]),
            }],
        };
        std::fs::create_dir_all(root.join("s/qc")).expect("created");
        std::fs::create_dir_all(root.join("c")).expect("created");
        std::fs::create_dir_all(root.join("r")).expect("created");
        for name in [
            "s/s.cram",
            "s/qc/s.txt",
            "s/s.g.vcf.gz",
            "c/c.vcf.gz",
            "r/r.kidx",
        ] {
            std::fs::write(root.join(name), "data").expect("written");
        }
        detail
    }

    #[test]
    fn only_what_is_gone_or_shorter_is_named() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let detail = detail(root.path());
        let stages = || {
            let found = look(&detail).expect("looked");
            let names = found.tasks.iter().map(|task| {
                assert_eq!(task.cohort, 3);
                format!("{}{}", task.stage().label(), task.column)
            });
            (found.present, names.collect::<Vec<_>>())
        };
        assert_eq!(stages(), (4, vec![]));
        std::fs::remove_file(root.path().join("r/r.kidx")).expect("removed");
        assert_eq!(stages().1.len(), 0, "an index that nobody needs");
        std::fs::write(root.path().join("s/qc/s.txt"), "dat").expect("written");
        assert_eq!(stages(), (3, vec!["index0".into(), "align0".into()]));
        std::fs::write(root.path().join("s/qc/s.txt"), "data").expect("written");
        std::fs::remove_file(root.path().join("s/s.g.vcf.gz")).expect("removed");
        std::fs::remove_dir_all(root.path().join("c")).expect("removed");
        let expected = [
            "index0", "gvcf0", "ingest4", "census0", "joint0", "release0",
        ];
        assert_eq!(stages(), (2, expected.map(String::from).to_vec()));
    }
}
