//! Physical phasing: heterozygous sites of a region whose alleles the same fragments carry.

use crate::genotype::mean_of_two;
use crate::likelihood::Fragment;
use crate::line::plain;
use crate::site::{Called, Site};

/// log10 odds from which one arrangement of two sites is told from the other.
const ODDS_MIN: f64 = 2.0;

/// Where a site stands in a phase set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Phase {
    /// The set's name (PID): first site, its REF and first ALT, as `POS_REF_ALT`.
    pub id: String,
    /// First base of the set's first site, 1-based (PS).
    pub set: i64,
    /// The genotype's alleles stand the other way round than they are sorted.
    pub swapped: bool,
}

/// Phases each heterozygous site with the one before it where fragments tell how; two copies only. A site that is phased
/// with none has no phase.
pub(crate) fn sites(called: &mut [Called], fragments: &[Fragment]) {
    let heterozygous: Vec<usize> = (0..called.len())
        .filter(|&n| matches!(*called[n].site.genotype.as_slice(), [a, b] if a != b))
        .collect();
    for pair in heterozygous.windows(2) {
        let (before, after) = (&called[pair[0]], &called[pair[1]]);
        let odds = in_order(before, after, fragments);
        if odds.abs() < ODDS_MIN {
            continue;
        }
        let first = before.site.phase.clone().unwrap_or_else(|| begin(before));
        called[pair[1]].site.phase = Some(Phase {
            swapped: first.swapped != (odds < 0.0),
            ..first.clone()
        });
        called[pair[0]].site.phase = Some(first);
    }
}

/// The phase of the first site of a set.
fn begin(called: &Called) -> Phase {
    let site = &called.site;
    let text = |allele: usize| -> String {
        let bases = site.alleles[allele].iter().copied();
        bases.map(char::from).map(plain).collect()
    };
    Phase {
        id: format!("{}_{}_{}", site.start + 1, text(0), text(1)),
        set: site.start + 1,
        swapped: false,
    }
}

/// log10 odds that the lower alleles of two genotypes are on one copy, and the higher ones on the other.
fn in_order(a: &Called, b: &Called, fragments: &[Fragment]) -> f64 {
    let of = |called: &Called, n: usize| called.site.genotype[n];
    let covers = |fragment: &&Fragment, site: &Site| fragment.covers(site.start, site.start + 1);
    fragments
        .iter()
        .filter(|fragment| covers(fragment, &a.site) && covers(fragment, &b.site))
        .map(|fragment| {
            let likelihood = |n, m| together(fragment, (a, of(a, n)), (b, of(b, m)));
            let odds = mean_of_two(likelihood(0, 0), likelihood(1, 1))
                - mean_of_two(likelihood(0, 1), likelihood(1, 0));
            if odds.is_finite() { odds } else { 0.0 }
        })
        .sum()
}

/// log10 likelihood of a fragment by the best haplotype with both alleles; the lowest of all when there is none.
fn together(fragment: &Fragment, (a, of_a): (&Called, usize), (b, of_b): (&Called, usize)) -> f64 {
    let alleles = a.alleles_of.iter().zip(&b.alleles_of);
    let with_both = alleles
        .zip(&fragment.likelihoods)
        .filter(|((x, y), _)| **x == Some(of_a) && **y == Some(of_b))
        .map(|(_, &likelihood)| likelihood);
    let lowest = || {
        fragment
            .likelihoods
            .iter()
            .copied()
            .fold(f64::INFINITY, f64::min)
    };
    with_both.reduce(f64::max).unwrap_or_else(lowest)
}

#[cfg(test)]
mod tests {
    use super::sites;
    use crate::likelihood::Fragment;
    use crate::site::{Called, Site};

    /// A site whose allele of haplotype n is the n-th.
    fn called(start: i64, genotype: [usize; 2], alleles_of: [usize; 4]) -> Called {
        Called {
            site: Site {
                start,
                alleles: vec![b"A".to_vec(), b"C".to_vec(), b"G".to_vec()],
                genotype: genotype.to_vec(),
                ..Site::default()
            },
            alleles_of: alleles_of.map(Some).to_vec(),
        }
    }

    fn fragments(likelihoods: [f64; 4], count: usize) -> Vec<Fragment> {
        let fragment = Fragment {
            spans: vec![(50, 150)],
            likelihoods: likelihoods.to_vec(),
            ..Fragment::default()
        };
        vec![fragment; count]
    }

    /// Haplotypes: none, both, first, second.
    const FIRST: [usize; 4] = [0, 1, 1, 0];
    const SECOND: [usize; 4] = [0, 1, 0, 1];

    fn phased(first: [usize; 2], second: [usize; 2], fragments: &[Fragment]) -> Vec<String> {
        let mut called = [called(99, first, FIRST), called(120, second, SECOND)];
        sites(&mut called, fragments);
        let shown = |called: &Called| match &called.site.phase {
            Some(phase) => format!("{} {} {}", phase.id, phase.set, phase.swapped),
            None => "-".to_owned(),
        };
        called.iter().map(shown).collect()
    }

    #[test]
    fn alleles_that_fragments_share_are_on_one_copy() {
        let both = fragments([-3.0, 0.0, -3.0, -3.0], 10);
        let one = fragments([-3.0, -3.0, 0.0, -3.0], 10);
        let same = ["100_A_C 100 false", "100_A_C 100 false"];
        let swapped = ["100_A_C 100 false", "100_A_C 100 true"];
        assert_eq!(phased([0, 1], [0, 1], &both), same);
        assert_eq!(phased([0, 1], [0, 1], &one), swapped);
        // Fragments that do not tell, too few, and sites with one allele.
        assert_eq!(phased([0, 1], [0, 1], &fragments([0.0; 4], 10)), ["-", "-"]);
        assert_eq!(phased([0, 1], [0, 1], &[]), ["-", "-"]);
        assert_eq!(phased([1, 1], [0, 1], &both), ["-", "-"]);
        // Those that cover one of the sites only.
        let mut apart = both;
        apart
            .iter_mut()
            .for_each(|fragment| fragment.spans = vec![(50, 110)]);
        assert_eq!(phased([0, 1], [0, 1], &apart), ["-", "-"]);
    }
}
