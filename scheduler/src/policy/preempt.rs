//! Which running tasks make room for urgent ones that wait. Looks at the state and changes nothing.

use std::collections::BTreeSet;

use kumi_proto::ids::WorkerId;
use kumi_proto::v1;
use kumi_proto::v1::{Priority, Stage};

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::limits::{PREEMPT_TASKS_MAX, PREEMPT_WASTE_CORE_MS};
use crate::plan::need::Need;
use crate::state::{Lease, State, Worker};

/// What the leader knows besides the state.
pub struct Siege<'a> {
    /// For how many milliseconds the leader has seen an attempt run.
    pub age_ms: &'a dyn Fn(u64) -> u64,
    /// Whether an attempt was asked before to end soon.
    pub was_asked: &'a dyn Fn(u64) -> bool,
    /// Workers that are connected.
    pub connected: &'a BTreeSet<u64>,
}

/// What makes room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Call tasks that are to end with what they have done and leave their rest to others.
    pub split: Vec<(WorkerId, u64)>,
    /// Attempts that have done so little that they are stopped.
    pub stop: Vec<(WorkerId, u64, v1::TaskId)>,
    /// Urgent or high tasks wait for cores that normal or bulk tasks hold, whether or not room can be made.
    pub is_wanted: bool,
}

/// A worker while room is made.
struct Site<'a> {
    id: u64,
    worker: &'a Worker,
    /// With what it will have when those that were asked have ended.
    free: Need,
    /// Those that may make room, in the order in which they do.
    victims: Vec<Victim<'a>>,
}

#[derive(Clone, Copy)]
struct Victim<'a> {
    attempt: u64,
    lease: &'a Lease,
    class: Priority,
    stops: bool,
}

/// Which normal and bulk tasks end early so that the urgent and high tasks that are ready can start: of each waiting task
/// those on the one worker where the fewest are needed, bulk before normal, and no more than needed. Call tasks end at
/// a checkpoint and lose nothing; others are stopped only when they have used less than a shard costs, and chunks never.
#[must_use]
pub fn make_room(state: &State, siege: &Siege<'_>) -> Room {
    let mut room = Room::default();
    let waiting = waiting(state);
    if waiting.is_empty() {
        return room;
    }
    let workers = state.workers.iter();
    let present =
        workers.filter(|(id, worker)| worker.takes_tasks() && siege.connected.contains(id));
    let mut sites: Vec<Site<'_>> = present
        .map(|(id, worker)| Site::new(state, siege, *id, worker))
        .collect();
    for (cohort, need) in waiting {
        let able = |site: &&mut Site<'_>| site.worker.suits(cohort);
        let options = sites.iter_mut().filter(able);
        let options = options.filter_map(|site| Some((site.victims_for(cohort, need)?, site)));
        let Some((count, site)) = options.min_by_key(|(count, site)| (*count, site.id)) else {
            room.is_wanted = true;
            continue;
        };
        room.is_wanted |= count > 0;
        site.clear(cohort, count, need, &mut room, state);
    }
    room
}

/// Ready tasks of urgent and high cohorts, and what they ask for.
fn waiting(state: &State) -> Vec<(&Cohort, Need)> {
    let classes = [Priority::Urgent, Priority::High].map(|class| class as i32);
    let queue = state.derived.queue.iter();
    let mut waiting = Vec::new();
    for (_, _, id) in queue.take_while(|(class, ..)| *class <= classes[1]) {
        let cohort = &state.cohorts[id];
        for stage in kumi_proto::STAGES {
            let room = PREEMPT_TASKS_MAX - waiting.len();
            let ready = cohort.grid(stage).ready().take(room);
            let cells = ready.map(|(row, column)| Cell { stage, row, column });
            let starts = cells.filter(|cell| {
                let flies = state.derived.in_flight.contains_key(&cohort.address(*cell));
                !flies && state.quotas_allow(cohort, *cell, cohort.need(*cell).cores)
            });
            waiting.extend(starts.map(|cell| (cohort, cohort.need(cell))));
        }
        if waiting.len() == PREEMPT_TASKS_MAX {
            break;
        }
    }
    waiting
}

impl<'a> Site<'a> {
    fn new(state: &'a State, siege: &Siege<'_>, id: u64, worker: &'a Worker) -> Self {
        let mut free = worker.capacity();
        let mut victims = Vec::new();
        for (attempt, lease) in state.leases_of(WorkerId(id)) {
            if (siege.was_asked)(attempt) {
                continue;
            }
            free = free.less(lease.claim());
            victims.extend(Victim::new(state, siege, attempt, lease));
        }
        // Bulk first, and of each class those that lose the least.
        victims.sort_by_key(|victim| {
            let age_ms = (siege.age_ms)(victim.attempt);
            let lost = if victim.stops {
                age_ms * u64::from(victim.lease.cores)
            } else {
                0
            };
            (std::cmp::Reverse(victim.class as i32), lost, victim.attempt)
        });
        Self {
            id,
            worker,
            free,
            victims,
        }
    }

    /// How many must end here for a task of a cohort; none when that does not help.
    fn victims_for(&self, cohort: &Cohort, need: Need) -> Option<usize> {
        let need = self.worker.capped(need);
        let mut free = self.free;
        let mut count = 0;
        let mut below = self
            .victims
            .iter()
            .filter(|victim| is_below(victim, cohort));
        while !need.fits(free) {
            free = free.and(below.next()?.lease.claim());
            count += 1;
        }
        Some(count)
    }

    fn clear(&mut self, cohort: &Cohort, count: usize, need: Need, room: &mut Room, state: &State) {
        let below = self
            .victims
            .iter()
            .filter(|victim| is_below(victim, cohort));
        let chosen: Vec<Victim<'_>> = below.take(count).copied().collect();
        for victim in chosen {
            self.free = self.free.and(victim.lease.claim());
            self.victims.retain(|other| other.attempt != victim.attempt);
            let worker = WorkerId(self.id);
            if victim.stops {
                let task = state.cohorts[&victim.lease.cohort].task(victim.lease.cell);
                room.stop.push((worker, victim.attempt, task));
            } else {
                room.split.push((worker, victim.attempt));
            }
        }
        self.free = self.free.less(self.worker.capped(need));
    }
}

fn is_below(victim: &Victim<'_>, cohort: &Cohort) -> bool {
    victim.class as i32 > cohort.priority() as i32
}

impl<'a> Victim<'a> {
    /// None when the attempt must not be touched.
    fn new(state: &State, siege: &Siege<'_>, attempt: u64, lease: &'a Lease) -> Option<Self> {
        let cohort = &state.cohorts[&lease.cohort];
        let class = cohort.priority();
        let used = (siege.age_ms)(attempt).saturating_mul(lease.cores.into());
        // Of two attempts the second is wanted the least.
        let stops = state.is_copy(attempt, lease)
            || used <= PREEMPT_WASTE_CORE_MS && lease.cell.stage != Stage::Chunk;
        let splits = lease.cell.stage == Stage::Call
            && !state.has_copy(attempt, lease)
            && cohort.spare(lease.cell.row).next().is_some();
        let touchable = matches!(class, Priority::Normal | Priority::Bulk);
        (touchable && (stops || splits)).then_some(Self {
            attempt,
            lease,
            class,
            stops: stops && !splits,
        })
    }
}
