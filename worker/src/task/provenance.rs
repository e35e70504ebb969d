//! How a result was made, told beside it. The same result tells the same, wherever and whenever it was made:
//! no host, time, worker or path of a person, and nothing of how the work was cut.

use std::collections::BTreeMap;
use std::path::Path;

use kumi_proto::v1;
use kumi_proto::v1::read_group;
use serde_json::{Value, json};

use crate::capabilities::{KERNEL_VERSION, VERSION};
use crate::fault::Fault;
use crate::task::Context;
use crate::task::input::Reference;

/// `provenance.json` of a sample.
pub(super) fn sample(
    context: &Context<'_>,
    spec: &v1::GvcfSpec,
    reference: &Reference,
    outputs: &[v1::File],
    counts: &BTreeMap<String, u64>,
) -> Result<Vec<u8>, Fault> {
    let ploidy = spec.ploidy.unwrap_or_default();
    let sex = match ploidy.sex() {
        v1::Sex::Unspecified => "unknown",
        v1::Sex::Xx => "XX",
        v1::Sex::Xy => "XY",
    };
    let genome = if ploidy.genome == 1 { 1 } else { 2 };
    let inputs: Vec<Value> = match &spec.gvcf {
        Some(gvcf) => vec![json!({ "gvcf": input(gvcf) })],
        None => spec.read_groups.iter().map(group).collect(),
    };
    let alignment = spec.alignment.as_ref().map(|alignment| {
        json!({ "run": run(&alignment.directory), "files": files(&alignment.files), "counts": alignment.counts })
    });
    let value = json!({
        "format": "kumi sample provenance 1",
        "sample": spec.sample,
        "run": run(&context.spec.directory),
        "key": context.spec.key,
        "software": software(),
        "reference": described(reference),
        "parameters": { "ploidy": genome, "sex": sex, "preset": "default" },
        "inputs": inputs,
        "alignment": alignment,
        "gvcf": { "files": files(outputs), "counts": counts },
    });
    text(context, &value)
}

/// What a release tells of itself.
pub(super) const MANIFEST: &str = "manifest.json";

/// `manifest.json` of a release.
pub(super) fn release(
    context: &Context<'_>,
    spec: &v1::ReleaseSpec,
    reference: &Reference,
    outputs: &[v1::File],
    counts: &BTreeMap<String, u64>,
) -> Result<Vec<u8>, Fault> {
    let mut samples = spec.samples.clone();
    samples.sort();
    let mut value = json!({
        "format": "kumi release 1",
        "cohort": spec.cohort,
        "release": spec.release,
        "key": context.spec.key,
        "software": software(),
        "reference": described(reference),
        "samples": samples,
        "files": files(outputs),
        "counts": counts,
    });
    // A cohort VCF, which there was alone at first, goes without saying.
    if !matches!(
        spec.genotypes(),
        v1::Genotypes::Unspecified | v1::Genotypes::Vcf
    ) {
        value["genotypes"] = json!(spec.genotypes().label());
    }
    if spec.genotypes().in_chunks() {
        value["chunks"] = (1..).zip(&spec.chunks).map(chunk).collect();
    }
    text(context, &value)
}

/// A chunk by its number, and where in the genome it is: 1-based, both ends in it.
fn chunk((number, regions): (u32, &v1::Regions)) -> Value {
    let place = |region: &v1::Region| {
        let (contig, first, last) = (&region.contig, region.start + 1, region.end);
        format!("{contig}:{first}-{last}")
    };
    let regions: Vec<String> = regions.regions.iter().map(place).collect();
    json!({ "number": number, "regions": regions })
}

/// The lines that `sha256sum -c` checks in the sample's directory: these files and those of the alignment,
/// wherever it was published.
pub(super) fn checksums(
    directory: &str,
    files: &[v1::File],
    alignment: Option<&v1::Manifest>,
) -> String {
    let mut lines: Vec<(String, &str)> = files
        .iter()
        .map(|file| (file.name.clone(), file.sha256.as_str()))
        .collect();
    if let Some(manifest) = alignment {
        let prefix = if manifest.directory == directory {
            String::new()
        } else {
            let up = "../".repeat(directory.split('/').count());
            format!("{up}{}/", manifest.directory)
        };
        let files = manifest.files.iter();
        lines.extend(files.map(|file| (format!("{prefix}{}", file.name), file.sha256.as_str())));
    }
    lines.sort();
    lines
        .iter()
        .map(|(name, sha256)| format!("{sha256}  {name}\n"))
        .collect()
}

pub(super) fn software() -> Value {
    json!({ "name": "kumi", "version": VERSION, "kernel_version": KERNEL_VERSION })
}

fn described(reference: &Reference) -> Value {
    json!({
        "name": reference.name,
        "digest": reference.index().digest(),
        "contigs": reference.contigs().len(),
        "bases": reference.contigs().total_length(),
    })
}

fn group(group: &v1::ReadGroup) -> Value {
    let files: Vec<Value> = match &group.source {
        Some(read_group::Source::Fastq(pair)) => {
            pair.first.iter().chain(&pair.second).map(input).collect()
        }
        Some(read_group::Source::Alignment(file)) => vec![input(file)],
        None => Vec::new(),
    };
    json!({
        "read_group": group.id,
        "library": group.library,
        "platform": group.platform,
        "platform_unit": group.platform_unit,
        "files": files,
    })
}

/// An input by its name without directories: where it lay says nothing about the result.
fn input(file: &v1::ReadFile) -> Value {
    let name = Path::new(&file.path).file_name();
    json!({
        "name": name.map(|name| name.to_string_lossy()),
        "size": file.size,
        "fingerprint": file.fingerprint,
    })
}

fn files(files: &[v1::File]) -> Vec<Value> {
    files
        .iter()
        .map(|file| json!({ "name": file.name, "size": file.size, "sha256": file.sha256 }))
        .collect()
}

/// The last part of a directory.
fn run(directory: &str) -> &str {
    directory.rsplit('/').next().unwrap_or(directory)
}

fn text(context: &Context<'_>, value: &Value) -> Result<Vec<u8>, Fault> {
    let mut text = serde_json::to_vec_pretty(value)
        .map_err(|error| context.internal(format_args!("provenance cannot be told: {error}")))?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1;

    use super::checksums;

    #[test]
    fn checksums_name_files_as_seen_from_the_sample() {
        let file = |name: &str, digit: &str| v1::File {
            name: name.to_owned(),
            size: 1,
            sha256: digit.repeat(64),
        };
        let alignment = |directory: &str| v1::Manifest {
            directory: directory.to_owned(),
            files: vec![file("s.cram", "a")],
            ..Default::default()
        };
        let own = [file("s.g.vcf.gz", "b")];
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        assert_eq!(
            checksums("p/samples/s/r2", &own, Some(&alignment("p/samples/s/r2"))),
            format!("{a}  s.cram\n{b}  s.g.vcf.gz\n")
        );
        assert_eq!(
            checksums("p/samples/s/r2", &own, Some(&alignment("p/samples/s/r1"))),
            format!("{a}  ../../../../p/samples/s/r1/s.cram\n{b}  s.g.vcf.gz\n")
        );
    }
}
