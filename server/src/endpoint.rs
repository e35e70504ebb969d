//! The gRPC endpoint: all services on one socket, counted, with limits.

use std::sync::Arc;
use std::time::Duration;

use kumi_proto::v1::audit_service_server::{AuditServiceServer, SERVICE_NAME as AUDIT};
use kumi_proto::v1::cluster_service_server::{ClusterServiceServer, SERVICE_NAME as CLUSTER};
use kumi_proto::v1::cohort_service_server::{CohortServiceServer, SERVICE_NAME as COHORT};
use kumi_proto::v1::queue_service_server::{QueueServiceServer, SERVICE_NAME as QUEUE};
use kumi_proto::v1::release_service_server::{ReleaseServiceServer, SERVICE_NAME as RELEASE};
use kumi_proto::v1::target_service_server::{SERVICE_NAME as TARGET, TargetServiceServer};
use kumi_proto::v1::worker_service_server::{SERVICE_NAME as WORKER, WorkerServiceServer};
use tokio_stream::Stream;
use tonic::transport::Server;
use tonic_health::pb::health_server::{Health, HealthServer};

use crate::control::Control;
use crate::environment::Connection;
use crate::guard::Guard;
use crate::limits;
use crate::metrics::rpc::RpcMetrics;
use crate::service::audit::Audit;
use crate::service::cluster::Cluster;
use crate::service::cohort::Cohorts;
use crate::service::queue::Queue;
use crate::service::release::Releases;
use crate::service::target::Targets;
use crate::service::worker::Workers;

/// What the endpoint serves, as encoded descriptors.
pub(crate) const DESCRIPTORS: [&[u8]; 3] = [
    kumi_proto::DESCRIPTORS,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
];

/// Names in the health service; the empty one stands for all.
pub(crate) const SERVICES: [&str; 8] = ["", COHORT, RELEASE, WORKER, TARGET, QUEUE, CLUSTER, AUDIT];

/// Why the endpoint ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The sockets failed.
    #[error(transparent)]
    Transport(#[from] tonic::transport::Error),
    /// The descriptors are not what they should be: a defect.
    #[error(transparent)]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Serves until the server is told to stop, then finishes what is under way.
pub(crate) async fn serve<I, E>(
    control: Arc<Control>,
    connections: impl Stream<Item = Result<I, E>>,
    (rpc, guard): (RpcMetrics, Guard),
    health: HealthServer<impl Health>,
) -> Result<(), ServeError>
where
    I: Connection,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(kumi_proto::DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()?;
    let most = limits::MESSAGE_BYTES_MAX;
    let cohorts = CohortServiceServer::new(Cohorts {
        control: Arc::clone(&control),
    });
    let releases = ReleaseServiceServer::new(Releases {
        control: Arc::clone(&control),
    });
    let workers = WorkerServiceServer::new(Workers {
        control: Arc::clone(&control),
    });
    let targets = TargetServiceServer::new(Targets {
        control: Arc::clone(&control),
    });
    let queue = QueueServiceServer::new(Queue {
        control: Arc::clone(&control),
    });
    let audit = AuditServiceServer::new(Audit {
        control: Arc::clone(&control),
    });
    let cluster = ClusterServiceServer::new(Cluster {
        control: Arc::clone(&control),
    });
    let raft = kumi_cluster::service(&control.node);
    Server::builder()
        .tcp_nodelay(true)
        .http2_keepalive_interval(Some(Duration::from_millis(limits::KEEP_ALIVE_MS)))
        .http2_keepalive_timeout(Some(Duration::from_millis(limits::KEEP_ALIVE_TIMEOUT_MS)))
        .max_concurrent_streams(limits::CONNECTION_STREAMS_MAX)
        .http2_max_header_list_size(limits::HEADER_BYTES_MAX)
        .layer(rpc)
        .layer(guard)
        .add_service(cohorts.max_decoding_message_size(most))
        .add_service(releases)
        .add_service(workers.max_decoding_message_size(most))
        .add_service(targets)
        .add_service(queue)
        .add_service(cluster)
        .add_service(audit)
        .add_service(raft)
        .add_service(health)
        .add_service(reflection)
        .serve_with_incoming_shutdown(connections, async move {
            control.stopping().await;
        })
        .await?;
    Ok(())
}
