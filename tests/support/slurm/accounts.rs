//! Accounting for a Slurm of one machine: slurmdbd, and the mariadbd that it writes into.

use std::path::Path;
use std::process::Command;

use super::Slurm;
use crate::daemon::{Process, free_ports};
use crate::support::tools::have;
use crate::support::{ok, text, until};

const TOOLS: [&str; 6] = [
    "mariadb-install-db",
    "mariadbd",
    "mariadb",
    "slurmdbd",
    "sacct",
    "sacctmgr",
];

/// The database; ends with the value.
pub(super) struct Accounts {
    database: u16,
    port: u16,
    _server: Process,
}

impl Accounts {
    /// Starts the database in a folder; none when it is not installed.
    pub(super) fn start(dir: &Path) -> Option<Self> {
        if !have(&TOOLS) {
            return None;
        }
        let [database, port] = free_ports();
        let data = format!("--datadir={}", dir.join("db").display());
        let mut install = Command::new("mariadb-install-db");
        install.args(["--no-defaults", "--user=root", &data]);
        install.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
        ok(&mut install);
        let socket = format!("--socket={}", dir.join("db.sock").display());
        let mut server = Command::new("mariadbd");
        server.args(["--no-defaults", "--user=root", &data, &socket]);
        server.args(["--bind-address=127.0.0.1", &format!("--port={database}")]);
        server.args(["--innodb-flush-log-at-trx-commit=0", "--skip-log-bin"]);
        let server = Process::start(&mut server, &dir.join("db.log"));
        let grant = "create user slurm@127.0.0.1 identified by 'x'; grant all on slurm.* to slurm@127.0.0.1";
        until("a database", || {
            let mut client = Command::new("mariadb");
            client.args(["--no-defaults", "--user=root", &socket, "-e", grant]);
            let output = client.output().expect("it runs");
            output.status.success().then_some(())
        });
        Some(Self {
            database,
            port,
            _server: server,
        })
    }

    /// Lines of `slurm.conf`.
    pub(super) fn settings(&self, dir: &Path) -> String {
        format!(
            "AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\n\
             AccountingStoragePort={}\nAccountingStoragePass={}/munge.sock\n\
             AccountingStorageEnforce=associations,limits,qos\n",
            self.port,
            dir.display()
        )
    }

    /// Starts slurmdbd, which needs munged, and lets nobody have more than `jobs` jobs.
    pub(super) fn open(&self, slurm: &Slurm, jobs: u32) {
        let dir = slurm.dir.path().display();
        let conf = format!(
            "AuthType=auth/munge\nAuthInfo=socket={dir}/munge.sock\nDbdHost=localhost\nDbdPort={}\nSlurmUser=root\n\
             LogFile={dir}/slurmdbd.log\nPidFile={dir}/slurmdbd.pid\nStorageType=accounting_storage/mysql\n\
             StorageHost=127.0.0.1\nStoragePort={}\nStorageUser=slurm\nStoragePass=x\nStorageLoc=slurm\nCommitDelay=1\n",
            self.port, self.database
        );
        let path = slurm.path("slurmdbd.conf");
        std::fs::write(&path, conf).expect("written");
        ok(Command::new("chmod").arg("600").arg(&path));
        slurm.daemon(&mut slurm.command("slurmdbd"));
        until("slurmdbd", || {
            let added = slurm.ask("sacctmgr", &["-i", "add", "cluster", "test"]);
            let said = text(&added.stdout);
            (added.status.success() || said.contains("already exists")).then_some(())
        });
        let limit = format!("MaxSubmitJobsPerUser={jobs}");
        slurm.say(
            "sacctmgr",
            &["-i", "modify", "qos", "normal", "set", &limit],
        );
    }
}
