//! Alignments and gVCFs as inputs.

use std::path::Path;
use std::process::Command;

use crate::objects::{SAMPLES, Site};
use crate::support::tools::have;
use crate::support::{files, ok};

/// A sheet of the three kinds at `base`.
fn sheet(base: &str) -> String {
    let [one, two, three] = SAMPLES;
    format!(
        "sample,bam,cram,gvcf\n{one},{base}{one}.bam,,\n{two},,{base}{two}.cram,\n{three},,,{base}{three}.g.vcf.gz\n"
    )
}

fn found(root: &Path, ending: &str) -> std::path::PathBuf {
    let found = files(root, &|name| name.ends_with(ending));
    root.join(found.first().expect("a result"))
}

#[test]
fn bam_cram_and_gvcf_in_a_bucket_give_what_they_give_in_files() {
    let Some(site) = Site::new() else { return };
    if !have(&["samtools"]) {
        return;
    }
    site.made_from_files();
    let local = site.world.path("local");
    let [one, two, three] = SAMPLES;
    let bam = site.world.path(&format!("{one}.bam"));
    let mut view = Command::new("samtools");
    view.args(["view", "-b", "-T"]).arg(site.world.path("r.fa"));
    ok(view
        .arg("-o")
        .arg(&bam)
        .arg(found(&local, &format!("{one}.cram"))));
    for name in [format!("{two}.cram"), format!("{three}.g.vcf.gz")] {
        let bytes = std::fs::read(found(&local, &name)).expect("a result");
        site.world.write(&name, bytes);
    }
    let params = "call_shards = 2";
    let expected = site.made_of(&site.cohort_of("files", "", (&sheet(""), params)), "again");
    for name in [
        format!("{one}.bam"),
        format!("{two}.cram"),
        format!("{three}.g.vcf.gz"),
    ] {
        let bytes = std::fs::read(site.world.path(&name)).expect("an input");
        site.s3.put(&format!("given/run-1/{name}"), &bytes);
    }
    let base = "s3://given/run-1/";
    let cohort = site.cohort_of("remote", base, (&sheet(base), params));
    ok(&mut site.run(&cohort, "root", site.s3.port));
    assert!(expected.len() > 20, "{expected:?}");
    assert_eq!(site.in_bucket("root"), expected);
}
