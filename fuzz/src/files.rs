//! Files from bytes, and the reference that they belong to.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use kumi_formats::reference::InMemory;
use kumi_seq::contig::Contig;
use noodles::bgzf;

/// A folder of this process, in memory where the system has one there.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() {
        memory.to_owned()
    } else {
        std::env::temp_dir()
    };
    let folder = parent.join(format!("kumi-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
});

/// Two contigs, those of the files in [`good`].
pub static REFERENCE: LazyLock<Arc<InMemory>> = LazyLock::new(|| {
    let contig = |name: &str, length: usize| {
        let bases: Vec<u8> = (0..length).map(|at| b"ACGT"[at * at % 7 % 4]).collect();
        (Contig::describe(name, &bases), bases)
    };
    Arc::new(InMemory::new(vec![contig("c1", 4000), contig("c2", 900)]).expect("two names"))
});

/// Writes a file of this name, the same at every call.
pub fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = FOLDER.join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

/// Packs bytes rightly, so that what is inside is looked at.
pub fn bgzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = bgzf::io::Writer::new(Vec::new());
    writer.write_all(bytes).expect("written");
    writer.finish().expect("finished")
}
