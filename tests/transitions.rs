//! Every transition of the machines in `pinrail_oms::life` is taken by a test, and `docs/transitions.md` lists by which.
//!
//! What a test takes stands in the `cases!` of the engine's tests, whose macro makes a test of each row: it lives through the
//! events of the row and compares the state and what was told with the tables. Here these rows are read, so that the list can't
//! say anything else. After a change: `PINRAIL_GOLDEN=write cargo test -p pinrail-tests --test transitions`.

use std::fmt::{Debug, Write};
use std::path::{Path, PathBuf};

use pinrail_oms::life::{
    AGENCY_STEPS, AgencyState, ORDER_STEPS, OrderState, QUOTE_STEPS, QuoteState, RFQ_STEPS, RfqState, Step,
};

const HEAD: &str = "\
# Which test takes which transition

Made by `cargo test -p pinrail-tests --test transitions` from the tables in `crates/oms/src/life.rs` and the folder beside it, and
from the cases of the tests named here; it fails where a transition has no test, a test takes one that is not in the tables, or
this page says anything else. What is told of each, and what the names mean, stands in [states](states.md). In the same files
`what_no_step_allows_is_refused_and_changes_nothing` and `what_no_step_allows_changes_nothing` try every other event in
every state that a case ends in.
";

/// A row of a `cases!`: the test's name and its two lists.
struct Row {
    name: String,
    lists: [Vec<String>; 2],
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names between the first brackets of a text, and what is behind them.
fn list(text: &str) -> Option<(Vec<String>, &str)> {
    let (_, text) = text.split_once('[')?;
    let (inside, rest) = text.split_once(']')?;
    let names = inside.split(',').map(|name| name.trim().to_owned());
    Some((names.filter(|name| !name.is_empty()).collect(), rest))
}

/// The rows of the `cases!` in a source.
fn rows(source: &str) -> Vec<Row> {
    let (definition, cases) = source.split_once("\ncases! {\n").expect("the file has cases");
    assert!(
        definition.contains("$(#[test]\n"),
        "each row of the cases is a test"
    );
    let (cases, _) = cases.split_once("\n}\n").expect("the cases end");
    let mut rows: Vec<(String, String)> = Vec::new();
    for line in cases.lines() {
        let inner = line.strip_prefix("    ").unwrap_or(line);
        let begins = inner.starts_with(|first: char| first.is_ascii_lowercase());
        if let Some((name, rest)) = inner.split_once(':').filter(|_| begins) {
            rows.push((name.to_owned(), rest.to_owned()));
        } else if let Some((_, text)) = rows.last_mut() {
            text.push_str(line);
        }
    }
    let row = |(name, text): (String, String)| {
        let lists = list(&text).and_then(|(first, rest)| Some([first, list(rest)?.0]));
        let lists = lists.unwrap_or_else(|| panic!("{name} has two lists"));
        Row { name, lists }
    };
    rows.into_iter().map(row).collect()
}

fn source(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// Who takes each step of a machine.
struct Taken<S: 'static, E: 'static> {
    steps: &'static [Step<S, E>],
    /// Beside each step, the tests that take it, and whether it is their last.
    tests: Vec<Vec<(String, bool)>>,
}

impl<S: Copy + Debug + PartialEq, E: Debug> Taken<S, E> {
    fn new(steps: &'static [Step<S, E>]) -> Taken<S, E> {
        Taken {
            steps,
            tests: steps.iter().map(|_| Vec::new()).collect(),
        }
    }

    /// Takes the steps of a test from a state on.
    fn take(&mut self, test: &str, from: S, events: &[String]) {
        let mut at = from;
        for (left, event) in (0..events.len()).rev().zip(events) {
            let is_it = |step: &Step<S, E>| step.from == at && format!("{:?}", step.event) == *event;
            let place = self.steps.iter().position(is_it);
            let place = place.unwrap_or_else(|| panic!("{test} takes {event} from {at:?}, and no step does"));
            at = self.steps[place].to;
            self.tests[place].push((test.to_owned(), left == 0));
        }
    }

    fn write(&self, page: &mut String) {
        page.push_str("\n| from | when | to | tests |\n|---|---|---|---|\n");
        for (step, tests) in self.steps.iter().zip(&self.tests) {
            // Those that are about it; or else the first that passes through it.
            let mut about: Vec<&str> = tests
                .iter()
                .filter(|(_, is_last)| *is_last)
                .map(|(test, _)| test.as_str())
                .collect();
            if about.is_empty() {
                about.extend(tests.first().map(|(test, _)| test.as_str()));
            }
            let tests: Vec<String> = about.iter().map(|test| format!("`{test}`")).collect();
            let tests = tests.join(", ");
            writeln!(
                page,
                "| `{:?}` | `{:?}` | `{:?}` | {tests} |",
                step.from, step.event, step.to
            )
            .expect("writing to a string");
        }
    }

    fn missing(&self) -> Vec<String> {
        let all = self.steps.iter().zip(&self.tests);
        all.filter(|(_, tests)| tests.is_empty())
            .map(|(step, _)| format!("{:?} in {:?}", step.event, step.from))
            .collect()
    }
}

#[test]
fn every_transition_is_taken_by_a_test_and_the_list_says_by_which() {
    let mut page = HEAD.to_owned();
    let mut missing = Vec::new();
    let file = "crates/engine/tests/life.rs";
    let (mut rfq, mut quote) = (Taken::new(RFQ_STEPS), Taken::new(QUOTE_STEPS));
    for row in rows(&source(file)) {
        rfq.take(&row.name, RfqState::Received, &row.lists[0]);
        quote.take(&row.name, QuoteState::Active, &row.lists[1]);
    }
    write!(page, "\n## A request, in `{file}`\n").expect("writing to a string");
    rfq.write(&mut page);
    write!(page, "\n## A quote, in `{file}`\n").expect("writing to a string");
    quote.write(&mut page);
    missing.extend(rfq.missing());
    missing.extend(quote.missing());
    let file = "crates/engine/tests/order_life.rs";
    let mut order = Taken::new(ORDER_STEPS);
    for row in rows(&source(file)) {
        let [path, then] = &row.lists;
        for event in then {
            let events = [&path[..], core::slice::from_ref(event)].concat();
            order.take(&row.name, OrderState::PendingNew, &events);
        }
    }
    write!(page, "\n## An order at a venue, in `{file}`\n").expect("writing to a string");
    order.write(&mut page);
    missing.extend(order.missing());
    let file = "crates/engine/tests/agency_life.rs";
    let mut agency = Taken::new(AGENCY_STEPS);
    for row in rows(&source(file)) {
        let [path, then] = &row.lists;
        for event in then {
            let events = [&path[..], core::slice::from_ref(event)].concat();
            agency.take(&row.name, AgencyState::New, &events);
        }
    }
    write!(page, "\n## A client's agency order, in `{file}`\n").expect("writing to a string");
    agency.write(&mut page);
    missing.extend(agency.missing());
    assert!(missing.is_empty(), "no test takes {missing:?}");
    let file = root().join("docs/transitions.md");
    if std::env::var("PINRAIL_GOLDEN").as_deref() == Ok("write") {
        std::fs::write(&file, &page).expect("the folder of documents is there");
    }
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == page,
        "docs/transitions.md is not what tests take. If that was meant to change: \
         PINRAIL_GOLDEN=write cargo test -p pinrail-tests --test transitions"
    );
}

#[test]
fn rows_are_read_as_they_stand() {
    let source = "\n        $(#[test]\nx\ncases! {\n    a: [B, C] [] || d(|e| {\n        f: [G];\n    });\n    h: []\n        [I];\n}\n";
    let rows = rows(source);
    let read: Vec<_> = rows.iter().map(|row| (row.name.as_str(), &row.lists)).collect();
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let expected = [
        ("a", [names(&["B", "C"]), vec![]]),
        ("h", [vec![], names(&["I"])]),
    ];
    assert!(
        read.iter()
            .map(|(name, lists)| (*name, (*lists).clone()))
            .eq(expected)
    );
}

#[test]
#[should_panic(expected = "no step does")]
fn a_step_that_is_not_there_is_found() {
    Taken::new(RFQ_STEPS).take("a", RfqState::Received, &["Accept".to_owned()]);
}
