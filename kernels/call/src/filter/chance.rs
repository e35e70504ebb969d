//! How likely counts are by chance, as phred.

/// Phred probability of a table that is no likelier than this one, with its sums: two-sided exact test of Fisher (1922).
/// The counts are of the first row, then of the second.
pub(super) fn fisher(table: [u32; 4]) -> f64 {
    let [a, b, c, d] = table.map(|count| count as usize);
    let factorials = log_factorials(a + b + c + d);
    let choose = |n: usize, k: usize| factorials[n] - factorials[k] - factorials[n - k];
    let (first, second, left) = (a + b, c + d, a + c);
    let of = |k: usize| choose(first, k) + choose(second, left - k) - choose(first + second, left);
    let possible = left.saturating_sub(second)..=left.min(first);
    phred(tail(possible.map(of), of(a)))
}

/// Phred probability that two equally likely things share `a + b` as unevenly: two-sided binomial test.
pub(super) fn binomial(a: u32, b: u32) -> f64 {
    let (a, n) = (a as usize, (a + b) as usize);
    let factorials = log_factorials(n);
    let of = |k: usize| factorials[n] - factorials[k] - factorials[n - k] - n as f64 * 2f64.ln();
    phred(tail((0..=n).map(of), of(a)))
}

/// Sum of the probabilities, given as logarithms, that are not above `this` (but for rounding).
fn tail(all: impl Iterator<Item = f64>, this: f64) -> f64 {
    all.filter(|p| *p <= this + 1e-7).map(f64::exp).sum()
}

fn phred(p: f64) -> f64 {
    -10.0 * p.clamp(f64::MIN_POSITIVE, 1.0).log10()
}

/// Natural logarithms of 0! to n!.
fn log_factorials(n: usize) -> Vec<f64> {
    let mut sum = 0.0;
    let rest = (1..=n).map(|k| {
        sum += (k as f64).ln();
        sum
    });
    std::iter::once(0.0).chain(rest).collect()
}

#[cfg(test)]
mod tests {
    use super::{binomial, fisher};

    fn p(phred: f64) -> f64 {
        10f64.powf(-phred / 10.0)
    }

    #[test]
    fn probabilities_are_those_of_the_tests() {
        // Fisher's tea: 3 of 4 right, 34/70 two-sided; all right, 2/70.
        assert!((p(fisher([3, 1, 1, 3])) - 34.0 / 70.0).abs() < 1e-9);
        assert!((p(fisher([4, 0, 0, 4])) - 2.0 / 70.0).abs() < 1e-9);
        assert!(fisher([0, 0, 9, 7]).abs() < 1e-6 && fisher([0; 4]).abs() < 1e-6);
        // One of ten heads or fewer, or nine or more: 22/1024.
        assert!((p(binomial(1, 9)) - 22.0 / 1024.0).abs() < 1e-9);
        assert!(binomial(5, 5).abs() < 1e-6 && binomial(0, 0).abs() < 1e-6);
        assert_eq!(binomial(3, 30), binomial(30, 3));
    }
}
