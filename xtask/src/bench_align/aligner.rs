//! The aligners, and what a run of one costs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use clap::ValueEnum;

use crate::accuracy::tools::{ok, shell};
use crate::bench_align::data::{Data, Files};

/// An aligner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Aligner {
    /// `kumi kernel align`.
    Kumi,
    /// `bwa mem`.
    Bwa,
    /// `minimap2 -ax sr`.
    Minimap2,
}

impl Aligner {
    /// Aligns on one thread; user CPU seconds.
    pub(super) fn run(self, kumi: &Path, data: &Data, files: &Files) -> anyhow::Result<f64> {
        let output = data.output(self, files);
        let [first, second] = &files.mates;
        let index = self.index(kumi, data)?;
        let (script, program) = match self {
            Self::Kumi => (
                "\"$1\" kernel align --threads 1 --unsorted --sample s --reference \"$2\" \"$3\" \"$4\" --output -",
                kumi,
            ),
            Self::Bwa => ("\"$1\" mem -t 1 \"$2\" \"$3\" \"$4\"", Path::new("bwa")),
            Self::Minimap2 => (
                "\"$1\" -ax sr -t 1 \"$2\" \"$3\" \"$4\"",
                Path::new("minimap2"),
            ),
        };
        let script = format!("TIMEFORMAT=%U; {{ time {script} > \"$5\" 2> /dev/null; }} 2>&1");
        seconds(&script, &[program, &index, first, second, &output])
    }

    /// The index, built when it is not there.
    pub(super) fn index(self, kumi: &Path, data: &Data) -> anyhow::Result<PathBuf> {
        match self {
            Self::Kumi => data.index("kidx", |index| {
                ok(Command::new(kumi).args(["reference", "build"]).args([
                    &data.fasta,
                    Path::new("--output"),
                    index,
                ]))
            }),
            Self::Bwa => {
                // Its index is several files; the last one written says that all are there.
                data.index("sa", |index| {
                    let prefix = index.with_extension("").with_extension("");
                    ok(Command::new("bwa")
                        .arg("index")
                        .arg("-p")
                        .args([&prefix, &data.fasta]))?;
                    std::fs::rename(prefix.with_extension("sa"), index)?;
                    Ok(Vec::new())
                })?;
                Ok(data.fasta.with_extension(""))
            }
            Self::Minimap2 => data.index("mmi", |index| {
                ok(Command::new("minimap2")
                    .args(["-x", "sr", "-d"])
                    .args([index, &data.fasta]))
            }),
        }
    }
}

/// What a script says that ends with how long something took.
pub(super) fn seconds(script: &str, arguments: &[&Path]) -> anyhow::Result<f64> {
    let said = shell(script, arguments)?;
    let times: Result<Vec<f64>, _> = said.split_whitespace().map(str::parse).collect();
    let times = times.with_context(|| format!("`{said}` is no time"))?;
    Ok(times.iter().sum())
}
