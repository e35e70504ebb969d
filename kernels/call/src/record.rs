//! What the caller gives out.

use kumi_seq::contig::ContigId;

/// One gVCF record: a variant or a reference block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The contig.
    pub contig: ContigId,
    /// First reference base, 0-based.
    pub start: u32,
    /// One past the last reference base (of `REF`, or `INFO/END`).
    pub end: u32,
    /// The VCF line, without a newline.
    pub line: Vec<u8>,
}
