//! `pinrail replay`.

use std::time::{Duration, Instant};

use pinrail_journal::archive::{Reader, Tail};
use pinrail_report::table::{Table, bytes, count, ns};
use pinrail_runtime::{Replay, ReplayCounts, ReplayError};
use pinrail_types::Frame;
use serde::Serialize;

use crate::args::{Bound, Journal, ReplayArgs, Speed};
use crate::decode::utc;
use crate::failure::Failure;
use crate::model::{MakeModel, Model, make_model};
use crate::output::{Results, show, spinner};
use crate::show::torn_at;

mod difference;
mod what_if;

/// Records from one look at the clock and the progress bar to the next, flat out.
const RECORDS_PER_LOOK: u64 = 1 << 14;

/// What a replay came to, as it is printed in JSON.
#[derive(Default, Serialize)]
struct Summary {
    /// Every output that was compared is equal.
    equal: bool,
    inputs: u64,
    outputs: u64,
    bytes: u64,
    epochs: u64,
    /// Sequence of the first record that is reported on, and of the last.
    from_seq: u64,
    last_seq: u64,
    /// The state before that comes from a snapshot; else from the journal's first record.
    from_snapshot: bool,
    /// Sequence of the first record that went through the engine to come to that state.
    state_from_seq: u64,
    /// Core time of the last input, ns since the Unix epoch.
    last_ts_core: u64,
    /// The engine's rolling hash over all outputs of the last epoch of playback, or of all of live trading.
    output_hash: Option<String>,
    /// The hash of the state behind the last record.
    state_hash: Option<String>,
    /// Outputs that crashes cut off at the ends of epochs of playback: not compared.
    cut_off: u64,
    /// Inputs passed over because the core that journaled them panicked on them.
    poison: u64,
    /// Outputs of the last input that do not stand in the journal.
    missing_at_end: u64,
    /// Where and why the archive ends in something that was never durable.
    torn: Option<String>,
    elapsed_ns: u64,
    records_per_s: u64,
    /// The same records read and checked, but not replayed.
    baseline_records_per_s: Option<u64>,
}

/// Of a journal that this program wrote.
pub(crate) type DeskReplay = Replay<Model, MakeModel>;

/// A replay with the model that this program writes journals with.
pub(crate) fn open_replay(journal: &Journal) -> Result<DeskReplay, Failure> {
    let (archive_dir, live_dir) = (journal.archive_dir(), journal.live.as_deref());
    Ok(Replay::open(archive_dir, live_dir, make_model as MakeModel)?)
}

/// Replays a journal and says whether it came out the same.
pub(crate) fn main(args: &ReplayArgs) -> Result<(), Failure> {
    if let Some(file) = &args.what_if {
        return what_if::main(args, file);
    }
    let mut replay = open_replay(&args.journal)?;
    let state_from_seq = begin(args, &mut replay)?;
    let mut summary = Summary {
        state_from_seq,
        from_snapshot: !replay.is_at_first(),
        from_seq: replay.next_seq(),
        ..Summary::default()
    };
    if args.baseline {
        summary.baseline_records_per_s = Some(baseline(args, replay.next_position())?);
    }
    let before = replay.counts();
    let started = Instant::now();
    let outcome = run(args, &mut replay, started);
    let elapsed = started.elapsed();
    outcome.map_err(|e| failure(&args.journal, &replay, e))?;
    if args.from.is_some() && replay.last_seq() < summary.from_seq {
        return Err(Failure::Usage(format!(
            "--until is before the record that --from names, sequence {}",
            summary.from_seq
        )));
    }
    summary.fill(replay, before, elapsed);
    show(&args.output, &summary, print)
}

/// Goes to where the replay is to be reported from; gives the sequence of the first record that it took to get there.
fn begin(args: &ReplayArgs, replay: &mut DeskReplay) -> Result<u64, Failure> {
    let (seq, ts) = last_wanted(args.until);
    let Some(from) = args.from else {
        replay.end_at(seq, ts);
        return if args.from_snapshot {
            replay
                .begin_at_newest()
                .map_err(|e| failure(&args.journal, replay, e))
        } else {
            Ok(replay.next_seq())
        };
    };
    let (last_seq, last_ts) = last_before(from, &args.journal)?;
    replay.end_at(last_seq, last_ts);
    let state_from_seq = go_to_end(replay).map_err(|e| failure(&args.journal, replay, e))?;
    if !replay.goes_on() {
        return Err(Failure::Usage(format!(
            "--from is beyond the journal's end: its last record has sequence {} and core time {}",
            replay.last_seq(),
            utc(replay.last_ts())
        )));
    }
    replay.end_at(seq, ts);
    Ok(state_from_seq)
}

/// From the newest snapshot to where the replay is to end for now.
fn go_to_end(replay: &mut DeskReplay) -> Result<u64, ReplayError> {
    let state_from_seq = replay.begin_at_newest()?;
    let bar = spinner("going to --from, sequence");
    while replay.step()? {
        if replay.last_seq().is_multiple_of(RECORDS_PER_LOOK) {
            bar.set_position(replay.last_seq());
        }
    }
    bar.finish_and_clear();
    Ok(state_from_seq)
}

/// Sequence and core time that everything before `from` keeps within.
fn last_before(from: Bound, journal: &Journal) -> Result<(u64, u64), Failure> {
    let mut first = Frame::default();
    journal.open()?.next(&mut first)?;
    let first = first.header();
    match from {
        Bound::Seq(seq) if seq > 0 && seq >= first.seq => Ok((seq - 1, u64::MAX)),
        Bound::Time(ts) if ts > 0 && ts >= first.ts_core => Ok((u64::MAX, ts - 1)),
        _ => Err(Failure::Usage(format!(
            "--from is before the journal's first record, which has sequence {} and core time {}",
            first.seq,
            utc(first.ts_core)
        ))),
    }
}

/// Why a replay did not come to its end, a difference with all that it takes to understand it.
pub(crate) fn failure(journal: &Journal, replay: &DeskReplay, error: ReplayError) -> Failure {
    match error {
        ReplayError::Differs(difference) => difference::show_difference(journal, replay, &difference),
        ReplayError::Read(error) => error.into(),
        _ => Failure::Data(error.to_string()),
    }
}

/// Records a second when those from `position` on are only read and checked.
fn baseline(args: &ReplayArgs, position: u64) -> Result<u64, Failure> {
    let (archive_dir, live_dir) = (args.journal.archive_dir(), args.journal.live.as_deref());
    let mut reader = Reader::open_at(archive_dir, live_dir, position)?;
    let mut frame = Frame::default();
    let mut records = 0;
    let started = Instant::now();
    let (seq, ts) = last_wanted(args.until);
    while reader.next(&mut frame)?.is_some() && frame.header().seq <= seq && frame.header().ts_core <= ts {
        records += 1;
    }
    Ok(per_second(records, started.elapsed()))
}

/// The last sequence and the last core time that are wanted.
pub(crate) fn last_wanted(until: Option<Bound>) -> (u64, u64) {
    match until {
        Some(Bound::Seq(seq)) => (seq, u64::MAX),
        Some(Bound::Time(ts)) => (u64::MAX, ts),
        None => (u64::MAX, u64::MAX),
    }
}

fn per_second(records: u64, elapsed: Duration) -> u64 {
    (records as f64 / elapsed.as_secs_f64().max(1e-9)) as u64
}

fn run(args: &ReplayArgs, replay: &mut DeskReplay, started: Instant) -> Result<(), ReplayError> {
    let bar = spinner("replaying, sequence");
    let mut first_ts = None;
    let mut looked_at = 0;
    while replay.step()? {
        if let Speed::Times(times) = args.speed {
            let ts = replay.last_ts();
            // An epoch of playback may begin before the one that went before.
            let recorded_ns = ts.saturating_sub(*first_ts.get_or_insert(ts));
            let due = Duration::from_nanos(recorded_ns / u64::from(times));
            std::thread::sleep(due.saturating_sub(started.elapsed()));
        }
        looked_at += 1;
        if looked_at % RECORDS_PER_LOOK == 0 {
            bar.set_position(replay.next_seq());
        }
    }
    bar.finish_and_clear();
    Ok(())
}

impl Summary {
    /// What the replay came to, behind what it had come to `before`.
    fn fill(&mut self, replay: DeskReplay, before: ReplayCounts, elapsed: Duration) {
        let counts = replay.counts();
        // A replay that began again for a poison input has counted everything anew.
        let since = |now: u64, before: u64| now.saturating_sub(before);
        self.equal = true;
        self.inputs = since(counts.inputs, before.inputs);
        self.outputs = since(counts.outputs, before.outputs);
        self.bytes = since(counts.bytes, before.bytes);
        self.epochs = since(counts.epochs, before.epochs);
        self.cut_off = since(counts.cut_off, before.cut_off);
        self.poison = since(counts.poison, before.poison);
        self.last_seq = replay.last_seq();
        self.last_ts_core = replay.last_ts();
        self.missing_at_end = replay.tail().map_or(0, |_| replay.missing().count()) as u64;
        self.torn = match replay.tail() {
            Some(Tail::Torn(torn)) => Some(torn_at(torn)),
            _ => None,
        };
        self.elapsed_ns = elapsed.as_nanos() as u64;
        self.records_per_s = per_second(self.inputs + self.outputs, elapsed);
        if let Some(mut engine) = replay.into_engine() {
            self.output_hash = Some(format!("{:#018x}", engine.output_hash()));
            self.state_hash = Some(format!("{:#018x}", engine.state_hash()));
        }
    }

    /// Where the state came from that the first record found.
    fn origin(&self) -> String {
        let before = self.from_seq - self.state_from_seq;
        let origin = if self.from_snapshot {
            format!("a snapshot before sequence {}", count(self.state_from_seq))
        } else {
            "the first record".to_owned()
        };
        match before {
            0 => origin,
            before => format!("{origin}; {} records replayed to get there", count(before)),
        }
    }
}

fn print(summary: &Summary, results: &mut Results) -> Result<(), Failure> {
    let mut table = Table::facts(&["replayed", ""]);
    table.row(["inputs", &count(summary.inputs)]);
    table.row(["outputs compared, all equal", &count(summary.outputs)]);
    table.row(["bytes", &bytes(summary.bytes)]);
    table.row(["epochs", &count(summary.epochs)]);
    table.row(["first sequence", &count(summary.from_seq)]);
    table.row(["state before it from", &summary.origin()]);
    table.row(["last sequence", &count(summary.last_seq)]);
    table.row(["last core time", &utc(summary.last_ts_core)]);
    table.row(["output hash", summary.output_hash.as_deref().unwrap_or("none")]);
    table.row(["state hash", summary.state_hash.as_deref().unwrap_or("none")]);
    if summary.cut_off + summary.missing_at_end > 0 {
        table.row([
            "outputs that crashes cut off, or that are not there yet",
            &count(summary.cut_off + summary.missing_at_end),
        ]);
    }
    if summary.poison > 0 {
        table.row([
            "inputs that the core panicked on, passed over",
            &count(summary.poison),
        ]);
    }
    if let Some(torn) = &summary.torn {
        table.row(["torn", torn]);
    }
    table.row(["wall-clock time", &ns(summary.elapsed_ns)]);
    table.row(["records a second", &count(summary.records_per_s)]);
    if let Some(baseline) = summary.baseline_records_per_s {
        let share = 100 * summary.records_per_s / baseline.max(1);
        table.row([
            "records a second, only read",
            &format!("{} (replay: {share} %)", count(baseline)),
        ]);
    }
    results.line(&table)
}
