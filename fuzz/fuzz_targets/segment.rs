//! Segments of the cohort store: everything that is done with one.
#![no_main]

use std::collections::BTreeSet;

use bytes::Bytes;
use kumi_fuzz::REFERENCE;
use kumi_joint::{CensusPart, Params, Segment, add_up};

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("segment"), |data: &[u8]| {
    let Ok(segment) = Segment::open("x", Bytes::copy_from_slice(data)) else {
        return;
    };
    let params = Params::default();
    let _ = segment.verify();
    let part = CensusPart::segment(&segment, |_| true, &params);
    let _ = add_up(vec![part], std::io::sink());
    let first: BTreeSet<String> = segment.header().samples.iter().take(1).cloned().collect();
    let _ = kumi_joint::purge(&segment, &first, std::io::sink());
    let regions = [kumi_fuzz::store::REGION];
    let none = |_: Vec<_>| Ok::<(), std::convert::Infallible>(());
    let _ = kumi_joint::joint_segments(&[segment], &first, &**REFERENCE, &regions, &params, none);
});
