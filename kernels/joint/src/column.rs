//! All samples at a site, those that reference blocks cover gathered by what the blocks say.
//!
//! Most samples are the reference at most sites, and blocks of many samples say the same. So samples are
//! sorted once for a run of sites: one number says what block covers a sample, and only samples with calls
//! of their own are looked at one by one.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::evidence::Numbers;
use crate::evidence::{Block, Call};
use crate::number::PHRED_MAX;
use crate::project::{NoCall, Projected, Relation, project_at, relation};
use crate::site::{Site, is_spanned_by};
use crate::track::{Track, Walk};

/// Marks a cell of a sample that is looked at by itself.
const OWN: u32 = 1 << 31;

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

    /// Orders classes; another number for each.
    fn key(&self) -> u64 {
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

/// What a reference block says.
#[derive(Clone, Copy, Debug)]
struct Kind {
    class: Class,
    depth: Option<u32>,
}

impl Kind {
    /// Orders kinds, by class first; another number for each.
    fn key(&self) -> u128 {
        let depth = self.depth.map_or(0, |depth| u128::from(depth) + 1);
        u128::from(self.class.key()) << 33 | depth
    }
}

/// What a sample has at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// A block of a kind, or nothing.
    Kind(usize),
    /// Records of its own: the number of the sample among such.
    Own(usize),
}

/// A run of sites, all samples.
pub(crate) struct Columns {
    samples: usize,
    /// In order.
    classes: Vec<Class>,
    kinds: Vec<Kind>,
    /// The class of every kind.
    class_of: Vec<u32>,
    /// By site, then by sample.
    cells: Vec<u32>,
    /// By site: whether a sample carries an allele that starts before and spans it.
    spanned: Vec<bool>,
}

/// One site, all samples.
pub(crate) struct Column<'a> {
    kinds: &'a [Kind],
    class_of: &'a [u32],
    cells: &'a [u32],
    /// By class: the number of its group.
    group_of: Vec<u32>,
    /// The classes that samples are of, in order, and how many samples.
    pub(crate) groups: Vec<(Class, u32)>,
    pub(crate) spanned: bool,
}

/// The samples with records of their own at a site, and what these say of it as long as it has no `*`.
pub(crate) type Own = Vec<(u32, Projected)>;

impl Columns {
    /// Asks every sample about `sites`, which are in order.
    pub(crate) fn gather(sites: &[Site], tracks: &[&Track], quality: u32) -> (Self, Vec<Own>) {
        let mut kinds = Kinds::default();
        let mut own = vec![Own::new(); sites.len()];
        let mut columns = Self {
            samples: tracks.len(),
            classes: Vec::new(),
            kinds: Vec::new(),
            class_of: Vec::new(),
            cells: vec![0; tracks.len() * sites.len()],
            spanned: vec![false; sites.len()],
        };
        let first = sites.first().map_or(0, |site| site.start);
        for (sample, track) in tracks.iter().enumerate() {
            let mut walk = track.walk(first);
            let mut last = None;
            for (at, site) in sites.iter().enumerate() {
                walk.go(site.start);
                let block = walk.block();
                let alone = walk.has_calls(site.start)
                    && columns.look(&walk, (at, site.start), block.is_some(), quality);
                columns.cells[at * tracks.len() + sample] = if alone {
                    own[at].push((sample as u32, project_at(&walk, site)));
                    OWN | (own[at].len() - 1) as u32
                } else {
                    kinds.number(block, &mut last)
                };
            }
        }
        columns.settle(&kinds.all);
        (columns, own)
    }

    /// Looks at the calls around a site; true when they say more of it than the block does.
    fn look(
        &mut self,
        walk: &Walk<'_>,
        (at, start): (usize, u32),
        has_block: bool,
        quality: u32,
    ) -> bool {
        let mut own = false;
        let calls = walk.calls(start);
        for call in calls {
            own |= speaks(call, start, has_block);
            self.spanned[at] = self.spanned[at] || is_spanned_by(call, start, quality);
        }
        own
    }

    /// Puts kinds and classes in an order that does not depend on where they were met.
    fn settle(&mut self, met: &[Kind]) {
        let keys = met.iter().map(Kind::key).zip(0usize..);
        let mut order: Vec<(u128, usize)> = keys.collect();
        order.sort_unstable();
        let mut rank = vec![0u32; met.len()];
        for (place, &(_, kind)) in order.iter().enumerate() {
            rank[kind] = place as u32;
            let class = met[kind].class;
            if self.classes.last() != Some(&class) {
                self.classes.push(class);
            }
            self.class_of.push(self.classes.len() as u32 - 1);
        }
        self.kinds = order.into_iter().map(|(_, kind)| met[kind]).collect();
        for cell in self.cells.iter_mut().filter(|cell| **cell & OWN == 0) {
            *cell = rank[*cell as usize];
        }
    }

    /// The samples at the site of this number.
    pub(crate) fn site(&self, at: usize) -> Column<'_> {
        let cells = &self.cells[at * self.samples..(at + 1) * self.samples];
        let mut group_of = vec![0u32; self.classes.len()];
        for &cell in cells.iter().filter(|cell| **cell & OWN == 0) {
            group_of[self.class_of[cell as usize] as usize] += 1;
        }
        let mut groups = Vec::new();
        for (class, samples) in self.classes.iter().zip(&mut group_of) {
            if *samples > 0 {
                groups.push((*class, *samples));
                *samples = groups.len() as u32 - 1;
            }
        }
        Column {
            kinds: &self.kinds,
            class_of: &self.class_of,
            cells,
            group_of,
            groups,
            spanned: self.spanned[at],
        }
    }
}

impl Column<'_> {
    /// What every sample has.
    pub(crate) fn cells(&self) -> impl Iterator<Item = Cell> {
        self.cells.iter().map(|&cell| {
            if cell & OWN == 0 {
                Cell::Kind(cell as usize)
            } else {
                Cell::Own((cell & !OWN) as usize)
            }
        })
    }

    /// The group of a kind.
    pub(crate) fn group(&self, kind: usize) -> usize {
        self.group_of[self.class_of[kind] as usize] as usize
    }

    /// The depth of a kind.
    pub(crate) fn depth(&self, kind: usize) -> Option<u32> {
        self.kinds[kind].depth
    }
}

/// True when a call must be asked about a base: an allele starts there or spans it, or there is no block.
fn speaks(call: &Call, position: u32, has_block: bool) -> bool {
    !has_block || relation(call, position) != Relation::Passes
}

/// Kinds by the order in which they were met.
#[derive(Default)]
struct Kinds {
    all: Vec<Kind>,
    numbers: HashMap<u128, u32, BuildHasherDefault<Mixed>>,
}

impl Kinds {
    /// The number of a block's kind; `last` is what was asked before, and what it gave.
    fn number(
        &mut self,
        block: Option<(usize, &Block)>,
        last: &mut Option<(Option<usize>, u32)>,
    ) -> u32 {
        let place = block.map(|(place, _)| place);
        if let Some((before, number)) = *last
            && before == place
        {
            return number;
        }
        let kind = block.map_or(
            Kind {
                class: Class::NOTHING,
                depth: None,
            },
            |(_, block)| Kind {
                class: Class::of(block),
                depth: block.depth,
            },
        );
        let number = *self.numbers.entry(kind.key()).or_insert_with(|| {
            self.all.push(kind);
            self.all.len() as u32 - 1
        });
        *last = Some((place, number));
        number
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
    use super::{Class, Kind};
    use crate::evidence::Block;

    #[test]
    fn keys_are_told_apart_and_ordered_by_class() {
        let kind = |ploidy, depth, quality, likelihoods| {
            let block = Block {
                ploidy,
                depth,
                quality,
                likelihoods,
            };
            Kind {
                class: Class::of(&block),
                depth,
            }
        };
        let kinds = [
            kind(1, Some(3), Some(9), [0, 9, 9]),
            kind(2, None, None, [0; 3]),
            kind(2, Some(0), Some(0), [0; 3]),
            kind(2, Some(1), Some(0), [0; 3]),
            kind(2, None, Some(9), [0, 9, 90]),
            kind(2, Some(3), Some(9), [0, 9, 90]),
            kind(2, Some(4), Some(9), [0, 9, 90]),
            kind(2, Some(3), Some(9), [0, 9, 3_000]),
            kind(2, Some(3), Some(10), [0, 10, 90]),
        ];
        let keys: Vec<u128> = kinds.iter().map(Kind::key).collect();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted.len(), keys.len());
        assert_eq!(keys[4] >> 33, keys[6] >> 33, "of one class");
        assert!(keys[7] > keys[6] && keys[8] > keys[7] && keys[1] > keys[0]);
    }
}
