//! What is inside the blocks of a BCF file.
#![no_main]

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("bcf"), |data: &[u8]| {
    let path = kumi_fuzz::file("x.bcf", &kumi_fuzz::bgzip(data));
    kumi_fuzz::bcf(&path);
});
