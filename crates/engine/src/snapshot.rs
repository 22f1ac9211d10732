//! The engine's state as words: for snapshots, and for hashes that tell whether two engines would go on alike.

use pinrail_oms::life::QuoteState;
use pinrail_oms::{Hold, Slot};
use pinrail_pricing::Pricer;
use pinrail_risk::STRATEGIES_MAX;
use pinrail_types::record::{BookState, InstrumentDef, ListingDef, PACKAGE};
use pinrail_types::state::{Load, Save, StateError, Visitor};
use pinrail_types::{Side, VenueId};

use crate::hash::RollingHash;
use crate::last_look;
use crate::rfq::ask_of;
use crate::state::{Bounds, Engine, Traded};

impl<P: Pricer> Engine<P> {
    /// The whole state as words, the same on every machine: whatever decides, and nothing that follows from it or is only
    /// there for speed. To be called when the outputs of the last input were sealed. Linear in what the engine holds;
    /// allocates, so it is nothing for a core that trades: see the runtime's shadow.
    ///
    /// # Panics
    /// Never: only what is read back can be wrong.
    pub fn save(&mut self) -> Vec<u64> {
        let mut save = Save::default();
        self.visit(&mut save)
            .expect("only what is read back can be wrong");
        save.words
    }

    /// The engine that `words` were saved from, which had these bounds.
    ///
    /// # Errors
    /// [`StateError`] if the words are no state of such an engine, or not what it would save. That they were not changed is
    /// for the caller to see to.
    pub fn load(bounds: Bounds, pricer: P, words: &[u64]) -> Result<Engine<P>, StateError> {
        let mut engine = Engine::new(bounds, pricer);
        let mut load = Load::new(words);
        engine.visit(&mut load)?;
        load.end()?;
        // What was read may be of a state that never was, as a listing that stands twice. Then another comes out.
        let saved = engine.save();
        match saved.iter().zip(words).position(|(saved, word)| saved != word) {
            Some(at) => Err(StateError::Value {
                at,
                found: words[at],
                expected: "what the state that was read is saved as",
            }),
            None if saved.len() < words.len() => Err(StateError::Long { at: saved.len() }),
            None if saved.len() > words.len() => Err(StateError::Short { at: words.len() }),
            None => Ok(engine),
        }
    }

    /// A hash of the whole state. Equal states have equal hashes; it finds differences and does not withstand an
    /// adversary. Costs as much as [`Engine::save`].
    pub fn state_hash(&mut self) -> u64 {
        hash_of(&self.save())
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.u32(&mut self.epoch)?;
        visitor.flag(&mut self.fixed)?;
        visitor.word(&mut self.last_ts)?;
        visitor.word(&mut self.next_seq)?;
        let mut has_poison = self.poison.is_some();
        visitor.flag(&mut has_poison)?;
        let mut poison = self.poison.unwrap_or(0);
        visitor.word(&mut poison)?;
        self.poison = has_poison.then_some(poison);
        visitor.word(&mut self.counts.inputs)?;
        visitor.word(&mut self.counts.outputs)?;
        self.hash.visit(visitor)?;
        visitor.exactly(self.last_source_seq.len(), "the bound on sources")?;
        for seq in &mut self.last_source_seq {
            visitor.word(seq)?;
        }
        visitor.exactly(self.tiers.len(), "the bound on clients")?;
        for tier in &mut self.tiers {
            let mut word = u64::from(*tier);
            visitor.below(&mut word, 256)?;
            *tier = word as u8;
        }
        self.visit_markets(visitor)?;
        self.risk.visit(visitor)?;
        self.quotes.visit(visitor)?;
        self.streams.visit(visitor)?;
        self.visit_packages(visitor)?;
        last_look::visit(&mut self.last_looks, visitor)?;
        self.visit_waiting(visitor)?;
        self.recalls.visit(visitor)?;
        self.reports.visit(visitor)?;
        self.package_reports.visit(visitor)?;
        self.positions.visit(visitor)?;
        let mut withdraws = self.withdraw_from.is_some();
        visitor.flag(&mut withdraws)?;
        let mut from = self.withdraw_from.unwrap_or(0);
        visitor.u32(&mut from)?;
        self.withdraw_from = withdraws.then_some(from);
        visitor.flag(&mut self.reporting)?;
        self.visit_orders(visitor)?;
        self.books.visit(visitor)?;
        self.pricer.visit(visitor)
    }

    /// Accepts that are held, and requests that wait for a dealer.
    fn visit_waiting(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.holds.visit(visitor)?;
        let is_held = |(slot, hold): (Slot, &Hold)| {
            let (quote, order) = (self.quotes.get(slot), &hold.order);
            let is_its = (quote.client, quote.instrument) == (order.client, order.instrument);
            let side = Side::from_fix(order.side);
            let package = self.packages.find(slot);
            let is_quoted =
                side.is_some_and(|side| package.is_none_or(|package| package.price(side).is_some()));
            is_its && self.quotes.state(slot) == QuoteState::Held && is_quoted
        };
        let are_held = self.holds.iter().all(is_held) && self.holds.len() == self.quotes.held();
        if !are_held {
            return Err(visitor.bad(self.holds.len() as u64, "what the held quotes are"));
        }
        self.deals.visit(visitor)?;
        for (_, deal) in self.deals.iter() {
            let request = &deal.request;
            let has_instrument = self
                .traded
                .get(request.instrument.index())
                .is_some_and(Option::is_some);
            if !has_instrument || request.client.index() >= self.bounds.clients || ask_of(request).is_none() {
                return Err(visitor.bad(request.instrument.0.into(), "a request for this desk"));
            }
        }
        Ok(())
    }

    /// Packages, each of an open quote that has no instrument of its own.
    fn visit_packages(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.packages.visit(visitor)?;
        let open = self.quotes.scan(0, u32::MAX).0;
        let quoted = open.filter(|slot| self.quotes.get(*slot).instrument == PACKAGE);
        if quoted.count() != self.packages.len() {
            return Err(visitor.bad(self.packages.len() as u64, "as many packages as are quoted"));
        }
        for (slot, package) in self.packages.iter() {
            let is_its = slot.is_none_or(|slot| {
                let quote = self.quotes.get(slot);
                (quote.instrument, quote.client) == (PACKAGE, package.client)
            });
            let legs = package.legs();
            let is_here = legs.iter().enumerate().all(|(at, leg)| {
                let traded = self.traded.get(leg.instrument.index()).and_then(Option::as_ref);
                let is_apart = legs[..at].iter().all(|other| other.instrument != leg.instrument);
                let is_paid = traded.is_some_and(|traded| traded.meta.quote == package.asset);
                leg.qty.is_orderable() && is_apart && is_paid
            });
            if !is_its || !is_here || package.client.index() >= self.bounds.clients {
                return Err(visitor.bad(package.client.0.into(), "a package of this desk"));
            }
        }
        Ok(())
    }

    /// Orders at venues, and what goes with them.
    fn visit_orders(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.orders.visit(visitor)?;
        for held in self.orders.iter() {
            let order = &held.order;
            let traded = self.traded.get(order.instrument.index()).and_then(Option::as_ref);
            let is_listed = traded.is_some_and(|traded| traded.listed(order.venue).is_ok());
            if !is_listed || usize::from(order.strategy.0) >= STRATEGIES_MAX {
                return Err(visitor.bad(order.instrument.0.into(), "an order of this desk"));
            }
        }
        self.parents.visit(visitor)?;
        for parent in self.parents.iter() {
            let traded = self
                .traded
                .get(parent.order.instrument.index())
                .and_then(Option::as_ref);
            if traded.is_none() || usize::from(parent.order.strategy.0) >= STRATEGIES_MAX {
                return Err(visitor.bad(parent.order.instrument.0.into(), "a parent order of this desk"));
            }
        }
        if visitor.is_loading() && !self.are_parents_conserved() {
            return Err(visitor.bad(0, "parent orders that their parts make up"));
        }
        self.visit_agency(visitor)?;
        self.executions.visit(visitor)?;
        self.accounts.visit(visitor)?;
        self.mark_outs.visit(visitor)?;
        let mut cancels = self.cancel_from.is_some();
        visitor.flag(&mut cancels)?;
        let mut from = self.cancel_from.unwrap_or(0);
        visitor.u32(&mut from)?;
        self.cancel_from = cancels.then_some(from);
        visitor.word(&mut self.wake_at)
    }

    /// Definitions, and the books that stand on them.
    fn visit_markets(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.exactly(self.assets.len(), "the bound on assets")?;
        for asset in &mut self.assets {
            visitor.maybe(asset)?;
        }
        visitor.exactly(self.venues.len(), "the bound on venues")?;
        for venue in &mut self.venues {
            visitor.maybe(venue)?;
        }
        visitor.exactly(self.traded.len(), "the bound on instruments")?;
        for at in 0..self.traded.len() {
            let mut def: Option<InstrumentDef> = self.traded[at].as_ref().map(|traded| traded.def);
            visitor.maybe(&mut def)?;
            let Some(def) = def else {
                continue;
            };
            if visitor.is_loading() {
                let made = Traded::new(&def, &self.assets, self.bounds.venues);
                self.traded[at] = Some(made.map_err(|_| visitor.bad(at as u64, "a definition"))?);
            }
            self.visit_listings(at, visitor)?;
        }
        Ok(())
    }

    fn visit_listings(&mut self, at: usize, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let Some(traded) = &mut self.traded[at] else {
            return Ok(());
        };
        visitor.word(&mut traded.book_seq)?;
        traded.estimates.visit(visitor)?;
        visitor.signed(&mut traded.requote.beyond_e8)?;
        visitor.word(&mut traded.requote.ns_min)?;
        traded.dealing.visit(visitor)?;
        let mut listings = traded.listings.len();
        visitor.count(&mut listings, self.bounds.venues)?;
        for place in 0..listings {
            let mut def: Option<ListingDef> = traded.listings.get(place).copied();
            visitor.maybe(&mut def)?;
            if visitor.is_loading() {
                let venue_of = |venue: VenueId| self.venues.get(venue.index()).and_then(Option::as_ref);
                let made = def
                    .and_then(|def| Some((def, venue_of(def.venue)?)))
                    .and_then(|(def, venue)| traded.list(&def, venue, self.bounds.book_levels, false).ok());
                made.ok_or_else(|| visitor.bad(place as u64, "a listing"))?;
            }
            visit_reported(&mut traded.reported[place], visitor)?;
        }
        traded.venues.visit(visitor)
    }
}

fn visit_reported(reported: &mut BookState, visitor: &mut impl Visitor) -> Result<(), StateError> {
    let from = |code| BookState::from_byte(u8::try_from(code).ok()?);
    visitor.named(
        reported,
        |state| u64::from(state.byte()),
        from,
        "a state of a book",
    )
}

/// The hash of a state's words, as [`Engine::state_hash`] gives it.
pub fn hash_of(words: &[u64]) -> u64 {
    let mut hash = RollingHash::default();
    let (quads, rest) = words.as_chunks::<4>();
    for quad in quads {
        hash.update(quad);
    }
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    hash.update(&last);
    hash.update(&[words.len() as u64, 0, 0, 0]);
    hash.value()
}
