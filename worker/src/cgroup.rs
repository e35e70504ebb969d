//! How much memory the control groups of this process leave it (Linux Documentation, admin-guide/cgroup-v2 and
//! cgroup-v1/memory): what Slurm, Kubernetes and systemd give a job is less than the machine has.

use std::fs;
use std::path::Path;

/// The least limit of this process's groups and of those above them, in bytes; none when there is no limit. `root` is
/// where the system's folders lie.
pub(crate) fn memory_limit(root: &Path) -> Option<u64> {
    let groups = fs::read_to_string(root.join("proc/self/cgroup")).ok()?;
    let mounted = root.join("sys/fs/cgroup");
    let limits = groups.lines().filter_map(|line| {
        // hierarchy:controllers:path; no controllers in version 2.
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let memory = controllers.split(',').any(|name| name == "memory");
        match (controllers.is_empty(), memory) {
            (true, _) => least(&mounted, path, "memory.max"),
            (_, true) => least(&mounted.join("memory"), path, "memory.limit_in_bytes"),
            _ => None,
        }
    });
    limits.min()
}

/// The least number in files of this name, from a group up to where groups are mounted.
fn least(mounted: &Path, group: &str, name: &str) -> Option<u64> {
    let group = Path::new(group.trim_start_matches('/'));
    let limits = group.ancestors().filter_map(|above| {
        let text = fs::read_to_string(mounted.join(above).join(name)).ok()?;
        // `max`, or a number near 2^63 in version 1, is no limit.
        text.trim()
            .parse::<u64>()
            .ok()
            .filter(|bytes| *bytes < 1 << 62)
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::memory_limit;

    fn system(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().expect("a temporary directory");
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().expect("below")).expect("made");
            fs::write(path, text).expect("written");
        }
        root
    }

    #[test]
    fn the_least_limit_on_the_way_up_holds() {
        let slurm = system(&[
            ("proc/self/cgroup", "0::/slurm/job_7/step_0\n"),
            ("sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max\n"),
            ("sys/fs/cgroup/slurm/job_7/memory.max", "8589934592\n"),
            ("sys/fs/cgroup/slurm/memory.max", "68719476736\n"),
        ]);
        assert_eq!(memory_limit(slurm.path()), Some(8 << 30));
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        let pod = system(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "2147483648\n"),
        ]);
        assert_eq!(memory_limit(pod.path()), Some(2 << 30));
    }

    #[test]
    fn version_one_has_its_own_file_and_no_limit_is_none() {
        let old = system(&[
            ("proc/self/cgroup", "4:cpu,cpuacct:/a\n3:memory:/a\n"),
            (
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes",
                "4294967296\n",
            ),
            (
                "sys/fs/cgroup/memory/memory.limit_in_bytes",
                "9223372036854771712\n",
            ),
        ]);
        assert_eq!(memory_limit(old.path()), Some(4 << 30));
        let free = system(&[
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/memory.max", "max\n"),
        ]);
        assert_eq!(memory_limit(free.path()), None);
        assert_eq!(memory_limit(Path::new("/nowhere")), None);
    }
}
