//! What the tests of the engines share.

use crate::config::{Config, Pool};
use crate::pool::site::{Element, Phase};

/// The one pool of a configuration whose other sections are given.
pub(super) fn pool(sections: &str) -> Pool {
    let text = format!("[scheduler]\ndata_dir = \"d\"\n{sections}");
    let config = Config::parse(&text, [], &[]).expect("in order");
    let mut pools = config.pools.into_values();
    pools.next().expect("it has a pool")
}

/// Id, request, phase and reason of each element.
pub(super) fn short(elements: &[Element]) -> Vec<(&str, u64, Phase, &str)> {
    elements
        .iter()
        .map(|e| (e.id.as_str(), e.request, e.phase, e.reason.as_str()))
        .collect()
}
