//! What a call looks at is bounded by its steps, and however it is cut the same comes of it.

#![allow(clippy::unwrap_used, reason = "tests")]

use pinrail_matching::twin::{Domain, Engine, Message, Said, Tape, Twin, Watched};
use pinrail_matching::{Bounds, MassCancel, Matcher, NewOrder, Phase, SelfTrade};
use pinrail_types::record::{ExecType, OrdType, TimeInForce};
use pinrail_types::state::{Load, Save};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, Side};

const I: InstrumentId = InstrumentId(0);
const ORDERS: u64 = 1_000;
/// Orders that a step looks at.
const LOOKS: usize = 64;

fn bounds(steps: usize) -> Bounds {
    Bounds {
        books: Domain::SMALL.books as usize,
        orders: 4_096,
        pages: 4_096,
        steps,
    }
}

fn watched<E: Engine>(steps: usize) -> Watched<E> {
    let mut it = Watched {
        engine: E::new(bounds(steps)),
        tape: Tape::default(),
    };
    Domain::SMALL.open(&mut it.engine);
    it.send(&Message::SetPhase(I, Phase::Continuous)).unwrap();
    it
}

fn offer(id: u64, qty: i64) -> NewOrder {
    NewOrder::limit(id, ClientId(1), Side::Sell, Px(100 + (id as i64) / 100), Qty(qty))
}

/// Calls that a message takes; the matcher is read back from its state between them.
fn calls(it: &mut Watched<Matcher>, steps: usize, message: &Message) -> usize {
    it.engine.send(message, &mut it.tape).unwrap();
    let mut calls = 1;
    while it.engine.is_busy() {
        let mut save = Save::default();
        it.engine.visit(&mut save).unwrap();
        it.engine = Matcher::new(bounds(steps));
        it.engine.visit(&mut Load::new(&save.words)).unwrap();
        it.engine.go_on(&mut it.tape);
        calls += 1;
    }
    it.engine.audit();
    calls
}

/// Sends both the same, the matcher in one call a step: how many calls that took, and what was said.
fn both(messages: &[Message]) -> (usize, Vec<Said>) {
    let (mut fast, mut plain) = (watched::<Matcher>(1), watched::<Twin>(1));
    let (last, before) = messages.split_last().unwrap();
    for message in before {
        fast.send(message).unwrap();
        plain.send(message).unwrap();
    }
    fast.tape.said.clear();
    plain.tape.said.clear();
    let calls = calls(&mut fast, 1, last);
    plain.send(last).unwrap();
    assert_eq!(fast.tape.said, plain.tape.said);
    (calls, plain.tape.said)
}

fn all_or_none(qty: i64, self_trade: SelfTrade) -> Message {
    let order = NewOrder {
        time_in_force: TimeInForce::FillOrKill,
        self_trade,
        ..NewOrder::limit(5_000, ClientId(2), Side::Buy, Px(200), Qty(qty))
    };
    Message::Submit(I, order)
}

#[test]
fn what_all_or_none_looks_at_is_cut_into_steps() {
    let mut messages: Vec<Message> = (0..ORDERS).map(|id| Message::Submit(I, offer(id, 1))).collect();
    messages.push(all_or_none(ORDERS as i64 + 1, SelfTrade::CancelNewest));
    let (calls, said) = both(&messages);
    assert_eq!(calls, ORDERS as usize / LOOKS + 1);
    let Some(Said::Report(report)) = said.last() else {
        panic!("it is told");
    };
    assert_eq!((said.len(), report.exec_type), (2, ExecType::Canceled));
    // One that finds enough trades all of it.
    messages.pop();
    messages.push(all_or_none(ORDERS as i64, SelfTrade::CancelNewest));
    let (_, said) = both(&messages);
    let trades = said.iter().filter(|said| matches!(said, Said::Fill(_)));
    assert_eq!(trades.count(), ORDERS as usize);
}

#[test]
fn stops_that_one_price_triggers_are_lined_up_in_steps() {
    let stop = |id: u64| NewOrder {
        ord_type: OrdType::Stop,
        time_in_force: TimeInForce::ImmediateOrCancel,
        stop_px: Px(100 + (id % 7) as i64),
        ..NewOrder::limit(id, ClientId(3), Side::Buy, Px(120), Qty(1))
    };
    let mut messages: Vec<Message> = (0..ORDERS).map(|id| Message::Submit(I, stop(id))).collect();
    messages.push(Message::SetReference(I, Px(90)));
    messages.push(Message::Submit(I, offer(2_000, 1)));
    let hit = NewOrder::limit(2_001, ClientId(4), Side::Buy, Px(120), Qty(1));
    messages.push(Message::Submit(I, hit));
    let (calls, said) = both(&messages);
    assert!(said.len() > ORDERS as usize);
    let (stops, lining_up) = (ORDERS as usize, ORDERS as usize / LOOKS);
    // The trade, and then each stop, which finds nothing.
    assert!(
        (stops + lining_up..stops + lining_up + 4).contains(&calls),
        "{calls}"
    );
}

#[test]
fn a_mass_cancel_looks_at_many_orders_in_a_step() {
    let mut messages: Vec<Message> = (0..ORDERS).map(|id| Message::Submit(I, offer(id, 1))).collect();
    let own = NewOrder::limit(3_000, ClientId(7), Side::Sell, Px(150), Qty(1));
    messages.push(Message::Submit(I, own));
    messages.push(Message::MassCancel(MassCancel {
        client: Some(ClientId(7)),
        ..MassCancel::default()
    }));
    let (calls, said) = both(&messages);
    assert_eq!(said.len(), 1);
    assert!(
        (ORDERS as usize / LOOKS..ORDERS as usize / LOOKS + 4).contains(&calls),
        "{calls}"
    );
}
