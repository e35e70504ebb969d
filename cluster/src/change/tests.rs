use std::collections::BTreeSet;

use super::*;

/// Voters 1 to 3, led by 1, and the learner 4; 9 has retired.
struct Cluster {
    conf: ConfState,
    membership: Membership,
    down: BTreeSet<u64>,
    matched: u64,
}

impl Cluster {
    fn new() -> Self {
        Self {
            conf: ConfState {
                voters: vec![1, 2, 3],
                learners: vec![4],
                ..ConfState::default()
            },
            membership: Membership {
                version: 1,
                retired: [9].into(),
                ..Membership::default()
            },
            down: BTreeSet::new(),
            matched: 5_000,
        }
    }

    fn plan(&self, change: &Change) -> Result<Vec<(u64, ConfChangeType)>, ChangeError> {
        let heard = |id| Heard {
            matched: self.matched,
            alive: !self.down.contains(&id),
            version: if id == 3 { 1 } else { 2 },
        };
        let facts = Facts {
            leader: 1,
            conf: &self.conf,
            membership: &self.membership,
            last_index: 5_000,
            heard: &heard,
        };
        let Step::Members(joint, _) = plan(change, &facts)? else {
            return Ok(Vec::new());
        };
        let step = |s: &ConfChangeSingle| (s.node_id, s.get_change_type());
        Ok(joint.get_changes().iter().map(step).collect())
    }
}

fn add(id: u64, address: &str) -> Change {
    Change::AddLearner {
        id,
        address: address.to_owned(),
    }
}

#[test]
fn a_new_node_needs_an_id_that_nobody_ever_had_and_an_address() {
    let cluster = Cluster::new();
    let taken = |id| Err(ChangeError::Taken { id });
    for id in [0, 1, 4, 9] {
        assert_eq!(cluster.plan(&add(id, "e:1")), taken(id));
    }
    for address in ["", "e", "e:", ":1", "e:99999"] {
        let refused = cluster.plan(&add(5, address));
        assert!(
            matches!(refused, Err(ChangeError::Address { id: 5, .. })),
            "{address}"
        );
    }
    let learner = Ok(vec![(5, ConfChangeType::AddLearnerNode)]);
    assert_eq!(cluster.plan(&add(5, "e:1")), learner);
}

#[test]
fn only_a_learner_that_has_caught_up_votes() {
    let mut cluster = Cluster::new();
    let voter = Ok(vec![(4, ConfChangeType::AddNode)]);
    assert_eq!(cluster.plan(&Change::Promote { id: 4 }), voter);
    let refused = cluster.plan(&Change::Promote { id: 2 });
    assert_eq!(refused, Err(ChangeError::NotALearner { id: 2 }));
    let refused = cluster.plan(&Change::Promote { id: 7 });
    assert_eq!(refused, Err(ChangeError::NotAMember { id: 7 }));
    cluster.matched = 0;
    let behind = ChangeError::Behind {
        id: 4,
        entries: 5_000,
    };
    assert_eq!(cluster.plan(&Change::Promote { id: 4 }), Err(behind));
}

#[test]
fn neither_the_leader_nor_the_last_voter_leaves() {
    let mut cluster = Cluster::new();
    let refused = cluster.plan(&Change::Remove { id: 1 });
    assert_eq!(refused, Err(ChangeError::Leads { id: 1 }));
    let gone = Ok(vec![(3, ConfChangeType::RemoveNode)]);
    assert_eq!(cluster.plan(&Change::Remove { id: 3 }), gone);
    let gone = Ok(vec![(4, ConfChangeType::RemoveNode)]);
    assert_eq!(cluster.plan(&Change::Remove { id: 4 }), gone);
    cluster.conf.voters = vec![2];
    let refused = cluster.plan(&Change::Remove { id: 2 });
    assert_eq!(refused, Err(ChangeError::LastVoter { id: 2 }));
}

#[test]
fn a_voter_is_replaced_in_one_step() {
    let mut cluster = Cluster::new();
    let replace = Change::Replace { old: 3, new: 4 };
    let steps = vec![
        (4, ConfChangeType::AddNode),
        (3, ConfChangeType::RemoveNode),
    ];
    cluster.down.insert(3);
    assert_eq!(cluster.plan(&replace), Ok(steps));
    let refused = cluster.plan(&Change::Replace { old: 4, new: 4 });
    assert_eq!(refused, Err(ChangeError::NotAVoter { id: 4 }));
    cluster.conf.voters_outgoing = vec![1, 2];
    assert_eq!(cluster.plan(&replace), Err(ChangeError::UnderWay));
}

#[test]
fn a_change_that_leaves_no_majority_is_refused() {
    let mut cluster = Cluster::new();
    cluster.down.insert(3);
    let refused = cluster.plan(&Change::Remove { id: 2 });
    let dead = |alive, voters| Err(ChangeError::NoMajority { alive, voters });
    assert_eq!(refused, dead(1, 2));
    cluster.down.insert(4);
    assert_eq!(cluster.plan(&Change::Promote { id: 4 }), dead(2, 4));
    assert!(cluster.plan(&Change::Remove { id: 3 }).is_ok());
}

#[test]
fn a_version_comes_into_force_when_all_who_are_up_know_it() {
    let mut cluster = Cluster::new();
    let refused = cluster.plan(&Change::Upgrade { version: 1 });
    assert_eq!(refused, Err(ChangeError::NotNewer { version: 1 }));
    let (id, known, version) = (3, 1, 2);
    let refused = cluster.plan(&Change::Upgrade { version });
    assert_eq!(refused, Err(ChangeError::Unknown { id, known, version }));
    cluster.down.insert(3);
    assert!(cluster.plan(&Change::Upgrade { version: 2 }).is_ok());
    let refused = cluster.plan(&Change::Upgrade { version: 3 });
    assert!(matches!(refused, Err(ChangeError::Unknown { .. })));
}
