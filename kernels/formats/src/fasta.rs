//! FASTA: a reference as text.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use kumi_seq::contig::Contig;

use crate::open;

/// Why a FASTA file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FastaError {
    /// It cannot be read.
    #[error("cannot read {path}; check that it is complete (gzip -t)")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not FASTA.
    #[error("{path}:{line}: {what}")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong and what to do.
        what: String,
    },
}

/// Reads every sequence: contigs with M5 (of the upper-case bases) and the bases, upper-case ASCII with
/// IUPAC ambiguity codes kept. Plain, gzip or BGZF.
///
/// # Errors
/// The file and line that is wrong; an empty file is wrong too.
pub fn read(path: &Path) -> Result<Vec<(Contig, Vec<u8>)>, FastaError> {
    let io = |source| FastaError::Io {
        path: path.to_owned(),
        source,
    };
    let mut reader = open::text(path).map_err(io)?;
    let syntax = |line, what: String| FastaError::Syntax {
        path: path.to_owned(),
        line,
        what,
    };
    let mut sequences: Vec<(String, Vec<u8>)> = Vec::new();
    let mut text = Vec::new();
    let mut line = 0;
    loop {
        text.clear();
        line += 1;
        if reader.read_until(b'\n', &mut text).map_err(io)? == 0 {
            break;
        }
        let content = text.trim_ascii_end();
        if let Some(title) = content.strip_prefix(b">") {
            let name = title
                .split(u8::is_ascii_whitespace)
                .next()
                .unwrap_or_default();
            let name = String::from_utf8_lossy(name).into_owned();
            if name.is_empty() {
                return Err(syntax(
                    line,
                    "a sequence without a name; write `>name`".to_owned(),
                ));
            }
            if !Contig::is_name(&name) {
                let what = format!(
                    "the name `{}` cannot stand in SAM (no `*` or `=` at its beginning, no quotes, commas, \
                     brackets or backslashes); rename it",
                    name.escape_debug()
                );
                return Err(syntax(line, what));
            }
            if sequences.iter().any(|(other, _)| *other == name) {
                return Err(syntax(
                    line,
                    format!("the name {name} occurs twice; names must be unique"),
                ));
            }
            sequences.push((name, Vec::new()));
        } else if let Some((name, bases)) = sequences.last_mut() {
            if let Some(&odd) = content
                .iter()
                .find(|base| !base.is_ascii_alphabetic() && **base != b'*' && **base != b'-')
            {
                return Err(syntax(
                    line,
                    format!("`{}` is no base (in {name})", char::from(odd)),
                ));
            }
            bases.extend(content.iter().map(u8::to_ascii_uppercase));
        } else if !content.is_empty() {
            return Err(syntax(
                line,
                "the file does not begin with `>`; is it FASTA?".to_owned(),
            ));
        }
    }
    if sequences.is_empty() {
        return Err(syntax(0, "no sequences".to_owned()));
    }
    if let Some((name, _)) = sequences.iter().find(|(_, bases)| bases.is_empty()) {
        return Err(syntax(
            line,
            format!("the sequence {name} has no bases; is the file complete?"),
        ));
    }
    Ok(sequences
        .into_iter()
        .map(|(name, bases)| (Contig::describe(&name, &bases), bases))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::read;

    fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("written");
        read(file.path())
            .map(|all| {
                all.into_iter()
                    .map(|(c, b)| (c.name, String::from_utf8(b).expect("ASCII")))
                    .collect()
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn names_end_at_white_space_and_bases_are_upper_case() {
        let all = parse(">a desc\r\nacg\r\nN\n\n>b\nTT\n").expect("FASTA");
        assert_eq!(
            all,
            [("a".into(), "ACGN".into()), ("b".into(), "TT".into())]
        );
    }

    #[test]
    fn what_is_wrong_names_the_line() {
        for (text, line) in [
            ("ACGT\n", ":1:"),
            (">a\nAC1\n", ":2:"),
            (">a\nA\n>a\nA\n", ":3:"),
            ("> \nA\n", ":1:"),
            (">a\n>b\nA\n", ":4:"),
            (">a\nA\n>gi(7)\nA\n", ":3:"),
            ("", ":0:"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(line), "{text:?}: {error}");
        }
    }
}
