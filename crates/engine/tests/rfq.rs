//! Requests, quotes, accepts and how they end.

mod desk;

use bytemuck::Zeroable;
use desk::{Desk, INSTRUMENT, STALE_NS, TTL_NS, answer, filled, only};
use pinrail_engine::Owner;
use pinrail_types::record::{
    ClientDef, InputReject, OrdStatus, OrdType, PartyKind, PositionCost, PositionReport, QuoteRespType,
    QuoteStatus, QuoteStatusReport, RuntimeEvent, RuntimeEventKind, Scope, StateChange, Trade,
    TradeCaptureReport, TradeSource, TradingState, VenueStatus, VenueStatusKind,
};
use pinrail_types::{
    Amount, AssetId, ClientId, Flags, InstrumentId, OutId, Px, Qty, Reason, SourceId, Text, VenueId,
};

#[test]
fn a_request_is_quoted_from_both_venues_and_names_what_it_rests_on() {
    let mut desk = Desk::active();
    let book_seq = desk.seq - 1;
    let quote = desk.ask(0, b'1', 800).unwrap();
    // 500 at 10,010 and 300 at 10,011, fee 0.01 %, half-spread 0.1 %, rounded up.
    let hedge = (500.0 * 10_010.0 + 300.0 * 10_011.0) / 800.0 * 1.0001;
    assert_eq!(quote.hedge_offer_px, Px(f64::ceil(hedge) as i64));
    assert_eq!(quote.offer_px, Px(f64::ceil(hedge * 1.001) as i64));
    assert_eq!((quote.bid_px, quote.hedge_bid_px), (Px::NONE, Px::NONE));
    assert_eq!(
        (quote.ref_px, quote.venues, quote.book_seq),
        (Px(10_000), 2, book_seq)
    );
    assert_eq!(quote.valid_until, desk.now + TTL_NS);
    assert_eq!(
        quote.quote_id,
        OutId {
            seq: quote.header.cause,
            epoch: 1,
            sub: 0
        }
    );
    assert_eq!(quote.session.0, 9);
}

#[test]
fn a_two_sided_request_gets_both_sides() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, 0, 100).unwrap();
    assert!(quote.bid_px < Px(9_990) && quote.offer_px > Px(10_010));
}

#[test]
fn an_accept_fills_once_and_moves_the_position() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    let out = desk.put(Desk::order(&quote, b'1'));
    let report = filled(&out).unwrap();
    assert_eq!(
        (report.last_px, report.last_qty, report.cum_qty),
        (quote.offer_px, Qty(100), Qty(100))
    );
    assert_eq!(
        (report.leaves_qty, report.ord_status),
        (Qty(0), OrdStatus::Filled.byte())
    );
    let position: PositionReport = only(&out);
    assert_eq!(position.position, Qty(-100));
    assert_eq!(
        position.cash,
        Amount::new(i128::from(quote.offer_px.0) * 100 * 10)
    );
    assert_eq!(
        filled(&desk.put(Desk::order(&quote, b'1'))),
        Err(Reason::QuoteFilled)
    );
    assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(-100));
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_fill_is_handed_on_as_a_trade_and_moves_the_accounts_of_both() {
    let mut desk = Desk::active();
    let quote = desk.ask(1, b'2', 100).unwrap();
    let out = desk.put(Desk::order(&quote, b'2'));
    let trade: TradeCaptureReport = only(&out);
    let notional = i128::from(quote.bid_px.0) * 100 * 10;
    assert_eq!(
        (PartyKind::from_byte(trade.seller_kind), trade.seller),
        (Some(PartyKind::Client), 1)
    );
    assert_eq!(PartyKind::from_byte(trade.buyer_kind), Some(PartyKind::House));
    assert_eq!(
        TradeSource::from_byte(trade.trade_source),
        Some(TradeSource::Quote)
    );
    assert_eq!(
        (trade.px, trade.qty, trade.ref_id),
        (quote.bid_px, Qty(100), quote.quote_id)
    );
    assert_eq!(trade.trade_id, filled(&out).unwrap().exec_id);
    assert_eq!(
        (trade.base_amt.get(), trade.gross_trade_amt.get(), trade.ts_event),
        (100 * 1_000, notional, desk.now)
    );
    let has = |owner| [0, 1].map(|asset| desk.engine.balance(owner, AssetId(asset)).get());
    assert_eq!(has(Owner::House), [100 * 1_000, -notional]);
    assert_eq!(has(Owner::Client(ClientId(1))), [-100 * 1_000, notional]);
    let cost: PositionCost = only(&out);
    assert_eq!((cost.instrument, cost.cost.get()), (INSTRUMENT, notional));
}

#[test]
fn an_accept_must_be_the_quotes() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    for (spoil, reason) in [
        (
            (|o| o.client = ClientId(1)) as fn(&mut pinrail_types::record::NewOrderSingle),
            Reason::UnknownQuote,
        ),
        (|o| o.px = Px(o.px.0 - 1), Reason::QuoteMismatch),
        (|o| o.qty = Qty(99), Reason::QuoteMismatch),
        (|o| o.side = b'2', Reason::QuoteMismatch),
        (|o| o.side = b'7', Reason::BadSide),
        (|o| o.instrument = InstrumentId(1), Reason::QuoteMismatch),
        (
            |o| o.ord_type = OrdType::Limit.byte(),
            Reason::OrderTypeUnsupported,
        ),
        (|o| o.cl_ord_id = Text::EMPTY, Reason::BadField),
        (|o| o.quote_id.sub = 1, Reason::UnknownQuote),
        (|o| o.quote_id.epoch = 7, Reason::QuoteEpochUnknown),
        (
            |o| {
                o.quote_id = OutId {
                    seq: 0,
                    epoch: 1,
                    sub: 0,
                }
            },
            Reason::UnknownQuote,
        ),
    ] {
        let mut order = Desk::order(&quote, b'1');
        spoil(&mut order);
        assert_eq!(filled(&desk.put(order)), Err(reason), "{order:?}");
    }
    let good = Desk::order(&quote, b'1');
    assert!(filled(&desk.put(good)).is_ok(), "the quote is still good");
}

#[test]
fn a_quote_is_good_strictly_before_its_end_by_core_time() {
    for (late, expected) in [(TTL_NS - 1, true), (TTL_NS, false)] {
        let mut desk = Desk::active();
        let quote = desk.ask(0, b'1', 100).unwrap();
        desk.now += late;
        let out = desk.put(Desk::order(&quote, b'1'));
        assert_eq!(filled(&out).is_ok(), expected);
        assert!(desk.engine.nothing_reserved());
    }
}

#[test]
fn timers_fire_before_the_input_that_passes_them() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    assert_eq!(desk.engine.next_timer(), quote.valid_until);
    desk.now = quote.valid_until;
    let out = desk.tick();
    let ended: QuoteStatusReport = only(&out);
    assert_eq!(
        (ended.quote_id, ended.status),
        (quote.quote_id, QuoteStatus::Expired.byte())
    );
    assert_eq!(desk.engine.next_timer(), u64::MAX);
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn many_timers_fire_in_bounded_chunks() {
    let mut desk = Desk::active();
    for _ in 0..40 {
        desk.ask(0, b'1', 1).unwrap();
    }
    desk.now += TTL_NS;
    let ended: Vec<usize> = (0..4)
        .map(|_| desk.tick().find::<QuoteStatusReport>().count())
        .collect();
    assert_eq!(ended, [16, 16, 8, 0]);
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_client_may_end_the_validity_earlier_but_not_later() {
    let mut desk = Desk::active();
    let mut request = desk.request(0, b'1', 1);
    request.valid_until = desk.now + 5;
    assert_eq!(answer(&desk.put(request)).unwrap().valid_until, desk.now + 5);
    let mut request = desk.request(0, b'1', 1);
    request.valid_until = u64::MAX;
    assert_eq!(answer(&desk.put(request)).unwrap().valid_until, desk.now + TTL_NS);
    let mut request = desk.request(0, b'1', 1);
    request.valid_until = desk.now;
    assert_eq!(answer(&desk.put(request)).unwrap_err(), Reason::RequestExpired);
}

#[test]
fn a_pass_ends_the_quote_and_releases_it() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    let mut foreign = Desk::pass(&quote);
    foreign.client = ClientId(1);
    assert_eq!(
        only::<InputReject>(&desk.put(foreign)).reason,
        Reason::UnknownQuote.code()
    );
    let ended: QuoteStatusReport = only(&desk.put(Desk::pass(&quote)));
    assert_eq!(
        (ended.quote_id, ended.status),
        (quote.quote_id, QuoteStatus::Pass.byte())
    );
    assert!(desk.engine.nothing_reserved());
    assert_eq!(
        filled(&desk.put(Desk::order(&quote, b'1'))),
        Err(Reason::ClientPassed)
    );
}

#[test]
fn a_client_that_traded_elsewhere_is_told_apart_from_one_that_passes() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    let mut response = Desk::pass(&quote);
    response.resp_type = QuoteRespType::DoneAway.byte();
    let ended: QuoteStatusReport = only(&desk.put(response));
    assert_eq!(
        (ended.status, ended.reason),
        (QuoteStatus::Canceled.byte(), Reason::DoneAway.code())
    );
    assert!(desk.engine.nothing_reserved());
    assert_eq!(
        filled(&desk.put(Desk::order(&quote, b'1'))),
        Err(Reason::DoneAway)
    );
}

#[test]
fn bad_requests_are_refused_with_their_own_reasons() {
    let mut desk = Desk::active();
    for (spoil, reason) in [
        (
            (|r| r.instrument = InstrumentId(1)) as fn(&mut pinrail_types::record::QuoteRequest),
            Reason::UnknownInstrument,
        ),
        (
            |r| r.instrument = InstrumentId(u32::MAX),
            Reason::UnknownInstrument,
        ),
        (|r| r.client = ClientId(2), Reason::UnknownClient),
        (|r| r.client = ClientId(u32::MAX), Reason::UnknownClient),
        (|r| r.side = 1, Reason::BadSide),
        (|r| r.qty = Qty(0), Reason::QtyUnrepresentable),
        (|r| r.qty = Qty(i64::MIN), Reason::QtyUnrepresentable),
        (|r| r.qty = Qty(10_001), Reason::QtyAboveMax),
        (|r| r.qty = Qty(5_000), Reason::InsufficientDepth),
        (|r| r.quote_req_id = Text::EMPTY, Reason::BadField),
    ] {
        let mut request = desk.request(0, b'1', 10);
        spoil(&mut request);
        assert_eq!(answer(&desk.put(request)).unwrap_err(), reason, "{request:?}");
    }
    assert!(desk.engine.nothing_reserved());
}

#[test]
fn a_request_id_is_refused_until_as_many_quotes_came_as_there_are_places() {
    let mut desk = Desk::active();
    let request = desk.request(0, b'1', 10);
    let quote = answer(&desk.put(request)).unwrap();
    assert_eq!(
        answer(&desk.put(request)).unwrap_err(),
        Reason::DuplicateQuoteReqId
    );
    let mut other = request;
    other.client = ClientId(1);
    assert!(
        answer(&desk.put(other)).is_ok(),
        "another client's ids are its own"
    );
    desk.put(Desk::pass(&quote));
    let ended = desk.put(request);
    assert_eq!(answer(&ended).unwrap_err(), Reason::DuplicateQuoteReqId);
    // One place is the other client's, and every other is used before that of the quote that ended.
    for _ in 0..62 {
        let quote = desk.ask(0, b'1', 1).unwrap();
        desk.put(Desk::pass(&quote));
        assert_eq!(
            answer(&desk.put(request)).unwrap_err(),
            Reason::DuplicateQuoteReqId
        );
    }
    desk.ask(0, b'1', 1).unwrap();
    assert!(answer(&desk.put(request)).is_ok());
}

#[test]
fn the_bound_on_open_quotes_is_a_refusal() {
    let mut desk = Desk::active();
    for _ in 0..64 {
        desk.ask(0, b'1', 1).unwrap();
    }
    assert_eq!(desk.ask(0, b'1', 1).unwrap_err(), Reason::OpenQuotesFull);
}

#[test]
fn no_price_without_a_fresh_whole_book() {
    let mut desk = Desk::halted();
    desk.set_state(Scope::Global, 0, TradingState::Active);
    assert_eq!(desk.ask(0, b'1', 1).unwrap_err(), Reason::ReferenceMissing);

    let mut desk = Desk::active();
    desk.now += STALE_NS + 1;
    assert_eq!(desk.ask(0, b'1', 1).unwrap_err(), Reason::ReferenceStale);

    let mut desk = Desk::active();
    desk.book(VenueId(0), &[(9_000, 1)], &[], Flags::FIRST);
    assert_eq!(
        desk.ask(0, b'1', 1).unwrap().venues,
        1,
        "the book between two parts is left out"
    );
    let disconnected = VenueStatus {
        instrument: VenueStatus::ALL,
        venue: VenueId(1),
        kind: VenueStatusKind::Disconnected.byte(),
        ..Zeroable::zeroed()
    };
    desk.put(disconnected);
    assert_eq!(desk.ask(0, b'1', 1).unwrap_err(), Reason::ReferenceMissing);
}

#[test]
fn several_accepts_at_once_cannot_break_a_limit() {
    let mut desk = Desk::active();
    let mut limits = Desk::limits();
    limits.position_lots_max = Qty(250);
    desk.put(limits);
    let quotes: Vec<_> = (0..3).map(|_| desk.ask(0, b'1', 100)).collect();
    assert_eq!(quotes[2].unwrap_err(), Reason::PositionLimit);
    for quote in &quotes[..2] {
        filled(&desk.put(Desk::order(quote.as_ref().unwrap(), b'1'))).unwrap();
    }
    assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(-200));
    assert_eq!(desk.ask(0, b'1', 100).unwrap_err(), Reason::PositionLimit);
    assert!(desk.ask(0, b'2', 100).is_ok());
}

#[test]
fn credit_is_held_by_quotes_and_used_by_fills() {
    let mut desk = Desk::active();
    let credit_max = Amount::new(10_100 * 100 * 10);
    desk.put(ClientDef {
        credit_asset: AssetId(1),
        credit_max,
        ..Zeroable::zeroed()
    });
    let quote = desk.ask(0, b'1', 100).unwrap();
    assert_eq!(desk.ask(0, b'1', 100).unwrap_err(), Reason::CreditLimit);
    assert!(desk.ask(1, b'1', 100).is_ok(), "another client has its own");
    filled(&desk.put(Desk::order(&quote, b'1'))).unwrap();
    assert_eq!(desk.ask(0, b'1', 100).unwrap_err(), Reason::CreditLimit);
}

#[test]
fn the_desk_starts_halted_and_a_kill_withdraws_everything() {
    assert_eq!(Desk::halted().ask(0, b'1', 1).unwrap_err(), Reason::Halted);

    let mut desk = Desk::active();
    let quotes: Vec<_> = (0..60).map(|_| desk.ask(0, b'1', 1).unwrap()).collect();
    let out = desk.set_state(Scope::Global, 0, TradingState::Halted);
    assert_eq!(only::<StateChange>(&out).actor.to_string(), "tester");
    assert!(desk.engine.wants_continue());
    let last = quotes.last().unwrap();
    assert_eq!(
        filled(&desk.put(Desk::order(last, b'1'))),
        Err(Reason::Halted),
        "before its turn came"
    );
    while desk.engine.wants_continue() {
        desk.go_on();
    }
    assert_eq!(desk.engine.open_quotes(), 0);
    assert!(desk.engine.nothing_reserved());
    assert_eq!(desk.ask(0, b'1', 1).unwrap_err(), Reason::Halted);
    desk.set_state(Scope::Global, 0, TradingState::Active);
    assert!(desk.ask(0, b'1', 1).is_ok());
}

#[test]
fn a_halted_client_loses_its_own_quotes_only() {
    let mut desk = Desk::active();
    let mine = desk.ask(0, b'1', 1).unwrap();
    let theirs = desk.ask(1, b'1', 1).unwrap();
    desk.set_state(Scope::Client, 0, TradingState::Halted);
    while desk.engine.wants_continue() {
        desk.go_on();
    }
    assert_eq!(
        filled(&desk.put(Desk::order(&mine, b'1'))),
        Err(Reason::Withdrawn)
    );
    assert!(filled(&desk.put(Desk::order(&theirs, b'1'))).is_ok());
    assert_eq!(desk.ask(0, b'1', 1).unwrap_err(), Reason::ClientHalted);
}

#[test]
fn a_halted_venue_is_not_priced_from() {
    let mut desk = Desk::active();
    desk.set_state(Scope::Venue, 0, TradingState::Halted);
    let quote = desk.ask(0, b'1', 1).unwrap();
    assert_eq!((quote.venues, quote.ref_px), (1, Px(10_000)));
    assert!(quote.hedge_offer_px > Px(10_011));
    desk.set_state(Scope::Venue, 1, TradingState::Halted);
    assert_eq!(desk.ask(0, b'1', 1).unwrap_err(), Reason::ReferenceMissing);
}

#[test]
fn a_short_journal_allows_only_what_reduces() {
    let mut desk = Desk::active();
    let quote = desk.ask(0, b'1', 100).unwrap();
    filled(&desk.put(Desk::order(&quote, b'1'))).unwrap();
    desk.put(RuntimeEvent {
        kind: RuntimeEventKind::JournalShort.byte(),
        ..Zeroable::zeroed()
    });
    assert_eq!(desk.ask(0, b'1', 10).unwrap_err(), Reason::JournalShort);
    let closing = desk.ask(0, b'2', 100).unwrap();
    assert_eq!(
        desk.ask(0, b'2', 1).unwrap_err(),
        Reason::JournalShort,
        "the open quote would close it already"
    );
    filled(&desk.put(Desk::order(&closing, b'2'))).unwrap();
    assert_eq!(desk.engine.position(INSTRUMENT).qty, Qty(0));
    desk.put(RuntimeEvent {
        kind: RuntimeEventKind::JournalRoom.byte(),
        ..Zeroable::zeroed()
    });
    assert!(desk.ask(0, b'1', 10).is_ok());
}

#[test]
fn a_source_sequence_is_taken_once() {
    let mut desk = Desk::active();
    let source = SourceId(0);
    let request = desk.request(0, b'1', 1);
    desk.put_from(source, 5, request);
    let repeated = desk.request(0, b'1', 1);
    let out = desk.put_from(source, 5, repeated);
    assert_eq!(
        only::<InputReject>(&out).reason,
        Reason::DuplicateSourceSequence.code()
    );
    assert_eq!(desk.engine.last_source_seq(source), 5);
    let out = desk.put_from(SourceId(2), 1, repeated);
    assert_eq!(only::<InputReject>(&out).reason, Reason::NotPermitted.code());
}

#[test]
fn definitions_are_fixed_once_the_desk_was_active() {
    use pinrail_types::record::AssetDef;
    let mut desk = Desk::active();
    let out = desk.put(AssetDef {
        symbol: Text::new("ETH").unwrap(),
        ..Zeroable::zeroed()
    });
    assert_eq!(only::<InputReject>(&out).reason, Reason::BadDefinition.code());
}

#[test]
fn a_venue_that_does_not_list_the_instrument_and_a_record_that_is_no_input_are_refused() {
    let mut desk = Desk::halted();
    let reason = |out: &pinrail_engine::Out| only::<InputReject>(out).reason;
    let trade = Trade {
        venue: VenueId(7),
        ..Zeroable::zeroed()
    };
    assert_eq!(reason(&desk.put(trade)), Reason::NotListed.code());
    let output = desk.put(PositionReport::zeroed());
    assert_eq!(reason(&output), Reason::UnknownRecord.code());
}
