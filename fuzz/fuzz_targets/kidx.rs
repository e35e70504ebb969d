//! A reference index whose header has a right checksum.
#![no_main]

use kumi_seq::interval::Interval;

/// Bytes of the header; its checksum stands 8 bytes before its end.
const HEADER: usize = 208;

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("kidx"), |data: &[u8]| {
    let mut bytes = data.to_vec();
    if bytes.len() >= HEADER {
        let crc = crc32fast::hash(&bytes[..HEADER - 8]);
        bytes[HEADER - 8..HEADER - 4].copy_from_slice(&crc.to_le_bytes());
    }
    let Ok(index) = kumi_index::Index::open(&kumi_fuzz::file("x.kidx", &bytes)) else {
        return;
    };
    let _ = (index.verify(), index.digest());
    let view = index.view();
    for (contig, described) in index.contigs().iter() {
        let mut codes = Vec::new();
        let end = described.length.min(1000);
        view.codes(Interval { contig, start: 0, end }, &mut codes);
        view.packed(view.offset(contig), &mut [0; 11]);
    }
    for hash in (0..1u64 << 38).step_by(1 << 30) {
        for hit in view.hits(hash) {
            let _ = view.locate(hit.position);
        }
    }
});
