//! Random venues and what happens to them, for tests of the consolidated view.
#![allow(dead_code, unreachable_pub)]

use bytemuck::Zeroable;
use pinrail_book::{Book, Consolidated, Source};
use pinrail_types::record::{BookLevel, BookUpdate, SequenceRule, VenueStatus, VenueStatusKind};
use pinrail_types::{Flags, Px, Qty};
use proptest::prelude::*;

pub const NOW: u64 = 10_000;

pub type Levels = Vec<(i64, i64)>;

pub fn send(book: &mut Book, id: u64, flags: Flags, bids: &Levels, asks: &Levels) {
    let all: Vec<(bool, (i64, i64))> = bids
        .iter()
        .map(|level| (true, *level))
        .chain(asks.iter().map(|level| (false, *level)))
        .collect();
    let chunks: Vec<_> = if all.is_empty() {
        vec![&all[..]]
    } else {
        all.chunks(11).collect()
    };
    for (i, chunk) in chunks.iter().enumerate() {
        let mut update = BookUpdate {
            first_id: id,
            last_id: id,
            ts_recv: NOW,
            ..BookUpdate::zeroed()
        };
        for (to, (is_bid, (px, qty))) in update.levels.iter_mut().zip(*chunk) {
            *to = BookLevel {
                px: Px(*px),
                qty: Qty(*qty),
            };
            update.bids += u8::from(*is_bid);
            update.asks += u8::from(!*is_bid);
        }
        let mut flags = flags;
        if i == 0 {
            flags = flags.with(Flags::FIRST);
        }
        if i == chunks.len() - 1 {
            flags = flags.with(Flags::LAST);
        }
        update.header.commit = update.commit_for(flags).pack();
        book.apply(&update);
    }
}

pub fn book(bids: &Levels, asks: &Levels) -> Book {
    let mut book = Book::new(SequenceRule::Plain, 256);
    send(&mut book, 1, Flags::SNAPSHOT, bids, asks);
    book
}

pub fn source(book: Book, taker_fee_e8: i32) -> Source {
    Source {
        book,
        taker_fee_e8,
        stale_ns_max: 1_000,
        halted: false,
        lot: Qty(1),
    }
}

pub fn consolidated(sources: impl IntoIterator<Item = Source>) -> Consolidated {
    let mut consolidated = Consolidated::new();
    for source in sources {
        consolidated.add(source);
    }
    consolidated
}

#[derive(Clone, Debug)]
pub struct Venue {
    pub bids: Levels,
    pub asks: Levels,
    /// Taken away again, or reported beyond the snapshot.
    pub changed: (Levels, Levels),
    pub fee: i32,
    pub halted: bool,
    pub is_stale: bool,
    pub is_down: bool,
    /// In the desk's lots.
    pub lot: i64,
}

pub fn venue() -> impl Strategy<Value = Venue> {
    let side = |sign: i64, spread: i64, count: usize| {
        let level = (prop_oneof![3 => 0..30_i64, 1 => 0..30_000_i64], 1..100_i64);
        prop::collection::vec(level, 0..count).prop_map(move |levels| {
            let level = |(at, qty): (i64, i64)| (100_000 + sign * (spread + at), qty);
            levels.into_iter().map(level).collect::<Levels>()
        })
    };
    (
        side(-1, 1, 40),
        side(1, 1, 40),
        (side(-1, 1, 8), side(1, 1, 8)),
        prop_oneof![Just(0), -30_000..60_000_i32, Just(99_999_999), Just(-99_999_999)],
        prop_oneof![6 => Just(false), 1 => Just(true)],
        prop_oneof![6 => Just(false), 1 => Just(true)],
        prop_oneof![6 => Just(false), 1 => Just(true)],
        prop_oneof![2 => Just(1), 1 => 2..30_i64],
    )
        .prop_map(
            |(bids, asks, changed, fee, halted, is_stale, is_down, lot)| Venue {
                bids,
                asks,
                changed,
                fee,
                halted,
                is_stale,
                is_down,
                lot,
            },
        )
}

pub fn build(venue: &Venue) -> Book {
    let mut book = book(&venue.bids, &venue.asks);
    let gone = |levels: &Levels| -> Levels {
        let quantity = |i: usize, qty: i64| if i.is_multiple_of(2) { 0 } else { qty };
        levels
            .iter()
            .enumerate()
            .map(|(i, (px, qty))| (*px, quantity(i, *qty)))
            .collect()
    };
    send(
        &mut book,
        2,
        Flags::NONE,
        &gone(&venue.changed.0),
        &gone(&venue.changed.1),
    );
    if venue.is_down {
        book.on_status(&VenueStatus {
            kind: VenueStatusKind::Disconnected.byte(),
            ..VenueStatus::zeroed()
        });
    }
    book
}

/// What may happen between two sweeps.
#[derive(Clone, Debug)]
pub enum Event {
    /// As many sides as this are merged, if they have to be.
    Refresh(usize),
    /// One level of the source at this index, taken modulo their number, changes.
    Change(usize, bool, i64, i64),
    Halt(usize, bool),
    Disconnect(usize),
    /// Time goes on, and some venues may have become stale.
    Pass(u64),
}

pub fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1..4_usize).prop_map(Event::Refresh),
        6 => (any::<usize>(), any::<bool>(), 1..60_i64, 0..100_i64)
            .prop_map(|(at, is_bid, away, qty)| Event::Change(at, is_bid, away, qty)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(at, halted)| Event::Halt(at, halted)),
        1 => any::<usize>().prop_map(Event::Disconnect),
        1 => (1..60_u64).prop_map(Event::Pass),
    ]
}

pub fn happen(consolidated: &mut Consolidated, event: &Event, now: &mut u64) {
    let count = consolidated.sources().len();
    match *event {
        Event::Refresh(sides) => (0..sides).for_each(|_| _ = consolidated.refresh(*now)),
        Event::Pass(ns) => *now += ns,
        _ if count == 0 => {}
        Event::Change(at, is_bid, away, qty) => {
            let book = &mut consolidated.source_mut(at % count).book;
            let (bids, asks) = if is_bid {
                (vec![(100_000 - away, qty)], vec![])
            } else {
                (vec![], vec![(100_000 + away, qty)])
            };
            // The next in order, so that the book stays healthy.
            send(book, book.last_id() + 1, Flags::NONE, &bids, &asks);
        }
        Event::Halt(at, halted) => consolidated.source_mut(at % count).halted = halted,
        Event::Disconnect(at) => {
            consolidated.source_mut(at % count).book.on_status(&VenueStatus {
                kind: VenueStatusKind::Disconnected.byte(),
                ..VenueStatus::zeroed()
            });
        }
    }
}

/// As [`build`] makes them; some are stale soon.
pub fn sources(venues: &[Venue]) -> Consolidated {
    consolidated(venues.iter().map(|venue| Source {
        halted: venue.halted,
        // Stale from the start, or after a while.
        stale_ns_max: if venue.is_stale { 99 } else { 200 },
        lot: Qty(venue.lot),
        ..source(build(venue), venue.fee)
    }))
}
