//! What on this machine will hurt latency.
//!
//! It reads `/proc`, `/sys` and `/dev/shm`, changes nothing, and never fails: what cannot be read is "unknown" and
//! a warning, because nothing vouches for it.

use std::fs;
use std::path::Path;

use rustix::fs::statvfs;
use serde::Serialize;

use crate::affinity::CoreList;

/// What a journal with its default segments needs in `/dev/shm`, and in locked memory.
const SHM_BYTES_MIN: u64 = 64 << 20;

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// As it should be.
    Ok,
    /// It will hurt latency, or nobody knows.
    Warn,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable name.
    pub name: &'static str,
    /// What was found, for people; `unknown` if it could not be read.
    pub value: String,
    /// Whether it matters.
    pub severity: Severity,
    /// What to do, in one sentence; `None` where all is well.
    pub advice: Option<&'static str>,
}

/// Looks at everything below `root`: `/` for this machine, or a copy of its `proc`, `sys` and `dev/shm`.
///
/// The findings come in the same order every time, each name once.
pub fn examine(root: &Path) -> Vec<Finding> {
    let machine = Machine { root };
    CHECKS
        .iter()
        .map(|check| {
            let seen = (check.look)(&machine);
            let is_ok = seen.as_ref().is_some_and(|seen| seen.is_ok);
            Finding {
                name: check.name,
                value: seen.map_or_else(|| "unknown".to_owned(), |seen| seen.value),
                severity: if is_ok { Severity::Ok } else { Severity::Warn },
                advice: (!is_ok).then_some(check.advice),
            }
        })
        .collect()
}

struct Check {
    name: &'static str,
    look: fn(&Machine<'_>) -> Option<Seen>,
    advice: &'static str,
}

struct Seen {
    value: String,
    is_ok: bool,
}

impl Seen {
    #[expect(clippy::unnecessary_wraps, reason = "every look ends with it")]
    fn some(value: impl Into<String>, is_ok: bool) -> Option<Seen> {
        Some(Seen {
            value: value.into(),
            is_ok,
        })
    }
}

const CHECKS: &[Check] = &[
    Check {
        name: "cores",
        look: cores,
        advice: "Use at least four cores, so that sockets and disk do not share one with each other and the kernel.",
    },
    Check {
        name: "isolated_cores",
        look: |machine| core_list(machine, "sys/devices/system/cpu/isolated"),
        advice: "Keep other tasks off the core thread's processor with isolcpus= or an isolated cpuset partition.",
    },
    Check {
        name: "nohz_full",
        look: |machine| core_list(machine, "sys/devices/system/cpu/nohz_full"),
        advice: "Stop the scheduler's tick on the core thread's processor with nohz_full= and rcu_nocbs=.",
    },
    Check {
        name: "irq_affinity",
        look: irq_affinity,
        advice: "Keep interrupts off the core thread's processor with irqaffinity=, and stop irqbalance.",
    },
    Check {
        name: "governor",
        look: governor,
        advice: "Set the governor to performance (cpupower frequency-set -g performance), or ask the host to.",
    },
    Check {
        name: "smt",
        look: smt,
        advice: "Turn SMT off, or leave the sibling of the core thread's processor idle.",
    },
    Check {
        name: "clock_source",
        look: clock_source,
        advice: "Find out in dmesg why the kernel does not trust the TSC: another clock source is a slow one.",
    },
    Check {
        name: "tsc",
        look: tsc,
        advice: "Without an invariant TSC the clock falls back on CLOCK_MONOTONIC: use another processor or host.",
    },
    Check {
        name: "transparent_hugepages",
        look: transparent_hugepages,
        advice: "Set transparent huge pages to madvise or never: compaction stalls threads at their page faults.",
    },
    Check {
        name: "shm_free",
        look: shm_free,
        advice: "Give /dev/shm at least 64 MiB free (mount -o remount,size=; docker --shm-size), or shorten segments.",
    },
    Check {
        name: "memlock_limit",
        look: memlock_limit,
        advice: "Raise RLIMIT_MEMLOCK to at least 64 MiB (ulimit -l, limits.conf, LimitMEMLOCK=).",
    },
    Check {
        name: "swap",
        look: swap,
        advice: "Turn swap off (swapoff -a): a page that was swapped out costs milliseconds.",
    },
    Check {
        name: "kernel",
        look: kernel,
        advice: "Use a kernel built with preemption (PREEMPT, PREEMPT_DYNAMIC or PREEMPT_RT).",
    },
    Check {
        name: "hypervisor",
        look: hypervisor,
        advice: "Use bare metal, or a host that pins each virtual processor: a hypervisor can stop the core thread.",
    },
    Check {
        name: "steal",
        look: steal,
        advice: "Move to a host that is not oversubscribed: others ran while this machine wanted to.",
    },
    Check {
        name: "load",
        look: load,
        advice: "Stop other work, so that at least one core is free for the core thread.",
    },
    Check {
        name: "perf_event_paranoid",
        look: perf_event_paranoid,
        advice: "Set kernel.perf_event_paranoid to 2 or less, so that a slow run can be profiled.",
    },
];

/// The file trees that tell of a machine.
struct Machine<'a> {
    root: &'a Path,
}

impl Machine<'_> {
    /// A file's text without surrounding blanks.
    fn text(&self, path: &str) -> Option<String> {
        let text = fs::read_to_string(self.root.join(path)).ok()?;
        Some(text.trim().to_owned())
    }

    fn online(&self) -> Option<Vec<usize>> {
        CoreList::read(&self.text("sys/devices/system/cpu/online")?).filter(|cores| !cores.is_empty())
    }

    /// The distinct texts of a file below each online core's folder, in order.
    fn of_each_core(&self, file: &str) -> Option<Vec<String>> {
        let mut texts = Vec::new();
        for core in self.online()? {
            texts.push(self.text(&format!("sys/devices/system/cpu/cpu{core}/{file}"))?);
        }
        texts.sort();
        texts.dedup();
        Some(texts)
    }

    fn has_cpu_flag(&self, flag: &str) -> Option<bool> {
        let cpuinfo = self.text("proc/cpuinfo")?;
        let flags = cpuinfo.lines().find(|line| line.starts_with("flags"))?;
        Some(flags.split_whitespace().any(|word| word == flag))
    }
}

fn cores(machine: &Machine<'_>) -> Option<Seen> {
    let online = machine.online()?;
    Seen::some(
        format!("{} ({})", online.len(), CoreList::write(&online)),
        online.len() >= 4,
    )
}

fn core_list(machine: &Machine<'_>, path: &str) -> Option<Seen> {
    let text = machine.text(path)?;
    match text.as_str() {
        // A kernel that has the feature but was not told to use it prints its null pointer.
        "" | "(null)" => Seen::some("none", false),
        list => Seen::some(list, CoreList::read(list).is_some()),
    }
}

/// Whether new interrupts may be sent to every core.
fn irq_affinity(machine: &Machine<'_>) -> Option<Seen> {
    let mask = machine.text("proc/irq/default_smp_affinity")?;
    let digits: Vec<u32> = mask
        .chars()
        .rev()
        .filter(|c| *c != ',')
        .map(|c| c.to_digit(16))
        .collect::<Option<_>>()?;
    let takes = |core: &usize| {
        digits
            .get(core / 4)
            .is_some_and(|digit| digit >> (core % 4) & 1 == 1)
    };
    let (with, without): (Vec<usize>, Vec<usize>) = machine.online()?.into_iter().partition(takes);
    Seen::some(CoreList::write(&with), !without.is_empty())
}

fn governor(machine: &Machine<'_>) -> Option<Seen> {
    let governors = machine.of_each_core("cpufreq/scaling_governor")?;
    Seen::some(governors.join(" "), governors == ["performance"])
}

fn smt(machine: &Machine<'_>) -> Option<Seen> {
    let siblings = machine.of_each_core("topology/thread_siblings_list")?;
    let is_shared = |list: &String| CoreList::read(list).is_none_or(|cores| cores.len() > 1);
    if siblings.iter().any(is_shared) {
        Seen::some(format!("on, siblings {}", siblings.join(" ")), false)
    } else {
        Seen::some("off", true)
    }
}

fn clock_source(machine: &Machine<'_>) -> Option<Seen> {
    let source = machine.text("sys/devices/system/clocksource/clocksource0/current_clocksource")?;
    let is_ok = source == "tsc";
    Seen::some(source, is_ok)
}

fn tsc(machine: &Machine<'_>) -> Option<Seen> {
    match (
        machine.has_cpu_flag("constant_tsc")?,
        machine.has_cpu_flag("nonstop_tsc")?,
    ) {
        (true, true) => Seen::some("constant and nonstop", true),
        (true, false) => Seen::some("constant, but stops in deep sleep", false),
        (false, _) => Seen::some("not constant", false),
    }
}

fn transparent_hugepages(machine: &Machine<'_>) -> Option<Seen> {
    let choices = machine.text("sys/kernel/mm/transparent_hugepage/enabled")?;
    let (_, rest) = choices.split_once('[')?;
    let (chosen, _) = rest.split_once(']')?;
    Seen::some(chosen, chosen != "always")
}

fn shm_free(machine: &Machine<'_>) -> Option<Seen> {
    let shm = statvfs(machine.root.join("dev/shm")).ok()?;
    let bytes_free = shm.f_bavail.saturating_mul(shm.f_frsize);
    let bytes = shm.f_blocks.saturating_mul(shm.f_frsize);
    Seen::some(
        format!("{} of {} MiB", bytes_free >> 20, bytes >> 20),
        bytes_free >= SHM_BYTES_MIN,
    )
}

fn memlock_limit(machine: &Machine<'_>) -> Option<Seen> {
    let limits = machine.text("proc/self/limits")?;
    let soft = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max locked memory"))?
        .split_whitespace()
        .next()?;
    if soft == "unlimited" {
        return Seen::some(soft, true);
    }
    let bytes: u64 = soft.parse().ok()?;
    Seen::some(format!("{} KiB", bytes >> 10), bytes >= SHM_BYTES_MIN)
}

fn swap(machine: &Machine<'_>) -> Option<Seen> {
    let swaps = machine.text("proc/swaps")?;
    let devices: Vec<&str> = swaps
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    if devices.is_empty() {
        Seen::some("off", true)
    } else {
        Seen::some(devices.join(" "), false)
    }
}

fn kernel(machine: &Machine<'_>) -> Option<Seen> {
    let release = machine.text("proc/sys/kernel/osrelease")?;
    let version = machine.text("proc/sys/kernel/version")?;
    Seen::some(format!("{release} {version}"), version.contains("PREEMPT"))
}

fn hypervisor(machine: &Machine<'_>) -> Option<Seen> {
    let is_guest = machine.has_cpu_flag("hypervisor")?;
    Seen::some(if is_guest { "virtual machine" } else { "none" }, !is_guest)
}

/// The share of processor time since boot that the hypervisor gave to others while this machine wanted it.
fn steal(machine: &Machine<'_>) -> Option<Seen> {
    let stat = machine.text("proc/stat")?;
    let times: Vec<u64> = stat
        .lines()
        .next()?
        .strip_prefix("cpu ")?
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    // user nice system idle iowait irq softirq steal; the guest times behind them are in user and nice already.
    let stolen = *times.get(7)?;
    let total: f64 = times[..8].iter().map(|time| *time as f64).sum();
    let percent = stolen as f64 * 100.0 / total.max(1.0);
    Seen::some(format!("{percent:.2} % since boot"), percent < 0.1)
}

fn load(machine: &Machine<'_>) -> Option<Seen> {
    let text = machine.text("proc/loadavg")?;
    let minute: f64 = text.split_whitespace().next()?.parse().ok()?;
    let cores = machine.online()?.len();
    Seen::some(
        format!("{minute:.2} over the last minute on {cores} cores"),
        minute <= (cores - 1) as f64,
    )
}

fn perf_event_paranoid(machine: &Machine<'_>) -> Option<Seen> {
    let level: i32 = machine
        .text("proc/sys/kernel/perf_event_paranoid")?
        .parse()
        .ok()?;
    Seen::some(level.to_string(), level <= 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;
    use tempfile::TempDir;

    use super::*;

    const GOOD: &[(&str, &str)] = &[
        ("sys/devices/system/cpu/online", "0-3\n"),
        ("sys/devices/system/cpu/isolated", "2-3\n"),
        ("sys/devices/system/cpu/nohz_full", "2-3\n"),
        (
            "sys/devices/system/clocksource/clocksource0/current_clocksource",
            "tsc\n",
        ),
        (
            "sys/kernel/mm/transparent_hugepage/enabled",
            "always [madvise] never\n",
        ),
        (
            "proc/cpuinfo",
            "processor\t: 0\nflags\t\t: fpu tsc constant_tsc rdtscp nonstop_tsc\n",
        ),
        ("proc/irq/default_smp_affinity", "00000000,00000003\n"),
        (
            "proc/self/limits",
            "Limit  Soft  Hard  Units\nMax locked memory  unlimited  unlimited  bytes\n",
        ),
        ("proc/swaps", "Filename  Type  Size  Used  Priority\n"),
        ("proc/sys/kernel/osrelease", "6.8.0\n"),
        ("proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC\n"),
        ("proc/stat", "cpu  100 0 100 9800 0 0 0 0 50 0\ncpu0 1 2 3\n"),
        ("proc/loadavg", "0.40 0.14 0.07 2/96 9480\n"),
        ("proc/sys/kernel/perf_event_paranoid", "-1\n"),
    ];

    fn put(root: &Path, path: &str, text: impl AsRef<[u8]>) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn good_machine() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (path, text) in GOOD {
            put(dir.path(), path, text);
        }
        for core in 0..4 {
            let cpu = format!("sys/devices/system/cpu/cpu{core}");
            put(
                dir.path(),
                &format!("{cpu}/cpufreq/scaling_governor"),
                "performance\n",
            );
            put(
                dir.path(),
                &format!("{cpu}/topology/thread_siblings_list"),
                format!("{core}\n"),
            );
        }
        fs::create_dir_all(dir.path().join("dev/shm")).unwrap();
        dir
    }

    fn find(root: &Path, name: &str) -> Finding {
        examine(root)
            .into_iter()
            .find(|finding| finding.name == name)
            .unwrap()
    }

    #[test]
    #[cfg_attr(miri, ignore = "reads files")]
    fn a_machine_made_for_it_has_no_warning() {
        let dir = good_machine();
        for finding in examine(dir.path()) {
            // The size of the file system below the test's folder is not the test's to choose.
            if finding.name != "shm_free" {
                assert_eq!(finding.severity, Severity::Ok, "{finding:?}");
                assert_eq!(finding.advice, None);
            }
        }
        assert_eq!(find(dir.path(), "steal").value, "0.00 % since boot");
        assert_eq!(find(dir.path(), "irq_affinity").value, "0-1");
    }

    #[test]
    #[cfg_attr(miri, ignore = "reads files")]
    fn each_fault_is_its_own_warning() {
        let cpu1 = "sys/devices/system/cpu/cpu1";
        let faults = [
            ("cores", "sys/devices/system/cpu/online", "0-1\n", "2 (0-1)"),
            ("isolated_cores", "sys/devices/system/cpu/isolated", "\n", "none"),
            (
                "nohz_full",
                "sys/devices/system/cpu/nohz_full",
                "  (null)\n",
                "none",
            ),
            ("irq_affinity", "proc/irq/default_smp_affinity", "f\n", "0-3"),
            (
                "governor",
                &format!("{cpu1}/cpufreq/scaling_governor"),
                "powersave\n",
                "performance powersave",
            ),
            (
                "smt",
                &format!("{cpu1}/topology/thread_siblings_list"),
                "0-1\n",
                "on, siblings 0 0-1 2 3",
            ),
            (
                "clock_source",
                "sys/devices/system/clocksource/clocksource0/current_clocksource",
                "hpet\n",
                "hpet",
            ),
            (
                "tsc",
                "proc/cpuinfo",
                "flags : constant_tsc\n",
                "constant, but stops in deep sleep",
            ),
            (
                "transparent_hugepages",
                "sys/kernel/mm/transparent_hugepage/enabled",
                "[always] madvise never",
                "always",
            ),
            (
                "memlock_limit",
                "proc/self/limits",
                "Max locked memory  65536  unlimited  bytes\n",
                "64 KiB",
            ),
            (
                "swap",
                "proc/swaps",
                "Filename Type\n/dev/sda2 partition 1 2 3\n",
                "/dev/sda2",
            ),
            ("kernel", "proc/sys/kernel/version", "#1 SMP\n", "6.8.0 #1 SMP"),
            (
                "hypervisor",
                "proc/cpuinfo",
                "flags\t: constant_tsc nonstop_tsc hypervisor\n",
                "virtual machine",
            ),
            (
                "steal",
                "proc/stat",
                "cpu  50 0 0 40 0 0 0 10 0 0\n",
                "10.00 % since boot",
            ),
            (
                "load",
                "proc/loadavg",
                "3.50 0 0 1/1 1\n",
                "3.50 over the last minute on 4 cores",
            ),
            (
                "perf_event_paranoid",
                "proc/sys/kernel/perf_event_paranoid",
                "4\n",
                "4",
            ),
        ];
        for (name, path, text, value) in faults {
            let dir = good_machine();
            put(dir.path(), path, text);
            let finding = find(dir.path(), name);
            assert_eq!(
                (finding.severity, finding.value.as_str()),
                (Severity::Warn, value),
                "{name}"
            );
            assert!(finding.advice.is_some_and(|advice| advice.ends_with('.')));
        }
        assert_eq!(faults.len() + 1, CHECKS.len(), "a check without a fault to find");
    }

    #[test]
    #[cfg_attr(miri, ignore = "reads files")]
    fn what_cannot_be_read_is_unknown() {
        for finding in examine(Path::new("/nowhere")) {
            assert_eq!(
                (finding.value.as_str(), finding.severity),
                ("unknown", Severity::Warn)
            );
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "reads files")]
    fn this_machine_is_examined_and_serialises() {
        let findings = examine(Path::new("/"));
        let json = serde_json::to_value(&findings).unwrap();
        assert_eq!(json[0]["name"], "cores");
        assert!(
            json.as_array()
                .unwrap()
                .iter()
                .all(|f| f["severity"] == "ok" || f["severity"] == "warn")
        );
    }

    #[test]
    #[cfg_attr(miri, ignore = "reads files")]
    fn garbage_never_fails() {
        let dir = good_machine();
        let bytes = prop::collection::vec(any::<u8>(), 0..80);
        let text = r"[ \[\]0-9,a-f:\n-]{0,40}";
        TestRunner::default()
            .run(&(0..GOOD.len(), bytes, text), |(i, bytes, text)| {
                let (path, good) = GOOD[i];
                put(dir.path(), path, &bytes);
                prop_assert_eq!(examine(dir.path()).len(), CHECKS.len());
                put(dir.path(), path, format!("{}{text}", &good[..good.len() / 2]));
                prop_assert_eq!(examine(dir.path()).len(), CHECKS.len());
                put(dir.path(), path, good);
                Ok(())
            })
            .unwrap();
        put(
            dir.path(),
            "proc/stat",
            format!("cpu {}", "18446744073709551615 ".repeat(8)),
        );
        assert_eq!(find(dir.path(), "steal").value, "12.50 % since boot");
    }
}
