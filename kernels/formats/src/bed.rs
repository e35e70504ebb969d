//! BED: regions to work on.

use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use kumi_seq::contig::Contigs;
use kumi_seq::interval::{Interval, merge};

use crate::open;

/// Why a BED file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BedError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is not BED or does not fit the reference.
    #[error("{path}:{line}: {what}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong and what to do.
        what: String,
    },
}

/// Reads regions; they come back sorted, and joined where they overlap or touch.
///
/// # Errors
/// The file and line that is wrong; a file without regions is wrong too.
pub fn read(path: &Path, contigs: &Contigs) -> Result<Vec<Interval>, BedError> {
    let io = |source| BedError::Io {
        path: path.to_owned(),
        source,
    };
    let wrong = |line, what| BedError::Line {
        path: path.to_owned(),
        line,
        what,
    };
    let mut intervals = Vec::new();
    for (line, text) in (1..).zip(open::text(path).map_err(io)?.lines()) {
        let text = text.map_err(io)?;
        let text = text.trim_end();
        if text.is_empty()
            || ["#", "track", "browser"]
                .iter()
                .any(|prefix| text.starts_with(prefix))
        {
            continue;
        }
        intervals.push(parse(text, contigs).map_err(|what| wrong(line, what))?);
    }
    if intervals.is_empty() {
        return Err(wrong(
            0,
            "no regions; a line is contig, start, end, separated by tabs".to_owned(),
        ));
    }
    Ok(merge(intervals))
}

fn parse(text: &str, contigs: &Contigs) -> Result<Interval, String> {
    let mut cells = text.split('\t');
    let (Some(name), Some(start), Some(end)) = (cells.next(), cells.next(), cells.next()) else {
        return Err("fewer than three columns separated by tabs: contig, start, end".to_owned());
    };
    let contig = contigs
        .id(name)
        .ok_or_else(|| format!("the reference has no contig {name}"))?;
    let length = contigs.get(contig).map_or(0, |contig| contig.length);
    let number = |cell: &str| {
        cell.trim()
            .parse::<u32>()
            .map_err(|_| format!("`{cell}` is not a position"))
    };
    let (start, end) = (number(start)?, number(end)?);
    if start >= end || end > length {
        return Err(format!(
            "{start}-{end} is not a region of {name}, which has {length} bases"
        ));
    }
    Ok(Interval { contig, start, end })
}

#[cfg(test)]
mod tests {
    use kumi_seq::contig::{Contig, Contigs};

    use super::read;

    fn parse(text: &str) -> Result<Vec<(u32, u32)>, String> {
        let contigs = Contigs::new(vec![Contig::describe("c", &[b'A'; 100])]).expect("unique");
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("written");
        let all = read(file.path(), &contigs).map_err(|error| error.to_string())?;
        Ok(all.iter().map(|i| (i.start, i.end)).collect())
    }

    #[test]
    fn regions_are_sorted_and_joined() {
        assert_eq!(
            parse("#x\ntrack\nc\t50\t60\tname\nc\t0\t5\nc\t5\t7\n"),
            Ok(vec![(0, 7), (50, 60)])
        );
    }

    #[test]
    fn what_is_wrong_names_the_line() {
        for (text, line) in [
            ("c 1 2\n", ":1:"),
            ("c\t1\t2\nd\t1\t2\n", ":2:"),
            ("c\t5\t5\n", ":1:"),
            ("c\t5\t101\n", ":1:"),
            ("", ":0:"),
        ] {
            assert!(parse(text).expect_err(text).contains(line), "{text:?}");
        }
    }
}
