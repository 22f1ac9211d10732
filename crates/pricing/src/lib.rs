//! The [`Pricer`] trait, by which a desk brings its own model, the default quoting model, and the [`Strategy`] trait, by
//! which a desk trades at venues by itself.
//!
//! A pricer sees a request and the books of the venues that list its instrument; it gives back prices that are
//! already rounded away from the client, or a reason not to quote. It is part of the engine's state: it must be a
//! function of the inputs it was shown, without clock, randomness, allocation or I/O.

mod hedger;
mod quoting;
mod strategy;
mod sweep_pricer;

use pinrail_book::{Consolidated, Estimates};
use pinrail_types::record::{HedgingParams, ModelInput, QuotingParams, TierSpread};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Instrument, Px, Qty, Reason, Side};

pub use hedger::BandHedger;
pub use quoting::Adjustments;
pub use strategy::{
    ACTIONS_MAX, Action, Actions, Desk, Fill, FillFrom, Market, NoStrategy, Strategy, WithStrategy,
};
pub use sweep_pricer::{SweepPricer, TIERS_MAX};

/// A request for a price.
#[derive(Clone, Copy, Debug)]
pub struct PriceRequest<'a> {
    /// What for.
    pub instrument: &'a Instrument,
    /// The client's tier.
    pub tier: u8,
    /// The client's side; `None` for both.
    pub side: Option<Side>,
    /// How much.
    pub qty: Qty,
    /// A quote for less must be for a multiple of this many lots; at least 1.
    pub qty_step: i64,
    /// Prices must be multiples of this many ticks; at least 1.
    pub px_step: i64,
    /// Core time.
    pub now: u64,
    /// How long the quote is good for.
    pub life_ns: u64,
    /// The house position, open quotes not counted.
    pub position: Qty,
    /// How wide and lively the market has been.
    pub estimates: &'a Estimates,
}

/// Prices and what they were made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// What we pay; [`Px::NONE`] if not asked for.
    pub bid_px: Px,
    /// What we ask; [`Px::NONE`] if not asked for.
    pub offer_px: Px,
    /// How much they are for: what was asked for, or less, on the step of quantities and within the instrument's limits.
    pub qty: Qty,
    /// What a hedge of a client's sale would fetch per unit, fees off, rounded down.
    pub hedge_bid_px: Px,
    /// What a hedge of a client's purchase would cost per unit, fees on, rounded up.
    pub hedge_offer_px: Px,
    /// The reference that collars are judged against.
    pub ref_px: Px,
    /// Half-spread that was added, as a fraction times 1e8.
    pub half_spread_e8: i64,
    /// What else was added or taken off.
    pub adjustments: Adjustments,
    /// The venues that the prices rest on, one bit each, by index.
    pub venue_mask: u16,
}

/// Makes prices. Dispatched statically: the engine is generic over it.
pub trait Pricer {
    /// What the model is called, with a version that is raised whenever it prices otherwise or keeps other state: "sweep 1".
    /// 1 to 32 characters of printable ASCII. A snapshot names the model that it is of, and is no good for another.
    const NAME: &'static str;

    /// Prices a request from the venues that list its instrument.
    ///
    /// # Errors
    /// The reason why no price can be given; the client is refused with it. A limit of the desk's own has a reason of its own:
    /// [`Reason::Own0`] to [`Reason::Own9`].
    fn price(&mut self, request: &PriceRequest<'_>, venues: &Consolidated) -> Result<Prices, Reason>;

    /// Prices a request for the sake of the processor's caches and branch predictors, and for nothing else: state can't
    /// change and the result is dropped. A core that waits calls it now and then with the last request. A model that
    /// can't price without changing itself leaves this empty.
    fn rehearse(&self, request: &PriceRequest<'_>, venues: &Consolidated) {
        let _ = (request, venues);
    }

    /// Takes the half-spread of a tier in an instrument.
    ///
    /// # Errors
    /// [`Reason::BadField`] or [`Reason::UnknownInstrument`] if the pricer can't use it; the input is refused with it.
    fn on_tier_spread(&mut self, spread: &TierSpread) -> Result<(), Reason>;

    /// Takes how an instrument is to be quoted. A model that has no such parameters refuses them.
    ///
    /// # Errors
    /// As [`Pricer::on_tier_spread`].
    fn on_quoting_params(&mut self, params: &QuotingParams) -> Result<(), Reason> {
        let _ = params;
        Err(Reason::BadField)
    }

    /// Takes how positions are to be hedged, for the strategy beside it.
    ///
    /// # Errors
    /// As [`Pricer::on_tier_spread`].
    fn on_hedging_params(&mut self, params: &HedgingParams) -> Result<(), Reason> {
        self.strategy().on_hedging_params(params)
    }

    /// Takes a value of one of the desk's own models. A pricer that knows none refuses them.
    ///
    /// # Errors
    /// [`Reason::UnknownModelInput`] for a value that it does not take; the input is refused with it.
    fn on_model_input(&mut self, input: &ModelInput) -> Result<(), Reason> {
        let _ = input;
        Err(Reason::UnknownModelInput)
    }

    /// The strategy that trades beside it; see [`WithStrategy`]. Its state is not part of [`Pricer::visit`] unless the pricer
    /// sees to that.
    #[inline]
    fn strategy(&mut self) -> impl Strategy {
        NoStrategy
    }

    /// Goes through the model's state, which is part of the engine's snapshot and of its hash: whatever prices depend on
    /// beside the request and the books.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of a model like this.
    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError>;
}
