//! Inputs from venues.

use bytemuck::{Pod, Zeroable};

use super::{byte_enum, record};
use crate::header::{Commit, Flags};
use crate::ids::{InstrumentId, VenueId};
use crate::money::{Px, Qty};
use crate::record::Record;

/// Most levels in one [`BookUpdate`].
pub const LEVELS_MAX: usize = 11;

/// A price level as it now stands: quantity zero means that it is gone.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
pub struct BookLevel {
    /// Price.
    pub px: Px,
    /// Quantity at that price, never negative in a well-formed record.
    pub qty: Qty,
}

record! {
    /// Levels of a venue's book that changed, or with [`Flags::SNAPSHOT`] a part of its full image
    /// (`MarketDataIncrementalRefresh`, FIX X, and `MarketDataSnapshotFullRefresh`, FIX W).
    ///
    /// One update of the venue is a batch of one or more of these: the first has [`Flags::FIRST`], the last
    /// [`Flags::LAST`], all the same ids and times. Levels are packed, bids first; the record is two lines with up
    /// to 3 levels, three with up to 7, else four.
    BookUpdate = 0x0201, version 0, lines 4 min 2 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// The venue.
        venue: VenueId = 36,
        /// How many of `levels` are bids; they come first.
        bids: u8 = 38,
        /// How many are asks.
        asks: u8 = 39,
        /// When the venue made it; zero if it does not say.
        ts_event: u64 = 40,
        /// When we received it.
        ts_recv: u64 = 48,
        /// The venue's first update id in it (Binance `U`); of a snapshot its `lastUpdateId`.
        first_id: u64 = 56,
        /// The last (Binance `u`); of a snapshot its `lastUpdateId`.
        last_id: u64 = 64,
        /// The last id of the update before (Binance futures `pu`); zero where the venue does not say.
        prev_id: u64 = 72,
        /// The levels.
        levels: [BookLevel; LEVELS_MAX] = 80,
    }
}

impl BookUpdate {
    /// The bids and the asks, or `None` if the counts do not fit the record's length.
    #[inline]
    pub fn sides(&self) -> Option<(&[BookLevel], &[BookLevel])> {
        let (bids, asks) = (usize::from(self.bids), usize::from(self.asks));
        let lines = usize::from(Commit::unpack(self.header.commit).lines);
        if lines < Self::lines_for(bids + asks) || bids + asks > LEVELS_MAX {
            return None;
        }
        Some((&self.levels[..bids], &self.levels[bids..bids + asks]))
    }

    /// The lines that a record with this many levels takes.
    #[inline]
    pub const fn lines_for(levels: usize) -> usize {
        match levels {
            0..=3 => 2,
            4..=7 => 3,
            _ => 4,
        }
    }

    /// The commit word for the counts that stand in the record.
    #[inline]
    pub fn commit_for(&self, flags: Flags) -> Commit {
        let lines = Self::lines_for(usize::from(self.bids) + usize::from(self.asks));
        Commit {
            lines: lines as u8,
            ..Self::commit(flags)
        }
    }
}

record! {
    /// A venue's own best bid and offer (Binance `bookTicker`): a check on the book that is rebuilt from updates.
    TopOfBook = 0x0202, version 0, lines 2 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// The venue.
        venue: VenueId = 36,
        /// Zero.
        pad: [u8; 2] = 38,
        /// When the venue made it; zero if it does not say.
        ts_event: u64 = 40,
        /// When we received it.
        ts_recv: u64 = 48,
        /// The update id that it is as of.
        update_id: u64 = 56,
        /// Best bid.
        bid_px: Px = 64,
        /// Quantity there.
        bid_qty: Qty = 72,
        /// Best offer.
        ask_px: Px = 80,
        /// Quantity there.
        ask_qty: Qty = 88,
        /// Zero.
        pad2: [u8; 32] = 96,
    }
}

record! {
    /// A trade at a venue.
    Trade = 0x0203, version 0, lines 2 {
        /// The instrument.
        instrument: InstrumentId = 32,
        /// The venue.
        venue: VenueId = 36,
        /// Side of the taker ([`Side`](crate::Side)).
        taker_side: u8 = 38,
        /// Zero.
        pad: [u8; 1] = 39,
        /// When the venue made it; zero if it does not say.
        ts_event: u64 = 40,
        /// When we received it.
        ts_recv: u64 = 48,
        /// The venue's id of it.
        trade_id: u64 = 56,
        /// Price.
        px: Px = 64,
        /// Quantity.
        qty: Qty = 72,
        /// Zero.
        pad2: [u8; 48] = 80,
    }
}

byte_enum! {
    /// What a venue thread tells of its connection or of one of its books.
    VenueStatusKind {
        /// Connected; books start without a snapshot.
        Connected = 1,
        /// Disconnected: every book of the venue is stale until a new snapshot.
        Disconnected = 2,
        /// Updates of one book were lost between the venue and the ring: it is gapped until a new snapshot.
        Gap = 3,
    }
}

record! {
    /// A change of a venue's connection, or a mark that updates were cut (`TradingSessionStatus`, FIX h).
    VenueStatus = 0x0204, version 0, lines 1 {
        /// The instrument, or `u32::MAX` for all of the venue's.
        instrument: InstrumentId = 32,
        /// The venue.
        venue: VenueId = 36,
        /// [`VenueStatusKind`].
        kind: u8 = 38,
        /// Zero.
        pad: [u8; 1] = 39,
        /// When we noticed.
        ts_recv: u64 = 40,
        /// Zero.
        pad2: [u8; 16] = 48,
    }
}

impl VenueStatus {
    /// "Every instrument of the venue".
    pub const ALL: InstrumentId = InstrumentId(u32::MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_do_not_fit_the_length_are_refused() {
        let mut update = BookUpdate {
            bids: 2,
            asks: 1,
            ..BookUpdate::zeroed()
        };
        update.header.commit = update.commit_for(Flags::LAST).pack();
        assert_eq!(Commit::unpack(update.header.commit).lines, 2);
        assert_eq!(update.sides().unwrap().0.len(), 2);
        update.asks = 2;
        assert!(update.sides().is_none());
        update.bids = 255;
        update.asks = 255;
        assert!(update.sides().is_none());
    }

    #[test]
    fn lines_hold_the_levels() {
        for levels in 0..=LEVELS_MAX {
            assert!(80 + levels * 16 <= BookUpdate::lines_for(levels) * 64);
        }
    }
}
