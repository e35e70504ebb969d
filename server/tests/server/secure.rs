//! A scheduler that asks for certificates, clients of every role, and calls of any method with any bytes.

use bytes::{Buf as _, BufMut as _};
use kumi_proto::v1::cohort_service_client::CohortServiceClient;
use kumi_server::{Config, Server, start};
use kumi_tls::issue::{self, Issued, Validity};
use kumi_tls::{Credentials, Files, Identity};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tempfile::TempDir;
use tokio_stream::Stream;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

use crate::harness::LONG;

/// One identity of each role.
pub(crate) const ROLES: [&str; 6] = [
    "kumi://kumi/operator/-/yuki",
    "kumi://kumi/submitter/tokyo/lims",
    "kumi://kumi/worker/-/node17",
    "kumi://kumi/scheduler/-/2",
    "kumi://kumi/auditor/-/a",
    "kumi://kumi/read-only/-/prometheus",
];

/// A one-node cluster with certificates.
pub(crate) struct Secure {
    folder: TempDir,
    ca: Issued,
    pub(crate) server: Server,
}

impl Secure {
    pub(crate) async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ca = issue::authority("kumi", Validity::days(2)).unwrap();
        let mut config = Config::embedded(folder.path().join("data"));
        config.scheduler.lease = LONG;
        config.scheduler.metrics_listen = Some("127.0.0.1:0".to_owned());
        config.tls = Some(files(&folder, &ca, "kumi://kumi/scheduler/-/1"));
        let server = start(config).await.unwrap();
        server.wait_ready().await;
        Self { folder, ca, server }
    }

    /// A connection of somebody.
    pub(crate) async fn connect(&self, uri: &str) -> Channel {
        let files = files(&self.folder, &self.ca, uri);
        let credentials = Credentials::load(files).unwrap();
        let uri = format!("http://{}", self.server.grpc_address());
        let endpoint = Endpoint::from_shared(uri).unwrap();
        credentials.dial().connect(endpoint).await.unwrap()
    }

    pub(crate) async fn cohorts(&self, uri: &str) -> CohortServiceClient<Channel> {
        CohortServiceClient::new(self.connect(uri).await)
    }

    pub(crate) fn files(&self, uri: &str) -> Files {
        files(&self.folder, &self.ca, uri)
    }
}

fn files(folder: &TempDir, ca: &Issued, uri: &str) -> Files {
    let identity: Identity = uri.parse().unwrap();
    let hosts = ["127.0.0.1".to_owned()];
    let issued = issue::certificate(ca, &identity, &hosts, Validity::days(1)).unwrap();
    let path = |name: &str| folder.path().join(name);
    let stem = identity.actor().replace('/', ".");
    let files = Files {
        certificate: path(&format!("{stem}.pem")),
        key: path(&format!("{stem}.key")),
        ca: path("ca.pem"),
    };
    std::fs::write(&files.certificate, issued.certificate).unwrap();
    std::fs::write(&files.key, issued.key).unwrap();
    std::fs::write(&files.ca, &ca.certificate).unwrap();
    files
}

/// `/package.Service/Method` of everything that is served.
pub(crate) fn methods() -> Vec<String> {
    let sets = [
        kumi_proto::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    ];
    let mut methods = Vec::new();
    for bytes in sets {
        for file in FileDescriptorSet::decode(bytes).unwrap().file {
            for service in &file.service {
                for method in &service.method {
                    let (service, name) = (service.name(), method.name());
                    methods.push(format!("/{}.{service}/{name}", file.package()));
                }
            }
        }
    }
    assert!(methods.len() > 15);
    methods
}

/// Who may call a method, of those who may do most.
pub(crate) fn permitted(path: &str) -> &'static str {
    match path {
        "/kumi.v1.WorkerService/Session" => ROLES[2],
        "/kumi.v1.RaftService/Send" => ROLES[3],
        _ => ROLES[0],
    }
}

/// Calls a method with messages of these bytes.
pub(crate) async fn call(
    channel: Channel,
    path: &str,
    messages: impl Stream<Item = Vec<u8>> + Send + 'static,
) -> Result<Streaming<Vec<u8>>, Status> {
    let mut client = Grpc::new(channel).max_encoding_message_size(usize::MAX);
    let ready = client.ready().await;
    ready.map_err(|error| Status::unavailable(error.to_string()))?;
    let path = PathAndQuery::try_from(path).unwrap();
    let answer = client.streaming(Request::new(messages), path, Raw).await?;
    Ok(answer.into_inner())
}

/// The first message of a call's answer, or its status.
pub(crate) async fn first(
    channel: Channel,
    path: &str,
    messages: Vec<Vec<u8>>,
) -> Result<Option<Vec<u8>>, Status> {
    let stream = tokio_stream::iter(messages);
    call(channel, path, stream).await?.message().await
}

/// Bytes as they are.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}
