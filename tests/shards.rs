//! Call shards and what they cost.

use std::path::Path;

use crate::daemon::{Schedulers, free_ports, http_get, worker};
use crate::support::small::World;
use crate::support::{json, kumi, ok, published_file, sha256, text, until};

/// A cohort file of one sample, called as one shard.
fn cohort(world: &World, sample: &str) {
    let sheet = format!(
        "patient,sample,sex,lane,fastq_1,fastq_2\n{sample},{sample},XX,1,{sample}_1.fq.gz,{sample}_2.fq.gz\n"
    );
    world.cohort(&sheet, "call_shards = 1\njoint_shards = 1");
    let path = world.path("cohort.toml");
    let text = std::fs::read_to_string(&path).expect("there");
    let named = text.replace("name = \"c\"", &format!("name = \"{sample}\""));
    std::fs::write(path, named).expect("written");
}

/// Submits the cohort of a sample and waits for its end.
fn finish(world: &World, sample: &str, endpoints: &str, root: &Path) {
    cohort(world, sample);
    let mut submit = kumi();
    submit
        .args(["cohort", "submit"])
        .arg(world.path("cohort.toml"));
    submit.arg("--output-dir").arg(root);
    ok(submit.args(["--output", "json", "--endpoint", endpoints]));
    ok(kumi().args(["cohort", "wait", sample, "--endpoint", endpoints]));
}

/// A thin sample tells what calling costs; a deep one takes far longer. While its only shard runs on one worker, the
/// other has nothing to do: the shard is split, and the gVCF is that of the whole to the last byte.
#[test]
fn a_shard_that_takes_far_too_long_is_split_while_it_runs() {
    let world = World::new(11, &[("chr1", 1_200_000)]);
    let genome = [0, 1].map(|copy| world.haplotype("chr1", |site| site % 3 == copy));
    world.write_pairs("thin", &world.pairs("thin", &genome[..1], 1));
    world.write_pairs("deep", &world.pairs("deep", &genome, 16));
    cohort(&world, "deep");
    let said = world.run(&[]);
    assert!(said.status.success(), "{}", text(&said.stderr));
    let expected = sha256(&published_file(&world.root(), ".g.vcf.gz"));

    let dir = tempfile::tempdir().expect("a temporary directory");
    let ports = free_ports::<2>();
    let settings = "split_after = \"100ms\"";
    let schedulers = Schedulers::start_with(dir.path(), &ports[..1], &ports[1..], settings);
    let endpoints = schedulers.endpoints();
    let _workers = ["w1", "w2"].map(|name| worker(dir.path(), name, &endpoints, &[]));
    finish(&world, "thin", &endpoints, &dir.path().join("thin"));
    let metric = || {
        let metrics = until("metrics", || http_get(ports[1], "/metrics"));
        let mut lines = metrics.lines().map(str::to_owned);
        lines.find(|line| line.starts_with("kumi_tasks_split_total{"))
    };
    let none = "kumi_tasks_split_total{stage=\"call\"} 0";
    assert_eq!(metric().as_deref(), Some(none));
    finish(&world, "deep", &endpoints, &dir.path().join("deep"));

    let mut why = kumi();
    why.args([
        "cohort", "why", "deep", "--sample", "deep", "--output", "json",
    ]);
    let why = json(&ok(why.args(["--endpoint", &endpoints])));
    let tasks = why.as_array().expect("tasks").iter();
    let calls: Vec<String> = tasks
        .filter(|task| task["task"].to_string().contains("call"))
        .map(|task| task["reason"].to_string())
        .collect();
    assert!(calls.len() >= 3, "{calls:?}");
    let told = |words: &str| calls.iter().filter(|call| call.contains(words)).count();
    assert!(told("bases were left to it") >= 1, "{calls:?}");
    assert!(told("it is a piece of") >= 2, "{calls:?}");
    assert_ne!(metric().as_deref(), Some(none));
    let found = sha256(&published_file(&dir.path().join("deep"), ".g.vcf.gz"));
    assert_eq!(found, expected);
}
