//! One day: who acts when, how the world ends, and that all of it can be had again.

use bytemuck::Zeroable;
use pinrail_engine::{Engine, Out};
use pinrail_pricing::{SweepPricer, WithStrategy};
use pinrail_types::record::{
    ClientDef, Continue, DealingRule, HedgingParams, InstrumentDef, InstrumentLimits, LastLookDef, LimitKind,
    LimitSet, ListingDef, MarkOutDef, MarketPhase, MarketPhaseSet, RuntimeEvent, RuntimeEventKind, Scope,
    StateChange, Tick, TierSpread, TradingState, TradingStateSet, VenueMassCancel, VenueOrder,
};
use pinrail_types::{
    Amount, AssetId, ClientId, E8, Frame, InstrumentId, OutId, Qty, StrategyId, Text, VenueId,
};

use crate::agency::{Askers, offers};
use crate::auditor::{Auditor, Happened};
use crate::clients::Clients;
use crate::desk::strategies::{balances, hedging};
use crate::desk::{Desk, INSTRUMENT};
use crate::market;
use crate::random::Random;
use crate::trader::{ALONE, Trader};
use crate::venues::{VENUES, Venues};

pub(crate) type Model = WithStrategy<SweepPricer, Trader>;

const FUTURE: InstrumentId = InstrumentId(1);
/// Quoted in another asset, and nowhere listed.
const ELSEWHERE: InstrumentId = InstrumentId(2);

/// Inputs in a row after which the desk must have come to rest, if nothing new comes.
const UNREST_MAX: u64 = 2_000;

fn model(bounds: &pinrail_engine::Bounds) -> Model {
    WithStrategy {
        pricer: SweepPricer::new(bounds.instruments),
        strategy: Trader::new(bounds.instruments),
    }
}

pub(crate) struct World {
    desk: Desk<Model>,
    random: Random,
    clients: Clients,
    askers: Askers,
    venues: Venues,
    /// What is not active, for whoever lifts it.
    halted: Vec<(u8, u32)>,
    auditor: Auditor,
    epoch: u32,
    /// In the middle of the day: the state, and how many inputs led there.
    snapshot: Option<(Vec<u64>, usize)>,
}

fn actor(name: &str) -> Text<16> {
    Text::new(name).unwrap()
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let mut desk = Desk::halted_in(3, 64, model);
        for mut frame in configuration() {
            let out = desk.put_again(&mut frame);
            assert_eq!(
                out.find::<pinrail_types::record::InputReject>().count(),
                0,
                "{frame:?}"
            );
        }
        desk.set_state(Scope::Global, 0, TradingState::Active);
        let mut world = World {
            desk,
            random: Random::new(seed),
            clients: Clients::default(),
            askers: Askers::default(),
            venues: Venues::new(),
            halted: Vec::new(),
            auditor: Auditor::default(),
            epoch: 1,
            snapshot: None,
        };
        world
            .put(phase(MarketPhase::Continuous))
            .expect("the market opens");
        world
            .put(Frame::of(&marks(1_000)))
            .expect("fills are looked behind");
        for venue in 0..VENUES {
            for instrument in 0..2 {
                let book = world
                    .venues
                    .book(&mut world.random, venue, instrument, world.desk.now);
                world.put(book).expect("the books come in");
            }
        }
        world
    }

    /// Inputs taken.
    pub(crate) fn inputs(&self) -> u64 {
        self.desk.inputs.len() as u64
    }

    pub(crate) fn happened(&self) -> &Happened {
        self.auditor.happened()
    }

    fn put(&mut self, mut frame: Frame) -> Result<(), String> {
        let out = self.desk.put_again(&mut frame);
        self.hear(&out);
        self.auditor.see(&frame, &out, &self.desk.engine)
    }

    fn hear(&mut self, out: &Out) {
        self.clients.hear(out);
        self.venues.hear(out);
        for change in out.find::<StateChange>() {
            let whose = (change.scope, change.target);
            self.halted.retain(|held| *held != whose);
            if change.state != TradingState::Active.byte() {
                self.halted.push(whose);
            }
        }
    }

    pub(crate) fn live(&mut self, events: u64) -> Result<(), String> {
        let half = self.random.below(events);
        for event in 0..events {
            self.pass_time();
            let frame = self.next();
            self.put(frame)?;
            if event == half {
                self.snapshot = Some((self.desk.engine.save(), self.desk.inputs.len()));
            }
        }
        Ok(())
    }

    fn pass_time(&mut self) {
        let most = match self.random.below(1_000) {
            0 => 2_000_000,
            1..=60 => 30_000,
            61..=350 => 3_000,
            _ => 200,
        };
        self.desk.now += self.random.below(most);
    }

    fn is_due(&self) -> bool {
        self.desk.engine.wants_continue() || self.desk.engine.next_timer() <= self.desk.now
    }

    fn due(&self) -> Frame {
        if self.desk.engine.wants_continue() {
            Frame::of(&Continue::zeroed())
        } else {
            Frame::of(&Tick::zeroed())
        }
    }

    fn next(&mut self) -> Frame {
        // Work that was begun goes on before anything else, as the duty cycle has it; time may be late.
        if self.desk.engine.wants_continue() || self.is_due() && !self.random.once_in(3) {
            return self.due();
        }
        let mut frame = self.draw().unwrap_or_else(|| self.due());
        // Not of those that set the desk up: the auditor takes these as they are meant.
        let is_of_others = matches!(
            frame.record_type().0,
            0x0202..=0x03ff | 0x0410 | 0x0411 | 0x0420 | 0x0421
        );
        if is_of_others && self.random.once_in(60) {
            let words = frame.words().len();
            let at = 4 + self.random.below(words as u64 - 4) as usize;
            frame.buffer_mut()[at] = self.random.hostile();
        }
        frame
    }

    fn draw(&mut self) -> Option<Frame> {
        let now = self.desk.now;
        if self.random.once_in(25)
            && let Some(whose) = self.random.pick(&self.halted)
        {
            return Some(state(whose, TradingState::Active));
        }
        let random = &mut self.random;
        match random.below(1_000) {
            0..250 => Some(self.venues.feed(random, now)),
            250..425 => Some(self.clients.request(random, now)),
            425..470 => Some(self.clients.ask_package(random, now)),
            470..600 => self.clients.accept(random, now),
            600..640 => self.clients.take_package(random, now),
            640..670 => self.clients.give_back(random, now),
            670..675 => self.clients.give_back_package(random, now),
            675..685 => Some(Clients::session(random)),
            685..720 => self.clients.dealer(random, self.venues.mids[0]),
            720..890 => self.venues.report(random, now),
            890..905 => Some(Venues::balance(random, now)),
            905..915 => Some(operator(random)),
            915..925 => Some(parameter(random)),
            925..928 => Some(runtime(random)),
            928 => Some(self.restart()),
            929..955 => Some(self.askers.next(random, &self.venues.mids, now)),
            955..990 => Some(self.clients.book_flow(random, self.venues.mids[0])),
            _ => Some(phase(if random.once_in(20) {
                MarketPhase::Auction
            } else {
                MarketPhase::Continuous
            })),
        }
    }

    fn restart(&mut self) -> Frame {
        self.epoch += 1;
        Frame::of(&self.desk.engine.bounds().epoch_start(self.epoch))
    }

    /// Lets the desk do what is left to do.
    fn rest(&mut self) -> Result<(), String> {
        for _ in 0..UNREST_MAX {
            if !self.is_due() {
                return Ok(());
            }
            let frame = self.due();
            self.put(frame)?;
        }
        Err("the desk never comes to rest".into())
    }

    /// Ends the day: nothing is hedged any more, everything is halted, venues end what they have, and time passes.
    pub(crate) fn close(&mut self) -> Result<(), String> {
        for instrument in [INSTRUMENT, FUTURE] {
            self.put(Frame::of(&HedgingParams {
                instrument,
                tries_max: 0,
                ..hedging()
            }))?;
        }
        self.put(state((Scope::Global.byte(), 0), TradingState::Halted))?;
        self.rest()?;
        while !self.venues.is_quiet() {
            self.desk.now += 1_000;
            let frame = self.venues.end_one(self.desk.now).expect("there is one");
            self.put(frame)?;
            self.rest()?;
        }
        // What a lie left open at the desk alone.
        let believed: Vec<(OutId, VenueId, InstrumentId, u8)> = self
            .desk
            .engine
            .open_orders()
            .map(|held| {
                (
                    held.order_id,
                    held.order.venue,
                    held.order.instrument,
                    held.order.side.fix(),
                )
            })
            .collect();
        for (order_id, venue, instrument, side) in believed {
            let order = VenueOrder {
                order_id,
                venue,
                instrument,
                side,
                ..Zeroable::zeroed()
            };
            let frame = self.venues.unknown(&order, self.desk.now);
            self.put(frame)?;
        }
        for _ in 0..4 {
            self.desk.now += 1 << 42;
            self.rest()?;
        }
        self.auditor.close(&self.desk.engine)
    }

    /// Everything again, from the beginning and from the middle: the same outputs and the same state.
    pub(crate) fn replay(&mut self) -> Result<(), String> {
        let bounds = *self.desk.engine.bounds();
        let wanted = (self.desk.engine.output_hash(), self.desk.engine.state_hash());
        let fresh = Engine::new(bounds, model(&bounds));
        let mut replays = vec![("the beginning", fresh, 0)];
        if let Some((words, from)) = &self.snapshot {
            let loaded =
                Engine::load(bounds, model(&bounds), words).map_err(|e| format!("the snapshot: {e}"))?;
            replays.push(("a snapshot", loaded, *from));
        }
        let mut out = Out::new();
        for (what, mut engine, from) in replays {
            for frame in &self.desk.inputs[from..] {
                engine.on_event(frame, &mut out);
                engine.seal(&mut out);
            }
            if (engine.output_hash(), engine.state_hash()) != wanted {
                return Err(format!("a replay from {what} ends elsewhere"));
            }
        }
        Ok(())
    }
}

fn configuration() -> Vec<Frame> {
    let third = ClientDef {
        client: ClientId(2),
        tier: 1,
        credit_asset: AssetId(1),
        credit_max: Amount::new(1 << 80),
        ..Zeroable::zeroed()
    };
    let future = InstrumentDef {
        instrument: FUTURE,
        quote: AssetId(1),
        tick_mantissa: 1,
        tick_exponent: -2,
        lot_mantissa: 1,
        lot_exponent: -5,
        ..Zeroable::zeroed()
    };
    let elsewhere = InstrumentDef {
        instrument: ELSEWHERE,
        base: AssetId(1),
        quote: AssetId(0),
        ..future
    };
    let mut frames = vec![
        Frame::of(&third),
        Frame::of(&future),
        Frame::of(&elsewhere),
        Frame::of(&market::book_def()),
    ];
    for venue in 0..VENUES as u16 {
        frames.push(Frame::of(&ListingDef {
            venue: VenueId(venue),
            instrument: FUTURE,
            tick_multiple: 1,
            lot_multiple: 1,
            ..Zeroable::zeroed()
        }));
    }
    for (instrument, tier) in [(INSTRUMENT, 1), (FUTURE, 0), (FUTURE, 1)] {
        frames.push(Frame::of(&TierSpread {
            instrument,
            tier,
            half_spread_e8: E8 / 2_000,
            ..Zeroable::zeroed()
        }));
    }
    for instrument in [FUTURE, ELSEWHERE] {
        frames.push(Frame::of(&InstrumentLimits {
            instrument,
            ..Desk::limits()
        }));
    }
    frames.push(Frame::of(&look(1, 2_000, 20_000)));
    frames.push(Frame::of(&DealingRule {
        auto_lots_max: Qty(5_000),
        timeout_ns: 50_000,
        actor: actor("ann"),
        ..Zeroable::zeroed()
    }));
    frames.extend(balances().iter().map(Frame::of));
    frames.extend(offers());
    for instrument in [INSTRUMENT, FUTURE] {
        frames.push(Frame::of(&HedgingParams {
            instrument,
            ..hedging()
        }));
    }
    frames
}

/// At this and two further horizons behind fills, or at none.
fn marks(first_ns: u64) -> MarkOutDef {
    let or_none = |horizon_ns: u64| if first_ns == 0 { 0 } else { horizon_ns };
    MarkOutDef {
        horizon_0_ns: first_ns,
        horizon_1_ns: or_none(50_000),
        horizon_2_ns: or_none(5_000_000),
        actor: actor("ann"),
        ..Zeroable::zeroed()
    }
}

fn look(tier: u8, hold_ns: u64, tolerance_e8: i64) -> LastLookDef {
    LastLookDef {
        tier,
        hold_ns,
        tolerance_e8,
        actor: actor("ann"),
        ..Zeroable::zeroed()
    }
}

fn state((scope, target): (u8, u32), state: TradingState) -> Frame {
    Frame::of(&TradingStateSet {
        scope,
        state: state.byte(),
        target,
        actor: actor("op"),
        ..Zeroable::zeroed()
    })
}

fn phase(phase: MarketPhase) -> Frame {
    Frame::of(&MarketPhaseSet {
        instrument: INSTRUMENT,
        phase: phase.byte(),
        actor: actor("op"),
        ..Zeroable::zeroed()
    })
}

fn operator(random: &mut Random) -> Frame {
    let scope = random.below(5) as u8;
    if random.once_in(4) {
        return mass_cancel(random, scope);
    }
    let to = match random.below(10) {
        0..4 => TradingState::Active,
        4..6 => TradingState::Reducing,
        _ => TradingState::Halted,
    };
    let target = if scope == Scope::Strategy.byte() {
        u32::from(
            random
                .pick(&[ALONE, StrategyId(3), StrategyId::AGENCY])
                .unwrap()
                .0,
        )
    } else {
        random.below(3) as u32
    };
    state((scope, if scope == 0 { 0 } else { target }), to)
}

fn mass_cancel(random: &mut Random, scope: u8) -> Frame {
    let target = match Scope::from_byte(scope) {
        Some(Scope::Global) => 0,
        Some(Scope::Strategy) => random.pick(&[ALONE, StrategyId(3)]).unwrap().0.into(),
        _ => random.below(3) as u32,
    };
    Frame::of(&VenueMassCancel {
        scope,
        target,
        actor: actor(if random.once_in(20) { "" } else { "op" }),
        ..Zeroable::zeroed()
    })
}

fn parameter(random: &mut Random) -> Frame {
    let instrument = InstrumentId(random.below(2) as u32);
    match random.below(6) {
        5 => Frame::of(&marks(random.below(3) * 1_000)),
        0 => Frame::of(&HedgingParams {
            instrument,
            band_lots: Qty(random.between(20, 400)),
            tries_max: random.below(5) as u16,
            chase_e8: random.between(0, 1_000_000),
            cost_max: Amount::new(1 << random.between(10, 60)),
            ..hedging()
        }),
        1 => Frame::of(&look(
            random.below(2) as u8,
            random.below(3) * 2_000,
            random.between(0, 100_000),
        )),
        2 => Frame::of(&DealingRule {
            instrument,
            auto_lots_max: Qty(random.between(0, 6_000)),
            timeout_ns: 50_000,
            actor: actor("ann"),
            ..Zeroable::zeroed()
        }),
        3 => Frame::of(&TierSpread {
            instrument,
            tier: random.below(2) as u8,
            half_spread_e8: random.between(0, E8 / 500),
            ..Zeroable::zeroed()
        }),
        _ => {
            let (kind, value) = [
                (LimitKind::PositionMax, 1_000),
                (LimitKind::PositionMax, 100_000),
                (LimitKind::QtyMax, 10_000),
                (LimitKind::Credit, 1 << 32),
                (LimitKind::Credit, 1 << 80),
                (LimitKind::ClientRate, 1_000),
                (LimitKind::NetExposure, 1 << 40),
                (LimitKind::VenueRate, 200),
            ][random.below(8) as usize];
            Frame::of(&LimitSet {
                kind: kind.byte(),
                target: random.below(2) as u32,
                value: Amount::new(value),
                window_ns: if matches!(kind, LimitKind::ClientRate | LimitKind::VenueRate) {
                    1_000_000
                } else {
                    0
                },
                actor: actor(["ann", "bob"][random.below(2) as usize]),
                ..Zeroable::zeroed()
            })
        }
    }
}

fn runtime(random: &mut Random) -> Frame {
    let kind = if random.once_in(3) {
        RuntimeEventKind::JournalShort
    } else {
        RuntimeEventKind::JournalRoom
    };
    Frame::of(&RuntimeEvent {
        kind: kind.byte(),
        ..Zeroable::zeroed()
    })
}
