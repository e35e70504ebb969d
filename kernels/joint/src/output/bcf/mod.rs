//! A site as a record of BCF with local alleles (VCF 4.5), for large cohorts.
//!
//! Every sample gets GT, and DP and GQ rounded down to a few steps, so that long runs of samples say the
//! same. Whose genotype is in doubt, or has reads that do not look like it, also gets LAA, LAD and LPL: the
//! alleles that it carries or has reads of, their reads, and their likelihoods. Where no reads are told, the alleles
//! of genotypes that are not ruled out stand for those that have some.
//!
//! Layout: section 6.3 of the VCF specification.

mod local;
mod samples;
mod typed;

use kumi_formats::vcf::Record;

use crate::header::Keys;
use crate::output::bcf::samples::samples;
use crate::output::bcf::typed::{floats, numbers, text};
use crate::output::{Called, share};
use crate::params::Params;

/// The encoded record of a site. `keys` are of the header that is written.
#[must_use]
pub fn record(called: &Called<'_>, keys: &Keys, params: &Params) -> Record {
    let (formats, samples) = samples(&called.site, keys);
    let shared = shared(called, keys, params, formats);
    let mut line = Vec::with_capacity(8 + shared.len() + samples.len());
    line.extend_from_slice(&(shared.len() as u32).to_le_bytes());
    line.extend_from_slice(&(samples.len() as u32).to_le_bytes());
    line.extend_from_slice(&shared);
    line.extend_from_slice(&samples);
    called.record(line)
}

fn shared(called: &Called<'_>, keys: &Keys, params: &Params, formats: u32) -> Vec<u8> {
    let (genotyped, site) = (&called.site, &called.site.site);
    let mut out = Vec::with_capacity(128);
    let (excess, inbreeding) = (called.excess_het(), called.inbreeding());
    let infos = 4 + u32::from(excess.is_some()) + u32::from(inbreeding.is_some());
    let quality = (genotyped.quality * 100.0).round() / 100.0;
    out.extend_from_slice(&(called.contig.index() as u32).to_le_bytes());
    out.extend_from_slice(&site.start.to_le_bytes());
    out.extend_from_slice(&(site.end() - site.start).to_le_bytes());
    out.extend_from_slice(&(quality as f32).to_le_bytes());
    out.extend_from_slice(&((site.alleles() as u32) << 16 | infos).to_le_bytes());
    let samples = genotyped.column.samples() as u32;
    out.extend_from_slice(&(formats << 24 | samples).to_le_bytes());
    text(&mut out, b"");
    text(&mut out, &site.reference);
    for allele in 1..site.alleles() {
        text(&mut out, &site.text(allele));
    }
    let low = genotyped.quality < f64::from(params.site_quality_min);
    numbers(&mut out, &[if low { keys.low_quality } else { keys.pass }]);
    let total: u32 = genotyped.copies.iter().sum();
    let copies: Vec<i32> = genotyped.copies[1..].iter().map(|&n| n as i32).collect();
    let shares = genotyped.copies[1..].iter();
    let shares: Vec<Option<f64>> = shares.map(|&copies| share(copies, total)).collect();
    numbers(&mut out, &[keys.ac]);
    numbers(&mut out, &copies);
    numbers(&mut out, &[keys.af]);
    floats(&mut out, &shares);
    numbers(&mut out, &[keys.an]);
    numbers(&mut out, &[total as i32]);
    numbers(&mut out, &[keys.ns]);
    numbers(&mut out, &[genotyped.called as i32]);
    for (key, value) in [(keys.excess_het, excess), (keys.inbreeding, inbreeding)] {
        if let Some(value) = value {
            numbers(&mut out, &[key]);
            floats(&mut out, &[Some(value)]);
        }
    }
    out
}
