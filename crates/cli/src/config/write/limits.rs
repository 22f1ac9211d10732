//! Limits that may be left out, as a file says them.

use pinrail_types::AssetId;
use std::fmt::Write;

use pinrail_types::record::{ClientDef, LimitKind, LimitScope, LimitSet, TradingState};

use super::{File, Inexpressible, bps, ms, quoted, steps};

/// The keys that a file has for kinds of limits; what is on the restricted list has a table.
const KEYS: [(LimitKind, &str); 20] = [
    (LimitKind::NotionalMin, "notional_min"),
    (LimitKind::VenueSpread, "venue_spread_bps"),
    (LimitKind::ReferenceMove, "reference_move"),
    (LimitKind::Executions, "executions_max"),
    (LimitKind::ProtectionFills, "protection_fills"),
    (LimitKind::ProtectionDelta, "protection_delta"),
    (LimitKind::Loss, "loss"),
    (LimitKind::Drawdown, "drawdown"),
    (LimitKind::ClientUnexecuted, "unexecuted_max"),
    (LimitKind::ClientRate, "rate"),
    (LimitKind::DuplicateWindow, "duplicate_ms"),
    (LimitKind::OrderToTrade, "order_to_trade"),
    (LimitKind::ClientOpenOrders, "open_orders_max"),
    (LimitKind::AssetUnexecuted, "unexecuted_max"),
    (LimitKind::GrossExposure, "gross_max"),
    (LimitKind::NetExposure, "net_max"),
    (LimitKind::AssetLoss, "loss"),
    (LimitKind::AssetDrawdown, "drawdown"),
    (LimitKind::SessionRate, "session_rate"),
    (LimitKind::VenueRate, "order_rate"),
];

impl File<'_> {
    /// Refuses limits that a file has no place for.
    pub(super) fn check_limits(&self) -> Result<(), Inexpressible> {
        for set in self.definitions.more_limits.values() {
            let has_place = match LimitKind::from_byte(set.kind) {
                None => false,
                Some(kind) if kind.is_required() => false,
                Some(kind) => match kind.scope() {
                    LimitScope::Instrument => self.definitions.limits.contains_key(&set.target),
                    LimitScope::Client => self.definitions.clients.contains_key(&set.target),
                    LimitScope::Venue => {
                        let venue = u16::try_from(set.target);
                        venue.is_ok_and(|venue| self.definitions.venues.contains_key(&venue))
                    }
                    LimitScope::Asset | LimitScope::Desk => true,
                },
            };
            if !has_place || set.expires_at != 0 {
                return Err(format!(
                    "a limit of kind {:#x} for {} that ends at {}; a file gives further limits of instruments that have \
                     [[limits]], of clients, of venues, of assets and of the desk, for good",
                    set.kind, set.target, set.expires_at
                ));
            }
        }
        Ok(())
    }

    /// Keys and values of what is limited of one instrument, client, venue or asset, or of the desk.
    pub(super) fn more_limits(
        &self,
        scope: LimitScope,
        target: u32,
    ) -> Result<Vec<(&'static str, String)>, Inexpressible> {
        let mut said = Vec::new();
        for (kind, key) in KEYS {
            let set = self.definitions.more_limits.get(&(kind.byte(), target, 0));
            // A value that is none sets no limit, as none does.
            if let Some(set) = set.filter(|set| kind.scope() == scope && set.value != LimitSet::NONE) {
                said.push((key, self.limit(kind, set)?));
            }
        }
        Ok(said)
    }

    fn limit(&self, kind: LimitKind, set: &LimitSet) -> Result<String, Inexpressible> {
        let of = format!("{kind:?} of {}", set.target);
        let count = set.value.get();
        let fraction = || bps(i64::try_from(count).map_err(|_| format!("{of} is no fraction"))?);
        let window_ms = || ms(set.window_ns, &of);
        Ok(match kind {
            LimitKind::VenueSpread => fraction()?,
            LimitKind::ReferenceMove => format!("{{ bps = {}, window_ms = {} }}", fraction()?, window_ms()?),
            LimitKind::Executions | LimitKind::ClientOpenOrders => count.to_string(),
            LimitKind::DuplicateWindow => window_ms()?.to_string(),
            LimitKind::ProtectionFills
            | LimitKind::ClientRate
            | LimitKind::OrderToTrade
            | LimitKind::SessionRate
            | LimitKind::VenueRate => format!("{{ most = {count}, window_ms = {} }}", window_ms()?),
            LimitKind::ProtectionDelta => {
                let (instrument, ..) = self.instrument(set.target)?;
                let lots = i64::try_from(count).map_err(|_| format!("{of} is no quantity"))?;
                let qty = steps(&instrument.lot, lots)?;
                format!("{{ qty = {qty}, window_ms = {} }}", window_ms()?)
            }
            LimitKind::Loss | LimitKind::Drawdown | LimitKind::AssetLoss | LimitKind::AssetDrawdown => {
                let halts = set.state == TradingState::Halted.byte();
                let then = if halts { "halt" } else { "reduce" };
                let most = self.amount(set.value, self.counted_in(kind, set.target)?)?;
                format!("{{ most = {most}, then = \"{then}\" }}")
            }
            _ => self.amount(set.value, self.counted_in(kind, set.target)?)?,
        })
    }

    /// The asset that a limit's amounts count.
    fn counted_in(&self, kind: LimitKind, target: u32) -> Result<AssetId, Inexpressible> {
        match kind.scope() {
            LimitScope::Instrument => self.instrument(target).map(|(_, _, quote)| quote.asset),
            LimitScope::Client => {
                let client = self.definitions.clients.get(&target);
                let asset = client.map(|client| client.credit_asset);
                asset.ok_or_else(|| format!("client {target} is not defined"))
            }
            LimitScope::Asset | LimitScope::Desk | LimitScope::Venue => Ok(AssetId(target)),
        }
    }

    /// Limits of assets and of the desk, and the restricted list.
    pub(super) fn desk_limits(&mut self) -> Result<(), Inexpressible> {
        let desk = self.more_limits(LimitScope::Desk, 0)?;
        self.table("[desk]", &desk);
        for id in self.definitions.assets.keys() {
            let limits = self.more_limits(LimitScope::Asset, *id)?;
            let symbol = ("asset", self.asset(AssetId(*id))?);
            if !limits.is_empty() {
                self.table("[[asset_limits]]", &[&[symbol], &limits[..]].concat());
            }
        }
        for set in self.definitions.more_limits.values() {
            if set.kind == LimitKind::Permitted.byte() && set.value.get() == 0 {
                let (_, instrument, _) = self.instrument(set.instrument.0)?;
                let client = quoted(&self.definitions.clients[&set.target].name);
                let pair = [("client", client), ("instrument", quoted(&instrument.symbol))];
                self.table("[[restricted]]", &pair);
            }
        }
        Ok(())
    }

    fn table(&mut self, head: &str, keys: &[(&str, String)]) {
        if !keys.is_empty() {
            line!(self, "\n{head}");
            self.keys(keys);
        }
    }

    pub(super) fn keys(&mut self, keys: &[(&str, String)]) {
        for (key, value) in keys {
            line!(self, "{key} = {value}");
        }
    }

    /// The limits of a client, in one line; empty if there are none.
    pub(super) fn client_limits(&self, client: &ClientDef) -> Result<String, Inexpressible> {
        let limits = self.more_limits(LimitScope::Client, client.client.0)?;
        let pairs: Vec<String> = limits
            .iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        Ok(pairs.join(", "))
    }
}
