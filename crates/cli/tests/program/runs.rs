//! What whole runs come to: the same journal however they were run, and figures that agree.

use serde_json::Value;

use crate::desk::{Desk, stat};
use crate::ended;
use crate::replays::replayed;

#[test]
fn the_journal_depends_on_neither_speed_nor_segments() {
    let mut seen = Vec::new();
    for (speed, segment_bytes) in [("flat", 64 << 10), ("1000", 64 << 10), ("flat", 1 << 20)] {
        let mut desk = Desk::new();
        desk.segment_bytes = segment_bytes;
        let played = desk.played(&["--speed", speed]);
        let records = &played["journal"]["records"];
        assert!(records["Quote"].as_u64() > Some(100), "{records}");
        assert!(played["journal"]["fills"].as_u64() > Some(0));
        assert!(played["tops_compared"].as_u64() > Some(400));
        let (hash, digest) = (
            played["journal"]["content_hash"].as_str().unwrap(),
            &stat(&desk.archive_dir).unwrap()["digest"],
        );
        assert_eq!(hash.trim_start_matches("0x"), digest.as_str().unwrap());
        let replayed = replayed(&desk.archive_dir, &[]);
        assert_eq!(replayed["output_hash"], played["output_hash"]);
        assert_eq!(replayed["inputs"], played["journal"]["inputs"]);
        assert_eq!(replayed["outputs"], played["journal"]["outputs"]);
        seen.push((hash.to_owned(), played["output_hash"].clone(), records.clone()));
    }
    assert!(seen.iter().all(|run| *run == seen[0]), "{seen:?}");
}

fn sum(by_reason: &Value) -> u64 {
    by_reason
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_u64)
        .sum()
}

#[test]
fn the_figures_of_a_demo_agree() {
    // The greatest seed, because flows derive theirs from it.
    let seed = u64::MAX.to_string();
    let (code, out, err) = ended(&["demo", "--seconds", "1", "--json", "--seed", &seed]);
    assert_eq!(code, 0, "{err}");
    let demo: Value = serde_json::from_str(&out).unwrap();
    let journal = &demo["journal"];
    let of = |name: &str| journal["records"][name].as_u64().unwrap_or(0);
    assert!(of("QuoteRequest") > 100 && of("Quote") > 0, "{journal}");
    assert_eq!(of("QuoteRequest"), of("Quote") + of("QuoteRequestReject"));
    assert_eq!(of("QuoteRequestReject"), sum(&journal["request_rejects"]));
    let fills = journal["fills"].as_u64().unwrap();
    assert_eq!(of("ExecutionReport"), fills + sum(&journal["order_rejects"]));
    assert_eq!(demo["core"]["corrupt"], 0);
    assert_eq!(demo["core_usage"]["allocations"], 0);
    assert_eq!(
        (
            &demo["core_usage"]["minor_faults"],
            &demo["core_usage"]["major_faults"]
        ),
        (&Value::from(0), &Value::from(0))
    );
    assert_eq!(demo["journal_dir"], Value::Null);

    let story = &demo["story"];
    let told = |key: &str| story[key].as_u64().unwrap();
    assert_eq!(told("rfqs"), of("QuoteRequest"));
    assert_eq!((told("quotes"), told("fills")), (of("Quote"), fills));
    assert_eq!(told("hit_rate_e4"), fills * 10_000 / of("Quote"));
    assert!(told("parent_orders") > 0, "{story}");
    assert_eq!(told("parent_orders"), sum(&story["parent_orders_ended"]));
    assert_eq!(told("venue_orders"), of("VenueOrder"));
    assert_eq!(
        story["inventory"][0]["position"],
        journal["positions"][0]["position"]
    );
    assert_eq!(story["profit"].as_array().unwrap().len(), 2);
    assert_eq!(
        (&story["is_balanced"], &story["nothing_reserved"]),
        (&Value::Bool(true), &Value::Bool(true))
    );
    assert!(
        demo["hedge_on_core"]["count"].as_u64() <= Some(told("parent_orders")),
        "{demo}"
    );
}
