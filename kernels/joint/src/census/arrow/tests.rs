//! Censuses that are written well and mean nothing.

use bytes::Bytes;

use crate::census::{AlleleCounts, Census, CensusHeader, Step};

/// Added and taken away again, such a row would be gone, and the census another one.
#[test]
fn rows_that_count_nothing_are_refused() {
    let header = CensusHeader {
        contig: "c".to_owned(),
        contig_length: 9,
        contig_m5: String::new(),
        start: 0,
        end: 9,
        allele_quality_min: 10,
    };
    let mut census = Census::new(header);
    census.samples = 2;
    let written = |census: &Census| Bytes::from(census.write(Vec::new()).expect("written"));
    let is_read = |census: &Census| Census::read("c", written(census)).is_ok();
    assert!(is_read(&census));
    for (copies, good) in [(3, true), (5, false), (0, false)] {
        census.steps.insert(4, Step { samples: 2, copies });
        assert_eq!(is_read(&census), good, "{copies} copies in two samples");
    }
    census.steps.insert(4, Step::default());
    assert!(!is_read(&census));
    census.steps.clear();
    census.alleles.insert(
        super::CensusAllele {
            position: 3,
            reference: "A".to_owned(),
            alternative: "C".to_owned(),
        },
        AlleleCounts::default(),
    );
    assert!(!is_read(&census));
}
