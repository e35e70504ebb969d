//! Real gVCFs of other callers, when they lie beside the checkout.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use kumi_formats::fasta;
use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_formats::vcf::Record;
use kumi_formats::vcf::{Reader, Writer};
use kumi_joint::{Segment, header};
use kumi_seq::contig::Contig;
use kumi_seq::interval::Interval;

use crate::cohort;
use crate::output::tool;
use crate::store;

fn data(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is not there", path.display());
    None
}

fn gvcfs(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
    paths.retain(|path| path.to_string_lossy().ends_with(".vcf.gz"));
    paths.sort();
    paths
}

/// The alleles of a cell; none when it is not called.
fn alleles(cell: &str) -> Vec<u32> {
    let genotype = cell.split(':').next().unwrap_or_default();
    genotype
        .split('/')
        .filter_map(|allele| allele.parse().ok())
        .collect()
}

/// Writes what was genotyped with an index.
fn write(path: &Path, gvcfs: &[PathBuf], reference: &InMemory, records: &[Record]) {
    let sample = |path: &PathBuf| {
        let reader = Reader::open(path).expect("a gVCF");
        reader.header().samples()[0].clone()
    };
    let samples: Vec<String> = gvcfs.iter().map(sample).collect();
    let text = header(reference.contigs(), "test", &samples, "0");
    let file = std::fs::File::create(path).expect("created");
    let mut writer = Writer::new(file, &text, reference.contigs()).expect("header");
    for record in records {
        writer.write(record).expect("written");
    }
    let (_, index) = writer.finish().expect("finished");
    std::fs::write(path.with_extension("gz.tbi"), index).expect("written");
}

/// Segments of two batches and two regions give the same records.
fn same_from_segments(paths: &[PathBuf], reference: &InMemory, records: &[Record]) {
    let whole = reference.contigs().whole();
    let Interval { contig, start, end } = whole[0];
    let middle = start + (end - start) / 3;
    let mut segments = Vec::new();
    for (start, end) in [(start, middle), (middle, end)] {
        for batch in paths.chunks(9) {
            let region = Interval { contig, start, end };
            let bytes = store::bytes(batch, reference, region, 65_536);
            let segment = Segment::open("segment", Bytes::from(bytes));
            segments.push(segment.expect("a segment"));
        }
    }
    let found = store::from_segments(&segments, &[], reference, &whole);
    assert!(found.expect("genotyped") == cohort::lines(records));
}

/// Children of CEPH 1463 and their parents: NA12877 and NA12878 with eleven children, and the four
/// grandparents.
fn trios() -> Vec<[&'static str; 3]> {
    let mut trios = vec![
        ["NA12877", "NA12889", "NA12890"],
        ["NA12878", "NA12891", "NA12892"],
    ];
    let children = [
        "NA12879", "NA12880", "NA12881", "NA12882", "NA12883", "NA12884", "NA12885", "NA12886",
        "NA12887", "NA12888", "NA12893",
    ];
    trios.extend(children.map(|child| [child, "NA12877", "NA12878"]));
    trios
}

#[test]
fn the_pedigree_of_strelka_gvcfs_obeys_mendel() {
    let Some(folder) = data("gvcf_ceph1463") else {
        return;
    };
    let paths = gvcfs(&folder);
    let reference = InMemory::new(fasta::read(&folder.join("test2.ref.fa")).expect("a reference"))
        .expect("one contig");
    let whole = reference.contigs().whole();
    let records = cohort::genotyped(&paths, &reference, &whole).expect("genotyped");
    let column = |path: &PathBuf| {
        let reader = Reader::open(path).expect("a gVCF");
        reader.header().samples()[0].clone()
    };
    let mut samples: Vec<String> = paths.iter().map(column).collect();
    samples.sort();
    let place = |name: &str| {
        let found = samples.iter().position(|sample| sample.starts_with(name));
        found.expect("a member of the pedigree")
    };
    let (mut snvs, mut informative) = (0, 0);
    let mut violations = Vec::new();
    for line in cohort::lines(&records).lines() {
        let columns: Vec<&str> = line.split('\t').collect();
        let snv = columns[3].len() == 1 && columns[4].split(',').all(|alt| alt.len() == 1);
        snvs += usize::from(snv);
        for trio in trios() {
            let [child, father, mother] = trio.map(|name| alleles(columns[9 + place(name)]));
            if child.len() != 2 || father.len() != 2 || mother.len() != 2 {
                continue;
            }
            let variant = [&child, &father, &mother]
                .iter()
                .any(|gt| gt.iter().any(|a| *a > 0));
            informative += usize::from(variant && snv);
            let from = |a: u32, b: u32| father.contains(&a) && mother.contains(&b);
            if !from(child[0], child[1]) && !from(child[1], child[0]) && snv {
                let shown: Vec<&str> = trio.iter().map(|n| columns[9 + place(n)]).collect();
                violations.push(format!("{}: {trio:?} {shown:?}", columns[..5].join(" ")));
            }
        }
    }
    eprintln!(
        "{} records, {snvs} SNV sites, {informative} informative trios",
        records.len()
    );
    assert!(violations.is_empty(), "{}", violations.join("\n"));
    same_from_segments(&paths, &reference, &records);
    assert!(snvs >= 178, "{snvs} SNV sites");
    assert!(informative >= 2_000, "{informative} informative trios");

    let output = tempfile::tempdir().expect("a folder");
    let path = output.path().join("cohort.vcf.gz");
    write(&path, &paths, &reference, &records);
    clean(&path, &folder.join("test2.ref.fa"), &records);
}

/// `bcftools` reads it without a word and finds nothing to normalise.
fn clean(path: &Path, fasta: &Path, records: &[Record]) {
    let name = path.to_str().expect("a plain path");
    let fasta = fasta.to_str().expect("a plain path");
    if let Some(text) = tool("bcftools", &["view", "-H", name]) {
        assert_eq!(text.lines().count(), records.len());
    }
    if let Some(text) = tool(
        "bcftools",
        &["norm", "-c", "e", "-f", fasta, "--no-version", "-Ov", name],
    ) {
        let body = text.lines().filter(|line| !line.starts_with('#'));
        for (found, record) in body.zip(records) {
            let cut = |line: &str| line.split('\t').take(5).collect::<Vec<_>>().join(" ");
            let ours = std::str::from_utf8(&record.line).expect("text");
            assert_eq!(cut(found), cut(ours), "bcftools norm moves it");
        }
    }
}

#[test]
fn gatk_gvcfs_of_many_samples_go_through() {
    let Some(folder) = data("gvcf_1kg_hg38_chr22") else {
        return;
    };
    let paths = gvcfs(&folder);
    // Their part of GRCh38 is not here: the bases that the files themselves tell, N elsewhere.
    let mut bases = vec![b'N'; 50_818_468];
    for path in &paths {
        let mut reader = Reader::open(path).expect("a gVCF");
        while let Some(view) = reader.read().expect("a record") {
            let start = view.start() as usize;
            bases[start..start + view.reference().len()].copy_from_slice(view.reference());
        }
    }
    let contig = Contig::describe("chr22", &bases);
    let reference = InMemory::new(vec![(contig, bases)]).expect("one contig");
    let whole = reference.contigs().whole();
    let records = cohort::genotyped(&paths, &reference, &whole).expect("genotyped");
    // Nobody may be a called carrier, when it is certain that there is one and in doubt how many copies each has.
    let carried = |line: &str| {
        let mut cells = line.split('\t').skip(9);
        cells.any(|cell| alleles(cell).iter().any(|a| *a > 0) || cell.ends_with(":LowGQ"))
    };
    let text = cohort::lines(&records);
    eprintln!("{} records of {} gVCFs", records.len(), paths.len());
    same_from_segments(&paths, &reference, &records);
    assert!(records.len() > 100, "{} records", records.len());
    assert!(text.lines().all(carried));
    let output = tempfile::tempdir().expect("a folder");
    let path = output.path().join("cohort.vcf.gz");
    write(&path, &paths, &reference, &records);
    if let Some(text) = tool(
        "bcftools",
        &["view", "-H", path.to_str().expect("a plain path")],
    ) {
        assert_eq!(text.lines().count(), records.len());
    }
}
