//! A window as a row of Arrow columns.

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, StringBuilder};
use arrow_array::{
    Array, ArrayRef, BinaryArray, ListArray, RecordBatch, StructArray, UInt8Array, UInt16Array,
    UInt32Array,
};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{ArrowError, SchemaRef};

use crate::evidence::{Block, Local};
use crate::store::column::{ALL, split};
use crate::store::schema::{
    ANY, SPANNING, allele_fields, block_fields, field, form_fields, site_fields,
};
use crate::store::window::{Form, LocalSite, Window};

/// The row of a window.
pub(crate) fn pack(window: &Window, schema: SchemaRef) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_new(schema, arrays(window)?)
}

/// The columns of the row of a window.
pub(crate) fn arrays(window: &Window) -> Result<Vec<ArrayRef>, ArrowError> {
    let one = |value: u32| Arc::new(UInt32Array::from(vec![value])) as ArrayRef;
    let mut arrays = vec![
        one(window.start),
        one(window.end),
        row(blocks(&window.blocks))?,
        row(sites(&window.sites)?)?,
        row(forms(&window.forms)?)?,
        row(Arc::new(BinaryArray::from_iter_values(&window.phase_sets)))?,
        row(Arc::new(UInt32Array::from(window.runs.clone())))?,
        row(Arc::new(UInt32Array::from(window.calls.clone())))?,
    ];
    for (values, column) in window.columns.iter().zip(ALL) {
        arrays.append(&mut planes(values, column.planes)?);
    }
    Ok(arrays)
}

/// The planes of a column of numbers.
pub(crate) fn planes(values: &[u32], planes: usize) -> Result<Vec<ArrayRef>, ArrowError> {
    let planes = split(values, planes)?.into_iter();
    planes
        .map(|plane| row(Arc::new(UInt8Array::from(plane))))
        .collect()
}

/// A list of one row.
fn row(values: ArrayRef) -> Result<ArrayRef, ArrowError> {
    let lengths = OffsetBuffer::from_lengths([values.len()]);
    lists(values, lengths)
}

fn lists(values: ArrayRef, lengths: OffsetBuffer<i32>) -> Result<ArrayRef, ArrowError> {
    let item = Arc::new(field("item", values.data_type().clone()));
    Ok(Arc::new(ListArray::try_new(item, lengths, values, None)?))
}

fn blocks(blocks: &[Block]) -> ArrayRef {
    let pl = |copies: usize| -> ArrayRef {
        let values = blocks.iter().map(|block| block.likelihoods[copies] as u16);
        Arc::new(UInt16Array::from_iter_values(values))
    };
    let qualities = blocks.iter().map(|block| block.quality.map(|q| q as u16));
    Arc::new(StructArray::new(
        block_fields(),
        vec![
            Arc::new(UInt8Array::from_iter_values(
                blocks.iter().map(|b| b.ploidy),
            )),
            Arc::new(blocks.iter().map(|b| b.depth).collect::<UInt32Array>()),
            Arc::new(qualities.collect::<UInt16Array>()),
            pl(0),
            pl(1),
            pl(2),
        ],
        None,
    ))
}

fn sites(sites: &[LocalSite]) -> Result<ArrayRef, ArrowError> {
    let (mut alleles, mut starts, mut lengths) = (Vec::new(), Vec::new(), Vec::new());
    let (mut references, mut alternatives) = (StringBuilder::new(), StringBuilder::new());
    for site in sites {
        let before = alleles.len();
        let mut part = |allele: usize, start: u32, reference: &[u8], alternative: &[u8]| {
            alleles.push(allele as u32);
            starts.push(start);
            references.append_value(String::from_utf8_lossy(reference));
            alternatives.append_value(String::from_utf8_lossy(alternative));
        };
        for (allele, local) in site.alleles.iter().enumerate().skip(1) {
            match local {
                Local::Any => part(allele, site.position, b"", ANY.as_bytes()),
                Local::Spanning => part(allele, site.position, b"", SPANNING.as_bytes()),
                Local::Parts(parts) if parts.is_empty() => part(allele, site.position, b"", b""),
                Local::Parts(parts) => {
                    for p in parts {
                        part(allele, p.start, &p.reference, &p.alternative);
                    }
                }
            }
        }
        lengths.push(alleles.len() - before);
    }
    let parts = StructArray::new(
        allele_fields(),
        vec![
            Arc::new(UInt32Array::from(alleles)),
            Arc::new(UInt32Array::from(starts)),
            Arc::new(references.finish()),
            Arc::new(alternatives.finish()),
        ],
        None,
    );
    let of = |value: fn(&LocalSite) -> u32| -> ArrayRef {
        Arc::new(UInt32Array::from_iter_values(sites.iter().map(value)))
    };
    Ok(Arc::new(StructArray::try_new(
        site_fields(),
        vec![
            of(|site| site.start),
            of(|site| site.end),
            of(|site| site.position),
            lists(Arc::new(parts), OffsetBuffer::from_lengths(lengths))?,
        ],
        None,
    )?))
}

fn forms(forms: &[Form]) -> Result<ArrayRef, ArrowError> {
    let flag = |of: fn(&Form) -> bool| -> ArrayRef {
        let mut flags = BooleanBuilder::new();
        forms.iter().for_each(|form| flags.append_value(of(form)));
        Arc::new(flags.finish())
    };
    let genotypes = forms.iter().flat_map(|form| &form.genotype);
    let genotypes = genotypes.map(|allele| *allele as u32);
    let lengths = OffsetBuffer::from_lengths(forms.iter().map(|form| form.genotype.len()));
    Ok(Arc::new(StructArray::try_new(
        form_fields(),
        vec![
            Arc::new(UInt8Array::from_iter_values(forms.iter().map(|f| f.ploidy))),
            lists(Arc::new(UInt32Array::from_iter_values(genotypes)), lengths)?,
            flag(|form| form.passes),
            flag(|form| form.calibrated),
            flag(|form| form.phased),
            flag(|form| form.depth),
            flag(|form| form.depths),
            flag(|form| form.likelihoods),
            flag(|form| form.bare),
        ],
        None,
    )?))
}
