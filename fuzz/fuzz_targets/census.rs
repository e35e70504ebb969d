//! Censuses of the cohort store: read, added up, taken away, and asked for sites.
#![no_main]

use std::convert::Infallible;

use bytes::Bytes;
use kumi_fuzz::REFERENCE;
use kumi_fuzz::store::REGION;
use kumi_joint::{Census, CensusPart, Params, add_up, joint_censuses};

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("census"), |data: &[u8]| {
    let Ok(census) = Census::open("x", Bytes::copy_from_slice(data)) else {
        return;
    };
    let sink = |_| Ok::<(), Infallible>(());
    let _ = joint_censuses(std::slice::from_ref(&census), &**REFERENCE, &[REGION], &Params::default(), sink);
    let part = || CensusPart::census(&census);
    let Ok(Some(once)) = add_up(vec![part()], Vec::new()) else {
        return;
    };
    if let Ok(Some(again)) = add_up(vec![part(), part(), part().taken_away()], Vec::new()) {
        assert_eq!(again.output, once.output);
    }
    let read = Census::open("x", Bytes::from(once.output)).expect("what was written is read");
    read.verify().expect("what was written is good");
});
