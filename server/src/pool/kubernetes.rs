//! Kubernetes by `kubectl`: a Job for each worker, made of a template of the site's.

use std::path::PathBuf;

use crate::config::Pool;
use crate::pool::command;
use crate::pool::site::{Ask, Call, Element, Phase, Site};

/// Name of the label by which this pool's objects are found.
const LABEL: &str = "kumi-pool";
const LIST: &str = "custom-columns=NAME:.metadata.name,KIND:.kind,JOB:.metadata.labels.job-name,\
                    ACTIVE:.status.active,READY:.status.ready,SUCCEEDED:.status.succeeded,FAILED:.status.failed,\
                    REASON:.status.conditions[*].message";

/// A pool of Kubernetes Jobs.
pub(super) struct Kubernetes {
    pub(super) name: String,
    /// Of the names of its jobs, up to the number of the request; a name that Kubernetes takes.
    pub(super) prefix: String,
    pub(super) pool: Pool,
    pub(super) program: PathBuf,
    /// What a worker's Job is made of.
    pub(super) template: String,
}

impl Kubernetes {
    fn kubectl(&self, words: &[&str]) -> Call {
        let namespace = self.pool.namespace.iter();
        let namespace =
            namespace.flat_map(|namespace| ["--namespace".to_owned(), namespace.clone()]);
        let words = words.iter().map(|word| (*word).to_owned());
        Call::new("kubectl", words.chain(namespace).collect())
    }

    /// The label's value: without the dash that stands before the number.
    fn label(&self) -> &str {
        self.prefix.trim_end_matches('-')
    }

    fn job(&self, request: u64, worker: u32) -> String {
        format!("{}{request}-{worker}", self.prefix)
    }

    /// A worker's Job.
    fn manifest(&self, ask: &Ask, worker: u32) -> String {
        let job = self.job(ask.request, worker);
        let mut line = command::of_worker(&self.name, &self.pool, &self.program, ask);
        line.extend(["--pool-job".to_owned(), job.clone()]);
        // JSON is YAML, and so are lists of strings as Rust writes them when they are plain.
        let words = line
            .iter()
            .map(|word| format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")));
        let words = words.collect::<Vec<_>>().join(", ");
        let seconds = self
            .pool
            .time
            .map_or(366 * 86_400, |time| time.ms() / 1_000);
        self.template
            .replace("{name}", &job)
            .replace("{label}", self.label())
            .replace("{command}", &format!("[{words}]"))
            .replace("{cores}", &self.pool.cores.to_string())
            .replace(
                "{memory_mib}",
                &(self.pool.memory.bytes() >> 20).to_string(),
            )
            .replace("{seconds}", &seconds.to_string())
    }
}

impl Site for Kubernetes {
    fn label(&self) -> &'static str {
        "Kubernetes"
    }

    fn ask(&self, ask: &Ask) -> Call {
        let manifests = (0..ask.workers).map(|worker| self.manifest(ask, worker));
        Call {
            input: manifests.collect::<Vec<_>>().join("\n---\n"),
            ..self.kubectl(&["create", "--filename", "-", "--output", "name"])
        }
    }

    fn job(&self, output: &str) -> Option<String> {
        let name = output
            .lines()
            .find_map(|line| line.trim().split('/').next_back())?;
        let (job, _) = name.rsplit_once('-')?;
        job.starts_with(&self.prefix).then(|| job.to_owned())
    }

    fn list(&self) -> Call {
        let selector = format!("{LABEL}={}", Kubernetes::label(self));
        let words = [
            "get",
            "jobs,pods",
            "--no-headers",
            "--selector",
            &selector,
            "--output",
            LIST,
        ];
        self.kubectl(&words)
    }

    fn elements(&self, output: &str) -> Vec<Element> {
        let lines: Vec<Line<'_>> = output.lines().filter_map(Line::of).collect();
        let jobs = lines.iter().filter(|line| line.kind == "Job");
        let element = |line: &Line<'_>| {
            let (job, _) = line.name.rsplit_once('-')?;
            let pod = lines
                .iter()
                .find(|other| other.kind == "Pod" && other.job == line.name);
            let phase = line.phase();
            let said = match phase {
                Phase::Pending => pod.map_or(line.reason, |pod| pod.reason),
                _ => line.reason,
            };
            Some(Element {
                id: line.name.to_owned(),
                job: job.to_owned(),
                request: job.strip_prefix(&self.prefix)?.parse().ok()?,
                phase,
                reason: match (phase, said) {
                    (Phase::Pending, "" | "<none>") => String::new(),
                    (Phase::Pending, said) => format!("pending ({said})"),
                    (Phase::Failed, "" | "<none>") => "failed".to_owned(),
                    (Phase::Failed, said) => format!("failed ({said})"),
                    _ => String::new(),
                },
            })
        };
        jobs.filter_map(element).collect()
    }

    fn cancel(&self, ids: &[String]) -> Call {
        let mut words = vec!["delete", "jobs", "--ignore-not-found", "--wait=false"];
        words.extend(ids.iter().map(String::as_str));
        self.kubectl(&words)
    }

    fn advice(&self, reason: &str) -> Option<&'static str> {
        let has = |words: &[&str]| words.iter().any(|word| reason.contains(word));
        if has(&["Insufficient"]) {
            Some(
                "no node has that much free: wait, add nodes, or lower the pool's `cores` or `memory`",
            )
        } else if has(&["exceeded quota", "forbidden"]) {
            Some("the namespace's quota or the scheduler's service account does not allow it")
        } else if has(&["untolerated taint", "didn't match"]) {
            Some("correct tolerations and node selector of the pool's `template`")
        } else {
            None
        }
    }
}

/// A line of [`LIST`].
struct Line<'a> {
    name: &'a str,
    kind: &'a str,
    job: &'a str,
    ready: bool,
    succeeded: bool,
    failed: bool,
    active: bool,
    reason: &'a str,
}

impl<'a> Line<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let mut rest = line.trim();
        let mut word = || {
            let (word, after) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
            rest = after.trim_start();
            (!word.is_empty()).then_some(word)
        };
        let count =
            |word: Option<&str>| word.is_some_and(|word| word.parse().is_ok_and(|n: u64| n > 0));
        let (name, kind, job) = (word()?, word()?, word()?);
        let (active, ready) = (count(word()), count(word()));
        let (succeeded, failed) = (count(word()), count(word()));
        Some(Self {
            name,
            kind,
            job,
            ready,
            succeeded,
            failed,
            active,
            reason: rest,
        })
    }

    fn phase(&self) -> Phase {
        match self {
            Self {
                succeeded: true, ..
            } => Phase::Done,
            Self { ready: true, .. } => Phase::Running,
            Self {
                failed: true,
                active: false,
                ..
            } => Phase::Failed,
            _ => Phase::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Kubernetes;
    use crate::pool::fixture::{pool, short};
    use crate::pool::site::{Ask, Phase, Site as _};

    fn kubernetes() -> Kubernetes {
        let text = r#"
            [pool.k8s]
            kind = "kubernetes"
            cores = 8
            memory = "16GiB"
            max = 9
            namespace = "genomics"
            template = "worker.yaml"
        "#;
        Kubernetes {
            name: "k8s".to_owned(),
            prefix: "kumi-a-k8s-".to_owned(),
            pool: pool(text),
            program: "kumi".into(),
            template:
                "name: {name}\nlabels: {kumi-pool: {label}}\ncommand: {command}\ncpu: {cores}\n"
                    .to_owned(),
        }
    }

    #[test]
    fn each_worker_is_a_job() {
        let ask = Ask {
            request: 3,
            workers: 2,
            endpoints: vec!["s:1".to_owned()],
        };
        let call = kubernetes().ask(&ask);
        assert_eq!(
            call.arguments.join(" "),
            "create --filename - --output name --namespace genomics"
        );
        let documents: Vec<&str> = call.input.split("\n---\n").collect();
        assert_eq!(documents.len(), 2);
        assert!(
            documents[1].starts_with("name: kumi-a-k8s-3-1\nlabels: {kumi-pool: kumi-a-k8s}\n")
        );
        assert!(
            documents[1].contains("\"--pool-job\", \"kumi-a-k8s-3-1\"]\ncpu: 8"),
            "{}",
            documents[1]
        );
        let created = "job.batch/kumi-a-k8s-3-0\njob.batch/kumi-a-k8s-3-1\n";
        assert_eq!(
            super::Site::job(&kubernetes(), created).as_deref(),
            Some("kumi-a-k8s-3")
        );
    }

    #[test]
    fn jobs_and_their_pods_are_read_together() {
        let output = "\
kumi-a-k8s-3-0         Job   kumi-a-k8s-3-0   1        1        <none>   <none>   <none>
kumi-a-k8s-3-1         Job   kumi-a-k8s-3-1   1        0        <none>   <none>   <none>
kumi-a-k8s-3-2         Job   <none>           <none>   <none>   1        <none>   Reached expected number
kumi-a-k8s-2-0         Job   <none>           <none>   <none>   <none>   1        Job has reached the specified backoff limit
kumi-a-k8s-3-1-xkcd1   Pod   kumi-a-k8s-3-1   <none>   <none>   <none>   <none>   0/3 nodes are available: 3 Insufficient cpu.
";
        let elements = kubernetes().elements(output);
        assert_eq!(
            short(&elements),
            [
                ("kumi-a-k8s-3-0", 3, Phase::Running, ""),
                (
                    "kumi-a-k8s-3-1",
                    3,
                    Phase::Pending,
                    "pending (0/3 nodes are available: 3 Insufficient cpu.)"
                ),
                ("kumi-a-k8s-3-2", 3, Phase::Done, ""),
                (
                    "kumi-a-k8s-2-0",
                    2,
                    Phase::Failed,
                    "failed (Job has reached the specified backoff limit)"
                ),
            ]
        );
    }
}
