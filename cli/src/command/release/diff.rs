//! What differs between two releases: samples, sites, genotypes.

mod side;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::args::DiffArgs;
use crate::command::release::diff::side::{Position, Side, Site};
use crate::command::release::folder;
use crate::exit::{Code, Exit};
use crate::print;
use crate::publish::Partial;
use crate::table::{Table, count};

pub(super) async fn run(args: DiffArgs) -> anyhow::Result<()> {
    let before = folder(args.before.clone(), &args.remote).await?;
    let after = folder(args.after.clone(), &args.remote).await?;
    let list = args.list.clone();
    let summary = tokio::task::spawn_blocking(move || compare(&before, &after, list)).await??;
    for folder in &summary.stored {
        eprintln!(
            "{}: no VCF with genotypes is there: they were not compared; write them out with: kumi release export",
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
    /// The folders of releases without a VCF that has genotypes.
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

/// Compares two folders; `list` is where every difference is written.
fn compare(
    before_folder: &Path,
    after_folder: &Path,
    list: Option<PathBuf>,
) -> anyhow::Result<Summary> {
    let (mut before, mut after) = (Side::open(before_folder)?, Side::open(after_folder)?);
    if before.contigs() != after.contigs() {
        let message = "the releases were made with other references: their contigs differ";
        return Err(Exit::new(Code::BadInput, message.to_owned()).into());
    }
    let (old, new) = (before.samples(), after.samples());
    let sides = [(&before, before_folder), (&after, after_folder)];
    let stored = sides.into_iter().filter(|(side, _)| !side.has_genotypes());
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

    /// Chunks are read one after another, in the order of their numbers.
    #[test]
    fn a_release_in_chunks_is_compared_as_a_whole() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let [whole, chunks] = ["a", "b"].map(|name| root.path().join(name));
        let lines = ["2 5 . A C . . . GT 0/1 0/0", "10 1 . G T . . . GT 0/0 0/1"];
        release(&whole, "A B", &lines);
        for (name, lines) in [
            ("c.0001", &lines[..1]),
            ("c.0002", &[]),
            ("c.0003", &lines[1..]),
        ] {
            release(&chunks, "A B", lines);
            let [from, to] = ["c", name].map(|stem| chunks.join(format!("{stem}.vcf.gz")));
            std::fs::rename(from, to).expect("renamed");
        }
        let found = compare(&whole, &chunks, None).expect("compared");
        let expected = Summary {
            sites: 2,
            genotypes: 4,
            ..Summary::default()
        };
        assert_eq!(found, expected);
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
