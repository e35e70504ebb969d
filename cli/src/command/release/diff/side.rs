//! What is compared of a release.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use kumi_formats::vcf::{Reader, RecordView, VcfError};

use crate::command::release::verify;
use crate::exit::{Code, Exit};

/// How the name of a VCF ends, and that of sites.
const VCF: &str = ".vcf.gz";
const SITES: &str = ".sites.vcf.gz";

/// A cohort VCF or its sites, read a position at a time.
pub(super) struct Side {
    reader: Reader,
    /// The files that come next; the header of each is that of the first.
    more: VecDeque<PathBuf>,
    /// Of a release that has no VCF with genotypes: who is in it.
    listed: Option<Vec<String>>,
    /// Columns of the samples that both sides have, in the order of their names.
    pub(super) common: Vec<usize>,
    place: BTreeMap<String, usize>,
    pub(super) next: Option<(Position, Site)>,
}

/// Number of the contig, 1-based position.
pub(super) type Position = (usize, u32);

/// A record: REF, ALT, the line's contig, and the genotypes that are compared.
pub(super) struct Site {
    pub(super) contig: String,
    pub(super) reference: Vec<u8>,
    pub(super) alternatives: Vec<u8>,
    pub(super) genotypes: Vec<Vec<u8>>,
}

impl Side {
    /// Opens what is compared of a release's folder: its genotypes, in one VCF or in chunks, or else its sites.
    pub(super) fn open(folder: &Path) -> Result<Self, Exit> {
        let mut more = vcfs(folder, |name| !name.ends_with(SITES))?;
        let mut listed = None;
        if more.is_empty() {
            // Those of chunks have longer names.
            more = vcfs(folder, |name| name.ends_with(SITES))?;
            more.truncate(1);
            listed = Some(verify::samples(folder)?);
        }
        let first = more.pop_front();
        let first = first.ok_or_else(|| missing(folder, "no VCF of a cohort is there"))?;
        let reader = Reader::open(&first).map_err(|error| wrong(&error))?;
        let contigs = reader
            .header()
            .contigs()
            .iter()
            .map(|(name, _)| name.clone());
        Ok(Self {
            place: contigs.zip(0..).collect(),
            reader,
            more,
            listed,
            common: Vec::new(),
            next: None,
        })
    }

    /// Names and columns.
    pub(super) fn samples(&self) -> BTreeMap<String, usize> {
        let columns = self.reader.header().samples();
        let samples = self.listed.as_deref().unwrap_or(columns).iter();
        samples.cloned().zip(0..).collect()
    }

    /// Its contigs with their lengths.
    pub(super) fn contigs(&self) -> &[(String, u64)] {
        self.reader.header().contigs()
    }

    /// Whether genotypes are compared.
    pub(super) fn has_genotypes(&self) -> bool {
        self.listed.is_none()
    }

    pub(super) fn advance(&mut self) -> Result<(), Exit> {
        while !self.reader.advance().map_err(|error| wrong(&error))? {
            let Some(path) = self.more.pop_front() else {
                self.next = None;
                return Ok(());
            };
            self.reader = Reader::open(&path).map_err(|error| wrong(&error))?;
        }
        let record = self.reader.record().map_err(|error| wrong(&error))?;
        let site = Site::of(&record, &self.common);
        let contig = self.place.get(&site.contig).copied();
        let position = record.position();
        let contig = contig.unwrap_or(usize::MAX);
        self.next = Some(((contig, position), site));
        Ok(())
    }

    /// The records of a position, if it comes next, by REF.
    pub(super) fn take(&mut self, position: Position) -> Result<BTreeMap<Vec<u8>, Site>, Exit> {
        let mut sites = BTreeMap::new();
        while let Some((_, site)) = self.next.take_if(|(next, _)| *next == position) {
            sites.insert(site.reference.clone(), site);
            self.advance()?;
        }
        Ok(sites)
    }
}

impl Site {
    fn of(record: &RecordView<'_>, columns: &[usize]) -> Self {
        let genotype = |column: &usize| record.value(*column, b"GT").unwrap_or(b".").to_vec();
        Self {
            contig: String::from_utf8_lossy(record.contig()).into_owned(),
            reference: record.reference().to_vec(),
            alternatives: record.alternative_text().to_vec(),
            genotypes: columns.iter().map(genotype).collect(),
        }
    }
}

/// The VCF files of a release's folder with such names, in the order of chunks: by number.
fn vcfs(folder: &Path, named: impl Fn(&str) -> bool) -> Result<VecDeque<PathBuf>, Exit> {
    let entries = folder.read_dir();
    let entries = entries.map_err(|error| missing(folder, &error.to_string()))?;
    let names = entries.flatten().map(|entry| entry.file_name());
    let names = names.filter_map(|name| name.into_string().ok());
    let is_named = |name: &String| name.ends_with(VCF) && !name.starts_with('.') && named(name);
    let mut names: Vec<String> = names.filter(is_named).collect();
    names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    Ok(names.iter().map(|name| folder.join(name)).collect())
}

fn missing(folder: &Path, what: &str) -> Exit {
    Exit::new(Code::MissingInput, format!("{}: {what}", folder.display()))
}

fn wrong(error: &VcfError) -> Exit {
    Exit::new(Code::BadInput, kumi_worker::fault::chain(error))
}
