//! `kumi doctor`: whether a node is fit to run a worker or a scheduler, and what to mend.
//!
//! Each module has the facts of one thing, gathers them and judges them; judging is pure. Nothing is changed but what
//! is made to try a folder, and that is removed.

mod certificates;
mod clock;
mod configs;
mod cpu;
mod filesystem;
mod finding;
mod folder;
mod limits;
mod memory;
mod open_files;
mod schedulers;

use std::path::PathBuf;

use kumi_tls::Files;

use crate::args::DoctorArgs;
use crate::command::doctor::configs::Loaded;
use crate::command::doctor::folder::Purpose;
use crate::command::doctor::schedulers::Asker;
use crate::exit::Exit;

/// Runs the command.
///
/// # Errors
/// 78 when a check fails; 66 or 78 for a client configuration that is missing or wrong.
pub async fn run(args: DoctorArgs) -> anyhow::Result<()> {
    let (loaded, mut findings) = configs::gather(&args.config);
    let (endpoints, tls) = reach(&args, &loaded)?;
    findings.push(cpu::judge(&cpu::gather()));
    findings.push(cpu::cores(&cpu::gather(), offered(&loaded).map(|it| it.0)));
    findings.push(memory::judge(
        &memory::gather(),
        offered(&loaded).map(|it| it.1),
    ));
    findings.push(open_files::judge(&open_files::gather()));
    for (path, purpose) in folders(&args, &loaded) {
        findings.extend(folder::judge(&folder::gather(&path, purpose)));
    }
    for (files, wanted) in certificates::subjects(&loaded, tls.as_ref()) {
        findings.extend(certificates::judge(&certificates::gather(files, wanted)));
    }
    let reached = schedulers::gather(&endpoints, tls).await;
    let member = loaded.first().and_then(Loaded::cluster);
    let asker = member.map_or(Asker::Client, Asker::Scheduler);
    findings.extend(schedulers::judge(&reached, asker));
    findings.extend(clock::judge(&clock::gather(&reached)));
    finding::print(args.remote.output, &findings);
    finding::outcome(&findings)?;
    Ok(())
}

/// Cores and bytes of memory that a configured worker offers.
fn offered(loaded: &[Loaded]) -> Option<(u32, u64)> {
    loaded.iter().find_map(|config| match config {
        Loaded::Worker(worker) => Some((worker.cores, worker.memory_bytes)),
        Loaded::Scheduler(_) => None,
    })
}

/// The schedulers to ask and the certificate to show them: flags over a given configuration over the client's.
fn reach(args: &DoctorArgs, loaded: &[Loaded]) -> Result<(Vec<String>, Option<Files>), Exit> {
    let remote = &args.remote;
    let configured = loaded
        .first()
        .map(|config| (config.endpoints(), config.tls()));
    let (endpoints, tls) = match (configured, remote.client_config.is_some()) {
        (Some((endpoints, tls)), false) => {
            let given = remote.endpoint.clone();
            (given.unwrap_or(endpoints), remote.tls.over(tls)?)
        }
        _ => {
            let (endpoints, tls) = remote.settings()?;
            (endpoints.unwrap_or_default(), tls)
        }
    };
    Ok((endpoints, tls))
}

/// Which folders to try, and for what.
fn folders(args: &DoctorArgs, loaded: &[Loaded]) -> Vec<(PathBuf, Purpose)> {
    let mut folders = Vec::new();
    let given = args.scratch.clone();
    let configured = loaded.iter().find_map(|config| match config {
        Loaded::Worker(worker) => Some(worker.scratch.clone()),
        Loaded::Scheduler(_) => None,
    });
    // A node that runs nothing but a scheduler spills nothing.
    let only_schedules = !loaded.is_empty() && configured.is_none();
    match given.or(configured) {
        Some(scratch) => folders.push((scratch, Purpose::Scratch)),
        None if only_schedules => {}
        None => folders.push((std::env::temp_dir(), Purpose::Scratch)),
    }
    for config in loaded {
        if let Loaded::Scheduler(config) = config {
            folders.push((config.scheduler.data_dir.clone(), Purpose::Log));
        }
    }
    let stores = args.store.iter().cloned();
    folders.extend(stores.map(|store| (store, Purpose::Store)));
    folders
}
