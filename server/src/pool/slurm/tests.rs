use super::Slurm;
use crate::pool::fixture::{pool, short};
use crate::pool::site::{Ask, Phase, Site as _};

fn slurm(more: &str) -> Slurm {
    let text =
        format!("[pool.cpu]\nkind = \"slurm\"\ncores = 8\nmemory = \"64GiB\"\nmax = 9\n{more}");
    Slurm {
        name: "cpu".to_owned(),
        prefix: "kumi-a-cpu-".to_owned(),
        pool: pool(&text),
        program: "/opt/kumi".into(),
    }
}

#[test]
fn one_array_is_asked_for() {
    let more = "partition = \"long\"\naccount = \"a\"\nqos = \"q\"\ntime = \"90m\"\nextra = [\"--constraint=ib\"]\nlogs = \"/l\"\n";
    let ask = Ask {
        request: 7,
        workers: 5,
        endpoints: vec!["s1:1".to_owned(), "s2:1".to_owned()],
    };
    let call = slurm(more).ask(&ask);
    assert_eq!(call.program, "sbatch");
    for argument in [
        "--array=0-4",
        "--job-name=kumi-a-cpu-7",
        "--signal=B:TERM@30",
        "--requeue",
        "--cpus-per-task=8",
        "--mem=65536M",
        "--partition=long",
        "--account=a",
        "--qos=q",
        "--time=90",
        "--constraint=ib",
        "--output=/l/%x.%a.log",
    ] {
        assert!(
            call.arguments.iter().any(|given| given == argument),
            "{argument}"
        );
    }
    let line = "exec '/opt/kumi' 'worker' 'start' '--pool' 'cpu' '--pool-request' '7' '--endpoint' 's1:1,s2:1' '--cores' '8'";
    assert!(
        call.input.starts_with(&format!("#!/bin/sh\n{line}")),
        "{}",
        call.input
    );
}

#[test]
fn answers_name_the_job() {
    let job = |output: &str| slurm("").job(output);
    assert_eq!(job("17\n").as_deref(), Some("17"));
    assert_eq!(
        job("sbatch: a note of the site\n17;cluster\n\n").as_deref(),
        Some("17")
    );
    assert_eq!((job(""), job("error\n")), (None, None));
}

#[test]
fn the_queue_is_read_line_by_line() {
    let output = "17_0|17|R|kumi-a-cpu-7|None\n17_1|17|PD|kumi-a-cpu-7|(Resources)\n18|18|R|other|None\n\
                  19_0|19|NF|kumi-a-cpu-8|None\n20_0|20|PD|kumi-b-cpu-1|None\nnonsense\n21_0|21|CG|kumi-a-cpu-9|None\n\
                  22_0|22|CF|kumi-a-cpu-10|None\n";
    let elements = slurm("").elements(output);
    assert_eq!(
        short(&elements),
        [
            ("17_0", 7, Phase::Running, ""),
            ("17_1", 7, Phase::Pending, "pending (Resources)"),
            ("19_0", 8, Phase::Failed, "ended with its node"),
            ("21_0", 9, Phase::Done, ""),
            ("22_0", 10, Phase::Pending, ""),
        ]
    );
}

#[test]
fn what_can_be_done_is_said() {
    let advice = |said: &str| slurm("").advice(said).unwrap_or_default();
    let wrong = "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified";
    assert!(advice(wrong).contains("`account`"));
    assert!(advice("sbatch: error: invalid partition specified: x").contains("`partition`"));
    assert!(advice("job 1_0 pending (QOSMaxJobsPerUserLimit)").contains("limit"));
    let array = "sbatch: error: Batch job submission failed: Invalid job array specification";
    assert!(advice(array).contains("`max`"));
    assert!(advice("pending (PartitionTimeLimit)").contains("`time`"));
    assert_eq!(advice("pending (Priority)"), "");
}
