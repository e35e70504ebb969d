//! Logarithms and powers by plain arithmetic, so that every machine gives the same bits.

use std::sync::LazyLock;

const LN_10: f64 = std::f64::consts::LN_10;
const LN_2: f64 = std::f64::consts::LN_2;

/// The largest phred value told apart from certainty.
pub(crate) const PHRED_MAX: u32 = 3_000;

static LIKELIHOOD: LazyLock<Vec<f64>> = LazyLock::new(|| {
    (0..=PHRED_MAX)
        .map(|phred| exp(-f64::from(phred) / 10.0 * LN_10))
        .collect()
});

/// 10^(-phred / 10).
pub(crate) fn likelihood(phred: u32) -> f64 {
    LIKELIHOOD[phred.min(PHRED_MAX) as usize]
}

/// Probabilities from which on a phred value is rounded to 1, 2 and so on.
static QUALITIES: LazyLock<Vec<f64>> = LazyLock::new(|| {
    (1..=QUALITY_MAX)
        .map(|phred| exp(-(f64::from(phred) - 0.5) / 10.0 * LN_10))
        .collect()
});

/// The highest genotype quality told.
const QUALITY_MAX: u8 = 99;

/// -10 log10 of a probability, rounded, at most [`QUALITY_MAX`].
pub(crate) fn quality(probability: f64) -> u8 {
    // Most are beyond what is told.
    if QUALITIES.last().is_some_and(|least| probability <= *least) {
        return QUALITY_MAX;
    }
    QUALITIES.partition_point(|least| probability <= *least) as u8
}

/// -10 log10 of a probability, at most [`PHRED_MAX`].
pub(crate) fn phred(probability: f64) -> f64 {
    if probability <= 0.0 {
        return f64::from(PHRED_MAX);
    }
    (-10.0 * ln(probability) / LN_10).clamp(0.0, f64::from(PHRED_MAX))
}

/// The natural logarithm of a normal positive number.
pub(crate) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | (1023 << 52));
    if mantissa > std::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    // ln m = 2 atanh((m - 1) / (m + 1)), |argument| < 0.172.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let series = (0..12).rev().fold(0.0, |sum, term| {
        sum * square + 1.0 / f64::from(2 * term + 1)
    });
    exponent as f64 * LN_2 + 2.0 * s * series
}

/// e to the power of `x`, for `x` from -700 to 700.
pub(crate) fn exp(x: f64) -> f64 {
    let power = (x / LN_2).round();
    let rest = x - power * LN_2;
    let series = (1..=16)
        .rev()
        .fold(1.0, |sum, term| 1.0 + sum * rest / f64::from(term));
    series * f64::from_bits(((1023 + power as i64) as u64) << 52)
}

#[cfg(test)]
mod tests {
    use super::{exp, likelihood, ln, phred, quality};

    #[test]
    fn agrees_with_the_library() {
        for x in [1e-300, 1e-9, 0.1, 0.7, 1.0, 1.41, 2.0, 3.5, 1e12] {
            assert!(
                (ln(x) - x.ln()).abs() < 1e-12 * x.ln().abs().max(1.0),
                "{x}"
            );
        }
        for x in [-690.0, -20.5, -1.0, 0.0, 0.3, 1.0, 77.7] {
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-12, "{x}");
        }
        assert!((likelihood(30) - 1e-3).abs() < 1e-15);
        assert!((phred(1e-3) - 30.0).abs() < 1e-9);
        assert_eq!(phred(0.0), 3000.0);
        for p in [0.0, 1e-12, 1.2e-10, 3e-7, 0.01, 0.3, 0.9, 1.0] {
            assert_eq!(f64::from(quality(p)), phred(p).round().min(99.0), "{p}");
        }
    }
}
