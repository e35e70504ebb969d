//! What calling costs: measured by the tasks that are done, expected of those to come.

use kumi_proto::v1;
use kumi_proto::v1::Stage;

use crate::cohort::{Cohort, Unsplit};
use crate::grid::Cell;
use crate::plan::bins::Bins;
use crate::plan::layout::{self, Shards};
use crate::plan::region::{Even, Starts};
use crate::state::{Lease, State};

impl State {
    /// Where the call shards of a new cohort begin, by what is known of their costs.
    pub(super) fn cut_shards(&mut self, header: &v1::CohortHeader) -> Starts {
        let shards = Shards::of(header);
        let bins = Bins::new(layout::contigs(header));
        let profile = self.profiles.entry(shards.profile, &bins, self.clock_ms);
        profile.cut(&shards.regions, shards.wanted, bins, self.clock_ms)
    }

    /// Keeps what a call task says it has cost.
    pub(super) fn measure(&mut self, lease: &Lease, bin_milliseconds: &[u32]) {
        let cohort = &self.cohorts[&lease.cohort];
        if lease.cell.stage == Stage::Call && !bin_milliseconds.is_empty() {
            let bins = cohort.bins();
            let touched = bins.touched(cohort.regions(lease.cell));
            let key = cohort.layout.profile;
            let profile = self.profiles.entry(key, &bins, self.clock_ms);
            profile.measure(&touched, bin_milliseconds, &bins);
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
        let profile = self.profiles.get(&cohort.layout.profile)?;
        let costs = profile.costs(cohort.bins())?;
        let is_call = cell.stage == Stage::Call;
        is_call.then(|| costs.milliseconds(cohort.regions(cell)))
    }
}
