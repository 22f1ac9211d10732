//! Where the profit of a desk came from.

use std::collections::BTreeMap;

use pinrail_report::table::Table;
use pinrail_types::{Instrument, InstrumentId, Qty, Scaled};
use serde::Serialize;

use super::ledger::Ledger;
use crate::config::Definitions;
use crate::failure::Failure;

/// Where the profit came from, in the asset that is quoted in. The sources sum to the total.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ProfitLine {
    pub(crate) name: String,
    /// What clients paid beyond the reference of their quotes.
    pub(crate) spread: String,
    /// The same of the legs of packages.
    pub(crate) packages: String,
    /// What fills at venues gained against the reference of their hedges, without fees.
    pub(crate) hedging: String,
    /// What venues took.
    pub(crate) fees: String,
    /// The rest: what the market did to what was held.
    pub(crate) inventory: String,
    pub(crate) total: String,
    /// What the desk says that its parent orders cost, fees included.
    pub(crate) parent_cost: String,
}

/// The sources in an asset's smallest unit.
#[derive(Clone, Copy, Default)]
struct Sources {
    spread: i128,
    packages: i128,
    hedging: i128,
    fees: i128,
    inventory: i128,
    total: i128,
    parent_cost: i128,
}

impl Sources {
    fn line(&self, name: String, exponent: i8) -> ProfitLine {
        let text = |value| money(value, exponent);
        ProfitLine {
            name,
            spread: text(self.spread),
            packages: text(self.packages),
            hedging: text(self.hedging),
            fees: text(self.fees),
            inventory: text(self.inventory),
            total: text(self.total),
            parent_cost: text(self.parent_cost),
        }
    }

    fn plus(&self, other: &Sources) -> Sources {
        Sources {
            spread: self.spread + other.spread,
            packages: self.packages + other.packages,
            hedging: self.hedging + other.hedging,
            fees: self.fees + other.fees,
            inventory: self.inventory + other.inventory,
            total: self.total + other.total,
            parent_cost: self.parent_cost + other.parent_cost,
        }
    }
}

/// An amount in an asset whose smallest unit has this exponent.
pub(crate) fn money(value: i128, exponent: i8) -> String {
    Scaled { value, exponent }.to_string()
}

/// An amount with two places, the others cut off.
pub(crate) fn short(money: &str) -> &str {
    match money.find('.') {
        Some(point) => &money[..money.len().min(point + 3)],
        None => money,
    }
}

/// The profit by instrument, and last for each asset that is quoted in. `held` has lots and cash of an instrument as the desk says.
///
/// # Errors
/// [`Failure::Check`] if what the desk holds is not what clients and venues were told.
pub(crate) fn profit(
    definitions: &Definitions,
    instruments: &[Instrument],
    ledger: &Ledger,
    held: impl Fn(InstrumentId) -> (i64, i128),
) -> Result<Vec<ProfitLine>, Failure> {
    let mut lines = Vec::new();
    let mut by_asset: BTreeMap<u32, Sources> = BTreeMap::new();
    let is_listed = |id: u32| {
        definitions
            .listings
            .keys()
            .any(|(_, instrument)| *instrument == id)
    };
    for (id, def) in definitions.instruments.iter().filter(|(id, _)| is_listed(**id)) {
        let meta = &instruments[InstrumentId(*id).index()];
        let sources = sources(ledger, meta, held(meta.id)).ok_or_else(|| {
            Failure::Check(format!("{}: the profit's sources do not sum to it", def.symbol))
        })?;
        let sum = by_asset.entry(def.quote.0).or_default();
        *sum = sum.plus(&sources);
        lines.push(sources.line(def.symbol.to_string(), definitions.assets[&def.quote.0].exponent));
    }
    for (asset, sources) in by_asset {
        let def = &definitions.assets[&asset];
        lines.push(sources.line(format!("all in {}", def.symbol), def.exponent));
    }
    Ok(lines)
}

/// The sources of the profit in an instrument; `None` if they do not sum to it.
fn sources(ledger: &Ledger, meta: &Instrument, (lots, cash): (i64, i128)) -> Option<Sources> {
    let book = &ledger.books[meta.id.index()];
    let worth = match book.mark {
        Some(mark) => meta.notional(mark, Qty(lots))?.get(),
        None => 0,
    };
    let sources = Sources {
        spread: book.spread,
        packages: book.packages,
        hedging: book.hedging,
        fees: -book.fees,
        inventory: book.inventory(meta)?,
        total: cash + worth,
        parent_cost: ledger.parents_cost[meta.id.index()],
    };
    let sum = sources.spread + sources.packages + sources.hedging + sources.fees + sources.inventory;
    (sum == sources.total).then_some(sources)
}

/// For people.
pub(crate) fn profit_table(lines: &[ProfitLine]) -> Table {
    let mut table = Table::figures(&[
        "profit by source",
        "spread",
        "packages",
        "hedging",
        "fees",
        "inventory",
        "total",
        "parent orders' cost",
    ]);
    for line in lines {
        let amounts = [
            &line.spread,
            &line.packages,
            &line.hedging,
            &line.fees,
            &line.inventory,
            &line.total,
            &line.parent_cost,
        ];
        table.row(
            [line.name.as_str()]
                .into_iter()
                .chain(amounts.map(|amount| short(amount))),
        );
    }
    table
}
