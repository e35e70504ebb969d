//! Cores are shared by programme and centre: shares converge, nobody starves, quotas hold.

use std::collections::{BTreeMap, BTreeSet};

use kumi_proto::ids::WorkerId;
use kumi_proto::specs;
use kumi_proto::v1;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::finished_task::Result as Finished;
use kumi_scheduler::policy::{self, Offer};
use kumi_scheduler::{Outcome, State, version};
use proptest::prelude::*;

use crate::support::{Shape, finished, hello, manifest, stamped};

const HOUR_MS: u64 = 3_600_000;

/// Programme, centre, share, quotas of cores and genomes.
type Named<'a> = (&'a str, &'a str, u32, Option<u32>, Option<u32>);

/// Workers that take what they are given and are done after a while.
#[derive(Default)]
struct Site {
    state: State,
    index: u64,
    now_ms: u64,
    /// By the time at which they end.
    running: BTreeMap<(u64, u64), (u64, v1::Start)>,
    free: BTreeMap<u64, (u32, u64)>,
    /// Core-milliseconds by programme and centre.
    used: BTreeMap<(String, String), u64>,
    accounts: BTreeMap<u64, (String, String)>,
    grants: u64,
    began_ms: BTreeMap<u64, u64>,
}

impl Site {
    fn apply(&mut self, kind: Kind) -> Outcome {
        self.index += 1;
        let command = stamped(self.now_ms, kind);
        self.state.apply(self.index, version::NEWEST, &command)
    }

    fn policy(&mut self, accounts: &[Named<'_>]) {
        let account =
            |&(programme, centre, share, cores, genomes_per_day): &(&str, &str, u32, _, _)| {
                v1::AccountPolicy {
                    programme: programme.to_owned(),
                    centre: centre.to_owned(),
                    share,
                    cores,
                    genomes_per_day,
                }
            };
        let policy = v1::Policy {
            half_life_ms: 0,
            accounts: accounts.iter().map(account).collect(),
        };
        let set = v1::SetPolicy {
            request_id: String::new(),
            policy: Some(policy),
        };
        assert_eq!(self.apply(Kind::SetPolicy(set)), Outcome::PolicySet);
    }

    fn worker(&mut self, name: &str, cores: u32) {
        let hello = Some(hello(name, "1", cores, 512));
        let Outcome::Registered(id) = self.apply(Kind::Register(v1::Register { hello })) else {
            panic!("it is sound");
        };
        self.free.insert(id.0, (cores, 512 << 30));
    }

    fn cohort(&mut self, programme: &str, centre: &str, shape: Shape) {
        let name = format!("{programme}-{centre}-{}", self.accounts.len());
        let prefix = name.clone();
        let samples = shape
            .samples
            .iter()
            .map(|sample| format!("{prefix}-{sample}"));
        let shape = Shape {
            name,
            programme: programme.to_owned(),
            centre: centre.to_owned(),
            samples: samples.collect(),
            index_given: true,
            ..shape
        };
        let Outcome::Opened { cohort, .. } = self.apply(shape.open()) else {
            panic!("it is sound");
        };
        let account = (programme.to_owned(), centre.to_owned());
        self.accounts.insert(cohort.0, account);
    }

    /// Gives all that is free; how many tasks that was.
    fn hand_out(&mut self, lasts_ms: &dyn Fn(u64) -> u64) -> u64 {
        let before = self.grants;
        for worker in self.free.keys().copied().collect::<Vec<_>>() {
            let (free_cores, free_memory_bytes) = self.free[&worker];
            let offer = Offer {
                worker: WorkerId(worker),
                free_cores,
                free_memory_bytes,
            };
            let tasks = policy::pick(&self.state, &offer, 64);
            if tasks.is_empty() {
                continue;
            }
            let grant = v1::Grant {
                worker,
                tasks: tasks.clone(),
                lease_ms: 1_000,
            };
            let Outcome::Granted(starts) = self.apply(Kind::Grant(grant)) else {
                panic!("the worker is known");
            };
            assert_eq!(starts.len(), tasks.len(), "what is picked can be granted");
            for start in self.state.starts(&starts, specs::NEWEST) {
                self.grants += 1;
                let spec = start.spec.as_ref().expect("a start has a specification");
                let free = self.free.get_mut(&worker).expect("it is known");
                free.0 -= spec.cores;
                free.1 -= spec.memory_bytes;
                let ends_ms = self.now_ms + lasts_ms(start.attempt);
                self.began_ms.insert(start.attempt, self.now_ms);
                self.running
                    .insert((ends_ms, start.attempt), (worker, start));
            }
        }
        self.grants - before
    }

    /// Goes on to the next end of a task; false when none runs.
    fn finish_one(&mut self) -> bool {
        let Some(((ends_ms, attempt), (worker, start))) = self.running.pop_first() else {
            return false;
        };
        let spec = start.spec.expect("a start has a specification");
        let task = spec.task.expect("a task");
        let lasted_ms = ends_ms - self.began_ms[&attempt];
        self.now_ms = ends_ms;
        let used = self.used.entry(self.accounts[&task.cohort].clone());
        *used.or_default() += lasted_ms * u64::from(spec.cores);
        let free = self.free.get_mut(&worker).expect("it is known");
        free.0 += spec.cores;
        free.1 += spec.memory_bytes;
        let done = Finished::Manifest(manifest(&spec));
        let settle = v1::Settle {
            worker,
            finished: vec![finished(attempt, spec.task, done)],
        };
        self.apply(Kind::Settle(settle));
        if self.index.is_multiple_of(64) {
            self.state.check();
        }
        true
    }

    /// The part of all core time that an account had.
    fn part(&self, programme: &str, centre: &str) -> f64 {
        let all: u64 = self.used.values().sum();
        let own = self.used.get(&(programme.to_owned(), centre.to_owned()));
        own.copied().unwrap_or(0) as f64 / all as f64
    }
}

fn samples(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("S{number}")).collect()
}

/// Ten minutes to an hour, by the attempt.
fn lasts(seed: u64) -> impl Fn(u64) -> u64 {
    move |attempt| {
        let mixed = (attempt ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40;
        HOUR_MS / 6 + mixed % (HOUR_MS * 5 / 6)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..ProptestConfig::default() })]

    /// Programmes and centres with enough to do use the cores by their shares: within 5 %.
    #[test]
    fn use_converges_to_shares(p in 1u32..5, q in 1u32..5, a in 1u32..4, b in 1u32..4, seed in any::<u64>()) {
        let mut site = Site::default();
        site.policy(&[("p", "", p, None, None), ("q", "", q, None, None), ("q", "a", a, None, None), ("q", "b", b, None, None)]);
        for worker in 0..4 {
            site.worker(&format!("w{worker}"), 16);
        }
        // Accounts with large tasks and with small ones.
        for (programme, centre, cores_per_align) in [("p", "a", 4), ("q", "a", 1), ("q", "b", 8)] {
            let shape = Shape { samples: samples(2_000), cores_per_align, ..Shape::default() };
            site.cohort(programme, centre, shape);
        }
        let lasts = lasts(seed);
        for _ in 0..5_000 {
            site.hand_out(&lasts);
            site.finish_one();
        }
        let (p, q) = (f64::from(p), f64::from(q));
        let (a, b) = (f64::from(a), f64::from(b));
        let wanted = [("p", "a", p / (p + q)), ("q", "a", q / (p + q) * a / (a + b)), ("q", "b", q / (p + q) * b / (a + b))];
        for (programme, centre, wanted) in wanted {
            let part = site.part(programme, centre);
            prop_assert!((part / wanted - 1.0).abs() < 0.05, "{programme}/{centre}: {part} of {wanted}");
        }
    }

    /// An account with a ready task that fits is served after a bounded number of others' tasks, the large ones too. Who has
    /// used all 16 cores for an hour waits until the others have had as much by their shares, in tasks of 35 minutes on
    /// average: 27 for each share of theirs that it has one of, and half as many again.
    #[test]
    fn nobody_starves(shares in prop::collection::vec(1u32..6, 3), large in 0usize..3, seed in any::<u64>()) {
        let mut site = Site::default();
        let names = ["p", "q", "r"];
        let accounts: Vec<_> = names.iter().zip(&shares).map(|(name, share)| (*name, "", *share, None, None)).collect();
        site.policy(&accounts);
        for worker in 0..2 {
            site.worker(&format!("w{worker}"), 8);
        }
        for (at, name) in names.iter().enumerate() {
            let cores_per_align = if at == large { 8 } else { 1 };
            let shape = Shape { samples: samples(60), cores_per_align, ..Shape::default() };
            site.cohort(name, "c", shape);
        }
        let lasts = lasts(seed);
        let mut last = [0; 3];
        loop {
            site.hand_out(&lasts);
            let running = site.state.account_list();
            for (at, name) in names.iter().enumerate() {
                let account = running.iter().find(|account| account.programme == *name);
                let Some(account) = account else { continue };
                if account.ready == 0 || account.cores > 0 {
                    last[at] = site.grants;
                }
                let others = shares.iter().sum::<u32>() - shares[at];
                let most = 64 + 40 * u64::from(others) / u64::from(shares[at]);
                prop_assert!(site.grants - last[at] < most, "{name} starves: {shares:?}");
            }
            if !site.finish_one() {
                break;
            }
        }
        let ended = site.state.summaries(None, 10);
        prop_assert!(ended.iter().all(|cohort| cohort.state() == v1::CohortState::Completed));
    }
}

#[test]
fn an_account_that_was_idle_comes_first_and_then_has_its_share() {
    let mut site = Site::default();
    site.policy(&[]);
    site.worker("w", 8);
    let shape = || Shape {
        samples: samples(200),
        cores_per_align: 1,
        ..Shape::default()
    };
    site.cohort("p", "a", shape());
    let hour = |_: u64| HOUR_MS;
    for _ in 0..80 {
        site.hand_out(&hour);
        site.finish_one();
    }
    site.cohort("q", "a", shape());
    site.used.clear();
    for _ in 0..16 {
        site.hand_out(&hour);
        site.finish_one();
    }
    assert!(site.part("q", "a") > 0.4, "{}", site.part("q", "a"));
    let queue = site.state.queue(None, None);
    assert!(queue.fair);
    assert_eq!(queue.cohorts[0].programme, "q", "it has used less");
    for _ in 0..600 {
        site.hand_out(&hour);
        site.finish_one();
    }
    let total = site.state.account_list();
    let used = |name: &str| {
        let own =
            |account: &&v1::AccountStatus| account.programme == name && account.centre.is_empty();
        total
            .iter()
            .find(own)
            .map_or(0, |account| account.core_milliseconds) as f64
    };
    assert!(
        (used("p") / used("q") - 1.0).abs() < 0.1,
        "{} {}",
        used("p"),
        used("q")
    );
}

#[test]
fn the_earliest_deadline_comes_first_within_an_account() {
    let mut site = Site::default();
    site.worker("w", 1);
    for (name, deadline_ms) in [("late", 0), ("soon", 2_000), ("sooner", 1_000)] {
        let shape = Shape {
            samples: vec![name.to_owned()],
            cores_per_align: 1,
            deadline_ms,
            ..Shape::default()
        };
        site.cohort("p", "a", shape);
    }
    // The deadlines have passed long before the end, and yet all are done.
    let mut order = Vec::new();
    while site.hand_out(&|_| HOUR_MS) > 0 {
        let (_, start) = site.running.values().next().expect("one runs");
        let task = start.spec.as_ref().and_then(|spec| spec.task);
        order.push(task.expect("a task").cohort);
        site.finish_one();
    }
    order.dedup();
    assert_eq!(order, [3, 2, 1]);
}

#[test]
fn at_a_quota_nothing_more_is_granted_and_others_go_on() {
    let mut site = Site::default();
    site.policy(&[("p", "", 1, Some(3), None), ("q", "a", 1, None, Some(2))]);
    site.worker("w", 32);
    for (programme, centre) in [("p", "a"), ("q", "a"), ("r", "a")] {
        let shape = Shape {
            samples: samples(20),
            cores_per_align: 1,
            ..Shape::default()
        };
        site.cohort(programme, centre, shape);
    }
    let hour = |_: u64| HOUR_MS;
    site.hand_out(&hour);
    let in_use = |site: &Site, name: &str| {
        let accounts = site.state.account_list();
        let own = accounts
            .into_iter()
            .find(|account| account.programme == name);
        own.map_or(0, |account| account.cores)
    };
    assert_eq!(in_use(&site, "p"), 3);
    assert_eq!(in_use(&site, "q"), 2);
    assert_eq!(in_use(&site, "r"), 20);
    let reasons: BTreeSet<String> = {
        let queue = site.state.queue(None, None);
        queue
            .cohorts
            .into_iter()
            .map(|cohort| cohort.reason)
            .collect()
    };
    let quota =
        "the quota of programme p leaves 0 cores: 3 are in use of at most 3, and it asks for 1";
    assert!(reasons.contains(quota), "{reasons:?}");
    let genomes = "the quota of centre a of programme q is used up: 2 genomes were begun today (UTC) of at most 2; more begin tomorrow, or raise genomes_per_day with: kumi policy apply";
    assert!(reasons.contains(genomes), "{reasons:?}");
    // What was begun goes on on the same day; more begin the next.
    while site.now_ms < 20 * HOUR_MS {
        site.hand_out(&hour);
        if !site.finish_one() {
            break;
        }
    }
    let done = |site: &Site, cohort: &str| {
        let id = site.state.find(cohort).expect("it is there");
        site.state.summary(id).expect("it is there").samples_done
    };
    assert_eq!(done(&site, "q-a-1"), 2);
    site.now_ms = 24 * HOUR_MS;
    site.apply(Kind::NewTerm(v1::NewTerm::default()));
    site.hand_out(&hour);
    assert_eq!(in_use(&site, "q"), 2, "a new day");
}

#[test]
fn a_policy_that_means_nothing_is_refused() {
    let mut site = Site::default();
    let account = v1::AccountPolicy {
        programme: "p".to_owned(),
        ..v1::AccountPolicy::default()
    };
    let wrong = [
        v1::Policy {
            half_life_ms: 5,
            accounts: Vec::new(),
        },
        v1::Policy {
            half_life_ms: 0,
            accounts: vec![account.clone(), account.clone()],
        },
        v1::Policy {
            half_life_ms: 0,
            accounts: vec![v1::AccountPolicy::default()],
        },
        v1::Policy {
            half_life_ms: 0,
            accounts: vec![v1::AccountPolicy {
                share: 2_000_000,
                ..account
            }],
        },
    ];
    for policy in wrong {
        let set = v1::SetPolicy {
            request_id: String::new(),
            policy: Some(policy.clone()),
        };
        let outcome = site.apply(Kind::SetPolicy(set));
        assert!(matches!(outcome, Outcome::Refused(_)), "{policy:?}");
    }
    assert_eq!(site.state.policy(), None);
}
