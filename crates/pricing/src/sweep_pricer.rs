//! The default model: what a hedge would cost now, and on top a half-spread by client tier, and what volatility, size and the
//! house position add.

use pinrail_book::{Consolidated, View};
use pinrail_types::record::{QuotingParams, TierSpread};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{E8, Px, Qty, Reason, Side};

use crate::quoting::Quoting;
use crate::{PriceRequest, Pricer, Prices};

const E8_WIDE: u64 = E8.unsigned_abs();

/// Client tiers.
pub const TIERS_MAX: usize = 16;

/// Prices at the cost of an immediate hedge over all healthy venues, net of their taker fees, times a factor:
///
/// - offer: `max(1 + half-spread + widening + impact - skew, 1 + least edge)`, at most 2;
/// - bid: `min(1 - half-spread - widening - impact - skew, 1 - least edge)`, at least 0.
///
/// The half-spread is that of the client's tier, the others follow from [`QuotingParams`], see [`Adjustments`]. Each price is
/// rounded once, away from the client, to the step of prices. The reference is the middle of the consolidated best bid
/// and offer.
///
/// Where the venues hold less than was asked for, the price is refused or, if the parameters say so, made for the largest
/// quantity that can be hedged on every side asked for, in whole lots of each venue ([`View::available`]).
///
/// [`Adjustments`]: crate::Adjustments
#[derive(Clone, Debug)]
pub struct SweepPricer {
    /// By instrument and tier. Negative: not set.
    half_spreads_e8: Vec<[i64; TIERS_MAX]>,
    /// By instrument.
    quoting: Vec<Quoting>,
}

impl SweepPricer {
    /// No spread set, for instruments below `instruments`.
    pub fn new(instruments: usize) -> SweepPricer {
        SweepPricer {
            half_spreads_e8: vec![[-1; TIERS_MAX]; instruments],
            quoting: vec![Quoting::default(); instruments],
        }
    }

    // One copy of the code, so that a rehearsal warms what a request runs.
    #[inline(never)]
    fn prices(&self, request: &PriceRequest<'_>, venues: &Consolidated) -> Result<Prices, Reason> {
        let half_spread_e8 = self.half_spread_e8(request)?;
        let view = venues.view(request.now)?;
        let ref_px = view.top()?.mid();
        let adjustments = self.quoting[request.instrument.id.index()].adjustments(request);
        let mut venue_mask = 0;
        let (mut hedge_offer_px, mut offer_px) = (Px::NONE, Px::NONE);
        if request.side != Some(Side::Sell) {
            let factor = adjustments.offer_factor_e8(half_spread_e8);
            (hedge_offer_px, offer_px) = match hedged(&view, request, Side::Buy, factor, &mut venue_mask) {
                Ok(pxs) => pxs,
                Err(reason) => return self.refuse_or_part(reason, request, venues),
            };
        }
        let (mut hedge_bid_px, mut bid_px) = (Px::NONE, Px::NONE);
        if request.side != Some(Side::Buy) {
            let factor = adjustments.bid_factor_e8(half_spread_e8);
            (hedge_bid_px, bid_px) = match hedged(&view, request, Side::Sell, factor, &mut venue_mask) {
                Ok(pxs) => pxs,
                Err(reason) => return self.refuse_or_part(reason, request, venues),
            };
        }
        Ok(Prices {
            bid_px,
            offer_px,
            qty: request.qty,
            hedge_bid_px,
            hedge_offer_px,
            ref_px,
            half_spread_e8,
            adjustments,
            venue_mask,
        })
    }

    /// Where it is depth that is missing, prices less than was asked for: as much as the venues hold.
    #[cold]
    fn refuse_or_part(
        &self,
        reason: Reason,
        request: &PriceRequest<'_>,
        venues: &Consolidated,
    ) -> Result<Prices, Reason> {
        if reason != Reason::InsufficientDepth {
            return Err(reason);
        }
        let least = self.quoting[request.instrument.id.index()].hedgeable_min;
        if least == 0 {
            return Err(Reason::InsufficientDepth);
        }
        let view = venues.view(request.now)?;
        let mut most = request.qty;
        for (side, at_any_price) in [(Side::Buy, i128::MAX), (Side::Sell, i128::MIN)] {
            if request.side.is_none_or(|asked| asked == side) {
                most = most.min(view.available(side, at_any_price)?);
            }
        }
        let qty = Qty(most.0 - most.0 % request.qty_step);
        if qty.0 < least || qty >= request.qty {
            return Err(Reason::InsufficientDepth);
        }
        self.prices(&PriceRequest { qty, ..*request }, venues)
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
    const NAME: &'static str = "sweep 2";

    #[inline]
    fn price(&mut self, request: &PriceRequest<'_>, venues: &Consolidated) -> Result<Prices, Reason> {
        self.prices(request, venues)
    }

    #[inline]
    fn rehearse(&self, request: &PriceRequest<'_>, venues: &Consolidated) {
        let _ = core::hint::black_box(self.prices(request, venues));
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

    fn on_quoting_params(&mut self, params: &QuotingParams) -> Result<(), Reason> {
        let held = self
            .quoting
            .get_mut(params.instrument.index())
            .ok_or(Reason::UnknownInstrument)?;
        *held = Quoting::new(params)?;
        Ok(())
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.exactly(self.half_spreads_e8.len(), "the bound on instruments")?;
        for spread in self.half_spreads_e8.iter_mut().flatten() {
            visitor.signed(spread)?;
        }
        for quoting in &mut self.quoting {
            quoting.visit(visitor)?;
        }
        Ok(())
    }
}

/// What a hedge of one side costs per unit, and that with the spread on top; adds the venues that it takes.
#[inline]
fn hedged(
    view: &View<'_>,
    request: &PriceRequest<'_>,
    side: Side,
    factor_e8: i64,
    venue_mask: &mut u16,
) -> Result<(Px, Px), Reason> {
    let hedge = view.sweep(side, request.qty)?;
    *venue_mask |= hedge.venue_mask;
    per_unit(side, hedge.cost, factor_e8, request.qty, request.px_step)
}

/// What a hedge costs per unit, and that with the spread on top in multiples of `step` ticks:
/// `cost / (qty * 1e8)` and `cost * factor_e8 / (qty * 1e16)`, each rounded once, away from the client: up where it
/// buys, down where it sells. `cost` is in tick·lots times 1e8, of prices and quantities that are representable.
#[inline]
fn per_unit(side: Side, cost: i128, factor_e8: i64, qty: Qty, step: i64) -> Result<(Px, Px), Reason> {
    let (qty, factor, step) = (
        qty.0.unsigned_abs(),
        factor_e8.unsigned_abs(),
        step.unsigned_abs(),
    );
    let cost = u128::try_from(cost).map_err(|_| Reason::PxUnrepresentable)?;
    let (net_e8, rest) = div_rem(cost, qty);
    match u64::try_from(net_e8) {
        // The same, but known to be of 64 bits: all prices below 1.8e11 ticks.
        Ok(net_e8) => with_spread(side, u128::from(net_e8), rest, factor, qty, step),
        Err(_) => with_spread_wide(side, net_e8, rest, factor, qty, step),
    }
}

#[cold]
#[inline(never)]
fn with_spread_wide(
    side: Side,
    net_e8: u128,
    rest: u64,
    factor: u64,
    qty: u64,
    step: u64,
) -> Result<(Px, Px), Reason> {
    with_spread(side, net_e8, rest, factor, qty, step)
}

/// The price net of fees is `net_e8 + rest / qty`, times 1e8. It is below 2^81, and the spread at most doubles it, so
/// nothing passes 2^110. Dividing in steps and rounding down each time is rounding down once, and exact if no step left a
/// rest.
#[expect(
    clippy::inline_always,
    reason = "where the price has 64 bits, that saves a third of it"
)]
#[inline(always)]
fn with_spread(
    side: Side,
    net_e8: u128,
    rest: u64,
    factor: u64,
    qty: u64,
    step: u64,
) -> Result<(Px, Px), Reason> {
    let (hedge, cut) = div_rem(net_e8, E8_WIDE);
    let hedge = hedge + up(side, rest | cut);
    let (rest_scaled, rest) = div_rem(u128::from(rest) * u128::from(factor), qty);
    let scaled = net_e8 * u128::from(factor) + rest_scaled;
    // 1e16 is 2^16 times 5^16.
    let cut = rest | u64::from(scaled as u16);
    let (ticks, rest) = div_rem(scaled >> 16, 5_u64.pow(16));
    let cut = cut | rest;
    let px_ticks = if step == 1 {
        ticks + up(side, cut)
    } else {
        let (steps, rest) = div_rem(ticks, step);
        (steps + up(side, cut | rest)) * u128::from(step)
    };
    Ok((px(hedge)?, px(px_ticks)?))
}

/// What is added to a price that was rounded down and left a rest: one for a client that buys.
#[inline]
fn up(side: Side, rest: u64) -> u128 {
    u128::from(side == Side::Buy && rest != 0)
}

/// Quotient and rest. Most numerators are of 64 bits, which takes a fraction of the time.
#[inline]
fn div_rem(numerator: u128, denominator: u64) -> (u128, u64) {
    let quotient = match u64::try_from(numerator) {
        Ok(numerator) => u128::from(numerator / denominator),
        Err(_) => numerator / u128::from(denominator),
    };
    // Less than the denominator, so that the low halves tell it.
    let rest = (numerator as u64).wrapping_sub((quotient as u64).wrapping_mul(denominator));
    (quotient, rest)
}

#[inline]
fn px(ticks: u128) -> Result<Px, Reason> {
    if ticks <= u128::from(Px::ABS_MAX.unsigned_abs()) {
        Ok(Px(ticks as i64))
    } else {
        Err(Reason::PxUnrepresentable)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use pinrail_book::{Book, Estimates, Source};
    use pinrail_types::record::{AssetDef, BookLevel, BookUpdate, InstrumentDef, SequenceRule};
    use pinrail_types::{Flags, Instrument, InstrumentId};
    use proptest::prelude::*;

    use pinrail_types::money::product;

    use super::*;

    static CALM: LazyLock<Estimates> = LazyLock::new(Estimates::default);

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
        Instrument::new(&def, &quote, &quote).unwrap()
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

    fn venue(book: Book, taker_fee_e8: i32) -> Consolidated {
        let mut venues = Consolidated::new();
        venues.add(Source {
            book,
            taker_fee_e8,
            stale_ns_max: 1_000,
            halted: false,
            lot: Qty(1),
        });
        venues
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
            qty_step: 1,
            px_step,
            now: 100,
            life_ns: 1_000_000_000,
            position: Qty::ZERO,
            estimates: &CALM,
        }
    }

    #[test]
    fn a_price_is_the_hedge_and_the_half_spread_rounded_away_from_the_client() {
        let instrument = instrument();
        let book = book(&[(9_990, 5), (9_980, 10)], &[(10_010, 5), (10_020, 10)]);
        let venues = venue(book, 100_000);
        let prices = pricer(500_000)
            .price(&request(&instrument, None, 10, 1), &venues)
            .unwrap();
        // Offer: (5 * 10,010 + 5 * 10,020) / 10 = 10,015; fee 0.1 % -> 10,025.015; half-spread 0.5 % -> 10,075.14...
        assert_eq!((prices.hedge_offer_px, prices.offer_px), (Px(10_026), Px(10_076)));
        // Bid: 9,985; fee off 0.1 % -> 9,975.015; half-spread 0.5 % -> 9,925.139...
        assert_eq!((prices.hedge_bid_px, prices.bid_px), (Px(9_975), Px(9_925)));
        assert_eq!((prices.ref_px, prices.venue_mask), (Px(10_000), 1));
        let coarse = pricer(500_000)
            .price(&request(&instrument, None, 10, 10), &venues)
            .unwrap();
        assert_eq!((coarse.bid_px, coarse.offer_px), (Px(9_920), Px(10_080)));
    }

    #[test]
    fn only_the_side_asked_for_is_priced() {
        let instrument = instrument();
        let book = book(&[(9_990, 5)], &[(10_010, 50)]);
        let venues = venue(book, 0);
        let prices = pricer(0)
            .price(&request(&instrument, Some(Side::Buy), 10, 1), &venues)
            .unwrap();
        assert_eq!((prices.bid_px, prices.offer_px), (Px::NONE, Px(10_010)));
        let refused = pricer(0).price(&request(&instrument, Some(Side::Sell), 10, 1), &venues);
        assert_eq!(refused, Err(Reason::InsufficientDepth));
    }

    #[test]
    fn where_too_little_is_held_a_part_is_quoted_if_it_is_enough() {
        let instrument = instrument();
        let mut venues = venue(book(&[(9_990, 40)], &[(10_010, 27)]), 0);
        venues.add(Source {
            book: book(&[(9_990, 40)], &[(10_010, 9)]),
            taker_fee_e8: 0,
            stale_ns_max: 1_000,
            halted: false,
            lot: Qty(5),
        });
        // Thirty-six are offered; one venue sells fives only: 27 and 5.
        let quoted = |least: i64, qty: i64, qty_step: i64, side| {
            let mut pricer = pricer(0);
            let params = QuotingParams {
                impact_qty: Qty(1),
                skew_position: Qty(1),
                hedgeable_lots_min: Qty(least),
                ..bytemuck::Zeroable::zeroed()
            };
            pricer.on_quoting_params(&params).unwrap();
            let mut request = request(&instrument, side, qty, 1);
            request.qty_step = qty_step;
            pricer.price(&request, &venues).map(|prices| prices.qty.0)
        };
        let too_deep = Err(Reason::InsufficientDepth);
        let buy = Some(Side::Buy);
        // (least, asked for, step, quoted)
        for (least, qty, step, expected) in [
            (0, 36, 1, Ok(36)),
            (0, 37, 1, too_deep),
            (32, 36, 1, Ok(36)),
            (31, 37, 1, Ok(32)),
            (32, 37, 1, Ok(32)),
            (33, 37, 1, too_deep),
            (30, 1_000, 10, Ok(30)),
            (31, 1_000, 10, too_deep),
            (1, 1_000, 50, too_deep),
        ] {
            assert_eq!(quoted(least, qty, step, buy), expected, "{least} {qty} {step}");
            assert_eq!(quoted(least, qty, step, None), expected, "{least} {qty} {step}");
        }
        assert_eq!(quoted(1, 1_000, 1, Some(Side::Sell)), Ok(80));
    }

    #[test]
    fn a_tier_without_a_spread_is_refused() {
        let instrument = instrument();
        let venues = venue(book(&[(9_990, 5)], &[(10_010, 5)]), 0);
        let unset = SweepPricer::new(1).price(&request(&instrument, None, 1, 1), &venues);
        assert_eq!(unset, Err(Reason::LimitsMissing));
        let mut request = request(&instrument, None, 1, 1);
        request.tier = 200;
        assert_eq!(pricer(0).price(&request, &venues), Err(Reason::LimitsMissing));
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

    #[test]
    fn the_least_rest_of_any_step_moves_a_price_of_a_buyer() {
        let one = product(1, E8);
        for (cost, qty, factor, step, bought, sold) in [
            // Nothing is left.
            (one * 7, 7, E8, 1, (1, 1), (1, 1)),
            // Of the cost by the quantity: less than 1e-8 ticks.
            (one * 300_000_000 + 1, 300_000_000, E8, 1, (2, 2), (1, 1)),
            // Of the price net of fees, as whole ticks; with the spread it is a multiple of 2^16.
            ((one + 256) * 7, 7, E8, 1, (2, 2), (1, 1)),
            // Of the price with the spread: 98,428,513 * 101,596,577 = 1e16 + 1.
            (98_428_513, 1, 101_596_577, 1, (1, 2), (0, 1)),
            // Of the ticks by the step.
            (one * 21, 7, E8, 2, (3, 4), (3, 2)),
        ] {
            for (side, (hedge, px)) in [(Side::Buy, bought), (Side::Sell, sold)] {
                let got = per_unit(side, cost, factor, Qty(qty), step);
                assert_eq!(got, Ok((Px(hedge), Px(px))), "{side:?} {cost} / {qty}");
            }
        }
    }

    /// Both prices, if both are representable.
    fn pxs(hedge: i128, px: i128) -> Result<(Px, Px), Reason> {
        let [hedge, px] = [hedge, px].map(|ticks| i64::try_from(ticks).map_or(Px(i64::MAX), Px));
        if hedge.is_representable() && px.is_representable() {
            Ok((hedge, px))
        } else {
            Err(Reason::PxUnrepresentable)
        }
    }

    proptest! {
        #[test]
        fn each_price_is_rounded_once_away_from_the_client(
            cost in prop_oneof![0..1_000_000_i128, 0..1_i128 << 64, 0..1_i128 << 88],
            qty in prop_oneof![1..10_i64, 1..1_i64 << 40],
            spread in 0..E8,
            step in prop_oneof![Just(1_i64), 1..1_000_i64],
        ) {
            let unit = product(qty, E8);
            let (exact, scale) = (cost * i128::from(E8 + spread), unit * i128::from(E8 * step));
            let up = |n: i128, d: i128| (n + d - 1) / d;
            let (hedge, offer) = (up(cost, unit), up(exact, scale) * i128::from(step));
            prop_assert_eq!(per_unit(Side::Buy, cost, E8 + spread, Qty(qty), step), pxs(hedge, offer));
            let exact = cost * i128::from(E8 - spread);
            let (hedge, bid) = (cost / unit, exact / scale * i128::from(step));
            prop_assert_eq!(per_unit(Side::Sell, cost, E8 - spread, Qty(qty), step), pxs(hedge, bid));
        }

        #[test]
        fn never_better_for_a_worse_tier_or_a_larger_size(
            bids in levels(100_000, -7), asks in levels(100_000, 9),
            qty in 1_i64..2_000, more in 1_i64..500, spread in 0_i64..5_000_000, wider in 0_i64..5_000_000,
            fee in -10_000_i32..200_000, step in 1_i64..20,
        ) {
            let instrument = instrument();
            let book = book(&bids, &asks);
            let venues = venue(book, fee);
            let price = |spread, qty| pricer(spread).price(&request(&instrument, None, qty, step), &venues);
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
