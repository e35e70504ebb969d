//! The genotypes of a cohort's samples at a site that was decided.

use crate::column::{Cell, Column, Own};
use crate::decide::Genotype;
use crate::kind::Class;
use crate::project::{Projected, project};
use crate::site::Site;
use crate::site_call::{Common, Decided, Heard, SiteCall, call_site};
use crate::track::Track;
use crate::voice::{Voice, gathered};

/// Everybody's genotype at a site.
pub(crate) struct Genotyped<'a> {
    pub(crate) column: &'a Column<'a>,
    /// Of samples that blocks of one class cover.
    groups: Vec<Genotype>,
    /// What the others' records say, and their genotypes.
    own: Vec<Projected>,
    alone: Vec<Genotype>,
}

/// What is known of a sample at a site.
pub(crate) struct Sample<'a> {
    pub(crate) genotype: &'a Genotype,
    pub(crate) depth: Option<u32>,
    pub(crate) evidence: Evidence<'a>,
}

/// Where a sample's likelihoods come from.
pub(crate) enum Evidence<'a> {
    /// A reference block, or no record at all.
    Block(&'a Class),
    /// Its own records of the site.
    Own(&'a Projected),
}

impl Sample<'_> {
    pub(crate) fn ploidy(&self) -> u8 {
        match self.evidence {
            Evidence::Block(class) => class.ploidy,
            Evidence::Own(own) => own.ploidy,
        }
    }

    /// Whether the sample's records of the site contradict each other.
    pub(crate) fn conflict(&self) -> bool {
        matches!(self.evidence, Evidence::Own(own) if own.conflict)
    }
}

impl Genotyped<'_> {
    /// All samples, in order.
    pub(crate) fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        self.column.cells().map(|cell| self.sample(cell))
    }

    /// A sample that has this.
    pub(crate) fn sample(&self, cell: Cell) -> Sample<'_> {
        match cell {
            Cell::Kind(number) => {
                let kind = self.column.kind(number);
                Sample {
                    genotype: &self.groups[self.column.group(kind)],
                    depth: kind.depth,
                    evidence: Evidence::Block(self.column.class(number)),
                }
            }
            Cell::Own(own) => Sample {
                genotype: &self.alone[own],
                depth: self.own[own].depth,
                evidence: Evidence::Own(&self.own[own]),
            },
        }
    }

    /// A sample of each group of those that blocks of a class cover, its depth not told and its class the one that all
    /// share.
    pub(crate) fn groups(&self) -> impl Iterator<Item = Sample<'_>> {
        let groups = self.column.groups.iter().zip(&self.groups);
        groups.map(|((class, _), genotype)| Sample {
            genotype,
            depth: None,
            evidence: Evidence::Block(class),
        })
    }
}

/// Decides a site and genotypes every sample; `None` when it is no site of the cohort.
pub(crate) fn genotype<'a>(
    mut site: Site,
    (column, own): (&'a Column<'a>, Own),
    tracks: &[&Track],
    common: &Common,
) -> Option<(Decided, Genotyped<'a>)> {
    let Own { samples, projected } = own;
    let again = |site: &Site| -> Vec<Projected> {
        let samples = samples.iter();
        samples
            .map(|&sample| project(tracks[sample as usize], site))
            .collect()
    };
    site.spanning = column.spanned;
    // As long as it has no `*` the samples were asked already.
    let mut asked = (!site.spanning).then_some(projected);
    let hear = |site: &Site| {
        let own = asked.take().unwrap_or_else(|| again(site));
        let (voices, voice_of) = gathered(own.iter().map(|sample| (Voice::from(sample), 1)));
        Heard {
            voices,
            aside: (own, voice_of),
        }
    };
    let call = call_site(site, &column.levels, hear, common)?;
    let SiteCall {
        decided,
        prior,
        of_classes,
        of_voices,
        aside: (own, voice_of),
    } = call;
    let groups = column.groups.iter();
    let groups = groups.map(|(class, level)| of_classes[*level].requalified(class, &prior));
    let alone = voice_of.iter().map(|voice| of_voices[*voice as usize]);
    let genotyped = Genotyped {
        column,
        groups: groups.collect(),
        alone: alone.collect(),
        own,
    };
    Some((decided, genotyped))
}
