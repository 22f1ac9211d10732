//! The execution side of a simulated venue: orders in, reports and balances out.

use std::collections::{BTreeMap, VecDeque};

use bytemuck::Zeroable;
use pinrail_types::record::{
    BookLevel, CxlRejResponseTo, ExecType, OrdStatus, TimeInForce, VenueBalance, VenueOrder,
    VenueOrderCancel, VenueOrderReplace, VenueOrderStatusRequest, VenueReport,
};
use pinrail_types::{
    Amount, AssetId, E8, Frame, Instrument, InstrumentId, OutId, Px, Qty, Side, Text, VenueId,
};

use crate::fault::{Fault, FaultConfig, Faults};
use crate::random::Random;

/// How a simulated venue takes orders.
#[derive(Clone, Debug)]
pub struct ExecutionConfig {
    /// The venue.
    pub venue: VenueId,
    /// What it takes of each fill, as a fraction of the notional, times 1e8; rounded up. Negative is a rebate.
    pub taker_fee_e8: i32,
    /// Shortest time on the way there, and on the way back; at least 1.
    pub latency_ns_min: u64,
    /// Mean of what comes on top.
    pub latency_ns_mean: u64,
    /// What the house has there at the start, in each asset's smallest unit.
    pub balances: Vec<(AssetId, i128)>,
    /// How long it is from one telling of the balances to the next; at least 1.
    pub balance_ns: u64,
    /// Number of its first report, less one: a venue that starts again gives none twice.
    pub reports_before: u64,
    /// What goes wrong.
    pub faults: FaultConfig,
}

/// A book that orders are filled against.
pub(crate) trait Liquidity {
    /// What it is a book of.
    fn instrument(&self) -> InstrumentId;

    /// How much a taker on `side` finds at `px` or better.
    fn available(&self, side: Side, px: Px) -> Qty;

    /// What a taker on `side` gets for at most `qty` at `px` or better, best first. It is gone then.
    fn take_liquidity(&mut self, side: Side, px: Px, qty: Qty) -> Vec<BookLevel>;
}

/// An order at the venue.
#[derive(Clone, Copy, Debug)]
struct Held {
    order: VenueOrder,
    side: Side,
    cum_qty: i64,
}

impl Held {
    fn leaves(&self) -> i64 {
        self.order.qty.0 - self.cum_qty
    }
}

/// What is due at some time.
#[derive(Clone, Copy, Debug)]
enum Event {
    Order(VenueOrder),
    Cancel(VenueOrderCancel),
    Status(VenueOrderStatusRequest),
    Replace(VenueOrderReplace),
    /// The trade of this report is taken back.
    Bust(VenueReport),
    /// It is corrected.
    Correct(VenueReport),
    Report(VenueReport),
    Balance(VenueBalance),
    /// The balances are to be told.
    Tell,
}

/// Orders that were taken lately, for cancels that come too late.
const REMEMBERED: usize = 1_024;

/// The execution side. Messages keep their order on the way there and, but for [`Fault::Reorder`], on the way back.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    config: ExecutionConfig,
    instruments: Vec<Instrument>,
    random: Random,
    pub(crate) faults: Faults,
    /// By time and number.
    due: BTreeMap<(u64, u64), Event>,
    number: u64,
    exec_number: u64,
    /// When the last order or cancel comes there.
    last_arrival: u64,
    /// When the last report is received.
    last_report: u64,
    /// Nothing is received before.
    held_until: u64,
    resting: Vec<Held>,
    taken: VecDeque<VenueOrder>,
    balances: BTreeMap<AssetId, i128>,
    /// Of all in `due`, those about orders.
    about_orders: usize,
}

impl Execution {
    /// # Panics
    /// If the configuration is out of its range.
    pub(crate) fn new(
        config: ExecutionConfig,
        instruments: &[Instrument],
        seed: u64,
        start_ns: u64,
    ) -> Execution {
        let is_sane = config.latency_ns_min > 0 && config.balance_ns > 0 && config.faults.is_sane();
        assert!(is_sane, "an execution side out of its range: {config:?}");
        Execution {
            instruments: instruments.to_vec(),
            random: Random::new(seed),
            faults: Faults::new(config.faults, seed),
            due: BTreeMap::from([((start_ns, 0), Event::Tell)]),
            number: 0,
            exec_number: config.reports_before,
            last_arrival: start_ns,
            last_report: start_ns,
            held_until: start_ns,
            resting: Vec::new(),
            taken: VecDeque::with_capacity(REMEMBERED),
            balances: config.balances.iter().copied().collect(),
            about_orders: 0,
            config,
        }
    }

    pub(crate) fn next_due(&self) -> Option<u64> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.about_orders == 0 && self.resting.is_empty()
    }

    /// The connection is lost until then.
    pub(crate) fn hold_until(&mut self, ts: u64) {
        self.held_until = ts;
        let waiting: Vec<(u64, u64)> = self.due.range(..(ts, 0)).map(|(at, _)| *at).collect();
        for at in waiting {
            if matches!(self.due[&at], Event::Report(_) | Event::Balance(_)) {
                let event = self.due.remove(&at).expect("it was just seen");
                self.due.insert((ts, at.1), event);
            }
        }
        self.last_report = self.last_report.max(ts);
    }

    pub(crate) fn on_output(&mut self, frame: &Frame) {
        let now = frame.header().ts_core;
        if let Some(order) = frame.get::<VenueOrder>() {
            if order.venue == self.config.venue {
                let slow_ns = if self.faults.has(Fault::Slow) {
                    1 + self.faults.random.exponential(self.faults.config.slow_ns_mean)
                } else {
                    0
                };
                self.arrives(now.saturating_add(slow_ns), &Event::Order(*order));
            }
        } else if let Some(cancel) = frame.get::<VenueOrderCancel>()
            && cancel.venue == self.config.venue
        {
            self.arrives(now, &Event::Cancel(*cancel));
        } else if let Some(replace) = frame.get::<VenueOrderReplace>()
            && replace.venue == self.config.venue
        {
            self.arrives(now, &Event::Replace(*replace));
        } else if let Some(request) = frame.get::<VenueOrderStatusRequest>()
            && request.venue == self.config.venue
        {
            self.arrives(now, &Event::Status(*request));
        }
    }

    fn arrives(&mut self, sent: u64, event: &Event) {
        let at = sent.saturating_add(self.latency_ns()).max(self.last_arrival);
        self.last_arrival = at;
        self.put(at, event);
    }

    fn latency_ns(&mut self) -> u64 {
        self.config.latency_ns_min + self.random.exponential(self.config.latency_ns_mean)
    }

    fn put(&mut self, at: u64, event: &Event) {
        self.number += 1;
        self.about_orders += usize::from(!matches!(event, Event::Tell | Event::Balance(_)));
        self.due.insert((at, self.number), *event);
    }

    /// Does what is due next; what is received then goes to `out`.
    pub(crate) fn take(&mut self, books: &mut [impl Liquidity], out: &mut Vec<Frame>) {
        let ((now, _), event) = self.due.pop_first().expect("something is due");
        self.about_orders -= usize::from(!matches!(event, Event::Tell | Event::Balance(_)));
        match event {
            Event::Order(order) => self.on_order(&order, books, now),
            Event::Cancel(cancel) => self.on_cancel(&cancel, now),
            Event::Replace(replace) => self.on_replace(&replace, books, now),
            Event::Status(request) => self.on_status_request(&request, now),
            Event::Bust(fill) => self.bust(&fill, now),
            Event::Correct(fill) => self.correct(&fill, now),
            Event::Report(report) => out.push(Frame::of(&VenueReport {
                ts_recv: now,
                ..report
            })),
            Event::Balance(balance) => out.push(Frame::of(&VenueBalance {
                ts_recv: now,
                ..balance
            })),
            Event::Tell => self.tell(now),
        }
    }

    fn tell(&mut self, now: u64) {
        for (asset, balance) in self.balances.clone() {
            let told = VenueBalance {
                asset,
                venue: self.config.venue,
                balance: Amount::new(balance.max(0)),
                ts_event: now,
                ..Zeroable::zeroed()
            };
            let at = self.in_order(now);
            self.put(at, &Event::Balance(told));
        }
        self.put(now.saturating_add(self.config.balance_ns), &Event::Tell);
    }

    /// When something that is sent now is received, behind all that was sent before.
    fn in_order(&mut self, now: u64) -> u64 {
        let at = now.saturating_add(self.latency_ns()).max(self.held_until);
        self.last_report = at.max(self.last_report);
        self.last_report
    }

    fn on_order(&mut self, order: &VenueOrder, books: &mut [impl Liquidity], now: u64) {
        if self.taken.len() == REMEMBERED {
            self.taken.pop_front();
        }
        self.taken.push_back(*order);
        let side = Side::from_fix(order.side);
        let book = books
            .iter_mut()
            .find(|book| book.instrument() == order.instrument);
        let (Some(side), Some(book)) = (side, book) else {
            return self.reject(order, now);
        };
        if self.faults.has(Fault::Reject) || !self.can_pay(order, side) {
            return self.reject(order, now);
        }
        let mut held = Held {
            order: *order,
            side,
            cum_qty: 0,
        };
        let new = self.report(&held, ExecType::New, OrdStatus::New, now);
        self.send(new, now);
        self.trade(&mut held, book, now);
        if self.faults.has(Fault::UnknownOrder) {
            self.invent(order, side, now);
        }
    }

    /// Whether the house has what the order could cost.
    fn can_pay(&self, order: &VenueOrder, side: Side) -> bool {
        let Some(meta) = self.meta(order) else {
            return false;
        };
        let (asset, needed) = match side {
            Side::Sell => (meta.base, Some(meta.base_units(order.qty))),
            Side::Buy => (meta.quote, meta.notional(order.px, order.qty)),
        };
        let has = self.balances.get(&asset).copied().unwrap_or(0);
        needed.is_some_and(|needed| needed.get() <= has)
    }

    fn meta(&self, order: &VenueOrder) -> Option<&Instrument> {
        self.instruments.iter().find(|meta| meta.id == order.instrument)
    }

    fn reject(&mut self, order: &VenueOrder, now: u64) {
        let held = Held {
            order: *order,
            side: Side::from_fix(order.side).unwrap_or(Side::Buy),
            cum_qty: 0,
        };
        let report = VenueReport {
            leaves_qty: Qty::ZERO,
            ..self.report(&held, ExecType::Rejected, OrdStatus::Rejected, now)
        };
        self.send(report, now);
    }

    /// Fills what can be filled, and ends or rests the remainder.
    fn trade(&mut self, held: &mut Held, book: &mut impl Liquidity, now: u64) {
        let (side, px, qty) = (held.side, held.order.px, Qty(held.leaves()));
        let time_in_force = TimeInForce::from_byte(held.order.time_in_force);
        let all_or_none = time_in_force == Some(TimeInForce::FillOrKill);
        let mut fills = if all_or_none && book.available(side, px) <= qty {
            Vec::new()
        } else {
            book.take_liquidity(side, px, qty)
        };
        let rests = time_in_force == Some(TimeInForce::GoodTillCancel);
        let late = if !rests && !fills.is_empty() && self.faults.has(Fault::LateFill) {
            fills.pop()
        } else {
            None
        };
        if let Some(fill) = fills.first_mut()
            && self.faults.has(Fault::WorsePx)
        {
            fill.px.0 = px.0 + side.sign() * self.faults.random.between(1, WORSE_TICKS_MAX);
        }
        for fill in &fills {
            self.fill(held, fill.px, fill.qty, now);
        }
        if held.leaves() > 0 {
            if rests {
                self.resting.push(*held);
            } else {
                self.end(held, now);
            }
        }
        if let Some(fill) = late {
            let report = self.filled(held, fill.px, fill.qty, now);
            let late_ns = self.put_off_ns();
            let at = self.in_order(now).saturating_add(late_ns);
            self.put(at, &Event::Report(report));
            self.doubt_fill(&report, now);
        }
    }

    fn put_off_ns(&mut self) -> u64 {
        1 + self.faults.random.below(self.faults.config.reorder_ns_max)
    }

    fn fill(&mut self, held: &mut Held, px: Px, qty: Qty, now: u64) {
        let report = self.filled(held, px, qty, now);
        self.send(report, now);
        self.doubt_fill(&report, now);
    }

    /// A fill may be taken back or corrected later.
    fn doubt_fill(&mut self, report: &VenueReport, now: u64) {
        let event = if self.faults.has(Fault::Bust) {
            Event::Bust(*report)
        } else if self.faults.has(Fault::Correct) {
            Event::Correct(*report)
        } else {
            return;
        };
        let later = now.saturating_add(self.faults.config.reorder_ns_max);
        let at = later.saturating_add(self.put_off_ns());
        self.put(at, &event);
    }

    /// Books a fill and makes its report.
    fn filled(&mut self, held: &mut Held, px: Px, qty: Qty, now: u64) -> VenueReport {
        held.cum_qty += qty.0;
        let status = if held.leaves() == 0 {
            OrdStatus::Filled
        } else {
            OrdStatus::PartiallyFilled
        };
        let (fee, fee_asset) = self.book(&held.order, held.side, px, qty);
        VenueReport {
            last_px: px,
            last_qty: qty,
            fee,
            fee_asset,
            ..self.report(held, ExecType::Trade, status, now)
        }
    }

    /// Moves the balances by a fill; gives the fee and its asset.
    fn book(&mut self, order: &VenueOrder, side: Side, px: Px, qty: Qty) -> (Amount, AssetId) {
        let meta = *self.meta(order).expect("an order in a known instrument");
        let notional = meta.notional(px, qty).map_or(0, Amount::get);
        let product = notional * i128::from(self.config.taker_fee_e8);
        let e8 = i128::from(E8);
        let fee = product.div_euclid(e8) + i128::from(product.rem_euclid(e8) != 0);
        let sign = i128::from(side.sign());
        *self.balances.entry(meta.base).or_default() += sign * meta.base_units(qty).get();
        *self.balances.entry(meta.quote).or_default() -= sign * notional + fee;
        (Amount::new(fee), meta.quote)
    }

    /// Ends an order of which something is left.
    fn end(&mut self, held: &Held, now: u64) {
        let expires = self.random.below(2) == 0;
        let (exec_type, status) = if expires {
            (ExecType::Expired, OrdStatus::Expired)
        } else {
            (ExecType::Canceled, OrdStatus::Canceled)
        };
        let mut report = self.report(held, exec_type, status, now);
        report.leaves_qty = Qty::ZERO;
        if self.faults.has(Fault::WrongCumQty) {
            report.cum_qty.0 += self.faults.random.between(1, held.leaves());
        }
        self.send(report, now);
    }

    /// Reports a fill of an order that nobody sent, at what this one asked for.
    fn invent(&mut self, order: &VenueOrder, side: Side, now: u64) {
        let qty = Qty(self.faults.random.between(1, order.qty.0));
        let mut held = Held {
            order: VenueOrder {
                order_id: OutId::NONE,
                qty,
                ..*order
            },
            side,
            cum_qty: 0,
        };
        self.fill(&mut held, order.px, qty, now);
    }

    fn on_cancel(&mut self, cancel: &VenueOrderCancel, now: u64) {
        let at = self
            .resting
            .iter()
            .position(|held| held.order.order_id == cancel.order_id);
        if let Some(at) = at {
            let held = self.resting.remove(at);
            let canceled = self.report(&held, ExecType::Canceled, OrdStatus::Canceled, now);
            self.send(
                VenueReport {
                    leaves_qty: Qty::ZERO,
                    ..canceled
                },
                now,
            );
            return;
        }
        let ended = self.taken.iter().find(|order| order.order_id == cancel.order_id);
        if let Some(order) = ended.copied() {
            let held = Held {
                order,
                side: Side::from_fix(order.side).unwrap_or(Side::Buy),
                cum_qty: 0,
            };
            let too_late = VenueReport {
                response_to: CxlRejResponseTo::CancelRequest.byte(),
                ..self.report(&held, ExecType::OrderStatus, OrdStatus::Rejected, now)
            };
            self.send(too_late, now);
        }
    }

    /// Says that an order rests. How another one ended is on its way: no report is ever lost here.
    fn on_status_request(&mut self, request: &VenueOrderStatusRequest, now: u64) {
        let is_it = |held: &&Held| held.order.order_id == request.order_id;
        if let Some(held) = self.resting.iter().find(is_it).copied() {
            let report = self.report(&held, ExecType::New, OrdStatus::New, now);
            self.send(report, now);
        }
    }

    /// Puts another price and quantity in the place of an order's, which loses its turn; or refuses.
    fn on_replace(&mut self, replace: &VenueOrderReplace, books: &mut [impl Liquidity], now: u64) {
        let is_it = |order: &VenueOrder| order.order_id == replace.order_id;
        let at = self.resting.iter().position(|held| is_it(&held.order));
        let Some(at) = at else {
            let ended = self.taken.iter().find(|order| is_it(order)).copied();
            if let Some(order) = ended {
                let side = Side::from_fix(order.side).unwrap_or(Side::Buy);
                let held = Held {
                    order,
                    side,
                    cum_qty: 0,
                };
                self.refuse_replace(&held, replace, now);
            }
            return;
        };
        let mut held = self.resting[at];
        let order = VenueOrder {
            px: replace.px,
            qty: replace.qty,
            ..held.order
        };
        let left = VenueOrder {
            qty: Qty((replace.qty.0 - held.cum_qty).max(0)),
            ..order
        };
        let book = books
            .iter_mut()
            .find(|book| book.instrument() == order.instrument);
        let Some(book) = book.filter(|_| !self.faults.has(Fault::Reject) && self.can_pay(&left, held.side))
        else {
            return self.refuse_replace(&held, replace, now);
        };
        self.resting.remove(at);
        held.order = order;
        // What was filled can't be taken off.
        held.order.qty.0 = held.order.qty.0.max(held.cum_qty);
        let status = match (held.leaves(), held.cum_qty) {
            (0, _) => OrdStatus::Filled,
            (_, 0) => OrdStatus::New,
            _ => OrdStatus::PartiallyFilled,
        };
        let replaced = VenueReport {
            replace_id: replace.replace_id,
            ..self.report(&held, ExecType::Replaced, status, now)
        };
        self.send(replaced, now);
        if held.leaves() > 0 {
            self.trade(&mut held, book, now);
        }
    }

    fn refuse_replace(&mut self, held: &Held, replace: &VenueOrderReplace, now: u64) {
        let refused = VenueReport {
            replace_id: replace.replace_id,
            response_to: CxlRejResponseTo::CancelReplaceRequest.byte(),
            ..self.report(held, ExecType::OrderStatus, OrdStatus::Rejected, now)
        };
        self.send(refused, now);
    }

    /// Takes a trade back. What was taken back is not open again.
    fn bust(&mut self, fill: &VenueReport, now: u64) {
        let qty = fill.last_qty.0;
        let leaves = self.change_resting(fill, -qty);
        self.unbook(fill);
        self.send_correction(fill, ExecType::TradeCancel, leaves, now);
    }

    /// Corrects a trade.
    fn correct(&mut self, fill: &VenueReport, now: u64) {
        let qty = fill.last_qty.0;
        let rests = self
            .resting
            .iter()
            .find(|held| held.order.order_id == fill.order_id);
        let most = qty + rests.map_or(qty / 2, Held::leaves);
        let corrected = self.faults.random.between(1, most);
        let off = self.faults.random.between(-WORSE_TICKS_MAX, WORSE_TICKS_MAX);
        let px = Px((fill.last_px.0 + off).max(1));
        let leaves = self.change_resting(fill, corrected - qty);
        self.unbook(fill);
        let order = order_of(fill);
        let side = Side::from_fix(fill.side).expect("a fill has a side");
        let (fee, fee_asset) = self.book(&order, side, px, Qty(corrected));
        let fill = VenueReport {
            last_px: px,
            last_qty: Qty(corrected),
            fee,
            fee_asset,
            ..*fill
        };
        self.send_correction(&fill, ExecType::TradeCorrect, leaves, now);
    }

    /// An order that rests was filled for so much more, or less; gives what is left of it.
    fn change_resting(&mut self, fill: &VenueReport, more: i64) -> i64 {
        let is_it = |held: &Held| held.order.order_id == fill.order_id;
        let Some(at) = self.resting.iter().position(is_it) else {
            return 0;
        };
        let held = &mut self.resting[at];
        held.cum_qty += more;
        held.order.qty.0 += more.min(0);
        let leaves = held.leaves();
        if leaves == 0 {
            self.resting.remove(at);
        }
        leaves
    }

    /// Moves the balances back.
    fn unbook(&mut self, fill: &VenueReport) {
        let meta = *self
            .meta(&order_of(fill))
            .expect("an order in a known instrument");
        let side = Side::from_fix(fill.side).expect("a fill has a side");
        let sign = i128::from(side.sign());
        let notional = meta.notional(fill.last_px, fill.last_qty).map_or(0, Amount::get);
        *self.balances.entry(meta.base).or_default() -= sign * meta.base_units(fill.last_qty).get();
        *self.balances.entry(meta.quote).or_default() += sign * notional + fill.fee.get();
    }

    fn send_correction(&mut self, fill: &VenueReport, exec_type: ExecType, leaves: i64, now: u64) {
        self.exec_number += 1;
        let report = VenueReport {
            exec_id: exec_id(self.config.venue, self.exec_number),
            exec_ref_id: fill.exec_id,
            exec_type: exec_type.byte(),
            leaves_qty: Qty(leaves),
            ts_event: now,
            ..*fill
        };
        self.send(report, now);
    }

    /// The book of an instrument moved: orders that rest in it may be filled, at their own prices.
    pub(crate) fn on_book(&mut self, book: &mut impl Liquidity, now: u64) {
        let mut at = 0;
        while at < self.resting.len() {
            let mut held = self.resting[at];
            if held.order.instrument == book.instrument() {
                let fills = book.take_liquidity(held.side, held.order.px, Qty(held.leaves()));
                let qty = fills.iter().map(|fill| fill.qty.0).sum();
                if qty > 0 {
                    let px = held.order.px;
                    self.fill(&mut held, px, Qty(qty), now);
                }
            }
            if held.leaves() == 0 {
                self.resting.remove(at);
            } else {
                self.resting[at] = held;
                at += 1;
            }
        }
    }

    fn report(&mut self, held: &Held, exec_type: ExecType, status: OrdStatus, now: u64) -> VenueReport {
        self.exec_number += 1;
        VenueReport {
            order_id: held.order.order_id,
            exec_id: exec_id(self.config.venue, self.exec_number),
            instrument: held.order.instrument,
            venue: self.config.venue,
            side: held.side.fix(),
            exec_type: exec_type.byte(),
            ord_status: status.byte(),
            leaves_qty: Qty(held.leaves()),
            cum_qty: Qty(held.cum_qty),
            fee_asset: self.meta(&held.order).map_or(AssetId(0), |meta| meta.quote),
            ts_event: now,
            ..Zeroable::zeroed()
        }
    }

    fn send(&mut self, report: VenueReport, now: u64) {
        let at = if self.faults.has(Fault::Reorder) {
            let put_off = self.put_off_ns();
            let sent = now.saturating_add(self.latency_ns()).max(self.last_report);
            sent.max(self.held_until).saturating_add(put_off)
        } else {
            self.in_order(now)
        };
        self.put(at, &Event::Report(report));
        if self.faults.has(Fault::Duplicate) {
            let again = at.saturating_add(self.put_off_ns());
            self.put(again, &Event::Report(report));
        }
    }
}

/// A fill at a worse price is worse by so many ticks at most.
const WORSE_TICKS_MAX: i64 = 20;

fn exec_id(venue: VenueId, number: u64) -> Text<40> {
    Text::new(&format!("X{}-{number}", venue.0)).expect("a letter and two numbers fit")
}

/// As much of its order as a fill tells.
fn order_of(fill: &VenueReport) -> VenueOrder {
    VenueOrder {
        order_id: fill.order_id,
        instrument: fill.instrument,
        venue: fill.venue,
        side: fill.side,
        ..Zeroable::zeroed()
    }
}
