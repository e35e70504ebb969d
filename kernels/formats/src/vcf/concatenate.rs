//! Shards of one file put together again.

use std::io::{self, Write};
use std::path::PathBuf;

use kumi_seq::contig::Contigs;

use crate::vcf::error::VcfError;
use crate::vcf::reader::Reader;
use crate::vcf::record::Record;
use crate::vcf::writer::Writer;

/// Why shards cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum ConcatenateError {
    /// There are none.
    #[error("no shards to put together")]
    Nothing,
    /// A shard cannot be read.
    #[error("a shard is not usable")]
    Shard(#[from] VcfError),
    /// A shard has other samples or other header lines than the first.
    #[error("the header of {path} is not that of {first}; shards must come from one run")]
    Header {
        /// The shard.
        path: PathBuf,
        /// The first shard.
        first: PathBuf,
    },
    /// The result cannot be written.
    #[error("cannot write the whole")]
    Write(#[from] io::Error),
}

/// Puts shards, given in the order of the reference, into one BGZF file. Its bytes are those of the
/// records and header written at once; how they were cut into shards leaves no trace. Gives back the
/// writer, the bytes of the `.tbi` file, and the number of records.
///
/// # Errors
/// See [`ConcatenateError`]; a record that is not in order names its shard and line.
pub fn concatenate<W: Write>(
    shards: &[PathBuf],
    contigs: &Contigs,
    into: W,
) -> Result<(W, Vec<u8>, u64), ConcatenateError> {
    let first = shards.first().ok_or(ConcatenateError::Nothing)?;
    let header = Reader::open(first)?.header().clone();
    let mut writer = Writer::new(into, &header.to_text(), contigs)?;
    let mut last = None;
    let mut records = 0;
    for path in shards {
        let mut reader = Reader::open(path)?;
        if *reader.header() != header {
            return Err(ConcatenateError::Header {
                path: path.clone(),
                first: first.clone(),
            });
        }
        while let Some(view) = reader.read()? {
            let contig = std::str::from_utf8(view.contig()).ok();
            let (start, end) = (view.start(), view.end());
            match (contig.and_then(|name| contigs.id(name)), end) {
                (None, _) => return Err(reader.wrong(UNKNOWN.to_owned()).into()),
                (_, Err(what)) => return Err(reader.wrong(what).into()),
                (Some(contig), _) if Some((contig, start)) < last => {
                    return Err(reader.wrong(UNSORTED.to_owned()).into());
                }
                (Some(contig), Ok(end)) => {
                    let line = view.line().to_vec();
                    writer.write(&Record {
                        contig,
                        start,
                        end,
                        line,
                    })?;
                    last = Some((contig, start));
                }
            }
            records += 1;
        }
    }
    let (into, index) = writer.finish()?;
    Ok((into, index, records))
}

const UNKNOWN: &str =
    "the reference has no contig of that name; was the file made with another one?";
const UNSORTED: &str = "it stands before the record that precedes it; give shards in genome order";
