//! A BAM record body read in place.

use kumi_seq::cigar::Op;

use crate::bam::tag::{Tags, Value};

/// Bytes before the read name (SAM 4.2, without `block_size`).
const FIXED: usize = 32;

/// A BAM record body, validated; every accessor is a few loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View<'a>(&'a [u8]);

/// Why bytes are not a BAM record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// Shorter than its own lengths say.
    #[error("the record is shorter than its fields")]
    Truncated,
    /// The name is empty or has no terminator.
    #[error("the read name is not terminated")]
    Name,
    /// A CIGAR operation that does not exist, or one that does not fit the read.
    #[error("the CIGAR does not fit the read")]
    Cigar,
    /// It lies before the beginning or behind the end of any contig.
    #[error("the alignment lies outside every contig")]
    Place,
    /// A tag that does not end.
    #[error("a tag is malformed")]
    Tag,
}

impl<'a> View<'a> {
    /// Checks that every field lies inside `bytes`.
    ///
    /// # Errors
    /// What is wrong with the bytes.
    pub fn new(bytes: &'a [u8]) -> Result<Self, InvalidRecord> {
        if bytes.len() < FIXED {
            return Err(InvalidRecord::Truncated);
        }
        let view = Self(bytes);
        if view.tags_at() > bytes.len() {
            return Err(InvalidRecord::Truncated);
        }
        if view.name_length() == 0 || bytes[FIXED + view.name_length() - 1] != 0 {
            return Err(InvalidRecord::Name);
        }
        let (mut read_length, mut reference_length) = (0u64, 0u64);
        for packed in view.packed_cigar() {
            let op = Op::from_bam(packed).ok_or(InvalidRecord::Cigar)?;
            let length = |counts: bool| if counts { u64::from(op.len) } else { 0 };
            read_length += length(op.kind.consumes_read());
            reference_length += length(op.kind.consumes_reference());
        }
        let end = i64::from(view.pos()) + reference_length.max(1) as i64;
        if view.pos() < -1 || end > i64::from(i32::MAX) {
            return Err(InvalidRecord::Place);
        }
        if read_length > 0 && view.read_length() > 0 && read_length != view.read_length() as u64 {
            return Err(InvalidRecord::Cigar);
        }
        for tag in view.tags() {
            tag.map_err(|_| InvalidRecord::Tag)?;
        }
        Ok(view)
    }

    /// Bytes that were valid when a `Record` was made of them.
    pub(crate) fn trusted(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.0
    }

    fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes([self.0[at], self.0[at + 1]])
    }

    fn i32(&self, at: usize) -> i32 {
        i32::from_le_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }

    /// Contig of the alignment, -1 for none.
    #[must_use]
    pub fn ref_id(&self) -> i32 {
        self.i32(0)
    }

    /// First aligned base, 0-based, -1 for none.
    #[must_use]
    pub fn pos(&self) -> i32 {
        self.i32(4)
    }

    fn name_length(&self) -> usize {
        self.0[8] as usize
    }

    /// Mapping quality, 255 when not known.
    #[must_use]
    pub fn mapq(&self) -> u8 {
        self.0[9]
    }

    fn cigar_length(&self) -> usize {
        self.u16(12) as usize
    }

    /// FLAG.
    #[must_use]
    pub fn flags(&self) -> u16 {
        self.u16(14)
    }

    /// Number of bases stored.
    #[must_use]
    pub fn read_length(&self) -> usize {
        u32::from_le_bytes([self.0[16], self.0[17], self.0[18], self.0[19]]) as usize
    }

    /// Contig of the mate, -1 for none.
    #[must_use]
    pub fn mate_ref_id(&self) -> i32 {
        self.i32(20)
    }

    /// First aligned base of the mate, 0-based, -1 for none.
    #[must_use]
    pub fn mate_pos(&self) -> i32 {
        self.i32(24)
    }

    /// TLEN.
    #[must_use]
    pub fn template_length(&self) -> i32 {
        self.i32(28)
    }

    /// Read name without terminator.
    #[must_use]
    pub fn name(&self) -> &'a [u8] {
        &self.0[FIXED..FIXED + self.name_length() - 1]
    }

    fn cigar_at(&self) -> usize {
        FIXED + self.name_length()
    }

    fn packed_cigar(&self) -> impl Iterator<Item = u32> + use<'a> {
        let at = self.cigar_at();
        self.0[at..at + 4 * self.cigar_length()]
            .chunks_exact(4)
            .map(|op| u32::from_le_bytes([op[0], op[1], op[2], op[3]]))
    }

    /// The alignment's operations. Kinds that do not exist were refused by [`View::new`].
    pub fn cigar(&self) -> impl Iterator<Item = Op> + use<'a> {
        self.packed_cigar().filter_map(Op::from_bam)
    }

    fn bases_at(&self) -> usize {
        self.cigar_at() + 4 * self.cigar_length()
    }

    /// The base at `index` as ASCII, on the forward strand of the reference.
    #[must_use]
    pub fn base(&self, index: usize) -> u8 {
        let packed = self.0[self.bases_at() + index / 2];
        BASES[(if index.is_multiple_of(2) {
            packed >> 4
        } else {
            packed & 15
        }) as usize]
    }

    /// All bases as ASCII, on the forward strand of the reference.
    pub fn bases(&self) -> impl Iterator<Item = u8> + use<'a> {
        let view = *self;
        (0..self.read_length()).map(move |index| view.base(index))
    }

    /// Appends all bases as ASCII, on the forward strand of the reference.
    pub fn append_bases(&self, into: &mut Vec<u8>) {
        let (at, end) = (self.bases_at(), into.len() + self.read_length());
        let pairs = &self.0[at..at + self.read_length().div_ceil(2)];
        into.extend(pairs.iter().flat_map(|&packed| PAIRS[packed as usize]));
        into.truncate(end);
    }

    fn qualities_at(&self) -> usize {
        self.bases_at() + self.read_length().div_ceil(2)
    }

    /// Phred qualities, one a base; all 255 when not known.
    #[must_use]
    pub fn qualities(&self) -> &'a [u8] {
        let at = self.qualities_at();
        &self.0[at..at + self.read_length()]
    }

    fn tags_at(&self) -> usize {
        self.qualities_at() + self.read_length()
    }

    /// The tags as they are stored.
    #[must_use]
    pub fn tag_bytes(&self) -> &'a [u8] {
        &self.0[self.tags_at()..]
    }

    /// The tags in order.
    #[must_use]
    pub fn tags(&self) -> Tags<'a> {
        Tags::new(self.tag_bytes())
    }

    /// The value of a tag.
    #[must_use]
    pub fn tag(&self, name: [u8; 2]) -> Option<Value<'a>> {
        self.tags()
            .flatten()
            .find(|(tag, _)| *tag == name)
            .map(|(_, value)| value)
    }

    /// One past the last aligned base, 0-based; `pos + 1` without an alignment.
    #[must_use]
    pub fn end(&self) -> i32 {
        let length: u32 = self
            .cigar()
            .filter(|op| op.kind.consumes_reference())
            .map(|op| op.len)
            .sum();
        self.pos() + length.max(1) as i32
    }
}

/// ASCII of every two of BAM's bases.
const PAIRS: [[u8; 2]; 256] = {
    let mut table = [[0; 2]; 256];
    let mut packed = 0;
    while packed < 256 {
        table[packed] = [BASES[packed >> 4], BASES[packed & 15]];
        packed += 1;
    }
    table
};

/// ASCII of BAM's 4-bit bases.
pub(crate) const BASES: [u8; 16] = *b"=ACMGRSVTWYHKDBN";
