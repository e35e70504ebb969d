//! A place in an object store to which cohorts are written.

use std::time::{Duration, Instant};

use kumi_worker::objects::{Location, ObjectError, Objects, Settings};

use crate::command::doctor::finding::Finding;
use crate::command::doctor::limits;

/// What came of asking for what lies there.
pub(super) struct Facts {
    pub(super) at: Location,
    /// How long it took.
    pub(super) listed: Result<Duration, ObjectError>,
}

/// Lists the place, as whoever runs this may, by the settings of the worker that is to run here if there is one.
pub(super) fn gather(at: Location, settings: Settings) -> Facts {
    let objects = Objects::new(Settings {
        retry_for: limits::PATIENCE.min(settings.retry_for),
        read_timeout: limits::PATIENCE.min(settings.read_timeout),
        request_timeout: limits::PATIENCE.min(settings.request_timeout),
        ..settings
    });
    let began = Instant::now();
    let listed = objects.first_below(&at).map(|()| began.elapsed());
    Facts { at, listed }
}

/// Whether it answers; whether it may be written to is not tried.
pub(super) fn judge(facts: &Facts) -> Finding {
    match &facts.listed {
        Ok(took) => Finding::ok(
            "store",
            format!("{}: listed in {} ms", facts.at, took.as_millis()),
        ),
        Err(error @ ObjectError::Untrusted { .. }) => Finding::ok("store", error.to_string()).fail(
            "a certificate that this process trusts",
            "set AWS_CA_BUNDLE, or store.s3.ca of the worker, to the CA of the centre (docs/storage.md)",
        ),
        Err(error) => Finding::ok("store", error.to_string()).fail(
            "a bucket that answers, and credentials that may list it",
            "set AWS_ENDPOINT_URL, AWS_REGION and the credentials of this process (docs/storage.md)",
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kumi_worker::objects::{ObjectError, Place};

    use super::{Facts, judge};
    use crate::command::doctor::finding::Status;

    #[test]
    fn a_store_that_does_not_answer_fails_and_its_error_is_told() {
        let Ok(Place::Object(at)) = Place::parse("s3://made/root") else {
            panic!("an object");
        };
        let judged = |listed| {
            let at = at.clone();
            judge(&Facts { at, listed })
        };
        let ok = judged(Ok(Duration::from_millis(7)));
        assert_eq!(ok.status, Status::Ok);
        assert_eq!(ok.found, "s3://made/root: listed in 7 ms");
        let failed = judged(Err(ObjectError::NoSuchBucket {
            at: at.clone(),
            endpoint: "https://e".to_owned(),
        }));
        assert_eq!(failed.status, Status::Fail);
        assert!(failed.found.contains("NoSuchBucket"), "{}", failed.found);
    }
}
