//! How object stores are reached.

use std::path::PathBuf;
use std::time::Duration;

use crate::objects::error::ObjectError;

/// The settings; what is not given here is taken from the environment, as Amazon's tools do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `https://host:port` of a store that is not Amazon's; `AWS_ENDPOINT_URL` otherwise.
    pub endpoint: Option<String>,
    /// Region; `AWS_REGION` otherwise.
    pub region: Option<String>,
    /// A file of CAs (PEM) that certificates of stores may be of besides those that the system trusts; `AWS_CA_BUNDLE`
    /// otherwise.
    pub ca: Option<PathBuf>,
    /// Requests that begin in a second, of all tasks together.
    pub requests_per_second: u32,
    /// Requests that wait for an answer at a time, of all tasks together.
    pub concurrency: u32,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a store may be silent in an answer.
    pub read_timeout: Duration,
    /// How long a request may take, body and all; none is of more than [`PART_BYTES`] unless an object needs larger parts.
    pub request_timeout: Duration,
    /// How long a request is tried again, with growing pauses, when the store is busy or gone.
    pub retry_for: Duration,
}

/// Bytes that one request carries of an object that is larger.
pub const PART_BYTES: u64 = 16 << 20;

impl Default for Settings {
    fn default() -> Self {
        Self {
            endpoint: None,
            region: None,
            ca: None,
            requests_per_second: 200,
            concurrency: 32,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(300),
            retry_for: Duration::from_secs(180),
        }
    }
}

impl Settings {
    /// For a person who waits: a store that does not answer is told of within seconds, and no other process of the
    /// cluster asks as much.
    #[must_use]
    pub fn interactive() -> Self {
        Self {
            requests_per_second: 1_000,
            concurrency: 64,
            retry_for: Duration::from_secs(10),
            ..Self::default()
        }
    }

    /// To find out whether anybody is there at all.
    #[must_use]
    pub fn probing() -> Self {
        Self {
            read_timeout: Duration::from_secs(8),
            request_timeout: Duration::from_secs(8),
            retry_for: Duration::from_secs(2),
            ..Self::interactive()
        }
    }

    pub(super) fn ca(&self) -> Option<PathBuf> {
        let given = || std::env::var_os("AWS_CA_BUNDLE").filter(|value| !value.is_empty());
        self.ca.clone().or_else(|| given().map(PathBuf::from))
    }

    pub(super) fn endpoint(&self) -> Option<String> {
        let given = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let endpoint = self.endpoint.clone();
        endpoint
            .or_else(|| given("AWS_ENDPOINT_URL_S3"))
            .or_else(|| given("AWS_ENDPOINT_URL"))
            .or_else(|| given("AWS_ENDPOINT"))
    }

    /// Where the stores are, for people: without what may be secret of a URL.
    pub(super) fn reached_at(&self) -> String {
        self.endpoint()
            .map_or_else(|| "Amazon S3".to_owned(), |endpoint| shown(&endpoint))
    }

    /// Without TLS everybody on the way reads the genomes: it is asked for in words.
    pub(super) fn allows_http(&self, bucket: &str) -> Result<bool, ObjectError> {
        let is_http = self
            .endpoint()
            .is_some_and(|endpoint| endpoint.starts_with("http://"));
        let allowed = std::env::var("AWS_ALLOW_HTTP")
            .is_ok_and(|value| value.eq_ignore_ascii_case("true") || value == "1");
        if is_http && !allowed {
            return Err(ObjectError::Configuration {
                bucket: bucket.to_owned(),
                what: format!(
                    "{} is without TLS; set AWS_ALLOW_HTTP=true if that is meant",
                    self.reached_at()
                ),
            });
        }
        Ok(allowed)
    }
}

/// A URL without name, password and query.
fn shown(endpoint: &str) -> String {
    let (scheme, rest) = endpoint.split_once("://").unwrap_or(("https", endpoint));
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit('@').next().unwrap_or_default();
    match path {
        "" => format!("{scheme}://{host}"),
        path => format!("{scheme}://{host}/{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_may_be_secret_of_an_endpoint_is_not_shown() {
        for (endpoint, told) in [
            ("https://s3.example.org", "https://s3.example.org"),
            ("http://me:secret@host:9000/?token=x", "http://host:9000"),
            ("https://host/path?x=y", "https://host/path"),
        ] {
            assert_eq!(shown(endpoint), told);
        }
    }
}
