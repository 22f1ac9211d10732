//! What becomes of packages: all legs are traded or none, and once.

use std::collections::{HashMap, HashSet};

use pinrail_engine::Engine;
use pinrail_oms::life::QuoteState;
use pinrail_types::record::{
    EpochStart, ExecType, MultilegExecutionReport, MultilegQuote, MultilegQuoteLeg, MultilegQuoteReject,
    MultilegQuoteRequest, MultilegReportingType, NewOrderMultileg, PartyKind, QuoteCancel, QuoteStatusReport,
    Scope, SessionEvent, SessionEventKind, StateChange, TradeCaptureReport, TradeSource, TradingState,
};
use pinrail_types::{ClientId, Flags, Frame, OutId, Px, Reason, SessionId, Text};

use crate::auditor::{Happened, Seen, must};
use crate::clients::CLIENTS;
use crate::money::worth;
use crate::quotes::Life;
use crate::world::Model;

#[derive(Clone, Debug)]
struct Known {
    quote: MultilegQuote,
    legs: Vec<MultilegQuoteLeg>,
    life: Life,
    /// Somebody took it back, and it was not told yet.
    is_recalled: bool,
}

impl Known {
    fn is_of(&self, scope: Scope, target: u32) -> bool {
        match scope {
            Scope::Global => true,
            Scope::Client => self.quote.client.0 == target,
            Scope::Instrument => self.legs.iter().any(|leg| leg.instrument.0 == target),
            Scope::Venue | Scope::Strategy => false,
        }
    }

    fn is_quoted(&self, side: u8) -> bool {
        self.quote.side == side || self.quote.side == 0
    }
}

#[derive(Default)]
pub(crate) struct Packages {
    known: HashMap<OutId, Known>,
    /// Those that have not ended.
    live: Vec<OutId>,
    /// The last report on each accept that was judged.
    reports: HashMap<(ClientId, Text<24>), MultilegExecutionReport>,
    gone: HashSet<u16>,
    /// What was refused in a way that may have ended it.
    in_doubt: Vec<OutId>,
}

/// What the client does on a leg that does `side` on the package.
fn side_of(leg: &MultilegQuoteLeg, side: u8) -> u8 {
    if side == b'1' {
        leg.side
    } else {
        b'1' + b'2' - leg.side
    }
}

fn px_of(leg: &MultilegQuoteLeg, side: u8) -> Px {
    if side_of(leg, side) == b'1' {
        leg.offer_px
    } else {
        leg.bid_px
    }
}

/// But for its header, and where it goes.
fn is_same(one: &MultilegExecutionReport, other: &MultilegExecutionReport) -> bool {
    let bytes = |report: &MultilegExecutionReport| {
        let nowhere = MultilegExecutionReport {
            session: SessionId(0),
            ..*report
        };
        Frame::of(&nowhere).words()[4..].to_vec()
    };
    bytes(one) == bytes(other)
}

fn is_whole(report: &MultilegExecutionReport) -> bool {
    report.reporting_type == MultilegReportingType::Package.byte()
}

impl Packages {
    /// Whether an order under this id was judged.
    pub(crate) fn has_judged(&self, key: &(ClientId, Text<24>)) -> bool {
        self.reports.contains_key(key)
    }

    /// Whether a quote is a package's.
    pub(crate) fn has(&self, quote_id: OutId) -> bool {
        self.known.contains_key(&quote_id)
    }

    pub(crate) fn see(&mut self, seen: &Seen<'_>, happened: &mut Happened) -> Result<(), String> {
        self.on_input(seen);
        self.on_request(seen)?;
        let mut legs_filled = 0;
        // In the order in which it was told: what one input opens it may end.
        for frame in seen.out.frames() {
            if let Some(end) = frame
                .get::<QuoteStatusReport>()
                .filter(|end| self.has(end.quote_id))
            {
                self.end(end.quote_id, "told")?;
                *happened.entry("package ended without a fill").or_default() += 1;
            } else if let Some(quote) = frame.get::<MultilegQuote>() {
                self.open(quote, seen)?;
                *happened.entry("package quoted").or_default() += 1;
            } else if let Some(report) = frame.get::<MultilegExecutionReport>().filter(|of| is_whole(of)) {
                legs_filled += usize::from(report.legs) * usize::from(!frame.flags().has(Flags::POSS_RESEND));
                self.on_told(report, frame.flags(), seen, happened)?;
            } else if let Some(reject) = frame.get::<MultilegQuoteReject>() {
                must!(reject.reason != 0, "a package refused for no reason: {reject:?}");
                *happened.entry("package refused").or_default() += 1;
            } else if let Some(change) = frame.get::<StateChange>() {
                self.on_switch(change);
            }
        }
        let legs = seen.all::<MultilegExecutionReport>();
        let legs = legs.iter().filter(|report| !is_whole(report)).count();
        must!(
            legs == legs_filled,
            "{legs} legs were filled, and packages of {legs_filled}"
        );
        Ok(())
    }

    /// What an input recalls.
    fn on_input(&mut self, seen: &Seen<'_>) {
        if seen.refused.is_some() {
            return;
        }
        if let Some(event) = seen.input.get::<SessionEvent>() {
            if event.kind == SessionEventKind::Gone.byte() {
                self.gone.insert(event.session.0);
                self.recall(|known| known.quote.session == event.session);
            } else {
                self.gone.remove(&event.session.0);
            }
        } else if let Some(cancel) = seen.input.get::<QuoteCancel>() {
            if cancel.cancel_type == 4 {
                self.recall(|known| known.quote.client == cancel.client);
            }
        } else if seen.input.get::<EpochStart>().is_some() {
            self.gone.clear();
            self.recall(|_| true);
        }
    }

    fn recall(&mut self, is_meant: impl Fn(&Known) -> bool) {
        for quote_id in &self.live {
            let known = self.known.get_mut(quote_id).expect("it is live");
            known.is_recalled |= known.life == Life::Active && is_meant(known);
        }
    }

    /// A switch takes back what it forbids, and a package also where only what reduces may trade. What the runtime says takes
    /// nothing back by itself.
    fn on_switch(&mut self, change: &StateChange) {
        let is_runtimes = matches!(
            Reason::from_code(change.reason),
            Some(Reason::JournalShort | Reason::ArchiverFailed)
        );
        if change.state != TradingState::Active.byte()
            && !is_runtimes
            && let Some(scope) = Scope::from_byte(change.scope)
        {
            self.recall(|known| known.is_of(scope, change.target));
        }
    }

    /// A request has one answer, and two quotes of one request are not open at once.
    fn on_request(&self, seen: &Seen<'_>) -> Result<(), String> {
        let Some(request) = seen.input.get::<MultilegQuoteRequest>() else {
            return Ok(());
        };
        if seen.refused.is_some() {
            return Ok(());
        }
        let quotes = seen.all::<MultilegQuote>();
        let rejects = seen.all::<MultilegQuoteReject>();
        let is_its =
            |client: ClientId, name: Text<24>| (client, name) == (request.client, request.quote_req_id);
        let is_named = quotes.iter().all(|of| is_its(of.client, of.quote_req_id))
            && rejects.iter().all(|of| is_its(of.client, of.quote_req_id));
        must!(
            quotes.len() + rejects.len() == 1 && is_named,
            "a request for a package was answered with {quotes:?} {rejects:?}: {request:?}"
        );
        let is_open = |known: &Known| {
            known.life == Life::Active
                && !known.is_recalled
                && is_its(known.quote.client, known.quote.quote_req_id)
        };
        must!(
            quotes.is_empty() || !self.live.iter().any(|id| is_open(&self.known[id])),
            "two quotes of one package are open: {request:?}"
        );
        Ok(())
    }

    fn open(&mut self, quote: &MultilegQuote, seen: &Seen<'_>) -> Result<(), String> {
        let request = seen
            .input
            .get::<MultilegQuoteRequest>()
            .ok_or("a package is quoted that nobody asked for")?;
        let legs: Vec<_> = seen
            .all::<MultilegQuoteLeg>()
            .into_iter()
            .filter(|leg| leg.quote_id == quote.quote_id)
            .collect();
        let wanted = request.places();
        let wanted = &wanted[..usize::from(request.legs)];
        let are_asked = legs.len() == wanted.len()
            && legs.iter().zip(wanted).all(|(leg, (instrument, side, ratio))| {
                (leg.instrument, leg.side, leg.ratio_qty) == (*instrument, *side, *ratio)
                    && leg.qty.0 == ratio.0 * request.units.0
            });
        must!(
            are_asked && quote.units == request.units,
            "another package is quoted than was asked for: {request:?} {quote:?} {legs:?}"
        );
        must!(
            quote.valid_until > seen.now,
            "a quote that was never good: {quote:?}"
        );
        must!(
            !self.gone.contains(&quote.session.0),
            "a quote to a session that is gone: {quote:?}"
        );
        let known = Known {
            quote: *quote,
            legs,
            life: Life::Active,
            is_recalled: false,
        };
        for (side, price) in [(b'1', quote.offer_amt), (b'2', quote.bid_amt)] {
            if !known.is_quoted(side) {
                must!(price.get() == 0, "a price that nobody asked for: {known:?}");
                continue;
            }
            let mut sum = 0;
            for leg in &known.legs {
                let px = px_of(leg, side);
                must!(px != Px::NONE, "a leg without a price: {known:?}");
                let sign = if side_of(leg, b'1') == b'1' { 1 } else { -1 };
                sum += sign * worth(px, leg.ratio_qty);
            }
            must!(sum == price.get(), "legs sum to {sum}: {known:?}");
        }
        must!(
            quote.side != 0 || quote.bid_amt.get() < quote.offer_amt.get(),
            "a crossed quote: {quote:?}"
        );
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
            .ok_or("a package that nobody has seen")?;
        must!(
            known.life != Life::Ended,
            "a package ended twice, {how}: {known:?}"
        );
        known.life = Life::Ended;
        self.live.retain(|live| *live != quote_id);
        Ok(())
    }

    /// Takes a report on an accept, or one that comes again.
    fn on_told(
        &mut self,
        report: &MultilegExecutionReport,
        flags: Flags,
        seen: &Seen<'_>,
        happened: &mut Happened,
    ) -> Result<(), String> {
        let key = (report.client, report.cl_ord_id);
        let before = self.reports.get(&key).copied();
        if flags.has(Flags::POSS_RESEND) {
            *happened.entry("repeated order for a package").or_default() += 1;
            let first = before.ok_or("a report on a package comes again that never came")?;
            must!(
                is_same(&first, report),
                "a report comes again as another: {first:?} {report:?}"
            );
            return Ok(());
        }
        let held_as = before
            .filter(|before| before.exec_type == ExecType::PendingNew.byte())
            .map(|before| before.order_id);
        let ends_hold = held_as == Some(report.order_id);
        must!(
            before.is_none() || ends_hold,
            "an order that came before was judged again: {report:?}"
        );
        if !report.cl_ord_id.is_empty() && u64::from(report.client.0) < CLIENTS {
            self.reports.insert(key, *report);
        }
        match ExecType::from_byte(report.exec_type) {
            Some(ExecType::Trade) => self.on_fill(report, ends_hold, seen, happened),
            Some(ExecType::PendingNew) => {
                *happened.entry("package held").or_default() += 1;
                self.takeable(report, seen)?.life = Life::Held(seen.now);
                Ok(())
            }
            Some(ExecType::Rejected) => self.on_refusal(report, ends_hold, seen),
            other => Err(format!("a report on a package of kind {other:?}")),
        }
    }

    fn on_refusal(
        &mut self,
        report: &MultilegExecutionReport,
        ends_hold: bool,
        seen: &Seen<'_>,
    ) -> Result<(), String> {
        must!(report.reason != 0, "refused for no reason: {report:?}");
        let is_its = |trade: &&TradeCaptureReport| trade.ref_id == report.quote_id;
        let traded = seen.all::<TradeCaptureReport>().iter().filter(is_its).count();
        // The end of a hold may have filled it just before.
        let was_filled = seen
            .all::<MultilegExecutionReport>()
            .iter()
            .any(|of| of.quote_id == report.quote_id && of.exec_type == ExecType::Trade.byte());
        must!(
            (traded == 0 || was_filled) && report.legs == 0,
            "a package that was refused has {traded} legs traded: {report:?}"
        );
        if ends_hold {
            return self.end(report.quote_id, "refused");
        }
        // Booking it failed, or the desk is halted since that failed elsewhere: only the desk knows.
        let reason = Reason::from_code(report.reason);
        if matches!(reason, Some(Reason::Overflow | Reason::AccountsFull)) {
            self.in_doubt.push(report.quote_id);
        }
        Ok(())
    }

    /// The package that a report takes, which must have been there to be taken.
    fn takeable(&mut self, report: &MultilegExecutionReport, seen: &Seen<'_>) -> Result<&mut Known, String> {
        let order = seen.input.get::<NewOrderMultileg>().ok_or("taken by no accept")?;
        let known = self
            .known
            .get_mut(&report.quote_id)
            .ok_or("a package is taken that nobody has seen")?;
        must!(
            known.life == Life::Active && !known.is_recalled,
            "a package is taken that is not there, or was taken back: {known:?}"
        );
        must!(
            seen.now < known.quote.valid_until && known.quote.quote_type != b'0',
            "a package is taken that is not firm: {known:?}"
        );
        let price = if order.side == b'1' {
            known.quote.offer_amt
        } else {
            known.quote.bid_amt
        };
        must!(
            order.client == known.quote.client
                && order.units == known.quote.units
                && known.is_quoted(order.side)
                && price == order.price_amt,
            "a package is taken by another, or for another price: {known:?} {order:?}"
        );
        Ok(known)
    }

    fn on_fill(
        &mut self,
        report: &MultilegExecutionReport,
        was_held: bool,
        seen: &Seen<'_>,
        happened: &mut Happened,
    ) -> Result<(), String> {
        if was_held {
            let known = self.known.get(&report.quote_id).ok_or("a fill of nothing")?;
            must!(
                matches!(known.life, Life::Held(_)),
                "a fill of a package that is not held: {known:?}"
            );
        } else {
            self.takeable(report, seen)?;
        }
        self.end(report.quote_id, "filled")?;
        let known = &self.known[&report.quote_id];
        must!(
            report.client == known.quote.client,
            "a fill for another: {known:?} {report:?}"
        );
        let trades: Vec<_> = seen
            .all::<TradeCaptureReport>()
            .into_iter()
            .filter(|trade| {
                trade.trade_source == TradeSource::Quote.byte() && trade.ref_id == report.quote_id
            })
            .collect();
        let parts: Vec<_> = seen
            .all::<MultilegExecutionReport>()
            .into_iter()
            .filter(|part| !is_whole(part) && part.quote_id == report.quote_id)
            .collect();
        let legs = known.legs.len();
        must!(
            (trades.len(), parts.len(), usize::from(report.legs)) == (legs, legs, legs),
            "a package of {legs} legs has {} trades and {} reports: {report:?}",
            trades.len(),
            parts.len()
        );
        let mut paid = 0;
        for ((leg, part), trade) in known.legs.iter().zip(&parts).zip(&trades) {
            let (side, px) = (side_of(leg, report.side), px_of(leg, report.side));
            let buys = side == b'1';
            let parties = [(trade.buyer_kind, trade.buyer), (trade.seller_kind, trade.seller)];
            must!(
                (part.instrument, part.side, part.last_px, part.last_qty)
                    == (leg.instrument, side, px, leg.qty)
                    && (trade.instrument, trade.px, trade.qty) == (leg.instrument, px, leg.qty)
                    && trade.trade_id == part.exec_id
                    && parties[usize::from(!buys)] == (PartyKind::Client.byte(), report.client.0),
                "a leg that is not the one quoted: {leg:?} {part:?} {trade:?}"
            );
            let signed = if buys {
                worth(px, leg.qty)
            } else {
                -worth(px, leg.qty)
            };
            must!(part.net_amt.get() == signed, "a leg for another amount: {part:?}");
            paid += signed;
        }
        must!(
            report.net_amt.get() == paid,
            "legs of {paid} make up a package: {report:?}"
        );
        *happened.entry("package filled").or_default() += 1;
        Ok(())
    }

    /// That the engine has as many open as were told.
    pub(crate) fn compare(&mut self, engine: &Engine<Model>) -> Result<(), String> {
        for quote_id in core::mem::take(&mut self.in_doubt) {
            let is_active = matches!(engine.life(quote_id), Some((_, QuoteState::Active)));
            if self.live.contains(&quote_id) && !is_active {
                self.end(quote_id, "refused")?;
            }
        }
        let open = engine.packages();
        must!(
            open == self.live.len(),
            "{open} packages are open, and {} were told",
            self.live.len()
        );
        Ok(())
    }

    /// Nothing is due: what was to end has ended.
    pub(crate) fn at_rest(&self, now: u64) -> Result<(), String> {
        for known in self.live.iter().map(|id| &self.known[id]) {
            match known.life {
                Life::Active => must!(
                    known.quote.valid_until > now && !known.is_recalled,
                    "a package outlives its validity, or what took it back: {known:?}"
                ),
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
