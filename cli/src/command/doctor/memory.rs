//! Memory, with what control groups leave of it.

use kumi_worker::capabilities;

use crate::command::doctor::finding::Finding;
use crate::command::doctor::limits;
use crate::table::bytes;

/// How much there is, bytes.
pub(super) struct Facts {
    pub(super) physical: u64,
    /// What the control groups of this process leave, when they limit it.
    pub(super) limit: Option<u64>,
}

pub(super) fn gather() -> Facts {
    Facts {
        physical: capabilities::physical_memory(),
        limit: capabilities::memory_limit(),
    }
}

/// Whether a worker fits; `offered` is what its configuration says.
pub(super) fn judge(facts: &Facts, offered: Option<u64>) -> Finding {
    let usable = facts
        .limit
        .map_or(facts.physical, |limit| limit.min(facts.physical));
    let limit = match facts.limit {
        Some(limit) if limit < facts.physical => {
            format!(", the control group leaves {}", bytes(limit))
        }
        _ => String::new(),
    };
    let offers = offered.unwrap_or(usable / 10 * 9);
    let found = format!(
        "{}{limit}, {} offered",
        bytes(facts.physical),
        bytes(offers)
    );
    let found = Finding::ok("memory", found);
    if usable < limits::MEMORY_MIN || offers < limits::MEMORY_MIN {
        let mend = "ask the batch system for more memory, or raise worker.memory";
        return found.fail("1 GiB for one joint task", mend);
    }
    if offers > usable {
        let mend = format!("set worker.memory = \"{}MiB\"", (usable / 10 * 9) >> 20);
        return found.fail("as much as is offered, or the kernel kills tasks", mend);
    }
    if offers < limits::MEMORY_HUMAN {
        let needed = "16.6 GB offered to align a human genome; smaller ones and other stages run";
        return found.warn(needed, "use a node with more memory for alignment");
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Facts, judge};
    use crate::command::doctor::finding::Status;

    fn status(physical: u64, limit: Option<u64>, offered: Option<u64>) -> Status {
        let facts = Facts {
            physical: physical << 30,
            limit: limit.map(|limit| limit << 30),
        };
        judge(&facts, offered.map(|offered| offered << 30)).status
    }

    #[test]
    fn what_counts_is_what_the_control_group_leaves() {
        assert_eq!(status(64, None, None), Status::Ok);
        assert_eq!(status(64, Some(128), None), Status::Ok);
        assert_eq!(status(64, Some(8), None), Status::Warn);
        assert_eq!(status(64, Some(0), None), Status::Fail);
        assert_eq!(status(1, None, None), Status::Fail, "nine tenths of 1 GiB");
    }

    #[test]
    fn no_more_is_to_be_offered_than_there_is() {
        assert_eq!(status(64, None, Some(60)), Status::Ok);
        assert_eq!(status(64, Some(32), Some(60)), Status::Fail);
        assert_eq!(status(64, None, Some(4)), Status::Warn);
    }
}
