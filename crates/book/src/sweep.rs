//! Several venues as one: a sweep to a size, and the common best bid and offer.

use pinrail_types::money::product;
use pinrail_types::record::BookState;
use pinrail_types::{E8, Px, Qty, Reason, Side};

use crate::book::Book;
use crate::levels::{Cursor, Levels};

/// Most venues in one sweep.
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

/// The levels that a client's order would be hedged against.
fn opposite(book: &Book, side: Side) -> &Levels {
    match side {
        Side::Buy => book.asks(),
        Side::Sell => book.bids(),
    }
}

/// What it takes to buy (`Side::Buy`: the client buys, so the desk buys) or sell `qty` over all usable sources, best
/// price first net of each venue's taker fee: `px * (1e8 + fee)` for a buy, `px * (1e8 - fee)` for a sale, exactly.
/// At equal net prices the earlier source is used first. At most levels used times sources; no allocation.
///
/// # Errors
/// [`Reason::QtyUnrepresentable`] if `qty` cannot be ordered; [`Reason::ReferenceMissing`] if no source that is not
/// halted has a healthy book; [`Reason::ReferenceStale`] if all that have are stale; [`Reason::InsufficientDepth`] if
/// the usable ones hold less, in the range that they know, than `qty`; [`Reason::PxUnrepresentable`] if a price below
/// zero would be used, since a fee on it has no agreed meaning; [`Reason::Overflow`] if more than 2^95 ticks times lots
/// would be taken from one source.
///
/// # Panics
/// If there are more than [`VENUES_MAX`] sources, or a fee's magnitude is not below 1e8.
pub fn sweep(sources: &[Source], side: Side, qty: Qty, now: u64) -> Result<Sweep, Reason> {
    // Few venues are the rule, and an array of heads has to be filled before it is used.
    match sources.len() {
        0 => Err(Reason::ReferenceMissing),
        1..=2 => sweep_heads::<2>(sources, side, qty, now),
        3..=4 => sweep_heads::<4>(sources, side, qty, now),
        5..=VENUES_MAX => sweep_heads::<VENUES_MAX>(sources, side, qty, now),
        _ => panic!("more sources than VENUES_MAX"),
    }
}

/// Sources during a sweep: of each the level that is next, and what was taken before. Arrays side by side, because
/// filling and moving an array of structs costs more than the sweep.
struct Heads<'a, const N: usize> {
    levels: [&'a Levels; N],
    cursor: [Cursor; N],
    /// Key and quantity of the next level.
    next: [(i64, i64); N],
    /// Its key times the factor: what is least is taken next. [`NOTHING`] if there is no next level.
    net: [i128; N],
    /// What a price is multiplied by to be net of fee, times 1e8; above zero.
    factor_e8: [i64; N],
    /// Sum of key times quantity taken.
    taken: [i128; N],
}

const NOTHING: i128 = i128::MAX;
/// Most ticks times lots that are taken from one source: with fees, those of all fit 128 bits.
const TAKEN_MAX: u128 = 1 << 95;

impl<'a, const N: usize> Heads<'a, N> {
    /// No source has a level; `levels` stands for them all.
    #[inline]
    fn new(levels: &'a Levels) -> Heads<'a, N> {
        Heads {
            levels: [levels; N],
            cursor: [Cursor::default(); N],
            next: [(0, 0); N],
            net: [NOTHING; N],
            factor_e8: [0; N],
            taken: [0; N],
        }
    }

    /// Looks at the best level of a source.
    #[inline]
    fn open(&mut self, i: usize, source: &'a Source, side: Side) {
        let fee = i64::from(source.taker_fee_e8);
        assert!(fee.abs() < E8, "a taker fee is a fraction of the notional");
        let levels = opposite(&source.book, side);
        let mut cursor = levels.start();
        let factor_e8 = E8 + side.sign() * fee;
        if let Some(next) = levels.next_known(&mut cursor) {
            self.next[i] = next;
            self.net[i] = product(next.0, factor_e8);
        }
        self.levels[i] = levels;
        self.cursor[i] = cursor;
        self.factor_e8[i] = factor_e8;
    }

    /// The source that is next, the first at equal prices, and the least net key of the others.
    #[inline]
    fn best(&self) -> (usize, i128) {
        let (mut best, mut limit) = (0, NOTHING);
        for i in 1..N {
            if self.net[i] < self.net[best] {
                limit = self.net[best];
                best = i;
            } else {
                limit = limit.min(self.net[i]);
            }
        }
        (best, limit)
    }

    /// Takes from a source its next level, and further ones as long as they are better than `limit`.
    #[inline]
    fn take(&mut self, i: usize, limit: i128, side: Side, swept: &mut Taken) -> Result<(), Reason> {
        // Copies, so that the loop runs in registers.
        let (levels, factor_e8) = (self.levels[i], self.factor_e8[i]);
        let mut cursor = self.cursor[i];
        let (mut key, mut qty) = self.next[i];
        let mut net = self.net[i];
        let mut taken = self.taken[i];
        loop {
            if key * side.sign() < 0 {
                return Err(Reason::PxUnrepresentable);
            }
            let fill = swept.left.min(qty);
            // Prices and the whole quantity are below 2^52 each, so the sum stays below 2^105.
            taken = taken.wrapping_add(product(key, fill));
            swept.left -= fill;
            swept.levels += 1;
            swept.worst_key = swept.worst_key.max(key);
            swept.worst_net = net;
            if swept.left == 0 {
                break;
            }
            net = match levels.next_known(&mut cursor) {
                Some(next) => {
                    (key, qty) = next;
                    product(key, factor_e8)
                }
                None => NOTHING,
            };
            if net >= limit {
                break;
            }
        }
        self.cursor[i] = cursor;
        self.next[i] = (key, qty);
        self.net[i] = net;
        self.taken[i] = taken;
        Ok(())
    }

    /// What was taken from all, net of fees.
    #[inline]
    fn cost(&self) -> Result<i128, Reason> {
        let mut cost = 0;
        for (taken, factor_e8) in self.taken.iter().zip(self.factor_e8) {
            if taken.unsigned_abs() > TAKEN_MAX {
                return Err(Reason::Overflow);
            }
            // At most 2^95 times 2^28, at most sixteen times.
            cost += taken.wrapping_mul(i128::from(factor_e8));
        }
        Ok(cost)
    }
}

/// What was taken so far.
struct Taken {
    /// Still to be taken.
    left: i64,
    levels: u32,
    worst_key: i64,
    worst_net: i128,
}

fn sweep_heads<const N: usize>(sources: &[Source], side: Side, qty: Qty, now: u64) -> Result<Sweep, Reason> {
    if !qty.is_orderable() {
        return Err(Reason::QtyUnrepresentable);
    }
    let usable = usable(sources, now)?;
    let mut heads: Heads<'_, N> = Heads::new(opposite(&sources[0].book, side));
    for (i, source) in sources.iter().enumerate().filter(|(i, _)| usable & (1 << i) != 0) {
        heads.open(i, source, side);
    }
    let mut taken = Taken {
        left: qty.0,
        levels: 0,
        worst_key: i64::MIN,
        worst_net: 0,
    };
    let mut venue_mask = 0;
    while taken.left > 0 {
        let (best, limit) = heads.best();
        if heads.net[best] == NOTHING {
            return Err(Reason::InsufficientDepth);
        }
        venue_mask |= 1 << best;
        heads.take(best, limit, side, &mut taken)?;
    }
    Ok(Sweep {
        cost: heads.cost()? * i128::from(side.sign()),
        qty,
        worst_net_e8: taken.worst_net * i128::from(side.sign()),
        worst_px: Px(taken.worst_key * side.sign()),
        venue_mask,
        levels: taken.levels,
    })
}

/// The sources that can be used, one bit each; at least one.
#[inline]
fn usable(sources: &[Source], now: u64) -> Result<u16, Reason> {
    let mut usable = 0_u16;
    let mut missing = Reason::ReferenceMissing;
    for (i, source) in sources.iter().enumerate() {
        if source.halted || source.book.state() != BookState::Healthy {
            continue;
        }
        if source.book.is_stale(now, source.stale_ns_max) {
            missing = Reason::ReferenceStale;
        } else {
            usable |= 1 << i;
        }
    }
    if usable == 0 { Err(missing) } else { Ok(usable) }
}

/// The best bid and offer over all usable sources, fees not counted.
///
/// # Errors
/// [`Reason::ReferenceMissing`] if no source that is not halted has a healthy book, or none of the usable ones a bid
/// or none an offer; [`Reason::ReferenceStale`] if all healthy ones are stale.
///
/// # Panics
/// If there are more than [`VENUES_MAX`] sources.
pub fn top(sources: &[Source], now: u64) -> Result<Top, Reason> {
    assert!(sources.len() <= VENUES_MAX, "more sources than VENUES_MAX");
    let usable = usable(sources, now)?;
    let mut bid_px: Option<Px> = None;
    let mut ask_px: Option<Px> = None;
    for (i, source) in sources.iter().enumerate() {
        if usable & (1 << i) == 0 {
            continue;
        }
        if let Some(bid) = source.book.best_bid() {
            bid_px = Some(bid_px.map_or(bid.px, |px| px.max(bid.px)));
        }
        if let Some(ask) = source.book.best_ask() {
            ask_px = Some(ask_px.map_or(ask.px, |px| px.min(ask.px)));
        }
    }
    match (bid_px, ask_px) {
        (Some(bid_px), Some(ask_px)) => Ok(Top { bid_px, ask_px }),
        _ => Err(Reason::ReferenceMissing),
    }
}
