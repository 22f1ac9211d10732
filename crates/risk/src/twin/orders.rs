//! Events of orders at venues, to both.

use pinrail_types::record::TimeInForce;
use pinrail_types::{NewVenueOrder, StrategyId, VenueId};

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
        let ref_px = &mut self.refs[order.instrument.index()];
        *ref_px += [-10, 0, 0, 0, 10][(self.draws.next_u64() % 5) as usize];
        let ref_px = *ref_px;
        let own = self.naive.orders.iter().map(|(held, _)| held).filter(|held| {
            let there = (held.venue, held.instrument) == (order.venue, order.instrument);
            there && held.side != order.side
        });
        let own = own.map(|held| held.px);
        let own_px = match order.side {
            Side::Buy => own.min(),
            Side::Sell => own.max(),
        };
        let market = OrderMarket {
            tick_multiple: 2,
            lot_multiple: 2,
            ref_px: if self.below(200) == 0 {
                Px::NONE
            } else {
                Px(ref_px)
            },
            mids: (Px(ref_px), Px(ref_px + self.pick(&[0, 0, 50, 51]))),
            own_px: own_px.unwrap_or(Px::NONE),
        };
        let fast = self
            .fast
            .admit_venue_order(&order, self.now)
            .and_then(|()| self.fast.check_venue_order(&order, market.lot_multiple))
            .and_then(|()| self.fast.reserve_order(&order, &market, self.now));
        let naive = self.naive.order(&order, &market, self.now);
        self.same(&format!("{order:?} {market:?}"), &fast, &naive)?;
        for (order, _) in &self.naive.orders {
            let (fast, naive) = (self.fast.forbids(order), self.naive.forbids(order));
            self.same(&format!("forbids {order:?}"), &Ok(fast), &Ok(naive))?;
        }
        Ok(())
    }

    fn open_order(&mut self) -> Option<usize> {
        let open = self.naive.orders.len() as u64;
        (open > 0).then(|| self.below(open) as usize)
    }

    /// A venue says that an order ended, after it was asked to or not.
    pub(super) fn end_order(&mut self) {
        let Some(at) = self.open_order() else { return };
        let venue = self.naive.orders[at].0.venue;
        if self.below(2) == 0 {
            self.fast.count_cancel(venue, self.now);
            self.naive.cancel(venue, self.now);
        }
        let (order, left) = self.naive.orders.swap_remove(at);
        self.fast.release_order(&order, left, Qty::ZERO);
    }

    /// A venue fills a part of an order or all of it.
    pub(super) fn fill_order(&mut self) {
        let Some(at) = self.open_order() else { return };
        let (order, left) = self.naive.orders[at];
        let filled = self.pick(&[left.0, left.0, 1, left.0 / 2]).clamp(1, left.0);
        let after = Qty(left.0 - filled);
        self.naive.orders[at].1 = after;
        if after == Qty::ZERO {
            self.naive.orders.swap_remove(at);
        }
        self.fast.release_order(&order, left, after);
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
