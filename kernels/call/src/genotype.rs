//! Likelihoods and probabilities of genotypes, one or two copies.

/// Genotypes of `alleles` alleles in VCF order, each sorted: for one copy the alleles, for two
/// (0,0) (0,1) (1,1) (0,2) ...
pub(crate) fn all(alleles: usize, ploidy: u8) -> Vec<Vec<usize>> {
    if ploidy == 1 {
        return (0..alleles).map(|a| vec![a]).collect();
    }
    (0..alleles)
        .flat_map(|b| (0..=b).map(move |a| vec![a, b]))
        .collect()
}

/// log10 likelihood of each genotype from those of each allele by fragment.
pub(crate) fn likelihoods(fragments: &[Vec<f64>], alleles: usize, ploidy: u8) -> Vec<f64> {
    all(alleles, ploidy)
        .iter()
        .map(|genotype| {
            fragments
                .iter()
                .map(|fragment| match *genotype.as_slice() {
                    [a, b] if a != b => mean_of_two(fragment[a], fragment[b]),
                    [a, ..] => fragment[a],
                    [] => 0.0,
                })
                .sum()
        })
        .collect()
}

/// log10 of the mean of two probabilities given as log10.
pub(crate) fn mean_of_two(a: f64, b: f64) -> f64 {
    let (high, low) = if a > b { (a, b) } else { (b, a) };
    high + (1.0 + 10f64.powf(low - high)).log10() - 2f64.log10()
}

/// Phred relative to the best, rounded, at most 9,999.
pub(crate) fn pl(likelihoods: &[f64]) -> Vec<u16> {
    let best = likelihoods
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    likelihoods
        .iter()
        .map(|l| (10.0 * (best - l)).round().min(9_999.0) as u16)
        .collect()
}

/// What an allele is, for its prior.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Class {
    /// The reference, or a deletion that began before and is called there.
    Known,
    /// Another one, with the log10 prior probability that a site is heterozygous for it.
    New(f64),
}

/// log10 prior of a genotype: each new allele once at its rate, a second copy of it at half of one (Wright-Fisher,
/// as in GATK and bcftools).
fn prior(genotype: &[usize], classes: &[Class]) -> f64 {
    let rate = |allele: usize| match classes[allele] {
        Class::Known => 0.0,
        Class::New(rate) => rate,
    };
    match *genotype {
        [a, b] if a == b && classes[a] != Class::Known => rate(a) - 2f64.log10(),
        [a, b] => rate(a) + rate(b),
        [a] => rate(a),
        _ => 0.0,
    }
}

/// Adds to the likelihood of each genotype its prior.
pub(crate) fn weigh(likelihoods: &mut [f64], classes: &[Class], ploidy: u8) {
    for (genotype, likelihood) in all(classes.len(), ploidy).iter().zip(likelihoods) {
        *likelihood += prior(genotype, classes);
    }
}

/// The likeliest genotype, and the phred probability that it is another one, at most 99.
pub(crate) fn best(likelihoods: &[f64], classes: &[Class], ploidy: u8) -> (Vec<usize>, u16) {
    let genotypes = all(classes.len(), ploidy);
    let mut weights = likelihoods.to_vec();
    weigh(&mut weights, classes, ploidy);
    let best = (0..weights.len())
        .min_by(|&a, &b| weights[b].total_cmp(&weights[a]).then(a.cmp(&b)))
        .unwrap_or(0);
    let others = (0..weights.len()).filter(|&g| g != best);
    let others: f64 = others.map(|g| 10f64.powf(weights[g] - weights[best])).sum();
    let wrong = others / (1.0 + others);
    let quality = (-10.0 * wrong.log10()).round().clamp(0.0, 99.0) as u16;
    (genotypes[best].clone(), quality)
}

/// Phred probability that no copy carries a new allele.
pub(crate) fn quality(likelihoods: &[f64], classes: &[Class], ploidy: u8) -> f64 {
    let best = likelihoods
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let (mut known, mut new) = (0.0, 0.0);
    for (genotype, likelihood) in all(classes.len(), ploidy).iter().zip(likelihoods) {
        let weight = 10f64.powf(likelihood - best + prior(genotype, classes));
        if genotype.iter().all(|&a| classes[a] == Class::Known) {
            known += weight;
        } else {
            new += weight;
        }
    }
    // Beyond what f64 holds the likelihoods themselves are the quality.
    if known > 1e-280 {
        (-10.0 * (known / (known + new)).log10()).max(0.0)
    } else {
        10.0 * (best - likelihoods[0])
    }
}

#[cfg(test)]
mod tests {
    use super::{Class, all, best, likelihoods, pl, quality};

    #[test]
    fn genotypes_come_in_vcf_order() {
        assert_eq!(all(3, 1), [[0], [1], [2]]);
        let diploid: Vec<(usize, usize)> = all(3, 2).iter().map(|g| (g[0], g[1])).collect();
        assert_eq!(diploid, [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)]);
    }

    #[test]
    fn likelihoods_match_hand_computed_values() {
        // Four fragments for the reference and four against it, each by 3 (a thousand to one).
        let mut fragments = vec![vec![0.0, -3.0]; 4];
        fragments.extend(vec![vec![-3.0, 0.0]; 4]);
        let diploid = likelihoods(&fragments, 2, 2);
        // Heterozygous: 8 x log10(0.5 x 1.001) = -2.4047.
        assert!((diploid[1] + 2.4047).abs() < 1e-3, "{diploid:?}");
        assert_eq!(pl(&diploid), [96, 0, 96]);
        assert_eq!(pl(&likelihoods(&fragments, 2, 1)), [0, 0]);
    }

    #[test]
    fn what_is_known_beforehand_decides_between_genotypes() {
        let classes = [Class::Known, Class::New(-3.0), Class::New(-3.0)];
        // One read of twelve shows a third base: homozygous for the second, with P = 10^-6 x 1 / 10^-3.3 x 10^-0.6.
        let likelihoods = [-40.0, -4.0, -0.6, -40.0, 0.0, -40.0];
        let (genotype, gq) = best(&likelihoods, &classes, 2);
        assert_eq!((genotype.as_slice(), gq), ([1, 1].as_slice(), 21));
        assert_eq!(
            best(&[0.0, -3.0, -90.0], &classes[..2], 2),
            (vec![0, 0], 60)
        );
        assert_eq!(best(&[-99.0, 0.0, -99.0], &classes[..2], 2).1, 99);
    }

    #[test]
    fn quality_weighs_the_prior() {
        let classes = [Class::Known, Class::New(-3.0)];
        // P(0/0) = 10^-5 / (10^-5 + 10^-3 + ...): 20 phred of likelihood less 30 of prior.
        let q = quality(&[-5.0, 0.0, -40.0], &classes, 2);
        assert!((q - 20.04).abs() < 0.05, "{q}");
        assert!(quality(&[0.0, -5.0, -40.0], &classes, 2) < 0.01);
        assert_eq!(quality(&[-400.0, 0.0, -400.0], &classes, 2), 4_000.0);
    }
}
