//! What came of a desk's trading: inventory, hedges, and where the profit came from, by what its clients and venues were told.

use std::path::Path;

use pinrail_engine::Engine;
use pinrail_journal::archive::Reader;
use pinrail_types::{Frame, InstrumentId};
use serde::Serialize;

use crate::config::Definitions;
use crate::desk::live;
use crate::desk::rig::RigError;
use crate::model::Model;
use crate::scenario::ledger::{Counts, Ledger};
use crate::scenario::profit::{ProfitLine, profit};

/// What came of one epoch.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Story {
    pub(crate) rfqs: u64,
    pub(crate) quotes: u64,
    pub(crate) fills: u64,
    /// Fills of quotes, in hundredths of a percent.
    pub(crate) hit_rate_e4: u64,
    pub(crate) parent_orders: u64,
    pub(crate) parent_orders_ended: Counts,
    pub(crate) venue_orders: u64,
    pub(crate) venue_fills: u64,
    pub(crate) inventory: Vec<InventoryLine>,
    /// By instrument, and last for each asset that is quoted in.
    pub(crate) profit: Vec<ProfitLine>,
    /// The balances of each asset sum to zero over all accounts.
    pub(crate) is_balanced: bool,
    /// No quote and no order is open, and nothing is reserved.
    pub(crate) nothing_reserved: bool,
}

/// What the house holds of an instrument, and how much it may without a hedge.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct InventoryLine {
    pub(crate) instrument: String,
    pub(crate) position: String,
    pub(crate) band: String,
    pub(crate) is_inside: bool,
}

/// Reads the archive from sequence `from_seq` on, which is where the engine's last epoch began.
pub(crate) fn of(engine: &Engine<Model>, archive_dir: &Path, from_seq: u64) -> Result<Story, RigError> {
    let config = live::desk();
    let definitions = Definitions::of(&config.records);
    let tier = |id| definitions.clients.get(&id).map_or(0, |def| def.tier);
    let mut ledger = Ledger::new(&config.instruments, (0..config.clients).map(tier).collect());
    let mut reader = Reader::open(archive_dir, None)?;
    let mut frame = Frame::default();
    while reader.next(&mut frame)?.is_some() {
        if frame.header().seq >= from_seq {
            ledger.see(&frame);
        }
    }
    // A journal that was gone on with holds more than this epoch traded.
    let traded = |id: InstrumentId| {
        let book = &ledger.books[id.index()];
        (book.position, book.cash - book.fees)
    };
    let profit = profit(&definitions, &config.instruments, &ledger, traded)
        .map_err(|e| RigError::Flow(e.to_string()))?;
    let sum = |of: fn(&crate::scenario::ledger::Tier) -> u64| ledger.tiers.values().map(of).sum::<u64>();
    let (quotes, fills) = (sum(|tier| tier.quotes), sum(|tier| tier.fills));
    let inventory = definitions.hedging.values().map(|params| {
        let meta = &config.instruments[params.instrument.index()];
        let position = engine.position(meta.id).qty;
        InventoryLine {
            instrument: definitions.instruments[&meta.id.0].symbol.to_string(),
            position: meta.lot.display(position.0).to_string(),
            band: meta.lot.display(params.band_lots.0).to_string(),
            is_inside: position.0.abs() <= params.band_lots.0,
        }
    });
    Ok(Story {
        rfqs: sum(|tier| tier.requests),
        quotes,
        fills,
        hit_rate_e4: fills * 10_000 / quotes.max(1),
        parent_orders: ledger.parents,
        parent_orders_ended: ledger.parents_done.clone(),
        venue_orders: ledger.venue_orders,
        venue_fills: ledger.venue_fills,
        inventory: inventory.collect(),
        profit,
        is_balanced: engine.is_balanced(),
        nothing_reserved: engine.nothing_reserved()
            && engine.open_quotes() == 0
            && engine.open_orders().next().is_none(),
    })
}
