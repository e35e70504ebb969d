//! One session with a scheduler: dial, speak, listen, until it breaks.

use std::time::Duration;

use kumi_proto::dial::Dial;
use kumi_proto::v1::Report;
use kumi_proto::v1::worker_service_client::WorkerServiceClient;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;
use tonic::transport::Endpoint;

use super::run::Event;
use crate::agent::Input;
use crate::endpoint::{leader_of, uri};

// A leader whose machine loses its power says nothing. Together these are half of the default lease that its successor
// grants afresh, so that a worker is back before its tasks are given away; a site whose lease is shorter than about
// eight seconds loses that.
/// The longest wait for a scheduler to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A scheduler that has been silent for this long is asked whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// … and given up when it does not answer for this long.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Reports that may wait for a scheduler that does not read before the session counts as broken.
const WAITING_REPORTS_MAX: usize = 64;
/// A message may carry many specifications, each with the manifests of a cohort.
const MESSAGE_BYTES_MAX: usize = 256 << 20;

/// A session; dropping it hangs up.
#[derive(Debug)]
pub(super) struct Session {
    number: u64,
    reports: mpsc::Sender<Report>,
    listener: JoinHandle<()>,
}

impl Session {
    /// Opens session `number` with `endpoint`; what becomes of it is told in events that carry the number.
    pub(super) fn dial(
        number: u64,
        (dial, endpoint): (Dial, String),
        first: Report,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        let (reports, sent) = mpsc::channel(WAITING_REPORTS_MAX);
        let _ = reports.try_send(first);
        let listener = tokio::spawn(async move {
            let tell = |input| {
                let _ = events.send(Event::Session { number, input });
            };
            let status = talk(&dial, &endpoint, sent, &tell).await;
            let leader = leader_of(&status);
            tracing::info!(
                endpoint,
                code = ?status.code(),
                reason = status.message(),
                leader,
                "session ended"
            );
            tell(Input::SessionBroken { leader });
        });
        Self {
            number,
            reports,
            listener,
        }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Sends a report; false when the scheduler has not taken many before it.
    pub(super) fn send(&self, report: Report) -> bool {
        self.reports.try_send(report).is_ok()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

/// Talks until the session ends, and says why it did.
async fn talk(
    dial: &Dial,
    endpoint: &str,
    sent: mpsc::Receiver<Report>,
    tell: &impl Fn(Input),
) -> Status {
    let channel = match Endpoint::from_shared(uri(endpoint)) {
        Ok(channel) => channel,
        Err(error) => return Status::invalid_argument(format!("no usable address: {error}")),
    };
    let channel = channel
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .tcp_nodelay(true);
    let channel = match dial.connect(channel).await {
        Ok(channel) => channel,
        Err(error) => return Status::unavailable(crate::fault::chain(&error)),
    };
    let mut client = WorkerServiceClient::new(channel)
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let mut orders = match client.session(ReceiverStream::new(sent)).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return status,
    };
    tracing::info!(endpoint, "session opened");
    tell(Input::Connected);
    while let Some(next) = orders.next().await {
        match next {
            Ok(orders) => tell(Input::Orders(orders)),
            Err(status) => return status,
        }
    }
    Status::unavailable("the scheduler ended the session")
}
