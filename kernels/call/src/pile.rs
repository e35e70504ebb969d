//! A set of reads: thinned where too deep, with overlapping mates reconciled.

use std::collections::BTreeMap;

use crate::params::Params;
use crate::read::{Mate, Read};

/// Reads that start in the same stretch of this many bases are thinned together.
const BUCKET: i64 = 64;

/// Leaves out reads where they are too many: of those that start in the same 64 bases the ones with the
/// highest name hash, so that as many bases are left as the depth allows. Returns where those left out lie.
/// `reads` stay in order.
pub(crate) fn thin(reads: &mut Vec<Read>, params: &Params) -> Vec<(i64, i64)> {
    let budget = u64::from(params.max_depth) * BUCKET as u64;
    let mut buckets: BTreeMap<i64, Vec<(u64, usize)>> = BTreeMap::new();
    for (number, read) in reads.iter().enumerate() {
        buckets
            .entry(read.start.div_euclid(BUCKET))
            .or_default()
            .push((read.name, number));
    }
    let mut keep = vec![true; reads.len()];
    for members in buckets.values_mut() {
        members.sort_unstable();
        let mut bases = 0;
        for &(_, number) in members.iter() {
            bases += reads[number].bases.len() as u64;
            keep[number] = bases <= budget;
        }
    }
    let mut kept = keep.iter();
    let left_out = reads.extract_if(.., |_| !kept.next().copied().unwrap_or(true));
    left_out.map(|read| (read.start, read.end)).collect()
}

/// Marks the bases that both mates of a fragment cover: of two that agree the better one counts, of two that
/// differ none.
pub(crate) fn reconcile(reads: &mut [Read]) {
    let mut by_name: Vec<(u64, usize)> =
        reads.iter().enumerate().map(|(n, r)| (r.name, n)).collect();
    by_name.sort_unstable();
    for pair in by_name.windows(2) {
        let ((name, a), (other, b)) = (pair[0], pair[1]);
        if name == other && reads[a].start < reads[b].end && reads[b].start < reads[a].end {
            let (head, tail) = reads.split_at_mut(b);
            reconcile_pair(&mut head[a], &mut tail[0]);
        }
    }
}

fn reconcile_pair(a: &mut Read, b: &mut Read) {
    let of_b: BTreeMap<i64, usize> = b.aligned().collect();
    let shared: Vec<(usize, usize)> = a
        .aligned()
        .filter_map(|(position, of_a)| Some((of_a, *of_b.get(&position)?)))
        .collect();
    for (i, j) in shared {
        (a.mate[i], b.mate[j]) = if a.bases[i] != b.bases[j] {
            (Mate::Contradicts, Mate::Contradicts)
        } else if a.quals[i] >= b.quals[j] {
            (Mate::Agrees, Mate::Counts)
        } else {
            (Mate::Counts, Mate::Agrees)
        };
    }
}

#[cfg(test)]
mod tests {
    use kumi_seq::cigar;

    use super::{reconcile, thin};
    use crate::params::Params;
    use crate::read::{Mate, Read};

    fn read(name: u64, start: i64, cigar: &str, bases: &[u8], qual: u8) -> Read {
        let ops = cigar::parse(cigar).expect("valid CIGAR");
        Read {
            name,
            start,
            end: start + i64::from(cigar::reference_length(&ops)),
            mapq: 60,
            ops,
            bases: bases.to_vec(),
            quals: vec![qual; bases.len()],
            mate: vec![Mate::Silent; bases.len()],
            ..Read::default()
        }
    }

    #[test]
    fn mates_count_once_and_contradictions_not_at_all() {
        let mut reads = [
            read(7, 10, "4M", b"ACGT", 30),
            read(8, 10, "4M", b"ACGT", 30),
            read(7, 12, "1M1D2M", b"GAA", 35),
        ];
        reconcile(&mut reads);
        use Mate::{Agrees, Contradicts, Counts, Silent};
        assert_eq!(reads[0].mate, [Silent, Silent, Counts, Silent]);
        assert_eq!(reads[1].mate, [Silent; 4]);
        assert_eq!(reads[2].mate, [Agrees, Silent, Silent]);
        reads[2] = read(7, 12, "3M", b"GAA", 35);
        reconcile(&mut reads);
        assert_eq!(reads[0].mate[3], Contradicts);
        assert_eq!(reads[2].mate, [Agrees, Contradicts, Silent]);
    }

    #[test]
    fn deep_piles_are_thinned_by_hash() {
        let params = Params {
            max_depth: 1,
            ..Params::default()
        };
        let mut reads: Vec<Read> = (0..10)
            .map(|n| read(9 - n, 64 + n as i64, "32M", &[b'A'; 32], 30))
            .collect();
        assert_eq!(thin(&mut reads, &params).len(), 8);
        assert_eq!(reads.iter().map(|r| r.name).collect::<Vec<_>>(), [1, 0]);
    }
}
