//! What a person or CI runs besides cargo: `cargo xtask TASK`.

mod accuracy;
mod bench_align;
mod bench_call;
mod bench_joint;
mod dist;
mod once;
mod product;
mod random;
mod sim;

use std::process::ExitCode;

use clap::Parser;

/// Tasks of this repository.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask")]
enum Task {
    /// Run the kernels on real data and print what they reach beside the least they must
    Accuracy(accuracy::Args),
    /// Align simulated reads in alternation with bwa mem and minimap2; print speed, accuracy and calibration
    BenchAlign(bench_align::Args),
    /// Call simulated reads in alternation with bcftools and freebayes; print accuracy by class of variant, calibration
    /// and cost
    BenchCall(bench_call::Args),
    /// Genotype simulated cohorts of growing size beside bcftools merge; print CPU, memory and bytes
    BenchJoint(bench_joint::Args),
    /// Build what is handed out: a static binary in a tarball; docs/install.md
    Dist(dist::Args),
    /// Write the bill of materials alone
    Sbom(dist::SbomArgs),
    /// Run simulated clusters with faults from seeds; docs/simulation.md
    Sim(sim::Args),
}

fn main() -> anyhow::Result<ExitCode> {
    match Task::parse() {
        Task::Accuracy(args) => accuracy::run(&args),
        Task::BenchAlign(args) => bench_align::run(&args),
        Task::BenchCall(args) => bench_call::run(&args),
        Task::BenchJoint(args) => bench_joint::run(&args),
        Task::Dist(args) => dist::run(&args),
        Task::Sbom(args) => dist::write_sbom(&args),
        Task::Sim(args) => sim::run(&args),
    }
}
