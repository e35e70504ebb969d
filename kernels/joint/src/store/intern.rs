//! Numbers for values that occur again and again.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Gives every different value a number.
pub(crate) struct Interner<K> {
    numbers: HashMap<K, u32, BuildHasherDefault<Multiply>>,
    counts: Vec<u32>,
}

impl<K: Hash + Ord + Clone> Interner<K> {
    pub(crate) fn new() -> Self {
        Self {
            numbers: HashMap::default(),
            counts: Vec::new(),
        }
    }

    /// The number of a value, in order of first occurrence.
    pub(crate) fn number(&mut self, value: &K) -> u32 {
        if let Some(&number) = self.numbers.get(value) {
            self.counts[number as usize] += 1;
            return number;
        }
        let number = self.counts.len() as u32;
        self.numbers.insert(value.clone(), number);
        self.counts.push(1);
        number
    }

    /// The values in their own order, and the place there of each number.
    pub(crate) fn sorted(self) -> (Vec<K>, Vec<u32>) {
        self.ordered(|a, b| a.0.cmp(b.0))
    }

    /// The values of each class together, classes in order, the most frequent value first; and the place there of
    /// each number.
    pub(crate) fn by_class<C: Ord>(self, class: impl Fn(&K) -> C) -> (Vec<K>, Vec<u32>) {
        self.ordered(|a, b| {
            let frequent = || b.1.cmp(&a.1);
            let classes = class(a.0).cmp(&class(b.0));
            classes.then_with(frequent).then_with(|| a.0.cmp(b.0))
        })
    }

    fn ordered(
        self,
        order: impl Fn((&K, u32), (&K, u32)) -> std::cmp::Ordering,
    ) -> (Vec<K>, Vec<u32>) {
        let counts = &self.counts;
        let mut values: Vec<(K, u32)> = self.numbers.into_iter().collect();
        values.sort_unstable_by(|a, b| {
            order((&a.0, counts[a.1 as usize]), (&b.0, counts[b.1 as usize]))
        });
        let mut places = vec![0; values.len()];
        for (place, (_, number)) in values.iter().enumerate() {
            places[*number as usize] = place as u32;
        }
        (values.into_iter().map(|(value, _)| value).collect(), places)
    }
}

/// A hash by multiplication: quick, and nobody gains by collisions here.
#[derive(Default)]
pub(crate) struct Multiply(u64);

impl Multiply {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Multiply {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.add(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.add(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.add(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.add(value as u64);
    }
}
