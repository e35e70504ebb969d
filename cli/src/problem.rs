//! What is wrong with a sheet, a cohort file or an input: collected, so that all is said at once.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

use crate::exit::{Code, Exit};

/// What sort of thing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The content is wrong.
    Wrong,
    /// A file is missing or cannot be read.
    Missing,
    /// The content of a sample's file is bad: the sample can be set aside.
    Damaged,
}

/// One finding, with where it is and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What sort of thing is wrong.
    pub kind: Kind,
    /// The sheet or cohort file.
    pub file: PathBuf,
    /// The line in it, from 1; 0 when the file as a whole is meant.
    pub line: u64,
    /// The column or key.
    pub column: String,
    /// The sample, when known.
    pub sample: String,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        if !self.column.is_empty() {
            write!(f, ": column {}", self.column)?;
        }
        if !self.sample.is_empty() {
            write!(f, ": sample {}", self.sample)?;
        }
        write!(f, ": {}", self.what)
    }
}

/// All findings so far.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Adds one.
    pub fn push(&mut self, problem: Problem) {
        self.0.push(problem);
    }

    /// Adds all of those.
    pub fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// Number of findings so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True without findings.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The findings, in the order of files and lines.
    #[must_use]
    pub fn sorted(&self) -> Vec<Problem> {
        let mut all = self.0.clone();
        all.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        all.dedup();
        all
    }

    /// `Ok` without findings; otherwise one error that lists them all: 66 when files are missing and
    /// nothing else is wrong, 65 in every other case. When bad ones of so many samples may be set aside,
    /// findings that concern only some samples' data are given back instead.
    pub fn finish(&self, set_aside_of: Option<usize>) -> Result<Vec<Problem>, Exit> {
        let all = self.sorted();
        if all.is_empty() {
            return Ok(all);
        }
        let bad: BTreeSet<&str> = all.iter().map(|p| p.sample.as_str()).collect();
        let only_data = all.iter().all(|p| p.kind == Kind::Damaged);
        if only_data && set_aside_of.is_some_and(|samples| bad.len() < samples) {
            return Ok(all);
        }
        let code = if all.iter().all(|p| p.kind == Kind::Missing) {
            Code::MissingInput
        } else {
            Code::BadInput
        };
        let mut message = format!(
            "{} {} found before any work was started:\n",
            all.len(),
            if all.len() == 1 {
                "problem"
            } else {
                "problems"
            }
        );
        for problem in &all {
            message.push_str(&format!("  {problem}\n"));
        }
        Err(Exit::new(code, message.trim_end()))
    }
}

/// Makes the findings of one line of a sheet.
#[derive(Clone, Debug)]
pub struct Place {
    /// The sheet or cohort file.
    pub file: PathBuf,
    /// The line in it, from 1.
    pub line: u64,
    /// The sample, when known.
    pub sample: String,
}

impl Place {
    /// Something wrong in `column` here.
    pub fn wrong(&self, column: &str, what: impl Into<String>) -> Problem {
        self.problem(Kind::Wrong, column, what)
    }

    /// A file named in `column` here that is missing.
    pub fn missing(&self, column: &str, what: impl Into<String>) -> Problem {
        self.problem(Kind::Missing, column, what)
    }

    /// Bad data in the file named in `column` here.
    pub fn damaged(&self, column: &str, what: impl Into<String>) -> Problem {
        self.problem(Kind::Damaged, column, what)
    }

    fn problem(&self, kind: Kind, column: &str, what: impl Into<String>) -> Problem {
        Problem {
            kind,
            file: self.file.clone(),
            line: self.line,
            column: column.to_owned(),
            sample: self.sample.clone(),
            what: what.into(),
        }
    }
}
