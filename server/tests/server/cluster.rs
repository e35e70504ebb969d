//! Three schedulers, one of which dies; and one that is restarted.

use std::collections::BTreeMap;

use kumi_proto::v1;
use kumi_proto::v1::cluster_service_client::ClusterServiceClient;
use kumi_proto::v1::cohort_service_client::CohortServiceClient;
use kumi_proto::v1::target_service_client::TargetServiceClient;
use kumi_server::config::Span;
use kumi_server::{Config, Server, start};
use tempfile::TempDir;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::harness::{LONG, Solo, cohort, detail, dial, eventually, reason, soon, submit, summary};
use crate::worker::FakeWorker;

struct Trio {
    folder: TempDir,
    peers: BTreeMap<u64, String>,
    servers: BTreeMap<u64, Server>,
}

impl Trio {
    async fn start() -> Self {
        let mut peers = BTreeMap::new();
        let mut held = Vec::new();
        for id in 1..=3 {
            // Held until all three are known, so that no port is given out twice.
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            peers.insert(id, listener.local_addr().unwrap().to_string());
            held.push(listener);
        }
        drop(held);
        let folder = tempfile::tempdir().unwrap();
        let mut trio = Self {
            folder,
            peers,
            servers: BTreeMap::new(),
        };
        for id in 1..=3 {
            trio.revive(id).await;
        }
        for server in trio.servers.values() {
            soon("the server to be ready", server.wait_ready()).await;
        }
        trio
    }

    async fn revive(&mut self, id: u64) {
        let mut config = Config::embedded(self.folder.path().join(id.to_string()));
        config.scheduler.id = id;
        config.scheduler.listen = self.peers[&id].clone();
        config.scheduler.peers = self.peers.clone();
        config.scheduler.lease = LONG;
        config.scheduler.report_in = Span::from_ms(50);
        let server = eventually("the port to be free", async || {
            start(config.clone()).await.ok()
        });
        self.servers.insert(id, server.await);
    }

    async fn status(&self, id: u64) -> v1::ClusterStatusResponse {
        let mut client = ClusterServiceClient::new(dial(&self.peers[&id]).await);
        client
            .status(v1::ClusterStatusRequest::default())
            .await
            .unwrap()
            .into_inner()
    }

    /// The node that leads in the eyes of all that live.
    async fn leader(&self) -> u64 {
        eventually("a leader", async || {
            let mut leaders = Vec::new();
            for id in self.servers.keys() {
                leaders.push(self.status(*id).await.leader);
            }
            leaders.dedup();
            (leaders.len() == 1 && self.servers.contains_key(&leaders[0])).then(|| leaders[0])
        })
        .await
    }

    async fn kill(&mut self, id: u64) {
        let server = self.servers.remove(&id).unwrap();
        soon("the server to stop", server.shutdown()).await;
    }

    async fn stop(mut self) {
        for id in [1, 2, 3] {
            if self.servers.contains_key(&id) {
                self.kill(id).await;
            }
        }
    }

    async fn cohorts(&self, id: u64) -> CohortServiceClient<tonic::transport::Channel> {
        CohortServiceClient::new(dial(&self.peers[&id]).await)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_answers_reads_and_names_the_leader_for_the_rest() {
    let trio = Trio::start().await;
    let leader = trio.leader().await;
    let follower = if leader == 1 { 2 } else { 1 };
    submit(&mut trio.cohorts(leader).await, cohort("trio", 3, 1))
        .await
        .unwrap();

    let mut client = trio.cohorts(follower).await;
    assert_eq!(
        summary(&mut client, "trio").await.samples,
        3,
        "a read there sees the write"
    );
    let status = submit(&mut client, cohort("other", 1, 1))
        .await
        .unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Unavailable, "NOT_LEADER")
    );
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.metadata["leader"], trio.peers[&leader]);
    assert_eq!(info.domain, "kumi");

    let mut worker = FakeWorker::start(&trio.peers[&leader], "w1", "1").await;
    let status = worker.reconnect(&trio.peers[&follower]).await.unwrap_err();
    assert_eq!(
        status.get_details_error_info().unwrap().metadata["leader"],
        trio.peers[&leader]
    );

    let shown = trio.status(leader).await;
    let roles: Vec<_> = shown
        .members
        .iter()
        .filter(|m| m.role == "leader")
        .collect();
    assert_eq!((shown.members.len(), roles.len()), (3, 1));
    trio.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_leader_dies_work_goes_on_and_nothing_is_lost() {
    let mut trio = Trio::start().await;
    let leader = trio.leader().await;
    let answer = submit(&mut trio.cohorts(leader).await, cohort("survivor", 4, 3))
        .await
        .unwrap();
    let mut worker = FakeWorker::start(&trio.peers[&leader], "w1", "1").await;
    // Some of it is done, some is running.
    let mut turns = 0;
    worker
        .work(async || {
            turns += 1;
            turns > 3
        })
        .await
        .unwrap();
    worker.obey_until_busy().await;
    let before = detail(&mut trio.cohorts(leader).await, "survivor").await;
    let running = worker.running.clone();
    let made = worker.made;

    trio.kill(leader).await;
    while worker.obey_next().await.is_ok() {}
    let next = trio.leader().await;
    assert_ne!(next, leader);
    eventually("a session with the new leader", async || {
        worker.reconnect(&trio.peers[&next]).await.ok()
    })
    .await;
    for attempt in running.keys() {
        assert!(
            worker.running.contains_key(attempt),
            "a lease outlived its leader"
        );
    }
    assert!(worker.stopped.is_empty());
    let mut client = trio.cohorts(next).await;
    let after = detail(&mut client, "survivor").await;
    // More may have been granted before the end; what was done is done.
    for (after, before) in after.samples.iter().zip(&before.samples) {
        assert_eq!(after.alignment, before.alignment);
        assert_eq!(after.gvcf, before.gvcf);
    }
    worker
        .work(async || summary(&mut client, "survivor").await.state() != v1::CohortState::Running)
        .await
        .unwrap();
    assert_eq!(
        summary(&mut client, "survivor").await.state(),
        v1::CohortState::Completed
    );
    assert!(made > 0);
    assert_eq!(worker.made, answer.tasks, "no task ran twice");

    // The dead one comes back and knows it all.
    trio.revive(leader).await;
    let mut revived = trio.cohorts(leader).await;
    let known = eventually("the revived node to answer", async || {
        let asked = v1::GetCohortRequest {
            cohort: "survivor".to_owned(),
            stale: false,
            store: false,
        };
        revived.get(asked).await.ok()
    })
    .await;
    let summary = known.into_inner().summary.unwrap();
    assert_eq!(summary.state(), v1::CohortState::Completed);
    trio.stop().await;
}

#[tokio::test]
async fn a_restart_from_disk_keeps_everything() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    submit(&mut client, cohort("done", 1, 1)).await.unwrap();
    let mut worker = FakeWorker::start(&solo.address(), "w1", "1").await;
    worker
        .work(async || summary(&mut client, "done").await.state() != v1::CohortState::Running)
        .await
        .unwrap();
    submit(&mut client, cohort("half", 2, 1)).await.unwrap();
    worker.obey_until_busy().await;
    let target = v1::Target {
        programme: "rare".to_owned(),
        unit: "genome".to_owned(),
        count: 10,
        deadline_ms: 4_000_000_000_000,
        set_ms: 0,
    };
    let mut targets = TargetServiceClient::new(dial(&solo.address()).await);
    let set = v1::SetTargetRequest {
        request_id: "t".to_owned(),
        target: Some(target),
    };
    targets.set(set).await.unwrap();
    let done = detail(&mut client, "done").await;

    let solo = solo.restart().await;
    let status = loop {
        if let Err(status) = worker.obey_next().await {
            break status;
        }
    };
    assert_eq!(reason(&status), "STOPPING");
    let mut client = solo.cohorts().await;
    assert_eq!(detail(&mut client, "done").await, done);
    let mut targets = TargetServiceClient::new(dial(&solo.address()).await);
    let shown = targets
        .show(v1::ShowTargetsRequest::default())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(shown.targets[0].target.as_ref().unwrap().count, 10);
    assert_eq!(shown.targets[0].completed, 1.0);
    let leases: Vec<u64> = worker.running.keys().copied().collect();
    worker.reconnect_empty(&solo.address()).await;
    for lease in leases {
        assert!(
            worker.running.contains_key(&lease),
            "a lease outlived the process"
        );
    }
    worker
        .work(async || summary(&mut client, "half").await.state() != v1::CohortState::Running)
        .await
        .unwrap();
    assert_eq!(
        summary(&mut client, "half").await.state(),
        v1::CohortState::Completed
    );
    solo.server.shutdown().await;
}

#[tokio::test]
async fn health_follows_readiness_and_reflection_names_the_services() {
    use tonic_reflection::pb::v1::ServerReflectionRequest;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

    let solo = Solo::start(LONG).await;
    let channel = dial(&solo.address()).await;
    let mut health = HealthClient::new(channel.clone());
    for service in ["", "kumi.v1.CohortService"] {
        let asked = HealthCheckRequest {
            service: service.to_owned(),
        };
        eventually("the service to be healthy", async || {
            let answer = health.check(asked.clone()).await.ok()?.into_inner();
            (answer.status() == tonic_health::pb::health_check_response::ServingStatus::Serving)
                .then_some(())
        })
        .await;
    }
    let asked = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(channel);
    let answer = reflection
        .server_reflection_info(tokio_stream::iter([asked]))
        .await
        .unwrap();
    let answer = answer.into_inner().message().await.unwrap().unwrap();
    let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
        panic!("no list: {answer:?}");
    };
    let names: Vec<_> = list
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    for name in [
        "kumi.v1.CohortService",
        "kumi.v1.WorkerService",
        "grpc.health.v1.Health",
    ] {
        assert!(names.contains(&name), "{names:?}");
    }
    solo.server.shutdown().await;
}
