//! Segments whose bytes are wrong although their CRC is right: an error or something else, never a panic.

use std::fmt::Write as _;
use std::sync::LazyLock;

use bytes::Bytes;
use kumi_formats::reference::{InMemory, ReferenceSource};
use kumi_seq::contig::{Contig, ContigId};
use kumi_seq::interval::Interval;
use proptest::prelude::*;

use crate::census::{Census, CensusPart, add_up, joint_censuses};
use crate::params::Params;
use crate::store::{IngestParams, Segment, ingest};

const BASES: u32 = 600;

fn base(at: u32) -> char {
    char::from(b"ACGT"[(at * at / 3 + at) as usize % 4])
}

/// Blocks and calls, one of them of two alleles, phased; haploid if so.
fn gvcf(haploid: bool) -> String {
    let mut text = String::from(
        "##fileformat=VCFv4.2\n##contig=<ID=c,length=600>\n\
         #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n",
    );
    let (block, call) = if haploid {
        ("0:9:30:0,60", "1:1,9,0:10:30:90,0,120")
    } else {
        ("0/0:9:27:0,27,270", "0|1:5,4,0:9:40:90,0,120,99,140,300")
    };
    for at in (0..560).step_by(40) {
        let (last, site) = (at + 30, at + 31);
        let other = if base(site - 1) == 'A' { 'C' } else { 'A' };
        let (first, here) = (base(at), base(site - 1));
        let at = at + 1;
        let _ = writeln!(
            text,
            "c\t{at}\t.\t{first}\t<NON_REF>\t.\t.\tEND={last}\tGT:DP:GQ:PL\t{block}\n\
             c\t{site}\t.\t{here}\t{other},<NON_REF>\t50\tPASS\t.\tGT:AD:DP:GQ:PL:PS\t{call}:7"
        );
    }
    text
}

fn reference() -> InMemory {
    let bases: Vec<u8> = (0..BASES).map(|at| base(at) as u8).collect();
    let contig = Contig::describe("c", &bases);
    InMemory::new(vec![(contig, bases)]).expect("one name")
}

/// A segment of three windows.
static GOOD: LazyLock<Bytes> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let paths = [("a", false), ("b", true), ("c", false)].map(|(name, haploid)| {
        let path = folder.path().join(format!("{name}.g.vcf"));
        let text = gvcf(haploid).replace("FORMAT\ts", &format!("FORMAT\t{name}"));
        std::fs::write(&path, text).expect("written");
        path
    });
    let reference = reference();
    let region = Interval {
        contig: ContigId(0),
        start: 0,
        end: BASES,
    };
    let params = IngestParams {
        made_by: "test".to_owned(),
        window: Some(250),
    };
    let made = ingest(&paths, &reference, region, &params, Vec::new());
    Bytes::from(made.expect("good gVCFs").0)
});

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_a_right_crc_lets_through_is_checked(
        window in 0usize..3,
        changes in prop::collection::vec((0usize..100_000, any::<u8>()), 1..4),
    ) {
        let mut segment = Segment::open("x", GOOD.clone()).expect("good");
        segment.change(window, &changes);
        let _ = segment.verify();
        let part = CensusPart::segment(&segment, |_| true, &Params::default());
        let _ = add_up(vec![part], Vec::new());
    }

    #[test]
    fn what_a_right_crc_of_a_census_lets_through_is_checked(
        changes in prop::collection::vec((0usize..100_000, any::<u8>()), 1..4),
    ) {
        let segment = Segment::open("x", GOOD.clone()).expect("good");
        let mut census = Census::open("x", counted(&segment)).expect("good");
        census.change(0, &changes);
        let reference = reference();
        let whole = reference.contigs().whole();
        let sink = |_| Ok::<(), std::convert::Infallible>(());
        let _ = joint_censuses(&[census], &reference, &whole, &Params::default(), sink);
    }
}

fn counted(segment: &Segment) -> Bytes {
    let part = CensusPart::segment(segment, |_| true, &Params::default());
    let counted = add_up(vec![part], Vec::new()).expect("counted");
    let counted = counted.expect("a part");
    assert!(counted.alleles > 10 && counted.samples == 3);
    Bytes::from(counted.output)
}

#[test]
fn without_damage_it_is_good() {
    let segment = Segment::open("x", GOOD.clone()).expect("good");
    segment.verify().expect("whole");
    let census = Census::open("x", counted(&segment)).expect("good");
    census.verify().expect("whole");
}
