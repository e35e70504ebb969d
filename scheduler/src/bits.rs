//! A set of small numbers as bits under two levels of summaries: a million numbers in 130 kB, the
//! next member found in a few steps.

const LEVELS: usize = 3;
const WORD_BITS: usize = 64;

/// A set of numbers below its capacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bits {
    /// Level 0 has a bit for each number, level n + 1 one for each non-zero word of level n.
    levels: [Vec<u64>; LEVELS],
}

impl Bits {
    pub(crate) fn new(capacity: usize) -> Self {
        let mut words = capacity.div_ceil(WORD_BITS);
        let levels = std::array::from_fn(|_| {
            let level = vec![0; words];
            words = words.div_ceil(WORD_BITS);
            level
        });
        Self { levels }
    }

    pub(crate) fn insert(&mut self, number: usize) {
        let mut at = number;
        for level in &mut self.levels {
            level[at / WORD_BITS] |= 1 << (at % WORD_BITS);
            at /= WORD_BITS;
        }
    }

    pub(crate) fn remove(&mut self, number: usize) {
        let mut at = number;
        for level in &mut self.levels {
            level[at / WORD_BITS] &= !(1 << (at % WORD_BITS));
            if level[at / WORD_BITS] != 0 {
                return;
            }
            at /= WORD_BITS;
        }
    }

    /// The smallest member that is at least `from`.
    pub(crate) fn next(&self, from: usize) -> Option<usize> {
        let mut at = from;
        for depth in 0..LEVELS {
            let level = &self.levels[depth];
            let word = at / WORD_BITS;
            let rest = level.get(word)? & (u64::MAX << (at % WORD_BITS));
            if rest != 0 {
                return Some(self.lowest(depth, word * WORD_BITS + trailing(rest)));
            }
            at = word + 1;
        }
        let top = LEVELS - 1;
        let word = (at..self.levels[top].len()).find(|word| self.levels[top][*word] != 0)?;
        let first = word * WORD_BITS + trailing(self.levels[top][word]);
        Some(self.lowest(top, first))
    }

    /// The smallest number under bit `at` of level `depth`, which is set.
    fn lowest(&self, depth: usize, mut at: usize) -> usize {
        for level in self.levels[..depth].iter().rev() {
            at = at * WORD_BITS + trailing(level[at]);
        }
        at
    }

    /// The members in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.iter_from(0)
    }

    /// The members that are at least `from`, in ascending order.
    pub(crate) fn iter_from(&self, mut from: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::from_fn(move || {
            let found = self.next(from)?;
            from = found + 1;
            Some(found)
        })
    }
}

fn trailing(word: u64) -> usize {
    word.trailing_zeros() as usize
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Bits;

    proptest! {
        #[test]
        fn a_set_of_bits_is_a_set(
            changes in prop::collection::vec((0usize..600_000, any::<bool>()), 0..300),
            from in 0usize..600_000,
        ) {
            let mut bits = Bits::new(600_000);
            let mut model = BTreeSet::new();
            for (number, add) in changes {
                if add {
                    bits.insert(number);
                    model.insert(number);
                } else {
                    bits.remove(number);
                    model.remove(&number);
                }
                prop_assert_eq!(bits.next(number) == Some(number), add);
            }
            prop_assert_eq!(bits.next(from), model.range(from..).next().copied());
            prop_assert!(bits.iter().eq(model.iter().copied()));
        }
    }

    #[test]
    fn an_empty_set_has_no_members() {
        assert_eq!(Bits::new(0).next(0), None);
        assert_eq!(Bits::new(64).next(63), None);
        assert_eq!(Bits::new(64).next(64), None);
    }
}
