//! What calling costs: measured by the tasks that are done, expected of those to come.

use kumi_proto::v1;
use kumi_proto::v1::{CohortState, Stage};

use crate::cohort::{Cohort, Unsplit};
use crate::grid::Cell;
use crate::limits::{
    COPY_FACTOR, COPY_FACTOR_CALL, COPY_OBSERVED_MIN, COPY_PERCENT, END_MARGIN_MS, END_PERCENT,
    EXPECT_OBSERVED_MIN,
};
use crate::plan::bins::Bins;
use crate::plan::layout::{self, Shards};
use crate::plan::region::{self, Even, Starts};
use crate::state::{Lease, State, Worker};

impl State {
    /// Where the call shards of a new cohort begin: where those of one begin that wants the same and is not done, or
    /// else by what is known of their costs.
    pub(super) fn cut_shards(
        &mut self,
        header: &v1::CohortHeader,
        samples: &[v1::Sample],
    ) -> Starts {
        let shards = Shards::of(header);
        let bins = Bins::new(layout::contigs(header));
        let begun = self.begun(&shards, header, samples);
        let begun = begun.map(|cohort| cohort.shards.clone());
        let profile = self.profiles.entry(shards.profile, &bins, self.clock_ms);
        begun.unwrap_or_else(|| profile.cut(&shards.regions, shards.wanted, bins, self.clock_ms))
    }

    /// The latest cohort that is cut into as many shards and in which a sample of these is not called to its end: what
    /// was done of it is found again only by shards of the same regions.
    fn begun(
        &self,
        shards: &Shards,
        header: &v1::CohortHeader,
        samples: &[v1::Sample],
    ) -> Option<&Cohort> {
        let params = header.params.as_ref();
        let version = params.map_or("", |params| &params.kernel_version);
        let uncalled = |cohort: &Cohort, sample: &v1::Sample| {
            let row = cohort.row_of(&sample.name);
            row.is_some_and(|row| {
                let key = cohort.layout.gvcf[row as usize];
                !self.ledger.has(&cohort.layout.address(key))
            })
        };
        self.cohorts.values().rev().find(|cohort| {
            let asked = cohort.header.params.as_ref();
            let asked = asked.map_or(0, |params| params.call_shards);
            cohort.state != CohortState::Completed
                && cohort.layout.profile == shards.profile
                && shards.wanted == region::wanted(&shards.regions, asked)
                && cohort.kernel_version() == version
                && samples.iter().any(|sample| uncalled(cohort, sample))
        })
    }

    /// Keeps what a call task says it has cost.
    pub(super) fn measure(&mut self, lease: &Lease, bin_milliseconds: &[u32]) {
        let cohort = &self.cohorts[&lease.cohort];
        if lease.cell.stage == Stage::Call && !bin_milliseconds.is_empty() {
            let bins = cohort.bins();
            let touched = bins.touched(cohort.regions(lease.cell));
            let whole = bins.touched(&cohort.beside(lease.cell));
            let key = cohort.layout.profile;
            let profile = self.profiles.entry(key, &bins, self.clock_ms);
            profile.measure(&touched, &whole, bin_milliseconds);
        }
    }

    /// Where the tasks begin that are to do what follows the first `bases` of a lease's task, counted from there.
    pub(super) fn rest(&self, lease: &Lease, bases: u64) -> Result<Starts, Unsplit> {
        let cohort = &self.cohorts[&lease.cohort];
        let profile = self.profiles.get(&cohort.layout.profile);
        match profile.and_then(|profile| profile.costs(cohort.bins())) {
            Some(costs) => cohort.rest(lease.cell, bases, &costs),
            None => cohort.rest(lease.cell, bases, &Even),
        }
    }

    /// CPU time that a call task is expected to take; none when nothing is known, and for other tasks.
    pub(crate) fn expected_ms(&self, cohort: &Cohort, cell: Cell) -> Option<u64> {
        if cell.stage != Stage::Call {
            return None;
        }
        let profile = self.profiles.get(&cohort.layout.profile)?;
        let costs = profile.costs(cohort.bins())?;
        Some(costs.milliseconds(cohort.regions(cell)))
    }

    /// How long a task is expected to run: a call task, which has one core, for what its regions cost; another one for as
    /// long as those of its stage did on average. None when too little is known.
    pub(crate) fn lasts_ms(&self, cohort: &Cohort, cell: Cell) -> Option<u64> {
        self.expected_ms(cohort, cell)
            .or_else(|| self.usual_ms(cell.stage))
    }

    /// How long tasks of a stage ran on average. None when too few are done.
    pub(crate) fn usual_ms(&self, stage: Stage) -> Option<u64> {
        let lasted = self.tallies.stage_duration.get(&stage)?;
        let count = lasted.count();
        (count >= EXPECT_OBSERVED_MIN).then(|| lasted.sum_ms / count)
    }

    /// Whether a task is likely to end within so much time, with a margin.
    pub(crate) fn ends_within(&self, cohort: &Cohort, cell: Cell, left_ms: u64) -> bool {
        let lasts_ms = self.lasts_ms(cohort, cell).unwrap_or(0);
        reckoned_ms(lasts_ms).saturating_add(END_MARGIN_MS) <= left_ms
    }

    /// Whether tasks of a stage that start now are expected to have ended by then; not when too little is known.
    pub(crate) fn ends_by(&self, stage: Stage, by_ms: u64) -> bool {
        let left_ms = by_ms.saturating_sub(self.clock_ms);
        let lasts_ms = self.usual_ms(stage);
        lasts_ms.is_some_and(|lasts_ms| reckoned_ms(lasts_ms) <= left_ms)
    }

    /// Whether a task is likely to end before its worker does.
    pub(crate) fn ends_before(&self, cohort: &Cohort, cell: Cell, worker: &Worker) -> bool {
        let left_ms = worker.hello.ends_ms.saturating_sub(self.clock_ms);
        worker.hello.ends_ms == 0 || self.ends_within(cohort, cell, left_ms)
    }

    /// After how long a task takes far longer than was expected: a call task by what its regions cost, another one by
    /// how long nearly all of its stage took. None when too little is known.
    pub(crate) fn late_after_ms(&self, cohort: &Cohort, cell: Cell) -> Option<u64> {
        if let Some(expected_ms) = self.expected_ms(cohort, cell) {
            return Some(expected_ms.saturating_mul(COPY_FACTOR_CALL));
        }
        let lasted = self.tallies.stage_duration.get(&cell.stage)?;
        let seconds = lasted.bound_seconds(COPY_PERCENT, COPY_OBSERVED_MIN)?;
        Some(seconds * 1_000 * COPY_FACTOR)
    }
}

/// What is reckoned with of a task that is expected to last so long.
fn reckoned_ms(lasts_ms: u64) -> u64 {
    lasts_ms.saturating_mul(END_PERCENT) / 100
}
