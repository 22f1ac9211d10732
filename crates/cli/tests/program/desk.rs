//! A small desk in a directory of its own: a configuration, a capture made by hand, a journal.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::ended;

/// Lines of a whole capture: 20 seconds, a message every 10 milliseconds.
const LINES: u64 = 2_000;

const REST: &str = r#"
[[asset]]
symbol = "BTC"
unit = "0.00000001"
[[asset]]
symbol = "USDT"
unit = "0.00000001"
[[instrument]]
symbol = "BTC-USDT"
base = "BTC"
quote = "USDT"
tick = "0.1"
lot = "0.001"
[[venue]]
name = "spot"
rule = "binance-spot"
taker_fee_bps = "10"
stale_ms = 2000
[[venue.listing]]
instrument = "BTC-USDT"
symbol = "BTCUSDT"
tick = "0.1"
lot = "0.001"
capture = "capture.gz"
[[tier]]
name = "prime"
half_spread_bps = { BTC-USDT = "1" }
[[client_group]]
prefix = "client-"
count = 3
tier = "prime"
credit = "1000000"
credit_asset = "USDT"
[[limits]]
instrument = "BTC-USDT"
qty_min = "0.001"
qty_max = "2"
qty_step = "0.001"
notional_max = "500"
position_max = "2000"
collar_bps = "500"
quote_ttl_ms = 500
px_step = "0.1"
[flow]
seed = 5
requests_per_s = 50
two_sided_pct = 50
bad_pct = 5
accept_pct = 40
pass_pct = 20
reaction_ms_min = 5
reaction_ms_max = 300
"#;

/// What differs from test to test; the rest is as [`REST`].
pub(crate) struct Desk {
    dir: TempDir,
    pub(crate) archive_dir: PathBuf,
    pub(crate) live_dir: PathBuf,
    pub(crate) segment_bytes: u64,
    /// More lines of the section `[core]`.
    pub(crate) core: &'static str,
    /// What of [`REST`] is otherwise: each first text with the second in its place.
    pub(crate) changes: Vec<(&'static str, &'static str)>,
}

impl Desk {
    /// With a whole capture.
    pub(crate) fn new() -> Desk {
        let dir = TempDir::new().unwrap();
        let desk = Desk {
            archive_dir: dir.path().join("archive"),
            live_dir: dir.path().join("live"),
            segment_bytes: 64 << 10,
            core: "",
            changes: Vec::new(),
            dir,
        };
        desk.record(&lines());
        desk
    }

    pub(crate) fn capture(&self) -> PathBuf {
        self.dir.path().join("capture.gz")
    }

    /// Puts `lines` into the capture.
    pub(crate) fn record(&self, lines: &[String]) {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(lines.concat().as_bytes()).unwrap();
        fs::write(self.capture(), encoder.finish().unwrap()).unwrap();
    }

    /// The configuration, written.
    pub(crate) fn config(&self) -> String {
        self.config_with(&self.changes)
    }

    /// The same, with other changes.
    pub(crate) fn config_with(&self, changes: &[(&str, &str)]) -> String {
        let mut rest = REST.to_owned();
        for (old, new) in changes {
            assert!(rest.contains(old), "{old}");
            rest = rest.replace(old, new);
        }
        let text = format!(
            "data = \".\"\nstart = \"active\"\n\
             [journal]\narchive_dir = \"{}\"\nlive_dir = \"{}\"\nsegment_bytes = {}\n\
             [core]\nclock = \"playback\"\nidle = \"yield\"\n{}\n{rest}",
            self.archive_dir.display(),
            self.live_dir.display(),
            self.segment_bytes,
            self.core,
        );
        let path = self.dir.path().join("desk.toml");
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Plays the capture: exit code, stdout, stderr.
    pub(crate) fn run(&self, more: &[&str]) -> (i32, String, String) {
        let config = self.config();
        ended(&[&["run", "--config", &config, "--json"], more].concat())
    }

    /// Plays the capture, which must work; gives what was printed.
    pub(crate) fn played(&self, more: &[&str]) -> Value {
        let (code, out, err) = self.run(more);
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    }

    /// Plays the capture, which must fail with `code` and an error that holds all of `words`; what the journal held
    /// before must still be there.
    pub(crate) fn refused(&self, code: i32, words: &[&str]) -> String {
        let before = stat(&self.archive_dir).map_or(0, |stat| stat["records"].as_u64().unwrap());
        let (found, out, err) = self.run(&[]);
        assert_eq!((found, out.as_str()), (code, ""), "{err}");
        assert_told(&err, words);
        if let Some(after) = stat(&self.archive_dir) {
            assert!(after["records"].as_u64() >= Some(before), "{before}, {after}");
            assert_eq!(after["torn"], Value::Null);
        } else {
            assert_eq!(before, 0);
        }
        err
    }
}

/// Whether stderr is an error that holds all of `words`, and no panic.
pub(crate) fn assert_told(err: &str, words: &[&str]) {
    assert!(err.contains("error: ") && !err.contains("panicked"), "{err}");
    for word in words {
        assert!(err.contains(word), "{word} in {err}");
    }
}

/// What `journal stat` says of a journal; `None` if there is none.
pub(crate) fn stat(archive_dir: &Path) -> Option<Value> {
    let (code, out, err) = ended(&["journal", "stat", archive_dir.to_str().unwrap(), "--json"]);
    assert!(!err.contains("panicked"), "{err}");
    if code == 3 && err.contains("no journal in") {
        return None;
    }
    assert_eq!(code, 0, "{err}");
    Some(serde_json::from_str(&out).unwrap())
}

/// A whole capture: updates, a snapshot, and tickers that agree with them.
pub(crate) fn lines() -> Vec<String> {
    let mut lines = Vec::new();
    for i in 0..LINES {
        let qty = format!("{}.{:03}", 2 + i % 5, i % 997);
        let json = match i {
            1 => snapshot(),
            _ if i % 4 == 3 => format!(
                r#"{{"stream":"btcusdt@bookTicker","data":{{"u":{},"s":"BTCUSDT","b":"100.0","B":"{1}","a":"100.1","A":"{1}"}}}}"#,
                100 + i - 1,
                format_args!("{}.{:03}", 2 + (i - 1) % 5, (i - 1) % 997),
            ),
            _ => update(i, "100.0", &qty),
        };
        lines.push(at(i, &json));
    }
    lines
}

/// A line that was received as number `i`.
pub(crate) fn at(i: u64, json: &str) -> String {
    format!("{} {json}\n", 1_723_000_000_000_000_000 + i * 10_000_000)
}

/// The update that stands on line `i` (from 0): the best bid at `px`, the best offer at 100.1, both with `qty`.
pub(crate) fn update(i: u64, px: &str, qty: &str) -> String {
    // Tickers take no id; the update behind one begins where the update before it ended.
    let last = 100 + i;
    let first = if i.is_multiple_of(4) || i == 2 {
        last - 1
    } else {
        last
    };
    format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":6,"s":"BTCUSDT","U":{first},"u":{last},"b":[["{px}","{qty}"]],"a":[["100.1","{qty}"]]}}}}"#
    )
}

/// As of the first update.
fn snapshot() -> String {
    let side = |step: i64, start: i64| {
        let levels = (0..100).map(|i| start + i * step);
        let texts: Vec<String> = levels
            .map(|tenths| format!(r#"["{}.{}","2.000"]"#, tenths / 10, tenths % 10))
            .collect();
        texts.join(",")
    };
    format!(
        r#"{{"lastUpdateId":100,"bids":[{}],"asks":[{}]}}"#,
        side(-1, 1_000),
        side(1, 1_001)
    )
}
