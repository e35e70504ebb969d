//! A campaign of many genomes, and workers' results without work.

use kumi_proto::v1;
use kumi_proto::v1::finished_task::Result as Finished;

const CALL_SHARDS: u32 = 37;

/// What a worker reports that did nothing.
pub(crate) fn finished(start: v1::Start) -> v1::FinishedTask {
    let spec = start.spec.expect("a start has a specification");
    let manifest = v1::Manifest {
        directory: spec.directory,
        files: vec![v1::File {
            name: "result".to_owned(),
            size: 1,
            sha256: spec.key,
        }],
        core_milliseconds: 1,
        ..v1::Manifest::default()
    };
    v1::FinishedTask {
        attempt: start.attempt,
        task: spec.task,
        result: Some(Finished::Manifest(manifest)),
        ..v1::FinishedTask::default()
    }
}

fn file(path: String) -> v1::ReadFile {
    v1::ReadFile {
        path,
        size: 1,
        fingerprint: "0".repeat(64),
    }
}

/// A cohort of that many samples: 39 tasks each and what follows from all of them.
pub(crate) fn campaign(name: &str, kernels: &str, samples: usize) -> v1::Open {
    let contigs = vec![v1::Contig {
        name: "chr1".to_owned(),
        length: 248_956_422,
        md5: "0".repeat(32),
        alternate: false,
    }];
    let header = v1::CohortHeader {
        request_id: name.to_owned(),
        name: name.to_owned(),
        programme: "p".to_owned(),
        centre: "x".to_owned(),
        priority: v1::Priority::Normal.into(),
        root: "/data".to_owned(),
        reference: Some(v1::ReferenceFacts {
            name: "r.fa".to_owned(),
            contigs,
            source: Some(v1::reference_facts::Source::Index(file(
                "/r.kidx".to_owned(),
            ))),
        }),
        params: Some(v1::CohortParams {
            call_shards: CALL_SHARDS,
            joint_shards: 4,
            cores_per_align: 1,
            on_bad_sample: v1::OnBadSample::Fail.into(),
            kernel_version: kernels.to_owned(),
            ..v1::CohortParams::default()
        }),
        ..v1::CohortHeader::default()
    };
    let sample = |number: usize| {
        let name = format!("{name}{number:06}");
        let mate = |mate| Some(file(format!("/reads/{name}_R{mate}.fastq.gz")));
        let pair = v1::FastqPair {
            first: mate(1),
            second: mate(2),
        };
        v1::Sample {
            read_groups: vec![v1::ReadGroup {
                id: format!("{name}.L1"),
                library: name.clone(),
                platform: "ILLUMINA".to_owned(),
                platform_unit: format!("{name}.L1"),
                source: Some(v1::read_group::Source::Fastq(pair)),
            }],
            name,
            ..v1::Sample::default()
        }
    };
    v1::Open {
        header: Some(header),
        samples: (0..samples).map(sample).collect(),
    }
}
