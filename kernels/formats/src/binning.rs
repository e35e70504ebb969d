//! Binning indexes (`.bai`, `.tbi`, `.csi`) from anywhere: walked through before they are parsed, because the
//! parser makes room for as much as they claim and trusts their bin numbers.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use noodles::{bam, bgzf, csi, tabix};

use crate::open;

/// The largest index of a human genome has a few megabytes; what unpacks to more than this is damaged.
const INDEX_BYTES_MAX: u64 = 1 << 30;
/// Bins of an index of fixed depth (SAM 5.2).
const BINS: u32 = 37_449;
/// An index of this depth covers more than any contig has; a deeper one is damaged.
const DEPTH_MAX: u32 = 9;

/// The index beside a BAM file: `.bai`, else `.csi`.
///
/// # Errors
/// Those of reading it; `InvalidData` when it is malformed.
pub(crate) fn beside_bam(path: &Path) -> io::Result<bam::Index> {
    match bytes(&with_ending(path, ".bai")) {
        Ok(bytes) => {
            check(&bytes)?;
            let index = bam::bai::io::Reader::new(&bytes[..]).read_index()?;
            Ok(bam::Index::Bai(index))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            csi_beside(path).map(bam::Index::Csi)
        }
        Err(error) => Err(error),
    }
}

/// The `.tbi` beside a VCF file.
///
/// # Errors
/// As [`beside_bam`].
pub(crate) fn beside_vcf(path: &Path) -> io::Result<tabix::Index> {
    let bytes = bytes(&with_ending(path, ".tbi"))?;
    check(&bytes)?;
    let packed = pack(&bytes)?;
    tabix::io::Reader::new(&packed[..]).read_index()
}

/// The `.csi` beside a file.
///
/// # Errors
/// As [`beside_bam`].
pub(crate) fn csi_beside(path: &Path) -> io::Result<csi::Index> {
    let bytes = bytes(&with_ending(path, ".csi"))?;
    check(&bytes)?;
    let packed = pack(&bytes)?;
    csi::io::Reader::new(&packed[..]).read_index()
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The content of an index, unpacked.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = open::text(path)?
        .take(INDEX_BYTES_MAX)
        .read_to_end(&mut bytes)?;
    if read as u64 == INDEX_BYTES_MAX {
        return Err(malformed());
    }
    Ok(bytes)
}

/// BGZF, which the parsers want.
fn pack(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = bgzf::io::Writer::new(Vec::new());
    io::Write::write_all(&mut writer, bytes)?;
    writer.finish()
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the index is malformed")
}

fn check(bytes: &[u8]) -> io::Result<()> {
    walk(bytes).ok_or_else(malformed)
}

/// Walks through an index of any kind; `None` when it is not what it claims.
fn walk(bytes: &[u8]) -> Option<()> {
    let mut rest = Rest(bytes);
    match rest.take(4)? {
        b"BAI\x01" => {
            let contigs = rest.count()?;
            rest.contigs(contigs, BINS, true)
        }
        b"TBI\x01" => {
            let contigs = rest.count()?;
            rest.columns()?;
            rest.contigs(contigs, BINS, true)
        }
        b"CSI\x01" => {
            let (shift, depth) = (rest.count()?, u32::try_from(rest.count()?).ok()?);
            if shift > 30 || depth > DEPTH_MAX {
                return None;
            }
            let auxiliary = rest.count()?;
            let mut auxiliary = Rest(rest.take(auxiliary)?);
            if !auxiliary.0.is_empty() {
                auxiliary.columns()?;
            }
            // The parser would take what is left of it for contigs.
            if !auxiliary.0.is_empty() {
                return None;
            }
            let contigs = rest.count()?;
            let bins = ((1u64 << (3 * (depth + 1))) - 1) / 7;
            rest.contigs(contigs, u32::try_from(bins).ok()?, false)
        }
        _ => None,
    }
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    /// A number of things, which is written signed.
    fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()? as i32).ok()
    }

    /// Which columns of a text are indexed, and the names of contigs.
    fn columns(&mut self) -> Option<()> {
        self.take(6 * 4)?;
        let names = self.count()?;
        self.take(names).map(drop)
    }

    /// `linear`: with a linear index; otherwise every bin has its offset. One number is left out behind those of the
    /// bins; the next one stands for counts.
    fn contigs(&mut self, contigs: usize, bins: u32, linear: bool) -> Option<()> {
        for _ in 0..contigs {
            for _ in 0..self.count()? {
                let bin = self.number()?;
                if bin >= bins && bin != bins + 1 {
                    return None;
                }
                if !linear {
                    self.take(8)?;
                }
                let chunks = self.count()?;
                self.take(16 * chunks)?;
            }
            if linear {
                let offsets = self.count()?;
                self.take(8 * offsets)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::{BINS, walk};

    /// An index of one contig with one bin, without chunks.
    fn index(kind: &str, bin: u32) -> Vec<u8> {
        let number = |n: u32| n.to_le_bytes().to_vec();
        let head = match kind {
            "BAI" => [number(1), number(1)].concat(),
            "TBI" => [number(1), vec![0; 24], number(0), number(1)].concat(),
            // Depth 5, as the others.
            _ => [number(14), number(5), number(0), number(1), number(1)].concat(),
        };
        let tail = if kind == "CSI" {
            [vec![0; 8], number(0)].concat()
        } else {
            [number(0), number(0)].concat()
        };
        [kind.as_bytes(), &[1], &head, &number(bin), &tail].concat()
    }

    /// A bin between the last one and the one for counts made the parser panic at the first query (found by fuzzing
    /// `bai` and `tbi`).
    #[test]
    fn bins_that_no_place_has_are_malformed() {
        for kind in ["BAI", "TBI", "CSI"] {
            for (bin, good) in [
                (0, true),
                (BINS - 1, true),
                (BINS, false),
                (BINS + 1, true),
                (BINS + 2, false),
            ] {
                assert_eq!(walk(&index(kind, bin)).is_some(), good, "{kind} {bin}");
            }
        }
    }

    /// The parser reads columns and names and goes on with what is left of the auxiliary data, as if contigs began there:
    /// it made room for 1.46 thousand million bins (found by fuzzing `csi`).
    #[test]
    fn auxiliary_data_with_more_than_names_are_malformed() {
        let plain = index("CSI", 0);
        let (head, tail) = plain.split_at(4 + 2 * 4 + 4);
        let with = |auxiliary: &[u8]| {
            let length = (auxiliary.len() as u32).to_le_bytes();
            walk(&[&head[..12], &length, auxiliary, tail].concat()).is_some()
        };
        let named = |name: &[u8]| {
            let length = (name.len() as u32).to_le_bytes();
            [&[0; 24][..], &length, name].concat()
        };
        assert!(with(&[]));
        assert!(with(&named(b"")));
        assert!(with(&named(b"chr1\0")));
        assert!(!with(&[named(b"chr1\0"), vec![0]].concat()));
        assert!(!with(&named(b"chr1\0")[..30]));
        assert!(!with(&[0; 5]));
    }
}
