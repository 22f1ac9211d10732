//! What the books say, and what follows from it.

use pinrail_matching::{
    Fees, Fill, LevelDelta, NewOrder, OrderDelta, OrderDeltaKind, Party, Report, Sink, Top, Uncross,
};
use pinrail_oms::{Accounts, ClientOrderSlot, ClientOrderState, ClientOrders, Held, Holdings, Positions};
use pinrail_risk::Risk;
use pinrail_types::record::{
    AuctionPrice, BookDef, BookLevelDelta, BookOrderDelta, ExecType, ExecutionReport, InternalTop,
    LastLiquidityInd, MdUpdateAction, OrdStatus, PartyKind, TradeCaptureReport, TradeSource,
};
use pinrail_types::{Amount, ClientId, InstrumentId, OutId, Px, Qty, Reason, Side};

use crate::out::Out;
use crate::rfq::{delivers, report_position, sides};
use crate::state::Traded;

/// Takes what the books say: it goes out, and credit, positions and fees follow.
pub(super) struct Effects<'a> {
    pub(super) out: &'a mut Out,
    pub(super) risk: &'a mut Risk,
    pub(super) positions: &'a mut Positions,
    pub(super) accounts: &'a mut Accounts,
    pub(super) traded: &'a [Option<Traded>],
    pub(super) orders: &'a mut ClientOrders,
    pub(super) holdings: &'a mut Holdings,
    pub(super) defs: &'a [Option<BookDef>],
    /// Why the desk cancels, where it was not the client who asked.
    pub(super) why: Reason,
    /// What could not be booked.
    pub(super) fault: Reason,
}

/// What every report on a client's order says, no fill in it.
pub(super) fn report_of(order: &ClientOrderState, exec_id: OutId) -> ExecutionReport {
    ExecutionReport {
        cl_ord_id: order.cl_ord_id,
        exec_id,
        order_id: order.order_id,
        client: order.client,
        instrument: order.instrument,
        last_px: Px::NONE,
        session: order.session,
        side: order.side.fix(),
        ..bytemuck::Zeroable::zeroed()
    }
}

/// Holds credit for an order as `held` says instead of as it was.
pub(super) fn hold(risk: &mut Risk, orders: &mut ClientOrders, slot: ClientOrderSlot, to: Held) {
    let ClientOrderState {
        client, instrument, ..
    } = *orders.get(slot);
    let (held, _) = orders.reservation(slot);
    let was = core::mem::replace(held, to);
    risk.hold_for_book(client, instrument, (was.px, was.qty), (to.px, to.qty));
}

/// A change did not come about: the order holds what it held before, or ends if it was not there.
pub(super) fn revert(risk: &mut Risk, orders: &mut ClientOrders, slot: ClientOrderSlot) {
    let (_, before) = orders.reservation(slot);
    let before = before.take().unwrap_or(Held::NOTHING);
    hold(risk, orders, slot, before);
    if before.qty == Qty::ZERO {
        orders.end(slot);
    }
}

impl Effects<'_> {
    /// So much is open of an order; one of which nothing is has ended.
    fn leave(&mut self, slot: ClientOrderSlot, leaves: Qty) {
        let px = self.orders.get(slot).held.px;
        self.stand(slot, px, leaves);
    }

    /// So much is left of an order. A quote whose turn to be changed has not come goes on holding what it will be; if that comes
    /// to nothing it holds what is left.
    fn shrink(&mut self, slot: ClientOrderSlot, leaves: Qty) {
        match self.orders.reservation(slot) {
            (_, Some(before)) => before.qty = leaves,
            (_, None) => self.leave(slot, leaves),
        }
    }

    /// An order is at another price, since it was to trade with nobody: what it could cost is another amount.
    fn repriced(&self, slot: ClientOrderSlot, px: Px) -> Px {
        let order = self.orders.get(slot);
        match order.side {
            Side::Buy => order.held.px.min(px),
            Side::Sell => order.held.px.max(px),
        }
    }

    fn stand(&mut self, slot: ClientOrderSlot, px: Px, leaves: Qty) {
        let (_, before) = self.orders.reservation(slot);
        *before = None;
        let to = Held { px, qty: leaves };
        hold(self.risk, self.orders, slot, to);
        if leaves == Qty::ZERO {
            self.orders.end(slot);
        }
    }

    fn fill_of(&mut self, fill: &Fill, party: &Party, side: Side, fee: i128, liquidity: LastLiquidityInd) {
        let slot = self.orders.of_book(party.order_id);
        let order = *self.orders.get(slot);
        assert!(
            (order.client, order.side, order.instrument) == (party.client, side, fill.instrument),
            "the book fills the order that it was given"
        );
        self.out.push(ExecutionReport {
            last_px: fill.px,
            last_qty: fill.qty,
            leaves_qty: party.leaves,
            cum_qty: party.cum,
            exec_type: ExecType::Trade.byte(),
            ord_status: party.ord_status().byte(),
            liquidity: liquidity.byte(),
            session: party.session,
            trade_id: fill.trade_id,
            qty: Qty(party.leaves.0 + party.cum.0),
            fee: Amount::new(fee),
            ..report_of(&order, self.out.next_id())
        });
        let traded = self.traded[fill.instrument.index()].as_ref();
        let notional = traded.and_then(|traded| traded.meta.notional(fill.px, fill.qty));
        let notional = notional.expect("the gate saw that it fits");
        let held = (order.held.px, fill.qty);
        self.risk.traded_in_book(
            (order.client, fill.instrument),
            held,
            notional,
            fee,
            self.out.now(),
        );
        self.holdings.trade(order.client, fill.instrument, side, fill.qty);
        self.shrink(slot, party.leaves);
    }

    /// Moves what the two sides of a trade deliver and pay between their accounts, and says so.
    fn book(&mut self, fill: &Fill, maker_fee: i128, taker_fee: i128) {
        let traded = self.traded[fill.instrument.index()].as_ref();
        let meta = &traded.expect("the book is open").meta;
        let (buyer, seller) = sides(fill.side, &fill.taker, &fill.maker);
        let (buyer_fee, seller_fee) = sides(fill.side, taker_fee, maker_fee);
        let notional = meta.notional(fill.px, fill.qty);
        let trade = TradeCaptureReport {
            trade_id: self.out.next_id(),
            buyer: buyer.client.0,
            seller: seller.client.0,
            buyer_kind: PartyKind::Client.byte(),
            seller_kind: PartyKind::Client.byte(),
            trade_source: TradeSource::Book.byte(),
            px: fill.px,
            qty: fill.qty,
            gross_trade_amt: notional.expect("the gate saw that it fits"),
            buyer_fee: Amount::new(buyer_fee),
            seller_fee: Amount::new(seller_fee),
            match_id: fill.trade_id,
            ts_event: self.out.now(),
            ..delivers(meta, fill.qty)
        };
        match self.accounts.check(&trade) {
            Ok(entries) => self.accounts.post(&entries),
            Err(reason) => self.fault = reason,
        }
        self.out.push(trade);
    }

    fn fees_of(&self, fill: &Fill) -> (i128, i128) {
        let at = fill.instrument.index();
        let def = self.defs[at].as_ref().expect("the book is open");
        let traded = self.traded[at].as_ref().expect("the book is open");
        let fees = fill.fees(&Fees {
            maker_e8: def.maker_fee_e8,
            taker_e8: def.taker_fee_e8,
            unit: traded.meta.tick_lot_units,
        });
        fees.expect("the gate saw that they fit")
    }
}

impl Effects<'_> {
    /// What the gate judged when a stop came is judged again: the market is elsewhere now.
    fn judge_trigger(&self, instrument: InstrumentId, order: &NewOrder) -> Result<(), Reason> {
        if self
            .risk
            .forbids_in_book(order.client, instrument, order.reduce_only)
        {
            return Err(Reason::Withdrawn);
        }
        let traded = self.traded.get(instrument.index()).and_then(Option::as_ref);
        let traded = traded.ok_or(Reason::UnknownInstrument)?;
        let ref_px = traded.venues.view(self.out.now())?.top()?.mid();
        let furthest = self.risk.collar_px(instrument, order.side, ref_px)?;
        let is_within = match order.side {
            Side::Buy => order.px <= furthest,
            Side::Sell => order.px >= furthest,
        };
        if is_within { Ok(()) } else { Err(Reason::Collar) }
    }
}

impl Sink for Effects<'_> {
    const LEVELS: bool = true;
    const ORDERS: bool = true;
    const TOPS: bool = true;

    fn report(&mut self, report: &Report) {
        let slot = self.orders.of_book(report.order_id);
        let order = *self.orders.get(slot);
        let is_asked = report.reason == Reason::CancelRequested && self.why != Reason::None;
        let reason = if is_asked { self.why } else { report.reason };
        self.out.push(ExecutionReport {
            leaves_qty: report.leaves,
            cum_qty: report.cum,
            reason: reason.code(),
            exec_type: report.exec_type.byte(),
            ord_status: report.ord_status.byte(),
            px: report.px,
            qty: report.qty,
            session: report.session,
            ..report_of(&order, self.out.next_id())
        });
        match (report.exec_type, report.reason) {
            (ExecType::Rejected, _) => revert(self.risk, self.orders, slot),
            (ExecType::New | ExecType::Replaced, _) => {
                let px = self.repriced(slot, report.px);
                self.stand(slot, px, report.leaves);
            }
            // A quote whose turn has come, too.
            (ExecType::Canceled, Reason::CancelRequested | Reason::PostOnly) => {
                self.leave(slot, report.leaves);
            }
            _ => self.shrink(slot, report.leaves),
        }
    }

    fn fill(&mut self, fill: &Fill) {
        let (maker_fee, taker_fee) = self.fees_of(fill);
        let (took, rested) = if fill.is_auction {
            (LastLiquidityInd::Auction, LastLiquidityInd::Auction)
        } else {
            (LastLiquidityInd::Removed, LastLiquidityInd::Added)
        };
        self.fill_of(fill, &fill.taker, fill.side, taker_fee, took);
        self.fill_of(fill, &fill.maker, fill.side.opposite(), maker_fee, rested);
        self.book(fill, maker_fee, taker_fee);
        let earned = maker_fee + taker_fee;
        if earned == 0 {
            return;
        }
        match self.positions.earn(fill.instrument, earned) {
            Ok(position) => {
                self.risk.earned(fill.instrument, position.cash.get());
                report_position(fill.instrument, &position, self.out);
            }
            Err(reason) => self.fault = reason,
        }
    }

    fn level(&mut self, delta: &LevelDelta) {
        self.out.push(BookLevelDelta {
            instrument: delta.instrument,
            side: delta.side.fix(),
            px: delta.px,
            qty: delta.qty,
            ..bytemuck::Zeroable::zeroed()
        });
    }

    fn order(&mut self, delta: &OrderDelta) {
        let action = match delta.kind {
            OrderDeltaKind::Add => MdUpdateAction::New,
            OrderDeltaKind::Change => MdUpdateAction::Change,
            OrderDeltaKind::Remove => MdUpdateAction::Delete,
        };
        self.out.push(BookOrderDelta {
            instrument: delta.instrument,
            side: delta.side.fix(),
            action: action.byte(),
            px: delta.px,
            qty: delta.qty,
            book_order_id: delta.order_id,
            ..bytemuck::Zeroable::zeroed()
        });
    }

    fn top(&mut self, instrument: InstrumentId, top: &Top) {
        self.out.push(InternalTop {
            instrument,
            bid_px: top.bid_px,
            bid_qty: top.bid_qty,
            offer_px: top.ask_px,
            offer_qty: top.ask_qty,
            ..bytemuck::Zeroable::zeroed()
        });
    }

    fn uncross(&mut self, instrument: InstrumentId, uncross: &Uncross) {
        self.out.push(AuctionPrice {
            instrument,
            px: uncross.px,
            qty: uncross.qty,
            surplus_qty: uncross.surplus,
            ..bytemuck::Zeroable::zeroed()
        });
    }

    fn may_trigger(&self, instrument: InstrumentId, order: &NewOrder) -> Reason {
        match self.judge_trigger(instrument, order) {
            Ok(()) => Reason::None,
            Err(reason) => reason,
        }
    }

    fn reducible(&self, instrument: InstrumentId, client: ClientId, side: Side) -> Qty {
        self.holdings.reducible(client, instrument, side)
    }
}

/// A refusal of what was to become an order.
pub(super) fn rejected(order: &ClientOrderState, reason: Reason, out: &mut Out) {
    out.push(ExecutionReport {
        order_id: OutId::NONE,
        reason: reason.code(),
        exec_type: ExecType::Rejected.byte(),
        ord_status: OrdStatus::Rejected.byte(),
        ..report_of(order, out.next_id())
    });
}
