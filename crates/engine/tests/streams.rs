//! Streams: quotes that are kept fresh.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod subscribers;

use bytemuck::Zeroable;
use desk::strategies::{balances, order, puppets, tell};
use desk::{Desk, STALE_NS, TTL_NS, filled, only};
use pinrail_engine::Out;
use pinrail_types::record::{
    ClientDef, ExecType, InputReject, InstrumentLimits, LimitKind, LimitSet, OrdStatus, PositionReport,
    Quote, QuoteRequest, QuoteRequestReject, QuoteStatusReport, QuotingParams, Scope, StreamState,
    TradingState, VenueOrder, VenueReport, VenueStatus, VenueStatusKind,
};
use pinrail_types::{Amount, AssetId, ClientId, Qty, Reason, Side, Text, VenueId};
use subscribers::{drained, ended, params, quotes, subscribe, unsubscribe};

fn refused(out: &Out) -> (Reason, StreamState) {
    let reject: QuoteRequestReject = only(out);
    (
        Reason::from_code(reject.reason).unwrap(),
        StreamState::from_byte(reject.stream).unwrap(),
    )
}

/// The books of [`Desk::active`], so many ticks higher.
fn books(desk: &mut Desk, up: i64) -> Vec<Out> {
    let mut outs = Vec::new();
    for venue in [VenueId(0), VenueId(1)] {
        let (bid, ask) = (9_990 + up, 10_010 + up);
        outs.push(desk.snapshot(
            venue,
            &[(bid, 500), (bid - 10, 500)],
            &[(ask, 500), (ask + 10, 500)],
        ));
        outs.extend(drained(desk));
    }
    outs
}

#[test]
fn a_moved_price_replaces_the_quote_under_the_same_request() {
    let mut desk = Desk::active();
    // Ten ticks, so that it matters only when both venues moved.
    desk.put(params(100_000, 0));
    let (request, first) = subscribe(&mut desk, 0, b'1', 100);
    assert_eq!(desk.engine.streams(), 1);
    let outs = books(&mut desk, 50);
    let [second] = quotes(&outs)[..] else {
        panic!("one quote, not {}", quotes(&outs).len())
    };
    assert_eq!(second.quote_req_id, request.quote_req_id);
    assert!(second.quote_id != first.quote_id && second.offer_px > first.offer_px);
    assert_eq!(ended(&outs), [(first.quote_id, Reason::QuoteReplaced)]);
    let out = desk.put(Desk::order(&first, b'1'));
    assert_eq!(filled(&out).map(drop), Err(Reason::QuoteReplaced));
    let out = desk.put(Desk::order(&second, b'1'));
    assert_eq!(filled(&out).unwrap().last_px, second.offer_px);
    // What was taken is quoted again, by the fill itself.
    let [third] = out.find::<Quote>().collect::<Vec<_>>()[..] else {
        panic!("one quote")
    };
    let out = desk.put(unsubscribe(&request));
    assert_eq!(refused(&out), (Reason::Unsubscribed, StreamState::Ended));
    assert_eq!(ended(&[out]), [(third.quote_id, Reason::Unsubscribed)]);
    assert!(desk.engine.nothing_reserved());
    assert_eq!((desk.engine.streams(), desk.engine.open_quotes()), (0, 0));
    assert_eq!(
        refused(&desk.put(unsubscribe(&request))),
        (Reason::UnknownStream, StreamState::None)
    );
}

#[test]
fn what_did_not_move_too_far_keeps_its_quote() {
    let mut desk = Desk::active();
    let (_, quote) = subscribe(&mut desk, 0, b'1', 100);
    let threshold = 1_000_000;
    desk.put(params(threshold, 0));
    // One per cent of the offer are a hundred ticks and a bit.
    let outs = books(&mut desk, 100);
    assert!(quotes(&outs).is_empty() && ended(&outs).is_empty());
    assert_eq!(desk.engine.next_timer(), quote.valid_until);
    let outs = books(&mut desk, 103);
    assert_eq!((quotes(&outs).len(), ended(&outs).len()), (1, 1));
}

#[test]
fn a_change_that_comes_too_early_is_looked_at_when_the_time_has_passed() {
    let mut desk = Desk::active();
    desk.put(params(0, 500));
    let (_, first) = subscribe(&mut desk, 0, b'1', 100);
    let quoted_at = desk.now;
    desk.now += 100;
    assert!(quotes(&books(&mut desk, 20)).is_empty());
    assert_eq!(desk.engine.next_timer(), quoted_at + 500);
    desk.now = quoted_at + 499;
    assert!(quotes(&books(&mut desk, 30)).is_empty());
    assert!(quotes(&[desk.tick()]).is_empty());
    desk.now = quoted_at + 500;
    let out = desk.tick();
    let quote: Quote = only(&out);
    assert_eq!(ended(&[out]), [(first.quote_id, Reason::QuoteReplaced)]);
    assert!(quote.offer_px > first.offer_px);
    // The next one counts from there.
    assert!(quotes(&books(&mut desk, 40)).is_empty());
    desk.now += 500;
    assert_eq!(quotes(&books(&mut desk, 50)).len(), 1);
}

#[test]
fn many_streams_are_looked_at_in_parts() {
    let mut desk = Desk::active();
    let first: Vec<Quote> = (0..20).map(|n| subscribe(&mut desk, n % 2, 0, 10).1).collect();
    let out = desk.snapshot(VenueId(0), &[(9_985, 500)], &[(10_005, 500)]);
    let mut outs = vec![out];
    assert!(desk.engine.wants_continue());
    outs.extend(drained(&mut desk));
    let made: Vec<usize> = outs.iter().map(|out| out.find::<Quote>().count()).collect();
    assert_eq!(made.iter().sum::<usize>(), 20);
    assert!(made.iter().all(|made| (1..=8).contains(made)), "{made:?}");
    let ids: Vec<_> = quotes(&outs).iter().map(|quote| quote.quote_req_id).collect();
    let asked: Vec<_> = first.iter().map(|quote| quote.quote_req_id).collect();
    assert_eq!(ids, asked);
    assert_eq!((desk.engine.open_quotes(), ended(&outs).len()), (20, 20));
    // The kill switch ends all of them, quotes and streams, in parts.
    let mut outs = vec![desk.set_state(Scope::Global, 0, TradingState::Halted)];
    outs.extend(drained(&mut desk));
    assert_eq!(
        (
            ended(&outs).len(),
            desk.engine.streams(),
            desk.engine.open_quotes()
        ),
        (20, 0, 0)
    );
    let told = outs.iter().flat_map(Out::find::<QuoteRequestReject>);
    assert_eq!(
        told.filter(|reject| reject.stream == StreamState::Ended.byte())
            .count(),
        20
    );
    assert!(desk.engine.nothing_reserved());
    desk.set_state(Scope::Global, 0, TradingState::Active);
    assert!(quotes(&books(&mut desk, 0)).is_empty());
}

#[test]
fn what_can_not_be_priced_is_told_once_and_goes_on_by_itself() {
    let mut desk = Desk::active();
    let (_, first) = subscribe(&mut desk, 0, 0, 100);
    let status = |venue| VenueStatus {
        venue: VenueId(venue),
        instrument: VenueStatus::ALL,
        kind: VenueStatusKind::Disconnected.byte(),
        ..Zeroable::zeroed()
    };
    assert!(ended(&[desk.put(status(0))]).len() <= 1);
    drained(&mut desk);
    let out = desk.put(status(1));
    let mut outs = vec![out];
    outs.extend(drained(&mut desk));
    let told: Vec<QuoteRequestReject> = outs.iter().flat_map(Out::find).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (told[0].reason, told[0].stream),
        (Reason::ReferenceMissing.code(), StreamState::Waits.byte())
    );
    assert_eq!(told[0].quote_req_id, first.quote_req_id);
    assert_eq!(desk.engine.open_quotes(), 0);
    for _ in 0..5 {
        desk.now += TTL_NS;
        let out = desk.tick();
        let again = desk.put(status(1));
        assert!(out.is_empty() && again.is_empty(), "no storm");
    }
    assert!(desk.engine.nothing_reserved());
    let outs = books(&mut desk, 0);
    let quoted = quotes(&outs);
    assert!(!quoted.is_empty() && quoted[0].quote_req_id == first.quote_req_id);
    assert_eq!(desk.engine.open_quotes(), 1);
}

#[test]
fn a_quote_that_expires_is_renewed_until_the_request_ends() {
    let mut desk = Desk::active();
    let mut request = desk.request(0, b'1', 100);
    request.subscription = b'1';
    request.valid_until = desk.now + 2 * TTL_NS + 5;
    let first: Quote = only(&desk.put(request));
    let mut last = first;
    for wanted in [first.valid_until + TTL_NS, request.valid_until] {
        desk.now = last.valid_until;
        let out = desk.tick();
        assert_eq!(
            ended(std::slice::from_ref(&out)),
            [(last.quote_id, Reason::QuoteExpired)]
        );
        last = only(&out);
        assert_eq!(last.valid_until, wanted);
    }
    desk.now = request.valid_until;
    assert_eq!(refused(&desk.tick()), (Reason::QuoteExpired, StreamState::Ended));
    assert_eq!(desk.engine.next_timer(), u64::MAX);
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_book_that_grows_stale_ends_it_at_the_latest_with_its_quote() {
    let mut desk = Desk::halted();
    desk.put(InstrumentLimits {
        quote_ttl_ns: 2 * STALE_NS,
        ..Desk::limits()
    });
    desk.set_state(Scope::Global, 0, TradingState::Active);
    desk.books();
    let (_, quote) = subscribe(&mut desk, 0, 0, 100);
    desk.now = quote.valid_until;
    let out = desk.tick();
    assert_eq!(refused(&out), (Reason::ReferenceStale, StreamState::Waits));
    assert_eq!(ended(&[out]), [(quote.quote_id, Reason::QuoteExpired)]);
    assert!(!quotes(&books(&mut desk, 0)).is_empty());
}

#[test]
fn a_limit_stops_it_and_lets_it_go_on() {
    let mut desk = Desk::active();
    let (_, quote) = subscribe(&mut desk, 0, b'1', 100);
    let tight = InstrumentLimits {
        qty_lots_max: Qty(99),
        ..Desk::limits()
    };
    let out = desk.put(tight);
    assert_eq!(refused(&out), (Reason::QtyAboveMax, StreamState::Waits));
    assert_eq!(ended(&[out]), [(quote.quote_id, Reason::QtyAboveMax)]);
    assert!(books(&mut desk, 10).iter().all(Out::is_empty));
    let loose = |actor| LimitSet {
        kind: LimitKind::QtyMax.byte(),
        value: Amount::new(100),
        actor: Text::new(actor).unwrap(),
        ..Zeroable::zeroed()
    };
    desk.put(loose("one"));
    assert_eq!(quotes(&[desk.put(loose("other"))]).len(), 1);
    // What the old quote holds does not stand in the way of the new one.
    desk.put(InstrumentLimits {
        qty_lots_max: Qty(100),
        position_lots_max: Qty(100),
        ..Desk::limits()
    });
    assert_eq!(quotes(&books(&mut desk, 50)).len(), 1);
}

#[test]
fn a_halted_client_loses_its_own_streams_only() {
    let mut desk = Desk::active();
    let (_, lost) = subscribe(&mut desk, 0, 0, 100);
    let (_, kept) = subscribe(&mut desk, 1, 0, 100);
    let mut outs = vec![desk.set_state(Scope::Client, 0, TradingState::Halted)];
    outs.extend(drained(&mut desk));
    assert_eq!(ended(&outs).len(), 1);
    assert_eq!(ended(&outs)[0].0, lost.quote_id);
    assert_eq!(desk.engine.streams(), 1);
    let outs = books(&mut desk, 70);
    assert_eq!(quotes(&outs)[0].quote_req_id, kept.quote_req_id);
}

#[test]
fn another_epoch_has_none_of_them() {
    let mut desk = Desk::active();
    subscribe(&mut desk, 0, 0, 100);
    let bounds = *desk.engine.bounds();
    let mut outs = vec![desk.put(bounds.epoch_start(2))];
    outs.extend(drained(&mut desk));
    assert_eq!((desk.engine.streams(), desk.engine.open_quotes()), (0, 0));
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn streams_are_requests_and_are_refused_as_such() {
    let mut desk = Desk::active();
    let (request, _) = subscribe(&mut desk, 0, 0, 10);
    let odd = QuoteRequest {
        subscription: b'3',
        ..request
    };
    assert_eq!(refused(&desk.put(odd)), (Reason::BadField, StreamState::None));
    assert_eq!(refused(&desk.put(request)).0, Reason::DuplicateQuoteReqId);
    let other = QuoteRequest {
        client: ClientId(1),
        ..unsubscribe(&request)
    };
    assert_eq!(refused(&desk.put(other)).0, Reason::UnknownStream);
    let mut large = desk.request(0, 0, 20_000);
    large.subscription = b'1';
    assert_eq!(
        refused(&desk.put(large)),
        (Reason::QtyAboveMax, StreamState::None)
    );
    assert_eq!(desk.engine.streams(), 1);
    for _ in 1..64 {
        subscribe(&mut desk, 0, 0, 10);
    }
    let mut one_more = desk.request(0, 0, 10);
    one_more.subscription = b'1';
    assert_eq!(refused(&desk.put(one_more)).0, Reason::StreamsFull);
    let mut snapshot = desk.request(0, 0, 10);
    snapshot.subscription = b'0';
    assert_eq!(refused(&desk.put(snapshot)).0, Reason::OpenQuotesFull);
    for bad in [
        params(-1, 0),
        params(100_000_001, 0),
        params(0, 86_400_000_000_001),
    ] {
        let reject: InputReject = only(&desk.put(bad));
        assert_eq!(reject.reason, Reason::BadField.code());
    }
}

#[test]
fn new_quotes_are_no_messages_of_the_client() {
    let mut desk = Desk::active();
    desk.put(LimitSet {
        kind: LimitKind::ClientRate.byte(),
        value: Amount::new(1),
        window_ns: 1_000_000_000,
        actor: Text::new("desk").unwrap(),
        ..Zeroable::zeroed()
    });
    subscribe(&mut desk, 0, 0, 10);
    for up in 1..10 {
        assert!(!quotes(&books(&mut desk, up * 30)).is_empty());
    }
    assert_eq!(desk.ask(0, 0, 10).map(drop), Err(Reason::ClientRate));
}

/// An order of the desk's own that a venue filled moves the position, and with it what is quoted; nothing else does here.
#[test]
fn a_fill_at_a_venue_is_quoted_at_once() {
    for skew_e8 in [0, 1_000_000] {
        let mut desk = Desk::active_with(puppets);
        for balance in balances() {
            desk.put(balance);
        }
        desk.put(QuotingParams {
            skew_e8,
            skew_position: Qty(1_000),
            ..params(0, 0)
        });
        desk.put(tell(&order(Side::Buy, 9_995, 100)));
        let placed: VenueOrder = only(&desk.snapshot(VenueId(0), &[(9_990, 500)], &[(10_010, 500)]));
        let mut request = desk.request(0, b'1', 100);
        request.subscription = b'1';
        let first: Quote = only(&desk.put(request));
        let filled = VenueReport {
            order_id: placed.order_id,
            exec_id: Text::new("E1").unwrap(),
            instrument: placed.instrument,
            venue: placed.venue,
            side: placed.side,
            exec_type: ExecType::Trade.byte(),
            ord_status: OrdStatus::Filled.byte(),
            last_px: placed.px,
            last_qty: placed.qty,
            fee_asset: AssetId(1),
            ..Zeroable::zeroed()
        };
        let out = desk.put(filled);
        assert_eq!(only::<PositionReport>(&out).position, Qty(100));
        let quoted: Vec<Quote> = out.find().collect();
        if skew_e8 == 0 {
            assert!(
                quoted.is_empty() && ended(&[out]).is_empty(),
                "the price is the same"
            );
        } else {
            assert_eq!(quoted.len(), 1);
            assert!(quoted[0].offer_px < first.offer_px, "a long house sells cheaper");
            assert_eq!(ended(&[out]), [(first.quote_id, Reason::QuoteReplaced)]);
        }
    }
}

/// What can't begin or end a stream is a message like any other; the end of one that there is never asks.
#[test]
fn a_request_that_is_no_stream_counts_as_a_message() {
    let mut desk = Desk::active();
    let (request, _) = subscribe(&mut desk, 0, 0, 10);
    for _ in 1..64 {
        subscribe(&mut desk, 0, 0, 10);
    }
    let odd = QuoteRequest {
        subscription: b'3',
        ..request
    };
    let unknown = QuoteRequest {
        quote_req_id: Text::new("unknown").unwrap(),
        ..unsubscribe(&request)
    };
    let mut one_more = desk.request(0, 0, 10);
    one_more.subscription = b'1';
    for (asked, reason) in [
        (odd, Reason::BadField),
        (unknown, Reason::UnknownStream),
        (one_more, Reason::StreamsFull),
    ] {
        desk.now += 1_000_000_000;
        desk.put(LimitSet {
            kind: LimitKind::ClientRate.byte(),
            value: Amount::new(1),
            window_ns: 1_000_000_000,
            actor: Text::new("desk").unwrap(),
            ..Zeroable::zeroed()
        });
        drained(&mut desk);
        assert_eq!(refused(&desk.put(asked)), (reason, StreamState::None));
        let flood = refused(&desk.put(asked));
        assert_eq!(flood, (Reason::ClientRate, StreamState::None));
        let of_nobody = QuoteRequest {
            client: ClientId(9),
            ..asked
        };
        assert_eq!(refused(&desk.put(of_nobody)).0, Reason::UnknownClient);
    }
    let out = desk.put(unsubscribe(&request));
    assert_eq!(refused(&out), (Reason::Unsubscribed, StreamState::Ended));
}

#[test]
fn a_tier_that_changes_is_quoted_at_once() {
    let mut desk = Desk::active();
    let (_, first) = subscribe(&mut desk, 0, 0, 10);
    desk.put(pinrail_types::record::TierSpread {
        tier: 3,
        half_spread_e8: 1_000_000,
        ..Zeroable::zeroed()
    });
    let out = desk.put(ClientDef {
        tier: 3,
        credit_asset: pinrail_types::AssetId(1),
        credit_max: Amount::new(1 << 80),
        ..Zeroable::zeroed()
    });
    let second: Quote = only(&out);
    assert!(second.offer_px > first.offer_px && second.bid_px < first.bid_px);
    let report: QuoteStatusReport = only(&out);
    assert_eq!(report.quote_id, first.quote_id);
}
