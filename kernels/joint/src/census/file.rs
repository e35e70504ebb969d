//! A census as it lies in a file.

use bytes::Bytes;
use kumi_formats::reference::ReferenceSource;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::census::window::Window;
use crate::census::{CensusError, arrow};
use crate::store::error::Damage;
use crate::store::file::Input;
use crate::store::locate::contig_of;

/// What a census is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CensusHeader {
    /// The name of the contig.
    pub contig: String,
    /// Bases of the contig.
    pub contig_length: u32,
    /// MD5 of the contig's sequence, as `@SQ` has it.
    pub contig_m5: String,
    /// First base of the region, 0-based.
    pub start: u32,
    /// One past the last base of the region.
    pub end: u32,
    /// Phred by which likelihoods must favour an allele for it to enter.
    pub allele_quality_min: u32,
}

impl CensusHeader {
    /// The region on a reference.
    pub(super) fn interval(&self, contig: ContigId) -> Interval {
        Interval {
            contig,
            start: self.start,
            end: self.end,
        }
    }
}

/// A census of a region.
#[derive(Debug)]
pub struct Census {
    name: String,
    header: CensusHeader,
    samples: u32,
    file: Input,
}

impl Census {
    /// Takes the bytes of a census, mapped or read, which are kept as they are; windows are checked when they are read.
    /// `name` is told in errors.
    ///
    /// # Errors
    /// `Damaged`.
    pub fn open(name: &str, bytes: Bytes) -> Result<Self, CensusError> {
        let damaged = |damage: Damage| CensusError::Damaged {
            name: name.to_owned(),
            what: damage.0,
        };
        let file = Input::open(bytes).map_err(damaged)?;
        let (header, samples) = arrow::header(&file).map_err(damaged)?;
        Ok(Self {
            name: name.to_owned(),
            header,
            samples,
            file,
        })
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is of.
    #[must_use]
    pub fn header(&self) -> &CensusHeader {
        &self.header
    }

    /// Number of samples.
    #[must_use]
    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// Reads all of it and checks all of it.
    ///
    /// # Errors
    /// The first window that is damaged.
    pub fn verify(&self) -> Result<(), CensusError> {
        (0..self.file.batches()).try_for_each(|at| self.window(at).map(|_| ()))
    }

    /// Damages a window so that its CRC does not tell.
    #[cfg(test)]
    pub(crate) fn change(&mut self, window: usize, changes: &[(usize, u8)]) {
        self.file.change(window, changes);
    }

    /// The contig of a reference that it is of.
    pub(super) fn contig_of(
        &self,
        reference: &dyn ReferenceSource,
    ) -> Result<ContigId, CensusError> {
        let CensusHeader {
            contig, contig_m5, ..
        } = &self.header;
        contig_of(reference, contig, contig_m5).map_err(|what| CensusError::Reference {
            name: self.name.clone(),
            what,
        })
    }

    /// A window.
    pub(super) fn window(&self, at: usize) -> Result<Window, CensusError> {
        let read = || {
            let window = arrow::unpack(&self.file.read(at)?, &self.header, at)?;
            let fits = window.check(self.samples);
            fits.map_err(|_| Damage::from("it counts samples that it does not have"))?;
            Ok(window)
        };
        read().map_err(|damage: Damage| CensusError::Damaged {
            name: self.name.clone(),
            what: format!("window {at}: {}", damage.0),
        })
    }
}
