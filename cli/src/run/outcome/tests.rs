//! The table for people and the verdict.

use std::collections::BTreeMap;
use std::time::Duration;

use kumi_proto::v1;

use crate::paint::Paint;
use crate::run::outcome::Outcome;

fn manifest(directory: &str, name: &str, counts: &[(&str, u64)]) -> Option<v1::Manifest> {
    let counts: BTreeMap<String, u64> = counts
        .iter()
        .map(|(name, number)| ((*name).to_owned(), *number))
        .collect();
    Some(v1::Manifest {
        directory: directory.to_owned(),
        files: vec![v1::File {
            name: name.to_owned(),
            size: 1,
            sha256: String::new(),
        }],
        counts,
        ..Default::default()
    })
}

/// A cohort of two samples, the second of which was set aside.
fn outcome() -> Outcome {
    let alignment = [
        ("reads", 2000),
        ("mapped", 1990),
        ("duplicates", 40),
        ("depth_milli", 28_300),
    ];
    let called = [("variants", 58), ("transitions", 40), ("transversions", 18)];
    let samples = vec![
        v1::SampleStatus {
            name: "NA12878".to_owned(),
            state: "done".to_owned(),
            alignment: manifest("p/samples/NA12878/1", "NA12878.cram", &alignment),
            gvcf: manifest("p/samples/NA12878/1", "NA12878.g.vcf.gz", &called),
            ..Default::default()
        },
        v1::SampleStatus {
            name: "BAD".to_owned(),
            state: "quarantined".to_owned(),
            reason: "bad.fq:9: a record ends early".to_owned(),
            ..Default::default()
        },
    ];
    Outcome {
        detail: v1::CohortDetail {
            summary: Some(v1::CohortSummary {
                name: "trio".to_owned(),
                state: v1::CohortState::CompletedWithFailures.into(),
                samples: 2,
                samples_quarantined: 1,
                ..Default::default()
            }),
            samples,
            release: manifest("p/cohorts/trio/releases/1", "trio.vcf.gz", &called),
            root: "/data/out".to_owned(),
            reference: None,
            store: Vec::new(),
        },
        computed: 7,
        existed: false,
        present: 0,
        gone: Vec::new(),
        elapsed: Duration::from_millis(4200),
    }
}

#[test]
fn the_table_says_what_was_found_and_where_it_is() {
    let text = outcome().render(Paint::plain());
    let expected = "
trio completed with failures

  sample   state        reads  mapped  duplicates  depth  variants  Ti/Tv
  NA12878  done         2,000  99.5 %       2.0 %  28.3x        58   2.22
  BAD      quarantined      -       -           -      -         -      -

  quarantined BAD: bad.fq:9: a record ends early

  cohort  1 sample, 58 variants, Ti/Tv 2.22
  time    4.2 s, 7 tasks
  files   /data/out
            p/cohorts/trio/releases/1/trio.vcf.gz
            p/samples/NA12878/1/
";
    assert_eq!(text, expected);
}

#[test]
fn a_cohort_with_failures_ends_with_1() {
    let mut outcome = outcome();
    let exit = outcome.verdict().expect_err("a sample was set aside");
    assert_eq!(exit.code as u8, 1);
    assert!(exit.message.starts_with("1 of 2 samples"), "{exit}");
    if let Some(summary) = &mut outcome.detail.summary {
        summary.state = v1::CohortState::Completed.into();
    }
    assert!(outcome.verdict().is_ok());
}

#[test]
fn a_run_that_computed_nothing_says_so() {
    let mut outcome = outcome();
    outcome.computed = 0;
    outcome.present = 23;
    let text = outcome.render(Paint::plain());
    assert!(text.contains("nothing to do"), "{text}");
    assert!(text.contains("23 files"), "{text}");
    outcome.gone = vec!["p/x.cram".to_owned()];
    outcome.computed = 1;
    assert!(
        outcome
            .render(Paint::plain())
            .contains("made again: p/x.cram")
    );
}
