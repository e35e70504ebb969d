//! BAM and CRAM taken apart into the templates they were made from.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kumi_seq::base::reverse_complement_in_place;
use kumi_seq::cigar::Kind;

use crate::alignments::{AlignmentFile, AlignmentsError};
use crate::bam::{Record, Value, View, flag};
use crate::header::ReadGroup;
use crate::reads::error::ReadsError;
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
    /// Templates of which one segment was seen.
    halves: BTreeMap<Vec<u8>, (bool, Template)>,
    left: Option<VecDeque<Template>>,
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
            halves: BTreeMap::new(),
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

    pub(super) fn next(&mut self) -> Result<Option<Template>, ReadsError> {
        while self.left.is_none() {
            let next = self
                .file
                .read()
                .map_err(|error| from_alignments(&self.path, self.records, error))?;
            match next {
                Some(record) => {
                    self.records += 1;
                    if let Some(template) = self.take(&record)? {
                        return Ok(Some(template));
                    }
                }
                None if self.records == 0 => {
                    return Err(ReadsError::Empty {
                        path: self.path.clone(),
                    });
                }
                None => {
                    self.left = Some(
                        std::mem::take(&mut self.halves)
                            .into_values()
                            .map(|half| half.1)
                            .collect(),
                    )
                }
            }
        }
        Ok(self.left.as_mut().and_then(VecDeque::pop_front))
    }

    /// Takes one record; gives the template it completes.
    fn take(&mut self, record: &Record) -> Result<Option<Template>, ReadsError> {
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
        let segment = self.segment(&view)?;
        let read_group = match view.tag(*b"RG") {
            Some(Value::String(id)) => self.groups.get(id).copied().unwrap_or(self.other),
            _ => self.other,
        };
        let umi = view
            .tag(*b"RX")
            .and_then(Value::as_string)
            .map(<[u8]>::to_vec);
        let template = Template {
            name: view.name().to_vec(),
            read_group,
            umi,
            segments: vec![segment],
        };
        if view.flags() & flag::PAIRED == 0 {
            return Ok(Some(template));
        }
        let is_first = view.flags() & flag::LAST == 0;
        match self.halves.remove(view.name()) {
            None => {
                self.halves
                    .insert(template.name.clone(), (is_first, template));
                Ok(None)
            }
            Some((other_is_first, _)) if other_is_first == is_first => Err(self.wrong(format!(
                "read {} occurs twice as the same segment; the file holds duplicate names",
                String::from_utf8_lossy(view.name())
            ))),
            Some((true, mut half)) => {
                half.segments.extend(template.segments);
                Ok(Some(half))
            }
            Some((false, half)) => {
                let mut whole = template;
                whole.segments.extend(half.segments);
                Ok(Some(whole))
            }
        }
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
        Ok(Segment { bases, qualities })
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
