//! A desk's own pricer, own limit and own model input, on the demo's venues: two simulated ones, and their clients.
//!
//!     cargo run --release -p pinrail --example own_pricer
//!
//! The engine is stepped by hand through five seconds of simulated time, without threads, rings or a journal.

#![allow(clippy::print_stdout, reason = "an example")]

use std::collections::BTreeMap;

use pinrail::prelude::*;
use pinrail::report::table::{Table, count};
use pinrail::sim::paper;
use pinrail::types::state::{StateError, Visitor};

const START_NS: u64 = 1_700_000_000_000_000_000;
const END_NS: u64 = START_NS + 5_000_000_000;
const MODEL_NS: u64 = 10_000_000;
/// Three dollars.
const EDGE_TICKS: i64 = 300;
/// Ten coins.
const BAND_LOTS: i64 = 1_000_000;

/// Quotes around the price that the desk's model holds fair, but never better than the default model, which goes by what a
/// hedge costs.
///
/// The last value of the model is kept: what is fair, and, as the desk's own limit, how far from zero the position may go.
#[derive(Debug)]
struct OwnPricer(SweepPricer, ModelInput);

impl Pricer for OwnPricer {
    const NAME: &'static str = "own 1";

    fn price(&mut self, ask: &PriceRequest<'_>, venues: &Consolidated) -> Result<Prices, Reason> {
        let (position, qty) = (ask.position.0, ask.qty.0);
        let (fair, band) = (self.1.value_0, self.1.value_1);
        let (client_buys, client_sells) = (ask.side != Some(Side::Sell), ask.side != Some(Side::Buy));
        if (client_buys && position - qty < -band) || (client_sells && position + qty > band) {
            return Err(Reason::Own0);
        }
        let mut prices = self.0.price(ask, venues)?;
        if client_buys {
            prices.offer_px = prices.offer_px.max(Px(fair + EDGE_TICKS));
        }
        if client_sells {
            prices.bid_px = prices.bid_px.min(Px(fair - EDGE_TICKS));
        }
        Ok(prices)
    }

    fn on_model_input(&mut self, input: &ModelInput) -> Result<(), Reason> {
        self.1 = *input;
        Ok(())
    }

    fn on_tier_spread(&mut self, spread: &TierSpread) -> Result<(), Reason> {
        self.0.on_tier_spread(spread)
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.0.visit(visitor)?;
        visitor.plain(&mut self.1)
    }
}

fn main() {
    let bounds = Bounds::default();
    let own = OwnPricer(SweepPricer::new(bounds.instruments), ModelInput::zeroed());
    let (mut engine, mut out, mut seq) = (Engine::new(bounds, own), Out::new(), 0);
    let mut market = paper::Market::new(50, 7, START_NS);
    let mut inputs = vec![Frame::of(&bounds.epoch_start(1))];
    inputs.extend(paper::definitions(50));
    let (mut now, mut model, mut model_due) = (START_NS, ModelInput::zeroed(), START_NS);
    (model.instrument, model.value_1) = (paper::INSTRUMENT, BAND_LOTS);
    let mut counts = BTreeMap::<String, u64>::new();
    while now < END_NS {
        for mut input in inputs.drain(..) {
            input.stamp(seq + 1, now);
            input.header_mut().cause = Cause::input(SourceId::RUNTIME, seq + 1);
            engine.on_event(&input, &mut out);
            seq += 1 + out.len() as u64;
            for output in out.frames() {
                market.on_output(&output);
                let refused = output.get::<QuoteRequestReject>();
                let reason = refused.and_then(|reject| Reason::from_code(reject.reason));
                let meaning = reason.map_or("", Reason::meaning);
                let what = format!("{:?} {meaning}", output.record_type());
                *counts.entry(what).or_default() += 1;
            }
            engine.seal(&mut out);
        }
        now = market.next_due().min(model_due);
        if now < model_due {
            market.take(&mut inputs);
            continue;
        }
        // The desk's own model, a hundred times a second: the middle of the first venue is fair.
        if let Some(book) = engine.book(paper::INSTRUMENT, paper::VENUES[0])
            && let (Some(bid), Some(ask)) = (book.best_bid(), book.best_ask())
        {
            model.value_0 = i64::midpoint(bid.px.0, ask.px.0);
        }
        inputs.push(Frame::of(&model));
        model_due += MODEL_NS;
    }
    let mut table = Table::figures(&["what the desk said", "count"]);
    for (what, times) in &counts {
        table.row([what.trim().to_owned(), count(*times)]);
    }
    let position = engine.position(paper::INSTRUMENT).qty.0;
    println!("{table}\n\nposition: {position} lots of at most {BAND_LOTS} either way");
}
