//! What a caller may be told.

use crate::filter::Filters;

/// Options of [`call_all`](crate::call_all).
#[derive(Clone, Debug, PartialEq)]
pub struct Params {
    /// Reads mapped with a lower quality are not evidence.
    pub min_mapq: u8,
    /// Bases of a lower quality propose no variant.
    pub min_base_quality: u8,
    /// Depth above which reads are left out, those with the highest name hash first.
    pub max_depth: u32,
    /// Records of a lower QUAL carry the filter `LowQual`.
    pub min_qual: f64,
    /// The same of records of substitutions only.
    pub min_qual_snv: f64,
    /// Which other filters variants carry.
    pub filters: Filters,
    /// Prior probability that a site is heterozygous for a single-base variant.
    pub snv_prior: f64,
    /// Prior probability that a site is heterozygous for an insertion or deletion.
    pub indel_prior: f64,
    /// Bases a thread takes at once; a multiple of [`BLOCK_EDGE`](crate::BLOCK_EDGE). Does not change a record.
    pub tile: u32,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            min_mapq: 20,
            min_base_quality: 10,
            max_depth: 300,
            min_qual: 10.4,
            min_qual_snv: 6.0,
            filters: Filters::default(),
            snv_prior: 1e-3,
            indel_prior: 1.25e-4,
            tile: 16 * crate::BLOCK_EDGE,
        }
    }
}
