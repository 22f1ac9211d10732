//! How positions are hedged, as a file says it.

use std::fmt::Write;

use super::super::HEDGER;
use super::{File, Inexpressible, bps, ms, quoted, steps};

impl File<'_> {
    pub(super) fn hedging(&mut self) -> Result<(), Inexpressible> {
        for (id, params) in &self.definitions.hedging {
            let (instrument, def, quote) = self.instrument(*id)?;
            let symbol = quoted(&def.symbol);
            if params.tries_max == 0 {
                continue;
            }
            if params.strategy != HEDGER {
                return Err(format!(
                    "{symbol} is hedged as strategy {}; a file's hedges go out as {}",
                    params.strategy.0, HEDGER.0
                ));
            }
            line!(self, "\n[[hedging]]\ninstrument = {symbol}");
            line!(self, "band = {}", steps(&instrument.lot, params.band_lots.0)?);
            line!(self, "target = {}", steps(&instrument.lot, params.target_lots.0)?);
            line!(self, "chase_bps = {}", bps(params.chase_e8)?);
            line!(self, "cost_max = {}", self.amount(params.cost_max, quote.asset)?);
            line!(self, "tries_max = {}", params.tries_max);
            line!(self, "retry_ms = {}", ms(params.retry_ns, &symbol)?);
            line!(self, "rest_ms = {}", ms(params.rest_ns, &symbol)?);
        }
        Ok(())
    }
}
