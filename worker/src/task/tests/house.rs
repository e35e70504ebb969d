//! The bundled trio, and specifications for every stage of it as the scheduler's plan writes them.

use std::path::{Path, PathBuf};

use kumi_index::Index;
use kumi_proto::v1;
use kumi_proto::v1::spec::Kind;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::agent::TaskResult;
use crate::control::Control;
use crate::executor::{Around, execute};
use crate::fingerprint;
use crate::indexed::Kept;
use crate::metrics::Meter;
use crate::supply::Supply;

pub(super) fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/ceu-trio")
}

pub(super) const SAMPLES: [(&str, v1::Sex); 3] = [
    ("NA12878", v1::Sex::Xx),
    ("NA12891", v1::Sex::Xy),
    ("NA12892", v1::Sex::Xx),
];

/// An output root and what runs tasks in it.
pub(super) struct House {
    pub(super) root: tempfile::TempDir,
    pub(super) cores: u32,
    contigs: Vec<v1::Contig>,
    attempts: std::cell::Cell<u64>,
    kept: Kept,
}

impl House {
    pub(super) fn new(cores: u32) -> Self {
        let root = tempfile::tempdir().expect("tempdir");
        Self {
            root,
            cores,
            contigs: Vec::new(),
            attempts: std::cell::Cell::new(0),
            kept: Kept::default(),
        }
    }

    /// A house whose reference is indexed.
    pub(super) fn with_index(cores: u32) -> (Self, v1::Reference) {
        let mut house = Self::new(cores);
        let fasta = example().join("reference/b37.20_9995001_11095000.fa.gz");
        let reference = house.index(&fasta);
        (house, reference)
    }

    /// A house whose reference is the beginning of the trio's, cut where its reads are: contigs that pairs and split
    /// reads join, and reads that have no place.
    pub(super) fn with_contigs(cores: u32) -> (Self, v1::Reference) {
        Self::with_contigs_named(cores, ["0", "1", "2", "3"])
    }

    /// As [`House::with_contigs`].
    pub(super) fn with_contigs_named(cores: u32, names: [&str; 4]) -> (Self, v1::Reference) {
        let (mut house, reference) = Self::with_index(cores);
        let index = Index::open(Path::new(&reference.path)).expect("an index");
        let mut fasta = String::new();
        let ends = [0, 8_000, 9_500, 12_000, 13_500];
        for (name, ends) in names.into_iter().zip(ends.windows(2)) {
            let interval = Interval {
                contig: ContigId(0),
                start: ends[0],
                end: ends[1],
            };
            let mut bases = Vec::new();
            index.view().bases(interval, &mut bases);
            fasta += &format!(">{name}\n{}\n", String::from_utf8_lossy(&bases));
        }
        let path = house.root.path().join("contigs.fa");
        std::fs::write(&path, fasta).expect("written");
        house.contigs.clear();
        let reference = house.index(&path);
        (house, reference)
    }

    fn index(&mut self, fasta: &Path) -> v1::Reference {
        let house = self;
        let fasta = house.describe(fasta);
        let manifest = house.done(house.spec(
            "reference/r",
            Kind::Index(v1::IndexSpec {
                fasta: Some(fasta),
                alternates: Vec::new(),
            }),
        ));
        let path = house
            .root
            .path()
            .join(&manifest.directory)
            .join(&manifest.files[0].name);
        let index = Index::open(&path).expect("an index");
        house.contigs = index
            .contigs()
            .as_slice()
            .iter()
            .map(|contig| v1::Contig {
                name: contig.name.clone(),
                length: contig.length.into(),
                md5: contig.m5(),
                alternate: contig.alternate,
            })
            .collect();
        v1::Reference {
            path: path.to_string_lossy().into_owned(),
            name: index.name().to_owned(),
        }
    }

    /// How many contigs the reference has.
    pub(super) fn contigs(&self) -> u32 {
        self.contigs.len() as u32
    }

    pub(super) fn describe(&self, path: &Path) -> v1::ReadFile {
        fingerprint::describe(path).expect("readable")
    }

    pub(super) fn contig(&self) -> &v1::Contig {
        &self.contigs[0]
    }

    /// Where the reads of the example are.
    pub(super) fn targets(&self) -> Vec<v1::Region> {
        vec![v1::Region {
            contig: self.contig().name.clone(),
            start: 4_855,
            end: self.contig().length.min(15_149),
        }]
    }

    pub(super) fn spec(&self, directory: &str, kind: Kind) -> v1::Spec {
        v1::Spec {
            root: self.root.path().to_string_lossy().into_owned(),
            directory: directory.to_owned(),
            key: "0".repeat(64),
            cores: self.cores,
            memory_bytes: 256 << 20,
            contigs: self.contigs.clone(),
            kind: Some(kind),
            ..Default::default()
        }
    }

    pub(super) fn align(
        &self,
        reference: &v1::Reference,
        sample: &str,
        first: &Path,
        second: &Path,
    ) -> v1::Spec {
        let fastq = v1::FastqPair {
            first: Some(self.describe(first)),
            second: Some(self.describe(second)),
        };
        let group = v1::ReadGroup {
            id: format!("{sample}.L1"),
            library: sample.to_owned(),
            platform: "ILLUMINA".to_owned(),
            platform_unit: format!("{sample}.L1"),
            source: Some(v1::read_group::Source::Fastq(fastq)),
        };
        self.spec(
            &format!("p/samples/{sample}/run"),
            Kind::Align(v1::AlignSpec {
                reference: Some(reference.clone()),
                sample: sample.to_owned(),
                read_groups: vec![group],
                targets: self.targets(),
                ..Default::default()
            }),
        )
    }

    pub(super) fn align_example(&self, reference: &v1::Reference, sample: &str) -> v1::Spec {
        let reads = example().join("reads");
        let [first, second] = [1, 2].map(|mate| reads.join(format!("{sample}_R{mate}.fastq.gz")));
        self.align(reference, sample, &first, &second)
    }

    pub(super) fn run(&self, spec: v1::Spec, control: &Control) -> TaskResult {
        self.attempts.set(self.attempts.get() + 1);
        let start = v1::Start {
            attempt: self.attempts.get(),
            spec: Some(spec),
        };
        let scratch = self.root.path().join("scratch");
        let around = Around {
            scratch: &scratch,
            control,
            meter: &Meter::default(),
            kept: &self.kept,
            supply: &Supply::default(),
        };
        execute(&start, around).result
    }

    pub(super) fn done(&self, spec: v1::Spec) -> v1::Manifest {
        match self.run(spec, &Control::default()) {
            TaskResult::Done(done) => done.manifest,
            TaskResult::Failed(failure) => panic!("{failure:?}"),
        }
    }

    pub(super) fn fails(&self, spec: v1::Spec) -> v1::Failure {
        match self.run(spec, &Control::default()) {
            TaskResult::Done(done) => panic!("done: {done:?}"),
            TaskResult::Failed(failure) => failure,
        }
    }

    /// Where a directory of the root lies.
    pub(super) fn folder(&self, directory: &str) -> PathBuf {
        self.root.path().join(&*crate::store::laid_out(directory))
    }

    /// Every file below a directory of the root, hidden ones too.
    pub(super) fn files(&self, directory: &str) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut open = vec![self.folder(directory)];
        while let Some(directory) = open.pop() {
            for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files.sort();
        files
    }
}
