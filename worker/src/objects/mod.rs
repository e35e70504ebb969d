//! Object storage: what lies in S3, and in what speaks its protocol, as the store, the cache and the commands want it.
//!
//! Calls block; what happens meanwhile happens on threads of this module's own. Credentials come from the environment
//! (`AWS_ACCESS_KEY_ID` and the others that Amazon's tools read) and are neither kept elsewhere nor told.

mod counts;
mod error;
mod fetch;
mod limit;
mod list;
mod location;
mod settings;
mod trust;
mod upload;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use object_store::aws::{AmazonS3, AmazonS3Builder, Checksum};
use object_store::path::Path;
use object_store::{
    Attribute, BackoffConfig, ClientOptions, GetOptions, GetRange, ObjectStore, RetryConfig,
};
use tokio::runtime::Runtime;

pub(crate) use crate::objects::counts::Counts;
pub use crate::objects::error::ObjectError;
pub use crate::objects::fetch::FetchError;
use crate::objects::limit::{Connector, Limits};
pub use crate::objects::location::{Location, LocationError, Place, resolve};
pub use crate::objects::settings::{PART_BYTES, Settings};
pub use crate::objects::upload::Sealed;

/// The metadata in which an object tells the SHA-256 of its bytes: what this program publishes does.
const SHA256: &str = "kumi-sha256";

/// The object stores that a process works with. Buckets are connected to when they are first asked for.
#[derive(Debug)]
pub struct Objects {
    settings: Settings,
    limits: Arc<Limits>,
    counts: Counts,
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes.
    pub size: u64,
    /// Changes with the content.
    pub etag: String,
    /// SHA-256 of the bytes (64 lower-case hexadecimal digits), if the object tells it.
    pub sha256: Option<String>,
}

/// A bucket, connected to.
#[derive(Clone, Debug)]
struct Bucket {
    /// Replaces what there is.
    plain: Arc<AmazonS3>,
    /// Completes an upload in parts only where nothing is.
    create: Arc<AmazonS3>,
}

impl Default for Objects {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl Objects {
    /// Stores reached as the settings and the environment say.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            limits: Arc::new(Limits::new(
                settings.requests_per_second,
                settings.concurrency,
            )),
            settings,
            counts: Counts::default(),
            buckets: Mutex::default(),
        }
    }

    /// What was asked of stores so far.
    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// That it is not there, or cannot be looked at.
    pub fn head(&self, at: &Location) -> Result<Head, ObjectError> {
        let (bucket, path) = self.object(at, "read")?;
        let asked = GetOptions {
            head: true,
            ..GetOptions::default()
        };
        match wait(bucket.plain.get_opts(&path, asked)) {
            Ok(found) => {
                let sha256 = found.attributes.get(&Attribute::Metadata(SHA256.into()));
                Ok(Head {
                    size: found.meta.size,
                    etag: found.meta.e_tag.unwrap_or_default(),
                    sha256: sha256.map(|value| value.as_ref().to_owned()),
                })
            }
            Err(error) => Err(self.explained(at, &bucket, &error)),
        }
    }

    /// Of an answer without a body, which names no code: whether it is the bucket that is not there, and why something is
    /// denied.
    fn explained(
        &self,
        at: &Location,
        bucket: &Bucket,
        error: &object_store::Error,
    ) -> ObjectError {
        let error = self.error(at, "read", error);
        match error {
            ObjectError::NoSuchKey(_) => match self.first_below(at) {
                Err(listing @ ObjectError::NoSuchBucket { .. }) => listing,
                _ => error,
            },
            ObjectError::Denied { .. } => match self.first_byte(at, bucket) {
                Err(body @ (ObjectError::Denied { .. } | ObjectError::NoSuchBucket { .. })) => body,
                _ => error,
            },
            _ => error,
        }
    }

    fn first_byte(&self, at: &Location, bucket: &Bucket) -> Result<(), ObjectError> {
        let (_, path) = self.object(at, "read")?;
        let asked = GetOptions {
            range: Some(GetRange::Bounded(0..1)),
            ..GetOptions::default()
        };
        wait(bucket.plain.get_opts(&path, asked))
            .map(drop)
            .map_err(|error| self.error(at, "read", &error))
    }

    fn error(
        &self,
        at: &Location,
        action: &'static str,
        error: &object_store::Error,
    ) -> ObjectError {
        ObjectError::of(at, action, &self.settings.reached_at(), error)
    }

    /// The bucket of an object, and its key as the crate has it.
    fn object(&self, at: &Location, action: &'static str) -> Result<(Bucket, Path), ObjectError> {
        let path = Path::parse(at.key()).map_err(|error| ObjectError::Other {
            at: at.clone(),
            action,
            why: error.to_string(),
        })?;
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get(at.bucket()) {
            return Ok((bucket.clone(), path));
        }
        let bucket = self.connect(at.bucket())?;
        buckets.insert(at.bucket().to_owned(), bucket.clone());
        Ok((bucket, path))
    }

    fn connect(&self, bucket: &str) -> Result<Bucket, ObjectError> {
        // Whoever came first has the same provider: there is no other in this program.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let store = |create| {
            let connector = Connector {
                limits: Arc::clone(&self.limits),
                counts: self.counts.clone(),
                create,
            };
            self.builder(bucket)?
                .with_http_connector(connector)
                .build()
                .map(Arc::new)
                .map_err(|error| ObjectError::Configuration {
                    bucket: bucket.to_owned(),
                    what: error.to_string(),
                })
        };
        Ok(Bucket {
            plain: store(false)?,
            create: store(true)?,
        })
    }

    fn builder(&self, bucket: &str) -> Result<AmazonS3Builder, ObjectError> {
        let settings = &self.settings;
        let allow_http = settings.allows_http(bucket)?;
        let mut client = ClientOptions::new()
            .with_allow_http(allow_http)
            .with_connect_timeout(settings.connect_timeout)
            .with_read_timeout(settings.read_timeout)
            .with_timeout(settings.request_timeout);
        if let Some(ca) = settings.ca() {
            client = trust::trusting(client, &ca).map_err(|what| ObjectError::Configuration {
                bucket: bucket.to_owned(),
                what,
            })?;
        }
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: usize::MAX,
            retry_timeout: settings.retry_for,
        };
        let mut builder = AmazonS3Builder::from_env()
            .with_client_options(client)
            .with_allow_http(allow_http)
            .with_bucket_name(bucket)
            .with_checksum_algorithm(Checksum::SHA256)
            .with_retry(retry);
        if let Some(endpoint) = settings.endpoint() {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(region) = &settings.region {
            builder = builder.with_region(region);
        }
        Ok(builder)
    }
}

/// Waits for what happens on this module's threads: on a thread of its own where somebody else's runtime forbids to wait.
fn wait<T: Send>(future: impl Future<Output = T> + Send) -> T {
    if tokio::runtime::Handle::try_current().is_err() {
        return runtime().block_on(future);
    }
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| runtime().block_on(future));
        waiting
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Lives as long as the process: tasks of several workers may wait on it.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("kumi-objects")
            .enable_all()
            .build()
            .expect("the system gives two threads")
    })
}
