//! What benchmarks of whole processes measure with.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

/// User and system time of a process (`self`: this one), microseconds: fields 14 and 15 of its `stat`, in hundredths of a
/// second.
pub(crate) fn cpu_us(process: &str) -> f64 {
    const TICK_US: f64 = 10_000.0;
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("it runs");
    let fields = text.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
    (ticks(11) + ticks(12)) * TICK_US
}

/// The value below which that part of all lies; 0 without any.
pub(crate) fn quantile(values: &mut [u32], part: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    values.sort_unstable();
    let at = ((values.len() - 1) as f64 * part).round() as usize;
    f64::from(values[at])
}

/// What limits everything here: cores, other load, and how long the disk takes for one fdatasync.
pub(crate) fn machine(folder: &Path) -> String {
    const WRITES: usize = 200;
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut file = File::create(folder.join("sync")).expect("a file");
    let mut took: Vec<u32> = (0..WRITES)
        .map(|_| {
            let began = Instant::now();
            file.write_all(&[0; 4_096]).expect("written");
            file.sync_data().expect("synced");
            began.elapsed().as_micros() as u32
        })
        .collect();
    format!(
        "{cores} cores, load {}; write and fdatasync of 4 KiB: p50 {:.2} ms, p99 {:.2} ms",
        load.split_whitespace().next().unwrap_or("?"),
        quantile(&mut took, 0.5) / 1e3,
        quantile(&mut took, 0.99) / 1e3
    )
}
