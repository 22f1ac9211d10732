//! Identifiers: small integers given by configuration, and the ids that leave the house.

use core::fmt;

use bytemuck::{Pod, Zeroable};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty), $prefix:literal) => {
        $(#[$doc])*
        #[repr(transparent)]
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
        pub struct $name(pub $int);

        impl $name {
            /// The id as an index into a table.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    };
}

id! {
    /// An asset (currency or coin) in the desk's configuration. Dense from 0.
    AssetId(u32), "asset:"
}
id! {
    /// An instrument in the desk's configuration. Dense from 0.
    InstrumentId(u32), "instrument:"
}
id! {
    /// An external venue in the desk's configuration. Dense from 0.
    VenueId(u16), "venue:"
}
id! {
    /// A client of the desk. Dense from 0.
    ClientId(u32), "client:"
}
id! {
    /// The portal session that a client message came in on, and on which its answers go out.
    SessionId(u16), "session:"
}
id! {
    /// A producer of inputs. Its sequences rise by one with each record, across restarts. 0 is the runtime itself.
    SourceId(u16), "source:"
}

id! {
    /// A strategy of the desk. Dense from 0; the last is [`StrategyId::AGENCY`].
    StrategyId(u16), "strategy:"
}

impl StrategyId {
    /// Under which the parts of clients' agency orders go out. It is no strategy's: what venues fill of them is passed on, so that
    /// they are nothing to the house's position. A trading state of it stops them alone.
    pub const AGENCY: StrategyId = StrategyId(15);
}

impl SourceId {
    /// The runtime: configuration, ticks, and what the threads around the core tell the engine.
    pub const RUNTIME: SourceId = SourceId(0);
}

/// An id that the desk gives out (`QuoteID` 117, `OrderID` 37, `ExecID` 17): never used for two things, even
/// when a power cut took the record of outputs that had already been seen.
///
/// It is made of the epoch, which is made durable before anything is released, the sequence of the input that
/// caused the output, and the place of the output among that input's outputs. All zero means "none".
///
/// Beside the place an id may hold a hint, by which Pinrail finds what the id names without a search. Whoever gets an id
/// hands it back whole.
#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Pod, Zeroable)]
pub struct OutId {
    /// Sequence of the causing input.
    pub seq: u64,
    /// Epoch of the writer; from 1.
    pub epoch: u32,
    /// In the low 8 bits which of that input's outputs, from 0; above them the hint.
    pub sub: u32,
}

impl OutId {
    /// "No id".
    pub const NONE: OutId = OutId {
        seq: 0,
        epoch: 0,
        sub: 0,
    };

    /// Hints are below this.
    pub const HINT_END: u32 = 1 << 24;

    /// Whether this is [`OutId::NONE`]; a real id has an epoch of at least 1.
    pub const fn is_none(self) -> bool {
        self.epoch == 0
    }

    /// The id with a hint in it; the rest as it is.
    ///
    /// # Panics
    /// If the hint is not below [`OutId::HINT_END`].
    #[inline]
    #[must_use]
    pub const fn with_hint(self, hint: u32) -> OutId {
        assert!(hint < OutId::HINT_END, "a hint has 24 bits");
        OutId {
            sub: self.sub & 0xff | hint << 8,
            ..self
        }
    }

    /// The hint.
    #[inline]
    pub const fn hint(self) -> u32 {
        self.sub >> 8
    }
}

impl fmt::Display for OutId {
    /// Epoch, sequence, and place with hint as they stand, so that what is printed can be looked for.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.epoch, self.seq, self.sub)
    }
}

impl fmt::Debug for OutId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn out_id_prints_epoch_sequence_and_place() {
        assert_eq!(
            OutId {
                epoch: 3,
                seq: 1234,
                sub: 1
            }
            .to_string(),
            "3-1234-1"
        );
        assert!(OutId::NONE.is_none());
    }

    #[test]
    fn a_hint_stands_beside_the_place() {
        let id = OutId {
            epoch: 3,
            seq: 1234,
            sub: 5,
        };
        let hinted = id.with_hint(OutId::HINT_END - 1);
        assert_eq!(
            (hinted.hint(), hinted.sub & 0xff, hinted.seq),
            (0xff_ffff, 5, 1234)
        );
        assert_eq!(hinted.with_hint(0), id);
    }
}
