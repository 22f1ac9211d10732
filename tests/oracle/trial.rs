//! Requests at one point of a market, answered by the product and by the exact model.

use std::collections::BTreeMap;
use std::fmt::Write;

use bytemuck::Zeroable;
use num_bigint::BigInt;
use pinrail_book::{Estimates, Sweep};
use pinrail_pricing::{PriceRequest, Pricer, Prices, SweepPricer, TIERS_MAX};
use pinrail_types::record::{AssetDef, InstrumentDef, QuotingParams, TierSpread};
use pinrail_types::{E8, Instrument, InstrumentId, Px, Qty, Reason, Side};

use crate::exact::draws::Draws;
use crate::exact::{self, Level, Model, Swept, Venue};
use crate::market::Market;
use crate::{ASKED_AT_POINT, Tally};

/// The instrument that is asked for, and one that the pricer does not know.
const KNOWN: u32 = 2;
const UNKNOWN: u32 = 3;

/// A pricer, and what it was told.
pub(crate) struct Trial {
    pricer: SweepPricer,
    half_spreads_e8: [Option<i64>; TIERS_MAX],
    params: Option<QuotingParams>,
}

/// A venue as it is set at one point.
struct Set {
    taker_fee_e8: i32,
    stale_ns_max: u64,
    halted: bool,
}

/// A request, the exact sweeps of both sides where it may be swept at all, and the exact answer.
struct Asked<'a> {
    request: PriceRequest<'a>,
    swept: Option<[Result<Swept, Reason>; 2]>,
    answer: Result<Prices, Reason>,
}

fn instrument(id: u32) -> Instrument {
    let def = InstrumentDef {
        instrument: InstrumentId(id),
        tick_mantissa: 1,
        lot_mantissa: 1,
        ..Zeroable::zeroed()
    };
    Instrument::new(&def, &AssetDef::zeroed(), &AssetDef::zeroed()).unwrap()
}

impl Trial {
    /// Without parameters, and with a half-spread of each tier but the last.
    pub(crate) fn new(draws: &mut Draws) -> Trial {
        let mut trial = Trial {
            pricer: SweepPricer::new(UNKNOWN as usize),
            half_spreads_e8: [None; TIERS_MAX],
            params: None,
        };
        for tier in 0..TIERS_MAX - 1 {
            trial.set_half_spread(tier, draws);
        }
        trial
    }

    fn set_half_spread(&mut self, tier: usize, draws: &mut Draws) {
        let half_spread_e8 = draws.below(2) * draws.up_to(E8 / 10);
        let spread = TierSpread {
            instrument: InstrumentId(KNOWN),
            tier: tier as u8,
            half_spread_e8,
            ..Zeroable::zeroed()
        };
        self.pricer.on_tier_spread(&spread).unwrap();
        self.half_spreads_e8[tier] = Some(half_spread_e8);
    }

    /// Asks with other fees and, mostly, other parameters; then again after each step of merging.
    pub(crate) fn at(
        &mut self,
        market: &mut Market,
        now: u64,
        estimates: &Estimates,
        volatility_e8: i64,
        draws: &mut Draws,
        tally: &mut Tally,
    ) {
        self.tell(draws);
        let sets = set_venues(market, draws);
        let instruments = [instrument(KNOWN), instrument(UNKNOWN)];
        let mut books = Books::new(market, &sets);
        let sizes = books.sizes();
        let asked: Vec<Asked<'_>> = (0..ASKED_AT_POINT)
            .map(|_| {
                let mut request = request(&instruments, now, estimates, &sizes, draws);
                if draws.one_in(16) {
                    request.now += draws.up_to(1_000_000_000).unsigned_abs();
                }
                self.expect(request, volatility_e8, &mut books)
            })
            .collect();
        for one in &asked {
            match &one.answer {
                Ok(_) => tally.priced += 1,
                Err(reason) => {
                    tally.refused += 1;
                    *tally.reasons.entry(*reason).or_insert(0) += 1;
                }
            }
        }
        for merged in ["nothing", "one side", "both sides"] {
            for one in &asked {
                if let Some(difference) = self.compare(market, one) {
                    let point = describe(market, &sets, now);
                    let params = &self.params;
                    tally.differ(|| {
                        format!(
                            "{point}\nmerged: {merged}\n{params:?}\n{:?}\n{difference}",
                            one.request
                        )
                    });
                }
            }
            market.venues.refresh(now);
        }
    }

    /// Changes what the pricer was told.
    fn tell(&mut self, draws: &mut Draws) {
        let tier = draws.below(TIERS_MAX as i64 - 1);
        self.set_half_spread(tier as usize, draws);
        if !draws.one_in(4) {
            let params = QuotingParams {
                instrument: InstrumentId(KNOWN),
                ..draws.params()
            };
            self.pricer.on_quoting_params(&params).unwrap();
            self.params = Some(params);
        }
    }

    fn expect<'a>(&self, request: PriceRequest<'a>, volatility_e8: i64, books: &mut Books<'_>) -> Asked<'a> {
        let qty = request.qty.0;
        let (mut swept, mut ref_px) = (None, Err(Reason::ReferenceMissing));
        let usable = books.usable(request.now);
        if let Ok(mask) = usable {
            let sides = [Side::Buy, Side::Sell];
            let found = sides.map(|side| exact::sweep(books.sorted(mask, side), side, qty));
            swept = Some(found);
            ref_px = books.ref_px(mask);
        }
        let ref_px = usable.and(ref_px);
        let mut answer = self.answer(&request, volatility_e8, ref_px, swept.as_ref());
        let least = self.params.map_or(0, |params| params.hedgeable_lots_min.0);
        if let (Err(Reason::InsufficientDepth), Ok(mask), true) = (&answer, usable, least > 0) {
            let part = books.part(mask, &request);
            if part >= least {
                let qty = Qty(part);
                let swept =
                    [Side::Buy, Side::Sell].map(|side| exact::sweep(books.sorted(mask, side), side, part));
                answer = self.answer(
                    &PriceRequest { qty, ..request },
                    volatility_e8,
                    ref_px,
                    Some(&swept),
                );
            }
        }
        Asked {
            request,
            swept,
            answer,
        }
    }

    fn answer(
        &self,
        request: &PriceRequest<'_>,
        volatility_e8: i64,
        ref_px: Result<Px, Reason>,
        swept: Option<&[Result<Swept, Reason>; 2]>,
    ) -> Result<Prices, Reason> {
        if request.instrument.id != InstrumentId(KNOWN) {
            return Err(Reason::UnknownInstrument);
        }
        let half_spread = self.half_spreads_e8.get(usize::from(request.tier)).copied();
        let half_spread_e8 = half_spread.flatten().ok_or(Reason::LimitsMissing)?;
        let ref_px = ref_px?;
        let [bought, sold] = swept.unwrap();
        let model = Model {
            half_spread_e8,
            params: self.params,
            volatility_e8,
            life_ns: request.life_ns,
            position: request.position.0,
            px_step: request.px_step,
        };
        let asked = [
            (request.side != Some(Side::Sell)).then_some(bought),
            (request.side != Some(Side::Buy)).then_some(sold),
        ];
        model.answer(ref_px, asked, request.qty.0)
    }

    /// What differs, if anything does.
    fn compare(&mut self, market: &Market, asked: &Asked<'_>) -> Option<String> {
        let request = &asked.request;
        let view = market.venues.view(request.now);
        for (at, side) in [Side::Buy, Side::Sell].into_iter().enumerate() {
            let found = view.map(|view| view.sweep(side, request.qty)).ok();
            let expected = asked.swept.as_ref().map(|swept| &swept[at]);
            if found.map(|found| found.map(|sweep| in_full(&sweep))).as_ref() != expected {
                return Some(format!(
                    "the sweep of a client's {side:?} is {expected:?}, not {found:?}"
                ));
            }
        }
        let found = self.pricer.price(request, &market.venues);
        (found != asked.answer).then(|| format!("the answer is {:?}, not {found:?}", asked.answer))
    }
}

fn in_full(sweep: &Sweep) -> Swept {
    Swept {
        cost_e8: BigInt::from(sweep.cost),
        worst_net_e8: sweep.worst_net_e8,
        worst_px: sweep.worst_px.0,
        venue_mask: sweep.venue_mask,
        levels: sweep.levels,
    }
}

/// Fees of which some are rebates and some alike, so that venues tie; some venues stale soon, few halted.
fn set_venues(market: &mut Market, draws: &mut Draws) -> Vec<Set> {
    let alike = draws.one_in(3).then(|| draws.below(200_000) - 20_000);
    let mut set = || Set {
        taker_fee_e8: alike.unwrap_or_else(|| draws.below(200_000) - 20_000) as i32,
        stale_ns_max: [100_000_000, 1_000_000_000, 60_000_000_000, u64::MAX][draws.below(4) as usize],
        halted: draws.one_in(20),
    };
    let sets: Vec<Set> = market.feeds.iter().map(|_| set()).collect();
    for (at, set) in sets.iter().enumerate() {
        let source = market.venues.source_mut(at);
        source.taker_fee_e8 = set.taker_fee_e8;
        source.stale_ns_max = set.stale_ns_max;
        source.halted = set.halted;
    }
    sets
}

fn request<'a>(
    instruments: &'a [Instrument; 2],
    now: u64,
    estimates: &'a Estimates,
    sizes: &[i64],
    draws: &mut Draws,
) -> PriceRequest<'a> {
    let depth = sizes.last().copied().unwrap_or(1);
    let qty = match draws.below(16) {
        0 => [0, -1, Qty::ABS_MAX + 1, Qty::ABS_MAX, i64::MIN][draws.below(5) as usize],
        1 => draws.up_to(2 * depth),
        2..=5 if !sizes.is_empty() => sizes[draws.below(sizes.len() as i64) as usize] + draws.below(3) - 1,
        _ => {
            let bits = 1 + draws.below(64 - i64::from(depth.leading_zeros()));
            1 + draws.below(1 << bits)
        }
    };
    let position = match draws.below(3) {
        0 => draws.up_to(1 << 52),
        1 => draws.up_to(depth),
        _ => 0,
    };
    PriceRequest {
        instrument: &instruments[usize::from(draws.one_in(200))],
        tier: if draws.one_in(100) {
            200
        } else {
            draws.below(TIERS_MAX as i64) as u8
        },
        side: [None, Some(Side::Buy), Some(Side::Sell)][draws.below(3) as usize],
        qty: Qty(qty),
        qty_step: [1, draws.up_to(1_000)][draws.below(2) as usize],
        px_step: match draws.below(64) {
            0 => draws.up_to(1 << 53),
            1..20 => draws.up_to(1_000),
            _ => 1,
        },
        now,
        life_ns: draws.up_to(4_000_000_000_000).unsigned_abs(),
        position: Qty(position * (1 - 2 * draws.below(2))),
        estimates,
    }
}

/// The naive books of a market at one point.
struct Books<'a> {
    market: &'a Market,
    sets: &'a [Set],
    /// For each set of usable venues all levels, in order, for a client that buys and for one that sells.
    sorted: BTreeMap<u16, [Vec<Level>; 2]>,
}

impl<'a> Books<'a> {
    fn new(market: &'a Market, sets: &'a [Set]) -> Books<'a> {
        Books {
            market,
            sets,
            sorted: BTreeMap::new(),
        }
    }

    /// The venues to be used at `now`, one bit each.
    fn usable(&self, now: u64) -> Result<u16, Reason> {
        let (mut mask, mut reason) = (0, Reason::ReferenceMissing);
        for (at, (feed, set)) in self.market.feeds.iter().zip(self.sets).enumerate() {
            if set.halted || !feed.naive.is_healthy() {
                continue;
            }
            if feed.naive.is_stale(now, set.stale_ns_max) {
                reason = Reason::ReferenceStale;
            } else {
                mask |= 1 << at;
            }
        }
        if mask == 0 { Err(reason) } else { Ok(mask) }
    }

    fn sorted(&mut self, mask: u16, side: Side) -> &[Level] {
        let (feeds, sets) = (&self.market.feeds, self.sets);
        let sides = self.sorted.entry(mask).or_insert_with(|| {
            [Side::Buy, Side::Sell].map(|side| {
                let venues = feeds.iter().zip(sets).enumerate();
                let venues = venues.map(|(at, (feed, set))| Venue {
                    levels: if mask & (1 << at) != 0 {
                        feed.naive.levels(side)
                    } else {
                        Vec::new()
                    },
                    taker_fee_e8: set.taker_fee_e8,
                    lot: 1,
                });
                exact::sorted(&venues.collect::<Vec<_>>(), side)
            })
        });
        &sides[usize::from(side == Side::Sell)]
    }

    /// As much of what is asked for as the venues hold on every side asked for, on the step of quantities.
    fn part(&mut self, mask: u16, request: &PriceRequest<'_>) -> i64 {
        let mut most = request.qty.0;
        for side in [Side::Buy, Side::Sell] {
            if request.side.is_none_or(|asked| asked == side) {
                most = most.min(self.sorted(mask, side).iter().map(|level| level.qty).sum());
            }
        }
        most / request.qty_step * request.qty_step
    }

    /// The middle of the best bid and offer at any usable venue, rounded down.
    fn ref_px(&self, mask: u16) -> Result<Px, Reason> {
        let feeds = self.market.feeds.iter().enumerate();
        let used: Vec<_> = feeds.filter(|(at, _)| mask & (1 << at) != 0).collect();
        let best = |side| used.iter().filter_map(move |(_, feed)| feed.naive.best(side));
        let (bid, ask) = (best(Side::Sell).max(), best(Side::Buy).min());
        let (bid, ask) = bid.zip(ask).ok_or(Reason::ReferenceMissing)?;
        Ok(Px((bid + ask).div_euclid(2)))
    }

    /// What one level, two levels and so on come to, of all venues and mostly near the touch; the last is everything.
    fn sizes(&mut self) -> Vec<i64> {
        let healthy = self.market.feeds.iter().enumerate();
        let mask = healthy.fold(0, |mask, (at, feed)| {
            mask | u16::from(feed.naive.is_healthy()) << at
        });
        let mut sizes = Vec::new();
        for side in [Side::Buy, Side::Sell] {
            let mut sum = 0;
            let levels = self.sorted(mask, side);
            for level in levels {
                sum += level.qty;
                if sizes.len() < 64 {
                    sizes.push(sum);
                }
            }
            sizes.push(sum.max(1));
        }
        sizes
    }
}

/// The point and its venues, for people.
fn describe(market: &Market, sets: &[Set], now: u64) -> String {
    let mut text = format!("at core time {now}:");
    for ((feed, set), source) in market.feeds.iter().zip(sets).zip(market.venues.sources()) {
        let listing = &feed.recorded.listing;
        write!(
            text,
            "\n{} {}, {} ms late: update {}, received {}, {:?}, fee {} e-8, stale after {} ns, halted {}",
            listing.market,
            listing.symbol,
            feed.delay_ns / 1_000_000,
            source.book.last_id(),
            source.book.ts_recv(),
            source.book.state(),
            set.taker_fee_e8,
            set.stale_ns_max,
            set.halted,
        )
        .unwrap();
    }
    text
}
