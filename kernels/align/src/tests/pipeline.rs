//! All templates of a file: threads change nothing, errors end it.

use std::path::Path;

use kumi_formats::bam::Record;
use kumi_formats::header::ReadGroup;
use kumi_formats::reads::{Source, TemplateReader};
use kumi_index::Index;

use super::{Reference, reference};
use crate::params::Params;
use crate::pipeline::{AlignError, align_all};
use crate::template::Stats;

/// FASTQ of reads from all over the reference.
fn fastq(reference: &Reference, reads: usize) -> String {
    (0..reads)
        .map(|i| {
            let start = i * 19 % 19_000;
            let bases = String::from_utf8_lossy(&reference.bases[start..start + 100]).into_owned();
            format!("@r{i}\n{bases}\n+\n{}\n", "I".repeat(100))
        })
        .collect()
}

fn run<E: Send>(
    reference: &Reference,
    reads: &Path,
    threads: usize,
    sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
) -> Result<Stats, AlignError<E>> {
    let source = Source::Fastq {
        first: reads.to_owned(),
        second: None,
        read_group: ReadGroup {
            id: "g".into(),
            ..Default::default()
        },
    };
    let mut reader = TemplateReader::open(vec![source], "S").expect("opened");
    let index = Index::open(&reference.path).expect("opened");
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()
        .expect("a pool");
    pool.install(|| align_all(&index, &Params::default(), &mut reader, sink))
}

/// Three batches and a bit.
#[test]
fn threads_change_nothing() {
    const READS: usize = 3 * (1 << 14) + 77;
    let reference = reference();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("r.fq");
    std::fs::write(&path, fastq(&reference, READS)).expect("written");
    let all = |threads| {
        let mut all: Vec<Record> = Vec::new();
        let stats = run(&reference, &path, threads, |records| {
            all.extend(records);
            Ok::<(), std::convert::Infallible>(())
        });
        assert_eq!(stats.expect("aligned").mapped, READS as u64);
        all
    };
    let one = all(1);
    let names = one.iter().map(|record| record.view().name().to_vec());
    assert!(names.eq((0..READS).map(|i| format!("r{i}").into_bytes())));
    assert_eq!(one, all(2));
    assert_eq!(one, all(4));
}

/// What is in flight is aligned, nothing more is read or given on.
#[test]
fn errors_of_sink_and_reader_end_it() {
    let reference = reference();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("r.fq");
    let mut text = fastq(&reference, 5 * (1 << 14));
    for threads in [1, 3] {
        std::fs::write(&path, &text).expect("written");
        let mut calls = 0;
        let result = run(&reference, &path, threads, |_| {
            calls += 1;
            if calls == 3 { Err("full") } else { Ok(()) }
        });
        assert!(matches!(result, Err(AlignError::Sink("full"))));
        assert_eq!(calls, 3, "nothing is given on after an error");
    }
    text.push_str("@cut\nACGT\n+\n");
    std::fs::write(&path, &text).expect("written");
    let result = run(&reference, &path, 2, |_| Ok::<(), ()>(()));
    assert!(matches!(result, Err(AlignError::Reads(_))));
}
