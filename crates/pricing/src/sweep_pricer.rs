//! The default model: what a hedge would cost now, and a half-spread by client tier on top.

use pinrail_book::{Source, sweep, top};
use pinrail_types::money::{div_ceil, div_floor, product};
use pinrail_types::record::TierSpread;
use pinrail_types::{E8, Px, Qty, Reason, Side};

use crate::{PriceRequest, Pricer, Prices};

/// 1e16: a cost and a spread, each times 1e8.
const E16: i128 = product(E8, E8);

/// Client tiers.
pub const TIERS_MAX: usize = 16;

/// Prices at the cost of an immediate hedge over all healthy venues, net of their taker fees, and the half-spread of
/// the client's tier on top. Each price is rounded once, away from the client, to the step of prices. The
/// reference is the middle of the consolidated best bid and offer.
#[derive(Clone, Debug)]
pub struct SweepPricer {
    /// By instrument and tier. Negative: not set.
    half_spreads_e8: Vec<[i64; TIERS_MAX]>,
}

impl SweepPricer {
    /// No spread set, for instruments below `instruments`.
    pub fn new(instruments: usize) -> SweepPricer {
        SweepPricer {
            half_spreads_e8: vec![[-1; TIERS_MAX]; instruments],
        }
    }

    // One copy of the code, so that a rehearsal warms what a request runs.
    #[inline(never)]
    fn prices(&self, request: &PriceRequest<'_>, sources: &[Source]) -> Result<Prices, Reason> {
        let half_spread_e8 = self.half_spread_e8(request)?;
        let mut prices = Prices {
            bid_px: Px::NONE,
            offer_px: Px::NONE,
            hedge_bid_px: Px::NONE,
            hedge_offer_px: Px::NONE,
            ref_px: top(sources, request.now)?.mid(),
            half_spread_e8,
            venues: 0,
        };
        let mut venue_mask = 0;
        if request.side != Some(Side::Sell) {
            let hedge = sweep(sources, Side::Buy, request.qty, request.now)?;
            venue_mask |= hedge.venue_mask;
            prices.hedge_offer_px = per_unit(Side::Buy, hedge.cost, E8, request.qty, 1)?;
            let spread = E8 + half_spread_e8;
            prices.offer_px = per_unit(Side::Buy, hedge.cost, spread, request.qty, request.px_step)?;
        }
        if request.side != Some(Side::Buy) {
            let hedge = sweep(sources, Side::Sell, request.qty, request.now)?;
            venue_mask |= hedge.venue_mask;
            prices.hedge_bid_px = per_unit(Side::Sell, hedge.cost, E8, request.qty, 1)?;
            let spread = E8 - half_spread_e8;
            prices.bid_px = per_unit(Side::Sell, hedge.cost, spread, request.qty, request.px_step)?;
        }
        prices.venues = venue_mask.count_ones() as u8;
        Ok(prices)
    }

    fn half_spread_e8(&self, request: &PriceRequest<'_>) -> Result<i64, Reason> {
        let tiers = self
            .half_spreads_e8
            .get(request.instrument.id.index())
            .ok_or(Reason::UnknownInstrument)?;
        match tiers.get(usize::from(request.tier)) {
            Some(spread) if *spread >= 0 => Ok(*spread),
            _ => Err(Reason::LimitsMissing),
        }
    }
}

impl Pricer for SweepPricer {
    #[inline]
    fn price(&mut self, request: &PriceRequest<'_>, sources: &[Source]) -> Result<Prices, Reason> {
        self.prices(request, sources)
    }

    #[inline]
    fn rehearse(&self, request: &PriceRequest<'_>, sources: &[Source]) {
        let _ = core::hint::black_box(self.prices(request, sources));
    }

    fn on_tier_spread(&mut self, spread: &TierSpread) -> Result<(), Reason> {
        let tiers = self
            .half_spreads_e8
            .get_mut(spread.instrument.index())
            .ok_or(Reason::UnknownInstrument)?;
        let held = tiers.get_mut(usize::from(spread.tier)).ok_or(Reason::BadField)?;
        if !(0..E8).contains(&spread.half_spread_e8) {
            return Err(Reason::BadField);
        }
        *held = spread.half_spread_e8;
        Ok(())
    }
}

/// `cost * factor_e8 / (qty * 1e16)` in multiples of `step` ticks, rounded away from the client: up where it buys, down
/// where it sells. `cost` is in tick·lots times 1e8.
#[inline]
fn per_unit(side: Side, cost: i128, factor_e8: i64, qty: Qty, step: i64) -> Result<Px, Reason> {
    let numerator = cost.checked_mul(i128::from(factor_e8)).ok_or(Reason::Overflow)?;
    let denominator = product(qty.0, step).checked_mul(E16).ok_or(Reason::Overflow)?;
    let steps = match side {
        Side::Buy => div_ceil(numerator, denominator),
        Side::Sell => div_floor(numerator, denominator),
    };
    let px = steps
        .checked_mul(i128::from(step))
        .and_then(|px| i64::try_from(px).ok())
        .map(Px);
    px.filter(|px| px.is_representable())
        .ok_or(Reason::PxUnrepresentable)
}

#[cfg(test)]
mod tests {
    use pinrail_book::Book;
    use pinrail_types::record::{AssetDef, BookLevel, BookUpdate, InstrumentDef, SequenceRule};
    use pinrail_types::{Flags, Instrument, InstrumentId};
    use proptest::prelude::*;

    use super::*;

    fn instrument() -> Instrument {
        let quote = AssetDef {
            exponent: -8,
            ..bytemuck::Zeroable::zeroed()
        };
        let def = InstrumentDef {
            tick_mantissa: 1,
            tick_exponent: -2,
            lot_mantissa: 1,
            lot_exponent: -5,
            ..bytemuck::Zeroable::zeroed()
        };
        Instrument::new(&def, &quote).unwrap()
    }

    fn book(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Book {
        let mut update = BookUpdate {
            ts_recv: 100,
            bids: bids.len() as u8,
            asks: asks.len() as u8,
            ..bytemuck::Zeroable::zeroed()
        };
        for (level, (px, qty)) in update.levels.iter_mut().zip(bids.iter().chain(asks)) {
            *level = BookLevel {
                px: Px(*px),
                qty: Qty(*qty),
            };
        }
        let flags = Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT);
        update.header.commit = update.commit_for(flags).pack();
        let mut book = Book::new(SequenceRule::Plain, 64);
        book.apply(&update);
        book
    }

    fn source(book: Book, taker_fee_e8: i32) -> Source {
        Source {
            book,
            taker_fee_e8,
            stale_ns_max: 1_000,
            halted: false,
        }
    }

    fn pricer(half_spread_e8: i64) -> SweepPricer {
        let mut pricer = SweepPricer::new(1);
        let spread = TierSpread {
            instrument: InstrumentId(0),
            half_spread_e8,
            ..bytemuck::Zeroable::zeroed()
        };
        pricer.on_tier_spread(&spread).unwrap();
        pricer
    }

    fn request(instrument: &Instrument, side: Option<Side>, qty: i64, px_step: i64) -> PriceRequest<'_> {
        PriceRequest {
            instrument,
            tier: 0,
            side,
            qty: Qty(qty),
            px_step,
            now: 100,
        }
    }

    #[test]
    fn a_price_is_the_hedge_and_the_half_spread_rounded_away_from_the_client() {
        let instrument = instrument();
        let book = book(&[(9_990, 5), (9_980, 10)], &[(10_010, 5), (10_020, 10)]);
        let sources = [source(book, 100_000)];
        let prices = pricer(500_000)
            .price(&request(&instrument, None, 10, 1), &sources)
            .unwrap();
        // Offer: (5 * 10,010 + 5 * 10,020) / 10 = 10,015; fee 0.1 % -> 10,025.015; half-spread 0.5 % -> 10,075.14...
        assert_eq!((prices.hedge_offer_px, prices.offer_px), (Px(10_026), Px(10_076)));
        // Bid: 9,985; fee off 0.1 % -> 9,975.015; half-spread 0.5 % -> 9,925.139...
        assert_eq!((prices.hedge_bid_px, prices.bid_px), (Px(9_975), Px(9_925)));
        assert_eq!((prices.ref_px, prices.venues), (Px(10_000), 1));
        let coarse = pricer(500_000)
            .price(&request(&instrument, None, 10, 10), &sources)
            .unwrap();
        assert_eq!((coarse.bid_px, coarse.offer_px), (Px(9_920), Px(10_080)));
    }

    #[test]
    fn only_the_side_asked_for_is_priced() {
        let instrument = instrument();
        let book = book(&[(9_990, 5)], &[(10_010, 50)]);
        let sources = [source(book, 0)];
        let prices = pricer(0)
            .price(&request(&instrument, Some(Side::Buy), 10, 1), &sources)
            .unwrap();
        assert_eq!((prices.bid_px, prices.offer_px), (Px::NONE, Px(10_010)));
        let refused = pricer(0).price(&request(&instrument, Some(Side::Sell), 10, 1), &sources);
        assert_eq!(refused, Err(Reason::InsufficientDepth));
    }

    #[test]
    fn a_tier_without_a_spread_is_refused() {
        let instrument = instrument();
        let sources = [source(book(&[(9_990, 5)], &[(10_010, 5)]), 0)];
        let unset = SweepPricer::new(1).price(&request(&instrument, None, 1, 1), &sources);
        assert_eq!(unset, Err(Reason::LimitsMissing));
        let mut request = request(&instrument, None, 1, 1);
        request.tier = 200;
        assert_eq!(pricer(0).price(&request, &sources), Err(Reason::LimitsMissing));
    }

    #[test]
    fn spreads_outside_their_range_are_refused() {
        let mut pricer = pricer(0);
        for (tier, half_spread_e8) in [(0, -1), (0, E8), (16, 0)] {
            let spread = TierSpread {
                tier,
                half_spread_e8,
                ..bytemuck::Zeroable::zeroed()
            };
            assert_eq!(pricer.on_tier_spread(&spread), Err(Reason::BadField));
        }
    }

    fn levels(best: i64, away: i64) -> impl Strategy<Value = Vec<(i64, i64)>> {
        prop::collection::vec((1_i64..50, 1_i64..1_000), 1..5).prop_map(move |steps| {
            let mut px = best;
            let mut next = || {
                px += away;
                px
            };
            steps.into_iter().map(|(_, qty)| (next(), qty)).collect()
        })
    }

    proptest! {
        #[test]
        fn never_better_for_a_worse_tier_or_a_larger_size(
            bids in levels(100_000, -7), asks in levels(100_000, 9),
            qty in 1_i64..2_000, more in 1_i64..500, spread in 0_i64..5_000_000, wider in 0_i64..5_000_000,
            fee in -10_000_i32..200_000, step in 1_i64..20,
        ) {
            let instrument = instrument();
            let book = book(&bids, &asks);
            let sources = [source(book, fee)];
            let price = |spread, qty| pricer(spread).price(&request(&instrument, None, qty, step), &sources);
            if let Ok(prices) = price(spread, qty) {
                prop_assert!(prices.offer_px >= prices.hedge_offer_px || spread == 0);
                prop_assert!(prices.bid_px <= prices.hedge_bid_px || spread == 0);
                prop_assert!(prices.offer_px.0 % step == 0 && prices.bid_px.0 % step == 0);
                let worse = price(spread + wider, qty).unwrap();
                prop_assert!(worse.offer_px >= prices.offer_px && worse.bid_px <= prices.bid_px);
                if let Ok(larger) = price(spread, qty + more) {
                    prop_assert!(larger.offer_px >= prices.offer_px && larger.bid_px <= prices.bid_px);
                }
            }
        }
    }
}
