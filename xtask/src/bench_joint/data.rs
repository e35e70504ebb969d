//! A simulated cohort as gVCFs with indexes, made once and kept.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use crate::accuracy::tools::{note, ok, shell};
use crate::bench_joint::gvcf::{self, CONTIG};
use crate::bench_joint::sites;
use crate::bench_joint::ways::{self, Cost};
use crate::once::once;
use crate::random::Random;

/// What random numbers are for; from `SAMPLES` on, a sample each.
const GENOME: u64 = 1;
const SITES: u64 = 2;
const SAMPLES: u64 = 1_000;
/// Files in a folder.
const FOLDER: usize = 1_000;
/// Samples of a segment.
const BATCH: usize = 1_000;
/// The name of the only segment of a batch.
pub(super) const SEGMENT: &str = "00001.segment.arrow";

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
        let one = |sample: usize| -> anyhow::Result<()> {
            let gvcf = &self.gvcfs[sample];
            if index(gvcf).is_file() {
                return Ok(());
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
            Ok(())
        };
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let share = |first: usize| (first..samples).step_by(threads).try_for_each(one);
            let shares: Vec<_> = (0..threads)
                .map(|first| scope.spawn(move || share(first)))
                .collect();
            shares.into_iter().try_for_each(|share| match share.join() {
                Ok(done) => done,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    /// A file that lists some gVCFs.
    pub(super) fn list(&self, samples: Range<usize>) -> anyhow::Result<PathBuf> {
        let name = format!("{}-{}.list", samples.start, samples.end);
        let path = self.work.join(name);
        let lines = self.gvcfs[samples].iter();
        let lines: Vec<_> = lines.map(|gvcf| gvcf.to_string_lossy()).collect();
        fs::write(&path, lines.join("\n") + "\n")?;
        Ok(path)
    }

    /// Bytes of some gVCFs.
    pub(super) fn bytes(&self, samples: Range<usize>) -> anyhow::Result<u64> {
        self.gvcfs[samples]
            .iter()
            .map(|gvcf| ways::bytes(gvcf))
            .sum()
    }

    /// Where the segments of the first samples are.
    pub(super) fn store(&self, samples: usize) -> PathBuf {
        self.work.join(format!("store-{samples}"))
    }

    /// The folders of the segments of the first samples, which are made if they are not there.
    pub(super) fn segments(&self, kumi: &Path, samples: usize) -> anyhow::Result<Vec<PathBuf>> {
        let folders: Vec<PathBuf> = self.batches(samples).map(|(folder, _)| folder).collect();
        let is_there = |folder: &PathBuf| folder.join(SEGMENT).is_file();
        if !folders.iter().all(is_there) {
            self.ingest_anew(kumi, samples)?;
        }
        Ok(folders.iter().map(|folder| folder.join(SEGMENT)).collect())
    }

    /// Ingests the first samples in batches.
    pub(super) fn ingest_anew(&self, kumi: &Path, samples: usize) -> anyhow::Result<Cost> {
        let mut sum = Cost::default();
        for (folder, batch) in self.batches(samples) {
            sum = sum.then(self.ingest(kumi, batch, &folder)?);
        }
        Ok(sum)
    }

    /// Ingests a batch.
    pub(super) fn ingest(
        &self,
        kumi: &Path,
        batch: Range<usize>,
        folder: &Path,
    ) -> anyhow::Result<Cost> {
        let list = self.list(batch)?;
        fs::create_dir_all(folder)?;
        let script = "xargs -a \"$4\" \"$2\" kernel ingest --threads 1 --reference \"$3\" --output \"$1\" < /dev/null";
        ways::measure(script, &self.work, folder, &[kumi, &self.index, &list])
    }

    /// Batches of the first samples, and where their segments are.
    fn batches(&self, samples: usize) -> impl Iterator<Item = (PathBuf, Range<usize>)> {
        let batch = move |start: usize| start..(start + BATCH).min(samples);
        let place =
            move |batch: Range<usize>| (self.store(samples).join(batch.start.to_string()), batch);
        (0..samples).step_by(BATCH).map(batch).map(place)
    }
}

fn genome(length: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed, GENOME);
    (0..length).map(|_| b"ACGT"[random.below(4)]).collect()
}
