//! A journal of arbitrary records, every checksum right, is replayed, and gone on with by a start.
//!
//! First byte: bit 0, it opens with the start of an epoch of the bounds that the second start asks for. Then steps as for
//! [`engine`](super::engine); every eighth byte of time goes back.

use pinrail_engine::Bounds;
use pinrail_journal::SyncPolicy;
use pinrail_pricing::SweepPricer;
use pinrail_runtime::{RecoverError, Replay, ReplayError, SEGMENT_BYTES_MIN, recover};
use pinrail_types::Frame;
use pinrail_types::record::EpochStart;

use super::engine::{Step, USUAL, is_large, journal};
use super::{Input, Scratch};

const STEPS_MAX: usize = 60;
pub(super) const BOUNDS: Bounds = Bounds {
    assets: 2,
    instruments: 2,
    venues: 2,
    clients: 2,
    open_quotes: 4,
    book_levels: 64,
    sources: 3,
    orders: 32,
    pages: 128,
};

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let first = input.u8();
    let mut records = Vec::new();
    if first & 1 == 1 {
        records.push(Frame::of(&BOUNDS.epoch_start(1)));
    }
    let mut now = 1_000_u64;
    let mut last_input = 0;
    for n in 1..=STEPS_MAX as u64 {
        if input.is_empty() {
            break;
        }
        let step = Step::read(&mut input);
        let mut frame = step.frame(n);
        if frame.get::<EpochStart>().is_some_and(is_large) {
            continue;
        }
        match step.kind {
            kind if kind < USUAL => now += u64::from(step.steer >> 4 & 1) * 700,
            // Core time goes back, as no journal's does.
            _ => now = now.saturating_sub(u64::from(step.steer)),
        }
        if frame.record_type().is_output() {
            frame.header_mut().cause = last_input;
        } else {
            last_input = records.len() as u64 + 1;
        }
        records.push(frame);
        let at = records.len() - 1;
        records[at].stamp(at as u64 + 1, now);
    }
    if let Some(frame) = records.first_mut() {
        frame.stamp(1, frame.header().ts_core.max(1_000));
    }
    if records.is_empty() {
        return;
    }
    let scratch = Scratch::new();
    journal(&scratch, &records);
    let replayed = replay(&scratch);
    assert_eq!(replayed, replay(&scratch), "the same twice");
    let mut opened = pinrail_journal::open(&scratch.config(SEGMENT_BYTES_MIN, SyncPolicy::Never))
        .expect("a journal that is whole");
    let recovered = recover(&scratch.archive(), BOUNDS, pricer, &mut opened.writer);
    if let Err(RecoverError::Replay(e)) = &recovered {
        assert!(replayed.is_err(), "replays, and a start refuses it: {e}");
    }
}

fn pricer(bounds: &Bounds) -> SweepPricer {
    SweepPricer::new(bounds.instruments)
}

/// The state that the journal comes to, or what was refused.
fn replay(scratch: &Scratch) -> Result<Option<Vec<u64>>, String> {
    let told = |e: ReplayError| {
        assert!(
            !matches!(e, ReplayError::Panicked { .. }) || names_poison(scratch),
            "{e}"
        );
        e.to_string()
    };
    let mut replay = Replay::open(&scratch.archive(), None, pricer).map_err(|e| e.to_string())?;
    while replay.step().map_err(told)? {}
    Ok(replay.into_engine().map(|mut engine| engine.save()))
}

/// Whether the journal says that an input is to be passed over: then it may be wrong about that.
fn names_poison(scratch: &Scratch) -> bool {
    use pinrail_types::record::{RuntimeEvent, RuntimeEventKind};
    let mut reader =
        pinrail_journal::archive::Reader::open(&scratch.archive(), None).expect("a journal that is whole");
    let mut frame = Frame::default();
    let mut starts = 0;
    while reader
        .next(&mut frame)
        .expect("a journal that is whole")
        .is_some()
    {
        let event = frame.get::<RuntimeEvent>();
        if event.is_some_and(|event| event.kind == RuntimeEventKind::PoisonInput.byte()) {
            return true;
        }
        starts += usize::from(frame.record_type() == <EpochStart as pinrail_types::Record>::TYPE);
    }
    starts > 1
}
