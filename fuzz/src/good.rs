//! Good files, to begin with: every target changes one of them.

use std::io::Read as _;
use std::path::Path;

use kumi_formats::bam::{self, Fields, Record, flag};
use kumi_formats::cram;
use kumi_formats::header::{Header, ReadGroup, SortOrder};
use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf;
use kumi_seq::cigar;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;
use noodles::bgzf;

use crate::files::{REFERENCE, file};

/// The header of the alignments.
pub fn header() -> Header {
    let group = ReadGroup {
        id: "g".into(),
        sample: "S".into(),
        library: "L".into(),
        ..Default::default()
    };
    Header::build(REFERENCE.contigs(), &[group], "1", SortOrder::Coordinate)
}

/// Pairs with gaps and clips in coordinate order, the last ones without a place.
pub fn records() -> Vec<Record> {
    let mut records = Vec::new();
    for number in 0..24u32 {
        let placed = number < 20;
        let text = ["40M", "5S30M5S", "20M2I18M", "20M3D20M"][number as usize % 4];
        let ops = if placed {
            cigar::parse(text).expect("a CIGAR")
        } else {
            Vec::new()
        };
        let place = placed.then_some((number / 16, number % 16 * 47));
        let mut bases = Vec::new();
        let (contig, start) = place.unwrap_or((0, 0));
        let interval = Interval {
            contig: ContigId(contig),
            start,
            end: start + 40,
        };
        REFERENCE.bases(interval, &mut bases);
        let segment = [flag::FIRST, flag::LAST][number as usize % 2];
        let unmapped = if placed {
            0
        } else {
            flag::UNMAPPED | flag::MATE_UNMAPPED
        };
        let mut record = Fields {
            name: format!("read:{}", number / 2).as_bytes(),
            flags: flag::PAIRED | segment | unmapped,
            place,
            mapq: if placed { 60 } else { 0 },
            cigar: &ops,
            mate: place,
            template_length: 0,
            bases: &bases,
            qualities: &(0..40).map(|at| at % 41).collect::<Vec<u8>>(),
        }
        .to_record();
        record.push_integer_tag(*b"NM", number as i32 * 40);
        record.push_string_tag(*b"RG", b"g");
        records.push(record);
    }
    records
}

/// A BAM file.
pub fn bam() -> Vec<u8> {
    let mut writer = bam::Writer::new(Vec::new(), &header()).expect("a header");
    for record in records() {
        writer.write(&record).expect("written");
    }
    writer.finish().expect("finished")
}

/// A CRAM file.
pub fn cram() -> Vec<u8> {
    let (header, reference) = (header(), REFERENCE.clone());
    let mut writer = cram::Writer::new(Vec::new(), &header, &*reference).expect("a header");
    for record in records() {
        writer.write(&record).expect("written");
    }
    writer.finish().expect("finished")
}

/// The text of a gVCF.
pub fn gvcf_text() -> String {
    let mut text =
        "##fileformat=VCFv4.3\n##contig=<ID=c1,length=4000>\n##contig=<ID=c2,length=900>\n\
        ##INFO=<ID=END,Number=1,Type=Integer,Description=\"End\">\n\
        ##FORMAT=<ID=GT,Number=1,Type=String,Description=\"Genotype\">\n\
        ##FORMAT=<ID=PL,Number=G,Type=Integer,Description=\"Likelihoods\">\n\
        #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n"
            .to_owned();
    for at in (1..400).step_by(20) {
        text.push_str(&format!(
            "c1\t{at}\t.\tA\t<NON_REF>\t.\t.\tEND={}\tGT\t0/0\n",
            at + 18
        ));
        text.push_str(&format!(
            "c1\t{}\t.\tC\tT,<NON_REF>\t50\tPASS\t.\tGT:PL\t0/1:9,0,9,9,9,9\n",
            at + 19
        ));
    }
    text
}

/// A gVCF in blocks, and its index.
pub fn gvcf() -> (Vec<u8>, Vec<u8>) {
    variants(vcf::Form::Vcf)
}

/// The same as BCF, and its index.
pub fn bcf() -> (Vec<u8>, Vec<u8>) {
    variants(vcf::Form::Bcf)
}

fn variants(form: vcf::Form) -> (Vec<u8>, Vec<u8>) {
    let text = gvcf_text();
    let (head, lines): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with('#'));
    let head = head.join("\n") + "\n";
    let contigs = REFERENCE.contigs();
    let writer = vcf::FormWriter::new(form, Vec::new(), &head, contigs);
    let mut writer = writer.expect("a header");
    for line in lines {
        let at: u32 = line
            .split('\t')
            .nth(1)
            .and_then(|at| at.parse().ok())
            .expect("a position");
        let end = if line.contains("END=") { at + 18 } else { at };
        let record = vcf::Record {
            contig: ContigId(0),
            start: at - 1,
            end,
            line: line.into(),
        };
        writer.write(&record).expect("written");
    }
    writer.finish().expect("finished")
}

/// What is inside blocks.
pub fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    bgzf::io::Reader::new(bytes)
        .read_to_end(&mut content)
        .expect("whole");
    content
}

/// Writes the seed of a target into its corpus, before the fuzzer looks there.
pub fn seed(target: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    for (_, bytes) in all().into_iter().filter(|(name, _)| *name == target) {
        std::fs::create_dir_all(&folder).expect("created");
        std::fs::write(folder.join("good"), bytes).expect("written");
    }
}

/// A seed for every target, by its name.
fn all() -> Vec<(&'static str, Vec<u8>)> {
    let (bam, cram) = (bam(), cram());
    let (_, tbi) = gvcf();
    let (bcf, csi) = bcf();
    let bai = kumi_formats::bam::index(&file("good.bam", &bam)).expect("indexed");
    let crai = kumi_formats::cram::index(&file("good.cram", &cram)).expect("indexed");
    let path = file("good.kidx", b"");
    let sequence = |contig: &kumi_seq::contig::Contig| {
        let mut bases = Vec::new();
        let id = REFERENCE.contigs().id(&contig.name).expect("there");
        let interval = Interval {
            contig: id,
            start: 0,
            end: contig.length,
        };
        REFERENCE.bases(interval, &mut bases);
        (contig.clone(), bases)
    };
    let sequences: Vec<_> = REFERENCE
        .contigs()
        .as_slice()
        .iter()
        .map(sequence)
        .collect();
    let step = |_| std::ops::ControlFlow::Continue(());
    kumi_index::build(&sequences, "r", &path, &step).expect("built");
    let fasta = sequences.iter().map(|(contig, bases)| {
        format!(
            ">{}\n{}\n",
            contig.name,
            String::from_utf8_lossy(&bases[..200])
        )
    });
    vec![
        (
            "fastq",
            b"@r:1/1 x\nACGTN\n+\nIIII#\n@r:2 RX:Z:ACG\nAC\n+r\nII\n".to_vec(),
        ),
        ("bam", unpacked(&bam)),
        ("bam_file", bam),
        ("cram", cram),
        ("crai", crai),
        ("bai", bai),
        ("sam_header", header().to_text().expect("ours").into_bytes()),
        ("fasta", fasta.collect::<String>().into_bytes()),
        ("alt", b"@SQ\tSN:c1\nc2\t0\tc1\t1\t60\t9M\n".to_vec()),
        (
            "bed",
            b"#x\ntrack a\nc1\t5\t10\tname\nc2\t0\t900\n".to_vec(),
        ),
        ("vcf", gvcf_text().into_bytes()),
        ("tbi", unpacked(&tbi)),
        ("bcf", unpacked(&bcf)),
        ("csi", unpacked(&csi)),
        ("kidx", std::fs::read(&path).expect("read")),
        ("segment", crate::store::segment()),
        ("census", crate::store::census()),
    ]
}
