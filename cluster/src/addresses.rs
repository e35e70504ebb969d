//! Where the other nodes are reached: what they said last, else what the configuration file says,
//! else what came with the change that added them.

use std::collections::BTreeMap;
use std::time::Duration;

use tonic::transport::Endpoint;

use crate::limits;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(crate) struct Addresses {
    configured: BTreeMap<u64, String>,
    heard: BTreeMap<u64, String>,
}

impl Addresses {
    pub(crate) fn new(configured: BTreeMap<u64, String>) -> Self {
        Self {
            configured,
            heard: BTreeMap::new(),
        }
    }

    /// A node says where it is; true when that is new. Nodes that are not members are remembered too, a
    /// few of them: one may lead by a change that has not arrived here.
    pub(crate) fn hear(&mut self, id: u64, address: &str) -> bool {
        let known = self.heard.get(&id).is_some_and(|known| known == address);
        let room = self.heard.contains_key(&id) || self.heard.len() < limits::HEARD_NODES_MAX;
        let new = !known && room && endpoint(address).is_some();
        if new {
            self.heard.insert(id, address.to_owned());
        }
        new
    }

    /// Where a member is; `added` came with the changes.
    pub(crate) fn of(&self, id: u64, added: &BTreeMap<u64, String>) -> String {
        [&self.heard, &self.configured, added]
            .into_iter()
            .find_map(|source| source.get(&id).cloned())
            .unwrap_or_default()
    }

    /// Those that the configuration file names, member or not.
    pub(crate) fn configured(&self) -> impl Iterator<Item = u64> + '_ {
        self.configured.keys().copied()
    }

    /// Those that spoke, member or not.
    pub(crate) fn heard(&self) -> impl Iterator<Item = u64> + '_ {
        self.heard.keys().copied()
    }
}

/// How a node at `host:port` is reached; `None` when that is no address.
pub(crate) fn endpoint(address: &str) -> Option<Endpoint> {
    let (host, port) = address.rsplit_once(':')?;
    if host.is_empty() || port.parse::<u16>().is_err() {
        return None;
    }
    let endpoint = Endpoint::from_shared(format!("http://{address}")).ok()?;
    Some(
        endpoint
            .tcp_nodelay(true)
            .connect_timeout(Duration::from_millis(limits::CONNECT_MS_MAX))
            .http2_keep_alive_interval(Duration::from_millis(limits::KEEP_ALIVE_MS))
            .keep_alive_timeout(Duration::from_millis(limits::KEEP_ALIVE_MS)),
    )
}
