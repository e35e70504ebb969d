//! Who asked for a command, as its certificate says: `role/centre/name`.

use kumi_proto::v1::CohortHeader;

use crate::outcome::Rejection;
use crate::state::State;
use crate::version::REQUESTS_BY_CENTRE;

/// The centre of an actor; empty for those who have none.
pub(crate) fn centre_of(actor: &str) -> &str {
    match actor.split('/').nth(1) {
        None | Some("-") => "",
        Some(centre) => centre,
    }
}

fn is_submitter(actor: &str) -> bool {
    actor.split('/').next() == Some("submitter")
}

impl State {
    /// Refuses a submitter's cohort of a name that another centre has in the same programme and root: cohorts of
    /// one name share batches and withdrawals.
    pub(super) fn refuse_taken(&self, header: &CohortHeader, actor: &str) -> Result<(), Rejection> {
        let asked = self.version >= REQUESTS_BY_CENTRE && is_submitter(actor);
        if asked && self.is_taken(header) {
            return Err(Rejection::NameTaken);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{centre_of, is_submitter};

    #[test]
    fn an_actor_has_a_role_and_may_have_a_centre() {
        assert_eq!(centre_of("submitter/tokyo/lims"), "tokyo");
        assert_eq!(centre_of("operator/-/yuki"), "");
        assert_eq!(centre_of(""), "");
        assert!(is_submitter("submitter/tokyo/lims"));
        assert!(!is_submitter("operator/-/submitter"));
    }
}
