//! Alignment: reads a second on one thread, FASTQ to records, of the bundled father (30x of 10 kb).
//!
//! A small index stays in the cache; `cargo xtask bench-align` measures whole genomes beside peers.
#![allow(missing_docs, reason = "criterion's macro makes a public function")]

use std::convert::Infallible;
use std::ops::ControlFlow;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kumi_align::{Params, align_all};
use kumi_formats::bam::Record;
use kumi_formats::fasta;
use kumi_formats::header::ReadGroup;
use kumi_formats::reads::{Source, TemplateReader};
use kumi_index::Index;

const SAMPLE: &str = "NA12891";

fn reader(trio: &Path) -> TemplateReader {
    let mate = |mate| trio.join(format!("reads/{SAMPLE}_R{mate}.fastq.gz"));
    let name = || SAMPLE.to_owned();
    let source = Source::Fastq {
        first: mate(1),
        second: Some(mate(2)),
        read_group: ReadGroup {
            id: name(),
            sample: name(),
            library: name(),
            platform: "ILLUMINA".to_owned(),
            platform_unit: name(),
        },
    };
    TemplateReader::open(vec![source], SAMPLE).expect("the bundled reads")
}

fn align(criterion: &mut Criterion) {
    let trio = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/ceu-trio");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let path = folder.path().join("r.kidx");
    let reference = fasta::read(&trio.join("reference/b37.20_9995001_11095000.fa.gz"))
        .expect("the bundled reference");
    let step = |_| ControlFlow::Continue(());
    kumi_index::build(&reference, "r", &path, &step).expect("built");
    let index = Index::open(&path).expect("opened");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.expect("a thread");
    let run = || {
        let mut records = 0;
        let sink = |batch: Vec<Record>| {
            records += batch.len();
            Ok::<_, Infallible>(())
        };
        let aligned = align_all(&index, &Params::default(), &mut reader(&trio), sink);
        (aligned.expect("aligned").reads, records)
    };
    let (reads, records) = pool.install(run);
    assert!(reads > 2_000 && records as u64 >= reads);
    let mut group = criterion.benchmark_group("align");
    group.throughput(Throughput::Elements(reads));
    group.bench_function("trio", |bencher| bencher.iter(|| pool.install(run)));
    group.finish();
}

criterion_group!(benches, align);
criterion_main!(benches);
