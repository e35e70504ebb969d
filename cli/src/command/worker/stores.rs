//! `[store.s3]` of a worker's configuration: how object stores are reached. Credentials are not here: they come from
//! the environment, as Amazon's tools have them.

use std::path::PathBuf;
use std::time::Duration;

use kumi_worker::objects::Settings;
use serde::{Deserialize, Serialize};

use crate::args::units::parse_duration;
use crate::exit::{Code, Exit};

/// `[store]`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreSection {
    #[serde(default)]
    pub(super) s3: S3Section,
}

/// `[store.s3]`; its keys are explained in `docs/storage.md`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct S3Section {
    endpoint: Option<String>,
    region: Option<String>,
    ca: Option<PathBuf>,
    requests_per_second: Option<u32>,
    concurrency: Option<u32>,
    connect_timeout: Option<String>,
    read_timeout: Option<String>,
    request_timeout: Option<String>,
    retry_for: Option<String>,
}

impl S3Section {
    /// The settings, defaults included.
    ///
    /// # Errors
    /// 78 for a value that is none.
    pub(super) fn settings(self) -> Result<Settings, Exit> {
        let wrong = |key: &str, what: &str| {
            Exit::new(Code::Configuration, format!("store.s3.{key}: {what}"))
        };
        let span = |key: &str, text: Option<String>, otherwise: Duration| match text {
            None => Ok(otherwise),
            Some(text) => parse_duration(&text).map_err(|what| wrong(key, &what)),
        };
        let number = |key: &str, number: Option<u32>, otherwise: u32| match number {
            Some(0) => Err(wrong(key, "at least one is needed")),
            other => Ok(other.unwrap_or(otherwise)),
        };
        let given = Settings::default();
        Ok(Settings {
            endpoint: self.endpoint,
            region: self.region,
            ca: self.ca,
            requests_per_second: number(
                "requests_per_second",
                self.requests_per_second,
                given.requests_per_second,
            )?,
            concurrency: number("concurrency", self.concurrency, given.concurrency)?,
            connect_timeout: span(
                "connect_timeout",
                self.connect_timeout,
                given.connect_timeout,
            )?,
            read_timeout: span("read_timeout", self.read_timeout, given.read_timeout)?,
            request_timeout: span(
                "request_timeout",
                self.request_timeout,
                given.request_timeout,
            )?,
            retry_for: span("retry_for", self.retry_for, given.retry_for)?,
        })
    }

    /// The section that gives these settings.
    pub(super) fn of(settings: &Settings) -> Self {
        let span = |span: Duration| Some(format!("{}ms", span.as_millis()));
        Self {
            endpoint: settings.endpoint.clone(),
            region: settings.region.clone(),
            ca: settings.ca.clone(),
            requests_per_second: Some(settings.requests_per_second),
            concurrency: Some(settings.concurrency),
            connect_timeout: span(settings.connect_timeout),
            read_timeout: span(settings.read_timeout),
            request_timeout: span(settings.request_timeout),
            retry_for: span(settings.retry_for),
        }
    }
}
