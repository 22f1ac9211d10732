//! Where a figure was measured. A latency without it cannot be judged.

use std::fs;

use serde::Serialize;

use crate::table::Table;

/// Where a figure was measured. What the machine does not tell is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Environment {
    /// Kernel name, release and machine.
    pub kernel: String,
    /// Model of the first processor.
    pub cpu_model: Option<String>,
    /// Processors that are online.
    pub cores: Option<usize>,
    /// Frequency governor of the first processor; a virtual machine seldom has one.
    pub governor: Option<String>,
    /// Mode of transparent huge pages.
    pub transparent_hugepages: Option<String>,
    /// Compiler that built the program, if the build set `PINRAIL_RUSTC`.
    pub rustc: Option<String>,
    /// `release`, or `debug` where a build has debug assertions: its figures say nothing.
    pub build: String,
    /// Version of the workspace.
    pub version: String,
    /// Commit that was built, if the build set `PINRAIL_COMMIT`.
    pub commit: Option<String>,
    /// The command, arguments that hold blanks or quotes in quotes.
    pub command: String,
}

impl Environment {
    /// Reads it from the running machine. Makes system calls and allocates.
    pub fn capture() -> Environment {
        let uname = rustix::system::uname();
        let name = [uname.sysname(), uname.release(), uname.machine()]
            .map(|part| part.to_string_lossy().into_owned());
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").ok();
        Environment {
            kernel: name.join(" "),
            cpu_model: cpuinfo.as_deref().and_then(cpu_model),
            cores: cpuinfo.as_deref().and_then(cores),
            governor: read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            transparent_hugepages: read_line("/sys/kernel/mm/transparent_hugepage/enabled")
                .as_deref()
                .and_then(chosen),
            rustc: option_env!("PINRAIL_RUSTC").map(str::to_owned),
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            }
            .to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: option_env!("PINRAIL_COMMIT").map(str::to_owned),
            command: command(std::env::args_os().map(|arg| arg.to_string_lossy().into_owned())),
        }
    }

    /// As a table of two columns.
    pub fn table(&self) -> Table {
        let or_unknown = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
        let mut table = Table::facts(&["environment", ""]);
        table
            .row(["kernel", &self.kernel])
            .row(["cpu", &or_unknown(&self.cpu_model)])
            .row(["cores", &or_unknown(&self.cores.map(|cores| cores.to_string()))])
            .row(["governor", &or_unknown(&self.governor)])
            .row(["transparent huge pages", &or_unknown(&self.transparent_hugepages)])
            .row(["rustc", &or_unknown(&self.rustc)])
            .row(["pinrail", &format!("{} ({} build)", self.version, self.build)])
            .row(["commit", &or_unknown(&self.commit)])
            .row(["command", &self.command]);
        table
    }
}

fn read_line(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.trim().to_owned())
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    let line = cpuinfo.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, model)| model.trim().to_owned())
}

fn cores(cpuinfo: &str) -> Option<usize> {
    let cores = cpuinfo
        .lines()
        .filter(|line| {
            line.split_once(':')
                .is_some_and(|(key, _)| key.trim() == "processor")
        })
        .count();
    (cores > 0).then_some(cores)
}

/// The choice that stands in brackets: `madvise` of `always [madvise] never`.
fn chosen(choices: &str) -> Option<String> {
    let (_, rest) = choices.split_once('[')?;
    rest.split_once(']').map(|(choice, _)| choice.to_owned())
}

fn command(args: impl Iterator<Item = String>) -> String {
    let plain =
        |arg: &str| !arg.is_empty() && !arg.contains(|c: char| c.is_whitespace() || "'\"\\".contains(c));
    let shown: Vec<String> = args
        .map(|arg| if plain(&arg) { arg } else { format!("{arg:?}") })
        .collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_kernel_are_read() {
        let cpuinfo = "processor\t: 0\nmodel name\t: Xeon : 2.6\nflags\t\t: fpu\n\nprocessor\t: 1\nmodel name\t: other\n";
        assert_eq!(cpu_model(cpuinfo).as_deref(), Some("Xeon : 2.6"));
        assert_eq!(cores(cpuinfo), Some(2));
        assert_eq!((cpu_model(""), cores("\n")), (None, None));
        assert_eq!(chosen("always [madvise] never").as_deref(), Some("madvise"));
        assert_eq!((chosen("always"), chosen("[never")), (None, None));
    }

    #[test]
    fn commands_can_be_told_apart() {
        let args = ["pinrail", "run", "--config", "my file", ""].map(str::to_owned);
        assert_eq!(command(args.into_iter()), "pinrail run --config \"my file\" \"\"");
    }

    #[test]
    fn a_capture_is_complete_as_json_and_as_a_table() {
        let environment = Environment::capture();
        assert!(!environment.kernel.trim().is_empty() && !environment.command.is_empty());
        let json = serde_json::to_value(&environment).unwrap();
        assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(json.as_object().unwrap().len(), 10);
        let table = environment.table().to_string();
        assert!(
            table.contains("kernel") && table.contains(&environment.kernel),
            "{table}"
        );
    }
}
