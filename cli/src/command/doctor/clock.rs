//! Whether the clock is kept, and how far it is from the schedulers'.

use std::path::Path;

use jiff::fmt::rfc2822;

use crate::command::doctor::finding::Finding;
use crate::command::doctor::limits;
use crate::command::doctor::schedulers;

/// Programs that keep a clock, as `/proc/PID/comm` has their names.
const KEEPERS: [&str; 6] = [
    "chronyd",
    "ntpd",
    "systemd-timesyn",
    "ptp4l",
    "phc2sys",
    "openntpd",
];

/// What keeps the clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Keeper {
    /// systemd-timesyncd, which says that it has done so.
    Synchronised,
    /// systemd-timesyncd, which has reached no server yet.
    Trying,
    /// A program of this name.
    Runs(String),
    /// None that can be seen from here.
    Unseen,
}

/// How far another clock is ahead, between two bounds, milliseconds: stamps tell whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    pub(super) least_ms: i64,
    pub(super) most_ms: i64,
}

impl Offset {
    /// How far the clocks are apart at least, milliseconds.
    fn apart_ms(self) -> u64 {
        let least = if self.least_ms > 0 {
            self.least_ms
        } else {
            self.most_ms.min(0)
        };
        least.unsigned_abs()
    }
}

/// What is known of the clock.
pub(super) struct Facts {
    pub(super) keeper: Keeper,
    /// Schedulers' clocks, by endpoint.
    pub(super) offsets: Vec<(String, Offset)>,
}

pub(super) fn gather(reached: &[schedulers::Facts]) -> Facts {
    let offset = |facts: &schedulers::Facts| {
        let offset = facts.answer.as_ref().ok()?.offset?;
        Some((facts.endpoint.clone(), offset))
    };
    Facts {
        keeper: keeper(Path::new("/")),
        offsets: reached.iter().filter_map(offset).collect(),
    }
}

/// What keeps the clock of the system below `root`.
fn keeper(root: &Path) -> Keeper {
    if root.join("run/systemd/timesync/synchronized").exists() {
        return Keeper::Synchronised;
    }
    let entries = std::fs::read_dir(root.join("proc")).into_iter().flatten();
    let names = entries.flatten().filter_map(|entry| {
        let number = entry.file_name().to_str()?.parse::<u32>().ok();
        number.and_then(|_| std::fs::read_to_string(entry.path().join("comm")).ok())
    });
    let mut names = names.map(|name| name.trim().to_owned());
    match names.find(|name| KEEPERS.contains(&name.as_str())) {
        Some(name) if name == "systemd-timesyn" => Keeper::Trying,
        Some(name) => Keeper::Runs(name),
        None => Keeper::Unseen,
    }
}

/// How far the clock that stamped an answer (RFC 9110, 5.6.7) is ahead; sent and received in Unix milliseconds of this
/// machine. The stamp is the start of the second in which the answer was made.
pub(super) fn offset(date: &str, sent_ms: i64, received_ms: i64) -> Option<Offset> {
    let stamp = rfc2822::parse(date).ok()?.timestamp().as_millisecond();
    Some(Offset {
        least_ms: stamp - received_ms,
        most_ms: stamp + 1_000 - sent_ms,
    })
}

/// The clock by itself, and against each scheduler.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let kept = match &facts.keeper {
        Keeper::Synchronised => Finding::ok("clock", "kept by systemd-timesyncd"),
        Keeper::Runs(name) => Finding::ok("clock", format!("{name} runs")),
        Keeper::Trying => Finding::ok("clock", "systemd-timesyncd has reached no server").warn(
            "a clock that is kept",
            "timedatectl timesync-status; name a server in /etc/systemd/timesyncd.conf",
        ),
        Keeper::Unseen => Finding::ok("clock", "nothing that keeps it is seen").warn(
            "NTP, on this machine or on the host of this container",
            "systemctl enable --now chronyd, or systemd-timesyncd",
        ),
    };
    let others = facts
        .offsets
        .iter()
        .map(|(endpoint, offset)| apart(endpoint, *offset));
    std::iter::once(kept).chain(others).collect()
}

fn apart(endpoint: &str, offset: Offset) -> Finding {
    let seconds = |ms: i64| ms as f64 / 1e3;
    let (least, most) = (seconds(offset.least_ms), seconds(offset.most_ms));
    let found = Finding::ok(
        "clock",
        format!("{endpoint} is ahead by {least:.1} s to {most:.1} s"),
    );
    let mend = "set the clock of whichever is wrong: chronyc makestep, or timedatectl";
    match offset.apart_ms() {
        ms if ms > limits::CLOCK_FAIL_MS => found.fail(
            "clocks within a minute: certificates are judged by them",
            mend,
        ),
        ms if ms > limits::CLOCK_WARN_MS => found.warn("clocks within two seconds", mend),
        _ => found,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{Facts, Keeper, Offset, judge, keeper, offset};
    use crate::command::doctor::finding::Status;

    #[test]
    fn a_keeper_is_found_by_its_mark_or_its_process() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("below")).expect("made");
            fs::write(path, text).expect("written");
        };
        assert_eq!(keeper(root.path()), Keeper::Unseen);
        write("proc/self/comm", "chronyd\n");
        write("proc/17/comm", "bash\n");
        assert_eq!(keeper(root.path()), Keeper::Unseen);
        write("proc/18/comm", "systemd-timesyn\n");
        assert_eq!(keeper(root.path()), Keeper::Trying);
        fs::remove_dir_all(root.path().join("proc/18")).expect("removed");
        write("proc/19/comm", "chronyd\n");
        assert_eq!(keeper(root.path()), Keeper::Runs("chronyd".to_owned()));
        write("run/systemd/timesync/synchronized", "");
        assert_eq!(keeper(root.path()), Keeper::Synchronised);
    }

    #[test]
    fn a_stamp_of_whole_seconds_bounds_the_offset() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let stamp = 784_111_777_000;
        let found = offset(date, stamp + 300, stamp + 320).expect("a date");
        assert_eq!((found.least_ms, found.most_ms), (-320, 700));
        assert_eq!(found.apart_ms(), 0);
        let behind = offset(date, stamp + 9_000, stamp + 9_100).expect("a date");
        assert_eq!(behind.apart_ms(), 8_000);
        let ahead = offset(date, stamp - 90_000, stamp - 89_900).expect("a date");
        assert_eq!(ahead.apart_ms(), 89_900);
        assert_eq!(offset("yesterday", 0, 0), None);
    }

    #[test]
    fn clocks_apart_are_told_and_far_apart_fail() {
        let status = |least_ms, most_ms| {
            let offset = Offset { least_ms, most_ms };
            let facts = Facts {
                keeper: Keeper::Synchronised,
                offsets: vec![("s:7070".to_owned(), offset)],
            };
            judge(&facts)[1].status
        };
        assert_eq!(status(-500, 600), Status::Ok);
        assert_eq!(status(3_000, 4_100), Status::Warn);
        assert_eq!(status(-62_000, -61_000), Status::Fail);
        let alone = |keeper| {
            judge(&Facts {
                keeper,
                offsets: vec![],
            })[0]
                .status
        };
        assert_eq!(alone(Keeper::Runs("ntpd".to_owned())), Status::Ok);
        assert_eq!(alone(Keeper::Unseen), Status::Warn);
        assert_eq!(alone(Keeper::Trying), Status::Warn);
    }
}
