//! What results of a sample depend on.

use kumi_proto::v1;

use crate::plan::key::{Chain, Key};

/// A [`v1::Sex`] as stored.
pub(crate) type Sex = u64;

pub(crate) fn sex(sample: &v1::Sample) -> Sex {
    u64::try_from(sample.sex).unwrap_or(0)
}

pub(super) fn ploidy(params: &v1::CohortParams) -> u64 {
    match params.genome_ploidy {
        0 => 2,
        given => given.into(),
    }
}

pub(super) const STANDARD: u64 = v1::Filters::Standard as u64;

/// The preset of a cohort's filters as it is in keys.
pub(super) fn filters(params: &v1::CohortParams) -> u64 {
    match params.filters() {
        v1::Filters::Unspecified => STANDARD,
        given => given as u64,
    }
}

/// Where the genotypes of a cohort's releases are.
pub(crate) fn genotypes(header: &v1::CohortHeader) -> v1::Genotypes {
    let params = header.params.as_ref();
    match params.map_or(v1::Genotypes::Vcf, v1::CohortParams::genotypes) {
        v1::Genotypes::Unspecified => v1::Genotypes::Vcf,
        given => given,
    }
}

/// Whether the genotypes of a cohort's releases stay in its store.
pub(crate) fn genotypes_stay(header: &v1::CohortHeader) -> bool {
    genotypes(header) == v1::Genotypes::Store
}

/// Whether a cohort's releases have a file of genotypes for each joint shard.
pub(crate) fn in_chunks(header: &v1::CohortHeader) -> bool {
    genotypes(header).in_chunks()
}

pub(super) fn reference_key(version: &str, facts: &v1::ReferenceFacts) -> Key {
    let mut chain = Chain::new("index").text(version).text(&facts.name);
    chain = chain.number(facts.contigs.len() as u64);
    for contig in &facts.contigs {
        chain = chain
            .text(&contig.name)
            .number(contig.length)
            .text(&contig.md5);
        if contig.alternate {
            chain = chain.text("alternate");
        }
    }
    let (kind, file) = match &facts.source {
        None => ("", ""),
        Some(v1::reference_facts::Source::Fasta(file)) => ("fasta", file.fingerprint.as_str()),
        Some(v1::reference_facts::Source::Index(file)) => ("kidx", file.fingerprint.as_str()),
    };
    chain.text(kind).text(file).finish()
}

/// The fingerprint of a file that may not be there.
fn print(file: &Option<v1::ReadFile>) -> &str {
    file.as_ref().map_or("", |file| &file.fingerprint)
}

/// What the keys of all samples of a cohort have in common.
pub(super) struct SampleKeys<'a> {
    pub(super) version: &'a str,
    pub(super) reference: Key,
    pub(super) ploidy: u64,
    pub(super) targets: Key,
    pub(super) filters: u64,
}

impl SampleKeys<'_> {
    pub(super) fn align(&self, sample: &v1::Sample) -> Option<Key> {
        if sample.gvcf.is_some() {
            return None;
        }
        let mut chain = Chain::new("align")
            .text(self.version)
            .key(&self.reference)
            .key(&self.targets)
            .text(&sample.name)
            .number(sample.read_groups.len() as u64);
        for group in &sample.read_groups {
            chain = chain.text(&group.id).text(&group.library);
            chain = chain.text(&group.platform).text(&group.platform_unit);
            chain = match &group.source {
                None => chain.text("none"),
                Some(v1::read_group::Source::Alignment(file)) => {
                    chain.text("alignment").text(&file.fingerprint)
                }
                Some(v1::read_group::Source::Fastq(pair)) => {
                    let chain = chain.text("fastq").text(print(&pair.first));
                    chain.text(print(&pair.second))
                }
            };
        }
        Some(chain.finish())
    }

    pub(super) fn gvcf(&self, sample: &v1::Sample, align: Option<&Key>) -> Key {
        let chain = Chain::new("gvcf")
            .text(self.version)
            .key(&self.reference)
            .key(&self.targets)
            .number(self.ploidy)
            .number(sex(sample))
            .text(&sample.name);
        let given = sample.gvcf.as_ref().map_or("", |file| &file.fingerprint);
        match align {
            Some(align) => {
                let chain = chain.text("called").number(self.filters);
                chain.key(align).finish()
            }
            None => chain.text("given").text(given).finish(),
        }
    }
}
