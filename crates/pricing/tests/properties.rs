//! What holds of the default model whatever the market and the parameters: each property changes one thing of a request.
#![allow(clippy::unwrap_used, reason = "nothing but tests")]

use bytemuck::Zeroable;
use num_bigint::BigInt;
use pinrail_book::{Book, Consolidated, Estimates, Source, Top};
use pinrail_pricing::{PriceRequest, Pricer, Prices, SweepPricer};
use pinrail_types::record::{
    AssetDef, BookLevel, BookUpdate, InstrumentDef, InventoryRule, QuotingParams, SequenceRule, TierSpread,
};
use pinrail_types::{E8, Flags, Instrument, Px, Qty, Side};
use proptest::prelude::*;

const NOW: u64 = 100;

/// Steps from level to level, and quantities.
type Steps = Vec<(i64, i64)>;

/// A market and a request in it.
#[derive(Clone, Debug)]
struct Case {
    /// By venue: bids, offers, and the taker fee.
    venues: Vec<(Steps, Steps, i32)>,
    half_spread_e8: i64,
    params: QuotingParams,
    /// How far the market moves up and down, in ticks of a million.
    moves: i64,
    qty: i64,
    px_step: i64,
    life_ns: u64,
    position: i64,
}

fn levels() -> impl Strategy<Value = Steps> {
    prop::collection::vec((1_i64..2_000, prop_oneof![1_i64..10, 1_i64..1 << 40]), 1..6)
}

fn params() -> impl Strategy<Value = QuotingParams> {
    let skew = prop_oneof![
        (0..=E8 / 50).prop_map(|skew_e8| (InventoryRule::Linear, skew_e8)),
        (0..=1_000_000_000_000_i64).prop_map(|skew_e8| (InventoryRule::Reservation, skew_e8)),
    ];
    (
        skew,
        0..=4 * E8,
        0..=10_000_000_000_u64,
        0..=E8 / 100,
        0..=E8 / 100,
        [1_i64..1 << 42, 1..1 << 42],
    )
        .prop_map(
            |((rule, skew_e8), volatility_mult_e8, hold_ns, impact_e8, edge_min_e8, [a, b])| QuotingParams {
                inventory_rule: rule.byte(),
                volatility_mult_e8,
                hold_ns,
                impact_e8,
                impact_qty: Qty(a),
                skew_e8,
                skew_position: Qty(b),
                edge_min_e8,
                volatility_tau_ns: 1,
                ..Zeroable::zeroed()
            },
        )
}

fn case() -> impl Strategy<Value = Case> {
    (
        prop::collection::vec((levels(), levels(), -20_000_i32..200_000), 1..5),
        prop_oneof![Just(0), 0..E8 / 100],
        params(),
        0_i64..5_000,
        0.0..1.0_f64,
        prop_oneof![Just(1_i64), 1_i64..1_000],
        1_000_u64..100_000_000_000,
        -(1_i64 << 42)..1 << 42,
    )
        .prop_map(
            |(venues, half_spread_e8, params, moves, share, px_step, life_ns, position)| {
                let mut case = Case {
                    venues,
                    half_spread_e8,
                    params,
                    moves,
                    qty: 1,
                    px_step,
                    life_ns,
                    position,
                };
                case.qty = case.part(share);
                case
            },
        )
}

fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Book {
    let mut update = BookUpdate {
        ts_recv: NOW,
        bids: bids.len() as u8,
        asks: asks.len() as u8,
        ..Zeroable::zeroed()
    };
    let (mut bid, mut ask) = (10_000_000, 10_000_000);
    let bids = bids.iter().map(|(step, qty)| {
        bid -= step;
        (bid, *qty)
    });
    let asks = asks.iter().map(|(step, qty)| {
        ask += step;
        (ask, *qty)
    });
    for (level, (px, qty)) in update.levels.iter_mut().zip(bids.chain(asks)) {
        *level = BookLevel {
            px: Px(px),
            qty: Qty(qty),
        };
    }
    let flags = Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT);
    update.header.commit = update.commit_for(flags).pack();
    let mut book = Book::new(SequenceRule::Plain, 64);
    book.apply(&update);
    book
}

impl Case {
    /// So much of what can be hedged on both sides.
    fn part(&self, share: f64) -> i64 {
        let sum = |levels: &[(i64, i64)]| levels.iter().map(|(_, qty)| qty).sum::<i64>();
        let bids: i64 = self.venues.iter().map(|(bids, ..)| sum(bids)).sum();
        let asks: i64 = self.venues.iter().map(|(_, asks, _)| sum(asks)).sum();
        1 + ((bids.min(asks) - 1) as f64 * share) as i64
    }

    fn consolidated(&self) -> Consolidated {
        let mut venues = Consolidated::new();
        for (bids, asks, taker_fee_e8) in &self.venues {
            venues.add(Source {
                lot: Qty(1),
                book: book(bids, asks),
                taker_fee_e8: *taker_fee_e8,
                stale_ns_max: 0,
                halted: false,
            });
        }
        venues
    }

    fn prices(&self) -> Prices {
        let mut estimates = Estimates::default();
        estimates.set_tau(1_000_000_000);
        for n in 1..6 {
            let px = Px(1_000_000 + n % 2 * self.moves);
            let top = Top {
                bid_px: px,
                ask_px: px,
            };
            estimates.sample(n.unsigned_abs() * 1_000_000_000, top);
        }
        let mut pricer = SweepPricer::new(1);
        let spread = TierSpread {
            half_spread_e8: self.half_spread_e8,
            ..Zeroable::zeroed()
        };
        pricer.on_tier_spread(&spread).unwrap();
        pricer.on_quoting_params(&self.params).unwrap();
        let def = InstrumentDef {
            tick_mantissa: 1,
            lot_mantissa: 1,
            ..Zeroable::zeroed()
        };
        let request = PriceRequest {
            instrument: &Instrument::new(&def, &AssetDef::zeroed(), &AssetDef::zeroed()).unwrap(),
            tier: 0,
            side: None,
            qty: Qty(self.qty),
            qty_step: 1,
            px_step: self.px_step,
            now: NOW,
            life_ns: self.life_ns,
            position: Qty(self.position),
            estimates: &estimates,
        };
        pricer.price(&request, &self.consolidated()).unwrap()
    }

    /// What a hedge costs that a client's order on `side` asks for, times 1e8.
    fn cost_e8(&self, side: Side) -> BigInt {
        let venues = self.consolidated();
        let sweep = venues.view(NOW).unwrap().sweep(side, Qty(self.qty)).unwrap();
        BigInt::from(sweep.cost)
    }

    /// Whether risk moves the offer, or the bid, by what widens it alone: a reservation price moves with it too, to the
    /// good of the client who takes the position off.
    fn only_widens(&self) -> [bool; 2] {
        let moves = self.params.inventory_rule == InventoryRule::Reservation.byte();
        [!moves || self.position <= 0, !moves || self.position >= 0]
    }
}

/// Neither price is better for the client than before, where it is said to be so.
fn no_better(before: &Prices, after: &Prices, [offer, bid]: [bool; 2]) -> Result<(), TestCaseError> {
    prop_assert!(
        !offer || after.offer_px >= before.offer_px,
        "{before:?} {after:?}"
    );
    prop_assert!(!bid || after.bid_px <= before.bid_px, "{before:?} {after:?}");
    Ok(())
}

proptest! {
    #[test]
    fn a_worse_tier_never_gets_a_better_price(case in case(), more in 0..E8 / 10) {
        let worse = Case { half_spread_e8: case.half_spread_e8 + more, ..case.clone() };
        no_better(&case.prices(), &worse.prices(), [true; 2])?;
    }

    #[test]
    fn a_larger_size_never_gets_a_better_price(case in case(), share in 0.0..1.0_f64) {
        let larger = Case { qty: case.qty.max(case.part(share)), ..case.clone() };
        no_better(&case.prices(), &larger.prices(), [true; 2])?;
    }

    #[test]
    fn a_longer_position_never_raises_a_price(case in case(), more in 0_i64..1 << 42) {
        let longer = Case { position: case.position + more, ..case.clone() };
        let (before, after) = (case.prices(), longer.prices());
        prop_assert!(after.offer_px <= before.offer_px && after.bid_px <= before.bid_px, "{before:?} {after:?}");
    }

    #[test]
    fn a_long_position_lowers_both_prices_and_a_short_one_raises_them(case in case()) {
        let (flat, held) = (Case { position: 0, ..case.clone() }.prices(), case.prices());
        let moved = [held.offer_px.0 - flat.offer_px.0, held.bid_px.0 - flat.bid_px.0];
        prop_assert!(moved.iter().all(|ticks| ticks * case.position.signum() <= 0), "{flat:?} {held:?}");
    }

    #[test]
    fn a_livelier_market_never_gives_a_better_price(case in case(), more in 0_i64..5_000) {
        let livelier = Case { moves: case.moves + more, ..case.clone() };
        no_better(&case.prices(), &livelier.prices(), case.only_widens())?;
    }

    #[test]
    fn a_longer_life_never_gives_a_better_price(case in case(), more in 0_u64..5_000_000_000_000) {
        let longer = Case { life_ns: case.life_ns + more, ..case.clone() };
        no_better(&case.prices(), &longer.prices(), case.only_widens())?;
    }

    #[test]
    fn a_coarser_step_never_gives_a_better_price(case in case(), times in 1_i64..50) {
        let coarser = Case { px_step: case.px_step * times, ..case.clone() };
        no_better(&case.prices(), &coarser.prices(), [true; 2])?;
    }

    #[test]
    fn the_least_edge_is_always_kept(case in case()) {
        let prices = case.prices();
        let edge = case.params.edge_min_e8;
        let quoted = |px: Px| BigInt::from(px.0) * case.qty * E8 * E8;
        prop_assert!(quoted(prices.offer_px) >= case.cost_e8(Side::Buy) * (E8 + edge), "{prices:?}");
        prop_assert!(quoted(prices.bid_px) <= case.cost_e8(Side::Sell) * (E8 - edge), "{prices:?}");
    }

    #[test]
    fn rounding_favours_the_desk_and_by_less_than_a_step(case in case()) {
        let prices = case.prices();
        let (adjustments, half) = (prices.adjustments, prices.half_spread_e8);
        let offered = case.cost_e8(Side::Buy) * adjustments.offer_factor_e8(half);
        let bid = case.cost_e8(Side::Sell) * adjustments.bid_factor_e8(half);
        let unit = |px: i64| BigInt::from(px) * case.qty * E8 * E8;
        let (offer_px, bid_px, step) = (prices.offer_px.0, prices.bid_px.0, case.px_step);
        prop_assert!(offer_px % step == 0 && bid_px % step == 0);
        prop_assert!(unit(offer_px) >= offered && unit(offer_px - step) < offered, "{prices:?}");
        prop_assert!(unit(bid_px) <= bid && unit(bid_px + step) > bid, "{prices:?}");
        let hedge = |px: i64| BigInt::from(px) * case.qty * E8;
        let (up, down) = (prices.hedge_offer_px.0, prices.hedge_bid_px.0);
        prop_assert!(hedge(up) >= case.cost_e8(Side::Buy) && hedge(up - 1) < case.cost_e8(Side::Buy));
        prop_assert!(hedge(down) <= case.cost_e8(Side::Sell) && hedge(down + 1) > case.cost_e8(Side::Sell));
    }
}
