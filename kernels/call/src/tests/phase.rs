//! Phase sets in records.

use super::{Random, bases, case, other, reads_over, run, whole};
use crate::params::Params;

/// FORMAT and sample column, by name, of the fields of phase.
fn phases(every: [usize; 2], offset: usize) -> Vec<String> {
    let sequence = bases(&mut Random(5), 400);
    let reads = reads_over(&sequence, 30, |n, at, read| {
        for (k, place) in [at - 15, at].into_iter().enumerate() {
            if (n + k * offset).is_multiple_of(every[k]) {
                read.2[place] = other(read.2[place]);
            }
        }
    });
    let case = case(&sequence, reads);
    let records = run(&case, 2, &whole(&case), &Params::default());
    let lines = records
        .iter()
        .map(|record| String::from_utf8_lossy(&record.line).into_owned());
    let variants = lines.filter(|line| !line.contains("\t<NON_REF>\t"));
    let shown = |line: String| {
        let fields: Vec<&str> = line.split('\t').collect();
        let values = fields[8].split(':').zip(fields[9].split(':'));
        let of_phase = values.filter(|(name, _)| ["GT", "PGT", "PID", "PS"].contains(name));
        let shown: Vec<String> = of_phase
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        shown.join(" ")
    };
    variants.map(shown).collect()
}

#[test]
fn two_substitutions_of_the_same_reads_are_on_one_copy() {
    let shown = phases([2, 2], 0);
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown[0].starts_with("GT=0|1 PGT=0|1 PID=166_"), "{shown:?}");
    assert!(shown[0].ends_with(" PS=166"), "{shown:?}");
    assert_eq!(shown[0], shown[1]);
}

#[test]
fn two_substitutions_of_different_reads_are_on_two() {
    let shown = phases([2, 2], 1);
    assert!(shown[0].starts_with("GT=0|1 PGT=0|1 "), "{shown:?}");
    assert!(shown[1].starts_with("GT=1|0 PGT=1|0 "), "{shown:?}");
}

#[test]
fn beside_two_equal_copies_there_is_nothing_to_phase() {
    assert_eq!(phases([2, 1], 0), ["GT=0/1", "GT=1/1"]);
}
