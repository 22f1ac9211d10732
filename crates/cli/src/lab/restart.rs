//! `pinrail lab restart`: how long a start takes that begins behind a snapshot, and one that replays everything.

use std::path::Path;
use std::time::{Duration, Instant};

use pinrail_engine::Bounds;
use pinrail_journal::{Control, From, Journal, JournalConfig, Reader, SyncPolicy};
use pinrail_report::table::{Table, count, ns};
use pinrail_ring::{Class, Producer};
use pinrail_runtime::{Core, Inlet, Role, SnapshotDir, recover};
use pinrail_sim::{ClientFlow, VenueFlow, paper};
use pinrail_types::{Cause, Frame, SessionId, SourceId};
use serde::Serialize;

use crate::args::{self, Bound, Place, RestartArgs};
use crate::desk::live;
use crate::desk::rig::{Rig, RigError, Scratch};
use crate::failure::Failure;
use crate::model::make_model;
use crate::output::{Results, progress, show};

const RING_LINES: usize = 4_096;
const CLIENTS: SourceId = SourceId(1);
/// The core waits for the archiver when that is so far behind: a journal that is short takes no new risk.
const LAG_BYTES_MAX: u64 = 8 << 20;
/// Duty cycles without work behind which the core is held up, not only looking elsewhere.
const CYCLES_IDLE_MAX: u32 = 64;
/// Inputs from one look at the archiver to the next.
const INPUTS_PER_LOOK: u64 = 1_024;

/// One start.
#[derive(Clone, Copy, Debug, Serialize)]
struct Start {
    /// Sequence of the first record that was replayed.
    from_seq: u64,
    /// Inputs replayed.
    inputs: u64,
    /// Opening the journal and replaying it, until a core could take its first input.
    elapsed_ns: u64,
    state_hash: u64,
}

#[derive(Debug, Serialize)]
struct Summary {
    records: u64,
    bytes: u64,
    snapshot_seq: u64,
    from_snapshot: Start,
    from_first_record: Start,
}

/// Makes a journal, then starts on it twice.
pub(crate) fn main(args: &RestartArgs) -> Result<(), Failure> {
    let scratch = Scratch::new(&std::env::temp_dir(), "pinrail-restart")?;
    let live = Scratch::new(Path::new("/dev/shm"), "pinrail-restart")?;
    let mut journal = JournalConfig::new(scratch.path().join("archive"), live.path().join("journal"));
    journal.sync = SyncPolicy::Lazy {
        bytes_max: 4 << 20,
        age_max: Duration::from_millis(50),
    };
    let records = make(&journal, args.records)?;
    let snapshot_seq = snapshot(&journal.archive_dir, records.saturating_sub(args.behind))?;
    let from_snapshot = start(&journal)?;
    let bytes = Control::open(&journal.live_dir)?.committed_position();
    std::fs::remove_dir_all(journal.archive_dir.join("snapshots"))
        .map_err(|e| Failure::Machine(format!("cannot remove the snapshots: {e}")))?;
    let from_first_record = start(&journal)?;
    let summary = Summary {
        records,
        bytes,
        snapshot_seq,
        from_snapshot,
        from_first_record,
    };
    show(&args.output, &summary, print)?;
    if from_snapshot.state_hash == from_first_record.state_hash && from_snapshot.from_seq == snapshot_seq {
        Ok(())
    } else {
        Err(Failure::Check(
            "the two starts came to different states".to_owned(),
        ))
    }
}

/// Trades flat out until the journal has so many records; gives how many there are.
fn make(journal: &JournalConfig, records: u64) -> Result<u64, Failure> {
    let (rig, mut writer) = Rig::start(journal, None)?;
    let config = live::desk();
    let bounds = bounds();
    let engine = recover(&journal.archive_dir, bounds, make_model, &mut writer)
        .map_err(RigError::from)?
        .engine;
    let mut clock = rig.clock.clone();
    let start_ns = clock.now_ns();
    let (mut sources, inlets) = sources(start_ns)?;
    let mut core = Core::new(engine, writer, clock.clone(), inlets, &config.records, ());
    let mut answers = Reader::open(&journal.live_dir, &journal.archive_dir, From::Start)?;
    let control = Control::open(&journal.live_dir)?;
    let bar = progress(records, "making a journal");
    let mut frame = Frame::default();
    while core.engine().next_seq() <= records {
        sources.push_next();
        let mut idle = 0;
        while core.counts().taken < sources.pushed() {
            idle = if core.do_work() == 0 { idle + 1 } else { 0 };
            // A cycle looks at one venue. Where several find nothing the journal is short, and other threads see to that.
            if idle > CYCLES_IDLE_MAX {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        while answers.poll(&mut frame)? {
            sources.clients.on_output(&frame);
        }
        if sources.sent.is_multiple_of(INPUTS_PER_LOOK) {
            bar.set_position(core.engine().next_seq());
            while control.committed_position() > control.durable_position() + LAG_BYTES_MAX
                && !rig.has_failed()
            {
                std::thread::sleep(Duration::from_micros(200));
            }
        }
    }
    bar.finish_and_clear();
    let records = core.engine().next_seq() - 1;
    let (_, writer, ()) = core.into_parts();
    rig.finish(writer, clock.now_ns())?;
    Ok(records)
}

fn bounds() -> Bounds {
    Bounds {
        sources: live::desk().venues.len() + 2,
        clients: live::desk().clients as usize,
        ..Bounds::default()
    }
}

/// The demo's venues and clients, one behind the other in the order of their planned times, as fast as they are taken.
struct Sources {
    venues: Vec<(Source, VenueFlow)>,
    clients_ring: Source,
    clients: ClientFlow,
    batch: Vec<Frame>,
    sent: u64,
}

struct Source {
    id: SourceId,
    seq: u64,
    producer: Producer,
}

impl Source {
    fn push(&mut self, mut frame: Frame) {
        self.seq += 1;
        frame.header_mut().cause = Cause::input(self.id, self.seq);
        let pushed = self.producer.try_push(frame.words(), Class::Reserved);
        assert!(pushed.is_ok(), "the core has taken what was sent before");
    }
}

impl Sources {
    /// Records pushed so far.
    fn pushed(&self) -> u64 {
        let venues = self.venues.iter().map(|(source, _)| source.seq);
        venues.sum::<u64>() + self.clients_ring.seq
    }

    fn push_next(&mut self) {
        let venue = self.venues.iter_mut().min_by_key(|(_, flow)| flow.next_due());
        let client_due = self.clients.next_due().unwrap_or(u64::MAX);
        match venue {
            Some((source, flow)) if flow.next_due() <= client_due => {
                self.batch.clear();
                flow.take(&mut self.batch);
                for frame in &self.batch {
                    source.push(*frame);
                }
            }
            _ => {
                let frame = self.clients.take();
                self.clients_ring.push(frame);
            }
        }
        self.sent += 1;
    }
}

fn sources(start_ns: u64) -> Result<(Sources, Vec<Inlet>), RigError> {
    let config = live::desk();
    let seed = 1;
    let mut inlets = Vec::new();
    let mut source = |id, role| -> Result<Source, RigError> {
        let (producer, consumer) = pinrail_ring::heap(RING_LINES)?;
        inlets.push(Inlet::new(consumer, id, role));
        Ok(Source { id, seq: 0, producer })
    };
    let mut venues = Vec::new();
    for venue in &config.venues {
        for listing in &venue.listings {
            let id = SourceId(CLIENTS.0 + 1 + venue.id.0);
            let flow = paper::venue(venue.id, listing.instrument, seed);
            let flow = VenueFlow::new(flow, seed + u64::from(venue.id.0), start_ns)
                .map_err(|e| RigError::Flow(e.to_string()))?;
            venues.push((source(id, Role::Venue)?, flow));
        }
    }
    let mut clients = config
        .flow
        .ok_or_else(|| RigError::Flow("missing".to_owned()))?
        .clients;
    clients.session = SessionId(1);
    clients.end_ns = u64::MAX;
    let sources = Sources {
        venues,
        clients_ring: source(CLIENTS, Role::Client)?,
        clients: ClientFlow::new(clients, seed, start_ns).map_err(|e| RigError::Flow(e.to_string()))?,
        batch: Vec::new(),
        sent: 0,
    };
    Ok((sources, inlets))
}

/// Writes a snapshot behind the record `seq` or its last output; gives the sequence behind it.
fn snapshot(archive_dir: &Path, seq: u64) -> Result<u64, Failure> {
    let journal = args::Journal {
        place: Place {
            archive_dir: archive_dir.to_owned(),
        },
        live: None,
    };
    let (_, snapshot) = crate::snapshot::take(&journal, Some(Bound::Seq(seq)))?;
    SnapshotDir::open(archive_dir, 1)?.write(&snapshot)?;
    Ok(snapshot.next_seq)
}

/// Opens the journal and recovers its engine, as a start does.
fn start(config: &JournalConfig) -> Result<Start, Failure> {
    let started = Instant::now();
    let Journal { mut writer, .. } = pinrail_journal::open(config).map_err(RigError::from)?;
    let recovered =
        recover(&config.archive_dir, bounds(), make_model, &mut writer).map_err(RigError::from)?;
    let elapsed_ns = started.elapsed().as_nanos() as u64;
    let mut engine = recovered.engine;
    Ok(Start {
        from_seq: recovered.from_seq,
        inputs: recovered.counts.inputs,
        elapsed_ns,
        state_hash: engine.state_hash(),
    })
}

fn print(summary: &Summary, results: &mut Results) -> Result<(), Failure> {
    let mut table = Table::facts(&["journal", ""]);
    table.row(["records", &count(summary.records)]);
    table.row(["bytes", &pinrail_report::table::bytes(summary.bytes)]);
    results.line(&table)?;
    results.line("")?;
    let mut table = Table::figures(&["start", "first sequence", "inputs replayed", "time", "state hash"]);
    for (name, start) in [
        ("from the snapshot", &summary.from_snapshot),
        ("from the first record", &summary.from_first_record),
    ] {
        table.row([
            name.to_owned(),
            count(start.from_seq),
            count(start.inputs),
            ns(start.elapsed_ns),
            format!("{:#018x}", start.state_hash),
        ]);
    }
    results.line(&table)
}
