//! Where a population varies, how often, and who of a cohort carries what.
//!
//! The spectrum is that of a population of constant size, a density of THETA / f, for alleles above one in a hundred;
//! rarer ones are the more frequent the rarer they are (times the square root of 0.01 / f), as in a population that
//! has grown. So 2,504 people vary at 26,000 places a megabase, about as many as those of the 1000 Genomes Project do
//! (Nature 526, 2015), and one at 1,400.

use crate::random::Random;

/// Density of variable places by base and frequency times frequency.
const THETA: f64 = 9.2e-4;
/// Rarer alleles follow the growing population.
const RARE: f64 = 0.01;
/// One chromosome of 200,000.
const RAREST: f64 = 5e-6;
/// Share of insertions and deletions, half of each.
const INDELS: f64 = 0.12;
/// Probability of a further base of one.
const LONGER: f64 = 0.6;
/// Share of places with a second alternative allele.
const SECOND: f64 = 0.015;

/// A variable place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Site {
    /// 0-based.
    pub start: u32,
    pub reference: Vec<u8>,
    pub alternatives: Vec<Vec<u8>>,
}

/// Alleles of a sample at a site, by number of the site; 0 is the reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Carried {
    pub site: u32,
    pub alleles: [u8; 2],
}

/// Sites that anybody of the cohort carries, and by sample what it carries. What a sample carries does not depend on
/// how many there are.
pub(super) fn simulate(
    genome: &[u8],
    samples: usize,
    random: &mut Random,
) -> (Vec<Site>, Vec<Vec<Carried>>) {
    let density = THETA * (common() + rare());
    let mut sites = Vec::new();
    let mut carried = vec![Vec::new(); samples];
    let mut at = random.failures(density) + 1;
    while at + 40 < genome.len() {
        // A stream of its own: the size of the cohort must not move the other sites.
        let mut own = Random::new(random.next(), 0);
        let site = site(genome, at, &mut own);
        let mut haplotypes: Vec<(usize, u8)> = Vec::new();
        for allele in 1..=site.alternatives.len() {
            let frequency = frequency(&mut own);
            let mut stream = Random::new(own.next(), 0);
            let mut haplotype = stream.failures(frequency);
            while haplotype < 2 * samples {
                haplotypes.push((haplotype, allele as u8));
                haplotype += 1 + stream.failures(frequency);
            }
        }
        haplotypes.sort_unstable();
        haplotypes.dedup_by_key(|(haplotype, _)| *haplotype);
        for of_sample in haplotypes.chunk_by(|a, b| a.0 / 2 == b.0 / 2) {
            let mut alleles = [0; 2];
            for (haplotype, allele) in of_sample {
                alleles[haplotype % 2] = *allele;
            }
            carried[of_sample[0].0 / 2].push(Carried {
                site: sites.len() as u32,
                alleles,
            });
        }
        if !haplotypes.is_empty() {
            sites.push(site);
        }
        at += random.failures(density) + 1;
    }
    (sites, carried)
}

/// Integrals of the spectrum, without THETA.
fn common() -> f64 {
    (1.0 / RARE).ln()
}

fn rare() -> f64 {
    2.0 * ((RARE / RAREST).sqrt() - 1.0)
}

/// The frequency of an allele.
fn frequency(random: &mut Random) -> f64 {
    let place = random.unit();
    if random.chance(common() / (common() + rare())) {
        return RARE * (place * common()).exp();
    }
    let root = |f: f64| f.powf(-0.5);
    let inverse = root(RAREST) - place * (root(RAREST) - root(RARE));
    inverse.powi(-2)
}

/// A site at a base: alleles are as short and as far left as they can be.
fn site(genome: &[u8], start: usize, random: &mut Random) -> Site {
    let anchor = genome[start];
    let wanted = 1 + usize::from(random.chance(SECOND));
    let mut reference = vec![anchor];
    let mut alternatives: Vec<Vec<u8>> = Vec::new();
    if random.chance(INDELS) {
        let length = random.geometric(LONGER).min(30);
        if random.chance(0.5) && genome[start + length] != anchor {
            reference = genome[start..=start + length].to_vec();
            alternatives.push(vec![anchor]);
        } else {
            let mut inserted = vec![anchor];
            inserted.extend((1..length).map(|_| b"ACGT"[random.below(4)]));
            inserted.push(random.other_base(anchor));
            alternatives.push(inserted);
        }
    }
    while alternatives.len() < wanted {
        let mut other = reference.clone();
        other[0] = random.other_base(anchor);
        if !alternatives.contains(&other) {
            alternatives.push(other);
        }
    }
    Site {
        start: start as u32,
        reference,
        alternatives,
    }
}

#[cfg(test)]
mod tests {
    use super::simulate;
    use crate::random::Random;

    fn genome(length: usize) -> Vec<u8> {
        let mut random = Random::new(3, 0);
        (0..length).map(|_| b"ACGT"[random.below(4)]).collect()
    }

    #[test]
    fn people_vary_as_much_as_they_should() {
        let genome = genome(200_000);
        let (sites, carried) = simulate(&genome, 2_504, &mut Random::new(1, 0));
        let sum: usize = carried.iter().map(Vec::len).sum();
        let each = sum as f64 / 2_504.0 / 0.2;
        assert!((1_200.0..1_600.0).contains(&each), "{each} a megabase");
        let all = sites.len() as f64 / 0.2;
        assert!((23_000.0..30_000.0).contains(&all), "{all} a megabase");
        for site in &sites {
            let start = site.start as usize;
            assert_eq!(genome[start..start + site.reference.len()], site.reference);
        }
    }

    #[test]
    fn a_sample_is_the_same_in_every_cohort() {
        let genome = genome(50_000);
        let places = |samples: usize| -> Vec<(u32, [u8; 2])> {
            let (sites, carried) = simulate(&genome, samples, &mut Random::new(1, 0));
            let of = |c: &super::Carried| (sites[c.site as usize].start, c.alleles);
            carried[2].iter().map(of).collect()
        };
        assert!(places(3).len() > 20);
        assert_eq!(places(3), places(300));
    }
}
