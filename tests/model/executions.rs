//! Reports of venues: which came before, and the trades that they told of, took back and corrected.

use std::collections::HashMap;

use pinrail_types::record::{ExecType, TradeCaptureReport, TradeReportTransType, TradeSource, VenueReport};
use pinrail_types::{Amount, OutId, Reason, Text, VenueId};

use crate::auditor::{Happened, Seen, must};

type Key = (VenueId, Text<40>);

/// A trade at a venue as it stands.
#[derive(Clone, Copy, Debug)]
struct Trade {
    order_id: OutId,
    qty: i64,
    /// How much of it counts for its order.
    of_order: i64,
    booked: TradeCaptureReport,
}

/// What became of a report.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Taken {
    Refused,
    Told,
    /// Or corrected it: a trade of so much, so much of which counted for its order.
    TookBack {
        order_id: OutId,
        qty: i64,
        of_order: i64,
    },
}

#[derive(Clone, Copy, Debug)]
enum Told {
    /// No trade.
    Report,
    Trade(Trade),
    Corrected(Key),
    Busted,
}

#[derive(Default)]
pub(crate) struct Executions {
    told: HashMap<Key, Told>,
}

impl Executions {
    /// What a report was taken for.
    pub(crate) fn see(
        &mut self,
        report: &VenueReport,
        seen: &Seen<'_>,
        happened: &mut Happened,
    ) -> Result<Taken, String> {
        let booked: Vec<_> = seen
            .all::<TradeCaptureReport>()
            .into_iter()
            .filter(|trade| trade.trade_source == TradeSource::Venue.byte())
            .collect();
        let key = (report.venue, report.exec_id);
        if self.told.contains_key(&key) {
            *happened.entry("report that came twice").or_default() += 1;
            must!(booked.is_empty(), "a fill was booked twice: {report:?}");
            must!(seen.refused.is_some(), "a report was taken twice: {report:?}");
            return Ok(Taken::Refused);
        }
        let exec_type = ExecType::from_byte(report.exec_type);
        let wanted = match exec_type {
            _ if seen.refused.is_some() => 0,
            Some(ExecType::Trade | ExecType::TradeCancel) => 1,
            Some(ExecType::TradeCorrect) => 2,
            _ => 0,
        };
        must!(
            booked.len() == wanted,
            "a report was booked {} times and refused for {:?}: {report:?}",
            booked.len(),
            seen.refused
        );
        if let Some(reason) = seen.refused {
            // What names no order that is known is noted all the same, unless it tells of a trade.
            if reason == Reason::UnknownOrder {
                self.told.insert(key, Told::Report);
            }
            return Ok(Taken::Refused);
        }
        match exec_type {
            Some(ExecType::Trade) => {
                self.tell(key, report, booked[0]);
                Ok(Taken::Told)
            }
            Some(ExecType::TradeCancel | ExecType::TradeCorrect) => self
                .take_back(key, report, &booked, happened)
                .map(|was| Taken::TookBack {
                    order_id: was.order_id,
                    qty: was.qty,
                    of_order: was.of_order,
                }),
            _ => {
                self.told.insert(key, Told::Report);
                Ok(Taken::Told)
            }
        }
    }

    fn tell(&mut self, key: Key, report: &VenueReport, booked: TradeCaptureReport) {
        let trade = Trade {
            order_id: report.order_id,
            qty: report.last_qty.0,
            of_order: 0,
            booked,
        };
        self.told.insert(key, Told::Trade(trade));
    }

    fn take_back(
        &mut self,
        key: Key,
        report: &VenueReport,
        booked: &[TradeCaptureReport],
        happened: &mut Happened,
    ) -> Result<Trade, String> {
        let mut of = (report.venue, report.exec_ref_id);
        while let Some(Told::Corrected(by)) = self.told.get(&of) {
            of = *by;
        }
        let Some(Told::Trade(was)) = self.told.get(&of).copied() else {
            return Err(format!("a trade was taken back that does not stand: {report:?}"));
        };
        let back = booked[0];
        let less = |amount: Amount| -amount.get();
        must!(
            back.trans_type == TradeReportTransType::Cancel.byte()
                && back.ref_id == was.booked.trade_id
                && (back.instrument, back.px) == (was.booked.instrument, was.booked.px)
                && (back.buyer_kind, back.seller_kind) == (was.booked.buyer_kind, was.booked.seller_kind)
                && back.qty.0 == -was.qty
                && back.gross_trade_amt.get() == less(was.booked.gross_trade_amt)
                && (back.buyer_fee.get(), back.seller_fee.get())
                    == (less(was.booked.buyer_fee), less(was.booked.seller_fee)),
            "a trade is taken back as another: {was:?} {back:?}"
        );
        let Some(now) = booked.get(1) else {
            *happened.entry("bust").or_default() += 1;
            self.told.insert(of, Told::Busted);
            // What took it back names no trade.
            self.told.insert(key, Told::Report);
            return Ok(was);
        };
        *happened.entry("correction").or_default() += 1;
        must!(
            now.trans_type == TradeReportTransType::Replace.byte()
                && (now.px, now.qty) == (report.last_px, report.last_qty)
                && now.instrument == was.booked.instrument
                && (now.buyer_kind, now.seller_kind) == (was.booked.buyer_kind, was.booked.seller_kind)
                && now.ref_id == was.order_id,
            "a trade is corrected to another than was told: {report:?} {now:?}"
        );
        let order_id = was.order_id;
        self.tell(key, &VenueReport { order_id, ..*report }, *now);
        self.told.insert(of, Told::Corrected(key));
        Ok(was)
    }

    /// So much of the trade that a report told of counts for its order.
    pub(crate) fn set_of_order(&mut self, report: &VenueReport, of_order: i64) {
        if let Some(Told::Trade(trade)) = self.told.get_mut(&(report.venue, report.exec_id)) {
            trade.of_order = of_order;
        }
    }
}
