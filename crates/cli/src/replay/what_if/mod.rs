//! `pinrail replay --what-if`: the recorded inputs under another configuration, and how the decisions differ.

use std::collections::BTreeMap;
use std::path::Path;

use pinrail_runtime::{Configurations, WhatIf};
use pinrail_types::{Scaled, Side};
use serde::Serialize;

use super::{RECORDS_PER_LOOK, failure, last_wanted};
use crate::args::ReplayArgs;
use crate::config::{Config, Definitions};
use crate::decode::utc;
use crate::failure::Failure;
use crate::model::{MakeModel, make_model};
use crate::output::{show, spinner};

mod adapt;
mod compare;
mod moves;
mod print;
mod world;

use adapt::Change;
use compare::{Comparison, Differing, Fills, Inputs, Marked, Requests, Responses, Tier};
use moves::MovesSummary;
use world::{Pair, pairs};

/// What came out, as it is printed in JSON.
#[derive(Debug, Serialize)]
struct Summary {
    /// Every output is the same, byte for byte.
    same: bool,
    /// Outputs of both worlds, and hashes over them.
    outputs: Pair,
    hash_before: String,
    hash_now: String,
    /// What the file says otherwise than the configuration of some epoch.
    changes: Vec<Change>,
    /// Definitions and limits that the journal has as later commands: they stand above the file's.
    given_later: u64,
    last_seq: u64,
    last_ts_core: u64,
    inputs: Inputs,
    requests: Requests,
    request_rejects: BTreeMap<String, Pair>,
    prices: Vec<MovesSummary>,
    fills: Pair,
    fills_compared: Fills,
    accepts: Responses,
    accept_rejects: BTreeMap<String, Pair>,
    passes: Responses,
    quote_ends: BTreeMap<String, Pair>,
    input_rejects: BTreeMap<String, Pair>,
    /// Quotes still open at the end.
    open_at_end: Pair,
    tiers: BTreeMap<u8, Tier>,
    holdings: Vec<HoldingLine>,
    decisions_differing: u64,
    differences: Vec<Differing>,
}

/// What the house holds in an instrument, in both worlds, as decimals.
#[derive(Debug, Serialize)]
struct HoldingLine {
    /// The last epoch of those that go on from one another.
    epoch: u32,
    instrument: String,
    /// The asset that cash and profit count.
    quote_asset: String,
    /// Middle of the recorded books' best bid and offer when there last was one, rounded down; none if there never was.
    mid: Option<String>,
    position_before: String,
    position_now: String,
    position_change: String,
    cash_before: String,
    cash_now: String,
    cash_change: String,
    /// Cash, and the position at the mid; none without a mid.
    profit_before: Option<String>,
    profit_now: Option<String>,
    profit_change: Option<String>,
}

/// Runs a journal's inputs under the configuration in `file`.
pub(super) fn main(args: &ReplayArgs, file: &Path) -> Result<(), Failure> {
    let config = Config::load_definitions(file)?;
    let (archive_dir, live_dir) = (args.journal.archive_dir(), args.journal.live.as_deref());
    let recorded = Configurations::read(archive_dir, live_dir)?;
    let mut other = recorded.clone();
    let mut changes = Vec::new();
    for epoch in &mut other.epochs {
        let adapted = adapt::adapt(&config.records, &epoch.records).map_err(|what| {
            let (file, epoch) = (file.display(), epoch.start.epoch);
            Failure::Usage(format!(
                "{file} can't stand in for epoch {epoch}'s configuration: {what}"
            ))
        })?;
        for change in adapt::changes(&epoch.records, &adapted) {
            if !changes.contains(&change) {
                changes.push(change);
            }
        }
        epoch.records = adapted;
    }
    let last = recorded.epochs.last();
    let definitions = last.map_or_else(Definitions::default, |epoch| Definitions::of(&epoch.records));
    let mut what_if = WhatIf::open(archive_dir, live_dir, other, make_model as MakeModel)?;
    let (seq, ts) = last_wanted(args.until);
    what_if.end_at(seq, ts);
    let tier_of = definitions
        .clients
        .iter()
        .map(|(id, def)| (*id, def.tier))
        .collect();
    let mut comparison = Comparison::new(tier_of, args.differences);
    let bar = spinner("replaying, sequence");
    while let Some(fate) = what_if
        .step(|_, out| comparison.take_now(out))
        .map_err(|e| failure(&args.journal, what_if.recorded(), e))?
    {
        let recorded = what_if.recorded();
        comparison.take(
            recorded.input(),
            recorded.engine(),
            recorded.out(),
            what_if.out(),
            fate,
        );
        if comparison.inputs.recorded.is_multiple_of(RECORDS_PER_LOOK) {
            bar.set_position(recorded.next_seq());
        }
    }
    bar.finish_and_clear();
    comparison.mark();
    let replay = what_if.recorded();
    let open = |engine: Option<&pinrail_engine::Engine<_>>| engine.map_or(0, |e| e.open_quotes() as u64);
    let summary = Summary {
        changes,
        given_later: recorded.given_later,
        last_seq: replay.last_seq(),
        last_ts_core: replay.last_ts(),
        open_at_end: Pair {
            before: open(replay.engine()),
            now: open(what_if.engine()),
        },
        ..Summary::of(comparison, &definitions)
    };
    show(&args.output, &summary, print::print)
}

impl Summary {
    fn of(comparison: Comparison, definitions: &Definitions) -> Summary {
        let Comparison { before, now, .. } = comparison;
        let symbol = |id: u32| match definitions.instruments.get(&id) {
            Some(def) => def.symbol.to_string(),
            None => format!("instrument:{id}"),
        };
        let prices = comparison.moves.into_iter().map(|((id, is_offer), moves)| {
            let side = if is_offer { Side::Buy } else { Side::Sell };
            moves.summary(symbol(id), side)
        });
        let marked = comparison.marked.iter();
        Summary {
            same: before.hash() == now.hash() && before.outputs == now.outputs,
            outputs: Pair {
                before: before.outputs,
                now: now.outputs,
            },
            hash_before: format!("{:#018x}", before.hash()),
            hash_now: format!("{:#018x}", now.hash()),
            changes: Vec::new(),
            given_later: 0,
            last_seq: 0,
            last_ts_core: 0,
            inputs: comparison.inputs,
            requests: comparison.requests,
            request_rejects: pairs(&before.request_rejects, &now.request_rejects),
            prices: prices.collect(),
            fills: Pair {
                before: before.fills,
                now: now.fills,
            },
            fills_compared: comparison.fills,
            accepts: comparison.accepts,
            accept_rejects: pairs(&before.accept_rejects, &now.accept_rejects),
            passes: comparison.passes,
            quote_ends: pairs(&before.quote_ends, &now.quote_ends),
            input_rejects: pairs(&before.input_rejects, &now.input_rejects),
            open_at_end: Pair::default(),
            tiers: comparison.tiers,
            holdings: marked
                .filter_map(|marked| HoldingLine::of(marked, definitions))
                .collect(),
            decisions_differing: comparison.decisions_differing,
            differences: comparison.differing,
        }
    }

    /// Until when, for people.
    fn until(&self) -> String {
        utc(self.last_ts_core)
    }
}

impl HoldingLine {
    /// `None` for an instrument that is not defined: nothing can be filled in it.
    fn of(marked: &Marked, definitions: &Definitions) -> Option<HoldingLine> {
        let (instrument, def, quote) = definitions.instrument(marked.instrument)?;
        let (before, now) = (marked.before, marked.now);
        let lots = |lots: i64| instrument.lot.display(lots).to_string();
        let money = |value: i128| {
            let exponent = quote.exponent;
            Scaled { value, exponent }.to_string()
        };
        let profit = |holding: world::Holding| {
            let worth = instrument.notional(marked.mid?, holding.position)?;
            holding.cash.checked_add(worth.get())
        };
        let (profit_before, profit_now) = (profit(before), profit(now));
        let change = profit_before.zip(profit_now).map(|(before, now)| now - before);
        Some(HoldingLine {
            epoch: marked.epoch,
            instrument: def.symbol.to_string(),
            quote_asset: quote.symbol.to_string(),
            mid: marked.mid.map(|mid| instrument.tick.display(mid.0).to_string()),
            position_before: lots(before.position.0),
            position_now: lots(now.position.0),
            position_change: lots(now.position.0.saturating_sub(before.position.0)),
            cash_before: money(before.cash),
            cash_now: money(now.cash),
            cash_change: money(now.cash.saturating_sub(before.cash)),
            profit_before: profit_before.map(money),
            profit_now: profit_now.map(money),
            profit_change: change.map(money),
        })
    }
}
