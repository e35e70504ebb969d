//! Whether the schedulers can be reached, and what they say of themselves.

use jiff::Timestamp;
use kumi_proto::v1::ClusterStatusRequest;
use kumi_proto::v1::cluster_service_client::ClusterServiceClient;
use kumi_tls::{Credentials, Files};
use kumi_worker::capabilities::VERSION;
use kumi_worker::fault::chain;
use tonic::Status;

use crate::client::Client;
use crate::command::doctor::clock::{self, Offset};
use crate::command::doctor::finding::Finding;
use crate::command::doctor::limits;

const CHECK: &str = "scheduler";

/// One endpoint, and what came of asking it.
pub(super) struct Facts {
    pub(super) endpoint: String,
    pub(super) answer: Result<Answer, String>,
}

/// Who is to work with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker<'a> {
    /// A worker or a person: without a leader nothing can be done.
    Client,
    /// One of them, of the cluster of this name: until a majority is started there is none.
    Scheduler(&'a str),
}

/// What a scheduler says.
pub(super) struct Answer {
    pub(super) id: u64,
    pub(super) cluster: String,
    pub(super) version: String,
    /// 0: none.
    pub(super) leader: u64,
    pub(super) took_ms: u64,
    pub(super) secured: bool,
    /// How far its clock is ahead of this machine's, when it stamps its answers.
    pub(super) offset: Option<Offset>,
}

/// Asks each of them.
pub(super) async fn gather(endpoints: &[String], tls: Option<Files>) -> Vec<Facts> {
    let credentials = match tls.map(Credentials::load).transpose() {
        Ok(credentials) => credentials,
        Err(error) => {
            let why = format!("not dialled: {}", chain(&error));
            let unasked = |endpoint: &String| Facts {
                endpoint: endpoint.clone(),
                answer: Err(why.clone()),
            };
            return endpoints.iter().map(unasked).collect();
        }
    };
    let mut reached = Vec::new();
    for endpoint in endpoints {
        let asked = tokio::time::timeout(limits::PATIENCE, ask(endpoint, credentials.as_ref()));
        let answer = asked
            .await
            .unwrap_or_else(|_| Err("no answer in time".to_owned()));
        reached.push(Facts {
            endpoint: endpoint.clone(),
            answer,
        });
    }
    reached
}

async fn ask(endpoint: &str, credentials: Option<&Credentials>) -> Result<Answer, String> {
    let client = Client::new(vec![endpoint.to_owned()]);
    let client = match credentials {
        Some(credentials) => client.secured(credentials.clone()),
        None => client,
    };
    let answers = client
        .each(async |channel| {
            let sent = Timestamp::now().as_millisecond();
            let request = ClusterStatusRequest::default();
            let answer = ClusterServiceClient::new(channel).status(request).await?;
            let received = Timestamp::now().as_millisecond();
            let date = answer.metadata().get("date");
            let date = date.and_then(|date| date.to_str().ok()).map(str::to_owned);
            Ok((answer.into_inner(), date, sent, received))
        })
        .await;
    let answer = answers.into_iter().next().map(|(_, answer)| answer);
    let answer = answer.unwrap_or_else(|| Err(Status::internal("nobody was asked")));
    let (status, date, sent, received) = answer.map_err(|status| status.message().to_owned())?;
    Ok(Answer {
        id: status.id,
        cluster: status.cluster,
        version: status.version,
        leader: status.leader,
        took_ms: u64::try_from(received - sent).unwrap_or_default(),
        secured: credentials.is_some(),
        offset: date.and_then(|date| clock::offset(&date, sent, received)),
    })
}

/// A finding for each endpoint.
pub(super) fn judge(reached: &[Facts], asker: Asker<'_>) -> Vec<Finding> {
    if reached.is_empty() {
        let how = "--endpoint HOST:PORT, or --config FILE";
        return vec![Finding::skipped(CHECK, "none is named", how)];
    }
    // A cluster does without a minority.
    let up = reached.iter().filter(|facts| facts.answer.is_ok()).count();
    let enough = 2 * up > reached.len() || asker != Asker::Client;
    let each = reached.iter().map(|facts| match &facts.answer {
        Ok(answer) => answered(&facts.endpoint, answer, asker),
        Err(why) => unreached(&facts.endpoint, why, enough),
    });
    each.collect()
}

fn unreached(endpoint: &str, why: &str, enough: bool) -> Finding {
    let found = Finding::ok(CHECK, format!("{endpoint}: {why}"));
    let needed = "a scheduler that listens there and is of the same cluster";
    let (host, port) = endpoint.rsplit_once(':').unwrap_or((endpoint, "PORT"));
    let mend = format!(
        "start it, open TCP port {port} of {host} (nc -z {host} {port}), or mend the certificate"
    );
    if enough {
        found.warn(needed, mend)
    } else {
        found.fail(needed, mend)
    }
}

fn answered(endpoint: &str, answer: &Answer, asker: Asker<'_>) -> Finding {
    let Answer {
        id,
        cluster,
        version,
        leader,
        took_ms,
        secured,
        ..
    } = answer;
    let wire = if *secured { "TLS" } else { "no TLS" };
    let found = Finding::ok(
        CHECK,
        format!(
            "{endpoint}: node {id} of cluster {cluster}, version {version}, {took_ms} ms, {wire}"
        ),
    );
    if let Asker::Scheduler(expected) = asker
        && expected != cluster
    {
        let mend = "correct scheduler.cluster or the address";
        return found.fail(&format!("a scheduler of cluster {expected}"), mend);
    }
    if *leader == 0 {
        let mend = "start a majority of the schedulers (kumi cluster status)";
        return match asker {
            Asker::Client => found.fail("a leader", mend),
            Asker::Scheduler(_) => found.warn("a leader", mend),
        };
    }
    if version != VERSION {
        let needed = format!("version {VERSION}, as here");
        return found.warn(
            &needed,
            "install the same version everywhere, schedulers first",
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{Answer, Asker, Facts, VERSION, judge};
    use crate::command::doctor::finding::Status;

    fn up() -> Answer {
        Answer {
            id: 1,
            cluster: "c".to_owned(),
            version: VERSION.to_owned(),
            leader: 2,
            took_ms: 3,
            secured: true,
            offset: None,
        }
    }

    fn status(asker: Asker<'_>, answers: Vec<Result<Answer, String>>) -> Vec<Status> {
        let facts = answers.into_iter().map(|answer| Facts {
            endpoint: "s:7070".to_owned(),
            answer,
        });
        let facts: Vec<_> = facts.collect();
        let found = judge(&facts, asker);
        found.iter().map(|finding| finding.status).collect()
    }

    fn down() -> Result<Answer, String> {
        Err("refused".to_owned())
    }

    #[test]
    fn a_majority_is_enough_and_less_is_not() {
        let (ok, warn, fail) = (Status::Ok, Status::Warn, Status::Fail);
        let client = |answers| status(Asker::Client, answers);
        assert_eq!(client(vec![Ok(up()), Ok(up()), down()]), [ok, ok, warn]);
        assert_eq!(client(vec![Ok(up()), down(), down()]), [ok, fail, fail]);
        assert_eq!(client(vec![]), [Status::Skipped]);
        // The first one that is started finds nobody, and that is as it should be.
        let first = status(Asker::Scheduler("c"), vec![down(), down()]);
        assert_eq!(first, [warn, warn]);
    }

    #[test]
    fn what_a_scheduler_says_is_compared() {
        let with = |change: fn(&mut Answer)| {
            [Asker::Client, Asker::Scheduler("c")].map(|asker| {
                let mut answer = up();
                change(&mut answer);
                status(asker, vec![Ok(answer)])[0]
            })
        };
        let (ok, warn, fail) = (Status::Ok, Status::Warn, Status::Fail);
        assert_eq!(with(|_| {}), [ok, ok]);
        assert_eq!(with(|it| it.leader = 0), [fail, warn]);
        assert_eq!(with(|it| it.cluster = "d".to_owned()), [ok, fail]);
        assert_eq!(with(|it| it.version = "9".to_owned()), [warn, warn]);
    }
}
