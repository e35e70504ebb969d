//! What accounts have used: core-milliseconds of ended leases, of which after each half-life the half counts, and genomes
//! begun today.
//!
//! Use decays in steps, [`STEPS`] to a half-life, all accounts at once and in whole numbers: the same commands give the
//! same books on every node. What is paid long ago matters less and less, as in Slurm's multifactor priority plugin
//! (<https://slurm.schedmd.com/priority_multifactor.html>, `PriorityDecayHalfLife`).

use std::collections::BTreeMap;

/// A day, as genomes are counted, milliseconds.
pub(crate) const DAY_MS: u64 = 86_400_000;

/// Decay steps in a half-life.
const STEPS: u64 = 64;

/// 2^63 · 2^(-1/64), rounded.
const STEP: u64 = 9_124_017_994_966_720_698;

/// 2^63 · 2^(-n/64).
const FACTORS: [u64; STEPS as usize] = factors();

const fn factors() -> [u64; STEPS as usize] {
    let mut factors = [1 << 63; STEPS as usize];
    let mut at = 1;
    while at < factors.len() {
        factors[at] = ((factors[at - 1] as u128 * STEP as u128) >> 63) as u64;
        at += 1;
    }
    factors
}

/// What one centre of a programme has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Used {
    pub(crate) core_milliseconds: u64,
    /// Days since 1970 of the last genome that was begun, and how many were on that day.
    pub(crate) day: u64,
    pub(crate) genomes: u32,
}

impl Used {
    /// Genomes begun on a day.
    pub(crate) fn genomes_on(&self, day: u64) -> u32 {
        if self.day == day { self.genomes } else { 0 }
    }
}

/// The books: by programme and centre.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Number of the step, since 1970, up to which use has decayed.
    pub(crate) step: u64,
    pub(crate) accounts: BTreeMap<String, BTreeMap<String, Used>>,
}

impl Usage {
    /// Lets use decay up to now.
    pub(crate) fn decay(&mut self, now_ms: u64, half_life_ms: u64) {
        let step = step_of(now_ms, half_life_ms);
        let passed = step.saturating_sub(self.step);
        if passed == 0 {
            return;
        }
        self.step = step;
        let today = now_ms / DAY_MS;
        for centres in self.accounts.values_mut() {
            for used in centres.values_mut() {
                used.core_milliseconds = decayed(used.core_milliseconds, passed);
            }
            centres.retain(|_, used| used.core_milliseconds > 0 || used.day >= today);
        }
        self.accounts.retain(|_, centres| !centres.is_empty());
    }

    /// The half-life changes from now on.
    pub(crate) fn rescale(&mut self, now_ms: u64, half_life_ms: u64) {
        self.step = step_of(now_ms, half_life_ms);
    }

    /// Enters what an ended lease has used.
    pub(crate) fn charge(&mut self, programme: &str, centre: &str, core_milliseconds: u64) {
        let used = &mut self.entry(programme, centre).core_milliseconds;
        *used = used.saturating_add(core_milliseconds);
    }

    /// A genome is begun.
    pub(crate) fn begin(&mut self, programme: &str, centre: &str, day: u64) {
        let used = self.entry(programme, centre);
        used.genomes = used.genomes_on(day) + 1;
        used.day = day;
    }

    /// A genome that was begun was not, after all.
    pub(crate) fn take_back(&mut self, programme: &str, centre: &str, day: u64) {
        let used = self.entry(programme, centre);
        if used.day == day {
            used.genomes = used.genomes.saturating_sub(1);
        }
    }

    /// What a centre has used.
    pub(crate) fn of(&self, programme: &str, centre: &str) -> Used {
        let centres = self.accounts.get(programme);
        let used = centres.and_then(|centres| centres.get(centre));
        used.copied().unwrap_or_default()
    }

    /// What a programme has used: core-milliseconds, and genomes begun on a day.
    pub(crate) fn of_programme(&self, programme: &str, day: u64) -> (u64, u32) {
        let centres = self.accounts.get(programme).into_iter();
        centres
            .flat_map(BTreeMap::values)
            .fold((0u64, 0u32), |(sum, genomes), used| {
                let sum = sum.saturating_add(used.core_milliseconds);
                (sum, genomes.saturating_add(used.genomes_on(day)))
            })
    }

    fn entry(&mut self, programme: &str, centre: &str) -> &mut Used {
        if !self.accounts.contains_key(programme) {
            self.accounts.insert(programme.to_owned(), BTreeMap::new());
        }
        let centres = self.accounts.get_mut(programme).expect("just entered");
        if !centres.contains_key(centre) {
            centres.insert(centre.to_owned(), Used::default());
        }
        centres.get_mut(centre).expect("just entered")
    }
}

fn step_of(now_ms: u64, half_life_ms: u64) -> u64 {
    now_ms / (half_life_ms / STEPS).max(1)
}

/// What is left of an amount after so many steps.
fn decayed(amount: u64, steps: u64) -> u64 {
    let halvings = u32::try_from(steps / STEPS).unwrap_or(u32::MAX);
    let halved = amount.checked_shr(halvings).unwrap_or(0);
    let factor = FACTORS[usize::try_from(steps % STEPS).expect("small")];
    u64::try_from((u128::from(halved) * u128::from(factor)) >> 63).expect("less than before")
}

#[cfg(test)]
mod tests {
    use super::{DAY_MS, Usage, decayed};

    const HALF_LIFE_MS: u64 = 7 * DAY_MS;

    #[test]
    fn half_is_left_after_a_half_life_however_it_passes() {
        let amount = 1 << 40;
        assert_eq!(decayed(amount, 0), amount);
        assert_eq!(decayed(amount, 64), amount / 2);
        assert_eq!(decayed(amount, 64 * 40), 1);
        assert_eq!(decayed(amount, u64::MAX), 0);
        let stepwise = (0..64).fold(amount, |left, _| decayed(left, 1));
        assert!(stepwise <= amount / 2 && stepwise > amount / 2 - 128);
        let mut all = decayed(amount, 32) as f64 / amount as f64;
        all *= all;
        assert!((all - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_is_forgotten_is_not_kept() {
        let mut usage = Usage::default();
        usage.decay(1_000 * DAY_MS, HALF_LIFE_MS);
        usage.charge("p", "a", 1_000);
        usage.charge("p", "b", 3_000);
        usage.begin("p", "a", 1_000);
        assert_eq!(usage.of_programme("p", 1_000), (4_000, 1));
        assert_eq!(usage.of_programme("p", 1_001), (4_000, 0));
        usage.decay(1_007 * DAY_MS, HALF_LIFE_MS);
        assert_eq!(usage.of("p", "b").core_milliseconds, 1_500);
        usage.decay(999 * DAY_MS, HALF_LIFE_MS);
        assert_eq!(
            usage.of("p", "b").core_milliseconds,
            1_500,
            "time does not run backwards"
        );
        usage.decay(2_000 * DAY_MS, HALF_LIFE_MS);
        assert!(usage.accounts.is_empty());
    }

    #[test]
    fn a_genome_that_was_taken_back_counts_no_more_on_its_day() {
        let mut usage = Usage::default();
        usage.begin("p", "a", 5);
        usage.begin("p", "a", 5);
        usage.take_back("p", "a", 5);
        usage.take_back("p", "a", 6);
        assert_eq!(usage.of("p", "a").genomes_on(5), 1);
        usage.begin("p", "a", 6);
        assert_eq!(usage.of("p", "a").genomes_on(6), 1);
        assert_eq!(usage.of("p", "a").genomes_on(5), 0);
    }
}
