//! An order can be cancelled in the midst of long work, wherever it is, and the work goes on without it.

#![allow(clippy::unwrap_used, reason = "tests")]

use pinrail_matching::twin::{Domain, Engine, Message, Said, Tape, Watched};
use pinrail_matching::{Bounds, Matcher, NewOrder, OrderDeltaKind, Phase};
use pinrail_types::record::{ExecType, OrdType, TimeInForce};
use pinrail_types::state::{Load, Save};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, Reason, Side};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

const DOMAIN: Domain = Domain::SMALL;
const BOUNDS: Bounds = Bounds {
    books: DOMAIN.books as usize,
    orders: 40,
    pages: 4096,
    steps: 1,
};
const I: InstrumentId = InstrumentId(0);

fn watched() -> Watched<Matcher> {
    let mut watched = Watched {
        engine: Matcher::new(BOUNDS),
        tape: Tape::default(),
    };
    DOMAIN.open(&mut watched.engine);
    watched
}

/// Whatever is under way: an order that was said to be open can be withdrawn, and nothing is heard of it any more; the tape
/// panics at a report or a trade of an order that is not open.
#[test]
fn whatever_is_under_way_an_open_order_can_be_withdrawn() {
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(3);
    let (mut it, mut now, mut midway, mut rejected) = (watched(), 1, 0, 0);
    for _ in 0..60_000 {
        let mut bytes = [0; Domain::MESSAGE_BYTES];
        draws.fill_bytes(&mut bytes);
        let message = DOMAIN.message(now, &bytes);
        if let Message::Advance(ts) = message {
            now = ts;
        }
        let _ = it.engine.send(&message, &mut it.tape);
        while it.engine.is_busy() {
            if draws.next_u32().is_multiple_of(2) {
                let order_id = u64::from(draws.next_u32()) % (DOMAIN.ids + 1);
                let was_open = it.tape.ledger.open_ids().any(|id| id == order_id);
                let was_told = it.tape.said.len();
                let done = it.engine.withdraw(order_id, &mut it.tape);
                let new_quote = matches!(
                    it.tape.said[was_told..],
                    [Said::Report(report)] if report.exec_type == ExecType::Rejected
                );
                assert_eq!(done.is_ok(), was_open || new_quote, "{order_id} of {message:?}");
                assert!(it.tape.ledger.open_ids().all(|id| id != order_id));
                assert_eq!(
                    it.engine.withdraw(order_id, &mut it.tape),
                    Err(Reason::UnknownOrder)
                );
                midway += usize::from(was_open);
                rejected += usize::from(new_quote);
            }
            if draws.next_u32().is_multiple_of(8) {
                let mut save = Save::default();
                it.engine.visit(&mut save).unwrap();
                it.engine = Matcher::new(BOUNDS);
                it.engine.visit(&mut Load::new(&save.words)).unwrap();
            }
            it.engine.go_on(&mut it.tape);
        }
        it.engine.audit();
        for book in 0..DOMAIN.books {
            it.check(InstrumentId(book));
        }
        let open = it.tape.ledger.open_ids().count();
        assert_eq!(open, it.engine.open_orders());
        it.tape.said.clear();
    }
    assert!(midway > 1_000 && rejected > 0, "{midway} {rejected}");
}

fn sweep(it: &mut Watched<Matcher>) {
    let client = ClientId(9);
    it.send(&Message::SetPhase(I, Phase::Continuous)).unwrap();
    for id in 1..=4 {
        let offer = NewOrder::limit(id, ClientId(1), Side::Sell, Px(100), Qty(1));
        it.send(&Message::Submit(I, offer)).unwrap();
    }
    let buy = NewOrder::limit(10, client, Side::Buy, Px(100), Qty(4));
    it.engine.submit(I, &buy, &mut it.tape).unwrap();
    assert!(it.engine.is_busy());
}

#[test]
fn what_is_left_of_a_sweep_trades_no_more() {
    let mut it = watched();
    sweep(&mut it);
    it.engine.withdraw(10, &mut it.tape).unwrap();
    let Some(Said::Report(last)) = it.tape.said.last() else {
        panic!("it is told");
    };
    assert_eq!(
        (last.exec_type, last.cum, last.leaves),
        (ExecType::Canceled, Qty(1), Qty::ZERO)
    );
    while it.engine.is_busy() {
        it.engine.go_on(&mut it.tape);
    }
    assert_eq!(it.engine.len(), 3);
}

#[test]
fn a_triggered_stop_that_has_not_come_yet_is_withdrawn() {
    for withdrawn in 20..23 {
        let mut it = watched();
        it.send(&Message::SetPhase(I, Phase::Continuous)).unwrap();
        for id in 20..23 {
            let stop = NewOrder {
                ord_type: OrdType::Stop,
                time_in_force: TimeInForce::ImmediateOrCancel,
                stop_px: Px(100),
                ..NewOrder::limit(id, ClientId(2), Side::Buy, Px(120), Qty(1))
            };
            it.send(&Message::Submit(I, stop)).unwrap();
        }
        sweep_one(&mut it);
        // The look has lined them up by now.
        it.engine.go_on(&mut it.tape);
        it.engine
            .withdraw(withdrawn, &mut it.tape)
            .unwrap_or_else(|reason| {
                assert_eq!(
                    (withdrawn, reason),
                    (20, Reason::UnknownOrder),
                    "the first has come already"
                );
            });
        while it.engine.is_busy() {
            it.engine.go_on(&mut it.tape);
        }
        assert!(it.engine.is_empty());
        it.engine.audit();
        let deltas = &it.tape.deltas;
        assert!(deltas.iter().all(|delta| delta.kind != OrderDeltaKind::Change));
    }
}

fn sweep_one(it: &mut Watched<Matcher>) {
    let offer = NewOrder::limit(1, ClientId(1), Side::Sell, Px(100), Qty(1));
    it.send(&Message::Submit(I, offer)).unwrap();
    let buy = NewOrder::limit(2, ClientId(9), Side::Buy, Px(100), Qty(1));
    it.engine.submit(I, &buy, &mut it.tape).unwrap();
}
