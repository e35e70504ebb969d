//! Live progress of a cohort on standard error: a bar on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use kumi_proto::v1;

use crate::table::{count, duration};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);
/// The bar counts thousandths of tasks, so that the progress inside a task shows.
const MILLI: u64 = 1000;

/// A cohort's progress on standard error.
pub struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    last_line: Option<Instant>,
    last_text: String,
}

impl Progress {
    /// A bar when standard error is a terminal, else lines.
    #[must_use]
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar =
                ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template(
                "{elapsed_precise} [{wide_bar}] {percent:>3} % {msg} (eta {eta})",
            );
            bar.set_style(style.expect("the template is valid").progress_chars("=> "));
            bar.enable_steady_tick(Duration::from_millis(250));
            bar
        });
        Self {
            bar,
            started: Instant::now(),
            last_line: None,
            last_text: String::new(),
        }
    }

    /// Shows where a cohort stands.
    pub fn show(&mut self, summary: &v1::CohortSummary) {
        let (done, total) = tasks(summary);
        let text = describe(summary);
        if let Some(bar) = &self.bar {
            bar.set_length(total.max(1) * MILLI);
            bar.set_position(done + running(summary));
            bar.set_message(text);
            return;
        }
        if self
            .last_line
            .is_none_or(|last| last.elapsed() >= LINE_EVERY)
        {
            self.line(summary, text);
        }
    }

    /// Shows the end.
    pub fn finish(&mut self, summary: &v1::CohortSummary) {
        match &self.bar {
            Some(bar) => bar.finish_and_clear(),
            None => self.line(summary, describe(summary)),
        }
    }

    fn line(&mut self, summary: &v1::CohortSummary, text: String) {
        self.last_line = Some(Instant::now());
        if text == self.last_text {
            return;
        }
        let (done, total) = tasks(summary);
        let position = (done + running(summary)) as f64 / (total.max(1) * MILLI) as f64;
        let elapsed = self.started.elapsed();
        let left = if position > 0.0 && position < 1.0 {
            let left = elapsed.mul_f64((1.0 - position) / position);
            format!(", {} left", duration(left.as_millis() as u64))
        } else {
            String::new()
        };
        eprintln!(
            "{:>8}  {:>3.0} %  {text}{left}",
            duration(elapsed.as_millis() as u64),
            position * 100.0
        );
        self.last_text = text;
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

/// Thousandths of tasks that are settled, and the number of all tasks.
fn tasks(summary: &v1::CohortSummary) -> (u64, u64) {
    summary.stages.iter().fold((0, 0), |(settled, total), s| {
        let done = s.done + s.skipped + s.quarantined + s.failed + s.cancelled;
        (
            settled + done * MILLI,
            total + done + s.waiting + s.ready + s.running,
        )
    })
}

fn running(summary: &v1::CohortSummary) -> u64 {
    summary
        .stages
        .iter()
        .map(|s| (s.running as f64 * s.running_fraction * MILLI as f64) as u64)
        .sum()
}

/// `align 2/3  call 4/6  …`, with what went wrong at the end.
fn describe(summary: &v1::CohortSummary) -> String {
    let mut parts = Vec::new();
    for progress in &summary.stages {
        let total = progress.waiting
            + progress.ready
            + progress.running
            + progress.done
            + progress.skipped
            + progress.failed
            + progress.quarantined
            + progress.cancelled;
        if total > 0 {
            let done = progress.done + progress.skipped;
            parts.push(format!(
                "{} {}/{}",
                progress.stage().label(),
                count(done),
                count(total)
            ));
        }
    }
    if summary.samples_quarantined > 0 {
        parts.push(format!(
            "{} quarantined",
            count(summary.samples_quarantined)
        ));
    }
    parts.join("  ")
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1;

    use super::{describe, tasks};

    #[test]
    fn stages_without_tasks_are_not_shown() {
        let stage = |stage: v1::Stage, done, waiting| v1::StageProgress {
            stage: stage.into(),
            done,
            waiting,
            ..Default::default()
        };
        let summary = v1::CohortSummary {
            stages: vec![stage(v1::Stage::Index, 0, 0), stage(v1::Stage::Align, 2, 1)],
            samples_quarantined: 1,
            ..Default::default()
        };
        assert_eq!(describe(&summary), "align 2/3  1 quarantined");
        assert_eq!(tasks(&summary), (2000, 3));
    }
}
