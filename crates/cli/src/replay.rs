//! `pinrail replay`.

use std::time::{Duration, Instant};

use pinrail_engine::{Bounds, Engine};
use pinrail_journal::archive::Tail;
use pinrail_pricing::SweepPricer;
use pinrail_report::table::{Table, bytes, count, ns};
use pinrail_runtime::{Difference, Replay, ReplayError};
use pinrail_types::record::{BookLevel, BookUpdate, NewOrderSingle, QuoteRequest};
use pinrail_types::{Frame, VenueId};
use serde::Serialize;

use crate::args::{Bound, Journal, ReplayArgs, Speed};
use crate::decode::{Decoder, utc};
use crate::failure::Failure;
use crate::output::{Results, show, spinner};
use crate::show::torn_at;

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
    /// Sequence of the first record that was replayed, and of the last.
    from_seq: u64,
    last_seq: u64,
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
pub(crate) type DeskReplay = Replay<SweepPricer, fn(&Bounds) -> SweepPricer>;

/// A replay with the pricer that this program writes journals with.
pub(crate) fn open_replay(journal: &Journal) -> Result<DeskReplay, Failure> {
    let make_pricer: fn(&Bounds) -> SweepPricer = |bounds| SweepPricer::new(bounds.instruments);
    let (archive_dir, live_dir) = (journal.archive_dir(), journal.live.as_deref());
    Ok(Replay::open(archive_dir, live_dir, make_pricer)?)
}

/// Replays a journal and says whether it came out the same.
pub(crate) fn main(args: &ReplayArgs) -> Result<(), Failure> {
    let baseline_records_per_s = args.baseline.then(|| baseline(args)).transpose()?;
    let mut replay = open_replay(&args.journal)?;
    let (seq, ts) = last_wanted(args.until);
    replay.end_at(seq, ts);
    let started = Instant::now();
    let from_seq = if args.from_snapshot {
        replay
            .begin_at_newest()
            .map_err(|e| failure(&args.journal, &replay, e))?
    } else {
        replay.next_seq()
    };
    let outcome = run(args, &mut replay, started);
    let elapsed = started.elapsed();
    outcome.map_err(|e| failure(&args.journal, &replay, e))?;
    let summary = Summary {
        from_seq,
        baseline_records_per_s,
        ..sum_up(replay, elapsed)
    };
    show(&args.output, &summary, print)
}

/// Why a replay did not come to its end, a difference with all that it takes to understand it.
pub(crate) fn failure(journal: &Journal, replay: &DeskReplay, error: ReplayError) -> Failure {
    match error {
        ReplayError::Differs(difference) => show_difference(journal, replay, &difference),
        ReplayError::Read(error) => error.into(),
        _ => Failure::Data(error.to_string()),
    }
}

/// Records a second when they are only read and checked.
fn baseline(args: &ReplayArgs) -> Result<u64, Failure> {
    let mut reader = args.journal.open()?;
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

fn sum_up(replay: DeskReplay, elapsed: Duration) -> Summary {
    let counts = replay.counts();
    let mut summary = Summary {
        equal: true,
        inputs: counts.inputs,
        outputs: counts.outputs,
        bytes: counts.bytes,
        epochs: counts.epochs,
        last_seq: replay.last_seq(),
        last_ts_core: replay.last_ts(),
        output_hash: None,
        state_hash: None,
        from_seq: 0,
        cut_off: counts.cut_off,
        poison: counts.poison,
        missing_at_end: replay.tail().map_or(0, |_| replay.missing().count()) as u64,
        torn: match replay.tail() {
            Some(Tail::Torn(torn)) => Some(torn_at(torn)),
            _ => None,
        },
        elapsed_ns: elapsed.as_nanos() as u64,
        records_per_s: per_second(counts.inputs + counts.outputs, elapsed),
        baseline_records_per_s: None,
    };
    if let Some(mut engine) = replay.into_engine() {
        summary.output_hash = Some(format!("{:#018x}", engine.output_hash()));
        summary.state_hash = Some(format!("{:#018x}", engine.state_hash()));
    }
    summary
}

fn print(summary: &Summary, results: &mut Results) -> Result<(), Failure> {
    let mut table = Table::facts(&["replayed", ""]);
    table.row(["inputs", &count(summary.inputs)]);
    table.row(["outputs compared, all equal", &count(summary.outputs)]);
    table.row(["bytes", &bytes(summary.bytes)]);
    table.row(["epochs", &count(summary.epochs)]);
    table.row(["first sequence", &count(summary.from_seq)]);
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

/// Both records, the input, and what of the state a reader needs first.
fn show_difference(journal: &Journal, replay: &DeskReplay, difference: &Difference) -> Failure {
    let mut decoder = Decoder::new();
    if let Err(failure) = learn(journal, difference.seq, &mut decoder) {
        tracing::warn!("names are not shown: {failure}");
    }
    let mut shown = |frame: Option<&Frame>| {
        frame.map_or_else(|| "nothing".to_owned(), |frame| decoder.decode(frame).to_string())
    };
    let mut facts = vec![
        ("input".to_owned(), shown(Some(&difference.input))),
        ("in the journal".to_owned(), shown(difference.found.as_ref())),
        ("replayed".to_owned(), shown(difference.made.as_ref())),
    ];
    if let Some(engine) = replay.engine() {
        facts.extend(state(engine, &difference.input));
    }
    let facts: Vec<String> = facts
        .into_iter()
        .map(|(what, value)| format!("\n  {what:<15}{value}"))
        .collect();
    Failure::Check(format!(
        "the replay differs from the journal at sequence {}, position {}: {difference}{}",
        difference.seq,
        difference.position,
        facts.concat()
    ))
}

/// Shows the decoder everything before `seq`, so that it knows names and grids.
fn learn(journal: &Journal, seq: u64, decoder: &mut Decoder) -> Result<(), Failure> {
    let mut reader = journal.open()?;
    let mut frame = Frame::default();
    while reader.next_seq() < seq && reader.next(&mut frame)?.is_some() {
        decoder.learn(&frame);
    }
    Ok(())
}

/// The engine's state behind the input, as far as it bears on that.
fn state(engine: &Engine<SweepPricer>, input: &Frame) -> Vec<(String, String)> {
    let counts = engine.counts();
    let mut facts = vec![(
        "state".to_owned(),
        format!(
            "inputs {}, outputs {}, trading {:?}, open quotes {}",
            counts.inputs,
            counts.outputs,
            engine.trading_state(),
            engine.open_quotes()
        ),
    )];
    let instrument = input
        .get::<QuoteRequest>()
        .map(|request| request.instrument)
        .or(input.get::<NewOrderSingle>().map(|order| order.instrument))
        .or(input.get::<BookUpdate>().map(|update| update.instrument));
    let Some(instrument) = instrument.filter(|id| id.index() < engine.bounds().instruments) else {
        return facts;
    };
    let position = engine.position(instrument).qty.0;
    facts.push(("position".to_owned(), format!("{position} lots")));
    let venues = (0..engine.bounds().venues).map(|venue| VenueId(venue as u16));
    facts.extend(venues.filter_map(|venue| {
        let book = engine.book(instrument, venue)?;
        let shown = format!(
            "{:?}, last id {}, bid {}, ask {}",
            book.state(),
            book.last_id(),
            best(book.best_bid()),
            best(book.best_ask())
        );
        Some((format!("book at {}", venue.0), shown))
    }));
    facts
}

fn best(level: Option<BookLevel>) -> String {
    level.map_or_else(
        || "none".to_owned(),
        |level| format!("{}t x {}l", level.px.0, level.qty.0),
    )
}
