//! A sink that writes down what is said, rebuilds the books from it, and sees that it makes sense.

use std::collections::BTreeMap;

use pinrail_types::record::{ExecType, OrdStatus};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, Reason, Side};

use super::engine::{Look, SIDES};
use super::ledger::Ledger;
use crate::order::NewOrder;
use crate::report::{Fill, LevelDelta, OrderDelta, OrderDeltaKind, Report, Sink, Top, Uncross};

/// Something that was said of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// See [`Sink::report`].
    Report(Report),
    /// See [`Sink::fill`].
    Fill(Fill),
}

/// Writes down what is said. It panics where that contradicts what was said before.
#[derive(Debug, Default)]
pub struct Tape {
    /// Reports and fills, until they are taken.
    pub said: Vec<Said>,
    /// Changes of shown orders, until they are taken. Between them and reports no order is promised, but that a trade finds
    /// those in front who are first.
    pub deltas: Vec<OrderDelta>,
    /// What the auction of a book would come to, as last said.
    pub uncrosses: BTreeMap<InstrumentId, Uncross>,
    /// What is open, what was traded, and who owes what.
    pub ledger: Ledger,
    books: BTreeMap<InstrumentId, Mirror>,
}

/// A book, rebuilt from deltas only.
#[derive(Debug)]
struct Mirror {
    top: Top,
    levels: [BTreeMap<Px, Qty>; 2],
    /// Id, price and what is shown, in the order in which they trade.
    queues: [Vec<(u64, Px, Qty)>; 2],
}

impl Default for Mirror {
    fn default() -> Mirror {
        Mirror {
            top: Top::EMPTY,
            levels: Default::default(),
            queues: Default::default(),
        }
    }
}

fn place_of(side: Side) -> usize {
    usize::from(side == Side::Sell)
}

impl Tape {
    /// Stops whose id leaves this when it is divided by 29 may not come to the market.
    pub const NOT_TRIGGERED: u64 = 23;

    /// Sees that the book rebuilt from what was said is the one that is there, once no work is left.
    ///
    /// # Panics
    /// If it is another.
    pub fn check(&self, instrument: InstrumentId, look: &Look) {
        let none = Mirror::default();
        let mirror = self.books.get(&instrument).unwrap_or(&none);
        assert_eq!(mirror.top, look.top, "the top that was said, and that is");
        for side in SIDES {
            let at = place_of(side);
            let mut levels: Vec<(Px, Qty)> = mirror.levels[at].iter().map(|(px, qty)| (*px, *qty)).collect();
            if side == Side::Buy {
                levels.reverse();
            }
            assert_eq!(levels, look.levels[at], "prices as said, and as they are");
            let orders = look.orders[at]
                .iter()
                .map(|order| (order.order_id, order.px, order.shown));
            let orders: Vec<_> = orders.collect();
            assert_eq!(mirror.queues[at], orders, "orders as said, and as they are");
        }
        self.check_uncross(instrument, look);
    }

    fn check_uncross(&self, instrument: InstrumentId, look: &Look) {
        use crate::order::Phase::{Auction, Continuous};
        if matches!(look.phase, Some(Auction | Continuous)) {
            let said = self.uncrosses.get(&instrument).unwrap_or(&Uncross::NONE);
            assert_eq!(said, &look.uncross, "the uncrossing that was said, and that is");
        }
    }

    /// The first order of a side, by what was said.
    fn first(&self, instrument: InstrumentId, side: Side) -> Option<u64> {
        let queue = &self.books.get(&instrument)?.queues[place_of(side)];
        queue.first().map(|(order_id, _, _)| *order_id)
    }
}

impl Sink for Tape {
    const LEVELS: bool = true;
    const ORDERS: bool = true;
    const TOPS: bool = true;

    fn report(&mut self, report: &Report) {
        let is_ended = matches!(
            report.ord_status,
            OrdStatus::Canceled | OrdStatus::Expired | OrdStatus::Rejected
        );
        assert_eq!(is_ended, report.leaves.0 == 0, "{report:?}");
        assert!(report.exec_type != ExecType::Trade, "trades are fills");
        self.ledger.report(report);
        self.said.push(Said::Report(*report));
    }

    fn fill(&mut self, fill: &Fill) {
        let first = self.first(fill.instrument, fill.side.opposite());
        assert_eq!(
            first,
            Some(fill.maker.order_id),
            "not the first in turn: {fill:?}"
        );
        if fill.is_auction {
            let first = self.first(fill.instrument, fill.side);
            assert_eq!(
                first,
                Some(fill.taker.order_id),
                "not the first in turn: {fill:?}"
            );
        }
        self.ledger.fill(fill);
        self.said.push(Said::Fill(*fill));
    }

    fn level(&mut self, delta: &LevelDelta) {
        let levels = &mut self.books.entry(delta.instrument).or_default().levels[place_of(delta.side)];
        if delta.qty == Qty::ZERO {
            let gone = levels.remove(&delta.px);
            assert!(gone.is_some(), "nothing was shown there: {delta:?}");
        } else {
            levels.insert(delta.px, delta.qty);
        }
    }

    fn order(&mut self, delta: &OrderDelta) {
        let queue = &mut self.books.entry(delta.instrument).or_default().queues[place_of(delta.side)];
        let place = queue
            .iter()
            .position(|(order_id, _, _)| *order_id == delta.order_id);
        match (delta.kind, place) {
            (OrderDeltaKind::Add, None) => {
                let better = |px: Px| (px.0 - delta.px.0) * delta.side.sign() >= 0;
                let behind = queue.partition_point(|(_, px, _)| better(*px));
                queue.insert(behind, (delta.order_id, delta.px, delta.qty));
            }
            (OrderDeltaKind::Change, Some(place)) => {
                assert_eq!(queue[place].1, delta.px, "at another price: {delta:?}");
                assert!(queue[place].2 != delta.qty, "nothing changed: {delta:?}");
                queue[place].2 = delta.qty;
            }
            (OrderDeltaKind::Remove, Some(place)) => {
                let (_, px, _) = queue.remove(place);
                assert_eq!((px, Qty::ZERO), (delta.px, delta.qty), "{delta:?}");
            }
            _ => panic!("it stands there already, or does not: {delta:?}"),
        }
        let is_shown = delta.qty.0 > 0;
        assert_eq!(is_shown, delta.kind != OrderDeltaKind::Remove, "{delta:?}");
        self.deltas.push(*delta);
    }

    fn top(&mut self, instrument: InstrumentId, top: &Top) {
        let mirror = self.books.entry(instrument).or_default();
        assert!(mirror.top != *top, "the top did not change");
        mirror.top = *top;
    }

    fn uncross(&mut self, instrument: InstrumentId, uncross: &Uncross) {
        let before = self.uncrosses.insert(instrument, *uncross);
        let before = before.unwrap_or(Uncross::NONE);
        assert!(before != *uncross, "the uncrossing did not change");
    }

    fn may_trigger(&self, _instrument: InstrumentId, order: &NewOrder) -> Reason {
        if order.order_id % 29 == Tape::NOT_TRIGGERED {
            Reason::Withdrawn
        } else {
            Reason::None
        }
    }

    fn reducible(&self, instrument: InstrumentId, client: ClientId, side: Side) -> Qty {
        let position = self.ledger.position(instrument, client);
        Qty((-position * side.sign()).max(0))
    }
}
