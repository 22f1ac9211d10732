//! The terms of a request beside what, which side and how much: cash, a least quantity, a price only to look at.

use pinrail_oms::OpenQuote;
use pinrail_pricing::{Pricer, Prices};
use pinrail_risk::Ask;
use pinrail_types::record::{NewOrderSingle, QuoteRequest, QuoteType};
use pinrail_types::{Amount, E8, Instrument, OutId, Px, Qty, Reason, Side};

use crate::out::Out;
use crate::rfq::ask_of;
use crate::state::Engine;

/// Prices that are made for a request in cash at most, until one fits.
const CASH_TRIES: usize = 3;

/// Whether a request has terms of its own beside cash.
#[inline]
pub(crate) fn has_terms(request: &QuoteRequest) -> bool {
    u64::from(request.quote_type) | request.min_qty.0.cast_unsigned() != 0
}

#[inline]
pub(crate) fn is_in_cash(request: &QuoteRequest) -> bool {
    request.cash != Amount::ZERO
}

/// Whether a request is for a price only to look at.
#[inline]
pub(crate) fn is_indicative(request: &QuoteRequest) -> bool {
    request.quote_type == QuoteType::Indicative.byte()
}

/// The least that an accept of a quote for `qty` may be for.
#[inline]
pub(crate) fn least_of(request: &QuoteRequest, qty: Qty) -> Qty {
    match request.min_qty {
        Qty::ZERO => qty,
        least => least,
    }
}

/// Checks what needs no price of a request's terms.
///
/// # Errors
/// [`Reason::BadField`] for a value that is none, [`Reason::QuotedBelowMin`] if the least quantity is above the whole.
#[cold]
pub(crate) fn check_terms(request: &QuoteRequest) -> Result<(), Reason> {
    let is_type = request.quote_type == 0 || QuoteType::from_byte(request.quote_type).is_some();
    if !is_type || request.min_qty.0 < 0 {
        return Err(Reason::BadField);
    }
    if request.min_qty > request.qty {
        return Err(Reason::QuotedBelowMin);
    }
    Ok(())
}

/// The most lots, in whole steps, that `cash` pays for at a price; `None` where that can't be said.
fn lots_for(meta: &Instrument, cash: Amount, px: Px, step: i64) -> Option<Qty> {
    let worth = meta.notional(px, Qty(1))?.get();
    if worth <= 0 {
        return None;
    }
    let lots = cash.get() / worth;
    let lots = i64::try_from(lots - lots % i128::from(step)).ok()?;
    Qty(lots).is_orderable().then_some(Qty(lots))
}

impl<P: Pricer> Engine<P> {
    /// Quotes a request in cash: as one for the lots that it pays for, rounded down to a step of quantity, so that what is traded
    /// is worth no more than the cash.
    #[cold]
    pub(crate) fn quote_cash(&mut self, request: &QuoteRequest, out: &mut Out) -> Result<OutId, Reason> {
        let now = out.now();
        self.risk.admit_message(request.session, request.client, now)?;
        let is_once = matches!(request.subscription, 0 | b'0');
        if !is_once || request.qty != Qty::ZERO || request.cash.get() < 0 {
            return Err(Reason::BadField);
        }
        let side = Side::from_fix(request.side).ok_or(Reason::BadSide)?;
        let mut converted = QuoteRequest {
            qty: self.lots_swept(request, side, now)?,
            ..*request
        };
        for n in 0..CASH_TRIES {
            let ask = ask_of(&converted).ok_or(Reason::BadSide)?;
            let terms = self.risk.check_ask(&ask);
            let asked = self.asked(&converted, &ask, terms, now)?;
            let prices = self.price(&asked, now)?;
            let px = match side {
                Side::Buy => prices.offer_px,
                Side::Sell => prices.bid_px,
            };
            let traded = self.traded[request.instrument.index()].as_ref();
            let meta = &traded.ok_or(Reason::UnknownInstrument)?.meta;
            let step = self.risk.qty_step(request.instrument);
            let fits = lots_for(meta, request.cash, px, step).ok_or(Reason::CashUnquotable)?;
            // The first price is for what a hedge of that cash is, the next for what it pays for with the spread.
            if fits == converted.qty || (n > 0 && fits > converted.qty) {
                return self.quote_admitted(&converted, &ask, terms, out);
            }
            converted.qty = fits;
        }
        Err(Reason::CashUnquotable)
    }

    /// The lots that could be hedged for the cash, fees counted.
    fn lots_swept(&self, request: &QuoteRequest, side: Side, now: u64) -> Result<Qty, Reason> {
        let traded = self
            .traded
            .get(request.instrument.index())
            .and_then(Option::as_ref);
        let traded = traded.ok_or(Reason::UnknownInstrument)?;
        let units = request.cash.get().checked_mul(i128::from(E8));
        let notional = units.ok_or(Reason::Overflow)? / i128::from(traded.meta.tick_lot_units);
        let swept = traded.venues.view(now)?.sweep_notional(side, notional);
        let lots = match swept {
            Ok(swept) => swept.qty.0,
            Err(Reason::QtyUnrepresentable) => return Err(Reason::CashUnquotable),
            Err(reason) => return Err(reason),
        };
        let whole = lots - lots % self.risk.qty_step(request.instrument);
        if whole == 0 {
            return Err(Reason::CashUnquotable);
        }
        Ok(Qty(whole))
    }

    /// Checks that what is quoted for a request in cash is worth no more than that.
    pub(crate) fn check_cash(
        request: &QuoteRequest,
        meta: &Instrument,
        prices: &Prices,
    ) -> Result<(), Reason> {
        if !is_in_cash(request) {
            return Ok(());
        }
        for px in [prices.bid_px, prices.offer_px] {
            if px != Px::NONE
                && meta.notional(px, prices.qty).ok_or(Reason::Overflow)?.get() > request.cash.get()
            {
                return Err(Reason::CashUnquotable);
            }
        }
        Ok(())
    }

    /// Checks that an accept is for as much as the quote may be taken for.
    #[inline]
    pub(crate) fn check_quantity(
        &self,
        quote: &OpenQuote,
        order: &NewOrderSingle,
        ask: &Ask,
    ) -> Result<(), Reason> {
        if order.qty == quote.qty {
            return Ok(());
        }
        if order.qty < quote.min_qty || order.qty > quote.qty {
            return Err(Reason::QuoteMismatch);
        }
        self.risk.check_taken(ask, order.px)
    }
}
