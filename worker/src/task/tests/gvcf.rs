//! Rows that start from a gVCF.

use std::path::PathBuf;

use kumi_proto::v1;
use kumi_proto::v1::FailureClass;
use kumi_proto::v1::spec::Kind;

use super::house::House;

/// A gVCF of these records, in which blanks stand for tabs and `c` for the contig.
pub(super) fn given(house: &House, sample: &str, lines: &str) -> PathBuf {
    let contig = house.contig();
    let text = format!(
        "##fileformat=VCFv4.2\n##source=another caller\n##contig=<ID={},length={}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}\n{}",
        contig.name,
        contig.length,
        lines
            .replace(' ', "\t")
            .replace("c\t", &format!("{}\t", contig.name)),
    );
    let path = house.root.path().join("given.g.vcf");
    std::fs::write(&path, text).expect("written");
    path
}

pub(super) fn carry(
    house: &House,
    reference: &v1::Reference,
    path: &std::path::Path,
    sample: &str,
) -> v1::Spec {
    house.spec(
        "p/samples/S1/run",
        Kind::Gvcf(v1::GvcfSpec {
            reference: Some(reference.clone()),
            sample: sample.to_owned(),
            gvcf: Some(house.describe(path)),
            ..Default::default()
        }),
    )
}

const LINES: &str = "c 100 . A <NON_REF> . . END=199 GT:DP:GQ 0/0:30:90\n\
    c 200 . T C,<NON_REF> 50 . . GT:DP:GQ 0/1:30:90\n";

#[test]
fn a_given_gvcf_is_carried_through_with_an_index_and_provenance() {
    let (house, reference) = House::with_index(1);
    let path = given(&house, "S1", LINES);
    let manifest = house.done(carry(&house, &reference, &path, "S1"));
    let names: Vec<_> = manifest.files.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "MANIFEST.sha256",
            "S1.g.vcf.gz",
            "S1.g.vcf.gz.tbi",
            "provenance.json"
        ]
    );
    assert_eq!(manifest.counts["records"], 2);
    assert_eq!(manifest.counts["snvs"], 1);
    let directory = house.root.path().join(&manifest.directory);
    let told = std::fs::read_to_string(directory.join("provenance.json")).expect("there");
    assert!(told.contains("given.g.vcf"), "{told}");
    let private = house.root.path().to_string_lossy().into_owned();
    assert!(!told.contains(&private), "no path of a person: {told}");
}

const TRIPLOID: &str = "c 100 . A <NON_REF> . . END=199 GT:DP:GQ 0/0/0:30:90\n";

#[test]
fn a_gvcf_that_does_not_fit_is_refused_and_nothing_is_published() {
    let (house, reference) = House::with_index(1);
    let backwards = "c 300 . A <NON_REF> . . END=399 GT 0/0\nc 200 . C T 50 . . GT 0/1\n";
    let cases = [
        (LINES, "S2", "it is of sample S1, the sheet says S2"),
        (backwards, "S1", "given.g.vcf:6"),
        ("d 1 . A T 50 . . GT 0/1\n", "S1", "no contig of that name"),
        // A VCF may say so, the store cannot.
        (TRIPLOID, "S1", "given.g.vcf"),
    ];
    for (lines, sample, told) in cases {
        let path = given(&house, "S1", lines);
        let failure = house.fails(carry(&house, &reference, &path, sample));
        assert_eq!(failure.class(), FailureClass::BadInput, "{failure:?}");
        assert!(failure.message.contains(told), "{told} in {failure:?}");
        assert!(
            failure.message.contains(&format!("sample {sample}")),
            "{failure:?}"
        );
        assert!(house.files("p").is_empty(), "{told}");
    }
}
