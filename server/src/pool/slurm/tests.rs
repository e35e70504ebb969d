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
                  22_0|22|CF|kumi-a-cpu-10|None\n23_0|23|CG|kumi-a-cpu-11|TimeLimit\n24_0|24|CG|kumi-a-cpu-12|NonZeroExitCode\n";
    let elements = slurm("").elements(output);
    assert_eq!(
        short(&elements),
        [
            ("17_0", 7, Phase::Running, ""),
            ("17_1", 7, Phase::Pending, "pending (Resources)"),
            ("19_0", 8, Phase::Failed, "ended with its node"),
            ("21_0", 9, Phase::Done, ""),
            ("22_0", 10, Phase::Pending, ""),
            (
                "23_0",
                11,
                Phase::Failed,
                "reached its time limit (TimeLimit)"
            ),
            ("24_0", 12, Phase::Failed, "ended (NonZeroExitCode)"),
        ]
    );
}

/// As `sacct` of 22.05 writes.
#[test]
fn accounts_are_read_line_by_line() {
    let call = slurm("").account(&["17_0".to_owned(), "18".to_owned()]);
    let call = call.expect("it is asked");
    let said = format!("{} {}", call.program, call.arguments.join(" "));
    assert_eq!(
        said,
        "sacct -n -P -X -D -o JobID,JobName,State,ExitCode -j 17_0,18"
    );
    let output = "17_0|kumi-a-cpu-7|FAILED|3:0\n17_1|kumi-a-cpu-7|FAILED|0:9\n17_2|kumi-a-cpu-7|REQUEUED|0:0\n\
                  17_2|kumi-a-cpu-7|RUNNING|0:0\n17_[3-5]|kumi-a-cpu-7|PENDING|0:0\n18_0|kumi-a-cpu-8|NODE_FAIL|1:0\n\
                  18_1|kumi-a-cpu-8|CANCELLED by 1000|0:15\n18_2|kumi-a-cpu-8|TIMEOUT|0:0\n\
                  18_3|kumi-a-cpu-8|OUT_OF_MEMORY|0:125\n18_4|kumi-a-cpu-8|PREEMPTED|0:15\n\
                  18_5|kumi-a-cpu-8|COMPLETED|0:0\n18_6|kumi-a-cpu-8|CANCELLED|0:0\n18|align|FAILED|1:0\n\nnonsense\n";
    let runs = slurm("").runs(output);
    let failed = |id, request, what| (id, request, Phase::Failed, what);
    assert_eq!(
        short(&runs),
        [
            failed("17_0", 7, "failed with exit code 3 (FAILED)"),
            failed("17_1", 7, "was ended by signal 9 (FAILED)"),
            failed("17_2", 7, "was requeued (REQUEUED)"),
            ("17_2", 7, Phase::Running, ""),
            ("17_[3-5]", 7, Phase::Pending, ""),
            failed("18_0", 8, "ended with its node (NODE_FAIL)"),
            failed("18_1", 8, "was cancelled by user 1000 (CANCELLED)"),
            failed("18_2", 8, "reached its time limit (TIMEOUT)"),
            failed("18_3", 8, "ran out of memory (OUT_OF_MEMORY)"),
            failed("18_4", 8, "was preempted (PREEMPTED)"),
            ("18_5", 8, Phase::Done, ""),
            failed("18_6", 8, "was cancelled (CANCELLED)"),
        ]
    );
    assert!(runs.iter().all(|run| run.job == run.id[..2]));
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
    let qos = "sbatch: error: Batch job submission failed: Invalid qos specification";
    assert!(advice(qos).contains("`qos`"));
    let full = "sbatch: error: QOSMaxSubmitJobPerUserLimit; sbatch: error: Batch job submission failed: Job violates \
                accounting/QOS policy (job submit limit, user's size and/or time limits)";
    assert!(advice(full).contains("`max`"));
    let long = full.replace("SubmitJobPerUser", "WallDurationPerJob");
    assert!(advice(&long).contains("`time`"));
    assert!(advice("job 1_0 reached its time limit (TIMEOUT)").contains("end before"));
    assert!(advice("job 1_0 ran out of memory (OUT_OF_MEMORY)").contains("`memory`"));
    assert!(advice("job 1_0 failed with exit code 3 (FAILED)").contains("`logs`"));
    assert_eq!(advice("pending (Priority)"), "");
}
