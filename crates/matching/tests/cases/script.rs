//! Cases as they are read: what is told stands after `>`, what is then said below it, a line each.
//!
//! | told | |
//! |---|---|
//! | `buy 2 10@100` | a limit order 2 for 10 at 100, good till cancelled, of client 2 |
//! | … `market` `stop=99` `ref` | its type; a stop's trigger |
//! | … `ioc` `fok` `day` `gtd=7` | its time in force |
//! | … `min=5` `show=3` `post` `reprice` `reduce` | its other conditions |
//! | … `stp=newest` | `oldest`, `both`, `decrement` |
//! | … `c=1` `s=2` `book=3` | client, session, instrument; the order's id, 0 and 0 else |
//! | `amend 2 10@100 stop=99`, `cancel 2` | |
//! | `mass c=1 s=2 book=3 side=buy` | a mass cancel of what all of these name |
//! | `quote c=1 post stp=both: buy 7 5@99, sell 8 5@101 book=1` | a mass quote |
//! | `phase auction`, `reference 100`, `day-end 9`, `advance 7` | with `book=3` of another book |
//! | `position c=1 -5` | what the client holds, for reduce-only orders |
//! | `book`, `book 1` | says how a book stands |
//! | `deltas` | from here on the changes of shown orders are said too |
//!
//! Reports are said as `id ExecType cum+leaves/qty@px [OrdStatus] [Reason]`, the status where it does not follow from the
//! type; trades as `number: taker buys qty@px from maker (cum+leaves, cum+leaves)`.

use std::fmt::Write;

use pinrail_matching::twin::{Engine, Look, Message, SIDES, Said, Tape, Twin, Watched};
use pinrail_matching::{
    Amend, BookConfig, BookOrder, Bounds, Fill, MassCancel, Matcher, NewOrder, OrderDelta, OrderDeltaKind,
    Party, Phase, PostOnly, QuoteLeg, Quoter, Report, SelfTrade, Trigger, Uncross,
};
use pinrail_types::record::{ExecType, OrdStatus, OrdType, TimeInForce};
use pinrail_types::{ClientId, InstrumentId, Px, Qty, Reason, SessionId, Side};

/// Books that are open in every case.
const BOOKS: u32 = 3;

/// With more open orders than this the books are not looked at after every message: it takes the square of that.
const LOOK_MAX: usize = 100;

/// Where a case begins.
#[derive(Clone, Copy)]
pub(crate) struct Start {
    pub(crate) config: BookConfig,
    pub(crate) orders: usize,
}

impl Default for Start {
    fn default() -> Start {
        Start {
            config: BookConfig::default(),
            orders: 6000,
        }
    }
}

/// Plays a case to every engine, and sees that each says what is written.
pub(crate) fn case(script: &str) {
    case_from(Start::default(), script);
}

/// As [`case`], from books of another kind.
pub(crate) fn case_from(start: Start, script: &str) {
    play::<Twin>("the twin", start, 1, script);
    for steps in [1, 1000] {
        play::<Matcher>("the matcher", start, steps, script);
    }
}

fn play<E: Engine>(engine: &str, start: Start, steps: usize, script: &str) {
    let mut player = Player::<E>::new(start, steps);
    let (mut expected, mut said) = (String::new(), String::new());
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        writeln!(expected, "{line}").unwrap();
        if let Some(told) = line.strip_prefix('>') {
            writeln!(said, "{line}").unwrap();
            player.tell(told.trim(), &mut said);
        }
    }
    assert!(
        expected == said,
        "{engine}, {steps} steps a call, expected:\n{expected}\nsaid:\n{said}"
    );
}

struct Player<E> {
    watched: Watched<E>,
    uncrosses: Vec<Uncross>,
    says_deltas: bool,
}

impl<E: Engine> Player<E> {
    fn new(start: Start, steps: usize) -> Player<E> {
        let mut engine = E::new(Bounds {
            books: BOOKS as usize + 1,
            orders: start.orders,
            pages: 4096,
            steps,
        });
        for instrument in (0..BOOKS).map(InstrumentId) {
            engine.open(instrument, &start.config).unwrap();
        }
        let mut watched = Watched {
            engine,
            tape: Tape::default(),
        };
        for instrument in (0..BOOKS).map(InstrumentId) {
            watched
                .send(&Message::SetPhase(instrument, Phase::Continuous))
                .unwrap();
        }
        Player {
            watched,
            uncrosses: vec![Uncross::NONE; BOOKS as usize],
            says_deltas: false,
        }
    }

    fn tell(&mut self, told: &str, said: &mut String) {
        match told.split_whitespace().next() {
            Some("deltas") => self.says_deltas = true,
            Some("book") => {
                let words = Words::new(told);
                let instrument = words.numbers.first().copied().unwrap_or(0);
                say_book(&self.watched.engine.look(InstrumentId(instrument as u32)), said);
            }
            Some("position") => {
                let words = Words::new(told);
                let ledger = &mut self.watched.tape.ledger;
                ledger.set_position(words.instrument(), words.client(), words.numbers[0]);
            }
            _ => self.send(&message(told), said),
        }
    }

    fn send(&mut self, message: &Message, said: &mut String) {
        let before = self.all();
        let result = self.watched.send(message);
        for one in std::mem::take(&mut self.watched.tape.said) {
            match one {
                Said::Report(report) => say_report(&report, said),
                Said::Fill(fill) => say_fill(&fill, said),
            }
        }
        for delta in std::mem::take(&mut self.watched.tape.deltas) {
            if self.says_deltas {
                say_delta(&delta, said);
            }
        }
        if let Err(reason) = result {
            assert_eq!(
                before,
                self.all(),
                "{message:?} was refused and changed something"
            );
            writeln!(said, "refused {reason:?}").unwrap();
        }
        self.say_uncrosses(said);
        if self.watched.engine.open_orders() > LOOK_MAX {
            return;
        }
        for instrument in (0..BOOKS).map(InstrumentId) {
            self.watched.check(instrument);
        }
        self.watched.tape.ledger.check_sums();
    }

    fn all(&self) -> (Vec<Look>, usize, u64) {
        let engine = &self.watched.engine;
        let looks = (0..=BOOKS).map(|n| engine.look(InstrumentId(n))).collect();
        (looks, engine.open_orders(), engine.next_expiry())
    }

    fn say_uncrosses(&mut self, said: &mut String) {
        for (instrument, uncross) in &self.watched.tape.uncrosses {
            let before = std::mem::replace(&mut self.uncrosses[instrument.index()], *uncross);
            if before == *uncross {
                continue;
            }
            let Uncross { px, qty, surplus } = uncross;
            if *px == Px::NONE {
                writeln!(said, "would not uncross").unwrap();
            } else {
                writeln!(said, "would uncross {}@{} surplus {}", qty.0, px.0, surplus.0).unwrap();
            }
        }
    }
}

fn say_report(report: &Report, said: &mut String) {
    let Report {
        exec_type,
        ord_status,
        reason,
        order_id,
        px,
        qty,
        leaves,
        cum,
        ..
    } = report;
    write!(
        said,
        "{order_id} {exec_type:?} {}+{}/{}@{}",
        cum.0, leaves.0, qty.0, px.0
    )
    .unwrap();
    let follows = match exec_type {
        ExecType::Canceled => OrdStatus::Canceled,
        ExecType::Rejected => OrdStatus::Rejected,
        ExecType::Expired => OrdStatus::Expired,
        _ if cum.0 > 0 => OrdStatus::PartiallyFilled,
        _ => OrdStatus::New,
    };
    if *ord_status != follows {
        write!(said, " {ord_status:?}").unwrap();
    }
    if *reason != Reason::None {
        write!(said, " {reason:?}").unwrap();
    }
    said.push('\n');
}

fn say_fill(fill: &Fill, said: &mut String) {
    let side = match fill.side {
        Side::Buy => ["buys", "from"],
        Side::Sell => ["sells", "to"],
    };
    let party = |party: &Party| format!("{}+{}", party.cum.0, party.leaves.0);
    writeln!(
        said,
        "{}: {} {} {}@{} {} {} ({}, {}){}",
        fill.trade_id,
        fill.taker.order_id,
        side[0],
        fill.qty.0,
        fill.px.0,
        side[1],
        fill.maker.order_id,
        party(&fill.taker),
        party(&fill.maker),
        if fill.is_auction { " in an auction" } else { "" },
    )
    .unwrap();
}

fn say_delta(delta: &OrderDelta, said: &mut String) {
    let kind = match delta.kind {
        OrderDeltaKind::Add => "add",
        OrderDeltaKind::Change => "change",
        OrderDeltaKind::Remove => "remove",
    };
    writeln!(
        said,
        "delta: {kind} {} {}@{}",
        delta.order_id, delta.qty.0, delta.px.0
    )
    .unwrap();
}

/// A side in a line, in the order of trading: what is shown, and after `of` what is open where that is more.
fn say_book(look: &Look, said: &mut String) {
    for (at, (side, stop)) in SIDES.into_iter().zip(["buy stops", "sell stops"]).enumerate() {
        let name = match side {
            Side::Buy => "bids",
            Side::Sell => "asks",
        };
        say_orders(name, &look.orders[at], said);
        if !look.stops[at].is_empty() {
            say_orders(stop, &look.stops[at], said);
        }
    }
}

fn say_orders(name: &str, orders: &[BookOrder], said: &mut String) {
    write!(said, "{name}:").unwrap();
    for order in orders {
        write!(said, " {} ", order.order_id).unwrap();
        if order.stop_px != Px::NONE {
            write!(said, "{}@{} at {};", order.leaves.0, order.px.0, order.stop_px.0).unwrap();
        } else if order.shown == order.leaves {
            write!(said, "{}@{};", order.shown.0, order.px.0).unwrap();
        } else {
            write!(said, "{} of {}@{};", order.shown.0, order.leaves.0, order.px.0).unwrap();
        }
    }
    if orders.is_empty() {
        said.push_str(" none");
    }
    said.push('\n');
}

/// What a message is made of.
struct Words<'a> {
    first: &'a str,
    numbers: Vec<i64>,
    qty_px: Option<(i64, i64)>,
    flags: Vec<&'a str>,
    values: Vec<(&'a str, &'a str)>,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Words<'a> {
        let mut words = text.split_whitespace();
        let mut found = Words {
            first: words.next().unwrap(),
            numbers: Vec::new(),
            qty_px: None,
            flags: Vec::new(),
            values: Vec::new(),
        };
        for word in words {
            if let Some((name, value)) = word.split_once('=') {
                found.values.push((name, value));
            } else if let Some((qty, px)) = word.split_once('@') {
                let px = if px == "none" { Px::NONE.0 } else { number(px) };
                found.qty_px = Some((number(qty), px));
            } else if word
                .trim_start_matches('-')
                .starts_with(|c: char| c.is_ascii_digit())
            {
                found.numbers.push(number(word));
            } else {
                found.flags.push(word);
            }
        }
        found
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.contains(&flag)
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        let found = self.values.iter().find(|(n, _)| *n == name);
        found.map(|(_, value)| *value)
    }

    fn value(&self, name: &str) -> Option<i64> {
        self.text(name).map(number)
    }

    fn id(&self) -> u64 {
        self.numbers[0] as u64
    }

    fn instrument(&self) -> InstrumentId {
        InstrumentId(self.value("book").unwrap_or(0) as u32)
    }

    fn client(&self) -> ClientId {
        let own = self.numbers.first().copied().unwrap_or(0);
        ClientId(self.value("c").unwrap_or(own) as u32)
    }

    fn session(&self) -> SessionId {
        SessionId(self.value("s").unwrap_or(0) as u16)
    }

    fn qty(&self) -> Qty {
        Qty(self.qty_px.unwrap().0)
    }

    fn px(&self) -> Px {
        Px(self.qty_px.unwrap().1)
    }

    fn stop_px(&self) -> Px {
        self.value("stop").map_or(Px::NONE, Px)
    }

    fn post_only(&self) -> PostOnly {
        match (self.has("post"), self.has("reprice")) {
            (true, _) => PostOnly::Reject,
            (_, true) => PostOnly::Reprice,
            _ => PostOnly::No,
        }
    }

    fn self_trade(&self) -> SelfTrade {
        match self.text("stp") {
            None => SelfTrade::Allow,
            Some("newest") => SelfTrade::CancelNewest,
            Some("oldest") => SelfTrade::CancelOldest,
            Some("both") => SelfTrade::CancelBoth,
            Some("decrement") => SelfTrade::Decrement,
            Some(other) => panic!("no such policy: {other}"),
        }
    }

    fn time_in_force(&self) -> TimeInForce {
        let flags = [
            ("ioc", TimeInForce::ImmediateOrCancel),
            ("fok", TimeInForce::FillOrKill),
            ("day", TimeInForce::Day),
        ];
        if self.text("gtd").is_some() {
            return TimeInForce::GoodTillDate;
        }
        let told = flags.into_iter().find(|(flag, _)| self.has(flag));
        told.map_or(TimeInForce::GoodTillCancel, |(_, tif)| tif)
    }

    fn ord_type(&self) -> OrdType {
        if self.has("quoted") {
            return OrdType::PreviouslyQuoted;
        }
        let is_stop = self.text("stop").is_some() != self.has("wrong-stop");
        match (is_stop, self.has("market")) {
            (false, false) => OrdType::Limit,
            (false, true) => OrdType::Market,
            (true, false) => OrdType::StopLimit,
            (true, true) => OrdType::Stop,
        }
    }

    fn order(&self, side: Side) -> NewOrder {
        NewOrder {
            session: self.session(),
            ord_type: self.ord_type(),
            time_in_force: self.time_in_force(),
            stop_px: self.stop_px(),
            trigger: if self.has("ref") {
                Trigger::Reference
            } else {
                Trigger::LastTrade
            },
            min_qty: Qty(self.value("min").unwrap_or(0)),
            display_qty: Qty(self.value("show").unwrap_or(0)),
            expire_ts: self.value("gtd").or(self.value("expire")).unwrap_or(0) as u64,
            post_only: self.post_only(),
            reduce_only: self.has("reduce"),
            self_trade: self.self_trade(),
            ..NewOrder::limit(self.id(), self.client(), side, self.px(), self.qty())
        }
    }

    fn leg(&self) -> QuoteLeg {
        QuoteLeg {
            instrument: self.instrument(),
            order_id: self.id(),
            side: side(self.first),
            px: self.px(),
            qty: self.qty(),
        }
    }

    fn mass_cancel(&self) -> MassCancel {
        MassCancel {
            client: self.value("c").map(|n| ClientId(n as u32)),
            instrument: self.value("book").map(|n| InstrumentId(n as u32)),
            side: self.text("side").map(side),
            session: self.value("s").map(|n| SessionId(n as u16)),
        }
    }

    fn phase(&self) -> Phase {
        let phases = [
            ("continuous", Phase::Continuous),
            ("auction", Phase::Auction),
            ("cancel-only", Phase::CancelOnly),
            ("halted", Phase::Halted),
        ];
        let told = phases.into_iter().find(|(name, _)| self.has(name));
        told.unwrap().1
    }
}

/// A number; an id beyond 63 bits is one below zero here.
fn number(text: &str) -> i64 {
    let id = || text.parse().map(u64::cast_signed);
    text.parse()
        .or_else(|_| id())
        .unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn side(name: &str) -> Side {
    match name {
        "buy" => Side::Buy,
        "sell" => Side::Sell,
        other => panic!("no side: {other}"),
    }
}

fn message(told: &str) -> Message {
    if let Some((quoter, legs)) = told.split_once(':') {
        let quoter = Words::new(quoter);
        let quoter = Quoter {
            client: quoter.client(),
            session: quoter.session(),
            post_only: quoter.post_only(),
            self_trade: quoter.self_trade(),
        };
        let legs = legs.split(',').map(|leg| Words::new(leg).leg());
        return Message::MassQuote(quoter, legs.collect());
    }
    let words = Words::new(told);
    match words.first {
        "buy" | "sell" => Message::Submit(words.instrument(), words.order(side(words.first))),
        "amend" => Message::Amend(Amend {
            order_id: words.id(),
            px: words.px(),
            qty: words.qty(),
            stop_px: words.stop_px(),
        }),
        "cancel" => Message::Cancel(words.id()),
        "mass" => Message::MassCancel(words.mass_cancel()),
        "phase" => Message::SetPhase(words.instrument(), words.phase()),
        "reference" => Message::SetReference(words.instrument(), Px(words.numbers[0])),
        "day-end" => Message::SetDayEnd(words.instrument(), words.id()),
        "advance" => Message::Advance(words.id()),
        other => panic!("nothing is told like this: {other}"),
    }
}
