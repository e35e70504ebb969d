//! How many copies of each stretch of the genome a sample carries.
//!
//! Pseudo-autosomal regions are those of the Genome Reference Consortium for GRCh37 and GRCh38;
//! the build is told by the length of chromosome X.

use crate::contig::{ContigId, Contigs};
use crate::interval::Interval;

/// Sex chromosomes of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sex {
    /// Not told: X and Y are called as diploid.
    #[default]
    Unknown,
    /// Two X: Y is not called.
    Xx,
    /// X and Y: both haploid outside the pseudo-autosomal regions.
    Xy,
}

/// Copies by contig and position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PloidyMap {
    genome: u8,
    exceptions: Vec<(Interval, u8)>,
}

struct Build {
    x_length: u32,
    x_par: [(u32, u32); 2],
    y_par: [(u32, u32); 2],
}

/// 0-based, half-open.
const BUILDS: [Build; 2] = [
    Build {
        // GRCh37
        x_length: 155_270_560,
        x_par: [(60_000, 2_699_520), (154_931_043, 155_260_560)],
        y_par: [(10_000, 2_649_520), (59_034_049, 59_363_566)],
    },
    Build {
        // GRCh38
        x_length: 156_040_895,
        x_par: [(10_000, 2_781_479), (155_701_382, 156_030_895)],
        y_par: [(10_000, 2_781_479), (56_887_902, 57_217_415)],
    },
];

fn is_mitochondrial(name: &str) -> bool {
    matches!(name, "chrM" | "MT" | "M" | "chrMT")
}

/// Lays `copies` over what of `0..length` lies outside `par`, which is sorted.
fn outside(
    contig: ContigId,
    length: u32,
    par: &[(u32, u32)],
    copies: u8,
    into: &mut Vec<(Interval, u8)>,
) {
    let mut start = 0;
    for &(par_start, par_end) in par {
        if start < par_start.min(length) {
            into.push((
                Interval {
                    contig,
                    start,
                    end: par_start.min(length),
                },
                copies,
            ));
        }
        start = par_end;
    }
    if start < length {
        into.push((
            Interval {
                contig,
                start,
                end: length,
            },
            copies,
        ));
    }
}

impl PloidyMap {
    /// The map of a sample. `genome` is the ploidy of autosomes: 2 for people, 1 for a haploid
    /// organism, in which case everything is haploid whatever the sex.
    #[must_use]
    pub fn new(contigs: &Contigs, genome: u8, sex: Sex) -> Self {
        let mut exceptions = Vec::new();
        if genome != 1 {
            let build = BUILDS.iter().find(|build| {
                ["chrX", "X"].iter().any(|name| {
                    contigs
                        .id(name)
                        .and_then(|id| contigs.get(id))
                        .is_some_and(|x| x.length == build.x_length)
                })
            });
            for (id, contig) in contigs.iter() {
                match (contig.name.as_str(), sex) {
                    (name, _) if is_mitochondrial(name) => {
                        outside(id, contig.length, &[], 1, &mut exceptions)
                    }
                    ("chrX" | "X", Sex::Xy) => {
                        outside(
                            id,
                            contig.length,
                            build.map_or(&[], |b| &b.x_par),
                            1,
                            &mut exceptions,
                        );
                    }
                    ("chrY" | "Y", Sex::Xy) => {
                        outside(
                            id,
                            contig.length,
                            build.map_or(&[], |b| &b.y_par),
                            1,
                            &mut exceptions,
                        );
                    }
                    ("chrY" | "Y", Sex::Xx) => outside(id, contig.length, &[], 0, &mut exceptions),
                    _ => {}
                }
            }
        }
        Self { genome, exceptions }
    }

    /// Copies at a 0-based position; 0 where the sample has none and nothing is called.
    #[must_use]
    pub fn at(&self, contig: ContigId, position: u32) -> u8 {
        self.exceptions
            .iter()
            .find(|(interval, _)| interval.contains(contig, position))
            .map_or(self.genome, |&(_, copies)| copies)
    }

    /// Cuts an interval into stretches of one ploidy, in order.
    #[must_use]
    pub fn segments(&self, interval: Interval) -> Vec<(Interval, u8)> {
        let mut cuts = vec![interval.start, interval.end];
        for (exception, _) in &self.exceptions {
            if let Some(shared) = exception.intersection(&interval) {
                cuts.extend([shared.start, shared.end]);
            }
        }
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2)
            .map(|cut| {
                let piece = Interval {
                    start: cut[0],
                    end: cut[1],
                    ..interval
                };
                (piece, self.at(interval.contig, cut[0]))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{PloidyMap, Sex};
    use crate::contig::{Contig, ContigId, Contigs};
    use crate::interval::Interval;

    fn grch38() -> Contigs {
        let contig = |name: &str, length| Contig {
            name: name.into(),
            length,
            md5: [0; 16],
            alternate: false,
        };
        Contigs::new(vec![
            contig("chr1", 248_956_422),
            contig("chrX", 156_040_895),
            contig("chrY", 57_227_415),
            contig("chrM", 16_569),
        ])
        .expect("unique names")
    }

    #[test]
    fn copies_follow_sex_and_pseudo_autosomal_regions() {
        let contigs = grch38();
        let cases = [
            (Sex::Unknown, "chrX", 5_000_000, 2),
            (Sex::Unknown, "chrM", 0, 1),
            (Sex::Xx, "chrX", 5_000_000, 2),
            (Sex::Xx, "chrY", 5_000_000, 0),
            (Sex::Xy, "chrX", 9_999, 1),
            (Sex::Xy, "chrX", 10_000, 2),
            (Sex::Xy, "chrX", 2_781_479, 1),
            (Sex::Xy, "chrY", 2_781_478, 2),
            (Sex::Xy, "chrY", 5_000_000, 1),
            (Sex::Xy, "chr1", 5, 2),
        ];
        for (sex, name, position, copies) in cases {
            let id = contigs.id(name).expect("contig of the table");
            assert_eq!(
                PloidyMap::new(&contigs, 2, sex).at(id, position),
                copies,
                "{sex:?} {name}:{position}"
            );
        }
        assert_eq!(PloidyMap::new(&contigs, 1, Sex::Xx).at(ContigId(2), 7), 1);
    }

    #[test]
    fn segments_cover_the_interval_once() {
        let map = PloidyMap::new(&grch38(), 2, Sex::Xy);
        let whole = Interval {
            contig: ContigId(1),
            start: 100,
            end: 156_040_895,
        };
        let segments = map.segments(whole);
        assert_eq!(segments.first().map(|s| s.0.start), Some(100));
        assert_eq!(segments.last().map(|s| s.0.end), Some(156_040_895));
        assert!(
            segments
                .windows(2)
                .all(|pair| pair[0].0.end == pair[1].0.start)
        );
        assert_eq!(
            segments.iter().map(|s| s.1).collect::<Vec<_>>(),
            [1, 2, 1, 2, 1]
        );
    }
}
