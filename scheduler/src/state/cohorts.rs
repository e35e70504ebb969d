//! Cohorts are opened, cancelled and retried; and what follows when something changes in one.

use std::collections::{BTreeMap, BTreeSet};

use kumi_proto::ids::CohortId;
use kumi_proto::v1;
use kumi_proto::v1::{CohortState, Stage, TaskState};

use crate::cohort::{Cohort, Extent};
use crate::grid::Cell;
use crate::outcome::{Outcome, Rejection};
use crate::plan::key::Address;
use crate::plan::layout::Layout;
use crate::plan::validate_in;
use crate::ripple::Ripple;
use crate::state::State;
use crate::state::account::{Counted, mark_key};
use crate::state::traces::Traces;
use crate::tallies::{Ending, UnitLabels};
use crate::unit::Unit;
use crate::version::FANNED_OUT;
use crate::view::cohort_state;

impl State {
    pub(super) fn submit(&mut self, open: v1::Open, actor: &str) -> Result<Outcome, Rejection> {
        if let Some(header) = &open.header {
            self.refuse_taken(header, actor)?;
        }
        self.open(open)
    }

    pub(super) fn open(&mut self, open: v1::Open) -> Result<Outcome, Rejection> {
        let mut header = open.header.unwrap_or_default();
        validate_in(self.version, &header, &open.samples).map_err(Rejection::InvalidCohort)?;
        if let Some(params) = &mut header.params {
            params.fan_out = self.version >= FANNED_OUT;
        }
        self.enter(header, open.samples, None)
    }

    /// Takes in a cohort that is sound; `traces` are what it is to remove.
    pub(super) fn enter(
        &mut self,
        header: v1::CohortHeader,
        samples: Vec<v1::Sample>,
        traces: Option<Traces>,
    ) -> Result<Outcome, Rejection> {
        let shards = self.cut_shards(&header, &samples);
        let layout = Layout::new(&header, &samples, &shards);
        self.refuse_withdrawn(&layout.cohort_place(&header), &samples)?;
        let mut batches = self.stores.batches(&header, &samples, &layout);
        let used = layout.lasting();
        let place = layout.cohort_place(&header);
        if let Some(purging) = self.purging(&place, &used) {
            return Err(Rejection::CohortRuns {
                cohort: CohortId(purging),
            });
        }
        let purge = traces.map(|traces| traces.purge(&mut batches));
        let plan = (shards, layout.take(batches, purge.is_some()));
        self.last_cohort += 1;
        let id = self.last_cohort;
        let mut cohort = Cohort::new(id, header, samples, plan, self.clock_ms);
        cohort.purge = purge;
        self.cohorts.insert(id, cohort);
        self.derive_cohort(id);
        self.count_units(id);
        let mut ripple = Ripple::new(self.clock_ms);
        if let Some(cohort) = self.cohorts.get_mut(&id) {
            cohort.advance(Extent::Whole, &self.ledger, &mut ripple);
        }
        self.absorb(id, ripple, None);
        Ok(self.opened(id, false))
    }

    pub(super) fn opened(&self, id: u64, existed: bool) -> Outcome {
        let grids = self.cohorts[&id].grids.iter();
        let reused = [TaskState::Done, TaskState::Skipped];
        let reused = |grid| reused.map(|state| crate::grid::Grid::count(grid, state));
        Outcome::Opened {
            cohort: CohortId(id),
            existed,
            tasks: grids.clone().map(|grid| grid.tasks()).sum(),
            tasks_reused: grids.flat_map(reused).sum(),
        }
    }

    pub(super) fn cancel(&mut self, cancel: &v1::Cancel) -> Result<Outcome, Rejection> {
        let mut ripple = Ripple::new(self.clock_ms);
        let cohort = self.cohort_mut(cancel.cohort)?;
        let tasks = match cohort.state {
            CohortState::Running => cohort.cancel(&cancel.reason, &mut ripple),
            CohortState::Cancelled => 0,
            ended => {
                return Err(Rejection::CohortEnded {
                    cohort: CohortId(cancel.cohort),
                    state: cohort_state(ended),
                });
            }
        };
        self.absorb(cancel.cohort, ripple, None);
        Ok(Outcome::Cancelled { tasks })
    }

    pub(super) fn retry(&mut self, retry: &v1::Retry) -> Result<Outcome, Rejection> {
        let id = retry.cohort;
        self.refuse_beside_purge(id)?;
        let cohort = self.cohort_mut(id)?;
        let rows = rows_of(cohort, &retry.samples)?;
        let mut missing = missing_cells(cohort, &retry.missing)?;
        missing.extend(cohort.suspects(rows.as_ref()));
        let addresses: Vec<Address> = missing.iter().map(|cell| cohort.address(*cell)).collect();
        let touched: BTreeSet<Address> =
            missing.iter().map(|cell| sharing(cohort, *cell)).collect();
        for address in &addresses {
            self.ledger.remove(address);
        }
        let mut ripple = Ripple::new(self.clock_ms);
        let withdrawn = self.withdrawn_rows(id);
        let cohort = self.cohorts.get_mut(&id);
        let tasks = cohort.map_or(0, |cohort| {
            let rows = (rows.as_ref(), &withdrawn);
            cohort.retry(rows, &missing, &self.ledger, &mut ripple)
        });
        self.derive_cohort(id);
        self.absorb(id, ripple, None);
        for address in &touched {
            self.touch(address, id);
        }
        if missing.iter().any(|cell| OF_COHORT.contains(&cell.stage)) {
            self.touch_namesakes(id);
        }
        Ok(Outcome::Retried { tasks })
    }

    fn cohort_mut(&mut self, id: u64) -> Result<&mut Cohort, Rejection> {
        let cohort = self.cohorts.get_mut(&id);
        cohort.ok_or(Rejection::NoSuchCohort { cohort: id })
    }

    /// Takes in what followed from a change in a cohort. `made` is the address of a result that was
    /// just committed: other cohorts that want it are brought up to date too.
    pub(super) fn absorb(&mut self, id: u64, ripple: Ripple, made: Option<Address>) {
        for attempt in &ripple.ended {
            self.end_copy(*attempt, ripple.reason);
            self.end_lease(*attempt, Ending::Stopped, ripple.reason);
        }
        let mut forgot = false;
        for address in &ripple.forget {
            forgot |= self.ledger.remove(address);
        }
        self.count_rows(id, &ripple);
        if ripple.purged {
            self.forget_purged(id);
        }
        let Some(cohort) = self.cohorts.get(&id) else {
            return;
        };
        if !ripple.ingested.is_empty() {
            let store = cohort.layout.store_key(&cohort.header);
            let store = self.stores.stores.entry(store).or_default();
            ripple.ingested.iter().for_each(|batch| store.enter(batch));
        }
        let ended = !cohort.is_running();
        if ended {
            self.derived.retire_cohort(cohort);
        }
        if let Some(address) = made {
            self.touch(&address, id);
        }
        if ended && forgot {
            self.touch_namesakes(id);
        }
    }

    /// Brings the rows of other cohorts that share a result up to date.
    fn touch(&mut self, address: &Address, except: u64) {
        let sharing = self.derived.wanted.get(address).cloned();
        for (id, extent) in sharing.unwrap_or_default() {
            if id != except {
                self.bring_up_to_date(id, extent);
            }
        }
    }

    /// Segments or shards of a release were forgotten: another cohort of that name may have used them.
    fn touch_namesakes(&mut self, id: u64) {
        let name = &self.cohorts[&id].header.name;
        let others = self.derived.queue.iter().map(|(_, _, other)| *other);
        let same = |other: &u64| *other != id && self.cohorts[other].header.name == *name;
        let others: Vec<u64> = others.filter(same).collect();
        for other in others {
            self.bring_up_to_date(other, Extent::Batches);
        }
    }

    /// Follows the ledger in a part of a cohort.
    pub(super) fn bring_up_to_date(&mut self, id: u64, extent: Extent) {
        let mut ripple = Ripple::new(self.clock_ms);
        if let Some(cohort) = self.cohorts.get_mut(&id) {
            cohort.advance(extent, &self.ledger, &mut ripple);
        }
        self.absorb(id, ripple, None);
    }

    fn derive_cohort(&mut self, id: u64) {
        if let Some(cohort) = self.cohorts.get(&id) {
            self.derived.add_cohort(cohort);
        }
    }

    /// Counts the genomes and cases of a cohort that were not received before.
    fn count_units(&mut self, id: u64) {
        let cohort = &self.cohorts[&id];
        let programme = &cohort.header.programme;
        let genomes = (0..cohort.rows()).map(|row| {
            let name = &cohort.samples[row as usize].name;
            (Unit::Genome, row, name)
        });
        let cases = cohort.layout.cases.iter();
        let cases = cases.map(|case| (Unit::Case, case.rows[0], &case.name));
        let mut received: BTreeMap<(&str, Unit), u64> = BTreeMap::new();
        for (unit, row, name) in genomes.chain(cases) {
            if self.accounts.receive(&mark_key(unit, programme, name)) {
                *received.entry((cohort.centre(row), unit)).or_default() += 1;
            }
        }
        for ((centre, unit), parts) in received {
            let labels = UnitLabels {
                programme: programme.clone(),
                centre: centre.to_owned(),
                unit,
            };
            self.accounts.add_received(&labels, parts);
            *self.tallies.received.entry(labels).or_default() += parts;
        }
    }

    /// Counts what rows of a cohort have completed or failed.
    fn count_rows(&mut self, id: u64, ripple: &Ripple) {
        for row in &ripple.aligned {
            let cohort = &self.cohorts[&id];
            let cell = Cell {
                stage: Stage::Align,
                row: *row,
                column: 0,
            };
            let manifest = self.ledger.get(&cohort.address(cell));
            let bases = manifest.and_then(|manifest| manifest.counts.get("bases").copied());
            let unit = counted(cohort, *row, Unit::Eq30x);
            if let Some(bases) = bases.filter(|bases| *bases > 0) {
                self.count_received(&unit, bases);
                self.count_completed(&unit, bases);
            }
        }
        for row in &ripple.genomes {
            let cohort = &self.cohorts[&id];
            let (unit, case) = (genome(cohort, *row), case_of(cohort, *row));
            let (submitted_ms, priority) = (cohort.submitted_ms, cohort.priority());
            let gvcf = cohort.grid(Stage::Gvcf);
            let rows = &cohort.layout.cases[cohort.layout.case_of[*row as usize] as usize].rows;
            let whole = rows.iter().all(|row| gvcf.get(*row, 0) == TaskState::Done);
            if self.count_completed(&unit, 1) {
                let turnaround = self.tallies.turnaround.entry(priority).or_default();
                turnaround.observe(self.clock_ms.saturating_sub(submitted_ms));
            }
            if whole {
                self.count_completed(&case, 1);
            }
        }
        for row in &ripple.failed {
            let cohort = &self.cohorts[&id];
            if let Some(aside) = cohort.aside.get(row) {
                let reason = aside.reason;
                let units = [genome(cohort, *row), case_of(cohort, *row)];
                for unit in units {
                    self.count_failed(&unit, reason);
                }
            }
        }
    }
}

/// Stages whose results cohorts of one name share.
const OF_COHORT: [Stage; 3] = [Stage::Ingest, Stage::Census, Stage::Joint];

fn rows_of(cohort: &Cohort, samples: &[String]) -> Result<Option<BTreeSet<u32>>, Rejection> {
    if samples.is_empty() {
        return Ok(None);
    }
    let row = |sample: &String| {
        cohort
            .row_of(sample)
            .ok_or_else(|| Rejection::NoSuchSample {
                cohort: CohortId(cohort.id),
                sample: sample.clone(),
            })
    };
    samples.iter().map(row).collect::<Result<_, _>>().map(Some)
}

/// By which address other cohorts that use a cell's result are found: those that share a call shard share the
/// alignment that it was called from, and those that share a chunk or a region the one it is for.
fn sharing(cohort: &Cohort, cell: Cell) -> Address {
    cohort.address(match cell.stage {
        Stage::Cut | Stage::Chunk | Stage::Mark | Stage::Merge | Stage::Call => Cell {
            stage: Stage::Align,
            column: 0,
            ..cell
        },
        _ => cell,
    })
}

/// The done tasks among those that are said to be missing.
fn missing_cells(cohort: &Cohort, missing: &[v1::TaskId]) -> Result<Vec<Cell>, Rejection> {
    let cell = |task: &v1::TaskId| {
        let cell = cohort.cell_of(task);
        let cell = cell.filter(|_| task.cohort == 0 || task.cohort == cohort.id);
        cell.ok_or_else(|| Rejection::NoSuchTask {
            cohort: CohortId(cohort.id),
            stage: task.stage().label(),
            row: task.row,
            column: task.column,
        })
    };
    let cells: BTreeSet<Cell> = missing.iter().map(cell).collect::<Result<_, _>>()?;
    let done = |cell: &Cell| cohort.get(*cell) == TaskState::Done;
    Ok(cells.into_iter().filter(done).collect())
}

fn counted(cohort: &Cohort, row: u32, unit: Unit) -> Counted {
    Counted {
        labels: UnitLabels {
            programme: cohort.header.programme.clone(),
            centre: cohort.centre(row).to_owned(),
            unit,
        },
        name: cohort.samples[row as usize].name.clone(),
    }
}

pub(super) fn genome(cohort: &Cohort, row: u32) -> Counted {
    counted(cohort, row, Unit::Genome)
}

fn case_of(cohort: &Cohort, row: u32) -> Counted {
    let case = cohort.layout.case_of[row as usize];
    Counted {
        name: cohort.layout.cases[case as usize].name.clone(),
        ..counted(cohort, row, Unit::Case)
    }
}
