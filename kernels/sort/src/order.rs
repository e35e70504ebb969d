//! The order in which records leave: coordinate, then whatever makes it total.

use std::cmp::Ordering;

use kumi_formats::bam::flag;

use crate::external::Order;

/// Bytes before the record in an item: the number of its template.
pub(crate) const TEMPLATE_BYTES: usize = 8;
/// Bytes of a record before its name (SAM 4.2).
const FIXED: usize = 32;

/// Contig, position, strand; then name, FLAG and every byte; at last, of records that are equal, the number of
/// the template: one of them may be a duplicate. Records without a place come last.
pub(crate) struct Coordinate;

impl Order for Coordinate {
    fn prefix(item: &[u8]) -> u64 {
        let record = &item[TEMPLATE_BYTES..];
        let number = |at: usize| u32::from_le_bytes(std::array::from_fn(|i| record[at + i]));
        // -1 becomes the largest number, and a position has 31 bits.
        let reverse = flags(record) & flag::REVERSE != 0;
        u64::from(number(0)) << 32 | u64::from(number(4) << 1) | u64::from(reverse)
    }

    fn compare(a: &[u8], b: &[u8]) -> Ordering {
        let place = Self::prefix(a).cmp(&Self::prefix(b));
        let template = |item: &[u8]| item.first_chunk().copied().map(u64::from_le_bytes);
        let templates = template(a).cmp(&template(b));
        let (a, b) = (&a[TEMPLATE_BYTES..], &b[TEMPLATE_BYTES..]);
        place
            .then_with(|| name(a).cmp(name(b)))
            .then_with(|| flags(a).cmp(&flags(b)))
            .then_with(|| a.cmp(b))
            .then(templates)
    }
}

fn flags(record: &[u8]) -> u16 {
    u16::from_le_bytes([record[14], record[15]])
}

fn name(record: &[u8]) -> &[u8] {
    &record[FIXED..FIXED + record[8] as usize]
}
