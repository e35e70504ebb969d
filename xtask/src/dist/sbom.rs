//! The software bill of materials: CycloneDX 1.6 JSON, of what is compiled into the program.
//!
//! Every crate that `cargo metadata` resolves for the target by way of normal dependencies, with its licence, its digest
//! in the registry and what it depends on. Specification: ECMA-424, <https://cyclonedx.org/docs/1.6/json/>.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The crate whose program is handed out.
const ROOT: &str = "kumi-cli";

/// The bill of the repository at `root`; `epoch` is the time it is dated, Unix seconds.
pub(crate) fn of(root: &Path, target: &str, epoch: u64) -> anyhow::Result<Value> {
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--format-version", "1", "--locked"]);
    let output = cargo
        .args(["--filter-platform", target])
        .current_dir(root)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata: {said}");
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let lock: toml::Table = std::fs::read_to_string(root.join("Cargo.lock"))?.parse()?;
    let rustc = Command::new("rustc").arg("--version").output()?;
    let rustc = String::from_utf8(rustc.stdout)?;
    let rustc = rustc
        .split_whitespace()
        .nth(1)
        .context("rustc has no version")?;
    bill(&metadata, &checksums(&lock), rustc, epoch)
}

/// SHA-256 of packages by name and version, as the lock file has them.
fn checksums(lock: &toml::Table) -> BTreeMap<(String, String), String> {
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let checksum = |package: &toml::Value| {
        let field = |name: &str| Some(package.get(name)?.as_str()?.to_owned());
        Some(((field("name")?, field("version")?), field("checksum")?))
    };
    packages
        .into_iter()
        .flatten()
        .filter_map(checksum)
        .collect()
}

fn bill(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
    rustc: &str,
    epoch: u64,
) -> anyhow::Result<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let packages = list(&metadata["packages"]);
    let packages: BTreeMap<&str, &Value> = packages
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package)))
        .collect();
    let nodes = list(&metadata["resolve"]["nodes"]);
    let edges: BTreeMap<&str, BTreeSet<&str>> = nodes
        .iter()
        .filter_map(|node| Some((node["id"].as_str()?, needs(node))))
        .collect();
    let (root, _) = packages
        .iter()
        .find(|(_, package)| package["name"] == ROOT)
        .context("the program's crate is not in the metadata")?;
    let mut reached = BTreeSet::from([*root]);
    let mut ahead = vec![*root];
    while let Some(id) = ahead.pop() {
        let next = edges.get(id).into_iter().flatten();
        ahead.extend(next.filter(|id| reached.insert(id)));
    }
    let purl = |id: &str| {
        let package = packages.get(id).context("a package without metadata")?;
        let (name, version) = (text(package, "name")?, text(package, "version")?);
        anyhow::Ok(format!("pkg:cargo/{name}@{version}"))
    };
    let std = format!("pkg:generic/rust-std@{rustc}");
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for id in &reached {
        let needs = edges.get(id).into_iter().flatten().map(|id| purl(id));
        let mut needs: Vec<String> = needs.collect::<anyhow::Result<_>>()?;
        needs.push(std.clone());
        needs.sort();
        needs.dedup();
        dependencies.push(json!({ "ref": purl(id)?, "dependsOn": needs }));
        if id != root {
            components.push(component(packages[id], &purl(id)?, checksums)?);
        }
    }
    components.push(json!({
        "type": "library", "bom-ref": std, "name": "rust-std", "version": rustc, "purl": std,
        "description": "The Rust standard library, with the C library musl for targets of that",
        "licenses": [{ "expression": "MIT OR Apache-2.0" }],
    }));
    components.sort_by_key(|component| component["bom-ref"].to_string());
    dependencies.sort_by_key(|dependency| dependency["ref"].to_string());
    let mut program = component(packages[root], &purl(root)?, checksums)?;
    program["type"] = "application".into();
    program["name"] = "kumi".into();
    let digest = Sha256::digest(format!("{program}{components:?}{epoch}"));
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "serialNumber": urn(&digest),
        "metadata": { "timestamp": utc(epoch), "component": program },
        "components": components,
        "dependencies": dependencies,
    }))
}

/// What is compiled in because of a package: neither build scripts nor tests.
fn needs(node: &Value) -> BTreeSet<&str> {
    let dependencies = node["deps"].as_array().into_iter().flatten();
    let normal = dependencies.filter(|dependency| {
        let kinds = dependency["dep_kinds"].as_array();
        kinds
            .into_iter()
            .flatten()
            .any(|kind| kind["kind"].is_null())
    });
    normal
        .filter_map(|dependency| dependency["pkg"].as_str())
        .collect()
}

fn text<'a>(package: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    let found = package[field].as_str();
    found.with_context(|| format!("a package without {field}"))
}

fn component(
    package: &Value,
    purl: &str,
    checksums: &BTreeMap<(String, String), String>,
) -> anyhow::Result<Value> {
    let (name, version) = (text(package, "name")?, text(package, "version")?);
    let mut component = json!({
        "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
    });
    if let Some(license) = package["license"].as_str() {
        // Before SPDX expressions, crates wrote a slash.
        let expression = license.replace('/', " OR ");
        component["licenses"] = json!([{ "expression": expression }]);
    }
    if let Some(description) = package["description"].as_str() {
        component["description"] = description.trim().into();
    }
    if let Some(digest) = checksums.get(&(name.to_owned(), version.to_owned())) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": digest }]);
    }
    if let Some(repository) = package["repository"].as_str() {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository.trim() }]);
    }
    Ok(component)
}

/// A UUID of version 8, whose bits are a digest's (RFC 9562, 5.8): the same bill has the same number.
fn urn(digest: &[u8]) -> String {
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0F | 0x80;
    bytes[8] = bytes[8] & 0x3F | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ];
    format!("urn:uuid:{}", parts.join("-"))
}

/// A time in UTC, RFC 3339, from Unix seconds; days to a date after Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`.
fn utc(epoch: u64) -> String {
    let (days, second) = (epoch / 86_400 + 719_468, epoch % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::{Value, json};

    use super::{bill, of, urn, utc};

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_700_000_000), "2023-11-14T22:13:20Z");
        assert_eq!(utc(4_102_444_799), "2099-12-31T23:59:59Z");
        assert_eq!(
            urn(&[0xFF; 32]),
            "urn:uuid:ffffffff-ffff-8fff-bfff-ffffffffffff"
        );
    }

    #[test]
    fn only_what_is_compiled_in_is_listed() {
        let package = |name: &str| {
            json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0",
                    "description": "it", "repository": null })
        };
        let edge = |to: &str, kind: Value| json!({ "pkg": to, "dep_kinds": [{ "kind": kind }] });
        let packages = ["kumi-cli", "used", "deep", "tested", "built"].map(package);
        let metadata = json!({
            "packages": packages,
            "resolve": { "nodes": [
                { "id": "kumi-cli", "deps": [edge("used", json!(null)), edge("tested", json!("dev"))] },
                { "id": "used", "deps": [edge("deep", json!(null)), edge("built", json!("build"))] },
                { "id": "deep", "deps": [] }, { "id": "tested", "deps": [] }, { "id": "built", "deps": [] },
            ] },
        });
        let key = ("used".to_owned(), "1.0.0".to_owned());
        let checksums = BTreeMap::from([(key, "ab".repeat(32))]);
        let bill = bill(&metadata, &checksums, "1.95.0", 0).expect("a bill");
        let components = bill["components"].as_array().expect("components");
        let names: Vec<_> = components.iter().map(|it| it["name"].as_str()).collect();
        assert_eq!(names, [Some("deep"), Some("used"), Some("rust-std")]);
        assert_eq!(components[1]["hashes"][0]["content"], "ab".repeat(32));
        assert_eq!(
            components[1]["licenses"][0]["expression"],
            "MIT OR Apache-2.0"
        );
        assert_eq!(bill["metadata"]["component"]["name"], "kumi");
    }

    #[test]
    fn every_crate_of_the_program_is_in_its_bill_once() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let bill = of(&root, "x86_64-unknown-linux-gnu", 0).expect("a bill");
        let components = bill["components"].as_array().expect("components");
        let listed = components
            .iter()
            .map(|it| it["bom-ref"].as_str().expect("a name"));
        let listed: BTreeSet<_> = listed.collect();
        assert_eq!(listed.len(), components.len(), "a name twice");
        for expected in ["pkg:cargo/raft@0.7.0", "pkg:cargo/kumi-align@0.1.0"] {
            assert!(listed.contains(expected), "{expected}");
        }
        for dependency in bill["dependencies"].as_array().expect("dependencies") {
            for needed in dependency["dependsOn"].as_array().expect("a list") {
                assert!(
                    listed.contains(needed.as_str().expect("a name")),
                    "{needed}"
                );
            }
        }
        let unlicensed: Vec<_> = components
            .iter()
            .filter(|it| it["licenses"].is_null())
            .map(|it| &it["name"])
            .collect();
        assert!(unlicensed.is_empty(), "{unlicensed:?}");
    }
}
