//! What a task costs.

use rustix::time::{ClockId, clock_gettime};

use crate::capabilities::kibibytes;

/// Where the system tells what this process holds.
const STATUS: &str = "/proc/self/status";

/// CPU time of the calling thread since it began, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds * 1_000_000_000 + u64::try_from(time.tv_nsec).unwrap_or(0)
}

/// CPU time of the threads of the current rayon pool since they began, in nanoseconds.
pub(crate) fn pool_cpu_ns() -> u64 {
    rayon::broadcast(|_| thread_cpu_ns()).iter().sum()
}

/// The most memory this process ever held, in bytes (`VmHWM`); 0 where the system does not tell. It is the
/// process's: tasks that run beside each other share it.
pub(crate) fn peak_rss_bytes() -> u64 {
    status("VmHWM:")
}

/// The memory this process holds now, in bytes (`VmRSS`).
pub(crate) fn rss_bytes() -> u64 {
    status("VmRSS:")
}

fn status(name: &str) -> u64 {
    std::fs::read_to_string(STATUS)
        .ok()
        .and_then(|text| kibibytes(&text, name))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{STATUS, kibibytes, peak_rss_bytes, rss_bytes, thread_cpu_ns};

    #[test]
    fn only_the_own_threads_work_is_counted() {
        let before = thread_cpu_ns();
        std::thread::spawn(|| {
            let mut sum = 0u64;
            while thread_cpu_ns() < 50_000_000 {
                sum = std::hint::black_box(sum + 1);
            }
        })
        .join()
        .expect("the thread ends");
        assert!(thread_cpu_ns() - before < 50_000_000);
    }

    /// Of one moment: the system counts roughly while other threads take and give memory back.
    #[test]
    fn the_peak_is_not_below_what_is_held_now() {
        assert!(rss_bytes() > 0 && peak_rss_bytes() > 0);
        let text = std::fs::read_to_string(STATUS).expect("a status");
        assert!(kibibytes(&text, "VmHWM:") >= kibibytes(&text, "VmRSS:"));
    }
}
