//! What packages consist of, beside the quotes that they were given, and fills of legs that no strategy was told of yet.

use pinrail_types::record::LEGS_MAX;
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Amount, AssetId, ClientId, InstrumentId, Px, Qty, Side};

use crate::quotes::Slot;

/// Packages that are quoted, or whose fills were not told of yet, at most.
pub const PACKAGES_MAX: usize = 256;

/// A leg of a package that is quoted, and what was reserved for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    /// In what.
    pub instrument: InstrumentId,
    /// What who buys the package does.
    pub side: Side,
    /// All of it.
    pub qty: Qty,
    /// What we pay, or [`Px::NONE`].
    pub bid_px: Px,
    /// What we ask, or [`Px::NONE`].
    pub offer_px: Px,
    /// Credit that it holds, in the quote asset's smallest unit.
    pub credit: Amount,
}

impl Leg {
    /// In the place of none.
    pub const NONE: Leg = Leg {
        instrument: InstrumentId(0),
        side: Side::Buy,
        qty: Qty::ZERO,
        bid_px: Px::NONE,
        offer_px: Px::NONE,
        credit: Amount::ZERO,
    };

    /// What a client does on it that does `side` on the package.
    #[inline]
    pub const fn side_of(&self, side: Side) -> Side {
        match side {
            Side::Buy => self.side,
            Side::Sell => self.side.opposite(),
        }
    }

    /// Our price for a client that does `side` on the package; [`Px::NONE`] where that was not quoted.
    #[inline]
    pub const fn px(&self, side: Side) -> Px {
        match self.side_of(side) {
            Side::Buy => self.offer_px,
            Side::Sell => self.bid_px,
        }
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.u32(&mut self.instrument.0)?;
        visitor.side(&mut self.side)?;
        visitor.plain(&mut self.qty)?;
        visitor.plain(&mut self.bid_px)?;
        visitor.plain(&mut self.offer_px)?;
        visitor.plain(&mut self.credit)
    }
}

/// A package that is quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// For whom.
    pub client: ClientId,
    /// What all legs are quoted in.
    pub asset: AssetId,
    /// What we pay for a unit.
    pub bid: Amount,
    /// What we ask for a unit.
    pub offer: Amount,
    legs: [Leg; LEGS_MAX],
    len: u8,
}

impl Package {
    /// Of these legs, two to [`LEGS_MAX`] of them, without a price yet.
    ///
    /// # Panics
    /// If there are fewer or more.
    pub fn new(client: ClientId, asset: AssetId, legs: &[Leg]) -> Package {
        assert!((2..=LEGS_MAX).contains(&legs.len()), "so many legs a package has");
        let mut held = [Leg::NONE; LEGS_MAX];
        held[..legs.len()].copy_from_slice(legs);
        Package {
            client,
            asset,
            bid: Amount::ZERO,
            offer: Amount::ZERO,
            legs: held,
            len: legs.len() as u8,
        }
    }

    /// Its legs, in order.
    #[inline]
    pub fn legs(&self) -> &[Leg] {
        &self.legs[..usize::from(self.len)]
    }

    /// Our price of a unit for a client that does `side`; `None` where that was not quoted.
    pub fn price(&self, side: Side) -> Option<Amount> {
        let is_quoted = self.legs().iter().all(|leg| leg.px(side) != Px::NONE);
        is_quoted.then_some(match side {
            Side::Buy => self.offer,
            Side::Sell => self.bid,
        })
    }

    /// Notes what each leg holds of the credit, in order.
    pub fn hold(&mut self, credits: &[Amount]) {
        for (leg, credit) in self.legs[..usize::from(self.len)].iter_mut().zip(credits) {
            leg.credit = *credit;
        }
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.u32(&mut self.client.0)?;
        visitor.u32(&mut self.asset.0)?;
        visitor.plain(&mut self.bid)?;
        visitor.plain(&mut self.offer)?;
        let mut len = usize::from(self.len);
        visitor.count(&mut len, LEGS_MAX)?;
        if len < 2 {
            return Err(visitor.bad(len as u64, "two legs or more"));
        }
        self.len = len as u8;
        for leg in &mut self.legs[..len] {
            leg.visit(visitor)?;
        }
        Ok(())
    }
}

/// A leg that was filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilledLeg {
    /// Whose fill it is.
    pub client: ClientId,
    /// In what.
    pub instrument: InstrumentId,
    /// What the client did.
    pub side: Side,
    /// At which price.
    pub px: Px,
    /// How much.
    pub qty: Qty,
}

/// What a place of the table is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Use {
    Free,
    /// Of the open quote in this slot.
    Open(u32),
    /// The client did `side`, and the strategy was told of `told` legs.
    Filled {
        side: Side,
        told: u8,
    },
}

/// All packages, each beside the place of its quote in the [`QuoteTable`](crate::QuoteTable).
#[derive(Clone, Debug)]
pub struct Packages {
    entries: Vec<(Use, Package)>,
    /// By slot of a quote, the place of its package.
    places: Vec<u16>,
    open: usize,
    untold: usize,
}

const NO_PLACE: u16 = u16::MAX;
const _: () = assert!(PACKAGES_MAX <= NO_PLACE as usize);

const EMPTY: (Use, Package) = (
    Use::Free,
    Package {
        client: ClientId(0),
        asset: AssetId(0),
        bid: Amount::ZERO,
        offer: Amount::ZERO,
        legs: [Leg::NONE; LEGS_MAX],
        len: 0,
    },
);

impl Packages {
    /// None yet, of a table of `quotes` quotes.
    pub fn new(quotes: usize) -> Packages {
        Packages {
            entries: vec![EMPTY; PACKAGES_MAX],
            places: vec![NO_PLACE; quotes],
            open: 0,
            untold: 0,
        }
    }

    /// How many are quoted.
    pub fn len(&self) -> usize {
        self.open
    }

    /// Whether none is quoted.
    pub fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Whether there is room for no other.
    pub fn is_full(&self) -> bool {
        self.open + self.untold == self.entries.len()
    }

    /// Whether there are fills of legs to tell of.
    #[inline]
    pub fn has_untold(&self) -> bool {
        self.untold > 0
    }

    /// Adds the package of the quote in a slot.
    ///
    /// # Panics
    /// If there is no room, or the quote has one already.
    pub fn open(&mut self, slot: Slot, package: &Package) {
        let free = self.entries.iter().position(|(of, _)| *of == Use::Free);
        let place = free.expect("there is room");
        let held = &mut self.places[slot.0 as usize];
        assert!(*held == NO_PLACE, "a quote is of one package");
        *held = place as u16;
        self.entries[place] = (Use::Open(slot.0), *package);
        self.open += 1;
    }

    /// The package of the quote in a slot; `None` if the quote is of one instrument.
    pub fn find(&self, slot: Slot) -> Option<&Package> {
        let place = self.places[slot.0 as usize];
        (place != NO_PLACE).then(|| &self.entries[usize::from(place)].1)
    }

    /// Takes out the package of a quote that ends without a fill.
    ///
    /// # Panics
    /// If it has none: it ends once.
    pub fn end(&mut self, slot: Slot) -> Package {
        self.leave(slot, Use::Free)
    }

    /// Takes the package of a quote that is filled, the client doing `side`; its legs are to be told of.
    ///
    /// # Panics
    /// If the quote has none: it ends once.
    pub fn fill(&mut self, slot: Slot, side: Side) -> Package {
        self.untold += 1;
        self.leave(slot, Use::Filled { side, told: 0 })
    }

    fn leave(&mut self, slot: Slot, of: Use) -> Package {
        let place = core::mem::replace(&mut self.places[slot.0 as usize], NO_PLACE);
        assert!(place != NO_PLACE, "a package ends once");
        let entry = &mut self.entries[usize::from(place)];
        entry.0 = of;
        self.open -= 1;
        entry.1
    }

    /// The next leg that was filled and not told of; it counts as told of then.
    pub fn tell_next(&mut self) -> Option<FilledLeg> {
        if self.untold == 0 {
            return None;
        }
        let (of, package, side, told) = self.entries.iter_mut().find_map(|(of, package)| match *of {
            Use::Filled { side, told } => Some((of, package, side, told)),
            Use::Free | Use::Open(_) => None,
        })?;
        let leg = package.legs()[usize::from(told)];
        *of = if told + 1 == package.len {
            self.untold -= 1;
            Use::Free
        } else {
            Use::Filled { side, told: told + 1 }
        };
        Some(FilledLeg {
            client: package.client,
            instrument: leg.instrument,
            side: leg.side_of(side),
            px: leg.px(side),
            qty: leg.qty,
        })
    }

    /// All packages: those that are quoted, with the slots of their quotes, and those that were filled.
    pub fn iter(&self) -> impl Iterator<Item = (Option<Slot>, &Package)> {
        self.entries.iter().filter_map(|(of, package)| match of {
            Use::Free => None,
            Use::Open(slot) => Some((Some(Slot(*slot)), package)),
            Use::Filled { .. } => Some((None, package)),
        })
    }

    /// Goes through the state, place by place.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no state of such a table.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        for (place, (of, package)) in (0..).zip(&mut self.entries) {
            visit_use(of, visitor)?;
            if *of == Use::Free {
                continue;
            }
            package.visit(visitor)?;
            if !visitor.is_loading() {
                continue;
            }
            match *of {
                Use::Open(slot) => {
                    let held = self.places.get_mut(slot as usize);
                    let held = held.filter(|held| **held == NO_PLACE);
                    *held.ok_or_else(|| visitor.bad(slot.into(), "the slot of a quote"))? = place;
                    self.open += 1;
                }
                Use::Filled { told, .. } if told < package.len => self.untold += 1,
                _ => return Err(visitor.bad(place.into(), "fewer legs than there are")),
            }
        }
        Ok(())
    }
}

fn visit_use(of: &mut Use, visitor: &mut impl Visitor) -> Result<(), StateError> {
    let mut code = match of {
        Use::Free => 0,
        Use::Open(_) => 1,
        Use::Filled { .. } => 2,
    };
    visitor.below(&mut code, 3)?;
    let (mut slot, mut side, mut told) = match *of {
        Use::Free => (0, Side::Buy, 0),
        Use::Open(slot) => (slot, Side::Buy, 0),
        Use::Filled { side, told } => (0, side, u64::from(told)),
    };
    *of = match code {
        0 => Use::Free,
        1 => {
            visitor.u32(&mut slot)?;
            Use::Open(slot)
        }
        _ => {
            visitor.side(&mut side)?;
            visitor.below(&mut told, LEGS_MAX as u64)?;
            Use::Filled {
                side,
                told: told as u8,
            }
        }
    };
    Ok(())
}

#[cfg(test)]
mod tests {
    use pinrail_types::state::{Load, Save};

    use super::*;

    fn package(legs: u32) -> Package {
        let legs: Vec<Leg> = (0..legs)
            .map(|n| Leg {
                instrument: InstrumentId(n),
                side: if n % 2 == 0 { Side::Buy } else { Side::Sell },
                qty: Qty(i64::from(n) + 1),
                bid_px: Px(90),
                offer_px: Px(110),
                credit: Amount::new(7),
            })
            .collect();
        Package::new(ClientId(1), AssetId(1), &legs)
    }

    fn words(packages: &mut Packages) -> Vec<u64> {
        let mut save = Save::default();
        packages.visit(&mut save).unwrap();
        save.words
    }

    #[test]
    fn each_leg_of_a_fill_is_told_of_once_in_order_and_after_a_restart_too() {
        let mut packages = Packages::new(8);
        packages.open(Slot(3), &package(3));
        packages.open(Slot(5), &package(2));
        assert_eq!(packages.find(Slot(3)), Some(&package(3)));
        assert_eq!((packages.find(Slot(4)), packages.len()), (None, 2));
        packages.fill(Slot(3), Side::Sell);
        packages.fill(Slot(5), Side::Buy);
        assert!(packages.is_empty() && packages.has_untold());
        let mut told = Vec::new();
        loop {
            let mut loaded = Packages::new(8);
            loaded.visit(&mut Load::new(&words(&mut packages))).unwrap();
            assert_eq!(words(&mut loaded), words(&mut packages));
            packages = loaded;
            let Some(leg) = packages.tell_next() else { break };
            told.push((leg.instrument.0, leg.side, leg.px.0, leg.qty.0));
        }
        assert_eq!(
            told,
            [
                (0, Side::Sell, 90, 1),
                (1, Side::Buy, 110, 2),
                (2, Side::Sell, 90, 3),
                (0, Side::Buy, 110, 1),
                (1, Side::Sell, 90, 2),
            ]
        );
        assert!(!packages.has_untold() && packages.iter().next().is_none());
    }

    #[test]
    fn what_is_to_be_told_takes_room_and_the_rest_gives_it_back() {
        let mut packages = Packages::new(PACKAGES_MAX + 1);
        for slot in 0..PACKAGES_MAX as u32 {
            assert!(!packages.is_full());
            packages.open(Slot(slot), &package(2));
        }
        assert!(packages.is_full());
        packages.fill(Slot(0), Side::Buy);
        assert!(packages.is_full());
        packages.tell_next();
        assert!(packages.is_full());
        packages.tell_next();
        assert!(!packages.is_full());
        packages.open(Slot(PACKAGES_MAX as u32), &package(4));
        packages.end(Slot(1));
        assert!(!packages.is_full());
    }

    #[test]
    fn a_price_is_there_only_where_every_leg_has_one() {
        let mut one_sided = package(2);
        (one_sided.bid, one_sided.offer) = (Amount::new(1), Amount::new(2));
        assert_eq!(one_sided.price(Side::Sell), Some(Amount::new(1)));
        one_sided.legs[1].bid_px = Px::NONE;
        // Who buys the package sells the second leg.
        assert_eq!(one_sided.price(Side::Buy), None);
        assert_eq!(one_sided.price(Side::Sell), Some(Amount::new(1)));
    }

    #[test]
    fn a_state_that_never_was_is_refused() {
        let mut packages = Packages::new(8);
        packages.open(Slot(3), &package(2));
        packages.open(Slot(5), &package(2));
        let saved = words(&mut packages);
        let second = saved.iter().skip(2).position(|word| *word == 5).unwrap() + 2;
        for (at, bad) in [(0, 3), (1, 8), (second, 3)] {
            let mut wrong = saved.clone();
            wrong[at] = bad;
            let outcome = Packages::new(8).visit(&mut Load::new(&wrong));
            assert!(outcome.is_err(), "word {at} is {bad}");
        }
    }
}
