//! Pools: the leader has workers from the site's own engine while there is work for them, and gives them back.
//!
//! What is to be done is decided purely (`decide`); what the site is asked is put into words by an adapter (`site`) and
//! run off the async threads (`call`). Every request is in the log before the site is asked, so that the next leader
//! knows of it; a site that does not answer delays nothing but its own pools.

mod call;
mod command;
mod decide;
mod exec;
#[cfg(test)]
mod fixture;
mod keeper;
mod kubernetes;
mod site;
mod slurm;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use kumi_proto::v1::command::Kind;
use kumi_proto::v1::pool_event::What;
use kumi_proto::v1::{PoolEvent, PoolForget, PoolStatus};
use kumi_scheduler::pool::Shape;
use kumi_scheduler::version;
use tokio::time::Instant;

use crate::config::{Engine, Pool};
use crate::control::Control;
use crate::limits;
use crate::pool::exec::Exec;
use crate::pool::keeper::{Answer, Keeper};
use crate::pool::kubernetes::Kubernetes;
use crate::pool::site::Site;
use crate::pool::slurm::Slurm;

/// Pools as they are configured, those that cost the least first, each with the text of its template.
pub(crate) struct Configured {
    pools: Vec<(String, Pool, String)>,
    program: PathBuf,
}

impl Configured {
    /// Reads templates.
    ///
    /// # Errors
    /// The pool whose template cannot be read.
    pub(crate) fn new(pools: &BTreeMap<String, Pool>) -> Result<Self, (String, std::io::Error)> {
        let read = |(name, pool): (&String, &Pool)| {
            let text = pool.template.as_ref().map(std::fs::read_to_string);
            let text = text.transpose().map_err(|error| (name.clone(), error))?;
            Ok((name.clone(), pool.clone(), text.unwrap_or_default()))
        };
        let mut pools = pools.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        pools.sort_by_key(|(_, pool, _)| pool.weight);
        Ok(Self {
            pools,
            program: std::env::current_exe().unwrap_or_else(|_| "kumi".into()),
        })
    }

    /// How pools stand, with what is configured of them; those that were never asked for anything, too.
    pub(crate) fn described(&self, statuses: Vec<PoolStatus>) -> Vec<PoolStatus> {
        let named = |status: PoolStatus| (status.pool.clone(), status);
        let mut all: BTreeMap<String, PoolStatus> = statuses.into_iter().map(named).collect();
        for (name, pool, _) in &self.pools {
            let status = all.entry(name.clone()).or_default();
            status.pool.clone_from(name);
            pool.kind.name().clone_into(&mut status.kind);
            status.max = pool.max;
        }
        all.into_values().collect()
    }

    fn site(&self, cluster: &str, (name, pool, text): &(String, Pool, String)) -> Box<dyn Site> {
        let prefix = format!("kumi-{}-{name}-", plain(cluster));
        let (name, pool, program) = (name.clone(), pool.clone(), self.program.clone());
        match pool.kind {
            Engine::Slurm => Box::new(Slurm {
                name,
                prefix,
                pool,
                program,
            }),
            Engine::Exec => Box::new(Exec {
                name,
                prefix,
                pool,
                program,
            }),
            Engine::Kubernetes => Box::new(Kubernetes {
                name,
                prefix: prefix.to_ascii_lowercase().replace(['.', '_'], "-"),
                pool,
                program,
                template: text.clone(),
            }),
        }
    }
}

/// A name that sites take as part of another.
fn plain(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.chars()
        .map(|c| if plain(c) { c } else { '_' })
        .collect()
}

/// Keeps the pools of this leader's term.
pub(crate) async fn run(control: &Control) {
    let configured = &control.pools;
    let mut keepers: Vec<Keeper> = configured
        .pools
        .iter()
        .map(|configuration| {
            let site = configured.site(&control.cluster, configuration);
            let (name, pool, _) = configuration;
            Keeper::new(name.clone(), pool.clone(), site)
        })
        .collect();
    forget(control).await;
    let mut applied = control.node.applied();
    let mut calls = FuturesUnordered::new();
    while !keepers.is_empty() {
        applied.borrow_and_update();
        let turned = Instant::now();
        if control.node.status().borrow().machine_version >= version::POOLS {
            for (pool, call) in turn(control, &mut keepers).await {
                // By itself: it goes on when this term ends, and the next leader finds what it did.
                let answer = tokio::spawn(call);
                calls.push(async move { (pool, answer.await) });
            }
        }
        tokio::select! {
            biased;
            Some((pool, answer)) = calls.next() => {
                let answer = answer.unwrap_or(Answer::None);
                keepers[pool].take(control.clock.unix_ms(), answer);
            }
            changed = applied.changed() => {
                if changed.is_err() {
                    return;
                }
                // Not at every command: there may be thousands in a second.
                tokio::time::sleep_until(turned + Duration::from_millis(limits::POOL_TURN_MS)).await;
            }
            () = tokio::time::sleep(Duration::from_millis(limits::POOL_TURN_MS_MAX)) => {}
        }
    }
}

/// Looks at all pools once; the calls that are to be made now.
async fn turn(
    control: &Control,
    keepers: &mut [Keeper],
) -> Vec<(usize, BoxFuture<'static, Answer>)> {
    for keeper in &mut *keepers {
        keeper.reconcile(control).await;
    }
    let now_ms = control.clock.unix_ms();
    let shapes = keepers
        .iter_mut()
        .map(|keeper| keeper.shape(control, now_ms));
    let shapes: Vec<Shape> = shapes.collect();
    let demand = control.local(|state, _| state.demand(&shapes));
    let mut calls = Vec::new();
    for (pool, (keeper, target)) in keepers.iter_mut().zip(demand).enumerate() {
        keeper.serve(control, (now_ms, target)).await;
        calls.extend(keeper.call(now_ms).map(|call| (pool, call)));
    }
    calls
}

/// Pools that are configured no more and of which nothing is left are not shown any longer.
async fn forget(control: &Control) {
    let configured = |name: &str| control.pools.pools.iter().any(|(other, ..)| other == name);
    let names = control.local(|state, _| {
        let over = state
            .pools()
            .iter()
            .filter(|(_, pool)| pool.requests.is_empty());
        over.map(|(name, _)| name.clone()).collect::<Vec<_>>()
    });
    for pool in names.into_iter().filter(|name| !configured(name)) {
        tell(control, &pool, What::Forget(PoolForget {})).await;
    }
}

/// Writes down what happened to a pool; whether that is so.
async fn tell(control: &Control, pool: &str, what: What) -> bool {
    let event = PoolEvent {
        pool: pool.to_owned(),
        what: Some(what),
    };
    match control.propose(Kind::Pool(event)).await {
        Ok(_) => true,
        Err(status) => {
            tracing::warn!(
                pool,
                error = status.message(),
                "what happened to a pool is not written down"
            );
            false
        }
    }
}
