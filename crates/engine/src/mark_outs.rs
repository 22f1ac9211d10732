//! Where the market was at set times behind each client's fill: how good the fill was for the house.
//!
//! A mark is what was known of the market at the time that it is of, to the nanosecond: it is made at the first input at or behind
//! that time, before the input does anything, and the books are judged as of then. If more are due at once than one input
//! makes, the others are made with `Continue` inputs, behind that input's own effect.

use pinrail_oms::{FILLS_MAX, HORIZONS_MAX};
use pinrail_pricing::Pricer;
use pinrail_types::record::{MarkOut, MarkOutDef, MarkOutMiss, TradeCaptureReport};
use pinrail_types::{ClientId, InstrumentId, OutId, Px, Reason, Side};

use crate::control::EXPIRES_PER_INPUT;
use crate::out::Out;
use crate::state::Engine;

/// Marks that may be still to come at once.
pub const MARKS_MAX: usize = FILLS_MAX * HORIZONS_MAX;
/// Marks that one input makes at most. They take the place of quotes whose time is over, which wait for the next input, so that they
/// are no longer than those.
const MARKS_PER_INPUT: usize = 8;
const _: () = assert!(
    MARKS_PER_INPUT * 2 <= EXPIRES_PER_INPUT,
    "the room is there: a mark has two lines, the end of a quote one"
);
const _: () = assert!(
    MARKS_PER_INPUT > HORIZONS_MAX,
    "more than a fill adds; those of the legs of a package may take several inputs"
);

impl<P: Pricer> Engine<P> {
    /// Sets when the market is looked at. What was still to come at other times is left out, and that told.
    pub(crate) fn on_mark_outs(&mut self, def: &MarkOutDef, out: &mut Out) -> Result<(), Reason> {
        if def.actor.is_empty() {
            return Err(Reason::ActorMissing);
        }
        let left_out = self.mark_outs.set(def)?;
        if left_out > 0 {
            out.push(miss(OutId::NONE, left_out, Reason::MarkOutsChanged));
        }
        Ok(())
    }

    /// Notes that a client took a quote, if the market is to be looked at behind that.
    #[inline]
    pub(crate) fn note_fill(
        &mut self,
        trade: &TradeCaptureReport,
        client: ClientId,
        side: Side,
        out: &mut Out,
    ) {
        if self.mark_outs.is_on() {
            self.note_marked(trade, client, side, out);
        }
    }

    #[cold]
    fn note_marked(&mut self, trade: &TradeCaptureReport, client: ClientId, side: Side, out: &mut Out) {
        let fill = MarkOut {
            trade_id: trade.trade_id,
            quote_id: trade.ref_id,
            instrument: trade.instrument,
            client,
            px: trade.px,
            qty: trade.qty,
            ref_px: self.mid(trade.instrument, out.now()).unwrap_or(Px::NONE),
            due_ts: out.now(),
            side: side.fix(),
            ..bytemuck::Zeroable::zeroed()
        };
        if let Err((reason, marks)) = self.mark_outs.note(&fill) {
            out.push(miss(trade.trade_id, marks, reason));
        }
    }

    /// Looks at the market for the marks that are due, a bounded number.
    #[cold]
    pub(crate) fn mark_out(&mut self, out: &mut Out) {
        for _ in 0..MARKS_PER_INPUT {
            let Some(mark) = self.mark_outs.take_due(out.now()) else {
                return;
            };
            let mid = self.mid(mark.instrument, mark.due_ts);
            out.push(MarkOut {
                mid_px: mid.unwrap_or(Px::NONE),
                reason: mid.err().unwrap_or(Reason::None).code(),
                ..mark
            });
        }
    }

    /// The middle of the consolidated best of the books that were fresh at `ts`.
    fn mid(&self, instrument: InstrumentId, ts: u64) -> Result<Px, Reason> {
        let traded = self.traded.get(instrument.index()).and_then(Option::as_ref);
        let venues = &traded.ok_or(Reason::UnknownInstrument)?.venues;
        Ok(venues.view(ts)?.top()?.mid())
    }

    /// How often the market is still to be looked at behind fills.
    pub fn marks_to_come(&self) -> u64 {
        self.mark_outs.marks()
    }
}

fn miss(trade_id: OutId, marks: u64, reason: Reason) -> MarkOutMiss {
    MarkOutMiss {
        trade_id,
        marks,
        reason: reason.code(),
        ..bytemuck::Zeroable::zeroed()
    }
}
