//! From a window's columns back to what is known of its samples, from its first base on as far as one wants.

use std::sync::Arc;

use rayon::prelude::*;

use crate::evidence::{Block, genotypes};
use crate::store::column::{
    AD_ROLES, CALL_AD, CALL_CALIBRATED, CALL_DEPTH, CALL_FORM, CALL_PHASE, CALL_PL, CALL_SITE,
    COLUMNS, PL_ROLES, RUN_CLASS, RUN_LENGTH, RUN_RANK, THREE_BYTES,
};
use crate::store::error::Damage;
use crate::store::sample::{Places, Sample};
use crate::store::window::{Window, class};
use crate::track::Track;

/// Values of every column.
type Counts = [usize; COLUMNS];

/// A window of which the samples are unpacked part by part, in order.
pub(crate) struct Unpacker {
    window: Window,
    blocks: Arc<Vec<Block>>,
    /// Where each class of blocks begins, and where the last one ends.
    classes: Vec<u32>,
    /// In the segment's order; nothing of those that are not kept.
    samples: Vec<Option<Sample>>,
    tracks: Vec<Track>,
}

impl Unpacker {
    /// Begins at the first base of a window.
    pub(crate) fn new(mut window: Window, keep: &[bool]) -> Result<Self, Damage> {
        if window.runs.len() != keep.len() || window.calls.len() != keep.len() {
            return Err("it has another number of samples".into());
        }
        let places = places(&window)?;
        let sample = |(sample, places): (usize, Places)| {
            keep[sample].then(|| Sample::new(&window, sample, places))
        };
        let samples = places.into_iter().enumerate().map(sample).collect();
        let blocks = Arc::new(std::mem::take(&mut window.blocks));
        Ok(Self {
            classes: classes(&blocks),
            blocks,
            samples,
            tracks: vec![Track::default(); keep.len()],
            window,
        })
    }

    /// Goes on until what is known of every base of a part is at hand; parts must come in order.
    pub(crate) fn go(&mut self, start: u32, end: u32) -> Result<(), Damage> {
        let (window, classes) = (&self.window, self.classes.as_slice());
        let go = |(sample, track): (&mut Option<Sample>, &mut Track)| {
            let Some(sample) = sample else {
                return Ok(());
            };
            let before = std::mem::take(track).into_calls();
            let (runs, calls) = sample.part((window, classes), (start, end), before)?;
            *track = Track::new(runs, Arc::clone(&self.blocks), calls);
            Ok(())
        };
        let samples = self.samples.par_iter_mut().zip(&mut self.tracks);
        let done: Vec<Result<(), Damage>> = samples.map(go).collect();
        done.into_iter().collect()
    }

    /// What is known of the samples where it was gone to last.
    pub(crate) fn tracks(&self) -> &[Track] {
        &self.tracks
    }
}

/// What is known of the samples of a window, in the segment's order; nothing of those that are not kept.
pub(crate) fn tracks(window: Window, keep: &[bool]) -> Result<Vec<Track>, Damage> {
    let (start, end) = (window.start, window.end);
    let mut unpacker = Unpacker::new(window, keep)?;
    unpacker.go(start, end)?;
    Ok(unpacker.tracks)
}

/// Where each class of blocks begins, and where the last one ends.
fn classes(blocks: &[Block]) -> Vec<u32> {
    let begins = |at: &usize| *at == 0 || class(&blocks[*at]) != class(&blocks[*at - 1]);
    let mut starts: Vec<u32> = (0..blocks.len())
        .filter(begins)
        .map(|at| at as u32)
        .collect();
    starts.push(blocks.len() as u32);
    starts
}

/// Walks over all samples, and checks that every column ends where they end and refers to what is there.
fn places(window: &Window) -> Result<Vec<Places>, Damage> {
    let columns = &window.columns;
    let mut places = Vec::with_capacity(window.runs.len());
    let mut at: Counts = [0; COLUMNS];
    for (runs, calls) in window.runs.iter().zip(&window.calls) {
        places.push(at.map(|count| count as u32));
        let classes = columns[RUN_CLASS].get(at[RUN_CLASS]..).unwrap_or_default();
        let classes = classes.get(..*runs as usize).ok_or("runs are missing")?;
        at[RUN_LENGTH] += classes.len();
        at[RUN_CLASS] += classes.len();
        at[RUN_RANK] += classes.iter().filter(|class| **class > 0).count();
        let mut site = 0;
        for _ in 0..*calls {
            site = skip(window, &mut at, site)?;
        }
    }
    if at
        .iter()
        .zip(columns)
        .any(|(at, column)| *at != column.len())
    {
        return Err("its columns differ in length".into());
    }
    Ok(places)
}

/// Goes over a call; returns its site.
fn skip(window: &Window, at: &mut Counts, last: u32) -> Result<u32, Damage> {
    let value = |column: usize, at: usize| window.columns[column].get(at).copied();
    let (Some(step), Some(form)) = (
        value(CALL_SITE, at[CALL_SITE]),
        value(CALL_FORM, at[CALL_FORM]),
    ) else {
        return Err("calls are missing".into());
    };
    let number = last.wrapping_add(step) & THREE_BYTES;
    let site = window.sites.get(number as usize);
    let (Some(site), Some(form)) = (site, window.forms.get(form as usize)) else {
        return Err("a call names a site or a form that is not there".into());
    };
    let alleles = site.alleles.len();
    if form.genotype.iter().any(|allele| *allele >= alleles) {
        return Err("a genotype names an allele that is not there".into());
    }
    at[CALL_SITE] += 1;
    at[CALL_FORM] += 1;
    at[CALL_PHASE] += usize::from(form.phased);
    at[CALL_CALIBRATED] += usize::from(form.calibrated);
    at[CALL_DEPTH] += usize::from(form.depth);
    let mut roles = |first: usize, roles: usize, count: usize| {
        for role in 0..roles {
            at[first + role] += usize::from(role < count);
        }
        at[first + roles] += count.saturating_sub(roles);
    };
    if form.depths {
        roles(CALL_AD, AD_ROLES, alleles);
    }
    if form.likelihoods {
        roles(CALL_PL, PL_ROLES, genotypes(alleles, form.ploidy));
    }
    Ok(number)
}
