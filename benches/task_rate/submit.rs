//! A submission as a client streams it.

use std::time::{Duration, Instant};

use kumi_proto::v1::SubmitRequest;
use kumi_proto::v1::cohort_service_client::CohortServiceClient;
use kumi_worker::endpoint::leader_of;

use crate::campaign::campaign;
use crate::process::Cluster;

const SAMPLES_A_MESSAGE: usize = 500;
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Submitted {
    pub(crate) tasks: u64,
    pub(crate) seconds: f64,
    /// Which node leads.
    pub(crate) leader: usize,
}

/// Submits a campaign to whoever leads; the time is that of the call that was answered.
pub(crate) async fn submit(cluster: &Cluster, name: &str, samples: usize) -> Submitted {
    let open = campaign(name, kumi_worker::KERNEL_VERSION, samples);
    let mut messages: Vec<SubmitRequest> = (open.samples.chunks(SAMPLES_A_MESSAGE))
        .map(|samples| SubmitRequest {
            samples: samples.to_vec(),
            ..SubmitRequest::default()
        })
        .collect();
    messages[0].header = open.header;
    let (mut node, begun) = (0, Instant::now());
    loop {
        assert!(begun.elapsed() < PATIENCE, "nobody takes the submission");
        let uri = format!("http://{}", cluster.address(node));
        let answer = match CohortServiceClient::connect(uri).await {
            Err(_) => None,
            Ok(mut client) => {
                let stream = tokio_stream::iter(messages.clone());
                let began = Instant::now();
                match client.submit(stream).await {
                    Ok(answer) => {
                        return Submitted {
                            tasks: answer.into_inner().tasks,
                            seconds: began.elapsed().as_secs_f64(),
                            leader: node,
                        };
                    }
                    Err(status) => leader_of(&status),
                }
            }
        };
        let named = answer.and_then(|leader| {
            let mut addresses = cluster.addresses().iter();
            addresses.position(|address| *address == leader)
        });
        node = named.unwrap_or((node + 1) % cluster.addresses().len());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
