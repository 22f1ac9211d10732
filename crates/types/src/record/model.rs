//! Inputs of a desk's own models.

use super::record;
use crate::ids::InstrumentId;

record! {
    /// A value that a desk's own model made elsewhere: a theoretical price, a signal, a volatility. What the numbers mean
    /// is between the sender and the desk's pricer; the journal keeps them, so that a replay sees them, too.
    ModelInput = 0x0501, version 0, lines 2 {
        /// The instrument that it is about.
        instrument: InstrumentId = 32,
        /// Which of the desk's models or values; the desk's own number.
        model: u32 = 36,
        /// When it was made, by its maker.
        ts_event: u64 = 40,
        /// When it was received.
        ts_recv: u64 = 48,
        /// A first number.
        value_0: i64 = 56,
        /// A second.
        value_1: i64 = 64,
        /// A third.
        value_2: i64 = 72,
        /// A fourth.
        value_3: i64 = 80,
        /// Zero.
        pad: [u8; 40] = 88,
    }
}
