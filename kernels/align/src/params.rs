//! What an alignment costs and how hard is tried.

/// Scores are those of bwa mem (Li 2013).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params {
    /// Score of a match.
    pub match_score: i32,
    /// Cost of a mismatch.
    pub mismatch: i32,
    /// Cost of opening a gap, paid besides the first extension.
    pub gap_open: i32,
    /// Cost of a base of a gap.
    pub gap_extend: i32,
    /// Cost of clipping an end.
    pub clip: i32,
    /// Alignments below this score are not reported.
    pub score_min: i32,
    /// Cost of a pair that is not proper, as in bwa mem.
    pub unpaired: i32,
    /// Seeds with more places are left out, unless there is no other.
    pub seed_hits_max: usize,
    /// The same when there is no other.
    pub seed_hits_max_rescue: usize,
    /// Anchors of a read that are gathered, those of the rarest seeds first.
    pub anchors_max: usize,
    /// Chains of a read that are looked at.
    pub chains_max: usize,
    /// Bases to either side of a chain's diagonals that a gapped extension looks at.
    pub band: u32,
    /// Alternative places listed in XA when there are no more.
    pub alternatives_max: usize,
    /// Templates from which insert sizes are estimated.
    pub insert_size_templates: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            match_score: 1,
            mismatch: 4,
            gap_open: 6,
            gap_extend: 1,
            clip: 5,
            score_min: 30,
            unpaired: 17,
            seed_hits_max: 250,
            seed_hits_max_rescue: 2000,
            anchors_max: 1024,
            chains_max: 256,
            band: 24,
            alternatives_max: 5,
            insert_size_templates: 1 << 14,
        }
    }
}
