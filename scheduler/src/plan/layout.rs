//! What follows from a cohort's facts alone: grid sizes, keys, regions, needs, cases.

mod release;

use std::collections::BTreeMap;
use std::sync::Arc;

use kumi_proto::v1::{Region, Stage};
use kumi_proto::{STAGES, v1};

use crate::cohort::{is_by_sample, slot};
use crate::limits::SPARE_SHARDS;
use crate::plan::batch::Batch;
use crate::plan::contig;
use crate::plan::key::{Address, Chain, CohortPlace, Key, hex};
use crate::plan::keys::{
    STANDARD, SampleKeys, Sex, filters, genotypes_stay, in_chunks, ploidy, reference_key,
};
use crate::plan::need::{self, Need};
use crate::plan::region::{self, Even, Starts};
use crate::plan::scratch::{self, Aligned, Sizes};

pub(crate) use release::ReleaseKeys;

/// The shape of a cohort. Made when it is opened and again when it is restored.
#[derive(Debug)]
pub(crate) struct Layout {
    /// Root and programme, for [`Address`].
    place: [u8; 16],
    /// Root alone: indexes are shared between programmes.
    index_place: [u8; 16],
    /// The reference index: of its building, or of the file that was given.
    pub(crate) reference: Key,
    pub(crate) builds_index: bool,
    /// By row; none where the row starts from a gVCF.
    pub(crate) align: Vec<Option<Key>>,
    /// By row.
    pub(crate) gvcf: Vec<Key>,
    /// In how many chunks a row is aligned; 0: as a whole.
    pub(crate) chunks: Vec<u32>,
    /// In how many regions a row's chunks are merged; 0: as a whole.
    pub(crate) merged: Vec<u32>,
    pub(crate) targets: Vec<Region>,
    /// What the cost of calling is kept under.
    pub(crate) profile: Key,
    /// By column.
    pub(crate) call: Vec<Vec<Region>>,
    pub(crate) joint: Vec<Vec<Region>>,
    /// How the keys of all call shards begin.
    call_chain: Chain,
    call_digests: Vec<Key>,
    joint_digests: Vec<Key>,
    needs: [Need; STAGES.len()],
    /// By row: what its tasks have on the scratch follows from it.
    sizes: Vec<Sizes>,
    /// The least and the most that any task of a stage has there, by samples.
    scratch: [(u64, u64); STAGES.len()],
    /// By batch: what its gVCFs take there.
    ingested: Vec<u64>,
    /// Results go to an object store.
    remote: bool,
    /// Whether some alignments join what was merged, and whether all do.
    joins: (bool, bool),
    /// Rows in the order of their samples' names, which is the order of a release.
    pub(crate) by_name: Vec<u32>,
    /// The case of each row, and the rows of each case.
    pub(crate) case_of: Vec<u32>,
    pub(crate) cases: Vec<Case>,
    /// The rows of the ingest grid: [`Layout::take`].
    pub(crate) batches: Vec<Arc<Batch>>,
    /// The row of each sample of each batch: none where it is not of this cohort, or a later batch has it too.
    pub(crate) batch_rows: Vec<Vec<Option<u32>>>,
    /// Whether it removes what there is of samples that have withdrawn.
    pub(crate) purges: bool,
    /// The batch of each row.
    pub(crate) batch_of: Vec<Option<u32>>,
}

/// What is cut into call shards.
pub(crate) struct Shards {
    pub(crate) regions: Vec<Region>,
    /// The regions again; empty: everywhere.
    targets: Vec<Region>,
    /// How many are asked for.
    pub(crate) wanted: u64,
    pub(crate) profile: Key,
}

impl Shards {
    pub(crate) fn of(header: &v1::CohortHeader) -> Self {
        let params = header.params.clone().unwrap_or_default();
        let contigs = contigs(header);
        let regions = region::normal(contigs, &params.targets);
        let targets = if params.targets.is_empty() {
            Vec::new()
        } else {
            regions.clone()
        };
        let mut chain = Chain::new("profile").number(contigs.len() as u64);
        for contig in contigs {
            chain = chain.text(&contig.name).number(contig.length);
            chain = chain.text(&contig.md5);
        }
        Self {
            wanted: region::wanted(&regions, params.call_shards),
            profile: chain.key(&digest(&targets)).finish(),
            targets,
            regions,
        }
    }

    /// Where shards begin when every base costs the same.
    pub(crate) fn by_bases(&self) -> Starts {
        region::cut(&self.regions, self.wanted, &Even)
    }
}

/// The contigs of a cohort's reference.
pub(crate) fn contigs(header: &v1::CohortHeader) -> &[v1::Contig] {
    let facts = header.reference.as_ref();
    facts.map_or(&[], |facts| &facts.contigs)
}

/// Samples that are reported together.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) rows: Vec<u32>,
}

impl Layout {
    /// A cohort whose call shards begin at `starts`: see [`Shards`].
    pub(crate) fn new(header: &v1::CohortHeader, samples: &[v1::Sample], starts: &[u64]) -> Self {
        let params = header.params.clone().unwrap_or_default();
        let facts = header.reference.clone().unwrap_or_default();
        let Shards {
            regions,
            targets,
            profile,
            ..
        } = Shards::of(header);
        let call = region::pieces(&regions, starts);
        let joint = region::wanted(&regions, params.joint_shards);
        let joint = region::pieces(&regions, &region::cut(&regions, joint, &Even));
        let reference = reference_key(&params.kernel_version, &facts);
        let keys = SampleKeys {
            version: &params.kernel_version,
            reference,
            ploidy: ploidy(&params),
            targets: digest(&targets),
            filters: filters(&params),
        };
        let align: Vec<_> = samples.iter().map(|sample| keys.align(sample)).collect();
        let merged = merged(samples, &facts.contigs);
        let gvcf = samples.iter().zip(&align);
        let gvcf = gvcf.map(|(sample, align)| keys.gvcf(sample, align.as_ref()));
        let (case_of, cases) = cases(samples);
        let place = |programme: &str| {
            let chain = Chain::new("place").text(&header.root).text(programme);
            chain.finish_short()
        };
        let sizes: Vec<Sizes> = samples.iter().map(Sizes::of).collect();
        let gvcfs = sizes
            .iter()
            .fold(0, |sum: u64, sizes| sum.saturating_add(sizes.gvcf()));
        let remote = scratch::is_remote(&header.root);
        let shards = joint.len() as u64;
        let need = |stage| Need {
            scratch_bytes: match stage {
                Stage::Index => scratch::of_index(header),
                Stage::Release if genotypes_stay(header) || in_chunks(header) => {
                    scratch::of_sites(gvcfs, remote)
                }
                stage => scratch::of_cohort(stage, gvcfs, shards, remote),
            },
            ..need::of(stage, header, samples.len())
        };
        let mut layout = Self {
            place: place(&header.programme),
            index_place: place(""),
            reference,
            builds_index: matches!(facts.source, Some(v1::reference_facts::Source::Fasta(_))),
            gvcf: gvcf.collect(),
            joins: joins(&align, &merged),
            align,
            chunks: samples.iter().map(chunks).collect(),
            merged,
            call_chain: Chain::new("call").text(&params.kernel_version),
            call_digests: call.iter().map(|shard| digest(shard)).collect(),
            joint_digests: joint.iter().map(|shard| digest(shard)).collect(),
            targets,
            profile,
            call,
            joint,
            needs: STAGES.map(need),
            sizes,
            scratch: [(0, 0); STAGES.len()],
            ingested: Vec::new(),
            remote,
            by_name: by_name(samples),
            case_of,
            cases,
            batches: Vec::new(),
            batch_rows: Vec::new(),
            purges: false,
            batch_of: vec![None; samples.len()],
        };
        layout.scratch = STAGES.map(|stage| layout.scratch_of_stage(stage));
        layout
    }

    /// With the batches that the cohort is genotyped from. Cohorts that were opened before there was a store have none.
    pub(crate) fn take(mut self, batches: Vec<Arc<Batch>>, purges: bool) -> Self {
        self.purges = purges;
        // A gVCF that is in several counts in the latest alone.
        let mut rows: BTreeMap<Key, u32> = self.gvcf.iter().copied().zip(0..).collect();
        let of = |batch: &Arc<Batch>| -> Vec<Option<u32>> {
            let members = batch.0.iter();
            members.map(|member| rows.remove(&member.gvcf)).collect()
        };
        self.batch_rows = batches.iter().rev().map(of).collect();
        self.batch_rows.reverse();
        for (number, rows) in (0..).zip(&self.batch_rows) {
            for row in rows.iter().flatten() {
                self.batch_of[*row as usize] = Some(number);
            }
        }
        self.batches = batches;
        let bytes = |rows: &Vec<Option<u32>>| {
            let gvcfs = rows
                .iter()
                .flatten()
                .map(|row| self.sizes[*row as usize].gvcf());
            let gvcfs = gvcfs.fold(0, u64::saturating_add);
            scratch::of_cohort(Stage::Ingest, gvcfs, 1, self.remote)
        };
        self.ingested = self.batch_rows.iter().map(bytes).collect();
        self
    }

    /// Where results of single samples are known that others build on.
    pub(crate) fn lasting(&self) -> Vec<Address> {
        let keys = self.align.iter().flatten().chain(&self.gvcf);
        keys.map(|key| self.address(*key)).collect()
    }

    /// Leaves the samples of a batch out that are not of this cohort.
    pub(crate) fn reduce(&mut self, batch: u32) {
        let rows = &mut self.batch_rows[batch as usize];
        let members = self.batches[batch as usize].0.iter().zip(&*rows);
        let own = members.filter(|(_, row)| row.is_some());
        let own = own.map(|(member, _)| member.clone()).collect();
        self.batches[batch as usize] = Arc::new(Batch(own));
        rows.retain(Option::is_some);
    }

    /// Rows and columns of a stage's grid.
    pub(crate) fn size(&self, stage: Stage) -> (u32, u32) {
        let count = |length: usize| u32::try_from(length).expect("validated: fits");
        match stage {
            Stage::Unspecified => (0, 0),
            Stage::Index => (u32::from(self.builds_index), 1),
            Stage::Cut => (count(self.gvcf.len()), self.most_chunks().min(1)),
            Stage::Chunk => (count(self.gvcf.len()), self.most_chunks()),
            Stage::Mark | Stage::Merge => {
                let most = self.merged.iter().copied().max().unwrap_or(0);
                (count(self.gvcf.len()), most)
            }
            Stage::Align | Stage::Gvcf => (count(self.gvcf.len()), 1),
            Stage::Call => (
                count(self.gvcf.len()),
                count(self.call.len()) + SPARE_SHARDS,
            ),
            Stage::Ingest => (count(self.batches.len()), count(self.joint.len())),
            Stage::Census if self.batches.is_empty() => (0, 0),
            Stage::Census | Stage::Joint => (1, count(self.joint.len())),
            Stage::Release => (1, 1),
            Stage::Purge => (u32::from(self.purges), u32::from(self.purges)),
        }
    }

    fn most_chunks(&self) -> u32 {
        self.chunks.iter().copied().max().unwrap_or(0)
    }

    /// How many tasks of a stage a row has.
    pub(crate) fn tasks_of(&self, stage: Stage, row: u32) -> u32 {
        let row = row as usize;
        match stage {
            Stage::Cut => self.chunks[row].min(1),
            Stage::Chunk => self.chunks[row],
            Stage::Mark | Stage::Merge => self.merged[row],
            Stage::Align | Stage::Call if self.align[row].is_none() => 0,
            // The others appear when one of these is split.
            Stage::Call => u32::try_from(self.call.len()).expect("validated: fits"),
            _ => u32::MAX,
        }
    }

    /// What a stage's tasks of a row ask for.
    pub(crate) fn need(&self, stage: Stage, row: u32) -> Need {
        let need = if stage == Stage::Align && self.merged[row as usize] > 0 {
            need::JOIN
        } else {
            self.need_of_stage(stage)
        };
        let scratch_bytes = match stage {
            Stage::Ingest => self.ingested.get(row as usize).copied().unwrap_or(0),
            stage if is_by_sample(stage) => self.scratch_of_row(stage, row),
            _ => return need,
        };
        Need {
            scratch_bytes,
            ..need
        }
    }

    fn scratch_of_row(&self, stage: Stage, row: u32) -> u64 {
        let at = row as usize;
        let aligned = Aligned {
            chunks: self.chunks[at],
            regions: self.merged[at],
            memory_bytes: self.need_of_stage(stage).memory_bytes,
        };
        self.sizes[at].task(stage, aligned, self.remote)
    }

    /// The least and the most that tasks of samples have on the scratch.
    fn scratch_of_stage(&self, stage: Stage) -> (u64, u64) {
        let rows = (0..).take(self.sizes.len());
        let rows = rows.filter(|row| is_by_sample(stage) && self.tasks_of(stage, *row) > 0);
        let bytes = rows.map(|row| self.scratch_of_row(stage, row));
        let extremes = bytes.fold(None, |extremes, bytes| {
            let (least, most) = extremes.unwrap_or((bytes, bytes));
            Some((bytes.min(least), bytes.max(most)))
        });
        extremes.unwrap_or_default()
    }

    /// The least and the most that any task of a stage asks for.
    pub(crate) fn needs(&self, stage: Stage) -> (Need, Need) {
        let most = self.need_of_stage(stage);
        let (least, most) = match self.joins {
            (true, true) if stage == Stage::Align => (need::JOIN, need::JOIN),
            (true, false) if stage == Stage::Align => (need::JOIN, most),
            _ => (most, most),
        };
        let scratch = match stage {
            Stage::Ingest => (0, self.ingested.iter().copied().max().unwrap_or(0)),
            stage if is_by_sample(stage) => self.scratch[slot(stage)],
            _ => (most.scratch_bytes, most.scratch_bytes),
        };
        let with = |need, scratch_bytes| Need {
            scratch_bytes,
            ..need
        };
        (with(least, scratch.0), with(most, scratch.1))
    }

    fn need_of_stage(&self, stage: Stage) -> Need {
        self.needs[slot(stage)]
    }

    /// The key of where a row's chunks begin.
    pub(crate) fn cut_key(&self, row: u32) -> Key {
        self.chunked("cut", row).finish()
    }

    /// The key of a chunk's runs.
    pub(crate) fn chunk_key(&self, row: u32, column: u32) -> Key {
        let chain = self.chunked("chunk", row);
        chain.number(column.into()).finish()
    }

    /// The key of what is marked (`mark`) or merged (`merge`) of a region of a row.
    pub(crate) fn region_key(&self, domain: &str, row: u32, column: u32) -> Key {
        let regions = self.merged[row as usize];
        let chain = self.chunked(domain, row).number(regions.into());
        chain.number(column.into()).finish()
    }

    fn chunked(&self, domain: &str, row: u32) -> Chain {
        let align = self.align[row as usize].unwrap_or_default();
        let chunks = self.chunks[row as usize];
        Chain::new(domain).key(&align).number(chunks.into())
    }

    /// The digest of the regions of a planned call shard.
    pub(crate) fn call_digest(&self, column: u32) -> &Key {
        &self.call_digests[column as usize]
    }

    /// The key of a call shard of these regions, by their digest.
    pub(crate) fn call_key(
        &self,
        header: &v1::CohortHeader,
        align: &Key,
        (sex, regions): (Sex, &Key),
    ) -> Key {
        let chain = self.row_chain(header, align, sex);
        chain.key(regions).finish()
    }

    /// The keys of all planned call shards of a row.
    pub(crate) fn call_keys(&self, header: &v1::CohortHeader, align: &Key, sex: Sex) -> Box<[Key]> {
        let chain = self.row_chain(header, align, sex);
        let regions = self.call_digests.iter();
        let keys = regions.map(|regions| chain.clone().key(regions).finish());
        keys.collect()
    }

    /// How the keys of all call shards of a row begin.
    fn row_chain(&self, header: &v1::CohortHeader, align: &Key, sex: Sex) -> Chain {
        let params = header.params.as_ref();
        let chain = self.call_chain.clone().key(align);
        let chain = chain.number(params.map_or(2, ploidy)).number(sex);
        chain.number(params.map_or(STANDARD, filters))
    }

    /// The key of what is ingested of a batch, by its own key, in a shard.
    pub(crate) fn ingest_key(&self, header: &v1::CohortHeader, batch: &Key, column: u32) -> Key {
        let params = header.params.as_ref();
        Chain::new("ingest")
            .text(params.map_or("", |params| &params.kernel_version))
            .key(&self.reference)
            .text(&header.name)
            .key(batch)
            .key(&self.joint_digests[column as usize])
            .finish()
    }

    /// What the store of a cohort is known by. Other shards or kernels have segments of their own.
    pub(crate) fn store_key(&self, header: &v1::CohortHeader) -> Key {
        let params = header.params.as_ref();
        let mut chain = Chain::new("store")
            .text(params.map_or("", |params| &params.kernel_version))
            .key(&self.reference)
            .text(&hex(&self.place, 32))
            .text(&header.name)
            .number(self.joint_digests.len() as u64);
        for digest in &self.joint_digests {
            chain = chain.key(digest);
        }
        chain.finish()
    }

    /// Where a cohort's withdrawals are known.
    pub(crate) fn cohort_place(&self, header: &v1::CohortHeader) -> CohortPlace {
        (self.place, header.name.clone())
    }

    pub(crate) fn index_address(&self) -> Address {
        Address {
            place: self.index_place,
            key: self.reference,
        }
    }

    pub(crate) fn address(&self, key: Key) -> Address {
        Address {
            place: self.place,
            key,
        }
    }
}

/// One chunk is the whole.
pub(super) fn chunks(sample: &v1::Sample) -> u32 {
    match sample.align_chunks {
        1 => 0,
        given => given,
    }
}

/// In how many regions the chunks of each sample are merged; one region is the whole.
fn merged(samples: &[v1::Sample], contigs: &[v1::Contig]) -> Vec<u32> {
    let mut known = BTreeMap::new();
    let mut regions = |sample: &v1::Sample| {
        let wanted = merge_regions(sample);
        *known.entry(wanted).or_insert_with(|| {
            let regions = contig::group(contigs, wanted).len();
            u32::try_from(regions)
                .ok()
                .filter(|regions| *regions > 1)
                .unwrap_or(0)
        })
    };
    samples.iter().map(&mut regions).collect()
}

/// Whether some alignments join what was merged, and whether all do.
fn joins(align: &[Option<Key>], merged: &[u32]) -> (bool, bool) {
    let rows = align.iter().zip(merged);
    let mut aligned = rows.filter(|(key, _)| key.is_some());
    let some = merged.iter().any(|regions| *regions > 0);
    (some, some && aligned.all(|(_, regions)| *regions > 0))
}

/// In how many regions a sample may be merged.
pub(super) fn merge_regions(sample: &v1::Sample) -> u32 {
    if chunks(sample) == 0 {
        0
    } else {
        sample.merge_regions
    }
}

pub(crate) fn digest(regions: &[Region]) -> Key {
    let mut chain = Chain::new("regions").number(regions.len() as u64);
    for region in regions {
        chain = chain.text(&region.contig);
        chain = chain.number(region.start).number(region.end);
    }
    chain.finish()
}

fn by_name(samples: &[v1::Sample]) -> Vec<u32> {
    let mut rows: Vec<u32> = (0..).take(samples.len()).collect();
    rows.sort_by_key(|row| &samples[*row as usize].name);
    rows
}

/// A case is what the sheet calls one; without a case a patient, without a patient a sample.
fn cases(samples: &[v1::Sample]) -> (Vec<u32>, Vec<Case>) {
    let mut numbers: BTreeMap<&str, u32> = BTreeMap::new();
    let mut case_of = Vec::with_capacity(samples.len());
    let mut cases: Vec<Case> = Vec::new();
    for (row, sample) in (0..).zip(samples) {
        let name = [&sample.case_id, &sample.patient, &sample.name];
        let name = name.into_iter().find(|name| !name.is_empty());
        let name = name.map_or("", String::as_str);
        let number = *numbers.entry(name).or_insert_with(|| {
            cases.push(Case {
                name: name.to_owned(),
                rows: Vec::new(),
            });
            u32::try_from(cases.len() - 1).expect("validated: fits")
        });
        case_of.push(number);
        cases[number as usize].rows.push(row);
    }
    (case_of, cases)
}
