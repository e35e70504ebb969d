use crate::bench_call::tracts;
use crate::bench_call::variants::{Change, haplotype, plan, variant};
use crate::random::Random;

#[test]
fn changes_of_a_repeat_are_written_from_its_left() {
    let bases = b"GCACACACTT";
    let lose = Change {
        start: 4,
        end: 6,
        bases: Vec::new(),
    };
    let gain = Change {
        start: 5,
        end: 5,
        bases: b"CACA".to_vec(),
    };
    let both = variant(bases, &[lose, gain], [1, 2]);
    assert_eq!(
        (both.start, both.reference.as_slice()),
        (0, b"GCA".as_slice())
    );
    assert_eq!(both.alleles, [b"G".to_vec(), b"GCACACA".to_vec()]);
    let first = haplotype(bases, std::slice::from_ref(&both), 0, (0, 10));
    assert_eq!(first, b"GCACACTT");
    assert_eq!(haplotype(bases, &[both], 1, (0, 10)), b"GCACACACACACTT");
}

#[test]
fn an_individual_is_the_same_every_time_and_varies_as_often_as_it_should() {
    let mut random = Random::new(9, 9);
    let mut bases: Vec<u8> = Vec::new();
    while bases.len() < 1_600_000 {
        bases.extend((0..200).map(|_| b"ACGT"[random.below(4)]));
        bases.extend(b"CA".repeat(random.geometric(0.9)));
        bases.extend(b"T".repeat(random.geometric(0.9)));
    }
    let tracts = tracts::find(&bases);
    let one = || plan(&bases, &tracts, (1_000, 1_599_000), &mut Random::new(1, 1));
    let variants = one();
    assert_eq!(variants, one());
    assert!(
        variants
            .windows(2)
            .all(|pair| pair[0].end() <= pair[1].start)
    );
    let indels = variants
        .iter()
        .filter(|v| v.alleles.iter().any(|a| a.len() != v.reference.len()));
    let indels = indels.count();
    assert!((170..250).contains(&indels), "{indels}");
    let snvs = variants.len() - indels;
    assert!((1_450..1_700).contains(&snvs), "{snvs}");
    let two = variants.iter().filter(|v| v.alleles.len() == 2).count();
    assert!((2..25).contains(&two), "{two}");
}
