//! What a start makes of a journal: the engine as the last epoch left it.

use std::path::Path;

use pinrail_engine::{Bounds, Engine, Pricer};
use pinrail_journal::Writer;
use thiserror::Error;
use tracing::{info, warn};

use crate::replay::{Replay, ReplayCounts, ReplayError};

/// Why an engine could not be recovered. Nothing was journaled.
#[derive(Debug, Error)]
pub enum RecoverError {
    /// The journal can't be replayed, or does not come out the same.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The journal's last epoch played recordings: what it holds was never traded.
    #[error("epoch {epoch} of the journal played recordings; live trading needs a journal of its own")]
    Playback {
        /// Number of the epoch.
        epoch: u32,
    },
    /// The engine is to be of another size.
    #[error(
        "the journal was written by an engine with {found:?}; it goes on with the same, not with {expected:?}"
    )]
    Bounds {
        /// The journal's.
        found: Box<Bounds>,
        /// What was asked for.
        expected: Box<Bounds>,
    },
}

impl From<pinrail_journal::ReadError> for RecoverError {
    fn from(error: pinrail_journal::ReadError) -> RecoverError {
        RecoverError::Replay(error.into())
    }
}

/// An engine that goes on where its journal ends.
#[derive(Debug)]
pub struct Recovered<P> {
    /// To be given to a [`Core`](crate::Core), with the writer.
    pub engine: Engine<P>,
    /// Sequence of the first record that was replayed: above 1 if a snapshot stands for those before it.
    pub from_seq: u64,
    /// What was replayed.
    pub counts: ReplayCounts,
    /// Outputs that a crash had cut off, made again and journaled.
    pub outputs_made_again: u64,
}

impl<P: Pricer> Recovered<P> {
    /// Whether the desk goes on from an earlier epoch, and with it the trading states that people left it in.
    pub fn goes_on(&self) -> bool {
        self.engine.next_seq() > 0
    }
}

/// Replays the journal in `archive_dir`, which `writer` is about to go on with, and journals the outputs that a crash
/// had cut off between an input and them, byte for byte as they would have been. Of an empty journal it makes a new
/// engine. Linear in the journal's length behind its newest [`Snapshot`](crate::Snapshot); allocates what an engine of these bounds does.
///
/// # Errors
/// [`RecoverError`]; among them a journal whose replay comes out differently.
///
/// # Panics
/// If `writer` does not stand at the end of that journal.
pub fn recover<P: Pricer>(
    archive_dir: &Path,
    bounds: Bounds,
    mut make_pricer: impl FnMut(&Bounds) -> P,
    writer: &mut Writer,
) -> Result<Recovered<P>, RecoverError> {
    let mut replay = Replay::open(archive_dir, None, &mut make_pricer)?.for_start();
    let mut from_seq = replay.begin_at_newest()?;
    while let Err(e) = run(&mut replay) {
        if replay.is_at_first() || matches!(e, ReplayError::Read(_)) {
            return Err(e.into());
        }
        warn!("the snapshot at sequence {from_seq} is not used: {e}");
        from_seq = replay.begin_at_older()?;
    }
    let counts = replay.counts();
    if let Some(start) = replay.epoch_start().filter(|start| start.playback != 0) {
        return Err(RecoverError::Playback { epoch: start.epoch });
    }
    if let Some(engine) = replay.engine().filter(|engine| *engine.bounds() != bounds) {
        return Err(RecoverError::Bounds {
            found: Box::new(*engine.bounds()),
            expected: Box::new(bounds),
        });
    }
    assert!(
        replay.next_seq() == writer.next_seq(),
        "the writer goes on where the journal ends"
    );
    let mut outputs_made_again = 0;
    for words in replay.missing() {
        writer.append(words);
        outputs_made_again += 1;
    }
    let engine = match replay.into_engine() {
        Some(engine) => engine,
        None => Engine::new(bounds, make_pricer(&bounds)),
    };
    info!(
        inputs = counts.inputs,
        outputs = counts.outputs,
        outputs_made_again,
        "replayed the journal"
    );
    if let Some(seq) = engine.poison() {
        warn!(
            seq,
            "the core panicked on the journal's last input: it is passed over, and the desk is to be halted"
        );
    }
    Ok(Recovered {
        engine,
        from_seq,
        counts,
        outputs_made_again,
    })
}

fn run<P: Pricer, M: FnMut(&Bounds) -> P>(replay: &mut Replay<P, M>) -> Result<(), ReplayError> {
    while replay.step()? {}
    Ok(())
}
