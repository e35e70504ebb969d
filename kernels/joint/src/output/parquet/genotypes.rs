//! The table of genotypes.

use std::sync::Arc;

use arrow_array::types::UInt32Type;
use arrow_array::{
    ArrayRef, ListArray, PrimitiveArray, StringArray, UInt8Array, UInt16Array, UInt32Array,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, Fields};

use crate::genotype::{Evidence, Sample};
use crate::output::parquet::CERTAIN_QUALITY;
use crate::output::reason;

/// Numbers of reads or of genotypes, in a list.
fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::UInt32, false))
}

/// The columns of the table.
pub(super) fn fields() -> Fields {
    let told = |name: &str, kind| Field::new(name, kind, false);
    let perhaps = |name: &str, kind| Field::new(name, kind, true);
    Fields::from(vec![
        told("contig", DataType::Utf8),
        told("position", DataType::UInt32),
        told("sample", DataType::Utf8),
        told("ploidy", DataType::UInt8),
        perhaps("allele_1", DataType::UInt16),
        perhaps("allele_2", DataType::UInt16),
        perhaps("gq", DataType::UInt8),
        perhaps("dp", DataType::UInt32),
        perhaps("ad", DataType::List(item())),
        perhaps("pl", DataType::List(item())),
        perhaps("ft", DataType::Utf8),
    ])
}

/// Genotypes, column by column.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Genotypes {
    positions: Vec<u32>,
    samples: Vec<u32>,
    ploidies: Vec<u8>,
    first: Vec<Option<u16>>,
    second: Vec<Option<u16>>,
    qualities: Vec<Option<u8>>,
    depths: Vec<Option<u32>>,
    allele_depths: Lists,
    likelihoods: Lists,
    reasons: Vec<Option<&'static str>>,
}

impl Genotypes {
    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    /// Adds the genotype of a sample, unless it goes without saying. A sample whose reference block covers the site has
    /// neither AD nor PL of its own.
    pub(super) fn push(
        &mut self,
        position: u32,
        number: u32,
        sample: &Sample<'_>,
        usual_ploidy: u8,
        with_pl: bool,
    ) {
        let alleles = sample.genotype.alleles();
        let quality = (!alleles.is_empty()).then_some(sample.genotype.quality);
        let reference = alleles.iter().all(|allele| *allele == 0);
        let certain = quality.is_some_and(|quality| quality >= CERTAIN_QUALITY);
        let usual = sample.ploidy() == usual_ploidy && !sample.conflict();
        if reference && certain && usual {
            return;
        }
        self.positions.push(position);
        self.samples.push(number);
        self.ploidies.push(sample.ploidy());
        self.first.push(alleles.first().copied());
        self.second.push(alleles.get(1).copied());
        self.qualities.push(quality);
        self.depths.push(sample.depth);
        let (depths, likelihoods): (&[u32], &[u32]) = match sample.evidence {
            Evidence::Block(_) => (&[], &[]),
            Evidence::Own(own) => (&own.depths, &own.likelihoods),
        };
        self.allele_depths.push(depths);
        self.likelihoods
            .push(if with_pl { likelihoods } else { &[] });
        let reason = reason(sample.genotype.no_call, sample.conflict());
        self.reasons.push(reason);
    }

    /// Moves all of `other` behind these.
    pub(super) fn append(&mut self, other: &mut Self) {
        self.positions.append(&mut other.positions);
        self.samples.append(&mut other.samples);
        self.ploidies.append(&mut other.ploidies);
        self.first.append(&mut other.first);
        self.second.append(&mut other.second);
        self.qualities.append(&mut other.qualities);
        self.depths.append(&mut other.depths);
        self.allele_depths.append(&mut other.allele_depths);
        self.likelihoods.append(&mut other.likelihoods);
        self.reasons.append(&mut other.reasons);
    }

    /// The columns of Arrow, of one contig.
    pub(super) fn columns(
        self,
        contig: &str,
        names: &[String],
    ) -> Result<Vec<ArrayRef>, ArrowError> {
        let contigs = std::iter::repeat_n(contig, self.len());
        let samples = self.samples.iter().map(|number| &names[*number as usize]);
        Ok(vec![
            Arc::new(StringArray::from_iter_values(contigs)),
            Arc::new(UInt32Array::from(self.positions)),
            Arc::new(StringArray::from_iter_values(samples)),
            Arc::new(UInt8Array::from(self.ploidies)),
            Arc::new(UInt16Array::from(self.first)),
            Arc::new(UInt16Array::from(self.second)),
            Arc::new(UInt8Array::from(self.qualities)),
            Arc::new(UInt32Array::from(self.depths)),
            Arc::new(self.allele_depths.array()?),
            Arc::new(self.likelihoods.array()?),
            Arc::new(StringArray::from(self.reasons)),
        ])
    }
}

/// Lists of numbers; one without numbers is none.
#[derive(Clone, Debug, Default, PartialEq)]
struct Lists {
    lengths: Vec<usize>,
    values: Vec<u32>,
}

impl Lists {
    fn push(&mut self, values: &[u32]) {
        self.lengths.push(values.len());
        self.values.extend_from_slice(values);
    }

    fn append(&mut self, other: &mut Self) {
        self.lengths.append(&mut other.lengths);
        self.values.append(&mut other.values);
    }

    fn array(self) -> Result<ListArray, ArrowError> {
        let told: NullBuffer = self.lengths.iter().map(|length| *length > 0).collect();
        let offsets = OffsetBuffer::from_lengths(self.lengths);
        let values = PrimitiveArray::<UInt32Type>::from(self.values);
        ListArray::try_new(item(), offsets, Arc::new(values), Some(told))
    }
}
