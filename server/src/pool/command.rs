//! The command line of a pool's worker.

use std::path::Path;

use crate::config::Pool;
use crate::pool::site::Ask;

/// `kumi worker start` as this pool's workers are started, one argument each.
pub(super) fn of_worker(name: &str, pool: &Pool, program: &Path, ask: &Ask) -> Vec<String> {
    let program = pool.program.as_deref().unwrap_or(program);
    let mut line = vec![program.to_string_lossy().into_owned()];
    let mut add = |words: &[&str]| line.extend(words.iter().map(|word| (*word).to_owned()));
    add(&["worker", "start", "--pool", name]);
    add(&["--pool-request", &ask.request.to_string()]);
    add(&["--endpoint", &ask.endpoints.join(",")]);
    add(&["--cores", &pool.cores.to_string()]);
    // The process itself takes some beside what its tasks are given.
    add(&[
        "--memory",
        &format!("{}KiB", pool.memory.bytes() / 1_024 / 20 * 19),
    ]);
    add(&["--grace", &pool.grace.to_string()]);
    if let Some(time) = pool.time {
        add(&["--time-limit", &time.to_string()]);
    }
    if !pool.labels.is_empty() {
        add(&["--label", &pool.labels.join(",")]);
    }
    line.extend(pool.arguments.iter().cloned());
    line
}

/// Memory that such a worker offers.
pub(super) fn memory_bytes(pool: &Pool) -> u64 {
    (pool.memory.bytes() / 1_024 / 20 * 19) << 10
}

/// A command line for a shell.
pub(super) fn quoted(line: &[String]) -> String {
    let quoted = line
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', "'\\''")));
    quoted.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_shell_reads_words_as_they_are() {
        let line = ["a b".to_owned(), "it's".to_owned(), "$x".to_owned()];
        assert_eq!(quoted(&line), r"'a b' 'it'\''s' '$x'");
    }
}
