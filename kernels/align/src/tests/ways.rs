//! The short way and the long way.

use kumi_index::Index;
use kumi_seq::base;
use kumi_simd::level::Level;

use super::{reference, segment};
use crate::Params;
use crate::hard::Hard;
use crate::insert_size::InsertSizes;
use crate::probe::Probe;
use crate::read::Read;
use crate::setting::Setting;

/// What the short way takes is what the long way finds: the same places and operations for both mates, also beside
/// the repeat.
#[test]
fn easy_pairs_are_placed_as_hard_ones() {
    let reference = reference();
    let index = Index::open(&reference.path).expect("opened");
    let setting = Setting {
        view: index.view(),
        params: &Params::default(),
        level: Level::detect(),
    };
    let expected = InsertSizes::default().of(0);
    let mut state = 99u64;
    let mut below = |n: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(99);
        (state >> 33) as usize % n
    };
    let mut taken = 0;
    for _ in 0..400 {
        let (start, size) = (below(19_300), 300 + below(200));
        let fragment = &reference.bases[start..start + size];
        let mut mates = [
            fragment[..150].to_vec(),
            base::reverse_complement(fragment)[..150].to_vec(),
        ];
        for mate in &mut mates {
            for _ in 0..below(4) {
                mate[below(150)] = b"ACGT"[below(4)];
            }
            if below(5) == 0 {
                let at = 20 + below(110);
                mate.splice(at..at + 2, []);
            }
        }
        let reads = mates.map(|bases| {
            let mut read = Read::default();
            read.set(&segment(&bases));
            read
        });
        let probes = [&reads[0], &reads[1]].map(|read| {
            let mut probe = Probe::default();
            probe.choose(setting.view, read);
            probe.open(setting.view);
            probe.gather(setting.view, read);
            probe.compare(setting.view, setting.level, read);
            probe
        });
        let (mut easy_found, mut hard_found): ([Vec<_>; 2], [Vec<_>; 2]) = Default::default();
        let mut hard = Hard::default();
        let sure = [0, 1].map(|side| {
            let found = &mut easy_found[side];
            let (read, probe) = (&reads[side], &probes[side]);
            crate::easy::is_sure(setting, read, probe, &mut hard.extension, found)
        });
        let easy = crate::easy::pair(setting, &expected, &reads, &probes, &easy_found);
        let (Some(easy), [true, true]) = (easy, sure) else {
            continue;
        };
        taken += 1;
        let found = crate::hard::align(
            setting,
            &expected,
            &reads,
            [None; 2],
            &mut hard,
            &mut hard_found,
        );
        let found = found.expect("a pair");
        for side in 0..2 {
            let (easy, hard) = (
                &easy_found[side][easy.chosen[side]],
                &hard_found[side][found.chosen[side]],
            );
            assert_eq!(easy, hard, "{start} {size}");
        }
    }
    assert!(taken > 250, "{taken}");
}
