//! Runs a call of a program of the site, off the async threads and with an end.

use std::io::{Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::limits;
use crate::pool::site::Call;

/// How often a program that runs is looked at.
const LOOK: Duration = Duration::from_millis(5);
/// How long the output of a program that has ended is waited for.
const HELD: Duration = Duration::from_secs(2);
/// Variables of this process that a worker must not take for its own.
const OWN: &str = "KUMI_";

/// Runs it; what it wrote, or what was wrong in its words.
pub(super) async fn run(call: Call) -> Result<String, String> {
    let ran = tokio::task::spawn_blocking(move || run_here(&call)).await;
    ran.unwrap_or_else(|error| Err(error.to_string()))
}

fn run_here(call: &Call) -> Result<String, String> {
    let program = &call.program;
    let mut command = Command::new(program);
    command.args(&call.arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with(OWN) {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    // With what it starts, so that all of it can be ended.
    command.process_group(0);
    let mut child = command
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let input = child.stdin.take();
    let text = call.input.clone();
    // It may end without having read it; nobody waits for that.
    std::thread::spawn(move || input.is_some_and(|mut i| i.write_all(text.as_bytes()).is_ok()));
    let output = gather(child.stdout.take());
    let complaint = gather(child.stderr.take());
    let ended = wait(child, call.patience);
    let ended = ended.map_err(|error| format!("{program}: {error}"))?;
    let Some(status) = ended else {
        let said = in_one_line(&written(complaint).unwrap_or_default());
        let seconds = call.patience.as_secs();
        return Err(format!(
            "{program} did not answer within {seconds} s: {said}"
        ));
    };
    let (Some(output), Some(complaint)) = (written(output), written(complaint)) else {
        return Err(format!(
            "{program} ended, and something that it started holds its output: it must close or redirect it"
        ));
    };
    if status.success() {
        return Ok(output);
    }
    Err(match in_one_line(&complaint) {
        said if said.is_empty() => format!("{program} ended with {status}"),
        said if said.starts_with(program.as_str()) => said,
        said => format!("{program}: {said}"),
    })
}

/// Waits; none when it had to be killed.
fn wait(mut child: Child, patience: Duration) -> std::io::Result<Option<ExitStatus>> {
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if began.elapsed() >= patience {
            end(child);
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// Ends it and what it started. It is reaped elsewhere: a file system that hangs may keep it for long.
fn end(mut child: Child) {
    // What has ended in this moment is no error.
    let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
    std::thread::spawn(move || child.wait());
}

/// What a program wrote that has ended; none when the other end is still held.
fn written(reader: JoinHandle<String>) -> Option<String> {
    let began = Instant::now();
    while !reader.is_finished() {
        if began.elapsed() >= HELD {
            return None;
        }
        std::thread::sleep(LOOK);
    }
    reader.join().ok()
}

fn gather(from: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(from) = from {
            // What was read before it broke is taken.
            let _ = from
                .take(limits::SITE_OUTPUT_BYTES_MAX)
                .read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn in_one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join("; ");
    line.chars()
        .take(limits::SITE_COMPLAINT_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::run_here;
    use crate::pool::site::Call;

    fn shell(script: &str) -> Call {
        Call::new("sh", vec!["-c".to_owned(), script.to_owned()])
    }

    #[test]
    fn what_is_written_comes_back() {
        let call = Call {
            input: "x\n".to_owned(),
            ..shell("cat; echo beside >&2")
        };
        assert_eq!(run_here(&call), Ok("x\n".to_owned()));
    }

    #[test]
    fn a_failure_is_told_in_its_words() {
        assert_eq!(
            run_here(&shell("echo no >&2; echo way >&2; exit 3")),
            Err("sh: no; way".to_owned())
        );
        assert_eq!(
            run_here(&shell("exit 3")),
            Err("sh ended with exit status: 3".to_owned())
        );
        let missing = run_here(&Call::new("/nowhere/sbatch", Vec::new()));
        assert!(missing.is_err_and(|said| said.contains("/nowhere/sbatch")));
    }

    #[test]
    fn what_hangs_is_ended() {
        let call = Call {
            patience: Duration::from_millis(50),
            ..shell("exec sleep 100")
        };
        assert!(run_here(&call).is_err_and(|said| said.contains("did not answer")));
    }

    /// A script is ended with what it waits for, even when that reads nothing of what it is given.
    #[test]
    fn what_a_script_started_is_ended_with_it() {
        let call = Call {
            patience: Duration::from_millis(200),
            input: "x".repeat(1 << 20),
            ..shell("sleep 100 & echo $! >&2; wait")
        };
        let said = run_here(&call).expect_err("it hangs");
        let pid = said.rsplit(' ').next().expect("its number");
        assert!(pid.parse::<u32>().is_ok(), "{said}");
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.is_ok_and(|stat| !stat.contains(") Z"))
        };
        let ended = (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            !lives()
        });
        assert!(ended, "{pid} is left");
    }

    #[test]
    fn output_that_is_held_is_not_waited_for_without_end() {
        let said = run_here(&shell("sleep 20 & echo 17")).expect_err("held");
        assert!(said.contains("holds its output"), "{said}");
    }
}
