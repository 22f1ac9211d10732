//! What the sums come to, as it is printed in JSON: amounts are exact decimals, fractions of notional are in basis points with two
//! places, rounded to the nearest, halves away from zero.

use std::collections::BTreeMap;

use pinrail_report::Summary;
use pinrail_types::{Reason, Scaled};
use serde::Serialize;

use super::seen::{PACKAGES, Seen, UNKNOWN, worth};
use super::tally::{AtVenue, Counts, Group, Mark, Money};
use crate::args::QualityBy;

/// How good the quotes of a journal were.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) journal_id: String,
    pub(super) records: u64,
    pub(super) first_ts_core: Option<u64>,
    pub(super) last_ts_core: u64,
    /// All together.
    pub(super) all: Line,
    /// Of these, packages: each counts once, and is worth what its legs are.
    pub(super) packages: Line,
    /// What was asked for, each with its lines.
    pub(super) by: Vec<Grouped>,
    pub(super) venues: Vec<VenueLine>,
    /// Where profit came from, by instrument.
    pub(super) profit: Vec<ProfitLine>,
    pub(super) left_out: LeftOut,
}

/// What does not count, or not whole.
#[derive(Debug, Serialize)]
pub(super) struct LeftOut {
    /// Reports that were sent again.
    pub(super) resent_reports: u64,
    /// Records of another version's layout.
    pub(super) other_layouts: u64,
    /// Trades whose quote or order the journal does not hold: taken to be traded at their reference.
    pub(super) trades_without_reference: u64,
    /// Prices, trades and marks in instruments that the journal does not define.
    pub(super) not_valued: u64,
    /// Marks that were not made.
    pub(super) marks_missed: u64,
    /// Fees in other assets than the one that is quoted in, by asset: paid to venues less charged to clients.
    pub(super) other_fees: BTreeMap<String, String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Grouped {
    pub(super) by: &'static str,
    pub(super) lines: Vec<Line>,
}

#[derive(Debug, Serialize)]
pub(super) struct Line {
    /// Client, tier or instrument.
    pub(super) name: String,
    pub(super) requests: u64,
    pub(super) quotes: u64,
    pub(super) fills: u64,
    /// Fills of quotes, in percent with two places.
    pub(super) hit_rate_pct: Option<String>,
    pub(super) streams: u64,
    pub(super) stream_quotes: u64,
    pub(super) stream_fills: u64,
    pub(super) passed: u64,
    pub(super) done_away: u64,
    pub(super) expired: u64,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) ended: BTreeMap<String, u64>,
    pub(super) accepts_refused: BTreeMap<String, u64>,
    pub(super) time_to_quote: Option<Summary>,
    pub(super) money: Vec<MoneyLine>,
}

#[derive(Debug, Serialize)]
pub(super) struct MoneyLine {
    pub(super) asset: String,
    pub(super) fills: u64,
    pub(super) notional: String,
    pub(super) spread_quoted_bp: Option<String>,
    pub(super) spread_earned_bp: Option<String>,
    pub(super) spread_earned: String,
    pub(super) client_fees: String,
    pub(super) hedge_cost: String,
    pub(super) hedge_fees: String,
    /// Hedge and fees, of notional.
    pub(super) hedge_bp: Option<String>,
    /// Spread and clients' fees less hedges with their fees.
    pub(super) net: String,
    pub(super) net_bp: Option<String>,
    pub(super) mark_outs: Vec<MarkLine>,
}

#[derive(Debug, Serialize)]
pub(super) struct MarkLine {
    pub(super) horizon_ns: u64,
    pub(super) fills: u64,
    pub(super) missing: u64,
    /// What fills were worth to the house at the middle, and that of their notional.
    pub(super) mark_out: String,
    pub(super) mark_out_bp: Option<String>,
    /// How far the middle moved against the house.
    pub(super) adverse_selection: String,
    pub(super) adverse_selection_bp: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct VenueLine {
    pub(super) venue: String,
    pub(super) orders: u64,
    pub(super) asset: String,
    pub(super) fills: u64,
    pub(super) notional: String,
    pub(super) cost: String,
    pub(super) cost_bp: Option<String>,
    pub(super) fees: String,
    pub(super) fees_bp: Option<String>,
}

/// The sources sum to the total.
#[derive(Debug, Serialize)]
pub(super) struct ProfitLine {
    pub(super) instrument: String,
    pub(super) asset: String,
    pub(super) spread: String,
    pub(super) hedging: String,
    pub(super) fees: String,
    /// What the market did to what was held.
    pub(super) inventory: Option<String>,
    pub(super) total: Option<String>,
    pub(super) position_lots: i64,
    /// What was received less what was paid, fees included.
    pub(super) cash: String,
}

/// `value` of `whole` in steps of `1 / steps`, with two places.
fn share(value: i128, whole: i128, steps: i128) -> Option<String> {
    if whole <= 0 {
        return None;
    }
    let scaled = value.checked_mul(steps)?.checked_mul(100)?;
    let rounded = scaled.checked_add(scaled.signum() * (whole / 2))? / whole;
    Some(
        Scaled {
            value: rounded,
            exponent: -2,
        }
        .to_string(),
    )
}

fn bp(value: i128, notional: i128) -> Option<String> {
    share(value, notional, 10_000)
}

/// What is made of everything.
pub(super) fn of(seen: &Seen, journal_id: String) -> Report {
    let by = seen.by.iter().map(|(by, groups)| Grouped {
        by: match by {
            QualityBy::Client => "client",
            QualityBy::Tier => "tier",
            QualityBy::Instrument | QualityBy::Venue => "instrument",
        },
        lines: groups
            .iter()
            .map(|(id, group)| line(seen, name(seen, *by, *id), group))
            .collect(),
    });
    let other_fees = seen.other_fees.iter();
    Report {
        journal_id,
        records: seen.records,
        first_ts_core: seen.first_ts,
        last_ts_core: seen.last_ts,
        all: line(seen, "all".to_owned(), &seen.all),
        packages: line(seen, "packages, of all".to_owned(), &seen.packages),
        by: by.collect(),
        venues: venues(seen),
        profit: profit(seen),
        left_out: LeftOut {
            resent_reports: seen.resent,
            other_layouts: seen.other_layouts,
            trades_without_reference: seen.without_reference,
            not_valued: seen.not_valued,
            marks_missed: seen.marks_missed,
            other_fees: other_fees
                .map(|(asset, units)| (asset_name(seen, *asset), money(seen, *asset, *units)))
                .collect(),
        },
    }
}

fn name(seen: &Seen, by: QualityBy, id: u32) -> String {
    let known = match by {
        QualityBy::Client => seen.clients.get(&id).map(|def| def.name.to_string()),
        QualityBy::Tier => Some(id.to_string()),
        QualityBy::Instrument | QualityBy::Venue => {
            seen.instruments.get(&id).map(|(def, _)| def.symbol.to_string())
        }
    };
    let known = known.filter(|name| !name.is_empty());
    match (id, by) {
        // What a hedge traded beyond what clients had.
        (UNKNOWN, QualityBy::Client | QualityBy::Tier) => "(desk)".to_owned(),
        (UNKNOWN, _) => "(unknown)".to_owned(),
        (PACKAGES, QualityBy::Instrument | QualityBy::Venue) => "(packages)".to_owned(),
        _ => known.unwrap_or_else(|| id.to_string()),
    }
}

fn asset_name(seen: &Seen, asset: u32) -> String {
    let def = seen.assets.get(&asset);
    def.map_or_else(|| asset.to_string(), |def| def.symbol.to_string())
}

fn money(seen: &Seen, asset: u32, value: i128) -> String {
    let exponent = seen.assets.get(&asset).map_or(0, |def| def.exponent);
    Scaled { value, exponent }.to_string()
}

fn named(counts: &Counts) -> BTreeMap<String, u64> {
    let name = |code: u16| match Reason::from_code(code) {
        Some(reason) => format!("{reason:?}"),
        None => code.to_string(),
    };
    counts.iter().map(|(code, count)| (name(*code), *count)).collect()
}

fn line(seen: &Seen, name: String, group: &Group) -> Line {
    let ended = |reason: Reason| group.ended.get(&reason.code()).copied().unwrap_or(0);
    let moneys = group.money.iter();
    Line {
        name,
        requests: group.requests,
        quotes: group.quotes,
        fills: group.fills,
        hit_rate_pct: share(group.fills.into(), group.quotes.into(), 100),
        streams: group.streams,
        stream_quotes: group.stream_quotes,
        stream_fills: group.stream_fills,
        passed: ended(Reason::ClientPassed),
        done_away: ended(Reason::DoneAway),
        expired: ended(Reason::QuoteExpired),
        refused: named(&group.refused),
        ended: named(&group.ended),
        accepts_refused: named(&group.accepts_refused),
        time_to_quote: group.time_to_quote.as_ref().map(|times| times.summary()),
        money: moneys.map(|(asset, of)| money_line(seen, *asset, of)).collect(),
    }
}

fn money_line(seen: &Seen, asset: u32, of: &Money) -> MoneyLine {
    let text = |value| money(seen, asset, value);
    let net = of.spread + of.fees - of.hedge_cost - of.hedge_fees;
    MoneyLine {
        asset: asset_name(seen, asset),
        fills: of.fills,
        notional: text(of.notional),
        spread_quoted_bp: bp(of.quoted_spread, of.quoted_notional),
        spread_earned_bp: bp(of.spread, of.notional),
        spread_earned: text(of.spread),
        client_fees: text(of.fees),
        hedge_cost: text(of.hedge_cost),
        hedge_fees: text(of.hedge_fees),
        hedge_bp: bp(of.hedge_cost + of.hedge_fees, of.notional),
        net: text(net),
        net_bp: bp(net, of.notional),
        mark_outs: of
            .marks
            .iter()
            .map(|(horizon_ns, mark)| mark_line(seen, asset, *horizon_ns, mark))
            .collect(),
    }
}

fn mark_line(seen: &Seen, asset: u32, horizon_ns: u64, mark: &Mark) -> MarkLine {
    MarkLine {
        horizon_ns,
        fills: mark.fills,
        missing: mark.missing,
        mark_out: money(seen, asset, mark.value),
        mark_out_bp: bp(mark.value, mark.notional),
        adverse_selection: money(seen, asset, mark.against),
        adverse_selection_bp: bp(mark.against, mark.against_notional),
    }
}

fn venues(seen: &Seen) -> Vec<VenueLine> {
    let mut lines = Vec::new();
    for (id, venue) in &seen.venues {
        let name = seen
            .venue_names
            .get(id)
            .cloned()
            .unwrap_or_else(|| id.to_string());
        for (asset, at) in &venue.money {
            lines.push(venue_line(seen, name.clone(), venue.orders, *asset, at));
        }
    }
    lines
}

fn venue_line(seen: &Seen, venue: String, orders: u64, asset: u32, at: &AtVenue) -> VenueLine {
    VenueLine {
        venue,
        orders,
        asset: asset_name(seen, asset),
        fills: at.fills,
        notional: money(seen, asset, at.notional),
        cost: money(seen, asset, at.cost),
        cost_bp: bp(at.cost, at.notional),
        fees: money(seen, asset, at.fees),
        fees_bp: bp(at.fees, at.notional),
    }
}

fn profit(seen: &Seen) -> Vec<ProfitLine> {
    let mut lines = Vec::new();
    for (id, book) in &seen.books {
        let Some((def, meta)) = seen.instruments.get(id) else {
            continue;
        };
        let text = |value| money(seen, def.quote.0, value);
        let worth = worth(meta.as_ref(), book).map(|now| book.worth_before + now);
        lines.push(ProfitLine {
            instrument: def.symbol.to_string(),
            asset: asset_name(seen, def.quote.0),
            spread: text(book.spread),
            hedging: text(book.hedging),
            fees: text(book.fees),
            inventory: worth.map(|worth| text(worth - book.at_references)),
            total: worth.map(|worth| text(book.cash + book.fees + worth)),
            position_lots: book.position,
            cash: text(book.cash + book.fees),
        });
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_rounded_to_the_nearest_and_halves_away_from_zero() {
        for (value, whole, expected) in [
            (1, 1, Some("10000.00")),
            (-1, 3, Some("-3333.33")),
            (2, 3, Some("6666.67")),
            (5, 1_000_000, Some("0.05")),
            // A two-hundredth of a basis point.
            (1, 2_000_000, Some("0.01")),
            (-1, 2_000_000, Some("-0.01")),
            (1, 2_000_001, Some("0.00")),
            (1, 0, None),
            (i128::MAX, 1, None),
        ] {
            assert_eq!(bp(value, whole).as_deref(), expected, "{value} of {whole}");
        }
    }
}
