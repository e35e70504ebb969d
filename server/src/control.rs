//! What all services share: the replica, the clock, and the leader's roster of workers.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use kumi_cluster::{Node, Role};
use kumi_proto::v1::{Command, command};
use kumi_scheduler::{Outcome, State};
use prost::Message as _;
use tokio::sync::{Notify, RwLock, watch};
use tonic::Status;

use crate::caller::Caller;
use crate::clock::Clock;
use crate::config::{Scheduler, Span};
use crate::limits;
use crate::machine::{Applied, Machine};
use crate::pool::Configured;
use crate::refusal;
use crate::roster::Roster;

/// One per server.
pub(crate) struct Control {
    pub(crate) node: Node<Machine>,
    /// Name of the cluster.
    pub(crate) cluster: String,
    pub(crate) clock: Clock,
    pub(crate) lease: Span,
    pub(crate) report_in: Span,
    pub(crate) split_after: Span,
    pub(crate) preempt_after: Span,
    pub(crate) copy_after: Span,
    pub(crate) pools: Configured,
    /// Registrations share it; whoever declares workers lost has it alone. So a worker that comes
    /// back in the same moment is either renewed before the verdict or registered after it.
    pub(crate) membership: RwLock<()>,
    /// Something happened that may allow a grant.
    pub(crate) wake: Notify,
    roster: Mutex<Roster>,
    term: watch::Sender<Option<u64>>,
    stop: watch::Receiver<bool>,
}

impl Control {
    pub(crate) fn new(
        (node, cluster): (Node<Machine>, String),
        clock: Clock,
        times: &Scheduler,
        pools: Configured,
        stop: watch::Receiver<bool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            node,
            cluster,
            clock,
            lease: times.lease,
            report_in: times.report_in,
            split_after: times.split_after,
            preempt_after: times.preempt_after,
            copy_after: times.copy_after,
            pools,
            membership: RwLock::new(()),
            wake: Notify::new(),
            roster: Mutex::new(Roster::new(times.lease.ms())),
            term: watch::channel(None).0,
            stop,
        })
    }

    /// Replicates a command of this scheduler's own, stamped with the time; its effect, or why there is none.
    pub(crate) async fn propose(&self, kind: command::Kind) -> Result<Applied, Status> {
        self.propose_as(String::new(), kind).await
    }

    /// Replicates what somebody asked for.
    pub(crate) async fn propose_by(
        &self,
        caller: &Caller,
        kind: command::Kind,
    ) -> Result<Applied, Status> {
        self.propose_as(caller.actor(), kind).await
    }

    async fn propose_as(&self, actor: String, kind: command::Kind) -> Result<Applied, Status> {
        let command = Command {
            at_ms: self.clock.unix_ms(),
            kind: Some(kind),
            actor,
        };
        let proposed = self.node.propose(command.encode_to_vec());
        // A submission is large: it is given up while it is replicated.
        let (applied, ()) = futures::join!(proposed, async { drop(command) });
        let applied = applied.map_err(|error| refusal::propose(&error))?;
        match &applied.outcome {
            Outcome::Refused(rejection) => Err(refusal::rejected(rejection)),
            _ => Ok(applied),
        }
    }

    /// Looks at the state and its revision: linearizable, or as this replica has it.
    pub(crate) async fn read<R>(
        &self,
        stale: bool,
        look: impl FnOnce(&State, u64) -> R,
    ) -> Result<R, Status> {
        if !stale {
            let confirmed = self.node.read(|_| ()).await;
            confirmed.map_err(|error| refusal::read(&error))?;
        }
        Ok(self.local(look))
    }

    /// Looks at this replica's state and its revision. On the leader it holds all of its own
    /// answers.
    pub(crate) fn local<R>(&self, look: impl FnOnce(&State, u64) -> R) -> R {
        self.node
            .stale(|machine, index| look(machine.state(), index))
    }

    /// The roster. Never held across an `await`.
    pub(crate) fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster
            .lock()
            .expect("nothing panics while it holds this")
    }

    /// Refuses unless this node leads now: for calls whose body need not be read elsewhere.
    pub(crate) fn require_leader(&self) -> Result<(), Status> {
        let status = self.node.status();
        let status = status.borrow();
        match status.role {
            Role::Leader => Ok(()),
            _ => Err(refusal::not_leader(status.leader.as_ref())),
        }
    }

    /// The term in which this node leads and accepts workers. A leader that has just been elected
    /// is waited for.
    pub(crate) async fn open_term(&self) -> Result<u64, Status> {
        let mut term = self.term.subscribe();
        let mut status = self.node.status();
        let opened = async {
            loop {
                if let Some(term) = *term.borrow_and_update() {
                    return Ok(term);
                }
                status.borrow_and_update();
                self.require_leader()?;
                tokio::select! {
                    biased;
                    _ = term.changed() => {}
                    changed = status.changed() => changed.map_err(|_| refusal::stopping())?,
                }
            }
        };
        let patience = Duration::from_millis(limits::TERM_OPENING_MS_MAX);
        let opened = tokio::time::timeout(patience, opened).await;
        opened.unwrap_or_else(|_| Err(refusal::not_leader(None)))
    }

    /// The term is open: sessions are accepted from now on.
    pub(crate) fn announce(&self, term: Option<u64>) {
        self.term.send_replace(term);
    }

    /// Whether calls here would be answered.
    pub(crate) fn ready(&self) -> Result<(), String> {
        if *self.stop.borrow() {
            return Err("this scheduler is stopping".to_owned());
        }
        let status = self.node.status();
        let status = status.borrow();
        match status.leader {
            None => Err("the cluster has no leader".to_owned()),
            Some(_) if status.role == Role::Leader && self.term.borrow().is_none() => {
                Err("this scheduler has just been elected".to_owned())
            }
            Some(_) => Ok(()),
        }
    }

    /// Changes whenever [`Control::ready`] may have changed.
    pub(crate) async fn ready_changed(
        &self,
        term: &mut watch::Receiver<Option<u64>>,
        status: &mut watch::Receiver<kumi_cluster::Status>,
    ) {
        let mut stop = self.stop.clone();
        tokio::select! {
            biased;
            _ = term.changed() => {}
            _ = status.changed() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }

    /// Follows the open term.
    pub(crate) fn term(&self) -> watch::Receiver<Option<u64>> {
        self.term.subscribe()
    }

    /// Is done when this server is told to stop.
    pub(crate) async fn stopping(&self) {
        // A sender that is gone has stopped, too.
        let _ = self.stop.clone().wait_for(|stop| *stop).await;
    }
}
