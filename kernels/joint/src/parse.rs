//! Reads what a gVCF record says of its sample; checked and normalised.

use std::sync::Arc;

use kumi_formats::reference::ReferenceSource;
use kumi_formats::vcf::RecordView;
use kumi_seq::contig::ContigId;
use kumi_seq::interval::Interval;

use crate::allele::normalise;
use crate::evidence::{
    Alleles, Block, Call, Evidence, Local, Numbers, Stretch, diploid, genotypes,
};
use crate::field::{self, Cells, Key, Layout};
use crate::number::PHRED_MAX;

/// Reads records of a file with one sample.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    layout: Layout,
    /// The reference bases of a record.
    bases: Vec<u8>,
}

impl Parser {
    /// Reads a record. What it says must hold on the reference.
    pub(crate) fn parse(
        &mut self,
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
        self.check_reference(view, contig, reference)?;
        let cells = self.layout.cells(view);
        let text = view.alternative_text();
        if text == b"." || is_any(text) {
            let alleles = 1 + usize::from(text != b".");
            let (genotype, pl, ploidy) = called(&cells, alleles)?;
            return Ok(Evidence::Block(Stretch {
                start,
                end,
                block: block(&cells, ploidy, &genotype, pl.as_deref())?,
            }));
        }
        let alleles = locals(view, contig, reference)?;
        call(view, &cells, (start, end), alleles).map(|call| Evidence::Call(Box::new(call)))
    }

    fn check_reference(
        &mut self,
        view: &RecordView<'_>,
        contig: ContigId,
        reference: &dyn ReferenceSource,
    ) -> Result<(), String> {
        let start = view.start();
        let told = view.reference();
        let end = start.saturating_add(told.len() as u32);
        self.bases.clear();
        if reference
            .contigs()
            .get(contig)
            .is_some_and(|c| end <= c.length)
        {
            let interval = Interval { contig, start, end };
            reference.bases(interval, &mut self.bases);
        }
        let same = |(told, expected): (&u8, &u8)| {
            let told = told.to_ascii_uppercase();
            told == *expected || (told == b'N' && !matches!(expected, b'A' | b'C' | b'G' | b'T'))
        };
        if told.len() == self.bases.len() && told.iter().zip(&self.bases).all(same) {
            return Ok(());
        }
        Err(format!(
            "REF is `{}` but the reference has `{}` there; was the file made with another reference?",
            String::from_utf8_lossy(told),
            String::from_utf8_lossy(&self.bases)
        ))
    }
}

fn is_any(text: &[u8]) -> bool {
    matches!(text, b"<NON_REF>" | b"<*>" | b"<X>")
}

/// The alleles of a call, REF first.
fn locals(
    view: &RecordView<'_>,
    contig: ContigId,
    reference: &dyn ReferenceSource,
) -> Result<Arc<[Local]>, String> {
    let start = view.start();
    let bases = view.reference().to_ascii_uppercase();
    let mut alleles = vec![Local::Parts(Vec::new())];
    for text in view.alternatives() {
        alleles.push(match text {
            _ if is_any(text) => Local::Any,
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
    Ok(alleles.into())
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
    (start, end): (u32, u32),
    alleles: Arc<[Local]>,
) -> Result<Call, String> {
    let (genotype, pl, ploidy) = called(cells, alleles.len())?;
    let depths = field::numbers(cells.get(Key::Ad), "AD")?;
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
        None => assumed(cells, &genotype, alleles.len(), ploidy)?,
    };
    Ok(Call {
        position: start,
        start: first,
        end: last,
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
    let mut quality = quality(cells)?;
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
        _ if genotype.is_empty() => quality = None,
        _ => {}
    }
    Ok(Block {
        ploidy,
        depth: depth(cells)?,
        quality,
        likelihoods,
    })
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
