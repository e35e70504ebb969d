//! Which alignment of a segment is reported as what, and with which quality.

use crate::extend::Alignment;
use crate::mapq;
use crate::pair::{Pairing, both_alone};
use crate::params::Params;
use crate::record::Mate;

/// What a mate adds to the quality of a read at most: of reads with a place as good elsewhere that their mate decides,
/// one in a thousand to two thousand is wrong.
const BY_MATE: u8 = 30;

/// Chooses the primary alignment of a segment, its quality, and what else is reported.
pub(crate) fn mate(
    params: &Params,
    found: &[Vec<Alignment>; 2],
    side: usize,
    length: u32,
    pairing: Option<&Pairing>,
) -> Mate {
    let all = &found[side];
    let Some(primary) = all.get(pairing.map_or(0, |pairing| pairing.chosen[side])) else {
        return Mate::default();
    };
    let part = as_sequenced(primary, length);
    let rivals: Vec<&Alignment> = all
        .iter()
        .filter(|other| *other != primary && covers_half(as_sequenced(other, length), part))
        .collect();
    let second = rivals.first().map_or(0, |rival| rival.score);
    let quality = quality(params, primary, &rivals);
    let mapq = match pairing {
        Some(pairing) => {
            quality.max(paired_quality(params, found, pairing).min(quality.saturating_add(BY_MATE)))
        }
        None => quality,
    };
    let mut supplementary: Vec<(Alignment, u8)> = Vec::new();
    // Looked for beside its mate, a read may have less than stands on its own.
    let stands = |other: &&Alignment| *other != primary && other.score >= params.score_min;
    for other in all.iter().filter(stands) {
        let part = as_sequenced(other, length);
        let taken = |chosen: &Alignment| covers_half(as_sequenced(chosen, length), part);
        if !taken(primary) && !supplementary.iter().any(|(chosen, _)| taken(chosen)) {
            let rivals: Vec<&Alignment> = all
                .iter()
                .filter(|rival| *rival != other && covers_half(as_sequenced(rival, length), part))
                .collect();
            supplementary.push((
                other.clone(),
                self::quality(params, other, &rivals).min(mapq.max(1)),
            ));
        }
    }
    let alternatives = rivals
        .iter()
        .filter(|rival| rival.score * 5 >= primary.score * 4)
        .map(|&r| r.clone())
        .collect();
    Mate {
        primary: Some(primary.clone()),
        mapq,
        second,
        supplementary,
        alternatives,
        ..Mate::default()
    }
}

/// The quality of an alignment among the others of the same part of the read, the best first.
pub(crate) fn quality(params: &Params, alignment: &Alignment, rivals: &[&Alignment]) -> u8 {
    let second = rivals.first().map_or(0, |rival| rival.score);
    let close = params.mismatch + params.match_score + params.gap_open;
    let seconds = rivals
        .iter()
        .filter(|rival| second - rival.score <= close)
        .count() as u32;
    let length = (alignment.query.1 - alignment.query.0).max(alignment.end - alignment.start);
    mapq::single(params, alignment.score, length, second, seconds)
}

/// What the pair as a whole says for both of its mates.
fn paired_quality(params: &Params, found: &[Vec<Alignment>; 2], pairing: &Pairing) -> u8 {
    let other = pairing.second.max(both_alone(params, found));
    let crowd = if pairing.seconds > 0 {
        (4.343 * f64::from(pairing.seconds + 1).ln() + 0.499) as i32
    } else {
        0
    };
    (mapq::raw(params, pairing.score - other) - crowd).clamp(0, i32::from(mapq::MAX)) as u8
}

/// Query bases in the direction of the sequencer.
pub(crate) fn as_sequenced(alignment: &Alignment, length: u32) -> (u32, u32) {
    if alignment.reverse {
        (length - alignment.query.1, length - alignment.query.0)
    } else {
        alignment.query
    }
}

/// True when the overlap is at least half of the shorter one.
pub(crate) fn covers_half(a: (u32, u32), b: (u32, u32)) -> bool {
    let overlap = a.1.min(b.1).saturating_sub(a.0.max(b.0));
    2 * overlap >= (a.1 - a.0).min(b.1 - b.0)
}
