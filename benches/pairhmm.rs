//! Pair-HMM: cell updates (read bases times haplotype bases) a second, at each level.
//!
//! A region as in a genome at 30x: 60 reads of about 150 bases, three haplotypes of about 350. What
//! haplotypes share at their start is counted as if it were computed for each.
#![allow(missing_docs, reason = "criterion's macro makes a public function")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kumi_simd::level::Level;
use kumi_simd::pairhmm::{Read, Scratch, log10_likelihoods};

/// Numbers without structure, the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Bases and qualities of reads, and the haplotypes they come from.
struct Region {
    reads: Vec<(Vec<u8>, Vec<u8>)>,
    haplotypes: Vec<Vec<u8>>,
}

/// A reference and two haplotypes of it, and reads from these three.
fn region() -> Region {
    let mut numbers = Numbers(7);
    let reference: Vec<u8> = (0..350).map(|_| b"ACGT"[numbers.below(4)]).collect();
    let mut snv = reference.clone();
    snv[175] = if snv[175] == b'A' { b'G' } else { b'A' };
    let deletion = [&reference[..180], &reference[184..]].concat();
    let haplotypes = vec![reference, snv, deletion];
    let reads = (0..60)
        .map(|at| {
            let from = &haplotypes[at % 3];
            let length = if at % 5 == 0 {
                80 + numbers.below(70)
            } else {
                150
            };
            let start = numbers.below(from.len() - length);
            let mut bases = from[start..start + length].to_vec();
            let quals: Vec<u8> = bases
                .iter()
                .map(|_| [37, 37, 37, 25, 11][numbers.below(5)])
                .collect();
            for base in &mut bases {
                if numbers.below(300) == 0 {
                    *base = b"ACGT"[numbers.below(4)];
                }
            }
            (bases, quals)
        })
        .collect();
    Region { reads, haplotypes }
}

fn pairhmm(criterion: &mut Criterion) {
    let Region { reads, haplotypes } = region();
    let gaps = [45u8; 150];
    let reads: Vec<Read> = reads
        .iter()
        .map(|(bases, quals)| Read {
            bases,
            quals,
            gap_open: &gaps[..bases.len()],
            gap_extend: 10,
        })
        .collect();
    let haplotypes: Vec<&[u8]> = haplotypes.iter().map(Vec::as_slice).collect();
    let read_bases: usize = reads.iter().map(|read| read.bases.len()).sum();
    let cells: usize = haplotypes
        .iter()
        .map(|haplotype| haplotype.len() * read_bases)
        .sum();
    let mut group = criterion.benchmark_group("pairhmm");
    group.throughput(Throughput::Elements(cells as u64));
    for level in Level::available() {
        let (mut scratch, mut out) = (Scratch::default(), Vec::new());
        group.bench_function(level.to_string(), |bencher| {
            bencher.iter(|| {
                log10_likelihoods(
                    level,
                    black_box(&reads),
                    black_box(&haplotypes),
                    &mut scratch,
                    &mut out,
                );
                out.last().copied()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, pairhmm);
criterion_main!(benches);
