//! Requests that wait for a dealer.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod subscribers;

use bytemuck::Zeroable;
use desk::{Desk, INSTRUMENT, TTL_NS, answer, filled, only};
use pinrail_engine::{Engine, Out};
use pinrail_oms::DEALS_MAX;
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    DealerBasis, DealerPass, DealerQuote, DealerRequest, DealingRule, InputReject, LastLookDef, Quote,
    QuoteBasis, QuoteCancel, QuoteCancelType, QuoteRequest, QuoteRequestReject, QuoteStatus,
    QuoteStatusReport, Scope, SessionEvent, SessionEventKind, TradingState,
};
use pinrail_types::{OutId, Px, Qty, Reason, SessionId, Text};
use subscribers::drained;

const TIMEOUT_NS: u64 = 50_000;

fn rule() -> DealingRule {
    DealingRule {
        auto_lots_max: Qty(100),
        timeout_ns: TIMEOUT_NS,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    }
}

fn desk() -> Desk {
    let mut desk = Desk::active();
    desk.put(rule());
    desk
}

/// A request that waits.
fn wait(desk: &mut Desk, client: u32, side: u8, qty: i64) -> (QuoteRequest, DealerRequest) {
    let request = desk.request(client, side, qty);
    let out = desk.put(request);
    assert_eq!(out.len(), 1);
    (request, only(&out))
}

fn price(request: &DealerRequest, bid_px: Px, offer_px: Px) -> DealerQuote {
    DealerQuote {
        request_id: request.request_id,
        bid_px,
        offer_px,
        actor: Text::new("bob").unwrap(),
        ..Zeroable::zeroed()
    }
}

fn refusal(out: &Out) -> Reason {
    Reason::from_code(only::<InputReject>(out).reason).unwrap()
}

fn told(outs: &[Out]) -> Vec<Reason> {
    let rejects = outs.iter().flat_map(Out::find::<QuoteRequestReject>);
    rejects
        .map(|reject| Reason::from_code(reject.reason).unwrap())
        .collect()
}

fn reload(desk: &mut Desk) {
    let words = desk.engine.save();
    let bounds = *desk.engine.bounds();
    desk.engine = Engine::load(bounds, SweepPricer::new(bounds.instruments), &words).unwrap();
    assert_eq!(desk.engine.save(), words);
}

#[test]
fn what_is_above_the_size_waits_for_a_dealer_who_is_named_in_what_follows() {
    let mut desk = desk();
    assert!(desk.ask(0, b'1', 100).is_ok(), "up to the size by itself");
    let (request, waiting) = wait(&mut desk, 0, b'1', 101);
    assert_eq!(
        (waiting.quote_req_id, waiting.qty),
        (request.quote_req_id, Qty(101))
    );
    assert_eq!(waiting.valid_until, desk.now + TIMEOUT_NS);
    assert_eq!(desk.engine.waiting_requests(), 1);
    reload(&mut desk);
    assert_eq!(
        answer(&desk.put(request)).unwrap_err(),
        Reason::DuplicateQuoteReqId,
        "it has its id while it waits"
    );
    desk.now += 5;
    let mut given = price(&waiting, Px::NONE, Px(10_050));
    given.valid_ns = 3 * TTL_NS;
    let out = desk.put(given);
    let quote: Quote = only(&out);
    assert_eq!(
        (quote.by_dealer, quote.offer_px, quote.valid_until),
        (1, Px(10_050), desk.now + 3 * TTL_NS)
    );
    let basis: DealerBasis = only(&out);
    assert_eq!(
        (basis.quote_id, basis.request_id, basis.waited_ns),
        (quote.quote_id, waiting.request_id, 5)
    );
    assert_eq!(basis.actor.to_string(), "bob");
    assert_eq!(out.find::<QuoteBasis>().count(), 0, "no model made it");
    assert_eq!(refusal(&desk.put(given)), Reason::UnknownDealerRequest, "once");
    assert_eq!(
        filled(&desk.put(Desk::order(&quote, b'1'))).unwrap().last_px,
        Px(10_050)
    );
    assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(-101));
}

#[test]
fn a_tier_may_be_dealt_with_by_hand_and_a_rule_may_be_taken_away() {
    let mut desk = desk();
    desk.put(DealingRule {
        tiers: 1,
        auto_lots_max: Qty(0),
        ..rule()
    });
    let (_, waiting) = wait(&mut desk, 0, 0, 1);
    let quote: Quote = only(&desk.put(price(&waiting, Px(9_990), Px(10_010))));
    assert_eq!((quote.bid_px, quote.offer_px), (Px(9_990), Px(10_010)));
    desk.put(DealingRule {
        auto_lots_max: Qty(0),
        ..rule()
    });
    assert!(desk.ask(0, b'1', 500).is_ok());
}

#[test]
fn a_dealers_price_is_judged_as_a_pricers() {
    let mut desk = desk();
    let mut limits = Desk::limits();
    limits.px_ticks_step = 10;
    limits.position_lots_max = Qty(300);
    desk.put(limits);
    let (_, waiting) = wait(&mut desk, 0, b'1', 200);
    for (bid, offer, reason) in [
        (Px::NONE, Px(11_010), Reason::Collar),
        (Px::NONE, Px(10_011), Reason::PxOffGrid),
        (Px(9_990), Px::NONE, Reason::PxUnrepresentable),
        (Px(9_990), Px(10_010), Reason::PxUnrepresentable),
        (Px::NONE, Px::NONE, Reason::PxUnrepresentable),
        (Px::NONE, Px(i64::MAX), Reason::PxUnrepresentable),
    ] {
        assert_eq!(
            refusal(&desk.put(price(&waiting, bid, offer))),
            reason,
            "{bid:?} {offer:?}"
        );
    }
    let mut nobody = price(&waiting, Px::NONE, Px(10_020));
    nobody.actor = Text::EMPTY;
    assert_eq!(refusal(&desk.put(nobody)), Reason::ActorMissing);
    let mut long = price(&waiting, Px::NONE, Px(10_020));
    long.valid_ns = 3_600_000_000_001;
    assert_eq!(refusal(&desk.put(long)), Reason::BadField);
    let held = desk.ask(1, b'1', 100);
    assert!(held.is_ok());
    limits.position_lots_max = Qty(250);
    desk.put(limits);
    assert_eq!(
        refusal(&desk.put(price(&waiting, Px::NONE, Px(10_020)))),
        Reason::PositionLimit
    );
    assert_eq!(desk.engine.waiting_requests(), 1, "it goes on waiting");
    desk.put(Desk::pass(&held.unwrap()));
    assert!(answer(&desk.put(price(&waiting, Px::NONE, Px(10_020)))).is_ok());
}

#[test]
fn a_dealer_passes_or_answers_too_late() {
    let mut desk = desk();
    let pass = |waiting: &DealerRequest, reason: u16| DealerPass {
        request_id: waiting.request_id,
        reason,
        actor: Text::new("bob").unwrap(),
        ..Zeroable::zeroed()
    };
    for (given, expected) in [(0, Reason::DealerPassed), (900, Reason::Own0)] {
        let (request, waiting) = wait(&mut desk, 0, b'1', 101);
        let out = desk.put(pass(&waiting, given));
        let reject: QuoteRequestReject = only(&out);
        assert_eq!(
            (reject.quote_req_id, reject.reason),
            (request.quote_req_id, expected.code())
        );
        assert_eq!(
            refusal(&desk.put(pass(&waiting, given))),
            Reason::UnknownDealerRequest
        );
    }
    let (_, waiting) = wait(&mut desk, 0, b'1', 101);
    assert_eq!(refusal(&desk.put(pass(&waiting, 9_999))), Reason::BadField);
    let mut nobody = pass(&waiting, 0);
    nobody.actor = Text::EMPTY;
    assert_eq!(refusal(&desk.put(nobody)), Reason::ActorMissing);
    assert_eq!(desk.engine.next_timer(), desk.now + TIMEOUT_NS);
    desk.now += TIMEOUT_NS;
    let out = desk.put(price(&waiting, Px::NONE, Px(10_020)));
    assert_eq!(told(std::slice::from_ref(&out)), [Reason::DealerTimeout]);
    assert_eq!(refusal(&out), Reason::UnknownDealerRequest);
    let mut request = desk.request(0, b'1', 101);
    request.valid_until = desk.now + 7;
    let waiting: DealerRequest = only(&desk.put(request));
    assert_eq!(waiting.valid_until, desk.now + 7, "or what the client said");
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn what_waits_ends_with_its_session_its_client_a_kill_or_a_restart() {
    type End = fn(&mut Desk, &QuoteRequest) -> Out;
    let ends: [(End, Reason); 5] = [
        (
            |desk, request| {
                desk.put(QuoteCancel {
                    quote_req_id: request.quote_req_id,
                    cancel_type: QuoteCancelType::Specified.byte(),
                    ..Zeroable::zeroed()
                })
            },
            Reason::CancelRequested,
        ),
        (
            |desk, _| {
                desk.put(QuoteCancel {
                    cancel_type: QuoteCancelType::All.byte(),
                    ..Zeroable::zeroed()
                })
            },
            Reason::MassCancel,
        ),
        (
            |desk, _| {
                desk.put(SessionEvent {
                    session: SessionId(9),
                    kind: SessionEventKind::Gone.byte(),
                    ..Zeroable::zeroed()
                })
            },
            Reason::SessionGone,
        ),
        (
            |desk, _| desk.set_state(Scope::Global, 0, TradingState::Halted),
            Reason::Withdrawn,
        ),
        (
            |desk, _| {
                let start = desk.engine.bounds().epoch_start(2);
                desk.put(start)
            },
            Reason::Withdrawn,
        ),
    ];
    for (end, reason) in ends {
        let mut desk = desk();
        let (request, waiting) = wait(&mut desk, 0, b'1', 101);
        for _ in 0..20 {
            wait(&mut desk, 0, b'1', 101);
        }
        let mut outs = vec![end(&mut desk, &request)];
        if reason != Reason::CancelRequested {
            let late = desk.put(price(&waiting, Px::NONE, Px(10_020)));
            let found = refusal(&late);
            assert!(
                found == reason || found == Reason::UnknownDealerRequest,
                "{found:?}"
            );
        }
        outs.extend(drained(&mut desk));
        let told = told(&outs);
        assert!(told.iter().all(|told| *told == reason), "{told:?}");
        let left = if reason == Reason::CancelRequested { 20 } else { 0 };
        assert_eq!((told.len(), desk.engine.waiting_requests()), (21 - left, left));
    }
}

#[test]
fn as_many_wait_as_there_is_room_for() {
    let mut desk = desk();
    for _ in 0..DEALS_MAX {
        wait(&mut desk, 0, b'1', 101);
    }
    assert_eq!(desk.ask(0, b'1', 101).unwrap_err(), Reason::DealingFull);
    desk.now += TIMEOUT_NS;
    let mut outs = Vec::new();
    while desk.engine.next_timer() <= desk.now {
        outs.push(desk.tick());
    }
    assert_eq!(told(&outs).len(), DEALS_MAX);
    desk.books();
    wait(&mut desk, 0, b'1', 101);
}

#[test]
fn no_dealer_keeps_a_stream_fresh() {
    let mut desk = desk();
    let mut request = desk.request(0, b'1', 101);
    request.subscription = b'1';
    assert_eq!(answer(&desk.put(request)).unwrap_err(), Reason::DealerOnly);
    let mut request = desk.request(0, b'1', 100);
    request.subscription = b'1';
    let quote = answer(&desk.put(request)).unwrap();
    desk.put(DealingRule {
        auto_lots_max: Qty(50),
        ..rule()
    });
    desk.books();
    let outs = drained(&mut desk);
    let _ = outs;
    assert_eq!(
        filled(&desk.put(Desk::order(&quote, b'1'))).map(drop),
        Err(Reason::DealerOnly)
    );
}

#[test]
fn a_dealers_quote_is_not_looked_at_again_and_ends_as_others_do() {
    let mut desk = desk();
    desk.put(LastLookDef {
        hold_ns: 1_000,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
    let (_, waiting) = wait(&mut desk, 0, b'1', 101);
    let quote: Quote = only(&desk.put(price(&waiting, Px::NONE, Px(10_020))));
    assert_eq!(quote.valid_until, desk.now + TTL_NS);
    assert!(filled(&desk.put(Desk::order(&quote, b'1'))).unwrap().last_qty == Qty(101));
    let (_, waiting) = wait(&mut desk, 0, b'1', 101);
    let quote: Quote = only(&desk.put(price(&waiting, Px::NONE, Px(10_020))));
    desk.now += TTL_NS;
    let ended: QuoteStatusReport = only(&desk.tick());
    assert_eq!(
        (ended.quote_id, ended.status),
        (quote.quote_id, QuoteStatus::Expired.byte())
    );
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_rule_that_is_none_is_refused() {
    let mut desk = desk();
    for (spoil, reason) in [
        (
            (|rule| rule.timeout_ns = 0) as fn(&mut DealingRule),
            Reason::BadField,
        ),
        (|rule| rule.timeout_ns = 3_600_000_000_001, Reason::BadField),
        (|rule| rule.auto_lots_max = Qty(-1), Reason::BadField),
        (|rule| rule.actor = Text::EMPTY, Reason::ActorMissing),
        (
            |rule| rule.instrument = pinrail_types::InstrumentId(1),
            Reason::UnknownInstrument,
        ),
    ] {
        let mut rule = rule();
        spoil(&mut rule);
        assert_eq!(refusal(&desk.put(rule)), reason);
    }
    let unknown = DealerQuote {
        request_id: OutId::NONE,
        actor: Text::new("bob").unwrap(),
        ..Zeroable::zeroed()
    };
    assert_eq!(refusal(&desk.put(unknown)), Reason::UnknownDealerRequest);
}

#[test]
fn a_dealers_price_for_cash_is_worth_no_more_than_the_cash() {
    let mut desk = desk();
    let mut request = desk.request(0, b'1', 0);
    request.cash = pinrail_types::Amount::new(10 * 10_011 * 200);
    let out = desk.put(request);
    let waiting: DealerRequest = only(&out);
    let reject: InputReject = only(&desk.put(price(&waiting, Px::NONE, Px(10_500))));
    assert_eq!(reject.reason, Reason::CashUnquotable.code());
    let quote: Quote = only(&desk.put(price(&waiting, Px::NONE, Px(10_011))));
    assert!(10 * i128::from(quote.offer_px.0) * i128::from(quote.qty.0) <= request.cash.get());
}

#[test]
fn a_dealers_price_comes_too_late_from_the_time_on_that_was_told() {
    let mut desk = desk();
    let waiting: Vec<DealerRequest> = (0..9).map(|_| wait(&mut desk, 0, b'1', 101).1).collect();
    desk.now += TIMEOUT_NS;
    // More are due than one input ends, and the last of them is the one that is priced.
    let out = desk.put(price(&waiting[8], Px::NONE, Px(10_012)));
    assert_eq!(only::<InputReject>(&out).reason, Reason::DealerTimeout.code());
    assert_eq!(out.find::<QuoteRequestReject>().count(), 8);
    assert_eq!(desk.tick().find::<QuoteRequestReject>().count(), 1);
}
