//! The likelihoods of a call in terms of a site's alleles.

use smallvec::SmallVec;

use crate::evidence::{Call, Local, Numbers, diploid};
use crate::level::{self, level};
use crate::number::PHRED_MAX;
use crate::project::{NoCall, Projected};
use crate::site::Site;

/// Reads of another allele do not support a missing one: each copy that could be it halves the
/// likelihood of a read.
const PHRED_PER_READ: u32 = 3;
/// The most reads of an allele: the greatest integer of VCF.
const READS_MAX: u32 = i32::MAX as u32;
/// A sample whose likelihoods favour a genotype that the site cannot express by so much has none there.
const UNLISTED_PHRED_MIN: u32 = 10;

/// The local alleles that an allele of a site can be.
type Locals = SmallVec<[usize; 4]>;

/// What a local allele is at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    /// An allele of the site.
    Listed(usize),
    /// An allele that the site does not list.
    Other,
    /// Any allele that the call does not list.
    Any,
}

fn meanings(call: &Call, site: &Site) -> SmallVec<[Meaning; 4]> {
    let spanning = if site.spanning {
        Meaning::Listed(site.alleles() - 1)
    } else {
        Meaning::Other
    };
    let meaning = |local: &Local| match local {
        Local::Any => Meaning::Any,
        Local::Spanning if call.position == site.start => spanning,
        Local::Spanning => Meaning::Other,
        Local::Parts(parts) => match parts.iter().find(|part| part.start == site.start) {
            Some(part) => match site.alternatives.iter().position(|listed| listed == part) {
                Some(at) => Meaning::Listed(at + 1),
                None => Meaning::Other,
            },
            None if parts.iter().any(|part| part.spans(site.start)) => spanning,
            None => Meaning::Listed(0),
        },
    };
    call.alleles.iter().map(meaning).collect()
}

/// What a site's allele that a call knows nothing of is taken for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// Another allele: `<NON_REF>` if the call has it.
    Allele,
    /// REF: another record of the sample lists it.
    Reference,
}

/// A call at a site.
pub(crate) fn of_call(call: &Call, site: &Site, missing: Missing) -> Projected {
    let meanings = meanings(call, site);
    let alleles = site.alleles();
    let depths = if call.depths.is_empty() {
        Numbers::new()
    } else {
        let mut depths = Numbers::from_elem(0, alleles);
        for (meaning, depth) in meanings.iter().zip(&call.depths) {
            if let Meaning::Listed(allele) = meaning {
                depths[*allele] = added(depths[*allele], *depth);
            }
        }
        depths
    };
    let [likelihoods, levels] = match &call.likelihoods {
        None => Default::default(),
        Some(pl) => costs(call, pl, &meanings, &depths, (alleles, missing)),
    };
    Projected {
        ploidy: call.ploidy,
        no_call: match &call.likelihoods {
            None => Some(NoCall::NoLikelihoods),
            Some(_) => why_none(&levels),
        },
        likelihoods: relative(likelihoods),
        levels: relative(levels),
        depths,
        depth: call.depth,
        conflict: false,
    }
}

/// Of every genotype of the site its likelihood, and its level.
fn costs(
    call: &Call,
    pl: &[u32],
    meanings: &[Meaning],
    depths: &[u32],
    (alleles, missing): (usize, Missing),
) -> [Numbers; 2] {
    let levels: Numbers = pl.iter().map(|pl| level(*pl)).collect();
    if let Some(single) = single(meanings, alleles, missing) {
        return [picked(call, pl, &single), picked(call, &levels, &single)];
    }
    let locals = (0..alleles).map(|allele| locals(meanings, allele, missing));
    let locals: SmallVec<[Locals; 4]> = locals.collect();
    [
        translated(call, pl, (&locals, depths), READS_MAX),
        translated(call, &levels, (&locals, depths), level::READS_MAX),
    ]
}

/// Why there is no genotype, from costs.
fn why_none(costs: &[u32]) -> Option<NoCall> {
    if costs.iter().all(|cost| *cost >= UNLISTED_PHRED_MIN) {
        return Some(NoCall::Unlisted);
    }
    let flat = costs.iter().all(|cost| *cost == costs[0]);
    flat.then_some(NoCall::NoEvidence)
}

/// The local alleles that an allele can be.
fn locals(meanings: &[Meaning], allele: usize, missing: Missing) -> Locals {
    let of = |wanted: Meaning| -> Locals {
        let places = meanings.iter().enumerate();
        let places = places.filter(|(_, meaning)| **meaning == wanted);
        places.map(|(at, _)| at).collect()
    };
    match of(Meaning::Listed(allele)) {
        found if !found.is_empty() => found,
        _ if missing == Missing::Reference => of(Meaning::Listed(0)),
        _ => of(Meaning::Any),
    }
}

/// The one local allele that each allele is, if there is one for each: so it is nearly always.
fn single(meanings: &[Meaning], alleles: usize, missing: Missing) -> Option<Locals> {
    const NONE: usize = usize::MAX;
    let mut single: Locals = SmallVec::from_elem(NONE, alleles);
    let mut any = NONE;
    for (at, meaning) in meanings.iter().enumerate() {
        let place = match meaning {
            Meaning::Listed(allele) => &mut single[*allele],
            Meaning::Any => &mut any,
            Meaning::Other => continue,
        };
        if *place != NONE {
            return None;
        }
        *place = at;
    }
    let instead = match missing {
        Missing::Reference => single[0],
        Missing::Allele => any,
    };
    for place in &mut single {
        if *place == NONE {
            *place = instead;
        }
    }
    single.iter().all(|at| *at != NONE).then_some(single)
}

/// PL of the site's genotypes, each of which is one of the call's.
fn picked(call: &Call, pl: &[u32], single: &[usize]) -> Numbers {
    let mut costs = Numbers::new();
    for (at, b) in single.iter().enumerate() {
        if call.ploidy == 1 {
            costs.push(pl[*b]);
            continue;
        }
        for a in &single[..=at] {
            costs.push(pl[diploid(*a.min(b), *a.max(b))]);
        }
    }
    costs
}

/// Reads of both.
pub(crate) fn added(reads: u32, more: u32) -> u32 {
    reads.saturating_add(more).min(READS_MAX)
}

/// PL of the site's genotypes. `locals` holds, for every allele of the site, the local alleles it can be;
/// for one that has none the reads of the other allele decide, at most `reads_max`.
fn translated(
    call: &Call,
    pl: &[u32],
    (locals, depths): (&[Locals], &[u32]),
    reads_max: u32,
) -> Numbers {
    let worst = pl.iter().copied().max().unwrap_or(0);
    let reads = |allele: usize| match (depths.get(allele), call.depth) {
        (Some(reads), _) => *reads,
        (None, Some(depth)) => depth / u32::from(call.ploidy),
        (None, None) => 10,
    };
    let best = |left: &[usize], right: &[usize]| {
        let pairs = left
            .iter()
            .flat_map(|a| right.iter().map(move |b| (*a, *b)));
        pairs
            .filter(|(a, b)| call.ploidy != 1 || a == b)
            .map(|(a, b)| call.likelihood(pl, a, b))
            .min()
    };
    let cost = |a: usize, b: usize| -> u32 {
        let penalty = |reads: u32| PHRED_PER_READ.saturating_mul(reads.min(reads_max));
        let of = |allele: usize| penalty(reads(allele).max(1));
        let both = |allele: usize| best(&locals[allele], &locals[allele]).unwrap_or(worst);
        match (locals[a].is_empty(), locals[b].is_empty()) {
            (false, false) => best(&locals[a], &locals[b]).unwrap_or(worst),
            (false, true) => both(a).saturating_add(of(a)),
            (true, false) => both(b).saturating_add(of(b)),
            (true, true) => worst.saturating_add(penalty(call.depth.unwrap_or(10))),
        }
    };
    let mut costs = Numbers::new();
    for b in 0..locals.len() {
        if call.ploidy == 1 {
            costs.push(cost(b, b));
        } else {
            costs.extend((0..=b).map(|a| cost(a, b)));
        }
    }
    costs
}

/// Likelihoods, the least 0.
pub(crate) fn relative(mut likelihoods: Numbers) -> Numbers {
    let least = likelihoods.iter().copied().min().unwrap_or(0);
    for value in &mut likelihoods {
        *value = (*value - least).min(PHRED_MAX);
    }
    likelihoods
}
