//! The sites of a cohort from its censuses.

use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf::Record;
use kumi_seq::interval::{Interval, merge};
use rayon::prelude::*;

use crate::census::file::Census;
use crate::census::standing::Standing;
use crate::census::window::Window;
use crate::census::{CensusError, WINDOW};
use crate::error::JointError;
use crate::output::{Contig, vcf};
use crate::params::Params;
use crate::pipeline::Stats;
use crate::site::{Site, entered, unify};
use crate::site_call::Common;
use crate::store::locate::place;
use crate::store::tiles;

/// Windows a thread takes at a time.
const WINDOWS: usize = 4;

/// The sites of a cohort in `regions`, as [`crate::output::vcf::sites_only`] writes what [`crate::joint_segments`] makes
/// of the segments that were counted, byte for byte. Each base of the regions must lie in exactly one census, and all
/// must be of the same samples. Costs what the censuses cost to read and what the sites have of different likelihoods,
/// not what there are samples. Runs on the current rayon pool.
///
/// # Errors
/// See [`JointError`].
pub fn joint_censuses<E: Send>(
    censuses: &[Census],
    reference: &dyn ReferenceSource,
    regions: &[Interval],
    params: &Params,
    mut sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
) -> Result<Stats, JointError<E>> {
    let samples = same_samples(censuses)?;
    let common = Common::new(*params, samples as usize);
    let held = censuses.iter().map(|census| {
        let contig = census.contig_of(reference)?;
        Ok((census, census.header().interval(contig)))
    });
    let held: Vec<(&Census, Interval)> = held.collect::<Result<_, CensusError>>()?;
    let mut stats = Stats::default();
    for region in merge(regions.to_vec()) {
        let tiles = tiles_of(&held, reference, region)?;
        let name = reference.contigs().get(region.contig);
        let contig = Contig {
            id: region.contig,
            name: name.map_or("", |contig| contig.name.as_str()),
        };
        for some in tiles.chunks(WINDOWS * rayon::current_num_threads()) {
            let records = some.par_iter().map(|tile| {
                let window = tile.census.window(tile.at)?;
                Ok(records(&window, tile.bases, contig, &common))
            });
            let records: Vec<Vec<Record>> = records.collect::<Result<_, CensusError>>()?;
            let records: Vec<Record> = records.into_iter().flatten().collect();
            stats.records += records.len() as u64;
            if !records.is_empty() {
                sink(records).map_err(JointError::Sink)?;
            }
        }
    }
    Ok(stats)
}

/// How many samples the censuses are of.
fn same_samples(censuses: &[Census]) -> Result<u32, CensusError> {
    let Some(first) = censuses.first() else {
        return Ok(0);
    };
    let samples = first.samples();
    match censuses.iter().find(|other| other.samples() != samples) {
        None => Ok(samples),
        Some(other) => Err(CensusError::Samples {
            first: first.name().to_owned(),
            of_first: samples,
            second: other.name().to_owned(),
            of_second: other.samples(),
        }),
    }
}

/// A window of a census, and the bases of it that are asked for.
struct Tile<'a> {
    census: &'a Census,
    at: usize,
    bases: Interval,
}

/// The windows of a region.
fn tiles_of<'a>(
    held: &[(&'a Census, Interval)],
    reference: &dyn ReferenceSource,
    region: Interval,
) -> Result<Vec<Tile<'a>>, CensusError> {
    let mut tiles = Vec::new();
    let mut start = region.start;
    while start < region.end {
        let holds = |(_, held): &&(&Census, Interval)| held.contains(region.contig, start);
        let holding: Vec<_> = held.iter().filter(holds).collect();
        let begins = held.iter().map(|(_, held)| held);
        let begins = begins.filter(|held| held.contig == region.contig && held.start > start);
        let next = begins.map(|held| held.start).min().unwrap_or(region.end);
        let [(census, held)] = holding.as_slice() else {
            return Err(CensusError::NotOnce {
                found: holding.len(),
                place: place(reference, region.contig, start),
            });
        };
        let at = tiles::place(*held, WINDOW, start);
        let end = tiles::at(*held, WINDOW, at).end.min(region.end).min(next);
        tiles.push(Tile {
            census,
            at,
            bases: Interval {
                start,
                end,
                ..region
            },
        });
        start = end;
    }
    Ok(tiles)
}

/// The sites of a window that start in `bases`, `*` not yet looked for.
pub(super) fn nominated(window: &Window, bases: Interval, quality: u32) -> Vec<Site> {
    let calls = window.statements.iter().flat_map(|said| &said.calls);
    let parts = calls.flat_map(|call| entered(call, quality));
    let parts = parts.filter(|part| bases.contains(bases.contig, part.start));
    unify(parts.collect())
}

/// The records of those sites that are ones of the cohort.
fn records(window: &Window, bases: Interval, contig: Contig<'_>, common: &Common) -> Vec<Record> {
    let params = &common.params;
    let mut standing = Standing::new(window);
    let mut records = Vec::new();
    for site in nominated(window, bases, params.allele_quality_min) {
        standing.go(site.start);
        let Some(decided) = standing.decide(site, common) else {
            continue;
        };
        records.push(vcf::site_record(&decided, contig, params));
    }
    records
}
