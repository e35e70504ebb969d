//! A reference with an alternate contig, told by the `.alt` file beside it: placed as `bwa mem` places reads on the
//! same files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::support::random::{Numbers, reverse_complement};
use crate::support::tools::{have, shell};
use crate::support::{kumi, ok, published_file, run, text};

/// Another base.
fn other(numbers: &mut Numbers, base: u8) -> u8 {
    let at = b"ACGT".iter().position(|b| *b == base).unwrap_or(0);
    b"ACGT"[(at + 1 + numbers.below(3)) % 4]
}

/// A primary contig; an alternate version of 20 kb of it, 2 % different, with 3 kb of its own; another that is the
/// same.
fn write_reference(folder: &Path, numbers: &mut Numbers) -> Vec<(&'static str, Vec<u8>)> {
    let primary: Vec<u8> = (0..100_000).map(|_| b"ACGT"[numbers.below(4)]).collect();
    let mut alternate = primary[30_000..50_000].to_vec();
    for base in &mut alternate {
        if numbers.below(50) == 0 {
            *base = other(numbers, *base);
        }
    }
    let own: Vec<u8> = (0..3000).map(|_| b"ACGT"[numbers.below(4)]).collect();
    alternate.splice(10_000..10_000, own);
    let same = primary[60_000..66_000].to_vec();
    let contigs = vec![("p", primary), ("p_alt", alternate), ("p_same", same)];
    let mut fasta = String::new();
    for (name, bases) in &contigs {
        let _ = writeln!(fasta, ">{name}\n{}", String::from_utf8_lossy(bases));
    }
    fs::write(folder.join("r.fa"), fasta).expect("written");
    let alt = "@SQ\tSN:p\tLN:100000\n\
               p_alt\t0\tp\t30001\t60\t10000M3000I10000M\t*\t0\t0\t*\t*\tNM:i:3400\n\
               p_same\t0\tp\t60001\t60\t6000M\t*\t0\t0\t*\t*\tNM:i:0\n\
               not_there\t0\tp\t1\t60\t10M\t*\t0\t0\t*\t*\n";
    fs::write(folder.join("r.fa.alt"), alt).expect("written");
    contigs
}

/// Pairs of 2 x 100 from everywhere, 0.5 % errors.
fn write_reads(folder: &Path, contigs: &[(&str, Vec<u8>)], numbers: &mut Numbers) {
    let mut files = [String::new(), String::new()];
    for ((name, bases), pairs) in contigs.iter().zip([1500, 1200, 300]) {
        for number in 0..pairs {
            let insert = 250 + numbers.below(100);
            let start = numbers.below(bases.len() - insert);
            let fragment = &bases[start..start + insert];
            let mut mates = [
                fragment[..100].to_vec(),
                reverse_complement(fragment)[..100].to_vec(),
            ];
            if number % 2 == 1 {
                mates.swap(0, 1);
            }
            for (file, mut mate) in files.iter_mut().zip(mates) {
                for base in &mut mate {
                    if numbers.below(200) == 0 {
                        *base = other(numbers, *base);
                    }
                }
                let bases = String::from_utf8_lossy(&mate);
                let _ = writeln!(
                    file,
                    "@{name}:{number}:{start}\n{bases}\n+\n{}",
                    "I".repeat(100)
                );
            }
        }
    }
    for (side, text) in files.iter().enumerate() {
        fs::write(folder.join(format!("{}.fq", side + 1)), text).expect("written");
    }
}

/// A primary line: contig, position, MAPQ, whether it has the tag `pa`, contigs of its supplementary lines.
type Placed = (String, i64, u8, bool, Vec<String>);

fn placed(lines: &str) -> BTreeMap<(String, u16), Placed> {
    let mut all: BTreeMap<(String, u16), Placed> = BTreeMap::new();
    for line in lines.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let flags: u16 = fields[1].parse().expect("FLAG");
        let entry = all.entry((fields[0].to_owned(), flags & 0xc0)).or_default();
        if flags & 0x800 != 0 {
            entry.4.push(fields[2].to_owned());
        } else {
            entry.0 = fields[2].to_owned();
            entry.1 = fields[3].parse().expect("POS");
            entry.2 = fields[4].parse().expect("MAPQ");
            entry.3 = fields.iter().any(|field| field.starts_with("pa:f:"));
        }
    }
    all
}

/// 0, doubtful, or good enough for everybody.
fn class(mapq: u8) -> u8 {
    match mapq {
        0..=3 => 0,
        4..=29 => 1,
        _ => 2,
    }
}

#[test]
fn alternate_contigs_are_treated_as_by_bwa() {
    if have(&["samtools", "bwa"]) {
        (5..8).for_each(alternate_contigs_of_a_seed);
    }
}

fn alternate_contigs_of_a_seed(seed: u64) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let folder = dir.path();
    let mut numbers = Numbers::new(seed);
    let contigs = write_reference(folder, &mut numbers);
    write_reads(folder, &contigs, &mut numbers);
    ok(kumi()
        .current_dir(folder)
        .args(["reference", "build", "r.fa", "--output", "r.kidx"]));
    let reads = ["1.fq", "2.fq", "--output", "k.sam", "--unsorted"];
    let align = ["kernel", "align", "--reference", "r.kidx", "--sample", "S"];
    ok(kumi().current_dir(folder).args(align).args(reads));
    let sam = fs::read_to_string(folder.join("k.sam")).expect("read");
    let (header, ours): (Vec<&str>, Vec<&str>) =
        sam.lines().partition(|line| line.starts_with('@'));
    let theirs = shell(&format!(
        "cd '{}'; bwa index r.fa 2>/dev/null; bwa mem -v1 r.fa 1.fq 2.fq 2>/dev/null > b.sam; samtools view b.sam",
        folder.display()
    ));
    let alternates = |lines: &str| lines.lines().filter(|line| line.contains("\tAH:*")).count();
    let their_header = shell(&format!("samtools view -H '{}/b.sam'", folder.display()));
    assert_eq!(alternates(&header.join("\n")), 2);
    assert_eq!(alternates(&their_header), 2);

    let (ours, theirs) = (placed(&ours.join("\n")), placed(&theirs));
    assert_eq!((ours.len(), theirs.len()), (6000, 6000));
    let (mut place, mut quality, mut lines, mut tags) = (0, 0, 0, 0);
    let mut shown = String::new();
    for (read, a) in &ours {
        let b = &theirs[read];
        let same = a.0 == b.0 && (a.1 - b.1).abs() <= 5;
        let classes = class(a.2) == class(b.2);
        if !(same && classes && a.4 == b.4 && a.3 == b.3) {
            let _ = writeln!(shown, "{read:?} {a:?} {b:?}");
        }
        place += usize::from(!same);
        quality += usize::from(!classes);
        lines += usize::from(a.4 != b.4);
        tags += usize::from(a.3 != b.3);
    }
    // Where a read has many differences one of the programs may miss a place.
    assert!(
        place <= 6 && quality <= 6 && lines <= 6 && tags <= 6,
        "seed {seed}: {place} {quality} {lines} {tags}\n{shown}"
    );
    let count = |test: &dyn Fn(&Placed) -> bool| theirs.values().filter(|p| test(p)).count();
    assert!(count(&|p| !p.4.is_empty()) > 1000 && count(&|p| p.0 == "p_alt") > 300);
}

/// A cohort that gives a FASTA file has its alternate contigs too: the index of its own is built with them.
#[test]
fn a_cohort_reads_the_file_beside_its_reference() {
    if !have(&["samtools"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let folder = dir.path();
    let mut numbers = Numbers::new(5);
    let contigs = write_reference(folder, &mut numbers);
    write_reads(folder, &contigs[..1], &mut numbers);
    let sheet = "patient,sample,sex,status,lane,fastq_1,fastq_2\nP,S,XX,0,L1,1.fq,2.fq\n";
    fs::write(folder.join("s.csv"), sheet).expect("written");
    let cohort = "[cohort]\nname = \"c\"\nsheet = \"s.csv\"\n[reference]\nfasta = \"r.fa\"\n";
    fs::write(folder.join("c.toml"), cohort).expect("written");
    ok(&mut run(&folder.join("c.toml"), &folder.join("out")));
    let cram = published_file(&folder.join("out"), "S.cram");
    let shown = shell(&format!(
        "cd '{}'; samtools view -H -T r.fa '{1}' | grep -c AH:; samtools view -c -q 30 -T r.fa '{1}' p; \
         samtools view -c -F 0x900 -T r.fa '{1}' p_alt p_same",
        folder.display(),
        cram.display()
    ));
    let counts: Vec<usize> = shown.lines().map(|n| n.parse().expect("a count")).collect();
    assert!(
        counts[0] == 2 && counts[1] > 2950 && counts[2] == 0,
        "{counts:?}"
    );
}

/// A file that names contigs of another reference is not what was meant.
#[test]
fn a_file_of_another_reference_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    write_reference(dir.path(), &mut Numbers::new(5));
    fs::write(dir.path().join("r.fa.alt"), "chr1_KI270762v1_alt\t0\n").expect("written");
    let mut command = kumi();
    command
        .current_dir(dir.path())
        .args(["reference", "build", "r.fa", "--output", "r.kidx"]);
    let output = command.output().expect("kumi runs");
    assert_eq!(output.status.code(), Some(65));
    assert!(
        text(&output.stderr).contains("r.fa.alt"),
        "{}",
        text(&output.stderr)
    );
}
