//! BAM records of a template.

use kumi_formats::bam::{Fields, Record, flag};
use kumi_formats::header::ReadGroup;
use kumi_formats::reads::Template;
use kumi_index::View;
use kumi_seq::{base, cigar, decimal};

use crate::alt::{self, AlternateLine};
use crate::describe::{Described, describe};
use crate::extend::Alignment;
use crate::params::Params;
use crate::read::Read;

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
    /// The one that is better than the primary alignment.
    pub better: Option<Alignment>,
}

impl Mate {
    /// The alignment that tells best where the segment's sequence comes from: on an alternate contig, if it is better there.
    pub(crate) fn closest(&self) -> Option<&Alignment> {
        self.better.as_ref().or(self.primary.as_ref())
    }
}

/// What lines are written with.
#[derive(Clone, Copy)]
pub(crate) struct Lines<'a> {
    /// The reference.
    pub view: View<'a>,
    /// The settings.
    pub params: &'a Params,
    /// The read groups.
    pub read_groups: &'a [ReadGroup],
}

/// A template and where its segments lie.
#[derive(Clone, Copy)]
pub(crate) struct Placed<'a> {
    /// The template.
    pub template: &'a Template,
    /// Its segments as codes.
    pub reads: &'a [Read],
    /// Where they lie.
    pub mates: &'a [Mate],
    /// They are a proper pair.
    pub is_proper: bool,
}

/// Buffers that are used again and again.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    reference: Vec<u8>,
    bases: Vec<u8>,
    qualities: Vec<u8>,
    text: Vec<u8>,
}

impl Lines<'_> {
    /// Appends the records of a template.
    pub(crate) fn emit(&self, placed: Placed<'_>, buffers: &mut Buffers, into: &mut Vec<Record>) {
        let mut described: [Vec<Described<'_>>; 2] = Default::default();
        for ((mate, read), described) in placed.mates.iter().zip(placed.reads).zip(&mut described) {
            let primary = mate.primary.iter().map(|alignment| (alignment, mate.mapq));
            let others = mate.supplementary.iter().map(|(a, mapq)| (a, *mapq));
            let alternates = mate.alternates.iter();
            let alternates = alternates.map(|line| (&line.alignment, line.mapq));
            let reference = &mut buffers.reference;
            let describe = |(a, mapq)| describe(self.view, a, mapq, read, reference);
            described.extend(primary.chain(others).chain(alternates).map(describe));
        }
        for side in 0..placed.mates.len() {
            let segment = Segment {
                lines: *self,
                placed,
                described: &described,
                side,
            };
            segment.all(buffers, into);
        }
    }
}

/// The lines of one segment.
struct Segment<'a> {
    lines: Lines<'a>,
    placed: Placed<'a>,
    described: &'a [Vec<Described<'a>>; 2],
    side: usize,
}

impl Segment<'_> {
    fn all(&self, buffers: &mut Buffers, into: &mut Vec<Record>) {
        if self.described[self.side].is_empty() {
            into.push(self.line(None, buffers));
        }
        for at in 0..self.described[self.side].len() {
            into.push(self.line(Some(at), buffers));
        }
    }

    fn mate_line(&self) -> Option<&Described<'_>> {
        self.described[1 - self.side].first()
    }

    /// FLAG without what depends on the line.
    fn pair_flags(&self) -> u16 {
        if self.placed.mates.len() < 2 {
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
        flags
            | if self.placed.is_proper {
                flag::PROPER
            } else {
                0
            }
    }

    fn line(&self, at: Option<usize>, buffers: &mut Buffers) -> Record {
        let segment = &self.placed.template.segments[self.side];
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
        let (mut bases, mut qualities) = (&segment.bases, &segment.qualities);
        if reverse {
            let complement = |&base: &u8| base::complement(base);
            buffers.bases.clear();
            buffers.bases.extend(bases.iter().rev().map(complement));
            buffers.qualities.clear();
            buffers.qualities.extend(qualities.iter().rev());
            (bases, qualities) = (&buffers.bases, &buffers.qualities);
        }
        let place = |line: &Described<'_>| (line.alignment.contig.0, line.alignment.start);
        let mate = self.mate_line();
        // An unmapped segment stands where its mate is; a mapped one names its own place for an unmapped mate.
        let here = own.map(place).or(mate.map(place));
        let there = mate.map(place).or(if self.placed.mates.len() == 2 {
            own.map(place)
        } else {
            None
        });
        let mut record = Fields {
            name: &self.placed.template.name,
            flags,
            place: here,
            mapq: own.map_or(0, |own| own.mapq),
            cigar: own.map_or(&[][..], |own| own.cigar.as_slice()),
            mate: there,
            template_length: own.zip(mate).map_or(0, |(own, mate)| {
                template_length(own.alignment, mate.alignment)
            }),
            bases,
            qualities,
        }
        .to_record();
        self.tags(&mut record, at, own, buffers);
        record
    }

    fn tags(
        &self,
        record: &mut Record,
        at: Option<usize>,
        own: Option<&Described<'_>>,
        buffers: &mut Buffers,
    ) {
        let mate = &self.placed.mates[self.side];
        if let Some(own) = own {
            record.push_integer_tag(*b"NM", own.edits as i32);
            record.push_string_tag(*b"MD", &own.mismatches);
        }
        if let Some(other) = self.mate_line() {
            buffers.text.clear();
            cigar::append(&other.cigar, &mut buffers.text);
            record.push_string_tag(*b"MC", &buffers.text);
            record.push_integer_tag(*b"MQ", i32::from(other.mapq));
        }
        record.push_integer_tag(*b"AS", own.map_or(0, |own| own.alignment.score));
        record.push_integer_tag(*b"XS", if at == Some(0) { mate.second } else { 0 });
        let template = self.placed.template;
        if let Some(group) = self.lines.read_groups.get(usize::from(template.read_group)) {
            record.push_string_tag(*b"RG", group.id.as_bytes());
        }
        if let Some(umi) = &template.umi {
            record.push_string_tag(*b"RX", umi);
        }
        buffers.text.clear();
        if let Some(at) = at
            && self.described[self.side].len() > 1
        {
            self.other_parts(at, &mut buffers.text);
            record.push_string_tag(*b"SA", &buffers.text);
        }
        if let Some(better) = &mate.better
            && at == Some(0)
            && let Some(own) = own
        {
            let share = own.alignment.score as f32 / better.score as f32;
            record.push_float_tag(*b"pa", (share * 1000.0).round() / 1000.0);
        }
        let (others, max) = self.alternatives(at);
        if (1..=max).contains(&others.len()) {
            self.places(others, buffers);
            record.push_string_tag(*b"XA", &buffers.text);
        }
    }

    fn name(&self, alignment: &Alignment) -> &[u8] {
        let contig = self.lines.view.contigs().get(alignment.contig);
        contig.map_or(b"*", |contig| contig.name.as_bytes())
    }

    /// SA: the other lines of the read, the primary one first.
    fn other_parts(&self, at: usize, text: &mut Vec<u8>) {
        let lines = self.described[self.side].iter().enumerate();
        for (_, line) in lines.filter(|(other, _)| *other != at) {
            text.extend_from_slice(self.name(line.alignment));
            text.push(b',');
            decimal::append(i64::from(line.alignment.start) + 1, text);
            let strand = if line.alignment.reverse { b'-' } else { b'+' };
            text.extend_from_slice(&[b',', strand, b',']);
            cigar::append(&line.cigar, text);
            for number in [u32::from(line.mapq), line.edits] {
                text.push(b',');
                decimal::append(i64::from(number), text);
            }
            text.push(b';');
        }
    }

    /// The places nearly as good as that of a line, and the number up to which they are listed.
    fn alternatives(&self, at: Option<usize>) -> (&[Alignment], usize) {
        let mate = &self.placed.mates[self.side];
        let max = self.lines.params.alternatives_max;
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
    fn places(&self, others: &[Alignment], buffers: &mut Buffers) {
        let Buffers {
            reference, text, ..
        } = buffers;
        text.clear();
        let read = &self.placed.reads[self.side];
        for other in others {
            let line = describe(self.lines.view, other, 0, read, reference);
            text.extend_from_slice(self.name(other));
            text.extend_from_slice(&[b',', if other.reverse { b'-' } else { b'+' }]);
            decimal::append(i64::from(other.start) + 1, text);
            text.push(b',');
            cigar::append(&line.cigar, text);
            text.push(b',');
            decimal::append(i64::from(line.edits), text);
            text.push(b';');
        }
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
