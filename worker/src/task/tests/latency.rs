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

/// The alignment of chunks.
fn of(align: &v1::AlignSpec, chunks: &[v1::Manifest]) -> v1::AlignSpec {
    v1::AlignSpec {
        chunks: chunks.to_vec(),
        ..align.clone()
    }
}

fn merge(house: &House, align: v1::AlignSpec) -> v1::Spec {
    house.spec("p/samples/S/merged", Kind::Align(align))
}

/// Where to publish what is made of regions that begin at these contigs.
fn regions(begins: &[u32]) -> Vec<(String, v1::ContigRange)> {
    let ends = begins[1..].iter().copied().chain([0]);
    let region = |(&first, end): (&u32, u32)| {
        let count = end.saturating_sub(first);
        (
            format!("{begins:?}.{first}").replace([' ', '[', ']'], ""),
            v1::ContigRange { first, count },
        )
    };
    begins.iter().zip(ends).map(region).collect()
}

/// Marks and merges all regions, the last one first.
fn in_regions(house: &House, align: v1::AlignSpec, begins: &[u32]) -> v1::AlignSpec {
    let regions = regions(begins);
    let done = |kind: &dyn Fn(v1::ContigRange) -> Kind, name: &str| {
        let task = |(number, region): &(String, v1::ContigRange)| {
            house.done(house.spec(&format!("p/work/{name}{number}"), kind(*region)))
        };
        let mut done: Vec<v1::Manifest> = regions.iter().rev().map(task).collect();
        done.reverse();
        done
    };
    let mark = |region| {
        Kind::Mark(v1::MarkSpec {
            align: Some(align.clone()),
            region: Some(region),
        })
    };
    let marks = done(&mark, "mark");
    let align = v1::AlignSpec {
        marks,
        ..align.clone()
    };
    let merge = |region| {
        Kind::Merge(v1::MergeSpec {
            align: Some(align.clone()),
            region: Some(region),
        })
    };
    let parts = done(&merge, "merge");
    v1::AlignSpec {
        parts,
        ..align.clone()
    }
}

/// A sample's alignment whose FASTQ files are gone.
fn without_reads(mut align: v1::AlignSpec) -> v1::AlignSpec {
    for group in &mut align.read_groups {
        let Some(v1::read_group::Source::Fastq(pair)) = &mut group.source else {
            panic!("{group:?}");
        };
        for file in pair.first.iter_mut().chain(&mut pair.second) {
            file.path = format!("/gone{}", file.path);
        }
    }
    align
}

/// Files and counts, whatever the number of chunks; and every read is counted once on the way.
#[test]
fn merged_chunks_are_the_alignment_of_the_whole() {
    let (house, reference) = House::with_contigs(2);
    let spec = house.align_example(&reference, "NA12891");
    let align = whole(&spec);
    let expected = house.done(spec);
    for number in [1, 2, 5, 40] {
        let chunks = chunks(&house, &align, number);
        let reads: u64 = chunks.iter().map(|chunk| chunk.counts["reads"]).sum();
        assert_eq!(reads, expected.counts["reads"]);
        let merged = house.done(merge(&house, of(&align, &chunks)));
        assert_eq!(merged.files, expected.files, "{number} chunks");
        assert_eq!(merged.counts, expected.counts, "{number} chunks");
        let contigs = house.contigs();
        for begins in [
            vec![0],
            vec![0, 1],
            vec![0, contigs - 1],
            (0..contigs).collect(),
        ] {
            let joined = in_regions(&house, of(&align, &chunks), &begins);
            let joined = house.done(merge(&house, joined));
            assert_eq!(
                joined.files, expected.files,
                "{number} chunks, regions from {begins:?}"
            );
            assert_eq!(joined.counts, expected.counts);
        }
    }
}

/// Once its chunks are there, nothing is asked of a sample's FASTQ files: they may be archived meanwhile.
#[test]
fn fastq_files_that_are_gone_when_all_chunks_are_there_are_not_missed() {
    let (house, reference) = House::with_contigs(1);
    let spec = house.align_example(&reference, "NA12892");
    let align = whole(&spec);
    let expected = house.done(spec);
    let align = without_reads(of(&align, &chunks(&house, &align, 2)));
    let merged = house.done(merge(&house, align.clone()));
    assert_eq!(merged.files, expected.files);
    let joined = in_regions(&house, align.clone(), &[0, 1]);
    let joined = house.done(merge(&house, joined));
    assert_eq!(joined.files, expected.files);
    let missed = v1::AlignSpec {
        chunks: Vec::new(),
        ..align
    };
    let missed = house.fails(merge(&house, missed));
    assert_eq!(missed.class(), FailureClass::Transient, "{missed:?}");
}

#[test]
fn a_run_that_is_gone_or_damaged_is_named_with_what_to_do() {
    let (house, reference) = House::with_index(1);
    let align = whole(&house.align_example(&reference, "NA12892"));
    let chunks = chunks(&house, &align, 2);
    let run = |name: &str| house.folder("p/work/c2.1").join(name);
    let fails = |says: &str| {
        let failure = house.fails(merge(&house, of(&align, &chunks)));
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

/// What lies between the stages: a flip in a run, in a part of the CRAM, in what was counted.
#[test]
fn what_is_damaged_between_chunks_and_regions_is_named_with_what_to_do() {
    let (house, reference) = House::with_contigs(1);
    let align = whole(&house.align_example(&reference, "NA12892"));
    let align = of(&align, &chunks(&house, &align, 2));
    let joined = in_regions(&house, align, &[0, 1]);
    let file = |name: &str| {
        let (directory, name) = name.split_once('/').expect("a directory");
        house.folder(&format!("p/work/{directory}")).join(name)
    };
    let fails = |name: &str, spec: v1::Spec| {
        let bytes = std::fs::read(file(name)).expect("there");
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 2] ^= 1;
        std::fs::write(file(name), flipped).expect("written");
        let failure = house.fails(spec);
        std::fs::write(file(name), bytes).expect("written");
        assert_eq!(failure.class(), FailureClass::Transient, "{failure:?}");
        for told in [name, "sample NA12892", "kumi cohort retry"] {
            assert!(failure.message.contains(told), "{told}: {failure:?}");
        }
    };
    for name in [
        "merge0,1.0/part.cram",
        "merge0,1.1/part.cram",
        "merge0,1.1/counts.json",
        "mark0,1.0/marked.run",
    ] {
        fails(name, merge(&house, joined.clone()));
    }
    assert!(house.files("p/samples/S").is_empty());
    let again = |kind: Kind| house.spec("p/work/again", kind);
    let region = Some(v1::ContigRange::default());
    let align = Some(v1::AlignSpec {
        parts: Vec::new(),
        ..joined.clone()
    });
    let merge_one = || {
        Kind::Merge(v1::MergeSpec {
            align: align.clone(),
            region,
        })
    };
    let mark_one = || {
        Kind::Mark(v1::MarkSpec {
            align: align.clone(),
            region,
        })
    };
    fails("mark0,1.1/duplicates.run", again(merge_one()));
    fails("c2.1/records.run", again(merge_one()));
    fails("c2.0/pairs.run", again(mark_one()));
    fails("c2.0/counts.run", again(mark_one()));
    house.done(again(merge_one()));
}
