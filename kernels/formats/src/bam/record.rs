//! A BAM record body that is owned, and how one is made.

use kumi_seq::cigar::{self, Op};

use crate::bam::tag::{Tags, push_float, push_integer, push_string};
use crate::bam::view::{BASES, InvalidRecord, View};

/// A valid BAM record body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record(Vec<u8>);

impl Record {
    /// Takes bytes that may come from anywhere.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Self, InvalidRecord> {
        View::new(&bytes)?;
        Ok(Self(bytes))
    }

    /// The record, to be read.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View::trusted(&self.0)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Replaces FLAG.
    pub fn set_flags(&mut self, flags: u16) {
        self.0[14..16].copy_from_slice(&flags.to_le_bytes());
    }

    /// Appends tags as BAM stores them.
    ///
    /// # Errors
    /// When they are malformed.
    pub(crate) fn extend_tags(&mut self, tags: &[u8]) -> Result<(), InvalidRecord> {
        if Tags::new(tags).any(|tag| tag.is_err()) {
            return Err(InvalidRecord::Tag);
        }
        self.0.extend_from_slice(tags);
        Ok(())
    }

    /// Appends a `Z` tag, which must not be there yet.
    pub fn push_string_tag(&mut self, name: [u8; 2], text: &[u8]) {
        push_string(&mut self.0, name, text);
    }

    /// Appends an `f` tag, which must not be there yet.
    pub fn push_float_tag(&mut self, name: [u8; 2], value: f32) {
        push_float(&mut self.0, name, value);
    }

    /// Appends an integer tag, which must not be there yet.
    pub fn push_integer_tag(&mut self, name: [u8; 2], value: i32) {
        push_integer(&mut self.0, name, value);
    }
}

/// The fields of a record to be made. Bases are ASCII on the forward strand of the reference.
#[derive(Clone, Debug, Default)]
pub struct Fields<'a> {
    /// Read name, 1 to 254 bytes.
    pub name: &'a [u8],
    /// FLAG.
    pub flags: u16,
    /// Contig and 0-based position; `None` without an alignment.
    pub place: Option<(u32, u32)>,
    /// MAPQ.
    pub mapq: u8,
    /// CIGAR; empty without an alignment.
    pub cigar: &'a [Op],
    /// Contig and 0-based position of the mate.
    pub mate: Option<(u32, u32)>,
    /// TLEN.
    pub template_length: i32,
    /// Bases.
    pub bases: &'a [u8],
    /// Phred qualities, one a base; empty when not known.
    pub qualities: &'a [u8],
}

impl Fields<'_> {
    /// The record, without tags.
    ///
    /// # Panics
    /// When the name is empty or longer than 254 bytes, the CIGAR has more than 65,535 operations, or
    /// qualities and bases differ in number: the caller made these fields.
    #[must_use]
    pub fn to_record(&self) -> Record {
        assert!(
            (1..255).contains(&self.name.len()),
            "a read name has 1 to 254 bytes"
        );
        assert!(
            self.qualities.is_empty() || self.qualities.len() == self.bases.len(),
            "a quality a base"
        );
        let operations = u16::try_from(self.cigar.len()).expect("at most 65,535 CIGAR operations");
        let place = |place: Option<(u32, u32)>| {
            place.map_or((-1, -1), |(contig, pos)| (contig as i32, pos as i32))
        };
        let (ref_id, pos) = place(self.place);
        let (mate_ref_id, mate_pos) = place(self.mate);
        let bin = bin(pos, cigar::reference_length(self.cigar));
        let mut bytes = Vec::with_capacity(
            64 + self.name.len() + 4 * self.cigar.len() + 2 * self.bases.len() + 160,
        );
        bytes.extend_from_slice(&ref_id.to_le_bytes());
        bytes.extend_from_slice(&pos.to_le_bytes());
        bytes.extend_from_slice(&[self.name.len() as u8 + 1, self.mapq]);
        bytes.extend_from_slice(&bin.to_le_bytes());
        bytes.extend_from_slice(&operations.to_le_bytes());
        bytes.extend_from_slice(&self.flags.to_le_bytes());
        bytes.extend_from_slice(&(self.bases.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&mate_ref_id.to_le_bytes());
        bytes.extend_from_slice(&mate_pos.to_le_bytes());
        bytes.extend_from_slice(&self.template_length.to_le_bytes());
        bytes.extend_from_slice(self.name);
        bytes.push(0);
        for op in self.cigar {
            bytes.extend_from_slice(&op.to_bam().to_le_bytes());
        }
        for pair in self.bases.chunks(2) {
            let low = pair.get(1).map_or(0, |&base| PACKED[base as usize]);
            bytes.push(PACKED[pair[0] as usize] << 4 | low);
        }
        if self.qualities.is_empty() {
            bytes.resize(bytes.len() + self.bases.len(), 0xff);
        } else {
            bytes.extend_from_slice(self.qualities);
        }
        Record(bytes)
    }
}

/// BAM's 4-bit code of each ASCII base, U as T; what is no base becomes `N`.
const PACKED: [u8; 256] = {
    let mut table = [15u8; 256];
    let mut code = 0;
    while code < 16 {
        table[BASES[code] as usize] = code as u8;
        table[BASES[code].to_ascii_lowercase() as usize] = code as u8;
        code += 1;
    }
    // As htslib reads it.
    (table[b'U' as usize], table[b'u' as usize]) = (table[b'T' as usize], table[b'T' as usize]);
    table
};

/// The UCSC bin of an alignment (`reg2bin`, SAM 5.3); 4680 for a record without a place.
fn bin(pos: i32, length: u32) -> u16 {
    if pos < 0 {
        return 4680;
    }
    let begin = pos as u32;
    let last = begin + length.max(1) - 1;
    for (shift, offset) in [(14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)] {
        if begin >> shift == last >> shift {
            // Positions beyond 2^29 do not fit a BAI; the bin then has no meaning.
            return (offset + (begin >> shift)) as u16;
        }
    }
    0
}
