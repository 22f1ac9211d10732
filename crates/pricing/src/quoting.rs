//! What is put on top of a hedge's cost: how it is set, and what it comes to for one request.

use pinrail_types::record::{InventoryRule, QuotingParams};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{E8, Qty, Reason};

use crate::PriceRequest;

/// Most standard deviations that volatility may widen by, times 1e8.
const VOLATILITY_MULT_E8_MAX: i64 = 100 * E8;
/// Most time that a hedge may take.
const HOLD_NS_MAX: u64 = 3_600_000_000_000;
/// Most aversion to risk, times 1e8.
const AVERSION_E8_MAX: i64 = 1_000_000_000_000_000;

/// Parameters of one instrument, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quoting {
    rule: InventoryRule,
    volatility_mult_e8: i64,
    hold_ns: u64,
    impact_e8: i64,
    impact_qty: i64,
    skew_e8: i64,
    skew_position: i64,
    edge_min_e8: i64,
    /// Least quantity that is quoted where the venues hold less than was asked for; zero if none is.
    pub(crate) hedgeable_min: i64,
}

/// Without parameters nothing is added.
impl Default for Quoting {
    fn default() -> Self {
        Quoting {
            rule: InventoryRule::Linear,
            volatility_mult_e8: 0,
            hold_ns: 0,
            impact_e8: 0,
            impact_qty: 1,
            skew_e8: 0,
            skew_position: 1,
            edge_min_e8: 0,
            hedgeable_min: 0,
        }
    }
}

/// What the parameters come to for a request, each a fraction times 1e8.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Adjustments {
    /// Added to the half-spread for volatility.
    pub widening_e8: i64,
    /// Added to the half-spread for size.
    pub impact_e8: i64,
    /// Both prices are lowered by it: above zero for a long position.
    pub skew_e8: i64,
    /// Least edge over the hedge.
    pub edge_min_e8: i64,
}

impl Adjustments {
    /// What a hedge's cost per unit is multiplied by to be the offer, with a half-spread: 1e8 to 2e8.
    #[inline]
    pub fn offer_factor_e8(&self, half_spread_e8: i64) -> i64 {
        let wanted = E8 + half_spread_e8 + self.widening_e8 + self.impact_e8 - self.skew_e8;
        wanted.max(E8 + self.edge_min_e8).min(2 * E8)
    }

    /// The same for the bid: 0 to 1e8.
    #[inline]
    pub fn bid_factor_e8(&self, half_spread_e8: i64) -> i64 {
        let wanted = E8 - half_spread_e8 - self.widening_e8 - self.impact_e8 - self.skew_e8;
        wanted.min(E8 - self.edge_min_e8).max(0)
    }
}

impl Quoting {
    pub(crate) fn new(params: &QuotingParams) -> Result<Quoting, Reason> {
        let rule = InventoryRule::from_byte(params.inventory_rule).ok_or(Reason::BadField)?;
        let skew_e8_max = match rule {
            InventoryRule::Linear => E8,
            InventoryRule::Reservation => AVERSION_E8_MAX,
        };
        let sane = (0..=VOLATILITY_MULT_E8_MAX).contains(&params.volatility_mult_e8)
            && params.hold_ns <= HOLD_NS_MAX
            && (0..=E8).contains(&params.impact_e8)
            && params.impact_qty.is_orderable()
            && (0..=skew_e8_max).contains(&params.skew_e8)
            && params.skew_position.is_orderable()
            && (0..=E8).contains(&params.edge_min_e8)
            && (0..=Qty::ABS_MAX).contains(&params.hedgeable_lots_min.0);
        if !sane {
            return Err(Reason::BadField);
        }
        Ok(Quoting {
            rule,
            volatility_mult_e8: params.volatility_mult_e8,
            hold_ns: params.hold_ns,
            impact_e8: params.impact_e8,
            impact_qty: params.impact_qty.0,
            skew_e8: params.skew_e8,
            skew_position: params.skew_position.0,
            edge_min_e8: params.edge_min_e8,
            hedgeable_min: params.hedgeable_lots_min.0,
        })
    }

    /// Rounded towards less for the client: additions up; the skew towards zero, since it favours one side.
    #[inline]
    pub(crate) fn adjustments(&self, request: &PriceRequest<'_>) -> Adjustments {
        let mut adjustments = Adjustments {
            edge_min_e8: self.edge_min_e8,
            ..Adjustments::default()
        };
        if self.impact_e8 != 0 {
            let impact = scaled(self.impact_e8, request.qty.0, self.impact_qty, 1);
            adjustments.impact_e8 = impact;
        }
        let wants_sigma = self.volatility_mult_e8 != 0 || self.rule == InventoryRule::Reservation;
        let sigma_e8 = if wants_sigma { self.sigma_e8(request) } else { 0 };
        if self.volatility_mult_e8 != 0 {
            adjustments.widening_e8 = scaled(self.volatility_mult_e8, sigma_e8.cast_signed(), E8, 1);
        }
        if self.skew_e8 != 0 && request.position != Qty::ZERO {
            let whole = match self.rule {
                InventoryRule::Linear => self.skew_e8,
                // 1e15 times 1e16 has 104 bits.
                InventoryRule::Reservation => {
                    let variance_e16 = u128::from(sigma_e8) * u128::from(sigma_e8);
                    over_e16(u128::from(self.skew_e8.unsigned_abs()) * variance_e16)
                }
            };
            let size = scaled(whole, request.position.0.abs(), self.skew_position, 0);
            adjustments.skew_e8 = size * request.position.0.signum();
        }
        adjustments
    }

    /// Standard deviation over the life of the quote and of its hedge, times 1e8, at most one: that over a second, times the
    /// root of the time in microseconds over a thousand.
    #[inline]
    fn sigma_e8(&self, request: &PriceRequest<'_>) -> u64 {
        let life_ns = request.life_ns.min(HOLD_NS_MAX) + self.hold_ns;
        let root = root(life_ns / 1_000);
        let volatility_e8 = request.estimates.volatility_e8().unsigned_abs();
        (volatility_e8 * root).div_ceil(1_000).min(E8 as u64)
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let from = |code| InventoryRule::from_byte(u8::try_from(code).ok()?);
        visitor.named(
            &mut self.rule,
            |rule| u64::from(rule.byte()),
            from,
            "a rule for inventory",
        )?;
        visitor.signed(&mut self.volatility_mult_e8)?;
        visitor.word(&mut self.hold_ns)?;
        for value in [
            &mut self.impact_e8,
            &mut self.impact_qty,
            &mut self.skew_e8,
            &mut self.skew_position,
            &mut self.edge_min_e8,
            &mut self.hedgeable_min,
        ] {
            visitor.signed(value)?;
        }
        Ok(())
    }
}

/// The root of at most two hours in microseconds, rounded down. IEEE 754 fixes the root of a double to its last bit, so that
/// it is the same on every machine; and it is never rounded up to a whole number: below 2^52 the root of one less than a
/// square is further from the whole number than a double's last bit there.
#[inline]
fn root(life_us: u64) -> u64 {
    debug_assert!(life_us < 1 << 52);
    (life_us as f64).sqrt() as u64
}

/// `value / 1e16`, rounded down, at most one in 1e8ths. 1e16 is 2^16 times 5^16: what has more than 64 bits without the first
/// is above 1e24, and so more than one.
#[inline]
fn over_e16(value: u128) -> i64 {
    const FIVES: u64 = 5_u64.pow(16);
    u64::try_from(value >> 16).map_or(E8, |shifted| (shifted / FIVES).min(E8.unsigned_abs()) as i64)
}

/// `fraction_e8 * part / whole`, at most one; rounded up by one where a rest is left, if `up` is one. None is negative.
#[inline]
fn scaled(fraction_e8: i64, part: i64, whole: i64, up: u64) -> i64 {
    let product = u128::from(fraction_e8.unsigned_abs()) * u128::from(part.unsigned_abs());
    let whole = whole.unsigned_abs();
    // Nearly all are of 64 bits, where dividing takes a fraction of the time.
    match u64::try_from(product) {
        Ok(product) => at_most_one(u128::from(product / whole + up * u64::from(product % whole != 0))),
        Err(_) => at_most_one((product + u128::from(up * (whole - 1))) / u128::from(whole)),
    }
}

#[inline]
fn at_most_one(fraction_e8: u128) -> i64 {
    fraction_e8.min(E8 as u128) as i64
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use pinrail_book::{Estimates, Top};
    use pinrail_types::record::{AssetDef, InstrumentDef};
    use pinrail_types::{Instrument, Px};

    use super::*;

    fn params() -> QuotingParams {
        QuotingParams {
            impact_qty: Qty(1),
            skew_position: Qty(1),
            ..Zeroable::zeroed()
        }
    }

    /// A market whose returns have a standard deviation of one in a thousand over a second.
    fn lively() -> Estimates {
        let mut estimates = Estimates::default();
        estimates.set_tau(1_000_000_000);
        for n in 1..10_000 {
            let px = Px(if n % 2 == 0 { 1_000_000 } else { 1_001_000 });
            estimates.sample(
                n * 1_000_000_000,
                Top {
                    bid_px: px,
                    ask_px: px,
                },
            );
        }
        estimates
    }

    fn adjusted(params: QuotingParams, qty: i64, position: i64, estimates: &Estimates) -> Adjustments {
        let def = InstrumentDef {
            tick_mantissa: 1,
            lot_mantissa: 1,
            ..Zeroable::zeroed()
        };
        let request = PriceRequest {
            instrument: &Instrument::new(&def, &AssetDef::zeroed(), &AssetDef::zeroed()).unwrap(),
            tier: 0,
            side: None,
            qty: Qty(qty),
            qty_step: 1,
            px_step: 1,
            now: 1,
            life_ns: 3_000_000_000,
            position: Qty(position),
            estimates,
        };
        Quoting::new(&params).unwrap().adjustments(&request)
    }

    #[test]
    fn a_root_is_rounded_down() {
        let most = 2 * HOLD_NS_MAX / 1_000;
        for n in 0..=most.isqrt() {
            for value in [(n * n).saturating_sub(1), n * n, n * n + 1, n * n + n] {
                assert_eq!(root(value), value.isqrt(), "{value}");
            }
        }
        assert_eq!(root((1 << 52) - 1), (1 << 26) - 1);
    }

    #[test]
    fn without_parameters_nothing_is_added() {
        assert_eq!(
            adjusted(params(), 1_000, -1_000, &lively()),
            Adjustments::default()
        );
    }

    #[test]
    fn size_adds_in_proportion_and_is_rounded_up() {
        let params = QuotingParams {
            impact_e8: 10_000,
            impact_qty: Qty(300),
            ..params()
        };
        let calm = Estimates::default();
        for (qty, impact_e8) in [(300, 10_000), (600, 20_000), (1, 34), (1 << 52, E8)] {
            assert_eq!(adjusted(params, qty, 0, &calm).impact_e8, impact_e8, "{qty}");
        }
    }

    #[test]
    fn volatility_adds_by_the_root_of_time() {
        let widening = |hold_ns, volatility_mult_e8| {
            let params = QuotingParams {
                volatility_mult_e8,
                hold_ns,
                ..params()
            };
            adjusted(params, 1, 0, &lively()).widening_e8
        };
        let second = lively().volatility_e8();
        assert!(second.abs_diff(100_000) < 500, "{second}");
        // Three seconds of life and one of hold are twice the root of one.
        assert_eq!(widening(1_000_000_000, E8), 2 * second);
        assert_eq!(widening(1_000_000_000, 5 * E8 / 2), 5 * second);
        assert!(widening(0, E8).abs_diff(1_732 * second / 1_000) <= 1);
    }

    #[test]
    fn a_position_moves_both_prices_away_from_it() {
        let linear = QuotingParams {
            skew_e8: 20_000,
            skew_position: Qty(300),
            ..params()
        };
        let calm = Estimates::default();
        for (position, skew_e8) in [
            (0, 0),
            (300, 20_000),
            (-300, -20_000),
            (1, 66),
            (-1, -66),
            (1 << 52, E8),
        ] {
            assert_eq!(
                adjusted(linear, 1, position, &calm).skew_e8,
                skew_e8,
                "{position}"
            );
        }
        let reservation = QuotingParams {
            inventory_rule: InventoryRule::Reservation.byte(),
            skew_e8: 100 * E8,
            hold_ns: 1_000_000_000,
            skew_position: Qty(10),
            ..params()
        };
        assert_eq!(
            adjusted(reservation, 1, 10, &calm).skew_e8,
            0,
            "a market without variance"
        );
        // A hundred times the variance of two in a thousand, and three times that at three times the position.
        let one = adjusted(reservation, 1, 10, &lively()).skew_e8;
        assert!(one.abs_diff(40_000) < 500, "{one}");
        assert!(
            adjusted(reservation, 1, -30, &lively())
                .skew_e8
                .abs_diff(-3 * one)
                <= 3
        );
    }

    #[test]
    fn the_least_edge_holds_against_any_skew() {
        let adjustments = Adjustments {
            skew_e8: 60_000,
            edge_min_e8: 5_000,
            ..Adjustments::default()
        };
        assert_eq!(adjustments.offer_factor_e8(20_000), E8 + 5_000);
        assert_eq!(adjustments.bid_factor_e8(20_000), E8 - 80_000);
        let wide = Adjustments {
            widening_e8: E8,
            impact_e8: E8,
            ..Adjustments::default()
        };
        assert_eq!((wide.offer_factor_e8(E8), wide.bid_factor_e8(E8)), (2 * E8, 0));
    }

    #[test]
    fn parameters_outside_their_range_are_refused() {
        let bad = [
            QuotingParams {
                inventory_rule: 2,
                ..params()
            },
            QuotingParams {
                volatility_mult_e8: -1,
                ..params()
            },
            QuotingParams {
                volatility_mult_e8: 100 * E8 + 1,
                ..params()
            },
            QuotingParams {
                hold_ns: HOLD_NS_MAX + 1,
                ..params()
            },
            QuotingParams {
                impact_e8: E8 + 1,
                ..params()
            },
            QuotingParams {
                impact_qty: Qty(0),
                ..params()
            },
            QuotingParams {
                skew_e8: E8 + 1,
                ..params()
            },
            QuotingParams {
                skew_position: Qty(0),
                ..params()
            },
            QuotingParams {
                edge_min_e8: -1,
                ..params()
            },
            QuotingParams {
                hedgeable_lots_min: Qty(-1),
                ..params()
            },
            QuotingParams {
                hedgeable_lots_min: Qty(Qty::ABS_MAX + 1),
                ..params()
            },
        ];
        for params in bad {
            assert_eq!(Quoting::new(&params), Err(Reason::BadField), "{params:?}");
        }
    }
}
