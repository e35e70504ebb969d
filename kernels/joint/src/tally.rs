//! How many samples blocks of each class cover at each of a run of sites.
//!
//! A block covers several sites in turn: what is taken down is where samples come to a class and where they leave it.

/// Counts of samples by site, then by class.
pub(crate) struct Tally {
    classes: usize,
    /// Until all is told: how many more than at the site before, modulo 2^32. One row more than there are sites.
    counts: Vec<u32>,
}

impl Tally {
    /// Of so many sites and classes; nobody is counted.
    pub(crate) fn new(sites: usize, classes: usize) -> Self {
        Self {
            classes,
            counts: vec![0; (sites + 1) * classes],
        }
    }

    /// Counts a sample that is of a class at the sites `from..to`.
    pub(crate) fn add(&mut self, class: usize, from: usize, to: usize) {
        let begins = &mut self.counts[from * self.classes + class];
        *begins = begins.wrapping_add(1);
        let ends = &mut self.counts[to * self.classes + class];
        *ends = ends.wrapping_sub(1);
    }

    /// Leaves out one of the samples that were counted at a site.
    pub(crate) fn take(&mut self, class: usize, site: usize) {
        let begins = &mut self.counts[site * self.classes + class];
        *begins = begins.wrapping_sub(1);
        let ends = &mut self.counts[(site + 1) * self.classes + class];
        *ends = ends.wrapping_add(1);
    }

    /// All is told.
    pub(crate) fn finish(&mut self) {
        if self.classes == 0 {
            return;
        }
        let mut rows = self.counts.chunks_exact_mut(self.classes);
        let Some(mut before) = rows.next() else {
            return;
        };
        for row in rows {
            for (count, before) in row.iter_mut().zip(&*before) {
                *count = count.wrapping_add(*before);
            }
            before = row;
        }
    }

    /// By class, how many samples are of it at a site; all must have been told.
    pub(crate) fn of(&self, site: usize) -> &[u32] {
        &self.counts[site * self.classes..(site + 1) * self.classes]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Tally;

    proptest! {
        #[test]
        fn counts_are_those_of_each_site(
            runs in prop::collection::vec((0usize..3, 0usize..6, 0usize..6), 0..20),
        ) {
            let mut tally = Tally::new(6, 3);
            let mut expected = [[0u32; 3]; 6];
            for (at, (class, from, length)) in runs.into_iter().enumerate() {
                let to = (from + length).min(6);
                tally.add(class, from, to);
                expected[from..to].iter_mut().for_each(|site| site[class] += 1);
                if at % 2 == 0 && from < to {
                    tally.take(class, from);
                    expected[from][class] -= 1;
                }
            }
            tally.finish();
            for (site, expected) in expected.iter().enumerate() {
                prop_assert_eq!(tally.of(site), expected);
            }
        }
    }
}
