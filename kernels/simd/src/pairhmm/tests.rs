//! Every level against the oracle bit for bit, and the oracle against the model as the book writes it.

#![cfg_attr(
    target_arch = "x86_64",
    allow(unsafe_code, reason = "sets the processor's treatment of subnormals")
)]

use proptest::prelude::*;

use crate::level::Level;
use crate::pairhmm::{LEAST, Read, Scratch, log10_likelihoods};

/// A read that owns its parts.
#[derive(Clone, Debug)]
struct Owned {
    bases: Vec<u8>,
    quals: Vec<u8>,
    gap_open: Vec<u8>,
    gap_extend: u8,
}

impl Owned {
    fn new(bases: &[u8], qual: u8) -> Self {
        Self {
            bases: bases.to_vec(),
            quals: vec![qual; bases.len()],
            gap_open: vec![45; bases.len()],
            gap_extend: 10,
        }
    }

    fn read(&self) -> Read<'_> {
        Read {
            bases: &self.bases,
            quals: &self.quals,
            gap_open: &self.gap_open,
            gap_extend: self.gap_extend,
        }
    }
}

fn likelihoods(
    level: Level,
    reads: &[Owned],
    haplotypes: &[Vec<u8>],
    scratch: &mut Scratch,
) -> Vec<f64> {
    let reads: Vec<Read> = reads.iter().map(Owned::read).collect();
    let haplotypes: Vec<&[u8]> = haplotypes.iter().map(Vec::as_slice).collect();
    let mut out = vec![1.0; 3];
    log10_likelihoods(level, &reads, &haplotypes, scratch, &mut out);
    assert_eq!(out.len(), reads.len() * haplotypes.len());
    out
}

/// The model in `f64`, in logarithms, straight from its definition.
fn by_the_book(read: &Owned, haplotype: &[u8]) -> f64 {
    fn add(a: f64, b: f64) -> f64 {
        let (high, low) = if a > b { (a, b) } else { (b, a) };
        if high == f64::NEG_INFINITY {
            high
        } else {
            high + (low - high).exp().ln_1p()
        }
    }
    let probability = |phred: u8, least: u8| 10f64.powf(-f64::from(phred.clamp(least, 60)) / 10.0);
    let none = f64::NEG_INFINITY;
    let columns = haplotype.len() + 1;
    let mut m = vec![none; columns];
    let mut i = m.clone();
    let mut d = vec![-(haplotype.len() as f64).ln(); columns];
    let extend = probability(read.gap_extend, 1);
    let (stay, leave) = (extend.ln(), (1.0 - extend).ln());
    for (at, &base) in read.bases.iter().enumerate() {
        let open = probability(read.gap_open[at], 4);
        let wrong = probability(read.quals[at], 0).min(0.75);
        let (mut m_new, mut i_new, mut d_new) = (
            vec![none; columns],
            vec![none; columns],
            vec![none; columns],
        );
        for j in 1..columns {
            let letter = haplotype[j - 1];
            let agree = base == letter || base == b'N' || letter == b'N';
            let prior = if agree {
                (1.0 - wrong).ln()
            } else {
                (wrong / 3.0).ln()
            };
            let gaps = add(i[j - 1], d[j - 1]) + leave;
            m_new[j] = prior + add(m[j - 1] + (1.0 - 2.0 * open).ln(), gaps);
            i_new[j] = add(m[j] + open.ln(), i[j] + stay);
            d_new[j] = add(m_new[j - 1] + open.ln(), d_new[j - 1] + stay);
        }
        (m, i, d) = (m_new, i_new, d_new);
    }
    (1..columns).fold(none, |sum, j| add(sum, add(m[j], i[j]))) / std::f64::consts::LN_10
}

fn bases(length: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(
        prop_oneof![8 => Just(b'A'), 8 => Just(b'C'), 8 => Just(b'G'), 8 => Just(b'T'), 1 => Just(b'N')],
        length,
    )
}

/// A window of a haplotype with some bases changed, lost or doubled; or something else altogether.
fn read_from(haplotype: Vec<u8>) -> impl Strategy<Value = Owned> {
    let length = haplotype.len();
    let window = (
        0..=length,
        0..=length,
        proptest::collection::vec(0u8..60, length),
    )
        .prop_map(move |(a, b, changes)| {
            let mut bases = Vec::new();
            for at in a.min(b)..a.max(b) {
                match changes[at] {
                    0 => {}
                    1 => bases.extend([haplotype[at], haplotype[at]]),
                    2 => bases.push(b"ACGT"[at % 4]),
                    _ => bases.push(haplotype[at]),
                }
            }
            bases
        });
    prop_oneof![6 => window, 1 => bases(0..120)].prop_flat_map(|bases| {
        let length = bases.len();
        let phred = prop_oneof![1 => Just(0u8), 20 => 2u8..45, 1 => Just(255u8)];
        (
            Just(bases),
            proptest::collection::vec(phred, length),
            proptest::collection::vec(prop_oneof![20 => 20u8..50, 1 => 0u8..=255], length),
            prop_oneof![10 => Just(10u8), 1 => 0u8..=255],
        )
            .prop_map(|(bases, quals, gap_open, gap_extend)| Owned {
                bases,
                quals,
                gap_open,
                gap_extend,
            })
    })
}

/// Haplotypes that share much, and reads from the first; enough reads to straddle every lane edge.
fn region() -> impl Strategy<Value = (Vec<Owned>, Vec<Vec<u8>>)> {
    bases(0..90).prop_flat_map(|first| {
        let length = first.len();
        let base = first.clone();
        let others = proptest::collection::vec((0..=length, bases(0..4), 0..3usize), 0..5)
            .prop_map(move |changes| {
                let mut all = vec![base.clone()];
                for (at, put, drop) in changes {
                    let mut other = base[..at].to_vec();
                    other.extend(put);
                    other.extend(&base[(at + drop).min(base.len())..]);
                    all.push(other);
                }
                all
            });
        (proptest::collection::vec(read_from(first), 0..36), others)
    })
}

proptest! {
    #[test]
    fn every_level_gives_the_oracles_bits((reads, haplotypes) in region()) {
        let mut scratch = Scratch::default();
        let right = likelihoods(Level::SCALAR, &reads, &haplotypes, &mut scratch);
        for level in Level::available() {
            for count in [reads.len(), reads.len().min(17), reads.len().min(16), reads.len().min(1)] {
                let found = likelihoods(level, &reads[..count], &haplotypes, &mut scratch);
                for (at, (a, b)) in found.iter().zip(&right).enumerate() {
                    prop_assert_eq!(a.to_bits(), b.to_bits(), "{} at {}: {} and {}", level, at, a, b);
                }
            }
        }
    }

    #[test]
    fn the_oracle_follows_the_book((reads, haplotypes) in region()) {
        let found = likelihoods(Level::SCALAR, &reads, &haplotypes, &mut Scratch::default());
        let pairs = reads.iter().flat_map(|read| haplotypes.iter().map(move |haplotype| (read, haplotype)));
        for ((read, haplotype), found) in pairs.zip(found) {
            if read.bases.is_empty() {
                prop_assert_eq!(found, 0.0);
            } else if haplotype.is_empty() {
                prop_assert_eq!(found, LEAST);
            } else {
                let right = by_the_book(read, haplotype);
                let fits = if right < -560.0 { found < -550.0 } else { (found - right).abs() < 1e-4 };
                prop_assert!(fits, "{found} and {right}: {read:?} {haplotype:?}");
            }
        }
    }
}

/// A sequence without structure, the same every time.
fn sequence(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed;
    (0..length)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            b"ACGT"[(state >> 62) as usize]
        })
        .collect()
}

#[test]
fn a_read_prefers_where_it_comes_from() {
    let reference = sequence(300, 1);
    let mut snv = reference.clone();
    snv[150] = if snv[150] == b'A' { b'C' } else { b'A' };
    let deletion = [&reference[..150], &reference[153..]].concat();
    let haplotypes = [reference.clone(), snv.clone(), deletion.clone()];
    for (from, source) in haplotypes.iter().enumerate() {
        let read = Owned::new(&source[100..200], 30);
        let found = likelihoods(
            Level::detect(),
            &[read],
            &haplotypes,
            &mut Scratch::default(),
        );
        for other in (0..3).filter(|&other| other != from) {
            assert!(found[from] > found[other] + 2.5, "{from}: {found:?}");
        }
    }
}

#[test]
fn what_f32_cannot_hold_is_done_in_f64() {
    let haplotype = sequence(400, 2);
    let foreign = Owned::new(&sequence(250, 3), 40);
    for level in Level::available() {
        let reads = vec![foreign.clone(); 5];
        let found = likelihoods(
            level,
            &reads,
            std::slice::from_ref(&haplotype),
            &mut Scratch::default(),
        );
        let right = by_the_book(&foreign, &haplotype);
        assert!(right < -100.0);
        for found in found {
            assert!((found - right).abs() < 1e-6, "{level}: {found} and {right}");
        }
    }
}

#[test]
fn the_worst_pair_is_still_a_number() {
    let mut read = Owned::new(&[b'A'; 5000], 60);
    read.gap_open.fill(60);
    read.gap_extend = 60;
    for level in Level::available() {
        let found = likelihoods(
            level,
            std::slice::from_ref(&read),
            &[vec![b'C'; 60]],
            &mut Scratch::default(),
        );
        assert!((LEAST..-560.0).contains(&found[0]), "{level}: {found:?}");
    }
}

#[test]
fn a_repeat_does_not_overflow() {
    let read = Owned::new(&[b'A'; 20], 40);
    for level in Level::available() {
        let found = likelihoods(
            level,
            std::slice::from_ref(&read),
            &[vec![b'A'; 20_000]],
            &mut Scratch::default(),
        );
        assert!((-0.2..=0.0).contains(&found[0]), "{level}: {found:?}");
    }
}

#[test]
fn either_case_is_the_same() {
    let haplotype = sequence(80, 4);
    let read = Owned::new(&haplotype[20..60], 30);
    let mut lower = read.clone();
    lower.bases.make_ascii_lowercase();
    let found = likelihoods(
        Level::detect(),
        &[read, lower],
        &[haplotype],
        &mut Scratch::default(),
    );
    assert_eq!(found[0], found[1]);
}

/// Runs with subnormal operands and results taken as zero, as a program around us may have set it.
#[cfg(target_arch = "x86_64")]
fn without_subnormals<T>(run: impl FnOnce() -> T) -> T {
    /// Flush to zero and denormals are zero.
    const FLUSH: u32 = 0x8040;
    struct Restore(u32);
    impl Drop for Restore {
        fn drop(&mut self) {
            // SAFETY: puts back the control word that was found; nothing else changes.
            unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &self.0, options(nostack)) };
        }
    }
    let mut found = 0u32;
    // SAFETY: stores the control word into a variable of its size.
    unsafe { std::arch::asm!("stmxcsr [{}]", in(reg) &mut found, options(nostack)) };
    let _restore = Restore(found);
    let set = found | FLUSH;
    // SAFETY: turns two modes on that no arithmetic of the model may notice: that is what is tested.
    unsafe { std::arch::asm!("ldmxcsr [{}]", in(reg) &set, options(nostack)) };
    run()
}

#[cfg(target_arch = "x86_64")]
#[test]
fn subnormal_numbers_never_arise() {
    let haplotypes = [sequence(500, 5), sequence(300, 6), vec![b'C'; 100]];
    let mut reads: Vec<Owned> = (1..9)
        .map(|at| Owned::new(&sequence(40 * at, at as u64), 60))
        .collect();
    for (at, read) in reads.iter_mut().enumerate() {
        read.gap_open.fill([4, 45, 60][at % 3]);
        read.gap_extend = [1, 10, 60][at % 3];
    }
    reads.push(Owned::new(&[b'A'; 700], 60));
    for level in Level::available() {
        let plain = likelihoods(level, &reads, &haplotypes, &mut Scratch::default());
        let flushed =
            without_subnormals(|| likelihoods(level, &reads, &haplotypes, &mut Scratch::default()));
        assert_eq!(plain, flushed, "{level}");
        assert!(plain.iter().any(|&value| value < -400.0));
    }
}
