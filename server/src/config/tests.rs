//! What is read, what overrides what, and what is refused with which words.

use crate::config::{Config, ConfigError};

const THREE: &str = r#"
[scheduler]
id = 2
listen = "0.0.0.0:7070"
metrics_listen = "0.0.0.0:7071"
data_dir = "/var/lib/kumi"
tick = "50ms"
lease = "30s"

[scheduler.peers]
1 = "a:7070"
2 = "b:7070"
3 = "c:7070"
"#;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let environment = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(text, environment, &[])
}

#[test]
fn a_file_is_read_and_what_is_printed_is_read_again() {
    let config = parse(THREE, &[]).unwrap();
    assert_eq!(config.scheduler.id, 2);
    assert_eq!(config.scheduler.tick.ms(), 50);
    assert_eq!(config.scheduler.report_in.ms(), 1_000);
    assert_eq!(config.scheduler.peers[&3], "c:7070");
    let bound = "127.0.0.1:9".parse().unwrap();
    assert_eq!(config.cluster(bound).peers[&2], "b:7070");
    assert_eq!(parse(&config.to_toml(), &[]).unwrap(), config);
}

#[test]
fn the_environment_overrides_the_file() {
    let config = parse(
        THREE,
        &[
            ("KUMI_SCHEDULER__ID", "3"),
            ("KUMI_SCHEDULER__LEASE", "2m"),
            ("KUMI_SCHEDULER__DATA_DIR", "/scratch/kumi"),
            ("KUMI_SCHEDULER__PEERS__3", "[::1]:7070"),
            ("KUMI_WORKER__NAME", "not for us"),
        ],
    )
    .unwrap();
    assert_eq!(config.scheduler.id, 3);
    assert_eq!(config.scheduler.lease.ms(), 120_000);
    assert_eq!(config.scheduler.data_dir.to_str(), Some("/scratch/kumi"));
    assert_eq!(config.scheduler.peers[&3], "[::1]:7070");
    let map = [
        ("KUMI_SCHEDULER__DATA_DIR", "d"),
        ("KUMI_SCHEDULER__PEERS", "{1 = \"a:1\", 2 = \"b:1\"}"),
    ];
    assert_eq!(parse("", &map).unwrap().scheduler.peers.len(), 2);
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    let with = |line: &str| format!("[scheduler]\ndata_dir = \"d\"\n{line}\n");
    for (line, words) in [
        ("lisen = \"a:1\"", "unknown field `lisen`"),
        (
            "listen = \"7070\"",
            "scheduler.listen: \"7070\" is not host:port",
        ),
        ("metrics_listen = \":1\"", "scheduler.metrics_listen"),
        ("advertise = \"a:0\"", "scheduler.advertise: port 0"),
        ("tick = \"1 s\"", "not a length of time"),
        ("tick = 100", "invalid type"),
        ("tick = \"0s\"", "scheduler.tick"),
        ("heartbeat_ticks = 0", "scheduler.heartbeat_ticks"),
        (
            "election_ticks = 2",
            "scheduler.election_ticks: 2 must be larger",
        ),
        (
            "lease = \"1s\"",
            "scheduler.lease: 1s is not between 2 times",
        ),
        ("report_in = \"1ms\"", "scheduler.report_in"),
        (
            "split_after = \"50ms\"",
            "scheduler.split_after: 50ms is not between 100ms and 1d",
        ),
        ("snapshot_every = 0", "scheduler.snapshot_every"),
        ("cluster = \"\"", "scheduler.cluster"),
        ("id = 0", "scheduler.id"),
        ("peers = {2 = \"a:1\"}", "node 1 is missing"),
        ("peers = {1 = \"a:1\", 2 = \"a:1\"}", "the same address"),
        ("peers = {1 = \"a:0\"}", "node 1 has port 0"),
        ("peers = {one = \"a:1\"}", "not a node id"),
        (
            "advertise = \"x:1\"\npeers = {1 = \"a:1\"}",
            "not this node's address",
        ),
    ] {
        let error = parse(&with(line), &[]).expect_err(line).to_string();
        assert!(error.contains(words), "{line}: {error}");
    }
    let error = parse("[scheduler]\n", &[]).unwrap_err().to_string();
    assert!(error.contains("data_dir"), "{error}");
}

#[test]
fn variables_that_name_nothing_are_refused() {
    let text = "[scheduler]\ndata_dir = \"d\"\n";
    for (variable, words) in [
        ("KUMI_SCHEDULER__LISEN", "unknown field `lisen`"),
        ("KUMI_SCHEDULER__DATA_DIR__X", "KUMI_SCHEDULER__DATA_DIR__X"),
        ("KUMI_SCHEDULER__", "KUMI_SCHEDULER__"),
    ] {
        let error = parse(text, &[(variable, "1")])
            .expect_err(variable)
            .to_string();
        assert!(error.contains(words), "{variable}: {error}");
    }
}

#[test]
fn the_embedded_configuration_is_valid() {
    let config = Config::embedded("/tmp/x");
    config.validate().unwrap();
    assert_eq!(config.scheduler.listen, "127.0.0.1:0");
    let bound = "127.0.0.1:9".parse().unwrap();
    assert_eq!(config.cluster(bound).peers[&1], "127.0.0.1:9");
}

#[test]
fn a_flag_overrides_the_environment() {
    let environment = [("KUMI_SCHEDULER__LISTEN".to_owned(), "b:1".to_owned())];
    let flags = [("listen", "c:1".to_owned()), ("peers.1", "c:1".to_owned())];
    let text = "[scheduler]\nlisten = \"a:1\"\ndata_dir = \"d\"\n";
    let config = Config::parse(text, environment.clone(), &flags).unwrap();
    assert_eq!(config.scheduler.listen, "c:1");
    assert_eq!(config.scheduler.peers[&1], "c:1");
    let config = Config::parse(text, environment, &[]).unwrap();
    assert_eq!(config.scheduler.listen, "b:1");
    assert!(Config::parse(text, [], &[("lisen", "c:1".to_owned())]).is_err());
}
