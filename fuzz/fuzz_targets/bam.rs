//! What is inside a BAM file: header, references, records.
#![no_main]

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("bam"), |data: &[u8]| {
    let path = kumi_fuzz::file("x.bam", &kumi_fuzz::bgzip(data));
    kumi_fuzz::templates(&path);
    if let Ok(index) = kumi_formats::bam::index(&path) {
        kumi_fuzz::file("x.bam.bai", &index);
        kumi_fuzz::query(&path);
    }
});
