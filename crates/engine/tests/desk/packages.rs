//! The small desk with more instruments, and what clients ask of packages.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use bytemuck::Zeroable;
use pinrail_engine::{Bounds, Out, Pricer};
use pinrail_pricing::SweepPricer;
use pinrail_types::record::{
    BookLevel, BookUpdate, InstrumentDef, InstrumentLimits, ListingDef, MultilegExecutionReport,
    MultilegQuote, MultilegQuoteLeg, MultilegQuoteReject, MultilegQuoteRequest, MultilegReportingType,
    NewOrderMultileg, OrdType, Scope, TierSpread, TradingState,
};
use pinrail_types::{
    AssetId, ClientId, E8, Flags, Frame, InstrumentId, Px, Qty, Reason, SessionId, Text, VenueId,
};

use super::Desk;

/// Instruments that are quoted in the same asset.
pub const LEGGED: u32 = 4;
/// One that is not.
pub const OTHER: InstrumentId = InstrumentId(LEGGED);
/// A tick times a lot, in the smallest unit of the quote asset.
pub const UNIT: i128 = 10;

/// Where the market of an instrument is.
pub fn mid(instrument: u32) -> i64 {
    10_000 + 1_000 * i64::from(instrument)
}

/// Active, with healthy books of every instrument.
pub fn desk() -> Desk {
    desk_with(|bounds| SweepPricer::new(bounds.instruments))
}

pub fn desk_with<P: Pricer>(make: impl FnOnce(&Bounds) -> P) -> Desk<P> {
    let mut desk = Desk::halted_in(LEGGED as usize + 1, 320, make);
    for instrument in (1..=LEGGED).map(InstrumentId) {
        desk.put(InstrumentDef {
            instrument,
            base: AssetId(u32::from(instrument == OTHER)),
            quote: AssetId(u32::from(instrument != OTHER)),
            tick_mantissa: 1,
            tick_exponent: -2,
            lot_mantissa: 1,
            lot_exponent: -5,
            ..Zeroable::zeroed()
        });
        for venue in [VenueId(0), VenueId(1)] {
            desk.put(ListingDef {
                venue,
                instrument,
                tick_multiple: 1,
                lot_multiple: 1,
                ..Zeroable::zeroed()
            });
        }
        desk.put(TierSpread {
            instrument,
            half_spread_e8: E8 / 1_000,
            ..Zeroable::zeroed()
        });
        desk.put(InstrumentLimits {
            instrument,
            ..Desk::limits()
        });
    }
    desk.set_state(Scope::Global, 0, TradingState::Active);
    markets(&mut desk);
    desk
}

/// Healthy books of every instrument, as of now.
pub fn markets<P: Pricer>(desk: &mut Desk<P>) {
    for instrument in 0..=LEGGED {
        market(desk, instrument, mid(instrument), 500);
    }
}

/// Healthy books of an instrument, with so many lots at each of two levels a side.
pub fn market<P: Pricer>(desk: &mut Desk<P>, instrument: u32, mid: i64, lots: i64) -> Out {
    let mut last = Out::new();
    for venue in [VenueId(0), VenueId(1)] {
        let off = i64::from(venue.0);
        let mut update = BookUpdate {
            instrument: InstrumentId(instrument),
            venue,
            ts_recv: desk.now,
            first_id: desk.seq,
            last_id: desk.seq,
            bids: 2,
            asks: 2,
            ..Zeroable::zeroed()
        };
        let px = [mid - 10 - off, mid - 20 - off, mid + 10 + off, mid + 20 + off];
        for (level, px) in update.levels.iter_mut().zip(px) {
            *level = BookLevel {
                px: Px(px),
                qty: Qty(lots),
            };
        }
        let flags = Flags::FIRST.with(Flags::LAST).with(Flags::SNAPSHOT);
        let mut frame = Frame::of(&update);
        frame.header_mut().commit = update.commit_for(flags).pack();
        last = desk.put_again(&mut frame);
    }
    last
}

/// A leg: buys above zero, sells below.
pub fn leg(instrument: u32, ratio: i64) -> (InstrumentId, u8, Qty) {
    let side = if ratio > 0 { b'1' } else { b'2' };
    (InstrumentId(instrument), side, Qty(ratio.abs()))
}

/// A request of the first client for so many units of `legs`.
pub fn request(name: &str, side: u8, units: i64, legs: &[(InstrumentId, u8, Qty)]) -> MultilegQuoteRequest {
    MultilegQuoteRequest {
        quote_req_id: Text::new(name).unwrap(),
        session: SessionId(9),
        side,
        units: Qty(units),
        ..Zeroable::zeroed()
    }
    .with_legs(legs)
}

/// A package that was quoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quoted {
    pub quote: MultilegQuote,
    pub legs: Vec<MultilegQuoteLeg>,
}

/// The one answer among the outputs.
pub fn answer(out: &Out) -> Result<Quoted, (u8, Reason)> {
    let quotes: Vec<MultilegQuote> = out.find().collect();
    let rejects: Vec<MultilegQuoteReject> = out.find().collect();
    let legs: Vec<MultilegQuoteLeg> = out.find().collect();
    match (&quotes[..], &rejects[..]) {
        ([quote], []) => {
            assert_eq!(legs.len(), usize::from(quote.legs));
            assert!(
                (0..)
                    .zip(&legs)
                    .all(|(at, leg)| (leg.leg, leg.quote_id) == (at, quote.quote_id))
            );
            Ok(Quoted { quote: *quote, legs })
        }
        ([], [reject]) => {
            assert!(legs.is_empty());
            Err((reject.leg, Reason::from_code(reject.reason).unwrap()))
        }
        _ => panic!(
            "a request has exactly one answer: {:?}",
            out.types().collect::<Vec<_>>()
        ),
    }
}

/// What each leg is worth in a unit at one of its prices, with the sign of who buys the package.
pub fn worth(leg: &MultilegQuoteLeg, px: Px) -> i128 {
    let sign = if leg.side == b'1' { 1 } else { -1 };
    sign * i128::from(px.0) * i128::from(leg.ratio_qty.0) * UNIT
}

/// An order that takes a quote.
pub fn order(name: &str, quoted: &Quoted, side: u8) -> NewOrderMultileg {
    let quote = &quoted.quote;
    NewOrderMultileg {
        cl_ord_id: Text::new(name).unwrap(),
        quote_id: quote.quote_id,
        client: quote.client,
        session: quote.session,
        side,
        ord_type: OrdType::PreviouslyQuoted.byte(),
        units: quote.units,
        price_amt: if side == b'1' {
            quote.offer_amt
        } else {
            quote.bid_amt
        },
        ..Zeroable::zeroed()
    }
}

/// The reports on a package and on its legs.
pub fn reports(out: &Out) -> (MultilegExecutionReport, Vec<MultilegExecutionReport>) {
    let (whole, legs): (Vec<_>, Vec<_>) = out
        .find::<MultilegExecutionReport>()
        .partition(|report| report.reporting_type == MultilegReportingType::Package.byte());
    assert_eq!(whole.len(), 1, "{:?}", out.types().collect::<Vec<_>>());
    (whole[0], legs)
}

/// The fill that the one report of a package tells of, or why there is none.
pub fn filled(out: &Out) -> Result<MultilegExecutionReport, Reason> {
    let (whole, legs) = reports(out);
    match Reason::from_code(whole.reason).unwrap() {
        Reason::None => Ok(whole),
        reason => {
            assert!(legs.is_empty(), "a package that is refused has no leg filled");
            Err(reason)
        }
    }
}

/// A two-legged request of the first client, quoted.
pub fn spread<P: Pricer>(desk: &mut Desk<P>, name: &str, side: u8) -> Quoted {
    answer(&desk.put(request(name, side, 5, &[leg(0, 2), leg(1, -3)]))).unwrap()
}

/// What is held of a client's credit.
pub fn held<P: Pricer>(desk: &Desk<P>, client: u32) -> i128 {
    desk.engine.held_credit(ClientId(client)).get()
}

/// Lets what is left over go on until nothing is.
pub fn settle<P: Pricer>(desk: &mut Desk<P>) -> Vec<Out> {
    let mut outs = Vec::new();
    while desk.engine.wants_continue() {
        outs.push(desk.go_on());
        assert!(outs.len() < 1_000, "there is always something left to do");
    }
    outs
}
