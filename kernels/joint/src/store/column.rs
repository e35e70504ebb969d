//! Columns of whole numbers, kept as planes of bytes.
//!
//! Byte `k` of every value, the least significant first, is a list of its own, so that what hardly varies is not
//! mixed with what does and both compress. A plane of zeros is left out when all above it are.

use arrow_schema::ArrowError;

use crate::store::error::Damage;

/// A column of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    /// Its name, to which a dot and the number of the plane is added.
    pub(crate) name: &'static str,
    /// Bytes of a value.
    pub(crate) planes: usize,
}

/// Roles of genotypes whose likelihoods have a column of their own: those of three alleles.
pub(crate) const PL_ROLES: usize = 6;
/// Roles of alleles whose depths have a column of their own.
pub(crate) const AD_ROLES: usize = 2;

/// Bases of a run, less one.
pub(crate) const RUN_LENGTH: usize = 0;
/// Class of the run's block, from 1; 0 for no block. Blocks of one ploidy and depth are a class.
pub(crate) const RUN_CLASS: usize = 1;
/// Place in its class of the block of runs that have one.
pub(crate) const RUN_RANK: usize = 2;
/// Place of the call's site, less that of the sample's call before, modulo 2^24.
pub(crate) const CALL_SITE: usize = 3;
/// Place of the call's form.
pub(crate) const CALL_FORM: usize = 4;
/// Place of a phased call's set, less that of the sample's phased call before, modulo 2^24.
pub(crate) const CALL_PHASE: usize = 5;
/// Calibrated quality of calls that have one.
pub(crate) const CALL_CALIBRATED: usize = 6;
/// Depth of calls that have one, less the sum of the allele depths, modulo 2^32.
pub(crate) const CALL_DEPTH: usize = 7;
/// Depths of alleles: a column for each role, the last for the rest.
pub(crate) const CALL_AD: usize = 8;
/// Likelihoods of genotypes: a column for each role, the last for the rest. Those of the third allele in a diploid
/// call are kept as [`crate::store::expect::surprise`].
pub(crate) const CALL_PL: usize = CALL_AD + AD_ROLES + 1;
/// Number of columns.
pub(crate) const COLUMNS: usize = CALL_PL + PL_ROLES + 1;

/// The columns in order.
pub(crate) const ALL: [Column; COLUMNS] = [
    column("run_length", 3),
    column("run_class", 3),
    column("run_rank", 3),
    column("call_site", 3),
    column("call_form", 3),
    column("call_phase", 3),
    column("call_calibrated", 2),
    column("call_depth", 4),
    column("call_ad_0", 4),
    column("call_ad_1", 4),
    column("call_ad_more", 4),
    column("call_pl_0", 2),
    column("call_pl_1", 2),
    column("call_pl_2", 2),
    column("call_pl_3", 2),
    column("call_pl_4", 2),
    column("call_pl_5", 2),
    column("call_pl_more", 2),
];

const fn column(name: &'static str, planes: usize) -> Column {
    Column { name, planes }
}

/// The greatest value of three planes, and the modulus of what is kept in them less one.
pub(crate) const THREE_BYTES: u32 = 0x00ff_ffff;

/// Splits values into planes; an error when one has more bytes.
pub(crate) fn split(values: &[u32], planes: usize) -> Result<Vec<Vec<u8>>, ArrowError> {
    let all = values.iter().fold(0, |all, value| all | value);
    if u64::from(all) >> (8 * planes) > 0 {
        let what = format!("a value of a column takes more than {planes} bytes");
        return Err(ArrowError::InvalidArgumentError(what));
    }
    let plane = |plane: usize| {
        let shift = 8 * plane;
        if plane > 0 && all >> shift == 0 {
            return Vec::new();
        }
        values.iter().map(|value| (value >> shift) as u8).collect()
    };
    Ok((0..planes).map(plane).collect())
}

/// Puts planes together.
pub(crate) fn join(planes: &[&[u8]]) -> Result<Vec<u32>, Damage> {
    let Some((first, rest)) = planes.split_first() else {
        return Ok(Vec::new());
    };
    let mut values: Vec<u32> = first.iter().map(|byte| u32::from(*byte)).collect();
    for (plane, bytes) in rest
        .iter()
        .enumerate()
        .filter(|(_, bytes)| !bytes.is_empty())
    {
        if bytes.len() != values.len() {
            return Err("planes of one column differ in length".into());
        }
        for (value, byte) in values.iter_mut().zip(*bytes) {
            *value |= u32::from(*byte) << (8 * (plane + 1));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{join, split};

    #[test]
    fn what_does_not_fit_its_planes_is_an_error() {
        assert!(split(&[0x00ff_ffff], 3).is_ok() && split(&[0x0100_0000], 3).is_err());
    }

    proptest! {
        #[test]
        fn planes_put_together_are_the_values(values in prop::collection::vec(0u32..0x0200_0000, 0..40), shift in 0u32..25) {
            let values: Vec<u32> = values.iter().map(|value| value >> shift).collect();
            let planes = split(&values, 4).expect("four bytes");
            let planes: Vec<&[u8]> = planes.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(join(&planes), Ok(values));
        }
    }
}
