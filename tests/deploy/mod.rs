//! What is in `deploy/`: units and manifests that are valid, and say to the program only what it understands; and guides
//! that can be followed.

mod guide;
mod manifests;
mod walk;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_yaml_ng::Value;

use crate::support::tools::{have, have_python};
use crate::support::{kumi, ok, refuses, root, text};

use manifests::{Manifests, container, name_of, texts};

const INSTALLED: &str = "/usr/local/bin/kumi";
const UNITS: [&str; 2] = ["kumi-scheduler.service", "kumi-worker.service"];

fn deploy(path: &str) -> PathBuf {
    root().join("deploy").join(path)
}

fn unit(name: &str) -> String {
    fs::read_to_string(deploy("systemd").join(name)).expect(name)
}

#[test]
fn systemd_reads_the_units_without_a_word() {
    if !have(&["systemd-analyze"]) {
        return;
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut verify = Command::new("systemd-analyze");
    verify.args(["verify", "--man=no"]);
    for name in UNITS {
        // Where it is installed on a real machine there is nothing here.
        let text = unit(name).replace(INSTALLED, env!("CARGO_BIN_EXE_kumi"));
        let path = dir.path().join(name);
        fs::write(&path, text).expect("written");
        verify.arg(path);
    }
    let output = ok(&mut verify);
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn prometheus_reads_its_configuration() {
    if !have(&["promtool"]) {
        return;
    }
    let mut check = Command::new("promtool");
    // The certificates are not here.
    check.args(["check", "config", "--syntax-only"]);
    ok(check.arg(deploy("prometheus/prometheus.yml")));
}

#[test]
fn units_start_the_program_with_flags_and_files_that_it_takes() {
    for name in UNITS {
        let unit = unit(name);
        let lines: Vec<&str> = unit
            .lines()
            .filter(|line| line.starts_with("ExecStart"))
            .collect();
        // Not before it in ExecStartPre=: a wrong configuration would be tried again for ever.
        assert_eq!(lines.len(), 1, "{name}");
        for line in lines {
            let words = line
                .split_once('=')
                .expect("a value")
                .1
                .replace("/etc/kumi", &deploy("systemd").display().to_string());
            let mut words = words.split_whitespace();
            assert_eq!(words.next(), Some(INSTALLED), "{line}");
            let mut command = kumi();
            ok(command.args(words).arg("--check-config"));
        }
    }
    // What the units promise to make is what the files name.
    for (unit, file, made) in [
        (
            UNITS[0],
            "scheduler.toml",
            ("StateDirectory=kumi\n", "data_dir = \"/var/lib/kumi\"\n"),
        ),
        (
            UNITS[1],
            "worker.toml",
            ("CacheDirectory=kumi\n", "scratch = \"/var/cache/kumi\"\n"),
        ),
    ] {
        assert!(self::unit(unit).contains(made.0), "{unit}");
        let text = fs::read_to_string(deploy("systemd").join(file)).expect(file);
        assert!(text.contains(made.1), "{file}");
    }
}

#[test]
fn manifests_are_what_the_published_schemas_say() {
    if !have_python(&[
        "kubernetes_validate",
        "cloudcoil.models.prometheus_operator",
    ]) {
        return;
    }
    let mut python = Command::new("python3");
    python.arg(root().join("tests/deploy/schemas.py"));
    python.args(Manifests::paths());
    let output = ok(&mut python);
    assert_eq!(
        text(&output.stdout).lines().count(),
        Manifests::read().all().count()
    );
}

/// The environment of a container, as the pod of this name and number has it.
fn environment(container: &Value, pod: &str, index: &str) -> BTreeMap<String, String> {
    let mut variables: BTreeMap<String, String> = BTreeMap::new();
    for variable in container["env"].as_sequence().expect("variables") {
        let name = variable["name"].as_str().expect("a name");
        let field = variable["valueFrom"]["fieldRef"]["fieldPath"].as_str();
        let value = match (variable["value"].as_str(), field) {
            (Some(value), _) => {
                let known = |text: String, (name, value): (&String, &String)| {
                    text.replace(&format!("$({name})"), value)
                };
                variables.iter().fold(value.to_owned(), known)
            }
            (_, Some("metadata.name")) => pod.to_owned(),
            (_, Some("metadata.labels['apps.kubernetes.io/pod-index']")) => index.to_owned(),
            other => panic!("{name}: {other:?}"),
        };
        assert!(!value.contains("$("), "{name}: {value}");
        variables.insert(name.to_owned(), value);
    }
    variables
}

/// The program as a pod starts it, with the files of its config map in `dir`.
fn start(manifests: &Manifests, owner: &str, pod: &str, dir: &Path) -> Command {
    for (file, content) in manifests.config(owner) {
        fs::write(dir.join(file), content).expect("written");
    }
    let container = container(manifests.workload(owner));
    let mut command = kumi();
    command.envs(environment(container, pod, "2"));
    let here = dir.display().to_string();
    command.args(
        texts(&container["args"])
            .iter()
            .map(|word| word.replace("/etc/kumi", &here)),
    );
    command
}

#[test]
fn pods_start_the_program_with_flags_and_files_that_it_takes() {
    let manifests = Manifests::read();
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut scheduler = start(&manifests, "kumi-scheduler", "kumi-scheduler-2", dir.path());
    let said = text(&ok(scheduler.arg("--print-config")).stdout);
    let holds: toml::Table = said.parse().expect("TOML");
    assert_eq!(holds["scheduler"]["id"].as_integer(), Some(2));
    assert_eq!(
        holds["tls"]["key"].as_str(),
        Some("/etc/kumi-tls/scheduler-2.key")
    );
    let peers = holds["scheduler"]["peers"].as_table().expect("peers");
    let workload = manifests.workload("kumi-scheduler");
    assert_eq!(
        Some(peers.len() as u64),
        workload["spec"]["replicas"].as_u64()
    );
    assert_eq!(
        workload["spec"]["ordinals"]["start"].as_u64(),
        Some(1),
        "ids begin with 1"
    );

    let pod = "kumi-worker-7d4b9-x2x";
    let mut worker = start(&manifests, "kumi-worker", pod, dir.path());
    let said = text(&ok(worker.arg("--print-config")).stdout);
    let holds: toml::Table = said.parse().expect("TOML");
    assert_eq!(holds["worker"]["name"].as_str(), Some(pod));
    // What it dials is where the schedulers are.
    let dialled: Vec<_> = holds["worker"]["endpoints"]
        .as_array()
        .expect("endpoints")
        .iter()
        .collect();
    assert_eq!(dialled, peers.values().collect::<Vec<_>>());
}

#[test]
fn a_probe_asks_what_the_program_answers() {
    let manifests = Manifests::read();
    let container = container(manifests.workload("kumi-scheduler"));
    let words = texts(&container["readinessProbe"]["exec"]["command"]);
    assert_eq!(words[0], INSTALLED);
    let mut probe = kumi();
    probe.args(&words[1..]).env("KUMI_ENDPOINT", "127.0.0.1:1");
    // It is understood, and says that nobody is there.
    refuses(&mut probe, 69, "no scheduler that answers");
}

#[test]
fn names_in_manifests_are_names_of_something() {
    let manifests = Manifests::read();
    for owner in ["kumi-scheduler", "kumi-worker"] {
        let workload = manifests.workload(owner);
        let pod = &workload["spec"]["template"];
        let labels = &pod["metadata"]["labels"];
        let container = container(workload);
        let ports = container["ports"].as_sequence().expect("ports");
        let port = |name: &Value| ports.iter().any(|port| port["name"] == *name);
        let service = manifests.find("Service", owner);
        assert_eq!(service["spec"]["selector"], *labels, "{owner}");
        assert_eq!(
            workload["spec"]["selector"]["matchLabels"], *labels,
            "{owner}"
        );
        let served = service["spec"]["ports"].as_sequence().expect("ports");
        assert!(
            served.iter().all(|served| port(&served["targetPort"])),
            "{owner}"
        );
        for probe in ["livenessProbe", "startupProbe"] {
            let asked = &container[probe]["tcpSocket"]["port"];
            assert!(asked.is_null() || port(asked), "{owner}: {probe}");
        }
        let monitor = manifests.find("ServiceMonitor", owner);
        assert_eq!(
            monitor["spec"]["selector"]["matchLabels"],
            service["metadata"]["labels"]
        );
        let scraped = &monitor["spec"]["endpoints"][0]["port"];
        assert!(
            served.iter().any(|served| served["name"] == *scraped),
            "{owner}"
        );
        let own = pod["spec"]["volumes"].as_sequence().into_iter().flatten();
        let claimed = workload["spec"]["volumeClaimTemplates"].as_sequence();
        let claimed = claimed
            .into_iter()
            .flatten()
            .map(|claim| &claim["metadata"]);
        let volumes: Vec<_> = own.chain(claimed).map(name_of).collect();
        for mount in container["volumeMounts"].as_sequence().expect("mounts") {
            assert!(volumes.contains(&name_of(mount)), "{owner}: {mount:?}");
        }
        let secured = &pod["spec"]["securityContext"];
        assert_eq!(secured["runAsNonRoot"].as_bool(), Some(true));
        assert_eq!(
            container["securityContext"]["readOnlyRootFilesystem"].as_bool(),
            Some(true)
        );
    }
    let budget = manifests.find("PodDisruptionBudget", "kumi-scheduler");
    let pods = &manifests.workload("kumi-scheduler")["spec"]["selector"];
    assert_eq!(budget["spec"]["selector"], *pods);
}
