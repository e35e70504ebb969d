//! Censuses of the cohort store: read, added up, taken away, written.
#![no_main]

use bytes::Bytes;
use kumi_joint::Census;

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("census"), |data: &[u8]| {
    let Ok(census) = Census::read("x", Bytes::copy_from_slice(data)) else {
        return;
    };
    let _ = census.sites().map(|site| site.frequency()).sum::<f64>();
    let mut sum = census.clone();
    if sum.merge(&census).is_ok() {
        sum.subtract(&census).expect("it was added");
        assert_eq!(sum, census);
    }
    let written = census.write(Vec::new()).expect("written");
    let again = Census::read("x", Bytes::from(written)).expect("what was written is read");
    assert_eq!(again, census);
});
