//! Who asks, as a call's handler sees it.

use std::sync::Arc;

use kumi_proto::v1::{CohortHeader, Sample};
use kumi_tls::{Identity, Role};
use tonic::{Code, Request, Status};

use crate::refusal;

/// Who asks. Without certificates everybody is an operator, of no name.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Option<Arc<Identity>>);

impl Caller {
    /// Whoever a certificate names.
    pub(crate) fn new(identity: Option<Arc<Identity>>) -> Self {
        Self(identity)
    }

    /// Who sent a request. The guard in front of all services has found that out.
    pub(crate) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let caller = request.extensions().get::<Self>().cloned();
        caller.ok_or_else(|| {
            let message = "nobody asked who calls";
            refusal::status(Code::Internal, refusal::UNEXPECTED, message)
        })
    }

    pub(crate) fn role(&self) -> Role {
        self.0
            .as_ref()
            .map_or(Role::Operator, |identity| identity.role())
    }

    /// `role/centre/name`; empty without a certificate.
    pub(crate) fn actor(&self) -> String {
        self.0
            .as_ref()
            .map(|identity| identity.actor())
            .unwrap_or_default()
    }

    /// The centre whose cohorts alone exist for this caller; none: all cohorts do.
    pub(crate) fn confined_to(&self) -> Option<&str> {
        let identity = self.0.as_ref()?;
        let centre = identity.centre();
        // A submitter has a centre; one without would see nothing.
        (identity.role() == Role::Submitter).then(|| centre.unwrap_or_default())
    }

    /// Whether this caller may see what a site says, which may name accounts.
    pub(crate) fn is_operator(&self) -> bool {
        self.role() == Role::Operator
    }

    /// The number of the node that a scheduler is.
    pub(crate) fn node(&self) -> Option<u64> {
        self.0.as_ref().and_then(|identity| identity.node())
    }

    /// Refuses what is submitted in the name of another centre.
    pub(crate) fn may_submit(
        &self,
        header: &CohortHeader,
        samples: &[Sample],
    ) -> Result<(), Status> {
        let Some(own) = self.confined_to() else {
            return Ok(());
        };
        let foreign = |sample: &&Sample| !sample.centre.is_empty() && sample.centre.as_str() != own;
        let field = if header.centre != own {
            "header.centre".to_owned()
        } else if let Some(sample) = samples.iter().find(foreign) {
            format!("the centre of sample {:?}", sample.name)
        } else {
            return Ok(());
        };
        let message = format!("{field} must be {own:?}, the centre of this certificate");
        Err(refusal::not_permitted(message))
    }

    /// Refuses a worker that goes by a name that is not its own: that of the certificate, or that and a dash and
    /// more, where several workers share one.
    pub(crate) fn may_be_worker(&self, name: &str) -> Result<(), Status> {
        let Some(identity) = self.0.as_ref() else {
            return Ok(());
        };
        if identity.goes_by(name) {
            return Ok(());
        }
        let own = identity.name();
        let message = format!("worker {name:?} has the certificate of {own:?}");
        Err(refusal::not_permitted(message))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kumi_proto::v1::{CohortHeader, Sample};
    use tonic::Code;

    use super::Caller;

    fn caller(uri: &str) -> Caller {
        Caller::new(Some(Arc::new(uri.parse().unwrap())))
    }

    #[test]
    fn a_worker_has_the_name_of_its_certificate() {
        let worker = caller("kumi://c/worker/-/node17");
        for name in ["node17", "node17-2", "node17-gpu-1"] {
            worker.may_be_worker(name).unwrap();
        }
        for name in ["node1", "node170", "node18", "", "Node17", "node17.a"] {
            let refused = worker.may_be_worker(name).unwrap_err();
            assert_eq!(refused.code(), Code::PermissionDenied, "{name}");
        }
        Caller::new(None).may_be_worker("anything").unwrap();
    }

    #[test]
    fn a_submitter_submits_for_its_centre() {
        let header = |centre: &str| CohortHeader {
            centre: centre.to_owned(),
            ..CohortHeader::default()
        };
        let sample = |centre: &str| Sample {
            centre: centre.to_owned(),
            ..Sample::default()
        };
        let tokyo = caller("kumi://c/submitter/tokyo/lims");
        let fine = tokyo.may_submit(&header("tokyo"), &[sample(""), sample("tokyo")]);
        fine.unwrap();
        for (centre, of_sample) in [("osaka", ""), ("", ""), ("tokyo", "osaka")] {
            let refused = tokyo.may_submit(&header(centre), &[sample(of_sample)]);
            assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
        }
        for anybody in [caller("kumi://c/operator/-/a"), Caller::new(None)] {
            anybody.may_submit(&header("osaka"), &[]).unwrap();
            assert_eq!(anybody.confined_to(), None);
        }
    }
}
