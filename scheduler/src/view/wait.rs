//! What keeps ready tasks from running, in words and numbers.

use kumi_proto::ids::CohortId;
use kumi_proto::v1;
use kumi_proto::v1::TaskState;

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::limits::WORKERS_EXPLAINED_MAX;
use crate::plan::need::Need;
use crate::policy::Level;
use crate::state::{Standing, State, Worker, due_ms};
use crate::view::centre::is_of;
use crate::view::kept::Kept;

impl State {
    /// What keeps a ready task from running.
    pub(super) fn ready(
        &self,
        centre: Option<&str>,
        (cohort, cell): (&Cohort, Cell),
        kept: Option<&Kept>,
    ) -> String {
        let address = cohort.address(cell);
        if let Some(attempt) = self.derived.in_flight.get(&address)
            && let Some(lease) = self.leases.get(attempt)
        {
            let other = &self.cohorts[&lease.cohort];
            if !is_of(other, centre) {
                return "the same work runs for a cohort of another centre; its result will be used"
                    .to_owned();
            }
            let place = self.place_of(other, lease.cell);
            return format!(
                "the same work for cohort {} is {place}; its result will be used",
                other.id
            );
        }
        if let Some(problem) = self.no_worker(centre, cohort, cohort.need(cell)) {
            return problem;
        }
        if let Some(problem) = self.over_quota(cohort, cell) {
            return problem;
        }
        if let Some(problem) = self.too_long(centre, cohort, cell) {
            return problem;
        }
        if let Some(kept) = kept.filter(|kept| kept.is_for(cohort, cell)) {
            return self.told_of_kept(kept, centre.is_none());
        }
        match self.ahead_of(cohort) {
            Some((first, _)) if !is_of(first, centre) => format!(
                "ready, behind {} ready tasks of cohorts of other centres; every worker that could take it is busy",
                self.others_ahead(cohort),
            ),
            Some((first, tasks)) => format!(
                "ready, behind {tasks} ready tasks of cohort {} ({}, priority {}){}; every worker that could take it is busy",
                first.id,
                first.header.name,
                first.priority().label(),
                self.turn(cohort, first),
            ),
            None => {
                let told = self.told_by_pools(centre);
                let told = told.map_or_else(String::new, |told| format!("; {told}"));
                format!(
                    "ready; it starts as soon as a worker has enough cores, memory and scratch free{told}"
                )
            }
        }
    }

    /// What keeps every worker from all of a cohort's tasks as things are, if something does: their labels.
    #[must_use]
    pub fn unsuited(&self, id: CohortId) -> Option<String> {
        let cohort = self.cohorts.get(&id.0)?;
        let present = self.workers.values().filter(|worker| !worker.lost);
        let present: Vec<&Worker> = present.collect();
        let asks = !cohort.header.require.is_empty() && cohort.is_running();
        asks.then(|| missing_labels(cohort, &present)).flatten()
    }

    /// Why no worker will ever take such a task as things are, if so.
    fn no_worker(&self, centre: Option<&str>, cohort: &Cohort, need: Need) -> Option<String> {
        let named = |name: &str, other: &str| match centre {
            None => name.to_owned(),
            Some(_) => other.to_owned(),
        };
        let present: Vec<&Worker> = self.workers.values().filter(|w| !w.lost).collect();
        if present.is_empty() {
            let problem = match self.told_by_pools(centre) {
                Some(told) => format!("no worker is connected; {told}"),
                None => "no worker is connected; start one with: kumi worker start".to_owned(),
            };
            return Some(problem);
        }
        let version = cohort.kernel_version();
        let able: Vec<&Worker> = present
            .iter()
            .copied()
            .filter(|w| w.computes(version))
            .collect();
        if able.is_empty() {
            let other = &present[0].hello;
            return Some(format!(
                "no worker computes kernel version {version} ({} computes {}); start workers of that version or submit the cohort with the new one",
                named(&other.name, "one"),
                other.kernel_version
            ));
        }
        if let Some(problem) = missing_labels(cohort, &able) {
            return Some(problem);
        }
        let able: Vec<&Worker> = able.into_iter().filter(|w| w.suits(cohort)).collect();
        let large = |worker: &&&Worker| worker.hello.memory_bytes >= need.memory_bytes;
        if !able.iter().any(|worker| large(&worker)) {
            let largest = able.iter().max_by_key(|worker| worker.hello.memory_bytes);
            let largest = &largest?.hello;
            return Some(format!(
                "asks for {} of memory; the largest worker{} has {}; start a larger one",
                gib(need.memory_bytes),
                named(&format!(", {},", largest.name), ""),
                gib(largest.memory_bytes)
            ));
        }
        let able: Vec<&Worker> = able.into_iter().filter(|w| large(&w)).collect();
        if !able.iter().any(|worker| worker.holds(need)) {
            let largest = able.iter().max_by_key(|w| w.hello.scratch_bytes);
            let largest = &largest?.hello;
            return Some(format!(
                "is expected to need {} of scratch; the worker with the most{} lets tasks use {}; raise its scratch_limit, or start one with a larger scratch",
                gib(need.scratch_bytes),
                named(&format!(", {},", largest.name), ""),
                gib(largest.scratch_bytes)
            ));
        }
        let able: Vec<&Worker> = able.into_iter().filter(|w| w.holds(need)).collect();
        let draining = able.iter().find(|worker| worker.draining)?;
        let open = able.iter().any(|worker| !worker.draining);
        (!open).then(|| {
            let resume = format!(
                "resume one with: kumi worker resume {}",
                draining.hello.name
            );
            let resume = named(&resume, "an operator can resume one");
            format!("every worker that could take it is draining; {resume}")
        })
    }

    /// That the site ends every worker before a task could be done, if so.
    fn too_long(&self, centre: Option<&str>, cohort: &Cohort, cell: Cell) -> Option<String> {
        let open = self.workers.values();
        let open = open.filter(|worker| worker.takes_tasks() && worker.suits(cohort));
        let mut open = open.peekable();
        open.peek()?;
        let lasts = open.all(|worker| !self.ends_before(cohort, cell, worker));
        lasts.then(|| {
            let minutes = self.lasts_ms(cohort, cell).unwrap_or(0).div_ceil(60_000);
            let told = self.told_by_pools(centre);
            let told = told.map_or_else(String::new, |told| format!("; {told}"));
            format!(
                "it is expected to run for {minutes} min, and the site ends every worker that could take it before that; it waits for one that is there for longer: if none comes, raise the pool's `time`{told}"
            )
        })
    }

    /// The quota that keeps a task from beginning, if one does.
    fn over_quota(&self, cohort: &Cohort, cell: Cell) -> Option<String> {
        self.rules.as_ref()?;
        let (programme, centre) = cohort.account();
        let names = [
            format!("programme {programme}"),
            format!("centre {centre} of programme {programme}"),
        ];
        let asked = cohort.need(cell).cores;
        let widest = self.workers.values().filter(|worker| !worker.lost);
        let widest = widest
            .map(|worker| worker.hello.cores)
            .max()
            .unwrap_or(asked);
        let wanted = asked.min(widest);
        let problem = |(name, standing): (String, Standing)| {
            if standing.genomes_left() == Some(0) && self.would_begin(cohort, cell) {
                return Some(format!(
                    "the quota of {name} is used up: {} genomes were begun today (UTC) of at most {}; more begin tomorrow, or raise genomes_per_day with: kumi policy apply",
                    standing.genomes,
                    standing.allowance.genomes_per_day.unwrap_or_default()
                ));
            }
            let left = standing.cores_left()?;
            (u64::from(wanted) > left).then(|| {
                format!(
                    "the quota of {name} leaves {left} cores: {} are in use of at most {}, and it asks for {wanted}",
                    standing.cores,
                    standing.allowance.cores.unwrap_or_default()
                )
            })
        };
        names
            .into_iter()
            .zip(self.standings(cohort))
            .find_map(problem)
    }

    /// The first cohort with ready tasks that is served before this one, and how many those are.
    fn ahead_of(&self, cohort: &Cohort) -> Option<(&Cohort, u64)> {
        let before = self.served().into_iter();
        let before = before.take_while(|id| *id != cohort.id);
        before
            .map(|id| &self.cohorts[&id])
            .map(|cohort| (cohort, count(cohort, TaskState::Ready)))
            .find(|(_, ready)| *ready > 0)
    }

    /// How many ready tasks of other centres are served before this cohort.
    fn others_ahead(&self, cohort: &Cohort) -> u64 {
        let before = self.served().into_iter();
        let before = before.take_while(|id| *id != cohort.id);
        before
            .map(|id| &self.cohorts[&id])
            .filter(|other| other.header.centre != cohort.header.centre)
            .map(|other| count(other, TaskState::Ready))
            .sum()
    }

    /// Running cohorts in the order in which they are served now.
    pub(super) fn served(&self) -> Vec<u64> {
        if self.rules.is_none() {
            return self.derived.queue.iter().map(|(_, _, id)| *id).collect();
        }
        let mut order = Vec::new();
        for (class, programmes) in &self.derived.lines {
            for (programme, centres) in programmes {
                let above = Level::of(&self.programme_standing(programme)).height();
                for (centre, line) in centres {
                    let own = Level::of(&self.centre_standing(programme, centre)).height();
                    let place = |(due, id): &(u64, u64)| {
                        (*class, (above, programme), (own, centre), *due, *id)
                    };
                    order.extend(line.iter().map(place));
                }
            }
        }
        order.sort_unstable();
        order.into_iter().map(|(.., id)| id).collect()
    }

    /// Why one cohort comes before another of the same priority when cores are shared.
    fn turn(&self, cohort: &Cohort, first: &Cohort) -> String {
        if self.rules.is_none() || cohort.priority() != first.priority() {
            return String::new();
        }
        let (own, other) = (self.standings(cohort), self.standings(first));
        let ((programme, centre), (first_programme, first_centre)) =
            (cohort.account(), first.account());
        let (level, place) = if programme != first_programme {
            (0, (first_programme, programme))
        } else if centre != first_centre {
            (1, (first_centre, centre))
        } else if due_ms(first) < due_ms(cohort) {
            return ", whose deadline is earlier".to_owned();
        } else {
            return ", which was submitted before".to_owned();
        };
        format!(
            ", whose turn it is: {} {}, {} {}",
            place.0,
            level_of(&other[level]),
            place.1,
            level_of(&own[level]),
        )
    }

    /// An explanation with the numbers behind it.
    pub(super) fn with_arithmetic(
        &self,
        centre: Option<&str>,
        short: v1::TaskExplanation,
        (cohort, cell): (&Cohort, Cell),
        kept: Option<&Kept>,
    ) -> v1::TaskExplanation {
        let need = cohort.need(cell);
        let place = self.served().iter().position(|id| *id == cohort.id);
        let (programme, own) = cohort.account();
        v1::TaskExplanation {
            priority: cohort.priority().into(),
            deadline_ms: cohort.header.deadline_ms,
            place: place.map_or(0, |place| place as u64 + 1),
            cores: need.cores,
            memory_bytes: need.memory_bytes,
            scratch_bytes: need.scratch_bytes,
            accounts: vec![
                self.account(programme, None),
                self.account(programme, Some(own)),
            ],
            workers: match centre {
                None => self.fits((cohort, cell), kept),
                Some(_) => Vec::new(),
            },
            ..short
        }
    }

    /// Which workers could take such a task now, and what the others lack.
    fn fits(&self, task: (&Cohort, Cell), kept: Option<&Kept>) -> Vec<v1::WorkerFit> {
        let present = self.workers.iter().filter(|(_, worker)| !worker.lost);
        let mut fits: Vec<_> = present
            .map(|(id, worker)| self.fit(task, kept, *id, worker))
            .collect();
        fits.sort_by(|one, other| (!one.fits, &one.name).cmp(&(!other.fits, &other.name)));
        fits.truncate(WORKERS_EXPLAINED_MAX);
        fits
    }

    fn fit(
        &self,
        (cohort, cell): (&Cohort, Cell),
        kept: Option<&Kept>,
        id: u64,
        worker: &Worker,
    ) -> v1::WorkerFit {
        let hello = &worker.hello;
        let need = cohort.need(cell);
        let behind =
            kept.and_then(|kept| kept.reason(self, (cohort, cell), id, worker.capped(need)));
        let free = self.free(id, worker);
        let wanted = worker.capped(need);
        let says_scratch = hello.scratch_bytes > 0;
        let reason = if worker.draining {
            "it drains".to_owned()
        } else if !worker.computes(cohort.kernel_version()) {
            format!("it computes kernel version {}", hello.kernel_version)
        } else if let Some(label) = missing_of(cohort, &[worker]) {
            format!("it does not have the label {label}")
        } else if hello.memory_bytes < need.memory_bytes {
            format!("it has {} of memory in all", gib(hello.memory_bytes))
        } else if !worker.holds(need) {
            format!("its scratch_limit is {}", gib(hello.scratch_bytes))
        } else if free.cores < wanted.cores {
            format!("{} of its {} cores are free", free.cores, hello.cores)
        } else if free.memory_bytes < need.memory_bytes {
            format!("{} of its memory is free", gib(free.memory_bytes))
        } else if free.scratch_bytes < need.scratch_bytes {
            format!("{} of its scratch is free", gib(free.scratch_bytes))
        } else {
            behind.unwrap_or_default()
        };
        v1::WorkerFit {
            name: hello.name.clone(),
            fits: reason.is_empty(),
            free_cores: free.cores,
            free_memory_bytes: free.memory_bytes,
            free_scratch_bytes: says_scratch.then_some(free.scratch_bytes),
            reason,
        }
    }
}

/// A label that a cohort asks for and that none of these workers has.
fn missing_of<'a>(cohort: &'a Cohort, workers: &[&Worker]) -> Option<&'a str> {
    let has = |label: &&String| workers.iter().any(|w| w.hello.labels.contains(label));
    let mut require = cohort.header.require.iter();
    require.find(|label| !has(label)).map(String::as_str)
}

/// Which labels keep all of these workers from a cohort, if some do.
fn missing_labels(cohort: &Cohort, workers: &[&Worker]) -> Option<String> {
    if workers.iter().any(|worker| worker.has_labels_of(cohort)) {
        return None;
    }
    let what = match missing_of(cohort, workers) {
        Some(label) => format!("no worker has the label {label}"),
        None => format!(
            "no worker has all of the labels {}",
            cohort.header.require.join(", ")
        ),
    };
    Some(format!(
        "{what}, which the cohort asks for; start one that has, or submit the cohort without (cohort.require)"
    ))
}

/// How many tasks of a cohort are in a state.
pub(super) fn count(cohort: &Cohort, state: TaskState) -> u64 {
    cohort.grids.iter().map(|grid| grid.count(state)).sum()
}

fn level_of(standing: &Standing) -> String {
    format!(
        "used {:.1} core-hours and has share {}",
        core_hours(standing.core_milliseconds),
        standing.allowance.share
    )
}

fn core_hours(milliseconds: u64) -> f64 {
    milliseconds as f64 / 3_600_000.0
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / (1u64 << 30) as f64)
}
