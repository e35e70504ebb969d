//! What a census is the sum of, whatever it begins from.

use std::collections::{BTreeMap, BTreeSet};

use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::policy::{self, Offer};
use kumi_scheduler::{Outcome, State, version};

use crate::support::{Shape, finished, hello, manifest, stamped};

/// A sample and the directory of its gVCF.
type Member = (String, String);

/// What tasks ingest and add up, by where they publish it.
#[derive(Default)]
pub(crate) struct Sums {
    ingested: BTreeMap<String, BTreeSet<Member>>,
    counted: BTreeMap<String, BTreeSet<Member>>,
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
                eprintln!("SUM base={} batches={} gone={}", census.base.is_some(), census.batches.len(), census.withdrawn.len());
                let counted = self.count(census);
                assert!(!counted.is_empty());
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
            _ => {}
        }
    }

    /// What a purge removes is all that there is of its samples, and nothing begins from it.
    pub(crate) fn commit(&mut self, spec: &v1::Spec) {
        if let Some(v1::spec::Kind::Purge(purge)) = &spec.kind {
            for directory in &purge.directories {
                self.ingested.remove(directory);
                self.counted.remove(directory);
            }
            let (place, _) = spec.directory.split_once("/purges/").expect("a purge");
            let purged = |member: &Member| purge.samples.contains(&member.0);
            for (directory, counted) in &self.counted {
                let other = !directory.starts_with(&format!("{place}/"));
                assert!(other || !counted.iter().any(purged), "{directory} is left");
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
        for batch in &census.batches {
            let members = self.members(batch).iter();
            for member in members.filter(|(name, _)| !batch.excluded.contains(name)) {
                assert!(counted.insert(member.clone()), "{member:?} is added twice");
            }
        }
        for batch in &census.withdrawn {
            assert!(!batch.excluded.is_empty());
            let members = self.members(batch).iter();
            for member in members.filter(|(name, _)| batch.excluded.contains(name)) {
                assert!(counted.remove(member), "{member:?} was not counted");
            }
        }
        counted
    }
}

struct Lab {
    state: State,
    index: u64,
}

impl Lab {
    fn apply(&mut self, version: u32, kind: Kind) -> Outcome {
        self.index += 1;
        let outcome = self.state.apply(self.index, version, &stamped(1, kind));
        self.state.check();
        outcome
    }

    /// Releases a cohort of these samples, one to a batch, with a worker that reads so much; what censuses it was told.
    fn release(&mut self, samples: &[&str], version: u32, specs: u32) -> Vec<v1::CensusSpec> {
        let shape = Shape {
            samples: samples.iter().map(|name| (*name).to_owned()).collect(),
            batch_samples: 1,
            joint_shards: 1,
            index_given: true,
            ..Shape::default()
        };
        self.apply(version, shape.open());
        let hello = Some(hello("w", "1", 8, 64));
        let registered = self.apply(version, Kind::Register(v1::Register { hello }));
        let Outcome::Registered(worker) = registered else {
            panic!("{registered:?}");
        };
        let offer = Offer {
            worker,
            free_cores: 8,
            free_memory_bytes: 64 << 30,
        };
        let mut censuses = Vec::new();
        loop {
            let tasks = policy::pick(&self.state, &offer, 1);
            if tasks.is_empty() {
                return censuses;
            }
            let grant = v1::Grant {
                worker: worker.0,
                tasks,
                lease_ms: 1_000,
            };
            let Outcome::Granted(granted) = self.apply(version, Kind::Grant(grant)) else {
                panic!("the worker is known");
            };
            for start in self.state.starts(&granted, specs) {
                let spec = start.spec.expect("a specification");
                let result = Finished::Manifest(manifest(&spec));
                let settle = v1::Settle {
                    worker: worker.0,
                    finished: vec![finished(start.attempt, spec.task, result)],
                };
                if let Some(v1::spec::Kind::Census(census)) = spec.kind {
                    censuses.push(census);
                }
                self.apply(version, Kind::Settle(settle));
            }
        }
    }
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
        let mut lab = Lab {
            state: State::default(),
            index: 0,
        };
        lab.release(&["A", "B"], first, specs);
        let censuses = lab.release(&["A", "B", "C"], second, specs);
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
    let mut lab = Lab {
        state: State::default(),
        index: 0,
    };
    for samples in 1..=names.len() {
        let specs = specs::NEWEST;
        let censuses = lab.release(&names[..samples], version::NEWEST, specs);
        assert_eq!(censuses.len(), 1);
        assert_eq!(censuses[0].batches.len(), 1);
        assert_eq!(censuses[0].base.is_some(), samples > 1);
        lab.state = State::restore(&lab.state.snapshot()).expect("restorable");
    }
}
