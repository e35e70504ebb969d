//! One sample of a window, unpacked from the window's first base on.

use std::sync::Arc;

use crate::evidence::{Call, Numbers, genotypes};
use crate::number::PHRED_MAX;
use crate::store::column::{
    AD_ROLES, CALL_AD, CALL_CALIBRATED, CALL_DEPTH, CALL_FORM, CALL_PHASE, CALL_PL, CALL_SITE,
    COLUMNS, PL_ROLES, RUN_CLASS, RUN_LENGTH, RUN_RANK, THREE_BYTES,
};
use crate::store::error::Damage;
use crate::store::expect;
use crate::store::window::{Window, record};
use crate::track::Run;

/// Where a sample's values begin in every column.
pub(super) type Places = [u32; COLUMNS];

/// How far a sample was unpacked. Its values were counted before.
pub(super) struct Sample {
    places: Places,
    /// Calls and runs that are left.
    calls: u32,
    runs: u32,
    /// The site and the phase set of the call before, and where the call starts.
    site: u32,
    phase_set: u32,
    start: u32,
    /// Where the records of bare calls lie that no run has come to.
    bare: Vec<(u32, u32)>,
    /// Up to where runs and bare records tile the window, and up to where runs alone do.
    at: u32,
    covered: u32,
    /// What ends there.
    last: Option<Run>,
}

impl Sample {
    /// At the first base.
    pub(super) fn new(window: &Window, sample: usize, places: Places) -> Self {
        Self {
            places,
            calls: window.calls[sample],
            runs: window.runs[sample],
            site: 0,
            phase_set: 0,
            start: 0,
            bare: Vec::new(),
            at: window.start,
            covered: window.start,
            last: None,
        }
    }

    /// Runs and calls of the bases from `start` to `end`, which may tell of more before and after; `calls` are those of
    /// the part before.
    pub(super) fn part(
        &mut self,
        (window, classes): (&Window, &[u32]),
        (start, end): (u32, u32),
        mut calls: Vec<Call>,
    ) -> Result<(Vec<Run>, Vec<Call>), Damage> {
        calls.retain(|call| call.end > start);
        let whole = end >= window.end;
        if whole {
            calls.reserve(self.calls as usize);
        }
        let mut values = Values {
            window,
            sample: self,
        };
        while values.sample.calls > 0 && (whole || values.ahead() < end) {
            calls.push(values.call()?);
        }
        values.sample.bare.sort_unstable();
        let last = values.sample.last.filter(|last| last.end > start);
        let mut runs: Vec<Run> = last.into_iter().collect();
        values.runs(end, classes, &mut runs)?;
        self.last = runs.last().copied();
        if whole && (self.runs > 0 || self.at != window.end) {
            return Err("runs do not fill it".into());
        }
        if whole && self.bare.iter().any(|(from, _)| *from < self.covered) {
            return Err("a run goes into a bare record".into());
        }
        Ok((runs, calls))
    }
}

/// The values of a sample that are left.
struct Values<'a> {
    window: &'a Window,
    sample: &'a mut Sample,
}

impl Values<'_> {
    fn next(&mut self, column: usize) -> u32 {
        let place = &mut self.sample.places[column];
        let value = self.window.columns[column][*place as usize];
        *place += 1;
        value
    }

    /// Runs up to `end` or beyond, which with the bare records tile the window.
    fn runs(&mut self, end: u32, classes: &[u32], runs: &mut Vec<Run>) -> Result<(), Damage> {
        let mut push = |end: u32, block: u32| match runs.last_mut() {
            Some(last) if last.block == block => last.end = end,
            _ => runs.push(Run { end, block }),
        };
        let mut passed = 0;
        while self.sample.at < end.min(self.window.end) {
            let bare = self.sample.bare.get(passed).copied();
            let (from, to) = bare.unwrap_or((self.window.end, self.window.end));
            if from <= self.sample.at {
                if from < self.sample.covered {
                    return Err("a run goes into a bare record".into());
                }
                passed += 1;
                if self.sample.at < to {
                    self.sample.at = to;
                    push(to, 0);
                }
                continue;
            }
            let left = self.sample.runs.checked_sub(1);
            self.sample.runs = left.ok_or("runs do not fill it")?;
            let length = self.next(RUN_LENGTH);
            let run_end = self.sample.at.saturating_add(length).saturating_add(1);
            if run_end > from {
                return Err("a run goes into a bare record".into());
            }
            (self.sample.at, self.sample.covered) = (run_end, run_end);
            push(run_end, self.block(classes)?);
        }
        self.sample.bare.drain(..passed);
        Ok(())
    }

    fn block(&mut self, classes: &[u32]) -> Result<u32, Damage> {
        let Some(class) = (self.next(RUN_CLASS) as usize).checked_sub(1) else {
            return Ok(0);
        };
        let rank = self.next(RUN_RANK);
        match classes.get(class..class + 2) {
            Some(&[start, end]) if rank < end - start => Ok(1 + start + rank),
            _ => Err("a run names a block that is not there".into()),
        }
    }

    /// The number of the next call's site.
    fn site(&self) -> u32 {
        let place = self.sample.places[CALL_SITE] as usize;
        let step = self.window.columns[CALL_SITE][place];
        self.sample.site.wrapping_add(step) & THREE_BYTES
    }

    /// Where the next call starts.
    fn ahead(&self) -> u32 {
        self.window.sites[self.site() as usize].start
    }

    fn call(&mut self) -> Result<Call, Damage> {
        let number = self.site();
        self.next(CALL_SITE);
        let site = &self.window.sites[number as usize];
        if site.start < self.sample.start {
            return Err("calls are not in order".into());
        }
        (self.sample.site, self.sample.start) = (number, site.start);
        self.sample.calls -= 1;
        let form = &self.window.forms[self.next(CALL_FORM) as usize];
        let phase_set = if form.phased {
            let step = self.next(CALL_PHASE);
            self.sample.phase_set = self.sample.phase_set.wrapping_add(step) & THREE_BYTES;
            let set = self.window.phase_sets.get(self.sample.phase_set as usize);
            Some(
                set.ok_or("a call names a phase set that is not there")?
                    .clone(),
            )
        } else {
            None
        };
        let calibrated = form.calibrated.then(|| self.next(CALL_CALIBRATED));
        let alleles = site.alleles.len();
        let mut depths = Numbers::new();
        for role in (0..alleles).filter(|_| form.depths) {
            depths.push(self.next(CALL_AD + role.min(AD_ROLES)));
        }
        let reads = depths.iter().fold(0, |sum: u32, d| sum.wrapping_add(*d));
        let depth = form
            .depth
            .then(|| self.next(CALL_DEPTH).wrapping_add(reads));
        let likelihoods = if form.likelihoods {
            Some(self.likelihoods(alleles, form.ploidy, &depths)?)
        } else {
            None
        };
        let window = (self.window.start, self.window.end);
        let (from, to) = record(site.position, site.end, window);
        if form.bare && from < to {
            self.sample.bare.push((from, to));
        }
        Ok(Call {
            position: site.position,
            start: site.start,
            end: site.end,
            alleles: Arc::clone(&site.alleles),
            ploidy: form.ploidy,
            genotype: form.genotype.clone(),
            phase_set,
            likelihoods,
            depths,
            depth,
            passes: form.passes,
            calibrated,
        })
    }

    fn likelihoods(
        &mut self,
        alleles: usize,
        ploidy: u8,
        depths: &[u32],
    ) -> Result<Numbers, Damage> {
        let mut pl = Numbers::new();
        for role in 0..genotypes(alleles, ploidy) {
            let kept = self.next(CALL_PL + role.min(PL_ROLES));
            let value = if ploidy == 2 && (3..PL_ROLES).contains(&role) {
                expect::value(role, kept, &pl, depths)
            } else {
                kept
            };
            if value > PHRED_MAX {
                return Err("a likelihood is too great".into());
            }
            pl.push(value);
        }
        Ok(pl)
    }
}
