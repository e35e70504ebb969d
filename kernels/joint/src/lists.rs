//! The alleles of calls, each list read and normalised once: samples share most of theirs.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use kumi_formats::vcf::RecordView;
use kumi_seq::contig::ContigId;

use crate::allele::normalise;
use crate::evidence::Local;
use crate::field::is_base;
use crate::near::Near;
use crate::parse::is_any;
use crate::store::intern::Multiply;

/// The alleles of a call.
#[derive(Clone, Debug)]
pub(crate) struct List {
    /// REF first.
    pub(crate) alleles: Arc<[Local]>,
    /// The first base that they speak of and one past the last, with those of REF.
    pub(crate) span: (u32, u32),
}

/// Lists by where they stand and how they are written.
#[derive(Default)]
pub(crate) struct Lists {
    known: HashMap<Vec<u8>, List, BuildHasherDefault<Multiply>>,
    key: Vec<u8>,
}

impl Lists {
    /// The alleles of a record.
    pub(crate) fn of(
        &mut self,
        view: &RecordView<'_>,
        contig: ContigId,
        near: &Near<'_>,
    ) -> Result<List, String> {
        self.key.clear();
        let place = (contig.index() as u64) << 32 | u64::from(view.start());
        self.key.extend_from_slice(&place.to_le_bytes());
        self.key.extend_from_slice(view.reference());
        self.key.push(b'\t');
        self.key.extend_from_slice(view.alternative_text());
        if let Some(list) = self.known.get(&self.key) {
            return Ok(list.clone());
        }
        let list = read(view, contig, near)?;
        self.known.insert(self.key.clone(), list.clone());
        Ok(list)
    }
}

fn read(view: &RecordView<'_>, contig: ContigId, near: &Near<'_>) -> Result<List, String> {
    let start = view.start();
    let bases = view.reference().to_ascii_uppercase();
    let mut alleles = vec![Local::Parts(Vec::new())];
    for text in view.alternatives() {
        alleles.push(match text {
            _ if is_any(text) => Local::Any,
            b"*" | b"<*:DEL>" => Local::Spanning,
            _ if !text.is_empty() && text.iter().all(|base| is_base(*base)) => {
                let text = text.to_ascii_uppercase();
                Local::Parts(normalise(near, contig, start, &bases, &text))
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
    let mut span = (start, start + bases.len() as u32);
    for local in &alleles {
        if let Local::Parts(parts) = local {
            for part in parts {
                span = (span.0.min(part.start), span.1.max(part.end()));
            }
        }
    }
    Ok(List {
        alleles: alleles.into(),
        span,
    })
}
