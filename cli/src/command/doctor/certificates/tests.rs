use kumi_tls::{Certificate, Files, Identity, Role};

use super::{DAY, Facts, Wanted, judge};
use crate::command::doctor::finding::{Finding, Status};

const NOW: i64 = 1_000 * DAY;

fn certificate(role: Role, name: &str) -> Certificate {
    Certificate {
        identity: Ok(Identity::new("c", role, None, name).expect("an identity")),
        not_before: NOW - DAY,
        not_after: NOW + 300 * DAY,
        hosts: vec!["s1.example.org".to_owned()],
        authority: false,
    }
}

fn facts(own: Certificate, wanted: Wanted) -> Facts {
    let ca = Certificate {
        authority: true,
        ..certificate(Role::Worker, "unused")
    };
    Facts {
        files: Files {
            certificate: "own.pem".into(),
            key: "own.key".into(),
            ca: "ca.pem".into(),
        },
        wanted,
        own: Ok(own),
        ca: Ok(ca),
        key_mode: Some(0o600),
        fits: Ok(()),
        now: NOW,
    }
}

fn status(facts: &Facts) -> Vec<Status> {
    judge(facts).iter().map(|finding| finding.status).collect()
}

fn first(facts: &Facts) -> Finding {
    judge(facts).remove(0)
}

fn node(id: u64, host: &str) -> Wanted {
    Wanted::Scheduler {
        id,
        cluster: "c".to_owned(),
        host: Some(host.to_owned()),
    }
}

#[test]
fn a_certificate_in_order_is_in_order() {
    let worker = || certificate(Role::Worker, "w1");
    let all_ok = [Status::Ok; 3];
    assert_eq!(status(&facts(worker(), Wanted::Any)), all_ok);
    let named = Wanted::Worker("w1-17".to_owned());
    assert_eq!(status(&facts(worker(), named)), all_ok);
    let scheduler = certificate(Role::Scheduler, "1");
    assert_eq!(status(&facts(scheduler, node(1, "s1.example.org"))), all_ok);
}

#[test]
fn a_certificate_of_somebody_else_is_refused_with_the_command_for_the_right_one() {
    let other = facts(
        certificate(Role::Worker, "w1"),
        Wanted::Worker("x".to_owned()),
    );
    assert_eq!(first(&other).status, Status::Fail);
    assert!(first(&other).mend.contains("--role worker --name x"));
    for wanted in [node(2, "s1.example.org"), node(1, "elsewhere")] {
        let other = facts(certificate(Role::Scheduler, "1"), wanted);
        assert_eq!(first(&other).status, Status::Fail);
    }
    let foreign = Wanted::Scheduler {
        id: 1,
        cluster: "other".to_owned(),
        host: None,
    };
    let other = facts(certificate(Role::Scheduler, "1"), foreign);
    assert_eq!(first(&other).status, Status::Fail);
}

#[test]
fn time_runs_out_for_certificates() {
    let until = |days| {
        let own = certificate(Role::Worker, "w1");
        let own = Certificate {
            not_after: NOW + days * DAY,
            ..own
        };
        first(&facts(own, Wanted::Any)).status
    };
    assert_eq!(until(31), Status::Ok);
    assert_eq!(until(10), Status::Warn);
    assert_eq!(until(-1), Status::Fail);
    let future = Certificate {
        not_before: NOW + DAY,
        ..certificate(Role::Worker, "w1")
    };
    let found = first(&facts(future, Wanted::Any));
    assert_eq!(found.status, Status::Fail);
    assert!(found.mend.contains("timedatectl"));
}

#[test]
fn files_that_do_not_fit_or_are_not_there_are_told() {
    let with = |change: fn(&mut Facts)| {
        let mut facts = facts(certificate(Role::Worker, "w1"), Wanted::Any);
        change(&mut facts);
        status(&facts)
    };
    let (ok, warn, fail) = (Status::Ok, Status::Warn, Status::Fail);
    let unfit = with(|facts| facts.fits = Err("of another CA".to_owned()));
    assert_eq!(unfit, [fail, ok, ok]);
    let absent = with(|facts| facts.own = Err("own.pem cannot be read".to_owned()));
    assert_eq!(absent, [fail, ok, ok]);
    let no_ca = with(|facts| facts.ca = Ok(certificate(Role::Worker, "w1")));
    assert_eq!(no_ca, [ok, fail, ok]);
    assert_eq!(with(|facts| facts.key_mode = Some(0o640)), [ok, ok, warn]);
    assert_eq!(with(|facts| facts.key_mode = None), [ok, ok, fail]);
}
