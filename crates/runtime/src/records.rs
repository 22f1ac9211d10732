//! Where a replay takes its records from.

use std::path::Path;

use pinrail_journal::archive::{self, Tail};
use pinrail_journal::{From, JournalId, ReadError, Reader};
use pinrail_types::Frame;

/// A journal's records in order.
#[derive(Debug)]
pub(crate) enum Records {
    /// Those that there are. Nothing follows behind the last.
    Whole(archive::Reader),
    /// Those that are durable, while more become so.
    Durable(Reader),
}

impl Records {
    /// Those in `archive_dir`, and in `live_dir` if one is given, from `position` on or from the first.
    pub(crate) fn whole(
        archive_dir: &Path,
        live_dir: Option<&Path>,
        position: Option<u64>,
    ) -> Result<Records, ReadError> {
        let reader = match position {
            Some(position) => archive::Reader::open_at(archive_dir, live_dir, position),
            None => archive::Reader::open(archive_dir, live_dir),
        };
        reader.map(Records::Whole)
    }

    /// The same of what is durable, now or later.
    pub(crate) fn durable(
        archive_dir: &Path,
        live_dir: &Path,
        position: Option<u64>,
    ) -> Result<Records, ReadError> {
        let from = position.map_or(From::Start, From::Position);
        Reader::open(live_dir, archive_dir, from).map(Records::Durable)
    }

    /// Takes the next record into `frame` and gives its position; `None` if there is none, or none yet.
    #[inline]
    pub(crate) fn next(&mut self, frame: &mut Frame) -> Result<Option<u64>, ReadError> {
        match self {
            Records::Whole(reader) => reader.next(frame),
            Records::Durable(reader) => {
                let position = reader.position();
                let is_there = position < reader.control().durable_position() && reader.poll(frame)?;
                Ok(is_there.then_some(position))
            }
        }
    }

    /// Position of the next record.
    #[inline]
    pub(crate) fn position(&self) -> u64 {
        match self {
            Records::Whole(reader) => reader.position(),
            Records::Durable(reader) => reader.position(),
        }
    }

    /// Sequence of the next record.
    #[inline]
    pub(crate) fn next_seq(&self) -> u64 {
        match self {
            Records::Whole(reader) => reader.next_seq(),
            Records::Durable(reader) => reader.next_seq(),
        }
    }

    /// Epoch of the segment that is being read; `None` at the end of all.
    pub(crate) fn epoch(&self) -> Option<u32> {
        match self {
            Records::Whole(reader) => reader.header().map(|header| header.epoch),
            Records::Durable(reader) => Some(reader.header().epoch),
        }
    }

    /// The journal.
    pub(crate) fn journal_id(&self) -> JournalId {
        match self {
            Records::Whole(reader) => reader.journal_id(),
            Records::Durable(reader) => reader.header().journal_id,
        }
    }

    /// How the journal ends, where it was read to its end.
    pub(crate) fn tail(&self) -> Option<&Tail> {
        match self {
            Records::Whole(reader) => reader.tail(),
            Records::Durable(_) => None,
        }
    }
}
