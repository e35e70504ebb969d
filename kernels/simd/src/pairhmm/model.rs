//! From phred to probabilities, and from sums to log10: plain arithmetic, the same on every machine.

use crate::pairhmm::{LEAST, Read};

/// How many letters a haplotype is written in: A, C, G, T and whatever else.
pub(super) const LETTERS: usize = 5;

/// A letter as its number: 0 to 3 for ACGT, 4 for all others.
pub(super) fn code(base: u8) -> u8 {
    match base {
        b'A' | b'a' => 0,
        b'C' | b'c' => 1,
        b'G' | b'g' => 2,
        b'T' | b't' => 3,
        _ => 4,
    }
}

/// `f32` or `f64`, and how cells of it are scaled.
pub(super) trait Real: Copy + Default + PartialOrd {
    /// What a cell of the first row holds.
    const START: Self;
    /// No cell of `I` or `D` is less. Times the least prior and the least coefficient it is still a
    /// normal number: 2^-80 * 2^-23 * 2^-22 and 2^-940 alike.
    const FLOOR: Self;
    /// What the last row is multiplied by before it is summed, so that a million columns can hold `START`.
    const SHRINK: Self;
    /// log2 of `START * SHRINK`.
    const SCALE_LOG2: f64;
    /// Below this for each column, the floor might be noticed (2^20 times the floor, shrunk).
    const ENOUGH: f64;

    /// The nearest value.
    fn near(value: f64) -> Self;
    /// The same value.
    fn wide(self) -> f64;
}

impl Real for f32 {
    const START: Self = f32::from_bits((127 + 120) << 23);
    const FLOOR: Self = f32::from_bits((127 - 80) << 23);
    const SHRINK: Self = f32::from_bits((127 - 20) << 23);
    const SCALE_LOG2: f64 = 100.0;
    const ENOUGH: f64 = f64::from_bits((1023 - 80) << 52);

    fn near(value: f64) -> Self {
        value as f32
    }
    fn wide(self) -> f64 {
        f64::from(self)
    }
}

impl Real for f64 {
    const START: Self = f64::from_bits((1023 + 980) << 52);
    const FLOOR: Self = f64::from_bits((1023 - 940) << 52);
    const SHRINK: Self = f64::from_bits((1023 - 20) << 52);
    const SCALE_LOG2: f64 = 960.0;
    const ENOUGH: f64 = 0.0;

    fn near(value: f64) -> Self {
        value
    }
    fn wide(self) -> f64 {
        self
    }
}

/// What one read base brings to its row. `I` and `D` are kept multiplied by `1 - x`, `M` by the next
/// row's `1 - 2g`: that leaves five multiplications a cell.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<R> {
    /// The factor of a cell of `M`, by the haplotype's letter.
    pub emit: [R; LETTERS],
    /// From `M` of the row before to `I`.
    pub insert: R,
    /// From `M` of the same row to `D`.
    pub delete: R,
}

/// The rows of a read that is not empty.
pub(super) fn rows<'a, R: Real>(read: &'a Read<'a>) -> impl Iterator<Item = Row<R>> + 'a {
    let leave = leave(read);
    let stay = |at: usize| 1.0 - 2.0 * probability(read.gap_open[at].max(4));
    (0..read.bases.len()).map(move |at| {
        let wrong = probability(read.quals[at]).min(0.75);
        let open = probability(read.gap_open[at].max(4));
        let next = if at + 1 < read.bases.len() {
            stay(at + 1)
        } else {
            1.0
        };
        let first = if at == 0 { leave } else { 1.0 };
        let own = code(read.bases[at]);
        let emit = std::array::from_fn(|letter| {
            let agree = letter == usize::from(own) || letter == 4 || own == 4;
            R::near(first * next * if agree { 1.0 - wrong } else { wrong / 3.0 })
        });
        let insert = if at == 0 {
            0.0
        } else {
            open * leave / stay(at)
        };
        Row {
            emit,
            insert: R::near(insert),
            delete: R::near(open * leave / next),
        }
    })
}

/// The probability that a gap of this read goes on.
pub(super) fn extend(read: &Read) -> f64 {
    probability(read.gap_extend.max(1))
}

/// The probability that it ends.
pub(super) fn leave(read: &Read) -> f64 {
    1.0 - extend(read)
}

/// The sum of `M` and `I` over the last row, from what was summed.
pub(super) fn total<R: Real>(read: &Read, matches: R, inserts: R) -> f64 {
    matches.wide() + inserts.wide() / leave(read)
}

/// The log10 likelihood of a total over a haplotype of this length.
pub(super) fn likelihood<R: Real>(total: f64, length: usize) -> f64 {
    let scale = R::SCALE_LOG2 * std::f64::consts::LOG10_2;
    (log10(total) - scale - log10(length as f64)).clamp(LEAST, 0.0)
}

/// Whether a total stands so far above the floor that the floor does not show.
pub(super) fn is_enough<R: Real>(total: f64, length: usize) -> bool {
    total >= R::ENOUGH * length as f64
}

/// 10^(-phred / 10); no phred counts for more than 60.
fn probability(phred: u8) -> f64 {
    const TENTHS: [f64; 10] = [
        1.0,
        0.794_328_234_724_281_5,
        0.630_957_344_480_193_2,
        0.501_187_233_627_272_3,
        0.398_107_170_553_497_25,
        0.316_227_766_016_837_93,
        0.251_188_643_150_958,
        0.199_526_231_496_887_96,
        0.158_489_319_246_111_35,
        0.125_892_541_179_416_73,
    ];
    const TENS: [f64; 7] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
    let phred = usize::from(phred.min(60));
    TENTHS[phred % 10] / TENS[phred / 10]
}

/// log10 of a positive normal number, to about 2 units in the last place.
fn log10(value: f64) -> f64 {
    const MANTISSA: u64 = (1 << 52) - 1;
    let bits = value.to_bits();
    let mut exponent = (bits >> 52) as i64 - 1023;
    let mut mantissa = f64::from_bits(bits & MANTISSA | 1023 << 52);
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    // ln(m) = 2 artanh((m - 1) / (m + 1)); the argument is below 0.172, so eleven terms are exact.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = (0..11)
        .rev()
        .fold(0.0, |sum, k| sum * square + 1.0 / f64::from(2 * k + 1));
    exponent as f64 * std::f64::consts::LOG10_2 + 2.0 * s * series * std::f64::consts::LOG10_E
}

#[cfg(test)]
mod tests {
    use super::{log10, probability};

    #[test]
    fn logarithms_and_probabilities_are_right() {
        for value in [
            1.0,
            2.0,
            1e-300,
            1e300,
            0.1,
            1.414,
            1.415,
            3.7e-5,
            0.999_999,
            123_456.789,
        ] {
            let error = (log10(value) - f64::log10(value)).abs();
            assert!(
                error <= 4e-16 * f64::log10(value).abs().max(0.5),
                "{value}: {error}"
            );
        }
        for phred in 0..=60u8 {
            let right = 10f64.powf(-f64::from(phred) / 10.0);
            assert!((probability(phred) / right - 1.0).abs() < 1e-14, "{phred}");
        }
        assert_eq!(probability(255), probability(60));
    }
}
