//! A sample's likelihoods in terms of a site's alleles.

use smallvec::SmallVec;

use crate::evidence::{Block, Call, Local, Numbers, diploid, genotypes};
use crate::kind::Class;
use crate::number::PHRED_MAX;
use crate::site::Site;
use crate::track::{Track, Walk};

/// Reads of another allele do not support a missing one: each copy that could be it halves the
/// likelihood of a read.
const PHRED_PER_READ: u32 = 3;
/// The most reads of an allele: the greatest integer of VCF.
const READS_MAX: u32 = i32::MAX as u32;
/// A sample whose likelihoods favour a genotype that the site cannot express by so much has none there.
const UNLISTED_PHRED_MIN: u32 = 10;

/// The local alleles that an allele of a site can be.
type Locals = SmallVec<[usize; 4]>;

/// Why there is no genotype.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum NoCall {
    /// No record covers the base.
    NoData,
    /// No read covers it.
    NoDepth,
    /// The likelihoods are all the same.
    NoEvidence,
    /// The record has none.
    NoLikelihoods,
    /// It most likely carries an allele that is not listed.
    Unlisted,
    /// The genotype is too doubtful.
    LowQuality,
}

/// What a sample's records say of a site.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Projected {
    pub(crate) ploidy: u8,
    /// PL of every genotype of the site's alleles, the least 0; empty when nothing is known.
    pub(crate) likelihoods: Numbers,
    /// AD of every allele; empty when not told.
    pub(crate) depths: Numbers,
    pub(crate) depth: Option<u32>,
    pub(crate) no_call: Option<NoCall>,
    /// The sample's records of this base contradict each other.
    pub(crate) conflict: bool,
}

impl Projected {
    /// Alleles of the site, as far as the sample says something of them.
    pub(crate) fn alleles(&self) -> usize {
        let told = self.likelihoods.len();
        let known = (0..)
            .take_while(|b| genotypes(*b, self.ploidy) < told)
            .count();
        known.max(self.depths.len())
    }

    fn nothing() -> Self {
        Self {
            ploidy: 2,
            likelihoods: Numbers::new(),
            depths: Numbers::new(),
            depth: None,
            no_call: Some(NoCall::NoData),
            conflict: false,
        }
    }
}

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

/// How a call speaks of a base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// An allele of it starts there, or it stands there and lists `*`.
    Starts,
    /// An allele of it spans the base.
    Spans,
    /// Its alleles are all REF there.
    Passes,
}

/// How a call speaks of a base that it covers.
pub(crate) fn relation(call: &Call, position: u32) -> Relation {
    let mut relation = Relation::Passes;
    for local in call.alleles.iter() {
        match local {
            Local::Spanning if call.position == position => return Relation::Starts,
            Local::Spanning | Local::Any => {}
            Local::Parts(parts) => {
                for part in parts {
                    if part.start == position {
                        return Relation::Starts;
                    }
                    if part.spans(position) {
                        relation = Relation::Spans;
                    }
                }
            }
        }
    }
    relation
}

/// Projects what a sample's records say of a site onto the site's alleles.
pub(crate) fn project(track: &Track, site: &Site) -> Projected {
    let walk = track.walk(site.start);
    project_at(&walk, site)
}

/// As [`project`], of a track that was gone along to the site.
pub(crate) fn project_at(walk: &Walk<'_>, site: &Site) -> Projected {
    let mut starting = SmallVec::<[&Call; 2]>::new();
    let mut spanning = SmallVec::<[&Call; 2]>::new();
    let mut passing = None;
    for call in walk.calls(site.start) {
        match relation(call, site.start) {
            Relation::Starts => starting.push(call),
            Relation::Spans => spanning.push(call),
            Relation::Passes => passing = passing.or(Some(call)),
        }
    }
    // One order, whatever was read before: by place, then as in the file.
    starting.reverse();
    let block = walk.block();
    let across = strongest(&spanning, site);
    match (starting.as_slice(), across, block, passing) {
        ([], None, Some(block), _) => of_block(block, site),
        ([], None, None, Some(call)) => of_call(call, site, Missing::Allele),
        ([], None, None, None) => Projected::nothing(),
        ([], Some(across), Some(block), _) if block.ploidy < across.ploidy => {
            beside(across, &of_block(block, site), site)
        }
        ([], Some(across), _, _) => of_call(across, site, Missing::Allele),
        ([call], None, ..) => of_call(call, site, Missing::Allele),
        ([first, rest @ ..], None, ..) => together(first, rest, site),
        ([first, rest @ ..], Some(across), ..) => {
            let here = if rest.is_empty() {
                of_call(first, site, Missing::Allele)
            } else {
                together(first, rest, site)
            };
            if first.ploidy < across.ploidy {
                beside(across, &here, site)
            } else {
                overlapping(first, across, here, site)
            }
        }
    }
}

/// Of calls that span the site, the one whose spanning allele is best supported.
fn strongest<'a>(calls: &[&'a Call], site: &Site) -> Option<&'a Call> {
    calls.iter().copied().max_by_key(|call| {
        let quality = call.quality_of(|allele| spans(call, allele, site));
        (quality, std::cmp::Reverse(call.start))
    })
}

fn spans(call: &Call, allele: usize, site: &Site) -> bool {
    match &call.alleles[allele] {
        Local::Parts(parts) => parts.iter().any(|part| part.spans(site.start)),
        Local::Any | Local::Spanning => false,
    }
}

/// A base of a reference block.
fn of_block(block: &Block, site: &Site) -> Projected {
    let class = Class::of(block);
    Projected {
        ploidy: block.ploidy,
        likelihoods: class.expanded(site.alleles()),
        depths: block_depths(block.depth, site.alleles()),
        depth: block.depth,
        no_call: class.no_call,
        conflict: false,
    }
}

/// AD of a block: all reads support REF.
pub(crate) fn block_depths(depth: Option<u32>, alleles: usize) -> Numbers {
    let mut depths = Numbers::new();
    if let Some(depth) = depth {
        depths.resize(alleles, 0);
        depths[0] = depth;
    }
    depths
}

/// What a site's allele that a call knows nothing of is taken for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    /// Another allele: `<NON_REF>` if the call has it.
    Allele,
    /// REF: another record of the sample lists it.
    Reference,
}

fn of_call(call: &Call, site: &Site, missing: Missing) -> Projected {
    let meanings = meanings(call, site);
    let alleles = site.alleles();
    let single = single(&meanings, alleles, missing);
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
    let (likelihoods, no_call) = match (&call.likelihoods, single) {
        (None, _) => (Numbers::new(), Some(NoCall::NoLikelihoods)),
        (Some(pl), Some(single)) => judged(picked(call, pl, &single)),
        (Some(pl), None) => {
            let locals = (0..alleles).map(|allele| locals(&meanings, allele, missing));
            let locals: SmallVec<[Locals; 4]> = locals.collect();
            judged(translated(call, pl, &locals, &depths))
        }
    };
    Projected {
        ploidy: call.ploidy,
        likelihoods,
        depths,
        depth: call.depth,
        no_call,
        conflict: false,
    }
}

/// Likelihoods, the least 0, from costs; and why there is no genotype.
fn judged(costs: Numbers) -> (Numbers, Option<NoCall>) {
    let unlisted = costs.iter().all(|cost| *cost >= UNLISTED_PHRED_MIN);
    let flat = costs.iter().all(|cost| *cost == costs[0]);
    let no_call = if unlisted {
        Some(NoCall::Unlisted)
    } else {
        flat.then_some(NoCall::NoEvidence)
    };
    (relative(costs), no_call)
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
fn added(reads: u32, more: u32) -> u32 {
    reads.saturating_add(more).min(READS_MAX)
}

/// PL of the site's genotypes. `locals` holds, for every allele of the site, the local alleles it can be;
/// for one that has none the reads of the other allele decide.
fn translated(call: &Call, pl: &[u32], locals: &[Locals], depths: &[u32]) -> Numbers {
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
        let penalty = |reads: u32| PHRED_PER_READ.saturating_mul(reads);
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

/// Several records of one base, from callers that write one allele a record: each sees the alleles of the
/// others as REF, so their likelihoods multiply.
fn together(first: &Call, rest: &[&Call], site: &Site) -> Projected {
    let mut sum = of_call(first, site, Missing::Reference);
    for call in rest {
        let next = of_call(call, site, Missing::Reference);
        if next.ploidy != sum.ploidy || next.likelihoods.len() != sum.likelihoods.len() {
            sum.conflict = true;
            continue;
        }
        for (sum, next) in sum.likelihoods.iter_mut().zip(&next.likelihoods) {
            *sum = sum.saturating_add(*next);
        }
        if sum.depths.len() == next.depths.len() {
            for (sum, next) in sum.depths.iter_mut().zip(&next.depths).skip(1) {
                *sum = added(*sum, *next);
            }
            if let (Some(sum), Some(next)) = (sum.depths.first_mut(), next.depths.first()) {
                *sum = (*sum).min(*next);
            }
        }
        sum.depth = sum.depth.max(next.depth);
        sum.no_call = sum.no_call.and(next.no_call);
    }
    sum.likelihoods = relative(sum.likelihoods);
    sum
}

/// One haplotype is deleted by `across`, the record of the site speaks of the other one only.
fn beside(across: &Call, here: &Projected, site: &Site) -> Projected {
    let whole = of_call(across, site, Missing::Allele);
    let alleles = site.alleles();
    let star = alleles - 1;
    if !site.spanning || whole.likelihoods.is_empty() || here.likelihoods.len() != alleles {
        return here.clone();
    }
    let both = whole.likelihoods[0];
    let one = whole.likelihoods[diploid(0, star)];
    let mut likelihoods = Numbers::new();
    for b in 0..alleles {
        for a in 0..=b {
            likelihoods.push(match (a == star, b == star) {
                (true, _) => whole.likelihoods[diploid(star, star)],
                (false, true) => one + here.likelihoods[a],
                (false, false) => both + here.likelihoods[a].max(here.likelihoods[b]),
            });
        }
    }
    Projected {
        ploidy: 2,
        likelihoods: relative(likelihoods),
        no_call: here.no_call.and(whole.no_call),
        ..here.clone()
    }
}

/// A record stands where an allele of another one spans. When both are phased together, the haplotype that
/// is deleted cannot be REF; else the record that stands here decides, and the contradiction is told.
fn overlapping(first: &Call, across: &Call, here: Projected, site: &Site) -> Projected {
    let lists_spanning = first.alleles.contains(&Local::Spanning);
    let deleted = |copy: usize| {
        across
            .genotype
            .get(copy)
            .is_some_and(|a| spans(across, *a, site))
    };
    if lists_spanning || !(deleted(0) || deleted(1)) {
        return here;
    }
    let variant = |allele: &usize| *allele > 0;
    if !first.genotype.iter().any(variant) {
        return of_call(across, site, Missing::Allele);
    }
    let phased = first.phase_set.is_some() && first.phase_set == across.phase_set;
    let fits = (0..2).all(|copy| !deleted(copy) || first.genotype.get(copy) == Some(&0));
    if phased && fits && site.spanning {
        let mut alleles = first.alleles.to_vec();
        alleles[0] = Local::Spanning;
        let mut call = first.clone();
        call.position = site.start;
        call.alleles = alleles.into();
        return of_call(&call, site, Missing::Allele);
    }
    Projected {
        conflict: true,
        ..here
    }
}

fn relative(mut likelihoods: Numbers) -> Numbers {
    let least = likelihoods.iter().copied().min().unwrap_or(0);
    for value in &mut likelihoods {
        *value = (*value - least).min(PHRED_MAX);
    }
    likelihoods
}
