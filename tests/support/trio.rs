//! The bundled trio, and what `kumi run` makes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use super::tools::shell;
use super::{json, kumi, ok, published_file, root, run};

/// The child, her father and her mother.
pub(crate) const SAMPLES: [&str; 3] = ["NA12878", "NA12891", "NA12892"];

/// The folder of the trio.
pub(crate) fn trio() -> PathBuf {
    root().join("examples/ceu-trio")
}

/// The reference, compressed.
pub(crate) fn fasta() -> PathBuf {
    trio().join("reference/b37.20_9995001_11095000.fa.gz")
}

/// The first or second reads of a sample.
pub(crate) fn reads(sample: &str, read: u8) -> PathBuf {
    trio().join(format!("reads/{sample}_R{read}.fastq.gz"))
}

/// The BED file of the stretch that the reads are from.
pub(crate) fn targets() -> String {
    trio().join("targets.bed").display().to_string()
}

/// Plain FASTA with `.fai`, as `reference.fa` in a folder that lives as long as the tests.
pub(crate) static PLAIN: LazyLock<Plain> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("reference.fa");
    shell(&format!(
        "zcat '{}' > '{1}' && samtools faidx '{1}'",
        fasta().display(),
        path.display()
    ));
    Plain { _dir: dir, path }
});

/// See [`PLAIN`].
pub(crate) struct Plain {
    _dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

/// An index of the bundled reference, in a folder that lives as long as the tests.
pub(crate) static INDEX: LazyLock<Index> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("r.kidx");
    ok(kumi()
        .args(["reference", "build"])
        .arg(fasta())
        .arg("--output")
        .arg(&path));
    Index { _dir: dir, path }
});

/// See [`INDEX`].
pub(crate) struct Index {
    _dir: tempfile::TempDir,
    pub(crate) path: PathBuf,
}

/// A cohort file that names the bundled trio by absolute paths, with `params` added to its `[params]`.
pub(crate) fn cohort_file(dir: &Path, params: &str) -> PathBuf {
    let text = format!(
        "[cohort]\nname = \"ceu-trio\"\nprogramme = \"example\"\ncentre = \"coriell\"\nsheet = \"{}/samples.csv\"\n\
         [reference]\nfasta = \"{}\"\n[params]\ntargets = \"{}\"\n{params}\n",
        trio().display(),
        fasta().display(),
        targets()
    );
    let path = dir.join("cohort.toml");
    fs::write(&path, text).expect("written");
    path
}

/// The trio, run once with the default settings; others compare with it and must not change it.
pub(crate) struct Embedded {
    /// Holds `root`.
    dir: tempfile::TempDir,
    /// What `--output json` said.
    pub(crate) report: serde_json::Value,
}

impl Embedded {
    /// Where everything was published.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// `kumi run` of the same cohort to the same place.
    pub(crate) fn command(&self) -> Command {
        run(&self.dir.path().join("cohort.toml"), &self.root())
    }

    /// The file that was published for good with a name of this end.
    pub(crate) fn file(&self, ending: &str) -> PathBuf {
        published_file(&self.root(), ending)
    }
}

pub(crate) static EMBEDDED: LazyLock<Embedded> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cohort = cohort_file(dir.path(), "");
    let output = ok(run(&cohort, &dir.path().join("out")).args(["--output", "json"]));
    Embedded {
        report: json(&output),
        dir,
    }
});

/// A copy of the trio in a folder of its own, whose files a test may spoil.
pub(crate) struct Copy {
    dir: tempfile::TempDir,
}

impl Copy {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for name in ["cohort.toml", "samples.csv", "targets.bed"] {
            fs::copy(trio().join(name), dir.path().join(name)).expect("copied");
        }
        for folder in ["reads", "reference"] {
            fs::create_dir(dir.path().join(folder)).expect("created");
            for entry in fs::read_dir(trio().join(folder)).expect("a folder") {
                let path = entry.expect("an entry").path();
                let name = path.file_name().expect("a name");
                fs::copy(&path, dir.path().join(folder).join(name)).expect("copied");
            }
        }
        Self { dir }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn cohort(&self) -> PathBuf {
        self.path("cohort.toml")
    }
}
