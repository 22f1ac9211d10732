use bytemuck::Zeroable;
use pinrail_types::record::{
    BookLevel, InstrumentLimits, MultilegQuote, MultilegQuoteRequest, Quote, QuoteRequest,
    QuoteRequestReject, RECORDS, Record, TradingStateSet,
};
use pinrail_types::{
    Amount, AssetId, ClientId, Commit, InstrumentId, Qty, Reason, SessionId, SourceId, Text, VenueId,
};
use proptest::prelude::*;

use super::row::{Cell, Column, ColumnKind, Measure};
use super::*;

const T0: u64 = 1_723_161_254_123_456_789;

/// `record` as the `seq`th of a journal.
fn framed<R: Record>(record: &R, seq: u64, cause: u64) -> Frame {
    let mut frame = Frame::of(record);
    let header = frame.header_mut();
    (header.seq, header.ts_core, header.cause) = (seq, T0 + seq, cause);
    frame
}

fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text).unwrap()
}

/// A short journal with something of each kind of value in it.
fn story() -> Vec<Frame> {
    let input = |seq| Cause::input(SourceId(3), seq);
    let usd = AssetDef {
        asset: AssetId(1),
        exponent: -6,
        symbol: text("USD"),
        ..AssetDef::zeroed()
    };
    let instrument = InstrumentDef {
        base: AssetId(0),
        quote: AssetId(1),
        tick_exponent: -2,
        lot_exponent: -5,
        tick_mantissa: 1,
        lot_mantissa: 1,
        symbol: text("BTC-USD"),
        ..InstrumentDef::zeroed()
    };
    let client = ClientDef {
        client: ClientId(7),
        credit_asset: AssetId(1),
        credit_max: Amount::new(-1_500_000),
        name: text("alpha \"a\""),
        ..ClientDef::zeroed()
    };
    let mut update = BookUpdate {
        venue: VenueId(2),
        bids: 1,
        asks: 1,
        ts_recv: T0,
        first_id: 10,
        last_id: 12,
        ..BookUpdate::zeroed()
    };
    update.levels[0] = BookLevel {
        px: Px(6_173_763),
        qty: Qty(150_000),
    };
    update.levels[1] = BookLevel {
        px: Px(6_173_764),
        qty: Qty(0),
    };
    let commit = update.commit_for(Flags::FIRST.with(Flags::LAST)).pack();
    let request = QuoteRequest {
        quote_req_id: text("r-1"),
        client: ClientId(7),
        qty: Qty(100_000),
        side: b'1',
        session: SessionId(4),
        ts_recv: T0,
        ..QuoteRequest::zeroed()
    };
    let quote = Quote {
        quote_req_id: text("r-1"),
        quote_id: OutId {
            seq: 5,
            epoch: 2,
            sub: 0,
        },
        client: ClientId(7),
        bid_px: Px::NONE,
        offer_px: Px(6_174_000),
        qty: Qty(100_000),
        side: b'1',
        ..Quote::zeroed()
    };
    let reject = QuoteRequestReject {
        client: ClientId(8),
        instrument: InstrumentId(9),
        qty: Qty(5),
        reason: Reason::UnknownInstrument.code(),
        side: b'7',
        ..QuoteRequestReject::zeroed()
    };
    let mut frames = vec![
        framed(&usd, 1, input(1)),
        framed(&instrument, 2, input(2)),
        framed(&client, 3, input(3)),
        framed(&update, 4, input(4)),
        framed(&request, 5, input(5)),
        framed(&quote, 6, 5),
        framed(&reject, 7, 5),
    ];
    frames[3].header_mut().commit = commit;
    frames
}

#[test]
fn each_leg_of_a_package_is_in_its_own_instrument_and_its_price_in_its_asset() {
    let mut decoder = Decoder::new();
    for frame in story() {
        decoder.learn(&frame);
    }
    let lots = Qty(100_000);
    let request = MultilegQuoteRequest::zeroed();
    let request = request.with_legs(&[(InstrumentId(0), b'1', lots), (InstrumentId(5), b'2', lots)]);
    let decoded = decoder.decode(&framed(&request, 1, Cause::input(SourceId(3), 1)));
    let line = decoded.to_string();
    for shown in [
        "leg_0_side=Buy",
        "leg_0_instrument=0(BTC-USD)",
        "leg_0_ratio_qty=100000l(1.00000)",
        "leg_1_side=Sell",
        "leg_1_instrument=5",
        "leg_1_ratio_qty=100000l",
    ] {
        assert!(line.contains(shown), "{shown} in {line}");
    }
    assert!(!line.contains("leg_1_ratio_qty=100000l("), "{line}");
    let quote = MultilegQuote {
        asset: AssetId(1),
        bid_amt: Amount::new(-1_500_000),
        ..MultilegQuote::zeroed()
    };
    let line = decoder.decode(&framed(&quote, 2, 1)).to_string();
    assert!(line.contains("bid_amt=-1500000u(-1.500000)"), "{line}");
}

#[test]
fn lines_show_every_field() {
    let mut decoder = Decoder::new();
    let lines: Vec<String> = story().iter().map(|f| decoder.decode(f).to_string()).collect();
    let golden = "\
        1 2024-08-08T23:54:14.123456790Z AssetDef                  3:1 -          asset=1(USD) exponent=-6 symbol=\"USD\"
        2 2024-08-08T23:54:14.123456791Z InstrumentDef             3:2 -          instrument=0(BTC-USD) base=0 quote=1(USD) tick_exponent=-2 lot_exponent=-5 tick_mantissa=1 lot_mantissa=1 symbol=\"BTC-USD\"
        3 2024-08-08T23:54:14.123456792Z ClientDef                 3:3 -          client=7(alpha \\\"a\\\") tier=0 credit_asset=1(USD) credit_max=-1500000u(-1.500000) name=\"alpha \\\"a\\\"\"
        4 2024-08-08T23:54:14.123456793Z BookUpdate                3:4 FIRST|LAST instrument=0(BTC-USD) venue=2 bids=1 asks=1 ts_event=none ts_recv=2024-08-08T23:54:14.123456789Z first_id=10 last_id=12 prev_id=0 bid_levels=[6173763t x 150000l(61737.63 x 1.50000)] ask_levels=[6173764t x 0l(61737.64 x 0.00000)]
        5 2024-08-08T23:54:14.123456794Z QuoteRequest              3:5 -          quote_req_id=\"r-1\" client=7(alpha \\\"a\\\") instrument=0(BTC-USD) qty=100000l(1.00000) side=Buy subscription=Snapshot session=4 quote_type=Tradeable ts_recv=2024-08-08T23:54:14.123456789Z valid_until=none min_qty=0l(0.00000) cash=0u(0.000000)
        6 2024-08-08T23:54:14.123456795Z Quote                      #5 -          quote_req_id=\"r-1\" quote_id=2-5-0 client=7(alpha \\\"a\\\") instrument=0(BTC-USD) bid_px=none offer_px=6174000t(61740.00) qty=100000l(1.00000) valid_until=none hedge_bid_px=0t(0.00) hedge_offer_px=0t(0.00) ref_px=0t(0.00) half_spread_e8=0 book_seq=0 session=0 side=Buy venues=0 quote_type=Tradeable by_dealer=0 requested_qty=0l(0.00000) min_qty=0l(0.00000)
        7 2024-08-08T23:54:14.123456796Z QuoteRequestReject         #5 -          quote_req_id=\"\" client=8 instrument=9 qty=5l reason=UnknownInstrument session=0 side=55? stream=None";
    for (line, golden) in lines.iter().zip(golden.lines()) {
        assert_eq!(line.trim_start(), golden.trim_start());
    }
    assert_eq!(lines.len(), golden.lines().count());
}

#[test]
fn json_holds_the_same_exactly() {
    let mut decoder = Decoder::new();
    let json: Vec<String> = story()
        .iter()
        .map(|f| serde_json::to_string(&decoder.decode(f)).unwrap())
        .collect();
    assert_eq!(
        json[2],
        r#"{"seq":3,"ts_core":1723161254123456792,"time":"2024-08-08T23:54:14.123456792Z","type":"ClientDef","source":3,"source_seq":3,"flags":[],"client":7,"client_name":"alpha \"a\"","tier":0,"credit_asset":1,"credit_asset_name":"USD","credit_max":"-1500000","credit_max_decimal":"-1.500000","name":"alpha \"a\""}"#
    );
    assert_eq!(
        json[3],
        r#"{"seq":4,"ts_core":1723161254123456793,"time":"2024-08-08T23:54:14.123456793Z","type":"BookUpdate","source":3,"source_seq":4,"flags":["FIRST","LAST"],"instrument":0,"instrument_name":"BTC-USD","venue":2,"bids":1,"asks":1,"ts_event":null,"ts_recv":1723161254123456789,"first_id":10,"last_id":12,"prev_id":0,"bid_levels":[[6173763,150000]],"bid_levels_decimal":[["61737.63","1.50000"]],"ask_levels":[[6173764,0]],"ask_levels_decimal":[["61737.64","0.00000"]]}"#
    );
    assert!(json[5].contains(r#""input_seq":5,"flags":[]"#), "{}", json[5]);
    assert!(json[5].contains(r#""quote_id":"2-5-0""#), "{}", json[5]);
    assert!(json[5].contains(r#""bid_px":null,"offer_px":6174000,"offer_px_decimal":"61740.00""#));
    assert!(json[6].contains(r#""reason":"UnknownInstrument""#) && json[6].contains(r#""side":55"#));
}

#[test]
fn what_is_no_record_says_why() {
    let why = |change: fn(&mut Frame)| {
        let mut frame = framed(&TradingStateSet::zeroed(), 1, 1);
        change(&mut frame);
        match Decoder::new().decode(&frame).body {
            Body::Unknown { why, .. } => why,
            known @ Body::Known { .. } => panic!("{known:?}"),
        }
    };
    assert_eq!(
        why(|f| f.header_mut().commit = 0),
        "length is 0 lines, expected 1 to 4"
    );
    assert_eq!(
        why(|f| f.header_mut().commit = 0x8001_0001),
        "type is not known to this version"
    );
    assert_eq!(
        why(|f| f.header_mut().commit |= 0x30),
        "TradingStateSet has layout version 3, expected 0"
    );
    assert_eq!(
        why(|f| f.header_mut().commit += 1),
        "TradingStateSet is 2 lines long, expected 1"
    );
    let short = |f: &mut Frame| {
        *f = Frame::of(&QuoteRequest::zeroed());
        f.header_mut().commit -= 1;
    };
    assert_eq!(why(short), "QuoteRequest is 1 lines long, expected 2");
    let no_levels = |f: &mut Frame| {
        *f = Frame::of(&BookUpdate::zeroed());
        f.header_mut().commit -= 3;
    };
    assert_eq!(why(no_levels), "BookUpdate is 1 lines long, expected 2 to 4");
    let crowded = |f: &mut Frame| {
        *f = Frame::of(&BookUpdate {
            bids: 12,
            ..BookUpdate::zeroed()
        });
    };
    assert_eq!(
        why(crowded),
        "BookUpdate counts more levels than its length holds"
    );
}

#[test]
fn an_unknown_record_is_shown_in_hex() {
    let mut frame = framed(&TradingStateSet::zeroed(), 9, 4);
    frame.header_mut().commit = 0xc001_8001;
    let decoded = Decoder::new().decode(&frame);
    let zeros = ["0000000000000000"; 4].join(", ");
    assert_eq!(
        decoded.to_string(),
        format!(
            "        9 2024-08-08T23:54:14.123456798Z unknown                    #4 0x80       type=0xc001 \
             why=\"type is not known to this version\" words=[{zeros}]"
        )
    );
}

#[test]
fn padding_shows_when_it_is_not_zero() {
    let set = TradingStateSet {
        pad: [0, 0xab],
        ..TradingStateSet::zeroed()
    };
    let line = Decoder::new().decode(&framed(&set, 1, 1)).to_string();
    assert!(line.contains(" pad=0x00ab ") && !line.contains("pad2"), "{line}");
}

/// Every row has a cell for each column of its table, of the column's kind.
fn check_rows(decoded: &Decoded) {
    let schema = schema::find(decoded.record_type()).filter(|s| s.name == decoded.name());
    let columns = schema.map_or_else(row::unknown_columns, row::columns);
    check_row(&columns, &decoded.row());
    let levels = schema.and_then(row::level_columns);
    for cells in decoded.level_rows() {
        check_row(levels.as_ref().unwrap(), &cells);
    }
}

fn check_row(columns: &[Column], cells: &[Cell<'_>]) {
    assert_eq!(columns.len(), cells.len(), "{columns:?} {cells:?}");
    for (column, cell) in columns.iter().zip(cells) {
        let fits = match (column.kind, cell) {
            (_, Cell::Null) => !matches!(column.name.as_str(), "seq" | "qty_lots" | "client"),
            (ColumnKind::Unsigned(bytes), Cell::Unsigned(n)) => {
                n.leading_zeros() >= 64 - 8 * u32::from(bytes)
            }
            (ColumnKind::Signed(bytes), Cell::Signed(n)) => {
                let unused = 64 - 8 * u32::from(bytes);
                n << unused >> unused == *n
            }
            (ColumnKind::Time, Cell::Time(ns)) => *ns != 0,
            (ColumnKind::Text, Cell::Text(text)) => !text.is_empty(),
            (ColumnKind::Decimal(Measure::Units), Cell::Decimal(scaled)) => scaled.exponent == 0,
            (ColumnKind::Decimal(_), Cell::Decimal(_)) => true,
            _ => false,
        };
        assert!(fits, "{column:?} {cell:?}");
    }
}

#[test]
fn columns_have_names_of_their_own() {
    let mut tables: Vec<Vec<Column>> = RECORDS.iter().map(row::columns).collect();
    tables.extend(RECORDS.iter().filter_map(row::level_columns));
    tables.push(row::unknown_columns());
    assert_eq!(tables.len(), RECORDS.len() + 3);
    for mut columns in tables {
        let all = columns.len();
        columns.sort_by(|a, b| a.name.cmp(&b.name));
        columns.dedup_by(|a, b| a.name == b.name);
        assert_eq!(columns.len(), all, "{columns:?}");
    }
    let limits: Vec<String> = row::columns(&InstrumentLimits::SCHEMA)
        .into_iter()
        .map(|c| c.name)
        .collect();
    assert_eq!(
        limits.join(" "),
        "seq ts_core_ns source source_seq flags instrument instrument_name qty_lots_min qty_min qty_lots_max qty_max \
         qty_lots_step qty_step notional_max_units notional_max position_lots_max position_max collar_e8 quote_ttl_ns \
         px_ticks_step"
    );
}

#[test]
fn rows_hold_the_same_as_lines() {
    let mut decoder = Decoder::new();
    let decoded: Vec<Decoded> = story().iter().map(|f| decoder.decode(f)).collect();
    decoded.iter().for_each(check_rows);
    let show = |cells: Vec<Cell<'_>>| {
        let show = |cell: &Cell<'_>| match cell {
            Cell::Null => "-".to_owned(),
            Cell::Unsigned(n) | Cell::Time(n) => n.to_string(),
            Cell::Signed(n) => n.to_string(),
            Cell::Text(text) => text.to_string(),
            Cell::Decimal(decimal) => decimal.to_string(),
        };
        cells.iter().map(show).collect::<Vec<_>>().join(" ")
    };
    let rows: Vec<String> = decoded.iter().map(|d| show(d.row())).collect();
    assert_eq!(
        rows[2],
        "3 1723161254123456792 3 3 - 7 alpha \"a\" 0 1 USD -1500000 -1.500000 alpha \"a\""
    );
    assert_eq!(
        rows[3],
        "4 1723161254123456793 3 4 FIRST|LAST 0 BTC-USD 2 - 1 1 - 1723161254123456789 10 12 0"
    );
    assert_eq!(
        rows[5],
        "6 1723161254123456795 5 - r-1 2-5-0 7 alpha \"a\" 0 BTC-USD - - 6174000 61740.00 100000 1.00000 - 0 0.00 0 0.00 \
         0 0.00 0 0 0 Buy 0 Tradeable 0 0 0.00000 0 0.00000"
    );
    assert_eq!(
        rows[6],
        "7 1723161254123456796 5 - - 8 - 9 - 5 - UnknownInstrument 0 55 None"
    );
    let levels: Vec<String> = decoded[3].level_rows().into_iter().map(show).collect();
    assert_eq!(
        levels,
        [
            "4 1723161254123456793 3 4 FIRST|LAST 0 BTC-USD 2 - Bid 0 6173763 61737.63 150000 1.50000",
            "4 1723161254123456793 3 4 FIRST|LAST 0 BTC-USD 2 - Ask 0 6173764 61737.64 0 0.00000",
        ]
    );
}

/// A frame of any bytes, more often than not with the commit word of a known record.
fn any_frame() -> impl Strategy<Value = Frame> {
    let commit = prop_oneof![
        1 => any::<u32>(),
        4 => (0..RECORDS.len(), any::<u8>(), 1_u8..=4).prop_map(|(i, flags, lines)| {
            let schema = &RECORDS[i];
            Commit {
                lines,
                version: schema.version,
                flags: Flags(flags),
                record_type: schema.record_type,
            }
            .pack()
        }),
    ];
    (commit, proptest::array::uniform32(any::<u64>())).prop_map(|(commit, words)| {
        let mut frame = Frame::default();
        *frame.buffer_mut() = words;
        frame.header_mut().commit = commit;
        frame
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_bytes_decode_to_one_line_and_to_json(frames in proptest::collection::vec(any_frame(), 1..8)) {
        let mut decoder = Decoder::new();
        for frame in frames {
            let decoded = decoder.decode(&frame);
            let line = decoded.to_string();
            prop_assert!(line.bytes().all(|b| (0x20..0x7f).contains(&b)), "{}", line);
            let json = serde_json::to_string(&decoded).unwrap();
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(value["seq"].as_u64(), Some(frame.header().seq));
            // A key given twice would be one in the parsed value.
            prop_assert_eq!(serde_json::to_string(&value).unwrap().len(), json.len());
            check_rows(&decoded);
        }
    }
}
