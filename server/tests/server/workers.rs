//! Sessions: leases kept and lost, results taken and refused.

use kumi_proto::v1;
use tonic::Code;

use kumi_server::config::Span;

use crate::harness::{LONG, SHORT, Solo, cohort, eventually, metrics, reason, submit, summary};
use crate::worker::FakeWorker;

async fn listed(solo: &Solo) -> Vec<v1::WorkerStatus> {
    let asked = v1::ListWorkersRequest { stale: false };
    solo.workers()
        .await
        .list(asked)
        .await
        .unwrap()
        .into_inner()
        .workers
}

#[tokio::test]
async fn a_worker_takes_a_cohort_to_its_end() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    let answer = submit(&mut client, cohort("trio", 3, 4)).await.unwrap();
    let mut worker = FakeWorker::start(&solo.address(), "w1", "1").await;
    worker
        .work(async || summary(&mut client, "trio").await.state() != v1::CohortState::Running)
        .await
        .unwrap();
    let done = summary(&mut client, "trio").await;
    assert_eq!(done.state(), v1::CohortState::Completed, "{done:?}");
    assert_eq!(done.samples_done, 3);
    assert_eq!(
        worker.made,
        answer.tasks - answer.tasks_reused,
        "each task ran once"
    );

    // The same inputs again: nothing is left to do.
    let mut same = cohort("trio", 3, 4);
    same.0.request_id = "another".to_owned();
    let again = submit(&mut client, same).await.unwrap();
    assert!(!again.existed);
    assert_eq!(again.tasks_reused, again.tasks);
    solo.server.shutdown().await;
}

/// All cores are a bulk cohort's; an urgent genome comes.
#[tokio::test]
async fn a_bulk_task_makes_room_for_an_urgent_one() {
    let solo = Solo::start_with(LONG, |config| {
        config.scheduler.preempt_after = Span::from_ms(50);
    })
    .await;
    let mut client = solo.cohorts().await;
    let of_class = |name, class: v1::Priority| {
        let mut cohort = cohort(name, 1, 4);
        cohort.0.priority = class.into();
        cohort
    };
    submit(&mut client, of_class("bulk", v1::Priority::Bulk))
        .await
        .unwrap();
    let mut worker = FakeWorker::start(&solo.address(), "w1", "1").await;
    // The index, the alignment; then four calls, a core each.
    for _ in 0..2 {
        worker.obey_until_busy().await;
        worker.finish_all();
        worker.report().await;
    }
    while worker.running.len() < 4 {
        worker.obey_next().await.unwrap();
    }
    worker.report().await;
    submit(&mut client, of_class("baby", v1::Priority::Urgent))
        .await
        .unwrap();
    while worker.split.is_empty() && worker.stopped.is_empty() {
        worker.obey_next().await.unwrap();
    }
    let (split, stopped) = (worker.split.len(), worker.stopped.len());
    assert_eq!(split + stopped, 1, "no more than is needed");
    let text = metrics(&solo).await;
    for (how, count) in [("split", split), ("stopped", stopped)] {
        let line = format!("kumi_preemptions_total{{how=\"{how}\"}} {count}");
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    // It is no failure of its cohort.
    let bulk = summary(&mut client, "bulk").await;
    assert_eq!(bulk.state(), v1::CohortState::Running);
    solo.server.shutdown().await;
}

#[tokio::test]
async fn a_session_that_breaks_keeps_its_leases() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    submit(&mut client, cohort("kept", 1, 1)).await.unwrap();
    let mut worker = FakeWorker::start(&solo.address(), "w1", "1").await;
    worker.obey_until_busy().await;
    let number = worker.number;
    let leases: Vec<u64> = worker.running.keys().copied().collect();

    worker.reconnect(&solo.address()).await.unwrap();
    assert_eq!(worker.number, number);
    assert!(worker.stopped.is_empty());
    assert_eq!(worker.running.keys().copied().collect::<Vec<_>>(), leases);

    // Orders that were lost on the way are given again.
    worker.reconnect_empty(&solo.address()).await;
    assert_eq!(worker.running.keys().copied().collect::<Vec<_>>(), leases);

    // A result that was lost on the way is taken once.
    worker.finish_all();
    worker.reconnect(&solo.address()).await.unwrap();
    assert!(worker.finished.is_empty(), "it was acknowledged");
    solo.server.shutdown().await;
}

#[tokio::test]
async fn a_new_session_ends_the_one_before() {
    let solo = Solo::start(LONG).await;
    let mut old = FakeWorker::start(&solo.address(), "w1", "1").await;
    let new = FakeWorker::start(&solo.address(), "w1", "1").await;
    let status = old.obey_next().await.unwrap_err();
    assert_eq!(
        (status.code(), reason(&status).as_str()),
        (Code::Aborted, "SESSION_OVER")
    );
    assert_eq!(new.number, old.number);
    solo.server.shutdown().await;
}

#[tokio::test]
async fn a_restarted_worker_loses_what_its_old_process_held() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    submit(&mut client, cohort("restart", 1, 1)).await.unwrap();
    let mut old = FakeWorker::start(&solo.address(), "w1", "1").await;
    old.obey_until_busy().await;
    let fenced: Vec<u64> = old.running.keys().copied().collect();
    let mut new = FakeWorker::start(&solo.address(), "w1", "2").await;
    assert_ne!(new.number, old.number);
    new.obey_until_busy().await;
    assert!(
        new.running.keys().min() > fenced.iter().max(),
        "attempts grow"
    );
    old.finish_all();
    old.report().await;
    // Whether its session still stands or not, its results count for nothing.
    let _ = old.obey_next().await;
    let shown = summary(&mut client, "restart").await;
    assert_eq!(shown.stages.iter().map(|stage| stage.done).sum::<u64>(), 0);
    solo.server.shutdown().await;
}

#[tokio::test]
async fn silence_ends_leases_and_a_late_result_is_refused() {
    let solo = Solo::start(SHORT).await;
    let mut client = solo.cohorts().await;
    submit(&mut client, cohort("late", 1, 1)).await.unwrap();
    let mut silent = FakeWorker::start(&solo.address(), "silent", "1").await;
    silent.obey_until_busy().await;
    let fenced = silent.running.clone();

    // Silent from here on: its session ends and its task is ready again.
    let status = loop {
        if let Err(status) = silent.obey_next().await {
            break status;
        }
    };
    assert_eq!(reason(&status), "SESSION_OVER");
    eventually("the worker to be lost", async || {
        let lost = listed(&solo)
            .await
            .iter()
            .any(|worker| worker.state == "lost");
        lost.then_some(())
    })
    .await;

    // It comes back with a result for an attempt that is no longer current.
    silent.finish_all();
    silent.reconnect(&solo.address()).await.unwrap();
    assert!(
        silent.finished.is_empty(),
        "the result is acknowledged as decided"
    );
    let shown = summary(&mut client, "late").await;
    assert_eq!(
        shown.stages.iter().map(|stage| stage.done).sum::<u64>(),
        0,
        "but not taken"
    );

    // The task is granted again under a higher attempt, and its result counts.
    silent.obey_until_busy().await;
    assert!(silent.running.keys().min() > fenced.keys().max());
    silent
        .work(async || summary(&mut client, "late").await.state() != v1::CohortState::Running)
        .await
        .unwrap();
    assert_eq!(
        summary(&mut client, "late").await.state(),
        v1::CohortState::Completed
    );
    solo.server.shutdown().await;
}

#[tokio::test]
async fn a_draining_worker_gets_nothing_until_it_is_resumed() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    let mut worker = FakeWorker::start(&solo.address(), "w1", "1").await;
    let drain = |resume: bool| v1::DrainWorkerRequest {
        request_id: format!("drain {resume}"),
        name: "w1".to_owned(),
        resume,
        reason: "disk".to_owned(),
    };
    solo.workers().await.drain(drain(false)).await.unwrap();
    while !worker.drain {
        worker.obey_next().await.unwrap();
    }
    submit(&mut client, cohort("waits", 1, 1)).await.unwrap();
    let status = listed(&solo).await.remove(0);
    assert!(status.state.starts_with("drain"), "{}", status.state);

    // A session that begins now is told from the start.
    worker.reconnect(&solo.address()).await.unwrap();
    assert!(worker.drain);
    assert!(worker.running.is_empty());

    solo.workers().await.drain(drain(true)).await.unwrap();
    worker.obey_until_busy().await;
    assert!(!worker.drain);
    let missing = v1::DrainWorkerRequest {
        name: "w9".to_owned(),
        ..drain(false)
    };
    let missing = v1::DrainWorkerRequest {
        request_id: "other".to_owned(),
        ..missing
    };
    let status = solo.workers().await.drain(missing).await.unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
    solo.server.shutdown().await;
}

#[tokio::test]
async fn a_worker_that_leaves_in_order_is_gone_at_once() {
    let solo = Solo::start(LONG).await;
    let worker = FakeWorker::start(&solo.address(), "w1", "1").await;
    worker.report_leaving().await;
    eventually("the last report to arrive", async || {
        (listed(&solo).await[0].free_cores == 0).then_some(())
    })
    .await;
    drop(worker);
    eventually("the worker to be gone", async || {
        let gone = listed(&solo)
            .await
            .iter()
            .all(|worker| worker.state == "lost");
        gone.then_some(())
    })
    .await;
    solo.server.shutdown().await;
}

#[tokio::test]
async fn few_tasks_are_spread_over_the_workers() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.cohorts().await;
    let mut first = FakeWorker::start(&solo.address(), "w1", "1").await;
    let mut second = FakeWorker::start(&solo.address(), "w2", "1").await;
    submit(&mut client, cohort("spread", 2, 1)).await.unwrap();
    // The index stage is one task; whoever has it finishes it.
    let busy = async |worker: &mut FakeWorker| {
        eventually("a task", async || {
            let moment = std::time::Duration::from_millis(20);
            let _ = tokio::time::timeout(moment, worker.obey_next()).await;
            (!worker.running.is_empty()).then_some(())
        })
        .await;
    };
    tokio::select! {
        () = busy(&mut first) => {}
        () = busy(&mut second) => {}
    }
    for worker in [&mut first, &mut second] {
        worker.finish_all();
        worker.report().await;
    }
    // Two alignments, one on each.
    busy(&mut first).await;
    busy(&mut second).await;
    solo.server.shutdown().await;
}

#[tokio::test]
async fn a_session_begins_with_a_hello() {
    let solo = Solo::start(LONG).await;
    let mut client = solo.workers().await;
    let silent = tokio_stream::iter([v1::Report::default()]);
    let status = client.session(silent).await.unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
    assert_eq!(reason(&status), "BAD_REQUEST");
    solo.server.shutdown().await;
}
