//! At which price an auction ends.

use core::cmp::Reverse;

use pinrail_types::{Px, Qty, Side};

use crate::book::{Book, Shelf, at};
use crate::level::{NIL, px_of, rank_of};
use crate::report::Uncross;

/// All that is open at one price, hidden quantity included.
fn open_at(shelf: &Shelf, level: u32) -> i128 {
    let mut slot = shelf.queues.first(level);
    let mut qty = 0;
    while slot != NIL {
        let node = shelf.slab.node(slot);
        qty += i128::from(node.leaves());
        slot = shelf.queues.next(slot);
    }
    qty
}

fn saturated(qty: i128) -> Qty {
    Qty(qty.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
}

/// Better first: more trades, less is left over, nearer to what is known.
fn merit(uncross: &Uncross, known: Px) -> (i64, Reverse<u64>, Reverse<u64>) {
    let away = if known == Px::NONE {
        0
    } else {
        uncross.px.0.abs_diff(known.0)
    };
    (
        uncross.qty.0,
        Reverse(uncross.surplus.0.unsigned_abs()),
        Reverse(away),
    )
}

/// The rule stands in `docs/matching.md`. Goes over the prices that cross and their orders, the buyers' twice.
pub(crate) fn uncross(book: &Book, shelf: &Shelf) -> Uncross {
    if !book.is_crossed() {
        return Uncross::NONE;
    }
    let pool = &shelf.pool;
    let [bids, asks] = &book.sides;
    let px = |side, level: u32| px_of(side, pool.level(level).rank);
    let (top, bottom) = (-bids.best_rank(), asks.best_rank());
    // All who would buy at the lowest price. As the price rises, those who would not pay it go.
    let (mut bid, mut demand) = (NIL, 0);
    let mut level = bids.best_level();
    while level != NIL && pool.level(level).rank <= rank_of(Side::Buy, bottom) {
        demand += open_at(shelf, level);
        bid = level;
        level = bids.next(pool, level);
    }
    let (mut ask, mut supply) = (asks.best_level(), 0);
    let known = if book.reference == Px::NONE {
        book.last_px
    } else {
        book.reference
    };
    let mut best = Uncross::NONE;
    loop {
        let ask_px = (ask != NIL).then(|| px(Side::Sell, ask)).filter(|px| *px <= top);
        let bid_px = (bid != NIL).then(|| px(Side::Buy, bid));
        let Some(this_px) = ask_px.into_iter().chain(bid_px).min() else {
            return best;
        };
        if ask_px == Some(this_px) {
            supply += open_at(shelf, ask);
            ask = asks.next(pool, ask);
        }
        let this = Uncross {
            px: Px(this_px),
            qty: saturated(demand.min(supply)),
            surplus: saturated(demand - supply),
        };
        if best == Uncross::NONE || merit(&this, known) > merit(&best, known) {
            best = this;
        }
        if bid_px == Some(this_px) {
            demand -= open_at(shelf, bid);
            bid = bids.previous(pool, bid);
        }
    }
}

/// The two that would trade next at `px` or better, if both sides have one.
pub(crate) fn pair(book: &Book, shelf: &Shelf, px: i64) -> Option<[u32; 2]> {
    let first = |side| {
        let ladder = &book.sides[at(side)];
        (ladder.best_rank() <= rank_of(side, px)).then(|| shelf.queues.first(ladder.best_level()))
    };
    Some([first(Side::Buy)?, first(Side::Sell)?])
}
