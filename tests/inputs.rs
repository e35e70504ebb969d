//! Inputs of every kind through the whole product: good ones give the reads back that went in; of bad ones
//! everything is said that can be known, nothing is left that looks complete, and the others finish.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::small::{
    BGZF_EOF, Pairs, Read, World, bgzf, blocks, fastq, gzip, sequenced, unaligned_bam,
};
use crate::support::{files, json, kumi, ok, text, unzip};

const HEADER: &str = "sample,fastq_1,fastq_2,bam,cram,gvcf\n";
const GOOD: &str = "B,B_1.fq.gz,B_2.fq.gz,,,\n";

/// A reference and two samples of it; the files of B are there.
fn world() -> (World, Pairs) {
    let world = World::new(7, &[("chr1", 6_000)]);
    let genome = |odd| {
        [
            world.haplotype("chr1", |site| site % 2 == odd),
            world.haplotype("chr1", |_| false),
        ]
    };
    let pairs = world.pairs("A", &genome(0), 10);
    world.write_pairs("A", &pairs);
    world.write_pairs("B", &world.pairs("B", &genome(1), 10));
    (world, pairs)
}

/// `a.bam`, `a.cram` and `a.g.vcf.gz` of sample A.
fn derive(world: &World) {
    for output in ["a.bam", "a.cram"] {
        ok(&mut world.align("A", &["A_1.fq.gz", "A_2.fq.gz"], output));
    }
    call(world, "a.cram", "a.g.vcf.gz");
}

fn call(world: &World, cram: &str, output: &str) {
    let mut command = kumi();
    command.args(["kernel", "call", "--reference"]);
    command.arg(world.index("r.fa")).arg(world.path(cram));
    ok(command.arg("--output").arg(world.path(output)));
}

fn read(world: &World, name: &str) -> Vec<u8> {
    fs::read(world.path(name)).expect("read")
}

fn all_files(root: &Path) -> Vec<String> {
    files(root, &|_| true)
}

/// Nothing is there under the final name of a result of A; nothing half-written is left.
fn nothing_of_a(world: &World, what: &str) {
    let all = all_files(&world.root());
    let of_a = |name: &&String| {
        let results =
            name.ends_with(".vcf.gz") || name.ends_with(".cram") || name.ends_with(".json");
        name.contains("/A/") || (results && name.contains("/A."))
    };
    let left: Vec<_> = all.iter().filter(of_a).collect();
    assert!(left.is_empty(), "{what}: {left:?}");
    let hidden = |name: &&String| name.rsplit('/').next().is_some_and(|n| n.starts_with('.'));
    let left: Vec<_> = all.iter().filter(hidden).collect();
    assert!(left.is_empty(), "{what}: half-written: {left:?}");
    let scratch = world.root().join(".kumi/scratch");
    let spilled = fs::read_dir(scratch).map_or(0, Iterator::count);
    assert_eq!(spilled, 0, "{what}: scratch");
}

fn said(output: &Output) -> String {
    format!("{}\n{}", text(&output.stdout), text(&output.stderr))
}

fn says(what: &str, said: &str, words: &[&str]) {
    for word in words {
        assert!(said.contains(word), "{what}: `{word}` is not in\n{said}");
    }
}

/// The samples of the only release.
fn released(world: &World) -> Vec<String> {
    let vcf = unzip(&world.file("/c.vcf.gz"));
    let columns = vcf.lines().find(|line| line.starts_with("#CHROM"));
    let columns = columns.expect("a column line").split('\t').skip(9);
    columns.map(str::to_owned).collect()
}

/// With `quarantine` the sample is set aside for this reason and the other is released.
fn the_other_finishes(world: &World, what: &str, words: &[&str]) {
    let output = world.run(&["--on-bad-sample", "quarantine"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(1), "{what}\n{said}");
    says(what, &said, &["quarantined A: "]);
    says(what, &said, words);
    nothing_of_a(world, what);
    assert_eq!(released(world), ["B"], "{what}");
}

/// What is done to the files; the line of the sheet; the column and what else must be said.
type Case = (
    &'static str,
    fn(&World),
    &'static str,
    &'static str,
    &'static [&'static str],
);

const PAIR: &str = "A,A_1.fq.gz,A_2.fq.gz,,,\n";

fn cut(world: &World, name: &str, end: impl Fn(&[u8]) -> usize) {
    let bytes = read(world, name);
    world.write(name, &bytes[..end(&bytes)]);
}

/// Bad data that a look at head and end of each file shows.
const KNOWN_BEFORE: [Case; 13] = [
    (
        "0 bytes",
        |w| w.write("A_1.fq.gz", ""),
        PAIR,
        "fastq_1",
        &["A_1.fq.gz is empty"],
    ),
    (
        "gzip of nothing",
        |w| w.write("A_2.fq.gz", gzip(b"")),
        PAIR,
        "fastq_2",
        &["A_2.fq.gz is empty"],
    ),
    (
        "a few bytes of gzip",
        |w| cut(w, "A_1.fq.gz", |_| 40),
        PAIR,
        "fastq_1",
        &["A_1.fq.gz is truncated"],
    ),
    (
        "BGZF without its end",
        |w| {
            let bytes = bgzf(&unzip(&w.path("A_1.fq.gz")).into_bytes());
            w.write("A_1.fq.gz", &bytes[..bytes.len() - BGZF_EOF.len()]);
        },
        PAIR,
        "fastq_1",
        &["A_1.fq.gz is truncated", "end-of-file marker of BGZF"],
    ),
    (
        "mates of others",
        |w| w.write("A_2.fq.gz", read(w, "B_2.fq.gz")),
        PAIR,
        "fastq_2",
        &["begins with read A:0", "with B:0"],
    ),
    (
        "no FASTQ",
        |w| w.write("A_1.fq.gz", "hello\n"),
        PAIR,
        "fastq_1",
        &["A_1.fq.gz:1: a record begins with `@`"],
    ),
    (
        "BAM as FASTQ",
        derive,
        "A,a.bam,,,,\n",
        "fastq_1",
        &["a.bam is BAM or CRAM"],
    ),
    (
        "FASTQ as BAM",
        |_| (),
        "A,,,A_1.fq.gz,,\n",
        "bam",
        &["A_1.fq.gz is neither BAM nor CRAM"],
    ),
    (
        "BAM cut in a block",
        |w| {
            derive(w);
            cut(w, "a.bam", |bytes| bytes.len() * 2 / 3);
        },
        "A,,,a.bam,,\n",
        "bam",
        &["a.bam is truncated"],
    ),
    (
        "BAM cut between blocks",
        |w| {
            derive(w);
            cut(w, "a.bam", |bytes| blocks(bytes)[2]);
        },
        "A,,,a.bam,,\n",
        "bam",
        &["a.bam is truncated", "end-of-file marker of BGZF"],
    ),
    (
        "CRAM without its end",
        |w| {
            derive(w);
            cut(w, "a.cram", |bytes| bytes.len() - 38);
        },
        "A,,,,a.cram,\n",
        "cram",
        &["a.cram is truncated", "end-of-file container"],
    ),
    (
        "gVCF without its end",
        |w| {
            derive(w);
            cut(w, "a.g.vcf.gz", |bytes| bytes.len() - BGZF_EOF.len());
        },
        "A,,,,,a.g.vcf.gz\n",
        "gvcf",
        &["a.g.vcf.gz is truncated"],
    ),
    (
        "gVCF of another sample",
        |w| {
            ok(&mut w.align("Z", &["A_1.fq.gz", "A_2.fq.gz"], "a.cram"));
            call(w, "a.cram", "a.g.vcf.gz");
        },
        "A,,,,,a.g.vcf.gz\n",
        "gvcf",
        &["a.g.vcf.gz: it is of sample Z"],
    ),
];

#[test]
fn bad_data_that_can_be_seen_are_told_before_and_only_their_sample_is_set_aside() {
    for (what, spoil, line, column, words) in KNOWN_BEFORE {
        let (world, _) = world();
        spoil(&world);
        world.cohort(&format!("{HEADER}{line}{GOOD}"), "");
        let before = all_files(world.root().parent().expect("a folder"));
        let output = world.run(&[]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{what}\n{stderr}");
        says(
            what,
            &stderr,
            &["1 problem found before any work was started"],
        );
        says(
            what,
            &stderr,
            &[&format!("samples.csv:2: column {column}: sample A: ")],
        );
        says(what, &stderr, words);
        let after = all_files(world.root().parent().expect("a folder"));
        assert_eq!(before, after, "{what}: nothing was started");
        let mut check = kumi();
        check
            .args(["cohort", "check"])
            .arg(world.path("cohort.toml"));
        let checked = check.output().expect("kumi runs");
        assert_eq!(checked.status.code(), Some(65), "{what}");
        assert_eq!(text(&checked.stderr), stderr, "{what}: the same is said");
        the_other_finishes(&world, what, words);
        let output = world.run(&["--on-bad-sample", "quarantine"]);
        let begun = format!(
            "will be set aside: {}:2: column {column}: sample A: ",
            world.path("samples.csv").display()
        );
        says(what, &text(&output.stderr), &[&begun]);
    }
}

/// CRAM and gVCF of another reference: sample, contig and both MD5s are named before anything starts.
#[test]
fn files_of_another_reference_are_told_before() {
    let (world, _) = world();
    let other = World::new(8, &[("chr1", 6_000)]);
    let m5 = |world: &World| {
        let mut show = kumi();
        show.args(["reference", "show", "--output", "json"]);
        let shown = json(&ok(show.arg(world.index("r.fa"))));
        shown["contigs"][0]["md5"]
            .as_str()
            .expect("an M5")
            .to_owned()
    };
    let (ours, theirs) = (m5(&world), m5(&other));
    fs::copy(other.path("r.fa"), world.path("other.fa")).expect("copied");
    ok(&mut world.align_to("other.fa", "A", &["A_1.fq.gz", "A_2.fq.gz"], "a.cram"));
    let mut command = kumi();
    command.args(["kernel", "call", "--reference"]);
    command
        .arg(world.index("other.fa"))
        .arg(world.path("a.cram"));
    ok(command.arg("--output").arg(world.path("a.g.vcf.gz")));
    for (line, column, name) in [
        ("A,,,,a.cram,\n", "cram", "a.cram"),
        ("A,,,,,a.g.vcf.gz\n", "gvcf", "a.g.vcf.gz"),
    ] {
        world.cohort(&format!("{HEADER}{line}{GOOD}"), "");
        let output = world.run(&[]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{column}\n{stderr}");
        let place = format!("samples.csv:2: column {column}: sample A: ");
        let words = [
            place.as_str(),
            name,
            "contig chr1 has MD5",
            ours.as_str(),
            theirs.as_str(),
        ];
        says(column, &stderr, &words);
        assert!(!world.root().exists(), "{column}: nothing was started");
        the_other_finishes(&world, column, &["contig chr1 has MD5"]);
    }
    // BAM holds its bases itself: it may have been aligned to anything.
    ok(&mut world.align_to("other.fa", "A", &["A_1.fq.gz", "A_2.fq.gz"], "a.bam"));
    world.cohort(&format!("{HEADER}A,,,a.bam,,\n{GOOD}"), "");
    let output = world.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(released(&world), ["A", "B"]);
}

/// What is wrong with the sheet itself, or with files that are not there, stops everything, quarantine or not:
/// it must be mended there. All of it is told at once.
#[test]
fn what_the_sheet_gets_wrong_is_told_at_once_whatever_becomes_of_bad_samples() {
    let (world, _) = world();
    fs::create_dir(world.path("folder")).expect("created");
    std::os::unix::fs::symlink(world.path("B_1.fq.gz"), world.path("alias")).expect("linked");
    let sheet = "patient,sample,sex,lane,library,fastq_1,fastq_2,md5_1\n\
                 P1,A,XY,1,,folder,A_2.fq.gz,\n\
                 P1,A,XX,2,,none.fq.gz,,\n\
                 P1,A,XY,2,,A_1.fq.gz,,0123\n\
                 P2,B,,1,\"lib\trary\",B_1.fq.gz,B_2.fq.gz,\n\
                 P3,C,,1,,alias,,\n\
                 P4,D,male,1,,\n";
    world.cohort(sheet, "");
    let expected = [
        "8 problems found before any work was started",
        "samples.csv:2: column fastq_1: sample A: ",
        "it is a directory, not a file",
        "samples.csv:3: column sex: sample A: differs from line 2",
        "samples.csv:3: column fastq_1: sample A: ",
        "none.fq.gz",
        "samples.csv:4: column lane: sample A: lane 2",
        "samples.csv:4: column fastq_1: sample A: ",
        "the sheet says 0123",
        "samples.csv:5: sample B: read group LB `lib\\trary`",
        "samples.csv:6: column fastq_1: sample C: ",
        "is used on line 5 already (sample B)",
        "samples.csv:7: 6 cells where the header has 8",
    ];
    for more in [&[][..], &["--on-bad-sample", "quarantine"]] {
        let output = world.run(more);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(65), "{stderr}");
        says("the sheet", &stderr, &expected);
        assert!(!world.root().exists(), "nothing was started");
    }
    world.cohort("sample,fastq_1\nA,none\nB,none_either\n", "");
    let output = world.run(&[]);
    assert_eq!(
        output.status.code(),
        Some(66),
        "only missing: {}",
        said(&output)
    );
    let cases: [(&[u8], i32, &str); 4] = [
        (
            b"sample;fastq_1\nA;x\n",
            65,
            "the sheet has no column sample",
        ),
        (
            b"sample,colour,fastq_1\nA,red,A_1.fq.gz\n",
            65,
            "column colour: unknown column",
        ),
        (
            b"sample,library,fastq_1\nA,\xe9t\xe9,A_1.fq.gz\n",
            65,
            "is not text in UTF-8",
        ),
        (b"", 65, "the sheet has no column sample"),
    ];
    for (sheet, code, words) in cases {
        world.write("samples.csv", sheet);
        let output = world.run(&[]);
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        says("a sheet", &text(&output.stderr), &[words]);
    }
}

#[test]
fn unreadable_inputs_and_outputs_that_cannot_be_made_have_their_own_codes() {
    use std::os::unix::fs::PermissionsExt as _;
    let (world, _) = world();
    world.cohort(&format!("{HEADER}{PAIR}{GOOD}"), "");
    world.write("occupied", "a file");
    let occupied = world.path("occupied/below").display().to_string();
    let output = world.run(&["--output-dir", &occupied]);
    assert_eq!(output.status.code(), Some(73), "{}", said(&output));
    let closed = world.path("A_1.fq.gz");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).expect("closed");
    if fs::File::open(&closed).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    let output = world.run(&[]);
    assert_eq!(output.status.code(), Some(66), "{}", said(&output));
    says(
        "closed",
        &text(&output.stderr),
        &["samples.csv:2: column fastq_1: sample A: "],
    );
}

/// The plain text of A's first file with something done to its lines, which are counted from 0.
fn respell(world: &World, how: impl Fn(usize, &str) -> Option<Vec<u8>>) {
    let plain = unzip(&world.path("A_1.fq.gz"));
    let mut bytes = Vec::new();
    for (number, line) in plain.lines().enumerate() {
        match how(number, line) {
            Some(other) => bytes.extend_from_slice(&other),
            None => bytes.extend_from_slice(format!("{line}\n").as_bytes()),
        }
    }
    world.write("A_1.fq.gz", gzip(&bytes));
}

/// The first line of a record in the middle; lines 401 to 404 of the file.
const MIDDLE: usize = 400;

/// Damage in the middle of a file, which only reading it shows.
const FOUND_LATER: [Case; 12] = [
    (
        "truncated gzip",
        |w| cut(w, "A_1.fq.gz", |bytes| bytes.len() * 3 / 4),
        PAIR,
        "",
        &["A_1.fq.gz is truncated: it ends after"],
    ),
    (
        "plain text cut in a record",
        |w| {
            let plain = unzip(&w.path("A_1.fq.gz"));
            w.write("A_1.fq.gz", &plain.as_bytes()[..plain.len() * 3 / 4]);
        },
        PAIR,
        "",
        &["A_1.fq.gz:"],
    ),
    (
        "qualities that are too few",
        |w| {
            respell(w, |n, line| {
                (n == MIDDLE + 3).then(|| format!("{}\n", &line[1..]).into_bytes())
            })
        },
        PAIR,
        "",
        &["A_1.fq.gz:404: 99 qualities for 100 bases"],
    ),
    (
        "no plus",
        |w| respell(w, |n, _| (n == MIDDLE + 2).then(Vec::new)),
        PAIR,
        "",
        &["A_1.fq.gz:403: the third line"],
    ),
    (
        "no ASCII",
        |w| {
            respell(w, |n, _| {
                (n == MIDDLE + 1).then(|| b"AC\xc3\xa9GT\n".to_vec())
            })
        },
        PAIR,
        "",
        &["A_1.fq.gz:402: the sequence holds what is no base"],
    ),
    (
        "another name",
        |w| respell(w, |n, _| (n == MIDDLE).then(|| b"@else\n".to_vec())),
        PAIR,
        "",
        &["A_2.fq.gz:404: read else faces mate A:100"],
    ),
    (
        "fewer reads than mates",
        |w| {
            let lines = unzip(&w.path("A_1.fq.gz")).lines().count();
            respell(w, |n, _| (n >= lines - 4).then(Vec::new));
        },
        PAIR,
        "",
        &["more mates than reads"],
    ),
    (
        "damaged gzip",
        |w| {
            let mut bytes = read(w, "A_1.fq.gz");
            let middle = bytes.len() / 2;
            bytes[middle..middle + 64].fill(0xff);
            w.write("A_1.fq.gz", bytes);
        },
        PAIR,
        "",
        &["A_1.fq.gz:"],
    ),
    (
        "BAM with a damaged block",
        |w| {
            derive(w);
            let mut bytes = read(w, "a.bam");
            let block = blocks(&bytes)[2];
            bytes[block + 200] ^= 0xff;
            w.write("a.bam", bytes);
        },
        "A,,,a.bam,,\n",
        "",
        &["a.bam, record", "the file is damaged"],
    ),
    (
        "BAM with a read twice",
        |w| {
            let [one, two] = [0, 1].map(|_| Read {
                name: "twice".to_owned(),
                bases: "ACGT".to_owned(),
                qualities: "IIII".to_owned(),
            });
            w.write(
                "a.bam",
                unaligned_bam(&["g"], &[(&one, 0x4d, "g"), (&two, 0x4d, "g")]),
            );
        },
        "A,,,a.bam,,\n",
        "",
        &["a.bam, record 2: read twice occurs twice"],
    ),
    (
        "a damaged CRAM",
        |w| {
            derive(w);
            let mut bytes = read(w, "a.cram");
            let at = bytes.len() * 3 / 4;
            bytes[at] ^= 0xff;
            w.write("a.cram", bytes);
        },
        "A,,,,a.cram,\n",
        "",
        &["a.cram, record", "checksum"],
    ),
    (
        "a gVCF with a broken line",
        |w| {
            derive(w);
            let lines = unzip(&w.path("a.g.vcf.gz"));
            let mut lines: Vec<&str> = lines.lines().collect();
            let last = lines.len() - 1;
            lines[last] = "chr1\tnowhere\t.\tA\t<NON_REF>\t.\t.\t.\tGT\t0/0";
            w.write("a.g.vcf.gz", bgzf((lines.join("\n") + "\n").as_bytes()));
        },
        "A,,,,,a.g.vcf.gz\n",
        "",
        &["a.g.vcf.gz:", "POS `nowhere` is not a position"],
    ),
];

#[test]
fn damage_found_half_way_leaves_nothing_that_looks_complete_and_the_others_finish() {
    for (what, spoil, line, _, words) in FOUND_LATER {
        let (world, _) = world();
        spoil(&world);
        world.cohort(&format!("{HEADER}{line}{GOOD}"), "");
        let output = world.run(&[]);
        let heard = said(&output);
        let known = output.status.code() == Some(65);
        assert!(known || output.status.code() == Some(1), "{what}\n{heard}");
        says(what, &heard, &["sample A: "]);
        says(what, &heard, words);
        if known {
            assert!(!world.root().exists(), "{what}: nothing was started");
        }
        nothing_of_a(&world, what);
        let releases = files(&world.root(), &|name| name.contains("/cohorts/"));
        assert!(releases.is_empty(), "{what}: {releases:?}");
        the_other_finishes(&world, what, words);
    }
}

/// The same through `kumi kernel align`: sample and file are named, and neither output nor part of it is left.
#[test]
fn a_kernel_by_hand_names_the_sample_and_leaves_nothing() {
    for (what, spoil, line, _, words) in KNOWN_BEFORE.iter().chain(&FOUND_LATER) {
        let cells: Vec<&str> = line.trim().split(',').collect();
        if !cells[5].is_empty() || *what == "FASTQ as BAM" || *what == "BAM as FASTQ" {
            continue;
        }
        let (world, _) = world();
        spoil(&world);
        let reads: Vec<&str> = cells[1..5]
            .iter()
            .copied()
            .filter(|cell| !cell.is_empty())
            .collect();
        for name in ["out.cram", "out.bam", "out.sam"] {
            let output = world.align("A", &reads, name).output().expect("kumi runs");
            let stderr = text(&output.stderr);
            assert_eq!(output.status.code(), Some(65), "{what}\n{stderr}");
            says(what, &stderr, &["sample A: "]);
            if *what == "mates of others" {
                says(what, &stderr, &["A_2.fq.gz:4: read A:0 faces mate B:0"]);
            } else {
                says(what, &stderr, words);
            }
            let left = files(&world.path(""), &|name| name.contains("out"));
            assert!(left.is_empty(), "{what}: {left:?}");
        }
    }
}

/// Reads as `sequenced` tells them.
fn as_sequenced(pairs: &[[Read; 2]], group: &str) -> Vec<(u8, Read, String)> {
    let of = |segment: usize| {
        pairs.iter().map(move |pair| {
            let segment_number = segment as u8 + 1;
            (segment_number, pair[segment].clone(), group.to_owned())
        })
    };
    let mut all: Vec<_> = of(0).chain(of(1)).collect();
    all.sort();
    all
}

/// FASTQ to BAM and CRAM and back again, through split reads: every read comes back once, on the strand and
/// with the qualities that the sequencer gave it.
#[test]
fn alignments_are_taken_apart_into_the_reads_they_were_made_from() {
    let (world, mut pairs) = world();
    // A chimera: its mate has a supplementary record.
    let chr1 = &world.contigs[0].1;
    let chimera = [&chr1[500..550], &chr1[4_000..4_050]].concat();
    pairs[3][0].bases = String::from_utf8(chimera).expect("bases");
    world.write_pairs("A", &pairs);
    for output in ["a.bam", "a.cram"] {
        ok(&mut world.align("A", &["A_1.fq.gz", "A_2.fq.gz"], output));
    }
    let expected = as_sequenced(&pairs, "A");
    for input in ["a.bam", "a.cram"] {
        ok(world.align("A", &[input], "again.sam").arg("--unsorted"));
        let sam = fs::read_to_string(world.path("again.sam")).expect("read");
        let supplementary = sam.lines().filter(|line| {
            let flags = line
                .split('\t')
                .nth(1)
                .and_then(|cell| cell.parse::<u16>().ok());
            flags.is_some_and(|flags| flags & 0x800 != 0)
        });
        assert!(supplementary.count() > 0, "{input}: the chimera is split");
        assert!(sequenced(&world.path("again.sam")) == expected, "{input}");
    }
}

/// Lanes, read groups of an unaligned BAM, single reads beside pairs, all compressions, in one sample.
#[test]
fn lanes_read_groups_and_single_reads_are_kept_apart() {
    let (world, pairs) = world();
    let quarter = pairs.len() / 4;
    let part = |number: usize| pairs[number * quarter..(number + 1) * quarter].to_vec();
    for segment in 0..2 {
        let number = segment + 1;
        world.write(&format!("plain_{number}.fq"), fastq(&part(0), segment));
        world.write(
            &format!("bgzf_{number}.fq.gz"),
            bgzf(fastq(&part(1), segment).as_bytes()),
        );
    }
    world.write("single.fq.gz", gzip(fastq(&part(2), 0).as_bytes()));
    let last = part(3);
    let mut records = Vec::new();
    for (number, [first, second]) in last.iter().enumerate() {
        let group = ["u1", "u2"][number % 2];
        match number % 3 {
            0 => records.push((first, 4, group)),
            _ => records.extend([(first, 0x4d, group), (second, 0x8d, group)]),
        }
    }
    world.write("u.bam", unaligned_bam(&["u1", "u2"], &records));
    world.cohort(
        "sample,lane,fastq_1,fastq_2,bam,library,platform_unit\n\
         A,L1,plain_1.fq,plain_2.fq,,lib1,unit1\n\
         A,L2,bgzf_1.fq.gz,bgzf_2.fq.gz,,lib1,\n\
         A,L3,single.fq.gz,,,lib2,\n\
         A,L4,,,u.bam,,\n",
        "",
    );
    let output = world.run(&[]);
    assert!(output.status.success(), "{}", said(&output));
    fs::copy(world.file("/A.cram"), world.path("out.cram")).expect("copied");
    ok(world.align("A", &["out.cram"], "out.sam").arg("--unsorted"));
    let mut expected = as_sequenced(&part(0), "A.L1");
    expected.extend(as_sequenced(&part(1), "A.L2"));
    expected.extend(
        part(2)
            .into_iter()
            .map(|[read, _]| (0, read, "A.L3".to_owned())),
    );
    expected.extend(records.into_iter().map(|(read, flags, group)| {
        let segment = match flags {
            4 => 0,
            0x4d => 1,
            _ => 2,
        };
        (segment, read.clone(), group.to_owned())
    }));
    expected.sort();
    assert!(sequenced(&world.path("out.sam")) == expected);
    let sam = fs::read_to_string(world.path("out.sam")).expect("read");
    for line in [
        "@RG\tID:A.L1\tPL:ILLUMINA\tPU:unit1\tSM:A\tLB:lib1",
        "@RG\tID:A.L3\tPL:ILLUMINA\tPU:A.L3\tSM:A\tLB:lib2",
        "@RG\tID:u2\tPL:ILLUMINA\tSM:A\tLB:u2",
    ] {
        assert!(sam.contains(line), "{line} is not in\n{sam:.2000}");
    }
}

/// A sheet as a spreadsheet on Windows writes it.
#[test]
fn a_sheet_from_a_spreadsheet_is_a_sheet() {
    let (world, _) = world();
    let sheet =
        format!("{HEADER}{PAIR},,,,,\n{GOOD}").replace("A,A_1.fq.gz", "\"A\",\"A_1.fq.gz\"");
    world.cohort(&format!("\u{feff}{}", sheet.replace('\n', "\r\n\r\n")), "");
    let mut check = kumi();
    check.args(["cohort", "check", "--output", "json"]);
    let facts = json(&ok(check.arg(world.path("cohort.toml"))));
    assert!(facts.to_string().contains("\"A\""), "{facts}");
    let toml = fs::read_to_string(world.path("cohort.toml")).expect("read");
    world.write(
        "cohort.toml",
        format!("\u{feff}{}", toml.replace('\n', "\r\n")),
    );
    let mut check = kumi();
    ok(check
        .args(["cohort", "check"])
        .arg(world.path("cohort.toml")));
}

/// A real BAM of the father, whose header lists 86 contigs that our reference has not. Writing the index of
/// its CRAM once panicked: "invalid reference sequence name".
#[test]
fn a_foreign_bam_is_aligned_to_our_reference() {
    let data: PathBuf = crate::support::root().join("../shared/data/ceu_trio_10kb");
    let bam = data.join("NA12891.chr20.10_10p1mb_sorted.bam");
    if !bam.exists() {
        eprintln!("skipped: {} is not there", bam.display());
        return;
    }
    let (world, _) = world();
    let reference = data.join("../ref/b37.20_9995001_11095000.fa");
    fs::copy(reference, world.path("b37.fa")).expect("copied");
    fs::copy(bam, world.path("x.bam")).expect("copied");
    ok(&mut world.align_to("b37.fa", "NA12891", &["x.bam"], "x.cram"));
    assert!(world.path("x.cram.crai").exists());
    ok(world
        .align_to("b37.fa", "NA12891", &["x.cram"], "x.sam")
        .arg("--unsorted"));
    assert_eq!(sequenced(&world.path("x.sam")).len(), 2_583);
}
