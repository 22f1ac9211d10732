//! `docs/states.md` says what the tables of states say.
//!
//! After a change of them: `PINRAIL_GOLDEN=write cargo test -p pinrail-oms --test states_document`.

use std::fmt::{Debug, Write};
use std::path::Path;

use pinrail_oms::life::{
    AGENCY_STEPS, AgencyEvent, AgencyState, ORDER_STEPS, OrderEvent, OrderState, QUOTE_STEPS, QuoteEvent,
    QuoteState, RFQ_STEPS, RfqEvent, RfqState, Said, Step, Why,
};

const HEAD: &str = "\
# The states of a request, its quote, an order at a venue, and a client's agency order

Made from the tables in `crates/oms/src/life.rs` and the folder beside it by a test, `crates/oms/tests/states_document.rs`, which fails where this page
differs from them and says how to make it anew. The engine changes a state by these tables only: a step that does not stand here
is a fault of the program, and what a client or an operator asks for and no step allows is refused and changes nothing.
`crates/engine/tests/life.rs`, `order_life.rs` and `agency_life.rs` reach every step and try every other; [transitions](transitions.md) says
which test reaches which.

A request of a stream (`SubscriptionRequestType` 263 = 1) is one request for each of its quotes, all under one `QuoteReqID`.
*Told* is the message that goes out: one with nothing told is told by another step of the same input. *Reason* is what is told
with it, but for a fill, and what whoever names the quote later is refused with; `as it was` is whatever led to the step.
";

const ORDER_HEAD: &str = "\
## An order at a venue

FIX's states and those in which the venue owes an answer. Reports come late, twice and out of order, so that a fill is taken in
every state that is not over; a report that no longer changes anything, as a confirmation behind a fill, makes no step. *Part* in
the name of an event says that some of the order is filled, *Done* that nothing is left of it.

- FIX's `Replaced` is no state since 4.3: the order goes on under our id, and `VenueOrderReplace` has an id of its own, which
  the venue's answer names. An order has one replacement under way at most; a cancel overtakes it.
- `DoneForDay`, `Stopped`, `Suspended`, `Calculated` and `AcceptedForBidding` are of no venue here. `Restated` and `Triggered`
  are refused.
- While a replacement is under way the larger of what stands and what is to take its place is reserved, by each measure, and a
  fill counts against both. New quantity no more than what was filled: the order is done.
- A trade that is taken back of an open order is open again if the venue says so in `LeavesQty`; an order that has ended stays
  ended. Corrections of a quantity are a `FillPart` or `Fill` of what is more, or a `Bust` of what is less; one of the price is
  none.
- A report of an order that is not open is refused (512 `UnknownOrder`) and changes nothing, but for a fill, which is booked and
  halts its venue. A trade that is taken back is known as long as 4,096 reports: one that is older, or never was, is refused
  (562 `UnknownExecId`) and halts the venue, since its position and ours differ: a person settles that. One that was taken back
  before is refused (563 `TradeBusted`).
";

const AGENCY_HEAD: &str = "\
## A client's agency order

As its client sees it; its parts are orders at venues of the table above, and have ended whenever it has. What is refused never was an
order: `ExecutionReport` with `ExecType` and `OrdStatus` 8.

- What a venue takes back or corrects of one that has ended is told with `ExecType` H or G and no step: it stays ended, and one that was
  filled and is no longer has `OrdStatus` 4 from then on.
- A fill that comes when the order has ended is of no order that is open: it is the house's, and halts its venue.
- An order is not replaced (561 `OrderNotReplaceable`): cancel it and send another.
";

fn told(said: Said) -> String {
    match said {
        Said::Nothing => String::new(),
        Said::Quote => "`Quote` (S)".to_owned(),
        Said::DealerRequest => "`DealerRequest`, to dealers".to_owned(),
        Said::RequestReject => "`QuoteRequestReject` (AG)".to_owned(),
        Said::Status(status) => format!(
            "`QuoteStatusReport` (AI), `QuoteStatus` 297 = {} ({status:?})",
            status.byte()
        ),
        Said::VenueOrderCancel => "`VenueOrderCancel` (F)".to_owned(),
        Said::VenueOrderReplace => "`VenueOrderReplace` (G)".to_owned(),
        Said::Trade(trans_type) => format!(
            "`TradeCaptureReport` (AE), `TradeReportTransType` 487 = {} ({trans_type:?})",
            trans_type.byte()
        ),
        Said::Execution(exec, ord) => format!(
            "`ExecutionReport` (8), `ExecType` 150 = {} ({exec:?}), `OrdStatus` 39 = {} ({ord:?})",
            char::from(exec.byte()),
            char::from(ord.byte())
        ),
    }
}

fn reason(why: Why) -> String {
    match why {
        Why::None => String::new(),
        Why::Always(reason) => format!("{} `{reason:?}`", reason.code()),
        Why::Given => "as it was".to_owned(),
    }
}

fn names<T: Copy + Debug>(page: &mut String, what: &str, all: &[T], meaning: fn(T) -> &'static str) {
    write!(page, "\n| {what} | |\n|---|---|\n").expect("writing to a string");
    for one in all {
        writeln!(page, "| `{one:?}` | {} |", meaning(*one)).expect("writing to a string");
    }
}

fn steps<S: Debug, E: Debug>(page: &mut String, all: &[Step<S, E>]) {
    page.push_str("\n| from | when | to | told | reason |\n|---|---|---|---|---|\n");
    for step in all {
        let (told, reason) = (told(step.said), reason(step.why));
        writeln!(
            page,
            "| `{:?}` | `{:?}` | `{:?}` | {told} | {reason} |",
            step.from, step.event, step.to
        )
        .expect("writing to a string");
    }
}

#[test]
fn the_document_is_what_the_tables_say() {
    let mut page = HEAD.to_owned();
    page.push_str("\n## A request\n");
    names(&mut page, "state", RfqState::ALL, RfqState::meaning);
    names(&mut page, "event", RfqEvent::ALL, RfqEvent::meaning);
    steps(&mut page, RFQ_STEPS);
    page.push_str("\n## A quote\n");
    names(&mut page, "state", QuoteState::ALL, QuoteState::meaning);
    names(&mut page, "event", QuoteEvent::ALL, QuoteEvent::meaning);
    steps(&mut page, QUOTE_STEPS);
    page.push('\n');
    page.push_str(ORDER_HEAD);
    names(&mut page, "state", OrderState::ALL, OrderState::meaning);
    names(&mut page, "event", OrderEvent::ALL, OrderEvent::meaning);
    steps(&mut page, ORDER_STEPS);
    page.push('\n');
    page.push_str(AGENCY_HEAD);
    names(&mut page, "state", AgencyState::ALL, AgencyState::meaning);
    names(&mut page, "event", AgencyEvent::ALL, AgencyEvent::meaning);
    steps(&mut page, AGENCY_STEPS);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/states.md");
    if std::env::var("PINRAIL_GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&file, &page).expect("the folder of documents is there");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == page,
        "docs/states.md is not what the tables say. If they were meant to change: \
         PINRAIL_GOLDEN=write cargo test -p pinrail-oms --test states_document"
    );
}
