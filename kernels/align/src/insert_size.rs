//! Insert sizes: how far apart the ends of a pair lie, estimated from the data.

/// What is known of a read group's insert sizes. A pair is proper when its mates point at each other and its
/// insert size lies within `low..=high`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InsertSize {
    /// Mean of those that are not outliers, in bases.
    pub mean: f64,
    /// Standard deviation of those that are not outliers.
    pub deviation: f64,
    /// Smallest proper insert size.
    pub low: u32,
    /// Largest proper insert size.
    pub high: u32,
}

/// What is assumed when there are too few pairs to tell.
const UNKNOWN: InsertSize = InsertSize {
    mean: 400.0,
    deviation: 120.0,
    low: 1,
    high: 1000,
};
/// Fewer pairs than this tell nothing.
const PAIRS_MIN: usize = 25;

/// The insert sizes of every read group, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InsertSizes(Vec<InsertSize>);

impl InsertSizes {
    /// Estimates from observed insert sizes by read group. A group with few pairs takes the estimate over all.
    #[must_use]
    pub fn estimate(observed: &[Vec<u32>]) -> Self {
        let all: Vec<u32> = observed.iter().flatten().copied().collect();
        let pooled = estimate(all).unwrap_or(UNKNOWN);
        Self(
            observed
                .iter()
                .map(|sizes| estimate(sizes.clone()).unwrap_or(pooled))
                .collect(),
        )
    }

    /// Those that were estimated elsewhere, one for each read group.
    #[must_use]
    pub fn of_groups(sizes: Vec<InsertSize>) -> Self {
        Self(sizes)
    }

    /// That of each read group.
    #[must_use]
    pub fn by_group(&self) -> &[InsertSize] {
        &self.0
    }

    /// That of a read group.
    #[must_use]
    pub fn of(&self, read_group: u16) -> InsertSize {
        self.0
            .get(usize::from(read_group))
            .copied()
            .unwrap_or(UNKNOWN)
    }
}

/// Quartiles, then mean and deviation without outliers (as bwa mem's `mem_pestat`: 2 interquartile ranges for
/// the mean, 3 or 4 deviations for what is proper).
fn estimate(mut sizes: Vec<u32>) -> Option<InsertSize> {
    if sizes.len() < PAIRS_MIN {
        return None;
    }
    sizes.sort_unstable();
    let quantile = |share: f64| f64::from(sizes[(share * (sizes.len() - 1) as f64 + 0.5) as usize]);
    let (q25, q75) = (quantile(0.25), quantile(0.75));
    let range = q75 - q25;
    let inside = |width: f64| ((q25 - width * range).max(1.0), q75 + width * range);
    let (low, high) = inside(2.0);
    let kept: Vec<f64> = sizes
        .iter()
        .map(|&s| f64::from(s))
        .filter(|s| (low..=high).contains(s))
        .collect();
    let mean = kept.iter().sum::<f64>() / kept.len() as f64;
    let deviation = (kept.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / kept.len() as f64)
        .sqrt()
        .max(1.0);
    let (low, high) = inside(3.0);
    let low = low.min(mean - 4.0 * deviation).max(1.0);
    let high = high.max(mean + 4.0 * deviation);
    Some(InsertSize {
        mean,
        deviation,
        low: low as u32,
        high: high as u32,
    })
}

impl InsertSize {
    /// What an insert size costs a pair, in score: minus the logarithm of how likely one as far from the mean
    /// is (bwa mem: 0.721 ln(2 erfc(|z| / sqrt 2)), base 4).
    pub(crate) fn cost(&self, size: u32) -> f64 {
        let z = (f64::from(size) - self.mean).abs() / self.deviation;
        -0.721 * (2.0 * erfc(z / std::f64::consts::SQRT_2)).max(1e-300).ln()
    }
}

/// The complementary error function (Abramowitz and Stegun 7.1.26 with the asymptotic tail; error below 2e-7).
fn erfc(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let poly = t
        * (0.254_829_592
            + t * (-0.284_496_736
                + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    poly * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::InsertSizes;

    #[test]
    fn outliers_do_not_count_and_small_groups_borrow() {
        let mut sizes: Vec<u32> = (0..1000).map(|i| 350 + (i * 7919) % 101).collect();
        sizes.extend([90_000, 1_000_000]);
        let estimated = InsertSizes::estimate(&[sizes, vec![5]]);
        let first = estimated.of(0);
        assert!(
            (first.mean - 400.0).abs() < 3.0 && first.high < 1000,
            "{first:?}"
        );
        assert!((estimated.of(1).mean - first.mean).abs() < 1.0);
        assert!(first.cost(400) < first.cost(500) && first.cost(500) < first.cost(900));
    }
}
