//! Values that parse but cannot work.

use crate::config::{Config, ConfigError, Scheduler, Span};

/// Longest lease and report interval, so that a typing error does not hang a cluster for a month.
const SPAN_MS_MAX: u64 = 24 * 3_600_000;
/// Reports more frequent than this would be nothing but load.
const REPORT_IN_MS_MIN: u64 = 20;
/// Least time before a task is split, milliseconds.
const SPLIT_AFTER_MS_MIN: u64 = 100;
/// A lease holds at least this many reports, so that one lost report loses no worker.
const REPORTS_IN_LEASE_MIN: u64 = 2;

impl Config {
    /// Checks everything that can be checked without the network or the disk.
    ///
    /// # Errors
    /// The first value that cannot work.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let scheduler = &self.scheduler;
        addresses(scheduler)?;
        peers(scheduler)?;
        times(scheduler)?;
        if scheduler.data_dir.as_os_str().is_empty() {
            return wrong("data_dir", "it is empty; name a folder on a local disk");
        }
        if scheduler.snapshot_every == 0 {
            return wrong("snapshot_every", "it is 0; the log would grow for ever");
        }
        self.pools
            .iter()
            .try_for_each(|(name, pool)| pool.validate(name))
    }
}

fn addresses(scheduler: &Scheduler) -> Result<(), ConfigError> {
    port_of("listen", &scheduler.listen)?;
    if let Some(listen) = &scheduler.metrics_listen {
        port_of("metrics_listen", listen)?;
    }
    if let Some(advertise) = &scheduler.advertise
        && port_of("advertise", advertise)? == 0
    {
        return wrong("advertise", "port 0 cannot be reached; give the real one");
    }
    for (id, address) in &scheduler.peers {
        if port_of("peers", address)? == 0 {
            let problem = format!("node {id} has port 0; peers must know the real one");
            return wrong("peers", problem);
        }
    }
    Ok(())
}

fn peers(scheduler: &Scheduler) -> Result<(), ConfigError> {
    let Scheduler { id, peers, .. } = scheduler;
    if *id == 0 || peers.contains_key(&0) {
        return wrong("id", "a node id is 0; number the nodes from 1");
    }
    let most = kumi_cluster::limits::PEERS_MAX;
    if peers.len() > most {
        return wrong(
            "peers",
            format!("{} are too many; at most {most}", peers.len()),
        );
    }
    let name_bytes_max = kumi_cluster::limits::CLUSTER_NAME_BYTES_MAX;
    if scheduler.cluster.is_empty() || scheduler.cluster.len() > name_bytes_max {
        return wrong(
            "cluster",
            format!("give it a name of 1 to {name_bytes_max} bytes"),
        );
    }
    if peers.is_empty() {
        return Ok(());
    }
    let Some(own) = peers.get(id) else {
        let problem = format!("node {id} is missing; list every node, this one included");
        return wrong("peers", problem);
    };
    let mut addresses: Vec<_> = peers.values().collect();
    addresses.sort();
    if addresses.windows(2).any(|pair| pair[0] == pair[1]) {
        return wrong("peers", "two nodes have the same address");
    }
    match &scheduler.advertise {
        Some(advertise) if advertise != own => {
            let problem =
                format!("{advertise} is not this node's address in peers, {own}; leave one out");
            wrong("advertise", problem)
        }
        _ => Ok(()),
    }
}

fn times(scheduler: &Scheduler) -> Result<(), ConfigError> {
    let Scheduler {
        lease,
        report_in,
        tick,
        election_ticks,
        heartbeat_ticks,
        split_after,
        copy_after,
        preempt_after,
        ..
    } = scheduler;
    if tick.ms() == 0 || tick.ms() > 10_000 {
        return wrong("tick", format!("{tick} is not between 1ms and 10s"));
    }
    if *heartbeat_ticks == 0 {
        return wrong("heartbeat_ticks", "it must be at least 1");
    }
    if election_ticks <= heartbeat_ticks {
        let problem =
            format!("{election_ticks} must be larger than heartbeat_ticks, {heartbeat_ticks}");
        return wrong("election_ticks", problem);
    }
    if report_in.ms() < REPORT_IN_MS_MIN || report_in.ms() > SPAN_MS_MAX {
        let least = Span::from_ms(REPORT_IN_MS_MIN);
        return wrong(
            "report_in",
            format!("{report_in} is not between {least} and 1d"),
        );
    }
    if lease.ms() < REPORTS_IN_LEASE_MIN * report_in.ms() || lease.ms() > SPAN_MS_MAX {
        let problem = format!(
            "{lease} is not between {REPORTS_IN_LEASE_MIN} times report_in ({report_in}) and 1d"
        );
        return wrong("lease", problem);
    }
    if split_after.ms() < SPLIT_AFTER_MS_MIN || split_after.ms() > SPAN_MS_MAX {
        let least = Span::from_ms(SPLIT_AFTER_MS_MIN);
        let problem = format!("{split_after} is not between {least} and 1d");
        return wrong("split_after", problem);
    }
    if copy_after.ms() < SPLIT_AFTER_MS_MIN || copy_after.ms() > SPAN_MS_MAX {
        let least = Span::from_ms(SPLIT_AFTER_MS_MIN);
        let problem = format!("{copy_after} is not between {least} and 1d");
        return wrong("copy_after", problem);
    }
    if preempt_after.ms() > SPAN_MS_MAX {
        let problem = format!("{preempt_after} is longer than 1d; 0s means never");
        return wrong("preempt_after", problem);
    }
    Ok(())
}

fn port_of(key: &'static str, address: &str) -> Result<u16, ConfigError> {
    let parts = address.rsplit_once(':');
    let port = parts.and_then(|(host, port)| Some(port.parse().ok()?).filter(|_| !host.is_empty()));
    port.ok_or_else(|| ConfigError::Value {
        key,
        problem: format!("{address:?} is not host:port"),
    })
}

fn wrong<T>(key: &'static str, problem: impl Into<String>) -> Result<T, ConfigError> {
    let problem = problem.into();
    Err(ConfigError::Value { key, problem })
}
