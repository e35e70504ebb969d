//! What of a SAM file is right, by the truth in the names of its reads.

use std::io::BufRead;

use anyhow::Context;

/// A read is right when an end of it, or of its aligned part, lies this close to the truth.
const TOLERANCE: i64 = 20;

/// Bins of MAPQ, first and last.
pub(super) const BINS: [(usize, usize); 7] = [
    (0, 2),
    (3, 9),
    (10, 19),
    (20, 29),
    (30, 39),
    (40, 59),
    (60, 60),
];

/// Counts of primary lines.
#[derive(Clone, Debug)]
pub(super) struct Score {
    /// Right and wrong ones with a true place, by MAPQ.
    by_mapq: [[u64; 2]; 256],
    /// Reads with a true place.
    placed: u64,
    reads: u64,
    proper: u64,
    /// Reads from nowhere that stand at MAPQ 30 or more.
    pub foreign: u64,
    /// Chimeric reads with a supplementary line.
    pub split: u64,
}

impl Score {
    /// Reads a SAM file.
    pub(super) fn read(sam: impl BufRead) -> anyhow::Result<Self> {
        let mut score = Self {
            by_mapq: [[0; 2]; 256],
            placed: 0,
            reads: 0,
            proper: 0,
            foreign: 0,
            split: 0,
        };
        for line in sam.lines() {
            let line = line?;
            if !line.starts_with('@') {
                score
                    .add(&line)
                    .with_context(|| format!("unexpected line: {line}"))?;
            }
        }
        Ok(score)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let fields: Vec<&str> = line.split('\t').collect();
        let truth: Vec<&str> = fields.first()?.split('~').collect();
        let flags: u32 = fields.get(1)?.parse().ok()?;
        let class = *truth.get(1)?;
        if flags & 0x900 != 0 {
            self.split += u64::from(class == "C" && flags & 0x800 != 0);
            return Some(());
        }
        let mapq: usize = fields.get(4)?.parse().ok()?;
        let mapped = flags & 4 == 0;
        self.reads += 1;
        self.proper += u64::from(mapped && flags & 2 != 0);
        if class == "F" || class == "H" {
            self.foreign += u64::from(mapped && mapq >= 30);
            return Some(());
        }
        self.placed += 1;
        if mapped {
            let truth = truth.get(if flags & 0x80 != 0 { 6 } else { 2 }..)?;
            let right = is_right(&fields, flags & 16 != 0, truth)?;
            self.by_mapq[mapq.min(255)][usize::from(!right)] += 1;
        }
        Some(())
    }

    fn sum(&self, from: usize, to: usize, wrong: bool) -> u64 {
        self.by_mapq[from..=to]
            .iter()
            .map(|counts| counts[usize::from(wrong)])
            .sum()
    }

    /// Reads that are right.
    pub(super) fn correct(&self) -> u64 {
        self.correct_at(0)
    }

    /// Reads that are right at this MAPQ or more.
    pub(super) fn correct_at(&self, mapq: usize) -> u64 {
        self.sum(mapq, 255, false)
    }

    /// Reads that are wrong at this MAPQ or more.
    pub(super) fn wrong_at(&self, mapq: usize) -> u64 {
        self.sum(mapq, 255, true)
    }

    /// Share of the reads that have a true place.
    pub(super) fn percent(&self, reads: u64) -> f64 {
        100.0 * reads as f64 / self.placed as f64
    }

    /// Share of all reads that are properly paired.
    pub(super) fn proper_percent(&self) -> f64 {
        100.0 * self.proper as f64 / self.reads as f64
    }

    /// Per bin of MAPQ: wrong ones, all, and the quality they deserved.
    pub(super) fn calibration(&self) -> impl Iterator<Item = String> {
        BINS.iter().map(|&(low, high)| {
            let wrong = self.sum(low, high, true);
            let all = wrong + self.sum(low, high, false);
            let phred = -10.0 * (wrong as f64 / all as f64).log10();
            match (all, wrong) {
                (0, _) => "-".to_owned(),
                (_, 0) => format!("0 / {all}"),
                _ => format!("{wrong} / {all} ({phred:.0})"),
            }
        })
    }
}

/// True when an end lies where it should, on the strand where it should. `truth` begins with contig, first
/// and last base from 1, strand.
fn is_right(fields: &[&str], reverse: bool, truth: &[&str]) -> Option<bool> {
    let start: i64 = fields.get(3)?.parse().ok()?;
    let (mut clips, mut covered, mut number) = ([0, 0], 0, 0);
    for byte in fields.get(5)?.bytes() {
        match byte {
            b'0'..=b'9' => {
                number = number * 10 + i64::from(byte - b'0');
                continue;
            }
            b'S' | b'H' => clips[usize::from(covered > 0)] += number,
            b'M' | b'D' | b'N' | b'=' | b'X' => covered += number,
            _ => {}
        }
        number = 0;
    }
    let end = start + covered - 1;
    let [contig, first, last, strand] = truth.get(..4)?.try_into().ok()?;
    let (first, last): (i64, i64) = (first.parse().ok()?, last.parse().ok()?);
    let near = |place: i64, right: i64| (place - right).abs() <= TOLERANCE;
    let place = *fields.get(2)? == contig && (strand == "-") == reverse;
    Some(
        place
            && (near(start - clips[0], first)
                || near(end + clips[1], last)
                || near(start, first)
                || near(end, last)),
    )
}

#[cfg(test)]
mod tests {
    use super::Score;

    #[test]
    fn ends_strand_and_class_decide() {
        let mate = "c~1001~1150~+~c~1301~1450~-";
        let lines = [
            // Right although half of it is clipped, wrong strand, wrong place, right mate.
            format!("0~N~{mate}\t65\tc\t1001\t60\t75M75S"),
            format!("1~N~{mate}\t81\tc\t1001\t10\t150M"),
            format!("2~N~{mate}\t65\tc\t1030\t30\t150M"),
            format!("3~N~{mate}\t147\tc\t1301\t60\t10S140M"),
            // Found though it comes from nowhere, a split read, an unmapped one.
            "4~F~0~0~0~+~0~0~0~+\t65\tc\t9\t30\t150M".to_owned(),
            format!("5~C~{mate}\t2113\tc\t9\t30\t100H50M"),
            format!("6~N~{mate}\t69\t*\t0\t0\t*"),
        ];
        let score = Score::read(lines.join("\n").as_bytes()).expect("SAM");
        assert_eq!((score.correct(), score.correct_at(30)), (2, 2));
        assert_eq!((score.wrong_at(0), score.wrong_at(30)), (2, 1));
        assert_eq!((score.foreign, score.split, score.placed), (1, 1, 5));
        assert!((score.percent(score.correct()) - 40.0).abs() < 1e-9);
        let cells: Vec<String> = score.calibration().collect();
        assert_eq!(cells[6], "0 / 2");
        assert_eq!(cells[4], "1 / 1 (-0)");
    }
}
