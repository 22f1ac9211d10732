//! Venues' reports that were taken, so that none is taken twice; and the trades that they told of, so that a venue can take
//! one back.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, AssetId, InstrumentId, OutId, Px, Qty, Reason, Side, Text, VenueId};

use crate::slots::Slots;

/// Reports of trades that are remembered. A trade that so many others came behind is known no longer, and can't be taken back.
pub const EXECUTIONS_MAX: usize = 4_096;

/// Other reports that are remembered. They are kept apart, so that however many of them come no trade is forgotten.
pub const OTHER_REPORTS_MAX: usize = 4_096;

/// A venue and its id of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    venue: VenueId,
    exec_id: Text<40>,
}

/// A fill at a venue that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueFill {
    /// The order that it was of, as the venue named it.
    pub order_id: OutId,
    /// What that order was a part of; none if it stood alone.
    pub parent_id: OutId,
    /// Our id of the trade.
    pub trade_id: OutId,
    /// In what.
    pub instrument: InstrumentId,
    /// The house's side.
    pub side: Side,
    /// At which price.
    pub px: Px,
    /// How much.
    pub qty: Qty,
    /// How much of that was taken off the order.
    pub of_order: Qty,
    /// What the venue took for it; negative is a rebate.
    pub fee: Amount,
    /// In which asset.
    pub fee_asset: AssetId,
    /// What it added to the cost of the position.
    pub cost: Amount,
}

/// What became of a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Noted {
    /// A trade that stands.
    Fill(VenueFill),
    /// A trade that a report corrected which stands so many places further on.
    Corrected(u16),
    /// A trade that was taken back.
    Busted,
}

/// A place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionSlot(u32);

/// The last reports of some kind, whose ids are compared as a whole.
#[derive(Clone, Debug)]
struct Ring<T> {
    entries: Vec<(Key, T)>,
    capacity: usize,
    /// Where the next is put; the oldest stands there once the ring is full.
    next: usize,
    by_key: Slots,
}

/// The last [`EXECUTIONS_MAX`] reports of trades, and the last [`OTHER_REPORTS_MAX`] others.
#[derive(Clone, Debug)]
pub struct Executions {
    trades: Ring<Noted>,
    others: Ring<()>,
}

impl Default for Executions {
    fn default() -> Self {
        Executions::new()
    }
}

fn hash(key: &Key) -> u32 {
    let words: [u64; 5] = bytemuck::cast(key.exec_id);
    let mut hash = u64::from(key.venue.0).wrapping_add(0x2545_f491_4f6c_dd1d);
    for word in words {
        hash = (hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash ^= hash >> 29;
    }
    (hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as u32
}

impl<T: Copy> Ring<T> {
    fn new(capacity: usize) -> Ring<T> {
        Ring {
            entries: Vec::with_capacity(capacity),
            capacity,
            next: 0,
            by_key: Slots::new(capacity),
        }
    }

    fn find(&self, key: &Key) -> Option<u32> {
        self.by_key
            .find(hash(key), |at| self.entries[at as usize].0 == *key)
    }

    /// Adds one that is not there.
    fn push(&mut self, key: Key, noted: T) {
        let at = self.next as u32;
        match self.entries.get_mut(self.next) {
            Some(oldest) => {
                self.by_key.remove(hash(&oldest.0), at);
                *oldest = (key, noted);
            }
            None => self.entries.push((key, noted)),
        }
        self.by_key.insert(hash(&key), at);
        self.next = (self.next + 1) % self.capacity;
    }

    /// Goes through the state, from the oldest on; `visit` through what was noted, so many places before the end.
    fn visit<V: Visitor>(
        &mut self,
        visitor: &mut V,
        nothing: T,
        mut visit: impl FnMut(&mut T, usize, &mut V) -> Result<(), StateError>,
    ) -> Result<(), StateError> {
        let mut len = self.entries.len();
        visitor.count(&mut len, self.capacity)?;
        // Where the oldest stands; decides nothing, so that a list that is read back begins with it.
        let oldest = if len == self.capacity { self.next } else { 0 };
        for at in 0..len {
            let held = self.entries.get((oldest + at) % self.capacity);
            let (mut key, mut noted) = held.copied().unwrap_or((NO_KEY, nothing));
            visitor.u16(&mut key.venue.0)?;
            visitor.plain(&mut key.exec_id)?;
            visit(&mut noted, len - at, visitor)?;
            if visitor.is_loading() {
                if self.find(&key).is_some() {
                    return Err(visitor.bad(at as u64, "another report"));
                }
                self.push(key, noted);
            }
        }
        Ok(())
    }
}

impl Executions {
    /// None taken yet.
    pub fn new() -> Executions {
        Executions {
            trades: Ring::new(EXECUTIONS_MAX),
            others: Ring::new(OTHER_REPORTS_MAX),
        }
    }

    /// Whether a report was noted before.
    pub fn has(&self, venue: VenueId, exec_id: &Text<40>) -> bool {
        self.knows(&key(venue, exec_id))
    }

    fn knows(&self, key: &Key) -> bool {
        self.trades.find(key).is_some() || self.others.find(key).is_some()
    }

    /// Notes a report of no trade; false if it was noted before.
    pub fn note(&mut self, venue: VenueId, exec_id: &Text<40>) -> bool {
        let key = key(venue, exec_id);
        let is_new = !self.knows(&key);
        if is_new {
            self.others.push(key, ());
        }
        is_new
    }

    /// Notes a report of a trade.
    ///
    /// # Panics
    /// If it was noted before.
    pub fn note_fill(&mut self, venue: VenueId, exec_id: &Text<40>, fill: &VenueFill) {
        let key = key(venue, exec_id);
        assert!(!self.knows(&key), "a trade is noted once");
        self.trades.push(key, Noted::Fill(*fill));
    }

    /// The trade that a report told of, as the last report that corrected it left it.
    ///
    /// # Errors
    /// [`Reason::UnknownExecId`] if none is known, or no longer; [`Reason::TradeBusted`] if it was taken back.
    pub fn fill(&self, venue: VenueId, exec_id: &Text<40>) -> Result<(ExecutionSlot, VenueFill), Reason> {
        let found = self.trades.find(&key(venue, exec_id));
        let mut at = found.ok_or(Reason::UnknownExecId)?;
        // Each step goes to a younger report.
        for _ in 0..EXECUTIONS_MAX {
            match self.trades.entries[at as usize].1 {
                Noted::Busted => return Err(Reason::TradeBusted),
                Noted::Fill(fill) => return Ok((ExecutionSlot(at), fill)),
                Noted::Corrected(further) => at = (at + u32::from(further)) % EXECUTIONS_MAX as u32,
            }
        }
        Err(Reason::UnknownExecId)
    }

    /// Notes that a report took a trade back. That report is no trade: once it is forgotten, the trade says that it is taken back.
    ///
    /// # Panics
    /// If the report was noted before.
    pub fn bust(&mut self, slot: ExecutionSlot, venue: VenueId, exec_id: &Text<40>) {
        self.trades.entries[slot.0 as usize].1 = Noted::Busted;
        assert!(self.note(venue, exec_id), "a report is noted once");
    }

    /// Notes that a report corrected a trade, and how.
    ///
    /// # Panics
    /// If the report was noted before.
    pub fn correct(&mut self, slot: ExecutionSlot, venue: VenueId, exec_id: &Text<40>, fill: &VenueFill) {
        let at = slot.0 as usize;
        // None if the new one takes the very place of the old.
        let further = (self.trades.next + EXECUTIONS_MAX - at) % EXECUTIONS_MAX;
        self.trades.entries[at].1 = Noted::Corrected(further as u16);
        self.note_fill(venue, exec_id, fill);
    }

    /// Goes through the state, from the oldest on.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a list.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.trades.visit(visitor, Noted::Busted, visit_noted)?;
        self.others.visit(visitor, (), |(), _, _| Ok(()))?;
        let are_apart = !visitor.is_loading()
            || self
                .others
                .entries
                .iter()
                .all(|(key, ())| self.trades.find(key).is_none());
        if are_apart {
            Ok(())
        } else {
            Err(visitor.bad(self.others.entries.len() as u64, "reports that are no trades"))
        }
    }
}

const NO_KEY: Key = Key {
    venue: VenueId(0),
    exec_id: Text::EMPTY,
};

const fn key(venue: VenueId, exec_id: &Text<40>) -> Key {
    Key {
        venue,
        exec_id: *exec_id,
    }
}

const NO_FILL: VenueFill = VenueFill {
    order_id: OutId::NONE,
    parent_id: OutId::NONE,
    trade_id: OutId::NONE,
    instrument: InstrumentId(0),
    side: Side::Buy,
    px: Px(0),
    qty: Qty::ZERO,
    of_order: Qty::ZERO,
    fee: Amount::ZERO,
    fee_asset: AssetId(0),
    cost: Amount::ZERO,
};

/// What was booked is below this.
const AMOUNT_MAX: u128 = 1 << 126;

/// What stands `behind` places before the end.
fn visit_noted(noted: &mut Noted, behind: usize, visitor: &mut impl Visitor) -> Result<(), StateError> {
    let mut kind = match noted {
        Noted::Fill(_) => 0,
        Noted::Corrected(_) => 1,
        Noted::Busted => 2,
    };
    visitor.below(&mut kind, 3)?;
    *noted = match (kind, *noted) {
        (0, held) => {
            let mut fill = match held {
                Noted::Fill(fill) => fill,
                _ => NO_FILL,
            };
            visit_fill(&mut fill, visitor)?;
            Noted::Fill(fill)
        }
        (1, held) => {
            let mut further = match held {
                Noted::Corrected(further) => u64::from(further),
                _ => 0,
            };
            visitor.below(&mut further, behind as u64)?;
            if further == 0 {
                return Err(visitor.bad(further, "a report further on"));
            }
            Noted::Corrected(further as u16)
        }
        _ => Noted::Busted,
    };
    Ok(())
}

fn visit_fill(fill: &mut VenueFill, visitor: &mut impl Visitor) -> Result<(), StateError> {
    visitor.plain(&mut fill.order_id)?;
    visitor.plain(&mut fill.parent_id)?;
    visitor.plain(&mut fill.trade_id)?;
    visitor.u32(&mut fill.instrument.0)?;
    visitor.side(&mut fill.side)?;
    visitor.plain(&mut fill.px)?;
    visitor.plain(&mut fill.qty)?;
    visitor.plain(&mut fill.of_order)?;
    visitor.plain(&mut fill.fee)?;
    visitor.u32(&mut fill.fee_asset.0)?;
    visitor.plain(&mut fill.cost)?;
    let are_bounded =
        [fill.fee, fill.cost].map(|amount| amount.get().unsigned_abs() <= AMOUNT_MAX) == [true; 2];
    let is_sane = are_bounded && fill.qty.is_orderable() && (0..=fill.qty.0).contains(&fill.of_order.0);
    if is_sane && fill.px.is_representable() {
        Ok(())
    } else {
        Err(visitor.bad(fill.qty.0.cast_unsigned(), "a fill"))
    }
}

#[cfg(test)]
mod tests {
    use pinrail_types::state::{Load, Save};

    use super::*;

    fn text(n: usize) -> Text<40> {
        Text::new(&format!("E{n}")).unwrap()
    }

    #[test]
    fn a_report_is_new_once_at_each_venue_until_so_many_others_came() {
        let mut executions = Executions::new();
        for n in 0..OTHER_REPORTS_MAX {
            assert!(!executions.has(VenueId(0), &text(n)));
            assert!(executions.note(VenueId(0), &text(n)));
            assert!(!executions.note(VenueId(0), &text(n)));
        }
        assert!(!executions.note(VenueId(0), &text(0)));
        assert!(executions.has(VenueId(0), &text(0)) && !executions.has(VenueId(1), &text(0)));
        assert!(executions.note(VenueId(1), &text(0)));
        let mut save = Save::default();
        executions.visit(&mut save).unwrap();
        let mut loaded = Executions::new();
        loaded.visit(&mut Load::new(&save.words)).unwrap();
        let mut again = Save::default();
        loaded.visit(&mut again).unwrap();
        assert_eq!(again.words, save.words);
        for executions in [&mut executions, &mut loaded] {
            assert!(executions.note(VenueId(0), &text(0)), "the oldest was forgotten");
            assert!(executions.note(VenueId(0), &text(1)), "and so was the next");
            assert!(!executions.note(VenueId(0), &text(3)));
            assert!(!executions.note(VenueId(1), &text(0)));
        }
    }

    fn fill(qty: i64) -> VenueFill {
        VenueFill {
            qty: Qty(qty),
            ..NO_FILL
        }
    }

    fn reloaded(executions: &mut Executions) -> Executions {
        let mut save = Save::default();
        executions.visit(&mut save).unwrap();
        let mut loaded = Executions::new();
        loaded.visit(&mut Load::new(&save.words)).unwrap();
        loaded
    }

    #[test]
    fn a_trade_is_known_by_the_ids_of_all_its_corrections_until_it_is_taken_back() {
        let venue = VenueId(0);
        // From anywhere in the ring, the place where it begins anew included.
        for before in [0, 1, EXECUTIONS_MAX - 2, EXECUTIONS_MAX - 1, EXECUTIONS_MAX + 5] {
            let mut executions = Executions::new();
            for n in 0..before {
                executions.note_fill(VenueId(1), &text(n), &fill(1));
            }
            assert_eq!(
                executions.fill(venue, &text(0)).err(),
                Some(Reason::UnknownExecId)
            );
            executions.note_fill(venue, &text(0), &fill(5));
            for n in 1..4 {
                let (slot, held) = executions.fill(venue, &text(n / 2)).unwrap();
                assert_eq!(held, fill(4 + n as i64));
                executions.correct(slot, venue, &text(n), &fill(5 + n as i64));
                executions = reloaded(&mut executions);
            }
            for n in 0..4 {
                assert_eq!(
                    executions.fill(venue, &text(n)).map(|(_, held)| held),
                    Ok(fill(8))
                );
            }
            let (slot, _) = executions.fill(venue, &text(1)).unwrap();
            executions.bust(slot, venue, &text(9));
            for n in 0..4 {
                assert_eq!(executions.fill(venue, &text(n)).err(), Some(Reason::TradeBusted));
            }
            assert_eq!(
                executions.fill(venue, &text(9)).err(),
                Some(Reason::UnknownExecId)
            );
            assert!(executions.has(venue, &text(9)));
        }
    }

    #[test]
    fn a_trade_that_is_corrected_by_the_report_that_takes_its_place_is_known_by_that() {
        let (venue, other) = (VenueId(0), VenueId(1));
        let mut executions = Executions::new();
        executions.note_fill(venue, &text(0), &fill(5));
        for n in 1..EXECUTIONS_MAX {
            executions.note_fill(other, &text(n), &fill(1));
        }
        let (slot, _) = executions.fill(venue, &text(0)).unwrap();
        executions.correct(slot, venue, &text(1), &fill(6));
        assert_eq!(
            executions.fill(venue, &text(0)).err(),
            Some(Reason::UnknownExecId)
        );
        assert_eq!(
            executions.fill(venue, &text(1)).map(|(_, held)| held),
            Ok(fill(6))
        );
        // And one that is too old is known no longer.
        for n in 0..EXECUTIONS_MAX {
            assert!(executions.fill(venue, &text(1)).is_ok(), "{n}");
            executions.note_fill(VenueId(2), &text(n), &fill(1));
        }
        assert_eq!(
            executions.fill(venue, &text(1)).err(),
            Some(Reason::UnknownExecId)
        );
    }

    /// A venue may say of an order as often as it likes that it has it.
    #[test]
    fn however_many_other_reports_come_a_trade_is_not_forgotten() {
        let venue = VenueId(0);
        let mut executions = Executions::new();
        executions.note_fill(venue, &text(0), &fill(5));
        executions.note_fill(venue, &text(1), &fill(6));
        let (slot, _) = executions.fill(venue, &text(1)).unwrap();
        executions.bust(slot, venue, &text(2));
        for n in 3..3 * OTHER_REPORTS_MAX {
            assert!(executions.note(venue, &text(n)));
        }
        for executions in [&reloaded(&mut executions), &executions] {
            assert!(executions.has(venue, &text(0)), "it would be booked twice");
            assert_eq!(
                executions.fill(venue, &text(0)).map(|(_, held)| held),
                Ok(fill(5))
            );
            assert_eq!(executions.fill(venue, &text(1)).err(), Some(Reason::TradeBusted));
            assert!(
                !executions.has(venue, &text(2)),
                "the others make place for one another"
            );
        }
    }

    #[test]
    fn a_report_is_a_trade_or_none() {
        let venue = VenueId(0);
        let mut executions = Executions::new();
        executions.note_fill(venue, &text(0), &fill(5));
        executions.note(venue, &text(1));
        assert!(!executions.note(venue, &text(0)));
        assert_eq!(
            executions.fill(venue, &text(1)).err(),
            Some(Reason::UnknownExecId)
        );
        let mut save = Save::default();
        executions.visit(&mut save).unwrap();
        // The second under the first one's id.
        let mut other = Executions::new();
        other.note(venue, &text(0));
        let mut same = Save::default();
        other.others.visit(&mut same, (), |(), _, _| Ok(())).unwrap();
        let from = save.words.len() - same.words.len();
        save.words[from..].copy_from_slice(&same.words);
        assert!(Executions::new().visit(&mut Load::new(&save.words)).is_err());
    }
}
