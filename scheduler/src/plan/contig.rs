//! Groups of contigs, in which the chunks of a sample are merged apart. Results do not depend on them.

use kumi_proto::v1::{Contig, ContigRange};

/// Contigs in at most `wanted` groups, of which the largest is as small as it can be; of two ways to do that the one
/// with fewer groups. The last takes the reads without a place too.
pub(super) fn group(contigs: &[Contig], wanted: u32) -> Vec<ContigRange> {
    let total: u64 = contigs.iter().map(|contig| contig.length).sum();
    let longest = contigs.iter().map(|contig| contig.length).max();
    let (mut low, mut high) = (longest.unwrap_or(0), total);
    while low < high {
        let middle = low.midpoint(high);
        if filled(contigs, middle).len() as u64 <= u64::from(wanted.max(1)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    let mut groups = filled(contigs, high);
    if let Some(last) = groups.last_mut() {
        last.count = 0;
    }
    groups
}

/// Groups that are each filled up to so many bases, which the longest contig does not exceed.
fn filled(contigs: &[Contig], bases_max: u64) -> Vec<ContigRange> {
    let mut groups: Vec<ContigRange> = Vec::new();
    let mut bases = 0;
    for (at, contig) in (0..).zip(contigs) {
        bases += contig.length;
        match groups.last_mut() {
            Some(last) if bases <= bases_max => last.count += 1,
            _ => {
                bases = contig.length;
                groups.push(ContigRange {
                    first: at,
                    count: 1,
                });
            }
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1::Contig;
    use proptest::prelude::*;

    use super::group;

    fn contigs(lengths: &[u64]) -> Vec<Contig> {
        let contig = |length: &u64| Contig {
            length: *length,
            ..Contig::default()
        };
        lengths.iter().map(contig).collect()
    }

    /// Where the groups begin.
    fn begins(lengths: &[u64], wanted: u32) -> Vec<u32> {
        let groups = group(&contigs(lengths), wanted);
        let ends = groups.iter().skip(1).map(|next| next.first);
        let inner = groups.iter().zip(ends);
        assert!(
            inner
                .clone()
                .all(|(group, end)| group.first + group.count == end)
        );
        assert!(groups.last().is_none_or(|last| last.count == 0));
        groups.iter().map(|group| group.first).collect()
    }

    #[test]
    fn groups_are_as_even_as_whole_contigs_allow() {
        assert_eq!(begins(&[10, 10, 10, 10], 2), [0, 2]);
        assert_eq!(begins(&[9, 1, 1, 1, 8], 2), [0, 2]);
        assert_eq!(begins(&[5, 5, 5], 1), [0]);
        assert_eq!(begins(&[5, 5, 5], 0), [0]);
        // More groups would not make the largest smaller.
        assert_eq!(begins(&[10, 4, 4, 1, 1], 5), [0, 1]);
        assert_eq!(begins(&[], 5), [] as [u32; 0]);
    }

    proptest! {
        /// The least that the largest of two groups can have, found by trying.
        #[test]
        fn no_other_two_groups_are_more_even(lengths in prop::collection::vec(1u64..50, 2..12)) {
            let best = (1..lengths.len()).map(|at| {
                let sum = |part: &[u64]| part.iter().sum::<u64>();
                sum(&lengths[..at]).max(sum(&lengths[at..]))
            });
            let begins = begins(&lengths, 2);
            prop_assert_eq!(begins.len(), 2);
            let (left, right) = lengths.split_at(begins[1] as usize);
            let largest = left.iter().sum::<u64>().max(right.iter().sum());
            prop_assert_eq!(Some(largest), best.min());
        }
    }
}
