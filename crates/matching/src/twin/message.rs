//! What an engine can be told, as one value, and how it is drawn from bytes.

use pinrail_types::record::{OrdType, TimeInForce};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, SessionId, Side};

use super::engine::Engine;
use crate::config::BookConfig;
use crate::order::{Amend, MassCancel, NewOrder, Phase, PostOnly, QuoteLeg, Quoter, SelfTrade, Trigger};

/// A call of one of the matcher's methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// [`Matcher::submit`](crate::Matcher::submit).
    Submit(InstrumentId, NewOrder),
    /// [`Matcher::amend`](crate::Matcher::amend).
    Amend(Amend),
    /// [`Matcher::cancel`](crate::Matcher::cancel).
    Cancel(u64),
    /// [`Matcher::mass_cancel`](crate::Matcher::mass_cancel).
    MassCancel(MassCancel),
    /// [`Matcher::mass_quote`](crate::Matcher::mass_quote).
    MassQuote(Quoter, Vec<QuoteLeg>),
    /// [`Matcher::set_phase`](crate::Matcher::set_phase).
    SetPhase(InstrumentId, Phase),
    /// [`Matcher::set_reference`](crate::Matcher::set_reference).
    SetReference(InstrumentId, Px),
    /// [`Matcher::set_day_end`](crate::Matcher::set_day_end).
    SetDayEnd(InstrumentId, u64),
    /// [`Matcher::advance`](crate::Matcher::advance).
    Advance(u64),
}

/// From what messages are drawn. Small numbers let orders collide.
#[derive(Clone, Copy, Debug)]
pub struct Domain {
    /// Books that are open. Every third one has coarse steps, and every third a narrow domain.
    pub books: u32,
    /// Clients, each with two sessions.
    pub clients: u32,
    /// Prices are this far from [`Domain::MID`] at most.
    pub px_span: i64,
    /// Most quantity.
    pub qty_max: i64,
    /// Ids of orders, from 1.
    pub ids: u64,
    /// All but orders, amends, cancels and quotes is so many times rarer.
    pub rarity: u64,
}

impl Domain {
    /// The middle of prices.
    pub const MID: i64 = 1000;
    /// Bytes that a message is drawn from.
    pub const MESSAGE_BYTES: usize = 32;

    /// A few orders, all in each other's way.
    pub const SMALL: Domain = Domain {
        books: 3,
        clients: 3,
        px_span: 5,
        qty_max: 12,
        ids: 40,
        rarity: 1,
    };

    /// Books with some depth, for long runs of the matcher alone.
    pub const DEEP: Domain = Domain {
        books: 24,
        clients: 60,
        px_span: 2_000,
        qty_max: 90,
        ids: 10_000,
        rarity: 2_000,
    };

    /// What a book of the domain takes.
    pub fn config(&self, instrument: InstrumentId) -> BookConfig {
        match instrument.0 % 3 {
            0 => BookConfig::default(),
            1 => BookConfig {
                px_step: 2,
                qty_step: 3,
                ..BookConfig::default()
            },
            _ => BookConfig {
                px_min: Px(Domain::MID - self.px_span * 4 / 5),
                px_max: Px(Domain::MID + self.px_span * 4 / 5),
                ..BookConfig::default()
            },
        }
    }

    /// Opens the books of the domain, and begins continuous trading in them.
    ///
    /// # Panics
    /// If the engine refuses.
    pub fn open<E: Engine>(&self, engine: &mut E) {
        for instrument in (0..self.books).map(InstrumentId) {
            let opened = engine.open(instrument, &self.config(instrument));
            assert_eq!(opened, Ok(()));
            let begun = engine.send(&Message::SetPhase(instrument, Phase::Continuous), &mut ());
            assert_eq!(begun, Ok(()));
        }
    }

    /// The message that these bytes stand for, at a time. Bytes that are missing are zero.
    pub fn message(&self, now: u64, bytes: &[u8]) -> Message {
        let mut draws = Draws {
            rest: bytes,
            domain: self,
            now,
        };
        let drawn = draws.below(256);
        let is_rare = drawn >= 232 && draws.below(self.rarity) > 0;
        match if is_rare { 0 } else { drawn } {
            0..150 => Message::Submit(draws.instrument(), draws.order()),
            150..185 => Message::Cancel(draws.order_id()),
            185..220 => Message::Amend(draws.amend()),
            220..232 => draws.mass_quote(),
            232..240 => Message::SetReference(draws.instrument(), draws.px()),
            240..247 => Message::Advance(now + draws.below(4)),
            247..249 => Message::SetDayEnd(draws.instrument(), now + draws.below(20)),
            249..254 => Message::SetPhase(draws.instrument(), draws.phase()),
            _ => Message::MassCancel(draws.mass_cancel()),
        }
    }
}

/// Choices, a byte each, or eight for many.
struct Draws<'a> {
    rest: &'a [u8],
    domain: &'a Domain,
    now: u64,
}

impl Draws<'_> {
    fn below(&mut self, end: u64) -> u64 {
        let len = if end <= 256 { 1 } else { 4 };
        let (taken, rest) = self.rest.split_at(len.min(self.rest.len()));
        self.rest = rest;
        let value = taken
            .iter()
            .rev()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        value % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == many - 1
    }

    /// One of a few books, and seldom one that is not there.
    fn instrument(&mut self) -> InstrumentId {
        let drawn = self.below(u64::from(self.domain.books) * 16 + 1) as u32;
        InstrumentId(drawn.min(self.domain.books * 16 - 1) / 16 + drawn / (self.domain.books * 16))
    }

    fn client(&mut self) -> ClientId {
        ClientId(self.below(u64::from(self.domain.clients)) as u32)
    }

    fn session(&mut self, client: ClientId) -> SessionId {
        SessionId((client.0 * 2 + self.below(2) as u32) as u16)
    }

    fn side(&mut self) -> Side {
        [Side::Buy, Side::Sell][self.below(2) as usize]
    }

    fn order_id(&mut self) -> u64 {
        1 + self.below(self.domain.ids)
    }

    /// A price; seldom one that no book takes.
    fn px(&mut self) -> Px {
        let span = self.domain.px_span;
        let px = Px(Domain::MID - span + self.below(2 * span as u64 + 1) as i64);
        let strange = [Px::NONE, Px(i64::MAX), Px(0), Px(-Px::ABS_MAX - 1)];
        match self.below(256) {
            at @ 250..254 => strange[at as usize - 250],
            // A multiple of every book's step.
            0..200 => Px(px.0 / 2 * 2),
            _ => px,
        }
    }

    /// A quantity; seldom one that no book takes.
    fn qty(&mut self) -> Qty {
        let qty = Qty(1 + self.below(self.domain.qty_max as u64) as i64);
        let strange = [0, -1, Qty::ABS_MAX + 1, i64::MIN];
        match self.below(256) {
            at @ 250..254 => Qty(strange[at as usize - 250]),
            // A multiple of every book's step.
            0..200 => Qty((qty.0 + 2) / 3 * 3),
            _ => qty,
        }
    }

    fn order(&mut self) -> NewOrder {
        let client = self.client();
        let plain = NewOrder {
            session: self.session(client),
            self_trade: self.self_trade(),
            ..NewOrder::limit(self.order_id(), client, self.side(), self.px(), self.qty())
        };
        // Half of the orders are plain.
        if self.below(2) == 0 {
            return plain;
        }
        let ord_type = self.ord_type();
        let is_stop = matches!(ord_type, OrdType::Stop | OrdType::StopLimit) != self.one_in(64);
        let time_in_force = self.time_in_force();
        let has_date = (time_in_force == TimeInForce::GoodTillDate) != self.one_in(64);
        let detail = self.below(8);
        NewOrder {
            ord_type,
            time_in_force,
            stop_px: if is_stop { self.px() } else { Px::NONE },
            trigger: [Trigger::LastTrade, Trigger::Reference][self.below(2) as usize],
            min_qty: if detail == 1 { self.qty() } else { Qty::ZERO },
            display_qty: match detail {
                2 if self.one_in(4) => self.qty(),
                // A multiple of every book's step.
                2 | 3 => Qty(3),
                _ => Qty::ZERO,
            },
            expire_ts: if has_date { self.now + self.below(6) } else { 0 },
            post_only: if detail >= 6 {
                self.post_only()
            } else {
                PostOnly::No
            },
            reduce_only: self.below(4) == 3,
            ..plain
        }
    }

    fn ord_type(&mut self) -> OrdType {
        match self.below(32) {
            0..16 => OrdType::Limit,
            16..21 => OrdType::Market,
            21..26 => OrdType::Stop,
            26..31 => OrdType::StopLimit,
            _ => OrdType::PreviouslyQuoted,
        }
    }

    fn time_in_force(&mut self) -> TimeInForce {
        match self.below(8) {
            0..3 => TimeInForce::GoodTillCancel,
            3 => TimeInForce::Day,
            4 => TimeInForce::ImmediateOrCancel,
            5 => TimeInForce::FillOrKill,
            _ => TimeInForce::GoodTillDate,
        }
    }

    fn post_only(&mut self) -> PostOnly {
        [PostOnly::No, PostOnly::Reject, PostOnly::Reprice][self.below(3) as usize]
    }

    fn self_trade(&mut self) -> SelfTrade {
        let all = [
            SelfTrade::Allow,
            SelfTrade::CancelNewest,
            SelfTrade::CancelOldest,
            SelfTrade::CancelBoth,
            SelfTrade::Decrement,
        ];
        all[self.below(5) as usize]
    }

    fn amend(&mut self) -> Amend {
        Amend {
            order_id: self.order_id(),
            px: self.px(),
            qty: self.qty(),
            stop_px: if self.below(4) == 3 { self.px() } else { Px::NONE },
        }
    }

    fn mass_quote(&mut self) -> Message {
        let client = self.client();
        let quoter = Quoter {
            client,
            session: self.session(client),
            post_only: self.post_only(),
            self_trade: self.self_trade(),
        };
        let count = if self.one_in(64) { 17 } else { self.below(5) };
        // Neighbouring ids of one book, so that a later quote names them again.
        let (instrument, first) = (self.instrument(), self.order_id());
        let legs = (0..count).map(|n| QuoteLeg {
            instrument: if self.one_in(16) {
                self.instrument()
            } else {
                instrument
            },
            order_id: 1 + (first + if self.one_in(16) { 0 } else { n }) % self.domain.ids,
            side: if n % 2 == 0 { Side::Buy } else { Side::Sell },
            px: self.px(),
            qty: if self.below(8) == 7 { Qty::ZERO } else { self.qty() },
        });
        Message::MassQuote(quoter, legs.collect())
    }

    fn phase(&mut self) -> Phase {
        match self.below(16) {
            0..11 => Phase::Continuous,
            11..14 => Phase::Auction,
            14 => Phase::CancelOnly,
            _ => Phase::Halted,
        }
    }

    fn mass_cancel(&mut self) -> MassCancel {
        let client = self.client();
        MassCancel {
            client: (self.below(2) == 0).then_some(client),
            instrument: (self.below(2) == 0).then(|| self.instrument()),
            side: (self.below(2) == 0).then(|| self.side()),
            session: (self.below(2) == 0).then(|| self.session(client)),
        }
    }
}
