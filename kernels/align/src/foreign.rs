//! Reads that seem to come from elsewhere. They stay, at a lower quality.
//!
//! Two things tell: bases of good quality differ from where the read lies more than those of one species do, or good
//! bases of a read that no mate vouches for lie nowhere.

use kumi_formats::reads::Template;
use kumi_index::View;
use kumi_seq::cigar::Kind;
use kumi_seq::interval::Interval;

use crate::choose::as_sequenced;
use crate::extend::Alignment;
use crate::mapq;
use crate::params::Params;
use crate::read::Read;
use crate::record::Mate;

/// Bases of a lower quality may differ.
const QUALITY_MIN: u8 = 20;
/// Share of differing bases up to which nothing is said. A pair of 150 bases has at most three errors at Q20 or better
/// on average, and twelve, which this is, less than once in ten thousand; two human haplotypes differ by 0.1 %, by more
/// than this only in a few hundred bases of HLA genes.
const USUAL: f64 = 0.04;
/// Share at which nothing is left of the quality: more than man and macaque differ by (6.5 %, Gibbs et al. 2007), as
/// much as copies of a repeat that are older than what is told apart as segmental duplications (10 %, Bailey et al.
/// 2002) less errors.
const FOREIGN: f64 = 0.08;

/// Lowers the qualities of a template that seems to come from elsewhere; its mates are a proper pair or not.
pub(crate) fn lower(
    view: View<'_>,
    params: &Params,
    template: &Template,
    reads: &[Read],
    is_proper: bool,
    mates: &mut [Mate],
) {
    let fragment = if is_proper { fragment(mates) } else { u32::MAX };
    for (mate, segment) in mates.iter_mut().zip(&template.segments) {
        limit(mate, by_explained(mate, &segment.qualities, fragment));
    }
    let closest = || mates.iter().filter_map(Mate::closest);
    let aligned: u32 = closest().map(|a| a.query.1 - a.query.0).sum();
    let score: i32 = closest().map(|a| a.score).sum();
    let lost = f64::from(aligned as i32 * params.match_score - score);
    if lost <= USUAL * f64::from(aligned) * f64::from(params.match_score + params.mismatch) {
        return;
    }
    let differences: u32 = mates
        .iter()
        .zip(reads)
        .zip(&template.segments)
        .filter_map(|((mate, read), segment)| {
            let closest = mate.closest()?;
            Some(differences(view, read, &segment.qualities, closest))
        })
        .sum();
    let most = by_differences(f64::from(differences) / f64::from(aligned));
    mates.iter_mut().for_each(|mate| limit(mate, most));
}

/// Holds the qualities of all alignments of a segment below `most`.
fn limit(mate: &mut Mate, most: u8) {
    mate.mapq = mate.mapq.min(most);
    for (_, quality) in &mut mate.supplementary {
        *quality = (*quality).min(most);
    }
}

/// The most that is claimed when this share of good bases differs.
fn by_differences(share: f64) -> u8 {
    let left = ((FOREIGN - share) / (FOREIGN - USUAL)).clamp(0.0, 1.0);
    (f64::from(mapq::MAX) * left).round() as u8
}

/// Bases of the fragment of a proper pair: what a segment has more is adapter.
fn fragment(mates: &[Mate]) -> u32 {
    let primaries = || mates.iter().filter_map(|mate| mate.primary.as_ref());
    let start = primaries().map(|a| a.start - a.query.0.min(a.start)).min();
    let end = primaries().map(|a| a.end).max();
    end.zip(start).map_or(u32::MAX, |(end, start)| end - start)
}

/// The most that is claimed of a segment by the share of its good bases, as far as the fragment goes, that its alignments
/// explain: everything from two thirds on, 30 for a third. Where most of a read is not in the
/// reference, the rest says little of where it comes from: a copy of it may stand in what the reference lacks.
fn by_explained(mate: &Mate, qualities: &[u8], fragment: u32) -> u8 {
    let length = qualities.len() as u32;
    let primary = mate.primary.iter();
    let parts: Vec<(u32, u32)> = primary
        .chain(mate.supplementary.iter().map(|(part, _)| part))
        .chain(mate.alternates.iter().map(|line| &line.alignment))
        .map(|alignment| as_sequenced(alignment, length))
        .collect();
    if parts.contains(&(0, length)) {
        return mapq::MAX;
    }
    let is_explained = |at: &u32| parts.iter().any(|part| (part.0..part.1).contains(at));
    let is_good = |&at: &u32| qualities[at as usize] >= QUALITY_MIN;
    let good = || (0..length.min(fragment)).filter(is_good);
    let (explained, all) = (good().filter(is_explained).count(), good().count());
    if all == 0 {
        return mapq::MAX;
    }
    (usize::from(mapq::MAX) * 3 * explained / (2 * all)).min(mapq::MAX.into()) as u8
}

/// Gaps, and bases of good quality that differ.
fn differences(view: View<'_>, read: &Read, qualities: &[u8], alignment: &Alignment) -> u32 {
    let mut reference = Vec::new();
    let Alignment {
        contig, start, end, ..
    } = *alignment;
    view.codes(Interval { contig, start, end }, &mut reference);
    let codes = read.codes(alignment.reverse);
    let is_good = |at: usize| {
        let at = if alignment.reverse {
            codes.len() - 1 - at
        } else {
            at
        };
        qualities
            .get(at)
            .is_none_or(|&quality| quality >= QUALITY_MIN)
    };
    let (mut q, mut r, mut found) = (alignment.query.0 as usize, 0, 0);
    for op in &alignment.cigar {
        let length = op.len as usize;
        match op.kind {
            Kind::Insertion => (q, found) = (q + length, found + 1),
            Kind::Deletion => (r, found) = (r + length, found + 1),
            _ => {
                let differs = |&k: &usize| codes[q + k] != reference[r + k] && is_good(q + k);
                found += (0..length).filter(differs).count() as u32;
                (q, r) = (q + length, r + length);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{by_differences, by_explained};
    use crate::extend::Alignment;
    use crate::record::Mate;
    use kumi_seq::contig::ContigId;

    fn part(query: (u32, u32), reverse: bool) -> Alignment {
        Alignment {
            score: 0,
            reverse,
            contig: ContigId(0),
            start: 0,
            end: query.1 - query.0,
            query,
            cigar: Vec::new(),
        }
    }

    #[test]
    fn quality_falls_from_four_to_eight_percent() {
        let qualities = [0.0, 0.04, 0.05, 0.06, 0.0799, 0.08, 0.5].map(by_differences);
        assert_eq!(qualities, [60, 60, 45, 30, 0, 0, 0]);
    }

    #[test]
    fn a_part_claims_its_share_of_good_bases() {
        let mate = |parts: &[Alignment]| Mate {
            primary: parts.first().cloned(),
            supplementary: parts
                .iter()
                .skip(1)
                .map(|part| (part.clone(), 60))
                .collect(),
            ..Default::default()
        };
        let good = [30; 100];
        let explained = |parts: &[Alignment], qualities| by_explained(&mate(parts), qualities, 400);
        assert_eq!(explained(&[part((0, 100), false)], &good), 60);
        let shares = [33, 40, 50, 60, 67].map(|end| explained(&[part((0, end), false)], &good));
        assert_eq!(shares, [29, 36, 45, 54, 60]);
        // Two parts, one counted from the other end.
        let split = [part((0, 60), false), part((0, 40), true)];
        assert_eq!(explained(&split, &good), 60);
        // What is not explained is of low quality.
        let mut tail = good;
        tail[50..].fill(2);
        assert_eq!(explained(&[part((0, 50), false)], &tail), 60);
        assert_eq!(explained(&[part((50, 75), true)], &tail), 45);
        // ... or adapter behind the fragment.
        let short = mate(&[part((0, 40), false)]);
        assert_eq!(by_explained(&short, &good, 40), 60);
        assert_eq!(by_explained(&short, &good, 80), 45);
    }
}
