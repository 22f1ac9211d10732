//! Exchanges: what becomes of orders, with faults and without.

#![allow(clippy::unwrap_used, reason = "a test")]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use bytemuck::Zeroable;
use common::Fnv;
use pinrail_sim::{
    Exchange, ExchangeConfig, ExecutionConfig, Fault, FaultConfig, FundamentalConfig, Operator,
    VenueFlowConfig,
};
use pinrail_types::record::{
    AssetDef, BookUpdate, CxlRejResponseTo, ExecType, InstrumentDef, OrdStatus, Scope, StateChange,
    TimeInForce, TopOfBook, TradingState, TradingStateSet, VenueBalance, VenueOrder, VenueOrderCancel,
    VenueOrderReplace, VenueReport, VenueStatus, VenueStatusKind,
};
use pinrail_types::{
    AssetId, E8, Flags, Frame, Instrument, InstrumentId, OutId, Px, Qty, Side, Text, VenueId,
};

const START_NS: u64 = 1_700_000_000_000_000_000;
const VENUE: VenueId = VenueId(1);
const INSTRUMENT: InstrumentId = InstrumentId(0);
const MS: u64 = 1_000_000;
const FUNDS: i128 = 1 << 80;

fn instrument() -> Instrument {
    let asset = AssetDef {
        exponent: -8,
        ..Zeroable::zeroed()
    };
    let def = InstrumentDef {
        base: AssetId(0),
        quote: AssetId(1),
        tick_mantissa: 1,
        lot_mantissa: 1,
        lot_exponent: -5,
        ..Zeroable::zeroed()
    };
    Instrument::new(&def, &asset, &asset).unwrap()
}

fn exchange(faults: FaultConfig, seed: u64) -> Exchange {
    let config = ExchangeConfig {
        execution: ExecutionConfig {
            venue: VENUE,
            taker_fee_e8: 20_000,
            latency_ns_min: MS,
            latency_ns_mean: MS,
            balances: vec![(AssetId(0), FUNDS), (AssetId(1), FUNDS)],
            balance_ns: 1_000 * MS,
            reports_before: 0,
            faults,
        },
        listings: vec![VenueFlowConfig {
            venue: VENUE,
            instrument: INSTRUMENT,
            updates_per_s: 20,
            levels: 20,
            spread_ticks_max: 3,
            qty_lots_mean: 1_000,
            trade_e8: 10_000_000,
            own_ticks_max: 2,
            fundamental: FundamentalConfig {
                seed: 7,
                px_start: Px(60_000),
                step_ns: 100 * MS,
                step_ticks_max: 3,
            },
        }],
    };
    Exchange::new(config, &[instrument()], seed, START_NS).unwrap()
}

fn faulty(fault: Fault, share: u32) -> FaultConfig {
    let mut chances_e8 = [0; Fault::COUNT];
    chances_e8[fault as usize] = share;
    FaultConfig {
        chances_e8,
        slow_ns_mean: 500 * MS,
        reorder_ns_max: 50 * MS,
        down_ns_mean: 2_000 * MS,
    }
}

/// An exchange and what it sent, in order, with the times at which it was due.
struct World {
    exchange: Exchange,
    market: Vec<Frame>,
    reports: Vec<(u64, Frame)>,
    now: u64,
    sent: u64,
}

impl World {
    fn new(faults: FaultConfig, seed: u64) -> World {
        let mut world = World {
            exchange: exchange(faults, seed),
            market: Vec::new(),
            reports: Vec::new(),
            now: START_NS,
            sent: 0,
        };
        world.run(MS * 200);
        world
    }

    fn run(&mut self, ns: u64) {
        let until = self.now + ns;
        while self.exchange.next_due() <= until {
            let due = self.exchange.next_due();
            assert!(due >= self.now, "time never falls");
            self.now = due;
            let mut reports = Vec::new();
            self.exchange.take(&mut self.market, &mut reports);
            self.reports.extend(reports.into_iter().map(|frame| (due, frame)));
        }
        self.now = until;
    }

    fn top(&self) -> TopOfBook {
        *self
            .market
            .iter()
            .rev()
            .find_map(Frame::get::<TopOfBook>)
            .unwrap()
    }

    fn show<R: pinrail_types::Record>(&mut self, record: &R) {
        let mut frame = Frame::of(record);
        frame.header_mut().ts_core = self.now;
        self.exchange.on_output(&frame);
    }

    fn order(&mut self, side: Side, px: i64, qty: i64, time_in_force: TimeInForce) -> VenueOrder {
        self.sent += 1;
        let order = VenueOrder {
            order_id: OutId {
                seq: self.sent,
                epoch: 1,
                sub: 0,
            },
            instrument: INSTRUMENT,
            venue: VENUE,
            px: Px(px),
            qty: Qty(qty),
            side: side.fix(),
            time_in_force: time_in_force.byte(),
            ..Zeroable::zeroed()
        };
        self.show(&order);
        order
    }

    fn told(&self, order: &VenueOrder) -> Vec<VenueReport> {
        let reports = self
            .reports
            .iter()
            .filter_map(|(_, frame)| frame.get::<VenueReport>());
        let of_it = reports.filter(|report| report.order_id == order.order_id);
        of_it.copied().collect()
    }
}

fn kinds(reports: &[VenueReport]) -> Vec<ExecType> {
    let kind = |report: &VenueReport| ExecType::from_byte(report.exec_type).unwrap();
    reports.iter().map(kind).collect()
}

fn is_end(report: &VenueReport) -> bool {
    let ends = [ExecType::Canceled, ExecType::Expired, ExecType::Rejected];
    ends.iter().any(|kind| report.exec_type == kind.byte())
}

#[test]
fn an_ioc_order_gets_what_the_book_holds_at_its_price_and_the_rest_ends() {
    let mut world = World::new(FaultConfig::NONE, 1);
    let top = world.top();
    let order = world.order(
        Side::Buy,
        top.ask_px.0 + 5,
        1 << 30,
        TimeInForce::ImmediateOrCancel,
    );
    world.run(1_000 * MS);
    let told = world.told(&order);
    assert_eq!(told[0].exec_type, ExecType::New.byte());
    let end = told.last().unwrap();
    assert!(is_end(end));
    let mut cum = 0;
    for fill in &told[1..told.len() - 1] {
        assert!(fill.last_px <= order.px && fill.last_qty > Qty::ZERO);
        cum += fill.last_qty.0;
        assert_eq!((fill.cum_qty.0, fill.leaves_qty.0), (cum, order.qty.0 - cum));
        let notional = instrument().notional(fill.last_px, fill.last_qty).unwrap().get();
        let fee = fill.fee.get();
        assert!(fee * i128::from(E8) >= notional * 20_000 && (fee - 1) * i128::from(E8) < notional * 20_000);
    }
    assert!(cum > 0);
    assert_eq!(end.cum_qty.0, cum);
    assert!(world.exchange.is_quiet());
    // What it took is gone, and the books go on without a gap.
    let ids: Vec<(u64, u64)> = world
        .market
        .iter()
        .filter(|frame| frame.flags().has(Flags::FIRST))
        .filter_map(Frame::get::<BookUpdate>)
        .map(|update| (update.first_id, update.last_id))
        .collect();
    assert!(ids.windows(2).all(|pair| pair[1].0 == pair[0].1 + 1));
}

#[test]
fn a_limit_order_rests_until_the_book_comes_to_it_or_it_is_cancelled() {
    let mut world = World::new(FaultConfig::NONE, 2);
    let top = world.top();
    let near = world.order(Side::Buy, top.bid_px.0 - 3, 50, TimeInForce::GoodTillCancel);
    let far = world.order(Side::Buy, 1, 50, TimeInForce::GoodTillCancel);
    let all = world.order(Side::Buy, top.ask_px.0, 1 << 30, TimeInForce::FillOrKill);
    world.run(60_000 * MS);
    assert_eq!(kinds(&world.told(&near))[1..], [ExecType::Trade]);
    assert_eq!(world.told(&near)[1].last_px, near.px);
    assert_eq!(kinds(&world.told(&far)), [ExecType::New]);
    assert_eq!(world.told(&all)[1].cum_qty, Qty::ZERO, "all or nothing");
    assert!(!world.exchange.is_quiet());
    for order in [&far, &near] {
        world.show(&VenueOrderCancel {
            order_id: order.order_id,
            instrument: INSTRUMENT,
            venue: VENUE,
            ..Zeroable::zeroed()
        });
    }
    world.run(1_000 * MS);
    assert_eq!(kinds(&world.told(&far))[1..], [ExecType::Canceled]);
    assert_eq!(
        kinds(&world.told(&near))[2..],
        [ExecType::OrderStatus],
        "too late"
    );
    assert!(world.exchange.is_quiet());
}

#[test]
fn balances_are_told_from_the_start_and_follow_the_fills() {
    let mut world = World::new(FaultConfig::NONE, 3);
    let top = world.top();
    let order = world.order(Side::Sell, top.bid_px.0 - 5, 100, TimeInForce::ImmediateOrCancel);
    world.run(3_000 * MS);
    let (mut base, mut quote) = (FUNDS, FUNDS);
    let fills = world.told(&order);
    for fill in fills.iter().filter(|report| report.last_qty > Qty::ZERO) {
        base -= instrument().base_units(fill.last_qty).get();
        quote += instrument().notional(fill.last_px, fill.last_qty).unwrap().get() - fill.fee.get();
    }
    let told: Vec<VenueBalance> = world
        .reports
        .iter()
        .filter_map(|(_, frame)| frame.get::<VenueBalance>())
        .copied()
        .collect();
    assert_eq!(told[0].balance.get(), FUNDS);
    let last = &told[told.len() - 2..];
    assert_eq!([last[0].balance.get(), last[1].balance.get()], [base, quote]);
    assert!(base < FUNDS && quote > FUNDS);
}

fn replace(world: &mut World, order: &VenueOrder, px: i64, qty: i64, n: u32) -> OutId {
    let replace_id = OutId {
        seq: 1_000_000,
        epoch: 1,
        sub: n,
    };
    world.show(&VenueOrderReplace {
        order_id: order.order_id,
        instrument: INSTRUMENT,
        venue: VENUE,
        px: Px(px),
        qty: Qty(qty),
        replace_id,
        side: order.side,
        ..Zeroable::zeroed()
    });
    world.run(100 * MS);
    replace_id
}

#[test]
fn an_order_that_rests_is_replaced_and_one_that_does_not_is_not() {
    let mut world = World::new(FaultConfig::NONE, 2);
    let order = world.order(Side::Buy, 1, 50, TimeInForce::GoodTillCancel);
    world.run(100 * MS);
    // Down to another price far off, then to one at which all of it is to be had.
    let first = replace(&mut world, &order, 2, 40, 1);
    let px = world.top().ask_px.0 + 5;
    let second = replace(&mut world, &order, px, 30, 2);
    let told = world.told(&order);
    assert_eq!(
        kinds(&told)[..3],
        [ExecType::New, ExecType::Replaced, ExecType::Replaced]
    );
    assert_eq!((told[1].replace_id, told[2].replace_id), (first, second));
    assert_eq!((told[1].leaves_qty, told[2].leaves_qty), (Qty(40), Qty(30)));
    let fills = &told[3..];
    assert!(
        fills
            .iter()
            .all(|fill| is(fill, ExecType::Trade) && fill.last_px.0 <= px)
    );
    assert_eq!(fills.last().unwrap().cum_qty, Qty(30));
    assert!(world.exchange.is_quiet());
    // Too late.
    let third = replace(&mut world, &order, px, 60, 3);
    let refused = *world.told(&order).last().unwrap();
    assert_eq!(
        (refused.exec_type, refused.response_to, refused.replace_id),
        (
            ExecType::OrderStatus.byte(),
            CxlRejResponseTo::CancelReplaceRequest.byte(),
            third
        )
    );
    // Beyond what there is to pay for.
    let order = world.order(Side::Buy, 1, 50, TimeInForce::GoodTillCancel);
    world.run(100 * MS);
    replace(&mut world, &order, 1 << 50, 1 << 50, 4);
    assert_eq!(kinds(&world.told(&order)), [ExecType::New, ExecType::OrderStatus]);
    assert!(!world.exchange.is_quiet());
}

#[test]
fn an_order_that_is_replaced_by_no_more_than_was_filled_is_done() {
    let mut world = World::new(FaultConfig::NONE, 2);
    let px = world.top().ask_px.0;
    let order = world.order(Side::Buy, px, 1 << 30, TimeInForce::GoodTillCancel);
    world.run(100 * MS);
    let filled = world.told(&order).last().unwrap().cum_qty;
    assert!(filled > Qty::ZERO && !world.exchange.is_quiet());
    replace(&mut world, &order, px, 1, 1);
    let told = world.told(&order);
    let done = told.iter().find(|report| is(report, ExecType::Replaced)).unwrap();
    assert_eq!(
        (done.ord_status, done.leaves_qty),
        (OrdStatus::Filled.byte(), Qty::ZERO)
    );
    assert!(done.cum_qty >= filled && world.exchange.is_quiet());
}

/// Whatever a venue takes back it gives back, and what it corrects it moves as corrected.
#[test]
fn balances_follow_what_is_taken_back_and_corrected() {
    for fault in [Fault::Bust, Fault::Correct] {
        let (world, told) = under(fault, 100_000_000);
        let (mut base, mut quote) = (FUNDS, FUNDS);
        let mut corrections = 0;
        for (order, reports) in &told {
            let sign = i128::from(Side::from_fix(order.side).unwrap().sign());
            let corrected = reports.iter().filter(|report| !report.exec_ref_id.is_empty());
            for report in corrected {
                corrections += 1;
                if is(report, ExecType::TradeCorrect) {
                    base += sign * instrument().base_units(report.last_qty).get();
                    let notional = instrument().notional(report.last_px, report.last_qty).unwrap();
                    quote -= sign * notional.get() + report.fee.get();
                }
            }
        }
        assert!(corrections > 100, "{fault:?}: {corrections}");
        let balances: Vec<&VenueBalance> = world
            .reports
            .iter()
            .filter_map(|(_, frame)| frame.get::<VenueBalance>())
            .collect();
        let last = &balances[balances.len() - 2..];
        assert_eq!(
            [last[0].balance.get(), last[1].balance.get()],
            [base, quote],
            "{fault:?}"
        );
    }
}

/// So many orders, one every 200 ms, with one fault; all that was told of each.
fn under(fault: Fault, share: u32) -> (World, Vec<(VenueOrder, Vec<VenueReport>)>) {
    let mut world = World::new(faulty(fault, share), 4);
    let mut orders = Vec::new();
    for n in 0..200 {
        let top = world.top();
        let (side, px) = if n % 2 == 0 {
            (Side::Buy, top.ask_px.0 + 1)
        } else {
            (Side::Sell, top.bid_px.0 - 1)
        };
        orders.push(world.order(side, px, 2_000, TimeInForce::ImmediateOrCancel));
        world.run(200 * MS);
    }
    world.run(60_000 * MS);
    assert!(world.exchange.is_quiet());
    assert!(world.exchange.faults().of(fault) > 5, "{fault:?} came about");
    let told = orders.iter().map(|order| (*order, world.told(order))).collect();
    (world, told)
}

#[test]
fn every_order_ends_once_whatever_the_fault() {
    for fault in Fault::ALL {
        let share = if fault == Fault::Disconnect {
            2_000_000
        } else {
            20_000_000
        };
        let (_, told) = under(fault, share);
        for (order, reports) in told {
            let ids: BTreeSet<_> = reports
                .iter()
                .map(|report| report.exec_id.as_bytes().to_vec())
                .collect();
            assert!(ids.len() == reports.len() || fault == Fault::Duplicate);
            let distinct: BTreeMap<_, _> = reports
                .iter()
                .map(|report| (report.exec_id.as_bytes().to_vec(), *report))
                .collect();
            let fills = distinct.values().filter(|report| is(report, ExecType::Trade));
            let filled: i64 = fills.map(|report| report.last_qty.0).sum();
            let ends = distinct.values().filter(|report| is_end(report)).count();
            assert!(
                filled <= order.qty.0 && (ends == 1 || filled == order.qty.0),
                "{fault:?}: {reports:?}"
            );
        }
    }
}

fn is(report: &VenueReport, exec_type: ExecType) -> bool {
    report.exec_type == exec_type.byte()
}

#[test]
fn each_fault_is_what_its_name_says() {
    let told = |fault| under(fault, 20_000_000).1;
    let has = |fault, shows: fn(&VenueOrder, &[VenueReport]) -> bool| {
        let any = |fault| told(fault).iter().any(|(order, reports)| shows(order, reports));
        assert!(any(fault), "{fault:?}");
        let other = if fault == Fault::Reject {
            Fault::Slow
        } else {
            Fault::Reject
        };
        assert!(!any(other), "only {fault:?}");
    };
    has(Fault::Slow, |order, reports| {
        // The nth order goes out n times 200 ms from the start.
        reports[0].ts_event > START_NS + 200 * MS * order.order_id.seq + 300 * MS
    });
    has(Fault::Reject, |_, reports| kinds(reports) == [ExecType::Rejected]);
    has(Fault::Duplicate, |_, reports| {
        let twice = |(at, report): (usize, &VenueReport)| {
            reports[..at]
                .iter()
                .any(|before| before.exec_id == report.exec_id)
        };
        reports.iter().enumerate().any(twice)
    });
    has(Fault::Reorder, |_, reports| {
        reports.windows(2).any(|pair| pair[0].cum_qty > pair[1].cum_qty)
            || reports.first().is_some_and(|first| first.last_qty > Qty::ZERO)
    });
    has(Fault::WrongCumQty, |_, reports| {
        let filled: i64 = reports.iter().map(|report| report.last_qty.0).sum();
        reports
            .iter()
            .any(|report| is_end(report) && report.cum_qty.0 > filled)
    });
    has(Fault::WorsePx, |order, reports| {
        let sign = Side::from_fix(order.side).unwrap().sign();
        reports
            .iter()
            .any(|report| report.last_qty > Qty::ZERO && (report.last_px.0 - order.px.0) * sign > 0)
    });
    has(Fault::LateFill, |_, reports| {
        let end = reports.iter().position(is_end);
        let is_fill = |report: &VenueReport| is(report, ExecType::Trade);
        end.is_some_and(|end| reports[end..].iter().any(is_fill))
    });
    for (fault, exec_type) in [
        (Fault::Bust, ExecType::TradeCancel),
        (Fault::Correct, ExecType::TradeCorrect),
    ] {
        let told = told(fault);
        let later = |reports: &[VenueReport], at: usize| {
            let of = reports[at].exec_ref_id;
            let is_it = |before: &VenueReport| before.exec_id == of && is(before, ExecType::Trade);
            reports[..at].iter().any(is_it)
        };
        for (_, reports) in &told {
            for at in (0..reports.len()).filter(|at| is(&reports[*at], exec_type)) {
                assert!(later(reports, at), "{fault:?} of a trade before: {reports:?}");
            }
        }
        let all = told.iter().flat_map(|(_, reports)| reports);
        assert!(all.filter(|report| is(report, exec_type)).count() > 5);
    }
    let (world, _) = under(Fault::UnknownOrder, 20_000_000);
    let ours = |report: &VenueReport| !report.order_id.is_none();
    let reports = world
        .reports
        .iter()
        .filter_map(|(_, frame)| frame.get::<VenueReport>());
    assert!(reports.clone().any(|report| !ours(report)));
}

#[test]
fn behind_a_disconnect_comes_a_snapshot_and_nothing_is_heard_meanwhile() {
    let (world, _) = under(Fault::Disconnect, 2_000_000);
    let mut down = false;
    let mut snapshots = true;
    let mut seen = 0;
    for frame in &world.market {
        if let Some(status) = frame.get::<VenueStatus>() {
            let was = core::mem::replace(&mut down, status.kind == VenueStatusKind::Disconnected.byte());
            assert_ne!(was, down, "they alternate");
            snapshots = false;
            seen += 1;
        } else if let Some(update) = frame.get::<BookUpdate>() {
            assert!(!down, "{update:?}");
            assert!(
                snapshots || frame.flags().has(Flags::SNAPSHOT),
                "a snapshot first"
            );
            snapshots = true;
        }
    }
    assert!(seen > 3);
}

#[test]
fn one_seed_gives_the_same_bytes_and_another_does_not() {
    let hash = |seed| {
        let mut all = Fnv::default();
        let mut chances_e8 = [10_000_000; Fault::COUNT];
        chances_e8[Fault::Disconnect as usize] = 500_000;
        let mut world = World::new(
            FaultConfig {
                chances_e8,
                ..faulty(Fault::Slow, 0)
            },
            seed,
        );
        for n in 0..100 {
            let px = world.top().ask_px.0;
            world.order(Side::Buy, px + n % 3, 3_000, TimeInForce::ImmediateOrCancel);
            world.run(100 * MS);
        }
        let reports = world.reports.iter().map(|(_, frame)| frame);
        world
            .market
            .iter()
            .chain(reports)
            .for_each(|frame| all.add(frame));
        all.0
    };
    assert_eq!(hash(5), hash(5));
    assert_ne!(hash(5), hash(6));
}

#[test]
fn an_operator_lifts_what_the_desk_halted_and_no_more() {
    let actor = Text::new("dealer").unwrap();
    let mut operator = Operator::new(actor, 30 * MS);
    let change = |reason, state: TradingState| {
        let mut frame = Frame::of(&StateChange {
            scope: Scope::Venue.byte(),
            state: state.byte(),
            reason,
            target: 1,
            ..Zeroable::zeroed()
        });
        frame.header_mut().ts_core = START_NS;
        frame
    };
    operator.on_output(&change(0, TradingState::Halted));
    operator.on_output(&change(513, TradingState::Active));
    operator.on_output(&change(513, TradingState::Halted));
    assert_eq!(operator.next_due(), None, "a person halted it, too");
    operator.on_output(&change(0, TradingState::Active));
    operator.on_output(&change(513, TradingState::Halted));
    assert_eq!(operator.next_due(), Some(START_NS + 30 * MS));
    let lifted = operator.take();
    let set = lifted.get::<TradingStateSet>().unwrap();
    assert_eq!(
        (set.scope, set.target, set.state, set.actor),
        (Scope::Venue.byte(), 1, TradingState::Active.byte(), actor)
    );
    assert_eq!(operator.next_due(), None);
}
