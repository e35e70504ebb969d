//! The rules by which the tools count, one by one, on a few records made for it. That whole files agree with
//! the tools is tested with the product.

use kumi_formats::bam::{Fields, Record, flag};
use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_seq::base;
use kumi_seq::cigar;
use kumi_seq::contig::{Contig, ContigId};
use kumi_seq::interval::Interval;

use crate::collector::Collector;
use crate::report::{Counts, CountsError};

/// Flags of the halves of a proper pair that face each other.
const LEFT: u16 = flag::PAIRED | flag::PROPER | flag::MATE_REVERSE | flag::FIRST;
const RIGHT: u16 = flag::PAIRED | flag::PROPER | flag::REVERSE | flag::LAST;
const ADAPTER: &[u8] = b"AGATCGGAAGAGCACACGTCTGAACTCC";

/// Three contigs: 400 bases of which 10 are N, 300, and 200.
fn reference() -> InMemory {
    let mut first = vec![b'A'; 400];
    first[100..110].fill(b'N');
    let sequences = [("1", first), ("2", vec![b'C'; 300]), ("3", vec![b'G'; 200])];
    let contigs = sequences.map(|(name, bases)| (Contig::describe(name, &bases), bases));
    InMemory::new(contigs.to_vec()).expect("different names")
}

/// A record on the first contig, its mate there too.
fn record(name: &str, flags: u16, pos: u32, cigar: &str, mate: u32) -> Record {
    let cigar = cigar::parse(cigar).expect("a CIGAR");
    let length = cigar
        .iter()
        .filter(|op| op.kind.consumes_read())
        .map(|op| op.len as usize)
        .sum();
    Fields {
        name: name.as_bytes(),
        flags,
        place: Some((0, pos)),
        mapq: 60,
        cigar: &cigar,
        mate: Some((0, mate)),
        template_length: 90,
        bases: &vec![b'A'; length],
        qualities: &vec![30; length],
    }
    .to_record()
}

fn files(records: &[Record], targets: &[Interval]) -> Vec<(String, String)> {
    let reference = reference();
    let mut collector = Collector::new(&reference, targets);
    records
        .iter()
        .for_each(|record| collector.observe(record.view()));
    let counts = collector.finish();
    let files = counts.report("s", reference.contigs(), Vec::new()).files();
    let text = |(name, content)| (name, String::from_utf8(content).expect("text"));
    files.into_iter().map(text).collect()
}

fn file(files: &[(String, String)], name: &str) -> String {
    let found = files.iter().find(|(file, _)| file == &format!("s.{name}"));
    found.expect("a file").1.clone()
}

/// A column of the first row of a file of Picard's shape.
fn figure(files: &[(String, String)], name: &str, column: &str) -> f64 {
    let text = file(files, name);
    let mut lines = text
        .lines()
        .skip_while(|line| !line.starts_with("## METRICS"))
        .skip(1);
    let at = lines
        .next()
        .expect("columns")
        .split('\t')
        .position(|name| name == column);
    let row = lines.next().expect("a row");
    row.split('\t')
        .nth(at.expect("the column"))
        .expect("a value")
        .parse()
        .expect("a number")
}

fn wgs(files: &[(String, String)], column: &str) -> f64 {
    figure(files, "wgs_metrics.txt", column)
}

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 1e-6, "{found} is not {wanted}");
}

/// The row of a contig in mosdepth's summary: length and sum of depths.
fn depth(files: &[(String, String)], contig: &str) -> Option<(u64, u64)> {
    let text = file(files, "mosdepth.summary.txt");
    let row = text
        .lines()
        .find(|line| line.split('\t').next() == Some(contig))?;
    let mut cells = row
        .split('\t')
        .skip(1)
        .map(|cell| cell.parse().expect("a number"));
    cells.next().zip(cells.next())
}

#[test]
fn all_records_of_a_fragment_are_one_for_picard_and_the_halves_of_a_proper_pair_for_mosdepth() {
    let supplementary = RIGHT | flag::SUPPLEMENTARY;
    let mut records = vec![
        record("f", LEFT, 10, "50M", 40),
        record("f", RIGHT, 40, "50M", 10),
        record("f", supplementary, 60, "20M", 10),
    ];
    let counted = files(&records, &[]);
    // 80 bases are covered; 20 of the right half and all of the supplementary record were covered before.
    close(wgs(&counted, "MEAN_COVERAGE"), 80.0 / 890.0);
    close(wgs(&counted, "PCT_EXC_OVERLAP"), 40.0 / 120.0);
    assert_eq!(depth(&counted, "1"), Some((400, 50 + 30 + 20)));

    for record in &mut records {
        let flags = record.view().flags() & !flag::PROPER;
        record.set_flags(flags);
    }
    let counted = files(&records, &[]);
    close(wgs(&counted, "PCT_EXC_OVERLAP"), 40.0 / 120.0);
    assert_eq!(depth(&counted, "1"), Some((400, 120)));
}

#[test]
fn only_what_reaches_into_the_targets_is_left_out_of_them() {
    let targets = [Interval {
        contig: ContigId(0),
        start: 0,
        end: 50,
    }];
    let unsure = |pos| {
        let mut fields = record("u", 0, pos, "40M", pos).as_bytes().to_vec();
        // MAPQ is the ninth byte behind the place.
        fields[9] = 3;
        Record::from_bytes(fields).expect("a record")
    };
    let mut poor = record("p", 0, 30, "40M", 30).as_bytes().to_vec();
    let end = poor.len();
    poor[end - 40..].fill(2);
    let records = [
        record("r", 0, 0, "40M", 0),
        Record::from_bytes(poor).expect("a record"),
        unsure(45),
        unsure(200),
    ];
    let counted = files(&records, &targets);
    // Whole records count with all their bases, bases with those in the targets: 40 good, 20 poor, 40 unsure.
    close(wgs(&counted, "GENOME_TERRITORY"), 50.0);
    close(wgs(&counted, "PCT_EXC_BASEQ"), 0.2);
    close(wgs(&counted, "PCT_EXC_MAPQ"), 0.4);
    let everywhere = files(&records, &[]);
    close(wgs(&everywhere, "GENOME_TERRITORY"), 890.0);
    close(wgs(&everywhere, "PCT_EXC_MAPQ"), 0.5);
}

#[test]
fn of_two_reads_at_one_place_the_first_segment_is_the_left_one() {
    let pairs = |first: u16, last: u16| {
        let records = [
            record("p", first, 20, "50M", 20),
            record("p", last, 20, "50M", 20),
        ];
        let text = file(&files(&records, &[]), "stats.txt");
        let number = |name: &str| {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("SN\t{name}:")));
            line.expect("a line")
                .split('\t')
                .nth(2)
                .expect("a value")
                .to_owned()
        };
        [
            number("inward oriented pairs"),
            number("outward oriented pairs"),
        ]
    };
    assert_eq!(pairs(LEFT, RIGHT), ["1", "0"]);
    let swap = flag::FIRST | flag::LAST;
    assert_eq!(pairs(RIGHT ^ swap, LEFT ^ swap), ["0", "1"]);
}

#[test]
fn reads_of_an_adapter_are_those_without_a_sure_place_that_begin_with_one() {
    let share = |bases: &[u8], flags: u16, mapq: u8| {
        let cigar = cigar::parse(&format!("{}M", bases.len())).expect("a CIGAR");
        let is_placed = flags & flag::UNMAPPED == 0;
        let fields = Fields {
            name: b"r",
            flags,
            place: is_placed.then_some((0, 5)),
            mapq,
            cigar: if is_placed { &cigar } else { &[] },
            bases,
            qualities: &vec![30; bases.len()],
            ..Fields::default()
        };
        figure(
            &files(&[fields.to_record()], &[]),
            "alignment_summary_metrics.txt",
            "PCT_ADAPTER",
        )
    };
    let with_errors = |places: &[usize]| {
        let mut bases = ADAPTER.to_vec();
        places
            .iter()
            .for_each(|&at| bases[at] = base::complement(bases[at]));
        bases
    };
    close(share(ADAPTER, flag::UNMAPPED, 0), 1.0);
    close(share(&with_errors(&[2, 20, 22]), flag::UNMAPPED, 0), 1.0);
    close(share(&with_errors(&[2, 9]), flag::UNMAPPED, 0), 0.0);
    close(share(&ADAPTER[..15], flag::UNMAPPED, 0), 0.0);
    close(share(ADAPTER, 0, 0), 1.0);
    close(share(ADAPTER, 0, 60), 0.0);
    close(
        share(&base::reverse_complement(ADAPTER), flag::REVERSE, 0),
        1.0,
    );
}

#[test]
fn a_contig_without_any_record_is_not_told_about() {
    let failed = record("r", flag::QC_FAIL, 10, "50M", 10);
    let counted = files(&[failed], &[]);
    assert_eq!(depth(&counted, "1"), Some((400, 0)));
    assert_eq!(depth(&counted, "2"), None);
    assert_eq!(depth(&counted, "total"), Some((400, 0)));
}

/// A pseudo-random record: anywhere, of any kind.
fn any_record(numbers: &mut impl FnMut(u32) -> u32) -> Record {
    let contig = numbers(4);
    let length = [400, 300, 200, 1][contig as usize];
    let mut flags = [LEFT, RIGHT, 0, flag::PAIRED | flag::MATE_UNMAPPED][numbers(4) as usize];
    for bit in [
        flag::DUPLICATE,
        flag::SECONDARY,
        flag::SUPPLEMENTARY,
        flag::QC_FAIL,
        flag::REVERSE,
    ] {
        flags |= if numbers(6) == 0 { bit } else { 0 };
    }
    let placed = contig < 3;
    let aligned = placed && numbers(8) > 0;
    flags |= if aligned { 0 } else { flag::UNMAPPED };
    let cigar = ["30M", "5S20M2D10M", "12M3I15M"][numbers(3) as usize];
    let cigar = cigar::parse(cigar).expect("a CIGAR");
    let bases = cigar::read_length(&cigar) as usize;
    let (pos, mate) = (numbers(length), numbers(length));
    let name = [b'a' + numbers(6) as u8];
    let mut record = Fields {
        name: &name,
        flags,
        place: placed.then_some((contig, pos)),
        mapq: if aligned {
            [0, 60][numbers(2) as usize]
        } else {
            0
        },
        cigar: if aligned { &cigar } else { &[] },
        mate: placed.then(|| (if numbers(3) == 0 { numbers(3) } else { contig }, mate)),
        template_length: numbers(200) as i32 - 100,
        bases: &(0..bases)
            .map(|_| b"ACGTN"[numbers(5) as usize])
            .collect::<Vec<_>>(),
        qualities: &(0..bases).map(|_| numbers(45) as u8).collect::<Vec<_>>(),
    }
    .to_record();
    record.push_integer_tag(*b"NM", numbers(9) as i32);
    record
}

#[test]
fn the_counts_of_parts_add_up_to_those_of_the_whole() {
    let reference = reference();
    for seed in 0..60u64 {
        let mut state = seed;
        let mut numbers = |limit: u32| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % u64::from(limit)) as u32
        };
        let mut records: Vec<Record> = (0..80).map(|_| any_record(&mut numbers)).collect();
        records.sort_by_key(|record| (record.view().ref_id() as u32, record.view().pos()));
        let target = Interval {
            contig: ContigId(1),
            start: 50,
            end: 250,
        };
        let targets = [target].into_iter().filter(|_| seed % 2 == 0);
        let targets: Vec<Interval> = targets.collect();
        let count = |from: u32, to: u32| {
            let mut collector = Collector::of_part(&reference, &targets, from..to);
            let inside = |record: &&Record| {
                (from..to).contains(&(record.view().ref_id() as u32 & !(1 << 31)))
            };
            let records = records.iter().filter(inside);
            records.for_each(|record| collector.observe(record.view()));
            let counts = collector.finish();
            let read = Counts::decode(&counts.encode(), 3, !targets.is_empty());
            let read = read.expect("as written");
            assert_eq!(read, counts);
            read
        };
        let whole = count(0, u32::MAX);
        for cuts in [vec![1], vec![2, 3], vec![1, 2], vec![3]] {
            let mut begin = 0;
            let ends = cuts.iter().copied().chain([u32::MAX]);
            let parts = ends.map(|end| count(std::mem::replace(&mut begin, end), end));
            let sum = parts.reduce(|mut sum, part| {
                sum += &part;
                sum
            });
            assert_eq!(sum.expect("parts"), whole, "{cuts:?}");
        }
    }
}

/// Counts of another version, or of another shape, would be added up to something less than all.
#[test]
fn other_counts_are_refused() {
    let reference = reference();
    let target = Interval {
        contig: ContigId(1),
        start: 50,
        end: 250,
    };
    let mut collector = Collector::new(&reference, &[target]);
    collector.observe(record("a", 0, 20, "30M", 20).view());
    let sound = collector.finish().encode();
    let decode = |bytes: &[u8]| Counts::decode(bytes, 3, true);
    decode(&sound).expect("as written");
    let shape = |found| matches!(found, Err(CountsError::Shape));
    assert!(shape(Counts::decode(&sound, 2, true)));
    assert!(shape(Counts::decode(&sound, 3, false)));
    let json: serde_json::Value = serde_json::from_slice(&sound).expect("JSON");
    let with = |at: &str, value: serde_json::Value| {
        let mut changed = json.clone();
        *changed.pointer_mut(at).expect(at) = value;
        decode(changed.to_string().as_bytes())
    };
    let version = with("/format", "kumi counts 2".into());
    assert!(matches!(version, Err(CountsError::Format(_))));
    for list in [
        "/counts/depths/contigs",
        "/counts/depths/reached",
        "/counts/depths/targets",
        "/counts/depths/wgs/positions",
        "/counts/depths/autosomes/positions",
    ] {
        let mut shorter = json.pointer(list).expect(list).clone();
        shorter.as_array_mut().expect("a list").pop();
        assert!(shape(with(list, shorter)), "{list}");
    }
    assert!(shape(with(
        "/counts/idxstats/placed",
        vec![[0; 2]; 4].into()
    )));
    assert_every_object_refuses_more(&json, &decode);
    assert!(decode(b"{}").is_err());
}

/// Objects whose keys are numbers are histograms: those have any.
fn assert_every_object_refuses_more(
    json: &serde_json::Value,
    decode: &dyn Fn(&[u8]) -> Result<Counts, CountsError>,
) {
    let mut open = vec![String::new()];
    let mut objects = 0;
    while let Some(at) = open.pop() {
        let value = json.pointer(&at).expect("a path");
        if let Some(items) = value.as_array() {
            open.extend((0..items.len().min(4)).map(|item| format!("{at}/{item}")));
        }
        let Some(object) = value.as_object() else {
            continue;
        };
        open.extend(object.keys().map(|key| format!("{at}/{key}")));
        if object.keys().all(|key| key.parse::<u64>().is_ok()) {
            continue;
        }
        let mut changed = json.clone();
        changed.pointer_mut(&at).expect("the object")["more"] = 1.into();
        let found = decode(changed.to_string().as_bytes());
        assert!(matches!(found, Err(CountsError::Json(_))), "{at}");
        objects += 1;
    }
    assert!(objects > 12, "{objects}");
}
