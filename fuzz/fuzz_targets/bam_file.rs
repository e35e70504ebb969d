//! A BAM file with its blocks.
#![no_main]

use kumi_formats::open::BGZF_EOF;

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("bam_file"), |data: &[u8]| {
    let path = kumi_fuzz::file("b.bam", &[data, &BGZF_EOF].concat());
    kumi_fuzz::templates(&path);
});
