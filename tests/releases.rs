//! A cohort that grows, from which someone withdraws, and what is released of it.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::daemon::{Process, Schedulers, free_ports, worker};
use crate::support::tools::have;
use crate::support::trio::Copy;
use crate::support::{json, kumi, ok, run, sha256, text, unzip};

/// A cluster of one scheduler and one worker, and the trio.
struct House {
    trio: Copy,
    dir: tempfile::TempDir,
    schedulers: Schedulers,
    _worker: Process,
}

impl House {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let ports = free_ports::<2>();
        let schedulers = Schedulers::start(dir.path(), &ports[..1], &ports[1..]);
        let worker = worker(dir.path(), "w", &schedulers.endpoints(), &[]);
        Self {
            trio: Copy::new(),
            dir,
            schedulers,
            _worker: worker,
        }
    }

    /// The folder that everything is published in.
    fn root(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The cohort of these samples, ingested two at a time, with one more parameter.
    fn cohort_with(&self, samples: &[&str], parameter: &str) -> PathBuf {
        sheet(&self.trio, samples, parameter);
        self.trio.cohort()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = kumi();
        command.args(args);
        command.args(["--endpoint", &self.schedulers.endpoints()]);
        command
    }

    fn submit(&self, samples: &[&str]) -> Output {
        self.submit_with(samples, "")
    }

    fn submit_with(&self, samples: &[&str], parameter: &str) -> Output {
        let mut command = self.command(&["cohort", "submit", "--wait", "--output", "json"]);
        command.arg("--output-dir").arg(self.root());
        command
            .arg(self.cohort_with(samples, parameter))
            .output()
            .expect("kumi runs")
    }

    fn ask(&self, args: &[&str]) -> serde_json::Value {
        json(&ok(self.command(args).args(["--output", "json"])))
    }

    /// The folder of the latest release of a cohort by number.
    fn release(&self, cohort: &str) -> PathBuf {
        let release = self.ask(&["release", "show", cohort]);
        PathBuf::from(release["directory"].as_str().expect("a folder"))
    }

    /// The folders of the store's batches, and when they were changed.
    fn store(&self) -> Vec<(PathBuf, std::time::SystemTime)> {
        let store = self.root().join("example/cohorts/ceu-trio/store");
        let entries = |folder: &Path| fs::read_dir(folder).expect("a store").flatten();
        let entries = entries(&store).flat_map(|fan| entries(&fan.path()));
        let changed = |path: &Path| fs::metadata(path).and_then(|found| found.modified());
        let mut folders: Vec<_> = entries
            .map(|entry| (entry.path(), changed(&entry.path()).expect("a time")))
            .collect();
        folders.sort();
        folders
    }
}

const ALL: [&str; 3] = ["NA12878", "NA12891", "NA12892"];

/// Leaves only these samples in the sheet.
fn sheet(trio: &Copy, samples: &[&str], parameter: &str) {
    let all = crate::support::trio::trio().join("samples.csv");
    let all = fs::read_to_string(all).expect("a sheet");
    let mut lines = all.lines();
    let head = lines.next().expect("a header");
    let kept = lines.filter(|line| {
        samples
            .iter()
            .any(|sample| line.contains(&format!(",{sample},")))
    });
    let text: Vec<&str> = std::iter::once(head).chain(kept).collect();
    assert_eq!(text.len(), samples.len() + 1, "{text:?}");
    fs::write(trio.path("samples.csv"), text.join("\n") + "\n").expect("written");
    let file = crate::support::trio::trio().join("cohort.toml");
    let file = fs::read_to_string(file).expect("a cohort file");
    let file = format!("{file}batch_samples = 2\n{parameter}\n");
    fs::write(trio.cohort(), file).expect("written");
}

fn done(output: &Output) {
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// Records without the header, which tells of no sample but in its last line.
fn records(vcf: &Path) -> Vec<String> {
    let text = unzip(vcf);
    let lines = text.lines().filter(|line| !line.starts_with("##"));
    lines.map(str::to_owned).collect()
}

#[test]
fn a_cohort_grows_shrinks_and_is_released_from_what_was_ingested() {
    let house = House::new();
    done(&house.submit(&ALL[..2]));
    let first = house.release("1");
    let before = house.store();

    // One more: only its own batch is written.
    done(&house.submit(&ALL));
    let grown = house.store();
    assert_eq!(grown.len(), before.len() * 2, "{grown:?}");
    assert!(
        before.iter().all(|folder| grown.contains(folder)),
        "nothing was written again"
    );

    // One less: the store stays as it is.
    let withdraw = [
        "cohort", "withdraw", "ceu-trio", "NA12891", "--reason", "a letter",
    ];
    let said = text(&ok(&mut house.command(&withdraw)).stdout);
    assert!(said.contains("kumi release build ceu-trio"), "{said}");
    let refused = house.submit(&ALL);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(65), "{said}");
    assert!(
        said.contains("NA12891") && said.contains("withdrawn"),
        "{said}"
    );
    let shown = house.ask(&["release", "show", "2"]);
    assert_eq!(shown["withdrawn"], serde_json::json!(["NA12891"]));
    done(
        &house
            .command(&["release", "build", "ceu-trio", "--wait"])
            .output()
            .expect("kumi runs"),
    );
    assert_eq!(house.store(), grown);

    // To the last byte what those who are left would have had without it.
    let shrunk = house.release("3");
    let alone = alone(&house, "");
    assert_eq!(names(&shrunk), names(&alone));
    for name in names(&shrunk) {
        assert_eq!(
            sha256(&shrunk.join(&name)),
            sha256(&alone.join(&name)),
            "{name:?}"
        );
    }

    check_commands(&house, &first, &shrunk);
    check_purge(&house, 2);
}

/// The release of a cohort that has never had anybody but two of the samples.
fn alone(house: &House, parameter: &str) -> PathBuf {
    at_once(house, &["NA12878", "NA12892"], parameter)
}

/// The release of a cohort that was never released before.
fn at_once(house: &House, samples: &[&str], parameter: &str) -> PathBuf {
    let alone = house.path(&format!("of-{}", samples.len()));
    ok(&mut run(&house.cohort_with(samples, parameter), &alone));
    let releases = alone.join("example/cohorts/ceu-trio/releases");
    let entries = fs::read_dir(releases).expect("releases");
    entries.flatten().next().expect("one").path()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

const STORE: &str = "genotypes = \"store\"";
const SITES: [&str; 3] = [
    "ceu-trio.sites.vcf.gz",
    "ceu-trio.sites.vcf.gz.tbi",
    "manifest.json",
];

/// Genotypes stay in the store: a release is the sites, the same as with a cohort VCF, and genotypes are exported.
#[test]
fn a_release_holds_the_sites_alone_where_genotypes_stay_in_the_store() {
    let house = House::new();
    done(&house.submit_with(&ALL[..2], STORE));
    let first = house.release("1");
    done(&house.submit_with(&ALL, STORE));
    let grown = house.release("2");
    let store = house.store();
    // The same samples with a cohort VCF, from the same store.
    done(&house.submit(&ALL));
    let whole = house.release("3");
    assert_eq!(house.store(), store);
    assert_ne!(grown, whole);
    assert_eq!(names(&first), SITES);
    assert_eq!(names(&grown), SITES);
    for name in &SITES[..2] {
        assert_eq!(sha256(&grown.join(name)), sha256(&whole.join(name)));
    }
    assert!(records(&grown.join(SITES[0])).len() > 60);
    check_export(&house, &whole);

    // Without one of them: what those who are left would have had ever.
    let withdraw = ["cohort", "withdraw", "ceu-trio", "NA12891"];
    ok(&mut house.command(&withdraw));
    ok(&mut house.command(&["release", "build", "2", "--wait"]));
    let shrunk = house.release("4");
    let alone = alone(&house, STORE);
    assert_eq!(names(&shrunk), SITES);
    assert_eq!(names(&alone), SITES);
    for name in SITES {
        let [shrunk, alone] = [&shrunk, &alone].map(|folder| sha256(&folder.join(name)));
        assert_eq!(shrunk, alone, "{name}");
    }
    check_stored(&house, &first, &shrunk);
    check_purge(&house, 2);
}

/// Each shard is a file of the release; together they are what a release with one cohort VCF has.
#[test]
fn a_release_in_chunks_is_the_cohort_vcf_in_parts() {
    let house = House::new();
    for (samples, form) in [
        (&ALL[..], ""),
        (&ALL[..], "chunks = 2"),
        (&ALL[..], "genotypes = \"bcf\"\nchunks = 2"),
        (&ALL[..], LOCAL),
    ] {
        done(&house.submit_with(samples, form));
    }
    let [whole, vcf, bcf, local] = ["1", "2", "3", "4"].map(|number| house.release(number));
    for folder in [&vcf, &bcf, &local] {
        for name in &SITES[..2] {
            assert_eq!(sha256(&folder.join(name)), sha256(&whole.join(name)));
        }
        let folder = folder.to_string_lossy();
        let said = text(&ok(&mut house.command(&["release", "verify", &folder])).stdout);
        assert!(said.contains("10 files"), "{said}");
    }
    assert_eq!(names(&vcf), chunks("vcf.gz", "tbi"));
    assert_eq!(names(&bcf), chunks("bcf", "csi"));
    assert_eq!(names(&local), chunks("bcf", "csi"));
    check_chunks(&house, &whole, &vcf);
    check_bcf(&vcf, &bcf);

    // Without one of them: what those who are left would have had ever.
    let withdraw = ["cohort", "withdraw", "ceu-trio", "NA12891"];
    ok(&mut house.command(&withdraw));
    ok(&mut house.command(&["release", "build", "4", "--wait"]));
    let shrunk = house.release("5");
    let alone = alone(&house, LOCAL);
    assert_eq!(names(&alone), names(&shrunk));
    for name in names(&shrunk) {
        let [shrunk, alone] = [&shrunk, &alone].map(|folder| sha256(&folder.join(&name)));
        assert_eq!(shrunk, alone, "{name}");
    }
    // Two batches in two shards, and of the store of one shard the batch without it.
    check_purge(&house, 5);
}

const LOCAL: &str = "genotypes = \"bcf-local\"\nchunks = 2";

/// The files of a release in two chunks.
fn chunks(ending: &str, index: &str) -> Vec<String> {
    let mut names: Vec<String> = SITES.map(str::to_owned).to_vec();
    for stem in ["ceu-trio.0001", "ceu-trio.0002"] {
        for ending in [ending, "sites.vcf.gz"] {
            let index = if ending == "sites.vcf.gz" {
                "tbi"
            } else {
                index
            };
            names.push(format!("{stem}.{ending}"));
            names.push(format!("{stem}.{ending}.{index}"));
        }
    }
    names.sort();
    names
}

fn check_chunks(house: &House, whole: &Path, chunks: &Path) {
    let parts = |ending: &str| -> Vec<String> {
        let of = |number| records(&chunks.join(format!("ceu-trio.{number}.{ending}")));
        let (mut first, second) = (of("0001"), of("0002"));
        assert!(first.len() > 20 && second.len() > 20);
        first.extend(second.into_iter().skip(1));
        first
    };
    assert_eq!(parts("vcf.gz"), records(&whole.join("ceu-trio.vcf.gz")));
    assert_eq!(parts("sites.vcf.gz"), records(&whole.join(SITES[0])));
    let manifest = fs::read(chunks.join("manifest.json")).expect("a manifest");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["genotypes"], "vcf");
    let places: Vec<_> = (0..2)
        .map(|at| manifest["chunks"][at]["regions"].to_string())
        .collect();
    assert!(places.iter().all(|place| place.contains(":")), "{places:?}");
    assert_ne!(places[0], places[1]);
    let [whole, chunks] = [whole, chunks].map(|folder| folder.to_string_lossy());
    let diff = house.ask(&["release", "diff", &whole, &chunks]);
    assert!(diff["genotypes"]["compared"].as_u64() > Some(60), "{diff}");
    assert_eq!(diff["genotypes"]["changed"], 0);
    assert_eq!(diff["sites"]["gone"], 0);
    let shown = house.ask(&["release", "show", "4"]);
    assert_eq!(shown["genotypes"], "bcf-local");
}

/// The same genotypes in both, as bcftools reads them.
fn check_bcf(vcf: &Path, bcf: &Path) {
    if !have(&["bcftools"]) {
        return;
    }
    let read = |path: PathBuf| {
        let mut query = Command::new("bcftools");
        query.args(["query", "-f", "%CHROM %POS %REF %ALT[ %GT %DP]\n"]);
        text(&ok(query.arg(path)).stdout)
    };
    for number in ["0001", "0002"] {
        let file = |ending: &str| format!("ceu-trio.{number}.{ending}");
        let found = read(bcf.join(file("bcf")));
        assert!(found.lines().count() > 20);
        assert_eq!(found, read(vcf.join(file("vcf.gz"))));
    }
}

/// A release begins from what was counted for the one before: what older batches carry is not read again. Where that is
/// gone, all batches are added up, without anybody having to do anything.
#[test]
fn a_release_is_counted_from_the_one_before() {
    let house = House::new();
    done(&house.submit_with(&ALL[..2], STORE));
    let kept: Vec<_> = censuses(&house, "store").into_iter().map(read).collect();
    assert!(!kept.is_empty());
    for (path, bytes) in &kept {
        fs::write(path, vec![0; bytes.len()]).expect("written");
    }
    done(&house.submit_with(&ALL, STORE));
    check_same(&house.release("2"), &at_once(&house, &ALL, STORE));

    for (path, bytes) in &kept {
        fs::write(path, bytes).expect("written");
    }
    let counted = censuses(&house, "census");
    assert_eq!(counted.len(), 2 * kept.len());
    for path in counted {
        fs::remove_file(path).expect("removed");
    }
    let withdraw = ["cohort", "withdraw", "ceu-trio", "NA12891"];
    ok(&mut house.command(&withdraw));
    ok(&mut house.command(&["release", "build", "2", "--wait"]));
    check_same(&house.release("3"), &alone(&house, STORE));
}

/// What was counted of batches (`store`) or of the cohort (`census`).
fn censuses(house: &House, folder: &str) -> Vec<PathBuf> {
    let folder = house.root().join("example/cohorts/ceu-trio").join(folder);
    let found = crate::support::files(&folder, &|name| name.ends_with(".census.arrow"));
    found.iter().map(|path| folder.join(path)).collect()
}

fn read(path: PathBuf) -> (PathBuf, Vec<u8>) {
    let bytes = fs::read(&path).expect("readable");
    (path, bytes)
}

fn check_same(release: &Path, other: &Path) {
    assert_eq!(names(release), SITES);
    for name in SITES {
        let [release, other] = [release, other].map(|folder| sha256(&folder.join(name)));
        assert_eq!(release, other, "{name}");
    }
}

/// What is exported is what a release with a cohort VCF has.
fn check_export(house: &House, whole: &Path) {
    let export = |release: &str, name: &str| {
        let to = house.path(name);
        let export = ["release", "export", release];
        ok(house.command(&export).arg("--to").arg(&to));
        to
    };
    let vcf = export("2", "two.vcf.gz");
    assert_eq!(records(&vcf), records(&whole.join("ceu-trio.vcf.gz")));
    let [two, three] = ["2", "3"].map(|release| export(release, &format!("{release}.bcf")));
    assert_eq!(sha256(&two), sha256(&three));
}

/// What is told of such a release.
fn check_stored(house: &House, first: &Path, shrunk: &Path) {
    let shown = ok(&mut house.command(&["release", "show", "4"]));
    let said = text(&shown.stdout);
    assert!(said.contains("kumi release export"), "{said}");
    let listed = house.ask(&["release", "list", "ceu-trio"]);
    let listed = listed.as_array().expect("a list").iter();
    let listed: Vec<_> = listed
        .map(|release| (release["genotypes"].as_str(), release["samples"].as_u64()))
        .collect();
    let expected = [("store", 2), ("vcf", 3), ("store", 3), ("store", 2)];
    let expected = expected.map(|(form, samples)| (Some(form), Some(samples)));
    assert_eq!(listed, expected, "the newest first");
    let said = text(&ok(&mut house.command(&["release", "verify", "4"])).stdout);
    assert!(said.contains("3 files"), "{said}");
    let first = first.to_string_lossy();
    let digits = shrunk.file_name().expect("a name").to_string_lossy();
    let diff = ["release", "diff", &first, &digits];
    let said = text(&ok(&mut house.command(&diff)).stderr);
    assert!(said.contains("were not compared"), "{said}");
    let diff = house.ask(&diff);
    assert_eq!(diff["samples"]["gone"], serde_json::json!(["NA12891"]));
    assert_eq!(diff["samples"]["new"], serde_json::json!(["NA12892"]));
    assert_eq!(diff["genotypes"]["compared"], 0);
    assert!(diff["sites"]["same"].as_u64() > Some(10), "{diff}");
}

/// Nothing of a sample is left but the certificate that nothing is, and the others are released as before, from so many
/// folders of the store.
fn check_purge(house: &House, folders: usize) {
    let purge = ["cohort", "purge", "ceu-trio", "--wait"];
    let output = house.command(&purge).output().expect("kumi runs");
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    let traces = || traces(&house.root(), "NA12891");
    assert!(traces().len() > 10);
    ok(house.command(&purge).arg("--yes"));
    let left = traces();
    assert!(!left.is_empty(), "the certificate names it");
    assert!(!house.root().join("example/samples/72/NA12891").exists());
    let purges = house.root().join("example/cohorts/ceu-trio/purges");
    assert!(
        left.iter().all(|path| path.starts_with(&purges)),
        "{left:?}"
    );
    assert_eq!(
        house.store().len(),
        folders,
        "its own batch is written again, the other stays"
    );
    let listed = house.ask(&["release", "list"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(1), "{listed}");
    let again = house
        .command(&purge)
        .arg("--yes")
        .output()
        .expect("kumi runs");
    let said = text(&again.stderr);
    assert!(
        !again.status.success() && said.contains("nothing to purge"),
        "{said}"
    );
    // What is left goes on as ever.
    done(&house.submit(&["NA12892"]));
}

/// The files whose name or content, packed or not, has a name in it.
pub(crate) fn traces(root: &Path, name: &str) -> Vec<PathBuf> {
    let all = crate::support::files(root, &|_| true);
    let paths = all.iter().map(|path| root.join(path));
    let has = |bytes: &[u8]| {
        bytes
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    let found = |path: &PathBuf| {
        let bytes = fs::read(path).expect("readable");
        let mut unpacked = Vec::new();
        if bytes.starts_with(&[0x1f, 0x8b]) {
            let mut inflated = flate2::read::MultiGzDecoder::new(&bytes[..]);
            inflated.read_to_end(&mut unpacked).expect("sound");
        }
        path.to_string_lossy().contains(name) || has(&bytes) || has(&unpacked)
    };
    paths.filter(found).collect()
}

fn check_commands(house: &House, first: &Path, shrunk: &Path) {
    let listed = house.ask(&["release", "list", "ceu-trio"]);
    let samples = listed.as_array().expect("a list").iter();
    let samples: Vec<u64> = samples
        .filter_map(|release| release["samples"].as_u64())
        .collect();
    assert_eq!(samples, [2, 3, 2], "the newest first");

    let digits = shrunk
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let said = text(&ok(&mut house.command(&["release", "verify", &digits[..6]])).stdout);
    assert!(said.contains("are what the manifest says"), "{said}");

    // Written again from the store: the same records.
    let to = house.path("again.vcf.gz");
    ok(house
        .command(&["release", "export", &digits])
        .arg("--to")
        .arg(&to));
    assert_eq!(records(&to), records(&shrunk.join("ceu-trio.vcf.gz")));
    assert!(records(&to).len() > 60);
    let bcf = house.path("local.bcf");
    let export = ["release", "export", "3", "--format", "bcf-local"];
    ok(house.command(&export).arg("--to").arg(&bcf));
    assert!(bcf.is_file() && house.path("local.bcf.csi").is_file());

    let first = first.to_string_lossy();
    let diff = house.ask(&["release", "diff", &first, &digits]);
    assert_eq!(diff["samples"]["gone"], serde_json::json!(["NA12891"]));
    assert_eq!(diff["samples"]["new"], serde_json::json!(["NA12892"]));
    assert!(diff["genotypes"]["compared"].as_u64() > Some(20), "{diff}");

    // A byte that changed is found, by the scheduler's manifest and by the one that lies there.
    let vcf = shrunk.join("ceu-trio.vcf.gz");
    let mut bytes = fs::read(&vcf).expect("there");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&vcf, &bytes).expect("written");
    for release in [digits.as_str(), &shrunk.to_string_lossy()] {
        let output = house
            .command(&["release", "verify", release])
            .output()
            .expect("kumi runs");
        assert_eq!(output.status.code(), Some(65), "{}", text(&output.stderr));
        let said = text(&output.stdout);
        assert!(said.contains("ceu-trio.vcf.gz: its SHA-256 is"), "{said}");
    }
    bytes[middle] ^= 1;
    fs::write(&vcf, bytes).expect("written");
}
