//! What can be chosen in joint genotyping.

/// Choices, with defaults that fit germline cohorts of any size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    /// Phred by which a sample's likelihoods must favour an allele for the allele to enter the cohort.
    pub allele_quality_min: u32,
    /// QUAL below which a record's FILTER is `LowQual`.
    pub site_quality_min: u8,
    /// Phred below which a genotype is not called; 5 asks for odds of two to one for it.
    pub genotype_quality_min: u8,
    /// Alternative alleles of a record beyond which PL is left out.
    pub pl_alternatives_max: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            allele_quality_min: 10,
            site_quality_min: 10,
            genotype_quality_min: 5,
            pl_alternatives_max: 16,
        }
    }
}
