//! VCF lines.

use std::io::Write as _;

use crate::blocks::Block;

/// The alternative allele that stands for every other one.
pub(crate) const NON_REF: &str = "<NON_REF>";

/// The line of a reference block.
pub(crate) fn block(contig: &str, base: u8, ploidy: u8, block: &Block) -> Vec<u8> {
    let mut line = Vec::with_capacity(96);
    let reference = char::from(base);
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
    let [none, one, two] = block.pl;
    let _ = if ploidy == 1 {
        write!(line, "{none},{two}")
    } else {
        write!(line, "{none},{one},{two}")
    };
    line
}

/// GT of alleles.
pub(crate) fn genotype(alleles: &[usize]) -> String {
    let alleles: Vec<String> = alleles.iter().map(ToString::to_string).collect();
    alleles.join("/")
}
