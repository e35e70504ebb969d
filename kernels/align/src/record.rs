//! BAM records of a template.

use std::fmt::Write as _;

use kumi_formats::bam::{Fields, Record, flag};
use kumi_formats::header::ReadGroup;
use kumi_formats::reads::Template;
use kumi_index::View;
use kumi_seq::base;
use kumi_seq::cigar::{self, Kind, Op};
use kumi_seq::interval::Interval;

use crate::alt::{self, AlternateLine};
use crate::extend::Alignment;
use crate::params::Params;

/// What is reported of one segment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mate {
    /// The primary alignment.
    pub primary: Option<Alignment>,
    /// Its mapping quality.
    pub mapq: u8,
    /// Score of the best other alignment of the same part of the read.
    pub second: i32,
    /// Alignments of other parts of the read.
    pub supplementary: Vec<(Alignment, u8)>,
    /// Other alignments of the same part that are nearly as good.
    pub alternatives: Vec<Alignment>,
    /// Some of `alternatives` are on alternate contigs.
    pub has_alternates: bool,
    /// Alignments on alternate contigs that are better than all on the primary assembly.
    pub alternates: Vec<AlternateLine>,
    /// Score of the one that is better than the primary alignment.
    pub better: Option<i32>,
}

/// A line to be: an alignment with what its tags need.
struct Described<'a> {
    alignment: &'a Alignment,
    mapq: u8,
    cigar: Vec<Op>,
    edits: u32,
    mismatches: String,
}

/// Appends the records of a template.
pub(crate) fn emit(
    view: View<'_>,
    params: &Params,
    template: &Template,
    mates: &[Mate],
    is_proper: bool,
    read_groups: &[ReadGroup],
    into: &mut Vec<Record>,
) {
    let described: Vec<Vec<Described<'_>>> = mates
        .iter()
        .zip(&template.segments)
        .map(|(mate, segment)| {
            let primary = mate.primary.iter().map(|alignment| (alignment, mate.mapq));
            let others = mate
                .supplementary
                .iter()
                .map(|(alignment, mapq)| (alignment, *mapq));
            let alternates = mate.alternates.iter();
            let alternates = alternates.map(|line| (&line.alignment, line.mapq));
            primary
                .chain(others)
                .chain(alternates)
                .map(|(alignment, mapq)| describe(view, alignment, mapq, &segment.bases))
                .collect()
        })
        .collect();
    for side in 0..mates.len() {
        let mut writer = Lines {
            view,
            params,
            template,
            mates,
            described: &described,
            is_proper,
            read_groups,
            side,
        };
        writer.all(into);
    }
}

/// The bases of a segment on the strand of an alignment.
fn oriented(bases: &[u8], reverse: bool) -> Vec<u8> {
    if reverse {
        base::reverse_complement(bases)
    } else {
        bases.to_vec()
    }
}

fn describe<'a>(view: View<'_>, alignment: &'a Alignment, mapq: u8, bases: &[u8]) -> Described<'a> {
    let mut cigar = Vec::with_capacity(alignment.cigar.len() + 2);
    cigar::push(&mut cigar, Kind::SoftClip, alignment.query.0);
    cigar.extend_from_slice(&alignment.cigar);
    cigar::push(
        &mut cigar,
        Kind::SoftClip,
        bases.len() as u32 - alignment.query.1,
    );
    let query = oriented(bases, alignment.reverse);
    let (edits, mismatches) = differences(view, alignment, &query);
    Described {
        alignment,
        mapq,
        cigar,
        edits,
        mismatches,
    }
}

/// NM and MD (SAM tags specification), from the aligned bases.
fn differences(view: View<'_>, alignment: &Alignment, query: &[u8]) -> (u32, String) {
    let mut reference = Vec::new();
    view.bases(
        Interval {
            contig: alignment.contig,
            start: alignment.start,
            end: alignment.end,
        },
        &mut reference,
    );
    let (mut q, mut r) = (alignment.query.0 as usize, 0);
    let (mut edits, mut run, mut text) = (0, 0u32, String::new());
    for op in &alignment.cigar {
        let length = op.len as usize;
        match op.kind {
            Kind::Insertion => {
                edits += op.len;
                q += length;
            }
            Kind::Deletion => {
                edits += op.len;
                let deleted = String::from_utf8_lossy(&reference[r..r + length]).into_owned();
                let _ = write!(text, "{run}^{deleted}");
                (run, r) = (0, r + length);
            }
            _ => {
                for (&ours, &theirs) in query[q..q + length].iter().zip(&reference[r..r + length]) {
                    // An ambiguous base of the read on one of the reference counts as a difference too.
                    if ours == theirs && base::code(ours) < base::N {
                        run += 1;
                    } else {
                        let _ = write!(text, "{run}{}", char::from(theirs));
                        (run, edits) = (0, edits + 1);
                    }
                }
                (q, r) = (q + length, r + length);
            }
        }
    }
    let _ = write!(text, "{run}");
    (edits, text)
}

struct Lines<'a> {
    view: View<'a>,
    params: &'a Params,
    template: &'a Template,
    mates: &'a [Mate],
    described: &'a [Vec<Described<'a>>],
    is_proper: bool,
    read_groups: &'a [ReadGroup],
    side: usize,
}

impl Lines<'_> {
    fn all(&mut self, into: &mut Vec<Record>) {
        if self.described[self.side].is_empty() {
            into.push(self.line(None));
        }
        for at in 0..self.described[self.side].len() {
            into.push(self.line(Some(at)));
        }
    }

    fn mate_line(&self) -> Option<&Described<'_>> {
        self.described.get(1 - self.side)?.first()
    }

    /// FLAG without what depends on the line.
    fn pair_flags(&self) -> u16 {
        if self.mates.len() < 2 {
            return 0;
        }
        let mut flags = flag::PAIRED
            | if self.side == 0 {
                flag::FIRST
            } else {
                flag::LAST
            };
        match self.mate_line() {
            None => flags |= flag::MATE_UNMAPPED,
            Some(mate) if mate.alignment.reverse => flags |= flag::MATE_REVERSE,
            Some(_) => {}
        }
        flags | if self.is_proper { flag::PROPER } else { 0 }
    }

    fn line(&self, at: Option<usize>) -> Record {
        let segment = &self.template.segments[self.side];
        let own = at.map(|at| &self.described[self.side][at]);
        let mut flags = self.pair_flags();
        flags |= own.map_or(flag::UNMAPPED, |own| {
            if own.alignment.reverse {
                flag::REVERSE
            } else {
                0
            }
        });
        flags |= if at > Some(0) { flag::SUPPLEMENTARY } else { 0 };
        flags |= if segment.failed { flag::QC_FAIL } else { 0 };
        let reverse = own.is_some_and(|own| own.alignment.reverse);
        let bases = oriented(&segment.bases, reverse);
        let mut qualities = segment.qualities.clone();
        if reverse {
            qualities.reverse();
        }
        let place = |line: &Described<'_>| (line.alignment.contig.0, line.alignment.start);
        let mate = self.mate_line();
        // An unmapped segment stands where its mate is; a mapped one names its own place for an unmapped mate.
        let here = own.map(place).or(mate.map(place));
        let there = mate.map(place).or(if self.mates.len() == 2 {
            own.map(place)
        } else {
            None
        });
        let mut record = Fields {
            name: &self.template.name,
            flags,
            place: here,
            mapq: own.map_or(0, |own| own.mapq),
            cigar: own.map_or(&[][..], |own| own.cigar.as_slice()),
            mate: there,
            template_length: own.zip(mate).map_or(0, |(own, mate)| {
                template_length(own.alignment, mate.alignment)
            }),
            bases: &bases,
            qualities: &qualities,
        }
        .to_record();
        self.tags(&mut record, at, own);
        record
    }

    fn tags(&self, record: &mut Record, at: Option<usize>, own: Option<&Described<'_>>) {
        let mate = &self.mates[self.side];
        if let Some(own) = own {
            record.push_integer_tag(*b"NM", own.edits as i32);
            record.push_string_tag(*b"MD", own.mismatches.as_bytes());
        }
        if let Some(other) = self.mate_line() {
            record.push_string_tag(*b"MC", cigar::format(&other.cigar).as_bytes());
            record.push_integer_tag(*b"MQ", i32::from(other.mapq));
        }
        record.push_integer_tag(*b"AS", own.map_or(0, |own| own.alignment.score));
        record.push_integer_tag(*b"XS", if at == Some(0) { mate.second } else { 0 });
        if let Some(group) = self.read_groups.get(usize::from(self.template.read_group)) {
            record.push_string_tag(*b"RG", group.id.as_bytes());
        }
        if let Some(umi) = &self.template.umi {
            record.push_string_tag(*b"RX", umi);
        }
        if let Some(at) = at
            && self.described[self.side].len() > 1
        {
            record.push_string_tag(*b"SA", self.other_parts(at).as_bytes());
        }
        if let Some(better) = mate.better
            && at == Some(0)
            && let Some(own) = own
        {
            let share = own.alignment.score as f32 / better as f32;
            record.push_float_tag(*b"pa", (share * 1000.0).round() / 1000.0);
        }
        let (others, max) = self.alternatives(at);
        if (1..=max).contains(&others.len()) {
            record.push_string_tag(*b"XA", self.places(others).as_bytes());
        }
    }

    fn name(&self, alignment: &Alignment) -> &str {
        self.view
            .contigs()
            .get(alignment.contig)
            .map_or("*", |contig| &contig.name)
    }

    /// SA: the other lines of the read, the primary one first.
    fn other_parts(&self, at: usize) -> String {
        let mut text = String::new();
        for (other, line) in self.described[self.side]
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
        {
            debug_assert_ne!(other, at);
            let strand = if line.alignment.reverse { '-' } else { '+' };
            let _ = write!(
                text,
                "{},{},{strand},{},{},{};",
                self.name(line.alignment),
                line.alignment.start + 1,
                cigar::format(&line.cigar),
                line.mapq,
                line.edits
            );
        }
        text
    }

    /// The places nearly as good as that of a line, and the number up to which they are listed.
    fn alternatives(&self, at: Option<usize>) -> (&[Alignment], usize) {
        let mate = &self.mates[self.side];
        let max = self.params.alternatives_max;
        match at.map(|at| at.checked_sub(1 + mate.supplementary.len())) {
            Some(Some(at)) => (&mate.alternates[at].alternatives, alt::ALTERNATIVES_MAX),
            Some(None) if at == Some(0) && mate.has_alternates => {
                (&mate.alternatives, alt::ALTERNATIVES_MAX)
            }
            Some(None) if at == Some(0) => (&mate.alternatives, max),
            _ => (&[], max),
        }
    }

    /// XA: places nearly as good, as bwa writes them.
    fn places(&self, others: &[Alignment]) -> String {
        let mut text = String::new();
        for other in others {
            let line = describe(
                self.view,
                other,
                0,
                &self.template.segments[self.side].bases,
            );
            let strand = if other.reverse { '-' } else { '+' };
            let _ = write!(
                text,
                "{},{strand}{},{},{};",
                self.name(other),
                other.start + 1,
                cigar::format(&line.cigar),
                line.edits
            );
        }
        text
    }
}

/// TLEN as bwa counts it: between the 5' ends, positive for the leftmost; 0 on different contigs.
fn template_length(own: &Alignment, mate: &Alignment) -> i32 {
    if own.contig != mate.contig {
        return 0;
    }
    let five_prime = |a: &Alignment| i64::from(if a.reverse { a.end - 1 } else { a.start });
    let (p, q) = (five_prime(own), five_prime(mate));
    (q - p + (q - p).signum()) as i32
}
