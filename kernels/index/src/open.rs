//! Opens an index: checks its header and that every section lies inside the file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use kumi_seq::contig::{Contig, Contigs};
use memmap2::Mmap;
use zerocopy::FromBytes;

use crate::layout::{ALTERNATE, ContigRecord, FileHeader, MAGIC, Run, SECTIONS, Section, VERSION};
use crate::map;
use crate::minimizer::{HASH_BITS, K, W};
use crate::view::View;

/// Why an index cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It cannot be read.
    #[error("cannot read the index {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not an index.
    #[error("{path} is not a reference index; make one with `kumi reference build`")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// It was made by another version.
    #[error(
        "{path} is an index of version {found}, this program reads version {VERSION}; build it again with `kumi reference build`"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
    /// Its bytes are not what they were.
    #[error("the index {path} is damaged ({what}); build it again with `kumi reference build`")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

/// A mapped index.
#[derive(Debug)]
pub struct Index {
    path: PathBuf,
    map: Mmap,
    header: FileHeader,
    name: String,
    contigs: Contigs,
    offsets: Vec<u64>,
}

impl Index {
    /// Maps an index. Takes milliseconds whatever its size: only the header and the contigs are read.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let io = |source| OpenError::Io {
            path: path.to_owned(),
            source,
        };
        let damaged = |what: &str| OpenError::Damaged {
            path: path.to_owned(),
            what: what.to_owned(),
        };
        let file = File::open(path).map_err(io)?;
        let map = map::read_only(&file).map_err(io)?;
        if !map.starts_with(&MAGIC) {
            return Err(OpenError::Foreign {
                path: path.to_owned(),
            });
        }
        let (header, _) = FileHeader::read_from_prefix(&map)
            .map_err(|_| damaged("it is shorter than its header"))?;
        if header.version.get() != VERSION {
            return Err(OpenError::Version {
                path: path.to_owned(),
                found: header.version.get(),
            });
        }
        if crc32fast::hash(&map[..size_of::<FileHeader>() - 8]) != header.crc32.get() {
            return Err(damaged("the checksum of its header is wrong"));
        }
        for entry in &header.sections {
            let end = entry.offset.get().checked_add(entry.length.get());
            if end.is_none_or(|end| end > map.len() as u64) {
                return Err(damaged("it is shorter than its sections"));
            }
        }
        let mut index = Self {
            path: path.to_owned(),
            map,
            header,
            name: String::new(),
            contigs: Contigs::default(),
            offsets: Vec::new(),
        };
        index.name = String::from_utf8_lossy(index.section(Section::Name)).into_owned();
        let (contigs, offsets) = index
            .read_contigs()
            .ok_or_else(|| damaged("its contigs do not fit"))?;
        (index.contigs, index.offsets) = (contigs, offsets);
        index
            .check_sizes()
            .ok_or_else(|| damaged("its sections do not fit each other"))?;
        Ok(index)
    }

    fn read_contigs(&self) -> Option<(Contigs, Vec<u64>)> {
        let bytes = self.section(Section::Contigs);
        let (mut contigs, mut offsets, mut expected) = (Vec::new(), Vec::new(), 0u64);
        let mut records = Vec::new();
        // The names fill what the records leave; the number of records is where both meet.
        let mut names = 0u64;
        let mut at = 0usize;
        while (at as u64) + names < bytes.len() as u64 {
            let (record, _) = ContigRecord::read_from_prefix(bytes.get(at..)?).ok()?;
            names += u64::from(record.name_length.get());
            at += size_of::<ContigRecord>();
            records.push(record);
        }
        if at as u64 + names != bytes.len() as u64 {
            return None;
        }
        for record in records {
            let name = bytes.get(at..at + record.name_length.get() as usize)?;
            at += name.len();
            if record.offset.get() != expected {
                return None;
            }
            expected += u64::from(record.length.get());
            offsets.push(record.offset.get());
            let name = String::from_utf8(name.to_vec()).ok()?;
            contigs.push(Contig {
                name,
                length: record.length.get(),
                md5: record.md5,
                alternate: record.flags.get() & ALTERNATE != 0,
            });
        }
        Some((Contigs::new(contigs).ok()?, offsets))
    }

    fn check_sizes(&self) -> Option<()> {
        let bases = self.contigs.total_length();
        let bits = self.header.bucket_bits.get();
        let right = self.header.k.get() == K as u32
            && self.header.w.get() == W as u32
            && (8..=28).contains(&bits)
            && bits < HASH_BITS
            && self.section(Section::Bases).len() as u64 == bases.div_ceil(4)
            && self
                .section(Section::Ambiguity)
                .len()
                .is_multiple_of(size_of::<Run>())
            && self.section(Section::Buckets).len() == ((1usize << bits) + 1) * 4
            && self.section(Section::Seeds).len().is_multiple_of(8);
        right.then_some(())
    }

    fn section(&self, section: Section) -> &[u8] {
        let entry = &self.header.sections[section as usize];
        let start = entry.offset.get() as usize;
        &self.map[start..start + entry.length.get() as usize]
    }

    /// Reads every byte and compares the checksum of every section.
    ///
    /// # Errors
    /// `Damaged` with the section that is.
    pub fn verify(&self) -> Result<(), OpenError> {
        self.verify_sections(&SECTIONS)
    }

    /// As [`Index::verify`], without the seeds: what nobody looks up need not be read.
    ///
    /// # Errors
    /// `Damaged` with the section that is.
    pub fn verify_bases(&self) -> Result<(), OpenError> {
        use Section::{Ambiguity, Bases, Contigs, Name};
        self.verify_sections(&[Name, Contigs, Bases, Ambiguity])
    }

    fn verify_sections(&self, sections: &[Section]) -> Result<(), OpenError> {
        for &section in sections {
            if crc32fast::hash(self.section(section))
                != self.header.sections[section as usize].crc32.get()
            {
                let what = format!("the checksum of its section {section:?} is wrong");
                return Err(OpenError::Damaged {
                    path: self.path.clone(),
                    what,
                });
            }
        }
        Ok(())
    }

    /// The digest over all sections: 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn digest(&self) -> String {
        self.header
            .digest
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    /// The name of the reference: that of its FASTA file.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The contigs.
    #[must_use]
    pub fn contigs(&self) -> &Contigs {
        &self.contigs
    }

    /// Size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.map.len() as u64
    }

    /// The index to look things up in.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View {
            contigs: &self.contigs,
            offsets: &self.offsets,
            bases: self.section(Section::Bases),
            runs: <[Run]>::ref_from_bytes(self.section(Section::Ambiguity)).unwrap_or(&[]),
            buckets: zerocopy::FromBytes::ref_from_bytes(self.section(Section::Buckets))
                .unwrap_or(&[]),
            seeds: zerocopy::FromBytes::ref_from_bytes(self.section(Section::Seeds)).unwrap_or(&[]),
            bucket_bits: self.header.bucket_bits.get(),
        }
    }
}
