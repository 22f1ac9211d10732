//! What reduces a position goes on where only that may trade: quotes, streams, and requests that wait for a dealer.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod subscribers;

use bytemuck::Zeroable;
use desk::{Desk, filled, only};
use pinrail_types::record::{
    DealerQuote, DealerRequest, DealingRule, InputReject, Quote, QuoteCancel, QuoteStatusReport, Scope,
    TradingState,
};
use pinrail_types::{ClientId, Px, Qty, Reason, Text, VenueId};
use subscribers::{drained, ended, quotes, subscribe};

/// Long so many lots, and only what reduces may trade.
fn long(lots: i64) -> Desk {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'2', lots).unwrap();
    filled(&desk.put(Desk::order(&quote, b'2'))).unwrap();
    desk.set_state(Scope::Global, 0, TradingState::Reducing);
    desk
}

#[test]
fn of_the_open_quotes_those_stay_that_only_reduce() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'2', 100).unwrap();
    filled(&desk.put(Desk::order(&quote, b'2'))).unwrap();
    let [buys, more, sells] =
        [(b'1', 60), (b'1', 50), (b'2', 1)].map(|(side, qty)| desk.ask(0, side, qty).unwrap());
    let two_sided = desk.ask(0, 0, 1).unwrap();
    let outs = [desk.set_state(Scope::Global, 0, TradingState::Reducing)];
    // With 110 lots to sell of 100, the first goes; the second reduces then.
    let gone = [buys, sells, two_sided].map(|quote| (quote.quote_id, Reason::Withdrawn));
    assert_eq!(ended(&outs), gone);
    assert!(filled(&desk.put(Desk::order(&more, b'1'))).is_ok());
    assert_eq!(desk.engine.position(desk::INSTRUMENT).qty, Qty(50));
}

#[test]
fn what_another_takes_back_leaves_a_quote_that_reduces() {
    let mut desk = long(100);
    let quote = desk.ask(0, b'1', 40).unwrap();
    let other = desk.ask(1, b'1', 40).unwrap();
    let cancel = QuoteCancel {
        client: ClientId(1),
        cancel_type: 4,
        ..Zeroable::zeroed()
    };
    let report: QuoteStatusReport = only(&desk.put(cancel));
    assert_eq!(
        (report.quote_id, report.reason),
        (other.quote_id, Reason::MassCancel.code())
    );
    drained(&mut desk);
    assert!(filled(&desk.put(Desk::order(&quote, b'1'))).is_ok());
}

#[test]
fn a_mass_cancel_of_one_who_has_nothing_costs_nothing() {
    let mut desk = Desk::active();
    desk.ask(0, b'1', 40).unwrap();
    let cancel = QuoteCancel {
        client: ClientId(1),
        cancel_type: 4,
        ..Zeroable::zeroed()
    };
    assert!(desk.put(cancel).is_empty());
    assert!(!desk.engine.wants_continue());
}

#[test]
fn a_stream_that_reduces_does_not_stand_in_its_own_way() {
    let mut desk = long(15);
    let (_, quote) = subscribe(&mut desk, 0, b'1', 10);
    for up in 1..6 {
        let mut outs = Vec::new();
        for venue in [0, 1] {
            let off = i64::from(venue) + 20 * up;
            outs.push(desk.snapshot(VenueId(venue), &[(9_990 + off, 500)], &[(10_010 + off, 500)]));
            outs.extend(drained(&mut desk));
        }
        assert!(!quotes(&outs).is_empty(), "quoted anew");
        let reasons = ended(&outs).into_iter().map(|(_, reason)| reason);
        assert!(reasons.into_iter().all(|reason| reason == Reason::QuoteReplaced));
    }
    assert!(matches!(
        filled(&desk.put(Desk::order(&quote, b'1'))),
        Err(Reason::QuoteReplaced)
    ));
    assert_eq!(desk.engine.open_quotes(), 1);
}

fn manual(desk: &mut Desk) {
    desk.put(DealingRule {
        auto_lots_max: Qty(30),
        timeout_ns: 50_000,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
}

fn price(request: &DealerRequest, offer_px: i64) -> DealerQuote {
    DealerQuote {
        request_id: request.request_id,
        bid_px: Px::NONE,
        offer_px: Px(offer_px),
        actor: Text::new("bob").unwrap(),
        ..Zeroable::zeroed()
    }
}

#[test]
fn a_dealer_quotes_what_reduces() {
    let mut desk = long(100);
    manual(&mut desk);
    let waits: DealerRequest = {
        let request = desk.request(0, b'1', 50);
        only(&desk.put(request))
    };
    let quote: Quote = only(&desk.put(price(&waits, 10_012)));
    assert!(filled(&desk.put(Desk::order(&quote, b'1'))).is_ok());
    // And what does not is taken away where that begins to hold.
    desk.set_state(Scope::Global, 0, TradingState::Active);
    let waits: DealerRequest = {
        let request = desk.request(0, b'1', 60);
        only(&desk.put(request))
    };
    desk.set_state(Scope::Global, 0, TradingState::Reducing);
    drained(&mut desk);
    assert_eq!(desk.engine.waiting_requests(), 0);
    let reject: InputReject = only(&desk.put(price(&waits, 10_012)));
    assert_eq!(reject.reason, Reason::UnknownDealerRequest.code());
}
