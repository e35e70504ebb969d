//! Members that come and go while commands are answered.

use crate::harness::{Cluster, Journal, solo};
use kumi_cluster::backup::Backup;
use kumi_cluster::{Change, ChangeError, Config, Failure, Node, Role, StartError};

/// A cluster of one becomes one of three, every node is replaced, and nothing is lost.
#[tokio::test(flavor = "multi_thread")]
async fn one_becomes_three_and_all_are_replaced() {
    let mut cluster = Cluster::start(1, 50).await;
    let mut acknowledged = cluster.propose_all(0..120).await;
    cluster.grow(2).await;
    cluster.grow(3).await;
    acknowledged.extend(cluster.propose_all(120..150).await);
    cluster.settled(&acknowledged).await;
    for (old, new) in [(1, 4), (2, 5), (3, 6)] {
        let address = cluster.join(new).await;
        cluster
            .change(Change::AddLearner { id: new, address })
            .await;
        cluster.lead_other_than(old).await;
        cluster.change(Change::Replace { old, new }).await;
        cluster.kill(old).await;
        let from = acknowledged.len();
        acknowledged.extend(cluster.propose_all(from..from + 20).await);
    }
    cluster.settled(&acknowledged).await;
    let leader = cluster.leader().await;
    let status = cluster.node(leader).status().borrow().clone();
    assert_eq!(status.peers.keys().copied().collect::<Vec<_>>(), [4, 5, 6]);
    assert_eq!(status.retired, [1, 2, 3].into());
    // One of the three may die, and comes back with what its disk knows.
    cluster.kill(leader).await;
    acknowledged.push(cluster.propose(b"without the leader".to_vec()).await);
    cluster.revive(leader).await;
    cluster.settled(&acknowledged).await;
    cluster.stop().await;
}

/// A learner has everything and changes no majority.
#[tokio::test(flavor = "multi_thread")]
async fn a_learner_follows_and_does_not_vote() {
    let mut cluster = Cluster::start(3, 1000).await;
    let mut acknowledged = cluster.propose_all(0..20).await;
    let address = cluster.join(4).await;
    cluster.change(Change::AddLearner { id: 4, address }).await;
    acknowledged.extend(cluster.propose_all(20..40).await);
    cluster.settled(&acknowledged).await;
    assert_eq!(cluster.node(4).status().borrow().role, Role::Learner);
    cluster.kill(4).await;
    let follower = cluster.follower().await;
    cluster.kill(follower).await;
    acknowledged.push(cluster.propose(b"two of three voters".to_vec()).await);
    cluster.revive(follower).await;
    cluster.revive(4).await;
    cluster.settled(&acknowledged).await;
    let leader = cluster.leader().await;
    let again = Change::AddLearner {
        id: 4,
        address: "127.0.0.1:1".to_owned(),
    };
    let refused = cluster.node(leader).change(again, String::new()).await;
    assert_eq!(refused, Err(ChangeError::Taken { id: 4 }));
    let removal = Change::Remove { id: leader };
    let refused = cluster.node(leader).change(removal, String::new()).await;
    assert_eq!(refused, Err(ChangeError::Leads { id: leader }));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leadership_goes_where_it_is_sent() {
    let cluster = Cluster::start(3, 1000).await;
    let mut acknowledged = cluster.propose_all(0..5).await;
    for to in [1, 2, 3, 1] {
        cluster.lead(to).await;
        acknowledged.push(cluster.propose(format!("under {to}").into_bytes()).await);
    }
    let leader = cluster.leader().await;
    let refused = cluster.node(leader).transfer(9).await;
    assert_eq!(refused, Err(ChangeError::NotAMember { id: 9 }));
    let follower = cluster.follower().await;
    let refused = cluster.node(follower).transfer(follower).await;
    assert!(matches!(refused, Err(ChangeError::NotLeader { .. })));
    cluster.settled(&acknowledged).await;
    cluster.stop().await;
}

/// What was founded alone never mixes with a cluster of the same name.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_of_one_takes_no_peers_from_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(solo(folder.path()), Journal::default())
        .await
        .unwrap();
    node.propose(b"alone".to_vec()).await.unwrap();
    node.shutdown().await;
    let config = Config {
        peers: (1..=3).map(|id| (id, format!("127.0.0.1:{id}"))).collect(),
        ..solo(folder.path())
    };
    let refused = Node::start(config, Journal::default()).await.unwrap_err();
    assert!(
        matches!(refused, StartError::Alone { id: 1, .. }),
        "{refused}"
    );
}

/// Builds are replaced one after another; a newer state machine comes into force when all know it, and a
/// node that comes back with an older build says so.
#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_upgrade() {
    let mut cluster = Cluster::start(3, 1000).await;
    let mut acknowledged = cluster.propose_all(0..10).await;
    for id in [1, 2] {
        cluster.knows.insert(id, 2);
        cluster.kill(id).await;
        cluster.revive(id).await;
        acknowledged.push(cluster.propose(format!("beside {id}").into_bytes()).await);
    }
    cluster.settled(&acknowledged).await;
    let leader = cluster.leader().await;
    let upgrade = Change::Upgrade { version: 2 };
    let refused = cluster
        .node(leader)
        .change(upgrade.clone(), String::new())
        .await;
    assert!(
        matches!(refused, Err(ChangeError::Unknown { .. })),
        "{refused:?}"
    );
    cluster.kill(3).await;
    cluster.upgrade(2).await;
    acknowledged.push(cluster.propose(b"of version 2".to_vec()).await);
    cluster.revive(3).await;
    let old = cluster.node(3);
    let stopped = old.stopped().await.unwrap_err();
    let too_new = Failure::TooNew {
        version: 2,
        known: 1,
    };
    assert_eq!(stopped.to_string(), too_new.to_string());
    cluster.kill(3).await;
    cluster.knows.insert(3, 2);
    cluster.revive(3).await;
    cluster.settled(&acknowledged).await;
    let mut status = cluster.node(3).status();
    let upgraded = status.wait_for(|status| status.machine_version == 2).await;
    assert_eq!(upgraded.unwrap().machine_version_known, 2);
    drop(status);
    // Each was told, with every command, which version was in force where it lies in the log.
    for id in [1, 2] {
        let versions = cluster.node(id).stale(|journal, _| journal.versions());
        assert_eq!(versions, [1, 2].into(), "node {id}");
    }
    let versions = cluster.node(3).stale(|journal, _| journal.versions());
    assert!(versions.is_subset(&[1, 2].into()) && versions.contains(&2));
    cluster.stop().await;
}

/// What is proposed first to a new cluster is applied everywhere in this version alone.
async fn applies_the_first_in(version: u32, cluster: Cluster) {
    let first = cluster.propose(b"first".to_vec()).await;
    cluster.settled(&[first]).await;
    for id in 1..=3 {
        let versions = cluster.node(id).stale(|journal, _| journal.versions());
        assert_eq!(versions, [version].into(), "node {id}");
    }
    cluster.stop().await;
}

/// What founds a cluster has nothing to be compatible with: it begins in the newest version, in which all is applied that
/// anybody proposes, however soon.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_cluster_begins_in_the_newest_version() {
    let cluster = Cluster::start_knowing(&[2, 2, 2]).await;
    applies_the_first_in(2, cluster).await;
}

/// A founder of an older build, or one that does not come, keeps nobody waiting for long. What was begun without it goes
/// on in the version that all know.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_cluster_does_not_wait_for_ever() {
    let cluster = Cluster::start_knowing(&[2, 2, 1]).await;
    applies_the_first_in(1, cluster).await;
}

/// A cluster is lost whole; another one of other nodes begins with its backup and never hears the old one.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_becomes_another_cluster() {
    let cluster = Cluster::start(3, 1000).await;
    let mut acknowledged = cluster.propose_all(0..40).await;
    let follower = cluster.follower().await;
    let backup = cluster.node(follower).backup().await.unwrap();
    let backup = Backup::decode(&backup.encode()).unwrap();
    let restored = Cluster::restore(3, &backup).await;
    acknowledged.extend(restored.propose_all(40..50).await);
    restored.settled(&acknowledged).await;
    let founding = |cluster: &Cluster, id| cluster.node(id).status().borrow().founding;
    assert_ne!(founding(&restored, 1), founding(&cluster, 1));
    restored.stop().await;
    cluster.stop().await;
}
