//! The values of FORMAT that genotyping reads.

use crate::evidence::{Alleles, Numbers, genotypes};
use crate::layout::{Cells, Key};
use crate::number::PHRED_MAX;

/// True for a base or one of the IUPAC codes.
pub(crate) fn is_base(base: u8) -> bool {
    b"ACGTNacgtnRYSWKMBDHVryswkmbdhv".contains(&base)
}

/// A number of up to nine digits.
fn digits(text: &[u8]) -> Option<u32> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    let mut value = 0;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u32::from(digit);
    }
    Some(value)
}

/// The greatest number of VCF.
const NUMBER_MAX: u32 = i32::MAX as u32;

/// A number that is not negative and no greater than VCF's; a fraction is rounded.
pub(crate) fn number(text: &[u8], key: &str) -> Result<u32, String> {
    if let Some(value) = digits(text) {
        return Ok(value);
    }
    let parsed = std::str::from_utf8(text).ok().and_then(|text| {
        let value = text.parse::<f64>().ok()?;
        (0.0..=f64::from(NUMBER_MAX))
            .contains(&value)
            .then(|| value.round() as u32)
    });
    parsed.ok_or_else(|| {
        let text = String::from_utf8_lossy(text);
        format!("{key} `{text}` is not a number from 0 to {NUMBER_MAX}")
    })
}

/// A list of numbers; empty when it is missing or one of them is.
pub(crate) fn numbers(text: Option<&[u8]>, key: &str) -> Result<Numbers, String> {
    let mut values = Numbers::new();
    if text.is_some_and(|text| whole_numbers(text, &mut values)) {
        return Ok(values);
    }
    values.clear();
    let mut rest = text;
    while let Some(text) = rest {
        let comma = text.iter().position(|byte| *byte == b',');
        let (item, more) = match comma {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        if item == b"." {
            return Ok(Numbers::new());
        }
        match number(item, key) {
            Ok(value) => values.push(value),
            Err(_) if is_missing(more) => return Ok(Numbers::new()),
            Err(error) => return Err(error),
        }
        rest = more;
    }
    Ok(values)
}

/// Reads numbers of up to nine digits; false when there is anything else.
fn whole_numbers(text: &[u8], values: &mut Numbers) -> bool {
    let (mut value, mut digits) = (0u32, 0);
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 && digits < 9 {
            value = value * 10 + u32::from(digit);
            digits += 1;
        } else if *byte == b',' && digits > 0 {
            values.push(value);
            (value, digits) = (0, 0);
        } else {
            return false;
        }
    }
    values.push(value);
    digits > 0
}

/// True when one of the values is `.`.
fn is_missing(text: Option<&[u8]>) -> bool {
    let mut items = text.into_iter().flat_map(|text| text.split(|b| *b == b','));
    items.any(|item| item == b".")
}

/// The alleles of GT and its ploidy. No alleles when one of them is `.`; no ploidy for a lone `.`.
pub(crate) fn genotype(
    text: Option<&[u8]>,
    alleles: usize,
) -> Result<(Alleles, Option<u8>), String> {
    let mut called = Alleles::new();
    let Some(text) = text else {
        return Ok((called, None));
    };
    if let [a @ b'0'..=b'9', b'/' | b'|', b @ b'0'..=b'9'] = text {
        called.extend([a, b].map(|digit| usize::from(digit - b'0')));
        if called.iter().all(|allele| *allele < alleles) {
            return Ok((called, Some(2)));
        }
        called.clear();
    }
    let shown = || String::from_utf8_lossy(text).into_owned();
    let mut copies = 0;
    for item in text.split(|byte| matches!(byte, b'/' | b'|')) {
        copies += 1;
        if item == b"." {
            continue;
        }
        match digits(item) {
            Some(allele) if (allele as usize) < alleles => called.push(allele as usize),
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
    text: Option<&[u8]>,
    alleles: usize,
    ploidy: Option<u8>,
) -> Result<Option<Numbers>, String> {
    let mut pl = numbers(text, "PL")?;
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
pub(crate) fn phase_set(cells: &Cells<'_>) -> Option<Vec<u8>> {
    let phased = cells.get(Key::Gt)?.contains(&b'|');
    let set = cells.get(Key::Ps)?;
    phased.then(|| set.to_vec())
}
