//! A good segment of the cohort store and its census, to begin with.

use std::fmt::Write as _;

use bytes::Bytes;
use kumi_formats::reference::ReferenceSource as _;
use kumi_joint::{CensusPart, IngestParams, Params, Segment, add_up};
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::files::{REFERENCE, file};

/// Bases that the segment is of.
pub const REGION: Interval = Interval {
    contig: ContigId(0),
    start: 0,
    end: 600,
};

/// A gVCF with blocks and calls, haploid ones for `copies` 1.
fn gvcf(sample: &str, copies: usize, shift: usize) -> String {
    let mut bases = Vec::new();
    REFERENCE.bases(REGION, &mut bases);
    let base = |at: usize| char::from(bases[at]);
    let (block, call) = match copies {
        1 => ("0:9:30:0,60", "1:1,9,0:10:30:90,0,120"),
        _ => ("0/0:9:27:0,27,270", "0|1:5,4,0:9:40:90,0,120,99,140,300"),
    };
    let mut text = format!(
        "##fileformat=VCFv4.2\n##contig=<ID=c1,length=4000>\n\
         #CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{sample}\n"
    );
    for at in (shift..560).step_by(40) {
        let (first, last, site) = (at + 1, at + 30, at + 31);
        let other = if base(site - 1) == 'A' { 'C' } else { 'A' };
        let _ = writeln!(
            text,
            "c1\t{first}\t.\t{}\t<NON_REF>\t.\t.\tEND={last}\tGT:DP:GQ:PL\t{block}",
            base(at)
        );
        let (reference, other) = match at / 40 % 3 {
            0 => (
                bases[site - 1..site + 2]
                    .iter()
                    .map(|base| char::from(*base))
                    .collect(),
                base(site - 1),
            ),
            _ => (base(site - 1).to_string(), other),
        };
        let _ = writeln!(
            text,
            "c1\t{site}\t.\t{reference}\t{other},<NON_REF>\t50\tPASS\t.\tGT:AD:DP:GQ:PL:PS\t{call}:7"
        );
    }
    text
}

/// A segment of three samples in three windows.
pub fn segment() -> Vec<u8> {
    let samples = [("a", 2, 0), ("b", 1, 3), ("c", 2, 40)];
    let paths = samples.map(|(sample, copies, shift)| {
        let text = gvcf(sample, copies, shift);
        file(&format!("{sample}.g.vcf"), text.as_bytes())
    });
    let params = IngestParams {
        made_by: "fuzz".to_owned(),
        window: Some(250),
    };
    let made = kumi_joint::ingest(&paths, &**REFERENCE, REGION, &params, Vec::new());
    made.expect("good gVCFs").0
}

/// Its census.
pub fn census() -> Vec<u8> {
    let segment = Segment::open("good", Bytes::from(segment())).expect("good");
    let part = CensusPart::segment(&segment, |_| true, &Params::default());
    let counted = add_up(vec![part], Vec::new()).expect("good");
    counted.expect("a part").output
}
