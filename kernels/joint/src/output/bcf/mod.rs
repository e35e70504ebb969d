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

use std::ops::Range;

use kumi_formats::vcf::Record;

use crate::header::Keys;
use crate::output::bcf::samples::samples;
use crate::output::bcf::typed::{floats, numbers, text};
use crate::output::{Called, record_of, share};
use crate::params::Params;

/// Bytes before a record: the lengths of its two parts.
const LENGTHS: usize = 8;
/// Where a record has the numbers of its FORMAT fields and samples: after contig, start, length, QUAL and the numbers of
/// alleles and INFO fields.
const COUNTS: Range<usize> = LENGTHS + 20..LENGTHS + 24;

/// The encoded record of a site. `keys` are of the header that is written.
#[must_use]
pub fn record(called: &Called<'_>, keys: &Keys, params: &Params) -> Record {
    let genotyped = &called.cells;
    // Most have GT of two bytes, and one for each of DP, GQ, NC and a few lists.
    let mut line = Vec::with_capacity(256 + 12 * genotyped.column.samples());
    line.extend_from_slice(&[0; LENGTHS]);
    shared(&mut line, called, keys, params);
    let shared = line.len();
    let formats = samples(&mut line, genotyped, keys);
    line[COUNTS]
        .copy_from_slice(&(formats << 24 | genotyped.column.samples() as u32).to_le_bytes());
    let lengths = [shared - LENGTHS, line.len() - shared];
    for (place, length) in line.chunks_exact_mut(4).zip(lengths) {
        place.copy_from_slice(&(length as u32).to_le_bytes());
    }
    record_of(&called.site, called.contig, line)
}

/// Appends all but FORMAT, the number of whose fields is left 0.
fn shared(out: &mut Vec<u8>, called: &Called<'_>, keys: &Keys, params: &Params) {
    let (decided, site) = (&called.site, &called.site.site);
    let (excess, inbreeding) = (decided.excess_het(), decided.inbreeding());
    let infos = 4 + u32::from(excess.is_some()) + u32::from(inbreeding.is_some());
    let quality = (decided.quality * 100.0).round() / 100.0;
    out.extend_from_slice(&(called.contig.id.index() as u32).to_le_bytes());
    out.extend_from_slice(&site.start.to_le_bytes());
    out.extend_from_slice(&(site.end() - site.start).to_le_bytes());
    out.extend_from_slice(&(quality as f32).to_le_bytes());
    out.extend_from_slice(&((site.alleles() as u32) << 16 | infos).to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    text(out, b"");
    text(out, &site.reference);
    for allele in 1..site.alleles() {
        text(out, &site.text(allele));
    }
    let low = decided.quality < f64::from(params.site_quality_min);
    numbers(out, &[if low { keys.low_quality } else { keys.pass }]);
    let total: u32 = decided.copies.iter().sum();
    let copies: Vec<i32> = decided.copies[1..].iter().map(|&n| n as i32).collect();
    let shares = decided.copies[1..].iter();
    let shares: Vec<Option<f64>> = shares.map(|&copies| share(copies, total)).collect();
    numbers(out, &[keys.ac]);
    numbers(out, &copies);
    numbers(out, &[keys.af]);
    floats(out, &shares);
    numbers(out, &[keys.an]);
    numbers(out, &[total as i32]);
    numbers(out, &[keys.ns]);
    numbers(out, &[decided.called as i32]);
    for (key, value) in [(keys.excess_het, excess), (keys.inbreeding, inbreeding)] {
        if let Some(value) = value {
            numbers(out, &[key]);
            floats(out, &[Some(value)]);
        }
    }
}
