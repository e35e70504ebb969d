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

/// Samples from which an inbreeding coefficient means something.
const INBREEDING_SAMPLES_MIN: u32 = 10;

/// A site with the genotypes of all samples.
pub struct Called<'a> {
    pub(crate) site: Genotyped<'a>,
    pub(crate) contig: ContigId,
    /// Name of the contig.
    pub(crate) name: &'a str,
}

impl Called<'_> {
    /// Bytes that stand for this site, with its place.
    fn record(&self, line: Vec<u8>) -> Record {
        Record {
            contig: self.contig,
            start: self.site.site.start,
            end: self.site.site.end(),
            line,
        }
    }

    /// Phred of so many heterozygotes or more; `None` without diploid samples.
    fn excess_het(&self) -> Option<f64> {
        let counts = &self.site.diploid;
        (counts.samples() > 0).then(|| counts.excess_het())
    }

    /// 1 - observed / expected heterozygotes; `None` where it means nothing.
    fn inbreeding(&self) -> Option<f64> {
        let counts = &self.site.diploid;
        if counts.samples() < INBREEDING_SAMPLES_MIN {
            return None;
        }
        counts.inbreeding()
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
