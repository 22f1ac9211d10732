//! What becomes of a package's quote that is taken: all legs are filled in one input, or none is.
//!
//! The strategy is told of each leg behind the reports, as many in one input as there is room for, the others in `Continue` inputs.

use pinrail_oms::life::{QuoteEvent, Said};
use pinrail_oms::{Hold, OpenQuote, Package, Position, Slot};
use pinrail_pricing::{ACTIONS_MAX, Fill, FillFrom, Pricer};
use pinrail_risk::Ask;
use pinrail_types::record::{
    LEGS_MAX, LastLookOutcome, LastLookReport, MultilegExecutionReport, MultilegReportingType, NO_LEG,
    NewOrderMultileg, NewOrderSingle, PACKAGE, TradeCaptureReport,
};
use pinrail_types::{Amount, AssetId, OutId, Px, Reason, Side};

use crate::control::{EXPIRES_PER_INPUT, RETURNS_PER_INPUT};
use crate::out::{OUT_LINES_MAX, Out};
use crate::rfq::{REFUSED, report_position, trade};
use crate::state::Engine;

/// What risk latches at most when all legs are filled: their instruments and the desk, twice each.
const LATCHES: usize = 2 * (LEGS_MAX + 1);
/// A fill: the report of the package, and of each leg the report, the trade, the position and its cost, and that the market is
/// not looked at behind it.
pub(crate) const FILL_LINES: usize = 3 + LEGS_MAX * (3 + 3 + 1 + 1 + 1) + LATCHES;
/// The same behind a last look.
const LOOK_LINES: usize = 3 * LEGS_MAX + FILL_LINES;
/// What a strategy leads to at most in one call, what is left out too.
pub(crate) const CALL_LINES: usize = 4 * ACTIONS_MAX + 2;
/// What is said behind an answer, beside fills that the strategy is told of.
pub(crate) const BEHIND_LINES: usize = 9;
/// Before an input is answered: limits that return, and what these latch.
const RETURNS_LINES: usize = 4 * RETURNS_PER_INPUT;
const _: () = {
    let looked = RETURNS_LINES + LOOK_LINES;
    assert!(
        looked + FILL_LINES + BEHIND_LINES <= OUT_LINES_MAX,
        "a package is looked at, another is filled"
    );
    let expired = RETURNS_LINES + EXPIRES_PER_INPUT + CALL_LINES;
    assert!(
        expired + FILL_LINES + BEHIND_LINES <= OUT_LINES_MAX,
        "quotes end and a strategy's time has come"
    );
};

/// The order as one in the place of an instrument, without its price.
fn order_of(given: &NewOrderMultileg) -> NewOrderSingle {
    NewOrderSingle {
        cl_ord_id: given.cl_ord_id,
        quote_id: given.quote_id,
        client: given.client,
        instrument: PACKAGE,
        qty: given.units,
        px: Px::NONE,
        side: given.side,
        ord_type: given.ord_type,
        session: given.session,
        ..bytemuck::Zeroable::zeroed()
    }
}

/// What the client does on each leg; places behind the last are not its.
fn asks_of(package: &Package, side: Side) -> [Ask; LEGS_MAX] {
    core::array::from_fn(|at| {
        let leg = package.legs().get(at).unwrap_or(&package.legs()[0]);
        Ask {
            client: package.client,
            instrument: leg.instrument,
            side: Some(leg.side_of(side)),
            qty: leg.qty,
        }
    })
}

/// The report on an order for a package that a step tells, no fill in it. What it would be paid in is not known before its quote is.
fn told(order: &NewOrderSingle, price_amt: Amount, said: Said, out: &Out) -> MultilegExecutionReport {
    let Said::Execution(exec_type, ord_status) = said else {
        unreachable!("what comes of an accept is told by an execution report");
    };
    MultilegExecutionReport {
        cl_ord_id: order.cl_ord_id,
        exec_id: out.next_id(),
        quote_id: order.quote_id,
        client: order.client,
        instrument: PACKAGE,
        asset: AssetId(u32::MAX),
        session: order.session,
        side: order.side,
        exec_type: exec_type.byte(),
        ord_status: ord_status.byte(),
        reporting_type: MultilegReportingType::Package.byte(),
        leg: NO_LEG,
        units: order.qty,
        last_px: Px::NONE,
        price_amt,
        ..bytemuck::Zeroable::zeroed()
    }
}

fn refused(given: &NewOrderMultileg, reason: Reason, out: &Out) -> MultilegExecutionReport {
    MultilegExecutionReport {
        reason: reason.code(),
        ..told(&order_of(given), given.price_amt, REFUSED, out)
    }
}

/// A leg that was booked.
#[derive(Clone, Copy)]
struct Booked {
    trade: TradeCaptureReport,
    position: Position,
}

impl<P: Pricer> Engine<P> {
    /// Fills or refuses an order for a package: exactly one report of the package. One that came before is answered with its last
    /// report and not judged again.
    #[inline(never)]
    pub(crate) fn on_new_multileg(&mut self, given: &NewOrderMultileg, out: &mut Out) {
        let order = order_of(given);
        if self.tell_again(&order, out) {
            return;
        }
        let admitted = self.admit_accept(&order, out.now());
        if let Err(reason) = admitted.and_then(|()| self.accept_package(given, &order, out)) {
            let report = refused(given, reason, out);
            if order.cl_ord_id.is_empty() || order.client.index() >= self.tiers.len() {
                out.push(report);
            } else {
                self.report_package(report, out);
            }
        }
    }

    fn report_package(&mut self, report: MultilegExecutionReport, out: &mut Out) {
        self.package_reports.note(&report);
        out.push(report);
    }

    fn accept_package(
        &mut self,
        given: &NewOrderMultileg,
        order: &NewOrderSingle,
        out: &mut Out,
    ) -> Result<(), Reason> {
        let side = Side::from_fix(order.side).ok_or(Reason::BadSide)?;
        let slot = self.takeable(order, out.now())?;
        let package = *self.packages.find(slot).ok_or(Reason::QuoteMismatch)?;
        if package.price(side) != Some(given.price_amt) || order.qty != self.quotes.get(slot).qty {
            return Err(Reason::QuoteMismatch);
        }
        let asks = asks_of(&package, side);
        self.risk
            .check_fills(&asks[..package.legs().len()], out.now())
            .map_err(|(_, reason)| reason)?;
        let look = self.last_looks[usize::from(self.tiers[order.client.index()])];
        if look.hold_ns > 0 {
            let (order_id, said) = self.put_on_hold(order, slot, look, out);
            let report = MultilegExecutionReport {
                order_id,
                asset: package.asset,
                ..told(order, given.price_amt, said, out)
            };
            self.report_package(report, out);
            return Ok(());
        }
        self.quotes.take(slot, QuoteEvent::Take);
        self.fill_package(order, side, slot, None, out);
        Ok(())
    }

    /// Books a package that was taken: all of its legs are filled, or it is refused if one of them can't be booked.
    fn fill_package(
        &mut self,
        order: &NewOrderSingle,
        side: Side,
        slot: Slot,
        held_as: Option<OutId>,
        out: &mut Out,
    ) {
        let package = *self.packages.find(slot).expect("a package was taken");
        let legs = package.legs().len();
        let booked = match self.book_package(order, &package, side, out) {
            Ok(booked) => booked,
            Err(reason) => return self.refuse_package(order, side, slot, held_as, reason, out),
        };
        for booked in &booked[..legs] {
            self.risk.use_credit(order.client, booked.trade.gross_trade_amt);
        }
        let (_, said) = self.quotes.end(slot, QuoteEvent::Fill, Reason::QuoteFilled);
        let package = self.packages.fill(slot, side);
        self.release_legs(&package);
        let asks = asks_of(&package, side);
        let filled = core::array::from_fn::<_, LEGS_MAX, _>(|at| {
            let position = &booked[at].position;
            (asks[at], position.qty, position.cash.get())
        });
        self.risk.filled_legs(&filled[..legs], out.now());
        self.report_fill(order, &package, side, said, held_as, &booked[..legs], out);
        self.report_latches(out);
    }

    /// Refuses a package that was taken.
    fn refuse_package(
        &mut self,
        order: &NewOrderSingle,
        side: Side,
        slot: Slot,
        held_as: Option<OutId>,
        reason: Reason,
        out: &mut Out,
    ) {
        let (quote, said) = self.quotes.end(slot, QuoteEvent::Reject, reason);
        let package = *self.packages.find(slot).expect("a package was taken");
        self.end_package(&quote, slot);
        let price = package.price(side).expect("it was taken at a price");
        let report = MultilegExecutionReport {
            order_id: held_as.unwrap_or(OutId::NONE),
            asset: package.asset,
            reason: reason.code(),
            ..told(order, price, said, out)
        };
        self.report_package(report, out);
    }

    /// Posts all legs to accounts and positions, or changes nothing; places behind the last leg repeat the first.
    fn book_package(
        &mut self,
        order: &NewOrderSingle,
        package: &Package,
        side: Side,
        out: &Out,
    ) -> Result<[Booked; LEGS_MAX], Reason> {
        let mut booked = [const { None }; LEGS_MAX];
        for (leg, booked) in package.legs().iter().zip(&mut booked) {
            let traded = self.traded[leg.instrument.index()].as_ref();
            let meta = &traded.ok_or(Reason::UnknownInstrument)?.meta;
            let (side, px) = (leg.side_of(side), leg.px(side));
            let notional = meta.notional(px, leg.qty).ok_or(Reason::Overflow)?;
            let alone = NewOrderSingle {
                instrument: leg.instrument,
                px,
                qty: leg.qty,
                side: side.fix(),
                ..*order
            };
            self.accounts.admit(order.client, meta.base)?;
            self.accounts.admit(order.client, meta.quote)?;
            let position = self.positions.check_fill(meta, side, leg.qty, px)?;
            let trade = trade(&alone, side, meta, notional, out);
            *booked = Some(Booked { trade, position });
        }
        let first = booked[0].expect("a package has legs");
        let booked = booked.map(|booked| booked.unwrap_or(first));
        let mut entries = [const { None }; LEGS_MAX];
        for (entries, booked) in entries.iter_mut().zip(&booked).take(package.legs().len()) {
            *entries = Some(self.accounts.check(&booked.trade)?);
        }
        for ((leg, booked), entries) in package.legs().iter().zip(&booked).zip(entries) {
            let traded = self.traded[leg.instrument.index()].as_ref();
            let meta = &traded.expect("it was looked up").meta;
            let (side, px) = (leg.side_of(side), leg.px(side));
            let filled = self.positions.fill(meta, side, leg.qty, px);
            assert!(
                filled == Ok(booked.position),
                "legs are in instruments of their own"
            );
            self.accounts.post(&entries.expect("every leg was checked"));
        }
        Ok(booked)
    }

    #[expect(clippy::too_many_arguments, reason = "all of a fill is told")]
    fn report_fill(
        &mut self,
        order: &NewOrderSingle,
        package: &Package,
        side: Side,
        said: Said,
        held_as: Option<OutId>,
        booked: &[Booked],
        out: &mut Out,
    ) {
        let paid = |at: usize| {
            let trade = &booked[at].trade;
            trade.gross_trade_amt.get() * i128::from(package.legs()[at].side_of(side).sign())
        };
        let price = package.price(side).expect("it was taken at a price");
        let whole = told(order, price, said, out);
        let order_id = held_as.unwrap_or(whole.exec_id);
        let whole = MultilegExecutionReport {
            order_id,
            asset: package.asset,
            legs: booked.len() as u8,
            net_amt: Amount::new((0..booked.len()).map(paid).sum()),
            ..whole
        };
        self.report_package(whole, out);
        for (at, (leg, booked)) in package.legs().iter().zip(booked).enumerate() {
            let exec_id = out.next_id();
            out.push(MultilegExecutionReport {
                exec_id,
                instrument: leg.instrument,
                side: leg.side_of(side).fix(),
                reporting_type: MultilegReportingType::Leg.byte(),
                leg: at as u8,
                legs: 0,
                last_px: leg.px(side),
                last_qty: leg.qty,
                net_amt: Amount::new(paid(at)),
                ..whole
            });
            let trade = TradeCaptureReport {
                trade_id: exec_id,
                ..booked.trade
            };
            out.push(trade);
            report_position(leg.instrument, &booked.position, out);
            self.note_fill(&trade, order.client, leg.side_of(side), out);
        }
    }

    /// Tells the strategy of legs that were filled, as far as there is room for what it may do.
    #[inline]
    pub(crate) fn tell_fills(&mut self, out: &mut Out) {
        if self.packages.has_untold() {
            self.tell_some(out);
        }
    }

    #[cold]
    fn tell_some(&mut self, out: &mut Out) {
        while out.lines_left() >= CALL_LINES + BEHIND_LINES {
            let Some(leg) = self.packages.tell_next() else {
                return;
            };
            let fill = Fill {
                from: FillFrom::Client(leg.client),
                instrument: leg.instrument,
                side: leg.side.opposite(),
                px: leg.px,
                qty: leg.qty,
            };
            self.on_fill(&fill, out);
        }
    }

    /// Looks once more at a package whose hold is over, at each leg by itself: the price of a spread may be near zero, and no
    /// fraction of it says how far the market moved. It is filled, or refused if any leg is.
    #[cold]
    pub(crate) fn look_again_at_package(&mut self, slot: Slot, hold: &Hold, out: &mut Out) {
        let order = &hold.order;
        let side = Side::from_fix(order.side).expect("it was checked when it was taken");
        let package = *self.packages.find(slot).expect("a package is held");
        let legs = package.legs().len();
        let asks = asks_of(&package, side);
        let mut looked = [(Px::NONE, Reason::None); LEGS_MAX];
        match self.risk.check_fills(&asks[..legs], out.now()) {
            Ok(()) => {
                for (at, looked) in looked[..legs].iter_mut().enumerate() {
                    *looked = self.look_at_leg(&package, at, side, slot, hold, out.now());
                }
            }
            Err((at, reason)) => looked[at].1 = reason,
        }
        let reasons = looked.iter().map(|(_, reason)| *reason);
        let reason = reasons.into_iter().find(|reason| *reason != Reason::None);
        let outcome = match reason {
            None => LastLookOutcome::Accepted,
            Some(_) => LastLookOutcome::Rejected,
        };
        for (leg, (check_px, reason)) in package.legs().iter().zip(looked) {
            out.push(LastLookReport {
                quote_id: order.quote_id,
                order_id: hold.order_id,
                cl_ord_id: order.cl_ord_id,
                client: order.client,
                instrument: leg.instrument,
                quoted_px: leg.px(side),
                check_px,
                tolerance_e8: hold.tolerance_e8,
                hold_ns: hold.hold_ns,
                held_ns: out.now() - hold.taken_at,
                reason: reason.code(),
                side: leg.side_of(side).fix(),
                one_sided: u8::from(hold.is_one_sided),
                outcome: outcome.byte(),
                ..bytemuck::Zeroable::zeroed()
            });
        }
        if let Some(reason) = reason {
            return self.refuse_package(order, side, slot, Some(hold.order_id), reason, out);
        }
        self.quotes.take(slot, QuoteEvent::Take);
        self.fill_package(order, side, slot, Some(hold.order_id), out);
    }

    /// The price that is made now for a leg, and why the leg is refused if it is.
    fn look_at_leg(
        &mut self,
        package: &Package,
        at: usize,
        side: Side,
        slot: Slot,
        hold: &Hold,
        now: u64,
    ) -> (Px, Reason) {
        let leg = &package.legs()[at];
        let quote = OpenQuote {
            instrument: leg.instrument,
            qty: leg.qty,
            ..*self.quotes.get(slot)
        };
        let hold = Hold {
            order: NewOrderSingle {
                px: leg.px(side),
                ..hold.order
            },
            ..*hold
        };
        let (px, checked) = self.check_price(&hold, &quote, leg.side_of(side), now);
        (px, checked.err().unwrap_or(Reason::None))
    }
}
