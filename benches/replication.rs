//! How long commands take through replication alone, and how many of them go: three nodes of `kumi-cluster` in one
//! process over the loopback, each with its own log and real fsyncs, and a state machine that does nothing.
//!
//! `cargo bench -p kumi-benches --bench replication`; the folder lies below `TMPDIR`. Options: `--windows 1,8,64,1024`,
//! commands under way at a time; `--seconds 5`; `--bytes 96`, of a command; `--beside COMMAND`, whose output is printed
//! beside (the same of another implementation).
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

mod measure;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use kumi_cluster::{Config, Node, RestoreError, StateMachine, UnknownCommand, service};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;

/// That of the binary that is packed: docs/adr/0018-static-binary.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const HEAD: &str =
    "| commands under way | commands/s | until applied, ms: p50, p99 | CPU of all, us a command |
|---|---|---|---|";
/// Before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

/// Does nothing with commands.
struct Nothing;

impl StateMachine for Nothing {
    type Outcome = ();

    fn apply(&mut self, _: u64, _: u32, _: &[u8]) -> Result<(), UnknownCommand> {
        Ok(())
    }

    fn snapshot(&self) -> Vec<u8> {
        Vec::new()
    }

    fn restore(&mut self, _: &[u8]) -> Result<(), RestoreError> {
        Ok(())
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let number = |name, default: u32| {
        let given = value(name).map(|text| text.parse().expect("a number"));
        given.unwrap_or(default)
    };
    let windows = value("--windows").unwrap_or_else(|| "1,8,64,1024".to_owned());
    let seconds = Duration::from_secs(number("--seconds", 5).into());
    let command = vec![7; number("--bytes", 96) as usize];
    if let Some(beside) = value("--beside") {
        let shell = Command::new("sh").args(["-c", &beside]).output();
        let output = shell.expect("a shell").stdout;
        println!("{}", String::from_utf8_lossy(&output));
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let folder = tempfile::tempdir().expect("a folder");
        println!("{}\n", measure::machine(folder.path()));
        println!("{HEAD}");
        let nodes = start(folder.path()).await;
        let leader = led_by(&nodes).await;
        for window in windows.split(',') {
            let window = window.parse().expect("a number of commands");
            println!("{}", measure(leader, window, &command, seconds).await);
        }
    });
}

async fn start(folder: &Path) -> Vec<Node<Nothing>> {
    let mut listeners = BTreeMap::new();
    for id in 1..=3 {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        listeners.insert(id, listener);
    }
    let address = |(id, listener): (&u64, &TcpListener)| {
        let address = listener.local_addr().expect("bound");
        (*id, address.to_string())
    };
    let peers: BTreeMap<u64, String> = listeners.iter().map(address).collect();
    let mut nodes = Vec::new();
    for (id, listener) in listeners {
        let config = Config {
            peers: peers.clone(),
            ..Config::new(id, folder.join(id.to_string()))
        };
        let node = Node::start(config, Nothing).await.expect("it starts");
        let server = Server::builder()
            .add_service(service(&node))
            .serve_with_incoming(TcpListenerStream::new(listener));
        tokio::spawn(server);
        nodes.push(node);
    }
    nodes
}

async fn led_by(nodes: &[Node<Nothing>]) -> &Node<Nothing> {
    loop {
        if let Some(leader) = nodes.iter().find(|node| node.status().borrow().leads()) {
            return leader;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A row of the table: so many proposers, each of which proposes again as soon as it is answered.
async fn measure(
    leader: &Node<Nothing>,
    window: usize,
    command: &[u8],
    seconds: Duration,
) -> String {
    let began = Instant::now() + WARM_UP;
    let ends = began + seconds;
    let mut proposers = JoinSet::new();
    for _ in 0..window {
        let (leader, command) = (leader.clone(), command.to_vec());
        proposers.spawn(async move {
            let mut latencies = Vec::new();
            loop {
                let proposed = Instant::now();
                if proposed >= ends {
                    return latencies;
                }
                let outcome = leader.propose(command.clone()).await;
                outcome.expect("the leader stays");
                if proposed >= began {
                    latencies
                        .push(u32::try_from(proposed.elapsed().as_micros()).unwrap_or(u32::MAX));
                }
            }
        });
    }
    tokio::time::sleep_until(began.into()).await;
    let before = measure::cpu_us("self");
    let each = proposers.join_all().await;
    let used = measure::cpu_us("self") - before;
    let mut latencies = each.concat();
    let commands = latencies.len();
    let mut quantile = |part| measure::quantile(&mut latencies, part) / 1e3;
    format!(
        "| {window} | {:.0} | {:.2}, {:.2} | {:.1} |",
        commands as f64 / seconds.as_secs_f64(),
        quantile(0.5),
        quantile(0.99),
        used / commands.max(1) as f64
    )
}
