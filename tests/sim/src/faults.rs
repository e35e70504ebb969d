//! What breaks in a run, and when: a function of the seed.

use std::fmt;

use crate::random::Random;

/// Something breaks or is mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing passes between two hosts, in either direction.
    Part(String, String),
    /// Nothing passes from the first host to the second.
    PartOneWay(String, String),
    /// Everything passes again.
    Join(String, String),
    /// Messages between two hosts take up to so many milliseconds.
    Slow(String, String, u64),
    /// A process is killed; its disk keeps what was written.
    Kill(String),
    /// A machine loses its power; its disk keeps what was synced, and parts of the rest.
    PowerOff(String),
    /// What was killed or had no power runs again.
    Start(String),
    /// A scheduler's disk takes no more.
    Fill(u64),
    /// … and takes more again.
    Free(u64),
    /// A scheduler's disk takes so many milliseconds for each sync.
    SlowDisk(u64, u64),
    /// A bit of a scheduler's log turns over.
    Rot(u64),
    /// A scheduler's clock jumps by so many milliseconds.
    Jump(u64, i64),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Part(a, b) => write!(f, "{a} and {b} are parted"),
            Self::PartOneWay(a, b) => write!(f, "nothing passes from {a} to {b}"),
            Self::Join(a, b) => write!(f, "{a} and {b} are joined"),
            Self::Slow(a, b, ms) => write!(f, "between {a} and {b} it takes up to {ms} ms"),
            Self::Kill(host) => write!(f, "{host} is killed"),
            Self::PowerOff(host) => write!(f, "{host} loses its power"),
            Self::Start(host) => write!(f, "{host} is started"),
            Self::Fill(node) => write!(f, "the disk of scheduler-{node} is full"),
            Self::Free(node) => write!(f, "the disk of scheduler-{node} has room"),
            Self::SlowDisk(node, ms) => {
                write!(f, "a sync of the disk of scheduler-{node} takes {ms} ms")
            }
            Self::Rot(node) => write!(f, "a bit of the log of scheduler-{node} turns over"),
            Self::Jump(node, ms) => write!(f, "the clock of scheduler-{node} jumps by {ms} ms"),
        }
    }
}

/// How large a cluster is.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Scheduler nodes that found it.
    pub schedulers: u64,
    /// Whether one more waits to be taken in, in the place of one of them.
    pub spare: bool,
    /// Workers.
    pub workers: u64,
}

impl Size {
    /// All scheduler nodes; the last is the one that waits, if one does.
    #[must_use]
    pub fn nodes(self) -> u64 {
        self.schedulers + u64::from(self.spare)
    }
}

/// The name of a scheduler's host.
#[must_use]
pub fn scheduler(node: u64) -> String {
    format!("scheduler-{node}")
}

/// The name of a worker's host.
#[must_use]
pub fn worker(number: u64) -> String {
    format!("worker-{number}")
}

/// When everything is mended, virtual milliseconds.
pub const MENDED_MS: u64 = 24_000;

/// All that happens, in order of time. After [`MENDED_MS`] nothing is broken but what rotted.
#[must_use]
pub fn plan(seed: u64, size: Size) -> Vec<(u64, Fault)> {
    let mut random = Random::new(seed, 1);
    let mut plan = Vec::new();
    let mut at = random.between(500, 4_000);
    let mut rotten = None;
    while at < MENDED_MS - 3_000 {
        let until = (at + random.between(200, 9_000)).min(MENDED_MS);
        one(&mut random, size, (at, until), &mut rotten, &mut plan);
        at += random.between(200, 2_500);
    }
    plan.sort_by_key(|(at, _)| *at);
    plan
}

fn one(
    random: &mut Random,
    size: Size,
    (at, until): (u64, u64),
    rotten: &mut Option<u64>,
    plan: &mut Vec<(u64, Fault)>,
) {
    let node = random.between(1, size.nodes() + 1);
    let other = 1 + node % size.nodes();
    let (a, b) = if random.once_in(2) {
        (scheduler(node), scheduler(other))
    } else {
        (scheduler(node), worker(random.between(1, size.workers + 1)))
    };
    let (a, b) = if random.once_in(2) { (a, b) } else { (b, a) };
    let host = if random.once_in(3) {
        worker(random.between(1, size.workers + 1))
    } else {
        scheduler(node)
    };
    match random.below(11) {
        0 | 1 => {
            plan.push((at, Fault::Part(a.clone(), b.clone())));
            plan.push((until, Fault::Join(a, b)));
        }
        2 => {
            plan.push((at, Fault::PartOneWay(a.clone(), b.clone())));
            plan.push((until, Fault::Join(a, b)));
        }
        3 => plan.extend(isolate(&scheduler(node), size, (at, until))),
        4 => {
            let number = random.between(1, size.workers + 1);
            plan.extend(isolate(&worker(number), size, (at, until)));
        }
        5 => {
            plan.push((at, Fault::Kill(host.clone())));
            plan.push((until, Fault::Start(host)));
        }
        6 => {
            plan.push((at, Fault::PowerOff(host.clone())));
            plan.push((until, Fault::Start(host)));
        }
        7 => {
            plan.push((at, Fault::Fill(node)));
            plan.push((until, Fault::Free(node)));
        }
        8 if rotten.is_none() && random.once_in(4) => {
            *rotten = Some(node);
            plan.push((at, Fault::Rot(node)));
        }
        8 => {
            let ms = random.between(0, 1_200_000) as i64 - 600_000;
            plan.push((at, Fault::Jump(node, ms)));
        }
        9 => {
            plan.push((at, Fault::SlowDisk(node, random.between(20, 1_500))));
            plan.push((until, Fault::SlowDisk(node, 0)));
        }
        _ => {
            plan.push((
                at,
                Fault::Slow(a.clone(), b.clone(), random.between(50, 800)),
            ));
            plan.push((until, Fault::Slow(a, b, LATENCY_MS_MAX)));
        }
    }
}

/// The longest time a message takes when nothing is slow.
pub const LATENCY_MS_MAX: u64 = 20;

/// One host is parted from everybody.
fn isolate(host: &str, size: Size, (at, until): (u64, u64)) -> Vec<(u64, Fault)> {
    let schedulers = (1..=size.nodes()).map(scheduler);
    let others = schedulers.chain((1..=size.workers).map(worker));
    others
        .filter(|other| other != host)
        .flat_map(|other| {
            [
                (at, Fault::Part(host.to_owned(), other.clone())),
                (until, Fault::Join(host.to_owned(), other)),
            ]
        })
        .collect()
}
