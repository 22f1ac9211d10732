//! Books that the session keeps itself and checks with all the evidence that the venue gives.

use std::cmp::Ordering;

use pinrail_types::record::BookLevel;
use pinrail_types::{Flags, Frame, Qty};

use super::checksum::{self, Places};
use super::mirror::Mirror;
use super::packing::Packing;
use super::quotes::{Best, Quotes};
use super::{Counts, Doubt, VIEW_LEVELS_MAX};
use crate::amount::{LEVELS_MAX, PX_RANGE, QTY_RANGE, amount, places, plain};
use crate::binance::Depth;
use crate::bybit;
use crate::error::MessageError;
use crate::listing::{Listing, Market};
use crate::wire::{self, Action, Change, Changes, Message, Quote, out_of_range};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No image, or a doubt since the last one.
    Unsynced,
    /// An image without evidence of its own: it goes out with the first update whose checksum it passes.
    Unproven,
    /// The core has what [`Mirrored::shown`] has.
    Synced,
}

/// A change on the desk's grid.
struct Step {
    action: Action,
    px: i64,
    qty: i64,
    id: Option<u64>,
}

/// Keeps the venue's book, checks it after each message, and only then shows the change to the core. Where the venue
/// sends checksums, no more levels are shown than these prove.
#[derive(Debug)]
pub(crate) struct Mirrored {
    listing: Listing,
    phase: Phase,
    mirror: Mirror,
    quotes: Quotes,
    /// What the core has, best first.
    shown: [Vec<BookLevel>; 2],
    /// The latest message's number and time, also of those that were dropped since the last doubt; zero for none.
    id: u64,
    ts_event: u64,
    /// Last id of the records that went out.
    last_id: u64,
    depth: Option<usize>,
    has_checksum: bool,
    /// Places of the pair's numbers, where the checksum needs them.
    places: Option<Places>,
    /// The id and price of some level: the ids of all levels are in this ratio to their prices.
    id_ratio: Option<(u64, i64)>,
}

impl Mirrored {
    pub(crate) fn new(listing: Listing) -> Mirrored {
        Mirrored {
            listing,
            phase: Phase::Unsynced,
            mirror: Mirror::default(),
            quotes: Quotes::default(),
            shown: Default::default(),
            id: 0,
            ts_event: 0,
            last_id: 0,
            depth: None,
            has_checksum: false,
            places: None,
            id_ratio: None,
        }
    }

    pub(crate) fn listing(&self) -> &Listing {
        &self.listing
    }

    pub(crate) fn needs_snapshot(&self) -> bool {
        self.phase == Phase::Unsynced
    }

    /// Waits for the next image; whether it is older than what comes until then will be seen.
    pub(crate) fn reset(&mut self) {
        self.phase = Phase::Unsynced;
        (self.id, self.ts_event) = (0, 0);
        self.mirror = Mirror::default();
        self.quotes.clear();
        self.places = None;
    }

    /// Takes one message. The mark of a gap is the caller's to send.
    pub(crate) fn take(
        &mut self,
        ts_recv: u64,
        json: &str,
        counts: &mut Counts,
        out: &mut Vec<Frame>,
    ) -> Result<Option<Doubt>, MessageError> {
        match wire::decode(self.listing.market, json)? {
            Message::Book(changes) if changes.symbol == self.listing.symbol => {
                counts.messages += 1;
                let levels = changes.sides.iter().map(Vec::len).sum::<usize>();
                counts.levels += levels as u64;
                self.take_changes(ts_recv, &changes, counts, out)
            }
            Message::Quote(quote) if quote.symbol == self.listing.symbol => {
                counts.messages += 1;
                counts.tops += 1;
                self.take_quote(&quote, counts)
            }
            _ => Ok(None),
        }
    }

    fn take_quote(&mut self, quote: &Quote<'_>, counts: &mut Counts) -> Result<Option<Doubt>, MessageError> {
        let mut best: Best = [None; 2];
        for (side, quoted) in best.iter_mut().zip(quote.sides) {
            let Some((px, qty)) = quoted else { continue };
            let px = amount(&self.listing.tick, "best price", &plain(px), 1, PX_RANGE)?;
            let qty = qty.map(|qty| amount(&self.listing.lot, "best quantity", &plain(qty), 1, QTY_RANGE));
            *side = Some((px, qty.transpose()?));
        }
        if self.phase == Phase::Synced {
            return Ok(self.quotes.on_quote(quote.ts_event, best, counts).err());
        }
        Ok(None)
    }

    fn take_changes(
        &mut self,
        ts_recv: u64,
        changes: &Changes<'_>,
        counts: &mut Counts,
        out: &mut Vec<Frame>,
    ) -> Result<Option<Doubt>, MessageError> {
        if changes.is_image {
            counts.snapshots += 1;
        } else {
            counts.updates += 1;
        }
        let steps = self.on_grid(changes)?;
        if !changes.is_image && self.phase == Phase::Unsynced {
            self.id = self.id.max(changes.id.unwrap_or(0));
            self.ts_event = self.ts_event.max(changes.ts_event);
            return Ok(None);
        }
        let judged = if changes.is_image {
            self.restart(changes, &steps, counts)
        } else {
            self.advance(changes, &steps, counts)
        };
        if let Err(doubt) = judged {
            return Ok(Some(doubt));
        }
        self.show(ts_recv, changes, counts, out);
        Ok(None)
    }

    fn on_grid(&mut self, changes: &Changes<'_>) -> Result<[Vec<Step>; 2], MessageError> {
        let mut steps = [Vec::new(), Vec::new()];
        for ((side, into), key) in changes.sides.iter().zip(&mut steps).zip(["bids", "asks"]) {
            for change in side {
                into.push(self.step(changes, change, key)?);
            }
        }
        Ok(steps)
    }

    fn step(&mut self, changes: &Changes<'_>, change: &Change<'_>, key: &str) -> Result<Step, MessageError> {
        let action = if changes.is_image {
            Action::New
        } else {
            change.action
        };
        let least = i64::from(action != Action::Set);
        let qty = match action {
            Action::Delete => 0,
            _ => amount(&self.listing.lot, key, &plain(change.qty), least, QTY_RANGE)?,
        };
        if self.listing.market == Market::Kraken {
            let here = Places {
                px: places(change.px),
                qty: places(change.qty),
            };
            if *self.places.get_or_insert(here) != here {
                return Err(out_of_range(
                    key,
                    change.px,
                    "as many places as the pair's numbers before",
                ));
            }
        }
        Ok(Step {
            action,
            px: amount(&self.listing.tick, key, &plain(change.px), 1, PX_RANGE)?,
            qty,
            id: change.id,
        })
    }

    /// Begins again with an image.
    fn restart(
        &mut self,
        image: &Changes<'_>,
        steps: &[Vec<Step>; 2],
        counts: &mut Counts,
    ) -> Result<(), Doubt> {
        let is_old = |ours: u64, theirs: Option<u64>| theirs.is_some_and(|theirs| theirs < ours);
        // Kraken's image has the times of its levels, which may all be older than the latest removal.
        let is_timed = image.ts_event > 0 && self.listing.market != Market::Kraken;
        let ts_event = Some(image.ts_event).filter(|_| is_timed);
        if is_old(self.id, image.id) || is_old(self.ts_event, ts_event) {
            return Err(Doubt::OldSnapshot);
        }
        self.mirror = Mirror::default();
        self.quotes.clear();
        self.id = image.id.unwrap_or(0);
        self.ts_event = image.ts_event;
        self.has_checksum = self.listing.market == Market::Kraken || image.checksum.is_some();
        self.id_ratio = steps.iter().flatten().find_map(|step| Some((step.id?, step.px)));
        self.depth = match self.listing.market {
            Market::Bybit => Some(bybit::DEPTH),
            _ => image.depth,
        };
        self.apply(steps)?;
        if self.depth.is_some_and(|depth| self.mirror.depth() > depth) {
            return Err(Doubt::Depth);
        }
        self.check(image, counts)?;
        if image.ts_event > 0 {
            self.quotes
                .on_change(image.ts_event, self.mirror.best(), counts)?;
        }
        Ok(())
    }

    /// Goes on with an update.
    fn advance(
        &mut self,
        update: &Changes<'_>,
        steps: &[Vec<Step>; 2],
        counts: &mut Counts,
    ) -> Result<(), Doubt> {
        self.follow(update)?;
        self.apply(steps)?;
        match (self.listing.market, self.depth) {
            (Market::Kraken, depth) if depth != update.depth => return Err(Doubt::Depth),
            (Market::Kraken, Some(depth)) => self.mirror.truncate(depth),
            (_, depth) if self.mirror.depth() > depth.unwrap_or(LEVELS_MAX) => return Err(Doubt::Depth),
            _ => {}
        }
        self.check(update, counts)?;
        self.quotes.on_change(update.ts_event, self.mirror.best(), counts)
    }

    fn follow(&mut self, update: &Changes<'_>) -> Result<(), Doubt> {
        if update.prev_id.is_some_and(|prev_id| prev_id != self.id) {
            return Err(Doubt::Sequence);
        }
        if let Some(id) = update.id {
            // OKX repeats its number where nothing changed.
            let says_nothing = update.prev_id == Some(id) && update.sides.iter().all(Vec::is_empty);
            if id <= self.id && !says_nothing {
                return Err(Doubt::Sequence);
            }
            self.id = id;
        }
        if update.ts_event > 0 {
            if update.ts_event < self.ts_event {
                return Err(Doubt::Clock);
            }
            self.ts_event = update.ts_event;
        }
        Ok(())
    }

    fn apply(&mut self, steps: &[Vec<Step>; 2]) -> Result<(), Doubt> {
        for (side, steps) in steps.iter().enumerate() {
            for step in steps {
                if let (Some(id), Some((known_id, known_px))) = (step.id, self.id_ratio) {
                    let is_in_ratio =
                        i128::from(id) * i128::from(known_px) == i128::from(known_id) * i128::from(step.px);
                    if !is_in_ratio {
                        return Err(Doubt::LevelId);
                    }
                }
                self.mirror.apply(side, step.action, step.px, step.qty)?;
            }
        }
        Ok(())
    }

    /// Checks the book behind a message.
    fn check(&mut self, message: &Changes<'_>, counts: &mut Counts) -> Result<(), Doubt> {
        let is_crossed = self.mirror.is_crossed();
        counts.crossed += u64::from(is_crossed && !self.has_checksum);
        if !self.has_checksum {
            return if is_crossed { Err(Doubt::Crossed) } else { Ok(()) };
        }
        let (market, is_image) = (self.listing.market, message.is_image);
        if market == Market::Kraken && is_image {
            return Ok(());
        }
        let computed = match self.places {
            Some(places) if market == Market::Kraken => checksum::kraken(&self.mirror, &self.listing, places),
            _ => Some(checksum::okx(&self.mirror, &self.listing)),
        };
        let is_equal = message.checksum.is_some() && message.checksum == computed;
        counts.checksums += 1;
        counts.checksums_equal += u64::from(is_equal);
        if is_equal { Ok(()) } else { Err(Doubt::Checksum) }
    }

    /// Levels a side that the core is shown.
    fn view(&self) -> usize {
        match self.listing.market {
            Market::Kraken => checksum::KRAKEN_LEVELS,
            Market::Okx if self.has_checksum => checksum::OKX_LEVELS,
            _ => VIEW_LEVELS_MAX,
        }
    }

    /// Shows the core what the message came to.
    fn show(&mut self, ts_recv: u64, message: &Changes<'_>, counts: &mut Counts, out: &mut Vec<Frame>) {
        let packing = Packing::of(&self.listing, ts_recv);
        if message.is_image && self.listing.market == Market::Kraken {
            if self.phase == Phase::Synced {
                out.push(packing.gap());
            }
            self.phase = Phase::Unproven;
            return;
        }
        let view = self.view();
        let now = [0, 1].map(|side| self.mirror.top(side, view).collect::<Vec<_>>());
        let is_whole = message.is_image || self.phase != Phase::Synced;
        let (bids, asks) = if is_whole {
            (now[0].clone(), now[1].clone())
        } else {
            (
                difference(&self.shown[0], &now[0], |a, b| b.px.cmp(&a.px)),
                difference(&self.shown[1], &now[1], |a, b| a.px.cmp(&b.px)),
            )
        };
        let first_id = self.last_id + 1;
        self.last_id = first_id;
        let depth = Depth {
            first_id,
            last_id: first_id,
            prev_id: 0,
            ts_event: message.ts_event,
            bids: &bids,
            asks: &asks,
        };
        packing.pack(&depth, if is_whole { Flags::SNAPSHOT } else { Flags::NONE }, out);
        counts.resyncs += u64::from(is_whole && self.phase != Phase::Synced && counts.gaps > 0);
        self.phase = Phase::Synced;
        self.shown = now;
    }
}

/// The levels that make `after` out of `before`, both best first: what goes, then what is new or changed, so that no
/// side is ever deeper than the view.
fn difference(
    before: &[BookLevel],
    after: &[BookLevel],
    order: impl Fn(&BookLevel, &BookLevel) -> Ordering,
) -> Vec<BookLevel> {
    let (mut gone, mut set) = (Vec::new(), Vec::new());
    let mut old = before.iter().peekable();
    for level in after {
        while let Some(passed) = old.next_if(|at| order(at, level).is_lt()) {
            gone.push(passed.px);
        }
        match old.next_if(|at| at.px == level.px) {
            Some(same) if same == level => {}
            _ => set.push(*level),
        }
    }
    gone.extend(old.map(|level| level.px));
    let gone = gone.into_iter().map(|px| BookLevel { px, qty: Qty::ZERO });
    gone.chain(set).collect()
}

#[cfg(test)]
mod hostile;
#[cfg(test)]
mod tests;
