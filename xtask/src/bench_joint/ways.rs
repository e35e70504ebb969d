//! The ways to a cohort's genotypes, and what a run of one costs.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;

use crate::accuracy::tools::shell;
use crate::bench_joint::data::Data;

/// A way to a cohort file or to the cohort store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Way {
    /// `kumi kernel joint` from gVCFs to VCF.
    KumiVcf,
    /// `kumi kernel joint` from gVCFs to BCF with everything of every sample.
    KumiBcf,
    /// `kumi kernel joint` from gVCFs to BCF with local alleles.
    KumiLocal,
    /// `kumi kernel joint` from gVCFs to VCF without samples.
    KumiSites,
    /// `kumi kernel ingest`: gVCFs to segments, in batches.
    Ingest,
    /// `kumi kernel census` of the segments.
    Census,
    /// `kumi kernel joint --census` of their census.
    CensusSites,
    /// `kumi kernel joint` from segments to VCF.
    StoreVcf,
    /// `kumi kernel joint` from segments to BCF with local alleles.
    StoreLocal,
    /// `kumi kernel joint` from segments to VCF without samples.
    StoreSites,
    /// `bcftools merge --gvcf`: every base at which a record starts, without genotyping.
    BcftoolsMerge,
}

/// What a run cost and gave.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cost {
    /// User and system CPU.
    pub seconds: f64,
    pub peak_kb: u64,
    /// Of the output.
    pub bytes: u64,
    /// Of a cohort file.
    pub records: Option<u64>,
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

    /// Of two runs, one after the other.
    pub(super) fn then(self, next: Self) -> Self {
        Self {
            seconds: self.seconds + next.seconds,
            peak_kb: self.peak_kb.max(next.peak_kb),
            bytes: self.bytes + next.bytes,
            records: None,
        }
    }
}

/// Runs a script under `time` with as many files open as there may be; `output` of it is `$1`, the others follow.
pub(super) fn measure(
    script: &str,
    work: &Path,
    output: &Path,
    arguments: &[&Path],
) -> anyhow::Result<Cost> {
    let cost = work.join("cost");
    let script = format!(
        "ulimit -n \"$(ulimit -Hn)\"; cost=$1; shift; \
         /usr/bin/time -f '%U %S %M' -o \"$cost\" bash -c '{script}' bash \"$@\" 2> \"$cost.said\" || {{ cat \"$cost.said\" >&2; exit 1; }}; \
         cat \"$cost\""
    );
    let arguments = [&[cost.as_path(), output], arguments].concat();
    let said = shell(&script, &arguments)?;
    let numbers: Vec<&str> = said.split_whitespace().collect();
    let [user, system, peak] = numbers[..] else {
        bail!("`{said}` is no cost");
    };
    Ok(Cost {
        seconds: user.parse::<f64>()? + system.parse::<f64>()?,
        peak_kb: peak.parse()?,
        bytes: bytes(output)?,
        records: None,
    })
}

/// Bytes of a file, or of all files in a folder.
pub(super) fn bytes(path: &Path) -> anyhow::Result<u64> {
    if !path.is_dir() {
        return Ok(fs::metadata(path)?.len());
    }
    let entries = fs::read_dir(path)?;
    entries
        .map(|entry| Ok(entry?.metadata()?.len()))
        .sum::<anyhow::Result<u64>>()
}

impl Way {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::KumiVcf => "gVCFs to VCF",
            Self::KumiBcf => "gVCFs to BCF",
            Self::KumiLocal => "gVCFs to BCF with local alleles",
            Self::KumiSites => "gVCFs to sites",
            Self::Ingest => "ingest: gVCFs to segments",
            Self::Census => "census of segments",
            Self::CensusSites => "census to sites",
            Self::StoreVcf => "segments to VCF",
            Self::StoreLocal => "segments to BCF with local alleles",
            Self::StoreSites => "segments to sites",
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
            Self::Ingest => return data.store(samples),
            Self::Census => "census.arrow",
            Self::CensusSites => "census-sites.vcf.gz",
            Self::StoreVcf => "store.vcf.gz",
            Self::StoreLocal => "store-local.bcf",
            Self::StoreSites => "store-sites.vcf.gz",
            Self::BcftoolsMerge => "merged.bcf",
        };
        data.work.join(format!("{samples}.{ending}"))
    }

    /// Takes the way with the first `samples` of the cohort on one thread.
    pub(super) fn run(self, kumi: &Path, data: &Data, samples: usize) -> anyhow::Result<Cost> {
        let from_gvcfs = |format: &str| {
            format!(
                "xargs -a \"$4\" \"$2\" kernel joint --threads 1 --format {format} --reference \"$3\" --output \"$1\" < /dev/null"
            )
        };
        let from_segments = |format: &str| {
            format!(
                "\"$2\" kernel joint --threads 1 --format {format} --reference \"$3\" --output \"$1\" --segments \"${{@:6}}\""
            )
        };
        let script = match self {
            Self::KumiVcf => from_gvcfs("vcf"),
            Self::KumiBcf => from_gvcfs("bcf"),
            Self::KumiLocal => from_gvcfs("bcf-local"),
            Self::KumiSites => from_gvcfs("sites"),
            Self::Ingest => return data.ingest_anew(kumi, samples),
            Self::Census => "\"$2\" kernel census --output \"$1\" \"${@:6}\"".to_owned(),
            Self::CensusSites => {
                "\"$2\" kernel joint --threads 1 --format sites --reference \"$3\" --output \"$1\" --census \"$6\"".to_owned()
            }
            Self::StoreVcf => from_segments("vcf"),
            Self::StoreLocal => from_segments("bcf-local"),
            Self::StoreSites => from_segments("sites"),
            Self::BcftoolsMerge => {
                "bcftools merge --gvcf \"$5\" --file-list \"$4\" -Ob -o \"$1\"".to_owned()
            }
        };
        let list = data.list(0..samples)?;
        let stored = match self {
            Self::CensusSites => vec![Self::Census.output(data, samples)],
            _ if self.needs_store() => data.segments(kumi, samples)?,
            _ => Vec::new(),
        };
        let mut arguments = vec![kumi, &data.index, &list, &data.fasta];
        arguments.extend(stored.iter().map(PathBuf::as_path));
        let output = self.output(data, samples);
        let mut cost = measure(&script, &data.work, &output, &arguments)
            .with_context(|| format!("{self:?} failed"))?;
        if self != Self::Census {
            let records = shell("bcftools view -H -G \"$1\" | wc -l", &[&output])?;
            cost.records = Some(records.trim().parse()?);
        }
        Ok(cost)
    }

    fn needs_store(self) -> bool {
        matches!(
            self,
            Self::Census | Self::StoreVcf | Self::StoreLocal | Self::StoreSites
        )
    }
}
