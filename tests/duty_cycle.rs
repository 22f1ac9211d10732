//! The duty cycle, live and in playback, stepped by hand without threads.

#![allow(clippy::unwrap_used)]

#[path = "../crates/engine/tests/desk/mod.rs"]
mod desk;
mod stepped;

use std::cmp::Ordering;

use desk::Desk;
use pinrail_engine::Engine;
use pinrail_journal::{Journal, archive};
use pinrail_pricing::{Actions, Desk as View, Pricer, Strategy, SweepPricer, WithStrategy};
use pinrail_ring::Class;
use pinrail_runtime::Playback;
use pinrail_runtime::usage::{CountingAllocator, Usage};
use pinrail_types::record::{
    BookUpdate, Continue, EpochStart, ExecutionReport, InputReject, Quote, QuoteRequest, QuoteRequestReject,
    RuntimeEvent, RuntimeEventKind, StateChange, TradingState, TradingStateSet,
};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Cause, Commit, Flags, Frame, InstrumentId, Reason, RecordType, VenueId};
use proptest::prelude::*;
use stepped::{BOUNDS, CLIENTS, Live, Place, VENUES, activate, found, request, snapshot, sources_over};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

#[test]
fn every_input_stands_in_the_journal_with_its_outputs_behind_it() {
    let mut live = Live::with_books();
    live.ask(1);
    live.work();
    let frames = live.finish();
    assert!(
        frames
            .iter()
            .zip(1..)
            .all(|(frame, seq)| frame.header().seq == seq),
        "no hole"
    );
    let asked = frames
        .iter()
        .position(|frame| frame.get::<QuoteRequest>().is_some())
        .unwrap();
    let quote = frames[asked + 1].get::<Quote>().unwrap();
    assert_eq!(quote.header.cause, frames[asked].header().seq);
    assert_eq!(quote.header.ts_core, frames[asked].header().ts_core);
    assert_eq!(quote.venues, 2);
    assert!(found::<InputReject>(&frames).is_empty());
}

#[test]
fn updates_that_wait_together_are_each_taken_once_and_in_order() {
    let mut live = Live::with_books();
    // Not all at once: the core has looked at some when others come.
    for (first, last) in [(2, 2), (3, 40), (41, 43)] {
        for id in first..=last {
            live.books(id);
        }
        live.core.do_work();
    }
    live.work();
    live.ask(1);
    let frames = live.finish();
    for venue in [VenueId(0), VenueId(1)] {
        let updates = found::<BookUpdate>(&frames).into_iter();
        let ids = updates
            .filter(|update| update.venue == venue)
            .map(|update| update.last_id);
        assert!(ids.eq(1..=43), "{venue:?}");
    }
    assert_eq!(found::<Quote>(&frames).len(), 1);
}

#[test]
fn a_record_that_was_taken_before_is_dropped() {
    let mut live = Live::with_books();
    live.ask(1);
    live.work();
    live.senders[0].seq = 0;
    live.ask(2);
    live.ask(3);
    live.work();
    assert_eq!(live.core.counts().duplicates, 1);
    let requests = found::<QuoteRequest>(&live.finish());
    assert_eq!(
        requests
            .iter()
            .map(|r| r.quote_req_id.to_string())
            .collect::<Vec<_>>(),
        ["R1", "R3"]
    );
}

#[test]
fn a_flood_of_duplicates_does_not_hold_time_up() {
    let mut live = Live::with_a_quote_that_is_over();
    live.senders[0].seq = 0;
    live.ask(1);
    assert_eq!(live.core.do_work(), 2, "a duplicate, and the tick that is due");
    assert_eq!(live.core.counts().duplicates, 1);
    assert_eq!(found::<pinrail_types::record::Tick>(&live.finish()).len(), 1);
}

#[test]
fn a_source_that_sends_what_it_may_not_is_closed_and_the_others_go_on() {
    let mut forged = request(9, 0, 1);
    forged.header_mut().cause = Cause::input(VENUES[0], 1);
    let resume = activate();
    let mut no_record = Frame::default();
    no_record.header_mut().commit = Commit {
        lines: 1,
        version: 0,
        flags: Flags::NONE,
        record_type: RecordType(0x7777),
    }
    .pack();
    for bad in [resume, no_record] {
        let mut live = Live::with_books();
        live.senders[0].send(bad);
        live.ask(1);
        live.books(2);
        live.work();
        assert_eq!(live.core.counts().corrupt, 1);
        let frames = live.finish();
        let events = found::<RuntimeEvent>(&frames);
        assert_eq!(events.len(), 1);
        assert_eq!(
            (events[0].kind, events[0].value),
            (RuntimeEventKind::SourceCorrupt.byte(), u64::from(CLIENTS.0))
        );
        assert!(
            found::<QuoteRequest>(&frames).is_empty(),
            "nothing behind it is read"
        );
        assert_eq!(found::<BookUpdate>(&frames).len(), 4, "the venues go on");
    }
    let mut live = Live::with_books();
    live.senders[0]
        .producer
        .try_push(forged.words(), Class::Normal)
        .unwrap();
    live.work();
    assert_eq!(live.core.counts().corrupt, 1, "another source's cause");
    // A replay would begin another engine with this, whatever the desk had made of it.
    let mut live = Live::with_books();
    let start = EpochStart {
        playback: 1,
        ..BOUNDS.epoch_start(2)
    };
    live.senders[1].send(Frame::of(&start));
    live.work();
    assert_eq!(live.core.counts().corrupt, 1, "an epoch begun by an operator");
    assert_eq!(found::<EpochStart>(&live.finish()).len(), 1);
}

#[test]
fn requests_go_before_market_data_that_waits() {
    let mut live = Live::with_books();
    for id in 2..20 {
        live.books(id);
    }
    live.ask(1);
    live.work();
    let frames = live.finish();
    let asked = frames
        .iter()
        .position(|frame| frame.get::<QuoteRequest>().is_some())
        .unwrap();
    let updates = frames[..asked]
        .iter()
        .filter(|frame| frame.get::<BookUpdate>().is_some())
        .count();
    assert_eq!(updates, 2, "only those of before");
}

#[test]
fn what_an_input_leaves_to_be_done_comes_before_the_next_input() {
    let mut live = Live::restart(Place::new());
    live.books(1);
    live.work();
    live.ask(1);
    live.work();
    let halt = Frame::of(&TradingStateSet {
        state: TradingState::Halted.byte(),
        ..*activate().get::<TradingStateSet>().unwrap()
    });
    // In one ring, so that one poll finds both.
    live.senders[1].send(halt);
    live.senders[1].send(activate());
    live.work();
    let frames = live.finish();
    let states: Vec<usize> = (0..frames.len())
        .filter(|at| frames[*at].get::<TradingStateSet>().is_some())
        .collect();
    let [.., halted, active] = states[..] else {
        panic!("both were taken");
    };
    let between = frames[halted..active].iter();
    let continued = between.filter(|frame| frame.get::<Continue>().is_some()).count();
    // The table of quotes is gone through in pieces.
    assert!(continued >= BOUNDS.open_quotes / 64, "{continued} times");
}

#[test]
fn a_tick_is_journaled_only_when_a_timer_is_due_and_nothing_else_comes() {
    let mut live = Live::with_a_quote_that_is_over();
    assert_eq!(live.core.do_work(), 1, "the first duty cycle behind the deadline");
    assert_eq!(live.core.do_work(), 0);
    let frames = live.finish();
    assert_eq!(
        frames
            .iter()
            .filter(|f| f.get::<pinrail_types::record::Tick>().is_some())
            .count(),
        1
    );
}

#[test]
fn a_short_journal_refuses_new_risk_then_all_input_and_recovers() {
    let mut live = Live::start(64 << 10);
    live.books(1);
    live.work();
    let mut n = 0;
    while live.core.counts().journal_full == 0 {
        n += 1;
        live.ask(n);
        live.core.do_work();
        assert!(n < 100_000, "the journal never fills");
    }
    assert_eq!(live.core.counts().journal_short, 1);
    let taken = live.core.counts().taken;
    live.core.do_work();
    assert_eq!(
        live.core.counts().taken,
        taken,
        "nothing is taken when even the reserve is used up"
    );
    for _ in 0..20 {
        live.archiver.do_work().unwrap();
        live.preparer.do_work().unwrap();
    }
    live.work();
    assert!(
        live.core.counts().taken > taken,
        "what waited in the ring is taken"
    );
    let frames = live.finish();
    let kinds: Vec<u8> = found::<RuntimeEvent>(&frames)
        .iter()
        .map(|event| event.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            RuntimeEventKind::JournalShort.byte(),
            RuntimeEventKind::JournalRoom.byte()
        ]
    );
    let refused = found::<QuoteRequestReject>(&frames);
    assert!(
        refused
            .iter()
            .any(|reject| reject.reason == Reason::JournalShort.code())
    );
    assert_eq!(found::<StateChange>(&frames).len(), 3, "the start, short, room");
}

#[test]
fn the_core_allocates_nothing_and_touches_no_new_page_after_warm_up() {
    assert!(CountingAllocator::is_installed());
    let mut live = Live::with_books();
    let run = |live: &mut Live, from: u64| {
        let mut cost = Usage::default();
        for n in from..from + 300 {
            live.ask(n);
            live.books(n + 1);
            let before = Usage::of_this_thread();
            live.work();
            let spent = Usage::of_this_thread().since(&before);
            cost.allocations += spent.allocations;
            cost.frees += spent.frees;
            cost.minor_faults += spent.minor_faults;
            cost.major_faults += spent.major_faults;
        }
        cost
    };
    run(&mut live, 1);
    let cost = run(&mut live, 301);
    assert_eq!((cost.allocations, cost.frees), (0, 0));
    assert_eq!((cost.minor_faults, cost.major_faults), (0, 0));
    assert!(found::<ExecutionReport>(&live.finish()).is_empty());
}

/// What each source sends in a playback, by due time.
type Script = Vec<(usize, u64)>;

/// Plays a script through rings of some size with the pushes cut into chunks as `chunks` says; gives the journal's digest.
fn play(script: &Script, ring_lines: usize, chunks: &[usize], segment_bytes: u64) -> archive::Digest {
    play_with(SweepPricer::new(1), script, ring_lines, chunks, segment_bytes)
}

fn play_with<P: Pricer>(
    pricer: P,
    script: &Script,
    ring_lines: usize,
    chunks: &[usize],
    segment_bytes: u64,
) -> archive::Digest {
    let place = Place::new();
    let journal = pinrail_journal::open(&place.config(segment_bytes)).unwrap();
    let Journal {
        writer,
        mut archiver,
        mut preparer,
        ..
    } = journal;
    let (mut senders, inlets) = sources_over(ring_lines);
    let mut configuration = Desk::configuration();
    configuration.push(activate());
    let mut core = Playback::new(Engine::new(BOUNDS, pricer), writer, inlets, configuration);
    let mut lanes: Vec<Vec<Frame>> = vec![Vec::new(); senders.len()];
    for (n, (lane, ts)) in script.iter().enumerate() {
        let frame = match lane {
            0 => request(n as u64, *ts, 100),
            1 => activate(),
            venue => snapshot(
                VenueId(*venue as u16 - 2),
                n as u64 + 1,
                *ts,
                10_000 + (n % 7) as i64,
            ),
        };
        lanes[*lane].push(frame);
        lanes[*lane].last_mut().unwrap().header_mut().ts_core = *ts;
    }
    let mut at = [0; 4];
    for round in 0.. {
        if core.is_finished() {
            break;
        }
        assert!(round < 100_000, "the playback stands still");
        for (lane, sender) in senders.iter_mut().enumerate() {
            for _ in 0..chunks[(round + lane) % chunks.len()] {
                let sent = match at[lane].cmp(&lanes[lane].len()) {
                    Ordering::Less => sender.offer(lanes[lane][at[lane]]),
                    Ordering::Equal => sender
                        .producer
                        .try_push(Frame::watermark(sender.source, u64::MAX).words(), Class::Reserved)
                        .is_ok(),
                    Ordering::Greater => break,
                };
                at[lane] += usize::from(sent);
            }
        }
        core.do_work();
        archiver.do_work().unwrap();
        preparer.do_work().unwrap();
    }
    let (_, writer) = core.into_parts();
    writer.finish(1);
    drop(preparer);
    archiver.finish().unwrap();
    archive::digest(&place.archive_dir()).unwrap()
}

#[test]
fn nothing_is_taken_behind_the_end_whenever_the_end_is_seen() {
    let script = vec![(0, 1_000)];
    let seen_late = play(&script, 1_024, &[0, 0, 0, 0, 1], 64 << 10);
    assert_eq!(seen_late, play(&script, 1_024, &[1], 1 << 20));
}

/// Sets its timer again whenever it is called.
struct Restless;

impl Strategy for Restless {
    const NAME: &'static str = "restless";

    fn on_book(&mut self, _: InstrumentId, desk: &impl View, actions: &mut Actions) {
        actions.wake_at(desk.now() + 1);
    }

    fn on_timer(&mut self, desk: &impl View, actions: &mut Actions) {
        actions.wake_at(desk.now() + 1);
    }

    fn visit(&mut self, _: &mut impl Visitor) -> Result<(), StateError> {
        Ok(())
    }
}

#[test]
fn a_playback_ends_though_a_strategy_sets_its_timer_again_and_again() {
    let script = vec![(2, 1_000), (3, 1_000)];
    let restless = WithStrategy {
        pricer: SweepPricer::new(1),
        strategy: Restless,
    };
    let with = play_with(restless, &script, 1_024, &[1], 1 << 20);
    let without = play(&script, 1_024, &[1], 1 << 20);
    let ticks = Playback::<SweepPricer>::timers_max(&BOUNDS) as u64;
    // A hash of the outputs stands behind each 4,096 inputs.
    assert_eq!(with.records, without.records + ticks + ticks / 4_096);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_playback_depends_neither_on_who_is_faster_nor_on_the_rings(
        steps in prop::collection::vec((0_usize..4, 0_u64..3_000), 1..120),
        chunks in prop::collection::vec(0_usize..5, 1..9),
        ring_lines in prop::sample::select(vec![64_usize, 256, 4_096]),
    ) {
        let mut ts = 1_000;
        let script: Script = steps.into_iter().map(|(lane, wait)| { ts += wait; (lane, ts) }).collect();
        let even = play(&script, 1_024, &[1], 1 << 20);
        let chunks: Vec<usize> = chunks.into_iter().chain([1]).collect();
        prop_assert_eq!(play(&script, ring_lines, &chunks, 64 << 10), even);
    }
}
