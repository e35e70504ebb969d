//! Cohorts as records and back.

use kumi_proto::STAGES;
use kumi_proto::v1::{CohortState, Stage, TaskState};

use crate::cohort::{Aside, BEFORE_ALIGN, Cohort, Part, Trouble};
use crate::grid::{Cell, Grid};
use crate::limits::SPARE_SHARDS;
use crate::plan::layout::{Layout, Shards};
use crate::plan::{region, validate};
use crate::snapshot::RestoreError;
use crate::snapshot::books::{digest_record, of_digest};
use crate::snapshot::record::{
    AsideRecord, CellRecord, CohortRecord, GridRecord, PartRecord, TroubleRecord,
};
use crate::snapshot::stores::{batch_record, of_batch, of_purge, purge_record};
use crate::state::Request;
use crate::tallies::Reason;

pub(super) fn record(cohort: &Cohort) -> CohortRecord {
    let request = cohort.request.as_ref();
    CohortRecord {
        id: cohort.id,
        header: Some(cohort.header.clone()),
        samples: cohort.samples.clone(),
        submitted_ms: cohort.submitted_ms,
        finished_ms: cohort.finished_ms,
        state: cohort.state.into(),
        reason: cohort.reason.clone(),
        grids: cohort.grids.iter().map(grid_record).collect(),
        aside: cohort.aside.iter().map(aside_record).collect(),
        troubles: cohort.troubles.iter().map(trouble_record).collect(),
        shards: cohort.shards.clone(),
        parts: cohort.parts.iter().map(part_record).collect(),
        batches: cohort.layout.batches.iter().map(batch_record).collect(),
        purge: cohort.purge.as_ref().map(purge_record),
        centre: request.map_or_else(String::new, |request| request.key.0.clone()),
        digest: digest_record(request.and_then(|request| request.digest)),
    }
}

fn part_record((cell, part): (&Cell, &Part)) -> PartRecord {
    PartRecord {
        row: cell.row,
        column: cell.column,
        from: part.range.0,
        to: part.range.1,
    }
}

fn grid_record(grid: &Grid) -> GridRecord {
    GridRecord {
        cells: grid.cells().to_vec(),
        ready_ms: grid.ready_times().to_vec(),
    }
}

fn aside_record((row, aside): (&u32, &Aside)) -> AsideRecord {
    AsideRecord {
        row: *row,
        reason: aside.reason.label().to_owned(),
        message: aside.message.clone(),
    }
}

fn trouble_record((cell, trouble): (&Cell, &Trouble)) -> TroubleRecord {
    TroubleRecord {
        cell: Some(cell_record(*cell)),
        failures: trouble.failures,
        losses: trouble.losses,
        message: trouble.message.clone(),
        worker: trouble.worker.clone(),
        workers: trouble.workers.iter().cloned().collect(),
        since_ms: trouble.since_ms,
        memory_bytes: trouble.memory_bytes,
    }
}

pub(super) fn cell_record(cell: Cell) -> CellRecord {
    CellRecord {
        stage: cell.stage.into(),
        row: cell.row,
        column: cell.column,
    }
}

pub(super) fn of_record(record: CohortRecord) -> Result<Cohort, RestoreError> {
    let invalid = RestoreError::Invalid("cohorts");
    let header = record.header.ok_or(invalid)?;
    validate(&header, &record.samples).map_err(|_| invalid)?;
    let whole = Shards::of(&header);
    // Before there was a cut of its own, there was no room for shards that are split.
    let spare = if record.shards.is_empty() {
        SPARE_SHARDS
    } else {
        0
    };
    let shards = match record.shards {
        starts if starts.is_empty() => whole.by_bases(),
        starts => Some(starts)
            .filter(|starts| region::may_be(&whole.regions, starts))
            .ok_or(RestoreError::Invalid("shards"))?,
    };
    let layout = Layout::new(&header, &record.samples, &shards);
    let digest = of_digest(&record.digest)?;
    let id = header.request_id.clone();
    let request = (!id.is_empty()).then_some(Request {
        key: (record.centre, id),
        digest,
    });
    let batches = record.batches.into_iter().map(of_batch);
    let purge = record.purge.map(of_purge).transpose()?;
    let layout = layout.take(batches.collect::<Result<_, _>>()?, purge.is_some());
    let mut cohort = Cohort::new(
        record.id,
        header,
        record.samples,
        (shards, layout),
        record.submitted_ms,
    );
    cohort.purge = purge;
    cohort.request = request;
    cohort.finished_ms = record.finished_ms;
    cohort.state = CohortState::try_from(record.state).map_err(|_| invalid)?;
    cohort.reason = record.reason;
    restore_parts(&mut cohort, record.parts)?;
    let stages = stages_of(record.grids.len()).ok_or(invalid)?;
    for (stage, mut stored) in stages.into_iter().zip(record.grids) {
        if stage == Stage::Call {
            let rows = stored.ready_ms.len();
            stored.cells = widened(&stored.cells, rows, spare);
        }
        let grid = cohort.grid_mut(stage);
        let restored = Grid::of(grid.columns(), stored.cells, stored.ready_ms);
        let restored = restored.filter(|restored| same_tasks(restored, grid));
        *grid = restored.ok_or(RestoreError::Invalid("grids"))?;
    }
    for aside in record.aside {
        let reason = reason(&aside.reason).ok_or(invalid)?;
        let message = aside.message;
        cohort.aside.insert(aside.row, Aside { reason, message });
    }
    for trouble in record.troubles {
        let cell = of_cell(&cohort, trouble.cell)?;
        let trouble = Trouble {
            failures: trouble.failures,
            losses: trouble.losses,
            message: trouble.message,
            workers: trouble.workers.into_iter().collect(),
            worker: trouble.worker,
            since_ms: trouble.since_ms,
            memory_bytes: trouble.memory_bytes,
        };
        cohort.troubles.insert(cell, trouble);
    }
    cohort.remember_release();
    Ok(cohort)
}

/// Cells with so many absent ones behind each row.
fn widened(cells: &[u8], rows: usize, by: u32) -> Vec<u8> {
    let columns = cells.len().checked_div(rows).unwrap_or(0);
    let absent = vec![TaskState::Unspecified as u8; by as usize];
    let rows = cells.chunks(columns.max(1));
    rows.flat_map(|row| [row, &absent].concat()).collect()
}

fn restore_parts(cohort: &mut Cohort, parts: Vec<PartRecord>) -> Result<(), RestoreError> {
    let invalid = RestoreError::Invalid("parts of shards");
    let planned = u32::try_from(cohort.shards.len()).map_err(|_| invalid)?;
    for part in parts {
        let cell = Cell {
            stage: Stage::Call,
            row: part.row,
            column: part.column,
        };
        let grid = cohort.grid_mut(Stage::Call);
        let is_place = cell.row < grid.rows() && cell.column < grid.columns();
        if !is_place || part.from >= part.to {
            return Err(invalid);
        }
        if cell.column >= planned && !grid.has(cell.row, cell.column) {
            grid.appear(cell.row, cell.column);
        }
        cohort.enter_part(cell, (part.from, part.to));
    }
    cohort.parts_are_sound().then_some(()).ok_or(invalid)
}

/// The stages that so many grids are of: all of them, or those that an older version knew: 4 no store, 2 no regions
/// that chunks are merged in either, 1 no chunks either.
fn stages_of(grids: usize) -> Option<Vec<Stage>> {
    let store = [Stage::Ingest, Stage::Census, Stage::Purge];
    let added = [&[][..], &BEFORE_ALIGN[2..], &BEFORE_ALIGN];
    let added = added.map(|before| [&store, before].concat());
    let added = [Vec::new()].into_iter().chain(added);
    let added = added
        .into_iter()
        .find(|added| grids + added.len() == STAGES.len())?;
    let known = STAGES.into_iter().filter(|stage| !added.contains(stage));
    Some(known.collect())
}

/// Whether a restored grid has tasks where the plan has some.
fn same_tasks(restored: &Grid, planned: &Grid) -> bool {
    let absent = TaskState::Unspecified as u8;
    let cells = restored.cells().iter().zip(planned.cells());
    restored.cells().len() == planned.cells().len()
        && cells
            .into_iter()
            .all(|(a, b)| (*a == absent) == (*b == absent))
}

pub(super) fn of_cell(cohort: &Cohort, record: Option<CellRecord>) -> Result<Cell, RestoreError> {
    let record = record.unwrap_or_default();
    let cell = Cell {
        stage: record.stage(),
        row: record.row,
        column: record.column,
    };
    let known = Some(cell).filter(|cell| cohort.has(*cell));
    known.ok_or(RestoreError::Invalid("tasks"))
}

pub(super) fn reason(label: &str) -> Option<Reason> {
    let reasons = Reason::ALL.into_iter();
    reasons.into_iter().find(|reason| reason.label() == label)
}

#[cfg(test)]
mod tests {
    use kumi_proto::STAGES;
    use kumi_proto::v1;
    use kumi_proto::v1::Stage;

    use super::{of_record, record};
    use crate::cohort::{BEFORE_ALIGN, Cohort};
    use crate::limits::SPARE_SHARDS;
    use crate::plan::layout::{Layout, Shards};

    fn file(path: &str) -> v1::ReadFile {
        v1::ReadFile {
            path: path.to_owned(),
            size: 1,
            fingerprint: "0".repeat(64),
        }
    }

    /// A cohort of one sample, perhaps in chunks.
    fn cohort(align_chunks: u32) -> Cohort {
        let header = v1::CohortHeader {
            name: "c".to_owned(),
            programme: "p".to_owned(),
            centre: "c".to_owned(),
            root: "/data".to_owned(),
            priority: v1::Priority::Normal.into(),
            reference: Some(v1::ReferenceFacts {
                name: "r.fa".to_owned(),
                contigs: vec![v1::Contig {
                    name: "1".to_owned(),
                    length: 1000,
                    md5: "0".repeat(32),
                    alternate: false,
                }],
                source: Some(v1::reference_facts::Source::Fasta(file("/r.fa"))),
            }),
            params: Some(v1::CohortParams {
                call_shards: 3,
                joint_shards: 1,
                on_bad_sample: v1::OnBadSample::Fail.into(),
                kernel_version: "k".to_owned(),
                ..Default::default()
            }),
            ..Default::default()
        };
        let sample = v1::Sample {
            name: "S".to_owned(),
            read_groups: vec![v1::ReadGroup {
                id: "g".to_owned(),
                source: Some(v1::read_group::Source::Fastq(v1::FastqPair {
                    first: Some(file("/s.fq")),
                    second: None,
                })),
                ..Default::default()
            }],
            align_chunks,
            ..Default::default()
        };
        let shards = Shards::of(&header).by_bases();
        let layout = Layout::new(&header, std::slice::from_ref(&sample), &shards);
        Cohort::new(7, header, vec![sample], (shards, layout), 0)
    }

    /// Version 1 knew no chunks, version 2 no regions that chunks are merged in, version 4 no store: the grids of these
    /// stages are not in it, and no sample has such tasks.
    #[test]
    fn a_cohort_of_an_older_version_is_read() {
        let store = [Stage::Ingest, Stage::Census, Stage::Purge];
        for (chunks, added) in [
            (0, [&store, &BEFORE_ALIGN[..]].concat()),
            (0, [&store, &BEFORE_ALIGN[2..]].concat()),
            (3, [&store, &BEFORE_ALIGN[2..]].concat()),
            (3, store.to_vec()),
        ] {
            let cohort = cohort(chunks);
            let mut old = record(&cohort);
            let mut stages = STAGES.iter();
            old.shards.clear();
            // Nor did they know of columns that are kept for shards that are split.
            let call = STAGES.iter().position(|stage| *stage == Stage::Call);
            let cells = &mut old.grids[call.expect("a stage")].cells;
            cells.truncate(cells.len() - SPARE_SHARDS as usize);
            old.grids
                .retain(|_| stages.next().is_some_and(|stage| !added.contains(stage)));
            assert_eq!(old.grids.len() + added.len(), STAGES.len());
            let restored = of_record(old).expect("read");
            assert_eq!(record(&restored), record(&cohort));
        }
        let mut damaged = record(&cohort(0));
        damaged.grids.pop();
        assert!(of_record(damaged).is_err());
    }
}
