//! Calls against a truth set, haplotype by haplotype.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

use crate::accuracy::kernels::{Kernels, Reference};
use crate::accuracy::tools::{aardvark, ok, shell};

/// How one type of variant was found.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    pub truth: u64,
    pub missed: u64,
    pub wrong: u64,
    pub precision: f64,
}

impl Found {
    /// How many of the truth.
    pub(super) fn right(&self) -> u64 {
        self.truth - self.missed
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}, {} wrong, precision {:.3}",
            self.right(),
            self.truth,
            self.wrong,
            self.precision
        )
    }
}

/// SNVs and indels.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Score {
    pub snv: Found,
    pub indel: Found,
}

impl Kernels {
    /// Compares genotypes of one sample with the truth inside regions.
    pub(super) fn score(
        &self,
        reference: &Reference,
        (truth, calls, sample): (&Path, &Path, &str),
        regions: &Path,
    ) -> anyhow::Result<Score> {
        let name = regions.file_stem().unwrap_or_default().to_string_lossy();
        let folder = self.work.join(format!("score-{sample}-{name}"));
        std::fs::create_dir_all(&folder)?;
        let (query, right, out) = (
            folder.join("q.vcf.gz"),
            folder.join("t.vcf.gz"),
            folder.join("out"),
        );
        shell(
            "bcftools annotate -x INFO,^FORMAT/GT,ID \"$1\" -Oz -o \"$2\"; bcftools index -f -t \"$2\"",
            &[truth, &right],
        )?;
        // One sample's own alleles; what a filter rejects is not called.
        shell(
            "bcftools view -s \"$3\" -f PASS,. -a -c1 -Ou \"$1\" | bcftools annotate -x INFO,^FORMAT/GT,ID -Oz -o \"$2\"; \
             bcftools index -f -t \"$2\"",
            &[calls, &query, Path::new(sample)],
        )?;
        if out.exists() {
            std::fs::remove_dir_all(&out)?;
        }
        ok(Command::new(aardvark(&self.root)?)
            .arg("compare")
            .arg("-r")
            .arg(&reference.fasta)
            .arg("-t")
            .arg(&right)
            .arg("-q")
            .arg(&query)
            .arg("-b")
            .arg(regions)
            .arg("-o")
            .arg(&out))?;
        let summary = std::fs::read_to_string(out.join("summary.tsv"))?;
        Ok(Score {
            snv: of_type(&summary, "Snv")?,
            indel: of_type(&summary, "JointIndel")?,
        })
    }
}

/// A type's line of aardvark's summary; a type of which there is nothing has none.
fn of_type(summary: &str, kind: &str) -> anyhow::Result<Found> {
    let mut lines = summary.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split('\t').collect();
    let column = |name: &str| {
        let at = header.iter().position(|column| *column == name);
        at.with_context(|| format!("no column {name} in the summary"))
    };
    let line = lines
        .map(|line| line.split('\t').collect::<Vec<_>>())
        .find(|line| line[1] == "GT" && line[3] == "ALL" && line[4] == kind);
    let Some(line) = line else {
        return Ok(Found {
            precision: 1.0,
            ..Found::default()
        });
    };
    let number = |name: &str| -> anyhow::Result<u64> { Ok(line[column(name)?].parse()?) };
    let (truth, missed, wrong) = (
        number("truth_total")?,
        number("truth_fn")?,
        number("query_fp")?,
    );
    let precision = line[column("metric_precision")?].parse().unwrap_or(1.0);
    Ok(Found {
        truth,
        missed,
        wrong,
        precision,
    })
}
