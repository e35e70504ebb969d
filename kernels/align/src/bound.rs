//! The most that a read may score near a diagonal, without an alignment.

use kumi_simd::packed::{SHIFTS, lost_pieces};

use crate::read::{Read, WORDS};
use crate::setting::Setting;

/// With more diagonals the bound says nothing.
const DIAGONALS_MAX: usize = 128;
/// Words that a read and so many diagonals take.
const REFERENCE_WORDS: usize = WORDS + DIAGONALS_MAX / 32 + 1;

/// The most that a read may score on diagonals of the concatenation from `first` to `last` and those as far beside
/// them as a gap leads: a piece of eight bases that stands on none of them has an edit or is clipped. `i32::MAX` where
/// that cannot be told.
pub(crate) fn by_pieces(
    setting: Setting<'_>,
    read: &Read,
    reverse: bool,
    (first, last): (i64, i64),
) -> i32 {
    let params = setting.params;
    let band = i64::from(params.band);
    let diagonals = usize::try_from(last - first + 2 * band + 1).unwrap_or(usize::MAX);
    let (Some(packed), Ok(start)) = (read.packed(reverse), u64::try_from(first - band)) else {
        return i32::MAX;
    };
    if diagonals > DIAGONALS_MAX {
        return i32::MAX;
    }
    let shifts = diagonals.next_multiple_of(SHIFTS);
    let mut reference = [0; REFERENCE_WORDS];
    let words = read.len().div_ceil(32) + shifts / 32 + 1;
    setting.view.packed(start, &mut reference[..words]);
    let lost = lost_pieces(setting.level, packed, read.len(), &reference, shifts);
    // A mismatch takes a piece and a gap of any length no more a base; a clip takes one for as little as a base.
    let edit = params.match_score + params.mismatch.min(params.gap_open + params.gap_extend);
    let clips = 2 * (edit - params.match_score);
    read.len() as i32 * params.match_score - (lost as i32 * edit - clips).max(0)
}
