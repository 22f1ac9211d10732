//! What has to be known of a journal before the first row of it is written.

use std::collections::BTreeMap;

use pinrail_journal::archive::Tail;
use pinrail_types::record::{AssetDef, InstrumentDef};
use pinrail_types::{Decimal, Frame, Grid, Px, Scaled};

use super::target::Format;
use super::warn_if_torn;
use crate::args::ExportArgs;
use crate::decode::row::Measure;
use crate::decode::{is_asset, text};
use crate::failure::Failure;
use crate::journal::filter::Filter;
use crate::output::spinner;

/// Most digits of a Parquet decimal.
pub(super) const DIGITS_MAX: u32 = 38;

/// Places behind the point of the decimals of a file, by what they count: the most that a definition asks for, so
/// that every value is exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    px: u8,
    qty: u8,
    amount: u8,
}

impl Places {
    #[cfg_attr(
        not(feature = "parquet"),
        expect(dead_code, reason = "only Parquet has columns of one scale")
    )]
    pub(super) fn of(self, measure: Measure) -> u8 {
        match measure {
            Measure::Units => 0,
            Measure::Px => self.px,
            Measure::Qty => self.qty,
            Measure::Amount => self.amount,
        }
    }
}

/// What the first reading of a journal found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) journal_id: String,
    /// Records up to the last that may pass.
    pub(super) records: u64,
    pub(super) places: Places,
    pub(super) torn: Option<String>,
    /// Ticks and lots by the symbol of their instrument.
    grids: BTreeMap<String, (Grid, Grid)>,
}

impl Survey {
    pub(super) fn of(args: &ExportArgs) -> Result<Survey, Failure> {
        let mut reader = args.journal.open()?;
        let filter = Filter::new(&args.filter);
        let mut survey = Survey {
            journal_id: reader.journal_id().to_string(),
            ..Survey::default()
        };
        let mut frame = Frame::default();
        let bar = spinner("reading definitions");
        while !filter.is_done(reader.next_seq() - 1) && reader.next(&mut frame)?.is_some() {
            survey.records += 1;
            survey.take(&frame, args.filter.instrument.as_deref());
            bar.inc(1);
        }
        bar.finish_and_clear();
        warn_if_torn(&reader);
        if let Some(Tail::Torn(torn)) = reader.tail() {
            let place = torn.path.display();
            survey.torn = Some(format!("{place} at byte {}: {}", torn.offset, torn.what));
        }
        Ok(survey)
    }

    /// Learns from a definition; only from those of the instrument that is wanted, if it is one.
    fn take(&mut self, frame: &Frame, instrument: Option<&str>) {
        if let Some(def) = frame.get::<AssetDef>().filter(|def| is_asset(def)) {
            self.places.amount = self.places.amount.max(places(def.exponent));
        } else if let Some(def) = frame.get::<InstrumentDef>() {
            let symbol = text(def.symbol.as_bytes());
            let wanted = |wanted: &str| wanted == symbol || wanted.parse() == Ok(def.instrument.0);
            let grid = |mantissa, exponent| Grid::new(Decimal { mantissa, exponent });
            if let (true, Ok(tick), Ok(lot)) = (
                instrument.is_none_or(wanted),
                grid(def.tick_mantissa, def.tick_exponent),
                grid(def.lot_mantissa, def.lot_exponent),
            ) {
                self.places.px = self.places.px.max(places(def.tick_exponent));
                self.places.qty = self.places.qty.max(places(def.lot_exponent));
                self.grids.insert(symbol, (tick, lot));
            }
        }
    }

    /// Refuses where the prices or quantities of two instruments can't stand in one column of Parquet.
    pub(super) fn check(&self, format: Format) -> Result<(), Failure> {
        if format != Format::Parquet {
            return Ok(());
        }
        for (symbol, (tick, lot)) in &self.grids {
            for (what, grid, places) in [("tick", tick, self.places.px), ("lot", lot, self.places.qty)] {
                if parquet_digits(grid.scaled(Px::ABS_MAX), places).is_none() {
                    return Err(Failure::Data(format!(
                        "{}, whose {what} is {}, does not fit a decimal of {DIGITS_MAX} digits with {places} \
                         behind the point, which another instrument needs: export them one by one with --instrument, \
                         or as CSV",
                        symbol.escape_debug(),
                        grid.step()
                    )));
                }
            }
        }
        Ok(())
    }
}

/// The digits of a decimal with so many places, if a Parquet decimal holds them.
pub(super) fn parquet_digits(decimal: Scaled, places: u8) -> Option<i128> {
    let fits = |digits: &i128| digits.unsigned_abs() < 10_u128.pow(DIGITS_MAX);
    decimal.digits(places).filter(fits)
}

fn places(exponent: i8) -> u8 {
    exponent.min(0).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use bytemuck::Zeroable;
    use pinrail_types::{InstrumentId, Text};

    use super::*;

    fn instrument(id: u32, symbol: &str, tick: (i64, i8)) -> Frame {
        Frame::of(&InstrumentDef {
            instrument: InstrumentId(id),
            tick_mantissa: tick.0,
            tick_exponent: tick.1,
            lot_mantissa: 1,
            lot_exponent: 2,
            symbol: Text::new(symbol).unwrap(),
            ..InstrumentDef::zeroed()
        })
    }

    fn survey(instrument: Option<&str>, frames: &[Frame]) -> Survey {
        let mut survey = Survey::default();
        for frame in frames {
            survey.take(frame, instrument);
        }
        survey
    }

    #[test]
    fn places_are_the_most_that_is_needed() {
        let asset = |exponent| {
            Frame::of(&AssetDef {
                exponent,
                ..AssetDef::zeroed()
            })
        };
        let frames = [
            asset(-6),
            asset(-8),
            asset(-19),
            instrument(0, "A", (1, -2)),
            instrument(1, "B", (5, -3)),
            instrument(2, "C", (0, -9)),
        ];
        let found = |instrument| survey(instrument, &frames).places;
        let places = |px| Places {
            px,
            qty: 0,
            amount: 8,
        };
        assert_eq!(found(None), places(3));
        assert_eq!(found(Some("A")), places(2));
        assert_eq!(found(Some("1")), places(3));
        assert_eq!(found(Some("C")), places(0), "no step of zero is defined");
    }

    #[test]
    fn grids_too_far_apart_are_refused_by_name() {
        let frames = [instrument(0, "FINE", (1, -18)), instrument(1, "COARSE", (1, 9))];
        let both = survey(None, &frames);
        let refused = both.check(Format::Parquet).unwrap_err().to_string();
        assert!(
            refused.starts_with("COARSE, whose tick is 1000000000, does not fit"),
            "{refused}"
        );
        both.check(Format::Csv).unwrap();
        survey(Some("COARSE"), &frames).check(Format::Parquet).unwrap();
        survey(
            None,
            &[instrument(0, "FINE", (1, -18)), instrument(1, "NEAR", (1, 4))],
        )
        .check(Format::Parquet)
        .unwrap();
    }

    #[test]
    fn parquet_decimals_have_38_digits() {
        let digits = |value, exponent| parquet_digits(Scaled { value, exponent }, 1);
        assert_eq!(digits(-(10_i128.pow(37) - 1), 0), Some(-(10_i128.pow(38) - 10)));
        assert_eq!(digits(10_i128.pow(37), 0), None);
        assert_eq!(digits(i128::MIN, -1), None);
    }
}
