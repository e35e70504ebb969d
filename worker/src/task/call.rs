//! Stage `call`: a sample's CRAM to the gVCF of one shard.

use kumi_call::{CallError, Caller, Filters, Params};
use kumi_formats::alignments::AlignmentsError;
use kumi_formats::vcf::Record;
use kumi_proto::v1;
use kumi_seq::interval::Interval;
use kumi_seq::ploidy::{PloidyMap, Sex};

use crate::agent::Done;
use crate::capabilities::VERSION;
use crate::fault::Fault;
use crate::measure;
use crate::task::input::Reference;
use crate::task::vcf::{Expected, Progress, Staged, Writer, bases};
use crate::task::{Context, heading};

/// Progress when the last record is written.
const CALLED: f32 = 0.97;
/// Told instead of a time where nothing is called: another sample's time says more.
const NOT_MEASURED: u32 = u32::MAX;

pub(super) fn run(context: &Context<'_>, spec: &v1::CallSpec) -> Result<Done, Fault> {
    let reference = context.reference(spec.reference.as_ref())?;
    let alignment = spec
        .alignment
        .as_ref()
        .ok_or_else(|| context.internal("the specification names no alignments"))?;
    let alignments = context.published(alignment, ".cram")?;
    let regions = context.intervals(reference.contigs(), &spec.regions)?;
    let ploidy = ploidy(&reference, spec.ploidy.as_ref());
    let mut publication = context.publication()?;
    let staged = Staged::new(&mut publication, &format!("{}.g.vcf.gz", spec.sample))?;
    let contigs = reference.contigs();
    let header = kumi_call::header(contigs, &reference.name, &spec.sample, VERSION);
    let mut writer = staged.create(context, &header, contigs)?;
    let params = Params {
        filters: filters(spec.filters()),
        ..Params::default()
    };
    let opened = Caller::open(&alignments, &reference.indexed, &ploidy, &regions, &params);
    let caller = opened.map_err(|error| failed(context, error))?;
    let walk = Walk {
        regions: &regions,
        bin_bases: spec.bin_bases,
        ploidy: &ploidy,
    };
    let walked = walk.call(context, &caller, &mut writer)?;
    let records = writer.finish(context)?;
    let tally = staged.validate(
        context,
        &Expected {
            contigs,
            samples: std::slice::from_ref(&spec.sample),
            records,
        },
    )?;
    context.control.check()?;
    let mut directory = context.spec.directory.clone();
    if walked.part_bases > 0 {
        // Whoever looks for the whole shard must not find a part of it.
        directory = format!("{directory}-{}", walked.part_bases);
        publication.redirect(&directory)?;
    }
    let manifest = v1::Manifest {
        directory,
        files: publication.publish()?,
        counts: tally.counts(),
        ..Default::default()
    };
    Ok(Done { manifest, ..walked })
}

/// The way through the regions of a shard, bin by bin.
struct Walk<'a> {
    regions: &'a [Interval],
    bin_bases: u32,
    ploidy: &'a PloidyMap,
}

impl Walk<'_> {
    /// Calls all, or ends early where it is asked to; says what it cost and how far it came.
    fn call(
        &self,
        context: &Context<'_>,
        caller: &Caller<'_>,
        writer: &mut Writer<'_>,
    ) -> Result<Done, Fault> {
        let progress = Progress {
            regions: self.regions,
            end: CALLED,
        };
        let mut walked = Done::default();
        let mut done_bases = 0;
        let pieces = cut_at_bins(self.regions, self.bin_bases);
        let bin = |piece: &Interval| bin(piece, self.bin_bases);
        for stretch in pieces.chunk_by(|a, b| bin(a) == bin(b)) {
            if done_bases > 0 && context.control.should_split() {
                walked.part_bases = done_bases;
                break;
            }
            let before_ns = measure::pool_cpu_ns();
            let sink = |records: Vec<Record>| writer.write_batch(context, &records, &progress);
            let stats = caller.call(stretch, sink);
            let stats = stats.map_err(|error| failed(context, error))?;
            context.meter.add(stats.reads, stats.bases);
            done_bases += bases(stretch);
            if self.bin_bases > 0 {
                let spent_ns = measure::pool_cpu_ns() - before_ns;
                let spent_ms = u32::try_from((spent_ns + 500_000) / 1_000_000);
                let spent_ms = spent_ms.ok().filter(|_| has_copies(self.ploidy, stretch));
                walked
                    .bin_milliseconds
                    .push(spent_ms.unwrap_or(NOT_MEASURED));
            }
        }
        Ok(walked)
    }
}

fn filters(preset: v1::Filters) -> Filters {
    match preset {
        v1::Filters::Off => Filters::Off,
        v1::Filters::Unspecified | v1::Filters::Standard => Filters::Standard,
        v1::Filters::Strict => Filters::Strict,
    }
}

/// Contig and number of the bin that an interval, which lies in one, belongs to.
fn bin(interval: &Interval, bin_bases: u32) -> (u32, Option<u32>) {
    let bin = interval.start.checked_div(bin_bases);
    (interval.contig.0, bin)
}

/// Whether a sample has a copy of some of these.
fn has_copies(ploidy: &PloidyMap, intervals: &[Interval]) -> bool {
    let segments = intervals.iter().flat_map(|part| ploidy.segments(*part));
    segments.into_iter().any(|(_, copies)| copies > 0)
}

/// Regions cut at multiples of `bin_bases` of their contig; 0: not cut.
fn cut_at_bins(regions: &[Interval], bin_bases: u32) -> Vec<Interval> {
    let mut pieces = Vec::new();
    for region in regions {
        let mut start = region.start;
        while start < region.end {
            let bin_end = start
                .checked_div(bin_bases)
                .and_then(|bin| (bin + 1).checked_mul(bin_bases));
            let end = bin_end.unwrap_or(u32::MAX).min(region.end);
            pieces.push(Interval {
                start,
                end,
                ..*region
            });
            start = end;
        }
    }
    pieces
}

/// The alignments are ours and were whole when they were published: what is wrong with them now is the
/// storage's doing, and another try may read them.
fn failed(context: &Context<'_>, error: CallError<Fault>) -> Fault {
    match error {
        CallError::Sink(fault) => fault,
        CallError::Alignments(error @ AlignmentsError::Reference { .. }) => context.kernel(&error),
        CallError::Alignments(error) => {
            Fault::from_error(&heading(context.spec), &error, v1::FailureClass::Transient)
        }
        error @ CallError::Region { .. } => context.internal(error),
    }
}

/// Copies by contig and position.
fn ploidy(reference: &Reference, ploidy: Option<&v1::Ploidy>) -> PloidyMap {
    let ploidy = ploidy.copied().unwrap_or_default();
    let sex = match ploidy.sex() {
        v1::Sex::Unspecified => Sex::Unknown,
        v1::Sex::Xx => Sex::Xx,
        v1::Sex::Xy => Sex::Xy,
    };
    let genome = if ploidy.genome == 1 { 1 } else { 2 };
    PloidyMap::new(reference.contigs(), genome, sex)
}
