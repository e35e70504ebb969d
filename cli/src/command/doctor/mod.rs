//! `kumi doctor`: whether a node is fit to run a worker or a scheduler, and what to mend.
//!
//! Each module has the facts of one thing, gathers them and judges them; judging is pure. Nothing is changed but what
//! is made to try a folder, and that is removed.

mod bucket;
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
use kumi_worker::objects::Place;

use crate::args::DoctorArgs;
use crate::command::doctor::configs::Loaded;
use crate::command::doctor::finding::Finding;
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
    if !only_schedules(&loaded) {
        let (cores, memory) = offered(&loaded).unzip();
        findings.push(cpu::cores(&cpu::gather(), cores));
        findings.push(memory::judge(&memory::gather(), memory));
    }
    findings.push(open_files::judge(&open_files::gather()));
    for (path, purpose) in folders(&args, &loaded) {
        findings.extend(folder::judge(&folder::gather(&path, purpose)));
    }
    findings.extend(stores(&args, &loaded));
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

/// Whether nothing but a scheduler is to run here, which spills nothing and needs nothing of what tasks need.
fn only_schedules(loaded: &[Loaded]) -> bool {
    let is_worker = |config: &Loaded| matches!(config, Loaded::Worker(_));
    !loaded.is_empty() && !loaded.iter().any(is_worker)
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
    match given.or(configured) {
        Some(scratch) => folders.push((scratch, Purpose::Scratch)),
        None if only_schedules(loaded) => {}
        None => folders.push((std::env::temp_dir(), Purpose::Scratch)),
    }
    for config in loaded {
        if let Loaded::Scheduler(config) = config {
            folders.push((config.scheduler.data_dir.clone(), Purpose::Log));
        }
    }
    folders
}

/// The stores that were named, folders or objects.
fn stores(args: &DoctorArgs, loaded: &[Loaded]) -> Vec<Finding> {
    let settings = loaded.iter().find_map(|config| match config {
        Loaded::Worker(worker) => Some(worker.storage.objects.clone()),
        Loaded::Scheduler(_) => None,
    });
    let settings = settings.unwrap_or_default();
    let looked_at = |store: &PathBuf| match Place::of(store) {
        Ok(Place::Path(path)) => folder::judge(&folder::gather(&path, Purpose::Store)),
        Ok(Place::Object(at)) => vec![bucket::judge(&bucket::gather(at, settings.clone()))],
        Err(error) => vec![
            Finding::ok("store", error.to_string())
                .fail("a folder, or s3://bucket/prefix", "correct --store"),
        ],
    };
    args.store.iter().flat_map(looked_at).collect()
}
