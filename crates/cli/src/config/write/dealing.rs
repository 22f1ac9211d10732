//! Last look and dealing, as a file says them.

use std::fmt::Write;

use pinrail_types::Qty;

use super::{File, Inexpressible, bps, in_quotes, ms, quoted, steps, tier_name};

impl File<'_> {
    pub(super) fn dealing(&mut self) -> Result<(), Inexpressible> {
        for (tier, look) in &self.definitions.last_looks {
            let name = in_quotes(&tier_name(*tier));
            line!(self, "\n[[last_look]]\ntier = {name}");
            line!(self, "hold_ms = {}", ms(look.hold_ns, &name)?);
            line!(self, "tolerance_bps = {}", bps(look.tolerance_e8)?);
            if look.one_sided == 1 {
                line!(self, "one_sided = true");
            }
        }
        for (id, rule) in &self.definitions.dealing {
            let (instrument, def, _) = self.instrument(*id)?;
            let symbol = quoted(&def.symbol);
            if rule.tiers == 0 && rule.auto_lots_max == Qty::ZERO {
                continue;
            }
            line!(self, "\n[[dealing]]\ninstrument = {symbol}");
            if rule.auto_lots_max != Qty::ZERO {
                let most = steps(&instrument.lot, rule.auto_lots_max.0)?;
                line!(self, "auto_qty_max = {most}");
            }
            let tiers: Vec<String> = (0..16)
                .filter(|tier| rule.tiers >> tier & 1 == 1)
                .map(|tier| in_quotes(&tier_name(tier)))
                .collect();
            if !tiers.is_empty() {
                line!(self, "tiers = [{}]", tiers.join(", "));
            }
            line!(self, "timeout_ms = {}", ms(rule.timeout_ns, &symbol)?);
        }
        Ok(())
    }
}
