//! Captures that are not what a venue sends, played and checked; configurations that name what is not there.

use std::fs;

use crate::desk::{Desk, assert_told, at, lines, update};
use crate::ended;

/// The line that is bad, from 1; the last fourth of the capture stands behind it.
const BAD: usize = 1_501;

/// Puts `json` on the bad line. Both `venue check` and `run` must name the line and say `words`, and what an earlier
/// run has journaled must stay.
fn a_bad_message(desk: &Desk, json: &str, words: &[&str]) {
    let mut lines = lines();
    lines[BAD - 1] = at(BAD as u64 - 1, json);
    desk.record(&lines);
    bad_capture(desk, &[&["capture.gz, line 1501: "], words].concat());
}

fn bad_capture(desk: &Desk, words: &[&str]) {
    let (code, out, err) = ended(&["venue", "check", desk.capture().to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (3, ""), "{err}");
    assert_told(&err, words);
    desk.refused(3, words);
}

#[test]
fn the_whole_capture_is_clean() {
    let desk = Desk::new();
    let (code, out, err) = ended(&["venue", "check", "--json", desk.capture().to_str().unwrap()]);
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
}

#[test]
fn a_bad_message_is_named_and_the_journal_stays() {
    let desk = Desk::new();
    let records = desk.played(&[])["journal"]["inputs"].as_u64();
    assert!(records > Some(2_000));
    let i = BAD as u64 - 1;
    let good = update(i, "100.0", "1.000");
    for (json, words) in [
        (&good[..good.len() / 2], &["bad JSON at or after key"][..]),
        ("[]", &["bad JSON"]),
        ("{}", &["missing"]),
        ("\u{0}", &["bad JSON"]),
        (&"[".repeat(100_000), &["bad JSON"]),
        (&good.replace("BTCUSDT", "ETHUSDT"), &["\"ETHUSDT\"", "BTCUSDT"]),
        (&good.replace("btcusdt", "ethusdt"), &["ethusdt", "BTCUSDT"]),
        (&good.replace("@depth", "@kline"), &["@kline"]),
        (
            &update(i, "100.05", "1"),
            &["\"100.05\" is no multiple of 0.1", "\"b\""],
        ),
        (
            &update(i, "100.0", "0.0005"),
            &["\"0.0005\" is no multiple of 0.001"],
        ),
        (&update(i, "100.0", "-1"), &["\"-1\""]),
        (&update(i, "-100.0", "1"), &["\"-100.0\""]),
        (&update(i, "0", "1"), &["\"0\""]),
        (&update(i, "1e400", "1"), &["\"1e400\""]),
        (&update(i, "NaN", "1"), &["\"NaN\""]),
        (&update(i, "", "1"), &["\"\""]),
        (&update(i, &"9".repeat(500), "1"), &["9999..."]),
        (&update(i, "100.0", &"9".repeat(19)), &["9999"]),
        (&good.replace("\"100.0\"", "1e400"), &["bad JSON", "\"b\""]),
        (
            &good.replace(&format!("\"u\":{}", 100 + i), "\"u\":99999999999999999999999"),
            &["\"u\""],
        ),
        (
            &good.replace(&format!("\"u\":{}", 100 + i), "\"u\":1e400"),
            &["\"u\""],
        ),
        (
            &good.replace(&format!("\"u\":{}", 100 + i), "\"u\":-1"),
            &["\"u\""],
        ),
    ] {
        a_bad_message(&desk, json, words);
    }
    desk.record(&lines());
    desk.played(&[]);
}

#[test]
fn a_line_that_is_no_frame_is_named() {
    let desk = Desk::new();
    for (line, word) in [
        ("{}\n", "expected \"<receive time in ns> <json>\""),
        ("1 {}\n", "receive time 1 is earlier"),
    ] {
        let mut lines = lines();
        line.clone_into(&mut lines[BAD - 1]);
        desk.record(&lines);
        bad_capture(&desk, &["capture.gz, line 1501: ", word]);
    }
}

#[test]
fn a_truncated_capture_is_named_wherever_it_ends() {
    let desk = Desk::new();
    desk.played(&[]);
    let whole = fs::read(desk.capture()).unwrap();
    for cut in [2, 12, whole.len() / 2, whole.len() - 1] {
        fs::write(desk.capture(), &whole[..cut]).unwrap();
        bad_capture(&desk, &["capture.gz, line ", "truncated gzip"]);
    }
    fs::write(desk.capture(), "").unwrap();
    bad_capture(&desk, &["capture.gz: not a gzip file"]);
}

#[test]
fn a_capture_without_a_frame_plays_and_checks_nothing() {
    let desk = Desk::new();
    desk.record(&[]);
    let (code, _, err) = ended(&["venue", "check", desk.capture().to_str().unwrap()]);
    assert_eq!(code, 3);
    assert_told(&err, &["capture.gz", "cannot infer"]);
    let (code, _, err) = desk.run(&[]);
    assert!(code == 0 && !err.contains("panicked"), "{code}: {err}");
}

#[test]
fn a_missing_capture_is_named_with_its_place() {
    let desk = Desk::new();
    fs::remove_file(desk.capture()).unwrap();
    desk.refused(
        2,
        &[
            "desk.toml:",
            "venue[0].listing[0].capture: there is no file ",
            "capture.gz",
        ],
    );
    let (code, _, err) = ended(&["venue", "check", desk.capture().to_str().unwrap()]);
    assert_eq!(code, 3);
    assert_told(&err, &["capture.gz: cannot open the capture"]);
}

#[test]
fn an_unknown_key_is_named_with_its_place() {
    let mut desk = Desk::new();
    desk.played(&[]);
    desk.core = "pace = 3";
    desk.refused(2, &["desk.toml:10:1: core.pace: unknown field `pace`"]);
}
