//! What `kumi run` says at its end.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use kumi_proto::v1;
use serde_json::{Value, json};

use crate::exit::{Code, Exit};
use crate::follow::state_label;
use crate::paint::Paint;
use crate::report::{self, counted, ratio};
use crate::table::{self, count, duration, timestamp};

/// Samples shown one by one; the others are in `--output json`.
const SAMPLES_SHOWN: usize = 50;
/// Sample folders shown one by one.
const FOLDERS_SHOWN: usize = 8;
/// Variant files of a release, shown by name.
const FILES_SHOWN: usize = 6;
/// Files that had gone, shown by name.
const GONE_SHOWN: usize = 5;

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The cohort at the end.
    pub(crate) detail: v1::CohortDetail,
    /// Tasks this run did.
    pub(crate) computed: u64,
    /// An earlier run had submitted the same cohort.
    pub(crate) existed: bool,
    /// Published files of earlier runs that were found as they were.
    pub(crate) present: usize,
    /// Published files of earlier runs that had gone.
    pub(crate) gone: Vec<String>,
    /// How long this run took.
    pub(crate) elapsed: Duration,
}

impl Outcome {
    fn summary(&self) -> v1::CohortSummary {
        self.detail.summary.clone().unwrap_or_default()
    }

    /// `Ok` when every sample is complete.
    pub(crate) fn verdict(&self) -> Result<(), Exit> {
        let summary = self.summary();
        let message = match summary.state() {
            v1::CohortState::Completed => return Ok(()),
            v1::CohortState::CompletedWithFailures => format!(
                "{} of {} samples were set aside; the others are complete",
                summary.samples_quarantined, summary.samples
            ),
            state => format!(
                "cohort {} {}: {}",
                summary.name,
                state_label(state),
                summary.reason
            ),
        };
        Err(Exit::new(Code::SamplesFailed, message))
    }

    /// For programs.
    pub(crate) fn value(&self) -> Value {
        let summary = self.summary();
        json!({
            "cohort": summary.cohort, "name": summary.name, "state": state_label(summary.state()),
            "reason": summary.reason, "root": self.detail.root, "tasks_computed": self.computed,
            "existed": self.existed, "files_found": self.present, "files_gone": self.gone,
            "seconds": self.elapsed.as_secs_f64(), "samples": report::samples_value(&self.detail),
            "release": self.detail.release.as_ref().map(report::manifest_value),
        })
    }

    /// For people.
    pub(crate) fn render(&self, paint: Paint) -> String {
        let mut text = String::from("\n");
        self.headline(paint, &mut text);
        self.samples(paint, &mut text);
        self.reasons(paint, &mut text);
        self.cohort(paint, &mut text);
        self.files(paint, &mut text);
        text
    }

    fn headline(&self, paint: Paint, text: &mut String) {
        let summary = self.summary();
        let label = state_label(summary.state());
        let state = match summary.state() {
            v1::CohortState::Completed => paint.good(label),
            v1::CohortState::CompletedWithFailures => paint.warning(label),
            _ => paint.bad(label),
        };
        let _ = writeln!(
            text,
            "{} {state}{}\n",
            paint.bold(&summary.name),
            self.again()
        );
    }

    /// What earlier runs contributed.
    fn again(&self) -> String {
        if self.computed == 0 && self.gone.is_empty() && self.present > 0 {
            let when = timestamp(self.summary().finished_ms);
            return format!(
                ": nothing to do, everything was done before ({when}); {} files are as they were published",
                count(self.present as u64)
            );
        }
        if !self.gone.is_empty() {
            let shown = self
                .gone
                .iter()
                .take(GONE_SHOWN)
                .cloned()
                .collect::<Vec<_>>();
            let more = self.gone.len().saturating_sub(GONE_SHOWN);
            let more = if more > 0 {
                format!(" and {} more", count(more as u64))
            } else {
                String::new()
            };
            return format!(
                "\nfiles of an earlier run were gone and were made again: {}{more}",
                shown.join(", ")
            );
        }
        if self.present > 0 {
            return format!(
                "; {} files of earlier runs were taken over",
                count(self.present as u64)
            );
        }
        String::new()
    }

    fn samples(&self, paint: Paint, text: &mut String) {
        let total = self.detail.samples.len();
        let table = report::samples(&self.detail, SAMPLES_SHOWN);
        for (row, line) in table.lines().enumerate() {
            let line = if row == 0 {
                paint.dim(line)
            } else {
                line.to_owned()
            };
            let _ = writeln!(text, "  {line}");
        }
        if total > SAMPLES_SHOWN {
            let more = count((total - SAMPLES_SHOWN) as u64);
            let _ = writeln!(text, "  … and {more} more (--output json shows all)");
        }
        text.push('\n');
    }

    fn reasons(&self, paint: Paint, text: &mut String) {
        let bad = self.detail.samples.iter().filter(|s| !s.reason.is_empty());
        let mut any = false;
        for sample in bad {
            any = true;
            let _ = writeln!(
                text,
                "  {} {}: {}",
                paint.bad(&sample.state),
                sample.name,
                sample.reason
            );
        }
        if any {
            text.push('\n');
        }
    }

    fn cohort(&self, paint: Paint, text: &mut String) {
        let mut line = |label: &str, what: String| {
            let _ = writeln!(text, "  {}  {what}", paint.dim(&format!("{label:<6}")));
        };
        if let Some(release) = &self.detail.release {
            let counts = |name: &'static str| counted(Some(release), name);
            let mut what = table::counted(self.complete() as u64, "sample");
            if let Some(variants) = counts("variants") {
                let _ = write!(what, ", {}", table::counted(variants, "variant"));
            }
            if let (Some(snvs), Some(indels)) = (counts("snvs"), counts("indels")) {
                let _ = write!(what, " ({} SNVs, {} indels)", count(snvs), count(indels));
            }
            let _ = write!(
                what,
                ", Ti/Tv {}",
                ratio(counts("transitions"), counts("transversions"))
            );
            line("cohort", what);
        }
        let elapsed = duration(self.elapsed.as_millis() as u64);
        let tasks = match self.computed {
            0 => "nothing was computed".to_owned(),
            tasks => table::counted(tasks, "task"),
        };
        line("time", format!("{elapsed}, {tasks}"));
    }

    /// Samples with a gVCF.
    fn complete(&self) -> usize {
        let complete = |s: &&v1::SampleStatus| s.gvcf.is_some();
        self.detail.samples.iter().filter(complete).count()
    }

    fn files(&self, paint: Paint, text: &mut String) {
        let root = Path::new(&self.detail.root);
        let label = |text: &str| paint.dim(&format!("{text:<6}"));
        let _ = writeln!(text, "  {}  {}", label("files"), paint.bold(&near(root)));
        if let Some(release) = &self.detail.release {
            let files = release.files.iter();
            let files = files.filter(|file| is_variants(&file.name));
            let path = |file: &v1::File| Path::new(&release.directory).join(&file.name);
            let paths: Vec<_> = files.map(|file| path(file).display().to_string()).collect();
            list(text, &label(""), &paths, FILES_SHOWN);
        }
        let mut folders: Vec<String> = Vec::new();
        for sample in &self.detail.samples {
            let manifests = [&sample.gvcf, &sample.alignment].into_iter().flatten();
            folders.extend(manifests.map(|manifest| format!("{}/", manifest.directory)));
        }
        folders.dedup();
        list(text, &label(""), &folders, FOLDERS_SHOWN);
    }
}

/// The first of several lines, and how many more there are.
fn list(text: &mut String, label: &str, lines: &[String], shown: usize) {
    for line in lines.iter().take(shown) {
        let _ = writeln!(text, "  {label}    {line}");
    }
    if lines.len() > shown {
        let more = count((lines.len() - shown) as u64);
        let _ = writeln!(text, "  {label}    … and {more} more");
    }
}

fn is_variants(name: &str) -> bool {
    name.ends_with(".vcf.gz") || name.ends_with(".bcf")
}

/// A path as short as it can be written from here.
fn near(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    match path.strip_prefix(&here) {
        Ok(relative) if relative.as_os_str().is_empty() => ".".to_owned(),
        Ok(relative) => relative.display().to_string(),
        Err(_) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests;
