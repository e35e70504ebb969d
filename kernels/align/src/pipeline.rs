//! All templates of a sample: read, align on all threads, give on in the order of the input.

use kumi_formats::bam::Record;
use kumi_formats::reads::{ReadsError, Template, TemplateReader};
use kumi_index::{Index, View};
use kumi_simd::level::Level;
use rayon::prelude::*;

use crate::insert_size::InsertSizes;
use crate::params::Params;
use crate::template::{Aligner, Scratch, Stats, observe};

/// Templates read at a time; with two batches in flight this bounds memory.
const BATCH: usize = 1 << 14;
/// Templates one thread aligns at a time.
const CHUNK: usize = 256;

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
/// # Errors
/// Those of the reader and of the sink.
pub fn align_all<E: Send>(
    index: &Index,
    params: &Params,
    reader: &mut TemplateReader,
    mut sink: impl FnMut(Vec<Record>) -> Result<(), E>,
) -> Result<Stats, AlignError<E>> {
    let read_groups = reader.read_groups().to_vec();
    let mut batch = Vec::new();
    let mut more = reader.next_batch(&mut batch, params.insert_size_templates)?;
    let view = index.view();
    let sizes = estimate(view, &batch, read_groups.len());
    let aligner = Aligner {
        view,
        params,
        level: Level::detect(),
        sizes: &sizes,
        read_groups: &read_groups,
    };
    let mut stats = Stats::default();
    loop {
        let mut next = Vec::new();
        let (aligned, read) = rayon::join(
            || align(&aligner, &batch),
            || {
                if more {
                    reader.next_batch(&mut next, BATCH)
                } else {
                    Ok(false)
                }
            },
        );
        for (records, chunk) in aligned {
            stats += chunk;
            sink(records).map_err(AlignError::Sink)?;
        }
        more = read?;
        if next.is_empty() && !more {
            return Ok(stats);
        }
        batch = next;
    }
}

fn align(aligner: &Aligner<'_>, batch: &[Template]) -> Vec<(Vec<Record>, Stats)> {
    let chunk = |scratch: &mut Scratch, templates: &[Template]| {
        let mut records = Vec::with_capacity(2 * templates.len());
        let stats = aligner.align(templates, scratch, &mut records);
        (records, stats)
    };
    batch
        .par_chunks(CHUNK)
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
