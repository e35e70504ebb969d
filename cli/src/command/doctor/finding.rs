//! What a check found, and how it is said.

use serde_json::{Value, json};

use crate::args::OutputFormat;
use crate::exit::{Code, Exit};
use crate::print;

/// How it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// In order.
    Ok,
    /// Not looked at, since nothing was named.
    Skipped,
    /// It works, though badly or not for long.
    Warn,
    /// It will not work.
    Fail,
}

impl Status {
    fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped => "skip",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// What was looked at: `memory`, `scratch`.
    pub(super) check: &'static str,
    pub(super) status: Status,
    /// What was measured.
    pub(super) found: String,
    /// What is needed, empty when that is there.
    pub(super) needed: String,
    /// The command or the setting that mends it, empty when nothing is to mend.
    pub(super) mend: String,
}

impl Finding {
    pub(super) fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self {
            check,
            status: Status::Ok,
            found: found.into(),
            needed: String::new(),
            mend: String::new(),
        }
    }

    /// With what is needed and what mends it.
    fn bad(self, status: Status, needed: &str, mend: String) -> Self {
        Self {
            status,
            needed: needed.to_owned(),
            mend,
            ..self
        }
    }

    pub(super) fn warn(self, needed: &str, mend: impl Into<String>) -> Self {
        self.bad(Status::Warn, needed, mend.into())
    }

    pub(super) fn fail(self, needed: &str, mend: impl Into<String>) -> Self {
        self.bad(Status::Fail, needed, mend.into())
    }

    pub(super) fn skipped(check: &'static str, found: &str, how: &str) -> Self {
        Self::ok(check, found).bad(Status::Skipped, "", how.to_owned())
    }

    fn line(&self) -> String {
        let mut line = format!(
            "{:<5} {:<12} {}",
            self.status.label(),
            self.check,
            self.found
        );
        if !self.needed.is_empty() {
            line.push_str(&format!("; needed: {}", self.needed));
        }
        if !self.mend.is_empty() {
            line.push_str(&format!("; do: {}", self.mend));
        }
        line.push('\n');
        line
    }

    fn value(&self) -> Value {
        json!({
            "check": self.check, "status": self.status.label(), "found": self.found,
            "needed": self.needed, "mend": self.mend,
        })
    }
}

/// Prints one line, or one document, a check.
pub(super) fn print(format: OutputFormat, findings: &[Finding]) {
    let values: Vec<Value> = findings.iter().map(Finding::value).collect();
    print::all(format, &values, || {
        findings.iter().map(Finding::line).collect()
    });
}

/// # Errors
/// 78 when a check failed.
pub(super) fn outcome(findings: &[Finding]) -> Result<(), Exit> {
    let failed = |finding: &&Finding| finding.status == Status::Fail;
    match findings.iter().filter(failed).count() {
        0 => Ok(()),
        1 => Err(Exit::new(Code::Configuration, "one check failed")),
        count => Err(Exit::new(
            Code::Configuration,
            format!("{count} checks failed"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, outcome};

    #[test]
    fn a_line_says_what_was_found_what_is_needed_and_what_to_do() {
        let found = Finding::ok("memory", "1.0 GiB");
        assert_eq!(found.line(), "ok    memory       1.0 GiB\n");
        let failed = found.fail("2 GiB", "ask for more");
        let line = "fail  memory       1.0 GiB; needed: 2 GiB; do: ask for more\n";
        assert_eq!(failed.line(), line);
        assert_eq!(failed.value()["status"], "fail");
    }

    #[test]
    fn only_a_failed_check_fails_all() {
        let ok = Finding::ok("cpu", "avx2");
        let warn = ok.clone().warn("more", "");
        let skipped = Finding::skipped("schedulers", "none named", "--endpoint");
        assert!(outcome(&[ok, warn.clone(), skipped]).is_ok());
        let fail = warn.clone().fail("much more", "");
        assert!(outcome(&[warn, fail]).is_err());
    }
}
