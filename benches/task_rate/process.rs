//! Three schedulers in processes of their own.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use kumi_server::Config;
use tempfile::TempDir;

use crate::measure;

const NODES: usize = 3;

pub(crate) struct Cluster {
    folder: TempDir,
    addresses: Vec<String>,
    metrics: Vec<String>,
    children: Vec<Child>,
}

/// How often something was done, and how long all of that took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timed {
    pub(crate) count: f64,
    pub(crate) seconds: f64,
}

impl Timed {
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            count: self.count - before.count,
            seconds: self.seconds - before.seconds,
        }
    }

    pub(crate) fn mean_ms(self) -> f64 {
        self.seconds / self.count.max(1.0) * 1e3
    }
}

impl Cluster {
    /// Starts all nodes with the default timing.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let listeners: Vec<TcpListener> = (0..2 * NODES)
            .map(|_| TcpListener::bind("127.0.0.1:0").expect("a port"))
            .collect();
        let mut addresses: Vec<String> = (listeners.iter())
            .map(|listener| listener.local_addr().expect("bound").to_string())
            .collect();
        drop(listeners);
        let metrics = addresses.split_off(NODES);
        for (node, told) in metrics.iter().enumerate() {
            let text = configuration(folder.path(), node, (&addresses, told));
            std::fs::write(folder.path().join(file(node)), text).expect("written");
        }
        let children = (0..NODES).map(|node| spawn(folder.path(), node)).collect();
        Self {
            folder,
            addresses,
            metrics,
            children,
        }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn address(&self, node: usize) -> &str {
        &self.addresses[node]
    }

    pub(crate) fn addresses(&self) -> &[String] {
        &self.addresses
    }

    /// Kills a node as a loss of power would.
    pub(crate) fn kill(&mut self, node: usize) {
        self.children[node].kill().expect("it runs");
        self.children[node].wait().expect("it was killed");
    }

    pub(crate) fn restart(&mut self, node: usize) {
        self.children[node] = spawn(self.folder.path(), node);
    }

    /// CPU time of each node so far, microseconds.
    pub(crate) fn cpu_us(&self) -> Vec<f64> {
        let children = self.children.iter();
        children
            .map(|child| measure::cpu_us(&child.id().to_string()))
            .collect()
    }

    /// What a node's entries took to a majority so far, and its commands to their outcome, by its metrics.
    pub(crate) fn replicated(&self, node: usize) -> [Timed; 2] {
        let mut stream = TcpStream::connect(&self.metrics[node]).expect("metrics are told");
        let asked = stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n");
        asked.expect("asked");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let value = |name: &str| {
            let of = |line: &str| line.strip_prefix(name)?.trim().parse().ok();
            text.lines().find_map(of).expect("a metric")
        };
        ["commit", "proposal"].map(|what| {
            let part = |part| value(&format!("kumi_raft_{what}_duration_seconds_{part} "));
            Timed {
                count: part("count"),
                seconds: part("sum"),
            }
        })
    }

    /// Bytes of all that a node has applied, as its audit log keeps it.
    pub(crate) fn log_bytes(&self, node: usize) -> u64 {
        let folder = self.folder.path().join(format!("data{node}/audit"));
        let files = std::fs::read_dir(folder).expect("an audit log");
        let size = |entry: std::io::Result<std::fs::DirEntry>| entry.ok()?.metadata().ok();
        files.filter_map(size).map(|file| file.len()).sum()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in &mut self.children {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn file(node: usize) -> String {
    format!("node{node}.toml")
}

fn configuration(folder: &Path, node: usize, (addresses, metrics): (&[String], &String)) -> String {
    let mut text = format!(
        "[scheduler]\nid = {}\ncluster = \"bench\"\nlisten = \"{}\"\nmetrics_listen = \"{metrics}\"\ndata_dir = \"{}\"\n[scheduler.peers]\n",
        node + 1,
        addresses[node],
        folder.join(format!("data{node}")).display()
    );
    for (at, address) in addresses.iter().enumerate() {
        text.push_str(&format!("{} = \"{address}\"\n", at + 1));
    }
    text
}

fn spawn(folder: &Path, node: usize) -> Child {
    let this = std::env::current_exe().expect("a program");
    let log = File::create(folder.join(format!("node{node}.log"))).expect("a file");
    Command::new(this)
        .arg("--scheduler")
        .arg(folder.join(file(node)))
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("it starts")
}

/// What a child does: `kumi scheduler` without its log.
pub(crate) async fn serve(config: &Path) {
    let config = Config::load(Some(config), &[]).expect("a configuration");
    let server = kumi_server::start(config).await.expect("it starts");
    server.stopped().await.expect("it is killed");
}
