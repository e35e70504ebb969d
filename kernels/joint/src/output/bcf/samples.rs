//! What a BCF record says of its samples.

use crate::column::Cell;
use crate::genotype::{Evidence, Genotyped, Sample};
use crate::header::Keys;
use crate::output::bcf::local::Local;
use crate::output::bcf::typed::{CHAR, END, MISSING, descriptor, matrix, numbers, sparse};
use crate::project::NoCall;

/// What DP is rounded down to.
const DEPTHS: [u32; 10] = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500];
const DEPTH_MAX: usize = DEPTHS[DEPTHS.len() - 1] as usize;
/// What GQ is rounded down to.
const QUALITIES: [u32; 5] = [0, 5, 10, 20, 40];

/// What every depth is rounded down to.
const DEPTH_STEPS: [i32; DEPTH_MAX + 1] = {
    let mut steps = [0; DEPTH_MAX + 1];
    let (mut depth, mut at) = (0, 0);
    while depth <= DEPTH_MAX {
        if at + 1 < DEPTHS.len() && depth == DEPTHS[at + 1] as usize {
            at += 1;
        }
        steps[depth] = DEPTHS[at] as i32;
        depth += 1;
    }
    steps
};

/// What a sample's genotype is encoded as.
#[derive(Clone, Copy)]
struct Coded {
    /// GT: two values, of which a haploid sample uses one.
    genotype: [i32; 2],
    quality: i32,
    reason: u8,
}

impl Coded {
    const NO_REASON: u8 = b'.';

    fn of(sample: &Sample<'_>) -> Self {
        let second = |value: i32| if sample.ploidy() == 1 { END } else { value };
        let coded = |allele: &u16| (i32::from(*allele) + 1) << 1;
        let quality = || step(u32::from(sample.genotype.quality), &QUALITIES);
        let genotype = sample.genotype.alleles();
        Self {
            genotype: match genotype {
                [] => [0, second(0)],
                [one] => [coded(one), END],
                [one, two, ..] => [coded(one), coded(two)],
            },
            quality: if genotype.is_empty() {
                MISSING
            } else {
                quality() as i32
            },
            reason: letter(sample).unwrap_or(Self::NO_REASON),
        }
    }
}

/// Why there is no genotype, or what is doubtful about it, in a letter.
fn letter(sample: &Sample<'_>) -> Option<u8> {
    Some(match sample.genotype.no_call {
        Some(NoCall::NoData) => b'N',
        Some(NoCall::NoDepth) => b'D',
        Some(NoCall::NoEvidence) => b'E',
        Some(NoCall::NoLikelihoods) => b'L',
        Some(NoCall::Unlisted) => b'U',
        Some(NoCall::LowQuality) => b'Q',
        None if sample.conflict() => b'O',
        None => return None,
    })
}

/// The greatest step that is not above a value.
fn step(value: u32, steps: &[u32]) -> u32 {
    let above = steps.partition_point(|step| *step <= value);
    above.checked_sub(1).map_or(0, |at| steps[at])
}

fn depth(depth: Option<u32>) -> i32 {
    depth.map_or(MISSING, |depth| {
        DEPTH_STEPS[(depth as usize).min(DEPTH_MAX)]
    })
}

/// Number of FORMAT fields, and the fields.
pub(super) fn samples(genotyped: &Genotyped<'_>, keys: &Keys) -> (u32, Vec<u8>) {
    let mut columns = Columns::new(genotyped.column.samples());
    // Those of a group differ in depth only.
    let groups: Vec<Coded> = genotyped.groups().map(|group| Coded::of(&group)).collect();
    for (sample, cell) in genotyped.column.cells().enumerate() {
        match cell {
            Cell::Kind(kind) => {
                let kind = genotyped.column.kind(kind);
                let group = genotyped.column.group(kind);
                columns.push(sample, &groups[group], depth(kind.depth));
            }
            Cell::Own(_) => {
                let own = genotyped.sample(cell);
                columns.push(sample, &Coded::of(&own), depth(own.depth));
                if let Evidence::Own(projected) = own.evidence
                    && let Some(local) = Local::of(projected, own.genotype.alleles())
                {
                    columns.local.push((sample, local));
                }
            }
        }
    }
    columns.encoded(keys)
}

/// Values by FORMAT key, then by sample.
struct Columns {
    genotypes: Vec<[i32; 2]>,
    depths: Vec<i32>,
    qualities: Vec<i32>,
    reasons: Vec<u8>,
    /// Of some samples.
    local: Vec<(usize, Local)>,
}

impl Columns {
    fn new(samples: usize) -> Self {
        Self {
            genotypes: vec![[0; 2]; samples],
            depths: vec![0; samples],
            qualities: vec![0; samples],
            reasons: vec![Coded::NO_REASON; samples],
            local: Vec::new(),
        }
    }

    fn push(&mut self, sample: usize, coded: &Coded, depth: i32) {
        self.genotypes[sample] = coded.genotype;
        self.depths[sample] = depth;
        self.qualities[sample] = coded.quality;
        self.reasons[sample] = coded.reason;
    }

    fn encoded(&self, keys: &Keys) -> (u32, Vec<u8>) {
        let mut out = Vec::with_capacity(12 * self.depths.len());
        let mut fields = 3;
        matrix(&mut out, keys.gt, 2, self.genotypes.as_flattened());
        matrix(&mut out, keys.dp, 1, &self.depths);
        matrix(&mut out, keys.gq, 1, &self.qualities);
        fields += self.lists(&mut out, keys.laa, |local| &local.alleles);
        fields += self.lists(&mut out, keys.lad, |local| &local.depths);
        fields += self.lists(&mut out, keys.lpl, |local| &local.likelihoods);
        if self
            .reasons
            .iter()
            .any(|reason| *reason != Coded::NO_REASON)
        {
            fields += 1;
            numbers(&mut out, &[keys.nc]);
            descriptor(&mut out, 1, CHAR);
            out.extend_from_slice(&self.reasons);
        }
        (fields, out)
    }

    /// Writes a field of lists unless all are empty; number of fields written.
    fn lists(&self, out: &mut Vec<u8>, key: i32, of: impl Fn(&Local) -> &[i32]) -> u32 {
        let lists = self
            .local
            .iter()
            .map(|(sample, local)| (*sample, of(local)));
        if lists.clone().all(|(_, list)| list.is_empty()) {
            return 0;
        }
        sparse(out, key, self.depths.len(), lists);
        1
    }
}

#[cfg(test)]
mod tests {
    use super::{DEPTHS, depth, step};

    #[test]
    fn steps_round_down() {
        let steps = [0, 5, 10];
        assert_eq!(
            [0, 4, 5, 99].map(|value| step(value, &steps)),
            [0, 0, 5, 10]
        );
        for value in (0..1_000).chain([u32::MAX]) {
            assert_eq!(depth(Some(value)), step(value, &DEPTHS) as i32, "{value}");
        }
    }
}
