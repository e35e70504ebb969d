//! Cohorts, results and commands for tests.

use std::collections::BTreeSet;

use kumi_proto::ids::WorkerId;
use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_scheduler::policy::{self, Offer};
use kumi_scheduler::{Outcome, State, version};

/// What a test's cohort looks like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) request_id: String,
    pub(crate) name: String,
    pub(crate) programme: String,
    pub(crate) centre: String,
    pub(crate) samples: Vec<String>,
    /// Samples that start from a gVCF.
    pub(crate) from_gvcf: Vec<String>,
    /// In how many chunks reads are aligned.
    pub(crate) chunks: u32,
    /// Samples that are aligned by one task whatever the chunks of others.
    pub(crate) whole: Vec<String>,
    /// In how many regions they are merged.
    pub(crate) regions: u32,
    /// All samples are one case.
    pub(crate) case: String,
    pub(crate) call_shards: u32,
    pub(crate) joint_shards: u32,
    pub(crate) cores_per_align: u32,
    pub(crate) quarantine: bool,
    pub(crate) index_given: bool,
    pub(crate) priority: v1::Priority,
    /// Unix; 0: none.
    pub(crate) deadline_ms: u64,
    pub(crate) kernel_version: String,
    pub(crate) filters: v1::Filters,
    pub(crate) batch_samples: u32,
    pub(crate) genotypes: v1::Genotypes,
    pub(crate) contigs: Vec<(String, u64)>,
    pub(crate) root: String,
    pub(crate) require: Vec<String>,
    /// Of each file of reads.
    pub(crate) read_bytes: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            request_id: String::new(),
            name: "c".to_owned(),
            programme: "p".to_owned(),
            centre: "centre".to_owned(),
            samples: Vec::new(),
            from_gvcf: Vec::new(),
            chunks: 0,
            whole: Vec::new(),
            regions: 0,
            case: String::new(),
            call_shards: 2,
            joint_shards: 2,
            cores_per_align: 0,
            quarantine: false,
            index_given: false,
            priority: v1::Priority::Normal,
            deadline_ms: 0,
            kernel_version: "k1".to_owned(),
            filters: v1::Filters::Unspecified,
            batch_samples: 0,
            genotypes: v1::Genotypes::Unspecified,
            contigs: vec![("1".to_owned(), 100_000), ("2".to_owned(), 50_000)],
            root: "/data".to_owned(),
            require: Vec::new(),
            read_bytes: 1,
        }
    }
}

/// A command as the leader stamps it.
pub(crate) fn stamped(at_ms: u64, kind: Kind) -> v1::Command {
    v1::Command {
        at_ms,
        kind: Some(kind),
        ..v1::Command::default()
    }
}

fn file(path: &str) -> v1::ReadFile {
    let mut fingerprint: String = path.bytes().map(|byte| format!("{byte:02x}")).collect();
    fingerprint.push_str(&"0".repeat(64));
    fingerprint.truncate(64);
    v1::ReadFile {
        path: path.to_owned(),
        size: 1,
        fingerprint,
    }
}

impl Shape {
    pub(crate) fn header(&self) -> v1::CohortHeader {
        let contigs = self.contigs.iter().map(|(name, length)| v1::Contig {
            name: name.clone(),
            length: *length,
            md5: "0".repeat(32),
            alternate: false,
        });
        let policy = if self.quarantine {
            v1::OnBadSample::Quarantine
        } else {
            v1::OnBadSample::Fail
        };
        let source = if self.index_given {
            v1::reference_facts::Source::Index(file("/in/ref.kidx"))
        } else {
            v1::reference_facts::Source::Fasta(file("/in/ref.fa"))
        };
        v1::CohortHeader {
            request_id: self.request_id.clone(),
            name: self.name.clone(),
            programme: self.programme.clone(),
            centre: self.centre.clone(),
            priority: self.priority.into(),
            deadline_ms: self.deadline_ms,
            root: self.root.clone(),
            require: self.require.clone(),
            reference: Some(v1::ReferenceFacts {
                name: "ref.fa".to_owned(),
                contigs: contigs.collect(),
                source: Some(source),
            }),
            params: Some(v1::CohortParams {
                genome_ploidy: 0,
                call_shards: self.call_shards,
                joint_shards: self.joint_shards,
                cores_per_align: self.cores_per_align,
                on_bad_sample: policy.into(),
                kernel_version: self.kernel_version.clone(),
                targets: Vec::new(),
                filters: self.filters.into(),
                batch_samples: self.batch_samples,
                genotypes: self.genotypes.into(),
                fan_out: false,
            }),
        }
    }

    pub(crate) fn samples(&self) -> Vec<v1::Sample> {
        self.samples.iter().map(|name| self.sample(name)).collect()
    }

    /// A file of reads; those of more than a byte are compressed.
    fn reads(&self, path: &str) -> v1::ReadFile {
        let ending = if self.read_bytes > 1 { ".gz" } else { "" };
        v1::ReadFile {
            size: self.read_bytes,
            ..file(&format!("{path}{ending}"))
        }
    }

    fn sample(&self, name: &str) -> v1::Sample {
        let mut sample = v1::Sample {
            name: name.to_owned(),
            case_id: self.case.clone(),
            ..v1::Sample::default()
        };
        if self.from_gvcf.iter().any(|given| given == name) {
            sample.gvcf = Some(file(&format!("/in/{name}.g.vcf.gz")));
        } else {
            if !self.whole.iter().any(|whole| whole == name) {
                sample.align_chunks = self.chunks;
                sample.merge_regions = self.regions;
            }
            sample.read_groups = vec![v1::ReadGroup {
                id: format!("{name}.1"),
                library: name.to_owned(),
                platform: "ILLUMINA".to_owned(),
                platform_unit: "1".to_owned(),
                source: Some(v1::read_group::Source::Fastq(v1::FastqPair {
                    first: Some(self.reads(&format!("/in/{name}_1.fq"))),
                    second: Some(self.reads(&format!("/in/{name}_2.fq"))),
                })),
            }];
        }
        sample
    }

    pub(crate) fn open(&self) -> Kind {
        Kind::Open(v1::Open {
            header: Some(self.header()),
            samples: self.samples(),
        })
    }
}

pub(crate) fn hello(name: &str, incarnation: &str, cores: u32, gib: u64) -> v1::WorkerHello {
    v1::WorkerHello {
        name: name.to_owned(),
        incarnation: incarnation.to_owned(),
        cores,
        memory_bytes: gib << 30,
        version: "1".to_owned(),
        cpu: "avx2".to_owned(),
        kernel_version: "k1".to_owned(),
        labels: Vec::new(),
        ..v1::WorkerHello::default()
    }
}

/// The result of a task that went well.
pub(crate) fn manifest(spec: &v1::Spec) -> v1::Manifest {
    let name = match spec.kind {
        Some(v1::spec::Kind::Index(_)) => "ref.kidx",
        _ => "result",
    };
    let counts = [("reads", 2_000u64), ("bases", 93_000_000_000)];
    v1::Manifest {
        directory: spec.directory.clone(),
        files: vec![v1::File {
            name: name.to_owned(),
            size: 1,
            sha256: spec.key.clone(),
        }],
        counts: counts
            .into_iter()
            .map(|(name, count)| (name.to_owned(), count))
            .collect(),
        core_milliseconds: 1_000,
        peak_rss_bytes: 1 << 20,
    }
}

/// How many bins a call task touches.
pub(crate) fn bins(spec: &v1::Spec) -> usize {
    let Some(v1::spec::Kind::Call(call)) = &spec.kind else {
        return 0;
    };
    let bases = u64::from(call.bin_bases);
    let bins = call.regions.iter().flat_map(|region| {
        let bins = region.start / bases..region.end.div_ceil(bases);
        bins.map(move |bin| (&region.contig, bin))
    });
    bins.collect::<BTreeSet<_>>().len()
}

/// How many bases of a call task lie in its first bin, if it has more than that.
pub(crate) fn first_bin(spec: &v1::Spec) -> Option<u64> {
    let Some(v1::spec::Kind::Call(call)) = &spec.kind else {
        return None;
    };
    let first = call.regions.first()?;
    let bases = u64::from(call.bin_bases);
    let end = (first.start / bases + 1) * bases;
    let bases = end.min(first.end) - first.start;
    (bins(spec) > 1).then_some(bases)
}

pub(crate) fn finished(
    attempt: u64,
    task: Option<v1::TaskId>,
    result: v1::finished_task::Result,
) -> v1::FinishedTask {
    v1::FinishedTask {
        attempt,
        task,
        result: Some(result),
        ..v1::FinishedTask::default()
    }
}

/// A state that is checked after each command, and against its own snapshot.
pub(crate) struct Checked {
    pub(crate) state: State,
    pub(crate) index: u64,
    /// Of the state machine.
    pub(crate) version: u32,
    /// Of what workers read.
    pub(crate) specs: u32,
}

impl Default for Checked {
    fn default() -> Self {
        Self {
            state: State::default(),
            index: 0,
            version: version::NEWEST,
            specs: specs::NEWEST,
        }
    }
}

impl Checked {
    pub(crate) fn apply(&mut self, at_ms: u64, kind: Kind) -> Outcome {
        self.index += 1;
        let command = stamped(at_ms, kind);
        let outcome = self.state.apply(self.index, self.version, &command);
        self.state.check();
        outcome
    }

    /// Registers a worker that says this of itself.
    pub(crate) fn register(&mut self, at_ms: u64, hello: v1::WorkerHello) -> WorkerId {
        let hello = Some(hello);
        let register = Kind::Register(v1::Register { hello });
        let Outcome::Registered(worker) = self.apply(at_ms, register) else {
            panic!("it is sound");
        };
        worker
    }

    /// Grants tasks to a worker for a second; what it is told to start.
    pub(crate) fn grant(
        &mut self,
        at_ms: u64,
        worker: WorkerId,
        tasks: Vec<v1::TaskId>,
    ) -> Vec<v1::Start> {
        let grant = v1::Grant {
            worker: worker.0,
            tasks,
            lease_ms: 1_000,
        };
        let Outcome::Granted(starts) = self.apply(at_ms, Kind::Grant(grant)) else {
            panic!("the worker is known");
        };
        self.state.starts(&starts, self.specs)
    }

    /// Replaces the state by what its snapshot gives.
    pub(crate) fn restart(&mut self) {
        let bytes = self.state.snapshot();
        let restored = State::restore(&bytes).expect("what was written can be read");
        restored.check();
        assert!(restored.snapshot() == bytes, "restoring changes nothing");
        self.state = restored;
    }
}

/// Up to ten tasks for a worker of eight cores that has nothing to do.
pub(crate) fn pick(checked: &Checked, worker: WorkerId) -> Vec<v1::TaskId> {
    let offer = Offer {
        worker,
        free_cores: 8,
        free_memory_bytes: 64 << 30,
    };
    policy::pick(&checked.state, &offer, 10)
}
