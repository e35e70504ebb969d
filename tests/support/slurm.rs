//! A Slurm of one machine: munged, slurmctld and some slurmd as root, without systemd and cgroups, and with accounting
//! where a test asks for it.

mod accounts;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use self::accounts::Accounts;
use super::tools::have;
use super::{ok, text, until};
use crate::daemon::free_ports;

const TOOLS: [&str; 5] = ["munged", "slurmctld", "slurmd", "sbatch", "squeue"];
/// Cores and MiB of a node.
const NODE: (u32, u32) = (4, 8_000);

/// Slurm with nodes `n1`, `n2`, …; ends with the value.
pub(crate) struct Slurm {
    dir: tempfile::TempDir,
    accounts: Option<Accounts>,
}

impl Slurm {
    /// Starts it with `nodes` nodes and waits until they are idle; none when it is not installed or this is not root.
    pub(crate) fn start(nodes: usize) -> Option<Self> {
        Self::start_with(nodes, None)
    }

    /// The same with accounting, which lets nobody have more jobs than that, and a queue that soon forgets what has ended.
    pub(crate) fn with_accounts(nodes: usize, jobs: u32) -> Option<Self> {
        Self::start_with(nodes, Some(jobs))
    }

    fn start_with(nodes: usize, jobs: Option<u32>) -> Option<Self> {
        if !have(&TOOLS) {
            return None;
        }
        let id = ok(Command::new("id").arg("-u"));
        if text(&id.stdout).trim() != "0" {
            eprintln!("skipped: a Slurm of one's own needs root");
            return None;
        }
        let dir = tempfile::tempdir().expect("a temporary directory");
        let accounts = match jobs {
            Some(_) => Some(Accounts::start(dir.path())?),
            None => None,
        };
        let slurm = Self { dir, accounts };
        slurm.configure(nodes);
        let munge = slurm.path("munge.key");
        fs::write(&munge, [7_u8; 128]).expect("written");
        ok(Command::new("chmod").arg("400").arg(&munge));
        let file = |option: &str, name: &str| format!("--{option}={}", slurm.path(name).display());
        let mut munged = Command::new("munged");
        munged.args(["--force", "--num-threads=2", &file("key-file", "munge.key")]);
        munged.args([file("socket", "munge.sock"), file("pid-file", "munged.pid")]);
        munged.args([
            file("log-file", "munged.log"),
            file("seed-file", "munge.seed"),
        ]);
        slurm.daemon(&mut munged);
        if let (Some(accounts), Some(jobs)) = (&slurm.accounts, jobs) {
            accounts.open(&slurm, jobs);
        }
        slurm.daemon(slurm.command("slurmctld").args(["-c"]));
        for node in 1..=nodes {
            slurm.daemon(slurm.command("slurmd").args(["-N", &format!("n{node}")]));
        }
        until("idle nodes", || {
            let idle = slurm.ask("sinfo", &["-h", "-N", "-t", "idle", "-o", "%N"]);
            (text(&idle.stdout).lines().count() == nodes).then_some(())
        });
        Some(slurm)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn configure(&self, nodes: usize) {
        let [controller] = free_ports();
        let host = text(&ok(Command::new("hostname").arg("-s")).stdout);
        let (host, dir) = (host.trim(), self.dir.path().display());
        let (accounting, age) = match &self.accounts {
            Some(accounts) => (accounts.settings(self.dir.path()), 2),
            None => (String::new(), 120),
        };
        // A job that is requeued waits until its credential has expired: two minutes, if nothing is said.
        let mut conf = format!(
            "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\n\
             SlurmctldPort={controller}\nAuthType=auth/munge\nAuthInfo=socket={dir}/munge.sock,cred_expire=5\nCredType=cred/munge\n\
             MpiDefault=none\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nSwitchType=switch/none\n\
             JobAcctGatherType=jobacct_gather/none\n{accounting}\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_Core_Memory\nSchedulerType=sched/backfill\n\
             SchedulerParameters=sched_min_interval=0,batch_sched_delay=0,bf_interval=5\nMinJobAge={age}\nKillWait=2\n\
             InactiveLimit=0\nWaittime=0\nReturnToService=2\nSlurmctldTimeout=30\nSlurmdTimeout=30\n\
             SlurmctldPidFile={dir}/slurmctld.pid\nSlurmdPidFile={dir}/slurmd.%n.pid\n\
             SlurmctldLogFile={dir}/slurmctld.log\nSlurmdLogFile={dir}/slurmd.%n.log\nStateSaveLocation={dir}/state\n\
             SlurmdSpoolDir={dir}/spool.%n\nSlurmdParameters=config_overrides\n"
        );
        let (cores, memory) = NODE;
        for node in 1..=nodes {
            let [port] = free_ports();
            conf += &format!(
                "NodeName=n{node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={cores} Boards=1 \
                 SocketsPerBoard=1 CoresPerSocket={cores} ThreadsPerCore=1 RealMemory={memory} State=UNKNOWN\n"
            );
            fs::create_dir_all(self.path(&format!("spool.n{node}"))).expect("created");
        }
        conf +=
            "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO\n";
        fs::create_dir_all(self.path("state")).expect("created");
        ok(Command::new("chmod").arg("755").arg(self.dir.path()));
        fs::write(self.path("slurm.conf"), conf).expect("written");
        fs::write(self.path("cgroup.conf"), "CgroupAutomount=no\n").expect("written");
    }

    /// Its configuration, as `SLURM_CONF`.
    pub(crate) fn conf(&self) -> PathBuf {
        self.path("slurm.conf")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env("SLURM_CONF", self.conf()).current_dir("/");
        command
    }

    /// Starts one that goes into the background by itself.
    fn daemon(&self, command: &mut Command) {
        let status = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(status.expect("it runs").success(), "{command:?}");
    }

    /// Runs one of its commands.
    pub(crate) fn ask(&self, program: &str, arguments: &[&str]) -> Output {
        self.command(program)
            .args(arguments)
            .output()
            .expect("it runs")
    }

    /// Runs one of its commands, which must succeed; what it writes.
    pub(crate) fn say(&self, program: &str, arguments: &[&str]) -> String {
        text(&ok(self.command(program).args(arguments)).stdout)
    }

    /// Its jobs that wait or run, by id.
    pub(crate) fn jobs(&self) -> Vec<String> {
        let listed = self.say("squeue", &["-h", "-r", "-t", "PD,R,CF", "-o", "%i"]);
        listed.lines().map(str::to_owned).collect()
    }
}

impl Drop for Slurm {
    fn drop(&mut self) {
        let _ = self.ask("scancel", &["--user=root", "--signal=KILL", "--full"]);
        let _ = self.ask("scancel", &["--user=root"]);
        let files = fs::read_dir(self.dir.path())
            .into_iter()
            .flatten()
            .flatten();
        let pids: Vec<String> = files
            .map(|file| file.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "pid"))
            .filter_map(|path: PathBuf| fs::read_to_string(path).ok())
            .map(|pid| pid.trim().to_owned())
            .collect();
        let _ = Command::new("kill").args(&pids).status();
        let alive = |pid: &String| Path::new("/proc").join(pid).join("exe").exists();
        for _ in 0..100 {
            if !pids.iter().any(alive) {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let _ = Command::new("kill").arg("-9").args(&pids).status();
    }
}
