//! What a stream of reports and fills says is open, was traded, and is owed; and whether that adds up.

use std::collections::BTreeMap;

use pinrail_types::record::{ExecType, OrdStatus};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, Side};

use crate::order::BookOrder;
use crate::report::{Fees, Fill, Party, Report};

/// Makers are paid half a basis point, takers pay two.
const FEES: Fees = Fees {
    maker_e8: -5_000,
    taker_e8: 20_000,
    unit: 3,
};

/// Kept from reports and fills alone. Its methods panic where these contradict one another.
#[derive(Debug, Default)]
pub struct Ledger {
    open: BTreeMap<u64, Report>,
    positions: BTreeMap<(InstrumentId, ClientId), i64>,
    money: BTreeMap<ClientId, i128>,
    house: i128,
    trades: BTreeMap<InstrumentId, u64>,
}

impl Ledger {
    /// Gives a client a position, at the cost of somebody who never trades.
    pub fn set_position(&mut self, instrument: InstrumentId, client: ClientId, position: i64) {
        let before = self.positions.insert((instrument, client), position);
        let nobody = self.positions.entry((instrument, ClientId(u32::MAX)));
        *nobody.or_default() -= position - before.unwrap_or(0);
    }

    /// What a client holds, by its fills.
    pub fn position(&self, instrument: InstrumentId, client: ClientId) -> i64 {
        let position = self.positions.get(&(instrument, client));
        position.copied().unwrap_or(0)
    }

    /// Orders that are open, by what was said.
    pub fn open_ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.open.keys().copied()
    }

    /// Sees that an open order stands as was said.
    ///
    /// # Panics
    /// If it does not.
    pub fn check(&self, order: &BookOrder) {
        let said = &self.open[&order.order_id];
        let said = (
            said.instrument,
            said.client,
            said.session,
            said.side,
            said.px,
            said.qty,
            said.leaves,
        );
        let is = (
            order.instrument,
            order.client,
            order.session,
            order.side,
            order.px,
            order.qty,
            order.leaves,
        );
        assert_eq!(said, is, "order {} as said, and as it is", order.order_id);
        assert!(order.shown <= order.leaves && (order.shown.0 > 0) == (order.stop_px == Px::NONE));
    }

    /// Sees that nothing came out of nothing: assets and money of all clients and the house.
    ///
    /// # Panics
    /// If something did.
    pub fn check_sums(&self) {
        assert_eq!(self.positions.values().sum::<i64>(), 0, "assets");
        assert_eq!(self.money.values().sum::<i128>() + self.house, 0, "money");
    }

    pub(super) fn report(&mut self, report: &Report) {
        if report.exec_type == ExecType::Rejected {
            return;
        }
        let id = report.order_id;
        let before = self.open.remove(&id);
        if report.exec_type == ExecType::New {
            assert!(before.is_none(), "open already: {report:?}");
            assert_eq!((report.leaves, report.cum), (report.qty, Qty::ZERO), "{report:?}");
            self.open.insert(id, *report);
            return;
        }
        let before = before.unwrap_or_else(|| panic!("it is not open: {report:?}"));
        let fixed = |r: &Report| (r.instrument, r.client, r.side, r.cum);
        assert_eq!(fixed(&before), fixed(report), "{report:?}");
        match report.exec_type {
            ExecType::Canceled | ExecType::Expired => {
                assert!(report.cum <= report.qty && report.qty <= before.qty, "{report:?}");
                return;
            }
            ExecType::Triggered => assert_eq!(before.qty, report.qty, "{report:?}"),
            ExecType::Restated => assert!(report.qty < before.qty, "{report:?}"),
            ExecType::Replaced => {}
            _ => panic!("it does not happen: {report:?}"),
        }
        assert_eq!(report.qty.0, report.cum.0 + report.leaves.0, "{report:?}");
        let status = if report.cum.0 == 0 {
            OrdStatus::New
        } else {
            OrdStatus::PartiallyFilled
        };
        assert_eq!(report.ord_status, status, "{report:?}");
        self.open.insert(id, *report);
    }

    pub(super) fn fill(&mut self, fill: &Fill) {
        let trades = self.trades.entry(fill.instrument).or_default();
        *trades += 1;
        assert_eq!(fill.trade_id, *trades, "{fill:?}");
        assert!(fill.qty.0 > 0, "{fill:?}");
        let (maker_fee, taker_fee) = FEES.of(fill);
        self.settle(fill, fill.side, &fill.taker, taker_fee);
        self.settle(fill, fill.side.opposite(), &fill.maker, maker_fee);
        self.house += maker_fee + taker_fee;
    }

    fn settle(&mut self, fill: &Fill, side: Side, party: &Party, fee: i128) {
        let order = self.open.get_mut(&party.order_id);
        let order = order.unwrap_or_else(|| panic!("it is not open: {party:?}"));
        order.leaves.0 -= fill.qty.0;
        order.cum.0 += fill.qty.0;
        assert_eq!((order.leaves, order.cum), (party.leaves, party.cum), "{fill:?}");
        assert_eq!(order.qty.0, party.leaves.0 + party.cum.0, "{fill:?}");
        let is = (order.instrument, order.side, order.client, order.session);
        assert_eq!(
            is,
            (fill.instrument, side, party.client, party.session),
            "{fill:?}"
        );
        let is_at_limit_or_better = (order.px.0 - fill.px.0) * side.sign() >= 0;
        assert!(is_at_limit_or_better, "worse than {:?}: {fill:?}", order.px);
        if party.leaves.0 == 0 {
            self.open.remove(&party.order_id);
        }
        let position = self.positions.entry((fill.instrument, party.client));
        *position.or_default() += fill.qty.0 * side.sign();
        let paid = fill.px.notional(fill.qty) * i128::from(side.sign() * FEES.unit);
        *self.money.entry(party.client).or_default() -= paid + fee;
    }
}

impl Fees {
    fn of(&self, fill: &Fill) -> (i128, i128) {
        let (maker, taker) = fill.fees(self).expect("amounts of tests are small");
        let notional = (fill.px.notional(fill.qty) * i128::from(self.unit)).abs();
        assert!(
            taker >= 0 && maker.abs() <= notional && (fill.is_auction || maker <= 0),
            "{fill:?}"
        );
        (maker, taker)
    }
}
