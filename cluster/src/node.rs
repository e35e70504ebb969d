//! The node: a handle around a replica and the loop that feeds it (`event_loop`).
//!
//! Writes to disk block, so the loop has a thread of its own, unless its environment says
//! otherwise. Everything reaches it through one queue; queues are bounded by permits that travel
//! with what waits in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::Instant;

use crate::addresses::endpoint;
use crate::audit::Head;
use crate::backup::Backup;
use crate::change::{Change, ChangeError};
use crate::config::Config;
use crate::desk::Desk;
use crate::environment::{Drive, Environment};
use crate::error::{Failure, ProposeError, ReadError, StartError};
use crate::event::{ChangeReply, Event, Introduction, Proposal, Reader, Waiter};
use crate::event_loop::{EventLoop, guarded};
use crate::limits;
use crate::machine::StateMachine;
use crate::metrics::{Counters, Metrics};
use crate::replica::{Disk, POISONED, Replica, Shared};
use crate::status::Status;
use crate::store::disk::DiskLog;
use crate::store::records::Identity;
use crate::transport::inbox::Inbox;
use crate::transport::outbox::Outbox;

/// How a node ended: `None` while it runs, then by request or by a failure.
type End = Option<Result<(), Failure>>;

/// A handle of a running node; clones share it. When the last one is dropped, the node stops.
pub struct Node<S: StateMachine> {
    inner: Arc<Inner<S>>,
}

impl<S: StateMachine> Clone for Node<S> {
    fn clone(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
        }
    }
}

impl<S: StateMachine> std::fmt::Debug for Node<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("status", &*self.inner.status.borrow())
            .finish()
    }
}

struct Inner<S: StateMachine> {
    events: UnboundedSender<Event>,
    desk: Arc<Desk<S::Outcome>>,
    inbox: Inbox,
    shared: Shared<S>,
    status: watch::Receiver<Status>,
    applied: watch::Receiver<u64>,
    end: watch::Receiver<End>,
    proposals: Arc<Semaphore>,
    reads: Arc<Semaphore>,
    counters: Arc<Counters>,
    audit: Option<PathBuf>,
}

impl<S: StateMachine> Drop for Inner<S> {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.events.send(Event::Stop);
    }
}

impl<S: StateMachine> Node<S> {
    /// Opens the data folder, restores `machine` from the snapshot in it and starts to replicate.
    ///
    /// `machine` must be in its initial state. Entries after the snapshot are applied again as
    /// soon as raft knows that they are committed. Peers reach this node through
    /// [`crate::service`]; it may be mounted before or after.
    ///
    /// # Errors
    /// When the configuration is wrong, the folder is another node's, in use, damaged or of
    /// another version, or the state machine refuses the snapshot.
    pub async fn start(config: Config, machine: S) -> Result<Self, StartError> {
        Self::start_in(config, machine, Environment::default()).await
    }

    /// As [`Node::start`], in an environment of the caller's.
    ///
    /// # Errors
    /// As [`Node::start`].
    pub async fn start_in(
        config: Config,
        machine: S,
        environment: Environment,
    ) -> Result<Self, StartError> {
        config.validate()?;
        let counters = Arc::new(Counters::default());
        let (events, queue) = unbounded_channel();
        let founding = Arc::new(AtomicU64::new(0));
        let introduction = Introduction {
            address: config.address(),
            version: machine.version(),
        };
        let own = (&config, introduction);
        let outbox = Outbox::new(own, &founding, &environment.dial, &events, &counters);
        let inbox = Inbox::new(&config, &founding, events.clone(), Arc::clone(&counters));
        for (id, address) in &config.peers {
            endpoint(address).ok_or_else(|| StartError::Address {
                id: *id,
                address: address.clone(),
            })?;
        }
        let drive = environment.drive.clone();
        let audit = environment.audit.then(|| audit_folder(&config));
        let opening = {
            let (config, counters) = (config.clone(), Arc::clone(&counters));
            move || open(config, machine, environment, counters)
        };
        let replica = match drive {
            Drive::Task(_) => opening()?,
            Drive::Thread => tokio::task::spawn_blocking(opening)
                .await
                .map_err(|error| {
                    StartError::State(Failure::Panicked {
                        message: error.to_string(),
                    })
                })??,
        };
        let shared = replica.shared();
        let (status_out, status) = watch::channel(replica.status());
        let (applied_out, applied) = watch::channel(status.borrow().applied_index);
        let (end_out, end) = watch::channel(None);
        let proposals = Arc::new(Semaphore::new(limits::PROPOSALS_IN_FLIGHT_BYTES_MAX));
        let reads = Arc::new(Semaphore::new(limits::READS_IN_FLIGHT_MAX));
        let desk = Arc::new(Desk::default());
        let event_loop = EventLoop {
            replica,
            queue,
            desk: Arc::clone(&desk),
            outbox,
            status: status_out,
            audits: Vec::new(),
            untold: false,
            applied: applied_out,
            founding,
            drive: drive.clone(),
            config: config.clone(),
            counters: Arc::clone(&counters),
        };
        let closing = (Arc::clone(&proposals), Arc::clone(&reads));
        let whole = async move {
            let ended = guarded(event_loop).await;
            closing.0.close();
            closing.1.close();
            end_out.send_replace(Some(ended));
        };
        drive
            .run(format!("raft-{}", config.id), whole)
            .map_err(StartError::Thread)?;
        Ok(Self {
            inner: Arc::new(Inner {
                events,
                desk,
                inbox,
                shared,
                status,
                applied,
                end,
                proposals,
                reads,
                counters,
                audit,
            }),
        })
    }

    /// Replicates a command; answers with its outcome once it is durable on a majority and
    /// applied here. Commands that wait together share one log entry and one fsync.
    ///
    /// # Errors
    /// [`ProposeError::NotLeader`] and [`ProposeError::TooLarge`]: nothing happened.
    /// [`ProposeError::Lost`] and [`ProposeError::Stopped`]: the command may still be applied.
    pub async fn propose(&self, command: Vec<u8>) -> Result<S::Outcome, ProposeError> {
        let bytes = command.len();
        if bytes > limits::COMMAND_BYTES_MAX {
            return Err(ProposeError::TooLarge { bytes });
        }
        const COST_MIN: usize =
            limits::PROPOSALS_IN_FLIGHT_BYTES_MAX / limits::PROPOSALS_IN_FLIGHT_MAX;
        let cost = u32::try_from(bytes.max(COST_MIN)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.inner.proposals)
            .acquire_many_owned(cost)
            .await
            .map_err(|_| ProposeError::Stopped)?;
        let (reply, outcome) = oneshot::channel();
        let waiter = Waiter {
            reply,
            permit: Some(permit),
        };
        let began = Instant::now();
        let calls = self.inner.desk.leave(Proposal { command, waiter });
        if calls.ok_or(ProposeError::Stopped)? {
            let sent = self.inner.events.send(Event::Proposed);
            sent.map_err(|_| ProposeError::Stopped)?;
        }
        let outcome = outcome.await.unwrap_or(Err(ProposeError::Stopped));
        if outcome.is_ok() {
            self.inner.counters.observe_proposal(began.elapsed());
        }
        outcome
    }

    /// Changes who belongs to the cluster; answers once the change is made and no joint configuration
    /// is left. Only the leader can. The audit log says that `actor` asked for it.
    ///
    /// # Errors
    /// [`ChangeError::Lost`] and [`ChangeError::Stopped`]: it may still be made. Any other: it is not.
    pub async fn change(&self, change: Change, actor: String) -> Result<(), ChangeError> {
        self.ask(|reply| Event::Change(change, actor, reply)).await
    }

    /// Lets another voter lead: it is asked once it has everything. Its election shows in
    /// [`Node::status`], or does not come within an election timeout.
    ///
    /// # Errors
    /// When this node does not lead or the other does not vote.
    pub async fn transfer(&self, to: u64) -> Result<(), ChangeError> {
        self.ask(|reply| Event::Transfer(to, reply)).await
    }

    async fn ask(&self, event: impl FnOnce(ChangeReply) -> Event) -> Result<(), ChangeError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.inner.events.send(event(reply));
        sent.map_err(|_| ChangeError::Stopped)?;
        answer.await.unwrap_or(Err(ChangeError::Stopped))
    }

    /// Reads the state machine such that everything answered anywhere before this call is seen.
    /// Works on every node: a follower asks the leader for its commit index and catches up.
    ///
    /// `f` runs under the state machine's lock: keep it short.
    ///
    /// # Errors
    /// When no leader confirmed in time, or the node has stopped.
    pub async fn read<R>(&self, f: impl FnOnce(&S) -> R) -> Result<R, ReadError> {
        let permit = Arc::clone(&self.inner.reads)
            .acquire_owned()
            .await
            .map_err(|_| ReadError::Stopped)?;
        let (reply, confirmed) = oneshot::channel();
        self.inner
            .events
            .send(Event::Read(Reader {
                reply,
                permit: Some(permit),
            }))
            .map_err(|_| ReadError::Stopped)?;
        confirmed.await.unwrap_or(Err(ReadError::Stopped))?;
        let shared = self.inner.shared.read().map_err(|_| ReadError::Stopped)?;
        Ok(f(&shared.machine))
    }

    /// The whole cluster as one file's worth of bytes: everything answered anywhere before this call is
    /// in it. The node applies nothing while its state is written.
    ///
    /// # Errors
    /// As [`Node::read`].
    pub async fn backup(&self) -> Result<Backup, ReadError> {
        self.read(|_| ()).await?;
        let inner = Arc::clone(&self.inner);
        // All of one moment, on a thread of its own: it may take as long as a snapshot does.
        let taken = tokio::task::spawn_blocking(move || {
            let shared = inner.shared.read().map_err(|_| ReadError::Stopped)?;
            Ok(Backup {
                cluster: inner.inbox.cluster.clone(),
                index: shared.index,
                machine_version: shared.version,
                head: shared.head,
                state: shared.machine.snapshot(),
            })
        });
        taken.await.unwrap_or(Err(ReadError::Stopped))
    }

    /// The folder of the audit log, when one is kept: for [`crate::audit::Reader`].
    pub fn audit(&self) -> Option<&Path> {
        self.inner.audit.as_deref()
    }

    /// The index up to which the audit log can be read from its files, and the head there: what was applied before this
    /// call is in them.
    ///
    /// # Errors
    /// When the node has stopped.
    pub async fn head(&self) -> Result<(u64, Head), ReadError> {
        let (reply, head) = oneshot::channel();
        let sent = self.inner.events.send(Event::Audit(reply));
        sent.map_err(|_| ReadError::Stopped)?;
        head.await.map_err(|_| ReadError::Stopped)
    }

    /// Reads the local replica and the index up to which it has been applied. It may lag behind.
    ///
    /// `f` runs under the state machine's lock: keep it short.
    ///
    /// # Panics
    /// When the state machine panicked in `apply`; the node has stopped then.
    pub fn stale<R>(&self, f: impl FnOnce(&S, u64) -> R) -> R {
        let shared = self.inner.shared.read().expect(POISONED);
        f(&shared.machine, shared.index)
    }

    /// This node's view of the cluster, renewed after every turn of its loop that changed it. Who waits for a change is
    /// woken a tick later when nothing but indices did.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.inner.status.clone()
    }

    /// The applied index: changes with every batch of applied entries.
    pub fn applied(&self) -> watch::Receiver<u64> {
        self.inner.applied.clone()
    }

    /// What this node has counted so far.
    pub fn metrics(&self) -> Metrics {
        self.inner.counters.read()
    }

    /// Waits until the node has stopped, by request or by itself.
    ///
    /// # Errors
    /// Why it stopped by itself.
    pub async fn stopped(&self) -> Result<(), Failure> {
        let mut end = self.inner.end.clone();
        match end.wait_for(Option::is_some).await {
            Ok(ended) => ended.clone().unwrap_or(Ok(())),
            Err(_) => Ok(()),
        }
    }

    /// Stops the node and waits until its data folder is released. Nothing is lost: what was
    /// answered is durable anyway.
    pub async fn shutdown(&self) {
        // It may have ended by itself.
        let _ = self.inner.events.send(Event::Stop);
        let _ = self.stopped().await;
    }

    pub(crate) fn inbox(&self) -> Inbox {
        self.inner.inbox.clone()
    }
}

fn open<S: StateMachine>(
    config: Config,
    machine: S,
    environment: Environment,
    counters: Arc<Counters>,
) -> Result<Replica<S, DiskLog>, StartError> {
    let identity = Identity {
        cluster: config.cluster.clone(),
        node: config.id,
        voters: config.founders(),
    };
    let audit = environment.audit;
    let mut log = environment.open(&config.data_dir, &identity)?;
    log.count_in(Arc::clone(&counters));
    let boot = log.boots();
    let audit = audit.then(|| audit_folder(&config));
    let disk = Disk { log, boot, audit };
    let replica = Replica::new(config.clone(), disk, machine, counters)?;
    check_peers(&config, &replica.status())?;
    Ok(replica)
}

fn audit_folder(config: &Config) -> PathBuf {
    config.data_dir.join("audit")
}

/// The members are what the log says; a configuration that names others is told so.
fn check_peers(config: &Config, status: &Status) -> Result<(), StartError> {
    let members: Vec<u64> = status.peers.keys().copied().collect();
    let named: Vec<u64> = config.peers.keys().copied().collect();
    if members == [config.id] && named.len() > 1 {
        return Err(StartError::Alone {
            data_dir: config.data_dir.clone(),
            id: config.id,
        });
    }
    if !members.is_empty() && named.len() > 1 && members != named {
        tracing::warn!(
            ?members,
            ?named,
            "the configuration names other schedulers than the cluster has"
        );
    }
    Ok(())
}
