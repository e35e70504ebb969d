//! The walls between the crates, as `docs/architecture.md` draws them, and a few absences.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const KERNELS: [&str; 9] = [
    "seq", "simd", "formats", "index", "align", "sort", "call", "joint", "qc",
];

/// Every crate and all of ours that it may import.
fn allowed() -> BTreeMap<String, BTreeSet<String>> {
    let all_kernels = || KERNELS.iter().map(|k| format!("kumi-{k}"));
    let set = |names: &[&str]| {
        names
            .iter()
            .map(|name| format!("kumi-{name}"))
            .collect::<BTreeSet<_>>()
    };
    let mut table = BTreeMap::new();
    let mut allow = |name: &str, may: BTreeSet<String>| table.insert(format!("kumi-{name}"), may);
    for name in ["proto", "seq", "simd", "xtask"] {
        allow(name, set(&[]));
    }
    allow("scheduler", set(&["proto"]));
    allow("cluster", set(&["proto"]));
    allow("tls", set(&["proto"]));
    allow("server", set(&["proto", "scheduler", "cluster", "tls"]));
    allow("formats", set(&["seq"]));
    allow("index", set(&["seq"]));
    allow("align", set(&["seq", "simd", "formats", "index"]));
    for name in ["sort", "joint", "qc"] {
        allow(name, set(&["seq", "formats"]));
    }
    allow("call", set(&["seq", "simd", "formats"]));
    allow(
        "worker",
        set(&["proto", "tls"])
            .into_iter()
            .chain(all_kernels())
            .collect(),
    );
    allow(
        "cli",
        set(&["proto", "server", "worker", "tls"])
            .into_iter()
            .chain(all_kernels())
            .collect(),
    );
    allow(
        "benches",
        set(&["proto", "scheduler", "cluster", "server", "worker"])
            .into_iter()
            .chain(all_kernels())
            .collect(),
    );
    allow(
        "sim",
        set(&["proto", "scheduler", "cluster", "server", "worker"]),
    );
    table
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manifests() -> Vec<(PathBuf, toml::Table)> {
    let folders = [
        "proto",
        "scheduler",
        "cluster",
        "tls",
        "server",
        "worker",
        "cli",
        "benches",
        "xtask",
        "tests/sim",
    ]
    .map(String::from);
    let kernels = KERNELS.map(|kernel| format!("kernels/{kernel}"));
    folders
        .into_iter()
        .chain(kernels)
        .map(|folder| {
            let path = root().join(folder);
            let text =
                fs::read_to_string(path.join("Cargo.toml")).expect("every crate has a manifest");
            (path, text.parse().expect("a manifest is TOML"))
        })
        .collect()
}

#[test]
fn imports_stay_inside_the_walls() {
    let allowed = allowed();
    for (path, manifest) in manifests() {
        let name = manifest["package"]["name"]
            .as_str()
            .expect("a package has a name")
            .to_owned();
        let may = allowed
            .get(&name)
            .unwrap_or_else(|| panic!("{name} is not in the table"));
        for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(toml::Value::as_table) else {
                continue;
            };
            for dependency in dependencies.keys().filter(|d| d.starts_with("kumi-")) {
                assert!(
                    may.contains(dependency),
                    "{}: {section}: {dependency} is not allowed",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn every_member_of_the_workspace_is_in_the_table() {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest");
    let workspace: toml::Table = text.parse().expect("a manifest is TOML");
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("members")
        .len();
    // `kernels/*` counts once there and nine times here.
    assert_eq!(members - 1 + KERNELS.len(), allowed().len());
    let kernels = fs::read_dir(root().join("kernels"))
        .expect("kernels/")
        .count();
    assert_eq!(kernels, KERNELS.len());
}

/// Calls `visit` with every Rust source file under `folder`.
fn sources(folder: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path, &fs::read_to_string(&path).expect("UTF-8"));
        }
    }
}

#[test]
fn what_decides_never_asks_the_world() {
    const WORLD: [&str; 7] = [
        "Instant::now",
        "SystemTime::now",
        "thread_rng",
        "rand::",
        "HashMap",
        "std::thread",
        "std::fs",
    ];
    sources(&root().join("scheduler/src"), &mut |path, text| {
        for word in WORLD {
            assert!(
                !text.contains(word),
                "{}: the scheduler decides and never touches {word}",
                path.display()
            );
        }
    });
}

#[test]
fn kernels_know_neither_runtime_nor_wire() {
    for (path, manifest) in manifests() {
        if !path.components().any(|part| part.as_os_str() == "kernels") {
            continue;
        }
        let dependencies = manifest
            .get("dependencies")
            .and_then(toml::Value::as_table)
            .cloned()
            .unwrap_or_default();
        for foreign in ["tokio", "tonic", "prost", "tracing", "log", "prometheus"] {
            assert!(
                !dependencies.contains_key(foreign),
                "{}: a kernel must not import {foreign}",
                path.display()
            );
        }
    }
}

#[test]
fn unsafe_code_stays_in_its_two_rooms() {
    for (path, manifest) in manifests() {
        let inherits = manifest["lints"]
            .get("workspace")
            .and_then(toml::Value::as_bool)
            == Some(true);
        let room = path.ends_with("kernels/simd") || path.ends_with("kernels/index");
        assert_eq!(
            !inherits,
            room,
            "{}: unsafe_code is forbidden outside simd and index",
            path.display()
        );
    }
}
