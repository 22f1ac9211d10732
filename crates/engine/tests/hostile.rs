//! Whatever comes in, the engine answers the same, within its bounds, and keeps its books.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use bytemuck::Zeroable;
use desk::{Desk, packages};
use pinrail_engine::OUT_LINES_MAX;
use pinrail_types::record::{
    AgencyDef, DealerQuote, DealerRequest, DealingRule, ExecType, LastLookDef, MultilegQuote, NewOrderSingle,
    OrdStatus, Quote, QuoteCancel, RECORDS, Scope, SessionEvent, TradingState, VenueOrder, VenueReport,
};
use pinrail_types::{
    Amount, AssetId, Cause, ClientId, Commit, Flags, Frame, InstrumentId, OutId, Px, Qty, SessionId,
    SourceId, Text, VenueId,
};
use proptest::prelude::*;

/// A frame of a known type whose body is small numbers, boundary values and noise.
fn frame() -> impl Strategy<Value = Frame> {
    let word = prop_oneof![
        8 => 0_u64..4,
        2 => (0_u64..4, 0_u64..4).prop_map(|(a, b)| a | b << 32),
        2 => 9_900_u64..10_100,
        1 => Just(u64::MAX),
        1 => Just(i64::MIN as u64),
        1 => Just(i64::MAX as u64),
        1 => any::<u64>(),
    ];
    let commit = (
        0..RECORDS.len(),
        any::<u8>(),
        prop_oneof![9 => Just(0_u8), 1 => 0_u8..16],
        0_u8..5,
    );
    (commit, prop::collection::vec(word, 28)).prop_map(|((at, flags, version, lines), words)| {
        let schema = &RECORDS[at];
        let mut frame = Frame::default();
        frame.buffer_mut()[4..].copy_from_slice(&words);
        let lines = if lines == 0 {
            1 + words[0] as u8 % 4
        } else {
            schema.lines as u8
        };
        let commit = Commit {
            lines,
            version,
            flags: Flags(flags & 0x0f),
            record_type: schema.record_type,
        };
        frame.header_mut().commit = commit.pack();
        frame
    })
}

#[derive(Clone, Debug)]
enum Op {
    Hostile(Box<Frame>),
    Ask(u32, u8, i64),
    Accept(usize, u8),
    Package(u32, u8, i64, Vec<(u32, i64)>),
    Take(usize, u8),
    Pass(usize),
    Cancel(u32),
    Gone(u16, u8),
    Deal(usize, i64),
    Agency(u32, u8, i64, i64),
    Venue(usize, u8, i64, i64),
    Book(u16, i64, i64),
    Resume(u8),
    Time(u64),
    GoOn,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => frame().prop_map(|frame| Op::Hostile(Box::new(frame))),
        4 => (0_u32..3, prop_oneof![Just(0_u8), Just(b'1'), Just(b'2')], 1_i64..200).prop_map(|(c, s, q)| Op::Ask(c, s, q)),
        2 => (any::<usize>(), prop_oneof![Just(b'1'), Just(b'2')]).prop_map(|(at, side)| Op::Accept(at, side)),
        3 => (0_u32..3, prop_oneof![Just(0_u8), Just(b'1'), Just(b'2')], 1_i64..40, prop::collection::vec((0_u32..6, -9_i64..9), 1..5))
            .prop_map(|(c, s, u, legs)| Op::Package(c, s, u, legs)),
        2 => (any::<usize>(), prop_oneof![Just(b'1'), Just(b'2')]).prop_map(|(at, side)| Op::Take(at, side)),
        1 => any::<usize>().prop_map(Op::Pass),
        1 => (0_u32..4).prop_map(Op::Cancel),
        1 => (8_u16..10, 1_u8..3).prop_map(|(session, kind)| Op::Gone(session, kind)),
        2 => (any::<usize>(), 9_900_i64..10_100).prop_map(|(at, px)| Op::Deal(at, px)),
        3 => (0_u32..3, 0_u8..8, 9_900_i64..10_100, 1_i64..900).prop_map(|(c, how, px, qty)| Op::Agency(c, how, px, qty)),
        4 => (any::<usize>(), 0_u8..8, -30_i64..30, 1_i64..400).prop_map(|(at, how, px, qty)| Op::Venue(at, how, px, qty)),
        3 => (0_u16..2, 9_950_i64..10_000, 1_i64..900).prop_map(|(v, px, qty)| Op::Book(v, px, qty)),
        2 => (0_u8..5).prop_map(Op::Resume),
        2 => (0_u64..6_000).prop_map(Op::Time),
        1 => Just(Op::GoOn),
    ]
}

/// With last look and without, with dealers and without.
fn configure(desk: &mut Desk, n: usize) {
    let actor = Text::new("ann").unwrap();
    for balance in desk::strategies::balances() {
        desk.put(balance);
    }
    desk.put(AgencyDef {
        tries_max: 3,
        commission_e8: 70_000,
        retry_ns: 300,
        life_ns_max: 20_000,
        actor,
        ..Zeroable::zeroed()
    });
    if n.is_multiple_of(2) {
        desk.put(LastLookDef {
            hold_ns: 2_000,
            tolerance_e8: 100_000,
            actor,
            ..Zeroable::zeroed()
        });
    }
    if n.is_multiple_of(3) {
        desk.put(DealingRule {
            auto_lots_max: Qty(100),
            timeout_ns: 5_000,
            actor,
            ..Zeroable::zeroed()
        });
    }
}

/// What a client asks the desk to route for it, with something wrong now and then.
fn agency_order(n: usize, client: u32, how: u8, px: i64, qty: i64) -> NewOrderSingle {
    let is_immediate = how & 1 == 0;
    NewOrderSingle {
        cl_ord_id: Text::new(&format!("G{}", n % 24)).unwrap(),
        client: ClientId(client),
        qty: Qty(qty),
        px: if how == 2 { Px::NONE } else { Px(px) },
        side: [b'1', b'2'][n % 2],
        ord_type: if how == 2 { b'1' } else { b'2' },
        session: SessionId(9),
        handl_inst: b'1',
        time_in_force: if is_immediate { b'3' } else { b'6' },
        expire_ts: if is_immediate { 0 } else { 1 << 30 },
        ..Zeroable::zeroed()
    }
}

fn report_on(order_id: OutId, venue: VenueId, instrument: InstrumentId, side: u8) -> VenueReport {
    VenueReport {
        order_id,
        venue,
        instrument,
        side,
        exec_type: ExecType::Trade.byte(),
        ord_status: OrdStatus::PartiallyFilled.byte(),
        fee_asset: AssetId(1),
        ..Zeroable::zeroed()
    }
}

/// What a venue says of an order: fills, often more than there is or at another price, ends, and trades that it takes back.
fn venue_report(n: usize, part: &VenueOrder, how: u8, px: i64, qty: i64) -> VenueReport {
    let exec_type = match how {
        0..=3 => ExecType::Trade,
        4 | 5 => ExecType::Canceled,
        6 => ExecType::TradeCancel,
        _ => ExecType::TradeCorrect,
    };
    VenueReport {
        exec_id: Text::new(&format!("E{}", n % 64)).unwrap(),
        exec_ref_id: Text::new(&format!("E{}", (n * 7) % 64)).unwrap(),
        exec_type: exec_type.byte(),
        last_px: Px(part.px.0 + if how.is_multiple_of(2) { 0 } else { px }),
        last_qty: if how == 0 { part.qty } else { Qty(qty) },
        fee: Amount::new((px * 3).into()),
        ..report_on(part.order_id, part.venue, part.instrument, part.side)
    }
}

/// Runs the operations and gives back everything that came out. In an idle core the engine also does between inputs
/// what it does while it waits.
fn run(ops: &[Op], idle: bool) -> (Vec<u64>, u64) {
    let mut desk = packages::desk();
    configure(&mut desk, ops.len());
    let mut quotes = Vec::new();
    let mut packages: Vec<MultilegQuote> = Vec::new();
    let mut waiting = Vec::new();
    let mut parts: Vec<VenueOrder> = Vec::new();
    let mut words = Vec::new();
    let hostile: Vec<Frame> = ops
        .iter()
        .filter_map(|op| match op {
            Op::Hostile(frame) => Some(**frame),
            _ => None,
        })
        .collect();
    for (n, op) in ops.iter().enumerate() {
        let out = match op {
            Op::Hostile(frame) => {
                let mut frame = **frame;
                frame.header_mut().cause = Cause::input(SourceId(0), n as u64 + 1);
                desk.put_frame(&mut frame)
            }
            Op::Ask(client, side, qty) => {
                let mut request = desk.request(*client, *side, *qty);
                match n % 7 {
                    1 => request.min_qty = Qty(qty / 2),
                    2 => request.quote_type = b'0',
                    3 => request.subscription = b'1',
                    4 => (request.qty, request.cash) = (Qty(0), Amount::new(i128::from(*qty) * 100_000)),
                    _ => {}
                }
                desk.put(request)
            }
            Op::Accept(at, side) if !quotes.is_empty() => {
                let mut order = Desk::order(&quotes[at % quotes.len()], *side);
                order.cl_ord_id = pinrail_types::Text::new(&format!("O{}", n % 16)).unwrap();
                desk.put(order)
            }
            Op::Package(client, side, units, legs) => {
                let legs: Vec<_> = legs
                    .iter()
                    .map(|(at, ratio)| packages::leg(*at, *ratio))
                    .collect();
                let mut request = packages::request(&format!("P{}", n % 32), *side, *units, &legs);
                request.client = ClientId(*client);
                request.quote_type = if n % 5 == 0 { b'0' } else { 0 };
                desk.put(request)
            }
            Op::Take(at, side) if !packages.is_empty() => {
                let quote = packages[at % packages.len()];
                let name = format!("O{}", n % 16);
                let quoted = packages::Quoted {
                    quote,
                    legs: Vec::new(),
                };
                desk.put(packages::order(&name, &quoted, *side))
            }
            Op::Pass(at) if !quotes.is_empty() => desk.put(Desk::pass(&quotes[at % quotes.len()])),
            Op::Cancel(client) => desk.put(QuoteCancel {
                client: ClientId(*client),
                cancel_type: 4,
                ..Zeroable::zeroed()
            }),
            Op::Gone(session, kind) => desk.put(SessionEvent {
                session: SessionId(*session),
                kind: *kind,
                ..Zeroable::zeroed()
            }),
            Op::Deal(at, px) if !waiting.is_empty() => desk.put(DealerQuote {
                request_id: waiting[at % waiting.len()],
                bid_px: Px::NONE,
                offer_px: Px(*px),
                actor: Text::new("bob").unwrap(),
                ..Zeroable::zeroed()
            }),
            Op::Agency(client, how, px, qty) => desk.put(agency_order(n, *client, *how, *px, *qty)),
            Op::Venue(at, how, px, qty) if !parts.is_empty() => {
                let part: &VenueOrder = &parts[at % parts.len()];
                desk.put(venue_report(n, part, *how, *px, *qty))
            }
            Op::Book(venue, px, qty) => desk.snapshot(
                pinrail_types::VenueId(*venue),
                &[(*px, *qty), (px - 10, 500)],
                &[(px + 20, *qty), (px + 30, 500)],
            ),
            Op::Resume(which) => {
                let scopes = [
                    Scope::Global,
                    Scope::Venue,
                    Scope::Venue,
                    Scope::Instrument,
                    Scope::Client,
                ];
                let target = u32::from(*which == 2);
                desk.set_state(scopes[usize::from(*which)], target, TradingState::Active)
            }
            Op::Time(ns) => {
                desk.now += ns;
                desk.tick()
            }
            _ => desk.go_on(),
        };
        quotes.extend(out.find::<Quote>());
        packages.extend(out.find::<MultilegQuote>());
        parts.extend(out.find::<VenueOrder>());
        assert!(desk.engine.packages() <= desk.engine.open_quotes());
        waiting.extend(out.find::<DealerRequest>().map(|request| request.request_id));
        if idle {
            for _ in 0..n % 4 {
                desk.engine.refresh();
            }
            desk.engine.warm(n);
            desk.engine.foresee(&hostile[n.min(hostile.len())..]);
        }
        assert!(out.words().len() <= OUT_LINES_MAX * 8);
        assert!(out.types().all(pinrail_types::RecordType::is_output));
        words.extend_from_slice(out.words());
        let orders = desk.engine.open_orders().count() + desk.engine.agency_orders().count();
        if desk.engine.open_quotes() == 0 {
            assert_eq!(desk.engine.held_accepts(), 0);
            assert!(
                desk.engine.nothing_reserved() || orders > 0,
                "nothing is open and something is reserved"
            );
        }
    }
    let open: Vec<_> = desk.engine.open_orders().copied().collect();
    for (n, held) in open.iter().enumerate() {
        desk.put(VenueReport {
            exec_id: Text::new(&format!("end {n}")).unwrap(),
            cum_qty: held.cum_qty,
            exec_type: ExecType::Canceled.byte(),
            ord_status: OrdStatus::Canceled.byte(),
            ..report_on(
                held.order_id,
                held.order.venue,
                held.order.instrument,
                held.order.side.fix(),
            )
        });
    }
    desk.now += 1 << 40;
    for _ in 0..1_000 {
        if desk.engine.wants_continue() {
            desk.go_on();
        } else if desk.engine.next_timer() <= desk.now {
            desk.tick();
        }
    }
    assert_eq!((desk.engine.open_quotes(), desk.engine.held_accepts()), (0, 0));
    assert_eq!((desk.engine.waiting_requests(), desk.engine.packages()), (0, 0));
    assert!(desk.engine.nothing_reserved());
    (words, desk.engine.output_hash())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_input_is_answered_within_bounds_and_the_same_twice(ops in prop::collection::vec(op(), 1..120)) {
        let busy = run(&ops, false);
        prop_assert_eq!(&busy, &run(&ops, false));
        prop_assert_eq!(&busy, &run(&ops, true), "what an idle core does changed an output");
    }
}
