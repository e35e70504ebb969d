//! Small cohorts made on the spot.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_formats::vcf::{Record, RecordView, Writer};
use kumi_joint::{JointError, Params, joint_all};
use kumi_seq::contig::Contig;
use kumi_seq::interval::Interval;

/// A reference of named sequences.
pub(crate) fn reference(sequences: &BTreeMap<String, String>) -> InMemory {
    let of = |(name, bases): (&String, &String)| {
        let bases = bases.replace(char::is_whitespace, "").into_bytes();
        (Contig::describe(name, &bases), bases)
    };
    InMemory::new(sequences.iter().map(of).collect()).expect("names are unique")
}

/// The text of a gVCF from lines `CHROM POS REF ALT FILTER INFO FORMAT CELL`, separated by spaces.
pub(crate) fn gvcf(reference: &InMemory, sample: &str, lines: &str) -> String {
    let mut text = String::from("##fileformat=VCFv4.2\n");
    for (_, contig) in reference.contigs().iter() {
        let _ = writeln!(
            text,
            "##contig=<ID={},length={}>",
            contig.name, contig.length
        );
    }
    let _ = writeln!(
        text,
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}"
    );
    for line in lines.lines().filter(|line| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split_whitespace().collect();
        let [contig, pos, reference, alternative, rest @ ..] = cells.as_slice() else {
            panic!("too few columns: {line}");
        };
        let rest = rest.join("\t");
        let _ = writeln!(
            text,
            "{contig}\t{pos}\t.\t{reference}\t{alternative}\t.\t{rest}"
        );
    }
    text
}

/// Writes a gVCF as it is: text without an index.
pub(crate) fn plain(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(format!("{name}.g.vcf"));
    std::fs::write(&path, text).expect("written");
    path
}

/// Writes a gVCF as BGZF with an index.
pub(crate) fn indexed(folder: &Path, name: &str, text: &str, reference: &InMemory) -> PathBuf {
    let path = folder.join(format!("{name}.g.vcf.gz"));
    let (header, records): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with('#'));
    let file = std::fs::File::create(&path).expect("created");
    let header = header.join("\n");
    let mut writer = Writer::new(file, &header, reference.contigs()).expect("header");
    for line in records {
        let view = RecordView::parse(line.as_bytes(), 1).expect("a record");
        let contig = std::str::from_utf8(view.contig()).expect("a name");
        let contig = reference.contigs().id(contig).expect("a contig");
        let end = view.end().expect("an end");
        let record = Record {
            contig,
            start: view.start(),
            end,
            line: line.into(),
        };
        writer.write(&record).expect("written");
    }
    let (_, index) = writer.finish().expect("finished");
    std::fs::write(folder.join(format!("{name}.g.vcf.gz.tbi")), index).expect("written");
    path
}

/// All records, or the error with its causes.
pub(crate) fn genotyped(
    gvcfs: &[PathBuf],
    reference: &InMemory,
    regions: &[Interval],
) -> Result<Vec<Record>, String> {
    let mut all = Vec::new();
    let sink = |mut records: Vec<Record>| {
        all.append(&mut records);
        Ok::<(), std::io::Error>(())
    };
    let done = joint_all(gvcfs, reference, regions, &Params::default(), sink);
    done.map_err(|error: JointError<std::io::Error>| {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let _ = write!(text, ": {cause}");
            source = cause.source();
        }
        text
    })?;
    Ok(all)
}

/// Text with a line for every record.
pub(crate) fn lines(records: &[Record]) -> String {
    let mut text = String::new();
    for record in records {
        text.push_str(std::str::from_utf8(&record.line).expect("text"));
        text.push('\n');
    }
    text
}
