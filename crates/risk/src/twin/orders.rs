//! Events of orders at venues, to both.

use pinrail_types::record::TimeInForce;
use pinrail_types::{NewVenueOrder, OpenOrder, OutId, Replacement, StrategyId, VenueId};

use super::naive::Placed;
use super::*;
use crate::orders::OrderMarket;

/// Taker fees of the venues.
pub(super) const FEES_E8: [i32; VENUES as usize] = [100_000, -5_000];
/// Units of a lot in each asset, where it is the base of an instrument.
pub(super) const LOT_UNITS: [i128; ASSETS as usize] = [1_000, 10];
/// A lot is 1e-5.
pub(super) const EXPONENTS: [i8; ASSETS as usize] = [-8, -6];

pub(super) fn define(fast: &mut Risk) {
    for (venue, fee_e8) in (0..).zip(FEES_E8) {
        fast.define_venue(VenueId(venue), fee_e8).unwrap();
    }
}

/// The same order as the fast one takes it.
fn open_order(placed: &Placed) -> OpenOrder {
    let replacement = placed.replacement.map(|(px, qty)| Replacement {
        replace_id: OutId::NONE,
        px,
        qty: Qty(qty),
    });
    let open = OpenOrder {
        order_id: OutId::NONE,
        order: placed.order,
        cum_qty: Qty(placed.filled),
        leaves: Qty::ZERO,
        is_canceling: false,
        is_unwanted: false,
        replacement: None,
        parent_id: OutId::NONE,
    };
    open.with_replacement(replacement)
}

impl Pair {
    fn draw_order(&mut self) -> NewVenueOrder {
        let instrument = self.below(INSTRUMENTS.into()) as u32;
        let near = self.pick(&[-206, -198, -20, -10, -10, 0, 0, 0, 10, 10, 20, 21, 198, 206]);
        let even = (self.refs[instrument as usize] + near) & !1;
        NewVenueOrder {
            strategy: StrategyId(self.pick(&[0, 0, 0, 0, 1, 1, 1, 16])),
            venue: VenueId(self.pick(&[0, 0, 0, 0, 1, 1, 1, 1, 1, VENUES])),
            instrument: InstrumentId(instrument),
            side: self.pick(&[Side::Buy, Side::Sell]),
            px: Px(even | i64::from(self.below(20) == 0)),
            qty: Qty(self.pick(&[0, 1, 2, 2, 4, 4, 8, 20, 20, 60, 88, 92, 102])),
            time_in_force: TimeInForce::GoodTillCancel,
        }
    }

    pub(super) fn order(&mut self) -> Result<(), String> {
        let order = self.draw_order();
        let market = self.market(&order);
        let fast = self
            .fast
            .admit_venue_order(&order, self.now)
            .and_then(|()| self.fast.check_venue_order(&order, market.lot_multiple))
            .and_then(|()| self.fast.reserve_order(&order, &market, self.now));
        let naive = self.naive.order(&order, &market, self.now);
        self.same(&format!("{order:?} {market:?}"), &fast, &naive)?;
        for held in &self.naive.orders {
            let order = &held.order;
            let (fast, naive) = (self.fast.forbids(order), self.naive.forbids(order));
            self.same(&format!("forbids {order:?}"), &Ok(fast), &Ok(naive))?;
        }
        Ok(())
    }

    /// A market for an order.
    fn market(&mut self, order: &NewVenueOrder) -> OrderMarket {
        let ref_px = &mut self.refs[order.instrument.index()];
        *ref_px += [-10, 0, 0, 0, 10][(self.draws.next_u64() % 5) as usize];
        let ref_px = *ref_px;
        let own = self.naive.orders.iter().filter(|held| {
            let there = (held.order.venue, held.order.instrument) == (order.venue, order.instrument);
            there && held.order.side != order.side
        });
        let own = own.flat_map(Placed::prices);
        let own_px = match order.side {
            Side::Buy => own.min(),
            Side::Sell => own.max(),
        };
        OrderMarket {
            tick_multiple: 2,
            lot_multiple: 2,
            ref_px: if self.below(200) == 0 {
                Px::NONE
            } else {
                Px(ref_px)
            },
            mids: (Px(ref_px), Px(ref_px + self.pick(&[0, 0, 50, 51]))),
            own_px: own_px.unwrap_or(Px::NONE),
        }
    }

    /// An order is to be replaced, or its venue answers that it is or is not.
    pub(super) fn replace(&mut self) -> Result<(), String> {
        let Some(at) = self.open_order() else {
            return Ok(());
        };
        let held = self.naive.orders[at];
        let before = open_order(&held);
        if held.replacement.is_some() {
            self.answer(at);
            return Ok(());
        }
        let drawn = self.draw_order();
        let away = drawn.px.0 - self.refs[drawn.instrument.index()];
        let order = NewVenueOrder {
            px: Px((self.refs[held.order.instrument.index()] + away) & !1 | drawn.px.0 & 1),
            qty: drawn.qty,
            ..held.order
        };
        let after = before.with_replacement(Some(Replacement {
            replace_id: OutId::NONE,
            px: order.px,
            qty: order.qty,
        }));
        let beyond = Qty(after.leaves.0 - before.leaves.0);
        let market = self.market(&order);
        let fast = self
            .fast
            .admit_venue_order(&order, self.now)
            .and_then(|()| self.fast.check_replacement(&order, beyond, market.lot_multiple))
            .and_then(|()| self.fast.reserve_replacement(&before, &after, &market, self.now));
        let naive = self.naive.replace(at, (order.px, order.qty), &market, self.now);
        self.same(&format!("{before:?} for {order:?} {market:?}"), &fast, &naive)?;
        for asset in (0..ASSETS).map(AssetId) {
            let fast = self.fast.assets[asset.index()].unexecuted.sum();
            let naive = self.naive.unexecuted(asset);
            self.same(&format!("unexecuted in {asset}"), &Ok(fast), &Ok(naive))?;
        }
        Ok(())
    }

    /// A replacement is in force, or refused.
    fn answer(&mut self, at: usize) {
        let mut held = self.naive.orders[at];
        let before = open_order(&held);
        let (px, qty) = held.replacement.take().unwrap();
        if self.below(2) == 0 {
            held.order.px = px;
            held.order.qty = Qty(qty.max(held.filled));
        }
        self.change(at, &before, held);
    }

    /// An order has changed; one of which nothing is left has ended.
    fn change(&mut self, at: usize, before: &OpenOrder, held: Placed) {
        self.naive.orders[at] = held;
        if held.left() == 0 {
            self.naive.orders.swap_remove(at);
        }
        let after = open_order(&held);
        if before.replacement.is_none() {
            self.fast
                .release_order(&before.order, before.leaves, after.leaves);
        } else {
            self.fast.change_order(before, &after);
        }
    }

    fn open_order(&mut self) -> Option<usize> {
        let open = self.naive.orders.len() as u64;
        (open > 0).then(|| self.below(open) as usize)
    }

    /// A venue says that an order ended, after it was asked to or not.
    pub(super) fn end_order(&mut self) {
        let Some(at) = self.open_order() else { return };
        let venue = self.naive.orders[at].order.venue;
        if self.below(2) == 0 {
            self.fast.count_cancel(venue, self.now);
            self.naive.cancel(venue, self.now);
        }
        let held = self.naive.orders.swap_remove(at);
        self.release_placed(&held);
    }

    /// Nothing of an order can be filled any more.
    pub(super) fn release_placed(&mut self, held: &Placed) {
        let before = open_order(held);
        let after = OpenOrder {
            leaves: Qty::ZERO,
            replacement: None,
            ..before
        };
        self.fast.change_order(&before, &after);
    }

    /// A venue fills a part of an order or all of it.
    pub(super) fn fill_order(&mut self) {
        let Some(at) = self.open_order() else { return };
        let held = self.naive.orders[at];
        let (order, left) = (held.order, held.left());
        let filled = self.pick(&[left, left, 1, left / 2]).clamp(1, left);
        let after = Placed {
            filled: held.filled + filled,
            ..held
        };
        self.change(at, &open_order(&held), after);
        let better = order.side.sign() * self.pick(&[0, 0, 3, 40]);
        self.booked(&NewVenueOrder {
            qty: Qty(filled),
            px: Px(order.px.0 - better),
            ..order
        });
    }

    /// A fill that nobody asked for.
    pub(super) fn stray_fill(&mut self) {
        if self.below(10) > 0 {
            return;
        }
        let order = self.draw_order();
        let venue = VenueId(order.venue.0 % VENUES);
        self.booked(&NewVenueOrder {
            venue,
            qty: Qty(order.qty.0 + 1),
            ..order
        });
        let halted = self
            .fast
            .halt_scope(Scope::Venue, u32::from(venue.0), Reason::UnknownOrder);
        assert_eq!(halted, self.naive.halt_venue(venue, Reason::UnknownOrder));
    }

    fn booked(&mut self, fill: &NewVenueOrder) {
        let asset = AssetId(self.below(ASSETS.into()) as u32);
        let fee = self.pick(&[0, 7_000, 100_000, -3_000]);
        let as_of = self.now - self.pick(&[0, 0, 5]);
        self.naive.order_filled(fill, (asset, fee), as_of, self.now);
        let (position, cash) = self.naive.booked(fill.instrument);
        self.fast.spend(fill, (asset, Amount::new(fee)), as_of);
        self.fast.booked(fill.instrument, Qty(position), cash, self.now);
    }

    pub(super) fn balance(&mut self) -> Result<(), String> {
        let venue = VenueId(self.below(VENUES.into()) as u16);
        let asset = AssetId(self.below(ASSETS.into()) as u32);
        let lots = self.pick(&[0, 20, 100, 1_000, 4_000]);
        let amount = match self.below(2) {
            0 => 10 * 10_000 * lots,
            _ => lots * LOT_UNITS[asset.index()],
        };
        let as_of = self.now - self.pick(&[0, 0, 0, 5]);
        let fast = self.fast.set_balance(venue, asset, Amount::new(amount), as_of);
        let naive = self.naive.balance(venue, asset, amount, as_of);
        self.same("balance", &fast, &naive)
    }
}
