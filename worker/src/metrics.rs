//! What a worker counts about itself, for Prometheus. Labels come from closed sets; none names a sample.

use std::sync::{Arc, Mutex, PoisonError};

use kumi_proto::v1::Stage;
use kumi_proto::{STAGES, v1};
use kumi_tls::Credentials;
use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{
    CounterVec, Gauge, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::agent::TaskResult;
use crate::certificate::Certificate;
use crate::measure;
use crate::supply::Supply;

/// All metrics of a worker.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    info: Arc<Info>,
    reads: IntCounterVec,
    bases: IntCounterVec,
    core_seconds: CounterVec,
    peak_rss: IntGauge,
    cores: IntGaugeVec,
    memory: IntGaugeVec,
    running: IntGaugeVec,
    finished: IntCounterVec,
    connected: Gauge,
    sessions_broken: IntCounter,
    certificate: Option<Certificate>,
    supply: Option<Supply>,
}

/// What a kernel counts while it works.
#[derive(Clone, Debug)]
pub struct Meter {
    reads: IntCounter,
    bases: IntCounter,
    info: Option<Arc<Info>>,
}

/// What the worker is: one series, whose last label tells the reference that was opened last.
#[derive(Debug)]
struct Info {
    series: IntGaugeVec,
    labels: [String; 3],
    reference: Mutex<String>,
}

impl Info {
    fn new(all: &Registry, hello: &v1::WorkerHello) -> prometheus::Result<Self> {
        let opts = Opts::new("kumi_worker_info", "What this worker is; always 1.");
        let labels = ["version", "cpu", "kernel_version", "reference_digest"];
        let info = Self {
            series: registered(all, IntGaugeVec::new(opts, &labels))?,
            labels: [&hello.version, &hello.cpu, &hello.kernel_version].map(Clone::clone),
            reference: Mutex::default(),
        };
        info.series.with_label_values(&info.values("")).set(1);
        Ok(info)
    }

    fn values<'a>(&'a self, reference: &'a str) -> [&'a str; 4] {
        let [version, cpu, kernels] = &self.labels;
        [version, cpu, kernels, reference]
    }

    fn set_reference(&self, digest: &str) {
        let mut now = self
            .reference
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *now != digest {
            // The old series is there: it was made with these values.
            let _ = self.series.remove_label_values(&self.values(&now));
            self.series.with_label_values(&self.values(digest)).set(1);
            digest.clone_into(&mut now);
        }
    }
}

impl Default for Meter {
    /// Counts that nobody scrapes.
    fn default() -> Self {
        let counter = |name| IntCounter::new(name, "not registered").expect("a plain name");
        Self {
            reads: counter("reads"),
            bases: counter("bases"),
            info: None,
        }
    }
}

impl Meter {
    /// Reads and their bases went through the kernel.
    pub(crate) fn add(&self, reads: u64, bases: u64) {
        self.reads.inc_by(reads);
        self.bases.inc_by(bases);
    }

    /// The reference of this digest was opened.
    pub(crate) fn reference(&self, digest: &str) {
        if let Some(info) = &self.info {
            info.set_reference(digest);
        }
    }
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    made: prometheus::Result<C>,
) -> prometheus::Result<C> {
    let collector = made?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

impl Metrics {
    /// Every metric, at zero.
    pub(crate) fn new(
        hello: &v1::WorkerHello,
        credentials: Option<Credentials>,
        supply: Option<Supply>,
    ) -> prometheus::Result<Self> {
        let all = Registry::new();
        let opts = Opts::new;
        all.register(Box::new(ProcessCollector::for_self()))?;
        let build = registered(
            &all,
            IntGaugeVec::new(
                opts("kumi_build_info", "The build of this process; always 1."),
                &["version"],
            ),
        )?;
        build.with_label_values(&[&hello.version]).set(1);
        let certificate = credentials.map(|credentials| Certificate::new(&all, credentials));
        for collector in supply.iter().flat_map(Supply::collectors) {
            all.register(collector)?;
        }
        let metrics = Self {
            info: Arc::new(Info::new(&all, hello)?),
            reads: registered(
                &all,
                IntCounterVec::new(
                    opts(
                        "kumi_kernel_reads_processed_total",
                        "Reads that went through a kernel on this worker.",
                    ),
                    &["kernel"],
                ),
            )?,
            bases: registered(
                &all,
                IntCounterVec::new(
                    opts(
                        "kumi_kernel_bases_processed_total",
                        "Bases that went through a kernel on this worker.",
                    ),
                    &["kernel"],
                ),
            )?,
            core_seconds: registered(
                &all,
                CounterVec::new(
                    opts(
                        "kumi_kernel_core_seconds_total",
                        "CPU time of finished tasks on this worker, whatever became of them.",
                    ),
                    &["kernel"],
                ),
            )?,
            peak_rss: registered(
                &all,
                IntGauge::new(
                    "kumi_kernel_peak_rss_bytes",
                    "The most memory this process ever held.",
                ),
            )?,
            cores: registered(
                &all,
                IntGaugeVec::new(
                    opts(
                        "kumi_worker_cores",
                        "Cores this worker offers: busy ones and free ones.",
                    ),
                    &["state"],
                ),
            )?,
            memory: registered(
                &all,
                IntGaugeVec::new(
                    opts(
                        "kumi_worker_memory_bytes",
                        "Memory: offered, promised to tasks, and resident in this process.",
                    ),
                    &["kind"],
                ),
            )?,
            running: registered(
                &all,
                IntGaugeVec::new(
                    opts("kumi_worker_tasks_running", "Tasks that run now."),
                    &["stage"],
                ),
            )?,
            finished: registered(
                &all,
                IntCounterVec::new(
                    opts(
                        "kumi_worker_tasks_finished_total",
                        "Tasks that ended on this worker, by outcome (done, or the class of failure).",
                    ),
                    &["stage", "outcome"],
                ),
            )?,
            connected: registered(
                &all,
                Gauge::new(
                    "kumi_worker_session_open",
                    "1 while a scheduler listens to this worker.",
                ),
            )?,
            sessions_broken: registered(
                &all,
                IntCounter::new(
                    "kumi_worker_sessions_broken_total",
                    "Sessions and dials that failed or ended.",
                ),
            )?,
            certificate: certificate.transpose()?,
            supply,
            registry: all,
        };
        for stage in STAGES.map(Stage::label) {
            metrics.reads.with_label_values(&[stage]);
            metrics.bases.with_label_values(&[stage]);
            metrics.core_seconds.with_label_values(&[stage]);
            metrics.running.with_label_values(&[stage]);
        }
        Ok(metrics)
    }

    /// What a task of this stage counts on.
    pub(crate) fn meter(&self, stage: Stage) -> Meter {
        Meter {
            reads: self.reads.with_label_values(&[stage.label()]),
            bases: self.bases.with_label_values(&[stage.label()]),
            info: Some(Arc::clone(&self.info)),
        }
    }

    pub(crate) fn task_started(&self, stage: Stage) {
        self.running.with_label_values(&[stage.label()]).inc();
    }

    pub(crate) fn task_ended(&self, stage: Stage, result: &TaskResult, core_milliseconds: u64) {
        let stage = stage.label();
        self.running.with_label_values(&[stage]).dec();
        let outcome = match result {
            TaskResult::Done(_) => "done",
            TaskResult::Failed(failure) => class_label(failure.class()),
        };
        self.finished.with_label_values(&[stage, outcome]).inc();
        self.core_seconds
            .with_label_values(&[stage])
            .inc_by(core_milliseconds as f64 / 1000.0);
    }

    pub(crate) fn session_opened(&self) {
        self.connected.set(1.0);
    }

    pub(crate) fn session_broken(&self) {
        self.connected.set(0.0);
        self.sessions_broken.inc();
    }

    /// What is offered and what of it is free.
    pub(crate) fn set_room(&self, offered: (u32, u64), free: (u32, u64)) {
        let cores = |state: &str, value: u32| {
            self.cores.with_label_values(&[state]).set(value.into());
        };
        cores("busy", offered.0.saturating_sub(free.0));
        cores("free", free.0);
        let memory = |kind: &str, value| self.memory.with_label_values(&[kind]).set(signed(value));
        memory("offered", offered.1);
        memory("promised", offered.1.saturating_sub(free.1));
    }

    /// The text that Prometheus reads.
    pub(crate) fn to_text(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.gather())
    }

    /// All families, as they are now.
    pub(crate) fn gather(&self) -> Vec<MetricFamily> {
        if let Some(certificate) = &self.certificate {
            certificate.refresh();
        }
        if let Some(supply) = &self.supply {
            supply.cache.measure();
        }
        self.peak_rss.set(signed(measure::peak_rss_bytes()));
        self.memory
            .with_label_values(&["resident"])
            .set(signed(measure::rss_bytes()));
        self.registry.gather()
    }
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn class_label(class: v1::FailureClass) -> &'static str {
    match class {
        v1::FailureClass::Unspecified => "unspecified",
        v1::FailureClass::Transient => "transient",
        v1::FailureClass::OutOfMemory => "out_of_memory",
        v1::FailureClass::BadInput => "bad_input",
        v1::FailureClass::Internal => "internal",
        v1::FailureClass::Stopped => "stopped",
    }
}

#[cfg(test)]
mod tests {
    use kumi_proto::v1;

    use super::Metrics;

    #[test]
    fn one_series_tells_the_reference_that_was_opened_last() {
        let metrics =
            Metrics::new(&v1::WorkerHello::default(), None, None).expect("names that fit");
        let info = || -> Vec<String> {
            let text = metrics.to_text().expect("text");
            let lines = text
                .lines()
                .filter(|line| line.starts_with("kumi_worker_info"));
            lines.map(str::to_owned).collect()
        };
        assert!(info()[0].contains("reference_digest=\"\""), "{:?}", info());
        let meter = metrics.meter(v1::Stage::Call);
        for digest in ["d1", "d1", "d2"] {
            meter.reference(digest);
            let told = info();
            assert_eq!(told.len(), 1, "{told:?}");
            assert!(
                told[0].contains(&format!("reference_digest=\"{digest}\"")),
                "{told:?}"
            );
        }
    }
}
