//! The likelihood of reads given haplotypes: a pair hidden Markov model, many reads at a time.
//!
//! The model is the one of Durbin, Eddy, Krogh and Mitchison (Biological Sequence Analysis, 4.2) with
//! the parameters GATK's `LoglessPairHMM` gives it. For read base `i` and haplotype base `j`, with `g` the
//! probability to open a gap at `i`, `x` that to extend one and `e` that of a wrong base:
//!
//! ```text
//! M[i][j] = prior(i, j) * (M[i-1][j-1] * (1 - 2g) + (I[i-1][j-1] + D[i-1][j-1]) * (1 - x))
//! I[i][j] = M[i-1][j] * g + I[i-1][j] * x
//! D[i][j] = M[i][j-1] * g + D[i][j-1] * x
//! prior   = 1 - e where the bases agree or either is not one of ACGT, otherwise e / 3
//! D[0][j] = 1 / haplotype length, everything else at an edge 0
//! likelihood = sum over j of M[last][j] + I[last][j]
//! ```
//!
//! A read therefore starts and ends anywhere in the haplotype at no cost. `e` is at most 3/4 (such a base
//! says nothing), `g` at most the probability of phred 4 and `x` that of phred 1, and no phred counts for
//! more than 60.
//!
//! Cells are `f32`, scaled by 2^120; a pair that comes out too small for that is done again in `f64`. Every cell of
//! `I` and `D` is held above a floor far below what an accepted result can notice, so that no operand or
//! product is ever subnormal: results do not depend on how the processor treats those, nor does the
//! time. Each pair is a fixed sequence of additions, multiplications and maxima, never fused, wherever it
//! is computed: the same bits at every [`Level`], whatever stands beside it in a call. No function of the
//! system's mathematical library is used, so the same holds between systems.

#![allow(
    unsafe_code,
    reason = "calls into functions compiled for vector extensions, behind a level that proves the processor has them"
)]

mod lanes;
mod model;
mod oracle;
mod sweep;
#[cfg(test)]
mod tests;

use crate::level::{Kind, Level};
use crate::pairhmm::lanes::Lanes;
use crate::pairhmm::sweep::Buffers;

/// A read: its bases and what may be wrong with each.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    /// Bases as letters, either case; what is not one of ACGT agrees with everything.
    pub bases: &'a [u8],
    /// Base qualities, phred.
    pub quals: &'a [u8],
    /// The phred-scaled probability that a gap opens at each base.
    pub gap_open: &'a [u8],
    /// The phred-scaled probability that a gap goes on for one more base.
    pub gap_extend: u8,
}

/// The log10 likelihood that stands for an impossible pair: a read and an empty haplotype. No other pair
/// comes out below it.
pub const LEAST: f64 = -600.0;

/// Buffers that one call leaves to the next. One for each thread.
#[derive(Debug, Default)]
pub struct Scratch {
    codes: Vec<u8>,
    haplotypes: Vec<Haplotype>,
    order: Vec<u32>,
    again: Vec<(usize, u32)>,
    buffers: Buffers,
}

/// Where a haplotype's codes lie, and how much of it the one before and the one after begin with.
#[derive(Clone, Copy, Debug)]
struct Haplotype {
    index: usize,
    start: usize,
    end: usize,
    shared_with_next: usize,
}

/// One call's work, ready to be swept by vectors of some width.
struct Job<'a> {
    reads: &'a [Read<'a>],
    codes: &'a [u8],
    haplotypes: &'a [Haplotype],
    /// Reads, the longest first.
    order: &'a [u32],
    /// Haplotype and read of the pairs to do again.
    again: &'a mut Vec<(usize, u32)>,
    buffers: &'a mut Buffers,
    out: &'a mut [f64],
    /// How many haplotypes were given.
    width: usize,
}

/// Replaces `out` by the log10 likelihood of every read given every haplotype:
/// `out[read * haplotypes.len() + haplotype]`. An empty read has likelihood 1.
///
/// # Panics
/// When a read has not one quality and one gap probability for each base.
pub fn log10_likelihoods(
    level: Level,
    reads: &[Read],
    haplotypes: &[&[u8]],
    scratch: &mut Scratch,
    out: &mut Vec<f64>,
) {
    for read in reads {
        assert_eq!(
            read.bases.len(),
            read.quals.len(),
            "a quality for each base"
        );
        assert_eq!(
            read.bases.len(),
            read.gap_open.len(),
            "a gap probability for each base"
        );
    }
    out.clear();
    out.resize(reads.len() * haplotypes.len(), LEAST);
    let Scratch {
        codes,
        haplotypes: prepared,
        order,
        again,
        buffers,
    } = scratch;
    order_haplotypes(haplotypes, codes, prepared);
    order.clear();
    order.extend((0..reads.len() as u32).filter(|&read| {
        let empty = reads[read as usize].bases.is_empty();
        if empty {
            let row = read as usize * haplotypes.len();
            out[row..row + haplotypes.len()].fill(0.0);
        }
        !empty
    }));
    order.sort_by_key(|&read| std::cmp::Reverse(reads[read as usize].bases.len()));
    let job = Job {
        reads,
        codes,
        haplotypes: prepared,
        order,
        again,
        buffers,
        out,
        width: haplotypes.len(),
    };
    match level.kind() {
        #[cfg(target_arch = "x86_64")]
        Kind::Avx512 => {
            // SAFETY: a level of AVX-512 exists only where the processor has it.
            unsafe { avx512(job) }
        }
        #[cfg(target_arch = "x86_64")]
        Kind::Avx2 => {
            // SAFETY: a level of AVX2 exists only where the processor has it.
            unsafe { avx2(job) }
        }
        #[cfg(target_arch = "x86_64")]
        Kind::Sse41 => job.run::<lanes::F32x4, lanes::F64x2, 2>(),
        #[cfg(target_arch = "aarch64")]
        Kind::Neon => job.run::<lanes::F32x4, lanes::F64x2, 4>(),
        _ => job.one_by_one(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(job: Job) {
    job.run::<lanes::F32x16, lanes::F64x8, 4>();
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(job: Job) {
    job.run::<lanes::F32x8, lanes::F64x4, 2>();
}

/// Encodes the haplotypes that are not empty and sorts them, so that neighbours share what they begin with.
fn order_haplotypes(haplotypes: &[&[u8]], codes: &mut Vec<u8>, into: &mut Vec<Haplotype>) {
    codes.clear();
    into.clear();
    for (index, haplotype) in haplotypes.iter().enumerate() {
        let start = codes.len();
        codes.extend(haplotype.iter().map(|&base| model::code(base)));
        if !haplotype.is_empty() {
            into.push(Haplotype {
                index,
                start,
                end: codes.len(),
                shared_with_next: 0,
            });
        }
    }
    let of = |haplotype: &Haplotype| &codes[haplotype.start..haplotype.end];
    into.sort_by(|a, b| of(a).cmp(of(b)).then(a.index.cmp(&b.index)));
    for at in 1..into.len() {
        let pairs = of(&into[at - 1]).iter().zip(of(&into[at]));
        into[at - 1].shared_with_next = pairs.take_while(|(a, b)| a == b).count();
    }
}

impl Job<'_> {
    /// The oracle's way.
    fn one_by_one(self) {
        for &read in self.order {
            let row = read as usize * self.width;
            let read = &self.reads[read as usize];
            for haplotype in self.haplotypes {
                let letters = &self.codes[haplotype.start..haplotype.end];
                let mut total = oracle::total::<f32>(read, letters);
                self.out[row + haplotype.index] = if model::is_enough::<f32>(total, letters.len()) {
                    model::likelihood::<f32>(total, letters.len())
                } else {
                    total = oracle::total::<f64>(read, letters);
                    model::likelihood::<f64>(total, letters.len())
                };
            }
        }
    }

    /// With vectors: `C` columns at a time for `f32`.
    #[inline(always)]
    fn run<V: Lanes<Real = f32>, W: Lanes<Real = f64>, const C: usize>(self) {
        let Self {
            reads,
            codes,
            haplotypes,
            order,
            again,
            buffers,
            out,
            width,
        } = self;
        again.clear();
        for batch in order.chunks(V::N) {
            let mut of = [&reads[batch[0] as usize]; 16];
            let of = gather(reads, batch.iter().copied(), &mut of);
            sweep::totals::<V, C>(of, codes, haplotypes, buffers, |lane, haplotype, total| {
                let length = haplotype.end - haplotype.start;
                if model::is_enough::<f32>(total, length) {
                    out[batch[lane] as usize * width + haplotype.index] =
                        model::likelihood::<f32>(total, length);
                } else {
                    again.push((haplotype.index, batch[lane]));
                }
            });
        }
        // Stable: the reads of a haplotype stay in order, the longest first.
        again.sort_by_key(|&(haplotype, _)| haplotype);
        for pairs in again.chunk_by(|a, b| a.0 == b.0) {
            let haplotype: Vec<Haplotype> = (haplotypes.iter())
                .filter(|haplotype| haplotype.index == pairs[0].0)
                .map(|&haplotype| Haplotype {
                    shared_with_next: 0,
                    ..haplotype
                })
                .collect();
            for batch in pairs.chunks(W::N) {
                let mut of = [&reads[batch[0].1 as usize]; 16];
                let of = gather(reads, batch.iter().map(|pair| pair.1), &mut of);
                sweep::totals::<W, 2>(of, codes, &haplotype, buffers, |lane, haplotype, total| {
                    out[batch[lane].1 as usize * width + haplotype.index] =
                        model::likelihood::<f64>(total, haplotype.end - haplotype.start);
                });
            }
        }
    }
}

/// The reads of these numbers, at most sixteen.
fn gather<'a, 'b>(
    reads: &'a [Read<'a>],
    numbers: impl Iterator<Item = u32>,
    into: &'b mut [&'a Read<'a>; 16],
) -> &'b [&'a Read<'a>] {
    let mut count = 0;
    for (slot, number) in into.iter_mut().zip(numbers) {
        *slot = &reads[number as usize];
        count += 1;
    }
    &into[..count]
}
