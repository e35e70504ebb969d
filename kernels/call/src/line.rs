//! VCF lines.

use std::io::Write as _;

use crate::blocks::Block;
use crate::params::Params;
use crate::phase::Phase;
use crate::site::Site;

/// The alternative allele that stands for every other one.
pub(crate) const NON_REF: &str = "<NON_REF>";

/// PL above this are not told apart: a genotype so unlikely is out of the question, and their digits are a tenth of a file.
const MAX_PL: u16 = 999;

/// The line of a reference block.
pub(crate) fn block(contig: &str, base: u8, ploidy: u8, block: &Block) -> Vec<u8> {
    let mut line = Vec::with_capacity(96);
    let reference = plain(char::from(base));
    let (start, end, gt) = (
        block.start + 1,
        block.end,
        genotype(&[0; 2][..usize::from(ploidy.min(2))]),
    );
    let _ = write!(
        line,
        "{contig}\t{start}\t.\t{reference}\t{NON_REF}\t.\t.\tEND={end}\tGT:DP:GQ:MIN_DP:PL\t{gt}:{}:{}:{}:",
        block.depth, block.gq, block.min_depth
    );
    let [none, one, two] = block.pl.map(|pl| pl.min(MAX_PL));
    let _ = if ploidy == 1 {
        write!(line, "{none},{two}")
    } else {
        write!(line, "{none},{one},{two}")
    };
    line
}

/// The line of a variant.
pub(crate) fn site(contig: &str, site: &Site, params: &Params) -> Vec<u8> {
    let mut line = Vec::with_capacity(160);
    let alleles: Vec<String> = site
        .alleles
        .iter()
        .map(|allele| allele.iter().copied().map(char::from).map(plain).collect())
        .collect();
    let least = if site.changes_length() {
        params.min_qual
    } else {
        params.min_qual_snv
    };
    let low = (site.quality < least).then_some("LowQual");
    let failed: Vec<&str> = low
        .into_iter()
        .chain(site.filters.iter().copied())
        .collect();
    let filter = if failed.is_empty() {
        "PASS".to_owned()
    } else {
        failed.join(";")
    };
    let flags = [(site.thinned, "DS"), (site.unassembled, "NO_ASSEMBLY")];
    let flags: Vec<&str> = flags
        .iter()
        .filter(|flag| flag.0)
        .map(|flag| flag.1)
        .collect();
    let info = if flags.is_empty() {
        ".".to_owned()
    } else {
        flags.join(";")
    };
    let _ = write!(
        line,
        "{contig}\t{}\t.\t{}\t{},{NON_REF}\t{:.2}\t{filter}\t{info}\t",
        site.start + 1,
        alleles[0],
        alleles[1..].join(","),
        site.quality,
    );
    let (ad, dp, gq) = (list(&site.depths), site.depth, site.gq);
    let pl: Vec<u16> = site.pl.iter().map(|&pl| pl.min(MAX_PL)).collect();
    let (pl, sb) = (list(&pl), list(&site.strands));
    let _ = match &site.phase {
        None => {
            let gt = genotype(&site.genotype);
            write!(line, "GT:AD:DP:GQ:PL:SB\t{gt}:{ad}:{dp}:{gq}:{pl}:{sb}")
        }
        Some(Phase { id, set, swapped }) => {
            let gt = phased(&site.genotype, *swapped);
            write!(
                line,
                "GT:AD:DP:GQ:PGT:PID:PL:PS:SB\t{gt}:{ad}:{dp}:{gq}:{gt}:{id}:{pl}:{set}:{sb}"
            )
        }
    };
    line
}

/// VCF knows no base but A, C, G, T and N.
pub(crate) fn plain(base: char) -> char {
    if "ACGTN*".contains(base) { base } else { 'N' }
}

fn list<T: ToString>(numbers: &[T]) -> String {
    let numbers: Vec<String> = numbers.iter().map(T::to_string).collect();
    numbers.join(",")
}

/// GT of alleles.
pub(crate) fn genotype(alleles: &[usize]) -> String {
    let alleles: Vec<String> = alleles.iter().map(ToString::to_string).collect();
    alleles.join("/")
}

/// GT of the two alleles of a phased genotype.
fn phased(alleles: &[usize], swapped: bool) -> String {
    let mut alleles: Vec<String> = alleles.iter().map(ToString::to_string).collect();
    if swapped {
        alleles.reverse();
    }
    alleles.join("|")
}
