//! The census: what a batch's samples carry and where they were looked at, in whole numbers that add up.
//!
//! It is made of a segment, added to that of the cohort, and a sample's part is taken away again exactly. From it
//! follow the alleles of the cohort and their frequencies without reading older segments.

mod arrow;
mod count;
mod error;

use std::collections::BTreeMap;

pub use arrow::CENSUS_VERSION;
pub use count::census;
pub use error::CensusError;

/// Bands of genotype quality: 0 to 9, 10 to 19, 20 to 29, 30 and more.
pub const QUALITY_BANDS: usize = 4;
/// Bands of allele quality: 0 to 9, 10 to 19 and so on, 100 and more.
pub const ALLELE_QUALITY_BANDS: usize = 11;
/// What one expected copy counts.
pub const EXPECTED_UNIT: u64 = 4_096;

/// An allele: trimmed and moved to the left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CensusAllele {
    /// First base of `reference`, 0-based.
    pub position: u32,
    /// The reference bases; never empty.
    pub reference: String,
    /// What stands there instead; never empty.
    pub alternative: String,
}

/// What samples say of an allele.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AlleleCounts {
    /// Samples that list it.
    pub listed: u32,
    /// Samples in which it is sure enough to enter the cohort.
    pub entering: u32,
    /// Samples whose genotype has it.
    pub carriers: u32,
    /// Samples whose genotype has nothing else.
    pub homozygous: u32,
    /// Copies in genotypes, by band of the genotype's quality: the second least PL.
    pub copies: [u32; QUALITY_BANDS],
    /// Copies expected from the likelihoods, all genotypes being as likely before, in [`EXPECTED_UNIT`]s of a copy;
    /// rounded for each sample.
    pub expected: u64,
    /// Samples by band of the phred by which their likelihoods favour the allele.
    pub qualities: [u32; ALLELE_QUALITY_BANDS],
}

/// How many samples more, or fewer, are covered from a base on than before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Samples.
    pub samples: i64,
    /// Copies of the genome.
    pub copies: i64,
}

/// What a census is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CensusHeader {
    /// The name of the contig.
    pub contig: String,
    /// Bases of the contig.
    pub contig_length: u32,
    /// MD5 of the contig's sequence, as `@SQ` has it.
    pub contig_m5: String,
    /// First base of the region, 0-based.
    pub start: u32,
    /// One past the last base of the region.
    pub end: u32,
    /// Phred by which likelihoods must favour an allele for it to enter.
    pub allele_quality_min: u32,
}

/// A census of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    header: CensusHeader,
    samples: u32,
    alleles: BTreeMap<CensusAllele, AlleleCounts>,
    /// Where the number of covered samples or copies changes; before the region it is 0.
    steps: BTreeMap<u32, Step>,
}

/// An allele of the cohort with what follows from the census.
#[derive(Clone, Debug, PartialEq)]
pub struct CensusSite<'a> {
    /// The allele.
    pub allele: &'a CensusAllele,
    /// What samples say of it.
    pub counts: &'a AlleleCounts,
    /// Samples with evidence, for or against, at its first base.
    pub covered_samples: u64,
    /// Their copies of it: AN.
    pub covered_copies: u64,
}

impl CensusSite<'_> {
    /// The expected frequency, from likelihoods.
    #[must_use]
    pub fn frequency(&self) -> f64 {
        let copies = (self.covered_copies * EXPECTED_UNIT).max(1);
        self.counts.expected as f64 / copies as f64
    }
}

impl Census {
    /// The census of nobody.
    #[must_use]
    pub fn new(header: CensusHeader) -> Self {
        Self {
            header,
            samples: 0,
            alleles: BTreeMap::new(),
            steps: BTreeMap::new(),
        }
    }

    /// What it is of.
    #[must_use]
    pub fn header(&self) -> &CensusHeader {
        &self.header
    }

    /// Number of samples.
    #[must_use]
    pub fn samples(&self) -> u32 {
        self.samples
    }

    /// The alleles that enter the cohort, in order.
    pub fn sites(&self) -> impl Iterator<Item = CensusSite<'_>> {
        let mut steps = self.steps.iter().peekable();
        let mut covered = Step::default();
        let sites = self.alleles.iter().map(move |(allele, counts)| {
            while let Some((_, step)) = steps.next_if(|(at, _)| **at <= allele.position) {
                covered.samples += step.samples;
                covered.copies += step.copies;
            }
            CensusSite {
                allele,
                counts,
                covered_samples: covered.samples.unsigned_abs(),
                covered_copies: covered.copies.unsigned_abs(),
            }
        });
        sites.filter(|site| site.counts.entering > 0)
    }

    /// Adds the census of other samples.
    ///
    /// # Errors
    /// `Other` when it is of another region or made with another limit; `TooMany` when a number overflows.
    pub fn merge(&mut self, other: &Self) -> Result<(), CensusError> {
        self.combine(
            other,
            |a, b| u64::checked_add(a, b).ok_or(CensusError::TooMany),
            1,
        )
    }

    /// Takes away the census of samples that were added.
    ///
    /// # Errors
    /// `Other` as above; `NeverAdded` when more would be taken than is there.
    pub fn subtract(&mut self, other: &Self) -> Result<(), CensusError> {
        self.combine(
            other,
            |a, b| u64::checked_sub(a, b).ok_or(CensusError::NeverAdded),
            -1,
        )
    }

    /// Combines number by number; nothing is changed when it fails.
    fn combine(
        &mut self,
        other: &Self,
        with: impl Fn(u64, u64) -> Result<u64, CensusError>,
        sign: i64,
    ) -> Result<(), CensusError> {
        if self.header != other.header {
            return Err(CensusError::Other);
        }
        let small = |a: u32, b: u32| {
            let sum = with(a.into(), b.into())?;
            u32::try_from(sum).map_err(|_| CensusError::TooMany)
        };
        let samples = small(self.samples, other.samples)?;
        let mut changed = Vec::with_capacity(other.alleles.len());
        for (allele, counts) in &other.alleles {
            let own = self.alleles.get(allele).copied().unwrap_or_default();
            let mut sum = AlleleCounts {
                listed: small(own.listed, counts.listed)?,
                entering: small(own.entering, counts.entering)?,
                carriers: small(own.carriers, counts.carriers)?,
                homozygous: small(own.homozygous, counts.homozygous)?,
                expected: with(own.expected, counts.expected)?,
                ..own
            };
            for (sum, count) in sum.copies.iter_mut().zip(counts.copies) {
                *sum = small(*sum, count)?;
            }
            for (sum, count) in sum.qualities.iter_mut().zip(counts.qualities) {
                *sum = small(*sum, count)?;
            }
            changed.push((allele, sum));
        }
        let mut after = self.steps.clone();
        for (at, step) in &other.steps {
            add_step(&mut after, *at, sign * step.samples, sign * step.copies);
        }
        if !covers(samples, &after) {
            return Err(CensusError::NeverAdded);
        }
        (self.samples, self.steps) = (samples, after);
        for (allele, counts) in changed {
            if counts == AlleleCounts::default() {
                self.alleles.remove(allele);
            } else {
                self.alleles.insert(allele.clone(), counts);
            }
        }
        Ok(())
    }

    /// Adds a step.
    fn step(&mut self, at: u32, samples: i64, copies: i64) {
        add_step(&mut self.steps, at, samples, copies);
    }
}

fn add_step(steps: &mut BTreeMap<u32, Step>, at: u32, samples: i64, copies: i64) {
    let step = steps.entry(at).or_default();
    step.samples += samples;
    step.copies += copies;
    if *step == Step::default() {
        steps.remove(&at);
    }
}

/// Whether steps cover at most so many samples, and one or two copies of each, from every base on.
fn covers(samples: u32, steps: &BTreeMap<u32, Step>) -> bool {
    let (mut covered, mut copies) = (0i64, 0i64);
    steps.values().all(|step| {
        covered = covered.saturating_add(step.samples);
        copies = copies.saturating_add(step.copies);
        (0..=i64::from(samples)).contains(&covered) && (covered..=2 * covered).contains(&copies)
    })
}
