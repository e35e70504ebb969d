//! The table of seeds while it is made: gathered by parts of the hash, each sorted on its own.

use std::io;
use std::ops::ControlFlow;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use kumi_seq::base;
use kumi_seq::contig::Contig;
use rayon::prelude::*;

use crate::layout::PLACE_BITS;
use crate::minimizer::{HASH_BITS, K, Minimizer, W, minimizers};

/// Parts of the table, by the upper bits of the bucket.
const PART_BITS: u32 = 8;
const PARTS: usize = 1 << PART_BITS;
/// Bits of a seed below its part: its bucket, then the rest of its hash. With the place they fill a word.
const ORDER_BITS: u32 = HASH_BITS - PART_BITS;
/// Windows one thread looks at in one go.
const SEGMENT: usize = 1 << 22;
/// Bases that a window covers.
const WINDOW: usize = K + W - 1;

const _: () = assert!(ORDER_BITS + PLACE_BITS == u64::BITS);

/// Bits of a bucket number for a reference of `bases` bases: about three seeds a bucket.
pub(crate) fn bucket_bits(bases: u64) -> u32 {
    let seeds = 2 * bases / (W as u64 + 1);
    seeds.max(1).ilog2().clamp(PART_BITS, 28)
}

/// All seeds, sorted by bucket, rest of the hash, place.
pub(crate) struct SeedTable {
    parts: Vec<Vec<u64>>,
    bucket_bits: u32,
}

impl SeedTable {
    /// Gathers and sorts. `step` is called with the share that is done, and may break off: then there is no table.
    pub(crate) fn collect(
        contigs: &[(Contig, Vec<u8>)],
        bucket_bits: u32,
        step: &(dyn Fn(f32) -> ControlFlow<()> + Sync),
    ) -> Option<Self> {
        let segments = segments(contigs);
        let total = segments.len() + PARTS;
        let done = AtomicUsize::new(0);
        let advance = || match step(done.fetch_add(1, Ordering::Relaxed) as f32 / total as f32) {
            ControlFlow::Continue(()) => Some(()),
            ControlFlow::Break(()) => None,
        };
        let expected: usize = contigs
            .iter()
            .map(|(_, bases)| 2 * bases.len())
            .sum::<usize>()
            / ((W + 1) * PARTS);
        let parts: Vec<_> = (0..PARTS)
            .map(|_| Mutex::new(Vec::with_capacity(expected)))
            .collect();
        segments.par_iter().try_for_each_init(
            || vec![Vec::new(); PARTS],
            |gathered, segment| {
                advance()?;
                segment.gather(bucket_bits, gathered);
                for (part, gathered) in parts.iter().zip(gathered) {
                    // A thread that panics takes the whole build with it.
                    let mut part = part
                        .lock()
                        .unwrap_or_else(std::sync::PoisonError::into_inner);
                    part.append(gathered);
                }
                Some(())
            },
        )?;
        let mut parts: Vec<Vec<u64>> = parts
            .into_iter()
            .map(|part| {
                part.into_inner()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
            })
            .collect();
        parts.par_iter_mut().try_for_each(|part| {
            advance()?;
            part.sort_unstable();
            Some(())
        })?;
        Some(Self { parts, bucket_bits })
    }

    /// Number of seeds.
    pub(crate) fn len(&self) -> u64 {
        self.parts.iter().map(|part| part.len() as u64).sum()
    }

    /// Gives on where each bucket begins, and a last bound, to `bucket`; every seed to `seed`. Memory is freed
    /// on the way.
    pub(crate) fn write(
        self,
        mut bucket: impl FnMut(u64) -> io::Result<()>,
        mut seed: impl FnMut(u64) -> io::Result<()>,
    ) -> io::Result<()> {
        let buckets = 1u64 << (self.bucket_bits - PART_BITS);
        let bucket_shift = u64::BITS - self.bucket_bits + PART_BITS;
        let seed_mask = u64::MAX >> (self.bucket_bits - PART_BITS);
        let mut start = 0u64;
        for part in self.parts {
            let mut opened = 0u64;
            for key in part {
                // Without bits of a bucket below its part, a part is one bucket.
                let at = key.checked_shr(bucket_shift).unwrap_or(0);
                while opened <= at {
                    bucket(start)?;
                    opened += 1;
                }
                seed(key & seed_mask)?;
                start += 1;
            }
            for _ in opened..buckets {
                bucket(start)?;
            }
        }
        bucket(start)
    }
}

/// A stretch of windows of a contig.
struct Segment<'a> {
    bases: &'a [u8],
    /// Of the contig in the concatenation.
    offset: u64,
    first: usize,
    end: usize,
}

fn segments(contigs: &[(Contig, Vec<u8>)]) -> Vec<Segment<'_>> {
    let mut segments = Vec::new();
    let mut offset = 0;
    for (contig, bases) in contigs {
        let windows = bases.len().saturating_sub(WINDOW - 1);
        segments.extend((0..windows).step_by(SEGMENT).map(|first| Segment {
            bases,
            offset,
            first,
            end: (first + SEGMENT).min(windows),
        }));
        offset += u64::from(contig.length);
    }
    segments
}

impl Segment<'_> {
    /// Puts the seeds of these windows, but for that which the window before them chose, into their parts.
    fn gather(&self, bucket_bits: u32, parts: &mut [Vec<u64>]) {
        let from = self.first.saturating_sub(1);
        let bases = &self.bases[from..self.end + WINDOW - 1];
        let whole = |window: &[u8]| window.iter().all(|&ascii| base::code(ascii) < base::N);
        let mut skip = self.first > 0 && whole(&bases[..WINDOW]);
        let rest_bits = HASH_BITS - bucket_bits;
        minimizers(
            bases.iter().map(|&ascii| base::code(ascii)),
            |seed: Minimizer| {
                if std::mem::take(&mut skip) {
                    return;
                }
                let (bucket, rest) = (
                    seed.hash & ((1 << bucket_bits) - 1),
                    seed.hash >> bucket_bits,
                );
                let order = bucket << rest_bits | rest;
                let position = self.offset + from as u64 + u64::from(seed.position);
                let place = position << 1 | u64::from(seed.reverse);
                let below = order & ((1 << ORDER_BITS) - 1);
                parts[(order >> ORDER_BITS) as usize].push(below << PLACE_BITS | place);
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use kumi_seq::base;
    use kumi_seq::contig::Contig;

    use super::{SeedTable, Segment, WINDOW, bucket_bits};
    use crate::minimizer::minimizers;

    fn contig() -> (Contig, Vec<u8>) {
        let mut state = 7u64;
        let bases: Vec<u8> = (0..4000)
            .map(|at| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let code = (state >> 62) as usize;
                // Repeats, so that neighbouring windows share a seed, and ambiguous bases.
                if at % 501 < 3 {
                    b'N'
                } else {
                    base::ASCII[code]
                }
            })
            .collect();
        (Contig::describe("c", &bases), bases)
    }

    #[test]
    fn segments_together_have_every_seed_once() {
        let (_, bases) = contig();
        let mut expected = Vec::new();
        minimizers(bases.iter().map(|&b| base::code(b)), |seed| {
            expected.push(u64::from(seed.position))
        });
        let windows = bases.len() - WINDOW + 1;
        for length in [1, 2, 3, 7, 100, 1003] {
            let mut parts = vec![Vec::new(); 256];
            for first in (0..windows).step_by(length) {
                let end = (first + length).min(windows);
                Segment {
                    bases: &bases,
                    offset: 0,
                    first,
                    end,
                }
                .gather(12, &mut parts);
            }
            let mut found: Vec<u64> = parts.concat().iter().map(|key| key << 30 >> 31).collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{length}");
        }
    }

    #[test]
    fn a_table_is_broken_off_at_the_next_step() {
        let contigs = [contig()];
        let bits = bucket_bits(4000);
        let broken = SeedTable::collect(&contigs, bits, &|done| match done > 0.5 {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        });
        assert!(broken.is_none());
        let whole = SeedTable::collect(&contigs, bits, &|_| ControlFlow::Continue(()));
        assert!(whole.is_some_and(|table| table.len() > 1000));
    }
}
