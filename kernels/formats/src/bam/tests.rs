//! Records out of fields and back, and bytes that are no records.

use kumi_seq::cigar;
use proptest::prelude::*;

use crate::bam::{Fields, Record, Value, View};

fn example() -> Record {
    let ops = cigar::parse("2S3M1I2M").expect("a CIGAR");
    let fields = Fields {
        name: b"read/x",
        flags: 0x63,
        place: Some((1, 99)),
        mapq: 60,
        cigar: &ops,
        mate: Some((1, 300)),
        template_length: 210,
        bases: b"ACGTNACG",
        qualities: &[1, 2, 3, 4, 5, 6, 7, 8],
    };
    let mut record = fields.to_record();
    record.push_string_tag(*b"RG", b"lane1");
    for (name, value) in [(*b"NM", 1), (*b"AS", -5), (*b"XX", 70_000), (*b"YY", 255)] {
        record.push_integer_tag(name, value);
    }
    record
}

#[test]
fn fields_come_back() {
    let record = example();
    let view = View::new(record.as_bytes()).expect("valid");
    assert_eq!(
        (
            view.ref_id(),
            view.pos(),
            view.end(),
            view.mapq(),
            view.flags()
        ),
        (1, 99, 104, 60, 0x63)
    );
    assert_eq!(
        (view.mate_ref_id(), view.mate_pos(), view.template_length()),
        (1, 300, 210)
    );
    assert_eq!(view.name(), b"read/x");
    assert_eq!(cigar::format(&view.cigar().collect::<Vec<_>>()), "2S3M1I2M");
    assert_eq!(view.bases().collect::<Vec<_>>(), b"ACGTNACG");
    assert_eq!(view.qualities(), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(view.tag(*b"RG"), Some(Value::String(b"lane1")));
    for (name, value) in [(*b"NM", 1), (*b"AS", -5), (*b"XX", 70_000), (*b"YY", 255)] {
        assert_eq!(view.tag(name), Some(Value::Integer(value)));
    }
    assert_eq!(view.tag(*b"ZZ"), None);
}

#[test]
fn every_truncation_is_refused_or_shorter_by_whole_tags() {
    let bytes = example().as_bytes().to_vec();
    let tags_at = bytes.len() - View::new(&bytes).expect("valid").tag_bytes().len();
    for length in 0..tags_at {
        assert!(View::new(&bytes[..length]).is_err(), "{length}");
    }
    let valid = (tags_at..=bytes.len())
        .filter(|&length| View::new(&bytes[..length]).is_ok())
        .count();
    assert_eq!(valid, 6, "no tags, then one more at a time");
}

proptest! {
    #[test]
    fn no_bytes_make_a_view_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(view) = View::new(&bytes) {
            let _ = (view.bases().count(), view.cigar().count(), view.tags().count(), view.end());
        }
    }

    #[test]
    fn changed_bytes_never_panic(at in 0usize..120, byte in any::<u8>()) {
        let mut bytes = example().as_bytes().to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(view) = View::new(&bytes) {
            let _ = (view.bases().count(), view.cigar().count(), view.tags().count(), view.name().len());
        }
    }
}
