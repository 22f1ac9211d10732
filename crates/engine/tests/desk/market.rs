//! The small desk with a book of its own, and what clients send to that.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use bytemuck::Zeroable;
use pinrail_engine::Out;
use pinrail_types::record::{
    BookDef, BookLevel, ClientOrder, Continue, ExecType, ExecutionReport, LimitKind, LimitSet, MarketPhase,
    MarketPhaseSet, MassQuote, MassQuoteAck, OrdType, OrderCancelReject, OrderCancelReplaceRequest,
    OrderCancelRequest, Scope, TimeInForce, TradingState,
};
use pinrail_types::{Amount, ClientId, OutId, Px, Qty, Reason, Record, SessionId, Text};

use crate::desk::{Desk, INSTRUMENT};

/// A tick times a lot, in the smallest unit of the quote asset.
pub const UNIT: i128 = 10;

/// What so many lots at a price hold of a client's credit: what they are worth, and the taker's fee of each, rounded up.
pub fn cost(px: i64, qty: i64) -> i128 {
    let lot = i128::from(px) * UNIT;
    (lot + (lot + 9_999) / 10_000) * i128::from(qty)
}

/// A book with a rebate for who rests.
pub fn book_def() -> BookDef {
    BookDef {
        instrument: INSTRUMENT,
        maker_fee_e8: -5_000,
        taker_fee_e8: 10_000,
        px_ticks_step: 1,
        qty_lots_step: Qty(1),
        min_px: Px(0),
        max_px: Px(10_990),
        ..Zeroable::zeroed()
    }
}

/// Active, its own book open; the venues' middle is 10,000.
pub fn market() -> Desk {
    let mut desk = Desk::halted();
    desk.put(book_def());
    desk.set_state(Scope::Global, 0, TradingState::Active);
    desk.books();
    set_phase(&mut desk, MarketPhase::Continuous, 0);
    desk
}

pub fn set_phase(desk: &mut Desk, phase: MarketPhase, day_end_ts: u64) -> Vec<Out> {
    all(
        desk,
        MarketPhaseSet {
            instrument: INSTRUMENT,
            phase: phase.byte(),
            day_end_ts,
            actor: Text::new("tester").unwrap(),
            ..Zeroable::zeroed()
        },
    )
}

/// Buys above zero, sells below.
pub fn limit(name: &str, client: u32, px: i64, qty: i64) -> ClientOrder {
    ClientOrder {
        cl_ord_id: Text::new(name).unwrap(),
        client: ClientId(client),
        instrument: INSTRUMENT,
        qty: Qty(qty.abs()),
        px: Px(px),
        stop_px: Px::NONE,
        side: if qty > 0 { b'1' } else { b'2' },
        ord_type: OrdType::Limit.byte(),
        time_in_force: TimeInForce::GoodTillCancel.byte(),
        session: SessionId(client as u16),
        ..Zeroable::zeroed()
    }
}

pub fn cancel(name: &str, client: u32) -> OrderCancelRequest {
    OrderCancelRequest {
        cl_ord_id: Text::new("C").unwrap(),
        orig_cl_ord_id: Text::new(name).unwrap(),
        client: ClientId(client),
        ..Zeroable::zeroed()
    }
}

pub fn replace(name: &str, to: &str, client: u32, px: i64, qty: i64) -> OrderCancelReplaceRequest {
    OrderCancelReplaceRequest {
        cl_ord_id: Text::new(to).unwrap(),
        orig_cl_ord_id: Text::new(name).unwrap(),
        client: ClientId(client),
        px: Px(px),
        qty: Qty(qty),
        stop_px: Px::NONE,
        ..Zeroable::zeroed()
    }
}

pub fn quote(client: u32, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> MassQuote {
    let mut quote = MassQuote {
        quote_id: Text::new("Q").unwrap(),
        client: ClientId(client),
        instrument: INSTRUMENT,
        session: SessionId(client as u16),
        bids: bids.len() as u8,
        asks: asks.len() as u8,
        ..Zeroable::zeroed()
    };
    for (level, (px, qty)) in quote.levels.iter_mut().zip(bids.iter().chain(asks)) {
        *level = BookLevel {
            px: Px(*px),
            qty: Qty(*qty),
        };
    }
    quote
}

/// Feeds an input and goes on until nothing is left to do.
pub fn all<R: Record>(desk: &mut Desk, record: R) -> Vec<Out> {
    let mut outs = vec![desk.put(record)];
    for _ in 0..10_000 {
        if !desk.engine.wants_continue() {
            return outs;
        }
        outs.push(desk.put(Continue::zeroed()));
    }
    panic!("there is always something left to do");
}

/// The execution reports of an input and of what went on behind it.
pub fn reports<R: Record>(desk: &mut Desk, record: R) -> Vec<ExecutionReport> {
    let outs = all(desk, record);
    outs.iter()
        .flat_map(|out| out.find().collect::<Vec<_>>())
        .collect()
}

/// The id of the order that a client's order became, or why it became none.
pub fn give(desk: &mut Desk, order: ClientOrder) -> Result<OutId, Reason> {
    let reports = reports(desk, order);
    let first = reports.first().expect("an order is answered");
    match Reason::from_code(first.reason).unwrap() {
        Reason::None => {
            assert_eq!(first.exec_type, ExecType::New.byte());
            Ok(first.order_id)
        }
        reason => {
            assert_eq!((reports.len(), first.order_id), (1, OutId::NONE));
            Err(reason)
        }
    }
}

/// Why a cancel or a change was refused.
pub fn refusal<R: Record>(desk: &mut Desk, record: R) -> Reason {
    let outs = all(desk, record);
    let rejects: Vec<OrderCancelReject> = outs[0].find().collect();
    let refused = rejects
        .first()
        .map_or(Reason::None, |reject| Reason::from_code(reject.reason).unwrap());
    assert!(refused == Reason::None || outs[0].find::<ExecutionReport>().count() == 0);
    refused
}

/// Why a mass quote was refused as a whole.
pub fn quoted(out: &Out) -> Reason {
    let ack: MassQuoteAck = crate::desk::only(out);
    Reason::from_code(ack.reason).unwrap()
}

/// What the book holds: bids, offers and stops, with what is open of each.
pub fn resting(desk: &Desk) -> Vec<(u8, Px, Qty)> {
    let books = desk.engine.own_books();
    let sides = [pinrail_types::Side::Buy, pinrail_types::Side::Sell];
    let orders = sides.into_iter().flat_map(|side| {
        books
            .orders(INSTRUMENT, side)
            .chain(books.stops(INSTRUMENT, side))
    });
    orders
        .map(|order| (order.side.fix(), order.px, order.leaves))
        .collect()
}

/// Which reports came, by `ExecType`, whose they are, and how much of it is open or was filled.
pub fn told(reports: &[ExecutionReport]) -> Vec<(char, u32, i64)> {
    let one = |report: &ExecutionReport| {
        let is_fill = report.exec_type == ExecType::Trade.byte();
        let qty = if is_fill {
            report.last_qty
        } else {
            report.leaves_qty
        };
        (char::from(report.exec_type), report.client.0, qty.0)
    };
    reports.iter().map(one).collect()
}

/// What is held of a client's credit.
pub fn held(desk: &Desk, client: u32) -> i128 {
    desk.engine.held_credit(ClientId(client)).get()
}

/// Sets a limit, by two people.
pub fn set_limit(desk: &mut Desk, kind: LimitKind, target: u32, value: i128, window_ns: u64) {
    for actor in ["ann", "bob"] {
        all(
            desk,
            LimitSet {
                kind: kind.byte(),
                target,
                value: Amount::new(value),
                window_ns,
                actor: Text::new(actor).unwrap(),
                ..Zeroable::zeroed()
            },
        );
    }
}
