//! The seeds of the corpus: what the real parts write, in the form that each target reads. All of it is made up.

use std::io::Write;

use bytemuck::Zeroable;
use flate2::Compression;
use flate2::write::GzEncoder;
use pinrail_runtime::{Snapshot, SnapshotDir};
use pinrail_types::record::{RuntimeEvent, RuntimeEventKind, Tick};
use pinrail_types::{Commit, Flags, Frame, RecordType};

use rand_core::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::bases::bases;
use super::{engine, files, matching, recover, ring, snapshot};

/// A seed: its target, its name, its bytes.
pub type Seed = (&'static str, String, Vec<u8>);

/// Every seed. Journals are made anew each time, and with them the times in their headers.
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut add = |target, name: &str, bytes| seeds.push((target, name.to_owned(), bytes));
    for (name, bytes) in archives() {
        add("read_archive", &name, bytes);
    }
    for (name, bytes) in damages() {
        add("recover", &name, bytes);
    }
    for (name, bytes) in rings() {
        add("ring", name, bytes);
    }
    for (name, bytes) in days() {
        add("engine", name, bytes);
    }
    for (name, bytes) in books() {
        add("matching", name, bytes);
    }
    for (name, bytes) in replays() {
        add("replay", name, bytes);
    }
    for (name, bytes) in snapshots() {
        add("snapshot", name, bytes);
    }
    for (name, bytes) in messages() {
        add("binance", name, bytes);
    }
    for (name, bytes) in configurations() {
        add("config", name, bytes);
    }
    seeds
}

const BASES: [&str; 5] = ["closed", "killed", "power-cut", "killed-twice", "new"];

fn archives() -> Vec<(String, Vec<u8>)> {
    let written = |first: u8, base: usize| {
        let mut seed = vec![first];
        for (name, bytes) in &bases()[base].files {
            let (segment, epoch) = files::segment_of(name).unwrap_or((1, 1));
            let place = match name.as_str() {
                "archive/meta" => 2,
                "live/control" => 3,
                name => u8::from(name.starts_with("live")),
            };
            seed.extend(files::write_down(place, segment, epoch, bytes));
        }
        seed
    };
    let mut seeds: Vec<(String, Vec<u8>)> = BASES
        .iter()
        .enumerate()
        .map(|(at, name)| ((*name).to_owned(), written(6, at)))
        .collect();
    for at in [1, 3] {
        seeds.push((format!("{}-renewed", BASES[at]), written(5, at)));
    }
    seeds
}

/// Random messages, which mutations make less so.
fn books() -> Vec<(&'static str, Vec<u8>)> {
    let drawn = |choice: u8, messages: usize| {
        let mut draws = Xoshiro256PlusPlus::seed_from_u64(u64::from(choice));
        let mut bytes = vec![0; 1 + messages * matching::STEP_BYTES];
        draws.fill_bytes(&mut bytes);
        bytes[0] = choice;
        bytes
    };
    vec![
        ("steps-1", drawn(0, 120)),
        ("steps-3", drawn(1, 120)),
        ("full", drawn(3, 60)),
    ]
}

fn damages() -> Vec<(String, Vec<u8>)> {
    let edit = |kind: u8, one: u8, other: u8, value: u8, at: u16, len: u16| {
        let mut edit = vec![kind, one, other, value];
        edit.extend(at.to_le_bytes());
        edit.extend(len.to_le_bytes());
        assert_eq!(edit.len(), recover::EDIT_BYTES);
        edit
    };
    let mut seeds = Vec::new();
    for (base, name) in (0..).zip(BASES) {
        seeds.push((name.to_owned(), vec![base, 0x20 | base & 3]));
    }
    for kind in 0..12 {
        let base = kind % 3;
        let mut seed = vec![base, 0x11];
        seed.extend(edit(kind, 1, 2, 0x91, 4096 + 64 * u16::from(kind), 128));
        seeds.push((format!("edit-{kind}"), seed));
    }
    // Behind what was durable, in the last file of the one that was cut off.
    let mut seed = vec![2, 0x11];
    seed.extend(edit(2, 3, 0, 0, 6000, 400));
    seeds.push(("not-durable".to_owned(), seed));
    seeds
}

fn rings() -> Vec<(&'static str, Vec<u8>)> {
    let step = |kind: u8, line: u8, word: u8, count: u8, value: u64| {
        let mut step = vec![kind, line, word, count];
        step.extend(value.to_le_bytes());
        assert_eq!(step.len(), ring::STEP_BYTES);
        step
    };
    let word = |lines: u8, record_type: RecordType| {
        let commit = Commit {
            lines,
            version: 0,
            flags: Flags::NONE,
            record_type,
        };
        u64::from(commit.pack())
    };
    let record = RecordType(0x8001);
    let sent = [
        step(7, 0, 0, 40, 0),
        step(4, 0, 0, 41, 0),
        step(5, 0, 0, 0, 0),
        step(7, 0, 0, 79, 0),
        step(4, 0, 0, 20, 0),
        step(6, 0, 0, 0, 0),
        step(4, 0, 0, 60, 0),
        step(7, 0, 0, 0, 0),
        step(7, 0, 0, 9, 0),
    ];
    let written = [
        step(0, 0, 0, 0, word(4, record)),
        step(2, 1, 3, 0, 77),
        step(4, 0, 0, 2, 0),
        step(3, 4, 0, 0, 61),
        step(6, 0, 0, 0, 0),
        step(1, 61, 0, 0, word(3, RecordType::PADDING)),
        step(1, 0, 0, 0, word(2, record)),
        step(4, 0, 0, 3, 0),
    ];
    let refused = [
        step(3, 0, 0, 0, 1),
        step(6, 0, 0, 0, 0),
        step(7, 0, 0, 1, 0),
        step(3, 2, 0, 0, u64::MAX),
    ];
    vec![
        ("sent", sent.concat()),
        ("written", written.concat()),
        ("refused", refused.concat()),
    ]
}

fn usual(kind: u8, steer: u8, bytes: &[u8]) -> Vec<u8> {
    let mut step = vec![kind, steer, bytes.len() as u8];
    step.extend(bytes);
    step
}

fn days() -> Vec<(&'static str, Vec<u8>)> {
    let day = [
        usual(0xe6, 2, &[20]),
        usual(0xe6, 1, &[50]),
        usual(0xe1, 0, &[0]),
        usual(engine::USUAL, 0, &[]),
        usual(0xe2, 1, &[]),
        usual(0xe3, 1, &[7, 90]),
        usual(0xe6, 4, &[9]),
        usual(0xe4, 200, &[8]),
        usual(0xe6, 3, &[9]),
        usual(0xe8, 0, &[]),
        usual(0xe5, 0, &[]),
        usual(0xe7, 0, &[]),
        usual(0xe3, 0, &[3, 200]),
        usual(0xe6, 0, &[12]),
        usual(0xe1, 0, &[1]),
    ]
    .concat();
    let with = |first: u8, steps: &[&[u8]]| [&[first][..], &steps.concat()].concat();
    let records: Vec<u8> = (0..28)
        .flat_map(|kind| usual(kind, 0x10 | kind & 3, &[1, 0, 0, 0, 2, 0, 0, 0, 3]))
        .collect();
    // Orders of all kinds in the desk's own book, a change, a quote, an auction, and the reference moves.
    let limits = (0..12_u8).flat_map(|n| usual(0xe9, n, &[n, n * 2, 100 + 5 * n, 0, 1, 0, n % 5]));
    let rare = (0..24_u8).flat_map(|n| {
        let exec_inst = [0, 1, 3, 4][usize::from(n) % 4];
        usual(
            0xe9,
            n,
            &[
                n,
                21 - n % 21,
                140 - n,
                n,
                n / 4,
                exec_inst,
                n % 5,
                n,
                n % 3,
                n % 2,
                1 + n % 2,
                n,
            ],
        )
    });
    let traded: Vec<u8> = limits
        .chain(usual(0xed, 1, &[]))
        .chain(rare)
        .chain(usual(0xeb, 1, &[1, 2, 12, 9]))
        .chain(usual(0xec, 0, &[4, 3, 14, 5, 15, 6]))
        .chain(usual(0xed, 0, &[]))
        .chain(usual(0xe3, 1, &[12, 200]))
        .chain(usual(0xe5, 0, &[]))
        .chain(usual(0xea, 0, &[2]))
        .chain(usual(0xe4, 90, &[12]))
        .collect();
    vec![
        ("books", with(0x83, &[&traded])),
        ("day", with(0x83, &[&day])),
        ("records", with(0x43, &[&records, &day])),
        ("configured", with(0x20, &[&engine::configuration(), &day])),
    ]
}

/// Inputs, each with what the engine makes of it.
fn replays() -> Vec<(&'static str, Vec<u8>)> {
    let configured = engine::replayable(&engine::configuration());
    let poison = RuntimeEvent {
        kind: RuntimeEventKind::PoisonInput.byte(),
        value: 3,
        ..RuntimeEvent::zeroed()
    };
    let poisoned = [
        &configured[..],
        &engine::step_of(&Frame::of(&super::replay::BOUNDS.epoch_start(2))),
        &engine::step_of(&Frame::of(&poison)),
        &engine::step_of(&Frame::of(&Tick::zeroed())),
    ]
    .concat();
    vec![("configured", configured), ("poisoned", poisoned)]
}

fn snapshots() -> Vec<(&'static str, Vec<u8>)> {
    let file = |first: u8, bytes: &[u8]| {
        let (mut engine, start) = engine::engine_of_day(first, bytes);
        let snapshot = Snapshot::of(&mut engine, snapshot::ID, &start, 64);
        let scratch = super::Scratch::new();
        let dir = SnapshotDir::open(&scratch.archive(), 3).expect("room");
        let path = dir.write(&snapshot).expect("room");
        [&[1], &std::fs::read(path).expect("what was written")[..]].concat()
    };
    let days = days();
    vec![
        ("halted", file(1, &[])),
        ("day", file(3, &days[0].1[1..])),
        ("empty", file(0, &[])),
    ]
}

fn messages() -> Vec<(&'static str, Vec<u8>)> {
    let spot = [
        r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":6,"s":"BTCUSDT","U":10,"u":12,"b":[["100.1","0.014"]],"a":[]}}"#,
        r#"{"lastUpdateId":11,"bids":[["99.9","1.5"],["99.8","2"]],"asks":[["100.2","0.001"]]}"#,
        r#"{"stream":"btcusdt@bookTicker","data":{"u":12,"s":"BTCUSDT","b":"100.0","B":"2.5","a":"100.1","A":"2.5"}}"#,
        r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":6,"s":"BTCUSDT","t":77,"p":"100.1","q":"0.006","m":false}}"#,
        r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":7,"s":"BTCUSDT","U":15,"u":19,"b":[],"a":[["100.3","0"]]}}"#,
    ];
    let usdm = [
        r#"{"lastUpdateId":11,"E":6,"T":5,"bids":[["100.2","2.909"]],"asks":[["100.3","1.000"],["100.4","2"]]}"#,
        r#"{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1700000000000,"T":1,"s":"BTCUSDT","U":10,"u":12,"pu":9,"b":[["100.20","0.014"],["90.50","0.000"]],"a":[["101.3","2.5"]]}}"#,
        r#"{"stream":"btcusdt@bookTicker","data":{"e":"bookTicker","u":12,"s":"BTCUSDT","b":"100.20","B":"2.507","a":"100.30","A":"2.510","T":5,"E":6}}"#,
        r#"{"stream":"btcusdt@trade","data":{"e":"trade","E":6,"T":5,"s":"BTCUSDT","t":77,"p":"100.30","q":"0.006","X":"INSURANCE_FUND","m":false}}"#,
    ];
    let kraken = [
        r#"[1,{"as":[["100.30000","1.00000000","1617.1"]],"bs":[["100.20000","2.00000000","1617.1"]]},"book-1000","BTCUSDT"]"#,
        r#"[1,{"a":[["100.30000","0.50000000","1617.2"]],"c":"974947235"},"book-1000","BTCUSDT"]"#,
    ];
    let okx = [
        r#"{"arg":{"channel":"books","instId":"BTCUSDT"},"action":"snapshot","data":[{"asks":[["100.3","1","0","1"]],"bids":[["100.2","2","0","1"]],"ts":"1","checksum":0}]}"#,
        r#"{"arg":{"channel":"books","instId":"BTCUSDT"},"action":"update","data":[{"asks":[],"bids":[["100.2","0","0","0"]],"ts":"2","checksum":-1,"prevSeqId":1,"seqId":2}]}"#,
    ];
    let coinbase = [
        r#"{"type":"snapshot","product_id":"BTCUSDT","asks":[["100.3","1"]],"bids":[["100.2","2"]]}"#,
        r#"{"type":"l2update","product_id":"BTCUSDT","changes":[["buy","100.2","0"]],"time":"2021-04-09T00:00:00.000000Z"}"#,
    ];
    let bybit = [
        r#"{"topic":"orderBookL2_25.BTCUSDT","type":"snapshot","data":[{"price":"100.2","symbol":"BTCUSDT","id":1002000,"side":"Buy","size":2}],"cross_seq":1,"timestamp_e6":1}"#,
        r#"{"topic":"orderBookL2_25.BTCUSDT","type":"delta","data":{"delete":[{"price":"100.2","symbol":"BTCUSDT","id":1002000,"side":"Buy"}],"update":[],"insert":[]},"cross_seq":2,"timestamp_e6":2}"#,
    ];
    let deribit = [
        r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTCUSDT.raw","data":{"type":"snapshot","timestamp":1,"instrument_name":"BTCUSDT","change_id":1,"bids":[["new",100.2,2.0]],"asks":[["new",100.3,1.0]]}}}"#,
        r#"{"jsonrpc":"2.0","method":"subscription","params":{"channel":"book.BTCUSDT.raw","data":{"type":"change","timestamp":2,"instrument_name":"BTCUSDT","change_id":2,"prev_change_id":1,"bids":[["delete",100.2,0.0]],"asks":[]}}}"#,
    ];
    let seed = |first: u8, messages: &[&str]| [&[first], messages.join("\n").as_bytes()].concat();
    let mut gzip = GzEncoder::new(vec![2], Compression::default());
    for (n, message) in (1_700_000_000_000_000_000_u64..).zip(spot) {
        writeln!(gzip, "{n} {message}").expect("memory");
    }
    vec![
        ("spot", seed(0, &spot)),
        ("usdm", seed(1, &usdm)),
        ("kraken", seed(4, &kraken)),
        ("okx", seed(8, &okx)),
        ("coinbase", seed(12, &coinbase)),
        ("bybit", seed(16, &bybit)),
        ("deribit", seed(20, &deribit)),
        ("recording", gzip.finish().expect("memory")),
    ]
}

fn configurations() -> Vec<(&'static str, Vec<u8>)> {
    let demo = include_str!("../../crates/cli/src/desk/demo.toml");
    let odd = demo
        .replace("\"2\"", "\"1e3\"")
        .replace("count = 40", "count = -1");
    vec![("demo", demo.into()), ("odd", odd.into())]
}
