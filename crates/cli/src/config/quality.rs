//! When the market is looked at behind a client's fill.

use bytemuck::Zeroable;
use pinrail_types::record::MarkOutDef;
use pinrail_types::{Frame, Text};

use super::file::File;
use super::resolve::Desk;
use super::value::{Resolved, at, whole};

// What the record takes at most.
const HORIZONS_MAX: usize = 6;
const HORIZON_MS_MAX: i64 = 3_600_000;

impl Desk {
    pub(super) fn quality(&mut self, file: &File) -> Resolved<()> {
        let Some(section) = &file.quality else {
            return Ok(());
        };
        let mut horizons_ns = [0; HORIZONS_MAX];
        let mut before = 0;
        for (place, ms) in section.mark_out_ms.iter().enumerate() {
            let Some(horizon_ns) = horizons_ns.get_mut(place) else {
                return at(ms, format_args!("expected at most {HORIZONS_MAX} horizons"));
            };
            *horizon_ns = whole(ms, before + 1..=HORIZON_MS_MAX, "milliseconds")?.unsigned_abs() * 1_000_000;
            before = *ms.get_ref();
        }
        let [
            horizon_0_ns,
            horizon_1_ns,
            horizon_2_ns,
            horizon_3_ns,
            horizon_4_ns,
            horizon_5_ns,
        ] = horizons_ns;
        self.records.push(Frame::of(&MarkOutDef {
            horizon_0_ns,
            horizon_1_ns,
            horizon_2_ns,
            horizon_3_ns,
            horizon_4_ns,
            horizon_5_ns,
            actor: Text::new("config").expect("a short literal"),
            ..MarkOutDef::zeroed()
        }));
        Ok(())
    }
}
