//! What it costs to add a hundred samples to a cohort.

use std::io::Write;
use std::path::Path;

use crate::accuracy::tools::note;
use crate::bench_joint::data::{Data, SEGMENT};
use crate::bench_joint::ways::{Cost, Way, bytes, measure};

/// Samples that are added.
pub(super) const ADDED: usize = 100;

/// A step from a cohort to the larger one.
struct Step {
    name: &'static str,
    /// Of the files that it reads.
    read: u64,
    cost: Cost,
}

/// Adds to a cohort of so many samples, on one thread.
fn steps(kumi: &Path, data: &Data, samples: usize) -> anyhow::Result<Vec<Step>> {
    let segments = data.segments(kumi, samples)?;
    Way::Census.run(kumi, data, samples)?;
    let census = data.work.join(format!("{samples}.census.arrow"));
    let more = samples..samples + ADDED;
    let folder = data.work.join(format!("more-{samples}"));
    let ingest = Step {
        name: "ingest of the batch",
        read: data.bytes(more.clone())?,
        cost: data.ingest(kumi, more, &folder)?,
    };
    let segment = folder.join(SEGMENT);
    let (work, added) = (&data.work, bytes(&segment)?);
    let sum = data.work.join(format!("{samples}-more.census.arrow"));
    let script = "\"$2\" kernel census --output \"$1\" \"$3\" --add \"$4\"";
    let count = Step {
        name: "census of the batch, added to that of the cohort",
        read: added + bytes(&census)?,
        cost: measure(script, work, &sum, &[kumi, &segment, &census])?,
    };
    let script = "\"$2\" kernel joint --threads 1 --format sites --reference \"$3\" --output \"$1\" --census \"$4\"";
    let sites = data.work.join(format!("{samples}-more.sites.vcf.gz"));
    let sites = Step {
        name: "sites of everybody, from the census",
        read: bytes(&sum)?,
        cost: measure(script, work, &sites, &[kumi, &data.index, &sum])?,
    };
    let script = "\"$2\" kernel joint --threads 1 --format bcf-local --reference \"$3\" --output \"$1\" --segments \"${@:4}\"";
    let mut arguments = vec![kumi, &data.index, &segment];
    arguments.extend(segments.iter().map(std::path::PathBuf::as_path));
    let of_all: u64 = segments
        .iter()
        .map(|path| bytes(path))
        .sum::<anyhow::Result<u64>>()?;
    let genotypes = data.work.join(format!("{samples}-more.bcf"));
    let genotypes = Step {
        name: "genotypes of everybody",
        read: added + of_all,
        cost: measure(script, work, &genotypes, &arguments)?,
    };
    Ok(vec![ingest, count, sites, genotypes])
}

/// Prints what it costs to add to cohorts of these sizes.
pub(super) fn print(
    kumi: &Path,
    data: &Data,
    sizes: &[usize],
    out: &mut impl Write,
) -> anyhow::Result<()> {
    if sizes.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n| {ADDED} more than | step | CPU s | MB read | peak MB | MB written |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|")?;
    for &samples in sizes {
        note(&format!("{ADDED} more than {samples} samples"));
        for Step { name, read, cost } in steps(kumi, data, samples)? {
            writeln!(
                out,
                "| {samples} | {name} | {:.2} | {:.1} | {} | {:.1} |",
                cost.seconds,
                read as f64 / 1e6,
                cost.peak_kb / 1_000,
                cost.bytes as f64 / 1e6
            )?;
        }
    }
    Ok(())
}
