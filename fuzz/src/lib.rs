//! What the fuzz targets share: files from bytes, a reference, and everything one can ask of what was read.

pub mod control;
mod files;
pub mod good;
pub mod rpc;
pub mod store;

pub use files::{REFERENCE, bgzip, file};

use std::path::Path;
use std::sync::Arc;

use kumi_formats::alignments::AlignmentFile;
use kumi_formats::header::ReadGroup;
use kumi_formats::reads::{Source, TemplateReader};
use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

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

/// Walks through a BCF file, and goes to places through the index beside it.
pub fn bcf(path: &Path) {
    let Ok(mut reader) = vcf::BcfReader::open(path) else {
        return;
    };
    while let Ok(Some(_)) = reader.read() {}
    if reader.load_index().is_ok_and(|loaded| loaded) {
        for contig in 0..3 {
            for start in (0..4000).step_by(500) {
                let interval = Interval {
                    contig: ContigId(contig),
                    start,
                    end: start + 500,
                };
                if reader.seek(interval).is_ok_and(|found| found) {
                    let _ = reader.read();
                }
            }
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
