//! Alleles in their one canonical form.

use kumi_formats::reference::ReferenceSource;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

/// How far an allele is moved to the left, in bases.
pub(crate) const SHIFT_MAX: u32 = 1_000;

/// A difference from the reference that cannot be split: trimmed and left-aligned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Part {
    /// First base of `reference`, 0-based.
    pub(crate) start: u32,
    /// The reference bases; never empty.
    pub(crate) reference: Vec<u8>,
    /// What stands there instead; never empty.
    pub(crate) alternative: Vec<u8>,
}

impl Part {
    /// One past the last reference base.
    pub(crate) fn end(&self) -> u32 {
        self.start + self.reference.len() as u32
    }

    /// True when `position` lies after the first base.
    pub(crate) fn spans(&self, position: u32) -> bool {
        self.start < position && position < self.end()
    }
}

/// Brings an allele into canonical form. Substitutions of several bases are one haplotype, so their parts
/// are in phase and become single ones; what changes the length stays whole.
pub(crate) fn normalise(
    source: &dyn ReferenceSource,
    contig: ContigId,
    start: u32,
    reference: &[u8],
    alternative: &[u8],
) -> Vec<Part> {
    if reference.len() == alternative.len() {
        let pairs = (start..).zip(reference.iter().zip(alternative));
        return pairs
            .filter(|(_, (from, to))| from != to)
            .map(|(start, (from, to))| Part {
                start,
                reference: vec![*from],
                alternative: vec![*to],
            })
            .collect();
    }
    let (mut reference, mut alternative) = (reference.to_vec(), alternative.to_vec());
    let mut left = Left::new(source, contig, start);
    loop {
        if reference.last() == alternative.last() {
            if (reference.len() == 1 || alternative.len() == 1) && !left.can_extend() {
                break;
            }
            reference.pop();
            alternative.pop();
        } else {
            break;
        }
        if reference.is_empty() || alternative.is_empty() {
            let base = left.extend();
            reference.insert(0, base);
            alternative.insert(0, base);
        }
    }
    let shared = reference.iter().zip(&alternative);
    let shared = shared.take_while(|(from, to)| from == to).count();
    let drop = shared.min(reference.len().min(alternative.len()) - 1);
    vec![Part {
        start: left.start + drop as u32,
        reference: reference.split_off(drop),
        alternative: alternative.split_off(drop),
    }]
}

/// Walks to the left along the reference.
struct Left<'a> {
    source: &'a dyn ReferenceSource,
    contig: ContigId,
    start: u32,
    limit: u32,
    bases: Vec<u8>,
}

impl<'a> Left<'a> {
    const CHUNK: u32 = 64;

    fn new(source: &'a dyn ReferenceSource, contig: ContigId, start: u32) -> Self {
        Self {
            source,
            contig,
            start,
            limit: start.saturating_sub(SHIFT_MAX),
            bases: Vec::new(),
        }
    }

    fn can_extend(&self) -> bool {
        self.start > self.limit
    }

    /// The base before `start`, which moves there.
    fn extend(&mut self) -> u8 {
        if self.bases.is_empty() {
            let from = self.start.saturating_sub(Self::CHUNK);
            let interval = Interval {
                contig: self.contig,
                start: from,
                end: self.start,
            };
            self.source.bases(interval, &mut self.bases);
        }
        self.start -= 1;
        self.bases.pop().unwrap_or(b'N')
    }
}

#[cfg(test)]
mod tests {
    use kumi_formats::reference::InMemory;
    use kumi_seq::contig::{Contig, ContigId};
    use proptest::prelude::*;

    use super::{Part, normalise};

    fn source(bases: &[u8]) -> InMemory {
        InMemory::new(vec![(Contig::describe("c", bases), bases.to_vec())]).expect("one contig")
    }

    fn parts(bases: &[u8], start: u32, reference: &str, alternative: &str) -> Vec<String> {
        let source = source(bases);
        normalise(
            &source,
            ContigId(0),
            start,
            reference.as_bytes(),
            alternative.as_bytes(),
        )
        .into_iter()
        .map(|p| {
            let text = |bases| String::from_utf8(bases).expect("ASCII");
            format!("{}{}>{}", p.start, text(p.reference), text(p.alternative))
        })
        .collect()
    }

    #[test]
    fn canonical_forms() {
        //            0123456789
        let bases = b"GGCACACATT";
        for (start, reference, alternative, expected) in [
            (3, "A", "T", vec!["3A>T"]),
            (3, "AC", "TG", vec!["3A>T", "4C>G"]),
            (3, "ACA", "TCG", vec!["3A>T", "5A>G"]),
            (3, "AC", "AC", vec![]),
            // A repeat unit deleted or inserted anywhere in the repeat is one allele.
            (5, "ACA", "A", vec!["1GCA>G"]),
            (7, "A", "ACA", vec!["1G>GCA"]),
            (6, "CAT", "T", vec!["1GCA>G"]),
            // Padding on both sides goes.
            (2, "CACACAT", "CACACTT", vec!["7A>T"]),
            (1, "GCACAC", "GTAC", vec!["2CAC>T"]),
            // A complex allele stays whole.
            (3, "ACA", "TT", vec!["3ACA>TT"]),
            // At the start of a contig there is no base to the left.
            (0, "GG", "G", vec!["0GG>G"]),
            (0, "GGC", "C", vec!["0GGC>C"]),
        ] {
            assert_eq!(
                parts(bases, start, reference, alternative),
                expected,
                "{start} {reference}>{alternative}"
            );
        }
    }

    /// The sequence with the parts put in.
    fn applied(bases: &[u8], parts: &[Part]) -> Vec<u8> {
        let mut bases = bases.to_vec();
        for part in parts.iter().rev() {
            let range = part.start as usize..part.end() as usize;
            assert_eq!(&bases[range.clone()], part.reference);
            bases.splice(range, part.alternative.iter().copied());
        }
        bases
    }

    proptest! {
        #[test]
        fn the_haplotype_stays_the_same(
            bases in "[AC]{20,60}",
            from in 0usize..19,
            deleted in 1usize..6,
            inserted in "[AC]{1,6}",
        ) {
            let bases = bases.as_bytes();
            let reference = &bases[from..(from + deleted).min(bases.len())];
            let source = source(bases);
            let parts =
                normalise(&source, ContigId(0), from as u32, reference, inserted.as_bytes());
            let whole = Part {
                start: from as u32,
                reference: reference.to_vec(),
                alternative: inserted.into_bytes(),
            };
            prop_assert_eq!(applied(bases, &parts), applied(bases, &[whole]));
            for part in &parts {
                let again = normalise(
                    &source,
                    ContigId(0),
                    part.start,
                    &part.reference,
                    &part.alternative,
                );
                prop_assert_eq!(again, vec![part.clone()]);
            }
        }
    }
}
