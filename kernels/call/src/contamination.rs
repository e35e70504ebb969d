//! How many fragments do not come from this genome, learned from the reads themselves.
//!
//! Where nearly all reads show one other base than the reference, the individual is homozygous for it, and a good
//! base that is the reference's comes from someone else (contamination) or from another place.

use crate::read::Read;
use crate::window::Window;

/// Bases of a lower quality are not counted.
const GOOD: u8 = 30;
/// One of those is wrong this often.
const ERROR: f64 = 3e-4;
/// Depth of a site that counts, and how many of its bases may be the reference's: one in so many.
const LEAST: u16 = 20;
const ONE_IN: u16 = 8;
/// Fewer of them say nothing ...
const FEW: f64 = 10.0;
/// ... nor does a smaller share.
const LEAST_SHARE: f64 = 1e-3;

/// Of the stretches with the largest shares so many are left out, one in so many: collapsed copies of the genome look
/// like another individual, and a few of them would stand for all.
const TRIMMED: usize = 10;

/// Good bases at homozygous substitutions by stretch: all, and those of the reference.
#[derive(Debug, Default)]
pub(crate) struct Contamination {
    stretches: Vec<(u64, u64)>,
}

impl Contamination {
    /// Counts the reads at the substitutions of `from..to`.
    pub(crate) fn count(&mut self, reads: &[Read], window: &Window, (from, to): (i64, i64)) {
        let mut counts = vec![[0u16; 2]; (to - from).max(0) as usize];
        for read in reads {
            for (position, index) in read.aligned() {
                let known = window.at(position) != b'N';
                if known && read.quals[index] >= GOOD && (from..to).contains(&position) {
                    let other = read.bases[index] != window.at(position);
                    let count = &mut counts[(position - from) as usize][usize::from(other)];
                    *count = count.saturating_add(1);
                }
            }
        }
        let mut sums = (0, 0);
        for [reference, other] in counts {
            let all = reference.saturating_add(other);
            if all >= LEAST && reference <= all / ONE_IN {
                sums.0 += u64::from(all);
                sums.1 += u64::from(reference);
            }
        }
        self.stretches.extend((sums.0 > 0).then_some(sums));
    }

    /// The share of fragments that come from elsewhere; `None` when none is seen.
    pub(crate) fn share(&self) -> Option<f64> {
        let mut stretches = self.stretches.clone();
        // The largest share first.
        stretches.sort_unstable_by(|a, b| (b.1 * a.0).cmp(&(a.1 * b.0)).then(a.cmp(b)));
        let kept = &stretches[stretches.len() / TRIMMED..];
        let sum = |of: fn(&(u64, u64)) -> u64| kept.iter().map(of).sum::<u64>() as f64;
        let (bases, reference) = (sum(|stretch| stretch.0), sum(|stretch| stretch.1));
        let strange = reference - ERROR * bases;
        let share = strange / bases.max(1.0);
        (strange >= FEW && share >= LEAST_SHARE).then_some(share)
    }
}

#[cfg(test)]
mod tests {
    use kumi_seq::cigar;

    use super::Contamination;
    use crate::read::Read;
    use crate::window::Window;

    #[test]
    fn what_is_left_of_the_reference_at_homozygous_sites_is_from_elsewhere() {
        let window = Window {
            start: 0,
            bases: b"ACGT".repeat(100),
        };
        let read = |strange: bool| {
            let mut bases = window.bases.clone();
            // Heterozygous, and homozygous, sites.
            bases[10] = if strange { b'A' } else { b'G' };
            for at in (21..400).step_by(20) {
                bases[at] = if strange { b'C' } else { b'T' };
            }
            Read {
                end: 400,
                ops: cigar::parse("400M").expect("valid CIGAR"),
                quals: vec![37; 400],
                bases,
                ..Read::default()
            }
        };
        let reads: Vec<Read> = (0..40).map(|n| read(n == 0)).collect();
        let mut contamination = Contamination::default();
        contamination.count(&reads, &window, (0, 400));
        let share = contamination.share().expect("19 of 760");
        assert!((0.02..0.03).contains(&share), "{share}");
        let mut contamination = Contamination::default();
        contamination.count(&reads[1..], &window, (0, 400));
        assert_eq!(contamination.share(), None);
        contamination.count(&reads[..2], &window, (0, 400));
        assert_eq!(contamination.share(), None, "too few reads at a site");
    }

    #[test]
    fn a_few_collapsed_copies_do_not_stand_for_all() {
        let mut stretches = vec![(1_000, 0); 18];
        stretches.extend([(1_000, 100); 2]);
        assert_eq!(Contamination { stretches }.share(), None);
        let stretches = vec![(1_000, 10); 20];
        let share = Contamination { stretches }.share().expect("everywhere");
        assert!((share - 0.0097).abs() < 1e-9, "{share}");
    }
}
