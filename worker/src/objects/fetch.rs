//! Objects, or parts of them, to this machine.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::{GetOptions, GetRange, ObjectStore};

use crate::objects::error::ObjectError;
use crate::objects::location::Location;
use crate::objects::settings::PART_BYTES;
use crate::objects::{Bucket, Head, Objects, wait};

/// Parts of one object on their way at a time.
const PARTS_AT_A_TIME: usize = 4;
/// How often a part whose body broke off is asked for again; what the store refuses or does not answer is tried again below.
const BODIES_MAX: u32 = 8;

/// Why an object was not fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The store's doing.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// This machine's.
    #[error("cannot write what was fetched")]
    Io(#[from] io::Error),
    /// Whoever asked wants it no more.
    #[error("stopped")]
    Stopped,
}

impl Objects {
    /// Some bytes of an object, which must be the one that `head` describes.
    ///
    /// # Errors
    /// That it is gone, another, or cannot be read.
    pub fn read(
        &self,
        at: &Location,
        head: &Head,
        range: Range<u64>,
    ) -> Result<Bytes, ObjectError> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let (bucket, _) = self.object(at, "read")?;
        wait(self.part(&bucket, at, head, range))
    }

    /// Writes a whole object into an empty file, for which there must be room before anything is asked for: several parts at a time, each as long as it must be, all of the same
    /// version of the object.
    ///
    /// # Errors
    /// As [`Objects::read`], and those of writing; `stopped` is asked between parts.
    pub fn fetch(
        &self,
        at: &Location,
        head: &Head,
        into: &File,
        stopped: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), FetchError> {
        reserve(into, head.size)?;
        let (bucket, _) = self.object(at, "read")?;
        let starts = (0..head.size).step_by(PART_BYTES as usize);
        let parts = starts.map(|start| start..head.size.min(start + PART_BYTES));
        let one = |range: Range<u64>| {
            let bucket = &bucket;
            async move {
                if stopped() {
                    return Err(FetchError::Stopped);
                }
                let start = range.start;
                let bytes = self.part(bucket, at, head, range).await?;
                into.write_all_at(&bytes, start)?;
                Ok(())
            }
        };
        let all = futures::stream::iter(parts).map(one);
        wait(all.buffer_unordered(PARTS_AT_A_TIME).try_collect::<()>())
    }

    /// A part, asked for again when its body breaks off.
    async fn part(
        &self,
        bucket: &Bucket,
        at: &Location,
        head: &Head,
        range: Range<u64>,
    ) -> Result<Bytes, ObjectError> {
        let (_, path) = self.object(at, "read")?;
        let wanted = range.end - range.start;
        let mut pause = Duration::from_millis(50);
        let mut left = BODIES_MAX;
        loop {
            let asked = GetOptions {
                if_match: (!head.etag.is_empty()).then(|| head.etag.clone()),
                range: Some(GetRange::Bounded(range.clone())),
                ..GetOptions::default()
            };
            let answer = bucket.plain.get_opts(&path, asked).await;
            let answer = answer.map_err(|error| self.error(at, "read", &error))?;
            let what = match answer.bytes().await {
                Ok(bytes) if bytes.len() as u64 == wanted => {
                    self.counts().received(wanted);
                    return Ok(bytes);
                }
                Ok(bytes) => ObjectError::Damaged {
                    at: at.clone(),
                    what: format!("{} bytes came where {wanted} were asked for", bytes.len()),
                },
                Err(error) => self.error(at, "read", &error),
            };
            left -= 1;
            if left == 0 {
                return Err(what);
            }
            self.counts().broke_off();
            tracing::debug!(%what, "asked for again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(5));
        }
    }
}

/// Makes a file as long as it will be. A disk that is too full says so now, not when most of an object has come; some file
/// systems cannot tell before.
fn reserve(file: &File, size: u64) -> io::Result<()> {
    if size > 0 {
        use rustix::io::Errno;
        match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, size) {
            Err(Errno::NOSPC) => return Err(Errno::NOSPC.into()),
            Err(Errno::DQUOT) => return Err(Errno::DQUOT.into()),
            _ => {}
        }
    }
    file.set_len(size)
}
