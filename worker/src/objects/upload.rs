//! Files of this machine to objects: whole or not at all, and never over something else.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use object_store::{
    Attribute, Attributes, MultipartUpload, ObjectStore, PutMode, PutMultipartOptions, PutOptions,
};
use sha2::{Digest as _, Sha256};

use crate::objects::error::ObjectError;
use crate::objects::location::Location;
use crate::objects::settings::PART_BYTES;
use crate::objects::{Bucket, Head, Objects, SHA256, wait};
use crate::store::hex;

/// Parts that an object may have in S3, less some.
const PARTS_MAX: u64 = 9_000;
/// Parts of one object on their way at a time.
const PARTS_AT_A_TIME: usize = 4;

/// A file that was digested.
#[derive(Clone, Copy, Debug)]
pub struct Sealed<'a> {
    /// Where it lies.
    pub path: &'a Path,
    /// Its size in bytes.
    pub size: u64,
    /// Its SHA-256.
    pub sha256: &'a str,
}

impl Objects {
    /// Makes an object of a file. It is there when it is whole, or not at all. Where the same bytes are already, nothing is
    /// done; what is there of other bytes (damage, or the leavings of something else) is replaced as a whole.
    ///
    /// # Errors
    /// That the store refuses it, or that the file has other bytes than were digested: then nothing was changed.
    pub fn publish(&self, at: &Location, file: &Sealed<'_>) -> Result<(), ObjectError> {
        if file.size > PART_BYTES && self.is_there(at, file)? {
            return Ok(());
        }
        let began = Instant::now();
        let mut pause = Duration::from_millis(500);
        loop {
            let put = self.put(at, file, true);
            if let Err(ObjectError::Denied { .. } | ObjectError::NoSuchBucket { .. }) = put {
                return put;
            }
            if put.is_ok() || self.is_there(at, file)? {
                return Ok(());
            }
            match put {
                Err(ObjectError::Exists(_)) => break,
                // A put that must not replace anything is not tried again below when its answer is lost, which says nothing
                // of what was done. Here it is known: nothing.
                Err(ObjectError::Unreachable { .. })
                    if began.elapsed() < self.settings.retry_for =>
                {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_secs(15));
                }
                other => return other,
            }
        }
        tracing::warn!(object = %at, "other bytes are there than are published; they are replaced");
        self.put(at, file, false)
    }

    /// Whether an object of these bytes is there.
    fn is_there(&self, at: &Location, file: &Sealed<'_>) -> Result<bool, ObjectError> {
        let told =
            |head: Head| head.size == file.size && head.sha256.as_deref() == Some(file.sha256);
        match self.head(at) {
            Ok(head) => Ok(told(head)),
            Err(ObjectError::NoSuchKey(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn put(&self, at: &Location, file: &Sealed<'_>, create: bool) -> Result<(), ObjectError> {
        let (bucket, _) = self.object(at, "write")?;
        let unreadable = |error: std::io::Error| ObjectError::Damaged {
            at: at.clone(),
            what: format!("what was staged for it cannot be read: {error}"),
        };
        let open = File::open(file.path).map_err(unreadable)?;
        if file.size <= PART_BYTES {
            return self.put_small(&bucket, at, file, open, create);
        }
        wait(self.put_parts(&bucket, at, file, open, create))
    }

    fn put_small(
        &self,
        bucket: &Bucket,
        at: &Location,
        file: &Sealed<'_>,
        mut open: File,
        create: bool,
    ) -> Result<(), ObjectError> {
        let (_, path) = self.object(at, "write")?;
        let mut reading = Reading::new(at, file);
        let bytes = reading.part(&mut open, file.size)?;
        reading.finish()?;
        let options = PutOptions {
            mode: if create {
                PutMode::Create
            } else {
                PutMode::Overwrite
            },
            attributes: attributes(file),
            ..PutOptions::default()
        };
        wait(bucket.plain.put_opts(&path, bytes.into(), options))
            .map(drop)
            .map_err(|error| self.error(at, "write", &error))
    }

    async fn put_parts(
        &self,
        bucket: &Bucket,
        at: &Location,
        file: &Sealed<'_>,
        open: File,
        create: bool,
    ) -> Result<(), ObjectError> {
        let (_, path) = self.object(at, "write")?;
        let store = if create {
            &bucket.create
        } else {
            &bucket.plain
        };
        let options = PutMultipartOptions {
            attributes: attributes(file),
            ..PutMultipartOptions::default()
        };
        let failed = |error: object_store::Error| self.error(at, "write", &error);
        let begun = store.put_multipart_opts(&path, options).await;
        let mut upload = begun.map_err(failed)?;
        let sent = self.send_parts(upload.as_mut(), at, file, open).await;
        let done = match sent {
            Ok(()) => upload.complete().await.map(drop).map_err(failed),
            Err(error) => Err(error),
        };
        if done.is_err() {
            // What was sent is seen by nobody; where this fails, too, the bucket's rule for unfinished uploads removes it.
            let _ = upload.abort().await;
        }
        done
    }

    async fn send_parts(
        &self,
        upload: &mut dyn MultipartUpload,
        at: &Location,
        file: &Sealed<'_>,
        mut open: File,
    ) -> Result<(), ObjectError> {
        let failed = |error: object_store::Error| self.error(at, "write", &error);
        let part_bytes = PART_BYTES.max(file.size.div_ceil(PARTS_MAX));
        let mut reading = Reading::new(at, file);
        let mut under_way = FuturesUnordered::new();
        let mut left = file.size;
        while left > 0 {
            let bytes = reading.part(&mut open, left.min(part_bytes))?;
            left -= bytes.len() as u64;
            under_way.push(tokio::spawn(upload.put_part(bytes.into())));
            if under_way.len() >= PARTS_AT_A_TIME {
                let sent = under_way.next().await;
                joined(sent).map_err(failed)?;
            }
        }
        reading.finish()?;
        while let Some(sent) = under_way.next().await {
            joined(Some(sent)).map_err(failed)?;
        }
        Ok(())
    }
}

type Sent = Result<object_store::Result<()>, tokio::task::JoinError>;

fn joined(sent: Option<Sent>) -> object_store::Result<()> {
    sent.map_or(Ok(()), |sent| sent?)
}

/// What the object says of itself.
fn attributes(file: &Sealed<'_>) -> Attributes {
    let sha256 = (Attribute::Metadata(SHA256.into()), file.sha256.to_owned());
    Attributes::from_iter([sha256])
}

/// Reads a file again and holds it against its digest.
struct Reading<'a> {
    at: &'a Location,
    file: &'a Sealed<'a>,
    hash: Sha256,
}

impl<'a> Reading<'a> {
    fn new(at: &'a Location, file: &'a Sealed<'a>) -> Self {
        Self {
            at,
            file,
            hash: Sha256::new(),
        }
    }

    fn part(&mut self, open: &mut File, size: u64) -> Result<Bytes, ObjectError> {
        let mut bytes = Vec::with_capacity(size as usize);
        let read = open.take(size).read_to_end(&mut bytes);
        if let Err(error) = read {
            return Err(self.damaged(&error.to_string()));
        }
        if bytes.len() as u64 != size {
            return Err(self.damaged("it became shorter"));
        }
        self.hash.update(&bytes);
        Ok(bytes.into())
    }

    /// Before anything becomes visible.
    fn finish(self) -> Result<(), ObjectError> {
        let found = hex(&self.hash.clone().finalize());
        if found == self.file.sha256 {
            Ok(())
        } else {
            Err(self.damaged("it does not read back as what was digested"))
        }
    }

    fn damaged(&self, what: &str) -> ObjectError {
        ObjectError::Damaged {
            at: self.at.clone(),
            what: format!("what was staged for it cannot be published: {what}"),
        }
    }
}
