//! Which samples are aligned in chunks, in how many, and in how many regions these are merged.

use std::path::Path;

use kumi_formats::open::{Compression, compression};
use kumi_proto::v1;
use kumi_proto::v1::read_group::Source;

use crate::check::files::Files;
use crate::check::{abreast, input};
use crate::cohort_file::{CohortFile, Loaded, ModeSetting, PrioritySetting};
use crate::sheet::SheetSample;

/// Bytes of FASTQ that make a chunk.
const CHUNK_BYTES: u64 = 2 << 30;
/// The most chunks of a sample unless more are asked for.
const CHUNKS: u64 = 64;
/// The same of gzip files, of which each chunk inflates all that lies before it.
const GZIP_CHUNKS: u64 = 8;

/// Decides it for all samples, which are those of the sheet in its order; what there is to know of them.
pub(super) fn choose_all(
    loaded: &Loaded,
    samples: &mut [v1::Sample],
    files: &Files,
) -> Vec<String> {
    let many = input::are_remote(&loaded.samples);
    let pairs: Vec<_> = loaded.samples.iter().zip(&*samples).collect();
    let chosen = abreast::each(&pairs, many, |(sheet, sample)| {
        let mut sample = (*sample).clone();
        let note = choose(&loaded.file, sheet, &mut sample, files);
        (sample, note)
    });
    let mut notes = Vec::new();
    for (sample, (chosen, note)) in samples.iter_mut().zip(chosen) {
        *sample = chosen;
        notes.extend(note);
    }
    notes
}

/// Decides in how many chunks a sample is aligned, and in how many regions they are merged; what there is to know of
/// it, if anything.
fn choose(
    file: &CohortFile,
    sheet: &SheetSample,
    sample: &mut v1::Sample,
    files: &Files,
) -> Option<String> {
    let urgent = sheet.priority.unwrap_or(file.cohort.priority) == PrioritySetting::Urgent;
    let by_priority = if urgent {
        ModeSetting::Latency
    } else {
        ModeSetting::Throughput
    };
    let mode = file.params.mode.unwrap_or(by_priority);
    if mode == ModeSetting::Throughput || sample.read_groups.is_empty() {
        return None;
    }
    let Some(fastq) = fastq_files(&sample.read_groups) else {
        return Some(format!(
            "sample {} is aligned as a whole: BAM and CRAM cannot be entered in their middle",
            sample.name
        ));
    };
    let bytes: u64 = fastq.iter().map(|file| file.size).sum();
    let is_gzip = |file: &&v1::ReadFile| {
        let kind = files.look(Path::new(&file.path), compression);
        kind.is_ok_and(|kind| kind == Compression::Gzip)
    };
    let gzip = fastq.iter().any(is_gzip);
    let most = if gzip { GZIP_CHUNKS } else { CHUNKS };
    let wanted = u32::try_from(bytes.div_ceil(CHUNK_BYTES).min(most)).unwrap_or(1);
    sample.align_chunks = file.params.align_chunks.unwrap_or(wanted);
    let regions = file.params.merge_regions;
    sample.merge_regions = regions.unwrap_or(sample.align_chunks);
    (gzip && sample.align_chunks > 1).then(|| {
        format!(
            "sample {}: gzip files are inflated from their beginning for each of {} chunks; files made with bgzip are not",
            sample.name, sample.align_chunks
        )
    })
}

/// The FASTQ files of read groups; none when one is of another kind.
fn fastq_files(groups: &[v1::ReadGroup]) -> Option<Vec<&v1::ReadFile>> {
    let mut files = Vec::new();
    for group in groups {
        match &group.source {
            Some(Source::Fastq(pair)) => files.extend(pair.first.iter().chain(&pair.second)),
            Some(Source::Alignment(_)) | None => return None,
        }
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1;
    use kumi_proto::v1::read_group::Source;

    use super::choose;
    use crate::check::files::Files;
    use crate::cohort_file::load;
    use crate::problem::Problems;

    fn sample(sources: &[Source]) -> v1::Sample {
        let group = |source: &Source| v1::ReadGroup {
            source: Some(source.clone()),
            ..Default::default()
        };
        v1::Sample {
            name: "S".to_owned(),
            read_groups: sources.iter().map(group).collect(),
            ..Default::default()
        }
    }

    fn fastq(path: &str, gib: u64) -> Source {
        let file = v1::ReadFile {
            path: path.to_owned(),
            size: gib << 30,
            ..Default::default()
        };
        Source::Fastq(v1::FastqPair {
            first: Some(file.clone()),
            second: Some(file),
        })
    }

    #[test]
    fn mode_priority_size_and_format_decide() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let gzip = dir.path().join("r.fq.gz");
        std::fs::write(&gzip, [0x1f, 0x8b, 8, 0]).expect("written");
        let gzip = gzip.to_string_lossy().into_owned();
        let bam = Source::Alignment(v1::ReadFile::default());
        let plain = fastq("/nowhere/r.fq", 30);
        let cases = [
            ("", "", "", vec![plain.clone()], 0, ""),
            ("priority='urgent'", "", "", vec![plain.clone()], 30, ""),
            (
                "priority='urgent'",
                "",
                "normal",
                vec![plain.clone()],
                0,
                "",
            ),
            ("", "", "Urgent", vec![plain.clone()], 30, ""),
            (
                "",
                "mode='throughput'",
                "urgent",
                vec![plain.clone()],
                0,
                "",
            ),
            (
                "",
                "mode='latency'\nalign_chunks=5",
                "",
                vec![plain.clone()],
                5,
                "",
            ),
            (
                "",
                "mode='latency'\nmerge_regions=3",
                "",
                vec![plain.clone()],
                30,
                "",
            ),
            ("", "mode='latency'", "", vec![fastq("/r", 1)], 1, ""),
            ("", "mode='latency'", "", vec![fastq("/r", 900)], 64, ""),
            (
                "",
                "mode='latency'",
                "",
                vec![fastq(&gzip, 30)],
                8,
                "for each of 8 chunks",
            ),
            (
                "",
                "mode='latency'",
                "",
                vec![plain, bam],
                0,
                "S is aligned as a whole",
            ),
            ("", "mode='latency'", "", vec![], 0, ""),
        ];
        for (cohort, params, priority, sources, chunks, says) in cases {
            let toml = format!(
                "[cohort]\nname='c'\nsheet='s.csv'\n{cohort}\n[reference]\nfasta='r.fa'\n[params]\n{params}\n"
            );
            let path = dir.path().join("cohort.toml");
            std::fs::write(&path, toml).expect("written");
            let sheet = format!("sample,fastq_1,priority\nS,a.fq,{priority}\n");
            std::fs::write(dir.path().join("s.csv"), sheet).expect("written");
            let mut problems = Problems::default();
            let loaded = load(&path, &mut problems).expect("loaded");
            assert!(problems.is_empty(), "{:?}", problems.sorted());
            let mut sample = sample(&sources);
            let note = choose(
                &loaded.file,
                &loaded.samples[0],
                &mut sample,
                &Files::default(),
            );
            let case = (cohort, params, priority, &note);
            assert_eq!(sample.align_chunks, chunks, "{case:?}");
            let regions = if params.contains("merge_regions") {
                3
            } else {
                chunks
            };
            assert_eq!(sample.merge_regions, regions, "{case:?}");
            let note = note.clone().unwrap_or_default();
            assert!(
                note.contains(says) && note.is_empty() == says.is_empty(),
                "{case:?}"
            );
        }
    }
}
