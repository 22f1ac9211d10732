//! Every step that a request and its quote can take is taken here, and every other one tried.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;
mod subscribers;

use std::collections::BTreeSet;

use bytemuck::Zeroable;
use desk::{Desk, TTL_NS, filled, only};
use pinrail_engine::Out;
use pinrail_oms::life::{QUOTE_STEPS, QuoteEvent, QuoteState, RFQ_STEPS, RfqEvent, RfqState, Said};
use pinrail_types::record::{
    BookUpdate, ClientDef, DealerPass, DealerQuote, DealerRequest, DealingRule, ExecType, ExecutionReport,
    InputReject, InstrumentDef, InstrumentLimits, LastLookDef, LastLookOutcome, LastLookReport, ListingDef,
    OrdStatus, Quote, QuoteCancel, QuoteCancelType, QuoteRequestReject, QuoteRespType, QuoteStatus,
    QuoteStatusReport, Scope, TierSpread, TradingState,
};
use pinrail_types::{
    Amount, AssetId, ClientId, Flags, Frame, InstrumentId, OutId, Px, Qty, Reason, Text, VenueId,
};
use subscribers::{drained, params};

/// A request, what became of it and its quote, and all that came out meanwhile.
struct Lived {
    desk: Desk,
    quote: Option<Quote>,
    outs: Vec<Out>,
}

impl Lived {
    /// Asks the desk, as one that has the price of it or not.
    fn asked(mut desk: Desk, client: u32, qty: i64) -> Lived {
        let request = desk.request(client, b'1', qty);
        let out = desk.put(request);
        let quote = out.find().next();
        Lived {
            quote,
            desk,
            outs: vec![out],
        }
    }

    fn quoted() -> Lived {
        Lived::asked(Desk::active(), 0, 100)
    }

    fn quote(&self) -> &Quote {
        self.quote.as_ref().unwrap()
    }

    /// What came of the request and its quote, in FIX.
    fn told(&self) -> Vec<Said> {
        let id = self.quote.map_or(OutId::NONE, |quote| quote.quote_id);
        let mut told = Vec::new();
        for frame in self.outs.iter().flat_map(|out| out.frames().collect::<Vec<_>>()) {
            if frame.get::<DealerRequest>().is_some() {
                told.push(Said::DealerRequest);
            } else if frame.get::<Quote>().is_some_and(|quote| quote.quote_id == id) {
                told.push(Said::Quote);
            } else if frame.get::<QuoteRequestReject>().is_some() && id.is_none() {
                told.push(Said::RequestReject);
            } else if let Some(report) = frame.get::<QuoteStatusReport>().filter(|it| it.quote_id == id) {
                told.push(Said::Status(QuoteStatus::from_byte(report.status).unwrap()));
            } else if let Some(report) = frame.get::<ExecutionReport>().filter(|it| it.quote_id == id) {
                let exec_type = ExecType::from_byte(report.exec_type).unwrap();
                let ord_status = OrdStatus::from_byte(report.ord_status).unwrap();
                told.push(Said::Execution(exec_type, ord_status));
            }
        }
        told
    }
}

fn refused_when_it_comes() -> Lived {
    Lived::asked(Desk::halted(), 0, 100)
}

fn refused_while_priced() -> Lived {
    Lived::asked(Desk::active(), 0, 5_000)
}

fn taken() -> Lived {
    let mut lived = Lived::quoted();
    let order = Desk::order(lived.quote(), b'1');
    lived.outs.push(lived.desk.put(order));
    lived
}

fn taken_in_part() -> Lived {
    let mut desk = Desk::active();
    let mut request = desk.request(0, b'1', 100);
    request.min_qty = Qty(1);
    let asked = desk.put(request);
    let quote = only::<Quote>(&asked);
    let mut order = Desk::order(&quote, b'1');
    order.qty = Qty(40);
    let taken = desk.put(order);
    Lived {
        desk,
        quote: Some(quote),
        outs: vec![asked, taken],
    }
}

/// Taken by a client whose tier has a last look.
fn held() -> Lived {
    let mut desk = Desk::active();
    desk.put(LastLookDef {
        hold_ns: 1_000,
        tolerance_e8: 10_000,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
    let mut lived = Lived::asked(desk, 0, 100);
    let order = Desk::order(lived.quote(), b'1');
    lived.outs.push(lived.desk.put(order));
    lived
}

fn held_and(spoil: fn(&mut Desk)) -> Lived {
    let mut lived = held();
    spoil(&mut lived.desk);
    lived.desk.now += 1_000;
    lived.outs.push(lived.desk.tick());
    lived
}

/// Waits for a dealer.
fn referred() -> Lived {
    let mut desk = Desk::active();
    desk.put(DealingRule {
        auto_lots_max: Qty(10),
        timeout_ns: 1_000,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
    Lived::asked(desk, 0, 100)
}

fn dealt(passes: bool) -> Lived {
    let mut lived = referred();
    let request_id = only::<DealerRequest>(&lived.outs[0]).request_id;
    let actor = Text::new("bob").unwrap();
    let out = if passes {
        lived.desk.put(DealerPass {
            request_id,
            actor,
            ..Zeroable::zeroed()
        })
    } else {
        lived.desk.put(DealerQuote {
            request_id,
            bid_px: Px::NONE,
            offer_px: Px(10_020),
            actor,
            ..Zeroable::zeroed()
        })
    };
    let quote = out.find().next();
    lived.quote = quote;
    lived.outs.push(out);
    lived
}

fn referred_and(end: fn(&mut Desk) -> Out) -> Lived {
    let mut lived = referred();
    let out = end(&mut lived.desk);
    lived.outs.push(out);
    lived.outs.extend(drained(&mut lived.desk));
    lived
}

fn responded(resp_type: QuoteRespType) -> Lived {
    let mut lived = Lived::quoted();
    let mut response = Desk::pass(lived.quote());
    response.resp_type = resp_type.byte();
    lived.outs.push(lived.desk.put(response));
    lived
}

fn expired() -> Lived {
    let mut lived = Lived::quoted();
    lived.desk.now += TTL_NS;
    lived.outs.push(lived.desk.tick());
    lived
}

fn killed() -> Lived {
    let mut lived = Lived::quoted();
    let out = lived.desk.set_state(Scope::Global, 0, TradingState::Halted);
    lived.outs.push(out);
    lived
}

fn cancel(quote: &Quote) -> QuoteCancel {
    QuoteCancel {
        quote_id: quote.quote_id,
        client: quote.client,
        cancel_type: QuoteCancelType::Specified.byte(),
        ..Zeroable::zeroed()
    }
}

fn cancelled() -> Lived {
    let mut lived = Lived::quoted();
    let cancel = cancel(lived.quote());
    lived.outs.push(lived.desk.put(cancel));
    lived
}

fn replaced() -> Lived {
    let mut desk = Desk::active();
    desk.put(params(0, 0));
    let mut request = desk.request(0, b'1', 100);
    request.subscription = b'1';
    let asked = desk.put(request);
    let quote = only::<Quote>(&asked);
    let mut outs = vec![asked];
    outs.push(desk.snapshot(VenueId(0), &[(9_990, 500)], &[(10_005, 500)]));
    outs.extend(drained(&mut desk));
    Lived {
        desk,
        quote: Some(quote),
        outs,
    }
}

/// An instrument in which a lot is worth so much that accounts of 128 bits are full after some thousand fills.
fn worth_too_much() -> Desk {
    let mut desk = Desk::halted();
    let instrument = InstrumentId(1);
    desk.put(InstrumentDef {
        instrument,
        quote: AssetId(1),
        tick_mantissa: 2_000,
        lot_mantissa: 2_000,
        ..Zeroable::zeroed()
    });
    desk.put(ListingDef {
        instrument,
        tick_multiple: 1,
        lot_multiple: 1,
        ..Zeroable::zeroed()
    });
    desk.put(TierSpread {
        instrument,
        ..Zeroable::zeroed()
    });
    desk.put(InstrumentLimits {
        instrument,
        qty_lots_max: Qty(Qty::ABS_MAX),
        notional_max: Amount::new(1 << 126),
        position_lots_max: Qty(Qty::ABS_MAX),
        ..Desk::limits()
    });
    for client in [ClientId(0), ClientId(1)] {
        desk.put(ClientDef {
            client,
            credit_asset: AssetId(1),
            credit_max: Amount::new(i128::MAX),
            ..Zeroable::zeroed()
        });
    }
    desk.set_state(Scope::Global, 0, TradingState::Active);
    let mut update = BookUpdate {
        instrument,
        ts_recv: desk.now,
        first_id: 1,
        last_id: 1,
        bids: 1,
        asks: 1,
        ..Zeroable::zeroed()
    };
    for (level, px) in update.levels.iter_mut().zip([10_000, 10_001]) {
        level.px = Px(px);
        level.qty = Qty(Qty::ABS_MAX);
    }
    let mut frame = Frame::of(&update);
    let whole = Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT);
    frame.header_mut().commit = update.commit_for(whole).pack();
    desk.put_again(&mut frame);
    desk
}

fn unbookable() -> Lived {
    unbookable_in(worth_too_much())
}

/// One client buys and another sells all the time, so that the house has nothing and they ever more.
fn unbookable_in(mut desk: Desk) -> Lived {
    let all = Qty::ABS_MAX;
    for n in 0..4_000 {
        let client = n % 2;
        let side = [b'1', b'2'][client as usize];
        let mut request = desk.request(client, side, all);
        request.instrument = InstrumentId(1);
        let asked = desk.put(request);
        let quote = only::<Quote>(&asked);
        let mut outs = vec![asked, desk.put(Desk::order(&quote, side))];
        if desk.engine.held_accepts() > 0 {
            desk.now += 1;
            outs.push(desk.tick());
        }
        if let Err(reason) = filled(outs.last().unwrap()) {
            assert_eq!(reason, Reason::Overflow);
            return Lived {
                desk,
                quote: Some(quote),
                outs,
            };
        }
    }
    panic!("the accounts are never full");
}

/// Every accept is held. What the look says is what becomes of it.
#[test]
fn what_is_held_and_can_not_be_booked_is_told_once() {
    let mut desk = worth_too_much();
    desk.put(LastLookDef {
        hold_ns: 1,
        tolerance_e8: 1,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    });
    let lived = unbookable_in(desk);
    let out = lived.outs.last().unwrap();
    let looked: LastLookReport = only(out);
    assert_eq!(
        (looked.outcome, looked.reason),
        (LastLookOutcome::Rejected.byte(), Reason::Overflow.code())
    );
    let state = lived.desk.engine.life(lived.quote.unwrap().quote_id);
    assert_eq!(state, Some((RfqState::Accepted, QuoteState::Rejected)));
    assert!(lived.desk.engine.nothing_reserved());
}

struct Case {
    name: &'static str,
    /// From [`RfqState::Received`] on.
    rfq: &'static [RfqEvent],
    /// From [`QuoteState::Active`] on.
    quote: &'static [QuoteEvent],
    run: fn() -> Lived,
}

impl Case {
    fn rfq_state(&self) -> RfqState {
        self.rfq
            .iter()
            .fold(RfqState::Received, |at, event| at.after(*event))
    }

    fn quote_state(&self) -> QuoteState {
        self.quote
            .iter()
            .fold(QuoteState::Active, |at, event| at.after(*event))
    }

    /// Runs it: the states are those that the tables lead to, and what is told is what they say.
    fn check(&self) {
        let lived = (self.run)();
        let mut said = Vec::new();
        let mut at = RfqState::Received;
        for event in self.rfq {
            said.push(at.step(*event).unwrap().said);
            at = at.after(*event);
        }
        let mut at = QuoteState::Active;
        for event in self.quote {
            said.push(at.step(*event).unwrap().said);
            at = at.after(*event);
        }
        said.retain(|said| *said != Said::Nothing);
        let has_quote = self.rfq.contains(&RfqEvent::Quote);
        assert_eq!(lived.quote.is_some(), has_quote, "{}", self.name);
        assert_eq!(lived.told(), said, "{}", self.name);
        if has_quote {
            let life = lived.desk.engine.life(lived.quote().quote_id);
            assert_eq!(
                life,
                Some((self.rfq_state(), self.quote_state())),
                "{}",
                self.name
            );
        }
    }
}

macro_rules! cases {
    ($($name:ident: [$($rfq:ident),*] [$($quote:ident),*] $run:expr;)+) => {
        const CASES: &[Case] = &[$(Case {
            name: stringify!($name),
            rfq: &[$(RfqEvent::$rfq),*],
            quote: &[$(QuoteEvent::$quote),*],
            run: $run,
        }),+];

        $(#[test]
        fn $name() {
            let case = CASES.iter().find(|case| case.name == stringify!($name));
            case.unwrap().check();
        })+
    };
}

cases! {
    a_request_is_refused_when_it_comes: [Refuse] [] refused_when_it_comes;
    a_request_is_refused_while_it_is_priced: [Price, Refuse] [] refused_while_priced;
    a_request_is_quoted: [Price, Quote] [] Lived::quoted;
    a_quote_is_taken_and_filled: [Price, Quote, Accept] [Take, Fill] taken;
    a_quote_is_taken_and_can_not_be_booked: [Price, Quote, Accept] [Take, Reject] unbookable;
    a_part_of_a_quote_is_filled: [Price, Quote, Accept] [Take, FillPart] taken_in_part;
    a_quote_is_held: [Price, Quote, Accept] [Hold] held;
    a_held_quote_is_filled: [Price, Quote, Accept] [Hold, Take, Fill] || held_and(|_| ());
    a_held_quote_is_refused: [Price, Quote, Accept] [Hold, Reject] || held_and(|desk| {
        desk.set_state(Scope::Global, 0, TradingState::Halted);
    });
    a_request_waits_for_a_dealer: [Refer] [] referred;
    a_dealer_quotes: [Refer, Quote] [] || dealt(false);
    a_dealer_passes: [Refer, Refuse] [] || dealt(true);
    no_dealer_answers: [Refer, Expire] [] || referred_and(|desk| {
        desk.now += 1_000;
        desk.tick()
    });
    a_waiting_request_is_withdrawn: [Refer, Cancel] []
        || referred_and(|desk| desk.set_state(Scope::Global, 0, TradingState::Halted));
    a_quote_is_passed: [Price, Quote, Pass] [Pass] || responded(QuoteRespType::Pass);
    a_client_is_done_away: [Price, Quote, DoneAway] [DoneAway] || responded(QuoteRespType::DoneAway);
    a_quote_expires: [Price, Quote, Expire] [Expire] expired;
    a_quote_is_withdrawn: [Price, Quote, Cancel] [Withdraw] killed;
    a_quote_is_cancelled: [Price, Quote, Cancel] [Cancel] cancelled;
    a_quote_is_replaced: [Price, Quote, Cancel] [Replace] replaced;
}

#[test]
fn every_step_of_the_tables_is_taken_by_a_case() {
    let (mut rfq, mut quote) = (BTreeSet::new(), BTreeSet::new());
    for case in CASES {
        let mut at = RfqState::Received;
        for event in case.rfq {
            rfq.insert((at, *event));
            at = at.after(*event);
        }
        let mut at = QuoteState::Active;
        for event in case.quote {
            quote.insert((at, *event));
            at = at.after(*event);
        }
    }
    let all_rfq = RFQ_STEPS.iter().map(|step| (step.from, step.event)).collect();
    let all_quote = QUOTE_STEPS.iter().map(|step| (step.from, step.event)).collect();
    assert_eq!((rfq, quote), (all_rfq, all_quote));
}

/// What a client, an operator or time can do to a quote, as what it would be if a step were made of it; the others come about
/// within an input only.
const TRIED: &[QuoteEvent] = &[
    QuoteEvent::Pass,
    QuoteEvent::DoneAway,
    QuoteEvent::Cancel,
    QuoteEvent::Take,
    QuoteEvent::Withdraw,
    QuoteEvent::Expire,
];

fn try_it(lived: &mut Lived, event: QuoteEvent) -> Vec<Out> {
    let (quote, desk) = (lived.quote.unwrap(), &mut lived.desk);
    let mut response = Desk::pass(&quote);
    let first = match event {
        QuoteEvent::Take => {
            let mut order = Desk::order(&quote, b'1');
            order.cl_ord_id = Text::new("another").unwrap();
            desk.put(order)
        }
        QuoteEvent::Cancel => desk.put(cancel(&quote)),
        QuoteEvent::DoneAway => {
            response.resp_type = QuoteRespType::DoneAway.byte();
            desk.put(response)
        }
        QuoteEvent::Withdraw => desk.set_state(Scope::Global, 0, TradingState::Halted),
        QuoteEvent::Expire => {
            desk.now += TTL_NS;
            desk.tick()
        }
        _ => desk.put(response),
    };
    let mut outs = vec![first];
    outs.extend(drained(desk));
    outs
}

#[test]
fn what_no_step_allows_is_refused_and_changes_nothing() {
    let mut tried = 0;
    for case in CASES.iter().filter(|case| case.rfq.contains(&RfqEvent::Quote)) {
        let is_held = case.quote_state() == QuoteState::Held;
        let tried_of_it = TRIED.iter().filter(|event| match event {
            // A hold that time passes over is resolved, and no client takes one twice.
            QuoteEvent::Expire if is_held => false,
            QuoteEvent::Take if is_held => true,
            event => case.quote_state().step(**event).is_none(),
        });
        for event in tried_of_it {
            let mut lived = (case.run)();
            let id = lived.quote().quote_id;
            let instrument = lived.quote().instrument;
            let state = |lived: &Lived| {
                let engine = &lived.desk.engine;
                let balance = engine.balance(pinrail_engine::Owner::House, AssetId(1));
                (engine.life(id), engine.position(instrument), balance)
            };
            let before = state(&lived);
            let outs = try_it(&mut lived, *event);
            assert_eq!(state(&lived), before, "{} {event:?}", case.name);
            let reasons: Vec<u16> = outs
                .iter()
                .flat_map(|out| {
                    let rejects = out.find::<InputReject>().map(|reject| reject.reason);
                    rejects.chain(out.find::<ExecutionReport>().map(|report| report.reason))
                })
                .collect();
            match event {
                // What is held resolves meanwhile, and does so by its own step.
                QuoteEvent::Withdraw | QuoteEvent::Expire => assert_eq!(reasons, []),
                _ => assert!(
                    matches!(reasons[..], [reason] if reason != 0),
                    "{} {event:?}",
                    case.name
                ),
            }
            lived.outs = outs;
            let told = lived.told();
            assert!(
                told.iter()
                    .all(|said| *said == Said::Execution(ExecType::Rejected, OrdStatus::Rejected)),
                "{} {event:?} {told:?}",
                case.name
            );
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}
