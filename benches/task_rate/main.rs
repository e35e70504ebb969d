//! How many tasks a second three schedulers hand out and commit, durably, when the tasks do nothing; what that costs;
//! and how long it takes until work goes on after the leader was killed.
//!
//! `cargo bench -p kumi-benches --bench task_rate` starts three scheduler processes on the loopback, each with its own
//! data folder and real fsyncs, in a folder below `TMPDIR`. Options: `--slots 64,1024`, `--seconds 8`, `--samples 25000`,
//! `--kills 20`, and `--beside COMMAND`, whose output is printed beside (a benchmark of replication alone, for instance).
#![allow(clippy::print_stdout, reason = "a benchmark prints its table")]

#[path = "../campaign.rs"]
mod campaign;
mod failover;
#[path = "../measure.rs"]
mod measure;
mod process;
mod submit;
mod worker;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use process::Cluster;
use tokio::time::sleep;
use worker::{Crew, Sum};

/// That of the binary that is packed: docs/adr/0018-static-binary.md.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Before anything is counted.
const WARM_UP: Duration = Duration::from_secs(1);

struct Options {
    slots: Vec<u32>,
    seconds: f64,
    samples: usize,
    kills: usize,
    beside: Option<String>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        arguments.get(at + 1).cloned()
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Some(config) = value("--scheduler") {
        runtime.block_on(process::serve(&PathBuf::from(config)));
        return;
    }
    let number = |name, default: f64| {
        let given = value(name).map(|text| text.parse().expect("a number"));
        given.unwrap_or(default)
    };
    let slots = value("--slots").unwrap_or_else(|| "64,1024".to_owned());
    let options = Options {
        slots: slots
            .split(',')
            .map(|slots| slots.parse().expect("a number of slots"))
            .collect(),
        seconds: number("--seconds", 8.0),
        samples: number("--samples", 25_000.0) as usize,
        kills: number("--kills", 20.0) as usize,
        beside: value("--beside"),
    };
    runtime.block_on(run(&options));
}

async fn run(options: &Options) {
    if let Some(command) = &options.beside {
        let shell = std::process::Command::new("sh")
            .args(["-c", command])
            .output();
        let output = shell.expect("a shell").stdout;
        println!("{}", String::from_utf8_lossy(&output));
    }
    let mut cluster = Cluster::start();
    println!("{}", measure::machine(cluster.folder()));
    let submitted = submit::submit(&cluster, "first", options.samples).await;
    println!(
        "{} samples, {} tasks: submitted in {:.2} s\n",
        options.samples, submitted.tasks, submitted.seconds
    );
    println!(
        "| slots | workers | tasks/s | control plane, us a task: all, leader, each follower | load generator, us a task | report to acknowledgement, ms: p50, p99 | entries, tasks in each, mean ms to a majority | commands, mean ms until applied | log, bytes a task |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for slots in &options.slots {
        println!(
            "{}",
            rate(&cluster, submitted.leader, *slots, options.seconds).await
        );
    }
    if options.kills > 0 {
        println!("\n{}", failover::measure(&mut cluster, options.kills).await);
    }
}

/// A row of the table.
async fn rate(cluster: &Cluster, leader: usize, slots: u32, seconds: f64) -> String {
    // As many workers as a site would have: of 16 cores when there are few, of 64 when there are many.
    let cores = if slots < 512 { 16 } else { 64 };
    let crew = Crew::hire(cluster.address(leader), slots, cores.min(slots)).await;
    sleep(WARM_UP).await;
    let (before, cpu_before) = (crew.take(), cluster.cpu_us());
    drop(before);
    let (own_before, log_before) = (measure::cpu_us("self"), cluster.log_bytes(leader));
    let replicated_before = cluster.replicated(leader);
    let began = Instant::now();
    sleep(Duration::from_secs_f64(seconds)).await;
    let sum: Sum = crew.take();
    let lasted = began.elapsed().as_secs_f64();
    let (cpu, own) = (cluster.cpu_us(), measure::cpu_us("self"));
    let log = cluster.log_bytes(leader) - log_before;
    let replicated = cluster.replicated(leader);
    let [entries, commands] = [0, 1].map(|what| replicated[what].since(replicated_before[what]));
    let workers = crew.dismiss().await;
    let tasks = sum.latencies_us.len().max(1) as f64;
    let each: Vec<f64> = (cpu.iter().zip(&cpu_before))
        .map(|(after, before)| (after - before) / tasks)
        .collect();
    let followers = (each.iter().sum::<f64>() - each[leader]) / (each.len() - 1) as f64;
    let mut latencies = sum.latencies_us;
    let mut quantile = |part| measure::quantile(&mut latencies, part) / 1e3;
    format!(
        "| {slots} | {workers} | {:.0} | {:.1}, {:.1}, {followers:.1} | {:.1} | {:.1}, {:.1} | {:.0}, {:.0}, {:.2} | {:.0}, {:.2} | {:.0} |",
        tasks / lasted,
        each.iter().sum::<f64>(),
        each[leader],
        (own - own_before) / tasks,
        quantile(0.5),
        quantile(0.99),
        entries.count,
        tasks / entries.count.max(1.0),
        entries.mean_ms(),
        commands.count,
        commands.mean_ms(),
        log as f64 / tasks
    )
}
