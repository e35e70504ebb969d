//! Stage `release`: the shards of a cohort VCF to one, with its sites alone and a manifest. Where genotypes stay in the
//! store, or lie in chunks of the release already, the shards of the sites.

use std::path::Path;

use kumi_formats::vcf::{Reader, Record};
use kumi_proto::v1;
use kumi_seq::contig::Contigs;

use crate::fault::Fault;
use crate::task::Context;
use crate::task::joint::{SITES, VCF};
use crate::task::provenance;
use crate::task::vcf::{Expected, Staged, without_samples};

/// Columns of a VCF before FORMAT.
const SITE_COLUMNS: usize = 8;
/// Progress when the shards are put together and when the sites are written.
const WRITTEN: f32 = 0.5;
const SITES_BEGUN: f32 = 0.8;

pub(super) fn run(context: &Context<'_>, spec: &v1::ReleaseSpec) -> Result<v1::Manifest, Fault> {
    let reference = context.reference(spec.reference.as_ref())?;
    let contigs = reference.contigs();
    let genotypes = spec.genotypes();
    let sites_alone = genotypes == v1::Genotypes::Store || genotypes.in_chunks();
    let ending = if sites_alone { SITES } else { VCF };
    let chunks = chunks(context, spec)?;
    let shards = spec
        .shards
        .iter()
        .map(|shard| context.published(shard, ending))
        .collect::<Result<Vec<_>, _>>()?;
    let mut samples = spec.samples.clone();
    samples.sort();
    context.control.check()?;
    let mut publication = context.publication()?;
    let whole = Staged::new(&mut publication, &format!("{}{ending}", spec.cohort))?;
    let class = v1::FailureClass::Transient;
    let records = whole.concatenate(context, &shards, contigs, class)?;
    context.control.advance(0.0, WRITTEN, 1, 1);
    let mut expected = Expected {
        contigs,
        samples: if sites_alone { &[] } else { &samples },
        records,
    };
    let mut counts = whole.validate(context, &expected)?.counts();
    counts.insert("samples".to_owned(), samples.len() as u64);
    context.control.advance(0.0, SITES_BEGUN, 1, 1);
    if !sites_alone {
        let sites = Staged::new(&mut publication, &format!("{}{SITES}", spec.cohort))?;
        write_sites(context, whole.path(), &sites, contigs)?;
        expected.samples = &[];
        sites.validate(context, &expected)?;
    }
    let sealed = publication.seal()?;
    let mut listed = [sealed.clone(), chunks.clone()].concat();
    listed.sort_by(|a, b| a.name.cmp(&b.name));
    let told = provenance::release(context, spec, &reference, &listed, &counts)?;
    publication.stage_bytes(provenance::MANIFEST, &told)?;
    context.control.check()?;
    let mut files = publication.publish_sealed(sealed)?;
    files.extend(chunks);
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(v1::Manifest {
        directory: context.spec.directory.clone(),
        files,
        counts,
        ..Default::default()
    })
}

/// The files that shards are in the release, which must be there.
fn chunks(context: &Context<'_>, spec: &v1::ReleaseSpec) -> Result<Vec<v1::File>, Fault> {
    let mut files = Vec::new();
    for shard in spec.shards.iter().filter(|_| spec.genotypes().in_chunks()) {
        if shard.directory != context.spec.directory {
            let directory = &shard.directory;
            return Err(context.internal(format_args!("a chunk lies in {directory}")));
        }
        context.is_there(shard)?;
        files.extend(shard.files.iter().cloned());
    }
    Ok(files)
}

/// The same records without their genotypes.
fn write_sites(
    context: &Context<'_>,
    whole: &Path,
    sites: &Staged,
    contigs: &Contigs,
) -> Result<(), Fault> {
    let mut reader = Reader::open(whole).map_err(|error| context.kernel(&error))?;
    let header = without_samples(&reader.header().to_text());
    let mut writer = sites.create(context, &header, contigs)?;
    while let Some(record) = reader.read().map_err(|error| context.kernel(&error))? {
        let contig = std::str::from_utf8(record.contig()).ok();
        let contig = contig
            .and_then(|name| contigs.id(name))
            .ok_or_else(|| context.internal("a record lies on no contig of the reference"))?;
        let end = record.end().map_err(|what| context.internal(what))?;
        let site = Record {
            contig,
            start: record.start(),
            end,
            line: columns(record.line(), SITE_COLUMNS).to_vec(),
        };
        writer.write(context, &site)?;
    }
    writer.finish(context)?;
    Ok(())
}

/// The first `count` columns of a line.
fn columns(line: &[u8], count: usize) -> &[u8] {
    let mut tabs = line.iter().enumerate().filter(|(_, byte)| **byte == b'\t');
    let end = tabs.nth(count - 1).map_or(line.len(), |(at, _)| at);
    &line[..end]
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_are_cut_at_a_tab() {
        assert_eq!(columns(b"a\tb\tc", 2), b"a\tb");
        assert_eq!(columns(b"a\tb", 2), b"a\tb");
    }
}
