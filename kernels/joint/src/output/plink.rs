//! Sites as PLINK 2 reads them: `.pgen` with hard calls, `.pvar` and `.psam`.
//!
//! Every alternative sequence is a variant of its own, whose genotypes count its copies; other alternative
//! alleles count as none. `*` is no variant. A haploid sample has no or two copies, as PLINK keeps them.
//! Genotypes lie as 2-bit numbers, or, where at most one sample in eight is not homozygous for the
//! reference, as a list of those that are not (PGEN storage mode 0x10, record types 0 and 4).

use std::io::{self, Write};

use kumi_seq::contig::Contigs;

use crate::genotype::Sample;
use crate::output::Called;
use crate::output::decimal::{decimal, number};
use crate::params::Params;

const MISSING: u8 = 3;
/// Variants that share an offset in the header.
const BLOCK: usize = 1 << 16;
/// Samples of a list that share a first number.
const GROUP: usize = 64;
/// A list may hold one sample in so many.
const LIST_SHARE: usize = 8;
const PACKED: u8 = 0;
const LISTED: u8 = 4;
/// The reference alleles are known.
const NO_PROVISIONAL: u8 = 0x40;

/// An alternative allele with everybody's copies of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variant {
    /// Its line of the `.pvar`, with line feed.
    pub line: Vec<u8>,
    kind: u8,
    record: Vec<u8>,
}

/// The variants of a site.
#[must_use]
pub fn variants(called: &Called<'_>, params: &Params) -> Vec<Variant> {
    let site = &called.site.site;
    let low = called.site.quality < f64::from(params.site_quality_min);
    let variant = |allele: usize| {
        let mut line = called.contig.name.as_bytes().to_vec();
        line.push(b'\t');
        number(&mut line, site.start + 1);
        line.extend_from_slice(b"\t.\t");
        line.extend_from_slice(&site.reference);
        line.push(b'\t');
        line.extend_from_slice(&site.text(allele));
        line.push(b'\t');
        line.extend_from_slice(decimal(called.site.quality, 2).as_bytes());
        line.extend_from_slice(if low { b"\tLowQual\n" } else { b"\tPASS\n" });
        let genotypes: Vec<u8> = called.cells.samples().map(|s| copies(&s, allele)).collect();
        let (kind, record) = encoded(&genotypes);
        Variant { line, kind, record }
    };
    (1..=site.alternatives.len()).map(variant).collect()
}

/// Copies of an allele.
fn copies(sample: &Sample<'_>, allele: usize) -> u8 {
    let copy = |&other: &u16| u8::from(usize::from(other) == allele);
    match sample.genotype.alleles() {
        [] => MISSING,
        [one] => 2 * copy(one),
        alleles => alleles.iter().map(copy).sum(),
    }
}

/// The record type and the record.
fn encoded(genotypes: &[u8]) -> (u8, Vec<u8>) {
    let others: Vec<usize> = (0..genotypes.len())
        .filter(|&at| genotypes[at] > 0)
        .collect();
    if others.len() > genotypes.len() / LIST_SHARE {
        return (PACKED, packed(genotypes.iter().copied()));
    }
    let mut record = Vec::new();
    varint(&mut record, others.len());
    let width = number_bytes(genotypes.len());
    for group in others.chunks(GROUP) {
        record.extend_from_slice(&group[0].to_le_bytes()[..width]);
    }
    let groups: Vec<Vec<u8>> = others
        .chunks(GROUP)
        .map(|group| {
            let mut steps = Vec::new();
            for pair in group.windows(2) {
                varint(&mut steps, pair[1] - pair[0]);
            }
            steps
        })
        .collect();
    if let Some((_, before)) = groups.split_last() {
        // Less the 63 that they have at least.
        record.extend(before.iter().map(|steps| (steps.len() - (GROUP - 1)) as u8));
    }
    record.extend(packed(others.iter().map(|&at| genotypes[at])));
    record.extend(groups.concat());
    (LISTED, record)
}

/// Four genotypes a byte, the first lowest.
fn packed(genotypes: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (at, genotype) in genotypes.enumerate() {
        if at % 4 == 0 {
            bytes.push(0);
        }
        if let Some(byte) = bytes.last_mut() {
            *byte |= genotype << (2 * (at % 4));
        }
    }
    bytes
}

fn varint(out: &mut Vec<u8>, mut value: usize) {
    while value >= 128 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Bytes of a sample's number: as many as the number of samples itself takes.
fn number_bytes(samples: usize) -> usize {
    match samples {
        0..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xff_ffff => 3,
        _ => 4,
    }
}

/// The `.pgen` of a cohort, being made. Its header tells the lengths of all records, so that it can only be written when
/// all variants are known: records go to `records` as they come, and memory holds five bytes of each.
#[derive(Debug)]
pub struct Pgen<W> {
    header: PgenHeader,
    records: W,
}

impl<W: Write> Pgen<W> {
    /// An empty one of so many samples.
    #[must_use]
    pub fn new(samples: usize, records: W) -> Self {
        let header = PgenHeader {
            samples: samples as u32,
            kinds: Vec::new(),
            lengths: Vec::new(),
        };
        Self { header, records }
    }

    /// Adds a variant.
    ///
    /// # Errors
    /// Those of `records`.
    pub fn push(&mut self, variant: &Variant) -> io::Result<()> {
        self.header.kinds.push(variant.kind);
        self.header.lengths.push(variant.record.len() as u32);
        self.records.write_all(&variant.record)
    }

    /// The header, and the records, which make the file together.
    pub fn finish(self) -> (PgenHeader, W) {
        (self.header, self.records)
    }
}

/// What stands in a `.pgen` before the records.
#[derive(Clone, Debug)]
pub struct PgenHeader {
    samples: u32,
    kinds: Vec<u8>,
    lengths: Vec<u32>,
}

impl PgenHeader {
    /// Writes it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let longest = self.lengths.iter().copied().max().unwrap_or(0);
        let width = ((32 - longest.leading_zeros()).div_ceil(8)).max(1) as usize;
        out.write_all(&[0x6c, 0x1b, 0x10])?;
        out.write_all(&(self.kinds.len() as u32).to_le_bytes())?;
        out.write_all(&self.samples.to_le_bytes())?;
        out.write_all(&[NO_PROVISIONAL | (width as u8 - 1)])?;
        let told = |variants: usize| variants.div_ceil(2) + variants * width;
        let blocks = || self.kinds.chunks(BLOCK);
        let header: usize = blocks().map(|kinds| 8 + told(kinds.len())).sum();
        let mut offset = 12 + header as u64;
        for lengths in self.lengths.chunks(BLOCK) {
            out.write_all(&offset.to_le_bytes())?;
            offset += lengths.iter().map(|&length| u64::from(length)).sum::<u64>();
        }
        for (kinds, lengths) in blocks().zip(self.lengths.chunks(BLOCK)) {
            let pairs = kinds.chunks(2);
            let pairs = pairs.map(|pair| pair[0] | pair.get(1).map_or(0, |kind| kind << 4));
            out.write_all(&pairs.collect::<Vec<u8>>())?;
            for length in lengths {
                out.write_all(&length.to_le_bytes()[..width])?;
            }
        }
        Ok(())
    }
}

/// The `.psam` of samples, which are in the order of the genotypes.
#[must_use]
pub fn psam(samples: &[String]) -> String {
    let lines = samples.iter().map(|sample| format!("{sample}\n"));
    format!("#IID\n{}", lines.collect::<String>())
}

/// What stands above the lines of the `.pvar`.
#[must_use]
pub fn pvar_header(contigs: &Contigs) -> String {
    let contig = |(_, contig): (_, &kumi_seq::contig::Contig)| {
        format!("##contig=<ID={},length={}>\n", contig.name, contig.length)
    };
    let contigs: String = contigs.iter().map(contig).collect();
    format!(
        "##FILTER=<ID=LowQual,Description=\"QUAL is below the limit\">\n{contigs}#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\n"
    )
}

#[cfg(test)]
mod tests {
    use super::{encoded, number_bytes, packed, varint};

    #[test]
    fn few_carriers_are_listed() {
        let mut genotypes = vec![0; 300];
        (genotypes[7], genotypes[130], genotypes[299]) = (1, 2, 3);
        let (kind, record) = encoded(&genotypes);
        // Three; the first as two bytes; 1, 2 and 3 in two bits each; 123 and 169 as steps.
        assert_eq!(kind, 4);
        assert_eq!(record, [3, 7, 0, 0b11_10_01, 123, 0xa9, 1]);
        assert_eq!(encoded(&vec![0; 300]), (4, vec![0]));
        assert_eq!(encoded(&[1, 0, 2, 3, 1]), (0, vec![0b11_10_00_01, 1]));
    }

    #[test]
    fn groups_tell_their_lengths() {
        let mut genotypes = vec![0; 1_040];
        for at in 0..130 {
            genotypes[8 * at] = 1;
        }
        let (_, record) = encoded(&genotypes);
        assert_eq!(record[..2], [130, 1]);
        // Three groups begin at 0, 512 and 1,024; two of them have 63 steps of one byte.
        assert_eq!(record[2..8], [0, 0, 0, 2, 0, 4]);
        assert_eq!(record[8..10], [0, 0]);
        assert_eq!(record.len(), 10 + 33 + 127);
    }

    #[test]
    fn small_parts() {
        let mut out = Vec::new();
        varint(&mut out, 300);
        assert_eq!(out, [0xac, 2]);
        assert_eq!(packed([1, 2, 3].into_iter()), [0b11_10_01]);
        let cohorts = [255, 256, 65_535, 65_536, 16_777_215, 16_777_216];
        assert_eq!(cohorts.map(number_bytes), [1, 2, 2, 3, 3, 4]);
    }
}
