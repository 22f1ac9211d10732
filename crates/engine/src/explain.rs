//! What is told behind a quote: what its price was made from, so that it can be made again from the journal alone.

use pinrail_book::View;
use pinrail_pricing::{Adjustments, Pricer, Prices};
use pinrail_types::record::{QuoteBasis, QuoteHedge, QuoteUpdateIds};
use pinrail_types::{ClientId, InstrumentId, OutId, Px, Qty, Side};

use crate::out::Out;
use crate::rfq::Asked;
use crate::state::{Engine, Traded};

/// Books whose last update ids stand in a [`QuoteBasis`].
const BASIS_BOOKS: usize = 8;

/// A quote that was opened, and what of its price is to be told behind it.
#[derive(Debug)]
pub(crate) struct Explained {
    quote_id: OutId,
    instrument: InstrumentId,
    client: ClientId,
    venue_mask: u16,
    adjustments: Adjustments,
    /// How much was quoted, and which sides a hedge was priced for.
    qty: Qty,
    has_bid: bool,
    has_offer: bool,
    /// The house position.
    position: Qty,
    px_step: i64,
    life_ns: u64,
}

impl Explained {
    /// One of the prices of a quote that is good for so long.
    #[inline]
    pub(crate) fn of(quote_id: OutId, asked: &Asked, prices: &Prices, life_ns: u64) -> Explained {
        Explained {
            quote_id,
            instrument: asked.ask.instrument,
            client: asked.ask.client,
            venue_mask: prices.venue_mask,
            adjustments: prices.adjustments,
            qty: prices.qty,
            has_bid: prices.hedge_bid_px != Px::NONE,
            has_offer: prices.hedge_offer_px != Px::NONE,
            position: asked.position,
            px_step: asked.px_step,
            life_ns,
        }
    }
}

impl<P: Pricer> Engine<P> {
    /// Says what made the quote that was opened last, if nobody did.
    #[inline]
    pub(crate) fn explain(&mut self, out: &mut Out) {
        // Looked at where it stands: it is long.
        if let Some(quoted) = &self.to_explain {
            self.explain_as(quoted, out);
            self.to_explain = None;
        }
    }

    /// Says what made one of the prices of a quote.
    #[expect(clippy::inline_always, reason = "the records are then made where they stay")]
    #[inline(always)]
    pub(crate) fn explain_as(&self, quoted: &Explained, out: &mut Out) {
        let traded = self.traded[quoted.instrument.index()].as_ref();
        let traded = traded.expect("it was priced");
        let open_lots = self.risk.open_lots(quoted.instrument);
        out.push(basis(quoted, traded, open_lots));
        let tier = self.tiers[quoted.client.index()];
        out.push(hedge(quoted, traded, tier, out.now()));
        if traded.listings.len() > BASIS_BOOKS {
            out.push(further_ids(quoted.quote_id, traded));
        }
    }
}

/// The last update ids of the books from the `from`-th on.
#[inline]
fn ids(traded: &Traded, from: usize) -> [u64; BASIS_BOOKS] {
    let mut ids = [0; BASIS_BOOKS];
    for (id, source) in ids.iter_mut().zip(traded.venues.sources().iter().skip(from)) {
        *id = source.book.last_id();
    }
    ids
}

#[inline]
fn basis(quoted: &Explained, traded: &Traded, (open_buy_qty, open_sell_qty): (Qty, Qty)) -> QuoteBasis {
    let ids = ids(traded, 0);
    QuoteBasis {
        quote_id: quoted.quote_id,
        instrument: quoted.instrument,
        venue_mask: quoted.venue_mask,
        volatility_e8: traded.estimates.volatility_e8(),
        spread_e8: traded.estimates.spread_e8(),
        widening_e8: quoted.adjustments.widening_e8,
        impact_e8: quoted.adjustments.impact_e8,
        skew_e8: quoted.adjustments.skew_e8,
        edge_min_e8: quoted.adjustments.edge_min_e8,
        position: quoted.position,
        open_buy_qty,
        open_sell_qty,
        update_id_0: ids[0],
        update_id_1: ids[1],
        update_id_2: ids[2],
        update_id_3: ids[3],
        update_id_4: ids[4],
        update_id_5: ids[5],
        update_id_6: ids[6],
        update_id_7: ids[7],
        ..bytemuck::Zeroable::zeroed()
    }
}

#[inline]
fn hedge(quoted: &Explained, traded: &Traded, tier: u8, now: u64) -> QuoteHedge {
    let view = traded.venues.view(now).ok();
    // As it was priced: no book moved since.
    let cost = |is_priced: bool, side| {
        let view = view.as_ref().filter(|_| is_priced);
        let swept = view.and_then(|view| view.sweep(side, quoted.qty).ok());
        swept.map_or(0, |swept| swept.cost)
    };
    let bid_cost = cost(quoted.has_bid, Side::Sell);
    let offer_cost = cost(quoted.has_offer, Side::Buy);
    QuoteHedge {
        quote_id: quoted.quote_id,
        instrument: quoted.instrument,
        usable_mask: view.as_ref().map_or(0, View::usable_mask),
        tier,
        bid_cost_high: (bid_cost >> 64) as i64,
        bid_cost_low: bid_cost as u64,
        offer_cost_high: (offer_cost >> 64) as i64,
        offer_cost_low: offer_cost as u64,
        oldest_ts_recv: oldest_of(quoted.venue_mask, traded),
        px_ticks_step: quoted.px_step,
        life_ns: quoted.life_ns,
        ..bytemuck::Zeroable::zeroed()
    }
}

/// When the oldest of these books was received; zero if there is none.
#[inline]
fn oldest_of(mut venue_mask: u16, traded: &Traded) -> u64 {
    let mut oldest = u64::MAX;
    // A desk's own model may say of venues that there are not.
    while let Some(source) = traded.venues.sources().get(venue_mask.trailing_zeros() as usize) {
        oldest = oldest.min(source.book.ts_recv());
        venue_mask &= venue_mask - 1;
    }
    if oldest == u64::MAX { 0 } else { oldest }
}

#[cold]
fn further_ids(quote_id: OutId, traded: &Traded) -> QuoteUpdateIds {
    let ids = ids(traded, BASIS_BOOKS);
    QuoteUpdateIds {
        quote_id,
        update_id_8: ids[0],
        update_id_9: ids[1],
        update_id_10: ids[2],
        update_id_11: ids[3],
        update_id_12: ids[4],
        update_id_13: ids[5],
        update_id_14: ids[6],
        update_id_15: ids[7],
        ..bytemuck::Zeroable::zeroed()
    }
}
