//! The values of FORMAT that genotyping reads.

use kumi_formats::vcf::RecordView;

use crate::evidence::genotypes;
use crate::number::PHRED_MAX;

/// True for a base or one of the IUPAC codes.
pub(crate) fn is_base(base: u8) -> bool {
    b"ACGTNacgtnRYSWKMBDHVryswkmbdhv".contains(&base)
}

/// A number that is not negative; a fraction is rounded.
pub(crate) fn number(text: &[u8], key: &str) -> Result<u32, String> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| {
        text.parse::<u32>().ok().or_else(|| {
            let value = text.parse::<f64>().ok()?;
            (0.0..=f64::from(u32::MAX))
                .contains(&value)
                .then(|| value.round() as u32)
        })
    });
    parsed.ok_or_else(|| format!("{key} `{}` is not a number", String::from_utf8_lossy(text)))
}

/// A list of numbers; empty when it is missing or one of them is.
pub(crate) fn numbers(text: Option<&[u8]>, key: &str) -> Result<Vec<u32>, String> {
    let Some(text) = text else {
        return Ok(Vec::new());
    };
    let items = text.split(|byte| *byte == b',');
    if items.clone().any(|item| item == b".") {
        return Ok(Vec::new());
    }
    items.map(|item| number(item, key)).collect()
}

/// The alleles of GT and its ploidy. No alleles when one of them is `.`; no ploidy for a lone `.`.
pub(crate) fn genotype(
    text: Option<&[u8]>,
    alleles: usize,
) -> Result<(Vec<usize>, Option<u8>), String> {
    let Some(text) = text else {
        return Ok((Vec::new(), None));
    };
    let shown = || String::from_utf8_lossy(text).into_owned();
    let mut called = Vec::with_capacity(2);
    let mut copies = 0;
    for item in text.split(|byte| matches!(byte, b'/' | b'|')) {
        copies += 1;
        if item == b"." {
            continue;
        }
        let allele = std::str::from_utf8(item).ok();
        let allele = allele.and_then(|item| item.parse::<usize>().ok());
        match allele {
            Some(allele) if allele < alleles => called.push(allele),
            Some(allele) => {
                return Err(format!(
                    "GT `{}` names allele {allele}, but REF and ALT are {alleles} alleles",
                    shown()
                ));
            }
            None => return Err(format!("GT `{}` is not a genotype", shown())),
        }
    }
    if copies > 2 {
        return Err(format!(
            "GT `{}` has {copies} copies; joint genotyping knows one or two",
            shown()
        ));
    }
    if called.len() < copies {
        called.clear();
    }
    let lone = text == b".";
    Ok((called, (!lone).then_some(copies as u8)))
}

/// PL, its least value 0; `None` when it is missing, or too short to tell anything.
pub(crate) fn likelihoods(
    view: &RecordView<'_>,
    alleles: usize,
    ploidy: Option<u8>,
) -> Result<Option<Vec<u32>>, String> {
    let mut pl = numbers(view.value(0, b"PL"), "PL")?;
    if pl.is_empty() {
        return Ok(None);
    }
    let fits = match ploidy {
        Some(ploidy) => pl.len() == genotypes(alleles, ploidy),
        None => pl.len() == genotypes(alleles, 2) || pl.len() == alleles,
    };
    if !fits {
        return Err(format!(
            "PL has {} values where {alleles} alleles and ploidy {} need {}",
            pl.len(),
            ploidy.unwrap_or(2),
            genotypes(alleles, ploidy.unwrap_or(2))
        ));
    }
    let least = pl.iter().copied().min().unwrap_or(0);
    for value in &mut pl {
        *value = (*value - least).min(PHRED_MAX);
    }
    Ok(Some(pl))
}

/// PS of a phased genotype.
pub(crate) fn phase_set(view: &RecordView<'_>) -> Option<Vec<u8>> {
    let phased = view.value(0, b"GT")?.contains(&b'|');
    let set = view.value(0, b"PS")?;
    phased.then(|| set.to_vec())
}
