//! How likely alleles are before any read is seen.

use crate::learned::Learned;
use crate::params::Params;
use crate::stutter::Skew;

/// Of three substitutions two are the transition, as in human genomes (1000 Genomes Project Consortium 2015: 2.1 for each
/// transversion); the two transversions share the rest.
const TRANSITION: f64 = 2.0 / 3.0;
const TRANSVERSION: f64 = 1.0 / 6.0;

/// Probabilities that a site is heterozygous for an allele, and what reads show of it without one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Priors {
    /// Of any substitution.
    any_substitution: f64,
    /// Of an insertion or deletion outside repeats.
    pub indel: f64,
    /// How losses and gains of repeats differ by error.
    pub skew: Skew,
}

impl Priors {
    /// What is known of all genomes, and what was learned of this file.
    pub(crate) fn new(params: &Params, learned: &Learned) -> Self {
        Self {
            any_substitution: params.snv_prior,
            indel: params.indel_prior,
            skew: learned.skew,
        }
    }

    /// Of a substitution by this very base. An error gives each of the other bases alike, so what a genome has must be told
    /// by base too.
    pub(crate) fn substitution(&self, from: u8, to: u8) -> f64 {
        let pair = [from.min(to), from.max(to)];
        let share = if pair == *b"AG" || pair == *b"CT" {
            TRANSITION
        } else {
            TRANSVERSION
        };
        share * self.any_substitution
    }
}

#[cfg(test)]
mod tests {
    use super::Priors;
    use crate::learned::Learned;
    use crate::params::Params;

    #[test]
    fn the_three_substitutions_of_a_base_share_its_prior() {
        let params = Params::default();
        let priors = Priors::new(&params, &Learned::default());
        let of = |to| priors.substitution(b'A', to);
        assert!((of(b'C') + of(b'G') + of(b'T') - params.snv_prior).abs() < 1e-12);
        assert!((of(b'G') / of(b'C') - 4.0).abs() < 1e-12);
        assert_eq!(priors.substitution(b'T', b'C'), of(b'G'));
    }
}
