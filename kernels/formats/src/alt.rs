//! The `.alt` file beside a reference: which of its contigs are alternate ones (of GRCh38: ALT loci, HLA, decoys
//! as the file says), as bwa reads it.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use kumi_seq::contig::Contig;

use crate::fasta::{self, FastaError};
use crate::open;

/// Reads a FASTA file, and marks the contigs that the `.alt` file beside it names.
///
/// # Errors
/// Those of [`fasta::read`] and [`mark`].
pub fn read(path: &Path) -> Result<Vec<(Contig, Vec<u8>)>, FastaError> {
    let mut sequences = fasta::read(path)?;
    if let Some(alt) = beside(path) {
        mark(&alt, &mut sequences)?;
    }
    Ok(sequences)
}

/// The file that belongs to a FASTA file, when it is there: `REF.fa.alt` beside `REF.fa`; beside `REF.fa.gz`
/// `REF.fa.gz.alt` or `REF.fa.alt`.
#[must_use]
pub fn beside(fasta: &Path) -> Option<PathBuf> {
    let with_alt = |path: &Path| {
        let mut name = path.as_os_str().to_owned();
        name.push(".alt");
        PathBuf::from(name)
    };
    let unzipped = fasta.extension().is_some_and(|ending| ending == "gz");
    let names = [
        Some(with_alt(fasta)),
        unzipped.then(|| with_alt(&fasta.with_extension(""))),
    ];
    names.into_iter().flatten().find(|path| path.is_file())
}

/// Marks the contigs that a `.alt` file names: SAM lines (of where the contig lies on the primary assembly) or bare
/// names; what stands behind the name is not looked at. Header lines are left out, and names that the reference
/// has not are no error: one file serves several editions of a reference.
///
/// # Errors
/// When the file cannot be read, or names none of the contigs.
pub fn mark(path: &Path, sequences: &mut [(Contig, Vec<u8>)]) -> Result<(), FastaError> {
    let io = |source| FastaError::Io {
        path: path.to_owned(),
        source,
    };
    let mut any = false;
    for line in open::text(path).map_err(io)?.split(b'\n') {
        let line = line.map_err(io)?;
        let name = line
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        if name.is_empty() || name.starts_with(b"@") {
            continue;
        }
        let named = |(contig, _): &&mut (Contig, Vec<u8>)| contig.name.as_bytes() == name;
        if let Some((contig, _)) = sequences.iter_mut().find(named) {
            contig.alternate = true;
            any = true;
        }
    }
    if any {
        return Ok(());
    }
    Err(FastaError::Syntax {
        path: path.to_owned(),
        line: 0,
        what: "none of the contigs it names is in the reference; is it the file of another one?"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use kumi_seq::contig::Contig;

    use super::{beside, mark};

    fn marked(text: &str) -> Result<Vec<bool>, String> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("written");
        let mut sequences =
            ["1", "1_alt", "@odd"].map(|name| (Contig::describe(name, b"A"), vec![b'A']));
        mark(file.path(), &mut sequences).map_err(|error| error.to_string())?;
        Ok(sequences
            .iter()
            .map(|(contig, _)| contig.alternate)
            .collect())
    }

    #[test]
    fn names_stand_first_in_a_line() {
        let sam =
            "@SQ\tSN:1\tLN:1\n1_alt\t0\t1\t5\t60\t9M\t*\t0\t0\t*\t*\tNM:i:0\r\nHLA-X\t0\n@odd\t0\n";
        assert_eq!(marked(sam), Ok(vec![false, true, false]));
        assert_eq!(marked("\n1_alt"), Ok(vec![false, true, false]));
        let said = marked("2_alt\n").expect_err("another reference");
        assert!(said.contains("none of the contigs"), "{said}");
        assert!(marked("").is_err());
    }

    #[test]
    fn the_file_lies_beside_the_fasta() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| folder.path().join(name);
        assert_eq!(beside(&at("r.fa")), None);
        std::fs::write(at("r.fa.alt"), "x").expect("written");
        assert_eq!(beside(&at("r.fa")), Some(at("r.fa.alt")));
        assert_eq!(beside(&at("r.fa.gz")), Some(at("r.fa.alt")));
        std::fs::write(at("r.fa.gz.alt"), "x").expect("written");
        assert_eq!(beside(&at("r.fa.gz")), Some(at("r.fa.gz.alt")));
        assert_eq!(beside(&at("s.fa")), None);
    }
}
