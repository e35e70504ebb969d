//! Which scheduler to dial next: the given ones in turn, and the leader that a refusal names at once.
//!
//! Pure: it dials nothing itself.

use tonic_types::StatusExt as _;

/// Redirects followed without a pause before the list is tried in turn again; two nodes that each
/// name the other must not make a worker spin.
const REDIRECTS_MAX: u32 = 4;
/// A leader that did not answer when it was named is not dialled for so many namings: the others have not noticed yet
/// that it is gone, and time is better spent on asking them for the next one.
const NAMINGS_IGNORED: u32 = 8;

/// The schedulers known to a worker.
#[derive(Clone, Debug)]
pub struct Endpoints {
    given: Vec<String>,
    next: usize,
    leader: Option<String>,
    redirects: u32,
    /// The leader that was named last, and dialled.
    followed: Option<String>,
    /// A named leader that did not answer, and for how many namings it is not dialled.
    gone: Option<(String, u32)>,
}

impl Endpoints {
    /// Endpoints as given by the operator: `host:port`, with or without a scheme.
    #[must_use]
    pub fn new(given: Vec<String>) -> Self {
        Self {
            given,
            next: 0,
            leader: None,
            redirects: 0,
            followed: None,
            gone: None,
        }
    }

    /// True when there is nothing to dial.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.given.is_empty()
    }

    /// The one to dial now: a leader that was just named, else the next of the list.
    pub fn choose(&mut self) -> String {
        if let Some(leader) = self.leader.take() {
            self.followed = Some(leader.clone());
            return leader;
        }
        self.followed = None;
        let endpoint = self.given.get(self.next).cloned().unwrap_or_default();
        self.next = (self.next + 1) % self.given.len().max(1);
        endpoint
    }

    /// A refusal named the leader. True: dial it at once; false: pause first.
    pub fn redirect(&mut self, leader: &str) -> bool {
        if leader.is_empty() {
            return false;
        }
        if let Some((gone, namings)) = &mut self.gone
            && gone == leader
            && *namings > 0
        {
            *namings -= 1;
            return false;
        }
        self.leader = Some(leader.to_owned());
        self.redirects += 1;
        self.redirects <= REDIRECTS_MAX
    }

    /// The one that was dialled did not answer, or named nobody.
    pub fn failed(&mut self) {
        if let Some(leader) = self.followed.take() {
            self.gone = Some((leader, NAMINGS_IGNORED));
        }
    }

    /// A scheduler answered with orders: it is the leader.
    pub fn settled(&mut self) {
        self.redirects = 0;
        self.followed = None;
        self.gone = None;
    }
}

/// The URI of an endpoint: plain `host:port` means `http`.
#[must_use]
pub fn uri(endpoint: &str) -> String {
    if endpoint.contains("://") {
        endpoint.to_owned()
    } else {
        format!("http://{endpoint}")
    }
}

/// The leader's address, when a status refuses because its sender is not the leader
/// (`ErrorInfo{reason: "NOT_LEADER", metadata: {leader}}`).
#[must_use]
pub fn leader_of(status: &tonic::Status) -> Option<String> {
    let info = status.get_details_error_info()?;
    (info.reason == "NOT_LEADER").then(|| info.metadata.get("leader").cloned())?
}

#[cfg(test)]
mod tests {
    use super::{Endpoints, NAMINGS_IGNORED, REDIRECTS_MAX, leader_of, uri};
    use tonic_types::{ErrorDetails, StatusExt as _};

    #[test]
    fn endpoints_are_tried_in_turn_and_a_named_leader_first() {
        let mut endpoints = Endpoints::new(vec!["a:1".into(), "b:1".into()]);
        assert_eq!(endpoints.choose(), "a:1");
        assert_eq!(endpoints.choose(), "b:1");
        assert!(endpoints.redirect("c:1"));
        assert_eq!(endpoints.choose(), "c:1");
        assert_eq!(endpoints.choose(), "a:1");
    }

    #[test]
    fn redirects_in_a_circle_end_in_a_pause() {
        let mut endpoints = Endpoints::new(vec!["a:1".into()]);
        for _ in 0..REDIRECTS_MAX {
            assert!(endpoints.redirect("b:1"));
        }
        assert!(!endpoints.redirect("b:1"));
        endpoints.settled();
        assert!(endpoints.redirect("b:1"));
        assert!(!endpoints.redirect(""));
    }

    #[test]
    fn a_leader_that_is_gone_is_not_dialled_each_time_it_is_named() {
        let mut endpoints = Endpoints::new(vec!["a:1".into(), "b:1".into()]);
        assert_eq!(endpoints.choose(), "a:1");
        assert!(endpoints.redirect("c:1"));
        assert_eq!(endpoints.choose(), "c:1");
        endpoints.failed();
        for other in ["b:1", "a:1"]
            .into_iter()
            .cycle()
            .take(NAMINGS_IGNORED as usize)
        {
            assert_eq!(endpoints.choose(), other);
            assert!(!endpoints.redirect("c:1"));
        }
        assert_eq!(endpoints.choose(), "b:1");
        assert!(endpoints.redirect("c:1"), "it may be back");
        assert_eq!(endpoints.choose(), "c:1");
        endpoints.failed();
        assert_eq!(endpoints.choose(), "a:1");
        assert!(endpoints.redirect("b:1"), "another one is dialled at once");
    }

    #[test]
    fn only_a_not_leader_refusal_names_a_leader() {
        let status = |reason: &str| {
            let metadata = [("leader".to_owned(), "c:9".to_owned())];
            let details = ErrorDetails::with_error_info(reason, "kumi", metadata);
            tonic::Status::with_error_details(tonic::Code::Unavailable, "no", details)
        };
        assert_eq!(leader_of(&status("NOT_LEADER")), Some("c:9".to_owned()));
        assert_eq!(leader_of(&status("QUOTA")), None);
        assert_eq!(leader_of(&tonic::Status::unavailable("gone")), None);
    }

    #[test]
    fn a_scheme_is_kept_and_otherwise_added() {
        assert_eq!(uri("h:1"), "http://h:1");
        assert_eq!(uri("https://h:1"), "https://h:1");
    }
}
