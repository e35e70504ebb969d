//! The index of a CRAM file, as text.
#![no_main]

use std::sync::LazyLock;

static CRAM: LazyLock<Vec<u8>> = LazyLock::new(kumi_fuzz::good::cram);

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("crai"), |data: &[u8]| {
    let path = kumi_fuzz::file("i.cram", &CRAM);
    kumi_fuzz::file("i.cram.crai", data);
    kumi_fuzz::query(&path);
});
