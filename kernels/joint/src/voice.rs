//! What samples with records of their own say of a site, those that say the same together.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use crate::evidence::Numbers;
use crate::project::{NoCall, Projected};
use crate::store::intern::Multiply;

/// What decides about a genotype.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Voice {
    pub(crate) ploidy: u8,
    pub(crate) no_call: Option<NoCall>,
    /// Of every genotype of the site's alleles, the least 0; empty when nothing is known.
    pub(crate) levels: Numbers,
}

impl Voice {
    /// True when it has something to say about frequencies.
    pub(crate) fn is_informative(&self) -> bool {
        self.levels.iter().any(|level| *level > 0)
    }
}

impl From<&Projected> for Voice {
    fn from(sample: &Projected) -> Self {
        Self {
            ploidy: sample.ploidy,
            no_call: sample.no_call,
            levels: sample.levels.clone(),
        }
    }
}

/// The voices of samples in order, with how many samples have each; and of every sample the place of its voice.
pub(crate) fn gathered(
    samples: impl Iterator<Item = (Voice, u32)>,
) -> (Vec<(Voice, u32)>, Vec<u32>) {
    let mut numbers: HashMap<Voice, u32, BuildHasherDefault<Multiply>> = HashMap::default();
    let mut counts: Vec<u32> = Vec::new();
    let mut place = |(voice, samples): (Voice, u32)| {
        let number = *numbers.entry(voice).or_insert_with(|| {
            counts.push(0);
            counts.len() as u32 - 1
        });
        counts[number as usize] += samples;
        number
    };
    let mut places: Vec<u32> = samples.map(&mut place).collect();
    let mut voices: Vec<(Voice, u32)> = numbers.into_iter().collect();
    voices.sort_unstable();
    let mut order = vec![0; voices.len()];
    for (at, (_, number)) in voices.iter_mut().enumerate() {
        order[*number as usize] = at as u32;
        *number = counts[*number as usize];
    }
    places
        .iter_mut()
        .for_each(|place| *place = order[*place as usize]);
    (voices, places)
}
