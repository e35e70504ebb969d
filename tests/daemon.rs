//! Daemons under test: started, asked, killed.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use crate::support::{json, kumi, ok, text, until};

/// A child process that does not outlive the test.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts it; what it says goes to `log`.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the same log"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// SIGKILL, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Sends a signal (`STOP`, `CONT`).
    pub(crate) fn signal(&self, signal: &str) {
        ok(Command::new("kill").args([&format!("-{signal}"), &self.child.id().to_string()]));
    }

    /// Sends a signal (`TERM`, `INT`) and waits for the end.
    pub(crate) fn stop(&mut self, signal: &str) -> ExitStatus {
        self.signal(signal);
        until("the end of a process", || {
            self.child.try_wait().expect("a child")
        })
    }

    /// True while it runs.
    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// Everything it said.
    pub(crate) fn said(&self) -> String {
        std::fs::read(&self.log)
            .map(|bytes| text(&bytes))
            .unwrap_or_default()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("== {}\n{}", self.log.display(), self.said());
        }
    }
}

/// Ports of the loopback that were free a moment ago.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let held: [TcpListener; N] =
        std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").expect("a free port"));
    held.map(|listener| listener.local_addr().expect("an address").port())
}

/// The body of `http://127.0.0.1:PORT/PATH`, when it answers 200.
pub(crate) fn http_get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = text(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

/// A cluster of schedulers on the loopback, each in a folder of its own.
pub(crate) struct Schedulers {
    dir: PathBuf,
    pub(crate) ports: Vec<u16>,
    pub(crate) metrics: Vec<u16>,
    pub(crate) nodes: Vec<Process>,
    /// Lines of their configuration.
    settings: String,
    /// Of their environment.
    variables: Vec<(String, String)>,
}

impl Schedulers {
    /// Starts as many as there are ports and waits until one leads and all go by the newest version of the state
    /// machine: what they are told from then on is behind the snapshot that this takes, and in that version.
    pub(crate) fn start(dir: &Path, ports: &[u16], metrics: &[u16]) -> Self {
        Self::start_with(dir, ports, metrics, "")
    }

    /// As [`Self::start`], with more settings.
    pub(crate) fn start_with(
        dir: &Path,
        ports: &[u16],
        metrics: &[u16],
        settings: &'static str,
    ) -> Self {
        Self::start_in(dir, (ports, metrics), settings.to_owned(), Vec::new())
    }

    /// As [`Self::start_with`], with variables in their environment.
    pub(crate) fn start_in(
        dir: &Path,
        (ports, metrics): (&[u16], &[u16]),
        settings: String,
        variables: Vec<(String, String)>,
    ) -> Self {
        let mut schedulers = Self {
            dir: dir.to_owned(),
            ports: ports.to_vec(),
            metrics: metrics.to_vec(),
            nodes: Vec::new(),
            settings,
            variables,
        };
        for node in 0..ports.len() {
            schedulers.configure(node);
            let process = schedulers.spawn(node);
            schedulers.nodes.push(process);
        }
        schedulers.leader();
        until("the newest version to be in force", || {
            newest_in_force(&schedulers.status()?).then_some(())
        });
        schedulers
    }

    /// Starts a node that waits until the cluster takes it in; its address.
    pub(crate) fn join(&mut self, port: u16, metrics: u16) -> String {
        let node = self.ports.len();
        self.ports.push(port);
        self.metrics.push(metrics);
        self.write(node, &format!("join = true\n{}", self.settings));
        let process = self.spawn(node);
        self.nodes.push(process);
        self.endpoint(node)
    }

    fn configure(&self, node: usize) {
        let mut text = format!("{}\n[scheduler.peers]\n", self.settings);
        for (peer, port) in self.ports.iter().enumerate() {
            text.push_str(&format!("{} = \"127.0.0.1:{port}\"\n", peer + 1));
        }
        self.write(node, &text);
    }

    /// Writes what every node has, and `more`.
    fn write(&self, node: usize, more: &str) {
        let id = node + 1;
        let text = format!(
            "[scheduler]\nid = {id}\ncluster = \"test\"\nlisten = \"127.0.0.1:{}\"\nmetrics_listen = \"127.0.0.1:{}\"\n\
             data_dir = \"{}/node{id}\"\ntick = \"50ms\"\nlease = \"3s\"\nreport_in = \"100ms\"\n{more}",
            self.ports[node],
            self.metrics[node],
            self.dir.display(),
        );
        std::fs::write(self.dir.join(format!("node{id}.toml")), text).expect("written");
    }

    fn spawn(&self, node: usize) -> Process {
        let name = format!("node{}", node + 1);
        let mut command = kumi();
        command.envs(self.variables.iter().cloned());
        command.args(["scheduler", "--config"]);
        command.arg(self.dir.join(format!("{name}.toml")));
        Process::start(&mut command, &self.dir.join(format!("{name}.log")))
    }

    /// Starts a node again, on what it kept.
    pub(crate) fn restart(&mut self, node: usize) {
        self.nodes[node] = self.spawn(node);
    }

    /// The address of one node.
    pub(crate) fn endpoint(&self, node: usize) -> String {
        format!("127.0.0.1:{}", self.ports[node])
    }

    /// The addresses of all nodes.
    pub(crate) fn endpoints(&self) -> String {
        let all: Vec<_> = (0..self.ports.len())
            .map(|node| self.endpoint(node))
            .collect();
        all.join(",")
    }

    /// Waits until a node that answers says it leads; its place.
    pub(crate) fn leader(&self) -> usize {
        until("a leader", || {
            let nodes = self.status()?;
            nodes.iter().position(|node| node["role"] == "leader")
        })
    }

    /// What each node says of the cluster, in their order.
    fn status(&self) -> Option<Vec<serde_json::Value>> {
        let mut command = kumi();
        command.args(["cluster", "status", "--output", "json", "--endpoint"]);
        let output = command.arg(self.endpoints()).output().expect("kumi runs");
        serde_json::from_slice(&output.stdout).ok()
    }

    /// A client command against one node, as JSON.
    pub(crate) fn ask(&self, node: usize, args: &[&str]) -> serde_json::Value {
        let mut command = kumi();
        command.args(args);
        command.args(["--output", "json", "--endpoint", &self.endpoint(node)]);
        json(&ok(&mut command))
    }
}

/// Whether all nodes answered ([`Schedulers::status`]) and go by the newest version of the state machine.
pub(crate) fn newest_in_force(nodes: &[serde_json::Value]) -> bool {
    nodes.iter().all(|node| {
        let known = node["machine_version_known"].as_u64();
        known.is_some() && node["machine_version"].as_u64() == known
    })
}

/// Starts a worker.
pub(crate) fn worker(dir: &Path, name: &str, endpoints: &str, more: &[&str]) -> Process {
    let scratch = dir.join(format!("scratch-{name}"));
    std::fs::create_dir_all(&scratch).expect("created");
    let mut command = kumi();
    command.args(["worker", "start", "--name", name, "--endpoint", endpoints]);
    command.args(["--cores", "1", "--report-interval", "100ms", "--scratch"]);
    command.arg(scratch).args(more);
    Process::start(&mut command, &dir.join(format!("{name}.log")))
}
