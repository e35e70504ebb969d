//! What nobody should send, to every method: each gets a status, and the server goes on.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::{Duration, Instant};

use kumi_proto::v1;
use prost::Message as _;
use tokio_stream::StreamExt as _;
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{cohort, messages, reason};
use crate::secure::{Secure, call, first, methods, permitted};

/// Rounds of noise for each method.
const ROUNDS: usize = 60;
/// No answer takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Numbers from a seed (xorshift64*).
struct Noise(u64);

impl Noise {
    fn new() -> Self {
        let seed = std::env::var("KUMI_TEST_SEED").ok();
        let seed = seed.and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| RandomState::new().build_hasher().finish() | 1);
        eprintln!("KUMI_TEST_SEED={seed}");
        Self(seed)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % end
    }

    /// Random bytes, or a good message with some of its bytes changed.
    fn message(&mut self, good: &[Vec<u8>]) -> Vec<u8> {
        if self.below(3) == 0 {
            let length = self.below(300);
            return (0..length).map(|_| self.below(256) as u8).collect();
        }
        let mut bytes = good[self.below(good.len())].clone();
        for _ in 0..self.below(6) {
            let at = self.below(bytes.len().max(1)).min(bytes.len());
            match self.below(3) {
                0 if at < bytes.len() => bytes[at] = self.below(256) as u8,
                1 => bytes.truncate(at),
                _ => bytes.insert(at, self.below(256) as u8),
            }
        }
        bytes
    }
}

/// Messages that are in order, of several methods.
fn good() -> Vec<Vec<u8>> {
    let mut good: Vec<Vec<u8>> = messages(cohort("noise", 2, 2))
        .iter()
        .map(prost::Message::encode_to_vec)
        .collect();
    let report = v1::Report {
        hello: Some(v1::WorkerHello {
            name: "node17".to_owned(),
            incarnation: "i".to_owned(),
            cores: 4,
            memory_bytes: 1 << 34,
            ..Default::default()
        }),
        free_cores: 4,
        running: vec![v1::RunningTask::default()],
        finished: vec![v1::FinishedTask::default()],
        ..Default::default()
    };
    let frame = v1::RaftFrame {
        cluster: "kumi".to_owned(),
        from: 2,
        to: 1,
        messages: vec![vec![8, 5, 16, 1]],
        part: Some(v1::RaftPart {
            offset: 0,
            total: 100,
            data: vec![7; 40],
        }),
        ..v1::RaftFrame::default()
    };
    let cancel = v1::CancelCohortRequest {
        request_id: "id".to_owned(),
        cohort: "noise".to_owned(),
        reason: String::new(),
    };
    good.extend([
        report.encode_to_vec(),
        frame.encode_to_vec(),
        cancel.encode_to_vec(),
    ]);
    good
}

/// The server still answers.
async fn alive(secure: &Secure) {
    let mut client = secure.cohorts("kumi://kumi/operator/-/yuki").await;
    let listed = client.list(v1::ListCohortsRequest::default());
    let listed = tokio::time::timeout(PATIENCE, listed).await;
    listed.expect("an answer").expect("no refusal");
}

/// Whether a method may say nothing for long when all is well.
fn stays_open(path: &str) -> bool {
    path.contains("Watch") || path.contains("/Session")
}

/// The first message or the status of a call; an answer that stays open is one, too.
async fn answered(channel: Channel, path: &str, sent: Vec<Vec<u8>>) -> Option<Code> {
    let answer = first(channel, path, sent);
    let patience = if stays_open(path) {
        Duration::from_millis(200)
    } else {
        PATIENCE
    };
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(_)) => Some(Code::Ok),
        Ok(Err(status)) => Some(status.code()),
        Err(_) => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_gets_a_status_from_every_method() {
    let secure = Secure::start().await;
    let (mut noise, good) = (Noise::new(), good());
    for path in methods() {
        let channel = secure.connect(permitted(&path)).await;
        let mut open = 0;
        for round in 0..ROUNDS {
            let count = 1 + noise.below(3);
            let sent: Vec<_> = (0..count).map(|_| noise.message(&good)).collect();
            match answered(channel.clone(), &path, sent).await {
                None => open += 1,
                // These say that something in the server broke.
                Some(code) => assert!(
                    !matches!(code, Code::Unknown | Code::DataLoss | Code::Unavailable),
                    "{path} round {round}: {code:?}"
                ),
            }
        }
        assert!(open == 0 || stays_open(&path), "{path}: {open} calls hang");
    }
    alive(&secure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_is_refused_before_it_is_kept() {
    let secure = Secure::start().await;
    let before = resident_bytes();
    for path in methods() {
        let channel = secure.connect(permitted(&path)).await;
        // A field that no message has, of 24 MiB.
        let mut huge = vec![0xfa, 0x7f];
        prost::encode_length_delimiter(24 << 20, &mut huge).unwrap();
        huge.resize(huge.len() + (24 << 20), 0);
        let answer = first(channel, &path, vec![huge]);
        let answer = tokio::time::timeout(PATIENCE, answer).await.expect(&path);
        // Reflection ends its answer without a word.
        assert!(!matches!(answer, Ok(Some(_))), "{path}: {answer:?}");
    }
    alive(&secure).await;
    // The message is the client's, which is in this process: once, not once for each method.
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 256 << 20, "{grown} bytes more are held");
}

/// 16 MiB of samples that say nothing became 2 GiB when they were decoded.
#[tokio::test(flavor = "multi_thread")]
async fn elements_of_two_bytes_are_counted_before_they_are_built() {
    let secure = Secure::start().await;
    let path = "/kumi.v1.CohortService/Submit";
    let channel = secure.connect(permitted(path)).await;
    let most = kumi_server::limits::MESSAGE_ELEMENTS_MAX;
    let empty = [0x12, 0];
    let answer = first(channel.clone(), path, vec![empty.repeat(most + 1)]).await;
    assert_eq!(reason(&answer.unwrap_err()), "TOO_LARGE");
    let messages = vec![empty.repeat(most); 5];
    let answer = first(channel.clone(), path, messages).await;
    assert!(answer.is_err());
    // As many as there may be are taken, and found to be without a header.
    let answer = first(channel, path, vec![empty.repeat(most)]).await;
    assert_eq!(reason(&answer.unwrap_err()), "BAD_REQUEST");
    alive(&secure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_without_end_are_refused() {
    let secure = Secure::start().await;
    let channel = secure.connect("kumi://kumi/operator/-/yuki").await;
    let mut client = v1::cluster_service_client::ClusterServiceClient::new(channel);
    let mut request = tonic::Request::new(v1::ClusterStatusRequest::default());
    let long = "x".repeat(64 << 10).parse().unwrap();
    request.metadata_mut().insert("x-long", long);
    let answer = tokio::time::timeout(PATIENCE, client.status(request)).await;
    assert!(answer.expect("an answer").is_err());
    alive(&secure).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_never_end_are_ended() {
    let secure = Secure::start().await;
    let began = Instant::now();
    let mut waiting = Vec::new();
    for path in methods() {
        // Sessions of workers and nodes live long; the others' requests must come.
        if path.contains("RaftService") || path.contains("Reflection") {
            continue;
        }
        let channel = secure.connect(permitted(&path)).await;
        let silence = tokio_stream::pending::<Vec<u8>>();
        let answer = tokio::spawn(async move {
            let mut answer = call(channel, &path, silence).await?;
            answer.next().await.transpose().map(|_| ())
        });
        waiting.push(answer);
    }
    // Submissions may take ten minutes, but not thirty seconds of silence.
    for answer in waiting {
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        let status = answer.expect("an end").unwrap().unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{status:?}");
    }
    assert!(began.elapsed() >= Duration::from_secs(25));
    alive(&secure).await;
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
