//! Rebuilds a book from a capture and compares it with what the exchange itself tells about it: its best prices, and its
//! checksums where it sends them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use pinrail_book::Book;
use pinrail_types::record::{BookLevel, BookState, BookUpdate, TopOfBook, VenueStatus};
use pinrail_types::{Flags, Frame, Px};

use crate::capture::Reader;
use crate::error::FeedError;
use crate::listing::{Listing, Market};
use crate::session::{Counts, Doubt, Session};

/// How many of the latest tickers, and of the latest updates, wait for one another: the two streams of a connection
/// do not run apart by more.
const WINDOW: usize = 4_096;

/// Levels a side that the rebuilt book holds.
const BOOK_LEVELS_MAX: usize = 16_384;

/// The best of both sides; `None` where a side is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Best {
    /// Best bid.
    pub bid: Option<BookLevel>,
    /// Best offer.
    pub ask: Option<BookLevel>,
}

impl Best {
    fn of_ticker(top: &TopOfBook) -> Best {
        let level = |px, qty| (px != Px::NONE).then_some(BookLevel { px, qty });
        Best {
            bid: level(top.bid_px, top.bid_qty),
            ask: level(top.ask_px, top.ask_qty),
        }
    }

    /// The best that was reported, also where the market has moved out of the range that the snapshot showed: what
    /// a book may be priced from is a stricter matter than what it can be compared on.
    fn of_book(book: &Book) -> Best {
        Best {
            bid: book.bids().iter_reported().next(),
            ask: book.asks().iter_reported().next(),
        }
    }

    /// Both sides in plain decimals, for people: `61837.63 x 3.78826 / 61837.64 x 1.54698`.
    pub fn text(&self, listing: &Listing) -> String {
        let side = |level: Option<BookLevel>| match level {
            Some(BookLevel { px, qty }) => {
                format!("{} x {}", listing.tick.display(px.0), listing.lot.display(qty.0))
            }
            None => "none".to_owned(),
        };
        format!("{} / {}", side(self.bid), side(self.ask))
    }
}

/// A point where the rebuilt book and the exchange differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The line of the capture at which both were known.
    pub line: u64,
    /// The update that both are as of.
    pub update_id: u64,
    /// What the exchange reported.
    pub ticker: Best,
    /// What the rebuilt book has.
    pub book: Best,
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was checked, and on which grid.
    pub listing: Listing,
    /// What the capture holds.
    pub counts: Counts,
    /// Best prices of the exchange that could be compared with the book as of the same update, or the same time.
    pub comparable: u64,
    /// Those of them that agree in price on both sides, and in quantity where it is told.
    pub matching: u64,
    /// Messages after which the book was crossed or locked.
    pub crossed: u64,
    /// The line at which the book was first not to be trusted, and why.
    pub first_doubt: Option<(u64, Doubt)>,
    /// The first that does not.
    pub first_mismatch: Option<Mismatch>,
    /// Wall-clock time that the check took.
    pub elapsed: Duration,
}

impl Report {
    /// Whether a book was rebuilt without a gap, and all that the venue tells about it agrees. Binance must tell best
    /// prices, Kraken checksums.
    pub fn is_clean(&self) -> bool {
        let has_evidence = match self.listing.market {
            Market::BinanceSpot | Market::BinanceUsdm => self.comparable > 0,
            Market::Kraken => self.counts.checksums > 0,
            _ => self.counts.snapshots > 0,
        };
        has_evidence
            && self.matching == self.comparable
            && self.counts.checksums_equal == self.counts.checksums
            && self.counts.gaps == 0
    }
}

/// Checks the capture at `path`, which is a recording of `listing`.
///
/// # Errors
/// [`FeedError`] at the first line that can't be read.
pub fn check(path: &Path, listing: &Listing) -> Result<Report, FeedError> {
    let start = Instant::now();
    let mut reader = Reader::open(path)?;
    let mut session = Session::new(listing.clone());
    let mut comparison = Comparison::new(listing);
    let mut frames = Vec::new();
    let mut first_doubt = None;
    while reader.advance()? {
        frames.clear();
        session
            .take(reader.ts_recv(), reader.json(), &mut frames)
            .map_err(|refusal| reader.error(refusal))?;
        for frame in &frames {
            comparison.take(frame, reader.line_number());
        }
        first_doubt = first_doubt.or_else(|| Some((reader.line_number(), session.doubt()?)));
    }
    let counts = session.counts();
    Ok(Report {
        listing: listing.clone(),
        counts,
        comparable: comparison.comparable + counts.quotes,
        matching: comparison.matching + counts.quotes_equal,
        crossed: comparison.crossed + counts.crossed,
        first_doubt,
        first_mismatch: comparison.first_mismatch,
        elapsed: start.elapsed(),
    })
}

struct Comparison {
    book: Book,
    /// By update id.
    tickers: BTreeMap<u64, Best>,
    /// By update id.
    books: BTreeMap<u64, Best>,
    comparable: u64,
    matching: u64,
    crossed: u64,
    first_mismatch: Option<Mismatch>,
}

impl Comparison {
    fn new(listing: &Listing) -> Comparison {
        Comparison {
            book: Book::new(listing.market.rule(), BOOK_LEVELS_MAX),
            tickers: BTreeMap::new(),
            books: BTreeMap::new(),
            comparable: 0,
            matching: 0,
            crossed: 0,
            first_mismatch: None,
        }
    }

    fn take(&mut self, frame: &Frame, line: u64) {
        if let Some(top) = frame.get::<TopOfBook>() {
            let (id, ticker) = (top.update_id, Best::of_ticker(top));
            keep(&mut self.tickers, id, ticker);
            if let Some(&book) = self.books.get(&id) {
                self.compare(line, id, ticker, book);
            }
        } else if let Some(status) = frame.get::<VenueStatus>() {
            self.book.on_status(status);
        } else if let Some(update) = frame.get::<BookUpdate>() {
            let change = self.book.apply(update);
            let is_last = frame.flags().has(Flags::LAST);
            self.crossed += u64::from(is_last && change.now == BookState::Crossed);
            let id = update.last_id;
            let is_applied = frame.flags().has(Flags::LAST)
                && !frame.flags().has(Flags::SNAPSHOT)
                && self.book.last_id() == id;
            if is_applied {
                let book = Best::of_book(&self.book);
                keep(&mut self.books, id, book);
                if let Some(&ticker) = self.tickers.get(&id) {
                    self.compare(line, id, ticker, book);
                }
            }
        }
    }

    fn compare(&mut self, line: u64, update_id: u64, ticker: Best, book: Best) {
        self.comparable += 1;
        if ticker == book {
            self.matching += 1;
        } else if self.first_mismatch.is_none() {
            self.first_mismatch = Some(Mismatch {
                line,
                update_id,
                ticker,
                book,
            });
        }
    }
}

/// Keeps `best` and drops the oldest where there are too many.
fn keep(window: &mut BTreeMap<u64, Best>, id: u64, best: Best) {
    window.insert(id, best);
    if window.len() > WINDOW {
        window.pop_first();
    }
}
