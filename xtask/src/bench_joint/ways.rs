//! The ways to a cohort's genotypes, and what a run of one costs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::accuracy::tools::shell;
use crate::bench_joint::data::Data;

/// A way from gVCFs to a cohort file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    /// `kumi kernel joint` to VCF.
    KumiVcf,
    /// `kumi kernel joint` to BCF with everything of every sample.
    KumiBcf,
    /// `kumi kernel joint` to BCF with local alleles.
    KumiLocal,
    /// `kumi kernel joint` to VCF without samples.
    KumiSites,
    /// `bcftools merge --gvcf`: every base at which a record starts, without genotyping.
    BcftoolsMerge,
}

/// What a run cost and gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// User CPU.
    pub seconds: f64,
    pub peak_kb: u64,
    /// Of the output.
    pub bytes: u64,
    pub records: u64,
}

impl Cost {
    /// The faster of two runs.
    pub(super) fn min(self, other: Self) -> Self {
        if other.seconds < self.seconds {
            other
        } else {
            self
        }
    }
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KumiVcf => "kumi kernel joint, VCF",
            Self::KumiBcf => "kumi kernel joint, BCF",
            Self::KumiLocal => "kumi kernel joint, BCF with local alleles",
            Self::KumiSites => "kumi kernel joint, sites only",
            Self::BcftoolsMerge => "bcftools merge",
        }
    }

    /// Says which program is missing.
    pub(super) fn check(self) -> anyhow::Result<()> {
        for (program, package) in [
            ("/usr/bin/time", "time"),
            ("bcftools", "bcftools"),
            ("bgzip", "tabix"),
        ] {
            if shell(&format!("command -v {program}"), &[]).is_err() {
                bail!("no {program}: `apt-get install {package}`");
            }
        }
        Ok(())
    }

    fn output(self, data: &Data, samples: usize) -> PathBuf {
        let ending = match self {
            Self::KumiVcf => "kumi.vcf.gz",
            Self::KumiBcf => "kumi.bcf",
            Self::KumiLocal => "local.bcf",
            Self::KumiSites => "sites.vcf.gz",
            Self::BcftoolsMerge => "merged.bcf",
        };
        data.work.join(format!("{samples}.{ending}"))
    }

    /// Genotypes the first `samples` of the cohort on one thread.
    pub(super) fn run(self, kumi: &Path, data: &Data, samples: usize) -> anyhow::Result<Cost> {
        let output = self.output(data, samples);
        let kumi_to = |format: &str| {
            format!(
                "xargs -a \"$3\" \"$1\" kernel joint --threads 1 --format {format} --reference \"$2\" --output \"$5\" < /dev/null"
            )
        };
        let script = match self {
            Self::KumiVcf => kumi_to("vcf"),
            Self::KumiBcf => kumi_to("bcf"),
            Self::KumiLocal => kumi_to("bcf-local"),
            Self::KumiSites => kumi_to("sites"),
            Self::BcftoolsMerge => {
                "bcftools merge --gvcf \"$4\" --file-list \"$3\" -Ob -o \"$5\"".to_owned()
            }
        };
        let list = data.list(samples)?;
        let cost = data.work.join("cost");
        let script = format!(
            "ulimit -n \"$(ulimit -Hn)\"; \
             /usr/bin/time -f '%U %M' -o \"$6\" bash -c '{script}' bash \"$@\" 2> \"$6.said\" || {{ cat \"$6.said\" >&2; exit 1; }}; \
             cat \"$6\"; bcftools view -H -G \"$5\" | wc -l"
        );
        let arguments = [kumi, &data.index, &list, &data.fasta, &output, &cost];
        let said = shell(&script, &arguments).with_context(|| format!("{self:?} failed"))?;
        let numbers: Vec<&str> = said.split_whitespace().collect();
        let [seconds, peak, records] = numbers[..] else {
            bail!("`{said}` is no cost");
        };
        Ok(Cost {
            seconds: seconds.parse()?,
            peak_kb: peak.parse()?,
            bytes: fs::metadata(&output)?.len(),
            records: records.parse()?,
        })
    }
}
