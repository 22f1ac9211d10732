//! What is told of a package so that its quality can be judged: of each leg what its price rests on and what its hedge would cost,
//! and behind a fill where its market went.
#![allow(clippy::unwrap_used, reason = "tests")]

mod desk;

use std::collections::BTreeSet;

use bytemuck::Zeroable;
use desk::packages::{Quoted, answer, desk, filled, leg, market, mid, order, reports, request};
use desk::{Desk, TTL_NS};
use pinrail_engine::Engine;
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{MarkOut, MarkOutDef, MultilegQuoteLeg, QuoteBasis, QuoteHedge};
use pinrail_types::{E8, Px, Text};

/// The price of a leg on one side, as the documentation of [`QuoteHedge`] has it.
fn made_again(leg: &MultilegQuoteLeg, basis: &QuoteBasis, hedge: &QuoteHedge, is_offer: bool) -> Px {
    let whole = |high: i64, low: u64| i128::from(high) << 64 | i128::from(low);
    let one = i128::from(E8);
    let away = i128::from(leg.half_spread_e8) + i128::from(basis.widening_e8) + i128::from(basis.impact_e8);
    let (skew, edge) = (i128::from(basis.skew_e8), i128::from(basis.edge_min_e8));
    let (cost, factor) = if is_offer {
        let cost = whole(hedge.offer_cost_high, hedge.offer_cost_low);
        (cost, (one + away - skew).max(one + edge).min(2 * one))
    } else {
        let cost = whole(hedge.bid_cost_high, hedge.bid_cost_low);
        (cost, (one - away - skew).min(one - edge).max(0))
    };
    let (value, by) = (cost * factor, i128::from(leg.qty.0) * one * one);
    let step = i128::from(hedge.px_ticks_step) * by;
    let steps = if is_offer {
        -(-value).div_euclid(step)
    } else {
        value.div_euclid(step)
    };
    Px((steps * i128::from(hedge.px_ticks_step)) as i64)
}

#[test]
fn each_leg_says_what_its_price_was_made_from_and_what_its_hedge_would_cost() {
    let mut desk = desk();
    for (name, side) in [("T", 0), ("B", b'1'), ("S", b'2')] {
        // More than one level of a venue has.
        let out = desk.put(request(
            name,
            side,
            60,
            &[leg(0, 10), leg(1, -13), leg(2, 1), leg(3, 2)],
        ));
        let Quoted { quote, legs } = answer(&out).unwrap();
        let bases: Vec<QuoteBasis> = out.find().collect();
        let hedges: Vec<QuoteHedge> = out.find().collect();
        assert_eq!((bases.len(), hedges.len()), (4, 4));
        for ((leg, basis), hedge) in legs.iter().zip(&bases).zip(&hedges) {
            for (quote_id, instrument) in [
                (basis.quote_id, basis.instrument),
                (hedge.quote_id, hedge.instrument),
            ] {
                assert_eq!((quote_id, instrument), (quote.quote_id, leg.instrument));
            }
            assert_eq!(hedge.life_ns, TTL_NS);
            assert!(hedge.oldest_ts_recv > 0 && hedge.usable_mask != 0 && basis.venue_mask != 0);
            for (px, is_offer) in [(leg.bid_px, false), (leg.offer_px, true)] {
                if px == Px::NONE {
                    let cost = [
                        (hedge.bid_cost_high, hedge.bid_cost_low),
                        (hedge.offer_cost_high, hedge.offer_cost_low),
                    ][usize::from(is_offer)];
                    assert_eq!(cost, (0, 0), "nobody asked for it");
                } else {
                    assert_eq!(px, made_again(leg, basis, hedge, is_offer), "{leg:?}");
                }
            }
        }
    }
}

/// Six horizons, of which a package of four legs has more marks than three inputs make.
fn horizons() -> MarkOutDef {
    MarkOutDef {
        horizon_0_ns: 1_000,
        horizon_1_ns: 1_001,
        horizon_2_ns: 1_002,
        horizon_3_ns: 1_003,
        horizon_4_ns: 1_004,
        horizon_5_ns: 1_005,
        actor: Text::new("ann").unwrap(),
        ..Zeroable::zeroed()
    }
}

fn restart(desk: &mut Desk) {
    let words = desk.engine.save();
    let bounds = *desk.engine.bounds();
    desk.engine = Engine::load(bounds, SweepPricer::new(bounds.instruments), &words).unwrap();
}

#[test]
fn each_leg_of_a_fill_is_marked_at_each_horizon_however_many_are_due_at_once() {
    let mut desk = desk();
    desk.put(horizons());
    let legs = [leg(0, 2), leg(1, -3), leg(2, 1), leg(3, -1)];
    let quoted = answer(&desk.put(request("R", 0, 5, &legs))).unwrap();
    let out = desk.put(order("O", &quoted, b'1'));
    filled(&out).unwrap();
    let (_, parts) = reports(&out);
    let filled_at = desk.now;
    assert_eq!(desk.engine.marks_to_come(), 24);
    // The market of one leg goes up before the first horizon, and again behind the last.
    desk.now += 900;
    market(&mut desk, 1, mid(1) + 40, 500);
    desk.now += 300;
    let mut marks: Vec<MarkOut> = Vec::new();
    let mut out = market(&mut desk, 1, mid(1) + 90, 500);
    // Of the two venues' books the first had eight made.
    let before = 24 - desk.engine.marks_to_come() as usize - out.find::<MarkOut>().count();
    assert_eq!(before, 8);
    loop {
        let made = out.find::<MarkOut>().count();
        assert!(made <= 8);
        marks.extend(out.find::<MarkOut>());
        restart(&mut desk);
        if !desk.engine.wants_continue() {
            break;
        }
        out = desk.go_on();
    }
    assert_eq!((marks.len(), desk.engine.marks_to_come()), (16, 0));
    let each: BTreeSet<_> = marks
        .iter()
        .map(|mark| (mark.instrument.0, mark.horizon_ns))
        .collect();
    assert_eq!(each.len(), 16, "none twice");
    for mark in &marks {
        let part = parts.iter().find(|part| part.exec_id == mark.trade_id).unwrap();
        assert_eq!(
            (mark.instrument, mark.px, mark.qty, mark.side, mark.client),
            (
                part.instrument,
                part.last_px,
                part.last_qty,
                part.side,
                part.client
            )
        );
        assert_eq!(
            (mark.quote_id, mark.due_ts),
            (quoted.quote.quote_id, filled_at + mark.horizon_ns)
        );
        assert_eq!(mark.ref_px, Px(mid(mark.instrument.0)));
        assert_eq!(mark.reason, 0);
        if mark.instrument.0 != 1 {
            assert_eq!(mark.mid_px, mark.ref_px);
        }
    }
}
