//! What reference blocks say of a base, as numbers: blocks of many samples say the same.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use crate::evidence::{Block, Numbers};
use crate::level::block_levels;
use crate::number::PHRED_MAX;
use crate::project::NoCall;
use crate::track::Track;

/// Phred by which two copies must be less likely than one to count for nothing beside it: their share of any sum is less
/// than the last bit of a double unless the other allele is 10^8 times as frequent as REF, of which half a copy is
/// always added.
const NEGLIGIBLE: u32 = 250;

/// What a reference block says that decides about a genotype.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) ploidy: u8,
    /// Phred likelihoods of no, one and (diploid) two copies of any alternative allele, the least 0; `None`
    /// when nothing is known.
    pub(crate) likelihoods: Option<[u32; 3]>,
    pub(crate) no_call: Option<NoCall>,
}

impl Class {
    const NOTHING: Self = Self {
        ploidy: 2,
        likelihoods: None,
        no_call: Some(NoCall::NoData),
    };

    /// Of a block.
    pub(crate) fn of(block: &Block) -> Self {
        let [none, one, two] = block.likelihoods;
        let two = if block.ploidy == 1 { one } else { two };
        let least = none.min(one).min(two);
        Self {
            ploidy: block.ploidy,
            likelihoods: block
                .quality
                .map(|_| [none, one, two].map(|pl| (pl - least).min(PHRED_MAX))),
            no_call: match (block.depth, block.quality) {
                (Some(0), _) => Some(NoCall::NoDepth),
                (_, None) => Some(NoCall::NoLikelihoods),
                (_, Some(0)) => Some(NoCall::NoEvidence),
                _ => None,
            },
        }
    }

    /// PL of every genotype of so many alleles.
    pub(crate) fn expanded(&self, alleles: usize) -> Numbers {
        let mut expanded = Numbers::new();
        let Some(likelihoods) = self.likelihoods else {
            return expanded;
        };
        for b in 0..alleles {
            if self.ploidy == 1 {
                expanded.push(likelihoods[usize::from(b > 0)]);
                continue;
            }
            let copies = |a: usize| usize::from(a > 0) + usize::from(b > 0);
            expanded.extend((0..=b).map(|a| likelihoods[copies(a)]));
        }
        expanded
    }

    /// The class that all classes share of which every genotype is as probable.
    fn deciding(mut self) -> Self {
        if let Some([_, one, two]) = &mut self.likelihoods {
            *two = (*two).min(*one + NEGLIGIBLE);
        }
        self
    }

    /// The class by which genotypes are called and counted: see [`crate::level`].
    pub(crate) fn levelled(self) -> Self {
        Self {
            likelihoods: self
                .likelihoods
                .map(|likelihoods| block_levels(self.ploidy, likelihoods)),
            ..self
        }
    }

    /// Orders classes; another number for each.
    pub(crate) fn key(&self) -> u64 {
        let [none, one, two] = self.likelihoods.unwrap_or_default().map(u64::from);
        let likelihoods = (none << 12 | one) << 12 | two;
        let known = u64::from(self.likelihoods.is_some());
        let no_call = self.no_call.map_or(0, |reason| reason as u64 + 1);
        ((u64::from(self.ploidy) << 1 | known) << 36 | likelihoods) << 3 | no_call
    }

    /// True when it has something to say about frequencies.
    pub(crate) fn is_informative(&self) -> bool {
        self.likelihoods
            .is_some_and(|[none, one, two]| none > 0 || one > 0 || two > 0)
    }
}

/// Blocks that say the same and have the same depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The place of the class that decides.
    pub(crate) decides: u32,
    pub(crate) depth: Option<u32>,
}

/// The number of a kind, and that of the class that decides: what is asked of every run, side by side.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbered {
    pub(crate) kind: u32,
    pub(crate) class: u32,
}

/// The kinds of all blocks of a window.
pub(crate) struct Kinds {
    pub(crate) all: Vec<Kind>,
    /// What the blocks of each kind say.
    pub(crate) exact: Vec<Class>,
    /// The classes that decide, in order.
    pub(crate) classes: Vec<Class>,
    /// The classes by which genotypes are called, in order, and the place there of each one that decides.
    pub(crate) levelled: Vec<Class>,
    pub(crate) level_of: Vec<u32>,
    /// Of every table of blocks: the kinds of its blocks; the first is that of no block.
    tables: Vec<Vec<Numbered>>,
    /// Of every sample: its table.
    table_of: Vec<usize>,
}

impl Kinds {
    /// The kinds of the blocks of samples.
    pub(crate) fn new(tracks: &[&Track]) -> Self {
        let mut met = Met::default();
        met.number(Class::NOTHING, None);
        let mut numbers: Vec<Vec<u32>> = Vec::new();
        let mut known: HashMap<*const Vec<Block>, usize> = HashMap::new();
        let table_of = |track: &&Track| {
            let blocks = track.blocks();
            *known.entry(Arc::as_ptr(blocks)).or_insert_with(|| {
                let number = |block: &Block| met.number(Class::of(block), block.depth);
                let table = std::iter::once(0).chain(blocks.iter().map(number));
                numbers.push(table.collect());
                numbers.len() - 1
            })
        };
        let table_of = tracks.iter().map(table_of).collect();
        let Met { mut all, exact, .. } = met;
        let keys = exact.iter().map(|class| class.deciding().key());
        let mut order: Vec<(u64, usize)> = keys.zip(0..).collect();
        order.sort_unstable();
        let mut classes: Vec<Class> = Vec::new();
        for (_, kind) in order {
            let class = exact[kind].deciding();
            if classes.last() != Some(&class) {
                classes.push(class);
            }
            all[kind].decides = classes.len() as u32 - 1;
        }
        let (levelled, level_of) = levels(&classes);
        let numbered = |kind: u32| Numbered {
            kind,
            class: all[kind as usize].decides,
        };
        let numbered = |table: Vec<u32>| table.into_iter().map(numbered).collect();
        let tables = numbers.into_iter().map(numbered).collect();
        Self {
            all,
            exact,
            classes,
            levelled,
            level_of,
            tables,
            table_of,
        }
    }

    /// The kinds of a sample's blocks; the first is that of no block.
    pub(crate) fn of(&self, sample: usize) -> &[Numbered] {
        &self.tables[self.table_of[sample]]
    }
}

/// The classes by which genotypes are called, in order, and the place there of each of `classes`.
fn levels(classes: &[Class]) -> (Vec<Class>, Vec<u32>) {
    let mut levelled: Vec<Class> = classes.iter().map(|class| class.levelled()).collect();
    levelled.sort_unstable_by_key(Class::key);
    levelled.dedup();
    let place = |class: &Class| {
        let key = class.levelled().key();
        levelled.partition_point(|before| before.key() < key) as u32
    };
    let places = classes.iter().map(place).collect();
    (levelled, places)
}

/// Kinds in the order in which they were met.
#[derive(Default)]
struct Met {
    all: Vec<Kind>,
    exact: Vec<Class>,
    numbers: HashMap<u128, u32, BuildHasherDefault<Mixed>>,
}

impl Met {
    fn number(&mut self, class: Class, depth: Option<u32>) -> u32 {
        let below = depth.map_or(0, |depth| u128::from(depth) + 1);
        let key = u128::from(class.key()) << 33 | below;
        *self.numbers.entry(key).or_insert_with(|| {
            self.all.push(Kind { decides: 0, depth });
            self.exact.push(class);
            self.all.len() as u32 - 1
        })
    }
}

/// Keys are numbers already: a multiplication spreads them.
#[derive(Default)]
struct Mixed(u64);

impl Hasher for Mixed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u128(u128::from(*byte));
        }
    }

    fn write_u128(&mut self, key: u128) {
        let folded = (key >> 64) as u64 ^ (key as u64).rotate_left(23) ^ self.0;
        let spread = u128::from(folded) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (spread >> 64) as u64 ^ spread as u64;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Class, Kinds};
    use crate::evidence::Block;
    use crate::track::{Run, Track};

    fn block(ploidy: u8, depth: Option<u32>, quality: Option<u32>, likelihoods: [u32; 3]) -> Block {
        Block {
            ploidy,
            depth,
            quality,
            likelihoods,
        }
    }

    #[test]
    fn keys_are_told_apart() {
        let blocks = [
            block(1, Some(3), Some(9), [0, 9, 9]),
            block(2, None, None, [0; 3]),
            block(2, Some(0), Some(0), [0; 3]),
            block(2, Some(1), Some(0), [0; 3]),
            block(2, Some(3), Some(9), [0, 9, 90]),
            block(2, Some(3), Some(9), [0, 9, 3_000]),
            block(2, Some(3), Some(10), [0, 10, 90]),
        ];
        let keys: Vec<u64> = blocks.iter().map(|b| Class::of(b).key()).collect();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), keys.len());
    }

    #[test]
    fn blocks_of_which_two_copies_are_out_of_the_question_decide_alike() {
        let blocks = vec![
            block(2, Some(30), Some(60), [0, 60, 800]),
            block(2, Some(31), Some(60), [0, 60, 900]),
            block(2, Some(31), Some(60), [0, 60, 300]),
            block(2, None, Some(60), [0, 60, 900]),
        ];
        let runs = vec![Run { end: 9, block: 1 }];
        let tracks = [Track::new(runs, Arc::new(blocks), Vec::new())];
        let kinds = Kinds::new(&[&tracks[0]]);
        let of: Vec<usize> = kinds.of(0).iter().map(|of| of.kind as usize).collect();
        let decides = |block: usize| kinds.all[of[block]].decides;
        assert!(decides(1) == decides(2) && decides(2) == decides(4));
        assert!(decides(3) != decides(1) && decides(0) != decides(1));
        assert!(of[2] != of[4], "of other depths");
        assert_eq!(kinds.exact[of[2]].likelihoods, Some([0, 60, 900]));
        assert_eq!(kinds.exact[of[0]], Class::NOTHING);
    }
}
