//! Arbitrary bytes as a snapshot: refused, or an engine whose state is the one that it says.
//!
//! First byte: bit 0, its version, journal, lengths and hashes are made right. Then the file.

use bytemuck::Zeroable;
use pinrail_engine::{Bounds, Out, hash_of};
use pinrail_journal::JournalId;
use pinrail_pricing::{Pricer, SweepPricer};
use pinrail_runtime::{SNAPSHOT_VERSION, Snapshot, SnapshotDir};
use pinrail_types::record::{Continue, Tick};
use pinrail_types::{BEHAVIOUR_VERSION, Cause, Frame, SourceId, Text, schema};

use super::engine::is_large;
use super::{Input, Scratch};

pub(super) const ID: JournalId = JournalId([7; 16]);
type PricerName = Text<32>;
const NAME_WORDS: usize = size_of::<PricerName>() / 8;
const NAME_AT: usize = 9;
/// Words before the start of the epoch.
const FIXED_WORDS: usize = NAME_AT + NAME_WORDS;
const EPOCH_START_WORDS: usize = 16;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let is_renewed = input.u8() & 1 == 1;
    let bytes = if is_renewed {
        renewed(input.rest)
    } else {
        input.rest.to_vec()
    };
    let scratch = Scratch::new();
    scratch.write("snapshot", &bytes);
    let read = Snapshot::read(&scratch.path().join("snapshot"), ID);
    let snapshot = match read {
        Ok(snapshot) => snapshot,
        Err(e) => {
            assert!(
                !is_renewed || bytes.len() < 8 * (FIXED_WORDS + EPOCH_START_WORDS + 2),
                "{e}"
            );
            let told = e.to_string();
            assert!(told.contains("snapshot"), "names no place: {told}");
            return;
        }
    };
    assert_eq!(hash_of(&snapshot.words), snapshot.state_hash);
    if is_large(&snapshot.epoch_start) {
        return;
    }
    let Ok(mut engine) = snapshot.engine(|bounds: &Bounds| SweepPricer::new(bounds.instruments)) else {
        return;
    };
    assert!(
        engine.save() == snapshot.words,
        "an engine of another state than the snapshot's"
    );
    assert_eq!(engine.state_hash(), snapshot.state_hash);
    let written = Snapshot::of(&mut engine, ID, &snapshot.epoch_start, snapshot.position);
    let dir = SnapshotDir::open(&scratch.archive(), 3).expect("room");
    let path = dir.write(&written).expect("room");
    assert_eq!(Snapshot::read(&path, ID).expect("what was written"), written);
    goes_on(engine);
}

/// Time passes and work that was left is done.
fn goes_on(mut engine: pinrail_engine::Engine<SweepPricer>) {
    let mut out = Out::new();
    let source_seq = engine.last_source_seq(SourceId::RUNTIME);
    if engine.next_seq() > u64::MAX >> 1 || source_seq > 1 << 40 {
        return;
    }
    for n in 1..8 {
        let mut frame = if n % 2 == 0 {
            Frame::of(&Tick::zeroed())
        } else {
            Frame::of(&Continue::zeroed())
        };
        frame.header_mut().cause = Cause::input(SourceId::RUNTIME, source_seq + n);
        let ts = engine.last_ts().saturating_add(n << 40);
        frame.stamp(engine.next_seq().max(1), ts);
        engine.on_event(&frame, &mut out);
        engine.seal(&mut out);
    }
}

/// A file of these words, with whatever makes it one.
fn renewed(bytes: &[u8]) -> Vec<u8> {
    let (words, _) = bytes.as_chunks::<8>();
    let mut words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    let header = FIXED_WORDS + EPOCH_START_WORDS;
    if words.len() > header + 1 {
        let state = words.len() - 1;
        let id: [u64; 2] = bytemuck::cast(ID.0);
        words[0] = u64::from_le_bytes(*b"PINRAILS");
        words[1] = u64::from(SNAPSHOT_VERSION) | u64::from(BEHAVIOUR_VERSION) << 32;
        words[2..4].copy_from_slice(&id);
        words[6] = hash_of(&words[header..state]);
        words[7] = (state - header) as u64;
        words[8] = schema::HASH;
        let name: PricerName = Text::new(SweepPricer::NAME).expect("a short name");
        words[NAME_AT..FIXED_WORDS].copy_from_slice(&bytemuck::cast::<PricerName, [u64; NAME_WORDS]>(name));
        words[state] = hash_of(&words[..state]);
    }
    bytemuck::cast_slice(&words).to_vec()
}
