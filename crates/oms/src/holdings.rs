//! What clients bought and sold in the desk's own books.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, InstrumentId, Qty, Side};

use crate::pairs::Pairs;

/// Net lots of each client in each instrument that it ever had an order in. Bounded at construction.
#[derive(Clone, Debug)]
pub struct Holdings {
    pairs: Pairs,
    /// By pair; negative is short. No number of trades overflows it.
    lots: Vec<i128>,
}

impl Holdings {
    /// Room for every pair, but for no more than 65,536.
    pub fn new(clients: usize, instruments: usize) -> Holdings {
        let pairs = Pairs::new(clients, instruments);
        Holdings {
            lots: vec![0; pairs.capacity()],
            pairs,
        }
    }

    /// Makes room for a pair; false if there is none.
    #[must_use]
    pub fn admit(&mut self, client: ClientId, instrument: InstrumentId) -> bool {
        self.pairs.admit(client, instrument.0).is_some()
    }

    /// Net lots of a client in an instrument.
    pub fn get(&self, client: ClientId, instrument: InstrumentId) -> i128 {
        self.pairs
            .find(client, instrument.0)
            .map_or(0, |at| self.lots[at])
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
        let at = self.pairs.find(client, instrument.0);
        let at = at.expect("who trades had an order, and then there was room");
        self.lots[at] += i128::from(qty.0) * i128::from(side.sign());
    }

    /// Sum of all clients' net lots in an instrument: zero, since each trade has two sides.
    pub fn sum(&self, instrument: InstrumentId) -> i128 {
        let of = self.pairs.iter().zip(&self.lots);
        of.filter(|((_, of), _)| *of == instrument.0)
            .map(|(_, lots)| lots)
            .sum()
    }

    /// Goes through the state.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other bounds.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.pairs.visit(visitor)?;
        for (_, lots) in self.pairs.iter().zip(&mut self.lots) {
            visitor.wide(lots)?;
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
