use proptest::prelude::*;

use super::{Entry, Reader, Writer};
use crate::region::Region;

type Items = Vec<(u32, Vec<u8>)>;

fn read(bytes: &[u8], region: Region) -> std::io::Result<Vec<Vec<u8>>> {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("x.run");
    std::fs::write(&path, bytes).expect("written");
    let mut reader = Reader::open(&path, region)?;
    let (mut items, mut item) = (Vec::new(), Vec::new());
    while reader.read(&mut item)? {
        items.push(item.clone());
    }
    assert!(!reader.read(&mut item).expect("the end"), "it stays ended");
    assert_eq!(reader.items(), items.len() as u64);
    Ok(items)
}

fn write(items: &Items) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = Writer::new(&mut bytes).expect("memory");
    for (contig, item) in items {
        writer.push(*contig, item).expect("memory");
    }
    writer.finish().expect("memory");
    bytes
}

fn items() -> impl Strategy<Value = Items> {
    let contig = prop_oneof![4 => 0u32..4, 1 => Just(u32::MAX)];
    let item = (contig, prop::collection::vec(any::<u8>(), 0..40));
    prop::collection::vec(item, 0..12).prop_map(|mut items| {
        items.sort_by_key(|(contig, _)| *contig);
        items
    })
}

fn of(items: &Items, region: Region) -> Vec<Vec<u8>> {
    let inside = |contig: u32| contig >= region.first && region.end.is_none_or(|end| contig < end);
    let inside = items.iter().filter(|(contig, _)| inside(*contig));
    inside.map(|(_, item)| item.clone()).collect()
}

proptest! {
    #[test]
    fn what_is_written_comes_back_and_damage_is_found(
        items in items(),
        at in any::<prop::sample::Index>(),
        flip in 1u8..=255,
    ) {
        let bytes = write(&items);
        let whole = |bytes: &[u8]| read(bytes, Region::WHOLE);
        prop_assert_eq!(whole(&bytes).expect("sound"), of(&items, Region::WHOLE));
        let mut flipped = bytes.clone();
        flipped[at.index(bytes.len())] ^= flip;
        let said = whole(&flipped).expect_err("flipped").to_string();
        prop_assert!(said.contains("x.run"), "{}", said);
        prop_assert!(whole(&bytes[..at.index(bytes.len())]).is_err(), "cut");
        prop_assert!(whole(&[bytes.as_slice(), &[0]].concat()).is_err(), "longer");
    }

    #[test]
    fn a_region_is_read_alone(
        items in items(),
        first in 0u32..5,
        end in prop::option::of(0u32..6),
    ) {
        let region = Region { first, end: end.map(|more| first + more) };
        prop_assert_eq!(read(&write(&items), region).expect("sound"), of(&items, region));
    }
}

/// A table that was written wrong has a right checksum: its regions would miss items, or have some twice.
#[test]
fn a_table_that_does_not_rise_is_refused() {
    let items: Items = (0..3).map(|contig| (contig, vec![7; 9])).collect();
    let sound = write(&items);
    let table_at = sound.len() - 8 - 3 * Entry::BYTES - 8 - 8;
    let table = table_at + 8 + 8;
    assert_eq!(read(&sound, Region::WHOLE).expect("sound").len(), 3);
    // Of the second entry its contig, the byte of its block, the items before it; the first and last block's.
    let of = |entry: usize, byte: usize| table + entry * Entry::BYTES + byte;
    for (at, value) in [
        (of(1, 0), 0),
        (of(1, 0), 2),
        (of(1, 4), 8),
        (of(1, 4), 255),
        (of(1, 12), 0),
        (of(1, 12), 2),
        (of(0, 4), 9),
        (of(0, 12), 1),
        (of(2, 4), u8::try_from(table_at).expect("small")),
        (of(2, 12), 3),
    ] {
        let mut wrong = sound.clone();
        wrong[at] = value;
        let sum = crc32fast::hash(&wrong[table_at + 8..wrong.len() - 8]);
        wrong[table_at + 4..table_at + 8].copy_from_slice(&sum.to_le_bytes());
        let said = read(&wrong, Region::WHOLE).expect_err("wrong").to_string();
        assert!(said.contains("its table is wrong"), "{at} {value}: {said}");
    }
}

#[test]
#[should_panic(expected = "contig 0 after a later one")]
fn contigs_never_fall() {
    write(&vec![(1, vec![7]), (0, vec![7])]);
}

#[test]
fn the_blocks_of_other_regions_are_not_looked_at() {
    let items: Items = (0..3).map(|contig| (contig, vec![7; 9])).collect();
    let mut bytes = write(&items);
    bytes[8 + 8 + 2] ^= 1;
    let others = Region {
        first: 1,
        end: None,
    };
    assert_eq!(read(&bytes, others).expect("sound").len(), 2);
    let own = Region {
        first: 0,
        end: Some(1),
    };
    assert!(read(&bytes, own).is_err());
}
