//! A generator with a seed: the same data in every run and on every machine.

/// Vigna's splitmix64.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Streams of different `purpose`s of one seed are unrelated.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mut random = Self(seed ^ purpose.wrapping_mul(0xd134_2543_de82_ef95));
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to 1, 1 excluded.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// From 0 to `limit`, which is excluded and above 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        ((u128::from(self.next()) * limit as u128) >> 64) as usize
    }

    /// A normal deviate (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (2.0 * std::f64::consts::PI * self.unit()).cos()
    }

    /// How many failures precede a success of this probability, which is above 0.
    pub(crate) fn failures(&mut self, probability: f64) -> usize {
        if probability >= 1.0 {
            return 0;
        }
        ((1.0 - self.unit()).ln() / (-probability).ln_1p()) as usize
    }

    /// One or more, each further one with a probability of `more`.
    pub(crate) fn geometric(&mut self, more: f64) -> usize {
        let mut count = 1;
        while self.chance(more) {
            count += 1;
        }
        count
    }

    /// A base, other than `base`.
    pub(crate) fn other_base(&mut self, base: u8) -> u8 {
        loop {
            let other = b"ACGT"[self.below(4)];
            if other != base {
                return other;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Random;

    #[test]
    fn failures_are_as_many_as_they_should_be() {
        let mut random = Random::new(1, 0);
        let sum: usize = (0..20_000).map(|_| random.failures(0.02)).sum();
        let mean = sum as f64 / 20_000.0;
        assert!((mean - 49.0).abs() < 1.5, "{mean}");
        assert_eq!(random.failures(1.0), 0);
    }
}
