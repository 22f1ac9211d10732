//! Recordings through the core and into a journal: core time is the recorded time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use pinrail_engine::{Bounds, Engine};
use pinrail_journal::{From, Reader};
use pinrail_ring::{Class, Consumer, Producer};
use pinrail_runtime::idle::IdleStrategy;
use pinrail_runtime::{Inlet, Playback, Role, affinity};
use pinrail_sim::ClientFlow;
use pinrail_types::record::SequenceRule;
use pinrail_types::{Cause, Frame, SessionId, SourceId};
use pinrail_venue::playback::{Pace, Playback as VenuePlayback, Recording};
use pinrail_venue::{Listing, Market};
use serde::Serialize;

use crate::args::Speed;
use crate::config::{Config, Venue};
use crate::desk::rig::{Rig, RigError, join, place, placement, spawn};
use crate::desk::tally::{self, Tally};
use crate::model::make_model;

const CLIENTS: SourceId = SourceId(1);
const SESSION: SessionId = SessionId(1);
const VENUE_RING_LINES: usize = 1 << 15;
const CLIENT_RING_LINES: usize = 1 << 10;

/// What happened.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    /// Wall-clock time from the first record to the end.
    pub(crate) elapsed_ns: u64,
    /// Recorded time from the first input to the last.
    pub(crate) recorded_ns: u64,
    /// Records in the journal a second of wall-clock time.
    pub(crate) records_per_s: u64,
    /// Best bids and offers of venues that were compared with the core's books.
    pub(crate) tops_compared: u64,
    /// The engine's rolling hash over all outputs.
    pub(crate) output_hash: String,
    /// The epoch that this run wrote.
    pub(crate) epoch: u32,
    /// What the journal says of this epoch.
    pub(crate) journal: Tally,
    /// Where it is.
    pub(crate) journal_dir: std::path::PathBuf,
}

/// Plays what `config` names.
///
/// # Errors
/// A capture that can't be read, or whatever the machine refuses. What was journaled before stays readable.
pub(crate) fn run(config: &Config, speed: Speed) -> Result<Summary, RigError> {
    let (core_cpu, other_cpu) = placement(config.core.cpu)?;
    let (feeds, mut inlets) = venues(config)?;
    let recorded_start = feeds
        .iter()
        .filter_map(VenuePlayback::next_due)
        .min()
        .unwrap_or(0);
    let flow = client_flow(config, recorded_start)?;
    let (rig, writer) = Rig::start(&config.journal, other_cpu)?;
    let (first_seq, epoch) = (writer.next_seq(), writer.epoch());
    let progress = Arc::new(AtomicU64::new(recorded_start));
    let stop = Arc::new(AtomicBool::new(false));
    let mut threads = Vec::new();
    if let Some(flow) = flow {
        let (producer, consumer) = pinrail_ring::heap(CLIENT_RING_LINES)?;
        inlets.push(Inlet::new(consumer, CLIENTS, Role::Client));
        let answers = Reader::open(&config.journal.live_dir, &config.journal.archive_dir, From::Live)?;
        let source = ClientSource {
            producer,
            source_seq: 0,
            flow,
            answers,
            frame: Frame::default(),
        };
        let stop = Arc::clone(&stop);
        threads.push(spawn("pinrail-clients", move || {
            place(other_cpu);
            source.run(&stop)
        })?);
    }
    {
        let stop = Arc::clone(&stop);
        threads.push(spawn("pinrail-venues", move || {
            place(other_cpu);
            play(feeds, recorded_start, speed, &stop)
        })?);
    }

    let bounds = Bounds {
        clients: config.clients as usize,
        instruments: config.instruments.len(),
        sources: config.venues.len() + 2,
        ..Bounds::default()
    };
    let engine = Engine::new(bounds, make_model(&bounds));
    let mut core = Playback::new(engine, writer, inlets, config.records.clone());
    let core_thread = {
        let (stop, progress) = (Arc::clone(&stop), Arc::clone(&progress));
        let mut idle = config.core.idle.strategy();
        spawn("pinrail-core", move || {
            let pinned = affinity::pin(core_cpu);
            let started = Instant::now();
            while pinned.is_ok() && !core.is_finished() && !stop.load(Ordering::Relaxed) {
                let work = core.do_work();
                progress.store(core.engine().last_ts(), Ordering::Relaxed);
                idle.idle(work);
            }
            (core, started.elapsed(), pinned)
        })?
    };
    show_progress(&rig, &core_thread, &progress, recorded_start, &stop);
    let (core, elapsed, pinned) = join("pinrail-core", core_thread)?;
    stop.store(true, Ordering::Release);
    let mut outcome = Ok(());
    for thread in threads {
        outcome = outcome.and(join("pinrail-io", thread)?);
    }
    let closed = core.closed_sources().next();
    let (engine, writer) = core.into_parts();
    let last_ts = engine.last_ts();
    rig.finish(writer, last_ts)?;
    pinned?;
    outcome?;
    if let Some(source) = closed {
        return Err(RigError::SourceCorrupt { source_id: source.0 });
    }
    let journal = tally::read(&config.journal.archive_dir, first_seq)?;
    Ok(Summary {
        elapsed_ns: elapsed.as_nanos() as u64,
        recorded_ns: last_ts.saturating_sub(recorded_start),
        records_per_s: ((journal.inputs + journal.outputs) as f64 / elapsed.as_secs_f64()) as u64,
        tops_compared: engine.counts().tops_compared,
        output_hash: format!("{:#018x}", engine.output_hash()),
        epoch,
        journal,
        journal_dir: config.journal.archive_dir.clone(),
    })
}

/// Shows how much recorded time has passed until the core's thread ends. When a thread beside it ends early,
/// everything stops.
fn show_progress<T>(
    rig: &Rig,
    core: &std::thread::JoinHandle<T>,
    progress: &AtomicU64,
    recorded_start: u64,
    stop: &AtomicBool,
) {
    let bar = crate::output::spinner("playing, seconds of recorded time");
    while !core.is_finished() {
        std::thread::sleep(std::time::Duration::from_millis(20));
        let passed = progress.load(Ordering::Relaxed).saturating_sub(recorded_start);
        bar.set_position(passed / 1_000_000_000);
        // Nothing is dropped in playback, so that without room there is nothing to do but to end.
        if rig.has_failed() || rig.has_no_room() {
            stop.store(true, Ordering::Release);
        }
    }
    bar.finish_and_clear();
}

/// The simulated clients, if there are any.
fn client_flow(config: &Config, recorded_start: u64) -> Result<Option<ClientFlow>, RigError> {
    let Some(flow) = &config.flow else {
        return Ok(None);
    };
    let mut clients = flow.clients.clone();
    clients.session = SESSION;
    clients.end_ns = u64::MAX;
    ClientFlow::new(clients, flow.seed, recorded_start)
        .map(Some)
        .map_err(|e| RigError::Flow(e.to_string()))
}

/// The recordings of each venue, and the inlets that they come in on.
fn venues(config: &Config) -> Result<(Vec<VenuePlayback>, Vec<Inlet>), RigError> {
    let mut feeds = Vec::new();
    let mut inlets = Vec::new();
    for venue in &config.venues {
        let source = SourceId(CLIENTS.0 + 1 + venue.id.0);
        let (feed, consumer) = feed(config, venue, source)?;
        inlets.push(Inlet::new(consumer, source, Role::Venue));
        feeds.push(feed);
    }
    Ok((feeds, inlets))
}

/// The recordings of a venue as one source, and the ring that they are played into.
pub(crate) fn feed(
    config: &Config,
    venue: &Venue,
    source: SourceId,
) -> Result<(VenuePlayback, Consumer), RigError> {
    let market = match venue.rule {
        SequenceRule::BinanceUsdm => Market::BinanceUsdm,
        SequenceRule::BinanceSpot | SequenceRule::Plain | SequenceRule::Mirrored => Market::BinanceSpot,
    };
    let recordings: Vec<Recording> = venue
        .listings
        .iter()
        .filter_map(|listing| {
            let instrument = &config.instruments[listing.instrument.index()];
            Some(Recording {
                path: listing.capture.clone()?,
                listing: Listing {
                    symbol: listing.symbol.clone(),
                    market,
                    venue: venue.id,
                    instrument: listing.instrument,
                    tick: instrument.tick,
                    lot: instrument.lot,
                },
            })
        })
        .collect();
    let (producer, consumer) = pinrail_ring::heap(VENUE_RING_LINES)?;
    Ok((VenuePlayback::open(source, &recordings, producer, 0)?, consumer))
}

/// Plays all venues until they have ended. When one fails, everything stops.
fn play(
    mut feeds: Vec<VenuePlayback>,
    recorded_start: u64,
    speed: Speed,
    stop: &AtomicBool,
) -> Result<(), RigError> {
    let started = Instant::now();
    let pace = |times| Pace {
        recorded_start,
        now_start: 0,
        times,
    };
    // Flat out the core waits for these threads; at recorded speed they have time to sleep.
    let mut idle = if speed == Speed::Flat {
        IdleStrategy::Yield
    } else {
        IdleStrategy::backoff()
    };
    while !stop.load(Ordering::Acquire) && feeds.iter().any(|feed| !feed.is_finished()) {
        let due_until = match speed {
            Speed::Flat => u64::MAX,
            Speed::Times(times) => pace(times).due_until(started.elapsed().as_nanos() as u64),
        };
        let mut work = 0;
        for feed in &mut feeds {
            match feed.do_work(due_until) {
                Ok(done) => work += done,
                Err(e) => {
                    stop.store(true, Ordering::Release);
                    return Err(e.into());
                }
            }
        }
        idle.idle(work);
    }
    Ok(())
}

/// The simulated clients when recordings are played. They answer at recorded times that follow from what they were
/// sent, so before they say when their next message is due they wait for the answer to the last.
struct ClientSource {
    producer: Producer,
    source_seq: u64,
    flow: ClientFlow,
    answers: Reader,
    frame: Frame,
}

impl ClientSource {
    fn run(mut self, stop: &AtomicBool) -> Result<(), RigError> {
        let mut idle = IdleStrategy::Yield;
        while !stop.load(Ordering::Acquire) {
            let read = self.read_answers()?;
            if self.flow.awaits_answer() {
                idle.idle(read);
                continue;
            }
            let Some(due) = self.flow.next_due() else {
                return self.push(&Frame::watermark(CLIENTS, u64::MAX), stop);
            };
            let mut frame = self.flow.take();
            self.source_seq += 1;
            frame.header_mut().cause = Cause::input(CLIENTS, self.source_seq);
            frame.header_mut().ts_core = due;
            self.push(&frame, stop)?;
        }
        Ok(())
    }

    fn read_answers(&mut self) -> Result<usize, RigError> {
        let mut read = 0;
        while self.answers.poll(&mut self.frame)? {
            if self.frame.record_type().is_output() {
                self.flow.on_output(&self.frame);
            }
            read += 1;
        }
        Ok(read)
    }

    fn push(&mut self, frame: &Frame, stop: &AtomicBool) -> Result<(), RigError> {
        while self.producer.try_push(frame.words(), Class::Reserved).is_err() {
            if stop.load(Ordering::Acquire) {
                return Ok(());
            }
            // The answers are read meanwhile, so that the journal's segments are not held up by this reader.
            self.read_answers()?;
            std::thread::yield_now();
        }
        Ok(())
    }
}
