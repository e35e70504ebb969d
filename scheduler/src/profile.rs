//! What calling costs where: CPU time by bin of a reference, from the tasks that are done, and the cuts into shards
//! that were made of it. See `docs/adr/0008-cost-aware-shards.md`.

use std::collections::BTreeMap;

use kumi_proto::v1::Region;

use crate::limits::{BIN_SAMPLES_MAX, COST_PER_BASE_NS_MAX, CUTS_KEPT_MAX, PROFILES_KEPT_MAX};
use crate::plan::bins::{Bins, Piece};
use crate::plan::key::Key;
use crate::plan::region::{self, Costs, Starts, Step};

/// A cut is kept until its largest shard is expected to cost more than this of the mean, in hundredths.
const IMBALANCE_PERCENT: u128 = 125;
const NS_PER_MS: u128 = 1_000_000;
/// Reported of a bin of which the sample has no copy: what others will cost there is not known by it.
const NOT_MEASURED: u32 = u32::MAX;

/// What was measured in a bin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bin {
    pub(crate) milliseconds: u64,
    /// Bases that took this long, those of every sample.
    pub(crate) bases: u64,
}

/// Regions cut into shards, as a cohort used them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) starts: Starts,
    pub(crate) used_ms: u64,
}

/// The costs of one reference and targets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Profile {
    pub(crate) bins: Vec<Bin>,
    /// By the number of shards that was asked for.
    pub(crate) cuts: BTreeMap<u64, Cut>,
    pub(crate) used_ms: u64,
}

/// Profiles by reference and targets; those that were not used for the longest time are forgotten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Profiles(pub(crate) BTreeMap<Key, Profile>);

impl Profiles {
    pub(crate) fn get(&self, key: &Key) -> Option<&Profile> {
        self.0.get(key)
    }

    /// The profile of a genome of these bins, from now on kept.
    pub(crate) fn entry(&mut self, key: Key, bins: &Bins<'_>, now_ms: u64) -> &mut Profile {
        let others = self.0.iter().filter(|(other, _)| **other != key);
        let oldest = others.min_by_key(|(other, profile)| (profile.used_ms, **other));
        let oldest = oldest.map(|(other, _)| *other);
        if self.0.len() >= PROFILES_KEPT_MAX
            && !self.0.contains_key(&key)
            && let Some(oldest) = oldest
        {
            self.0.remove(&oldest);
        }
        let profile = self.0.entry(key).or_default();
        profile.bins.resize(bins.count(), Bin::default());
        profile.used_ms = now_ms;
        profile
    }
}

impl Profile {
    /// Takes in what the bins that some regions touch have taken, in milliseconds; nothing where that is not one
    /// number a bin. `whole` is what is touched of these bins, and perhaps of others, when a sample is called.
    pub(crate) fn measure(
        &mut self,
        touched: &[(usize, u64)],
        whole: &[(usize, u64)],
        milliseconds: &[u32],
    ) {
        if touched.len() != milliseconds.len() {
            return;
        }
        let whole: BTreeMap<usize, u64> = whole.iter().copied().collect();
        for ((number, bases), milliseconds) in touched.iter().zip(milliseconds) {
            if *milliseconds == NOT_MEASURED {
                continue;
            }
            let bin = &mut self.bins[*number];
            bin.milliseconds += u64::from(*milliseconds);
            bin.bases += bases;
            let of_sample = whole.get(number).unwrap_or(bases);
            if bin.bases >= BIN_SAMPLES_MAX * of_sample {
                bin.milliseconds /= 2;
                bin.bases /= 2;
            }
        }
    }

    /// The costs; none while nothing was measured.
    pub(crate) fn costs<'a>(&'a self, bins: Bins<'a>) -> Option<Measured<'a>> {
        let sum = |of: fn(&Bin) -> u64| self.bins.iter().map(of).sum();
        let all = Bin {
            milliseconds: sum(|bin| bin.milliseconds),
            bases: sum(|bin| bin.bases),
        };
        let mean_ns = all.per_base_ns()?;
        Some(Measured {
            profile: self,
            bins,
            mean_ns,
        })
    }

    /// Cuts regions into about `wanted` shards of equal cost. The cut that was kept, at first that into equal lengths, is
    /// used again as long as it is not badly out of balance: results are known by their regions, and those of an earlier
    /// cohort are used again.
    pub(crate) fn cut(
        &mut self,
        regions: &[Region],
        wanted: u64,
        bins: Bins<'_>,
        now_ms: u64,
    ) -> Starts {
        let kept = self.cuts.get(&wanted).map(|cut| cut.starts.clone());
        let kept = kept.unwrap_or_else(|| region::cut(regions, wanted, &region::Even));
        let starts = self.better(&kept, regions, wanted, bins).unwrap_or(kept);
        let cut = Cut {
            starts: starts.clone(),
            used_ms: now_ms,
        };
        self.cuts.insert(wanted, cut);
        if self.cuts.len() > CUTS_KEPT_MAX {
            let others = self.cuts.iter().filter(|(other, _)| **other != wanted);
            let oldest = others.min_by_key(|(other, cut)| (cut.used_ms, **other));
            if let Some(oldest) = oldest.map(|(other, _)| *other) {
                self.cuts.remove(&oldest);
            }
        }
        starts
    }

    /// A cut that is better than one that is badly out of balance, if it is.
    fn better(
        &self,
        kept: &[u64],
        regions: &[Region],
        wanted: u64,
        bins: Bins<'_>,
    ) -> Option<Starts> {
        let costs = self.costs(bins)?;
        let of_shards = |starts: &[u64]| -> Vec<u128> {
            let shards = region::pieces(regions, starts);
            shards
                .iter()
                .map(|shard| u128::from(costs.ns(shard)))
                .collect()
        };
        let kept = of_shards(kept);
        let (most, total) = (kept.iter().max()?, kept.iter().sum::<u128>());
        if most * 100 * kept.len() as u128 <= total * IMBALANCE_PERCENT {
            return None;
        }
        let fresh = region::cut(regions, wanted, &costs);
        (of_shards(&fresh).iter().max()? < most).then_some(fresh)
    }
}

impl Bin {
    /// Nanoseconds a base; at least 1, so that stretches without a known base are cut too. None where nothing was
    /// measured.
    fn per_base_ns(&self) -> Option<u64> {
        let ns = u128::from(self.milliseconds) * NS_PER_MS;
        let ns = ns.checked_div(u128::from(self.bases))?;
        Some(u64::try_from(ns).map_or(COST_PER_BASE_NS_MAX, |ns| ns.clamp(1, COST_PER_BASE_NS_MAX)))
    }
}

/// Costs in nanoseconds: those of each bin as measured, of bins without a measure the mean.
pub(crate) struct Measured<'a> {
    profile: &'a Profile,
    bins: Bins<'a>,
    mean_ns: u64,
}

impl Measured<'_> {
    fn ns(&self, regions: &[Region]) -> u64 {
        let steps = self.steps(regions);
        steps.iter().flatten().map(Step::cost).sum()
    }

    /// What regions are expected to take.
    pub(crate) fn milliseconds(&self, regions: &[Region]) -> u64 {
        self.ns(regions) / 1_000_000
    }
}

impl Costs for Measured<'_> {
    fn steps(&self, regions: &[Region]) -> Vec<Vec<Step>> {
        let pieces = self.bins.pieces(regions).into_iter();
        let steps = pieces.map(|pieces| {
            let step = |piece: Piece| {
                let bin = self.profile.bins[piece.bin];
                Step {
                    start: piece.start,
                    end: piece.end,
                    per_base: bin.per_base_ns().unwrap_or(self.mean_ns),
                }
            };
            pieces.into_iter().map(step).collect()
        });
        steps.collect()
    }
}

#[cfg(test)]
mod tests;
