//! Random days of the small desk's own book: orders of every kind, changes, quotes, phases, and venues that move.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use bytemuck::Zeroable;
use pinrail_engine::Out;
use pinrail_types::record::{
    ClientOrder, ExecInst, MarketPhase, MarketPhaseSet, MassQuote, OrdType, OrderMassCancelRequest, Scope,
    TimeInForce, TradingState, TriggerPriceType,
};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, Text, VenueId};
use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::desk::{Desk, INSTRUMENT};
use crate::market::{cancel, limit, market, quote, replace};

pub struct Day {
    pub desk: Desk,
    draws: Xoshiro256PlusPlus,
}

impl Day {
    /// Its book is open and trades.
    pub fn new(seed: u64) -> Day {
        Day {
            desk: market(),
            draws: Xoshiro256PlusPlus::seed_from_u64(seed),
        }
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.draws.next_u64() % end
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn name(&mut self) -> String {
        format!("O{}", self.below(24))
    }

    fn order(&mut self) -> ClientOrder {
        let name = self.name();
        let client = self.below(2) as u32;
        let qty = self.pick(&[-30, -12, -5, -1, 1, 5, 12, 30]);
        let px = 9_990 + self.below(21) as i64;
        let mut order = ClientOrder {
            self_match: self.below(5) as u8,
            ..limit(&name, client, px, qty)
        };
        match self.below(16) {
            0 => {
                order.ord_type = OrdType::Market.byte();
                order.time_in_force = TimeInForce::ImmediateOrCancel.byte();
                order.px = Px::NONE;
            }
            1 => order.time_in_force = TimeInForce::ImmediateOrCancel.byte(),
            2 => order.time_in_force = TimeInForce::FillOrKill.byte(),
            3 => order.exec_inst = ExecInst::POST_ONLY,
            4 => order.exec_inst = ExecInst::POST_ONLY | ExecInst::REPRICE,
            5 => order.exec_inst = ExecInst::REDUCE_ONLY,
            6 => order.display_qty = Qty(1 + self.below(4) as i64),
            7 => order.min_qty = Qty(1 + self.below(6) as i64),
            8 => {
                order.time_in_force = TimeInForce::GoodTillDate.byte();
                order.expire_ts = self.desk.now + self.below(3_000);
            }
            9 => order.time_in_force = TimeInForce::Day.byte(),
            10 | 11 => {
                order.ord_type = self.pick(&[OrdType::Stop, OrdType::StopLimit]).byte();
                order.trigger = self
                    .pick(&[TriggerPriceType::LastTrade, TriggerPriceType::Reference])
                    .byte();
                order.stop_px = Px(9_990 + self.below(21) as i64);
            }
            _ => {}
        }
        order
    }

    fn side(&mut self, from: i64) -> Vec<(i64, i64)> {
        let count = self.below(4) as i64;
        (0..count).map(|n| (from + n, self.below(12) as i64)).collect()
    }

    /// The next that comes, and what the engine says to it.
    pub fn step(&mut self) -> Out {
        self.desk.now += self.below(200);
        let name = self.name();
        let client = self.below(2) as u32;
        match self.below(24) {
            0 => self.desk.tick(),
            1 | 2 => {
                let (bid, ask) = (9_990 + self.below(20) as i64, 9_994 + self.below(20) as i64);
                let (bids, asks) = (self.side(bid), self.side(ask));
                let self_match = self.below(5) as u8;
                self.desk.put(MassQuote {
                    self_match,
                    ..quote(client, &bids, &asks)
                })
            }
            3..6 => self.desk.put(cancel(&name, client)),
            6..9 => {
                let (to, px, qty) = (
                    self.name(),
                    9_990 + self.below(21) as i64,
                    1 + self.below(30) as i64,
                );
                self.desk.put(replace(&name, &to, client, px, qty))
            }
            9 if self.below(4) == 0 => {
                let instrument = self.pick(&[INSTRUMENT, OrderMassCancelRequest::ALL, InstrumentId(1)]);
                let side = self.pick(&[0, b'1', b'2']);
                self.desk.put(OrderMassCancelRequest {
                    client: ClientId(client),
                    instrument,
                    side,
                    ..Zeroable::zeroed()
                })
            }
            10 if self.below(4) == 0 => {
                let phase = self.pick(&[
                    MarketPhase::Continuous,
                    MarketPhase::Auction,
                    MarketPhase::CancelOnly,
                    MarketPhase::Halted,
                ]);
                self.phase(phase)
            }
            11 | 12 => self.phase(MarketPhase::Continuous),
            13 if self.below(10) == 0 => {
                let state = self.pick(&[TradingState::Halted, TradingState::Reducing]);
                self.desk.set_state(Scope::Client, client, state)
            }
            14 => self.desk.set_state(Scope::Client, client, TradingState::Active),
            15 => {
                let id = VenueId(self.below(2) as u16);
                let off = i64::from(id.0);
                self.desk
                    .snapshot(id, &[(9_990 - off, 500)], &[(10_010 + off, 500)])
            }
            _ => {
                let order = self.order();
                self.desk.put(order)
            }
        }
    }

    fn phase(&mut self, phase: MarketPhase) -> Out {
        let day_end_ts = self.desk.now + 2_000;
        self.desk.put(MarketPhaseSet {
            instrument: INSTRUMENT,
            phase: phase.byte(),
            day_end_ts,
            actor: Text::new("tester").unwrap(),
            ..Zeroable::zeroed()
        })
    }
}
