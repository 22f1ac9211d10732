//! Inputs from the operator, from the runtime, and from time itself.

use super::{byte_enum, record};
use crate::text::Text;

byte_enum! {
    /// What a trading state is set for.
    Scope {
        /// The whole desk.
        Global = 0,
        /// One venue.
        Venue = 1,
        /// One instrument.
        Instrument = 2,
        /// One client.
        Client = 3,
        /// One strategy.
        Strategy = 4,
    }
}

byte_enum! {
    /// Whether new risk may be taken. Latches: it stays until it is set again.
    TradingState {
        /// Everything may trade.
        Active = 0,
        /// Only what reduces the position; open quotes that do not are withdrawn.
        Reducing = 1,
        /// Nothing; open quotes are withdrawn and orders cancelled. On [`Scope::Global`] the kill switch.
        Halted = 2,
    }
}

record! {
    /// Sets a trading state: kill, reduce or resume. The desk starts halted.
    TradingStateSet = 0x0401, version 0, lines 1 {
        /// [`Scope`].
        scope: u8 = 32,
        /// [`TradingState`].
        state: u8 = 33,
        /// Zero.
        pad: [u8; 2] = 34,
        /// Id of the venue, instrument, client or strategy; zero for the whole desk.
        target: u32 = 36,
        /// Who did it.
        actor: Text<16> = 40,
        /// Zero.
        pad2: [u8; 8] = 56,
    }
}

byte_enum! {
    /// What the runtime tells the engine.
    RuntimeEventKind {
        /// Only the journal's reserve segment is left: take no new risk.
        JournalShort = 1,
        /// The journal has room again.
        JournalRoom = 2,
        /// The archiver failed: nothing becomes durable any more.
        ArchiverFailed = 3,
        /// A source's ring held bytes that are no record; the source is no longer read. `value` is its id.
        SourceCorrupt = 4,
        /// The core panicked on an input, and again when a start replayed it: it was passed over, and the desk is halted
        /// until a person resumes it. `value` is its sequence.
        PoisonInput = 5,
    }
}

record! {
    /// Something around the core that the engine must know of.
    RuntimeEvent = 0x0402, version 0, lines 1 {
        /// [`RuntimeEventKind`].
        kind: u8 = 32,
        /// Zero.
        pad: [u8; 7] = 33,
        /// As the kind says; else zero.
        value: u64 = 40,
        /// Zero.
        pad2: [u8; 16] = 48,
    }
}

record! {
    /// Time alone: journaled only when a timer is due and no other input has carried time past it.
    Tick = 0x0403, version 0, lines 1 {
        /// Zero.
        pad: [u8; 32] = 32,
    }
}

record! {
    /// The next chunk of work that would have been too long for one input.
    Continue = 0x0404, version 0, lines 1 {
        /// Zero.
        pad: [u8; 32] = 32,
    }
}
