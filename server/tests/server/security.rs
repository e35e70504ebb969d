//! Who may do what, as those who call see it.

use kumi_proto::v1;
use kumi_proto::v1::release_service_client::ReleaseServiceClient;
use kumi_proto::v1::worker_service_client::WorkerServiceClient;
use kumi_server::{Config, StartError, start};
use prost::Message as _;
use tonic::{Code, Status};

use crate::harness::{cohort, reason, submit};
use crate::secure::{ROLES, Secure, first, methods};

const TOKYO: &str = "kumi://kumi/submitter/tokyo/lims";
const OSAKA: &str = "kumi://kumi/submitter/osaka/lims";

/// Methods and who may call them: o(perator), s(ubmitter), w(orker), n(ode), a(uditor), r(ead-only). Written a second
/// time, so that the table of the server is not compared with itself.
const MAY: [(&str, &str); 28] = [
    ("CohortService/Submit", "os"),
    ("CohortService/List", "osar"),
    ("CohortService/Get", "osa"),
    ("CohortService/Watch", "osar"),
    ("CohortService/Cancel", "os"),
    ("CohortService/Retry", "os"),
    ("CohortService/Withdraw", "os"),
    ("CohortService/Purge", "os"),
    ("CohortService/Why", "osa"),
    ("ReleaseService/List", "osa"),
    ("ReleaseService/Get", "osa"),
    ("ReleaseService/Build", "os"),
    ("TargetService/Set", "o"),
    ("TargetService/Show", "osar"),
    ("QueueService/SetPolicy", "o"),
    ("QueueService/GetPolicy", "osar"),
    ("QueueService/Show", "osar"),
    ("WorkerService/Session", "w"),
    ("WorkerService/List", "oar"),
    ("WorkerService/Drain", "o"),
    ("ClusterService/Status", "oswnar"),
    ("ClusterService/Change", "o"),
    ("ClusterService/TransferLeader", "o"),
    ("ClusterService/Backup", "o"),
    ("AuditService/Head", "oa"),
    ("AuditService/Read", "oa"),
    ("AuditService/Tail", "oa"),
    ("RaftService/Send", "n"),
];

#[tokio::test]
async fn a_role_may_do_what_the_table_says_and_nothing_else() {
    let secure = Secure::start().await;
    for (uri, letter) in ROLES.into_iter().zip("oswnar".chars()) {
        let channel = secure.connect(uri).await;
        for path in methods() {
            let own = path.strip_prefix("/kumi.v1.");
            let row = own.and_then(|own| MAY.iter().find(|(method, _)| *method == own));
            let may = match (own, row) {
                (Some(_), Some((_, roles))) => roles.contains(letter),
                (Some(own), None) => panic!("{own} is not in this test"),
                (None, _) => true,
            };
            if may && path.ends_with("/Watch") && own.is_none() {
                // Health's watch never ends by itself, and everybody may.
                continue;
            }
            // Nothing, but for raft, where nothing comes from node 0.
            let foreign = v1::RaftFrame {
                cluster: "another".to_owned(),
                from: 2,
                to: 1,
                ..Default::default()
            };
            let sent = match own {
                Some("RaftService/Send") => foreign.encode_to_vec(),
                _ => Vec::new(),
            };
            let answer = first(channel.clone(), &path, vec![sent]).await;
            let denied = answer
                .as_ref()
                .is_err_and(|status| status.code() == Code::PermissionDenied);
            assert_eq!(denied, !may, "{uri} {path}: {answer:?}");
            if denied {
                assert_eq!(reason(&answer.unwrap_err()), "NOT_PERMITTED");
            }
        }
        let nowhere = first(channel.clone(), "/kumi.v1.CohortService/Destroy", vec![]).await;
        assert_eq!(nowhere.unwrap_err().code(), Code::Unimplemented);
    }
}

fn not_found<T: std::fmt::Debug>(answer: Result<T, Status>, what: &str) {
    let status = answer.expect_err(what);
    assert_eq!(status.code(), Code::NotFound, "{what}: {status:?}");
}

#[tokio::test]
async fn cohorts_of_another_centre_do_not_exist() {
    let secure = Secure::start().await;
    let mut tokyo = secure.cohorts(TOKYO).await;
    let mut osaka = secure.cohorts(OSAKA).await;
    let id = submit(&mut tokyo, cohort("trio", 1, 1)).await.unwrap();
    let id = id.cohort.to_string();

    for cohort in [id.as_str(), "trio"] {
        let cohort = || cohort.to_owned();
        let get = v1::GetCohortRequest {
            cohort: cohort(),
            ..Default::default()
        };
        assert!(tokyo.get(get.clone()).await.is_ok());
        not_found(osaka.get(get).await, "get");
        let watch = v1::WatchCohortRequest {
            cohort: cohort(),
            ..Default::default()
        };
        not_found(osaka.watch(watch).await, "watch");
        let why = v1::WhyRequest {
            cohort: cohort(),
            ..Default::default()
        };
        not_found(osaka.why(why).await, "why");
        let cancel = v1::CancelCohortRequest {
            request_id: "c".to_owned(),
            cohort: cohort(),
            reason: String::new(),
        };
        not_found(osaka.cancel(cancel).await, "cancel");
        let retry = v1::RetryCohortRequest {
            request_id: "r".to_owned(),
            cohort: cohort(),
            ..Default::default()
        };
        not_found(osaka.retry(retry).await, "retry");
        let withdraw = v1::WithdrawSamplesRequest {
            request_id: "w".to_owned(),
            cohort: cohort(),
            samples: vec!["s1".to_owned()],
            ..Default::default()
        };
        not_found(osaka.withdraw(withdraw).await, "withdraw");
        let purge = v1::PurgeSamplesRequest {
            request_id: "p".to_owned(),
            cohort: cohort(),
            samples: Vec::new(),
        };
        not_found(osaka.purge(purge).await, "purge");
        let mut releases = ReleaseServiceClient::new(secure.connect(OSAKA).await);
        let list = v1::ListReleasesRequest {
            cohort: cohort(),
            stale: true,
        };
        not_found(releases.list(list).await, "releases");
        let get = v1::GetReleaseRequest {
            release: cohort(),
            ..Default::default()
        };
        not_found(releases.get(get).await, "release");
        let build = v1::BuildReleaseRequest {
            request_id: "b".to_owned(),
            cohort: cohort(),
        };
        not_found(releases.build(build).await, "build");
    }
    let mut queue = v1::queue_service_client::QueueServiceClient::new(secure.connect(OSAKA).await);
    let shown = queue.show(v1::ShowQueueRequest::default()).await.unwrap();
    assert!(shown.into_inner().cohorts.is_empty());
    let asked = v1::ShowQueueRequest {
        cohort: "trio".to_owned(),
        stale: true,
    };
    not_found(queue.show(asked).await, "queue");
    let all = v1::ListCohortsRequest::default;
    let listed = osaka.list(all()).await.unwrap().into_inner();
    assert!(listed.cohorts.is_empty());
    let listed = tokyo.list(all()).await.unwrap().into_inner();
    assert_eq!(listed.cohorts.len(), 1);
    assert_eq!(listed.cohorts[0].state(), v1::CohortState::Running);
}

#[tokio::test]
async fn a_centre_submits_in_its_own_name_and_keeps_it() {
    let secure = Secure::start().await;
    let mut tokyo = secure.cohorts(TOKYO).await;
    let mut osaka = secure.cohorts(OSAKA).await;
    let refused = submit(&mut osaka, cohort("trio", 1, 1)).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_PERMITTED");
    let first = submit(&mut tokyo, cohort("trio", 1, 1)).await.unwrap();
    // The same request again is the same submission.
    let again = submit(&mut tokyo, cohort("trio", 1, 1)).await.unwrap();
    assert!(again.existed && again.cohort == first.cohort);

    let of_osaka = |root: &str| {
        let (mut header, mut samples) = cohort("trio", 1, 1);
        header.centre = "osaka".to_owned();
        header.request_id = format!("osaka {root}");
        header.root = root.to_owned();
        samples[0].centre = String::new();
        (header, samples)
    };
    // The same name elsewhere is another cohort; in the same place it would share withdrawals.
    let refused = submit(&mut osaka, of_osaka("/data/out")).await.unwrap_err();
    assert_eq!(reason(&refused), "NAME_TAKEN");
    assert_eq!(refused.code(), Code::PermissionDenied);
    let own = submit(&mut osaka, of_osaka("/data/osaka")).await.unwrap();
    let found = |cohort: &str| v1::GetCohortRequest {
        cohort: cohort.to_owned(),
        ..Default::default()
    };
    // By name everybody finds their own, though that of Osaka is the latest.
    for (client, id) in [(&mut tokyo, first.cohort), (&mut osaka, own.cohort)] {
        let detail = client.get(found("trio")).await.unwrap().into_inner();
        assert_eq!(detail.summary.unwrap().cohort, id);
    }
}

#[tokio::test]
async fn machines_go_by_the_names_of_their_certificates() {
    let secure = Secure::start().await;
    let hello = |name: &str| v1::Report {
        hello: Some(v1::WorkerHello {
            name: name.to_owned(),
            incarnation: name.to_owned(),
            cores: 1,
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut workers = WorkerServiceClient::new(secure.connect(ROLES[2]).await);
    let stranger = tokio_stream::once(hello("node18"));
    let refused = workers.session(stranger).await.unwrap_err();
    assert_eq!(reason(&refused), "NOT_PERMITTED");
    let own = tokio_stream::once(hello("node17-b"));
    assert!(workers.session(own).await.is_ok());

    let channel = secure.connect(ROLES[3]).await;
    let frame = |from| v1::RaftFrame {
        cluster: "kumi".to_owned(),
        from,
        to: 1,
        ..Default::default()
    };
    let sent = vec![frame(3).encode_to_vec()];
    let refused = first(channel, "/kumi.v1.RaftService/Send", sent).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("node 2 sends"), "{refused:?}");
}

#[tokio::test]
async fn a_scheduler_does_not_start_with_somebody_elses_certificate() {
    let secure = Secure::start().await;
    for uri in [
        "kumi://kumi/scheduler/-/2",
        "kumi://other/scheduler/-/1",
        "kumi://kumi/worker/-/1",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut config = Config::embedded(folder.path().join("data"));
        config.tls = Some(secure.files(uri));
        match start(config).await {
            Err(StartError::Identity { found, .. }) => assert_eq!(found, uri),
            other => panic!("{uri}: {other:?}"),
        }
    }
}
