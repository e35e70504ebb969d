//! Why a variant is not to be believed, told by what its reads have in common: no model is trained.
//!
//! Each filter asks how likely true variants look so by chance alone, or names a thing that depth cannot mend.

mod chance;

use crate::site::Site;

/// Which variants are filtered. QUAL below the limit (`LowQual`) always is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Filters {
    /// None.
    Off,
    /// What hardly any true variant shows.
    #[default]
    Standard,
    /// What few true variants show: for fewer wrong calls at the price of some right ones.
    Strict,
}

/// Names and descriptions of all filters but `LowQual`, as the header has them.
pub(crate) const DESCRIBED: [(&str, &str); 6] = [
    (
        STRAND,
        "The alleles come from different strands (Fisher's exact test)",
    ),
    (
        MAPPING,
        "Most reads here may belong elsewhere: their mapping quality is too low to count",
    ),
    (
        POSITION,
        "The other allele stands at the ends of reads only",
    ),
    (
        BALANCE,
        "Too few or too many fragments have the other allele of a heterozygous genotype (binomial test)",
    ),
    (
        COMPLEXITY,
        "A change of length in a homopolymer of ten bases or more, or in another repeat of twenty, of little quality",
    ),
    (DEPTH, "So many reads that some were left out"),
];

const STRAND: &str = "StrandBias";
const MAPPING: &str = "LowMapQ";
const POSITION: &str = "ReadEnd";
const BALANCE: &str = "AlleleBalance";
const COMPLEXITY: &str = "LowComplexity";
const DEPTH: &str = "HighDepth";

/// Strand odds up to here are no bias (GATK's hard filter for SNVs: SOR above 3).
const STRAND_ODDS: f64 = 3.0;
/// Share of an allele from which a heterozygous genotype is balanced, whatever the depth (gnomAD: Karczewski et al. 2020).
const BALANCED: f64 = 0.2;
/// Bases from which a homopolymer is long, and another repeat.
const HOMOPOLYMER_LONG: u32 = 10;
const REPEAT_LONG: u32 = 20;

/// Limits of one preset; a site is filtered beyond them.
struct Limits {
    /// Phred probability that strands fall so by chance (GATK's hard filter for SNVs: FS above 60).
    strand: f64,
    /// Share of reads whose mapping quality is too low to count.
    mapping: f64,
    /// Median distance of a substitution from the nearer end of its reads, bases.
    position: u32,
    /// Phred probability that a heterozygous site gives such shares by chance.
    balance: f64,
    /// QUAL below which changes of length in long repeats are filtered.
    complexity: f64,
    /// Sites of piles that were too deep are filtered.
    depth: bool,
}

const STANDARD: Limits = Limits {
    strand: 60.0,
    mapping: 0.75,
    position: 3,
    balance: 60.0,
    complexity: 0.0,
    depth: false,
};

const STRICT: Limits = Limits {
    strand: 30.0,
    mapping: 0.5,
    position: 8,
    balance: 30.0,
    complexity: 40.0,
    depth: true,
};

/// What is known of a place beside the called site.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    /// All reads, and those of them whose mapping quality is too low to count.
    pub reads: u32,
    pub low_mapq: u32,
    /// Some reads were left out because the pile was too deep.
    pub thinned: bool,
    /// Bases between it and the nearer end of its contig, where reads must end too.
    pub inside: u32,
    /// Bases of the repeat behind the site's first base.
    pub repeat: u32,
    /// They are all the same.
    pub homopolymer: bool,
}

/// The filters that a site fails, in the order of [`DESCRIBED`].
pub(crate) fn failed(filters: Filters, site: &Site, place: Place) -> Vec<&'static str> {
    let limits = match filters {
        Filters::Off => return Vec::new(),
        Filters::Standard => STANDARD,
        Filters::Strict => STRICT,
    };
    let changes_length = site.changes_length();
    let long = if place.homopolymer {
        HOMOPOLYMER_LONG
    } else {
        REPEAT_LONG
    };
    let checks = [
        (STRAND, is_one_sided(site.strands, &limits)),
        (
            MAPPING,
            f64::from(place.low_mapq) > limits.mapping * f64::from(place.reads),
        ),
        (
            POSITION,
            !changes_length
                && site
                    .from_end
                    .is_some_and(|bases| bases < limits.position.min(place.inside)),
        ),
        (BALANCE, imbalance(site) > limits.balance),
        (
            COMPLEXITY,
            changes_length && place.repeat >= long && site.quality < limits.complexity,
        ),
        (DEPTH, limits.depth && place.thinned),
    ];
    checks
        .into_iter()
        .filter(|check| check.1)
        .map(|check| check.0)
        .collect()
}

/// True when strands fall so unevenly that it is neither chance nor, in a deep pile, a small bias.
fn is_one_sided(strands: [u32; 4], limits: &Limits) -> bool {
    chance::fisher(strands) > limits.strand && strand_odds(strands) > STRAND_ODDS
}

/// Symmetric odds ratio of strands (GATK's `StrandOddsRatio`): the first row is the reference's, forward and reverse.
fn strand_odds(strands: [u32; 4]) -> f64 {
    let [a, b, c, d] = strands.map(|count| f64::from(count) + 1.0);
    let odds = a * d / (b * c);
    let evenness = |x: f64, y: f64| x.min(y) / x.max(y);
    (odds + 1.0 / odds).ln() + evenness(a, b).ln() - evenness(c, d).ln()
}

/// Phred probability that the alleles of a heterozygous site would be shared out so unevenly; 0 when both have the share
/// that one copy gives at least.
fn imbalance(site: &Site) -> f64 {
    let few = |a: u32, b: u32| f64::from(a.min(b)) < BALANCED * f64::from(a + b);
    match *site.genotype.as_slice() {
        [a, b] if a != b && few(site.depths[a], site.depths[b]) => {
            chance::binomial(site.depths[a], site.depths[b])
        }
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::{Filters, Place, failed};
    use crate::site::Site;

    /// A heterozygous substitution of 15 and 15 fragments from both strands, in the middle of reads.
    fn good() -> Site {
        Site {
            alleles: vec![b"A".to_vec(), b"C".to_vec()],
            genotype: vec![0, 1],
            depths: vec![15, 15, 0],
            depth: 30,
            strands: [8, 7, 7, 8],
            from_end: Some(40),
            ..Site::default()
        }
    }

    fn shown(site: &Site, place: Place) -> [String; 3] {
        [Filters::Off, Filters::Standard, Filters::Strict]
            .map(|filters| failed(filters, site, place).join(";"))
    }

    #[test]
    fn each_filter_sees_its_fault() {
        let (site, place) = (
            good(),
            Place {
                inside: 500,
                ..Place::default()
            },
        );
        assert_eq!(shown(&site, place), ["", "", ""]);
        let strands = Site {
            strands: [15, 0, 0, 15],
            ..good()
        };
        assert_eq!(shown(&strands, place), ["", "StrandBias", "StrandBias"]);
        let deep = Site {
            strands: [42, 0, 50, 103],
            ..good()
        };
        assert_eq!(shown(&deep, place), ["", "", ""]);
        let end = |from_end| Site {
            from_end: Some(from_end),
            ..good()
        };
        assert_eq!(shown(&end(5), place), ["", "", "ReadEnd"]);
        assert_eq!(shown(&end(1), place), ["", "ReadEnd", "ReadEnd"]);
        let edge = Place { inside: 1, ..place };
        assert_eq!(shown(&end(1), edge), ["", "", ""]);
        let balance = Site {
            depths: vec![55, 5, 0],
            ..good()
        };
        assert_eq!(
            shown(&balance, place),
            ["", "AlleleBalance", "AlleleBalance"]
        );
        let mapping = Place {
            low_mapq: 60,
            reads: 90,
            ..place
        };
        assert_eq!(shown(&site, mapping), ["", "", "LowMapQ"]);
        let deep = Site {
            depths: vec![195, 105, 0],
            ..good()
        };
        assert_eq!(shown(&deep, place), ["", "", ""]);
        let thinned = Place {
            thinned: true,
            ..place
        };
        assert_eq!(shown(&site, thinned), ["", "", "HighDepth"]);
    }

    #[test]
    fn a_long_repeat_matters_to_changes_of_length() {
        let place = |(repeat, unit)| Place {
            repeat,
            homopolymer: unit == 1,
            ..Place::default()
        };
        let deletion = Site {
            alleles: vec![b"AC".to_vec(), b"A".to_vec()],
            ..good()
        };
        assert_eq!(shown(&deletion, place((12, 1))), ["", "", "LowComplexity"]);
        assert_eq!(shown(&deletion, place((12, 2))), ["", "", ""]);
        let sure = Site {
            quality: 100.0,
            ..deletion.clone()
        };
        assert_eq!(shown(&sure, place((12, 1))), ["", "", ""]);
        assert_eq!(shown(&deletion, place((20, 2))), ["", "", "LowComplexity"]);
        assert_eq!(shown(&good(), place((30, 1))), ["", "", ""]);
    }
}
