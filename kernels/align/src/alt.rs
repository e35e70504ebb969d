//! Alternate contigs (the ALT loci of GRCh38): they compete among themselves, never with the primary assembly.
//!
//! As in bwa mem (Li, README-alt): a read is paired and judged by its places on the primary assembly alone; what
//! lies better on an alternate contig gets a supplementary line there, what lies as well or worse is listed in XA.

use kumi_index::View;
use kumi_seq::contig::ContigId;

use crate::chain::Chain;
use crate::choose::{as_sequenced, covers_half, quality};
use crate::extend::Alignment;
use crate::params::Params;
use crate::record::Mate;

/// Alternative places listed in XA when one of them is on an alternate contig and there are no more (bwa mem `-h`).
pub(crate) const ALTERNATIVES_MAX: usize = 200;

/// A line on an alternate contig.
#[derive(Clone, Debug)]
pub(crate) struct AlternateLine {
    /// Where.
    pub alignment: Alignment,
    /// The quality among all places, those on the primary assembly too.
    pub mapq: u8,
    /// The places listed in its XA.
    pub alternatives: Vec<Alignment>,
}

/// True when a place in the concatenation of all contigs is on an alternate one.
pub(crate) fn is_at(view: View<'_>, position: i64) -> bool {
    let (contig, _) = view.locate(position.max(0) as u64);
    is_on(view, contig)
}

/// The best chain on the primary assembly, where there are alternate contigs beside it.
pub(crate) fn first_on_primary<'c>(view: View<'_>, chains: &'c [Chain]) -> Option<&'c Chain> {
    let is_primary = |chain: &&Chain| !is_at(view, chain.diagonals.0);
    view.contigs()
        .has_alternates()
        .then(|| chains.iter().find(is_primary))?
}

fn is_on(view: View<'_>, contig: ContigId) -> bool {
    let contig = view.contigs().get(contig);
    contig.is_some_and(|contig| contig.alternate)
}

/// True when an alignment lies on an alternate contig: then it is not the end of the matter.
pub(crate) fn touches(view: View<'_>, found: &[Alignment]) -> bool {
    view.contigs().has_alternates() && found.iter().any(|other| is_on(view, other.contig))
}

/// Takes what lies on alternate contigs out.
pub(crate) fn take(view: View<'_>, found: &mut Vec<Alignment>) -> Vec<Alignment> {
    found
        .extract_if(.., |other| is_on(view, other.contig))
        .collect()
}

/// Moves what lies on alternate contigs from `found` to `alternates`, unless there is nothing else: a mate that lies on
/// an alternate contig alone must not pull its partner there.
pub(crate) fn keep_apart(
    view: View<'_>,
    found: &mut Vec<Alignment>,
    alternates: &mut Vec<Alignment>,
) {
    if touches(view, found) && !found.iter().all(|other| is_on(view, other.contig)) {
        alternates.append(&mut take(view, found));
    }
}

/// Adds to a mate what was found of it on alternate contigs (`alternates`, the best first); `found` is what it has on
/// the primary assembly.
pub(crate) fn report(
    params: &Params,
    mate: &mut Mate,
    found: &[Alignment],
    alternates: &[Alignment],
    length: u32,
) {
    let Some(primary) = mate.primary.clone() else {
        return;
    };
    let part = |other: &Alignment| as_sequenced(other, length);
    let same = |a: &Alignment, b: &Alignment| covers_half(part(a), part(b));
    let near = |other: &Alignment, best: &Alignment| {
        other != best && same(other, best) && other.score * 5 >= best.score * 4
    };
    for other in alternates.iter().filter(|a| a.score >= params.score_min) {
        let taken = mate
            .alternates
            .iter()
            .any(|line| same(&line.alignment, other));
        if taken
            || found
                .iter()
                .any(|f| same(f, other) && f.score >= other.score)
        {
            continue;
        }
        let all = || found.iter().chain(alternates);
        let mut rivals: Vec<&Alignment> = all().filter(|a| *a != other && same(a, other)).collect();
        rivals.sort_by_key(|rival| -rival.score);
        mate.alternates.push(AlternateLine {
            mapq: quality(params, other, &rivals),
            alternatives: all().filter(|a| near(a, other)).cloned().collect(),
            alignment: other.clone(),
        });
    }
    let better = mate
        .alternates
        .iter()
        .find(|line| same(&line.alignment, &primary));
    if let Some(better) = better {
        mate.better = Some(better.alignment.clone());
        // They are listed there.
        mate.alternatives.clear();
    } else {
        let more = alternates.iter().filter(|other| near(other, &primary));
        let before = mate.alternatives.len();
        mate.alternatives.extend(more.cloned());
        mate.has_alternates = mate.alternatives.len() > before;
        mate.alternatives.sort_by_key(|other| -other.score);
    }
}

#[cfg(test)]
mod tests;
