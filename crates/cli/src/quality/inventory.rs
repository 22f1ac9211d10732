//! Whose trades a hedge hedges.
//!
//! A desk hedges what is left of many clients' trades, not each by itself. So its trades of one instrument stand in a row, the oldest
//! first. A client's trade that goes the other way takes from the row: these two need no hedge. A hedge takes from it, too, and
//! what it cost is shared by those whose lots it takes. What it trades beyond them is the desk's own.

use std::collections::VecDeque;

/// Trades of one instrument that stand in a row at most; the oldest of more is nobody's from then on.
const TRADES_MAX: usize = 1 << 20;

/// Lots that the house holds because of one trade; below zero if it is short of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lots<W> {
    whose: Option<W>,
    lots: i64,
}

/// What the house holds of an instrument, by whose trades; all of one sign.
#[derive(Clone, Debug)]
pub(super) struct Inventory<W> {
    row: VecDeque<Lots<W>>,
}

impl<W> Default for Inventory<W> {
    fn default() -> Self {
        Inventory { row: VecDeque::new() }
    }
}

impl<W: Copy> Inventory<W> {
    /// The house traded `lots` with a client, above zero if it bought.
    pub(super) fn client(&mut self, whose: W, lots: i64) {
        let left = self.offset(lots, |_, _| {});
        self.push(Some(whose), left);
    }

    /// The house traded `lots` at a venue, and that cost it `costs`. `share` is told whose part of each cost is how much, `None` for
    /// the desk itself; the parts sum to the costs.
    pub(super) fn venue<const N: usize>(
        &mut self,
        lots: i64,
        costs: [i128; N],
        mut share: impl FnMut(Option<W>, [i128; N]),
    ) {
        let (whole, mut done) = (i128::from(lots.unsigned_abs()).max(1), 0);
        let mut shared = [0; N];
        // Rounded at each sum and not at each part, so that nothing is lost.
        let mut part = |taken: i64| {
            done += i128::from(taken);
            let until = costs.map(|cost| cost * done / whole);
            let parts = core::array::from_fn(|n| until[n] - shared[n]);
            shared = until;
            parts
        };
        let left = self.offset(lots, |whose, taken| share(whose, part(taken)));
        if left != 0 {
            share(None, part(left.abs()));
            self.push(None, left);
        }
    }

    /// Takes from the row what goes the other way, and gives back what is left of `lots`.
    fn offset(&mut self, lots: i64, mut took: impl FnMut(Option<W>, i64)) -> i64 {
        let mut left = lots;
        while left != 0 {
            let Some(front) = self
                .row
                .front_mut()
                .filter(|front| (front.lots > 0) != (left > 0))
            else {
                break;
            };
            let taken = front.lots.unsigned_abs().min(left.unsigned_abs()) as i64;
            took(front.whose, taken);
            front.lots -= taken * front.lots.signum();
            left -= taken * left.signum();
            if front.lots == 0 {
                self.row.pop_front();
            }
        }
        left
    }

    fn push(&mut self, whose: Option<W>, lots: i64) {
        if lots == 0 {
            return;
        }
        if self.row.len() == TRADES_MAX {
            self.row.pop_front();
        }
        self.row.push_back(Lots { whose, lots });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shares(inventory: &mut Inventory<u8>, lots: i64, cost: i128) -> Vec<(Option<u8>, i128)> {
        let mut all = Vec::new();
        inventory.venue(lots, [cost], |whose, [part]| all.push((whose, part)));
        all
    }

    #[test]
    fn a_hedge_is_shared_by_those_whose_lots_it_takes_oldest_first() {
        let mut inventory = Inventory::default();
        inventory.client(1, 30);
        inventory.client(2, 50);
        // Between them: the first has 20 left.
        inventory.client(3, -10);
        assert_eq!(shares(&mut inventory, -40, 8), [(Some(1), 4), (Some(2), 4)]);
        // Thirty of the second's are left, and ten more are sold than there are.
        assert_eq!(shares(&mut inventory, -40, 7), [(Some(2), 5), (None, 2)]);
        // The desk is short of ten of its own making: a client's sale to it takes these.
        inventory.client(4, 15);
        assert_eq!(shares(&mut inventory, -5, -3), [(Some(4), -3)]);
        assert_eq!(shares(&mut inventory, 5, 9), [(None, 9)]);
    }

    proptest! {
        #[test]
        fn the_parts_of_a_cost_sum_to_it(
            trades in prop::collection::vec((any::<bool>(), -50_i64..50, -1_000_i128..1_000), 1..60),
        ) {
            let mut inventory = Inventory::default();
            let mut position = 0;
            for (n, (is_client, lots, cost)) in trades.into_iter().enumerate() {
                if is_client {
                    inventory.client(n as u8, lots);
                } else if lots != 0 {
                    let parts = shares(&mut inventory, lots, cost);
                    prop_assert_eq!(parts.iter().map(|(_, part)| part).sum::<i128>(), cost);
                } else {
                    continue;
                }
                position += lots;
                prop_assert_eq!(inventory.row.iter().map(|held| held.lots).sum::<i64>(), position);
            }
        }
    }
}
