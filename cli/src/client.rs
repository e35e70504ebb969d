//! Calls to a scheduler, whichever of the endpoints leads.

use std::time::{Duration, Instant};

use kumi_proto::dial::Dial;
use kumi_tls::Credentials;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::exit::{self, Exit};

/// How long a call is tried again while no leader answers.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(200);
const CONNECT: Duration = Duration::from_secs(3);

/// A scheduler cluster, by the addresses of some of its members.
#[derive(Clone, Debug)]
pub struct Client {
    endpoints: Vec<String>,
    patience: Duration,
    dial: Dial,
    credentials: Option<Credentials>,
}

impl Client {
    /// A client of the schedulers at `endpoints`, each `host:port`.
    #[must_use]
    pub fn new(endpoints: Vec<String>) -> Self {
        Self {
            endpoints,
            patience: PATIENCE,
            dial: Dial::default(),
            credentials: None,
        }
    }

    /// Shows a certificate, and asks for that of a scheduler.
    #[must_use]
    pub fn secured(mut self, credentials: Credentials) -> Self {
        self.dial = credentials.dial();
        self.credentials = Some(credentials);
        self
    }

    /// Runs `call` against the leader: tries the endpoints in turn, goes where a follower points, and
    /// tries again while the cluster has no leader. Every other status is final. A call must be safe to
    /// repeat: reads are, mutations carry a request id.
    ///
    /// # Errors
    /// What the scheduler refused it for, or 69 when no leader was found.
    pub async fn call<T, F>(&self, mut call: F) -> anyhow::Result<T>
    where
        F: AsyncFnMut(Channel) -> Result<T, Status>,
    {
        let deadline = Instant::now() + self.patience;
        let mut next = 0;
        let mut hint: Option<String> = None;
        loop {
            let endpoint = hint
                .take()
                .unwrap_or_else(|| self.endpoints[next % self.endpoints.len()].clone());
            let answer = match self.connect(&endpoint).await {
                Ok(channel) => call(channel).await,
                Err(status) => Err(status),
            };
            let status = match answer {
                Ok(value) => return Ok(value),
                Err(status) => status,
            };
            if let Some(why) = self.refusal() {
                let message =
                    format!("{endpoint}: {why} (kumi certs show tells what a certificate says)");
                return Err(Exit::new(exit::Code::NotPermitted, message).into());
            }
            if status.code() != Code::Unavailable && !is_of_transport(&status) {
                return Err(refused(&status).into());
            }
            hint = leader_hint(&status).filter(|leader| *leader != endpoint);
            if hint.is_none() {
                next += 1;
                tokio::time::sleep(PAUSE).await;
            }
            if Instant::now() >= deadline {
                let message = format!(
                    "no scheduler leads at {}: {}; check that a majority of the schedulers is up (kumi cluster status)",
                    self.endpoints.join(","),
                    status.message()
                );
                return Err(Exit::new(exit::Code::Unavailable, message).into());
            }
        }
    }

    /// Runs `call` against each endpoint and gives every answer with the endpoint's name.
    pub async fn each<T, F>(&self, mut call: F) -> Vec<(String, Result<T, Status>)>
    where
        F: AsyncFnMut(Channel) -> Result<T, Status>,
    {
        let mut answers = Vec::new();
        for endpoint in &self.endpoints {
            let answer = match self.connect(endpoint).await {
                Ok(channel) => call(channel).await,
                Err(status) => Err(status),
            };
            let answer = answer.map_err(|status| match self.refusal() {
                Some(why) => Status::permission_denied(why),
                None => status,
            });
            answers.push((endpoint.clone(), answer));
        }
        answers
    }

    /// What TLS said against the certificate of either end, since it was asked last.
    fn refusal(&self) -> Option<String> {
        self.credentials.as_ref()?.take_refusal()
    }

    async fn connect(&self, endpoint: &str) -> Result<Channel, Status> {
        let uri = if endpoint.contains("://") {
            endpoint.to_owned()
        } else {
            format!("http://{endpoint}")
        };
        let endpoint = Endpoint::from_shared(uri)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        let endpoint = endpoint
            .connect_timeout(CONNECT)
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(5));
        self.dial
            .connect(endpoint)
            .await
            .map_err(|error| Status::unavailable(format!("cannot connect: {error}")))
    }
}

/// A refusal in the scheduler's words.
fn refused(status: &Status) -> Exit {
    let code = exit::Code::of_status(status.code());
    let said = match status.message() {
        "" => status.code().description(),
        message => message,
    };
    Exit::new(code, said.to_owned())
}

/// Whether no scheduler said this: the connection broke, or the other end speaks something else.
fn is_of_transport(status: &Status) -> bool {
    std::error::Error::source(status).is_some_and(|source| source.is::<tonic::transport::Error>())
}

/// The leader's address when a follower answered.
fn leader_hint(status: &Status) -> Option<String> {
    let info = status.get_details_error_info()?;
    (info.reason == "NOT_LEADER")
        .then(|| info.metadata.get("leader").cloned())
        .flatten()
        .filter(|a| !a.is_empty())
}
