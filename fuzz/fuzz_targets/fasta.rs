//! FASTA.
#![no_main]

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("fasta"), |data: &[u8]| {
    let _ = kumi_formats::fasta::read(&kumi_fuzz::file("x.fa", data));
});
