//! A client flow against a desk that answers at once, late, wrongly or not at all.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::VecDeque;

use bytemuck::Zeroable;
use common::Fnv;
use pinrail_sim::{ClientConfigError, ClientFlow, ClientFlowConfig, RequestRange, UNKNOWN_INSTRUMENT};
use pinrail_types::record::{
    ExecType, ExecutionReport, NewOrderSingle, OrdType, Quote, QuoteRequest, QuoteRequestReject,
    QuoteRespType, QuoteResponse, QuoteStatusReport, TWO_SIDED, TopOfBook,
};
use pinrail_types::{ClientId, Frame, InstrumentId, OutId, Px, Qty, Reason, SessionId, Side};
use proptest::prelude::*;

const START_NS: u64 = 1_700_000_000_000_000_000;
const BID: Px = Px(999);
const OFFER: Px = Px(1_001);

fn config() -> ClientFlowConfig {
    let range = |instrument, step| RequestRange {
        instrument: InstrumentId(instrument),
        qty_lots_min: Qty(1_500),
        qty_lots_max: Qty(50_000),
        qty_lots_step: Qty(step),
    };
    ClientFlowConfig {
        clients: 50,
        session: SessionId(3),
        instruments: vec![range(0, 1_000), range(1, 1)],
        interval_ns_mean: 1_000_000,
        end_ns: u64::MAX,
        two_sided_e8: 30_000_000,
        bad_e8: 2_000_000,
        accept_e8: 40_000_000,
        pass_e8: 20_000_000,
        view_e8_max: 0,
        packages: Vec::new(),
        packages_e8: 0,
        odd_leg: None,
        reaction_ns_min: 200_000,
        reaction_ns_max: 5_000_000,
        open_max: 1_024,
    }
}

fn flow(config: ClientFlowConfig) -> ClientFlow {
    ClientFlow::new(config, 9, START_NS).unwrap()
}

/// The desk's answer to a request, at core time `now`: the same for the same request.
fn answer(request: &QuoteRequest, now: u64) -> Frame {
    let refused = !(1_500..=50_000).contains(&request.qty.0)
        || (request.instrument.0 == 0 && request.qty.0 % 1_000 != 0)
        || request.instrument.0 > 1;
    let mut frame = if refused {
        Frame::of(&QuoteRequestReject {
            quote_req_id: request.quote_req_id,
            client: request.client,
            reason: Reason::QtyOffGrid.code(),
            session: request.session,
            ..QuoteRequestReject::zeroed()
        })
    } else {
        Frame::of(&Quote {
            quote_req_id: request.quote_req_id,
            quote_id: OutId {
                seq: now,
                epoch: 1,
                sub: 0,
            },
            client: request.client,
            instrument: request.instrument,
            bid_px: if request.side == Side::Buy.fix() {
                Px::NONE
            } else {
                BID
            },
            offer_px: if request.side == Side::Sell.fix() {
                Px::NONE
            } else {
                OFFER
            },
            qty: request.qty,
            session: request.session,
            side: request.side,
            ..Quote::zeroed()
        })
    };
    frame.header_mut().ts_core = now;
    frame
}

/// Plays `messages` messages as a playback does: each request is answered at its due time, before anything else.
fn play(flow: &mut ClientFlow, messages: usize) -> Vec<Frame> {
    let mut taken = Vec::new();
    while taken.len() < messages {
        let Some(due) = flow.next_due() else { break };
        let frame = flow.take();
        if let Some(request) = frame.get::<QuoteRequest>() {
            assert!(flow.awaits_answer());
            flow.on_output(&answer(request, due));
        }
        assert!(!flow.awaits_answer());
        taken.push(frame);
    }
    taken
}

fn ts_recv(frame: &Frame) -> u64 {
    None.or(frame.get::<QuoteRequest>().map(|r| r.ts_recv))
        .or(frame.get::<NewOrderSingle>().map(|r| r.ts_recv))
        .or(frame.get::<QuoteResponse>().map(|r| r.ts_recv))
        .unwrap()
}

#[test]
fn same_seed_same_bytes() {
    let hash = || {
        let mut hash = Fnv::default();
        for frame in &play(&mut flow(config()), 10_000) {
            hash.add(frame);
        }
        hash.0
    };
    assert_eq!(hash(), hash());
    // Whoever changes this number changes what every recorded simulation of a seed looks like.
    assert_eq!(hash(), 0x5772_e13c_b852_507d, "{:#x}", hash());
}

#[test]
fn requests_and_reactions_come_in_the_shares_that_were_asked_for() {
    let mut flow = flow(config());
    let taken = play(&mut flow, 30_000);
    let requests: Vec<&QuoteRequest> = taken.iter().filter_map(Frame::get).collect();
    let n = requests.len() as u64;
    let counts = flow.counts();
    assert_eq!((counts.requests, counts.quotes + counts.rejects), (n, n));
    assert_eq!(counts.rejects, counts.bad_requests);
    assert_eq!(
        (
            counts.requests_given_up,
            counts.reactions_dropped,
            counts.answers_unmatched
        ),
        (0, 0, 0)
    );
    // Six standard deviations of a share of about 19,000 are at most 2.2 %.
    let near =
        |part: u64, whole: u64, percent: u64| (part * 100).abs_diff(whole * percent) * 10 <= whole * 22;
    let two_sided = requests.iter().filter(|r| r.side == TWO_SIDED).count() as u64;
    let buys = requests.iter().filter(|r| r.side == Side::Buy.fix()).count() as u64;
    assert!(
        near(two_sided, n, 30) && near(buys, n, 35),
        "{two_sided} and {buys} of {n}"
    );
    assert!(
        near(counts.bad_requests, n, 2) && counts.bad_requests > n / 100,
        "{counts:?}"
    );
    assert!(
        near(counts.orders, counts.quotes, 40) && near(counts.passes, counts.quotes, 20),
        "{counts:?}"
    );
    let span_ns = requests[requests.len() - 1].ts_recv - START_NS;
    assert!(near(span_ns, n * 1_000_000, 100), "{n} requests in {span_ns} ns");
    for client in 0..50 {
        let asked = requests.iter().filter(|r| r.client == ClientId(client)).count() as u64;
        assert!(
            (asked * 50).abs_diff(n) * 3 < n,
            "client {client} asked {asked} times"
        );
    }
    let bad = |is: fn(&QuoteRequest) -> bool| requests.iter().filter(|r| is(r)).count();
    assert!(bad(|r| r.instrument == UNKNOWN_INSTRUMENT) > 50);
    assert!(bad(|r| r.qty == Qty::ZERO) > 50);
    assert!(bad(|r| r.instrument.0 == 0 && r.qty.0 % 1_000 != 0) > 20);
}

#[test]
fn ids_count_up_and_an_order_bears_its_requests_number() {
    let taken = play(&mut flow(config()), 2_000);
    let requests: Vec<&QuoteRequest> = taken.iter().filter_map(Frame::get).collect();
    for (i, request) in requests.iter().enumerate() {
        assert_eq!(request.quote_req_id.to_string(), format!("R{:08}", i + 1));
        assert!(request.session == SessionId(3) && request.client.0 < 50);
    }
    let orders: Vec<&NewOrderSingle> = taken.iter().filter_map(Frame::get).collect();
    assert!(orders.len() > 100);
    for order in orders {
        let number = order.cl_ord_id.to_string().replacen('O', "R", 1);
        let request = requests
            .iter()
            .find(|r| r.quote_req_id.to_string() == number)
            .unwrap();
        let quoted_at = request.ts_recv;
        assert_eq!(order.quote_id.seq, quoted_at);
        assert!((200_000..=5_000_000).contains(&(order.ts_recv - quoted_at)));
        assert_eq!(
            (order.client, order.instrument, order.qty, order.session),
            (request.client, request.instrument, request.qty, request.session)
        );
        assert_eq!(order.ord_type, OrdType::PreviouslyQuoted.byte());
        let side = Side::from_fix(order.side).unwrap();
        assert_eq!(order.px, if side == Side::Buy { OFFER } else { BID });
        assert!(request.side == TWO_SIDED || request.side == order.side);
    }
    for pass in taken.iter().filter_map(Frame::get::<QuoteResponse>) {
        assert_eq!(pass.resp_type, QuoteRespType::Pass.byte());
        let request = requests.iter().find(|r| r.ts_recv == pass.quote_id.seq).unwrap();
        assert_eq!((pass.client, pass.session), (request.client, request.session));
    }
}

#[test]
fn late_answers_change_no_request_and_bring_no_time_back() {
    let on_time: Vec<Frame> = play(&mut flow(config()), 20_000);
    let mut flow = flow(config());
    let (mut late, mut taken, mut last) = (VecDeque::new(), Vec::new(), 0);
    while taken.len() < 15_000 {
        let due = flow.next_due().unwrap();
        let frame = flow.take();
        assert!(due >= last && ts_recv(&frame) == due);
        last = due;
        taken.push(frame);
        if let Some(request) = frame.get::<QuoteRequest>() {
            late.push_back(answer(request, due));
        }
        if late.len() > 40 {
            flow.on_output(&late.pop_front().unwrap());
        }
    }
    let requests = |frames: &[Frame]| -> Vec<QuoteRequest> {
        frames
            .iter()
            .filter_map(Frame::get)
            .copied()
            .take(8_000)
            .collect()
    };
    assert_eq!(requests(&taken).len(), 8_000);
    assert!(requests(&taken) == requests(&on_time));
    assert!(flow.counts().orders > 1_000);
}

#[test]
fn a_client_takes_a_price_that_is_near_enough_to_the_market_as_it_sees_it() {
    let eager = ClientFlowConfig {
        instruments: config().instruments[1..].to_vec(),
        bad_e8: 0,
        accept_e8: 100_000_000,
        pass_e8: 0,
        view_e8_max: 200_000,
        ..config()
    };
    let top = |bid: i64, ask: i64| TopOfBook {
        instrument: InstrumentId(1),
        bid_px: Px(bid),
        ask_px: Px(ask),
        ..TopOfBook::zeroed()
    };
    let taken = |tops: &[TopOfBook]| {
        let mut flow = flow(eager.clone());
        for top in tops {
            flow.on_top(top);
        }
        play(&mut flow, 4_000);
        let counts = flow.counts();
        (counts.orders * 100 / counts.quotes, counts.orders + counts.passes)
    };
    let (share, reactions) = taken(&[]);
    assert!(share == 0 && reactions > 1_000, "nobody knows the market");
    // Both sides are a thousandth away, and clients go up to two.
    assert!((45..56).contains(&taken(&[top(999, 1_001)]).0));
    // The bid is at the market, the offer two thousandths away.
    assert!((45..56).contains(&taken(&[top(1, 2), top(998, 1_000)]).0));
    assert_eq!(taken(&[top(899, 901)]).0 / 10, 5, "only who sells likes it");
}

#[test]
fn who_stops_asking_still_reacts() {
    let mut flow = flow(config());
    play(&mut flow, 500);
    flow.stop_asking();
    let asked = flow.counts().requests;
    let rest = play(&mut flow, usize::MAX);
    assert!(!rest.is_empty() && flow.next_due().is_none());
    assert_eq!(flow.counts().requests, asked);
}

#[test]
fn a_flow_ends_after_its_last_reaction() {
    let end_ns = START_NS + 1_000_000_000;
    let mut flow = flow(ClientFlowConfig { end_ns, ..config() });
    let taken = play(&mut flow, usize::MAX);
    assert_eq!(flow.next_due(), None);
    let requests = taken.iter().filter_map(Frame::get::<QuoteRequest>);
    assert!(requests.clone().count() > 800 && requests.clone().all(|r| r.ts_recv < end_ns));
    let counts = flow.counts();
    assert_eq!(
        counts.orders + counts.passes + counts.requests,
        taken.len() as u64
    );
}

#[test]
fn bounds_hold_when_nobody_answers_and_when_everybody_accepts() {
    let mut silent = flow(ClientFlowConfig {
        open_max: 4,
        ..config()
    });
    let requests: Vec<Frame> = (0..10).map(|_| silent.take()).collect();
    assert_eq!(silent.counts().requests_given_up, 6);
    for request in &requests {
        silent.on_output(&answer(request.get().unwrap(), START_NS));
    }
    assert!(!silent.awaits_answer());
    assert_eq!(silent.counts().answers_unmatched, 6);

    let mut eager = flow(ClientFlowConfig {
        open_max: 2,
        bad_e8: 0,
        accept_e8: 100_000_000,
        pass_e8: 0,
        reaction_ns_min: 1_000_000_000_000,
        reaction_ns_max: 1_000_000_000_000,
        ..config()
    });
    play(&mut eager, 10);
    assert_eq!(eager.counts().reactions_dropped, 8);
}

#[test]
fn outputs_are_counted_for_the_own_session_only() {
    let mut flow = flow(config());
    let report = |session, exec_type: ExecType| {
        Frame::of(&ExecutionReport {
            session: SessionId(session),
            exec_type: exec_type.byte(),
            ..ExecutionReport::zeroed()
        })
    };
    for session in [3, 4] {
        flow.on_output(&report(session, ExecType::Trade));
        flow.on_output(&report(session, ExecType::Rejected));
        flow.on_output(&Frame::of(&QuoteStatusReport {
            session: SessionId(session),
            ..QuoteStatusReport::zeroed()
        }));
        flow.on_output(&Frame::of(&Quote {
            session: SessionId(session),
            ..Quote::zeroed()
        }));
    }
    let counts = flow.counts();
    assert_eq!(
        (counts.fills, counts.order_rejects, counts.quotes_ended),
        (1, 1, 1)
    );
    assert_eq!((counts.quotes, counts.answers_unmatched), (1, 1));
}

#[test]
fn what_no_flow_can_be_made_of_is_refused() {
    let bad = |change: fn(&mut ClientFlowConfig)| {
        let mut config = config();
        change(&mut config);
        ClientFlow::new(config, 1, START_NS).unwrap_err()
    };
    assert_eq!(bad(|c| c.clients = 0), ClientConfigError::Clients);
    assert_eq!(bad(|c| c.instruments.clear()), ClientConfigError::Instruments);
    assert_eq!(bad(|c| c.interval_ns_mean = 0), ClientConfigError::Rate);
    assert_eq!(bad(|c| c.open_max = 0), ClientConfigError::OpenMax(0));
    assert_eq!(
        bad(|c| c.reaction_ns_min = 0),
        ClientConfigError::Reaction {
            min: 0,
            max: 5_000_000
        }
    );
    assert_eq!(
        bad(|c| c.pass_e8 = 60_000_001).to_string(),
        "accept_e8 + pass_e8 is 100000001: expected 0 to 100000000"
    );
    assert!(matches!(
        bad(|c| c.instruments[0].qty_lots_step = Qty(0)),
        ClientConfigError::Range(_)
    ));
    // No multiple of 1,000 lies from 1,500 to 1,900.
    assert!(matches!(
        bad(|c| c.instruments[0].qty_lots_max = Qty(1_900)),
        ClientConfigError::Range(_)
    ));
    assert!(matches!(
        bad(|c| c.instruments[0].qty_lots_min = Qty(i64::MIN)),
        ClientConfigError::Range(_)
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever bytes are shown as an output, and whatever is answered twice, unasked or out of order: the flow goes
    /// on, its times never fall, and its quantities are in range.
    #[test]
    fn hostile_outputs_do_no_harm(
        seed in any::<u64>(),
        open_max in 1_usize..8,
        words in prop::collection::vec(any::<u64>(), 32),
        choices in prop::collection::vec((0_usize..40, any::<u64>(), 0_u8..4), 200),
    ) {
        let mut flow = ClientFlow::new(ClientFlowConfig { open_max, ..config() }, seed, START_NS).unwrap();
        let (mut shown, mut last) = (vec![Frame::default()], START_NS);
        for (pick, ts_core, what) in choices {
            let due = flow.next_due().unwrap();
            prop_assert!(due >= last);
            let frame = flow.take();
            last = due;
            if let Some(request) = frame.get::<QuoteRequest>() {
                shown.push(answer(request, if what == 0 { ts_core } else { due }));
            }
            let mut output = shown[shown.len().saturating_sub(1 + pick)];
            if what == 1 {
                let header = *output.header();
                output.buffer_mut().copy_from_slice(&words);
                *output.header_mut() = header;
            }
            flow.on_output(&output);
        }
        let counts = flow.counts();
        prop_assert!(counts.orders + counts.passes <= counts.quotes);
    }
}
