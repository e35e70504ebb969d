//! Cohorts as their submitter sees them.

use kumi_proto::v1;
use tonic::Code;
use tonic_types::StatusExt as _;

use crate::harness::{LONG, Solo, cohort, detail, messages, reason, soon, submit, summary};
use crate::worker::FakeWorker;

#[tokio::test]
async fn a_cohort_is_submitted_listed_shown_and_explained() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    let answer = submit(&mut client, cohort("trio", 3, 2)).await.unwrap();
    assert!(!answer.existed);
    assert!(answer.tasks > 3);
    assert!(answer.revision > 0);

    let shown = detail(&mut client, "trio").await;
    let by_number = detail(&mut client, &answer.cohort.to_string()).await;
    assert_eq!(shown, by_number);
    let names: Vec<_> = shown
        .samples
        .iter()
        .map(|sample| sample.name.as_str())
        .collect();
    assert_eq!(names, ["s1", "s2", "s3"]);
    assert_eq!(shown.root, "/data/out");

    let asked = v1::WhyRequest {
        cohort: "trio".to_owned(),
        sample: "s2".to_owned(),
        task: None,
    };
    let why = client.why(asked).await.unwrap().into_inner();
    assert!(!why.tasks.is_empty());
    for task in why.tasks {
        assert!(!task.reason.is_empty(), "{task:?}");
    }
    solo.server.shutdown().await;
}

#[tokio::test]
async fn a_cohort_that_no_worker_has_the_labels_for_is_taken_in_with_a_warning() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    let _worker = FakeWorker::start(&solo.address(), "w1", "1").await;
    let mut asking = cohort("asking", 1, 1);
    asking.0.require = vec!["bigmem".to_owned()];
    let answer = submit(&mut client, asking).await.unwrap();
    let no_worker = "no worker has the label bigmem";
    assert!(answer.warning.starts_with(no_worker), "{answer:?}");
    let asked = v1::WhyRequest {
        cohort: "asking".to_owned(),
        sample: String::new(),
        task: Some(v1::TaskId {
            cohort: answer.cohort,
            stage: v1::Stage::Index.into(),
            row: 0,
            column: 0,
        }),
    };
    let why = client.why(asked).await.unwrap().into_inner();
    let names_it = |task: &v1::TaskExplanation| task.reason.starts_with(no_worker);
    assert!(why.tasks.iter().any(names_it), "{why:?}");
    let content = submit(&mut client, cohort("content", 1, 1)).await.unwrap();
    assert_eq!(content.warning, "");
    solo.server.shutdown().await;
}

#[tokio::test]
async fn the_same_request_twice_is_one_submission() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    let first = submit(&mut client, cohort("once", 2, 1)).await.unwrap();
    let second = submit(&mut client, cohort("once", 2, 1)).await.unwrap();
    assert!(second.existed);
    assert_eq!(second.cohort, first.cohort);
    let all = v1::ListCohortsRequest::default();
    assert_eq!(
        client.list(all).await.unwrap().into_inner().cohorts.len(),
        1
    );
    solo.server.shutdown().await;
}

#[tokio::test]
async fn a_list_is_paged_newest_first() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    for name in ["a", "b", "c", "d", "e"] {
        submit(&mut client, cohort(name, 1, 1)).await.unwrap();
    }
    let mut names = Vec::new();
    let mut sizes = Vec::new();
    let mut page_token = String::new();
    loop {
        let asked = v1::ListCohortsRequest {
            page_size: 2,
            page_token,
            stale: false,
        };
        let page = client.list(asked).await.unwrap().into_inner();
        sizes.push(page.cohorts.len());
        names.extend(page.cohorts.into_iter().map(|cohort| cohort.name));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(names, ["e", "d", "c", "b", "a"]);
    assert_eq!(sizes, [2, 2, 1]);
    let asked = v1::ListCohortsRequest {
        page_token: "x".to_owned(),
        ..Default::default()
    };
    assert_eq!(
        client.list(asked).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    solo.server.shutdown().await;
}

#[tokio::test]
async fn faults_of_a_submission_are_all_named_as_fields() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    let (mut header, mut samples) = cohort("bad", 2, 1);
    header.name = String::new();
    samples[1].name = samples[0].name.clone();
    let status = submit(&mut client, (header, samples)).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert!(violations.len() >= 2, "{violations:?}");
    assert!(
        violations
            .iter()
            .all(|v| !v.field.is_empty() && !v.description.is_empty())
    );
    assert_eq!(reason(&status), "INVALID_COHORT");

    let (mut header, samples) = cohort("anonymous", 1, 1);
    header.request_id = String::new();
    let status = submit(&mut client, (header, samples)).await.unwrap_err();
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "header.request_id");

    let mut headless = messages(cohort("headless", 1, 1));
    headless.remove(0);
    let status = client
        .submit(tokio_stream::iter(headless))
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    let all = v1::ListCohortsRequest::default();
    assert!(
        client
            .list(all)
            .await
            .unwrap()
            .into_inner()
            .cohorts
            .is_empty()
    );
    solo.server.shutdown().await;
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    let asked = v1::GetCohortRequest {
        cohort: "nobody".to_owned(),
        stale: false,
        store: false,
    };
    let status = client.get(asked).await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::NotFound, "NOT_FOUND")
    );
    submit(&mut client, cohort("known", 1, 1)).await.unwrap();
    let asked = v1::WhyRequest {
        cohort: "known".to_owned(),
        sample: "s9".to_owned(),
        task: None,
    };
    assert_eq!(client.why(asked).await.unwrap_err().code(), Code::NotFound);
    solo.server.shutdown().await;
}

#[tokio::test]
async fn a_watch_shows_every_cohort_to_its_end_and_resumes() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    submit(&mut client, cohort("seen", 2, 2)).await.unwrap();
    let asked = v1::WatchCohortRequest {
        cohort: "seen".to_owned(),
        from_revision: 0,
    };
    let mut stream = client.watch(asked).await.unwrap().into_inner();
    let first = soon("an update", stream.message()).await.unwrap().unwrap();
    assert_eq!(first.summary.unwrap().samples_done, 0);

    let mut worker = FakeWorker::start(&solo.address(), "w1", "1").await;
    worker
        .work(async || summary(&mut client, "seen").await.state() != v1::CohortState::Running)
        .await
        .unwrap();
    let mut revision = first.revision;
    let mut last = None;
    while let Some(update) = soon("an update", stream.message()).await.unwrap() {
        assert!(update.revision > revision, "revisions grow");
        revision = update.revision;
        last = update.summary;
    }
    let last = last.unwrap();
    assert_eq!(last.state(), v1::CohortState::Completed);
    assert_eq!(last.samples_done, 2);

    let asked = v1::WatchCohortRequest {
        cohort: "seen".to_owned(),
        from_revision: revision,
    };
    let mut again = client.watch(asked).await.unwrap().into_inner();
    let resumed = soon("an update", again.message()).await.unwrap().unwrap();
    assert_eq!(resumed.summary.unwrap(), last);
    assert!(resumed.revision >= revision);
    solo.server.shutdown().await;
}

#[tokio::test]
async fn a_cancelled_cohort_stops_what_runs() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    let number = submit(&mut client, cohort("doomed", 1, 1))
        .await
        .unwrap()
        .cohort;
    let mut worker = FakeWorker::start(&solo.address(), "w1", "1").await;
    worker.obey_until_busy().await;
    let running: Vec<u64> = worker.running.keys().copied().collect();
    let asked = v1::CancelCohortRequest {
        request_id: "cancel".to_owned(),
        cohort: number.to_string(),
        reason: "wrong sheet".to_owned(),
    };
    client.cancel(asked.clone()).await.unwrap();
    // The same request again changes nothing and is no error.
    client.cancel(asked).await.unwrap();
    let cancelled = summary(&mut client, "doomed").await;
    assert_eq!(cancelled.state(), v1::CohortState::Cancelled);
    assert!(
        cancelled.reason.contains("wrong sheet"),
        "{}",
        cancelled.reason
    );
    worker.report().await;
    while worker.stopped.is_empty() {
        worker.obey_next().await.unwrap();
    }
    assert_eq!(worker.stopped, running);
    solo.server.shutdown().await;
}

#[tokio::test]
async fn a_failed_cohort_runs_again_when_told() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    submit(&mut client, cohort("again", 1, 1)).await.unwrap();
    let mut worker = FakeWorker::start(&solo.address(), "w1", "1").await;
    while summary(&mut client, "again").await.state() == v1::CohortState::Running {
        worker.obey_until_busy().await;
        worker.fail_all(v1::FailureClass::BadInput);
        worker.report().await;
        worker.obey_next().await.unwrap();
    }
    assert_eq!(
        summary(&mut client, "again").await.state(),
        v1::CohortState::Failed
    );
    let asked = v1::RetryCohortRequest {
        request_id: "retry".to_owned(),
        cohort: "again".to_owned(),
        ..Default::default()
    };
    assert!(client.retry(asked).await.unwrap().into_inner().tasks > 0);
    worker.report().await;
    worker
        .work(async || summary(&mut client, "again").await.state() != v1::CohortState::Running)
        .await
        .unwrap();
    assert_eq!(
        summary(&mut client, "again").await.state(),
        v1::CohortState::Completed
    );
    solo.server.shutdown().await;
}
