//! One round of `lab release`: a writer on a processor of its own journals outputs at planned times, and senders take
//! them from their gates. The core is left out: what it takes is measured elsewhere, and is nothing beside a disk.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use bytemuck::Zeroable;
use pinrail_journal::{Control, From, JournalConfig, Writer};
use pinrail_report::latency::Recorder;
use pinrail_runtime::clock::Clock;
use pinrail_runtime::idle::IdleStrategy;
use pinrail_runtime::{Gate, ReleasePoint, ReleasePolicy, SendId, SendLog, affinity};
use pinrail_types::record::{
    ExecType, ExecutionReport, NewOrderSingle, PositionReport, Quote, QuoteRequest, Record,
};
use pinrail_types::{Frame, LINES_MAX, OutId};

use crate::desk::rig::{Archived, Rig, Scratch, give_way, join, place, spawn};
use crate::failure::Failure;

/// From the start of the threads to the first planned output.
const HEAD_START_NS: u64 = 50_000_000;
/// Outputs planned before this has passed are not measured.
const WARM_UP_NS: u64 = 100_000_000;
/// How long a round's outputs are planned for, behind the warm-up.
const MEASURED_NS: u64 = 1_000_000_000;
/// Behind the last planned output everything must be released within this.
const GRACE_NS: u64 = 20_000_000_000;
/// One output in this many is a fill.
const FILL_EVERY: u64 = 4;
/// Syncs of the baseline.
const BARE_SYNCS: usize = 50;
/// Intents that are synced together at most.
const INTENTS_MAX: usize = 256;

/// What is measured.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) sync: pinrail_journal::SyncPolicy,
    pub(super) release: ReleasePolicy,
    /// Whether the sender of what is gated records its intents.
    pub(super) intents: bool,
    /// Outputs a second.
    pub(super) rate: u64,
    /// The processor of the writer, and that of everything else.
    pub(super) cpus: (usize, Option<usize>),
}

/// Latencies of one class.
#[derive(Clone, Debug, Default)]
pub(super) struct Latencies {
    /// From the stamp right before its append.
    pub(super) committed: Recorder,
    pub(super) planned: Recorder,
}

/// What a sender saw, or all senders together.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) quotes: Latencies,
    pub(super) fills: Latencies,
    pub(super) outputs: u64,
    /// Syncs of the send log.
    pub(super) intent_syncs: u64,
    /// Last release less first planned time, rounds added up.
    pub(super) elapsed_ns: u64,
}

impl Seen {
    pub(super) fn merge(&mut self, other: &Seen) {
        for (mine, others) in [(&mut self.quotes, &other.quotes), (&mut self.fills, &other.fills)] {
            mine.committed.merge(&others.committed);
            mine.planned.merge(&others.planned);
        }
        self.outputs += other.outputs;
        self.intent_syncs += other.intent_syncs;
    }
}

/// What happened in a round.
pub(super) struct Round {
    /// What a write and its sync take on the same disk, right before the round and with nothing else of ours running.
    pub(super) bare_sync: Recorder,
    pub(super) seen: Seen,
    pub(super) archived: Archived,
    pub(super) records: u64,
}

/// When which output is made.
#[derive(Clone, Copy, Debug)]
struct Plan {
    start_ns: u64,
    interval_ns: u64,
    outputs: u64,
}

impl Plan {
    fn ns(&self, n: u64) -> u64 {
        self.start_ns + n * self.interval_ns
    }

    fn is_fill(n: u64) -> bool {
        n % FILL_EVERY == FILL_EVERY - 1
    }
}

pub(super) fn run(setup: &Setup) -> Result<Round, Failure> {
    let archive = Scratch::new(&std::env::temp_dir(), "pinrail-release")?;
    let live = Scratch::new(Path::new("/dev/shm"), "pinrail-release")?;
    let journal = JournalConfig {
        sync: setup.sync,
        ..JournalConfig::new(archive.path().join("archive"), live.path().join("journal"))
    };
    let (core_cpu, other_cpu) = setup.cpus;
    let bare_sync = bare_syncs(&archive.path().join("bare")).map_err(machine)?;
    let (rig, writer) = Rig::start(&journal, other_cpu)?;
    let interval_ns = 1_000_000_000 / setup.rate;
    let plan = Plan {
        start_ns: rig.clock.clone().now_ns() + HEAD_START_NS,
        interval_ns,
        outputs: (WARM_UP_NS + MEASURED_NS) / interval_ns,
    };
    let mut points = vec![ReleasePoint::AtOnce];
    points.extend((setup.release.fills != ReleasePoint::AtOnce).then_some(setup.release.fills));
    let mut senders = Vec::new();
    for point in points {
        let sender = Sender::new(
            setup,
            &journal,
            &archive.path().join("sends"),
            point,
            rig.clock.clone(),
        )?;
        let sending = spawn("pinrail-sender", move || {
            place(other_cpu);
            // A sender spins, and on this machine it may share its processor with the archiver: without this the archiver
            // would wait for the end of the spinner's time slice whenever a sync has ended, and that would be measured.
            give_way();
            sender.run(plan)
        })?;
        senders.push(sending);
    }
    let mut clock = rig.clock.clone();
    let first_seq = writer.next_seq();
    let writing = spawn("pinrail-core", move || {
        affinity::pin(core_cpu)
            .map(|()| write(writer, rig.clock.clone(), plan))
            .map(|writer| (writer, rig))
    })?;
    let (writer, rig) = join("pinrail-core", writing)?.map_err(crate::desk::rig::RigError::from)?;
    let records = writer.next_seq() - first_seq;
    let mut seen = Seen::default();
    let mut failed = None;
    for sender in senders {
        match join("pinrail-sender", sender)? {
            Ok(saw) => seen.merge(&saw),
            Err(e) => failed = Some(e),
        }
    }
    seen.elapsed_ns = clock.now_ns().saturating_sub(plan.start_ns);
    let archived = rig.finish(writer, clock.now_ns())?;
    match failed {
        Some(failure) => Err(failure),
        None => Ok(Round {
            bare_sync,
            seen,
            archived,
            records,
        }),
    }
}

/// Writes over the pages of a file that is there, one after the other, and syncs each.
fn bare_syncs(path: &Path) -> std::io::Result<Recorder> {
    let page = [1; 4096];
    let file = File::create(path)?;
    file.write_all_at(&vec![0; page.len() * BARE_SYNCS], 0)?;
    file.sync_all()?;
    let mut recorder = Recorder::new();
    for n in 0..BARE_SYNCS {
        let start = Instant::now();
        file.write_all_at(&page, (n * page.len()) as u64)?;
        file.sync_data()?;
        recorder.record_ns(start.elapsed().as_nanos() as u64);
    }
    Ok(recorder)
}

/// Journals each output behind its input when its time has come, and gives the writer back.
fn write(mut writer: Writer, mut clock: Clock, plan: Plan) -> Writer {
    for n in 0..plan.outputs {
        clock.refresh();
        while clock.now_ns() < plan.ns(n) || writer.room().normal < 3 * LINES_MAX {
            std::hint::spin_loop();
        }
        if Plan::is_fill(n) {
            append(&mut writer, &NewOrderSingle::zeroed(), 0);
        } else {
            append(&mut writer, &QuoteRequest::zeroed(), 0);
        }
        let id = OutId {
            seq: n,
            epoch: 1,
            sub: 0,
        };
        let now_ns = clock.now_ordered_ns();
        if Plan::is_fill(n) {
            let fill = ExecutionReport {
                exec_id: id,
                exec_type: ExecType::Trade.byte(),
                ..Zeroable::zeroed()
            };
            append(&mut writer, &fill, now_ns);
            append(&mut writer, &PositionReport::zeroed(), now_ns);
        } else {
            let quote = Quote {
                quote_id: id,
                ..Zeroable::zeroed()
            };
            append(&mut writer, &quote, now_ns);
        }
        writer.publish(now_ns);
    }
    writer
}

fn append<R: Record>(writer: &mut Writer, record: &R, now_ns: u64) {
    let mut frame = Frame::of(record);
    frame.header_mut().seq = writer.next_seq();
    frame.header_mut().ts_core = now_ns;
    writer.append(frame.words());
}

/// Takes what is released at one point, and checks it.
struct Sender {
    gate: Gate,
    control: Control,
    log: Option<SendLog>,
    release: ReleasePolicy,
    point: ReleasePoint,
    clock: Clock,
}

/// An output that may be sent.
struct Released {
    id: SendId,
    n: u64,
    committed_ns: u64,
}

impl Sender {
    fn new(
        setup: &Setup,
        journal: &JournalConfig,
        log: &Path,
        point: ReleasePoint,
        clock: Clock,
    ) -> Result<Sender, Failure> {
        let (live_dir, archive_dir) = (&journal.live_dir, &journal.archive_dir);
        let gate = Gate::open(live_dir, archive_dir, From::Start, setup.release, point).map_err(data)?;
        let log = if setup.intents && point != ReleasePoint::AtOnce {
            Some(SendLog::open(log, gate.journal_id()).map_err(machine)?)
        } else {
            None
        };
        Ok(Sender {
            gate,
            control: Control::open(live_dir).map_err(data)?,
            log,
            release: setup.release,
            point,
            clock,
        })
    }

    fn run(mut self, plan: Plan) -> Result<Seen, Failure> {
        let mut seen = Seen::default();
        let warm_ns = plan.start_ns + WARM_UP_NS;
        let deadline_ns = plan.ns(plan.outputs) + GRACE_NS;
        let (release, point) = (self.release, self.point);
        let mut expected = (0..plan.outputs).filter(move |n| {
            let fill_or_quote = [release.quotes, release.fills][usize::from(Plan::is_fill(*n))];
            fill_or_quote == point
        });
        let mut next = expected.next();
        let mut idle = IdleStrategy::Yield;
        let mut batch = Vec::with_capacity(INTENTS_MAX);
        while let Some(awaited) = next {
            self.clock.refresh();
            self.take(&mut batch)?;
            if batch.is_empty() && self.clock.now_ns() > deadline_ns {
                return Err(Failure::Check(format!("output {awaited} was not released")));
            }
            idle.idle(batch.len());
            seen.intent_syncs += u64::from(self.begin(&batch)?);
            for released in batch.drain(..) {
                if next != Some(released.n) {
                    return Err(Failure::Check(format!(
                        "output {} was released where {next:?} was due",
                        released.n
                    )));
                }
                let now_ns = self.clock.now_ordered_ns();
                let planned_ns = plan.ns(released.n);
                seen.outputs += 1;
                if planned_ns >= warm_ns {
                    let class = [&mut seen.quotes, &mut seen.fills];
                    let [quotes, fills] = class;
                    let class = if Plan::is_fill(released.n) { fills } else { quotes };
                    class
                        .committed
                        .record_ns(now_ns.saturating_sub(released.committed_ns));
                    class.planned.record_ns(now_ns.saturating_sub(planned_ns));
                }
                if let Some(log) = &mut self.log {
                    log.done(released.id).map_err(machine)?;
                }
                next = expected.next();
            }
        }
        Ok(seen)
    }

    /// Takes what may be sent: one output, or as many as share a sync of their intents.
    fn take(&mut self, batch: &mut Vec<Released>) -> Result<(), Failure> {
        let most = if self.log.is_some() { INTENTS_MAX } else { 1 };
        let mut frame = Frame::default();
        while batch.len() < most
            && let Some(id) = self.gate.poll(&mut frame).map_err(machine)?
        {
            let durable = self.control.durable_position();
            if self.point == ReleasePoint::LocallyDurable && self.gate.position() > durable {
                return Err(Failure::Check(format!(
                    "an output that ends at {} was released when {durable} was durable",
                    self.gate.position()
                )));
            }
            let n = match (frame.get::<Quote>(), frame.get::<ExecutionReport>()) {
                (Some(quote), _) => quote.quote_id.seq,
                (_, Some(fill)) => fill.exec_id.seq,
                _ => return Err(Failure::Check(format!("{:?} was released", frame.record_type()))),
            };
            batch.push(Released {
                id,
                n,
                committed_ns: frame.header().ts_core,
            });
        }
        Ok(())
    }

    /// Syncs the intents, if this sender records them; tells whether it did.
    fn begin(&mut self, batch: &[Released]) -> Result<bool, Failure> {
        let Some(log) = self.log.as_mut().filter(|_| !batch.is_empty()) else {
            return Ok(false);
        };
        let ids: Vec<SendId> = batch.iter().map(|released| released.id).collect();
        log.begin(&ids).map_err(machine)?;
        Ok(true)
    }
}

fn machine(error: impl std::fmt::Display) -> Failure {
    Failure::Machine(error.to_string())
}

fn data(error: impl std::fmt::Display) -> Failure {
    Failure::Data(error.to_string())
}
