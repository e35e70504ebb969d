//! Files that may be compressed, opened by what they are and not by what they are called.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// What the first bytes of a file say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Text.
    None,
    /// gzip, possibly of several members.
    Gzip,
    /// BGZF: gzip in blocks, with an end-of-file marker (SAM 4.1).
    Bgzf,
}

/// The empty block that ends every BGZF file (SAM 4.1.2).
pub const BGZF_EOF: [u8; 28] = [
    0x1f, 0x8b, 0x08, 0x04, 0, 0, 0, 0, 0, 0xff, 0x06, 0, 0x42, 0x43, 0x02, 0, 0x1b, 0, 0x03, 0, 0,
    0, 0, 0, 0, 0, 0, 0,
];

const BUFFER: usize = 256 << 10;

/// Opens a file to read it. What is no regular file is refused before it is opened: inputs are looked at
/// more than once, and opening a pipe waits for somebody to write.
///
/// # Errors
/// Those of opening it; `InvalidInput` for what is no regular file.
pub fn regular(path: &Path) -> io::Result<File> {
    let kind = std::fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a directory, not a file",
        ));
    }
    if !kind.is_file() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a pipe or a device; give a regular file",
        ));
    }
    File::open(path)
}

/// Tells the compression of a file from its first bytes.
///
/// # Errors
/// Those of [`regular`] and of reading it.
pub fn compression(path: &Path) -> io::Result<Compression> {
    let mut head = Vec::new();
    regular(path)?.take(18).read_to_end(&mut head)?;
    Ok(if !head.starts_with(&[0x1f, 0x8b]) {
        Compression::None
    } else if head.len() >= 18 && head[3] & 4 != 0 && head[12..14] == *b"BC" {
        Compression::Bgzf
    } else {
        Compression::Gzip
    })
}

/// Opens a file to read its text. A gzip file that ends too early gives `UnexpectedEof` at its end, one that
/// is damaged `InvalidData` or `InvalidInput`.
///
/// # Errors
/// Those of [`regular`].
pub fn text(path: &Path) -> io::Result<Box<dyn BufRead + Send>> {
    let file = regular(path)?;
    Ok(match compression(path)? {
        Compression::None => Box::new(BufReader::with_capacity(BUFFER, file)),
        Compression::Gzip | Compression::Bgzf => {
            let decoder =
                flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(BUFFER, file));
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        }
    })
}

/// As [`text`], entered at a byte of the file: of text anywhere, else at the first byte of a gzip member, as
/// which every BGZF block counts. From there `skip` bytes of text are left out; a file with fewer ends there.
///
/// # Errors
/// Those of [`regular`], of seeking, and of reading what is left out.
pub fn text_at(path: &Path, offset: u64, skip: u64) -> io::Result<Box<dyn BufRead + Send>> {
    let kind = compression(path)?;
    let mut file = regular(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let file = BufReader::with_capacity(BUFFER, file);
    let mut text: Box<dyn BufRead + Send> = match kind {
        Compression::None => Box::new(file),
        Compression::Gzip | Compression::Bgzf => {
            let decoder = flate2::bufread::MultiGzDecoder::new(file);
            Box::new(BufReader::with_capacity(BUFFER, decoder))
        }
    };
    io::copy(&mut text.as_mut().take(skip), &mut io::sink())?;
    Ok(text)
}

/// True when a BGZF file ends with its end-of-file marker.
///
/// # Errors
/// Those of [`regular`] and of reading it.
pub fn has_bgzf_eof(path: &Path) -> io::Result<bool> {
    ends_with(path, &BGZF_EOF)
}

/// True when a file ends with these bytes.
pub(crate) fn ends_with(path: &Path, marker: &[u8]) -> io::Result<bool> {
    let mut file = regular(path)?;
    if file.metadata()?.len() < marker.len() as u64 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-(marker.len() as i64)))?;
    let mut tail = vec![0; marker.len()];
    file.read_exact(&mut tail)?;
    Ok(tail == marker)
}
