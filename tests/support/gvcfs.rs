//! gVCFs of a cohort made from a seed: every kind of genotype, without reads behind them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::random::Numbers;
use crate::support::small::World;
use crate::support::{kumi, ok};

/// The one contig.
const CONTIG: &str = "c";
/// Bases between the sites where samples may differ.
const STEP: usize = 60;
/// Bases of a reference block at most.
const BLOCK: usize = 200;
/// One sample in so many is haploid.
const HAPLOID: usize = 5;

/// Where samples may differ.
struct Site {
    /// From 0.
    position: usize,
    reference: String,
    alternatives: Vec<String>,
    /// Of 1,000 copies, so many are an alternative.
    frequency: usize,
}

/// A reference and gVCFs.
pub(crate) struct Gvcfs {
    world: World,
    /// The reference index.
    pub(crate) index: PathBuf,
    /// The gVCFs by name of the sample.
    pub(crate) paths: Vec<PathBuf>,
}

impl Gvcfs {
    /// So many samples of so many bases. Equal seeds give equal files.
    pub(crate) fn new(seed: u64, samples: usize, bases: usize) -> Self {
        let world = World::new(seed, &[(CONTIG, bases)]);
        let reference = &world.contigs[0].1;
        let mut numbers = Numbers::new(seed);
        let sites = sites(reference, &mut numbers);
        let paths = (0..samples).map(|sample| {
            let name = format!("s{sample:05}");
            let path = world.path(&format!("{name}.g.vcf"));
            let copies = if sample % HAPLOID == 0 { 1 } else { 2 };
            let text = gvcf(&name, copies, reference, &sites, &mut numbers);
            fs::write(&path, text).expect("written");
            path
        });
        Self {
            paths: paths.collect(),
            index: world.index("r.fa"),
            world,
        }
    }

    /// A path beside the gVCFs.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.world.path(name)
    }

    /// `kumi kernel joint` of what `more` names.
    pub(crate) fn joint(&self, output: &Path, more: &[&str]) -> Command {
        let mut command = kumi();
        command.args(["kernel", "joint", "--reference"]);
        command.arg(&self.index).arg("--output").arg(output);
        command.args(more);
        command
    }

    /// The cohort of all gVCFs.
    pub(crate) fn joined(&self, name: &str, more: &[&str]) -> PathBuf {
        let output = self.path(name);
        ok(self.joint(&output, more).args(&self.paths));
        output
    }
}

/// Substitutions, deletions and places with two alternatives; most are rare.
fn sites(reference: &[u8], numbers: &mut Numbers) -> Vec<Site> {
    let base = |at: usize| char::from(reference[at]).to_string();
    let other = |at: usize, step: usize| {
        let found = b"ACGT".iter().position(|base| *base == reference[at]);
        char::from(b"ACGT"[(found.unwrap_or(0) + step) % 4]).to_string()
    };
    let positions = (STEP..reference.len() - BLOCK).step_by(STEP);
    let site = |position| {
        let (reference, alternatives) = match numbers.below(10) {
            0 => (base(position) + &base(position + 1), vec![base(position)]),
            1 => (base(position), vec![other(position, 1), other(position, 2)]),
            _ => (base(position), vec![other(position, 1)]),
        };
        let frequency = [1, 2, 5, 20, 100, 400][numbers.below(6)];
        Site {
            position,
            reference,
            alternatives,
            frequency,
        }
    };
    positions.map(site).collect()
}

/// The gVCF of a sample.
fn gvcf(
    name: &str,
    copies: usize,
    reference: &[u8],
    sites: &[Site],
    numbers: &mut Numbers,
) -> String {
    let mut text = format!(
        "##fileformat=VCFv4.2\n##contig=<ID={CONTIG},length={}>\n\
         #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{name}\n",
        reference.len()
    );
    let mut at = 0;
    for site in sites {
        let alleles: Vec<usize> = (0..copies)
            .map(|_| match numbers.below(1000) < site.frequency {
                true => 1 + numbers.below(site.alternatives.len()),
                false => 0,
            })
            .collect();
        if alleles.iter().all(|allele| *allele == 0) {
            continue;
        }
        blocks(&mut text, (at, site.position), copies, reference, numbers);
        call(&mut text, site, alleles, numbers);
        at = site.position + site.reference.len();
    }
    blocks(&mut text, (at, reference.len()), copies, reference, numbers);
    text
}

/// Blocks of all qualities, now and then none.
fn blocks(
    text: &mut String,
    (mut at, end): (usize, usize),
    copies: usize,
    reference: &[u8],
    numbers: &mut Numbers,
) {
    while at < end {
        let next = end.min(at + 1 + numbers.below(BLOCK));
        let (depth, quality) = match numbers.below(40) {
            0 => (0, 0),
            1..4 => (2, 6),
            4..8 => (5, 15),
            _ => (20 + numbers.below(15), 40 + 10 * numbers.below(5)),
        };
        let (genotype, likelihoods) = if copies == 1 {
            ("0", format!("0,{}", 2 * quality))
        } else {
            ("0/0", format!("0,{quality},{}", 10 * quality))
        };
        if numbers.below(60) > 0 {
            let (start, base) = (at + 1, char::from(reference[at]));
            let _ = writeln!(
                text,
                "{CONTIG}\t{start}\t.\t{base}\t<NON_REF>\t.\t.\tEND={next}\tGT:DP:GQ:PL\t\
                 {genotype}:{depth}:{quality}:{likelihoods}"
            );
        }
        at = next;
    }
}

/// A call, certain or not.
fn call(text: &mut String, site: &Site, mut alleles: Vec<usize>, numbers: &mut Numbers) {
    alleles.sort_unstable();
    let known = 2 + site.alternatives.len();
    let scale = [3, 9, 40, 40, 40, 40][numbers.below(6)];
    let distance = |genotype: &[usize]| {
        let mut left = alleles.clone();
        for allele in genotype {
            if let Some(at) = left.iter().position(|other| other == allele) {
                left.remove(at);
            }
        }
        (scale * left.len() * 2 / alleles.len()).to_string()
    };
    let likelihoods: Vec<String> = if alleles.len() == 1 {
        (0..known).map(|a| distance(&[a])).collect()
    } else {
        let pairs = (0..known).flat_map(|b| (0..=b).map(move |a| [a, b]));
        pairs.map(|pair| distance(&pair)).collect()
    };
    let reads = |allele: usize| {
        let copies = alleles.iter().filter(|other| **other == allele).count();
        (copies * scale / 3).to_string()
    };
    let join = |items: Vec<String>, comma: &str| items.join(comma);
    let _ = writeln!(
        text,
        "{CONTIG}\t{}\t.\t{}\t{},<NON_REF>\t50\tPASS\t.\tGT:AD:DP:GQ:PL\t{}:{}:{}:{scale}:{}",
        site.position + 1,
        site.reference,
        site.alternatives.join(","),
        join(alleles.iter().map(usize::to_string).collect(), "/"),
        join((0..known).map(reads).collect(), ","),
        alleles.len() * scale / 3,
        likelihoods.join(","),
    );
}
