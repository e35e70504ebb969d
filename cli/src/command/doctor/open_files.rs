//! How many files a process may hold open.

use rustix::process::{Resource, getrlimit};

use crate::command::doctor::finding::Finding;
use crate::command::doctor::limits;

/// The limits; none: no limit.
pub(super) struct Facts {
    pub(super) soft: Option<u64>,
    pub(super) hard: Option<u64>,
}

pub(super) fn gather() -> Facts {
    let found = getrlimit(Resource::Nofile);
    Facts {
        soft: found.current,
        hard: found.maximum,
    }
}

/// Whether enough may be open. The hard limit counts: daemons raise the soft one to it.
pub(super) fn judge(facts: &Facts) -> Finding {
    let said = |limit: Option<u64>| limit.map_or("no limit".to_owned(), |most| most.to_string());
    let found = format!("{} soft, {} hard", said(facts.soft), said(facts.hard));
    let found = Finding::ok("open-files", found);
    let mend = "LimitNOFILE=65536 in the systemd unit, `nofile` in /etc/security/limits.conf, \
                or PropagateResourceLimitsExcept=NOFILE in slurm.conf";
    match facts.hard {
        Some(most) if most < limits::OPEN_FILES_MIN => found.fail("256 (ulimit -Hn)", mend),
        Some(most) if most < limits::OPEN_FILES => found.warn(
            "a hard limit of 4096 (ulimit -Hn) for 16 cores that merge chunks at once",
            mend,
        ),
        _ => found,
    }
}

#[cfg(test)]
mod tests {
    use super::{Facts, judge};
    use crate::command::doctor::finding::Status;

    #[test]
    fn the_hard_limit_counts() {
        let status = |hard| {
            judge(&Facts {
                soft: Some(128),
                hard,
            })
            .status
        };
        assert_eq!(status(None), Status::Ok);
        assert_eq!(status(Some(4_096)), Status::Ok);
        assert_eq!(status(Some(1_024)), Status::Warn);
        assert_eq!(status(Some(128)), Status::Fail);
    }
}
