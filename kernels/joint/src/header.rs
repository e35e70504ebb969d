//! The headers of cohort files.

use std::fmt::Write as _;

use kumi_seq::contig::Contigs;

const SITE: &str = "\
##ALT=<ID=*,Description=\"The base is deleted by a variant that starts before it\">
##FILTER=<ID=PASS,Description=\"All filters passed\">
##FILTER=<ID=LowQual,Description=\"QUAL is below the limit\">
##INFO=<ID=AC,Number=A,Type=Integer,Description=\"Copies of each alternative allele in called genotypes\">
##INFO=<ID=AN,Number=1,Type=Integer,Description=\"Number of alleles in called genotypes\">
##INFO=<ID=AF,Number=A,Type=Float,Description=\"Frequency of each alternative allele: AC / AN\">
##INFO=<ID=NS,Number=1,Type=Integer,Description=\"Number of samples with a called genotype\">
##INFO=<ID=ExcessHet,Number=1,Type=Float,Description=\"Phred-scaled p-value of so many heterozygotes or more under Hardy-Weinberg equilibrium, diploid samples, all alternative alleles as one\">
##INFO=<ID=InbreedingCoeff,Number=1,Type=Float,Description=\"1 - observed / expected heterozygotes, diploid samples, all alternative alleles as one; given from 10 samples on\">
";
const GENOTYPE: &str = "\
##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype: the most probable one given the sample's likelihoods and the cohort's allele frequencies\">
";
const WHOLE: &str = "\
##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"Reads that support each allele\">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"Read depth; the least of the block for a genotype taken from a reference block\">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description=\"Phred-scaled posterior probability that the genotype is wrong\">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"Phred-scaled genotype likelihoods of the sample alone\">
";
const LOCAL: &str = "\
##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"Read depth, the least of the block for a genotype taken from a reference block; rounded down to 0, 1, 2, 5, 10, 20, 50, 100, 200 or 500\">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description=\"Phred-scaled posterior probability that the genotype is wrong, rounded down to 0, 5, 10, 20 or 40\">
##FORMAT=<ID=LAA,Number=.,Type=Integer,Description=\"Alternative alleles that the sample carries or has reads of, by number; given where likelihoods do not favour one genotype by 50 or where the share of an allele's reads is more than a fifth from that of its copies\">
##FORMAT=<ID=LAD,Number=LR,Type=Integer,Description=\"Reads that support REF and each allele of LAA\">
##FORMAT=<ID=LPL,Number=LG,Type=Integer,Description=\"Phred-scaled likelihoods, of the sample alone, of the genotypes of REF and the alleles of LAA, at most 120\">
##FORMAT=<ID=NC,Number=1,Type=Character,Description=\"Why there is no genotype, or what is doubtful about it: N no record covers the base, D no read does, E reads do not tell genotypes apart, L no likelihoods and no genotype in the record, U an allele that is not listed, Q the genotype quality is below the limit; O the sample's records contradict each other\">
";
const REASONS: &str = "\
##FORMAT=<ID=FT,Number=1,Type=String,Description=\"Why there is no genotype, or what is doubtful about it; absent where nothing is\">
##FILTER=<ID=NoData,Description=\"FT: the sample has no record that covers the base\">
##FILTER=<ID=NoDepth,Description=\"FT: no read of the sample covers the base\">
##FILTER=<ID=NoEvidence,Description=\"FT: the sample's reads do not tell one genotype from another\">
##FILTER=<ID=NoLikelihoods,Description=\"FT: the sample's record has no genotype likelihoods and no genotype\">
##FILTER=<ID=Unlisted,Description=\"FT: the sample most likely carries an allele that is not listed, for no sample carries it surely enough\">
##FILTER=<ID=LowGQ,Description=\"FT: the genotype quality is below the limit\">
##FILTER=<ID=OVL,Description=\"FT: the sample's records of this base contradict each other\">
";

/// The full text of the header of a cohort VCF, `#CHROM` line included. `samples` are written in order of
/// their names, as the columns of [`crate::joint_all`] are.
#[must_use]
pub fn header(
    contigs: &Contigs,
    reference_name: &str,
    samples: &[String],
    version: &str,
) -> String {
    let meta = [SITE, GENOTYPE, WHOLE, REASONS].concat();
    let mut text = start("VCFv4.3", &meta, contigs, reference_name, version);
    columns(&mut text, samples);
    text
}

/// As [`header`], of a file with local alleles: [`crate::output::bcf`].
#[must_use]
pub fn local_header(
    contigs: &Contigs,
    reference_name: &str,
    samples: &[String],
    version: &str,
) -> String {
    let meta = [SITE, GENOTYPE, LOCAL].concat();
    let mut text = start("VCFv4.5", &meta, contigs, reference_name, version);
    columns(&mut text, samples);
    text
}

/// As [`header`], of a file without samples: [`crate::output::vcf::sites_only`].
#[must_use]
pub fn sites_header(contigs: &Contigs, reference_name: &str, version: &str) -> String {
    let mut text = start("VCFv4.3", SITE, contigs, reference_name, version);
    text.push_str("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n");
    text
}

fn start(
    format: &str,
    meta: &str,
    contigs: &Contigs,
    reference_name: &str,
    version: &str,
) -> String {
    let mut text = format!("##fileformat={format}\n");
    let _ = writeln!(text, "##source=kumi joint {version}");
    let _ = writeln!(text, "##reference={reference_name}");
    text.push_str(meta);
    for (_, contig) in contigs.iter() {
        let (name, length, md5) = (&contig.name, contig.length, contig.m5());
        let _ = writeln!(text, "##contig=<ID={name},length={length},md5={md5}>");
    }
    text
}

fn columns(text: &mut String, samples: &[String]) {
    text.push_str("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT");
    let mut samples: Vec<&String> = samples.iter().collect();
    samples.sort_unstable();
    for sample in samples {
        text.push('\t');
        text.push_str(sample);
    }
    text.push('\n');
}

/// The numbers by which BCF calls what a [`local_header`] defines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    pub(crate) pass: i32,
    pub(crate) low_quality: i32,
    pub(crate) ac: i32,
    pub(crate) af: i32,
    pub(crate) an: i32,
    pub(crate) ns: i32,
    pub(crate) excess_het: i32,
    pub(crate) inbreeding: i32,
    pub(crate) gt: i32,
    pub(crate) dp: i32,
    pub(crate) gq: i32,
    pub(crate) laa: i32,
    pub(crate) lad: i32,
    pub(crate) lpl: i32,
    pub(crate) nc: i32,
}

impl Default for Keys {
    fn default() -> Self {
        let meta = [SITE, GENOTYPE, LOCAL].concat();
        // PASS is 0 wherever it stands; all others are counted as they come.
        let mut names = vec!["PASS"];
        for line in meta.lines() {
            let kinds = ["##FILTER=<ID=", "##INFO=<ID=", "##FORMAT=<ID="];
            let defined = kinds.iter().find_map(|kind| line.strip_prefix(kind));
            let name = defined.and_then(|rest| rest.split(',').next());
            names.extend(name.filter(|name| *name != "PASS"));
        }
        let of = |wanted: &str| names.iter().position(|name| *name == wanted).unwrap_or(0) as i32;
        Self {
            pass: of("PASS"),
            low_quality: of("LowQual"),
            ac: of("AC"),
            af: of("AF"),
            an: of("AN"),
            ns: of("NS"),
            excess_het: of("ExcessHet"),
            inbreeding: of("InbreedingCoeff"),
            gt: of("GT"),
            dp: of("DP"),
            gq: of("GQ"),
            laa: of("LAA"),
            lad: of("LAD"),
            lpl: of("LPL"),
            nc: of("NC"),
        }
    }
}
