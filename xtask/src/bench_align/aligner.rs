//! The aligners, and what a run of one costs.

use std::path::Path;
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
        let (script, program, index) = match self {
            Self::Kumi => (
                "\"$1\" kernel align --threads 1 --unsorted --sample s --reference \"$2\" \"$3\" \"$4\" --output -",
                kumi,
                data.index("kidx", |index| {
                    ok(Command::new(kumi).args(["reference", "build"]).args([
                        &data.fasta,
                        Path::new("--output"),
                        index,
                    ]))
                })?,
            ),
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
                (
                    "\"$1\" mem -t 1 \"$2\" \"$3\" \"$4\"",
                    Path::new("bwa"),
                    data.fasta.with_extension(""),
                )
            }
            Self::Minimap2 => (
                "\"$1\" -ax sr -t 1 \"$2\" \"$3\" \"$4\"",
                Path::new("minimap2"),
                data.index("mmi", |index| {
                    ok(Command::new("minimap2")
                        .args(["-x", "sr", "-d"])
                        .args([index, &data.fasta]))
                })?,
            ),
        };
        let script = format!("TIMEFORMAT=%U; {{ time {script} > \"$5\" 2> /dev/null; }} 2>&1");
        let said = shell(&script, &[program, &index, first, second, &output])?;
        said.trim()
            .parse()
            .with_context(|| format!("`{said}` is no time"))
    }
}
