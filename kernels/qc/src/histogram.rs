//! How often each value occurs, and what Picard derives from that.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Counts by value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram(BTreeMap<u64, u64>);

impl Histogram {
    /// Counts `value` once more.
    pub fn add(&mut self, value: u64) {
        self.add_many(value, 1);
    }

    /// Counts `value` `times` more.
    pub fn add_many(&mut self, value: u64, times: u64) {
        if times > 0 {
            *self.0.entry(value).or_default() += times;
        }
    }

    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Self) {
        other
            .iter()
            .for_each(|(value, count)| self.add_many(value, count));
    }

    /// Values and counts, ascending.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, u64)> {
        self.0.iter().map(|(&value, &count)| (value, count))
    }

    /// How often `value` occurs.
    #[must_use]
    pub fn get(&self, value: u64) -> u64 {
        self.0.get(&value).copied().unwrap_or(0)
    }

    /// Number of values counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// Sum of the values.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.iter().map(|(value, count)| value * count).sum()
    }

    /// Values at least `value`.
    #[must_use]
    pub fn at_least(&self, value: u64) -> u64 {
        self.0.range(value..).map(|(_, count)| count).sum()
    }

    /// The smallest value.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        self.0.keys().next().copied()
    }

    /// The largest value.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        self.0.keys().next_back().copied()
    }

    /// The most frequent value, the smallest of several.
    #[must_use]
    pub fn mode(&self) -> Option<u64> {
        let best = self.iter().rev().max_by_key(|&(_, count)| count);
        best.map(|(value, _)| value)
    }

    /// The mean; 0 of nothing.
    #[must_use]
    pub fn mean(&self) -> f64 {
        ratio(self.sum(), self.count())
    }

    /// The sample standard deviation; 0 of fewer than two values.
    #[must_use]
    pub fn standard_deviation(&self) -> f64 {
        let (count, mean) = (self.count(), self.mean());
        if count < 2 {
            return 0.0;
        }
        let squares: f64 = self
            .iter()
            .map(|(value, times)| (value as f64 - mean).powi(2) * times as f64)
            .sum();
        (squares / (count - 1) as f64).sqrt()
    }

    /// The median: half-way between the middle two of an even number; 0 of nothing.
    #[must_use]
    pub fn median(&self) -> f64 {
        median(
            self.iter().map(|(value, count)| (value as f64, count)),
            self.count(),
        )
    }

    /// The median distance from the median.
    #[must_use]
    pub fn median_absolute_deviation(&self) -> f64 {
        let middle = self.median();
        let mut distances: Vec<(f64, u64)> = self
            .iter()
            .map(|(value, count)| ((value as f64 - middle).abs(), count))
            .collect();
        distances.sort_by(|a, b| a.0.total_cmp(&b.0));
        median(distances.into_iter(), self.count())
    }

    /// The smallest value that `share` of all do not exceed.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Option<u64> {
        let (mut seen, total) = (0, self.count() as f64);
        self.iter()
            .find(|&(_, count)| {
                seen += count;
                seen as f64 / total >= share
            })
            .map(|(value, _)| value)
    }

    /// Forgets what is larger than `limit`.
    pub fn trim_above(&mut self, limit: f64) {
        self.0.retain(|&value, _| value as f64 <= limit);
    }
}

fn median(values: impl Iterator<Item = (f64, u64)>, count: u64) -> f64 {
    let mut seen = 0;
    let mut lower = None;
    for (value, times) in values {
        seen += times;
        if let Some(lower) = lower {
            return f64::midpoint(lower, value);
        }
        if 2 * seen > count {
            return value;
        }
        if 2 * seen == count {
            lower = Some(value);
        }
    }
    lower.unwrap_or(0.0)
}

/// `part / whole`; 0 without a whole.
#[must_use]
pub fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::Histogram;

    #[test]
    fn statistics_of_a_few_values() {
        let mut all = Histogram::default();
        [1, 2, 2, 3, 10, 12]
            .into_iter()
            .for_each(|value| all.add(value));
        assert_eq!(
            (all.min(), all.max(), all.mode()),
            (Some(1), Some(12), Some(2))
        );
        assert_eq!((all.count(), all.sum(), all.at_least(3)), (6, 30, 3));
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-9, "{a} {b}");
        close(all.median(), 2.5);
        close(all.median_absolute_deviation(), 1.0);
        close(all.mean(), 5.0);
        close(all.standard_deviation(), (112.0f64 / 5.0).sqrt());
        assert_eq!(all.percentile(0.2), Some(2));
        all.trim_above(5.0);
        assert_eq!(all.count(), 4);
        close(Histogram::default().median(), 0.0);
    }
}
