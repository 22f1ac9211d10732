//! A small journal, made by hand, and what it comes to.

use bytemuck::Zeroable;
use pinrail_types::record::{
    AssetDef, ClientDef, EpochStart, ExecType, ExecutionReport, InstrumentDef, MarkOut, MarkOutMiss,
    MultilegExecutionReport, MultilegQuote, MultilegQuoteLeg, MultilegQuoteReject, MultilegQuoteRequest,
    MultilegReportingType, ParentOrderReport, PartyKind, Quote, QuoteRequest, QuoteRequestReject,
    QuoteStatusReport, StreamState, TradeCaptureReport, TradeSource, VenueDef, VenueOrder,
};
use pinrail_types::{
    Amount, AssetId, ClientId, Commit, Flags, Frame, InstrumentId, OutId, Px, Qty, Reason, Record, Text,
    VenueId,
};

use super::report::{Line, Report, of};
use super::seen::Seen;
use crate::args::QualityBy;

const ACME: ClientId = ClientId(1);
const BOLT: ClientId = ClientId(2);

fn id(seq: u64) -> OutId {
    OutId {
        seq,
        epoch: 1,
        sub: 0,
    }
}

struct Journal {
    seen: Seen,
    seq: u64,
    cause: u64,
    now: u64,
}

impl Journal {
    fn new() -> Journal {
        let mut journal = Journal {
            seen: Seen::by(&[QualityBy::Client, QualityBy::Tier, QualityBy::Instrument]),
            seq: 0,
            cause: 0,
            now: 1_500,
        };
        for (asset, symbol) in [(0, "BTC"), (1, "USD")] {
            journal.put(AssetDef {
                asset: AssetId(asset),
                exponent: -8,
                symbol: Text::new(symbol).unwrap(),
                ..Zeroable::zeroed()
            });
        }
        // Ten units of the quote asset for one tick of one lot.
        journal.put(InstrumentDef {
            quote: AssetId(1),
            tick_mantissa: 1,
            tick_exponent: -2,
            lot_mantissa: 1,
            lot_exponent: -5,
            symbol: Text::new("BTC-USD").unwrap(),
            ..Zeroable::zeroed()
        });
        journal.put(VenueDef {
            name: Text::new("alpha").unwrap(),
            ..Zeroable::zeroed()
        });
        for (client, tier, name) in [(ACME, 2, "acme"), (BOLT, 0, "bolt")] {
            journal.put(ClientDef {
                client,
                tier,
                name: Text::new(name).unwrap(),
                ..Zeroable::zeroed()
            });
        }
        journal
    }

    fn put<R: Record>(&mut self, record: R) {
        self.put_as(record, Flags::NONE);
    }

    fn put_as<R: Record>(&mut self, record: R, flags: Flags) {
        let mut frame = Frame::of(&record);
        self.seq += 1;
        frame.header_mut().commit = R::commit(flags).pack();
        frame.header_mut().seq = self.seq;
        frame.header_mut().ts_core = self.now;
        if R::TYPE.is_input() {
            self.cause = self.seq;
        } else {
            frame.header_mut().cause = self.cause;
        }
        self.seen.take(&frame);
    }

    fn ask(&mut self, client: ClientId, subscription: u8) {
        let ts_recv = self.now - 500;
        self.put(QuoteRequest {
            client,
            subscription,
            ts_recv,
            ..Zeroable::zeroed()
        });
    }

    fn quote(&mut self, client: ClientId, n: u64, [bid, offer, ref_px]: [i64; 3], qty: i64) {
        self.put(Quote {
            quote_id: id(n),
            client,
            bid_px: Px(bid),
            offer_px: Px(offer),
            ref_px: Px(ref_px),
            qty: Qty(qty),
            ..Zeroable::zeroed()
        });
    }

    /// Who buys at first, then who sells, each with its fee.
    fn trade(&mut self, ref_id: u64, parties: [(PartyKind, u32, i128); 2], px: i64, qty: i64) {
        self.trade_in(0, ref_id, parties, px, qty);
    }

    fn trade_in(
        &mut self,
        instrument: u32,
        ref_id: u64,
        parties: [(PartyKind, u32, i128); 2],
        px: i64,
        qty: i64,
    ) {
        let [buyer, seller] = parties;
        let is_venue = parties.iter().any(|(kind, ..)| *kind == PartyKind::Venue);
        let source = if is_venue {
            TradeSource::Venue
        } else {
            TradeSource::Quote
        };
        self.put(TradeCaptureReport {
            instrument: InstrumentId(instrument),
            buyer: buyer.1,
            seller: seller.1,
            buyer_kind: buyer.0.byte(),
            seller_kind: seller.0.byte(),
            buyer_fee: Amount::new(buyer.2),
            seller_fee: Amount::new(seller.2),
            trade_source: source.byte(),
            px: Px(px),
            qty: Qty(qty),
            base: AssetId(0),
            quote: AssetId(1),
            fee_asset: AssetId(1),
            gross_trade_amt: Amount::new(i128::from(px * qty * 10)),
            ref_id: id(ref_id),
            ..Zeroable::zeroed()
        });
    }

    fn end(&mut self, client: ClientId, n: u64, reason: Reason) {
        self.put(QuoteStatusReport {
            quote_id: id(n),
            client,
            reason: reason.code(),
            ..Zeroable::zeroed()
        });
    }

    fn mark(&mut self, horizon_ns: u64, ref_px: Px, mid_px: Px) {
        self.put(MarkOut {
            client: ACME,
            px: Px(10_012),
            qty: Qty(100),
            side: b'1',
            ref_px,
            mid_px,
            horizon_ns,
            ..Zeroable::zeroed()
        });
    }

    fn refuse_accept(&mut self, flags: Flags) {
        let report = ExecutionReport {
            client: BOLT,
            quote_id: id(14),
            exec_type: ExecType::Rejected.byte(),
            reason: Reason::QuoteExpired.code(),
            ..Zeroable::zeroed()
        };
        self.put_as(report, flags);
    }

    fn report(&self) -> Report {
        of(&self.seen, "made".to_owned())
    }
}

const HOUSE: (PartyKind, u32, i128) = (PartyKind::House, 0, 0);

/// Two fills, a hedge of what they leave, and all that may become of quotes otherwise.
fn journal() -> Journal {
    let none = Px::NONE.0;
    let mut journal = Journal::new();
    journal.ask(ACME, 0);
    journal.quote(ACME, 10, [9_990, 10_012, 10_000], 100);
    journal.trade(10, [(PartyKind::Client, ACME.0, 500), HOUSE], 10_012, 100);
    journal.ask(BOLT, 0);
    journal.quote(BOLT, 11, [9_985, none, 10_001], 40);
    journal.trade(11, [HOUSE, (PartyKind::Client, BOLT.0, 0)], 9_985, 40);
    for (n, reason) in [
        (12, Reason::ClientPassed),
        (13, Reason::DoneAway),
        (14, Reason::QuoteExpired),
        (15, Reason::Withdrawn),
    ] {
        journal.ask(BOLT, b'0');
        journal.quote(BOLT, n, [none, 10_010, 10_000], 10);
        journal.end(BOLT, n, reason);
    }
    journal.ask(BOLT, 0);
    journal.put(QuoteRequestReject {
        client: BOLT,
        reason: Reason::Halted.code(),
        ..Zeroable::zeroed()
    });
    journal.refuse_accept(Flags::NONE);
    journal.refuse_accept(Flags::POSS_RESEND);
    journal.put(ParentOrderReport {
        parent_id: id(20),
        ref_px: Px(10_002),
        ..Zeroable::zeroed()
    });
    journal.put(VenueOrder {
        order_id: id(21),
        parent_id: id(20),
        ref_px: Px(10_008),
        venue: VenueId(0),
        ..Zeroable::zeroed()
    });
    let venue = (PartyKind::Venue, 0, 0);
    journal.trade(21, [(PartyKind::House, 0, 30), venue], 10_005, 50);
    journal.trade(21, [(PartyKind::House, 0, 9), venue], 10_001, 20);
    journal.mark(1_000, Px(10_001), Px(10_004));
    journal.mark(5_000, Px(10_001), Px::NONE);
    journal.put(MarkOutMiss {
        marks: 2,
        ..Zeroable::zeroed()
    });
    journal
}

fn line<'a>(report: &'a Report, by: &str, name: &str) -> &'a Line {
    let grouped = report.by.iter().find(|grouped| grouped.by == by).unwrap();
    grouped.lines.iter().find(|line| line.name == name).unwrap()
}

#[test]
fn a_small_journal_comes_to_what_it_comes_to_by_hand() {
    let report = journal().report();
    for (by, name) in [("client", "acme"), ("tier", "2")] {
        let acme = line(&report, by, name);
        assert_eq!((acme.requests, acme.quotes, acme.fills), (1, 1, 1));
        assert_eq!(acme.hit_rate_pct.as_deref(), Some("100.00"));
        let times = acme.time_to_quote.unwrap();
        assert_eq!(
            (times.count, times.ns_min, times.ns_max),
            (1, Some(500), Some(500))
        );
        let [money] = &acme.money[..] else {
            panic!("{:?}", acme.money)
        };
        // (10 + 12) ticks of 100 lots, of twice 10,000 ticks of them.
        assert_eq!(money.spread_quoted_bp.as_deref(), Some("11.00"));
        assert_eq!(money.spread_earned, "0.00012000");
        assert_eq!(money.spread_earned_bp.as_deref(), Some("11.99"));
        assert_eq!(
            (&money.notional[..], &money.client_fees[..]),
            ("0.10012000", "0.00000500")
        );
        // Of its hundred lots forty met the other client's; fifty cost 3 ticks each, ten of twenty gained one.
        assert_eq!(
            (&money.hedge_cost[..], &money.hedge_fees[..]),
            ("0.00001400", "0.00000034")
        );
        assert_eq!(money.net, "0.00011066");
        let [short, long] = &money.mark_outs[..] else {
            panic!("{:?}", money.mark_outs)
        };
        assert_eq!((short.horizon_ns, short.fills, short.missing), (1_000, 1, 0));
        assert_eq!(
            (&short.mark_out[..], short.mark_out_bp.as_deref()),
            ("0.00008000", Some("7.99"))
        );
        assert_eq!(
            (
                &short.adverse_selection[..],
                short.adverse_selection_bp.as_deref()
            ),
            ("0.00003000", Some("3.00"))
        );
        assert_eq!((long.horizon_ns, long.fills, long.missing), (5_000, 0, 1));
        assert_eq!(long.mark_out_bp, None);
    }
    let bolt = line(&report, "client", "bolt");
    assert_eq!((bolt.requests, bolt.quotes, bolt.fills), (6, 5, 1));
    assert_eq!((bolt.passed, bolt.done_away, bolt.expired), (1, 1, 1));
    assert_eq!((bolt.ended.len(), bolt.refused["Halted"]), (4, 1));
    assert_eq!(
        bolt.accepts_refused["QuoteExpired"], 1,
        "told twice, counted once"
    );
    assert_eq!(bolt.hit_rate_pct.as_deref(), Some("20.00"));
    let [money] = &bolt.money[..] else {
        panic!("{:?}", bolt.money)
    };
    assert_eq!(
        (&money.spread_earned[..], &money.hedge_cost[..]),
        ("0.00006400", "0.00000000")
    );
    let desk = line(&report, "client", "(desk)");
    assert_eq!(
        (&desk.money[0].hedge_cost[..], &desk.money[0].hedge_fees[..]),
        ("-0.00000100", "0.00000005")
    );
    assert_eq!(line(&report, "instrument", "BTC-USD").fills, 2);
    assert_eq!(report.all.money[0].hedge_cost, "0.00001300");
    assert_eq!(
        (report.left_out.resent_reports, report.left_out.marks_missed),
        (1, 2)
    );
    assert_eq!(
        (
            report.left_out.not_valued,
            report.left_out.trades_without_reference
        ),
        (0, 0)
    );
}

#[test]
fn venues_and_the_sources_of_profit_come_to_what_they_come_to_by_hand() {
    let report = journal().report();
    let [venue] = &report.venues[..] else {
        panic!("{:?}", report.venues)
    };
    assert_eq!((&venue.venue[..], venue.orders, venue.fills), ("alpha", 1, 2));
    assert_eq!((&venue.cost[..], &venue.fees[..]), ("0.00001300", "0.00000039"));
    let [profit] = &report.profit[..] else {
        panic!("{:?}", report.profit)
    };
    assert_eq!(profit.position_lots, 10);
    assert_eq!(
        (&profit.spread[..], &profit.hedging[..]),
        ("0.00018400", "-0.00001300")
    );
    assert_eq!(
        (&profit.fees[..], &profit.cash[..]),
        ("0.00000461", "-0.00984239")
    );
    assert_eq!(profit.inventory.as_deref(), Some("-0.00001400"));
    assert_eq!(profit.total.as_deref(), Some("0.00016161"));
}

#[test]
fn streams_stand_apart() {
    let mut journal = Journal::new();
    journal.ask(ACME, b'1');
    journal.quote(ACME, 10, [9_990, 10_010, 10_000], 100);
    // Quoted anew by a book.
    journal.put(VenueDef::zeroed());
    journal.quote(ACME, 11, [9_991, 10_011, 10_001], 100);
    journal.end(ACME, 10, Reason::QuoteReplaced);
    journal.trade(11, [(PartyKind::Client, ACME.0, 0), HOUSE], 10_011, 100);
    journal.put(QuoteRequestReject {
        client: ACME,
        reason: Reason::Unsubscribed.code(),
        stream: StreamState::Ended.byte(),
        ..Zeroable::zeroed()
    });
    let all = journal.report().all;
    assert_eq!((all.requests, all.quotes, all.fills), (0, 0, 0));
    assert_eq!((all.streams, all.stream_quotes, all.stream_fills), (1, 2, 1));
    assert_eq!(
        (all.refused.len(), all.hit_rate_pct, all.time_to_quote.is_none()),
        (0, None, true)
    );
    assert_eq!(all.money[0].spread_earned, "0.00010000");
}

#[test]
fn what_the_journal_does_not_hold_is_told() {
    let mut journal = Journal::new();
    let other = Commit {
        version: 9,
        ..Quote::commit(Flags::NONE)
    };
    let mut frame = Frame::of(&Quote::zeroed());
    frame.header_mut().commit = other.pack();
    journal.seen.take(&frame);
    journal.trade(10, [(PartyKind::Client, ACME.0, 0), HOUSE], 10_012, 100);
    journal.trade(
        21,
        [(PartyKind::House, 0, 0), (PartyKind::Venue, 7, 0)],
        10_005,
        100,
    );
    journal.put(Quote {
        instrument: InstrumentId(5),
        offer_px: Px(1),
        bid_px: Px::NONE,
        qty: Qty(1),
        ..Zeroable::zeroed()
    });
    let report = journal.report();
    let left_out = &report.left_out;
    assert_eq!(
        (
            left_out.other_layouts,
            left_out.trades_without_reference,
            left_out.not_valued
        ),
        (1, 2, 1)
    );
    assert_eq!(report.all.money.iter().map(|money| money.fills).sum::<u64>(), 1);
    assert_eq!(report.venues[0].venue, "7");
    let profit = &report.profit[0];
    // Sold at 10,012 and bought at 10,005: nobody knows what of it was spread.
    assert_eq!(
        (&profit.spread[..], profit.total.as_deref()),
        ("0.00000000", Some("0.00007000"))
    );
}

#[test]
fn playback_begins_from_nothing_and_what_was_held_stays_earned() {
    let mut journal = journal();
    journal.put(EpochStart {
        playback: 1,
        ..Zeroable::zeroed()
    });
    journal.ask(ACME, 0);
    journal.quote(ACME, 90, [Px::NONE.0, 10_010, 10_000], 1);
    let report = journal.report();
    let profit = &report.profit[0];
    assert_eq!(
        (profit.position_lots, profit.total.as_deref()),
        (0, Some("0.00016161"))
    );
}

/// A package of two legs that is filled and one leg of it hedged, one that is passed on, and one that is refused.
fn packages() -> Journal {
    let mut journal = Journal::new();
    journal.put(InstrumentDef {
        instrument: InstrumentId(1),
        quote: AssetId(1),
        tick_mantissa: 1,
        tick_exponent: -2,
        lot_mantissa: 1,
        lot_exponent: -5,
        symbol: Text::new("BTC-PERP").unwrap(),
        ..Zeroable::zeroed()
    });
    for n in [30, 31] {
        let ts_recv = journal.now - 700;
        journal.put(MultilegQuoteRequest {
            client: ACME,
            ts_recv,
            ..Zeroable::zeroed()
        });
        journal.put(MultilegQuote {
            quote_id: id(n),
            client: ACME,
            legs: 2,
            ..Zeroable::zeroed()
        });
        for (instrument, prices) in [(0, [9_990, 10_012, 10_000]), (1, [8_995, Px::NONE.0, 9_000])] {
            let [bid_px, offer_px, ref_px] = prices.map(Px);
            journal.put(MultilegQuoteLeg {
                quote_id: id(n),
                instrument: InstrumentId(instrument),
                leg: instrument as u8,
                qty: Qty(100),
                bid_px,
                offer_px,
                ref_px,
                ..Zeroable::zeroed()
            });
        }
    }
    let report = MultilegExecutionReport {
        client: ACME,
        quote_id: id(30),
        exec_type: ExecType::Trade.byte(),
        reporting_type: MultilegReportingType::Package.byte(),
        legs: 2,
        ..Zeroable::zeroed()
    };
    journal.put(report);
    for leg in 0..2 {
        journal.put(MultilegExecutionReport {
            reporting_type: MultilegReportingType::Leg.byte(),
            leg,
            ..report
        });
    }
    journal.put_as(report, Flags::POSS_RESEND);
    let acme = (PartyKind::Client, ACME.0, 0);
    journal.trade(30, [acme, HOUSE], 10_012, 100);
    journal.trade_in(1, 30, [HOUSE, acme], 8_995, 100);
    journal.put(VenueOrder {
        order_id: id(40),
        ref_px: Px(9_000),
        instrument: InstrumentId(1),
        ..Zeroable::zeroed()
    });
    journal.trade_in(1, 40, [(PartyKind::Venue, 0, 0), HOUSE], 8_998, 100);
    journal.put(MarkOut {
        quote_id: id(30),
        client: ACME,
        instrument: InstrumentId(1),
        px: Px(8_995),
        qty: Qty(100),
        side: b'2',
        ref_px: Px(9_000),
        mid_px: Px(8_990),
        horizon_ns: 1_000,
        ..Zeroable::zeroed()
    });
    journal.end(ACME, 31, Reason::ClientPassed);
    journal.put(MultilegExecutionReport {
        quote_id: id(31),
        exec_type: ExecType::Rejected.byte(),
        reason: Reason::QuoteExpired.code(),
        legs: 0,
        ..report
    });
    journal.put(MultilegQuoteRequest {
        client: ACME,
        ..Zeroable::zeroed()
    });
    journal.put(MultilegQuoteReject {
        client: ACME,
        reason: Reason::LegRepeated.code(),
        ..Zeroable::zeroed()
    });
    // And one that is no package.
    journal.ask(ACME, 0);
    journal.quote(ACME, 50, [9_990, 10_012, 10_000], 100);
    journal
}

#[test]
fn a_package_counts_once_and_is_worth_what_its_legs_are() {
    let report = packages().report();
    let by_client = line(&report, "client", "acme");
    let by_instrument = line(&report, "instrument", "(packages)");
    for (of, others) in [(&report.packages, 0), (by_instrument, 0), (by_client, 1)] {
        assert_eq!(
            (of.requests, of.quotes, of.fills, of.passed),
            (3 + others, 2 + others, 1, 1),
            "{}",
            of.name
        );
        assert_eq!(
            (of.refused["LegRepeated"], of.accepts_refused["QuoteExpired"]),
            (1, 1)
        );
        let times = of.time_to_quote.unwrap();
        assert_eq!((times.count, times.ns_max), (2 + others, Some(700)));
    }
    assert_eq!(report.packages.hit_rate_pct.as_deref(), Some("50.00"));
    // Of each leg apart: 12 and 5 ticks of 100 lots; the second was hedged at 2 ticks, and the market went 10 ticks on.
    for (symbol, spread, hedge) in [
        ("BTC-USD", "0.00012000", "0.00000000"),
        ("BTC-PERP", "0.00005000", "0.00002000"),
    ] {
        let of = line(&report, "instrument", symbol);
        assert_eq!(of.fills, 0, "the package's");
        let money = &of.money[0];
        assert_eq!((&money.spread_earned[..], &money.hedge_cost[..]), (spread, hedge));
    }
    let [money] = &report.packages.money[..] else {
        panic!("{:?}", report.packages.money)
    };
    assert_eq!(
        (money.fills, &money.spread_earned[..], &money.hedge_cost[..]),
        (2, "0.00017000", "0.00002000")
    );
    // Twice (10 + 12) ticks of twice 10,000, and 5 of 9,000.
    assert_eq!(money.spread_quoted_bp.as_deref(), Some("9.31"));
    let [mark] = &money.mark_outs[..] else {
        panic!("{:?}", money.mark_outs)
    };
    assert_eq!(
        (&mark.mark_out[..], &mark.adverse_selection[..]),
        ("-0.00005000", "0.00010000")
    );
    let left_out = &report.left_out;
    assert_eq!(
        (
            left_out.trades_without_reference,
            left_out.not_valued,
            left_out.resent_reports
        ),
        (0, 0, 1)
    );
}
