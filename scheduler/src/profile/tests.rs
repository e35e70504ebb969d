//! Cuts by random costs.

use kumi_proto::v1::{Contig, Region};
use proptest::prelude::*;

use super::{Bin, Profile, Profiles};
use crate::limits::{BIN_SAMPLES_MAX, BLOCK_EDGE_BASES, CUTS_KEPT_MAX, PROFILES_KEPT_MAX};
use crate::plan::bins::Bins;
use crate::plan::places::{contigs, region};
use crate::plan::region::{self, Costs as _, Step};

/// Everything, or some places of it.
fn regions(contigs: &[Contig], targets: &[(usize, u64, u64)]) -> Vec<Region> {
    let places = targets.iter().map(|(contig, start, length)| {
        let contig = &contigs[contig % contigs.len()];
        let start = start % contig.length;
        region(&contig.name, start, (start + length).min(contig.length))
    });
    region::normal(contigs, &places.collect::<Vec<_>>())
}

/// A profile of one sample.
fn measured(contigs: &[Contig], regions: &[Region], milliseconds: &[u32]) -> Profile {
    let bins = Bins::new(contigs);
    let touched = bins.touched(regions);
    let milliseconds = milliseconds.iter().copied().cycle();
    let milliseconds: Vec<u32> = milliseconds.take(touched.len()).collect();
    let mut profiles = Profiles::default();
    let profile = profiles.entry([0; 32], &bins, 1);
    profile.measure(&touched, &touched, &milliseconds);
    profile.clone()
}

/// What a sample that is called as a whole has taken.
fn measure(profile: &mut Profile, touched: &[(usize, u64)], milliseconds: &[u32]) {
    profile.measure(touched, touched, milliseconds);
}

fn target() -> impl Strategy<Value = (usize, u64, u64)> {
    (0usize..4, 0u64..2_000_000, 1u64..30_000)
}

proptest! {
    /// Whatever it costs: the shards are the regions, once each and in order, none shares a block with the next, and
    /// each is as far from the mean as the dearest stretch that may not be cut at the most.
    #[test]
    fn shards_are_equal_up_to_what_cannot_be_cut(
        lengths in prop::collection::vec(1u64..2_000_000, 1..4),
        targets in prop::collection::vec(target(), 0..12),
        milliseconds in prop::collection::vec(prop_oneof![Just(0u32), 0u32..40, 1_000u32..9_000], 1..9),
        wanted in 1u64..40,
    ) {
        let contigs = contigs(&lengths);
        let regions = regions(&contigs, &targets);
        let profile = measured(&contigs, &regions, &milliseconds);
        let costs = profile.costs(Bins::new(&contigs)).expect("something was measured");
        let starts = region::cut(&regions, wanted, &costs);
        prop_assert!(region::may_be(&regions, &starts));
        prop_assert!(starts.len() as u64 <= wanted);
        let shards = region::pieces(&regions, &starts);
        prop_assert_eq!(region::normal(&contigs, &shards.concat()), regions.clone());
        prop_assert_eq!(region::bases(&shards.concat()), region::bases(&regions));
        let steps = costs.steps(&regions);
        let dearest = steps.iter().flatten().map(|step| step.per_base).max().unwrap_or(1);
        let mean = costs.ns(&regions) / wanted;
        // Half an edge at its beginning and at its end, and what others left it of a block that is not cut.
        let uneven = 3 * BLOCK_EDGE_BASES * dearest + wanted;
        for shard in &shards {
            prop_assert!(costs.ns(shard) <= mean + uneven, "{:?}: {} of {mean} + {uneven}", shard, costs.ns(shard));
        }
    }

    /// The same cut is used again until it is out of balance, and then one that is better.
    #[test]
    fn a_cut_is_kept_while_it_is_good(
        first in prop::collection::vec(0u32..1_000, 1..20),
        then in prop::collection::vec(0u32..1_000, 1..20),
        wanted in 1u64..9,
    ) {
        let contigs = contigs(&[1_000_000, 300_000]);
        let (bins, regions) = (Bins::new(&contigs), regions(&contigs, &[]));
        let mut profile = measured(&contigs, &regions, &first);
        let kept = profile.cut(&regions, wanted, bins, 1);
        prop_assert_eq!(&profile.cut(&regions, wanted, bins, 2), &kept);
        let touched = bins.touched(&regions);
        let again: Vec<u32> = then.iter().copied().cycle().take(touched.len()).collect();
        profile.measure(&touched, &touched, &again);
        let next = profile.cut(&regions, wanted, bins, 3);
        let largest = |starts: &[u64]| {
            let costs = profile.costs(bins).expect("measured");
            let shards = region::pieces(&regions, starts);
            shards.iter().map(|shard| costs.ns(shard)).max().unwrap_or(0)
        };
        let total = profile.costs(bins).expect("measured").ns(&regions);
        let balanced = largest(&kept) * 4 * kept.len() as u64 <= total * 5;
        prop_assert!(next == kept || !balanced && largest(&next) < largest(&kept));
        prop_assert_eq!(profile.cut(&regions, wanted, bins, 4), next);
    }
}

#[test]
fn without_a_measure_and_with_the_same_everywhere_shards_are_of_equal_length() {
    let contigs = contigs(&[3_000_000, 40_000, 1_000_000]);
    let (bins, regions) = (Bins::new(&contigs), regions(&contigs, &[]));
    let even = region::cut(&regions, 7, &region::Even);
    let mut nothing = Profile::default();
    assert_eq!(nothing.cut(&regions, 7, bins, 1), even);
    let nothing_to_tell = measured(&contigs, &regions, &[0]);
    let costs = nothing_to_tell.costs(bins).expect("measured");
    assert_eq!(region::cut(&regions, 7, &costs), even);
}

#[test]
fn bins_without_a_measure_take_the_mean() {
    let contigs = contigs(&[200_000]);
    let bins = Bins::new(&contigs);
    let mut profile = measured(&contigs, &[region("0", 0, 65_536)], &[65]);
    measure(
        &mut profile,
        &bins.touched(&[region("0", 65_536, 131_072)]),
        &[196],
    );
    let costs = profile.costs(bins).expect("measured");
    let steps = costs.steps(&[region("0", 60_000, 200_000)]).concat();
    let step = |start, end, per_base| Step {
        start,
        end,
        per_base,
    };
    let expected = [
        step(60_000, 65_536, 991),
        step(65_536, 131_072, 2_990),
        step(131_072, 196_608, 1_991),
        step(196_608, 200_000, 1_991),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn bins_that_were_not_measured_stay_as_they_were() {
    let contigs = contigs(&[131_072]);
    let (bins, regions) = (Bins::new(&contigs), regions(&contigs, &[]));
    let mut profile = measured(&contigs, &regions, &[100, u32::MAX]);
    let expected = |profile: &Profile| {
        let costs = profile.costs(bins).expect("measured");
        [0, 65_536].map(|start| costs.milliseconds(&[region("0", start, start + 65_536)]))
    };
    assert_eq!(expected(&profile), [99, 99], "the mean of the others");
    measure(&mut profile, &bins.touched(&regions), &[100, 300]);
    measure(&mut profile, &bins.touched(&regions), &[100, u32::MAX]);
    assert_eq!(expected(&profile), [99, 299]);
}

#[test]
fn what_was_measured_long_ago_weighs_less() {
    let contigs = contigs(&[65_536]);
    let (bins, whole) = (Bins::new(&contigs), [region("0", 0, 65_536)]);
    let mut profile = measured(&contigs, &whole, &[1_000]);
    let mut after = |times: u64, ms: u32| {
        for _ in 0..times {
            measure(&mut profile, &bins.touched(&whole), &[ms]);
        }
        profile.costs(bins).expect("measured").milliseconds(&whole)
    };
    after(200, 1_000);
    let samples = after(BIN_SAMPLES_MAX, 2_000);
    assert!((1_500..2_000).contains(&samples), "{samples}");
    assert!(after(4 * BIN_SAMPLES_MAX, 2_000) > 1_950);
}

#[test]
fn a_bin_of_which_little_is_called_forgets_after_as_many_samples() {
    let contigs = contigs(&[65_536]);
    let bins = Bins::new(&contigs);
    // Two targets in two shards: of a sample both are measured.
    let targets = [region("0", 0, 1_000), region("0", 50_000, 51_000)];
    let whole = bins.touched(&targets);
    let mut profile = Profile::default();
    profile.bins.resize(bins.count(), Bin::default());
    let mut after = |times: u64, ms: u32| {
        for target in targets.iter().cycle().take(2 * times as usize) {
            let touched = bins.touched(std::slice::from_ref(target));
            profile.measure(&touched, &whole, &[ms]);
        }
        assert!(profile.bins[0].bases < BIN_SAMPLES_MAX * 2_000);
        profile
            .costs(bins)
            .expect("measured")
            .milliseconds(&targets)
    };
    after(200, 1_000);
    let samples = after(BIN_SAMPLES_MAX, 2_000);
    assert!((3_000..4_000).contains(&samples), "{samples}");
    assert!(after(4 * BIN_SAMPLES_MAX, 2_000) > 3_900);
}

#[test]
fn profiles_and_cuts_are_forgotten_by_age() {
    let contigs = contigs(&[1_000_000]);
    let (bins, regions) = (Bins::new(&contigs), regions(&contigs, &[]));
    let mut profiles = Profiles::default();
    for number in 0..2 * PROFILES_KEPT_MAX {
        let profile = profiles.entry([number as u8; 32], &bins, number as u64);
        assert!(profile.cuts.is_empty());
        for wanted in 1..=20 {
            profile.cut(&regions, wanted, bins, wanted);
        }
        assert_eq!(profile.cuts.len(), CUTS_KEPT_MAX);
        assert!(profile.cuts.contains_key(&20) && !profile.cuts.contains_key(&1));
        profiles.entry([0; 32], &bins, number as u64);
    }
    assert_eq!(profiles.0.len(), PROFILES_KEPT_MAX);
    assert!(profiles.get(&[0; 32]).is_some() && profiles.get(&[1; 32]).is_none());
}
