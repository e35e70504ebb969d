//! Cohorts whose inputs, reference and results lie in object storage.

mod check;
mod cluster;
mod counted;
mod denied;
mod gone;
mod inputs;
mod large;
mod releases;
mod shared;
mod tls;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::daemon::{Process, free_ports};
use crate::support::proxy::Proxy;
use crate::support::s3::S3;
use crate::support::small::World;
use crate::support::{files, json, kumi, ok, run, sha256, text, until};

const CONTIGS: [(&str, usize); 2] = [("1", 9_000), ("2", 6_000)];
const SAMPLES: [&str; 3] = ["ALPHA", "BRAVO", "CHARLIE"];

/// Reads of three samples, and what is made of them from files.
struct Site {
    world: World,
    s3: S3,
}

impl Site {
    /// None where there is no S3 server.
    fn new() -> Option<Self> {
        Self::of(World::new(811, &CONTIGS))
    }

    /// The same of another genome.
    fn of(world: World) -> Option<Self> {
        let s3 = S3::start(world.path("").as_path())?;
        for (at, sample) in SAMPLES.into_iter().enumerate() {
            let mut pairs = Vec::new();
            for (contig, _) in CONTIGS {
                let first = world.haplotype(contig, |site| site % 3 == at);
                let second = world.haplotype(contig, |site| site % 4 == 0);
                pairs.extend(world.pairs(&format!("{sample}{contig}"), &[first, second], 14));
            }
            world.write_pairs(sample, &pairs);
        }
        let site = Self { world, s3 };
        for name in site.inputs() {
            let bytes = std::fs::read(site.world.path(&name)).expect("an input");
            site.s3.put(&format!("given/run-1/{name}"), &bytes);
        }
        Some(site)
    }

    fn inputs(&self) -> Vec<String> {
        let reads = SAMPLES
            .iter()
            .flat_map(|s| [1, 2].map(|mate| format!("{s}_{mate}.fq.gz")));
        reads.chain(["r.fa".to_owned()]).collect()
    }

    /// A cohort file that has its inputs at `base`.
    fn cohort(&self, name: &str, base: &str) -> PathBuf {
        self.cohort_of(name, base, (&rows(base), "call_shards = 2"))
    }

    /// A cohort file with the reference at `base`, a sheet and parameters.
    fn cohort_of(&self, name: &str, base: &str, (sheet, params): (&str, &str)) -> PathBuf {
        let file = format!("{name}.csv");
        self.world.write(&file, sheet);
        let text = format!(
            "[cohort]\nname = \"c\"\nsheet = \"{file}\"\n[reference]\nfasta = \"{base}r.fa\"\n[params]\n{params}\n"
        );
        let file = format!("{name}.toml");
        self.world.write(&file, text);
        self.world.path(&file)
    }

    /// Names and digests of what was made from files.
    fn made_from_files(&self) -> BTreeSet<(String, String)> {
        self.made_of(&self.cohort("local", ""), "local")
    }

    /// The same of another cohort, whose results are put into a folder.
    fn made_of(&self, cohort: &Path, folder: &str) -> BTreeSet<(String, String)> {
        let root = self.world.path(folder);
        ok(&mut run(cohort, &root));
        let found = files(&root, &|name| is_result(name));
        let digests = found
            .iter()
            .map(|path| (base_name(path), sha256(&root.join(path))));
        digests.collect()
    }

    /// Names and digests of what lies in the bucket of results.
    fn in_bucket(&self, root: &str) -> BTreeSet<(String, String)> {
        let keys = self.s3.keys("made");
        let below = format!("{root}/");
        let results = keys
            .iter()
            .filter(|key| key.starts_with(&below) && is_result(key));
        results
            .map(|key| (base_name(key), digest(&self.s3.get(&format!("made/{key}")))))
            .collect()
    }

    /// A command that knows the store behind a port.
    fn with_store(&self, mut command: Command, port: u16) -> Command {
        store(&mut command, port);
        command.env("TMPDIR", self.world.path("tmp"));
        std::fs::create_dir_all(self.world.path("tmp")).expect("made");
        command
    }

    /// `kumi run` with its results below `s3://made/ROOT`; its state is beside the cohort file.
    fn run(&self, cohort: &Path, root: &str, port: u16) -> Command {
        let root = format!("s3://made/{root}");
        self.with_store(run(cohort, Path::new(&root)), port)
    }
}

/// A sheet of the FASTQ files at `base`.
fn rows(base: &str) -> String {
    let rows = SAMPLES.map(|s| format!("{s},{base}{s}_1.fq.gz,{base}{s}_2.fq.gz\n"));
    format!("sample,fastq_1,fastq_2\n{}", rows.concat())
}

/// Where the store is and who asks.
fn store(command: &mut Command, port: u16) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"));
    command.env("AWS_ALLOW_HTTP", "true");
    command.env("AWS_REGION", "us-east-1");
    command.env("AWS_ACCESS_KEY_ID", "AKIATESTTESTTESTTEST");
    command.env("AWS_SECRET_ACCESS_KEY", "not-a-secret-at-all");
}

fn digest(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or(path).to_owned()
}

/// What does not tell how its inputs are known: everything but provenance and what digests that.
fn is_result(path: &str) -> bool {
    let endings = [".cram", ".crai", ".vcf.gz", ".tbi"];
    let product = path.contains("/samples/") || path.contains("/releases/");
    product && (path.contains("/qc/") || endings.iter().any(|ending| path.ends_with(ending)))
}

fn fails(command: &mut Command, code: i32) -> String {
    let output: Output = command.output().expect("kumi runs");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    assert!(!said.contains("not-a-secret"), "{said}");
    said
}

#[test]
fn a_cohort_in_a_bucket_has_the_digests_of_one_in_files() {
    let Some(site) = Site::new() else { return };
    let expected = site.made_from_files();
    assert!(expected.len() > 30, "{expected:?}");
    let cohort = site.cohort("remote", "s3://given/run-1/");
    let mut command = site.run(&cohort, "root", site.s3.port);
    let report = json(&ok(command.args(["--output", "json"])));
    assert_eq!(report["state"], "completed", "{report}");
    assert_eq!(site.in_bucket("root"), expected);
    assert_eq!(site.s3.unfinished("made"), Vec::<String>::new());
    let again = json(&ok(&mut command));
    assert_eq!(again["tasks_computed"], 0, "{again}");
    // A result that is gone is made again; the others are taken as they are.
    let keys = site.s3.keys("made");
    let lost = keys
        .iter()
        .find(|key| key.ends_with("BRAVO.g.vcf.gz"))
        .expect("a gVCF");
    site.s3.call("DELETE", &format!("/made/{lost}"), &[]);
    let mended = json(&ok(&mut command));
    assert_eq!(
        mended["files_gone"].as_array().map(Vec::len),
        Some(1),
        "{mended}"
    );
    assert_eq!(site.in_bucket("root"), expected);
}

#[test]
fn throttling_cuts_and_truncated_bodies_change_no_byte() {
    let Some(site) = Site::new() else { return };
    let expected = site.made_from_files();
    let seed = 3;
    let faults = Proxy::seeded(site.s3.port, seed);
    let cohort = site.cohort("remote", "s3://given/run-1/");
    ok(&mut site.run(&cohort, "root", faults.port));
    assert_eq!(site.in_bucket("root"), expected);
    let met = faults.met();
    assert!(met.values().all(|count| *count > 3), "{met:?}");
}

/// A worker whose scratch holds one task's files and no more, killed again and again: what lies in the bucket is whole
/// at any time, and the end is the same.
#[test]
fn killed_workers_and_a_small_scratch_lose_nothing() {
    let Some(site) = Site::new() else { return };
    let expected = site.made_from_files();
    let dir = site.world.path("");
    let [port] = free_ports();
    let endpoint = format!("127.0.0.1:{port}");
    let mut command = kumi();
    command.args(["scheduler", "--listen", &endpoint, "--data-dir"]);
    let scheduler = Process::start(command.arg(dir.join("data")), &dir.join("scheduler.log"));
    let mut submit = kumi();
    submit.args([
        "cohort",
        "submit",
        "--output-dir",
        "s3://made/root",
        "--endpoint",
    ]);
    submit
        .arg(&endpoint)
        .arg(site.cohort("remote", "s3://given/run-1/"));
    ok(&mut site.with_store(submit, site.s3.port));
    let mut whole = BTreeMap::new();
    let mut started = 0;
    let scratch = dir.join("scratch");
    until("the end of the cohort", || {
        started += 1;
        let mut worker = kumi();
        worker.args([
            "worker",
            "start",
            "--cores",
            "2",
            "--name",
            "w",
            "--endpoint",
        ]);
        worker
            .args([&endpoint, "--scratch-limit", "48MiB", "--scratch"])
            .arg(&scratch);
        let mut worker = site.with_store(worker, site.s3.port);
        let mut worker = Process::start(&mut worker, &dir.join("worker.log"));
        let mut looked = 0;
        while looked < 4 << started {
            std::thread::sleep(Duration::from_millis(50));
            looked += 1;
            if ended(&endpoint) {
                worker.stop("TERM");
                return Some(());
            }
        }
        worker.kill();
        // An object that is there has the bytes that it will always have.
        for key in site.s3.keys("made") {
            let bytes = site.s3.get(&format!("made/{key}"));
            let before = whole.insert(key.clone(), bytes.clone());
            assert!(before.is_none_or(|before| before == bytes), "{key}");
        }
        None
    });
    drop(scheduler);
    assert!(started > 1, "no worker was killed");
    assert_eq!(site.in_bucket("root"), expected);
    let left = files(&scratch, &|name| {
        name.contains("kumi-worker-") || name.contains("incoming/")
    });
    assert_eq!(left, Vec::<String>::new());
}

/// Whether the one cohort has ended, and well.
fn ended(endpoint: &str) -> bool {
    let mut list = kumi();
    list.args([
        "cohort",
        "list",
        "--output",
        "jsonl",
        "--endpoint",
        endpoint,
    ]);
    let said = text(&ok(&mut list).stdout);
    assert!(!said.contains("failed\""), "{said}");
    said.contains("\"completed\"")
}

#[test]
fn what_is_wrong_with_objects_is_told_before_work_starts() {
    let Some(site) = Site::new() else { return };
    let check = |name: &str, base: &str, port: u16| {
        let mut command = kumi();
        command
            .args(["cohort", "check"])
            .arg(site.cohort(name, base));
        fails(&mut site.with_store(command, port), 66)
    };
    let said = check("nokey", "s3://given/run-2/", site.s3.port);
    for says in [
        "sample BRAVO",
        "s3://given/run-2/BRAVO_2.fq.gz: there is no such object (NoSuchKey)",
        "s3://given/run-2/r.fa",
    ] {
        assert!(said.contains(says), "{said}");
    }
    let said = check("nobucket", "s3://nowhere/run-1/", site.s3.port);
    assert!(said.contains("there is no bucket nowhere"), "{said}");
    let [dead] = free_ports();
    let said = check("dead", "s3://given/run-1/", dead);
    assert!(said.contains("cannot be reached"), "{said}");
    site.s3.put("given/run-1/BRAVO_1.fq.gz", b"@r\nACGT\n+\n");
    let mut command = kumi();
    command
        .args(["cohort", "check"])
        .arg(site.cohort("bad", "s3://given/run-1/"));
    let said = fails(&mut site.with_store(command, site.s3.port), 65);
    assert!(said.contains("s3://given/run-1/BRAVO_1.fq.gz"), "{said}");
    assert!(said.contains("sample BRAVO"), "{said}");
}
