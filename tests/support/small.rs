//! A small genome made from a seed, samples of it, and files of their reads in every format that is read.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::random::Numbers;
use crate::support::{kumi, ok, published_file};

const READ: usize = 100;
/// Every so many bases two samples differ from the reference.
const STEP: usize = 500;
/// The first of them; the sites of a contig are here and every [`STEP`] behind.
const FIRST: usize = 400;

/// One read as a sequencer wrote it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Read {
    pub(crate) name: String,
    pub(crate) bases: String,
    pub(crate) qualities: String,
}

/// Pairs of reads.
pub(crate) type Pairs = Vec<[Read; 2]>;

/// A folder with a reference.
pub(crate) struct World {
    dir: tempfile::TempDir,
    /// Names and bases.
    pub(crate) contigs: Vec<(String, Vec<u8>)>,
    seed: u64,
}

impl World {
    /// A reference of these contigs, in `r.fa`. Equal seeds give equal bases.
    pub(crate) fn new(seed: u64, contigs: &[(&str, usize)]) -> Self {
        eprintln!("seed {seed}");
        let mut numbers = Numbers::new(seed);
        let mut bases =
            |length| -> Vec<u8> { (0..length).map(|_| b"ACGT"[numbers.below(4)]).collect() };
        let contigs = contigs.iter();
        let contigs = contigs.map(|(name, length)| ((*name).to_owned(), bases(*length)));
        Self::of(seed, contigs.collect())
    }

    /// A reference of these contigs.
    pub(crate) fn of(seed: u64, contigs: Vec<(String, Vec<u8>)>) -> Self {
        let world = Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
            contigs,
            seed,
        };
        world.write_reference("r.fa");
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write_reference(&self, name: &str) {
        let mut text = String::new();
        for (name, bases) in &self.contigs {
            text.push_str(&format!(">{name}\n{}\n", String::from_utf8_lossy(bases)));
        }
        fs::write(self.path(name), text).expect("written");
    }

    /// A contig with the sites for which `takes` says so changed; sites are counted from 0.
    pub(crate) fn haplotype(&self, contig: &str, takes: impl Fn(usize) -> bool) -> Vec<u8> {
        let found = self.contigs.iter().find(|(name, _)| name == contig);
        changed(&found.expect("a contig").1, takes)
    }

    /// Pairs of reads of these haplotypes, each covered `depth` times.
    pub(crate) fn pairs(&self, name: &str, haplotypes: &[Vec<u8>], depth: usize) -> Pairs {
        let salt = name.bytes().fold(0, |sum, byte| sum * 31 + u64::from(byte));
        let mut numbers = Numbers::new(self.seed ^ salt);
        let mut pairs = Vec::new();
        for haplotype in haplotypes {
            for _ in 0..haplotype.len() * depth / (2 * READ) {
                let insert = 250 + numbers.below(100);
                let start = numbers.below(haplotype.len() - insert);
                let fragment = &haplotype[start..start + insert];
                let forward = String::from_utf8_lossy(&fragment[..READ]).into_owned();
                let backward = reverse_complement(&fragment[insert - READ..]);
                let (first, second) = if numbers.below(2) == 0 {
                    (forward, backward)
                } else {
                    (backward, forward)
                };
                let mut read = |bases| Read {
                    name: format!("{name}:{}", pairs.len()),
                    qualities: (0..READ)
                        .map(|_| char::from(b'A' + numbers.below(8) as u8))
                        .collect(),
                    bases,
                };
                let pair = [read(first), read(second)];
                pairs.push(pair);
            }
        }
        pairs
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).expect("written");
    }

    /// The two FASTQ files of pairs, `<stem>_1.fq.gz` and `<stem>_2.fq.gz`.
    pub(crate) fn write_pairs(&self, stem: &str, pairs: &Pairs) {
        for segment in 0..2 {
            let name = format!("{stem}_{}.fq.gz", segment + 1);
            self.write(&name, gzip(fastq(pairs, segment).as_bytes()));
        }
    }

    /// A cohort file over `samples.csv`, which has these lines.
    pub(crate) fn cohort(&self, sheet: &str, params: &str) {
        self.write("samples.csv", sheet);
        let text = format!(
            "[cohort]\nname = \"c\"\nprogramme = \"p\"\nsheet = \"samples.csv\"\n\
             [reference]\nfasta = \"r.fa\"\n[params]\n{params}\n"
        );
        self.write("cohort.toml", text);
    }

    /// The file that was published for good with a name of this end.
    pub(crate) fn file(&self, ending: &str) -> PathBuf {
        published_file(&self.root(), ending)
    }

    /// Where `kumi run` puts everything.
    pub(crate) fn root(&self) -> PathBuf {
        self.path("kumi-out")
    }

    /// Runs the cohort from nothing.
    pub(crate) fn run(&self, more: &[&str]) -> Output {
        let _ = fs::remove_dir_all(self.root());
        let mut command = kumi();
        command.arg("run").arg(self.path("cohort.toml"));
        command.args(["--threads", "2"]).args(more);
        command.output().expect("kumi runs")
    }

    /// The index of a reference, built when it is asked for.
    pub(crate) fn index(&self, fasta: &str) -> PathBuf {
        let index = self.path(&format!("{fasta}.kidx"));
        let mut command = kumi();
        command.args(["reference", "build"]).arg(self.path(fasta));
        ok(command.arg("--output").arg(&index));
        index
    }

    /// `kumi kernel align` of files of this folder against `r.fa`.
    pub(crate) fn align(&self, sample: &str, reads: &[&str], output: &str) -> Command {
        self.align_to("r.fa", sample, reads, output)
    }

    pub(crate) fn align_to(
        &self,
        fasta: &str,
        sample: &str,
        reads: &[&str],
        output: &str,
    ) -> Command {
        let mut command = kumi();
        command.args(["kernel", "align", "--sample", sample, "--reference"]);
        command.arg(self.index(fasta));
        command.args(reads.iter().map(|name| self.path(name)));
        command.arg("--output").arg(self.path(output));
        command
    }
}

/// Bases with the sites for which `takes` says so changed.
pub(crate) fn changed(bases: &[u8], takes: impl Fn(usize) -> bool) -> Vec<u8> {
    let mut bases = bases.to_vec();
    let sites = (FIRST..bases.len().saturating_sub(FIRST)).step_by(STEP);
    for (number, site) in sites.enumerate() {
        if takes(number) {
            bases[site] = match bases[site] {
                b'A' => b'G',
                b'C' => b'T',
                b'G' => b'A',
                _ => b'C',
            };
        }
    }
    bases
}

fn reverse_complement(bases: &[u8]) -> String {
    let complement = |base: &u8| match base {
        b'A' => 'T',
        b'C' => 'G',
        b'G' => 'C',
        _ => 'A',
    };
    bases.iter().rev().map(complement).collect()
}

/// One segment of pairs as FASTQ.
pub(crate) fn fastq(pairs: &Pairs, segment: usize) -> String {
    let reads = pairs.iter().map(|pair| &pair[segment]);
    reads
        .map(|read| format!("@{}\n{}\n+\n{}\n", read.name, read.bases, read.qualities))
        .collect()
}

/// One gzip member.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).expect("written");
    gzip.finish().expect("finished")
}

/// The marker at the end of BGZF (SAM 4.1.2).
pub(crate) const BGZF_EOF: [u8; 28] = [
    0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 0, 0xff, 6, 0, 0x42, 0x43, 2, 0, 0x1b, 0, 3, 0, 0, 0, 0, 0, 0, 0,
    0, 0,
];

/// Blocks of BGZF, small ones, with the marker at their end.
pub(crate) fn bgzf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in bytes.chunks(20_000) {
        let mut deflate =
            flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
        deflate.write_all(chunk).expect("written");
        let data = deflate.finish().expect("finished");
        let mut crc = flate2::Crc::new();
        crc.update(chunk);
        out.extend_from_slice(&BGZF_EOF[..16]);
        out.extend_from_slice(&(data.len() as u16 + 25).to_le_bytes());
        out.extend_from_slice(&data);
        out.extend_from_slice(&crc.sum().to_le_bytes());
        out.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
    }
    out.extend_from_slice(&BGZF_EOF);
    out
}

/// Where the blocks of a BGZF file begin, and its length.
pub(crate) fn blocks(bytes: &[u8]) -> Vec<usize> {
    let mut starts = vec![0];
    let mut at = 0;
    while at < bytes.len() {
        at += usize::from(u16::from_le_bytes([bytes[at + 16], bytes[at + 17]])) + 1;
        starts.push(at);
    }
    starts
}

/// An unaligned BAM file. Each read has a flag and a read group.
pub(crate) fn unaligned_bam(groups: &[&str], reads: &[(&Read, u16, &str)]) -> Vec<u8> {
    let mut text = "@HD\tVN:1.6\tSO:queryname\n".to_owned();
    for group in groups {
        text.push_str(&format!(
            "@RG\tID:{group}\tSM:somebody\tLB:{group}\tPL:ILLUMINA\n"
        ));
    }
    let mut bytes = b"BAM\x01".to_vec();
    bytes.extend_from_slice(&(text.len() as u32).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.extend_from_slice(&0u32.to_le_bytes());
    for (read, flags, group) in reads {
        let mut record = Vec::new();
        record.extend_from_slice(&(-1i32).to_le_bytes());
        record.extend_from_slice(&(-1i32).to_le_bytes());
        record.extend_from_slice(&[read.name.len() as u8 + 1, 0]);
        record.extend_from_slice(&4680u16.to_le_bytes());
        record.extend_from_slice(&0u16.to_le_bytes());
        record.extend_from_slice(&flags.to_le_bytes());
        record.extend_from_slice(&(read.bases.len() as u32).to_le_bytes());
        for number in [-1i32, -1, 0] {
            record.extend_from_slice(&number.to_le_bytes());
        }
        record.extend_from_slice(read.name.as_bytes());
        record.push(0);
        let code = |base: u8| match base {
            b'A' => 1,
            b'C' => 2,
            b'G' => 4,
            b'T' => 8,
            _ => 15u8,
        };
        for two in read.bases.as_bytes().chunks(2) {
            record.push(code(two[0]) << 4 | two.get(1).map_or(0, |&base| code(base)));
        }
        record.extend(read.qualities.bytes().map(|quality| quality - 33));
        record.extend_from_slice(b"RGZ");
        record.extend_from_slice(group.as_bytes());
        record.push(0);
        bytes.extend_from_slice(&(record.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&record);
    }
    bgzf(&bytes)
}

/// The reads of SAM text as the sequencer wrote them, primary lines only, with segment (0 when not paired,
/// else 1 or 2) and read group; sorted.
pub(crate) fn sequenced(sam: &Path) -> Vec<(u8, Read, String)> {
    let text = fs::read_to_string(sam).expect("read");
    let mut reads = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('@')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let flags: u16 = cells[1].parse().expect("flags");
        if flags & 0x900 != 0 {
            continue;
        }
        let (mut bases, mut qualities) = (cells[9].to_owned(), cells[10].to_owned());
        if flags & 0x10 != 0 {
            bases = reverse_complement(bases.as_bytes());
            qualities = qualities.chars().rev().collect();
        }
        let segment = match flags & 0xc1 {
            0x41 => 1,
            0x81 => 2,
            _ => 0,
        };
        let group = cells.iter().find_map(|cell| cell.strip_prefix("RG:Z:"));
        let name = cells[0].to_owned();
        let read = Read {
            name,
            bases,
            qualities,
        };
        reads.push((segment, read, group.unwrap_or_default().to_owned()));
    }
    reads.sort();
    reads
}
