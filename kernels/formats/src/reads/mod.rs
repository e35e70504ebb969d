//! Where reads come from: FASTQ files and pairs, unaligned BAM, and aligned BAM or CRAM that is taken
//! apart again.
//!
//! Whatever the input, out come templates in a fixed order: one or two segments as the sequencer read
//! them, with a read group. Aligned input gives a template when its last segment was seen; what has no
//! mate, or one so far away that memory did not hold both, comes at the end, by name.

mod apart;
mod cut;
mod error;
mod halves;
mod marks;
mod pair;
mod probe;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::header::{Header, ReadGroup};
use crate::reference::ReferenceSource;
pub use cut::{Part, Piece, Place, cut};
pub use error::ReadsError;
pub use probe::{Probe, probe_alignment, probe_fastq};

use apart::Apart;
use pair::FastqPair;

/// A batch ends at so many bytes of bases and qualities: reads of a million bases do not fill memory.
const BATCH_BYTES_MAX: usize = 64 << 20;

/// One segment of a template, as the sequencer read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Bases, upper-case ASCII.
    pub bases: Vec<u8>,
    /// Phred qualities, one a base; 255 throughout when not known.
    pub qualities: Vec<u8>,
    /// It failed the checks of the platform (FLAG 0x200 of the input).
    pub failed: bool,
}

/// A template: a single read or a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Name, without `/1` or `/2`.
    pub name: Vec<u8>,
    /// Which of [`TemplateReader::read_groups`].
    pub read_group: u16,
    /// Unique molecular identifier (RX), when there is one.
    pub umi: Option<Vec<u8>>,
    /// One or two segments.
    pub segments: Vec<Segment>,
}

/// An input of a sample.
#[derive(Clone)]
pub enum Source {
    /// A FASTQ file, or a pair.
    Fastq {
        /// First segments.
        first: PathBuf,
        /// Second segments.
        second: Option<PathBuf>,
        /// The read group of all of them.
        read_group: ReadGroup,
    },
    /// A BAM or CRAM file; its own read groups are kept.
    Alignment {
        /// The file.
        path: PathBuf,
        /// The read group of reads that name none.
        read_group: ReadGroup,
        /// The reference, for CRAM.
        reference: Option<Arc<dyn ReferenceSource>>,
    },
}

impl Source {
    /// The file, the first one of a pair.
    fn path(&self) -> &Path {
        match self {
            Self::Fastq { first, .. } => first,
            Self::Alignment { path, .. } => path,
        }
    }
}

/// The read groups of a sample, each with an ID of its own.
#[derive(Default)]
struct Groups(Vec<ReadGroup>);

impl Groups {
    /// The index of a group, which becomes one of `sample`. Another group of the same ID keeps its own by a
    /// number behind it.
    fn add(&mut self, group: &ReadGroup, sample: &str) -> u16 {
        let mut group = ReadGroup {
            sample: sample.to_owned(),
            ..group.clone()
        };
        let at = self.0.iter().position(|other| *other == group);
        let at = at.unwrap_or_else(|| {
            let mut number = self.0.len();
            let base = group.id.clone();
            while self.0.iter().any(|other| other.id == group.id) {
                group.id = format!("{base}.{number}");
                number += 1;
            }
            self.0.push(group);
            self.0.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    /// The first group from `first` on that a header cannot hold: its ID, and why.
    fn unwritable(&self, first: usize) -> Option<(String, String)> {
        let mut groups = self.0.iter().skip(first);
        groups.find_map(|group| Some((group.id.clone(), Header::unwritable(group)?)))
    }
}

enum Open {
    Fastq(Box<FastqPair>),
    Alignment(Box<Apart>),
}

/// Reads the templates of all inputs of a sample, one input after the other.
pub struct TemplateReader {
    waiting: VecDeque<Open>,
    read_groups: Vec<ReadGroup>,
}

impl TemplateReader {
    /// Opens every input and gathers the read groups, whose sample becomes `sample`.
    ///
    /// # Errors
    /// The file that cannot be used and why.
    pub fn open(sources: Vec<Source>, sample: &str) -> Result<Self, ReadsError> {
        let mut waiting = VecDeque::new();
        let mut groups = Groups::default();
        for source in sources {
            let path = source.path().to_owned();
            let checked = groups.0.len();
            let mut add = |group: &ReadGroup| groups.add(group, sample);
            waiting.push_back(match source {
                Source::Fastq {
                    first,
                    second,
                    read_group,
                } => Open::Fastq(Box::new(FastqPair::open(
                    &first,
                    second.as_deref(),
                    add(&read_group),
                )?)),
                Source::Alignment {
                    path,
                    read_group,
                    reference,
                } => {
                    let mut apart = Apart::open(&path, reference)?;
                    apart.name_read_groups(&read_group, &mut add);
                    Open::Alignment(Box::new(apart))
                }
            });
            if let Some((id, what)) = groups.unwritable(checked) {
                return Err(ReadsError::ReadGroup { path, id, what });
            }
        }
        Ok(Self {
            waiting,
            read_groups: groups.0,
        })
    }

    /// Sets aside in `scratch` what does not fit into memory; else in the system's temporary directory.
    #[must_use]
    pub fn spill_to(mut self, scratch: &Path) -> Self {
        for input in &mut self.waiting {
            if let Open::Alignment(apart) = input {
                apart.spill_to(scratch);
            }
        }
        self
    }

    /// Opens one part of the inputs, as [`cut`] made it: only the files it enters. The read groups are those of
    /// all inputs, so that templates have the groups they have in the whole.
    ///
    /// # Errors
    /// The file that cannot be used and why; BAM and CRAM have no parts.
    pub fn open_part(sources: &[Source], sample: &str, part: &Part) -> Result<Self, ReadsError> {
        let mut groups = Groups::default();
        let mut waiting = VecDeque::new();
        for (number, source) in sources.iter().enumerate() {
            let (first, second, read_group) = cut::fastq(source)?;
            let checked = groups.0.len();
            let read_group = groups.add(read_group, sample);
            if let Some((id, what)) = groups.unwritable(checked) {
                let path = first.to_owned();
                return Err(ReadsError::ReadGroup { path, id, what });
            }
            for piece in part.pieces.iter().filter(|piece| piece.source == number) {
                let pair = FastqPair::open_piece(first, second, read_group, piece)?;
                waiting.push_back(Open::Fastq(Box::new(pair)));
            }
        }
        Ok(Self {
            waiting,
            read_groups: groups.0,
        })
    }

    /// The read groups of all inputs, in order; a template's `read_group` is an index into them.
    #[must_use]
    pub fn read_groups(&self) -> &[ReadGroup] {
        &self.read_groups
    }

    /// Appends up to `max` templates to `into`, fewer when they are long; false when nothing is left.
    ///
    /// # Errors
    /// The file and record that is wrong.
    pub fn next_batch(&mut self, into: &mut Vec<Template>, max: usize) -> Result<bool, ReadsError> {
        let end = into.len() + max;
        let mut bytes = 0;
        while into.len() < end && bytes < BATCH_BYTES_MAX {
            let Some(current) = self.waiting.front_mut() else {
                return Ok(into.len() + max > end);
            };
            let next = match current {
                Open::Fastq(pair) => pair.next()?,
                Open::Alignment(apart) => apart.next()?,
            };
            match next {
                Some(template) => {
                    let size = |segment: &Segment| segment.bases.len() + segment.qualities.len();
                    bytes += template.segments.iter().map(size).sum::<usize>();
                    into.push(template);
                }
                None => {
                    self.waiting.pop_front();
                }
            }
        }
        Ok(true)
    }
}
