//! The callers, and what a run of one costs.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::accuracy::tools::shell;
use crate::bench_call::data::Data;

/// A caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Caller {
    /// `kumi kernel call`: a gVCF, of which variants that pass count.
    Kumi,
    /// `bcftools mpileup | bcftools call -mv`; variants of QUAL 20 or more count.
    Bcftools,
    /// `freebayes`; variants of QUAL 20 or more count.
    Freebayes,
}

impl Caller {
    /// Says which program is missing.
    pub(super) fn check(self) -> anyhow::Result<()> {
        let program = match self {
            Self::Kumi => return Ok(()),
            Self::Bcftools => "bcftools",
            Self::Freebayes => "freebayes",
        };
        if shell(&format!("command -v {program}"), &[]).is_err() {
            bail!(
                "no {program} on the path: `apt-get install {program}`, or leave it out with --callers"
            );
        }
        Ok(())
    }

    /// Where its output goes.
    pub(super) fn output(self, data: &Data) -> PathBuf {
        let ending = format!("{self:?}.vcf.gz").to_lowercase();
        data.alignments.with_extension(ending)
    }

    /// Calls on one thread; user CPU seconds.
    pub(super) fn run(self, kumi: &Path, data: &Data) -> anyhow::Result<f64> {
        let output = self.output(data);
        let script = match self {
            Self::Kumi => {
                "\"$1\" kernel call --threads 1 --reference \"$2\" --regions \"$4\" \"$5\" --output \"$6\""
            }
            Self::Bcftools => {
                "bcftools mpileup -Ou -f \"$3\" -R \"$4\" -a AD,DP \"$5\" | bcftools call -mv -a GQ -Oz -o \"$6\""
            }
            Self::Freebayes => "freebayes -f \"$3\" -t \"$4\" \"$5\" | bgzip > \"$6\"",
        };
        let script = format!("TIMEFORMAT=%U; {{ time {{ {{ {script}; }} 2> /dev/null; }}; }} 2>&1");
        let arguments = [
            kumi,
            &data.index,
            &data.fasta,
            &data.called,
            &data.alignments,
            &output,
        ];
        let said = shell(&script, &arguments).with_context(|| format!("{self:?} failed"))?;
        said.trim()
            .parse()
            .with_context(|| format!("`{said}` is no time"))
    }

    /// Its calls as the comparison takes them: genotypes alone, variants that it stands for.
    pub(super) fn calls(self, data: &Data, into: &Path) -> anyhow::Result<()> {
        let chosen = match self {
            Self::Kumi => "bcftools view -f PASS,. -a -c1 -Ou \"$1\"",
            Self::Bcftools | Self::Freebayes => "bcftools view -i 'QUAL>=20' -c1 -Ou \"$1\"",
        };
        // Kumi's output has its index beside it; others are read from beginning to end.
        let script = format!(
            "{chosen} | bcftools annotate -x INFO,^FORMAT/GT,ID -Ou | bcftools norm -f \"$3\" -Oz -o \"$2\" 2> /dev/null; \
             bcftools index -f -t \"$2\""
        );
        shell(&script, &[&self.output(data), into, &data.fasta]).map(drop)
    }
}
