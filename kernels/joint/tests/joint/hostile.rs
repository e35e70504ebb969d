//! gVCFs with cells that nobody should write: an error that names file and line, or a cohort; never a panic.

use std::path::PathBuf;

use kumi_formats::reference::InMemory;
use kumi_formats::vcf::Record;
use kumi_joint::{Params, joint_all};
use kumi_seq::contig::Contig;
use kumi_seq::interval::Interval;
use proptest::prelude::*;

const BASES: usize = 600;

fn reference() -> InMemory {
    let bases: Vec<u8> = (0..BASES)
        .map(|at| b"ACGT"[(at * at / 3 + at) % 4])
        .collect();
    InMemory::new(vec![(Contig::describe("c", &bases), bases)]).expect("one name")
}

fn base(at: usize) -> char {
    char::from(b"ACGT"[(at * at / 3 + at) % 4])
}

fn other(at: usize) -> char {
    if base(at) == 'A' { 'C' } else { 'A' }
}

/// Reference blocks with a variant, an insertion or a deletion every now and then.
fn gvcf(sample: &str, shift: usize) -> Vec<String> {
    let mut lines: Vec<String> = ["##fileformat=VCFv4.2", "##contig=<ID=c,length=600>"]
        .map(String::from)
        .into();
    lines.push(format!(
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}"
    ));
    let mut at = 0;
    while at + 40 < BASES {
        let (one, end) = (base(at), at + 20 + shift);
        lines.push(format!("c\t{}\t.\t{one}\t<NON_REF>\t.\t.\tEND={end}\tGT:DP:GQ:MIN_DP:PL\t0/0:30:60:28:0,60,900", at + 1));
        let reference: String = (end..end + 3).map(base).collect();
        let (reference, alternative) = match at / 20 % 3 {
            0 => (reference[..1].to_owned(), other(end).to_string()),
            1 => (reference.clone(), reference[..1].to_owned()),
            _ => (reference[..1].to_owned(), format!("{}TTG", base(end))),
        };
        lines.push(format!(
            "c\t{}\t.\t{reference}\t{alternative},<NON_REF>\t500\t.\tDP=30\tGT:AD:DP:GQ:PL\t0/1:15,15,0:30:99:500,0,500,545,545,1090",
            end + 1
        ));
        at = end + reference.len();
    }
    lines
}

const CELLS: [&str; 26] = [
    "",
    ".",
    "-1",
    "0",
    "1",
    "3",
    "255",
    "1431655766",
    "2147483647",
    "4294967296",
    "99999999999999999999",
    "1e400",
    "NaN",
    "-inf",
    "0/9",
    "9",
    "./.",
    "1/1/1",
    "0|1",
    "*",
    "<NON_REF>",
    "<DEL>",
    "ACGTN",
    "END=0",
    "END=4294967295",
    "\u{fffd}",
];

/// Replaces the cell of this number, cut at tabs, colons and commas.
fn replace(line: &str, number: usize, with: &str) -> String {
    let is_end = |c: char| matches!(c, '\t' | ':' | ',' | ';' | '/');
    let cells = line.split_inclusive(is_end).collect::<Vec<_>>();
    let number = number % cells.len();
    let cell = cells[number];
    let end = cell.chars().last().filter(|&c| is_end(c)).map(String::from);
    let changed = format!("{with}{}", end.unwrap_or_default());
    let before = cells[..number].concat();
    format!("{before}{changed}{}", cells[number + 1..].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_cell_makes_it_panic(
        changes in proptest::collection::vec((0usize..1_000, 0usize..1_000, 0usize..CELLS.len()), 1..4),
        start in 0u32..300,
        ploidy in 1usize..3,
    ) {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut lines = gvcf("a", 0);
        if ploidy == 1 {
            for line in &mut lines {
                *line = line.replace("\t0/0:", "\t0:").replace("\t0/1:", "\t1:");
                *line = line.replace(":0,60,900", ":0,60").replace(":500,0,500,545,545,1090", ":500,0,545");
            }
        }
        for (line, cell, with) in changes {
            let line = line % lines.len();
            lines[line] = replace(&lines[line], cell, CELLS[with]);
        }
        let files = [("a", lines), ("b", gvcf("b", 3))];
        let paths: Vec<PathBuf> = files.iter().map(|(name, lines)| {
            let path = dir.path().join(format!("{name}.g.vcf"));
            std::fs::write(&path, lines.join("\n") + "\n").expect("written");
            path
        }).collect();
        let reference = reference();
        let contig = kumi_seq::contig::ContigId(0);
        let regions = [Interval { contig, start, end: BASES as u32 }];
        let sink = |_: Vec<Record>| Ok::<_, std::convert::Infallible>(());
        let alone = joint_all(&paths[1..], &reference, &regions, &Params::default(), sink);
        prop_assert!(alone.is_ok_and(|stats| stats.records > 5), "the other file is good");
        if let Err(error) = joint_all(&paths, &reference, &regions, &Params::default(), sink) {
            let mut told = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                told.push_str(&cause.to_string());
                source = cause.source();
            }
            prop_assert!(told.contains("a.g.vcf"), "{}", told);
        }
    }
}
