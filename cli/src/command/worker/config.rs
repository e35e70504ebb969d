//! What a worker is told: flags over the environment over a file over what this machine has.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use kumi_proto::ids::is_label;
use kumi_worker::capabilities::{machine_cores, machine_memory};
use kumi_worker::daemon;
use serde::{Deserialize, Serialize};

use crate::args::StartArgs;
use crate::args::units::{parse_bytes, parse_duration};
use crate::command::worker::membership;
use crate::command::worker::stores::{S3Section, StoreSection};
use crate::config_file;
use crate::exit::{Code, Exit};
use crate::sheet::is_name;

const ENDPOINT: &str = "127.0.0.1:7070";
const REPORT_INTERVAL: Duration = Duration::from_secs(1);

/// The file. Unknown keys are errors.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    worker: Section,
    #[serde(default)]
    store: StoreSection,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<kumi_tls::Files>,
}

/// `[worker]`; its keys are explained in `docs/operations.md`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Section {
    name: Option<String>,
    endpoints: Option<Vec<String>>,
    cores: Option<u32>,
    memory: Option<String>,
    labels: Option<Vec<String>>,
    scratch: Option<PathBuf>,
    scratch_limit: Option<String>,
    metrics_address: Option<SocketAddr>,
    report_interval: Option<String>,
}

/// The settings as they hold. Flags and environment come in `args`.
///
/// # Errors
/// 66 for a file that is missing, 78 for one that is wrong, 2 for a flag that is.
pub(crate) fn load(args: &StartArgs) -> Result<daemon::Config, Exit> {
    let File {
        worker: file,
        store,
        tls,
    } = match &args.config {
        Some(path) => config_file::read(path)?,
        None => File::default(),
    };
    let wrong =
        |key: &str, what: &str| Exit::new(Code::Configuration, format!("worker.{key}: {what}"));
    let memory = file.memory.as_deref().map(parse_bytes).transpose();
    let memory = memory.map_err(|what| wrong("memory", &what))?;
    let interval = file
        .report_interval
        .as_deref()
        .map(parse_duration)
        .transpose();
    let interval = interval.map_err(|what| wrong("report_interval", &what))?;
    let limit = file.scratch_limit.as_deref().map(parse_bytes).transpose();
    let limit = limit.map_err(|what| wrong("scratch_limit", &what))?;
    if file.cores == Some(0) {
        return Err(wrong("cores", "a worker offers at least one"));
    }
    let pool = membership::of(&args.pool, |name| std::env::var(name).ok())?;
    let name = args.name.clone().or(file.name);
    let name = match &pool {
        Some((name_of_job, _)) => name.unwrap_or_else(|| name_of_job.clone()),
        None => name.unwrap_or_else(host_name),
    };
    if !is_name(&name) {
        let message = format!(
            "--name: `{name}` is not a usable name: up to 128 letters, digits, `.`, `_` and `-`"
        );
        return Err(Exit::new(Code::Usage, message));
    }
    let labels = args.label.clone().or(file.labels).unwrap_or_default();
    if let Some(label) = labels.iter().find(|label| !is_label(label)) {
        let what =
            format!("`{label}` is no label: up to 128 letters, digits, `.`, `_`, `-` and `=`");
        return Err(wrong("labels", &what));
    }
    let endpoints = args.endpoint.clone().or(file.endpoints);
    Ok(daemon::Config {
        name,
        endpoints: endpoints.unwrap_or_else(|| vec![ENDPOINT.to_owned()]),
        cores: args.cores.or(file.cores).unwrap_or_else(machine_cores),
        memory_bytes: args
            .memory
            .or(memory)
            .unwrap_or_else(|| machine_memory() / 10 * 9),
        labels,
        scratch: args
            .scratch
            .clone()
            .or(file.scratch)
            .unwrap_or_else(std::env::temp_dir),
        storage: daemon::Storage {
            scratch_limit_bytes: args.scratch_limit.or(limit),
            objects: store.s3.settings()?,
        },
        metrics: args.metrics_address.or(file.metrics_address),
        report_interval: args.report_interval.or(interval).unwrap_or(REPORT_INTERVAL),
        tls: args.tls.over(tls)?,
        pool: pool.map(|(_, pool)| pool),
    })
}

/// The settings in the form of the file.
pub(super) fn to_toml(config: &daemon::Config) -> String {
    let file = File {
        worker: Section {
            name: Some(config.name.clone()),
            endpoints: Some(config.endpoints.clone()),
            cores: Some(config.cores),
            memory: Some(format!("{}KiB", config.memory_bytes >> 10)),
            labels: Some(config.labels.clone()),
            scratch: Some(config.scratch.clone()),
            scratch_limit: (config.storage.scratch_limit_bytes)
                .map(|bytes| format!("{}KiB", bytes >> 10)),
            metrics_address: config.metrics,
            report_interval: Some(format!("{}ms", config.report_interval.as_millis())),
        },
        store: StoreSection {
            s3: S3Section::of(&config.storage.objects),
        },
        tls: config.tls.clone(),
    };
    toml::to_string(&file).unwrap_or_else(|error| format!("# cannot be written: {error}\n"))
}

/// The host's name up to the first dot.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim().split('.').next().unwrap_or_default();
    if name.is_empty() {
        "worker".to_owned()
    } else {
        name.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::{load, to_toml};
    use crate::args::{Cli, Command, StartArgs, WorkerCommand};
    use crate::exit::Code;

    fn args(more: &[&str]) -> StartArgs {
        let cli = Cli::try_parse_from(["kumi", "worker", "start"].iter().chain(more))
            .expect("a command line");
        match cli.command {
            Command::Worker(WorkerCommand::Start(args)) => *args,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn flags_stand_over_the_file_and_what_is_printed_reads_back() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("worker.toml");
        let text = "[worker]\nname = \"w7\"\nendpoints = [\"a:1\", \"b:2\"]\ncores = 3\nmemory = \"6GiB\"\n\
                    scratch = \"/fast\"\nscratch_limit = \"9GiB\"\nmetrics_address = \"127.0.0.1:7091\"\nreport_interval = \"250ms\"\n[store.s3]\nendpoint = \"https://s3:9000\"\nca = \"/etc/ca.pem\"\nrequests_per_second = 7\n";
        std::fs::write(&path, text).expect("written");
        let name = path.display().to_string();
        let config =
            load(&args(&["--config", &name, "--cores", "2", "--name", "w8"])).expect("in order");
        assert_eq!(
            (config.name.as_str(), config.cores, config.memory_bytes),
            ("w8", 2, 6 << 30)
        );
        assert_eq!(config.endpoints, ["a:1", "b:2"]);
        assert_eq!(config.report_interval.as_millis(), 250);
        let storage = &config.storage;
        assert_eq!(storage.scratch_limit_bytes, Some(9 << 30));
        assert_eq!(storage.objects.requests_per_second, 7);
        assert_eq!(storage.objects.endpoint.as_deref(), Some("https://s3:9000"));
        assert_eq!(
            storage.objects.ca.as_deref(),
            Some(std::path::Path::new("/etc/ca.pem"))
        );
        std::fs::write(&path, to_toml(&config)).expect("written");
        let again = load(&args(&["--config", &name])).expect("in order");
        assert_eq!(to_toml(&again), to_toml(&config));
        let defaults = load(&args(&[])).expect("in order");
        assert_eq!(defaults.endpoints, ["127.0.0.1:7070"]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("worker.toml");
        let name = path.display().to_string();
        let cases = [
            ("[worker]\ncolour = 1\n", "colour"),
            (
                "[worker]\nmemory = \"6\"\n",
                "worker.memory: a unit is missing",
            ),
            ("[worker]\ncores = 0\n", "worker.cores"),
            (
                "[worker]\nscratch_limit = \"9\"\n",
                "worker.scratch_limit: a unit is missing",
            ),
            ("[store.s3]\nconcurrency = 0\n", "store.s3.concurrency"),
            (
                "[store.s3]\nsecret_access_key = \"x\"\n",
                "secret_access_key",
            ),
            (
                "[worker]\nreport_interval = \"1y\"\n",
                "worker.report_interval",
            ),
        ];
        for (text, says) in cases {
            std::fs::write(&path, text).expect("written");
            let exit = load(&args(&["--config", &name])).expect_err(text);
            assert_eq!(exit.code, Code::Configuration, "{exit}");
            assert!(exit.message.contains(says), "{exit}");
        }
        let exit = load(&args(&["--config", "/nowhere/w.toml"])).expect_err("missing");
        assert_eq!(exit.code, Code::MissingInput);
    }
}
