//! The whole caller on reads in memory, written to a file and read back.

use std::path::PathBuf;

use kumi_formats::bam::{self, Fields};
use kumi_formats::header::{Header, ReadGroup, SortOrder};
use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_formats::vcf::Record;
use kumi_seq::cigar;
use kumi_seq::contig::{Contig, ContigId};
use kumi_seq::interval::Interval;
use kumi_seq::ploidy::{PloidyMap, Sex};
use proptest::prelude::*;

use crate::BLOCK_EDGE;
use crate::caller::call_all;
use crate::params::Params;

mod deep;
mod long;
mod phase;
mod spanning;

const LENGTH: usize = 20_000;
const READ: usize = 100;

/// A generator with a seed (Vigna's splitmix64): test data, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % limit as u64) as usize
    }
}

fn bases(random: &mut Random, length: usize) -> Vec<u8> {
    (0..length).map(|_| b"ACGT"[random.below(4)]).collect()
}

/// A read: position, CIGAR, bases.
type Aligned = (usize, String, Vec<u8>);

struct Case {
    reference: InMemory,
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn case(sequence: &[u8], mut reads: Vec<Aligned>) -> Case {
    let contig = Contig::describe("c", sequence);
    let reference = InMemory::new(vec![(contig, sequence.to_vec())]).expect("one contig");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("s.bam");
    let group = ReadGroup {
        id: "g".into(),
        sample: "s".into(),
        ..ReadGroup::default()
    };
    let header = Header::build(reference.contigs(), &[group], "0", SortOrder::Coordinate);
    let file = std::fs::File::create(&path).expect("created");
    let mut writer = bam::Writer::new(file, &header).expect("written");
    reads.sort();
    for (number, (position, cigar, bases)) in reads.iter().enumerate() {
        let record = Fields {
            name: format!("r{number}").as_bytes(),
            flags: if number % 2 == 0 { 0 } else { 0x10 },
            place: Some((0, *position as u32)),
            mapq: 60,
            cigar: &cigar::parse(cigar).expect("valid CIGAR"),
            bases,
            qualities: &vec![32; bases.len()],
            ..Fields::default()
        }
        .to_record();
        writer.write(&record).expect("written");
    }
    writer.finish().expect("written");
    std::fs::write(
        path.with_extension("bam.bai"),
        bam::index(&path).expect("indexed"),
    )
    .expect("written");
    Case {
        reference,
        _folder: folder,
        path,
    }
}

fn run(case: &Case, ploidy: u8, regions: &[Interval], params: &Params) -> Vec<Record> {
    let map = PloidyMap::new(case.reference.contigs(), ploidy, Sex::Unknown);
    let mut all = Vec::new();
    let sink = |records: Vec<Record>| {
        all.extend(records);
        Ok::<(), ()>(())
    };
    call_all(&case.path, &case.reference, &map, regions, params, sink).expect("called");
    all
}

fn whole(case: &Case) -> Vec<Interval> {
    case.reference.contigs().whole()
}

/// CHROM to QUAL without QUAL, and the genotype, of variants.
fn variants(records: &[Record]) -> Vec<String> {
    let short = |record: &Record| {
        let line = String::from_utf8_lossy(&record.line).into_owned();
        let fields: Vec<&str> = line.split('\t').collect();
        let genotype = fields[9].split(':').next().unwrap_or_default();
        (fields[4] != "<NON_REF>")
            .then(|| format!("{} {} {} {genotype}", fields[1], fields[3], fields[4]))
    };
    records.iter().filter_map(short).collect()
}

/// Every base in exactly one record, unless a record lies within a longer one.
fn covers(records: &[Record], from: u32, to: u32) {
    let mut next = from;
    for record in records {
        assert!(record.start <= next, "a hole before {}", record.start);
        next = next.max(record.end);
    }
    assert_eq!(next, to);
}

/// Reads of a diploid with a substitution every 500 bases and an indel every 1,700, some of them noisy.
fn diploid(seed: u64) -> Case {
    let mut random = Random(seed);
    let sequence = bases(&mut random, LENGTH);
    let mut reads: Vec<Aligned> = Vec::new();
    for _ in 0..LENGTH * 30 / READ {
        let start = random.below(LENGTH - READ - 20);
        let alternative = random.below(2) == 0;
        let (mut read, mut text, mut run) = (Vec::new(), String::new(), 0);
        let mut at = start;
        while read.len() < READ && at < LENGTH {
            let old = sequence[at];
            let new = if alternative && at % 500 == 250 || random.below(400) == 0 {
                b"CGTA"[usize::from(old == b'C') + 2 * usize::from(old == b'G')]
            } else {
                old
            };
            read.push(new);
            (run, at) = (run + 1, at + 1);
            if alternative && at % 1_700 == 900 && (10..READ - 10).contains(&read.len()) {
                if at % 3_400 == 900 {
                    text += &format!("{run}M4D");
                    at += 4;
                } else {
                    text += &format!("{run}M3I");
                    read.extend(b"GAT");
                }
                run = 0;
            }
        }
        text += &format!("{run}M");
        reads.push((start, text, read));
    }
    case(&sequence, reads)
}

#[test]
fn threads_and_tiles_do_not_change_a_byte() {
    let case = diploid(1);
    let expected = run(&case, 2, &whole(&case), &Params::default());
    covers(&expected, 0, LENGTH as u32);
    assert!(variants(&expected).len() > 30, "{:?}", variants(&expected));
    for threads in [1, 2, 4] {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        for tile in [1, 3] {
            let params = Params {
                tile: tile * BLOCK_EDGE,
                ..Params::default()
            };
            let found = pool.install(|| run(&case, 2, &whole(&case), &params));
            assert!(
                found == expected,
                "{threads} threads, tiles of {tile} edges"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn any_cut_of_the_regions_gives_the_same_records(seed in 0u64..1_000, cuts in any::<u8>()) {
        let case = diploid(seed);
        let expected = run(&case, 2, &whole(&case), &Params::default());
        let edges = (1..LENGTH as u32 / BLOCK_EDGE + 1).filter(|n| cuts >> n & 1 == 1).map(|n| n * BLOCK_EDGE);
        let edges: Vec<u32> = [0].into_iter().chain(edges).chain([LENGTH as u32]).collect();
        let mut found = Vec::new();
        for edge in edges.windows(2) {
            let region = Interval { contig: ContigId(0), start: edge[0], end: edge[1] };
            found.extend(run(&case, 2, &[region], &Params::default()));
        }
        prop_assert!(found == expected);
    }
}

/// Reads over a place, of two sequences in turn.
fn reads_over(
    sequence: &[u8],
    number: usize,
    edit: impl Fn(usize, usize, &mut Aligned),
) -> Vec<Aligned> {
    (0..number)
        .map(|n| {
            let start = 100 + n * 60 / number.max(1);
            let mut read = (
                start,
                format!("{READ}M"),
                sequence[start..start + READ].to_vec(),
            );
            edit(n, 180 - start, &mut read);
            read
        })
        .collect()
}

fn other(base: u8) -> u8 {
    if base == b'A' { b'G' } else { b'A' }
}

#[test]
fn a_planted_substitution_is_found_with_its_genotype() {
    let sequence = bases(&mut Random(5), 400);
    let (old, new) = (char::from(sequence[180]), char::from(other(sequence[180])));
    for (every, ploidy, genotype) in [(2, 2, "0/1"), (1, 2, "1/1"), (1, 1, "1")] {
        let reads = reads_over(&sequence, 30, |n, at, read| {
            if n % every == 0 {
                read.2[at] = other(read.2[at]);
            }
        });
        let case = case(&sequence, reads);
        let records = run(&case, ploidy, &whole(&case), &Params::default());
        covers(&records, 0, 400);
        assert_eq!(
            variants(&records),
            [format!("181 {old} {new},<NON_REF> {genotype}")]
        );
    }
}

#[test]
fn a_lone_substitution_behind_a_long_deletion_is_found() {
    // Two regions: no read would fit the second one's haplotypes if these lacked the deletion.
    let sequence = bases(&mut Random(9), 400);
    let (deleted, at) = (150..162, 190);
    let reads = (0..30)
        .map(|n| {
            let start = 95 + n;
            let before = deleted.start - start;
            let mut read = sequence[start..deleted.start].to_vec();
            read.extend(&sequence[deleted.end..deleted.end + READ - before]);
            if n % 2 == 0 {
                let index = at - start - deleted.len();
                read[index] = other(read[index]);
            }
            (start, format!("{before}M12D{}M", READ - before), read)
        })
        .collect();
    let case = case(&sequence, reads);
    let found = variants(&run(&case, 2, &whole(&case), &Params::default()));
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].ends_with("1/1"), "{found:?}");
    assert!(
        found[1].starts_with("191 ") && found[1].ends_with("0/1"),
        "{found:?}"
    );
}

#[test]
fn an_insertion_that_reads_show_by_clips_alone_is_found() {
    let sequence = bases(&mut Random(10), 600);
    let (at, inserted) = (300, bases(&mut Random(11), 45));
    let individual = [&sequence[..at], &inserted, &sequence[at..]].concat();
    let reads = (0..60)
        .filter_map(|n| {
            let start = 205 + 3 * n;
            if n % 2 == 0 {
                let start = start.min(600 - READ);
                return Some((
                    start,
                    format!("{READ}M"),
                    sequence[start..start + READ].to_vec(),
                ));
            }
            let read = individual[start..start + READ].to_vec();
            let (left, right) = (
                at.saturating_sub(start),
                (start + READ).saturating_sub(at + 45),
            );
            match (left, right.min(READ)) {
                (left, _) if left > 40 => Some((start, format!("{left}M{}S", READ - left), read)),
                (_, right) if right > 40 && right < READ => {
                    Some((at, format!("{}S{right}M", READ - right), read))
                }
                _ => None,
            }
        })
        .collect();
    let case = case(&sequence, reads);
    let found = variants(&run(&case, 2, &whole(&case), &Params::default()));
    assert_eq!(found.len(), 1, "{found:?}");
    let length = found[0].split([' ', ',']).nth(2).map(str::len);
    assert!(length == Some(46) && found[0].ends_with("0/1"), "{found:?}");
}

#[test]
fn nothing_is_called_without_reads_or_on_unknown_bases() {
    let mut sequence = bases(&mut Random(6), 400);
    let empty = case(&sequence, Vec::new());
    let records = run(&empty, 2, &whole(&empty), &Params::default());
    assert_eq!(records.len(), 1);
    assert!(
        records[0]
            .line
            .ends_with(b"END=400\tGT:DP:GQ:MIN_DP:PL\t0/0:0:0:0:0,0,0")
    );
    let reads = reads_over(&sequence, 30, |_, _, _| {});
    sequence[150..210].fill(b'N');
    let unknown = case(&sequence, reads);
    let records = run(&unknown, 2, &whole(&unknown), &Params::default());
    covers(&records, 0, 400);
    assert_eq!(variants(&records), [""; 0]);
}

#[test]
fn deep_piles_are_bounded_and_still_called() {
    let sequence = bases(&mut Random(7), 400);
    let reads = reads_over(&sequence, 4_000, |n, at, read| {
        if n % 2 == 0 {
            read.2[at] = other(read.2[at]);
        }
    });
    let case = case(&sequence, reads);
    let records = run(&case, 2, &whole(&case), &Params::default());
    assert_eq!(variants(&records).len(), 1);
    let line = records
        .iter()
        .map(|r| String::from_utf8_lossy(&r.line))
        .find(|l| l.contains("0/1"))
        .expect("a variant");
    let depth: u32 = line
        .rsplit('\t')
        .next()
        .and_then(|c| c.split(':').nth(2))
        .and_then(|d| d.parse().ok())
        .expect("DP");
    assert!((200..700).contains(&depth), "{line}");
}

#[test]
fn reads_at_the_ends_of_a_contig_are_evidence() {
    let sequence = bases(&mut Random(8), 300);
    for at in [0, 299] {
        let start = if at == 0 { 0 } else { 300 - READ };
        let reads = (0..20)
            .map(|_| {
                let mut read = sequence[start..start + READ].to_vec();
                read[at - start] = other(sequence[at]);
                (start, format!("{READ}M"), read)
            })
            .collect();
        let case = case(&sequence, reads);
        let records = run(&case, 2, &whole(&case), &Params::default());
        covers(&records, 0, 300);
        let found = variants(&records);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with(&format!("{} ", at + 1)) && found[0].ends_with("1/1"),
            "{found:?}"
        );
    }
}
