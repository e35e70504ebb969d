//! More than one thread, and the whole way from compressed reads to a sorted, duplicate-marked CRAM with its index.

use std::path::Path;

use crate::bench_align::aligner::{Aligner, seconds};
use crate::bench_align::data::{Data, Files};

/// How much of two threads is used: wall seconds of one thread over twice those of two.
pub(super) fn scaling(kumi: &Path, data: &Data, files: &Files, few: &Files) -> anyhow::Result<f64> {
    let index = Aligner::Kumi.index(kumi, data)?;
    let wall = |files: &Files, threads: &str| {
        let [first, second] = &files.mates;
        let script = "TIMEFORMAT=%R; { time \"$1\" kernel align --threads \"$5\" --unsorted --sample s \
            --reference \"$2\" \"$3\" \"$4\" --output - > /dev/null 2> /dev/null; } 2>&1";
        seconds(script, &[kumi, &index, first, second, Path::new(threads)])
    };
    let one = wall(files, "1")? - wall(few, "1")?;
    let two = wall(files, "2")? - wall(few, "2")?;
    Ok(one / (2.0 * two))
}

/// CPU seconds of the whole way: ours, and that of bwa mem and samtools.
pub(super) fn ways(kumi: &Path, data: &Data, files: &Files) -> anyhow::Result<[f64; 2]> {
    let packed = data.packed(files)?;
    let [first, second] = &packed.mates;
    let ours = {
        let index = Aligner::Kumi.index(kumi, data)?;
        let script = "TIMEFORMAT='%U %S'; { time \"$1\" kernel align --threads 1 --sample s --reference \"$2\" \
            \"$3\" \"$4\" --output \"$5\" > /dev/null 2> /dev/null; } 2>&1";
        let output = data.cram(&packed, "kumi");
        seconds(script, &[kumi, &index, first, second, &output])?
    };
    let index = Aligner::Bwa.index(kumi, data)?;
    let script = "TIMEFORMAT='%U %S'; { time { bwa mem -t 1 -R '@RG\\tID:s\\tSM:s' \"$1\" \"$2\" \"$3\" \
        | samtools fixmate -m -u - - | samtools sort -u -T \"$4.tmp\" - \
        | samtools markdup --reference \"$5\" -O cram - \"$4\" && samtools index \"$4\"; } \
        > /dev/null 2> /dev/null; } 2>&1";
    let output = data.cram(&packed, "bwa");
    let theirs = seconds(script, &[&index, first, second, &output, &data.fasta])?;
    Ok([ours, theirs])
}
