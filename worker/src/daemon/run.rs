//! The loop that owns the agent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kumi_proto::dial::Dial;
use kumi_proto::v1;
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::session::Session;
use crate::agent::{Action, Agent, Input, TaskResult};
use crate::control::Control;
use crate::daemon::attempt::{Attempt, Run};
use crate::executor::Execution;
use crate::metrics::Metrics;

/// The longest sleep: progress is looked at this often when nothing else happens.
const SLEEP_MS_MAX: u64 = 1_000;

/// What the loop is told by what it started.
#[derive(Debug)]
pub(super) enum Event {
    /// Something happened to a session, perhaps not to the one that holds now.
    Session { number: u64, input: Input },
    /// A task ended.
    Ended { attempt: u64, execution: Execution },
}

#[derive(Debug)]
struct Running {
    control: Arc<Control>,
    stage: v1::Stage,
}

pub(super) struct Loop {
    agent: Agent,
    metrics: Metrics,
    dial: Dial,
    runner: Arc<dyn Run>,
    offered: (u32, u64),
    began: Instant,
    session: Option<Session>,
    sessions: u64,
    running: BTreeMap<u64, Running>,
    events: mpsc::UnboundedSender<Event>,
    told: mpsc::UnboundedReceiver<Event>,
}

impl Loop {
    pub(super) fn new(
        agent: Agent,
        metrics: Metrics,
        (dial, runner): (Dial, Arc<dyn Run>),
        offered: (u32, u64),
    ) -> Self {
        let (events, told) = mpsc::unbounded_channel();
        Self {
            agent,
            metrics,
            dial,
            runner,
            offered,
            began: Instant::now(),
            session: None,
            sessions: 0,
            running: BTreeMap::new(),
            events,
            told,
        }
    }

    /// Runs until the agent is done. A handle that is gone wants what a shutdown wants.
    pub(super) async fn run(mut self, mut wishes: mpsc::UnboundedReceiver<Input>) {
        let mut handle_is_there = true;
        let mut input = Some(Input::Tick);
        loop {
            let now_ms = self.now_ms();
            if let Some(input) = input.take()
                && self.step(now_ms, input)
            {
                break;
            }
            self.look_at_progress(now_ms);
            self.metrics.set_room(
                self.offered,
                (self.agent.free_cores(), self.agent.free_memory()),
            );
            let sleep = tokio::time::sleep(self.until_wake());
            input = tokio::select! {
                biased;
                event = self.told.recv() => event.and_then(|event| self.take_in(event)),
                wish = wishes.recv(), if handle_is_there => {
                    handle_is_there = wish.is_some();
                    Some(wish.unwrap_or(Input::Shutdown))
                }
                () = sleep => Some(Input::Tick),
            };
        }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn until_wake(&self) -> Duration {
        let wake_ms = self.agent.wake_at_ms().unwrap_or(u64::MAX);
        let wait_ms = wake_ms.saturating_sub(self.now_ms());
        Duration::from_millis(wait_ms.min(SLEEP_MS_MAX))
    }

    /// An event as the agent's input; `None` for one of a session that is over.
    fn take_in(&mut self, event: Event) -> Option<Input> {
        match event {
            Event::Session { number, input } => {
                let current = self.session.as_ref().map(Session::number);
                if current != Some(number) {
                    return None;
                }
                match input {
                    Input::Connected => self.metrics.session_opened(),
                    Input::SessionBroken { .. } => self.metrics.session_broken(),
                    _ => {}
                }
                Some(input)
            }
            Event::Ended { attempt, execution } => {
                let running = self.running.remove(&attempt)?;
                let result = execution.result;
                self.metrics
                    .task_ended(running.stage, &result, execution.core_milliseconds);
                match &result {
                    TaskResult::Done(_) => {
                        let core_milliseconds = execution.core_milliseconds;
                        let stage = running.stage.label();
                        tracing::info!(attempt, stage, core_milliseconds, "task done");
                    }
                    TaskResult::Failed(failure) => tracing::warn!(
                        attempt,
                        stage = running.stage.label(),
                        class = failure.class().as_str_name(),
                        "task failed"
                    ),
                }
                Some(Input::TaskFinished { attempt, result })
            }
        }
    }

    /// Lets the agent decide and does what it says; true when it is done. A report that cannot be sent is a
    /// broken session, which the agent is told at once.
    fn step(&mut self, now_ms: u64, input: Input) -> bool {
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            for action in self.agent.step(now_ms, input) {
                match action {
                    Action::Dial { endpoint, report } => self.dial(endpoint, report),
                    Action::Send(report) => {
                        let sent = self.session.as_ref().is_some_and(|s| s.send(report));
                        if !sent {
                            self.session = None;
                            self.metrics.session_broken();
                            inputs.push(Input::SessionBroken { leader: None });
                        }
                    }
                    Action::StartTask(start) => self.start(*start),
                    Action::StopTask(attempt) => {
                        if let Some(running) = self.running.get(&attempt) {
                            running.control.stop();
                        }
                    }
                    Action::SplitTask(attempt) => {
                        if let Some(running) = self.running.get(&attempt) {
                            running.control.split();
                        }
                    }
                    Action::Exit => return true,
                }
            }
        }
        false
    }

    fn dial(&mut self, endpoint: String, report: v1::Report) {
        self.sessions += 1;
        self.session = Some(Session::dial(
            self.sessions,
            (self.dial.clone(), endpoint),
            report,
            self.events.clone(),
        ));
    }

    /// Has the task run; it sends its result when it ends, whatever happens to it.
    fn start(&mut self, start: v1::Start) {
        let attempt = start.attempt;
        let task = start.spec.as_ref().and_then(|spec| spec.task);
        let stage = task.map_or(v1::Stage::Unspecified, |task| task.stage());
        let control = Arc::new(Control::default());
        let meter = self.metrics.meter(stage);
        self.metrics.task_started(stage);
        self.running.insert(
            attempt,
            Running {
                control: Arc::clone(&control),
                stage,
            },
        );
        tracing::info!(attempt, stage = stage.label(), "task started");
        let events = self.events.clone();
        self.runner.run(Attempt {
            start,
            control,
            meter,
            ended: Arc::new(move |execution| {
                let _ = events.send(Event::Ended { attempt, execution });
            }),
        });
    }

    /// Tells the agent how far the tasks are, in time for its next report. Its clock stands still for this, so
    /// that no report is sent for it alone.
    fn look_at_progress(&mut self, now_ms: u64) {
        for (&attempt, running) in &self.running {
            let progress = running.control.progress();
            let actions = self
                .agent
                .step(now_ms, Input::TaskProgress { attempt, progress });
            debug_assert!(actions.is_empty(), "{actions:?}");
        }
    }
}
