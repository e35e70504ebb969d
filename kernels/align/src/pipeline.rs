//! All templates of a sample: read, align on all threads, give on in the order of the input.

use std::sync::atomic::{AtomicBool, Ordering};

use kumi_formats::bam::Record;
use kumi_formats::reads::{ReadsError, Template, TemplateReader};
use kumi_index::{Index, View};
use kumi_simd::level::Level;
use rayon::prelude::*;

use crate::insert_size::InsertSizes;
use crate::params::Params;
use crate::template::{Aligner, Scratch, Stats, observe};

/// Templates read at a time. Three batches are in flight, which bounds memory: one is read, one aligned, the records of
/// one are taken.
const BATCH: usize = 1 << 14;
/// Templates one thread aligns at a time: what the others wait for at the end of a batch, at most.
const CHUNK: usize = 128;

/// Why alignment ended early. `E` is the error of the sink.
#[derive(Debug, thiserror::Error)]
pub enum AlignError<E> {
    /// The reads.
    #[error(transparent)]
    Reads(#[from] ReadsError),
    /// What takes the records.
    #[error("the records cannot be taken")]
    Sink(#[source] E),
}

/// Aligns everything `reader` gives on the current rayon pool and hands the records to `sink`, in the order of
/// the input: the result does not depend on the number of threads. Insert sizes are estimated from the first
/// templates before any record is made.
///
/// While a batch is aligned the next one is read and the records of the one before are taken, each by one thread that
/// aligns as well when it is done; no thread waits but at the end of a batch. An error of the reader or the sink ends
/// the batch under way.
///
/// # Errors
/// Those of the reader and of the sink.
pub fn align_all<E: Send>(
    index: &Index,
    params: &Params,
    reader: &mut TemplateReader,
    sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
) -> Result<Stats, AlignError<E>> {
    let mut batch = Vec::new();
    let more = reader.next_batch(&mut batch, params.insert_size_templates)?;
    let sizes = estimate(index.view(), &batch, reader.read_groups().len());
    align_from((index, params, &sizes), batch, more, reader, sink)
}

/// As [`align_all`], with insert sizes that are known: those of [`insert_sizes`], for a part of a sample's reads.
///
/// # Errors
/// Those of the reader and of the sink.
pub fn align_part<E: Send>(
    index: &Index,
    params: &Params,
    sizes: &InsertSizes,
    reader: &mut TemplateReader,
    sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
) -> Result<Stats, AlignError<E>> {
    let mut batch = Vec::new();
    let more = reader.next_batch(&mut batch, BATCH)?;
    align_from((index, params, sizes), batch, more, reader, sink)
}

/// The insert sizes of every read group as [`align_all`] estimates them, from the first templates of a sample.
///
/// # Errors
/// Those of the reader.
pub fn insert_sizes(
    index: &Index,
    params: &Params,
    reader: &mut TemplateReader,
) -> Result<InsertSizes, ReadsError> {
    let mut batch = Vec::new();
    reader.next_batch(&mut batch, params.insert_size_templates)?;
    Ok(estimate(index.view(), &batch, reader.read_groups().len()))
}

/// Aligns the templates of `batch`, and those behind it if there are `more`.
fn align_from<E: Send>(
    (index, params, sizes): (&Index, &Params, &InsertSizes),
    mut batch: Vec<Template>,
    mut more: bool,
    reader: &mut TemplateReader,
    mut sink: impl FnMut(Vec<Record>) -> Result<(), E> + Send,
) -> Result<Stats, AlignError<E>> {
    let read_groups = reader.read_groups().to_vec();
    let aligner = Aligner {
        view: index.view(),
        params,
        level: Level::detect(),
        sizes,
        read_groups: &read_groups,
    };
    let mut stats = Stats::default();
    let mut aligned = Vec::new();
    while !batch.is_empty() || !aligned.is_empty() {
        let failed = AtomicBool::new(false);
        let note = |is_error: bool| failed.fetch_or(is_error, Ordering::Relaxed);
        let take = || {
            let taken = aligned.into_iter().try_for_each(&mut sink);
            note(taken.is_err());
            taken.map_err(AlignError::Sink)
        };
        let read = || {
            let mut next = Vec::new();
            if more {
                more = reader.next_batch(&mut next, BATCH).inspect_err(|_| {
                    note(true);
                })?;
            }
            Ok(next)
        };
        let (chunks, (taken, next)) = rayon::join(
            || align(&aligner, batch, &failed),
            || rayon::join(take, read),
        );
        taken?;
        batch = next.map_err(AlignError::Reads)?;
        let add = |(records, chunk)| {
            stats += chunk;
            records
        };
        aligned = chunks.into_iter().map(add).collect();
    }
    Ok(stats)
}

/// Aligns a batch, or what was begun of it when something `failed`.
fn align(
    aligner: &Aligner<'_>,
    batch: Vec<Template>,
    failed: &AtomicBool,
) -> Vec<(Vec<Record>, Stats)> {
    let chunk = |scratch: &mut Scratch, templates: Vec<Template>| {
        let mut records = Vec::with_capacity(2 * templates.len() + 2);
        if failed.load(Ordering::Relaxed) {
            return (records, Stats::default());
        }
        let stats = aligner.align(&templates, scratch, &mut records);
        (records, stats)
    };
    batch
        .into_par_iter()
        .chunks(CHUNK)
        .map_init(Scratch::default, chunk)
        .collect()
}

/// Insert sizes of pairs whose mates each have one clear place.
fn estimate(view: View<'_>, batch: &[Template], read_groups: usize) -> InsertSizes {
    let pairs: Vec<Vec<(u16, u32)>> = batch
        .par_chunks(CHUNK)
        .map_init(Scratch::default, |scratch, templates| {
            observe(view, templates, scratch)
        })
        .collect();
    let mut observed = vec![Vec::new(); read_groups];
    for (read_group, size) in pairs.into_iter().flatten() {
        if let Some(sizes) = observed.get_mut(usize::from(read_group)) {
            sizes.push(size);
        }
    }
    InsertSizes::estimate(&observed)
}
