//! Where a replay and its journal part, for people.

use pinrail_engine::Engine;
use pinrail_runtime::Difference;
use pinrail_types::record::{BookLevel, BookUpdate, NewOrderSingle, QuoteRequest};
use pinrail_types::{Frame, VenueId};

use super::DeskReplay;
use crate::args::Journal;
use crate::decode::Decoder;
use crate::failure::Failure;
use crate::model::Model;

/// Both records, the input, and what of the state a reader needs first.
pub(super) fn show_difference(journal: &Journal, replay: &DeskReplay, difference: &Difference) -> Failure {
    let mut decoder = Decoder::new();
    if let Err(failure) = learn(journal, difference.seq, &mut decoder) {
        tracing::warn!("names are not shown: {failure}");
    }
    let mut shown = |frame: Option<&Frame>| {
        frame.map_or_else(|| "nothing".to_owned(), |frame| decoder.decode(frame).to_string())
    };
    let mut facts = vec![
        ("input".to_owned(), shown(Some(&difference.input))),
        ("in the journal".to_owned(), shown(difference.found.as_ref())),
        ("replayed".to_owned(), shown(difference.made.as_ref())),
    ];
    if let Some(engine) = replay.engine() {
        facts.extend(state(engine, &difference.input));
    }
    let facts: Vec<String> = facts
        .into_iter()
        .map(|(what, value)| format!("\n  {what:<15}{value}"))
        .collect();
    Failure::Check(format!(
        "the replay differs from the journal at sequence {}, position {}: {difference}{}",
        difference.seq,
        difference.position,
        facts.concat()
    ))
}

/// Shows the decoder everything before `seq`, so that it knows names and grids.
fn learn(journal: &Journal, seq: u64, decoder: &mut Decoder) -> Result<(), Failure> {
    let mut reader = journal.open()?;
    let mut frame = Frame::default();
    while reader.next_seq() < seq && reader.next(&mut frame)?.is_some() {
        decoder.learn(&frame);
    }
    Ok(())
}

/// The engine's state behind the input, as far as it bears on that.
fn state(engine: &Engine<Model>, input: &Frame) -> Vec<(String, String)> {
    let counts = engine.counts();
    let mut facts = vec![(
        "state".to_owned(),
        format!(
            "inputs {}, outputs {}, trading {:?}, open quotes {}",
            counts.inputs,
            counts.outputs,
            engine.trading_state(),
            engine.open_quotes()
        ),
    )];
    let instrument = input
        .get::<QuoteRequest>()
        .map(|request| request.instrument)
        .or(input.get::<NewOrderSingle>().map(|order| order.instrument))
        .or(input.get::<BookUpdate>().map(|update| update.instrument));
    let Some(instrument) = instrument.filter(|id| id.index() < engine.bounds().instruments) else {
        return facts;
    };
    let position = engine.position(instrument).qty.0;
    facts.push(("position".to_owned(), format!("{position} lots")));
    let venues = (0..engine.bounds().venues).map(|venue| VenueId(venue as u16));
    facts.extend(venues.filter_map(|venue| {
        let book = engine.book(instrument, venue)?;
        let shown = format!(
            "{:?}, last id {}, bid {}, ask {}",
            book.state(),
            book.last_id(),
            best(book.best_bid()),
            best(book.best_ask())
        );
        Some((format!("book at {}", venue.0), shown))
    }));
    facts
}

fn best(level: Option<BookLevel>) -> String {
    level.map_or_else(
        || "none".to_owned(),
        |level| format!("{}t x {}l", level.px.0, level.qty.0),
    )
}
