//! A sample's likelihoods in terms of a site's alleles.

use smallvec::SmallVec;

use crate::evidence::{Block, Call, Local, Numbers, diploid, genotypes};
use crate::kind::Class;
use crate::site::Site;
use crate::track::{Track, Walk};
use crate::translate::{Missing, added, of_call, relative};

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
    /// The same from what calls and blocks say in levels: by these the genotype is called ([`crate::level`]).
    pub(crate) levels: Numbers,
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
            levels: Numbers::new(),
            depths: Numbers::new(),
            depth: None,
            no_call: Some(NoCall::NoData),
            conflict: false,
        }
    }
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
    project_records(walk.calls(site.start), walk.block(), site)
}

/// As [`project`], of the calls that speak of the site, the one that starts last first, and of the block.
pub(crate) fn project_records<'a>(
    calls: impl Iterator<Item = &'a Call>,
    block: Option<&Block>,
    site: &Site,
) -> Projected {
    let mut starting = SmallVec::<[&Call; 2]>::new();
    let mut spanning = SmallVec::<[&Call; 2]>::new();
    let mut passing = None;
    for call in calls {
        match relation(call, site.start) {
            Relation::Starts => starting.push(call),
            Relation::Spans => spanning.push(call),
            Relation::Passes => passing = passing.or(Some(call)),
        }
    }
    // One order, whatever was read before: by place, then as in the file.
    starting.reverse();
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

/// Of calls that span the site, the one whose spanning allele is best supported, as far as levels tell: a census knows no
/// more, and has to choose the same.
fn strongest<'a>(calls: &[&'a Call], site: &Site) -> Option<&'a Call> {
    calls.iter().copied().max_by_key(|call| {
        let quality = call.levels_of(|allele| spans(call, allele, site));
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
        levels: class.levelled().expanded(site.alleles()),
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
        add(&mut sum.likelihoods, &next.likelihoods);
        add(&mut sum.levels, &next.levels);
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
    sum.levels = relative(sum.levels);
    sum
}

fn add(sums: &mut [u32], more: &[u32]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum = sum.saturating_add(*more);
    }
}

/// One haplotype is deleted by `across`, the record of the site speaks of the other one only.
fn beside(across: &Call, here: &Projected, site: &Site) -> Projected {
    let whole = of_call(across, site, Missing::Allele);
    let alleles = site.alleles();
    if !site.spanning || whole.likelihoods.is_empty() || here.likelihoods.len() != alleles {
        return here.clone();
    }
    Projected {
        ploidy: 2,
        likelihoods: of_two(&whole.likelihoods, &here.likelihoods),
        levels: of_two(&whole.levels, &here.levels),
        no_call: here.no_call.and(whole.no_call),
        ..here.clone()
    }
}

/// Diploid likelihoods from those that tell whether a haplotype is deleted and those of one allele, the last of which is
/// `*`.
fn of_two(whole: &[u32], here: &[u32]) -> Numbers {
    let star = here.len() - 1;
    let (both, one) = (whole[0], whole[diploid(0, star)]);
    let mut likelihoods = Numbers::new();
    for b in 0..here.len() {
        for a in 0..=b {
            likelihoods.push(match (a == star, b == star) {
                (true, _) => whole[diploid(star, star)],
                (false, true) => one + here[a],
                (false, false) => both + here[a].max(here[b]),
            });
        }
    }
    relative(likelihoods)
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
