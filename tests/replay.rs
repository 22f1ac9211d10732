//! A journal replayed, changed on purpose, and gone on with after a kill.

#![allow(clippy::unwrap_used)]

#[path = "../crates/engine/tests/desk/mod.rs"]
mod desk;
mod stepped;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use bytemuck::Zeroable;
use pinrail_engine::{Bounds, Engine, Out, hash_of};
use pinrail_journal::{Journal, JournalId, archive};
use pinrail_runtime::{
    Difference, RecoverError, Replay, ReplayCounts, ReplayError, Snapshot, SnapshotDir, SnapshotError,
    recover,
};
use pinrail_types::record::{
    EpochStart, ExecutionReport, InputReject, NewOrderSingle, Quote, QuoteHedge, QuoteRequest,
    QuoteRequestReject, QuoteStatusReport, RuntimeEvent, RuntimeEventKind, StateChange, Tick, TradingState,
};
use pinrail_types::state::StateError;
use pinrail_types::{Cause, Frame, Qty, Reason, Record, SourceId};
use stepped::{BOUNDS, CLIENTS, Fragile, Live, Place, found};

const SEGMENT_BYTES: u64 = 1 << 20;

fn replay(archive_dir: &Path) -> Result<ReplayCounts, ReplayError> {
    let mut replay = Replay::open(archive_dir, None, Fragile::new)?;
    while replay.step()? {}
    assert_eq!(replay.missing().count(), 0);
    Ok(replay.counts())
}

fn with_books() -> Live {
    let mut live = Live::restart(Place::new());
    live.books(1);
    live.work();
    live
}

/// A desk that quoted, filled, refused, and let quotes end in every way.
fn busy() -> Live {
    let mut live = with_books();
    for n in 1..40 {
        live.ask_for(n, if n % 7 == 0 { 1 << 40 } else { 500 + n as i64 });
        live.work();
        if n % 5 == 0 {
            live.books(1 + n);
        }
    }
    live.work();
    live
}

fn accept(live: &mut Live, quote: &Quote) {
    live.senders[0].send(Frame::of(&desk::Desk::order(quote, b'1')));
    live.work();
}

/// A journal of its own that holds `records`, each with the next sequence.
fn journal_of(records: &[Frame]) -> Place {
    let place = Place::new();
    let Journal {
        mut writer,
        archiver,
        preparer,
        ..
    } = pinrail_journal::open(&place.config(SEGMENT_BYTES)).unwrap();
    for record in records {
        let mut record = *record;
        record.header_mut().seq = writer.next_seq();
        writer.append(record.words());
    }
    writer.finish(1);
    drop(preparer);
    archiver.finish().unwrap();
    place
}

fn difference(records: &[Frame]) -> Box<Difference> {
    let place = journal_of(records);
    match replay(&place.archive_dir()) {
        Err(ReplayError::Differs(difference)) => difference,
        other => panic!("not found: {other:?}"),
    }
}

fn is<R: Record>(frame: &Frame) -> bool {
    frame.record_type() == R::TYPE
}

#[test]
fn a_live_journal_replays_to_the_same_bytes() {
    let live = busy();
    let (place, frames) = live.finish_with_place();
    let counts = replay(&place.archive_dir()).unwrap();
    assert_eq!(counts.inputs + counts.outputs, frames.len() as u64);
    assert!(!found::<Quote>(&frames).is_empty() && !found::<QuoteRequestReject>(&frames).is_empty());
}

#[test]
fn every_changed_byte_of_an_output_is_found() {
    let (_, frames) = busy().finish_with_place();
    let last_quote = frames.iter().rposition(is::<Quote>).unwrap();
    // Behind the header, which has its own checks: the sequence is written anew, the rest decides what is replayed.
    for byte in (32..frames[last_quote].bytes().len()).step_by(3) {
        let mut changed = frames.clone();
        let word = &mut changed[last_quote].buffer_mut()[byte / 8];
        *word ^= 1 << (byte % 8 * 8);
        let difference = difference(&changed);
        assert_eq!(difference.seq, frames[last_quote].header().seq);
        assert_eq!(difference.input.header().seq, frames[last_quote].header().cause);
        assert_eq!(difference.made.unwrap().words(), frames[last_quote].words());
        let text = difference.to_string();
        assert!(text.ends_with(&format!("from byte {byte} on")), "{text}");
    }
}

#[test]
fn an_output_too_many_or_too_few_is_found() {
    let (_, frames) = busy().finish_with_place();
    let last = frames.iter().position(is::<QuoteHedge>).unwrap();
    let mut fewer = frames.clone();
    fewer.remove(last);
    let found_fewer = difference(&fewer);
    assert!(
        found_fewer.found.is_none() && found_fewer.made.is_some(),
        "{found_fewer}"
    );
    let mut more = frames.clone();
    more.insert(last + 1, frames[last]);
    let found_more = difference(&more);
    assert!(
        found_more.found.is_some() && found_more.made.is_none(),
        "{found_more}"
    );
}

#[test]
fn a_changed_input_is_found_by_what_it_leads_to() {
    let (_, mut frames) = busy().finish_with_place();
    let asked = frames.iter().position(is::<QuoteRequest>).unwrap();
    frames[asked].buffer_mut()[4] ^= 1;
    assert_eq!(difference(&frames).input.header().seq, frames[asked].header().seq);
}

#[test]
fn what_is_no_whole_journal_of_this_behaviour_is_refused() {
    let (_, frames) = busy().finish_with_place();
    let refused = |frames: &[Frame]| replay(&journal_of(frames).archive_dir()).unwrap_err();
    assert!(matches!(refused(&frames[1..]), ReplayError::NoEpoch { seq: 1 }));
    let mut other = frames.clone();
    let mut start = *other[0].get::<EpochStart>().unwrap();
    start.behaviour_version -= 1;
    other[0] = Frame::of(&start);
    assert!(matches!(
        refused(&other),
        ReplayError::Behaviour { epoch: 1, seq: 1, .. }
    ));
    let mut start = *frames[0].get::<EpochStart>().unwrap();
    start.open_quotes_max = u32::MAX;
    other[0] = Frame::of(&start);
    assert!(matches!(refused(&other), ReplayError::Bounds { seq: 1, .. }));
    let mut back = frames.clone();
    let last = back
        .iter()
        .rposition(|frame| frame.record_type().is_input())
        .unwrap();
    back[last].header_mut().ts_core = 1;
    assert!(matches!(refused(&back), ReplayError::TimeWentBack { ts: 1, .. }));
}

#[test]
fn a_killed_desk_goes_on_with_its_positions_and_without_its_quotes() {
    let mut live = busy();
    let place = {
        live.ask(100);
        live.work();
        live.kill()
    };
    let mut live = Live::restart(place);
    let open = live.core.engine().open_quotes();
    assert!(open > 0, "they stand until they are withdrawn");
    live.work();
    assert_eq!(live.core.engine().open_quotes(), 0);
    assert!(live.core.engine().nothing_reserved());
    live.books(200);
    live.work();
    live.ask(101);
    live.work();
    let (place, frames) = live.finish_with_place();
    let quotes = found::<Quote>(&frames);
    let (last, lost) = (quotes.last().unwrap(), &quotes[quotes.len() - 2]);
    assert_eq!((last.quote_id.epoch, lost.quote_id.epoch), (2, 1));
    let withdrawn = found::<QuoteStatusReport>(&frames);
    assert!(
        withdrawn
            .iter()
            .any(|end| end.quote_id == lost.quote_id && end.reason == Reason::Withdrawn.code())
    );
    assert!(
        found::<InputReject>(&frames).is_empty(),
        "the same definitions are no mistake"
    );
    assert_eq!(replay(&place.archive_dir()).unwrap().epochs, 2);
}

#[test]
fn positions_and_source_sequences_survive_a_kill() {
    let mut live = with_books();
    live.ask(1);
    live.work();
    let quote = live.last::<Quote>();
    accept(&mut live, &quote);
    let held = live.core.engine().position(quote.instrument);
    assert!(held.qty.0 != 0);
    let sent = live.senders[0].seq;
    let mut live = Live::restart(live.kill());
    live.work();
    assert_eq!(live.core.engine().position(quote.instrument), held);
    assert_eq!(live.senders[0].seq, sent);
    accept(&mut live, &quote);
    let frames = live.finish();
    let reports = found::<ExecutionReport>(&frames);
    assert_eq!(reports.len(), 2);
    assert_eq!(
        reports[1].reason,
        Reason::QuoteFilled.code(),
        "a quote fills once, whatever happened between"
    );
}

#[test]
fn outputs_that_a_kill_cut_off_are_made_again_byte_for_byte() {
    let (place, whole) = busy().finish_with_place();
    drop(place);
    // Cut behind every record of the last ten inputs, as a kill between two appends does.
    let from = whole.len() - 20;
    for end in from..whole.len() {
        let cut = journal_of(&whole[..end]);
        let live = Live::restart(cut);
        let (place, frames) = live.finish_with_place();
        let next_input = whole[end..]
            .iter()
            .position(|frame| frame.record_type().is_input());
        let remade = next_input.map_or(whole.len(), |inputs| end + inputs);
        for (was, now) in whole[..remade].iter().zip(&frames) {
            assert_eq!(was.words(), now.words(), "cut behind {end}");
        }
        assert!(is::<EpochStart>(&frames[remade]), "cut behind {end}");
        replay(&place.archive_dir()).unwrap();
    }
}

#[test]
fn a_poison_input_does_not_become_a_restart_loop() {
    let mut live = busy();
    let asked_before = live.senders[0].seq;
    live.ask_for(500, Fragile::POISON);
    assert!(catch_unwind(AssertUnwindSafe(|| live.work())).is_err());
    // Killed again before a person comes: it stays halted.
    for start in 0..3 {
        live = Live::restart(live.kill());
        assert_eq!(
            live.senders[0].seq,
            asked_before + 1,
            "its source goes on behind it"
        );
        live.work();
        assert_eq!(
            live.core.engine().trading_state(),
            TradingState::Halted,
            "start {start}"
        );
        assert_eq!(live.core.engine().open_quotes(), 0);
    }
    live.senders[1].send(stepped::activate());
    live.books(300);
    live.work();
    live.ask(501);
    live.work();
    assert_eq!(live.last::<Quote>().quote_req_id.to_string(), "R501");
    let (place, frames) = live.finish_with_place();
    let events: Vec<RuntimeEvent> = found(&frames);
    let poison = events
        .iter()
        .find(|event| event.kind == RuntimeEventKind::PoisonInput.byte())
        .unwrap();
    let named = frames
        .iter()
        .find(|frame| frame.header().seq == poison.value)
        .unwrap();
    assert_eq!(named.get::<QuoteRequest>().unwrap().qty.0, Fragile::POISON);
    assert!(
        found::<StateChange>(&frames)
            .iter()
            .any(|change| change.reason == Reason::PoisonInput.code())
    );
    assert_eq!(
        replay(&place.archive_dir()).unwrap().poison,
        1,
        "replays pass over it, too"
    );
}

/// A fill, behind which a stream can't be quoted anew: nobody may be told of it, since no start will know of it.
#[test]
fn an_input_that_panics_in_a_streams_new_quote_leaves_no_output() {
    let mut live = with_books();
    let asked = stepped::request(500, live.clock.now_ns(), Fragile::SHY);
    live.senders[0].send(Frame::of(&QuoteRequest {
        subscription: b'1',
        ..*asked.get::<QuoteRequest>().unwrap()
    }));
    live.ask(501);
    live.work();
    assert_eq!(live.core.engine().streams(), 1, "the first quote was made");
    let quote: Quote = live.last();
    assert_eq!(quote.quote_req_id.to_string(), "R501");
    let panicked = catch_unwind(AssertUnwindSafe(|| accept(&mut live, &quote)));
    assert!(panicked.is_err());
    let place = live.kill();
    let frames = place.records(true);
    assert!(
        is::<NewOrderSingle>(frames.last().unwrap()),
        "no output behind it"
    );
    let mut live = Live::restart(place);
    live.work();
    let engine = live.core.engine();
    assert_eq!(engine.trading_state(), TradingState::Halted);
    assert_eq!(engine.position(desk::INSTRUMENT).qty, Qty::ZERO);
    assert_eq!((engine.streams(), engine.open_quotes()), (0, 0));
    live.senders[1].send(stepped::activate());
    live.books(300);
    live.work();
    live.ask(502);
    live.work();
    assert_eq!(live.last::<Quote>().quote_req_id.to_string(), "R502");
    let (place, frames) = live.finish_with_place();
    assert!(found::<ExecutionReport>(&frames).is_empty());
    assert_eq!(replay(&place.archive_dir()).unwrap().poison, 1);
}

#[test]
fn an_engine_that_panics_where_the_core_did_not_is_no_poison() {
    let (_, mut frames) = busy().finish_with_place();
    let asked = frames.iter().position(is::<QuoteRequest>).unwrap();
    let mut request = *frames[asked].get::<QuoteRequest>().unwrap();
    request.qty.0 = Fragile::POISON;
    frames[asked] = Frame::of(&request);
    let place = journal_of(&frames);
    let seq = frames[asked].header().seq;
    assert!(matches!(replay(&place.archive_dir()), Err(ReplayError::Panicked { seq: at }) if at == seq));
}

#[test]
fn a_journal_of_another_size_or_of_recordings_is_not_gone_on_with() {
    let (place, frames) = busy().finish_with_place();
    let start = |place: &Place, bounds: Bounds| {
        let Journal { mut writer, .. } = pinrail_journal::open(&place.config(SEGMENT_BYTES)).unwrap();
        recover(&place.archive_dir(), bounds, Fragile::new, &mut writer).map(|_| ())
    };
    let larger = Bounds {
        clients: BOUNDS.clients + 1,
        ..BOUNDS
    };
    assert!(matches!(start(&place, larger), Err(RecoverError::Bounds { .. })));
    assert!(start(&place, BOUNDS).is_ok());
    let epoch = frames[0].get::<EpochStart>().unwrap();
    let played = journal_of(&[Frame::of(&EpochStart {
        playback: 1,
        ..*epoch
    })]);
    assert!(matches!(
        start(&played, BOUNDS),
        Err(RecoverError::Playback { epoch: 1 })
    ));
}

#[test]
fn an_id_that_a_power_cut_took_is_never_filled() {
    let mut live = busy();
    live.ask(700);
    live.work();
    let quote = live.last::<Quote>();
    let (place, frames) = live.finish_with_place();
    drop(place);
    // The quote had been seen, and the disk lost it with its request.
    let asked = frames.iter().rposition(is::<QuoteRequest>).unwrap();
    let mut live = Live::restart(journal_of(&frames[..asked]));
    live.books(900);
    live.work();
    accept(&mut live, &quote);
    let report = live.last::<ExecutionReport>();
    assert_eq!(report.reason, Reason::QuoteEpochUnknown.code());
    live.ask(701);
    live.work();
    assert!(live.last::<Quote>().quote_id != quote.quote_id);
}

/// The state behind the last record of a journal, by way of every record.
fn full_hash(archive_dir: &Path) -> u64 {
    let mut replay = Replay::open(archive_dir, None, Fragile::new).unwrap();
    while replay.step().unwrap() {}
    replay.into_engine().unwrap().state_hash()
}

fn write(snapshot: &Snapshot, archive_dir: &Path) -> PathBuf {
    SnapshotDir::open(archive_dir, 3)
        .unwrap()
        .write(snapshot)
        .unwrap()
}

/// Writes a snapshot of what is archived, as a shadow does.
fn snapshot(archive_dir: &Path) -> Snapshot {
    let mut replay = Replay::open(archive_dir, None, Fragile::new).unwrap();
    replay.begin_at_newest().unwrap();
    while replay.step().unwrap() {}
    let snapshot = replay.into_snapshot().unwrap();
    write(&snapshot, archive_dir);
    snapshot
}

#[test]
fn a_state_that_is_saved_and_loaded_behind_every_input_goes_on_alike() {
    let mut live = Live::restart(busy().kill());
    live.work();
    live.books(200);
    live.work();
    live.ask(201);
    live.work();
    let quote = live.last::<Quote>();
    accept(&mut live, &quote);
    live.ask(202);
    let (_, frames) = live.finish_with_place();
    let mut engine = Engine::new(BOUNDS, Fragile::new(&BOUNDS));
    let mut out = Out::new();
    let mut hashes = std::collections::BTreeSet::new();
    let mut expected = frames.iter().peekable();
    while let Some(input) = expected.next() {
        engine.on_event(input, &mut out);
        for words in out.records() {
            assert_eq!(expected.next().unwrap().words(), words);
        }
        engine.seal(&mut out);
        let words = engine.save();
        engine = Engine::load(BOUNDS, Fragile::new(&BOUNDS), &words).unwrap();
        assert_eq!(engine.save(), words, "behind {}", input.header().seq);
        assert!(hashes.insert(engine.state_hash()), "no two states are the same");
    }
    assert!(engine.position(quote.instrument).qty.0 != 0);
}

#[test]
fn a_start_from_a_snapshot_comes_to_the_state_of_a_full_replay() {
    let (place, frames) = busy().finish_with_place();
    let taken = snapshot(&place.archive_dir());
    assert_eq!(taken.next_seq, frames.len() as u64 + 1);
    assert_eq!(taken.state_hash, full_hash(&place.archive_dir()));

    let mut live = Live::restart(place);
    assert_eq!(live.from_seq, taken.next_seq);
    live.work();
    live.books(300);
    live.work();
    live.ask(301);
    live.work();
    let (place, _) = live.finish_with_place();
    let again = snapshot(&place.archive_dir());
    assert!(again.next_seq > taken.next_seq && again.epoch_start.epoch == 2);
    assert_eq!(again.state_hash, full_hash(&place.archive_dir()));
    assert_eq!(replay(&place.archive_dir()).unwrap().epochs, 2);
    assert_eq!(Live::restart(place).from_seq, again.next_seq);
}

#[test]
fn a_snapshot_that_is_no_good_is_passed_over() {
    let (place, frames) = busy().finish_with_place();
    let archive_dir = place.archive_dir();
    let good = snapshot(&archive_dir);
    let path = write(&good, &archive_dir);
    let id = good.journal_id;
    assert_eq!(Snapshot::read(&path, id).unwrap(), good);
    assert!(matches!(
        Snapshot::read(&path, JournalId([7; 16])),
        Err(SnapshotError::Foreign { .. })
    ));
    let bytes = std::fs::read(&path).unwrap();
    for at in (0..bytes.len()).step_by(41).chain(bytes.len() - 9..bytes.len()) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        std::fs::write(&path, &changed).unwrap();
        assert!(Snapshot::read(&path, id).is_err(), "byte {at}");
        std::fs::write(&path, &bytes[..at]).unwrap();
        assert!(Snapshot::read(&path, id).is_err(), "cut at {at}");
    }
    let mut impossible = good.clone();
    impossible.epoch_start.clients_max = u32::MAX;
    assert!(matches!(
        impossible.engine(Fragile::new),
        Err(SnapshotError::State(StateError::Bounds { .. }))
    ));
    let live = Live::restart(place);
    assert_eq!(live.from_seq, 1, "a damaged one");
    drop(live);

    // A power cut took the records that it stood for, and another epoch wrote others there.
    let cut = journal_of(&frames[..frames.len() / 2]);
    let mut live = Live::restart(cut);
    for n in 0..60 {
        live.ask(1_000 + n);
        live.work();
    }
    let (place, now) = live.finish_with_place();
    assert!(now.len() > frames.len());
    let lost = Snapshot {
        journal_id: archive::Reader::open(&place.archive_dir(), None)
            .unwrap()
            .journal_id(),
        ..good
    };
    write(&lost, &place.archive_dir());
    assert_eq!(Live::restart(place).from_seq, 1, "of records that are lost");
}

#[test]
fn poison_behind_a_snapshot_is_passed_over_from_there() {
    let (place, frames) = busy().finish_with_place();
    let taken = snapshot(&place.archive_dir());
    let mut live = Live::restart(place);
    live.work();
    live.books(400);
    live.work();
    live.ask_for(401, Fragile::POISON);
    assert!(catch_unwind(AssertUnwindSafe(|| live.work())).is_err());
    let mut live = Live::restart(live.kill());
    assert_eq!(live.from_seq, taken.next_seq);
    live.work();
    assert_eq!(live.core.engine().trading_state(), TradingState::Halted);
    let (place, now) = live.finish_with_place();
    assert!(now.len() > frames.len());
    let counts = replay(&place.archive_dir()).unwrap();
    assert_eq!((counts.poison, counts.epochs), (1, 3));
}

/// A desk whose core panicked on its last input.
fn poisoned() -> Place {
    let mut live = busy();
    live.ask_for(500, Fragile::POISON);
    assert!(catch_unwind(AssertUnwindSafe(|| live.work())).is_err());
    live.kill()
}

/// A start that is killed when it has journaled the start of its epoch.
fn start_killed_early(place: &Place) {
    let Journal { mut writer, .. } = pinrail_journal::open(&place.config(SEGMENT_BYTES)).unwrap();
    let engine = recover(&place.archive_dir(), BOUNDS, Fragile::new, &mut writer)
        .unwrap()
        .engine;
    assert!(engine.poison().is_some());
    let mut frame = Frame::of(&BOUNDS.epoch_start(writer.epoch()));
    let source_seq = engine.last_source_seq(SourceId::RUNTIME) + 1;
    frame.header_mut().cause = Cause::input(SourceId::RUNTIME, source_seq);
    frame.stamp(writer.next_seq(), engine.last_ts());
    writer.append(frame.words());
}

fn assert_halted_for_poison(mut live: Live) {
    live.work();
    assert_eq!(live.core.engine().trading_state(), TradingState::Halted);
    assert_eq!(live.core.engine().poison(), None);
    let (place, _) = live.finish_with_place();
    assert_eq!(replay(&place.archive_dir()).unwrap().poison, 1);
}

#[test]
fn a_start_that_is_killed_before_it_tells_of_poison_leaves_the_desk_halted() {
    let place = poisoned();
    start_killed_early(&place);
    start_killed_early(&place);
    let live = Live::restart(place);
    assert_halted_for_poison(live);
}

#[test]
fn a_snapshot_behind_poison_keeps_the_halt() {
    let place = poisoned();
    // A start that dies before its first record: the archive ends in the poison.
    drop(pinrail_journal::open(&place.config(SEGMENT_BYTES)).unwrap());
    assert!(matches!(
        replay(&place.archive_dir()),
        Err(ReplayError::Panicked { .. })
    ));
    start_killed_early(&place);
    drop(pinrail_journal::open(&place.config(SEGMENT_BYTES)).unwrap());
    let taken = snapshot(&place.archive_dir());
    let live = Live::restart(place);
    assert_eq!(live.from_seq, taken.next_seq);
    assert_halted_for_poison(live);
}

#[test]
fn what_was_passed_over_without_a_word_is_no_poison() {
    let (_, mut frames) = busy().finish_with_place();
    let last_input = |frames: &[Frame]| {
        frames
            .iter()
            .rposition(|frame| frame.record_type().is_input())
            .unwrap()
    };
    while !is::<QuoteRequest>(&frames[last_input(&frames)]) {
        frames.truncate(last_input(&frames));
    }
    frames.truncate(last_input(&frames) + 1);
    let request = frames[frames.len() - 1];
    let runtime = frames.iter().filter(|frame| {
        let (source, _) = Cause::source(frame.header().cause);
        frame.record_type().is_input() && source == SourceId::RUNTIME
    });
    let source_seq = runtime
        .map(|frame| Cause::source(frame.header().cause).1)
        .max()
        .unwrap();
    for (n, mut frame) in [Frame::of(&BOUNDS.epoch_start(2)), Frame::of(&Tick::zeroed())]
        .into_iter()
        .enumerate()
    {
        frame.header_mut().ts_core = request.header().ts_core;
        frame.header_mut().cause = Cause::input(SourceId::RUNTIME, source_seq + 1 + n as u64);
        frames.push(frame);
    }
    let found = difference(&frames);
    assert_eq!(found.input.header().seq, request.header().seq);
    assert!(found.found.is_none(), "{found}");
}

#[test]
fn a_mended_engine_passes_over_what_the_journal_says() {
    let mut live = Live::restart(poisoned());
    live.work();
    let (place, _) = live.finish_with_place();
    let mended = |bounds: &Bounds| pinrail_pricing::SweepPricer::new(bounds.instruments);
    let mut replay = Replay::open(&place.archive_dir(), None, mended).unwrap();
    while replay.step().unwrap() {}
    assert_eq!(replay.counts().poison, 1);
    let state_hash = replay.into_engine().unwrap().state_hash();
    assert_eq!(state_hash, full_hash(&place.archive_dir()));
}

#[test]
fn an_end_before_the_newest_snapshot_is_kept() {
    let (place, frames) = busy().finish_with_place();
    snapshot(&place.archive_dir());
    let until = frames.len() as u64 / 2;
    let mut replay = Replay::open(&place.archive_dir(), None, Fragile::new).unwrap();
    replay.end_at(until, u64::MAX);
    assert_eq!(replay.begin_at_newest().unwrap(), 1);
    while replay.step().unwrap() {}
    let taken = replay.into_snapshot().unwrap();
    assert!(
        taken.next_seq <= until + 10,
        "asked for {until}, got {}",
        taken.next_seq
    );
}

#[test]
fn a_start_from_a_snapshot_at_the_end_goes_on() {
    let (place, _) = busy().finish_with_place();
    snapshot(&place.archive_dir());
    let Journal { mut writer, .. } = pinrail_journal::open(&place.config(SEGMENT_BYTES)).unwrap();
    let recovered = recover(&place.archive_dir(), BOUNDS, Fragile::new, &mut writer).unwrap();
    assert_eq!(recovered.counts.inputs, 0);
    assert!(recovered.goes_on());
}

#[test]
fn a_wrong_snapshot_does_not_block_a_start() {
    let (place, frames) = busy().finish_with_place();
    let mut replay = Replay::open(&place.archive_dir(), None, Fragile::new).unwrap();
    replay.end_at(frames.len() as u64 / 2, u64::MAX);
    while replay.step().unwrap() {}
    let good = replay.into_snapshot().unwrap();
    // Well formed, and of another state.
    let mut engine = good.engine(Fragile::new).unwrap();
    let mut skipped = *frames[0].header();
    skipped.seq = engine.next_seq();
    skipped.cause = Cause::input(CLIENTS, 1 << 40);
    engine.skip(&skipped);
    let words = engine.save();
    let wrong = Snapshot {
        state_hash: hash_of(&words),
        words,
        ..good
    };
    write(&wrong, &place.archive_dir());
    let live = Live::restart(place);
    assert_eq!(live.from_seq, 1);
}
