//! The configuration files that daemons on this node are to be started with.

use std::path::{Path, PathBuf};

use clap::Parser as _;
use kumi_tls::Files;
use kumi_worker::daemon;

use crate::args::{Cli, Command, WorkerCommand};
use crate::command::doctor::finding::Finding;
use crate::command::{scheduler, worker};
use crate::config_file;
use crate::exit::{Code, Exit};

const CHECK: &str = "config";

/// A configuration as it holds, environment and defaults included.
pub(super) enum Loaded {
    Worker(Box<daemon::Config>),
    Scheduler(Box<kumi_server::Config>),
}

impl Loaded {
    /// The schedulers that it names; the other ones, of a scheduler.
    pub(super) fn endpoints(&self) -> Vec<String> {
        match self {
            Self::Worker(worker) => worker.endpoints.clone(),
            Self::Scheduler(config) => {
                let own = config.scheduler.id;
                let peers = config.scheduler.peers.iter();
                let others = peers.filter(|(id, _)| **id != own);
                others.map(|(_, address)| address.clone()).collect()
            }
        }
    }

    pub(super) fn tls(&self) -> Option<Files> {
        match self {
            Self::Worker(worker) => worker.tls.clone(),
            Self::Scheduler(config) => config.tls.clone(),
        }
    }

    /// The cluster that it names; a worker belongs to that of its certificate.
    pub(super) fn cluster(&self) -> Option<&str> {
        match self {
            Self::Worker(_) => None,
            Self::Scheduler(config) => Some(&config.scheduler.cluster),
        }
    }
}

/// Reads the files; one finding for each.
pub(super) fn gather(paths: &[PathBuf]) -> (Vec<Loaded>, Vec<Finding>) {
    let mut loaded = Vec::new();
    let mut findings = Vec::new();
    for path in paths {
        let read = load(path);
        findings.push(judge(path, read.as_ref()));
        loaded.extend(read.ok());
    }
    (loaded, findings)
}

fn judge(path: &Path, loaded: Result<&Loaded, &Exit>) -> Finding {
    let path = path.display();
    match loaded {
        Ok(Loaded::Worker(worker)) => Finding::ok(CHECK, format!("{path}: worker {}", worker.name)),
        Ok(Loaded::Scheduler(config)) => {
            let scheduler = &config.scheduler;
            let (id, cluster) = (scheduler.id, &scheduler.cluster);
            Finding::ok(
                CHECK,
                format!("{path}: scheduler {id} of cluster {cluster}"),
            )
        }
        Err(exit) => {
            // Several lines, of which the last says what and the others show where.
            let said: Vec<&str> = exit.message.lines().map(str::trim).collect();
            let what = said.join(" ");
            let what = if what.contains(&path.to_string()) {
                what
            } else {
                format!("{path}: {what}")
            };
            Finding::ok(CHECK, what).fail(
                "a file with a section [worker] or [scheduler] and no unknown keys",
                "mend the file (docs/operations.md), then --check-config",
            )
        }
    }
}

/// A file, read by whoever is started with it.
fn load(path: &Path) -> Result<Loaded, Exit> {
    let table: toml::Table = config_file::read(path)?;
    let words: &[&str] = match (
        table.contains_key("worker"),
        table.contains_key("scheduler"),
    ) {
        (true, false) => &["kumi", "worker", "start", "--config"],
        (false, true) => &["kumi", "scheduler", "--config"],
        _ => {
            let message = format!(
                "{}: it has not exactly one of the sections [worker] and [scheduler]",
                path.display()
            );
            return Err(Exit::new(Code::Configuration, message));
        }
    };
    let line = words
        .iter()
        .map(Into::into)
        .chain([path.as_os_str().to_owned()]);
    let cli = Cli::try_parse_from(line);
    let cli = cli.map_err(|error| Exit::new(Code::Configuration, error.to_string()))?;
    match cli.command {
        Command::Worker(WorkerCommand::Start(args)) => {
            worker::configuration(&args).map(|config| Loaded::Worker(Box::new(config)))
        }
        Command::Scheduler(args) => {
            scheduler::configuration(&args).map(|config| Loaded::Scheduler(Box::new(config)))
        }
        _ => Err(Exit::new(Code::Internal, "not the command of a daemon")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Loaded, gather};
    use crate::command::doctor::finding::Status;

    #[test]
    fn a_file_is_read_as_the_daemon_of_its_section_reads_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = |name: &str| dir.path().join(name);
        let worker = "[worker]\nname = \"w\"\nendpoints = [\"a:1\", \"b:1\"]\n";
        let peers = "[scheduler.peers]\n1 = \"a:1\"\n2 = \"b:1\"\n3 = \"c:1\"\n";
        let scheduler = format!("[scheduler]\nid = 2\ncluster = \"c\"\ndata_dir = \"/d\"\n{peers}");
        std::fs::write(path("worker"), worker).expect("written");
        std::fs::write(path("scheduler"), scheduler).expect("written");
        std::fs::write(path("neither"), "[client]\n").expect("written");
        std::fs::write(path("wrong"), "[worker]\ncolour = 1\n").expect("written");
        let names = ["worker", "scheduler", "neither", "wrong", "absent"].map(path);
        let (loaded, findings) = gather(&names);
        let [worker, scheduler] = loaded.as_slice() else {
            panic!("{findings:?}")
        };
        assert_eq!(worker.endpoints(), ["a:1", "b:1"]);
        assert_eq!(scheduler.endpoints(), ["a:1", "c:1"]);
        assert_eq!(scheduler.cluster(), Some("c"));
        assert!(matches!(worker, Loaded::Worker(config) if config.name == "w"));
        let status: Vec<_> = findings.iter().map(|finding| finding.status).collect();
        let (ok, fail) = (Status::Ok, Status::Fail);
        assert_eq!(status, [ok, ok, fail, fail, fail]);
        let wrong = &findings[3].found;
        assert!(wrong.contains("colour") && !wrong.contains('\n'), "{wrong}");
    }
}
