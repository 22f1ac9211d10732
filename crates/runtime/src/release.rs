//! When an output may leave the house: the release point of its class, and the gate at the thread that sends.
//!
//! Quotes leave at once. What tells of a fill waits until the fill would survive a power cut: a client must not hold a
//! trade that the desk's own journal has lost. A new order to a venue waits too: what a venue fills must be known behind a
//! power cut. A refusal waits for nothing, nor does a cancel.
//!
//! A gate keeps no queue: what waits, waits in the journal. So there is no bound that a burst could reach, nothing that
//! could be dropped, and a slow disk holds up nothing but what it has to. The price is that each gate copies every record of
//! the journal once.

use std::path::{Path, PathBuf};

use pinrail_journal::{ArchiverStatus, Control, From, JournalId, ReadError, Reader};
use pinrail_types::record::{
    AuctionPrice, BookLevelDelta, BookOrderDelta, BookStatus, DealerBasis, DealerRequest, EpochStart,
    ExecType, ExecutionReport, InputReject, InternalTop, LastLookReport, LimitStatus, MarkOut, MarkOutMiss,
    MarketPhaseReport, MassQuoteAck, MultilegExecutionReport, MultilegQuote, MultilegQuoteLeg,
    MultilegQuoteReject, OrderAverage, OrderCancelReject, OrderMassCancelReport, OutputHash,
    ParentOrderReport, PositionCost, PositionReport, Quote, QuoteBasis, QuoteHedge, QuoteRequestReject,
    QuoteStatusReport, QuoteUpdateIds, StateChange, TradeCaptureReport, VenueMassCancelReport, VenueOrder,
    VenueOrderAlert, VenueOrderCancel, VenueOrderReject, VenueOrderReplace, VenueOrderStatusRequest,
};
use pinrail_types::{Frame, Reason, Record};
use thiserror::Error;

/// What an output waits for before it is sent. (A third point, *replicated*, comes with a standby.)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReleasePoint {
    /// Nothing: it is sent as soon as it stands in the journal.
    AtOnce,
    /// The journal's durable position: it survives a power cut of this machine.
    LocallyDurable,
}

/// The release point of each class of output.
///
/// | class | what | point |
/// |---|---|---|
/// | quotes | `Quote`, `MultilegQuote` with its legs, and `QuoteStatusReport`, which ends one | [`ReleasePolicy::quotes`] |
/// | fills | `OrderAverage`, `ExecutionReport` or `MultilegExecutionReport` of a trade, or that refuses an accept because the quote *was filled* | [`ReleasePolicy::fills`] |
/// | refusals | `QuoteRequestReject`, `MultilegQuoteReject`, every other report that refuses an accept | always at once |
/// | requests that wait for a dealer | `DealerRequest` | always at once |
/// | new venue orders | `VenueOrder`, `VenueOrderReplace`, and `VenueOrderStatusRequest`, which must not overtake what it asks for | [`ReleasePolicy::orders`] |
/// | cancels | `VenueOrderCancel` | always at once; see below |
/// | an embedder's own | outputs in its band | as fills |
/// | the desk's own | `TradeCaptureReport`, `PositionReport`, `BookStatus`, `StateChange`, `VenueOrderReject` and so on | never sent |
///
/// A refusal with [`Reason::QuoteFilled`] tells of the fill before it. It is released like the fill and so behind it: a
/// client that sends its accept twice never reads "refused" first and "filled" afterwards.
///
/// A cancel may overtake the order that it is for, which still waits. Whoever sends orders to a venue notes such a cancel and
/// does not send the order, or sends the cancel again behind it; the order stays open until a report ends it. The same holds for a
/// replacement that still waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReleasePolicy {
    /// Quotes and their ends. At once costs no safety: a quote that a power cut took from the journal is of an epoch
    /// whose records are not here, and its accept is refused.
    pub quotes: ReleasePoint,
    /// What tells of a fill, and whatever an embedder's own outputs are.
    pub fills: ReleasePoint,
    /// New orders to venues. Behind a power cut an order that was sent and is not in the journal could be filled, and nobody
    /// would know whose it is.
    pub orders: ReleasePoint,
}

impl Default for ReleasePolicy {
    /// Quotes at once, fills and orders locally durable.
    fn default() -> Self {
        ReleasePolicy {
            quotes: ReleasePoint::AtOnce,
            fills: ReleasePoint::LocallyDurable,
            orders: ReleasePoint::LocallyDurable,
        }
    }
}

impl ReleasePolicy {
    /// What the record waits for; `None` for one that is not sent to anybody. An output that this version cannot judge
    /// waits as a fill does.
    pub fn point_of(&self, frame: &Frame) -> Option<ReleasePoint> {
        match frame.record_type() {
            Quote::TYPE | MultilegQuote::TYPE | MultilegQuoteLeg::TYPE | QuoteStatusReport::TYPE => {
                Some(self.quotes)
            }
            QuoteRequestReject::TYPE
            | MultilegQuoteReject::TYPE
            | DealerRequest::TYPE
            | VenueOrderCancel::TYPE => Some(ReleasePoint::AtOnce),
            VenueOrder::TYPE | VenueOrderReplace::TYPE | VenueOrderStatusRequest::TYPE => Some(self.orders),
            ExecutionReport::TYPE => match frame.get::<ExecutionReport>() {
                Some(report) if !tells_of_a_fill(report.exec_type, report.reason) => {
                    Some(ReleasePoint::AtOnce)
                }
                _ => Some(self.fills),
            },
            MultilegExecutionReport::TYPE => match frame.get::<MultilegExecutionReport>() {
                Some(report) if !tells_of_a_fill(report.exec_type, report.reason) => {
                    Some(ReleasePoint::AtOnce)
                }
                _ => Some(self.fills),
            },
            // A book of the desk's own tells of its trades in everything that it says, and so does that an order is gone.
            OrderAverage::TYPE
            | OrderCancelReject::TYPE
            | OrderMassCancelReport::TYPE
            | MassQuoteAck::TYPE
            | BookLevelDelta::TYPE
            | BookOrderDelta::TYPE
            | InternalTop::TYPE
            | AuctionPrice::TYPE
            | MarketPhaseReport::TYPE => Some(self.fills),
            QuoteBasis::TYPE
            | PositionReport::TYPE
            | PositionCost::TYPE
            | TradeCaptureReport::TYPE
            | ParentOrderReport::TYPE
            | DealerBasis::TYPE
            | LastLookReport::TYPE
            | MarkOut::TYPE
            | MarkOutMiss::TYPE
            | QuoteHedge::TYPE
            | QuoteUpdateIds::TYPE
            | BookStatus::TYPE
            | InputReject::TYPE
            | OutputHash::TYPE
            | StateChange::TYPE
            | LimitStatus::TYPE
            | VenueMassCancelReport::TYPE
            | VenueOrderAlert::TYPE
            | VenueOrderReject::TYPE => None,
            other => other.is_output().then_some(self.fills),
        }
    }
}

fn tells_of_a_fill(exec_type: u8, reason: u16) -> bool {
    exec_type != ExecType::Rejected.byte() || reason == Reason::QuoteFilled.code()
}

/// What one output is called between its senders, its receiver and the journal: the epoch that wrote it and its sequence.
/// Never used for two outputs, even after a power cut took some; a later output has a greater one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SendId {
    /// Epoch of the writer.
    pub epoch: u32,
    /// Sequence in the journal.
    pub seq: u64,
}

/// Why a gate gives nothing more.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// The archiver has failed. What is gated behind `position` is not released, until a later start has made it durable:
    /// the gate then goes on by itself.
    #[error(
        "outputs behind position {position} are held: the archiver of {live_dir} has failed, so they will not become durable"
    )]
    Held {
        /// The last durable position.
        position: u64,
        /// The journal.
        live_dir: PathBuf,
    },
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Follows a journal and gives the outputs of one release point, each as soon as that point is reached.
///
/// Outputs of one gate come in the journal's order, over all sessions. A session's outputs of two points come from two
/// gates, and what is at once overtakes what waits. About one quote they still come in order: its quote and its end have
/// one point, its fill and what tells of that another, and no client accepts a quote that it has not been sent.
///
/// A thread that sends both polls the gate for what is at once first. Where intents are synced (see
/// [`SendLog`](crate::SendLog)) the two belong on two threads, so that no quote waits for a disk.
#[derive(Debug)]
pub struct Gate {
    reader: Reader,
    live_dir: PathBuf,
    policy: ReleasePolicy,
    point: ReleasePoint,
    /// Of the last start that was passed; zero before the first. Outputs that a start made again stand in its own segment
    /// and keep the epoch of their input.
    epoch: u32,
}

impl Gate {
    /// A gate for what `policy` releases at `point`.
    ///
    /// Where the journal is followed from its start, everything that was ever sent comes again, and the sender's
    /// [`SendLog`](crate::SendLog) says what not to send. From now on ([`From::Live`]) is for what needs no second try
    /// after a restart; it passes over what had not been durable yet.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn open(
        live_dir: &Path,
        archive_dir: &Path,
        from: From,
        policy: ReleasePolicy,
        point: ReleasePoint,
    ) -> Result<Gate, ReadError> {
        Ok(Gate {
            reader: Reader::open(live_dir, archive_dir, from)?,
            live_dir: live_dir.to_owned(),
            policy,
            point,
            epoch: 0,
        })
    }

    /// Takes the next output that may be sent into `frame`; `None` if there is none now. Inside a live segment no system
    /// call, and no wait anywhere.
    ///
    /// # Errors
    /// [`ReleaseError::Held`] as long as outputs wait for an archiver that has failed; [`ReleaseError::Read`] if the
    /// journal cannot be read. The writer is not affected.
    ///
    /// # Panics
    /// If the durable position lies inside a record.
    #[inline]
    pub fn poll(&mut self, frame: &mut Frame) -> Result<Option<SendId>, ReleaseError> {
        loop {
            let may_go_on = match self.point {
                ReleasePoint::AtOnce => self.reader.poll(frame)?,
                ReleasePoint::LocallyDurable => self.poll_durable(frame)?,
            };
            if !may_go_on {
                return Ok(None);
            }
            if let Some(start) = frame.get::<EpochStart>() {
                self.epoch = start.epoch;
            }
            if self.policy.point_of(frame) == Some(self.point) {
                let epoch = match self.epoch {
                    0 => self.reader.header().epoch,
                    epoch => epoch,
                };
                return Ok(Some(SendId {
                    epoch,
                    seq: frame.header().seq,
                }));
            }
        }
    }

    /// The next record that is durable.
    #[inline]
    fn poll_durable(&mut self, frame: &mut Frame) -> Result<bool, ReleaseError> {
        // The status first: the position that is read behind a failure is the last one.
        let status = self.control().archiver_status();
        let durable = self.control().durable_position();
        if self.reader.position() < durable {
            let polled = self.reader.poll(frame)?;
            assert!(
                self.reader.position() <= durable,
                "the durable position lies inside a record"
            );
            return Ok(polled);
        }
        if status == ArchiverStatus::Failed && self.control().committed_position() > durable {
            return Err(ReleaseError::Held {
                position: durable,
                live_dir: self.live_dir.clone(),
            });
        }
        Ok(false)
    }

    /// End of what was read, whether it was given or passed over.
    pub fn position(&self) -> u64 {
        self.reader.position()
    }

    /// The journal.
    pub fn journal_id(&self) -> JournalId {
        self.control().journal_id()
    }

    fn control(&self) -> &Control {
        self.reader.control()
    }
}

#[cfg(test)]
mod tests;
