//! A simulated venue's book of one instrument.

use bytemuck::Zeroable;
use pinrail_types::record::{BookLevel, BookUpdate, LEVELS_MAX, TopOfBook, Trade};
use pinrail_types::{E8, Flags, Frame, InstrumentId, Px, Qty, Side, VenueId};
use thiserror::Error;

use crate::execution::Liquidity;
use crate::fundamental::{Fundamental, FundamentalConfig};
use crate::ladder::{Ladder, REACH};
use crate::random::Random;

/// What a [`VenueFlow`] sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueFlowConfig {
    /// The venue.
    pub venue: VenueId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Mean number of book updates a second, a Poisson process; above zero.
    pub updates_per_s: u32,
    /// Least number of levels a side, 1 to 1,000, that a reader can know; at most twice as many stand there. A
    /// mirror needs room for four times as many, because a batch adds levels before it takes others away.
    pub levels: usize,
    /// The spread is one tick to this many.
    pub spread_ticks_max: i64,
    /// Mean quantity at the touch, 1 to 2^32 lots; levels further away hold more.
    pub qty_lots_mean: i64,
    /// Share of updates that come from a trade, times 1e8.
    pub trade_e8: u32,
    /// How far the venue's own middle strays from the fundamental price, in ticks.
    pub own_ticks_max: i64,
    /// The price that venues share: the same for all venues of one instrument.
    pub fundamental: FundamentalConfig,
}

/// A field of a [`VenueFlowConfig`] that no flow can be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum VenueConfigError {
    /// No rate.
    #[error("updates_per_s is 0: expected at least 1")]
    Rate,
    /// Too few or too many levels.
    #[error("levels is {0}: expected 1 to 1000")]
    Levels(usize),
    /// No quantity, or one that is too large.
    #[error("qty_lots_mean is {0}: expected 1 to 2^32")]
    Qty(i64),
    /// More than the whole.
    #[error("trade_e8 is {0}: expected 0 to 100000000")]
    Share(u32),
    /// A distance that is out of range.
    #[error("{name} is {value}: expected {min} to 1000000 ticks")]
    Ticks {
        /// The field.
        name: &'static str,
        /// What it holds.
        value: i64,
        /// The least that it may hold.
        min: i64,
    },
    /// A walk that takes too many steps a second.
    #[error("fundamental.step_ns is {0}: expected at least 100000")]
    StepTime(u64),
    /// A start from which a price could leave the representable range.
    #[error("fundamental.px_start is {px_start}: expected {min} to {max} ticks")]
    Start {
        /// What it holds.
        px_start: i64,
        /// The least that keeps every bid of this configuration above zero.
        min: i64,
        /// The most that keeps every ask representable.
        max: i64,
    },
}

impl VenueFlowConfig {
    fn check(&self) -> Result<(), VenueConfigError> {
        if self.updates_per_s == 0 {
            return Err(VenueConfigError::Rate);
        }
        if !(1..=1_000).contains(&self.levels) {
            return Err(VenueConfigError::Levels(self.levels));
        }
        if !(1..=1 << 32).contains(&self.qty_lots_mean) {
            return Err(VenueConfigError::Qty(self.qty_lots_mean));
        }
        if i64::from(self.trade_e8) > E8 {
            return Err(VenueConfigError::Share(self.trade_e8));
        }
        for (name, value, min) in [
            ("spread_ticks_max", self.spread_ticks_max, 1),
            ("own_ticks_max", self.own_ticks_max, 0),
            ("fundamental.step_ticks_max", self.fundamental.step_ticks_max, 0),
        ] {
            if !(min..=1_000_000).contains(&value) {
                return Err(VenueConfigError::Ticks { name, value, min });
            }
        }
        if self.fundamental.step_ns < 100_000 {
            return Err(VenueConfigError::StepTime(self.fundamental.step_ns));
        }
        // The walk keeps within a quarter of its start; the book lies around it.
        let px_start = self.fundamental.px_start.0;
        let reach = self.own_ticks_max + self.spread_ticks_max + REACH * self.levels as i64;
        let (min, max) = (2 * reach, Px::ABS_MAX / 2);
        if !(min..=max).contains(&px_start) {
            return Err(VenueConfigError::Start { px_start, min, max });
        }
        Ok(())
    }
}

/// A venue's book of one instrument that moves by itself.
///
/// Its best bid and offer follow a shared fundamental price and the venue's own small deviation from it; sizes
/// change mostly near the touch, levels come and go, trades take from the best. It is never crossed in itself. Two
/// venues can cross each other, as real ones do.
#[derive(Clone, Debug)]
pub struct VenueFlow {
    config: VenueFlowConfig,
    random: Random,
    fundamental: Fundamental,
    bids: Ladder,
    asks: Ladder,
    due: u64,
    own_ticks: i64,
    spread_ticks: i64,
    last_id: u64,
    trade_id: u64,
    top: (BookLevel, BookLevel),
    /// The levels of the update that is being made, bids first.
    levels: Vec<BookLevel>,
    /// How many of `levels` are bids.
    bids_shown: usize,
    /// The next batch is a snapshot.
    restarts: bool,
}

impl VenueFlow {
    /// A flow whose snapshot is due at `start_ns`. Flows that are to share the fundamental price need the same
    /// `start_ns`, and for lives of their own different seeds.
    ///
    /// # Errors
    /// [`VenueConfigError`] names the first field that is out of its range.
    pub fn new(config: VenueFlowConfig, seed: u64, start_ns: u64) -> Result<VenueFlow, VenueConfigError> {
        config.check()?;
        let qty_lots_mean = config.qty_lots_mean as u64;
        Ok(VenueFlow {
            config,
            random: Random::new(seed),
            fundamental: Fundamental::new(config.fundamental, start_ns),
            bids: Ladder::new(Side::Buy, config.levels, qty_lots_mean),
            asks: Ladder::new(Side::Sell, config.levels, qty_lots_mean),
            due: start_ns,
            own_ticks: 0,
            spread_ticks: 1,
            last_id: 0,
            trade_id: 0,
            top: (BookLevel::zeroed(), BookLevel::zeroed()),
            levels: Vec::with_capacity(config.levels * 16),
            bids_shown: 0,
            restarts: true,
        })
    }

    /// When the next frames are due, in nanoseconds since the epoch; never falls.
    pub fn next_due(&self) -> u64 {
        self.due
    }

    /// Appends what is due next to `out`, all with `ts_event` and `ts_recv` as [`VenueFlow::next_due`] said: a
    /// [`Trade`] if there was one, a batch of [`BookUpdate`]s, and a [`TopOfBook`] if the best changed.
    ///
    /// The first batch is a snapshot. Others follow when the price has moved so far that too few levels are left
    /// within the last one's range, beyond which a reader cannot know that it knows every level. Updates are
    /// numbered by the `Plain` rule; a removal may name a price that no reader ever saw, as at real venues.
    pub fn take(&mut self, out: &mut Vec<Frame>) {
        let due = self.due;
        let started = self.last_id > 0;
        if started && self.random.chance_e8(self.config.trade_e8) {
            out.push(self.trade(due));
        }
        self.move_book(due);
        self.stir();
        self.levels.clear();
        if !self.restarts && self.bids.is_known() && self.asks.is_known() {
            self.bids.drain_changes(&mut self.levels);
            self.bids_shown = self.levels.len();
            self.asks.drain_changes(&mut self.levels);
            let first_id = self.last_id + 1;
            self.last_id += self.levels.len() as u64;
            self.push_updates(out, first_id, Flags::NONE);
        } else {
            self.restarts = false;
            self.bids.drain_image(&mut self.levels, &mut self.random);
            self.bids_shown = self.levels.len();
            self.asks.drain_image(&mut self.levels, &mut self.random);
            self.last_id += 1;
            self.push_updates(out, self.last_id, Flags::SNAPSHOT);
        }
        out.extend(self.changed_top(due));
        self.due = due.saturating_add(self.random.wait_ns(self.config.updates_per_s));
    }

    /// What it is a book of.
    pub fn instrument(&self) -> InstrumentId {
        self.config.instrument
    }

    /// Makes the next batch a snapshot, as behind a new connection, and tells its best prices again.
    pub fn restart(&mut self) {
        self.restarts = true;
        self.top = (BookLevel::zeroed(), BookLevel::zeroed());
    }

    /// An order's way through the book as it stands, told with the next update: what a taker on `side` gets for at most `qty`
    /// at `px` or better, best first. One lot always stays. Nothing before the first [`VenueFlow::take`].
    pub fn take_liquidity(&mut self, side: Side, px: Px, qty: Qty) -> Vec<BookLevel> {
        if self.last_id == 0 {
            return Vec::new();
        }
        match side {
            Side::Buy => self.asks.take_to(px, qty),
            Side::Sell => self.bids.take_to(px, qty),
        }
    }

    /// How much a taker on `side` finds at `px` or better.
    pub fn available(&self, side: Side, px: Px) -> Qty {
        Qty(match side {
            Side::Buy => self.asks.available(px),
            Side::Sell => self.bids.available(px),
        })
    }

    /// Moves both sides to where the venue now sees the price. Each side lets go of what is in the other's way, so
    /// the book is never crossed.
    fn move_book(&mut self, now: u64) {
        let own_max = self.config.own_ticks_max;
        self.own_ticks = (self.own_ticks + self.random.between(-1, 1)).clamp(-own_max, own_max);
        if self.random.below(8) == 0 {
            self.spread_ticks = self.random.between(1, self.config.spread_ticks_max);
        }
        let mid = self.fundamental.at(now) + self.own_ticks;
        let bid = mid - self.spread_ticks / 2;
        self.bids.move_to(Px(bid), &mut self.random);
        self.asks.move_to(Px(bid + self.spread_ticks), &mut self.random);
    }

    /// Changes one level or a few, now and then dozens, and brings both sides back to their depth.
    fn stir(&mut self) {
        let changes = 1 + self.random.exponential(STIRRED_MEAN);
        for _ in 0..changes.min(self.config.levels as u64) {
            let side = if self.random.below(2) == 0 {
                &mut self.bids
            } else {
                &mut self.asks
            };
            side.stir(&mut self.random);
        }
        self.bids.keep_depth(&mut self.random);
        self.asks.keep_depth(&mut self.random);
    }

    /// Packs `levels` into the records of one batch.
    fn push_updates(&self, out: &mut Vec<Frame>, first_id: u64, kind: Flags) {
        let records = self.levels.len().div_ceil(LEVELS_MAX);
        for (i, part) in self.levels.chunks(LEVELS_MAX).enumerate() {
            let bids = self.bids_shown.saturating_sub(i * LEVELS_MAX).min(part.len());
            let mut update = BookUpdate {
                instrument: self.config.instrument,
                venue: self.config.venue,
                bids: bids as u8,
                asks: (part.len() - bids) as u8,
                ts_event: self.due,
                ts_recv: self.due,
                first_id,
                last_id: self.last_id,
                ..BookUpdate::zeroed()
            };
            update.levels[..part.len()].copy_from_slice(part);
            let mut flags = kind;
            if i == 0 {
                flags = flags.with(Flags::FIRST);
            }
            if i + 1 == records {
                flags = flags.with(Flags::LAST);
            }
            let mut frame = Frame::of(&update);
            frame.header_mut().commit = update.commit_for(flags).pack();
            out.push(frame);
        }
    }

    /// A trade at the best price of either side, of a part of what stands there or all of it.
    fn trade(&mut self, now: u64) -> Frame {
        let taker_side = if self.random.below(2) == 0 {
            Side::Buy
        } else {
            Side::Sell
        };
        let maker = match taker_side {
            Side::Buy => &mut self.asks,
            Side::Sell => &mut self.bids,
        };
        let best = maker.best().expect("a side is never empty between updates");
        let qty = Qty(self.random.between(1, best.qty.0));
        maker.take_from_best(qty);
        self.trade_id += 1;
        Frame::of(&Trade {
            instrument: self.config.instrument,
            venue: self.config.venue,
            taker_side: taker_side.fix(),
            ts_event: now,
            ts_recv: now,
            trade_id: self.trade_id,
            px: best.px,
            qty,
            ..Trade::zeroed()
        })
    }

    /// The best bid and offer, if they are not what was last told.
    fn changed_top(&mut self, now: u64) -> Option<Frame> {
        let (bid, ask) = self.bids.best().zip(self.asks.best())?;
        if self.top == (bid, ask) {
            return None;
        }
        self.top = (bid, ask);
        Some(Frame::of(&TopOfBook {
            instrument: self.config.instrument,
            venue: self.config.venue,
            ts_event: now,
            ts_recv: now,
            update_id: self.last_id,
            bid_px: bid.px,
            bid_qty: bid.qty,
            ask_px: ask.px,
            ask_qty: ask.qty,
            ..TopOfBook::zeroed()
        }))
    }
}

impl Liquidity for VenueFlow {
    fn instrument(&self) -> InstrumentId {
        VenueFlow::instrument(self)
    }

    fn available(&self, side: Side, px: Px) -> Qty {
        VenueFlow::available(self, side, px)
    }

    fn take_liquidity(&mut self, side: Side, px: Px, qty: Qty) -> Vec<BookLevel> {
        VenueFlow::take_liquidity(self, side, px, qty)
    }
}

/// Mean number of levels that an update stirs beyond the first.
const STIRRED_MEAN: u64 = 4;
