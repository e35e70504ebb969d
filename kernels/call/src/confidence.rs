//! Confidence that a base is as in the reference.

use crate::blocks::Confidence;
use crate::phred::{self, PER_PHRED, Scaled};
use crate::pileup::Column;

/// A fragment that cannot hide an indel is wrong about it with this phred probability (GATK).
const INDEL_QUALITY: f64 = 45.0;
/// More informative fragments than this add nothing.
const MAX_INFORMATIVE: u32 = 40;
const MAX_GQ: u16 = 99;

/// The confidence of a column: the lower of what substitutions and what indels leave.
pub(crate) fn of(column: &Column, ploidy: u8) -> Confidence {
    let substitution = phred::pl(&column.likelihoods);
    let reads = f64::from(column.informative.min(MAX_INFORMATIVE));
    let scaled = |phred: f64| (-phred * PER_PHRED * reads) as Scaled;
    let indel = phred::pl(&[0, scaled(10.0 * 2f64.log10()), scaled(INDEL_QUALITY)]);
    let mut pl = [0; 3];
    for (pl, (a, b)) in pl.iter_mut().zip(substitution.iter().zip(&indel)) {
        *pl = *a.min(b);
    }
    if ploidy == 1 {
        // Half a copy there is not.
        pl[1] = pl[2];
    }
    if substitution[0] > 0 {
        // Reads speak for a variant that no haplotype confirmed: nothing is known.
        pl = [0; 3];
    }
    Confidence {
        depth: column.depth,
        gq: pl[1].min(pl[2]).min(MAX_GQ) as u8,
        pl,
    }
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::phred;
    use crate::pileup::Column;

    fn column(reference: u32, other: u32, informative: u32) -> Column {
        let mut column = Column {
            depth: reference + other,
            informative,
            ..Column::default()
        };
        for n in 0..reference + other {
            phred::add(&mut column.likelihoods, n < reference, 30);
        }
        column
    }

    #[test]
    fn the_weaker_of_two_proofs_counts() {
        let cases = [
            ((10, 0, 10), 2, 30, [0, 30, 348]),
            ((10, 0, 5), 2, 15, [0, 15, 225]),
            ((0, 0, 0), 2, 0, [0, 0, 0]),
            ((10, 10, 20), 2, 0, [0, 0, 0]),
            ((10, 0, 10), 1, 99, [0, 348, 348]),
        ];
        for ((reference, other, informative), ploidy, gq, pl) in cases {
            let confidence = of(&column(reference, other, informative), ploidy);
            assert_eq!(
                (confidence.gq, confidence.pl),
                (gq, pl),
                "{reference} {other} {informative}"
            );
        }
    }
}
