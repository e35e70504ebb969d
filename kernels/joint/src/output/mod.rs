//! A genotyped site in the formats that others read. Each module makes bytes of a site and knows nothing of
//! files; all of them say the same of it.

pub mod bcf;
pub mod parquet;
pub mod plink;
pub mod vcf;

mod decimal;

use kumi_formats::vcf::Record;
use kumi_seq::contig::ContigId;

use crate::genotype::Genotyped;
use crate::project::NoCall;
use crate::site_call::Decided;

/// A site with the genotypes of all samples.
pub struct Called<'a> {
    pub(crate) site: Decided,
    pub(crate) cells: Genotyped<'a>,
    pub(crate) contig: Contig<'a>,
}

/// The contig of a site.
#[derive(Clone, Copy)]
pub(crate) struct Contig<'a> {
    pub(crate) id: ContigId,
    pub(crate) name: &'a str,
}

/// Bytes that stand for a site, with its place.
fn record_of(site: &Decided, contig: Contig<'_>, line: Vec<u8>) -> Record {
    Record {
        contig: contig.id,
        start: site.site.start,
        end: site.site.end(),
        line,
    }
}

/// AF of an allele; `None` where nobody is called.
fn share(copies: u32, total: u32) -> Option<f64> {
    (total > 0).then(|| f64::from(copies) / f64::from(total))
}

/// Why a sample has no genotype, or what is doubtful about it, as FT.
fn reason(no_call: Option<NoCall>, conflict: bool) -> Option<&'static str> {
    match no_call {
        Some(NoCall::NoData) => Some("NoData"),
        Some(NoCall::NoDepth) => Some("NoDepth"),
        Some(NoCall::NoEvidence) => Some("NoEvidence"),
        Some(NoCall::NoLikelihoods) => Some("NoLikelihoods"),
        Some(NoCall::Unlisted) => Some("Unlisted"),
        Some(NoCall::LowQuality) => Some("LowGQ"),
        None => conflict.then_some("OVL"),
    }
}
