//! What happened, kept by what everybody was told and not by what the desk says that it has.

use std::collections::{BTreeMap, HashMap};

use pinrail_types::record::{
    ExecType, ExecutionReport, InputReject, MultilegExecutionReport, MultilegQuote, MultilegQuoteLeg,
    MultilegQuoteReject, MultilegQuoteRequest, MultilegReportingType, ParentOrderReport, ParentState,
    PartyKind, Quote, QuoteRequest, QuoteRequestReject, QuoteStatusReport, Scope, StateChange, TopOfBook,
    TradeCaptureReport, TradingState, VenueOrder, VenueOrderReject, VenueReport,
};
use pinrail_types::{Amount, ClientId, Flags, Frame, Instrument, InstrumentId, OutId, Px, Qty, Reason, Side};
use serde::Serialize;

/// Counts by the name of a reason or of a state.
pub(crate) type Counts = BTreeMap<String, u64>;

/// What the clients of a tier did, packages included, each of which counts once; or what all did with packages alone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tier {
    pub(crate) requests: u64,
    pub(crate) quotes: u64,
    pub(crate) fills: u64,
    /// In the quote asset's smallest unit.
    pub(crate) notional: i128,
    /// See [`Book::spread`].
    pub(crate) spread: i128,
}

/// All trades in an instrument, in the quote asset's smallest unit.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Book {
    /// Lots held.
    pub(crate) position: i64,
    /// What was received less what was paid, without fees.
    pub(crate) cash: i128,
    pub(crate) fees: i128,
    /// What clients paid beyond the reference that their quotes were made at.
    pub(crate) spread: i128,
    /// The same of this instrument's legs of packages.
    pub(crate) packages: i128,
    /// What venues paid beyond the reference that hedges began at; mostly negative.
    pub(crate) hedging: i128,
    /// What all that was traded was worth at those references; a fill that nobody asked for at its own price.
    at_references: i128,
    /// The middle of the last best prices that a venue told.
    pub(crate) mark: Option<Px>,
    /// Lots held by the trades that were handed on to settle.
    pub(crate) settled: i64,
}

impl Book {
    /// What the market gave or took since.
    pub(crate) fn inventory(&self, meta: &Instrument) -> Option<i128> {
        let mark = self.mark.or((self.position == 0).then_some(Px(0)))?;
        let worth = meta.notional(mark, Qty(self.position))?;
        Some(worth.get() - self.at_references)
    }
}

/// Counts over a journal's records, and the trades as clients and venues know them.
#[derive(Debug)]
pub(crate) struct Ledger {
    instruments: Vec<Instrument>,
    /// By client.
    tier_of: Vec<u8>,
    /// The reference of each open quote.
    quotes: HashMap<OutId, Px>,
    /// Those of the legs of each package that is quoted.
    legs: HashMap<OutId, Vec<Px>>,
    /// The reference of each parent order, and of each order at a venue.
    references: HashMap<OutId, Px>,
    /// What became of the trades that venues reported.
    executions: HashMap<ExecKey, Told>,
    pub(crate) tiers: BTreeMap<u8, Tier>,
    pub(crate) packages: Tier,
    pub(crate) books: Vec<Book>,
    pub(crate) request_rejects: Counts,
    pub(crate) accept_rejects: Counts,
    pub(crate) quote_ends: Counts,
    pub(crate) venue_order_rejects: Counts,
    pub(crate) input_rejects: Counts,
    pub(crate) parents_done: Counts,
    pub(crate) parents: u64,
    /// What the desk says that its parent orders cost, by instrument.
    pub(crate) parents_cost: Vec<i128>,
    pub(crate) venue_orders: u64,
    pub(crate) venue_fills: u64,
    /// States that the desk set by itself.
    pub(crate) halts: Counts,
    /// States that a person lifted.
    pub(crate) lifts: u64,
    pub(crate) limit_hits: Counts,
}

/// Whether a refusal or a state is a limit's: of quantity, position, credit, loss, or of a rate.
fn is_limit(reason: Reason) -> bool {
    matches!(reason.code(), 400..=499)
        || matches!(
            reason,
            Reason::ClientRate | Reason::SessionRate | Reason::VenueRate
        )
}

impl Ledger {
    /// Nothing yet. `tier_of` has the tier of each client.
    pub(crate) fn new(instruments: &[Instrument], tier_of: Vec<u8>) -> Ledger {
        Ledger {
            instruments: instruments.to_vec(),
            tier_of,
            quotes: HashMap::new(),
            legs: HashMap::new(),
            references: HashMap::new(),
            executions: HashMap::new(),
            tiers: BTreeMap::new(),
            packages: Tier::default(),
            books: vec![Book::default(); instruments.len()],
            request_rejects: Counts::new(),
            accept_rejects: Counts::new(),
            quote_ends: Counts::new(),
            venue_order_rejects: Counts::new(),
            input_rejects: Counts::new(),
            parents_done: Counts::new(),
            parents: 0,
            parents_cost: vec![0; instruments.len()],
            venue_orders: 0,
            venue_fills: 0,
            halts: Counts::new(),
            lifts: 0,
            limit_hits: Counts::new(),
        }
    }

    /// Takes a record of the journal.
    pub(crate) fn see(&mut self, frame: &Frame) {
        if let Some(top) = frame.get::<TopOfBook>() {
            let mid = (top.bid_px.0 + top.ask_px.0).div_euclid(2);
            self.books[top.instrument.index()].mark = Some(Px(mid));
        } else if let Some(request) = frame.get::<QuoteRequest>() {
            self.tier(request.client).requests += 1;
        } else if let Some(quote) = frame.get::<Quote>() {
            self.tier(quote.client).quotes += 1;
            self.quotes.insert(quote.quote_id, quote.ref_px);
        } else if let Some(report) = frame.get::<ExecutionReport>() {
            self.on_execution(report);
        } else if let Some(report) = frame.get::<VenueReport>() {
            self.on_venue_report(report);
        } else if let Some(trade) = frame.get::<TradeCaptureReport>() {
            let bought = i64::from(trade.buyer_kind == PartyKind::House.byte());
            let sold = i64::from(trade.seller_kind == PartyKind::House.byte());
            self.books[trade.instrument.index()].settled += (bought - sold) * trade.qty.0;
        } else {
            self.count(frame);
        }
    }

    fn count(&mut self, frame: &Frame) {
        if let Some(reject) = frame.get::<QuoteRequestReject>() {
            let reason = self.hit(reject.reason);
            *self.request_rejects.entry(reason).or_default() += 1;
        } else if let Some(end) = frame.get::<QuoteStatusReport>() {
            self.quotes.remove(&end.quote_id);
            self.legs.remove(&end.quote_id);
            *self.quote_ends.entry(name_of(end.reason)).or_default() += 1;
        } else if let Some(order) = frame.get::<VenueOrder>() {
            self.venue_orders += 1;
            let reference = self.references.get(&order.parent_id).copied();
            self.references
                .insert(order.order_id, reference.unwrap_or(order.ref_px));
        } else if let Some(reject) = frame.get::<VenueOrderReject>() {
            let reason = self.hit(reject.reason);
            *self.venue_order_rejects.entry(reason).or_default() += 1;
        } else if let Some(report) = frame.get::<ParentOrderReport>() {
            self.on_parent(report);
        } else if let Some(reject) = frame.get::<InputReject>() {
            *self.input_rejects.entry(name_of(reject.reason)).or_default() += 1;
        } else if let Some(change) = frame.get::<StateChange>() {
            self.on_state(change);
        } else {
            self.see_package(frame);
        }
    }

    /// Takes a record about a package.
    fn see_package(&mut self, frame: &Frame) {
        if let Some(request) = frame.get::<MultilegQuoteRequest>() {
            self.of_package(request.client, |seen| seen.requests += 1);
        } else if let Some(quote) = frame.get::<MultilegQuote>() {
            self.of_package(quote.client, |seen| seen.quotes += 1);
        } else if let Some(leg) = frame.get::<MultilegQuoteLeg>() {
            self.legs.entry(leg.quote_id).or_default().push(leg.ref_px);
        } else if let Some(reject) = frame.get::<MultilegQuoteReject>() {
            let reason = self.hit(reject.reason);
            *self.request_rejects.entry(reason).or_default() += 1;
        } else if let Some(report) = frame.get::<MultilegExecutionReport>()
            && !frame.flags().has(Flags::POSS_RESEND)
        {
            self.on_package(report);
        }
    }

    /// Counts something in the client's tier and among packages.
    fn of_package(&mut self, client: ClientId, count: impl Fn(&mut Tier)) {
        count(self.tier(client));
        count(&mut self.packages);
    }

    fn on_package(&mut self, report: &MultilegExecutionReport) {
        let is_fill = report.exec_type == ExecType::Trade.byte();
        if report.exec_type == ExecType::Rejected.byte() {
            let reason = self.hit(report.reason);
            *self.accept_rejects.entry(reason).or_default() += 1;
        } else if is_fill && report.reporting_type == MultilegReportingType::Package.byte() {
            self.of_package(report.client, |seen| seen.fills += 1);
        } else if is_fill {
            self.on_leg(report);
        }
    }

    fn on_leg(&mut self, report: &MultilegExecutionReport) {
        let side = Side::from_fix(report.side).expect("a fill has a side");
        let references = self.legs.get(&report.quote_id);
        let reference = references.and_then(|legs| legs.get(usize::from(report.leg)).copied());
        if references.is_some_and(|legs| usize::from(report.leg) + 1 == legs.len()) {
            self.legs.remove(&report.quote_id);
        }
        let (notional, gain) = self.trade(
            report.instrument,
            side.opposite(),
            (report.last_px, report.last_qty),
            reference,
        );
        self.books[report.instrument.index()].packages += gain;
        self.of_package(report.client, |seen| {
            seen.notional += notional;
            seen.spread += gain;
        });
    }

    fn tier(&mut self, client: ClientId) -> &mut Tier {
        let tier = self.tier_of.get(client.index()).copied().unwrap_or(u8::MAX);
        self.tiers.entry(tier).or_default()
    }

    /// Counts a refusal that is a limit's; gives its name.
    fn hit(&mut self, code: u16) -> String {
        let name = name_of(code);
        if Reason::from_code(code).is_some_and(is_limit) {
            *self.limit_hits.entry(name.clone()).or_default() += 1;
        }
        name
    }

    fn on_execution(&mut self, report: &ExecutionReport) {
        if report.exec_type != ExecType::Trade.byte() {
            let reason = self.hit(report.reason);
            *self.accept_rejects.entry(reason).or_default() += 1;
            return;
        }
        let side = Side::from_fix(report.side).expect("a fill has a side");
        let reference = self.quotes.remove(&report.quote_id);
        let (notional, gain) = self.trade(
            report.instrument,
            side.opposite(),
            (report.last_px, report.last_qty),
            reference,
        );
        self.books[report.instrument.index()].spread += gain;
        let tier = self.tier(report.client);
        tier.fills += 1;
        tier.notional += notional;
        tier.spread += gain;
    }

    fn on_venue_report(&mut self, report: &VenueReport) {
        let exec_id = (report.venue.0, report.exec_id.as_bytes().to_vec());
        if self.executions.contains_key(&exec_id) {
            return;
        }
        match ExecType::from_byte(report.exec_type) {
            Some(ExecType::Trade) => {
                self.venue_fills += 1;
                self.book_fill(report);
            }
            Some(ExecType::TradeCancel | ExecType::TradeCorrect) => {
                let mut of = (report.venue.0, report.exec_ref_id.as_bytes().to_vec());
                // A correction is itself corrected under any of its ids.
                while let Some(Told::Corrected(by)) = self.executions.get(&of) {
                    of = by.clone();
                }
                let Some(Told::Fill(fill)) = self.executions.get(&of) else {
                    return;
                };
                let fill = **fill;
                self.unbook_fill(&fill);
                if report.exec_type == ExecType::TradeCancel.byte() {
                    self.executions.insert(of, Told::Busted);
                    self.executions.insert(exec_id, Told::Busted);
                    return;
                }
                self.executions.insert(of, Told::Corrected(exec_id.clone()));
                self.book_fill(report);
            }
            _ => return,
        }
        self.executions.insert(exec_id, Told::Fill(Box::new(*report)));
    }

    /// What a fill did is undone.
    fn unbook_fill(&mut self, fill: &VenueReport) {
        self.book_fill(&VenueReport {
            last_qty: Qty(-fill.last_qty.0),
            fee: Amount::new(-fill.fee.get()),
            ..*fill
        });
    }

    fn book_fill(&mut self, report: &VenueReport) {
        let side = Side::from_fix(report.side).expect("a fill has a side");
        let reference = self.references.get(&report.order_id).copied();
        let (_, gain) = self.trade(
            report.instrument,
            side,
            (report.last_px, report.last_qty),
            reference,
        );
        let book = &mut self.books[report.instrument.index()];
        book.hedging += gain;
        book.fees += report.fee.get();
    }

    /// Books what the house did; gives what it was worth, and what it gained against the reference.
    fn trade(
        &mut self,
        instrument: InstrumentId,
        side: Side,
        (px, qty): (Px, Qty),
        reference: Option<Px>,
    ) -> (i128, i128) {
        let meta = &self.instruments[instrument.index()];
        let book = &mut self.books[instrument.index()];
        let lots = qty.0 * side.sign();
        let worth = |px| meta.notional(px, Qty(lots)).expect("it was booked").get();
        let paid = worth(px);
        let at_reference = worth(reference.unwrap_or(px));
        book.position += lots;
        book.cash -= paid;
        book.at_references += at_reference;
        (paid.abs(), at_reference - paid)
    }

    fn on_parent(&mut self, report: &ParentOrderReport) {
        if report.parent_state == ParentState::Done.byte() {
            let reason = if report.reason == 0 {
                "filled".to_owned()
            } else {
                name_of(report.reason)
            };
            *self.parents_done.entry(reason).or_default() += 1;
            self.parents_cost[report.instrument.index()] += report.cost.get();
        } else if report.tries == 0 && self.references.insert(report.parent_id, report.ref_px).is_none() {
            self.parents += 1;
        }
    }

    fn on_state(&mut self, change: &StateChange) {
        let scope = Scope::from_byte(change.scope).map_or("?".to_owned(), |scope| format!("{scope:?}"));
        if change.reason == 0 {
            self.lifts += u64::from(change.state == TradingState::Active.byte());
            return;
        }
        let reason = self.hit(change.reason);
        *self
            .halts
            .entry(format!("{}: {reason}", scope.to_lowercase()))
            .or_default() += 1;
    }
}

/// A venue and its id of a report.
type ExecKey = (u16, Vec<u8>);

/// What a venue's report of a trade is worth now.
#[derive(Debug)]
enum Told {
    Fill(Box<VenueReport>),
    /// By the report of this id.
    Corrected(ExecKey),
    /// Taken back, or the report that did so.
    Busted,
}

fn name_of(code: u16) -> String {
    Reason::from_code(code).map_or_else(|| code.to_string(), |reason| format!("{reason:?}"))
}

/// How often something happened, with its name.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) count: u64,
}
