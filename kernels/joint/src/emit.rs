//! A genotyped site as a line of VCF.

use std::io::Write as _;

use kumi_formats::vcf::Record;
use kumi_seq::contig::ContigId;

use crate::genotype::{Evidence, Genotyped, Sample};
use crate::params::Params;
use crate::project::{NoCall, block_depths};

/// Samples from which an inbreeding coefficient means something.
const INBREEDING_SAMPLES_MIN: u32 = 10;

/// The record of a site.
pub(crate) fn record(
    called: &Genotyped<'_>,
    contig: ContigId,
    name: &str,
    params: &Params,
) -> Record {
    let site = &called.site;
    let mut line = Vec::with_capacity(256);
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
    for sample in called.samples() {
        line.push(b'\t');
        cell(&mut line, &sample, site.alleles(), with_pl);
    }
    Record {
        contig,
        start: site.start,
        end: site.end(),
        line,
    }
}

fn info(line: &mut Vec<u8>, called: &Genotyped<'_>) {
    let total: u32 = called.copies.iter().sum();
    let alternative = &called.copies[1..];
    line.extend_from_slice(b"AC=");
    list(line, alternative.iter().copied());
    line.extend_from_slice(b";AF=");
    for (at, copies) in alternative.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let share = decimal(f64::from(*copies) / f64::from(total), 6);
        let _ = write!(line, "{comma}{share}");
    }
    let _ = write!(line, ";AN={total};NS={}", called.called);
    let counts = &called.diploid;
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

fn cell(line: &mut Vec<u8>, sample: &Sample<'_>, alleles: usize, with_pl: bool) {
    let genotype = sample.genotype;
    let (ploidy, conflict) = match sample.evidence {
        Evidence::Block(class) => (class.ploidy, false),
        Evidence::Own(own) => (own.ploidy, own.conflict),
    };
    match genotype.alleles() {
        [] if ploidy == 1 => line.push(b'.'),
        [] => line.extend_from_slice(b"./."),
        [one] => number(line, u32::from(*one)),
        [one, more @ ..] => {
            number(line, u32::from(*one));
            for allele in more {
                line.push(b'/');
                number(line, u32::from(*allele));
            }
        }
    }
    line.push(b':');
    match sample.evidence {
        Evidence::Block(_) => list(line, block_depths(sample.depth, alleles).into_iter()),
        Evidence::Own(own) => list(line, own.depths.iter().copied()),
    }
    line.push(b':');
    list(line, sample.depth.into_iter());
    line.push(b':');
    let called = !genotype.alleles().is_empty();
    list(
        line,
        called.then_some(u32::from(genotype.quality)).into_iter(),
    );
    if with_pl {
        line.push(b':');
        match sample.evidence {
            Evidence::Block(class) => list(line, class.expanded(alleles).into_iter()),
            Evidence::Own(own) => list(line, own.likelihoods.iter().copied()),
        }
    }
    if let Some(reason) = reason(genotype.no_call, conflict) {
        line.push(b':');
        line.extend_from_slice(reason.as_bytes());
    }
}

/// FT of a sample.
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

/// Numbers with commas between; `.` without any.
fn list(line: &mut Vec<u8>, items: impl Iterator<Item = u32>) {
    let start = line.len();
    for item in items {
        if line.len() > start {
            line.push(b',');
        }
        number(line, item);
    }
    if line.len() == start {
        line.push(b'.');
    }
}

fn number(line: &mut Vec<u8>, value: u32) {
    if value < 10 {
        line.push(b'0' + value as u8);
        return;
    }
    let mut digits = [0; 10];
    let (mut first, mut rest) = (digits.len(), value);
    while rest > 0 {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    line.extend_from_slice(&digits[first..]);
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
