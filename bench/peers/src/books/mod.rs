//! Order books: the mixed flow played on each engine.

mod engines;
mod flow;

use std::hint::black_box;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use pinrail_runtime::clock::{self, Clock};
use serde_json::{Value, json};

use crate::Options;
use crate::pair::{median, pin};
use crate::table::Row;
use engines::{Engine, Lobster, Matchcore, Nanobook, OrderbookRs, Pinrail};
use flow::{Flow, Tally};

/// How an engine is played.
struct Player {
    name: &'static str,
    is_right: fn(&Flow) -> bool,
    run: fn(&Flow) -> f64,
    stamp: fn(&Flow, &Clock) -> Histogram<u64>,
}

const fn player<E: Engine>(name: &'static str) -> Player {
    Player {
        name,
        is_right: is_right::<E>,
        run: run::<E>,
        stamp: stamp::<E>,
    }
}

const OWN: [&str; 2] = ["pinrail-matching", "pinrail-matching, all it says"];

/// The first is what the others are compared with.
const PLAYERS: &[Player] = &[
    player::<Pinrail<false>>(OWN[0]),
    player::<Pinrail<true>>(OWN[1]),
    player::<Lobster>("lobster 0.7.0"),
    player::<OrderbookRs>("orderbook-rs 0.15.3"),
    player::<Matchcore>("matchcore 0.4.0"),
    player::<Nanobook>("nanobook 0.19.3"),
];

/// Groups: their name, the books, and live orders in each.
const FLOWS: &[(&str, u16, u32)] = &[("one book", 1, 10_000), ("a hundred books", 100, 1_000)];

/// Tells the first messages, which fill the books.
fn filled<E: Engine>(flow: &Flow) -> E {
    let mut engine = E::new(flow);
    for message in &flow.first {
        engine.tell(message, &mut Tally::default());
    }
    engine
}

/// Whether of each message the fills come that must; says what was the first that was wrong.
fn is_right<E: Engine>(flow: &Flow) -> bool {
    let mut engine = filled::<E>(flow);
    for (n, (message, expected)) in flow.timed.iter().zip(&flow.fills).enumerate() {
        let mut fills = Tally::default();
        engine.tell(message, &mut fills);
        if fills != *expected {
            println!("wrong at message {n}: {fills:?}, not {expected:?}");
            return false;
        }
    }
    true
}

/// Nanoseconds a message.
fn run<E: Engine>(flow: &Flow) -> f64 {
    let mut engine = filled::<E>(flow);
    let mut fills = Tally::default();
    let start = Instant::now();
    for message in &flow.timed {
        engine.tell(message, &mut fills);
    }
    let spent = start.elapsed();
    assert_eq!(
        fills,
        flow.fills.iter().sum(),
        "they were right when they were checked"
    );
    spent.as_nanos() as f64 / flow.timed.len() as f64
}

/// What each message took, in ticks.
fn stamp<E: Engine>(flow: &Flow, clock: &Clock) -> Histogram<u64> {
    let mut engine = filled::<E>(flow);
    let mut fills = Tally::default();
    let mut ticks = Histogram::new_with_bounds(1, 1 << 40, 3).expect("sound bounds");
    for message in &flow.timed {
        let from = clock.ticks();
        engine.tell(message, &mut fills);
        ticks.saturating_record(clock.ticks() - from);
    }
    black_box(fills);
    ticks
}

/// What came of an engine in one flow.
struct Played {
    row: Row,
    /// Medians of the repeats: the half, 99 % and 99.9 % of messages took no longer.
    percentiles_ns: [f64; 3],
}

const PERCENTILES: [f64; 3] = [50.0, 99.0, 99.9];

/// Passes with a stamp before and after each message.
const STAMPED: usize = 3;

fn flows(group: &str) -> impl Iterator<Item = &'static (&'static str, u16, u32)> {
    FLOWS.iter().filter(move |flow| flow.0.contains(group))
}

/// Whether the fills of the engines whose name contains `name` are right.
pub(crate) fn check(group: &str, name: &str) -> bool {
    flows(group).all(|&(_, books, live_each)| {
        let flow = Flow::new(books, live_each);
        let mut players = PLAYERS.iter().filter(|player| player.name.contains(name));
        players.all(|player| (player.is_right)(&flow))
    })
}

/// How long a check may take.
const CHECK: Duration = Duration::from_secs(30);

/// Checks in a process of its own: what went wrong once may never end. What is wrong, if anything.
fn fault(group: &str, name: &str) -> Option<String> {
    let this = std::env::current_exe().expect("this program");
    let mut child = Command::new(this)
        .args(["books", "--check", "--group", group, "--peer", name])
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program, once more");
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().expect("a child") {
            let mut said = String::new();
            let out = child.stdout.as_mut().expect("piped");
            out.read_to_string(&mut said).expect("text");
            return (!status.success()).then_some(said);
        }
        if start.elapsed() > CHECK {
            child.kill().expect("a child");
            child.wait().expect("a child");
            return Some(format!("not done in {} s", CHECK.as_secs()));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Plays the flows and prints what came of it; whether Pinrail's fills were as they must be.
pub(crate) fn compare(options: &Options, peer: &str) -> bool {
    pin(0);
    let (clock, _discipline) = clock::start().expect("a clock");
    let wanted = |player: &&Player| OWN.contains(&player.name) || player.name.contains(peer);
    let mut groups = Vec::new();
    let mut is_right = true;
    for &(group, books, live_each) in flows(&options.group) {
        let (mut players, mut faults) = (Vec::new(), Vec::new());
        for player in PLAYERS.iter().filter(wanted) {
            match fault(group, player.name) {
                None => players.push(player),
                Some(fault) => faults.push((player.name, fault)),
            }
        }
        is_right &= !faults.iter().any(|(name, _)| OWN.contains(name));
        let flow = Flow::new(books, live_each);
        let played = play(group, &flow, &players, options.repeats, &clock);
        if options.json {
            groups.push(json(group, &flow, &played, &faults));
        } else {
            print(group, &flow, &played, options.repeats);
            for (name, fault) in &faults {
                println!("{name} is not timed: {fault}\n");
            }
        }
    }
    if options.json {
        println!("{:#}", json!({ "repeats": options.repeats, "groups": groups }));
    }
    is_right
}

fn play(group: &'static str, flow: &Flow, players: &[&Player], repeats: u32, clock: &Clock) -> Vec<Played> {
    let mut spent = vec![Vec::new(); players.len()];
    for _ in 0..repeats {
        for (player, spent) in players.iter().zip(&mut spent) {
            spent.push((player.run)(flow));
        }
    }
    let mut stamped = vec![[const { Vec::new() }; 3]; players.len()];
    for _ in 0..STAMPED {
        for (player, stamped) in players.iter().zip(&mut stamped) {
            let ticks = (player.stamp)(flow, clock);
            for (percentile, values) in PERCENTILES.iter().zip(stamped) {
                values.push(clock.span_ns(0, ticks.value_at_percentile(*percentile)) as f64);
            }
        }
    }
    players
        .iter()
        .zip(spent.into_iter().zip(stamped))
        .map(|(player, (spent, mut stamped))| Played {
            row: Row::new(group, player.name, spent),
            percentiles_ns: stamped.each_mut().map(|values| median(values)),
        })
        .collect()
}

fn print(group: &str, flow: &Flow, played: &[Played], repeats: u32) {
    println!(
        "{group}: {} messages, {} to {} live orders, {} fills\nns a message, {repeats} interleaved repeats; a ratio is the \
         median over the repeats' pairs; percentiles hold two stamps\n",
        flow.timed.len(),
        flow.live[0],
        flow.live[1],
        flow.fills.iter().sum::<Tally>().fills,
    );
    println!(
        "{:<30} {:>8} {:>8} {:>8} {:>14} {:>8} {:>8} {:>8}",
        "", "min", "median", "max", "pinrail to it", "p50", "p99", "p99.9"
    );
    for its in played {
        let [min, median, max] = its.row.spread();
        let [p50, p99, p99_9] = its.percentiles_ns;
        println!(
            "{:<30} {min:>8.1} {median:>8.1} {max:>8.1} {:>14.3} {p50:>8.0} {p99:>8.0} {p99_9:>8.0}",
            its.row.name,
            played[0].row.ratio_to(&its.row),
        );
    }
    println!();
}

fn json(group: &str, flow: &Flow, played: &[Played], faults: &[(&str, String)]) -> Value {
    let engines = played.iter().map(|its| {
        let [min, median, max] = its.row.spread();
        let [p50, p99, p99_9] = its.percentiles_ns;
        json!({
            "name": its.row.name,
            "ns_min": min,
            "ns_median": median,
            "ns_max": max,
            "pinrail_to_it": played[0].row.ratio_to(&its.row),
            "ns_p50": p50,
            "ns_p99": p99,
            "ns_p99_9": p99_9,
        })
    });
    let wrong = faults
        .iter()
        .map(|(name, fault)| json!({ "name": name, "fault": fault }));
    json!({
        "group": group,
        "messages": flow.timed.len(),
        "live_min": flow.live[0],
        "live_max": flow.live[1],
        "fills": flow.fills.iter().sum::<Tally>().fills,
        "engines": engines.collect::<Vec<_>>(),
        "wrong": wrong.collect::<Vec<_>>(),
    })
}
