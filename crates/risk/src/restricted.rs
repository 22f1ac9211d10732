//! The restricted list: which client may not trade which instrument.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, InstrumentId, Reason};

/// Most pairs on the list.
pub const RESTRICTED_MAX: usize = 4_096;

/// Pairs in order, so that one is found in twelve steps; who is on no pair is known without a step.
#[derive(Clone, Debug)]
pub(crate) struct Restricted {
    pairs: Vec<(u32, u32)>,
}

impl Restricted {
    pub(crate) fn new() -> Restricted {
        Restricted {
            pairs: Vec::with_capacity(RESTRICTED_MAX),
        }
    }

    pub(crate) fn has(&self, client: ClientId, instrument: InstrumentId) -> bool {
        self.pairs.binary_search(&(client.0, instrument.0)).is_ok()
    }

    /// Whether the client is on the list at all.
    pub(crate) fn has_client(&self, client: ClientId) -> bool {
        let from = self.pairs.partition_point(|pair| pair.0 < client.0);
        self.pairs.get(from).is_some_and(|pair| pair.0 == client.0)
    }

    /// Puts a pair on the list or takes it off.
    ///
    /// # Errors
    /// [`Reason::TableFull`] at [`RESTRICTED_MAX`] pairs.
    pub(crate) fn set(&mut self, client: ClientId, instrument: InstrumentId, on: bool) -> Result<(), Reason> {
        match (self.pairs.binary_search(&(client.0, instrument.0)), on) {
            (Err(_), true) if self.pairs.len() == RESTRICTED_MAX => return Err(Reason::TableFull),
            (Err(at), true) => self.pairs.insert(at, (client.0, instrument.0)),
            (Ok(at), false) => {
                self.pairs.remove(at);
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut len = self.pairs.len();
        visitor.count(&mut len, RESTRICTED_MAX)?;
        self.pairs.resize(len, (0, 0));
        for (client, instrument) in &mut self.pairs {
            visitor.u32(client)?;
            visitor.u32(instrument)?;
        }
        Ok(())
    }
}
