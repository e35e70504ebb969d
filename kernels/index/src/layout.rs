//! The bytes of a `.kidx` file.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The first bytes of the file.
pub(crate) const MAGIC: [u8; 8] = *b"KUMIKIDX";
/// The version this code reads and writes.
pub(crate) const VERSION: u32 = 3;
/// Sections begin at multiples of this many bytes.
pub(crate) const ALIGNMENT: u64 = 64;

/// What a section holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// The name of the reference, UTF-8.
    Name = 0,
    /// Contig records, then their names.
    Contigs = 1,
    /// Four bases a byte, the first in the low bits.
    Bases = 2,
    /// Runs of bases that are not A, C, G or T.
    Ambiguity = 3,
    /// Where each bucket of seeds begins; the lower bits of a hash are its bucket.
    Buckets = 4,
    /// The seeds.
    Seeds = 5,
}

/// All sections in the order of the file.
pub(crate) const SECTIONS: [Section; 6] = [
    Section::Name,
    Section::Contigs,
    Section::Bases,
    Section::Ambiguity,
    Section::Buckets,
    Section::Seeds,
];

/// Where a section lies.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct SectionEntry {
    pub offset: U64,
    pub length: U64,
    pub crc32: U32,
    pub reserved: U32,
}

/// The beginning of the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct FileHeader {
    pub magic: [u8; 8],
    pub version: U32,
    pub k: U32,
    pub w: U32,
    pub bucket_bits: U32,
    /// SHA-256 over the section entries, in which the checksums of the sections stand.
    pub digest: [u8; 32],
    pub sections: [SectionEntry; SECTIONS.len()],
    /// CRC-32 of everything before.
    pub crc32: U32,
    pub reserved: U32,
}

/// A contig; its name stands behind all records.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ContigRecord {
    /// First base in the concatenation of all contigs.
    pub offset: U64,
    pub length: U32,
    pub name_length: U32,
    pub md5: [u8; 16],
    /// [`ALTERNATE`] or 0.
    pub flags: U32,
}

/// The flag of an alternate contig.
pub(crate) const ALTERNATE: u32 = 1;

/// A run of ambiguous bases in the concatenation of all contigs.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Run {
    pub start: U64,
    pub length: U64,
}

/// Bits of a seed that hold its position and strand; the upper bits of its hash stand above.
pub(crate) const PLACE_BITS: u32 = 34;
