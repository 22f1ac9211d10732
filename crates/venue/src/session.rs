//! From messages of one listing, in the order in which they came, to records in the order that the exchange
//! prescribes.

use bytemuck::Zeroable;
use pinrail_book::{Sequencer, Verdict};
use pinrail_types::record::{BookUpdate, LEVELS_MAX, VenueStatus, VenueStatusKind};
use pinrail_types::{Flags, Frame};

use crate::binance::{Codec, Depth, Listing, Message};
use crate::error::MessageError;

/// Most records of updates that are held while a snapshot is awaited (4 MiB of them). A snapshot is asked for as
/// soon as the connection stands and takes seconds at worst; the busiest recording fills this in half a minute.
pub const HELD_RECORDS_MAX: usize = 16_384;

/// What a session has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages.
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
    /// Gaps: each makes the book unusable until the next snapshot.
    pub gaps: u64,
    /// How often more updates came than are held without a snapshot, so that they were dropped.
    pub overflows: u64,
}

/// One listing's connection.
///
/// Depth updates are held until there is a snapshot; then the snapshot goes out, what of the held updates follows on
/// it, and every update from then on. A gap is told by a [`VenueStatus`] record, and the session waits for the next
/// snapshot. (Binance, "How to manage a local order book correctly".)
#[derive(Debug)]
pub struct Session {
    codec: Codec,
    sequencer: Sequencer,
    /// Updates that wait for a snapshot, as records.
    held: Vec<Frame>,
    counts: Counts,
}

impl Session {
    /// A session that waits for its first snapshot.
    pub fn new(listing: Listing) -> Session {
        Session {
            sequencer: Sequencer::new(listing.market.rule()),
            codec: Codec::new(listing),
            held: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// The listing.
    pub fn listing(&self) -> &Listing {
        self.codec.listing()
    }

    /// What came so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether a snapshot is awaited. One that comes while none is awaited is left: an older image than the book's
    /// would only open a gap.
    pub fn needs_snapshot(&self) -> bool {
        self.sequencer.needs_snapshot()
    }

    /// Takes one message that was received at `ts_recv` (nanoseconds since the Unix epoch) and appends to `out` the
    /// records that it makes due, complete but for core time and cause in their headers.
    ///
    /// # Errors
    /// [`MessageError`]; nothing was appended then, and the session stands as before.
    pub fn take(&mut self, ts_recv: u64, json: &str, out: &mut Vec<Frame>) -> Result<(), MessageError> {
        let Session {
            codec,
            sequencer,
            held,
            counts,
        } = self;
        let packing = Packing::of(codec.listing(), ts_recv);
        let message = codec.decode(ts_recv, json)?;
        counts.messages += 1;
        match message {
            Message::Top(top) => {
                counts.tops += 1;
                out.push(Frame::of(&top));
            }
            Message::Trade(trade) => {
                counts.trades += 1;
                out.push(Frame::of(&trade));
            }
            Message::OffBook => counts.trades += 1,
            Message::Snapshot(image) => {
                counts.snapshots += 1;
                counts.levels += image.levels();
                if sequencer.needs_snapshot() {
                    packing.pack(&image, Flags::SNAPSHOT, out);
                    sequencer.on_snapshot(image.last_id);
                    self.release(&packing, out);
                }
            }
            Message::Update(update) => {
                counts.updates += 1;
                counts.levels += update.levels();
                let waits = sequencer.needs_snapshot();
                match sequencer.on_update(update.first_id, update.last_id, update.prev_id) {
                    Verdict::Apply => packing.pack(&update, Flags::NONE, out),
                    Verdict::Drop if !waits => {}
                    Verdict::Drop => hold(&packing, &update, held, counts),
                    Verdict::Gap => {
                        counts.gaps += 1;
                        out.push(packing.gap());
                        hold(&packing, &update, held, counts);
                    }
                }
            }
        }
        Ok(())
    }

    /// Lets out what follows on the snapshot. What follows on a gap stays.
    fn release(&mut self, packing: &Packing, out: &mut Vec<Frame>) {
        let mut done = 0;
        for batch in self.held.chunk_by(|before, _| !before.flags().has(Flags::LAST)) {
            let ids = batch[0].get::<BookUpdate>().expect("only book updates are held");
            match self.sequencer.on_update(ids.first_id, ids.last_id, ids.prev_id) {
                Verdict::Drop => {}
                Verdict::Apply => out.extend_from_slice(batch),
                Verdict::Gap => {
                    self.counts.gaps += 1;
                    out.push(packing.gap());
                    break;
                }
            }
            done += batch.len();
        }
        self.held.drain(..done);
    }
}

/// Keeps `update` for the next snapshot; where there is no room, what was kept before goes: no snapshot could be old
/// enough to need it any more.
fn hold(packing: &Packing, update: &Depth<'_>, held: &mut Vec<Frame>, counts: &mut Counts) {
    if held.len() + update.records() > HELD_RECORDS_MAX {
        counts.overflows += 1;
        held.clear();
    }
    packing.pack(update, Flags::NONE, held);
}

impl Depth<'_> {
    fn levels(&self) -> u64 {
        (self.bids.len() + self.asks.len()) as u64
    }

    /// How many records it takes; at least one, since the ids count even where no level changed.
    fn records(&self) -> usize {
        (self.bids.len() + self.asks.len()).div_ceil(LEVELS_MAX).max(1)
    }
}

/// What all records of one message have in common.
struct Packing {
    update: BookUpdate,
}

impl Packing {
    fn of(listing: &Listing, ts_recv: u64) -> Packing {
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
    fn pack(&self, depth: &Depth<'_>, flags: Flags, out: &mut Vec<Frame>) {
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

    fn gap(&self) -> Frame {
        Frame::of(&VenueStatus {
            instrument: self.update.instrument,
            venue: self.update.venue,
            kind: VenueStatusKind::Gap.byte(),
            ts_recv: self.update.ts_recv,
            ..VenueStatus::zeroed()
        })
    }
}

#[cfg(test)]
mod tests;
