//! The sweep against a brute force over all levels, and each of its refusals.

use bytemuck::Zeroable;
use pinrail_book::{Book, Source, Sweep, Top, VENUES_MAX, sweep, top};
use pinrail_types::record::{BookLevel, BookUpdate, SequenceRule, VenueStatus, VenueStatusKind};
use pinrail_types::{E8, Flags, Px, Qty, Reason, Side};
use proptest::prelude::*;

const NOW: u64 = 10_000;

type Levels = Vec<(i64, i64)>;

fn send(book: &mut Book, id: u64, flags: Flags, bids: &Levels, asks: &Levels) {
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

fn book(bids: &Levels, asks: &Levels) -> Book {
    let mut book = Book::new(SequenceRule::Plain, 256);
    send(&mut book, 1, Flags::SNAPSHOT, bids, asks);
    book
}

fn source(book: Book, taker_fee_e8: i32) -> Source {
    Source {
        book,
        taker_fee_e8,
        stale_ns_max: 1_000,
        halted: false,
    }
}

/// Every level of every usable source, sorted by net price and source; then eaten from the front.
fn brute_force(sources: &[Source], usable: &[bool], side: Side, qty: i64) -> Result<Sweep, Reason> {
    let mut all: Vec<(i128, usize, i64, i64)> = Vec::new();
    for (i, source) in sources.iter().enumerate().filter(|(i, _)| usable[*i]) {
        let fee = i128::from(source.taker_fee_e8);
        let levels = match side {
            Side::Buy => source.book.asks(),
            Side::Sell => source.book.bids(),
        };
        for level in levels.iter() {
            let net = i128::from(level.px.0) * (i128::from(E8) + i128::from(side.sign()) * fee);
            all.push((net, i, level.px.0, level.qty.0));
        }
    }
    all.sort_by_key(|(net, i, ..)| (net * i128::from(side.sign()), *i));
    let mut swept = Sweep {
        cost: 0,
        qty: Qty(qty),
        worst_net_e8: 0,
        worst_px: Px(0),
        venue_mask: 0,
        levels: 0,
    };
    let mut left = qty;
    let mut used: Vec<i64> = Vec::new();
    for (net, i, px, qty) in all {
        if left == 0 {
            break;
        }
        let fill = left.min(qty);
        left -= fill;
        swept.cost += net * i128::from(fill);
        swept.worst_net_e8 = net;
        swept.venue_mask |= 1 << i;
        swept.levels += 1;
        used.push(px);
    }
    if left > 0 {
        return Err(Reason::InsufficientDepth);
    }
    let worst = if side == Side::Buy {
        used.iter().max()
    } else {
        used.iter().min()
    };
    swept.worst_px = Px(*worst.expect("at least one level was used"));
    Ok(swept)
}

#[derive(Clone, Debug)]
struct Venue {
    bids: Levels,
    asks: Levels,
    /// Taken away again, or reported beyond the snapshot.
    changed: (Levels, Levels),
    fee: i32,
    halted: bool,
    is_stale: bool,
    is_down: bool,
}

fn venue() -> impl Strategy<Value = Venue> {
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
    )
        .prop_map(|(bids, asks, changed, fee, halted, is_stale, is_down)| Venue {
            bids,
            asks,
            changed,
            fee,
            halted,
            is_stale,
            is_down,
        })
}

fn build(venue: &Venue) -> Book {
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

proptest! {
    #[test]
    fn a_sweep_takes_the_best_levels_of_all_sources(
        venues in prop::collection::vec(venue(), 0..=VENUES_MAX),
        qty in prop_oneof![1..200_i64, 1..6000_i64],
        is_buy: bool,
    ) {
        let side = if is_buy { Side::Buy } else { Side::Sell };
        let sources: Vec<Source> = venues
            .iter()
            .map(|venue| Source {
                halted: venue.halted,
                // A book that was received now is stale a little later, if its bound is less.
                stale_ns_max: if venue.is_stale { 99 } else { 100 },
                ..source(build(venue), venue.fee)
            })
            .collect();
        let is_usable = |venue: &Venue| !venue.halted && !venue.is_stale && !venue.is_down;
        let usable: Vec<bool> = venues.iter().map(is_usable).collect();
        let expected = if usable.contains(&true) {
            brute_force(&sources, &usable, side, qty)
        } else if venues.iter().any(|venue| venue.is_stale && !venue.halted && !venue.is_down) {
            Err(Reason::ReferenceStale)
        } else {
            Err(Reason::ReferenceMissing)
        };
        prop_assert_eq!(sweep(&sources, side, Qty(qty), NOW + 100), expected);

        let books = || sources.iter().zip(&usable).filter(|(_, usable)| **usable).map(|(source, _)| &source.book);
        let bid_px = books().filter_map(Book::best_bid).map(|level| level.px).max();
        let ask_px = books().filter_map(Book::best_ask).map(|level| level.px).min();
        let expected = match (bid_px, ask_px) {
            (Some(bid_px), Some(ask_px)) => Ok(Top { bid_px, ask_px }),
            _ => Err(expected.err().filter(|reason| *reason == Reason::ReferenceStale).unwrap_or(Reason::ReferenceMissing)),
        };
        prop_assert_eq!(top(&sources, NOW + 100), expected);
    }
}

#[test]
fn fees_decide_between_venues() {
    let cheap = book(&vec![(99, 1)], &vec![(1_000_000, 1)]);
    let dear = book(&vec![(99, 1)], &vec![(1_000_500, 1)]);
    // 10 basis points on the cheaper one make it the dearer one.
    let sources = [source(cheap, 100_000), source(dear, 0)];
    let swept = sweep(&sources, Side::Buy, Qty(1), NOW).unwrap();
    assert_eq!((swept.venue_mask, swept.cost), (0b10, 1_000_500 * i128::from(E8)));
    assert_eq!((swept.worst_px, swept.venues()), (Px(1_000_500), 1));
    let swept = sweep(&sources, Side::Buy, Qty(2), NOW).unwrap();
    assert_eq!(swept.cost, 1_000_500 * i128::from(E8) + 1_000_000 * 100_100_000);
    assert_eq!(swept.worst_net_e8, 1_000_000 * 100_100_000);
    assert_eq!(
        (swept.worst_px, swept.venues(), swept.levels),
        (Px(1_000_500), 2, 2)
    );
}

#[test]
fn equal_net_prices_are_taken_from_the_earlier_source() {
    let sources = [0, 0].map(|fee| source(book(&vec![(9, 5)], &vec![(10, 5)]), fee));
    for side in [Side::Buy, Side::Sell] {
        assert_eq!(sweep(&sources, side, Qty(5), NOW).unwrap().venue_mask, 0b01);
        assert_eq!(sweep(&sources, side, Qty(6), NOW).unwrap().venue_mask, 0b11);
    }
}

#[test]
fn refusals_say_why() {
    let good = || source(book(&vec![(99, 5)], &vec![(101, 5)]), 0);
    let empty = || source(Book::new(SequenceRule::Plain, 8), 0);
    let halted = || Source {
        halted: true,
        ..good()
    };
    let refused = |sources: &[Source], qty, now| sweep(sources, Side::Buy, Qty(qty), now).unwrap_err();
    for qty in [0, -1, Qty::ABS_MAX + 1, i64::MIN] {
        assert_eq!(refused(&[good()], qty, NOW), Reason::QtyUnrepresentable);
    }
    for sources in [vec![], vec![halted()], vec![empty()], vec![halted(), empty()]] {
        assert_eq!(refused(&sources, 1, NOW), Reason::ReferenceMissing);
        assert_eq!(top(&sources, NOW), Err(Reason::ReferenceMissing));
    }
    let late = NOW + 1_001;
    assert_eq!(refused(&[empty(), good()], 1, late), Reason::ReferenceStale);
    assert_eq!(top(&[good()], late), Err(Reason::ReferenceStale));
    assert_eq!(refused(&[halted()], 1, late), Reason::ReferenceMissing);
    assert_eq!(refused(&[good()], 6, NOW), Reason::InsufficientDepth);
    let one_sided = book(&vec![(99, 5)], &vec![]);
    assert_eq!(top(&[source(one_sided, 0)], NOW), Err(Reason::ReferenceMissing));
}

#[test]
fn prices_below_zero_are_not_swept() {
    let book = book(&vec![(5, 1), (-5, 1)], &vec![(6, 1)]);
    let sources = [source(book, 0)];
    assert!(sweep(&sources, Side::Sell, Qty(1), NOW).is_ok());
    assert_eq!(
        sweep(&sources, Side::Sell, Qty(2), NOW),
        Err(Reason::PxUnrepresentable)
    );
}

#[test]
fn the_largest_values_are_exact_or_refused() {
    let most = Qty::ABS_MAX;
    let one = [source(book(&vec![], &vec![(Px::ABS_MAX, most)]), 1)];
    let qty = 1 << (95 - 52);
    let swept = sweep(&one, Side::Buy, Qty(qty), NOW).unwrap();
    assert_eq!(
        swept.cost,
        i128::from(Px::ABS_MAX) * i128::from(qty) * i128::from(E8 + 1)
    );
    for qty in [most, qty + 1] {
        assert_eq!(sweep(&one, Side::Buy, Qty(qty), NOW), Err(Reason::Overflow));
    }
    // As much from each of as many sources as there can be, at the highest fee.
    let part = |_| source(book(&vec![], &vec![(Px::ABS_MAX, qty)]), E8 as i32 - 1);
    let all: [Source; VENUES_MAX] = core::array::from_fn(part);
    let swept = sweep(&all, Side::Buy, Qty(16 * qty), NOW).unwrap();
    assert_eq!(swept.cost, (1_i128 << 99) * i128::from(2 * E8 - 1));
}

#[test]
fn levels_beyond_the_horizon_are_not_swept() {
    let mut book = book(&vec![(99, 5)], &vec![(101, 5)]);
    send(&mut book, 2, Flags::NONE, &vec![], &vec![(102, 50)]);
    let sources = [source(book, 0)];
    assert!(sweep(&sources, Side::Buy, Qty(5), NOW).is_ok());
    assert_eq!(
        sweep(&sources, Side::Buy, Qty(6), NOW),
        Err(Reason::InsufficientDepth)
    );
}

#[test]
fn the_middle_is_rounded_down() {
    let mid = |bid, ask| {
        Top {
            bid_px: Px(bid),
            ask_px: Px(ask),
        }
        .mid()
    };
    assert_eq!(
        (mid(1, 2), mid(-2, -1), mid(4, 2), mid(-1, 2)),
        (Px(1), Px(-2), Px(3), Px(0))
    );
}
