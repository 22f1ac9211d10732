//! A desk with a puppet, a venue that says what it is told to, and one order.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use bytemuck::Zeroable;
use pinrail_engine::{Engine, Out, Owner};
use pinrail_oms::life::OrderState;
use pinrail_types::record::{
    CxlRejResponseTo, ExecType, InputReject, OrdStatus, StateChange, VenueOrder, VenueOrderCancel,
    VenueOrderReject, VenueOrderReplace, VenueReport,
};
use pinrail_types::{
    Amount, AssetId, NewVenueOrder, OpenOrder, OutId, Px, Qty, Reason, Record, Side, Text, VenueId,
};

use crate::desk::strategies::{Puppets, balances, order, puppets, tell, tell_cancel, tell_replace};
use crate::desk::{Desk, INSTRUMENT, only};

/// What the order is for, and at which price.
pub const QTY: i64 = 100;
pub const PX: i64 = 9_995;
/// What a fill in part is for.
pub const PART: i64 = 10;
/// What the venue takes for a fill.
pub const FEE: i64 = 7;

pub struct Traders {
    pub desk: Desk<Puppets>,
    pub order: VenueOrder,
    pub replace_id: OutId,
    /// Reports that the venue sent.
    pub execs: u32,
    pub outs: Vec<Out>,
}

impl Traders {
    /// A desk whose only order buys [`QTY`] at [`PX`] and has no answer yet.
    pub fn sent() -> Traders {
        Traders::sent_as(&order(Side::Buy, PX, QTY))
    }

    pub fn sent_as(order: &NewVenueOrder) -> Traders {
        let mut desk = Desk::active_with(puppets);
        for balance in balances() {
            desk.put(balance);
        }
        desk.put(tell(order));
        let out = call(&mut desk);
        Traders {
            desk,
            order: only(&out),
            replace_id: OutId::NONE,
            execs: 0,
            outs: vec![out],
        }
    }

    pub fn report(&mut self, exec_type: ExecType, ord_status: OrdStatus) -> VenueReport {
        self.execs += 1;
        VenueReport {
            order_id: self.order.order_id,
            exec_id: id(self.execs),
            instrument: self.order.instrument,
            venue: self.order.venue,
            side: self.order.side,
            exec_type: exec_type.byte(),
            ord_status: ord_status.byte(),
            fee_asset: AssetId(1),
            cum_qty: self.held().map_or(Qty::ZERO, |held| held.cum_qty),
            ..Zeroable::zeroed()
        }
    }

    pub fn put(&mut self, report: VenueReport) -> Out {
        let out = self.desk.put(report);
        self.outs.push(out.clone());
        out
    }

    pub fn confirm(&mut self) -> Out {
        let report = self.report(ExecType::New, OrdStatus::New);
        self.put(report)
    }

    /// A fill at the order's price.
    pub fn fill(&mut self, qty: i64) -> Out {
        self.fill_at(qty, self.order.px.0)
    }

    pub fn fill_at(&mut self, qty: i64, px: i64) -> Out {
        let report = self.fill_report(qty, px);
        self.put(report)
    }

    pub fn fill_report(&mut self, qty: i64, px: i64) -> VenueReport {
        VenueReport {
            last_px: Px(px),
            last_qty: Qty(qty),
            fee: Amount::new(FEE.into()),
            ..self.report(ExecType::Trade, OrdStatus::PartiallyFilled)
        }
    }

    pub fn end(&mut self, exec_type: ExecType) -> Out {
        let report = self.report(exec_type, OrdStatus::Canceled);
        self.put(report)
    }

    /// The strategy asks for a cancel.
    pub fn ask_cancel(&mut self) -> Out {
        self.desk.put(tell_cancel(self.order.order_id));
        let out = call(&mut self.desk);
        self.outs.push(out.clone());
        out
    }

    /// The strategy asks for another price, and another quantity in all.
    pub fn ask_replace(&mut self, px: i64, qty: i64) -> Result<VenueOrderReplace, Reason> {
        self.desk.put(tell_replace(self.order.order_id, px, qty));
        let out = call(&mut self.desk);
        self.outs.push(out.clone());
        let replaces: Vec<VenueOrderReplace> = out.find().collect();
        let rejects: Vec<VenueOrderReject> = out.find().collect();
        match (&replaces[..], &rejects[..]) {
            ([replace], []) => {
                self.replace_id = replace.replace_id;
                Ok(*replace)
            }
            ([], [reject]) => Err(Reason::from_code(reject.reason).unwrap()),
            _ => panic!("{:?}", out.types().collect::<Vec<_>>()),
        }
    }

    pub fn replaced(&mut self) -> Out {
        let report = VenueReport {
            replace_id: self.replace_id,
            ..self.report(ExecType::Replaced, OrdStatus::New)
        };
        self.put(report)
    }

    pub fn refuse(&mut self, response_to: CxlRejResponseTo) -> Out {
        let report = VenueReport {
            replace_id: self.replace_id,
            response_to: response_to.byte(),
            ..self.report(ExecType::OrderStatus, OrdStatus::New)
        };
        self.put(report)
    }

    /// The venue takes back the trade of its report `of`, and says that so much is left.
    pub fn bust(&mut self, of: u32, leaves: i64) -> Out {
        let report = VenueReport {
            exec_ref_id: id(of),
            leaves_qty: Qty(leaves),
            ..self.report(ExecType::TradeCancel, OrdStatus::New)
        };
        self.put(report)
    }

    /// The venue corrects the trade of its report `of`, for the same fee.
    pub fn correct(&mut self, of: u32, qty: i64, px: i64, leaves: i64) -> Out {
        let report = VenueReport {
            exec_ref_id: id(of),
            last_px: Px(px),
            last_qty: Qty(qty),
            fee: Amount::new(FEE.into()),
            leaves_qty: Qty(leaves),
            ..self.report(ExecType::TradeCorrect, OrdStatus::PartiallyFilled)
        };
        self.put(report)
    }

    /// A new epoch of the same engine.
    pub fn restart(&mut self, epoch: u32) {
        let start = self.desk.engine.bounds().epoch_start(epoch);
        let out = self.desk.put(start);
        self.outs.push(out);
    }

    /// The same engine from its own words.
    pub fn reload(&mut self) {
        let bounds = *self.desk.engine.bounds();
        let words = self.desk.engine.save();
        self.desk.engine = Engine::load(bounds, puppets(&bounds), &words).unwrap();
    }

    /// Does what is left over, and gives back the cancels that came of it.
    pub fn drain(&mut self) -> Vec<VenueOrderCancel> {
        let mut cancels = Vec::new();
        while self.desk.engine.wants_continue() {
            let out = self.desk.go_on();
            cancels.extend(out.find::<VenueOrderCancel>());
            self.outs.push(out);
        }
        cancels
    }

    pub fn held(&self) -> Option<OpenOrder> {
        let mut open = self.desk.engine.open_orders();
        open.find(|held| held.order_id == self.order.order_id).copied()
    }

    pub fn state(&self) -> OrderState {
        self.desk.engine.order_state(self.order.order_id).unwrap()
    }

    /// Lots that the house has, and lots that it would buy if all that is open were filled.
    pub fn lots(&self) -> (i64, i64) {
        let position = self.desk.engine.position(INSTRUMENT).qty.0;
        (position, self.desk.engine.open_lots(INSTRUMENT).0.0)
    }

    /// What the house and the venue have of both assets, fees apart: as if so many lots had been bought for so much.
    pub fn check_books(&self, lots: i64, paid_ticks: i64, fills: i64) {
        let engine = &self.desk.engine;
        let balance = |owner, asset| engine.balance(owner, AssetId(asset)).get();
        let venue = Owner::Venue(self.order.venue);
        let (base, quote) = (i128::from(lots) * 1_000, i128::from(paid_ticks) * 10);
        let fees = i128::from(fills * FEE);
        let position = engine.position(INSTRUMENT);
        assert_eq!(position.qty, Qty(lots));
        assert_eq!(
            (position.cash.get(), position.fees.get()),
            (-quote - fees, fees),
            "cash and fees"
        );
        let held = [Owner::House, Owner::Fees, venue].map(|owner| (balance(owner, 0), balance(owner, 1)));
        assert_eq!(held, [(base, -quote), (0, -fees), (-base, quote + fees)]);
    }
}

pub fn id(n: u32) -> Text<40> {
    Text::new(&format!("E{n}")).unwrap()
}

/// An update of a book that changes nothing much, for the strategy to be called.
pub fn call(desk: &mut Desk<Puppets>) -> Out {
    desk.snapshot(
        VenueId(0),
        &[(9_990, 500), (9_980, 500)],
        &[(10_010, 500), (10_020, 500)],
    )
}

pub fn rejected(out: &Out) -> Reason {
    Reason::from_code(only::<InputReject>(out).reason).unwrap()
}

/// Why something was halted; none if nothing was.
pub fn halted(out: &Out) -> Option<Reason> {
    let change = out.find::<StateChange>().next()?;
    Reason::from_code(change.reason)
}

/// How often something came out.
pub fn count<R: Record>(out: &Out) -> usize {
    out.find::<R>().count()
}

/// Confirmed by its venue.
pub fn confirmed() -> Traders {
    let mut traders = Traders::sent();
    assert!(traders.confirm().is_empty());
    traders
}

/// Nothing is open and nothing reserved, and the house has that.
pub fn over(traders: &Traders, state: OrderState, lots: i64) {
    assert_eq!((traders.state(), traders.lots()), (state, (lots, 0)));
    assert!(traders.desk.engine.nothing_reserved());
}
