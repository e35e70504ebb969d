//! Censuses as Arrow IPC: `docs/formats/census.md`.
//!
//! What is said is kept as a segment keeps what samples say: each statement is a sample of the window, with a run for
//! its block.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, LazyLock};

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Fields, Schema};
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::census::file::CensusHeader;
use crate::census::window::{Step, Window};
use crate::census::{CensusError, WINDOW};
use crate::level::Statement;
use crate::store::error::Damage;
use crate::store::file::{Input, Output};
use crate::store::{batch, row, schema, tiles, unpack, window};
use crate::track::{Run, Track};

/// The version of the format.
pub const CENSUS_VERSION: &str = "2";

const VERSION_KEY: &str = "kumi.census.version";
const CONTIG_KEY: &str = "kumi.census.contig";
const LENGTH_KEY: &str = "kumi.census.contig_length";
const M5_KEY: &str = "kumi.census.contig_m5";
const START_KEY: &str = "kumi.census.start";
const END_KEY: &str = "kumi.census.end";
const QUALITY_KEY: &str = "kumi.census.allele_quality_min";
const SAMPLES_KEY: &str = "kumi.census.samples";

/// The numbers of steps and the planes of each.
const STEPS: [(&str, usize); 3] = [
    ("step_position", 3),
    ("step_statement", 3),
    ("step_more", 4),
];

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let mut fields: Vec<_> = schema::FIELDS.iter().map(Arc::clone).collect();
    for (name, planes) in STEPS {
        for plane in 0..planes {
            let name = format!("{name}.{plane}");
            fields.push(Arc::new(schema::list(&name, DataType::UInt8)));
        }
    }
    fields.into()
});

/// Writes a census.
pub(super) struct Writer<W: Write>(Output<W>);

impl<W: Write> Writer<W> {
    /// Begins one of so many samples.
    pub(super) fn new(output: W, header: &CensusHeader, samples: u32) -> Result<Self, CensusError> {
        let pairs = [
            (VERSION_KEY, CENSUS_VERSION.to_owned()),
            (CONTIG_KEY, header.contig.clone()),
            (LENGTH_KEY, header.contig_length.to_string()),
            (M5_KEY, header.contig_m5.clone()),
            (START_KEY, header.start.to_string()),
            (END_KEY, header.end.to_string()),
            (QUALITY_KEY, header.allele_quality_min.to_string()),
            (SAMPLES_KEY, samples.to_string()),
        ];
        let pairs = pairs.into_iter();
        let pairs: HashMap<_, _> = pairs.map(|(key, value)| (key.to_owned(), value)).collect();
        let schema = Schema::new_with_metadata(FIELDS.clone(), pairs);
        Ok(Self(Output::new(output, Arc::new(schema))?))
    }

    /// Writes the next window.
    pub(super) fn write(&mut self, window: &Window) -> Result<(), CensusError> {
        let mut arrays = batch::arrays(&packed(window))?;
        for (values, (_, planes)) in numbers(window).iter().zip(STEPS) {
            arrays.append(&mut batch::planes(values, planes)?);
        }
        Ok(self
            .0
            .write(&RecordBatch::try_new(self.0.schema(), arrays)?)?)
    }

    /// Writes what stands at the end; returns what was written to.
    pub(super) fn finish(self) -> Result<W, ArrowError> {
        self.0.finish()
    }
}

/// Statements as samples of a segment.
fn packed(window: &Window) -> window::Window {
    let interval = Interval {
        contig: ContigId(0),
        start: window.start,
        end: window.end,
    };
    let track = |statement: &Statement| {
        let run = Run {
            end: window.end,
            block: u32::from(statement.block.is_some()),
        };
        let blocks = statement.block.into_iter().collect();
        Track::new(vec![run], Arc::new(blocks), statement.calls.clone())
    };
    let tracks: Vec<Track> = window.statements.iter().map(track).collect();
    window::Window::of(interval, &tracks.iter().collect::<Vec<_>>())
}

/// Of every step: bases since the one before, or the start; the statement; twice the number, or twice the number taken
/// away less one.
fn numbers(window: &Window) -> [Vec<u32>; 3] {
    let mut last = window.start;
    let positions = window.steps.iter().map(|step| {
        let since = step.position - last;
        last = step.position;
        since
    });
    let positions = positions.collect();
    let statements = window.steps.iter().map(|step| step.statement).collect();
    let more = window.steps.iter();
    let more = more.map(|step| ((step.more << 1) ^ (step.more >> 63)) as u32);
    [positions, statements, more.collect()]
}

/// What a census is of, and of how many samples.
pub(super) fn header(file: &Input) -> Result<(CensusHeader, u32), Damage> {
    let metadata = file.schema().metadata();
    let text = |key: &str| metadata.get(key).cloned();
    let number = |key: &str| text(key).and_then(|text| text.parse::<u32>().ok());
    if text(VERSION_KEY).as_deref() != Some(CENSUS_VERSION) {
        return Err(Damage(format!("it is not of version {CENSUS_VERSION}")));
    }
    let found = || {
        let header = CensusHeader {
            contig: text(CONTIG_KEY)?,
            contig_length: number(LENGTH_KEY)?,
            contig_m5: text(M5_KEY)?,
            start: number(START_KEY)?,
            end: number(END_KEY)?,
            allele_quality_min: number(QUALITY_KEY)?,
        };
        Some((header, number(SAMPLES_KEY)?))
    };
    let (header, samples) = found().ok_or("its header is not complete")?;
    if header.start >= header.end || header.end > header.contig_length {
        return Err("its header contradicts itself".into());
    }
    if *file.schema().fields() != *FIELDS {
        return Err("its columns are not those of a census".into());
    }
    if file.batches() != tiles::count(header.interval(ContigId(0)), WINDOW) {
        return Err("it has another number of windows".into());
    }
    Ok((header, samples))
}

/// The window of a row; its counts are not checked.
pub(super) fn unpack(
    batch: &RecordBatch,
    header: &CensusHeader,
    at: usize,
) -> Result<Window, Damage> {
    let packed = row::unpack(batch)?;
    let tile = tiles::at(header.interval(ContigId(0)), WINDOW, at);
    let (start, end) = (packed.start, packed.end);
    if (start, end) != (tile.start, tile.end) {
        return Err("it is of other bases".into());
    }
    let keep = vec![true; packed.runs.len()];
    let tracks = unpack::tracks(packed, &keep)?;
    let statements: Vec<Statement> = tracks.into_iter().map(statement).collect();
    if !statements.windows(2).all(|pair| pair[0] < pair[1]) {
        return Err("its statements are out of order".into());
    }
    let mut columns = Vec::new();
    let mut at = schema::FIELDS.len();
    for (_, planes) in STEPS {
        columns.push(row::joined(batch, at..at + planes)?);
        at += planes;
    }
    let [positions, said, more] = columns.as_slice() else {
        return Err("steps are missing".into());
    };
    if positions.len() != said.len() || positions.len() != more.len() {
        return Err("its columns differ in length".into());
    }
    let mut position = start;
    let mut steps: Vec<Step> = Vec::with_capacity(positions.len());
    for ((since, statement), more) in positions.iter().zip(said).zip(more) {
        position = position.saturating_add(*since);
        let more = i64::from(more >> 1) ^ -i64::from(more & 1);
        let step = Step {
            position,
            statement: *statement,
            more,
        };
        let last = steps.last().map(|last| (last.position, last.statement));
        let rises = last.is_none_or(|last| last < (position, *statement));
        if !rises || position >= end || *statement as usize >= statements.len() || more == 0 {
            return Err("a step is out of order or changes nothing".into());
        }
        steps.push(step);
    }
    Ok(Window {
        start,
        end,
        statements,
        steps,
    })
}

fn statement(track: Track) -> Statement {
    let block = track
        .runs()
        .iter()
        .find_map(|run| track.block(*run))
        .copied();
    Statement {
        block,
        calls: track.into_calls(),
    }
}
