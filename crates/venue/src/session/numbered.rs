//! Books whose updates are numbered and follow on an image that is asked for beside them: Binance.

use pinrail_book::{Sequencer, Verdict};
use pinrail_types::record::BookUpdate;
use pinrail_types::{Flags, Frame};

use super::packing::Packing;
use super::{Counts, Doubt, HELD_RECORDS_MAX};
use crate::binance::{Codec, Depth, Message};
use crate::error::MessageError;
use crate::listing::Listing;

/// Depth updates are held until there is a snapshot; then the snapshot goes out, what of the held updates follows on
/// it, and every update from then on. (Binance, "How to manage a local order book correctly".)
#[derive(Debug)]
pub(crate) struct Numbered {
    codec: Codec,
    sequencer: Sequencer,
    /// Updates that wait for a snapshot, as records.
    held: Vec<Frame>,
}

impl Numbered {
    pub(crate) fn new(listing: Listing) -> Numbered {
        Numbered {
            sequencer: Sequencer::new(listing.market.rule()),
            codec: Codec::new(listing),
            held: Vec::new(),
        }
    }

    pub(crate) fn listing(&self) -> &Listing {
        self.codec.listing()
    }

    pub(crate) fn needs_snapshot(&self) -> bool {
        self.sequencer.needs_snapshot()
    }

    #[cfg(test)]
    pub(super) fn held_records(&self) -> usize {
        self.held.len()
    }

    /// Waits for the next snapshot.
    pub(crate) fn reset(&mut self) {
        self.sequencer.reset();
    }

    /// Takes one message. A doubt leaves the session waiting for a snapshot; the mark of the gap is the caller's to
    /// send.
    pub(crate) fn take(
        &mut self,
        ts_recv: u64,
        json: &str,
        counts: &mut Counts,
        out: &mut Vec<Frame>,
    ) -> Result<Option<Doubt>, MessageError> {
        let Numbered {
            codec,
            sequencer,
            held,
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
                    counts.resyncs += u64::from(counts.gaps > 0);
                    sequencer.on_snapshot(image.last_id);
                    return Ok(self.release(out));
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
                        hold(&packing, &update, held, counts);
                        return Ok(Some(Doubt::Sequence));
                    }
                }
            }
        }
        Ok(None)
    }

    /// Lets out what follows on the snapshot. What follows on a gap stays.
    fn release(&mut self, out: &mut Vec<Frame>) -> Option<Doubt> {
        let (mut done, mut doubt) = (0, None);
        for batch in self.held.chunk_by(|before, _| !before.flags().has(Flags::LAST)) {
            let ids = batch[0].get::<BookUpdate>().expect("only book updates are held");
            match self.sequencer.on_update(ids.first_id, ids.last_id, ids.prev_id) {
                Verdict::Drop => {}
                Verdict::Apply => out.extend_from_slice(batch),
                Verdict::Gap => {
                    doubt = Some(Doubt::Sequence);
                    break;
                }
            }
            done += batch.len();
        }
        self.held.drain(..done);
        doubt
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
