//! Phred-scaled probabilities: Q = -10 log10 P (Ewing and Green 1998).

use std::sync::LazyLock;

/// The largest quality a SAM text record can hold (`~` is 33 + 93).
pub const MAX: u8 = 93;

static ERROR: LazyLock<[f64; 256]> =
    LazyLock::new(|| std::array::from_fn(|q| 10f64.powf(-(q as f64) / 10.0)));

/// The probability of an error at quality `q`.
#[inline]
#[must_use]
pub fn error_probability(q: u8) -> f64 {
    ERROR[q as usize]
}

/// The phred value of an error probability, not rounded. 0 gives infinity.
#[must_use]
pub fn from_probability(p: f64) -> f64 {
    -10.0 * p.log10()
}

/// The phred value of a probability given as log10, not rounded.
#[must_use]
pub fn from_log10(log10: f64) -> f64 {
    -10.0 * log10
}

#[cfg(test)]
mod tests {
    use super::{error_probability, from_probability};

    #[test]
    fn scale_round_trips() {
        for q in 0..=93u8 {
            let back = from_probability(error_probability(q));
            assert!((back - f64::from(q)).abs() < 1e-9, "{q} -> {back}");
        }
    }
}
