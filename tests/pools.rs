//! Workers from engines that are no Slurm, played by scripts: one that is called by commands of the configuration, and a
//! `kubectl`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::site::Site;
use crate::support::until;

/// Starts, lists and ends processes; a folder is its book. Jobs are `7`, `8`, …; their workers `7.1`, `7.2`, ….
const ENGINE: &str = r#"#!/bin/sh
book=$(dirname "$0")/book
mkdir -p "$book"
case $1 in
ask) # name workers
  job=$(($(ls "$book" | grep -c job) + 7))
  cat > "$book/script.$job"
  echo "$2" > "$book/job.$job"
  for task in $(seq "$3"); do
    ENGINE_JOB=$job ENGINE_TASK=$task setsid sh "$book/script.$job" > /dev/null 2>&1 &
    echo $! > "$book/pid.$job.$task"
  done
  echo "$job" ;;
list)
  for pid in "$book"/pid.*; do
    [ -e "$pid" ] || continue
    id=${pid##*/pid.}
    job=${id%.*}
    state=done
    kill -0 "$(cat "$pid")" 2> /dev/null && state=running
    echo "$(cat "$book/job.$job") $job $id $state"
  done ;;
cancel)
  shift
  echo "$@" >> "$book/cancelled"
  for id in "$@"; do kill "$(cat "$book/pid.$id")"; done ;;
*) exit 2 ;;
esac
"#;

/// As much of `kubectl` as a pool needs: `create`, `get` and `delete` of Jobs that are processes.
const KUBECTL: &str = r#"#!/bin/sh
book=$(dirname "$0")/book
mkdir -p "$book"
case $1 in
create)
  name=
  while IFS= read -r line; do
    case $line in
    "name: "*) name=${line#name: } ;;
    "command: "*)
      words=$(printf '%s' "${line#command: }" | sed 's/^\[//; s/\]$//; s/", "/" "/g')
      setsid sh -c "exec $words" > /dev/null 2>&1 &
      echo $! > "$book/$name"
      echo "job.batch/$name" ;;
    esac
  done ;;
get)
  for pid in "$book"/*; do
    [ -e "$pid" ] || continue
    if kill -0 "$(cat "$pid")" 2> /dev/null; then counts="1 1 <none> <none>"; else counts="<none> <none> 1 <none>"; fi
    echo "${pid##*/} Job <none> $counts <none>"
  done ;;
delete)
  shift 4
  for job in "$@"; do [ -e "$book/$job" ] && kill "$(cat "$book/$job")" && rm "$book/$job"; done ;;
*) exit 2 ;;
esac
"#;

fn script(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
    path.display().to_string()
}

fn common(dir: &Path) -> String {
    format!(
        "cores = 2\nmemory = \"3GiB\"\nmax = 2\nidle = \"1s\"\npoll = \"300ms\"\ngrace = \"1s\"\ntime = \"30m\"\n\
         arguments = [\"--report-interval\", \"100ms\", \"--scratch\", \"{}\"]\n",
        dir.display()
    )
}

#[test]
fn any_engine_that_answers_three_commands_gives_workers() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let engine = script(dir.path(), "engine", ENGINE);
    let pool = format!(
        "[pool.own]\nkind = \"exec\"\njob = \"$ENGINE_JOB.$ENGINE_TASK\"\n\
         ask = [\"{engine}\", \"ask\", \"{{name}}\", \"{{workers}}\"]\nlist = [\"{engine}\", \"list\"]\n\
         cancel = [\"{engine}\", \"cancel\", \"{{ids}}\"]\n{}",
        common(dir.path())
    );
    let site = Site::start::<1>(pool, Vec::new());
    site.submit();
    let name = site.a_worker();
    assert!(name.starts_with("own-7_"), "{name}");
    site.completed();
    until("workers that left", || {
        site.workers().is_empty().then_some(())
    });
    let queue = site.ask(&["queue", "list"]).expect("a queue");
    assert_eq!(queue["pools"][0]["requests_failed"], 0, "{queue}");
    assert!(
        !dir.path().join("book/cancelled").exists(),
        "they left by themselves"
    );
}

#[test]
fn what_an_engine_says_is_told() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let engine = script(
        dir.path(),
        "engine",
        "#!/bin/sh\n[ $1 = ask ] || exit 0\necho 'no such project: genomics' >&2\nexit 1\n",
    );
    let pool = format!(
        "[pool.own]\nkind = \"exec\"\njob = \"x\"\nask = [\"{engine}\", \"ask\"]\nlist = [\"{engine}\", \"list\"]\n\
         cancel = [\"{engine}\", \"cancel\", \"{{ids}}\"]\n{}",
        common(dir.path())
    );
    let site = Site::start::<1>(pool, Vec::new());
    let pool = |site: &Site| {
        let status = site.ask(&["cluster", "status"]).expect("a status");
        let status = status
            .as_array()
            .map_or(status.clone(), |all| all[0].clone());
        status["pools"][0].clone()
    };
    let before = pool(&site);
    assert_eq!(
        (&before["kind"], &before["max"]),
        (&"exec".into(), &2.into()),
        "{before}"
    );
    assert_eq!(before["reason"], "", "{before}");
    site.submit();
    site.told("no such project: genomics");
    let told = pool(&site);
    let reason = told["reason"].as_str().expect("a reason");
    assert!(reason.contains("no such project: genomics"), "{told}");
    assert_eq!(
        (&told["pool"], &told["up"]),
        (&"own".into(), &0.into()),
        "{told}"
    );
}

#[test]
fn kubernetes_gives_workers() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    script(dir.path(), "kubectl", KUBECTL);
    let template = dir.path().join("worker.yaml");
    fs::write(
        &template,
        "name: {name}\nkumi-pool: {label}\ncommand: {command}\n",
    )
    .expect("written");
    let pool = format!(
        "[pool.k8s]\nkind = \"kubernetes\"\ntemplate = \"{}\"\n{}",
        template.display(),
        common(dir.path())
    );
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", dir.path().display());
    let site = Site::start::<1>(pool, vec![("PATH".to_owned(), path)]);
    site.submit();
    let name = site.a_worker();
    assert!(name.starts_with("k8s-kumi_test_k8s_1_0"), "{name}");
    site.completed();
    until("workers that left", || {
        site.workers().is_empty().then_some(())
    });
    let queue = site.ask(&["queue", "list"]).expect("a queue");
    assert_eq!(queue["pools"][0]["requests_failed"], 0, "{queue}");
}
