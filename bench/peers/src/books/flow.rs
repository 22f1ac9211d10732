//! The mixed flow: what is asked of the books, and the fills that must come of it.
//!
//! Of the messages 65 % add an order that rests, 30 % cancel a live one, each of its book as likely as any, and 5 % take about
//! eight makers. So a book stays as full as it is.

use std::collections::{BTreeMap, VecDeque};
use std::iter::Sum;

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Messages that are timed.
const MESSAGES: usize = 1_000_000;

/// Bids come at so many prices below the middle, offers at so many above it, at each as often.
const PRICES: u32 = 200;

const MIDDLE: u32 = 100_000;

/// An order is for 1 to so many.
const QTY_MAX: u32 = 100;

/// A take fills seven orders and a part of the eighth.
const TAKE_QTY: u32 = 7 * (1 + QTY_MAX) / 2;

const SEED: u64 = 23;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Add,
    Cancel,
    Take,
}

/// A message, and its order under each of the names that engines have for it. Small, so that reading it is no part of what is
/// measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) kind: Kind,
    pub(crate) is_buy: bool,
    pub(crate) book: u16,
    /// Numbers the messages of a book, from 0.
    pub(crate) number: u32,
    pub(crate) order: Names,
    /// Of what is added.
    pub(crate) px: u32,
    pub(crate) qty: u32,
}

/// What an order is called.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names {
    /// Numbers the orders of all books, from 1.
    pub(crate) id: u32,
    /// The number of the message that brought it.
    pub(crate) number: u32,
    /// Numbers the orders of its book, from 1.
    pub(crate) nth: u32,
}

/// The fills of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) fills: u64,
    pub(crate) qty: u64,
    /// Price times quantity.
    pub(crate) value: u64,
}

impl Tally {
    #[inline]
    pub(crate) fn add(&mut self, px: u64, qty: u64) {
        self.fills += 1;
        self.qty += qty;
        self.value += px * qty;
    }
}

impl<'a> Sum<&'a Tally> for Tally {
    fn sum<I: Iterator<Item = &'a Tally>>(tallies: I) -> Tally {
        tallies.fold(Tally::default(), |all, one| Tally {
            fills: all.fills + one.fills,
            qty: all.qty + one.qty,
            value: all.value + one.value,
        })
    }
}

pub(crate) struct Flow {
    pub(crate) books: usize,
    /// Fill the books; not timed.
    pub(crate) first: Vec<Message>,
    pub(crate) timed: Vec<Message>,
    /// What must come of each of them.
    pub(crate) fills: Vec<Tally>,
    /// Live orders of all books at the fewest and at the most.
    pub(crate) live: [usize; 2],
}

impl Flow {
    pub(crate) fn new(books: u16, live_each: u32) -> Flow {
        let mut market = Market {
            draws: Xoshiro256PlusPlus::seed_from_u64(SEED),
            books: (0..books).map(|_| Book::default()).collect(),
            orders: 0,
        };
        let mut first = Vec::new();
        for _ in 0..live_each {
            first.extend((0..books).map(|book| market.add(book)));
        }
        let (mut timed, mut fills, mut live) = (Vec::new(), Vec::new(), [first.len(); 2]);
        for _ in 0..MESSAGES {
            let (message, filled) = market.draw();
            timed.push(message);
            fills.push(filled);
            let now = market.live();
            live = [live[0].min(now), live[1].max(now)];
        }
        Flow {
            books: books.into(),
            first,
            timed,
            fills,
            live,
        }
    }
}

/// Draws the messages, and plays them on books written for plain reading.
struct Market {
    draws: Xoshiro256PlusPlus,
    books: Vec<Book>,
    /// How many there were.
    orders: u32,
}

#[derive(Default)]
struct Book {
    messages: u32,
    orders: u32,
    bids: BTreeMap<u32, VecDeque<Open>>,
    offers: BTreeMap<u32, VecDeque<Open>>,
    /// All that are open, by the order's number in the book, and that in the order of `live`.
    places: BTreeMap<u32, usize>,
    live: Vec<Live>,
}

struct Open {
    nth: u32,
    qty: u32,
}

#[derive(Clone, Copy)]
struct Live {
    order: Names,
    is_buy: bool,
    px: u32,
}

impl Market {
    fn below(&mut self, bound: u32) -> u32 {
        (self.draws.next_u64() % u64::from(bound)) as u32
    }

    fn live(&self) -> usize {
        self.books.iter().map(|book| book.live.len()).sum()
    }

    fn draw(&mut self) -> (Message, Tally) {
        let book = self.below(self.books.len() as u32) as u16;
        match self.below(100) {
            0..65 => (self.add(book), Tally::default()),
            65..95 => (self.cancel(book), Tally::default()),
            _ => self.take(book),
        }
    }

    /// A message that brings an order.
    fn message(&mut self, kind: Kind, book: u16) -> Message {
        let is_buy = self.below(2) == 0;
        self.orders += 1;
        let its = &mut self.books[usize::from(book)];
        its.orders += 1;
        its.messages += 1;
        Message {
            kind,
            is_buy,
            book,
            number: its.messages - 1,
            order: Names {
                id: self.orders,
                number: its.messages - 1,
                nth: its.orders,
            },
            px: 0,
            qty: TAKE_QTY,
        }
    }

    fn add(&mut self, book: u16) -> Message {
        let mut message = self.message(Kind::Add, book);
        let away = 1 + self.below(PRICES);
        message.px = if message.is_buy {
            MIDDLE - away
        } else {
            MIDDLE + away
        };
        message.qty = 1 + self.below(QTY_MAX);
        self.books[usize::from(book)].add(&message);
        message
    }

    fn cancel(&mut self, book: u16) -> Message {
        let chosen = self.below(self.books[usize::from(book)].live.len() as u32);
        let its = &mut self.books[usize::from(book)];
        let Live { order, is_buy, px } = its.live[chosen as usize];
        let queue = its.side(is_buy).get_mut(&px).expect("it is live");
        queue.retain(|open| open.nth != order.nth);
        its.end(order.nth);
        its.messages += 1;
        Message {
            kind: Kind::Cancel,
            is_buy,
            book,
            number: its.messages - 1,
            order,
            px,
            qty: 0,
        }
    }

    fn take(&mut self, book: u16) -> (Message, Tally) {
        let message = self.message(Kind::Take, book);
        let fills = self.books[usize::from(book)].take(message.is_buy, message.qty);
        (message, fills)
    }
}

impl Book {
    fn side(&mut self, is_buy: bool) -> &mut BTreeMap<u32, VecDeque<Open>> {
        if is_buy { &mut self.bids } else { &mut self.offers }
    }

    fn add(&mut self, message: &Message) {
        let Message {
            is_buy,
            order,
            px,
            qty,
            ..
        } = *message;
        let nth = order.nth;
        self.side(is_buy)
            .entry(px)
            .or_default()
            .push_back(Open { nth, qty });
        self.places.insert(nth, self.live.len());
        self.live.push(Live { order, is_buy, px });
    }

    fn take(&mut self, is_buy: bool, mut left: u32) -> Tally {
        let mut fills = Tally::default();
        while left > 0 {
            let best = if is_buy {
                self.offers.first_entry()
            } else {
                self.bids.last_entry()
            };
            let mut best = best.expect("books stay full");
            let px = *best.key();
            let Some(open) = best.get_mut().front_mut() else {
                best.remove();
                continue;
            };
            let filled = left.min(open.qty);
            fills.add(px.into(), filled.into());
            (left, open.qty) = (left - filled, open.qty - filled);
            if open.qty == 0 {
                let nth = open.nth;
                best.get_mut().pop_front();
                self.end(nth);
            }
        }
        fills
    }

    fn end(&mut self, nth: u32) {
        let place = self.places.remove(&nth).expect("it is live");
        self.live.swap_remove(place);
        if let Some(moved) = self.live.get(place) {
            self.places.insert(moved.order.nth, place);
        }
    }
}
