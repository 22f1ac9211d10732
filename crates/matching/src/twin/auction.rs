//! How the twin's auctions end.

use pinrail_types::{Px, Qty, Reason, Side};

use super::book::{Book, is_reached};
use super::trading::may_trade;
use crate::report::{Fill, Sink, Uncross};

impl Book {
    /// At which price most would trade, and how much; of several such prices the one that leaves the least surplus, then the
    /// nearest to the reference price or the last trade, then the lowest.
    pub(super) fn uncross(&self) -> Uncross {
        if !self.is_crossed() {
            return Uncross::NONE;
        }
        let lowest = self.asks[0].terms.px;
        let highest = self.bids[0].terms.px;
        let near = self.reference.or(self.last_px);
        let prices = self.bids.iter().chain(&self.asks).map(|order| order.terms.px);
        let rank = |at: &Uncross| {
            let distance = near.map_or(0, |near| (at.px.0 - near.0).abs());
            (-at.qty.0, at.surplus.0.abs(), distance, at.px)
        };
        prices
            .filter(|px| lowest <= *px && *px <= highest)
            .map(|px| self.uncross_at(px))
            .min_by_key(rank)
            .unwrap_or(Uncross::NONE)
    }

    fn uncross_at(&self, px: Px) -> Uncross {
        let open = |side: Side| -> i64 {
            let reaching = self
                .side(side)
                .iter()
                .filter(|order| is_reached(side, order.terms.px, px));
            reaching.map(|order| order.leaves).sum()
        };
        let (buyers, sellers) = (open(Side::Buy), open(Side::Sell));
        Uncross {
            px,
            qty: Qty(buyers.min(sellers)),
            surplus: Qty(buyers - sellers),
        }
    }

    /// Lets those trade who cross, until none do.
    pub(super) fn end_auction<S: Sink>(&mut self, sink: &mut S) {
        while self.is_crossed() {
            let px = self.uncross().px;
            while self.both_reach(px) {
                self.auction_trade(px, sink);
            }
        }
    }

    /// Whether there is a buyer and a seller for `px`.
    fn both_reach(&self, px: Px) -> bool {
        [Side::Buy, Side::Sell].into_iter().all(|side| {
            let first = self.side(side).first();
            first.is_some_and(|order| is_reached(side, order.terms.px, px))
        })
    }

    /// The first buyer and the first seller trade; or one of them, whose position has nothing to reduce, is cancelled.
    fn auction_trade<S: Sink>(&mut self, px: Px, sink: &mut S) {
        let mut most = i64::MAX;
        for side in [Side::Buy, Side::Sell] {
            let order = &self.side(side)[0];
            most = most.min(order.shown).min(may_trade(order, sink));
            if most == 0 {
                return self.cancel(order.terms.order_id, Reason::ReduceOnlyOrder, sink);
            }
        }
        let qty = most;
        let [buyer, seller] = [Side::Buy, Side::Sell].map(|side| {
            let mut party = self.side(side)[0].party();
            party.leaves.0 -= qty;
            party.cum.0 += qty;
            party
        });
        let fill = Fill {
            instrument: self.instrument,
            trade_id: self.next_trade_id(px),
            px,
            qty: Qty(qty),
            side: Side::Buy,
            taker: buyer,
            maker: seller,
            is_auction: true,
        };
        sink.fill(&fill);
        self.shrink_first(Side::Buy, qty, sink);
        self.shrink_first(Side::Sell, qty, sink);
    }
}
