//! Servers in temporary folders, clients for them, and a small cohort.

use std::time::Duration;

use kumi_proto::v1;
use kumi_proto::v1::cohort_service_client::CohortServiceClient;
use kumi_proto::v1::worker_service_client::WorkerServiceClient;
use kumi_server::config::Span;
use kumi_server::{Config, Server, start};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Status;
use tonic::transport::Channel;
use tonic_types::StatusExt as _;

/// Long enough for a machine under load; only a hang reaches it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// A lease that no test outlives.
pub(crate) const LONG: Span = Span::from_ms(3_600_000);
/// A lease whose end a test waits for.
pub(crate) const SHORT: Span = Span::from_ms(1_000);

/// A one-node cluster in a folder of its own.
pub(crate) struct Solo {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
    lease: Span,
}

impl Solo {
    pub(crate) async fn start(lease: Span) -> Self {
        Self::start_with(lease, |_| {}).await
    }

    /// As [`Solo::start`], with a configuration that is changed before.
    pub(crate) async fn start_with(lease: Span, change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = solo_config(&folder, lease);
        change(&mut config);
        let server = start(config).await.unwrap();
        server.wait_ready().await;
        Self {
            folder,
            server,
            lease,
        }
    }

    /// Stops the server and starts it again from its folder, at another address.
    pub(crate) async fn restart(self) -> Self {
        let Self {
            folder,
            server,
            lease,
        } = self;
        server.shutdown().await;
        server.stopped().await.unwrap();
        let server = start(solo_config(&folder, lease)).await.unwrap();
        server.wait_ready().await;
        Self {
            folder,
            server,
            lease,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.server.grpc_address().to_string()
    }

    pub(crate) async fn cohorts(&self) -> CohortServiceClient<Channel> {
        CohortServiceClient::new(dial(&self.address()).await)
    }

    pub(crate) async fn workers(&self) -> WorkerServiceClient<Channel> {
        WorkerServiceClient::new(dial(&self.address()).await)
    }
}

fn solo_config(folder: &TempDir, lease: Span) -> Config {
    let mut config = Config::embedded(folder.path().join("data"));
    config.scheduler.metrics_listen = Some("127.0.0.1:0".to_owned());
    config.scheduler.lease = lease;
    config.scheduler.report_in = Span::from_ms(50);
    config
}

pub(crate) async fn dial(address: &str) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{address}")).unwrap();
    endpoint.connect_timeout(PATIENCE).connect().await.unwrap()
}

/// A cohort of `samples` samples, each cut into `shards` call shards.
pub(crate) fn cohort(
    name: &str,
    samples: usize,
    shards: u32,
) -> (v1::CohortHeader, Vec<v1::Sample>) {
    let file = |path: String| v1::ReadFile {
        path,
        size: 1_000,
        fingerprint: "ab".repeat(32),
    };
    let contig = v1::Contig {
        name: "chr1".to_owned(),
        length: 1 << 20,
        md5: "cd".repeat(16),
        alternate: false,
    };
    let header = v1::CohortHeader {
        request_id: format!("request {name}"),
        name: name.to_owned(),
        programme: "rare".to_owned(),
        centre: "tokyo".to_owned(),
        priority: v1::Priority::Normal.into(),
        root: "/data/out".to_owned(),
        reference: Some(v1::ReferenceFacts {
            name: "ref.fa".to_owned(),
            contigs: vec![contig],
            source: Some(v1::reference_facts::Source::Fasta(file(
                "/data/ref.fa".to_owned(),
            ))),
        }),
        params: Some(v1::CohortParams {
            call_shards: shards,
            joint_shards: 1,
            cores_per_align: 1,
            on_bad_sample: v1::OnBadSample::Fail.into(),
            kernel_version: "1".to_owned(),
            ..v1::CohortParams::default()
        }),
        ..v1::CohortHeader::default()
    };
    let sample = |number: usize| {
        let read = |mate: u32| {
            let mut read = file(format!("/data/{name}/s{number}_R{mate}.fastq.gz"));
            read.fingerprint = format!("{name}/{number}/{mate}")
                .bytes()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>();
            read.fingerprint = format!("{:0<64}", read.fingerprint)
                .chars()
                .take(64)
                .collect();
            read
        };
        v1::Sample {
            name: format!("s{number}"),
            patient: format!("p{number}"),
            centre: "tokyo".to_owned(),
            read_groups: vec![v1::ReadGroup {
                id: format!("s{number}.1"),
                library: "lib".to_owned(),
                platform: "ILLUMINA".to_owned(),
                platform_unit: "unit.1".to_owned(),
                source: Some(v1::read_group::Source::Fastq(v1::FastqPair {
                    first: Some(read(1)),
                    second: Some(read(2)),
                })),
            }],
            ..v1::Sample::default()
        }
    };
    (header, (1..=samples).map(sample).collect())
}

/// A submission's messages: the header, then one for each sample.
pub(crate) fn messages(
    (header, samples): (v1::CohortHeader, Vec<v1::Sample>),
) -> Vec<v1::SubmitRequest> {
    let first = v1::SubmitRequest {
        header: Some(header),
        samples: Vec::new(),
    };
    let rest = samples.into_iter().map(|sample| v1::SubmitRequest {
        header: None,
        samples: vec![sample],
    });
    std::iter::once(first).chain(rest).collect()
}

/// A plain HTTP GET: status line and body.
pub(crate) async fn get(solo: &Solo, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(solo.server.metrics_address().unwrap())
        .await
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: kumi\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

/// What monitoring gets.
pub(crate) async fn metrics(solo: &Solo) -> String {
    get(solo, "/metrics").await.1
}

/// Submits and gives the answer.
pub(crate) async fn submit(
    client: &mut CohortServiceClient<Channel>,
    cohort: (v1::CohortHeader, Vec<v1::Sample>),
) -> Result<v1::SubmitResponse, Status> {
    let stream = tokio_stream::iter(messages(cohort));
    client.submit(stream).await.map(tonic::Response::into_inner)
}

pub(crate) async fn detail(
    client: &mut CohortServiceClient<Channel>,
    cohort: &str,
) -> v1::CohortDetail {
    let asked = v1::GetCohortRequest {
        cohort: cohort.to_owned(),
        stale: false,
        store: false,
    };
    client.get(asked).await.unwrap().into_inner()
}

pub(crate) async fn summary(
    client: &mut CohortServiceClient<Channel>,
    cohort: &str,
) -> v1::CohortSummary {
    detail(client, cohort).await.summary.unwrap()
}

/// The reason in a refusal's details.
pub(crate) fn reason(status: &Status) -> String {
    status
        .get_details_error_info()
        .unwrap_or_else(|| panic!("{status:?} has no reason"))
        .reason
}

pub(crate) async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let search = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, search).await;
    found.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Waits for a future that only a hang keeps from its end.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let found = tokio::time::timeout(PATIENCE, future).await;
    found.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}
