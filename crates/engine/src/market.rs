//! Inputs from venues: they keep the books.

use pinrail_pricing::Pricer;
use pinrail_types::record::{
    BookState, BookStatus, BookUpdate, TopOfBook, Trade, VenueStatus, VenueStatusKind,
};
use pinrail_types::{Commit, Flags, InstrumentId, Reason, Side, VenueId};

use crate::out::Out;
use crate::rules::Rule;
use crate::state::{Engine, NOT_LISTED, Traded};

/// Book states reported by one input at most.
const REPORTS_PER_INPUT: usize = 16;

impl<P: Pricer> Engine<P> {
    #[inline]
    fn traded(&mut self, instrument: InstrumentId) -> Result<&mut Traded, Reason> {
        self.traded
            .get_mut(instrument.index())
            .and_then(Option::as_mut)
            .ok_or(Reason::UnknownInstrument)
    }

    #[inline]
    pub(crate) fn on_book_update(&mut self, update: &BookUpdate, out: &mut Out) -> Result<(), Reason> {
        let traded = self.traded(update.instrument)?;
        let at = traded.listed(update.venue)?;
        traded.venues.source_mut(at).book.apply(update);
        traded.book_seq = update.header.seq;
        if traded.estimates.wants_sample(out.now()) {
            traded.sample(out.now());
        }
        traded.report(at, out);
        if !core::mem::replace(&mut traded.is_to_refresh, true) {
            self.to_refresh.push(update.instrument);
        }
        if out.now() >= self.risk.next_sample(update.instrument) {
            self.show_reference(update.instrument, out);
        }
        if Commit::unpack(update.header.commit).flags.has(Flags::LAST) {
            self.on_book(update.instrument, out);
        }
        Ok(())
    }

    /// Shows risk the reference as it is without a request, some times within its window.
    fn show_reference(&mut self, instrument: InstrumentId, out: &mut Out) {
        let now = out.now();
        let Ok(traded) = self.traded(instrument) else {
            return;
        };
        let Ok(top) = traded.venues.view(now).and_then(|view| view.top()) else {
            return;
        };
        let mid = top.mid();
        self.risk.show(instrument, mid, now);
        self.report_latches(out);
        self.show_books(instrument, mid, out);
    }

    pub(crate) fn on_top_of_book(&mut self, top: &TopOfBook, out: &mut Out) -> Result<(), Reason> {
        let traded = self.traded(top.instrument)?;
        let at = traded.listed(top.venue)?;
        traded.venues.on_top(at, top);
        traded.report(at, out);
        Ok(())
    }

    pub(crate) fn on_trade(&mut self, trade: &Trade) -> Result<(), Reason> {
        let traded = self.traded(trade.instrument)?;
        traded.listed(trade.venue)?;
        let sane = Side::from_fix(trade.taker_side).is_some()
            && trade.px.is_representable()
            && trade.qty.is_orderable();
        if !sane {
            return Err(Reason::BadField);
        }
        traded.venues.on_trade(trade);
        Ok(())
    }

    pub(crate) fn on_venue_status(&mut self, status: &VenueStatus, out: &mut Out) -> Result<(), Reason> {
        if VenueStatusKind::from_byte(status.kind).is_none() {
            return Err(Reason::BadField);
        }
        if !Rule::VenueGone.holds() {
            return Ok(());
        }
        if status.instrument != VenueStatus::ALL {
            let traded = self.traded(status.instrument)?;
            let at = traded.listed(status.venue)?;
            traded.venues.source_mut(at).book.on_status(status);
            traded.report(at, out);
            return Ok(());
        }
        if self
            .venues
            .get(status.venue.index())
            .and_then(Option::as_ref)
            .is_none()
        {
            return Err(Reason::UnknownVenue);
        }
        for traded in self.traded.iter_mut().flatten() {
            if let Ok(at) = traded.listed(status.venue) {
                traded.venues.source_mut(at).book.on_status(status);
            }
        }
        self.report_some(out);
        Ok(())
    }

    /// Reports books whose state differs from what was last reported; `reporting` stays set while more may.
    pub(crate) fn report_some(&mut self, out: &mut Out) {
        let before = out.len();
        self.reporting = false;
        for traded in self.traded.iter_mut().flatten() {
            for at in 0..traded.listings.len() {
                if out.len() - before == REPORTS_PER_INPUT {
                    self.reporting = true;
                    return;
                }
                traded.report(at, out);
            }
        }
    }
}

impl Traded {
    /// Which of the instrument's sources is the venue.
    #[inline]
    pub(crate) fn listed(&self, venue: VenueId) -> Result<usize, Reason> {
        match self.places.get(venue.index()) {
            Some(place) if *place != NOT_LISTED => Ok(usize::from(*place)),
            _ => Err(Reason::NotListed),
        }
    }

    /// Shows the estimates the market as it is, unless nothing is known of it.
    #[cold]
    fn sample(&mut self, now: u64) {
        if let Ok(top) = self.venues.view(now).and_then(|view| view.top()) {
            self.estimates.sample(now, top);
        }
    }

    /// Reports the state of a book if it is another one than was last reported. The short time while an update of
    /// several records comes in is left out.
    #[inline]
    fn report(&mut self, at: usize, out: &mut Out) {
        let state = self.venues.sources()[at].book.state();
        if state != self.reported[at] && state != BookState::Building {
            self.report_change(at, out);
        }
    }

    #[cold]
    fn report_change(&mut self, at: usize, out: &mut Out) {
        let book = &self.venues.sources()[at].book;
        let state = book.state();
        out.push(BookStatus {
            instrument: self.meta.id,
            venue: self.listings[at].venue,
            state: state.byte(),
            state_before: self.reported[at].byte(),
            last_id: book.last_id(),
            reason: book.reason().code(),
            ..bytemuck::Zeroable::zeroed()
        });
        self.reported[at] = state;
    }
}
