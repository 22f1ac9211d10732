//! What receivers were sent and what the journal held, over all starts; and what must agree.

use std::collections::HashMap;

use pinrail_journal::ReadError;
use pinrail_journal::archive::{Reader, Tail};
use pinrail_runtime::{ReleasePolicy, SendId};
use pinrail_types::record::{
    EpochStart, ExecType, ExecutionReport, PositionReport, QuoteRequestReject, RuntimeEvent,
};
use pinrail_types::{Cause, Frame, OutId, Record};

use crate::place::Place;
use crate::sender::{Note, Sent, hash, out_id};

/// A record in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// What gates call it.
    id: SendId,
    /// Epoch of its segment: a later one where a start has made the output again.
    segment_epoch: u32,
    hash: u64,
    out_id: OutId,
    /// Whether somebody is to be sent it.
    is_released: bool,
}

/// A journal, read.
pub(crate) struct Records {
    kept: Vec<Kept>,
    /// What the runtime told the engine, and refusals of requests.
    pub(crate) notable: Vec<Frame>,
    pub(crate) is_torn: bool,
    /// Of the last epoch that says so.
    last_start: u32,
    /// By the fills: lots, and cash in ticks times lots.
    position: (i64, i128),
    /// As the last report of it says.
    reported: Option<PositionReport>,
}

impl Records {
    /// Reads all there is. The inputs of each source must come in its own order, each once.
    pub(crate) fn read(place: &Place, with_live: bool) -> Records {
        let live = place.live();
        let mut records = Records {
            kept: Vec::new(),
            notable: Vec::new(),
            is_torn: false,
            last_start: 0,
            position: (0, 0),
            reported: None,
        };
        let mut reader = match Reader::open(&place.archive(), with_live.then_some(live.as_path())) {
            Ok(reader) => reader,
            Err(ReadError::NoJournal { .. }) => return records,
            Err(e) => panic!("{e}"),
        };
        let mut sources: HashMap<u16, u64> = HashMap::new();
        let mut frame = Frame::default();
        while reader
            .next(&mut frame)
            .unwrap_or_else(|e| panic!("{e}"))
            .is_some()
        {
            let segment_epoch = reader.header().unwrap().epoch;
            assert_eq!(frame.header().seq, records.kept.len() as u64 + 1);
            if frame.record_type().is_input() {
                let (source, seq) = Cause::source(frame.header().cause);
                let before = sources.insert(source.0, seq);
                assert!(
                    before.is_none_or(|before| before < seq),
                    "input {seq} of source {source} stands behind {before:?}"
                );
            }
            records.take(&frame, segment_epoch);
        }
        records.is_torn = matches!(reader.tail(), Some(Tail::Torn(_)));
        records
    }

    fn take(&mut self, frame: &Frame, segment_epoch: u32) {
        if let Some(start) = frame.get::<EpochStart>() {
            self.last_start = start.epoch;
        }
        if let Some(fill) = frame.get::<ExecutionReport>()
            && fill.exec_type == ExecType::Trade.byte()
        {
            // The house takes the other side.
            let sign = if fill.side == b'1' { -1 } else { 1 };
            self.position.0 += sign * fill.last_qty.0;
            self.position.1 -= i128::from(sign * fill.last_qty.0) * i128::from(fill.last_px.0);
        }
        if let Some(report) = frame.get::<PositionReport>() {
            self.reported = Some(*report);
        }
        if matches!(frame.record_type(), RuntimeEvent::TYPE | QuoteRequestReject::TYPE) {
            self.notable.push(*frame);
        }
        self.kept.push(Kept {
            id: SendId {
                epoch: self.last_start,
                seq: frame.header().seq,
            },
            segment_epoch,
            hash: hash(frame),
            out_id: out_id(frame),
            is_released: ReleasePolicy::default().point_of(frame).is_some(),
        });
    }

    pub(crate) fn len(&self) -> u64 {
        self.kept.len() as u64
    }

    pub(crate) fn begins_with(&self, before: &Records) -> bool {
        self.kept.starts_with(&before.kept)
    }

    /// Whether this epoch's core has begun.
    pub(crate) fn has_begun(&self, epoch: u32) -> bool {
        self.last_start == epoch
    }

    pub(crate) fn has_fills(&self) -> bool {
        self.reported.is_some()
    }

    /// Whether position and cash that come of the fills are those of the last report and these. `unit` is the cash of one
    /// lot at one tick.
    pub(crate) fn assert_position(&self, qty: i64, cash: i128, unit: i128) {
        let reported = self.reported.map(|report| (report.position.0, report.cash.get()));
        let of_fills = (self.position.0, self.position.1 * unit);
        assert_eq!(reported.unwrap_or((0, 0)), of_fills);
        assert_eq!((qty, cash), of_fills);
    }
}

#[derive(Clone, Copy, Debug)]
struct Known {
    hash: u64,
    is_promise: bool,
    was_begun: bool,
    is_lost: bool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    pub(crate) written: u64,
    /// Seen and gone; each counts once.
    pub(crate) lost: u64,
    pub(crate) made_again: u64,
    /// Outputs sent more than once, all marked as possibly sent before.
    pub(crate) sent_again: u64,
    pub(crate) sent: u64,
    pub(crate) promises: u64,
}

/// One journal over its starts.
pub(crate) struct Ledger {
    sent: HashMap<SendId, Known>,
    /// What each id of a quote or report was given to.
    out_ids: HashMap<OutId, SendId>,
    kept: Vec<Kept>,
    /// The last one that was seen to begin.
    pub(crate) epoch: u32,
    /// What had been said to be durable.
    pub(crate) durable_seq: u64,
    /// Whether power was cut since the last start.
    was_cut: bool,
    pub(crate) found: Found,
}

impl Ledger {
    pub(crate) fn new() -> Ledger {
        Ledger {
            sent: HashMap::new(),
            out_ids: HashMap::new(),
            kept: Vec::new(),
            epoch: 0,
            durable_seq: 0,
            was_cut: false,
            found: Found::default(),
        }
    }

    /// Takes up what was sent.
    pub(crate) fn note(&mut self, note: &Note) {
        let known = self.sent.get(&note.id).copied();
        if let Some(known) = known {
            assert_eq!(known.hash, note.hash, "two payloads are {:?}", note.id);
            assert!(
                !(known.was_begun && note.why == Sent::First),
                "{:?} was sent twice and not marked",
                note.id
            );
            self.found.sent_again += u64::from(note.why == Sent::Again);
        } else {
            self.found.sent += 1;
            self.found.promises += u64::from(note.is_promise);
            self.claim(note.out_id, note.id);
        }
        let is_lost = known.is_some_and(|known| known.is_lost);
        self.sent.insert(
            note.id,
            Known {
                hash: note.hash,
                is_promise: note.is_promise,
                was_begun: note.why != Sent::AtOnce,
                is_lost,
            },
        );
    }

    /// An id that the desk gives out is given to one record.
    fn claim(&mut self, out_id: OutId, id: SendId) {
        if !out_id.is_none() {
            let before = *self.out_ids.entry(out_id).or_insert(id);
            assert_eq!(before, id, "{out_id:?} was given twice");
        }
    }

    /// A start has come to its end in a new epoch, and this is what the journal held when it was killed.
    pub(crate) fn started(&mut self, now: &Records, epoch: u32, durable_seq: u64) {
        assert!(epoch > self.epoch, "epoch {epoch} behind {}", self.epoch);
        assert!(!now.is_torn, "shared memory was there");
        assert!(now.len() >= durable_seq, "durable records are lost");
        let base = now.kept.iter().position(|kept| kept.segment_epoch > self.epoch);
        let base = base.unwrap_or(now.kept.len());
        assert!(
            now.kept[..base] == self.kept,
            "the start has changed what was there: {} records were, {base} are",
            self.kept.len()
        );
        for kept in &now.kept[base..] {
            self.claim(kept.out_id, kept.id);
        }
        let made_again = |kept: &&Kept| kept.id.epoch != 0 && kept.id.epoch < kept.segment_epoch;
        self.found.made_again += now.kept[base..].iter().filter(made_again).count() as u64;
        self.found.written += (now.kept.len() - base) as u64;
        self.kept.clone_from(&now.kept);
        self.compare();
        self.epoch = epoch;
        self.durable_seq = durable_seq;
        self.was_cut = false;
    }

    /// What was sent must stand in the journal, unless it was sent at once and a power cut took it.
    pub(crate) fn compare(&mut self) {
        for (id, known) in &mut self.sent {
            let here = self.kept.get(id.seq as usize - 1).filter(|kept| kept.id == *id);
            if let Some(kept) = here {
                assert_eq!(kept.hash, known.hash, "another record is {id:?} than was sent");
                continue;
            }
            assert!(
                !known.is_promise,
                "{id:?} was sent as durable and is lost: {known:?}"
            );
            assert!(
                known.is_lost || self.was_cut,
                "{id:?} was sent and is lost without a power cut"
            );
            self.found.lost += u64::from(!known.is_lost);
            known.is_lost = true;
        }
    }

    /// Whether everything in the journal that is for somebody was sent.
    pub(crate) fn is_all_sent(&self) -> bool {
        let mut released = self.kept.iter().filter(|kept| kept.is_released);
        released.all(|kept| self.sent.contains_key(&kept.id))
    }

    /// Power was cut, and this is what the archive then holds.
    pub(crate) fn cut(&mut self, left: Records) {
        assert!(left.len() >= self.durable_seq, "durable records are lost");
        assert!(
            self.kept.starts_with(&left.kept),
            "a power cut has changed records or added some"
        );
        self.kept = left.kept;
        self.was_cut = true;
    }
}
