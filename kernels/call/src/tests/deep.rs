//! What records say of piles that are too deep.

use super::{Random, bases, case, other, reads_over, run, whole};
use crate::params::Params;

#[test]
fn a_site_of_a_thinned_pile_says_so() {
    let sequence = bases(&mut Random(5), 400);
    let reads = |number| {
        reads_over(&sequence, number, |n, at, read| {
            if n % 4 < 2 {
                read.2[at] = other(read.2[at]);
            }
        })
    };
    let info = |number| {
        let case = case(&sequence, reads(number));
        let records = run(&case, 2, &whole(&case), &Params::default());
        let lines = records
            .iter()
            .map(|record| String::from_utf8_lossy(&record.line).into_owned());
        let sites: Vec<String> = lines
            .filter(|line| !line.contains("\t<NON_REF>\t"))
            .collect();
        let fields: Vec<Vec<&str>> = sites
            .iter()
            .map(|line| line.split('\t').collect())
            .collect();
        fields
            .iter()
            .map(|fields| format!("{} {}", fields[6], fields[7]))
            .collect::<Vec<_>>()
    };
    assert_eq!(info(60), ["PASS ."]);
    assert_eq!(info(900), ["PASS DS"]);
}
