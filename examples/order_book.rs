//! A book of one's own, and what it says: `cargo run -p pinrail --example order_book`.

#![allow(clippy::print_stdout, reason = "an example")]

use pinrail::matching::{BookConfig, Bounds, Fill, LevelDelta, Matcher, NewOrder, Phase, Report, Sink};
use pinrail::types::Side::{Buy, Sell};
use pinrail::types::{ClientId, InstrumentId, Px, Qty, Reason};

struct Printer;

impl Sink for Printer {
    const LEVELS: bool = true;
    fn report(&mut self, it: &Report) {
        println!("{:?}: order {}, {} open", it.exec_type, it.order_id, it.leaves.0);
    }
    fn fill(&mut self, it: &Fill) {
        println!("Fill: order {}, {} at {}", it.maker.order_id, it.qty.0, it.px.0);
    }
    fn level(&mut self, it: &LevelDelta) {
        println!("Level: {:?} {} at {}", it.side, it.qty.0, it.px.0);
    }
}

fn main() -> Result<(), Reason> {
    let mut matcher = Matcher::new(Bounds {
        books: 1,
        orders: 1_000,
        pages: Bounds::PAGES_MIN,
        steps: 64,
    });
    let book = InstrumentId(0);
    matcher.open(book, &BookConfig::default())?;
    matcher.set_phase(book, Phase::Continuous, &mut Printer)?;
    for (id, side, px, qty) in [(1, Sell, 101, 5), (2, Sell, 102, 5), (3, Buy, 102, 7)] {
        let order = NewOrder::limit(id, ClientId(0), side, Px(px), Qty(qty));
        matcher.submit(book, &order, &mut Printer)?;
    }
    matcher.cancel(2, &mut Printer)
}
