//! Clients that ask for packages, against a desk that quotes, refuses and fills them.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};

use bytemuck::Zeroable;
use pinrail_sim::{
    ClientConfigError, ClientFlow, ClientFlowConfig, PackageRange, RequestRange, UNKNOWN_INSTRUMENT,
};
use pinrail_types::record::{
    ExecType, MultilegExecutionReport, MultilegQuote, MultilegQuoteLeg, MultilegQuoteReject,
    MultilegQuoteRequest, MultilegReportingType, NewOrderMultileg, Quote, QuoteRequest, QuoteResponse,
    TopOfBook,
};
use pinrail_types::{Amount, Flags, Frame, InstrumentId, OutId, Px, Qty, Record, SessionId, Side};

const START_NS: u64 = 1_700_000_000_000_000_000;
const SPOT: InstrumentId = InstrumentId(0);
const FUTURE: InstrumentId = InstrumentId(1);
const ODD: InstrumentId = InstrumentId(2);
const SESSION: SessionId = SessionId(3);

fn config() -> ClientFlowConfig {
    let range = |instrument| RequestRange {
        instrument,
        qty_lots_min: Qty(10),
        qty_lots_max: Qty(100),
        qty_lots_step: Qty(10),
    };
    ClientFlowConfig {
        clients: 5,
        session: SESSION,
        instruments: vec![range(SPOT), range(FUTURE)],
        interval_ns_mean: 1_000_000,
        end_ns: u64::MAX,
        two_sided_e8: 30_000_000,
        bad_e8: 20_000_000,
        accept_e8: 50_000_000,
        pass_e8: 20_000_000,
        view_e8_max: 0,
        packages: vec![PackageRange {
            legs: vec![(SPOT, Side::Buy, Qty(10)), (FUTURE, Side::Sell, Qty(20))],
            units_max: Qty(5),
        }],
        packages_e8: 50_000_000,
        odd_leg: Some(ODD),
        reaction_ns_min: 200_000,
        reaction_ns_max: 5_000_000,
        open_max: 1_024,
    }
}

/// A desk that quotes each package at set prices of its legs.
#[derive(Default)]
struct Desk {
    asked: BTreeSet<Vec<u8>>,
    orders: BTreeMap<Vec<u8>, NewOrderMultileg>,
    outputs: Vec<Frame>,
}

impl Desk {
    fn tell<R: Record>(&mut self, record: R, now: u64, flags: Flags) {
        let mut frame = Frame::of(&record);
        frame.header_mut().ts_core = now;
        frame.header_mut().commit = R::commit(flags).pack();
        self.outputs.push(frame);
    }

    fn on_request(&mut self, request: &MultilegQuoteRequest, now: u64) {
        let is_new = self.asked.insert(request.quote_req_id.as_bytes().to_vec());
        let places = request.places();
        let is_known = places[..2].iter().all(|(id, ..)| *id == SPOT || *id == FUTURE);
        if !is_new || !is_known || request.units == Qty::ZERO {
            let reject = MultilegQuoteReject {
                quote_req_id: request.quote_req_id,
                session: request.session,
                reason: 1,
                ..Zeroable::zeroed()
            };
            return self.tell(reject, now, Flags::NONE);
        }
        let quote_id = OutId {
            seq: now,
            epoch: 1,
            sub: 0,
        };
        let quote = MultilegQuote {
            quote_req_id: request.quote_req_id,
            quote_id,
            client: request.client,
            session: request.session,
            units: request.units,
            bid_amt: Amount::new(-30),
            offer_amt: Amount::new(50),
            side: request.side,
            legs: 2,
            ..Zeroable::zeroed()
        };
        self.tell(quote, now, Flags::NONE);
        for (leg, (instrument, side, ratio_qty)) in places[..2].iter().enumerate() {
            let quoted = MultilegQuoteLeg {
                quote_id,
                instrument: *instrument,
                leg: leg as u8,
                side: *side,
                ratio_qty: *ratio_qty,
                bid_px: Px(990),
                offer_px: Px(1_010),
                ..Zeroable::zeroed()
            };
            self.tell(quoted, now, Flags::NONE);
        }
    }

    fn on_order(&mut self, order: &NewOrderMultileg, now: u64) {
        let known = self.orders.insert(order.cl_ord_id.as_bytes().to_vec(), *order);
        let flags = if known.is_some() {
            Flags::POSS_RESEND
        } else {
            Flags::NONE
        };
        let report = MultilegExecutionReport {
            cl_ord_id: order.cl_ord_id,
            session: order.session,
            exec_type: ExecType::Trade.byte(),
            reporting_type: MultilegReportingType::Package.byte(),
            ..Zeroable::zeroed()
        };
        self.tell(report, now, flags);
        let leg = MultilegExecutionReport {
            reporting_type: MultilegReportingType::Leg.byte(),
            ..report
        };
        self.tell(leg, now, flags);
    }
}

/// Plays so many messages, each answered before anything else.
fn play(flow: &mut ClientFlow, messages: usize) -> (Vec<Frame>, Desk) {
    let (mut desk, mut taken) = (Desk::default(), Vec::new());
    while taken.len() < messages {
        let Some(due) = flow.next_due() else { break };
        let frame = flow.take();
        if let Some(request) = frame.get::<MultilegQuoteRequest>() {
            assert_eq!((request.session, request.ts_recv), (SESSION, due));
            desk.on_request(request, due);
        } else if let Some(order) = frame.get::<NewOrderMultileg>() {
            desk.on_order(order, due);
        } else if let Some(request) = frame.get::<QuoteRequest>() {
            let quote = Quote {
                quote_req_id: request.quote_req_id,
                session: request.session,
                ..Zeroable::zeroed()
            };
            desk.tell(quote, due, Flags::NONE);
        }
        let mut waits = flow.awaits_answer();
        for output in core::mem::take(&mut desk.outputs) {
            // Not answered before the last leg is told.
            let is_quote = output.get::<MultilegQuote>().is_some();
            flow.on_output(&output);
            assert!(waits == flow.awaits_answer() || !is_quote);
            waits = flow.awaits_answer();
        }
        assert!(!waits);
        taken.push(frame);
    }
    (taken, desk)
}

fn all<R: Record>(taken: &[Frame]) -> Vec<R> {
    taken
        .iter()
        .filter_map(|frame| frame.get::<R>().copied())
        .collect()
}

#[test]
fn packages_are_asked_for_taken_passed_on_and_let_expire() {
    let mut flow = ClientFlow::new(config(), 9, START_NS).unwrap();
    let (taken, desk) = play(&mut flow, 20_000);
    let requests: Vec<MultilegQuoteRequest> = all(&taken);
    let orders: Vec<NewOrderMultileg> = all(&taken);
    let counts = flow.counts();
    assert_eq!(counts.package_requests, requests.len() as u64);
    assert_eq!(
        counts.requests,
        counts.package_requests + all::<QuoteRequest>(&taken).len() as u64
    );
    // Half of the requests, a fifth of them bad.
    let share = requests.len() * 100 / counts.requests as usize;
    assert!((45..=55).contains(&share), "{share}");
    let units: BTreeSet<i64> = requests.iter().map(|request| request.units.0).collect();
    assert_eq!(units, (0..=5).collect());
    for order in &orders {
        let price = if order.side == Side::Buy.fix() { 50 } else { -30 };
        assert_eq!((order.price_amt.get(), order.session), (price, SESSION));
        assert!(order.units > Qty::ZERO);
    }
    let sides: BTreeSet<u8> = orders.iter().map(|order| order.side).collect();
    assert_eq!(sides.len(), 2);
    assert!(!all::<QuoteResponse>(&taken).is_empty());
    // An order that is sent twice is filled once.
    assert!(orders.len() > desk.orders.len());
    assert_eq!(counts.package_fills, desk.orders.len() as u64);
    for order in &orders {
        let first = &desk.orders[order.cl_ord_id.as_bytes()];
        assert_eq!(
            (order.quote_id, order.price_amt),
            (first.quote_id, first.price_amt)
        );
    }
}

#[test]
fn what_is_asked_wrongly_is_of_each_kind() {
    let mut flow = ClientFlow::new(config(), 5, START_NS).unwrap();
    let (taken, _) = play(&mut flow, 20_000);
    let requests: Vec<MultilegQuoteRequest> = all(&taken);
    let has =
        |is_one: &dyn Fn(&MultilegQuoteRequest) -> bool| requests.iter().filter(|of| is_one(of)).count();
    assert!(has(&|of| of.leg_1_instrument == UNKNOWN_INSTRUMENT) > 100);
    assert!(has(&|of| of.leg_1_instrument == ODD) > 100);
    assert!(has(&|of| of.units == Qty::ZERO) > 100);
    let names: BTreeSet<_> = requests
        .iter()
        .map(|of| of.quote_req_id.as_bytes().to_vec())
        .collect();
    let again = requests.len() - names.len();
    assert!(again > 100, "{again}");
    let twice = all::<NewOrderMultileg>(&taken).len() - {
        let orders: BTreeSet<_> = all::<NewOrderMultileg>(&taken)
            .iter()
            .map(|of| of.cl_ord_id.as_bytes().to_vec())
            .collect();
        orders.len()
    };
    // Some were drawn to be and their second is still to come.
    let repeats = flow.counts().repeats as usize;
    assert!(
        (again + twice..again + twice + 50).contains(&repeats),
        "{again} {twice} {repeats}"
    );
}

#[test]
fn a_package_is_taken_only_if_each_leg_is_near_its_market() {
    for (future_mid, is_taken) in [(1_000, true), (900, false)] {
        let mut flow = ClientFlow::new(
            ClientFlowConfig {
                view_e8_max: 10_000_000,
                accept_e8: 100_000_000,
                pass_e8: 0,
                bad_e8: 0,
                two_sided_e8: 0,
                packages_e8: 100_000_000,
                ..config()
            },
            9,
            START_NS,
        )
        .unwrap();
        for (instrument, mid) in [(SPOT, 1_000), (FUTURE, future_mid)] {
            flow.on_top(&TopOfBook {
                instrument,
                bid_px: Px(mid - 1),
                ask_px: Px(mid + 1),
                ..Zeroable::zeroed()
            });
        }
        let (taken, _) = play(&mut flow, 2_000);
        let orders: Vec<NewOrderMultileg> = all(&taken);
        // Who sells the package buys the future, a tenth too dear.
        let sells = orders.iter().any(|order| order.side == Side::Sell.fix());
        assert_eq!(sells, is_taken);
        assert!(orders.iter().any(|order| order.side == Side::Buy.fix()));
    }
}

#[test]
fn without_packages_nothing_is_drawn_for_them_and_a_seed_makes_a_flow_again() {
    let flow = |change: fn(&mut ClientFlowConfig)| {
        let mut config = config();
        change(&mut config);
        let mut flow = ClientFlow::new(config, 9, START_NS).unwrap();
        let (taken, _) = play(&mut flow, 3_000);
        taken
            .iter()
            .map(|frame| frame.words().to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(flow(|_| ()), flow(|_| ()));
    let none = flow(|config| config.packages.clear());
    let of_no_share = flow(|config| {
        config.packages.clear();
        config.packages_e8 = 0;
    });
    assert_eq!(none, of_no_share);
    assert!(none != flow(|_| ()));
}

#[test]
fn packages_that_are_none_are_refused() {
    let spot = (SPOT, Side::Buy, Qty(1));
    let future = (FUTURE, Side::Sell, Qty(1));
    for (legs, units_max) in [
        (vec![spot], 5),
        (vec![spot; 2], 5),
        (vec![spot, (FUTURE, Side::Sell, Qty(0))], 5),
        (vec![spot, future], 0),
        (vec![spot, (FUTURE, Side::Sell, Qty(1 << 40))], 1 << 40),
        ((0..5).map(|n| (InstrumentId(n), Side::Buy, Qty(1))).collect(), 5),
    ] {
        let package = PackageRange {
            legs,
            units_max: Qty(units_max),
        };
        let config = ClientFlowConfig {
            packages: vec![package.clone()],
            ..config()
        };
        let outcome = ClientFlow::new(config, 1, START_NS);
        assert_eq!(outcome.unwrap_err(), ClientConfigError::Package(package));
    }
    let share = ClientFlowConfig {
        packages_e8: 100_000_001,
        ..config()
    };
    assert!(matches!(
        ClientFlow::new(share, 1, START_NS).unwrap_err(),
        ClientConfigError::Share {
            name: "packages_e8",
            ..
        }
    ));
}
