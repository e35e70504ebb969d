//! The reads around a tile, taken apart: those that count, and where the others lie.

use kumi_formats::alignments::{AlignmentFile, AlignmentsError};
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::filter::Place;
use crate::params::Params;
use crate::pile;
use crate::read::{self, Read};
use crate::stats::Stats;
use crate::window::Window;

/// The reads that count, and where those lie that do not.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Sorted by position.
    pub reads: Vec<Read>,
    /// Their mapping quality is too low.
    doubtful: Vec<(i64, i64)>,
    /// Left out because the pile was too deep.
    left_out: Vec<(i64, i64)>,
}

impl Evidence {
    /// The records of a file that touch `reach` of the contig of that name and length, taken apart. Nothing when the file does
    /// not have the contig.
    pub(crate) fn gather(
        file: &mut AlignmentFile,
        (name, length): (&str, u32),
        reach: Interval,
        window: &Window,
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
            .filter_map(|record| read::take(&record.view(), length, params))
            .collect();
        let views = records.iter().map(|record| record.view());
        let doubtful = views
            .filter_map(|view| read::doubtful(&view, length, params))
            .collect();
        let left_out = pile::thin(&mut reads, params);
        stats.reads_downsampled += left_out.len() as u64;
        stats.reads_used += reads.len() as u64;
        for read in &mut reads {
            read.left_align(window);
        }
        pile::reconcile(&mut reads);
        Ok(Self {
            reads,
            doubtful,
            left_out,
        })
    }

    /// What filters ask about a position of a contig of this length; `repeat` is the tract behind it.
    pub(crate) fn place(&self, position: i64, length: i64, repeat: &[u8]) -> Place {
        let covers = |&&(from, to): &&(i64, i64)| from <= position && position < to;
        Place {
            low_mapq: self.doubtful.iter().filter(covers).count() as u32,
            thinned: self.left_out.iter().any(|span| covers(&span)),
            inside: position.min(length - 1 - position).max(0) as u32,
            repeat: repeat.len() as u32,
            homopolymer: repeat.windows(2).all(|pair| pair[0] == pair[1]),
        }
    }
}
