//! How clients are dealt with: last look by tier, and what waits for a dealer.

use bytemuck::Zeroable;
use pinrail_types::record::{DealingRule, LastLookDef};
use pinrail_types::{E8, Frame, Qty, Text};

use super::file::{DealingSection, File, LastLookSection};
use super::names::Names;
use super::resolve::Desk;
use super::value::{Resolved, at, bps_e8, steps, whole};

// What the records take at most.
const HOLD_MS_MAX: i64 = 1_000;
const TIMEOUT_MS_MAX: i64 = 3_600_000;

impl Desk {
    pub(super) fn dealing(&mut self, file: &File) -> Resolved<()> {
        let mut looked = Names::of("table of last_look");
        for section in &file.last_look {
            looked.add(section.tier.get_ref(), &section.tier)?;
            self.last_look(section)?;
        }
        let mut dealt = Names::of("table of dealing");
        for section in &file.dealing {
            dealt.add(section.instrument.get_ref(), &section.instrument)?;
            self.dealing_rule(section)?;
        }
        Ok(())
    }

    fn last_look(&mut self, section: &LastLookSection) -> Resolved<()> {
        let tier = self.tier_names.find(&section.tier)?;
        self.records.push(Frame::of(&LastLookDef {
            tier: tier as u8,
            one_sided: u8::from(section.one_sided),
            hold_ns: whole(&section.hold_ms, 0..=HOLD_MS_MAX, "milliseconds")?.unsigned_abs() * 1_000_000,
            tolerance_e8: bps_e8(&section.tolerance_bps, 0..=E8)?,
            actor: actor(),
            ..LastLookDef::zeroed()
        }));
        Ok(())
    }

    fn dealing_rule(&mut self, section: &DealingSection) -> Resolved<()> {
        let id = self.instrument_names.find(&section.instrument)?;
        let instrument = &self.instruments[id];
        let mut tiers = 0;
        for name in &section.tiers {
            tiers |= 1 << self.tier_names.find(name)?;
        }
        let most = section.auto_qty_max.as_ref();
        let auto_lots_max = most.map_or(Ok(0), |most| steps(most, &instrument.lot, "the lot", 1))?;
        if tiers == 0 && auto_lots_max == 0 {
            return at(&section.instrument, "expected `auto_qty_max`, `tiers`, or both");
        }
        self.records.push(Frame::of(&DealingRule {
            instrument: instrument.id,
            tiers,
            auto_lots_max: Qty(auto_lots_max),
            timeout_ns: whole(&section.timeout_ms, 1..=TIMEOUT_MS_MAX, "milliseconds")?.unsigned_abs()
                * 1_000_000,
            actor: actor(),
            ..DealingRule::zeroed()
        }));
        Ok(())
    }
}

fn actor() -> Text<16> {
    Text::new("config").expect("a short literal")
}
