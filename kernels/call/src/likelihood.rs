//! How well each haplotype explains each fragment.

use kumi_seq::cigar::Kind;
use kumi_simd::level::Level;
use kumi_simd::pairhmm;

use crate::haplotype::Haplotype;
use crate::learned::Learned;
use crate::read::{Mate, Read};
use crate::region::Region;
use crate::repeats::{self, GapTable};

/// The most one fragment may prefer a haplotype by, log10: the chance that it is from elsewhere altogether (GATK's
/// global read mismapping rate, phred 45).
const MISMAPPING: f64 = 4.5;
/// Half of the quality that two mates which agree on a base have together: the error rate of amplification, phred
/// 40, is common to both (GATK's overlapping-fragment quality).
const SHARED_QUALITY: u8 = 20;
/// A fragment is no evidence when its best haplotype leaves more errors than this many of quality 40 ...
const MAX_ERRORS: f64 = 2.0;
/// ... or this many a base (GATK's `filterPoorlyModeledEvidence`).
const MAX_ERRORS_PER_BASE: f64 = 0.02;
/// Shorter pieces of reads tell nothing.
const MIN_BASES: usize = 10;

/// One fragment: a read or two.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fragment {
    /// Bases its reads cover, clips included, 0-based, half-open.
    pub spans: Vec<(i64, i64)>,
    /// Strand of its first read.
    pub reverse: bool,
    /// log10 likelihood of each haplotype.
    pub likelihoods: Vec<f64>,
}

impl Fragment {
    /// Bases between a position and the nearer end of a read, in the read in which they are more.
    pub(crate) fn distance_to_end(&self, position: i64) -> i64 {
        let distances = self.spans.iter();
        let distances = distances.map(|&(from, to)| (position - from).min(to - 1 - position));
        distances.max().unwrap_or(0).max(0)
    }

    /// True when one of its reads covers `start..end` whole.
    pub(crate) fn covers(&self, start: i64, end: i64) -> bool {
        self.spans
            .iter()
            .any(|&(from, to)| from <= start && end <= to)
    }
}

/// Buffers that stay from region to region.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    hmm: pairhmm::Scratch,
    out: Vec<f64>,
}

struct Piece {
    read: Read,
    quals: Vec<u8>,
    gap_open: Vec<u8>,
}

/// Fragments of `reads` over `window`, sorted by name, that some haplotype explains. Also gives the number of
/// cells that were computed.
pub(crate) fn fragments(
    reads: &[&Read],
    region: &Region,
    window: (i64, i64),
    haplotypes: &[Haplotype],
    learned: &Learned,
    scratch: &mut Scratch,
) -> (Vec<Fragment>, u64) {
    let pieces: Vec<Piece> = reads
        .iter()
        .filter_map(|read| piece(read, region, window, &learned.gaps))
        .collect();
    let views: Vec<pairhmm::Read<'_>> = pieces
        .iter()
        .map(|piece| pairhmm::Read {
            bases: &piece.read.bases,
            quals: &piece.quals,
            gap_open: &piece.gap_open,
            gap_extend: repeats::GAP_EXTEND,
        })
        .collect();
    let sequences: Vec<&[u8]> = haplotypes.iter().map(|h| h.bases.as_slice()).collect();
    let Scratch { hmm, out } = scratch;
    pairhmm::log10_likelihoods(Level::detect(), &views, &sequences, hmm, out);
    let bases: usize = pieces.iter().map(|piece| piece.read.bases.len()).sum();
    let cells = bases * sequences.iter().map(|s| s.len()).sum::<usize>();

    let contamination = learned
        .contamination
        .map_or(f64::INFINITY, |share| -share.log10());
    let doubt = MISMAPPING.min(contamination);
    let mut order: Vec<usize> = (0..pieces.len()).collect();
    order.sort_by_key(|&n| (pieces[n].read.name, n));
    let fragments = order
        .chunk_by(|&a, &b| pieces[a].read.name == pieces[b].read.name)
        .filter_map(|mates| join(mates, &pieces, out, (haplotypes.len(), doubt)))
        .collect();
    (fragments, cells as u64)
}

/// The part of a read over the window, if it reaches the region.
fn piece(read: &Read, region: &Region, window: (i64, i64), gaps: &GapTable) -> Option<Piece> {
    let (low, high) = span(read);
    if high < region.start || low > region.end || read.ops.iter().any(|op| op.kind == Kind::Skip) {
        return None;
    }
    let (from, to) = (read.index_of(window.0), read.index_of(window.1));
    if to < from + MIN_BASES {
        return None;
    }
    let mut read = read.clone();
    if !read.keep(from, to) {
        return None;
    }
    let gap_open = repeats::find(&read.bases, gaps)
        .iter()
        .map(|r| r.gap_open)
        .collect();
    let quals = read
        .quals
        .iter()
        .zip(&read.mate)
        .map(|(&qual, mate)| match mate {
            Mate::Silent => qual,
            Mate::Agrees | Mate::Counts => qual.min(SHARED_QUALITY),
            Mate::Contradicts => 0,
        })
        .collect();
    Some(Piece {
        read,
        quals,
        gap_open,
    })
}

/// The bases a read covers if its clips align too.
pub(crate) fn span(read: &Read) -> (i64, i64) {
    let clip = |op: Option<&kumi_seq::cigar::Op>| {
        op.filter(|op| op.kind == Kind::SoftClip)
            .map_or(0, |op| i64::from(op.len))
    };
    (
        read.start - clip(read.ops.first()),
        read.end + clip(read.ops.last()),
    )
}

fn join(
    mates: &[usize],
    pieces: &[Piece],
    out: &[f64],
    (width, doubt): (usize, f64),
) -> Option<Fragment> {
    let mut likelihoods = vec![0.0; width];
    let mut spans = Vec::with_capacity(mates.len());
    let mut mapq = 0;
    for &number in mates {
        let row = &out[number * width..(number + 1) * width];
        let read = &pieces[number].read;
        let best = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let errors = (MAX_ERRORS_PER_BASE * read.bases.len() as f64)
            .ceil()
            .min(MAX_ERRORS);
        if best < -4.0 * errors {
            continue;
        }
        for (sum, likelihood) in likelihoods.iter_mut().zip(row) {
            *sum += likelihood;
        }
        spans.push(span(read));
        mapq = mapq.max(read.mapq);
    }
    let first = spans.first()?;
    let reverse = mates
        .iter()
        .find(|&&number| span(&pieces[number].read) == *first)
        .is_some_and(|&number| pieces[number].read.reverse);
    let best = likelihoods
        .iter()
        .copied()
        .fold(f64::NEG_INFINITY, f64::max);
    let floor = best - doubt.min(f64::from(mapq) / 10.0);
    for likelihood in &mut likelihoods {
        *likelihood = likelihood.max(floor);
    }
    Some(Fragment {
        spans,
        reverse,
        likelihoods,
    })
}
