//! Whether genotype qualities mean what they say: the share of wrong genotypes beside what GQ claims.

use std::collections::HashMap;
use std::path::Path;

use crate::accuracy::tools::shell;
use crate::bench_call::score::Score;

/// Bins of GQ, first and last.
const BINS: [(u32, u32); 7] = [
    (0, 4),
    (5, 9),
    (10, 19),
    (20, 29),
    (30, 39),
    (40, 59),
    (60, 99),
];

/// A bin: genotypes, those that are wrong, errors that the qualities let expect.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bin {
    pub genotypes: usize,
    pub wrong: usize,
    pub expected: f64,
}

/// Per bin, for the variants that were called and scored.
pub(super) fn of_calls(output: &Path, score: &Score) -> anyhow::Result<Vec<(String, Bin)>> {
    let text = shell(
        "bcftools query -f '%CHROM\\t%POS[\\t%GQ]\\n' \"$1\"",
        &[output],
    )?;
    let mut qualities: HashMap<(&str, usize), u32> = HashMap::new();
    for line in text.lines() {
        let mut fields = line.split('\t');
        if let (Some(contig), Some(position), Some(quality)) =
            (fields.next(), fields.next(), fields.next())
            && let (Ok(position), Ok(quality)) = (position.parse::<usize>(), quality.parse())
        {
            qualities.insert((contig, position - 1), quality);
        }
    }
    let mut bins = [Bin::default(); BINS.len()];
    for call in &score.calls {
        let Some(&quality) = qualities.get(&(call.contig.as_str(), call.start)) else {
            continue;
        };
        let number = BINS
            .iter()
            .position(|&(low, high)| (low..=high).contains(&quality));
        let bin = &mut bins[number.unwrap_or(BINS.len() - 1)];
        bin.genotypes += 1;
        bin.wrong += usize::from(!call.good);
        bin.expected += 10f64.powf(-f64::from(quality) / 10.0);
    }
    let name = |&(low, high): &(u32, u32)| format!("{low}-{high}");
    Ok(BINS.iter().map(name).zip(bins).collect())
}
