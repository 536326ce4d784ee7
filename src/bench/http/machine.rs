//! The machine: what it is, what it spends, and what its network has to complain of.

use std::fs;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Hardware and kernel, as far as figures depend on them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in all.
    pub memory_bytes: u64,
    /// Name and release.
    pub kernel: String,
}

impl Machine {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let after = |text: &str, key: &str| {
            let line = text.lines().find(|line| line.starts_with(key))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory = after(&read("/proc/meminfo"), "MemTotal");
        let memory_kib: Option<u64> = memory.and_then(|text| text.trim_end_matches(" kB").parse().ok());
        Self {
            cpu: after(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| std::env::consts::ARCH.into()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_kib.unwrap_or(0) * 1024,
            kernel: format!("{} {}", std::env::consts::OS, read("/proc/sys/kernel/osrelease").trim()),
        }
    }
}

/// User and system time that a process has taken so far; none where it isn't known.
pub(super) fn cpu_time(pid: u32) -> Option<Duration> {
    cpu_time_in(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?, rustix::param::clock_ticks_per_second())
}

fn cpu_time_in(stat: &str, ticks_per_s: u64) -> Option<Duration> {
    // The name may have spaces and brackets of its own; behind the last bracket come the third field and all others.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ').skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(Duration::from_secs_f64((user + system) as f64 / ticks_per_s.max(1) as f64))
}

/// What the kernel had to complain of: of the whole machine, not of this run alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkTroubles {
    /// Segments sent again.
    pub retransmissions: u64,
    /// Connections that found no place in a listener's queue.
    pub listen_overflows: u64,
    /// Connections dropped before they were accepted.
    pub listen_drops: u64,
}

impl NetworkTroubles {
    /// Since the machine was started.
    pub(super) fn so_far() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        let (snmp, netstat) = (read("/proc/net/snmp"), read("/proc/net/netstat"));
        let of = |text: &str, group: &str, name: &str| counter(text, group, name).unwrap_or(0);
        Self {
            retransmissions: of(&snmp, "Tcp:", "RetransSegs"),
            listen_overflows: of(&netstat, "TcpExt:", "ListenOverflows"),
            listen_drops: of(&netstat, "TcpExt:", "ListenDrops"),
        }
    }

    /// What came since then.
    pub(super) fn since(self, then: Self) -> Self {
        Self {
            retransmissions: self.retransmissions.saturating_sub(then.retransmissions),
            listen_overflows: self.listen_overflows.saturating_sub(then.listen_overflows),
            listen_drops: self.listen_drops.saturating_sub(then.listen_drops),
        }
    }

    /// Both.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            retransmissions: self.retransmissions + other.retransmissions,
            listen_overflows: self.listen_overflows + other.listen_overflows,
            listen_drops: self.listen_drops + other.listen_drops,
        }
    }

    /// Whether there were none.
    #[must_use]
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}

/// Two lines for each group: names, then values.
fn counter(text: &str, group: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter(|line| line.starts_with(group));
    let at = lines.next()?.split_ascii_whitespace().position(|word| word == name)?;
    lines.next()?.split_ascii_whitespace().nth(at)?.parse().ok()
}

#[cfg(all(test, not(doorbuster_loom)))]
mod tests {
    use std::time::Duration;

    use super::{Machine, NetworkTroubles, counter, cpu_time, cpu_time_in};

    #[test]
    fn a_process_of_any_name_has_its_time_read() {
        let stat = "17 (a) (b c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0";
        assert_eq!(cpu_time_in(stat, 100), Some(Duration::from_secs(3)));
        assert_eq!(cpu_time_in("17 (a", 100), None);
        assert!(cpu_time(std::process::id()).is_some());
    }

    #[test]
    fn a_counter_is_found_by_its_name() {
        let text = "Ip: A B\nIp: 1 2\nTcp: RtoMin RetransSegs\nTcp: -1 42\n";
        assert_eq!(counter(text, "Tcp:", "RetransSegs"), Some(42));
        assert_eq!(counter(text, "Tcp:", "Nothing"), None);
        assert_eq!(counter("", "Tcp:", "RetransSegs"), None);
    }

    #[test]
    fn troubles_are_those_of_the_time_between() {
        let then = NetworkTroubles { retransmissions: 5, listen_overflows: 1, listen_drops: 1 };
        let now = NetworkTroubles { retransmissions: 7, ..then };
        assert_eq!(now.since(then), NetworkTroubles { retransmissions: 2, ..NetworkTroubles::default() });
        assert!(then.since(then).is_none() && !now.since(then).is_none());
    }

    #[test]
    fn this_machine_has_cores_and_memory() {
        let machine = Machine::this();
        assert!(machine.cores > 0 && machine.memory_bytes > 0 && !machine.cpu.is_empty(), "{machine:?}");
    }
}
