//! VCF and gVCF, as text and in blocks.
#![no_main]

use kumi_formats::reference::ReferenceSource as _;

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("vcf"), |data: &[u8]| {
    kumi_fuzz::vcf(&kumi_fuzz::file("x.vcf", data));
    let path = kumi_fuzz::file("x.vcf.gz", &kumi_fuzz::bgzip(data));
    kumi_fuzz::vcf(&path);
    let contigs = kumi_fuzz::REFERENCE.contigs();
    let _ = kumi_formats::vcf::concatenate(&[path], contigs, Vec::new());
});
