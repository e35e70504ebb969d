//! The same bytes whatever the threads and shards.

use crate::support::trio::{EMBEDDED, cohort_file};
use crate::support::{ok, published, run};

#[test]
fn threads_and_shards_change_no_byte() {
    let expected = published(&EMBEDDED.root());
    assert_eq!(
        expected.len(),
        8,
        "three CRAMs, three gVCFs, a cohort VCF and its sites: {expected:?}"
    );
    for threads in ["1", "2", "4"] {
        for shards in [1, 7] {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let params = format!(
                "call_shards = {shards}\njoint_shards = {}\ncores_per_align = {threads}",
                8 - shards
            );
            let cohort = cohort_file(dir.path(), &params);
            let root = dir.path().join("out");
            ok(run(&cohort, &root).args(["--threads", threads]));
            assert_eq!(
                published(&root),
                expected,
                "{threads} threads, {shards} shards"
            );
        }
    }
}
