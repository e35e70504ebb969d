//! Random gVCFs as different callers write them.

use std::fmt::Write as _;

use proptest::prelude::*;

/// Who writes a gVCF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `<NON_REF>`, PL in blocks, phase sets.
    Gatk,
    /// `<*>`, blocks with MIN_DP and GQ only.
    DeepVariant,
    /// ALT `.` in blocks, GQX, filters of the sample, haploid beside deletions.
    Strelka,
}

/// A variant: where, bases taken, what is put in, genotype, quality, phased.
pub(crate) type Variant = (u32, usize, String, u8, u32, bool);

/// What one sample's file is made of.
pub(crate) type Sample = (Dialect, Vec<Variant>, u32);

pub(crate) fn sample() -> impl Strategy<Value = Sample> {
    let dialect = prop_oneof![
        Just(Dialect::Gatk),
        Just(Dialect::DeepVariant),
        Just(Dialect::Strelka)
    ];
    let put = prop_oneof![
        Just("A"),
        Just("C"),
        Just("G"),
        Just("AC"),
        Just("CA"),
        Just("ACA"),
        Just("TG"),
    ];
    let put = put.prop_map(String::from);
    let one = (0u32..380, 1usize..9, put, 0u8..5, 3u32..300, any::<bool>());
    let variants = prop::collection::vec(one, 0..20).prop_map(|mut all| {
        all.sort();
        all
    });
    (dialect, variants, 0u32..40)
}

/// The lines of a sample's gVCF of contig `c`, as [`crate::cohort::gvcf`] takes them.
pub(crate) fn lines(bases: &str, (dialect, variants, depth): &Sample) -> String {
    let mut writer = Writer {
        bases,
        dialect: *dialect,
        depth: *depth,
        text: String::new(),
    };
    let mut at = 0usize;
    for variant in variants {
        let (start, taken) = (variant.0 as usize, variant.1);
        let overlaps = *dialect == Dialect::Strelka && start + 4 > at;
        if (start < at && !overlaps) || start + taken + 1 >= bases.len() {
            continue;
        }
        if variant.2 == bases[start..start + taken] {
            continue;
        }
        // Strelka's calls may lie in the deletion of another; they stand in order all the same.
        if start >= at {
            writer.blocks(at, start);
        } else if !writer.follows(start) {
            continue;
        }
        writer.variant(variant);
        at = at.max(start + taken);
    }
    writer.blocks(at, bases.len());
    writer.text
}

struct Writer<'a> {
    bases: &'a str,
    dialect: Dialect,
    depth: u32,
    text: String,
}

impl Writer<'_> {
    /// True when a record may stand at `start` after the last one.
    fn follows(&self, start: usize) -> bool {
        let last = self
            .text
            .lines()
            .last()
            .and_then(|line| line.split(' ').nth(1));
        last.and_then(|pos| pos.parse::<usize>().ok())
            .is_none_or(|pos| pos <= start + 1)
    }

    /// Blocks of the bases, of a length and depth that change.
    fn blocks(&mut self, mut from: usize, to: usize) {
        while from < to {
            let end = to.min(from + 7 + from * 13 % 41);
            let depth = (self.depth as usize + from / 5 % 9).saturating_sub(4);
            let (quality, two) = ((3 * depth).min(99), 3 * depth * 10 + from % 7);
            let (pos, base) = (from + 1, &self.bases[from..=from]);
            let text = match self.dialect {
                Dialect::Gatk => format!(
                    "c {pos} {base} <NON_REF> . END={end} GT:DP:GQ:MIN_DP:PL 0/0:{}:{quality}:{depth}:0,{quality},{two}",
                    depth + 1
                ),
                Dialect::DeepVariant => format!(
                    "c {pos} {base} <*> . END={end} GT:GQ:MIN_DP {}:{quality}:{depth}",
                    if depth == 0 { "./." } else { "0/0" }
                ),
                Dialect::Strelka if from.is_multiple_of(11) => {
                    format!(
                        "c {pos} {base} . PASS END={end} GT:GQX:DP:MIN_DP 0:{quality}:{depth}:{depth}"
                    )
                }
                Dialect::Strelka => {
                    format!(
                        "c {pos} {base} . PASS END={end};BLOCKAVG GT:GQX:DP:MIN_DP 0/0:{quality}:{depth}:{depth}"
                    )
                }
            };
            let _ = writeln!(self.text, "{text}");
            from = end;
        }
    }

    fn variant(&mut self, (start, taken, put, genotype, quality, phased): &Variant) {
        let (pos, start) = (start + 1, *start as usize);
        let reference = &self.bases[start..start + taken];
        let (q, nine) = (quality, quality * 9);
        let (gt, pl) = match genotype {
            0 => ("0/1", [*q, 0, *q]),
            1 => ("1/1", [nine, *q, 0]),
            2 => ("0/0", [0, *q, nine]),
            3 => ("./.", [0, 0, 0]),
            _ => ("1/0", [*q, 0, nine]),
        };
        let gt = if *phased {
            gt.replace('/', "|")
        } else {
            gt.to_owned()
        };
        let [none, one, two] = pl;
        let any = format!("{none},{one},{two},{},{},{}", none + 45, one + 30, two + 77);
        let set = 1 + start / 60 * 60;
        let text = match self.dialect {
            Dialect::Gatk if *phased => format!(
                "c {pos} {reference} {put},<NON_REF> . . GT:AD:DP:GQ:PL:PS {gt}:7,8,0:15:{q}:{any}:{set}"
            ),
            Dialect::Gatk => format!(
                "c {pos} {reference} {put},<NON_REF> . . GT:AD:DP:GQ:PL {gt}:7,{},0:15:{q}:{any}",
                q % 11
            ),
            Dialect::DeepVariant if q % 3 == 0 => {
                format!(
                    "c {pos} {reference} {put},<*> RefCall . GT:GQ:DP {gt}:{q}:{}",
                    q % 40
                )
            }
            Dialect::DeepVariant => {
                format!(
                    "c {pos} {reference} {put},<*> PASS . GT:GQ:DP:AD:PL {gt}:{q}:15:7,8,0:{any}"
                )
            }
            Dialect::Strelka => format!(
                "c {pos} {reference} {put} {} CIGAR=x GT:GQ:GQX:DPI:AD:FT:PL:PS {gt}:{q}:{}:44:20,24:{}:{none},{one},{two}:{set}",
                if q % 5 == 0 { "SampleFT" } else { "PASS" },
                q / 2,
                if q % 7 == 0 { "LowGQX" } else { "PASS" },
            ),
        };
        let _ = writeln!(self.text, "{text}");
    }
}
