//! Whether a matcher hangs together: what must hold between any two calls.

use crate::book::{STOP_LADDERS, owner};
use crate::level::NIL;
use crate::matcher::Matcher;

impl Matcher {
    /// Looks through every book, price and order for what must hold between any two calls. Linear in all that is open.
    ///
    /// # Panics
    /// If something does not hold.
    pub fn audit(&self) {
        let (mut orders, mut levels, mut timed) = (0, 0, 0);
        for (at, book) in self.books.iter().enumerate() {
            let stops = &self.shelf.stops[at];
            let mut waiting = 0;
            for ladder in 0..2 + STOP_LADDERS.len() {
                let first = |ladder: usize| match ladder {
                    0 | 1 => book.sides[ladder].best_level(),
                    stop => stops[stop - 2].first(&self.shelf.pool),
                };
                let mut level = first(ladder);
                let mut last_rank = i64::MIN;
                let mut strays = 0;
                while level != NIL {
                    let queue = self.shelf.pool.level(level);
                    assert!(queue.rank > last_rank, "prices are in order");
                    assert_eq!(
                        queue.owner(),
                        owner(at as u32, ladder as u32),
                        "a level is its ladder's"
                    );
                    last_rank = queue.rank;
                    strays += u32::from(self.shelf.pool.is_stray(level));
                    let (len, bounded) = self.audit_queue(at, ladder, level);
                    orders += len;
                    timed += bounded;
                    levels += 1;
                    waiting += if ladder < 2 { 0 } else { len };
                    level = match ladder {
                        0 | 1 => book.sides[ladder].next(&self.shelf.pool, level),
                        stop => stops[stop - 2].next(&self.shelf.pool, level),
                    };
                }
                if let Some(side) = book.sides.get(ladder) {
                    assert_eq!(side.strays(), strays, "strays are counted");
                }
            }
            assert_eq!(book.stops as usize, waiting, "waiting stops are counted");
        }
        assert_eq!(orders, self.shelf.slab.len(), "every order is in a queue");
        assert_eq!(levels, self.shelf.pool.len(), "every level is in a ladder");
        assert_eq!(timed, self.shelf.expiries.len(), "every end is known");
    }

    /// How many orders a queue has, and how many of them are bounded in time.
    fn audit_queue(&self, book: usize, ladder: usize, level: u32) -> (usize, usize) {
        let queue = self.shelf.pool.level(level);
        let (mut len, mut timed, mut shown, mut last) = (0, 0, 0, NIL);
        let mut slot = self.shelf.queues.first(level);
        while slot != NIL {
            let node = self.shelf.slab.node(slot);
            assert_eq!(node.level, level, "an order knows its level");
            assert_eq!(node.book as usize, book, "an order knows its book");
            assert_eq!(
                self.shelf.queues.previous(slot),
                last,
                "a queue is linked both ways"
            );
            assert_eq!(node.marks.is_stop(), ladder >= 2, "stops wait apart");
            assert!(
                node.shown > 0 && node.hidden >= 0 && node.qty >= node.leaves(),
                "{node:?}"
            );
            assert_eq!(
                self.shelf.slab.find(node.order_id),
                Some(slot),
                "an order is found by its id"
            );
            shown += node.shown;
            len += 1;
            timed += usize::from(node.marks.is_timed());
            last = slot;
            slot = self.shelf.queues.next(slot);
        }
        assert!(len > 0, "no level is empty");
        assert_eq!(queue.shown, shown, "a level knows its queue");
        (len, timed)
    }
}
