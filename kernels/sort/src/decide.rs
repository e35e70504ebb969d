//! Which templates are duplicates, from their sorted signatures.

use std::io;

use crate::external::Merge;
use crate::metrics::DuplicationMetrics;
use crate::signature::{Bytes, FRAGMENT_KEY, PAIR_KEY, read};
use crate::tile::Spot;

/// A bit a template.
#[derive(Debug, Default)]
pub(crate) struct Duplicates(Vec<u64>);

/// Bytes of numbers that are kept together.
const NUMBERS_BYTES: usize = 64 << 10;

impl Duplicates {
    pub(crate) fn new(templates: u64) -> Self {
        Self(vec![0; templates.div_ceil(64) as usize])
    }

    fn set(&mut self, template: u64) {
        self.0[(template / 64) as usize] |= 1 << (template % 64);
    }

    /// The numbers of the templates, rising, as lists of bytes: of each number what it is more than the one before
    /// it in the list, seven bits a byte, the lowest first, the highest bit of a byte saying that another follows.
    pub(crate) fn encode(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        let words = (0u64..).zip(&self.0);
        let mut numbers = words
            .flat_map(|(at, &word)| {
                let bits = (0..64).filter(move |bit| word >> bit & 1 == 1);
                bits.map(move |bit| 64 * at + bit)
            })
            .peekable();
        std::iter::from_fn(move || {
            numbers.peek()?;
            let (mut bytes, mut last) = (Vec::new(), 0);
            while bytes.len() < NUMBERS_BYTES
                && let Some(number) = numbers.next()
            {
                put_number(&mut bytes, number - last);
                last = number;
            }
            Some(bytes)
        })
    }

    /// Adds a list of numbers; none when it is none, or of templates that there are not.
    pub(crate) fn add(&mut self, list: &[u8]) -> Option<()> {
        let (mut rest, mut last) = (list, 0u64);
        while !rest.is_empty() {
            last = last.checked_add(take_number(&mut rest)?)?;
            let word = self.0.get_mut(usize::try_from(last / 64).ok()?)?;
            *word |= 1 << (last % 64);
        }
        Some(())
    }

    pub(crate) fn contains(&self, template: u64) -> bool {
        let word = self.0.get((template / 64) as usize);
        word.is_some_and(|word| word >> (template % 64) & 1 == 1)
    }
}

fn put_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

/// Larger groups have no optical duplicates counted, as in Picard (its `MAX_OPTICAL_DUPLICATE_SET_SIZE`): that
/// bounds the memory and time that one group takes.
const OPTICAL_GROUP_MAX: usize = 300_000;

/// Marks all pairs of a group but its first, which is the best.
pub(crate) fn pairs(
    mut signatures: Merge<Bytes>,
    optical_distance: u32,
    duplicates: &mut Duplicates,
    metrics: &mut [DuplicationMetrics],
) -> io::Result<()> {
    let mut key = Vec::new();
    let mut group = Group::default();
    let mut library = 0;
    while let Some(pair) = signatures.next()? {
        if key == pair[..PAIR_KEY] {
            metrics[library].read_pair_duplicates += 1;
            duplicates.set(read::pair_template(pair));
        } else {
            metrics[library].read_pair_optical_duplicates += group.close(optical_distance);
            key.clear();
            key.extend_from_slice(&pair[..PAIR_KEY]);
            library = read::library(pair);
        }
        group.push(read::seen(pair));
    }
    metrics[library].read_pair_optical_duplicates += group.close(optical_distance);
    Ok(())
}

/// Where the pairs of a group were seen, by the strands of their first and last read: a pair and one turned round
/// come from different clusters.
#[derive(Default)]
struct Group {
    sizes: [usize; 4],
    spots: [Vec<(u16, Spot)>; 4],
}

impl Group {
    fn push(&mut self, (read_group, strands, spot): (u16, u8, Spot)) {
        let strands = usize::from(strands & 3);
        self.sizes[strands] += 1;
        if self.sizes[strands] <= OPTICAL_GROUP_MAX && spot.is_known() {
            self.spots[strands].push((read_group, spot));
        }
    }

    /// Counts the optical duplicates, and begins another group.
    fn close(&mut self, distance: u32) -> u64 {
        let mut found = 0;
        for (size, spots) in self.sizes.iter_mut().zip(&mut self.spots) {
            if *size <= OPTICAL_GROUP_MAX && spots.len() > 1 {
                found += optical(spots, distance);
            }
            *size = 0;
            spots.clear();
        }
        found
    }
}

/// Marks all fragments where a pair ends too, else all but the first, which is the best.
pub(crate) fn fragments(
    mut signatures: Merge<Bytes>,
    duplicates: &mut Duplicates,
    metrics: &mut [DuplicationMetrics],
) -> io::Result<()> {
    let mut key = Vec::new();
    while let Some(fragment) = signatures.next()? {
        let is_first = key != fragment[..FRAGMENT_KEY];
        if is_first {
            key.clear();
            key.extend_from_slice(&fragment[..FRAGMENT_KEY]);
            continue;
        }
        if let Some(template) = read::fragment_template(fragment) {
            metrics[read::library(fragment)].unpaired_read_duplicates += 1;
            duplicates.set(template);
        }
    }
    Ok(())
}

/// Pairs that were seen within `distance` (in x and in y) of another one of their read group on the same tile: in
/// each cluster of neighbours all but one.
fn optical(seen: &mut [(u16, Spot)], distance: u32) -> u64 {
    seen.sort_unstable();
    let mut cluster: Vec<usize> = (0..seen.len()).collect();
    let mut joined = 0;
    for i in 0..seen.len() {
        let (group, a) = seen[i];
        for (j, &(other, b)) in seen.iter().enumerate().skip(i + 1) {
            if (other, b.tile) != (group, a.tile) || u32::from(b.x.abs_diff(a.x)) > distance {
                break;
            }
            if u32::from(a.y.abs_diff(b.y)) <= distance {
                let (low, high) = (root(&mut cluster, i), root(&mut cluster, j));
                if low != high {
                    cluster[high] = low;
                    joined += 1;
                }
            }
        }
    }
    joined
}

fn root(cluster: &mut [usize], mut at: usize) -> usize {
    while cluster[at] != at {
        cluster[at] = cluster[cluster[at]];
        at = cluster[at];
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Duplicates, take_number};

    proptest! {
        #[test]
        fn numbers_come_back(mut numbers in prop::collection::vec(0u64..100_000, 0..200)) {
            let mut marked = Duplicates::new(100_000);
            numbers.iter().for_each(|number| marked.set(*number));
            numbers.sort_unstable();
            numbers.dedup();
            let mut again = Duplicates::new(100_000);
            for list in marked.encode() {
                prop_assert!(again.add(&list).is_some());
            }
            let found = (0..100_000).filter(|number| again.contains(*number));
            prop_assert_eq!(found.collect::<Vec<_>>(), numbers);
        }

        #[test]
        fn what_is_no_list_is_refused_without_harm(list in prop::collection::vec(any::<u8>(), 0..30)) {
            let _ = Duplicates::new(1_000).add(&list);
        }
    }

    #[test]
    fn many_numbers_make_several_lists() {
        let mut marked = Duplicates::new(1 << 20);
        (0..1 << 20)
            .step_by(2)
            .for_each(|number| marked.set(number));
        let lists: Vec<_> = marked.encode().collect();
        assert!(lists.len() > 1);
        let mut again = Duplicates::new(1 << 20);
        assert!(lists.iter().all(|list| again.add(list).is_some()));
        assert_eq!(again.0, marked.0);
    }

    #[test]
    fn numbers_that_do_not_fit_are_none() {
        assert_eq!(take_number(&mut &[0xff; 11][..]), None);
        assert_eq!(take_number(&mut &[0x80][..]), None);
        let largest = [[0xff; 9].as_slice(), &[1]].concat();
        assert_eq!(take_number(&mut &largest[..]), Some(u64::MAX));
        assert_eq!(Duplicates::new(64).add(&[64]), None);
    }
}
