//! Sheets in, samples or findings out.

use std::path::Path;

use kumi_proto::v1::Sex;

use crate::problem::Problems;
use crate::sheet::{Input, group, read};

fn findings(text: &str) -> Vec<String> {
    let mut problems = Problems::default();
    let entries = read(Path::new("dir/s.csv"), text, &mut problems);
    group(entries, &mut problems);
    problems.sorted().iter().map(ToString::to_string).collect()
}

#[test]
fn sarek_sheet_unchanged() {
    let text = "patient,sex,status,sample,lane,fastq_1,fastq_2\n\
                P1,XX,0,S1,L1,a_1.fq.gz,a_2.fq.gz\n\
                P1,XX,0,S1,L2,b_1.fq.gz,b_2.fq.gz\n\
                P2,NA,1,S2,L1,/abs/c.fq,\n";
    let mut problems = Problems::default();
    let samples = group(
        read(Path::new("dir/s.csv"), text, &mut problems),
        &mut problems,
    );
    assert!(problems.finish(None).is_ok());
    assert_eq!(samples.len(), 2);
    assert_eq!((samples[0].inputs.len(), samples[0].sex), (2, Sex::Xx));
    assert_eq!(
        samples[0].inputs[1].input,
        Input::Fastq("dir/b_1.fq.gz".into(), Some("dir/b_2.fq.gz".into()))
    );
    assert_eq!(
        samples[1].inputs[0].input,
        Input::Fastq("/abs/c.fq".into(), None)
    );
    assert!(samples[1].tumour);
}

#[test]
fn dragen_list_and_gatk_map() {
    let mut problems = Problems::default();
    let dragen = "RGID,RGSM,RGLB,Lane,Read1File,Read2File\nG1,S1,LIB,1,a.fq,b.fq\n";
    let samples = group(
        read(Path::new("fastq_list.csv"), dragen, &mut problems),
        &mut problems,
    );
    assert_eq!(
        (
            samples[0].inputs[0].id.as_str(),
            samples[0].inputs[0].library.as_str()
        ),
        ("G1", "LIB")
    );
    let map = "S1\tx.g.vcf.gz\nS2\ty.g.vcf.gz\n";
    let samples = group(
        read(Path::new("map.tsv"), map, &mut problems),
        &mut problems,
    );
    assert_eq!(samples[1].inputs[0].input, Input::Gvcf("y.g.vcf.gz".into()));
    assert!(problems.finish(None).is_ok());
}

/// Each case: a sheet and the beginning of every finding, in order.
#[test]
fn findings_name_line_column_and_sample() {
    let cases: &[(&str, &[&str])] = &[
        (
            "lane,fastq_1\nL1,a\n",
            &["dir/s.csv:1: column sample: the sheet has no column sample"],
        ),
        (
            "sample,colour,fastq_1\nS,red,a\n",
            &["dir/s.csv:1: column colour: unknown column"],
        ),
        (
            "sample,sex,status,fastq_1\nS,male,2,a\n",
            &[
                "dir/s.csv:2: column sex: sample S: `male` is not",
                "dir/s.csv:2: column status: sample S: `2` is not",
            ],
        ),
        (
            "sample,fastq_1,bam\nS,a,b\nT,,\n",
            &[
                "dir/s.csv:2: column fastq_1: sample S: more than one",
                "dir/s.csv:3: column fastq_1: sample T: no input",
            ],
        ),
        (
            "sample,lane,fastq_1\nS,1,a\nS,1,b\n",
            &["dir/s.csv:3: column lane: sample S: lane 1"],
        ),
        (
            "sample,lane,sex,fastq_1\nS,1,XX,a\nS,2,XY,b\n",
            &["dir/s.csv:3: column sex: sample S: differs from line 2"],
        ),
        (
            "sample,fastq_1\n../evil,a\n",
            &["dir/s.csv:2: column sample: sample ../evil: `../evil` is not a usable name"],
        ),
        (
            "sample,fastq_1\nS\n",
            &["dir/s.csv:2: 1 cells where the header has 2"],
        ),
        ("sample,fastq_1\n", &["dir/s.csv: the sheet has no samples"]),
    ];
    for (sheet, expected) in cases {
        let found = findings(sheet);
        assert_eq!(found.len(), expected.len(), "{sheet}\n{found:?}");
        for (found, expected) in found.iter().zip(*expected) {
            assert!(
                found.starts_with(expected),
                "{sheet}\nfound    {found}\nexpected {expected}"
            );
        }
    }
}

/// Sheets come out of spreadsheets: a byte-order mark, Windows line ends, quotes, rows that were emptied.
#[test]
fn what_spreadsheets_leave_is_read() {
    let text = "\u{feff}patient,sample,lane,fastq_1\r\n\r\n\"P, 1\",S1,L1,\"a b.fq\"\r\n,,,\r\n# a comment\r\n\r\nP2,\"S2\",,c.fq\r\n";
    let mut problems = Problems::default();
    let entries = read(Path::new("dir/s.csv"), text, &mut problems);
    let samples = group(entries, &mut problems);
    assert!(problems.is_empty(), "{:?}", problems.sorted());
    let shown: Vec<_> = samples
        .iter()
        .map(|s| (s.patient.as_str(), s.name.as_str(), s.place.line))
        .collect();
    assert_eq!(shown, [("P, 1", "S1", 3), ("P2", "S2", 7)]);
    let first = Input::Fastq("dir/a b.fq".into(), None);
    assert_eq!(samples[0].inputs[0].input, first);

    let mut problems = Problems::default();
    let map = "\u{feff}S1\tx.g.vcf.gz\r\n\r\nS2\ty.g.vcf.gz\r\n";
    let entries = read(Path::new("map.tsv"), map, &mut problems);
    let samples = group(entries, &mut problems);
    assert!(problems.is_empty(), "{:?}", problems.sorted());
    assert_eq!(samples[0].name, "S1");
    assert_eq!(samples[1].inputs[0].input, Input::Gvcf("y.g.vcf.gz".into()));
}
