//! What becomes of requests, quotes and accepts.

use std::collections::{BTreeMap, HashMap, HashSet};

use pinrail_engine::Engine;
use pinrail_oms::life::QuoteState;
use pinrail_types::record::{
    BookUpdate, DealerRequest, EpochStart, ExecType, ExecutionReport, LastLookOutcome, LastLookReport,
    NewOrderSingle, PartyKind, Quote, QuoteBasis, QuoteCancel, QuoteRequest, QuoteRequestReject,
    QuoteStatusReport, Scope, SessionEvent, SessionEventKind, StateChange, TradeCaptureReport, TradeSource,
    TradingState, VenueStatus,
};
use pinrail_types::{ClientId, E8, Flags, Frame, OutId, Px, Qty, Reason, SessionId, Text};

use crate::auditor::{Happened, Seen, must};
use crate::clients::{CLIENTS, Clients};
use crate::desk::STALE_NS;
use crate::packages::Packages;
use crate::world::Model;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    Active,
    /// Until then.
    Held(u64),
    Ended,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    quote: Quote,
    life: Life,
    /// The client, its session or the desk took it back, and it was not told yet.
    is_recalled: bool,
}

type OrderKey = (ClientId, Text<24>);

#[derive(Default)]
pub(crate) struct Quotes {
    known: HashMap<OutId, Known>,
    /// Those that have not ended.
    live: Vec<OutId>,
    /// The last report on each accept that was judged.
    reports: HashMap<OrderKey, ExecutionReport>,
    gone: HashSet<u16>,
    /// What was refused in a way that may have ended it.
    in_doubt: Vec<OutId>,
    /// When a book of a venue and an instrument came last, and whether its venue is there.
    books: BTreeMap<(u16, u32), (u64, bool)>,
}

/// But for its header, and where it goes.
fn is_same(one: &ExecutionReport, other: &ExecutionReport) -> bool {
    let bytes = |report: &ExecutionReport| {
        let nowhere = ExecutionReport {
            session: SessionId(0),
            ..*report
        };
        Frame::of(&nowhere).words()[4..].to_vec()
    };
    bytes(one) == bytes(other)
}

impl Quotes {
    /// Whether an order under this id was judged.
    pub(crate) fn has_judged(&self, key: &(ClientId, Text<24>)) -> bool {
        self.reports.contains_key(key)
    }

    /// Takes an input with its outputs, but for what is told of `packages`.
    pub(crate) fn see(
        &mut self,
        seen: &Seen<'_>,
        packages: &Packages,
        happened: &mut Happened,
    ) -> Result<(), String> {
        self.on_input(seen);
        self.on_request(seen, happened)?;
        // In the order in which it was told: what one input opens it may end.
        for frame in seen.out.frames() {
            if let Some(end) = frame.get::<QuoteStatusReport>() {
                if !packages.has(end.quote_id) {
                    self.end(end.quote_id, "told")?;
                }
                if Reason::from_code(end.reason) == Some(Reason::DoneAway) {
                    *happened.entry("done away").or_default() += 1;
                }
            } else if let Some(look) = frame.get::<LastLookReport>() {
                check_look(look, happened)?;
            } else if let Some(quote) = frame.get::<Quote>() {
                self.open(quote, seen.now)?;
                *happened.entry("quote").or_default() += 1;
            } else if let Some(basis) = frame.get::<QuoteBasis>() {
                self.check_books(basis, seen.now)?;
            } else if let Some(report) = frame
                .get::<ExecutionReport>()
                .filter(|report| Clients::is_accept(report))
            {
                self.on_told(report, frame.flags(), seen, happened)?;
            }
        }
        Ok(())
    }

    /// What an input recalls, and what it says of books.
    fn on_input(&mut self, seen: &Seen<'_>) {
        if seen.refused.is_some() {
            return;
        }
        if let Some(event) = seen.input.get::<SessionEvent>() {
            if event.kind == SessionEventKind::Gone.byte() {
                self.gone.insert(event.session.0);
                self.recall(|quote| quote.session == event.session);
            } else {
                self.gone.remove(&event.session.0);
            }
        } else if let Some(cancel) = seen.input.get::<QuoteCancel>() {
            if cancel.cancel_type == 4 {
                self.recall(|quote| quote.client == cancel.client);
            }
        } else if seen.input.get::<EpochStart>().is_some() {
            self.gone.clear();
            self.recall(|_| true);
            self.books
                .values_mut()
                .for_each(|(_, is_there)| *is_there = false);
        } else if let Some(update) = seen.input.get::<BookUpdate>() {
            let book = self
                .books
                .entry((update.venue.0, update.instrument.0))
                .or_default();
            book.0 = update.ts_recv;
            book.1 |= seen.input.commit().flags.has(Flags::SNAPSHOT);
        } else if let Some(status) = seen.input.get::<VenueStatus>() {
            let is_all = status.instrument == VenueStatus::ALL;
            for ((venue, instrument), (_, is_there)) in &mut self.books {
                if *venue == status.venue.0 && (is_all || *instrument == status.instrument.0) {
                    *is_there = false;
                }
            }
        }
    }

    fn recall(&mut self, is_meant: impl Fn(&Quote) -> bool) {
        for quote_id in &self.live {
            let known = self.known.get_mut(quote_id).expect("it is live");
            known.is_recalled |= known.life == Life::Active && is_meant(&known.quote);
        }
    }

    /// A switch takes back what it forbids.
    pub(crate) fn on_switch(&mut self, change: &StateChange) {
        if change.state != TradingState::Halted.byte() {
            return;
        }
        match Scope::from_byte(change.scope) {
            Some(Scope::Global) => self.recall(|_| true),
            Some(Scope::Instrument) => self.recall(|quote| quote.instrument.0 == change.target),
            Some(Scope::Client) => self.recall(|quote| quote.client.0 == change.target),
            _ => {}
        }
    }

    /// A request has one answer.
    fn on_request(&self, seen: &Seen<'_>, happened: &mut Happened) -> Result<(), String> {
        let Some(request) = seen.input.get::<QuoteRequest>() else {
            return Ok(());
        };
        if seen.refused.is_some() || request.subscription > b'0' {
            return Ok(());
        }
        let is_its =
            |client: ClientId, name: Text<24>| client == request.client && name == request.quote_req_id;
        let quotes = seen
            .all::<Quote>()
            .iter()
            .filter(|of| is_its(of.client, of.quote_req_id))
            .count();
        let waits = seen
            .all::<DealerRequest>()
            .iter()
            .filter(|of| is_its(of.client, of.quote_req_id))
            .count();
        let rejects = seen.all::<QuoteRequestReject>();
        // One that waited under the same id may end by the same input.
        let is_answer = |of: &QuoteRequestReject| of.stream == 0 && of.reason != Reason::DealerTimeout.code();
        let rejected = rejects
            .iter()
            .filter(|of| is_its(of.client, of.quote_req_id) && is_answer(of))
            .count();
        must!(
            quotes + waits + rejected == 1,
            "a request was answered with {quotes} quotes, {waits} words that it waits, {rejected} rejects: {request:?}"
        );
        if waits == 1 {
            *happened.entry("dealer asked").or_default() += 1;
        }
        if quotes == 1 {
            let is_open = |known: &Known| {
                known.life == Life::Active
                    && !known.is_recalled
                    && is_its(known.quote.client, known.quote.quote_req_id)
            };
            must!(
                !self.live.iter().any(|id| is_open(&self.known[id])),
                "two quotes of one request are open: {request:?}"
            );
            if request.cash.get() != 0 {
                *happened.entry("cash").or_default() += 1;
            }
        }
        Ok(())
    }

    fn open(&mut self, quote: &Quote, now: u64) -> Result<(), String> {
        must!(quote.valid_until > now, "a quote that was never good: {quote:?}");
        must!(
            quote.bid_px == Px::NONE || quote.offer_px == Px::NONE || quote.bid_px < quote.offer_px,
            "a crossed quote: {quote:?}"
        );
        must!(
            !self.gone.contains(&quote.session.0),
            "a quote to a session that is gone: {quote:?}"
        );
        let known = Known {
            quote: *quote,
            life: Life::Active,
            is_recalled: false,
        };
        must!(
            self.known.insert(quote.quote_id, known).is_none(),
            "an id of two quotes: {quote:?}"
        );
        self.live.push(quote.quote_id);
        Ok(())
    }

    fn end(&mut self, quote_id: OutId, how: &str) -> Result<(), String> {
        let known = self
            .known
            .get_mut(&quote_id)
            .ok_or("a quote ended that nobody has seen")?;
        must!(known.life != Life::Ended, "a quote ended twice, {how}: {known:?}");
        known.life = Life::Ended;
        self.live.retain(|live| *live != quote_id);
        Ok(())
    }

    /// Takes a report on an accept, or one that comes again.
    fn on_told(
        &mut self,
        report: &ExecutionReport,
        flags: Flags,
        seen: &Seen<'_>,
        happened: &mut Happened,
    ) -> Result<(), String> {
        if !flags.has(Flags::POSS_RESEND) {
            return self.on_report(report, seen, happened);
        }
        *happened.entry("repeated order").or_default() += 1;
        let first = self.reports.get(&(report.client, report.cl_ord_id));
        let first = first.ok_or("a report comes again that never came")?;
        must!(
            is_same(first, report),
            "a report comes again as another: {first:?} {report:?}"
        );
        Ok(())
    }

    fn on_report(
        &mut self,
        report: &ExecutionReport,
        seen: &Seen<'_>,
        happened: &mut Happened,
    ) -> Result<(), String> {
        let key = (report.client, report.cl_ord_id);
        let reason = Reason::from_code(report.reason).ok_or("a reason that is none")?;
        let exec_type = ExecType::from_byte(report.exec_type).ok_or("a report of nothing")?;
        let before = self.reports.get(&key).copied();
        let was_held = before.is_some_and(|before| before.exec_type == ExecType::PendingNew.byte());
        let is_end_of_hold = was_held && before.is_some_and(|before| before.order_id == report.order_id);
        must!(
            before.is_none() || is_end_of_hold,
            "an order that came before was judged again: {report:?}"
        );
        if !report.cl_ord_id.is_empty() && u64::from(report.client.0) < CLIENTS {
            self.reports.insert(key, *report);
        }
        match exec_type {
            ExecType::Trade => self.on_fill(report, is_end_of_hold, seen, happened),
            ExecType::PendingNew => {
                *happened.entry("held").or_default() += 1;
                let known = self.takeable(report, seen)?;
                known.life = Life::Held(seen.now);
                Ok(())
            }
            ExecType::Rejected => {
                *happened.entry("accept refused").or_default() += 1;
                must!(reason != Reason::None, "refused for no reason: {report:?}");
                if is_end_of_hold {
                    return self.end(report.quote_id, "refused");
                }
                // Booking it failed, or the desk is halted since that failed elsewhere: only the desk knows.
                if matches!(reason, Reason::Overflow | Reason::AccountsFull) {
                    self.in_doubt.push(report.quote_id);
                }
                Ok(())
            }
            other => Err(format!("a report on an accept of kind {other:?}")),
        }
    }

    /// The quote that a report takes, which must have been there to be taken.
    fn takeable(&mut self, report: &ExecutionReport, seen: &Seen<'_>) -> Result<&mut Known, String> {
        let order = seen.input.get::<NewOrderSingle>().ok_or("taken by no accept")?;
        let known = self
            .known
            .get_mut(&report.quote_id)
            .ok_or("a quote is taken that nobody has seen")?;
        must!(
            known.life == Life::Active,
            "a quote is taken that is not active: {known:?}"
        );
        must!(
            !known.is_recalled,
            "a quote is taken that was taken back: {known:?}"
        );
        must!(
            seen.now < known.quote.valid_until,
            "a quote is taken at or after its end: {known:?}"
        );
        must!(
            known.quote.quote_type != b'0',
            "an indicative quote is taken: {known:?}"
        );
        must!(
            order.client == known.quote.client && order.instrument == known.quote.instrument,
            "a quote is taken by another: {known:?}"
        );
        let px = if order.side == b'1' {
            known.quote.offer_px
        } else {
            known.quote.bid_px
        };
        must!(
            px != Px::NONE && px == order.px,
            "a quote is taken at another price: {known:?} {order:?}"
        );
        let least = if known.quote.min_qty == Qty::ZERO {
            known.quote.qty
        } else {
            known.quote.min_qty
        };
        must!(
            order.qty <= known.quote.qty && order.qty >= least.min(known.quote.qty),
            "a quote is taken for another quantity: {known:?} {order:?}"
        );
        Ok(known)
    }

    fn on_fill(
        &mut self,
        report: &ExecutionReport,
        was_held: bool,
        seen: &Seen<'_>,
        happened: &mut Happened,
    ) -> Result<(), String> {
        if was_held {
            let known = self.known.get(&report.quote_id).ok_or("a fill of nothing")?;
            must!(
                matches!(known.life, Life::Held(_)),
                "a fill of a quote that is not held: {known:?}"
            );
        } else {
            self.takeable(report, seen)?;
        }
        let quote = self.known[&report.quote_id].quote;
        let px = if report.side == b'1' {
            quote.offer_px
        } else {
            quote.bid_px
        };
        must!(
            report.last_px == px,
            "a fill at another price: {quote:?} {report:?}"
        );
        must!(
            report.client == quote.client,
            "a fill for another: {quote:?} {report:?}"
        );
        self.end(report.quote_id, "filled")?;
        let trades = seen.all::<TradeCaptureReport>();
        let of_it = trades.iter().filter(|trade| {
            let parties = [(trade.buyer_kind, trade.buyer), (trade.seller_kind, trade.seller)];
            trade.trade_source == TradeSource::Quote.byte()
                && trade.ref_id == report.quote_id
                && (trade.px, trade.qty) == (report.last_px, report.last_qty)
                && parties[usize::from(report.side != b'1')] == (PartyKind::Client.byte(), report.client.0)
        });
        must!(of_it.count() == 1, "a fill that is not one trade: {report:?}");
        *happened.entry("fill of a quote").or_default() += 1;
        if report.last_qty < quote.qty {
            *happened.entry("fill of a part").or_default() += 1;
        }
        Ok(())
    }

    /// A price is made from books that are there and fresh.
    fn check_books(&self, basis: &QuoteBasis, now: u64) -> Result<(), String> {
        for venue in (0..2_u16).filter(|venue| basis.venue_mask & 1 << venue != 0) {
            let (ts_recv, is_there) = self.books[&(venue, basis.instrument.0)];
            must!(
                is_there,
                "priced from venue {venue}, which is not there: {basis:?}"
            );
            must!(
                now.saturating_sub(ts_recv) <= STALE_NS,
                "priced from a stale book of venue {venue}: {basis:?}"
            );
        }
        Ok(())
    }

    /// That the engine has as many quotes open as were told.
    pub(crate) fn compare(&mut self, engine: &Engine<Model>) -> Result<(), String> {
        for quote_id in core::mem::take(&mut self.in_doubt) {
            let is_live = self.live.contains(&quote_id);
            if is_live
                && engine
                    .life(quote_id)
                    .is_none_or(|(_, state)| state != QuoteState::Active)
            {
                self.end(quote_id, "refused")?;
            }
        }
        let open = engine.open_quotes() - engine.packages();
        must!(
            open == self.live.len(),
            "{open} quotes are open, and {} were told",
            self.live.len()
        );
        Ok(())
    }

    /// Nothing is due: what was to end has ended.
    pub(crate) fn at_rest(&self, now: u64) -> Result<(), String> {
        for known in self.live.iter().map(|id| &self.known[id]) {
            match known.life {
                Life::Active => {
                    must!(
                        known.quote.valid_until > now,
                        "a quote outlives its validity: {known:?}"
                    );
                    must!(
                        !known.is_recalled,
                        "a quote outlives what took it back: {known:?}"
                    );
                }
                Life::Held(since) => must!(
                    now - since < 1_000_000_000,
                    "an accept is held for ever: {known:?}"
                ),
                Life::Ended => unreachable!("it is live"),
            }
        }
        Ok(())
    }
}

/// A last look passes only what moved no further than its client was told.
fn check_look(look: &LastLookReport, happened: &mut Happened) -> Result<(), String> {
    let moved = i128::from(look.check_px.0) - i128::from(look.quoted_px.0);
    let is_beyond =
        moved.abs() * i128::from(E8) > i128::from(look.tolerance_e8) * i128::from(look.quoted_px.0);
    must!(look.held_ns >= look.hold_ns, "looked at too early: {look:?}");
    if look.outcome == LastLookOutcome::Accepted.byte() {
        must!(
            look.check_px != Px::NONE && !is_beyond,
            "a last look passed what moved too far: {look:?}"
        );
        *happened.entry("last look passed").or_default() += 1;
    } else {
        *happened.entry("last look refused").or_default() += 1;
        let by_price = Reason::from_code(look.reason) == Some(Reason::LastLookMoved);
        must!(
            !by_price || is_beyond,
            "a last look refused what did not move: {look:?}"
        );
    }
    Ok(())
}
