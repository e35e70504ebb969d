//! The whole cluster in a file, and a new cluster from it.

use std::io::Write as _;
use std::path::Path;

use kumi_proto::v1;
use kumi_proto::v1::cluster_service_client::ClusterServiceClient;
use tonic::Status;

use crate::args::{Remote, SchedulerArgs};
use crate::command::scheduler;
use crate::exit::{Code, Exit};
use crate::publish::Partial;

/// `kumi cluster backup`: the file has its name once it is complete.
///
/// # Errors
/// 69 when no scheduler answers, 73 and 74 when the file cannot be written.
pub(super) async fn backup(to: &Path, remote: &Remote) -> anyhow::Result<()> {
    let client = remote.client()?;
    let (partial, mut writer) = Partial::create(to)?;
    let file = client.call(async |channel| fetch(channel).await).await?;
    writer
        .write_all(&file)
        .map_err(|error| Exit::new(Code::Io, format!("{}: {error}", to.display())))?;
    partial.publish(writer, None)?;
    eprintln!("{} holds the cluster, {} bytes", to.display(), file.len());
    Ok(())
}

/// A stream that breaks is begun again, perhaps elsewhere: half a backup is none.
async fn fetch(channel: tonic::transport::Channel) -> Result<Vec<u8>, Status> {
    let answer = ClusterServiceClient::new(channel)
        .backup(v1::BackupRequest {})
        .await?;
    let mut chunks = answer.into_inner();
    let mut file = Vec::new();
    while let Some(chunk) = chunks.message().await? {
        file.extend_from_slice(&chunk.data);
    }
    Ok(file)
}

/// `kumi cluster restore`.
///
/// # Errors
/// 65 when the backup is damaged, 66 when it cannot be read, 73 when the folder is not empty.
pub(super) fn restore(backup: &Path, args: &SchedulerArgs) -> anyhow::Result<()> {
    use kumi_server::backup::RestoreError;
    let config = scheduler::configuration(args)?;
    let file = std::fs::read(backup)
        .map_err(|error| Exit::new(Code::MissingInput, format!("{}: {error}", backup.display())))?;
    let restored = kumi_server::backup::restore(&file, &config).map_err(|error| {
        let code = match &error {
            RestoreError::Backup(source) if source.is_of_the_folder() => Code::CannotCreate,
            _ => Code::BadInput,
        };
        let why = kumi_worker::fault::chain(&error);
        Exit::new(code, format!("{}: {why}", backup.display()))
    })?;
    eprintln!(
        "node {} begins with cluster {:?} at revision {}, in {}; do the same on nodes {:?}, then start all",
        config.scheduler.id,
        restored.cluster,
        restored.revision,
        config.scheduler.data_dir.display(),
        restored.nodes,
    );
    Ok(())
}
