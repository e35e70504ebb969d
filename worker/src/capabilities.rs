//! What this build and this machine can do.

use std::path::Path;

use kumi_proto::v1::WorkerHello;
use kumi_simd::level::Level;

use crate::cgroup;

/// The version of everything that decides what the kernels compute. It is part of every content
/// address: raise it whenever the same input may give other bytes than before.
pub const KERNEL_VERSION: &str = "23";

/// The software version of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Bytes of memory assumed where the machine does not tell.
const MEMORY_FALLBACK_BYTES: u64 = 4 << 30;

/// The widest vector instructions of this machine: `avx512`, `avx2`, `sse4.1`, `neon` or `scalar`.
#[must_use]
pub fn cpu() -> String {
    Level::detect().to_string()
}

/// Cores this process may use.
#[must_use]
pub fn machine_cores() -> u32 {
    std::thread::available_parallelism()
        .ok()
        .and_then(|cores| u32::try_from(cores.get()).ok())
        .unwrap_or(1)
}

/// Memory that this process may use, in bytes: the machine's, or what a control group leaves of it.
#[must_use]
pub fn machine_memory() -> u64 {
    let physical = physical_memory();
    memory_limit().map_or(physical, |limit| limit.min(physical))
}

/// The least that the control groups of this process allow, in bytes; none without a limit.
#[must_use]
pub fn memory_limit() -> Option<u64> {
    cgroup::memory_limit(Path::new("/"))
}

/// Physical memory in bytes (`MemTotal`).
#[must_use]
pub fn physical_memory() -> u64 {
    std::fs::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| kibibytes(&text, "MemTotal:"))
        .unwrap_or(MEMORY_FALLBACK_BYTES)
}

/// The bytes that a `Name:   123 kB` line of a `/proc` file tells.
pub(crate) fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    let number = line[name.len()..].split_whitespace().next()?;
    number.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// What a worker says of itself when a session opens. `cores` and `memory_bytes` are what it offers,
/// not what the machine has.
#[must_use]
pub fn capabilities(name: &str, incarnation: &str, cores: u32, memory_bytes: u64) -> WorkerHello {
    WorkerHello {
        name: name.to_owned(),
        incarnation: incarnation.to_owned(),
        cores,
        memory_bytes,
        version: VERSION.to_owned(),
        cpu: cpu(),
        kernel_version: KERNEL_VERSION.to_owned(),
        labels: own_labels(),
        ..WorkerHello::default()
    }
}

/// What cohorts may ask for of any worker: the vector instructions of this machine, those that the widest ones imply
/// too, and its architecture.
fn own_labels() -> Vec<String> {
    let widest = cpu();
    let levels = ["sse4.1", "avx2", "avx512"];
    let reached = levels.iter().position(|level| *level == widest);
    let mut labels = match reached {
        Some(at) => levels[..=at]
            .iter()
            .map(|level| (*level).to_owned())
            .collect(),
        None => vec![widest],
    };
    labels.push(format!("arch={}", std::env::consts::ARCH));
    labels.sort_unstable();
    labels
}

#[cfg(test)]
mod tests {
    use super::{cpu, kibibytes, machine_memory, own_labels};

    #[test]
    fn a_worker_has_the_labels_of_its_machine() {
        let labels = own_labels();
        assert!(labels.contains(&cpu()));
        assert!(labels.contains(&format!("arch={}", std::env::consts::ARCH)));
        assert_eq!(labels.contains(&"avx512".to_owned()), cpu() == "avx512");
    }

    #[test]
    fn proc_lines_are_read_in_kibibytes() {
        let text = "Name:\tkumi\nVmHWM:\t   2048 kB\nVmRSS: 7 kB\n";
        assert_eq!(kibibytes(text, "VmHWM:"), Some(2 << 20));
        assert_eq!(kibibytes(text, "VmSwap:"), None);
        assert!(machine_memory() > 0);
    }
}
