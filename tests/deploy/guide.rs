//! Commands and files that the guides tell people to type.

use std::fs;
use std::path::Path;

use crate::support::{kumi, ok, root};

const GUIDES: [&str; 2] = ["docs/install.md", "deploy/kubernetes/README.md"];

/// The lines of a guide that are to be typed, those that a backslash continues joined.
fn typed(guide: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(guide)).expect(guide);
    let mut typing = false;
    let mut lines: Vec<String> = Vec::new();
    for line in text.replace("\\\n", " ").lines() {
        if line.starts_with("```") {
            typing = !typing;
        } else if typing {
            lines.push(line.trim().to_owned());
        }
    }
    lines
}

/// What may stand before the program in a line.
const STARTERS: [&str; 4] = ["srun", "exec", "nohup", "&&"];

/// The words that the program is called with in a line; the shell's are left out, and stand-ins for its variables.
fn call(line: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let starts =
        |at: &usize| words[*at] == "kumi" && (*at == 0 || STARTERS.contains(&words[at - 1]));
    let begin = (0..words.len()).find(starts)?;
    let ours = words[begin + 1..]
        .iter()
        .take_while(|word| !["2>>", "&", "#"].contains(word));
    Some(
        ours.map(|word| if word.contains('$') { "1" } else { *word })
            .collect(),
    )
}

#[test]
fn guides_type_commands_that_there_are() {
    for guide in GUIDES {
        let lines = typed(guide);
        let found: Vec<_> = lines.iter().filter_map(|line| call(line)).collect();
        assert!(found.len() >= 4, "{guide}: {found:?}");
        for words in found {
            // A flag or subcommand that does not exist is refused before help is given; values are not looked at.
            ok(kumi().args(words).arg("--help"));
        }
    }
}

/// The text between `cat > NAME <<EOF` and `EOF`, with what stands for something replaced.
fn file(name: &str, replaced: &[(&str, &str)]) -> String {
    let lines = typed(GUIDES[0]);
    let begin = lines
        .iter()
        .position(|line| line.starts_with("cat > ") && line.contains(name));
    let begin = begin.unwrap_or_else(|| panic!("no {name}"));
    let body = lines[begin + 1..].iter().take_while(|line| *line != "EOF");
    let text: Vec<_> = body.map(String::as_str).collect();
    let replace = |text: String, (from, to): &(&str, &str)| text.replace(from, to);
    replaced.iter().fold(text.join("\n"), replace)
}

#[test]
fn the_guide_writes_files_that_the_program_takes() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("written");
        path
    };
    let check = |words: &[&str], path: &Path| {
        ok(kumi()
            .args(words)
            .arg("--config")
            .arg(path)
            .arg("--check-config"));
    };
    for id in ["1", "2", "3"] {
        let text = file("scheduler.toml", &[("$ID", id)]);
        check(&["scheduler"], &write("scheduler.toml", &text));
    }
    check(
        &["worker", "start"],
        &write("worker.toml", &file("worker.toml", &[])),
    );
    // A certificate that is not there is the only thing that is wrong.
    let client = write("client.toml", &file("client.toml", &[("$USER", "ada")]));
    let mut status = kumi();
    status
        .args(["cluster", "status", "--client-config"])
        .arg(client);
    crate::support::refuses(&mut status, 66, "operator-ada");
}
