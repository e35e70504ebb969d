//! Stage `index`: a reference FASTA to a `.kidx`.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use kumi_formats::fasta;
use kumi_index::{BuildError, Index};
use kumi_proto::v1;

use crate::fault::{Fault, chain};
use crate::task::Context;

/// Progress when the FASTA file is read.
const READ: f32 = 0.2;
/// … and when the index is written.
const BUILT: f32 = 0.9;

pub(super) fn run(context: &Context<'_>, spec: &v1::IndexSpec) -> Result<v1::Manifest, Fault> {
    let fasta = spec
        .fasta
        .as_ref()
        .ok_or_else(|| context.internal("the specification names no FASTA file"))?;
    let path = context.submitted(fasta)?;
    let mut sequences = fasta::read(&path).map_err(|error| context.kernel(&error))?;
    for (contig, _) in &mut sequences {
        contig.alternate = spec.alternates.contains(&contig.name);
    }
    context.control.advance(0.0, READ, 1, 1);
    context.control.check()?;
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let mut publication = context.publication()?;
    let staged = publication.stage(&output_name(&name))?;
    build(context, &sequences, &name, &staged)?;
    let contigs = validate(context, &staged, &sequences)?;
    let files = publication.publish()?;
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files,
        counts: BTreeMap::from([("contigs".to_owned(), contigs)]),
        ..Default::default()
    })
}

fn build(
    context: &Context<'_>,
    sequences: &[(kumi_seq::contig::Contig, Vec<u8>)],
    name: &str,
    staged: &Path,
) -> Result<(), Fault> {
    let step = |done: f32| {
        let parts = (done * 1000.0) as u64;
        context.control.advance(READ, BUILT, parts, 1000);
        match context.control.check() {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    kumi_index::build(sequences, name, staged, &step).map_err(|error| match &error {
        BuildError::Io { .. } => context.transient(chain(&error)),
        BuildError::TooLarge { .. } => context.bad_input(&error),
        BuildError::Stopped => Fault::stopped(),
    })
}

/// `GRCh38.fa.gz` becomes `GRCh38.kidx`.
fn output_name(fasta: &str) -> String {
    let stem = fasta.strip_suffix(".gz").unwrap_or(fasta);
    let endings = [".fasta", ".fa", ".fna"];
    let stem = endings
        .iter()
        .find_map(|ending| stem.strip_suffix(ending))
        .unwrap_or(stem);
    format!("{stem}.kidx")
}

/// Reads back what was written: every checksum, and the contigs that were given and planned for.
fn validate(
    context: &Context<'_>,
    staged: &Path,
    sequences: &[(kumi_seq::contig::Contig, Vec<u8>)],
) -> Result<u64, Fault> {
    let index = Index::open(staged)
        .and_then(|index| index.verify().map(|()| index))
        .map_err(|error| context.transient(chain(&error)))?;
    let given = sequences.iter().map(|(contig, _)| contig);
    if !given.eq(index.contigs().as_slice()) {
        return Err(context.internal("the index does not hold the contigs of the FASTA file"));
    }
    let planned = &context.spec.contigs;
    let same = |(planned, found): (&v1::Contig, &kumi_seq::contig::Contig)| {
        planned.name == found.name && planned.length == u64::from(found.length)
    };
    let found = index.contigs().as_slice();
    if !planned.is_empty() && (planned.len() != found.len() || !planned.iter().zip(found).all(same))
    {
        return Err(context.bad_input(
            "the FASTA file has other contigs than the cohort was submitted with; submit it again",
        ));
    }
    Ok(found.len() as u64)
}

#[cfg(test)]
mod tests {
    use super::output_name;

    #[test]
    fn the_index_is_named_after_the_reference() {
        for (fasta, name) in [
            ("GRCh38.fa.gz", "GRCh38.kidx"),
            ("a.b.fasta", "a.b.kidx"),
            ("x", "x.kidx"),
        ] {
            assert_eq!(output_name(fasta), name);
        }
    }
}
