//! mosdepth's files.

use crate::depth::{Coverage, Depths};
use crate::histogram::ratio;

/// The summary: a row a contig (and a row of its targets), then all together; contigs without any record are
/// left out.
pub(crate) fn summary_text(depths: &Depths, names: &[&str]) -> String {
    let mut text = "chrom\tlength\tbases\tmean\tmin\tmax\n".to_owned();
    let mut row = |name: &str, coverage: &Coverage| {
        let (length, bases) = (coverage.length(), coverage.bases);
        let mean = ratio(bases, length);
        let (min, max) = (coverage.min(), coverage.max);
        text.push_str(&format!(
            "{name}\t{length}\t{bases}\t{mean:.2}\t{min}\t{max}\n"
        ));
    };
    let mut totals = [Coverage::default(), Coverage::default()];
    for (at, name) in names.iter().enumerate() {
        if !depths.reached[at] {
            continue;
        }
        row(name, &depths.contigs[at]);
        totals[0].merge(&depths.contigs[at]);
        if let Some(targets) = &depths.targets {
            row(&format!("{name}_region"), &targets[at]);
            totals[1].merge(&targets[at]);
        }
    }
    row("total", &totals[0]);
    if depths.targets.is_some() {
        row("total_region", &totals[1]);
    }
    text
}

/// The distribution over the reference or the targets: contig, depth, the share of its bases that are at least
/// so deep; contigs without any record are left out.
pub(crate) fn distribution_text(coverages: &[Coverage], depths: &Depths, names: &[&str]) -> String {
    let mut text = String::new();
    let mut all = Coverage::default();
    let reached = coverages.iter().zip(names).zip(&depths.reached);
    for ((coverage, name), _) in reached.filter(|(_, reached)| **reached) {
        all.merge(coverage);
        distribution(&mut text, name, coverage);
    }
    distribution(&mut text, "total", &all);
    text
}

fn distribution(text: &mut String, name: &str, coverage: &Coverage) {
    let length = coverage.length() as f64;
    // The sum of shares, and not the share of a sum: what is printed then rounds as mosdepth's.
    let mut share = 0.0;
    for (depth, &count) in coverage.positions.iter().enumerate().rev() {
        if count == 0 && depth > 300 {
            continue;
        }
        share += count as f64 / length;
        // As mosdepth: no lines for what rounds to nothing, or for gaps far out.
        if share >= 8e-5 {
            text.push_str(&format!("{name}\t{depth}\t{share:.2}\n"));
        }
    }
}
