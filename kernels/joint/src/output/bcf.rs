//! A site as a record of BCF with local alleles (VCF 4.5), for large cohorts.
//!
//! Every sample gets GT, and DP and GQ rounded down to a few steps, so that long runs of samples say the
//! same. Whose genotype is in doubt, or has reads that do not look like it, also gets LAA, LAD and LPL: the
//! alleles that it carries or has reads of, their reads, and their likelihoods. Where no reads are told, the alleles
//! of genotypes that are not ruled out stand for those that have some.
//!
//! Layout: section 6.3 of the VCF specification.

use kumi_formats::vcf::Record;

use crate::evidence::diploid;
use crate::genotype::{Evidence, Genotyped, Sample};
use crate::header::Keys;
use crate::output::{Called, share};
use crate::params::Params;
use crate::project::{NoCall, Projected};

/// What DP is rounded down to.
const DEPTHS: [u32; 10] = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500];
/// What GQ is rounded down to.
const QUALITIES: [u32; 5] = [0, 5, 10, 20, 40];
/// Phred by which one genotype must be likelier than all others to be beyond doubt.
const CERTAIN: u32 = 50;
/// How far the share of reads of an allele may be from that of its copies, in hundredths.
const SHARE_OFF_MAX: u64 = 20;
/// The greatest likelihood told apart: one byte.
const LIKELIHOOD_MAX: u32 = 120;

const MISSING: i32 = i32::MIN;
const END: i32 = i32::MIN + 1;
/// Bits of a missing float.
const FLOAT_MISSING: u32 = 0x7f80_0001;
const INT8: u8 = 1;
const INT16: u8 = 2;
const INT32: u8 = 3;
const FLOAT: u8 = 5;
const CHAR: u8 = 7;

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
    let samples = genotyped.samples().count() as u32;
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

/// Why there is no genotype, or what is doubtful about it, in a letter.
fn letter(sample: &Sample<'_>) -> Option<u8> {
    Some(match sample.genotype.no_call {
        Some(NoCall::NoData) => b'N',
        Some(NoCall::NoDepth) => b'D',
        Some(NoCall::NoEvidence) => b'E',
        Some(NoCall::NoLikelihoods) => b'L',
        Some(NoCall::Unlisted) => b'U',
        Some(NoCall::LowQuality) => b'Q',
        None if sample.conflict() => b'O',
        None => return None,
    })
}

/// Number of FORMAT fields, and the fields.
fn samples(genotyped: &Genotyped<'_>, keys: &Keys) -> (u32, Vec<u8>) {
    let mut columns = Columns::default();
    for sample in genotyped.samples() {
        columns.genotypes.extend(coded(&sample));
        let called = !sample.genotype.alleles().is_empty();
        let quality = called.then_some(u32::from(sample.genotype.quality));
        let value = |number: Option<u32>| number.map_or(MISSING, |number| number as i32);
        let depth = sample.depth.map(|depth| step(depth, &DEPTHS));
        columns.depths.push(value(depth));
        let quality = quality.map(|quality| step(quality, &QUALITIES));
        columns.qualities.push(value(quality));
        columns.local.push(match sample.evidence {
            Evidence::Block(_) => None,
            Evidence::Own(own) => Local::of(own, sample.genotype.alleles()),
        });
        columns.reasons.push(letter(&sample));
    }
    columns.encoded(keys)
}

/// GT of a sample: two values, of which a haploid sample uses one.
fn coded(sample: &Sample<'_>) -> [i32; 2] {
    let second = |value: i32| if sample.ploidy() == 1 { END } else { value };
    let coded = |allele: &u16| (i32::from(*allele) + 1) << 1;
    match sample.genotype.alleles() {
        [] => [0, second(0)],
        [one] => [coded(one), END],
        [one, two, ..] => [coded(one), coded(two)],
    }
}

/// The greatest step that is not above a value.
fn step(value: u32, steps: &[u32]) -> u32 {
    let above = steps.partition_point(|step| *step <= value);
    above.checked_sub(1).map_or(0, |at| steps[at])
}

/// A sample's own alleles, depths and likelihoods.
struct Local {
    alleles: Vec<i32>,
    depths: Vec<i32>,
    likelihoods: Vec<i32>,
}

impl Local {
    /// The alleles that are carried or have reads; `None` when there is none but REF, or when the genotype is
    /// beyond doubt and the reads look like it.
    fn of(own: &Projected, called: &[u16]) -> Option<Self> {
        if is_certain(&own.likelihoods) && fits(&own.depths, called) {
            return None;
        }
        let has = |allele: usize| {
            called.contains(&(allele as u16))
                || own.depths.get(allele).is_some_and(|n| *n > 0)
                || (own.depths.is_empty() && is_possible(own, allele))
        };
        let alleles = own.alleles();
        let kept: Vec<usize> = (0..alleles).filter(|&a| a == 0 || has(a)).collect();
        if kept.len() < 2 {
            return None;
        }
        let depths = kept.iter().filter_map(|&allele| own.depths.get(allele));
        let mut likelihoods = Vec::new();
        for (at, &b) in kept.iter().enumerate() {
            if own.ploidy == 1 {
                likelihoods.extend(own.likelihoods.get(b));
            } else {
                let of = |a: &usize| own.likelihoods.get(diploid(*a, b));
                likelihoods.extend(kept[..=at].iter().filter_map(of));
            }
        }
        Some(Self {
            alleles: kept[1..].iter().map(|&allele| allele as i32).collect(),
            depths: depths.map(|&depth| depth as i32).collect(),
            likelihoods: likelihoods
                .into_iter()
                .map(|&pl| pl.min(LIKELIHOOD_MAX) as i32)
                .collect(),
        })
    }
}

/// True when likelihoods do not rule out all genotypes with an allele.
fn is_possible(own: &Projected, allele: usize) -> bool {
    let possible = |at: usize| own.likelihoods.get(at).is_some_and(|pl| *pl < CERTAIN);
    if own.ploidy == 1 {
        return possible(allele);
    }
    (0..own.alleles()).any(|other| possible(diploid(other.min(allele), other.max(allele))))
}

/// True when one genotype is likelier than all others by far.
fn is_certain(likelihoods: &[u32]) -> bool {
    likelihoods.iter().filter(|pl| **pl < CERTAIN).count() == 1
}

/// True when the share of every allele's reads is about that of its copies.
fn fits(depths: &[u32], called: &[u16]) -> bool {
    let depths = || depths.iter().map(|&depth| u64::from(depth));
    let (reads, copies) = (depths().sum::<u64>(), called.len() as u64);
    let near = |(allele, depth): (usize, u64)| {
        let own = called.iter().filter(|other| usize::from(**other) == allele);
        let (found, expected) = (depth * copies, own.count() as u64 * reads);
        found.abs_diff(expected) * 100 <= SHARE_OFF_MAX * reads * copies
    };
    copies > 0 && reads > 0 && depths().enumerate().all(near)
}

/// Values by FORMAT key, then by sample.
#[derive(Default)]
struct Columns {
    genotypes: Vec<i32>,
    depths: Vec<i32>,
    qualities: Vec<i32>,
    local: Vec<Option<Local>>,
    reasons: Vec<Option<u8>>,
}

impl Columns {
    fn encoded(&self, keys: &Keys) -> (u32, Vec<u8>) {
        let mut out = Vec::with_capacity(12 * self.depths.len());
        let mut fields = 3;
        matrix(&mut out, keys.gt, 2, &self.genotypes);
        matrix(&mut out, keys.dp, 1, &self.depths);
        matrix(&mut out, keys.gq, 1, &self.qualities);
        fields += self.lists(&mut out, keys.laa, |local| &local.alleles);
        fields += self.lists(&mut out, keys.lad, |local| &local.depths);
        fields += self.lists(&mut out, keys.lpl, |local| &local.likelihoods);
        if self.reasons.iter().any(Option::is_some) {
            fields += 1;
            numbers(&mut out, &[keys.nc]);
            descriptor(&mut out, 1, CHAR);
            out.extend(self.reasons.iter().map(|reason| reason.unwrap_or(b'.')));
        }
        (fields, out)
    }

    /// Writes a field of lists unless all are empty; number of fields written.
    fn lists(&self, out: &mut Vec<u8>, key: i32, of: impl Fn(&Local) -> &Vec<i32>) -> u32 {
        let lengths = self.local.iter().flatten().map(|local| of(local).len());
        let width = lengths.max().unwrap_or(0);
        if width == 0 {
            return 0;
        }
        let mut values = vec![END; width * self.local.len()];
        for (cell, local) in values.chunks_exact_mut(width).zip(&self.local) {
            match local.as_ref().map(&of) {
                Some(list) if !list.is_empty() => cell[..list.len()].copy_from_slice(list),
                _ => cell[0] = MISSING,
            }
        }
        matrix(out, key, width, &values);
        1
    }
}

/// A FORMAT field: so many values for each sample, in the fewest bytes that hold all.
fn matrix(out: &mut Vec<u8>, key: i32, width: usize, values: &[i32]) {
    numbers(out, &[key]);
    let kind = narrowest(values);
    descriptor(out, width, kind);
    put(out, kind, values);
}

/// A list of integers with its type.
fn numbers(out: &mut Vec<u8>, values: &[i32]) {
    let kind = narrowest(values);
    descriptor(out, values.len(), kind);
    put(out, kind, values);
}

fn narrowest(values: &[i32]) -> u8 {
    let real = values.iter().filter(|value| **value > END);
    let most = real.fold(0, |most, value| most.max(*value));
    match most {
        0..=127 => INT8,
        128..=32_767 => INT16,
        _ => INT32,
    }
}

fn put(out: &mut Vec<u8>, kind: u8, values: &[i32]) {
    let special = |value: i32| (value - MISSING) as u8;
    match kind {
        INT8 => out.extend(values.iter().map(|&value| {
            if value > END {
                value as u8
            } else {
                0x80 + special(value)
            }
        })),
        INT16 => {
            for &value in values {
                let coded = if value > END {
                    value as u16
                } else {
                    0x8000 + u16::from(special(value))
                };
                out.extend_from_slice(&coded.to_le_bytes());
            }
        }
        _ => {
            for value in values {
                out.extend_from_slice(&value.to_le_bytes());
            }
        }
    }
}

fn floats(out: &mut Vec<u8>, values: &[Option<f64>]) {
    descriptor(out, values.len(), FLOAT);
    for value in values {
        let bits = value.map_or(FLOAT_MISSING, |value| (value as f32).to_bits());
        out.extend_from_slice(&bits.to_le_bytes());
    }
}

fn text(out: &mut Vec<u8>, text: &[u8]) {
    descriptor(out, text.len(), CHAR);
    out.extend_from_slice(text);
}

/// Length and type of what follows.
fn descriptor(out: &mut Vec<u8>, length: usize, kind: u8) {
    if length < 15 {
        out.push((length as u8) << 4 | kind);
    } else {
        out.push(0xf0 | kind);
        numbers(out, &[length as i32]);
    }
}

#[cfg(test)]
mod tests {
    use smallvec::smallvec;

    use crate::project::{NoCall, Projected};

    use super::{END, Local, MISSING, fits, floats, numbers, step};

    #[test]
    fn reads_look_like_their_genotype() {
        assert!(fits(&[15, 14], &[0, 1]) && fits(&[10, 20], &[0, 1]));
        assert!(!fits(&[8, 22], &[0, 1]), "27 % are more than 20 from 50");
        assert!(fits(&[1, 20], &[1, 1]) && !fits(&[6, 20], &[1, 1]));
        assert!(fits(&[0, 9], &[1]) && !fits(&[9, 9], &[1]));
        let most = i32::MAX as u32;
        assert!(fits(&[most, most], &[0, 1]) && !fits(&[most, most], &[0, 0]));
        assert!(!fits(&[0, 0], &[0, 1]) && !fits(&[10, 1], &[]));
    }

    #[test]
    fn who_is_in_doubt_keeps_likelihoods_without_reads() {
        let local = |likelihoods| {
            let own = Projected {
                ploidy: 2,
                likelihoods,
                depths: smallvec![],
                depth: None,
                no_call: Some(NoCall::LowQuality),
                conflict: false,
            };
            Local::of(&own, &[]).map(|local| (local.alleles, local.likelihoods))
        };
        let doubtful = smallvec![60, 2, 0, 90, 80, 70];
        assert_eq!(local(doubtful), Some((vec![1], vec![60, 2, 0])));
        assert_eq!(local(smallvec![0, 60, 90, 70, 99, 99]), None);
    }

    #[test]
    fn numbers_take_the_bytes_that_they_need() {
        let coded = |values: &[i32]| {
            let mut out = Vec::new();
            numbers(&mut out, values);
            out
        };
        assert_eq!(coded(&[5]), [0x11, 5]);
        assert_eq!(coded(&[MISSING, END, 1]), [0x31, 0x80, 0x81, 1]);
        assert_eq!(coded(&[MISSING, 300]), [0x22, 0x00, 0x80, 0x2c, 0x01]);
        assert_eq!(coded(&[70_000, END])[..5], [0x23, 0x70, 0x11, 0x01, 0]);
        let long = vec![1; 20];
        assert_eq!(coded(&long)[..4], [0xf1, 0x11, 20, 1]);
    }

    #[test]
    fn a_missing_float_is_no_nan_of_the_machine() {
        let mut out = Vec::new();
        floats(&mut out, &[Some(0.5), None]);
        assert_eq!(out, [0x25, 0, 0, 0, 0x3f, 1, 0, 0x80, 0x7f]);
    }

    #[test]
    fn steps_round_down() {
        let steps = [0, 5, 10];
        assert_eq!(
            [0, 4, 5, 99].map(|value| step(value, &steps)),
            [0, 0, 5, 10]
        );
    }
}
