//! Any engine that can be asked by three commands: Grid Engine, PBS, LSF, a site's own script. `docs/pools.md` has
//! examples.

use std::path::PathBuf;

use crate::config::Pool;
use crate::pool::command;
use crate::pool::site::{Ask, Call, Element, Phase, Site};

/// Where the list of ids goes, each an argument of its own.
const IDS: &str = "{ids}";

/// A pool of jobs of an engine that is called by commands of the configuration.
pub(super) struct Exec {
    pub(super) name: String,
    /// Of the names of its jobs, up to the number of the request.
    pub(super) prefix: String,
    pub(super) pool: Pool,
    pub(super) program: PathBuf,
}

impl Exec {
    /// A command of the configuration with its places filled.
    fn call(&self, template: &[String], fill: impl Fn(&str) -> String) -> Call {
        let mut words = template.iter().map(|word| fill(word));
        let program = words.next().unwrap_or_default();
        Call::new(&program, words.collect())
    }

    /// What all commands may name.
    fn filled(&self, word: &str) -> String {
        let logs = self.pool.logs.as_deref().unwrap_or("/dev/null".as_ref());
        let seconds = self.pool.time.map_or(0, |time| time.ms() / 1_000);
        word.replace("{prefix}", &self.prefix)
            .replace("{pool}", &self.name)
            .replace("{cores}", &self.pool.cores.to_string())
            .replace(
                "{memory_mib}",
                &(self.pool.memory.bytes() >> 20).to_string(),
            )
            .replace("{seconds}", &seconds.to_string())
            .replace("{logs}", &logs.to_string_lossy())
    }
}

impl Site for Exec {
    fn label(&self) -> &'static str {
        "the site"
    }

    fn ask(&self, ask: &Ask) -> Call {
        let fill = |word: &str| {
            self.filled(word)
                .replace("{name}", &format!("{}{}", self.prefix, ask.request))
                .replace("{workers}", &ask.workers.to_string())
                .replace("{last}", &ask.workers.saturating_sub(1).to_string())
        };
        let line = command::of_worker(&self.name, &self.pool, &self.program, ask);
        // A shell of the job knows its id.
        let job = &self.pool.job;
        Call {
            input: format!(
                "#!/bin/sh\nexec {} --pool-job \"{job}\"\n",
                command::quoted(&line)
            ),
            ..self.call(&self.pool.ask, fill)
        }
    }

    fn job(&self, output: &str) -> Option<String> {
        let line = output.lines().rev().find(|line| !line.trim().is_empty())?;
        line.split_whitespace().next().map(str::to_owned)
    }

    fn list(&self) -> Call {
        self.call(&self.pool.list, |word| self.filled(word))
    }

    fn elements(&self, output: &str) -> Vec<Element> {
        let element = |line: &str| {
            let mut words = line.split_whitespace();
            let (name, job, id, state) =
                (words.next()?, words.next()?, words.next()?, words.next()?);
            let phase = match state {
                "pending" => Phase::Pending,
                "running" => Phase::Running,
                "done" => Phase::Done,
                "failed" => Phase::Failed,
                _ => return None,
            };
            let reason = words.collect::<Vec<_>>().join(" ");
            let said = match (phase, reason.is_empty()) {
                (Phase::Pending | Phase::Failed, false) => format!("{state} ({reason})"),
                (Phase::Failed, true) => state.to_owned(),
                _ => String::new(),
            };
            Some(Element {
                id: id.to_owned(),
                job: job.to_owned(),
                request: name.strip_prefix(&self.prefix)?.parse().ok()?,
                phase,
                reason: said,
            })
        };
        output.lines().filter_map(element).collect()
    }

    fn cancel(&self, ids: &[String]) -> Call {
        let mut template = Vec::new();
        for word in &self.pool.cancel {
            if word == IDS {
                template.extend(ids.iter().cloned());
            } else {
                template.push(self.filled(word));
            }
        }
        self.call(&template, str::to_owned)
    }

    fn advice(&self, _: &str) -> Option<&'static str> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::Exec;
    use crate::pool::fixture::{pool, short};
    use crate::pool::site::{Ask, Phase, Site as _};

    fn exec() -> Exec {
        let text = r#"
            [pool.sge]
            kind = "exec"
            cores = 8
            memory = "16GiB"
            time = "2h"
            max = 9
            job = "$JOB_ID.$SGE_TASK_ID"
            ask = ["qsub", "-terse", "-N", "{name}", "-t", "1-{workers}", "-pe", "smp", "{cores}", "-l", "h_rt={seconds},h_vmem={memory_mib}M"]
            list = ["list", "{prefix}"]
            cancel = ["qdel", "-f", "{ids}"]
        "#;
        Exec {
            name: "sge".to_owned(),
            prefix: "kumi-a-sge-".to_owned(),
            pool: pool(text),
            program: "/opt/kumi".into(),
        }
    }

    #[test]
    fn commands_are_filled() {
        let ask = Ask {
            request: 3,
            workers: 4,
            endpoints: vec!["s:1".to_owned()],
        };
        let call = exec().ask(&ask);
        let said = format!("{} {}", call.program, call.arguments.join(" "));
        assert_eq!(
            said,
            "qsub -terse -N kumi-a-sge-3 -t 1-4 -pe smp 8 -l h_rt=7200,h_vmem=16384M"
        );
        assert!(
            call.input
                .ends_with(" --pool-job \"$JOB_ID.$SGE_TASK_ID\"\n"),
            "{}",
            call.input
        );
        assert_eq!(exec().list().arguments, ["kumi-a-sge-"]);
        let ids = ["7.1".to_owned(), "7.2".to_owned()];
        assert_eq!(exec().cancel(&ids).arguments, ["-f", "7.1", "7.2"]);
    }

    #[test]
    fn lines_are_read() {
        let output = "kumi-a-sge-3 7 7.1 running\nkumi-a-sge-3 7 7.2 pending no free slot\nother 8 8 running\n\
                      kumi-a-sge-2 6 6.1 failed exit 127\nkumi-a-sge-2 6 6.2 unheard-of\n";
        let elements = exec().elements(output);
        assert_eq!(
            short(&elements),
            [
                ("7.1", 3, Phase::Running, ""),
                ("7.2", 3, Phase::Pending, "pending (no free slot)"),
                ("6.1", 2, Phase::Failed, "failed (exit 127)"),
            ]
        );
        assert_eq!(exec().job("7\n").as_deref(), Some("7"));
    }
}
