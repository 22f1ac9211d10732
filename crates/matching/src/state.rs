//! The matcher's state as a row of words.

use pinrail_types::record::{OrdType, TimeInForce};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, SessionId, Side};

use crate::book::{Book, Open, Shelf, at, stop_ladder};
use crate::level::{NIL, rank_of};
use crate::matcher::Matcher;
use crate::order::{MassCancel, NewOrder, Phase};
use crate::reach::Reach;
use crate::report::{Top, Uncross};
use crate::slab::{Marks, Node, Rare};
use crate::stops::stop_rank;
use crate::tree::Anchor;

const PHASES: [Phase; 4] = [
    Phase::Continuous,
    Phase::Auction,
    Phase::CancelOnly,
    Phase::Halted,
];

impl Matcher {
    /// Goes through the state, open orders in the order in which they stand, and work that is left. What is read back goes on as the
    /// matcher did from which it was saved. Reading back allocates.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of a matcher of these bounds.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        if visitor.is_loading() {
            *self = Matcher::new(self.bounds);
        }
        visitor.word(&mut self.now)?;
        visitor.exactly(self.books.len(), "as many books")?;
        for at in 0..self.books.len() {
            visitor.flag(&mut self.books[at].is_open)?;
            if self.books[at].is_open {
                self.visit_book(at as u32, visitor)?;
            }
        }
        self.visit_work(visitor)
    }

    fn visit_book(&mut self, book: u32, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visit_terms(&mut self.books[book as usize], self.bounds.orders, visitor)?;
        for ladder in 0..6 {
            self.visit_ladder(book, ladder, visitor)?;
        }
        Ok(())
    }

    /// The prices and orders of a ladder. How many nodes of trees they take decides whether another price finds room, so that
    /// it has to be the same when they are read back.
    fn visit_ladder(
        &mut self,
        book: u32,
        ladder: usize,
        visitor: &mut impl Visitor,
    ) -> Result<(), StateError> {
        let (anchor, mut is_apart) = match ladder {
            0 | 1 => self.books[book as usize].sides[ladder].shape(),
            stop => (self.shelf.stops[book as usize][stop - 2].anchor(), false),
        };
        visitor.flag(&mut is_apart)?;
        let mut has_tree = anchor.is_some();
        visitor.flag(&mut has_tree)?;
        let mut anchor = anchor.unwrap_or(Anchor { bias: 0, height: 0 });
        if has_tree {
            visitor.word(&mut anchor.bias)?;
            visitor.u32(&mut anchor.height)?;
        }
        let bias = anchor.bias;
        let anchor = has_tree.then_some(anchor);
        let is_loading = visitor.is_loading();
        if is_loading && !self.restore(book as usize, ladder, anchor, is_apart) {
            return Err(visitor.bad(bias, "the anchor of a tree of prices"));
        }
        let mut slots = if is_loading {
            Vec::new()
        } else {
            self.slots(book as usize, ladder)
        };
        let mut len = slots.len();
        visitor.count(&mut len, self.shelf.slab.capacity())?;
        slots.resize(len, NIL);
        let mut last_rank = i64::MIN;
        for slot in slots {
            let slot = self.shelf.visit_order(slot, book, visitor)?;
            if is_loading {
                self.put_back(slot, ladder, &mut last_rank, visitor)?;
            }
        }
        if is_loading && !self.is_sound(book as usize, ladder, anchor) {
            return Err(visitor.bad(bias, "the anchor of its prices' tree"));
        }
        Ok(())
    }

    fn restore(&mut self, book: usize, ladder: usize, anchor: Option<Anchor>, is_apart: bool) -> bool {
        let pool = &mut self.shelf.pool;
        match ladder {
            0 | 1 => self.books[book].sides[ladder].restore(pool, anchor, is_apart),
            stop => !is_apart && self.shelf.stops[book][stop - 2].restore(pool, anchor),
        }
    }

    fn is_sound(&self, book: usize, ladder: usize, anchor: Option<Anchor>) -> bool {
        let pool = &self.shelf.pool;
        match ladder {
            0 | 1 => self.books[book].sides[ladder].is_sound(pool, anchor),
            stop => self.shelf.stops[book][stop - 2].is_sound(pool, anchor),
        }
    }

    /// The orders of a book's ladder in order.
    fn slots(&self, book: usize, ladder: usize) -> Vec<u32> {
        let mut slots = Vec::new();
        let mut slot = self.head(self.first_level(book, ladder));
        while slot != NIL {
            slots.push(slot);
            slot = self.behind(book, ladder, slot);
        }
        slots
    }

    /// Puts an order that was read back where it stood.
    fn put_back(
        &mut self,
        slot: u32,
        ladder: usize,
        last_rank: &mut i64,
        visitor: &impl Visitor,
    ) -> Result<(), StateError> {
        let node = *self.shelf.slab.node(slot);
        let (side, book) = (node.marks.side(), node.book as usize);
        let is_here = if node.marks.is_stop() {
            ladder == 2 + stop_ladder(side, node.marks.trigger())
        } else {
            ladder == at(side)
        };
        let shelf = &mut self.shelf;
        let rank = match ladder {
            0 | 1 => rank_of(side, node.px),
            _ => stop_rank(side, shelf.slab.rare(slot).stop_px),
        };
        let level = match ladder {
            _ if !is_here || rank < *last_rank => None,
            0 | 1 => self.books[book].sides[ladder].level_read(&mut shelf.pool, rank),
            stop => {
                self.books[book].stops += 1;
                shelf.stops[book][stop - 2].level_read(&mut shelf.pool, rank)
            }
        };
        *last_rank = rank;
        let level = level.ok_or_else(|| visitor.bad(node.order_id, "an order of its side, in order"))?;
        shelf.link(level, slot);
        Ok(())
    }

    fn visit_work(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let books = self.books.len() as u64;
        let Matcher { work, shelf, .. } = self;
        visitor.flag(&mut work.is_busy)?;
        visit_book_id(&mut work.book, books, visitor)?;
        let mut is_taking = work.taking.is_some();
        visitor.flag(&mut is_taking)?;
        let mut taking = work.taking.unwrap_or(NOTHING);
        if is_taking {
            visit_coming(&mut taking, books, visitor)?;
            work.taking = Some(taking);
        }
        let mut is_looking = work.reach.is_some();
        visitor.flag(&mut is_looking)?;
        if is_looking {
            let mut reach = work.reach.unwrap_or(Reach::new(0));
            reach.visit(shelf, visitor)?;
            work.reach = Some(reach);
        }
        visit_px(work.uncrossing.get_or_insert(Px::NONE), visitor)?;
        work.uncrossing = work.uncrossing.filter(|px| *px != Px::NONE);
        shelf.visit_triggered(work.book.0, visitor)?;
        work.legs.visit(books, visitor)?;
        let mut is_canceling = work.canceling.is_some();
        visitor.flag(&mut is_canceling)?;
        if is_canceling {
            let mut canceling = work.canceling.unwrap_or_default();
            canceling.visit(shelf, books as usize, visitor)?;
            work.canceling = Some(canceling);
        }
        Ok(())
    }
}

/// An order that comes to nothing, to be read over.
pub(crate) const NOTHING: (InstrumentId, NewOrder, Open) = (
    InstrumentId(0),
    NewOrder::limit(0, ClientId(0), Side::Buy, Px(0), Qty::ZERO),
    Open { leaves: 0, qty: 0 },
);

fn visit_terms(book: &mut Book, orders: usize, visitor: &mut impl Visitor) -> Result<(), StateError> {
    let config = &mut book.config;
    visitor.signed(&mut config.px_step)?;
    visitor.signed(&mut config.qty_step)?;
    visitor.signed(&mut config.qty_max.0)?;
    visitor.signed(&mut config.px_min.0)?;
    visitor.signed(&mut config.px_max.0)?;
    if !config.is_sane(orders) {
        return Err(visitor.bad(config.px_max.0.cast_unsigned(), "a book's terms"));
    }
    let from = |code: u64| PHASES.get(usize::try_from(code).ok()?).copied();
    visitor.named(&mut book.phase, |phase| phase as u64, from, "a phase")?;
    visitor.flag(&mut book.is_to_look)?;
    visitor.word(&mut book.trades)?;
    visitor.flag(&mut book.is_gathering)?;
    visit_px(&mut book.last_px, visitor)?;
    visitor.signed(&mut book.low)?;
    visitor.signed(&mut book.high)?;
    visit_px(&mut book.reference, visitor)?;
    visitor.word(&mut book.day_end_ts)?;
    let Top {
        bid_px,
        bid_qty,
        ask_px,
        ask_qty,
    } = &mut book.top_told;
    let Uncross { px, qty, surplus } = &mut book.uncross_told;
    for value in [
        &mut bid_px.0,
        &mut bid_qty.0,
        &mut ask_px.0,
        &mut ask_qty.0,
        &mut px.0,
        &mut qty.0,
        &mut surplus.0,
    ] {
        visitor.signed(value)?;
    }
    Ok(())
}

/// A price, or none.
fn visit_px(px: &mut Px, visitor: &mut impl Visitor) -> Result<(), StateError> {
    visitor.signed(&mut px.0)?;
    if *px == Px::NONE || px.is_representable() {
        Ok(())
    } else {
        Err(visitor.bad(px.0.cast_unsigned(), "a price"))
    }
}

fn visit_book_id(
    instrument: &mut InstrumentId,
    books: u64,
    visitor: &mut impl Visitor,
) -> Result<(), StateError> {
    let mut word = u64::from(instrument.0);
    visitor.below(&mut word, books)?;
    instrument.0 = word as u32;
    Ok(())
}

/// An order on its way into a book.
pub(crate) fn visit_coming(
    coming: &mut (InstrumentId, NewOrder, Open),
    books: u64,
    visitor: &mut impl Visitor,
) -> Result<(), StateError> {
    let (instrument, order, open) = coming;
    visit_book_id(instrument, books, visitor)?;
    visitor.signed(&mut open.leaves)?;
    visitor.signed(&mut open.qty)?;
    if open.leaves < 0 || open.qty < open.leaves {
        return Err(visitor.bad(open.leaves.cast_unsigned(), "what is open of an order"));
    }
    let sides = [Side::Buy, Side::Sell];
    let side = |code: u64| sides.get(usize::try_from(code).ok()?).copied();
    visitor.word(&mut order.order_id)?;
    visitor.u32(&mut order.client.0)?;
    visitor.u16(&mut order.session.0)?;
    visitor.named(&mut order.side, |side| at(side) as u64, side, "a side")?;
    visit_types(&mut order.ord_type, &mut order.time_in_force, visitor)?;
    visit_px(&mut order.px, visitor)?;
    visit_px(&mut order.stop_px, visitor)?;
    for qty in [&mut order.qty, &mut order.min_qty, &mut order.display_qty] {
        visitor.signed(&mut qty.0)?;
    }
    visitor.word(&mut order.expire_ts)?;
    let mut marks =
        Marks::new(order.side, order.post_only, order.self_trade, order.reduce_only).stop(order.trigger);
    marks.visit(visitor)?;
    order.post_only = marks.post_only();
    order.self_trade = marks.self_trade();
    order.reduce_only = marks.is_reduce_only();
    order.trigger = marks.trigger();
    Ok(())
}

fn visit_types(
    ord_type: &mut OrdType,
    time_in_force: &mut TimeInForce,
    visitor: &mut impl Visitor,
) -> Result<(), StateError> {
    let from = |code: u64| OrdType::from_byte(u8::try_from(code).ok()?);
    visitor.named(ord_type, |it| u64::from(it.byte()), from, "an order type")?;
    let from = |code: u64| TimeInForce::from_byte(u8::try_from(code).ok()?);
    visitor.named(time_in_force, |it| u64::from(it.byte()), from, "a time in force")
}

impl Marks {
    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.u16(&mut self.0)?;
        if self.is_known() {
            Ok(())
        } else {
            Err(visitor.bad(u64::from(self.0), "an order's marks"))
        }
    }
}

impl Shelf {
    /// An order that is open; where it is read back it is in no queue yet. Its slot.
    pub(crate) fn visit_order(
        &mut self,
        slot: u32,
        book: u32,
        visitor: &mut impl Visitor,
    ) -> Result<u32, StateError> {
        let is_loading = visitor.is_loading();
        let (mut node, mut rare) = if is_loading {
            (Node { book, ..Node::FREE }, Rare::NONE)
        } else {
            (*self.slab.node(slot), *self.slab.rare(slot))
        };
        visitor.word(&mut node.order_id)?;
        visitor.signed(&mut node.px)?;
        visitor.signed(&mut node.shown)?;
        visitor.signed(&mut node.hidden)?;
        visitor.signed(&mut node.qty)?;
        visitor.u32(&mut node.client.0)?;
        visitor.u16(&mut node.session.0)?;
        node.marks.visit(visitor)?;
        let is_sound = Px(node.px).is_representable()
            && (1..=Qty::ABS_MAX).contains(&node.shown)
            && (0..=Qty::ABS_MAX).contains(&node.hidden)
            && node.qty >= node.leaves();
        if !is_sound {
            return Err(visitor.bad(node.order_id, "an open order"));
        }
        visit_rare(node.marks, &mut rare, visitor)?;
        if !is_loading {
            return Ok(slot);
        }
        if self.slab.find(node.order_id).is_some() || !self.slab.has_room() {
            return Err(visitor.bad(node.order_id, "an order of its own id"));
        }
        let slot = self.slab.add(self.slab.home(node.order_id), node);
        *self.slab.rare_mut(slot) = rare;
        if node.marks.is_timed() {
            self.expiries.add(&mut self.slab, slot);
        }
        Ok(slot)
    }
}

/// What only some orders have.
fn visit_rare(marks: Marks, rare: &mut Rare, visitor: &mut impl Visitor) -> Result<(), StateError> {
    if marks.is_iceberg() {
        visitor.signed(&mut rare.display)?;
        if rare.display <= 0 {
            return Err(visitor.bad(rare.display.cast_unsigned(), "a quantity to show"));
        }
    }
    if marks.is_timed() {
        visitor.word(&mut rare.expire_ts)?;
    }
    if marks.is_stop() {
        visit_px(&mut rare.stop_px, visitor)?;
        visitor.signed(&mut rare.min_qty.0)?;
        let (mut ord_type, mut time_in_force) = rare.types();
        visit_types(&mut ord_type, &mut time_in_force, visitor)?;
        (rare.ord_type, rare.time_in_force) = (ord_type.byte(), time_in_force.byte());
        if rare.stop_px == Px::NONE {
            return Err(visitor.bad(0, "a stop price"));
        }
    }
    Ok(())
}

/// A mass cancel's terms.
pub(crate) fn visit_which(which: &mut MassCancel, visitor: &mut impl Visitor) -> Result<(), StateError> {
    // Each beside whether it is named.
    let MassCancel {
        client,
        instrument,
        side,
        session,
    } = which;
    let mut named = [
        client.is_some(),
        instrument.is_some(),
        side.is_some(),
        session.is_some(),
    ];
    let mut words = [
        client.map_or(0, |client| client.0),
        instrument.map_or(0, |instrument| instrument.0),
        side.map_or(0, |side| at(side) as u32),
        session.map_or(0, |session| u32::from(session.0)),
    ];
    for (named, word) in named.iter_mut().zip(&mut words) {
        visitor.flag(named)?;
        visitor.u32(word)?;
    }
    let sides = [Side::Buy, Side::Sell];
    *client = named[0].then_some(ClientId(words[0]));
    *instrument = named[1].then_some(InstrumentId(words[1]));
    *side = named[2].then_some(sides[words[2] as usize & 1]);
    *session = named[3].then_some(SessionId(words[3] as u16));
    Ok(())
}
