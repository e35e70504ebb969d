//! From gVCF files or segments to cohort records.

use std::collections::BTreeSet;
use std::path::PathBuf;

use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf::Record;
use kumi_seq::interval::{Interval, merge};
use rayon::prelude::*;

use crate::column::{Columns, Own};
use crate::error::JointError;
use crate::genotype::genotype;
use crate::kind::Kinds;
use crate::near::Near;
use crate::output::{self, Called, Contig};
use crate::params::Params;
use crate::site::{Site, nominate, unify};
use crate::site_call::Common;
use crate::source::{Source, each, open};
use crate::store::{Segment, Store};
use crate::track::{Place, Track};

/// Bases of which every sample's records are held at a time.
const WINDOW: u32 = 16_384;
/// Sites a thread takes at a time: at most, and at least where there are enough of them. The more, the less often each
/// sample's records, which are far apart in memory, are fetched.
const SITES_MAX: usize = 128;
const SITES_MIN: usize = 32;
/// Cells a thread holds, as far as the sites allow: four bytes each, and about ten in the record.
const CELLS: usize = 1 << 20;

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
            Self::Files(sources) => each(sources, |_, source| source.enter(region, contigs))?,
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
                each(sources, |lists, source| {
                    source.advance(window, &near, lists)
                })?;
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

    fn samples(&self) -> usize {
        match self {
            Self::Files(sources) => sources.len(),
            Self::Store(store) => store.samples(),
        }
    }

    fn gvcf_records(&self) -> u64 {
        match self {
            Self::Files(sources) => sources.iter().map(|source| source.counted).sum(),
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
    let make = |called: &Called<'_>| output::vcf::record(called, params);
    joint_with(gvcfs, reference, regions, params, make, sink)
}

/// As [`joint_all`], with what `make` makes of each site in place of records; it runs on all threads.
///
/// # Errors
/// See [`JointError`].
pub fn joint_with<T: Send, E: Send>(
    gvcfs: &[PathBuf],
    reference: &dyn ReferenceSource,
    regions: &[Interval],
    params: &Params,
    make: impl Fn(&Called<'_>) -> T + Sync,
    sink: impl FnMut(Vec<T>) -> Result<(), E> + Send,
) -> Result<Stats, JointError<E>> {
    let sources = open(gvcfs, reference)?.into_iter();
    let mut cohort = Cohort::Files(sources.map(|(_, source)| source).collect());
    joint(&mut cohort, reference, regions, params, &make, sink)
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
    let make = |called: &Called<'_>| output::vcf::record(called, params);
    joint_segments_with(
        (segments, withdrawn),
        reference,
        regions,
        params,
        make,
        sink,
    )
}

/// As [`joint_segments`], of segments and of those that have withdrawn, with what `make` makes of each site in place of
/// records; it runs on all threads.
///
/// # Errors
/// See [`JointError`].
pub fn joint_segments_with<T: Send, E: Send>(
    (segments, withdrawn): (&[Segment], &BTreeSet<String>),
    reference: &dyn ReferenceSource,
    regions: &[Interval],
    params: &Params,
    make: impl Fn(&Called<'_>) -> T + Sync,
    sink: impl FnMut(Vec<T>) -> Result<(), E> + Send,
) -> Result<Stats, JointError<E>> {
    let store = Store::new(segments, withdrawn, reference)?;
    if store.samples() == 0 {
        return Err(JointError::NoInputs);
    }
    let mut cohort = Cohort::Store(store);
    joint(&mut cohort, reference, regions, params, &make, sink)
}

fn joint<T: Send, E: Send>(
    cohort: &mut Cohort<'_>,
    reference: &dyn ReferenceSource,
    regions: &[Interval],
    params: &Params,
    make: &(impl Fn(&Called<'_>) -> T + Sync),
    mut sink: impl FnMut(Vec<T>) -> Result<(), E> + Send,
) -> Result<Stats, JointError<E>> {
    let mut stats = Stats::default();
    let common = Common::new(*params, cohort.samples());
    let contigs = reference.contigs();
    for region in merge(regions.to_vec()) {
        cohort.enter(region, reference)?;
        let mut start = region.start;
        while start < region.end {
            let window = cohort.window(region, start);
            cohort.advance(window, reference)?;
            let tracks = cohort.tracks();
            let all = sites(&tracks, window, params);
            let known = Known {
                kinds: Kinds::new(&tracks),
                tracks,
                contig: Contig {
                    id: window.contig,
                    name: contigs.get(window.contig).map_or("", |c| c.name.as_str()),
                },
                common: &common,
            };
            let mut places = vec![Place::default(); known.tracks.len()];
            let most = (CELLS / known.tracks.len()).clamp(SITES_MIN, SITES_MAX);
            for sites in all.chunks(most * rayon::current_num_threads()) {
                let (made, reached) = known.genotyped(sites, &places, make);
                places = reached;
                stats.records += made.len() as u64;
                if !made.is_empty() {
                    sink(made).map_err(JointError::Sink)?;
                }
            }
            start = window.end;
        }
    }
    stats.gvcf_records = cohort.gvcf_records();
    Ok(stats)
}

/// The sites of a window.
fn sites(tracks: &[&Track], window: Interval, params: &Params) -> Vec<Site> {
    let quality = params.allele_quality_min;
    let nominated = tracks
        .par_iter()
        .map(|track| nominate(track, window, quality));
    let nominated: Vec<Vec<_>> = nominated.collect();
    unify(nominated.into_iter().flatten().collect())
}

/// What is known of a window.
struct Known<'a> {
    contig: Contig<'a>,
    tracks: Vec<&'a Track>,
    kinds: Kinds,
    common: &'a Common,
}

impl Known<'_> {
    /// What becomes of sites, in their order, none of which lies before the samples' places; and the places of the last.
    fn genotyped<T: Send>(
        &self,
        sites: &[Site],
        places: &[Place],
        make: &(impl Fn(&Called<'_>) -> T + Sync),
    ) -> (Vec<T>, Vec<Place>) {
        let quality = self.common.params.allele_quality_min;
        let some = |sites: &[Site]| -> (Vec<T>, Vec<Place>) {
            let (columns, own, reached) =
                Columns::gather(sites, (&self.tracks, places), &self.kinds, quality);
            let one = |(at, (site, own)): (usize, (&Site, Own))| {
                let column = columns.site(at);
                let (site, cells) =
                    genotype(site.clone(), (&column, own), &self.tracks, self.common)?;
                let contig = self.contig;
                Some(make(&Called {
                    site,
                    cells,
                    contig,
                }))
            };
            let made = sites.iter().zip(own).enumerate().filter_map(one).collect();
            (made, reached)
        };
        let share = sites.len().div_ceil(rayon::current_num_threads());
        let shares = sites.par_chunks(share.max(SITES_MIN));
        let made: Vec<(Vec<T>, Vec<Place>)> = shares.map(some).collect();
        let (made, mut reached): (Vec<_>, Vec<_>) = made.into_iter().unzip();
        (
            made.into_iter().flatten().collect(),
            reached.pop().unwrap_or_default(),
        )
    }
}
