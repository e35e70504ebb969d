//! A map with numbers as keys: TOML knows only text there.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<u64, String>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    let number = |key: String| {
        key.parse::<u64>().map_err(|_| {
            D::Error::custom(format!(
                "the peer {key:?} is not a node id: number the nodes from 1"
            ))
        })
    };
    texts
        .into_iter()
        .map(|(key, address)| Ok((number(key)?, address)))
        .collect()
}

pub(super) fn serialize<S: Serializer>(
    peers: &BTreeMap<u64, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let texts: BTreeMap<String, &String> = peers
        .iter()
        .map(|(id, address)| (id.to_string(), address))
        .collect();
    texts.serialize(serializer)
}
