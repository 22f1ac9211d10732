//! The engine's state, and the way of an input through it.

use pinrail_book::{Book, Consolidated, Estimates, Levels, VENUES_MAX};
use pinrail_oms::life::{OrderState, QuoteState, RfqState};
use pinrail_oms::{
    Accounts, AgencyOrders, Deals, Executions, Holds, MarkOuts, OrderTable, Owner, Packages, ParentTable,
    Positions, QuoteTable, Recalls, Reports, Streams,
};
use pinrail_pricing::{Actions, Pricer};
use pinrail_risk::{Ask, Risk, RiskBounds, SESSIONS_MAX};
use pinrail_types::record::{
    AgencyDef, AssetDef, BookDef, BookState, BookUpdate, ClientDef, ClientOrder, Continue, DealerPass,
    DealerQuote, DealingRule, EpochStart, HedgingParams, InputReject, InstrumentDef, InstrumentLimits,
    LastLookDef, LimitSet, ListingDef, MarkOutDef, MarketPhaseSet, MassQuote, ModelInput,
    MultilegExecutionReport, MultilegQuoteRequest, NewOrderMultileg, NewOrderSingle,
    OrderCancelReplaceRequest, OrderCancelRequest, OrderMassCancelRequest, OutputHash, QuoteCancel,
    QuoteRequest, QuoteResponse, QuotingParams, RuntimeEvent, SessionEvent, Tick, TierSpread, TopOfBook,
    Trade, TradingState, TradingStateSet, VenueBalance, VenueDef, VenueMassCancel, VenueReport, VenueStatus,
};
use pinrail_types::{
    Amount, AssetId, BEHAVIOUR_VERSION, Cause, ClientId, Frame, Instrument, InstrumentId, OpenOrder, OutId,
    Qty, Reason, Record, RecordHeader, SourceId, VenueId,
};

use crate::agency::Offers;
use crate::crossing::Books;
use crate::dealing::Dealing;
use crate::explain::Explained;
use crate::hash::RollingHash;
use crate::last_look::LastLooks;
use crate::out::Out;
use crate::routing::Parts;
use crate::streams::{Requote, STREAMS_MAX};

/// An [`OutputHash`] stands in the stream at each input whose number is a multiple of this.
const INPUTS_PER_HASH: u64 = 4_096;

/// How much the engine holds. Everything is allocated for these when the engine is made, but for books, which come
/// with their listings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Assets.
    pub assets: usize,
    /// Instruments.
    pub instruments: usize,
    /// Venues.
    pub venues: usize,
    /// Clients.
    pub clients: usize,
    /// Quotes open at once.
    pub open_quotes: usize,
    /// Levels a side in each book.
    pub book_levels: usize,
    /// Sources of inputs, the runtime included.
    pub sources: usize,
    /// Orders open at once in the desk's own books, all together.
    pub orders: usize,
    /// Pages of prices of these books, 64 neighbouring ticks each, all together.
    pub pages: usize,
}

/// No bound is above this: what comes from a file may ask for anything.
const BOUND_MAX: usize = 1 << 24;

impl Bounds {
    /// Whether there can be an engine of these bounds: all but `venues` from 1 to 2^24, `pages` from 128, `book_levels` at most
    /// [`Levels::LEVELS_MAX`], and `venues` at most [`VENUES_MAX`].
    ///
    /// # Errors
    /// Which bound can't be.
    pub fn check(&self) -> Result<(), &'static str> {
        let ranges = [
            (self.assets, 1..=BOUND_MAX, "the bound on assets"),
            (self.instruments, 1..=BOUND_MAX, "the bound on instruments"),
            (self.venues, 0..=VENUES_MAX, "the bound on venues"),
            (self.clients, 1..=BOUND_MAX, "the bound on clients"),
            (self.open_quotes, 1..=BOUND_MAX, "the bound on open quotes"),
            (
                self.book_levels,
                1..=Levels::LEVELS_MAX,
                "the bound on levels of a book",
            ),
            (self.sources, 1..=BOUND_MAX, "the bound on sources"),
            (self.orders, 1..=BOUND_MAX, "the bound on orders"),
            (
                self.pages,
                pinrail_matching::Bounds::PAGES_MIN..=BOUND_MAX,
                "the bound on pages of prices",
            ),
        ];
        match ranges.iter().find(|(bound, range, _)| !range.contains(bound)) {
            Some((_, _, name)) => Err(name),
            None => Ok(()),
        }
    }

    /// The bounds of the engine that an epoch was begun with.
    pub fn of(start: &EpochStart) -> Bounds {
        Bounds {
            assets: start.assets_max as usize,
            instruments: start.instruments_max as usize,
            venues: start.venues_max as usize,
            clients: start.clients_max as usize,
            open_quotes: start.open_quotes_max as usize,
            book_levels: start.book_levels_max as usize,
            sources: start.sources_max as usize,
            orders: start.orders_max as usize,
            pages: start.pages_max as usize,
        }
    }

    /// The first input of an epoch of an engine with these bounds and this program's behaviour version, not of
    /// playback. Together with the definitions it says all that the engine can be made of again.
    ///
    /// # Panics
    /// If a bound does not fit 32 bits.
    pub fn epoch_start(&self, epoch: u32) -> EpochStart {
        let max = |bound| u32::try_from(bound).expect("a bound fits 32 bits");
        EpochStart {
            epoch,
            behaviour_version: BEHAVIOUR_VERSION,
            assets_max: max(self.assets),
            instruments_max: max(self.instruments),
            venues_max: max(self.venues),
            clients_max: max(self.clients),
            open_quotes_max: max(self.open_quotes),
            book_levels_max: max(self.book_levels),
            sources_max: max(self.sources),
            orders_max: max(self.orders),
            pages_max: max(self.pages),
            ..bytemuck::Zeroable::zeroed()
        }
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            assets: 64,
            instruments: 64,
            venues: VENUES_MAX,
            clients: 1_024,
            open_quotes: 4_096,
            book_levels: 8_192,
            sources: 64,
            orders: 16_384,
            pages: 4_096,
        }
    }
}

/// What happened so far, for people and tests; not part of what decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Inputs taken.
    pub inputs: u64,
    /// Outputs made.
    pub outputs: u64,
    /// Best bids and offers of venues that were compared with a book.
    pub tops_compared: u64,
}

/// In [`Traded::places`]: the venue does not list the instrument.
pub(crate) const NOT_LISTED: u8 = u8::MAX;

/// An instrument and the venues that list it.
///
/// With thousands of instruments each update finds its own out of the cache. What every update touches therefore stands in
/// front, in two lines.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Traded {
    /// By venue, which of the sources it is.
    pub(crate) places: [u8; VENUES_MAX],
    /// By source, the state of its book that was last reported.
    pub(crate) reported: [BookState; VENUES_MAX],
    /// Sequence of the last input that changed one of its books.
    pub(crate) book_seq: u64,
    /// When streams in it are quoted anew.
    pub(crate) requote: Requote,
    /// What waits for a dealer.
    pub(crate) dealing: Dealing,
    /// It stands in [`Engine::to_refresh`].
    pub(crate) is_to_refresh: bool,
    /// The books, as a pricer sees them.
    pub(crate) venues: Consolidated,
    /// What the market has been like.
    pub(crate) estimates: Estimates,
    pub(crate) meta: Instrument,
    /// Beside each of the sources, whose it is.
    pub(crate) listings: Vec<ListingDef>,
    /// What it was made from.
    pub(crate) def: InstrumentDef,
}

/// The deterministic state machine. See the crate's documentation.
#[derive(Debug)]
pub struct Engine<P> {
    pub(crate) pricer: P,
    pub(crate) bounds: Bounds,
    pub(crate) epoch: u32,
    /// The desk has been active: definitions are fixed from then on.
    pub(crate) fixed: bool,
    pub(crate) assets: Vec<Option<AssetDef>>,
    pub(crate) traded: Vec<Option<Traded>>,
    pub(crate) venues: Vec<Option<VenueDef>>,
    pub(crate) tiers: Vec<u8>,
    pub(crate) risk: Risk,
    pub(crate) quotes: QuoteTable,
    pub(crate) streams: Streams,
    pub(crate) recalls: Recalls,
    pub(crate) last_looks: Box<LastLooks>,
    pub(crate) holds: Holds,
    pub(crate) deals: Deals,
    pub(crate) reports: Reports,
    pub(crate) packages: Packages,
    pub(crate) package_reports: Reports<MultilegExecutionReport>,
    pub(crate) positions: Positions,
    pub(crate) orders: OrderTable,
    pub(crate) parents: ParentTable,
    pub(crate) agency: AgencyOrders,
    /// By tier.
    pub(crate) offers: Box<Offers>,
    pub(crate) executions: Executions,
    /// Apart, since most inputs touch none of it.
    pub(crate) books: Box<Books>,
    pub(crate) accounts: Accounts,
    /// What the strategy asked for when it was called last; decides nothing between inputs.
    pub(crate) actions: Box<Actions>,
    /// What a try has not sent yet; nothing between inputs.
    pub(crate) parts: Parts,
    pub(crate) mark_outs: MarkOuts,
    /// When the strategy wants to be called; never if it does not.
    pub(crate) wake_at: u64,
    /// Open quotes are being withdrawn, in chunks: the place in their table to go on from.
    pub(crate) withdraw_from: Option<u32>,
    /// The same for orders that venues are to cancel.
    pub(crate) cancel_from: Option<u32>,
    /// The last request that was priced, for rehearsals; decides nothing.
    pub(crate) last_asked: Option<(Ask, i64)>,
    /// What [`Engine::conclude`] has to tell of; nothing between inputs.
    pub(crate) to_explain: Option<Explained>,
    /// Instruments whose books were updated since they were merged; decides nothing.
    pub(crate) to_refresh: Vec<InstrumentId>,
    /// Some books' states are still to be reported, in chunks.
    pub(crate) reporting: bool,
    pub(crate) last_source_seq: Vec<u64>,
    pub(crate) last_ts: u64,
    /// Sequence that the next input must have; zero before the first.
    pub(crate) next_seq: u64,
    /// The input that was [skipped](Engine::skip), until the journal says so.
    pub(crate) poison: Option<u64>,
    pub(crate) hash: RollingHash,
    pub(crate) counts: Counts,
}

impl<P: Pricer> Engine<P> {
    /// An engine without configuration, halted.
    ///
    /// # Panics
    /// If [`Bounds::check`] refuses the bounds.
    pub fn new(bounds: Bounds, pricer: P) -> Engine<P> {
        assert_eq!(bounds.check(), Ok(()), "there is an engine of such bounds");
        Engine {
            pricer,
            bounds,
            epoch: 0,
            fixed: false,
            assets: vec![None; bounds.assets],
            traded: (0..bounds.instruments).map(|_| None).collect(),
            venues: vec![None; bounds.venues],
            tiers: vec![0; bounds.clients],
            risk: Risk::new(&RiskBounds {
                venues: bounds.venues,
                instruments: bounds.instruments,
                clients: bounds.clients,
                assets: bounds.assets,
            }),
            quotes: QuoteTable::new(bounds.open_quotes, bounds.clients),
            streams: Streams::new(bounds.open_quotes.min(STREAMS_MAX), bounds.instruments),
            last_looks: Box::default(),
            holds: Holds::new(bounds.open_quotes),
            deals: Deals::new(),
            recalls: Recalls::new(SESSIONS_MAX, bounds.clients),
            reports: Reports::new(),
            packages: Packages::new(bounds.open_quotes),
            package_reports: Reports::new(),
            positions: Positions::new(bounds.instruments),
            orders: OrderTable::new(),
            parents: ParentTable::new(),
            agency: AgencyOrders::new(),
            offers: Box::default(),
            executions: Executions::new(),
            books: Box::new(Books::new(&bounds)),
            accounts: Accounts::new(bounds.assets, bounds.venues, bounds.clients),
            actions: Box::default(),
            parts: Parts::none(),
            mark_outs: MarkOuts::new(),
            wake_at: u64::MAX,
            withdraw_from: None,
            cancel_from: None,
            last_asked: None,
            to_explain: None,
            to_refresh: Vec::with_capacity(bounds.instruments),
            reporting: false,
            last_source_seq: vec![0; bounds.sources],
            last_ts: 0,
            next_seq: 0,
            poison: None,
            hash: RollingHash::default(),
            counts: Counts::default(),
        }
    }

    /// Processes one input and fills `out` with its outputs, at most [`OUT_LINES_MAX`](crate::OUT_LINES_MAX) lines:
    /// [`Engine::answer`] and then [`Engine::conclude`].
    ///
    /// # Panics
    /// As these do.
    #[inline]
    pub fn on_event(&mut self, input: &Frame, out: &mut Out) {
        self.answer(input, out);
        self.conclude(input, out);
    }

    /// Processes one input and fills `out` with what it leads to at once: the answer first, if there is one. Whoever waits
    /// for it may be handed that before [`Engine::conclude`] adds what is left.
    ///
    /// The input's header is complete: sequence, core time, cause. Hand the outputs on, conclude, and then call
    /// [`Engine::seal`], which folds them into the hash and empties `out`.
    ///
    /// # Panics
    /// If `out` was not sealed, the input is none, its sequence is not the next behind the last output, or core time
    /// went back: faults of the caller.
    #[inline]
    pub fn answer(&mut self, input: &Frame, out: &mut Out) {
        let header = *input.header();
        assert!(
            header.seq > 0 && header.ts_core >= self.last_ts,
            "an input has a sequence and time never goes back"
        );
        assert!(
            header.seq == self.next_seq || self.next_seq == 0,
            "every record before this one went through the engine"
        );
        out.begin(&header, self.epoch);
        self.last_ts = header.ts_core;
        self.next_seq = header.seq + 1;
        self.counts.inputs += 1;
        if let Err(reason) = self.note_source(&header).and_then(|()| self.dispatch(input, out)) {
            out.push(InputReject {
                reason: reason.code(),
                input_type: input.record_type().0,
                ..bytemuck::Zeroable::zeroed()
            });
        }
    }

    /// Adds the outputs of an input that follow its answer: a hedge's orders behind the first, what explains a quote, what risk set by itself, quotes of streams
    /// that the input touched. Nothing of it changes the answer.
    #[inline]
    pub fn conclude(&mut self, input: &Frame, out: &mut Out) {
        self.send_rest(out);
        self.explain(out);
        self.report_latches(out);
        self.tell_fills(out);
        self.work_parents(out);
        self.look_after_orders(out);
        if !self.streams.is_empty() {
            self.tend_streams(input, out);
        }
        if self.counts.inputs.is_multiple_of(INPUTS_PER_HASH) {
            out.push(OutputHash {
                hash: self.hash.value(),
                inputs: self.counts.inputs,
                outputs: self.counts.outputs,
                ..bytemuck::Zeroable::zeroed()
            });
        }
    }

    /// Folds the outputs into the rolling hash and empties `out` for the next input. Apart from
    /// [`Engine::on_event`] so that a caller may hand the outputs on first.
    #[inline]
    pub fn seal(&mut self, out: &mut Out) {
        self.hash.update(out.words());
        self.counts.outputs += out.len() as u64;
        self.next_seq += out.len() as u64;
        out.clear();
    }

    /// Passes over an input on which an engine like this one panicked: it has no effect, but that its source goes on behind
    /// it, so that it does not come again, and that the desk is halted until a person resumes it. The next input but the
    /// start of an epoch must say so: a [`PoisonInput`](pinrail_types::record::RuntimeEventKind::PoisonInput).
    ///
    /// # Panics
    /// If its sequence is not the next.
    pub fn skip(&mut self, input: &RecordHeader) {
        assert!(
            input.seq == self.next_seq || self.next_seq == 0,
            "every record before this one went through the engine"
        );
        self.last_ts = self.last_ts.max(input.ts_core);
        self.next_seq = input.seq + 1;
        // A source beyond the bounds has no sequence to go on from.
        let _ = self.note_source(input);
        self.risk.halt(Reason::PoisonInput);
        self.poison = Some(input.seq);
    }

    /// The input that was [skipped](Engine::skip), if the journal does not say so yet.
    #[inline]
    pub fn poison(&self) -> Option<u64> {
        self.poison
    }

    #[inline]
    fn dispatch(&mut self, input: &Frame, out: &mut Out) -> Result<(), Reason> {
        let record_type = input.record_type();
        if record_type == EpochStart::TYPE {
            return self.on_epoch_start(body::<EpochStart>(input)?, out.now());
        }
        if self.epoch == 0 {
            return Err(Reason::BadDefinition);
        }
        self.expire_due(out);
        self.send_rest(out);
        match record_type {
            BookUpdate::TYPE => self.on_book_update(body::<BookUpdate>(input)?, out),
            QuoteRequest::TYPE => {
                self.on_quote_request(body::<QuoteRequest>(input)?, out);
                Ok(())
            }
            NewOrderSingle::TYPE => {
                self.on_new_order(body::<NewOrderSingle>(input)?, out);
                Ok(())
            }
            QuoteResponse::TYPE => self.on_quote_response(body::<QuoteResponse>(input)?, out),
            TopOfBook::TYPE => self.on_top_of_book(body::<TopOfBook>(input)?, out),
            Trade::TYPE => self.on_trade(body::<Trade>(input)?),
            VenueReport::TYPE => self.on_venue_report(body::<VenueReport>(input)?, out),
            VenueBalance::TYPE => self.on_venue_balance(body::<VenueBalance>(input)?),
            VenueStatus::TYPE => self.on_venue_status(body::<VenueStatus>(input)?, out),
            TradingStateSet::TYPE => self.on_trading_state(body::<TradingStateSet>(input)?, out),
            RuntimeEvent::TYPE => self.on_runtime_event(body::<RuntimeEvent>(input)?, out),
            Tick::TYPE => body::<Tick>(input).map(|_| ()),
            Continue::TYPE => body::<Continue>(input).map(|_| self.go_on(out)),
            AssetDef::TYPE => self.on_asset(body::<AssetDef>(input)?),
            InstrumentDef::TYPE => self.on_instrument(body::<InstrumentDef>(input)?),
            VenueDef::TYPE => self.on_venue(body::<VenueDef>(input)?),
            ListingDef::TYPE => self.on_listing(body::<ListingDef>(input)?),
            ClientDef::TYPE => self.on_client(body::<ClientDef>(input)?),
            ModelInput::TYPE => self.on_model_input(body::<ModelInput>(input)?),
            QuotingParams::TYPE => self.on_quoting_params(body::<QuotingParams>(input)?),
            HedgingParams::TYPE => self.on_hedging_params(body::<HedgingParams>(input)?),
            TierSpread::TYPE => self.on_tier_spread(body::<TierSpread>(input)?),
            InstrumentLimits::TYPE => self.risk.set_limits(body::<InstrumentLimits>(input)?),
            LimitSet::TYPE => self.on_limit(body::<LimitSet>(input)?, out),
            _ => self.dispatch_rare(input, out),
        }
    }

    /// What comes rarely: what clients take back; what they ask of the desk's own books, and who runs these.
    #[inline(never)]
    fn dispatch_rare(&mut self, input: &Frame, out: &mut Out) -> Result<(), Reason> {
        match input.record_type() {
            ClientOrder::TYPE => self.on_client_order(body::<ClientOrder>(input)?, out),
            OrderCancelRequest::TYPE => self.on_order_cancel(body::<OrderCancelRequest>(input)?, out),
            OrderCancelReplaceRequest::TYPE => {
                self.on_order_replace(body::<OrderCancelReplaceRequest>(input)?, out);
            }
            OrderMassCancelRequest::TYPE => {
                self.on_order_mass_cancel(body::<OrderMassCancelRequest>(input)?, out);
            }
            QuoteCancel::TYPE => return self.on_quote_cancel(body::<QuoteCancel>(input)?, out),
            SessionEvent::TYPE => return self.on_session_event(body::<SessionEvent>(input)?, out),
            AgencyDef::TYPE => return self.on_agency_def(body::<AgencyDef>(input)?),
            LastLookDef::TYPE => return self.on_last_look(body::<LastLookDef>(input)?),
            MarkOutDef::TYPE => return self.on_mark_outs(body::<MarkOutDef>(input)?, out),
            DealingRule::TYPE => return self.on_dealing_rule(body::<DealingRule>(input)?),
            DealerQuote::TYPE => return self.on_dealer_quote(body::<DealerQuote>(input)?, out),
            DealerPass::TYPE => return self.on_dealer_pass(body::<DealerPass>(input)?, out),
            MassQuote::TYPE => self.on_mass_quote(body::<MassQuote>(input)?, out),
            MultilegQuoteRequest::TYPE => {
                self.on_multileg_request(body::<MultilegQuoteRequest>(input)?, out);
            }
            NewOrderMultileg::TYPE => self.on_new_multileg(body::<NewOrderMultileg>(input)?, out),
            BookDef::TYPE => return self.on_book_def(body::<BookDef>(input)?),
            VenueMassCancel::TYPE => return self.on_venue_mass_cancel(body::<VenueMassCancel>(input)?, out),
            MarketPhaseSet::TYPE => return self.on_market_phase(body::<MarketPhaseSet>(input)?, out),
            _ => return Err(Reason::UnknownRecord),
        }
        Ok(())
    }

    /// Whether an input with this cause was taken already: its producer started again and sent it twice. Such a
    /// record is to be dropped and counted, not journaled.
    #[inline]
    pub fn is_duplicate(&self, cause: u64) -> bool {
        let (source, seq) = Cause::source(cause);
        self.last_source_seq
            .get(usize::from(source.0))
            .is_some_and(|last| seq <= *last)
    }

    /// The last sequence taken from a source; zero if none was. A producer that starts again goes on behind it.
    pub fn last_source_seq(&self, source: SourceId) -> u64 {
        self.last_source_seq
            .get(usize::from(source.0))
            .copied()
            .unwrap_or(0)
    }

    #[inline]
    fn note_source(&mut self, header: &RecordHeader) -> Result<(), Reason> {
        let (source, seq) = Cause::source(header.cause);
        let last = self
            .last_source_seq
            .get_mut(usize::from(source.0))
            .ok_or(Reason::NotPermitted)?;
        if seq <= *last {
            return Err(Reason::DuplicateSourceSequence);
        }
        *last = seq;
        Ok(())
    }

    /// Reads what the next request will touch, so that it is in the cache; what there is much of in parts, another one
    /// each `turn`. Changes nothing and decides nothing: for a core that has nothing else to do.
    pub fn warm(&self, turn: usize) {
        self.quotes.warm(turn);
        self.risk.warm(turn);
        self.rehearse();
    }

    /// Merges some of the levels that changed, so that the next request finds them merged; true if there was something
    /// to do. Changes no answer and decides nothing: for a core that has nothing else to do, once a duty cycle. Takes
    /// less than a microsecond.
    #[inline]
    pub fn refresh(&mut self) -> bool {
        let Some(instrument) = self.to_refresh.last() else {
            return false;
        };
        if let Some(traded) = &mut self.traded[instrument.index()] {
            if traded.venues.refresh(self.last_ts) {
                return true;
            }
            traded.is_to_refresh = false;
        }
        self.to_refresh.pop();
        true
    }

    /// Whether work is left over that a [`Continue`] input is due for, before any other input.
    #[inline]
    pub fn wants_continue(&self) -> bool {
        self.withdraw_from.is_some()
            || self.cancel_from.is_some()
            || self.reporting
            || self.packages.has_untold()
            || self.streams.next_at() <= self.last_ts
            || self.books.next_at() <= self.last_ts
            || self.parents.next_at() <= self.last_ts
            || self.orders.next_look() <= self.last_ts
            || self.mark_outs.next_at() <= self.last_ts
    }

    /// When the next timer is due; `u64::MAX` if none is set. If core time reaches it without an input, a [`Tick`]
    /// is due.
    #[inline]
    pub fn next_timer(&self) -> u64 {
        self.quotes
            .next_expiry()
            .min(self.risk.next_return())
            .min(self.holds.next_at())
            .min(self.deals.next_at())
            .min(self.streams.next_at())
            .min(self.books.next_at())
            .min(self.parents.next_at())
            .min(self.orders.next_look())
            .min(self.mark_outs.next_at())
            .min(self.wake_at)
    }

    /// The rolling hash over all sealed outputs.
    pub fn output_hash(&self) -> u64 {
        self.hash.value()
    }

    /// Core time of the last input.
    pub fn last_ts(&self) -> u64 {
        self.last_ts
    }

    /// Sequence that the next input must have; zero before the first, which may have any.
    #[inline]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// What it was made for.
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// What happened so far.
    pub fn counts(&self) -> Counts {
        let sources = self
            .traded
            .iter()
            .flatten()
            .flat_map(|traded| traded.venues.sources());
        Counts {
            tops_compared: sources.map(|source| source.book.tops_compared()).sum(),
            ..self.counts
        }
    }

    /// Quotes open now.
    pub fn open_quotes(&self) -> usize {
        self.quotes.len()
    }

    /// Where a quote is, and the request that it answers; `None` if the id is not known, or no longer.
    pub fn life(&self, quote_id: OutId) -> Option<(RfqState, QuoteState)> {
        self.quotes.life(quote_id)
    }

    /// Packages quoted now; their quotes are among the open ones.
    pub fn packages(&self) -> usize {
        self.packages.len()
    }

    /// Accepts that a last look holds.
    pub fn held_accepts(&self) -> usize {
        self.holds.len()
    }

    /// Requests that wait for a dealer.
    pub fn waiting_requests(&self) -> usize {
        self.deals.len()
    }

    /// Streams that were asked for and have not ended.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Orders open at venues now.
    pub fn open_orders(&self) -> impl Iterator<Item = &OpenOrder> {
        self.orders.iter()
    }

    /// Where an order at a venue is, or how it ended if that was not long ago; `None` if nobody knows.
    pub fn order_state(&self, order_id: OutId) -> Option<OrderState> {
        self.orders.life(order_id)
    }

    /// Lots of an instrument that the house would buy, and sell, if every open quote and order were filled.
    ///
    /// # Panics
    /// If the instrument is beyond the engine's bounds.
    pub fn open_lots(&self, instrument: InstrumentId) -> (Qty, Qty) {
        self.risk.open_lots(instrument)
    }

    /// Who has what, in double entry.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// A balance, in the asset's smallest unit; zero where there is no such account.
    pub fn balance(&self, owner: Owner, asset: AssetId) -> Amount {
        self.accounts.get(owner, asset)
    }

    /// Whether the accounts balance: those of each asset sum to zero, and the house has what its positions say. Looks at
    /// every account: for tests, tools and whoever takes a state over.
    pub fn is_balanced(&self) -> bool {
        (0..self.bounds.assets as u32).map(AssetId).all(|asset| {
            let traded = self.traded.iter().flatten();
            let held = traded.map(|traded| {
                let position = self.positions.get(traded.meta.id);
                let base = traded.meta.base_units(position.qty).get();
                let paid = position.cash.get() + position.fees.get();
                i128::from(traded.meta.base == asset) * base + i128::from(traded.meta.quote == asset) * paid
            });
            let is_zero = self.accounts.sum(asset) == 0;
            is_zero && self.accounts.get(Owner::House, asset).get() == held.sum()
        })
    }

    /// The house position in an instrument.
    ///
    /// # Panics
    /// If the instrument is beyond the engine's bounds.
    pub fn position(&self, instrument: InstrumentId) -> pinrail_oms::Position {
        self.positions.get(instrument)
    }

    /// The state of the desk as a whole.
    pub fn trading_state(&self) -> TradingState {
        self.risk.states.global()
    }

    /// Whether no limit is reserved by any open quote or order.
    pub fn nothing_reserved(&self) -> bool {
        self.risk.nothing_reserved()
    }

    /// The desk's own books, to look at.
    pub fn own_books(&self) -> &pinrail_matching::Matcher {
        self.books.matcher()
    }

    /// Net lots that a client bought and sold in the desk's own book.
    pub fn client_position(&self, client: ClientId, instrument: InstrumentId) -> i128 {
        self.books.client_position(client, instrument)
    }

    /// What is held of a client's credit, for quotes and for orders, in the smallest unit of its credit asset.
    ///
    /// # Panics
    /// If the client is beyond the engine's bounds.
    pub fn held_credit(&self, client: ClientId) -> Amount {
        self.risk.held(client)
    }

    /// The venues that list an instrument, as a pricer sees them.
    pub fn venues(&self, instrument: InstrumentId) -> Option<&Consolidated> {
        let traded = self.traded.get(instrument.index())?.as_ref()?;
        Some(&traded.venues)
    }

    /// The book of an instrument at a venue.
    pub fn book(&self, instrument: InstrumentId, venue: VenueId) -> Option<&Book> {
        let traded = self.traded.get(instrument.index())?.as_ref()?;
        let at = traded.listed(venue).ok()?;
        Some(&traded.venues.sources()[at].book)
    }
}

/// The input as an `R`.
#[inline]
fn body<R: Record>(input: &Frame) -> Result<&R, Reason> {
    debug_assert!(input.record_type() == R::TYPE);
    input.get::<R>().ok_or(Reason::BadLayout)
}
