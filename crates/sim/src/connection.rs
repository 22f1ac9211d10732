//! A venue's connection, which may be lost, and the orders behind it.

use bytemuck::Zeroable;
use pinrail_types::record::{VenueStatus, VenueStatusKind};
use pinrail_types::{Frame, Instrument, VenueId};

use crate::execution::{Execution, ExecutionConfig};
use crate::fault::Fault;

/// What orders meet at a venue, and whether anything is heard of it. While it is lost its reports wait.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) execution: Execution,
    venue: VenueId,
    /// When it is there again; `None` while it is there.
    up_at: Option<u64>,
}

impl Connection {
    /// # Panics
    /// If [`ExecutionConfig`] is out of its range.
    pub(crate) fn new(
        config: ExecutionConfig,
        instruments: &[Instrument],
        seed: u64,
        start_ns: u64,
    ) -> Connection {
        Connection {
            venue: config.venue,
            execution: Execution::new(config, instruments, seed, start_ns),
            up_at: None,
        }
    }

    pub(crate) fn is_up(&self) -> bool {
        self.up_at.is_none()
    }

    /// When it is there again or an order has its turn, whichever is first; `None` if neither is to come.
    pub(crate) fn next_due(&self) -> Option<u64> {
        [self.up_at, self.execution.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Has it there again if that is due at `due`, and says so to `market`; false if it is not due.
    pub(crate) fn restore(&mut self, due: u64, market: &mut Vec<Frame>) -> bool {
        let is_due = self.up_at == Some(due);
        if is_due {
            self.up_at = None;
            market.push(self.status(VenueStatusKind::Connected, due));
        }
        is_due
    }

    /// Loses it now and then, if it is there: a book has just moved.
    pub(crate) fn lose(&mut self, due: u64, market: &mut Vec<Frame>) {
        if self.is_up() && self.execution.faults.has(Fault::Disconnect) {
            let faults = &mut self.execution.faults;
            let down_ns = faults.random.exponential(faults.config.down_ns_mean);
            let up_at = due.saturating_add(down_ns).saturating_add(1);
            self.up_at = Some(up_at);
            self.execution.hold_until(up_at);
            market.push(self.status(VenueStatusKind::Disconnected, due));
        }
    }

    fn status(&self, kind: VenueStatusKind, now: u64) -> Frame {
        Frame::of(&VenueStatus {
            instrument: VenueStatus::ALL,
            venue: self.venue,
            kind: kind.byte(),
            ts_recv: now,
            ..Zeroable::zeroed()
        })
    }
}
