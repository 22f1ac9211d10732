//! From messages of one listing, in the order in which they came, to records in the order that the exchange
//! prescribes.

use pinrail_types::Frame;
use thiserror::Error;

use crate::error::MessageError;
use crate::listing::{Listing, Market};

use mirrored::Mirrored;
use numbered::Numbered;
use packing::Packing;

mod checksum;
mod mirror;
mod mirrored;
mod numbered;
mod packing;
mod quotes;

/// Most records of updates that are held while a snapshot is awaited (4 MiB of them). A snapshot is asked for as
/// soon as the connection stands and takes seconds at worst; the busiest recording fills this in half a minute.
pub const HELD_RECORDS_MAX: usize = 16_384;

/// Most levels a side that a mirrored session shows to the core, where the venue proves no fewer.
pub const VIEW_LEVELS_MAX: usize = 1_000;

/// Why a session no longer trusts its book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Doubt {
    /// A message is missing, repeated, or out of order by its number.
    #[error("a message does not follow on the one before")]
    Sequence,
    /// The venue's clock went back.
    #[error("a message is older than the one before")]
    Clock,
    /// An image is older than what came before it.
    #[error("a snapshot is older than the updates before it")]
    OldSnapshot,
    /// A level was changed or removed that was not there.
    #[error("a level was changed or removed that was not there")]
    UnknownLevel,
    /// A level was told as new that was there.
    #[error("a level was told as new that was there")]
    KnownLevel,
    /// A level's id belongs to another price.
    #[error("a level's id belongs to another price")]
    LevelId,
    /// A side has more levels than the venue sends, or the depth is another than subscribed.
    #[error("more levels than the subscribed depth, or another depth")]
    Depth,
    /// The book is crossed or locked.
    #[error("the book is crossed or locked")]
    Crossed,
    /// The venue's checksum is not that of the book.
    #[error("the venue's checksum is not that of the book")]
    Checksum,
    /// The venue's own best prices are not the book's.
    #[error("the venue's own best prices are not the book's")]
    Quote,
    /// The core does not trust its book.
    #[error("the core's book is crossed, or at odds with the venue's own best prices")]
    Core,
    /// A message could not be read: whatever it would have changed is not known.
    #[error("a message could not be read")]
    Unreadable,
}

/// What a session has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages about the listing.
    pub messages: u64,
    /// Depth updates, those that were dropped included.
    pub updates: u64,
    /// Levels in depth updates and snapshots.
    pub levels: u64,
    /// Snapshots.
    pub snapshots: u64,
    /// Best bids and offers.
    pub tops: u64,
    /// Trades.
    pub trades: u64,
    /// Gaps and other doubts: each makes the book unusable until the next snapshot.
    pub gaps: u64,
    /// Snapshots that made a book usable again after a gap.
    pub resyncs: u64,
    /// Messages after which the book was crossed or locked, as far as the session keeps a book.
    pub crossed: u64,
    /// Checksums of the venue that were compared with the book's.
    pub checksums: u64,
    /// Those of them that are equal.
    pub checksums_equal: u64,
    /// Best prices of the venue that the session compared with its book as of the same time.
    pub quotes: u64,
    /// Those of them that are equal.
    pub quotes_equal: u64,
    /// How often more updates came than are held without a snapshot, so that they were dropped.
    pub overflows: u64,
}

#[derive(Debug)]
enum Feed {
    Numbered(Numbered),
    Mirrored(Box<Mirrored>),
}

/// One listing's part of a connection.
///
/// What goes out is in the venue's order and without a hole. Whenever that cannot be said any more, a
/// [`VenueStatus`](pinrail_types::record::VenueStatus) record tells a gap, and the session waits for the next snapshot: a
/// message that can't be read does that as well. How much of what is wrong can be seen depends on the venue; the codecs'
/// documentation says what each gives.
#[derive(Debug)]
pub struct Session {
    feed: Feed,
    counts: Counts,
    doubt: Option<Doubt>,
}

impl Session {
    /// A session that waits for its first snapshot.
    pub fn new(listing: Listing) -> Session {
        Session {
            feed: match listing.market {
                Market::BinanceSpot | Market::BinanceUsdm => Feed::Numbered(Numbered::new(listing)),
                _ => Feed::Mirrored(Box::new(Mirrored::new(listing))),
            },
            counts: Counts::default(),
            doubt: None,
        }
    }

    /// The listing.
    pub fn listing(&self) -> &Listing {
        match &self.feed {
            Feed::Numbered(feed) => feed.listing(),
            Feed::Mirrored(feed) => feed.listing(),
        }
    }

    /// What came so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Why the book was last not to be trusted; `None` if it always was.
    pub fn doubt(&self) -> Option<Doubt> {
        self.doubt
    }

    /// Whether a snapshot is awaited. Binance's is left when it comes while none is awaited: an older image than the
    /// book's would only open a gap. Mirrored venues send theirs in order, and begin again with it.
    pub fn needs_snapshot(&self) -> bool {
        match &self.feed {
            Feed::Numbered(feed) => feed.needs_snapshot(),
            Feed::Mirrored(feed) => feed.needs_snapshot(),
        }
    }

    /// Takes one message that was received at `ts_recv` (nanoseconds since the Unix epoch) and appends to `out` the
    /// records that it makes due, complete but for core time and cause in their headers. Messages of a mirrored venue
    /// about other symbols are left.
    ///
    /// # Errors
    /// [`MessageError`]. What the message would have changed is not known then: if the book was in order, `out` has the
    /// mark of a gap, and the session waits for the next snapshot.
    pub fn take(&mut self, ts_recv: u64, json: &str, out: &mut Vec<Frame>) -> Result<(), MessageError> {
        let was_synced = !self.needs_snapshot();
        let taken = match &mut self.feed {
            Feed::Numbered(feed) => feed.take(ts_recv, json, &mut self.counts, out),
            Feed::Mirrored(feed) => feed.take(ts_recv, json, &mut self.counts, out),
        };
        let doubt = match &taken {
            Ok(doubt) => *doubt,
            Err(_) if was_synced => Some(Doubt::Unreadable),
            Err(_) => None,
        };
        if let Some(doubt) = doubt {
            self.distrust(doubt, ts_recv, out);
        }
        taken.map(|_| ())
    }

    /// Gives the book up and waits for the next snapshot, for one who knows better: the core, whose `BookStatus` says
    /// crossed or mismatched, which a session that keeps no book can't see.
    pub fn resync(&mut self, ts_recv: u64, out: &mut Vec<Frame>) {
        self.distrust(Doubt::Core, ts_recv, out);
    }

    fn distrust(&mut self, doubt: Doubt, ts_recv: u64, out: &mut Vec<Frame>) {
        self.doubt = Some(doubt);
        self.counts.gaps += 1;
        out.push(Packing::of(self.listing(), ts_recv).gap());
        match &mut self.feed {
            Feed::Numbered(feed) => feed.reset(),
            Feed::Mirrored(feed) => feed.reset(),
        }
    }
}

#[cfg(test)]
mod tests;
