//! The reads around a tile, taken apart: those that count, and where the others lie.

use kumi_formats::alignments::{AlignmentFile, AlignmentsError};
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::filter::Place;
use crate::params::Params;
use crate::pile;
use crate::quality::Qualities;
use crate::read::{self, Read};
use crate::stats::Stats;
use crate::window::Window;

/// The reads that count, and where those lie that do not.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Sorted by position.
    pub reads: Vec<Read>,
    /// All that could count, before a pile is thinned.
    usable: Coverage,
    /// Their mapping quality is too low.
    doubtful: Coverage,
    /// Left out because the pile was too deep.
    left_out: Coverage,
}

impl Evidence {
    /// The records of a file that touch `reach` of the contig of that name and length, taken apart. Nothing when the file does
    /// not have the contig.
    pub(crate) fn gather(
        file: &mut AlignmentFile,
        (name, length): (&str, u32),
        reach: Interval,
        window: &Window,
        qualities: &Qualities,
        params: &Params,
        stats: &mut Stats,
    ) -> Result<Self, AlignmentsError> {
        // The file may order its contigs in another way.
        let Some(contig) = file
            .header()
            .references()
            .iter()
            .position(|(other, _)| other == name)
        else {
            return Ok(Self::default());
        };
        let interval = Interval {
            contig: ContigId(contig as u32),
            ..reach
        };
        let records = file.query(interval)?;
        stats.reads += records.len() as u64;
        let mut reads: Vec<Read> = records
            .iter()
            .filter_map(|record| read::take(&record.view(), length, qualities, params))
            .collect();
        let bounds = (i64::from(reach.start), i64::from(reach.end));
        let views = records.iter().map(|record| record.view());
        let doubtful = views.filter_map(|view| read::doubtful(&view, length, params));
        let doubtful = Coverage::of(doubtful, bounds);
        let usable = Coverage::of(reads.iter().map(|read| (read.start, read.end)), bounds);
        let left_out = pile::thin(&mut reads, bounds, params);
        stats.reads_downsampled += left_out.len() as u64;
        stats.reads_used += reads.len() as u64;
        for read in &mut reads {
            read.left_align(window);
        }
        pile::reconcile(&mut reads);
        Ok(Self {
            reads,
            usable,
            doubtful,
            left_out: Coverage::of(left_out.into_iter(), bounds),
        })
    }

    /// What filters ask about a position of a contig of this length; `repeat` is the tract behind it.
    pub(crate) fn place(&self, position: i64, length: i64, repeat: &[u8]) -> Place {
        let low_mapq = self.doubtful.at(position);
        Place {
            reads: low_mapq + self.usable.at(position),
            low_mapq,
            thinned: self.left_out.at(position) > 0,
            inside: position.min(length - 1 - position).max(0) as u32,
            repeat: repeat.len() as u32,
            homopolymer: repeat.windows(2).all(|pair| pair[0] == pair[1]),
        }
    }
}

/// How many spans cover each base of a stretch.
#[derive(Debug, Default)]
struct Coverage {
    start: i64,
    depths: Vec<u32>,
}

impl Coverage {
    fn of(spans: impl Iterator<Item = (i64, i64)>, (start, end): (i64, i64)) -> Self {
        let mut steps = vec![0i32; (end - start).max(0) as usize + 1];
        for (from, to) in spans {
            let (from, to) = (from.clamp(start, end), to.clamp(start, end));
            steps[(from - start) as usize] += 1;
            steps[(to - start) as usize] -= 1;
        }
        let mut depth = 0;
        let depths = steps.into_iter().map(|step| {
            depth += step;
            depth as u32
        });
        Self {
            start,
            depths: depths.collect(),
        }
    }

    fn at(&self, position: i64) -> u32 {
        let at = usize::try_from(position - self.start).ok();
        at.and_then(|at| self.depths.get(at)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Coverage;

    #[test]
    fn spans_are_counted_where_they_lie() {
        let spans = [(5, 12), (11, 13), (11, 99), (0, 10)];
        let coverage = Coverage::of(spans.into_iter(), (10, 14));
        let depths = (8..16).map(|position| coverage.at(position));
        assert_eq!(depths.collect::<Vec<_>>(), [0, 0, 1, 3, 2, 1, 0, 0]);
    }
}
