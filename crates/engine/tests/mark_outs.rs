//! Marks behind fills: when they are made, of what they are, and that a restart loses none.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use bytemuck::Zeroable;
use desk::{Desk, INSTRUMENT, STALE_NS, TTL_NS, filled, only};
use pinrail_engine::{Engine, Out};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    InputReject, LastLookDef, MarkOut, MarkOutDef, MarkOutMiss, Quote, QuoteStatusReport, TradeCaptureReport,
    VenueStatus, VenueStatusKind,
};
use pinrail_types::{ClientId, OutId, Px, Qty, Reason, Text, VenueId};
use proptest::prelude::*;

const SHORT_NS: u64 = 700;
const LONG_NS: u64 = 5_000;

fn horizons(short_ns: u64, long_ns: u64) -> MarkOutDef {
    MarkOutDef {
        horizon_0_ns: short_ns,
        horizon_1_ns: long_ns,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    }
}

fn desk() -> Desk {
    let mut desk = Desk::active();
    assert!(desk.put(horizons(SHORT_NS, LONG_NS)).is_empty());
    desk
}

/// A client buys or sells so much at the desk's price.
fn trade(desk: &mut Desk, client: u32, side: u8, qty: i64) -> (Quote, Out) {
    let quote = desk.ask(client, side, qty).unwrap();
    let out = desk.put(Desk::order(&quote, side));
    filled(&out).unwrap();
    (quote, out)
}

/// The books of [`Desk::active`], so many ticks higher; gives the marks that are made meanwhile.
fn move_by(desk: &mut Desk, ticks: i64) -> Vec<MarkOut> {
    let books = [(VenueId(1), 9_989, 10_011), (VenueId(0), 9_990, 10_010)];
    let outs =
        books.map(|(venue, bid, ask)| desk.snapshot(venue, &[(bid + ticks, 500)], &[(ask + ticks, 500)]));
    outs.iter().flat_map(marks).collect()
}

fn marks(out: &Out) -> Vec<MarkOut> {
    out.find().collect()
}

fn reload(desk: &mut Desk) {
    let words = desk.engine.save();
    let bounds = *desk.engine.bounds();
    desk.engine = Engine::load(bounds, SweepPricer::new(bounds.instruments), &words).unwrap();
}

#[test]
fn a_mark_is_what_was_known_at_its_time_to_the_nanosecond() {
    let mut desk = desk();
    let (quote, out) = trade(&mut desk, 1, b'1', 100);
    let filled_at = desk.now;
    let captured: TradeCaptureReport = only(&out);
    assert_eq!(desk.engine.marks_to_come(), 2);
    assert_eq!(desk.engine.next_timer(), filled_at + SHORT_NS);
    let mut made = Vec::new();
    for (ns, ticks) in [(SHORT_NS - 1, 7), (1, 9), (LONG_NS + 300 - SHORT_NS, -20)] {
        desk.now += ns;
        made.extend(move_by(&mut desk, ticks));
        reload(&mut desk);
    }
    let [short, long] = made[..] else {
        panic!("{made:?}")
    };
    for mark in [short, long] {
        assert_eq!(
            (mark.trade_id, mark.quote_id),
            (captured.trade_id, quote.quote_id)
        );
        assert_eq!((mark.client, mark.instrument), (ClientId(1), INSTRUMENT));
        assert_eq!((mark.px, mark.qty, mark.side), (quote.offer_px, Qty(100), b'1'));
        assert_eq!((mark.ref_px, mark.reason), (Px(10_000), 0));
    }
    assert_eq!((short.horizon_ns, short.due_ts), (SHORT_NS, filled_at + SHORT_NS));
    assert_eq!(short.header.ts_core, filled_at + SHORT_NS);
    assert_eq!(
        short.mid_px,
        Px(10_007),
        "what comes at the same time comes behind"
    );
    assert_eq!((long.horizon_ns, long.due_ts), (LONG_NS, filled_at + LONG_NS));
    assert_eq!(
        long.header.ts_core,
        filled_at + LONG_NS + 300,
        "nothing came before"
    );
    assert_eq!(
        long.mid_px,
        Px(10_009),
        "of its own time, not of when it was made"
    );
    assert_eq!(desk.engine.marks_to_come(), 0);
}

#[test]
fn a_book_that_was_stale_lost_or_halted_at_the_time_has_no_middle() {
    for (long_ns, silent_ns, lost, reason) in [
        (STALE_NS, STALE_NS, false, Reason::None),
        (STALE_NS + 1, STALE_NS + 1, false, Reason::ReferenceStale),
        // It was fresh at the time, and is not when somebody looks.
        (STALE_NS, 3 * STALE_NS, false, Reason::None),
        (STALE_NS + 1, 3 * STALE_NS, false, Reason::ReferenceStale),
        (STALE_NS, STALE_NS, true, Reason::ReferenceMissing),
    ] {
        let mut desk = Desk::active();
        desk.put(horizons(long_ns, 0));
        trade(&mut desk, 0, b'2', 10);
        if lost {
            for venue in [VenueId(0), VenueId(1)] {
                desk.put(VenueStatus {
                    venue,
                    instrument: VenueStatus::ALL,
                    kind: VenueStatusKind::Disconnected.byte(),
                    ..Zeroable::zeroed()
                });
            }
        }
        desk.now += silent_ns;
        let mark: MarkOut = only(&desk.tick());
        assert_eq!(mark.reason, reason.code(), "{long_ns} {silent_ns}");
        let mid = if reason == Reason::None {
            Px(10_000)
        } else {
            Px::NONE
        };
        assert_eq!((mark.mid_px, mark.ref_px, mark.side), (mid, Px(10_000), b'2'));
    }
}

#[test]
fn many_that_are_due_at_once_are_made_in_bounded_chunks_before_all_else() {
    let mut desk = Desk::active();
    desk.put(horizons(TTL_NS, 0));
    let ids: Vec<OutId> = (0..11)
        .map(|_| only::<TradeCaptureReport>(&trade(&mut desk, 0, b'1', 10).1).trade_id)
        .collect();
    let open = desk.ask(0, b'1', 10).unwrap();
    desk.now += TTL_NS;
    let out = desk.tick();
    let mut made = marks(&out);
    assert_eq!((made.len(), out.len()), (8, 8), "quotes that are over wait");
    assert!(desk.engine.wants_continue());
    let out = desk.put(Desk::order(&open, b'1'));
    assert_eq!(filled(&out), Err(Reason::QuoteExpired), "and can't be taken");
    made.extend(marks(&out));
    assert!(!desk.engine.wants_continue(), "the accept brought the others");
    assert_eq!(desk.engine.marks_to_come(), 0);
    only::<QuoteStatusReport>(&desk.tick());
    assert!(made.iter().map(|mark| mark.trade_id).eq(ids.iter().copied()));
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn what_can_not_be_kept_or_is_left_out_is_told() {
    let mut desk = Desk::active();
    assert_eq!(
        only::<InputReject>(&desk.put(horizons(5, 4))).reason,
        Reason::BadField.code()
    );
    let nobody = MarkOutDef {
        actor: Text::default(),
        ..horizons(4, 5)
    };
    assert_eq!(
        only::<InputReject>(&desk.put(nobody)).reason,
        Reason::ActorMissing.code()
    );
    let (_, out) = trade(&mut desk, 0, b'1', 1);
    assert_eq!(out.find::<MarkOutMiss>().count(), 0, "none are wanted");
    assert_eq!(desk.engine.marks_to_come(), 0);
    desk.put(horizons(TTL_NS, 2 * TTL_NS));
    for n in 0..pinrail_oms::FILLS_MAX as i64 {
        let (_, out) = trade(&mut desk, 0, [b'1', b'2'][n as usize % 2], 1);
        assert_eq!(out.find::<MarkOutMiss>().count(), 0, "{n}");
    }
    let (_, out) = trade(&mut desk, 0, b'1', 1);
    let miss: MarkOutMiss = only(&out);
    let full = Reason::MarkOutsFull.code();
    assert_eq!((miss.reason, miss.marks), (full, 2));
    assert_eq!(miss.trade_id, only::<TradeCaptureReport>(&out).trade_id);
    reload(&mut desk);
    assert!(
        desk.put(horizons(TTL_NS, 2 * TTL_NS)).is_empty(),
        "a start says it again"
    );
    let miss: MarkOutMiss = only(&desk.put(horizons(TTL_NS, 0)));
    let changed = Reason::MarkOutsChanged.code();
    assert_eq!(
        (miss.reason, miss.marks),
        (changed, 2 * pinrail_oms::FILLS_MAX as u64)
    );
    assert!(miss.trade_id.is_none());
    assert_eq!(desk.engine.next_timer().min(desk.now + TTL_NS), desk.now + TTL_NS);
    assert_eq!(desk.engine.marks_to_come(), 0);
}

#[test]
fn a_fill_behind_a_last_look_counts_from_the_fill() {
    let mut desk = desk();
    desk.put(LastLookDef {
        hold_ns: 300,
        tolerance_e8: 1_000,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
    let quote = desk.ask(0, b'1', 100).unwrap();
    desk.put(Desk::order(&quote, b'1'));
    assert_eq!(desk.engine.marks_to_come(), 0, "nothing is traded yet");
    desk.now += 300;
    filled(&desk.tick()).unwrap();
    let filled_at = desk.now;
    desk.now += LONG_NS;
    let made = marks(&desk.tick());
    let dues: Vec<u64> = made.iter().map(|mark| mark.due_ts - filled_at).collect();
    assert_eq!(dues, [SHORT_NS, LONG_NS]);
}

#[derive(Clone, Debug)]
enum Step {
    Trade(u32, bool, i64),
    Move(i64),
    Time(u64),
    Horizons(u64, u64),
    Reload,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_u32..2, any::<bool>(), 1_i64..50).prop_map(|(client, buys, qty)| Step::Trade(client, buys, qty)),
        4 => (-40_i64..40).prop_map(Step::Move),
        6 => (0_u64..3_000).prop_map(Step::Time),
        1 => (1_u64..2_000, 2_000_u64..6_000).prop_map(|(short, long)| Step::Horizons(short, long)),
        1 => Just(Step::Reload),
    ]
}

fn take(made: &mut Vec<MarkOut>, missed: &mut u64, out: &Out) {
    made.extend(marks(out));
    *missed += out.find::<MarkOutMiss>().map(|miss| miss.marks).sum::<u64>();
}

/// All marks and misses, and the output hash; with restarts or without.
fn run(steps: &[Step], reloads: bool) -> (Vec<MarkOut>, u64, u64) {
    let mut desk = desk();
    let (mut made, mut missed) = (Vec::new(), 0);
    for step in steps {
        match step {
            Step::Trade(client, buys, qty) => {
                let side = if *buys { b'1' } else { b'2' };
                let request = desk.request(*client, side, *qty);
                let out = desk.put(request);
                take(&mut made, &mut missed, &out);
                let quote: Quote = only(&out);
                let mut order = Desk::order(&quote, side);
                order.cl_ord_id = Text::new(&format!("O{}", desk.seq)).unwrap();
                take(&mut made, &mut missed, &desk.put(order));
            }
            Step::Move(ticks) => {
                made.extend(move_by(&mut desk, *ticks));
            }
            Step::Time(ns) => desk.now += ns,
            Step::Horizons(short, long) => take(&mut made, &mut missed, &desk.put(horizons(*short, *long))),
            Step::Reload if reloads => reload(&mut desk),
            Step::Reload => {}
        }
    }
    desk.now += 10_000;
    while desk.engine.marks_to_come() > 0 {
        take(&mut made, &mut missed, &desk.tick());
    }
    (made, missed, desk.engine.output_hash())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_fill_has_all_its_marks_once_and_a_restart_changes_none(steps in prop::collection::vec(step(), 1..80)) {
        let (made, missed, hash) = run(&steps, false);
        prop_assert_eq!(&(made.clone(), missed, hash), &run(&steps, true));
        let fills = steps.iter().filter(|step| matches!(step, Step::Trade(..))).count() as u64;
        prop_assert_eq!(made.len() as u64 + missed, 2 * fills);
        let mut ids: Vec<_> = made.iter().map(|mark| (mark.trade_id.seq, mark.horizon_ns)).collect();
        ids.sort_unstable();
        ids.dedup();
        prop_assert_eq!(ids.len(), made.len(), "none twice");
        prop_assert!(made.iter().all(|mark| mark.header.ts_core >= mark.due_ts));
    }
}
