//! Releases in a bucket, and what a purge leaves there.

use crate::objects::cluster::Cluster;
use crate::objects::{SAMPLES, Site};
use crate::releases::traces;
use crate::support::{ok, sha256, text};

#[test]
fn a_release_in_a_bucket_is_verified_and_exported_and_a_purge_leaves_nothing_of_a_sample() {
    let Some(site) = Site::new() else { return };
    let cluster = Cluster::start(&site);
    let _worker = cluster.worker("w", site.s3.port);
    let cohort = site.cohort("remote", "s3://given/run-1/");
    cluster.submit(&cohort, "s3://made/root");
    assert_eq!(cluster.ended("1"), "completed");
    let folder = site.world.path("folder");
    cluster.submit(&cohort, &folder.to_string_lossy());
    assert_eq!(cluster.ended("2"), "completed");

    let verify = || cluster.command(&["release", "verify", "1"]);
    let said = text(&ok(&mut verify()).stdout);
    assert!(said.contains("are what the manifest says"), "{said}");
    let [remote, local] = ["1", "2"].map(|cohort| {
        let to = site.world.path(&format!("{cohort}.vcf.gz"));
        ok(cluster
            .command(&["release", "export", cohort])
            .arg("--to")
            .arg(&to));
        sha256(&to)
    });
    assert_eq!(remote, local);

    let keys = site.s3.keys("made");
    let released = |key: &&String| key.contains("/releases/") && key.ends_with(".vcf.gz");
    let key = format!("made/{}", keys.iter().find(released).expect("a release"));
    let good = site.s3.get(&key);
    let mut bad = good.clone();
    bad[good.len() / 2] ^= 1;
    site.s3.put(&key, &bad);
    let output = verify().output().expect("kumi runs");
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(!output.status.success(), "{said}");
    assert!(
        said.contains(key.rsplit('/').next().expect("a name")),
        "{said}"
    );
    site.s3.put(&key, &good);

    let sample = SAMPLES[1];
    let in_bucket = || {
        let copy = tempfile::tempdir().expect("a temporary directory");
        for key in site.s3.keys("made") {
            let path = copy.path().join(&key);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, site.s3.get(&format!("made/{key}"))).expect("written");
        }
        let traces = traces(copy.path(), sample).into_iter();
        let keys = traces.map(|path| path.strip_prefix(copy.path()).expect("below").to_owned());
        keys.collect::<Vec<_>>()
    };
    assert!(in_bucket().len() > 10);
    ok(&mut cluster.command(&["cohort", "withdraw", "1", sample, "--reason", "a letter"]));
    ok(&mut cluster.command(&["cohort", "purge", "1", "--wait", "--yes"]));
    let left = in_bucket();
    let certificate = |path: &std::path::PathBuf| path.to_string_lossy().contains("/purges/");
    assert!(left.iter().all(certificate), "{left:?}");
    assert!(!left.is_empty(), "the certificate names it");
}
