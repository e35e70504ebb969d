//! One batch of reads, a lane each, against all haplotypes in turn.
//!
//! Columns are haplotype bases, rows read bases; `C` columns are swept down together, so that a row's
//! parameters are loaded once for all of them. Shorter reads are padded in front: their first rows
//! pass the starting values on unchanged.

use crate::pairhmm::lanes::{Lanes, flat};
use crate::pairhmm::model::{self, LETTERS, Real};
use crate::pairhmm::{Haplotype, Read};

/// A cache line: vectors of any width are laid over these.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Memory for vectors of any kind.
#[derive(Debug, Default)]
pub(super) struct Buffers {
    profile: Vec<Line>,
    states: Vec<Line>,
}

/// What a row needs beside the column before.
#[derive(Clone, Copy)]
#[repr(C)]
struct Row<V> {
    emit: [V; LETTERS],
    insert: V,
    delete: V,
}

/// A cell: `M`, `I` and `D`.
#[derive(Clone, Copy)]
#[repr(C)]
struct Cell<V> {
    m: V,
    i: V,
    d: V,
}

/// The reads of one batch.
struct Batch<'a, V> {
    rows: &'a [Row<V>],
    extend: V,
}

/// The sums over the last row so far: of `M` and of `I`.
#[derive(Clone, Copy)]
struct Sums<V> {
    matches: V,
    inserts: V,
}

/// Gives the scaled total of every read and haplotype: `give(lane, haplotype, total)`. The first read is
/// the longest; none is empty, and neither is a haplotype.
#[inline(always)]
pub(super) fn totals<V: Lanes, const C: usize>(
    reads: &[&Read],
    codes: &[u8],
    haplotypes: &[Haplotype],
    buffers: &mut Buffers,
    mut give: impl FnMut(usize, &Haplotype, f64),
) {
    let height = reads[0].bases.len();
    let rows = room::<Row<V>>(&mut buffers.profile, height);
    let mut extend = [V::splat(V::Real::default())];
    fill(reads, rows, flat(&mut extend));
    let batch = Batch {
        rows,
        extend: extend[0],
    };

    // A stack of states, each at the column up to which the haplotypes to come are alike; the last is the one at work.
    let deepest = haplotypes.len() + 1;
    let states = room::<Cell<V>>(&mut buffers.states, (height + 1) * (deepest + 1));
    let zero = Sums {
        matches: V::splat(V::Real::default()),
        inserts: V::splat(V::Real::default()),
    };
    begin(reads, &mut states[..=height]);
    let mut kept = vec![(0, zero)];
    for haplotype in haplotypes {
        let letters = &codes[haplotype.start..haplotype.end];
        let top = kept.len();
        let (column, mut sums) = kept[top - 1];
        let (below, work) = states.split_at_mut(top * (height + 1));
        let work = &mut work[..=height];
        work.copy_from_slice(&below[(top - 1) * (height + 1)..]);
        let shared = haplotype.shared_with_next;
        if shared > column {
            batch.sweep::<C>(&letters[column..shared], work, &mut sums);
            kept.push((shared, sums));
            let (below, next) = states.split_at_mut((top + 1) * (height + 1));
            let work = &mut next[..=height];
            work.copy_from_slice(&below[top * (height + 1)..]);
            batch.sweep::<C>(&letters[shared..], work, &mut sums);
        } else {
            batch.sweep::<C>(&letters[column..], work, &mut sums);
            while kept.last().is_some_and(|&(column, _)| column > shared) {
                kept.pop();
            }
        }
        let mut sums = [sums.matches, sums.inserts];
        let sums = flat(&mut sums);
        for (lane, read) in reads.iter().enumerate() {
            give(
                lane,
                haplotype,
                model::total(read, sums[lane], sums[V::N + lane]),
            );
        }
    }
}

impl<V: Lanes> Batch<'_, V> {
    /// Takes the state over these columns.
    #[inline(always)]
    fn sweep<const C: usize>(&self, letters: &[u8], state: &mut [Cell<V>], sums: &mut Sums<V>) {
        let (blocks, rest) = letters.as_chunks::<C>();
        for block in blocks {
            self.columns(block, state, sums);
        }
        for &letter in rest {
            self.columns(&[letter], state, sums);
        }
    }

    /// Takes the state over `C` columns.
    #[inline(always)]
    fn columns<const C: usize>(
        &self,
        letters: &[u8; C],
        state: &mut [Cell<V>],
        sums: &mut Sums<V>,
    ) {
        let floor = V::splat(V::Real::FLOOR);
        let letters = letters.map(|letter| usize::from(letter).min(LETTERS - 1));
        let (first, state) = state.split_first_mut().expect("a row before the first");
        let mut corner = *first;
        let mut above = [*first; C];
        for (row, cell) in self.rows.iter().zip(state) {
            let mut diagonal = std::mem::replace(&mut corner, *cell);
            let mut west = *cell;
            for c in 0..C {
                let all = diagonal.m.add(diagonal.i).add(diagonal.d);
                let m = row.emit[letters[c]].mul(all);
                let i = above[c]
                    .m
                    .mul(row.insert)
                    .add(above[c].i.mul(self.extend))
                    .max(floor);
                let d = west
                    .m
                    .mul(row.delete)
                    .add(west.d.mul(self.extend))
                    .max(floor);
                diagonal = above[c];
                west = Cell { m, i, d };
                above[c] = west;
            }
            *cell = west;
        }
        let shrink = V::splat(V::Real::SHRINK);
        for cell in above {
            sums.matches = sums.matches.add(cell.m.mul(shrink));
            sums.inserts = sums.inserts.add(cell.i.mul(shrink));
        }
    }
}

/// Lays the reads' parameters into lanes, each read at the end of its lane.
fn fill<V: Lanes>(reads: &[&Read], rows: &mut [Row<V>], extend: &mut [V::Real]) {
    let (zero, one) = (V::splat(V::Real::default()), V::splat(V::Real::near(1.0)));
    rows.fill(Row {
        emit: [one; LETTERS],
        insert: zero,
        delete: zero,
    });
    for (lane, read) in reads.iter().enumerate() {
        extend[lane] = V::Real::near(model::extend(read));
        let pad = rows.len() - read.bases.len();
        for (into, row) in rows[pad..].iter_mut().zip(model::rows::<V::Real>(read)) {
            for (emit, value) in into.emit.iter_mut().zip(row.emit) {
                flat(std::slice::from_mut(emit))[lane] = value;
            }
            flat(std::slice::from_mut(&mut into.insert))[lane] = row.insert;
            flat(std::slice::from_mut(&mut into.delete))[lane] = row.delete;
        }
    }
}

/// The column before the first: the start in the row before a read's first and in all above it.
fn begin<V: Lanes>(reads: &[&Read], state: &mut [Cell<V>]) {
    let floor = V::splat(V::Real::FLOOR);
    let start = V::splat(V::Real::START);
    state.fill(Cell {
        m: start,
        i: floor,
        d: floor,
    });
    let height = state.len() - 1;
    for (lane, read) in reads.iter().enumerate() {
        for cell in &mut state[height - read.bases.len() + 1..] {
            flat(std::slice::from_mut(&mut cell.m))[lane] = V::Real::default();
        }
    }
}

/// Room for `count` values made of vectors.
fn room<T: Plain>(lines: &mut Vec<Line>, count: usize) -> &mut [T] {
    const { assert!(align_of::<T>() <= align_of::<Line>()) };
    let enough = (count * size_of::<T>()).div_ceil(size_of::<Line>());
    if lines.len() < enough {
        lines.resize(enough, Line([0; 64]));
    }
    // SAFETY: the lines hold at least that many values, are aligned for them, are initialised, and
    // `Plain` says that any bits are a value; the borrow passes on.
    unsafe { std::slice::from_raw_parts_mut(lines.as_mut_ptr().cast::<T>(), count) }
}

/// Made of vectors only, without padding.
///
/// # Safety
/// Any bits must be a value.
unsafe trait Plain: Copy {}
// SAFETY: vectors only, laid out in order.
unsafe impl<V: Lanes> Plain for Row<V> {}
// SAFETY: vectors only, laid out in order.
unsafe impl<V: Lanes> Plain for Cell<V> {}
