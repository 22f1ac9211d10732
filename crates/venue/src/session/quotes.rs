//! A venue's own best prices, compared with the mirror as of the same time.

use std::collections::VecDeque;

use pinrail_types::record::BookLevel;

use super::{Counts, Doubt};

/// How many of the latest changes are remembered, for quotes that come after them.
const HISTORY_MAX: usize = 64;

/// How long a quote may wait for the change that it tells of, by the venue's clock.
const WAIT_NS_MAX: u64 = 1_000_000_000;

/// Best bid and offer as quoted: price, and quantity where it is told.
pub(crate) type Best = [Option<(i64, Option<i64>)>; 2];

/// The mirror's best levels after each of the latest changes, and a quote that none of them fits.
#[derive(Debug, Default)]
pub(crate) struct Quotes {
    history: VecDeque<(u64, [Option<BookLevel>; 2])>,
    waiting: Option<(u64, Best)>,
}

fn fits(book: &[Option<BookLevel>; 2], quote: &Best) -> bool {
    book.iter()
        .zip(quote)
        .all(|(level, quoted)| match (level, quoted) {
            (Some(level), Some((px, qty))) => level.px.0 == *px && qty.is_none_or(|qty| level.qty.0 == qty),
            (level, quoted) => level.is_none() && quoted.is_none(),
        })
}

fn judge(counts: &mut Counts, is_equal: bool) -> Result<(), Doubt> {
    counts.quotes += 1;
    counts.quotes_equal += u64::from(is_equal);
    if is_equal { Ok(()) } else { Err(Doubt::Quote) }
}

impl Quotes {
    pub(crate) fn clear(&mut self) {
        self.history.clear();
        self.waiting = None;
    }

    /// Takes a quote as of the venue's time `ts`. One from before the book is left; one that may tell of a change
    /// that is still to come waits for it.
    pub(crate) fn on_quote(&mut self, ts: u64, quote: Best, counts: &mut Counts) -> Result<(), Doubt> {
        let Some((latest_ts, latest)) = self.history.back() else {
            return Ok(());
        };
        if *latest_ts > ts {
            let mut before = self.history.iter().rev().filter(|(at, _)| *at <= ts).peekable();
            let Some(as_of) = before.peek().map(|(at, _)| *at) else {
                return Ok(());
            };
            let is_equal = before
                .take_while(|(at, _)| *at == as_of)
                .any(|(_, best)| fits(best, &quote));
            return judge(counts, is_equal);
        }
        if fits(latest, &quote) {
            self.waiting = None;
            return judge(counts, true);
        }
        match self.waiting {
            Some((since, _)) if ts.saturating_sub(since) >= WAIT_NS_MAX => judge(counts, false),
            Some(_) => Ok(()),
            None => {
                self.waiting = Some((ts, quote));
                Ok(())
            }
        }
    }

    /// Takes the best levels after a change as of the venue's time `ts`.
    pub(crate) fn on_change(
        &mut self,
        ts: u64,
        best: [Option<BookLevel>; 2],
        counts: &mut Counts,
    ) -> Result<(), Doubt> {
        if let Some((quote_ts, quote)) = &self.waiting {
            if fits(&best, quote) && ts <= *quote_ts {
                self.waiting = None;
                judge(counts, true)?;
            } else if ts > *quote_ts {
                let is_equal = self.history.back().is_some_and(|(_, before)| fits(before, quote));
                self.waiting = None;
                judge(counts, is_equal)?;
            }
        }
        self.history.push_back((ts, best));
        if self.history.len() > HISTORY_MAX {
            self.history.pop_front();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::{Px, Qty};

    use super::*;

    fn book(bid: i64, ask: i64) -> [Option<BookLevel>; 2] {
        [bid, ask].map(|px| {
            Some(BookLevel {
                px: Px(px),
                qty: Qty(1),
            })
        })
    }

    fn quote(bid: i64, ask: i64) -> Best {
        [Some((bid, None)), Some((ask, Some(1)))]
    }

    #[test]
    fn quotes_are_compared_as_of_their_time() {
        let (mut quotes, mut counts) = (Quotes::default(), Counts::default());
        quotes.on_quote(5, quote(1, 2), &mut counts).unwrap();
        quotes.on_change(10, book(10, 20), &mut counts).unwrap();
        quotes.on_quote(9, quote(1, 2), &mut counts).unwrap();
        assert_eq!(counts.quotes, 0, "from before the book");
        quotes.on_quote(10, quote(10, 20), &mut counts).unwrap();
        quotes.on_change(20, book(11, 20), &mut counts).unwrap();
        // Late, and early: the change that it tells of follows.
        quotes.on_quote(15, quote(10, 20), &mut counts).unwrap();
        quotes.on_quote(30, quote(12, 20), &mut counts).unwrap();
        quotes.on_change(25, book(11, 21), &mut counts).unwrap();
        quotes.on_change(30, book(12, 20), &mut counts).unwrap();
        assert_eq!((counts.quotes, counts.quotes_equal), (3, 3));
        assert_eq!(quotes.on_quote(25, quote(11, 20), &mut counts), Err(Doubt::Quote));
        quotes.on_quote(40, quote(12, 19), &mut counts).unwrap();
        assert_eq!(quotes.on_change(41, book(12, 19), &mut counts), Err(Doubt::Quote));
        quotes.clear();
        quotes.on_change(50, book(12, 20), &mut counts).unwrap();
        quotes.on_quote(51, quote(12, 19), &mut counts).unwrap();
        quotes.on_quote(52, quote(12, 19), &mut counts).unwrap();
        let late = 51 + WAIT_NS_MAX;
        assert_eq!(
            quotes.on_quote(late, [None, None], &mut counts),
            Err(Doubt::Quote)
        );
        assert_eq!((counts.quotes, counts.quotes_equal), (6, 3));
    }
}
