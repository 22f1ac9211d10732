//! Clients' orders that are open in the desk's own books.

use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{ClientId, InstrumentId, OutId, Px, Qty, SessionId, Side, Text};

use crate::chains::Chains;
use crate::quotes::request_hash;
use crate::slots::Slots;

/// What an order holds of its client's credit: so many lots at the worst price that they could have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The worst price.
    pub px: Px,
    /// Lots.
    pub qty: Qty,
}

impl Held {
    /// Nothing.
    pub const NOTHING: Held = Held {
        px: Px(0),
        qty: Qty::ZERO,
    };
}

/// An open order of a client, or one that its book is about to be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOrderState {
    /// Our id of it.
    pub order_id: OutId,
    /// The client's id of it; of a leg, of the mass quote that set it last.
    pub cl_ord_id: Text<24>,
    /// Whose.
    pub client: ClientId,
    /// In what.
    pub instrument: InstrumentId,
    /// Where it came in.
    pub session: SessionId,
    /// The client's side.
    pub side: Side,
    /// It only reduces its client's position.
    pub reduces: bool,
    /// Of a mass quote, which of the quotes of its side it is, from 1; zero of others.
    pub leg: u8,
    /// What is reserved for it.
    pub held: Held,
    /// While the book has not judged a change of it: what was reserved before.
    pub before: Option<Held>,
}

/// A place in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientOrderSlot(u32);

impl ClientOrderSlot {
    /// The place's number, for [`ClientOrders::scan`].
    pub const fn place(self) -> u32 {
        self.0
    }

    /// The id under which a book knows the order: the places are numbered from 1.
    #[inline]
    pub const fn book_id(self) -> u64 {
        self.0 as u64 + 1
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    order: ClientOrderState,
    is_open: bool,
}

const EMPTY: ClientOrderState = ClientOrderState {
    order_id: OutId::NONE,
    cl_ord_id: Text::EMPTY,
    client: ClientId(0),
    instrument: InstrumentId(0),
    session: SessionId(0),
    side: Side::Buy,
    reduces: false,
    leg: 0,
    held: Held::NOTHING,
    before: None,
};

/// All clients' orders that are open, by our id and by the client's. Bounded at construction.
///
/// Our id of an order says in which place it stands, see [`ClientOrders::next_id`]. The place that became free last is used
/// first. What stood in a place can be read until it is used again.
#[derive(Clone, Debug)]
pub struct ClientOrders {
    entries: Vec<Entry>,
    by_name: Slots,
    by_client: Chains,
    /// Free places; the last is used next.
    free: Vec<u32>,
    /// Places from here on were never used.
    fresh: u32,
}

/// Legs are found by what they quote, other orders by the client's id.
fn hash_of(order: &ClientOrderState) -> u32 {
    if order.leg == 0 {
        request_hash(order.client, &order.cl_ord_id)
    } else {
        leg_hash(order.client, order.instrument, order.side, order.leg)
    }
}

fn leg_hash(client: ClientId, instrument: InstrumentId, side: Side, leg: u8) -> u32 {
    let key = u64::from(instrument.0) << 16 | u64::from(leg) << 8 | u64::from(side.fix());
    let hash = (u64::from(client.0) << 40 ^ key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash ^ hash >> 29)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_shr(32) as u32
}

impl ClientOrders {
    /// Room for `capacity` orders of clients that are numbered below `clients`.
    ///
    /// # Panics
    /// If `capacity` is zero or above 2^24.
    pub fn new(capacity: usize, clients: usize) -> ClientOrders {
        assert!(capacity > 0 && capacity <= 1 << 24, "1 to 2^24 orders");
        let empty = Entry {
            order: EMPTY,
            is_open: false,
        };
        ClientOrders {
            entries: vec![empty; capacity],
            by_name: Slots::new(capacity),
            by_client: Chains::new(clients, capacity),
            free: Vec::with_capacity(capacity),
            fresh: 0,
        }
    }

    /// How many orders are open.
    pub fn len(&self) -> usize {
        self.fresh as usize - self.free.len()
    }

    /// Whether no order is open.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.fresh as usize == self.free.len()
    }

    /// Whether no further order can be opened.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.free.is_empty() && self.fresh as usize == self.entries.len()
    }

    /// The open orders, in the order of their places.
    pub fn iter(&self) -> impl Iterator<Item = &ClientOrderState> {
        let used = &self.entries[..self.fresh as usize];
        used.iter()
            .filter(|entry| entry.is_open)
            .map(|entry| &entry.order)
    }

    fn next_place(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.fresh)
    }

    /// The id under which the next order is to be opened: `id`, with the place where it will stand as its hint.
    ///
    /// # Panics
    /// If the table is full.
    pub fn next_id(&self, id: OutId) -> OutId {
        assert!(!self.is_full(), "the table of clients' orders is full");
        id.with_hint(self.next_place())
    }

    /// Opens an order whose id is from [`ClientOrders::next_id`], and whose name no other open order has.
    ///
    /// # Panics
    /// If the table is full, the id is for another place than the next one, or the client is beyond the bounds.
    pub fn open(&mut self, order: &ClientOrderState) -> ClientOrderSlot {
        let place = self.next_place();
        assert!(!self.is_full(), "the table of clients' orders is full");
        assert!(order.order_id.hint() == place, "an id for another place");
        if self.free.pop().is_none() {
            self.fresh += 1;
        }
        self.entries[place as usize] = Entry {
            order: *order,
            is_open: true,
        };
        self.by_name.insert(hash_of(order), place);
        self.by_client.push(order.client, place);
        ClientOrderSlot(place)
    }

    /// Where the open order with this id of ours stands.
    pub fn find(&self, order_id: OutId) -> Option<ClientOrderSlot> {
        let place = order_id.hint();
        let entry = self.entries.get(place as usize)?;
        (entry.is_open && entry.order.order_id == order_id).then_some(ClientOrderSlot(place))
    }

    /// Where the client's open order with this id of its own stands; legs have none.
    pub fn find_named(&self, client: ClientId, cl_ord_id: &Text<24>) -> Option<ClientOrderSlot> {
        let is_it = |place: u32| {
            let order = &self.entries[place as usize].order;
            (order.leg, order.client, order.cl_ord_id) == (0, client, *cl_ord_id)
        };
        let found = self.by_name.find(request_hash(client, cl_ord_id), is_it);
        found.map(ClientOrderSlot)
    }

    /// Where a client's open quote stands: the `leg`th of its side, from 1.
    pub fn find_leg(
        &self,
        client: ClientId,
        instrument: InstrumentId,
        side: Side,
        leg: u8,
    ) -> Option<ClientOrderSlot> {
        let is_it = |place: u32| {
            let order = &self.entries[place as usize].order;
            (order.leg, order.client, order.instrument, order.side) == (leg, client, instrument, side)
        };
        let found = self.by_name.find(leg_hash(client, instrument, side, leg), is_it);
        found.map(ClientOrderSlot)
    }

    /// The place of an order that a book speaks of, open or just ended.
    ///
    /// # Panics
    /// If the id is none of [`ClientOrderSlot::book_id`].
    #[inline]
    pub fn of_book(&self, book_id: u64) -> ClientOrderSlot {
        assert!(
            (1..=u64::from(self.fresh)).contains(&book_id),
            "an order that the book was never given"
        );
        ClientOrderSlot((book_id - 1) as u32)
    }

    /// The order in a place.
    #[inline]
    pub fn get(&self, slot: ClientOrderSlot) -> &ClientOrderState {
        &self.entries[slot.0 as usize].order
    }

    /// Whether the order in a place is open.
    #[inline]
    pub fn is_open(&self, slot: ClientOrderSlot) -> bool {
        self.entries[slot.0 as usize].is_open
    }

    /// What is reserved for an order, to be changed.
    ///
    /// # Panics
    /// If it has ended.
    #[inline]
    pub fn reservation(&mut self, slot: ClientOrderSlot) -> (&mut Held, &mut Option<Held>) {
        let entry = &mut self.entries[slot.0 as usize];
        assert!(entry.is_open, "the order has ended");
        (&mut entry.order.held, &mut entry.order.before)
    }

    /// Gives an order another name of its client's, which no other open order has.
    ///
    /// # Panics
    /// If it has ended.
    pub fn rename(&mut self, slot: ClientOrderSlot, cl_ord_id: &Text<24>) {
        let entry = &mut self.entries[slot.0 as usize];
        assert!(entry.is_open, "the order has ended");
        let before = hash_of(&entry.order);
        entry.order.cl_ord_id = *cl_ord_id;
        let after = hash_of(&entry.order);
        if before != after {
            self.by_name.remove(before, slot.0);
            self.by_name.insert(after, slot.0);
        }
    }

    /// Ends an order.
    ///
    /// # Panics
    /// If it has ended already, or something is still reserved for it.
    pub fn end(&mut self, slot: ClientOrderSlot) {
        let entry = &mut self.entries[slot.0 as usize];
        assert!(entry.is_open, "order ended twice");
        assert!(entry.order.held.qty == Qty::ZERO, "what has ended holds nothing");
        entry.is_open = false;
        self.by_name.remove(hash_of(&entry.order), slot.0);
        self.by_client.remove(entry.order.client, slot.0);
        self.free.push(slot.0);
    }

    /// How many orders a client has open.
    pub fn count_of(&self, client: ClientId) -> u32 {
        self.by_client.len(client)
    }

    /// The order that came first of those that a client has open.
    pub fn first_of(&self, client: ClientId) -> Option<ClientOrderSlot> {
        self.by_client.first(client).map(ClientOrderSlot)
    }

    /// The open order of the same client that came after an open one.
    pub fn next_of(&self, slot: ClientOrderSlot) -> Option<ClientOrderSlot> {
        self.by_client.next(slot.0).map(ClientOrderSlot)
    }

    /// The open order in a place, if there is one.
    pub fn open_at(&self, place: u32) -> Option<ClientOrderSlot> {
        let entry = self.entries.get(place as usize)?;
        entry.is_open.then_some(ClientOrderSlot(place))
    }

    /// A quote is another mass quote's from now on.
    ///
    /// # Panics
    /// If it has ended.
    pub fn quote_again(&mut self, slot: ClientOrderSlot, quote_id: &Text<24>, session: SessionId) {
        self.rename(slot, quote_id);
        self.entries[slot.0 as usize].order.session = session;
    }

    /// Looks at up to `most` places from the `from`th on and gives back the open orders there with the place to go on from,
    /// `None` behind the last.
    pub fn scan(
        &self,
        from: u32,
        most: u32,
    ) -> (impl Iterator<Item = ClientOrderSlot> + use<'_>, Option<u32>) {
        let end = from.saturating_add(most).min(self.fresh);
        let open = (from.min(end)..end).filter(|place| self.entries[*place as usize].is_open);
        (open.map(ClientOrderSlot), (end < self.fresh).then_some(end))
    }

    /// Goes through the state: what stands in the places, and in which order free ones are used. What is found by hash
    /// follows from it.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a table.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let capacity = self.entries.len();
        let mut fresh = self.fresh as usize;
        visitor.count(&mut fresh, capacity)?;
        self.fresh = fresh as u32;
        for place in 0..fresh {
            let entry = &mut self.entries[place];
            visitor.flag(&mut entry.is_open)?;
            if entry.is_open {
                visit_order(&mut entry.order, place, visitor)?;
            }
        }
        let open = self.entries[..fresh].iter().filter(|entry| entry.is_open).count();
        visitor.exactly(fresh - open, "the places that are free")?;
        self.free.resize(fresh - open, 0);
        let mut is_free = vec![false; if visitor.is_loading() { fresh } else { 0 }];
        for at in 0..self.free.len() {
            let mut place = u64::from(self.free[at]);
            visitor.below(&mut place, fresh as u64)?;
            self.free[at] = place as u32;
            if let Some(is_free) = is_free.get_mut(place as usize)
                && (core::mem::replace(is_free, true) || self.entries[place as usize].is_open)
            {
                return Err(visitor.bad(place, "a place that is free"));
            }
        }
        let client_of = |entry: &Entry| entry.is_open.then_some(entry.order.client);
        let taken: Vec<Option<ClientId>> = self.entries[..fresh].iter().map(client_of).collect();
        self.by_client.visit(&taken, visitor)?;
        if visitor.is_loading() {
            self.by_name = Slots::new(capacity);
            for (place, entry) in (0..).zip(&self.entries[..fresh]) {
                if entry.is_open {
                    self.by_name.insert(hash_of(&entry.order), place);
                }
            }
        }
        Ok(())
    }
}

fn visit_order(
    order: &mut ClientOrderState,
    place: usize,
    visitor: &mut impl Visitor,
) -> Result<(), StateError> {
    visitor.plain(&mut order.order_id)?;
    if order.order_id.is_none() || order.order_id.hint() as usize != place {
        return Err(visitor.bad(order.order_id.sub.into(), "an id for the place"));
    }
    visitor.plain(&mut order.cl_ord_id)?;
    visitor.u32(&mut order.client.0)?;
    visitor.u32(&mut order.instrument.0)?;
    visitor.u16(&mut order.session.0)?;
    visitor.side(&mut order.side)?;
    visitor.flag(&mut order.reduces)?;
    let mut leg = u64::from(order.leg);
    visitor.below(&mut leg, 256)?;
    order.leg = leg as u8;
    visit_held(&mut order.held, visitor)?;
    let mut has_before = order.before.is_some();
    visitor.flag(&mut has_before)?;
    let mut before = order.before.unwrap_or(Held::NOTHING);
    if has_before {
        visit_held(&mut before, visitor)?;
    }
    order.before = has_before.then_some(before);
    Ok(())
}

fn visit_held(held: &mut Held, visitor: &mut impl Visitor) -> Result<(), StateError> {
    visitor.plain(&mut held.px)?;
    visitor.plain(&mut held.qty)?;
    let sane = (0..=Px::ABS_MAX).contains(&held.px.0) && (0..=Qty::ABS_MAX).contains(&held.qty.0);
    if sane {
        Ok(())
    } else {
        Err(visitor.bad(held.qty.0.cast_unsigned(), "what an order holds"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use pinrail_types::state::{Load, Save};
    use proptest::prelude::*;

    use super::*;

    fn name(n: u32) -> Text<24> {
        Text::new(&format!("O{n}")).unwrap()
    }

    fn order(table: &ClientOrders, seq: u64, client: u32, named: u32) -> ClientOrderState {
        let id = OutId {
            seq,
            epoch: 1,
            sub: 0,
        };
        ClientOrderState {
            order_id: table.next_id(id),
            cl_ord_id: name(named),
            client: ClientId(client),
            ..EMPTY
        }
    }

    proptest! {
        #[test]
        fn agrees_with_a_map(
            ops in prop::collection::vec((0_u8..4, 0_u32..2, 0_u32..12, any::<prop::sample::Index>()), 0..300),
        ) {
            let mut table = ClientOrders::new(16, 2);
            let mut model: BTreeMap<(u32, u32), OutId> = BTreeMap::new();
            for (seq, (op, client, named, which)) in (1..).zip(ops) {
                let is_new = !model.contains_key(&(client, named));
                let keys: Vec<(u32, u32)> = model.keys().copied().collect();
                if op < 2 && is_new && !table.is_full() {
                    let opened = order(&table, seq, client, named);
                    table.open(&opened);
                    model.insert((client, named), opened.order_id);
                } else if !keys.is_empty() {
                    let (client, old) = *which.get(&keys);
                    let slot = table.find_named(ClientId(client), &name(old)).unwrap();
                    if op == 2 {
                        table.end(slot);
                        model.remove(&(client, old));
                    } else if !model.contains_key(&(client, named)) {
                        table.rename(slot, &name(named));
                        let order_id = model.remove(&(client, old)).unwrap();
                        model.insert((client, named), order_id);
                    }
                }
                prop_assert_eq!(table.len(), model.len());
                for client in 0..2 {
                    let id = ClientId(client);
                    let first = table.first_of(id);
                    let chain: Vec<OutId> = core::iter::successors(first, |slot| table.next_of(*slot))
                        .map(|slot| table.get(slot).order_id)
                        .collect();
                    let mut own: Vec<OutId> = model
                        .iter()
                        .filter(|((of, _), _)| *of == client)
                        .map(|(_, order_id)| *order_id)
                        .collect();
                    own.sort_by_key(|order_id| order_id.seq);
                    prop_assert_eq!(table.count_of(id) as usize, own.len());
                    prop_assert_eq!(chain, own, "in the order in which they came");
                    for named in 0..12 {
                        let slot = table.find_named(ClientId(client), &name(named));
                        let order_id = slot.map(|slot| table.get(slot).order_id);
                        prop_assert_eq!(order_id, model.get(&(client, named)).copied());
                        prop_assert_eq!(order_id.and_then(|order_id| table.find(order_id)), slot);
                    }
                }
                let mut save = Save::default();
                table.visit(&mut save).unwrap();
                let mut loaded = ClientOrders::new(16, 2);
                loaded.visit(&mut Load::new(&save.words)).unwrap();
                prop_assert!(loaded.iter().eq(table.iter()));
                let mut again = Save::default();
                loaded.visit(&mut again).unwrap();
                prop_assert_eq!(again.words, save.words);
                prop_assert_eq!(loaded.next_place(), table.next_place());
            }
        }
    }

    #[test]
    fn a_state_whose_chains_do_not_hang_together_is_refused() {
        let mut table = ClientOrders::new(4, 2);
        for n in 0..4_u32 {
            table.open(&order(&table, u64::from(n) + 1, n % 2, n));
        }
        let mut save = Save::default();
        table.visit(&mut save).unwrap();
        let whole = save.words.len();
        let links = whole - 4..whole;
        for at in links {
            for next in 0..5 {
                let mut words = save.words.clone();
                if core::mem::replace(&mut words[at], next) != next {
                    let loaded = ClientOrders::new(4, 2).visit(&mut Load::new(&words));
                    assert!(loaded.is_err(), "{next} behind {at} of {whole}");
                }
            }
        }
    }

    #[test]
    fn a_leg_is_found_by_what_it_quotes_and_by_no_name() {
        let mut table = ClientOrders::new(4, 2);
        let leg = ClientOrderState {
            leg: 2,
            ..order(&table, 1, 1, 1)
        };
        let slot = table.open(&leg);
        let find = |table: &ClientOrders, leg| table.find_leg(ClientId(1), InstrumentId(0), Side::Buy, leg);
        assert_eq!((find(&table, 2), find(&table, 1)), (Some(slot), None));
        assert_eq!(table.find_named(ClientId(1), &name(1)), None);
        table.rename(slot, &name(2));
        assert_eq!(find(&table, 2), Some(slot));
        table.end(slot);
        assert_eq!((find(&table, 2), table.len()), (None, 0));
        assert_eq!(
            table.get(table.of_book(slot.book_id())).leg,
            2,
            "it can still be read"
        );
    }
}
