//! Builds an index.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use kumi_seq::base;
use kumi_seq::contig::Contig;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use zerocopy::IntoBytes;
use zerocopy::little_endian::{U32, U64};

use crate::layout::{
    ALIGNMENT, ALTERNATE, ContigRecord, FileHeader, MAGIC, PLACE_BITS, Run, SECTIONS, SectionEntry,
    VERSION,
};
use crate::minimizer::{HASH_BITS, K, W, minimizers};

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
    #[error("the reference has {bases} bases; an index holds up to 2^33")]
    TooLarge {
        /// Its bases.
        bases: u64,
    },
}

/// Writes the index of `contigs` to `output`, which appears only when it is complete. The bytes do not depend
/// on the number of threads of the rayon pool it runs in. Needs about 4 bytes of memory a base.
///
/// # Errors
/// See [`BuildError`].
pub fn build(contigs: &[(Contig, Vec<u8>)], name: &str, output: &Path) -> Result<(), BuildError> {
    let bases: u64 = contigs
        .iter()
        .map(|(contig, _)| u64::from(contig.length))
        .sum();
    if bases >= 1 << (PLACE_BITS - 1) {
        return Err(BuildError::TooLarge { bases });
    }
    let (buckets, seeds, bucket_bits) = seed_table(contigs);
    let sections = [
        name.as_bytes().to_vec(),
        contig_section(contigs),
        packed(contigs, bases),
        runs(contigs),
        little_endian(&buckets),
        little_endian(&seeds),
    ];
    let io = |source| BuildError::Io {
        path: output.to_owned(),
        source,
    };
    // The whole name is kept: two builds with outputs of their own never share it.
    let mut partial = output.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    write(&partial, bucket_bits, &sections).map_err(io)?;
    std::fs::rename(&partial, output).map_err(io)?;
    let folder = output
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io)
}

fn write(path: &Path, bucket_bits: u32, sections: &[Vec<u8>]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut entries = Vec::new();
    let mut offset = (size_of::<FileHeader>() as u64).next_multiple_of(ALIGNMENT);
    for bytes in sections {
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)?;
        entries.push(SectionEntry {
            offset: U64::new(offset),
            length: U64::new(bytes.len() as u64),
            crc32: U32::new(crc32fast::hash(bytes)),
            reserved: U32::new(0),
        });
        offset = (offset + bytes.len() as u64).next_multiple_of(ALIGNMENT);
    }
    let mut header = FileHeader {
        magic: MAGIC,
        version: U32::new(VERSION),
        k: U32::new(K as u32),
        w: U32::new(W as u32),
        bucket_bits: U32::new(bucket_bits),
        digest: Sha256::digest(entries.as_bytes()).into(),
        sections: entries
            .try_into()
            .unwrap_or_else(|_| unreachable!("a section for each of {}", SECTIONS.len())),
        crc32: U32::new(0),
        reserved: U32::new(0),
    };
    let bytes = header.as_bytes();
    header.crc32 = U32::new(crc32fast::hash(&bytes[..bytes.len() - 8]));
    file.seek(SeekFrom::Start(0))?;
    file.write_all(header.as_bytes())?;
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    // A last section without bytes (no contig is long enough for a seed) still begins inside the file.
    let end = header
        .sections
        .iter()
        .map(|entry| entry.offset.get() + entry.length.get());
    file.set_len(end.max().unwrap_or(0))?;
    file.sync_all()
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

fn little_endian(numbers: &[u64]) -> Vec<u8> {
    numbers
        .iter()
        .flat_map(|number| number.to_le_bytes())
        .collect()
}

/// Visits every seed of every contig: hash, position in the concatenation, strand.
fn each_seed(contigs: &[(Contig, Vec<u8>)], mut visit: impl FnMut(u64, u64, bool)) {
    let mut offset = 0u64;
    for (contig, bases) in contigs {
        minimizers(bases.iter().map(|&ascii| base::code(ascii)), |m| {
            visit(m.hash, offset + u64::from(m.position), m.reverse);
        });
        offset += u64::from(contig.length);
    }
}

/// Counts, then places: no copy of the seeds is sorted as a whole. Buckets go by the upper bits of the hash.
fn seed_table(contigs: &[(Contig, Vec<u8>)]) -> (Vec<u64>, Vec<u64>, u32) {
    let mut count = 0u64;
    each_seed(contigs, |_, _, _| count += 1);
    let bucket_bits = count.max(1).ilog2().clamp(8, 28);
    let rest_bits = HASH_BITS - bucket_bits;
    let mut buckets = vec![0u64; (1 << bucket_bits) + 1];
    each_seed(contigs, |hash, _, _| {
        buckets[(hash >> rest_bits) as usize + 1] += 1
    });
    for at in 1..buckets.len() {
        buckets[at] += buckets[at - 1];
    }
    let mut next = buckets.clone();
    let mut seeds = vec![0u64; count as usize];
    each_seed(contigs, |hash, position, reverse| {
        let slot = &mut next[(hash >> rest_bits) as usize];
        let rest = hash & ((1 << rest_bits) - 1);
        seeds[*slot as usize] = rest << PLACE_BITS | position << 1 | u64::from(reverse);
        *slot += 1;
    });
    let mut slices = Vec::with_capacity(buckets.len());
    let mut tail = seeds.as_mut_slice();
    for pair in buckets.windows(2) {
        let (head, after) = tail.split_at_mut((pair[1] - pair[0]) as usize);
        slices.push(head);
        tail = after;
    }
    slices
        .par_iter_mut()
        .with_min_len(4096)
        .for_each(|slice| slice.sort_unstable());
    (buckets, seeds, bucket_bits)
}
