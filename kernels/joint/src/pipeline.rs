//! From gVCF files to cohort records.

use std::collections::BTreeMap;
use std::path::PathBuf;

use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf::Record;
use kumi_formats::vcf::VcfError;
use kumi_seq::interval::{Interval, merge};
use rayon::prelude::*;

use crate::column::Columns;
use crate::emit;
use crate::error::JointError;
use crate::genotype::genotype;
use crate::params::Params;
use crate::site::{Site, nominate, unify};
use crate::source::{Source, other_reference};
use crate::track::Track;

/// Bases of which every sample's records are held at a time.
const WINDOW: u32 = 16_384;
/// Sites a thread takes at a time.
const SITES: usize = 32;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// gVCF records that start in the regions.
    pub gvcf_records: u64,
    /// Records given to the sink.
    pub records: u64,
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
    mut sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
) -> Result<Stats, JointError<E>> {
    let mut sources = open(gvcfs, reference)?;
    let mut stats = Stats::default();
    for region in merge(regions.to_vec()) {
        let contigs = reference.contigs();
        each(&mut sources, |source| source.enter(region, contigs))?;
        let mut start = region.start;
        while start < region.end {
            let end = start.saturating_add(WINDOW).min(region.end);
            let window = Interval {
                start,
                end,
                ..region
            };
            each(&mut sources, |source| source.advance(window, reference))?;
            let records = records(&sources, window, reference, params);
            stats.records += records.len() as u64;
            if !records.is_empty() {
                sink(records).map_err(JointError::Sink)?;
            }
            start = end;
        }
    }
    stats.gvcf_records = sources.iter().map(|source| source.records).sum();
    Ok(stats)
}

/// Opens every file; samples in order of their names.
fn open<E>(
    gvcfs: &[PathBuf],
    reference: &dyn ReferenceSource,
) -> Result<Vec<Source>, JointError<E>> {
    if gvcfs.is_empty() {
        return Err(JointError::NoInputs);
    }
    let mut paths = gvcfs.to_vec();
    paths.sort_unstable();
    let mut samples: BTreeMap<String, (PathBuf, Source)> = BTreeMap::new();
    for path in paths {
        let source = Source::open(&path, reference.contigs())?;
        let [sample] = source.header().samples() else {
            return Err(JointError::NotOneSample {
                found: source.header().samples().len(),
                path,
            });
        };
        if let Some(what) = other_reference(source.header(), reference.contigs()) {
            return Err(JointError::OtherReference { path, what });
        }
        let sample = sample.clone();
        if let Some((first, _)) = samples.get(&sample) {
            return Err(JointError::SameSample {
                sample,
                first: first.clone(),
                second: path,
            });
        }
        samples.insert(sample, (path, source));
    }
    Ok(samples.into_values().map(|(_, source)| source).collect())
}

/// Does something with every sample, on all threads; the first error by sample counts.
fn each(
    sources: &mut [Source],
    work: impl Fn(&mut Source) -> Result<(), VcfError> + Send + Sync,
) -> Result<(), VcfError> {
    let done: Vec<_> = sources.par_iter_mut().map(work).collect();
    done.into_iter().collect()
}

fn records(
    sources: &[Source],
    window: Interval,
    reference: &dyn ReferenceSource,
    params: &Params,
) -> Vec<Record> {
    let quality = params.allele_quality_min;
    let tracks: Vec<&Track> = sources.iter().map(|source| &source.track).collect();
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
            let columns = Columns::gather(sites, &tracks, quality);
            let record = |(at, site): (usize, &Site)| {
                let column = columns.site(at);
                let called = genotype(site.clone(), &column, &tracks, params)?;
                Some(emit::record(&called, window.contig, name, params))
            };
            sites.iter().enumerate().filter_map(record).collect()
        })
        .collect();
    records.into_iter().flatten().collect()
}
