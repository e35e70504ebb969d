//! From gVCF files or segments to cohort records.

use std::collections::BTreeSet;
use std::path::PathBuf;

use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf::Record;
use kumi_seq::interval::{Interval, merge};
use rayon::prelude::*;

use crate::column::Columns;
use crate::emit;
use crate::error::JointError;
use crate::genotype::genotype;
use crate::near::Near;
use crate::params::Params;
use crate::site::{Site, nominate, unify};
use crate::source::{Source, each, open};
use crate::store::{Segment, Store};
use crate::track::Track;

/// Bases of which every sample's records are held at a time.
const WINDOW: u32 = 16_384;
/// Sites a thread takes at a time.
const SITES: usize = 32;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// gVCF records that start in the regions; 0 when segments were read.
    pub gvcf_records: u64,
    /// Records given to the sink.
    pub records: u64,
}

/// Where the samples' records come from.
enum Cohort<'a> {
    Files(Vec<Source>),
    Store(Store<'a>),
}

impl Cohort<'_> {
    fn enter<E>(
        &mut self,
        region: Interval,
        reference: &dyn ReferenceSource,
    ) -> Result<(), JointError<E>> {
        let contigs = reference.contigs();
        match self {
            Self::Files(sources) => each(sources, |source| source.enter(region, contigs))?,
            Self::Store(store) => store.check(region, reference)?,
        }
        Ok(())
    }

    /// The window that begins at `start`.
    fn window(&self, region: Interval, start: u32) -> Interval {
        let end = match self {
            Self::Files(_) => start.saturating_add(WINDOW),
            Self::Store(store) => {
                let end = (start / WINDOW + 1).saturating_mul(WINDOW);
                store.end(region.contig, start).min(end)
            }
        };
        Interval {
            start,
            end: end.min(region.end),
            ..region
        }
    }

    fn advance<E>(
        &mut self,
        window: Interval,
        reference: &dyn ReferenceSource,
    ) -> Result<(), JointError<E>> {
        match self {
            Self::Files(sources) => {
                let near = Near::new(reference, window);
                each(sources, |source| source.advance(window, &near))?;
            }
            Self::Store(store) => store.advance(window, reference)?,
        }
        Ok(())
    }

    fn tracks(&self) -> Vec<&Track> {
        match self {
            Self::Files(sources) => sources.iter().map(|source| &source.track).collect(),
            Self::Store(store) => store.tracks(),
        }
    }

    fn gvcf_records(&self) -> u64 {
        match self {
            Self::Files(sources) => sources.iter().map(|source| source.records).sum(),
            Self::Store(_) => 0,
        }
    }
}

/// Genotypes the cohort of `gvcfs` in `regions`. Sample names come from the files' headers; the columns of
/// the records are the samples in order of their names, as in [`crate::header`]. Records come in genome
/// order, each with the region in which it starts. A file without `.tbi` is read from its beginning. Runs
/// on the current rayon pool.
///
/// # Errors
/// See [`JointError`].
pub fn joint_all<E: Send>(
    gvcfs: &[PathBuf],
    reference: &dyn ReferenceSource,
    regions: &[Interval],
    params: &Params,
    sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
) -> Result<Stats, JointError<E>> {
    let sources = open(gvcfs, reference)?.into_iter();
    let mut cohort = Cohort::Files(sources.map(|(_, source)| source).collect());
    joint(&mut cohort, reference, regions, params, sink)
}

/// Genotypes the samples of `segments` but those that have withdrawn: the records that [`joint_all`] makes of their
/// gVCFs, byte for byte, however the samples were put into batches and the genome was cut. Each base of the regions must
/// lie in exactly one segment of every sample. Memory holds a window of every segment. Runs on the current rayon pool.
///
/// # Errors
/// See [`JointError`].
pub fn joint_segments<E: Send>(
    segments: &[Segment],
    withdrawn: &BTreeSet<String>,
    reference: &dyn ReferenceSource,
    regions: &[Interval],
    params: &Params,
    sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
) -> Result<Stats, JointError<E>> {
    let store = Store::new(segments, withdrawn, reference)?;
    if store.is_empty() {
        return Err(JointError::NoInputs);
    }
    joint(&mut Cohort::Store(store), reference, regions, params, sink)
}

fn joint<E: Send>(
    cohort: &mut Cohort<'_>,
    reference: &dyn ReferenceSource,
    regions: &[Interval],
    params: &Params,
    mut sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
) -> Result<Stats, JointError<E>> {
    let mut stats = Stats::default();
    for region in merge(regions.to_vec()) {
        cohort.enter(region, reference)?;
        let mut start = region.start;
        while start < region.end {
            let window = cohort.window(region, start);
            cohort.advance(window, reference)?;
            let records = records(&cohort.tracks(), window, reference, params);
            stats.records += records.len() as u64;
            if !records.is_empty() {
                sink(records).map_err(JointError::Sink)?;
            }
            start = window.end;
        }
    }
    stats.gvcf_records = cohort.gvcf_records();
    Ok(stats)
}

fn records(
    tracks: &[&Track],
    window: Interval,
    reference: &dyn ReferenceSource,
    params: &Params,
) -> Vec<Record> {
    let quality = params.allele_quality_min;
    let nominated = tracks
        .par_iter()
        .map(|track| nominate(track, window, quality));
    let nominated: Vec<Vec<_>> = nominated.collect();
    let sites = unify(nominated.into_iter().flatten().collect());
    let name = reference.contigs().get(window.contig);
    let name = name.map_or("", |contig| contig.name.as_str());
    let records: Vec<Vec<Record>> = sites
        .par_chunks(SITES)
        .map(|sites| {
            let columns = Columns::gather(sites, tracks, quality);
            let record = |(at, site): (usize, &Site)| {
                let column = columns.site(at);
                let called = genotype(site.clone(), &column, tracks, params)?;
                Some(emit::record(&called, window.contig, name, params))
            };
            sites.iter().enumerate().filter_map(record).collect()
        })
        .collect();
    records.into_iter().flatten().collect()
}
