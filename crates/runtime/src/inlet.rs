//! A source of inputs, as the core sees it: a ring, whose it is, and what may come in on it.

use pinrail_ring::Consumer;
use pinrail_types::record::{
    AgencyDef, DealerPass, DealerQuote, EpochStart, MarketPhaseSet, TradingStateSet, VenueBalance,
    VenueMassCancel, VenueReport,
};
use pinrail_types::{Cause, Frame, Record, RecordType, SourceId};

/// Who is at the other end of a ring. It decides what may come in and what is served first: in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// An operator or a dealer: trading states and configuration, quotes by hand.
    Control,
    /// An order session of a venue: what becomes of orders, and balances.
    Execution,
    /// Client sessions: requests, accepts, cancels.
    Client,
    /// A desk's own models: their values.
    Model,
    /// A venue: market data.
    Venue,
}

impl Role {
    /// Whether a record of this type may come from such a source.
    #[inline]
    pub const fn may_send(self, record_type: RecordType) -> bool {
        match self {
            // The start of an epoch is the runtime's alone: what a replay makes of one does not ask whether it was refused.
            Role::Control => {
                (record_type.band() == 0x01 && record_type.0 != EpochStart::TYPE.0)
                    || record_type.0 == TradingStateSet::TYPE.0
                    || record_type.0 == MarketPhaseSet::TYPE.0
                    || record_type.0 == DealerQuote::TYPE.0
                    || record_type.0 == DealerPass::TYPE.0
                    || record_type.0 == AgencyDef::TYPE.0
                    || record_type.0 == VenueMassCancel::TYPE.0
            }
            Role::Execution => record_type.0 == VenueReport::TYPE.0 || record_type.0 == VenueBalance::TYPE.0,
            // The mass cancel is a person's alone, though it stands among what clients send.
            Role::Client => {
                record_type.is_package_request()
                    || (record_type.band() == 0x03 && record_type.0 != VenueMassCancel::TYPE.0)
            }
            Role::Model => record_type.band() == 0x05,
            Role::Venue => matches!(record_type.band(), 0x02 | 0x80..=0xbf),
        }
    }
}

/// One source of inputs.
pub struct Inlet {
    consumer: Consumer,
    source: SourceId,
    role: Role,
    /// Bytes that are no record, or a record that this source may not send: the ring is not read any more.
    closed: bool,
    /// How many of the next records were looked at already.
    foreseen: usize,
}

/// What a poll of an inlet found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Polled {
    Nothing,
    Record,
    /// Found just now; the inlet is closed from here on.
    Corrupt,
}

impl Inlet {
    /// An inlet for `source`, which is not [`SourceId::RUNTIME`].
    ///
    /// # Panics
    /// If it is.
    pub fn new(consumer: Consumer, source: SourceId, role: Role) -> Inlet {
        assert!(source != SourceId::RUNTIME, "source 0 is the runtime itself");
        Inlet {
            consumer,
            source,
            role,
            closed: false,
            foreseen: 0,
        }
    }

    /// Whose it is.
    pub fn source(&self) -> SourceId {
        self.source
    }

    /// Who is at the other end.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Whether the ring is read no more, because it held what it must not.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    #[inline]
    pub(crate) fn poll(&mut self, frame: &mut Frame) -> Polled {
        if self.closed {
            return Polled::Nothing;
        }
        match self.consumer.poll(frame) {
            Ok(false) => Polled::Nothing,
            Ok(true) if self.is_permitted(frame) => Polled::Record,
            Ok(true) | Err(_) => {
                self.closed = true;
                Polled::Corrupt
            }
        }
    }

    /// Copies the records that wait into `frames`, once for as many as it can hold; to be called before each poll. Gives
    /// nothing where less than two wait, or they were given already.
    #[inline]
    pub(crate) fn look_ahead<'a>(&mut self, frames: &'a mut [Frame]) -> &'a [Frame] {
        if self.foreseen > 0 || self.closed {
            self.foreseen = self.foreseen.saturating_sub(1);
            return &[];
        }
        let waiting = self.consumer.peek(frames);
        self.foreseen = waiting.saturating_sub(1);
        if waiting < 2 { &[] } else { &frames[..waiting] }
    }

    #[inline]
    fn is_permitted(&self, frame: &Frame) -> bool {
        let record_type = frame.record_type();
        let (source, source_seq) = Cause::source(frame.header().cause);
        if record_type == RecordType::WATERMARK {
            return source == self.source;
        }
        source == self.source && source_seq > 0 && self.role.may_send(record_type)
    }

    /// Gives the room of all that was polled back to the producer.
    #[inline]
    pub(crate) fn release(&mut self) {
        self.consumer.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_operator_says_what_clients_are_offered() {
        for role in [
            Role::Control,
            Role::Execution,
            Role::Client,
            Role::Model,
            Role::Venue,
        ] {
            assert_eq!(role.may_send(AgencyDef::TYPE), role == Role::Control, "{role:?}");
        }
    }

    #[test]
    fn only_an_operator_has_orders_at_venues_cancelled_at_once() {
        for role in [
            Role::Control,
            Role::Execution,
            Role::Client,
            Role::Model,
            Role::Venue,
        ] {
            assert_eq!(
                role.may_send(VenueMassCancel::TYPE),
                role == Role::Control,
                "{role:?}"
            );
        }
    }
}
