//! A genotyped site as a line of VCF.

use std::io::Write as _;

use kumi_formats::vcf::Record;
use kumi_seq::contig::ContigId;

use crate::equilibrium::Counts;
use crate::genotype::{Genotype, Genotyped};
use crate::params::Params;
use crate::project::{NoCall, Projected};

/// Samples from which an inbreeding coefficient means something.
const INBREEDING_SAMPLES_MIN: u32 = 10;

/// The record of a site.
pub(crate) fn record(called: &Genotyped, contig: ContigId, name: &str, params: &Params) -> Record {
    let site = &called.site;
    let mut line = Vec::with_capacity(200 + 32 * called.samples.len());
    let mut put = |text: std::fmt::Arguments<'_>| {
        // Writing to a vector cannot fail.
        let _ = line.write_fmt(text);
    };
    put(format_args!("{name}\t{}\t.\t", site.start + 1));
    put(format_args!(
        "{}\t",
        String::from_utf8_lossy(&site.reference)
    ));
    for allele in 1..site.alleles() {
        let comma = if allele == 1 { "" } else { "," };
        let text = site.text(allele);
        put(format_args!("{comma}{}", String::from_utf8_lossy(&text)));
    }
    let filter = if called.quality < f64::from(params.site_quality_min) {
        "LowQual"
    } else {
        "PASS"
    };
    put(format_args!("\t{}\t{filter}\t", decimal(called.quality, 2)));
    info(&mut line, called);
    let with_pl = site.alternatives.len() <= params.pl_alternatives_max;
    line.extend_from_slice(if with_pl {
        b"\tGT:AD:DP:GQ:PL:FT"
    } else {
        b"\tGT:AD:DP:GQ:FT"
    });
    for (sample, genotype) in called.samples.iter().zip(&called.genotypes) {
        line.push(b'\t');
        cell(&mut line, sample, genotype, with_pl);
    }
    Record {
        contig,
        start: site.start,
        end: site.end(),
        line,
    }
}

fn info(line: &mut Vec<u8>, called: &Genotyped) {
    let total: u32 = called.copies.iter().sum();
    let alternative = &called.copies[1..];
    line.extend_from_slice(b"AC=");
    list(line, alternative.iter().map(u32::to_string));
    line.extend_from_slice(b";AF=");
    let share = |copies: &u32| decimal(f64::from(*copies) / f64::from(total), 6);
    list(line, alternative.iter().map(share));
    let samples = called.genotypes.iter().filter(|g| !g.alleles.is_empty());
    let _ = write!(line, ";AN={total};NS={}", samples.count());
    let counts = Counts::of(called.genotypes.iter().map(|g| g.alleles.as_slice()));
    if counts.samples() > 0 {
        let excess = decimal(counts.excess_het(), 4);
        let _ = write!(line, ";ExcessHet={excess}");
    }
    if counts.samples() >= INBREEDING_SAMPLES_MIN
        && let Some(inbreeding) = counts.inbreeding()
    {
        let _ = write!(line, ";InbreedingCoeff={}", decimal(inbreeding, 4));
    }
}

fn cell(line: &mut Vec<u8>, sample: &Projected, genotype: &Genotype, with_pl: bool) {
    if genotype.alleles.is_empty() {
        line.extend_from_slice(if sample.ploidy == 1 { b"." } else { b"./." });
    }
    for (at, allele) in genotype.alleles.iter().enumerate() {
        let slash = if at == 0 { "" } else { "/" };
        let _ = write!(line, "{slash}{allele}");
    }
    line.push(b':');
    list(line, sample.depths.iter().map(u32::to_string));
    line.push(b':');
    list(line, sample.depth.iter().map(u32::to_string));
    if genotype.alleles.is_empty() {
        line.extend_from_slice(b":.");
    } else {
        let _ = write!(line, ":{}", genotype.quality);
    }
    if with_pl {
        line.push(b':');
        list(line, sample.likelihoods.iter().map(u32::to_string));
    }
    if let Some(reason) = reason(sample) {
        let _ = write!(line, ":{reason}");
    }
}

fn reason(sample: &Projected) -> Option<&'static str> {
    match sample.no_call {
        Some(NoCall::NoData) => Some("NoData"),
        Some(NoCall::NoDepth) => Some("NoDepth"),
        Some(NoCall::NoEvidence) => Some("NoEvidence"),
        Some(NoCall::NoLikelihoods) => Some("NoLikelihoods"),
        Some(NoCall::Unlisted) => Some("Unlisted"),
        Some(NoCall::LowQuality) => Some("LowGQ"),
        None if sample.conflict => Some("OVL"),
        None => None,
    }
}

/// Items with commas between; `.` without any.
fn list(line: &mut Vec<u8>, items: impl Iterator<Item = String>) {
    let start = line.len();
    for item in items {
        if line.len() > start {
            line.push(b',');
        }
        line.extend_from_slice(item.as_bytes());
    }
    if line.len() == start {
        line.push(b'.');
    }
}

/// A number with at most `places` decimals and no zeros at its end.
fn decimal(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    if text == "-0" {
        "0".to_owned()
    } else {
        text.to_owned()
    }
}
