//! Schedulers with pools: the cohort is submitted when there is no worker.

use super::trio::{EMBEDDED, cohort_file};
use super::{json, kumi, ok, published, until};
use crate::daemon::{Schedulers, free_ports};

/// Schedulers whose workers come from somewhere.
pub(crate) struct Site {
    pub(crate) schedulers: Schedulers,
    dir: tempfile::TempDir,
}

impl Site {
    /// With settings and variables of the environment of the schedulers.
    pub(crate) fn start<const N: usize>(
        settings: String,
        variables: Vec<(String, String)>,
    ) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (ports, metrics): ([u16; N], [u16; N]) = (free_ports(), free_ports());
        let schedulers = Schedulers::start_in(dir.path(), (&ports, &metrics), settings, variables);
        Self { schedulers, dir }
    }

    /// Submits the trio.
    pub(crate) fn submit(&self) {
        let cohort = cohort_file(self.dir.path(), "call_shards = 3");
        let mut submit = kumi();
        submit.args([
            "cohort",
            "submit",
            "--endpoint",
            &self.schedulers.endpoints(),
        ]);
        submit.arg("--output-dir").arg(self.dir.path().join("out"));
        ok(submit.arg(cohort));
    }

    /// What a client is answered, if it is.
    pub(crate) fn ask(&self, arguments: &[&str]) -> Option<serde_json::Value> {
        let mut command = kumi();
        command.args(arguments).args(["--output", "json"]);
        let output = command
            .args(["--endpoint", &self.schedulers.endpoints()])
            .output();
        let output = output.expect("kumi runs");
        output.status.success().then(|| json(&output))
    }

    /// Names of workers that are there.
    pub(crate) fn workers(&self) -> Vec<String> {
        let listed = self.ask(&["worker", "list"]).unwrap_or_default();
        let there = listed.as_array().into_iter().flatten();
        let there = there.filter(|worker| worker["state"] != "lost");
        there
            .filter_map(|worker| Some(worker["name"].as_str()?.to_owned()))
            .collect()
    }

    /// Waits for a worker; its name.
    pub(crate) fn a_worker(&self) -> String {
        until("a worker", || self.workers().into_iter().next())
    }

    /// The reasons of all tasks that are not done.
    pub(crate) fn why(&self) -> String {
        let why = self.ask(&["cohort", "why", "ceu-trio"]).unwrap_or_default();
        why.to_string()
    }

    /// Waits until they hold such words; all of them.
    pub(crate) fn told(&self, words: &str) -> String {
        until(words, || {
            let why = self.why();
            why.contains(words).then_some(why)
        })
    }

    /// Waits until a scheduler has logged such words.
    pub(crate) fn logged(&self, words: &str) {
        until(words, || {
            let mut nodes = self.schedulers.nodes.iter();
            nodes.any(|node| node.said().contains(words)).then_some(())
        });
    }

    /// Waits for the end, which must be a good one with the results that are known.
    pub(crate) fn completed(&self) {
        let state = until("the end of the cohort", || {
            let shown = self.ask(&["cohort", "show", "ceu-trio"])?;
            let state = shown["state"].as_str()?.to_owned();
            (state != "running").then_some(state)
        });
        assert_eq!(state, "completed");
        let out = self.dir.path().join("out");
        assert_eq!(published(&out), published(&EMBEDDED.root()));
    }
}
