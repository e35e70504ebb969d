//! Where a published assembly differs from the reference.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::ensure;

use crate::accuracy::genotypes::Change;

/// How far the assembly may run off the diagonal.
const BAND: usize = 256;
/// A base that agrees, one that differs, one that is missing or too many.
const SCORES: (i32, i32, i32) = (1, -3, -4);

/// The substitutions of the best local alignment, positions from 1.
pub(super) fn substitutions(reference: &Path, assembly: &Path) -> anyhow::Result<BTreeSet<Change>> {
    Ok(differences(&sequence(reference)?, &sequence(assembly)?))
}

/// The one sequence of a FASTA file.
fn sequence(fasta: &Path) -> anyhow::Result<Vec<u8>> {
    let text = std::fs::read_to_string(fasta)?;
    let names = text.lines().filter(|line| line.starts_with('>')).count();
    ensure!(names == 1, "{}: one sequence", fasta.display());
    let lines = text.lines().filter(|line| !line.starts_with('>'));
    Ok(lines
        .flat_map(str::bytes)
        .map(|base| base.to_ascii_uppercase())
        .collect())
}

/// Where a cell's score comes from.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Start,
    Both,
    Reference,
    Assembly,
}

fn differences(reference: &[u8], assembly: &[u8]) -> BTreeSet<Change> {
    // Cell (i, k) aligns i bases of the assembly with i + k - BAND of the reference.
    let width = 2 * BAND + 1;
    let (agree, differ, gap) = SCORES;
    let mut steps = vec![Step::Start; (assembly.len() + 1) * width];
    let mut above = vec![0i32; width + 1];
    let mut best = (0, 0, 0);
    for (i, &base) in assembly.iter().enumerate() {
        let mut row = vec![0i32; width + 1];
        for k in 0..width {
            let Some(&other) = (i + k).checked_sub(BAND).and_then(|j| reference.get(j)) else {
                continue;
            };
            let both = above[k]
                + if base == other && base != b'N' {
                    agree
                } else {
                    differ
                };
            let only_assembly = above[k + 1] + gap;
            let only_reference = if k > 0 { row[k - 1] + gap } else { 0 };
            let score = both.max(only_assembly).max(only_reference).max(0);
            steps[(i + 1) * width + k] = match score {
                0 => Step::Start,
                score if score == both => Step::Both,
                score if score == only_assembly => Step::Assembly,
                _ => Step::Reference,
            };
            row[k] = score;
            best = best.max((score, i + 1, k));
        }
        above = row;
    }
    let (_, mut i, mut k) = best;
    let mut found = BTreeSet::new();
    loop {
        match steps[i * width + k] {
            Step::Start => return found,
            Step::Both => {
                let (j, base) = (i + k - BAND, assembly[i - 1]);
                let other = reference[j - 1];
                if base != other && base != b'N' {
                    let text = |base: u8| char::from(base).to_string();
                    found.insert((j as u64, text(other), text(base)));
                }
                i -= 1;
            }
            Step::Assembly => (i, k) = (i - 1, k + 1),
            Step::Reference => k -= 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::differences;

    #[test]
    fn substitutions_are_found_beside_gaps_and_cut_ends() {
        let reference: Vec<u8> = (0..3000u32)
            .map(|at| b"ACGT"[(at.wrapping_mul(2_654_435_761) >> 13) as usize % 4])
            .collect();
        let mut assembly = reference.clone();
        let other = |base: u8| if base == b'A' { b'C' } else { b'A' };
        let mut right = Vec::new();
        for at in [500, 1500, 2500] {
            assembly[at] = other(assembly[at]);
            right.push(at as u64 + 1);
        }
        assembly.splice(1000..1003, []);
        assembly.splice(2000..2000, *b"GATTACA");
        assembly.drain(..70);
        let found: Vec<u64> = differences(&reference, &assembly)
            .into_iter()
            .map(|change| change.0)
            .collect();
        assert_eq!(found, right);
    }
}
