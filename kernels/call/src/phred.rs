//! Sums of log likelihoods that do not depend on the order of their terms.

use std::sync::LazyLock;

use kumi_seq::phred::error_probability;

/// A log10 likelihood in units of 10^-5.
pub(crate) type Scaled = i32;

/// Scaled units in a phred.
pub(crate) const PER_PHRED: f64 = 1e4;

struct Terms {
    /// log10 of 1 - e, (1 - e) / 2 + e / 6, e / 3.
    same: Scaled,
    half: Scaled,
    other: Scaled,
}

static TERMS: LazyLock<[Terms; 256]> = LazyLock::new(|| {
    std::array::from_fn(|q| {
        // A quality of 0 or 1 is worse than a guess among four bases.
        let e = error_probability((q as u8).max(2));
        let scaled = |p: f64| (p.log10() * 10.0 * PER_PHRED).round() as Scaled;
        Terms {
            same: scaled(1.0 - e),
            half: scaled((1.0 - e) / 2.0 + e / 6.0),
            other: scaled(e / 3.0),
        }
    })
});

/// Adds a base of quality `q` to the likelihoods of none, one and two copies of anything but the reference.
#[inline]
pub(crate) fn add(likelihoods: &mut [Scaled; 3], is_reference: bool, q: u8) {
    let terms = &TERMS[q as usize];
    let (none, two) = if is_reference {
        (terms.same, terms.other)
    } else {
        (terms.other, terms.same)
    };
    likelihoods[0] = likelihoods[0].saturating_add(none);
    likelihoods[1] = likelihoods[1].saturating_add(terms.half);
    likelihoods[2] = likelihoods[2].saturating_add(two);
}

/// PLs of likelihoods: phred relative to the best, at most 9,999.
pub(crate) fn pl(likelihoods: &[Scaled]) -> Vec<u16> {
    let best = likelihoods.iter().copied().max().unwrap_or(0);
    likelihoods
        .iter()
        .map(|&l| {
            ((f64::from(best) - f64::from(l)) / PER_PHRED)
                .round()
                .min(9_999.0) as u16
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{add, pl};

    #[test]
    fn likelihoods_are_those_of_the_textbook() {
        // Ten Q30 reference bases: het is 0.5 + 0.001 / 6 ... each, 3.01 phred a read.
        let mut likelihoods = [0; 3];
        for _ in 0..10 {
            add(&mut likelihoods, true, 30);
        }
        assert_eq!(pl(&likelihoods), [0, 30, 348]);
        for _ in 0..10 {
            add(&mut likelihoods, false, 30);
        }
        assert_eq!(pl(&likelihoods), [287, 0, 287]);
    }
}
