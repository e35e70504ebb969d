//! An output file of a command: written under another name, and named when it and its index are complete.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::exit::{Code, Exit};

const BUFFER_BYTES: usize = 1 << 20;

/// A file that does not have its name yet. Dropped before it is published, it is removed.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    partial: PathBuf,
    published: bool,
}

impl Partial {
    /// Creates the file beside its name, as `.NAME.partial`.
    ///
    /// # Errors
    /// 73 when it cannot be created.
    pub fn create(path: &Path) -> Result<(Self, BufWriter<File>), Exit> {
        let partial = hidden(path);
        let file = File::create(&partial).map_err(|error| {
            Exit::new(Code::CannotCreate, format!("{}: {error}", path.display()))
        })?;
        let this = Self {
            path: path.to_owned(),
            partial,
            published: false,
        };
        Ok((this, BufWriter::with_capacity(BUFFER_BYTES, file)))
    }

    /// Completes the file and gives it its name. An index (its ending and its bytes) gets its own first, so
    /// that a file that has its name has its index.
    ///
    /// # Errors
    /// 74 when the disk fails.
    pub fn publish(
        mut self,
        writer: BufWriter<File>,
        index: Option<(&str, Vec<u8>)>,
    ) -> Result<(), Exit> {
        let failed =
            |error: io::Error| Exit::new(Code::Io, format!("{}: {error}", self.path.display()));
        let file = writer
            .into_inner()
            .map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        if let Some((ending, bytes)) = index {
            beside(&self.path, ending, &bytes).map_err(failed)?;
        }
        fs::rename(&self.partial, &self.path).map_err(failed)?;
        self.published = true;
        Ok(())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Writes `PATH.ENDING` and names it when it is complete.
///
/// # Errors
/// Any error of writing it.
pub fn beside(path: &Path, ending: &str, bytes: &[u8]) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    let path = PathBuf::from(name);
    let partial = hidden(&path);
    let mut file = File::create(&partial)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(partial, path)
}

/// The name of a file while it is written.
#[must_use]
pub fn hidden(path: &Path) -> PathBuf {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    path.with_file_name(format!(".{name}.partial"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::Partial;

    #[test]
    fn a_file_has_its_name_only_with_its_index() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("x.vcf.gz");
        let names = || {
            let mut names: Vec<_> = std::fs::read_dir(dir.path())
                .expect("a directory")
                .map(|entry| {
                    entry
                        .expect("an entry")
                        .file_name()
                        .into_string()
                        .expect("UTF-8")
                })
                .collect();
            names.sort();
            names
        };
        let (dropped, _) = Partial::create(&path).expect("created");
        assert_eq!(names(), [".x.vcf.gz.partial"]);
        drop(dropped);
        assert!(names().is_empty());
        let (partial, mut writer) = Partial::create(&path).expect("created");
        writer.write_all(b"data").expect("written");
        partial
            .publish(writer, Some(("tbi", b"index".to_vec())))
            .expect("published");
        assert_eq!(names(), ["x.vcf.gz", "x.vcf.gz.tbi"]);
        assert_eq!(std::fs::read(&path).expect("read"), b"data");
    }
}
