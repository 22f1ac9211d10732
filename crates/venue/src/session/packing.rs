//! Depth into records.

use bytemuck::Zeroable;
use pinrail_types::record::{BookUpdate, LEVELS_MAX, VenueStatus, VenueStatusKind};
use pinrail_types::{Flags, Frame};

use crate::binance::Depth;
use crate::listing::Listing;

impl Depth<'_> {
    pub(crate) fn levels(&self) -> u64 {
        (self.bids.len() + self.asks.len()) as u64
    }

    /// How many records it takes; at least one, since the ids count even where no level changed.
    pub(crate) fn records(&self) -> usize {
        (self.bids.len() + self.asks.len()).div_ceil(LEVELS_MAX).max(1)
    }
}

/// What all records of one message have in common.
pub(crate) struct Packing {
    update: BookUpdate,
}

impl Packing {
    pub(crate) fn of(listing: &Listing, ts_recv: u64) -> Packing {
        Packing {
            update: BookUpdate {
                instrument: listing.instrument,
                venue: listing.venue,
                ts_recv,
                ..BookUpdate::zeroed()
            },
        }
    }

    /// Appends `depth` as a batch of records that carry `flags`.
    pub(crate) fn pack(&self, depth: &Depth<'_>, flags: Flags, out: &mut Vec<Frame>) {
        let records = depth.records();
        let (mut bids, mut asks) = (depth.bids, depth.asks);
        for i in 0..records {
            let mut update = BookUpdate {
                ts_event: depth.ts_event,
                first_id: depth.first_id,
                last_id: depth.last_id,
                prev_id: depth.prev_id,
                ..self.update
            };
            let (bids_here, bids_left) = bids.split_at(bids.len().min(LEVELS_MAX));
            let (asks_here, asks_left) = asks.split_at(asks.len().min(LEVELS_MAX - bids_here.len()));
            (bids, asks) = (bids_left, asks_left);
            update.bids = bids_here.len() as u8;
            update.asks = asks_here.len() as u8;
            update.levels[..bids_here.len()].copy_from_slice(bids_here);
            update.levels[bids_here.len()..][..asks_here.len()].copy_from_slice(asks_here);
            let first = if i == 0 { Flags::FIRST } else { Flags::NONE };
            let last = if i + 1 == records {
                Flags::LAST
            } else {
                Flags::NONE
            };
            let mut frame = Frame::of(&update);
            frame.header_mut().commit = update.commit_for(flags.with(first).with(last)).pack();
            out.push(frame);
        }
    }

    /// The mark of a gap.
    pub(crate) fn gap(&self) -> Frame {
        Frame::of(&VenueStatus {
            instrument: self.update.instrument,
            venue: self.update.venue,
            kind: VenueStatusKind::Gap.byte(),
            ts_recv: self.update.ts_recv,
            ..VenueStatus::zeroed()
        })
    }
}
