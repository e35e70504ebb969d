//! An index holds what it was built from, and nothing else is taken for one.

use std::ops::ControlFlow;

use kumi_seq::base;
use kumi_seq::contig::{Contig, ContigId};
use kumi_seq::interval::Interval;
use proptest::prelude::*;

use crate::build;
use crate::minimizer::{K, minimizers};
use crate::open::{Index, OpenError};

/// Bases from a multiplicative generator, with a run of N every now and then.
fn bases(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    (0..length)
        .map(|at| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            if at % 997 < 13 {
                b'N'
            } else {
                base::ASCII[(state >> 62) as usize]
            }
        })
        .collect()
}

fn reference() -> Vec<(Contig, Vec<u8>)> {
    [("c1", 5000), ("tiny", 7), ("c2", 3001)]
        .into_iter()
        .map(|(name, length)| {
            let bases = bases(length as u64, length);
            (Contig::describe(name, &bases), bases)
        })
        .collect()
}

fn built() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("r.kidx");
    build(&reference(), "r.fa", &path, &|_| ControlFlow::Continue(())).expect("built");
    (dir, path)
}

#[test]
fn bases_and_seeds_come_back() {
    let (_dir, path) = built();
    let index = Index::open(&path).expect("opened");
    index.verify().expect("whole");
    assert_eq!(index.name(), "r.fa");
    let view = index.view();
    for (id, (contig, bases)) in (0..).map(ContigId).zip(reference()) {
        assert_eq!(index.contigs().get(id), Some(&contig));
        for (start, end) in [
            (0, contig.length),
            (3, contig.length),
            (contig.length / 2, contig.length / 2 + 1),
        ] {
            let mut found = Vec::new();
            view.bases(
                Interval {
                    contig: id,
                    start,
                    end,
                },
                &mut found,
            );
            assert_eq!(found, &bases[start as usize..end as usize]);
        }
        minimizers(bases.iter().map(|&b| base::code(b)), |m| {
            let place = view.offset(id) + u64::from(m.position);
            assert!(
                view.hits(m.hash)
                    .any(|hit| hit.position == place && hit.reverse == m.reverse)
            );
            assert_eq!(view.locate(place), (id, u64::from(m.position)));
        });
    }
}

#[test]
fn threads_do_not_change_a_byte() {
    let bytes = |threads| {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("r.kidx");
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| build(&reference(), "r.fa", &path, &|_| ControlFlow::Continue(())))
            .expect("built");
        std::fs::read(path).expect("read")
    };
    assert_eq!(bytes(1), bytes(4));
}

#[test]
fn a_strand_has_the_seeds_of_the_other() {
    let forward = bases(5, 900);
    let backward = base::reverse_complement(&forward);
    let seeds = |bases: &[u8]| {
        let mut all = Vec::new();
        minimizers(bases.iter().map(|&b| base::code(b)), |m| {
            all.push((m.hash, m.position, m.reverse))
        });
        all
    };
    let mut mirrored: Vec<_> = seeds(&backward)
        .into_iter()
        .map(|(hash, position, reverse)| (hash, (900 - K) as u32 - position, !reverse))
        .collect();
    mirrored.reverse();
    assert_eq!(seeds(&forward), mirrored);
    assert!(mirrored.len() > 200, "{}", mirrored.len());
}

#[test]
fn packed_bases_and_windows_agree_with_the_plain_ones() {
    let (_dir, path) = built();
    let index = Index::open(&path).expect("opened");
    let view = index.view();
    let all: Vec<u8> = reference()
        .iter()
        .flat_map(|(_, bases)| bases.iter().map(|&b| base::code(b)))
        .collect();
    for start in (0..all.len()).step_by(61).chain(all.len() - 70..all.len()) {
        let mut words = [u64::MAX; 3];
        view.packed(start as u64, &mut words);
        let found = (0..96).map(|at| (words[at / 32] >> (2 * (at % 32))) as u8 & 3);
        let expected = (0..96).map(|at| all.get(start + at).map_or(0, |&code| code & 3));
        assert!(found.eq(expected), "{start}");
        let end = (start + 20).min(all.len());
        let ambiguous = all[start..end].contains(&base::N);
        assert_eq!(view.is_ambiguous(start as u64, end as u64), ambiguous);
    }
    let read = &all[20..20 + 150];
    let pack = |codes: &[u8]| {
        let mut words = vec![0u64; codes.len() / 32 + 2];
        for (at, &code) in codes.iter().enumerate() {
            words[at / 32] |= u64::from(code) << (2 * (at % 32));
        }
        words
    };
    let other: Vec<u8> = read.iter().rev().map(|&code| 3 - code).collect();
    for position in 0..=read.len() - K - crate::minimizer::W + 1 {
        let window = &read[position..position + K + crate::minimizer::W - 1];
        let mut expected = Vec::new();
        minimizers(window.iter().copied(), |m| expected.push(m));
        let found =
            crate::minimizer::of_window(&pack(read), &pack(&other), 150, position).map(|m| {
                crate::minimizer::Minimizer {
                    position: m.position - position as u32,
                    ..m
                }
            });
        assert_eq!(found, expected.first().copied(), "{position}");
    }
}

#[test]
fn what_is_no_index_is_told_apart() {
    let (dir, path) = built();
    let bytes = std::fs::read(&path).expect("read");
    let open = |bytes: &[u8]| {
        let path = dir.path().join("x.kidx");
        std::fs::write(&path, bytes).expect("written");
        Index::open(&path)
    };
    assert!(matches!(open(b"hello"), Err(OpenError::Foreign { .. })));
    assert!(matches!(
        open(&bytes[..100]),
        Err(OpenError::Damaged { .. })
    ));
    assert!(matches!(
        open(&bytes[..bytes.len() - 1]),
        Err(OpenError::Damaged { .. })
    ));
    let mut newer = bytes.clone();
    newer[8] = 9;
    assert!(matches!(
        open(&newer),
        Err(OpenError::Version { found: 9, .. })
    ));
    let mut flipped = bytes.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    assert!(matches!(
        open(&flipped).and_then(|index| index.verify()),
        Err(OpenError::Damaged { .. })
    ));
}

proptest! {
    #[test]
    fn damage_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let (_dir, path) = built();
        let mut bytes = std::fs::read(&path).expect("read");
        let at = at.index(bytes.len());
        bytes[at] = byte;
        std::fs::write(&path, &bytes).expect("written");
        if let Ok(index) = Index::open(&path) {
            let _ = index.verify();
            let view = index.view();
            (0..1000u64).for_each(|hash| { let _ = view.hits(hash * 274_877_906).count(); });
        }
    }
}

/// The table of seeds is the last section; empty, it began behind the end of the file, and the index was
/// refused as damaged.
#[test]
fn a_reference_too_short_for_a_seed_is_indexed_too() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("r.kidx");
    let contig = (Contig::describe("c", b"ACGTTGCA"), b"ACGTTGCA".to_vec());
    build(&[contig], "r.fa", &path, &|_| ControlFlow::Continue(())).expect("built");
    let index = Index::open(&path).expect("opened");
    index.verify().expect("whole");
    assert_eq!(index.contigs().total_length(), 8);
}

/// Looks everything up.
fn everything(index: &Index) -> (Vec<u8>, Vec<(ContigId, u64)>) {
    let view = index.view();
    let (mut bases, mut hits) = (Vec::new(), Vec::new());
    for interval in index.contigs().whole() {
        view.bases(interval, &mut bases);
    }
    for hash in 0..2_000u64 {
        let hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - crate::minimizer::HASH_BITS);
        hits.extend(view.hits(hash).map(|hit| view.locate(hit.position)));
    }
    (bases, hits)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Damage is found when every byte is looked at, and stops nobody who does not look.
    #[test]
    fn a_damaged_index_is_an_error_or_the_same(
        flips in proptest::collection::vec((0usize..1_000_000, any::<u8>()), 0..4),
        head in any::<bool>(),
        cut in proptest::option::of(0usize..1_000_000),
    ) {
        let (dir, path) = built();
        let mut bytes = std::fs::read(&path).expect("read");
        let original = everything(&Index::open(&path).expect("whole"));
        for (at, byte) in flips {
            let reach = if head { 700 } else { bytes.len() };
            bytes[at % reach] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut * bytes.len() / 1_000_000);
        }
        let damaged = dir.path().join("d.kidx");
        std::fs::write(&damaged, &bytes).expect("written");
        if let Ok(index) = Index::open(&damaged) {
            let found = everything(&index);
            let seen = index.verify_bases().is_ok();
            prop_assert!(!seen || found.0 == original.0);
            prop_assert!(index.verify().is_err() || found == original);
        }
    }
}
