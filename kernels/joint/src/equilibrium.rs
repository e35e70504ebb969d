//! How far genotypes are from Hardy-Weinberg proportions.

use crate::number::phred;

/// Diploid genotypes by number of alternative alleles, all of them taken as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    reference: u32,
    heterozygous: u32,
    alternative: u32,
}

impl Counts {
    /// Adds samples of a genotype; ones that are not diploid are passed over.
    pub(crate) fn add(&mut self, genotype: &[u16], samples: u32) {
        match genotype {
            [0, 0] => self.reference += samples,
            [0, _] => self.heterozygous += samples,
            [_, _] => self.alternative += samples,
            _ => {}
        }
    }

    /// Number of diploid samples called.
    pub(crate) fn samples(&self) -> u32 {
        self.reference + self.heterozygous + self.alternative
    }

    /// 1 - observed / expected heterozygotes; `None` without variation.
    pub(crate) fn inbreeding(&self) -> Option<f64> {
        let samples = f64::from(self.samples());
        let copies = f64::from(2 * self.alternative + self.heterozygous);
        let share = copies / (2.0 * samples);
        let expected = 2.0 * share * (1.0 - share) * samples;
        (expected > 0.0).then(|| 1.0 - f64::from(self.heterozygous) / expected)
    }

    /// Phred of the probability of so many heterozygotes or more, given the alleles (exact test of
    /// Wigginton, Cutler and Abecasis 2005, one-sided, the observed count taken half as gnomAD and GATK
    /// do).
    pub(crate) fn excess_het(&self) -> f64 {
        let rare = self.heterozygous + 2 * self.reference.min(self.alternative);
        let common = self.heterozygous + 2 * self.reference.max(self.alternative);
        // Weights of heterozygote counts relative to the largest possible one, going down in steps of 2.
        let weights = |observed: u32| {
            let (mut het, mut weight) = (f64::from(rare), 1.0);
            let (mut homs_rare, mut homs_common) = (0.0, f64::from((common - rare) / 2));
            let (mut total, mut above, mut at) = (0.0, 0.0, 0.0);
            let scale = |factor: f64, sums: [&mut f64; 3]| {
                for sum in sums {
                    *sum *= factor;
                }
            };
            loop {
                total += weight;
                if het > f64::from(observed) {
                    above += weight;
                } else if het == f64::from(observed) {
                    at = weight;
                }
                if het < 2.0 {
                    return (above + at / 2.0) / total;
                }
                weight *= het * (het - 1.0) / (4.0 * (homs_rare + 1.0) * (homs_common + 1.0));
                het -= 2.0;
                homs_rare += 1.0;
                homs_common += 1.0;
                if weight > 1e100 {
                    weight *= 1e-100;
                    scale(1e-100, [&mut total, &mut above, &mut at]);
                }
            }
        };
        phred(weights(self.heterozygous))
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn known_values() {
        // By exact rational arithmetic.
        let counts = Counts {
            reference: 81,
            heterozygous: 17,
            alternative: 2,
        };
        assert!((counts.excess_het() - 0.844_993_7).abs() < 1e-6);
        assert!((counts.inbreeding().expect("variation") - 0.095_504_1).abs() < 1e-6);
        let het_only = Counts {
            reference: 0,
            heterozygous: 3,
            alternative: 0,
        };
        // Alleles 3 + 3: heterozygotes 1 or 3 with weights 3!/(1!1!1!) x 2 = 12 and 8; half of 8/20.
        let p = 10f64.powf(-het_only.excess_het() / 10.0);
        assert!((p - 0.2).abs() < 1e-9, "{p}");
        assert_eq!(Counts::default().samples(), 0);
    }
}
