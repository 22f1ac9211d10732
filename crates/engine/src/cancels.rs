//! What clients take back, and what a session that is gone leaves behind.

use pinrail_oms::life::QuoteEvent;
use pinrail_pricing::Pricer;
use pinrail_types::record::{QuoteCancel, QuoteCancelType, SessionEvent, SessionEventKind};
use pinrail_types::{OutId, Reason};

use crate::out::Out;
use crate::rules::Rule;
use crate::state::Engine;

impl<P: Pricer> Engine<P> {
    /// Ends what its client takes back. What was taken is no longer its to take back.
    pub(crate) fn on_quote_cancel(&mut self, cancel: &QuoteCancel, out: &mut Out) -> Result<(), Reason> {
        self.risk.count_message(cancel.session, cancel.client, out.now());
        match QuoteCancelType::from_byte(cancel.cancel_type).ok_or(Reason::BadField)? {
            QuoteCancelType::All => {
                self.recalls.client(cancel.client, out.next_id().seq)?;
                // It costs no more than what there is to end.
                if self.quotes.count_of(cancel.client) > 0 || !self.deals.is_empty() {
                    self.withdraw_forbidden(out);
                }
                self.streams
                    .touch_where(|stream| stream.request.client == cancel.client);
                Ok(())
            }
            QuoteCancelType::Specified if cancel.quote_id.is_none() => self.cancel_request(cancel, out),
            QuoteCancelType::Specified => self.cancel_quote(cancel.quote_id, cancel, out),
        }
    }

    fn cancel_quote(&mut self, quote_id: OutId, cancel: &QuoteCancel, out: &mut Out) -> Result<(), Reason> {
        let slot = self.active_quote(cancel.client, quote_id)?;
        self.end_quote(slot, QuoteEvent::Cancel, Reason::CancelRequested, out);
        Ok(())
    }

    fn cancel_request(&mut self, cancel: &QuoteCancel, out: &mut Out) -> Result<(), Reason> {
        if let Some(slot) = self.streams.find(cancel.client, &cancel.quote_req_id) {
            self.end_stream(slot, Reason::CancelRequested, out);
            return Ok(());
        }
        if self.cancel_deal(cancel.client, &cancel.quote_req_id, out) {
            return Ok(());
        }
        let active = self.quotes.active_of(cancel.client, &cancel.quote_req_id);
        let slot = active.ok_or(Reason::UnknownQuote)?;
        self.end_quote(slot, QuoteEvent::Cancel, Reason::CancelRequested, out);
        Ok(())
    }

    /// What was asked for on a session ends with it.
    pub(crate) fn on_session_event(&mut self, event: &SessionEvent, out: &mut Out) -> Result<(), Reason> {
        match SessionEventKind::from_byte(event.kind).ok_or(Reason::BadField)? {
            SessionEventKind::Gone if !Rule::SessionEnds.holds() => {}
            SessionEventKind::Gone => {
                self.recalls.session_gone(event.session, out.next_id().seq)?;
                self.withdraw_forbidden(out);
                self.streams
                    .touch_where(|stream| stream.request.session == event.session);
                self.cancel_forbidden_in_books();
            }
            SessionEventKind::Back => self.recalls.session_back(event.session)?,
        }
        Ok(())
    }
}
