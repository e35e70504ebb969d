//! What people do in a run: one submits a cohort and waits for it, others set a target and look at it.

use std::time::Duration;

use kumi_proto::v1::cohort_service_client::CohortServiceClient;
use kumi_proto::v1::target_service_client::TargetServiceClient;
use kumi_proto::v1::worker_service_client::WorkerServiceClient;
use kumi_proto::v1::{self, CohortState};
use kumi_worker::endpoint::leader_of;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};

use crate::cohort::{cohort, expected_end};
use crate::faults::{Size, worker};
use crate::history::{Call, CallKind, History, now_ms};
use crate::linearizable::CALLS_MAX;
use crate::network::{address, dial};
use crate::random::Random;

/// A call without an answer for this long has none.
const PATIENCE: Duration = Duration::from_millis(3_000);
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// Submits a cohort, again until that is answered, and waits until it has ended.
///
/// # Errors
/// Never; the simulation wants to be told of errors.
pub async fn submitter(size: Size, seed: u64, history: History) -> turmoil::Result {
    let mut cluster = Cluster::new(size, seed, 1);
    let cohort = loop {
        let answer = cluster
            .call(async |channel| {
                let messages = tokio_stream::iter([cohort(seed)]);
                CohortServiceClient::new(channel).submit(messages).await
            })
            .await;
        match answer {
            Ok(answer) => break answer.into_inner().cohort,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    };
    history.tell(format_args!("cohort {cohort} is submitted"));
    loop {
        let asked = v1::GetCohortRequest {
            cohort: cohort.to_string(),
            stale: false,
            store: false,
        };
        let answer = cluster
            .call(async |channel| CohortServiceClient::new(channel).get(asked.clone()).await)
            .await;
        let summary = answer.ok().and_then(|answer| answer.into_inner().summary);
        match summary.map(|summary| summary.state()) {
            None | Some(CohortState::Running) => tokio::time::sleep(PAUSE).await,
            Some(state) => {
                history.tell(format_args!("the cohort ended as {}", state.as_str_name()));
                history.seen().completed_ms = (state == expected_end(seed)).then(now_ms);
                return Ok(());
            }
        }
    }
}

/// Drains workers and has them work again, at any node, until the cohort should be complete.
///
/// # Errors
/// Never; the simulation wants to be told of errors.
pub async fn maintainer(size: Size, seed: u64, history: History) -> turmoil::Result {
    let mut cluster = Cluster::new(size, seed, 20);
    for turn in 0..3 {
        tokio::time::sleep(Duration::from_millis(cluster.random.between(500, 6_000))).await;
        let name = worker(cluster.random.between(1, size.workers + 1));
        for resume in [false, true] {
            let request = v1::DrainWorkerRequest {
                request_id: format!("{turn} {resume}"),
                name: name.clone(),
                resume,
                reason: "maintenance".to_owned(),
            };
            loop {
                let answer = cluster
                    .call(async |channel| {
                        WorkerServiceClient::new(channel)
                            .drain(request.clone())
                            .await
                    })
                    .await;
                match answer {
                    Err(status) if status.code() != Code::NotFound => {
                        tokio::time::sleep(PAUSE).await;
                    }
                    _ => break,
                }
            }
            let what = if resume { "works again" } else { "is drained" };
            history.tell(format_args!("{name} {what}"));
            tokio::time::sleep(Duration::from_millis(cluster.random.between(100, 3_000))).await;
        }
    }
    Ok(())
}

/// Sets the target of one programme and looks at it, in turns, at any node.
///
/// # Errors
/// Never; the simulation wants to be told of errors.
pub async fn operator(number: u64, size: Size, seed: u64, history: History) -> turmoil::Result {
    let mut cluster = Cluster::new(size, seed, 10 + number);
    let calls = CALLS_MAX as u64 / 2;
    for turn in 0..calls {
        tokio::time::sleep(Duration::from_millis(cluster.random.between(50, 1_500))).await;
        let value = 1 + number * calls + turn;
        let begun = now_ms();
        let kind = if cluster.random.once_in(2) {
            let answer = cluster
                .once(async |channel| set(channel, value).await)
                .await;
            match answer {
                Some(Err(status)) if leader_of(&status).is_some() => continue,
                Some(Ok(())) => (CallKind::Write(value), Some(now_ms())),
                Some(Err(_)) | None => (CallKind::Write(value), None),
            }
        } else {
            match cluster.once(show).await {
                Some(Ok(read)) => (CallKind::Read(read), Some(now_ms())),
                Some(Err(_)) | None => continue,
            }
        };
        history.seen().calls.push(Call {
            kind: kind.0,
            from_ms: begun,
            to_ms: kind.1,
        });
    }
    Ok(())
}

async fn set(channel: Channel, value: u64) -> Result<(), Status> {
    let target = v1::Target {
        programme: "watched".to_owned(),
        unit: "case".to_owned(),
        count: value,
        deadline_ms: u64::MAX / 4,
        set_ms: 0,
    };
    let request = v1::SetTargetRequest {
        request_id: format!("set {value}"),
        target: Some(target),
    };
    TargetServiceClient::new(channel).set(request).await?;
    Ok(())
}

async fn show(channel: Channel) -> Result<u64, Status> {
    let request = v1::ShowTargetsRequest {
        programme: "watched".to_owned(),
        stale: false,
    };
    let answer = TargetServiceClient::new(channel).show(request).await?;
    let targets = answer.into_inner().targets;
    let target = targets.first().and_then(|progress| progress.target.clone());
    Ok(target.map_or(0, |target| target.count))
}

/// The schedulers as a client knows them.
pub(crate) struct Cluster {
    size: Size,
    /// What this client draws from.
    pub(crate) random: Random,
    /// The node that was named as the leader.
    leader: Option<String>,
}

impl Cluster {
    pub(crate) fn new(size: Size, seed: u64, purpose: u64) -> Self {
        Self {
            size,
            random: Random::new(seed, 100 + purpose),
            leader: None,
        }
    }

    /// One call to the leader, if one was named, or to any node.
    pub(crate) async fn call<R>(
        &mut self,
        call: impl AsyncFnOnce(Channel) -> Result<R, Status>,
    ) -> Result<R, Status> {
        let answer = self.once(call).await;
        let answer = answer.unwrap_or_else(|| Err(Status::unavailable("no answer")));
        self.leader = answer.as_ref().err().and_then(leader_of);
        answer
    }

    /// One call; none when there was no answer in time.
    async fn once<R>(
        &mut self,
        call: impl AsyncFnOnce(Channel) -> Result<R, Status>,
    ) -> Option<Result<R, Status>> {
        let any = || address(self.random.between(1, self.size.nodes() + 1));
        let asked = self.leader.take().unwrap_or_else(any);
        let endpoint = Endpoint::from_shared(format!("http://{asked}")).ok()?;
        let asked = async {
            match dial().connect(endpoint).await {
                Ok(channel) => call(channel).await,
                Err(error) => Err(Status::unavailable(error.to_string())),
            }
        };
        tokio::time::timeout(PATIENCE, asked).await.ok()
    }
}
