//! Scripts of commands and what they lead to: `testdata/*.txt`. A block is commands, a line `----`,
//! and what is printed; blocks are parted by blank lines. `KUMI_REWRITE=1` writes what is printed
//! into the files; read the difference before you keep it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use crate::support::{Checked, Shape, finished, hello, manifest};
use kumi_proto::ids::WorkerId;
use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::policy::{self, Offer};
use kumi_scheduler::{Outcome, Verdict};

#[test]
fn scripts_lead_where_they_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata");
    let entries = std::fs::read_dir(&folder).expect("testdata is there");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("readable").path())
        .collect();
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let text = std::fs::read_to_string(&path).expect("a script is text");
        let again = run(&text);
        if std::env::var_os("KUMI_REWRITE").is_some() {
            std::fs::write(&path, again).expect("the script can be written");
        } else if text != again {
            let difference = text.lines().zip(again.lines()).find(|(a, b)| a != b);
            panic!("{}: {difference:?}\n{again}", path.display());
        }
    }
}

/// Runs a script and writes it again with what happened.
fn run(text: &str) -> String {
    let mut script = Script::default();
    let mut again = String::new();
    let mut skipping = false;
    let mut block = String::new();
    for line in text.lines().chain([""]) {
        if line == "----" {
            skipping = true;
            let _ = writeln!(again, "----");
            for command in block.lines() {
                let _ = write!(again, "{}", script.run(command));
            }
            block.clear();
        } else if line.is_empty() {
            skipping = false;
            again.push('\n');
        } else if !skipping {
            let _ = writeln!(again, "{line}");
            if !line.starts_with('#') {
                let _ = writeln!(block, "{line}");
            }
        }
    }
    format!("{}\n", again.trim_end())
}

#[derive(Default)]
struct Script {
    checked: Checked,
    now_ms: u64,
    workers: BTreeMap<String, u64>,
    /// Everything ever granted, by attempt, with the worker that got it.
    starts: BTreeMap<u64, (u64, v1::Start)>,
    /// When it was.
    granted_ms: BTreeMap<u64, u64>,
}

/// `key=value` words of a command, and the others.
struct Words<'a> {
    plain: Vec<&'a str>,
    named: BTreeMap<&'a str, &'a str>,
}

impl<'a> Words<'a> {
    fn of(line: &'a str) -> Self {
        let (named, plain): (Vec<&str>, Vec<&str>) =
            line.split_whitespace().partition(|word| word.contains('='));
        let named = named.into_iter().filter_map(|word| word.split_once('='));
        Self {
            plain,
            named: named.collect(),
        }
    }

    fn text(&self, name: &str) -> String {
        self.named.get(name).copied().unwrap_or_default().to_owned()
    }

    fn list(&self, name: &str) -> Vec<String> {
        let list = self.text(name);
        let words = list.split(',').filter(|word| !word.is_empty());
        words.map(str::to_owned).collect()
    }

    fn number(&self, name: &str, otherwise: u64) -> u64 {
        let text = self.named.get(name);
        text.map_or(otherwise, |text| text.parse().expect("a number"))
    }

    fn at(&self, place: usize) -> &'a str {
        self.plain.get(place).copied().unwrap_or_default()
    }
}

impl Script {
    fn run(&mut self, line: &str) -> String {
        let words = Words::of(line);
        self.now_ms = words.number("at", self.now_ms + 1_000);
        match words.at(0) {
            "open" => self.open(&words),
            "worker" => self.worker(&words),
            "pick" => self.pick(&words),
            "grant" => self.grant(&words),
            "done" => self.settle(&words, |start| Finished::Manifest(manifest(spec(start)))),
            "fail" => {
                let class = class(&words.text("class"));
                let message = words.text("message").replace('_', " ");
                self.settle(&words, |_| {
                    Finished::Failure(v1::Failure {
                        class: class.into(),
                        message: message.clone(),
                    })
                })
            }
            "part" => self.part(&words),
            "splits" => self.splits(&words),
            "work" => self.work(&words),
            "show" => self.show(&words),
            "detail" => self.detail(&words),
            "why" => self.why(&words),
            "workers" => self.list_workers(),
            "targets" => self.targets(),
            "tallies" => self.tallies(),
            "spec" => self.told(&words, describe),
            "batches" => self.told(&words, batches),
            "shards" => self.told(&words, shards),
            "regions" => self.told(&words, regions),
            "restart" => {
                self.checked.restart();
                String::new()
            }
            _ => self.simple(&words),
        }
    }

    /// `WORD ATTEMPT…`: what those were told.
    fn told(&self, words: &Words<'_>, tell: impl Fn(&v1::Start) -> String) -> String {
        let attempts = words.plain[1..].iter();
        let tell = |word: &&str| {
            let attempt: u64 = word.parse().expect("an attempt");
            match self.starts.get(&attempt) {
                Some((_, start)) => tell(start),
                None => format!("attempt {attempt} was never granted\n"),
            }
        };
        attempts.map(tell).collect()
    }

    fn apply(&mut self, kind: Kind) -> Outcome {
        self.checked.apply(self.now_ms, kind)
    }

    fn open(&mut self, words: &Words<'_>) -> String {
        let otherwise = Shape::default();
        let small = |name: &str, otherwise: u32| {
            u32::try_from(words.number(name, otherwise.into())).expect("small")
        };
        let shape = Shape {
            request_id: words.text("request"),
            name: words.at(1).to_owned(),
            programme: words.named.get("programme").unwrap_or(&"p").to_string(),
            samples: words.list("samples"),
            from_gvcf: words.list("gvcf"),
            case: words.text("case"),
            chunks: small("chunks", 0),
            whole: words.list("whole"),
            regions: small("regions", 0),
            batch_samples: small("batch", 0),
            genotypes: match words.text("genotypes").as_str() {
                "store" => v1::Genotypes::Store,
                "bcf" => v1::Genotypes::BcfChunks,
                _ => v1::Genotypes::Unspecified,
            },
            call_shards: small("call", otherwise.call_shards),
            joint_shards: small("joint", otherwise.joint_shards),
            cores_per_align: small("cores", 0),
            quarantine: words.text("policy") == "quarantine",
            index_given: words.text("index") == "given",
            priority: match words.text("priority").as_str() {
                "urgent" => v1::Priority::Urgent,
                "bulk" => v1::Priority::Bulk,
                _ => v1::Priority::Normal,
            },
            kernel_version: words.named.get("kernel").unwrap_or(&"k1").to_string(),
            filters: match words.text("filters").as_str() {
                "off" => v1::Filters::Off,
                "standard" => v1::Filters::Standard,
                "strict" => v1::Filters::Strict,
                _ => v1::Filters::Unspecified,
            },
            ..otherwise
        };
        let outcome = self.apply(shape.open());
        say(&outcome)
    }

    fn worker(&mut self, words: &Words<'_>) -> String {
        let name = words.at(1);
        let cores = u32::try_from(words.number("cores", 8)).expect("small");
        let mut hello = hello(name, &words.text("run"), cores, words.number("gib", 16));
        if let Some(version) = words.named.get("kernel") {
            hello.kernel_version = version.to_string();
        }
        let hello = Some(hello);
        let outcome = self.apply(Kind::Register(v1::Register { hello }));
        if let Outcome::Registered(id) = &outcome {
            self.workers.insert(name.to_owned(), id.0);
        }
        say(&outcome)
    }

    /// `part ATTEMPT bases=N [ms=N,…] [in=DIRECTORY]`: a call task ends with its first bases.
    fn part(&mut self, words: &Words<'_>) -> String {
        let attempt: u64 = words.at(1).parse().expect("an attempt");
        let Some((worker, start)) = self.starts.get(&attempt).cloned() else {
            return format!("attempt {attempt} was never granted\n");
        };
        let part_bases = words.number("bases", 0);
        let mut manifest = manifest(spec(&start));
        manifest.directory = match words.text("in").as_str() {
            "whole" => manifest.directory,
            _ => format!("{}-{part_bases}", manifest.directory),
        };
        let milliseconds = words.list("ms").into_iter();
        let finished = v1::FinishedTask {
            bin_milliseconds: milliseconds
                .map(|ms| ms.parse().expect("a number"))
                .collect(),
            part_bases,
            ..finished(attempt, spec(&start).task, Finished::Manifest(manifest))
        };
        let outcome = self.apply(Kind::Settle(v1::Settle {
            worker,
            finished: vec![finished],
        }));
        say(&outcome)
    }

    /// `splits after=MS [asked=ATTEMPT,…]`: what the policy wants to be split when the workers offer what is free.
    fn splits(&self, words: &Words<'_>) -> String {
        let offers = self.checked.state.workers().into_iter().filter_map(|view| {
            let (worker, offer) = self.free(&view.hello.name);
            (worker == view.id.0 && offer.free_cores > 0).then_some(offer)
        });
        let asked = words.list("asked");
        let watch = policy::Watch {
            age_ms: &|attempt| self.now_ms - self.granted_ms[&attempt],
            after_ms: words.number("after", 0),
            copy_after_ms: u64::MAX,
            offers: &offers.collect::<Vec<_>>(),
            was_asked: &|attempt| asked.contains(&attempt.to_string()),
        };
        let splits = policy::split(&self.checked.state, &watch);
        let splits = splits.into_iter().map(|(_, attempt)| attempt);
        format!("{:?}\n", splits.collect::<Vec<_>>())
    }

    fn offered(&self, words: &Words<'_>, max: usize) -> (u64, Vec<v1::TaskId>) {
        let (id, offer) = self.free(words.at(1));
        (id, policy::pick(&self.checked.state, &offer, max))
    }

    /// What a worker has free.
    fn free(&self, name: &str) -> (u64, Offer) {
        let id = self.workers[name];
        let views = self.checked.state.workers();
        let view = views.iter().find(|view| view.id == WorkerId(id));
        let starts = self.checked.state.starts_of(WorkerId(id), specs::NEWEST);
        let specs = starts.iter().map(spec);
        let cores: u32 = specs.clone().map(|spec| spec.cores).sum();
        let memory: u64 = specs.map(|spec| spec.memory_bytes).sum();
        let hello = view.map(|view| view.hello.clone()).unwrap_or_default();
        let offer = Offer {
            worker: WorkerId(id),
            free_cores: hello.cores.saturating_sub(cores),
            free_memory_bytes: hello.memory_bytes.saturating_sub(memory),
        };
        (id, offer)
    }

    fn give(&mut self, worker: u64, tasks: Vec<v1::TaskId>) -> Vec<v1::Start> {
        let grant = v1::Grant {
            worker,
            tasks,
            lease_ms: 60_000,
        };
        match self.apply(Kind::Grant(grant)) {
            Outcome::Granted(granted) => {
                let starts = self.checked.state.starts(&granted, specs::NEWEST);
                for start in &starts {
                    self.starts.insert(start.attempt, (worker, start.clone()));
                    self.granted_ms.insert(start.attempt, self.now_ms);
                }
                starts
            }
            other => panic!("{other:?}"),
        }
    }

    /// `pick WORKER [max=N]`: what the policy picks is granted.
    fn pick(&mut self, words: &Words<'_>) -> String {
        let max = usize::try_from(words.number("max", 100)).expect("small");
        let (worker, tasks) = self.offered(words, max);
        let starts = self.give(worker, tasks);
        starts.iter().map(granted).collect()
    }

    /// `grant WORKER STAGE[ROW,COLUMN] cohort=N`.
    fn grant(&mut self, words: &Words<'_>) -> String {
        let worker = self.workers[words.at(1)];
        let task = task(words.at(2), words.number("cohort", 1));
        let starts = self.give(worker, vec![task]);
        starts.iter().map(granted).collect()
    }

    /// `done|fail ATTEMPT… [by=WORKER] [ms=N,…]`.
    fn settle(&mut self, words: &Words<'_>, result: impl Fn(&v1::Start) -> Finished) -> String {
        let mut settle = v1::Settle::default();
        for word in &words.plain[1..] {
            let attempt: u64 = word.parse().expect("an attempt");
            let Some((worker, start)) = self.starts.get(&attempt) else {
                return format!("attempt {attempt} was never granted\n");
            };
            let by = words.named.get("by").map(|name| self.workers[*name]);
            settle.worker = by.unwrap_or(*worker);
            let milliseconds = words.list("ms").into_iter();
            settle.finished.push(v1::FinishedTask {
                bin_milliseconds: milliseconds
                    .map(|ms| ms.parse().expect("a number"))
                    .collect(),
                ..finished(attempt, spec(start).task, result(start))
            });
        }
        let outcome = self.apply(Kind::Settle(settle));
        say(&outcome)
    }

    /// `work WORKER [stop=STAGE]`: picks and finishes until nothing is left, or a stage is reached.
    fn work(&mut self, words: &Words<'_>) -> String {
        let mut done: BTreeMap<&'static str, u32> = BTreeMap::new();
        let stop = words.text("stop");
        loop {
            let (worker, tasks) = self.offered(words, 1);
            let reached = |task: &v1::TaskId| task.stage().label() == stop;
            if tasks.is_empty() || tasks.iter().any(reached) {
                break;
            }
            for start in self.give(worker, tasks) {
                let spec = spec(&start);
                let result = Finished::Manifest(manifest(spec));
                let settle = v1::Settle {
                    worker,
                    finished: vec![finished(start.attempt, spec.task, result)],
                };
                let label = spec.task.unwrap_or_default().stage().label();
                *done.entry(label).or_default() += 1;
                self.apply(Kind::Settle(settle));
            }
        }
        format!("finished {done:?}\n")
    }

    fn simple(&mut self, words: &Words<'_>) -> String {
        let request_id = words.text("request");
        let reason = words.text("reason").replace('_', " ");
        let name = words.at(1).to_owned();
        let cohort = name.parse().unwrap_or(0);
        let kind = match words.at(0) {
            "withdraw" | "readmit" => Kind::Withdraw(v1::Withdraw {
                request_id,
                cohort,
                samples: words.list("samples"),
                undo: words.at(0) == "readmit",
                reason,
            }),
            "purge" => Kind::Purge(v1::Purge {
                request_id,
                cohort,
                samples: words.list("samples"),
            }),
            "build" => Kind::Build(v1::Build { request_id, cohort }),
            "expire" => Kind::Expire(v1::Expire {
                worker: self.workers[name.as_str()],
                reason,
            }),
            "cancel" => Kind::Cancel(v1::Cancel {
                request_id,
                cohort,
                reason,
            }),
            "retry" => Kind::Retry(v1::Retry {
                request_id,
                cohort,
                samples: words.list("samples"),
                missing: words.plain[2..].iter().map(|t| task(t, cohort)).collect(),
            }),
            "drain" | "resume" => Kind::Drain(v1::Drain {
                request_id,
                name,
                resume: words.at(0) == "resume",
                reason,
            }),
            "term" => Kind::NewTerm(v1::NewTerm {
                leader: 1,
                lease_ms: 60_000,
            }),
            "target" => Kind::SetTarget(v1::SetTarget {
                request_id,
                target: Some(v1::Target {
                    programme: name,
                    unit: words.text("unit"),
                    count: words.number("count", 0),
                    deadline_ms: words.number("by", 0),
                    set_ms: 0,
                }),
            }),
            other => panic!("unknown command {other}"),
        };
        let outcome = self.apply(kind);
        say(&outcome)
    }

    fn show(&self, words: &Words<'_>) -> String {
        let state = &self.checked.state;
        let Some(summary) = state.find(words.at(1)).and_then(|id| state.summary(id)) else {
            return format!("there is no cohort {}\n", words.at(1));
        };
        let mut text = format!(
            "cohort {} {:?}: {} of {} samples done, {} quarantined",
            summary.cohort,
            summary.state(),
            summary.samples_done,
            summary.samples,
            summary.samples_quarantined,
        );
        if !summary.reason.is_empty() {
            let _ = write!(text, "; {}", summary.reason);
        }
        text.push('\n');
        for stage in &summary.stages {
            let counts = [
                ("waiting", stage.waiting),
                ("ready", stage.ready),
                ("running", stage.running),
                ("done", stage.done),
                ("failed", stage.failed),
                ("quarantined", stage.quarantined),
                ("cancelled", stage.cancelled),
                ("skipped", stage.skipped),
            ];
            let _ = write!(text, "  {}:", stage.stage().label());
            for (name, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
                let _ = write!(text, " {count} {name}");
            }
            text.push('\n');
        }
        text
    }

    fn detail(&self, words: &Words<'_>) -> String {
        let state = &self.checked.state;
        let Some(detail) = state
            .find(words.at(1))
            .and_then(|id| state.detail(id, false))
        else {
            return format!("there is no cohort {}\n", words.at(1));
        };
        let place = |manifest: Option<&v1::Manifest>| {
            manifest.map_or_else(|| "-".to_owned(), |manifest| manifest.directory.clone())
        };
        let mut text = String::new();
        for sample in &detail.samples {
            let _ = writeln!(
                text,
                "{} {}{}: cram {}, gvcf {}",
                sample.name,
                sample.state,
                if sample.reason.is_empty() {
                    String::new()
                } else {
                    format!(" ({})", sample.reason)
                },
                place(sample.alignment.as_ref()),
                place(sample.gvcf.as_ref()),
            );
        }
        let _ = writeln!(
            text,
            "reference {}, release {}",
            place(detail.reference.as_ref()),
            place(detail.release.as_ref())
        );
        text
    }

    /// `why COHORT [sample=S] [STAGE[ROW,COLUMN]]`.
    fn why(&self, words: &Words<'_>) -> String {
        let state = &self.checked.state;
        let id = state.find(words.at(1)).expect("a cohort");
        let task = words.plain.get(2).map(|word| task(word, id.0));
        let why = state.why(None, id, &words.text("sample"), task.as_ref(), self.now_ms);
        let mut text = String::new();
        for why in why {
            let task = name(&why.task.unwrap_or_default());
            let _ = write!(text, "{task} {:?}: {}", why.state(), why.reason);
            if why.expected_ms > 0 {
                let _ = write!(text, "; {} ms expected", why.expected_ms);
            }
            text.push('\n');
        }
        text
    }

    fn list_workers(&self) -> String {
        let mut text = String::new();
        for view in self.checked.state.workers() {
            let tasks: Vec<String> = view
                .attempts
                .iter()
                .map(|(attempt, task)| format!("{attempt}={}", name(task)))
                .collect();
            let _ = writeln!(
                text,
                "{} {} {} since {} {tasks:?}",
                view.id,
                view.hello.name,
                view.state.label(),
                view.since_ms
            );
        }
        text
    }

    fn targets(&self) -> String {
        let mut text = String::new();
        for progress in self.checked.state.targets(None, self.now_ms) {
            let target = progress.target.unwrap_or_default();
            let _ = writeln!(
                text,
                "{} {}: {} of {}, {} received, {} failed, {:.3} a day needed, {:.3} a day, projected {}",
                target.programme,
                target.unit,
                progress.completed,
                target.count,
                progress.received,
                progress.failed,
                progress.required_per_day,
                progress.actual_per_day,
                progress.projected_ms
            );
        }
        text
    }

    fn tallies(&self) -> String {
        let tallies = self.checked.state.tallies();
        let mut text = String::new();
        for (family, counters) in [
            ("received", &tallies.received),
            ("completed", &tallies.completed),
        ] {
            for (labels, parts) in counters {
                let unit = labels.unit;
                let _ = writeln!(text, "{family} {} {}", unit.label(), unit.of_parts(*parts));
            }
        }
        for ((labels, reason), parts) in &tallies.failed {
            let _ = writeln!(
                text,
                "failed {} {} {parts}",
                labels.unit.label(),
                reason.label()
            );
        }
        for ((stage, ending, reason), count) in &tallies.finished {
            let _ = writeln!(
                text,
                "{} {} {} {count}",
                stage.label(),
                ending.label(),
                reason.label()
            );
        }
        let _ = writeln!(text, "workers lost {}", tallies.workers_lost);
        text
    }
}

fn spec(start: &v1::Start) -> &v1::Spec {
    start.spec.as_ref().expect("a start has a specification")
}

fn name(task: &v1::TaskId) -> String {
    format!(
        "{}:{}[{},{}]",
        task.cohort,
        task.stage().label(),
        task.row,
        task.column
    )
}

/// `align[0,0]`.
fn task(text: &str, cohort: u64) -> v1::TaskId {
    let parse = || {
        let (stage, rest) = text.split_once('[')?;
        let (row, column) = rest.strip_suffix(']')?.split_once(',')?;
        let stage = kumi_proto::STAGES
            .into_iter()
            .find(|known| known.label() == stage)?;
        Some(v1::TaskId {
            cohort,
            stage: stage.into(),
            row: row.parse().ok()?,
            column: column.parse().ok()?,
        })
    };
    parse().expect("a task is written as stage[row,column]")
}

fn class(text: &str) -> v1::FailureClass {
    match text {
        "transient" => v1::FailureClass::Transient,
        "memory" => v1::FailureClass::OutOfMemory,
        "input" => v1::FailureClass::BadInput,
        "internal" => v1::FailureClass::Internal,
        "stopped" => v1::FailureClass::Stopped,
        other => panic!("unknown class {other}"),
    }
}

fn granted(start: &v1::Start) -> String {
    let spec = spec(start);
    format!(
        "attempt {} {} {} cores {} MiB\n",
        start.attempt,
        name(&spec.task.unwrap_or_default()),
        spec.cores,
        spec.memory_bytes >> 20
    )
}

fn describe(start: &v1::Start) -> String {
    format!("{:#?}\n", spec(start))
}

/// What a gVCF is made of.
fn shards(start: &v1::Start) -> String {
    let Some(v1::spec::Kind::Gvcf(gvcf)) = &spec(start).kind else {
        return "no gVCF\n".to_owned();
    };
    let shards = gvcf.shards.iter().map(|shard| shard.directory.as_str());
    let shards: Vec<&str> = shards.collect();
    format!("attempt {}: {}\n", start.attempt, shards.join(" "))
}

/// What is ingested together, or of what batches a shard is genotyped.
fn batches(start: &v1::Start) -> String {
    use v1::spec::Kind;
    let batches = match &spec(start).kind {
        Some(Kind::Ingest(ingest)) => {
            let gvcfs = ingest.gvcfs.iter().map(|gvcf| gvcf.directory.as_str());
            let samples = ingest.samples.iter().zip(gvcfs);
            let samples = samples.map(|(sample, gvcf)| format!("  {sample} {gvcf}\n"));
            let source = ingest.source.as_ref();
            let source = source.map_or(String::new(), |from| format!(" from {}", from.directory));
            return format!(
                "ingests in {}{source}\n{}",
                spec(start).directory,
                samples.collect::<String>()
            );
        }
        Some(Kind::Purge(purge)) => {
            let directories = purge.directories.iter();
            let directories = directories.map(|directory| format!("  {directory}\n"));
            return format!(
                "removes {:?}, keeps {:?}\n{}",
                purge.samples,
                purge.kept,
                directories.collect::<String>()
            );
        }
        Some(Kind::Census(census)) => return counted(census),
        Some(Kind::Joint(joint)) if joint.census.is_some() => {
            let census = joint.census.as_ref();
            let directory = census.map_or("", |census| &census.directory);
            return format!("  the sites of {directory}\n");
        }
        Some(Kind::Joint(v1::JointSpec {
            chunk: Some(chunk), ..
        })) => {
            let (number, form, directory) = (
                chunk.number,
                chunk.genotypes().label(),
                &spec(start).directory,
            );
            return format!("  chunk {number} of {directory} as {form}\n");
        }
        Some(Kind::Joint(joint)) => &joint.batches,
        _ => return "no batches\n".to_owned(),
    };
    batches.iter().map(batch).collect()
}

fn batch(batch: &v1::Batch) -> String {
    let segments = batch.segments.as_ref();
    let directory = segments.map_or("", |segments| &segments.directory);
    format!("  {directory} without {:?}\n", batch.excluded)
}

/// What a census is the sum of.
fn counted(census: &v1::CensusSpec) -> String {
    let base = census.base.as_ref();
    let base = base.map(|base| format!("  begins from {}\n", base.directory));
    let batches = census.batches.iter().map(batch);
    let withdrawn = census.withdrawn.iter();
    let withdrawn = withdrawn.map(|batch| {
        let segments = batch.segments.as_ref();
        let directory = segments.map_or("", |segments| &segments.directory);
        format!("  takes {:?} of {directory} away\n", batch.excluded)
    });
    base.into_iter().chain(batches).chain(withdrawn).collect()
}

/// What a call task is to call.
fn regions(start: &v1::Start) -> String {
    let Some(v1::spec::Kind::Call(call)) = &spec(start).kind else {
        return "no call\n".to_owned();
    };
    let regions = call.regions.iter();
    let regions = regions.map(|r| format!("{}:{}-{}", r.contig, r.start, r.end));
    let regions: Vec<String> = regions.collect();
    let directory = &spec(start).directory;
    format!(
        "attempt {} in {directory}: {}\n",
        start.attempt,
        regions.join(" ")
    )
}

fn say(outcome: &Outcome) -> String {
    let mut text = match outcome {
        Outcome::Opened {
            cohort,
            existed,
            tasks,
            tasks_reused,
        } => {
            let word = if *existed { "existed" } else { "opened" };
            format!("{word} cohort {cohort}: {tasks} tasks, {tasks_reused} reused")
        }
        Outcome::Settled(settlements) => {
            let verdicts: Vec<String> = settlements
                .iter()
                .map(|settlement| {
                    let verdict = match settlement.verdict {
                        Verdict::Committed => "committed",
                        Verdict::Failed { again: true } => "failed, again",
                        Verdict::Failed { again: false } => "failed for good",
                        Verdict::Refused => "refused",
                    };
                    format!("{} {verdict}", settlement.attempt)
                })
                .collect();
            verdicts.join("; ")
        }
        Outcome::Expired { tasks } => format!("expired {tasks}"),
        Outcome::Cancelled { tasks } => format!("cancelled {tasks}"),
        Outcome::Retried { tasks } => format!("retried {tasks}"),
        Outcome::Withdrawn { samples } => format!("withdrawn {samples}"),
        Outcome::Registered(id) => format!("registered {id}"),
        Outcome::Refused(rejection) => format!("{}: {rejection}", rejection.reason()),
        other => format!("{other:?}"),
    };
    text.push('\n');
    text
}
