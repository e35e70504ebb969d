//! The stretch of the reference that is being looked at, fetched when it is needed.

use std::io;

use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;
use md5::Digest as _;

use super::number::invalid;
use super::reader::Shared;

/// So much is fetched at least: reads of a slice lie beside each other.
const BASES_MIN: u32 = 1 << 14;

/// Bases of one contig around what was asked for last.
pub(super) struct Window<'r> {
    reference: Option<Shared<'r>>,
    /// The reference's contig for each of the file's.
    contigs: &'r [Option<ContigId>],
    contig: i32,
    start: i32,
    bases: Vec<u8>,
}

impl<'r> Window<'r> {
    pub(super) fn new(reference: Option<Shared<'r>>, contigs: &'r [Option<ContigId>]) -> Self {
        Self {
            reference,
            contigs,
            contig: -1,
            start: 0,
            bases: Vec::new(),
        }
    }

    /// A window over bases that are in the file.
    pub(super) fn embedded(mut self, contig: i32, start: i32, bases: &[u8]) -> Self {
        (self.contig, self.start) = (contig, start);
        self.bases = bases.to_ascii_uppercase();
        self
    }

    /// `count` bases from `start` (0-based) of the file's contig `contig`.
    ///
    /// # Errors
    /// When there is no reference, or the contig ends before.
    pub(super) fn bases(&mut self, contig: i32, start: i32, count: usize) -> io::Result<&[u8]> {
        let offset = |this: &Self| {
            let offset = usize::try_from(i64::from(start) - i64::from(this.start)).ok()?;
            (this.contig == contig && offset + count <= this.bases.len()).then_some(offset)
        };
        if offset(self).is_none() {
            self.fetch(contig, start, count)?;
        }
        let offset = offset(self)
            .ok_or_else(|| invalid("an alignment that hangs over the end of its contig"))?;
        Ok(&self.bases[offset..offset + count])
    }

    fn fetch(&mut self, contig: i32, start: i32, count: usize) -> io::Result<()> {
        let reference = self
            .reference
            .as_ref()
            .ok_or_else(|| invalid("the bases of this CRAM can only be read with its reference"))?;
        let reference = reference.source();
        let known = usize::try_from(contig)
            .ok()
            .and_then(|contig| self.contigs.get(contig).copied().flatten())
            .and_then(|id| Some((id, reference.contigs().get(id)?.length)));
        let (id, length) = known.ok_or_else(|| invalid("a contig that the reference lacks"))?;
        let start = u32::try_from(start).map_err(|_| invalid("an alignment without position"))?;
        let count = u32::try_from(count).unwrap_or(u32::MAX).max(BASES_MIN);
        let interval = Interval {
            contig: id,
            start: start.min(length),
            end: start.saturating_add(count).min(length),
        };
        self.bases.clear();
        reference.bases(interval, &mut self.bases);
        (self.contig, self.start) = (contig, interval.start as i32);
        Ok(())
    }

    /// Whether the bases from `start` (0-based) have this MD5; what lies beyond the contig is left out.
    pub(super) fn has_md5(
        &mut self,
        contig: i32,
        start: i32,
        count: usize,
        md5: [u8; 16],
    ) -> io::Result<bool> {
        let bases = self.bases(contig, start, count)?;
        Ok(<[u8; 16]>::from(md5::Md5::digest(bases)) == md5)
    }
}
