//! Vector instructions and cores.

use kumi_worker::capabilities;

use crate::command::doctor::finding::Finding;

/// What the processor has.
pub(super) struct Facts {
    /// The widest vector instructions: `avx2`, `scalar`.
    pub(super) level: String,
    /// Cores that this process may use, control groups and affinity included.
    pub(super) cores: u32,
}

pub(super) fn gather() -> Facts {
    Facts {
        level: capabilities::cpu(),
        cores: capabilities::machine_cores(),
    }
}

/// Whether the kernels run at speed.
pub(super) fn judge(facts: &Facts) -> Finding {
    let found = Finding::ok("cpu", &facts.level);
    match facts.level.as_str() {
        "scalar" => found.warn(
            "SSE4.1 at least: without vector instructions the results are the same, later",
            "pass the host's processor through to the virtual machine (cpu = host)",
        ),
        "sse4.1" => found.warn(
            "AVX2 for full speed",
            "pass the host's processor through to the virtual machine, or use a newer node",
        ),
        _ => found,
    }
}

/// Whether a worker may use the cores that it offers.
pub(super) fn cores(facts: &Facts, offered: Option<u32>) -> Finding {
    let offered = offered.unwrap_or(facts.cores);
    let found = format!("{} for this process, {offered} offered", facts.cores);
    let found = Finding::ok("cores", found);
    if offered > facts.cores {
        return found.warn(
            "as many as are offered",
            format!(
                "set worker.cores = {}, or ask the batch system for more",
                facts.cores
            ),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Facts, cores, judge};
    use crate::command::doctor::finding::Status;

    fn facts(level: &str) -> Facts {
        Facts {
            level: level.to_owned(),
            cores: 8,
        }
    }

    #[test]
    fn narrow_vectors_are_slow_not_wrong() {
        for level in ["avx512", "avx2", "neon"] {
            assert_eq!(judge(&facts(level)).status, Status::Ok, "{level}");
        }
        for level in ["sse4.1", "scalar"] {
            assert_eq!(judge(&facts(level)).status, Status::Warn, "{level}");
        }
    }

    #[test]
    fn cores_that_are_not_there_are_not_to_be_offered() {
        assert_eq!(cores(&facts("avx2"), None).status, Status::Ok);
        assert_eq!(cores(&facts("avx2"), Some(4)).status, Status::Ok);
        let many = cores(&facts("avx2"), Some(16));
        assert_eq!(many.status, Status::Warn);
        assert!(many.mend.contains("worker.cores = 8"), "{}", many.mend);
    }
}
