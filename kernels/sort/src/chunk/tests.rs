//! The merge of chunks is what one sorter gives.

use std::path::{Path, PathBuf};

use kumi_formats::bam::{Fields, Record, flag};
use kumi_formats::header::ReadGroup;
use kumi_seq::cigar::{Kind, Op};
use proptest::prelude::*;

use super::{Files, merge};
use crate::library::Libraries;
use crate::mark::{self, Marks, duplication, mark};
use crate::metrics::DuplicationMetrics;
use crate::region::Region;
use crate::sorter::{Params, SortError, Sorted, Sorter};

/// Contig and position.
type At = (u32, u32);

/// Name, library, places of the mates (none: not mapped), quality, place of a supplementary record. Names and places
/// are few, so that there are duplicates, and templates of one name that only their numbers tell apart.
type Pair = (u8, bool, [Option<At>; 2], u8, Option<At>);

const CONTIGS: u32 = 3;

fn pair() -> impl Strategy<Value = Pair> {
    let at = || (0..CONTIGS, 0u32..2);
    let place = move || prop_oneof![5 => at().prop_map(Some), 1 => Just(None)];
    let other = prop_oneof![2 => Just(None), 1 => at().prop_map(Some)];
    (0u8..6, any::<bool>(), [place(), place()], 20u8..23, other)
}

fn records((name, library, places, quality, other): Pair) -> Vec<Record> {
    let mapped = places.map(|place| place.is_some());
    let one = |mate: usize, more: u16, place: Option<At>| {
        let segment = [flag::FIRST, flag::LAST][mate];
        let unmapped = [(mate, flag::UNMAPPED), (1 - mate, flag::MATE_UNMAPPED)];
        let unmapped = unmapped.iter().filter(|(which, _)| !mapped[*which]);
        let flags = flag::PAIRED | segment | more | unmapped.fold(0, |all, (_, flag)| all | flag);
        let cigar = [Op {
            kind: Kind::Match,
            len: 4,
        }];
        let mut record = Fields {
            name: &[b'a' + name],
            flags,
            place: place.map(|(contig, place)| (contig, 100 + place)),
            cigar: if mapped[mate] { &cigar } else { &[] },
            bases: b"ACGT",
            qualities: &[quality; 4],
            ..Default::default()
        }
        .to_record();
        record.push_string_tag(*b"RG", if library { b"x" } else { b"y" });
        record
    };
    // A read that is not mapped lies where its mate does.
    let [first, last] = places;
    let mut records = vec![one(0, 0, first.or(last)), one(1, 0, last.or(first))];
    if mapped[0] && other.is_some() {
        records.push(one(0, flag::SUPPLEMENTARY, other));
    }
    records
}

fn params(scratch: &Path, memory_bytes: usize) -> Params {
    let group = |id: &str| ReadGroup {
        id: id.into(),
        library: format!("lib-{id}"),
        ..Default::default()
    };
    Params {
        memory_bytes,
        scratch: scratch.to_owned(),
        libraries: Libraries::new(&["x", "y"].map(group)),
        optical_distance: 100,
    }
}

fn files(directory: &Path, number: usize) -> Files {
    let path = |name: &str| -> PathBuf { directory.join(format!("{number}.{name}")) };
    Files {
        records: path("records"),
        pairs: path("pairs"),
        fragments: path("fragments"),
        counts: path("counts"),
    }
}

fn push(sorter: &mut Sorter, pairs: &[Pair]) {
    for pair in pairs {
        sorter.push_batch(records(*pair)).expect("scratch");
    }
}

/// Merges in regions that begin at these contigs.
fn in_regions(
    directory: &Path,
    params: &Params,
    chunks: &[Files],
    begins: &[u32],
) -> (Vec<Vec<u8>>, Vec<DuplicationMetrics>) {
    let ends = begins[1..].iter().copied().map(Some).chain([None]);
    let regions = begins.iter().copied().zip(ends);
    let regions: Vec<Region> = regions.map(|(first, end)| Region { first, end }).collect();
    let marks = |number: usize| Marks {
        duplicates: directory.join(format!("{number}.duplicates")),
        counts: directory.join(format!("{number}.marked")),
    };
    let marks: Vec<Marks> = (0..regions.len()).map(marks).collect();
    for (region, to) in regions.iter().zip(&marks) {
        mark(params, chunks, *region, to).expect("sound");
    }
    let mut records = Vec::new();
    for region in regions {
        let (sorted, number) =
            mark::merge(&params.libraries, chunks, &marks, region).expect("sound");
        let part = sorted.map(|record| record.expect("sound").as_bytes().to_vec());
        let part: Vec<_> = part.collect();
        assert_eq!(part.len() as u64, number);
        records.extend(part);
    }
    let metrics = duplication(&params.libraries, chunks, &marks).expect("sound");
    (records, metrics)
}

fn given(sorted: Result<Sorted, SortError>) -> (Vec<Vec<u8>>, Vec<DuplicationMetrics>) {
    let sorted = sorted.expect("sound");
    let metrics = sorted.metrics();
    let records = sorted.map(|record| record.expect("sound").as_bytes().to_vec());
    (records.collect(), metrics)
}

proptest! {
    #[test]
    fn neither_chunks_nor_regions_change_a_byte(
        chunks in prop::collection::vec((prop::collection::vec(pair(), 0..12), 0u64..3), 1..6),
        memory in 8usize..4_000,
        cuts in prop::collection::btree_set(1..=CONTIGS, 0..3),
    ) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let params = params(directory.path(), memory);
        let mut whole = Sorter::new(params.clone());
        let (mut stored, mut next) = (Vec::new(), 0);
        for (number, (pairs, gap)) in chunks.iter().enumerate() {
            push(&mut whole, pairs);
            let mut sorter = Sorter::numbering_from(params.clone(), next);
            push(&mut sorter, pairs);
            next += pairs.len() as u64 + gap;
            let files = files(directory.path(), number);
            sorter.store(&files).expect("stored");
            stored.push(files);
        }
        let whole = given(whole.finish());
        prop_assert_eq!(&given(merge(&params, &stored)), &whole);
        let begins: Vec<u32> = std::iter::once(0).chain(cuts).collect();
        prop_assert_eq!(in_regions(directory.path(), &params, &stored, &begins), whole);
    }
}

#[test]
fn chunks_of_other_libraries_and_damaged_ones_are_refused_by_name() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let own = params(directory.path(), 1 << 20);
    let files = files(directory.path(), 0);
    let mut sorter = Sorter::new(own.clone());
    push(
        &mut sorter,
        &[(0, true, [Some((0, 1)), Some((0, 2))], 20, None)],
    );
    sorter.store(&files).expect("stored");
    let said = |params: &Params| {
        let sorted = merge(params, std::slice::from_ref(&files));
        let first = sorted.and_then(|sorted| sorted.collect::<Result<Vec<_>, _>>());
        let error = first.expect_err("refused");
        let source = std::error::Error::source(&error).expect("why");
        format!("{error}: {source}")
    };
    let other = Params {
        libraries: Libraries::new(&[]),
        ..own.clone()
    };
    assert!(said(&other).contains("0.counts: it counts other libraries"));
    let bytes = std::fs::read(&files.records).expect("there");
    std::fs::write(&files.records, &bytes[..bytes.len() - 30]).expect("written");
    assert!(said(&own).contains("0.records"), "{}", said(&own));
}
