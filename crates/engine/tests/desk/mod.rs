//! A small desk for tests: one instrument at two venues, two clients.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

pub mod packages;
pub mod strategies;

use bytemuck::Zeroable;
use pinrail_engine::{Bounds, Engine, Out};
use pinrail_pricing::{Pricer, SweepPricer};
use pinrail_types::record::{
    AssetDef, BookLevel, BookUpdate, ClientDef, Continue, ExecutionReport, InstrumentDef, InstrumentLimits,
    ListingDef, NewOrderSingle, OrdType, Quote, QuoteRequest, QuoteRequestReject, QuoteRespType,
    QuoteResponse, Scope, Tick, TierSpread, TradingState, TradingStateSet, VenueDef,
};
use pinrail_types::{
    Amount, AssetId, Cause, ClientId, E8, Flags, Frame, InstrumentId, Px, Qty, Reason, Record, SessionId,
    SourceId, Text, VenueId,
};

pub const INSTRUMENT: InstrumentId = InstrumentId(0);
pub const STALE_NS: u64 = 1_000_000;
pub const TTL_NS: u64 = 10_000;

pub struct Desk<P = SweepPricer> {
    pub engine: Engine<P>,
    pub out: Out,
    pub now: u64,
    pub seq: u64,
    /// Everything that was put in.
    pub inputs: Vec<Frame>,
    source_seq: u64,
    requests: u64,
    update_ids: [u64; 2],
}

impl Desk {
    /// Configured and still halted.
    pub fn halted() -> Desk {
        Desk::halted_with(|bounds| SweepPricer::new(bounds.instruments))
    }

    /// The definitions of the desk.
    pub fn configuration() -> Vec<Frame> {
        let mut frames = Vec::new();
        let mut put = |frame| frames.push(frame);
        for (asset, symbol) in ["BTC", "USDT"].into_iter().enumerate() {
            put(Frame::of(&AssetDef {
                asset: AssetId(asset as u32),
                exponent: -8,
                symbol: Text::new(symbol).unwrap(),
                ..Zeroable::zeroed()
            }));
        }
        put(Frame::of(&InstrumentDef {
            quote: AssetId(1),
            tick_mantissa: 1,
            tick_exponent: -2,
            lot_mantissa: 1,
            lot_exponent: -5,
            ..Zeroable::zeroed()
        }));
        for venue in [VenueId(0), VenueId(1)] {
            put(Frame::of(&VenueDef {
                venue,
                stale_ns_max: STALE_NS,
                taker_fee_e8: 10_000,
                ..Zeroable::zeroed()
            }));
            put(Frame::of(&ListingDef {
                venue,
                tick_multiple: 1,
                lot_multiple: 1,
                ..Zeroable::zeroed()
            }));
        }
        for client in [ClientId(0), ClientId(1)] {
            let credit_max = Amount::new(1 << 80);
            put(Frame::of(&ClientDef {
                client,
                credit_asset: AssetId(1),
                credit_max,
                ..Zeroable::zeroed()
            }));
        }
        put(Frame::of(&TierSpread {
            half_spread_e8: E8 / 1_000,
            ..Zeroable::zeroed()
        }));
        put(Frame::of(&Desk::limits()));
        frames
    }

    /// Active, with healthy books.
    pub fn active() -> Desk {
        Desk::active_with(|bounds| SweepPricer::new(bounds.instruments))
    }

    /// Active, with twenty levels of 40 lots a side at both venues, ten ticks apart and one tick between the venues.
    pub fn deep() -> Desk {
        let mut desk = Desk::active();
        desk.deepen();
        desk
    }

    pub fn limits() -> InstrumentLimits {
        InstrumentLimits {
            qty_lots_min: Qty(1),
            qty_lots_max: Qty(10_000),
            qty_lots_step: Qty(1),
            notional_max: Amount::new(1 << 80),
            position_lots_max: Qty(100_000),
            collar_e8: E8 / 10,
            quote_ttl_ns: TTL_NS,
            px_ticks_step: 1,
            ..Zeroable::zeroed()
        }
    }

    /// An accept, each under an id of its own.
    pub fn order(quote: &Quote, side: u8) -> NewOrderSingle {
        thread_local!(static ORDERS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) });
        let number = ORDERS.replace(ORDERS.get() + 1);
        NewOrderSingle {
            cl_ord_id: Text::new(&format!("O{number}")).unwrap(),
            quote_id: quote.quote_id,
            client: quote.client,
            instrument: quote.instrument,
            qty: quote.qty,
            px: if side == b'1' {
                quote.offer_px
            } else {
                quote.bid_px
            },
            side,
            ord_type: OrdType::PreviouslyQuoted.byte(),
            session: quote.session,
            ..Zeroable::zeroed()
        }
    }

    pub fn pass(quote: &Quote) -> QuoteResponse {
        QuoteResponse {
            quote_id: quote.quote_id,
            client: quote.client,
            resp_type: QuoteRespType::Pass.byte(),
            ..Zeroable::zeroed()
        }
    }
}

impl<P: Pricer> Desk<P> {
    /// Configured and still halted, with a model.
    pub fn halted_with(make: impl FnOnce(&Bounds) -> P) -> Desk<P> {
        Desk::halted_in(2, 64, make)
    }

    /// The same with room for so many instruments and quotes.
    pub fn halted_in(instruments: usize, open_quotes: usize, make: impl FnOnce(&Bounds) -> P) -> Desk<P> {
        Desk::defined(instruments, open_quotes, Desk::configuration(), make)
    }

    /// The same with other definitions.
    pub fn defined(
        instruments: usize,
        open_quotes: usize,
        configuration: Vec<Frame>,
        make: impl FnOnce(&Bounds) -> P,
    ) -> Desk<P> {
        let bounds = Bounds {
            assets: 2,
            instruments,
            venues: 2,
            clients: 3,
            open_quotes,
            book_levels: 64,
            sources: 2,
            orders: 64,
            pages: 128,
        };
        let mut desk = Desk {
            engine: Engine::new(bounds, make(&bounds)),
            out: Out::new(),
            now: 1_000,
            seq: 0,
            inputs: Vec::new(),
            source_seq: 0,
            requests: 0,
            update_ids: [0; 2],
        };
        desk.put(bounds.epoch_start(1));
        for mut frame in configuration {
            desk.put_again(&mut frame);
        }
        desk
    }

    /// Active, with healthy books and a model.
    pub fn active_with(make: impl FnOnce(&Bounds) -> P) -> Desk<P> {
        let mut desk = Desk::halted_with(make);
        desk.set_state(Scope::Global, 0, TradingState::Active);
        desk.books();
        desk
    }

    /// The books of [`Desk::active`] as of now.
    pub fn books(&mut self) {
        self.snapshot(
            VenueId(0),
            &[(9_990, 500), (9_980, 500)],
            &[(10_010, 500), (10_020, 500)],
        );
        self.snapshot(
            VenueId(1),
            &[(9_989, 500), (9_979, 500)],
            &[(10_011, 500), (10_021, 500)],
        );
    }

    /// The books of [`Desk::deep`] as of now.
    pub fn deepen(&mut self) {
        for venue in [VenueId(0), VenueId(1)] {
            let off = i64::from(venue.0);
            let side = |from: i64, sign: i64| -> Vec<(i64, i64)> {
                (from..from + 5)
                    .map(|n| (10_000 + sign * (10 + off + 10 * n), 40))
                    .collect()
            };
            let id = self.update_ids[venue.index()];
            for part in 0..4 {
                let mut flags = Flags::SNAPSHOT;
                if part == 0 {
                    flags = flags.with(Flags::FIRST);
                }
                if part == 3 {
                    flags = flags.with(Flags::LAST);
                }
                self.update_ids[venue.index()] = id;
                self.book(venue, &side(part * 5, -1), &side(part * 5, 1), flags);
            }
        }
    }

    /// Feeds an input and gives back its outputs.
    pub fn put<R: Record>(&mut self, record: R) -> Out {
        self.source_seq += 1;
        self.put_from(SourceId(1), self.source_seq, record)
    }

    pub fn put_from<R: Record>(&mut self, source: SourceId, source_seq: u64, record: R) -> Out {
        let mut frame = Frame::of(&record);
        frame.header_mut().cause = Cause::input(source, source_seq);
        self.put_frame(&mut frame)
    }

    /// The same for a frame of the configuration.
    pub fn put_again(&mut self, frame: &mut Frame) -> Out {
        self.source_seq += 1;
        frame.header_mut().cause = Cause::input(SourceId(1), self.source_seq);
        self.put_frame(frame)
    }

    pub fn put_frame(&mut self, frame: &mut Frame) -> Out {
        self.seq += 1;
        frame.header_mut().seq = self.seq;
        frame.header_mut().ts_core = self.now;
        self.inputs.push(*frame);
        self.engine.on_event(frame, &mut self.out);
        let out = self.out.clone();
        self.seq += out.len() as u64;
        self.engine.seal(&mut self.out);
        assert!(self.engine.is_balanced(), "double entry, behind every input");
        assert!(
            self.engine.are_parents_conserved(),
            "parts make up their parent orders"
        );
        out
    }

    pub fn set_state(&mut self, scope: Scope, target: u32, state: TradingState) -> Out {
        let actor = Text::new("tester").unwrap();
        self.put(TradingStateSet {
            scope: scope.byte(),
            state: state.byte(),
            target,
            actor,
            ..Zeroable::zeroed()
        })
    }

    pub fn book(&mut self, venue: VenueId, bids: &[(i64, i64)], asks: &[(i64, i64)], flags: Flags) -> Out {
        let update_id = &mut self.update_ids[venue.index()];
        *update_id += 1;
        let update_id = *update_id;
        let mut update = BookUpdate {
            venue,
            ts_recv: self.now,
            first_id: update_id,
            last_id: update_id,
            bids: bids.len() as u8,
            asks: asks.len() as u8,
            ..Zeroable::zeroed()
        };
        for (level, (px, qty)) in update.levels.iter_mut().zip(bids.iter().chain(asks)) {
            *level = BookLevel {
                px: Px(*px),
                qty: Qty(*qty),
            };
        }
        let commit = update.commit_for(flags).pack();
        let mut frame = Frame::of(&update);
        self.source_seq += 1;
        frame.header_mut().commit = commit;
        frame.header_mut().cause = Cause::input(SourceId(1), self.source_seq);
        self.put_frame(&mut frame)
    }

    pub fn snapshot(&mut self, venue: VenueId, bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Out {
        self.book(
            venue,
            bids,
            asks,
            Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT),
        )
    }

    pub fn request(&mut self, client: u32, side: u8, qty: i64) -> QuoteRequest {
        self.requests += 1;
        QuoteRequest {
            quote_req_id: Text::new(&format!("R{}", self.requests)).unwrap(),
            client: ClientId(client),
            qty: Qty(qty),
            side,
            session: SessionId(9),
            ts_recv: self.now,
            ..Zeroable::zeroed()
        }
    }

    pub fn ask(&mut self, client: u32, side: u8, qty: i64) -> Result<Quote, Reason> {
        let request = self.request(client, side, qty);
        answer(&self.put(request))
    }

    pub fn tick(&mut self) -> Out {
        self.put(Tick::zeroed())
    }

    pub fn go_on(&mut self) -> Out {
        self.put(Continue::zeroed())
    }
}

/// The one quote or reject among the outputs.
pub fn answer(out: &Out) -> Result<Quote, Reason> {
    let quotes: Vec<Quote> = out.find().collect();
    let rejects: Vec<QuoteRequestReject> = out.find().collect();
    match (&quotes[..], &rejects[..]) {
        ([quote], []) => Ok(*quote),
        ([], [reject]) => Err(Reason::from_code(reject.reason).unwrap()),
        _ => panic!(
            "a request has exactly one answer: {:?}",
            out.types().collect::<Vec<_>>()
        ),
    }
}

/// The one output of type `R`.
pub fn only<R: Record>(out: &Out) -> R {
    let found: Vec<R> = out.find().collect();
    assert_eq!(found.len(), 1, "{:?}", out.types().collect::<Vec<_>>());
    found[0]
}

/// The fill that the one execution report tells of, or why there is none.
pub fn filled(out: &Out) -> Result<ExecutionReport, Reason> {
    let report: ExecutionReport = only(out);
    match Reason::from_code(report.reason).expect("a report has a reason that is known") {
        Reason::None => Ok(report),
        reason => Err(reason),
    }
}
