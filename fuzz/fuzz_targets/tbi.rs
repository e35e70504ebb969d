//! The index of a VCF file.
#![no_main]

use std::sync::LazyLock;

static VCF: LazyLock<Vec<u8>> = LazyLock::new(|| kumi_fuzz::good::gvcf().0);

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("tbi"), |data: &[u8]| {
    let path = kumi_fuzz::file("i.vcf.gz", &VCF);
    kumi_fuzz::file("i.vcf.gz.tbi", &kumi_fuzz::bgzip(data));
    kumi_fuzz::vcf(&path);
});
