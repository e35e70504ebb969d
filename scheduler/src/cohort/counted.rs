//! What the census of a cohort is the sum of.

use std::sync::Arc;

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::plan::batch::Batch;
use crate::plan::key::Key;

/// A batch of a cohort and who of it is not in the release.
pub(crate) struct Counted {
    pub(crate) key: Key,
    pub(crate) batch: Arc<Batch>,
    /// In the order of names.
    pub(crate) excluded: Vec<String>,
}

impl Counted {
    /// Whether nobody of the batch is in the release.
    pub(crate) fn is_nobody(&self) -> bool {
        self.excluded.len() == self.batch.0.len()
    }
}

impl Cohort {
    /// The batches as they are ingested, those too of which nobody is in the release.
    pub(crate) fn counted(&self) -> Vec<Counted> {
        let rows = (0..).take(self.layout.batches.len());
        let counted = rows.filter_map(|row| {
            Some(Counted {
                batch: self.ingested(row)?,
                key: self.ingested_key(row),
                excluded: self.excluded(row),
            })
        });
        counted.collect()
    }

    /// Whether an attempt at a task failed or was lost since the task became ready.
    pub(crate) fn has_failed(&self, cell: Cell) -> bool {
        let trouble = self.troubles.get(&cell);
        trouble.is_some_and(|trouble| trouble.failures + trouble.losses > 0)
    }
}
