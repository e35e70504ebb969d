//! Alleles unified across samples.

use kumi_seq::interval::Interval;

use crate::allele::Part;
use crate::evidence::{Call, Local};
use crate::track::Track;

/// A base at which alternative alleles start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) start: u32,
    /// The reference bases of the longest allele.
    pub(crate) reference: Vec<u8>,
    /// The alternative alleles: all start here, sorted.
    pub(crate) alternatives: Vec<Part>,
    /// Whether `*` is the last allele.
    pub(crate) spanning: bool,
}

impl Site {
    /// Number of alleles, REF and `*` included.
    pub(crate) fn alleles(&self) -> usize {
        1 + self.alternatives.len() + usize::from(self.spanning)
    }

    /// One past the last reference base.
    pub(crate) fn end(&self) -> u32 {
        self.start + self.reference.len() as u32
    }

    /// The text of an alternative allele, from 1.
    pub(crate) fn text(&self, allele: usize) -> Vec<u8> {
        match self.alternatives.get(allele - 1) {
            Some(part) => {
                let mut text = part.alternative.clone();
                text.extend_from_slice(&self.reference[part.reference.len()..]);
                text
            }
            None => b"*".to_vec(),
        }
    }

    /// The same site with fewer alleles; `None` when no sequence is left. `keep` has an entry for every
    /// allele, REF included.
    pub(crate) fn reduced(&self, keep: &[bool]) -> Option<Self> {
        let mut site = Self::of(
            self.alternatives
                .iter()
                .zip(&keep[1..])
                .filter(|(_, keep)| **keep)
                .map(|(part, _)| part.clone())
                .collect(),
        )?;
        site.spanning = self.spanning && keep.last() == Some(&true);
        Some(site)
    }

    /// The site of alleles that start at one base, sorted and without doubles.
    fn of(alternatives: Vec<Part>) -> Option<Self> {
        let longest = alternatives
            .iter()
            .max_by_key(|part| part.reference.len())?;
        Some(Self {
            start: longest.start,
            reference: longest.reference.clone(),
            alternatives,
            spanning: false,
        })
    }
}

/// True when a call is sure enough of one of its alleles for the cohort: it passed its filters, and both its
/// likelihoods and its calibrated quality favour the allele by `quality`.
pub(crate) fn enters(call: &Call, allele: usize, quality: u32) -> bool {
    call.passes
        && call
            .calibrated
            .is_none_or(|calibrated| calibrated >= quality)
        && call.quality_of(|other| other == allele) >= quality
}

/// The alleles of a sample that enter the cohort.
pub(crate) fn entered(call: &Call, quality: u32) -> impl Iterator<Item = &Part> {
    let locals = call.alleles.iter().enumerate();
    locals
        .filter_map(|(at, local)| match local {
            Local::Parts(parts) if !parts.is_empty() => Some((at, parts)),
            Local::Parts(_) | Local::Any | Local::Spanning => None,
        })
        .filter(move |(at, _)| enters(call, *at, quality))
        .flat_map(|(_, parts)| parts)
}

/// The alleles of one sample that start in `window` and enter the cohort.
pub(crate) fn nominate(track: &Track, window: Interval, quality: u32) -> Vec<&Part> {
    track
        .calls_in(window.start, window.end)
        .flat_map(|call| entered(call, quality))
        .filter(|part| window.contains(window.contig, part.start))
        .collect()
}

/// The sites of the nominated alleles of all samples, in order, `*` not yet looked for.
pub(crate) fn unify(mut nominated: Vec<&Part>) -> Vec<Site> {
    // Most samples of a segment share theirs.
    nominated.sort_unstable_by_key(|part| std::ptr::from_ref(*part));
    nominated.dedup_by(|a, b| std::ptr::eq(*a, *b));
    nominated.sort_unstable_by(|a, b| {
        let key = |part: &Part| (part.start, part.reference.len());
        key(a).cmp(&key(b)).then_with(|| a.cmp(b))
    });
    nominated.dedup();
    nominated
        .chunk_by(|a, b| a.start == b.start)
        .filter_map(|alleles| Site::of(alleles.iter().map(|part| (*part).clone()).collect()))
        .collect()
}

/// True when a call shows well enough for the cohort that its sample carries an allele that starts before
/// `position` and spans it.
pub(crate) fn is_spanned_by(call: &Call, position: u32, quality: u32) -> bool {
    let spans = |local: &Local| match local {
        Local::Parts(parts) => parts.iter().any(|part| part.spans(position)),
        Local::Spanning => call.position == position,
        Local::Any => false,
    };
    let locals = call.alleles.iter().enumerate();
    locals
        .filter(|(_, local)| spans(local))
        .any(|(at, _)| enters(call, at, quality))
}
