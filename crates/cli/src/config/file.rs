//! The shape of the file: what serde reads, before names are looked up and numbers are checked.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use pinrail_types::Decimal;
use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};
use toml::Spanned;

use super::{Clock, Idle, Start, Sync};

/// Decimal text that has the syntax of one.
#[derive(Debug)]
pub(super) struct DecimalText {
    pub(super) text: String,
    pub(super) value: Decimal,
}

impl<'de> Deserialize<'de> for DecimalText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InQuotes;
        impl Visitor<'_> for InQuotes {
            type Value = DecimalText;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a decimal in quotes, as \"0.01\" (without quotes it would be rounded to binary)")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<DecimalText, E> {
                match Decimal::parse(text) {
                    Ok(value) => Ok(DecimalText {
                        text: text.to_owned(),
                        value,
                    }),
                    Err(error) => Err(E::custom(format_args!(
                        "\"{text}\" is {error}; expected {}",
                        &self as &dyn de::Expected
                    ))),
                }
            }
        }
        deserializer.deserialize_str(InQuotes)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) data: Option<PathBuf>,
    pub(super) start: Start,
    pub(super) journal: JournalSection,
    #[serde(default)]
    pub(super) core: CoreSection,
    pub(super) asset: Vec<AssetSection>,
    pub(super) instrument: Vec<InstrumentSection>,
    pub(super) venue: Vec<VenueSection>,
    pub(super) tier: Vec<TierSection>,
    #[serde(default)]
    pub(super) client: Vec<ClientSection>,
    #[serde(default)]
    pub(super) client_group: Vec<ClientGroupSection>,
    #[serde(default)]
    pub(super) limits: Vec<LimitsSection>,
    #[serde(default)]
    pub(super) quoting: Vec<QuotingSection>,
    #[serde(default)]
    pub(super) last_look: Vec<LastLookSection>,
    #[serde(default)]
    pub(super) dealing: Vec<DealingSection>,
    #[serde(default)]
    pub(super) hedging: Vec<HedgingSection>,
    pub(super) quality: Option<QualitySection>,
    pub(super) desk: Option<DeskSection>,
    #[serde(default)]
    pub(super) asset_limits: Vec<AssetLimitsSection>,
    #[serde(default)]
    pub(super) restricted: Vec<RestrictedSection>,
    pub(super) flow: Option<FlowSection>,
}

impl File {
    /// Where the captures lie that it names; `data` replaces its own `data` key.
    pub(super) fn captures(&self, file: &Path, data: Option<&Path>) -> PathBuf {
        let dir = file.parent().unwrap_or(Path::new(""));
        let own = || dir.join(self.data.as_deref().unwrap_or(Path::new("")));
        data.map_or_else(own, Path::to_owned)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JournalSection {
    pub(super) archive_dir: PathBuf,
    pub(super) live_dir: PathBuf,
    pub(super) segment_bytes: Option<Spanned<i64>>,
    pub(super) segments_ahead: Option<Spanned<i64>>,
    pub(super) segments_max: Option<Spanned<i64>>,
    #[serde(default)]
    pub(super) sync: Sync,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CoreSection {
    pub(super) clock: Clock,
    pub(super) idle: Idle,
    pub(super) cpu: Option<Spanned<i64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssetSection {
    pub(super) symbol: Spanned<String>,
    pub(super) unit: Spanned<DecimalText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InstrumentSection {
    pub(super) symbol: Spanned<String>,
    pub(super) base: Spanned<String>,
    pub(super) quote: Spanned<String>,
    pub(super) tick: Spanned<DecimalText>,
    pub(super) lot: Spanned<DecimalText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct VenueSection {
    pub(super) name: Spanned<String>,
    pub(super) rule: Rule,
    pub(super) taker_fee_bps: Spanned<DecimalText>,
    pub(super) stale_ms: Spanned<i64>,
    pub(super) order_rate: Option<Windowed>,
    pub(super) listing: Vec<ListingSection>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rule {
    Plain,
    BinanceSpot,
    BinanceUsdm,
    Mirrored,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListingSection {
    pub(super) instrument: Spanned<String>,
    pub(super) symbol: Spanned<String>,
    pub(super) tick: Spanned<DecimalText>,
    pub(super) lot: Spanned<DecimalText>,
    pub(super) capture: Option<Spanned<PathBuf>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TierSection {
    pub(super) name: Spanned<String>,
    /// By symbol of the instrument.
    pub(super) half_spread_bps: Spanned<BTreeMap<Spanned<String>, Spanned<DecimalText>>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientSection {
    pub(super) name: Spanned<String>,
    pub(super) tier: Spanned<String>,
    pub(super) credit: Spanned<DecimalText>,
    pub(super) credit_asset: Spanned<String>,
    pub(super) limits: Option<ClientLimits>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientGroupSection {
    pub(super) prefix: Spanned<String>,
    pub(super) count: Spanned<i64>,
    pub(super) tier: Spanned<String>,
    pub(super) credit: Spanned<DecimalText>,
    pub(super) credit_asset: Spanned<String>,
    pub(super) limits: Option<ClientLimits>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsSection {
    pub(super) instrument: Spanned<String>,
    pub(super) qty_min: Spanned<DecimalText>,
    pub(super) qty_max: Spanned<DecimalText>,
    pub(super) qty_step: Spanned<DecimalText>,
    pub(super) notional_max: Spanned<DecimalText>,
    pub(super) position_max: Spanned<DecimalText>,
    pub(super) collar_bps: Spanned<DecimalText>,
    pub(super) quote_ttl_ms: Spanned<i64>,
    pub(super) px_step: Spanned<DecimalText>,
    pub(super) notional_min: Option<Spanned<DecimalText>>,
    pub(super) venue_spread_bps: Option<Spanned<DecimalText>>,
    pub(super) reference_move: Option<Move>,
    pub(super) executions_max: Option<Spanned<i64>>,
    pub(super) protection_fills: Option<Windowed>,
    pub(super) protection_delta: Option<Delta>,
    pub(super) loss: Option<Loss>,
    pub(super) drawdown: Option<Loss>,
}

/// Most within a window.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Windowed {
    pub(super) most: Spanned<i64>,
    pub(super) window_ms: Spanned<i64>,
}

/// A move of the reference within a window.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Move {
    pub(super) bps: Spanned<DecimalText>,
    pub(super) window_ms: Spanned<i64>,
}

/// A quantity within a window.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delta {
    pub(super) qty: Spanned<DecimalText>,
    pub(super) window_ms: Spanned<i64>,
}

/// What may be lost, and what happens beyond.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Loss {
    pub(super) most: Spanned<DecimalText>,
    pub(super) then: Then,
}

/// The trading state behind a loss.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Then {
    Reduce,
    Halt,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ClientLimits {
    pub(super) unexecuted_max: Option<Spanned<DecimalText>>,
    pub(super) rate: Option<Windowed>,
    pub(super) duplicate_ms: Option<Spanned<i64>>,
    pub(super) order_to_trade: Option<Windowed>,
    pub(super) open_orders_max: Option<Spanned<i64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DeskSection {
    pub(super) session_rate: Option<Windowed>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssetLimitsSection {
    pub(super) asset: Spanned<String>,
    pub(super) unexecuted_max: Option<Spanned<DecimalText>>,
    pub(super) gross_max: Option<Spanned<DecimalText>>,
    pub(super) net_max: Option<Spanned<DecimalText>>,
    pub(super) loss: Option<Loss>,
    pub(super) drawdown: Option<Loss>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RestrictedSection {
    pub(super) client: Spanned<String>,
    pub(super) instrument: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QuotingSection {
    pub(super) instrument: Spanned<String>,
    pub(super) volatility_mult: Spanned<DecimalText>,
    pub(super) volatility_tau_ms: Spanned<i64>,
    pub(super) hold_ms: Spanned<i64>,
    pub(super) impact_bps: Spanned<DecimalText>,
    pub(super) impact_qty: Spanned<DecimalText>,
    /// One of these two.
    pub(super) skew_bps: Option<Spanned<DecimalText>>,
    pub(super) aversion: Option<Spanned<DecimalText>>,
    pub(super) skew_position: Spanned<DecimalText>,
    pub(super) edge_min_bps: Spanned<DecimalText>,
    /// Left out: less than was asked for is not quoted.
    pub(super) hedgeable_min: Option<Spanned<DecimalText>>,
    /// Left out: any other price is quoted anew.
    pub(super) requote_bps: Option<Spanned<DecimalText>>,
    /// Left out: at once.
    pub(super) requote_ms: Option<Spanned<i64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LastLookSection {
    pub(super) tier: Spanned<String>,
    pub(super) hold_ms: Spanned<i64>,
    pub(super) tolerance_bps: Spanned<DecimalText>,
    /// Left out: a move either way is refused alike.
    #[serde(default)]
    pub(super) one_sided: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DealingSection {
    pub(super) instrument: Spanned<String>,
    /// Left out: any quantity is quoted by itself.
    pub(super) auto_qty_max: Option<Spanned<DecimalText>>,
    /// Tiers that only dealers quote.
    #[serde(default)]
    pub(super) tiers: Vec<Spanned<String>>,
    pub(super) timeout_ms: Spanned<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct HedgingSection {
    pub(super) instrument: Spanned<String>,
    pub(super) band: Spanned<DecimalText>,
    pub(super) target: Spanned<DecimalText>,
    pub(super) chase_bps: Spanned<DecimalText>,
    pub(super) cost_max: Spanned<DecimalText>,
    pub(super) tries_max: Spanned<i64>,
    pub(super) retry_ms: Spanned<i64>,
    pub(super) rest_ms: Spanned<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct QualitySection {
    /// Rising.
    pub(super) mark_out_ms: Vec<Spanned<i64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlowSection {
    pub(super) seed: Spanned<i64>,
    pub(super) requests_per_s: Spanned<i64>,
    pub(super) two_sided_pct: Spanned<i64>,
    pub(super) bad_pct: Spanned<i64>,
    pub(super) accept_pct: Spanned<i64>,
    pub(super) pass_pct: Spanned<i64>,
    pub(super) reaction_ms_min: Spanned<i64>,
    pub(super) reaction_ms_max: Spanned<i64>,
}
