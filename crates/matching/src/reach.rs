//! Whether an order finds as much as it asks for at least.

use pinrail_types::record::ExecType;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{InstrumentId, Reason};

use crate::book::{Book, Open, Shelf, at, report_of};
use crate::level::{NIL, rank_of};
use crate::matcher::Matcher;
use crate::order::{NewOrder, SelfTrade};
use crate::report::Sink;
use crate::work::LOOKS_PER_STEP;

/// How far it was looked what an order reaches.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reach {
    /// How much it asks for.
    least: i64,
    /// How much of that was not found yet.
    left: i64,
    /// What is hidden at the price that is looked at: it stands behind all that is shown there.
    hidden: i64,
    /// The next order to look at; [`NIL`] before the first.
    slot: u32,
}

enum Reached {
    Enough,
    TooLittle,
    /// There is more to look at.
    More,
}

impl Reach {
    pub(crate) fn new(least: i64) -> Reach {
        Reach {
            least,
            left: least,
            hidden: 0,
            slot: NIL,
        }
    }

    /// The book changed: from the first order again.
    pub(crate) fn anew(self) -> Reach {
        Reach::new(self.least)
    }

    pub(crate) fn visit(&mut self, shelf: &Shelf, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for qty in [&mut self.least, &mut self.left, &mut self.hidden] {
            visitor.signed(qty)?;
            if *qty < 0 {
                return Err(visitor.bad(qty.cast_unsigned(), "a quantity to look for"));
            }
        }
        self.slot = visit_slot(self.slot, shelf, visitor)?;
        Ok(())
    }
}

/// An order to go on with, if there is one. Slots may be others when they are read back; ids are not.
pub(crate) fn visit_slot(slot: u32, shelf: &Shelf, visitor: &mut impl Visitor) -> Result<u32, StateError> {
    let mut has_next = slot != NIL;
    visitor.flag(&mut has_next)?;
    if !has_next {
        return Ok(NIL);
    }
    let mut order_id = match slot {
        NIL => 0,
        slot => shelf.slab.node(slot).order_id,
    };
    visitor.word(&mut order_id)?;
    let slot = shelf.slab.find(order_id);
    slot.ok_or_else(|| visitor.bad(order_id, "an open order"))
}

impl Matcher {
    /// Looks whether an order finds as much as it asks for; none if it does, and else whether it is done with.
    #[cold]
    pub(crate) fn look_ahead<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        order: &NewOrder,
        open: Open,
        mut reach: Reach,
        steps: &mut usize,
        sink: &mut S,
    ) -> Option<bool> {
        let book = &self.books[instrument.index()];
        let most = sink.reducible(instrument, order.client, order.side).0;
        let is_short = order.reduce_only && most < reach.least;
        loop {
            let reached = if is_short {
                Reached::TooLittle
            } else {
                self.shelf.reach(book, order, &mut reach)
            };
            match reached {
                Reached::Enough => return None,
                Reached::TooLittle => {
                    let reason = Reason::MinQty;
                    sink.report(&report_of(instrument, order, open, ExecType::Canceled, reason));
                    return Some(true);
                }
                Reached::More => {
                    *steps = steps.saturating_sub(1);
                    if *steps == 0 {
                        self.work.reach = Some(reach);
                        return Some(false);
                    }
                }
            }
        }
    }
}

impl Shelf {
    /// Looks at a bounded number of orders.
    fn reach(&self, book: &Book, order: &NewOrder, reach: &mut Reach) -> Reached {
        let opposite = order.side.opposite();
        let ladder = &book.sides[at(opposite)];
        let worst = rank_of(opposite, order.px.0);
        if reach.slot == NIL {
            if ladder.best_rank() > worst {
                return Reached::TooLittle;
            }
            reach.slot = self.queues.first(ladder.best_level());
        }
        for _ in 0..LOOKS_PER_STEP {
            let node = self.slab.node(reach.slot);
            if node.client == order.client && order.self_trade != SelfTrade::Allow {
                if order.self_trade != SelfTrade::CancelOldest {
                    return Reached::TooLittle;
                }
            } else if !node.marks.is_reduce_only() {
                reach.left -= node.shown;
                reach.hidden += node.hidden;
            }
            let mut next = self.queues.next(reach.slot);
            if next == NIL && reach.left > 0 {
                reach.left -= reach.hidden;
                reach.hidden = 0;
                let level = ladder.next(&self.pool, node.level);
                if level != NIL && self.pool.level(level).rank <= worst {
                    next = self.queues.first(level);
                }
            }
            if reach.left <= 0 {
                return Reached::Enough;
            }
            if next == NIL {
                return Reached::TooLittle;
            }
            reach.slot = next;
        }
        Reached::More
    }
}
