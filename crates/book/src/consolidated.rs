//! Several venues as one: a sweep to a size, and the common best bid and offer.

use pinrail_types::record::{BookState, TopOfBook, Trade};
use pinrail_types::state::{StateError, Visitor};
use pinrail_types::{Px, Qty, Reason, Side};

use crate::book::{Book, Change};
use crate::ladder::Ladder;
use crate::levels::Levels;
use crate::merge::Merge;

/// Most venues in one consolidated view.
pub const VENUES_MAX: usize = 16;

/// A venue as a source of liquidity.
#[derive(Debug)]
pub struct Source {
    /// Its book.
    pub book: Book,
    /// Taker fee as a fraction of notional, times 1e8; negative is a rebate; its magnitude is below 1e8.
    pub taker_fee_e8: i32,
    /// A book of which nothing was heard for longer is stale.
    pub stale_ns_max: u64,
    /// The venue is halted or disabled: not to be used.
    pub halted: bool,
    /// The venue's lot in the desk's lots, at least 1: an order there is for a multiple of it. Books are in the desk's
    /// lots and may hold what is no multiple.
    pub lot: Qty,
}

impl Source {
    /// The levels that a client's order would be hedged against.
    #[inline]
    pub(crate) fn opposite(&self, side: Side) -> &Levels {
        match side {
            Side::Buy => self.book.asks(),
            Side::Sell => self.book.bids(),
        }
    }
}

/// What it would take to trade a quantity now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// What is paid (client buys) or fetched (client sells) with fees, in ticks times lots times 1e8. Exact.
    pub cost: i128,
    /// The quantity swept: what was asked for.
    pub qty: Qty,
    /// The worst price net of fee that was used, in ticks times 1e8.
    pub worst_net_e8: i128,
    /// The worst price that was used at any venue, fee not counted.
    pub worst_px: Px,
    /// The sources that are used, one bit each, by index.
    pub venue_mask: u16,
    /// How many levels are used.
    pub levels: u32,
}

impl Sweep {
    /// How many venues are used.
    #[inline]
    pub fn venues(&self) -> u8 {
        self.venue_mask.count_ones() as u8
    }
}

/// The best bid and offer over several venues, fees not counted. They may cross one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Top {
    /// Highest bid.
    pub bid_px: Px,
    /// Lowest offer.
    pub ask_px: Px,
}

impl Top {
    /// The middle, rounded down.
    #[inline]
    pub fn mid(&self) -> Px {
        Px((self.bid_px.0 + self.ask_px.0) >> 1)
    }
}

/// The worse of two prices for whoever hedges a client that does `side`.
#[inline]
pub(crate) fn worst_of(side: Side, a: Px, b: Px) -> Px {
    match side {
        Side::Buy => a.max(b),
        Side::Sell => a.min(b),
    }
}

/// Whether a price net of fee is as good as `limit` or better for whoever hedges a client that does `side`.
#[inline]
pub(crate) fn is_no_worse(side: Side, net_e8: i128, limit_e8: i128) -> bool {
    match side {
        Side::Buy => net_e8 <= limit_e8,
        Side::Sell => net_e8 >= limit_e8,
    }
}

/// Better than any price: what the worst of no prices is.
#[inline]
pub(crate) fn best_of_all(side: Side) -> Px {
    worst_of(side.opposite(), Px(i64::MIN), Px(i64::MAX))
}

/// The venues that list one instrument, as one.
///
/// What a request asks of it can be worked out beforehand: [`Consolidated::refresh`] merges the first levels of all
/// venues, and until a venue changes a sweep is one search in what was merged. Whether that was done never changes an
/// answer, only how long it takes.
#[repr(C)]
#[derive(Debug)]
pub struct Consolidated {
    sources: Vec<Source>,
    /// The sources that each ladder was made from, one bit each; zero if it is out of date.
    merged: [u16; 2],
    /// What [`View::mids`] says of the venues that were merged last, and which these are, one bit each.
    mids: (Option<(Px, Px)>, u16),
    /// For clients that buy, and for those that sell. Apart, so that what an update reads lies close together.
    ladders: Box<[Ladder; 2]>,
    last_trade: Option<Trade>,
}

impl Default for Consolidated {
    fn default() -> Self {
        Consolidated::new()
    }
}

impl Consolidated {
    /// No venue. Allocates for [`VENUES_MAX`] of them, and not later.
    pub fn new() -> Consolidated {
        Consolidated {
            sources: Vec::with_capacity(VENUES_MAX),
            merged: [0; 2],
            mids: (None, 0),
            ladders: Box::new([Ladder::new(), Ladder::new()]),
            last_trade: None,
        }
    }

    /// Adds a venue, behind those that are there.
    ///
    /// # Panics
    /// If there are [`VENUES_MAX`] already, or the venue's lot is none.
    pub fn add(&mut self, source: Source) {
        assert!(self.sources.len() < VENUES_MAX, "more sources than VENUES_MAX");
        assert!(source.lot.is_orderable(), "a lot of at least one");
        self.invalidate();
        self.sources.push(source);
    }

    /// The venues.
    #[inline]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// A venue, to be changed.
    ///
    /// # Panics
    /// If there is none at this index.
    #[inline]
    pub fn source_mut(&mut self, at: usize) -> &mut Source {
        self.invalidate();
        &mut self.sources[at]
    }

    /// Shows a venue's own best bid and offer to its book, see [`Book::on_top`]. That changes no level, so what was merged
    /// stays good; a book that they disagree with is no longer usable, and what was merged with it is not used.
    ///
    /// # Panics
    /// If there is no venue at this index.
    #[inline]
    pub fn on_top(&mut self, at: usize, top: &TopOfBook) -> Change {
        self.sources[at].book.on_top(top)
    }

    /// Takes a trade at any of the venues: it is the last one now, whatever times it names. It changes no book.
    #[inline]
    pub fn on_trade(&mut self, trade: &Trade) {
        self.last_trade = Some(*trade);
    }

    /// The trade that was taken last: venue, price, quantity, the taker's side, and when. `None` before the first. Kept when
    /// its venue is halted or lost; its times say how old it is.
    #[inline]
    pub fn last_trade(&self) -> Option<&Trade> {
        self.last_trade.as_ref()
    }

    /// Goes through the state: the venues that are there, each with its book and whether it is halted, and the last trade.
    ///
    /// # Errors
    /// [`StateError`], if what is read back is of other venues.
    pub fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.exactly(self.sources.len(), "as many venues")?;
        for source in &mut self.sources {
            source.book.visit(visitor)?;
            visitor.flag(&mut source.halted)?;
        }
        visitor.maybe(&mut self.last_trade)?;
        if visitor.is_loading() {
            self.invalidate();
        }
        Ok(())
    }

    #[inline]
    fn invalidate(&mut self) {
        self.merged = [0; 2];
        self.mids.1 = 0;
    }

    /// Merges one side of the venues that are usable at `now`, if it changed since it was merged last. True if
    /// there was something to do, and there may be more. For a thread that has nothing else to do: it takes about as
    /// long as a sweep of 32 levels.
    pub fn refresh(&mut self, now: u64) -> bool {
        let Ok(usable) = usable(&self.sources, now) else {
            return false;
        };
        let ladders = self.ladders.iter_mut().zip(&mut self.merged);
        for (side, (ladder, merged)) in [Side::Buy, Side::Sell].into_iter().zip(ladders) {
            if *merged != usable {
                *merged = usable;
                self.mids = (mids(&self.sources, usable), usable);
                match self.sources.len() {
                    0..=2 => merge::<2>(&self.sources, usable, side, ladder),
                    3..=4 => merge::<4>(&self.sources, usable, side, ladder),
                    _ => merge::<VENUES_MAX>(&self.sources, usable, side, ladder),
                }
                return true;
            }
        }
        false
    }

    /// Reads what a sweep in what was merged may read, so that it is in the cache. Changes nothing.
    #[inline]
    pub fn warm(&self) {
        for ladder in self.ladders.iter() {
            ladder.warm();
        }
    }

    /// The venues that are neither halted, nor unhealthy, nor stale at `now`, to be asked. A few instructions a venue.
    ///
    /// # Errors
    /// [`Reason::ReferenceMissing`] if no venue that is not halted has a healthy book; [`Reason::ReferenceStale`] if
    /// all that have are stale.
    #[inline]
    pub fn view(&self, now: u64) -> Result<View<'_>, Reason> {
        Ok(View {
            consolidated: self,
            usable: usable(&self.sources, now)?,
        })
    }
}

/// The usable venues of a [`Consolidated`] at one time.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    pub(crate) consolidated: &'a Consolidated,
    /// One bit each; at least one.
    pub(crate) usable: u16,
}

impl View<'_> {
    /// The venues that it looks at, one bit each, in the order in which they were added; at least one.
    #[inline]
    pub fn usable_mask(&self) -> u16 {
        self.usable
    }

    /// The side that a client's order would be hedged against, if it was merged and nothing changed since.
    #[inline]
    pub(crate) fn ladder(&self, side: Side) -> Option<&Ladder> {
        let at = match side {
            Side::Buy => 0,
            Side::Sell => 1,
        };
        // What is usable is never nothing, so that no ladder out of date is taken.
        (self.consolidated.merged[at] == self.usable).then(|| &self.consolidated.ladders[at])
    }

    /// What it takes to buy (`Side::Buy`: the client buys, so the desk buys) or sell `qty`, best price first net of
    /// each venue's taker fee: `px * (1e8 + fee)` for a buy, `px * (1e8 - fee)` for a sale, exactly. At equal net
    /// prices the earlier source is used first.
    ///
    /// One search if the side is merged and deep enough, see [`Consolidated::refresh`]; else levels used times sources.
    /// No allocation.
    ///
    /// # Errors
    /// [`Reason::QtyUnrepresentable`] if `qty` cannot be ordered; [`Reason::InsufficientDepth`] if the venues hold
    /// less, in the range that they know, than `qty`; [`Reason::PxUnrepresentable`] if a price below zero would be
    /// used, since a fee on it has no agreed meaning; [`Reason::Overflow`] if the cost does not fit 128 bits.
    ///
    /// # Panics
    /// If a fee's magnitude is not below 1e8.
    #[inline]
    pub fn sweep(&self, side: Side, qty: Qty) -> Result<Sweep, Reason> {
        if !qty.is_orderable() {
            return Err(Reason::QtyUnrepresentable);
        }
        match self.ladder(side).and_then(|ladder| ladder.sweep(qty)) {
            Some(sweep) => Ok(sweep),
            None => match self.consolidated.sources.len() {
                0..=2 => self.walk::<2>(side, qty),
                3..=4 => self.walk::<4>(side, qty),
                _ => self.walk::<VENUES_MAX>(side, qty),
            },
        }
    }

    /// Takes one level after the other until `qty` is reached.
    #[inline(never)]
    fn walk<const N: usize>(&self, side: Side, qty: Qty) -> Result<Sweep, Reason> {
        let mut sweep = Sweep {
            cost: 0,
            qty,
            worst_net_e8: 0,
            worst_px: best_of_all(side),
            venue_mask: 0,
            levels: 0,
        };
        let mut left = qty.0;
        for step in Merge::<N>::new(&self.consolidated.sources, self.usable, side) {
            if step.px < 0 {
                return Err(Reason::PxUnrepresentable);
            }
            let fill = left.min(step.qty);
            let cost = step
                .net_e8
                .checked_mul(i128::from(fill))
                .ok_or(Reason::Overflow)?;
            sweep.cost = sweep.cost.checked_add(cost).ok_or(Reason::Overflow)?;
            sweep.worst_net_e8 = step.net_e8;
            sweep.worst_px = worst_of(side, sweep.worst_px, Px(step.px));
            sweep.venue_mask |= 1 << step.source;
            sweep.levels += 1;
            left -= fill;
            if left == 0 {
                return Ok(sweep);
            }
        }
        Err(Reason::InsufficientDepth)
    }

    /// The lowest and the highest of the middles of the venues' own best prices, each rounded down; `None` if no usable
    /// venue has both sides.
    #[inline]
    pub fn mids(&self) -> Option<(Px, Px)> {
        let (found, of) = self.consolidated.mids;
        if of == self.usable {
            return found;
        }
        mids(&self.consolidated.sources, self.usable)
    }

    /// The best bid and offer, fees not counted.
    ///
    /// # Errors
    /// [`Reason::ReferenceMissing`] if no usable venue has a bid, or none an offer.
    #[inline]
    pub fn top(&self) -> Result<Top, Reason> {
        let best = |side| match self.ladder(side) {
            Some(ladder) => ladder.best_px(),
            None => best_px(&self.consolidated.sources, self.usable, side),
        };
        match (best(Side::Sell), best(Side::Buy)) {
            (Some(bid_px), Some(ask_px)) => Ok(Top { bid_px, ask_px }),
            _ => Err(Reason::ReferenceMissing),
        }
    }
}

#[inline(never)]
fn merge<const N: usize>(sources: &[Source], usable: u16, side: Side, ladder: &mut Ladder) {
    let best_px = best_px(sources, usable, side);
    ladder.fill(side, best_px, Merge::<N>::new(sources, usable, side));
}

#[inline(never)]
fn mids(sources: &[Source], usable: u16) -> Option<(Px, Px)> {
    let used = sources.iter().enumerate().filter(|(i, _)| usable & (1 << i) != 0);
    let mids = used.filter_map(|(_, source)| {
        let (bid, ask) = (source.book.best_bid()?, source.book.best_ask()?);
        Some(Px((bid.px.0 + ask.px.0) >> 1))
    });
    mids.fold(None, |range, mid| match range {
        None => Some((mid, mid)),
        Some((low, high)) => Some((mid.min(low), mid.max(high))),
    })
}

/// The sources that can be used, one bit each; at least one.
#[inline]
fn usable(sources: &[Source], now: u64) -> Result<u16, Reason> {
    let mut usable = 0_u16;
    let mut missing = Reason::ReferenceMissing;
    let mut bit = 1_u16;
    for source in sources {
        let this = bit;
        bit <<= 1;
        if source.halted || source.book.state() != BookState::Healthy {
            continue;
        }
        if source.book.is_stale(now, source.stale_ns_max) {
            missing = Reason::ReferenceStale;
        } else {
            usable |= this;
        }
    }
    if usable == 0 { Err(missing) } else { Ok(usable) }
}

/// The best price of all usable sources for a client that does `side`, fees not counted.
fn best_px(sources: &[Source], usable: u16, side: Side) -> Option<Px> {
    let used = sources.iter().enumerate().filter(|(i, _)| usable & (1 << i) != 0);
    let prices = used.filter_map(|(_, source)| source.opposite(side).best().map(|level| level.px));
    match side {
        Side::Buy => prices.min(),
        Side::Sell => prices.max(),
    }
}
