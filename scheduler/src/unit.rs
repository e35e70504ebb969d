//! What national targets count.

/// A kind of unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// A case: a family, a patient or a sample, with the gVCFs of all its samples.
    Case,
    /// A sample with its gVCF.
    Genome,
    /// Aligned bases of one 30x human genome.
    Eq30x,
}

/// Aligned bases of one [`Unit::Eq30x`]: thirty times 3.1 Gb.
pub const EQ30X_BASES: u64 = 93_000_000_000;

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 3] = [Self::Case, Self::Genome, Self::Eq30x];

    /// The name used in targets and in metrics labels.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Case => "case",
            Self::Genome => "genome",
            Self::Eq30x => "eq30x",
        }
    }

    /// The unit of that name.
    #[must_use]
    pub fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|unit| unit.label() == label)
    }

    /// Parts that make one unit: sums are kept in whole parts, so that they are exact. A part of
    /// [`Unit::Eq30x`] is one aligned base.
    #[must_use]
    pub fn parts(self) -> u64 {
        match self {
            Self::Case | Self::Genome => 1,
            Self::Eq30x => EQ30X_BASES,
        }
    }

    /// `parts` in units.
    #[must_use]
    pub fn of_parts(self, parts: u64) -> f64 {
        parts as f64 / self.parts() as f64
    }
}
