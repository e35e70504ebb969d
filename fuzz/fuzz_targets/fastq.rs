//! FASTQ as text, alone and as a pair with itself; gzip when it says so.
#![no_main]

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("fastq"), |data: &[u8]| {
    let path = kumi_fuzz::file("x.fastq", data);
    kumi_fuzz::fastq(&path, false);
    kumi_fuzz::fastq(&path, true);
});
