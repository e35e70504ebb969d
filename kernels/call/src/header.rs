//! The gVCF header.

use std::fmt::Write as _;

use kumi_seq::contig::Contigs;

use crate::blocks::BANDS;
use crate::filter;

const FIXED: &str = r#"##ALT=<ID=NON_REF,Description="Any possible alternative allele at this location">
##FILTER=<ID=PASS,Description="All filters passed">
##FILTER=<ID=LowQual,Description="QUAL is too low to call the variant">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Fragments that support each allele">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Fragments that cover the site; in a block the median">
##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">
##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description="Lowest DP in the block">
##FORMAT=<ID=PGT,Number=1,Type=String,Description="Genotype as physically phased, the same as GT">
##FORMAT=<ID=PID,Number=1,Type=String,Description="Phase set by its first site, as POS_REF_ALT">
##FORMAT=<ID=PL,Number=G,Type=Integer,Description="Phred-scaled genotype likelihoods, the best 0, at most 999">
##FORMAT=<ID=PS,Number=1,Type=Integer,Description="Phase set: the position of its first site">
##FORMAT=<ID=SB,Number=4,Type=Integer,Description="Fragments by allele and strand: reference forward, reference reverse, other forward, other reverse">
##INFO=<ID=DS,Number=0,Type=Flag,Description="Downsampled: some reads were left out because the pile was too deep">
##INFO=<ID=NO_ASSEMBLY,Number=0,Type=Flag,Description="The region could not be assembled: only what reads show in their CIGARs was tried">
##INFO=<ID=END,Number=1,Type=Integer,Description="Last base of the block">
"#;

/// The whole header, with the `#CHROM` line and a final newline.
#[must_use]
pub fn header(contigs: &Contigs, reference_name: &str, sample: &str, version: &str) -> String {
    let mut text = String::from("##fileformat=VCFv4.3\n");
    text.push_str(FIXED);
    for (name, description) in filter::DESCRIBED {
        let _ = writeln!(text, "##FILTER=<ID={name},Description=\"{description}\">");
    }
    for (band, &from) in BANDS.iter().enumerate() {
        let to = BANDS.get(band + 1).copied().unwrap_or(100);
        let _ = writeln!(
            text,
            "##GVCFBlock{from}-{to}=minGQ={from}(inclusive),maxGQ={to}(exclusive)"
        );
    }
    for contig in contigs.as_slice() {
        let _ = writeln!(
            text,
            "##contig=<ID={},length={},md5={}>",
            contig.name,
            contig.length,
            contig.m5()
        );
    }
    let _ = writeln!(text, "##reference={reference_name}");
    let _ = writeln!(text, "##source=kumi {version}");
    let _ = writeln!(
        text,
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}"
    );
    text
}
