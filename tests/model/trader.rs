//! The model's strategy: hedges, and keeps orders of its own in the venues' books.

use pinrail_pricing::{Actions, BandHedger, Desk as View, Fill, Strategy};
use pinrail_types::record::{HedgingParams, TimeInForce};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{InstrumentId, NewVenueOrder, OutId, Px, Qty, Reason, Side, StrategyId, VenueId};

/// The strategy of orders that stand alone.
pub(crate) const ALONE: StrategyId = StrategyId(1);

/// Resting orders of its own at once.
const RESTING_MAX: usize = 12;

#[derive(Clone, Debug)]
pub(crate) struct Trader {
    hedger: BandHedger,
    turn: u64,
}

impl Trader {
    pub(crate) fn new(instruments: usize) -> Trader {
        Trader {
            hedger: BandHedger::new(instruments),
            turn: 0,
        }
    }
}

impl Strategy for Trader {
    const NAME: &'static str = "model 1";

    fn on_book(&mut self, instrument: InstrumentId, desk: &impl View, actions: &mut Actions) {
        self.hedger.on_book(instrument, desk, actions);
        self.turn += 1;
        let turn = self.turn;
        let alone = || desk.orders().filter(|held| held.order.strategy == ALONE);
        if turn.is_multiple_of(5) && alone().count() < RESTING_MAX {
            let Some(market) = desk.market(instrument) else {
                return;
            };
            let top = market.venues.view(desk.now()).and_then(|view| view.top());
            let Ok(top) = top else { return };
            let side = if turn.is_multiple_of(2) {
                Side::Buy
            } else {
                Side::Sell
            };
            // Now and then one that risk has to refuse.
            let away = (turn / 5 % 40) as i64 - 4;
            let px = match side {
                Side::Buy => top.bid_px.0 - away,
                Side::Sell => top.ask_px.0 + away,
            };
            actions.order(NewVenueOrder {
                strategy: ALONE,
                venue: VenueId((turn / 3 % 2) as u16),
                instrument,
                side,
                px: Px(px),
                qty: Qty(1 + (turn % 60) as i64),
                time_in_force: [TimeInForce::GoodTillCancel, TimeInForce::ImmediateOrCancel]
                    [(turn / 10 % 3 / 2) as usize],
            });
        } else if turn.is_multiple_of(3) {
            // Now and then one of which nothing would be left, and one that risk has to refuse.
            if let Some(held) = alone()
                .filter(|held| held.replacement.is_none())
                .nth((turn / 3 % 4) as usize)
            {
                let px = held.order.px.0 + (turn / 3 % 9) as i64 - 4;
                actions.replace(held.order_id, Px(px), Qty(1 + (turn % 70) as i64));
            }
        } else if turn.is_multiple_of(7) {
            let to_cancel = alone().map(|held| held.order_id).last();
            actions.cancel(to_cancel.unwrap_or(OutId::NONE));
        }
    }

    fn on_fill(&mut self, fill: &Fill, desk: &impl View, actions: &mut Actions) {
        self.hedger.on_fill(fill, desk, actions);
    }

    fn on_timer(&mut self, desk: &impl View, actions: &mut Actions) {
        self.hedger.on_timer(desk, actions);
    }

    fn on_hedging_params(&mut self, params: &HedgingParams) -> Result<(), Reason> {
        self.hedger.on_hedging_params(params)
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.hedger.visit(visitor)?;
        visitor.word(&mut self.turn)
    }
}
