//! Orders and faults at a venue whose books are recorded, seen through the mirror that a core keeps of it.

use std::collections::BTreeMap;

use bytemuck::Zeroable;
use pinrail_book::Book;
use pinrail_sim::{ExecutionConfig, Fault, FaultConfig, RecordedExchange};
use pinrail_types::record::{
    AssetDef, BookLevel, BookState, BookUpdate, ExecType, InstrumentDef, SequenceRule, TimeInForce,
    VenueOrder, VenueReport, VenueStatus,
};
use pinrail_types::{AssetId, Flags, Frame, Instrument, InstrumentId, OutId, Px, Qty, Side, VenueId};

const INSTRUMENT: InstrumentId = InstrumentId(0);
const START: u64 = 1_000;

fn instrument() -> Instrument {
    let asset = |id| AssetDef {
        asset: AssetId(id),
        exponent: -8,
        ..Zeroable::zeroed()
    };
    let def = InstrumentDef {
        instrument: INSTRUMENT,
        quote: AssetId(1),
        tick_mantissa: 1,
        tick_exponent: -2,
        lot_mantissa: 1,
        lot_exponent: -5,
        ..Zeroable::zeroed()
    };
    Instrument::new(&def, &asset(0), &asset(1)).expect("a sound instrument")
}

fn exchange(faults: FaultConfig) -> RecordedExchange {
    let config = ExecutionConfig {
        venue: VenueId(0),
        taker_fee_e8: 10_000,
        latency_ns_min: 1,
        latency_ns_mean: 0,
        balances: vec![(AssetId(0), 1 << 60), (AssetId(1), 1 << 60)],
        balance_ns: 1 << 60,
        reports_before: 0,
        faults,
    };
    RecordedExchange::new(config, &[instrument()], &[INSTRUMENT], 7, START)
}

/// An update by ids; levels are `(is_bid, px, qty)`, bids first.
fn update(ids: (u64, u64, u64), flags: Flags, levels: &[(bool, i64, i64)]) -> Frame {
    let mut update = BookUpdate {
        instrument: INSTRUMENT,
        bids: levels.iter().filter(|level| level.0).count() as u8,
        asks: levels.iter().filter(|level| !level.0).count() as u8,
        first_id: ids.0,
        last_id: ids.1,
        prev_id: ids.2,
        ..Zeroable::zeroed()
    };
    for (place, (_, px, qty)) in update.levels.iter_mut().zip(levels) {
        *place = BookLevel {
            px: Px(*px),
            qty: Qty(*qty),
        };
    }
    let mut frame = Frame::of(&update);
    frame.header_mut().commit = update.commit_for(flags).pack();
    frame
}

const WHOLE: Flags = Flags::FIRST.with(Flags::LAST);

fn image() -> Frame {
    let levels = [(true, 100, 5), (true, 99, 7), (false, 101, 4), (false, 102, 6)];
    update((10, 10, 0), WHOLE.with(Flags::SNAPSHOT), &levels)
}

/// What an immediate-or-cancel order gets, at once and without the reports that are no fills.
fn taken(exchange: &mut RecordedExchange, side: Side, px: i64, qty: i64, now: u64) -> Vec<(i64, i64)> {
    let mut order = Frame::of(&VenueOrder {
        order_id: OutId {
            seq: now,
            epoch: 1,
            sub: 0,
        },
        instrument: INSTRUMENT,
        px: Px(px),
        qty: Qty(qty),
        side: side.fix(),
        time_in_force: TimeInForce::ImmediateOrCancel.byte(),
        ..Zeroable::zeroed()
    });
    order.header_mut().ts_core = now;
    exchange.on_output(&order);
    let (mut market, mut reports) = (Vec::new(), Vec::new());
    while !exchange.is_quiet() {
        exchange.take(&mut market, &mut reports);
    }
    assert!(market.is_empty());
    let reports = reports.iter().filter_map(Frame::get::<VenueReport>);
    let fills = reports.filter(|report| report.exec_type == ExecType::Trade.byte());
    fills.map(|fill| (fill.last_px.0, fill.last_qty.0)).collect()
}

#[test]
fn what_was_taken_is_gone_until_the_recording_tells_of_the_level_again() {
    let mut exchange = exchange(FaultConfig::NONE);
    let mut seen = Vec::new();
    exchange.on_market(&image(), START, &mut seen);
    assert_eq!(
        taken(&mut exchange, Side::Buy, 102, 7, 2_000),
        [(101, 4), (102, 3)]
    );
    assert_eq!(taken(&mut exchange, Side::Buy, 102, 7, 3_000), [(102, 3)]);
    assert_eq!(taken(&mut exchange, Side::Buy, 102, 7, 4_000), []);
    assert_eq!(taken(&mut exchange, Side::Sell, 100, 9, 5_000), [(100, 5)]);
    let again = update((11, 12, 10), WHOLE, &[(true, 100, 0), (false, 101, 2)]);
    exchange.on_market(&again, 6_000, &mut seen);
    assert_eq!(taken(&mut exchange, Side::Buy, 102, 7, 7_000), [(101, 2)]);
    assert_eq!(taken(&mut exchange, Side::Sell, 1, 9, 8_000), [(99, 7)]);
    // What was recorded is passed on as it is.
    let words = |frames: &[Frame]| frames.iter().flat_map(Frame::words).copied().collect::<Vec<_>>();
    assert_eq!(words(&seen), words(&[image(), again]));
}

#[test]
fn behind_a_lost_connection_the_book_is_shown_whole_and_goes_on_by_either_rule() {
    for rule in [SequenceRule::BinanceSpot, SequenceRule::BinanceUsdm] {
        let mut chances_e8 = [0; Fault::COUNT];
        chances_e8[Fault::Disconnect as usize] = 10_000_000;
        let mut exchange = exchange(FaultConfig {
            chances_e8,
            down_ns_mean: 3_000,
            ..FaultConfig::NONE
        });
        let (mut mirror, mut market) = (Book::new(rule, 64), Vec::new());
        let (mut bids, mut asks) = (
            BTreeMap::from([(99, 7), (100, 5)]),
            BTreeMap::from([(101, 4), (102, 6)]),
        );
        let (mut last_id, mut healthy, mut random) = (10, 0, 1_u64);
        exchange.on_market(&image(), START, &mut market);
        for due in (2_000..1_002_000).step_by(1_000) {
            while exchange.next_due() <= due {
                exchange.take(&mut market, &mut Vec::new());
            }
            // Two records of a level each; the best prices never go, so that the book is never empty.
            let mut parts = Vec::new();
            for (side, is_bid, far) in [(&mut bids, true, 80), (&mut asks, false, 102)] {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let (px, qty) = (far + (random >> 40) as i64 % 20, (random >> 33) as i64 % 4);
                side.insert(px, qty);
                side.retain(|_, qty| *qty > 0);
                parts.push([(is_bid, px, qty)]);
            }
            let ids = match rule {
                SequenceRule::BinanceSpot => (last_id + 1, last_id + 3, 0),
                // Ids with holes; the first update bridges to the recorded image.
                _ => (last_id + if due == 2_000 { 0 } else { 2 }, last_id + 3, last_id),
            };
            last_id = ids.1;
            exchange.on_market(&update(ids, Flags::FIRST, &parts[0]), due, &mut market);
            exchange.on_market(&update(ids, Flags::LAST, &parts[1]), due, &mut market);
            for frame in market.drain(..) {
                if let Some(status) = frame.get::<VenueStatus>() {
                    mirror.on_status(status);
                } else if let Some(update) = frame.get::<BookUpdate>() {
                    mirror.apply(update);
                }
            }
            assert_ne!(mirror.state(), BookState::Gapped, "{rule:?}");
            if mirror.state() == BookState::Healthy {
                healthy += 1;
                let told = |level: Option<BookLevel>| level.map(|level| (level.px.0, level.qty.0));
                let (bid, ask) = (bids.last_key_value(), asks.first_key_value());
                assert_eq!(told(mirror.best_bid()), bid.map(|(px, qty)| (*px, *qty)));
                assert_eq!(told(mirror.best_ask()), ask.map(|(px, qty)| (*px, *qty)));
                assert_eq!(
                    (mirror.bids().len(), mirror.asks().len()),
                    (bids.len(), asks.len())
                );
            }
        }
        let lost = exchange.faults().of(Fault::Disconnect);
        assert!(
            lost > 20 && (200..900).contains(&healthy),
            "{rule:?}: {lost} {healthy}"
        );
    }
}
