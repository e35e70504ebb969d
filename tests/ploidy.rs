//! Copies by contig and sex: what the sheet says reaches the genotypes.

use std::collections::BTreeMap;

use crate::support::random::Numbers;
use crate::support::small::{World, changed};
use crate::support::{text, unzip};

/// Genotypes of the variant records, and of the reference blocks, of a sample's gVCF by contig.
fn genotypes(world: &World, sample: &str) -> BTreeMap<String, Vec<String>> {
    let gvcf = world.file(&format!("/{sample}.g.vcf.gz"));
    let mut by_contig: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in unzip(&gvcf).lines() {
        if line.starts_with('#') {
            continue;
        }
        let cells: Vec<&str> = line.split('\t').collect();
        let kind = if cells[4] == "<NON_REF>" {
            "block"
        } else {
            "variant"
        };
        let genotype = cells[9].split(':').next().expect("GT");
        let all = by_contig.entry(cells[0].to_owned()).or_default();
        all.push(format!("{kind} {genotype}"));
    }
    for all in by_contig.values_mut() {
        all.sort();
        all.dedup();
    }
    by_contig
}

fn world() -> World {
    let contigs = [
        ("chr1", 5_000),
        ("chrX", 5_000),
        ("chrY", 5_000),
        ("chrM", 3_000),
    ];
    let world = World::new(21, &contigs);
    let copies = |contig: &str, number: usize| {
        // The first copy has every site, the second one every other.
        let all = [
            world.haplotype(contig, |_| true),
            world.haplotype(contig, |site| site % 2 == 0),
        ];
        all.into_iter().take(number)
    };
    for (sample, x, y) in [("F", 2, 0), ("M", 1, 1), ("U", 1, 1)] {
        let haplotypes: Vec<_> = copies("chr1", 2)
            .chain(copies("chrX", x))
            .chain(copies("chrY", y))
            .chain(copies("chrM", 1))
            .collect();
        world.write_pairs(sample, &world.pairs(sample, &haplotypes, 16));
    }
    world
}

fn expect(found: &BTreeMap<String, Vec<String>>, contig: &str, genotypes: &[&str]) {
    let all: Vec<&str> = found
        .get(contig)
        .map_or_else(Vec::new, |all| all.iter().map(String::as_str).collect());
    assert_eq!(all, genotypes, "{contig} of {found:?}");
}

#[test]
fn sex_and_contig_decide_how_many_alleles_a_genotype_has() {
    let world = world();
    world.cohort(
        "sample,sex,fastq_1,fastq_2\n\
         F,XX,F_1.fq.gz,F_2.fq.gz\n\
         M,XY,M_1.fq.gz,M_2.fq.gz\n\
         U,NA,U_1.fq.gz,U_2.fq.gz\n",
        "",
    );
    let output = world.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let diploid = ["block 0/0", "variant 0/1", "variant 1/1"];
    let haploid = ["block 0", "variant 1"];
    for sample in ["F", "M", "U"] {
        let found = genotypes(&world, sample);
        expect(&found, "chr1", &diploid);
        expect(&found, "chrM", &haploid);
    }
    let (female, male, unknown) = (
        genotypes(&world, "F"),
        genotypes(&world, "M"),
        genotypes(&world, "U"),
    );
    expect(&female, "chrX", &diploid);
    expect(&female, "chrY", &[]);
    expect(&male, "chrX", &haploid);
    expect(&male, "chrY", &haploid);
    // Nobody said that there is one copy: every site of it looks homozygous.
    expect(&unknown, "chrX", &["block 0/0", "variant 1/1"]);
    expect(&unknown, "chrY", &["block 0/0", "variant 1/1"]);

    // The cohort keeps the copies: one column may be haploid beside a diploid one.
    let vcf = unzip(&world.file("/c.vcf.gz"));
    let on = |contig: &str| -> Vec<String> {
        let lines = vcf
            .lines()
            .filter(|line| line.split('\t').next() == Some(contig));
        let genotypes = lines.map(|line| {
            let cells = line.split('\t').skip(9);
            let all: Vec<_> = cells
                .map(|cell| cell.split(':').next().expect("GT"))
                .collect();
            all.join(" ")
        });
        let mut genotypes: Vec<String> = genotypes.collect();
        genotypes.sort();
        genotypes.dedup();
        genotypes
    };
    assert_eq!(on("chrX"), ["0/1 1 1/1", "1/1 1 1/1"]);
    assert_eq!(on("chrM"), ["1 1 1"]);
    let y = on("chrY");
    assert_eq!(y.len(), 1, "{y:?}");
    assert!(y[0].starts_with('.') && y[0].ends_with(" 1 1/1"), "{y:?}");
}

#[test]
fn a_haploid_genome_is_haploid_throughout() {
    let world = world();
    world.cohort(
        "sample,sex,fastq_1,fastq_2\nM,XY,M_1.fq.gz,M_2.fq.gz\n",
        "ploidy = 1",
    );
    let output = world.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for all in genotypes(&world, "M").values() {
        assert!(
            all.iter().all(|genotype| !genotype.contains('/')),
            "{all:?}"
        );
    }
}

/// The pseudo-autosomal regions are known by the length of X: an X as long as that of GRCh37, all `N` but for a
/// stretch inside of the first region, one behind its end, and one across its end.
#[test]
fn a_man_has_two_copies_of_the_pseudo_autosomal_regions() {
    const X: usize = 155_270_560;
    const PAR_1_END: usize = 2_699_520;
    const STRETCH: usize = 3_000;
    let starts = [1_000_000, PAR_1_END - STRETCH / 2, 3_000_000];
    let mut numbers = Numbers::new(5);
    let mut bases = vec![b'N'; X];
    for start in starts {
        bases[start..start + STRETCH].fill_with(|| b"ACGT"[numbers.below(4)]);
    }
    let stretches = starts.map(|start| bases[start..start + STRETCH].to_vec());
    let world = World::of(5, vec![("X".to_owned(), bases)]);
    let copy =
        |stretch: usize, half: bool| changed(&stretches[stretch], |site| !half || site % 2 == 0);
    // Two copies of what lies in the region, one of what does not; a second copy ends with the region.
    let mut across = copy(1, true);
    across.truncate(STRETCH / 2);
    let male = [
        copy(0, false),
        copy(0, true),
        copy(1, false),
        across,
        copy(2, false),
    ];
    world.write_pairs("M", &world.pairs("M", &male, 20));
    let female: Vec<_> = (0..3)
        .flat_map(|at| [copy(at, false), copy(at, true)])
        .collect();
    world.write_pairs("F", &world.pairs("F", &female, 20));
    let targets = starts.map(|start| format!("X\t{start}\t{}\n", start + STRETCH));
    world.write("t.bed", targets.concat());
    world.cohort(
        "sample,sex,fastq_1,fastq_2\nM,XY,M_1.fq.gz,M_2.fq.gz\nF,XX,F_1.fq.gz,F_2.fq.gz\n",
        "targets = \"t.bed\"",
    );
    let output = world.run(&[]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for (sample, haploid) in [("M", true), ("F", false)] {
        let gvcf = world.file(&format!("/{sample}.g.vcf.gz"));
        let (mut inside, mut outside) = (0, 0);
        for line in unzip(&gvcf).lines().filter(|line| !line.starts_with('#')) {
            let cells: Vec<&str> = line.split('\t').collect();
            let start: usize = cells[1].parse().expect("POS");
            let genotype = cells[9].split(':').next().expect("GT");
            let diploid = genotype.contains('/');
            if start <= PAR_1_END {
                assert!(diploid, "{sample}: {line}");
                inside += usize::from(genotype == "0/1");
                let end = cells[7]
                    .strip_prefix("END=")
                    .and_then(|end| end.parse::<usize>().ok());
                assert!(
                    !haploid || end.is_none_or(|end| end <= PAR_1_END),
                    "{sample}: {line}"
                );
            } else {
                assert_eq!(diploid, !haploid, "{sample}: {line}");
                outside += usize::from(genotype == "1" || genotype == "1/1");
            }
        }
        assert!(inside >= 2 && outside >= 4, "{sample}: {inside} {outside}");
    }
}
