//! Alignments that end at a gap longer than the band of an extension: what is clipped is looked for farther away.

use crate::extend::{Alignment, Buffers, on_diagonals};
use crate::params::Params;
use crate::read::Read;
use crate::setting::Setting;

/// Bases to either side of an alignment that are looked at (bwa mem `-w`).
const REACH: i64 = 100;
/// Alignments of a read that are tried.
const TRIES: usize = 4;

/// Replaces alignments that a longer gap makes better, among those that may then matter beside the best.
pub(crate) fn reach_farther(
    setting: Setting<'_>,
    read: &Read,
    found: &mut [Alignment],
    buffers: &mut Buffers,
) {
    let params = setting.params;
    let Some(best) = found.iter().map(|a| a.score).max() else {
        return;
    };
    let may_matter = |alignment: &&mut Alignment| {
        let gained = most_gained(params, read.len() as u32, alignment);
        gained > 0 && alignment.score + gained >= best - params.unpaired
    };
    for alignment in found.iter_mut().filter(may_matter).take(TRIES) {
        if let Some(better) = extend(setting, read, alignment, buffers)
            && better.score > alignment.score
        {
            *alignment = better;
        }
    }
}

/// The most that a gap longer than the band gains an alignment: all that is clipped at an end, less what the gap costs.
fn most_gained(params: &Params, length: u32, alignment: &Alignment) -> i32 {
    let clipped = alignment.query.0.max(length - alignment.query.1);
    clipped as i32 * params.match_score
        - params.gap_open
        - (params.band as i32 + 1) * params.gap_extend
}

fn extend(
    setting: Setting<'_>,
    read: &Read,
    alignment: &Alignment,
    buffers: &mut Buffers,
) -> Option<Alignment> {
    let first = i64::from(alignment.start) - i64::from(alignment.query.0);
    let last = i64::from(alignment.end) - i64::from(alignment.query.1);
    let diagonals = (first.min(last) - REACH, first.max(last) + REACH);
    let &Alignment {
        contig, reverse, ..
    } = alignment;
    on_diagonals(setting, read, reverse, contig, diagonals, buffers)
}

#[cfg(test)]
mod tests {
    use kumi_index::Index;
    use kumi_seq::cigar;
    use kumi_simd::level::Level;

    use super::reach_farther;
    use crate::extend::{Alignment, Buffers};
    use crate::params::Params;
    use crate::read::Read;
    use crate::setting::Setting;
    use crate::tests::{random_bases, reference, segment};

    /// Reads of base 2,000 on with a gap behind 82 bases, clipped there: what becomes of them.
    #[test]
    fn what_a_long_gap_hides_is_found() {
        let reference = reference();
        let bases = &reference.bases;
        let cases = [
            (
                [&bases[2000..2082], &bases[2112..2180]].concat(),
                "82M30D68M",
            ),
            (
                [&bases[2000..2082], &random_bases(3, 30), &bases[2082..2150]].concat(),
                "82M30I68M",
            ),
            // Sixty bases gain less than a gap of ninety costs; the other gap is too long.
            ([&bases[2000..2090], &bases[2180..2240]].concat(), "90M60S"),
            ([&bases[2000..2082], &bases[2262..2330]].concat(), "83M67S"),
        ];
        let index = Index::open(&reference.path).expect("opened");
        let params = Params::default();
        for (bases, expected) in cases {
            let mut read = Read::default();
            read.set(&segment(&bases));
            let length = bases.len() as u32;
            let mut ops = Vec::new();
            cigar::push(&mut ops, cigar::Kind::Match, 82);
            let mut found = [Alignment {
                score: 82,
                reverse: false,
                contig: kumi_seq::contig::ContigId(0),
                start: 2000,
                end: 2082,
                query: (0, 82),
                cigar: ops,
            }];
            let setting = Setting {
                view: index.view(),
                params: &params,
                level: Level::detect(),
            };
            reach_farther(setting, &read, &mut found, &mut Buffers::default());
            let mut shown = found[0].cigar.clone();
            cigar::push(&mut shown, cigar::Kind::SoftClip, length - found[0].query.1);
            assert_eq!(cigar::format(&shown), expected);
        }
    }
}
