//! Stages `cut` and `chunk`, and the merge of what they leave.

use kumi_proto::v1;
use kumi_proto::v1::FailureClass;
use kumi_proto::v1::spec::Kind;

use super::house::House;

/// The whole alignment that a specification asks for.
fn whole(spec: &v1::Spec) -> v1::AlignSpec {
    match &spec.kind {
        Some(Kind::Align(align)) => align.clone(),
        other => panic!("{other:?}"),
    }
}

/// Cuts a sample and aligns its chunks, the last one first.
fn chunks(house: &House, align: &v1::AlignSpec, number: u32) -> Vec<v1::Manifest> {
    let cut = v1::CutSpec {
        align: Some(align.clone()),
        chunks: number,
    };
    let cut = house.done(house.spec(&format!("p/work/cut{number}"), Kind::Cut(cut)));
    assert_eq!(cut.counts["chunks"], u64::from(number));
    let chunk = |chunk: u32| {
        let spec = v1::ChunkSpec {
            align: Some(align.clone()),
            cut: Some(cut.clone()),
            chunk,
        };
        house.done(house.spec(&format!("p/work/c{number}.{chunk}"), Kind::Chunk(spec)))
    };
    let mut done: Vec<_> = (0..number).rev().map(chunk).collect();
    done.reverse();
    done
}

fn merge(house: &House, align: &v1::AlignSpec, chunks: &[v1::Manifest]) -> v1::Spec {
    let align = v1::AlignSpec {
        chunks: chunks.to_vec(),
        ..align.clone()
    };
    house.spec("p/samples/S/merged", Kind::Align(align))
}

/// Files and counts, whatever the number of chunks; and every read is counted once on the way.
#[test]
fn merged_chunks_are_the_alignment_of_the_whole() {
    let (house, reference) = House::with_index(2);
    let spec = house.align_example(&reference, "NA12891");
    let align = whole(&spec);
    let expected = house.done(spec);
    for number in [1, 2, 5, 40] {
        let chunks = chunks(&house, &align, number);
        let reads: u64 = chunks.iter().map(|chunk| chunk.counts["reads"]).sum();
        assert_eq!(reads, expected.counts["reads"]);
        let merged = house.done(merge(&house, &align, &chunks));
        assert_eq!(merged.files, expected.files, "{number} chunks");
        assert_eq!(merged.counts, expected.counts, "{number} chunks");
    }
}

#[test]
fn a_run_that_is_gone_or_damaged_is_named_with_what_to_do() {
    let (house, reference) = House::with_index(1);
    let align = whole(&house.align_example(&reference, "NA12892"));
    let chunks = chunks(&house, &align, 2);
    let run = |name: &str| house.root.path().join("p/work/c2.1").join(name);
    let fails = |says: &str| {
        let failure = house.fails(merge(&house, &align, &chunks));
        assert_eq!(failure.class(), FailureClass::Transient, "{failure:?}");
        let told = [says, "sample NA12892", "kumi cohort retry"];
        let all = told.iter().all(|told| failure.message.contains(told));
        assert!(all, "{told:?}: {failure:?}");
        assert!(house.files("p/samples/S").is_empty());
    };
    let bytes = std::fs::read(run("pairs.run")).expect("there");
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 4;
    std::fs::write(run("pairs.run"), flipped).expect("written");
    fails("c2.1/pairs.run: ");
    std::fs::write(run("pairs.run"), bytes).expect("written");
    std::fs::remove_file(run("records.run")).expect("removed");
    fails("was published and cannot be read now");
}

#[test]
fn what_nothing_needs_any_more_is_removed_and_nothing_else() {
    let (house, reference) = House::with_index(1);
    let mut spec = house.align_example(&reference, "NA12892");
    for directory in ["p/work/0a", "p/work/0b", "p/samples/other"] {
        std::fs::create_dir_all(house.root.path().join(directory)).expect("made");
        std::fs::write(house.root.path().join(directory).join("x"), "x").expect("written");
    }
    let discard = [
        "p/work/0a",
        "p/work/none",
        "p/samples/other",
        "p/work",
        "p/work/..",
    ];
    spec.discard = discard.map(str::to_owned).to_vec();
    house.done(spec);
    assert!(house.files("p/work/0a").is_empty());
    assert_eq!(house.files("p/work/0b").len(), 1);
    assert_eq!(house.files("p/samples/other").len(), 1);
}
