//! A sample with reads of every kind, made from the bundled trio: what real libraries hold now and then, and
//! what ten kilobases of a clean one do not. Several contigs, one with a gap and one without reads; two
//! libraries, three lanes, one of them of single reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use super::random::reverse_complement;
use super::small::gzip;
use super::tools::shell;
use super::trio::{fasta, reads};
use super::{ok, published_file, run, unzip};

/// The adapters behind the inserts: of the first read, and of the second.
const ADAPTERS: [&[u8]; 2] = [
    b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCACGGGGGGGGATCTCGTATGCCGTCTTCTGCTTG",
    b"AGATCGGAAGAGCGTCGTGTAGGGAAAGAGTGTAGATCTCGGTGGTCGCCGTATCATT",
];
/// Contigs: name, the stretch of the trio's contig.
const CONTIGS: [(&str, usize, usize); 3] = [
    ("1", 4000, 9000),
    ("2", 9000, 13_000),
    ("X", 13_000, 16_000),
];
/// Bases of contig 2 that are N.
const GAP: std::ops::Range<usize> = 2000..2150;

/// The files of its lanes, with what `samtools fastq` puts behind the names of their reads.
pub(crate) const LANES: [(&str, &str); 5] = [
    ("a_1.fastq.gz", "/1"),
    ("a_2.fastq.gz", "/2"),
    ("b_1.fastq.gz", "/1"),
    ("b_2.fastq.gz", "/2"),
    ("s.fastq.gz", ""),
];

/// What `kumi run` made of it.
pub(crate) struct Mixed {
    dir: tempfile::TempDir,
}

impl Mixed {
    /// The file that was published for good with a name of this end.
    pub(crate) fn file(&self, ending: &str) -> PathBuf {
        published_file(&self.root(), ending)
    }

    /// Where everything was published.
    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// The cohort file in another folder, with `params` as its `[params]`.
    pub(crate) fn cohort_file(&self, dir: &Path, params: &str) -> PathBuf {
        let text = fs::read_to_string(self.path("cohort.toml")).expect("there");
        let absolute = |name: &str| format!("\"{}\"", self.path(name).display());
        let text = ["samples.csv", "mixed.fa"]
            .into_iter()
            .fold(text, |text, name| {
                text.replace(&format!("\"{name}\""), &absolute(name))
            });
        let path = dir.join("cohort.toml");
        fs::write(&path, format!("{text}[params]\n{params}\n")).expect("written");
        path
    }

    /// An input.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Plain FASTA, with `.fai`.
    pub(crate) fn reference(&self) -> PathBuf {
        self.path("mixed.fa")
    }
}

pub(crate) static MIXED: LazyLock<Mixed> = LazyLock::new(|| {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let at = |name: &str| dir.path().join(name);
    write_reference(&at("mixed.fa"));
    shell(&format!("samtools faidx '{}'", at("mixed.fa").display()));
    let (pairs, strange) = (pairs("NA12891"), strange(&pairs("NA12891")));
    let other: Vec<Pair> = (0..60)
        .map(|i| named(&pairs[i], "other", i))
        .chain((0..10).map(|i| named(&pairs[i], "again", i)))
        .collect();
    let single: Vec<Pair> = (0..30)
        .map(|i| named(&pairs[i], "single", i))
        .chain(self::pairs("NA12892").into_iter().take(300))
        .collect();
    write_fastq(
        &at("a_1.fastq.gz"),
        pairs.iter().chain(&strange).map(|pair| &pair.0),
    );
    write_fastq(
        &at("a_2.fastq.gz"),
        pairs.iter().chain(&strange).map(|pair| &pair.1),
    );
    write_fastq(&at("b_1.fastq.gz"), other.iter().map(|pair| &pair.0));
    write_fastq(&at("b_2.fastq.gz"), other.iter().map(|pair| &pair.1));
    write_fastq(&at("s.fastq.gz"), single.iter().map(|pair| &pair.0));
    let sheet = "sample,lane,library,fastq_1,fastq_2\n\
                 mixed,L1,A,a_1.fastq.gz,a_2.fastq.gz\n\
                 mixed,L2,B,b_1.fastq.gz,b_2.fastq.gz\n\
                 mixed,L3,B,s.fastq.gz,\n";
    fs::write(at("samples.csv"), sheet).expect("written");
    let cohort =
        "[cohort]\nname = \"mixed\"\nsheet = \"samples.csv\"\n[reference]\nfasta = \"mixed.fa\"\n";
    fs::write(at("cohort.toml"), cohort).expect("written");
    ok(&mut run(&at("cohort.toml"), &at("out")));
    Mixed { dir }
});

fn write_reference(path: &Path) {
    let text = unzip(&fasta());
    let bases: String = text.lines().skip(1).collect();
    let mut fasta = String::new();
    for (name, from, to) in CONTIGS {
        let mut bases = bases[from..to].to_owned();
        if name == "2" {
            bases.replace_range(GAP, &"N".repeat(GAP.len()));
        }
        fasta.push_str(&format!(">{name}\n{bases}\n"));
    }
    let empty = String::from_utf8(noise(700, 3)).expect("text");
    fs::write(path, format!("{fasta}>3\n{empty}\n")).expect("written");
}

#[derive(Clone)]
struct Fastq {
    name: String,
    bases: Vec<u8>,
    qualities: Vec<u8>,
}

type Pair = (Fastq, Fastq);

impl Fastq {
    fn reversed(&self) -> Self {
        Self {
            name: self.name.clone(),
            bases: reverse_complement(&self.bases),
            qualities: self.qualities.iter().rev().copied().collect(),
        }
    }

    fn cut(&self, length: usize) -> Self {
        self.with(&self.bases[..length])
    }

    /// Other bases, and the qualities as far as they go.
    fn with(&self, bases: &[u8]) -> Self {
        Self {
            name: self.name.clone(),
            bases: bases.to_vec(),
            qualities: self.qualities[..bases.len()].to_vec(),
        }
    }
}

fn named(pair: &Pair, kind: &str, number: usize) -> Pair {
    let mut pair = pair.clone();
    pair.0.name = format!("{kind}:{number}");
    pair.1.name.clone_from(&pair.0.name);
    pair
}

fn pairs(sample: &str) -> Vec<Pair> {
    let of = |read| {
        let text = unzip(&reads(sample, read));
        let lines: Vec<&str> = text.lines().collect();
        let read = |lines: &[&str]| Fastq {
            name: lines[0][1..].split(' ').next().expect("a name").to_owned(),
            bases: lines[1].as_bytes().to_vec(),
            qualities: lines[3].as_bytes().to_vec(),
        };
        lines.chunks_exact(4).map(read).collect::<Vec<_>>()
    };
    of(1).into_iter().zip(of(2)).collect()
}

/// Pairs that are not as a library should be, each kind several times.
fn strange(pairs: &[Pair]) -> Vec<Pair> {
    let mut all = Vec::new();
    let mut add = |kind: &str, from: usize, count: usize, make: &dyn Fn(usize, &Pair) -> Pair| {
        all.extend((from..from + count).map(|i| named(&make(i, &pairs[i]), kind, i)));
    };
    add("copy", 0, 40, &|_, pair| pair.clone());
    add("dimer", 50, 12, &|i, pair| {
        (dimer(&pair.0, 0, i % 3), dimer(&pair.1, 1, i % 3))
    });
    add("far", 100, 40, &|i, pair| {
        (pair.0.clone(), pairs[i + 500].1.clone())
    });
    add("split", 150, 40, &|i, pair| {
        let bases = [&pair.0.bases[..76], &pairs[i + 400].0.bases[..75]].concat();
        (pair.0.with(&bases), pair.1.clone())
    });
    add("lost", 200, 10, &|i, pair| {
        (pair.0.clone(), pair.1.with(&noise(120, i)))
    });
    add("lost", 210, 10, &|i, pair| {
        (pair.0.with(&noise(120, i)), pair.1.clone())
    });
    add("noise", 220, 5, &|i, pair| {
        (pair.0.with(&noise(99, i)), pair.1.with(&noise(99, i + 1)))
    });
    add("away", 300, 20, &|_, pair| {
        (pair.0.reversed(), pair.1.reversed())
    });
    add("tandem", 330, 15, &|_, pair| {
        (pair.0.clone(), pair.1.reversed())
    });
    add("stacked", 350, 10, &|_, pair| {
        (pair.0.clone(), pair.0.reversed())
    });
    add("stacked", 360, 10, &|_, pair| {
        (pair.0.reversed(), pair.0.clone())
    });
    add("poor", 370, 20, &|_, pair| {
        let mut poor = pair.0.clone();
        poor.bases[10..14].fill(b'N');
        poor.qualities[8..60].fill(b'#');
        (poor, pair.1.clone())
    });
    add("short", 400, 10, &|_, pair| {
        (pair.0.cut(40), pair.1.cut(19))
    });
    add("through", 420, 20, &|_, pair| {
        let insert = pair.0.cut(80);
        let read = |insert: Fastq, adapter: &[u8]| {
            pair.0.with(&[&insert.bases[..], &adapter[..50]].concat())
        };
        (
            read(insert.clone(), ADAPTERS[0]),
            read(insert.reversed(), ADAPTERS[1]),
        )
    });
    all
}

/// A read of nothing but an adapter, with as many errors in its first bases.
fn dimer(read: &Fastq, adapter: usize, errors: usize) -> Fastq {
    let mut bases = [ADAPTERS[adapter], &[b'A'; 40]].concat();
    for at in [3, 9].into_iter().take(errors) {
        bases[at] = if bases[at] == b'T' { b'C' } else { b'T' };
    }
    read.with(&bases)
}

/// Bases of nowhere, other ones for every seed.
fn noise(length: usize, seed: usize) -> Vec<u8> {
    let mut state = seed as u64 * 2 + 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        b"ACGT"[(state >> 62) as usize]
    };
    (0..length).map(|_| next()).collect()
}

fn write_fastq<'a>(path: &Path, reads: impl Iterator<Item = &'a Fastq>) {
    let mut text = Vec::new();
    for read in reads {
        let lines = [read.name.as_bytes(), &read.bases, b"+", &read.qualities];
        text.push(b'@');
        text.extend(lines.join(&b'\n'));
        text.push(b'\n');
    }
    fs::write(path, gzip(&text)).expect("written");
}
