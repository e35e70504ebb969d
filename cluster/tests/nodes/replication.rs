//! Commands, restarts, elections and hostile frames.

use std::time::Duration;

use crate::harness::{Cluster, Journal, solo};
use kumi_cluster::{Config, Node, ProposeError, ReadError, Role, StartError, limits};
use kumi_proto::v1::raft_service_client::RaftServiceClient;
use kumi_proto::v1::{RaftFrame, RaftPart};
use tonic::Code;

fn text(at: usize) -> Vec<u8> {
    format!("command {at}").into_bytes()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_node_proposes_restarts_and_replays() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config {
        snapshot_every: 7,
        ..solo(folder.path())
    };
    let mut expected = Vec::new();
    for life in 0..4 {
        let node = Node::start(config.clone(), Journal::default())
            .await
            .unwrap();
        let found = node.read(|journal| journal.commands()).await.unwrap();
        assert_eq!(found, expected, "life {life}");
        for at in 0..10 {
            let command = text(life * 10 + at);
            expected.push(command.clone());
            assert_eq!(node.propose(command).await, Ok(expected.len()));
        }
        let status = node.status().borrow().clone();
        assert_eq!(status.role, Role::Leader);
        assert!(status.leads());
        assert_eq!(status.term, life as u64 + 1);
        assert!(status.snapshot_index > 0);
        let metrics = node.metrics();
        assert!(metrics.proposals_committed >= 10);
        assert!(metrics.fsync.count > 0 && metrics.wal_bytes > 0 && metrics.snapshot_bytes > 0);
        node.shutdown().await;
        assert_eq!(node.stopped().await.map_err(|e| e.to_string()), Ok(()));
        assert_eq!(node.propose(text(0)).await, Err(ProposeError::Stopped));
        assert_eq!(node.read(|_| ()).await, Err(ReadError::Stopped));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_proposals_share_entries_and_keep_their_outcomes() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(solo(folder.path()), Journal::default())
        .await
        .unwrap();
    let before = node.metrics();
    let tasks: Vec<_> = (0..2000)
        .map(|at| {
            let node = node.clone();
            tokio::spawn(async move { (at, node.propose(text(at)).await.unwrap()) })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    // The outcome is the position in the journal: it must be that of this very command.
    let commands = node.stale(|journal, _| journal.commands());
    for (at, position) in outcomes {
        assert_eq!(commands[position - 1], text(at));
    }
    let after = node.metrics();
    assert_eq!(after.proposals_committed - before.proposals_committed, 2000);
    assert!(after.entries_applied - before.entries_applied < 2000);
    let huge = vec![0; limits::COMMAND_BYTES_MAX + 1];
    let bytes = huge.len();
    assert_eq!(
        node.propose(huge).await,
        Err(ProposeError::TooLarge { bytes })
    );
    let large = vec![1; limits::ENTRY_PACK_BYTES * 3];
    assert_eq!(node.propose(large).await, Ok(2001));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_apply_stops_the_node_and_only_it() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(solo(folder.path()), Journal::default())
        .await
        .unwrap();
    let outcome = node.propose(Journal::PANIC.to_vec()).await;
    assert_eq!(outcome, Err(ProposeError::Stopped));
    let failure = node.stopped().await.unwrap_err();
    assert!(failure.to_string().contains("told to panic"), "{failure}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_configuration_or_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = solo(folder.path());
    let node = Node::start(config.clone(), Journal::default())
        .await
        .unwrap();
    let twice = Node::start(config.clone(), Journal::default()).await;
    assert!(matches!(twice, Err(StartError::Store(_))), "{twice:?}");
    node.shutdown().await;
    let mut other = config.clone();
    other.id = 9;
    let foreign = Node::start(other, Journal::default()).await;
    assert!(matches!(foreign, Err(StartError::Store(_))), "{foreign:?}");
    let mut unreachable = config;
    unreachable.peers = [(1, "a:1".to_owned()), (2, "nowhere".to_owned())].into();
    let address = Node::start(unreachable, Journal::default()).await;
    assert!(
        matches!(address, Err(StartError::Address { id: 2, .. })),
        "{address:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_survive_their_leader_and_the_old_one_catches_up() {
    let mut cluster = Cluster::start(3, 1000).await;
    let mut acknowledged = cluster.propose_all(0..20).await;
    let first = cluster.leader().await;
    cluster.kill(first).await;
    acknowledged.extend(cluster.propose_all(20..40).await);
    let second = cluster.leader().await;
    assert_ne!(first, second);
    cluster.revive(first).await;
    cluster.settled(&acknowledged).await;
    assert_eq!(cluster.node(first).metrics().snapshots_installed, 0);
    acknowledged.extend(cluster.propose_all(40..50).await);
    cluster.settled(&acknowledged).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_far_behind_catches_up_through_a_snapshot() {
    let mut cluster = Cluster::start(3, 10).await;
    let mut acknowledged = cluster.propose_all(0..5).await;
    let follower = cluster.follower().await;
    cluster.kill(follower).await;
    acknowledged.extend(cluster.propose_all(5..100).await);
    // Larger than a frame: it travels in pieces.
    let large = [b"large ".as_slice(), &vec![b'x'; 3 << 20]].concat();
    acknowledged.push(cluster.propose(large).await);
    acknowledged.extend(cluster.propose_all(100..140).await);
    cluster.revive(follower).await;
    cluster.settled(&acknowledged).await;
    assert!(cluster.node(follower).metrics().snapshots_installed > 0);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_state_survives_a_restart_of_everything() {
    let mut cluster = Cluster::start(3, 15).await;
    let mut acknowledged = Vec::new();
    for life in 0..3 {
        acknowledged.extend(cluster.propose_all(life * 20..life * 20 + 20).await);
        for id in 1..=3 {
            cluster.kill(id).await;
        }
        for id in 1..=3 {
            cluster.revive(id).await;
        }
        cluster.settled(&acknowledged).await;
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_node_reads_what_was_answered_anywhere() {
    let cluster = Cluster::start(3, 1000).await;
    let follower = cluster.follower().await;
    for at in 0..30 {
        let command = cluster.propose(text(at)).await;
        for id in 1..=3 {
            let last = cluster
                .node(id)
                .read(|journal| journal.commands().last().cloned())
                .await
                .unwrap();
            assert_eq!(last.as_ref(), Some(&command), "node {id}");
        }
    }
    let leader = cluster.leader().await;
    let refused = cluster.node(follower).propose(text(0)).await;
    let address = cluster.address(leader);
    assert_eq!(
        refused,
        Err(ProposeError::NotLeader {
            leader: Some((leader, address))
        })
    );
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_nothing_is_answered() {
    let mut cluster = Cluster::start(3, 1000).await;
    let acknowledged = cluster.propose_all(0..5).await;
    let leader = cluster.leader().await;
    for id in (1..=3).filter(|id| *id != leader) {
        cluster.kill(id).await;
    }
    let alone = cluster.node(leader);
    let outcome = alone.propose(b"never answered".to_vec()).await;
    assert!(
        matches!(
            outcome,
            Err(ProposeError::Lost | ProposeError::NotLeader { .. })
        ),
        "{outcome:?}"
    );
    assert_eq!(alone.read(|_| ()).await, Err(ReadError::NoLeader));
    let seen = alone.stale(|journal, _| journal.commands());
    assert_eq!(seen, acknowledged);
    tokio::time::timeout(Duration::from_secs(60), cluster.stop())
        .await
        .unwrap();
}

/// Frames of another cluster, for another node, of a stranger, or of garbage end their stream
/// with the reason; the node goes on.
#[tokio::test(flavor = "multi_thread")]
async fn frames_that_are_not_for_this_node_are_refused() {
    let cluster = Cluster::start(3, 1000).await;
    cluster.propose_all(0..3).await;
    let good = RaftFrame {
        cluster: "kumi".to_owned(),
        from: 2,
        to: 1,
        messages: Vec::new(),
        part: None,
        address: "127.0.0.1:1".to_owned(),
        founding: 0,
        machine_version: 1,
    };
    let with = |change: &dyn Fn(&mut RaftFrame)| {
        let mut frame = good.clone();
        change(&mut frame);
        frame
    };
    let huge = RaftPart {
        offset: 0,
        total: u64::MAX,
        data: vec![1],
    };
    let nested = [0xfb, 0x01].repeat(400_000);
    let cases = [
        (good.clone(), Code::Ok),
        (
            with(&|f| f.cluster = "other".to_owned()),
            Code::FailedPrecondition,
        ),
        (with(&|f| f.to = 3), Code::FailedPrecondition),
        (with(&|f| f.from = 0), Code::PermissionDenied),
        (with(&|f| f.founding = 1), Code::FailedPrecondition),
        (with(&|f| f.from = 1), Code::PermissionDenied),
        (
            with(&|f| f.messages = vec![vec![0xff; 9]]),
            Code::InvalidArgument,
        ),
        (
            with(&|f| f.messages = vec![Vec::new()]),
            Code::InvalidArgument,
        ),
        (
            with(&|f| f.messages = vec![nested.clone()]),
            Code::InvalidArgument,
        ),
        (
            with(&|f| f.part = Some(huge.clone())),
            Code::InvalidArgument,
        ),
        (
            with(&|f| f.messages = vec![vec![0; limits::FRAME_BYTES_MAX + 1]]),
            Code::OutOfRange,
        ),
    ];
    let address = format!("http://{}", cluster.address(1));
    for (frame, expected) in cases {
        let mut client = RaftServiceClient::connect(address.clone()).await.unwrap();
        let answer = client.send(tokio_stream::once(frame)).await;
        let code = answer
            .as_ref()
            .map_or_else(|status| status.code(), |_| Code::Ok);
        assert_eq!(code, expected, "{answer:?}");
    }
    cluster.propose_all(3..6).await;
    assert_eq!(cluster.node(1).read(|_| ()).await, Ok(()));
    cluster.stop().await;
}
