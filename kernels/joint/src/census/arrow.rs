//! Censuses as Arrow IPC: `docs/formats/census.md`.

use std::collections::HashMap;
use std::io::Write;
use std::sync::{Arc, LazyLock};

use arrow_array::{
    Array, ArrayRef, Int64Array, RecordBatch, RecordBatchOptions, StringArray, UInt8Array,
    UInt32Array, UInt64Array,
};
use arrow_schema::{DataType, Field, Fields, Metadata, Schema};
use bytes::Bytes;

use crate::census::{
    ALLELE_QUALITY_BANDS, AlleleCounts, Census, CensusAllele, CensusError, CensusHeader,
    QUALITY_BANDS, Step, covers,
};
use crate::store::error::Damage;
use crate::store::file::{Input, Output};

/// The version of the format.
pub const CENSUS_VERSION: &str = "1";

const VERSION_KEY: &str = "kumi.census.version";
const CONTIG_KEY: &str = "kumi.census.contig";
const LENGTH_KEY: &str = "kumi.census.contig_length";
const M5_KEY: &str = "kumi.census.contig_m5";
const START_KEY: &str = "kumi.census.start";
const END_KEY: &str = "kumi.census.end";
const QUALITY_KEY: &str = "kumi.census.allele_quality_min";
const SAMPLES_KEY: &str = "kumi.census.samples";

/// What a row is.
const ALLELE: u8 = 0;
const STEP: u8 = 1;

/// Numbers of an allele.
const COUNTS: usize = 4 + QUALITY_BANDS + ALLELE_QUALITY_BANDS;

static FIELDS: LazyLock<Fields> = LazyLock::new(|| {
    let field = |name: &str, kind| Field::new(name, kind, true);
    let mut fields = vec![
        Field::new("kind", DataType::UInt8, false),
        Field::new("position", DataType::UInt32, false),
        field("reference", DataType::Utf8),
        field("alternative", DataType::Utf8),
        field("expected", DataType::UInt64),
        field("step_samples", DataType::Int64),
        field("step_copies", DataType::Int64),
    ];
    let names = ["listed", "entering", "carriers", "homozygous"].map(str::to_owned);
    let copies = (0..QUALITY_BANDS).map(|band| format!("copies_gq_{}", 10 * band));
    let qualities = (0..ALLELE_QUALITY_BANDS).map(|band| format!("quality_{}", 10 * band));
    for name in names.into_iter().chain(copies).chain(qualities) {
        fields.push(field(&name, DataType::UInt32));
    }
    Fields::from(fields)
});

fn numbers(counts: &AlleleCounts) -> [u32; COUNTS] {
    let first = [
        counts.listed,
        counts.entering,
        counts.carriers,
        counts.homozygous,
    ];
    let mut numbers = [0; COUNTS];
    let all = first.iter().chain(&counts.copies).chain(&counts.qualities);
    for (number, count) in numbers.iter_mut().zip(all) {
        *number = *count;
    }
    numbers
}

fn counts(numbers: &[u32; COUNTS], expected: u64) -> AlleleCounts {
    let [listed, entering, carriers, homozygous, ..] = *numbers;
    let mut counts = AlleleCounts {
        listed,
        entering,
        carriers,
        homozygous,
        expected,
        ..AlleleCounts::default()
    };
    let (copies, qualities) = numbers[4..].split_at(QUALITY_BANDS);
    counts.copies.copy_from_slice(copies);
    counts.qualities.copy_from_slice(qualities);
    counts
}

impl Census {
    /// Writes it.
    ///
    /// # Errors
    /// `Arrow` when `output` takes no more.
    pub fn write<W: Write>(&self, output: W) -> Result<W, CensusError> {
        let schema = Arc::new(Schema::new_with_metadata(FIELDS.clone(), self.metadata()));
        let mut output = Output::new(output, Arc::clone(&schema))?;
        let options = RecordBatchOptions::new();
        let batch = RecordBatch::try_new_with_options(schema, self.columns(), &options)?;
        output.write(&batch)?;
        Ok(output.finish()?)
    }

    fn metadata(&self) -> HashMap<String, String> {
        let header = &self.header;
        let pairs = [
            (VERSION_KEY, CENSUS_VERSION.to_owned()),
            (CONTIG_KEY, header.contig.clone()),
            (LENGTH_KEY, header.contig_length.to_string()),
            (M5_KEY, header.contig_m5.clone()),
            (START_KEY, header.start.to_string()),
            (END_KEY, header.end.to_string()),
            (QUALITY_KEY, header.allele_quality_min.to_string()),
            (SAMPLES_KEY, self.samples.to_string()),
        ];
        let pairs = pairs.into_iter();
        pairs.map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Rows of alleles, then rows of steps.
    fn columns(&self) -> Vec<ArrayRef> {
        let (alleles, steps) = (&self.alleles, &self.steps);
        let kinds = alleles.iter().map(|_| ALLELE);
        let kinds = kinds.chain(steps.iter().map(|_| STEP));
        let positions = alleles.keys().map(|allele| allele.position);
        let positions = positions.chain(steps.keys().copied());
        let texts = |of: fn(&CensusAllele) -> &str| -> ArrayRef {
            let texts = alleles.keys().map(|allele| Some(of(allele)));
            Arc::new(texts.chain(missing(steps.len())).collect::<StringArray>())
        };
        let expected = alleles.values().map(|counts| Some(counts.expected));
        let steps_of = |of: fn(&Step) -> i64| -> ArrayRef {
            let values = steps.values().map(|step| Some(of(step)));
            Arc::new(missing(alleles.len()).chain(values).collect::<Int64Array>())
        };
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(UInt8Array::from_iter_values(kinds)),
            Arc::new(UInt32Array::from_iter_values(positions)),
            texts(|allele| &allele.reference),
            texts(|allele| &allele.alternative),
            Arc::new(
                expected
                    .chain(missing(steps.len()))
                    .collect::<UInt64Array>(),
            ),
            steps_of(|step| step.samples),
            steps_of(|step| step.copies),
        ];
        for at in 0..COUNTS {
            let values = alleles.values().map(|counts| Some(numbers(counts)[at]));
            columns.push(Arc::new(
                values.chain(missing(steps.len())).collect::<UInt32Array>(),
            ));
        }
        columns
    }

    /// Reads one; `name` is told in errors.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn read(name: &str, bytes: Bytes) -> Result<Self, CensusError> {
        read(bytes).map_err(|damage| CensusError::Damaged {
            name: name.to_owned(),
            what: damage.0,
        })
    }
}

impl Census {
    /// Adds what comes behind all that is there; false when it does not, or counts nothing.
    fn add_last_allele(&mut self, allele: CensusAllele, counts: AlleleCounts) -> bool {
        let last = self.alleles.last_key_value();
        let rises = last.is_none_or(|(last, _)| *last < allele) && self.steps.is_empty();
        self.alleles.insert(allele, counts);
        rises && counts != AlleleCounts::default()
    }

    /// As above, of a step.
    fn add_last_step(&mut self, at: u32, step: Step) -> bool {
        let last = self.steps.last_key_value();
        let rises = last.is_none_or(|(last, _)| *last < at);
        self.steps.insert(at, step);
        rises && step != Step::default()
    }
}

/// So many values that are not there.
fn missing<T>(count: usize) -> impl Iterator<Item = Option<T>> {
    std::iter::repeat_with(|| None).take(count)
}

fn read(bytes: Bytes) -> Result<Census, Damage> {
    let input = Input::open(bytes)?;
    let mut census = header(input.schema().metadata())?;
    if *input.schema().fields() != *FIELDS || input.batches() != 1 {
        return Err("its columns are not those of a census".into());
    }
    let batch = input.read(0)?;
    let kinds = column::<UInt8Array>(&batch, 0)?;
    let positions = column::<UInt32Array>(&batch, 1)?;
    let references = column::<StringArray>(&batch, 2)?;
    let alternatives = column::<StringArray>(&batch, 3)?;
    let expected = column::<UInt64Array>(&batch, 4)?;
    let samples = column::<Int64Array>(&batch, 5)?;
    let copies = column::<Int64Array>(&batch, 6)?;
    let mut all = Vec::new();
    for at in 0..COUNTS {
        all.push(column::<UInt32Array>(&batch, 7 + at)?);
    }
    for row in 0..batch.num_rows() {
        let position = positions.value(row);
        let rises = if kinds.value(row) == STEP {
            let (samples, copies) = (samples.value(row), copies.value(row));
            census.add_last_step(position, Step { samples, copies })
        } else {
            let mut numbers = [0; COUNTS];
            for (number, column) in numbers.iter_mut().zip(&all) {
                *number = column.value(row);
            }
            let allele = CensusAllele {
                position,
                reference: references.value(row).to_owned(),
                alternative: alternatives.value(row).to_owned(),
            };
            census.add_last_allele(allele, counts(&numbers, expected.value(row)))
        };
        if !rises {
            return Err("a row is out of order or counts nothing".into());
        }
    }
    if !covers(census.samples, &census.steps) {
        return Err("it covers samples that it does not have".into());
    }
    Ok(census)
}

fn column<T: Array + 'static>(batch: &RecordBatch, at: usize) -> Result<&T, Damage> {
    let found = batch.column(at).as_any().downcast_ref::<T>();
    found.ok_or_else(|| "a column is of another type".into())
}

fn header(metadata: &Metadata) -> Result<Census, Damage> {
    let text = |key: &str| metadata.get(key).cloned();
    let number = |key: &str| text(key).and_then(|text| text.parse::<u32>().ok());
    if text(VERSION_KEY).as_deref() != Some(CENSUS_VERSION) {
        return Err(Damage(format!("it is not of version {CENSUS_VERSION}")));
    }
    let census = || {
        let header = CensusHeader {
            contig: text(CONTIG_KEY)?,
            contig_length: number(LENGTH_KEY)?,
            contig_m5: text(M5_KEY)?,
            start: number(START_KEY)?,
            end: number(END_KEY)?,
            allele_quality_min: number(QUALITY_KEY)?,
        };
        let samples = number(SAMPLES_KEY)?;
        Some(Census {
            samples,
            ..Census::new(header)
        })
    };
    census().ok_or_else(|| "its header is not complete".into())
}

#[cfg(test)]
mod tests;
