//! Inputs from the operator, the runtime and time; and work that is done in chunks.

use pinrail_oms::life::{QuoteEvent, QuoteState, Said};
use pinrail_oms::{OpenQuote, Package, Slot};
use pinrail_pricing::Pricer;
use pinrail_risk::{Ask, Latch};
use pinrail_types::record::{
    LimitSet, PACKAGE, QuoteStatusReport, RuntimeEvent, RuntimeEventKind, Scope, StateChange, TradingState,
    TradingStateSet,
};
use pinrail_types::{Px, Reason, Side, VenueId};

use crate::dealing::ENDS_PER_INPUT;
use crate::out::Out;
use crate::state::Engine;

/// Open quotes that one input ends for lack of time at most.
pub(crate) const EXPIRES_PER_INPUT: usize = 16;
/// Limits that one input brings back at most.
pub(crate) const RETURNS_PER_INPUT: usize = 2;
/// Places of the quote table that one input looks through for quotes to withdraw; each may hold one.
const SCANS_PER_INPUT: u32 = 32;
/// What a halt says at most: itself, the quotes that it withdraws at once, and the requests that wait for a dealer.
pub(crate) const HALT_LINES: usize = 1 + SCANS_PER_INPUT as usize + 2 * ENDS_PER_INPUT;

impl<P: Pricer> Engine<P> {
    pub(crate) fn on_trading_state(&mut self, set: &TradingStateSet, out: &mut Out) -> Result<(), Reason> {
        let scope = Scope::from_byte(set.scope).ok_or(Reason::BadField)?;
        let state = TradingState::from_byte(set.state).ok_or(Reason::BadField)?;
        self.risk.set_state(scope, set.target, state, &set.actor)?;
        self.ask_all_again(out.now());
        if scope == Scope::Venue {
            self.set_venue_halted(VenueId(set.target as u16), state == TradingState::Halted);
        }
        if scope == Scope::Global && state == TradingState::Active {
            self.fixed = true;
        }
        out.push(StateChange {
            scope: set.scope,
            state: set.state,
            target: set.target,
            actor: set.actor,
            ..bytemuck::Zeroable::zeroed()
        });
        if state != TradingState::Active {
            self.withdraw_forbidden(out);
            self.cancel_forbidden();
            self.cancel_forbidden_in_books();
        }
        Ok(())
    }

    pub(crate) fn set_venue_halted(&mut self, venue: VenueId, halted: bool) {
        for traded in self.traded.iter_mut().flatten() {
            if let Ok(at) = traded.listed(venue) {
                traded.venues.source_mut(at).halted = halted;
            }
        }
    }

    pub(crate) fn on_runtime_event(&mut self, event: &RuntimeEvent, out: &mut Out) -> Result<(), Reason> {
        let reason = match RuntimeEventKind::from_byte(event.kind).ok_or(Reason::BadField)? {
            RuntimeEventKind::JournalShort => Reason::JournalShort,
            RuntimeEventKind::JournalRoom => Reason::None,
            RuntimeEventKind::ArchiverFailed => Reason::ArchiverFailed,
            RuntimeEventKind::SourceCorrupt => return Ok(()),
            RuntimeEventKind::PoisonInput => {
                self.poison = None;
                self.halt(Reason::PoisonInput, out);
                return Ok(());
            }
        };
        self.risk.states.set_machine(reason);
        let state = if reason == Reason::None {
            TradingState::Active
        } else {
            TradingState::Reducing
        };
        out.push(StateChange {
            scope: Scope::Global.byte(),
            state: state.byte(),
            reason: reason.code(),
            ..bytemuck::Zeroable::zeroed()
        });
        if reason != Reason::None {
            // What rests there makes new risk when it is hit.
            self.cancel_forbidden_in_books();
        }
        Ok(())
    }

    /// Halts the whole desk until a person resumes it.
    pub(crate) fn halt(&mut self, reason: Reason, out: &mut Out) {
        self.risk.halt(reason);
        out.push(StateChange {
            scope: Scope::Global.byte(),
            state: TradingState::Halted.byte(),
            reason: reason.code(),
            ..bytemuck::Zeroable::zeroed()
        });
        self.withdraw_forbidden(out);
        self.cancel_forbidden();
        self.cancel_forbidden_in_books();
    }

    pub(crate) fn on_limit(&mut self, set: &LimitSet, out: &mut Out) -> Result<(), Reason> {
        out.push(self.risk.set_limit(set, out.now())?);
        // A client may have been restricted.
        self.cancel_forbidden_in_books();
        self.report_latches(out);
        Ok(())
    }

    /// Tells of the trading states that risk set by itself; what they forbid is withdrawn with the next input.
    #[inline]
    pub(crate) fn report_latches(&mut self, out: &mut Out) {
        if let Some(latch) = self.risk.latched() {
            self.report_latch(latch, out);
        }
    }

    #[cold]
    fn report_latch(&mut self, first: Latch, out: &mut Out) {
        let mut next = Some(first);
        while let Some(latch) = next {
            out.push(StateChange {
                scope: latch.scope.byte(),
                state: latch.state.byte(),
                reason: latch.reason.code(),
                target: latch.target,
                ..bytemuck::Zeroable::zeroed()
            });
            next = self.risk.latched();
        }
        self.begin_withdrawal();
        self.cancel_forbidden();
        self.cancel_forbidden_in_books();
    }

    /// Begins, from the next input on, to withdraw what trading states no longer allow, if there may be anything.
    pub(crate) fn begin_withdrawal(&mut self) {
        if self.may_withdraw() {
            self.withdraw_from = Some(0);
        }
    }

    /// Whether there is anything to withdraw.
    #[inline]
    pub(crate) fn may_withdraw(&self) -> bool {
        !self.quotes.is_empty() || !self.deals.is_empty()
    }

    /// Begins to withdraw the open quotes that trading states no longer allow, if there may be any.
    pub(crate) fn withdraw_forbidden(&mut self, out: &mut Out) {
        if self.may_withdraw() {
            // From the first place again, also where a withdrawal was under way for another scope.
            self.withdraw_from = Some(0);
            self.withdraw_some(out);
        }
    }

    /// The next chunk of what was left over.
    pub(crate) fn go_on(&mut self, out: &mut Out) {
        if self.withdraw_from.is_some() {
            self.withdraw_some(out);
        } else if self.cancel_from.is_some() {
            self.cancel_some(out);
        } else if self.books.next_at() <= out.now() {
            self.go_on_in_books(out);
        } else if self.reporting {
            self.report_some(out);
        }
    }

    /// Withdraws open quotes that trading states no longer allow, or that were recalled; `withdraw_from` stays set while there may
    /// be more. Where only what reduces may trade, those that do stay.
    fn withdraw_some(&mut self, out: &mut Out) {
        let Some(from) = self.withdraw_from else { return };
        let mut open = [None; SCANS_PER_INPUT as usize];
        let (found, rest) = self.quotes.scan(from, SCANS_PER_INPUT);
        for (place, slot) in open.iter_mut().zip(found) {
            *place = Some(slot);
        }
        for slot in open.into_iter().flatten() {
            // One that was taken resolves by itself.
            if self.quotes.state(slot) != QuoteState::Active {
                continue;
            }
            let Some(reason) = self.must_withdraw(slot) else {
                continue;
            };
            let event = match reason {
                Reason::MassCancel => QuoteEvent::Cancel,
                _ => QuoteEvent::Withdraw,
            };
            self.end_quote(slot, event, reason, out);
        }
        self.withdraw_from = rest;
        if rest.is_none() && self.withdraw_deals(out) {
            // Behind the last place of the table.
            self.withdraw_from = Some(u32::MAX);
        }
    }

    fn must_withdraw(&self, slot: Slot) -> Option<Reason> {
        let quote = self.quotes.get(slot);
        let is_forbidden = match self.packages.find(slot) {
            Some(package) => !self.is_free(package),
            None => self.forbids_quote(quote),
        };
        if quote.quote_id.epoch != self.epoch || is_forbidden {
            return Some(Reason::Withdrawn);
        }
        self.recalls
            .reason(quote.session, quote.client, quote.quote_id.seq)
    }

    fn forbids_quote(&self, quote: &OpenQuote) -> bool {
        let side = match (quote.bid_px, quote.offer_px) {
            (Px::NONE, _) => Some(Side::Buy),
            (_, Px::NONE) => Some(Side::Sell),
            _ => None,
        };
        self.risk.forbids_quote(&Ask {
            client: quote.client,
            instrument: quote.instrument,
            side,
            qty: quote.qty,
        })
    }

    /// Whether trading states allow all legs of a package freely.
    fn is_free(&self, package: &Package) -> bool {
        let mut legs = package.legs().iter();
        legs.all(|leg| self.risk.states.is_free(leg.instrument, package.client))
    }

    /// Fires what is due. Quotes whose validity is over end, a bounded number at each input. One that has to wait for the next input
    /// can't be accepted meanwhile, since core time decides, and what it reserved stays reserved.
    #[inline]
    pub(crate) fn expire_due(&mut self, out: &mut Out) {
        if self.risk.next_return() <= out.now() {
            self.return_limits(out);
        }
        if self.mark_outs.next_at() <= out.now() {
            // In the place of all else that is due: what is due now is looked at before anything moves.
            return self.mark_out(out);
        }
        if self.waits_until() <= out.now() {
            return self.end_waits(out);
        }
        if self.quotes.next_expiry() <= out.now() {
            self.expire_some(out);
        }
        self.wake(out);
    }

    /// When something ends that clients wait for: a hold, or a request for a dealer. Most of the time there is neither.
    #[inline]
    fn waits_until(&self) -> u64 {
        if self.holds.is_empty() && self.deals.is_empty() {
            return u64::MAX;
        }
        self.holds.next_at().min(self.deals.next_at())
    }

    /// In the place of all else that is due, which waits for the next input: a fill needs the room.
    #[cold]
    fn end_waits(&mut self, out: &mut Out) {
        if self.holds.next_at() <= out.now() {
            self.look_again(out);
        } else {
            self.expire_deals(out);
        }
    }

    /// Puts limits into force again that were changed for a time.
    #[cold]
    fn return_limits(&mut self, out: &mut Out) {
        for _ in 0..RETURNS_PER_INPUT {
            let Some(status) = self.risk.return_limit(out.now()) else {
                return;
            };
            out.push(status);
            self.report_latches(out);
        }
    }

    #[cold]
    fn expire_some(&mut self, out: &mut Out) {
        for _ in 0..EXPIRES_PER_INPUT {
            let Some(slot) = self.quotes.due(out.now()) else {
                return;
            };
            self.end_quote(slot, QuoteEvent::Expire, Reason::QuoteExpired, out);
        }
    }

    /// Ends an open quote without a fill, releases what it reserved, and reports it.
    pub(crate) fn end_quote(&mut self, slot: Slot, event: QuoteEvent, reason: Reason, out: &mut Out) {
        let (quote, said) = self.quotes.end(slot, event, reason);
        if quote.instrument == PACKAGE {
            self.end_package(&quote, slot);
        } else {
            self.release(&quote);
        }
        report_end(&quote, said, reason, out);
    }
}

/// Tells of the end of a quote without a fill.
pub(crate) fn report_end(quote: &OpenQuote, said: Said, reason: Reason, out: &mut Out) {
    let Said::Status(status) = said else {
        unreachable!("a quote that ends without a fill has a status");
    };
    out.push(QuoteStatusReport {
        quote_id: quote.quote_id,
        client: quote.client,
        session: quote.session,
        reason: reason.code(),
        status: status.byte(),
        ..bytemuck::Zeroable::zeroed()
    });
}
