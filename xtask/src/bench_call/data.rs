//! Reference, individual, reads and alignments, made once and kept.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::accuracy::tools::{note, ok, shell};
use crate::bench_call::Args;
use crate::bench_call::genome::{self, Contig, Stretch};
use crate::bench_call::reads::{self, Haplotype, Library};
use crate::bench_call::tracts::{self, Tract};
use crate::bench_call::variants::{self, Variant};
use crate::once::once;
use crate::random::Random;

/// What random numbers are for.
const VARIANTS: u64 = 1;
const READS: u64 = 2;
/// Whoever contaminates a sample is the individual of another seed.
const STRANGER: u64 = 1_000_003;

/// Where everything is, and what it is.
pub(super) struct Data {
    pub work: PathBuf,
    pub fasta: PathBuf,
    pub index: PathBuf,
    pub contigs: Vec<Contig>,
    pub tracts: Vec<Vec<Tract>>,
    /// What is sequenced and called, and the BED file of it.
    pub stretches: Vec<Stretch>,
    pub called: PathBuf,
    /// What is scored.
    pub scored: PathBuf,
    pub scored_bases: usize,
    pub truth: PathBuf,
    pub alignments: PathBuf,
}

impl Data {
    /// Bases that are called, in millions.
    pub(super) fn megabases(&self) -> f64 {
        let bases: usize = self.stretches.iter().map(|s| s.bases.len()).sum();
        bases as f64 / 1e6
    }

    /// Makes what is not there.
    pub(super) fn make(args: &Args, root: &Path, kumi: &Path) -> anyhow::Result<Self> {
        let work = args
            .work
            .clone()
            .unwrap_or_else(|| root.join("target/bench-call"));
        fs::create_dir_all(&work)?;
        let work = work.canonicalize()?;
        let standard = root.join("../shared/data/ref/grch38.chr20_and_21_10M.fa.gz");
        let given = args.reference.clone().unwrap_or(standard);
        let fasta = work.join("reference.fa");
        once(&fasta, |partial| {
            shell("gzip -dcf \"$1\" > \"$2\"", &[&given, partial])
        })
        .with_context(|| format!("no reference at {}", given.display()))?;
        once(&work.join("reference.fa.fai"), |partial| {
            shell("samtools faidx \"$1\" --fai-idx \"$2\"", &[&fasta, partial])
        })?;
        let index = work.join("reference.kidx");
        once(&index, |partial| {
            let output = [fasta.as_path(), Path::new("--output"), partial];
            ok(Command::new(kumi).args(["reference", "build"]).args(output))
        })?;
        let contigs = genome::read(&fasta)?;
        let tracts: Vec<Vec<Tract>> = contigs.iter().map(|c| tracts::find(&c.bases)).collect();
        let stretches = genome::choose(&contigs, (args.megabases * 1e6) as usize);
        let (called, scored) = (
            work.join(format!("called-{}.bed", args.megabases)),
            work.join(format!("scored-{}.bed", args.megabases)),
        );
        let kept = genome::scored(&contigs, &stretches);
        fs::write(&called, bed(&contigs, &stretches))?;
        fs::write(&scored, bed(&contigs, &kept))?;
        let mut data = Self {
            truth: work.join(format!("truth-{}-{}.vcf.gz", args.megabases, args.seed)),
            alignments: work.join(format!("{}.cram", args.name())),
            scored_bases: kept.iter().map(|stretch| stretch.bases.len()).sum(),
            work,
            fasta,
            index,
            contigs,
            tracts,
            stretches,
            called,
            scored,
        };
        data.individual(args, kumi)?;
        Ok(data)
    }

    /// Truth, reads and alignments.
    fn individual(&mut self, args: &Args, kumi: &Path) -> anyhow::Result<()> {
        let variants = self.plan(args.seed);
        once(&self.truth, |partial| {
            let text = partial.with_extension("txt");
            fs::write(&text, self.vcf(&variants)?)?;
            shell(
                "bcftools view -Oz -o \"$2\" \"$1\"; bcftools index -f -t -o \"$3\" \"$2\"; rm \"$1\"",
                &[&text, partial, &self.truth.with_extension("gz.tbi")],
            )
        })?;
        once(&self.alignments, |partial| {
            let mates = [1, 2].map(|mate| self.work.join(format!("{}.{mate}.fq", args.name())));
            self.reads(args, &variants, &mates)?;
            note("aligning");
            let output = partial.with_extension("partial.cram");
            ok(Command::new(kumi)
                .args(["kernel", "align", "--sample", "s", "--reference"])
                .arg(&self.index)
                .args(&mates)
                .arg("--output")
                .arg(&output))?;
            for mate in mates {
                fs::remove_file(mate)?;
            }
            fs::rename(
                output.with_extension("cram.crai"),
                self.alignments.with_extension("cram.crai"),
            )?;
            Ok(fs::rename(output, partial)?)
        })
    }

    fn plan(&self, seed: u64) -> Vec<Vec<Variant>> {
        let mut random = Random::new(seed, VARIANTS);
        let mut plan = |stretch: &Stretch| {
            let ends = (stretch.bases.start, stretch.bases.end);
            let bases = &self.contigs[stretch.contig].bases;
            variants::plan(bases, &self.tracts[stretch.contig], ends, &mut random)
        };
        self.stretches.iter().map(&mut plan).collect()
    }

    fn vcf(&self, variants: &[Vec<Variant>]) -> anyhow::Result<String> {
        let mut text = String::from("##fileformat=VCFv4.3\n");
        for contig in &self.contigs {
            writeln!(
                text,
                "##contig=<ID={},length={}>",
                contig.name,
                contig.bases.len()
            )?;
        }
        text += "##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">\n\
            #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n";
        for (stretch, variants) in self.stretches.iter().zip(variants) {
            let contig = &self.contigs[stretch.contig].name;
            for variant in variants {
                let alleles: Vec<_> = variant
                    .alleles
                    .iter()
                    .map(|a| String::from_utf8_lossy(a))
                    .collect();
                let (reference, [first, second]) = (
                    String::from_utf8_lossy(&variant.reference),
                    variant.genotype,
                );
                let (place, alleles) = (variant.start + 1, alleles.join(","));
                writeln!(
                    text,
                    "{contig}\t{place}\t.\t{reference}\t{alleles}\t.\tPASS\t.\tGT\t{first}|{second}"
                )?;
            }
        }
        Ok(text)
    }

    fn reads(&self, args: &Args, own: &[Vec<Variant>], mates: &[PathBuf; 2]) -> anyhow::Result<()> {
        note("simulating reads");
        let create = |path: &PathBuf| File::create(path).map(BufWriter::new);
        let mut files = [create(&mates[0])?, create(&mates[1])?];
        let library = Library {
            read_length: args.read_length,
            duplicates: args.duplicates / 100.0,
            stutter: args.stutter,
        };
        let others = self.plan(args.seed + STRANGER);
        let mut random = Random::new(args.seed, READS);
        for (number, stretch) in self.stretches.iter().enumerate() {
            let pairs = args.depth * stretch.bases.len() as f64 / (2 * args.read_length) as f64;
            let foreign = args.contamination / 100.0 * pairs;
            for (variants, who, pairs) in [(own, "r", pairs - foreign), (&others, "x", foreign)] {
                let ends = (stretch.bases.start, stretch.bases.end);
                let bases = &self.contigs[stretch.contig].bases;
                let haplotypes = [0, 1].map(|which| {
                    Haplotype::new(variants::haplotype(bases, &variants[number], which, ends))
                });
                let name = format!("{who}{number}");
                reads::write(
                    &haplotypes,
                    pairs as usize,
                    &name,
                    &library,
                    &mut random,
                    &mut files,
                )?;
            }
        }
        for mut file in files {
            file.flush()?;
        }
        Ok(())
    }
}

fn bed(contigs: &[Contig], stretches: &[Stretch]) -> String {
    let line = |Stretch { contig, bases }: &Stretch| {
        format!(
            "{}\t{}\t{}\n",
            contigs[*contig].name, bases.start, bases.end
        )
    };
    stretches.iter().map(line).collect()
}
