//! A desk of one's own: its pricer, its hedging policy and its limit, on the demo's venues, which fill its orders.
//!
//!     cargo run --release -p pinrail --example own_desk
//!
//! The engine is stepped by hand through ten seconds of simulated time, without threads, rings or a journal.

#![allow(clippy::print_stdout, reason = "an example")]

use pinrail::prelude::*;
use pinrail::report::table::{Table, count};
use pinrail::sim::{ClientFlow, Exchange, ExchangeConfig, ExecutionConfig, FaultConfig, paper};
use pinrail::types::state::{StateError, Visitor};

const START_NS: u64 = 1_700_000_000_000_000_000;
const END_NS: u64 = START_NS + 10_000_000_000;
const CLIENTS: u32 = 50;
/// One coin: beyond it the position is hedged.
const BAND_LOTS: i64 = 100_000;
/// Five coins: nobody is quoted what would bring the position beyond it.
const LIMIT_LOTS: i64 = 500_000;
/// Lots held that move a price by a tick: a coin moves it by half a dollar.
const LEAN_LOTS: i64 = 2_000;
/// How often the policy looks at the position.
const LOOK_NS: u64 = 20_000_000;

/// The default model's prices, leaned against the position, and the desk's own limit.
#[derive(Debug)]
struct LeaningPricer(SweepPricer);

impl Pricer for LeaningPricer {
    const NAME: &'static str = "leaning 1";

    fn price(&mut self, ask: &PriceRequest<'_>, venues: &Consolidated) -> Result<Prices, Reason> {
        let (position, qty) = (ask.position.0, ask.qty.0);
        let (client_buys, client_sells) = (ask.side != Some(Side::Sell), ask.side != Some(Side::Buy));
        if (client_buys && position - qty < -LIMIT_LOTS) || (client_sells && position + qty > LIMIT_LOTS) {
            return Err(Reason::Own0);
        }
        let mut prices = self.0.price(ask, venues)?;
        let lean = position / LEAN_LOTS;
        // Only the side that the desk does not want gets worse.
        if client_buys {
            prices.offer_px = Px(prices.offer_px.0 - lean.min(0));
        }
        if client_sells {
            prices.bid_px = Px(prices.bid_px.0 - lean.max(0));
        }
        Ok(prices)
    }

    fn on_tier_spread(&mut self, spread: &TierSpread) -> Result<(), Reason> {
        self.0.on_tier_spread(spread)
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        self.0.visit(visitor)
    }
}

/// Looks at the position every so often and trades half of what lies beyond the band, or all of it if that is much.
#[derive(Debug, Default)]
struct HalvingHedger(u64);

impl Strategy for HalvingHedger {
    const NAME: &'static str = "halving 1";

    fn on_book(&mut self, instrument: InstrumentId, desk: &impl Desk, actions: &mut Actions) {
        let is_due = desk.now() >= self.0 && desk.parents().next().is_none();
        let Some(market) = desk.market(instrument).filter(|_| is_due) else {
            return;
        };
        let Ok(top) = market.venues.view(desk.now()).and_then(|view| view.top()) else {
            return;
        };
        self.0 = desk.now() + LOOK_NS;
        let (position, ref_px) = (market.position.0, top.mid());
        let beyond = position.abs() - BAND_LOTS;
        let side = if position > 0 { Side::Sell } else { Side::Buy };
        // Ten basis points from the middle at most, thirty if it is urgent, fees included.
        let (qty, chase_e8) = if beyond > BAND_LOTS {
            (beyond, 300_000)
        } else {
            (beyond / 2 + 1, 100_000)
        };
        if beyond > 0 {
            actions.parent(NewParentOrder {
                strategy: StrategyId(0),
                instrument,
                side,
                qty: Qty(qty),
                limit_net_e8: i128::from(ref_px.0) * i128::from(E8 + side.sign() * chase_e8),
                ref_px,
                cost_max: Amount::new(i128::from(E8) * 10_000),
                tries_max: 2,
                retry_ns: LOOK_NS,
            });
        }
    }

    fn visit(&mut self, visitor: &mut impl Visitor) -> Result<(), StateError> {
        visitor.word(&mut self.0)
    }
}

/// One of the demo's venues, with books that fill orders.
fn exchange(venue: VenueId, instrument: &Instrument) -> Exchange {
    let config = ExchangeConfig {
        execution: ExecutionConfig {
            venue,
            taker_fee_e8: 20_000,
            latency_ns_min: 200_000,
            latency_ns_mean: 300_000,
            balances: vec![(instrument.base, 1 << 50), (instrument.quote, 1 << 60)],
            balance_ns: 1_000_000_000,
            reports_before: 0,
            faults: FaultConfig::NONE,
        },
        listings: vec![paper::venue(venue, instrument.id, 7)],
    };
    Exchange::new(config, &[*instrument], u64::from(venue.0), START_NS).expect("a sound venue")
}

fn main() {
    let bounds = Bounds::default();
    let own = WithStrategy {
        pricer: LeaningPricer(SweepPricer::new(bounds.instruments)),
        strategy: HalvingHedger::default(),
    };
    let (mut engine, mut out, mut seq) = (Engine::new(bounds, own), Out::new(), 0);
    let definitions = paper::definitions(CLIENTS);
    let assets: Vec<AssetDef> = definitions
        .iter()
        .filter_map(|frame| frame.get().copied())
        .collect();
    let def: &InstrumentDef = definitions.iter().find_map(Frame::get).expect("an instrument");
    let instrument = Instrument::new(def, &assets[def.base.index()], &assets[def.quote.index()]);
    let instrument = instrument.expect("a sound one");
    let mut venues = paper::VENUES.map(|venue| exchange(venue, &instrument));
    let mut clients = ClientFlow::new(paper::clients(CLIENTS), 7, START_NS).expect("sound clients");
    let mut inputs = vec![Frame::of(&bounds.epoch_start(1))];
    inputs.extend(definitions);
    let (mut now, mut orders, mut refused, mut hedged) = (START_NS, 0, 0, 0);
    // Ten seconds, and as long as quotes and orders are open.
    while now < END_NS
        || !inputs.is_empty()
        || engine.open_quotes() > 0
        || venues.iter().any(|venue| !venue.is_quiet())
    {
        for mut input in inputs.drain(..) {
            input.stamp(seq + 1, now);
            input.header_mut().cause = Cause::input(SourceId::RUNTIME, seq + 1);
            engine.on_event(&input, &mut out);
            seq += 1 + out.len() as u64;
            for output in out.frames() {
                clients.on_output(&output);
                for venue in &mut venues {
                    venue.on_output(&output);
                }
                let reject: Option<&QuoteRequestReject> = output.get();
                refused += u64::from(reject.is_some_and(|reject| reject.reason == Reason::Own0.code()));
                orders += u64::from(output.get::<VenueOrder>().is_some());
            }
            let report: Option<&VenueReport> = input.get();
            hedged += u64::from(report.is_some_and(|report| report.last_qty.0 > 0));
            engine.seal(&mut out);
        }
        if now >= END_NS {
            clients.stop_asking();
        }
        let venue = venues
            .iter_mut()
            .min_by_key(|venue| venue.next_due())
            .expect("two venues");
        let client_due = clients.next_due().unwrap_or(u64::MAX);
        now = client_due.min(venue.next_due());
        if client_due == now {
            inputs.push(clients.take());
        } else {
            let mut reports = Vec::new();
            venue.take(&mut inputs, &mut reports);
            inputs.append(&mut reports);
        }
    }
    let mut table = Table::figures(&["a desk of one's own", ""]);
    let (told, held) = (clients.counts(), engine.position(paper::INSTRUMENT));
    for (what, figure) in [
        ("requests", told.requests),
        ("quotes", told.quotes),
        ("fills", told.fills),
        ("refused by its own limit", refused),
        ("orders to venues", orders),
        ("fills at venues", hedged),
    ] {
        table.row([what.to_owned(), count(figure)]);
    }
    let (balanced, free) = (engine.is_balanced(), engine.nothing_reserved());
    println!("{table}\n\nposition: {} lots", held.qty.0);
    println!("the accounts balance: {balanced}; nothing is reserved: {free}");
}
