//! Mapping quality, by the approximations of bwa mem (`mem_approx_mapq_se`).

use crate::params::Params;

/// The largest mapping quality.
pub(crate) const MAX: u8 = 60;
/// Matches at which length stops to count against an alignment.
const LENGTH: f64 = 50.0;

/// Ten times the decimal logarithm of the odds that `difference` in score stands for.
pub(crate) fn raw(params: &Params, difference: i32) -> i32 {
    (6.02 * f64::from(difference) / f64::from(params.match_score) + 0.499) as i32
}

/// The quality of an alignment of `score` over `length` bases, next to the best other one (`second`, of which
/// there are `seconds`).
pub(crate) fn single(params: &Params, score: i32, length: u32, second: i32, seconds: u32) -> u8 {
    let second = second.max(crate::seed::SCORE_MIN);
    if second >= score || score <= 0 {
        return 0;
    }
    let length = f64::from(length);
    let a = f64::from(params.match_score);
    let mismatch = f64::from(params.match_score + params.mismatch);
    let identity = 1.0 - (length * a - f64::from(score)) / mismatch / length;
    let shape = if length < LENGTH {
        1.0
    } else {
        LENGTH.ln() / length.ln()
    };
    let factor = shape * identity * identity;
    let quality = 6.02 * f64::from(score - second) / a * factor * factor + 0.499;
    let crowd = if seconds > 0 {
        4.343 * f64::from(seconds + 1).ln() + 0.499
    } else {
        0.0
    };
    (quality.floor() - crowd.floor()).clamp(0.0, f64::from(MAX)) as u8
}

#[cfg(test)]
mod tests {
    use super::single;
    use crate::params::Params;

    #[test]
    fn quality_falls_with_company() {
        let params = Params::default();
        assert_eq!(single(&params, 150, 150, 0, 0), 60);
        assert_eq!(single(&params, 150, 150, 150, 1), 0);
        let close = single(&params, 150, 150, 145, 1);
        assert!((1..30).contains(&close), "{close}");
        assert!(single(&params, 150, 150, 145, 8) < close);
    }
}
