//! From reads to a cohort VCF by the command lines of kumi.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::accuracy::Caller;
use crate::accuracy::tools::{note, ok, shell};

/// The programs and the folders.
#[derive(Debug)]
pub(super) struct Kernels {
    pub root: PathBuf,
    pub kumi: PathBuf,
    pub data: PathBuf,
    pub work: PathBuf,
    pub caller: Caller,
}

/// A reference as others read it and as kumi does.
#[derive(Debug)]
pub(super) struct Reference {
    pub fasta: PathBuf,
    pub index: PathBuf,
}

/// A sample and its alignments.
#[derive(Debug)]
pub(super) struct Aligned {
    pub sample: String,
    pub alignments: PathBuf,
}

impl Kernels {
    /// The index of a FASTA file, and a plain copy of it with a `.fai`.
    pub(super) fn reference(&self, fasta: &str) -> anyhow::Result<Reference> {
        let from = self.data.join(fasta);
        let name = from
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let (fasta, index) = (
            self.work.join(format!("{name}.fa")),
            self.work.join(format!("{name}.kidx")),
        );
        shell(
            "gzip -dcf \"$1\" > \"$2\"; samtools faidx \"$2\"",
            &[&from, &fasta],
        )?;
        ok(Command::new(&self.kumi)
            .args(["reference", "build"])
            .arg(&from)
            .arg("--output")
            .arg(&index))?;
        Ok(Reference { fasta, index })
    }

    /// Reads aligned.
    pub(super) fn align(
        &self,
        reference: &Reference,
        sample: &str,
        reads: &[PathBuf],
    ) -> anyhow::Result<Aligned> {
        note(&format!("aligning {sample}"));
        let alignments = self.work.join(format!("{sample}.cram"));
        ok(Command::new(&self.kumi)
            .args(["kernel", "align", "--sample", sample, "--reference"])
            .arg(&reference.index)
            .args(reads)
            .arg("--output")
            .arg(&alignments))?;
        Ok(Aligned {
            sample: sample.to_owned(),
            alignments,
        })
    }

    /// Called, and genotyped together.
    pub(super) fn variants(
        &self,
        reference: &Reference,
        cohort: &str,
        samples: &[Aligned],
        haploid: bool,
    ) -> anyhow::Result<PathBuf> {
        note(&format!("calling {cohort}"));
        let output = self.work.join(format!("{cohort}.vcf.gz"));
        match self.caller {
            Caller::Kumi => self.by_kumi(reference, samples, haploid, &output)?,
            Caller::Bcftools => self.by_bcftools(reference, samples, haploid, &output)?,
        }
        Ok(output)
    }

    fn by_kumi(
        &self,
        reference: &Reference,
        samples: &[Aligned],
        haploid: bool,
        output: &Path,
    ) -> anyhow::Result<()> {
        let mut gvcfs = Vec::new();
        for Aligned { sample, alignments } in samples {
            let gvcf = self.work.join(format!("{sample}.g.vcf.gz"));
            let mut command = Command::new(&self.kumi);
            command
                .args(["kernel", "call", "--reference"])
                .arg(&reference.index)
                .arg(alignments);
            if haploid {
                command.args(["--ploidy", "1"]);
            }
            ok(command.arg("--output").arg(&gvcf))?;
            gvcfs.push(gvcf);
        }
        ok(Command::new(&self.kumi)
            .args(["kernel", "joint", "--reference"])
            .arg(&reference.index)
            .args(gvcfs)
            .arg("--output")
            .arg(output))?;
        Ok(())
    }

    fn by_bcftools(
        &self,
        reference: &Reference,
        samples: &[Aligned],
        haploid: bool,
        output: &Path,
    ) -> anyhow::Result<()> {
        let ploidy = if haploid { "--ploidy 1" } else { "" };
        let mut arguments: Vec<&Path> = vec![&reference.fasta, output];
        arguments.extend(samples.iter().map(|sample| sample.alignments.as_path()));
        let script = format!(
            "R=\"$1\"; O=\"$2\"; shift 2; bcftools mpileup -Ou -f \"$R\" -a AD,DP -d 2000 \"$@\" 2> /dev/null | \
             bcftools call -Ou -mv {ploidy} 2> /dev/null | bcftools norm -Ou -f \"$R\" 2> /dev/null | \
             bcftools view -i 'QUAL>=20' -Oz -o \"$O\"; bcftools index -f -t \"$O\""
        );
        shell(&script, &arguments).map(drop)
    }
}
