//! What a call task says about its costs.

use kumi_proto::v1;

use super::house::House;
use super::way::{Call, cut};
use crate::agent::{Done, TaskResult};
use crate::control::Control;

const BIN: u32 = 8_192;

fn called(house: &House, spec: v1::Spec) -> Done {
    match house.run(spec, &Control::default()) {
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
