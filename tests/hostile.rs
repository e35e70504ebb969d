//! `kumi kernel align` on files that nobody should write: an error that names the file and the place, or a result,
//! never a panic. What single formats do with damaged bytes, `kernels/formats/tests/hostile.rs` tells.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Output;

use crate::support::small::gzip;
use crate::support::tools::{have, shell};
use crate::support::trio::{INDEX, PLAIN, fasta, reads};
use crate::support::{kumi, text, unzip};

fn align(files: &[&Path], output: &Path) -> Output {
    let mut command = kumi();
    command.args(["kernel", "align", "--sample", "S", "--reference"]);
    command
        .arg(&INDEX.path)
        .args(files)
        .arg("--output")
        .arg(output);
    command.output().expect("kumi runs")
}

/// Aligns a file, and expects an error with these words that leaves nothing behind.
fn refused(path: &Path, words: &[&str]) {
    let output = path.with_extension("out.cram");
    let done = align(&[path], &output);
    let stderr = text(&done.stderr);
    assert_eq!(done.status.code(), Some(65), "{}: {stderr}", path.display());
    let name = path
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    for word in words.iter().chain(&[name.as_str()]) {
        assert!(stderr.contains(word), "`{word}` is not in\n{stderr}");
    }
    assert!(!output.exists());
}

fn fastq(name: &str, bases: &str) -> String {
    format!("@{name}\n{bases}\n+\n{}\n", "I".repeat(bases.len()))
}

fn reference() -> String {
    unzip(&fasta()).lines().skip(1).collect()
}

#[test]
fn broken_files_are_refused_with_their_place() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        path
    };
    let good = fastq("good", "ACGTACGTAC");
    let long = format!("{good}{}", fastq(&"n".repeat(255), "ACGT"));
    refused(&write("name.fastq", long.as_bytes()), &[":5:", "254"]);
    let huge = format!("{good}{}", fastq("huge", &"ACGT".repeat(1 << 19)));
    refused(
        &write("huge.fastq", huge.as_bytes()),
        &[":6:", "more than 1 MiB"],
    );
    let mut bytes = gzip(good.repeat(100).as_bytes());
    let crc = bytes.len() - 8;
    bytes[crc] ^= 1;
    refused(&write("crc.fastq.gz", &bytes), &["damaged"]);
    refused(&write("binary.fastq", &[0xff; 5000]), &[":1:"]);

    let blocks = bgzf(good.as_bytes());
    refused(
        &write("eof.fastq.gz", &blocks),
        &["truncated", "end-of-file marker"],
    );

    // A record of 4 GiB, and one that says it has more bases than bytes.
    for (name, record) in [
        ("size.bam", [0xff, 0xff, 0xff, 0xff].to_vec()),
        (
            "inside.bam",
            [&40u32.to_le_bytes()[..], &[0x7f; 40]].concat(),
        ),
    ] {
        let text = b"@HD\tVN:1.6\n";
        let mut content = b"BAM\x01".to_vec();
        content.extend_from_slice(&(text.len() as u32).to_le_bytes());
        content.extend_from_slice(text);
        content.extend_from_slice(&0u32.to_le_bytes());
        content.extend_from_slice(&record);
        let file = [bgzf(&content), END.to_vec()].concat();
        refused(&write(name, &file), &["record 1", "damaged"]);
    }
}

/// The empty block that ends every BGZF file.
const END: [u8; 28] = [
    0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 0x06, 0, 0x42, 0x43, 0x02, 0, 0x1b, 0, 0x03, 0, 0,
    0, 0, 0, 0, 0, 0, 0,
];

/// One block, without the marker at its end.
fn bgzf(bytes: &[u8]) -> Vec<u8> {
    let mut deflate =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    deflate.write_all(bytes).expect("written");
    let packed = deflate.finish().expect("finished");
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    let size = u16::try_from(packed.len() + 25).expect("a block");
    let mut block = END[..16].to_vec();
    block.extend_from_slice(&size.to_le_bytes());
    block.extend_from_slice(&packed);
    block.extend_from_slice(&crc.sum().to_le_bytes());
    block.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    block
}

/// A CRAM file whose containers are cut, doubled, or made of something else.
#[test]
fn cram_with_broken_containers_is_refused() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let good = folder.path().join("good.cram");
    let done = align(&[&reads("NA12891", 1)], &good);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let bytes = fs::read(&good).expect("read");
    let (middle, end) = (bytes.len() / 2, bytes.len() - 38);
    for (name, spoilt) in [
        (
            "hole.cram",
            [&bytes[..middle], &bytes[middle + 1000..]].concat(),
        ),
        (
            "zeros.cram",
            [&bytes[..middle], &[0; 1000], &bytes[middle + 1000..]].concat(),
        ),
        ("flip.cram", {
            let mut flipped = bytes.clone();
            flipped[middle] ^= 4;
            flipped
        }),
        (
            "head.cram",
            [&bytes[..26], &[0xff; 30], &bytes[56..]].concat(),
        ),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, spoilt).expect("written");
        refused(&path, &[]);
    }
    let path = folder.path().join("cut.cram");
    fs::write(&path, &bytes[..end]).expect("written");
    refused(&path, &["end-of-file container"]);
}

/// Reads of a million bases are placed or left alone; names may occur twice; both are read back.
#[test]
fn long_reads_and_names_that_occur_twice_give_a_result() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let reference = reference();
    let twisted: String = (0..250_000)
        .map(|at| ["ACGT", "TTAG", "CA", "GGC"][at * at % 11 % 4])
        .collect();
    let mut text = fastq("like", &reference[..1_000_000]);
    text.push_str(&fastq("unlike", &twisted));
    let lower = reference[100_000..900_000].to_owned();
    let changed: String = lower
        .char_indices()
        .map(|(at, c)| if at % 97 == 0 { 'A' } else { c })
        .collect();
    text.push_str(&fastq("changed", &changed));
    // A gap every 24 bases, one way and the other: more than the CIGAR of BAM can count.
    let pieces = reference.as_bytes().chunks(24).take(41_000).enumerate();
    let wavy: Vec<u8> = pieces
        .flat_map(|(at, piece)| match at % 2 {
            0 => piece[1..].to_vec(),
            _ => [&[piece[12]; 1][..], piece].concat(),
        })
        .collect();
    text.push_str(&fastq("wavy", &String::from_utf8_lossy(&wavy)));
    text.push_str(&fastq("n", &"N".repeat(1_000_000)));
    for _ in 0..3 {
        text.push_str(&fastq("same", &reference[5000..5150]));
    }
    let path = folder.path().join("long.fastq");
    fs::write(&path, text).expect("written");
    for output in ["o.bam", "o.cram", "o.sam"] {
        let output = folder.path().join(output);
        let done = align(&[&path], &output);
        assert!(
            done.status.success(),
            "{}",
            crate::support::text(&done.stderr)
        );
        if have(&["samtools"]) {
            let count = shell(&format!(
                "samtools view -c -F 0x900 -T '{}' '{}'",
                PLAIN.path.display(),
                output.display()
            ));
            assert_eq!(count.trim(), "8");
        }
    }
}
