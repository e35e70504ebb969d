//! The index of a BCF file.
#![no_main]

use std::sync::LazyLock;

static BCF: LazyLock<Vec<u8>> = LazyLock::new(|| kumi_fuzz::good::bcf().0);

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("csi"), |data: &[u8]| {
    let path = kumi_fuzz::file("i.bcf", &BCF);
    kumi_fuzz::file("i.bcf.csi", &kumi_fuzz::bgzip(data));
    kumi_fuzz::bcf(&path);
});
