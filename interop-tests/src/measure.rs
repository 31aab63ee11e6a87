//! CPU time and memory of processes, and what becomes of many samples.

use crate::process::descendants;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use std::time::Duration;

/// The middle one of the values; of none, none.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value below which this part of the values lies; of none, none.
#[must_use]
pub fn quantile(values: &[f64], part: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1)?;
    sorted.get((last as f64 * part).round() as usize).copied()
}

/// User and system seconds of a process, all its threads, to the nanosecond; 0 when it is gone.
#[must_use]
pub fn cpu_seconds(pid: u32) -> f64 {
    let clock = clock_getcpuclockid(Pid::from_raw(pid.cast_signed()));
    clock.ok().map_or(0.0, seconds_of)
}

/// The same of this thread.
#[must_use]
pub fn thread_seconds() -> f64 {
    seconds_of(ClockId::CLOCK_THREAD_CPUTIME_ID)
}

fn seconds_of(clock: ClockId) -> f64 {
    clock_gettime(clock).map_or(0.0, |time| Duration::from(time).as_secs_f64())
}

/// Seconds of a process, of all that descend from it, and of those among them that have ended
/// and were waited for. The last part comes in clock ticks: measure many at once.
#[must_use]
pub fn tree_cpu_seconds(pid: u32) -> f64 {
    let tree = descendants(pid).into_iter().chain([pid]);
    tree.map(|pid| cpu_seconds(pid) + reaped_seconds(pid).unwrap_or(0.0)).sum()
}

/// Seconds of all threads of a process and of all that descend from it, running or waiting for a
/// processor; 0 of those that are gone.
#[must_use]
pub fn tree_ready_seconds(pid: u32) -> f64 {
    let tree = descendants(pid).into_iter().chain([pid]);
    let threads = tree.filter_map(|pid| std::fs::read_dir(format!("/proc/{pid}/task")).ok());
    let threads = threads.flatten().flatten().map(|thread| thread.path().join("schedstat"));
    let seconds = threads.map(|path| {
        let stat = std::fs::read_to_string(path).unwrap_or_default();
        let times = stat.split_whitespace().take(2);
        times.filter_map(|word| word.parse::<f64>().ok()).sum::<f64>() / 1e9
    });
    seconds.sum()
}

/// Seconds that all processors together have worked, for whomever; in clock ticks.
#[must_use]
pub fn machine_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    // user, nice, system, idle, iowait, irq, softirq: all but the two of waiting.
    let fields = stat.split_whitespace().skip(1).take(7).enumerate();
    let busy = fields.filter(|(at, _)| !matches!(at, 3 | 4));
    let ticks: f64 = busy.filter_map(|(_, word)| word.parse::<f64>().ok()).sum();
    ticks / rustix::param::clock_ticks_per_second() as f64
}

/// What the kernel has added up of the children a process has waited for.
fn reaped_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything; the times of children are fields 16 and 17.
    let (_, after_name) = stat.rsplit_once(')')?;
    let times = after_name.split_whitespace().skip(13).take(2);
    let ticks: f64 = times.filter_map(|word| word.parse::<f64>().ok()).sum();
    Some(ticks / rustix::param::clock_ticks_per_second() as f64)
}

/// Seconds of all children of this process that have ended and were waited for.
///
/// # Panics
/// When the system does not tell.
#[must_use]
pub fn children_seconds() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the times of children");
    let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    micros as f64 / 1e6
}

/// The most memory that a process has had, in KiB; 0 when it is gone.
#[must_use]
pub fn peak_kib(pid: u32) -> f64 {
    status_kib(pid, "VmHWM:")
}

/// Resident memory of a process now, in KiB; 0 when it is gone.
#[must_use]
pub fn resident_kib(pid: u32) -> f64 {
    status_kib(pid, "VmRSS:")
}

/// `kib` of a process and all that descend from it.
#[must_use]
pub fn tree_kib(pid: u32, kib: fn(u32) -> f64) -> f64 {
    descendants(pid).into_iter().chain([pid]).map(kib).sum()
}

fn status_kib(pid: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middles_and_tails() {
        let close = |a: Option<f64>, b: f64| assert!((a.unwrap() - b).abs() < f64::EPSILON);
        close(median(&[3.0, 1.0, 2.0]), 2.0);
        close(quantile(&[5.0, 1.0, 2.0, 3.0, 4.0], 0.99), 5.0);
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn work_is_seen_in_the_times_of_this_process() {
        let (before, thread) = (cpu_seconds(std::process::id()), thread_seconds());
        let machine = machine_seconds();
        // Some ticks of the clock.
        let sum: u64 = (0..60_000_000).fold(0, |sum: u64, n| std::hint::black_box(sum ^ n));
        std::hint::black_box(sum);
        assert!(cpu_seconds(std::process::id()) > before);
        assert!(thread_seconds() > thread);
        assert!(machine > 0.0 && machine_seconds() > machine);
        assert!(tree_cpu_seconds(std::process::id()) > before);
        assert!(tree_ready_seconds(std::process::id()) > 0.0);
        assert!(peak_kib(std::process::id()) >= resident_kib(std::process::id()));
        assert!(tree_kib(std::process::id(), resident_kib) > 0.0);
    }
}
