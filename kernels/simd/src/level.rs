//! Which vector instructions this machine has.

use std::fmt;
use std::sync::OnceLock;

/// A set of vector instructions. A value other than [`Level::Scalar`] exists only where
/// [`Level::detect`] or [`Level::available`] found the processor to have it, so holding one proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(Kind);

/// The names of the levels, from the oracle up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Plain Rust: the oracle.
    Scalar,
    /// 128-bit, x86-64.
    Sse41,
    /// 128-bit, AArch64.
    Neon,
    /// 256-bit, with POPCNT.
    Avx2,
    /// 512-bit with byte and word operations (F, BW, VL, DQ).
    Avx512,
}

impl Level {
    /// The oracle, available everywhere.
    pub const SCALAR: Self = Self(Kind::Scalar);

    /// The best level of this machine, detected once.
    #[must_use]
    pub fn detect() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| {
            *Self::available()
                .last()
                .expect("the scalar level is always there")
        })
    }

    /// Every level of this machine, the oracle first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("sse4.1") && is_x86_feature_detected!("ssse3") {
                levels.push(Self(Kind::Sse41));
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") {
                levels.push(Self(Kind::Avx2));
            }
            if has_avx512() && is_x86_feature_detected!("popcnt") {
                levels.push(Self(Kind::Avx512));
            }
        }
        #[cfg(target_arch = "aarch64")]
        levels.push(Self(Kind::Neon));
        levels
    }

    /// Which it is.
    #[must_use]
    pub fn kind(self) -> Kind {
        self.0
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Scalar => "scalar",
            Kind::Sse41 => "sse4.1",
            Kind::Neon => "neon",
            Kind::Avx2 => "avx2",
            Kind::Avx512 => "avx512",
        })
    }
}
