//! The tables of `kumi kernel joint --format parquet` in the hands of DuckDB and polars.

use std::path::Path;
use std::sync::LazyLock;

use crate::support::gvcfs::Gvcfs;
use crate::support::tools::{have, have_python, shell};
use crate::support::{sha256, text};

const SAMPLES: usize = 60;

static COHORT: LazyLock<Gvcfs> = LazyLock::new(|| Gvcfs::new(11, SAMPLES, 20_000));

/// What both programs are asked: the sites, and every genotype of every sample, whether it has a row or not.
const SITES: &str = "
select contig, position, reference, array_to_string(alternatives, ','), quality, filter, ac, an, ns
from 'T.sites.parquet' order by contig, position";
const GENOTYPES: &str = "
select site.position, s.sample, coalesce(g.ploidy, site.ploidy) as ploidy, g.sample is not null as told,
       g.allele_1, g.allele_2, g.gq, g.dp, g.ad, g.pl, g.ft
from 'T.sites.parquet' site cross join 'T.samples.parquet' s
left join 'T.parquet' g on g.contig = site.contig and g.position = site.position and g.sample = s.sample
order by site.position, s.sample";

/// Prints what the tables say in the words of `bcftools query`: a genotype that has no row is REF alone.
const PRINT: &str = r#"
import sys
def number(x): return '.' if x is None else format(x, 'g') if isinstance(x, float) else str(x)
def items(x): return '.' if x is None else ','.join(str(i) for i in x)
def site(contig, position, reference, alternatives, quality, filter, ac, an, ns):
    print(contig, position, reference, alternatives, number(quality), filter, items(ac), an, ns)
def genotype(position, sample, ploidy, told, first, second, gq, dp, ad, pl, ft):
    alleles = [first, second][:ploidy] if told else [0] * ploidy
    gt = '/'.join('.' if a is None else str(a) for a in alleles)
    print(position, sample, gt, *(map(str, ('told', number(gq), number(dp), items(ad), items(pl), ft or '.')) if told else ['certain']))
"#;

/// What a program says of the tables whose genotypes are at `path`.
fn read(path: &Path, program: &str) -> String {
    let stem = path.with_extension("").display().to_string();
    let at = |query: &str| query.replace("'T.", &format!("'{stem}."));
    let (sites, genotypes) = (at(SITES), at(GENOTYPES));
    let script = format!("{PRINT}\n{}", program.replace("STEM", &stem));
    let script = script
        .replace("SITES", &sites)
        .replace("GENOTYPES", &genotypes);
    shell(&format!("python3 - <<'PYTHON'\n{script}\nPYTHON"))
}

const DUCKDB: &str = r#"
import duckdb
for row in duckdb.sql("""SITES""").fetchall(): site(*row)
for row in duckdb.sql("""GENOTYPES""").fetchall(): genotype(*row)
"#;

const POLARS: &str = r#"
import polars as pl
s = pl.scan_parquet("STEM.sites.parquet").sort("contig", "position")
for row in s.collect().iter_rows(named=True):
    site(row['contig'], row['position'], row['reference'], ','.join(row['alternatives']), row['quality'],
         row['filter'], row['ac'], row['an'], row['ns'])
g = pl.scan_parquet("STEM.parquet").with_columns(told=True)
cells = s.join(pl.scan_parquet("STEM.samples.parquet"), how="cross")
cells = cells.join(g, on=["contig", "position", "sample"], how="left", suffix="_told").sort("position", "sample")
for row in cells.collect().iter_rows(named=True):
    own = row['ploidy_told']
    genotype(row['position'], row['sample'], row['ploidy'] if own is None else own, row['told'], row['allele_1'],
             row['allele_2'], row['gq'], row['dp'], row['ad'], row['pl'], row['ft'])
"#;

/// What the VCF of the same run says, in the same words.
fn expected(vcf: &Path) -> (String, Vec<String>) {
    let query = |format: &str| shell(&format!("bcftools query -f '{format}' '{}'", vcf.display()));
    let sites = query("%CHROM %POS %REF %ALT %QUAL %FILTER %AC %AN %NS\\n");
    let cells = query("[%POS %SAMPLE %GT %GQ %DP %AD %PL %FT\\n]");
    (sites, cells.lines().map(str::to_owned).collect())
}

#[test]
fn duckdb_and_polars_read_every_genotype() {
    if !have(&["bcftools"]) || !have_python(&["duckdb", "polars"]) {
        return;
    }
    let vcf = COHORT.joined("c.vcf.gz", &[]);
    let tables = COHORT.joined("c.parquet", &[]);
    let (sites, cells) = expected(&vcf);
    let said = read(&tables, DUCKDB);
    assert_eq!(said, read(&tables, POLARS), "both read the same");
    let lines: Vec<&str> = said.lines().collect();
    let (read_sites, read_cells) = lines.split_at(sites.lines().count());
    assert_eq!(read_sites, sites.lines().collect::<Vec<_>>());
    assert_eq!(read_cells.len(), cells.len());
    let mut seen = [0; 5];
    for (read, expected) in read_cells.iter().zip(&cells) {
        let (read, expected): (Vec<&str>, Vec<&str>) =
            (read.split(' ').collect(), expected.split(' ').collect());
        let [position, sample, gt, gq, dp, ad, pl, ft] = expected.as_slice() else {
            panic!("{expected:?}");
        };
        assert_eq!(read[..3], [*position, *sample, *gt]);
        if read[3] == "certain" {
            // Left out is what is certain, and nothing else.
            assert!(gq.parse::<u32>().expect("a number") >= 20 && !gt.contains(['1', '.']));
            seen[0] += 1;
            continue;
        }
        assert_eq!(read[4..6], [*gq, *dp], "{expected:?}");
        assert_eq!(read[8], *ft, "{expected:?}");
        // A reference block tells neither the reads of each allele nor their likelihoods; the VCF says what follows.
        if read[6] != "." {
            assert_eq!(read[6], *ad, "{expected:?}");
        }
        if read[7] != "." {
            assert_eq!(read[7], *pl, "{expected:?}");
        }
        seen[1] += usize::from(gt.contains('.'));
        seen[2] += usize::from(gt.contains('1'));
        seen[3] += usize::from(!gt.contains('/'));
        seen[4] += usize::from(read[6] != "." && read[7] != ".");
    }
    assert!(seen.iter().all(|count| *count > 20), "all kinds: {seen:?}");
}

#[test]
fn the_bytes_of_tables_depend_on_the_cohort_alone() {
    let names = ["c.parquet", "c.sites.parquet", "c.samples.parquet"];
    let sums = ["1", "3"].map(|threads| {
        let folder = COHORT.path(threads);
        std::fs::create_dir(&folder).expect("created");
        let output = folder.join(names[0]);
        let mut command = COHORT.joint(&output, &["--threads", threads]);
        let mut paths = COHORT.paths.clone();
        if threads == "1" {
            paths.reverse();
        }
        let said = crate::support::ok(command.args(paths));
        assert!(text(&said.stderr).contains("60 samples"));
        names.map(|name| sha256(&folder.join(name)))
    });
    assert_eq!(sums[0], sums[1]);
}

#[test]
fn plink_reads_what_was_written_in_two_parts() {
    if !have(&["plink2"]) {
        return;
    }
    let folder = COHORT.path("plink");
    std::fs::create_dir(&folder).expect("created");
    let output = folder.join("c.pgen");
    crate::support::ok(COHORT.joint(&output, &[]).args(&COHORT.paths));
    let left = crate::support::files(&folder, &|_| true);
    assert_eq!(left, ["c.pgen", "c.psam", "c.pvar"]);
    let stem = output.with_extension("").display().to_string();
    let files = format!("--pfile '{stem}' --allow-extra-chr --out '{stem}'");
    shell(&format!("plink2 {files} --validate"));
    let counted = shell(&format!(
        "plink2 {files} --geno-counts >&2; cat '{stem}.gcount'"
    ));
    let variants = std::fs::read_to_string(folder.join("c.pvar")).expect("read");
    let variants = variants.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(counted.lines().count(), 1 + variants.count());
}
