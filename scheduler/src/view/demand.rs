//! How many workers of each pool the ready tasks are worth. Looks at the state and changes nothing.

use std::collections::BTreeMap;

use kumi_proto::v1::{Stage, TaskState};

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::plan::need::Need;
use crate::pool::Shape;
use crate::state::{State, Worker};

/// Ready tasks that ask for the same.
struct Group<'a> {
    cohort: &'a Cohort,
    /// One of them.
    cell: Cell,
    need: Need,
    tasks: u64,
}

/// Workers that a pool has coming or may still have, all alike; filled by thousandths, so that tasks of different sizes
/// share one.
struct Bin<'a> {
    shape: &'a Shape,
    filled_milli: u64,
}

impl State {
    /// How many workers each pool should have coming, in the order of the shapes: as many as the tasks are worth that are
    /// ready, that quotas allow, and for which no worker has room that is there. Of two pools that could do a task the first
    /// one gets it while it has room.
    #[must_use]
    pub fn demand(&self, shapes: &[Shape]) -> Vec<u32> {
        let mut bins: Vec<Bin<'_>> = shapes.iter().map(Bin::new).collect();
        // Most workers are busy: those are not looked at again for every group.
        let open = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.takes_tasks());
        let free = open.map(|(id, worker)| (worker, self.free(*id, worker)));
        let mut free: Vec<(&Worker, Need)> = free.filter(|(_, free)| free.cores > 0).collect();
        let mut allowance = BTreeMap::new();
        for id in self.served() {
            let cohort = &self.cohorts[&id];
            for mut group in self.groups(cohort) {
                self.allow(&mut group, &mut allowance);
                for (worker, free) in &mut free {
                    group.tasks -= self.place(&group, worker, free);
                }
                for bin in &mut bins {
                    if self.suits(bin.shape, &group) {
                        group.tasks -= bin.fill(&group);
                    }
                }
            }
        }
        bins.iter().map(Bin::workers).collect()
    }

    /// A cohort's ready tasks by what they ask for, later stages first.
    fn groups<'a>(&'a self, cohort: &'a Cohort) -> Vec<Group<'a>> {
        let mut groups = Vec::new();
        for stage in kumi_proto::STAGES.into_iter().rev() {
            let grid = cohort.grid(stage);
            let Some((row, column)) = grid.ready().next() else {
                continue;
            };
            let mut tasks = grid.count(TaskState::Ready);
            let first = Cell {
                stage,
                row: 0,
                column: 0,
            };
            // Those that ran out of memory ask for more than the others.
            let troubled = cohort.troubles.range(first..);
            let troubled = troubled.take_while(|(cell, _)| cell.stage == stage);
            for (cell, trouble) in troubled {
                if trouble.memory_bytes > 0 && cohort.get(*cell) == TaskState::Ready {
                    tasks -= 1;
                    groups.push(Group {
                        cohort,
                        cell: *cell,
                        need: cohort.need(*cell),
                        tasks: 1,
                    });
                }
            }
            groups.push(Group {
                cohort,
                cell: Cell { stage, row, column },
                need: cohort.layout.need(stage, row),
                tasks,
            });
        }
        groups
    }

    /// Leaves of a group what its accounts' quotas allow, and takes it off them.
    fn allow<'a>(
        &'a self,
        group: &mut Group<'a>,
        allowance: &mut BTreeMap<(&'a str, Option<&'a str>), Option<u64>>,
    ) {
        if self.rules.is_none() {
            return;
        }
        let standings = self.standings(group.cohort);
        let entry = matches!(group.cell.stage, Stage::Cut | Stage::Align);
        if entry && standings.iter().any(|s| s.genomes_left() == Some(0)) {
            group.tasks = 0;
        }
        let (programme, centre) = group.cohort.account();
        let cores = u64::from(group.need.cores);
        let keys = [(programme, None), (programme, Some(centre))];
        for (key, standing) in keys.iter().zip(&standings) {
            let left = allowance
                .entry(*key)
                .or_insert_with(|| standing.cores_left());
            if let Some(left) = left {
                group.tasks = group.tasks.min(*left / cores.max(1));
            }
        }
        for key in keys {
            if let Some(Some(left)) = allowance.get_mut(&key) {
                *left -= group.tasks * cores;
            }
        }
    }

    /// How many tasks of a group a worker has room for, which is taken off what it has free.
    fn place(&self, group: &Group<'_>, worker: &Worker, free: &mut Need) -> u64 {
        let need = worker.capped(group.need);
        if group.tasks == 0
            || !need.fits(*free)
            || !worker.suits(group.cohort)
            || !self.ends_before(group.cohort, group.cell, worker)
        {
            return 0;
        }
        let room = |free: u64, each: u64| free.checked_div(each).unwrap_or(u64::MAX);
        let tasks = room(free.cores.into(), need.cores.into())
            .min(room(free.memory_bytes, need.memory_bytes))
            .min(room(free.scratch_bytes, need.scratch_bytes))
            .min(group.tasks);
        *free = free.less(Need {
            cores: need.cores * u32::try_from(tasks).unwrap_or(u32::MAX),
            memory_bytes: need.memory_bytes * tasks,
            scratch_bytes: need.scratch_bytes * tasks,
        });
        tasks
    }

    /// Whether a worker of a pool could do the tasks of a group. Of what its workers compute, which labels they have
    /// besides those of the configuration, and how much scratch, the last one that came tells.
    fn suits(&self, shape: &Shape, group: &Group<'_>) -> bool {
        let mut came = self.workers.values().rev();
        let came = came.find(|worker| worker.hello.pool == shape.pool);
        let mut require = group.cohort.header.require.iter();
        let has = |label: &String| {
            shape.labels.contains(label) || came.is_some_and(|w| w.hello.labels.contains(label))
        };
        group.need.memory_bytes <= shape.memory_bytes
            && came.is_none_or(|worker| worker.computes(group.cohort.kernel_version()))
            && came.is_none_or(|w| group.need.scratch_bytes <= w.capacity().scratch_bytes)
            && require.all(has)
            && (shape.lasts_ms == 0 || self.ends_within(group.cohort, group.cell, shape.lasts_ms))
    }
}

impl<'a> Bin<'a> {
    fn new(shape: &'a Shape) -> Self {
        Self {
            shape,
            filled_milli: 0,
        }
    }

    /// How many tasks of a group find room.
    fn fill(&mut self, group: &Group<'_>) -> u64 {
        let shape = self.shape;
        let cores = group.need.cores.clamp(1, shape.cores.max(1));
        let by_memory = shape.memory_bytes.checked_div(group.need.memory_bytes);
        let each = u64::from(shape.cores / cores).min(by_memory.unwrap_or(u64::MAX));
        let all_milli = 1_000 * (u64::from(shape.coming) + u64::from(shape.room));
        let left_milli = all_milli.saturating_sub(self.filled_milli);
        // Rounded so that ten tasks of a worker's tenth each fill it.
        let tasks = group.tasks.min(left_milli.saturating_mul(each) / 1_000);
        self.filled_milli += (tasks * 1_000).checked_div(each).unwrap_or(0);
        tasks
    }

    fn workers(&self) -> u32 {
        u32::try_from(self.filled_milli.div_ceil(1_000)).unwrap_or(u32::MAX)
    }
}
