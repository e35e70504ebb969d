//! All samples at a site, those that reference blocks cover gathered by what the blocks say.
//!
//! Most samples are the reference at most sites, and blocks of many samples say the same. So samples are
//! gone along once for a run of sites: one number says what block covers a sample, and only samples with calls
//! of their own are looked at one by one.

use smallvec::SmallVec;

use crate::kind::{Class, Kind, Kinds, Numbered};
use crate::project::{Projected, Relation, project_at, relation};
use crate::site::{Site, is_spanned_by};
use crate::tally::Tally;
use crate::track::{Place, Track, Walk};

/// Marks a cell of a sample that is looked at by itself.
const OWN: u32 = 1 << 31;
/// Samples of which the cells are put in their place together: those of a site fill a line of the cache.
const LANES: usize = 16;
/// Runs of a sample for which there is room without asking for memory.
const RUNS: usize = 128;

/// What a sample has at a site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    /// A block of a kind, or nothing.
    Kind(usize),
    /// Records of its own: the number of the sample among such.
    Own(usize),
}

/// A run of sites, all samples.
pub(crate) struct Columns<'a> {
    kinds: &'a Kinds,
    samples: usize,
    /// By site, then by sample.
    cells: Vec<u32>,
    tally: Tally,
    /// By site: whether a sample carries an allele that starts before and spans it.
    spanned: Vec<bool>,
}

/// One site, all samples.
pub(crate) struct Column<'a> {
    kinds: &'a Kinds,
    cells: &'a [u32],
    /// By class: the number of its group.
    group_of: Vec<u32>,
    /// The classes that samples are of, in order, and the number of the level of each.
    pub(crate) groups: Vec<(Class, usize)>,
    /// The classes by which genotypes are called, in order, and how many samples are of each.
    pub(crate) levels: Vec<(Class, u32)>,
    pub(crate) spanned: bool,
}

/// The samples with records of their own at a site, and what these say of it as long as it has no `*`.
#[derive(Clone, Default)]
pub(crate) struct Own {
    pub(crate) samples: Vec<u32>,
    pub(crate) projected: Vec<Projected>,
}

impl<'a> Columns<'a> {
    /// Asks every sample about `sites`, which are in order and do not lie before the sample's place; also gives the
    /// places of the last site.
    pub(crate) fn gather(
        sites: &[Site],
        (tracks, places): (&[&Track], &[Place]),
        kinds: &'a Kinds,
        quality: u32,
    ) -> (Self, Vec<Own>, Vec<Place>) {
        let mut own = vec![Own::default(); sites.len()];
        let mut columns = Self {
            kinds,
            samples: tracks.len(),
            cells: vec![0; tracks.len() * sites.len()],
            tally: Tally::new(sites.len(), kinds.classes.len()),
            spanned: vec![false; sites.len()],
        };
        let starts: Vec<u32> = sites.iter().map(|site| site.start).collect();
        let first = starts.first().copied().unwrap_or(0);
        let last = starts.last().copied().unwrap_or(0);
        let mut tile = vec![[0; LANES]; sites.len()];
        let mut reached = Vec::with_capacity(places.len());
        let groups = tracks.chunks(LANES).zip(places.chunks(LANES));
        for (first_lane, (lanes, places)) in (0..).step_by(LANES).zip(groups) {
            let walks = lanes.iter().zip(places);
            let walks = walks.map(|(track, place)| track.walk_from(*place, first));
            let mut walks: SmallVec<[Walk<'_>; LANES]> = walks.collect();
            for (lane, walk) in walks.iter().enumerate() {
                let runs = columns.cover(first_lane + lane, walk, &starts, (&mut tile, lane));
                reached.push(walk.place_after(runs, last));
            }
            columns.place(first_lane, lanes.len(), &tile);
            for (lane, walk) in walks.iter_mut().enumerate() {
                columns.ask(first_lane + lane, walk, (sites, &starts), quality, &mut own);
            }
        }
        columns.tally.finish();
        (columns, own, reached)
    }

    /// Takes down what blocks cover a sample: of each site the kind of its block. How many of the walk's runs end at or
    /// before the last site.
    fn cover(
        &mut self,
        sample: usize,
        walk: &Walk<'_>,
        starts: &[u32],
        (tile, lane): (&mut [[u32; LANES]], usize),
    ) -> usize {
        let (kinds, runs) = (self.kinds.of(sample), walk.runs());
        let last = starts.last().copied().unwrap_or(0);
        let passed = runs.iter().take_while(|run| run.end <= last).count();
        let block = runs.get(passed).map_or(0, |run| run.block);
        // Looked up all at once, so that the memory is waited for once.
        let covering = runs[..passed]
            .iter()
            .map(|run| (kinds[run.block as usize], run.end));
        let covering = covering.chain([(kinds[block as usize], u32::MAX)]);
        let covering: SmallVec<[_; RUNS]> = covering.collect();
        // Runs of one class are counted together, from a site on.
        let (mut counted, mut since, mut at) = (kinds[0].class, 0, 0);
        for (Numbered { kind, class }, end) in covering {
            if starts.get(at).is_none_or(|start| *start >= end) {
                continue;
            }
            if class != counted {
                self.tally.add(counted as usize, since, at);
                (counted, since) = (class, at);
            }
            while starts.get(at).is_some_and(|start| *start < end) {
                tile[at][lane] = kind;
                at += 1;
            }
        }
        self.tally.add(counted as usize, since, starts.len());
        passed
    }

    /// Puts the cells of some samples in their place.
    fn place(&mut self, first: usize, lanes: usize, tile: &[[u32; LANES]]) {
        for (cells, tile) in self.cells.chunks_mut(self.samples).zip(tile) {
            let cells = &mut cells[first..first + lanes];
            match cells.first_chunk_mut() {
                Some(cells) => *cells = *tile,
                None => cells.copy_from_slice(&tile[..lanes]),
            }
        }
    }

    /// Looks at the sites of which a sample's calls speak.
    fn ask(
        &mut self,
        sample: usize,
        walk: &mut Walk<'_>,
        (sites, starts): (&[Site], &[u32]),
        quality: u32,
        own: &mut [Own],
    ) {
        // Sites before are done or nobody speaks of them.
        let mut next = 0;
        let end = starts.last().map_or(0, |last| last + 1);
        for call in walk.ahead().iter().take_while(|call| call.start < end) {
            while starts.get(next).is_some_and(|start| *start < call.start) {
                next += 1;
            }
            while starts.get(next).is_some_and(|start| *start < call.end) {
                walk.go(starts[next]);
                if self.look(walk, (next, starts[next]), quality) {
                    let own = &mut own[next];
                    let cell = &mut self.cells[next * self.samples + sample];
                    let class = self.kinds.all[*cell as usize].decides as usize;
                    self.tally.take(class, next);
                    *cell = OWN | own.samples.len() as u32;
                    own.samples.push(sample as u32);
                    own.projected.push(project_at(walk, &sites[next]));
                }
                next += 1;
            }
        }
    }

    /// Looks at the calls around a site; true when they say more of it than the block does.
    fn look(&mut self, walk: &Walk<'_>, (at, start): (usize, u32), quality: u32) -> bool {
        let mut own = false;
        for call in walk.calls(start) {
            own = own || relation(call, start) != Relation::Passes;
            self.spanned[at] = self.spanned[at] || is_spanned_by(call, start, quality);
        }
        // Without a block a call must be asked that says nothing but REF.
        own || walk.block().is_none()
    }

    /// The samples at the site of this number.
    pub(crate) fn site(&self, at: usize) -> Column<'_> {
        let cells = &self.cells[at * self.samples..(at + 1) * self.samples];
        let kinds = self.kinds;
        let mut group_of = self.tally.of(at).to_vec();
        let mut groups = Vec::new();
        let mut counts = vec![0; kinds.levelled.len()];
        for ((class, level), samples) in
            kinds.classes.iter().zip(&kinds.level_of).zip(&mut group_of)
        {
            if *samples > 0 {
                counts[*level as usize] += *samples;
                groups.push((*class, *level as usize));
                *samples = groups.len() as u32 - 1;
            }
        }
        let mut levels = Vec::new();
        for (class, samples) in kinds.levelled.iter().zip(&mut counts) {
            if *samples > 0 {
                levels.push((*class, *samples));
                *samples = levels.len() as u32 - 1;
            }
        }
        for (_, level) in &mut groups {
            *level = counts[*level] as usize;
        }
        Column {
            kinds,
            cells,
            group_of,
            groups,
            levels,
            spanned: self.spanned[at],
        }
    }
}

impl Column<'_> {
    /// Number of samples.
    pub(crate) fn samples(&self) -> usize {
        self.cells.len()
    }

    /// What every sample has.
    pub(crate) fn cells(&self) -> impl Iterator<Item = Cell> {
        self.cells.iter().map(|&cell| {
            if cell & OWN == 0 {
                Cell::Kind(cell as usize)
            } else {
                Cell::Own((cell & !OWN) as usize)
            }
        })
    }

    /// The group of a kind.
    pub(crate) fn group(&self, kind: &Kind) -> usize {
        self.group_of[kind.decides as usize] as usize
    }

    /// The kind of this number.
    pub(crate) fn kind(&self, number: usize) -> &Kind {
        &self.kinds.all[number]
    }

    /// What blocks of a kind say.
    pub(crate) fn class(&self, kind: usize) -> &Class {
        &self.kinds.exact[kind]
    }
}
