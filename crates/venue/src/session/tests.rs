use pinrail_book::Book;
use pinrail_types::record::{
    BookLevel, BookState, BookUpdate, TopOfBook, Trade, VenueStatus, VenueStatusKind,
};
use pinrail_types::{Flags, Px, Qty};
use proptest::prelude::*;

use super::*;
use crate::binance::Depth;
use crate::testing::{TOP, TRADE, listing, snapshot, update};

fn session() -> Session {
    Session::new(listing())
}

fn take(session: &mut Session, ts_recv: u64, json: &str) -> Vec<Frame> {
    let mut out = Vec::new();
    session.take(ts_recv, json, &mut out).expect(json);
    out
}

/// What the records are: `S` snapshot, `U` update, each with its last id; `G` gap, `T` top, `t` trade.
fn shape(frames: &[Frame]) -> Vec<String> {
    frames
        .iter()
        .map(|frame| {
            if let Some(update) = frame.get::<BookUpdate>() {
                let kind = if frame.flags().has(Flags::SNAPSHOT) {
                    'S'
                } else {
                    'U'
                };
                format!("{kind}{}", update.last_id)
            } else if frame.get::<TopOfBook>().is_some() {
                "T".to_owned()
            } else if frame.get::<Trade>().is_some() {
                "t".to_owned()
            } else {
                let status = frame.get::<VenueStatus>().expect("no other record is sent");
                assert_eq!(status.kind, VenueStatusKind::Gap.byte());
                "G".to_owned()
            }
        })
        .collect()
}

#[test]
fn updates_wait_for_the_snapshot_and_keep_their_times() {
    let mut session = session();
    assert!(take(&mut session, 1, &update(1, 5, 1, 1)).is_empty());
    assert!(take(&mut session, 2, &update(6, 9, 1, 1)).is_empty());
    assert!(take(&mut session, 3, &update(10, 12, 1, 1)).is_empty());
    assert_eq!(shape(&take(&mut session, 4, TOP)), ["T"]);
    assert_eq!(shape(&take(&mut session, 4, TRADE)), ["t"]);
    let out = take(&mut session, 5, &snapshot(7, 2));
    assert_eq!(shape(&out), ["S7", "U9", "U12"]);
    let times: Vec<u64> = out
        .iter()
        .map(|f| f.get::<BookUpdate>().unwrap().ts_recv)
        .collect();
    assert_eq!(times, [5, 2, 3]);
    assert!(!session.needs_snapshot());
    assert_eq!(shape(&take(&mut session, 6, &update(13, 13, 0, 0))), ["U13"]);
    assert!(
        take(&mut session, 7, &update(13, 13, 0, 0)).is_empty(),
        "a duplicate"
    );
    assert!(take(&mut session, 8, &snapshot(8, 1)).is_empty(), "not awaited");
}

#[test]
fn a_gap_is_told_and_mended_by_the_next_snapshot() {
    let mut session = session();
    take(&mut session, 1, &snapshot(7, 1));
    assert_eq!(shape(&take(&mut session, 2, &update(8, 8, 1, 0))), ["U8"]);
    assert_eq!(shape(&take(&mut session, 3, &update(10, 11, 1, 0))), ["G"]);
    assert!(session.needs_snapshot());
    assert!(take(&mut session, 4, &update(12, 12, 1, 0)).is_empty());
    // The update behind the gap is held too: a snapshot from within the gap needs it.
    assert_eq!(
        shape(&take(&mut session, 5, &snapshot(9, 1))),
        ["S9", "U11", "U12"]
    );
    assert_eq!(session.counts().gaps, 1);
}

#[test]
fn a_snapshot_older_than_what_is_held_is_a_gap_and_loses_nothing() {
    let mut session = session();
    take(&mut session, 1, &update(10, 11, 1, 0));
    take(&mut session, 2, &update(12, 12, 1, 0));
    assert_eq!(shape(&take(&mut session, 3, &snapshot(5, 1))), ["S5", "G"]);
    assert!(session.needs_snapshot());
    assert_eq!(
        shape(&take(&mut session, 4, &snapshot(10, 1))),
        ["S10", "U11", "U12"]
    );
}

#[test]
fn more_updates_than_are_held_start_the_wait_again() {
    let mut session = session();
    let mut json = String::new();
    for id in 1..=HELD_RECORDS_MAX as u64 + 1 {
        json = update(id, id, 0, 0);
        assert!(take(&mut session, id, &json).is_empty());
    }
    assert!(!json.is_empty());
    let Feed::Numbered(feed) = &session.feed else {
        panic!("Binance numbers its updates")
    };
    assert_eq!((session.counts().overflows, feed.held_records()), (1, 1));
    let last = HELD_RECORDS_MAX as u64 + 1;
    assert_eq!(
        shape(&take(&mut session, last, &snapshot(last - 1, 1))),
        [format!("S{}", last - 1), format!("U{last}")]
    );
}

#[test]
fn a_message_that_cannot_be_read_is_a_gap() {
    let mut session = session();
    let mut out = Vec::new();
    // There is no book yet that could be wrong.
    session.take(1, "{", &mut out).unwrap_err();
    assert!(out.is_empty());
    take(&mut session, 1, &snapshot(7, 1));
    let good = update(8, 8, 1, 0);
    session
        .take(2, &good.replace(r#""1.5""#, r#""1.5555""#), &mut out)
        .unwrap_err();
    assert_eq!(shape(&out), ["G"]);
    assert_eq!(
        (session.doubt(), session.counts().gaps),
        (Some(Doubt::Unreadable), 1)
    );
    assert!(take(&mut session, 3, &good).is_empty(), "it waits for a snapshot");
    assert_eq!(shape(&take(&mut session, 4, &snapshot(7, 1))), ["S7", "U8"]);
    assert_eq!(session.counts().resyncs, 1);
}

#[test]
fn the_largest_recorded_update_is_112_records() {
    let mut session = session();
    take(&mut session, 1, &snapshot(7, 1));
    let out = take(&mut session, 2, &update(8, 8, 613, 613));
    assert_eq!(out.len(), 112);
    assert_eq!(
        out.iter().map(|f| usize::from(f.commit().lines)).sum::<usize>(),
        447
    );
}

proptest! {
    #[test]
    fn packing_keeps_every_level_in_order(bids in 0_usize..40, asks in 0_usize..40, is_snapshot: bool) {
        let level = |i: usize| BookLevel { px: Px(i as i64 + 1), qty: Qty(i as i64) };
        let (all_bids, all_asks): (Vec<_>, Vec<_>) = ((0..bids).map(level).collect(), (50..50 + asks).map(level).collect());
        let depth = Depth { first_id: 3, last_id: 4, prev_id: 2, ts_event: 9, bids: &all_bids, asks: &all_asks };
        let flags = if is_snapshot { Flags::SNAPSHOT } else { Flags::NONE };
        let mut out = Vec::new();
        Packing::of(&listing(), 11).pack(&depth, flags, &mut out);
        prop_assert_eq!(out.len(), depth.records());
        let (mut bids, mut asks) = (Vec::new(), Vec::new());
        for (i, frame) in out.iter().enumerate() {
            let update = frame.get::<BookUpdate>().unwrap();
            prop_assert_eq!(frame.flags().has(Flags::FIRST), i == 0);
            prop_assert_eq!(frame.flags().has(Flags::LAST), i + 1 == out.len());
            prop_assert_eq!(frame.flags().has(Flags::SNAPSHOT), is_snapshot);
            prop_assert_eq!((update.first_id, update.last_id, update.prev_id), (3, 4, 2));
            prop_assert_eq!((update.ts_event, update.ts_recv), (9, 11));
            let (b, a) = update.sides().unwrap();
            prop_assert!(b.is_empty() || asks.is_empty(), "bids come first");
            bids.extend_from_slice(b);
            asks.extend_from_slice(a);
            let used = b.len() + a.len();
            prop_assert!(update.levels[used..].iter().all(|level| *level == BookLevel::default()));
        }
        prop_assert_eq!(bids, all_bids);
        prop_assert_eq!(asks, all_asks);
    }

    /// However updates are lost and wherever snapshots come in, the core's mirror agrees with the session about
    /// whether the book stands, and holds the update sent last.
    #[test]
    fn the_mirror_takes_what_the_session_sends(
        events in prop::collection::vec((0_u8..10, 1_u64..4), 1..60),
    ) {
        let mut session = session();
        let mut book = Book::new(listing().market.rule(), 64);
        let (mut venue_id, mut ts_recv) = (10, 0);
        for (kind, step) in events {
            ts_recv += 1;
            let json = match kind {
                0 => { venue_id += step; continue } // lost
                1 => snapshot(venue_id, 2),
                2 => snapshot(venue_id - step, 2),
                _ => { venue_id += step; update(venue_id - step + 1, venue_id, 1, 1) }
            };
            let waited = session.needs_snapshot();
            let out = take(&mut session, ts_recv, &json);
            prop_assert!(waited || out.iter().all(|f| !f.flags().has(Flags::SNAPSHOT)));
            for frame in &out {
                if let Some(update) = frame.get::<BookUpdate>() {
                    book.apply(update);
                    prop_assert!(book.state() != BookState::Gapped, "the session sends no gap unmarked");
                    if frame.flags().has(Flags::LAST) {
                        prop_assert_eq!(book.last_id(), update.last_id);
                    }
                } else if let Some(status) = frame.get::<VenueStatus>() {
                    book.on_status(status);
                }
            }
            let stands = matches!(book.state(), BookState::Healthy | BookState::Building);
            prop_assert_eq!(stands, !session.needs_snapshot());
        }
    }
}
