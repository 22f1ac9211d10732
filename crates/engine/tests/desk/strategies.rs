//! Strategies for tests: one that does what it is told, and one that trades by itself.

use bytemuck::Zeroable;
use pinrail_pricing::{
    Actions, BandHedger, Desk as View, Fill, FillFrom, Strategy, SweepPricer, WithStrategy,
};
use pinrail_types::record::{HedgingParams, ModelInput, TimeInForce, VenueBalance};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{
    Amount, AssetId, Frame, InstrumentId, NewVenueOrder, OutId, Px, Qty, Reason, Side, StrategyId, VenueId,
};

use super::INSTRUMENT;

pub type Puppets = WithStrategy<SweepPricer, Puppet>;
pub type Makers = WithStrategy<SweepPricer, Maker>;

pub fn puppets(bounds: &pinrail_engine::Bounds) -> Puppets {
    WithStrategy {
        pricer: SweepPricer::new(bounds.instruments),
        strategy: Puppet::default(),
    }
}

pub fn makers(bounds: &pinrail_engine::Bounds) -> Makers {
    WithStrategy {
        pricer: SweepPricer::new(bounds.instruments),
        strategy: Maker::default(),
    }
}

pub type Hedgers = WithStrategy<SweepPricer, BandHedger>;

pub const RETRY_NS: u64 = 50;
pub const HEDGER_REST_NS: u64 = 1_000;
pub const HEDGER: StrategyId = StrategyId(3);

pub fn hedgers(bounds: &pinrail_engine::Bounds) -> Hedgers {
    WithStrategy {
        pricer: SweepPricer::new(bounds.instruments),
        strategy: BandHedger::new(bounds.instruments),
    }
}

/// From 100 lots on down to 20, at most half a percent from the reference and in at most three tries.
pub fn hedging() -> HedgingParams {
    HedgingParams {
        instrument: INSTRUMENT,
        strategy: HEDGER,
        tries_max: 3,
        band_lots: Qty(100),
        target_lots: Qty(20),
        chase_e8: 500_000,
        cost_max: Amount::new(1 << 60),
        retry_ns: RETRY_NS,
        rest_ns: HEDGER_REST_NS,
        ..Zeroable::zeroed()
    }
}

/// What both venues hold: enough for anything.
pub fn balances() -> Vec<VenueBalance> {
    let of = |venue: u16, asset: u32| VenueBalance {
        asset: AssetId(asset),
        venue: VenueId(venue),
        balance: Amount::new(1 << 80),
        ..Zeroable::zeroed()
    };
    vec![of(0, 0), of(0, 1), of(1, 0), of(1, 1)]
}

pub fn order(side: Side, px: i64, qty: i64) -> NewVenueOrder {
    NewVenueOrder {
        strategy: StrategyId(0),
        venue: VenueId(0),
        instrument: INSTRUMENT,
        side,
        px: Px(px),
        qty: Qty(qty),
        time_in_force: TimeInForce::GoodTillCancel,
    }
}

/// Does at its next call what it was told since the last, by values of a model.
#[derive(Debug, Default)]
pub struct Puppet {
    orders: Vec<NewVenueOrder>,
    cancels: Vec<OutId>,
    replaces: Vec<(OutId, Px, Qty)>,
    wake_at: Option<u64>,
    pub fills: Vec<Fill>,
    pub timers: Vec<u64>,
    pub books: u64,
}

/// Tells a puppet to send an order.
pub fn tell(order: &NewVenueOrder) -> ModelInput {
    ModelInput {
        instrument: order.instrument,
        model: 1,
        value_0: order.px.0,
        value_1: order.qty.0,
        value_2: i64::from(order.side.fix()) | i64::from(order.time_in_force.byte()) << 8,
        value_3: i64::from(order.venue.0) | i64::from(order.strategy.0) << 16,
        ..Zeroable::zeroed()
    }
}

/// Tells a puppet to cancel one.
pub fn tell_cancel(order_id: OutId) -> ModelInput {
    ModelInput {
        model: 2,
        value_0: order_id.seq as i64,
        value_1: order_id.epoch.into(),
        value_2: order_id.sub.into(),
        ..Zeroable::zeroed()
    }
}

/// Tells a puppet to replace one.
pub fn tell_replace(order_id: OutId, px: i64, qty: i64) -> ModelInput {
    ModelInput {
        model: 4,
        value_0: order_id.seq as i64,
        value_1: i64::from(order_id.epoch) << 32 | i64::from(order_id.sub),
        value_2: px,
        value_3: qty,
        ..Zeroable::zeroed()
    }
}

/// Tells a puppet when to wake.
pub fn tell_time(ts: u64) -> ModelInput {
    ModelInput {
        model: 3,
        value_0: ts as i64,
        ..Zeroable::zeroed()
    }
}

impl Puppet {
    fn act(&mut self, actions: &mut Actions) {
        for order in self.orders.drain(..) {
            actions.order(order);
        }
        for order_id in self.cancels.drain(..) {
            actions.cancel(order_id);
        }
        for (order_id, px, qty) in self.replaces.drain(..) {
            actions.replace(order_id, px, qty);
        }
        if let Some(ts) = self.wake_at.take() {
            actions.wake_at(ts);
        }
    }
}

impl Strategy for Puppet {
    const NAME: &'static str = "puppet";

    fn on_book(&mut self, _: InstrumentId, _: &impl View, actions: &mut Actions) {
        self.books += 1;
        self.act(actions);
    }

    fn on_fill(&mut self, fill: &Fill, _: &impl View, actions: &mut Actions) {
        self.fills.push(*fill);
        self.act(actions);
    }

    fn on_timer(&mut self, desk: &impl View, actions: &mut Actions) {
        self.timers.push(desk.now());
        self.act(actions);
    }

    fn on_model_input(&mut self, input: &ModelInput) -> Result<(), Reason> {
        match input.model {
            1 => self.orders.push(NewVenueOrder {
                strategy: StrategyId((input.value_3 >> 16) as u16),
                venue: VenueId(input.value_3 as u16),
                instrument: input.instrument,
                side: Side::from_fix(input.value_2 as u8).ok_or(Reason::BadSide)?,
                px: Px(input.value_0),
                qty: Qty(input.value_1),
                time_in_force: TimeInForce::from_byte((input.value_2 >> 8) as u8).ok_or(Reason::BadField)?,
            }),
            2 => self.cancels.push(OutId {
                seq: input.value_0 as u64,
                epoch: input.value_1 as u32,
                sub: input.value_2 as u32,
            }),
            3 => self.wake_at = Some(input.value_0 as u64),
            4 => self.replaces.push((
                OutId {
                    seq: input.value_0 as u64,
                    epoch: (input.value_1 >> 32) as u32,
                    sub: input.value_1 as u32,
                },
                Px(input.value_2),
                Qty(input.value_3),
            )),
            _ => return Err(Reason::UnknownModelInput),
        }
        Ok(())
    }

    fn visit(&mut self, _: &mut impl Visitor) -> Result<(), StateError> {
        Ok(())
    }
}

/// Keeps a bid behind the market, hedges what clients take, and cancels what has rested for long.
#[derive(Clone, Copy, Debug, Default)]
pub struct Maker {
    turn: u64,
    hedged: u64,
}

/// How long an order of a [`Maker`] rests.
const REST_NS: u64 = 20_000;

impl Maker {
    fn venue(&mut self) -> VenueId {
        self.turn += 1;
        VenueId((self.turn % 2) as u16)
    }
}

impl Strategy for Maker {
    const NAME: &'static str = "maker 1";

    fn on_book(&mut self, instrument: InstrumentId, desk: &impl View, actions: &mut Actions) {
        let market = desk.market(instrument).unwrap();
        let resting = desk
            .orders()
            .filter(|held| held.order.strategy == StrategyId(0))
            .count();
        let top = market.venues.view(desk.now()).and_then(|view| view.top());
        let Ok(top) = top else { return };
        if resting < 4 {
            let (side, px) = if market.position > Qty::ZERO {
                (Side::Sell, top.ask_px.0 + 3)
            } else {
                (Side::Buy, top.bid_px.0 - 3)
            };
            actions.order(NewVenueOrder {
                venue: self.venue(),
                instrument,
                ..order(side, px, 1 + (self.turn % 40) as i64)
            });
            actions.wake_at(desk.now() + REST_NS);
        }
    }

    fn on_fill(&mut self, fill: &Fill, desk: &impl View, actions: &mut Actions) {
        let FillFrom::Client(_) = fill.from else { return };
        let side = fill.side.opposite();
        let market = desk.market(fill.instrument).unwrap();
        let Ok(top) = market.venues.view(desk.now()).and_then(|view| view.top()) else {
            return;
        };
        self.hedged += 1;
        actions.order(NewVenueOrder {
            strategy: StrategyId(1),
            venue: self.venue(),
            instrument: fill.instrument,
            time_in_force: TimeInForce::ImmediateOrCancel,
            ..order(side, top.mid().0 + side.sign() * 40, fill.qty.0)
        });
    }

    fn on_timer(&mut self, desk: &impl View, actions: &mut Actions) {
        for held in desk.orders().filter(|held| !held.is_canceling) {
            self.turn += 1;
            if self.turn.is_multiple_of(2) {
                let px = held.order.px.0 - held.order.side.sign();
                let qty = held.cum_qty.0 + (self.turn % 30) as i64;
                actions.replace(held.order_id, Px(px), Qty(qty.max(1)));
            } else {
                actions.cancel(held.order_id);
            }
        }
        actions.wake_at(desk.now() + REST_NS);
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.word(&mut self.turn)?;
        visitor.word(&mut self.hedged)
    }
}

/// The frames of [`balances`].
pub fn balance_frames() -> Vec<Frame> {
    balances().iter().map(Frame::of).collect()
}
