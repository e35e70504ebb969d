//! What differs between two releases: samples, sites, genotypes.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use kumi_formats::vcf::{Reader, RecordView, VcfError};
use serde_json::json;

use crate::args::DiffArgs;
use crate::command::release::{folder, verify};
use crate::exit::{Code, Exit};
use crate::print;
use crate::publish::Partial;
use crate::table::{Table, count};

/// How the name of a cohort VCF ends, and that of its sites.
const VCF: &str = ".vcf.gz";
const SITES: &str = ".sites.vcf.gz";

pub(super) async fn run(args: DiffArgs) -> anyhow::Result<()> {
    let before = folder(args.before.clone(), &args.remote).await?;
    let after = folder(args.after.clone(), &args.remote).await?;
    let list = args.list.clone();
    let summary = tokio::task::spawn_blocking(move || compare(&before, &after, list)).await??;
    for folder in &summary.stored {
        eprintln!(
            "{}: the genotypes are in the cohort store and were not compared; write them out with: kumi release export",
            folder.display()
        );
    }
    print::one(args.remote.output, &summary.value(), || summary.table());
    Ok(())
}

/// How much differs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Summary {
    samples_gone: Vec<String>,
    samples_new: Vec<String>,
    sites: u64,
    sites_gone: u64,
    sites_new: u64,
    /// Sites of the same place and reference bases with other alternative alleles.
    sites_changed: u64,
    /// Of samples in both, at sites that are the same, where both releases have genotypes.
    genotypes: u64,
    genotypes_changed: u64,
    /// The folders of releases whose genotypes stay in the store.
    stored: Vec<PathBuf>,
}

impl Summary {
    fn value(&self) -> serde_json::Value {
        json!({
            "samples": { "gone": self.samples_gone, "new": self.samples_new },
            "sites": { "same": self.sites, "gone": self.sites_gone, "new": self.sites_new, "changed": self.sites_changed },
            "genotypes": { "compared": self.genotypes, "changed": self.genotypes_changed },
        })
    }

    fn table(&self) -> String {
        let mut table = Table::new(&["what", "count"]);
        for (what, number) in [
            ("samples gone", self.samples_gone.len() as u64),
            ("samples new", self.samples_new.len() as u64),
            ("sites in both", self.sites),
            ("sites gone", self.sites_gone),
            ("sites new", self.sites_new),
            ("sites with other alleles", self.sites_changed),
            ("genotypes in both", self.genotypes),
            ("genotypes changed", self.genotypes_changed),
        ] {
            table.row(vec![what.to_owned(), count(number)]);
        }
        table.render()
    }
}

/// A cohort VCF or its sites, read a position at a time.
struct Side {
    reader: Reader,
    /// Of a release that has no cohort VCF: whose genotypes stay in the store.
    stored: Option<Vec<String>>,
    /// Columns of the samples that both sides have, in the order of their names.
    common: Vec<usize>,
    place: BTreeMap<String, usize>,
    next: Option<(Position, Site)>,
}

/// Number of the contig, 1-based position.
type Position = (usize, u32);

/// A record: REF, ALT, the line's contig, and the genotypes that are compared.
struct Site {
    contig: String,
    reference: Vec<u8>,
    alternatives: Vec<u8>,
    genotypes: Vec<Vec<u8>>,
}

impl Side {
    fn open(folder: &Path) -> Result<Self, Exit> {
        let cohort = vcf(folder, |name| !name.ends_with(SITES))?;
        let (path, stored) = match cohort {
            Some(path) => (path, None),
            None => {
                let sites = vcf(folder, |name| name.ends_with(SITES))?;
                let sites = sites.ok_or_else(|| missing(folder, "no VCF of a cohort is there"))?;
                (sites, Some(verify::samples(folder)?))
            }
        };
        let reader = Reader::open(&path).map_err(|error| wrong(&error))?;
        let contigs = reader
            .header()
            .contigs()
            .iter()
            .map(|(name, _)| name.clone());
        Ok(Self {
            place: contigs.zip(0..).collect(),
            reader,
            stored,
            common: Vec::new(),
            next: None,
        })
    }

    /// Names and columns.
    fn samples(&self) -> BTreeMap<String, usize> {
        let columns = self.reader.header().samples();
        let samples = self.stored.as_deref().unwrap_or(columns).iter();
        samples.cloned().zip(0..).collect()
    }

    fn advance(&mut self) -> Result<(), Exit> {
        let record = self.reader.read().map_err(|error| wrong(&error))?;
        let Some(record) = record else {
            self.next = None;
            return Ok(());
        };
        let site = Site::of(&record, &self.common);
        let contig = self.place.get(&site.contig).copied();
        let position = record.position();
        let contig = contig.unwrap_or(usize::MAX);
        self.next = Some(((contig, position), site));
        Ok(())
    }

    /// The records of a position, if it comes next, by REF.
    fn take(&mut self, position: Position) -> Result<BTreeMap<Vec<u8>, Site>, Exit> {
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

/// Compares two folders; `list` is where every difference is written.
fn compare(
    before_folder: &Path,
    after_folder: &Path,
    list: Option<PathBuf>,
) -> anyhow::Result<Summary> {
    let (mut before, mut after) = (Side::open(before_folder)?, Side::open(after_folder)?);
    if before.reader.header().contigs() != after.reader.header().contigs() {
        let message = "the releases were made with other references: their contigs differ";
        return Err(Exit::new(Code::BadInput, message.to_owned()).into());
    }
    let (old, new) = (before.samples(), after.samples());
    let sides = [(&before, before_folder), (&after, after_folder)];
    let stored = sides.into_iter().filter(|(side, _)| side.stored.is_some());
    let stored: Vec<PathBuf> = stored.map(|(_, folder)| folder.to_owned()).collect();
    if stored.is_empty() {
        let common = old
            .iter()
            .filter_map(|(name, at)| Some((*at, *new.get(name)?)));
        (before.common, after.common) = common.unzip();
    }
    let only = |these: &BTreeMap<String, usize>, those: &BTreeMap<String, usize>| {
        let names = these.keys().filter(|name| !those.contains_key(*name));
        names.cloned().collect()
    };
    let mut summary = Summary {
        samples_gone: only(&old, &new),
        samples_new: only(&new, &old),
        stored,
        ..Summary::default()
    };
    let partial = list
        .as_ref()
        .map(|path| Partial::create(path))
        .transpose()?;
    let (partial, mut file) = partial.unzip();
    before.advance()?;
    after.advance()?;
    while let Some(position) = first(&before, &after) {
        let (old, new) = (before.take(position)?, after.take(position)?);
        let differences = summary.position(&old, &new);
        if let Some(file) = &mut file {
            write(file, position, &differences).map_err(|error| {
                Exit::new(Code::Io, format!("the list of differences: {error}"))
            })?;
        }
    }
    if let (Some(partial), Some(file)) = (partial, file) {
        partial.publish(file, None)?;
    }
    Ok(summary)
}

/// The position that comes next on either side.
fn first(before: &Side, after: &Side) -> Option<Position> {
    let next = |side: &Side| side.next.as_ref().map(|(position, _)| *position);
    match (next(before), next(after)) {
        (Some(a), Some(b)) => Some(if a.cmp(&b) == Ordering::Greater { b } else { a }),
        (a, b) => a.or(b),
    }
}

/// A site and what happened to it.
type Difference<'a> = (&'a Site, String);

impl Summary {
    /// Counts what differs at a position.
    fn position<'a>(
        &mut self,
        old: &'a BTreeMap<Vec<u8>, Site>,
        new: &'a BTreeMap<Vec<u8>, Site>,
    ) -> Vec<Difference<'a>> {
        let mut differences = Vec::new();
        for (reference, site) in old {
            match new.get(reference) {
                None => {
                    self.sites_gone += 1;
                    differences.push((site, "site gone".to_owned()));
                }
                Some(other) if other.alternatives != site.alternatives => {
                    self.sites_changed += 1;
                    let before = String::from_utf8_lossy(&site.alternatives);
                    differences.push((other, format!("alleles were {before}")));
                }
                Some(other) => {
                    self.sites += 1;
                    let pairs = site.genotypes.iter().zip(&other.genotypes);
                    let changed = pairs.filter(|(a, b)| a != b).count() as u64;
                    self.genotypes += site.genotypes.len() as u64;
                    self.genotypes_changed += changed;
                    if changed > 0 {
                        differences.push((other, format!("{changed} genotypes changed")));
                    }
                }
            }
        }
        for (_, site) in new
            .iter()
            .filter(|(reference, _)| !old.contains_key(*reference))
        {
            self.sites_new += 1;
            differences.push((site, "site new".to_owned()));
        }
        differences
    }
}

fn write(
    file: &mut BufWriter<std::fs::File>,
    (_, position): Position,
    differences: &[Difference<'_>],
) -> io::Result<()> {
    for (site, what) in differences {
        let [reference, alternatives] =
            [&site.reference, &site.alternatives].map(|bases| String::from_utf8_lossy(bases));
        let contig = &site.contig;
        writeln!(
            file,
            "{contig}\t{position}\t{reference}\t{alternatives}\t{what}"
        )?;
    }
    Ok(())
}

/// The VCF of a release's folder with such a name.
fn vcf(folder: &Path, named: impl Fn(&str) -> bool) -> Result<Option<PathBuf>, Exit> {
    let entries = folder.read_dir();
    let entries = entries.map_err(|error| missing(folder, &error.to_string()))?;
    let paths = entries.flatten().map(|entry| entry.path());
    let is_named = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(VCF) && !name.starts_with('.') && named(&name)
    };
    Ok(paths.filter(is_named).min())
}

fn missing(folder: &Path, what: &str) -> Exit {
    Exit::new(Code::MissingInput, format!("{}: {what}", folder.display()))
}

fn wrong(error: &VcfError) -> Exit {
    Exit::new(Code::BadInput, kumi_worker::fault::chain(error))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Summary, compare};

    fn release(folder: &Path, samples: &str, lines: &[&str]) {
        let head = "##fileformat=VCFv4.3\n##contig=<ID=2,length=99>\n##contig=<ID=10,length=99>\n";
        let columns = "#CHROM POS ID REF ALT QUAL FILTER INFO FORMAT";
        let mut text = format!("{head}{columns} {samples}\n");
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
        let text = text.replace(' ', "\t");
        std::fs::create_dir_all(folder).expect("created");
        std::fs::write(folder.join("c.vcf.gz"), text).expect("written");
    }

    #[test]
    fn samples_sites_and_genotypes_are_compared() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let [before, after] = ["a", "b"].map(|name| root.path().join(name));
        let same = "2 5 . A C . . . GT 0/1 0/0 1/1";
        let lines = [
            same,
            "2 7 . A C . . . GT 0/1 0/0 0/0",
            "2 9 . A C . . . GT 0/1 0/0 0/0",
            "10 1 . G T . . . GT 0/0 0/1 0/0",
        ];
        release(&before, "A B C", &lines);
        let lines = [
            "2 5 . A C . . . GT 1/1 0/1 0/0",
            "2 9 . A C,T . . . GT 0/0 0/1 0/2",
            "2 9 . AG A . . . GT 0/0 0/1 0/0",
            "10 1 . G T . . . GT 0/1 0/0 ./.",
        ];
        // The columns are B, A and somebody new.
        release(&after, "C A D", &lines);
        let list = root.path().join("list.tsv");
        let found = compare(&before, &after, Some(list.clone())).expect("compared");
        let expected = Summary {
            samples_gone: vec!["B".to_owned()],
            samples_new: vec!["D".to_owned()],
            sites: 2,
            sites_gone: 1,
            sites_new: 1,
            sites_changed: 1,
            genotypes: 4,
            genotypes_changed: 1,
            stored: Vec::new(),
        };
        assert_eq!(found, expected);
        let list = std::fs::read_to_string(list).expect("written");
        let expected = [
            "2\t7\tA\tC\tsite gone",
            "2\t9\tA\tC,T\talleles were C",
            "2\t9\tAG\tA\tsite new",
            "10\t1\tG\tT\t1 genotypes changed",
        ];
        assert_eq!(list.lines().collect::<Vec<_>>(), expected);
        let itself = compare(&before, &before, None).expect("compared");
        assert_eq!((itself.sites, itself.genotypes_changed), (4, 0));
    }

    /// A release without a cohort VCF is compared by its sites, and by the samples that its manifest lists.
    #[test]
    fn sites_and_samples_are_compared_where_genotypes_stay_in_the_store() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let [before, after] = ["a", "b"].map(|name| root.path().join(name));
        let lines = ["2 5 . A C . . . GT 0/1 0/0", "2 7 . A C . . . GT 0/1 0/0"];
        release(&before, "A B", &lines);
        release(&after, "A C", &["2 5 . A G . . . GT 0/1 0/0", lines[1]]);
        std::fs::rename(after.join("c.vcf.gz"), after.join("c.sites.vcf.gz")).expect("moved");
        let told = compare(&before, &after, None).expect_err("no manifest is there");
        assert!(told.to_string().contains("manifest.json"), "{told}");
        let manifest = r#"{"files":[],"samples":["C","B"]}"#;
        std::fs::write(after.join("manifest.json"), manifest).expect("written");
        let found = compare(&before, &after, None).expect("compared");
        let expected = Summary {
            samples_gone: vec!["A".to_owned()],
            samples_new: vec!["C".to_owned()],
            sites: 1,
            sites_changed: 1,
            stored: vec![after],
            ..Summary::default()
        };
        assert_eq!(found, expected);
    }
}
