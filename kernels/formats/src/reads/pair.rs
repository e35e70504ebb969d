//! FASTQ files, single or in pairs.

use std::path::Path;

use crate::fastq::{Reader, Record};
use crate::reads::error::ReadsError;
use crate::reads::{Piece, Segment, Template};

pub(super) struct FastqPair {
    first: Reader,
    second: Option<Reader>,
    read_group: u16,
    /// How many templates may still be read; none: up to the end.
    left: Option<u64>,
    records: [Record; 2],
}

impl FastqPair {
    pub(super) fn open(
        first: &Path,
        second: Option<&Path>,
        read_group: u16,
    ) -> Result<Self, ReadsError> {
        Ok(Self {
            first: Reader::open(first)?,
            second: second.map(Reader::open).transpose()?,
            read_group,
            left: None,
            records: Default::default(),
        })
    }

    /// Opens a piece of the files.
    pub(super) fn open_piece(
        first: &Path,
        second: Option<&Path>,
        read_group: u16,
        piece: &Piece,
    ) -> Result<Self, ReadsError> {
        let open = |path: &Path, mate: usize| {
            let place = piece.places.get(mate).copied().unwrap_or_default();
            Reader::open_at(path, place, piece.first)
        };
        Ok(Self {
            first: open(first, 0)?,
            second: second.map(|path| open(path, 1)).transpose()?,
            read_group,
            left: piece.templates,
            records: Default::default(),
        })
    }

    pub(super) fn next(&mut self) -> Result<Option<Template>, ReadsError> {
        if let Some(left) = &mut self.left {
            let Some(fewer) = left.checked_sub(1) else {
                return Ok(None);
            };
            *left = fewer;
        }
        let [first, second] = &mut self.records;
        let some = self.first.read(first)?;
        let Some(reader) = &mut self.second else {
            return Ok(some.then(|| template(&[first], self.read_group)));
        };
        let mates = |reader: &Reader, what: String| ReadsError::Mates {
            first: self.first.path().to_owned(),
            second: reader.path().to_owned(),
            line: reader.line(),
            what,
        };
        match (some, reader.read(second)?) {
            (false, false) => Ok(None),
            (true, true) if first.name() == second.name() => {
                Ok(Some(template(&[first, second], self.read_group)))
            }
            (true, true) => {
                let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
                Err(mates(
                    reader,
                    format!(
                        "read {} faces mate {}",
                        text(first.name()),
                        text(second.name())
                    ),
                ))
            }
            (true, false) => Err(mates(reader, "fewer mates than reads".to_owned())),
            (false, true) => Err(mates(reader, "more mates than reads".to_owned())),
        }
    }
}

fn template(records: &[&mut Record], read_group: u16) -> Template {
    Template {
        name: records[0].name().to_vec(),
        read_group,
        umi: records[0].umi(),
        segments: records
            .iter()
            .map(|record| Segment {
                bases: record.bases.clone(),
                qualities: record.qualities.clone(),
                failed: false,
            })
            .collect(),
    }
}
