//! A venue whose books somebody recorded, with orders and faults that are simulated.

use std::collections::BTreeMap;

use bytemuck::Zeroable;
use pinrail_types::record::{BookLevel, BookUpdate, LEVELS_MAX};
use pinrail_types::{Flags, Frame, Instrument, InstrumentId, Px, Qty, Side};

use crate::connection::Connection;
use crate::execution::{ExecutionConfig, Liquidity};
use crate::fault::FaultCounts;

/// A venue whose market data is recorded and given to it, and whose orders are filled against the recorded books as they stand.
///
/// What an order took of a level is gone until the recording tells of that level again; market data does not show it, because
/// what was recorded is passed on as it is. While the connection is lost the books move on unseen and reports wait; behind it
/// each book is shown whole again with its next update.
#[derive(Clone, Debug)]
pub struct RecordedExchange {
    books: Vec<RecordedBook>,
    connection: Connection,
}

impl RecordedExchange {
    /// A venue that lists `listed` and starts at `start_ns`. Everything about it follows from the seed, the recording and the
    /// orders that it is sent.
    ///
    /// # Panics
    /// If [`ExecutionConfig`] is out of its range.
    pub fn new(
        config: ExecutionConfig,
        instruments: &[Instrument],
        listed: &[InstrumentId],
        seed: u64,
        start_ns: u64,
    ) -> RecordedExchange {
        RecordedExchange {
            books: listed.iter().copied().map(RecordedBook::new).collect(),
            connection: Connection::new(config, instruments, seed, start_ns),
        }
    }

    /// When something of its own is due next, in nanoseconds since the epoch: what was recorded is not its own.
    pub fn next_due(&self) -> u64 {
        self.connection.next_due().unwrap_or(u64::MAX)
    }

    /// Does what is due next of its own, and appends what is sent then to `market` and `reports`: either may stay as it is.
    pub fn take(&mut self, market: &mut Vec<Frame>, reports: &mut Vec<Frame>) {
        let due = self.next_due();
        if self.connection.restore(due, market) {
            for book in &mut self.books {
                book.batch.clear();
                book.is_hidden = true;
            }
        } else {
            self.connection.execution.take(&mut self.books, reports);
        }
    }

    /// Takes a record of the recording that is due at `due`, and appends what of it is seen to `market`.
    pub fn on_market(&mut self, frame: &Frame, due: u64, market: &mut Vec<Frame>) {
        let is_up = self.connection.is_up();
        let update = frame.get::<BookUpdate>();
        let book =
            update.and_then(|update| self.books.iter_mut().find(|b| b.instrument == update.instrument));
        let (Some(update), Some(book)) = (update, book) else {
            market.extend(is_up.then_some(*frame));
            return;
        };
        book.apply(frame, update);
        if is_up && book.is_hidden {
            if frame.flags().has(Flags::FIRST) {
                book.batch.clear();
            }
            book.batch.push(*frame);
        } else if is_up {
            market.push(*frame);
        }
        if !frame.flags().has(Flags::LAST) {
            return;
        }
        if is_up && book.is_hidden && book.has_both_sides() {
            // Exchanges make images at some time, and so at an id within an update; the rules want to see that one, too.
            book.is_hidden = false;
            book.show(update, market);
            market.append(&mut book.batch);
        }
        self.connection.execution.on_book(book, due);
        self.connection.lose(due, market);
    }

    /// Shows an output of the desk: orders and cancels for this venue are on their way from its core time on.
    pub fn on_output(&mut self, frame: &Frame) {
        self.connection.execution.on_output(frame);
    }

    /// Whether no order is here or on its way, and nothing is left to be told of one.
    pub fn is_quiet(&self) -> bool {
        self.connection.execution.is_quiet()
    }

    /// The faults that it had so far.
    pub fn faults(&self) -> FaultCounts {
        self.connection.execution.faults.counts
    }
}

/// What stands at a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Level {
    /// Lots, as recorded.
    qty: i64,
    /// Lots of them that orders took since the recording last told of the price.
    taken: i64,
}

/// A book as its recording tells it, whole.
#[derive(Clone, Debug)]
struct RecordedBook {
    instrument: InstrumentId,
    bids: BTreeMap<i64, Level>,
    asks: BTreeMap<i64, Level>,
    /// Nobody has seen it since the connection was lost.
    is_hidden: bool,
    /// The update that shows it again, as far as it was told.
    batch: Vec<Frame>,
}

impl RecordedBook {
    fn new(instrument: InstrumentId) -> RecordedBook {
        RecordedBook {
            instrument,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            is_hidden: false,
            batch: Vec::new(),
        }
    }

    fn apply(&mut self, frame: &Frame, update: &BookUpdate) {
        let flags = frame.flags();
        if flags.has(Flags::SNAPSHOT) && flags.has(Flags::FIRST) {
            self.bids.clear();
            self.asks.clear();
        }
        let (bids, asks) = update.sides().unwrap_or_default();
        for (side, levels) in [(&mut self.bids, bids), (&mut self.asks, asks)] {
            for level in levels {
                if level.qty > Qty::ZERO {
                    let qty = level.qty.0;
                    side.insert(level.px.0, Level { qty, taken: 0 });
                } else {
                    side.remove(&level.px.0);
                }
            }
        }
    }

    fn has_both_sides(&self) -> bool {
        !self.bids.is_empty() && !self.asks.is_empty()
    }

    /// Appends an image of it as of `update`.
    fn show(&self, update: &BookUpdate, out: &mut Vec<Frame>) {
        let level = |(px, level): (&i64, &Level)| BookLevel {
            px: Px(*px),
            qty: Qty(level.qty),
        };
        let bids: Vec<BookLevel> = self.bids.iter().rev().map(level).collect();
        let asks: Vec<BookLevel> = self.asks.iter().map(level).collect();
        let parts = bids.chunks(LEVELS_MAX).map(|part| (part, true));
        let parts: Vec<_> = parts
            .chain(asks.chunks(LEVELS_MAX).map(|part| (part, false)))
            .collect();
        for (at, (part, are_bids)) in parts.iter().enumerate() {
            let mut image = BookUpdate {
                bids: if *are_bids { part.len() as u8 } else { 0 },
                asks: if *are_bids { 0 } else { part.len() as u8 },
                first_id: update.last_id,
                prev_id: 0,
                levels: Zeroable::zeroed(),
                ..*update
            };
            image.levels[..part.len()].copy_from_slice(part);
            let mut flags = Flags::SNAPSHOT;
            if at == 0 {
                flags = flags.with(Flags::FIRST);
            }
            if at + 1 == parts.len() {
                flags = flags.with(Flags::LAST);
            }
            let mut frame = Frame::of(&image);
            frame.header_mut().commit = image.commit_for(flags).pack();
            out.push(frame);
        }
    }

    /// The levels that a taker on `side` meets at `px` or better, best first.
    fn facing(&mut self, side: Side, px: Px) -> Box<dyn Iterator<Item = (i64, &mut Level)> + '_> {
        match side {
            Side::Buy => Box::new(self.asks.range_mut(..=px.0).map(|(px, level)| (*px, level))),
            Side::Sell => Box::new(self.bids.range_mut(px.0..).rev().map(|(px, level)| (*px, level))),
        }
    }
}

impl Liquidity for RecordedBook {
    fn instrument(&self) -> InstrumentId {
        self.instrument
    }

    fn available(&self, side: Side, px: Px) -> Qty {
        let left = |level: &Level| level.qty - level.taken;
        Qty(match side {
            Side::Buy => self.asks.range(..=px.0).map(|(_, level)| left(level)).sum(),
            Side::Sell => self.bids.range(px.0..).map(|(_, level)| left(level)).sum(),
        })
    }

    fn take_liquidity(&mut self, side: Side, px: Px, qty: Qty) -> Vec<BookLevel> {
        let mut wanted = qty.0;
        let mut fills = Vec::new();
        for (px, level) in self.facing(side, px) {
            let taken = wanted.min(level.qty - level.taken);
            if taken > 0 {
                level.taken += taken;
                wanted -= taken;
                fills.push(BookLevel {
                    px: Px(px),
                    qty: Qty(taken),
                });
            }
            if wanted == 0 {
                break;
            }
        }
        fills
    }
}
