//! Objects that one request does not carry.

use crate::objects::{Site, digest};
use crate::support::proxy::Proxy;
use crate::support::small::World;
use crate::support::{ok, text};

/// A contig without reads that makes the index large.
const CONTIGS_AND_MORE: [(&str, usize); 3] = [("1", 9_000), ("2", 6_000), ("3", 5_000_000)];
/// One request carries so much.
const PART: u64 = 16 << 20;

#[test]
fn an_object_of_several_parts_is_published_whole_and_once() {
    let Some(site) = Site::of(World::new(811, &CONTIGS_AND_MORE)) else {
        return;
    };
    let proxy = Proxy::start(site.s3.port, |_| None);
    let cohort = site.cohort("remote", "s3://given/run-1/");
    ok(&mut site.run(&cohort, "root", proxy.port));
    let begun = proxy.requests(&["POST"]);
    let begun = begun
        .iter()
        .filter_map(|asked| Some(asked.split_once("?uploads")?.0));
    let begun: Vec<&str> = begun
        .filter_map(|asked| asked.strip_prefix("POST "))
        .collect();
    assert!(!begun.is_empty(), "nothing was uploaded in parts");
    for path in begun {
        let head = site.s3.call("GET", path, &[]);
        let size = head.body.len() as u64;
        assert!(size > PART, "{path}: {size}");
        let told = head.header("x-amz-meta-kumi-sha256");
        assert_eq!(told, Some(digest(&head.body).as_str()), "{path}");
        let parts = proxy.requests(&[&format!("PUT {path}?")]);
        let parts: Vec<_> = parts
            .iter()
            .filter(|asked| asked.contains("partNumber="))
            .collect();
        assert_eq!(parts.len() as u64, size.div_ceil(PART), "{parts:?}");
        let done = proxy.requests(&[&format!("POST {path}?uploadId=")]);
        assert_eq!(done.len(), 1, "{done:?}");
        // Never by one request, and never twice.
        let whole = proxy.requests(&[&format!("PUT {path}")]).len() - parts.len();
        assert_eq!(whole, 0);
    }
    assert_eq!(site.s3.unfinished("made"), Vec::<String>::new());
    let listing = text(&site.s3.call("GET", "/made?list-type=2", &[]).body);
    assert!(listing.contains("<Key>"), "{listing}");
}
