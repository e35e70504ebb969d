//! BAM and CRAM taken apart into the templates they were made from.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kumi_seq::base::reverse_complement_in_place;
use kumi_seq::cigar::Kind;

use crate::alignments::{AlignmentFile, AlignmentsError};
use crate::bam::{Record, Value, View, flag};
use crate::header::ReadGroup;
use crate::reads::error::ReadsError;
use crate::reads::halves::{Halves, Left, Met};
use crate::reads::{Segment, Template};
use crate::reference::ReferenceSource;

/// The highest quality that SAM can write.
const QUALITY_MAX: u8 = 93;

pub(super) struct Apart {
    path: PathBuf,
    file: AlignmentFile<'static>,
    /// Index of each read group by its id in the file.
    groups: BTreeMap<Vec<u8>, u16>,
    /// The read group of reads that name none.
    other: u16,
    /// Reads whose mate was not seen yet.
    halves: Halves,
    /// What is left of them at the end of the file.
    left: Option<Left>,
    records: u64,
}

impl Apart {
    pub(super) fn open(
        path: &Path,
        reference: Option<Arc<dyn ReferenceSource>>,
    ) -> Result<Self, ReadsError> {
        let file = AlignmentFile::open_shared(path, reference)
            .map_err(|error| from_alignments(path, 0, error))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            groups: BTreeMap::new(),
            other: 0,
            halves: Halves::new(),
            left: None,
            records: 0,
        })
    }

    /// Gives every read group of the file its index; without any, `other` serves.
    pub(super) fn name_read_groups(
        &mut self,
        other: &ReadGroup,
        add: &mut impl FnMut(&ReadGroup) -> u16,
    ) {
        for group in self.file.header().read_groups() {
            let id = group.id.clone().into_bytes();
            self.groups.insert(id, add(&group));
        }
        self.other = match self.groups.values().next() {
            Some(&first) if self.groups.len() == 1 => first,
            _ => add(other),
        };
    }

    /// Where reads wait for their mate that do not fit into memory.
    pub(super) fn spill_to(&mut self, scratch: &Path) {
        self.halves.scratch = scratch.to_owned();
    }

    pub(super) fn next(&mut self) -> Result<Option<Template>, ReadsError> {
        while self.left.is_none() {
            let next = self
                .file
                .read()
                .map_err(|error| from_alignments(&self.path, self.records, error))?;
            match next {
                Some(record) => {
                    self.records += 1;
                    if let Some(template) = self.take(record)? {
                        return Ok(Some(template));
                    }
                }
                None if self.records == 0 => {
                    return Err(ReadsError::Empty {
                        path: self.path.clone(),
                    });
                }
                None => {
                    let left = self.halves.finish();
                    self.left = Some(left.map_err(|source| self.scratch(source))?);
                }
            }
        }
        let next = self.left.as_mut().map_or(Ok(None), Left::next);
        match next.map_err(|source| self.scratch(source))? {
            Some((record, met)) => {
                let template = self.template(&record)?;
                self.join(&record, template, met).map(Some)
            }
            None => Ok(None),
        }
    }

    /// Takes one record; gives the template it completes.
    fn take(&mut self, record: Record) -> Result<Option<Template>, ReadsError> {
        let view = record.view();
        if view.flags() & (flag::SECONDARY | flag::SUPPLEMENTARY) != 0 {
            return Ok(None);
        }
        if !view.name().iter().all(u8::is_ascii_graphic) {
            return Err(self.wrong(format!(
                "the read name `{}` holds what is not printable; the file is damaged, fetch it again",
                view.name().escape_ascii()
            )));
        }
        let template = self.template(&record)?;
        if view.flags() & flag::PAIRED == 0 {
            return Ok(Some(template));
        }
        let met = self.halves.meet(&record);
        match met.map_err(|source| self.scratch(source))? {
            Met::Nobody => Ok(None),
            met => self.join(&record, template, met).map(Some),
        }
    }

    /// A read, its template so far, and whom it met.
    fn join(&self, record: &Record, template: Template, met: Met) -> Result<Template, ReadsError> {
        let mate = match met {
            Met::Nobody => return Ok(template),
            Met::Mate(mate) => self.template(&mate)?,
            Met::Itself => {
                return Err(self.wrong(format!(
                    "read {} occurs twice as the same segment; the file holds duplicate names",
                    String::from_utf8_lossy(record.view().name())
                )));
            }
        };
        let (mut whole, last) = if record.view().flags() & flag::LAST == 0 {
            (template, mate)
        } else {
            (mate, template)
        };
        whole.segments.extend(last.segments);
        Ok(whole)
    }

    fn template(&self, record: &Record) -> Result<Template, ReadsError> {
        let view = record.view();
        let segment = self.segment(&view)?;
        let read_group = match view.tag(*b"RG") {
            Some(Value::String(id)) => self.groups.get(id).copied().unwrap_or(self.other),
            _ => self.other,
        };
        let umi = view
            .tag(*b"RX")
            .and_then(Value::as_string)
            .map(<[u8]>::to_vec);
        Ok(Template {
            name: view.name().to_vec(),
            read_group,
            umi,
            segments: vec![segment],
        })
    }

    /// The bases as the sequencer read them.
    fn segment(&self, view: &View<'_>) -> Result<Segment, ReadsError> {
        if view.cigar().any(|op| op.kind == Kind::HardClip) {
            return Err(self.wrong(format!(
                "read {} was hard-clipped, its bases are lost; start from FASTQ or from a file without hard clips",
                String::from_utf8_lossy(view.name())
            )));
        }
        let mut bases: Vec<u8> = view.bases().collect();
        let mut qualities = view.qualities().to_vec();
        let unknown = qualities.iter().all(|&quality| quality == 255);
        if !unknown && qualities.iter().any(|&quality| quality > QUALITY_MAX) {
            return Err(self.wrong(format!(
                "read {} has a quality above {QUALITY_MAX}; the file is damaged, fetch it again",
                String::from_utf8_lossy(view.name())
            )));
        }
        if bases.contains(&b'=') {
            return Err(self.wrong(format!(
                "read {} has `=` for bases that are those of a reference; start from a file with its bases",
                String::from_utf8_lossy(view.name())
            )));
        }
        if view.flags() & flag::REVERSE != 0 {
            reverse_complement_in_place(&mut bases);
            qualities.reverse();
        }
        Ok(Segment {
            bases,
            qualities,
            failed: view.flags() & flag::QC_FAIL != 0,
        })
    }

    fn scratch(&self, source: std::io::Error) -> ReadsError {
        ReadsError::Scratch {
            directory: self.halves.scratch.clone(),
            source,
        }
    }

    fn wrong(&self, what: String) -> ReadsError {
        ReadsError::Alignment {
            path: self.path.clone(),
            record: self.records,
            what,
        }
    }
}

pub(super) fn from_alignments(path: &Path, records: u64, error: AlignmentsError) -> ReadsError {
    let path = path.to_owned();
    match error {
        AlignmentsError::Truncated { marker, .. } => ReadsError::Unfinished { path, marker },
        AlignmentsError::Kind { .. } => ReadsError::Format {
            path,
            what: "is neither BAM nor CRAM; name FASTQ files in the columns fastq_1 and fastq_2",
        },
        AlignmentsError::Reference { what, .. } => ReadsError::Reference { path, what },
        AlignmentsError::Io { source, .. }
            if source.kind() == std::io::ErrorKind::UnexpectedEof =>
        {
            ReadsError::Truncated {
                path,
                record: records,
            }
        }
        AlignmentsError::Io { source, .. } if source.kind() == std::io::ErrorKind::InvalidData => {
            ReadsError::Alignment {
                path,
                record: records + 1,
                what: format!("{source}; the file is damaged, fetch it again"),
            }
        }
        AlignmentsError::Io { source, .. } => ReadsError::Io { path, source },
        other => ReadsError::Alignment {
            path,
            record: records,
            what: other.to_string(),
        },
    }
}
