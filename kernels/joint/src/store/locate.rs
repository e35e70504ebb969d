//! Where a segment or a census lies on a reference, and how a base is named to people.

use kumi_formats::reference::ReferenceSource;
use kumi_seq::contig::{Contig, ContigId};

/// The contig of a reference with a name and an MD5; how one can tell that the reference is another one.
pub(crate) fn contig_of(
    reference: &dyn ReferenceSource,
    name: &str,
    m5: &str,
) -> Result<ContigId, String> {
    let contigs = reference.contigs();
    let id = contigs.id(name);
    let Some((id, contig)) = id.and_then(|id| Some((id, contigs.get(id)?))) else {
        return Err(format!("there is no contig {name}"));
    };
    if Contig::parse_m5(m5) != Some(contig.md5) {
        return Err(format!("the MD5 of {name} is {m5}, not {}", contig.m5()));
    }
    Ok(id)
}

/// `contig:position`, 1-based, of a position that is 0-based.
pub(crate) fn place(reference: &dyn ReferenceSource, contig: ContigId, position: u32) -> String {
    let contig = reference.contigs().get(contig);
    let name = contig.map_or("", |contig| contig.name.as_str());
    format!("{name}:{}", position + 1)
}
