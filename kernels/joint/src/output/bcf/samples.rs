//! What a BCF record says of its samples.

use crate::column::Cell;
use crate::genotype::{Evidence, Genotyped, Sample};
use crate::header::Keys;
use crate::output::bcf::local::Local;
use crate::output::bcf::typed::{CHAR, END, INT8, MISSING, byte, bytes, matrix, sparse};
use crate::project::NoCall;

/// What DP is rounded down to.
const DEPTHS: [u32; 10] = [0, 1, 2, 5, 10, 20, 50, 100, 200, 500];
const DEPTH_MAX: usize = DEPTHS[DEPTHS.len() - 1] as usize;
/// What GQ is rounded down to.
const QUALITIES: [u32; 5] = [0, 5, 10, 20, 40];

/// What every depth is rounded down to.
const DEPTH_STEPS: [i16; DEPTH_MAX + 1] = {
    let mut steps = [0; DEPTH_MAX + 1];
    let (mut depth, mut at) = (0, 0);
    while depth <= DEPTH_MAX {
        if at + 1 < DEPTHS.len() && depth == DEPTHS[at + 1] as usize {
            at += 1;
        }
        steps[depth] = DEPTHS[at] as i16;
        depth += 1;
    }
    steps
};

/// What a sample is encoded as.
#[derive(Clone, Copy)]
struct Coded {
    /// GT: two values, of which a haploid sample uses one.
    genotype: [i32; 2],
    /// DP, or [`Coded::NO_DEPTH`].
    depth: i16,
    /// GQ as the one byte that it takes.
    quality: u8,
    reason: u8,
}

impl Coded {
    const NO_DEPTH: i16 = -1;
    const NO_REASON: u8 = b'.';

    /// All but the depth.
    fn of(sample: &Sample<'_>) -> Self {
        let second = |value: i32| if sample.ploidy() == 1 { END } else { value };
        let coded = |allele: &u16| (i32::from(*allele) + 1) << 1;
        let quality = || step(u32::from(sample.genotype.quality), &QUALITIES) as i32;
        let genotype = sample.genotype.alleles();
        Self {
            genotype: match genotype {
                [] => [0, second(0)],
                [one] => [coded(one), END],
                [one, two, ..] => [coded(one), coded(two)],
            },
            depth: Self::NO_DEPTH,
            quality: byte(if genotype.is_empty() {
                MISSING
            } else {
                quality()
            }),
            reason: letter(sample).unwrap_or(Self::NO_REASON),
        }
    }

    /// With DP.
    fn with(self, depth: Option<u32>) -> Self {
        let step = |depth: u32| DEPTH_STEPS[(depth as usize).min(DEPTH_MAX)];
        Self {
            depth: depth.map_or(Self::NO_DEPTH, step),
            ..self
        }
    }

    /// DP as a value of BCF.
    fn told(self) -> i32 {
        if self.depth == Self::NO_DEPTH {
            MISSING
        } else {
            i32::from(self.depth)
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

/// Appends the FORMAT fields; how many they are.
pub(super) fn samples(out: &mut Vec<u8>, genotyped: &Genotyped<'_>, keys: &Keys) -> u32 {
    let column = genotyped.column;
    // Those of a group differ in depth only.
    let groups: Vec<Coded> = genotyped.groups().map(|group| Coded::of(&group)).collect();
    let mut local = Vec::new();
    let one = |(at, cell)| match cell {
        Cell::Kind(kind) => {
            let kind = column.kind(kind);
            groups[column.group(kind)].with(kind.depth)
        }
        Cell::Own(_) => {
            let own = genotyped.sample(cell);
            if let Evidence::Own(projected) = own.evidence {
                let found = Local::of(projected, own.genotype.alleles());
                local.extend(found.map(|found| (at, found)));
            }
            Coded::of(&own).with(own.depth)
        }
    };
    let coded = column.cells().enumerate().map(one).collect();
    Columns { coded, local }.encode(out, keys)
}

/// Values by sample.
struct Columns {
    coded: Vec<Coded>,
    /// Of some samples.
    local: Vec<(usize, Local)>,
}

impl Columns {
    fn encode(&self, out: &mut Vec<u8>, keys: &Keys) -> u32 {
        let mut fields = 3;
        let coded = self.coded.iter();
        matrix(out, keys.gt, coded.clone().map(|coded| coded.genotype));
        matrix(out, keys.dp, coded.clone().map(|coded| [coded.told()]));
        bytes(out, keys.gq, INT8, coded.clone().map(|coded| coded.quality));
        fields += self.lists(out, keys.laa, |local| &local.alleles);
        fields += self.lists(out, keys.lad, |local| &local.depths);
        fields += self.lists(out, keys.lpl, |local| &local.likelihoods);
        let reasons = coded.map(|coded| coded.reason);
        if reasons.clone().any(|reason| reason != Coded::NO_REASON) {
            fields += 1;
            bytes(out, keys.nc, CHAR, reasons);
        }
        fields
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
        sparse(out, key, self.coded.len(), lists);
        1
    }
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, DEPTH_STEPS, DEPTHS, step};

    #[test]
    fn steps_round_down() {
        let steps = [0, 5, 10];
        assert_eq!(
            [0, 4, 5, 99].map(|value| step(value, &steps)),
            [0, 0, 5, 10]
        );
        for value in (0..1_000).chain([u32::MAX]) {
            let depth = DEPTH_STEPS[(value as usize).min(DEPTH_MAX)];
            assert_eq!(depth as u32, step(value, &DEPTHS), "{value}");
        }
    }
}
