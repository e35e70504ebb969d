//! A record to be written.

use kumi_seq::contig::ContigId;

/// A line of a VCF, and the reference bases it speaks of: what an index needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The contig.
    pub contig: ContigId,
    /// First reference base, 0-based.
    pub start: u32,
    /// One past the last reference base: of `REF`, or `INFO/END` of a block.
    pub end: u32,
    /// The complete line, without its line feed.
    pub line: Vec<u8>,
}
