//! Updates that are yet to come: what they will touch is read before their turn.
//!
//! With thousands of instruments nearly every update finds its own in no cache, in three places one behind the other:
//! instrument, book, level. One update waits for each in turn; several wait for all of a kind together.

use core::hint::black_box;

use pinrail_book::Book;
use pinrail_pricing::Pricer;
use pinrail_types::Frame;
use pinrail_types::record::BookUpdate;

use crate::state::Engine;

/// Most inputs that are looked at together; more are more than a processor can wait for at once.
pub const FORESEEN_MAX: usize = 16;

impl<P: Pricer> Engine<P> {
    /// Reads what the updates of books among `inputs` will touch, so that it is in the cache when they come: the first
    /// [`FORESEEN_MAX`] of them. They may come in another order, or never, and hold anything. Changes nothing and decides
    /// nothing. Costs an update about 10 ns, and pays where what they touch lies in no cache.
    pub fn foresee(&self, inputs: &[Frame]) {
        let inputs = &inputs[..inputs.len().min(FORESEEN_MAX)];
        for input in inputs {
            self.foresee_instrument(input);
        }
        for input in inputs {
            self.foresee_book(input, |book, _| book.warm());
        }
        for input in inputs {
            self.foresee_book(input, Book::warm_levels);
        }
    }

    #[inline]
    fn foresee_instrument(&self, input: &Frame) {
        let Some(update) = input.get::<BookUpdate>() else {
            return;
        };
        black_box(self.risk.next_sample(update.instrument));
        if let Some(Some(traded)) = self.traded.get(update.instrument.index()) {
            black_box((traded.book_seq, traded.venues.sources().len()));
            black_box((traded.estimates.spread_e8(), traded.meta.id));
        }
    }

    #[inline]
    fn foresee_book(&self, input: &Frame, look: impl FnOnce(&Book, &BookUpdate)) {
        let Some(update) = input.get::<BookUpdate>() else {
            return;
        };
        if let Some(Some(traded)) = self.traded.get(update.instrument.index())
            && let Ok(at) = traded.listed(update.venue)
        {
            look(&traded.venues.sources()[at].book, update);
        }
    }
}
