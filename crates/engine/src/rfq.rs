//! From a request to a quote, and from an accept to a fill.

use pinrail_oms::life::{QuoteEvent, QuoteState, RfqEvent, RfqState, Said};
use pinrail_oms::{Open, OpenQuote, Position, RequestHash, Slot};
use pinrail_pricing::{Fill, FillFrom, PriceRequest, Pricer, Prices};
use pinrail_risk::{Ask, Quoted};
use pinrail_types::record::{
    ExecType, ExecutionReport, MultilegExecutionReport, NewOrderSingle, OrdStatus, OrdType, PartyKind,
    PositionCost, PositionReport, Quote, QuoteRequest, QuoteRequestReject, QuoteRespType, QuoteResponse,
    TWO_SIDED, TradeCaptureReport, TradeSource,
};
use pinrail_types::{Amount, ClientId, Instrument, InstrumentId, OutId, Px, Qty, Reason, Side, Text};

use crate::explain::Explained;
use crate::out::Out;
use crate::rules::Rule;
use crate::state::Engine;
use crate::terms::{check_terms, has_terms, is_in_cash, is_indicative, least_of};

/// Where a request is that is being priced.
const PRICING: RfqState = RfqState::Received.after(RfqEvent::Price);
/// A request may be refused before and after that; nothing is kept of it.
const _: [RfqState; 2] = [
    RfqState::Received.after(RfqEvent::Refuse),
    PRICING.after(RfqEvent::Refuse),
];

/// A request whose price is to be made.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) px_step: i64,
    /// The house position.
    pub(crate) position: Qty,
    /// When a quote made now ends.
    pub(crate) valid_until: u64,
    /// The least that is to be quoted.
    qty_min: Qty,
    /// Only a dealer may quote it.
    pub(crate) is_manual: bool,
}

impl<P: Pricer> Engine<P> {
    /// Answers a request with a quote or a reject: exactly one of them.
    #[inline]
    pub(crate) fn on_quote_request(&mut self, request: &QuoteRequest, out: &mut Out) {
        let is_once = matches!(request.subscription, 0 | b'0');
        if !is_once && self.is_answered(request, out) {
            return;
        }
        match self.quote(request, out) {
            Ok(quote_id) if !is_once => self.add_stream(request, quote_id, out.now()),
            Ok(_) => {}
            Err(reason) => out.push(refusal(request, reason)),
        }
    }

    #[inline]
    fn quote(&mut self, request: &QuoteRequest, out: &mut Out) -> Result<OutId, Reason> {
        if is_in_cash(request) {
            return self.quote_cash(request, out);
        }
        let now = out.now();
        let Some(ask) = ask_of(request) else {
            // It counts as a message all the same.
            self.risk.admit_message(request.session, request.client, now)?;
            return Err(Reason::BadSide);
        };
        let terms = self.risk.admit_request(request.session, &ask, now);
        self.quote_admitted(request, &ask, terms, out)
    }

    /// Quotes a request that counted as a message; `terms` are what risk said of it.
    #[expect(
        clippy::inline_always,
        reason = "a request in cash comes here, too, and is not to cost others a call"
    )]
    #[inline(always)]
    pub(crate) fn quote_admitted(
        &mut self,
        request: &QuoteRequest,
        ask: &Ask,
        terms: Result<(i64, u64), Reason>,
        out: &mut Out,
    ) -> Result<OutId, Reason> {
        let now = out.now();
        let asked = self.asked(request, ask, terms, now)?;
        if has_terms(request) {
            check_terms(request)?;
        }
        if request.quote_req_id.is_empty() {
            return Err(Reason::BadField);
        }
        if self.recalls.is_gone(request.session) {
            return Err(Reason::SessionGone);
        }
        let hash = RequestHash::of(request.client, &request.quote_req_id);
        if self.has_request(hash, request) {
            return Err(Reason::DuplicateQuoteReqId);
        }
        if asked.is_manual {
            return self.refer(request, out);
        }
        if self.quotes.is_full() {
            return Err(Reason::OpenQuotesFull);
        }
        self.last_asked = Some((asked.ask, asked.px_step));
        // Not taken out of the result: that would be a copy.
        let prices = self.price(&asked, now);
        let prices = prices.as_ref().map_err(|reason| *reason)?;
        let credit = self.reserve(&asked, prices, now)?;
        Ok(self.open(request, hash, &asked, prices, credit, false, out))
    }

    /// Whether the client used the id of a request, which has this hash, before.
    #[inline]
    pub(crate) fn has_request(&self, hash: RequestHash, request: &QuoteRequest) -> bool {
        self.quotes
            .has_request(hash, request.client, &request.quote_req_id)
            || self.has_stream(request)
            || self.has_deal(request)
    }

    #[inline]
    fn has_deal(&self, request: &QuoteRequest) -> bool {
        !self.deals.is_empty()
            && self
                .deals
                .find_request(request.client, &request.quote_req_id)
                .is_some()
    }

    #[inline]
    fn has_stream(&self, request: &QuoteRequest) -> bool {
        !self.streams.is_empty() && self.streams.find(request.client, &request.quote_req_id).is_some()
    }

    /// What a request asks for, checked as far as that needs no price; `terms` are what risk said of it.
    #[inline]
    pub(crate) fn asked(
        &self,
        request: &QuoteRequest,
        ask: &Ask,
        terms: Result<(i64, u64), Reason>,
        now: u64,
    ) -> Result<Asked, Reason> {
        let traded = self.traded.get(request.instrument.index());
        let Some(Some(traded)) = traded else {
            return Err(Reason::UnknownInstrument);
        };
        let (px_step, quote_ttl_ns) = terms?;
        if request.valid_until != 0 && request.valid_until <= now {
            return Err(Reason::RequestExpired);
        }
        let wanted = if request.valid_until == 0 {
            u64::MAX
        } else {
            request.valid_until
        };
        Ok(Asked {
            ask: *ask,
            px_step,
            position: self.risk.position(ask.instrument),
            valid_until: wanted.min(now.saturating_add(quote_ttl_ns)),
            qty_min: request.min_qty,
            is_manual: traded.dealing.is_on && self.is_manual(ask, &traded.dealing),
        })
    }

    /// Prices what was asked for.
    #[inline]
    pub(crate) fn price(&mut self, asked: &Asked, now: u64) -> Result<Prices, Reason> {
        let ask = &asked.ask;
        let traded = self.traded[ask.instrument.index()].as_ref();
        let traded = traded.ok_or(Reason::UnknownInstrument)?;
        let priced = PriceRequest {
            instrument: &traded.meta,
            tier: self.tiers[ask.client.index()],
            side: ask.side,
            qty: ask.qty,
            qty_step: self.risk.qty_step(ask.instrument),
            px_step: asked.px_step,
            now,
            life_ns: asked.valid_until - now,
            position: asked.position,
            estimates: &traded.estimates,
        };
        self.pricer.price(&priced, &traded.venues)
    }

    /// Judges prices and reserves what they could cost.
    #[inline]
    pub(crate) fn reserve(&mut self, asked: &Asked, prices: &Prices, now: u64) -> Result<Amount, Reason> {
        check_sides(asked.ask.side, prices)?;
        let ask = Ask {
            qty: prices.qty,
            ..asked.ask
        };
        if ask.qty != asked.ask.qty {
            self.check_part(&ask, asked)?;
        }
        let quoted = Quoted {
            bid_px: prices.bid_px,
            offer_px: prices.offer_px,
            ref_px: prices.ref_px,
            mids: self.mids(ask.instrument, prices.ref_px, now)?,
        };
        self.risk.reserve(&ask, &quoted, now)
    }

    /// The lowest and highest of the middles of the venues' best prices, if a limit looks at them.
    #[inline]
    pub(crate) fn mids(&self, instrument: InstrumentId, ref_px: Px, now: u64) -> Result<(Px, Px), Reason> {
        if !self.risk.looks_at_venues(instrument) {
            return Ok((ref_px, ref_px));
        }
        let traded = self.traded[instrument.index()].as_ref();
        let traded = traded.ok_or(Reason::UnknownInstrument)?;
        traded.venues.view(now)?.mids().ok_or(Reason::ReferenceMissing)
    }

    /// A quote for less than was asked for is held to the limits of requests as one for all of it.
    #[cold]
    fn check_part(&self, part: &Ask, asked: &Asked) -> Result<(), Reason> {
        self.risk.check_ask(part)?;
        if part.qty > asked.ask.qty {
            return Err(Reason::QtyUnrepresentable);
        }
        if part.qty < asked.qty_min {
            return Err(Reason::QuotedBelowMin);
        }
        Ok(())
    }

    /// Prices the last request again and drops the result.
    pub(crate) fn rehearse(&self) {
        let Some((ask, px_step)) = self.last_asked else {
            return;
        };
        let Some(traded) = self.traded.get(ask.instrument.index()).and_then(Option::as_ref) else {
            return;
        };
        traded.venues.warm();
        let checked = core::hint::black_box(self.risk.check_ask(&ask));
        let priced = PriceRequest {
            instrument: &traded.meta,
            tier: self.tiers[ask.client.index()],
            side: ask.side,
            qty: ask.qty,
            qty_step: self.risk.qty_step(ask.instrument),
            px_step,
            now: self.last_ts(),
            life_ns: checked.map_or(0, |(_, quote_ttl_ns)| quote_ttl_ns),
            position: self.risk.position(ask.instrument),
            estimates: &traded.estimates,
        };
        self.pricer.rehearse(&priced, &traded.venues);
    }

    /// [`Engine::open`] for what does not come with a client's request.
    #[inline(never)]
    pub(crate) fn open_for(
        &mut self,
        request: &QuoteRequest,
        asked: &Asked,
        prices: &Prices,
        credit: Amount,
        by_dealer: bool,
        out: &mut Out,
    ) -> OutId {
        let hash = RequestHash::of(request.client, &request.quote_req_id);
        self.open(request, hash, asked, prices, credit, by_dealer, out)
    }

    /// An indicative quote keeps nothing of what was reserved for it.
    #[cold]
    fn give_back(&mut self, ask: &Ask, prices: &Prices, credit: Amount) -> Amount {
        let ask = Ask {
            qty: prices.qty,
            ..*ask
        };
        self.risk.release(&ask, prices.bid_px, prices.offer_px, credit);
        Amount::ZERO
    }

    /// Opens a quote for which `credit` was reserved, of a request with this hash.
    #[expect(clippy::inline_always, reason = "the quote is then made where it stays")]
    #[expect(clippy::too_many_arguments, reason = "there is one call that counts")]
    #[inline(always)]
    fn open(
        &mut self,
        request: &QuoteRequest,
        hash: RequestHash,
        asked: &Asked,
        prices: &Prices,
        credit: Amount,
        by_dealer: bool,
        out: &mut Out,
    ) -> OutId {
        let is_indicative = is_indicative(request);
        let credit = if is_indicative {
            self.give_back(&asked.ask, prices, credit)
        } else {
            credit
        };
        let traded = self.traded[request.instrument.index()].as_ref();
        let book_seq = traded.expect("it was priced").book_seq;
        let quote_id = self.quotes.next_id(out.next_id());
        let quote = OpenQuote {
            quote_id,
            quote_req_id: request.quote_req_id,
            client: request.client,
            instrument: request.instrument,
            bid_px: prices.bid_px,
            offer_px: prices.offer_px,
            qty: prices.qty,
            valid_until: asked.valid_until,
            min_qty: least_of(request, prices.qty),
            credit,
            session: request.session,
            is_indicative,
            by_dealer,
            life_us: life_us(asked.valid_until - out.now()),
        };
        self.quotes.open(&quote, hash);
        out.push(Quote {
            quote_req_id: request.quote_req_id,
            quote_id,
            client: request.client,
            instrument: request.instrument,
            bid_px: prices.bid_px,
            offer_px: prices.offer_px,
            qty: prices.qty,
            requested_qty: request.qty,
            valid_until: asked.valid_until,
            hedge_bid_px: prices.hedge_bid_px,
            hedge_offer_px: prices.hedge_offer_px,
            ref_px: prices.ref_px,
            half_spread_e8: prices.half_spread_e8,
            book_seq,
            session: request.session,
            side: request.side,
            venues: prices.venue_mask.count_ones() as u8,
            quote_type: request.quote_type,
            by_dealer: u8::from(by_dealer),
            min_qty: request.min_qty,
            ..bytemuck::Zeroable::zeroed()
        });
        let life_ns = asked.valid_until - out.now();
        self.to_explain = Some(Explained::of(quote_id, asked, prices, life_ns));
        quote_id
    }

    /// Fills or refuses an order: exactly one report. One that came before is answered with its last report and not judged
    /// again, whatever was said of it: what a client was told of an id stays so.
    pub(crate) fn on_new_order(&mut self, order: &NewOrderSingle, out: &mut Out) {
        if order.handl_inst != 0 {
            return self.on_agency_order(order, out);
        }
        if self.tell_again(order, out) {
            return;
        }
        let admitted = self.admit_accept(order, out.now());
        if let Err(reason) = admitted.and_then(|()| self.accept(order, out)) {
            let report = refused(order, reason, REFUSED, out);
            if order.cl_ord_id.is_empty() || order.client.index() >= self.tiers.len() {
                out.push(report);
            } else {
                self.report(report, out);
            }
        }
    }

    /// Repeats the report on an order that came before, of one instrument or of a package; false if none did.
    pub(crate) fn tell_again(&mut self, order: &NewOrderSingle, out: &mut Out) -> bool {
        if !Rule::OnceJudged.holds() {
            return false;
        }
        let (session, client) = (order.session, order.client);
        if let Some(report) = self.reports.find(client, &order.cl_ord_id) {
            out.push_again(ExecutionReport { session, ..*report });
        } else if let Some(report) = self.told_of_package(client, &order.cl_ord_id) {
            out.push_again(MultilegExecutionReport { session, ..*report });
        } else {
            return false;
        }
        self.risk.count_message(session, client, out.now());
        true
    }

    #[inline]
    fn told_of_package(&self, client: ClientId, cl_ord_id: &Text<24>) -> Option<&MultilegExecutionReport> {
        if self.package_reports.is_empty() {
            return None;
        }
        self.package_reports.find(client, cl_ord_id)
    }

    /// Reports on an order, and remembers that.
    pub(crate) fn report(&mut self, report: ExecutionReport, out: &mut Out) {
        self.reports.note(&report);
        out.push(report);
    }

    /// What is checked of an order before its quote is looked at.
    pub(crate) fn admit_accept(&mut self, order: &NewOrderSingle, now: u64) -> Result<(), Reason> {
        if OrdType::from_byte(order.ord_type) != Some(OrdType::PreviouslyQuoted) {
            return Err(Reason::OrderTypeUnsupported);
        }
        self.risk.admit_order(order.session, order.client, now)?;
        if order.cl_ord_id.is_empty() {
            return Err(Reason::BadField);
        }
        if self.recalls.is_gone(order.session) {
            return Err(Reason::SessionGone);
        }
        Ok(())
    }

    fn accept(&mut self, order: &NewOrderSingle, out: &mut Out) -> Result<(), Reason> {
        let side = Side::from_fix(order.side).ok_or(Reason::BadSide)?;
        let slot = self.takeable(order, out.now())?;
        let quote = *self.quotes.get(slot);
        let px = quote.px(side);
        let is_its_px = px == order.px || !Rule::QuotedPx.holds();
        if px == Px::NONE || !is_its_px || quote.instrument != order.instrument {
            return Err(Reason::QuoteMismatch);
        }
        let ask = Ask {
            client: order.client,
            instrument: order.instrument,
            side: Some(side),
            qty: order.qty,
        };
        self.check_quantity(&quote, order, &ask)?;
        self.risk.check_fill(&ask, out.now())?;
        let look = self.last_looks[usize::from(self.tiers[order.client.index()])];
        // At a dealer's price a person looked already.
        if look.hold_ns > 0 && !quote.by_dealer {
            self.hold(order, slot, look, out);
            return Ok(());
        }
        if Rule::OneFill.holds() {
            self.quotes.take(slot, QuoteEvent::Take);
        }
        self.fill(order, &ask, side, slot, None, out);
        Ok(())
    }

    /// The quote that an order names, if it can be taken now, whatever the order is for.
    #[inline]
    pub(crate) fn takeable(&self, order: &NewOrderSingle, now: u64) -> Result<Slot, Reason> {
        // Nobody learns anything about another client's quotes.
        let found = if Rule::OwnQuote.holds() {
            self.quotes.find_of(order.client, order.quote_id)
        } else {
            self.quotes.find(order.quote_id)
        };
        let slot = match found {
            Open::Yes(slot) => slot,
            Open::No(Reason::UnknownQuote) if order.quote_id.epoch != self.epoch => {
                return Err(Reason::QuoteEpochUnknown);
            }
            Open::No(reason) => return Err(reason),
        };
        let quote = self.quotes.get(slot);
        let recalled = self
            .recalls
            .reason(quote.session, quote.client, quote.quote_id.seq);
        if let Some(reason) = recalled {
            return Err(reason);
        }
        if self.quotes.state(slot) != QuoteState::Active {
            return Err(Reason::QuoteHeld);
        }
        if now >= quote.valid_until {
            return Err(Reason::QuoteExpired);
        }
        if quote.is_indicative {
            return Err(Reason::QuoteIndicative);
        }
        Ok(slot)
    }

    /// Books a quote that was taken: it is filled, or refused if that can't be booked. `held_as` is the id that the order had while
    /// a last look held it.
    pub(crate) fn fill(
        &mut self,
        order: &NewOrderSingle,
        ask: &Ask,
        side: Side,
        slot: Slot,
        held_as: Option<OutId>,
        out: &mut Out,
    ) {
        let (trade, position) = match self.book_trade(order, side, out) {
            Ok(booked) => booked,
            Err(reason) => {
                let (quote, said) = self.quotes.end(slot, QuoteEvent::Reject, reason);
                self.release(&quote);
                let report = ExecutionReport {
                    order_id: held_as.unwrap_or(OutId::NONE),
                    ..refused(order, reason, said, out)
                };
                return self.report(report, out);
            }
        };
        self.risk.use_credit(order.client, trade.gross_trade_amt);
        let event = if order.qty == self.quotes.get(slot).qty {
            QuoteEvent::Fill
        } else {
            QuoteEvent::FillPart
        };
        let (quote, said) = if Rule::OneFill.holds() {
            self.quotes.end(slot, event, Reason::QuoteFilled)
        } else {
            let said = Said::Execution(ExecType::Trade, OrdStatus::Filled);
            (*self.quotes.get(slot), said)
        };
        self.release(&quote);
        self.risk
            .filled(ask, position.qty, position.cash.get(), out.now());
        let exec_id = out.next_id();
        let report = ExecutionReport {
            order_id: held_as.unwrap_or(exec_id),
            last_px: order.px,
            last_qty: order.qty,
            cum_qty: order.qty,
            ..executed(order, exec_id, said)
        };
        self.report(report, out);
        out.push(trade);
        self.note_fill(&trade, order.client, side, out);
        report_position(order.instrument, &position, out);
        self.report_latches(out);
        self.on_fill(
            &Fill {
                from: FillFrom::Client(order.client),
                instrument: order.instrument,
                side: side.opposite(),
                px: order.px,
                qty: order.qty,
            },
            out,
        );
    }

    /// Posts an accept to accounts and position, or changes nothing.
    fn book_trade(
        &mut self,
        order: &NewOrderSingle,
        side: Side,
        out: &Out,
    ) -> Result<(TradeCaptureReport, Position), Reason> {
        let traded = self.traded[order.instrument.index()].as_ref();
        let meta = &traded.ok_or(Reason::UnknownInstrument)?.meta;
        let notional = meta.notional(order.px, order.qty).ok_or(Reason::Overflow)?;
        let trade = trade(order, side, meta, notional, out);
        let entries = self.accounts.check_quoted(order.client, side, &trade)?;
        let position = self.positions.fill(meta, side, order.qty, order.px)?;
        if Rule::Posting.holds() {
            self.accounts.post(&entries);
        }
        Ok((trade, position))
    }

    /// Ends a quote that its client gives back; one that has ended already is refused.
    pub(crate) fn on_quote_response(
        &mut self,
        response: &QuoteResponse,
        out: &mut Out,
    ) -> Result<(), Reason> {
        let (event, reason) = match QuoteRespType::from_byte(response.resp_type) {
            Some(QuoteRespType::Pass) => (QuoteEvent::Pass, Reason::ClientPassed),
            Some(QuoteRespType::DoneAway) => (QuoteEvent::DoneAway, Reason::DoneAway),
            None => return Err(Reason::BadField),
        };
        let slot = self.active_quote(response.client, response.quote_id)?;
        self.end_quote(slot, event, reason, out);
        Ok(())
    }

    /// A client's quote that nobody has taken yet.
    pub(crate) fn active_quote(&self, client: ClientId, quote_id: OutId) -> Result<Slot, Reason> {
        match self.quotes.find_of(client, quote_id) {
            Open::Yes(slot) if self.quotes.state(slot) == QuoteState::Active => Ok(slot),
            Open::Yes(_) => Err(Reason::QuoteHeld),
            Open::No(reason) => Err(reason),
        }
    }

    /// Releases what a quote reserved, once, when it ends.
    #[inline]
    pub(crate) fn release(&mut self, quote: &OpenQuote) {
        if quote.is_indicative || !Rule::Release.holds() {
            return;
        }
        let ask = Ask {
            client: quote.client,
            instrument: quote.instrument,
            side: None,
            qty: quote.qty,
        };
        self.risk
            .release(&ask, quote.bid_px, quote.offer_px, quote.credit);
    }
}

/// A quote's life as it is kept: rounded up, and no longer than can be.
#[inline]
pub(crate) fn life_us(life_ns: u64) -> u32 {
    u32::try_from(life_ns.div_ceil(1_000)).unwrap_or(u32::MAX)
}

/// What a request asks for; `None` if its side is none.
#[inline]
pub(crate) fn ask_of(request: &QuoteRequest) -> Option<Ask> {
    let side = match request.side {
        TWO_SIDED => None,
        side => Some(Side::from_fix(side)?),
    };
    Some(Ask {
        client: request.client,
        instrument: request.instrument,
        side,
        qty: request.qty,
    })
}

/// A pricer must price the sides that were asked for and no other.
#[inline]
pub(crate) fn check_sides(side: Option<Side>, prices: &Prices) -> Result<(), Reason> {
    let (bid, offer) = (prices.bid_px != Px::NONE, prices.offer_px != Px::NONE);
    match side {
        None if bid && offer && prices.bid_px < prices.offer_px => Ok(()),
        Some(Side::Buy) if offer && !bid => Ok(()),
        Some(Side::Sell) if bid && !offer => Ok(()),
        _ => Err(Reason::PxUnrepresentable),
    }
}

/// What a request that is refused is told, no stream's.
#[inline]
pub(crate) fn refusal(request: &QuoteRequest, reason: Reason) -> QuoteRequestReject {
    QuoteRequestReject {
        quote_req_id: request.quote_req_id,
        client: request.client,
        instrument: request.instrument,
        qty: request.qty,
        reason: reason.code(),
        session: request.session,
        side: request.side,
        ..bytemuck::Zeroable::zeroed()
    }
}

/// Says what the house has now in an instrument.
pub(crate) fn report_position(instrument: InstrumentId, position: &Position, out: &mut Out) {
    out.push(PositionReport {
        instrument,
        position: position.qty,
        cash: position.cash,
        ..bytemuck::Zeroable::zeroed()
    });
    out.push(PositionCost {
        instrument,
        cost: position.cost,
        ..bytemuck::Zeroable::zeroed()
    });
}

/// A client's accept as a trade, under the id of the report that tells the client of it.
pub(crate) fn trade(
    order: &NewOrderSingle,
    side: Side,
    meta: &Instrument,
    notional: Amount,
    out: &Out,
) -> TradeCaptureReport {
    let client = (PartyKind::Client, order.client.0);
    let (buyer, seller) = sides(side, client, (PartyKind::House, 0));
    TradeCaptureReport {
        trade_id: out.next_id(),
        buyer: buyer.1,
        seller: seller.1,
        buyer_kind: buyer.0.byte(),
        seller_kind: seller.0.byte(),
        trade_source: TradeSource::Quote.byte(),
        px: order.px,
        qty: order.qty,
        gross_trade_amt: notional,
        ref_id: order.quote_id,
        ts_event: out.now(),
        ..delivers(meta, order.qty)
    }
}

/// Who buys and who sells, where `one` does `side` and the other the opposite.
pub(crate) fn sides<T>(side: Side, one: T, other: T) -> (T, T) {
    match side {
        Side::Buy => (one, other),
        Side::Sell => (other, one),
    }
}

/// A trade with what is delivered in it, without parties, price and fees.
pub(crate) fn delivers(meta: &Instrument, qty: Qty) -> TradeCaptureReport {
    TradeCaptureReport {
        instrument: meta.id,
        base: meta.base,
        quote: meta.quote,
        base_amt: meta.base_units(qty),
        fee_asset: meta.quote,
        ..bytemuck::Zeroable::zeroed()
    }
}

/// An order that is refused and leaves its quote as it is.
pub(crate) const REFUSED: Said = Said::Execution(ExecType::Rejected, OrdStatus::Rejected);

/// The report on an order that is refused.
pub(crate) fn refused(order: &NewOrderSingle, reason: Reason, said: Said, out: &Out) -> ExecutionReport {
    ExecutionReport {
        last_px: Px::NONE,
        reason: reason.code(),
        ..executed(order, out.next_id(), said)
    }
}

/// The report on an order that a quote's step tells, no fill in it.
pub(crate) fn executed(order: &NewOrderSingle, exec_id: OutId, said: Said) -> ExecutionReport {
    let Said::Execution(exec_type, ord_status) = said else {
        unreachable!("what comes of an accept is told by an execution report");
    };
    ExecutionReport {
        exec_type: exec_type.byte(),
        ord_status: ord_status.byte(),
        cl_ord_id: order.cl_ord_id,
        exec_id,
        quote_id: order.quote_id,
        client: order.client,
        instrument: order.instrument,
        leaves_qty: Qty::ZERO,
        session: order.session,
        side: order.side,
        ..bytemuck::Zeroable::zeroed()
    }
}
