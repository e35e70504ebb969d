//! What the fuzz targets share: files from bytes, a reference, and everything one can ask of what was read.

pub mod good;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use kumi_formats::alignments::AlignmentFile;
use kumi_formats::header::ReadGroup;
use kumi_formats::reads::{Source, TemplateReader};
use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_formats::vcf;
use kumi_seq::contig::{Contig, ContigId};
use kumi_seq::interval::Interval;
use noodles::bgzf;

/// A folder of this process, in memory where the system has one there.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let folder = parent.join(format!("kumi-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
});

/// Two contigs, those of the files in [`good`].
pub static REFERENCE: LazyLock<Arc<InMemory>> = LazyLock::new(|| {
    let contig = |name: &str, length: usize| {
        let bases: Vec<u8> = (0..length).map(|at| b"ACGT"[at * at % 7 % 4]).collect();
        (Contig::describe(name, &bases), bases)
    };
    Arc::new(InMemory::new(vec![contig("c1", 4000), contig("c2", 900)]).expect("two names"))
});

/// Writes a file of this name, the same at every call.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

/// Packs bytes rightly, so that what is inside is looked at.
pub fn bgzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = bgzf::io::Writer::new(Vec::new());
    writer.write_all(bytes).expect("written");
    writer.finish().expect("finished")
}

fn read_group() -> ReadGroup {
    ReadGroup {
        id: "g".into(),
        ..Default::default()
    }
}

fn read_all(source: Source) {
    let Ok(mut reader) = TemplateReader::open(vec![source], "S") else {
        return;
    };
    let mut templates = Vec::new();
    while reader
        .next_batch(&mut templates, 100)
        .is_ok_and(|more| more)
    {
        templates.clear();
    }
}

/// Reads a FASTQ file, alone or as both of a pair.
pub fn fastq(path: &Path, paired: bool) {
    read_all(Source::Fastq {
        first: path.to_owned(),
        second: paired.then(|| path.to_owned()),
        read_group: read_group(),
    });
}

/// Takes a BAM or CRAM file apart.
pub fn templates(path: &Path) {
    read_all(Source::Alignment {
        path: path.to_owned(),
        read_group: read_group(),
        reference: Some(REFERENCE.clone() as Arc<dyn ReferenceSource>),
    });
}

/// Queries an alignment file along both contigs, through the index beside it.
pub fn query(path: &Path) {
    let reference: &dyn ReferenceSource = &**REFERENCE;
    let Ok(mut file) = AlignmentFile::open(path, Some(reference)) else {
        return;
    };
    for (contig, length) in [(0, 4000), (1, 900)] {
        for start in (0..length).step_by(450) {
            let _ = file.query(Interval {
                contig: ContigId(contig),
                start,
                end: length.min(start + 450),
            });
        }
    }
}

/// Reads a VCF file, asks every record for everything, and goes to places through the index beside it.
pub fn vcf(path: &Path) {
    let Ok(mut reader) = vcf::Reader::open(path) else {
        return;
    };
    let samples = reader.header().samples().len();
    let contigs = REFERENCE.contigs();
    let _ = (
        reader.header().to_text(),
        reader.header().fits("S", contigs),
    );
    while let Ok(Some(record)) = reader.read() {
        let _ = (record.start(), record.end(), record.id(), record.filter());
        let _ = (
            record.alternatives().count(),
            record.quality(),
            record.passes(),
        );
        for key in record.format() {
            for sample in 0..samples {
                let _ = record.value(sample, key);
            }
        }
        let _ = record.info(b"END");
    }
    if reader.load_index().is_ok_and(|loaded| loaded) {
        let _ = reader.indexed_contigs();
        for start in (0..4000).step_by(500) {
            let interval = Interval {
                contig: ContigId(0),
                start,
                end: start + 500,
            };
            if reader.seek("c1", interval).is_ok_and(|found| found) {
                let _ = reader.read();
            }
        }
    }
}
