//! What the kernel counts for our own process, under the names that every exporter uses.

use nix::unistd::{SysconfVar, sysconf};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

/// What the kernel counts for this process, under the names that every exporter uses.
#[derive(Clone, Copy, Debug)]
pub struct ProcessUsage {
    pub start_time_seconds: f64,
    pub cpu_seconds: f64,
    pub resident_bytes: f64,
    pub open_fds: f64,
    pub threads: f64,
}

impl ProcessUsage {
    /// Reads `/proc/self`; nothing where there is no `/proc`. Source: proc(5).
    pub fn read() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let system = std::fs::read_to_string("/proc/stat").ok()?;
        let open_fds = std::fs::read_dir("/proc/self/fd").ok()?.count();
        let page = sysconf(SysconfVar::PAGE_SIZE).ok()??;
        let ticks = sysconf(SysconfVar::CLK_TCK).ok()??;
        parse(&stat, &system, open_fds, page, ticks)
    }

    pub(super) fn register(self, registry: &mut Registry) {
        let gauge = |value: f64| {
            let gauge = Gauge::<f64, std::sync::atomic::AtomicU64>::default();
            gauge.set(value);
            gauge
        };
        let cpu = Counter::<f64, std::sync::atomic::AtomicU64>::default();
        cpu.inc_by(self.cpu_seconds);
        registry.register_with_unit(
            "start_time",
            "When the process was started, since 1970",
            Unit::Seconds,
            gauge(self.start_time_seconds),
        );
        registry.register_with_unit("cpu", "User and system time used", Unit::Seconds, cpu);
        registry.register_with_unit(
            "resident_memory",
            "Memory held in RAM",
            Unit::Bytes,
            gauge(self.resident_bytes),
        );
        registry.register("open_fds", "Open file descriptors", gauge(self.open_fds));
        registry.register("threads", "Threads of the process", gauge(self.threads));
    }
}

fn parse(stat: &str, system: &str, open_fds: usize, page: i64, ticks: i64) -> Option<ProcessUsage> {
    // The second field is the program's name in brackets and may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
    let boot: f64 = system
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?
        .parse()
        .ok()?;
    let ticks: f64 = i32::try_from(ticks).ok()?.into();
    let page: f64 = i32::try_from(page).ok()?.into();
    Some(ProcessUsage {
        cpu_seconds: (field(14)? + field(15)?) / ticks,
        threads: field(20)?,
        start_time_seconds: boot + field(22)? / ticks,
        resident_bytes: field(24)? * page,
        open_fds: u32::try_from(open_fds).ok()?.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_gives_figures_or_nothing(stat in ".*", system in ".*") {
            parse(&stat, &system, 3, 4096, 100);
        }
    }

    #[test]
    fn a_program_name_with_brackets_does_not_shift_the_fields() {
        let stat = "42 (a) b) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 3 0 1000 10000 25 18446744073709551615";
        let usage = parse(stat, "cpu 1\nbtime 1700000000\n", 9, 4096, 100).unwrap();
        assert!((usage.cpu_seconds - 2.0).abs() < 1e-9 && (usage.threads - 3.0).abs() < 1e-9);
        assert!((usage.start_time_seconds - 1_700_000_010.0).abs() < 1e-9);
        assert!((usage.resident_bytes - 102_400.0).abs() < 1e-9 && (usage.open_fds - 9.0).abs() < 1e-9);
        assert!(parse("nonsense", "", 0, 4096, 100).is_none());
    }
}
