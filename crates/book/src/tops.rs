//! Tickers that run ahead of the depth updates they are to be compared with.

use pinrail_types::record::TopOfBook;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Px, Qty};

/// How many tickers may run ahead. In five recorded minutes of a venue that sends depth every 100 ms it was 31.
const WAITING_MAX: usize = 64;

/// A venue's own best bid and offer as of an update.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Top {
    pub(crate) update_id: u64,
    pub(crate) bid_px: Px,
    pub(crate) bid_qty: Qty,
    pub(crate) ask_px: Px,
    pub(crate) ask_qty: Qty,
}

impl From<&TopOfBook> for Top {
    fn from(top: &TopOfBook) -> Top {
        Top {
            update_id: top.update_id,
            bid_px: top.bid_px,
            bid_qty: top.bid_qty,
            ask_px: top.ask_px,
            ask_qty: top.ask_qty,
        }
    }
}

/// The tickers that wait for their update, in order of arrival. Where there is no room the oldest is forgotten: a
/// comparison less, never a wrong one.
#[derive(Debug)]
pub(crate) struct WaitingTops {
    /// Apart from the book, whose every update looks at the counts only.
    tops: Box<[Top; WAITING_MAX]>,
    /// Counts every ticker ever taken out; its place is this modulo the size.
    head: usize,
    /// Counts every ticker ever put in.
    tail: usize,
}

impl WaitingTops {
    pub(crate) fn new() -> WaitingTops {
        WaitingTops {
            tops: Box::new([Top::default(); WAITING_MAX]),
            head: 0,
            tail: 0,
        }
    }

    pub(crate) fn clear(&mut self) {
        self.head = self.tail;
    }

    #[inline]
    pub(crate) fn push(&mut self, top: Top) {
        if self.tail - self.head == WAITING_MAX {
            self.head += 1;
        }
        self.tops[self.tail % WAITING_MAX] = top;
        self.tail += 1;
    }

    /// Goes through those that wait.
    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut waiting = self.tail - self.head;
        visitor.count(&mut waiting, WAITING_MAX)?;
        if visitor.is_loading() {
            (self.head, self.tail) = (0, waiting);
        }
        for at in self.head..self.tail {
            let top = &mut self.tops[at % WAITING_MAX];
            visitor.word(&mut top.update_id)?;
            visitor.plain(&mut top.bid_px)?;
            visitor.plain(&mut top.bid_qty)?;
            visitor.plain(&mut top.ask_px)?;
            visitor.plain(&mut top.ask_qty)?;
        }
        Ok(())
    }

    /// Takes out the next ticker that is not ahead of `last_id`.
    #[inline]
    pub(crate) fn pop_until(&mut self, last_id: u64) -> Option<Top> {
        if self.head == self.tail {
            return None;
        }
        let top = self.tops[self.head % WAITING_MAX];
        if top.update_id > last_id {
            return None;
        }
        self.head += 1;
        Some(top)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn top(update_id: u64) -> Top {
        Top {
            update_id,
            ..Top::default()
        }
    }

    #[test]
    fn tickers_come_out_in_order_once_their_update_is_there() {
        let mut waiting = WaitingTops::new();
        assert!(waiting.pop_until(u64::MAX).is_none());
        for id in [3, 3, 5] {
            waiting.push(top(id));
        }
        assert!(waiting.pop_until(2).is_none());
        assert_eq!(waiting.pop_until(4).unwrap().update_id, 3);
        assert_eq!(waiting.pop_until(4).unwrap().update_id, 3);
        assert!(waiting.pop_until(4).is_none());
        waiting.clear();
        assert!(waiting.pop_until(u64::MAX).is_none());
    }

    #[test]
    fn the_oldest_is_forgotten_where_there_is_no_room() {
        let mut waiting = WaitingTops::new();
        for id in 1..=WAITING_MAX as u64 + 2 {
            waiting.push(top(id));
        }
        assert_eq!(waiting.pop_until(u64::MAX).unwrap().update_id, 3);
    }
}
