//! Reads that are not easy: all seeds, chains, gaps, and mates looked for beside each other.
//!
//! Every chain is compared without gaps, which is cheap; gaps are tried for those that may matter, the most
//! promising first.

use kumi_simd::prefetch;

use crate::alt;
use crate::bound;
use crate::chain::{self, Chain, chains};
use crate::choose::{as_sequenced, covers_half};
use crate::clipped;
use crate::extend::{self, Alignment};
use crate::flat::{self, Fit, Gaps};
use crate::insert_size::InsertSize;
use crate::pair::{self, Pairing, both_alone};
use crate::read::Read;
use crate::rescue;
use crate::seed::{Anchor, Seeds};
use crate::setting::Setting;

/// Chains of a read that are tried with gaps.
const GAPPED_MAX: usize = 16;
/// The same of those for another part of the read than the best explains.
const ELSEWHERE_MAX: usize = 4;
/// What scores so much less than the best matters to nobody: more than a pair is worth, and more than the quality of
/// the best needs.
const SPREAD: i32 = 27;

/// A pair that scores so much less than the best does not change its quality.
const MARGIN: i32 = 10;

/// Buffers that one thread uses again and again.
#[derive(Debug, Default)]
pub(crate) struct Hard {
    seeds: Seeds,
    anchors: Vec<Anchor>,
    chaining: chain::Buffers,
    chains: Vec<Chain>,
    open: [Vec<Open>; 2],
    /// The most that each read may score at a place that none of its chains names.
    unseen: [i32; 2],
    /// What each read has on alternate contigs beside its places on the primary assembly.
    pub alternates: [Vec<Alignment>; 2],
    /// Buffers of extensions.
    pub extension: extend::Buffers,
}

/// A chain that may need gaps.
#[derive(Clone, Copy, Debug)]
struct Open {
    chain: Chain,
    /// The most it may score.
    bound: i32,
}

/// The alignments of a template's reads, the best first, and the pair they make. Those of a read that is `sure` are
/// known, with the most that it may score anywhere else.
pub(crate) fn align(
    setting: Setting<'_>,
    expected: &InsertSize,
    reads: &[Read],
    sure: [Option<i32>; 2],
    scratch: &mut Hard,
    found: &mut [Vec<Alignment>; 2],
) -> Option<Pairing> {
    let params = setting.params;
    for (side, found) in found.iter_mut().enumerate() {
        scratch.open[side].clear();
        scratch.unseen[side] = sure[side].unwrap_or(0);
        if sure[side].is_none() {
            found.clear();
            if let Some(read) = reads.get(side) {
                ungapped(setting, read, side, scratch, found);
            }
        }
    }
    favour_pairs(setting, expected, reads, scratch, found);
    for (side, read) in reads.iter().enumerate() {
        let (open, extension) = (&mut scratch.open[side], &mut scratch.extension);
        scratch.alternates[side] = on_each(setting, read, open, extension, &mut found[side]);
    }
    let [first, second] = reads else {
        return None;
    };
    let mut pairing = pair::best(params, found, expected);
    let alone = both_alone(params, found);
    let least = pairing.map_or(alone, |pairing| pairing.score.max(alone)) - MARGIN;
    let wanted = rescue::Wanted {
        reads: [first, second],
        expected,
        least,
        unseen: scratch.unseen,
    };
    if rescue::mates(setting, &wanted, found, &mut scratch.extension) {
        for (found, alternates) in found.iter_mut().zip(&mut scratch.alternates) {
            alt::keep_apart(setting.view, found, alternates);
            keep_distinct(alternates);
            keep_distinct(found);
        }
        pairing = pair::best(params, found, expected);
    }
    pairing.filter(|pairing| pairing.score > both_alone(params, found))
}

/// Chains a read; what fits without gaps is found, the rest stays open.
fn ungapped(
    setting: Setting<'_>,
    read: &Read,
    side: usize,
    scratch: &mut Hard,
    found: &mut Vec<Alignment>,
) {
    let Setting { view, params, .. } = setting;
    let Hard {
        seeds,
        anchors,
        chaining,
        chains: all,
        open,
        extension,
        alternates: _,
        unseen,
    } = scratch;
    seeds.anchors(view, params, read, anchors);
    let perfect = read.len() as i32 * params.match_score;
    let edit = params.match_score + params.mismatch;
    unseen[side] = perfect - seeds.edits(0) * edit;
    chains(anchors, params, chaining, all);
    let Some(best) = all.first() else {
        return;
    };
    // A chain is worth a look that is nearly as good as the best, or explains another part of the read.
    let length = read.len() as u32;
    let part = |chain: &Chain| chain::as_sequenced(chain, length);
    let primary = alt::first_on_primary(view, all);
    let worth = |chain: &&Chain| {
        // What an alternate contig has says nothing of the primary assembly.
        let best = primary
            .filter(|_| !alt::is_at(view, chain.diagonals.0))
            .unwrap_or(best);
        chain.score * 3 >= best.score || !covers_half(part(chain), part(best))
    };
    for chain in all.iter().filter(worth) {
        let start = chain.diagonals.0.max(0) as u64;
        for at in [start, start + u64::from(length)] {
            view.byte_of(at).into_iter().for_each(prefetch::fetch);
        }
    }
    let mut known = 0;
    for chain in all.iter().filter(worth) {
        let limit = bound::by_pieces(setting, read, chain.reverse, chain.diagonals);
        let is_alternate = view.contigs().has_alternates() && alt::is_at(view, chain.diagonals.0);
        if !is_alternate && limit < known - SPREAD && covers_half(part(chain), part(best)) {
            continue;
        }
        let mut fit = Fit::Gap;
        if chain.diagonals.0 == chain.diagonals.1
            && let Ok(start) = u64::try_from(chain.diagonals.0)
        {
            let mismatches = &mut extension.mismatches;
            fit = flat::fit(
                setting,
                read,
                start,
                chain.reverse,
                Gaps::Clipped,
                mismatches,
            );
        }
        if let Fit::Flat(alignment) = fit {
            if !is_alternate && covers_half(as_sequenced(&alignment, length), part(best)) {
                known = known.max(alignment.score);
            }
            found.push(alignment);
        } else {
            let edits = seeds.edits(chain.seeds).max(1);
            open[side].push(Open {
                chain: *chain,
                bound: limit.min(perfect - edits * edit),
            });
        }
    }
}

/// Raises the bound of open chains that have a partner at the right distance by what a pair is worth, and sorts
/// by it.
fn favour_pairs(
    setting: Setting<'_>,
    expected: &InsertSize,
    reads: &[Read],
    scratch: &mut Hard,
    found: &[Vec<Alignment>; 2],
) {
    let params = setting.params;
    let far = u64::from(expected.high);
    let mut starts: [Vec<(bool, u64)>; 2] = Default::default();
    for side in 0..reads.len() {
        let exact = found[side].iter().map(|alignment| {
            let offset = setting.view.offset(alignment.contig);
            (alignment.reverse, offset + u64::from(alignment.start))
        });
        let open = scratch.open[side].iter().map(|open| {
            let start = open.chain.diagonals.0.max(0) as u64;
            (open.chain.reverse, start)
        });
        starts[side] = exact.chain(open).collect();
        starts[side].sort_unstable();
    }
    for side in 0..reads.len() {
        let partners = &starts[1 - side];
        for open in &mut scratch.open[side] {
            let start = open.chain.diagonals.0.max(0) as u64;
            let least = (!open.chain.reverse, start.saturating_sub(far));
            let next = partners.get(partners.partition_point(|partner| *partner < least));
            if next.is_some_and(|next| next.0 == least.0 && next.1 <= start + far) {
                open.bound += params.unpaired;
            }
        }
        scratch.open[side].sort_by_key(|open| (-open.bound, -open.chain.score));
    }
}

/// Completes what a read has on the primary assembly and on alternate contigs, each for itself: neither hides the
/// other. Gives back what is on alternate contigs, unless there is nothing else.
fn on_each(
    setting: Setting<'_>,
    read: &Read,
    open: &[Open],
    buffers: &mut extend::Buffers,
    found: &mut Vec<Alignment>,
) -> Vec<Alignment> {
    let view = setting.view;
    let mut alternates = Vec::new();
    if view.contigs().has_alternates() {
        alternates = alt::take(view, found);
        let is_alternate = |open: &Open| alt::is_at(view, open.chain.diagonals.0);
        let (alternate, primary): (Vec<Open>, Vec<Open>) =
            open.iter().copied().partition(is_alternate);
        gapped(setting, read, &primary, buffers, found);
        gapped(setting, read, &alternate, buffers, &mut alternates);
    } else {
        gapped(setting, read, open, buffers, found);
    }
    if found.is_empty() {
        std::mem::swap(found, &mut alternates);
    }
    for found in [found, &mut alternates] {
        keep_distinct(found);
        clipped::reach_farther(setting, read, found, buffers);
        keep_distinct(found);
    }
    alternates
}

/// Tries open chains with gaps that may matter: beside the best, or for another part of the read.
fn gapped(
    setting: Setting<'_>,
    read: &Read,
    open: &[Open],
    buffers: &mut extend::Buffers,
    found: &mut Vec<Alignment>,
) {
    let params = setting.params;
    let length = read.len() as u32;
    let (mut tries, mut tries_elsewhere) = (0, 0);
    // Score of the best, and its part in the direction of the sequencer, to compare strands.
    let known = found.iter().map(|a| (a.score, as_sequenced(a, length)));
    let mut best = known.max_by_key(|best| best.0).unwrap_or((0, (0, 0)));
    for Open { chain, bound } in open {
        let may_be_best = *bound >= best.0 - params.unpaired;
        let elsewhere = || !covers_half(chain::as_sequenced(chain, length), best.1);
        let (tried, most) = if may_be_best {
            (&mut tries, GAPPED_MAX)
        } else if *bound >= params.score_min && elsewhere() {
            (&mut tries_elsewhere, ELSEWHERE_MAX)
        } else {
            continue;
        };
        if *tried == most {
            continue;
        }
        *tried += 1;
        if let Some(alignment) = extend::gapped(setting, read, chain, buffers)
            && alignment.score >= params.score_min
        {
            if alignment.score > best.0 {
                best = (alignment.score, as_sequenced(&alignment, length));
            }
            found.push(alignment);
        }
    }
    let Some(top) = found.iter().max_by_key(|a| a.score) else {
        return;
    };
    let part = as_sequenced(top, length);
    found.retain(|a| {
        let other_part = !covers_half(as_sequenced(a, length), part);
        a.score >= params.score_min && (a.score + SPREAD >= best.0 || other_part)
    });
}

/// Sorts alignments by score, then by place, and drops those that are a better one told otherwise.
fn keep_distinct(alignments: &mut Vec<Alignment>) {
    let better = |a: &Alignment| (-a.score, a.start, a.end, a.query);
    alignments.sort_by_key(|a| (a.contig, a.reverse, a.start, a.end, a.query, -a.score));
    let longest = alignments
        .iter()
        .map(|a| a.end - a.start)
        .max()
        .unwrap_or(0);
    let mut dropped = vec![false; alignments.len()];
    for at in 0..alignments.len() {
        let this = &alignments[at];
        for (before, other) in alignments[..at].iter().enumerate().rev() {
            let strand = other.contig == this.contig && other.reverse == this.reverse;
            if !strand || other.start + longest < this.start {
                break;
            }
            let same = is_same(other, this);
            if same && !dropped[before] && !dropped[at] {
                let worse = if better(other) <= better(this) {
                    at
                } else {
                    before
                };
                dropped[worse] = true;
            }
        }
    }
    let mut dropped = dropped.into_iter();
    alignments.retain(|_| !dropped.next().unwrap_or(false));
    alignments.sort_by_key(|a| (-a.score, a.contig, a.start, a.reverse, a.end));
}

/// True when two alignments on one strand of a contig begin or end on the same diagonal, or lie on nearly the same
/// bases of both. Those that are shifted against each other are not: in a tandem repeat they are other places.
fn is_same(a: &Alignment, b: &Alignment) -> bool {
    let begin = |a: &Alignment| i64::from(a.start) - i64::from(a.query.0);
    let end = |a: &Alignment| i64::from(a.end) - i64::from(a.query.1);
    let overlap = |a: (u32, u32), b: (u32, u32)| a.1.min(b.1).saturating_sub(a.0.max(b.0));
    let within =
        |a: (u32, u32), b: (u32, u32)| 100 * overlap(a, b) >= 95 * (a.1 - a.0).min(b.1 - b.0);
    let (on_a, on_b) = ((a.start, a.end), (b.start, b.end));
    if begin(a) == begin(b) || end(a) == end(b) {
        return covers_half(on_a, on_b) && covers_half(a.query, b.query);
    }
    within(on_a, on_b) && within(a.query, b.query)
}
