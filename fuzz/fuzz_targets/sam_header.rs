//! The text of a SAM header.
#![no_main]

use kumi_formats::header::Header;
use kumi_formats::reference::ReferenceSource as _;

libfuzzer_sys::fuzz_target!(init: kumi_fuzz::good::seed("sam_header"), |text: &str| {
    if let Ok(header) = Header::parse(text) {
        let _ = (header.read_groups(), header.references(), header.is_coordinate_sorted());
        let _ = header.check_reference(kumi_fuzz::REFERENCE.contigs());
        if let Ok(written) = header.to_text() {
            let again = Header::parse(&written).expect("what is written is read");
            assert_eq!(again.references(), header.references());
        }
    }
});
