use std::path::{Path, PathBuf};

use pinrail_types::record::{
    AssetDef, ClientDef, HedgingParams, InstrumentDef, InstrumentLimits, LimitKind, LimitSet, ListingDef,
    TierSpread, TradingStateSet, VenueDef,
};
use pinrail_types::{Amount, AssetId, Qty};

use super::*;

/// Smallest whole configuration: one of everything, no recordings.
const SMALL: &str = r#"start = "active"

[journal]
archive_dir = "journal"
live_dir = "/dev/shm/x"

[core]
clock = "live"
cpu = 1

[[asset]]
symbol = "BTC"
unit = "0.00000001"

[[asset]]
symbol = "USD"
unit = "0.000001"

[[instrument]]
symbol = "BTC-USD"
base = "BTC"
quote = "USD"
tick = "0.01"
lot = "0.001"

[[venue]]
name = "paper"
rule = "plain"
taker_fee_bps = "-0.25"
stale_ms = 1500

[[venue.listing]]
instrument = "BTC-USD"
symbol = "XBTUSD"
tick = "0.50"
lot = "0.010"

[[tier]]
name = "gold"
half_spread_bps = { BTC-USD = "1.5" }

[[client]]
name = "alpha"
tier = "gold"
credit = "1000000"
credit_asset = "USD"

[[client_group]]
prefix = "b-"
count = 2
tier = "gold"
credit = "0.5"
credit_asset = "BTC"

[[limits]]
instrument = "BTC-USD"
qty_min = "0.01"
qty_max = "5"
qty_step = "0.01"
notional_max = "250000"
position_max = "20"
collar_bps = "50"
quote_ttl_ms = 2000
px_step = "0.10"

[flow]
seed = 7
requests_per_s = 100
two_sided_pct = 50
bad_pct = 1
accept_pct = 20
pass_pct = 30
reaction_ms_min = 5
reaction_ms_max = 500
"#;

/// A table of hedging before the flow.
const HEDGED: &str = r#"[[hedging]]
instrument = "BTC-USD"
band = "0.5"
target = "0.25"
chase_bps = "12.5"
cost_max = "1000.5"
tries_max = 4
retry_ms = 0
rest_ms = 2000

[flow]"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(text, Path::new("etc/desk.toml"), None)
}

#[test]
fn a_whole_file_becomes_records_in_order() {
    let config = parse(SMALL).unwrap();
    let names: Vec<String> = config
        .records
        .iter()
        .map(|r| format!("{:?}", r.record_type()))
        .collect();
    assert_eq!(
        names,
        [
            "AssetDef",
            "AssetDef",
            "InstrumentDef",
            "VenueDef",
            "ListingDef",
            "ClientDef",
            "ClientDef",
            "ClientDef",
            "TierSpread",
            "InstrumentLimits",
            "TradingStateSet",
        ]
    );
    assert_eq!(config.clients, 3);
    assert_eq!(
        config.core,
        Core {
            clock: Clock::Live,
            idle: Idle::Backoff,
            cpu: Some(1)
        }
    );
    assert_eq!(config.journal.archive_dir, PathBuf::from("etc/journal"));
    assert_eq!(config.journal.live_dir, PathBuf::from("/dev/shm/x"));
}

#[test]
fn a_desk_that_goes_on_keeps_the_states_that_it_was_left_in() {
    let config = parse(SMALL).unwrap();
    assert_eq!(config.records_for(false).len(), config.records.len());
    let kept = config.records_for(true);
    assert_eq!(kept.len(), config.records.len() - 1);
    assert!(kept.iter().all(|frame| frame.get::<TradingStateSet>().is_none()));
}

#[test]
fn decimals_arrive_exactly() {
    let config = parse(SMALL).unwrap();
    let record = |i: usize| &config.records[i];
    assert_eq!(record(1).get::<AssetDef>().unwrap().exponent, -6);
    let instrument = record(2).get::<InstrumentDef>().unwrap();
    assert_eq!((instrument.tick_mantissa, instrument.tick_exponent), (1, -2));
    assert_eq!(instrument.quote, AssetId(1));
    let venue = record(3).get::<VenueDef>().unwrap();
    assert_eq!((venue.taker_fee_e8, venue.stale_ns_max), (-2_500, 1_500_000_000));
    let listing = record(4).get::<ListingDef>().unwrap();
    assert_eq!((listing.tick_multiple, listing.lot_multiple), (50, 10));
    assert_eq!(
        record(5).get::<ClientDef>().unwrap().credit_max.get(),
        1_000_000_000_000
    );
    let grouped = record(7).get::<ClientDef>().unwrap();
    assert_eq!(
        (grouped.name.to_string().as_str(), grouped.credit_max.get()),
        ("b-2", 50_000_000)
    );
    assert_eq!(record(8).get::<TierSpread>().unwrap().half_spread_e8, 15_000);
    let limits = record(9).get::<InstrumentLimits>().unwrap();
    assert_eq!((limits.qty_lots_min, limits.qty_lots_max), (Qty(10), Qty(5_000)));
    assert_eq!((limits.px_ticks_step, limits.collar_e8), (10, 500_000));
    assert_eq!(limits.notional_max.get(), 250_000_000_000);
    assert_eq!(record(10).get::<TradingStateSet>().unwrap().state, 0);
}

/// Replaces `old` by `new` in the small file and gives the error.
fn error_of(old: &str, new: &str) -> String {
    assert!(SMALL.contains(old), "{old}");
    parse(&SMALL.replacen(old, new, 1)).expect_err(new).to_string()
}

#[test]
fn an_error_names_file_line_column_key_and_what_was_expected() {
    // (what is replaced, by what, the whole message)
    let table = [
        (
            "tick = \"0.01\"",
            "tick = 0.01",
            "etc/desk.toml:23:8: instrument[0].tick: invalid type: floating point `0.01`, expected a decimal in quotes, as \"0.01\" (without quotes it would be rounded to binary)",
        ),
        (
            "tick = \"0.01\"",
            "tick = \"1e-2\"",
            "etc/desk.toml:23:8: instrument[0].tick: \"1e-2\" is not a plain decimal number; expected a decimal in quotes, as \"0.01\" (without quotes it would be rounded to binary)",
        ),
        (
            "tick = \"0.01\"",
            "tick = \"-0.01\"",
            "etc/desk.toml:23:8: instrument[0].tick: \"-0.01\": step must be above zero with an exponent from -18 to 9",
        ),
        (
            "lot = \"0.001\"",
            "lot = \"0.00001\"",
            "etc/desk.toml:24:7: instrument[0].lot: one tick times one lot is not a whole number of the quote asset's smallest unit; expected a larger lot or tick, or a smaller unit of USD",
        ),
        (
            "base = \"BTC\"",
            "base = \"XBT\"",
            "etc/desk.toml:21:8: instrument[0].base: there is no asset \"XBT\"; expected one of: BTC, USD",
        ),
        (
            "symbol = \"USD\"",
            "symbol = \"BTC\"",
            "etc/desk.toml:16:10: asset[1].symbol: expected one asset \"BTC\", found a second",
        ),
        (
            "unit = \"0.000001\"",
            "unit = \"0.5\"",
            "etc/desk.toml:17:8: asset[1].unit: expected a power of ten from \"0.000000000000000001\" to \"1\", found \"0.5\"",
        ),
        (
            "rule = \"plain\"",
            "rule = \"kraken\"",
            "etc/desk.toml:28:8: venue[0].rule: unknown variant `kraken`, expected one of `plain`, `binance-spot`, `binance-usdm`, `mirrored`",
        ),
        (
            "taker_fee_bps = \"-0.25\"",
            "taker_fee_bps = \"0.00001\"",
            "etc/desk.toml:29:17: venue[0].taker_fee_bps: expected -10000 to 10000 basis points with at most four decimals, found \"0.00001\"",
        ),
        (
            "stale_ms = 1500",
            "stale_ms = 0",
            "etc/desk.toml:30:12: venue[0].stale_ms: expected 1 to 86400000 milliseconds, found 0",
        ),
        (
            "tick = \"0.50\"",
            "tick = \"0.505\"",
            "etc/desk.toml:35:8: venue[0].listing[0].tick: expected a multiple of the instrument's tick 0.01, found \"0.505\"",
        ),
        (
            "symbol = \"XBTUSD\"",
            "symbol = \"\"",
            "etc/desk.toml:34:10: venue[0].listing[0].symbol: expected 1 to 24 characters of printable ASCII, found \"\"",
        ),
        (
            "name = \"paper\"",
            "name = \"a venue with a long name\"",
            "etc/desk.toml:27:8: venue[0].name: expected 1 to 16 characters of printable ASCII, found \"a venue with a long name\"",
        ),
        (
            "BTC-USD = \"1.5\"",
            "BTC-USD = \"-1\"",
            "etc/desk.toml:40:31: tier[0].half_spread_bps.BTC-USD: expected 0 to 10000 basis points with at most four decimals, found \"-1\"",
        ),
        (
            "BTC-USD = \"1.5\"",
            "XBT = \"1\"",
            "etc/desk.toml:40:21: tier[0].half_spread_bps.XBT: there is no instrument \"XBT\"; expected one of: BTC-USD",
        ),
        (
            "{ BTC-USD = \"1.5\" }",
            "{}",
            "etc/desk.toml:40:19: tier[0].half_spread_bps: expected a half-spread for BTC-USD too",
        ),
        (
            "tier = \"gold\"",
            "tier = \"tin\"",
            "etc/desk.toml:44:8: client[0].tier: there is no tier \"tin\"; expected one of: gold",
        ),
        (
            "credit = \"1000000\"",
            "credit = \"-1\"",
            "etc/desk.toml:45:10: client[0].credit: expected an amount of USD, not negative and with at most 6 decimals, found \"-1\"",
        ),
        (
            "name = \"alpha\"",
            "name = \"b-1\"",
            "etc/desk.toml:49:10: client_group[0].prefix: expected one client \"b-1\", found a second",
        ),
        (
            "count = 2",
            "count = -1",
            "etc/desk.toml:50:9: client_group[0].count: expected 1 to 65536 clients, found -1",
        ),
        (
            "qty_min = \"0.01\"",
            "qty_min = \"0\"",
            "etc/desk.toml:57:11: limits[0].qty_min: expected 0.001 to 4503599627370.496, found \"0\"",
        ),
        (
            "qty_max = \"5\"",
            "qty_max = \"0.009\"",
            "etc/desk.toml:58:11: limits[0].qty_max: expected 0.010 to 4503599627370.496, found \"0.009\"",
        ),
        (
            "notional_max = \"250000\"",
            "notional_max = \"1.0000001\"",
            "etc/desk.toml:60:16: limits[0].notional_max: expected an amount of USD, not negative and with at most 6 decimals, found \"1.0000001\"",
        ),
        (
            "position_max = \"20\"",
            "position_max = \"-20\"",
            "etc/desk.toml:61:16: limits[0].position_max: expected 0.000 to 4503599627370.496, found \"-20\"",
        ),
        (
            "px_step = \"0.10\"",
            "px_step = \"0.015\"",
            "etc/desk.toml:64:11: limits[0].px_step: expected a multiple of the tick 0.01, found \"0.015\"",
        ),
        (
            "cpu = 1",
            "cpu = -1",
            "etc/desk.toml:9:7: core.cpu: expected 0 to 4095 as the number of a processor, found -1",
        ),
        (
            "clock = \"live\"",
            "clock = \"playback\"",
            "etc/desk.toml:33:14: venue[0].listing[0].instrument: expected a `capture` for this listing, because core.clock is \"playback\"",
        ),
        (
            "lot = \"0.010\"",
            "lot = \"0.01\"\ncapture = \"no.gz\"",
            "etc/desk.toml:37:11: venue[0].listing[0].capture: there is no file etc/no.gz; expected a path below `data` or the environment's PINRAIL_DATA",
        ),
        (
            "start = \"active\"",
            "start = \"go\"",
            "etc/desk.toml:1:9: start: unknown variant `go`, expected `active` or `halted`",
        ),
        (
            "stale_ms = 1500",
            "stale_ms = 1500\nstale_sec = 1",
            "etc/desk.toml:31:1: venue[0].stale_sec: unknown field `stale_sec`, expected one of `name`, `rule`, `taker_fee_bps`, `stale_ms`, `order_rate`, `listing`",
        ),
        (
            "quote = \"USD\"\n",
            "",
            "etc/desk.toml:19:1: instrument[0]: missing field `quote`",
        ),
        (
            "[core]",
            "[core",
            "etc/desk.toml:7:6: unclosed table, expected `]`",
        ),
        (
            "symbol = \"BTC\"",
            "symbol = \"BTC\"\nsymbol = \"BTC\"",
            "etc/desk.toml:13:1: duplicate key",
        ),
    ];
    for (old, new, message) in table {
        assert_eq!(error_of(old, new), message);
    }
}

#[test]
fn a_second_table_of_limits_is_refused() {
    let limits = &SMALL[SMALL.find("[[limits]]").unwrap()..SMALL.find("[flow]").unwrap()];
    let error = parse(&format!("{SMALL}\n{limits}"))
        .expect_err("second limits")
        .to_string();
    assert!(
        error.contains("limits[1].instrument: expected one table of limits \"BTC-USD\""),
        "{error}"
    );
}

#[test]
fn columns_count_characters() {
    let error = error_of("{ BTC-USD = \"1.5\" }", "{ \"é\" = \"1\" }");
    assert!(
        error.starts_with("etc/desk.toml:40:21: tier[0].half_spread_bps.é: "),
        "{error}"
    );
}

#[test]
fn the_example_is_whole() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let data = std::env::var_os("PINRAIL_DATA").map_or_else(|| root.join("../shared/data"), PathBuf::from);
    if !data.join("captures").is_dir() {
        println!("skipped: no recordings (PINRAIL_DATA)");
        return;
    }
    let file = root.join("examples/binance-capture.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let config = Config::parse(&text, &file, Some(&data)).unwrap();
    assert_eq!(
        (config.clients, config.venues.len(), config.instruments.len()),
        (50, 2, 2)
    );
    assert!(
        config
            .venues
            .iter()
            .flat_map(|v| &v.listings)
            .all(|l| l.capture.is_some())
    );
}

/// The small file with every limit that may be left out.
fn limited() -> String {
    let more = r#"
notional_min = "1.5"
venue_spread_bps = "20"
reference_move = { bps = "100", window_ms = 1000 }
executions_max = 50
protection_fills = { most = 5, window_ms = 10 }
protection_delta = { qty = "2.5", window_ms = 20 }
loss = { most = "3", then = "halt" }
drawdown = { most = "2", then = "reduce" }

[desk]
session_rate = { most = 500, window_ms = 1000 }

[[asset_limits]]
asset = "USD"
unexecuted_max = "7000"
gross_max = "9000"
net_max = "8000"
loss = { most = "30", then = "reduce" }
drawdown = { most = "20", then = "halt" }

[[restricted]]
client = "b-2"
instrument = "BTC-USD"

[flow]"#;
    let of_alpha = r#"credit_asset = "USD"
[client.limits]
unexecuted_max = "9"
rate = { most = 20, window_ms = 100 }
duplicate_ms = 3
order_to_trade = { most = 40, window_ms = 60000 }
open_orders_max = 200
"#;
    SMALL
        .replacen("\n[flow]", more, 1)
        .replacen(
            "stale_ms",
            "order_rate = { most = 30, window_ms = 1000 }\nstale_ms",
            1,
        )
        .replacen("credit_asset = \"USD\"\n", of_alpha, 1)
}

/// As the kind, target, value, window and state that come of it.
#[test]
fn limits_that_may_be_left_out_become_one_record_each() {
    let config = Config::parse(&limited(), Path::new("x.toml"), None).unwrap();
    let found: Vec<_> = config
        .records
        .iter()
        .filter_map(|frame| frame.get::<LimitSet>())
        .map(|set| {
            assert_eq!(set.actor.to_string(), "config");
            let kind = LimitKind::from_byte(set.kind).unwrap();
            (kind, set.target, set.value.get(), set.window_ns, set.state)
        })
        .collect();
    assert_eq!(
        found,
        [
            (LimitKind::ClientUnexecuted, 0, 9_000_000, 0, 0),
            (LimitKind::ClientRate, 0, 20, 100_000_000, 0),
            (LimitKind::DuplicateWindow, 0, 0, 3_000_000, 0),
            (LimitKind::OrderToTrade, 0, 40, 60_000_000_000, 0),
            (LimitKind::ClientOpenOrders, 0, 200, 0, 0),
            (LimitKind::NotionalMin, 0, 1_500_000, 0, 0),
            (LimitKind::VenueSpread, 0, 200_000, 0, 0),
            (LimitKind::ReferenceMove, 0, 1_000_000, 1_000_000_000, 0),
            (LimitKind::Executions, 0, 50, 0, 0),
            (LimitKind::ProtectionFills, 0, 5, 10_000_000, 0),
            (LimitKind::ProtectionDelta, 0, 2_500, 20_000_000, 0),
            (LimitKind::Loss, 0, 3_000_000, 0, 2),
            (LimitKind::Drawdown, 0, 2_000_000, 0, 1),
            (LimitKind::AssetUnexecuted, 1, 7_000_000_000, 0, 0),
            (LimitKind::GrossExposure, 1, 9_000_000_000, 0, 0),
            (LimitKind::NetExposure, 1, 8_000_000_000, 0, 0),
            (LimitKind::AssetLoss, 1, 30_000_000, 0, 1),
            (LimitKind::AssetDrawdown, 1, 20_000_000, 0, 2),
            (LimitKind::VenueRate, 0, 30, 1_000_000_000, 0),
            (LimitKind::SessionRate, 0, 500, 1_000_000_000, 0),
            (LimitKind::Permitted, 2, 0, 0, 0),
        ]
    );
}

/// What a file written from `records` says.
fn rewritten(records: &[Frame]) -> Result<Vec<Frame>, String> {
    let start = pinrail_engine::Bounds::default().epoch_start(1);
    let again = to_toml(&start, &Definitions::of(records))?;
    Ok(parse(&again)
        .unwrap_or_else(|error| panic!("{error}: {again}"))
        .records)
}

#[test]
fn a_file_written_from_the_records_says_the_same() {
    let grouped = r#"credit_asset = "BTC"
limits = { rate = { most = 7, window_ms = 1 } }
"#;
    let quoting = |skew: &str| {
        format!(
            r#"[[quoting]]
instrument = "BTC-USD"
volatility_mult = "0.5"
volatility_tau_ms = 60000
hold_ms = 500
impact_bps = "1"
impact_qty = "5"
skew_position = "100"
edge_min_bps = "0.1"
{skew}

[flow]"#
        )
    };
    let dealing = r#"[[last_look]]
tier = "gold"
hold_ms = 5
tolerance_bps = "0.5"
one_sided = true

[[dealing]]
instrument = "BTC-USD"
auto_qty_max = "5"
tiers = ["gold"]
timeout_ms = 30000

[flow]"#;
    for text in [
        SMALL.to_owned(),
        SMALL.replacen("[flow]", "[quality]\nmark_out_ms = [100, 60000]\n\n[flow]", 1),
        SMALL.replacen("[flow]", "[quality]\nmark_out_ms = []\n\n[flow]", 1),
        SMALL.replacen("[flow]", dealing, 1),
        SMALL.replacen("[flow]", &dealing.replace("one_sided = true", ""), 1),
        SMALL.replacen("[flow]", &dealing.replace(r#"auto_qty_max = "5""#, ""), 1),
        limited(),
        limited().replacen("credit_asset = \"BTC\"\n", grouped, 1),
        SMALL.replacen("[flow]", HEDGED, 1),
        SMALL.replacen("[flow]", &quoting("skew_bps = \"2\""), 1),
        SMALL.replacen(
            "[flow]",
            &quoting(
                "aversion = \"2000\"\nhedgeable_min = \"0.01\"\nrequote_bps = \"0.5\"\nrequote_ms = 100",
            ),
            1,
        ),
    ] {
        let records = parse(&text).unwrap().records;
        let words = |records: &[Frame]| records.iter().flat_map(Frame::words).copied().collect::<Vec<_>>();
        assert_eq!(words(&rewritten(&records).unwrap()), words(&records), "{text}");
    }
}

#[test]
fn horizons_rise_and_are_at_most_six() {
    let error = |horizons: &str| {
        let text = format!("[quality]\nmark_out_ms = {horizons}\n\n[flow]");
        parse(&SMALL.replacen("[flow]", &text, 1))
            .unwrap_err()
            .to_string()
    };
    for (horizons, expected) in [
        ("[1, 2, 3, 4, 5, 6, 7]", "expected at most 6 horizons"),
        ("[0]", "expected 1 to 3600000 milliseconds, found 0"),
        ("[5, 5]", "expected 6 to 3600000 milliseconds, found 5"),
        ("[3600001]", "expected 1 to 3600000 milliseconds, found 3600001"),
    ] {
        let said = error(horizons);
        assert!(
            said.contains(expected) && said.contains("quality.mark_out_ms"),
            "{said}"
        );
    }
}

#[test]
fn limits_without_a_place_in_a_file_are_not_left_away_in_silence() {
    let records = parse(&limited()).unwrap().records;
    let odd = [
        LimitSet {
            kind: LimitKind::Collar.byte(),
            ..bytemuck::Zeroable::zeroed()
        },
        LimitSet {
            kind: LimitKind::Loss.byte(),
            target: 1,
            ..bytemuck::Zeroable::zeroed()
        },
        LimitSet {
            kind: LimitKind::GrossExposure.byte(),
            target: 1,
            expires_at: 5,
            ..bytemuck::Zeroable::zeroed()
        },
    ];
    for set in odd {
        let said = rewritten(&[&records[..], &[Frame::of(&set)]].concat());
        assert!(said.unwrap_err().contains("a limit of kind"), "{set:?}");
    }
}

#[test]
fn hedging_is_read_on_the_instruments_grid_and_refused_where_it_makes_no_sense() {
    let text = SMALL.replacen("[flow]", HEDGED, 1);
    let config = parse(&text).unwrap();
    let params: Vec<HedgingParams> = config.records.iter().filter_map(|f| f.get().copied()).collect();
    let expected = HedgingParams {
        header: params[0].header,
        strategy: HEDGER,
        tries_max: 4,
        band_lots: Qty(500),
        target_lots: Qty(250),
        chase_e8: 125_000,
        cost_max: Amount::new(1_000_500_000),
        rest_ns: 2_000_000_000,
        ..bytemuck::Zeroable::zeroed()
    };
    assert_eq!(format!("{params:?}"), format!("{:?}", [expected]));
    for (old, new, says) in [
        (
            "target = \"0.25\"",
            "target = \"0.75\"",
            "hedging[0].target: expected at most `band`",
        ),
        (
            "band = \"0.5\"",
            "band = \"0.0005\"",
            "hedging[0].band: expected a multiple of the lot",
        ),
        (
            "tries_max = 4",
            "tries_max = 0",
            "hedging[0].tries_max: expected 1 to 65535 tries, found 0",
        ),
        (
            "rest_ms = 2000",
            "rest_ms = 3600001",
            "hedging[0].rest_ms: expected 0 to 3600000 milliseconds",
        ),
        (
            "[flow]",
            HEDGED,
            "expected one table of hedging \"BTC-USD\", found a second",
        ),
    ] {
        assert!(text.contains(old), "{old}");
        let error = parse(&text.replacen(old, new, 1)).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
    // Another strategy's parameters have no place in a file; ones that hedge nothing are left away.
    let other = |params: HedgingParams| rewritten(&[&config.records[..], &[Frame::of(&params)]].concat());
    let of_two = other(HedgingParams {
        strategy: StrategyId(2),
        ..expected
    });
    assert!(of_two.unwrap_err().contains("hedged as strategy 2"));
    let without = other(HedgingParams {
        tries_max: 0,
        ..expected
    })
    .unwrap();
    assert_eq!(without.len(), config.records.len() - 1);
}
