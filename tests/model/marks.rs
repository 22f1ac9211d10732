//! Where the market was behind fills: each is looked at at each horizon, once and for its own time.

use std::collections::BTreeMap;

use pinrail_engine::Engine;
use pinrail_types::OutId;
use pinrail_types::record::{MarkOut, MarkOutDef, MarkOutMiss, TradeCaptureReport, TradeSource};

use crate::auditor::{Happened, Seen, must};
use crate::world::Model;

type TradeKey = (u32, u64, u32);

#[derive(Default)]
pub(crate) struct Marks {
    horizons: Vec<u64>,
    /// When which mark is due.
    to_come: BTreeMap<(TradeKey, u64), u64>,
}

fn key(id: OutId) -> TradeKey {
    (id.epoch, id.seq, id.sub)
}

impl Marks {
    pub(crate) fn see(&mut self, seen: &Seen<'_>, happened: &mut Happened) -> Result<(), String> {
        for frame in seen.out.frames() {
            if let Some(mark) = frame.get::<MarkOut>() {
                let due = self.to_come.remove(&(key(mark.trade_id), mark.horizon_ns));
                must!(
                    due == Some(mark.due_ts) && mark.due_ts <= seen.now,
                    "a mark that was due at {due:?}: {mark:?}"
                );
                *happened.entry("mark behind a fill").or_default() += 1;
            } else if let Some(trade) = frame.get::<TradeCaptureReport>() {
                if trade.trade_source == TradeSource::Quote.byte() {
                    for horizon in &self.horizons {
                        let mark = (key(trade.trade_id), *horizon);
                        self.to_come.insert(mark, seen.now.saturating_add(*horizon));
                    }
                }
            } else if let Some(miss) = frame.get::<MarkOutMiss>() {
                let all = self.to_come.len();
                if miss.trade_id.is_none() {
                    self.to_come.clear();
                } else {
                    let whose = key(miss.trade_id);
                    self.to_come.retain(|(trade, _), _| *trade != whose);
                }
                must!(
                    all - self.to_come.len() == miss.marks as usize,
                    "{} marks are left out: {miss:?}",
                    all - self.to_come.len()
                );
            }
        }
        if let Some(def) = seen.input.get::<MarkOutDef>().filter(|_| seen.refused.is_none()) {
            let horizons = [def.horizon_0_ns, def.horizon_1_ns, def.horizon_2_ns];
            self.horizons = horizons.into_iter().filter(|horizon| *horizon > 0).collect();
        }
        Ok(())
    }

    /// That the engine has as many to make as are to come.
    pub(crate) fn compare(&self, engine: &Engine<Model>) -> Result<(), String> {
        let to_come = engine.marks_to_come();
        must!(
            to_come == self.to_come.len() as u64,
            "{to_come} marks are to come, and {} by what was told",
            self.to_come.len()
        );
        Ok(())
    }

    /// Nothing is due: what was to be looked at was.
    pub(crate) fn at_rest(&self, now: u64) -> Result<(), String> {
        let late = self.to_come.iter().find(|(_, due)| **due <= now);
        must!(late.is_none(), "a mark was not made: {late:?}");
        Ok(())
    }
}
