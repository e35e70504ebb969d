//! Reads what a gVCF record says of its sample; checked and normalised.

use std::borrow::Cow;

use kumi_formats::vcf::RecordView;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::evidence::{Alleles, Block, Call, Numbers, Records, Stretch, diploid, genotypes};
use crate::field;
use crate::layout::{Cells, Key, Layout};
use crate::lists::{List, Lists};
use crate::near::Near;
use crate::number::PHRED_MAX;

/// Reads records of a file with one sample.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    layout: Layout,
}

impl Parser {
    /// Reads a record, which is put behind `records`. What it says must hold on the reference.
    pub(crate) fn parse(
        &mut self,
        view: &RecordView<'_>,
        contig: ContigId,
        near: &Near<'_>,
        lists: &mut Lists,
        records: &mut Records,
    ) -> Result<(), String> {
        let start = view.start();
        let end = view.end()?;
        let length = near.length(contig);
        if view.position() == 0 || end > length {
            return Err(format!(
                "bases {}-{end} do not lie on the contig, which has {length}",
                view.position()
            ));
        }
        check_reference(view, contig, near)?;
        let text = view.alternative_text();
        if text == b"." || is_any(text) {
            let alleles = 1 + usize::from(text != b".");
            let block = match self.layout.block(view, alleles) {
                Some(block) => block,
                None => {
                    let cells = self.layout.cells(view);
                    let (genotype, pl, ploidy) = called(&cells, alleles)?;
                    block(&cells, ploidy, &genotype, pl.as_deref())?
                }
            };
            records.stretches.push(Stretch { start, end, block });
            return Ok(());
        }
        let list = lists.of(view, contig, near)?;
        let cells = self.layout.cells(view);
        records.calls.push(call(view, &cells, end, list)?);
        Ok(())
    }
}

fn check_reference(view: &RecordView<'_>, contig: ContigId, near: &Near<'_>) -> Result<(), String> {
    let start = view.start();
    let told = view.reference();
    let end = start.saturating_add(told.len() as u32);
    let interval = Interval { contig, start, end };
    let expected = if end <= near.length(contig) {
        near.around(interval)
    } else {
        Cow::default()
    };
    let same = |(told, expected): (&u8, &u8)| {
        let told = told.to_ascii_uppercase();
        told == *expected || (told == b'N' && !matches!(expected, b'A' | b'C' | b'G' | b'T'))
    };
    if told.len() == expected.len() && told.iter().zip(expected.iter()).all(same) {
        return Ok(());
    }
    Err(format!(
        "REF is `{}` but the reference has `{}` there; was the file made with another reference?",
        String::from_utf8_lossy(told),
        String::from_utf8_lossy(&expected)
    ))
}

/// Whether an allele is any that is not listed.
pub(crate) fn is_any(text: &[u8]) -> bool {
    matches!(text, b"<NON_REF>" | b"<*>" | b"<X>")
}

/// The alleles of GT, PL and the ploidy.
type Called = (Alleles, Option<Numbers>, u8);

fn called(cells: &Cells<'_>, alleles: usize) -> Result<Called, String> {
    let (genotype, called_ploidy) = field::genotype(cells.get(Key::Gt), alleles)?;
    let pl = field::likelihoods(cells.get(Key::Pl), alleles, called_ploidy)?;
    let ploidy = match (&pl, called_ploidy) {
        (_, Some(ploidy)) => ploidy,
        (Some(pl), None) if pl.len() == alleles && pl.len() > 1 => 1,
        _ => 2,
    };
    Ok((genotype, pl, ploidy))
}

fn call(
    view: &RecordView<'_>,
    cells: &Cells<'_>,
    end: u32,
    List { alleles, span }: List,
) -> Result<Call, String> {
    let (genotype, pl, ploidy) = called(cells, alleles.len())?;
    let depths = field::numbers(cells.get(Key::Ad), "AD")?;
    let usable = depths.len() == alleles.len();
    let likelihoods = match pl {
        Some(pl) => Some(pl),
        None => assumed(cells, &genotype, alleles.len(), ploidy)?,
    };
    Ok(Call {
        position: view.start(),
        start: span.0,
        end: span.1.max(end),
        alleles,
        ploidy,
        phase_set: field::phase_set(cells),
        genotype,
        likelihoods,
        depth: depth(cells)?,
        depths: if usable { depths } else { Numbers::new() },
        calibrated: cells
            .get(Key::Gqx)
            .map(|text| field::number(text, "GQX").map(|quality| quality.min(PHRED_MAX)))
            .transpose()?,
        passes: passes(view.filter()) && cells.get(Key::Ft).is_none_or(passes),
    })
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

fn depth(cells: &Cells<'_>) -> Result<Option<u32>, String> {
    for (key, name) in [(Key::MinDp, "MIN_DP"), (Key::Dp, "DP"), (Key::Dpi, "DPI")] {
        if let Some(text) = cells.get(key) {
            return field::number(text, name).map(Some);
        }
    }
    Ok(None)
}

/// GQ; Strelka's GQX where it is the lower one or there is no other.
fn quality(cells: &Cells<'_>) -> Result<Option<u32>, String> {
    let mut least = None;
    for (key, name) in [(Key::Gq, "GQ"), (Key::Gqx, "GQX"), (Key::Rgq, "RGQ")] {
        if let Some(text) = cells.get(key) {
            let value = field::number(text, name)?.min(PHRED_MAX);
            least = Some(least.map_or(value, |least: u32| least.min(value)));
        }
    }
    Ok(least)
}

fn block(
    cells: &Cells<'_>,
    ploidy: u8,
    genotype: &[usize],
    pl: Option<&[u32]>,
) -> Result<Block, String> {
    let known = (depth(cells)?, quality(cells)?);
    Ok(block_of(ploidy, known, !genotype.is_empty(), pl))
}

/// The block of a depth and a quality, and of PL if it has any; without, of a genotype if there is one.
pub(crate) fn block_of(
    ploidy: u8,
    (depth, mut quality): (Option<u32>, Option<u32>),
    called: bool,
    pl: Option<&[u32]>,
) -> Block {
    // Reads with one error in a thousand bases: a second copy costs ten times what the first does.
    let mut likelihoods = quality.map_or([0; 3], |q| [0, q, (10 * q).min(PHRED_MAX)]);
    match pl {
        Some(&[reference, het, hom]) => {
            likelihoods = [reference, het, hom];
            quality = quality.or(Some(het.min(hom).saturating_sub(reference)));
        }
        Some(&[reference, hemi]) => {
            likelihoods = [reference, hemi, hemi];
            quality = quality.or(Some(hemi.saturating_sub(reference)));
        }
        _ if !called => quality = None,
        _ => {}
    }
    Block {
        ploidy,
        depth,
        quality,
        likelihoods,
    }
}

/// Likelihoods of a record that has GT and GQ only.
fn assumed(
    cells: &Cells<'_>,
    genotype: &[usize],
    alleles: usize,
    ploidy: u8,
) -> Result<Option<Numbers>, String> {
    let (Some(quality), Some(&a)) = (quality(cells)?, genotype.first()) else {
        return Ok(None);
    };
    let b = *genotype.last().unwrap_or(&a);
    let mut pl = Numbers::from_elem(quality, genotypes(alleles, ploidy));
    let called = if ploidy == 1 {
        a
    } else {
        diploid(a.min(b), a.max(b))
    };
    pl[called] = 0;
    Ok(Some(pl))
}
