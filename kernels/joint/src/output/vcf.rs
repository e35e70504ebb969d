//! A site as a line of VCF.

use std::io::Write as _;

use kumi_formats::vcf::Record;

use crate::genotype::{Evidence, Sample};
use crate::output::decimal::{decimal, list, number};
use crate::output::{Called, Contig, reason, record_of, share};
use crate::params::Params;
use crate::project::block_depths;
use crate::site_call::Decided;

/// The record of a site with a column for each sample.
#[must_use]
pub fn record(called: &Called<'_>, params: &Params) -> Record {
    let mut line = site(&called.site, called.contig, params);
    let alternatives = called.site.site.alternatives.len();
    let with_pl = alternatives <= params.pl_alternatives_max;
    line.extend_from_slice(if with_pl {
        b"\tGT:AD:DP:GQ:PL:FT"
    } else {
        b"\tGT:AD:DP:GQ:FT"
    });
    for sample in called.cells.samples() {
        line.push(b'\t');
        cell(&mut line, &sample, called.site.site.alleles(), with_pl);
    }
    record_of(&called.site, called.contig, line)
}

/// The record of a site without samples: alleles, quality and what INFO says of the cohort.
#[must_use]
pub fn sites_only(called: &Called<'_>, params: &Params) -> Record {
    site_record(&called.site, called.contig, params)
}

/// As [`sites_only`], of a site of which no samples are known.
pub(crate) fn site_record(decided: &Decided, contig: Contig<'_>, params: &Params) -> Record {
    record_of(decided, contig, site(decided, contig, params))
}

/// The columns from CHROM to INFO.
fn site(decided: &Decided, contig: Contig<'_>, params: &Params) -> Vec<u8> {
    let (site, mut line) = (&decided.site, Vec::with_capacity(256));
    line.extend_from_slice(contig.name.as_bytes());
    line.push(b'\t');
    number(&mut line, site.start + 1);
    line.extend_from_slice(b"\t.\t");
    line.extend_from_slice(&site.reference);
    for allele in 1..site.alleles() {
        line.push(if allele == 1 { b'\t' } else { b',' });
        line.extend_from_slice(&site.text(allele));
    }
    let filter = if decided.quality < f64::from(params.site_quality_min) {
        "LowQual"
    } else {
        "PASS"
    };
    let quality = decimal(decided.quality, 2);
    // Writing to a vector cannot fail.
    let _ = write!(line, "\t{quality}\t{filter}\t");
    info(&mut line, decided);
    line
}

fn info(line: &mut Vec<u8>, decided: &Decided) {
    let total: u32 = decided.copies.iter().sum();
    let alternative = &decided.copies[1..];
    line.extend_from_slice(b"AC=");
    list(line, alternative.iter().copied());
    line.extend_from_slice(b";AF=");
    for (at, copies) in alternative.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let share = share(*copies, total).map_or(".".to_owned(), |share| decimal(share, 6));
        let _ = write!(line, "{comma}{share}");
    }
    let _ = write!(line, ";AN={total};NS={}", decided.called);
    if let Some(excess) = decided.excess_het() {
        let _ = write!(line, ";ExcessHet={}", decimal(excess, 4));
    }
    if let Some(inbreeding) = decided.inbreeding() {
        let _ = write!(line, ";InbreedingCoeff={}", decimal(inbreeding, 4));
    }
}

fn cell(line: &mut Vec<u8>, sample: &Sample<'_>, alleles: usize, with_pl: bool) {
    let genotype = sample.genotype;
    match genotype.alleles() {
        [] if sample.ploidy() == 1 => line.push(b'.'),
        [] => line.extend_from_slice(b"./."),
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
    if let Some(reason) = reason(genotype.no_call, sample.conflict()) {
        line.push(b':');
        line.extend_from_slice(reason.as_bytes());
    }
}
