//! `docs/states.md` says what the tables of states say.
//!
//! After a change of them: `PINRAIL_GOLDEN=write cargo test -p pinrail-oms --test states_document`.

use std::fmt::{Debug, Write};
use std::path::Path;

use pinrail_oms::life::{
    QUOTE_STEPS, QuoteEvent, QuoteState, RFQ_STEPS, RfqEvent, RfqState, Said, Step, Why,
};

const HEAD: &str = "\
# The states of a request and its quote

Made from the tables in `crates/oms/src/life.rs` by a test, `crates/oms/tests/states_document.rs`, which fails where this page
differs from them and says how to make it anew. The engine changes a state by these tables only: a step that does not stand here
is a fault of the program, and what a client or an operator asks for and no step allows is refused and changes nothing.
`crates/engine/tests/life.rs` reaches every step and tries every other.

A request of a stream (`SubscriptionRequestType` 263 = 1) is one request for each of its quotes, all under one `QuoteReqID`.
*Told* is the message that goes out: one with nothing told is told by another step of the same input. *Reason* is what is told
with it, but for a fill, and what whoever names the quote later is refused with; `as it was` is whatever led to the step.
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
