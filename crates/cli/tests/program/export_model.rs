//! What `journal export` must write, worked out from what `journal dump --json` prints: the two share the decoder and
//! neither names nor code behind it.

use serde_json::{Map, Value, json};

/// The value that a column of a record's row must have. Names are those of the dump with the unit behind them, and
/// decimals have the name that the integer has in the dump.
pub(crate) fn expected(dump: &Map<String, Value>, columns: &[String], column: &str) -> Value {
    let has = |name: &str| columns.iter().any(|c| c == name);
    let null_or = |name: &str| dump.get(name).cloned().unwrap_or(Value::Null);
    let with_unit = ["_ticks", "_lots", "_units"]
        .iter()
        .any(|unit| has(&format!("{column}{unit}")));
    let lots = |end: &str| {
        let stem = column.strip_suffix(end)?;
        has(&format!("{stem}_lots{end}")).then(|| format!("{stem}_lots{end}_decimal"))
    };
    let value = if column == "flags" {
        let names: Vec<&str> = dump["flags"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        json!(names.join("|"))
    } else if column == "payload_hex" {
        json!(payload(&dump["words"]))
    } else if with_unit {
        // A field may end with its unit by itself.
        let fields = ["", "_ticks", "_lots", "_units"].map(|unit| format!("{column}{unit}_decimal"));
        let found = fields.iter().find_map(|field| dump.get(field));
        found.cloned().unwrap_or(Value::Null)
    } else if let Some(name) = ["_min", "_max", "_step"].iter().find_map(|end| lots(end)) {
        null_or(&name)
    } else if dump.contains_key(column) {
        null_or(column)
    } else {
        let units = ["_ns", "_ticks", "_lots", "_units"];
        units
            .iter()
            .find_map(|unit| dump.get(column.strip_suffix(unit)?).cloned())
            .unwrap_or(Value::Null)
    };
    match value {
        Value::String(text) if text.is_empty() => Value::Null,
        Value::Number(ns) if column == "ts_core_ns" && ns.as_u64() == Some(0) => Value::Null,
        // A code without a name.
        Value::Number(code) if is_code(column, dump) => json!(code.to_string()),
        value => value,
    }
}

/// The rows of a record's levels, without what they repeat of the record.
pub(crate) fn expected_levels(dump: &Map<String, Value>) -> Vec<Value> {
    let mut rows = Vec::new();
    for (side, name) in [("Bid", "bid_levels"), ("Ask", "ask_levels")] {
        let decimals = dump.get(&format!("{name}_decimal"));
        for (i, level) in dump[name].as_array().unwrap().iter().enumerate() {
            let no_px = level[0].as_i64() == Some(i64::MIN);
            let null_if_none = |value: Value| if no_px { Value::Null } else { value };
            let decimal = |k: usize| decimals.map_or(Value::Null, |all| all[i][k].clone());
            rows.push(json!({
                "seq": dump["seq"], "side": side, "level": i, "px_ticks": null_if_none(level[0].clone()),
                "px": null_if_none(decimal(0)), "qty_lots": level[1], "qty": decimal(1),
            }));
        }
    }
    rows
}

/// Whether a record passes a filter.
pub(crate) fn passes(dump: &Map<String, Value>, filter: &[String]) -> bool {
    filter.chunks(2).all(|pair| {
        let wanted = pair[1].as_str();
        let number = |name: &str| dump[name].as_u64().unwrap();
        let names = |field: &str| {
            let id = dump.get(field).and_then(Value::as_u64);
            let name = dump.get(&format!("{field}_name")).and_then(Value::as_str);
            id.is_some_and(|id| wanted == id.to_string()) || name == Some(wanted)
        };
        let time = || dump["time"].as_str().unwrap();
        match (pair[0].as_str(), wanted.parse::<u64>()) {
            ("--type", _) => dump["type"].as_str() == Some(wanted),
            ("--instrument", _) => names("instrument"),
            ("--client", _) => names("client"),
            ("--from", Ok(seq)) => number("seq") >= seq,
            ("--until", Ok(seq)) => number("seq") <= seq,
            // Both are written with nine digits of a second, so that their order is that of their letters.
            ("--from", Err(_)) => time() >= wanted,
            ("--until", Err(_)) => time() <= wanted,
            other => panic!("{other:?}"),
        }
    })
}

fn is_code(column: &str, dump: &Map<String, Value>) -> bool {
    let codes = [
        "side",
        "taker_side",
        "rule",
        "inventory_rule",
        "reason",
        "input_type",
        "scope",
        "ord_type",
        "ord_status",
        "exec_type",
        "time_in_force",
        "handl_inst",
        "resp_type",
        "status",
        "state",
        "state_before",
        "outcome",
        "stream",
        "subscription",
        "trigger",
        "self_match",
        "phase",
        "action",
        "liquidity",
        "response_to",
        "trade_source",
        "trans_type",
        "parent_state",
        "buyer_kind",
        "seller_kind",
        "quote_type",
        "cancel_type",
        "reporting_type",
        "leg_0_side",
        "leg_1_side",
        "leg_2_side",
        "leg_3_side",
    ];
    let of_type = [
        "VenueStatus",
        "RuntimeEvent",
        "LimitSet",
        "LimitStatus",
        "SessionEvent",
    ]
    .contains(&dump["type"].as_str().unwrap());
    codes.contains(&column) || (column == "kind" && of_type)
}

/// Bytes as they stand in the journal, as hex.
fn payload(words: &Value) -> String {
    let words = words.as_array().unwrap().iter().filter_map(Value::as_str);
    let reversed = words.flat_map(|word| (0..8).rev().map(|byte| &word[2 * byte..2 * byte + 2]));
    reversed.collect()
}
