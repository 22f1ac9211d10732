//! What follows a quote makes its prices again, to the last tick.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use bytemuck::Zeroable;
use desk::{Desk, only};
use pinrail_engine::{Bounds, Engine, Out};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    BookLevel, BookUpdate, ClientDef, InputReject, InstrumentLimits, ListingDef, Quote, QuoteBasis,
    QuoteHedge, QuoteUpdateIds, QuotingParams, Scope, TierSpread, TradingState, TradingStateSet, VenueDef,
};
use pinrail_types::{Amount, AssetId, Cause, ClientId, E8, Flags, Frame, Px, Qty, SourceId, Text, VenueId};
use proptest::prelude::*;

/// The prices that the records say, as the documentation of [`QuoteHedge`] has it.
fn made_again(quote: &Quote, basis: &QuoteBasis, hedge: &QuoteHedge) -> (Px, Px) {
    let cost = |high: i64, low: u64| i128::from(high) << 64 | i128::from(low);
    let qty_e16 = i128::from(quote.qty.0) * i128::from(E8) * i128::from(E8);
    let spread = quote.half_spread_e8 + basis.widening_e8 + basis.impact_e8;
    let offer_factor = (E8 + spread - basis.skew_e8)
        .max(E8 + basis.edge_min_e8)
        .min(2 * E8);
    let bid_factor = (E8 - spread - basis.skew_e8).min(E8 - basis.edge_min_e8).max(0);
    let step = i128::from(hedge.px_ticks_step);
    let offer = cost(hedge.offer_cost_high, hedge.offer_cost_low) * i128::from(offer_factor);
    let bid = cost(hedge.bid_cost_high, hedge.bid_cost_low) * i128::from(bid_factor);
    let up = -(-offer).div_euclid(qty_e16 * step) * step;
    let down = bid.div_euclid(qty_e16 * step) * step;
    let or_none = |px: i128, cost: i128| if cost == 0 { Px::NONE } else { Px(px as i64) };
    (or_none(down, bid), or_none(up, offer))
}

fn check(out: &Out) {
    let (quote, basis, hedge): (Quote, QuoteBasis, QuoteHedge) = (only(out), only(out), only(out));
    assert_eq!(hedge.header.seq, quote.header.seq + 2);
    assert_eq!(made_again(&quote, &basis, &hedge), (quote.bid_px, quote.offer_px));
    let per_unit = |high: i64, low: u64| (i128::from(high) << 64 | i128::from(low)) / i128::from(quote.qty.0);
    if quote.bid_px != Px::NONE {
        let unit = per_unit(hedge.bid_cost_high, hedge.bid_cost_low);
        assert_eq!(unit / i128::from(E8), quote.hedge_bid_px.0.into());
    }
    assert_eq!(hedge.life_ns, quote.valid_until - quote.header.ts_core);
    assert_eq!(basis.venue_mask & !hedge.usable_mask, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_price_is_made_again_from_the_records(
        levels in prop::collection::vec((1_i64..60, 1_i64..90), 4),
        (mult, impact, skew, edge) in (0..5 * E8, 0..E8 / 50, 0..E8 / 50, 0..E8 / 100),
        step in 1_i64..9,
        asks in prop::collection::vec((0_usize..3, 1_i64..120, any::<bool>(), 0_u64..500_000_000), 1..12),
    ) {
        let mut desk = Desk::halted();
        desk.put(InstrumentLimits { px_ticks_step: step, collar_e8: E8, ..Desk::limits() });
        desk.set_state(Scope::Global, 0, TradingState::Active);
        desk.put(ClientDef {
            client: ClientId(1),
            tier: 3,
            credit_asset: AssetId(1),
            credit_max: Amount::new(1 << 80),
            ..Zeroable::zeroed()
        });
        desk.put(TierSpread { tier: 3, half_spread_e8: 123_457, ..Zeroable::zeroed() });
        desk.put(QuotingParams {
            volatility_mult_e8: mult,
            impact_e8: impact,
            impact_qty: Qty(77),
            skew_e8: skew,
            skew_position: Qty(50),
            edge_min_e8: edge,
            volatility_tau_ns: 1_000_000_000,
            ..Zeroable::zeroed()
        });
        for (client, qty, takes, ns) in asks {
            desk.now += ns;
            for venue in [VenueId(0), VenueId(1)] {
                let off = i64::from(venue.0) + (ns % 40) as i64;
                let side = |sign: i64| -> Vec<(i64, i64)> {
                    let mut px = 10_000 + off + sign * 10;
                    levels.iter().map(|(away, lots)| { px += sign * away; (px, *lots) }).collect()
                };
                desk.snapshot(venue, &side(-1), &side(1));
            }
            let side = [0, b'1', b'2'][client];
            let request = desk.request(client.min(1) as u32, side, qty);
            let out = desk.put(request);
            let Some(quote) = out.find::<Quote>().next() else { continue };
            check(&out);
            let hedge: QuoteHedge = only(&out);
            prop_assert_eq!((hedge.tier, hedge.px_ticks_step), (if client == 0 { 0 } else { 3 }, step));
            prop_assert_eq!((hedge.oldest_ts_recv, hedge.usable_mask), (desk.now, 0b11));
            if takes && side != 0 {
                let mut order = Desk::order(&quote, side);
                order.cl_ord_id = Text::new(&format!("T{}", desk.seq)).unwrap();
                desk.put(order);
            }
        }
    }
}

#[test]
fn the_oldest_book_is_the_oldest_that_was_used() {
    let mut desk = Desk::active();
    let first = desk.now;
    desk.now += 50;
    desk.snapshot(VenueId(1), &[(9_989, 500)], &[(10_011, 500)]);
    let mut hedge = |qty| {
        let request = desk.request(0, b'1', qty);
        only::<QuoteHedge>(&desk.put(request))
    };
    // The first venue alone, then both.
    assert_eq!(
        (hedge(10).oldest_ts_recv, hedge(600).oldest_ts_recv),
        (first, first)
    );
    desk.now += 50;
    desk.snapshot(VenueId(0), &[(9_990, 500)], &[(10_010, 500)]);
    let mut hedge = |qty| {
        let request = desk.request(0, b'1', qty);
        only::<QuoteHedge>(&desk.put(request))
    };
    assert_eq!(
        (hedge(10).oldest_ts_recv, hedge(600).oldest_ts_recv),
        (first + 100, first + 50)
    );
    let one_sided = hedge(10);
    assert_eq!((one_sided.bid_cost_high, one_sided.bid_cost_low), (0, 0));
}

/// An engine of eleven venues, and its outputs.
struct Wide {
    engine: Engine<SweepPricer>,
    seq: u64,
    taken: u64,
}

impl Wide {
    fn new() -> Wide {
        let bounds = Bounds {
            venues: 11,
            ..*Desk::halted().engine.bounds()
        };
        let mut wide = Wide {
            engine: Engine::new(bounds, SweepPricer::new(bounds.instruments)),
            seq: 0,
            taken: 0,
        };
        wide.put(Frame::of(&bounds.epoch_start(1)));
        for frame in Desk::configuration() {
            wide.put(frame);
        }
        for venue in (2..11).map(VenueId) {
            wide.put(Frame::of(&VenueDef {
                venue,
                stale_ns_max: desk::STALE_NS,
                ..Zeroable::zeroed()
            }));
            wide.put(Frame::of(&ListingDef {
                venue,
                tick_multiple: 1,
                lot_multiple: 1,
                ..Zeroable::zeroed()
            }));
        }
        wide.put(Frame::of(&TradingStateSet {
            scope: Scope::Global.byte(),
            state: TradingState::Active.byte(),
            actor: Text::new("ann").unwrap(),
            ..Zeroable::zeroed()
        }));
        wide
    }

    fn put(&mut self, mut frame: Frame) -> Out {
        self.taken += 1;
        self.seq += 1;
        frame.header_mut().cause = Cause::input(SourceId(1), self.taken);
        frame.header_mut().seq = self.seq;
        frame.header_mut().ts_core = 1_000;
        let mut out = Out::new();
        self.engine.on_event(&frame, &mut out);
        let made = out.clone();
        self.seq += made.len() as u64;
        self.engine.seal(&mut out);
        made
    }
}

#[test]
fn the_books_of_more_than_eight_venues_stand_behind() {
    let mut wide = Wide::new();
    for n in 0..11 {
        let mut book = BookUpdate {
            venue: VenueId(n),
            ts_recv: 1_000,
            last_id: 70 + u64::from(n),
            bids: 1,
            asks: 1,
            ..Zeroable::zeroed()
        };
        book.levels[0] = BookLevel {
            px: Px(9_990),
            qty: Qty(5),
        };
        book.levels[1] = BookLevel {
            px: Px(10_010),
            qty: Qty(5),
        };
        let flags = Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT);
        let commit = book.commit_for(flags).pack();
        let mut frame = Frame::of(&book);
        frame.header_mut().commit = commit;
        assert_eq!(wide.put(frame).find::<InputReject>().count(), 0);
    }
    let request = Desk::active().request(0, b'1', 52);
    let out = wide.put(Frame::of(&request));
    check(&out);
    let (basis, ids): (QuoteBasis, QuoteUpdateIds) = (only(&out), only(&out));
    assert_eq!((basis.update_id_0, basis.update_id_7), (70, 77));
    assert_eq!((ids.update_id_8, ids.update_id_9, ids.update_id_10), (78, 79, 80));
    assert_eq!((ids.update_id_11, ids.update_id_15), (0, 0));
    assert_eq!(
        (ids.quote_id, basis.venue_mask),
        (only::<Quote>(&out).quote_id, 0x7ff)
    );
}
