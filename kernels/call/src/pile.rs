//! A set of reads: thinned where too deep, with overlapping mates reconciled.

use std::collections::BTreeMap;

use crate::params::Params;
use crate::read::{Mate, Read};

/// Depth is held to about the limit in absolute cells of this many bases.
const CELL: i64 = 64;

/// Leaves out reads where they are too many. A read belongs to the cell of its middle, and stays when that cell has room for
/// the bases of all reads that touch it and whose names have a hash as low. Returns where those left out lie. `reads` stay
/// in order; what they have outside `reach` is not looked at.
pub(crate) fn thin(reads: &mut Vec<Read>, reach: (i64, i64), params: &Params) -> Vec<(i64, i64)> {
    let cells_of = |read: &Read| cells_of(read, reach);
    let budget = i64::from(params.max_depth) * CELL;
    let mut cells: BTreeMap<i64, i64> = BTreeMap::new();
    for (cell, bases) in reads.iter().flat_map(cells_of) {
        *cells.entry(cell).or_default() += bases;
    }
    cells.retain(|_, bases| *bases > budget);
    if cells.is_empty() {
        return Vec::new();
    }
    let mut full: BTreeMap<i64, Vec<(u64, usize, i64)>> = BTreeMap::new();
    for (number, read) in reads.iter().enumerate() {
        for (cell, bases) in cells_of(read).filter(|(cell, _)| cells.contains_key(cell)) {
            full.entry(cell)
                .or_default()
                .push((read.name, number, bases));
        }
    }
    let mut keep = vec![true; reads.len()];
    for (&cell, members) in &mut full {
        members.sort_unstable();
        let mut all = 0;
        for &(_, number, bases) in members.iter() {
            all += bases;
            let read = &reads[number];
            if all > budget && i64::midpoint(read.start, read.end).div_euclid(CELL) == cell {
                keep[number] = false;
            }
        }
    }
    let mut kept = keep.iter();
    let left_out = reads.extract_if(.., |_| !kept.next().copied().unwrap_or(true));
    left_out.map(|read| (read.start, read.end)).collect()
}

/// The cells of a stretch that a read touches, and how many bases of the reference it covers in each.
fn cells_of(read: &Read, (from, to): (i64, i64)) -> impl Iterator<Item = (i64, i64)> + use<> {
    let (start, end) = (read.start.max(from), read.end.min(to));
    (start.div_euclid(CELL)..=(end - 1).div_euclid(CELL)).map(move |cell| {
        let bases = end.min((cell + 1) * CELL) - start.max(cell * CELL);
        (cell, bases)
    })
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
        assert_eq!(thin(&mut reads, (0, 1_000), &params).len(), 8);
        assert_eq!(reads.iter().map(|r| r.name).collect::<Vec<_>>(), [1, 0]);
        // One that lies mostly beside them stays.
        reads = (0..10)
            .map(|n| read(n, 64, "32M", &[b'A'; 32], 30))
            .collect();
        reads.push(read(99, 90, "80M", &[b'A'; 80], 30));
        assert_eq!(thin(&mut reads, (0, 1_000), &params), [(64, 96); 8]);
        assert_eq!(reads.len(), 3);
        // Long reads are no deep pile.
        reads = vec![read(1, 0, "640M", &[b'A'; 640], 30)];
        assert!(thin(&mut reads, (0, 1_000), &params).is_empty());
    }
}
