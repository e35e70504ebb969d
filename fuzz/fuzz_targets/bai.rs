//! The index of a BAM file: `.bai`, or `.csi` when it begins so.
#![no_main]

use std::sync::LazyLock;

static BAM: LazyLock<Vec<u8>> = LazyLock::new(kumi_fuzz::good::bam);

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("bai"), |data: &[u8]| {
    let path = kumi_fuzz::file("i.bam", &BAM);
    kumi_fuzz::file("i.bam.bai", data);
    kumi_fuzz::query(&path);
});
