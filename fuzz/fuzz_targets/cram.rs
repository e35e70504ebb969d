//! A CRAM file up to its end-of-file container. Checksums are not compared here (`cfg(fuzzing)`).
#![no_main]

/// The end of a CRAM 3 file (CRAM 3.0, section 9).
const END: [u8; 38] = [
    0x0f, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xe0, 0x45, 0x4f, 0x46, 0, 0, 0, 0, 0x01, 0, 0x05,
    0xbd, 0xd9, 0x4f, 0, 0x01, 0, 0x06, 0x06, 0x01, 0, 0x01, 0, 0x01, 0, 0xee, 0x63, 0x01, 0x4b,
];

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("cram"), |data: &[u8]| {
    let path = kumi_fuzz::file("x.cram", &[data, &END].concat());
    kumi_fuzz::templates(&path);
    if let Ok(index) = kumi_formats::cram::index(&path) {
        kumi_fuzz::file("x.cram.crai", &index);
        kumi_fuzz::query(&path);
    }
});
