//! Segments of a template that lie in one slice: what each says of its mate follows from the other.

use super::decode::Decoded;
use crate::bam::flag;

/// Fills in the mates of records that point to the next one of their template, as htslib does: TLEN spans
/// from the leftmost to the rightmost base, positive for the leftmost segment.
pub(super) fn resolve(records: &mut [Decoded]) {
    for first in 0..records.len() {
        if records[first].mate_at.is_none() || records[first].detached {
            continue;
        }
        let mut chain = vec![first];
        let mut last = first;
        while let Some(next) = records[last].mate_at.take() {
            chain.push(next);
            last = next;
        }
        resolve_chain(records, &chain);
    }
}

fn resolve_chain(records: &mut [Decoded], chain: &[usize]) {
    let members = || chain.iter().map(|&at| &records[at]);
    let left = members().map(|record| record.pos).min().unwrap_or(-1);
    let right = members().map(Decoded::end).max().unwrap_or(-1);
    let contig = records[chain[0]].contig;
    let one_contig = members().all(|record| record.contig == contig);
    let starting_left = members().filter(|record| record.pos == left).count();
    let name = members()
        .map(|record| &record.name)
        .find(|name| !name.is_empty())
        .cloned()
        .unwrap_or_default();
    for (link, &at) in chain.iter().enumerate() {
        let mate = &records[chain[(link + 1) % chain.len()]];
        let (mate_flags, mate_contig, mate_pos) = (mate.flags, mate.contig, mate.pos);
        let record = &mut records[at];
        (record.mate_contig, record.mate_pos) = (mate_contig, mate_pos);
        record.flags |= flag::PAIRED;
        if mate_flags & flag::UNMAPPED != 0 {
            record.flags |= flag::MATE_UNMAPPED;
        }
        if mate_flags & flag::REVERSE != 0 {
            record.flags |= flag::MATE_REVERSE;
        }
        let unmapped = (record.flags | mate_flags) & flag::UNMAPPED != 0;
        let is_left = record.pos == left && (starting_left == 1 || record.flags & flag::FIRST != 0);
        record.template_length = match (one_contig && !unmapped, is_left) {
            (false, _) => 0,
            (true, true) => right.saturating_sub(left),
            (true, false) => left.saturating_sub(right),
        };
        if record.name.is_empty() {
            record.name.clone_from(&name);
        }
    }
}
