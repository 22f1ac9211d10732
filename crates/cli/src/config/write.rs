//! A journal's configuration as a file: what [`Config`](super::Config) reads.

use std::fmt::Write;

use pinrail_types::record::{
    AssetDef, ClientDef, EpochStart, InstrumentDef, InventoryRule, LimitScope, Scope, SequenceRule,
    TradingState, VenueDef,
};
use pinrail_types::{Amount, AssetId, Decimal, Grid, Instrument, InstrumentId, Qty, Scaled, Text};

use super::Definitions;

macro_rules! line {
    ($file:expr, $($arg:tt)*) => {
        writeln!($file.text, $($arg)*).expect("text takes any line")
    };
}

mod dealing;
mod hedging;
mod limits;
mod quality;

const NS_PER_MS: u64 = 1_000_000;

/// What can't be said in a file, and why.
type Inexpressible = String;

/// The file that configures an epoch as `definitions` do.
///
/// # Errors
/// Where the file has no words for it: records of an embedder's own making can say more than it does.
pub(crate) fn to_toml(start: &EpochStart, definitions: &Definitions) -> Result<String, Inexpressible> {
    let mut file = File {
        definitions,
        text: String::new(),
    };
    file.check_limits()?;
    file.head(start);
    file.assets()?;
    file.instruments()?;
    file.venues()?;
    file.tiers()?;
    file.clients()?;
    file.limits()?;
    file.quoting()?;
    file.dealing()?;
    file.hedging()?;
    file.quality()?;
    file.desk_limits()?;
    Ok(file.text)
}

struct File<'a> {
    definitions: &'a Definitions,
    text: String,
}

impl File<'_> {
    fn head(&mut self, epoch: &EpochStart) {
        let state = TradingState::Active.byte();
        let states = &self.definitions.states;
        let is_active = states
            .iter()
            .any(|set| set.scope == Scope::Global.byte() && set.state == state);
        let start = if is_active { "active" } else { "halted" };
        let clock = if epoch.playback == 0 { "live" } else { "playback" };
        line!(
            self,
            "# The configuration that epoch {} of a journal ran under.",
            epoch.epoch
        );
        line!(self, "start = \"{start}\"\n");
        line!(self, "# Where `run` is to write; a replay does not look at it.");
        line!(
            self,
            "[journal]\narchive_dir = \"journal\"\nlive_dir = \"/dev/shm/pinrail-journal\"\n"
        );
        line!(self, "[core]\nclock = \"{clock}\"");
    }

    fn assets(&mut self) -> Result<(), Inexpressible> {
        for def in self.definitions.assets.values() {
            let unit = Scaled {
                value: 1,
                exponent: def.exponent,
            };
            let symbol = quoted(&def.symbol);
            line!(self, "\n[[asset]]\nsymbol = {symbol}\nunit = {}", decimal(unit)?);
        }
        Ok(())
    }

    fn instruments(&mut self) -> Result<(), Inexpressible> {
        for id in self.definitions.instruments.keys() {
            let (instrument, def, _) = self.instrument(*id)?;
            line!(self, "\n[[instrument]]\nsymbol = {}", quoted(&def.symbol));
            line!(self, "base = {}", self.asset(def.base)?);
            line!(self, "quote = {}", self.asset(def.quote)?);
            line!(self, "tick = {}", steps(&instrument.tick, 1)?);
            line!(self, "lot = {}", steps(&instrument.lot, 1)?);
        }
        Ok(())
    }

    fn venues(&mut self) -> Result<(), Inexpressible> {
        for venue in self.definitions.venues.values() {
            let name = quoted(&venue.name);
            line!(self, "\n[[venue]]\nname = {name}\nrule = \"{}\"", rule(venue)?);
            line!(self, "taker_fee_bps = {}", bps(venue.taker_fee_e8.into())?);
            line!(self, "stale_ms = {}", ms(venue.stale_ns_max, &name)?);
            let limits = self.more_limits(LimitScope::Venue, venue.venue.0.into())?;
            self.keys(&limits);
            let listings = &self.definitions.listings;
            let listed = listings.range((venue.venue.0, 0)..=(venue.venue.0, u32::MAX));
            if listed.clone().next().is_none() {
                line!(self, "listing = []");
            }
            for ((_, id), listing) in listed {
                let (instrument, def, _) = self.instrument(*id)?;
                line!(self, "\n[[venue.listing]]\ninstrument = {}", quoted(&def.symbol));
                line!(self, "symbol = {}", quoted(&listing.symbol));
                line!(self, "tick = {}", steps(&instrument.tick, listing.tick_multiple)?);
                line!(self, "lot = {}", steps(&instrument.lot, listing.lot_multiple)?);
                line!(
                    self,
                    "# `run` needs the recording that is to be played: capture = \"...\""
                );
            }
        }
        Ok(())
    }

    fn tiers(&mut self) -> Result<(), Inexpressible> {
        let spreads = &self.definitions.spreads;
        let mut tiers: Vec<u8> = spreads.keys().map(|(tier, _)| *tier).collect();
        tiers.dedup();
        for tier in tiers {
            let mut by_symbol = Vec::new();
            for (id, def) in &self.definitions.instruments {
                let symbol = quoted(&def.symbol);
                let spread = spreads.get(&(tier, *id)).ok_or_else(|| {
                    format!(
                        "tier {tier} has no half-spread in {symbol}; a file gives one for every instrument"
                    )
                })?;
                by_symbol.push(format!("{symbol} = {}", bps(spread.half_spread_e8)?));
            }
            let name = in_quotes(&tier_name(tier));
            line!(self, "\n[[tier]]\nname = {name}");
            line!(self, "half_spread_bps = {{ {} }}", by_symbol.join(", "));
        }
        Ok(())
    }

    fn clients(&mut self) -> Result<(), Inexpressible> {
        let mut groups: Vec<Vec<&ClientDef>> = Vec::new();
        for client in self.definitions.clients.values() {
            match groups.last_mut() {
                Some(group)
                    if goes_on(group, client)
                        && self.client_limits(group[0])? == self.client_limits(client)? =>
                {
                    group.push(client);
                }
                _ => groups.push(vec![client]),
            }
        }
        // A file gives ids to single clients first: so groups stand behind the last one that is single.
        let last_single = groups.iter().rposition(|group| group.len() == 1);
        let singles = last_single.map_or(0, |at| at + 1);
        for client in groups[..singles].iter().flatten() {
            line!(self, "\n[[client]]\nname = {}", quoted(&client.name));
            self.terms(client)?;
        }
        for group in &groups[singles..] {
            let prefix = numbered(group[0]).map_or_else(String::new, |(prefix, _)| prefix);
            line!(
                self,
                "\n[[client_group]]\nprefix = {}\ncount = {}",
                in_quotes(&prefix),
                group.len()
            );
            self.terms(group[0])?;
        }
        Ok(())
    }

    fn terms(&mut self, client: &ClientDef) -> Result<(), Inexpressible> {
        if !self
            .definitions
            .spreads
            .keys()
            .any(|(tier, _)| *tier == client.tier)
        {
            return Err(format!(
                "{} is of tier {}, which has no half-spreads",
                client.name, client.tier
            ));
        }
        line!(self, "tier = {}", in_quotes(&tier_name(client.tier)));
        line!(
            self,
            "credit = {}",
            self.amount(client.credit_max, client.credit_asset)?
        );
        line!(self, "credit_asset = {}", self.asset(client.credit_asset)?);
        let limits = self.client_limits(client)?;
        if !limits.is_empty() {
            line!(self, "limits = {{ {limits} }}");
        }
        Ok(())
    }

    fn limits(&mut self) -> Result<(), Inexpressible> {
        for (id, limits) in &self.definitions.limits {
            let (instrument, def, quote) = self.instrument(*id)?;
            let symbol = quoted(&def.symbol);
            let lots = |lots: Qty| steps(&instrument.lot, lots.0);
            line!(self, "\n[[limits]]\ninstrument = {symbol}");
            line!(self, "qty_min = {}", lots(limits.qty_lots_min)?);
            line!(self, "qty_max = {}", lots(limits.qty_lots_max)?);
            line!(self, "qty_step = {}", lots(limits.qty_lots_step)?);
            line!(
                self,
                "notional_max = {}",
                self.amount(limits.notional_max, quote.asset)?
            );
            line!(self, "position_max = {}", lots(limits.position_lots_max)?);
            line!(self, "collar_bps = {}", bps(limits.collar_e8)?);
            line!(self, "quote_ttl_ms = {}", ms(limits.quote_ttl_ns, &symbol)?);
            line!(
                self,
                "px_step = {}",
                steps(&instrument.tick, limits.px_ticks_step)?
            );
            let more = self.more_limits(LimitScope::Instrument, *id)?;
            self.keys(&more);
        }
        Ok(())
    }

    fn quoting(&mut self) -> Result<(), Inexpressible> {
        for (id, params) in &self.definitions.quoting {
            let (instrument, def, _) = self.instrument(*id)?;
            let symbol = quoted(&def.symbol);
            let lots = |lots: Qty| steps(&instrument.lot, lots.0);
            line!(self, "\n[[quoting]]\ninstrument = {symbol}");
            line!(self, "volatility_mult = {}", number(params.volatility_mult_e8)?);
            line!(
                self,
                "volatility_tau_ms = {}",
                ms(params.volatility_tau_ns, &symbol)?
            );
            line!(self, "hold_ms = {}", ms(params.hold_ns, &symbol)?);
            line!(self, "impact_bps = {}", bps(params.impact_e8)?);
            line!(self, "impact_qty = {}", lots(params.impact_qty)?);
            match InventoryRule::from_byte(params.inventory_rule) {
                Some(InventoryRule::Linear) => line!(self, "skew_bps = {}", bps(params.skew_e8)?),
                Some(InventoryRule::Reservation) => line!(self, "aversion = {}", number(params.skew_e8)?),
                None => return Err(format!("{symbol} has a rule for inventory that is none")),
            }
            line!(self, "skew_position = {}", lots(params.skew_position)?);
            line!(self, "edge_min_bps = {}", bps(params.edge_min_e8)?);
            if params.hedgeable_lots_min != Qty::ZERO {
                line!(self, "hedgeable_min = {}", lots(params.hedgeable_lots_min)?);
            }
            if params.requote_e8 != 0 {
                line!(self, "requote_bps = {}", bps(params.requote_e8)?);
            }
            if params.requote_ns_min != 0 {
                line!(self, "requote_ms = {}", ms(params.requote_ns_min, &symbol)?);
            }
        }
        Ok(())
    }

    fn instrument(&self, id: u32) -> Result<(Instrument, InstrumentDef, AssetDef), Inexpressible> {
        let found = self.definitions.instrument(InstrumentId(id));
        found
            .map(|(instrument, def, quote)| (instrument, *def, *quote))
            .ok_or_else(|| format!("instrument {id} is not defined, or not well"))
    }

    fn asset(&self, id: AssetId) -> Result<String, Inexpressible> {
        let def = self.definitions.assets.get(&id.0);
        def.map(|def| quoted(&def.symbol))
            .ok_or_else(|| format!("asset {} is not defined", id.0))
    }

    fn amount(&self, amount: Amount, asset: AssetId) -> Result<String, Inexpressible> {
        self.asset(asset)?;
        decimal(Scaled {
            value: amount.get(),
            exponent: self.definitions.assets[&asset.0].exponent,
        })
    }
}

/// Whether `client` is the next of a group: its name numbered on, from 1, and all else the same.
fn goes_on(group: &[&ClientDef], client: &ClientDef) -> bool {
    let first = group[0];
    let is_next = match (numbered(first), numbered(client)) {
        (Some((prefix, 1)), Some((same, n))) => prefix == same && n == group.len() as u64 + 1,
        _ => false,
    };
    let terms = |client: &ClientDef| (client.tier, client.credit_asset, client.credit_max);
    is_next && terms(first) == terms(client)
}

/// A name that ends in a number, taken apart.
fn numbered(client: &ClientDef) -> Option<(String, u64)> {
    let name = plain(&client.name);
    let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &name[prefix.len()..];
    let number = digits.parse().ok()?;
    (!prefix.is_empty() && !digits.starts_with('0')).then(|| (prefix.to_owned(), number))
}

fn tier_name(tier: u8) -> String {
    format!("tier-{tier}")
}

fn quoted<const N: usize>(text: &Text<N>) -> String {
    in_quotes(&plain(text))
}

fn in_quotes(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A text as it is, not as it is shown.
fn plain<const N: usize>(text: &Text<N>) -> String {
    String::from_utf8_lossy(text.as_bytes()).into_owned()
}

fn rule(venue: &VenueDef) -> Result<&'static str, Inexpressible> {
    match SequenceRule::from_byte(venue.rule) {
        Some(SequenceRule::Plain) => Ok("plain"),
        Some(SequenceRule::BinanceSpot) => Ok("binance-spot"),
        Some(SequenceRule::BinanceUsdm) => Ok("binance-usdm"),
        Some(SequenceRule::Mirrored) => Ok("mirrored"),
        None => Err(format!("{} has a sequence rule that is none", venue.name)),
    }
}

fn ms(ns: u64, of: &str) -> Result<u64, Inexpressible> {
    if ns.is_multiple_of(NS_PER_MS) {
        Ok(ns / NS_PER_MS)
    } else {
        Err(format!(
            "{of} has a bound of {ns} ns; a file gives whole milliseconds"
        ))
    }
}

/// A fraction times 1e8 in basis points.
fn bps(e8: i64) -> Result<String, Inexpressible> {
    decimal(Scaled {
        value: e8.into(),
        exponent: -4,
    })
}

/// A plain number.
fn number(e8: i64) -> Result<String, Inexpressible> {
    decimal(Scaled {
        value: e8.into(),
        exponent: -8,
    })
}

fn steps(grid: &Grid, steps: i64) -> Result<String, Inexpressible> {
    decimal(grid.scaled(steps))
}

/// A decimal in quotes, without zeros at its end.
fn decimal(value: Scaled) -> Result<String, Inexpressible> {
    let mut text = value.to_string();
    if text.contains('.') {
        text = text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    match Decimal::parse(&text) {
        Ok(_) => Ok(format!("\"{text}\"")),
        Err(error) => Err(format!("{text} is {error}")),
    }
}
