//! Positions and accounts, by trades alone.

use std::collections::BTreeMap;

use pinrail_engine::{Engine, Owner};
use pinrail_types::record::{
    ExecType, PartyKind, PositionReport, TradeCaptureReport, TradeSource, VenueReport,
};
use pinrail_types::{AssetId, ClientId, Px, Qty, VenueId};

use crate::auditor::{Happened, Seen, must};
use crate::market::UNIT;
use crate::venues::INSTRUMENTS;
use crate::world::Model;

/// A lot is a hundred-thousandth of an asset with eight places.
const LOT_UNITS: i128 = 1_000;
const BASE: u32 = 0;
const QUOTE: u32 = 1;

/// The kind and number of a party; fees are the house's with this kind.
const FEES: (u8, u32) = (u8::MAX, 0);

/// What so many lots are worth, of either instrument.
pub(crate) fn worth(px: Px, qty: Qty) -> i128 {
    i128::from(qty.0) * i128::from(px.0) * UNIT
}

#[derive(Default)]
pub(crate) struct Money {
    balances: BTreeMap<((u8, u32), u32), i128>,
    positions: [i64; INSTRUMENTS],
}

fn owner((kind, number): (u8, u32)) -> Owner {
    match PartyKind::from_byte(kind) {
        Some(PartyKind::House) => Owner::House,
        Some(PartyKind::Client) => Owner::Client(ClientId(number)),
        Some(PartyKind::Venue) => Owner::Venue(VenueId(number as u16)),
        None => Owner::Fees,
    }
}

impl Money {
    fn post(&mut self, whose: (u8, u32), asset: u32, units: i128) {
        *self.balances.entry((whose, asset)).or_default() += units;
    }

    pub(crate) fn see(
        &mut self,
        seen: &Seen<'_>,
        engine: &Engine<Model>,
        happened: &mut Happened,
    ) -> Result<(), String> {
        let trades = seen.all::<TradeCaptureReport>();
        for trade in &trades {
            self.on_trade(trade, happened)?;
        }
        if trades.is_empty() {
            return Ok(());
        }
        let report = seen.input.get::<VenueReport>();
        if let Some(report) = report.filter(|report| report.exec_type == ExecType::Trade.byte()) {
            let at_venue = trades
                .iter()
                .filter(|trade| trade.trade_source == TradeSource::Venue.byte());
            for trade in at_venue {
                must!(
                    (trade.px, trade.qty, trade.ref_id) == (report.last_px, report.last_qty, report.order_id),
                    "a trade at a venue that is not the one reported: {trade:?} {report:?}"
                );
            }
        }
        for report in seen.all::<PositionReport>() {
            must!(report.instrument.index() < INSTRUMENTS, "a position in nothing");
        }
        self.compare(engine)
    }

    fn on_trade(&mut self, trade: &TradeCaptureReport, happened: &mut Happened) -> Result<(), String> {
        let (buyer, seller) = ((trade.buyer_kind, trade.buyer), (trade.seller_kind, trade.seller));
        let base = i128::from(trade.qty.0) * LOT_UNITS;
        let gross = worth(trade.px, trade.qty);
        must!(
            (trade.base_amt.get(), trade.gross_trade_amt.get()) == (base, gross),
            "a trade that is not worth what it says: {trade:?}"
        );
        must!(
            (trade.base.0, trade.quote.0) == (BASE, QUOTE),
            "a trade in other assets"
        );
        self.post(buyer, BASE, base);
        self.post(seller, BASE, -base);
        self.post(buyer, QUOTE, -gross);
        self.post(seller, QUOTE, gross);
        let source = TradeSource::from_byte(trade.trade_source).ok_or("a trade from nowhere")?;
        for (payer, other, fee) in [
            (buyer, seller, trade.buyer_fee),
            (seller, buyer, trade.seller_fee),
        ] {
            let (from, to) = if source == TradeSource::Venue {
                (FEES, other)
            } else {
                (payer, FEES)
            };
            self.post(from, trade.fee_asset.0, -fee.get());
            self.post(to, trade.fee_asset.0, fee.get());
        }
        let house = (PartyKind::House.byte(), 0);
        let side = i64::from(buyer == house) - i64::from(seller == house);
        must!(
            (source == TradeSource::Book) == (side == 0),
            "a trade with the wrong parties: {trade:?}"
        );
        self.positions[trade.instrument.index()] += side * trade.qty.0;
        if source == TradeSource::Book {
            *happened.entry("trade in an own book").or_default() += 1;
        }
        Ok(())
    }

    /// That the engine has of everything what the trades make of it.
    fn compare(&self, engine: &Engine<Model>) -> Result<(), String> {
        for (at, qty) in self.positions.iter().enumerate() {
            let held = engine.position(pinrail_types::InstrumentId(at as u32)).qty.0;
            must!(
                held == *qty,
                "the position in {at} is {held}, and trades make it {qty}"
            );
        }
        for ((whose, asset), units) in &self.balances {
            let held = engine.balance(owner(*whose), AssetId(*asset)).get();
            must!(
                held == *units,
                "{whose:?} has {held} of asset {asset}, and trades make it {units}"
            );
        }
        Ok(())
    }

    pub(crate) fn close(&self, engine: &Engine<Model>) -> Result<(), String> {
        self.compare(engine)?;
        must!(engine.is_balanced(), "the accounts do not balance");
        must!(
            engine.nothing_reserved(),
            "nothing is open and something is reserved"
        );
        Ok(())
    }
}
