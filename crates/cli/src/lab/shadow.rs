//! `pinrail lab shadow`: what a shadow costs the core, in windows without it and with it by turns.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use pinrail_report::environment::Environment;
use pinrail_report::latency::Summary as Latency;
use pinrail_report::table::{Table, bytes, count, ns, ns_or_dash};
use pinrail_runtime::clock::Clock;
use serde::Serialize;

use super::load::Line;
use super::windows::{Plan, Windows};
use crate::args::{self, LabShadowArgs, Place};
use crate::desk::feed::FeedCounts;
use crate::desk::live::{Options, Running};
use crate::desk::rig::{join, place, placement, spawn};
use crate::failure::Failure;
use crate::output::{Results, progress, show};
use crate::replay::{failure, open_replay};

/// Before each window: a shadow starts or ends, and caches come to rest.
const REST_NS: u64 = 1_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;

/// What happened in a window.
#[derive(Clone, Copy, Debug, Serialize)]
struct Window {
    /// From taking a request to its answer in the journal.
    on_core: Latency,
    /// From its planned time at the producer, which shares its processor with the shadow, to the same.
    planned_to_committed: Latency,
    /// What the shadow wrote meanwhile.
    snapshots: u64,
    snapshot_bytes: u64,
    /// What it replayed meanwhile.
    records: u64,
}

/// Two windows, one behind the other.
#[derive(Clone, Copy, Debug, Serialize)]
struct Pair {
    without: Window,
    with: Window,
    /// With the shadow, to without.
    ratio_p50: f64,
    ratio_p99: f64,
    ratio_planned_p50: f64,
    ratio_planned_p99: f64,
}

#[derive(Debug, Serialize)]
struct Printed {
    requests_per_s: u32,
    window_seconds: u64,
    /// Whether the shadow replayed again and again, or only followed.
    restless: bool,
    /// The core's processor and that of everything else.
    core_cpu: usize,
    other_cpu: Option<usize>,
    pairs: Vec<Pair>,
    ratio_p50_median: f64,
    ratio_p99_median: f64,
    ratio_planned_p50_median: f64,
    ratio_planned_p99_median: f64,
    /// Snapshots, in windows or not; each is the state of a full replay.
    snapshots_checked: u64,
    /// The longest that a shadow's following stood still for one.
    snapshot_took_ns_max: u64,
    quotes: u64,
    requests: u64,
    feed: FeedCounts,
    environment: Environment,
}

/// A line of the shadow, and when it came.
type Stamped = (u64, Line);

pub(crate) fn main(args: &LabShadowArgs) -> Result<(), Failure> {
    if args.seconds * u64::from(args.rate) < 10_000 {
        return Err(Failure::Usage(format!(
            "a window has {} requests: a p99 needs 10,000",
            args.seconds * u64::from(args.rate)
        )));
    }
    let (core_cpu, other_cpu) = placement(None)?;
    let windows = 2 * args.pairs;
    let options = Options {
        seconds: windows * (args.seconds + REST_NS / SECOND_NS),
        journal: None,
        seed: None,
        requests_per_s: Some(args.rate),
        hedging: false,
        marks: false,
        floors: false,
    };
    let plan_from = |start_ns| Plan {
        start_ns,
        rest_ns: REST_NS,
        window_ns: args.seconds * SECOND_NS,
        windows,
    };
    let running = Running::start(&options, |warm_ns| Windows::new(plan_from(warm_ns)))?;
    let plan = plan_from(running.warm_ns);
    // And with it the shadow, from its first instruction on.
    place(other_cpu);
    let lines = run_windows(args, plan, other_cpu, &running);
    let ended = running.end()?;
    let lines = lines?;
    let checked = check(&ended.archive_dir, &lines)?;
    let pairs = (0..args.pairs)
        .map(|pair| measured(pair, plan, &ended.observer, &lines))
        .collect::<Result<Vec<_>, _>>()?;
    let printed = Printed {
        requests_per_s: args.rate,
        window_seconds: args.seconds,
        restless: args.restless,
        core_cpu,
        other_cpu,
        ratio_p50_median: median(pairs.iter().map(|pair| pair.ratio_p50)),
        ratio_p99_median: median(pairs.iter().map(|pair| pair.ratio_p99)),
        ratio_planned_p50_median: median(pairs.iter().map(|pair| pair.ratio_planned_p50)),
        ratio_planned_p99_median: median(pairs.iter().map(|pair| pair.ratio_planned_p99)),
        pairs,
        snapshots_checked: checked,
        snapshot_took_ns_max: lines.iter().map(|(_, line)| line.took_ns).max().unwrap_or(0),
        quotes: ended.clients.quotes,
        requests: ended.clients.requests,
        feed: ended.feed,
        environment: Environment::capture(),
    };
    show(&args.output, &printed, print)
}

/// The order changes from pair to pair, so that what drifts counts for neither.
fn is_with_shadow(window: u64) -> bool {
    matches!(window % 4, 1 | 2)
}

/// Starts and ends shadows as planned; gives what they wrote.
fn run_windows(
    args: &LabShadowArgs,
    plan: Plan,
    cpu: Option<usize>,
    running: &Running<Windows>,
) -> Result<Vec<Stamped>, Failure> {
    let mut clock = running.clock.clone();
    let bar = progress(plan.windows, "windows");
    let mut lines = Vec::new();
    let mut shadow = None;
    for n in 0..plan.windows {
        sleep_until(&mut clock, plan.rest_begin_ns(n));
        if let Some(shadow) = shadow.take_if(|_| !is_with_shadow(n)) {
            lines.extend(ShadowProcess::end(shadow)?);
        }
        if is_with_shadow(n) && shadow.is_none() {
            let journal = (running.archive_dir.as_path(), running.live_dir.as_path());
            shadow = Some(ShadowProcess::start(args, journal, cpu, clock.clone())?);
        }
        if !running.is_trading() {
            break;
        }
        bar.inc(1);
    }
    sleep_until(&mut clock, plan.rest_begin_ns(plan.windows));
    if let Some(shadow) = shadow {
        lines.extend(shadow.end()?);
    }
    bar.finish_and_clear();
    Ok(lines)
}

fn sleep_until(clock: &mut Clock, ts: u64) {
    loop {
        clock.refresh();
        let now = clock.now_ns();
        if now >= ts {
            return;
        }
        thread::sleep(Duration::from_nanos(ts - now));
    }
}

/// A shadow in a process of its own.
struct ShadowProcess {
    child: Child,
    lines: JoinHandle<Result<Vec<Stamped>, Failure>>,
}

impl ShadowProcess {
    fn start(
        args: &LabShadowArgs,
        (archive_dir, live_dir): (&Path, &Path),
        cpu: Option<usize>,
        clock: Clock,
    ) -> Result<ShadowProcess, Failure> {
        let program = std::env::current_exe().map_err(machine)?;
        let mut command = Command::new(program);
        command
            .args(["lab", "shadow-load"])
            .arg(archive_dir)
            .arg("--live")
            .arg(live_dir)
            .args(["--every-records", &args.every_records.to_string()]);
        command.args(args.restless.then_some("--restless"));
        if let Some(cpu) = cpu {
            command.args(["--cpu", &cpu.to_string()]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(machine)?;
        let stdout = child.stdout.take().expect("it is piped");
        let lines = spawn("pinrail-lines", move || {
            place(cpu);
            read(stdout, clock)
        })?;
        Ok(ShadowProcess { child, lines })
    }

    fn end(mut self) -> Result<Vec<Stamped>, Failure> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(machine)?;
        let status = self.child.wait().map_err(machine)?;
        let lines = join("pinrail-lines", self.lines)??;
        if status.success() {
            Ok(lines)
        } else {
            Err(Failure::Check(format!("the shadow ended with {status}")))
        }
    }
}

fn read(stdout: ChildStdout, mut clock: Clock) -> Result<Vec<Stamped>, Failure> {
    let mut lines = Vec::new();
    for line in BufReader::new(stdout).lines() {
        let line = line.map_err(machine)?;
        let line = serde_json::from_str(&line).map_err(machine)?;
        clock.refresh();
        lines.push((clock.now_ns(), line));
    }
    Ok(lines)
}

fn machine(error: impl std::fmt::Display) -> Failure {
    Failure::Machine(error.to_string())
}

/// Replays the whole journal, which compares every output, and compares each snapshot with the state there; gives how many
/// there were.
fn check(archive_dir: &Path, lines: &[Stamped]) -> Result<u64, Failure> {
    let mut awaited: BTreeMap<u64, u64> = BTreeMap::new();
    for (_, line) in lines {
        if *awaited.entry(line.next_seq).or_insert(line.state_hash) != line.state_hash {
            return Err(Failure::Check(format!(
                "two snapshots at sequence {} differ",
                line.next_seq
            )));
        }
    }
    let journal = args::Journal {
        place: Place {
            archive_dir: archive_dir.to_owned(),
        },
        live: None,
    };
    let mut replay = open_replay(&journal)?;
    while replay.step().map_err(|e| failure(&journal, &replay, e))? {
        if let Some(hash) = awaited.remove(&replay.next_seq()) {
            let found = replay.snapshot().map(|snapshot| snapshot.state_hash);
            if found != Some(hash) {
                return Err(Failure::Check(format!(
                    "the snapshot at sequence {} is not the state of a full replay",
                    replay.next_seq()
                )));
            }
        }
    }
    if let Some((seq, _)) = awaited.first_key_value() {
        return Err(Failure::Check(format!(
            "the snapshot at sequence {seq} is of no place in the journal"
        )));
    }
    Ok(lines.len() as u64)
}

fn measured(pair: u64, plan: Plan, observed: &Windows, lines: &[Stamped]) -> Result<Pair, Failure> {
    let window = |n: u64| {
        let mut window = Window {
            on_core: observed.latencies[n as usize].on_core.summary(),
            planned_to_committed: observed.latencies[n as usize].planned_to_committed.summary(),
            snapshots: 0,
            snapshot_bytes: 0,
            records: 0,
        };
        for (_, line) in lines
            .iter()
            .filter(|(at, _)| plan.window_at(*at) == Some(n as usize))
        {
            window.snapshots += 1;
            window.snapshot_bytes += line.state_bytes;
            window.records += line.records;
        }
        window
    };
    let (first, second) = (2 * pair, 2 * pair + 1);
    let (without, with) = if is_with_shadow(first) {
        (window(second), window(first))
    } else {
        (window(first), window(second))
    };
    if with.snapshot_bytes == 0 || without.snapshots > 0 {
        return Err(Failure::Check(format!(
            "pair {}: {} snapshots were written with the shadow and {} without it",
            pair + 1,
            with.snapshots,
            without.snapshots
        )));
    }
    let ratio = |percentile: fn(&Window) -> Option<u64>| {
        let (with, without) = (percentile(&with), percentile(&without));
        let (Some(with), Some(without)) = (with, without) else {
            return Err(Failure::Check(format!(
                "pair {}: too few requests for a p99",
                pair + 1
            )));
        };
        Ok(with as f64 / without as f64)
    };
    Ok(Pair {
        without,
        with,
        ratio_p50: ratio(|window| window.on_core.ns_p50)?,
        ratio_p99: ratio(|window| window.on_core.ns_p99)?,
        ratio_planned_p50: ratio(|window| window.planned_to_committed.ns_p50)?,
        ratio_planned_p99: ratio(|window| window.planned_to_committed.ns_p99)?,
    })
}

/// The middle one, or the mean of the two.
fn median(ratios: impl Iterator<Item = f64>) -> f64 {
    let mut ratios: Vec<f64> = ratios.collect();
    ratios.sort_by(f64::total_cmp);
    let middle = ratios.len() / 2;
    if ratios.len().is_multiple_of(2) {
        f64::midpoint(ratios[middle - 1], ratios[middle])
    } else {
        ratios[middle]
    }
}

fn print(printed: &Printed, results: &mut Results) -> Result<(), Failure> {
    results.line(format_args!(
        "Request to quote, on the core, at {} requests a second in windows of {} s. In every second one a shadow in a",
        count(u64::from(printed.requests_per_s)),
        printed.window_seconds
    ))?;
    results.line(if printed.restless {
        "process of its own replayed the journal from its first record, again and again, and wrote snapshots."
    } else {
        "process of its own followed the journal and wrote snapshots."
    })?;
    results.line("")?;
    let mut table = Table::figures(&[
        "pair",
        "requests",
        "p50 without",
        "p50 with",
        "ratio",
        "p99 without",
        "p99 with",
        "ratio",
        "snapshots",
        "bytes",
        "records replayed",
    ]);
    for (n, pair) in printed.pairs.iter().enumerate() {
        table.row([
            (n + 1).to_string(),
            count(pair.without.on_core.count.min(pair.with.on_core.count)),
            ns_or_dash(pair.without.on_core.ns_p50),
            ns_or_dash(pair.with.on_core.ns_p50),
            format!("{:.3}", pair.ratio_p50),
            ns_or_dash(pair.without.on_core.ns_p99),
            ns_or_dash(pair.with.on_core.ns_p99),
            format!("{:.3}", pair.ratio_p99),
            count(pair.with.snapshots),
            bytes(pair.with.snapshot_bytes),
            count(pair.with.records),
        ]);
    }
    results.line(table)?;
    results.line("")?;
    let mut table = Table::figures(&["with the shadow, to without: median of the pairs", "p50", "p99"]);
    table.row([
        "on the core".to_owned(),
        format!("{:.3}", printed.ratio_p50_median),
        format!("{:.3}", printed.ratio_p99_median),
    ]);
    table.row([
        "planned to committed: the producer shares its processor with the shadow".to_owned(),
        format!("{:.3}", printed.ratio_planned_p50_median),
        format!("{:.3}", printed.ratio_planned_p99_median),
    ]);
    results.line(&table)?;
    results.line("")?;
    let mut table = Table::figures(&["in all windows", ""]);
    table.row([
        "snapshots, each the state of a full replay".to_owned(),
        count(printed.snapshots_checked),
    ]);
    table.row([
        "longest that following stood still for one".to_owned(),
        ns(printed.snapshot_took_ns_max),
    ]);
    table.row(["requests".to_owned(), count(printed.requests)]);
    table.row(["quotes".to_owned(), count(printed.quotes)]);
    table.row([
        "requests that found no room".to_owned(),
        count(printed.feed.requests_busy),
    ]);
    table.row([
        "messages more than 1 ms late".to_owned(),
        count(printed.feed.late),
    ]);
    results.line(&table)?;
    results.line("")?;
    results.line(printed.environment.table())
}
