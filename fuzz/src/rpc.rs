//! A scheduler that runs, and calls of it with any bytes for messages.

use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use kumi_cluster::Drive;
use kumi_cluster::store::disk::DiskLog;
use kumi_proto::dial::Dial;
use kumi_server::config::Config;
use kumi_server::{Clock, Environment, Machine, Server};
use prost::Message as _;
use prost::bytes::{Buf as _, BufMut as _};
use prost_types::FileDescriptorSet;
use redb::backends::InMemoryBackend;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::Status;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};

/// Calls of one scheduler, whose memory grows with what it is told.
const CALLS_MAX: u32 = 10_000;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the first message of an answer is waited for: some streams tell only what happens.
const FIRST: Duration = Duration::from_millis(20);

/// Every method but those of the schedulers among themselves.
static METHODS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let files = FileDescriptorSet::decode(kumi_proto::DESCRIPTORS).expect("the build wrote them");
    let mut methods = Vec::new();
    for file in &files.file {
        for service in file.service.iter().filter(|s| s.name() != "RaftService") {
            let of = |method: &prost_types::MethodDescriptorProto| {
                format!("/{}.{}/{}", file.package(), service.name(), method.name())
            };
            methods.extend(service.method.iter().map(of));
        }
    }
    methods.sort();
    methods
});

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static SCHEDULER: Mutex<Option<Running>> = Mutex::new(None);

struct Running {
    server: Server,
    channel: Channel,
    calls: u32,
}

/// The number that stands for a method in an input.
///
/// # Panics
/// When there is no such method.
pub fn number(method: &str) -> u8 {
    let at = METHODS.iter().position(|path| path.ends_with(method));
    at.and_then(|at| u8::try_from(at).ok()).expect("a method")
}

/// One call: the first byte says of what, then come messages with two bytes of length before each.
///
/// # Panics
/// When the scheduler does not answer, or not the next one.
pub fn call(data: &[u8]) {
    let Some((method, mut rest)) = data.split_first() else {
        return;
    };
    let path = &METHODS[usize::from(*method) % METHODS.len()];
    let mut messages = Vec::new();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(after.len());
        messages.push(after[..length].to_vec());
        rest = &after[length..];
    }
    let mut scheduler = SCHEDULER.lock().unwrap_or_else(PoisonError::into_inner);
    RUNTIME.block_on(async {
        if scheduler.as_ref().is_some_and(|old| old.calls >= CALLS_MAX)
            && let Some(old) = scheduler.take()
        {
            old.server.shutdown().await;
        }
        let running = match &mut *scheduler {
            Some(running) => running,
            none => none.insert(start().await),
        };
        running.calls += 1;
        // Whatever it answers.
        let _ = one(&running.channel, path, messages).await;
        let status = "/kumi.v1.ClusterService/Status";
        let alive = one(&running.channel, status, vec![Vec::new()]).await;
        alive.expect("it answers after any call");
    });
}

async fn start() -> Running {
    let clock = Clock::system();
    let environment = Environment {
        clock,
        cluster: kumi_cluster::Environment::new(Dial::default(), Drive::Thread, |_, identity| {
            DiskLog::open_on(InMemoryBackend::new(), identity)
        }),
        machine: Machine::default(),
        credentials: None,
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address: SocketAddr = listener.local_addr().expect("an address");
    let mut config = Config::embedded("nowhere");
    config.scheduler.listen = address.to_string();
    let connections = TcpListenerStream::new(listener);
    let server = kumi_server::start_in(config, environment, address, connections).await;
    let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
    let running = Running {
        server: server.expect("it starts"),
        channel: endpoint.connect().await.expect("it listens"),
        calls: 0,
    };
    // Until it leads, it refuses most of what it is asked.
    let status = "/kumi.v1.ClusterService/Status";
    let leader = kumi_proto::v1::ClusterStatusRequest { leader: true }.encode_to_vec();
    while one(&running.channel, status, vec![leader.clone()])
        .await
        .is_err()
    {
        tokio::time::sleep(FIRST).await;
    }
    running
}

/// The answer's status, once its first message is there or does not come.
async fn one(channel: &Channel, path: &str, messages: Vec<Vec<u8>>) -> Result<(), Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.expect("it is connected");
    let path = PathAndQuery::try_from(path).expect("a path");
    let messages = tonic::Request::new(tokio_stream::iter(messages));
    let answer = timeout(PATIENCE, client.streaming(messages, path, Opaque)).await;
    let mut answer = answer.expect("an answer in time")?.into_inner();
    match timeout(FIRST, answer.next()).await {
        Ok(Some(Err(status))) => Err(status),
        _ => Ok(()),
    }
}

/// Messages as they are.
#[derive(Clone, Copy)]
struct Opaque;

impl Codec for Opaque {
    type Encode = Vec<u8>;
    type Decode = ();
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Opaque {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, item: Vec<u8>, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put_slice(&item);
        Ok(())
    }
}

impl Decoder for Opaque {
    type Item = ();
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<()>, Status> {
        from.advance(from.remaining());
        Ok(Some(()))
    }
}
