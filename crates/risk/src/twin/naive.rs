//! The twin: what happened, and each question answered from all of it.

use pinrail_types::NewVenueOrder;

use super::book::BookOrder;
use super::*;

mod book;
mod limits;
mod orders;

pub(super) use orders::Placed;

/// The window of samples where no limit sets one.
const WINDOW_NS: u64 = 1_600_000_000;

/// An open quote.
#[derive(Clone, Copy, Debug)]
pub(super) struct Open {
    pub(super) ask: Ask,
    pub(super) quoted: Quoted,
    pub(super) notional: Amount,
}

impl Open {
    fn notional(&self) -> i128 {
        self.notional.get()
    }
}

/// A fill of a whole quote, or of an order at a venue.
#[derive(Clone, Copy, Debug)]
struct Fill {
    ask: Ask,
    px: Px,
    /// What a venue took for it.
    fee: i128,
    ts: u64,
    /// What the client's window for duplicates was then.
    duplicate_ns: u64,
}

impl Fill {
    /// Lots that the house bought.
    fn bought(&self) -> i64 {
        if self.ask.side == Some(Side::Buy) {
            -self.ask.qty.0
        } else {
            self.ask.qty.0
        }
    }
}

/// A trading state that was set, by a person or else for a reason.
#[derive(Clone, Copy, Debug)]
pub(super) struct State {
    scope: Scope,
    target: u32,
    now: TradingState,
    why: Reason,
}

impl State {
    pub(super) fn set(scope: Scope, target: u32, state: TradingState) -> State {
        State {
            scope,
            target,
            now: state,
            why: Reason::None,
        }
    }
}

/// What happened of what profit and throttles depend on, in order.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// A sample of an instrument's reference.
    Sampled(u32, Px, u64),
    /// Exposure and profit in an instrument are worked out at this price from then on.
    Marked(u32, Px, u64),
    Filled(Fill),
    /// What the house got for a trade of clients.
    Earned(InstrumentId, i128),
    Resumed(Scope, u32),
    /// The window of an instrument's samples was set.
    Window(u32, u64),
}

/// Messages and trades of a client, for its ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flow {
    Message,
    Trade,
}

/// A message that was taken, and what a token took to come back then; or a rate that was loosened.
#[derive(Clone, Copy, Debug)]
struct Message {
    of: u32,
    ts: u64,
    token_ns: u64,
    /// No more than this is missing behind it.
    missing_max: u64,
}

#[derive(Debug, Default)]
pub(super) struct Naive {
    /// The last definition of each, without what [`LimitSet`] can change.
    limits: Vec<InstrumentLimits>,
    clients: Vec<ClientDef>,
    /// Every limit that came into force, and every return to the one before.
    sets: Vec<(LimitSet, limits::By)>,
    /// Every limit that was asked for, and whether it waited then.
    asked: Vec<(LimitSet, bool)>,
    /// Every state ever set.
    pub(super) states: Vec<State>,
    pub(super) open: Vec<Open>,
    /// Orders at venues.
    pub(super) orders: Vec<Placed>,
    /// Clients' orders in the desk's own books, and their trades.
    pub(super) book: Vec<BookOrder>,
    book_trades: Vec<book::BookTrade>,
    /// Those that were taken, when, and what the window for duplicates was.
    taken: Vec<(Ask, u64, u64)>,
    /// What venues said that they hold, and what was spent there.
    money: Vec<orders::Money>,
    by_venue: Vec<Message>,
    /// Those that were found since they were asked for.
    pub(super) latched: Vec<(Scope, u32, TradingState, Reason)>,
    events: Vec<Event>,
    by_session: Vec<Message>,
    by_client: Vec<Message>,
    /// By client, with the window that was in force.
    flow: Vec<(u32, Flow, u64, u64)>,
}

impl Naive {
    pub(super) fn request(
        &mut self,
        session: SessionId,
        ask: &Ask,
        quoted: &Quoted,
        now: u64,
    ) -> Result<Amount, Reason> {
        self.admit(session, ask.client, now)?;
        self.check_ratio(ask.client, now)?;
        self.message(ask.client, now);
        self.check_ask(ask)?;
        if self.show(ask.instrument.0, quoted.ref_px, now) {
            self.check_ask(ask)?;
        }
        let notional = self.check_quoted(ask, quoted)?;
        self.open.push(Open {
            ask: *ask,
            quoted: *quoted,
            notional,
        });
        Ok(notional)
    }

    pub(super) fn accept(&mut self, session: SessionId, ask: &Ask, now: u64) -> Result<(), Reason> {
        self.admit(session, ask.client, now)?;
        self.message(ask.client, now);
        self.check_fill(ask, now)
    }

    pub(super) fn check_fill(&self, ask: &Ask, now: u64) -> Result<(), Reason> {
        let position = self.position(ask.instrument);
        let after = position
            + if ask.side == Some(Side::Buy) {
                -ask.qty.0
            } else {
                ask.qty.0
            };
        let reduces = after.abs() < position.abs() && after.signum() != -position.signum();
        self.check_states(ask, reduces)?;
        self.check_permitted(ask)?;
        self.check_duplicate(ask, now)
    }

    fn check_duplicate(&self, ask: &Ask, now: u64) -> Result<(), Reason> {
        if self.last(LimitKind::DuplicateWindow, ask.client.0, 0).is_some() {
            let fills = self.fills().map(|fill| (fill.ask, fill.ts, fill.duplicate_ns));
            let mut before = fills.chain(self.taken.iter().copied());
            if before.any(|(of, ts, window_ns)| of == *ask && now < ts + window_ns) {
                return Err(Reason::DuplicateOrder);
            }
        }
        Ok(())
    }

    pub(super) fn fill(&mut self, at: usize, ask: &Ask, px: Px, now: u64) {
        self.open.swap_remove(at);
        let duplicate = self.last(LimitKind::DuplicateWindow, ask.client.0, 0);
        self.events.push(Event::Filled(Fill {
            ask: *ask,
            px,
            fee: 0,
            ts: now,
            duplicate_ns: duplicate.map_or(0, |set| set.window_ns),
        }));
        let window_ns = self.window(LimitKind::OrderToTrade, ask.client.0);
        self.flow.push((ask.client.0, Flow::Trade, now, window_ns));
        self.judge_profit(ask.instrument.0);
        self.judge_fills(ask.instrument.0, now);
    }

    /// Position and cash of the house.
    pub(super) fn booked(&self, instrument: InstrumentId) -> (i64, i128) {
        let earned = self.events.iter().map(|event| match event {
            Event::Earned(of, fee) if *of == instrument => *fee,
            _ => 0,
        });
        let fills = self.fills().filter(|fill| fill.ask.instrument == instrument);
        fills.fold((0, earned.sum()), |(position, cash), fill| {
            let bought = fill.bought();
            let paid = i128::from(bought * fill.px.0 * 10) + fill.fee;
            (position + bought, cash - paid)
        })
    }

    pub(super) fn state_set(&mut self, scope: Scope, target: u32, state: TradingState) {
        let (held, why) = self.state(scope, target);
        let why = if state < held { Reason::None } else { why };
        let now = State::set(scope, target, state);
        self.states.push(State { why, ..now });
        if state == TradingState::Active && held != TradingState::Active {
            self.events.push(Event::Resumed(scope, target));
        }
    }

    /// A reference was seen, and is marked at if that or a sample is due; true if something latched.
    pub(super) fn show(&mut self, instrument: u32, px: Px, now: u64) -> bool {
        let is_sampled = now >= self.sample_due(instrument);
        let is_marked = now >= self.next_sample(instrument);
        let last = self.last_mark(instrument, self.events.len());
        if px == Px::NONE || !is_marked {
            return false;
        }
        let before = self.latched.len();
        let is_same = last.is_some_and(|(_, mark)| mark == px);
        if is_sampled {
            self.events.push(Event::Sampled(instrument, px, now));
        }
        self.events.push(Event::Marked(instrument, px, now));
        if !is_same {
            self.judge_profit(instrument);
        }
        self.latched.len() > before
    }

    fn sample_due(&self, instrument: u32) -> u64 {
        let step_ns = self.sample_window_ns(instrument).div_ceil(16);
        let last = self.samples(instrument).last().copied();
        last.map_or(0, |(ts, _)| ts + step_ns)
    }

    /// When a sample is due, or a tenth of a second after the last mark.
    pub(super) fn next_sample(&self, instrument: u32) -> u64 {
        let last = self.last_mark(instrument, self.events.len());
        let mark_due = last.map_or(0, |(ts, _)| ts + 100_000_000);
        mark_due.min(self.sample_due(instrument))
    }

    fn fills(&self) -> impl Iterator<Item = &Fill> {
        self.events.iter().filter_map(|event| match event {
            Event::Filled(fill) => Some(fill),
            _ => None,
        })
    }

    fn position(&self, instrument: InstrumentId) -> i64 {
        self.booked(instrument).0
    }

    fn sample_window_ns(&self, instrument: u32) -> u64 {
        match self.window(LimitKind::ReferenceMove, instrument) {
            0 => WINDOW_NS,
            window_ns => window_ns,
        }
    }

    /// The last mark among the first events, and when it was.
    fn last_mark(&self, instrument: u32, events: usize) -> Option<(u64, Px)> {
        self.events[..events].iter().rev().find_map(|event| match event {
            Event::Marked(of, px, ts) if *of == instrument => Some((*ts, *px)),
            _ => None,
        })
    }

    /// Profit of each instrument behind the first events.
    fn profit(&self, instrument: u32, events: usize) -> i128 {
        let Some((_, mark)) = self.last_mark(instrument, events) else {
            return 0;
        };
        let gains = self.events[..events].iter().map(|event| match event {
            Event::Filled(fill) if fill.ask.instrument.0 == instrument => {
                i128::from(fill.bought() * (mark.0 - fill.px.0) * 10) - fill.fee
            }
            Event::Earned(of, fee) if of.0 == instrument => *fee,
            _ => 0,
        });
        gains.sum()
    }

    /// Loss and drawdown of some instruments since a person last turned on what `resumed` says.
    fn lost(&self, of: &[u32], resumed: impl Fn(Scope, u32) -> bool) -> (i128, i128) {
        let profit = |events: usize| of.iter().map(|id| self.profit(*id, events)).sum::<i128>();
        let is_resumed = |event: &Event| matches!(event, Event::Resumed(scope, id) if resumed(*scope, *id));
        let since = self.events.iter().rposition(is_resumed);
        let (from, end) = (since.unwrap_or(0), self.events.len());
        let peak = (from..=end).map(profit).max().unwrap_or(0);
        (-profit(end), peak - profit(end))
    }

    fn judge_profit(&mut self, instrument: u32) {
        let resumed = |scope, id| (scope, id) == (Scope::Instrument, instrument);
        let (loss, drawdown) = self.lost(&[instrument], resumed);
        for (kind, lost, reason) in [
            (LimitKind::Loss, loss, Reason::LossLimit),
            (LimitKind::Drawdown, drawdown, Reason::Drawdown),
        ] {
            if let Some(most) = self
                .last(kind, instrument, 0)
                .filter(|most| lost > most.value.get())
            {
                self.latch(Scope::Instrument, instrument, most.state, reason);
            }
        }
        self.judge_asset(quote_of(instrument));
    }

    fn judge_asset(&mut self, asset: AssetId) {
        let of: Vec<u32> = (0..INSTRUMENTS).filter(|id| quote_of(*id) == asset).collect();
        let (loss, drawdown) = self.lost(&of, |scope, _| scope == Scope::Global);
        for (kind, lost, reason) in [
            (LimitKind::AssetLoss, loss, Reason::DeskLoss),
            (LimitKind::AssetDrawdown, drawdown, Reason::DeskDrawdown),
        ] {
            if let Some(most) = self.last(kind, asset.0, 0).filter(|most| lost > most.value.get()) {
                self.latch(Scope::Global, 0, most.state, reason);
            }
        }
    }

    fn judge_fills(&mut self, instrument: u32, now: u64) {
        let is_it =
            |event: &Event| matches!(event, Event::Resumed(Scope::Instrument, id) if *id == instrument);
        let since = self.events.iter().rposition(is_it).unwrap_or(0);
        let fills: Vec<Fill> = self.events[since..]
            .iter()
            .filter_map(|event| match event {
                Event::Filled(fill) if fill.ask.instrument.0 == instrument => Some(*fill),
                _ => None,
            })
            .collect();
        let within = |window_ns: u64| fills.iter().filter(move |fill| now < fill.ts + window_ns);
        let most = |kind| self.last(kind, instrument, 0);
        let throttled =
            most(LimitKind::Executions).is_some_and(|most| fills.len() as i128 >= most.value.get());
        let often = most(LimitKind::ProtectionFills)
            .is_some_and(|most| within(most.window_ns).count() as i128 >= most.value.get());
        let much = most(LimitKind::ProtectionDelta).is_some_and(|most| {
            let delta: i64 = within(most.window_ns).map(Fill::bought).sum();
            i128::from(delta.abs()) >= most.value.get()
        });
        for (is_reached, reason) in [
            (throttled, Reason::ExecutionThrottle),
            (often, Reason::ProtectionFills),
            (much, Reason::ProtectionDelta),
        ] {
            if is_reached {
                self.latch(Scope::Instrument, instrument, TradingState::Halted.byte(), reason);
            }
        }
    }

    fn latch(&mut self, scope: Scope, target: u32, state: u8, reason: Reason) {
        let state = TradingState::from_byte(state).unwrap();
        if state > self.state(scope, target).0 {
            self.latched.push((scope, target, state, reason));
            self.states.push(State {
                scope,
                target,
                now: state,
                why: reason,
            });
        }
    }

    fn message(&mut self, client: ClientId, now: u64) {
        let window_ns = self.window(LimitKind::OrderToTrade, client.0);
        self.flow.push((client.0, Flow::Message, now, window_ns));
    }

    /// Messages and trades of the window that is open now: windows begin with the first event behind the end of the one
    /// before.
    fn check_ratio(&mut self, client: ClientId, now: u64) -> Result<(), Reason> {
        let most = self.last(LimitKind::OrderToTrade, client.0, 0);
        let window_ns = self.window(LimitKind::OrderToTrade, client.0);
        let (mut from, mut messages, mut trades) = (0, 0_i128, 0_i128);
        let of_client = self.flow.iter().filter(|flow| flow.0 == client.0);
        for (_, flow, ts, window_ns) in of_client.copied().chain([(0, Flow::Message, now, window_ns)]) {
            if ts - from >= window_ns {
                (from, messages, trades) = (ts, 0, 0);
            }
            match flow {
                Flow::Message => messages += 1,
                Flow::Trade => trades += 1,
            }
        }
        match most {
            Some(most) if messages > most.value.get() * trades.max(1) => {
                // A refused request begins a window too.
                Err(Reason::OrderToTrade)
            }
            _ => Ok(()),
        }
    }

    /// The state, and why if nobody set it.
    fn state(&self, scope: Scope, target: u32) -> (TradingState, Reason) {
        let last = self
            .states
            .iter()
            .rev()
            .find(|set| (set.scope, set.target) == (scope, target));
        last.map_or((TradingState::Active, Reason::None), |set| (set.now, set.why))
    }

    fn admit(&mut self, session: SessionId, client: ClientId, now: u64) -> Result<(), Reason> {
        let rate = self.last(LimitKind::SessionRate, 0, 0);
        take(&mut self.by_session, u32::from(session.0), rate, now).ok_or(Reason::SessionRate)?;
        if client.0 >= CLIENTS {
            return Err(Reason::UnknownClient);
        }
        let rate = self.last(LimitKind::ClientRate, client.0, 0);
        take(&mut self.by_client, client.0, rate, now).ok_or(Reason::ClientRate)
    }

    fn check_states(&self, ask: &Ask, reduces: bool) -> Result<(), Reason> {
        let desk = self.state(Scope::Global, 0);
        let instrument = self.state(Scope::Instrument, ask.instrument.0);
        let client = self.state(Scope::Client, ask.client.0);
        let states = [
            (desk, Reason::Halted, Reason::ReduceOnly),
            (instrument, Reason::InstrumentHalted, Reason::InstrumentReduceOnly),
            (client, Reason::ClientHalted, Reason::ClientReduceOnly),
        ];
        let or = |why, reason| if why == Reason::None { reason } else { why };
        if let Some(((_, why), reason, _)) = states.iter().find(|state| state.0.0 == TradingState::Halted) {
            return Err(or(*why, *reason));
        }
        match states.iter().find(|state| state.0.0 == TradingState::Reducing) {
            Some(((_, why), _, reason)) if !reduces => Err(or(*why, *reason)),
            _ => Ok(()),
        }
    }

    fn check_permitted(&self, ask: &Ask) -> Result<(), Reason> {
        match self.last(LimitKind::Permitted, ask.client.0, ask.instrument.0) {
            Some(_) => Err(Reason::Restricted),
            None => Ok(()),
        }
    }

    fn check_ask_that(&self, ask: &Ask, reduces: bool) -> Result<(), Reason> {
        // States that halt come before the quantity, those that reduce behind it.
        self.check_states(ask, true)?;
        self.check_permitted(ask)?;
        let limits = self
            .limits
            .iter()
            .find(|limits| limits.instrument == ask.instrument);
        let limits = limits.ok_or(Reason::LimitsMissing)?;
        if !ask.qty.is_orderable() {
            return Err(Reason::QtyUnrepresentable);
        }
        if ask.qty.0 % limits.qty_lots_step.0 != 0 {
            return Err(Reason::QtyOffGrid);
        }
        if ask.qty < limits.qty_lots_min {
            return Err(Reason::QtyBelowMin);
        }
        if ask.qty.0 > self.most(LimitKind::QtyMax, ask.instrument.0) as i64 {
            return Err(Reason::QtyAboveMax);
        }
        self.check_states(ask, reduces)
    }

    fn check_ask(&self, ask: &Ask) -> Result<(), Reason> {
        let position = self.position(ask.instrument);
        let (buy, sell) = self.worst(ask.instrument);
        let reduces = match ask.side {
            Some(Side::Buy) => position - sell >= ask.qty.0,
            Some(Side::Sell) => -(position + buy) >= ask.qty.0,
            None => false,
        };
        self.check_ask_that(ask, reduces)
    }

    /// Lots that the house would buy and sell if all open quotes and orders were taken.
    fn worst(&self, instrument: InstrumentId) -> (i64, i64) {
        let open = self.open.iter().filter(|open| open.ask.instrument == instrument);
        let orders = self.orders_in(instrument);
        open.fold(orders, |(buy, sell), open| {
            let lots = |px: Px| if px == Px::NONE { 0 } else { open.ask.qty.0 };
            (buy + lots(open.quoted.bid_px), sell + lots(open.quoted.offer_px))
        })
    }

    fn check_quoted(&self, ask: &Ask, quoted: &Quoted) -> Result<Amount, Reason> {
        let limits = self
            .limits
            .iter()
            .find(|limits| limits.instrument == ask.instrument);
        let limits = *limits.expect("the ask was checked");
        if quoted.ref_px == Px::NONE {
            return Err(Reason::PxUnrepresentable);
        }
        let sides = [quoted.bid_px, quoted.offer_px];
        let sides = sides.iter().filter(|px| **px != Px::NONE);
        if sides.clone().any(|px| px.0 % limits.px_ticks_step != 0) {
            return Err(Reason::PxOffGrid);
        }
        if sides
            .clone()
            .any(|px| self.is_far(ask.instrument, *px, quoted.ref_px))
        {
            return Err(Reason::Collar);
        }
        let notional = sides.map(|px| i128::from(px.0 * ask.qty.0 * 10).abs()).max();
        let notional = notional.unwrap_or(0);
        self.check_reference(ask.instrument.0, quoted)?;
        let least = self.last(LimitKind::NotionalMin, ask.instrument.0, 0);
        if least.is_some_and(|least| notional < least.value.get()) {
            return Err(Reason::NotionalBelowMin);
        }
        if notional > self.most(LimitKind::NotionalMax, ask.instrument.0) {
            return Err(Reason::NotionalAboveMax);
        }
        self.check_position(ask, quoted)?;
        self.check_asset(ask)?;
        self.check_credit(ask.client, notional)?;
        self.check_unexecuted(ask, notional)?;
        self.check_exposure(ask, quoted)?;
        Ok(Amount::new(notional))
    }

    /// Whether a price is outside of the collar.
    fn is_far(&self, instrument: InstrumentId, px: Px, ref_px: Px) -> bool {
        let most = i128::from(ref_px.0) * self.most(LimitKind::Collar, instrument.0);
        i128::from((px.0 - ref_px.0).abs()) * i128::from(E8) > most
    }

    fn check_reference(&self, instrument: u32, quoted: &Quoted) -> Result<(), Reason> {
        let far = |a: Px, b: Px, most: LimitSet| {
            i128::from((a.0 - b.0).abs()) * i128::from(E8) > i128::from(b.0) * most.value.get()
        };
        let most = self.last(LimitKind::VenueSpread, instrument, 0);
        if most.is_some_and(|most| far(quoted.mids.1, quoted.mids.0, most)) {
            return Err(Reason::VenuesDisagree);
        }
        let Some(most) = self.last(LimitKind::ReferenceMove, instrument, 0) else {
            return Ok(());
        };
        let samples = self.samples(instrument);
        if samples.iter().any(|sample| far(quoted.ref_px, sample.1, most)) {
            return Err(Reason::ReferenceMoved);
        }
        Ok(())
    }

    /// The samples that count: those that were within each window that was in force since, sixteen at most. A change of
    /// the window forgets nothing else.
    fn samples(&self, instrument: u32) -> Vec<(u64, Px)> {
        let mut window_ns = WINDOW_NS;
        let mut samples: Vec<(u64, Px)> = Vec::new();
        for event in &self.events {
            match event {
                Event::Sampled(id, px, ts) if *id == instrument => samples.push((*ts, *px)),
                Event::Window(id, set_ns) if *id == instrument => window_ns = *set_ns,
                _ => continue,
            }
            let last = samples.last().map_or(0, |last| last.0);
            samples.retain(|sample| sample.0 + window_ns > last);
            samples.drain(..samples.len().saturating_sub(16));
        }
        samples
    }

    fn check_exposure(&self, ask: &Ask, quoted: &Quoted) -> Result<(), Reason> {
        let bids = if quoted.bid_px == Px::NONE { 0 } else { ask.qty.0 };
        let offers = if quoted.offer_px == Px::NONE { 0 } else { ask.qty.0 };
        self.check_exposure_with(ask.instrument, bids, offers)
    }

    /// With so many more lots open to be bought and sold.
    fn check_exposure_with(&self, instrument: InstrumentId, bids: i64, offers: i64) -> Result<(), Reason> {
        let quote = quote_of(instrument.0);
        let of = |id: u32, bids: i64, offers: i64| {
            let mark = self.last_mark(id, self.events.len()).map_or(0, |(_, px)| px.0);
            let (buy, sell) = self.worst(InstrumentId(id));
            let position = self.position(InstrumentId(id));
            let worth = |lots: i64| i128::from(lots * mark * 10);
            (worth(position + buy + bids), worth(position - sell - offers))
        };
        let (mut long, mut short, mut gross) = (0, 0, 0);
        for id in (0..INSTRUMENTS).filter(|id| quote_of(*id) == quote) {
            let is_it = id == instrument.0;
            let worst = if is_it { of(id, bids, offers) } else { of(id, 0, 0) };
            long += worst.0;
            short -= worst.1;
            gross += worst.0.abs().max(worst.1.abs());
        }
        let (buy, sell) = self.worst(instrument);
        let position = self.position(instrument);
        let gross_of = |buy: i64, sell: i64| (position + buy).abs().max((position - sell).abs());
        let grows = gross_of(buy + bids, sell + offers) > gross_of(buy, sell);
        let most = self.last(LimitKind::GrossExposure, quote.0, 0);
        if grows && most.is_some_and(|most| gross > most.value.get()) {
            return Err(Reason::GrossExposure);
        }
        let most = self.last(LimitKind::NetExposure, quote.0, 0);
        let over = |most: LimitSet| {
            (bids > 0 && long > most.value.get()) || (offers > 0 && short > most.value.get())
        };
        if most.is_some_and(over) {
            return Err(Reason::NetExposure);
        }
        Ok(())
    }

    /// Notional of all open quotes and orders in an asset.
    pub(super) fn unexecuted(&self, quote: AssetId) -> i128 {
        let held = self
            .open
            .iter()
            .filter(|open| quote_of(open.ask.instrument.0) == quote);
        let orders = self
            .orders
            .iter()
            .filter(|held| quote_of(held.order.instrument.0) == quote);
        let orders = orders.map(Placed::notional);
        let in_books = self.held_in_book(|order| quote_of(order.instrument.0) == quote, book::value);
        held.map(Open::notional).sum::<i128>() + orders.sum::<i128>() + in_books
    }

    fn check_position(&self, ask: &Ask, quoted: &Quoted) -> Result<(), Reason> {
        let most = self.most(LimitKind::PositionMax, ask.instrument.0) as i64;
        let position = self.position(ask.instrument);
        let (buy, sell) = self.worst(ask.instrument);
        let too_long = quoted.bid_px != Px::NONE && position + buy + ask.qty.0 > most;
        let too_short = quoted.offer_px != Px::NONE && sell + ask.qty.0 - position > most;
        if too_long || too_short {
            return Err(Reason::PositionLimit);
        }
        Ok(())
    }

    fn check_asset(&self, ask: &Ask) -> Result<(), Reason> {
        let client = self.clients[ask.client.index()];
        if client.credit_asset != quote_of(ask.instrument.0) {
            return Err(Reason::CreditAsset);
        }
        Ok(())
    }

    /// What a client would owe with so much more.
    fn check_credit(&self, client: ClientId, added: i128) -> Result<(), Reason> {
        let held = self.open.iter().filter(|open| open.ask.client == client);
        let in_books = self.held_in_book(|order| order.client == client, book::cost);
        let of_client = added + held.map(Open::notional).sum::<i128>() + in_books;
        let used = self.fills().filter(|fill| fill.ask.client == client);
        let used: i128 = used.map(|fill| i128::from(fill.px.0 * fill.ask.qty.0 * 10)).sum();
        let used = used + self.used_in_book(client);
        if of_client + used > self.most(LimitKind::Credit, client.0) {
            return Err(Reason::CreditLimit);
        }
        let most = self.last(LimitKind::ClientUnexecuted, client.0, 0);
        if most.is_some_and(|most| of_client > most.value.get()) {
            return Err(Reason::ClientUnexecuted);
        }
        Ok(())
    }

    fn check_unexecuted(&self, ask: &Ask, added: i128) -> Result<(), Reason> {
        let quote = quote_of(ask.instrument.0);
        let in_asset = added + self.unexecuted(quote);
        let most = self.last(LimitKind::AssetUnexecuted, quote.0, 0);
        if most.is_some_and(|most| in_asset > most.value.get()) {
            return Err(Reason::AssetUnexecuted);
        }
        Ok(())
    }
}

/// Takes a token of `of`'s bucket, as it stands after all messages that took one.
fn take(messages: &mut Vec<Message>, of: u32, rate: Option<LimitSet>, now: u64) -> Option<()> {
    let Some(rate) = rate else { return Some(()) };
    let tokens = rate.value.get() as u64;
    let token_ns = rate.window_ns.div_ceil(tokens);
    let (mut missing, mut at) = (0, 0);
    for message in messages.iter().filter(|message| message.of == of) {
        missing = message.token_ns + u64::saturating_sub(missing, message.ts - at);
        missing = missing.min(message.missing_max);
        at = message.ts;
    }
    missing = u64::saturating_sub(missing, now - at);
    if missing + token_ns > tokens * token_ns {
        return None;
    }
    messages.push(Message {
        of,
        ts: now,
        token_ns,
        missing_max: u64::MAX,
    });
    Some(())
}
