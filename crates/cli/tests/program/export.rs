//! `pinrail journal export`, beside what `journal dump` prints of the same journal.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use bytemuck::Zeroable;
use pinrail_journal::JournalConfig;
use pinrail_types::record::{
    AssetDef, BookLevel, BookUpdate, ClientDef, InstrumentDef, PositionReport, Quote, QuoteRequest, RECORDS,
    Tick,
};
use pinrail_types::{
    Amount, AssetId, Cause, ClientId, Commit, Flags, Frame, InstrumentId, OutId, Px, Qty, RecordType,
    SourceId, Text,
};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::export_model::{expected, expected_levels, passes};
use crate::{ended, journal_in, journal_of};

const T0: u64 = 1_723_161_254_123_456_789;

type Row = Map<String, Value>;

/// Rows by table.
type Tables = BTreeMap<String, Vec<Row>>;

fn lines(text: &str) -> Vec<Row> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn dumped(archive: &str, filter: &[String]) -> Vec<Row> {
    let mut args = vec!["journal", "dump", archive, "--json"];
    args.extend(filter.iter().map(String::as_str));
    let (code, out, err) = ended(&args);
    assert_eq!(code, 0, "{args:?}: {err}");
    lines(&out)
}

/// Exports into a new directory, and gives what was printed, or the error.
fn try_export(archive: &str, to: &Path, format: &str, filter: &[String]) -> Result<Value, (i32, String)> {
    let to = format!("{}/", to.display());
    let mut args = vec![
        "journal", "export", archive, "--to", &to, "--format", format, "--json",
    ];
    args.extend(filter.iter().map(String::as_str));
    match ended(&args) {
        (0, out, _) => Ok(serde_json::from_str(&out).unwrap()),
        (code, _, err) => Err((code, err)),
    }
}

fn exported(archive: &str, to: &Path, format: &str, filter: &[String]) -> Value {
    try_export(archive, to, format, filter).unwrap()
}

/// The files that an export says it wrote, read.
fn tables(exported: &Value, read: impl Fn(&str) -> Vec<Row>) -> Tables {
    let files = exported["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let path = file["path"].as_str().unwrap();
            let rows = read(path);
            assert_eq!(file["rows"], rows.len(), "{path}");
            assert_eq!(file["bytes"], fs::metadata(path).unwrap().len());
            (file["table"].as_str().unwrap().to_owned(), rows)
        })
        .collect()
}

fn read_jsonl(path: &str) -> Vec<Row> {
    lines(&fs::read_to_string(path).unwrap())
}

fn read_csv(path: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let names = reader.headers().unwrap().clone();
    let row = |record: csv::StringRecord| {
        let cells = names.iter().zip(&record);
        cells.map(|(name, cell)| (name.to_owned(), json!(cell))).collect()
    };
    reader.records().map(|record| row(record.unwrap())).collect()
}

/// A row as CSV has it: no nulls, no numbers.
fn as_text(row: &Row) -> Row {
    let text = |value: &Value| match value {
        Value::Null => json!(""),
        Value::Number(number) => json!(number.to_string()),
        value => value.clone(),
    };
    row.iter()
        .map(|(name, value)| (name.clone(), text(value)))
        .collect()
}

/// Every row of every table is the one that the record's dump asks for, and none is missing or out of order.
fn check_against_dump(tables: &Tables, dump: &[Row]) {
    let mut rows: BTreeMap<&str, std::slice::Iter<'_, Row>> = tables
        .iter()
        .map(|(name, rows)| (name.as_str(), rows.iter()))
        .collect();
    for record in dump {
        let name = record["type"].as_str().unwrap();
        let row = rows
            .get_mut(name)
            .and_then(Iterator::next)
            .unwrap_or_else(|| panic!("no row for {record:?}"));
        let columns: Vec<String> = row.keys().cloned().collect();
        for (column, value) in row.iter().filter(|(column, _)| *column != "layout_version") {
            assert_eq!(
                *value,
                expected(record, &columns, column),
                "{name}.{column} of {record:?}"
            );
        }
        if record.contains_key("bid_levels") {
            let levels = rows.get_mut(format!("{name}.levels").as_str()).unwrap();
            for expected in expected_levels(record) {
                let level = levels.next().unwrap();
                for (column, value) in expected.as_object().unwrap() {
                    assert_eq!(level[column], *value, "{column} of a level of {record:?}");
                }
                for column in [
                    "source_seq",
                    "flags",
                    "ts_core_ns",
                    "instrument",
                    "instrument_name",
                    "venue",
                ] {
                    let Some(of_record) = row.get(column) else {
                        continue;
                    };
                    assert_eq!(level[column], *of_record, "{column} of a level of {record:?}");
                }
            }
        }
    }
    for (name, mut rows) in rows {
        assert_eq!(rows.next(), None, "{name}");
    }
}

fn check_all_formats(archive: &str, dir: &Path, filter: &[String]) {
    let dump = dumped(archive, filter);
    let json = exported(archive, &dir.join("jsonl"), "jsonl", filter);
    assert_eq!(json["passed"], dump.len());
    let json = tables(&json, read_jsonl);
    check_against_dump(&json, &dump);
    let csv = tables(&exported(archive, &dir.join("csv"), "csv", filter), read_csv);
    let texts = |rows: &Vec<Row>| rows.iter().map(as_text).collect();
    assert_eq!(
        csv,
        json.iter()
            .map(|(name, rows)| (name.clone(), texts(rows)))
            .collect::<Tables>()
    );
    #[cfg(feature = "parquet")]
    match try_export(archive, &dir.join("parquet"), "parquet", filter) {
        Ok(parquet) => crate::export_parquet::check(&parquet, &json),
        // Definitions of any bytes may lie too far apart.
        Err((code, err)) => assert!(
            code == 3 && err.contains("does not fit a decimal of 38 digits"),
            "{err}"
        ),
    }
}

fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).unwrap()
}

fn definitions() -> Vec<Frame> {
    let asset = |id, symbol, exponent| {
        Frame::of(&AssetDef {
            asset: AssetId(id),
            symbol: text(symbol),
            exponent,
            ..AssetDef::zeroed()
        })
    };
    let instrument = |id, symbol, tick: (i64, i8), lot_exponent| {
        Frame::of(&InstrumentDef {
            instrument: InstrumentId(id),
            quote: AssetId(id),
            tick_mantissa: tick.0,
            tick_exponent: tick.1,
            lot_mantissa: 1,
            lot_exponent,
            symbol: text(symbol),
            ..InstrumentDef::zeroed()
        })
    };
    let client = ClientDef {
        client: ClientId(1),
        credit_asset: AssetId(1),
        credit_max: Amount::new(i128::MAX),
        name: text("says \"hi\", twice"),
        ..ClientDef::zeroed()
    };
    vec![
        asset(0, "USD", -2),
        asset(1, "USDT", -6),
        instrument(0, "BTC-USD", (1, -2), -5),
        instrument(1, "DOGE-USDT", (5, -4), 0),
        Frame::of(&client),
    ]
}

/// Two instruments of different ticks, sentinels, text that needs quoting, extremes, and a record of an embedder's own.
fn story() -> Vec<Frame> {
    let mut update = BookUpdate {
        bids: 1,
        asks: 2,
        ts_recv: T0,
        ..BookUpdate::zeroed()
    };
    update.levels[..3].copy_from_slice(&[(6_173_763, 150_000), (6_173_764, 0), (6_173_770, 7)].map(
        |(px, qty)| BookLevel {
            px: Px(px),
            qty: Qty(qty),
        },
    ));
    update.header.commit = update.commit_for(Flags::FIRST.with(Flags::LAST)).pack();
    let mut shortened = Frame::of(&update);
    shortened.header_mut().commit = update.header.commit;
    let request = QuoteRequest {
        quote_req_id: text("=1,\"2\""),
        client: ClientId(1),
        instrument: InstrumentId(1),
        qty: Qty(i64::MAX),
        side: b'7',
        valid_until: u64::MAX,
        ..QuoteRequest::zeroed()
    };
    let quote = |instrument, bid_px| {
        Frame::of(&Quote {
            quote_id: OutId {
                seq: 7,
                epoch: 2,
                sub: 1,
            },
            instrument: InstrumentId(instrument),
            bid_px,
            offer_px: Px(-3),
            ..Quote::zeroed()
        })
    };
    let position = PositionReport {
        instrument: InstrumentId(1),
        position: Qty(-12),
        cash: Amount::new(-10_i128.pow(37)),
        ..PositionReport::zeroed()
    };
    let mut own = Frame::of(&Tick::zeroed());
    own.buffer_mut()[4..8].copy_from_slice(&[0x0102_0304_0506_0708, 0, u64::MAX, 1]);
    own.header_mut().commit = Commit {
        lines: 1,
        version: 3,
        flags: Flags::NONE,
        record_type: RecordType(0x8042),
    }
    .pack();
    let mut frames = vec![quote(0, Px(1))];
    frames.extend(definitions());
    frames.extend([
        shortened,
        Frame::of(&request),
        quote(0, Px::NONE),
        quote(1, Px(1_234)),
        quote(9, Px(5)),
    ]);
    frames.extend([Frame::of(&position), own]);
    for (seq, frame) in (1..).zip(&mut frames) {
        let header = frame.header_mut();
        header.ts_core = T0 + seq;
        header.cause = Cause::input(SourceId(3), seq);
    }
    frames
}

#[test]
fn all_formats_hold_what_the_dump_prints() {
    let dir = TempDir::new().unwrap();
    let (archive, _) = journal_of(dir.path(), &story());
    check_all_formats(&archive, dir.path(), &[]);
    assert_eq!(
        dir.path().join("parquet/Quote.parquet").exists(),
        cfg!(feature = "parquet")
    );
    let csv = |table: &str| fs::read_to_string(dir.path().join("csv").join(table)).unwrap();
    assert_eq!(
        csv("QuoteRequest.csv"),
        "seq,ts_core_ns,source,source_seq,flags,quote_req_id,client,client_name,instrument,instrument_name,qty_lots,qty,\
         side,subscription,session,quote_type,ts_recv_ns,valid_until_ns,min_qty_lots,min_qty,cash_units,cash\n\
         8,1723161254123456797,3,8,,\"=1,\"\"2\"\"\",1,\"says \"\"hi\"\", twice\",1,DOGE-USDT,9223372036854775807,\
         9223372036854775807,55,Snapshot,0,Tradeable,,18446744073709551615,0,0,0,0.000000\n"
    );
    assert_eq!(
        csv("unknown.csv"),
        format!(
            "seq,ts_core_ns,source,source_seq,input_seq,cause,flags,type_number,layout_version,why,payload_hex\n\
             13,1723161254123456802,3,13,,,,32834,3,type is not known to this version,{}\n",
            "08070605040302010000000000000000ffffffffffffffff0100000000000000"
        )
    );
    let quotes = csv("Quote.csv");
    let px: Vec<String> = quotes
        .lines()
        .skip(1)
        .map(|line| line.split(',').skip(8).take(6).collect::<Vec<_>>().join(","))
        .collect();
    // The first stands before the definitions, the last is of an instrument that has none.
    let golden = [
        "0,,1,,-3,",
        "0,BTC-USD,,,-3,-0.03",
        "1,DOGE-USDT,1234,0.6170,-3,-0.0015",
        "9,,5,,-3,",
    ];
    assert_eq!(px, golden);
}

/// Any bytes as records of known and unknown types, and among them definitions that they may name.
fn any_journal() -> impl Strategy<Value = Vec<Frame>> {
    let commit =
        (0..RECORDS.len() + 3, any::<u8>(), 1_u8..=4, 0_u8..8).prop_map(|(i, flags, lines, chance)| {
            let unknown = [RecordType(0x8001), RecordType(0xc001), RecordType(0x5001)];
            let (record_type, version, full) = match RECORDS.get(i) {
                Some(schema) => (schema.record_type, schema.version, schema.lines as u8),
                None => (unknown[i - RECORDS.len()], 1, lines),
            };
            Commit {
                lines: if chance == 0 { lines } else { full },
                version: if chance == 1 { 9 } else { version },
                flags: Flags(flags),
                record_type,
            }
            .pack()
        });
    // Small words make ids that are defined, counts of levels that fit, and codes that have names.
    let word = prop_oneof![any::<u64>(), 0_u64..3, Just(1 << 63), Just(0x0303_0000_0000_0001)];
    let any_record = (commit, proptest::array::uniform32(word)).prop_map(|(commit, words)| {
        let mut frame = Frame::default();
        *frame.buffer_mut() = words;
        let header = frame.header_mut();
        (header.commit, header.crc) = (commit, 0);
        frame
    });
    let definition = (0..5_usize).prop_map(|i| definitions()[i]);
    proptest::collection::vec(prop_oneof![6 => any_record, 1 => definition], 0..60)
}

const TYPES: [&str; 5] = [
    "Quote",
    "BookUpdate",
    "QuoteRequest",
    "InstrumentLimits",
    "unknown",
];

fn any_filter() -> impl Strategy<Value = Vec<String>> {
    let one = prop_oneof![
        proptest::sample::select(&TYPES).prop_map(|name| ["--type", name].map(String::from)),
        proptest::sample::select(&["BTC-USD", "1", "none"])
            .prop_map(|i| ["--instrument", i].map(String::from)),
        proptest::sample::select(&["says \"hi\", twice", "0"])
            .prop_map(|c| ["--client", c].map(String::from)),
        (0_u64..40).prop_map(|seq| ["--from".to_owned(), seq.to_string()]),
        (0_u64..80).prop_map(|seq| ["--until".to_owned(), seq.to_string()]),
        Just(["--from", "1970-01-01T00:00:00.000000002Z"].map(String::from)),
        Just(["--until", "1970-01-01T00:00:00.000000001Z"].map(String::from)),
    ];
    proptest::collection::vec(one, 0..3).prop_map(|mut options| {
        options.sort();
        options.dedup_by(|a, b| a[0] == b[0]);
        options.concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_export_holds_what_a_dump_with_the_same_filter_prints(frames in any_journal(), filter in any_filter()) {
        let dir = TempDir::new().unwrap();
        let (archive, _) = journal_of(dir.path(), &frames);
        let all = dumped(&archive, &[]);
        let passing: Vec<Row> = all.into_iter().filter(|record| passes(record, &filter)).collect();
        prop_assert_eq!(dumped(&archive, &filter), passing);
        check_all_formats(&archive, dir.path(), &filter);
    }
}

#[test]
fn one_file_holds_one_type_and_its_levels_stand_beside() {
    let dir = TempDir::new().unwrap();
    let (archive, _) = journal_of(dir.path(), &story());
    let to = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let export = |args: &[&str]| ended(&[&["journal", "export", &archive], args].concat());
    let (code, out, err) = export(&["--type", "bookupdate", "--to", &to("book.csv")]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(
        out.contains("book.levels.csv") && out.contains("| BookUpdate.levels |    3 |"),
        "{out}"
    );
    let levels = fs::read_to_string(to("book.levels.csv")).unwrap();
    assert!(levels.ends_with("Ask,1,6173770,61737.70,7,0.00007\n"), "{levels}");
    // A type that does not occur: the file is there, and empty.
    let (code, _, _) = export(&["--type", "Trade", "--to", &to("trades"), "--format", "csv"]);
    assert_eq!((code, read_csv(&to("trades")).len()), (0, 0));
    assert!(
        fs::read_to_string(to("trades"))
            .unwrap()
            .starts_with("seq,ts_core_ns,source,")
    );
    for (args, what) in [
        (&["--to", &to("a.csv")][..], "name one with --type"),
        (
            &["--to", &to("a.csv"), "--type", "Quote", "--type", "Tick"],
            "name one with --type",
        ),
        (&["--to", &to("a.txt"), "--type", "Quote"], "--format is missing"),
        (&["--to", &to("new/")], "--format is missing"),
        (
            &["--to", &to("a.xls"), "--type", "Quote", "--format", "xls"],
            "possible values: jsonl, csv, parquet",
        ),
        #[cfg(not(feature = "parquet"))]
        (
            &["--to", &to("a.parquet"), "--type", "Quote"],
            "--features parquet",
        ),
    ] {
        let (code, out, err) = export(args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}");
        assert!(err.contains(what), "{args:?}: {err}");
    }
    let files = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(files, 2 + 3, "nothing was left of what failed");
}

#[test]
fn no_file_is_overwritten_unless_it_is_asked_for() {
    let dir = TempDir::new().unwrap();
    let (archive, _) = journal_in(dir.path());
    let out = dir.path().join("out");
    fs::create_dir(&out).unwrap();
    // The last table that the export begins.
    fs::write(out.join("Tick.csv"), "mine").unwrap();
    let to = out.to_str().unwrap();
    let args = ["journal", "export", &archive, "--to", to, "--format", "csv"];
    let (code, _, err) = ended(&args);
    assert_eq!(code, 2);
    assert!(err.contains("Tick.csv exists; --force overwrites it"), "{err}");
    assert_eq!(
        fs::read_dir(&out).unwrap().count(),
        1,
        "neither other tables nor halves of them"
    );
    assert_eq!(fs::read_to_string(out.join("Tick.csv")).unwrap(), "mine");
    let (code, _, err) = ended(&[&args[..], &["--force"]].concat());
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(read_csv(out.join("Tick.csv").to_str().unwrap()).len(), 100);
    assert_eq!(fs::read_dir(&out).unwrap().count(), 4);
}

#[test]
fn a_killed_export_leaves_no_half_file() {
    let dir = TempDir::new().unwrap();
    let (archive, _) = journal_in(dir.path());
    let out = dir.path().join("ticks.csv");
    // The system kills a process that writes a file larger than this: one block.
    let output = Command::new("sh")
        .args([
            "-c",
            "ulimit -c 0; ulimit -f 1; exec \"$@\"",
            "sh",
            assert_cmd::cargo::cargo_bin!("pinrail").to_str().unwrap(),
        ])
        .args([
            "journal",
            "export",
            &archive,
            "--type",
            "Tick",
            "--to",
            out.to_str().unwrap(),
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.signal(), Some(25), "SIGXFSZ: {output:?}");
    assert!(!out.exists());
    let left: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert!(
        left.iter().any(|name| name.to_string_lossy().ends_with(".tmp")),
        "it was killed in between: {left:?}"
    );
    assert_eq!(
        ended(&[
            "journal",
            "export",
            &archive,
            "--type",
            "Tick",
            "--to",
            out.to_str().unwrap()
        ])
        .0,
        0
    );
}

#[test]
fn a_torn_journal_is_exported_up_to_the_tear() {
    let dir = TempDir::new().unwrap();
    let archive = dir.path().join("archive");
    let mut journal =
        pinrail_journal::open(&JournalConfig::new(archive.clone(), dir.path().join("live"))).unwrap();
    for (seq, last) in [(1, false), (2, true), (3, true)] {
        let mut frame = Frame::of(&Tick::zeroed());
        frame.header_mut().seq = seq;
        journal.writer.append(frame.words());
        while last && journal.archiver.do_work().unwrap() > 0 {}
    }
    drop(journal);
    let segment = fs::read_dir(&archive)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().ends_with("0000000001-000001.seg"))
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let last = bytes.iter().rposition(|b| *b != 0).unwrap();
    bytes[last] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let archive = archive.to_str().unwrap();
    let out = dir.path().join("out");
    let exported = exported(archive, &out, "jsonl", &[]);
    let torn = exported["torn"].as_str().unwrap();
    assert!(
        torn.contains(".seg at byte ") && torn.ends_with("checksum"),
        "{torn}"
    );
    assert_eq!(exported["records"], 2);
    assert_eq!(read_jsonl(out.join("Tick.jsonl").to_str().unwrap()).len(), 2);
    let (_, out, err) = ended(&[
        "journal",
        "export",
        archive,
        "--to",
        out.to_str().unwrap(),
        "--format",
        "csv",
    ]);
    assert!(
        out.contains("| torn") && err.contains("is torn at byte"),
        "{out}{err}"
    );
}

#[test]
fn a_damaged_journal_is_exported_as_far_as_is_asked_for() {
    let dir = TempDir::new().unwrap();
    let (archive, _) = journal_in(dir.path());
    let segment = fs::read_dir(&archive)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().ends_with("0000000001-000001.seg"))
        .unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let request = bytes.windows(3).position(|three| three == b"r-1").unwrap();
    bytes[request] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let out = dir.path().join("out");
    let args = [
        "journal",
        "export",
        &archive,
        "--to",
        out.to_str().unwrap(),
        "--format",
        "csv",
    ];
    fs::create_dir(&out).unwrap();
    let (code, _, err) = ended(&args);
    assert!(code == 3 && err.contains("sequence 3"), "{err}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    let (code, _, err) = ended(&[&args[..], &["--until", "2"]].concat());
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 2);
}
