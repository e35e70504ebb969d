//! One tile: from its alignments to its records.

use std::borrow::Cow;

use kumi_formats::alignments::{AlignmentFile, AlignmentsError};
use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf::Record;
use kumi_seq::interval::Interval;

use crate::align;
use crate::assembly;
use crate::blocks::{self, Confidence};
use crate::candidate::{self, Candidate};
use crate::confidence;
use crate::evidence::Evidence;
use crate::filter;
use crate::haplotype::{self, Haplotype};
use crate::learned::Learned;
use crate::likelihood::{self, Scratch};
use crate::line;
use crate::neighbours;
use crate::params::Params;
use crate::pileup;
use crate::priors::Priors;
use crate::read::Read;
use crate::region::{self, Region};
use crate::repeats;
use crate::site::{self, Site};
use crate::spanning::{self, Deletion};
use crate::stats::Stats;
use crate::window::Window;

/// Bases around the tile that are piled up: more than two of the deletions that reach from region to region, a region and
/// its padding.
const MARGIN: i64 = 1_536;
/// Bases before the tile in which a region may end that matters to it: its deletion reaches into another region, and one of
/// that one's into the tile.
const BEFORE: i64 = 2 * spanning::LONGEST;
/// Further bases from which reads are taken: more than a read spans.
const REACH: i64 = 1_024;
/// Bases on both sides of a region that reads are compared over.
const PADDING: i64 = 80;

/// Substitutions from which a region is assembled although reads have no gaps there.
const MANY_CANDIDATES: usize = 3;

/// A stretch of one ploidy, above 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tile {
    /// The bases whose records it owns.
    pub interval: Interval,
    /// Copies.
    pub ploidy: u8,
}

/// The records that start in the tile.
pub(crate) fn call(
    tile: &Tile,
    file: &mut AlignmentFile,
    reference: &dyn ReferenceSource,
    learned: &Learned,
    params: &Params,
) -> Result<(Vec<Record>, Stats), AlignmentsError> {
    let contig = tile.interval.contig;
    let (name, length) = reference
        .contigs()
        .get(contig)
        .map_or(("", 0), |contig| (contig.name.as_str(), contig.length));
    let window = window(reference, tile.interval, length);
    let mut stats = Stats {
        bases: u64::from(tile.interval.len()),
        ..Stats::default()
    };
    let reach = tile.interval.padded((MARGIN + REACH) as u32, length);
    let evidence = Evidence::gather(
        file,
        (name, length),
        reach,
        &window,
        &learned.qualities,
        params,
        &mut stats,
    )?;
    let (confidences, sites) = evaluate(
        tile,
        &evidence,
        &window,
        i64::from(length),
        learned,
        params,
        &mut stats,
    );
    let records = emit(
        tile,
        name,
        &window,
        &confidences,
        &sites,
        params,
        &mut stats,
    );
    Ok((records, stats))
}

fn window(reference: &dyn ReferenceSource, interval: Interval, length: u32) -> Window {
    let wide = interval.padded((2 * (MARGIN + REACH)) as u32, length);
    let mut bases = Vec::with_capacity(wide.len() as usize);
    reference.bases(wide, &mut bases);
    Window {
        start: i64::from(wide.start),
        bases,
    }
}

/// Confidence in the reference at every base of the tile, and the variant sites that touch it.
fn evaluate(
    tile: &Tile,
    evidence: &Evidence,
    window: &Window,
    length: i64,
    learned: &Learned,
    params: &Params,
    stats: &mut Stats,
) -> (Vec<Confidence>, Vec<Site>) {
    let (from, to) = (i64::from(tile.interval.start), i64::from(tile.interval.end));
    let (start, end) = ((from - MARGIN).max(0), (to + MARGIN).min(length));
    let reads = evidence.reads.as_slice();
    let pileup = pileup::pile(reads, window, start, end, params);
    let repeats = repeats::find(window.slice(start, end), &learned.gaps);
    let candidates = candidate::find(&pileup, reads, &repeats, window, tile.ploidy);
    let clips = candidate::clipped(&pileup, tile.ploidy);
    let regions = region::find((start, end), &candidates, &clips, &repeats);
    let priors = Priors::new(params, learned);
    let mut scratch = Scratch::default();
    let mut one = |region: &Region, reaching: &[Deletion]| {
        call_region(
            region,
            reaching,
            &candidates,
            &near(reads, region),
            window,
            tile.ploidy,
            learned,
            &priors,
            &mut scratch,
            stats,
        )
    };
    let matters = |region: &&Region| region.end > from - BEFORE && region.start < to;
    let regions: Vec<&Region> = regions.iter().filter(matters).collect();
    let mut called: Vec<Vec<Site>> = regions.iter().map(|region| one(region, &[])).collect();
    let deletions: Vec<Deletion> = called.iter().flatten().flat_map(Site::deletions).collect();
    for (region, called) in regions.iter().zip(&mut called) {
        let reaching = spanning::reaching(&deletions, region);
        if !reaching.is_empty() {
            *called = one(region, &reaching);
        }
    }
    let mut sites: Vec<Site> = called.into_iter().flatten().collect();
    sites.retain(|site: &Site| site.end > from && site.start < to);
    for site in &mut sites {
        let behind = usize::try_from(site.start + 1 - start).ok();
        let repeat = behind.and_then(|at| repeats.get(at));
        let tract = repeat.map(|r| (start + i64::from(r.start), start + i64::from(r.end)));
        let place = evidence.place(
            site.start,
            length,
            tract.map_or(&[], |(a, b)| window.slice(a, b)),
        );
        site.thinned = place.thinned;
        site.filters = filter::failed(params.filters, site, place);
    }
    let confidences = (from..to)
        .map(|position| confidence::of(&pileup.at(position), tile.ploidy))
        .collect();
    (confidences, sites)
}

/// Reads that may reach into a region.
fn near<'a>(reads: &'a [Read], region: &Region) -> Vec<&'a Read> {
    reads
        .iter()
        .filter(|read| {
            let (low, high) = likelihood::span(read);
            low < region.end + PADDING && high > region.start - PADDING
        })
        .collect()
}

#[expect(
    clippy::too_many_arguments,
    reason = "a phase takes what the phases before it made"
)]
fn call_region(
    region: &Region,
    reaching: &[Deletion],
    candidates: &[Candidate],
    reads: &[&Read],
    window: &Window,
    ploidy: u8,
    learned: &Learned,
    priors: &Priors,
    scratch: &mut Scratch,
    stats: &mut Stats,
) -> Vec<Site> {
    let inside: Vec<&Candidate> = candidates
        .iter()
        .filter(|c| c.event.vcf_start() >= region.start && c.event.vcf_start() < region.end)
        .collect();
    let reach = inside
        .iter()
        .map(|c| c.event.end())
        .fold(region.end, i64::max);
    let begin = reaching
        .iter()
        .map(|deletion| deletion.locus)
        .fold(region.start, i64::min);
    let span = (
        (begin - PADDING).max(window.start),
        (reach + PADDING).min(window.end()),
    );
    let span = neighbours::shortened(region, reach, span, candidates);
    let reads: Vec<Cow<'_, Read>> = neighbours::calmed(reads, region, span, candidates, window);
    let reads: Vec<&Read> = reads.iter().map(AsRef::as_ref).collect();
    let reads = reads.as_slice();
    let mut combined = inside.clone();
    combined.extend(neighbours::gaps(region, span, candidates));
    let mut combined = haplotype::combine(&combined, reads);
    spanning::laid_in(&mut combined, reaching);
    let mut haplotypes: Vec<Haplotype> = combined
        .into_iter()
        .filter_map(|events| Haplotype::new(window, span, events).canonical(window, span))
        .collect();
    let mut unassembled = false;
    if region.gapped || inside.len() >= MANY_CANDIDATES {
        match assembly::assemble(window.slice(span.0, span.1), reads, span) {
            Some(paths) => haplotypes.extend(paths.into_iter().filter_map(|bases| {
                let events = align::differences(window, span, &bases)?;
                Some(Haplotype { bases, events })
            })),
            None => unassembled = true,
        }
    }
    let haplotypes = haplotype::distinct(haplotypes);
    stats.regions += 1;
    stats.assembly_fallbacks += u64::from(unassembled);
    stats.haplotypes += haplotypes.len() as u64;
    if haplotypes.len() < 2 {
        return Vec::new();
    }
    let (fragments, cells) =
        likelihood::fragments(reads, region, span, &haplotypes, learned, scratch);
    stats.pairhmm_cells += cells;
    let mut sites = site::call(
        region,
        reaching,
        &haplotypes,
        &fragments,
        window,
        ploidy,
        priors,
    );
    sites
        .iter_mut()
        .for_each(|site| site.unassembled = unassembled);
    sites
}

/// The records of sites that start in the tile and of blocks between all sites.
fn emit(
    tile: &Tile,
    name: &str,
    window: &Window,
    confidences: &[Confidence],
    sites: &[Site],
    params: &Params,
    stats: &mut Stats,
) -> Vec<Record> {
    let Interval { contig, start, end } = tile.interval;
    let mut records = Vec::new();
    let mut cut = Vec::new();
    let mut next = i64::from(start);
    for site in sites {
        let until = site.start.max(next);
        blocks::cut(
            next as u32,
            &confidences[(next - i64::from(start)) as usize..(until - i64::from(start)) as usize],
            &mut cut,
        );
        next = next.max(site.end.min(i64::from(end)));
        if site.start >= i64::from(start) {
            records.push(Record {
                contig,
                start: site.start as u32,
                end: site.end as u32,
                line: line::site(name, site, params),
            });
        }
    }
    blocks::cut(
        next as u32,
        &confidences[(next - i64::from(start)) as usize..],
        &mut cut,
    );
    stats.variants += records.len() as u64;
    stats.blocks += cut.len() as u64;
    records.extend(cut.iter().map(|block| Record {
        contig,
        start: block.start,
        end: block.end,
        line: line::block(name, window.at(i64::from(block.start)), tile.ploidy, block),
    }));
    records.sort_by_key(|record| record.start);
    records
}
