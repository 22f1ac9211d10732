//! What clients bought and sold in the desk's own books.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, InstrumentId, Qty, Side};

use crate::slots::Slots;

/// Most pairs of client and instrument.
const PAIRS_MAX: usize = 65_536;

#[derive(Clone, Copy, Debug)]
struct Pair {
    client: ClientId,
    instrument: InstrumentId,
    /// Net lots; negative is short. No number of trades overflows it.
    lots: i128,
}

/// Net lots of each client in each instrument that it ever had an order in. Bounded at construction.
#[derive(Clone, Debug)]
pub struct Holdings {
    pairs: Vec<Pair>,
    slots: Slots,
    capacity: usize,
}

fn hash_of(client: ClientId, instrument: InstrumentId) -> u32 {
    let key = u64::from(client.0) << 32 | u64::from(instrument.0);
    let hash = (key ^ key >> 29).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash ^ hash >> 32)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_shr(32) as u32
}

impl Holdings {
    /// Room for every pair, but for no more than 65,536.
    pub fn new(clients: usize, instruments: usize) -> Holdings {
        let capacity = clients.saturating_mul(instruments).min(PAIRS_MAX);
        Holdings {
            pairs: Vec::with_capacity(capacity),
            slots: Slots::new(capacity),
            capacity,
        }
    }

    fn find(&self, client: ClientId, instrument: InstrumentId) -> Option<usize> {
        let is_it = |at: u32| {
            let pair = &self.pairs[at as usize];
            (pair.client, pair.instrument) == (client, instrument)
        };
        self.slots
            .find(hash_of(client, instrument), is_it)
            .map(|at| at as usize)
    }

    /// Makes room for a pair; false if there is none.
    #[must_use]
    pub fn admit(&mut self, client: ClientId, instrument: InstrumentId) -> bool {
        if self.find(client, instrument).is_some() {
            return true;
        }
        if self.pairs.len() == self.capacity {
            return false;
        }
        self.slots
            .insert(hash_of(client, instrument), self.pairs.len() as u32);
        self.pairs.push(Pair {
            client,
            instrument,
            lots: 0,
        });
        true
    }

    /// Net lots of a client in an instrument.
    pub fn get(&self, client: ClientId, instrument: InstrumentId) -> i128 {
        self.find(client, instrument).map_or(0, |at| self.pairs[at].lots)
    }

    /// By how much a trade of that side may shrink a position.
    pub fn reducible(&self, client: ClientId, instrument: InstrumentId, side: Side) -> Qty {
        let away = -self.get(client, instrument) * i128::from(side.sign());
        Qty(away.clamp(0, i128::from(Qty::ABS_MAX)) as i64)
    }

    /// Counts what a client traded.
    ///
    /// # Panics
    /// If there was no [`Holdings::admit`] of the pair.
    pub fn trade(&mut self, client: ClientId, instrument: InstrumentId, side: Side, qty: Qty) {
        let at = self.find(client, instrument);
        let at = at.expect("who trades had an order, and then there was room");
        self.pairs[at].lots += i128::from(qty.0) * i128::from(side.sign());
    }

    /// Sum of all clients' net lots in an instrument: zero, since each trade has two sides.
    pub fn sum(&self, instrument: InstrumentId) -> i128 {
        let of = self.pairs.iter().filter(|pair| pair.instrument == instrument);
        of.map(|pair| pair.lots).sum()
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let mut len = self.pairs.len();
        visitor.count(&mut len, self.capacity)?;
        if visitor.is_loading() {
            *self = Holdings {
                pairs: Vec::with_capacity(self.capacity),
                slots: Slots::new(self.capacity),
                capacity: self.capacity,
            };
        }
        for at in 0..len {
            let mut pair = self.pairs.get(at).copied().unwrap_or(Pair {
                client: ClientId(0),
                instrument: InstrumentId(0),
                lots: 0,
            });
            visitor.u32(&mut pair.client.0)?;
            visitor.u32(&mut pair.instrument.0)?;
            visitor.wide(&mut pair.lots)?;
            if visitor.is_loading() {
                if self.find(pair.client, pair.instrument).is_some() {
                    return Err(visitor.bad(pair.client.0.into(), "a pair that stands once"));
                }
                let admitted = self.admit(pair.client, pair.instrument);
                debug_assert!(admitted, "no more than there is room for");
                self.pairs[at].lots = pair.lots;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::state::{Load, Save};

    use super::*;

    const I: InstrumentId = InstrumentId(1);

    #[test]
    fn only_what_shrinks_is_reducible_and_both_sides_sum_to_zero() {
        let mut held = Holdings::new(2, 2);
        assert!(held.admit(ClientId(0), I) && held.admit(ClientId(1), I));
        held.trade(ClientId(0), I, Side::Buy, Qty(7));
        held.trade(ClientId(1), I, Side::Sell, Qty(7));
        let reducible = |held: &Holdings, client, side| held.reducible(ClientId(client), I, side).0;
        assert_eq!(reducible(&held, 0, Side::Sell), 7);
        assert_eq!(reducible(&held, 0, Side::Buy), 0);
        assert_eq!(reducible(&held, 1, Side::Buy), 7);
        assert_eq!((reducible(&held, 1, Side::Sell), held.sum(I)), (0, 0));
        let mut save = Save::default();
        held.visit(&mut save).unwrap();
        let mut loaded = Holdings::new(2, 2);
        loaded.visit(&mut Load::new(&save.words)).unwrap();
        assert_eq!(reducible(&loaded, 1, Side::Buy), 7);
    }

    #[test]
    fn pairs_are_bounded() {
        let mut held = Holdings::new(1, 1);
        assert!(held.admit(ClientId(0), I) && held.admit(ClientId(0), I));
        assert!(!held.admit(ClientId(1), I));
        assert_eq!(held.get(ClientId(1), I), 0);
    }
}
