use pinrail_book::Book;
use pinrail_types::record::{BookState, BookUpdate, VenueStatus};
use pinrail_types::{Decimal, Grid, InstrumentId, VenueId};

use super::*;
use crate::session::Session;

fn listing(market: Market, symbol: &str, tick: &str, lot: &str) -> Listing {
    let grid = |step| Grid::new(Decimal::parse(step).unwrap()).unwrap();
    Listing {
        symbol: symbol.to_owned(),
        market,
        venue: VenueId(3),
        instrument: InstrumentId(7),
        tick: grid(tick),
        lot: grid(lot),
    }
}

/// A session, and the core's book behind it.
pub(super) struct Desk {
    pub(super) session: Session,
    pub(super) book: Book,
}

impl Desk {
    pub(super) fn new(market: Market, symbol: &str, tick: &str, lot: &str) -> Desk {
        Desk {
            session: Session::new(listing(market, symbol, tick, lot)),
            book: Book::new(market.rule(), 4_096),
        }
    }

    /// The book's state behind a message that can be read.
    fn take(&mut self, json: &str) -> BookState {
        self.try_take(json).expect(json)
    }

    pub(super) fn try_take(&mut self, json: &str) -> Result<BookState, MessageError> {
        let mut out = Vec::new();
        let taken = self.session.take(1, json, &mut out);
        for frame in &out {
            if let Some(update) = frame.get::<BookUpdate>() {
                self.book.apply(update);
            } else if let Some(status) = frame.get::<VenueStatus>() {
                self.book.on_status(status);
            }
        }
        taken.map(|()| self.book.state())
    }

    /// A doubt gaps the book, and the image mends it.
    fn doubts(&mut self, json: &str, doubt: Doubt, image: &str) {
        assert_eq!(self.take(json), BookState::Gapped, "{json}");
        assert_eq!(
            (self.session.doubt(), self.session.needs_snapshot()),
            (Some(doubt), true)
        );
        assert_eq!(self.take(image), BookState::Healthy);
    }

    fn levels(&self) -> [Vec<(i64, i64)>; 2] {
        [self.book.bids(), self.book.asks()]
            .map(|side| side.iter().map(|level| (level.px.0, level.qty.0)).collect())
    }
}

pub(super) fn kraken(changes: &str, depth: usize) -> String {
    format!(r#"[0,{changes},"book-{depth}","BTC/USD"]"#)
}

/// `["price","0.00000500","time"]` for prices in hundred-thousandths.
pub(super) fn kraken_levels(pxs: &[u32]) -> String {
    let level = |px: &u32| format!(r#"["0.{px:05}","0.00000500","1582905486.000000"]"#);
    pxs.iter().map(level).collect::<Vec<_>>().join(",")
}

/// The book of Kraken's own example.
pub(super) const ASKS: [u32; 10] = [5005, 5010, 5015, 5020, 5025, 5030, 5035, 5040, 5045, 5050];
pub(super) const BIDS: [u32; 10] = [5000, 4995, 4990, 4980, 4975, 4970, 4965, 4960, 4955, 4950];
pub(super) const EXAMPLE: &str = r#"{"a":[["0.05120","0.00000500","1582905486.493008"],["0.05275","0.00000500","1582905486.493034"]]},{"b":[["0.04765","0.00000500","1582905486.493008"],["0.04940","0.00000500","1582905486.493034"]],"c":"974947235"}"#;

#[test]
fn kraken_s_own_example_passes_and_proves_its_image() {
    let image = format!(
        r#"{{"as":[{}],"bs":[{}]}}"#,
        kraken_levels(&ASKS),
        kraken_levels(&BIDS)
    );
    // Finer and coarser grids than the text, too.
    for lot in ["0.00000001", "0.0000000001", "0.00000500"] {
        let mut desk = Desk::new(Market::Kraken, "BTC/USD", "0.00005", lot);
        assert_eq!(
            desk.take(&kraken(&image, 1000)),
            BookState::Empty,
            "nothing proves it yet"
        );
        assert_eq!(desk.take(&kraken(EXAMPLE, 1000)), BookState::Healthy);
        let [bids, asks] = desk.levels();
        // Ten levels a side are under the checksum, and no more are shown.
        assert_eq!((bids.len(), asks.len()), (10, 10));
        assert_eq!((bids[0].0, asks[0].0), (1_000, 1_001));
        assert_eq!(
            (
                desk.session.counts().checksums,
                desk.session.counts().checksums_equal
            ),
            (1, 1)
        );
        // The same message again changes nothing; one with another sum is a gap.
        assert_eq!(desk.take(&kraken(EXAMPLE, 1000)), BookState::Healthy);
        let other = EXAMPLE.replace(r#""0.04940","0.00000500""#, r#""0.04995","0.00001000""#);
        assert_eq!(desk.take(&kraken(&other, 1000)), BookState::Gapped);
        assert_eq!(desk.session.doubt(), Some(Doubt::Checksum));
        assert_eq!(
            desk.take(&kraken(EXAMPLE, 1000)),
            BookState::Gapped,
            "it waits for an image"
        );
        desk.take(&kraken(&image, 1000));
        assert_eq!(desk.take(&kraken(EXAMPLE, 1000)), BookState::Healthy);
        assert_eq!(desk.session.counts().resyncs, 1);
        // An image in mid-stream has to be proved as well.
        assert_eq!(desk.take(&kraken(&image, 1000)), BookState::Gapped);
        assert_eq!(desk.take(&kraken(EXAMPLE, 1000)), BookState::Healthy);
    }
}

fn crc(text: &str) -> u32 {
    let mut crc = flate2::Crc::new();
    crc.update(text.as_bytes());
    crc.sum()
}

#[test]
fn kraken_s_book_is_cut_to_its_depth() {
    let mut desk = Desk::new(Market::Kraken, "BTC/USD", "0.00001", "0.00000001");
    let image = format!(r#"{{"as":[{}],"bs":[]}}"#, kraken_levels(&ASKS));
    desk.take(&kraken(&image, 10));
    let sum = |pxs: &[u32]| {
        crc(&pxs
            .iter()
            .map(|px| format!("{px}500"))
            .collect::<Vec<_>>()
            .concat())
    };
    let set = |px: u32, qty: &str, time: u32, rest: &str, sum: u32| {
        kraken(
            &format!(r#"{{"a":[["0.{px:05}","{qty}","{time}.0"]{rest}],"c":"{sum}"}}"#),
            10,
        )
    };
    // A better level: the worst falls out, and is not there when the better one goes, unless it comes again.
    let better: Vec<u32> = [4_999].into_iter().chain(ASKS[..9].iter().copied()).collect();
    assert_eq!(
        desk.take(&set(4_999, "0.00000500", 1_600_000_000, "", sum(&better))),
        BookState::Healthy
    );
    assert_eq!(desk.levels()[1].len(), 10);
    let again = r#",["0.05050","0.00000500","1582905486.000000","r"]"#;
    assert_eq!(
        desk.take(&set(4_999, "0.00000000", 1_600_000_001, again, sum(&ASKS))),
        BookState::Healthy
    );
    assert_eq!(desk.levels()[1].last(), Some(&(5_050, 500)));
    // Two messages that changed places: the sums fit, the times do not.
    let back = set(4_999, "0.00000500", 1_600_000_000, "", sum(&better));
    assert_eq!(desk.take(&back), BookState::Gapped);
    assert_eq!(desk.session.doubt(), Some(Doubt::Clock));
    desk.take(&kraken(&image, 10));
    let deeper = set(4_999, "0.00000500", 1_600_000_002, "", sum(&better)).replace("book-10", "book-25");
    desk.take(&deeper);
    assert_eq!(desk.session.doubt(), Some(Doubt::Depth));
}

pub(super) fn okx(action: &str, asks: &str, bids: &str, rest: &str) -> String {
    format!(
        r#"{{"arg":{{"channel":"books","instId":"BTC-USDT"}},"action":"{action}","data":[{{"asks":[{asks}],"bids":[{bids}],{rest}}}]}}"#
    )
}

pub(super) fn okx_level(px: &str, qty: &str) -> String {
    format!(r#"["{px}","{qty}","0","1"]"#)
}

#[test]
fn okx_is_checked_by_the_strings_of_both_sides_in_turn() {
    let mut desk = Desk::new(Market::Okx, "BTC-USDT", "0.1", "0.01");
    let rest = |ts: u32, text: &str| format!(r#""ts":"{ts}","checksum":{}"#, crc(text).cast_signed());
    let asks = [
        okx_level("3366.8", "9"),
        okx_level("3368", "8"),
        okx_level("3370", "1.5"),
    ]
    .join(",");
    let bids = [okx_level("3366.1", "7"), okx_level("3366", "6")].join(",");
    let image = okx(
        "snapshot",
        &asks,
        &bids,
        &rest(5, "3366.1:7:3366.8:9:3366:6:3368:8:3370:1.5"),
    );
    assert_eq!(desk.take(&image), BookState::Healthy);
    assert_eq!(
        desk.levels(),
        [
            vec![(33_661, 700), (33_660, 600)],
            vec![(33_668, 900), (33_680, 800), (33_700, 150)]
        ]
    );
    // A level that lies beyond what was sent may be removed.
    let asks = [okx_level("3368", "0"), okx_level("9999", "0")].join(",");
    let good = "3366.1:7:3366.8:9:3366:6:3370:1.5";
    assert_eq!(
        desk.take(&okx("update", &asks, "", &rest(6, good))),
        BookState::Healthy
    );
    desk.doubts(&okx("update", &asks, "", &rest(7, "x")), Doubt::Checksum, &image);
    desk.doubts(&okx("update", &asks, "", &rest(4, good)), Doubt::Clock, &image);
    // One that says it has no checksum where the image had one.
    desk.doubts(
        &okx(
            "update",
            &asks,
            "",
            r#""ts":"8","checksum":0,"seqId":9,"prevSeqId":0"#,
        ),
        Doubt::Checksum,
        &image,
    );
    let damaged = image.replace(r#""3368","8""#, r#""3368","3""#);
    assert_eq!(
        desk.take(&damaged),
        BookState::Gapped,
        "an image in mid-stream is checked"
    );
}

#[test]
fn okx_without_checksums_is_followed_by_its_ids() {
    let mut desk = Desk::new(Market::Okx, "BTC-USDT", "0.1", "0.01");
    let rest = |id: u64, prev: i64| format!(r#""ts":"5","checksum":0,"seqId":{id},"prevSeqId":{prev}"#);
    let asks: Vec<String> = (0..30).map(|i| okx_level(&format!("{}", 100 + i), "1")).collect();
    let image = okx("snapshot", &asks.join(","), &okx_level("99", "1"), &rest(10, -1));
    assert_eq!(desk.take(&image), BookState::Healthy);
    assert_eq!(desk.levels()[1].len(), 30, "all of it is proved by the ids");
    assert_eq!(
        desk.take(&okx("update", &okx_level("101", "0"), "", &rest(15, 10))),
        BookState::Healthy
    );
    assert_eq!(
        desk.take(&okx("update", "", "", &rest(15, 15))),
        BookState::Healthy,
        "no change"
    );
    let next = |id, prev| okx("update", &okx_level("102", "0"), "", &rest(id, prev));
    desk.doubts(&next(20, 16), Doubt::Sequence, &image);
    desk.doubts(&next(10, 10), Doubt::Sequence, &image);
    // Ids that begin again below.
    desk.doubts(&next(3, 10), Doubt::Sequence, &image);
    assert_eq!(
        desk.try_take(&okx("update", "", "", r#""ts":"5","checksum":0"#)),
        Err(MessageError::Missing { key: "seqId" })
    );
}

pub(super) fn coinbase(changes: &str, ms: u32) -> String {
    format!(
        r#"{{"type":"l2update","product_id":"SKL-USD","changes":[{changes}],"time":"2021-04-17T16:43:37.{ms:03}Z"}}"#
    )
}

#[test]
fn coinbase_is_doubted_for_all_that_can_be_seen() {
    let mut desk = Desk::new(Market::Coinbase, "SKL-USD", "0.01", "0.1");
    let image = r#"{"type":"snapshot","product_id":"SKL-USD","asks":[["1.02","5"],["1.01","2.5"]],"bids":[["1.00","1"],["0.99","0.1"]]}"#;
    let ticker = |bid: &str, ms: u32| {
        format!(
            r#"{{"type":"ticker","sequence":1,"product_id":"SKL-USD","best_bid":"{bid}","best_ask":"1.01","time":"2021-04-17T16:43:37.{ms:03}Z"}}"#
        )
    };
    assert_eq!(desk.take(image), BookState::Healthy);
    assert_eq!(
        desk.take(&ticker("0.5", 1)),
        BookState::Healthy,
        "from before the book's first time"
    );
    let changes = r#"["sell","1.02","0.00"],["buy","0.98","3.0"]"#;
    assert_eq!(desk.take(&coinbase(changes, 10)), BookState::Healthy);
    assert_eq!(
        desk.levels(),
        [vec![(100, 10), (99, 1), (98, 30)], vec![(101, 25)]]
    );
    assert_eq!(
        desk.take(&coinbase(r#"["buy","0.98","2.0"]"#, 10)),
        BookState::Healthy
    );
    assert_eq!(desk.take(&ticker("1.00", 10)), BookState::Healthy);
    desk.doubts(
        &coinbase(r#"["sell","1.02","0"]"#, 11),
        Doubt::UnknownLevel,
        image,
    );
    desk.take(&coinbase(r#"["sell","1.02","1"]"#, 11));
    desk.doubts(&coinbase(r#"["sell","1.02","1"]"#, 10), Doubt::Clock, image);
    desk.doubts(&coinbase(r#"["buy","1.01","1"]"#, 12), Doubt::Crossed, image);
    assert_eq!(desk.session.counts().crossed, 1);
    desk.take(&coinbase(r#"["buy","0.97","1"]"#, 13));
    assert_eq!(
        desk.take(&ticker("0.99", 14)),
        BookState::Healthy,
        "what it tells of may follow"
    );
    desk.doubts(&coinbase(r#"["buy","0.96","1"]"#, 15), Doubt::Quote, image);
    assert_eq!(
        desk.take(&coinbase("", 20).replace("SKL-USD", "SKL-BTC")),
        BookState::Healthy,
        "another book"
    );
    assert_eq!(
        desk.take(&image.replace(r#"[["1.00","1"],["0.99","0.1"]]"#, "[]")),
        BookState::Healthy
    );
    assert_eq!(desk.levels()[0], [], "an empty side");
}

pub(super) fn bybit(delete: &str, update: &str, insert: &str, id: u64) -> String {
    format!(
        r#"{{"topic":"orderBookL2_25.EOSUSD","type":"delta","data":{{"delete":[{delete}],"update":[{update}],"insert":[{insert}],"transactTimeE6":0}},"cross_seq":{id},"timestamp_e6":1618677786598877}}"#
    )
}

pub(super) fn bybit_level(px: u32, id: u32, side: &str, size: u32) -> String {
    let size = if size == 0 {
        String::new()
    } else {
        format!(r#","size":{size}"#)
    };
    format!(
        r#"{{"price":"{}.{:03}","symbol":"EOSUSD","id":{id},"side":"{side}"{size}}}"#,
        px / 1000,
        px % 1000
    )
}

#[test]
fn bybit_is_doubted_for_all_that_can_be_seen() {
    let mut desk = Desk::new(Market::Bybit, "EOSUSD", "0.001", "1");
    let levels: Vec<String> = (0..25)
        .flat_map(|i| {
            [
                bybit_level(7_000 - i, (7_000 - i) * 10, "Buy", 5),
                bybit_level(7_001 + i, (7_001 + i) * 10, "Sell", 5),
            ]
        })
        .collect();
    let image = format!(
        r#"{{"topic":"orderBookL2_25.EOSUSD","type":"snapshot","data":[{}],"cross_seq":10,"timestamp_e6":1618677786598877}}"#,
        levels.join(",")
    );
    assert_eq!(desk.take(&image), BookState::Healthy);
    let level = |px: u32, side, size| bybit_level(px, px * 10, side, size);
    let moved = bybit(
        &level(6_976, "Buy", 0),
        &level(7_001, "Sell", 9),
        &level(6_975, "Buy", 3),
        12,
    );
    assert_eq!(desk.take(&moved), BookState::Healthy);
    assert_eq!(
        (desk.levels()[0].last(), desk.levels()[1][0]),
        (Some(&(6_975, 3)), (7_001, 9))
    );
    desk.doubts(
        &moved,
        Doubt::Sequence,
        &image.replace(r#""cross_seq":10"#, r#""cross_seq":12"#),
    );
    desk.doubts(
        &bybit("", &level(6_000, "Buy", 1), "", 13),
        Doubt::UnknownLevel,
        &image,
    );
    desk.doubts(
        &bybit(&level(7_001, "Buy", 0), "", "", 13),
        Doubt::UnknownLevel,
        &image,
    );
    desk.doubts(
        &bybit("", "", &level(7_000, "Buy", 1), 13),
        Doubt::KnownLevel,
        &image,
    );
    desk.doubts(
        &bybit("", &bybit_level(7_000, 70_010, "Buy", 1), "", 13),
        Doubt::LevelId,
        &image,
    );
    desk.doubts(&bybit("", "", &level(6_000, "Buy", 1), 13), Doubt::Depth, &image);
    let earlier = bybit("", "", "", 13).replace("98877", "98876");
    desk.doubts(&earlier, Doubt::Clock, &image);
}

pub(super) fn deribit(kind: &str, bids: &str, asks: &str, ids: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","method":"subscription","params":{{"channel":"book.BTC-24SEP21-8000-P.raw","data":{{"type":"{kind}","timestamp":1626993723632,"instrument_name":"BTC-24SEP21-8000-P",{ids},"bids":[{bids}],"asks":[{asks}]}}}}}}"#
    )
}

#[test]
fn deribit_is_followed_by_its_change_ids() {
    let mut desk = Desk::new(Market::Deribit, "BTC-24SEP21-8000-P", "0.0001", "0.1");
    let image = deribit(
        "snapshot",
        r#"["new",5.0e-4,153.1]"#,
        r#"["new",0.0015,94.7]"#,
        r#""change_id":10"#,
    );
    assert_eq!(desk.take(&image), BookState::Healthy);
    assert_eq!(desk.levels(), [vec![(5, 1_531)], vec![(15, 947)]]);
    let change = |asks: &str, id: u64, prev: u64| {
        deribit(
            "change",
            "",
            asks,
            &format!(r#""prev_change_id":{prev},"change_id":{id}"#),
        )
    };
    assert_eq!(
        desk.take(&change(r#"["new",1e-3,2.6],["change",0.0015,90.0]"#, 15, 10)),
        BookState::Healthy
    );
    assert_eq!(desk.levels()[1], [(10, 26), (15, 900)]);
    assert_eq!(
        desk.take(&change(r#"["delete",0.001,0.0]"#, 16, 15)),
        BookState::Healthy
    );
    desk.doubts(&change("", 18, 17), Doubt::Sequence, &image);
    desk.doubts(
        &change(r#"["delete",0.0015,0.0]"#, 10, 10),
        Doubt::Sequence,
        &image,
    );
    desk.doubts(
        &change(r#"["new",0.0015,1.0]"#, 11, 10),
        Doubt::KnownLevel,
        &image,
    );
    desk.doubts(
        &change(r#"["change",0.002,1.0]"#, 11, 10),
        Doubt::UnknownLevel,
        &image,
    );
    desk.doubts(
        &change(r#"["delete",0.002,0.0]"#, 11, 10),
        Doubt::UnknownLevel,
        &image,
    );
    desk.doubts(&change(r#"["new",0.0005,1.0]"#, 11, 10), Doubt::Crossed, &image);
    // What came since a doubt tells that an image is old; the one after it is taken as it is.
    assert_eq!(desk.take(&change("", 30, 20)), BookState::Gapped);
    desk.take(&change("", 31, 30));
    assert_eq!(desk.take(&image), BookState::Gapped);
    assert_eq!(desk.session.doubt(), Some(Doubt::OldSnapshot));
    assert_eq!(desk.take(&image), BookState::Healthy);
    let ticker = |amount: &str| {
        format!(
            r#"{{"method":"subscription","params":{{"channel":"ticker.BTC-24SEP21-8000-P.raw","data":{{"timestamp":1626993723632,"instrument_name":"BTC-24SEP21-8000-P","best_bid_price":0.0005,"best_bid_amount":{amount},"best_ask_price":0.0015,"best_ask_amount":94.7}}}}}}"#
        )
    };
    assert_eq!(desk.take(&ticker("153.1")), BookState::Healthy);
    desk.take(&ticker("153.2"));
    let later = change("", 12, 10).replace("723632", "723633");
    desk.doubts(&later, Doubt::Quote, &image);
}

#[test]
fn more_levels_than_the_core_is_shown_come_in_when_better_ones_go() {
    let mut desk = Desk::new(Market::Coinbase, "SKL-USD", "0.01", "0.1");
    let levels = |n: i64| {
        (0..n)
            .map(|i| format!(r#"["{}","1"]"#, 10 + i))
            .collect::<Vec<_>>()
            .join(",")
    };
    let count = VIEW_LEVELS_MAX as i64;
    let image = format!(
        r#"{{"type":"snapshot","product_id":"SKL-USD","asks":[{}],"bids":[]}}"#,
        levels(count + 1)
    );
    assert_eq!(desk.take(&image), BookState::Healthy);
    assert_eq!(desk.levels()[1].len(), VIEW_LEVELS_MAX);
    desk.take(&coinbase(r#"["sell","10","0"]"#, 1));
    let asks = &desk.levels()[1];
    assert_eq!(
        (asks.len(), asks[0].0, asks[asks.len() - 1].0),
        (VIEW_LEVELS_MAX, 1_100, (10 + count) * 100)
    );
    let many = format!(
        r#"{{"type":"snapshot","product_id":"SKL-USD","asks":[{}],"bids":[]}}"#,
        levels(LEVELS_MAX as i64 + 1)
    );
    assert!(matches!(
        desk.try_take(&many),
        Err(MessageError::OutOfRange { .. })
    ));
    assert_eq!(desk.book.state(), BookState::Gapped);
}
