//! Local assembly: sequences that reads spell between the two ends of a region.
//!
//! A de Bruijn graph of the reference and of good stretches of reads; paths from the first to the last k-mer
//! of the reference, the most likely first. Work is bounded: by the depth, by the number of paths looked at, and by
//! the length of each.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

use kumi_seq::base;

use crate::read::{Mate, Read};

/// k-mer sizes tried in turn, until the reference repeats none and no path gets lost.
const SIZES: [usize; 6] = [25, 35, 45, 55, 65, 75];
/// Bases of a lower quality break a read.
const MIN_QUALITY: u8 = 10;
/// Steps that fewer reads make are errors ...
const MIN_WEIGHT: u32 = 2;
/// ... as are those that a smaller share of the reads make, in deep piles.
const MIN_SHARE: f64 = 0.02;
const MAX_PATHS: usize = 16;
/// Partial paths looked at before giving up.
const MAX_LOOKS: usize = 1_000;
/// A path may be longer than the reference by this much.
const MAX_INSERTION: usize = 300;

#[derive(Clone, Copy, Default)]
struct Node {
    /// Reads that go on with each base.
    weights: [u32; 4],
    /// The k-mer reached by each base.
    next: [u32; 4],
    /// How the reference goes on.
    reference: Option<u8>,
}

/// Sequences from `reference`'s beginning to its end that `reads` over `window` spell, likely ones first. `None`
/// when every k-mer size fails.
pub(crate) fn assemble(
    reference: &[u8],
    reads: &[&Read],
    window: (i64, i64),
) -> Option<Vec<Vec<u8>>> {
    SIZES
        .iter()
        .filter(|&&k| k + 1 < reference.len())
        .find_map(|&k| Graph::build(k, reference, reads, window)?.paths(reference))
}

struct Graph {
    k: usize,
    nodes: Vec<Node>,
    last: u32,
}

impl Graph {
    fn build(k: usize, reference: &[u8], reads: &[&Read], window: (i64, i64)) -> Option<Self> {
        let mut ids: HashMap<Vec<u8>, u32> = HashMap::new();
        let mut nodes: Vec<Node> = Vec::new();
        for (number, kmer) in (0u32..).zip(reference.windows(k)) {
            if ids.insert(kmer.to_vec(), number).is_some() || kmer.contains(&b'N') {
                return None;
            }
            let next = reference.get(number as usize + k).map(|&b| base::code(b));
            let mut node = Node {
                reference: next,
                ..Node::default()
            };
            if let Some(next) = next.filter(|&code| code < 4) {
                node.next[next as usize] = number + 1;
            }
            nodes.push(node);
        }
        let last = nodes.len() as u32 - 1;
        for read in reads {
            let (from, to) = (read.index_of(window.0), read.index_of(window.1));
            for stretch in stretches(read, from, to) {
                let mut before: Option<u32> = None;
                for kmer in stretch.windows(k) {
                    let id = match ids.get(kmer) {
                        Some(&id) => id,
                        None => {
                            ids.insert(kmer.to_vec(), nodes.len() as u32);
                            nodes.push(Node::default());
                            nodes.len() as u32 - 1
                        }
                    };
                    if let Some(before) = before {
                        let code = base::code(kmer[k - 1]) as usize;
                        nodes[before as usize].weights[code] += 1;
                        nodes[before as usize].next[code] = id;
                    }
                    before = Some(id);
                }
            }
        }
        Some(Self { k, nodes, last })
    }

    /// The ways on from a node: code, log share of the reads.
    fn ways(&self, node: u32) -> impl Iterator<Item = (usize, f64)> {
        let node = self.nodes[node as usize];
        // The reference counts as one read more, so that it is never impossible.
        let weight =
            move |code: usize| node.weights[code] + u32::from(node.reference == Some(code as u8));
        let total: u32 = (0..4).map(weight).sum();
        (0..4).filter_map(move |code| {
            let taken = node.weights[code];
            let enough = taken >= MIN_WEIGHT && f64::from(taken) >= MIN_SHARE * f64::from(total);
            let goes = enough || node.reference == Some(code as u8);
            goes.then(|| (code, (f64::from(weight(code)) / f64::from(total)).ln()))
        })
    }

    /// `None` when there were more paths than may be looked at.
    fn paths(&self, reference: &[u8]) -> Option<Vec<Vec<u8>>> {
        let longest = reference.len() + MAX_INSERTION;
        let mut waiting = BinaryHeap::new();
        waiting.push(Path {
            score: 0.0,
            bases: reference[..self.k].to_vec(),
            node: 0,
        });
        let mut complete = Vec::new();
        let mut looks = 0;
        while let Some(mut path) = waiting.pop() {
            looks += 1;
            if looks > MAX_LOOKS {
                return None;
            }
            loop {
                if path.node == self.last {
                    complete.push(path.bases);
                    break;
                }
                let ways: Vec<(usize, f64)> = self.ways(path.node).collect();
                if path.bases.len() >= longest || ways.is_empty() {
                    break;
                }
                for &(code, share) in &ways[1..] {
                    waiting.push(path.step(self, code, share));
                }
                path = path.step(self, ways[0].0, ways[0].1);
                if ways.len() > 1 {
                    waiting.push(path);
                    break;
                }
            }
            if complete.len() >= MAX_PATHS {
                break;
            }
        }
        Some(complete)
    }
}

struct Path {
    score: f64,
    bases: Vec<u8>,
    node: u32,
}

impl Path {
    fn step(&self, graph: &Graph, code: usize, share: f64) -> Self {
        let mut bases = self.bases.clone();
        bases.push(base::ASCII[code]);
        Self {
            score: self.score + share,
            bases,
            node: graph.nodes[self.node as usize].next[code],
        }
    }
}

impl Ord for Path {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score
            .total_cmp(&other.score)
            .then_with(|| other.bases.cmp(&self.bases))
    }
}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Path {}

/// The parts of a read's bases `from..to` that are good throughout.
fn stretches(read: &Read, from: usize, to: usize) -> Vec<&[u8]> {
    let good = |n: usize| {
        read.quals[n] >= MIN_QUALITY && read.bases[n] != b'N' && read.mate[n] != Mate::Contradicts
    };
    let mut parts = Vec::new();
    let mut start = from;
    for n in from..=to {
        if n == to || !good(n) {
            if n > start {
                parts.push(&read.bases[start..n]);
            }
            start = n + 1;
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use kumi_seq::cigar;

    use super::assemble;
    use crate::read::{Mate, Read};

    const LEFT: &str = "GATTACAGCTTGACCGTGCATCGATTGCCATAGCTAGGCATC";
    const RIGHT: &str = "TTGACGGATCCATGCAAGTCCTGAACGTTAGCATCGGATACC";

    fn reads(sequence: &str, number: usize) -> Vec<Read> {
        let ops = cigar::parse(&format!("{}M", sequence.len())).expect("valid CIGAR");
        let read = Read {
            end: sequence.len() as i64,
            ops,
            bases: sequence.as_bytes().to_vec(),
            quals: vec![30; sequence.len()],
            mate: vec![Mate::Silent; sequence.len()],
            ..Read::default()
        };
        vec![read; number]
    }

    fn run(reference: &str, reads: &[Read]) -> Option<Vec<String>> {
        let reads: Vec<&Read> = reads.iter().collect();
        let paths = assemble(reference.as_bytes(), &reads, (0, 1_000))?;
        Some(
            paths
                .into_iter()
                .map(|p| String::from_utf8(p).expect("ASCII"))
                .collect(),
        )
    }

    #[test]
    fn a_long_insertion_is_spelt_by_two_reads_but_not_by_one() {
        let reference = format!("{LEFT}{RIGHT}");
        let inserted = format!("{LEFT}CAGTCCAATGGCATTTACGAGCCTAAGG{RIGHT}");
        assert_eq!(
            run(&reference, &reads(&inserted, 1)).expect("assembled"),
            std::slice::from_ref(&reference)
        );
        let mut found = run(&reference, &reads(&inserted, 2)).expect("assembled");
        found.sort();
        let mut expected = [reference, inserted];
        expected.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_reference_that_repeats_itself_beyond_the_longest_k_is_not_assembled() {
        let reference = "CAG".repeat(60);
        assert_eq!(run(&reference, &reads(&reference, 3)), None);
    }
}
