//! A desk with a strategy that trades by itself: what it holds is in the snapshot, and the same inputs give the same.

#![allow(clippy::unwrap_used)]

mod desk;

use bytemuck::Zeroable;
use desk::strategies::{Makers, balances, makers};
use desk::{Desk, INSTRUMENT};
use pinrail_engine::{Engine, OUT_LINES_MAX, Out};
use pinrail_types::record::{
    CxlRejResponseTo, ExecType, OrdStatus, Quote, Scope, TradingState, VenueOrder, VenueOrderCancel,
    VenueOrderReplace, VenueReport,
};
use pinrail_types::{AssetId, Frame, OutId, Px, Qty, Text, VenueId};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

/// Venues that fill, cancel and reject, as drawn.
struct World {
    desk: Desk<Makers>,
    draws: Xoshiro256PlusPlus,
    quotes: Vec<Quote>,
    cancels: Vec<OutId>,
    /// What the house bought less what it sold, by every fill that was told of.
    bought: i64,
    execs: u64,
    orders: u64,
    replaces: u64,
    /// Trades that stand.
    trades: Vec<VenueReport>,
    corrections: u64,
}

impl World {
    fn new(seed: u64) -> World {
        let mut desk = Desk::active_with(makers);
        for balance in balances() {
            desk.put(balance);
        }
        World {
            desk,
            draws: Xoshiro256PlusPlus::seed_from_u64(seed),
            quotes: Vec::new(),
            cancels: Vec::new(),
            bought: 0,
            execs: 0,
            orders: 0,
            replaces: 0,
            trades: Vec::new(),
            corrections: 0,
        }
    }

    fn below(&mut self, end: u64) -> u64 {
        self.draws.next_u64() % end
    }

    fn note(&mut self, out: &Out) {
        assert!(out.words().len() <= OUT_LINES_MAX * 8);
        self.quotes.extend(out.find::<Quote>());
        self.cancels
            .extend(out.find::<VenueOrderCancel>().map(|cancel| cancel.order_id));
        self.orders += out.find::<VenueOrder>().count() as u64;
        self.replaces += out.find::<VenueOrderReplace>().count() as u64;
    }

    /// A trade is taken back or corrected, whether its order is open or not.
    fn correction(&mut self) -> Option<VenueReport> {
        let at = self.draws.next_u64() as usize % self.trades.len().max(1);
        let trade = *self.trades.get(at)?;
        let mut open = self.desk.engine.open_orders();
        let held = open.find(|held| held.order_id == trade.order_id).copied();
        drop(open);
        let leaves = held.map_or(0, |held| held.leaves.0);
        self.execs += 1;
        self.corrections += 1;
        let report = VenueReport {
            exec_id: Text::new(&format!("X{}", self.execs)).unwrap(),
            exec_ref_id: trade.exec_id,
            exec_type: ExecType::TradeCancel.byte(),
            leaves_qty: Qty(leaves),
            ..trade
        };
        let sign = if trade.side == b'1' { 1 } else { -1 };
        if self.below(2) == 0 {
            self.trades.swap_remove(at);
            self.bought -= sign * trade.last_qty.0;
            let is_open_again = held.is_some() && self.below(2) == 0;
            return Some(VenueReport {
                leaves_qty: Qty(leaves + i64::from(is_open_again) * trade.last_qty.0),
                ..report
            });
        }
        let qty = 1 + self.below((trade.last_qty.0 + leaves) as u64) as i64;
        self.bought += sign * (qty - trade.last_qty.0);
        let corrected = VenueReport {
            exec_type: ExecType::TradeCorrect.byte(),
            last_qty: Qty(qty),
            ..report
        };
        self.trades[at] = VenueReport {
            exec_type: ExecType::Trade.byte(),
            exec_ref_id: Text::EMPTY,
            ..corrected
        };
        Some(corrected)
    }

    /// A report on an open order, drawn.
    fn report(&mut self) -> Option<VenueReport> {
        let open: Vec<_> = self.desk.engine.open_orders().copied().collect();
        let held = *open.get(self.draws.next_u64() as usize % open.len().max(1))?;
        self.execs += 1;
        let report = VenueReport {
            order_id: held.order_id,
            exec_id: Text::new(&format!("X{}", self.execs)).unwrap(),
            instrument: held.order.instrument,
            venue: held.order.venue,
            side: held.order.side.fix(),
            fee_asset: AssetId(1),
            cum_qty: held.cum_qty,
            exec_type: ExecType::New.byte(),
            ord_status: OrdStatus::New.byte(),
            replace_id: held
                .replacement
                .map_or(OutId::NONE, |replacement| replacement.replace_id),
            ..Zeroable::zeroed()
        };
        if held.replacement.is_some() && self.below(2) == 0 {
            return Some(if self.below(3) > 0 {
                VenueReport {
                    exec_type: ExecType::Replaced.byte(),
                    ..report
                }
            } else {
                VenueReport {
                    exec_type: ExecType::OrderStatus.byte(),
                    response_to: CxlRejResponseTo::CancelReplaceRequest.byte(),
                    ..report
                }
            });
        }
        let is_asked = self.cancels.contains(&held.order_id);
        Some(match self.below(4) {
            0 if is_asked => VenueReport {
                exec_type: ExecType::Canceled.byte(),
                ord_status: OrdStatus::Canceled.byte(),
                ..report
            },
            0 | 1 => {
                let qty = 1 + self.below(held.leaves.0 as u64) as i64;
                self.bought += held.order.side.sign() * qty;
                let trade = VenueReport {
                    exec_type: ExecType::Trade.byte(),
                    ord_status: OrdStatus::PartiallyFilled.byte(),
                    last_px: held.order.px,
                    last_qty: Qty(qty),
                    ..report
                };
                self.trades.push(trade);
                trade
            }
            2 if held.cum_qty == Qty::ZERO => VenueReport {
                exec_type: ExecType::Expired.byte(),
                ord_status: OrdStatus::Expired.byte(),
                ..report
            },
            _ => report,
        })
    }

    fn step(&mut self) {
        self.desk.now += self.below(3_000);
        let out = match self.below(12) {
            0..3 => {
                let (mid, size) = (10_000 + self.below(200) as i64, 1 + self.below(600) as i64);
                let side = |sign: i64| [1, 4, 5].map(|n| (mid + sign * n, size + n));
                let venue = VenueId(self.below(2) as u16);
                self.desk.snapshot(venue, &side(-1), &side(1))
            }
            3..6 => {
                let side = [0, b'1', b'2'][self.below(3) as usize];
                let qty = 1 + self.below(400) as i64;
                let request = self.desk.request(0, side, qty);
                self.desk.put(request)
            }
            6..8 if !self.quotes.is_empty() => {
                let quote = self.quotes[self.quotes.len() - 1];
                let side = if quote.offer_px == Px::NONE { b'2' } else { b'1' };
                let before = self.desk.engine.position(INSTRUMENT).qty.0;
                let out = self.desk.put(Desk::order(&quote, side));
                self.bought += self.desk.engine.position(INSTRUMENT).qty.0 - before;
                out
            }
            8 if self.below(4) == 0 => match self.correction() {
                Some(report) => self.desk.put(report),
                None => self.desk.tick(),
            },
            8..11 => match self.report() {
                Some(report) => self.desk.put(report),
                None => self.desk.tick(),
            },
            11 if self.below(60) == 0 => {
                let scope = [Scope::Global, Scope::Venue, Scope::Strategy][self.below(3) as usize];
                let state = [TradingState::Halted, TradingState::Reducing][self.below(2) as usize];
                let out = self.desk.set_state(scope, 0, state);
                self.note(&out);
                while self.desk.engine.wants_continue() {
                    let out = self.desk.go_on();
                    self.note(&out);
                }
                self.desk.set_state(scope, 0, TradingState::Active)
            }
            _ => self.desk.tick(),
        };
        self.note(&out);
        while self.desk.engine.wants_continue() {
            let out = self.desk.go_on();
            self.note(&out);
        }
        assert_eq!(self.desk.engine.position(INSTRUMENT).qty, Qty(self.bought));
    }

    /// Every venue cancels whatever is open, and every quote expires.
    fn close(&mut self) {
        self.desk.set_state(Scope::Global, 0, TradingState::Halted);
        while self.desk.engine.wants_continue() {
            self.desk.go_on();
        }
        let open: Vec<_> = self.desk.engine.open_orders().copied().collect();
        for held in open {
            self.execs += 1;
            assert!(held.is_canceling);
            let end = VenueReport {
                order_id: held.order_id,
                exec_id: Text::new(&format!("X{}", self.execs)).unwrap(),
                instrument: held.order.instrument,
                venue: held.order.venue,
                side: held.order.side.fix(),
                cum_qty: held.cum_qty,
                exec_type: ExecType::Canceled.byte(),
                ord_status: OrdStatus::Canceled.byte(),
                ..Zeroable::zeroed()
            };
            assert!(self.desk.put(end).is_empty());
        }
        assert_eq!(self.desk.engine.open_quotes(), 0);
        assert!(self.desk.engine.nothing_reserved());
    }
}

/// Runs inputs through an engine and gives back all outputs, the hash over them and that of the state.
fn run(mut engine: Engine<Makers>, inputs: &[Frame]) -> (Vec<u64>, u64, Engine<Makers>) {
    let mut out = Out::new();
    let mut words = Vec::new();
    for input in inputs {
        engine.on_event(input, &mut out);
        words.extend_from_slice(out.words());
        engine.seal(&mut out);
    }
    let hash = engine.state_hash();
    (words, hash, engine)
}

#[test]
fn a_desk_that_trades_by_itself_comes_to_the_same_twice_and_behind_a_restart() {
    let (mut orders, mut cancels, mut replaces, mut corrections) = (0, 0, 0, 0);
    for seed in 0..8 {
        let mut world = World::new(seed);
        for _ in 0..2_000 {
            world.step();
        }
        orders += world.orders;
        cancels += world.cancels.len();
        replaces += world.replaces;
        corrections += world.corrections;
        let inputs = world.desk.inputs.clone();
        let state = world.desk.engine.state_hash();
        let bounds = *world.desk.engine.bounds();
        let new = || Engine::new(bounds, makers(&bounds));
        let (words, hash, mut engine) = run(new(), &inputs);
        assert_eq!(
            (hash, engine.output_hash()),
            (state, world.desk.engine.output_hash())
        );
        // Saved and loaded on the way, with orders open.
        let half = inputs.len() / 2;
        let (first, _, mut before) = run(new(), &inputs[..half]);
        let saved = before.save();
        let loaded = Engine::load(bounds, makers(&bounds), &saved).unwrap();
        let (second, hash_behind, mut behind) = run(loaded, &inputs[half..]);
        assert_eq!(hash_behind, hash);
        assert!(
            [first, second].concat() == words,
            "a restart has changed an output"
        );
        assert_eq!(behind.save(), engine.save());
        world.close();
    }
    assert!(
        orders > 1_000 && cancels > 300 && replaces > 50 && corrections > 200,
        "{orders} orders, {cancels} cancels, {replaces} replacements, {corrections} corrections"
    );
}

/// As for quotes: a changed word is refused, or is the state that it says.
#[test]
fn no_word_of_an_order_can_be_changed_into_another_state_than_the_one_that_is_read() {
    let mut world = World::new(1);
    while world.desk.engine.open_orders().count() < 2 || world.execs < 2 {
        world.step();
    }
    let bounds = *world.desk.engine.bounds();
    let words = world.desk.engine.save();
    // Orders and what goes with them stand at the end.
    for at in words.len() - 200..words.len() {
        for change in [1, 2, 1 << 32, 1 << 63, u64::MAX] {
            let mut changed = words.clone();
            changed[at] ^= change;
            if let Ok(mut loaded) = Engine::load(bounds, makers(&bounds), &changed) {
                assert!(loaded.save() == changed, "word {at} changed by {change:#x}");
            }
        }
    }
}
