//! The data sets, what is measured on each, and the least it must be.

use std::path::PathBuf;

use anyhow::{bail, ensure};

use crate::accuracy::Row;
use crate::accuracy::assembly::substitutions;
use crate::accuracy::concordance::{Concordance, concordance};
use crate::accuracy::genotypes::{Fractions, inheritance, majority, records};
use crate::accuracy::kernels::{Kernels, Reference};
use crate::accuracy::score::Score;

/// A measurement of one data set.
type Measure = fn(&Kernels) -> anyhow::Result<Vec<Row>>;

/// All data sets by name.
pub(super) const SETS: [(&str, Measure); 6] = [
    ("trio", trio),
    ("na12878", na12878),
    ("tiny", tiny),
    ("cohort", cohort),
    ("ebola", ebola),
    ("chrM", mitochondrion),
];

const SLICE: &str = "ref/b37.20_9995001_11095000.fa";
const TRUTH: &str = "na12878_50x/HG001_v3.3.2.slice.vcf.gz";
const OFFICIAL: &str = "na12878_50x/HG001_official_confident_subset.slice.bed";
const PROXY: &str = "na12878_50x/proxy_confident_from_HG002.slice.bed";

/// Where the trio has reads: bases of the slice, 0-based, the end excluded (b37 20:9,999,856-10,010,149).
const TRIO_SPAN: (u64, u64) = (4_855, 15_149);

/// A BED file of one contig without what lies outside a span.
fn clipped(kernels: &Kernels, regions: &str, (from, to): (u64, u64)) -> anyhow::Result<PathBuf> {
    let mut kept = String::new();
    for line in std::fs::read_to_string(kernels.data.join(regions))?.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [contig, start, end, ..] = fields.as_slice() else {
            bail!("{regions}: not a line of BED: {line}");
        };
        let (start, end) = (start.parse::<u64>()?.max(from), end.parse::<u64>()?.min(to));
        if start < end {
            kept.push_str(&format!("{contig}\t{start}\t{end}\n"));
        }
    }
    let path = kernels.work.join(format!("clipped-{from}-{to}.bed"));
    std::fs::write(&path, kept)?;
    Ok(path)
}

/// All of so many SNVs and indels, and nothing else.
fn perfect(what: &str, score: &Score, snvs: u64, indels: u64) -> Vec<Row> {
    let row = |kind: &str, found: crate::accuracy::score::Found, least: u64| {
        let met = found.right() >= least && found.missed == 0 && found.wrong == 0;
        Row::new(
            &format!("{what}, {kind}"),
            found.to_string(),
            format!("{least}/{least}, none wrong"),
            met,
        )
    };
    vec![
        row("SNV", score.snv, snvs),
        row("indel", score.indel, indels),
    ]
}

fn trio(kernels: &Kernels) -> anyhow::Result<Vec<Row>> {
    let reference = kernels.reference(SLICE)?;
    let names = ["HG001", "NA12891", "NA12892"];
    let mut samples = Vec::new();
    for name in names {
        let reads = kernels
            .data
            .join(format!("ceu_trio_10kb/{name}.chr20.10_10p1mb_sorted.bam"));
        samples.push(kernels.align(&reference, name, &[reads])?);
    }
    let calls = kernels.variants(&reference, "trio", &samples, false)?;
    let truth = kernels.data.join(TRUTH);
    let official = clipped(kernels, OFFICIAL, TRIO_SPAN)?;
    let score = kernels.score(&reference, (&truth, &calls, "HG001"), &official)?;
    let mut rows = perfect("trio, child, official BED", &score, 44, 4);
    let (sites, broken) = inheritance(&records(&calls, &names)?);
    rows.push(Row::new(
        "trio, sites",
        sites.to_string(),
        "75",
        sites >= 75,
    ));
    rows.push(Row::new(
        "trio, Mendelian violations",
        broken.to_string(),
        "at most 1",
        broken <= 1,
    ));
    Ok(rows)
}

fn na12878(kernels: &Kernels) -> anyhow::Result<Vec<Row>> {
    let reference = kernels.reference(SLICE)?;
    let reads = [1, 2].map(|read| {
        kernels
            .data
            .join(format!("na12878_50x/NA12878_R{read}.fastq.gz"))
    });
    let sample = kernels.align(&reference, "NA12878", &reads)?;
    let calls = kernels.variants(&reference, "na12878_50x", &[sample], false)?;
    let truth = kernels.data.join(TRUTH);
    let score = |regions: &str| {
        kernels.score(
            &reference,
            (&truth, &calls, "NA12878"),
            &kernels.data.join(regions),
        )
    };
    let mut rows = perfect("NA12878 50x, official BED", &score(OFFICIAL)?, 45, 4);
    let Score { snv, indel } = score(PROXY)?;
    for (kind, found, missed, precision) in [("SNV", snv, 2, 0.97), ("indel", indel, 1, 0.81)] {
        // The published figures have three digits: 0.9695 counts as 0.970.
        let met = found.missed <= missed && found.precision >= precision - 0.0005;
        let floor = format!("{} missed, precision {precision}", missed);
        rows.push(Row::new(
            &format!("NA12878 50x, proxy BED, {kind}"),
            found.to_string(),
            floor,
            met,
        ));
    }
    Ok(rows)
}

fn tiny(kernels: &Kernels) -> anyhow::Result<Vec<Row>> {
    let reference = kernels.reference("na12878_tiny39x/q.fa")?;
    let reads = kernels.data.join("na12878_tiny39x/NA12878.chr22.tiny.bam");
    let sample = kernels.align(&reference, "NA12878", &[reads])?;
    let calls = kernels.variants(&reference, "na12878_tiny", &[sample], false)?;
    let truth = records(
        &kernels
            .data
            .join("na12878_tiny39x/NA12878.chr22.tiny.giab.vcf"),
        &["NA12878"],
    )?;
    let found = concordance(&truth, &records(&calls, &["NA12878"])?, 0)?;
    let measured = format!("{}/{}", found.all.same, found.all.cells);
    Ok(vec![Row::new(
        "NA12878 12 kb, genotypes",
        measured,
        "14/14",
        found.all.cells == 14 && found.all.same == 14,
    )])
}

fn cohort(kernels: &Kernels) -> anyhow::Result<Vec<Row>> {
    /// Position 1 of the slice is this far into chromosome 20.
    const OFFSET: u64 = 19_999_893;
    let reference = kernels.reference("ref/b37.20_19999894_20300106.fa")?;
    let folder = kernels.data.join("cohort_chr20_28");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "bam"));
    files.sort();
    ensure!(files.len() == 28, "28 samples in {}", folder.display());
    let (mut samples, mut names) = (Vec::new(), Vec::new());
    for file in files {
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        samples.push(kernels.align(&reference, &name, &[file])?);
        names.push(name);
    }
    let calls = kernels.variants(&reference, "cohort_28", &samples, false)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let silver = records(&folder.join("gotcloud_thunder_silver.vcf.gz"), &names)?;
    let found = concordance(&silver, &records(&calls, &names)?, OFFSET)?;
    ensure!(found.sites == 539, "539 sites, not {}", found.sites);
    let row = |what: &str, measured: f64, floor: f64| {
        let what = format!("28 CEU samples, {what}");
        let met = measured >= floor;
        Row::new(&what, format!("{measured:.3}"), format!("{floor:.3}"), met)
    };
    let Concordance { all, shared, .. } = &found;
    let (variable, shared_variable) = (&found.variable, &found.shared_variable);
    let called = 100.0 * all.called as f64 / all.cells as f64;
    let wrong = format!(
        "{:.3}, {:.3}; {called:.1} % are",
        all.of_all(),
        variable.of_all()
    );
    let what = "28 CEU samples, both of all genotypes, what is not called being wrong";
    Ok(vec![
        row("of called at 539 sites, concordance", all.of_called(), 0.94),
        row(
            "of called at 539 sites, non-reference",
            variable.of_called(),
            0.90,
        ),
        row(
            "of called at sites of both, concordance",
            shared.of_called(),
            0.946,
        ),
        row(
            "of called at sites of both, non-reference",
            shared_variable.of_called(),
            0.905,
        ),
        Row::new(what, wrong, "none", true),
    ])
}

/// Reads of a haploid genome, called.
fn haploid(
    kernels: &Kernels,
    sample: &str,
    fasta: &str,
    reads: &str,
) -> anyhow::Result<(Reference, PathBuf)> {
    let reference = kernels.reference(fasta)?;
    let sample = kernels.align(&reference, sample, &[kernels.data.join(reads)])?;
    let cohort = format!("{}-haploid", sample.sample);
    let calls = kernels.variants(&reference, &cohort, &[sample], true)?;
    Ok((reference, calls))
}

fn ebola(kernels: &Kernels) -> anyhow::Result<Vec<Row>> {
    let (reference, calls) = haploid(
        kernels,
        "G5012.3",
        "ebola_G5012/ebov-makona.fasta",
        "ebola_G5012/G5012.3.testreads.bam",
    )?;
    let right = substitutions(
        &reference.fasta,
        &kernels.data.join("ebola_G5012/G5012.3.fasta"),
    )?;
    let mut found = majority(&calls, Fractions::Depths)?;
    found.retain(|(_, reference, allele)| reference.len() == 1 && allele.len() == 1);
    let (same, others) = (
        found.intersection(&right).count(),
        found.difference(&right).count(),
    );
    let measured = format!("{same}/{}, {others} others", right.len());
    let met = right.len() == 13 && same == 13 && others == 0;
    Ok(vec![Row::new(
        "Ebola, SNVs with AF > 0.5",
        measured,
        "13/13, no others",
        met,
    )])
}

/// The last base of chrM that a read covers.
const MITOCHONDRIAL_READS_END: u64 = 1_150;

fn mitochondrion(kernels: &Kernels) -> anyhow::Result<Vec<Row>> {
    let (_, calls) = haploid(
        kernels,
        "NA12878-M",
        "mito_na12878/Homo_sapiens_assembly38.mt_only.fasta",
        "mito_na12878/NA12878.chrM.bam",
    )?;
    let mut right = majority(
        &kernels.data.join("mito_na12878/gatk.NA12878.MT.g.vcf"),
        Fractions::Stated,
    )?;
    // GATK's file is of all reads; of the reads at hand none goes further.
    right.retain(|(position, ..)| *position <= MITOCHONDRIAL_READS_END);
    let found = majority(&calls, Fractions::Depths)?;
    let (same, others) = (
        found.intersection(&right).count(),
        found.difference(&right).count(),
    );
    let measured = format!("{same}/{}, {others} others", right.len());
    let met = !right.is_empty() && same == right.len() && others == 0;
    Ok(vec![Row::new(
        "chrM, variants with AF > 0.5",
        measured,
        "all of GATK's, no others",
        met,
    )])
}
