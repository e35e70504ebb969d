//! Reads back what was written, before it becomes visible.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use kumi_formats::alignments::AlignmentFile;
use kumi_formats::header::Header;
use kumi_formats::{containers, cram};

use crate::fault::{Fault, chain};
use crate::store::StoreError;
use crate::task::Context;
use crate::task::input::Reference;

/// Writes the index of a CRAM beside it, from the file as it lies on the disk: damage is found here.
pub(super) fn index_cram(context: &Context<'_>, cram: &Path, crai: &Path) -> Result<(), Fault> {
    let bytes = cram::index(cram)
        .map_err(|error| context.unsound(cram, format_args!("it cannot be indexed: {error}")))?;
    File::create(crai)
        .and_then(|mut file| file.write_all(&bytes))
        .map_err(|source| StoreError::io("write", crai, source).into())
}

/// A CRAM must end with its marker, carry the header it was given (contigs, read groups, sample), and hold as
/// many records as were written, by the heads of its containers.
pub(super) fn cram(
    context: &Context<'_>,
    path: &Path,
    header: &Header,
    reference: &Reference,
    records: u64,
) -> Result<(), Fault> {
    let io = |source| Fault::from(StoreError::io("read back", path, source));
    if !AlignmentFile::has_eof(path).map_err(io)? {
        return Err(context.unsound(path, "it has no end-of-file marker"));
    }
    let found = containers::count_records(path).map_err(io)?;
    if found != records {
        let what = format_args!("it holds {found} records, {records} were written");
        return Err(context.unsound(path, what));
    }
    let file =
        AlignmentFile::open(path, None).map_err(|error| context.unsound(path, chain(&error)))?;
    let file = file.header();
    if file.read_groups() != header.read_groups() || !file.is_coordinate_sorted() {
        return Err(context.unsound(path, "its header is not what was written"));
    }
    file.check_reference(reference.contigs())
        .map_err(|what| context.unsound(path, what))
}

impl Context<'_> {
    /// What does not read back was lost on its way to the disk: another try may help.
    pub(super) fn unsound(&self, path: &Path, what: impl std::fmt::Display) -> Fault {
        self.transient(format_args!(
            "{} does not read back as what was written: {what}",
            path.display()
        ))
    }
}
