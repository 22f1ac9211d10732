//! Through a journal, record by record: what is kept is bounded, whatever the journal's length.

use std::collections::{BTreeMap, HashMap, VecDeque};

use pinrail_types::record::{
    AssetDef, ClientDef, EpochStart, ExecType, ExecutionReport, InstrumentDef, LastLookOutcome,
    LastLookReport, MarkOut, MarkOutMiss, MultilegExecutionReport, MultilegQuote, MultilegQuoteLeg,
    MultilegQuoteReject, MultilegQuoteRequest, MultilegReportingType, ParentOrderReport, ParentState,
    PartyKind, Quote, QuoteRequest, QuoteRequestReject, QuoteStatusReport, StreamState,
    SubscriptionRequestType, TradeCaptureReport, TradeReportTransType, TradeSource, VenueDef, VenueOrder,
};
use pinrail_types::{Amount, Flags, Frame, Instrument, OutId, Px, Qty, Side, schema};

use super::inventory::Inventory;
use super::tally::{Book, Group, Venue};
use crate::args::QualityBy;

/// Quotes, orders and parent orders that are remembered at most, of each: what came before is not known any more.
const REMEMBERED_MAX: usize = 1 << 20;
/// Distributions of times that are kept at most; groups beyond have none.
const RECORDERS_MAX: usize = 1_024;
/// In the place of an id that the journal does not say.
pub(super) const UNKNOWN: u32 = u32::MAX;
/// In the place of an instrument's: all packages, which are of several. Simulated clients name the one between by mistake.
pub(super) const PACKAGES: u32 = u32::MAX - 2;

/// Whom something is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Who {
    client: u32,
    instrument: u32,
    is_package: bool,
}

impl Who {
    /// Of one instrument.
    fn alone(client: u32, instrument: u32) -> Who {
        Who {
            client,
            instrument,
            is_package: false,
        }
    }

    /// A package as a whole.
    fn package(client: u32) -> Who {
        Who {
            client,
            instrument: PACKAGES,
            is_package: true,
        }
    }
}

/// The last things that were put in, by id.
#[derive(Debug)]
struct Recent<T> {
    held: HashMap<OutId, T>,
    order: VecDeque<OutId>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Recent {
            held: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<T> Recent<T> {
    /// Puts something in, unless that was done before.
    fn put(&mut self, id: OutId, what: T) {
        if self.held.contains_key(&id) {
            return;
        }
        if self.order.len() == REMEMBERED_MAX {
            let oldest = self.order.pop_front().expect("there are some");
            self.held.remove(&oldest);
        }
        self.order.push_back(id);
        self.held.insert(id, what);
    }
}

/// A quote that was told.
#[derive(Clone, Copy, Debug)]
struct Quoted {
    who: Who,
    ref_px: Px,
    is_streams: bool,
}

/// The input whose outputs follow.
#[derive(Clone, Copy, Debug, Default)]
struct Cause {
    seq: u64,
    /// When a request for one quote was received.
    asked_at: Option<u64>,
    /// It asks for a stream.
    is_stream: bool,
    is_request: bool,
}

/// What a journal says.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) by: Vec<(QualityBy, BTreeMap<u32, Group>)>,
    pub(super) all: Group,
    /// Of these, packages and their legs.
    pub(super) packages: Group,
    pub(super) venues: BTreeMap<u32, Venue>,
    /// By instrument.
    pub(super) books: BTreeMap<u32, Book>,
    pub(super) assets: BTreeMap<u32, AssetDef>,
    pub(super) instruments: BTreeMap<u32, (InstrumentDef, Option<Instrument>)>,
    pub(super) venue_names: BTreeMap<u32, String>,
    pub(super) clients: BTreeMap<u32, ClientDef>,
    /// Fees in other assets than those that are quoted in: paid to venues less charged to clients, by asset.
    pub(super) other_fees: BTreeMap<u32, i128>,
    pub(super) records: u64,
    /// Records whose layout is another version's.
    pub(super) other_layouts: u64,
    /// Reports that were sent again.
    pub(super) resent: u64,
    /// Trades whose quote or order the journal does not hold, or no longer: they count as traded at their reference.
    pub(super) without_reference: u64,
    /// Of the last trade at a venue.
    last_venue_reference: Option<Px>,
    /// Trades and marks that could not be valued.
    pub(super) not_valued: u64,
    /// Marks that were not made.
    pub(super) marks_missed: u64,
    pub(super) first_ts: Option<u64>,
    pub(super) last_ts: u64,
    quotes: Recent<Quoted>,
    /// The references of the legs of packages.
    legs: Recent<Vec<(u32, Px)>>,
    orders: Recent<Px>,
    /// What trades at venues were measured against, for those that are taken back.
    trades: Recent<Px>,
    parents: Recent<Px>,
    inventories: BTreeMap<u32, Inventory<Who>>,
    cause: Cause,
    recorders: usize,
}

impl Seen {
    /// Nothing yet, to be told by these.
    pub(super) fn by(by: &[QualityBy]) -> Seen {
        let is_group = |by: &&QualityBy| **by != QualityBy::Venue;
        Seen {
            by: by
                .iter()
                .filter(is_group)
                .map(|by| (*by, BTreeMap::new()))
                .collect(),
            ..Seen::default()
        }
    }

    /// Takes the next record.
    pub(super) fn take(&mut self, frame: &Frame) {
        self.records += 1;
        let header = frame.header();
        if header.ts_core != 0 {
            self.first_ts.get_or_insert(header.ts_core);
            self.last_ts = self.last_ts.max(header.ts_core);
        }
        let known = schema::find(frame.record_type());
        if known.is_some_and(|known| known.version != frame.commit().version) {
            self.other_layouts += 1;
            return;
        }
        if frame.record_type().is_input() {
            self.take_input(frame);
        } else if frame.flags().has(Flags::POSS_RESEND) {
            self.resent += 1;
        } else {
            self.take_output(frame);
        }
    }

    fn take_input(&mut self, frame: &Frame) {
        self.cause = Cause {
            seq: frame.header().seq,
            ..Cause::default()
        };
        if let Some(request) = frame.get::<QuoteRequest>() {
            self.on_request(request);
        } else if let Some(request) = frame.get::<MultilegQuoteRequest>() {
            self.cause.is_request = true;
            self.cause.asked_at = Some(request.ts_recv);
            self.each(Who::package(request.client.0), |group| group.requests += 1);
        } else if let Some(start) = frame.get::<EpochStart>() {
            self.on_epoch(start);
        } else if let Some(def) = frame.get::<AssetDef>() {
            self.assets.insert(def.asset.0, *def);
        } else if let Some(def) = frame.get::<InstrumentDef>() {
            self.on_instrument(def);
        } else if let Some(def) = frame.get::<VenueDef>() {
            self.venue_names.insert(def.venue.0.into(), def.name.to_string());
        } else if let Some(def) = frame.get::<ClientDef>() {
            self.clients.insert(def.client.0, *def);
        }
    }

    fn take_output(&mut self, frame: &Frame) {
        if let Some(quote) = frame.get::<Quote>() {
            self.on_quote(quote);
        } else if let Some(trade) = frame.get::<TradeCaptureReport>() {
            self.on_trade(trade);
        } else if let Some(mark) = frame.get::<MarkOut>() {
            self.on_mark(mark);
        } else if let Some(reject) = frame.get::<QuoteRequestReject>() {
            self.on_reject(reject);
        } else if let Some(end) = frame.get::<QuoteStatusReport>() {
            self.on_end(end);
        } else if let Some(report) = frame.get::<ExecutionReport>() {
            self.on_execution(report);
        } else if let Some(report) = frame.get::<ParentOrderReport>() {
            if report.parent_state != ParentState::Done.byte() {
                self.parents.put(report.parent_id, report.ref_px);
            }
        } else if let Some(order) = frame.get::<VenueOrder>() {
            let of_parent = self.parents.held.get(&order.parent_id).copied();
            self.orders.put(order.order_id, of_parent.unwrap_or(order.ref_px));
            self.venues.entry(order.venue.0.into()).or_default().orders += 1;
        } else if let Some(miss) = frame.get::<MarkOutMiss>() {
            self.marks_missed += miss.marks;
        } else if let Some(look) = frame.get::<LastLookReport>() {
            if look.outcome == LastLookOutcome::Rejected.byte() {
                self.quotes.held.remove(&look.quote_id);
            }
        } else {
            self.take_package(frame);
        }
    }

    /// Takes what is told of a package: it counts once, and is worth what its legs are.
    fn take_package(&mut self, frame: &Frame) {
        if let Some(quote) = frame.get::<MultilegQuote>() {
            self.on_package_quote(quote);
        } else if let Some(leg) = frame.get::<MultilegQuoteLeg>() {
            self.on_leg(leg);
        } else if let Some(reject) = frame.get::<MultilegQuoteReject>() {
            self.each(Who::package(reject.client.0), |group| {
                *group.refused.entry(reject.reason).or_default() += 1;
            });
        } else if let Some(report) = frame.get::<MultilegExecutionReport>()
            && report.reporting_type == MultilegReportingType::Package.byte()
        {
            let who = Who::package(report.client.0);
            if report.exec_type == ExecType::Trade.byte() {
                self.each(who, |group| group.fills += 1);
            } else if report.exec_type == ExecType::Rejected.byte() {
                self.each(who, |group| {
                    *group.accepts_refused.entry(report.reason).or_default() += 1;
                });
            }
        }
    }

    fn on_package_quote(&mut self, quote: &MultilegQuote) {
        let who = Who::package(quote.client.0);
        let quoted = Quoted {
            who,
            ref_px: Px::NONE,
            is_streams: false,
        };
        self.quotes.put(quote.quote_id, quoted);
        self.legs.put(quote.quote_id, Vec::new());
        self.each(who, |group| group.quotes += 1);
        let is_of_request = self.cause.is_request && self.cause.seq == quote.header.cause;
        let asked_at = self.cause.asked_at.filter(|_| is_of_request);
        self.waited(who, asked_at, quote.header.ts_core);
    }

    fn on_leg(&mut self, leg: &MultilegQuoteLeg) {
        let Some(legs) = self.legs.held.get_mut(&leg.quote_id) else {
            self.not_valued += 1;
            return;
        };
        legs.push((leg.instrument.0, leg.ref_px));
        let client = self
            .quotes
            .held
            .get(&leg.quote_id)
            .map_or(UNKNOWN, |of| of.who.client);
        let who = Who {
            instrument: leg.instrument.0,
            ..Who::package(client)
        };
        self.mark(who.instrument, leg.ref_px);
        self.quoted(who, leg.ref_px, [leg.bid_px, leg.offer_px], leg.qty);
    }

    /// The time from a request to its quote.
    fn waited(&mut self, who: Who, asked_at: Option<u64>, quoted_at: u64) {
        let Some(ns) = asked_at.map(|asked_at| quoted_at.saturating_sub(asked_at)) else {
            return;
        };
        let mut recorders = self.recorders;
        self.each(who, |group| {
            if group.time_to_quote.is_none() && recorders < RECORDERS_MAX {
                recorders += 1;
                group.time_to_quote = Some(Box::default());
            }
            if let Some(times) = &mut group.time_to_quote {
                times.record_ns(ns);
            }
        });
        self.recorders = recorders;
    }

    /// What the sides of a quote are worth beyond its reference.
    fn quoted(&mut self, who: Who, ref_px: Px, [bid, offer]: [Px; 2], qty: Qty) {
        let mut spread = 0;
        let mut notional = 0;
        for (px, sign) in [(bid, -1), (offer, 1)] {
            if px == Px::NONE {
                continue;
            }
            let Some((beyond, at_ref)) = self.beyond((who, ref_px), px, qty, sign) else {
                self.not_valued += 1;
                continue;
            };
            spread += beyond;
            notional += at_ref.abs();
        }
        let asset = self.asset(who.instrument);
        self.each(who, |group| {
            let money = group.money.entry(asset).or_default();
            money.quoted_spread += spread;
            money.quoted_notional += notional;
        });
    }

    /// Playback begins from nothing: what was held before is worth what it was worth then.
    fn on_epoch(&mut self, start: &EpochStart) {
        if start.playback == 0 {
            return;
        }
        for (id, book) in &mut self.books {
            let meta = self.instruments.get(id).and_then(|(_, meta)| meta.as_ref());
            book.worth_before += worth(meta, book).unwrap_or(0);
            book.position = 0;
        }
        self.inventories.clear();
    }

    fn on_instrument(&mut self, def: &InstrumentDef) {
        let (base, quote) = (self.assets.get(&def.base.0), self.assets.get(&def.quote.0));
        let meta = base
            .zip(quote)
            .and_then(|(base, quote)| Instrument::new(def, base, quote).ok());
        self.instruments.insert(def.instrument.0, (*def, meta));
    }

    fn meta(&self, instrument: u32) -> Option<&Instrument> {
        self.instruments.get(&instrument)?.1.as_ref()
    }

    /// Does something to all groups that one is in.
    fn each(&mut self, who: Who, mut change: impl FnMut(&mut Group)) {
        change(&mut self.all);
        if who.is_package {
            change(&mut self.packages);
        }
        for (by, groups) in &mut self.by {
            let key = match by {
                QualityBy::Client => who.client,
                QualityBy::Tier => self
                    .clients
                    .get(&who.client)
                    .map_or(UNKNOWN, |def| def.tier.into()),
                QualityBy::Instrument | QualityBy::Venue => who.instrument,
            };
            change(groups.entry(key).or_default());
        }
    }

    fn on_request(&mut self, request: &QuoteRequest) {
        let who = Who::alone(request.client.0, request.instrument.0);
        let is_once = matches!(request.subscription, 0 | b'0');
        let is_stream = request.subscription == SubscriptionRequestType::Updates.byte();
        self.cause.is_request = true;
        self.cause.is_stream = is_stream;
        self.cause.asked_at = is_once.then_some(request.ts_recv);
        self.each(who, |group| {
            group.requests += u64::from(is_once);
            group.streams += u64::from(is_stream);
        });
    }

    fn on_quote(&mut self, quote: &Quote) {
        let who = Who::alone(quote.client.0, quote.instrument.0);
        let is_of_request = self.cause.is_request && self.cause.seq == quote.header.cause;
        let is_streams = if is_of_request {
            self.cause.is_stream
        } else {
            // Nobody asked just now: a stream is quoted anew, or a dealer answers.
            quote.by_dealer == 0
        };
        self.mark(who.instrument, quote.ref_px);
        self.quotes.put(
            quote.quote_id,
            Quoted {
                who,
                ref_px: quote.ref_px,
                is_streams,
            },
        );
        self.each(who, |group| {
            group.quotes += u64::from(!is_streams);
            group.stream_quotes += u64::from(is_streams);
        });
        self.quoted(who, quote.ref_px, [quote.bid_px, quote.offer_px], quote.qty);
        let asked_at = self.cause.asked_at.filter(|_| is_of_request);
        self.waited(who, asked_at, quote.header.ts_core);
    }

    /// What a price is worth to who sells (`sign` 1) or buys (-1) so much beyond the reference, and what that is worth.
    fn beyond(&self, (who, ref_px): (Who, Px), px: Px, qty: Qty, sign: i64) -> Option<(i128, i128)> {
        let meta = self.meta(who.instrument)?;
        let away = px.checked_sub(ref_px)?.checked_mul(sign)?;
        let beyond = meta.notional(Px(away), qty)?.get();
        Some((beyond, meta.notional(ref_px, qty)?.get()))
    }

    fn on_reject(&mut self, reject: &QuoteRequestReject) {
        let who = Who::alone(reject.client.0, reject.instrument.0);
        if reject.stream == StreamState::None.byte() {
            self.each(who, |group| *group.refused.entry(reject.reason).or_default() += 1);
        }
    }

    fn on_end(&mut self, end: &QuoteStatusReport) {
        let quoted = self.quotes.held.remove(&end.quote_id);
        self.legs.held.remove(&end.quote_id);
        let who = quoted.map_or(Who::alone(end.client.0, UNKNOWN), |quoted| quoted.who);
        self.each(who, |group| *group.ended.entry(end.reason).or_default() += 1);
    }

    fn on_execution(&mut self, report: &ExecutionReport) {
        // Orders of the desk's own books name no quote; accepts that were malformed may not either.
        if report.exec_type == ExecType::Rejected.byte() && !report.quote_id.is_none() {
            let who = Who::alone(report.client.0, report.instrument.0);
            self.each(who, |group| {
                *group.accepts_refused.entry(report.reason).or_default() += 1;
            });
        }
    }

    fn on_trade(&mut self, trade: &TradeCaptureReport) {
        match TradeSource::from_byte(trade.trade_source) {
            Some(TradeSource::Quote) => self.on_client_trade(trade),
            Some(TradeSource::Venue) => self.on_venue_trade(trade),
            // Between clients: the house has only its fees.
            Some(TradeSource::Book) => {
                for (client, fee) in [(trade.buyer, trade.buyer_fee), (trade.seller, trade.seller_fee)] {
                    self.on_fee(trade, client, fee);
                }
            }
            Some(TradeSource::Agency) => self.on_agency_trade(trade),
            None => self.not_valued += 1,
        }
    }

    /// What a venue filled is passed on to a client: the hedge that it looked like is none, and the house has the commission.
    fn on_agency_trade(&mut self, trade: &TradeCaptureReport) {
        let client_buys = trade.buyer_kind == PartyKind::Client.byte();
        let (client, fee, sign) = if client_buys {
            (trade.buyer, trade.buyer_fee, -1)
        } else {
            (trade.seller, trade.seller_fee, 1)
        };
        let who = Who::alone(UNKNOWN, trade.instrument.0);
        let reference = self.last_venue_reference.unwrap_or(trade.px);
        let Some((cost, at_ref)) = self.beyond((who, reference), trade.px, trade.qty, sign) else {
            self.not_valued += 1;
            return;
        };
        self.on_fee(trade, client, fee);
        let book = self.books.entry(who.instrument).or_default();
        book.position += sign * trade.qty.0;
        book.cash -= i128::from(sign) * trade.gross_trade_amt.get();
        book.hedging -= cost;
        book.at_references += i128::from(sign) * at_ref;
        let mut row = self.inventories.remove(&who.instrument).unwrap_or_default();
        row.venue(sign * trade.qty.0, [cost, 0], |whose, [cost, fee]| {
            self.each(whose.unwrap_or(who), |group| {
                let money = group.money.entry(trade.quote.0).or_default();
                money.hedge_cost += cost;
                money.hedge_fees += fee;
            });
        });
        self.inventories.insert(who.instrument, row);
    }

    fn on_fee(&mut self, trade: &TradeCaptureReport, client: u32, fee: Amount) {
        self.on_fee_of(Who::alone(client, trade.instrument.0), trade, fee);
    }

    fn on_fee_of(&mut self, who: Who, trade: &TradeCaptureReport, fee: Amount) {
        if trade.fee_asset != trade.quote {
            *self.other_fees.entry(trade.fee_asset.0).or_default() -= fee.get();
            return;
        }
        self.books.entry(who.instrument).or_default().fees += fee.get();
        self.each(who, |group| {
            group.money.entry(trade.quote.0).or_default().fees += fee.get();
        });
    }

    fn on_client_trade(&mut self, trade: &TradeCaptureReport) {
        let client_buys = trade.buyer_kind == PartyKind::Client.byte();
        let (client, fee, sign) = if client_buys {
            (trade.buyer, trade.buyer_fee, 1)
        } else {
            (trade.seller, trade.seller_fee, -1)
        };
        let is_package = self.legs.held.contains_key(&trade.ref_id);
        let quoted = self.quotes.held.get(&trade.ref_id).copied();
        let reference = if is_package {
            let legs = &self.legs.held[&trade.ref_id];
            let leg = legs
                .iter()
                .find(|(instrument, _)| *instrument == trade.instrument.0);
            leg.map(|(_, ref_px)| *ref_px)
        } else {
            // A package's other legs are to come.
            self.quotes.held.remove(&trade.ref_id);
            quoted.map(|quoted| quoted.ref_px)
        };
        self.without_reference += u64::from(reference.is_none());
        let is_streams = quoted.is_some_and(|quoted| quoted.is_streams);
        let ref_px = reference.unwrap_or(trade.px);
        let who = Who {
            is_package,
            ..Who::alone(client, trade.instrument.0)
        };
        let Some((spread, at_ref)) = self.beyond((who, ref_px), trade.px, trade.qty, sign) else {
            self.not_valued += 1;
            return;
        };
        self.each(who, |group| {
            group.fills += u64::from(!is_streams && !is_package);
            group.stream_fills += u64::from(is_streams);
            let money = group.money.entry(trade.quote.0).or_default();
            money.fills += 1;
            money.notional += trade.gross_trade_amt.get().abs();
            money.spread += spread;
        });
        self.on_fee_of(who, trade, fee);
        let book = self.books.entry(who.instrument).or_default();
        book.position -= sign * trade.qty.0;
        book.cash += i128::from(sign) * trade.gross_trade_amt.get();
        book.spread += spread;
        book.at_references -= i128::from(sign) * at_ref;
        let row = self.inventories.entry(who.instrument).or_default();
        row.client(who, -sign * trade.qty.0);
    }

    fn on_venue_trade(&mut self, trade: &TradeCaptureReport) {
        let house_buys = trade.buyer_kind == PartyKind::House.byte();
        let (venue, fee, sign) = if house_buys {
            (trade.seller, trade.buyer_fee, 1)
        } else {
            (trade.buyer, trade.seller_fee, -1)
        };
        let is_back = trade.trans_type == TradeReportTransType::Cancel.byte();
        let known = if is_back { &self.trades } else { &self.orders };
        let reference = known.held.get(&trade.ref_id).copied();
        if let Some(reference) = reference.filter(|_| !is_back) {
            self.trades.put(trade.trade_id, reference);
        }
        self.without_reference += u64::from(reference.is_none());
        self.last_venue_reference = reference;
        let who = Who::alone(UNKNOWN, trade.instrument.0);
        let of = (who, reference.unwrap_or(trade.px));
        let Some((cost, at_ref)) = self.beyond(of, trade.px, trade.qty, sign) else {
            self.not_valued += 1;
            return;
        };
        let in_quote = trade.fee_asset == trade.quote;
        let fee_here = if in_quote { fee.get() } else { 0 };
        if !in_quote {
            *self.other_fees.entry(trade.fee_asset.0).or_default() += fee.get();
        }
        let at = self.venues.entry(venue).or_default();
        let at = at.money.entry(trade.quote.0).or_default();
        if is_back {
            at.fills = at.fills.saturating_sub(1);
            at.notional -= trade.gross_trade_amt.get().abs();
        } else {
            at.fills += 1;
            at.notional += trade.gross_trade_amt.get().abs();
        }
        at.cost += cost;
        at.fees += fee_here;
        let book = self.books.entry(who.instrument).or_default();
        book.position += sign * trade.qty.0;
        book.cash -= i128::from(sign) * trade.gross_trade_amt.get();
        book.fees -= fee_here;
        book.hedging -= cost;
        book.at_references += i128::from(sign) * at_ref;
        let mut row = self.inventories.remove(&who.instrument).unwrap_or_default();
        row.venue(sign * trade.qty.0, [cost, fee_here], |whose, [cost, fee]| {
            self.each(whose.unwrap_or(who), |group| {
                let money = group.money.entry(trade.quote.0).or_default();
                money.hedge_cost += cost;
                money.hedge_fees += fee;
            });
        });
        self.inventories.insert(who.instrument, row);
    }

    fn on_mark(&mut self, mark: &MarkOut) {
        let who = Who {
            is_package: self.legs.held.contains_key(&mark.quote_id),
            ..Who::alone(mark.client.0, mark.instrument.0)
        };
        let Some(side) = Side::from_fix(mark.side) else {
            self.not_valued += 1;
            return;
        };
        let has_mid = mark.mid_px != Px::NONE;
        let value = self.beyond((who, mark.mid_px), mark.px, mark.qty, side.sign());
        let against = self.beyond((who, mark.ref_px), mark.mid_px, mark.qty, side.sign());
        let notional = self
            .meta(who.instrument)
            .and_then(|meta| meta.notional(mark.px, mark.qty));
        let (Some(notional), true) = (notional, value.is_some() || !has_mid) else {
            self.not_valued += 1;
            return;
        };
        if has_mid {
            self.mark(who.instrument, mark.mid_px);
        }
        let asset = self.asset(who.instrument);
        self.each(who, |group| {
            let money = group.money.entry(asset).or_default();
            let sums = money.marks.entry(mark.horizon_ns).or_default();
            let Some((value, _)) = value.filter(|_| has_mid) else {
                sums.missing += 1;
                return;
            };
            sums.fills += 1;
            sums.notional += notional.get().abs();
            sums.value += value;
            if let Some((against, _)) = against.filter(|_| mark.ref_px != Px::NONE) {
                sums.against += against;
                sums.against_notional += notional.get().abs();
            }
        });
    }

    fn mark(&mut self, instrument: u32, px: Px) {
        if px != Px::NONE {
            self.books.entry(instrument).or_default().mark_px = Some(px.0);
        }
    }

    fn asset(&self, instrument: u32) -> u32 {
        self.instruments
            .get(&instrument)
            .map_or(UNKNOWN, |(def, _)| def.quote.0)
    }
}

/// What is held of an instrument; `None` if nobody knows.
pub(super) fn worth(meta: Option<&Instrument>, book: &Book) -> Option<i128> {
    if book.position == 0 {
        return Some(0);
    }
    let worth = meta?.notional(Px(book.mark_px?), Qty(book.position))?;
    Some(worth.get())
}
