//! Recordings as markets: the venues of an instrument, each mirrored by the product's book and by a naive one.

use std::path::Path;
use std::rc::Rc;

use pinrail_book::{Book, Consolidated, Source};
use pinrail_types::record::{BookUpdate, VenueStatus};
use pinrail_types::{Decimal, Flags, Frame, Qty};
use pinrail_venue::capture::Reader;
use pinrail_venue::infer::{Known, listings};
use pinrail_venue::session::Session;
use pinrail_venue::{Listing, Market as Exchange};

use crate::naive::NaiveBook;

const BOOK_LEVELS_MAX: usize = 16_384;

/// A recorded book: when each record was received, and the record.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) listing: Listing,
    frames: Rc<[(u64, Frame)]>,
}

/// The books of a capture of at most `lines_max` lines.
pub(crate) fn recorded(path: &Path, known: &Known, lines_max: u64) -> Vec<Recorded> {
    let read = |listing: Listing| Recorded {
        frames: frames(path, &listing, lines_max),
        listing,
    };
    listings(path, known).unwrap().into_iter().map(read).collect()
}

fn frames(path: &Path, listing: &Listing, lines_max: u64) -> Rc<[(u64, Frame)]> {
    let mut reader = Reader::open(path).unwrap();
    let mut session = Session::new(listing.clone());
    let (mut frames, mut taken) = (Vec::new(), Vec::new());
    while reader.line_number() < lines_max && reader.advance().unwrap() {
        let ts_recv = reader.ts_recv();
        session.take(ts_recv, reader.json(), &mut taken).unwrap();
        let of_book = taken.drain(..).filter(|frame| {
            assert!(frame.get::<VenueStatus>().is_none(), "the recordings have no gap");
            frame.get::<BookUpdate>().is_some()
        });
        frames.extend(of_book.map(|frame| (ts_recv, frame)));
    }
    frames.into()
}

/// The steps of a listing, for others that are to share its grid.
pub(crate) fn grid_of(listing: &Listing) -> (Option<Decimal>, Option<Decimal>) {
    (Some(listing.tick.step()), Some(listing.lot.step()))
}

/// A recorded book as one venue of a market, so much later than it was recorded.
pub(crate) struct Feed {
    pub(crate) recorded: Recorded,
    pub(crate) delay_ns: u64,
    pub(crate) naive: NaiveBook,
    next: usize,
}

impl Feed {
    fn due(&self) -> Option<u64> {
        let (ts_recv, _) = self.recorded.frames.get(self.next)?;
        Some(ts_recv + self.delay_ns)
    }
}

/// The venues of an instrument.
pub(crate) struct Market {
    pub(crate) feeds: Vec<Feed>,
    pub(crate) venues: Consolidated,
}

impl Market {
    pub(crate) fn new(feeds: impl IntoIterator<Item = (Recorded, u64)>) -> Market {
        let mut market = Market {
            feeds: Vec::new(),
            venues: Consolidated::new(),
        };
        for (recorded, delay_ns) in feeds {
            let rule = Exchange::rule(recorded.listing.market);
            market.venues.add(Source {
                lot: Qty(1),
                book: Book::new(rule, BOOK_LEVELS_MAX),
                taker_fee_e8: 0,
                stale_ns_max: 0,
                halted: false,
            });
            market.feeds.push(Feed {
                recorded,
                delay_ns,
                naive: NaiveBook::new(rule),
                next: 0,
            });
        }
        market
    }

    /// How many updates and snapshots it has.
    pub(crate) fn points(&self) -> u64 {
        let frames = self.feeds.iter().flat_map(|feed| feed.recorded.frames.iter());
        frames.filter(|(_, frame)| frame.flags().has(Flags::LAST)).count() as u64
    }

    /// Goes on to the end of the next update or snapshot; core time then.
    pub(crate) fn step(&mut self) -> Option<u64> {
        loop {
            let due = |at: &usize| self.feeds[*at].due().unwrap_or(u64::MAX);
            let at = (0..self.feeds.len()).min_by_key(due)?;
            let feed = &mut self.feeds[at];
            let now = feed.due()?;
            let (_, frame) = &feed.recorded.frames[feed.next];
            let update = frame.get::<BookUpdate>().unwrap();
            feed.next += 1;
            feed.naive.apply(update, frame.flags());
            self.venues.source_mut(at).book.apply(update);
            if frame.flags().has(Flags::LAST) {
                return Some(now);
            }
        }
    }
}
