//! What a scheduler must be told: TOML, with every key also settable from the environment.
//!
//! `KUMI_SCHEDULER__LISTEN` overrides `listen` of the section `[scheduler]`, `KUMI_TLS__KEY` `key` of `[tls]`; a flag overrides both;
//! unknown keys are errors everywhere. Nothing here touches the network, and only [`Config::load`] reads a file.

mod overlay;
mod peers;
mod pool;
mod size;
mod span;
#[cfg(test)]
mod tests;
mod validate;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::config::overlay::overlay;
pub use crate::config::pool::{Engine, Pool};
pub use crate::config::size::{Size, SizeError};
pub use crate::config::span::{Span, SpanError};

/// The whole file.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The node and its cluster.
    pub scheduler: Scheduler,
    /// The certificate it shows and the CA it trusts, on every port; none: plain TCP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<kumi_tls::Files>,
    /// Sections `[pool.<name>]`: workers from the site's own engine. The same on every scheduler: whoever leads asks for
    /// them.
    #[serde(default, rename = "pool", skip_serializing_if = "BTreeMap::is_empty")]
    pub pools: BTreeMap<String, Pool>,
}

/// Section `[scheduler]`. Its keys are explained in `docs/operations.md`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scheduler {
    /// This node, from 1; unique in the cluster and fixed for the life of `data_dir`.
    #[serde(default = "default_id")]
    pub id: u64,
    /// Name of the cluster; nodes and data folders of another one are refused.
    #[serde(default = "default_cluster")]
    pub cluster: String,
    /// `address:port` for clients, workers and the other schedulers.
    #[serde(default = "default_listen")]
    pub listen: String,
    /// `host:port` under which others reach `listen`. Default: this node's entry in `peers`, or the
    /// address that was bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub advertise: Option<String>,
    /// `address:port` of the HTTP listener with `/metrics`, `/healthz` and `/readyz`; none: no
    /// such listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_listen: Option<String>,
    /// Folder of the raft log and snapshots; created if absent, one per node, on a local disk.
    pub data_dir: PathBuf,
    /// Length of a raft tick.
    #[serde(default = "default_tick")]
    pub tick: Span,
    /// Ticks without a leader before an election.
    #[serde(default = "default_election_ticks")]
    pub election_ticks: usize,
    /// Ticks between a leader's heartbeats.
    #[serde(default = "default_heartbeat_ticks")]
    pub heartbeat_ticks: usize,
    /// Log entries applied between two snapshots.
    #[serde(default = "default_snapshot_every")]
    pub snapshot_every: u64,
    /// A worker that has not reported for this long is lost and its tasks run elsewhere.
    #[serde(default = "default_lease")]
    pub lease: Span,
    /// How often a worker is told to report when nothing happens.
    #[serde(default = "default_report_in")]
    pub report_in: Span,
    /// How long a call task runs at least before it is split because it takes far longer than was expected.
    #[serde(default = "default_split_after")]
    pub split_after: Span,
    /// How long a task runs at least before it is tried a second time because it takes far longer than was expected.
    #[serde(default = "default_copy_after")]
    pub copy_after: Span,
    /// How long urgent and high tasks wait for cores before running normal and bulk tasks make room; 0: for ever.
    #[serde(default = "default_preempt_after")]
    pub preempt_after: Span,
    /// Found no cluster: wait until one takes this node in. Only looked at when `data_dir` is created.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub join: bool,
    /// Node id to `host:port` of every scheduler that founds the cluster, this one included; empty: a
    /// cluster of one.
    #[serde(default, with = "peers", skip_serializing_if = "BTreeMap::is_empty")]
    pub peers: BTreeMap<u64, String>,
}

fn default_id() -> u64 {
    1
}
fn default_cluster() -> String {
    "kumi".to_owned()
}
fn default_listen() -> String {
    "127.0.0.1:7070".to_owned()
}
fn default_tick() -> Span {
    Span::from_ms(100)
}
fn default_election_ticks() -> usize {
    10
}
fn default_heartbeat_ticks() -> usize {
    2
}
fn default_snapshot_every() -> u64 {
    10_000
}
fn default_lease() -> Span {
    Span::from_ms(10_000)
}
fn default_report_in() -> Span {
    Span::from_ms(1_000)
}

fn default_preempt_after() -> Span {
    Span::from_ms(300_000)
}

fn default_copy_after() -> Span {
    Span::from_ms(60_000)
}

fn default_split_after() -> Span {
    Span::from_ms(30_000)
}

impl Config {
    /// A cluster of one on the loopback with ports of the system's choice, as `kumi run` uses it.
    pub fn embedded(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            scheduler: Scheduler {
                id: default_id(),
                cluster: default_cluster(),
                listen: "127.0.0.1:0".to_owned(),
                advertise: None,
                metrics_listen: None,
                data_dir: data_dir.into(),
                tick: Span::from_ms(20),
                election_ticks: default_election_ticks(),
                heartbeat_ticks: default_heartbeat_ticks(),
                snapshot_every: default_snapshot_every(),
                lease: default_lease(),
                report_in: Span::from_ms(200),
                split_after: default_split_after(),
                copy_after: default_copy_after(),
                join: false,
                preempt_after: default_preempt_after(),
                peers: BTreeMap::new(),
            },
            tls: None,
            pools: BTreeMap::new(),
        }
    }

    /// Reads a file, puts this process's environment over it and `flags` over both: pairs of a key
    /// in `[scheduler]` (`listen`, `peers.2`) or `[tls]` (`tls.key`) and its value. Without a file everything must come
    /// from the others. This is `--check-config`; [`Config::to_toml`] of it is `--print-config`.
    ///
    /// # Errors
    /// When the file cannot be read or anything in it, the environment or the flags is wrong.
    pub fn load(path: Option<&Path>, flags: &[(&str, String)]) -> Result<Self, ConfigError> {
        let text = match path {
            Some(path) => std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
                path: path.to_owned(),
                source,
            })?,
            None => String::new(),
        };
        let environment = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::parse(&text, environment, flags)
    }

    /// Reads a file's text, puts `environment` and then `flags` over it and validates the result.
    ///
    /// # Errors
    /// What is wrong: syntax with line and column, unknown keys, values out of range.
    pub fn parse(
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[(&str, String)],
    ) -> Result<Self, ConfigError> {
        let overrides = overlay(environment, flags);
        let config = if overrides.is_empty() {
            // Straight from the text: errors then show the line.
            toml::from_str(text)?
        } else {
            let mut table: toml::Table = toml::from_str(text)?;
            for (variable, value) in overrides {
                overlay::put(&mut table, &variable, value)?;
            }
            Self::deserialize(table)?
        };
        Self::validate(&config)?;
        Ok(config)
    }

    /// The configuration as it holds, defaults included, in the form [`Config::parse`] reads.
    #[must_use]
    pub fn to_toml(&self) -> String {
        toml::to_string(self).unwrap_or_else(|error| format!("# cannot be written: {error}\n"))
    }

    /// What replication must be told, once `listen` is bound.
    pub(crate) fn cluster(&self, bound: SocketAddr) -> kumi_cluster::Config {
        let scheduler = &self.scheduler;
        let mut peers = scheduler.peers.clone();
        if peers.is_empty() {
            let address = scheduler.advertise.clone();
            peers.insert(scheduler.id, address.unwrap_or_else(|| bound.to_string()));
        }
        kumi_cluster::Config {
            cluster: scheduler.cluster.clone(),
            id: scheduler.id,
            peers,
            join: scheduler.join,
            data_dir: scheduler.data_dir.clone(),
            tick: scheduler.tick.duration(),
            election_ticks: scheduler.election_ticks,
            heartbeat_ticks: scheduler.heartbeat_ticks,
            snapshot_every: scheduler.snapshot_every,
        }
    }
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not TOML, has a key that does not exist, or a value of the wrong kind.
    #[error(transparent)]
    Syntax(#[from] toml::de::Error),
    /// A variable or flag names something below a key that has nothing below it.
    #[error(
        "{variable} does not name a key of the configuration; see docs/operations.md for the keys"
    )]
    Variable {
        /// The variable.
        variable: String,
    },
    /// A value that cannot work.
    #[error("scheduler.{key}: {problem}")]
    Value {
        /// The key in `[scheduler]`.
        key: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
    /// A pool that cannot work.
    #[error("pool.{pool}.{key}: {problem}")]
    Pool {
        /// Its name.
        pool: String,
        /// The key in its section.
        key: &'static str,
        /// What is wrong and what to do.
        problem: String,
    },
}
