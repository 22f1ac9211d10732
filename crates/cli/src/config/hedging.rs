//! How positions are brought back into their bands.

use bytemuck::Zeroable;
use pinrail_types::record::HedgingParams;
use pinrail_types::{E8, Frame, Qty};

use super::HEDGER;
use super::file::{File, HedgingSection};
use super::names::Names;
use super::resolve::Desk;
use super::value::{Resolved, amount, at, bps_e8, steps, whole};

// What the record takes at most.
const MS_MAX: i64 = 3_600_000;
const TRIES_MAX: i64 = u16::MAX as i64;

impl Desk {
    pub(super) fn hedging(&mut self, file: &File) -> Resolved<()> {
        let mut hedged = Names::of("table of hedging");
        for section in &file.hedging {
            hedged.add(section.instrument.get_ref(), &section.instrument)?;
            self.hedging_params(section)?;
        }
        Ok(())
    }

    fn hedging_params(&mut self, section: &HedgingSection) -> Resolved<()> {
        let id = self.instrument_names.find(&section.instrument)?;
        let instrument = &self.instruments[id];
        let lots = |value| steps(value, &instrument.lot, "the lot", 0).map(Qty);
        let (band_lots, target_lots) = (lots(&section.band)?, lots(&section.target)?);
        if target_lots > band_lots {
            return at(&section.target, "expected at most `band`");
        }
        let ns = |value| whole(value, 0..=MS_MAX, "milliseconds").map(|ms| ms.unsigned_abs() * 1_000_000);
        self.records.push(Frame::of(&HedgingParams {
            instrument: instrument.id,
            strategy: HEDGER,
            tries_max: whole(&section.tries_max, 1..=TRIES_MAX, "tries")? as u16,
            band_lots,
            target_lots,
            chase_e8: bps_e8(&section.chase_bps, 0..=E8)?,
            cost_max: amount(&section.cost_max, &self.assets[instrument.quote.index()])?,
            retry_ns: ns(&section.retry_ms)?,
            rest_ns: ns(&section.rest_ms)?,
            ..HedgingParams::zeroed()
        }));
        Ok(())
    }
}
