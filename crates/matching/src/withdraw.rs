//! What ends orders and trading at once, whatever is under way.

use pinrail_types::record::{ExecType, OrdStatus};
use pinrail_types::{InstrumentId, Reason};

use crate::book::{Open, report_of};
use crate::matcher::Matcher;
use crate::order::{NewOrder, Phase};
use crate::reach::Reach;
use crate::report::{Report, Sink};

impl Matcher {
    /// Cancels an order as [`Matcher::cancel`] does, and also while work is left, in the midst of which it may stand: what is
    /// left of an order that is trading, a stop that was triggered, a quote whose turn has not come. What it traded stays, and
    /// the rest of the work goes on without it. A quote that was not open yet is `Rejected`.
    ///
    /// # Errors
    /// `UnknownOrder`.
    pub fn withdraw<S: Sink>(&mut self, order_id: u64, sink: &mut S) -> Result<(), Reason> {
        if !self.work.is_busy {
            return self.cancel(order_id, sink);
        }
        if let Some((instrument, order, open)) = self.work.taking
            && order.order_id == order_id
        {
            (self.work.taking, self.work.reach) = (None, None);
            sink.report(&ended(instrument, &order, open));
            return Ok(());
        }
        let leg = self.work.legs.take(order_id);
        if let Some((instrument, order, open)) = leg.and_then(|leg| leg.out_of_book()) {
            let report = ended(instrument, &order, open);
            if leg.is_some_and(|leg| leg.is_new()) {
                Matcher::refuse(report, Reason::CancelRequested, sink);
            } else {
                sink.report(&report);
            }
            return Ok(());
        }
        let slot = self.shelf.slab.find(order_id).ok_or(Reason::UnknownOrder)?;
        self.step_over(slot);
        self.work.reach = self.work.reach.map(Reach::anew);
        let (status, reason) = (OrdStatus::Canceled, Reason::CancelRequested);
        if self.shelf.is_triggered(slot) {
            let report = self.shelf.last_report(slot, status, reason);
            self.shelf.queues.leave(slot);
            self.shelf.drop_stop(slot);
            sink.report(&report);
            return Ok(());
        }
        let instrument = self.end(slot, status, reason, sink);
        self.tell(instrument, sink);
        Ok(())
    }

    /// Begins a phase without trading in a book, as [`Matcher::set_phase`] does, and also while work is left: an order that is
    /// trading there, and what comes after it, is cancelled (`WrongPhase`) at its next step, and an uncrossing ends.
    ///
    /// # Errors
    /// `UnknownInstrument`.
    ///
    /// # Panics
    /// If orders trade or gather in the phase.
    pub fn restrict<S: Sink>(
        &mut self,
        instrument: InstrumentId,
        phase: Phase,
        sink: &mut S,
    ) -> Result<(), Reason> {
        assert!(
            matches!(phase, Phase::CancelOnly | Phase::Halted),
            "a phase without trading"
        );
        self.check_open(instrument)?;
        self.books[instrument.index()].phase = phase;
        self.tell(instrument, sink);
        Ok(())
    }

    /// Whether an order that work brings finds its book stopped; that is its end then.
    pub(crate) fn is_stopped<S: Sink>(
        &self,
        instrument: InstrumentId,
        order: &NewOrder,
        open: Open,
        sink: &mut S,
    ) -> bool {
        let phase = self.books[instrument.index()].phase;
        let is_stopped = matches!(phase, Phase::CancelOnly | Phase::Halted);
        if is_stopped {
            let reason = Reason::WrongPhase;
            sink.report(&report_of(instrument, order, open, ExecType::Canceled, reason));
        }
        is_stopped
    }
}

fn ended(instrument: InstrumentId, order: &NewOrder, open: Open) -> Report {
    let reason = Reason::CancelRequested;
    report_of(instrument, order, open, ExecType::Canceled, reason)
}
