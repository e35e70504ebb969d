//! A simulated cohort as gVCFs with indexes, made once and kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::accuracy::tools::{note, ok, shell};
use crate::bench_joint::gvcf::{self, CONTIG};
use crate::bench_joint::sites;
use crate::once::once;
use crate::random::Random;

/// What random numbers are for; from `SAMPLES` on, a sample each.
const GENOME: u64 = 1;
const SITES: u64 = 2;
const SAMPLES: u64 = 1_000;
/// Files in a folder.
const FOLDER: usize = 1_000;

/// Where everything is.
pub(super) struct Data {
    pub work: PathBuf,
    pub fasta: PathBuf,
    pub index: PathBuf,
    gvcfs: Vec<PathBuf>,
}

impl Data {
    /// Makes what is not there of a cohort of so many samples.
    pub(super) fn make(
        work: &Path,
        megabases: f64,
        seed: u64,
        samples: usize,
        kumi: &Path,
    ) -> anyhow::Result<Self> {
        let work = work.join(format!("{megabases}-{seed}"));
        fs::create_dir_all(&work)?;
        let work = work.canonicalize()?;
        let genome = genome((megabases * 1e6) as usize, seed);
        let fasta = work.join("reference.fa");
        once(&fasta, |partial| {
            let mut text = format!(">{CONTIG}\n");
            for line in genome.chunks(100) {
                text += &String::from_utf8_lossy(line);
                text.push('\n');
            }
            Ok(fs::write(partial, text)?)
        })?;
        let index = work.join("reference.kidx");
        once(&index, |partial| {
            let output = [fasta.as_path(), Path::new("--output"), partial];
            ok(Command::new(kumi).args(["reference", "build"]).args(output))
        })?;
        let place = |sample: usize| {
            let folder = work.join(format!("gvcfs-{}", sample / FOLDER));
            folder.join(format!("s{sample:05}.g.vcf.gz"))
        };
        let data = Self {
            fasta,
            index,
            gvcfs: (0..samples).map(place).collect(),
            work,
        };
        data.fill(&genome, seed)?;
        Ok(data)
    }

    fn fill(&self, genome: &[u8], seed: u64) -> anyhow::Result<()> {
        // The index is written last.
        let index = |gvcf: &Path| gvcf.with_extension("gz.tbi");
        if self.gvcfs.iter().all(|gvcf| index(gvcf).is_file()) {
            return Ok(());
        }
        note("simulating the cohort");
        let samples = self.gvcfs.len();
        let (sites, carried) = sites::simulate(genome, samples, &mut Random::new(seed, SITES));
        for (sample, gvcf) in self.gvcfs.iter().enumerate() {
            if index(gvcf).is_file() {
                continue;
            }
            fs::create_dir_all(gvcf.parent().unwrap_or(&self.work))?;
            let name = format!("s{sample:05}");
            let mut random = Random::new(seed, SAMPLES + sample as u64);
            let text = gvcf::text(genome, &sites, &carried[sample], &name, &mut random);
            let plain = gvcf.with_extension("");
            fs::write(&plain, text)?;
            shell("bgzip -f \"$1\"; tabix -f -p vcf \"$2\"", &[&plain, gvcf])?;
            if sample % 100 == 99 {
                note(&format!("{} gVCFs", sample + 1));
            }
        }
        Ok(())
    }

    /// A file that lists the first gVCFs.
    pub(super) fn list(&self, samples: usize) -> anyhow::Result<PathBuf> {
        let path = self.work.join(format!("{samples}.list"));
        let lines = self.gvcfs[..samples].iter();
        let lines: Vec<_> = lines.map(|gvcf| gvcf.to_string_lossy()).collect();
        fs::write(&path, lines.join("\n") + "\n")?;
        Ok(path)
    }
}

fn genome(length: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed, GENOME);
    (0..length).map(|_| b"ACGT"[random.below(4)]).collect()
}
