//! The mirror of one instrument's depth at one venue.

use pinrail_types::record::{
    BookLevel, BookState, BookUpdate, SequenceRule, TopOfBook, VenueStatus, VenueStatusKind,
};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Commit, Flags, Px, Qty, Reason};

use crate::levels::{BookSide, Levels};
use crate::sequence::{Sequencer, Verdict};
use crate::tops::{Top, WaitingTops};

/// What a record did to a book's state: where `before` and `now` differ, a `BookStatus` is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The state before the record.
    pub before: BookState,
    /// The state after it.
    pub now: BookState,
    /// Why it is not healthy now; [`Reason::None`] if it is.
    pub reason: Reason,
}

impl Change {
    /// Whether the state is another one now.
    #[inline]
    pub fn is_change(&self) -> bool {
        self.before != self.now
    }
}

/// What becomes of the levels of an update that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BatchKind {
    Snapshot,
    Apply,
    Drop,
}

/// An update whose last record has not come yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Batch {
    kind: BatchKind,
    first_id: u64,
    last_id: u64,
    prev_id: u64,
}

impl Batch {
    const NONE: Batch = Batch {
        kind: BatchKind::Drop,
        first_id: 0,
        last_id: 0,
        prev_id: 0,
    };

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        let kinds = [BatchKind::Snapshot, BatchKind::Apply, BatchKind::Drop];
        let from = |code: u64| kinds.get(usize::try_from(code).ok()?).copied();
        visitor.named(&mut self.kind, |kind| kind as u64, from, "a kind of batch")?;
        visitor.word(&mut self.first_id)?;
        visitor.word(&mut self.last_id)?;
        visitor.word(&mut self.prev_id)
    }

    fn takes(&self, update: &BookUpdate, flags: Flags) -> bool {
        flags.has(Flags::SNAPSHOT) == (self.kind == BatchKind::Snapshot)
            && update.first_id == self.first_id
            && update.last_id == self.last_id
            && update.prev_id == self.prev_id
    }
}

/// The mirror of one instrument's depth at one venue.
///
/// It is fed the venue's records in the order in which they were taken; that they are for this instrument and venue
/// is the caller's to see to. It fails closed: whatever is missing, malformed or contradicted makes it unusable until
/// the next snapshot. It allocates in [`Book::new`] only.
///
/// A snapshot is taken in any state, also in the middle of another batch: it starts the book again.
#[derive(Debug)]
pub struct Book {
    bids: Levels,
    asks: Levels,
    /// The state as of the last whole batch.
    state: BookState,
    /// Why it is not healthy.
    reason: Reason,
    sequencer: Sequencer,
    batch: Option<Batch>,
    ts_recv: u64,
    tops_waiting: WaitingTops,
    tops_compared: u64,
}

impl Book {
    /// An empty book that holds up to `levels_max` levels a side.
    ///
    /// # Panics
    /// If `levels_max` is zero.
    pub fn new(rule: SequenceRule, levels_max: usize) -> Book {
        Book {
            bids: Levels::new(BookSide::Bid, levels_max),
            asks: Levels::new(BookSide::Ask, levels_max),
            state: BookState::Empty,
            reason: Reason::BookBuilding,
            sequencer: Sequencer::new(rule),
            batch: None,
            ts_recv: 0,
            tops_waiting: WaitingTops::new(),
            tops_compared: 0,
        }
    }

    /// Takes a part of an update or of a snapshot.
    ///
    /// While the parts of an update that is applied come in, [`Book::state`] is `Building`; the change that is
    /// returned leaves that out and tells only what the whole came to. A snapshot reports `Building` with its
    /// first part.
    pub fn apply(&mut self, update: &BookUpdate) -> Change {
        let before = self.state;
        if let Err(reason) = self.take_part(update) {
            self.fail(BookState::Gapped, reason);
        }
        self.change_since(before)
    }

    /// Reads what every update touches, so that it is in the cache. Changes nothing.
    #[inline]
    pub fn warm(&self) {
        self.bids.warm();
        self.asks.warm();
        core::hint::black_box((self.state, self.sequencer.last_id(), self.ts_recv));
    }

    /// Reads what an update will touch of the levels, once [`Book::warm`] was called. Changes nothing.
    #[inline]
    pub fn warm_levels(&self, update: &BookUpdate) {
        if let Some((bids, asks)) = update.sides() {
            for (side, levels) in [(&self.bids, bids), (&self.asks, asks)] {
                for level in levels {
                    side.warm_at(level.px);
                }
            }
        }
    }

    fn take_part(&mut self, update: &BookUpdate) -> Result<(), Reason> {
        let flags = Commit::unpack(update.header.commit).flags;
        let starts_snapshot = flags.has(Flags::SNAPSHOT.with(Flags::FIRST));
        if self.sequencer.needs_snapshot() && self.batch.is_none() && !starts_snapshot {
            return Ok(());
        }
        let batch = self.batch_of(update, flags, starts_snapshot)?;
        if batch.kind != BatchKind::Drop {
            let (bids, asks) = update.sides().ok_or(Reason::BadLayout)?;
            set_all(&mut self.bids, bids)?;
            set_all(&mut self.asks, asks)?;
        }
        if flags.has(Flags::LAST) {
            self.batch = None;
            self.finish(batch, update.ts_recv);
        } else {
            self.batch = Some(batch);
        }
        Ok(())
    }

    /// The batch that the record opens or goes on with.
    fn batch_of(
        &mut self,
        update: &BookUpdate,
        flags: Flags,
        starts_snapshot: bool,
    ) -> Result<Batch, Reason> {
        if !flags.has(Flags::FIRST) {
            return self
                .batch
                .filter(|batch| batch.takes(update, flags))
                .ok_or(Reason::BookGap);
        }
        let kind = if starts_snapshot {
            self.start_snapshot();
            BatchKind::Snapshot
        } else if self.batch.is_some() {
            return Err(Reason::BookGap);
        } else {
            match self
                .sequencer
                .on_update(update.first_id, update.last_id, update.prev_id)
            {
                Verdict::Drop => BatchKind::Drop,
                Verdict::Apply => BatchKind::Apply,
                Verdict::Gap => return Err(Reason::BookGap),
            }
        };
        Ok(Batch {
            kind,
            first_id: update.first_id,
            last_id: update.last_id,
            prev_id: update.prev_id,
        })
    }

    fn start_snapshot(&mut self) {
        self.bids.clear();
        self.asks.clear();
        self.sequencer.reset();
        self.state = BookState::Building;
        self.reason = Reason::BookBuilding;
    }

    fn finish(&mut self, batch: Batch, ts_recv: u64) {
        match batch.kind {
            BatchKind::Drop => return,
            BatchKind::Apply if self.sequencer.is_mirrored() => {
                self.bids.seal();
                self.asks.seal();
            }
            BatchKind::Apply => {}
            BatchKind::Snapshot => {
                self.bids.seal();
                self.asks.seal();
                self.sequencer.on_snapshot(batch.last_id);
            }
        }
        self.bids.settle();
        self.asks.settle();
        self.ts_recv = ts_recv;
        (self.state, self.reason) = if !self.sequencer.is_synced() {
            (BookState::Building, Reason::BookBuilding)
        } else if self.is_crossed() {
            (BookState::Crossed, Reason::BookCrossed)
        } else {
            (BookState::Healthy, Reason::None)
        };
        self.compare_waiting();
    }

    fn is_crossed(&self) -> bool {
        match (self.bids.best_px_settled(), self.asks.best_px_settled()) {
            (Some(bid), Some(ask)) => bid >= ask,
            _ => false,
        }
    }

    /// Takes the venue's own best bid and offer, to be compared, price and quantity, with the book's as of the same
    /// update: now, or when that update has come, since tickers often arrive before it. Only a healthy book is
    /// compared; a difference makes it `Mismatched`.
    ///
    /// A side of which the book knows nothing agrees with any price outside its known range.
    #[inline]
    pub fn on_top(&mut self, top: &TopOfBook) -> Change {
        let before = self.state;
        if top.update_id > self.last_id() || self.batch.is_some() {
            self.tops_waiting.push(Top::from(top));
        } else if top.update_id == self.last_id() && self.state == BookState::Healthy {
            self.compare(&Top::from(top));
        }
        self.change_since(before)
    }

    fn compare_waiting(&mut self) {
        while let Some(top) = self.tops_waiting.pop_until(self.last_id()) {
            if top.update_id == self.last_id() && self.state == BookState::Healthy {
                self.compare(&top);
            }
        }
    }

    fn compare(&mut self, top: &Top) {
        self.tops_compared += 1;
        let agrees =
            agrees(&self.bids, top.bid_px, top.bid_qty) && agrees(&self.asks, top.ask_px, top.ask_qty);
        if !agrees {
            self.fail(BookState::Mismatched, Reason::BookMismatch);
        }
    }

    /// Takes the news that the venue's connection came or went, or that updates were lost on the way. A kind that
    /// is none is taken as a loss.
    pub fn on_status(&mut self, status: &VenueStatus) -> Change {
        let before = self.state;
        let (state, reason) = match VenueStatusKind::from_byte(status.kind) {
            Some(VenueStatusKind::Connected) => (BookState::Empty, Reason::BookBuilding),
            Some(VenueStatusKind::Disconnected) => (BookState::Disconnected, Reason::VenueDisconnected),
            Some(VenueStatusKind::Gap) => (BookState::Gapped, Reason::BookGap),
            None => (BookState::Gapped, Reason::BadField),
        };
        self.fail(state, reason);
        self.change_since(before)
    }

    /// Makes the book unusable until the next snapshot, as [`VenueStatusKind::Disconnected`] does: nobody who is there
    /// now follows the venue's updates.
    pub fn disconnect(&mut self) {
        self.fail(BookState::Disconnected, Reason::VenueDisconnected);
    }

    /// Makes the book unusable until the next snapshot.
    fn fail(&mut self, state: BookState, reason: Reason) {
        self.sequencer.reset();
        self.tops_waiting.clear();
        self.batch = None;
        self.state = state;
        self.reason = reason;
    }

    /// Goes through the state. What is read back goes on as the book did from which it was saved, in the middle of a batch
    /// as well.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is no book of this size.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.bids.visit(visitor)?;
        self.asks.visit(visitor)?;
        let from = |code| BookState::from_byte(u8::try_from(code).ok()?);
        visitor.named(&mut self.state, |state| u64::from(state.byte()), from, "a state")?;
        visitor.reason(&mut self.reason)?;
        self.sequencer.visit(visitor)?;
        let mut has_batch = self.batch.is_some();
        visitor.flag(&mut has_batch)?;
        self.batch = has_batch.then(|| self.batch.unwrap_or(Batch::NONE));
        if let Some(batch) = &mut self.batch {
            batch.visit(visitor)?;
        }
        visitor.word(&mut self.ts_recv)?;
        self.tops_waiting.visit(visitor)?;
        visitor.word(&mut self.tops_compared)
    }

    fn change_since(&self, before: BookState) -> Change {
        Change {
            before,
            now: self.state,
            reason: self.reason,
        }
    }

    /// The state. Only a [`BookState::Healthy`] book is priced from.
    #[inline]
    pub fn state(&self) -> BookState {
        match self.batch {
            Some(Batch {
                kind: BatchKind::Apply,
                ..
            }) => BookState::Building,
            _ => self.state,
        }
    }

    /// Why the book is not healthy; [`Reason::None`] if it is.
    #[inline]
    pub fn reason(&self) -> Reason {
        match self.state() {
            BookState::Building => Reason::BookBuilding,
            _ => self.reason,
        }
    }

    /// The venue's last update id that the book holds; of a book that is not usable, the last that it held.
    #[inline]
    pub fn last_id(&self) -> u64 {
        self.sequencer.last_id()
    }

    /// When the last update that was applied was received; zero before the first.
    #[inline]
    pub fn ts_recv(&self) -> u64 {
        self.ts_recv
    }

    /// Whether the last update is more than `stale_ns_max` away from `now`. An update from the future is as
    /// suspect as an old one.
    #[inline]
    pub fn is_stale(&self, now: u64, stale_ns_max: u64) -> bool {
        now.abs_diff(self.ts_recv) > stale_ns_max
    }

    /// How often the venue's own best bid and offer were compared with the book's.
    pub fn tops_compared(&self) -> u64 {
        self.tops_compared
    }

    /// The best bid, if it is known. Meaningful in a healthy book only.
    #[inline]
    pub fn best_bid(&self) -> Option<BookLevel> {
        self.bids.best()
    }

    /// The best offer, if it is known. Meaningful in a healthy book only.
    #[inline]
    pub fn best_ask(&self) -> Option<BookLevel> {
        self.asks.best()
    }

    /// The bids.
    #[inline]
    pub fn bids(&self) -> &Levels {
        &self.bids
    }

    /// The offers.
    #[inline]
    pub fn asks(&self) -> &Levels {
        &self.asks
    }
}

/// Applies the levels of one side, up to the first that is malformed.
fn set_all(side: &mut Levels, levels: &[BookLevel]) -> Result<(), Reason> {
    for level in levels {
        if !level.px.is_representable() || !(0..=Qty::ABS_MAX).contains(&level.qty.0) {
            return Err(Reason::BadField);
        }
        side.set(level.px, level.qty);
    }
    Ok(())
}

fn agrees(side: &Levels, px: Px, qty: Qty) -> bool {
    match side.best() {
        Some(best) => best.px == px && best.qty == qty,
        None => !side.knows(px),
    }
}
