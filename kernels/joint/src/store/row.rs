//! A row of Arrow columns as a window.

use std::ops::Range;
use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, UInt8Type, UInt16Type, UInt32Type};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, ListArray, PrimitiveArray, RecordBatch,
    StringArray, StructArray, UInt8Array, UInt16Array, UInt32Array,
};

use crate::allele::Part;
use crate::evidence::{Block, Local};
use crate::number::PHRED_MAX;
use crate::store::column::{ALL, COLUMNS, join};
use crate::store::error::Damage;
use crate::store::schema::{ANY, SPANNING};
use crate::store::window::{Form, LocalSite, Window};

/// The window of a row.
pub(crate) fn unpack(batch: &RecordBatch) -> Result<Window, Damage> {
    if batch.num_rows() != 1 {
        return Err("a batch has not one row".into());
    }
    let one = |at: usize| Ok::<_, Damage>(cast::<UInt32Array>(batch.column(at))?.value(0));
    let lists = |at: usize| Ok::<_, Damage>(cast::<ListArray>(batch.column(at))?.value(0));
    let mut window = Window {
        start: one(0)?,
        end: one(1)?,
        blocks: blocks_of(cast(&lists(2)?)?)?,
        sites: sites_of(cast(&lists(3)?)?)?,
        forms: forms_of(cast(&lists(4)?)?)?,
        phase_sets: binary(&lists(5)?)?,
        runs: numbers::<UInt32Type>(&lists(6)?)?,
        calls: numbers::<UInt32Type>(&lists(7)?)?,
        columns: [const { Vec::new() }; COLUMNS],
    };
    let mut at = 8;
    for (values, column) in window.columns.iter_mut().zip(ALL) {
        *values = joined(batch, at..at + column.planes)?;
        at += column.planes;
    }
    Ok(window)
}

/// The numbers of the columns that hold their planes.
pub(crate) fn joined(batch: &RecordBatch, columns: Range<usize>) -> Result<Vec<u32>, Damage> {
    let lists = |at: usize| Ok::<_, Damage>(cast::<ListArray>(batch.column(at))?.value(0));
    let planes = columns.map(lists).collect::<Result<Vec<_>, Damage>>()?;
    let bytes = planes
        .iter()
        .map(|p| Ok(&**cast::<UInt8Array>(p)?.values()));
    join(&bytes.collect::<Result<Vec<&[u8]>, Damage>>()?)
}

fn cast<T: 'static>(array: &ArrayRef) -> Result<&T, Damage> {
    let found = array.as_any().downcast_ref::<T>();
    found.ok_or_else(|| Damage(format!("a column is of type {}", array.data_type())))
}

fn numbers<T: ArrowPrimitiveType>(array: &ArrayRef) -> Result<Vec<T::Native>, Damage> {
    Ok(cast::<PrimitiveArray<T>>(array)?.values().to_vec())
}

fn binary(array: &ArrayRef) -> Result<Vec<Vec<u8>>, Damage> {
    let array = cast::<BinaryArray>(array)?;
    Ok((0..array.len())
        .map(|at| array.value(at).to_vec())
        .collect())
}

fn blocks_of(array: &StructArray) -> Result<Vec<Block>, Damage> {
    let ploidies = numbers::<UInt8Type>(array.column(0))?;
    let depths = cast::<UInt32Array>(array.column(1))?;
    let qualities = cast::<UInt16Array>(array.column(2))?;
    let mut pl = Vec::new();
    for column in &array.columns()[3..] {
        pl.push(numbers::<UInt16Type>(column)?);
    }
    let block = |at: usize| {
        let likelihoods = [0, 1, 2].map(|copies: usize| u32::from(pl[copies][at]));
        if !matches!(ploidies[at], 1 | 2) || likelihoods.iter().any(|pl| *pl > PHRED_MAX) {
            return Err("a block has a wrong ploidy or likelihood".into());
        }
        Ok(Block {
            ploidy: ploidies[at],
            depth: depths.is_valid(at).then(|| depths.value(at)),
            quality: qualities.is_valid(at).then(|| qualities.value(at).into()),
            likelihoods,
        })
    };
    (0..array.len()).map(block).collect()
}

fn sites_of(array: &StructArray) -> Result<Vec<LocalSite>, Damage> {
    let [starts, ends, positions] = [0, 1, 2].map(|at| numbers::<UInt32Type>(array.column(at)));
    let (starts, ends, positions) = (starts?, ends?, positions?);
    let lists = cast::<ListArray>(array.column(3))?;
    let all = cast::<StructArray>(lists.values())?;
    let parts = Parts {
        alleles: numbers::<UInt32Type>(all.column(0))?,
        starts: numbers::<UInt32Type>(all.column(1))?,
        references: cast(all.column(2))?,
        alternatives: cast(all.column(3))?,
    };
    let site = |at: usize| {
        let offsets = lists.value_offsets();
        let (start, end, position) = (starts[at], ends[at], positions[at]);
        let local = LocalSite {
            start,
            end,
            position,
            alleles: parts.locals(offsets[at] as usize..offsets[at + 1] as usize)?,
        };
        let inside = |part: &Part| {
            let length = u32::try_from(part.reference.len()).ok();
            let last = length.and_then(|length| part.start.checked_add(length));
            part.start >= start && last.is_some_and(|last| last <= end)
        };
        let mut all = local.alleles.iter().flat_map(|local| match local {
            Local::Parts(parts) => parts.as_slice(),
            Local::Any | Local::Spanning => &[],
        });
        if start >= end || !(start..end).contains(&position) || !all.all(inside) {
            return Err("an allele lies outside its site".into());
        }
        Ok(local)
    };
    (0..array.len()).map(site).collect()
}

struct Parts<'a> {
    alleles: Vec<u32>,
    starts: Vec<u32>,
    references: &'a StringArray,
    alternatives: &'a StringArray,
}

impl Parts<'_> {
    /// The alleles of a site, REF first.
    fn locals(&self, range: std::ops::Range<usize>) -> Result<Arc<[Local]>, Damage> {
        let mut locals = vec![Local::Parts(Vec::new())];
        for at in range {
            let (reference, alternative) = (self.references.value(at), self.alternatives.value(at));
            let allele = self.alleles[at] as usize;
            let fresh = allele == locals.len();
            if !fresh && (allele == 0 || allele + 1 != locals.len()) {
                return Err("the alleles of a site are not in order".into());
            }
            let local = match (reference, alternative) {
                ("", ANY) => Local::Any,
                ("", SPANNING) => Local::Spanning,
                ("", "") => Local::Parts(Vec::new()),
                ("", _) | (_, "") => return Err("an allele has no bases".into()),
                _ => Local::Parts(vec![Part {
                    start: self.starts[at],
                    reference: reference.as_bytes().to_vec(),
                    alternative: alternative.as_bytes().to_vec(),
                }]),
            };
            if fresh {
                locals.push(local);
                continue;
            }
            match (locals.last_mut(), local) {
                (Some(Local::Parts(parts)), Local::Parts(more)) => parts.extend(more),
                _ => return Err("an allele is told twice".into()),
            }
        }
        Ok(locals.into())
    }
}

fn forms_of(array: &StructArray) -> Result<Vec<Form>, Damage> {
    let ploidies = numbers::<UInt8Type>(array.column(0))?;
    let lists = cast::<ListArray>(array.column(1))?;
    let alleles = numbers::<UInt32Type>(lists.values())?;
    let mut flags = Vec::new();
    for column in &array.columns()[2..] {
        flags.push(cast::<BooleanArray>(column)?);
    }
    let form = |at: usize| {
        let range = lists.value_offsets()[at] as usize..lists.value_offsets()[at + 1] as usize;
        let genotype = alleles[range].iter().map(|allele| *allele as usize);
        let genotype: Vec<usize> = genotype.collect();
        if !matches!(ploidies[at], 1 | 2) || genotype.len() > usize::from(ploidies[at]) {
            return Err("a form has a wrong ploidy or genotype".into());
        }
        Ok(Form {
            ploidy: ploidies[at],
            genotype: genotype.into(),
            passes: flags[0].value(at),
            calibrated: flags[1].value(at),
            phased: flags[2].value(at),
            depth: flags[3].value(at),
            depths: flags[4].value(at),
            likelihoods: flags[5].value(at),
            bare: flags[6].value(at),
        })
    };
    (0..array.len()).map(form).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::Schema;

    use super::unpack;
    use crate::allele::Part;
    use crate::evidence::Local;
    use crate::store::batch::pack;
    use crate::store::column::COLUMNS;
    use crate::store::schema::FIELDS;
    use crate::store::window::{LocalSite, Window};

    #[test]
    fn an_allele_beyond_all_numbers_lies_outside_its_site() {
        let part = Part {
            start: u32::MAX - 1,
            reference: b"ACGT".to_vec(),
            alternative: b"A".to_vec(),
        };
        let site = LocalSite {
            start: 5,
            end: 9,
            position: 5,
            alleles: vec![Local::Parts(Vec::new()), Local::Parts(vec![part])].into(),
        };
        let window = Window {
            start: 0,
            end: 10,
            blocks: Vec::new(),
            sites: vec![site],
            forms: Vec::new(),
            phase_sets: Vec::new(),
            runs: Vec::new(),
            calls: Vec::new(),
            columns: [const { Vec::new() }; COLUMNS],
        };
        let batch = pack(&window, Arc::new(Schema::new(FIELDS.clone()))).expect("a row");
        let outside = "an allele lies outside its site";
        assert!(unpack(&batch).is_err_and(|damage| damage.0 == outside));
    }
}
