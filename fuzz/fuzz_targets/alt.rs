//! The file that names alternate contigs.
#![no_main]

use kumi_seq::contig::Contig;

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("alt"), |data: &[u8]| {
    let mut sequences = ["c1", "c2"].map(|name| (Contig::describe(name, b"A"), vec![b'A']));
    let _ = kumi_formats::alt::mark(&kumi_fuzz::file("x.alt", data), &mut sequences);
});
