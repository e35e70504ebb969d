//! BAM records as bytes: the one form in which reads cross the data plane.
//!
//! A record is the body that BAM stores (SAM 4.2, without `block_size`). Sorting, duplicate marking and
//! quality metrics read fields out of it in place; nothing is parsed into objects.

mod file;
mod record;
mod tag;
#[cfg(test)]
mod tests;
mod view;

pub use file::{Reader, Writer, index};
pub use record::{Fields, Record};
pub use tag::{Tags, Value, push_integer, push_string};
pub use view::{InvalidRecord, View};

/// FLAG bits (SAM 1.4).
pub mod flag {
    /// Of a template with several segments.
    pub const PAIRED: u16 = 0x1;
    /// Aligned as the library expects.
    pub const PROPER: u16 = 0x2;
    /// Not aligned.
    pub const UNMAPPED: u16 = 0x4;
    /// Mate not aligned.
    pub const MATE_UNMAPPED: u16 = 0x8;
    /// On the reverse strand.
    pub const REVERSE: u16 = 0x10;
    /// Mate on the reverse strand.
    pub const MATE_REVERSE: u16 = 0x20;
    /// First segment.
    pub const FIRST: u16 = 0x40;
    /// Last segment.
    pub const LAST: u16 = 0x80;
    /// Another place of the same read.
    pub const SECONDARY: u16 = 0x100;
    /// Failed the platform's checks.
    pub const QC_FAIL: u16 = 0x200;
    /// PCR or optical duplicate.
    pub const DUPLICATE: u16 = 0x400;
    /// Another part of a split read.
    pub const SUPPLEMENTARY: u16 = 0x800;
}
