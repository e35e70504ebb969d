//! Certificates and who was not let in.

use kumi_tls::{Counts, Credentials};

use crate::metrics::family::Family;

/// The families of one listener and the credentials it shows.
pub(crate) fn families(credentials: &Credentials, counts: &Counts) -> Vec<Family> {
    let mut refused = Family::counter(
        "kumi_tls_connections_refused_total",
        "Connections that were not let in.",
    );
    for (reason, count) in counts.by_reason() {
        refused.add(&[("reason", reason)], count as f64);
    }
    vec![
        Family::gauge(
            "kumi_certificate_expiry_timestamp_seconds",
            "When the certificate in use ends.",
        )
        .of(&[], credentials.certificate().not_after as f64),
        Family::counter(
            "kumi_certificate_reload_failures_total",
            "Changes of the certificate's files that could not be used.",
        )
        .of(&[], credentials.reload_failures() as f64),
        refused,
    ]
}
