//! Builds an index.

use std::fs::File;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use kumi_seq::base;
use kumi_seq::contig::Contig;
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

use crate::layout::{ALTERNATE, ContigRecord, PLACE_BITS, Run, SECTIONS, SectionEntry};
use crate::section::{SectionWriter, first_offset, offset_after, seal};
use crate::seeds::{SeedTable, bucket_bits};

/// Share of the work that is done when the seeds are sorted.
const SORTED: f32 = 0.8;

/// Why an index cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The file cannot be written.
    #[error("cannot write {path}; is there room, and may you write there?")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The reference is too large for the positions of a seed.
    #[error("the reference has {bases} bases; an index holds up to 2^33, and 2^32 seeds")]
    TooLarge {
        /// Its bases.
        bases: u64,
    },
    /// `step` broke off.
    #[error("the building of the index was stopped")]
    Stopped,
}

/// Writes the index of `contigs` to `output`, which appears only when it is complete. The bytes do not depend
/// on the number of threads of the rayon pool it runs in. Needs about 3 bytes of memory a base beside the bases
/// themselves. `step` hears now and then, from any thread, which share of the work is done, and may break it off.
///
/// # Errors
/// See [`BuildError`].
pub fn build(
    contigs: &[(Contig, Vec<u8>)],
    name: &str,
    output: &Path,
    step: &(dyn Fn(f32) -> ControlFlow<()> + Sync),
) -> Result<(), BuildError> {
    let bases: u64 = contigs
        .iter()
        .map(|(contig, _)| u64::from(contig.length))
        .sum();
    let too_large = || BuildError::TooLarge { bases };
    if bases >= 1 << (PLACE_BITS - 1) {
        return Err(too_large());
    }
    let bits = bucket_bits(bases);
    let seeds = SeedTable::collect(contigs, bits, &|done| step(SORTED * done))
        .ok_or(BuildError::Stopped)?;
    if seeds.len() > u64::from(u32::MAX) {
        return Err(too_large());
    }
    let plain = [
        name.as_bytes().to_vec(),
        contig_section(contigs),
        packed(contigs, bases),
        runs(contigs),
    ];
    if step(SORTED).is_break() {
        return Err(BuildError::Stopped);
    }
    let io = |source| BuildError::Io {
        path: output.to_owned(),
        source,
    };
    // The whole name is kept: two builds with outputs of their own never share it.
    let mut partial = output.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    write(&partial, bits, plain, seeds).map_err(io)?;
    std::fs::rename(&partial, output).map_err(io)?;
    let folder = output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io)
}

/// Writes the plain sections, then the buckets and the seeds side by side, then the header.
fn write(path: &Path, bits: u32, plain: [Vec<u8>; 4], table: SeedTable) -> io::Result<()> {
    File::create(path)?;
    let mut entries: Vec<SectionEntry> = Vec::with_capacity(SECTIONS.len());
    let mut offset = first_offset();
    for bytes in plain {
        let mut section = SectionWriter::new(path, offset)?;
        section.write(&bytes)?;
        offset = offset_after(offset + bytes.len() as u64);
        entries.push(section.finish()?);
    }
    let mut buckets = SectionWriter::new(path, offset)?;
    let length = ((1u64 << bits) + 1) * size_of::<U32>() as u64;
    let mut seeds = SectionWriter::new(path, offset_after(offset + length))?;
    table.write(
        |start| buckets.write(&(start as u32).to_le_bytes()),
        |seed| seeds.write(&seed.to_le_bytes()),
    )?;
    entries.extend([buckets.finish()?, seeds.finish()?]);
    let entries = entries
        .try_into()
        .unwrap_or_else(|_| unreachable!("an entry for each of {}", SECTIONS.len()));
    seal(path, bits, entries)
}

fn contig_section(contigs: &[(Contig, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut offset = 0;
    for (contig, _) in contigs {
        let record = ContigRecord {
            offset: U64::new(offset),
            length: U32::new(contig.length),
            name_length: U32::new(contig.name.len() as u32),
            md5: contig.md5,
            flags: U32::new(if contig.alternate { ALTERNATE } else { 0 }),
        };
        bytes.extend_from_slice(record.as_bytes());
        offset += u64::from(contig.length);
    }
    contigs
        .iter()
        .for_each(|(contig, _)| bytes.extend_from_slice(contig.name.as_bytes()));
    bytes
}

/// All bases, two bits each; ambiguous ones as A.
fn packed(contigs: &[(Contig, Vec<u8>)], bases: u64) -> Vec<u8> {
    let mut bytes = vec![0u8; bases.div_ceil(4) as usize];
    let all = contigs.iter().flat_map(|(_, bases)| bases);
    for (at, &ascii) in all.enumerate() {
        bytes[at / 4] |= (base::code(ascii) & 3) << (2 * (at % 4));
    }
    bytes
}

fn runs(contigs: &[(Contig, Vec<u8>)]) -> Vec<u8> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for (at, &ascii) in (0u64..).zip(contigs.iter().flat_map(|(_, bases)| bases)) {
        if base::code(ascii) < base::N {
            continue;
        }
        match runs.last_mut() {
            Some((start, length)) if *start + *length == at => *length += 1,
            _ => runs.push((at, 1)),
        }
    }
    let runs: Vec<Run> = runs
        .into_iter()
        .map(|(start, length)| Run {
            start: U64::new(start),
            length: U64::new(length),
        })
        .collect();
    runs.as_bytes().to_vec()
}
