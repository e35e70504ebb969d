//! The worker's certificate in its metrics.

use kumi_tls::Credentials;
use prometheus::{IntCounter, IntGauge, Registry};

/// When it ends, and how often it could not be renewed.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    credentials: Credentials,
    expiry: IntGauge,
    failures: IntCounter,
}

impl Certificate {
    pub(crate) fn new(all: &Registry, credentials: Credentials) -> prometheus::Result<Self> {
        let expiry = IntGauge::new(
            "kumi_certificate_expiry_timestamp_seconds",
            "When the certificate in use ends.",
        )?;
        let failures = IntCounter::new(
            "kumi_certificate_reload_failures_total",
            "Changes of the certificate's files that could not be used.",
        )?;
        all.register(Box::new(expiry.clone()))?;
        all.register(Box::new(failures.clone()))?;
        Ok(Self {
            credentials,
            expiry,
            failures,
        })
    }

    /// Brings both up to date.
    pub(crate) fn refresh(&self) {
        self.expiry.set(self.credentials.certificate().not_after);
        let new = self.credentials.reload_failures();
        self.failures
            .inc_by(new.saturating_sub(self.failures.get()));
    }
}
