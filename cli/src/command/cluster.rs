//! `kumi cluster`: the schedulers, who belongs to them, and what they know in a file.

mod backup;
mod members;
mod view;

use crate::args::ClusterCommand;

/// Runs the command.
///
/// # Errors
/// 69 when no scheduler answers or none of them knows a leader; what a change was refused for.
pub async fn run(command: ClusterCommand) -> anyhow::Result<()> {
    match command {
        ClusterCommand::Status { remote } => view::all(&remote).await,
        ClusterCommand::Add {
            id,
            address,
            learner,
            change,
        } => members::add(id, &address, learner, &change).await,
        ClusterCommand::Promote { id, change } => members::promote(id, &change).await,
        ClusterCommand::Remove { id, change } => members::remove(id, &change).await,
        ClusterCommand::Replace {
            old,
            new,
            address,
            change,
        } => members::replace(old, new, &address, &change).await,
        ClusterCommand::Transfer { id, remote } => members::transfer(id, &remote).await,
        ClusterCommand::Upgrade { remote } => members::upgrade(&remote).await,
        ClusterCommand::Backup { to, remote } => backup::backup(&to, &remote).await,
        ClusterCommand::Restore { backup, scheduler } => backup::restore(&backup, &scheduler),
    }
}
