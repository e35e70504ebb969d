//! Whose turn it is: programmes share the cores, and the centres of a programme what it gets.
//!
//! Among siblings the one with the least use for each unit of its share comes first, level by level from the top, as
//! in Slurm's fair tree (<https://slurm.schedmd.com/fair_tree.html>). A task that is taken counts at once for
//! [`TURN_MS`] of each of its cores, and what runs does so beyond what it has used: siblings take turns before anything
//! has ended, as in start-time fair queueing (Goyal, Vin, Cheng 1996).

use std::collections::{BTreeMap, btree_set};

use crate::limits::TURN_MS;
use crate::policy::walk::{Left, Taken, Walk};
use crate::policy::{Picker, Promised};
use crate::state::{Line, Standing, State};

/// Accounts of one priority with cohorts that run.
pub(super) struct Tree<'a> {
    state: &'a State,
    programmes: Vec<Programme<'a>>,
}

struct Programme<'a> {
    level: Level,
    left: Left,
    centres: Vec<Centre<'a>>,
}

struct Centre<'a> {
    level: Level,
    left: Left,
    cohorts: btree_set::Iter<'a, (u64, u64)>,
    walk: Option<Walk<'a>>,
    keeps_free: bool,
    ended: bool,
}

/// What an account has used, by its share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level {
    used_ms: u128,
    share: u32,
}

impl Level {
    pub(crate) fn of(standing: &Standing) -> Self {
        let turn = u128::from(TURN_MS) * u128::from(standing.cores);
        Self {
            used_ms: u128::from(standing.core_milliseconds) + turn,
            share: standing.allowance.share,
        }
    }

    /// Core-milliseconds for each unit of the share, in 1024ths.
    pub(crate) fn height(&self) -> u128 {
        (self.used_ms << 10) / u128::from(self.share)
    }

    fn add(&mut self, taken: Taken) {
        self.used_ms += u128::from(TURN_MS) * u128::from(taken.need.cores);
    }
}

impl<'a> Tree<'a> {
    pub(super) fn new(
        state: &'a State,
        programmes: &'a BTreeMap<String, BTreeMap<String, Line>>,
        promised: &Promised,
    ) -> Self {
        let promised = promised.by_account(state);
        let centre = |programme: &str, (centre, line): (&String, &'a Line)| {
            let standing = state.centre_standing(programme, centre);
            let taken = promised.get(&(programme, centre.as_str()));
            let taken = taken.into_iter().flatten();
            let (level, left) = counted(&standing, taken);
            Centre {
                level,
                left,
                cohorts: line.iter(),
                walk: None,
                keeps_free: false,
                ended: false,
            }
        };
        let programmes = programmes.iter().map(|(name, centres)| {
            let standing = state.programme_standing(name);
            let own = promised.iter().filter(|((other, _), _)| other == name);
            let (level, left) = counted(&standing, own.flat_map(|(_, taken)| taken));
            Programme {
                level,
                left,
                centres: centres.iter().map(|entry| centre(name, entry)).collect(),
            }
        });
        Self {
            state,
            programmes: programmes.collect(),
        }
    }

    /// Takes task after task in the order of the tree. True when the worker keeps itself free for a task of the account
    /// whose turn it is: then it takes nothing of those behind.
    pub(super) fn serve(mut self, picker: &mut Picker<'a>) -> bool {
        while !picker.is_full() {
            let programmes = self.programmes.iter_mut();
            let open = programmes.filter(|programme| programme.is_open());
            let Some(programme) = open.min_by_key(|programme| programme.level.height()) else {
                return false;
            };
            let (level, left) = (&mut programme.level, &mut programme.left);
            let centres = programme.centres.iter_mut();
            let open = centres.filter(|centre| !centre.ended);
            let centre = open.min_by_key(|centre| centre.level.height());
            let centre = centre.expect("an open programme has an open centre");
            match centre.next(self.state, picker, *left) {
                Some(taken) => {
                    level.add(taken);
                    left.less(taken);
                    centre.level.add(taken);
                    centre.left.less(taken);
                }
                None if centre.keeps_free => return true,
                None => centre.ended = true,
            }
        }
        false
    }
}

/// How an account stands with what is promised to it.
fn counted<'a>(standing: &Standing, promised: impl Iterator<Item = &'a Taken>) -> (Level, Left) {
    let (mut level, mut left) = (Level::of(standing), Left::of(standing));
    for taken in promised {
        level.add(*taken);
        left.less(*taken);
    }
    (level, left)
}

impl Programme<'_> {
    fn is_open(&self) -> bool {
        self.centres.iter().any(|centre| !centre.ended)
    }
}

impl<'a> Centre<'a> {
    /// Takes a task of its first cohort that has one that fits.
    fn next(&mut self, state: &'a State, picker: &mut Picker<'a>, above: Left) -> Option<Taken> {
        loop {
            if picker.is_full() {
                return None;
            }
            if self.walk.is_none() {
                let (_, id) = self.cohorts.next()?;
                let cohort = &state.cohorts[id];
                self.walk = picker.may_take(cohort).then(|| Walk::new(cohort));
                continue;
            }
            let walk = self.walk.as_mut().expect("just looked");
            if let Some(taken) = walk.next(picker, self.left.and(above)) {
                return Some(taken);
            }
            self.keeps_free |= walk.keeps_free;
            self.walk = None;
        }
    }
}
