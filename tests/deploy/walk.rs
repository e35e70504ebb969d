//! The guide to a first genome, followed: its blocks are run as they stand, but for the names of hosts and folders.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::daemon::free_ports;
use crate::support::slurm::Slurm;
use crate::support::trio::EMBEDDED;
use crate::support::{ok, published, root, until};

const GUIDE: &str = "docs/install.md";
/// From the doctor to giving the nodes back; the first unpacks the tarball.
const STEPS: std::ops::RangeInclusive<u32> = 2..=8;

/// What is to be typed in a step.
fn block(step: u32) -> String {
    let guide = fs::read_to_string(root().join(GUIDE)).expect(GUIDE);
    let begin = guide.find(&format!("\n## {step}. "));
    let section = &guide[begin.unwrap_or_else(|| panic!("no step {step}"))..];
    let mut parts = section.split("\n```\n");
    parts.nth(1).expect("something is typed").to_owned()
}

/// A site: a folder for what all nodes see and one for each scheduler, and what was started there.
struct Site<'a> {
    dir: tempfile::TempDir,
    slurm: &'a Slurm,
    /// For each scheduler: where it listens, and where it tells its metrics.
    ports: [u16; 6],
    /// Groups of processes, by their first.
    started: Vec<u32>,
}

impl<'a> Site<'a> {
    /// As the first step leaves it.
    fn unpacked(slurm: &'a Slurm) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let bin = dir.path().join("shared/current/bin");
        fs::create_dir_all(&bin).expect("made");
        fs::create_dir_all(dir.path().join("home")).expect("made");
        let program = env!("CARGO_BIN_EXE_kumi");
        std::os::unix::fs::symlink(program, bin.join("kumi")).expect("linked");
        let examples = root().join("examples");
        let current = dir.path().join("shared/current");
        ok(Command::new("cp").arg("-r").args([&examples, &current]));
        Self {
            dir,
            slurm,
            ports: free_ports(),
            started: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A block with the site's own names, for a scheduler or for all.
    fn named(&self, block: &str, scheduler: usize) -> String {
        let dir = self.dir.path().display();
        let mut names = vec![
            ("/shared/kumi".to_owned(), format!("{dir}/shared")),
            ("/local/kumi".to_owned(), format!("{dir}/local{scheduler}")),
            ("ID=1\n".to_owned(), format!("ID={scheduler}\n")),
        ];
        for id in 1..=3 {
            let own = format!("127.0.0.1:{}", self.ports[id - 1]);
            names.push((format!("sched{id}:7070"), own.clone()));
            names.push((format!("--host sched{id}"), "--host 127.0.0.1".to_owned()));
            if id == scheduler {
                let metrics = format!("127.0.0.1:{}", self.ports[id + 2]);
                names.push(("0.0.0.0:7070".to_owned(), own));
                names.push(("0.0.0.0:7071".to_owned(), metrics));
            }
        }
        let replace = |text: String, (from, to): &(String, String)| text.replace(from, to);
        let named = names.iter().fold(block.to_owned(), replace);
        // What the doctor says of this machine is not the guide's.
        let lines = named
            .lines()
            .map(|line| match line.contains("kumi doctor") {
                true => format!("{line} || true\n"),
                false => format!("{line}\n"),
            });
        lines.collect()
    }

    /// Types a block, which must do what it should.
    fn carry_out(&mut self, step: u32, scheduler: usize) {
        self.attempt(step, scheduler)
            .unwrap_or_else(|said| panic!("step {step}: {said}"));
    }

    /// Types a block; what it starts in the background goes on until the end.
    ///
    /// # Errors
    /// What was typed and said when it does not do what it should.
    fn attempt(&mut self, step: u32, scheduler: usize) -> Result<(), String> {
        let script = self.named(&block(step), scheduler);
        let said = self.path(&format!("step{step}.{scheduler}"));
        let file = File::create(&said).expect("made");
        let also = file.try_clone().expect("opened");
        let path = std::env::var("PATH").unwrap_or_default();
        let bin = self.path("shared/current/bin");
        let mut shell = Command::new("bash");
        shell.args(["-e", "-c", &script]).process_group(0);
        shell.env("PATH", format!("{}:{path}", bin.display()));
        shell.env("HOME", self.path("home")).env("USER", "ada");
        shell.env("SLURM_CONF", self.slurm.conf());
        shell.stdin(Stdio::null()).stdout(file).stderr(also);
        let mut shell = shell.spawn().expect("bash runs");
        self.started.push(shell.id());
        let status = shell.wait().expect("it ends");
        if status.success() {
            return Ok(());
        }
        let said = fs::read_to_string(&said).unwrap_or_default();
        Err(format!("{status}\n{script}\n{said}"))
    }

    /// What the administrator is told.
    fn told(&self, arguments: &[&str]) -> String {
        let client = self.path("home/.config/kumi/client.toml");
        let mut command = crate::support::kumi();
        command.args(arguments).arg("--client-config").arg(client);
        let output = command.output().expect("kumi runs");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Site<'_> {
    fn drop(&mut self) {
        for group in &self.started {
            // Most have ended by themselves.
            let group = format!("-{group}");
            let _ = Command::new("kill")
                .args(["-9", "--", &group])
                .stderr(Stdio::null())
                .status();
        }
    }
}

/// The digests of what was published, whatever it is called.
fn digests(root: &Path) -> Vec<String> {
    let mut digests: Vec<String> = published(root).into_values().collect();
    digests.sort();
    digests
}

#[test]
fn the_guide_leads_to_a_first_genome() {
    let Some(slurm) = Slurm::start(2) else {
        return;
    };
    let mut site = Site::unpacked(&slurm);
    for step in STEPS {
        if step == 4 {
            for scheduler in 1..=3 {
                fs::create_dir_all(site.path(&format!("local{scheduler}"))).expect("made");
                site.carry_out(step, scheduler);
            }
            continue;
        }
        match step {
            // Until there is a leader, `cluster status` fails.
            5 => until("a leader", || site.attempt(step, 0).ok()),
            _ => site.carry_out(step, 0),
        }
        if step == 6 {
            until("two workers", || {
                let workers = site.told(&["worker", "list"]);
                (workers.matches(" up ").count() == 2).then_some(())
            });
        }
    }
    let cohorts = site.path("shared/cohorts");
    assert_eq!(digests(&cohorts), digests(&EMBEDDED.root()));
    until("the nodes are given back", || {
        slurm.jobs().is_empty().then_some(())
    });
}
