//! The cohort of a run: its size and way follow from the seed.

use kumi_proto::v1;
use kumi_proto::v1::CohortState;

use crate::random::Random;

/// Name of the sample whose reads are bad, if there is one.
pub const BAD: &str = "bad";

/// Whether a seed's cohort has a bad sample, which is set aside.
fn has_bad(seed: u64) -> bool {
    seed.is_multiple_of(3)
}

/// How the cohort of a seed must end.
#[must_use]
pub fn expected_end(seed: u64) -> CohortState {
    if has_bad(seed) {
        CohortState::CompletedWithFailures
    } else {
        CohortState::Completed
    }
}

/// The cohort of a seed: samples from reads, as a whole or in chunks, and from gVCFs.
#[must_use]
pub fn cohort(seed: u64) -> v1::SubmitRequest {
    let mut random = Random::new(seed, 3);
    let mut samples: Vec<_> = (0..random.between(4, 10))
        .map(|number| sample(&format!("s{number}"), random.below(4)))
        .collect();
    if has_bad(seed) {
        samples.push(sample(BAD, 0));
    }
    let contig = |name: &str, length| v1::Contig {
        name: name.to_owned(),
        length,
        md5: "0".repeat(32),
        alternate: false,
    };
    let fasta = v1::reference_facts::Source::Fasta(file("r.fa"));
    let header = v1::CohortHeader {
        request_id: "the cohort".to_owned(),
        name: "c".to_owned(),
        programme: "p".to_owned(),
        centre: "centre".to_owned(),
        root: "/out".to_owned(),
        reference: Some(v1::ReferenceFacts {
            name: "r.fa".to_owned(),
            contigs: vec![contig("1", 1 << 20), contig("2", 1 << 18)],
            source: Some(fasta),
        }),
        params: Some(v1::CohortParams {
            call_shards: 3,
            joint_shards: 2,
            cores_per_align: 2,
            on_bad_sample: v1::OnBadSample::Quarantine.into(),
            kernel_version: kumi_worker::KERNEL_VERSION.to_owned(),
            ..v1::CohortParams::default()
        }),
        ..v1::CohortHeader::default()
    };
    v1::SubmitRequest {
        header: Some(header),
        samples,
    }
}

/// A sample: its gVCF is there (0), it is aligned in chunks (1), or as a whole.
fn sample(name: &str, way: u64) -> v1::Sample {
    if way == 0 && name != BAD {
        return v1::Sample {
            name: name.to_owned(),
            gvcf: Some(file(&format!("{name}.g.vcf.gz"))),
            ..v1::Sample::default()
        };
    }
    let fastq = v1::FastqPair {
        first: Some(file(&format!("{name}_1.fq"))),
        second: Some(file(&format!("{name}_2.fq"))),
    };
    let (align_chunks, merge_regions) = if way == 1 { (3, 2) } else { (0, 0) };
    v1::Sample {
        name: name.to_owned(),
        read_groups: vec![v1::ReadGroup {
            id: format!("{name}.1"),
            library: "l".to_owned(),
            platform: "ILLUMINA".to_owned(),
            platform_unit: "u".to_owned(),
            source: Some(v1::read_group::Source::Fastq(fastq)),
        }],
        align_chunks,
        merge_regions,
        ..v1::Sample::default()
    }
}

fn file(name: &str) -> v1::ReadFile {
    let digits: String = name.bytes().map(|byte| format!("{byte:02x}")).collect();
    v1::ReadFile {
        path: format!("/in/{name}"),
        size: 1,
        fingerprint: format!("{digits:0<64}").chars().take(64).collect(),
    }
}
