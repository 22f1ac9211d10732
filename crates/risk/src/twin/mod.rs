//! A naive twin of the risk state, in lockstep with the fast one.
//!
//! The twin keeps what happened and works everything out anew, each time, from all of it. Whatever one refuses the other
//! must refuse for the same reason. `PINRAIL_RISK_EVENTS`, when it is built, sets how many
//! events are drawn; `scripts/risk-twin` sets many.

use pinrail_types::record::{
    AssetDef, ClientDef, InstrumentDef, InstrumentLimits, LimitKind, LimitOutcome, LimitSet, Scope,
    TradingState,
};
use pinrail_types::state::{Load, Save};
use pinrail_types::{
    Amount, AssetId, ClientId, E8, Instrument, InstrumentId, Px, Qty, Reason, SessionId, Side, Text,
};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::ask::{Ask, Quoted};
use crate::checks::Check;
use crate::risk::{Risk, RiskBounds};

mod book;
mod naive;
mod orders;

use naive::{Naive, Open, State};

/// Instruments, two of them quoted in one asset.
const INSTRUMENTS: u32 = 3;
const CLIENTS: u32 = 3;
const ASSETS: u32 = 2;
const VENUES: u16 = 2;
const SESSIONS: u32 = 2;
/// Events with one seed: the twin takes time with the square of it.
const EVENTS_PER_SEED: u64 = 400;

/// Both, and the draws.
struct Pair {
    fast: Risk,
    naive: Naive,
    draws: Xoshiro256PlusPlus,
    now: u64,
    refs: [i64; INSTRUMENTS as usize],
}

/// What an instrument is quoted in.
fn quote_of(instrument: u32) -> AssetId {
    AssetId(instrument / 2)
}

fn meta(id: u32) -> Instrument {
    let base = AssetId(1 - quote_of(id).0);
    let asset = |exponent| AssetDef {
        exponent,
        ..bytemuck::Zeroable::zeroed()
    };
    let def = InstrumentDef {
        instrument: InstrumentId(id),
        base,
        quote: quote_of(id),
        tick_mantissa: 1,
        tick_exponent: -2,
        lot_mantissa: 1,
        lot_exponent: -5,
        ..bytemuck::Zeroable::zeroed()
    };
    Instrument::new(&def, &asset(orders::EXPONENTS[base.index()]), &asset(-8)).unwrap()
}

/// Limits that random requests pass about as often as not.
fn limits(id: u32) -> InstrumentLimits {
    InstrumentLimits {
        instrument: InstrumentId(id),
        qty_lots_min: Qty(4),
        qty_lots_max: Qty(100),
        qty_lots_step: Qty(2),
        notional_max: Amount::new(10 * 10_000 * 90),
        position_lots_max: Qty(150),
        collar_e8: E8 / 50,
        quote_ttl_ns: 1,
        px_ticks_step: 2,
        ..bytemuck::Zeroable::zeroed()
    }
}

fn client(id: u32) -> ClientDef {
    ClientDef {
        client: ClientId(id),
        credit_asset: AssetId(u32::from(id == 2)),
        // One has little.
        credit_max: Amount::new(10 * 10_000 * if id == 1 { 60 } else { 3_000 }),
        ..bytemuck::Zeroable::zeroed()
    }
}

impl Pair {
    fn new(seed: u64, omitted: Option<Check>) -> Pair {
        let mut fast = Risk::new(&RiskBounds {
            venues: VENUES.into(),
            instruments: INSTRUMENTS as usize,
            clients: CLIENTS as usize + 1,
            assets: ASSETS as usize,
        });
        fast.omitted.check = omitted;
        let mut naive = Naive::default();
        orders::define(&mut fast);
        for id in 0..INSTRUMENTS {
            fast.define(&meta(id)).unwrap();
            let instrument = InstrumentId(id);
            fast.set_book_fee(instrument, book::fee_e8(instrument)).unwrap();
            // One gets its limits later.
            if id != 1 {
                fast.set_limits(&limits(id)).unwrap();
                naive.define(&limits(id)).unwrap();
            }
        }
        for id in 0..CLIENTS {
            fast.set_client(&client(id)).unwrap();
            naive.define_client(&client(id)).unwrap();
        }
        fast.set_state(Scope::Global, 0, TradingState::Active, &Text::EMPTY)
            .unwrap();
        naive
            .states
            .push(State::set(Scope::Global, 0, TradingState::Active));
        Pair {
            fast,
            naive,
            draws: Xoshiro256PlusPlus::seed_from_u64(seed),
            now: 1_000,
            refs: [10_000; INSTRUMENTS as usize],
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.draws.next_u64() % end
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// One event; `Err` says where the two differ.
    fn step(&mut self) -> Result<(), String> {
        self.now += match self.below(40) {
            // A mark is due.
            0 => 100_000_000,
            _ => self.pick(&[0, 0, 1, 3, 10, 40]),
        };
        self.returns()?;
        match self.below(59) {
            26..32 => self.order()?,
            32..34 => self.end_order(),
            34..37 => self.fill_order(),
            37 => self.stray_fill(),
            38..40 => self.balance()?,
            41..45 => self.book_order()?,
            45..47 => self.change_in_book()?,
            47 => self.trade_in_book(),
            48 => self.end_in_book(),
            49..59 => self.replace()?,
            0..10 => self.request()?,
            20 => self.show()?,
            10..13 => self.end(),
            13..16 => self.accept()?,
            16..18 => self.limit()?,
            40 => self.definition()?,
            18 | 21..26 => self.state(),
            _ => self.restart(),
        }
        self.latches()
    }

    /// What the fast one latched must be what the twin has found.
    fn latches(&mut self) -> Result<(), String> {
        let mut fast = Vec::new();
        while let Some(latch) = self.fast.latched() {
            fast.push((latch.scope, latch.target, latch.state, latch.reason));
        }
        let naive = core::mem::take(&mut self.naive.latched);
        self.same("latches", &Ok(fast), &Ok(naive))
    }

    /// The reference without a request.
    fn show(&mut self) -> Result<(), String> {
        let id = self.below(INSTRUMENTS.into()) as u32;
        self.refs[id as usize] += self.pick(&[-100, 0, 100]);
        let px = Px(self.refs[id as usize]);
        self.fast.show(InstrumentId(id), px, self.now);
        self.naive.show(id, px, self.now);
        let due = (
            self.fast.next_sample(InstrumentId(id)),
            self.naive.next_sample(id),
        );
        self.same("next sample", &Ok(due.0), &Ok(due.1))
    }

    fn request(&mut self) -> Result<(), String> {
        let instrument = self.below(INSTRUMENTS.into()) as u32;
        let ask = Ask {
            client: ClientId(self.pick(&[0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 2, 2, CLIENTS])),
            instrument: InstrumentId(instrument),
            side: self.pick(&[None, Some(Side::Buy), Some(Side::Sell)]),
            qty: Qty(self.pick(&[0, 2, 4, 4, 5, 20, 20, 20, 20, 60, 60, 60, 60, 88, 92, 102])),
        };
        let session = SessionId(self.below(SESSIONS.into()) as u16);
        let moved = self.pick(&[-100, -10, 0, 0, 10, 100]);
        self.refs[instrument as usize] += moved;
        let ref_px = self.refs[instrument as usize];
        let away = self.pick(&[10, 10, 10, 20, 20, 20, 20, 20, 21, 198, 206]);
        let (bid_px, offer_px) = (Px((ref_px - away) & !1), Px((ref_px + away) & !1 | (away & 1)));
        let ref_px = if self.below(200) == 0 {
            Px::NONE
        } else {
            Px(ref_px)
        };
        let mid = ref_px.0.max(0);
        let mids = (Px(mid), Px(mid + self.pick(&[0, 0, 50, 51])));
        let quoted = match ask.side {
            None => Quoted {
                bid_px,
                offer_px,
                ref_px,
                mids,
            },
            Some(Side::Buy) => Quoted {
                bid_px: Px::NONE,
                offer_px,
                ref_px,
                mids,
            },
            Some(Side::Sell) => Quoted {
                bid_px,
                offer_px: Px::NONE,
                ref_px,
                mids,
            },
        };
        let fast = self
            .fast
            .admit_request(session, &ask, self.now)
            .and_then(|_| self.fast.reserve(&ask, &quoted, self.now));
        let naive = self.naive.request(session, &ask, &quoted, self.now);
        self.same(&format!("{ask:?} {quoted:?}"), &fast, &naive)
    }

    fn open(&mut self) -> Option<usize> {
        let open = self.naive.open.len() as u64;
        (open > 0).then(|| self.below(open) as usize)
    }

    fn release(&mut self, open: &Open) {
        let Quoted { bid_px, offer_px, .. } = open.quoted;
        self.fast.release(&open.ask, bid_px, offer_px, open.notional);
    }

    fn end(&mut self) {
        if let Some(at) = self.open() {
            let open = self.naive.open.swap_remove(at);
            self.release(&open);
        }
    }

    fn accept(&mut self) -> Result<(), String> {
        let Some(at) = self.open() else { return Ok(()) };
        let open = self.naive.open[at];
        let side = open.ask.side.unwrap_or(self.pick(&[Side::Buy, Side::Sell]));
        let ask = Ask {
            side: Some(side),
            ..open.ask
        };
        let session = SessionId(self.below(SESSIONS.into()) as u16);
        let fast = self
            .fast
            .admit_order(session, ask.client, self.now)
            .and_then(|()| self.fast.check_fill(&ask, self.now));
        let naive = self.naive.accept(session, &ask, self.now);
        self.same(&format!("accept {ask:?}"), &fast, &naive)?;
        if fast.is_ok() {
            let px = if side == Side::Buy {
                open.quoted.offer_px
            } else {
                open.quoted.bid_px
            };
            let notional = meta(ask.instrument.0).notional(px, ask.qty).unwrap();
            self.fast.use_credit(ask.client, notional);
            self.release(&open);
            self.naive.fill(at, &ask, px, self.now);
            let (position, cash) = self.naive.booked(ask.instrument);
            self.fast.filled(&ask, Qty(position), cash, self.now);
            // The very same once more.
            let (fast, naive) = (
                self.fast.check_fill(&ask, self.now),
                self.naive.check_fill(&ask, self.now),
            );
            self.same(&format!("again {ask:?}"), &fast, &naive)?;
        }
        Ok(())
    }

    fn limit(&mut self) -> Result<(), String> {
        let id = self.below(INSTRUMENTS.into()) as u32;
        let kind = match self.below(6) {
            0 => self.pick(&[
                LimitKind::ClientRate,
                LimitKind::SessionRate,
                LimitKind::VenueRate,
            ]),
            _ => self.pick(LimitKind::ALL),
        };
        let worth = |lots: i128| 10 * 10_000 * lots;
        let lots = self.pick(&[10, 50, 150, 400]);
        let none = self.below(5) < 3;
        let (value, window_ns) = match kind {
            _ if kind.is_required() => (self.required(kind, id), 0),
            _ if none && kind.is_least() => (0, 0),
            _ if none => (i128::MAX, 0),
            LimitKind::Permitted => (0, 0),
            LimitKind::ClientRate | LimitKind::SessionRate | LimitKind::VenueRate => (
                i128::from(self.pick(&[1_u8, 5, 7, 7])),
                self.pick(&[10, 10, 40, 400]),
            ),
            LimitKind::NotionalMin => (worth(lots / 5), 0),
            LimitKind::ClientUnexecuted
            | LimitKind::AssetUnexecuted
            | LimitKind::GrossExposure
            | LimitKind::NetExposure => (worth(lots), 0),
            LimitKind::VenueSpread => (500_000, 0),
            LimitKind::ReferenceMove => (i128::from(E8 / 100), self.pick(&[160, 500, 16_000_000_000])),
            LimitKind::ClientOpenOrders => (i128::from(self.pick(&[1_u8, 2, 5])), 0),
            LimitKind::Executions => (i128::from(self.pick(&[3_u8, 6])), 0),
            LimitKind::ProtectionFills => (i128::from(self.pick(&[2_u8, 3])), self.pick(&[30, 90])),
            LimitKind::ProtectionDelta => (lots * 2, self.pick(&[30, 90])),
            LimitKind::Loss | LimitKind::Drawdown | LimitKind::AssetLoss | LimitKind::AssetDrawdown => {
                (worth(self.pick(&[0, 1, 3])), 0)
            }
            LimitKind::DuplicateWindow => (0, self.pick(&[50, 3_000, 1 << 40])),
            LimitKind::OrderToTrade => (i128::from(self.pick(&[2_u8, 5])), self.pick(&[60, 200])),
            LimitKind::QtyMax
            | LimitKind::NotionalMax
            | LimitKind::PositionMax
            | LimitKind::Collar
            | LimitKind::Credit => unreachable!("taken above"),
        };
        let latches = value < i128::MAX
            && matches!(
                kind,
                LimitKind::Loss | LimitKind::Drawdown | LimitKind::AssetLoss | LimitKind::AssetDrawdown
            );
        let state = match (latches, self.below(2)) {
            (false, _) => TradingState::Active,
            (true, 0) => TradingState::Reducing,
            (true, _) => TradingState::Halted,
        };
        let set = LimitSet {
            kind: kind.byte(),
            target: match kind.byte() >> 4 {
                1 => id,
                2 => self.below(CLIENTS.into()) as u32,
                3 => self.below(ASSETS.into()) as u32,
                5 => self.below(VENUES.into()) as u32,
                _ => 0,
            },
            instrument: InstrumentId(if kind == LimitKind::Permitted { id } else { 0 }),
            state: state.byte(),
            value: Amount::new(value),
            window_ns,
            expires_at: match self.below(4) {
                0 if kind != LimitKind::Permitted => self.now + self.pick(&[1, 30, 200]),
                _ => 0,
            },
            actor: Text::new(self.pick(&["ann", "bob"])).unwrap(),
            ..bytemuck::Zeroable::zeroed()
        };
        self.set(&set)?;
        // Mostly somebody else confirms, and then nothing waits.
        if self.below(4) == 0 {
            return Ok(());
        }
        let actor = Text::new("eve").unwrap();
        self.set(&LimitSet { actor, ..set })
    }

    /// Mostly what the definition says, and else less.
    fn required(&mut self, kind: LimitKind, id: u32) -> i128 {
        let def = limits(id);
        let value = match kind {
            LimitKind::QtyMax => def.qty_lots_max.0.into(),
            LimitKind::NotionalMax => def.notional_max.get(),
            LimitKind::PositionMax => def.position_lots_max.0.into(),
            LimitKind::Collar => def.collar_e8.into(),
            _ => client(id).credit_max.get(),
        };
        value * self.pick(&[3, 4, 4, 4, 4, 4]) / 4
    }

    /// The limits of an instrument, or the credit of a client, as somebody defines them, the first time or anew.
    fn definition(&mut self) -> Result<(), String> {
        let id = self.below(INSTRUMENTS.into()) as u32;
        if self.below(3) == 0 {
            let credit_max = Amount::new(self.required(LimitKind::Credit, id));
            let def = ClientDef {
                credit_max,
                ..client(id)
            };
            let (fast, naive) = (self.fast.set_client(&def), self.naive.define_client(&def));
            return self.same(&format!("{def:?}"), &fast, &naive);
        }
        // One of them anew, the others as they are: else nearly all would loosen one.
        let kinds = [
            LimitKind::QtyMax,
            LimitKind::NotionalMax,
            LimitKind::PositionMax,
            LimitKind::Collar,
        ];
        let anew = self.pick(&kinds);
        let [qty, notional, position, collar] = kinds.map(|kind| {
            if self.naive.is_defined(id) && kind != anew {
                self.naive.most(kind, id)
            } else {
                self.required(kind, id)
            }
        });
        let def = InstrumentLimits {
            qty_lots_max: Qty(qty as i64),
            notional_max: Amount::new(notional),
            position_lots_max: Qty(position as i64),
            collar_e8: collar as i64,
            ..limits(id)
        };
        let (fast, naive) = (self.fast.set_limits(&def), self.naive.define(&def));
        self.same(&format!("{def:?}"), &fast, &naive)
    }

    fn set(&mut self, set: &LimitSet) -> Result<(), String> {
        let fast = self.fast.set_limit(set, self.now);
        let fast = fast.map(|status| LimitOutcome::from_byte(status.outcome).unwrap());
        let naive = self.naive.limit(set, self.now);
        self.same(&format!("{set:?}"), &fast, &naive)?;
        self.latches()
    }

    /// What was set for a time and has ended.
    fn returns(&mut self) -> Result<(), String> {
        while let Some(status) = self.fast.return_limit(self.now) {
            let kind = LimitKind::from_byte(status.kind).unwrap();
            let value = self.naive.returned(kind, status.target, self.now);
            self.same(&format!("{kind:?} returned"), &Ok(status.value.get()), &Ok(value))?;
            self.latches()?;
        }
        let overdue = self.naive.is_overdue(self.now);
        self.same("returns", &Ok(false), &Ok(overdue))
    }

    fn state(&mut self) {
        let (scope, end) = self.pick(&[
            (Scope::Global, 1),
            (Scope::Instrument, u64::from(INSTRUMENTS)),
            (Scope::Client, u64::from(CLIENTS)),
            (Scope::Venue, u64::from(VENUES)),
            (Scope::Strategy, 2),
        ]);
        let target = self.below(end) as u32;
        let state = self.pick(&[
            TradingState::Active,
            TradingState::Active,
            TradingState::Active,
            TradingState::Active,
            TradingState::Active,
            TradingState::Active,
            TradingState::Reducing,
            TradingState::Halted,
        ]);
        let actor = Text::new("bob").unwrap();
        self.fast.set_state(scope, target, state, &actor).unwrap();
        self.naive.state_set(scope, target, state);
    }

    /// What is not in the snapshot, or does not follow from it, is forgotten.
    fn restart(&mut self) {
        if self.below(20) > 0 {
            return;
        }
        let mut save = Save::default();
        self.fast.visit(&mut save).unwrap();
        let mut loaded = Risk::new(&RiskBounds {
            venues: VENUES.into(),
            instruments: INSTRUMENTS as usize,
            clients: CLIENTS as usize + 1,
            assets: ASSETS as usize,
        });
        loaded.visit(&mut Load::new(&save.words)).unwrap();
        loaded.omitted = self.fast.omitted;
        self.fast = loaded;
    }

    fn same<T: PartialEq + core::fmt::Debug>(
        &self,
        what: &str,
        fast: &Result<T, Reason>,
        naive: &Result<T, Reason>,
    ) -> Result<(), String> {
        if fast == naive {
            Ok(())
        } else {
            Err(format!("{what} at {}: fast {fast:?}, naive {naive:?}", self.now))
        }
    }
}

/// Runs both with one seed; at the end everything is closed, and nothing is reserved any more.
fn lockstep(seed: u64, omitted: Option<Check>) -> Result<(), String> {
    let mut pair = Pair::new(seed, omitted);
    for event in 0..EVENTS_PER_SEED {
        pair.step()
            .map_err(|difference| format!("seed {seed}, event {event}: {difference}"))?;
    }
    for open in core::mem::take(&mut pair.naive.open) {
        pair.release(&open);
    }
    for order in core::mem::take(&mut pair.naive.book) {
        pair.release_in_book(&order);
    }
    for held in core::mem::take(&mut pair.naive.orders) {
        pair.release_placed(&held);
    }
    if pair.fast.nothing_reserved() {
        Ok(())
    } else {
        Err(format!("seed {seed}: something stays reserved"))
    }
}

#[test]
fn the_fast_risk_refuses_what_the_naive_twin_refuses() {
    let events = option_env!("PINRAIL_RISK_EVENTS").unwrap_or("60000");
    let events: u64 = events.parse().expect("a number of events");
    for seed in 0..events.div_ceil(EVENTS_PER_SEED) {
        lockstep(seed, None).unwrap();
    }
    println!("{events} events without a difference");
}

/// Each check left out is noticed: the twin goes on to refuse what the fast one now lets pass.
#[test]
fn every_planted_omission_is_caught_by_the_twin() {
    // What the twin has no table for to fill: see `a_full_table_of_orders_refuses`.
    let checks = Check::ALL.iter().filter(|check| **check != Check::DuplicatesFull);
    for check in checks {
        let caught = (0..1_000).any(|seed| lockstep(seed, Some(*check)).is_err());
        assert!(caught, "without {check:?} nothing differs");
    }
}
