//! Requests of several centres, with the same ids and the same names.

use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_scheduler::{Code, Outcome, Rejection, State, version};

use crate::support::Shape;

const TOKYO: &str = "submitter/tokyo/lims";
const OSAKA: &str = "submitter/osaka/lims";
const OPERATOR: &str = "operator/-/yuki";

/// A state in which some version is in force, and the number of its last command.
#[derive(Default)]
struct Site {
    state: State,
    index: u64,
    version: u32,
}

impl Site {
    fn new(version: u32) -> Self {
        Self {
            version,
            ..Self::default()
        }
    }

    fn ask(&mut self, actor: &str, kind: Kind) -> Outcome {
        self.index += 1;
        let command = v1::Command {
            at_ms: 1_000 * self.index,
            kind: Some(kind),
            actor: actor.to_owned(),
        };
        let outcome = self.state.apply(self.index, self.version, &command);
        self.state.check();
        let snapshot = self.state.snapshot();
        let again = State::restore(&snapshot).unwrap();
        again.check();
        assert!(again.snapshot() == snapshot, "restoring changes nothing");
        outcome
    }
}

fn open(name: &str, centre: &str, request_id: &str, samples: &str) -> Kind {
    let shape = Shape {
        name: name.to_owned(),
        centre: centre.to_owned(),
        request_id: request_id.to_owned(),
        samples: vec![samples.to_owned(), "common".to_owned()],
        ..Shape::default()
    };
    shape.open()
}

fn withdraw(cohort: u64, sample: &str, request_id: &str) -> Kind {
    Kind::Withdraw(v1::Withdraw {
        request_id: request_id.to_owned(),
        cohort,
        samples: vec![sample.to_owned()],
        ..v1::Withdraw::default()
    })
}

fn is_reused(outcome: &Outcome) -> bool {
    let Outcome::Refused(rejection) = outcome else {
        return false;
    };
    matches!(rejection, Rejection::RequestReused { .. }) && rejection.code() == Code::AlreadyExists
}

fn opened(outcome: &Outcome) -> (u64, bool) {
    let Outcome::Opened {
        cohort, existed, ..
    } = outcome
    else {
        panic!("{outcome:?}");
    };
    (cohort.0, *existed)
}

/// Ids were shared by all centres and matched by kind: osaka's withdrawal with tokyo's id was told "1 withdrew"
/// and nobody had; its submission was answered with tokyo's cohort.
#[test]
fn an_id_of_another_centre_swallows_nothing() {
    let mut site = Site::new(version::NEWEST);
    let first = site.ask(TOKYO, open("one", "tokyo", "submit", "a"));
    assert_eq!(opened(&first), (1, false));
    let second = site.ask(OSAKA, open("two", "osaka", "submit", "b"));
    assert_eq!(opened(&second), (2, false));
    for (actor, cohort, sample) in [(TOKYO, 1, "a"), (OSAKA, 2, "b")] {
        let outcome = site.ask(actor, withdraw(cohort, sample, "withdraw"));
        assert_eq!(outcome, Outcome::Withdrawn { samples: 1 }, "{actor}");
    }
    let again = site.ask(OSAKA, withdraw(2, "b", "withdraw"));
    assert_eq!(again, Outcome::Withdrawn { samples: 1 }, "a repetition");
    let later = site.ask(OSAKA, withdraw(2, "b", "later"));
    assert_eq!(later, Outcome::Withdrawn { samples: 0 }, "it had withdrawn");
}

/// The same centre used an id again for another sample: the second withdrawal was answered and not made.
#[test]
fn an_id_belongs_to_what_was_asked() {
    let mut site = Site::new(version::NEWEST);
    let submission = open("one", "tokyo", "r", "a");
    assert_eq!(opened(&site.ask(TOKYO, submission.clone())), (1, false));
    assert_eq!(opened(&site.ask(TOKYO, submission)), (1, true));
    assert!(is_reused(&site.ask(TOKYO, open("one", "tokyo", "r", "z"))));
    assert!(is_reused(&site.ask(TOKYO, withdraw(1, "a", "r"))));
    site.ask(TOKYO, withdraw(1, "a", "w"));
    assert!(is_reused(&site.ask(TOKYO, withdraw(1, "common", "w"))));
    assert!(is_reused(&site.ask(TOKYO, open("new", "tokyo", "w", "a"))));
    let colleague = "submitter/tokyo/desk";
    let again = site.ask(colleague, withdraw(1, "a", "w"));
    assert_eq!(again, Outcome::Withdrawn { samples: 1 }, "of one centre");
}

/// Two centres asked at once for one name: both had been told that it was free before either had it.
#[test]
fn a_name_is_one_centres() {
    let mut site = Site::new(version::NEWEST);
    site.ask(TOKYO, open("trio", "tokyo", "t", "a"));
    let outcome = site.ask(OSAKA, open("trio", "osaka", "o", "b"));
    assert_eq!(outcome, Outcome::Refused(Rejection::NameTaken));
    let own = site.ask(TOKYO, open("trio", "tokyo", "t2", "b"));
    assert_eq!(opened(&own), (2, false));
    let by_operator = site.ask(OPERATOR, open("trio", "osaka", "o", "b"));
    assert_eq!(opened(&by_operator), (3, false));
}

/// Replicas of an older cluster do as the older version did, and all go over at the same command.
#[test]
fn version_1_stays_as_it_was_until_the_upgrade() {
    let mut replicas = [Site::new(version::FIRST), Site::new(version::FIRST)];
    let mut ask = |version: u32, actor: &str, kind: Kind| {
        let outcomes = replicas.each_mut().map(|site| {
            site.version = version;
            site.ask(actor, kind.clone())
        });
        assert_eq!(outcomes[0], outcomes[1]);
        // One of them is restarted from its snapshot after each command.
        replicas[1].state = State::restore(&replicas[1].state.snapshot()).unwrap();
        assert!(replicas[0].state.snapshot() == replicas[1].state.snapshot());
        outcomes[0].clone()
    };
    let v1 = version::FIRST;
    opened(&ask(v1, TOKYO, open("one", "tokyo", "submit", "a")));
    let swallowed = ask(v1, OSAKA, open("one", "osaka", "submit", "b"));
    assert_eq!(opened(&swallowed), (1, true), "as version 1 did");
    ask(v1, TOKYO, withdraw(1, "a", "withdraw"));
    let swallowed = ask(v1, OSAKA, withdraw(1, "common", "withdraw"));
    assert_eq!(swallowed, Outcome::Withdrawn { samples: 1 });
    let v2 = version::REQUESTS_BY_CENTRE;
    let again = ask(v2, TOKYO, open("one", "tokyo", "submit", "c"));
    assert_eq!(opened(&again), (1, true), "remembered since version 1");
    let done = ask(v2, OSAKA, withdraw(1, "common", "withdraw"));
    assert_eq!(done, Outcome::Withdrawn { samples: 1 });
    let none = ask(v2, OPERATOR, withdraw(1, "common", "now"));
    assert_eq!(none, Outcome::Withdrawn { samples: 0 }, "it was made");
    let other = ask(v2, OSAKA, open("two", "osaka", "submit", "b"));
    assert_eq!(opened(&other), (2, false));
}
