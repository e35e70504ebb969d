//! The table of sites.

use std::sync::Arc;

use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder, UInt32Builder};
use arrow_array::{ArrayRef, Float64Array, StringArray, UInt8Array, UInt32Array};
use arrow_schema::{ArrowError, DataType, Field, Fields};

use crate::output::{Called, share};
use crate::params::Params;

fn list(name: &str, item: &Arc<Field>) -> Field {
    Field::new(name, DataType::List(Arc::clone(item)), false)
}

/// What stands in the lists: alternative alleles, their copies, their shares.
fn items() -> [Arc<Field>; 3] {
    let item = |kind, perhaps| Arc::new(Field::new("item", kind, perhaps));
    [
        item(DataType::Utf8, false),
        item(DataType::UInt32, false),
        item(DataType::Float64, true),
    ]
}

/// The columns of the table.
pub(super) fn fields() -> Fields {
    let told = |name: &str, kind| Field::new(name, kind, false);
    let perhaps = |name: &str, kind| Field::new(name, kind, true);
    let [text, number, share] = items();
    Fields::from(vec![
        told("contig", DataType::Utf8),
        told("position", DataType::UInt32),
        told("reference", DataType::Utf8),
        list("alternatives", &text),
        told("quality", DataType::Float64),
        told("filter", DataType::Utf8),
        list("ac", &number),
        list("af", &share),
        told("an", DataType::UInt32),
        told("ns", DataType::UInt32),
        perhaps("excess_het", DataType::Float64),
        perhaps("inbreeding_coeff", DataType::Float64),
        told("ploidy", DataType::UInt8),
    ])
}

#[derive(Clone, Debug, PartialEq)]
struct Site {
    position: u32,
    reference: String,
    alternatives: Vec<String>,
    quality: f64,
    filter: &'static str,
    copies: Vec<u32>,
    total: u32,
    called: u32,
    excess_het: Option<f64>,
    inbreeding: Option<f64>,
    ploidy: u8,
}

/// Sites in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sites(Vec<Site>);

impl Sites {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a site, of which a sample that has no row of its own has so many copies. Numbers have as many decimals as in
    /// the VCF.
    pub(super) fn push(&mut self, called: &Called<'_>, ploidy: u8, params: &Params) {
        let (decided, site) = (&called.site, &called.site.site);
        let text = |bases: &[u8]| String::from_utf8_lossy(bases).into_owned();
        let low = decided.quality < f64::from(params.site_quality_min);
        self.0.push(Site {
            position: site.start + 1,
            reference: text(&site.reference),
            alternatives: (1..site.alleles()).map(|at| text(&site.text(at))).collect(),
            quality: rounded(decided.quality, 2),
            filter: if low { "LowQual" } else { "PASS" },
            copies: decided.copies[1..].to_vec(),
            total: decided.copies.iter().sum(),
            called: decided.called,
            excess_het: decided.excess_het().map(|value| rounded(value, 4)),
            inbreeding: decided.inbreeding().map(|value| rounded(value, 4)),
            ploidy,
        });
    }

    /// Moves all of `other` behind these.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.0.append(&mut other.0);
    }

    /// The columns of Arrow, of one contig.
    pub(super) fn columns(self, contig: &str) -> Result<Vec<ArrayRef>, ArrowError> {
        let sites = self.0;
        let numbers = |of: fn(&Site) -> u32| -> ArrayRef {
            Arc::new(UInt32Array::from_iter_values(sites.iter().map(of)))
        };
        let perhaps = |of: fn(&Site) -> Option<f64>| -> ArrayRef {
            Arc::new(sites.iter().map(of).collect::<Float64Array>())
        };
        let texts = |of: fn(&Site) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(sites.iter().map(of)))
        };
        let [text, number, proportion] = items();
        let mut alternatives = ListBuilder::new(StringBuilder::new()).with_field(text);
        let mut copies = ListBuilder::new(UInt32Builder::new()).with_field(number);
        let mut shares = ListBuilder::new(Float64Builder::new()).with_field(proportion);
        for site in &sites {
            alternatives.append_value(site.alternatives.iter().map(Some));
            copies.append_value(site.copies.iter().copied().map(Some));
            let share = |copies: &u32| share(*copies, site.total).map(|share| rounded(share, 6));
            shares.append_value(site.copies.iter().map(share));
        }
        let contigs = std::iter::repeat_n(contig, sites.len());
        let ploidies = sites.iter().map(|site| site.ploidy);
        Ok(vec![
            Arc::new(StringArray::from_iter_values(contigs)),
            numbers(|site| site.position),
            texts(|site| &site.reference),
            Arc::new(alternatives.finish()),
            perhaps(|site| Some(site.quality)),
            texts(|site| site.filter),
            Arc::new(copies.finish()),
            Arc::new(shares.finish()),
            numbers(|site| site.total),
            numbers(|site| site.called),
            perhaps(|site| site.excess_het),
            perhaps(|site| site.inbreeding),
            Arc::new(UInt8Array::from_iter_values(ploidies)),
        ])
    }
}

/// A number as it reads with so many decimals.
fn rounded(value: f64, places: usize) -> f64 {
    format!("{value:.places$}").parse().unwrap_or(value)
}
