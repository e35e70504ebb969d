//! What a census is the sum of, whatever it begins from.

use std::collections::{BTreeMap, BTreeSet};

use kumi_proto::ids::WorkerId;
use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::{Outcome, version};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use crate::lab::Lab;
use crate::support::{Checked, Shape, finished, hello, manifest, pick};

/// A sample and the directory of its gVCF.
type Member = (String, String);

/// What tasks ingest and add up, by where they publish it.
#[derive(Default)]
pub(crate) struct Sums {
    ingested: BTreeMap<String, BTreeSet<Member>>,
    counted: BTreeMap<String, BTreeSet<Member>>,
    /// Who is in which release.
    released: BTreeMap<String, Vec<String>>,
    /// Censuses that began from others, and those of them that somebody was taken away from.
    begun: (usize, usize),
}

impl Sums {
    /// Follows what an attempt is told; the census of a directory is of the same samples whichever way it is added up.
    pub(crate) fn begin(&mut self, spec: &v1::Spec) {
        use v1::spec::Kind;
        let directory = spec.directory.clone();
        match spec.kind.as_ref() {
            Some(Kind::Ingest(ingest)) => {
                let gvcfs = ingest.gvcfs.iter().map(|gvcf| gvcf.directory.clone());
                let members = ingest.samples.iter().cloned().zip(gvcfs);
                self.ingested.insert(directory, members.collect());
            }
            Some(Kind::Census(census)) => {
                let counted = self.count(census);
                assert!(!counted.is_empty());
                self.begun.0 += usize::from(census.base.is_some());
                self.begun.1 += usize::from(!census.withdrawn.is_empty());
                let known = self.counted.entry(directory).or_insert(counted.clone());
                assert_eq!(*known, counted, "{census:?}");
            }
            Some(Kind::Joint(joint)) => {
                if let Some(census) = &joint.census {
                    let counted = self.counted[&census.directory].iter();
                    let names: Vec<&String> = counted.map(|(name, _)| name).collect();
                    assert_eq!(names, joint.samples.iter().collect::<Vec<_>>());
                }
            }
            Some(Kind::Release(release)) => {
                self.released.insert(directory, release.samples.clone());
            }
            _ => {}
        }
    }

    /// What a purge removes is all that there is of its samples, and nothing begins from it.
    pub(crate) fn commit(&mut self, spec: &v1::Spec) {
        if let Some(v1::spec::Kind::Purge(purge)) = &spec.kind {
            let named = |name: &String| purge.samples.contains(name);
            for (directory, samples) in &self.released {
                let removed = purge.directories.contains(directory);
                let purged = samples.iter().any(named);
                assert!(purged || !removed, "{directory} is of others");
            }
            for directory in &purge.directories {
                self.released.remove(directory);
                self.ingested.remove(directory);
                self.counted.remove(directory);
            }
            let (place, _) = spec.directory.split_once("/purges/").expect("a purge");
            let counted = self.counted.iter().map(|(directory, counted)| {
                let mut names = counted.iter().map(|(name, _)| name);
                (directory, names.any(named))
            });
            let released = self.released.iter();
            let released =
                released.map(|(directory, samples)| (directory, samples.iter().any(named)));
            for (directory, purged) in counted.chain(released) {
                let other = !directory.starts_with(&format!("{place}/"));
                assert!(other || !purged, "{directory} is left");
            }
        }
    }

    fn members(&self, batch: &v1::Batch) -> &BTreeSet<Member> {
        let segments = batch.segments.as_ref().expect("segments");
        &self.ingested[&segments.directory]
    }

    fn count(&self, census: &v1::CensusSpec) -> BTreeSet<Member> {
        let base = census.base.as_ref();
        let mut counted =
            base.map_or_else(BTreeSet::new, |base| self.counted[&base.directory].clone());
        for batch in &census.withdrawn {
            assert!(!batch.excluded.is_empty());
            let members = self.members(batch).iter();
            for member in members.filter(|(name, _)| batch.excluded.contains(name)) {
                assert!(counted.remove(member), "{member:?} was not counted");
            }
        }
        for batch in &census.batches {
            let members = self.members(batch).iter();
            for member in members.filter(|(name, _)| !batch.excluded.contains(name)) {
                assert!(counted.insert(member.clone()), "{member:?} is added twice");
            }
        }
        counted
    }
}

/// Releases a cohort of these samples, one to a batch; what censuses the worker was told.
fn release(lab: &mut Lab, samples: &[&str]) -> Vec<v1::CensusSpec> {
    let shape = Shape {
        samples: samples.iter().map(|name| (*name).to_owned()).collect(),
        batch_samples: 1,
        joint_shards: 1,
        index_given: true,
        ..Shape::default()
    };
    lab.open(&shape);
    let told = lab.work(|_| true).into_iter();
    let censuses = told.filter_map(|spec| match spec.kind {
        Some(v1::spec::Kind::Census(census)) => Some(census),
        _ => None,
    });
    censuses.collect()
}

/// A worker that would not read from what a census begins is given all batches, and so is every worker as long as not
/// all replicas keep what censuses are the sums of.
#[test]
fn a_census_begins_from_another_where_that_is_kept_and_read() {
    let before = version::KEPT_SUMS - 1;
    for (first, second, specs, begins) in [
        (version::KEPT_SUMS, version::KEPT_SUMS, specs::NEWEST, true),
        (version::KEPT_SUMS, version::KEPT_SUMS, 0, false),
        (before, before, specs::NEWEST, false),
        (before, version::KEPT_SUMS, specs::NEWEST, false),
    ] {
        let mut lab = Lab::new();
        lab.checked.specs = specs;
        lab.checked.version = first;
        release(&mut lab, &["A", "B"]);
        lab.checked.version = second;
        let censuses = release(&mut lab, &["A", "B", "C"]);
        let found = censuses.iter().map(|census| {
            let base = census.base.is_some();
            (base, census.batches.len(), census.withdrawn.len())
        });
        let batches = if begins { 1 } else { 3 };
        let expected = (begins, batches, 0);
        assert_eq!(
            found.collect::<Vec<_>>(),
            [expected],
            "{first} {second} {specs}"
        );
    }
}

/// Many releases, of which every one has a batch more: none reads more than one batch.
#[test]
fn a_census_costs_its_new_batch_however_many_there_were() {
    let names: Vec<String> = (0..40).map(|number| format!("S{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut lab = Lab::new();
    for samples in 1..=names.len() {
        let censuses = release(&mut lab, &names[..samples]);
        assert_eq!(censuses.len(), 1);
        assert_eq!(censuses[0].batches.len(), 1);
        assert_eq!(censuses[0].base.is_some(), samples > 1);
        lab.checked.restart();
    }
}

/// What happens to a cohort over the years; masks are of its samples.
#[derive(Clone, Debug)]
enum Step {
    Open {
        samples: u8,
        /// Samples that were sequenced elsewhere.
        given: u8,
        batch: u8,
        genotypes: v1::Genotypes,
    },
    Withdraw(u8),
    Readmit(u8),
    Purge,
    /// The files of a census, or of a batch, are gone.
    Lose(bool),
    /// The next census fails.
    Fail,
    /// So many tasks are done.
    Work(u8),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let genotypes = prop_oneof![
        2 => Just(v1::Genotypes::Vcf),
        1 => Just(v1::Genotypes::Store),
        1 => Just(v1::Genotypes::BcfChunks),
    ];
    let open = (any::<u8>(), any::<u8>(), 1u8..4, genotypes);
    prop_oneof![
        4 => open.prop_map(|(samples, given, batch, genotypes)| Step::Open { samples, given: given & 3, batch, genotypes }),
        3 => (0u8..6).prop_map(|one| Step::Withdraw(1 << one)),
        1 => any::<u8>().prop_map(Step::Readmit),
        1 => Just(Step::Purge),
        1 => any::<bool>().prop_map(Step::Lose),
        1 => Just(Step::Fail),
        2 => (1u8..20).prop_map(Step::Work),
        9 => Just(Step::Work(u8::MAX)),
        1 => Just(Step::Restart),
    ]
}

fn names(mask: u8) -> Vec<String> {
    let names = ["A", "B", "C", "D", "E", "F"].into_iter().zip(0..);
    let chosen = names.filter(|(_, bit)| mask >> bit & 1 == 1);
    chosen.map(|(name, _)| name.to_owned()).collect()
}

struct Years {
    checked: Checked,
    worker: WorkerId,
    sums: Sums,
    cohort: u64,
    fails: bool,
}

impl Years {
    fn new() -> Self {
        let mut checked = Checked::default();
        let worker = checked.register(1, hello("w", "1", 8, 64));
        Self {
            checked,
            worker,
            sums: Sums::default(),
            cohort: 0,
            fails: false,
        }
    }

    fn apply(&mut self, kind: Kind) {
        if let Outcome::Opened { cohort, .. } = self.checked.apply(1, kind) {
            self.cohort = cohort.0;
        }
    }

    fn withdraw(&mut self, mask: u8, undo: bool) {
        for name in names(mask) {
            self.apply(Kind::Withdraw(v1::Withdraw {
                cohort: self.cohort,
                samples: vec![name],
                undo,
                ..v1::Withdraw::default()
            }));
        }
    }

    fn take(&mut self, step: &Step) {
        let cohort = self.cohort;
        match *step {
            Step::Open {
                samples,
                given,
                batch,
                genotypes,
            } => {
                let shape = Shape {
                    samples: names(samples),
                    from_gvcf: names(given),
                    batch_samples: batch.into(),
                    index_given: true,
                    genotypes,
                    ..Shape::default()
                };
                self.apply(shape.open());
            }
            Step::Withdraw(mask) => {
                self.withdraw(mask, false);
                self.apply(Kind::Build(v1::Build {
                    cohort,
                    ..v1::Build::default()
                }));
            }
            Step::Readmit(mask) => self.withdraw(mask, true),
            Step::Purge => self.apply(Kind::Purge(v1::Purge {
                cohort,
                ..v1::Purge::default()
            })),
            Step::Lose(census) => {
                let stage = if census {
                    v1::Stage::Census
                } else {
                    v1::Stage::Ingest
                };
                let missing = v1::TaskId {
                    cohort,
                    stage: stage.into(),
                    ..v1::TaskId::default()
                };
                self.apply(Kind::Retry(v1::Retry {
                    cohort,
                    missing: vec![missing],
                    ..v1::Retry::default()
                }));
            }
            Step::Fail => self.fails = true,
            Step::Work(tasks) => self.work(tasks.into()),
            Step::Restart => self.checked.restart(),
        }
    }

    /// Does so many tasks, or all that there are.
    fn work(&mut self, most: u32) {
        for _ in 0..most {
            let mut tasks = pick(&self.checked, self.worker);
            tasks.truncate(1);
            if tasks.is_empty() {
                return;
            }
            for start in self.checked.grant(1, self.worker, tasks) {
                let spec = start.spec.expect("a specification");
                self.sums.begin(&spec);
                let counts = matches!(spec.kind, Some(v1::spec::Kind::Census(_)));
                let result = if counts && std::mem::take(&mut self.fails) {
                    Finished::Failure(v1::Failure {
                        class: v1::FailureClass::Transient.into(),
                        message: "damaged".to_owned(),
                    })
                } else {
                    self.sums.commit(&spec);
                    Finished::Manifest(manifest(&spec))
                };
                self.checked.apply(
                    1,
                    Kind::Settle(v1::Settle {
                        worker: self.worker.0,
                        finished: vec![finished(start.attempt, spec.task, result)],
                    }),
                );
            }
        }
    }
}

/// Whatever comes, goes, comes back, fails or is lost (384 walks from one seed): a census is the sum of those who are in the release, and a purge
/// finds all that count its samples.
#[test]
fn sums_are_of_those_who_are_released_whatever_happened_before() {
    let config = ProptestConfig {
        cases: 384,
        ..ProptestConfig::default()
    };
    let begun = std::cell::Cell::new((0, 0));
    let steps = prop::collection::vec(step(), 1..40);
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let ran = TestRunner::new_with_rng(config, rng).run(&steps, |steps| {
        let mut years = Years::new();
        for step in &steps {
            years.take(step);
        }
        years.work(u32::MAX);
        let (all, taken) = begun.get();
        begun.set((all + years.sums.begun.0, taken + years.sums.begun.1));
        Ok(())
    });
    ran.expect("holds");
    let (all, taken) = begun.get();
    assert!(all > 100 && taken > 20, "{all} {taken}");
}
