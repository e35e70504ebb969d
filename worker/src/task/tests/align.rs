//! Stages `index` and `align`.

use std::path::Path;

use kumi_proto::v1::FailureClass;

use super::house::{House, example};
use crate::agent::TaskResult;
use crate::control::Control;

/// The same bytes whatever the cores; the counts are those of the input.
#[test]
fn alignments_are_the_same_bytes_for_any_number_of_cores() {
    let (mut house, reference) = House::with_index(1);
    let mut seen = Vec::new();
    for cores in [1, 2, 4] {
        house.cores = cores;
        let manifest = house.done(house.align_example(&reference, "NA12878"));
        let names: Vec<_> = manifest.files.iter().map(|f| f.name.as_str()).collect();
        assert!(names.contains(&"NA12878.cram") && names.contains(&"NA12878.cram.crai"));
        assert!(names.contains(&"qc/NA12878.flagstat.txt"), "{names:?}");
        assert!(manifest.core_milliseconds > 0 && manifest.peak_rss_bytes > 0);
        seen.push((manifest.files, manifest.counts));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    let counts = &seen[0].1;
    assert_eq!(counts["reads"], fastq_records("NA12878"));
    assert!(counts["mapped"] * 100 > counts["reads"] * 98, "{counts:?}");
    assert!(
        counts["duplicates"] > 0 && counts["depth_milli"] > 15_000,
        "{counts:?}"
    );
    assert!(house.files("scratch").is_empty());
    let hidden = |path: &std::path::PathBuf| {
        path.file_name()
            .is_some_and(|n| n.to_string_lossy().starts_with('.'))
    };
    assert!(
        !house.files("").iter().any(hidden),
        "nothing staged is left"
    );
}

fn fastq_records(sample: &str) -> u64 {
    use std::io::BufRead as _;
    let count = |mate| {
        let path = example().join(format!("reads/{sample}_R{mate}.fastq.gz"));
        let lines = kumi_formats::open::text(&path).expect("readable").lines();
        lines.count() as u64 / 4
    };
    count(1) + count(2)
}

fn truncated(house: &House, name: &str, keep: u64) -> std::path::PathBuf {
    let path = house.root.path().join(name);
    std::fs::copy(example().join("reads").join(name), &path).expect("copied");
    let file = std::fs::File::options()
        .write(true)
        .open(&path)
        .expect("there");
    file.set_len(keep).expect("cut");
    path
}

#[test]
fn a_truncated_file_is_the_samples_fault_and_leaves_nothing() {
    let (house, reference) = House::with_index(2);
    let first = truncated(&house, "NA12878_R1.fastq.gz", 40_000);
    let second = example().join("reads/NA12878_R2.fastq.gz");
    let failure = house.fails(house.align(&reference, "NA12878", &first, &second));
    assert_eq!(failure.class(), FailureClass::BadInput, "{failure:?}");
    for told in ["sample NA12878", "NA12878_R1.fastq.gz", "fetch it again"] {
        assert!(failure.message.contains(told), "{told} in {failure:?}");
    }
    assert!(house.files("p").is_empty());
}

#[test]
fn a_file_changed_after_it_was_submitted_is_named() {
    let (house, reference) = House::with_index(1);
    let copy = house.root.path().join("NA12891_R1.fastq.gz");
    std::fs::copy(example().join("reads/NA12891_R1.fastq.gz"), &copy).expect("copied");
    let second = example().join("reads/NA12891_R2.fastq.gz");
    let spec = house.align(&reference, "NA12891", &copy, &second);
    let file = std::fs::File::options()
        .append(true)
        .open(&copy)
        .expect("there");
    file.set_len(file.metadata().expect("there").len() - 1)
        .expect("cut");
    let failure = house.fails(spec);
    assert_eq!(failure.class(), FailureClass::BadInput, "{failure:?}");
    assert!(
        failure
            .message
            .contains("NA12891_R1.fastq.gz was changed after it was submitted"),
        "{failure:?}"
    );
    assert!(house.files("p").is_empty());
}

#[test]
fn an_unreadable_file_may_be_there_elsewhere() {
    let (house, reference) = House::with_index(1);
    let mut spec = house.align_example(&reference, "NA12892");
    let Some(kumi_proto::v1::spec::Kind::Align(align)) = &mut spec.kind else {
        unreachable!("an align specification");
    };
    align.reference = Some(kumi_proto::v1::Reference {
        path: "reference/gone.kidx".to_owned(),
        name: String::new(),
    });
    let failure = house.fails(spec);
    assert_eq!(failure.class(), FailureClass::Transient, "{failure:?}");
    assert!(failure.message.contains("gone.kidx"), "{failure:?}");
    assert!(failure.message.contains("kumi cohort retry"), "{failure:?}");
}

/// Stopped at each of its checks in turn, a task publishes nothing, until it is asked too late.
#[test]
fn a_stopped_task_publishes_nothing() {
    let (house, reference) = House::with_index(2);
    let mut stops = 0;
    loop {
        let control = Control::stopping_after(stops);
        match house.run(house.align_example(&reference, "NA12878"), &control) {
            TaskResult::Done(_) => break,
            TaskResult::Failed(failure) => {
                assert_eq!(failure.class(), FailureClass::Stopped, "{failure:?}");
                assert!(house.files("p").is_empty());
            }
        }
        stops = stops * 2 + 1;
    }
    assert!(stops >= 7, "it checks between batches: {stops}");
}

#[test]
fn an_index_of_another_reference_is_refused() {
    let (house, reference) = House::with_index(1);
    let mut spec = house.align_example(&reference, "NA12878");
    spec.contigs[0].length += 1;
    let failure = house.fails(spec);
    assert_eq!(failure.class(), FailureClass::BadInput);
    assert!(failure.message.contains("other contigs"), "{failure:?}");
    assert!(Path::new(&reference.path).exists());
}
