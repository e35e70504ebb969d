//! What a gVCF record says of its sample, checked and normalised.

use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf::RecordView;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::allele::{Part, normalise};
use crate::field;

/// A record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Evidence {
    /// Nothing but reference.
    Block(Block),
    /// Alternative alleles were looked at.
    Call(Call),
}

/// A stretch without variants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) start: u32,
    pub(crate) end: u32,
    pub(crate) ploidy: u8,
    /// The least depth in it, if told.
    pub(crate) depth: Option<u32>,
    /// Phred by which reference is preferred; `None` when the record says nothing of it.
    pub(crate) quality: Option<u32>,
    /// Phred likelihoods of no, one and (diploid) two copies of any alternative allele.
    pub(crate) likelihoods: [u32; 3],
}

/// An allele of a call, in the sample's own record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Local {
    /// A sequence: its differences from the reference, sorted; none for REF.
    Parts(Vec<Part>),
    /// `<NON_REF>` or `<*>`: any allele that is not listed.
    Any,
    /// `*`: deleted by a variant that starts before.
    Spanning,
}

/// A record with alternative alleles.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    /// Where the record stands, 0-based.
    pub(crate) position: u32,
    /// The reference bases that it and its normalised alleles speak of.
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// REF first.
    pub(crate) alleles: Vec<Local>,
    pub(crate) ploidy: u8,
    /// The alleles of GT; empty when it is missing.
    pub(crate) genotype: Vec<usize>,
    /// PS, or nothing when GT is not phased.
    pub(crate) phase_set: Option<Vec<u8>>,
    /// PL of every local genotype, least 0; `None` when the record has neither PL nor GT and GQ.
    pub(crate) likelihoods: Option<Vec<u32>>,
    /// AD of every allele, or empty.
    pub(crate) depths: Vec<u32>,
    pub(crate) depth: Option<u32>,
    /// FILTER and FT hold no failed filter, but for those that speak of too little evidence.
    pub(crate) passes: bool,
    /// The caller's own calibrated quality, where it tells one apart from its likelihoods: Strelka's GQX.
    pub(crate) calibrated: Option<u32>,
}

/// The place of genotype `a/b`, `a <= b`, in a diploid list.
pub(crate) fn diploid(a: usize, b: usize) -> usize {
    b * (b + 1) / 2 + a
}

/// Number of genotypes.
pub(crate) fn genotypes(alleles: usize, ploidy: u8) -> usize {
    if ploidy == 1 {
        alleles
    } else {
        alleles * (alleles + 1) / 2
    }
}

impl Call {
    /// PL of the genotype of these alleles; `b` is not looked at in a haploid call.
    pub(crate) fn likelihood(&self, pl: &[u32], a: usize, b: usize) -> u32 {
        if self.ploidy == 1 {
            pl[a]
        } else {
            pl[diploid(a.min(b), a.max(b))]
        }
    }

    /// Phred by which the likelihoods favour that the sample carries one of the alleles for which
    /// `carried` holds.
    pub(crate) fn quality_of(&self, carried: impl Fn(usize) -> bool) -> u32 {
        let Some(pl) = &self.likelihoods else {
            return 0;
        };
        let (mut with, mut without) = (u32::MAX, u32::MAX);
        for b in 0..self.alleles.len() {
            for a in 0..=b {
                if self.ploidy == 1 && a != b {
                    continue;
                }
                let least = if carried(a) || carried(b) {
                    &mut with
                } else {
                    &mut without
                };
                *least = (*least).min(self.likelihood(pl, a, b));
            }
        }
        if with == u32::MAX {
            0
        } else {
            without.saturating_sub(with)
        }
    }
}

/// Reads a record of a file with one sample. What it says must hold on the reference.
pub(crate) fn parse(
    view: &RecordView<'_>,
    contig: ContigId,
    reference: &dyn ReferenceSource,
) -> Result<Evidence, String> {
    let start = view.start();
    let end = view.end()?;
    let length = reference.contigs().get(contig).map_or(0, |c| c.length);
    if view.position() == 0 || end > length {
        return Err(format!(
            "bases {}-{end} do not lie on the contig, which has {length}",
            view.position()
        ));
    }
    check_reference(view, contig, reference)?;
    let bases = view.reference().to_ascii_uppercase();
    let mut alleles = vec![Local::Parts(Vec::new())];
    for text in view.alternatives() {
        alleles.push(match text {
            b"<NON_REF>" | b"<*>" | b"<X>" => Local::Any,
            b"*" | b"<*:DEL>" => Local::Spanning,
            _ if !text.is_empty() && text.iter().all(|base| field::is_base(*base)) => {
                let text = text.to_ascii_uppercase();
                Local::Parts(normalise(reference, contig, start, &bases, &text))
            }
            _ => {
                return Err(format!(
                    "ALT `{}` is no sequence; leave structural variants out (bcftools view -v snps,indels,mnps,ref)",
                    String::from_utf8_lossy(text)
                ));
            }
        });
    }
    if alleles.iter().filter(|a| **a == Local::Any).count() > 1 {
        return Err("`<NON_REF>` or `<*>` stands in ALT twice".to_owned());
    }
    let (genotype, called_ploidy) = field::genotype(view.value(0, b"GT"), alleles.len())?;
    let pl = field::likelihoods(view, alleles.len(), called_ploidy)?;
    let ploidy = match (&pl, called_ploidy) {
        (_, Some(ploidy)) => ploidy,
        (Some(pl), None) if pl.len() == alleles.len() && pl.len() > 1 => 1,
        _ => 2,
    };
    if alleles.len() == 1 || (alleles.len() == 2 && alleles[1] == Local::Any) {
        return block(view, (start, end), ploidy, &genotype, pl.as_deref()).map(Evidence::Block);
    }
    let depths = field::numbers(view.value(0, b"AD"), "AD")?;
    let usable = depths.len() == alleles.len();
    let touched = alleles.iter().filter_map(|local| match local {
        Local::Parts(parts) => Some(parts),
        Local::Any | Local::Spanning => None,
    });
    let touched = touched.flatten().map(|part| (part.start, part.end()));
    let (first, last) = touched.fold((start, end), |(first, last), (start, end)| {
        (first.min(start), last.max(end))
    });
    let likelihoods = match pl {
        Some(pl) => Some(pl),
        None => assumed(view, &genotype, alleles.len(), ploidy)?,
    };
    Ok(Evidence::Call(Call {
        position: start,
        start: first,
        end: last,
        alleles,
        ploidy,
        phase_set: field::phase_set(view),
        genotype,
        likelihoods,
        depth: depth(view)?,
        depths: if usable { depths } else { Vec::new() },
        calibrated: view
            .value(0, b"GQX")
            .map(|text| field::number(text, "GQX"))
            .transpose()?,
        passes: passes(view.filter()) && view.value(0, b"FT").is_none_or(passes),
    }))
}

/// Filters by which callers say that evidence is weak. How weak it is, likelihoods say better, and the
/// evidence of others may add to it. Any other filter says that it is not to be believed.
const WEAK: [&[u8]; 8] = [
    b"PASS",
    b".",
    b"LowQual",
    b"LowGQ",
    b"LowDepth",
    b"RefCall",
    b"DRAGENSnpHardQUAL",
    b"DRAGENIndelHardQUAL",
];

fn passes(filters: &[u8]) -> bool {
    filters
        .split(|byte| matches!(byte, b';' | b','))
        .all(|filter| WEAK.contains(&filter))
}

fn check_reference(
    view: &RecordView<'_>,
    contig: ContigId,
    reference: &dyn ReferenceSource,
) -> Result<(), String> {
    let interval = Interval {
        contig,
        start: view.start(),
        end: view.start() + view.reference().len() as u32,
    };
    let mut expected = Vec::with_capacity(interval.len() as usize);
    reference.bases(interval, &mut expected);
    let told = view.reference().iter().map(u8::to_ascii_uppercase);
    let same = |(told, expected): (u8, &u8)| {
        told == *expected || (told == b'N' && !matches!(expected, b'A' | b'C' | b'G' | b'T'))
    };
    if told.zip(&expected).all(same) {
        return Ok(());
    }
    Err(format!(
        "REF is `{}` but the reference has `{}` there; was the file made with another reference?",
        String::from_utf8_lossy(view.reference()),
        String::from_utf8_lossy(&expected)
    ))
}

fn depth(view: &RecordView<'_>) -> Result<Option<u32>, String> {
    for key in ["MIN_DP", "DP", "DPI"] {
        if let Some(text) = view.value(0, key.as_bytes()) {
            return field::number(text, key).map(Some);
        }
    }
    Ok(None)
}

/// GQ; Strelka's GQX where it is the lower one or there is no other.
fn quality(view: &RecordView<'_>) -> Result<Option<u32>, String> {
    let mut least = None;
    for key in ["GQ", "GQX", "RGQ"] {
        if let Some(text) = view.value(0, key.as_bytes()) {
            let value = field::number(text, key)?;
            least = Some(least.map_or(value, |least: u32| least.min(value)));
        }
    }
    Ok(least)
}

fn block(
    view: &RecordView<'_>,
    (start, end): (u32, u32),
    ploidy: u8,
    genotype: &[usize],
    pl: Option<&[u32]>,
) -> Result<Block, String> {
    let mut quality = quality(view)?;
    // Reads with one error in a thousand bases: a second copy costs ten times what the first does.
    let mut likelihoods = quality.map_or([0; 3], |q| [0, q, q.saturating_mul(10)]);
    match pl {
        Some(&[reference, het, hom]) => {
            likelihoods = [reference, het, hom];
            quality = quality.or(Some(het.min(hom).saturating_sub(reference)));
        }
        Some(&[reference, hemi]) => {
            likelihoods = [reference, hemi, hemi];
            quality = quality.or(Some(hemi.saturating_sub(reference)));
        }
        _ if genotype.is_empty() => quality = None,
        _ => {}
    }
    Ok(Block {
        start,
        end,
        ploidy,
        depth: depth(view)?,
        quality,
        likelihoods,
    })
}

/// Likelihoods of a record that has GT and GQ only.
fn assumed(
    view: &RecordView<'_>,
    genotype: &[usize],
    alleles: usize,
    ploidy: u8,
) -> Result<Option<Vec<u32>>, String> {
    let (Some(quality), Some(&a)) = (quality(view)?, genotype.first()) else {
        return Ok(None);
    };
    let b = *genotype.last().unwrap_or(&a);
    let mut pl = vec![quality; genotypes(alleles, ploidy)];
    let called = if ploidy == 1 {
        a
    } else {
        diploid(a.min(b), a.max(b))
    };
    pl[called] = 0;
    Ok(Some(pl))
}
