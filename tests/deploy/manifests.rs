//! The manifests of `deploy/kubernetes`, by kind and name.

use std::fs;
use std::path::PathBuf;

use serde::Deserialize as _;
use serde_yaml_ng::{Deserializer, Value};

use crate::support::root;

/// All documents of all files.
pub(super) struct Manifests(Vec<Value>);

impl Manifests {
    pub(super) fn paths() -> Vec<PathBuf> {
        let entries = fs::read_dir(root().join("deploy/kubernetes")).expect("the folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let mut paths: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|it| it == "yaml"))
            .collect();
        paths.sort();
        paths
    }

    pub(super) fn read() -> Self {
        let mut documents = Vec::new();
        for path in Self::paths() {
            let text = fs::read_to_string(&path).expect("a manifest");
            for document in Deserializer::from_str(&text) {
                documents.push(Value::deserialize(document).expect("YAML"));
            }
        }
        Self(documents)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Value> {
        self.0.iter()
    }

    pub(super) fn find(&self, kind: &str, name: &str) -> &Value {
        let found = self
            .0
            .iter()
            .find(|it| it["kind"] == *kind && name_of(&it["metadata"]) == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// What runs pods.
    pub(super) fn workload(&self, name: &str) -> &Value {
        let runs = |it: &&Value| it["kind"] == *"StatefulSet" || it["kind"] == *"Deployment";
        let found = self
            .0
            .iter()
            .filter(runs)
            .find(|it| name_of(&it["metadata"]) == name);
        found.unwrap_or_else(|| panic!("nothing runs {name}"))
    }

    /// The files of a config map.
    pub(super) fn config(&self, name: &str) -> Vec<(String, String)> {
        let data = self.find("ConfigMap", name)["data"]
            .as_mapping()
            .expect("data");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        data.iter()
            .map(|(file, content)| (text(file), text(content)))
            .collect()
    }
}

/// The one container of a workload.
pub(super) fn container(workload: &Value) -> &Value {
    let containers = &workload["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers.as_sequence().map(Vec::len), Some(1));
    &containers[0]
}

pub(super) fn name_of(value: &Value) -> &str {
    value["name"].as_str().expect("a name")
}

pub(super) fn texts(list: &Value) -> Vec<String> {
    let list = list.as_sequence().expect("a list");
    list.iter()
        .map(|word| word.as_str().expect("a word").to_owned())
        .collect()
}
