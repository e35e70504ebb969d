//! BED.
#![no_main]

use kumi_formats::reference::ReferenceSource as _;

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("bed"), |data: &[u8]| {
    let path = kumi_fuzz::file("x.bed", data);
    let _ = kumi_formats::bed::read(&path, kumi_fuzz::REFERENCE.contigs());
});
