//! Good records of the control plane, to begin with.

use kumi_cluster::audit::Head;
use kumi_cluster::backup::Backup;
use kumi_proto::v1;
use kumi_proto::v1::Command;
use kumi_proto::v1::command::Kind;
use prost::Message as _;

use crate::rpc;

/// Writes what a target begins with into its corpus.
pub fn seed(target: &str) {
    let good = match target {
        "raft" => vec![backup()],
        "rpc" => calls(),
        _ => vec![commands()],
    };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(target);
    std::fs::create_dir_all(&folder).expect("a corpus");
    for (number, bytes) in good.iter().enumerate() {
        std::fs::write(folder.join(format!("good-{number}")), bytes).expect("written");
    }
}

fn backup() -> Vec<u8> {
    Backup {
        cluster: "c".to_owned(),
        index: 7,
        machine_version: 1,
        head: Head::default(),
        state: vec![1, 2, 3],
    }
    .encode()
}

/// A submission in two messages, and a worker's session.
fn calls() -> Vec<Vec<u8>> {
    let submit = [
        v1::SubmitRequest {
            header: Some(header()),
            samples: Vec::new(),
        },
        v1::SubmitRequest {
            header: None,
            samples: vec![sample()],
        },
    ];
    let report = v1::Report {
        hello: Some(hello()),
        free_cores: 4,
        free_memory_bytes: 1 << 36,
        ..v1::Report::default()
    };
    let call = |method, messages: &[Vec<u8>]| {
        let mut bytes = vec![rpc::number(method)];
        messages.iter().for_each(|message| put(&mut bytes, message));
        bytes
    };
    vec![
        call("Submit", &submit.map(|message| message.encode_to_vec())),
        call("Session", &[report.encode_to_vec()]),
    ]
}

/// Appends a message and its length before it.
fn put(bytes: &mut Vec<u8>, message: &[u8]) {
    let length = u16::try_from(message.len()).expect("a small message");
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(message);
}

fn file(path: &str) -> v1::ReadFile {
    v1::ReadFile {
        path: path.to_owned(),
        size: 1_000,
        fingerprint: "ab".repeat(32),
    }
}

fn header() -> v1::CohortHeader {
    v1::CohortHeader {
        request_id: "r".to_owned(),
        name: "n".to_owned(),
        programme: "p".to_owned(),
        centre: "c".to_owned(),
        root: "/o".to_owned(),
        reference: Some(v1::ReferenceFacts {
            name: "ref.fa".to_owned(),
            contigs: vec![v1::Contig {
                name: "1".to_owned(),
                length: 100_000,
                md5: "cd".repeat(16),
                alternate: false,
            }],
            source: Some(v1::reference_facts::Source::Index(file("/r.kidx"))),
        }),
        params: Some(v1::CohortParams {
            call_shards: 2,
            joint_shards: 1,
            cores_per_align: 1,
            kernel_version: "k".to_owned(),
            ..v1::CohortParams::default()
        }),
        ..v1::CohortHeader::default()
    }
}

fn sample() -> v1::Sample {
    v1::Sample {
        name: "s".to_owned(),
        patient: "s".to_owned(),
        gvcf: Some(file("/s.g.vcf.gz")),
        ..v1::Sample::default()
    }
}

fn hello() -> v1::WorkerHello {
    v1::WorkerHello {
        name: "w".to_owned(),
        incarnation: "i".to_owned(),
        cores: 4,
        memory_bytes: 1 << 36,
        kernel_version: "k".to_owned(),
        ..v1::WorkerHello::default()
    }
}

/// A cohort, a worker that gets tasks of it, results, and what operators do.
fn commands() -> Vec<u8> {
    let task = |stage: v1::Stage, row, column| v1::TaskId {
        cohort: 1,
        stage: stage.into(),
        row,
        column,
    };
    let finished = v1::FinishedTask {
        attempt: 1,
        task: Some(task(v1::Stage::Gvcf, 0, 0)),
        result: Some(v1::finished_task::Result::Failure(v1::Failure {
            class: v1::FailureClass::Transient.into(),
            message: "m".to_owned(),
        })),
        ..v1::FinishedTask::default()
    };
    let kinds = [
        Kind::NewTerm(v1::NewTerm {
            leader: 1,
            lease_ms: 1_000,
        }),
        Kind::Open(v1::Open {
            header: Some(header()),
            samples: vec![sample()],
        }),
        Kind::Register(v1::Register {
            hello: Some(hello()),
        }),
        Kind::Grant(v1::Grant {
            worker: 1,
            tasks: vec![task(v1::Stage::Gvcf, 0, 0)],
            lease_ms: 1_000,
        }),
        Kind::Speculate(v1::Speculate {
            worker: 1,
            attempt: 1,
        }),
        Kind::Settle(v1::Settle {
            worker: 1,
            finished: vec![finished],
        }),
        Kind::Withdraw(v1::Withdraw {
            request_id: "q".to_owned(),
            cohort: 1,
            samples: vec!["s".to_owned()],
            ..v1::Withdraw::default()
        }),
        Kind::Cancel(v1::Cancel {
            request_id: "x".to_owned(),
            cohort: 1,
            reason: "y".to_owned(),
        }),
        Kind::Retry(v1::Retry {
            request_id: "z".to_owned(),
            cohort: 1,
            ..v1::Retry::default()
        }),
    ];
    let mut bytes = Vec::new();
    for (at_ms, kind) in (1..).zip(kinds) {
        let command = Command {
            at_ms,
            kind: Some(kind),
            actor: String::new(),
        }
        .encode_to_vec();
        put(&mut bytes, &command);
    }
    bytes
}
