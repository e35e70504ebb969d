//! The reference, and the stretches of it that are looked at.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path;

use anyhow::Context;

/// Stretches come in pieces of this many bases.
const PIECE: usize = 500_000;
/// Shorter runs of known bases are left out.
const SHORTEST: usize = 20_000;
/// At a stretch's ends coverage falls, so they are not scored.
const EDGE: usize = 1_000;
/// A word that stands twice, on either strand, is a copy.
const WORD: usize = 100;
/// Bases in which copies are counted, the share from which they are not scored, and how far around.
const CELL: usize = 1_000;
const COPIES: f64 = 0.1;

/// A contig.
#[derive(Debug)]
pub(super) struct Contig {
    pub name: String,
    /// Upper-case.
    pub bases: Vec<u8>,
}

/// A part of a contig.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Number of the contig.
    pub contig: usize,
    pub bases: Range<usize>,
}

/// Reads a FASTA file.
pub(super) fn read(fasta: &Path) -> anyhow::Result<Vec<Contig>> {
    let text = std::fs::read(fasta).with_context(|| format!("no {}", fasta.display()))?;
    let mut contigs: Vec<Contig> = Vec::new();
    for line in text.split(|&byte| byte == b'\n') {
        if let Some(name) = line.strip_prefix(b">") {
            let name = String::from_utf8_lossy(name);
            contigs.push(Contig {
                name: name
                    .split_whitespace()
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                bases: Vec::new(),
            });
        } else if let Some(contig) = contigs.last_mut() {
            contig.bases.extend(line.iter().map(u8::to_ascii_uppercase));
        }
    }
    Ok(contigs)
}

/// So many bases of known sequence (all there are when that is less), spread evenly.
pub(super) fn choose(contigs: &[Contig], bases: usize) -> Vec<Stretch> {
    let mut pieces = Vec::new();
    for (contig, Contig { bases, .. }) in contigs.iter().enumerate() {
        let mut at = 0;
        for run in bases.chunk_by(|&a, &b| (a == b'N') == (b == b'N')) {
            let (start, end) = (at, at + run.len());
            at = end;
            if run[0] == b'N' || run.len() < SHORTEST {
                continue;
            }
            for from in (start..end).step_by(PIECE) {
                let bases = from..(from + PIECE).min(end);
                if bases.len() >= SHORTEST {
                    pieces.push(Stretch { contig, bases });
                }
            }
        }
    }
    let all: usize = pieces.iter().map(|piece| piece.bases.len()).sum();
    if bases >= all {
        return pieces;
    }
    let length = bases.min(PIECE);
    pieces.retain(|piece| piece.bases.len() >= length);
    let wanted = bases.div_ceil(PIECE).min(pieces.len());
    let mut chosen: Vec<Stretch> = (0..wanted)
        .map(|n| pieces[(2 * n + 1) * pieces.len() / (2 * wanted)].clone())
        .collect();
    for stretch in &mut chosen {
        stretch.bases.end = stretch.bases.start + (bases / wanted).min(length);
    }
    chosen
}

/// What of the stretches is scored: not their ends, and no cell of the genome of which a tenth is copied exactly
/// elsewhere (segmental duplications, satellites), nor its neighbours. Reads from there have no place.
pub(super) fn scored(contigs: &[Contig], stretches: &[Stretch]) -> Vec<Stretch> {
    let copied = copied(contigs);
    let mut scored: Vec<Stretch> = Vec::new();
    for Stretch { contig, bases } in stretches {
        let (from, to) = (bases.start + EDGE, bases.end.saturating_sub(EDGE));
        let cells = &copied[*contig];
        for cell in from / CELL..to.div_ceil(CELL) {
            let near = cell.saturating_sub(1)..(cell + 2).min(cells.len());
            let (start, end) = ((cell * CELL).max(from), ((cell + 1) * CELL).min(to));
            if cells[near].contains(&true) || start >= end {
                continue;
            }
            match scored.last_mut() {
                Some(last) if last.contig == *contig && last.bases.end == start => {
                    last.bases.end = end
                }
                _ => scored.push(Stretch {
                    contig: *contig,
                    bases: start..end,
                }),
            }
        }
    }
    scored
}

/// By contig and cell: true when more of its words stand elsewhere than may.
fn copied(contigs: &[Contig]) -> Vec<Vec<bool>> {
    let mut all: Vec<u64> = Vec::new();
    for contig in contigs {
        all.extend(words(&contig.bases).map(|(_, word)| word));
    }
    all.sort_unstable();
    let twice: HashSet<u64> = all
        .windows(2)
        .filter(|w| w[0] == w[1])
        .map(|w| w[0])
        .collect();
    let cells = |contig: &Contig| {
        let mut counts = vec![0usize; contig.bases.len().div_ceil(CELL)];
        for (at, word) in words(&contig.bases) {
            counts[at / CELL] += usize::from(twice.contains(&word));
        }
        counts
            .iter()
            .map(|&n| n as f64 >= COPIES * CELL as f64)
            .collect()
    };
    contigs.iter().map(cells).collect()
}

/// Start and hash of every word of known bases, the same for both strands: the lower of two rolling polynomials.
fn words(bases: &[u8]) -> impl Iterator<Item = (usize, u64)> {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let values = |base: u8| -> Option<(u64, u64)> {
        const CODES: [u64; 4] = [
            0x243f_6a88_85a3_08d3,
            0x1319_8a2e_0370_7344,
            0xa409_3822_299f_31d0,
            0x082e_fa98_ec4e_6c89,
        ];
        let code = b"ACGT".iter().position(|&b| b == base)?;
        Some((CODES[code], CODES[3 - code]))
    };
    let inverse = (0..6).fold(FACTOR, |x, _| {
        x.wrapping_mul(2u64.wrapping_sub(FACTOR.wrapping_mul(x)))
    });
    let top = (1..WORD).fold(1u64, |power, _| power.wrapping_mul(FACTOR));
    let (mut forward, mut reverse, mut known) = (0u64, 0u64, 0usize);
    bases.iter().enumerate().filter_map(move |(at, &base)| {
        let Some((own, other)) = values(base) else {
            (forward, reverse, known) = (0, 0, 0);
            return None;
        };
        if known == WORD {
            let (old, old_other) = values(bases[at - WORD])?;
            forward = forward.wrapping_sub(old.wrapping_mul(top));
            reverse = reverse.wrapping_sub(old_other).wrapping_mul(inverse);
            known -= 1;
            forward = forward.wrapping_mul(FACTOR).wrapping_add(own);
            reverse = reverse.wrapping_add(other.wrapping_mul(top));
        } else {
            forward = forward.wrapping_mul(FACTOR).wrapping_add(own);
            let power = (0..known).fold(1u64, |power, _| power.wrapping_mul(FACTOR));
            reverse = reverse.wrapping_add(other.wrapping_mul(power));
        }
        known += 1;
        (known == WORD).then(|| (at + 1 - WORD, forward.min(reverse)))
    })
}

#[cfg(test)]
mod tests {
    use super::{CELL, Contig, Stretch, WORD, choose, scored, words};
    use crate::random::Random;

    fn sequence(seed: u64, length: usize) -> Vec<u8> {
        let mut random = Random::new(seed, 0);
        (0..length).map(|_| b"ACGT"[random.below(4)]).collect()
    }

    #[test]
    fn a_word_is_the_same_on_both_strands() {
        let forward = sequence(1, 300);
        let complement =
            |base: &u8| b"TGCA"[b"ACGT".iter().position(|b| b == base).expect("a base")];
        let reverse: Vec<u8> = forward.iter().rev().map(complement).collect();
        let of = |bases: &[u8]| -> Vec<u64> { words(bases).map(|(_, word)| word).collect() };
        let (forward, mut reverse) = (of(&forward), of(&reverse));
        reverse.reverse();
        assert_eq!(forward.len(), 300 + 1 - WORD);
        assert_eq!(forward, reverse);
    }

    #[test]
    fn copies_and_ends_are_not_scored() {
        let mut bases = sequence(2, 60_000);
        bases[..10_000].fill(b'N');
        bases.copy_within(30_200..30_700, 50_300);
        let contigs = [Contig {
            name: "c".into(),
            bases,
        }];
        let stretches = choose(&contigs, 1_000_000);
        assert_eq!(
            stretches,
            [Stretch {
                contig: 0,
                bases: 10_000..60_000
            }]
        );
        let scored: Vec<_> = scored(&contigs, &stretches)
            .into_iter()
            .map(|s| s.bases)
            .collect();
        assert_eq!(CELL, 1_000);
        assert_eq!(scored, [11_000..29_000, 32_000..49_000, 52_000..59_000]);
        assert_eq!(
            choose(&contigs, 30_000),
            [Stretch {
                contig: 0,
                bases: 10_000..40_000
            }]
        );
    }
}
