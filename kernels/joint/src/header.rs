//! The header of a cohort VCF.

use std::fmt::Write as _;

use kumi_seq::contig::Contigs;

const META: &str = "\
##ALT=<ID=*,Description=\"The base is deleted by a variant that starts before it\">
##FILTER=<ID=PASS,Description=\"All filters passed\">
##FILTER=<ID=LowQual,Description=\"QUAL is below the limit\">
##INFO=<ID=AC,Number=A,Type=Integer,Description=\"Copies of each alternative allele in called genotypes\">
##INFO=<ID=AN,Number=1,Type=Integer,Description=\"Number of alleles in called genotypes\">
##INFO=<ID=AF,Number=A,Type=Float,Description=\"Frequency of each alternative allele: AC / AN\">
##INFO=<ID=NS,Number=1,Type=Integer,Description=\"Number of samples with a called genotype\">
##INFO=<ID=ExcessHet,Number=1,Type=Float,Description=\"Phred-scaled p-value of so many heterozygotes or more under Hardy-Weinberg equilibrium, diploid samples, all alternative alleles as one\">
##INFO=<ID=InbreedingCoeff,Number=1,Type=Float,Description=\"1 - observed / expected heterozygotes, diploid samples, all alternative alleles as one; given from 10 samples on\">
##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype: the most probable one given the sample's likelihoods and the cohort's allele frequencies\">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"Reads that support each allele\">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"Read depth; the least of the block for a genotype taken from a reference block\">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description=\"Phred-scaled posterior probability that the genotype is wrong\">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"Phred-scaled genotype likelihoods of the sample alone\">
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
    let mut text = String::from("##fileformat=VCFv4.3\n");
    let _ = writeln!(text, "##source=kumi joint {version}");
    let _ = writeln!(text, "##reference={reference_name}");
    text.push_str(META);
    for (_, contig) in contigs.iter() {
        let (name, length, md5) = (&contig.name, contig.length, contig.m5());
        let _ = writeln!(text, "##contig=<ID={name},length={length},md5={md5}>");
    }
    text.push_str("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT");
    let mut samples: Vec<&String> = samples.iter().collect();
    samples.sort_unstable();
    for sample in samples {
        text.push('\t');
        text.push_str(sample);
    }
    text.push('\n');
    text
}
