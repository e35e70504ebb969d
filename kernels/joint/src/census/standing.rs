//! What a cohort says of a base, from a window of its census.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::slice::Iter;

use crate::census::window::{Step, Window};
use crate::evidence::Call;
use crate::kind::Class;
use crate::level::Statement;
use crate::project::{Relation, project_records, relation};
use crate::site::{Site, is_spanned_by};
use crate::site_call::{Common, Decided, Heard, call_site};
use crate::voice::{Voice, gathered};

/// How many samples say what of a base that was gone to.
pub(super) struct Standing<'a> {
    window: &'a Window,
    /// Of every statement the class of its block.
    classes: Vec<Option<Class>>,
    steps: Peekable<Iter<'a, Step>>,
    /// Of every statement how many make it.
    counts: Vec<i64>,
    /// The statements that anybody makes.
    made: BTreeSet<u32>,
}

impl<'a> Standing<'a> {
    pub(super) fn new(window: &'a Window) -> Self {
        let statements = window.statements.iter();
        let class = |said: &Statement| said.block.as_ref().map(Class::of);
        Self {
            classes: statements.map(class).collect(),
            steps: window.steps.iter().peekable(),
            counts: vec![0; window.statements.len()],
            made: BTreeSet::new(),
            window,
        }
    }

    /// Goes on to a base.
    pub(super) fn go(&mut self, position: u32) {
        while let Some(step) = self.steps.next_if(|step| step.position <= position) {
            let count = &mut self.counts[step.statement as usize];
            let before = *count;
            *count += step.more;
            if before == 0 {
                self.made.insert(step.statement);
            } else if *count == 0 {
                self.made.remove(&step.statement);
            }
        }
    }

    /// Decides the site of the base.
    pub(super) fn decide(&self, mut site: Site, common: &Common) -> Option<Decided> {
        let (start, quality) = (site.start, common.params.allele_quality_min);
        let mut classes: BTreeMap<u64, (Class, u32)> = BTreeMap::new();
        let mut own: Vec<(&Statement, u32)> = Vec::new();
        for &number in &self.made {
            let samples = self.counts[number as usize] as u32;
            let said = &self.window.statements[number as usize];
            let mut asked = said.block.is_none();
            for call in covering(said, start) {
                asked = asked || relation(call, start) != Relation::Passes;
                site.spanning = site.spanning || is_spanned_by(call, start, quality);
            }
            match self.classes[number as usize] {
                Some(class) if !asked => {
                    let sum = classes.entry(class.key()).or_insert((class, 0));
                    sum.1 += samples;
                }
                _ => own.push((said, samples)),
            }
        }
        let classes: Vec<(Class, u32)> = classes.into_values().collect();
        let hear = |site: &Site| {
            let voices = own.iter().map(|(said, samples)| {
                let calls = covering(said, start);
                let projected = project_records(calls, said.block.as_ref(), site);
                (Voice::from(&projected), *samples)
            });
            Heard {
                voices: gathered(voices).0,
                aside: (),
            }
        };
        call_site(site, &classes, hear, common).map(|call| call.decided)
    }
}

/// The calls of a statement that speak of a base, the one that starts last first.
fn covering(said: &Statement, position: u32) -> impl Iterator<Item = &Call> {
    let calls = said.calls.iter().rev();
    calls.filter(move |call| call.start <= position && position < call.end)
}
