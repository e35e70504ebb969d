//! A scheduler and workers beside an object store.

use std::process::Command;

use crate::daemon::{Process, free_ports};
use crate::objects::Site;
use crate::support::{json, kumi, ok, until};

/// A scheduler.
pub(super) struct Cluster<'a> {
    site: &'a Site,
    endpoint: String,
    _scheduler: Process,
}

impl<'a> Cluster<'a> {
    pub(super) fn start(site: &'a Site) -> Self {
        let [port] = free_ports();
        let endpoint = format!("127.0.0.1:{port}");
        let dir = site.world.path("");
        let mut command = kumi();
        command.args(["scheduler", "--listen", &endpoint, "--data-dir"]);
        let scheduler = Process::start(command.arg(dir.join("data")), &dir.join("scheduler.log"));
        let cluster = Self {
            site,
            endpoint,
            _scheduler: scheduler,
        };
        until("a scheduler", || {
            let mut list = cluster.command(&["cohort", "list"]);
            list.output()
                .expect("kumi runs")
                .status
                .success()
                .then_some(())
        });
        cluster
    }

    /// A command of a client, which knows the store.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = kumi();
        command.args(arguments).args(["--endpoint", &self.endpoint]);
        self.site.with_store(command, self.site.s3.port)
    }

    pub(super) fn ask(&self, arguments: &[&str]) -> serde_json::Value {
        json(&ok(self.command(arguments).args(["--output", "json"])))
    }

    pub(super) fn submit(&self, cohort: &std::path::Path, root: &str) {
        let mut submit = self.command(&["cohort", "submit", "--output-dir", root]);
        ok(submit.arg(cohort));
    }

    /// A worker that reaches the store at a port. Workers share a scratch.
    pub(super) fn worker(&self, name: &str, port: u16) -> Process {
        self.worker_with(name, port, &[])
    }

    /// The same with more arguments.
    pub(super) fn worker_with(&self, name: &str, port: u16, more: &[&str]) -> Process {
        let dir = self.site.world.path("");
        let mut worker = kumi();
        worker.args(["worker", "start", "--cores", "1", "--name", name]);
        worker.args(["--report-interval", "100ms", "--endpoint", &self.endpoint]);
        worker.arg("--scratch").arg(dir.join("scratch")).args(more);
        let mut worker = self.site.with_store(worker, port);
        Process::start(&mut worker, &dir.join(format!("{name}.log")))
    }

    /// Waits for the end of a cohort; its state.
    pub(super) fn ended(&self, cohort: &str) -> String {
        until("the end of the cohort", || {
            let shown = self.ask(&["cohort", "show", cohort]);
            let state = shown["state"].as_str().expect("a state").to_owned();
            (state != "running").then_some(state)
        })
    }
}
