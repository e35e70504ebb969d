//! What a worker is told: a task's `Spec`, from the cohort's facts and the manifests of what it reads.

mod census;
mod source;

use kumi_proto::v1;
use kumi_proto::v1::{Manifest, Stage, TaskState};

use crate::cohort::Cohort;
use crate::grid::Cell;
use crate::ledger::Reader;
use crate::plan::contig;
use crate::plan::directory::{directory, directory_of};
use crate::plan::key::{Address, Key, hex};
use crate::plan::keys;
use crate::plan::need::Need;
use crate::state::Sum;

pub(crate) use source::source;

const READ: &str = "what a ready task reads is in the ledger";

/// The specification of a running task, with its key.
///
/// A census may begin from one of those that are the `sums`.
///
/// # Panics
/// When a manifest that the task reads is not in the ledger: then it was not ready.
pub(crate) fn spec(
    cohort: &Cohort,
    (cell, key): (Cell, &Key),
    need: Need,
    (manifests, sums): (&Reader<'_>, &[Sum]),
) -> v1::Spec {
    let writer = Writer {
        cohort,
        manifests,
        sums,
    };
    let facts = cohort.header.reference.as_ref();
    v1::Spec {
        task: Some(cohort.task(cell)),
        root: cohort.header.root.clone(),
        directory: directory_of(cohort, cell, key),
        key: hex(key, 64),
        cores: need.cores,
        memory_bytes: need.memory_bytes,
        contigs: facts.map_or_else(Vec::new, |facts| facts.contigs.clone()),
        discard: discard(cohort, cell),
        kind: Some(writer.kind(cell)),
    }
}

/// When a sample is called, its alignment is known for good and nothing reads the chunks it was made of.
fn discard(cohort: &Cohort, cell: Cell) -> Vec<String> {
    if cell.stage != Stage::Gvcf {
        return Vec::new();
    }
    let chunks = cohort.chunk_cells(cell.row);
    chunks.map(|cell| directory(cohort, cell)).collect()
}

struct Writer<'a> {
    cohort: &'a Cohort,
    manifests: &'a Reader<'a>,
    /// What a census may begin from, the oldest first.
    sums: &'a [Sum],
}

impl<'a> Writer<'a> {
    /// One that begins from no sum.
    fn reading(cohort: &'a Cohort, manifests: &'a Reader<'a>) -> Self {
        Self {
            cohort,
            manifests,
            sums: &[],
        }
    }
}

impl Writer<'_> {
    fn kind(&self, cell: Cell) -> v1::spec::Kind {
        use v1::spec::Kind;
        let row = cell.row;
        match cell.stage {
            Stage::Unspecified | Stage::Index => Kind::Index(self.index()),
            Stage::Cut => Kind::Cut(v1::CutSpec {
                align: Some(self.align(row)),
                chunks: self.cohort.layout.chunks[row as usize],
            }),
            Stage::Chunk => Kind::Chunk(v1::ChunkSpec {
                align: Some(self.align(row)),
                cut: Some(self.manifest(Stage::Cut, row, 0)),
                chunk: cell.column,
            }),
            Stage::Mark => Kind::Mark(v1::MarkSpec {
                align: Some(self.merged(row, false)),
                region: Some(self.region(cell)),
            }),
            Stage::Merge => Kind::Merge(v1::MergeSpec {
                align: Some(self.merged(row, true)),
                region: Some(self.region(cell)),
            }),
            Stage::Align => Kind::Align(v1::AlignSpec {
                parts: self.regions(Stage::Merge, row),
                ..self.merged(row, true)
            }),
            Stage::Call => Kind::Call(self.call(cell)),
            Stage::Gvcf => Kind::Gvcf(self.gvcf(row)),
            Stage::Ingest => Kind::Ingest(self.ingest(cell)),
            Stage::Census => Kind::Census(self.census(cell.column)),
            Stage::Joint => Kind::Joint(self.joint(cell.column)),
            Stage::Release => Kind::Release(self.release()),
            Stage::Purge => Kind::Purge(self.purge()),
        }
    }

    fn index(&self) -> v1::IndexSpec {
        let source = self.cohort.header.reference.as_ref();
        let fasta = match source.and_then(|facts| facts.source.clone()) {
            Some(v1::reference_facts::Source::Fasta(file)) => Some(file),
            _ => None,
        };
        let contigs = source.into_iter().flat_map(|facts| &facts.contigs);
        let alternates = contigs.filter(|contig| contig.alternate);
        v1::IndexSpec {
            fasta,
            alternates: alternates.map(|contig| contig.name.clone()).collect(),
        }
    }

    fn align(&self, row: u32) -> v1::AlignSpec {
        let sample = self.sample(row);
        v1::AlignSpec {
            reference: Some(self.reference()),
            sample: sample.name.clone(),
            read_groups: sample.read_groups.clone(),
            targets: self.cohort.layout.targets.clone(),
            ..v1::AlignSpec::default()
        }
    }

    /// The alignment of a sample with the chunks that it is made of, and perhaps what is marked in them.
    fn merged(&self, row: u32, marked: bool) -> v1::AlignSpec {
        let chunks = 0..self.cohort.layout.chunks[row as usize];
        let chunk = |column| self.manifest(Stage::Chunk, row, column);
        let marks = marked.then(|| self.regions(Stage::Mark, row));
        v1::AlignSpec {
            chunks: chunks.map(chunk).collect(),
            marks: marks.unwrap_or_default(),
            ..self.align(row)
        }
    }

    /// The results of a stage for all regions of a sample.
    fn regions(&self, stage: Stage, row: u32) -> Vec<Manifest> {
        let columns = 0..self.cohort.layout.merged[row as usize];
        columns
            .map(|column| self.manifest(stage, row, column))
            .collect()
    }

    fn region(&self, cell: Cell) -> v1::ContigRange {
        let facts = self.cohort.header.reference.as_ref();
        let contigs = facts.map_or(&[][..], |facts| &facts.contigs);
        let sample = self.sample(cell.row);
        let groups = contig::group(contigs, sample.merge_regions);
        groups[cell.column as usize]
    }

    fn call(&self, cell: Cell) -> v1::CallSpec {
        v1::CallSpec {
            reference: Some(self.reference()),
            sample: self.sample(cell.row).name.clone(),
            alignment: Some(self.aligned(cell.row)),
            regions: self.cohort.regions(cell).to_vec(),
            ploidy: Some(self.ploidy(cell.row)),
            bin_bases: u32::try_from(self.cohort.bins().bases()).expect("at most 2^31"),
            filters: self.filters(),
        }
    }

    fn gvcf(&self, row: u32) -> v1::GvcfSpec {
        let sample = self.sample(row);
        let from_reads = sample.gvcf.is_none();
        let shards = self.cohort.calls(row).into_iter();
        v1::GvcfSpec {
            reference: Some(self.reference()),
            sample: sample.name.clone(),
            shards: shards.map(|cell| self.files_of(cell)).collect(),
            alignment: from_reads.then(|| self.manifest(Stage::Align, row, 0)),
            ploidy: Some(self.ploidy(row)),
            read_groups: sample.read_groups.clone(),
            gvcf: sample.gvcf.clone(),
        }
    }

    fn ingest(&self, cell: Cell) -> v1::IngestSpec {
        let batch = self.cohort.ingested(cell.row);
        let members = batch.as_ref().map_or(&[][..], |batch| &batch.0);
        let gvcfs = members.iter().map(|member| {
            let address = self.cohort.layout.address(member.gvcf);
            self.without_counts(&address).expect(READ)
        });
        v1::IngestSpec {
            reference: Some(self.reference()),
            cohort: self.cohort.header.name.clone(),
            samples: members.iter().map(|member| member.name.clone()).collect(),
            gvcfs: gvcfs.collect(),
            regions: self.cohort.layout.joint[cell.column as usize].clone(),
            source: self.source(cell),
        }
    }

    /// What a batch is written from instead of gVCFs, if that is there.
    fn source(&self, cell: Cell) -> Option<Manifest> {
        let address = self.cohort.source(cell.row, cell.column)?;
        self.without_counts(&address)
    }

    fn purge(&self) -> v1::PurgeSpec {
        let purge = self.cohort.purge.clone().unwrap_or_default();
        v1::PurgeSpec {
            cohort: self.cohort.header.name.clone(),
            samples: purge.samples,
            directories: purge.directories,
            kept: purge.kept,
        }
    }

    /// What was ingested of all batches in a shard; those of which nobody is in the release are left out. None when the
    /// ledger does not have one.
    fn batches(&self, column: u32) -> Option<Vec<v1::Batch>> {
        let counted = self.cohort.counted().into_iter();
        let counted = counted.filter(|counted| !counted.is_nobody());
        let batches = counted.map(|counted| self.batch(&counted.key, column, counted.excluded));
        batches.collect()
    }

    /// What was ingested of a batch in a shard, if the ledger has it.
    fn batch(&self, key: &Key, column: u32, excluded: Vec<String>) -> Option<v1::Batch> {
        let address = self.cohort.ingest_address_of(key, column);
        Some(v1::Batch {
            segments: Some(self.without_counts(&address)?),
            excluded,
        })
    }

    fn ingested(&self, column: u32) -> Vec<v1::Batch> {
        self.batches(column).expect(READ)
    }

    fn joint(&self, column: u32) -> v1::JointSpec {
        let cell = Cell {
            stage: Stage::Joint,
            row: 0,
            column,
        };
        let census = self.cohort.census_of(cell);
        let batches = match census {
            Some(_) => Vec::new(),
            None => self.ingested(column),
        };
        let rows = self.cohort.included();
        let gvcfs = rows.filter(|_| batches.is_empty() && census.is_none());
        let gvcfs = gvcfs.map(|row| {
            let key = self.cohort.layout.gvcf[row as usize];
            let address = self.cohort.layout.address(key);
            self.without_counts(&address).expect(READ)
        });
        v1::JointSpec {
            reference: Some(self.reference()),
            cohort: self.cohort.header.name.clone(),
            samples: self.included_samples(),
            gvcfs: gvcfs.collect(),
            regions: self.cohort.layout.joint[column as usize].clone(),
            batches,
            census: census.map(|census| self.manifest_of(census)),
            chunk: keys::in_chunks(&self.cohort.header).then(|| v1::Chunk {
                number: column + 1,
                genotypes: keys::genotypes(&self.cohort.header).into(),
            }),
        }
    }

    /// Where an alignment is; what was counted of it nobody who calls needs.
    fn aligned(&self, row: u32) -> Manifest {
        let (stage, column) = (Stage::Align, 0);
        let address = self.cohort.address(Cell { stage, row, column });
        let files = |manifest: &Manifest| Manifest {
            directory: manifest.directory.clone(),
            files: manifest.files.clone(),
            ..Manifest::default()
        };
        self.manifests.read_shared(&address, files).expect(READ)
    }

    fn files_of(&self, cell: Cell) -> Manifest {
        let address = self.cohort.address(cell);
        self.without_counts(&address).expect(READ)
    }

    /// A manifest of which a cohort may read thousands: what was counted is not needed.
    fn without_counts(&self, address: &Address) -> Option<Manifest> {
        let manifest = self.manifests.get(address)?;
        Some(Manifest {
            counts: Default::default(),
            ..manifest
        })
    }

    fn release(&self) -> v1::ReleaseSpec {
        let columns = self.cohort.grid(Stage::Joint).columns();
        let shards = (0..columns).map(|column| self.manifest(Stage::Joint, 0, column));
        let header = &self.cohort.header;
        let params = header.params.as_ref();
        let chunks = self.cohort.layout.joint.iter().cloned();
        let chunks = chunks.map(|regions| v1::Regions { regions });
        v1::ReleaseSpec {
            reference: Some(self.reference()),
            cohort: header.name.clone(),
            release: hex(&self.cohort.release_keys().release, 12),
            samples: self.included_samples(),
            shards: shards.collect(),
            genotypes: params.map_or(0, |params| params.genotypes),
            chunks: chunks.filter(|_| keys::in_chunks(header)).collect(),
        }
    }

    fn sample(&self, row: u32) -> &v1::Sample {
        &self.cohort.samples[row as usize]
    }

    fn included_samples(&self) -> Vec<String> {
        let rows = self.cohort.included();
        rows.map(|row| self.sample(row).name.clone()).collect()
    }

    fn filters(&self) -> i32 {
        let params = self.cohort.header.params.as_ref();
        params.map_or(0, |params| params.filters)
    }

    fn ploidy(&self, row: u32) -> v1::Ploidy {
        let params = self.cohort.header.params.as_ref();
        v1::Ploidy {
            genome: params.map_or(0, |params| params.genome_ploidy),
            sex: self.sample(row).sex,
        }
    }

    fn manifest(&self, stage: Stage, row: u32, column: u32) -> Manifest {
        self.manifest_of(Cell { stage, row, column })
    }

    fn manifest_of(&self, cell: Cell) -> Manifest {
        debug_assert_eq!(self.cohort.get(cell), TaskState::Done, "{cell:?}");
        let address = self.cohort.address(cell);
        let manifest = match cell.stage {
            Stage::Cut | Stage::Align => self.manifests.read_shared(&address, Manifest::clone),
            _ => self.manifests.get(&address),
        };
        manifest.expect(READ)
    }

    /// The index: a path below the root, or the absolute one that the submitter gave.
    fn reference(&self) -> v1::Reference {
        let facts = self.cohort.header.reference.as_ref();
        let path = match facts.and_then(|facts| facts.source.as_ref()) {
            Some(v1::reference_facts::Source::Index(file)) => file.path.clone(),
            _ => {
                let address = self.cohort.layout.index_address();
                let path = self.manifests.read_shared(&address, index_path);
                path.expect(READ)
            }
        };
        v1::Reference {
            path,
            name: facts.map_or_else(String::new, |facts| facts.name.clone()),
        }
    }
}

/// The `.kidx` of an index task's manifest, or its first file.
fn index_path(manifest: &Manifest) -> String {
    let mut files = manifest.files.iter().map(|file| file.name.as_str());
    let index = files.clone().find(|name| name.ends_with(".kidx"));
    let name = index.or_else(|| files.next()).unwrap_or_default();
    format!("{}/{name}", manifest.directory)
}
