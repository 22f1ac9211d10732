//! A desk with many instruments and as many clients, every instrument at two venues, and a naive twin of its books.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use bytemuck::Zeroable;
use pinrail_engine::{Bounds, Engine, Out};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    AssetDef, BookLevel, BookUpdate, ClientDef, InstrumentDef, InstrumentLimits, ListingDef, Quote,
    QuoteRequest, Scope, Tick, TierSpread, TradingState, TradingStateSet, VenueDef,
};
use pinrail_types::{
    Amount, AssetId, Cause, ClientId, E8, Flags, Frame, InstrumentId, Px, Qty, SourceId, Text, VenueId,
};

/// Quotes open at once.
pub const OPEN_QUOTES: usize = 4_096;
/// How long a quote lives, in core time.
const TTL_NS: u64 = 1_000;
const VENUES: usize = 2;
/// Levels a side of each book; two ticks apart, and one between the venues.
const LEVELS: usize = 11;
const LOTS_MAX: i64 = 100;

/// What stands at each level, bids first.
type Sides = [[i64; LEVELS]; 2];

/// Which instruments and clients are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// All alike.
    Evenly,
    /// By Zipf's law: the Nth a Nth as often as the first.
    Skewed,
    /// Ten of all, and these alike.
    Ten,
}

pub struct Many {
    pub engine: Engine<SweepPricer>,
    pub out: Out,
    seq: u64,
    now: u64,
    source_seq: u64,
    requests: u64,
    random: u64,
    /// Which instruments and clients are drawn.
    pub drawn: Drawn,
    /// By instrument and venue: the last update's id, and the twin.
    books: Vec<(u64, Sides)>,
}

impl Many {
    /// Active, with all books healthy.
    pub fn new(instruments: usize) -> Many {
        let bounds = Bounds {
            assets: 2,
            instruments,
            venues: VENUES,
            clients: instruments,
            open_quotes: OPEN_QUOTES,
            book_levels: 64,
            sources: 2,
            orders: 64,
            pages: 128,
        };
        let mut desk = Many {
            engine: Engine::new(bounds, SweepPricer::new(instruments)),
            out: Out::new(),
            seq: 1,
            now: 1_000,
            source_seq: 0,
            requests: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            drawn: Drawn::Evenly,
            books: vec![(1, [[LOTS_MAX; LEVELS]; 2]); instruments * VENUES],
        };
        desk.put(Frame::of(&bounds.epoch_start(1)));
        for frame in desk.configuration() {
            desk.put(frame);
        }
        for at in 0..desk.books.len() {
            for side in 0..2 {
                let flags = [Flags::FIRST, Flags::LAST][side].with(Flags::SNAPSHOT);
                let levels: Vec<(usize, i64)> = (0..LEVELS).map(|level| (level, LOTS_MAX)).collect();
                let frame = desk.book(at, side, &levels, flags);
                desk.put(frame);
            }
        }
        while desk.engine.refresh() {}
        desk
    }

    fn configuration(&self) -> Vec<Frame> {
        let mut frames = Vec::new();
        for asset in [AssetId(0), AssetId(1)] {
            frames.push(Frame::of(&AssetDef {
                asset,
                exponent: -8,
                symbol: Text::new("A").unwrap(),
                ..Zeroable::zeroed()
            }));
        }
        let venues = (0..VENUES).map(|venue| VenueId(venue as u16));
        frames.extend(venues.clone().map(|venue| {
            Frame::of(&VenueDef {
                venue,
                stale_ns_max: u64::MAX,
                ..Zeroable::zeroed()
            })
        }));
        for n in 0..self.books.len() / VENUES {
            let (instrument, client) = (InstrumentId(n as u32), ClientId(n as u32));
            frames.push(Frame::of(&InstrumentDef {
                instrument,
                quote: AssetId(1),
                tick_mantissa: 1,
                tick_exponent: -2,
                lot_mantissa: 1,
                lot_exponent: -5,
                ..Zeroable::zeroed()
            }));
            frames.extend(venues.clone().map(|venue| {
                Frame::of(&ListingDef {
                    venue,
                    instrument,
                    tick_multiple: 1,
                    lot_multiple: 1,
                    ..Zeroable::zeroed()
                })
            }));
            frames.push(Frame::of(&ClientDef {
                client,
                credit_asset: AssetId(1),
                credit_max: Amount::new(1 << 80),
                ..Zeroable::zeroed()
            }));
            frames.push(Frame::of(&TierSpread {
                instrument,
                ..Zeroable::zeroed()
            }));
            frames.push(Frame::of(&InstrumentLimits {
                instrument,
                qty_lots_min: Qty(1),
                qty_lots_max: Qty(1 << 40),
                qty_lots_step: Qty(1),
                notional_max: Amount::new(1 << 80),
                position_lots_max: Qty(1 << 40),
                collar_e8: E8 / 10,
                quote_ttl_ns: TTL_NS,
                px_ticks_step: 1,
                ..Zeroable::zeroed()
            }));
        }
        frames.push(Frame::of(&TradingStateSet {
            scope: Scope::Global.byte(),
            state: TradingState::Active.byte(),
            actor: Text::new("tester").unwrap(),
            ..Zeroable::zeroed()
        }));
        frames
    }

    /// The price of a level: every instrument's market is elsewhere.
    fn px(at: usize, side: usize, level: usize) -> i64 {
        let (instrument, venue) = (at / VENUES, at % VENUES);
        let away = (1 + venue + 2 * level) as i64;
        1_000_000 + 37 * instrument as i64 + if side == 0 { -away } else { away }
    }

    fn book(&mut self, at: usize, side: usize, levels: &[(usize, i64)], flags: Flags) -> Frame {
        let id = self.books[at].0;
        let mut update = BookUpdate {
            instrument: InstrumentId((at / VENUES) as u32),
            venue: VenueId((at % VENUES) as u16),
            ts_recv: self.now,
            first_id: id,
            last_id: id,
            bids: if side == 0 { levels.len() as u8 } else { 0 },
            asks: if side == 1 { levels.len() as u8 } else { 0 },
            ..Zeroable::zeroed()
        };
        for (to, (level, qty)) in update.levels.iter_mut().zip(levels) {
            *to = BookLevel {
                px: Px(Many::px(at, side, *level)),
                qty: Qty(*qty),
            };
        }
        let mut frame = Frame::of(&update);
        frame.header_mut().commit = update.commit_for(flags).pack();
        frame
    }

    fn below(&mut self, bound: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 20) as usize % bound
    }

    /// One of so many instruments or clients.
    fn one_of(&mut self, bound: usize) -> usize {
        match self.drawn {
            Drawn::Evenly => self.below(bound),
            Drawn::Skewed => {
                let exponent = self.below(1 << 30) as f64 / f64::from(1 << 30);
                ((bound as f64 + 1.0).powf(exponent) as usize - 1).min(bound - 1)
            }
            Drawn::Ten => self.below(10) * (bound / 10),
        }
    }

    /// The next update of a book that is drawn: another quantity at one of the first levels.
    pub fn draw_update(&mut self) -> Frame {
        let at = self.one_of(self.books.len() / VENUES) * VENUES + self.below(VENUES);
        let (side, level) = (self.below(2), self.below(5));
        let qty = 1 + self.below(LOTS_MAX as usize) as i64;
        self.books[at].0 += 1;
        self.books[at].1[side][level] = qty;
        self.book(at, side, &[(level, qty)], Flags::FIRST.with(Flags::LAST))
    }

    /// A drawn client's request to buy in a drawn instrument, and the price at which it has to be offered as the books stand
    /// when all drawn updates were taken: what the lots cost on average, rounded up.
    pub fn draw_request(&mut self) -> (Frame, Px) {
        self.requests += 1;
        let instruments = self.books.len() / VENUES;
        let (instrument, client) = (self.one_of(instruments), self.one_of(instruments));
        let qty = 1 + self.below(6 * LOTS_MAX as usize) as i64;
        let request = QuoteRequest {
            quote_req_id: Text::new(&format!("R{}", self.requests)).unwrap(),
            client: ClientId(client as u32),
            instrument: InstrumentId(instrument as u32),
            qty: Qty(qty),
            side: b'1',
            ts_recv: self.now,
            ..Zeroable::zeroed()
        };
        (Frame::of(&request), self.offer(instrument, qty))
    }

    fn offer(&self, instrument: usize, qty: i64) -> Px {
        let (mut left, mut cost) = (qty, 0);
        for level in 0..LEVELS {
            // One tick apart, so that the venues' levels alternate.
            for at in instrument * VENUES..(instrument + 1) * VENUES {
                let fill = left.min(self.books[at].1[1][level]);
                cost += fill * Many::px(at, 1, level);
                left -= fill;
            }
        }
        assert_eq!(left, 0, "the books are deep enough");
        Px((cost + qty - 1) / qty)
    }

    /// Takes an input and drops what came of it, but for the last quote's offer.
    #[inline]
    pub fn put(&mut self, mut frame: Frame) -> Option<Px> {
        self.source_seq += 1;
        let header = frame.header_mut();
        header.seq = self.seq;
        header.ts_core = self.now;
        header.cause = Cause::input(SourceId(1), self.source_seq);
        self.engine.on_event(&frame, &mut self.out);
        self.seq += 1 + self.out.len() as u64;
        let offered = self.out.find::<Quote>().next().map(|quote| quote.offer_px);
        self.engine.seal(&mut self.out);
        offered
    }

    /// Lets every open quote expire.
    pub fn expire(&mut self) {
        self.now += TTL_NS;
        while self.engine.open_quotes() > 0 {
            self.put(Frame::of(&Tick::zeroed()));
        }
    }

    /// Compares every book with its twin.
    pub fn check_books(&self) {
        for (at, (id, sides)) in self.books.iter().enumerate() {
            let (instrument, venue) = (InstrumentId((at / VENUES) as u32), VenueId((at % VENUES) as u16));
            let book = self.engine.book(instrument, venue).unwrap();
            assert_eq!(book.last_id(), *id);
            for (side, (held, expected)) in [book.bids(), book.asks()].into_iter().zip(sides).enumerate() {
                let levels = expected
                    .iter()
                    .enumerate()
                    .map(|(level, qty)| (Many::px(at, side, level), *qty));
                assert!(
                    held.iter().map(|level| (level.px.0, level.qty.0)).eq(levels),
                    "book {at}"
                );
            }
        }
    }
}
