//! From a window's columns back to what is known of its samples.

use std::sync::Arc;

use rayon::prelude::*;

use crate::evidence::{Block, Call, Numbers, genotypes};
use crate::number::PHRED_MAX;
use crate::store::column::{
    AD_ROLES, CALL_AD, CALL_CALIBRATED, CALL_DEPTH, CALL_FORM, CALL_PHASE, CALL_PL, CALL_SITE,
    COLUMNS, PL_ROLES, RUN_CLASS, RUN_LENGTH, RUN_RANK, THREE_BYTES,
};
use crate::store::error::Damage;
use crate::store::expect;
use crate::store::window::{Window, class, record};
use crate::track::{Run, Track};

/// Where a sample's values begin in every column.
type Places = [usize; COLUMNS];

/// What is known of the samples of a window, in the segment's order; nothing of those that are not kept.
pub(crate) fn tracks(window: &Window, keep: &[bool]) -> Result<Vec<Track>, Damage> {
    if window.runs.len() != keep.len() || window.calls.len() != keep.len() {
        return Err("it has another number of samples".into());
    }
    let places = places(window)?;
    let blocks = Arc::new(window.blocks.clone());
    let classes = classes(&blocks);
    let track = |(sample, places): (usize, Places)| {
        if keep[sample] {
            track(window, sample, places, &blocks, &classes)
        } else {
            Ok(Track::default())
        }
    };
    places.into_par_iter().enumerate().map(track).collect()
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
    let mut at: Places = [0; COLUMNS];
    for (runs, calls) in window.runs.iter().zip(&window.calls) {
        places.push(at);
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
fn skip(window: &Window, at: &mut Places, last: u32) -> Result<u32, Damage> {
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

/// One sample. The places were checked.
fn track(
    window: &Window,
    sample: usize,
    places: Places,
    blocks: &Arc<Vec<Block>>,
    classes: &[u32],
) -> Result<Track, Damage> {
    let mut reader = Reader {
        window,
        places,
        site: 0,
        phase_set: 0,
        bare: Vec::new(),
    };
    let mut calls = Vec::with_capacity(window.calls[sample] as usize);
    for _ in 0..window.calls[sample] {
        calls.push(reader.call()?);
    }
    if calls.windows(2).any(|pair| pair[0].start > pair[1].start) {
        return Err("calls are not in order".into());
    }
    let runs = reader.runs(window.runs[sample], classes)?;
    Ok(Track::new(runs, Arc::clone(blocks), calls))
}

struct Reader<'a> {
    window: &'a Window,
    places: Places,
    /// The site and the phase set of the call before.
    site: u32,
    phase_set: u32,
    /// Where the records of bare calls lie.
    bare: Vec<(u32, u32)>,
}

impl Reader<'_> {
    fn next(&mut self, column: usize) -> u32 {
        let value = self.window.columns[column][self.places[column]];
        self.places[column] += 1;
        value
    }

    /// Runs, which with the bare records tile the window.
    fn runs(&mut self, count: u32, classes: &[u32]) -> Result<Vec<Run>, Damage> {
        let mut bare = std::mem::take(&mut self.bare);
        bare.sort_unstable();
        let mut runs: Vec<Run> = Vec::with_capacity(count as usize + 2 * bare.len());
        let mut push = |end: u32, block: u32| match runs.last_mut() {
            Some(last) if last.block == block => last.end = end,
            _ => runs.push(Run { end, block }),
        };
        let (mut at, mut left) = (self.window.start, count);
        let end = (self.window.end, self.window.end);
        for (from, to) in bare.into_iter().chain([end]) {
            while at < from {
                left = left.checked_sub(1).ok_or("runs do not fill it")?;
                at = at.saturating_add(self.next(RUN_LENGTH)).saturating_add(1);
                if at > from {
                    return Err("a run goes into a bare record".into());
                }
                push(at, self.block(classes)?);
            }
            if at < to {
                at = to;
                push(at, 0);
            }
        }
        if left > 0 || at != self.window.end {
            return Err("runs do not fill it".into());
        }
        Ok(runs)
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

    fn call(&mut self) -> Result<Call, Damage> {
        self.site = self.site.wrapping_add(self.next(CALL_SITE)) & THREE_BYTES;
        let site = &self.window.sites[self.site as usize];
        let form = &self.window.forms[self.next(CALL_FORM) as usize];
        let phase_set = if form.phased {
            self.phase_set = self.phase_set.wrapping_add(self.next(CALL_PHASE)) & THREE_BYTES;
            let set = self.window.phase_sets.get(self.phase_set as usize);
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
            self.bare.push((from, to));
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
