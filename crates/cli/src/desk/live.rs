//! `pinrail demo`: a desk with two simulated venues and fifty simulated clients, live, for about ten seconds.
//!
//! It is also the open-loop harness: one spinning producer plays all sources at planned times, the core is pinned, the
//! archiver is on, and latency counts from the planned time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use pinrail_engine::{Bounds, Engine};
use pinrail_journal::{From, JournalConfig, Reader, SyncPolicy};
use pinrail_report::latency::{Recorder, Summary as Latency};
use pinrail_runtime::clock::Clock;
use pinrail_runtime::counters::Counters;
use pinrail_runtime::usage::Usage;
use pinrail_runtime::{Core, CoreCounters, CoreCounts, Inlet, Observer, Role, affinity, prefault, recover};
use pinrail_sim::{ClientCounts, ClientFlow, Exchange, ExchangeConfig, ExecutionConfig, FaultConfig, paper};
use pinrail_types::record::HedgingParams;
use pinrail_types::{SessionId, SourceId};
use serde::Serialize;

use crate::config::{Config, Definitions, Venue};
use crate::desk::feed::{self, ClientFeed, End, FeedCounts, SourceRing, VenueFeed};
use crate::desk::floor::{self, Floor, Floors};
use crate::desk::rig::{Rig, RigError, Scratch, join, place, placement, spawn};
use crate::desk::story::{self, Story};
use crate::desk::tally::{self, Tally};
use crate::model::{Model, make_model};

/// The desk.
const DESK: &str = include_str!("demo.toml");
const CLIENTS: SourceId = SourceId(1);
const SESSION: SessionId = SessionId(1);
/// Lines in each ring: 256 KiB.
const RING_LINES: usize = 4_096;
/// Before this has passed nothing is measured: caches, branch predictors and pages come to rest.
const WARM_UP_NS: u64 = 500_000_000;
/// From the start of the threads to the first planned message.
const HEAD_START_NS: u64 = 50_000_000;
/// Behind the last request: books still move, for the last accepts and their hedges.
const MARKET_GRACE_NS: u64 = 300_000_000;
/// Behind the last request: every quote has ended.
const GRACE_NS: u64 = 900_000_000;
/// Behind the last request: nobody waits any longer.
const LAST_GRACE_NS: u64 = 2_900_000_000;
/// How long an order is on its way to a simulated venue, and its report back, at least and beyond that in the mean.
const VENUE_LATENCY_NS: (u64, u64) = (200_000, 300_000);
const BALANCE_NS: u64 = 1_000_000_000;
/// What the house has at each venue at the start, by symbol of the asset, in its smallest unit.
const BALANCES: [(&str, i128); 2] = [("BTC", 100_000_000_000), ("USDT", 10_000_000_000_000_000)];
const NS_PER_S: u64 = 1_000_000_000;

/// When its archive is synced.
pub(crate) const SYNC: SyncPolicy = SyncPolicy::Lazy {
    bytes_max: 1 << 20,
    age_max: Duration::from_millis(5),
};

/// What is run.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How long messages are planned for, after the warm-up.
    pub(crate) seconds: u64,
    /// Where the journal is kept; `None` for a temporary one.
    pub(crate) journal: Option<PathBuf>,
    /// Seed of all flows; `None` for the desk's own.
    pub(crate) seed: Option<u64>,
    /// Requests for quotes a second; `None` for the desk's own.
    pub(crate) requests_per_s: Option<u32>,
    /// The core thread calls `getpgid(0)` when it is warm and when it ends, so that a tracer sees where.
    pub(crate) marks: bool,
    /// The desk hedges at its venues. One that is to go on behind a kill does not: its venues forget its orders.
    pub(crate) hedging: bool,
    /// Measures the machine itself right before the trading and right behind it.
    pub(crate) floors: bool,
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Summary {
    /// How long messages were planned for, behind the warm-up.
    pub(crate) seconds: u64,
    /// Processor of the core.
    pub(crate) core_cpu: usize,
    /// Inputs that the core took after the warm-up, a second.
    pub(crate) inputs_per_s: u64,
    /// From taking a request to its answer in the journal.
    pub(crate) on_core: Latency,
    /// From the request's planned time at the producer to the core's first stamp of it.
    pub(crate) planned_to_taken: Latency,
    /// From the request's planned time at the producer to its answer in the journal.
    pub(crate) planned_to_committed: Latency,
    /// From taking an accept to the first order of its hedge in the journal.
    pub(crate) hedge_on_core: Latency,
    /// From the accept's planned time at the producer to the first order of its hedge in the journal.
    pub(crate) hedge_planned_to_committed: Latency,
    /// What the machine itself takes, if that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) floor: Option<Floors>,
    /// What the core thread cost after the warm-up.
    pub(crate) core_usage: Usage,
    /// Inputs taken from rings while that was counted.
    pub(crate) core_usage_inputs: u64,
    /// The duty cycle.
    pub(crate) core: CoreDone,
    /// The producer.
    pub(crate) feed: FeedCounts,
    /// The clients' own view.
    pub(crate) clients: Clients,
    /// What the journal says.
    pub(crate) journal: Tally,
    /// What came of the trading.
    pub(crate) story: Story,
    /// The engine's rolling hash over all outputs.
    pub(crate) output_hash: String,
    /// Where the journal is, if it was kept.
    pub(crate) journal_dir: Option<PathBuf>,
}

/// [`CoreCounts`], for JSON.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct CoreDone {
    /// Inputs taken from rings.
    pub(crate) taken: u64,
    /// Records dropped because their source sequence was taken before.
    pub(crate) duplicates: u64,
    /// Sources closed because their ring held what it must not.
    pub(crate) corrupt: u64,
    /// Times that only the journal's reserve was left.
    pub(crate) journal_short: u64,
}

/// What the clients saw.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Clients {
    /// Requests made.
    pub(crate) requests: u64,
    /// Quotes received.
    pub(crate) quotes: u64,
    /// Orders sent to accept a quote.
    pub(crate) orders: u64,
    /// Fills received.
    pub(crate) fills: u64,
}

/// Latencies of answers, from a time on.
struct Latencies {
    from_ts: u64,
    on_core: Recorder,
    planned_to_taken: Recorder,
    planned_to_committed: Recorder,
    hedge_on_core: Recorder,
    hedge_planned_to_committed: Recorder,
}

impl Latencies {
    fn from(from_ts: u64) -> Latencies {
        Latencies {
            from_ts,
            on_core: Recorder::new(),
            planned_to_taken: Recorder::new(),
            planned_to_committed: Recorder::new(),
            hedge_on_core: Recorder::new(),
            hedge_planned_to_committed: Recorder::new(),
        }
    }
}

impl Observer for Latencies {
    #[inline]
    fn on_answer(&mut self, ts_planned: u64, ts_taken: u64, clock: &mut Clock) {
        let ts_committed = clock.now_ordered_ns();
        if ts_planned >= self.from_ts {
            self.on_core.record_ns(ts_committed - ts_taken);
            self.planned_to_taken
                .record_ns(ts_taken.saturating_sub(ts_planned));
            self.planned_to_committed
                .record_ns(ts_committed.saturating_sub(ts_planned));
        }
    }

    #[inline]
    fn on_hedge(&mut self, ts_planned: u64, ts_taken: u64, clock: &mut Clock) {
        let ts_committed = clock.now_ordered_ns();
        if ts_planned >= self.from_ts {
            self.hedge_on_core.record_ns(ts_committed - ts_taken);
            self.hedge_planned_to_committed
                .record_ns(ts_committed.saturating_sub(ts_planned));
        }
    }
}

/// The demo's desk.
pub(crate) fn desk() -> Config {
    Config::parse(DESK, Path::new("demo.toml"), None).expect("the demo's desk is part of the program")
}

/// Runs the demo, its live directory and, unless it is to be kept, its archive in directories of this process's own.
///
/// # Errors
/// Whatever the machine refuses: room in shared memory, a processor, a file.
pub(crate) fn run(options: &Options) -> Result<Summary, RigError> {
    run_out(options, Running::start(options, Latencies::from)?)
}

/// Runs the demo on `journal`.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_on(options: &Options, journal: &JournalConfig) -> Result<Summary, RigError> {
    run_out(
        options,
        Running::start_on(options, journal, Vec::new(), Latencies::from)?,
    )
}

fn run_out(options: &Options, running: Running<Latencies>) -> Result<Summary, RigError> {
    running.show_progress();
    let ended = running.end()?;
    Ok(Summary {
        seconds: options.seconds,
        core_cpu: ended.core_cpu,
        inputs_per_s: ended.usage_inputs / options.seconds.max(1),
        on_core: ended.observer.on_core.summary(),
        planned_to_taken: ended.observer.planned_to_taken.summary(),
        planned_to_committed: ended.observer.planned_to_committed.summary(),
        hedge_on_core: ended.observer.hedge_on_core.summary(),
        hedge_planned_to_committed: ended.observer.hedge_planned_to_committed.summary(),
        floor: ended.floor,
        core_usage: ended.usage,
        core_usage_inputs: ended.usage_inputs,
        core: done(&ended.counts),
        feed: ended.feed,
        clients: seen(&ended.clients),
        journal: tally::read(&ended.archive_dir, ended.first_seq)?,
        story: story::of(&ended.engine, &ended.archive_dir, ended.first_seq)?,
        output_hash: format!("{:#018x}", ended.engine.output_hash()),
        journal_dir: options.journal.clone(),
    })
}

type FeedThread = JoinHandle<Result<(FeedCounts, ClientCounts), RigError>>;
type CoreThread<O> = JoinHandle<Result<(DemoCore<O>, Usage, u64), RigError>>;
type DemoCore<O> = Core<Model, O>;

/// A desk that trades, its core watched by an observer.
pub(crate) struct Running<O> {
    pub(crate) archive_dir: PathBuf,
    pub(crate) live_dir: PathBuf,
    pub(crate) clock: Clock,
    /// Planned time of the first message that is measured.
    pub(crate) warm_ns: u64,
    /// Messages are planned until then.
    end_ns: u64,
    core_cpu: usize,
    other_cpu: Option<usize>,
    first_seq: u64,
    rig: Rig,
    core: CoreThread<O>,
    feed: FeedThread,
    stop_core: Arc<AtomicBool>,
    stop_feed: Arc<AtomicBool>,
    floor_before: Option<Floor>,
    /// Removed when it has ended.
    scratch: Vec<Scratch>,
}

/// How it ended.
pub(crate) struct Ended<O> {
    pub(crate) observer: O,
    pub(crate) archive_dir: PathBuf,
    pub(crate) feed: FeedCounts,
    pub(crate) clients: ClientCounts,
    engine: Engine<Model>,
    core_cpu: usize,
    first_seq: u64,
    floor: Option<Floors>,
    usage: Usage,
    usage_inputs: u64,
    counts: CoreCounts,
    /// The journal, unless it is to be kept.
    _scratch: Vec<Scratch>,
}

impl<O: Observer + Send + 'static> Running<O> {
    /// Starts the desk, its live directory and, unless it is to be kept, its archive in directories of this process's own;
    /// `observe` is given the planned time from which on it is warm.
    pub(crate) fn start(options: &Options, observe: impl FnOnce(u64) -> O) -> Result<Running<O>, RigError> {
        let scratch = Scratch::new(&std::env::temp_dir(), "pinrail-demo")?;
        let live = Scratch::new(Path::new("/dev/shm"), "pinrail-demo")?;
        let archive_dir = options
            .journal
            .clone()
            .unwrap_or_else(|| scratch.path().join("archive"));
        let journal = JournalConfig {
            sync: SYNC,
            archive_dir,
            live_dir: live.path().join("journal"),
            ..desk().journal
        };
        Running::start_on(options, &journal, vec![scratch, live], observe)
    }

    /// The same on `journal`.
    pub(crate) fn start_on(
        options: &Options,
        journal: &JournalConfig,
        scratch: Vec<Scratch>,
        observe: impl FnOnce(u64) -> O,
    ) -> Result<Running<O>, RigError> {
        let config = desk_for(options);
        let archive_dir = journal.archive_dir.clone();
        let (core_cpu, other_cpu) = placement(config.core.cpu)?;
        let (rig, mut writer) = Rig::start(journal, other_cpu)?;
        let first_seq = writer.next_seq();
        let recovered = match recover(&archive_dir, bounds(&config), make_model, &mut writer) {
            Ok(recovered) => recovered,
            Err(e) => {
                rig.finish(writer, 0)?;
                return Err(e.into());
            }
        };
        let floor_before = options
            .floors
            .then(|| floor::measure(&rig.clock, core_cpu, other_cpu))
            .transpose()?;
        let answers = Reader::open(&journal.live_dir, &archive_dir, From::Live)?;

        let mut clock = rig.clock.clone();
        let start_ns = clock.now_ns() + HEAD_START_NS;
        let warm_ns = start_ns + WARM_UP_NS;
        let end_ns = warm_ns + options.seconds * NS_PER_S;
        let seed = options
            .seed
            .unwrap_or_else(|| config.flow.as_ref().map_or(1, |flow| flow.seed));
        let goes_on = recovered.goes_on();
        let engine = recovered.engine;
        let (feeds, inlets) = sources(&config, seed, start_ns, end_ns, answers, |source| {
            engine.last_source_seq(source)
        })?;

        let configuration = config.records_for(goes_on);
        let core = Core::new(
            engine,
            writer,
            clock.clone(),
            inlets,
            &configuration,
            observe(warm_ns),
        );
        let stop_core = Arc::new(AtomicBool::new(false));
        let watch = Watch {
            stop: Arc::clone(&stop_core),
            archiver_failed: rig.archiver_failed(),
            warm_ns,
            marks: options.marks,
        };
        let mut table = Counters::create(&journal.live_dir.join("counters"), 16)?;
        let counters = CoreCounters::new(&mut table)?;
        if let Err(e) = prefault::process() {
            tracing::warn!("cannot bring memory in ahead, so the core may take page faults: {e}");
        }
        let core = spawn("pinrail-core", move || -> Result<_, RigError> {
            affinity::pin(core_cpu)?;
            prefault::stack();
            Ok(watch.run(core, counters))
        })?;
        let stop_feed = Arc::new(AtomicBool::new(false));
        let feed = {
            let (clock, stop) = (clock.clone(), Arc::clone(&stop_feed));
            spawn("pinrail-feed", move || {
                place(other_cpu);
                let end = End {
                    market_until: end_ns + MARKET_GRACE_NS,
                    quiet_from: end_ns + GRACE_NS,
                    over_at: end_ns + LAST_GRACE_NS,
                };
                feed::run(feeds.0, feeds.1, clock, end, &stop)
            })?
        };
        Ok(Running {
            archive_dir,
            live_dir: journal.live_dir.clone(),
            clock,
            warm_ns,
            end_ns,
            core_cpu,
            other_cpu,
            first_seq,
            rig,
            core,
            feed,
            stop_core,
            stop_feed,
            floor_before,
            scratch,
        })
    }

    /// Waits until all that was planned is done, and ends the desk.
    pub(crate) fn end(mut self) -> Result<Ended<O>, RigError> {
        let fed = join("pinrail-feed", self.feed)?;
        self.stop_core.store(true, Ordering::Release);
        let (core, usage, usage_inputs) = join("pinrail-core", self.core)??;
        let counts = core.counts();
        let (engine, writer, observer) = core.into_parts();
        self.rig.finish(writer, self.clock.now_ns())?;
        let floor = match self.floor_before {
            Some(before) => Some(Floors {
                before,
                after: floor::measure(&self.clock, self.core_cpu, self.other_cpu)?,
            }),
            None => None,
        };
        let (feed, clients) = fed?;
        Ok(Ended {
            observer,
            archive_dir: self.archive_dir,
            feed,
            clients,
            core_cpu: self.core_cpu,
            first_seq: self.first_seq,
            floor,
            usage,
            usage_inputs,
            counts,
            engine,
            _scratch: self.scratch,
        })
    }

    /// Shows how much time has passed until the producer ends.
    fn show_progress(&self) {
        let tenths = (self.end_ns + GRACE_NS - self.warm_ns + WARM_UP_NS) / 100_000_000;
        let bar = crate::output::progress(tenths, "trading");
        while self.is_trading() {
            std::thread::sleep(Duration::from_millis(100));
            bar.inc(u64::from(bar.position() < tenths));
        }
        bar.finish_and_clear();
    }

    /// Whether the producer still runs. When a thread of the rig has ended early, the producer is stopped.
    pub(crate) fn is_trading(&self) -> bool {
        if self.rig.has_failed() && !self.stop_feed.swap(true, Ordering::AcqRel) {
            tracing::error!("a thread beside the core has ended early");
        }
        !self.feed.is_finished()
    }
}

fn desk_for(options: &Options) -> Config {
    let mut config = desk();
    if !options.hedging {
        config
            .records
            .retain(|frame| frame.get::<HedgingParams>().is_none());
    }
    if let (Some(flow), Some(rate)) = (&mut config.flow, options.requests_per_s) {
        flow.clients.interval_ns_mean = NS_PER_S / u64::from(rate.max(1));
    }
    config
}

fn bounds(config: &Config) -> Bounds {
    let flow = config.flow.as_ref();
    let requests_per_s = flow.map_or(0, |flow| NS_PER_S / flow.clients.interval_ns_mean);
    Bounds {
        clients: config.clients as usize,
        book_levels: paper::BOOK_LEVELS,
        // Half a second of them, twice.
        open_quotes: requests_per_s.next_power_of_two() as usize,
        sources: 2 * config.venues.len() + 2,
        ..Bounds::default()
    }
}

/// The flows, with the producing and the consuming ends of their rings.
#[expect(clippy::type_complexity, reason = "two lists of what is made side by side")]
fn sources(
    config: &Config,
    seed: u64,
    start_ns: u64,
    end_ns: u64,
    answers: Reader,
    last_source_seq: impl Fn(SourceId) -> u64,
) -> Result<((Vec<VenueFeed>, ClientFeed), Vec<Inlet>), RigError> {
    let mut inlets = Vec::new();
    let mut venues = Vec::new();
    let definitions = Definitions::of(&config.records);
    for venue in &config.venues {
        let market = SourceId(CLIENTS.0 + 1 + venue.id.0);
        let reports = SourceId(market.0 + config.venues.len() as u16);
        let mut ring = |source, role| -> Result<SourceRing, RigError> {
            let (producer, consumer) = pinrail_ring::heap(RING_LINES)?;
            inlets.push(Inlet::new(consumer, source, role));
            Ok(SourceRing::new(producer, (source, last_source_seq(source))))
        };
        let rings = (ring(market, Role::Venue)?, ring(reports, Role::Execution)?);
        let exchange = exchange(config, &definitions, venue, seed, start_ns)?;
        venues.push(VenueFeed::new(rings.0, rings.1, venue.id, exchange));
    }
    let mut clients = config
        .flow
        .clone()
        .ok_or_else(|| RigError::Flow("missing".to_owned()))?
        .clients;
    clients.session = SESSION;
    clients.end_ns = end_ns;
    let flow = ClientFlow::new(clients, seed, start_ns).map_err(|e| RigError::Flow(e.to_string()))?;
    let (producer, consumer) = pinrail_ring::heap(RING_LINES)?;
    inlets.push(Inlet::new(consumer, CLIENTS, Role::Client));
    let ring = SourceRing::new(producer, (CLIENTS, last_source_seq(CLIENTS)));
    let clients = ClientFeed::new(ring, flow, answers)?;
    Ok(((venues, clients), inlets))
}

/// A venue of the demo, which takes orders and has no faults.
fn exchange(
    config: &Config,
    definitions: &Definitions,
    venue: &Venue,
    seed: u64,
    start_ns: u64,
) -> Result<Exchange, RigError> {
    let asset = |symbol: &str| {
        definitions
            .assets
            .values()
            .find(|def| def.symbol.to_string() == symbol)
    };
    let balances = BALANCES
        .iter()
        .filter_map(|(symbol, units)| Some((asset(symbol)?.asset, *units)));
    let exchange = ExchangeConfig {
        execution: ExecutionConfig {
            venue: venue.id,
            taker_fee_e8: definitions.venues[&venue.id.0].taker_fee_e8,
            latency_ns_min: VENUE_LATENCY_NS.0,
            latency_ns_mean: VENUE_LATENCY_NS.1,
            balances: balances.collect(),
            balance_ns: BALANCE_NS,
            // Another start on the same journal has other numbers.
            reports_before: start_ns,
            faults: FaultConfig::NONE,
        },
        listings: venue
            .listings
            .iter()
            .map(|listing| paper::venue(venue.id, listing.instrument, seed))
            .collect(),
    };
    let seed = seed.wrapping_add(u64::from(venue.id.0));
    Exchange::new(exchange, &config.instruments, seed, start_ns).map_err(|e| RigError::Flow(e.to_string()))
}

/// What the core's thread looks at between duty cycles.
struct Watch {
    stop: Arc<AtomicBool>,
    archiver_failed: Arc<AtomicBool>,
    warm_ns: u64,
    marks: bool,
}

impl Watch {
    /// Runs the core until it is told to stop and finds nothing more; gives what the thread cost after the warm-up, and
    /// how many inputs it took meanwhile.
    fn run<O: Observer>(
        &self,
        mut core: DemoCore<O>,
        mut counters: CoreCounters,
    ) -> (DemoCore<O>, Usage, u64) {
        while core.engine().last_ts() < self.warm_ns && !self.stop.load(Ordering::Relaxed) {
            core.do_work();
        }
        let (before, taken) = (Usage::of_this_thread(), core.counts().taken);
        if self.marks {
            mark();
        }
        let mut told = false;
        let mut idle = 0_u32;
        while idle < 10_000 || !self.stop.load(Ordering::Relaxed) {
            if core.do_work() == 0 {
                if idle == 0 {
                    counters.publish(&core.counts());
                }
                idle = idle.saturating_add(1);
            } else {
                idle = 0;
            }
            if !told && self.archiver_failed.load(Ordering::Relaxed) {
                told = true;
                core.archiver_failed();
            }
        }
        if self.marks {
            mark();
        }
        let usage = Usage::of_this_thread().since(&before);
        let taken = core.counts().taken - taken;
        (core, usage, taken)
    }
}

/// A system call that does nothing, by which a tracer sees where measuring begins and ends.
pub(crate) fn mark() {
    // What it answers does not matter.
    let _ = rustix::process::getpgid(None);
}

fn done(counts: &CoreCounts) -> CoreDone {
    CoreDone {
        taken: counts.taken,
        duplicates: counts.duplicates,
        corrupt: counts.corrupt,
        journal_short: counts.journal_short,
    }
}

fn seen(counts: &ClientCounts) -> Clients {
    Clients {
        requests: counts.requests,
        quotes: counts.quotes,
        orders: counts.orders,
        fills: counts.fills,
    }
}
