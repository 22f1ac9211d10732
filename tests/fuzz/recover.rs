//! Damage to a small journal, and a start on what is left of it.
//!
//! First byte: which of the [`bases`]. Second: what is done behind the start. Then steps of [`EDIT_BYTES`].
//!
//! What must hold is what `crates/journal/src/crash/check.rs` asks of what a crash leaves, but for damage of any kind: a
//! start refuses it, or finds records that were written, from the first on, and all that a readable mark vouches for.

use pinrail_journal::archive::{self, Tail};
use pinrail_journal::{Journal, JournalError, ReadError, SEGMENT_BYTES_MIN, SyncPolicy};
use pinrail_types::Frame;

use super::bases::{Base, append, bases};
use super::files::{self, FILLED_BYTES, Files, HEADER_BYTES};
use super::read_archive::digest_of;
use super::{Input, Scratch};

/// One change: its kind, two files, a place and a length in bytes, and a value.
pub(super) const EDIT_BYTES: usize = 8;
const EDITS_MAX: usize = 24;

pub(super) fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let base = &bases()[usize::from(input.u8()) % bases().len()];
    let then = input.u8();
    let mut files = base.files.clone();
    for _ in 0..EDITS_MAX {
        if input.is_empty() {
            break;
        }
        edit(&mut files, input.array());
    }
    let damaged = Damaged {
        scratch: Scratch::new(),
        rules: rules(base, &files),
        vouched: files::vouched(&files, base.id),
        base,
    };
    for (name, bytes) in &files {
        damaged.scratch.write(name, bytes);
    }
    damaged.start(then);
}

/// How much can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    /// Only what was never durable was changed: everything is to be taken, with all that was durable.
    Durable,
    /// The archive is damaged: refused, or right as far as it goes.
    Right,
    /// Live bytes, which have no checksum, are not what the writer wrote, or the journal's name is gone: nothing tells
    /// right from wrong, and nothing may go to pieces either.
    Any,
}

fn rules(base: &Base, files: &Files) -> Rules {
    let of_base = |name: &String| base.files.get(name);
    let live_is_right = files
        .iter()
        .filter(|(name, _)| files::is_live(name))
        .all(|(name, bytes)| of_base(name) == Some(bytes));
    if !live_is_right || files.get("archive/meta") != of_base(&"archive/meta".into()) {
        return Rules::Any;
    }
    let Some((name, from)) = not_durable(base) else {
        return Rules::Right;
    };
    let only_behind = files.len() == base.files.len()
        && files.iter().all(|(other, bytes)| match of_base(other) {
            Some(whole) if *other == name => bytes.get(..from) == whole.get(..from),
            whole => whole == Some(bytes),
        });
    if only_behind { Rules::Durable } else { Rules::Right }
}

/// The last archived file of a journal whose live segments are gone, and the byte from which on it is not durable.
fn not_durable(base: &Base) -> Option<(String, usize)> {
    if base.files.keys().any(|name| files::is_live(name)) {
        return None;
    }
    let begun = |bytes: &[u8]| bytes.iter().any(|byte| *byte != 0);
    let (name, bytes) = base
        .files
        .iter()
        .rfind(|(name, bytes)| files::is_archived(name) && begun(bytes))?;
    let (mut position, mut at) = (files::long(bytes, 72), HEADER_BYTES);
    while position < base.durable {
        let len = (files::word(bytes, at) & 0xf) as usize * 64;
        if files::word(bytes, at) != files::MARK {
            position += len as u64;
        }
        at += len;
    }
    (position == base.durable).then(|| (name.clone(), at))
}

/// Changes files.
fn edit(files: &mut Files, step: [u8; EDIT_BYTES]) {
    let [kind, one, other, value, ..] = step;
    let at = usize::from(u16::from_le_bytes([step[4], step[5]]));
    let len = usize::from(u16::from_le_bytes([step[6], step[7]]));
    let name_of = |at: u8| files.keys().nth(usize::from(at) % files.len().max(1)).cloned();
    let (Some(one), Some(other)) = (name_of(one), name_of(other)) else {
        return;
    };
    let stale = files[&other].clone();
    let file = files.get_mut(&one).expect("a file of the list");
    let range = at.min(file.len())..(at + len).min(file.len());
    match kind % 12 {
        0 => file.get_mut(at).into_iter().for_each(|byte| *byte = value),
        1 => file
            .get_mut(at)
            .into_iter()
            .for_each(|byte| *byte ^= 1 << (value & 7)),
        2 => file[range].fill(0),
        3 => file[range].fill(value),
        4 => file.truncate(at),
        5 => file.resize((file.len() + at).min(2 * FILLED_BYTES), 0),
        6 => drop(files.remove(&one)),
        7 => {
            let stale = stale.get(range.clone()).unwrap_or_default();
            file[range.start..range.start + stale.len()].copy_from_slice(stale);
        }
        8 => {
            // Stale bytes of another place.
            let from = (usize::from(value) * 64).min(stale.len());
            let stale = &stale[from..(from + range.len()).min(stale.len())];
            file[range.start..range.start + stale.len()].copy_from_slice(stale);
        }
        9 => {
            let whole = core::mem::replace(file, stale);
            files.insert(other, whole);
        }
        10 => drop(files.insert(one, stale)),
        _ => {
            // The same bytes under another segment's name, or a file that was made ahead.
            let (segment, epoch) = (1 + u64::from(value & 7), 1 + u32::from(value >> 3 & 3));
            let bytes = if value >> 7 == 0 {
                file.clone()
            } else {
                vec![0; FILLED_BYTES]
            };
            let name = if value >> 6 & 1 == 0 {
                files::archived(segment, epoch)
            } else {
                files::live(segment, epoch)
            };
            files.insert(name, bytes);
        }
    }
}

struct Damaged<'a> {
    base: &'a Base,
    scratch: Scratch,
    rules: Rules,
    /// What readable marks call durable.
    vouched: u64,
}

struct Read {
    records: Vec<(u64, Frame)>,
    position: u64,
    tail: Tail,
}

impl Damaged<'_> {
    fn open(&self) -> Result<Journal, JournalError> {
        pinrail_journal::open(&self.scratch.config(SEGMENT_BYTES_MIN, SyncPolicy::EachBatch))
    }

    fn read(&self) -> Result<Read, ReadError> {
        let live = self.scratch.live();
        let mut reader = archive::Reader::open(&self.scratch.archive(), Some(&live))?;
        let mut frame = Frame::default();
        let mut records = Vec::new();
        while let Some(position) = reader.next(&mut frame)? {
            if self.rules != Rules::Any {
                let expected = self.base.truth.get(frame.header().seq as usize - 1);
                assert_eq!(expected.map(Frame::words), Some(frame.words()), "a wrong record");
            }
            records.push((position, frame));
        }
        Ok(Read {
            records,
            position: reader.position(),
            tail: reader.tail().expect("the end has a name").clone(),
        })
    }

    fn start(&self, then: u8) {
        let read = self.read();
        let journal = match self.open() {
            Ok(journal) => journal,
            Err(e) => {
                assert!(self.rules != Rules::Durable, "a start is refused: {e}");
                let is_told = matches!(e, JournalError::Read(_) | JournalError::ForeignLive { .. });
                assert!(is_told, "no damage, but a fault: {e}");
                let again = self.open().map(|journal| journal.recovered.position);
                assert!(again.is_err(), "refused, and then taken: {e}");
                return;
            }
        };
        self.check_found(&journal, &read);
        let journal = if then & 1 == 1 {
            self.again(journal)
        } else {
            journal
        };
        match read {
            Ok(read) => self.go_on(journal, read, then),
            Err(e) => {
                // A start looks at the end only; who reads all of it must still see what is wrong.
                drop(journal);
                assert!(
                    self.rules == Rules::Any || self.read().is_err(),
                    "a start has mended what was refused: {e}"
                );
            }
        }
    }

    /// What a start has found is what a reader finds, and all that is vouched for.
    fn check_found(&self, journal: &Journal, read: &Result<Read, ReadError>) {
        let found = &journal.recovered;
        if self.rules == Rules::Any {
            return;
        }
        assert!(
            found.position >= self.vouched,
            "{} found, {} vouched for",
            found.position,
            self.vouched
        );
        assert!(found.next_seq as usize <= self.base.truth.len() + 1);
        assert!(found.epoch > self.base.epoch, "an epoch is given out again");
        if self.rules == Rules::Durable {
            assert!(found.position >= self.base.durable, "what was durable is lost");
        }
        match read {
            Ok(read) => {
                assert_eq!(found.position, read.position);
                let torn = found.torn.clone().map_or(Tail::Clean, Tail::Torn);
                assert_eq!(torn, read.tail);
            }
            Err(e) => assert!(self.rules != Rules::Durable, "the reader refuses: {e}"),
        }
    }

    /// A second start finds the same.
    fn again(&self, journal: Journal) -> Journal {
        let first = journal.recovered.clone();
        drop(journal);
        let again = self.open().expect("a second start is taken as the first was");
        let found = &again.recovered;
        assert_eq!((found.position, found.next_seq), (first.position, first.next_seq));
        assert!(found.epoch > first.epoch, "an epoch is given out again");
        again
    }

    /// Writes more behind what was found, ends, and reads all of it.
    fn go_on(&self, mut journal: Journal, read: Read, then: u8) {
        let mut records = read.records;
        let mut position = journal.writer.position();
        for _ in 0..then >> 2 {
            let frame = append(&mut journal, u64::MAX);
            records.push((position, frame));
            position = journal.writer.position();
        }
        if then & 2 == 0 {
            journal.writer.finish(1);
            drop(journal.preparer);
            journal.archiver.finish().expect("room");
        } else {
            drop(journal);
            drop(self.open().expect("a start behind a kill is taken"));
        }
        let digest = archive::digest(&self.scratch.archive()).expect("what a start has taken can be read");
        assert_eq!(digest, digest_of(&records));
    }
}
