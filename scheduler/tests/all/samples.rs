//! Where the files of samples are, and what is kept of a cohort for its next releases.

use kumi_proto::v1;
use kumi_proto::v1::Stage;
use kumi_proto::v1::command::Kind;
use kumi_scheduler::{Outcome, version};

use crate::lab::Lab;
use crate::support::Shape;

/// A cohort of gVCFs.
fn shape(name: &str, samples: &[&str]) -> Shape {
    let names: Vec<String> = samples.iter().map(|name| (*name).to_owned()).collect();
    Shape {
        request_id: name.to_owned(),
        name: name.to_owned(),
        samples: names.clone(),
        from_gvcf: names,
        joint_shards: 1,
        index_given: true,
        ..Shape::default()
    }
}

/// Where the results of samples were published.
fn published(told: &[v1::Spec]) -> Vec<&str> {
    let stage = |spec: &&v1::Spec| spec.task.expect("a task").stage();
    let of_samples = told.iter().filter(|spec| stage(spec) == Stage::Gvcf);
    of_samples.map(|spec| spec.directory.as_str()).collect()
}

/// Where it was published what is kept of the batches or the releases of a cohort, and the key of each.
fn kept(told: &[v1::Spec], of: Stage) -> Vec<(&str, &str)> {
    let stage = |spec: &&v1::Spec| spec.task.expect("a task").stage();
    let of_stage = told.iter().filter(|spec| stage(spec) == of);
    of_stage
        .map(|spec| (spec.directory.as_str(), &spec.key[..16]))
        .collect()
}

/// `printf %s A | sha256sum` begins with 55, that of B with df.
const FANS: [(&str, &str); 2] = [("A", "55"), ("B", "df")];

#[test]
fn results_are_published_in_folders_of_some() {
    let mut lab = Lab::new();
    lab.open(&Shape {
        genotypes: v1::Genotypes::Store,
        ..shape("c", &["A", "B"])
    });
    let told = lab.work(|_| true);
    let directories = published(&told);
    assert_eq!(directories.len(), FANS.len());
    for (directory, (sample, fan)) in directories.iter().zip(FANS) {
        let expected = format!("p/samples/{fan}/{sample}/");
        assert!(directory.starts_with(&expected), "{directory}");
    }
    for (stage, folder) in [(Stage::Ingest, "store"), (Stage::Census, "census")] {
        let [(directory, key)] = kept(&told, stage)[..] else {
            panic!("{told:?}");
        };
        let fan = &key[..2];
        assert_eq!(directory, format!("p/cohorts/c/{folder}/{fan}/{key}"));
    }
}

/// What was begun before the upgrade is published as it was told, and what a later cohort finds there is used. A purge
/// of either looks where both may have published.
#[test]
fn cohorts_publish_where_they_were_opened_to_publish() {
    let mut lab = Lab::new();
    lab.checked.version = version::FANNED_OUT - 1;
    let before = lab.open(&Shape {
        genotypes: v1::Genotypes::Store,
        ..shape("before", &["A", "B"])
    });
    lab.checked.version = version::FANNED_OUT;
    let told = lab.work(|_| true);
    let [flat, _] = published(&told)[..] else {
        panic!("{told:?}");
    };
    assert!(flat.starts_with("p/samples/A/"), "{flat}");
    let mut of_cohort = Vec::new();
    for (stage, folder) in [(Stage::Ingest, "store"), (Stage::Census, "census")] {
        let [(directory, key)] = kept(&told, stage)[..] else {
            panic!("{told:?}");
        };
        assert_eq!(directory, format!("p/cohorts/before/{folder}/{key}"));
        let fan = &key[..2];
        of_cohort.push(format!("p/cohorts/before/{folder}/{fan}/{key}"));
        of_cohort.push(directory.to_owned());
    }
    let after = lab.open(&shape("after", &["A", "B"]));
    lab.checked.restart();
    let told = lab.work(|_| true);
    assert!(published(&told).is_empty(), "{told:?}");

    let fanned = flat.replace("/A/", "/55/A/");
    let places = [fanned, flat.to_owned()];
    let kept = purged(&mut lab, after);
    assert_eq!(kept.kept, places, "the other cohort still has them");
    let gone = purged(&mut lab, before);
    let mut places = places.iter().chain(&of_cohort);
    assert!(places.all(|place| gone.directories.contains(place)));
}

/// Takes A out of a cohort, and all that there is of it.
fn purged(lab: &mut Lab, cohort: u64) -> v1::PurgeSpec {
    let withdraw = v1::Withdraw {
        cohort,
        samples: vec!["A".to_owned()],
        ..v1::Withdraw::default()
    };
    lab.checked.apply(1, Kind::Withdraw(withdraw));
    let purge = v1::Purge {
        cohort,
        request_id: format!("purge {cohort}"),
        ..v1::Purge::default()
    };
    let opened = lab.checked.apply(1, Kind::Purge(purge));
    assert!(matches!(opened, Outcome::Opened { .. }), "{opened:?}");
    let mut specs = lab.work(|_| true).into_iter();
    let purge = specs.find_map(|spec| match spec.kind {
        Some(v1::spec::Kind::Purge(purge)) => Some(purge),
        _ => None,
    });
    purge.expect("a purge")
}
