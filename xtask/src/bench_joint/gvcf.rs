//! The gVCF of a simulated sample, as GATK HaplotypeCaller writes it from 30x: 8,190 reference blocks and 1,420 other
//! records a megabase.

use std::fmt::Write as _;

use crate::bench_joint::sites::{Carried, Site};
use crate::random::Random;

/// Contig of the simulated genome.
pub(super) const CONTIG: &str = "chr1";
const DEPTH: f64 = 30.0;
/// Between samples, and along one.
const DEPTH_SAMPLES: f64 = 3.0;
const DEPTH_ALONG: f64 = 5.0;
/// How much of its depth a block has in common with the one before.
const DEPTH_KEPT: f64 = 0.7;
/// Share of blocks with few reads.
const GAPS: f64 = 0.01;
/// Mean length of a block that no record ends.
const BLOCK: f64 = 148.0;
/// Wrong reads.
const ERROR: f64 = 0.002;
/// Records a base of which the reads do not say that there is a variant.
const WEAK: f64 = 2e-5;

/// A sample's depth along the genome.
struct Depth {
    mean: f64,
    deviation: f64,
}

impl Depth {
    fn next(&mut self, random: &mut Random) -> u32 {
        let fresh = (1.0 - DEPTH_KEPT * DEPTH_KEPT).sqrt() * random.normal();
        self.deviation = DEPTH_KEPT * self.deviation + fresh;
        (self.mean + DEPTH_ALONG * self.deviation).max(0.0).round() as u32
    }
}

/// The text of the gVCF of the sample that carries `carried`.
pub(super) fn text(
    genome: &[u8],
    sites: &[Site],
    carried: &[Carried],
    name: &str,
    random: &mut Random,
) -> String {
    let mut text = header(genome.len(), name);
    let mut depth = Depth {
        mean: (DEPTH + DEPTH_SAMPLES * random.normal()).max(10.0),
        deviation: random.normal(),
    };
    let (mut at, mut weak) = (0, random.failures(WEAK));
    for carried in carried {
        let site = &sites[carried.site as usize];
        let start = site.start as usize;
        while weak < start {
            if weak >= at {
                blocks(&mut text, genome, (at, weak), &mut depth, random);
                at = weak + 1;
                let other = random.other_base(genome[weak]);
                let site = Site {
                    start: weak as u32,
                    reference: vec![genome[weak]],
                    alternatives: vec![vec![other]],
                };
                let reads = depth.next(random).max(6);
                let alternative = 2 + random.below(3) as u32;
                call(
                    &mut text,
                    &site,
                    &[0, 1],
                    &[reads - alternative, alternative],
                );
            }
            weak += 1 + random.failures(WEAK);
        }
        // What lies in a deletion of the same sample is not written.
        if start < at {
            continue;
        }
        blocks(&mut text, genome, (at, start), &mut depth, random);
        at = start + site.reference.len();
        variant(&mut text, site, carried, depth.next(random).max(4), random);
    }
    blocks(&mut text, genome, (at, genome.len()), &mut depth, random);
    text
}

fn header(length: usize, name: &str) -> String {
    format!(
        "##fileformat=VCFv4.2\n\
         ##ALT=<ID=NON_REF,Description=\"Represents any possible alternative allele not already represented at this location by REF and ALT\">\n\
         ##FORMAT=<ID=AD,Number=R,Type=Integer,Description=\"Allelic depths for the ref and alt alleles in the order listed\">\n\
         ##FORMAT=<ID=DP,Number=1,Type=Integer,Description=\"Approximate read depth\">\n\
         ##FORMAT=<ID=GQ,Number=1,Type=Integer,Description=\"Genotype Quality\">\n\
         ##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">\n\
         ##FORMAT=<ID=MIN_DP,Number=1,Type=Integer,Description=\"Minimum DP observed within the GVCF block\">\n\
         ##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"Normalized, Phred-scaled likelihoods for genotypes\">\n\
         ##INFO=<ID=DP,Number=1,Type=Integer,Description=\"Approximate read depth\">\n\
         ##INFO=<ID=END,Number=1,Type=Integer,Description=\"Stop position of the interval\">\n\
         ##INFO=<ID=MLEAC,Number=A,Type=Integer,Description=\"Maximum likelihood expectation for the allele counts\">\n\
         ##INFO=<ID=RAW_MQandDP,Number=2,Type=Integer,Description=\"Raw data for RMS mapping quality\">\n\
         ##contig=<ID={CONTIG},length={length}>\n\
         #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{name}\n"
    )
}

/// Blocks of the bases from `at` to `end`.
fn blocks(
    text: &mut String,
    genome: &[u8],
    (mut at, end): (usize, usize),
    depth: &mut Depth,
    random: &mut Random,
) {
    while at < end {
        let length = 1 + random.failures(1.0 / BLOCK);
        let stop = (at + length).min(end);
        let mut least = depth.next(random);
        if random.chance(GAPS) {
            least = random.below(8) as u32;
        }
        let mut quality = (3 * least).min(99);
        if random.chance(0.07) {
            quality = random.below(quality as usize + 1) as u32;
        }
        let two = quality * 12 + random.below(200) as u32 * u32::from(quality > 0);
        let base = char::from(genome[at]);
        let place = at + 1;
        let median = least + u32::from(least > 0);
        let _ = writeln!(
            text,
            "{CONTIG}\t{place}\t.\t{base}\t<NON_REF>\t.\t.\tEND={stop}\tGT:DP:GQ:MIN_DP:PL\t0/0:{median}:{quality}:{least}:0,{quality},{two}"
        );
        at = stop;
    }
}

/// A record of a sample that carries something.
fn variant(text: &mut String, site: &Site, carried: &Carried, depth: u32, random: &mut Random) {
    let mut listed: Vec<usize> = vec![0];
    for allele in carried.alleles.map(usize::from) {
        if !listed.contains(&allele) {
            listed.push(allele);
        }
    }
    listed.sort_unstable();
    let mut reads = vec![0; listed.len()];
    for _ in 0..depth {
        let mut from = usize::from(carried.alleles[random.below(2)]);
        if random.chance(ERROR) {
            from = listed[random.below(listed.len())];
        }
        let place = listed.iter().position(|&allele| allele == from);
        reads[place.unwrap_or(0)] += 1;
    }
    call(text, site, &listed, &reads);
}

/// A record with these alleles of the site and so many reads of each.
fn call(text: &mut String, site: &Site, listed: &[usize], reads: &[u32]) {
    let support = |a: usize, b: usize| -> f64 {
        let of = |allele: usize, read: usize| {
            if allele == read {
                1.0 - ERROR
            } else {
                ERROR / 3.0
            }
        };
        let each = reads.iter().enumerate();
        each.map(|(read, &n)| f64::from(n) * -10.0 * (0.5 * (of(a, read) + of(b, read))).log10())
            .sum()
    };
    let mut costs = Vec::new();
    for b in 0..=listed.len() {
        costs.extend((0..=b).map(|a| ((a, b), support(a, b).round() as u32)));
    }
    let least = costs.iter().map(|cost| cost.1).min().unwrap_or(0);
    let best = costs.iter().find(|cost| cost.1 == least);
    let (a, b) = best.map_or((0, 0), |cost| cost.0);
    let pl: Vec<u32> = costs.iter().map(|cost| cost.1 - least).collect();
    let mut order = pl.clone();
    order.sort_unstable();
    let quality = order[1].min(99);
    let of = |allele: usize| String::from_utf8_lossy(&site.alternatives[allele - 1]).into_owned();
    let mut alternatives: Vec<String> = listed[1..].iter().map(|&allele| of(allele)).collect();
    alternatives.push("<NON_REF>".to_owned());
    let list = |values: &[u32]| {
        let texts: Vec<String> = values.iter().map(u32::to_string).collect();
        texts.join(",")
    };
    let depth: u32 = reads.iter().sum();
    let copies: Vec<u32> = (1..=listed.len())
        .map(|allele| u32::from(a == allele) + u32::from(b == allele))
        .collect();
    let _ = writeln!(
        text,
        "{CONTIG}\t{}\t.\t{}\t{}\t{}.60\t.\tDP={depth};MLEAC={};RAW_MQandDP={},{depth}\tGT:AD:DP:GQ:PL\t{a}/{b}:{},0:{depth}:{quality}:{}",
        site.start + 1,
        String::from_utf8_lossy(&site.reference),
        alternatives.join(","),
        pl[0],
        list(&copies),
        3_600 * depth,
        list(reads),
        list(&pl)
    );
}

#[cfg(test)]
mod tests {
    use super::text;
    use crate::bench_joint::sites::simulate;
    use crate::random::Random;

    #[test]
    fn as_many_records_as_of_gatk_and_every_base_once() {
        let mut random = Random::new(5, 0);
        let genome: Vec<u8> = (0..1_000_000).map(|_| b"ACGT"[random.below(4)]).collect();
        let (sites, carried) = simulate(&genome, 1, &mut random);
        let text = text(&genome, &sites, &carried[0], "s", &mut random);
        let (mut blocks, mut calls, mut at) = (0, 0, 1);
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let columns: Vec<&str> = line.split('\t').collect();
            assert_eq!(columns[1], at.to_string(), "{line}");
            match columns[7].strip_prefix("END=") {
                Some(end) => {
                    blocks += 1;
                    at = end.parse::<usize>().expect("a number") + 1;
                }
                None => {
                    calls += 1;
                    at += columns[3].len();
                }
            }
        }
        assert_eq!(at, genome.len() + 1);
        assert!((7_700..8_700).contains(&blocks), "{blocks} blocks");
        assert!((1_300..1_550).contains(&calls), "{calls} calls");
    }
}
