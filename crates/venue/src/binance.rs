//! Binance: spot and USD-M futures market data, as JSON.
//!
//! Understood are the combined-stream frames `depth` (diffs at any speed), `bookTicker` and `trade`, and the answer to
//! the REST depth request, which has no `"stream"`. Everything else is an error, not a guess.

use pinrail_types::record::{BookLevel, TopOfBook, Trade};

use crate::error::MessageError;
use crate::listing::Listing;

mod json;

/// A message, decoded.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A change of the book.
    Update(Depth<'a>),
    /// An image of the book.
    Snapshot(Depth<'a>),
    /// The best bid and offer.
    Top(TopOfBook),
    /// A trade.
    Trade(Trade),
    /// A trade outside the book (insurance fund, auto-deleveraging): nothing that the desk records.
    OffBook,
}

/// Levels of a book, with the venue's ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth<'a> {
    /// Binance `U`; of a snapshot `lastUpdateId`.
    pub first_id: u64,
    /// Binance `u`; of a snapshot `lastUpdateId`.
    pub last_id: u64,
    /// Binance `pu` (USD-M updates only); else zero.
    pub prev_id: u64,
    /// Binance `E`, in nanoseconds since the Unix epoch; zero where it is not given (spot snapshots).
    pub ts_event: u64,
    /// Bids, as sent: in no order to be relied on.
    pub bids: &'a [BookLevel],
    /// Asks, the same.
    pub asks: &'a [BookLevel],
}

/// Decodes the messages of one listing. Keeps its buffers: once they have grown, decoding allocates nothing.
#[derive(Debug)]
pub struct Codec {
    listing: Listing,
    bids: Vec<BookLevel>,
    asks: Vec<BookLevel>,
}

impl Codec {
    /// A codec for `listing`.
    pub fn new(listing: Listing) -> Codec {
        Codec {
            listing,
            bids: Vec::new(),
            asks: Vec::new(),
        }
    }

    /// The listing.
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// Decodes one message that was received at `ts_recv` (nanoseconds since the Unix epoch). The records in the
    /// answer are complete but for their headers. Linear in the length of the text.
    ///
    /// # Errors
    /// [`MessageError`]; the codec can go on with the next message.
    pub fn decode(&mut self, ts_recv: u64, json: &str) -> Result<Message<'_>, MessageError> {
        json::decode(self, ts_recv, json)
    }
}

#[cfg(test)]
mod tests;
