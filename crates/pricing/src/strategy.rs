//! The [`Strategy`] trait, by which a desk trades at venues by itself, and what a strategy sees and asks for.

use pinrail_book::{Consolidated, Estimates};
use pinrail_types::record::{HedgingParams, ModelInput, QuotingParams, TierSpread};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{
    ClientId, Instrument, InstrumentId, NewParentOrder, NewVenueOrder, OpenOrder, OutId, ParentOrder, Px,
    Qty, Reason, Side, VenueId,
};

use crate::{PriceRequest, Pricer, Prices};

/// Most that a strategy may ask for in one call.
pub const ACTIONS_MAX: usize = 8;

/// An instrument as a strategy sees it.
#[derive(Clone, Copy, Debug)]
pub struct Market<'a> {
    /// Which.
    pub instrument: &'a Instrument,
    /// The books of the venues that list it.
    pub venues: &'a Consolidated,
    /// How wide and lively it has been.
    pub estimates: &'a Estimates,
    /// The house position.
    pub position: Qty,
    /// Lots that the house would buy, and sell, if every open quote and order were filled.
    pub open: (Qty, Qty),
}

/// The desk as a strategy sees it: to be looked at during a call.
pub trait Desk {
    /// Core time.
    fn now(&self) -> u64;

    /// An instrument; `None` if it is not configured.
    fn market(&self, instrument: InstrumentId) -> Option<Market<'_>>;

    /// Every order that is open at a venue, of all strategies, as reports left it.
    fn orders(&self) -> impl Iterator<Item = &OpenOrder>;

    /// Every parent order that has not ended, of all strategies.
    fn parents(&self) -> impl Iterator<Item = &ParentOrder>;
}

/// A fill of the house's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fill {
    /// Where it came from.
    pub from: FillFrom,
    /// What was traded.
    pub instrument: InstrumentId,
    /// The house's side.
    pub side: Side,
    /// At which price.
    pub px: Px,
    /// How much.
    pub qty: Qty,
}

/// Where a fill came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FillFrom {
    /// A client took a quote.
    Client(ClientId),
    /// A venue filled this order, or one that nobody knows of.
    Venue(VenueId, OutId),
    /// A venue took back a fill of this order: here is its reverse.
    Busted(VenueId, OutId),
    /// A venue corrected a fill of this order: here it is as it is now, in the place of what it was.
    Corrected(VenueId, OutId),
}

/// What a strategy asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An order to a venue.
    Order(NewVenueOrder),
    /// A quantity to be traded over all venues.
    Parent(NewParentOrder),
    /// That a venue puts another price, and another quantity in all, in the place of an order's.
    Replace(OutId, Px, Qty),
    /// That a venue cancels what is left of an order, or that no more is sent for a parent order.
    Cancel(OutId),
}

const NOTHING: Action = Action::Cancel(OutId::NONE);

/// What a strategy asks for in one call, at most [`ACTIONS_MAX`]. Each order is checked and refused on its own, in order;
/// what is beyond the bound is refused.
#[derive(Clone, Copy, Debug)]
pub struct Actions {
    list: [Action; ACTIONS_MAX],
    len: usize,
    left_out: u32,
    wake_at: Option<u64>,
}

impl Default for Actions {
    fn default() -> Self {
        Actions::new()
    }
}

impl Actions {
    /// Nothing asked for.
    #[inline]
    pub const fn new() -> Actions {
        Actions {
            list: [NOTHING; ACTIONS_MAX],
            len: 0,
            left_out: 0,
            wake_at: None,
        }
    }

    /// Forgets what was asked for.
    #[inline]
    pub fn clear(&mut self) {
        (self.len, self.left_out, self.wake_at) = (0, 0, None);
    }

    /// Whether nothing was asked for, no time either.
    #[inline]
    pub fn is_nothing(&self) -> bool {
        self.len == 0 && self.wake_at.is_none()
    }

    /// Sends an order to a venue, if risk lets it pass.
    pub fn order(&mut self, order: NewVenueOrder) {
        self.push(Action::Order(order));
    }

    /// Has a quantity traded over all venues, part by part, as a parent order says. Each part has to pass risk by itself; what no
    /// venue gave is tried again.
    pub fn parent(&mut self, order: NewParentOrder) {
        self.push(Action::Parent(order));
    }

    /// Asks a venue to cancel what is left of an order, or ends a parent order once its parts have ended. Nothing happens to one that it was asked for already.
    pub fn cancel(&mut self, order_id: OutId) {
        self.push(Action::Cancel(order_id));
    }

    /// Asks a venue to put another price, and another quantity in all (what was filled included), in the place of an order's, if
    /// risk lets that pass. The order keeps its id. One that does not rest, is a part of a parent order, is not confirmed, or for which
    /// the venue owes an answer is not replaced.
    pub fn replace(&mut self, order_id: OutId, px: Px, qty: Qty) {
        self.push(Action::Replace(order_id, px, qty));
    }

    /// Calls [`Strategy::on_timer`] at this core time, or as soon as possible where it has passed, and not at the time that
    /// was set before; `u64::MAX` for never.
    pub fn wake_at(&mut self, ts: u64) {
        self.wake_at = Some(ts);
    }

    #[inline]
    fn push(&mut self, action: Action) {
        match self.list.get_mut(self.len) {
            Some(place) => {
                *place = action;
                self.len += 1;
            }
            None => self.left_out = self.left_out.saturating_add(1),
        }
    }

    /// What was asked for, in order.
    #[inline]
    pub fn list(&self) -> &[Action] {
        &self.list[..self.len]
    }

    /// How much was left out because the bound was reached.
    #[inline]
    pub fn left_out(&self) -> u32 {
        self.left_out
    }

    /// The time that was set in this call, if one was.
    #[inline]
    pub fn woken_at(&self) -> Option<u64> {
        self.wake_at
    }
}

/// Trades at venues by itself. Dispatched statically; its state is part of the engine's. It must be a function of what it
/// was shown, without clock, randomness, allocation or I/O.
///
/// One strategy may trade under several [`StrategyId`](pinrail_types::StrategyId)s, each with a trading state of its own.
pub trait Strategy {
    /// What it is called, with a version that is raised whenever it acts otherwise or keeps other state. It stands behind the
    /// pricer's in a snapshot, with a `+` between them; both together have at most 32 characters of printable ASCII.
    const NAME: &'static str;

    /// Whether it is to be called at all.
    const IS_CALLED: bool = true;

    /// A venue's book of the instrument was updated, to the last record of the update.
    fn on_book(&mut self, instrument: InstrumentId, desk: &impl Desk, actions: &mut Actions) {
        let _ = (instrument, desk, actions);
    }

    /// The house traded; the position shows it.
    fn on_fill(&mut self, fill: &Fill, desk: &impl Desk, actions: &mut Actions) {
        let _ = (fill, desk, actions);
    }

    /// The time has come that was set last, see [`Actions::wake_at`]. None is set any more.
    fn on_timer(&mut self, desk: &impl Desk, actions: &mut Actions) {
        let _ = (desk, actions);
    }

    /// Takes a value of one of the desk's own models, as [`Pricer::on_model_input`] does. A pair refuses one that neither
    /// takes.
    ///
    /// # Errors
    /// [`Reason::UnknownModelInput`] for a value that it does not take.
    fn on_model_input(&mut self, input: &ModelInput) -> Result<(), Reason> {
        let _ = input;
        Err(Reason::UnknownModelInput)
    }

    /// Takes how positions are to be hedged. A strategy that does not hedge by such parameters refuses them.
    ///
    /// # Errors
    /// [`Reason::BadField`] for a value outside its domain; the input is refused with it.
    fn on_hedging_params(&mut self, params: &HedgingParams) -> Result<(), Reason> {
        let _ = params;
        Err(Reason::BadField)
    }

    /// Goes through its state, as [`Pricer::visit`] does.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of a strategy like this.
    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError>;
}

impl<S: Strategy> Strategy for &mut S {
    const NAME: &'static str = S::NAME;
    const IS_CALLED: bool = S::IS_CALLED;

    #[inline]
    fn on_book(&mut self, instrument: InstrumentId, desk: &impl Desk, actions: &mut Actions) {
        S::on_book(self, instrument, desk, actions);
    }

    #[inline]
    fn on_fill(&mut self, fill: &Fill, desk: &impl Desk, actions: &mut Actions) {
        S::on_fill(self, fill, desk, actions);
    }

    #[inline]
    fn on_timer(&mut self, desk: &impl Desk, actions: &mut Actions) {
        S::on_timer(self, desk, actions);
    }

    fn on_model_input(&mut self, input: &ModelInput) -> Result<(), Reason> {
        S::on_model_input(self, input)
    }

    fn on_hedging_params(&mut self, params: &HedgingParams) -> Result<(), Reason> {
        S::on_hedging_params(self, params)
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        S::visit(self, visitor)
    }
}

/// No strategy: costs nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoStrategy;

impl Strategy for NoStrategy {
    const NAME: &'static str = "none";
    const IS_CALLED: bool = false;

    fn visit(&mut self, _: &mut impl Visitor) -> Result<(), StateError> {
        Ok(())
    }
}

/// A pricer and a strategy, to be given to an engine as one.
#[derive(Clone, Copy, Debug)]
pub struct WithStrategy<P, S> {
    /// Answers requests.
    pub pricer: P,
    /// Trades at venues.
    pub strategy: S,
}

/// Longest name of a model, as a snapshot has it.
const NAME_LEN_MAX: usize = 32;

const fn joined(first: &str, second: &str) -> [u8; NAME_LEN_MAX] {
    let (first, second) = (first.as_bytes(), second.as_bytes());
    let len = first.len() + 1 + second.len();
    assert!(
        len <= NAME_LEN_MAX,
        "the names of pricer and strategy are too long together"
    );
    let mut name = [0; NAME_LEN_MAX];
    let mut at = 0;
    while at < len {
        name[at] = if at < first.len() {
            first[at]
        } else if at == first.len() {
            b'+'
        } else {
            second[at - first.len() - 1]
        };
        at += 1;
    }
    name
}

const fn text(bytes: &'static [u8], len: usize) -> &'static str {
    match core::str::from_utf8(bytes.split_at(len).0) {
        Ok(text) => text,
        Err(_) => panic!("a name is ASCII"),
    }
}

impl<P: Pricer, S: Strategy> WithStrategy<P, S> {
    const JOINED: [u8; NAME_LEN_MAX] = joined(P::NAME, S::NAME);
}

impl<P: Pricer, S: Strategy> Pricer for WithStrategy<P, S> {
    const NAME: &'static str = text(&Self::JOINED, P::NAME.len() + 1 + S::NAME.len());

    #[inline]
    fn price(&mut self, request: &PriceRequest<'_>, venues: &Consolidated) -> Result<Prices, Reason> {
        self.pricer.price(request, venues)
    }

    fn rehearse(&self, request: &PriceRequest<'_>, venues: &Consolidated) {
        self.pricer.rehearse(request, venues);
    }

    fn on_tier_spread(&mut self, spread: &TierSpread) -> Result<(), Reason> {
        self.pricer.on_tier_spread(spread)
    }

    fn on_quoting_params(&mut self, params: &QuotingParams) -> Result<(), Reason> {
        self.pricer.on_quoting_params(params)
    }

    fn on_model_input(&mut self, input: &ModelInput) -> Result<(), Reason> {
        let of_pricer = self.pricer.on_model_input(input);
        let of_strategy = self.strategy.on_model_input(input);
        of_pricer.or(of_strategy)
    }

    fn on_hedging_params(&mut self, params: &HedgingParams) -> Result<(), Reason> {
        self.strategy.on_hedging_params(params)
    }

    #[inline]
    fn strategy(&mut self) -> impl Strategy {
        &mut self.strategy
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.pricer.visit(visitor)?;
        self.strategy.visit(visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SweepPricer;

    struct Hedger;

    impl Strategy for Hedger {
        const NAME: &'static str = "hedger 1";

        fn visit(&mut self, _: &mut impl Visitor) -> Result<(), StateError> {
            Ok(())
        }
    }

    #[test]
    fn a_pair_has_both_names() {
        let name = <WithStrategy<SweepPricer, Hedger> as Pricer>::NAME;
        assert_eq!(name, format!("{}+hedger 1", SweepPricer::NAME));
    }

    #[test]
    fn what_is_beyond_the_bound_is_counted() {
        let mut actions = Actions::new();
        for n in 1..=ACTIONS_MAX as u64 + 2 {
            actions.cancel(OutId {
                seq: n,
                epoch: 1,
                sub: 0,
            });
        }
        assert_eq!((actions.list().len(), actions.left_out()), (ACTIONS_MAX, 2));
        let first = OutId {
            seq: 1,
            epoch: 1,
            sub: 0,
        };
        assert_eq!(actions.list()[0], Action::Cancel(first));
    }
}
