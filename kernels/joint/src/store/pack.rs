//! From what is known of samples to the columns of a window.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use kumi_seq::interval::Interval;

use crate::evidence::{Block, Call};
use crate::store::column::{
    AD_ROLES, CALL_AD, CALL_CALIBRATED, CALL_DEPTH, CALL_FORM, CALL_PHASE, CALL_PL, CALL_SITE,
    PL_ROLES, RUN_CLASS, RUN_LENGTH, RUN_RANK, THREE_BYTES,
};
use crate::store::expect::surprise;
use crate::store::intern::{Interner, Multiply};
use crate::store::window::{Form, LocalSite, Window, class, record};
use crate::track::Track;

/// Fills a window, sample by sample.
pub(crate) struct Packer {
    window: Window,
    /// The number of the block of each run, from 1; 0 for none.
    run_blocks: Vec<u32>,
    blocks: Interner<Block>,
    sites: Interner<LocalSite>,
    /// Numbers of sites by where their alleles lie in memory and what else they have: samples share most.
    shared: HashMap<(usize, [u32; 3]), u32, BuildHasherDefault<Multiply>>,
    forms: Interner<Form>,
    phase_sets: Interner<Vec<u8>>,
    /// Where the records of a sample's bare calls lie.
    bare: Vec<(u32, u32)>,
}

impl Packer {
    /// Begins a window.
    pub(crate) fn new(interval: Interval) -> Self {
        Self {
            window: Window {
                start: interval.start,
                end: interval.end,
                ..Window::default()
            },
            run_blocks: Vec::new(),
            blocks: Interner::new(),
            sites: Interner::new(),
            shared: HashMap::default(),
            forms: Interner::new(),
            phase_sets: Interner::new(),
            bare: Vec::new(),
        }
    }

    /// Adds the next sample.
    pub(crate) fn add(&mut self, track: &Track) {
        let (start, end) = (self.window.start, self.window.end);
        self.bare.clear();
        let mut calls = 0;
        for call in track.calls_in(start, end) {
            let (from, to) = record(call.position, call.end, (start, end));
            let bare = from < to && track.is_uncovered(from, to);
            if bare {
                self.bare.push((from, to));
            }
            self.call(call, bare);
            calls += 1;
        }
        self.window.calls.push(calls);
        self.bare.sort_unstable();
        self.runs(track);
    }

    fn runs(&mut self, track: &Track) {
        let before = self.run_blocks.len();
        let bare = std::mem::take(&mut self.bare);
        let mut ahead = bare.iter().peekable();
        let mut at = self.window.start;
        for run in track.runs() {
            let end = run.end.min(self.window.end);
            if let Some(block) = track.block(*run) {
                let number = 1 + self.blocks.number(block);
                self.run(&mut at, end, number);
                continue;
            }
            while let Some((from, to)) = ahead.next_if(|(from, _)| *from < end) {
                self.run(&mut at, *from, 0);
                at = at.max(*to);
            }
            self.run(&mut at, end, 0);
        }
        self.bare = bare;
        self.window
            .runs
            .push((self.run_blocks.len() - before) as u32);
    }

    /// The bases up to `end` are one run, if there are any.
    fn run(&mut self, at: &mut u32, end: u32, block: u32) {
        if *at < end {
            self.window.columns[RUN_LENGTH].push(end - *at - 1);
            self.run_blocks.push(block);
            *at = end;
        }
    }

    /// The number of a call's site.
    fn site(&mut self, call: &Call) -> u32 {
        let place = [call.start, call.end, call.position];
        let sites = &mut self.sites;
        let memory = Arc::as_ptr(&call.alleles).cast::<()>() as usize;
        *self.shared.entry((memory, place)).or_insert_with(|| {
            sites.number(&LocalSite {
                start: call.start,
                end: call.end,
                position: call.position,
                alleles: Arc::clone(&call.alleles),
            })
        })
    }

    fn call(&mut self, call: &Call, bare: bool) {
        let form = Form {
            ploidy: call.ploidy,
            genotype: call.genotype.clone(),
            passes: call.passes,
            calibrated: call.calibrated.is_some(),
            phased: call.phase_set.is_some(),
            depth: call.depth.is_some(),
            depths: !call.depths.is_empty(),
            likelihoods: call.likelihoods.is_some(),
            bare,
        };
        let (site, form) = (self.site(call), self.forms.number(&form));
        let columns = &mut self.window.columns;
        columns[CALL_SITE].push(site);
        columns[CALL_FORM].push(form);
        if let Some(set) = &call.phase_set {
            columns[CALL_PHASE].push(self.phase_sets.number(set));
        }
        columns[CALL_CALIBRATED].extend(call.calibrated);
        let reads = call
            .depths
            .iter()
            .fold(0, |sum: u32, d| sum.wrapping_add(*d));
        columns[CALL_DEPTH].extend(call.depth.map(|depth| depth.wrapping_sub(reads)));
        for (role, depth) in call.depths.iter().enumerate() {
            columns[CALL_AD + role.min(AD_ROLES)].push(*depth);
        }
        let pl = call.likelihoods.as_deref().unwrap_or_default();
        for (role, value) in pl.iter().enumerate() {
            let kept = if call.ploidy == 2 && (3..PL_ROLES).contains(&role) {
                surprise(role, *value, pl, &call.depths)
            } else {
                *value
            };
            columns[CALL_PL + role.min(PL_ROLES)].push(kept);
        }
    }

    /// The window, with places in its dictionaries instead of numbers.
    pub(crate) fn finish(mut self) -> Window {
        self.place_blocks();
        let mut window = self.window;
        let (sites, places) = self.sites.sorted();
        window.sites = sites;
        let counts = window.calls.iter().map(|calls| *calls as usize);
        differences(&mut window.columns[CALL_SITE], &places, counts);
        let (forms, places) = self.forms.by_class(|_| ());
        window.forms = forms;
        for form in &mut window.columns[CALL_FORM] {
            *form = places[*form as usize];
        }
        let (phase_sets, places) = self.phase_sets.sorted();
        window.phase_sets = phase_sets;
        let phased: Vec<usize> = phased(&window);
        differences(&mut window.columns[CALL_PHASE], &places, phased.into_iter());
        window
    }

    fn place_blocks(&mut self) {
        let blocks = std::mem::replace(&mut self.blocks, Interner::new());
        let (blocks, places) = blocks.by_class(class);
        let mut within = Vec::with_capacity(blocks.len());
        let (mut number, mut rank) = (0, 0);
        for (at, block) in blocks.iter().enumerate() {
            rank += 1;
            if at == 0 || class(block) != class(&blocks[at - 1]) {
                (number, rank) = (number + 1, 0);
            }
            within.push((number, rank));
        }
        for block in &self.run_blocks {
            let Some(block) = block.checked_sub(1) else {
                self.window.columns[RUN_CLASS].push(0);
                continue;
            };
            let (class, rank) = within[places[block as usize] as usize];
            self.window.columns[RUN_CLASS].push(class);
            self.window.columns[RUN_RANK].push(rank);
        }
        self.window.blocks = blocks;
    }
}

/// Phased calls of every sample.
fn phased(window: &Window) -> Vec<usize> {
    let mut forms = window.columns[CALL_FORM].iter();
    let count = |calls: &u32| {
        let forms = forms.by_ref().take(*calls as usize);
        forms
            .filter(|form| window.forms[**form as usize].phased)
            .count()
    };
    window.calls.iter().map(count).collect()
}

/// Puts places instead of numbers, each less the one before; every sample begins anew at 0.
fn differences(column: &mut [u32], places: &[u32], counts: impl Iterator<Item = usize>) {
    let mut column = column.iter_mut();
    for count in counts {
        let mut last = 0u32;
        for value in column.by_ref().take(count) {
            let place = places[*value as usize];
            *value = place.wrapping_sub(last) & THREE_BYTES;
            last = place;
        }
    }
}
