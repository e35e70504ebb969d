//! Inputs: are they what was submitted, and where do they lie.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kumi_index::{Index, OpenError};
use kumi_proto::v1;
use kumi_seq::contig::{Contig, Contigs};
use kumi_seq::interval::Interval;

use crate::cache::Item;
use crate::fault::{Fault, chain};
use crate::fingerprint;
use crate::indexed::Indexed;
use crate::objects::{Location, ObjectError, Place};
use crate::store;
use crate::task::{Context, heading};

impl Context<'_> {
    /// A failure of the sample's making.
    pub(super) fn bad_input(&self, what: impl std::fmt::Display) -> Fault {
        Fault::bad_input(format!("{}: {what}", heading(self.spec)))
    }

    /// A failure of our making.
    pub(super) fn internal(&self, what: impl std::fmt::Display) -> Fault {
        Fault::internal(format!("{}: {what}", heading(self.spec)))
    }

    /// A failure that another try, perhaps on another machine, may mend.
    pub(super) fn transient(&self, what: impl std::fmt::Display) -> Fault {
        Fault::transient(format!("{}: {what}", heading(self.spec)))
    }

    /// What an object store did not do.
    fn of_store(&self, error: &ObjectError) -> Fault {
        Fault::new(error.class(), format!("{}: {error}", heading(self.spec)))
    }

    /// A kernel's error: an I/O error in its chain decides the class, else it is the input's fault.
    pub(super) fn kernel(&self, error: &(dyn std::error::Error + 'static)) -> Fault {
        Fault::from_error(&heading(self.spec), error, v1::FailureClass::BadInput)
    }

    /// Checks that a file of the submitter is the one that was submitted.
    pub(super) fn submitted(&self, file: &v1::ReadFile) -> Result<PathBuf, Fault> {
        match Place::parse(&file.path).map_err(|error| self.internal(error))? {
            Place::Path(path) => {
                let found = fingerprint::describe(&path).map_err(|error| {
                    self.transient(format_args!(
                        "{} cannot be read on this worker: {error}; is its file system mounted here?",
                        path.display()
                    ))
                })?;
                self.unchanged(file, &found)?;
                Ok(path)
            }
            Place::Object(at) => {
                let found = self.needs.objects().head(&at);
                let head = found.map_err(|error| self.of_store(&error))?;
                self.unchanged(file, &fingerprint::of_object(&at, &head))?;
                self.needs.file(Item::one(at, head), self.control)
            }
        }
    }

    fn unchanged(&self, submitted: &v1::ReadFile, found: &v1::ReadFile) -> Result<(), Fault> {
        if submitted.fingerprint.is_empty() || found.fingerprint == submitted.fingerprint {
            return Ok(());
        }
        let what = if found.size == submitted.size {
            "its time or content is another".to_owned()
        } else {
            format!("it has {} bytes, it had {}", found.size, submitted.size)
        };
        Err(self.bad_input(format_args!(
            "{} was changed after it was submitted ({what}); submit the cohort again",
            submitted.path
        )))
    }

    /// Opens the reference and compares its contigs with those the cohort was planned for.
    pub(super) fn reference(&self, reference: Option<&v1::Reference>) -> Result<Reference, Fault> {
        let reference =
            reference.ok_or_else(|| self.internal("the specification names no reference"))?;
        let path = match Place::parse(&reference.path).map_err(|error| self.internal(error))? {
            Place::Object(at) => self.object(at)?,
            Place::Path(path) if path.is_absolute() => path,
            Place::Path(_) => self.file_below(&reference.path)?,
        };
        let indexed = self.kept.open(&path).map_err(|error| match &error {
            OpenError::Io { .. } => self.transient(format_args!(
                "{}; if it is gone, run `kumi cohort retry`",
                chain(&error)
            )),
            _ => self.bad_input(chain(&error)),
        })?;
        let index = &indexed.0;
        let planned = self
            .spec
            .contigs
            .iter()
            .map(|contig| (contig.name.as_str(), contig.length));
        let found = index
            .contigs()
            .as_slice()
            .iter()
            .map(|contig| (contig.name.as_str(), u64::from(contig.length)));
        let same_bases = |(planned, found): (&v1::Contig, &Contig)| {
            Contig::parse_m5(&planned.md5).is_none_or(|md5| md5 == found.md5)
        };
        let mut pairs = self.spec.contigs.iter().zip(index.contigs().as_slice());
        if !planned.eq(found) || !pairs.all(same_bases) {
            return Err(self.bad_input(format_args!(
                "the reference {} has other contigs than the cohort was submitted with; submit it again",
                path.display()
            )));
        }
        self.meter.reference(&index.digest());
        let name = if reference.name.is_empty() {
            index.name().to_owned()
        } else {
            reference.name.clone()
        };
        Ok(Reference { indexed, name })
    }

    /// The path of a file that an earlier task published, which must still be as it was: the first whose name
    /// has this ending.
    pub(super) fn published(
        &self,
        manifest: &v1::Manifest,
        ending: &str,
    ) -> Result<PathBuf, Fault> {
        let root = match self.root()? {
            Place::Path(root) => root,
            Place::Object(root) => return self.published_object(&root, manifest, ending),
        };
        let mut directory = store::below(&root, &store::laid_out(&manifest.directory))?;
        let first = manifest.files.first().map_or("", |file| &file.name);
        if !directory.join(first).exists() {
            // As earlier versions laid it out, perhaps beside a folder that a later attempt made.
            let earlier = store::below(&root, &manifest.directory)?;
            if earlier.exists() {
                directory = earlier;
            }
        }
        let mut found = None;
        for file in &manifest.files {
            let path = store::below(&directory, &file.name)?;
            let gone = |what: String| {
                self.transient(format_args!(
                    "{} {what}; run `kumi cohort retry` to make it again",
                    path.display()
                ))
            };
            let metadata = std::fs::metadata(&path)
                .map_err(|error| gone(format!("was published and cannot be read now: {error}")))?;
            if metadata.len() != file.size {
                let what = format!("has {} bytes, it had {}", metadata.len(), file.size);
                return Err(gone(what));
            }
            if found.is_none() && file.name.ends_with(ending) {
                found = Some(path);
            }
        }
        found.ok_or_else(|| {
            self.internal(format_args!(
                "no *{ending} is among the files published in {}",
                manifest.directory
            ))
        })
    }

    /// Checks that what an earlier task published is there, as [`Self::published`] does, without having it here.
    pub(super) fn is_there(&self, manifest: &v1::Manifest) -> Result<(), Fault> {
        let Place::Object(root) = self.root()? else {
            return self.published(manifest, "").map(drop);
        };
        let at = root.join(&store::laid_out(&manifest.directory));
        for file in &manifest.files {
            let at = at.join(&file.name);
            match self.needs.objects().head(&at) {
                Ok(head) if head.size == file.size => continue,
                Err(error) if error.class() == v1::FailureClass::BadInput => {
                    return Err(self.of_store(&error));
                }
                _ => {}
            }
            return Err(self.transient(format_args!(
                "{at} was published and is not as it was; run `kumi cohort retry` to make it again"
            )));
        }
        Ok(())
    }

    fn published_object(
        &self,
        root: &Location,
        manifest: &v1::Manifest,
        ending: &str,
    ) -> Result<PathBuf, Fault> {
        store::below(Path::new(""), &manifest.directory)?;
        let mut files = manifest.files.iter();
        let file = files.find(|file| file.name.ends_with(ending));
        let file = file.ok_or_else(|| {
            self.internal(format_args!(
                "no *{ending} is among the files published in {}",
                manifest.directory
            ))
        })?;
        let at = root.join(&store::laid_out(&manifest.directory));
        let item = store::item(&at, file, &manifest.files);
        let fetched = self.needs.file(item, self.control);
        fetched.map_err(|fault| match fault.class {
            v1::FailureClass::Stopped | v1::FailureClass::BadInput => fault,
            _ => self.transient(format_args!(
                "{fault}; if it is gone, run `kumi cohort retry` to make it again"
            )),
        })
    }

    /// As [`Self::published`], with what the file holds, which must be what its manifest says.
    pub(super) fn published_bytes(
        &self,
        manifest: &v1::Manifest,
        ending: &str,
    ) -> Result<(PathBuf, Vec<u8>), Fault> {
        let path = self.published(manifest, ending)?;
        let unsound = |what: &str| {
            let path = path.display();
            self.transient(format_args!(
                "{path} {what}; run `kumi cohort retry` to make it again"
            ))
        };
        let mut files = manifest.files.iter();
        let listed = files.find(|file| file.name.ends_with(ending));
        let bytes = std::fs::read(&path).map_err(|error| unsound(&error.to_string()))?;
        if listed.is_none_or(|file| file.sha256 != store::sha256_bytes(&bytes)) {
            return Err(unsound("is not what was published"));
        }
        Ok((path, bytes))
    }

    /// Regions as intervals of the reference.
    pub(super) fn intervals(
        &self,
        contigs: &Contigs,
        regions: &[v1::Region],
    ) -> Result<Vec<Interval>, Fault> {
        let interval = |region: &v1::Region| {
            let contig = contigs.id(&region.contig)?;
            let length = contigs.get(contig)?.length;
            let start = u32::try_from(region.start).ok()?;
            let end = u32::try_from(region.end).ok()?;
            (start < end && end <= length).then_some(Interval { contig, start, end })
        };
        regions
            .iter()
            .map(|region| {
                interval(region).ok_or_else(|| {
                    self.internal(format_args!(
                        "{}:{}-{} is no region of the reference",
                        region.contig, region.start, region.end
                    ))
                })
            })
            .collect()
    }
}

/// An open reference.
#[derive(Clone, Debug)]
pub(super) struct Reference {
    /// The index as a source of bases.
    pub(super) indexed: Indexed,
    /// As in `##reference`.
    pub(super) name: String,
}

impl Reference {
    /// The index.
    pub(super) fn index(&self) -> &Arc<Index> {
        &self.indexed.0
    }

    /// The contigs.
    pub(super) fn contigs(&self) -> &Contigs {
        self.indexed.0.contigs()
    }
}
