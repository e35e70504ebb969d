//! What a call task says about its costs, and that it leaves its rest to others when it is asked to.

use kumi_proto::v1;

use kumi_proto::v1::spec::Kind;

use super::house::House;
use super::way::{Call, cut};
use crate::agent::{Done, TaskResult};
use crate::control::Control;

const BIN: u32 = 8_192;

fn called(house: &House, spec: v1::Spec) -> Done {
    controlled(house, spec, &Control::default())
}

fn controlled(house: &House, spec: v1::Spec, control: &Control) -> Done {
    match house.run(spec, control) {
        TaskResult::Done(done) => done,
        TaskResult::Failed(failure) => panic!("{failure:?}"),
    }
}

#[test]
fn the_time_of_each_bin_is_told_and_none_is_left_out() {
    let (house, reference) = House::with_index(1);
    let alignment = house.done(house.align_example(&reference, "NA12878"));
    let call = |regions: Vec<v1::Region>, bin_bases| {
        let sample = ("NA12878", v1::Sex::Xx);
        let call = Call {
            sample,
            regions,
            bin_bases,
        };
        called(&house, house.call(&reference, &alignment, "p/work/c", call))
    };
    let shards = cut(house.contig(), 3);
    let second = shards[1][0].clone();
    let bins = second.start / u64::from(BIN)..second.end.div_ceil(u64::from(BIN));
    let done = call(shards[1].clone(), BIN);
    assert_eq!(done.bin_milliseconds.len() as u64, bins.end - bins.start);

    // Two places of one bin, one that reaches into the next, another a bin further.
    let places = [(0, 4_096), (6_000, 7_000), (8_000, 9_000), (17_000, 18_000)];
    let region = |(start, end)| v1::Region {
        contig: second.contig.clone(),
        start,
        end,
    };
    let done = call(places.map(region).to_vec(), BIN);
    assert_eq!(done.bin_milliseconds.len(), 3);
    let told: u64 = done.bin_milliseconds.iter().map(|ms| u64::from(*ms)).sum();
    let all = done.manifest.core_milliseconds;
    assert!(told <= all + 2, "{told} of {all} ms");
    assert!(
        call(places.map(region).to_vec(), 0)
            .bin_milliseconds
            .is_empty()
    );
}

#[test]
fn no_time_is_told_where_a_sample_has_no_copy() {
    let (house, reference) = House::with_contigs_named(1, ["0", "Y", "2", "3"]);
    let alignment = house.done(house.align_example(&reference, "NA12878"));
    let contigs = [("0", 8_000), ("Y", 1_500), ("2", 2_500), ("3", 1_500)];
    let regions = contigs.map(|(contig, end)| v1::Region {
        contig: contig.to_owned(),
        start: 0,
        end,
    });
    let told = |directory: &str, sex| {
        let call = Call {
            sample: ("NA12878", sex),
            regions: regions.to_vec(),
            bin_bases: BIN,
        };
        let done = called(&house, house.call(&reference, &alignment, directory, call));
        let told = done.bin_milliseconds.iter().map(|ms| *ms < u32::MAX);
        told.collect::<Vec<_>>()
    };
    assert_eq!(told("p/work/xx", v1::Sex::Xx), [true, false, true, true]);
    assert_eq!(told("p/work/xy", v1::Sex::Xy), [true; 4]);
}

#[test]
fn where_the_reads_are_it_takes_the_longest() {
    let (house, reference) = House::with_index(1);
    let alignment = house.done(house.align_example(&reference, "NA12878"));
    let sample = ("NA12878", v1::Sex::Xx);
    let regions = cut(house.contig(), 1).remove(0);
    // The reads lie in the first 15,149 bases.
    let bin_bases = 4 * BIN;
    let call = Call {
        sample,
        regions,
        bin_bases,
    };
    let done = called(&house, house.call(&reference, &alignment, "p/work/c", call));
    let (first, others) = done.bin_milliseconds.split_first().expect("many bins");
    let most = others.iter().max().expect("many bins");
    assert!(first > most, "{first} and {others:?}");
}

/// The regions behind the first `bases`.
fn behind(regions: &[v1::Region], mut bases: u64) -> Vec<v1::Region> {
    let mut rest = Vec::new();
    for region in regions {
        let left_out = bases.min(region.end - region.start);
        bases -= left_out;
        if region.start + left_out < region.end {
            rest.push(v1::Region {
                start: region.start + left_out,
                ..region.clone()
            });
        }
    }
    rest
}

/// A task that is asked to split does a part; the parts and the whole make the same gVCF, and lie beside each other.
#[test]
fn a_task_that_is_asked_to_split_leaves_the_rest_and_the_parts_make_the_same_file() {
    let (house, reference) = House::with_index(1);
    let alignment = house.done(house.align_example(&reference, "NA12878"));
    let name = &house.contig().name;
    let places = [
        (0, 4_096),
        (5_000, 7_000),
        (8_000, 20_000),
        (30_000, 49_152),
    ];
    let regions = places.map(|(start, end)| v1::Region {
        contig: name.clone(),
        start,
        end,
    });
    let call = |directory: &str, regions: &[v1::Region]| {
        let call = Call {
            sample: ("NA12878", v1::Sex::Xx),
            regions: regions.to_vec(),
            bin_bases: BIN,
        };
        house.call(&reference, &alignment, directory, call)
    };
    let gvcf = |directory: &str, shards: Vec<v1::Manifest>| {
        let gvcf = v1::GvcfSpec {
            reference: Some(reference.clone()),
            sample: "NA12878".to_owned(),
            shards,
            alignment: Some(alignment.clone()),
            ..v1::GvcfSpec::default()
        };
        let manifest = house.done(house.spec(directory, Kind::Gvcf(gvcf)));
        let file = manifest
            .files
            .iter()
            .find(|file| file.name.ends_with(".g.vcf.gz"));
        file.expect("a gVCF").sha256.clone()
    };
    let mut rest = regions.to_vec();
    let mut shards: Vec<v1::Manifest> = Vec::new();
    while !rest.is_empty() {
        let asked = Control::default();
        asked.split();
        let directory = format!("p/work/s{}", shards.len());
        let done = controlled(&house, call(&directory, &rest), &asked);
        assert_eq!(done.bin_milliseconds.len(), 1, "it ends at the next bin");
        let (expected, left) = match done.part_bases {
            0 => (directory, Vec::new()),
            bases => (format!("{directory}-{bases}"), behind(&rest, bases)),
        };
        assert_eq!(done.manifest.directory, expected);
        shards.push(done.manifest);
        rest = left;
    }
    let bins = places
        .iter()
        .flat_map(|(start, end)| start / u64::from(BIN)..end.div_ceil(BIN.into()));
    assert_eq!(
        shards.len(),
        bins.collect::<std::collections::BTreeSet<_>>().len()
    );

    // The whole shard is published after its parts, in a directory of its own.
    let before = house.files(&shards[0].directory);
    let whole = called(&house, call("p/work/s0", &regions));
    assert_eq!(
        (whole.part_bases, whole.manifest.directory.as_str()),
        (0, "p/work/s0")
    );
    assert_eq!(house.files(&shards[0].directory), before);
    let sizes = |directory: &str| -> Vec<u64> {
        let files = house.files(directory).into_iter();
        files
            .map(|path| std::fs::metadata(path).expect("there").len())
            .collect()
    };
    assert_ne!(sizes("p/work/s0"), sizes(&shards[0].directory));
    let expected = gvcf("p/samples/whole/run", vec![whole.manifest]);
    assert_eq!(gvcf("p/samples/parts/run", shards), expected);
}
