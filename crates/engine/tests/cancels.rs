//! What clients take back, sessions that are gone, and messages that come twice.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod subscribers;

use bytemuck::Zeroable;
use desk::{Desk, answer, filled, only};
use pinrail_engine::{Engine, Out};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    ExecutionReport, InputReject, LimitKind, LimitSet, PositionReport, Quote, QuoteCancel, QuoteCancelType,
    QuoteRequestReject, QuoteStatus, QuoteStatusReport, Scope, SessionEvent, SessionEventKind, StreamState,
    TradingState,
};
use pinrail_types::{Amount, ClientId, Flags, OutId, Qty, Reason, SessionId, Text};
use subscribers::{drained, ended, subscribe};

fn cancel(cancel_type: QuoteCancelType, client: u32) -> QuoteCancel {
    QuoteCancel {
        client: ClientId(client),
        cancel_type: cancel_type.byte(),
        ..Zeroable::zeroed()
    }
}

fn session(desk: &mut Desk, number: u16, kind: SessionEventKind) -> Out {
    desk.put(SessionEvent {
        session: SessionId(number),
        kind: kind.byte(),
        ..Zeroable::zeroed()
    })
}

fn refusal(out: &Out) -> Reason {
    Reason::from_code(only::<InputReject>(out).reason).unwrap()
}

#[test]
fn a_client_cancels_one_quote_by_its_id_or_by_its_request() {
    let mut desk = Desk::active();
    for by_request in [false, true] {
        let quote = desk.ask(0, b'1', 100).unwrap();
        let mut cancel = cancel(QuoteCancelType::Specified, 0);
        if by_request {
            cancel.quote_req_id = quote.quote_req_id;
        } else {
            cancel.quote_id = quote.quote_id;
        }
        let mut foreign = cancel;
        foreign.client = ClientId(1);
        assert_eq!(refusal(&desk.put(foreign)), Reason::UnknownQuote);
        let report: QuoteStatusReport = only(&desk.put(cancel));
        assert_eq!(
            (report.quote_id, report.status, report.reason),
            (
                quote.quote_id,
                QuoteStatus::Canceled.byte(),
                Reason::CancelRequested.code()
            )
        );
        let again = if by_request {
            Reason::UnknownQuote
        } else {
            Reason::CancelRequested
        };
        assert_eq!(refusal(&desk.put(cancel)), again);
        let taken = desk.put(Desk::order(&quote, b'1'));
        assert_eq!(filled(&taken).map(drop), Err(Reason::CancelRequested));
    }
    let mut unknown = cancel(QuoteCancelType::Specified, 0);
    unknown.quote_id = OutId {
        seq: 1,
        epoch: 1,
        sub: 0,
    };
    assert_eq!(refusal(&desk.put(unknown)), Reason::UnknownQuote);
    unknown.cancel_type = 1;
    assert_eq!(refusal(&desk.put(unknown)), Reason::BadField);
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_stream_is_cancelled_by_its_request() {
    let mut desk = Desk::active();
    let (request, quote) = subscribe(&mut desk, 0, b'1', 100);
    let mut cancel = cancel(QuoteCancelType::Specified, 0);
    cancel.quote_req_id = request.quote_req_id;
    let out = desk.put(cancel);
    let told: QuoteRequestReject = only(&out);
    assert_eq!(told.stream, StreamState::Ended.byte());
    assert_eq!(ended(&[out]), [(quote.quote_id, Reason::CancelRequested)]);
    assert_eq!((desk.engine.streams(), desk.engine.open_quotes()), (0, 0));
}

#[test]
fn a_client_cancels_all_that_it_asked_for_in_bounded_parts_and_nobody_elses() {
    let mut desk = Desk::active();
    let mine: Vec<Quote> = (0..50).map(|_| desk.ask(0, b'1', 1).unwrap()).collect();
    let (_, stream) = subscribe(&mut desk, 0, b'2', 10);
    let theirs = desk.ask(1, b'1', 1).unwrap();
    let mut outs = vec![desk.put(cancel(QuoteCancelType::All, 0))];
    assert!(desk.engine.wants_continue(), "a part at a time");
    let last = desk.put(Desk::order(&mine[49], b'1'));
    assert_eq!(
        filled(&last).map(drop),
        Err(Reason::MassCancel),
        "before its turn came"
    );
    let newer = desk.ask(0, b'1', 1).unwrap();
    outs.extend(drained(&mut desk));
    let ended = ended(&outs);
    assert_eq!(ended.len(), 51);
    assert!(ended.iter().all(|(_, reason)| *reason == Reason::MassCancel));
    assert!(ended.iter().any(|(id, _)| *id == stream.quote_id));
    assert_eq!((desk.engine.streams(), desk.engine.open_quotes()), (0, 2));
    for quote in [theirs, newer] {
        assert!(filled(&desk.put(Desk::order(&quote, b'1'))).is_ok());
    }
    let unknown = desk.put(cancel(QuoteCancelType::All, 9));
    assert_eq!(refusal(&unknown), Reason::UnknownClient);
}

#[test]
fn a_session_that_drops_loses_its_quotes_and_streams_and_asks_again_when_it_is_back() {
    let mut desk = Desk::active();
    let mine: Vec<Quote> = (0..40).map(|_| desk.ask(0, b'1', 1).unwrap()).collect();
    subscribe(&mut desk, 1, b'2', 10);
    let mut request = desk.request(0, b'1', 1);
    request.session = SessionId(3);
    let other = answer(&desk.put(request)).unwrap();
    let mut outs = vec![session(&mut desk, 9, SessionEventKind::Gone)];
    let taken = desk.put(Desk::order(&mine[39], b'1'));
    assert_eq!(filled(&taken).map(drop), Err(Reason::SessionGone));
    outs.extend(drained(&mut desk));
    let ended = ended(&outs);
    assert_eq!(ended.len(), 41);
    assert!(ended.iter().all(|(_, reason)| *reason == Reason::SessionGone));
    assert_eq!((desk.engine.streams(), desk.engine.open_quotes()), (0, 1));
    assert_eq!(desk.ask(0, b'1', 1).unwrap_err(), Reason::SessionGone);
    let mut late = Desk::order(&other, b'1');
    late.session = SessionId(9);
    assert_eq!(filled(&desk.put(late)).map(drop), Err(Reason::SessionGone));
    assert!(filled(&desk.put(Desk::order(&other, b'1'))).is_ok());
    session(&mut desk, 9, SessionEventKind::Back);
    let quote = desk.ask(0, b'1', 1).unwrap();
    assert!(filled(&desk.put(Desk::order(&quote, b'1'))).is_ok());
    assert_eq!(
        refusal(&session(&mut desk, u16::MAX, SessionEventKind::Gone)),
        Reason::UnknownSession
    );
    let mut bad: SessionEvent = Zeroable::zeroed();
    bad.kind = 9;
    assert_eq!(refusal(&desk.put(bad)), Reason::BadField);
}

#[test]
fn a_new_epoch_has_new_sessions() {
    let mut desk = Desk::active();
    session(&mut desk, 9, SessionEventKind::Gone);
    desk.put(desk.engine.bounds().epoch_start(2));
    drained(&mut desk);
    desk.books();
    assert!(desk.ask(0, b'1', 1).is_ok());
}

#[test]
fn an_order_that_comes_twice_gets_its_first_report_again_and_is_judged_once() {
    let mut desk = Desk::active();
    let (one, other) = (desk.ask(0, b'1', 100).unwrap(), desk.ask(0, b'1', 50).unwrap());
    let order = Desk::order(&one, b'1');
    let first = filled(&desk.put(order)).unwrap();
    let position = desk.engine.position(pinrail_types::InstrumentId(0));
    // The same, and one for another quote under the same id: nothing is looked at but the id.
    let mut under_the_same = Desk::order(&other, b'1');
    under_the_same.cl_ord_id = order.cl_ord_id;
    let words = desk.engine.save();
    let bounds = *desk.engine.bounds();
    desk.engine = Engine::load(bounds, SweepPricer::new(bounds.instruments), &words).unwrap();
    for repeated in [order, under_the_same] {
        let out = desk.put(repeated);
        let frame = out.frames().next().unwrap();
        assert!(frame.flags().has(Flags::POSS_RESEND));
        let report: ExecutionReport = only(&out);
        assert_eq!(
            ExecutionReport {
                header: first.header,
                ..report
            },
            first
        );
        assert_eq!(out.find::<PositionReport>().count(), 0);
    }
    assert_eq!(desk.engine.position(pinrail_types::InstrumentId(0)), position);
    assert!(
        filled(&desk.put(Desk::order(&other, b'1'))).is_ok(),
        "it is still open"
    );
}

#[test]
fn an_order_that_was_refused_stays_refused_under_its_id() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    let mut order = Desk::order(&quote, b'1');
    order.qty = Qty(7);
    let first: ExecutionReport = only(&desk.put(order));
    assert_eq!(first.reason, Reason::QuoteMismatch.code());
    order.qty = quote.qty;
    let again: ExecutionReport = only(&desk.put(order));
    assert_eq!((again.exec_id, again.reason), (first.exec_id, first.reason));
    let mut theirs = desk
        .ask(1, b'1', 100)
        .map(|quote| Desk::order(&quote, b'1'))
        .unwrap();
    theirs.cl_ord_id = order.cl_ord_id;
    assert!(
        filled(&desk.put(theirs)).is_ok(),
        "another client's ids are its own"
    );
    order.cl_ord_id = Text::new("another").unwrap();
    assert!(filled(&desk.put(order)).is_ok());
}

#[test]
fn an_order_that_was_refused_for_its_rate_or_its_session_stays_refused_under_its_id() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    let rate = LimitSet {
        kind: LimitKind::ClientRate.byte(),
        value: Amount::new(1),
        window_ns: 1_000,
        ..Zeroable::zeroed()
    };
    for actor in ["ann", "bob"] {
        let actor = Text::new(actor).unwrap();
        desk.put(LimitSet { actor, ..rate });
    }
    let taken = Desk::order(&quote, b'1');
    desk.put(Desk::pass(&quote));
    desk.now += 2_000;
    let other = desk.ask(0, b'1', 50).unwrap();
    let order = Desk::order(&other, b'1');
    assert_eq!(filled(&desk.put(order)), Err(Reason::ClientRate));
    desk.now += 5_000;
    let out = desk.put(order);
    assert!(out.frames().next().unwrap().flags().has(Flags::POSS_RESEND));
    assert_eq!(filled(&out), Err(Reason::ClientRate));
    assert_eq!(
        desk.engine.open_quotes(),
        1,
        "it can still be taken, under another id"
    );
    // And what was filled is told again, whatever the rate says.
    desk.now += 2_000;
    let again = Desk::order(&other, b'1');
    assert!(filled(&desk.put(again)).is_ok());
    assert!(filled(&desk.put(again)).is_ok());
    desk.now += 2_000;
    session(&mut desk, 9, SessionEventKind::Gone);
    assert_eq!(filled(&desk.put(taken)), Err(Reason::SessionGone));
    session(&mut desk, 9, SessionEventKind::Back);
    desk.now += 2_000;
    assert_eq!(filled(&desk.put(taken)), Err(Reason::SessionGone));
}

#[test]
fn a_report_that_comes_again_goes_where_it_was_asked_for() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    let mut order = Desk::order(&quote, b'1');
    let first = filled(&desk.put(order)).unwrap();
    order.session = SessionId(12);
    let again = filled(&desk.put(order)).unwrap();
    assert_eq!((again.exec_id, again.session), (first.exec_id, SessionId(12)));
}

#[test]
fn nobody_learns_what_became_of_anothers_quote() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    desk.put(Desk::pass(&quote));
    let mut order = Desk::order(&quote, b'1');
    order.client = ClientId(1);
    assert_eq!(filled(&desk.put(order)), Err(Reason::UnknownQuote));
    let mut pass = Desk::pass(&quote);
    pass.client = ClientId(1);
    assert_eq!(refusal(&desk.put(pass)), Reason::UnknownQuote);
    let mut back = cancel(QuoteCancelType::Specified, 1);
    back.quote_id = quote.quote_id;
    assert_eq!(refusal(&desk.put(back)), Reason::UnknownQuote);
    // Its own client does.
    assert_eq!(
        filled(&desk.put(Desk::order(&quote, b'1'))),
        Err(Reason::ClientPassed)
    );
    assert_eq!(refusal(&desk.put(Desk::pass(&quote))), Reason::ClientPassed);
}

#[test]
fn a_kill_ends_what_a_cancel_has_not_reached() {
    let mut desk = Desk::active();
    for _ in 0..50 {
        desk.ask(0, b'1', 1).unwrap();
    }
    desk.put(cancel(QuoteCancelType::All, 0));
    let out = desk.set_state(Scope::Global, 0, TradingState::Halted);
    let mut outs = vec![out];
    outs.extend(drained(&mut desk));
    assert_eq!(desk.engine.open_quotes(), 0);
    assert!(desk.engine.nothing_reserved());
}
