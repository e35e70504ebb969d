//! Read pairs of two haplotypes.
//!
//! Qualities come in four bins as from today's sequencers; a read stays in the best one for most of its bases and
//! leaves it more often the later the cycle and in the second read. A base is wrong as often as its bin says, in the
//! best bin somewhat more often. Slips of polymerases happen in a fragment, so both reads of a pair show them.

use std::io::Write;

use crate::bench_call::tracts::{self, Tract};
use crate::random::Random;

/// Quality and error rate of each bin.
const BINS: [(u8, f64); 4] = [(37, 0.0003), (23, 0.005), (12, 0.065), (2, 0.3)];
/// Chance to leave the best bin at the first cycle, and how much is added until the last.
const LEAVES: (f64, f64) = (0.015, 0.06);
/// How much more often the second read does.
const SECOND: f64 = 1.5;
/// Chance to come back at each cycle.
const RETURNS: f64 = 0.55;
const INSERT: (f64, f64) = (400.0, 40.0);

/// How often polymerases slip in repeats, on a scale: none, as in libraries without amplification, as in amplified
/// ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Stutter {
    /// Never.
    #[default]
    None,
    /// Five times less often than amplified ones.
    PcrFree,
    /// In a homopolymer of 10 bases 2.5 % of the fragments, of 15 10 %.
    Pcr,
}

impl Stutter {
    /// Chance that a fragment gains or loses a unit.
    fn rate(self, tract: &Tract) -> f64 {
        let scale = match self {
            Self::None => return 0.0,
            Self::PcrFree => 0.2,
            Self::Pcr => 1.0,
        };
        // Rises with the number of units beyond a threshold, and falls with the period.
        let beyond = tract.units().saturating_sub(4) as f64;
        let period = tract.period as f64;
        (scale * 0.0007 * beyond.powi(2) / (period * period.sqrt())).min(0.3)
    }
}

/// What a library is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Library {
    /// Bases of a read.
    pub read_length: usize,
    /// Chance that a fragment is sequenced again.
    pub duplicates: f64,
    pub stutter: Stutter,
}

/// A haplotype and its repeats.
pub(super) struct Haplotype {
    pub bases: Vec<u8>,
    pub tracts: Vec<Tract>,
}

impl Haplotype {
    pub(super) fn new(bases: Vec<u8>) -> Self {
        let tracts = tracts::find(&bases);
        Self { bases, tracts }
    }
}

/// Writes so many pairs of two haplotypes; names begin with `name`.
pub(super) fn write(
    haplotypes: &[Haplotype; 2],
    pairs: usize,
    name: &str,
    library: &Library,
    random: &mut Random,
    mates: &mut [impl Write; 2],
) -> std::io::Result<()> {
    let mut written = 0;
    while written < pairs {
        let haplotype = &haplotypes[random.below(2)];
        let length = (INSERT.0 + INSERT.1 * random.normal()) as usize;
        let length = length.max(library.read_length);
        let Some(starts) = haplotype.bases.len().checked_sub(length + 1) else {
            return Ok(());
        };
        let start = random.below(starts + 1);
        let mut fragment = fragment(haplotype, (start, start + length), library.stutter, random);
        if fragment.len() < library.read_length {
            continue;
        }
        if random.chance(0.5) {
            fragment = reverse_complement(&fragment);
        }
        loop {
            pair(
                &fragment,
                &format!("{name}.{written}"),
                library,
                random,
                mates,
            )?;
            written += 1;
            if written == pairs || !random.chance(library.duplicates) {
                break;
            }
        }
    }
    Ok(())
}

/// The bases of a fragment, with slips.
fn fragment(
    haplotype: &Haplotype,
    (start, end): (usize, usize),
    stutter: Stutter,
    random: &mut Random,
) -> Vec<u8> {
    let bases = &haplotype.bases;
    if stutter == Stutter::None {
        return bases[start..end].to_vec();
    }
    let mut fragment = Vec::with_capacity(end - start + 8);
    let mut at = start;
    let first = haplotype
        .tracts
        .partition_point(|tract| tract.start < start);
    for tract in haplotype.tracts[first..]
        .iter()
        .take_while(|t| t.end <= end)
    {
        if tract.start < at || !random.chance(stutter.rate(tract)) {
            continue;
        }
        fragment.extend_from_slice(&bases[at..tract.start]);
        // A unit is lost twice as often as gained.
        if random.chance(2.0 / 3.0) {
            at = tract.start + tract.period;
        } else {
            fragment.extend_from_slice(&bases[tract.start..tract.start + tract.period]);
            at = tract.start;
        }
        fragment.extend_from_slice(&bases[at..tract.end]);
        at = tract.end;
    }
    fragment.extend_from_slice(&bases[at..end]);
    fragment
}

fn reverse_complement(bases: &[u8]) -> Vec<u8> {
    let complement = |&base: &u8| match base {
        b'A' => b'T',
        b'C' => b'G',
        b'G' => b'C',
        b'T' => b'A',
        other => other,
    };
    bases.iter().rev().map(complement).collect()
}

fn pair(
    fragment: &[u8],
    name: &str,
    library: &Library,
    random: &mut Random,
    mates: &mut [impl Write; 2],
) -> std::io::Result<()> {
    let length = library.read_length;
    let far = reverse_complement(&fragment[fragment.len() - length..]);
    for (second, bases) in [fragment[..length].to_vec(), far].into_iter().enumerate() {
        let (bases, qualities) = sequenced(bases, second == 1, random);
        let mate = &mut mates[second];
        writeln!(mate, "@{name}")?;
        mate.write_all(&bases)?;
        mate.write_all(b"\n+\n")?;
        mate.write_all(&qualities)?;
        mate.write_all(b"\n")?;
    }
    Ok(())
}

/// A read as the sequencer gives it: with errors, and qualities as text.
fn sequenced(mut bases: Vec<u8>, second: bool, random: &mut Random) -> (Vec<u8>, Vec<u8>) {
    let mut qualities = Vec::with_capacity(bases.len());
    let (length, more) = (bases.len() as f64, if second { SECOND } else { 1.0 });
    let mut bin = 0;
    for (cycle, base) in bases.iter_mut().enumerate() {
        let late = cycle as f64 / length;
        if bin == 0 && random.chance(more * (LEAVES.0 + LEAVES.1 * late * late)) {
            let which = random.unit();
            bin = if which < 0.72 {
                1
            } else {
                2 + usize::from(which > 0.97)
            };
        } else if bin > 0 && random.chance(RETURNS) {
            bin = 0;
        }
        let (quality, error) = BINS[bin];
        qualities.push(quality + 33);
        if random.chance(error) {
            *base = random.other_base(*base);
        }
    }
    (bases, qualities)
}

#[cfg(test)]
mod tests {
    use super::{Haplotype, Library, Stutter, write};
    use crate::random::Random;

    /// Lines of bases of both files.
    fn reads(library: &Library, bases: &[u8]) -> [Vec<String>; 2] {
        let haplotypes = [0, 1].map(|_| Haplotype::new(bases.to_vec()));
        let mut mates = [Vec::new(), Vec::new()];
        let mut random = Random::new(3, 3);
        write(&haplotypes, 2_000, "r", library, &mut random, &mut mates).expect("in memory");
        mates.map(|text| {
            let text = String::from_utf8(text).expect("ASCII");
            text.lines().skip(1).step_by(4).map(str::to_owned).collect()
        })
    }

    #[test]
    fn reads_have_errors_duplicates_and_slips_at_their_rates() {
        let mut random = Random::new(4, 4);
        let mut bases: Vec<u8> = (0..500).map(|_| b"CGT"[random.below(3)]).collect();
        bases.extend([b'A'; 14]);
        bases.extend((0..500).map(|_| b"CGT"[random.below(3)]));
        let library = Library {
            read_length: 100,
            duplicates: 0.2,
            stutter: Stutter::Pcr,
        };
        let [first, second] = reads(&library, &bases);
        assert_eq!((first.len(), second.len()), (2_000, 2_000));
        // Half of the reads, those of the forward strand, have no A outside the repeat but by error.
        let alone = |read: &String| read.matches('A').count() == 1;
        let wrong = first.iter().filter(|read| alone(read)).count() as f64 / 2_000.0;
        assert!((0.01..0.1).contains(&wrong), "{wrong}");
        // The repeat where a read holds it whole.
        let run = |read: &String| {
            let runs: Vec<usize> = read
                .as_bytes()
                .chunk_by(|a, b| a == b)
                .map(<[u8]>::len)
                .collect();
            let inner = runs.get(1..runs.len().saturating_sub(1))?;
            inner.iter().copied().find(|&length| length > 10)
        };
        let whole: Vec<usize> = first.iter().chain(&second).filter_map(run).collect();
        let slipped = whole.iter().filter(|&&length| length != 14).count();
        let share = slipped as f64 / whole.len() as f64;
        assert!(
            whole.len() > 100 && (0.03..0.15).contains(&share),
            "{share} of {}",
            whole.len()
        );
        let near = first.windows(2).filter(|pair| {
            let same = pair[0]
                .bytes()
                .zip(pair[1].bytes())
                .filter(|(a, b)| a == b)
                .count();
            same > 90
        });
        let near = near.count() as f64 / 2_000.0;
        assert!((0.15..0.25).contains(&near), "{near}");
    }
}
