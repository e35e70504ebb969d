//! Reads that seem to come from elsewhere: bases of good quality differ from where the read lies more than those of
//! one species do. They stay, at a lower quality.

use kumi_formats::reads::Template;
use kumi_index::View;
use kumi_seq::cigar::Kind;
use kumi_seq::interval::Interval;

use crate::extend::Alignment;
use crate::mapq;
use crate::params::Params;
use crate::read::Read;
use crate::record::Mate;

/// Bases of a lower quality may differ.
const QUALITY_MIN: u8 = 20;
/// Share of differing bases up to which nothing is said.
const USUAL: f64 = 0.04;
/// Share at which nothing is left of the quality.
const FOREIGN: f64 = 0.08;

/// Lowers the qualities of a template whose bases of good quality differ too much from the reference.
pub(crate) fn lower(
    view: View<'_>,
    params: &Params,
    template: &Template,
    reads: &[Read],
    mates: &mut [Mate],
) {
    let primaries = || mates.iter().filter_map(|mate| mate.primary.as_ref());
    let aligned: u32 = primaries().map(|a| a.query.1 - a.query.0).sum();
    let score: i32 = primaries().map(|a| a.score).sum();
    let lost = f64::from(aligned as i32 * params.match_score - score);
    if lost <= USUAL * f64::from(aligned) * f64::from(params.match_score + params.mismatch) {
        return;
    }
    let differences: u32 = mates
        .iter()
        .zip(reads)
        .zip(&template.segments)
        .filter_map(|((mate, read), segment)| {
            let primary = mate.primary.as_ref()?;
            Some(differences(view, read, &segment.qualities, primary))
        })
        .sum();
    let share = f64::from(differences) / f64::from(aligned);
    let left = ((FOREIGN - share) / (FOREIGN - USUAL)).clamp(0.0, 1.0);
    let most = (f64::from(mapq::MAX) * left) as u8;
    for mate in mates {
        mate.mapq = mate.mapq.min(most);
        for (_, quality) in &mut mate.supplementary {
            *quality = (*quality).min(most);
        }
    }
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
