//! Live progress of a cohort on standard error: a bar on a terminal, plain lines otherwise.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use kumi_proto::v1;

use crate::paint::Paint;
use crate::table::{count, duration};

/// How often a line is written where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);
/// The bars count thousandths of tasks, so that the progress inside a task shows.
const MILLI: u64 = 1000;
/// How often the terminal is drawn anew, so that the clock moves while nothing else does.
const TICK: Duration = Duration::from_millis(200);

/// A cohort's progress on standard error.
pub struct Progress {
    bars: Option<Bars>,
    started: Instant,
    last_line: Option<Instant>,
    last_text: String,
    /// Thousandths of tasks that were behind us when this began.
    before: Option<u64>,
}

/// One bar a stage and a line with the clock below them.
struct Bars {
    multi: MultiProgress,
    stages: Vec<(v1::Stage, ProgressBar)>,
    clock: ProgressBar,
    style: ProgressStyle,
}

impl Bars {
    fn new() -> Self {
        let multi = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        let clock = multi.add(ProgressBar::new_spinner());
        // What is left is told by its colour, or by nothing where there are no colours.
        let (bar, chars) = if Paint::stderr().is_on() {
            (
                "  {prefix:<8.dim} {bar:32.green/black.bright}  {msg}",
                "━╸━",
            )
        } else {
            ("  {prefix:<8} {bar:32}  {msg}", "━╸ ")
        };
        let template = |text| ProgressStyle::with_template(text).expect("the template is valid");
        clock.set_style(template("  {elapsed_precise} {msg}"));
        clock.enable_steady_tick(TICK);
        Self {
            multi,
            stages: Vec::new(),
            clock,
            style: template(bar).progress_chars(chars),
        }
    }

    fn show(&mut self, summary: &v1::CohortSummary, left: &str) {
        for stage in &summary.stages {
            let total = total(stage);
            if total == 0 {
                continue;
            }
            let bar = self.bar(stage.stage());
            bar.set_length(total * MILLI);
            bar.set_position(settled(stage) * MILLI + running(stage));
            let active = match stage.running {
                0 => String::new(),
                running => format!("  {} running", count(running)),
            };
            bar.set_message(format!(
                "{}/{}{active}{}",
                count(stage.done + stage.skipped),
                count(total),
                trouble(stage)
            ));
        }
        self.clock.set_message(left.to_owned());
    }

    fn bar(&mut self, stage: v1::Stage) -> ProgressBar {
        if let Some((_, bar)) = self.stages.iter().find(|(known, _)| *known == stage) {
            return bar.clone();
        }
        let bar = self
            .multi
            .insert_before(&self.clock, ProgressBar::new(MILLI));
        bar.set_style(self.style.clone());
        bar.set_prefix(stage.label());
        self.stages.push((stage, bar.clone()));
        bar
    }
}

impl Progress {
    /// Bars when standard error is a terminal, else lines.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bars: std::io::stderr().is_terminal().then(Bars::new),
            started: Instant::now(),
            last_line: None,
            last_text: String::new(),
            before: None,
        }
    }

    /// Shows where a cohort stands.
    pub fn show(&mut self, summary: &v1::CohortSummary) {
        let left = self.left(summary);
        if let Some(bars) = &mut self.bars {
            bars.show(summary, &left);
        } else if self
            .last_line
            .is_none_or(|last| last.elapsed() >= LINE_EVERY)
        {
            self.line(summary);
        }
    }

    /// Shows the end.
    pub fn finish(&mut self, summary: &v1::CohortSummary) {
        match &self.bars {
            Some(_) => self.clear(),
            None => self.line(summary),
        }
    }

    /// Takes the bars off the terminal.
    pub fn clear(&mut self) {
        if let Some(bars) = self.bars.take() {
            bars.clock.finish_and_clear();
            let _ = bars.multi.clear();
        }
    }

    /// `43 %, 12 tasks/min, about 20 s left`.
    fn left(&mut self, summary: &v1::CohortSummary) -> String {
        let (done, total) = tasks(summary);
        let position = done as f64 / (total.max(1) * MILLI) as f64;
        let elapsed = self.started.elapsed();
        let mut text = format!("{:>3.0} %", position * 100.0);
        let here = done.saturating_sub(*self.before.get_or_insert(done));
        if here > 0 && position < 1.0 {
            let rate = here as f64 / MILLI as f64 / elapsed.as_secs_f64().max(0.001) * 60.0;
            let left = elapsed.mul_f64((total * MILLI).saturating_sub(done) as f64 / here as f64);
            let left = duration(left.as_millis() as u64);
            text.push_str(&format!(", {rate:.0} tasks/min, about {left} left"));
        }
        text
    }

    fn line(&mut self, summary: &v1::CohortSummary) {
        self.last_line = Some(Instant::now());
        let text = describe(summary);
        if text == self.last_text {
            return;
        }
        let elapsed = duration(self.started.elapsed().as_millis() as u64);
        let left = self.left(summary);
        eprintln!("{elapsed:>8}  {left}  {text}");
        self.last_text = text;
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

fn settled(stage: &v1::StageProgress) -> u64 {
    stage.done + stage.skipped + stage.quarantined + stage.failed + stage.cancelled
}

fn total(stage: &v1::StageProgress) -> u64 {
    settled(stage) + stage.waiting + stage.ready + stage.running
}

/// Thousandths of tasks of what runs.
fn running(stage: &v1::StageProgress) -> u64 {
    (stage.running as f64 * stage.running_fraction * MILLI as f64) as u64
}

/// What went wrong in a stage.
fn trouble(stage: &v1::StageProgress) -> String {
    let mut text = String::new();
    for (number, what) in [
        (stage.failed, "failed"),
        (stage.quarantined, "set aside"),
        (stage.cancelled, "cancelled"),
    ] {
        if number > 0 {
            text.push_str(&format!("  {} {what}", count(number)));
        }
    }
    text
}

/// Thousandths of tasks that are behind us, and the number of all tasks.
fn tasks(summary: &v1::CohortSummary) -> (u64, u64) {
    summary.stages.iter().fold((0, 0), |(done, all), stage| {
        (
            done + settled(stage) * MILLI + running(stage),
            all + total(stage),
        )
    })
}

/// `align 2/3  call 4/6  …`, with what went wrong at the end.
fn describe(summary: &v1::CohortSummary) -> String {
    let mut parts = Vec::new();
    for stage in summary.stages.iter().filter(|stage| total(stage) > 0) {
        let done = stage.done + stage.skipped;
        let label = stage.stage().label();
        parts.push(format!("{label} {}/{}", count(done), count(total(stage))));
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
