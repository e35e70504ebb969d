//! What the likelihoods of a third allele, mostly `<NON_REF>`, are expected to be.
//!
//! Reads that support a listed allele count against one copy of the third by half their number, about 3 phred a
//! read: so a genotype with it is expected to cost as much more than without as there are reads. What is kept is how
//! far it is from there: small numbers, which compress.

/// Phred by which a read halves the likelihood of a genotype with one copy of its allele.
const PHRED_PER_READ: u32 = 3;

/// What PL of a role is expected to be, from AD and the roles before: of genotypes with the third allele and REF, the
/// second, itself.
fn expected(role: usize, pl: &[u32], depths: &[u32]) -> u32 {
    let reads = |allele: usize| depths.get(allele).copied().unwrap_or(0);
    let more = |allele: usize| PHRED_PER_READ.wrapping_mul(reads(allele));
    match role {
        3 => pl[0].wrapping_add(more(0)),
        4 => pl[2].wrapping_add(more(1)),
        5 => pl[3].wrapping_add(pl[4]),
        _ => 0,
    }
}

/// How far PL is from what is expected, as a whole number without a sign: 0, -1, 1, -2, 2 and so on as 0, 1, 2, 3, 4;
/// modulo 2^16.
pub(crate) fn surprise(role: usize, value: u32, pl: &[u32], depths: &[u32]) -> u32 {
    let by = value.wrapping_sub(expected(role, pl, depths)) as u16 as i16;
    u32::from((by.wrapping_shl(1) ^ (by >> 15)) as u16)
}

/// The PL that is so far from what is expected.
pub(crate) fn value(role: usize, surprise: u32, pl: &[u32], depths: &[u32]) -> u32 {
    let kept = surprise as u16;
    let by = (kept >> 1) ^ (kept & 1).wrapping_neg();
    let value = expected(role, pl, depths).wrapping_add(u32::from(by));
    u32::from(value as u16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{surprise, value};

    proptest! {
        #[test]
        fn comes_back(pl in prop::collection::vec(0u32..=3_000, 6), depths in prop::collection::vec(0u32..=i32::MAX as u32, 0..4)) {
            for role in 3..6 {
                let kept = surprise(role, pl[role], &pl, &depths);
                prop_assert!(kept <= u32::from(u16::MAX));
                prop_assert_eq!(value(role, kept, &pl, &depths), pl[role]);
            }
        }
    }

    #[test]
    fn what_gatk_writes_of_a_heterozygote_is_expected() {
        let pl = [500, 0, 500, 545, 545, 1_090];
        for role in 3..6 {
            assert_eq!(surprise(role, pl[role], &pl, &[15, 15, 0]), 0);
        }
    }
}
