//! Recordings whose frames are lost, doubled, swapped or damaged: a book that says it is healthy is the true book.
//!
//! Each trial plays a part of a recording with one fault. The truth is kept apart (`truth`), from the intact frames. A
//! fault can be seen at the latest with the next frame of the same book; from there on the book is either equal to the
//! truth or not healthy, and it is healthy again after the next snapshot. Where a venue gives no evidence of a fault,
//! `faults::unseen` says so, and those trials are counted apart.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod faults;
mod truth;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use pinrail_book::Book;
use pinrail_types::Frame;
use pinrail_types::record::{BookLevel, BookState, BookUpdate, TopOfBook, VenueStatus};
use pinrail_venue::capture::Reader;
use pinrail_venue::infer::{Known, listings};
use pinrail_venue::session::Session;
use pinrail_venue::{Listing, Market};
use rand_core::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;

use faults::{Fault, Hit, below, damaged, unseen};
use truth::{Event, Truth, read};

const RECORDINGS: [&str; 9] = [
    "binance-spot/btcusdt_20240808.gz",
    "binance-spot/ethusdt_20240808.gz",
    "binance-usdm/btcusdt_20240808.gz",
    "binance-usdm/ethusdt_20240808.gz",
    "kraken/KRAKEN.ws.50.0.gz",
    "okx/OKX.ws.1.0.gz",
    "coinbase/COINBASE.ws.28.0.gz",
    "bybit/BYBIT.ws.26.0.gz",
    "deribit/DERIBIT.ws.1.0.gz",
];

/// Trials in an ordinary run of the tests.
const TRIALS: usize = 360;
/// Depth frames before which a fault comes, and after it, by which the book is to be healthy again.
const BEFORE_MAX: usize = 12;
const AFTER: usize = 40;
/// Depth frames more, for a fault that was seen late: one far from the best levels may come under a checksum at last.
const RESERVE: usize = 20;
/// Frames by which a snapshot that is asked for is late, at most.
const DELAY_MAX: usize = 6;
/// A level count that no recording reaches.
const BOOK_LEVELS_MAX: usize = 16_384;

/// A frame about one book.
struct Line {
    ts_recv: u64,
    json: String,
    event: Option<Event>,
}

/// A frame on its way.
#[derive(Clone)]
struct Delivery {
    json: String,
    /// How many lines the venue has sent behind it.
    sent: usize,
    /// Whether what was wrong can be seen by now.
    is_judged: bool,
}

fn captures() -> Option<PathBuf> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let data = std::env::var_os("PINRAIL_DATA").map_or_else(beside, PathBuf::from);
    let captures = data.join("captures");
    if !captures.is_dir() {
        println!("skipped: no recordings (PINRAIL_DATA)");
        return None;
    }
    Some(captures)
}

fn load(path: &Path, listing: &Listing) -> Vec<Line> {
    let mut reader = Reader::open(path).unwrap();
    let mut lines = Vec::new();
    while reader.advance().unwrap() {
        let json = reader.json();
        let is_binance = matches!(listing.market, Market::BinanceSpot | Market::BinanceUsdm);
        if is_binance || json.contains(&listing.symbol) {
            lines.push(Line {
                ts_recv: reader.ts_recv(),
                json: json.to_owned(),
                event: read(listing, json),
            });
        }
    }
    lines
}

/// The book under test, behind its session.
struct Desk {
    session: Session,
    book: Book,
    frames: Vec<Frame>,
}

impl Desk {
    fn take(&mut self, ts_recv: u64, json: &str) {
        self.frames.clear();
        // What can't be read is a gap, which the session tells.
        let _ = self.session.take(ts_recv, json, &mut self.frames);
        for frame in &self.frames {
            if let Some(update) = frame.get::<BookUpdate>() {
                self.book.apply(update);
            } else if let Some(status) = frame.get::<VenueStatus>() {
                self.book.on_status(status);
            } else if let Some(top) = frame.get::<TopOfBook>() {
                self.book.on_top(top);
            }
        }
    }

    /// What a venue's thread does that reads the core's `BookStatus`: it asks for a snapshot where the session can't
    /// know that one is needed.
    fn follow_core(&mut self, ts_recv: u64) {
        let is_doubted = matches!(self.book.state(), BookState::Crossed | BookState::Mismatched);
        if is_doubted && !self.session.needs_snapshot() {
            self.frames.clear();
            self.session.resync(ts_recv, &mut self.frames);
            let status = self.frames[0].get::<VenueStatus>().expect("the mark of a gap");
            self.book.on_status(status);
        }
    }

    fn is_healthy(&self) -> bool {
        self.book.state() == BookState::Healthy
    }

    /// Whether the levels that may be traded against are those of the truth, down to the depth that is shown.
    fn is_true(&self, truth: &Truth) -> bool {
        let view = match self.session.listing().market {
            Market::Kraken => 10,
            Market::Okx => 25,
            Market::BinanceSpot | Market::BinanceUsdm => usize::MAX,
            _ => 1_000,
        };
        [self.book.bids(), self.book.asks()]
            .into_iter()
            .enumerate()
            .all(|(side, levels)| {
                let is_mirrored = view != usize::MAX;
                let expected = truth.levels(side).take(view);
                let in_range = |level: &BookLevel| is_mirrored || levels.knows(level.px);
                levels.iter().eq(expected.take_while(in_range))
            })
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    trials: u64,
    /// The book was healthy and true all along.
    unharmed: u64,
    /// The book went stale, was never wrong while healthy, and came back with a snapshot.
    caught: u64,
    /// The book was wrong and healthy, or never healthy again, though the venue gives evidence.
    wrong: u64,
    /// The book was wrong and healthy, where the venue gives no evidence.
    unseen: u64,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Unharmed,
    Caught,
    Wrong,
    /// Not healthy at the end.
    Lost,
}

/// The deliveries of `lines`, which begin at line `start`, behind an image of what was before. Delivery 0 is the image.
fn deliveries(lines: &[Line], start: usize, image: String) -> Vec<Delivery> {
    let mut all = vec![Delivery {
        json: image,
        sent: start,
        is_judged: true,
    }];
    all.extend(lines.iter().enumerate().map(|(i, line)| Delivery {
        json: line.json.clone(),
        sent: start + i + 1,
        is_judged: line.event.is_some(),
    }));
    all
}

/// Puts a fault on delivery `hit`; `other` is the one with which it may change places.
fn strike(all: &mut Vec<Delivery>, fault: Fault, hit: usize, other: usize, draws: &mut Xoshiro256PlusPlus) {
    match fault {
        Fault::Drop => {
            all.remove(hit);
        }
        Fault::Double => all.insert(hit + 1, all[hit].clone()),
        Fault::Swap => {
            let json = std::mem::take(&mut all[hit].json);
            all[hit].json = std::mem::replace(&mut all[other].json, json);
            all[hit..other]
                .iter_mut()
                .for_each(|delivery| delivery.is_judged = false);
        }
        Fault::Digit | Fault::Damage => {
            all[hit].json = damaged(&all[hit].json, fault, draws);
            all[hit].is_judged = false;
        }
    }
}

/// Plays the first `least` of `deliveries`, and more until the book is healthy; the truth stands at line `at`.
fn play(
    lines: &[Line],
    mut truth: Truth,
    mut at: usize,
    deliveries: &[Delivery],
    desk: &mut Desk,
    delay: usize,
    least: usize,
) -> Outcome {
    let (mut was_wrong, mut was_stale, mut was_healthy, mut waited) = (false, false, false, 0);
    let is_binance = matches!(
        desk.session.listing().market,
        Market::BinanceSpot | Market::BinanceUsdm
    );
    for (i, delivery) in deliveries.iter().enumerate() {
        if i > least && desk.is_healthy() {
            break;
        }
        let ts_recv = lines[delivery.sent.saturating_sub(1)].ts_recv;
        // Binance's REST answer comes some updates in; the latest of these bridges to it.
        if i == 0 && is_binance {
            let bridge = lines[..at]
                .iter()
                .rev()
                .find(|line| line.event.is_some())
                .unwrap();
            desk.take(ts_recv, &bridge.json);
        }
        while at < delivery.sent {
            lines[at].event.iter().for_each(|event| truth.apply(event));
            at += 1;
        }
        desk.take(ts_recv, &delivery.json);
        was_stale |= was_healthy && !desk.is_healthy();
        desk.follow_core(ts_recv);
        waited = if desk.session.needs_snapshot() {
            waited + 1
        } else {
            0
        };
        let is_late = i > 0 && waited > delay;
        if is_late && delivery.is_judged {
            desk.take(ts_recv, &truth.image());
        }
        if delivery.is_judged {
            was_healthy |= desk.is_healthy();
            was_wrong |= desk.is_healthy() && !desk.is_true(&truth);
        }
    }
    if desk.session.needs_snapshot() {
        // The recording ends here.
        desk.take(lines[at - 1].ts_recv, &truth.image());
    }
    match (was_wrong, was_stale) {
        (true, _) => Outcome::Wrong,
        (false, _) if !desk.is_healthy() => Outcome::Lost,
        (false, true) => Outcome::Caught,
        (false, false) if desk.session.doubt().is_some() => Outcome::Caught,
        (false, false) => Outcome::Unharmed,
    }
}

/// Where the part of a recording ends that has `count` more depth frames.
fn after(lines: &[Line], from: usize, count: usize) -> usize {
    let mut left = count;
    for (i, line) in lines.iter().enumerate().skip(from) {
        left -= usize::from(line.event.is_some());
        if left == 0 {
            return i + 1;
        }
    }
    lines.len()
}

/// The last line behind which there are `count` depth frames.
fn lines_with(lines: &[Line], count: usize) -> Option<usize> {
    let depth = lines
        .iter()
        .enumerate()
        .rev()
        .filter(|(_, line)| line.event.is_some());
    depth.map(|(i, _)| i).nth(count)
}

/// Whether a book takes part: a few frames, and where an image alone proves nothing, so many that it is proved in time.
fn takes_part(listing: &Listing, lines: &[Line]) -> bool {
    let least = match listing.market {
        Market::Kraken => 2 * (BEFORE_MAX + AFTER + RESERVE),
        _ => 4,
    };
    lines.iter().filter(|line| line.event.is_some()).count() >= least
}

/// `trials` trials on one book, with what came of them by fault.
fn torture(name: &str, listing: &Listing, lines: &[Line], trials: usize, tallies: &mut Tallies) {
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(lines.len() as u64);
    let first = lines
        .iter()
        .position(|line| line.event.as_ref().is_some_and(|e| e.is_image));
    let first = first.expect("a recording has an image") + 1;
    // Binance's image comes later than the updates that follow on it; from the next one on the truth is surely known.
    let first = after(lines, first, 1);
    let last = match lines_with(lines, BEFORE_MAX + AFTER + RESERVE) {
        Some(last) => last.max(first),
        None => first,
    };
    let mut starts: Vec<usize> = (0..trials)
        .map(|_| first + below(&mut draws, last - first + 1))
        .collect();
    starts.sort_unstable();
    let (mut truth, mut at) = (Truth::new(listing), 0);
    let early: Vec<&Event> = early(listing, lines);
    for (trial, start) in starts.into_iter().enumerate() {
        let start = start.min(lines.len());
        while at < start {
            if let Some(event) = &lines[at].event {
                if event.is_image || truth.is_known() {
                    truth.apply(event);
                }
                if event.is_image {
                    for event in &early {
                        truth.apply(event);
                    }
                }
            }
            at += 1;
        }
        let end = after(lines, start, BEFORE_MAX + AFTER + RESERVE);
        let least = after(lines, start, BEFORE_MAX + AFTER) - start;
        let hits = after(lines, start, BEFORE_MAX) - start;
        let hit = draw_hit(&lines[start..start + hits], &mut draws);
        // A frame changes places with the next one about depth.
        let other = (hit + 1..=end - start).find(|i| lines[start + i - 1].event.is_some());
        let fault = match Fault::ALL[below(&mut draws, Fault::ALL.len())] {
            Fault::Swap if other.is_none() => Fault::Double,
            fault => fault,
        };
        let other = other.unwrap_or(hit);
        let delay = below(&mut draws, DELAY_MAX);
        let image = truth.image();
        let image_event = read(listing, &image);
        let mut deliveries = deliveries(&lines[start..end], start, image);
        strike(&mut deliveries, fault, hit, other, &mut draws);
        let mut desk = Desk {
            session: Session::new(listing.clone()),
            book: Book::new(listing.market.rule(), BOOK_LEVELS_MAX),
            frames: Vec::new(),
        };
        let outcome = play(lines, truth.clone(), at, &deliveries, &mut desk, delay, least);
        let event = |i: usize| {
            if i == 0 {
                image_event.as_ref()
            } else {
                lines.get(start + i - 1)?.event.as_ref()
            }
        };
        let is_damage = matches!(fault, Fault::Digit | Fault::Damage);
        let excuse = unseen(
            listing,
            &Hit {
                fault,
                intact: event(hit),
                next: event(other),
                damaged: is_damage.then(|| deliveries[hit].json.as_str()),
            },
        );
        let tally = tallies
            .by_fault
            .entry((listing.market.name(), fault))
            .or_default();
        tally.trials += 1;
        match outcome {
            Outcome::Unharmed => tally.unharmed += 1,
            Outcome::Caught => tally.caught += 1,
            Outcome::Wrong if excuse.is_some() => tally.unseen += 1,
            Outcome::Lost | Outcome::Wrong => {
                tally.wrong += 1;
                let shown = |json: &str| json.get(..600).unwrap_or(json).to_owned();
                tallies.failures.push(format!(
                    "{name} {}, trial {trial}: {fault:?} of frame {hit} behind line {start}: {outcome:?}, {:?}, {:?}\n{}\n{}",
                    listing.symbol,
                    desk.book.state(),
                    desk.session.doubt(),
                    deliveries.get(hit).map_or(String::new(), |delivery| shown(&delivery.json)),
                    if hit == 0 { String::new() } else { shown(&lines[start + hit - 1].json) },
                ));
            }
        }
    }
}

/// Which frame is hit: the image (0) once in twenty times, else one of `lines`, as often one about depth as any.
fn draw_hit(lines: &[Line], draws: &mut Xoshiro256PlusPlus) -> usize {
    let depth: Vec<usize> = (0..lines.len()).filter(|i| lines[*i].event.is_some()).collect();
    if lines.is_empty() || below(draws, 20) == 0 {
        0
    } else if depth.is_empty() || below(draws, 2) == 0 {
        1 + below(draws, lines.len())
    } else {
        1 + depth[below(draws, depth.len())]
    }
}

/// Updates that came before the image and follow on it: Binance's.
fn early<'a>(listing: &Listing, lines: &'a [Line]) -> Vec<&'a Event> {
    if !matches!(listing.market, Market::BinanceSpot | Market::BinanceUsdm) {
        return Vec::new();
    }
    let events = || lines.iter().filter_map(|line| line.event.as_ref());
    let image = events().find(|event| event.is_image).expect("an image");
    events()
        .take_while(|event| !event.is_image)
        .filter(|event| event.ids[1] > image.ids[1])
        .collect()
}

#[derive(Default)]
struct Tallies {
    by_fault: BTreeMap<(&'static str, Fault), Tally>,
    failures: Vec<String>,
}

fn run(trials: usize) {
    let Some(captures) = captures() else { return };
    let mut tallies = Tallies::default();
    for (k, name) in RECORDINGS.into_iter().enumerate() {
        let path = captures.join(name);
        let books: Vec<(Listing, Vec<Line>)> = listings(&path, &Known::default())
            .unwrap()
            .into_iter()
            .map(|listing| (load(&path, &listing), listing))
            .map(|(lines, listing)| (listing, lines))
            .filter(|(listing, lines)| takes_part(listing, lines))
            .collect();
        for (i, (listing, lines)) in books.iter().enumerate() {
            let share = trials / RECORDINGS.len() + usize::from(k < trials % RECORDINGS.len());
            let here = share / books.len() + usize::from(i < share % books.len());
            torture(name, listing, lines, here, &mut tallies);
        }
    }
    print(&tallies);
    let failures = &tallies.failures;
    assert!(
        failures.is_empty(),
        "{} trials failed:\n{}",
        failures.len(),
        failures[..failures.len().min(5)].join("\n")
    );
}

fn print(tallies: &Tallies) {
    println!("venue         fault     trials  unharmed    caught    wrong  no evidence, healthy");
    let mut sum = Tally::default();
    for ((market, fault), tally) in &tallies.by_fault {
        let fault = format!("{fault:?}").to_lowercase();
        println!(
            "{market:<13} {fault:<7} {:>8} {:>9} {:>9} {:>8} {:>21}",
            tally.trials, tally.unharmed, tally.caught, tally.wrong, tally.unseen
        );
        sum.trials += tally.trials;
        sum.unharmed += tally.unharmed;
        sum.caught += tally.caught;
        sum.wrong += tally.wrong;
        sum.unseen += tally.unseen;
    }
    println!(
        "{:<21} {:>8} {:>9} {:>9} {:>8} {:>21}",
        "all", sum.trials, sum.unharmed, sum.caught, sum.wrong, sum.unseen
    );
}

#[test]
fn a_healthy_book_is_the_true_book_whatever_happens_to_its_frames() {
    let trials = std::env::var("PINRAIL_CORRUPTIONS").map_or(TRIALS, |count| count.parse().unwrap());
    run(trials);
}
