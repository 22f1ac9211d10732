//! A desk that routes a client's order over two venues, and hedges by itself.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use bytemuck::Zeroable;
use pinrail_engine::{Engine, Out, Owner};
use pinrail_types::record::{
    AgencyDef, ExecType, ExecutionReport, HandlInst, NewOrderSingle, OrdStatus, OrdType, OrderCancelReject,
    OrderCancelRequest, Scope, Tick, TimeInForce, TradeCaptureReport, TradingState, VenueOrder,
    VenueOrderReject, VenueReport,
};
use pinrail_types::{
    Amount, AssetId, ClientId, OutId, Px, Qty, Reason, Record, SessionId, StrategyId, Text, VenueId,
};

use crate::desk::strategies::{Hedgers, balances, hedgers, hedging};
use crate::desk::{Desk, INSTRUMENT};

/// A tick times a lot, in the smallest unit of the quote asset.
pub const UNIT: i128 = 10;
/// A thousandth.
pub const COMMISSION_E8: i32 = 100_000;
pub const RETRY_NS: u64 = 50;
pub const LIFE_NS: u64 = 500_000;
/// What a venue takes for a fill.
pub const FEE: i128 = 7;

pub struct Routed {
    pub desk: Desk<Hedgers>,
    pub parts: Vec<VenueOrder>,
    /// Reports that venues sent.
    pub execs: u32,
    pub outs: Vec<Out>,
}

pub fn offer() -> AgencyDef {
    AgencyDef {
        tries_max: 3,
        commission_e8: COMMISSION_E8,
        retry_ns: RETRY_NS,
        life_ns_max: LIFE_NS,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    }
}

/// Buys above zero, sells below, tried again for a while.
pub fn limit(name: &str, px: i64, qty: i64) -> NewOrderSingle {
    NewOrderSingle {
        cl_ord_id: Text::new(name).unwrap(),
        client: ClientId(0),
        instrument: INSTRUMENT,
        qty: Qty(qty.abs()),
        px: Px(px),
        side: if qty > 0 { b'1' } else { b'2' },
        ord_type: OrdType::Limit.byte(),
        session: SessionId(7),
        handl_inst: HandlInst::Automated.byte(),
        time_in_force: TimeInForce::GoodTillDate.byte(),
        expire_ts: u64::MAX,
        ..Zeroable::zeroed()
    }
}

pub fn at_once(name: &str, px: i64, qty: i64) -> NewOrderSingle {
    NewOrderSingle {
        time_in_force: TimeInForce::ImmediateOrCancel.byte(),
        expire_ts: 0,
        ..limit(name, px, qty)
    }
}

pub fn cancel(name: &str) -> OrderCancelRequest {
    OrderCancelRequest {
        cl_ord_id: Text::new("C").unwrap(),
        orig_cl_ord_id: Text::new(name).unwrap(),
        session: SessionId(7),
        ..Zeroable::zeroed()
    }
}

impl Routed {
    pub fn new() -> Routed {
        let mut desk = Desk::active_with(hedgers);
        for balance in balances() {
            desk.put(balance);
        }
        assert!(desk.put(hedging()).is_empty());
        assert!(desk.put(offer()).is_empty());
        Routed {
            desk,
            parts: Vec::new(),
            execs: 0,
            outs: Vec::new(),
        }
    }

    /// With an order that buys 700 and has 500 at one venue and 200 at the other.
    pub fn sent() -> Routed {
        let mut routed = Routed::new();
        routed.put(limit("A", 10_015, 700));
        assert_eq!(routed.sent_parts(), [(0, 10_010, 500), (1, 10_011, 200)]);
        routed
    }

    pub fn put<R: Record>(&mut self, record: R) -> Out {
        let out = self.desk.put(record);
        self.note(out)
    }

    fn note(&mut self, out: Out) -> Out {
        let parts = out.find::<VenueOrder>().collect::<Vec<_>>();
        assert!(
            parts.iter().all(|part| part.strategy == StrategyId::AGENCY),
            "nothing of a client's is hedged"
        );
        let rejects = out.find::<VenueOrderReject>().collect::<Vec<_>>();
        assert!(
            rejects.iter().all(|reject| reject.order_id.is_none()),
            "no strategy sees an order of a client's to cancel"
        );
        if !parts.is_empty() {
            self.parts = parts;
        }
        self.outs.push(out.clone());
        out
    }

    /// Lets time pass, with the books as they were, until nothing is left over.
    pub fn pass(&mut self, ns: u64) -> Vec<Out> {
        self.desk.now += ns;
        let mut outs = vec![self.put(Tick::zeroed())];
        outs.extend(self.drain());
        for venue in [VenueId(0), VenueId(1)] {
            let off = i64::from(venue.0);
            let out = self.desk.snapshot(
                venue,
                &[(9_990 - off, 500), (9_980 - off, 500)],
                &[(10_010 + off, 500), (10_020 + off, 500)],
            );
            outs.push(self.note(out));
        }
        outs.extend(self.drain());
        outs
    }

    pub fn set_state(&mut self, scope: Scope, target: u32, state: TradingState) -> Out {
        let out = self.desk.set_state(scope, target, state);
        self.note(out)
    }

    pub fn drain(&mut self) -> Vec<Out> {
        let mut outs = Vec::new();
        while self.desk.engine.wants_continue() {
            let out = self.desk.go_on();
            outs.push(self.note(out));
            assert!(outs.len() < 1_000, "there is always something left to do");
        }
        outs
    }

    pub fn sent_parts(&self) -> Vec<(u16, i64, i64)> {
        let parts = self.parts.iter();
        parts.map(|part| (part.venue.0, part.px.0, part.qty.0)).collect()
    }

    pub fn report(&mut self, part: usize, exec_type: ExecType, status: OrdStatus) -> VenueReport {
        self.execs += 1;
        let part = &self.parts[part];
        let mut open = self.desk.engine.open_orders();
        let held = open.find(|held| held.order_id == part.order_id);
        VenueReport {
            order_id: part.order_id,
            exec_id: exec_id(self.execs),
            instrument: part.instrument,
            venue: part.venue,
            side: part.side,
            exec_type: exec_type.byte(),
            ord_status: status.byte(),
            fee_asset: AssetId(1),
            cum_qty: held.map_or(Qty::ZERO, |held| held.cum_qty),
            ..Zeroable::zeroed()
        }
    }

    pub fn fill(&mut self, part: usize, qty: i64) -> Out {
        let px = self.parts[part].px.0;
        self.fill_at(part, qty, px)
    }

    pub fn fill_at(&mut self, part: usize, qty: i64, px: i64) -> Out {
        let report = VenueReport {
            last_px: Px(px),
            last_qty: Qty(qty),
            fee: Amount::new(FEE),
            ..self.report(part, ExecType::Trade, OrdStatus::PartiallyFilled)
        };
        self.put(report)
    }

    pub fn end(&mut self, part: usize) -> Out {
        let report = self.report(part, ExecType::Canceled, OrdStatus::Canceled);
        self.put(report)
    }

    pub fn bust(&mut self, of: u32, part: usize) -> Out {
        let report = VenueReport {
            exec_ref_id: exec_id(of),
            ..self.report(part, ExecType::TradeCancel, OrdStatus::New)
        };
        self.put(report)
    }

    /// The venue corrects the trade of its report `of`, for the same fee.
    pub fn correct(&mut self, of: u32, part: usize, qty: i64, px: i64) -> Out {
        let report = VenueReport {
            exec_ref_id: exec_id(of),
            last_px: Px(px),
            last_qty: Qty(qty),
            fee: Amount::new(FEE),
            ..self.report(part, ExecType::TradeCorrect, OrdStatus::PartiallyFilled)
        };
        self.put(report)
    }

    pub fn balance(&self, owner: Owner, asset: u32) -> i128 {
        self.desk.engine.balance(owner, AssetId(asset)).get()
    }

    /// What the client has of both assets.
    pub fn client(&self) -> (i128, i128) {
        let owner = Owner::Client(ClientId(0));
        (self.balance(owner, 0), self.balance(owner, 1))
    }

    /// What is held of the client's credit.
    pub fn held(&self) -> i128 {
        self.desk.engine.held_credit(ClientId(0)).get()
    }

    /// The house has nothing but fees; nothing is open, and nothing held.
    pub fn over(&mut self) {
        assert_eq!(self.desk.engine.open_orders().count(), 0);
        assert_eq!(self.desk.engine.parent_orders().count(), 0);
        assert_eq!(self.desk.engine.agency_orders().count(), 0);
        assert!(self.desk.engine.nothing_reserved());
        self.flat();
        self.reload();
    }

    pub fn flat(&self) {
        assert_eq!(self.desk.engine.position(INSTRUMENT).qty, Qty::ZERO);
        assert_eq!(self.balance(Owner::House, 0), 0);
    }

    /// The same engine from its own words.
    pub fn reload(&mut self) {
        let bounds = *self.desk.engine.bounds();
        let words = self.desk.engine.save();
        let hash = self.desk.engine.state_hash();
        self.desk.engine = Engine::load(bounds, hedgers(&bounds), &words).unwrap();
        assert_eq!(self.desk.engine.state_hash(), hash);
    }
}

pub fn exec_id(n: u32) -> Text<40> {
    Text::new(&format!("E{n}")).unwrap()
}

/// What so many lots at a price hold of a client's credit: what they are worth, and the commission of each, rounded up.
pub fn cost(px: i64, qty: i64) -> i128 {
    let lot = i128::from(px) * UNIT;
    (lot + commission(lot)) * i128::from(qty)
}

/// The commission on so much, rounded up.
pub fn commission(gross: i128) -> i128 {
    (gross * i128::from(COMMISSION_E8) + 99_999_999) / 100_000_000
}

/// What is told of an order: `ExecType` and `OrdStatus`, what is left, what was filled in all, and why.
pub fn told(out: &Out) -> Vec<(char, char, i64, i64, Reason)> {
    let reports = out.find::<ExecutionReport>();
    reports
        .map(|report| {
            (
                char::from(report.exec_type),
                char::from(report.ord_status),
                report.leaves_qty.0,
                report.cum_qty.0,
                Reason::from_code(report.reason).unwrap(),
            )
        })
        .collect()
}

/// The same of several inputs.
pub fn all_told(outs: &[Out]) -> Vec<(char, char, i64, i64, Reason)> {
    outs.iter().flat_map(told).collect()
}

/// Why an order was refused.
pub fn refused(out: &Out) -> Reason {
    let reports: Vec<ExecutionReport> = out.find().collect();
    assert_eq!(reports.len(), 1);
    assert_eq!((reports[0].exec_type, reports[0].order_id), (b'8', OutId::NONE));
    assert_eq!(out.find::<VenueOrder>().count(), 0);
    Reason::from_code(reports[0].reason).unwrap()
}

/// Why a cancel was refused; none if it was not.
pub fn cancel_refused(out: &Out) -> Reason {
    let reject = out.find::<OrderCancelReject>().next();
    reject.map_or(Reason::None, |reject| Reason::from_code(reject.reason).unwrap())
}

pub fn trades(out: &Out) -> Vec<TradeCaptureReport> {
    out.find().collect()
}

pub fn venue(part: &VenueOrder) -> VenueId {
    part.venue
}
